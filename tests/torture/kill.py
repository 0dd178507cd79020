"""Kill: a process that syncs dies at an I/O call or at any instant; the next run makes the store right."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from smsdata.ingest.run import sync
from smsdata.simulator import Account, Gateway
from smsdata.store.disk import Disk
from smsdata.store.merging import Merging
from smsdata.store.store import Store
from tests.support.accounts import small, stir
from tests.support.clients import connected
from tests.support.comparison import described, differences

from .tally import Tally

PART_ROWS = 25  # several files a month, so that merges touch more than one


class Deadly(Disk):
    """A disk on which the process dies at the k-th I/O call: before it, or with half of a write done."""

    def __init__(self, private: Path, *, at: int = 0, torn: bool = False) -> None:
        super().__init__(private)
        self.at, self.torn = at, torn
        self.made: list[str] = []

    def _step(self, kind: str) -> None:
        self.made.append(kind)
        if len(self.made) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)  # the signal may take a moment

    def _open(self, path: Path, flags: int) -> int:
        self._step("open")
        return super()._open(path, flags)

    def _write(self, handle: int, content: bytes | memoryview) -> None:
        if self.torn and len(self.made) + 1 == self.at:
            super()._write(handle, memoryview(content)[: len(content) // 2])
        self._step("write")
        super()._write(handle, content)

    def _fsync(self, handle: int) -> None:
        self._step("fsync")
        super()._fsync(handle)

    def _rename(self, old: Path, new: Path) -> None:
        self._step("rename")
        super()._rename(old, new)

    def _unlink(self, path: Path) -> None:
        self._step("unlink")
        super()._unlink(path)


# ---- broken on purpose ---------------------------------------------------------------------------------


class _CursorFirst(Store):
    """Moves the cursor before the rows are merged."""

    def merge(self, table: str, rows: pa.Table, *, source: str = "polled") -> pa.Table:
        if self.state.cursors:
            self.save_state()
        return super().merge(table, rows, source=source)


class _LateCopies(Merging):
    """Gives messages the statuses of dlrs only after the dlrs are stored."""

    _merging = ""

    def merge_layer(self, table: str, rows: pa.Table, source: str) -> pa.Table:
        self._merging = table
        stand = super().merge_layer(table, rows, source)
        self._merging = ""
        if table == "dlrs":
            super().copy_statuses_to_messages(stand)
        return stand

    def copy_statuses_to_messages(self, dlrs: pa.Table) -> None:
        if not self._merging:
            super().copy_statuses_to_messages(dlrs)

    def observe(self, dlrs: pa.Table, source: str) -> pa.Table:
        observed = super().observe(dlrs, source)
        self._merging = "dlrs"
        return observed


class _CopyLater(Store):
    """A store whose messages get the statuses of dlrs too late."""

    def __init__(self, path: str | Path, *, disk: Disk | None = None, part_rows: int = PART_ROWS) -> None:
        super().__init__(path, disk=disk, part_rows=part_rows)
        self.merging = _LateCopies(self.tables)


class _InPlace(Deadly):
    """Writes over the file that is there."""

    def replace(self, path: Path, content: bytes | memoryview) -> None:
        handle = self._open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._write(handle, content)
        os.close(handle)


class _RemoveFirst(Deadly):
    """Removes the old file before the new one takes its place."""

    def replace(self, path: Path, content: bytes | memoryview) -> None:
        path.unlink(missing_ok=True)
        super().replace(path, content)


@dataclass(frozen=True)
class Parts:
    """The store and the disk under test."""

    store: type[Store] = Store
    disk: type[Deadly] = Deadly


BUGS = {  # each with the workload and the I/O calls at which kills show it
    "cursor before merge": (Parts(store=_CursorFirst), "old inbox", "rename"),
    "messages follow after dlrs": (Parts(store=_CopyLater), "one status", "rename"),
    "files written in place": (Parts(disk=_InPlace), "next day", "write"),
    "old file removed first": (Parts(disk=_RemoveFirst), "next day", "rename"),
}


# ---- workloads -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Workload:
    """A world, a store as it was before, and the I/O calls that a sync makes from there."""

    name: str
    account: Account
    store: Path
    calls: list[str]
    seconds: float


def _gateway(account: Account) -> Gateway:
    return Gateway(account, limiter=None, max_page=10)


def _sync(account: Account, store: Store) -> list[str]:
    with connected(_gateway(account)) as made:
        return sync(made, store).attention


def _first(seed: int, store: Path) -> Account:
    """Everything is new."""
    del store
    return small(seed)


def _next_day(seed: int, store: Path) -> Account:
    """A day later: sends, statuses, replies, list edits."""
    account = small(seed)
    account.send_campaign(numbers=range(61491570006, 61491570018))
    account.advance(900)  # some are still pending, and no longer so new that they are read again anyway
    _sync(account, Store(store, part_rows=PART_ROWS))
    stir(account, random.Random(seed))
    account.advance(hours=24)
    return account


def _interrupted(seed: int, store: Path) -> Account:
    """A day later, and the run before was killed half way."""
    account = _next_day(seed, store)
    in_child(lambda: _run(account, store, Parts(), at=40), patience=30)
    stir(account, random.Random(seed + 1))
    account.advance(hours=3)
    return account


def _one_status(seed: int, store: Path) -> Account:
    """A day later, and all that changed is one status, long settled."""
    account = small(seed, link_rate=0, reply_rate=0)
    account.advance(days=4)
    _sync(account, Store(store, part_rows=PART_ROWS))
    account.advance(hours=23)
    first = account.sends[0]
    account.set_status(first.message_id, int(account.recipients["msisdn"][first.rows[0]]), "hard-bounce")
    return account


def _old_inbox(seed: int, store: Path) -> Account:
    """Everything is new, and no counter and no look-back tells of what is months old."""
    del store
    return small(seed, days=90, campaigns=0, singles=0, inbound=12)


def _large_send(seed: int, store: Path) -> Account:
    """Everything is new, and the dlrs of one send follow from its messages."""
    del store
    return small(seed, campaigns=1, recipients=260, copies=0)


WORKLOADS: dict[str, Callable[[int, Path], Account]] = {
    "first": _first,
    "next day": _next_day,
    "interrupted": _interrupted,
    "one status": _one_status,
    "old inbox": _old_inbox,
    "large send": _large_send,
}


def prepare(name: str, seed: int, folder: Path) -> Workload:
    """Build a workload; a run on a copy tells the I/O calls and how long they take."""
    store = folder / name.replace(" ", "-")
    store.mkdir(parents=True)
    account = WORKLOADS[name](seed, store)
    copy = folder / "count"
    shutil.copytree(store, copy)
    began = time.monotonic()
    disk = Deadly(copy / ".smsdata")
    _sync(account, Store(copy, disk=disk, part_rows=PART_ROWS))
    shutil.rmtree(copy)
    return Workload(name, account, store, disk.made, time.monotonic() - began)


# ---- kills -----------------------------------------------------------------------------------------------


def in_child(work: Callable[[], Any], *, patience: float, after: float | None = None) -> bool:
    """Fork and work; kill after so many seconds, if asked for. Gives whether the child was killed."""
    child = os.fork()
    if child == 0:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a broken store may complain
            work()
        finally:
            os._exit(0)
    began = time.monotonic()
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.WIFSIGNALED(status)
        spent = time.monotonic() - began
        if spent > patience or (after is not None and spent >= after):
            os.kill(child, signal.SIGKILL)
            after = None
        time.sleep(0.0005)


def _run(account: Account, store: Path, parts: Parts, **how: Any) -> list[str]:
    disk = parts.disk(store / ".smsdata", **how)
    return _sync(account, parts.store(store, disk=disk, part_rows=PART_ROWS))


def strike(workload: Workload, parts: Parts, tally: Tally, *, after: float | None = None, **how: Any) -> None:
    """Kill one run on a copy of the store, run again, compare with the truth."""
    with tempfile.TemporaryDirectory(prefix="smsdata-kill-") as folder:
        store = Path(folder) / "store"
        shutil.copytree(workload.store, store)
        killed = in_child(lambda: _run(workload.account, store, parts, **how), patience=30, after=after)
        tally.fired[f"{workload.name}: {'kills' if killed else 'ended before'}"] += 1
        where = f"{workload.name} {how or f'after {after:.4f} s'}"
        try:
            wrong = _run(workload.account, store, parts)
            wrong += described(differences(Store(store), workload.account))
        except Exception as error:
            wrong = [f"{type(error).__name__}: {error}"]
        tally.wrong += [f"{where}: {line}" for line in wrong]


def places(workload: Workload, kinds: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Every I/O call of some kinds, or of any, and once more with half of it done where it is a write."""
    for at, kind in enumerate(workload.calls, 1):
        if not kinds or kind in kinds:
            yield {"at": at}
            if kind == "write":
                yield {"at": at, "torn": True}


def run(
    seed: int,
    *,
    kills: int = 2000,
    every: int = 1,
    names: Sequence[str] = tuple(WORKLOADS),
    kinds: Sequence[str] = (),
    parts: Parts = Parts(),
    until_wrong: bool = False,
) -> Tally:
    """Kill at every I/O call (or every n-th) of the workloads, then at `kills` random instants."""
    tally = Tally("kill", seed)
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="smsdata-kill-") as folder:
        workloads = [prepare(name, seed, Path(folder)) for name in names]
        planned = [
            (workload, how)
            for workload in workloads
            for how in list(places(workload, kinds))[rng.randrange(every) :: every]
        ]
        for _ in range(kills):
            workload = rng.choice(workloads)
            planned.append((workload, {"after": rng.uniform(0, workload.seconds * 1.1)}))
        for workload, how in planned:
            strike(workload, parts, tally, **how)
            if until_wrong and tally.wrong:
                break
    return tally


def kills(tally: Tally) -> int:
    """How many kills really fired."""
    return sum(count for name, count in tally.fired.items() if name.endswith(": kills"))
