"""Sweep: every file of a store, spoilt in every way; nothing is silent, and nobody but targets is touched.

The store holds rows of whatever a sync reads, callbacks that are merged and others that wait, rows set aside,
plans, and in the second of its stages a run. After each damage it is verified, read, planned from, applied
and undone, synced and read again. Each of these gives what it gives on the whole store, or an error or a line
that says that something is wrong. Beside single files, a whole folder is deleted, and the whole store rolled
back.
"""

from __future__ import annotations

import atexit
import copy
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq

from smsdata import Store, hygiene, sync
from smsdata.errors import SmsDataError, StoreError
from smsdata.schema.frames import Reject, empty, with_schema
from smsdata.schema.tables import TABLES
from smsdata.store import spool
from smsdata.store.records import record_bytes
from tests.support.callback_events import put
from tests.support.hygiene_world import World, copied, number, slim_world

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


def _without_folder(file: Path, _stage: Stage, _rng: random.Random) -> bool:
    """The month, the run, the plans or the callbacks are gone; once for each folder."""
    if file.parent.name in ("store", ".smsdata") or file != min(file.parent.iterdir()):
        return False
    shutil.rmtree(file.parent)
    return True


def _whole_store_rolled_back(file: Path, stage: Stage, _rng: random.Random) -> bool:
    """As from a backup that was made before, with nothing newer kept; once for each store."""
    if file.name != "state.json":
        return False
    root = file.parents[1]
    shutil.rmtree(root)
    shutil.copytree(stage.earlier, root)
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
    "gone with its folder": _without_folder,
    "rolled back with the whole store": _whole_store_rolled_back,
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


def _no_seal() -> AbstractContextManager[Any]:
    parsed = spool._parsed_line
    return patch.object(spool, "_parsed_line", lambda *file: replace(parsed(*file), damaged=0))


@dataclass(frozen=True)
class Bug:
    """Where a bug shows, and how it goes in."""

    files: str
    kind: type[Store] = Store
    broken: Callable[[], AbstractContextManager[Any]] = nullcontext


BUGS: dict[str, Bug] = {
    "checksum not compared": Bug("dlrs/month=2026-10", _NoChecksum),
    "the journal of a run alone is believed": Bug(".smsdata/runs", broken=_journal_alone),
    "damaged callbacks are skipped": Bug(".smsdata/callbacks/segment-00000002", broken=_no_seal),
}


# ---- what is asked of a spoilt store -----------------------------------------------------------------------


def _told(report: hygiene.HygieneReport) -> tuple[dict[str, int], list[str], list[str]]:
    """How many had which outcome, what needs a person, and the reasons."""
    return report.counts, report.attention, sorted(set(report.rows["reason"]))


def _asked(stage: Stage, world: World, path: Path, kind: type[Store]) -> dict[str, Callable[[], Any]]:
    """What is asked, in this order; each gives what must be as on the whole store."""

    def table(name: str) -> list[str]:
        return sorted(map(repr, kind(path).rows(name).to_pylist()))

    def said(lines: Sequence[object]) -> list[str]:
        return [str(line).replace(str(path), "the store") for line in lines]

    def counts() -> dict[str, int]:
        return {name: kind(path).rows(name).num_rows for name in TABLES}

    def apply() -> Any:
        file = path / ".smsdata" / "plans" / f"{stage.run}.parquet"
        with world.client() as client:
            return _told(hygiene.apply(file, client, kind(path), dry_run=False))

    def undo() -> Any:
        with world.client() as client:
            return _told(hygiene.undo(stage.run, client, kind(path), dry_run=False))

    def synced() -> Any:
        with world.client() as client:
            return said(sync(client, kind(path)).attention)

    return {
        "verify": lambda: said(kind(path).verify()),
        **{f"read {name}": partial(table, name) for name in TABLES},
        "plan": lambda: hygiene.plan(kind(path)).to_csv(),
        "apply": apply,
        "undo": undo,
        "sync": synced,
        "rows afterwards": counts,
        "verify afterwards": lambda: said(kind(path).verify()),
    }


