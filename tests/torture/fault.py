"""Fault: the disk fails; that is one `StoreError`, nothing stored is lost, the next run completes."""

from __future__ import annotations

import errno
import os
import random
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from smsdata.errors import StoreError
from smsdata.ingest.run import sync
from smsdata.schema.tables import TABLES
from smsdata.simulator import Account, Gateway
from smsdata.store.disk import Disk
from smsdata.store.store import Store
from tests.support.clients import connected
from tests.support.comparison import described, differences

from . import kill
from .tally import Tally

METHODS = ("open", "write", "fsync", "rename")
ERRORS = (errno.EIO, errno.ENOSPC)


class Failing(Disk):
    """A disk of which the n-th operation of one kind fails; a write that fails has written half."""

    def __init__(self, private: Path, method: str = "", at: int = 0, code: int = 0) -> None:
        super().__init__(private)
        self.method, self.at, self.code = method, at, code
        self.done = dict.fromkeys(METHODS, 0)

    def _step(self, method: str) -> None:
        self.done[method] += 1
        if method == self.method and self.done[method] == self.at:
            raise OSError(self.code, os.strerror(self.code))

    def _open(self, path: Path, flags: int) -> int:
        self._step("open")
        return super()._open(path, flags)

    def _write(self, handle: int, content: bytes | memoryview) -> None:
        try:
            self._step("write")
        except OSError:
            super()._write(handle, memoryview(content)[: len(content) // 2])
            raise
        super()._write(handle, content)

    def _fsync(self, handle: int) -> None:
        self._step("fsync")
        super()._fsync(handle)

    def _rename(self, old: Path, new: Path) -> None:
        self._step("rename")
        super()._rename(old, new)


class _InPlace(Failing):
    """Writes over the file that is there."""

    def replace(self, path: Path, content: bytes | memoryview) -> None:
        try:
            handle = self._open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            self._write(handle, content)
            self._fsync(handle)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error


class _Deaf(Failing):
    """Goes on after a failed write."""

    def _write(self, handle: int, content: bytes | memoryview) -> None:
        with suppress(OSError):
            super()._write(handle, content)


class _Bare(Failing):
    """Lets the operating system's error through as it is."""

    def replace(self, path: Path, content: bytes | memoryview) -> None:
        try:
            super().replace(path, content)
        except StoreError as error:
            raise error.__cause__ or error from None


BUGS = {
    "files written in place": (_InPlace, "write"),
    "failed writes ignored": (_Deaf, "write"),
    "bare errors": (_Bare, "fsync"),
}


@dataclass(frozen=True)
class World:
    """An account, a store that lags a day behind it, and how many operations of each kind a sync makes."""

    account: Account
    store: Path
    done: dict[str, int]
    keys: dict[str, set[tuple[object, ...]]]


def _sync(account: Account, store: Store) -> list[str]:
    with connected(Gateway(account, limiter=None, max_page=10)) as made:
        return sync(made, store).attention


def _keys(store: Store) -> dict[str, set[tuple[object, ...]]]:
    return {
        name: set(map(tuple, (row.values() for row in store.rows(name, columns=entry.key).to_pylist())))
        for name, entry in TABLES.items()
    }


def prepare(seed: int, folder: Path) -> World:
    """Build the world; a run on a copy counts the operations."""
    store = folder / "before"
    store.mkdir()
    account = kill.WORKLOADS["next day"](seed, store)
    copy = folder / "count"
    shutil.copytree(store, copy)
    disk = Failing(copy / ".smsdata")
    _sync(account, Store(copy, disk=disk, part_rows=kill.PART_ROWS))
    return World(account, store, disk.done, _keys(Store(store)))


def strike(world: World, disk: type[Failing], method: str, at: int, code: int) -> tuple[bool, list[str]]:
    """Fail once, look at what is left, run again: gives whether it struck and what went wrong."""
    with tempfile.TemporaryDirectory(prefix="smsdata-fault-") as folder:
        store = Path(folder) / "store"
        shutil.copytree(world.store, store)
        failing = disk(store / ".smsdata", method, at, code)
        wrong, struck = [], False
        try:
            _sync(world.account, Store(store, disk=failing, part_rows=kill.PART_ROWS))
            wrong += ["no error"] if failing.done[method] >= at else []
        except StoreError as error:
            struck = True
            wrong += ["an error of several lines"] if "\n" in str(error) else []
        except OSError as error:
            wrong.append(f"bare {type(error).__name__}")
        try:
            left = _keys(Store(store))
            wrong += [f"{table}: rows lost" for table in TABLES if world.keys[table] - left[table]]
            wrong += _sync(world.account, Store(store, part_rows=kill.PART_ROWS))
            wrong += described(differences(Store(store), world.account))
        except StoreError as error:
            wrong.append(f"afterwards: {error}")
        return struck, wrong


def run(
    seed: int,
    *,
    every: int = 1,
    disk: type[Failing] = Failing,
    methods: Sequence[str] = METHODS,
    until_wrong: bool = False,
) -> Tally:
    """Let every n-th operation of each kind fail, with each error."""
    tally = Tally("fault", seed)
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="smsdata-fault-") as folder:
        world = prepare(seed, Path(folder))
        places = [(m, at, code) for m in methods for at in range(1, world.done[m] + 1) for code in ERRORS]
        for method, at, code in places[rng.randrange(every) :: every]:
            struck, wrong = strike(world, disk, method, at, code)
            tally.fired[f"{method} {errno.errorcode[code]}"] += struck
            tally.wrong += [f"{method} {at} {errno.errorcode[code]}: {line}" for line in wrong]
            if until_wrong and tally.wrong:
                break
    return tally
