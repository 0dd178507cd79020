"""Sweep: every file of a store, spoilt in every way; nothing is silent, and nobody but targets is touched.

After each damage the store is verified, read, planned from, applied and undone, and synced. Each of these
gives what it gives on the whole store, or an error or a line that says that something is wrong.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq

from smsdata import Store, hygiene, sync
from smsdata.errors import SmsDataError, StoreError
from smsdata.schema.frames import Reject, empty, with_schema
from smsdata.schema.tables import TABLES
from smsdata.store.records import record_bytes
from tests.support.hygiene_world import World, copied, slim_world

from .tally import Tally

Damage = Callable[[Path, "Stage", random.Random], bool]
"""Spoils a file; gives whether it could."""


@dataclass(frozen=True)
class Stage:
    """A store before its plan was applied, or after; and the same store as it was earlier."""

    world: World
    plan: Any
    applied: bool
    earlier: Path

    @property
    def run(self) -> str:
        """The name of its run."""
        return str(self.plan.attrs["plan"]["hash"])[:12]


# ---- damages -----------------------------------------------------------------------------------------------


def _flip(where: float) -> Damage:
    def flip(file: Path, _stage: Stage, rng: random.Random) -> bool:
        content = bytearray(file.read_bytes())
        if content:
            content[round(where * (len(content) - 1))] ^= 1 << rng.randrange(8)
            file.write_bytes(content)
        return bool(content)

    return flip


def _truncate(file: Path, _stage: Stage, _rng: random.Random) -> bool:
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[: size // 2])
    return size > 0


def _empty(file: Path, _stage: Stage, _rng: random.Random) -> bool:
    size = file.stat().st_size
    file.write_bytes(b"")
    return size > 0


def _delete(file: Path, _stage: Stage, _rng: random.Random) -> bool:
    file.unlink()
    return True


def _roll_back(file: Path, stage: Stage, _rng: random.Random) -> bool:
    content = file.read_bytes()
    if file.name.startswith("row-"):
        facts = json.loads(content)
        facts.pop("checksum")
        file.write_bytes(record_bytes(facts | {"state": "intent"}))
        return True
    (root,) = [one for one in file.parents if one.name == "store"]
    old = stage.earlier / file.relative_to(root)
    if not old.is_file() or old.read_bytes() == content:
        return False
    file.write_bytes(old.read_bytes())
    return True


def _unreadable(file: Path, _stage: Stage, _rng: random.Random) -> bool:
    file.unlink()
    file.symlink_to(file.name)  # nobody can open it, the superuser neither
    return True


def _folder(file: Path, _stage: Stage, _rng: random.Random) -> bool:
    file.unlink()
    file.mkdir()
    return True


# In a small Parquet file the rows lie in the first fifth; the rest is its footer.
DAMAGES: dict[str, Damage] = {
    **{f"flipped at {where:.0%}": _flip(where) for where in (0, 0.02, 0.07, 0.13, 0.19, 0.4, 0.7, 1)},
    "truncated": _truncate,
    "empty": _empty,
    "deleted": _delete,
    "rolled back": _roll_back,
    "unreadable": _unreadable,
    "a folder": _folder,
}


# ---- broken on purpose -------------------------------------------------------------------------------------


class _NoChecksum(Store):
    """Reads the rows of a file without comparing the checksum of its data; all else is checked."""

    def rows(self, table: str, **how: Any) -> pa.Table:
        if how:
            return super().rows(table, **how)
        try:
            contents = [part.read_bytes() for part in self.tables.inventory.trusted(table)]
            parts = [with_schema(table, pq.read_table(pa.BufferReader(content))) for content in contents]
        except (OSError, ValueError, pa.ArrowException) as error:
            raise StoreError(f"{table}: {type(error).__name__}") from None
        return pa.concat_tables([empty(table), *parts])


def _journal_alone() -> AbstractContextManager[Any]:
    return patch("smsdata.hygiene.undoing.lacking", lambda *_: set())


@dataclass(frozen=True)
class Bug:
    """Where a bug shows, and how it goes in."""

    files: str
    kind: type[Store] = Store
    broken: Callable[[], AbstractContextManager[Any]] = nullcontext


BUGS: dict[str, Bug] = {
    "checksum not compared": Bug("dlrs/month=2026-10", _NoChecksum),
    "the journal of a run alone is believed": Bug(".smsdata/runs", broken=_journal_alone),
}


# ---- what is asked of a spoilt store -----------------------------------------------------------------------


def _asked(stage: Stage, world: World, path: Path, kind: type[Store]) -> dict[str, Callable[[], Any]]:
    """What is asked, in this order; each gives what must be as on the whole store."""

    def table(name: str) -> list[str]:
        return sorted(map(repr, kind(path).rows(name).to_pylist()))

    def apply() -> Any:
        file = path / ".smsdata" / "plans" / f"{stage.run}.parquet"
        with world.client() as client:
            report = hygiene.apply(file, client, kind(path), dry_run=False)
        return report.counts, report.attention

    def undo() -> Any:
        with world.client() as client:
            report = hygiene.undo(stage.run, client, kind(path), dry_run=False)
        return report.counts, report.attention

    def synced() -> Any:
        with world.client() as client:
            return sync(client, kind(path)).attention

    return {
        "verify": lambda: [str(one) for one in kind(path).verify()],
        **{f"read {name}": partial(table, name) for name in TABLES},
        "plan": lambda: hygiene.plan(kind(path)).to_csv(),
        **({"undo": undo} if stage.applied else {"apply": apply, "undo": undo}),
        "sync": synced,
        "verify afterwards": lambda: [str(one) for one in kind(path).verify()],
    }


_SAY = ("verify", "undo", "apply", "sync", "verify afterwards")
"""What may differ from the whole store: it says what is wrong."""


def answers(stage: Stage, world: World, kind: type[Store]) -> tuple[dict[str, Any], list[str]]:
    """What a store answers, and what is wrong with that by itself."""
    given: dict[str, Any] = {}
    wrong = []
    for name, ask in _asked(stage, world, world.store.path, kind).items():
        try:
            given[name] = ask()
        except SmsDataError as error:
            given[name] = error
        except Exception as error:
            wrong.append(f"{name}: {type(error).__name__}: {error}")
    for call in ("delete-from-list", "add-to-list"):
        if set(world.changes(call)) - stage.world.targets():
            wrong.append(f"{call} touched somebody else")
    return given, wrong


def strike(
    stage: Stage, name: str, damage: str, whole: dict[str, Any], seed: int, kind: type[Store]
) -> tuple[bool, list[str]]:
    """Spoil one file of a copy; gives whether that could be done, and what is wrong."""
    with tempfile.TemporaryDirectory(prefix="smsdata-sweep-") as folder:
        world = copied((stage.world, stage.plan), Path(folder) / "store")
        if not DAMAGES[damage](world.store.path / name, stage, random.Random(f"{seed} {name}")):
            return False, []
        given, wrong = answers(stage, world, kind)
        for asked, answer in given.items():
            if isinstance(answer, SmsDataError) or answer == whole[asked]:
                continue
            if asked not in _SAY:
                wrong.append(f"{asked}: another result, and no error")
            elif asked in ("undo", "apply") and not answer[1] and answer[0] != whole[asked][0]:
                wrong.append(f"{asked}: {answer[0]}, and nothing said")
        return True, wrong


# ---- all ---------------------------------------------------------------------------------------------------


def stages(folder: Path, seed: int) -> Iterator[Stage]:
    """A store with a plan, and the same after the plan was applied; both with rows set aside."""
    world, _ = slim_world(folder, seed=seed)
    store = world.store
    odd = [Reject("replies", "id", 1, n, "odd", {"id": n}, "replies") for n in (1, 2)]
    now = datetime(2026, 10, 1, tzinfo=UTC)
    with store.writing():
        store.rejects.add(odd[:1], "read", now)
        store.rejects.dismiss()
        store.rejects.add(odd[1:], "read", now)
    older = folder / "older"
    shutil.copytree(store.path, older)
    world.account.advance(hours=5)
    with world.client() as client:
        sync(client, store)
        sync(client, store)
    plan = hygiene.plan(store)
    yield Stage(
        World(world.account, world.lists, _kept(store, folder / "planned"), world.dead), plan, False, older
    )
    with world.client() as client:
        hygiene.apply(plan, client, store, dry_run=False)
        sync(client, store)
    yield Stage(world, plan, True, folder / "planned" / "store")


def _kept(store: Store, folder: Path) -> Store:
    return Store(shutil.copytree(store.path, folder / "store"))


def run(
    seed: int,
    *,
    every: int = 1,
    files: str = "",
    kind: type[Store] = Store,
    until_wrong: bool = False,
) -> Tally:
    """Spoil every file (whose name begins with `files`) in every way, of these every n-th."""
    tally = Tally("sweep", seed)
    with tempfile.TemporaryDirectory(prefix="smsdata-sweep-") as folder:
        for stage in stages(Path(folder), seed):
            with tempfile.TemporaryDirectory(prefix="smsdata-sweep-") as copy:
                whole, wrong = answers(stage, copied((stage.world, stage.plan), Path(copy) / "store"), Store)
            tally.wrong += wrong
            root = stage.world.store.path
            names = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
            cases = [(name, damage) for name in names if name.startswith(files) for damage in DAMAGES]
            for name, damage in cases[random.Random(seed).randrange(every) :: every]:
                struck, wrong = strike(stage, name, damage, whole, seed, kind)
                tally.fired[damage] += struck
                tally.wrong += [f"{name} {damage}: {line}" for line in wrong]
                if until_wrong and tally.wrong:
                    return tally
    return tally
