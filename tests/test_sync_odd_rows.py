"""Sync where rows do not fit: they are set aside, read once more, and taken back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from smsdata import Store
from smsdata.ingest.run import sync
from smsdata.simulator import Account, Gateway
from tests.support.comparison import differences


def test_sync_sets_odd_rows_aside_and_goes_on(world, connect):
    account, gateway, store = world
    account.advance(hours=1)
    account.inbound(61491570156, "an odd one")
    odd = max(account.truth("replies"), key=lambda row: row["id"])
    gateway.spoil("get-user-sms-responses", {"id": odd["id"]}, {"received_at": "soon"})
    report = sync(connect(gateway), store)
    assert report.tables["replies"].rejected == 1
    assert any("set aside" in line for line in report.attention)
    (kept,) = store.rejects.all().values()
    assert kept["raw"]["id"] == odd["id"]
    assert odd["id"] not in store.read("replies")["id"].to_list()
    assert "61491570156" not in "".join(report.attention)


@pytest.mark.parametrize(
    ("call", "table", "spoilt"),
    [
        ("get-user-sms-responses", "replies", "received_at"),
        ("get-user-sms-sent", "messages", "sent_at"),
        ("get-sms-sent", "dlrs", "msisdn"),
        ("get-list", "list_members", "msisdn"),
    ],
)
def test_sync_reads_once_more_where_a_row_was_odd(connect, tmp_path, call, table, spoilt):
    """A gateway that got over it: the row is stored, and what was set aside is let go."""
    account = Account(seed=5, campaigns=4, recipients=40, singles=3, inbound=5, lists=2, days=10)
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    sync(connect(gateway), store)
    account.send_campaign(numbers=[f"61491570{n:03d}" for n in range(300, 340)], text="Sale")
    account.inbound(61491570156, "Are you open?")
    account.contacts.add_member(next(iter(account.contacts.lists)), 61491570156)
    account.advance(hours=100)
    spoiled = Once(gateway, call, spoilt)
    report = sync(connect(spoiled), store)
    assert report.tables[table].rejected == 1
    assert len(store.rejects.all()) == 1
    # a reply that is odd in one call is missed by its send's counter, and read by another call
    assert (differences(store, account, [table]) == {}) is (table == "replies")
    account.advance(hours=24)
    assert sync(connect(gateway), store).attention == []
    assert differences(store, account) == {}
    assert store.rejects.all() == {}
    account.advance(hours=1)
    assert sync(connect(gateway), store).calls <= 6


def test_sync_reads_once_more_where_an_opt_out_was_odd(world, connect):
    account, gateway, store = world
    alone = {row["message_id"] for row in account.truth("campaigns") if row["msisdn"] is not None}
    rows = [row for row in account.truth("dlrs") if not row["optout"] and row["message_id"] not in alone]
    row = max(rows, key=lambda row: row["sent_at"])
    account.optout_by_link(row["message_id"], row["msisdn"])
    report = sync(connect(Once(gateway, "get-sms-sent", "msisdn")), store)
    assert report.tables["optouts"].rejected == 1
    assert differences(store, account, ["optouts"]) != {}
    sync(connect(gateway), store)
    assert differences(store, account, ["dlrs", "optouts"]) == {}
    assert sync(connect(gateway), store).calls <= 6


def test_sync_reads_once_more_an_odd_reply_of_its_first_run(connect, tmp_path):
    """A day later the window that the first run read reaches back further than the gateway keeps."""
    account = Account(seed=5, campaigns=2, recipients=20, singles=2, inbound=5, lists=1, days=10)
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    sync(connect(Once(gateway, "get-user-sms-responses", "received_at")), store)
    assert len(store.rejects.all()) == 1
    account.advance(hours=36)
    assert sync(connect(gateway), store).attention == []
    assert differences(store, account, ["replies"]) == {}
    assert store.rejects.all() == {}


class Once:
    """A gateway that serves the first row of a call odd, in every answer."""

    def __init__(self, gateway, call, key):
        self._gateway, self._call, self._key, self._row = gateway, call, key, None

    def __getattr__(self, name):
        return getattr(self._gateway, name)

    def respond(self, method, path, *arguments, **named):
        answer = self._gateway.respond(method, path, *arguments, **named)
        if path.rsplit("/", 1)[-1].removesuffix(".json") != self._call:
            return answer
        told = json.loads(answer.body)
        for rows in (rows for rows in told.values() if isinstance(rows, list)):
            self._row = self._row or (dict(rows[0]) if rows else None)
            for row in rows:
                if row == self._row:
                    row[self._key] = "soon"
        return replace(answer, body=json.dumps(told).encode())


def test_sync_rests_on_a_row_that_stays_odd(world, connect):
    account, gateway, store = world
    account.inbound(61491570156, "an odd one")
    odd = max(account.truth("replies"), key=lambda row: row["id"])
    gateway.spoil("get-user-sms-responses", {"id": odd["id"]}, {"received_at": "soon"})
    seen = []
    for _ in range(6):
        account.advance(hours=1)
        seen.append(sync(connect(gateway), store).tables["replies"].rejected)
    assert seen == [1, 1, 1, 1, 0, 0]
    assert len(store.rejects.all()) == 1


def test_sync_rests_on_a_member_that_stays_odd(world, connect):
    account, gateway, store = world
    member = account.truth("list_members")[0]
    gateway.spoil("get-list", {"msisdn": int(member["msisdn"])}, {"msisdn": "soon"})
    account.contacts.add_member(member["list_id"], 61491570156)
    calls = []
    for _ in range(6):
        account.advance(hours=1)
        calls.append(sync(connect(gateway), store).tables["list_members"].calls)
    assert calls == [1, 1, 1, 1, 0, 0]
    assert differences(store, account, ["list_members"]) == {}


def test_sync_replays_rejects_once_they_can_be_read(world, connect):
    account, gateway, store = world
    account.inbound(61491570156, "an odd one")
    odd = max(account.truth("replies"), key=lambda row: row["id"])
    gateway.spoil("get-user-sms-responses", {"id": odd["id"]}, {"surplus": 1, "received_at": "soon"})
    sync(connect(gateway), store)
    (path,) = (store.private / "rejects").glob("*.json")
    told = json.loads(path.read_text())
    told.pop("checksum")  # as an older version wrote it
    told["raw"]["received_at"] = odd["received_at"].strftime("%Y-%m-%d %H:%M:%S")
    path.write_text(json.dumps(told))
    report = sync(connect(gateway), store, tables=["lists"], replay_rejects=True)
    assert store.rejects.all() == {}
    assert any("taken back" in note for note in report.notes)
    assert odd["id"] in store.read("replies")["id"].to_list()


def test_sync_takes_a_counter_it_cannot_read_for_unknown(connect, tmp_path):
    """Not for 0: the send's dlrs are read in full once, and `verify` says that it could not judge."""
    account = Account(seed=3, campaigns=3, recipients=14, singles=3, inbound=3, lists=2, days=15)
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    send = max(account.sends, key=lambda send: len(send.rows)).message_id
    gateway.spoil("get-message-report", {"id": send}, {"pending": None, "cost": None})
    report = sync(connect(gateway), store)
    assert report.tables["campaigns"].unread == {"cost": 1, "pending": 1}
    assert differences(store, account, ["dlrs", "messages"]) == {}
    assert sync(connect(gateway), store).calls <= 6
    assert {one.what for one in store.verify()} == {"counters unreadable"}


