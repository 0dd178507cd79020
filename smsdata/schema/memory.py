"""Memory given back between batches, so that a sync of a million rows fits where one of a thousand does.

Arrow's own pool keeps what was freed, and glibc keeps some for every thread. Importing this before
pyarrow makes Arrow use the system's; who set ``ARROW_DEFAULT_MEMORY_POOL``, or imported pyarrow
before, keeps that choice. Imports nothing of smsdata.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

# Arrow chooses its pool when it is loaded, and asks nothing but this variable. Where it is loaded already the
# variable would do nothing here, and would only reach other programs that this process starts.
if "pyarrow" not in sys.modules:
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

_M_ARENA_MAX = -8  # glibc, malloc.h


def share_arenas() -> None:
    """Let all threads of this process share two of glibc's arenas; call it before there are threads."""
    with suppress(AttributeError, OSError, TypeError):  # not on every system
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)
