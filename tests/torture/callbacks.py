"""Callbacks: a receiver dies under load; what it answered with 200 is in the spool, and in the store once.

A kill alone keeps the page cache and proves nothing of fsync: `Forgetful` is a disk that forgets with the
process whatever was not synced, names of files too.
"""

from __future__ import annotations

import os
import random
import selectors
import signal
import socket
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from smsdata.errors import StoreError
from smsdata.ingest.callbacks import ingest_callbacks
from smsdata.receiver.addresses import Addresses
from smsdata.receiver.application import CallbackApplication
from smsdata.receiver.group_commit import GroupCommit
from smsdata.receiver.server import listening_socket, receive_on
from smsdata.schema.frames import schema
from smsdata.store.disk import Appender, Disk
from smsdata.store.spool import Spool, spool_folder
from smsdata.store.store import Store
from tests.support.callers import dlr, query

from .tally import Tally

SEND, FIRST = 7, 61491570000
AT = "2026-11-22 09:30:00"
SENT = datetime(2026, 11, 22, 9, tzinfo=UTC)
CONNECTIONS = 8
Parts = tuple[type[Spool], type[GroupCommit]]
"""What writes the spool, and what groups requests."""


class Forgetful(Disk):
    """A disk on which nothing is there before it is synced: no byte, no name of a segment."""

    def __init__(self, private: Path) -> None:
        super().__init__(private)
        self._paths: dict[int, Path] = {}
        self._bytes: dict[int, bytearray] = {}
        self._names: dict[Path, Path] = {}

    def _open(self, path: Path, flags: int) -> int:
        real = path
        if flags & os.O_CREAT and path.name.startswith("segment") and not path.exists():
            real = path.parent / f"limbo-{os.getpid()}-{len(self._names)}-{path.name}"
            self._names[path] = real
        handle = super()._open(real, flags)
        self._paths[handle], self._bytes[handle] = path, bytearray()
        return handle

    def _write(self, handle: int, content: bytes | memoryview) -> None:
        self._bytes[handle] += content

    def _fsync(self, handle: int) -> None:
        path = self._paths[handle]
        if path.is_dir():
            for new in [name for name in self._names if name.parent == path]:
                self._names.pop(new).rename(new)
            return
        super()._write(handle, bytes(self._bytes[handle]))
        self._bytes[handle].clear()

    def _rename(self, old: Path, new: Path) -> None:
        self._names[new] = self._names.pop(old, old)


# ---- broken on purpose -----------------------------------------------------------------------------------


class _AnswerFirst(GroupCommit):
    """Answers once a callback is on its way to the disk."""

    async def put(self, line: bytes) -> bool:
        with self._wake:
            self._waiting.append((line, self._loop.create_future()))
            self._wake.notify()
        return True


class _SyncLater(Spool):
    """Writes at once, and syncs each fifth group."""

    _groups = 0

    def append(self, lines: Sequence[bytes]) -> None:
        self._groups += 1
        if self._groups % 5 == 0:
            return super().append(lines)
        (self._open or self._begin()).add(b"".join(lines))
        self._digest.update(b"".join(lines))
        self._count += len(lines)
        return None


class _NameLater(Spool):
    """Does not sync the folder in which a segment is made."""

    def _begin(self) -> Appender:
        disk = self.disk
        sync = disk._sync_folder
        disk._sync_folder = lambda path: None  # type: ignore[method-assign]
        try:
            return super()._begin()
        finally:
            disk._sync_folder = sync  # type: ignore[method-assign]


BUGS: dict[str, Parts] = {
    "answer before fsync": (Spool, _AnswerFirst),
    "fsync later": (_SyncLater, GroupCommit),
    "name of the file never synced": (_NameLater, GroupCommit),
}


# ---- load, and a kill ------------------------------------------------------------------------------------


def _serve(listener: socket.socket, folder: Path, disk: type[Disk], parts: Parts) -> None:
    addresses = Addresses(folder)
    spool, commit = parts
    made = spool(folder, disk=disk(folder), segment_bytes=3000)
    receive_on(listener, CallbackApplication(addresses), made, commit)


def _request(path: str, number: int) -> bytes:
    return f"GET {path}?{query(dlr(SEND, FIRST + number, AT))} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


