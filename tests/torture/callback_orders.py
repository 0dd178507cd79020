"""Callback orders: events of every kind in any order, in one piece or several, leave the same store."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.ingest.callbacks import ingest_callbacks
from smsdata.ingest.run import sync
from smsdata.simulator import Gateway
from smsdata.store import evidence, merging
from smsdata.store.spool import Spool, spool_folder
from smsdata.store.store import Store
from tests.support.callback_events import events, put
from tests.support.clients import connected
from tests.support.sync_world import small_account

from .lateness import Bug, broken
from .tally import Tally

# ---- broken on purpose -----------------------------------------------------------------------------------


def _last_time(table: str, old: pa.Table, new: pa.Table, source: str = "polled") -> pa.Table:
    """Takes the time of delivery that came last."""
    made = evidence.merged(table, old, new, source)
    if table != "dlrs":
        return made
    told = pc.coalesce(new.column("delivered_at"), old.column("delivered_at"))
    return made.set_column(made.schema.get_field_index("delivered_at"), "delivered_at", told)


def _last_event(old: pa.Table, new: pa.Table) -> pa.ChunkedArray:
    return pc.greater_equal(new.column("synced_at"), old.column("synced_at"))


BUGS = {
    "the time that comes last counts": Bug(merging, "merged", _last_time),
    "of one second what comes last counts": Bug(evidence, "_tells_more", _last_event),
}


# ---- orders ----------------------------------------------------------------------------------------------


def contents(store: Store) -> dict[str, Iterable[Any]]:
    tables = ("dlrs", "messages", "replies", "optouts", "link_hits", "list_events", "status_history")
    rows = {table: sorted(map(repr, store.rows(table).to_pylist())) for table in tables}
    aside = Spool(spool_folder(store.private))
    return rows | {name: [c.line() for c in aside.aside(name).callbacks] for name in ("waiting", "odd")}


def replayed(base: Path, target: Path, made: list[tuple[str, dict[str, str]]], pieces: int) -> Store:
    shutil.copytree(base, target)
    store = Store(target)
    step = -(-len(made) // pieces)
    for start in range(0, len(made), step):
        put(store, *made[start : start + step])
        ingest_callbacks(store)
    ingest_callbacks(store)  # what waits has met all that came after it
    return store


def run(seed: int, *, count: int = 10_000, orders: int = 10, bugs: Iterable[Bug] = ()) -> Tally:
    """Receive so many events and a tenth of them twice, in random orders, each into a store of its own."""
    tally, rng = Tally("callback orders", seed), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="smsdata-orders-") as home, broken(bugs):
        base = Store(Path(home) / "base")
        with connected(Gateway(small_account(), limiter=None)) as made:
            sync(made, base)
        shuffled = events(base, count, rng)
        first = contents(replayed(base.path, Path(home) / "first", shuffled, 1))
        tally.wrong += [f"no rows of {name}: this proves nothing" for name, rows in first.items() if not rows]
        for number in range(1, orders):
            rng.shuffle(shuffled)
            pieces = rng.choice([2, 5])
            other = contents(replayed(base.path, Path(home) / f"{number}", shuffled, pieces))
            wrong = sorted(name for name in first if first[name] != other[name])
            tally.wrong += [f"order {number}, {pieces} pieces: other {name}" for name in wrong]
            tally.fired["orders"] += 1
        tally.fired["events"] += len(shuffled)
    return tally
