"""Clicks: who, on what, when; of the sends whose count moved; at no call where nothing counts them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from smsdata import Client, Store, sync
from smsdata.gateway.endpoints import endpoint
from smsdata.ingest.callbacks import ingest_callbacks
from smsdata.schema.frames import to_arrow, with_schema
from smsdata.schema.tables import TABLES
from smsdata.simulator import Account, Gateway
from smsdata.store.spool import Callback, Spool, spool_folder
from smsdata.times import instant
from tests.support.callers import query

Connect = Callable[..., Client]
NOW, AT = instant("2026-11-22"), "2026-11-20 01:02:03"


@pytest.fixture
def world(connect: Connect, tmp_path: Path) -> tuple[Account, Gateway, Client, Store]:
    account = Account(seed=5, campaigns=6, recipients=60, singles=5, inbound=0, lists=1, days=25)
    gateway = Gateway(account, limiter=None)
    client, store = connect(gateway), Store(tmp_path / "store")
    sync(client, store)
    return account, gateway, client, store


def stored(store: Store) -> list[dict[str, Any]]:
    columns = ["message_id", "hit", "msisdn", "link", "clicked_at"]
    return sorted(
        store.rows("link_hits").select(columns).to_pylist(), key=lambda row: (row["message_id"], row["hit"])
    )


def true(account: Account) -> list[dict[str, Any]]:
    return sorted(account.truth("link_hits"), key=lambda row: (row["message_id"], row["hit"]))


def calls_of(gateway: Gateway, path: str) -> int:
    return Counter(call.path for call in gateway.calls)[path]


def test_sync_reads_the_clicks_of_the_sends_whose_count_moved(world: Any) -> None:
    account, gateway, client, store = world
    assert account.truth("link_hits"), "nobody clicked: the test would prove nothing"
    report = sync(client, store, tables=["link_hits"])
    assert report.attention == []
    assert stored(store) == true(account)
    reads = calls_of(gateway, "/get-link-hits.json")
    sync(client, store, tables=["link_hits"])
    assert calls_of(gateway, "/get-link-hits.json") == reads, "nothing moved"
    row = account.state.inbox.link_hits[0][1]
    with account.state.clock.changing():
        account.state.inbox.link_hits.append((account.now, row, "https://example.com/offer"))
    sync(client, store, tables=["link_hits"])
    assert calls_of(gateway, "/get-link-hits.json") == reads + 1
    assert stored(store) == true(account)


def test_clicks_that_were_called_back_before_are_not_doubled_by_polling(world: Any) -> None:
    account, _, client, store = world
    hits = true(account)
    spool = Spool(spool_folder(store.private))
    with spool.receiving("a test"):
        for row in hits:
            who = {"message_id": str(row["message_id"]), "mobile": row["msisdn"]}
            fields = who | {"datetime": str(row["clicked_at"]).replace("T", " ")[:19], "link_hits": "1"}
            spool.append([Callback(at=int(time.time() * 1e6), kind="link-hit", query=query(fields)).line()])
    ingest_callbacks(store)
    assert store.count("link_hits")
    sync(client, store, tables=["link_hits"])
    assert stored(store) == hits


def test_plain_sync_asks_nobody_for_clicks(world: Any) -> None:
    _, gateway, client, store = world
    sync(client, store)
    assert calls_of(gateway, "/get-sms-stats.json") == calls_of(gateway, "/get-link-hits.json") == 0
    assert store.count("link_hits") == 0


def test_plain_sync_reads_clicks_where_the_report_counts_them(world: Any) -> None:
    account, gateway, client, store = world
    send = account.truth("link_hits")[0]["message_id"]
    count = sum(row["message_id"] == send for row in account.truth("link_hits"))
    gateway.spoil("get-message-report", {"id": send}, {"link_hits": count})
    for _ in range(2):
        sync(client, store, deep=True)
    assert store.count("link_hits") == count
    assert calls_of(gateway, "/get-link-hits.json") == 1


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (
            {"mobile": 61491570156, "datetime": "2026-11-20 01:02:03"},
            ("61491570156", None, AT),
        ),
        (
            {"msisdn": "61491570156", "link": "https://example.com", "clicked_at": AT},
            ("61491570156", "https://example.com", AT),
        ),
        (
            {"number": "61491570156", "url": "https://example.com"},
            ("61491570156", "https://example.com", None),
        ),
    ],
)
def test_clicks_have_who_what_and_when(sent: dict[str, Any], expected: tuple[Any, ...]) -> None:
    batch = to_arrow(endpoint("link_hits").table, [sent], synced_at=NOW, same={"message_id": 7})
    (row,) = batch.rows.to_pylist()
    when = row["clicked_at"].strftime("%Y-%m-%d %H:%M:%S") if row["clicked_at"] else None
    assert (row["msisdn"], row["link"], when) == expected
    assert row["extra"] is None


def test_clicks_that_an_older_version_stored_keep_who_and_when() -> None:
    old = pa.table(
        {
            "message_id": pa.array([7, 7]), "hit": pa.array([1, 2]),
            "mobile": ["61491570156", None], "datetime": ["2026-11-20 01:02:03", "soon"],
            "synced_at": pa.array([NOW, NOW], pa.timestamp("us", "UTC")),
        }
    )  # fmt: skip
    rows = with_schema("link_hits", old).to_pylist()
    assert [row["msisdn"] for row in rows] == ["61491570156", None]
    assert [str(row["clicked_at"]) for row in rows] == ["2026-11-20 01:02:03+00:00", "None"]
    assert set(rows[0]) == {column.name for column in TABLES["link_hits"].stored}


def test_clicks_fewer_than_counted_are_said_and_asked_for_again(world: Any) -> None:
    account, _, client, store = world
    sync(client, store, tables=["link_hits"])
    inbox = account.state.inbox
    inbox.link_hits.append(
        (account.now, inbox.link_hits[0][1], "https://example.com/offer")
    )  # not listed yet
    report = sync(client, store, tables=["link_hits"])
    assert any("clicks, and counts" in note for note in report.notes)
    assert stored(store) != true(account)
    account.advance(seconds=1)  # now it is
    assert sync(client, store, tables=["link_hits"]).notes == []
    assert stored(store) == true(account)
