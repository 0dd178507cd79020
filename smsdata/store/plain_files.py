"""Files of ours, read only if they are files and no larger than any of ours: a pipe would be waited for.

Imports nothing of smsdata.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

MOST_BYTES = 1 << 30
"""How large a file of a store may be; the largest hold a quarter of a million rows."""


def read_plain(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read a file of ours whole: a pipe in its place is not waited for, a giant not read.

    Raises
    ------
    OSError
        It is not there, or cannot be read.
    ValueError
        It is a pipe or the like, or larger than `most` bytes: not what was written.
    """
    with open_plain(path, most) as file:
        return file.read()


def open_plain(path: Path, most: int = MOST_BYTES) -> BufferedReader:
    """Open a file of ours for reading; see `read_plain`."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    facts = os.fstat(handle)
    if stat.S_ISREG(facts.st_mode) and facts.st_size <= most:
        return os.fdopen(handle, "rb")
    os.close(handle)
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise ValueError("it is not a file of its own, or larger than any that was written")
