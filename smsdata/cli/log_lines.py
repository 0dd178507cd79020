"""Everything that goes to stderr: words as log records, shown as plain lines or as one JSON object a line.

Owns the logger of the command line, ``smsdata.cli``, and how its records are shown. With JSON the records of
the other loggers of smsdata from INFO on are shown too. A record holds ids and counts; of an exception only
its type is shown, for its text may hold somebody's number. Imports nothing of smsdata.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from typing import Any, Literal

LogFormat = Literal["text", "json"]

_WORDS = logging.getLogger("smsdata.cli")


class _JsonLines(logging.Formatter):
    """A record as one JSON object: at, level, logger, text, and the facts that came with it."""

    def format(self, record: logging.LogRecord) -> str:
        """The object, on one line."""
        facts: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": record.getMessage(),
        } | getattr(record, "facts", {})
        if record.exc_info and record.exc_info[0]:
            facts["exception"] = record.exc_info[0].__name__
        return json.dumps(facts, default=str)


class _Stderr(logging.Handler):
    """Prints to whatever stderr is at the moment; where nobody can take the words, the work goes on."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        with stderr_if_read(), _between_bars():
            print(self.format(record), file=sys.stderr)


def _between_bars() -> AbstractContextManager[None]:
    """Take progress bars off stderr while a line is printed, so that it does not end up in one."""
    bars = sys.modules.get("tqdm")
    return bars.tqdm.external_write_mode(file=sys.stderr) if bars else nullcontext()


@contextmanager
def stderr_if_read() -> Iterator[None]:
    """Where nobody can take the words for stderr, the work goes on without them."""
    try:
        yield
        sys.stderr.flush()
    except (OSError, ValueError):
        close_streams()


def close_streams() -> None:
    """Let go of what cannot be written, or it would fail again at the end of the process."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def log_to_stderr(shape: str) -> None:
    """Show words, and with ``"json"`` all that smsdata logs from INFO on, in place of what was set before."""
    everything = logging.getLogger("smsdata")
    for logger in (everything, _WORDS):
        for handler in [one for one in logger.handlers if isinstance(one, _Stderr)]:
            logger.removeHandler(handler)
    handler = _Stderr(logging.INFO)
    _WORDS.setLevel(logging.INFO)
    if shape == "json":
        handler.setFormatter(_JsonLines())
        everything.setLevel(logging.INFO)
        everything.addHandler(handler)
    else:
        _WORDS.addHandler(handler)


def log_words(*lines: str, level: int = logging.INFO, **facts: Any) -> None:
    """Log lines for a person, each a record; `facts`, but for empty ones, stand beside it in JSON."""
    told = {name: fact for name, fact in facts.items() if fact not in ("", None)}
    for line in lines:
        shown = line.encode(
            errors="backslashreplace"
        ).decode()  # half a character would stop who reads the log
        _WORDS.log(level, "%s", shown, extra={"facts": told})
