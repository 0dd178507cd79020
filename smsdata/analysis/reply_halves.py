"""Many replies at once: half of them are read by a second process, since reading is all Python.

Owns how a second process is started, and what is said to it: it is no copy of this one, so that a notebook, a
script without a main guard and threads of other libraries do no harm. Whatever happens to it, every reply is
read. Imports `reply_words`.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from threading import Thread

from smsdata.analysis.reply_words import ReplyClass, classify_text

Pair = tuple[str, str]
_ENOUGH = 20_000
"""Distinct replies from which on a second process is worth its start of a second or two."""
_READ = "from smsdata.analysis.reply_halves import read_for_another; read_for_another()"


def classes_of(pairs: Sequence[Pair]) -> dict[Pair, ReplyClass]:
    """Read distinct replies, each with the text it answers ("" for none).

    Examples
    --------
    >>> classes_of([("STOP", "")])[("STOP", "")].kind
    'optout'
    """
    if len(pairs) < _ENOUGH or not sys.executable or (os.cpu_count() or 1) < 2:
        return _read_here(pairs)
    own, others = pairs[::2], pairs[1::2]
    with _read_elsewhere(others) as elsewhere:
        read = _read_here(own)
    return read | (elsewhere or _read_here(others))


def read_for_another() -> None:
    """Read the replies that another process sends as JSON, and answer it likewise."""
    gc.disable()  # nothing here refers to itself, and looking for it costs a tenth
    read = (classify_text(text, answered) for text, answered in json.load(sys.stdin))
    json.dump([(one.kind, one.optout_tier, one.sign) for one in read], sys.stdout)


def _read_here(pairs: Sequence[Pair]) -> dict[Pair, ReplyClass]:
    return {pair: classify_text(*pair) for pair in pairs}


@contextmanager
def _read_elsewhere(pairs: Sequence[Pair]) -> Iterator[dict[Pair, ReplyClass]]:
    """Have replies read by another process meanwhile; what it read is there at the end, or nothing."""
    found: dict[Pair, ReplyClass] = {}
    try:
        process = subprocess.Popen(  # noqa: S603 - this Python, and words of this file
            [sys.executable, "-P", "-c", _READ],  # it finds what this process finds, and nothing else
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(one or os.curdir for one in sys.path)},
        )
    except OSError:
        yield found
        return

    def ask() -> None:  # one write and one read: `communicate` waits for this process at each page
        made = cache(ReplyClass)  # there are few different ones
        with suppress(OSError, ValueError, TypeError):  # then nothing is found
            with process, process.stdout as told:  # type: ignore[union-attr] # both are pipes
                with process.stdin as asked:  # type: ignore[union-attr]
                    asked.write(json.dumps(pairs).encode())
                answer = told.read()
            found.update(zip(pairs, [made(*one) for one in json.loads(answer)], strict=True))

    asking = Thread(target=ask)
    asking.start()
    try:
        yield found
    except BaseException:
        process.kill()
        raise
    finally:
        asking.join()
