"""Everything that must survive a crash goes through here: whole files, the journal of pages, the lock.

A file is replaced whole (temporary file, fsync, rename, fsync of the folder) and never changed in
place. A failed fsync is an error, never tried again: nobody knows what it lost. Imports only `errors`.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from smsdata.errors import LockedError, StoreError


class Disk:
    """Durable file operations below one folder.

    Temporary files and the lock live in `private`, on the same file system.
    """

    def __init__(self, private: Path) -> None:
        self.private = private
        self._count = 0
        self._guard = threading.Lock()

    def folder(self, path: Path) -> None:
        """Make a folder that only its owner may enter."""
        with said(path):
            missing = [p for p in (path, *path.parents) if not p.exists()]
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for made in missing:
                self._sync_folder(made.parent)

    def replace(self, path: Path, content: bytes | memoryview) -> None:
        """Put `content` at `path`: a reader sees the whole old file or the whole new one."""
        with self._guard:
            self._count += 1
            temporary = self.private / f"tmp-{os.getpid()}-{self._count}"
        with said(path):
            try:
                self._fill(temporary, content)
                self._rename(temporary, path)
            except OSError:
                with suppress(OSError):  # a full disk needs the room
                    temporary.unlink()
                raise
            self._sync_folder(path.parent)

    def _fill(self, path: Path, content: bytes | memoryview) -> None:
        handle = self._open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            self._write(handle, content)
            self._fsync(handle)
        finally:
            os.close(handle)

    def append(self, path: Path) -> Appender:
        """Open a file to which records are added."""
        with said(path):
            return Appender(self, path, self._open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND))

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        with said(path), suppress(FileNotFoundError):
            self._unlink(path)
            self._sync_folder(path.parent)

    def clean(self) -> None:
        """Remove the temporary files of processes that were interrupted; call it under the lock."""
        with said(self.private):
            for left in self.private.glob("tmp-*"):
                left.unlink(missing_ok=True)

    @contextmanager
    def lock(self, holder: str, wait: float, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
        """Be the one writer. The lock dies with the process that holds it.

        Raises
        ------
        LockedError
            When another process still holds it after `wait` seconds; the message names it.
        """
        path = self.private / "lock"
        with said(path):
            handle = self._open(path, os.O_RDWR | os.O_CREAT)
        try:
            with said(path):
                _take(handle, wait, sleep)
                os.ftruncate(handle, 0)
                os.pwrite(handle, holder.encode(), 0)
            yield
        finally:
            os.close(handle)

    # The six below are where a test makes the disk fail or the process die.

    def _open(self, path: Path, flags: int) -> int:
        return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

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

    def _sync_folder(self, path: Path) -> None:
        handle = self._open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._fsync(handle)
        finally:
            os.close(handle)


class Appender:
    """A file that only grows.

    What was added is safe from a crash of this process at once, and from a loss of power after at
    most `every` seconds.
    """

    def __init__(self, disk: Disk, path: Path, handle: int, every: float = 2.0) -> None:
        self.path = path
        self._disk = disk
        self._handle = handle
        self._every = every
        self._synced = time.monotonic()
        self._guard = threading.Lock()
        self.size = os.fstat(handle).st_size

    def add(self, record: bytes) -> int:
        """Add a record; returns where it begins."""
        with self._guard, said(self.path):
            place = self.size
            self._disk._write(self._handle, record)
            self.size += len(record)
            if time.monotonic() - self._synced > self._every:
                self._disk._fsync(self._handle)
                self._synced = time.monotonic()
            return place

    def cut(self, size: int) -> None:
        """Drop what a crash left half written at the end."""
        with said(self.path):
            os.ftruncate(self._handle, size)
            self.size = size

    def read(self, place: int, length: int) -> bytes:
        """Read back."""
        return os.pread(self._handle, length, place)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


_HEAD = struct.Struct("<4sIIIq")  # mark, length of the name, length of the body, page, seen at
_CHECKSUM = struct.Struct("<I")  # of all that, the name and the body
_MARK = b"PAGE"


class PageJournal:
    """Pages as they came, kept until their rows are merged, so that an interrupted run goes on from them."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._guard = threading.RLock()
        self._open(path)
        self._load()

    def _open(self, path: Path) -> None:
        self._file = self._disk.append(path)
        self._index: dict[str, dict[int, tuple[int, int, datetime]]] = {}

    @property
    def reads(self) -> list[str]:
        """The reads of which pages are kept."""
        with self._guard:
            return list(self._index)

    def pages(self, read: str) -> dict[int, tuple[bytes, datetime]]:
        """The pages kept of a read: page number -> (body, when it was seen)."""
        with self._guard:
            found = self._index.get(read, {})
            return {
                n: (self._file.read(place, length), seen_at) for n, (place, length, seen_at) in found.items()
            }

    def add(self, read: str, number: int, body: bytes, seen_at: datetime) -> None:
        """Keep a page."""
        name = read.encode()
        micros = round(seen_at.timestamp() * 1e6)
        record = _HEAD.pack(_MARK, len(name), len(body), number, micros) + name + body
        with self._guard:
            place = self._file.add(_CHECKSUM.pack(zlib.crc32(record)) + record)
            start = place + len(record) + _CHECKSUM.size - len(body)
            self._index.setdefault(read, {})[number] = (start, len(body), seen_at)

    @contextmanager
    def moving(self, merged: Iterable[str]) -> Iterator[Callable[[Path], None]]:
        """Move to a new file, which takes over the pages of reads that are not merged yet."""
        with self._guard:
            old = self._file
            kept = {read: self.pages(read) for read in set(self._index) - set(merged)}

            def move(path: Path) -> None:
                self._disk.remove(path)
                self._open(path)
                for read, pages in kept.items():
                    for number, (body, seen_at) in pages.items():
                        self.add(read, number, body, seen_at)

            yield move
            old.close()
            self._disk.remove(old.path)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _load(self) -> None:
        place = 0
        while (record := self._record(place)) is not None:
            read, number, start, length, seen_at = record
            self._index.setdefault(read, {})[number] = (start, length, seen_at)
            place = start + length
        if place < self._file.size:
            self._file.cut(place)

    def _record(self, place: int) -> tuple[str, int, int, int, datetime] | None:
        start = place + _CHECKSUM.size
        head = self._file.read(start, _HEAD.size)
        if len(head) < _HEAD.size:
            return None
        mark, names, length, number, micros = _HEAD.unpack(head)
        end = start + _HEAD.size + names + length
        if mark != _MARK or end > self._file.size:
            return None
        record = self._file.read(start, end - start)
        if _CHECKSUM.pack(zlib.crc32(record)) != self._file.read(place, _CHECKSUM.size):
            return None
        name = record[_HEAD.size : _HEAD.size + names].decode()
        return name, number, end - length, length, datetime.fromtimestamp(micros / 1e6, UTC)


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


def _take(handle: int, wait: float, sleep: Callable[[float], None]) -> None:
    waited = 0.0
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waited >= wait:
                who = os.pread(handle, 200, 0).decode(errors="replace") or "another process"
                raise LockedError(
                    f"the store is being written by {who}. Try again when it is done."
                ) from None
            sleep(0.2)
            waited += 0.2
        else:
            return