def test_sync_names_rows_aside_until_they_are_dismissed(world, connect):
    account, gateway, store = world
    account.inbound(61491570156, "an odd one")
    odd = max(account.truth("replies"), key=lambda row: row["id"])
    gateway.spoil("get-user-sms-responses", {"id": odd["id"]}, {"received_at": "soon"})
    for _ in range(6):
        account.advance(hours=1)
        assert any("aside" in line for line in sync(connect(gateway), store).attention)
    assert [one.expected for one in store.verify() if one.what == "set aside"] == [1]
    assert sync(connect(gateway), store, dismiss_rejects=True).attention == []
    assert store.rejects.all() == {}


def test_sync_and_verify_name_a_row_aside_whose_file_is_gone(world, connect):
    account, gateway, store = world
    account.inbound(61491570156, "an odd one")
    odd = max(account.truth("replies"), key=lambda row: row["id"])
    gateway.spoil("get-user-sms-responses", {"id": odd["id"]}, {"received_at": "soon"})
    sync(connect(gateway), store)
    (path,) = (store.private / "rejects").glob("*.json")
    path.unlink()
    missing = [one for one in store.verify() if one.what == "missing"]
    assert [path.name in one.where for one in missing] == [True]
    report = sync(connect(gateway), store, tables=["lists"])
    assert any("are gone from" in line for line in report.attention)
    assert sync(connect(gateway), store, dismiss_rejects=True, tables=["lists"]).attention == []
    assert not [one for one in store.verify() if one.what == "missing"]


@pytest.mark.parametrize("spoil", [lambda c: c[:9], lambda c: c.replace(b"soon", b"noon")])
def test_sync_and_verify_name_a_damaged_file_of_rejects(world, connect, spoil):
    account, gateway, store = world
    account.inbound(61491570156, "an odd one")
    odd = max(account.truth("replies"), key=lambda row: row["id"])
    gateway.spoil("get-user-sms-responses", {"id": odd["id"]}, {"id": "soon"})
    sync(connect(gateway), store)
    (path,) = (store.private / "rejects").glob("*.json")
    path.write_bytes(spoil(path.read_bytes()))
    assert any(path.name in line and "damaged" in line for line in map(str, store.verify()))
    assert any(f"{path} is damaged" in line for line in sync(connect(gateway), store).attention)
