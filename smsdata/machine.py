"""What smsdata needs of the machine: locks that die with their holder, a folder where processes meet.

Locks are `flock` of POSIX; the module for them is imported where one is taken, so that everything else can be
imported anywhere. Imports `errors`.
"""

from __future__ import annotations

import os
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from smsdata.errors import LockedError, SmsDataError, StoreError

CACHE = Path("~/.cache/smsdata")
"""Where the processes of a user meet: budgets of calls, locks of accounts."""


def posix_locks() -> Any:
    """The locks of this machine.

    Raises
    ------
    SmsDataError
        It is one that has none.
    """
    try:
        import fcntl
    except ImportError:
        raise SmsDataError(
            "smsdata needs Linux, macOS or, on Windows, WSL: this Python has no fcntl, whose locks keep two "
            "runs apart.",
            code="MACHINE",
        ) from None
    return fcntl


def in_forked_children(do: Callable[[], None]) -> None:
    """Have something done in every child that this process forks; nothing where there are no forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=do)


def this_process() -> str:
    """Who holds a lock, for whoever waits for it."""
    now = datetime.now(UTC)
    return f"process {os.getpid()} on {socket.gethostname()} since {now:%Y-%m-%d %H:%M:%S} UTC"


def birth(pid: int) -> float:
    """Say when a process started (in clock ticks; 1 where only its existence is known), 0 if it is dead."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return float(not Path("/proc/self/stat").exists() and _process_exists(pid))
    return 0.0 if state in "ZX" else float(rest[18])


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True


def take_lock(
    handle: int, wait: float, *, pause: float = 0.2, sleep: Callable[[float], None] = time.sleep
) -> bool:
    """Take the lock of an open file within `wait` seconds; gives whether that was possible.

    Raises
    ------
    OSError
        The file system keeps no locks.
    """
    locks = posix_locks()
    waited = 0.0
    while True:
        try:
            locks.flock(handle, locks.LOCK_EX | locks.LOCK_NB)
        except BlockingIOError:
            if waited >= wait:
                return False
            sleep(pause)
            waited += pause
        else:
            return True


@contextmanager
def held_lock(
    handle: int, path: Path, what: str, *, holder: str, wait: float, sleep: Callable[[float], None]
) -> Iterator[None]:
    """Hold the lock of an open file, in which its holder's name stands, until the block is left.

    Raises
    ------
    LockedError
        Another process still holds it after `wait` seconds; the message names it.
    StoreError
        The file system keeps no locks.
    """
    try:
        taken = take_lock(handle, wait, sleep=sleep)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be locked: {error.strerror}. Without locks two runs would spoil each other's "
            "work: use a folder on a file system that keeps them, or mount this one with locks."
        ) from None
    if not taken:
        name = os.pread(handle, 200, 0).decode(errors="replace")
        who = "".join(c if c.isprintable() else "?" for c in name) or "another process"
        raise LockedError(f"{what} {who}. Try again when it is done.")
    with suppress(OSError):  # on a full disk the lock holds, and does not say whose it is
        os.ftruncate(handle, 0)
        os.pwrite(handle, holder.encode(), 0)
    yield


def require_plain(handle: int) -> None:
    """Make sure that an open file is one: writing to a pipe would wait for a reader for ever.

    Raises
    ------
    OSError
        It is a pipe, a device or the like.
    """
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise OSError(0, "it is not a file of its own but a pipe, a device or the like: move it away")


def open_meeting_file(
    name: str, begin: Callable[[int, Path], None] | None = None, folder: Path = CACHE
) -> tuple[int, Path]:
    """Open a file that the processes of this user share, where they all look for it; gives its path too.

    It lies in `folder`, or where that cannot be used (no home, no room, another user's, no locks), in a
    folder of this user among the temporary files.

    Parameters
    ----------
    name
        The file's name, perhaps below folders.
    begin
        What is done first with the open file; an OSError there says that it cannot be used.
    folder
        Where it lies first of all.

    Raises
    ------
    SmsDataError
        Neither can be used; the message says why.
    """
    locks = posix_locks()
    reasons = []
    for place in (folder, None):
        shown: Path | str = place or "the temporary folder"
        try:
            shown = place.expanduser() if place else Path(tempfile.gettempdir()) / f"smsdata-{os.getuid()}"
            handle = _open_private(shown / name)
            try:
                with suppress(BlockingIOError):  # somebody holds it: so there are locks
                    locks.flock(handle, locks.LOCK_EX | locks.LOCK_NB)
                    locks.flock(handle, locks.LOCK_UN)
                if begin is not None:
                    begin(handle, shown / name)
            except BaseException:
                os.close(handle)
                raise
        except (OSError, RuntimeError) as error:  # RuntimeError: nobody knows a home
            reasons.append(f"{shown}: {getattr(error, 'strerror', None) or error}")
        else:
            return handle, shown / name
    raise SmsDataError(
        "there is no folder for what the processes of this user share, budgets of calls and locks "
        f"({'; '.join(reasons)}). Make one of them usable, or set HOME or TMPDIR to one that is.",
        code="MACHINE",
    )


def _open_private(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = path.parent.lstat()
    if folder.st_uid != os.getuid():
        raise PermissionError(0, "it is another user's")
    if folder.st_mode & stat.S_IWOTH:
        raise PermissionError(0, "everybody may write to it")
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    try:
        require_plain(handle)
    except BaseException:
        os.close(handle)
        raise
    return handle
