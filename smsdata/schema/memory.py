"""Memory given back between batches, so that a sync of a million rows fits where one of a thousand does.

Arrow's own pool keeps what was freed, and glibc keeps some for every thread; Python looks for cycles whenever
a few pages of rows are there, which hold none. Importing this before
pyarrow makes Arrow use the system's; who set ``ARROW_DEFAULT_MEMORY_POOL``, or imported pyarrow
before, keeps that choice. Imports nothing of smsdata.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from contextlib import suppress
from importlib.abc import MetaPathFinder

# Arrow chooses its pool when it is loaded, and asks nothing but this variable. Where it is loaded already the
# variable would do nothing here, and would only reach other programs that this process starts.
if "pyarrow" not in sys.modules:
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

_M_ARENA_MAX = -8  # glibc, malloc.h
_MANY = 20_000  # objects made since the last look; rows of 200 pages


def share_arenas() -> None:
    """Let all threads of this process share two of glibc's arenas; call it before there are threads."""
    with suppress(AttributeError, OSError, TypeError):  # not on every system
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def collect_seldom() -> None:
    """Have this process look for cycles seldom, and never among what is loaded by now."""
    gc.freeze()
    gc.set_threshold(_MANY)


def keep_pandas_out() -> None:
    """Have pyarrow convert values without pandas, for a process in which nobody makes a Series.

    With the first value that it converts, pyarrow loads pandas to see whether that is a Series: half a second
    and 40 MB. It asks once, and takes a pandas that cannot be imported for none. Where a frame is made it is
    loaded all the same.
    """
    if "pandas" in sys.modules:
        return
    import pyarrow as pa

    blind = _Blind()
    sys.meta_path.insert(0, blind)
    try:
        pa.scalar(0)
    finally:
        sys.meta_path.remove(blind)


class _Blind(MetaPathFinder):
    """Finds no pandas, whoever looks for it."""

    def find_spec(self, fullname: str, *_where: object) -> None:
        """Say that pandas is not there, and nothing of anything else."""
        if fullname == "pandas":
            raise ModuleNotFoundError("not looked for", name=fullname)
