"""Power: the power goes at any I/O call; what was not fsynced is lost, the next run puts it right.

A run of sync, of hygiene or of `clean` is cut off, alone or after another that was killed, so that the second
builds on what the first left in the page cache alone. What a run said was stored is there at once; a plain
run afterwards makes the store the truth; no change that was made at the gateway is forgotten.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from smsdata import hygiene as product
from smsdata.schema.tables import TABLES
from smsdata.store.store import Store
from smsdata.store.verify import FILE_FAULTS
from tests.support.comparison import described, differences
from tests.support.hygiene_world import Deadly, Killed, Template, World, slim_world

from . import hygiene, kill
from .fault import _keys
from .lossy import BUGS as DISKS
from .lossy import LossyDisk
from .tally import Tally

BUGS = DISKS
NAMES = ("first", "next day", "one status", "old inbox")


@dataclass(frozen=True)
class Cut:
    """One cut: at which operation, what becomes of what was not durable, where a run before was killed."""

    at: int
    chance: int = 0
    killed_at: int = 0

    def __str__(self) -> str:
        how = f"by chance {self.chance}" if self.chance else "all dropped"
        return f"cut at {self.at}, {how}" + (f", killed at {self.killed_at} before" if self.killed_at else "")

    def disk(
        self, kind: type[LossyDisk], private: Path, before: bytes | None, struck: Callable[[LossyDisk], None]
    ) -> LossyDisk:
        """A disk on which it happens."""
        chance = random.Random(self.chance) if self.chance else None
        return kind(private, before=before, chance=chance, at=self.at, struck=struck)


# ---- sync --------------------------------------------------------------------------------------------------


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # the signal may take a moment


def _remember(file: Path, disk: LossyDisk) -> None:
    file.write_bytes(disk.memory)
    _die()


def _lose(disk: LossyDisk) -> None:
    disk.cut()
    _die()


def _cut_run(workload: kill.Workload, store: Path, cut: Cut, kind: type[LossyDisk], said: Path) -> None:
    """In a child: a run that is cut off; where it ends before, the power goes right after its report."""
    memory, private = said.with_name("memory"), store / ".smsdata"
    before = memory.read_bytes() if memory.exists() else None
    disk = cut.disk(kind, private, before, _lose)
    kill._sync(workload.account, Store(store, disk=disk, part_rows=kill.PART_ROWS))
    disk.struck = None
    said.write_text("all is stored")
    disk.cut()


def _killed_run(workload: kill.Workload, store: Path, cut: Cut, kind: type[LossyDisk], memory: Path) -> None:
    disk = kind(store / ".smsdata", at=cut.killed_at, struck=partial(_remember, memory))
    kill._sync(workload.account, Store(store, disk=disk, part_rows=kill.PART_ROWS))
    memory.write_bytes(disk.memory)


def _after(workload: kill.Workload, store: Path, said: bool) -> list[str]:
    """What is wrong right after a cut, and after a plain run."""
    wrong: list[str] = []
    if store.exists():
        left, due = _keys(Store(store)), _keys(Store(workload.store))
        wrong += [f"{table}: stored rows lost" for table in TABLES if due[table] - left[table]]
        wrong += [str(one) for one in Store(store).verify() if one.what in FILE_FAULTS]
        wrong += described(differences(Store(store), workload.account)) if said else []
    elif said:
        wrong.append("the whole store is lost")
    wrong += kill._sync(workload.account, Store(store, part_rows=kill.PART_ROWS))
    wrong += described(differences(Store(store), workload.account))
    return wrong + [str(one) for one in Store(store).verify()]


def strike(workload: kill.Workload, cut: Cut, kind: type[LossyDisk], tally: Tally) -> None:
    """Cut the power once on a copy of the store, look at what is left, run again, compare with the truth."""
    with tempfile.TemporaryDirectory(prefix="smsdata-power-") as folder:
        store, said = Path(folder) / "store", Path(folder) / "said"
        if any(workload.store.iterdir()):
            shutil.copytree(workload.store, store)
        if cut.killed_at:
            memory = said.with_name("memory")
            kill.in_child(partial(_killed_run, workload, store, cut, kind, memory), patience=30)
        kill.in_child(partial(_cut_run, workload, store, cut, kind, said), patience=30)
        tally.fired[f"{workload.name}: cuts{' after a report' if said.exists() else ''}"] += 1
        try:
            wrong = _after(workload, store, said.exists())
        except Exception as error:
            wrong = [f"{type(error).__name__}: {error}"]
        tally.wrong += [f"{workload.name}, {cut}: {line}" for line in wrong]


def cuts(seed: int, made: Sequence[str], every: int, pairs: int) -> Iterator[Cut]:
    """A cut at every n-th operation and after the last, with all dropped and by chance; then after kills.

    Kills come first where a folder was just made: nothing else is used later by whoever sees it.
    """
    rng, end = random.Random(seed), len(made) + 1
    for at in [*range(1 + rng.randrange(every), end, every), end]:
        yield Cut(at)
        yield Cut(at, chance=rng.randrange(1, 1 << 30))
    folders = [at + 2 for at, what in enumerate(made) if what == "mkdir"]
    for killed_at in folders[:pairs]:
        yield Cut(end * 2, killed_at=killed_at)
    for _ in range(pairs - len(folders)):
        chance = rng.choice([0, rng.randrange(1, 1 << 30)])
        yield Cut(rng.randrange(1, end * 2), chance, killed_at=rng.randrange(1, end))


def _made(workload: kill.Workload, kind: type[LossyDisk]) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="smsdata-power-") as folder:
        store = Path(folder) / "store"
        if any(workload.store.iterdir()):
            shutil.copytree(workload.store, store)
        disk = kind(store / ".smsdata")
        kill._sync(workload.account, Store(store, disk=disk, part_rows=kill.PART_ROWS))
        return disk.made


# ---- hygiene -----------------------------------------------------------------------------------------------


def _lose_and_raise(disk: LossyDisk) -> None:
    if disk.steps == disk.at:
        disk.cut()
    raise Killed


def _on_disk(cut: Cut, kind: type[LossyDisk], world: World, act: Callable[..., object]) -> bool:
    disk = cut.disk(kind, world.store.private, None, _lose_and_raise)
    try:
        with world.client() as client:
            act(client, Store(world.store.path, disk=disk))
    except Killed:
        return True
    disk.struck = None
    disk.cut()
    return True


def _at_change(n: int, after: bool, kind: type[LossyDisk], world: World, act: Callable[..., object]) -> bool:
    disk = kind(world.store.private)
    try:
        with world.client(Deadly(world.gateway, n, after=after)) as client:
            act(client, Store(world.store.path, disk=disk))
    except Killed:
        disk.cut()
        return True
    return False


def _at_plan(cut: Cut, kind: type[LossyDisk], world: World, _act: Callable[..., object]) -> bool:
    return _on_disk(cut, kind, world, lambda _client, store: product.plan(store))


def strikes(template: Template, kind: type[LossyDisk], every: int) -> Iterator[hygiene.Strike]:
    """Cuts while a plan is applied and undone: at operations on disk, before and after each change."""
    for undoing, word in ((False, "apply"), (True, "undo")):
        for n in range(1, len(template[0].targets()) + 1):
            for after in (True, False):
                name = f"{word} cut {'after' if after else 'before'} a change"
                yield hygiene.Strike(name, undoing, partial(_at_change, n, after, kind))
        steps = hygiene.steps(template, undoing=undoing) * 2
        for cut in cuts(steps, [""] * steps, every, 0):
            yield hygiene.Strike(f"{word} cut on disk", undoing, partial(_on_disk, cut, kind))
    for cut in cuts(1, [""] * 12, max(1, every // 20), 0):  # clean: its key, its plan, its summary
        yield hygiene.Strike("clean cut on disk", False, partial(_at_plan, cut, kind))


# ---- all ---------------------------------------------------------------------------------------------------


def run(
    seed: int,
    *,
    every: int = 10,
    pairs: int = 50,
    names: Sequence[str] = NAMES,
    hygiene_every: int = 20,
    disk: type[LossyDisk] = LossyDisk,
    until_wrong: bool = False,
) -> Tally:
    """Cut runs of sync at every n-th operation, `pairs` more after kills, then those of hygiene (0: none)."""
    tally = Tally("power", seed)
    with tempfile.TemporaryDirectory(prefix="smsdata-power-") as folder:
        for name in names:
            workload = kill.prepare(name, seed, Path(folder))
            for cut in cuts(seed, _made(workload, disk), every, pairs):
                strike(workload, cut, disk, tally)
                if until_wrong and tally.wrong:
                    return tally
        if not hygiene_every:
            return tally
        template = slim_world(Path(folder) / "hygiene", seed=seed)
        for one in strikes(template, disk, hygiene_every):
            try:
                fired, wrong = hygiene.strike(template, one)
            except Exception as error:
                fired, wrong = True, [f"{type(error).__name__}: {error}"]
            tally.fired[one.name] += fired
            tally.wrong += [f"{one.name}: {line}" for line in wrong]
            if until_wrong and tally.wrong:
                return tally
    return tally