@dataclass
class _Asked:
    """One connection, and the callback on it that waits for its answer."""

    connection: socket.socket
    number: int
    answer: bytes = b""

    def take(self) -> bool | None:
        """Read on; gives whether the answer is whole, None when the other side is gone."""
        try:
            piece = self.connection.recv(4096)
        except OSError:
            return None
        self.answer += piece
        return self.answer.endswith((b"\r\n\r\nOK", b"not accepted")) if piece else None

    def ask(self, path: str, number: int) -> bool:
        """Fire another callback; gives whether that was possible."""
        self.number, self.answer = number, b""
        try:
            self.connection.sendall(_request(path, number))
        except OSError:
            return False
        return True


def load_and_kill(port: int, child: int, path: str, first: int, after: float) -> tuple[int, set[int]]:
    """Fire callbacks until the receiver is killed; gives the next number, and those answered."""
    answered: set[int] = set()
    number, began, killed = first, 0.0, False
    with selectors.DefaultSelector() as watched:
        for _ in range(CONNECTIONS):
            connection = socket.create_connection(("127.0.0.1", port), timeout=20)
            connection.sendall(_request(path, number))
            watched.register(connection, selectors.EVENT_READ, _Asked(connection, number))
            number += 1
        while watched.get_map():
            for key, _ in watched.select(0.005):
                asked: _Asked = key.data
                whole = asked.take()
                if whole and asked.answer.startswith(b"HTTP/1.1 200"):
                    answered.add(asked.number)
                    began = began or time.monotonic()
                if whole and not killed and asked.ask(path, number):
                    number += 1
                elif whole or whole is None:
                    watched.unregister(asked.connection)
                    asked.connection.close()
            if began and not killed and time.monotonic() - began >= after:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                killed = True
    return number, answered


def _in_fork(listener: socket.socket, folder: Path, disk: type[Disk], parts: Parts) -> int:
    child = os.fork()
    if child == 0:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            _serve(listener, folder, disk, parts)
        finally:
            os._exit(1)
    return child


def _store(folder: Path) -> Store:
    store = Store(folder / "store")
    row = {"message_id": SEND, "sent_at": SENT, "synced_at": SENT, "type": "campaign"}
    with store.writing():
        store.bind("me", "http://127.0.0.1/")
        store.save_state()
        store.merge("campaigns", pa.Table.from_pylist([row], schema=schema("campaigns")))
    return store


def run(
    seed: int,
    *,
    kills: int = 2000,
    disks: Sequence[type[Disk]] = (Forgetful, Disk),
    parts: Parts = (Spool, GroupCommit),
    until_wrong: bool = False,
) -> Tally:
    """Kill a receiver under load so many times; each 50 kills are of one store, which is then merged."""
    tally, rng = Tally("callbacks", seed), random.Random(seed)
    while kills > 0 and not (until_wrong and tally.wrong):
        with tempfile.TemporaryDirectory(prefix="smsdata-callbacks-") as home:
            store = _store(Path(home))
            folder = spool_folder(store.private)
            path = next(iter(Addresses(folder).urls("").values()))
            answered: set[int] = set()
            number = 0
            for _ in range(min(50, kills)):
                kills -= 1
                disk = rng.choice(disks)
                with listening_socket("127.0.0.1", 0) as listener:
                    child = _in_fork(listener, folder, disk, parts)
                    port = listener.getsockname()[1]
                number, more = load_and_kill(port, child, path, number, rng.uniform(0, 0.06))
                answered |= more
                tally.fired[f"kills on {disk.__name__}"] += 1
            tally.fired["answered"] += len(answered)
            tally.wrong += _wrong(store, answered)
    return tally


def _wrong(store: Store, answered: set[int]) -> list[str]:
    spool = Spool(spool_folder(store.private))
    segments = list(spool.segments("open", "sealed"))
    kept = {one.query for segment in segments for one in segment.callbacks}
    lost = [n for n in answered if query(dlr(SEND, FIRST + n, AT)) not in kept]
    wrong = [f"{len(lost)} callbacks answered with 200 are not in the spool"] if lost else []
    broken = [s.path.name for s in segments if s.path.suffix == ".sealed" and not s.sealed]
    wrong += [f"{len(broken)} seals are wrong"] if broken else []
    try:
        ingest_callbacks(store)
        stored = store.rows("dlrs").to_pylist()
    except StoreError as error:
        return [*wrong, str(error)]
    numbers = {int(row["msisdn"]) - FIRST for row in stored if row["delivered_at"]}
    wrong += [f"{len(answered - numbers)} are not in the store"] if answered - numbers else []
    return wrong + (["rows stand twice"] if len(stored) != len(numbers) else [])
