"""Erasure: a process that forgets a person dies or its disk fails; the next try does the rest."""

from __future__ import annotations

import base64
import gzip
import json
import random
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from smsdata import Store, hygiene, sync
from smsdata.forgetting import person
from smsdata.forgetting import places as rooms
from smsdata.forgetting.read_back import searched
from smsdata.schema.frames import Reject, schema
from smsdata.schema.tables import TABLES
from smsdata.store.disk import Disk
from tests.support.callback_events import AT, put
from tests.support.callers import dlr, reply
from tests.support.hygiene_world import Template, World, copied, number, slim_world

from .strikes import calls_of, planned
from .tally import Tally

WHO = number(0)
_SEEN = datetime(2026, 11, 20, tzinfo=UTC)


def prepare(folder: Path) -> Template:
    """A store with the number in every kind of place: tables, journal, rejects, spool, runs, plans, texts."""
    world, plan = slim_world(folder)
    with world.client() as client:
        hygiene.apply(plan, client, world.store, dry_run=False)
    hygiene.plan(world.store)
    store = world.store
    raw = {"id": "x", "msisdn": WHO, "message": f"to {WHO}"}
    with store.writing():
        journal = store.journal()
        journal.add("get-user-sms-sent?start=1", 1, json.dumps({"messages": [raw]}).encode(), _SEEN)
        journal.close()
        store.rejects.add([Reject("messages", "id", 1, 1, "odd", raw, "messages", {})], "get", _SEEN)
        store.state.rejects = store.rejects.names()
        store.save_state()
    put(store, ("dlr", dlr(7, int(WHO), AT)), ("reply", reply(9, 7, int(WHO), AT)))
    (store.private / "notes.log").write_text(f"+{WHO}\n")
    _write_files_of_others(store.path / "others")
    return world, plan


def _write_files_of_others(folder: Path) -> None:
    """A mail, an archive and a database that lie in the store's folder."""
    folder.mkdir()
    table = f"msisdn,name\n{WHO},Ann\n".encode()
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("a.csv.gz", gzip.compress(table))
    coded = base64.encodebytes(table).decode()
    head = "Subject: a\nMIME-Version: 1.0\nContent-Type: text/csv\nContent-Transfer-Encoding: base64\n\n"
    (folder / "a.eml").write_text(head + coded)
    with closing(sqlite3.connect(folder / "a.db")) as connection:
        connection.execute(f"CREATE TABLE people (mobile INTEGER DEFAULT {WHO})")
        connection.execute(f"INSERT INTO people VALUES ({WHO})")
        connection.commit()


def _forget(store: Path, disk: Disk | None = None) -> person.Forgetting:
    return person.forget(Store(store, disk=disk), WHO, apply=True)


def tables_of(store: Path) -> dict[str, pd.DataFrame]:
    """Every table, in the order of its keys, without when a row was last seen."""
    return {
        name: Store(store)
        .read(name)
        .drop(columns="synced_at")
        .sort_values(list(table.key))
        .reset_index(drop=True)
        for name, table in TABLES.items()
    }


def _wrong(world: World, due: dict[str, pd.DataFrame] | None) -> Iterator[str]:
    """What is wrong after the last try, and after the next sync."""
    store = world.store.path
    told = _forget(store)
    assert told.searched is not None
    yield from (f"the receipt names {Path(name).name}" for name in told.searched.found)
    yield from (f"a search finds {Path(name).name}" for name in searched([store], [WHO]).found)
    for name, rows in tables_of(store).items() if due else ():
        if due and not rows.equals(due[name]):
            yield f"{name}: {len(rows)} rows, due {len(due[name])}, or others than those"
    aside = Store(store).rejects.all()
    yield from [] if len(aside) == 1 else [f"{len(aside)} rows lie aside, due 1"]
    with world.client() as client:
        sync(client, Store(store))
    yield from (f"after a sync {Path(name).name} has it" for name in searched([store], [WHO]).found)
    yield from (str(one) for one in Store(store).verify() if one.what != "set aside")


