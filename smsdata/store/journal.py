"""The journal of pages: what the gateway answered, kept until its rows are merged.

A page is one record of a file that only grows; a crash leaves at most one half record at its end, which the
next opening cuts off. Imports `disk`.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from smsdata.store.disk import Disk

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
            kept = self._index.get(read, {})
            return {
                n: (self._file.read(place, length), seen_at) for n, (place, length, seen_at) in kept.items()
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
    def moving(
        self, merged: Iterable[str], change: Callable[[bytes], bytes] = bytes
    ) -> Iterator[Callable[[Path], None]]:
        """Move to a new file, which takes over the pages of reads that are not merged yet, each changed."""
        with self._guard:
            old = self._file
            kept = {read: self.pages(read) for read in set(self._index) - set(merged)}

            def move(path: Path) -> None:
                self._disk.remove(path)
                self._open(path)
                for read, pages in kept.items():
                    for number, (body, seen_at) in pages.items():
                        self.add(read, number, change(body), seen_at)
                if kept:
                    self._file.sync()  # they may have been durable in the old file, which goes

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
