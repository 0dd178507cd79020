"""Year: twelve virtual months of traffic, edits and late changes, a sync every night through faults."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from smsdata import Client
from smsdata.errors import SmsDataError
from smsdata.gateway.answers import Page
from smsdata.gateway.endpoints import SYNCED
from smsdata.ingest.pipeline import OddRows
from smsdata.ingest.report import Report
from smsdata.ingest.run import sync
from smsdata.schema.frames import schema
from smsdata.simulator import Account, Faults, Gateway
from smsdata.store.store import Store
from tests.support.accounts import stir
from tests.support.clients import connected
from tests.support.comparison import described, differences
from tests.support.look_back import look_back_three_days

from .fault import ERRORS, METHODS, Failing
from .tally import Tally

NIGHTS = 355
START = "2025-11-23T00:00:00Z"
FAULTS = {
    "reset": 0.02, "error500": 0.02, "html502": 0.01, "html200": 0.01, "error200": 0.01, "overlimit200": 0.01,
    "lost_answer": 0.01, "truncate": 0.01, "stale_page": 0.01, "wrong_number": 0.01, "empty_page": 0.01,
    "missing_rows": 0.01, "drop_row": 0.005, "duplicate_rows": 0.005, "total_zero": 0.005, "total_big": 0.005,
    "total_small": 0.005, "total_missing": 0.01, "pages_one": 0.005, "extra_keys": 0.02,
    "string_numbers": 0.02, "odd_row": 0.01,
}  # fmt: skip


def _sync(made: Client, store: Store) -> list[str]:
    return sync(made, store).attention


class _NoOptoutCounters(Client):
    """Does not look at the opt-out counters; broken on purpose."""

    def page(self, *asked: Any, **how: Any) -> Page:
        page = super().page(*asked, **how)
        return replace(
            page, rows=tuple({**row, "optouts": 0} if "optouts" in row else row for row in page.rows)
        )


class _FirstFinal(Store):
    """Takes a status for final that is called so; broken on purpose."""

    def merge(self, table: str, rows: pa.Table, *, source: str = "polled") -> pa.Table:
        if table == "dlrs":
            known = {
                (row["message_id"], row["msisdn"]): row["status"]
                for row in self.tables.rows_sharing("dlrs", rows, "message_id").to_pylist()
                if row["status"] in {"delivered", "hard-bounce"}
            }
            kept = [
                row | {"status": known.get((row["message_id"], row["msisdn"]), row["status"])}
                for row in rows.to_pylist()
            ]
            rows = pa.Table.from_pylist(kept, schema=schema(table))
        return super().merge(table, rows, source=source)


@dataclass(frozen=True)
class Parts:
    """What is under test, and the tables that are compared."""

    run: Callable[[Client, Store], list[str]] = _sync
    client: type[Client] = Client
    store: type[Store] = Store
    tables: tuple[str, ...] = SYNCED


BUGS = {
    "looks back three days": Parts(run=look_back_three_days, tables=("messages", "dlrs")),
    "ignores opt-out counters": Parts(client=_NoOptoutCounters, tables=("optouts",)),
    "first final status sticks": Parts(store=_FirstFinal, tables=("dlrs",)),
}


def world(seed: int, nights: int) -> Account:
    """An account at the start of its year, with traffic to come."""
    account = Account(
        seed=seed, now=START, days=1, campaigns=0, singles=0, inbound=0, lists=4, recipients=15, late=0.03,
        copies=0.2, link_rate=0.02, reply_rate=0.15, clients=0,
    )  # fmt: skip
    account.schedule(
        days=nights, campaigns=nights // 5, recipients=15, singles=nights // 4, inbound=nights // 8
    )
    return account


def year(seed: int, nights: int, parts: Parts, tally: Tally, *, calm: bool, edits: float) -> list[str]:
    """Live through the nights, then eight quiet days and one last sync; gives what differs from the truth."""
    rng = random.Random(seed)
    account = world(seed, nights)
    faults = Faults({} if calm else FAULTS, seed=seed)
    gateway = Gateway(account, limiter=None, max_page=rng.choice([10, 25, 100]), faults=faults, seed=seed)
    with tempfile.TemporaryDirectory(prefix="smsdata-year-") as folder:
        store = Path(folder) / "store"
        for _ in range(nights):
            account.advance(hours=24)
            if len(account.sends) > 1 and rng.random() < edits:
                stir(account, rng)
            disk = Failing(store / ".smsdata")
            if not calm and rng.random() < 0.1:
                disk = Failing(
                    store / ".smsdata", rng.choice(METHODS), rng.randrange(1, 40), rng.choice(ERRORS)
                )
            _night(gateway, parts, parts.store(store, disk=disk), tally)
        account.advance(days=8)
        _dismiss(parts.store(store))
        quiet = Gateway(account, limiter=None)
        with connected(quiet, kind=parts.client) as made:
            look = parts.run(made, parts.store(store))
        tally.fired.update(faults.struck)
        return look + described(differences(Store(store), account, parts.tables))


def _dismiss(store: Store) -> None:
    """Do without the rows that lie aside, as `--dismiss-rejects` does: the last run would name them."""
    with store.writing():
        OddRows(store, Report()).dismiss()


def _night(gateway: Gateway, parts: Parts, store: Store, tally: Tally) -> None:
    with connected(gateway, kind=parts.client) as made:
        try:
            parts.run(made, store)
            tally.fired["syncs"] += 1
        except SmsDataError as error:
            tally.fired[f"syncs ended by {type(error).__name__}"] += 1


def run(
    seed: int, *, nights: int = NIGHTS, parts: Parts = Parts(), calm: bool = False, edits: float = 0.3
) -> Tally:
    """One year; `calm` leaves out the faults, `edits` is in how many nights people change things."""
    tally = Tally("year", seed)
    tally.wrong += year(seed, nights, parts, tally, calm=calm, edits=edits)
    return tally