def _add_rows(store: Store, rows: int) -> None:
    """Give a store that many messages more, one in 500 to the number, in sends that the account knows not."""
    places = np.arange(rows)
    whom = np.char.add("6149157", np.char.zfill((places % 9_000 + 1_000).astype(str), 4)).astype(object)
    whom[places % 500 == 7] = WHO
    made: dict[str, Any] = {
        "id": 10**12 + places, "message_id": 10**9 + places // 2_000, "msisdn": whom,
        "sender": np.full(rows, "61491570006"), "status": np.full(rows, "delivered"),
        "message": np.char.add("to ", whom.astype(str)),
        "sent_at": pa.array(places * 10**6 + 10**15 * 3 // 2, pa.timestamp("us", "UTC")),
        "synced_at": pa.array([_SEEN] * rows, pa.timestamp("us", "UTC")),
    }  # fmt: skip
    arrays = [
        pa.array(made[f.name]).cast(f.type) if f.name in made else pa.nulls(rows, f.type)
        for f in schema("messages")
    ]
    with store.writing():
        store.merge("messages", pa.table(arrays, schema=schema("messages")))


def run(
    seed: int, *, every: int = 1, rows: int = 0, strikes: int | None = None, until_wrong: bool = False
) -> Tally:
    """Kill and fail at every I/O call, or every n-th; every other time a sync comes before the next try.

    With `rows` the store has so many messages more, and of all strikes that many are drawn.
    """
    tally, rng = Tally(f"erasure of {rows:,} rows" if rows else "erasure", seed), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="smsdata-erasure-") as name:
        folder = Path(name)
        template = prepare(folder / "made")
        if rows:
            _add_rows(template[0].store, rows)
        counted = copied(template, folder / "counted")
        calls = calls_of(_forget, counted.store.path)
        due = tables_of(counted.store.path)
        struck = planned(_forget, calls, every, rng)
        for n, (what, strike) in enumerate(rng.sample(struck, strikes) if strikes else struck):
            world = copied(template, folder / "struck")
            store = world.store.path
            tally.fired[what.split(" ")[0] if strike(store) else "nothing happened"] += 1
            try:
                if n % 2:
                    with world.client() as client:
                        sync(client, Store(store))
                tally.wrong += [f"{what}: {line}" for line in _wrong(world, None if n % 2 else due)]
            except Exception as error:
                tally.wrong.append(f"{what}: {type(error).__name__}: {error}")
            shutil.rmtree(store)
            if until_wrong and tally.wrong:
                break
    return tally


# ---- broken on purpose ---------------------------------------------------------------------------------


def _nothing(*_: Any, **__: Any) -> Iterator[rooms.Place]:
    return iter(())


BUGS: dict[str, tuple[Any, str, Any]] = {
    "tables are skipped": (rooms, "_tables", _nothing),
    "the journal is skipped": (rooms, "_journal", _nothing),
    "rejects are skipped": (rooms, "_rejects", _nothing),
    "the spool is skipped": (rooms, "_spool", _nothing),
    "run journals are skipped": (rooms, "_runs", _nothing),
    "plans are skipped": (rooms, "_plans", _nothing),
    "other files are skipped": (rooms, "_other_files", _nothing),
}
"""A place that is skipped: the receipt must name it."""


@contextmanager
def broken(bug: str) -> Iterator[None]:
    """A bug in the place of a function."""
    module, name, wrong = BUGS[bug]
    right = getattr(module, name)
    setattr(module, name, wrong)
    try:
        yield
    finally:
        setattr(module, name, right)


def receipt_of(bug: str, template: Template, folder: Path) -> person.Forgetting:
    """The receipt of a forgetting with a bug in it."""
    world = copied(template, folder)
    with broken(bug):
        return _forget(world.store.path)
