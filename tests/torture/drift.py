"""Drift: an account changes while it is read; rows there all along come once, or the drain says no."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from smsdata import Client
from smsdata.errors import DrainError
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reader import Reader
from smsdata.gateway.reads import Read
from smsdata.simulator import Account, Drift, Gateway
from smsdata.simulator.drift import DRIFT_KINDS
from tests.support.clients import connected

from .tally import Tally

RATES = ((2, 1), (4, 3), (3, 8))  # before every so many pages, so many changes
TABLES = {
    "head": "messages", "late": "messages", "campaign": "messages", "settle": "dlrs", "restatus": "dlrs",
    "copy": "dlrs", "optout": "optouts", "reply": "replies", "join": "list_members",
    "delete": "list_members", "return": "list_members", "deactivate": "list_members",
    "edit": "list_members", "rename": "lists", "remove_list": "lists", "add_list": "lists",
}  # fmt: skip
_SIZE = 5

Rows = list[Mapping[str, Any]]


def world(seed: int) -> Account:
    """An account of which every table has several pages of five rows."""
    account = Account(
        seed=seed, campaigns=2, recipients=40, singles=3, inbound=25, lists=18, days=10, clients=0,
    )  # fmt: skip
    large = max(account.sends, key=lambda send: len(send.rows))
    for row in large.rows[:25]:
        account.optout_by_link(large.message_id, int(account.recipients["msisdn"][row]))
    account.send_campaign(numbers=range(61491570006, 61491570046))
    account.advance(30)
    return account


def _asked(table: str, account: Account, kind: str) -> dict[str, Any]:
    """What is read: a send or list with many rows, pending ones where they settle."""
    if table in {"dlrs", "optouts"}:
        sends = account.sends[-1:] if kind == "settle" else account.sends[:-1]
        send = max(sends, key=lambda one: len(one.rows))
        return {"message_id": send.message_id} | ({"delivery": "pending"} if kind == "settle" else {})
    if table == "list_members":
        lists = account.contacts.lists.values()
        return {"list_id": max(lists, key=lambda one: len(list(one.present()))).list_id}
    return {}


def proved(made: Client, table: str, asked: Mapping[str, Any]) -> Rows:
    """Read as the product does."""
    now = made.now()
    entry = endpoint(table)
    window = {"start": _long_ago(made), "end": now} if entry.limit else {}
    rows: Rows = []
    for outcome in Reader(made).each([Read(entry, asked, **window)]):
        if isinstance(outcome, Exception):
            raise outcome
        rows += outcome.rows.to_pylist()
    return rows


def _long_ago(made: Client) -> Any:
    return made.now() - timedelta(days=60)


def _naive(enough: Callable[[int, list[Any], int, int], bool], *, dedupe: bool) -> Callable[..., Rows]:
    """A walker that believes what it is told, as common extractors do; broken on purpose."""

    def read(made: Client, table: str, asked: Mapping[str, Any]) -> Rows:
        entry = endpoint(table)
        window = {"start": _long_ago(made), "end": made.now()} if entry.limit else {}
        wire = Read(entry, asked, **window).wire()
        rows: list[Any] = []
        pages = total = 1
        for number in itertools.count(1):
            page = made.page(entry, wire, number)
            if number == 1:
                pages, total = page.count or 1, page.total or 0
            rows += [dict(row) for row in page.rows]
            if not page.rows or enough(number, rows, pages, total):
                break
        keyed: Rows = [_typed(table, row, asked) for row in rows]
        return list({_key(table, row): row for row in keyed}.values()) if dedupe else keyed

    return read


def _typed(table: str, row: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The key columns of a raw row."""
    made = dict(asked)
    for column in endpoint(table).table.columns:
        if column.name in endpoint(table).table.key and column.wire in row:
            value = row[column.wire]
            made[column.name] = str(value) if column.kind == "phone" else value
    return made


BUGS: dict[str, Callable[..., Rows]] = {
    "stops at the page count of page 1": _naive(
        lambda number, _rows, pages, _total: number >= pages, dedupe=True
    ),
    "no bracket: stops at the total of page 1": _naive(
        lambda _n, rows, _p, total: len(rows) >= total, dedupe=True
    ),
    "no dedupe": _naive(lambda *_: False, dedupe=False),
    "walks until an empty page": _naive(lambda *_: False, dedupe=True),
}


def _key(table: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in endpoint(table).table.key)


def _there(account: Account, table: str, asked: Mapping[str, Any]) -> set[tuple[Any, ...]]:
    """The keys of the rows that the read should find now."""
    rows = account.truth(table)
    for name in ("message_id", "list_id"):
        if name in asked:
            rows = [row for row in rows if row[name] == asked[name]]
    if "delivery" in asked:
        rows = [row for row in rows if row["status"] == asked["delivery"]]
    return {_key(table, row) for row in rows}


def strike(kind: str, rate: tuple[int, int], seed: int, read: Callable[..., Rows], tally: Tally) -> None:
    """Read one table while it changes."""
    account, table = world(seed), TABLES[kind]
    asked = _asked(table, account, kind)
    until = random.Random(seed).choice([1, 3, None])
    drift = Drift(every_pages=rate[0], rows=rate[1], kinds=(kind,), seed=seed, until=until, seconds=1)
    gateway = Gateway(account, limiter=None, max_page=_SIZE, drift=drift)
    before = _there(account, table, asked)
    with connected(gateway) as made:
        made.threads = 1  # the run can be repeated to the call
        made.call("get-balance")  # tells the gateway's time
        try:
            rows = read(made, table, asked)
        except DrainError:
            tally.fired["said no"] += 1
            return
        finally:
            tally.fired[f"{kind} struck"] += drift.strikes
    tally.fired["accepted"] += 1
    seen = Counter(_key(table, row) for row in rows)
    always = before & _there(account, table, asked)
    lost, twice = always - seen.keys(), [key for key, count in seen.items() if count > 1]
    where = f"{kind} every {rate[0]} pages, {rate[1]} changes, seed {seed}"
    tally.wrong += [f"{where}: {len(lost)} of {len(always)} lost"] * bool(lost)
    tally.wrong += [f"{where}: {len(twice)} twice"] * bool(twice)


def run(
    seed: int,
    *,
    seeds: int = 20,
    kinds: Sequence[str] = tuple(DRIFT_KINDS),
    rates: Sequence[tuple[int, int]] = RATES,
    read: Callable[..., Rows] = proved,
    until_wrong: bool = False,
) -> Tally:
    """Every kind of drift, at every rate, with many seeds."""
    tally = Tally("drift", seed)
    for one, kind, rate in itertools.product(range(seeds), kinds, rates):
        strike(kind, rate, seed * 1000 + one, read, tally)
        if until_wrong and tally.wrong:
            break
    return tally
