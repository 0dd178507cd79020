"""Everything that must survive a crash goes through here: whole files, files that grow, the lock.

A file is replaced whole (temporary file, fsync, rename, fsync of the folder) and never changed in
place. A failed fsync is an error, never tried again: nobody knows what it lost. Imports `machine`
(locks) and `errors`.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

from smsdata.errors import StoreError
from smsdata.machine import held_lock, require_plain

_NO_FOLDER_SYNC = frozenset({errno.EBADF, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""What a file system says that makes folders durable in its own way, as PostgreSQL takes it too."""


class Disk:
    """Durable file operations below one folder.

    Temporary files and the lock live in `private`, on the same file system. With `keeps_rights` a file that
    is replaced keeps its mode, and its owner and group as far as that is allowed: it is no file of the store.
    """

    def __init__(self, private: Path, *, keeps_rights: bool = False) -> None:
        self.private = private
        self._keeps_rights = keeps_rights
        self._count = 0
        self._settled: set[Path] = set()
        self._guard = threading.Lock()

    def folder(self, path: Path) -> None:
        """Make a folder that only its owner may enter, or in a shared one its group.

        A folder that is there already may have been made by a process that died before its name was durable:
        the first time, that is made up for. So it is for the store's own folder and those above it, as far as
        they may be opened.
        """
        with said(path):
            for one in reversed((path, *path.parents)):
                made = not one.exists()
                if made and one.is_symlink():
                    raise StoreError(
                        f"{one} is a link to {one.readlink()}, where there is no folder: mount or make it, "
                        "or correct the link."
                    )
                if made:
                    self._mkdir(one)
                if made or one not in self._settled:
                    with nullcontext() if made else suppress(PermissionError):
                        self._sync_folder(one.parent)
                    self._settled.add(one)

    def settle(self, folder: Path) -> None:
        """Make durable which files a folder holds, whoever put them there."""
        with said(folder):
            self._sync_folder(folder)

    def replace(self, path: Path, content: bytes | memoryview) -> None:
        """Put `content` at `path`: a reader sees the whole old file or the whole new one."""
        with self._guard:
            self._count += 1
            temporary = self.private / f"tmp-{os.getpid()}-{self._count}"
        with said(path):
            try:
                self._fill(temporary, content)
                if self._keeps_rights:
                    _give_rights(temporary, path.stat())
                self._rename(temporary, path)
            except OSError:
                with suppress(OSError):  # a full disk needs the room
                    temporary.unlink()
                raise
            self._sync_folder(path.parent)

    def _fill(self, path: Path, content: bytes | memoryview) -> None:
        handle = self._open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            _let_group_in(handle, path)
            self._write(handle, content)
            self._fsync(handle)
        finally:
            os.close(handle)

    def append(self, path: Path) -> Appender:
        """Open a file to which records are added."""
        with said(path):
            handle = self._open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            try:
                require_plain(handle)
                _let_group_in(handle, path)
                self._sync_folder(path.parent)
            except BaseException:
                os.close(handle)
                raise
            return Appender(self, path, handle)

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        with said(path), suppress(FileNotFoundError):
            self._unlink(path)
            self._sync_folder(path.parent)

    def move(self, old: Path, new: Path) -> None:
        """Give a file another name in its folder, durably."""
        with said(new):
            self._rename(old, new)
            self._sync_folder(new.parent)

    def clean(self) -> None:
        """Remove the temporary files of processes that were interrupted; call it under the lock."""
        with said(self.private):
            for left in self.private.glob("tmp-*"):
                with suppress(FileNotFoundError):
                    self._unlink(left)

    @contextmanager
    def lock(self, holder: str, wait: float, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
        """Be the one writer. The lock dies with the process that holds it.

        Raises
        ------
        LockedError
            When another process still holds it after `wait` seconds; the message names it.
        StoreError
            When the file system keeps no locks.
        """
        path = self.private / "lock"
        with said(path):
            handle = self._open(path, os.O_RDWR | os.O_CREAT)
        try:
            with ExitStack() as lock:
                with said(path):
                    require_plain(handle)
                    _let_group_in(handle, path)
                    what = "the store is being written by"
                    lock.enter_context(held_lock(handle, path, what, holder=holder, wait=wait, sleep=sleep))
                yield
        finally:
            os.close(handle)

    # The eight below are where a test makes the disk fail or the process die.

    def _open(self, path: Path, flags: int) -> int:
        return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)

    def _write(self, handle: int, content: bytes | memoryview) -> None:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]

    def _fsync(self, handle: int) -> None:
        os.fsync(handle)

    def _rename(self, old: Path, new: Path) -> None:
        old.rename(new)

    def _unlink(self, path: Path) -> None:
        path.unlink()

    def _mkdir(self, path: Path) -> None:
        path.mkdir(mode=0o700, exist_ok=True)
        if is_shared(path.parent):
            path.chmod(0o2770)

    def _truncate(self, handle: int, size: int) -> None:
        os.ftruncate(handle, size)

    def _sync_folder(self, path: Path) -> None:
        handle = self._open(path.resolve(), os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._fsync(handle)
        except OSError as error:
            if error.errno not in _NO_FOLDER_SYNC:
                raise
        finally:
            os.close(handle)


class Appender:
    """A file that only grows.

    What was added is safe from a crash of this process at once, and from a loss of power with the first
    addition that comes more than `every` seconds after the last such point: within a second, as long as
    something is added twice a second or more.
    """

    def __init__(
        self,
        disk: Disk,
        path: Path,
        handle: int,
        every: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._disk = disk
        self._handle = handle
        self._every = every
        self._clock = clock
        self._synced = clock()
        self._guard = threading.Lock()
        self.size = os.fstat(handle).st_size

    def add(self, record: bytes) -> int:
        """Add a record; returns where it begins."""
        with self._guard, said(self.path):
            place = self.size
            self._disk._write(self._handle, record)
            self.size += len(record)
            if self._clock() - self._synced > self._every:
                self._disk._fsync(self._handle)
                self._synced = self._clock()
            return place

    def cut(self, size: int) -> None:
        """Drop what a crash left half written at the end."""
        with said(self.path):
            self._disk._truncate(self._handle, size)
            self.size = size

    def sync(self) -> None:
        """Make safe from a loss of power what was added."""
        with self._guard, said(self.path):
            self._disk._fsync(self._handle)
            self._synced = self._clock()

    def read(self, place: int, length: int) -> bytes:
        """Read back."""
        return os.pread(self._handle, length, place)

    def close(self) -> None:
        """Close the file; whoever would add to it later gets an error, never another file."""
        with self._guard:
            handle, self._handle = self._handle, -1
            os.close(handle)


def is_shared(folder: Path) -> bool:
    """Whether a group shares a folder: what is put there is the group's to read and write too."""
    marks = stat.S_ISGID | stat.S_IWGRP
    return folder.stat().st_mode & marks == marks


def _let_group_in(handle: int, path: Path) -> None:
    """Let the group of a shared folder read and write a file of ours in it, whatever the umask says."""
    if is_shared(path.parent):
        facts = os.fstat(handle)
        if facts.st_uid == os.geteuid() and stat.S_IMODE(facts.st_mode) != 0o660:
            os.fchmod(handle, 0o660)


def _give_rights(path: Path, facts: os.stat_result) -> None:
    """Give a file the owner, group and mode of another; one that cannot get its group lets no group in."""
    for owner in (facts.st_uid, -1):
        with suppress(PermissionError):
            os.chown(path, owner, facts.st_gid)
            break
    same_group = path.stat().st_gid == facts.st_gid
    path.chmod(facts.st_mode & (0o777 if same_group else 0o707))


@contextmanager
def said(path: Path) -> Iterator[None]:
    """Turn what the operating system says into an error that names the file and what to do."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{path}: {error.strerror or error}. Check that the folder is yours and has room; "
            "nothing stored was lost."
        ) from error