_SAY = ("verify", "undo", "apply", "sync", "rows afterwards", "verify afterwards")
"""What may differ from the whole store: it says what is wrong, or something else does."""


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
        silent = ROLLED_BACK not in damage  # an earlier store is a whole one: it cannot know of later rows
        for asked, answer in given.items():
            if isinstance(answer, SmsDataError) or answer == whole[asked]:
                continue
            if asked not in _SAY and silent:
                wrong.append(f"{asked}: another result, and no error")
            elif asked in ("undo", "apply") and _unexplained(answer, whole[asked]):
                wrong.append(f"{asked}: {answer[0]}, and nothing said")
        if silent and _lost_without_a_word(given, whole):
            wrong.append("rows afterwards: fewer, and nothing said")
        return True, wrong


ROLLED_BACK = "with the whole store"


def _unexplained(answer: Any, whole: Any) -> bool:
    """Whether other contacts were changed than on the whole store, with no reason and no warning given."""
    counts, attention, reasons = answer
    return counts != whole[0] and not attention and not any(reasons)


def _lost_without_a_word(given: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    """Whether rows are missing in the end, and no answer differs in anything else."""
    rows, due = given.get("rows afterwards", {}), whole["rows afterwards"]
    if isinstance(rows, SmsDataError) or all(rows.get(name, 0) >= due[name] for name in due):
        return False
    return all(given[name] == whole[name] for name in given if name != "rows afterwards")


# ---- all ---------------------------------------------------------------------------------------------------


@cache
def stages(seed: int) -> tuple[Stage, Stage]:
    """A store with a plan, and the same after the plan was applied; made once, and copied for each damage."""
    folder = Path(tempfile.mkdtemp(prefix="smsdata-sweep-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    world, _ = slim_world(folder, seed=seed)
    _fill(world)
    older = folder / "older"
    shutil.copytree(world.store.path, older)
    store = world.store
    world.account.advance(hours=5)
    with world.client() as client:
        sync(client, store)
        sync(client, store)
    plan = hygiene.plan(store)
    put(store, ("list", _LIST_EVENT | {"datetime_entry": "2026-10-02 00:00:00"}))  # waits for a sync
    planned = World(copy.deepcopy(world.account), world.lists, _kept(store, folder / "planned"), world.dead)
    with world.client() as client:
        hygiene.apply(plan, client, store, dry_run=False)
        sync(client, store)
    put(store, ("list", _LIST_EVENT | {"datetime_entry": "2026-10-03 00:00:00"}))
    return Stage(planned, plan, False, older), Stage(world, plan, True, folder / "planned" / "store")


_LIST_EVENT = {"type": "add", "list_id": "7", "mobile": number(1), "datetime_entry": "2026-10-01 00:00:00"}


def _fill(world: World) -> None:
    """Rows of the tables that the slim world has none of: replies, opt-outs, callbacks, set aside."""
    account, store = world.account, world.store
    last = max(send.message_id for send in account.sends)
    account.inbound(number(1), "hello?")
    account.reply(last, number(1), "STOP")
    put(store, ("list", _LIST_EVENT), ("dlr", {"message_id": "77", "mobile": number(1), "status": "delivered",
                                               "datetime": "2026-10-01 00:00:00"}))  # fmt: skip
    account.advance(hours=1)
    with world.client() as client:
        sync(client, store)
        sync(client, store, tables=["contact_history"], msisdn=number(1))
    odd = [Reject("replies", "id", 1, n, "odd", {"id": n}, "replies") for n in (1, 2)]
    now = datetime(2026, 10, 1, tzinfo=UTC)
    with store.writing():
        store.rejects.add(odd[:1], "read", now)
        store.rejects.dismiss()
        store.rejects.add(odd[1:], "read", now)


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
    for stage in stages(seed):
        with tempfile.TemporaryDirectory(prefix="smsdata-sweep-") as folder:
            whole, wrong = answers(stage, copied((stage.world, stage.plan), Path(folder) / "store"), Store)
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
