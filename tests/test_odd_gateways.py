"""Gateways that answer well-formed and wrong: what they keep back is owed, another's is not stored."""

from __future__ import annotations

from typing import Any

import pytest

from smsdata import Store
from smsdata.ingest.run import sync
from smsdata.simulator import Account, Gateway
from tests.support.comparison import differences
from tests.support.served import biggest
from tests.support.sync_world import small_account
from tests.support.tampering import Tampered, emptied


@pytest.fixture
def account() -> Account:
    return small_account()


def test_sync_takes_a_recipient_without_a_status_and_stores_all_others(connect, tmp_path, account):
    send = str(biggest(account))

    def change(call: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        if call == "get-sms-sent" and sent["message_id"] == send and sent.get("page", "1") == "1":
            answer["recipients"][0]["delivery_status"] = None
            return answer
        return None

    through = Tampered(Gateway(account, limiter=None), change)
    store = Store(tmp_path / "store")
    report = sync(connect(None, through=through), store, since="100d")
    assert any("add up" in line for line in report.attention)
    rows = store.read("dlrs")
    assert len(rows) == len(account.truth("dlrs"))
    assert rows["status"].isna().sum() == 1
    assert [d.what for d in store.verify() if d.table == "dlrs" and "no status" in d.what]
    through.on = False
    account.advance(days=3)
    sync(connect(None, through=through), store, deep=True, since="100d")
    assert differences(store, account) == {}
    assert store.verify() == []


def test_sync_does_not_believe_that_nobody_replied_where_counters_say_so(connect, tmp_path, account):
    through = Tampered(Gateway(account, limiter=None), emptied("get-user-sms-responses", "get-sms-responses"))
    store = Store(tmp_path / "store")
    for _ in range(2):
        report = sync(connect(None, through=through), store, since="100d")
        assert [line for line in report.attention if line.startswith("replies: ")]
        assert [one for one in store.verify() if one.table == "replies"]
        account.advance(hours=24)
    through.on = False
    sync(connect(None, through=through), store)
    assert differences(store, account) == {}
    assert store.verify() == []


def test_sync_does_not_believe_that_nothing_was_sent_where_counters_say_so(connect, tmp_path, account):
    through = Tampered(Gateway(account, limiter=None), emptied("get-user-sms-sent"))
    store = Store(tmp_path / "store")
    for _ in range(2):
        report = sync(connect(None, through=through), store, since="100d")
        assert [line for line in report.attention if line.startswith("messages: ")]
        assert [one for one in store.verify() if one.table == "messages"]
        account.advance(hours=24)
    through.on = False
    sync(connect(None, through=through), store)
    assert differences(store, account) == {}
    assert store.verify() == []


def test_sync_names_a_send_of_which_a_message_is_kept_back(connect, tmp_path, account):
    recent = [one for one in account.sends if one.sent_at > account.now - 20 * 86400]
    send = max(recent, key=lambda one: len(one.rows)).message_id

    def change(call: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        if call != "get-user-sms-sent":
            return None
        mine = [row for row in answer["messages"] if row["message_id"] == send]
        for row in mine[:1]:
            row["sent_at"] = "2001-01-01 00:00:00"
        return answer

    through = Tampered(Gateway(account, limiter=None), change)
    store = Store(tmp_path / "store")
    report = sync(connect(None, through=through), store, since="100d")
    assert [line for line in report.attention if f"{send}" in line and line.startswith("messages")]
    through.on = False
    account.advance(days=8)
    sync(connect(None, through=through), store)
    assert differences(store, account) == {}


@pytest.mark.parametrize("block", [True, False])
def test_sync_does_not_keep_the_recipients_of_another_send(connect, tmp_path, account, block):
    send = biggest(account)
    other = str(next(one.message_id for one in account.sends if len(one.rows) > 5 and one.message_id != send))
    gateway = Gateway(account, limiter=None)
    served: dict[tuple[str, str], Any] = {}

    def change(call: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        if call != "get-sms-sent" or "delivery" in sent or sent["optouts"] != "include":
            return None
        if sent["message_id"] == other:
            served[other, sent["page"]] = answer
        if sent["message_id"] != str(send):
            return None
        foreign = dict(served.get((other, sent["page"]), answer))
        if not block:
            foreign.pop("message", None)
        return foreign

    through = Tampered(gateway, change)
    store = Store(tmp_path / "store")
    with connect(None, through=through) as client:  # so that the other one's answer is known
        client.dlrs(message_id=int(other))
    for run in range(3):
        report = sync(connect(None, through=through), store, since="100d" if not run else None)
        assert [line for line in report.attention if f"{send}" in line], run
        assert not len(store.read("dlrs").query("message_id == @send"))
        account.advance(hours=13)
    through.on = False
    account.advance(days=8)
    sync(connect(None, through=through), store)
    assert differences(store, account) == {}
    assert store.verify() == []


def test_sync_takes_two_clicks_that_look_alike(connect, tmp_path, account):
    click = {"mobile": "61491570156", "link": "https://example.com/a", "datetime": "2026-11-20 01:02:03"}
    hits = [click, click, click | {"datetime": "2026-11-20 01:02:04"}]

    def change(call: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        if call != "get-link-hits":
            return None
        return {
            "page": {"count": 1, "number": int(sent["page"])},
            "total": 3,
            "hits": hits,
            "error": answer["error"],
        }

    store = Store(tmp_path / "store")
    through = Tampered(Gateway(account, limiter=None), change)
    report = sync(connect(None, through=through), store, tables=["link_hits"], message_id=biggest(account))
    assert report.attention == []
    assert len(store.read("link_hits")) == 3


@pytest.mark.parametrize("table", ["list_members", "numbers", "status_history"])
def test_sync_names_a_file_that_is_damaged(connect, tmp_path, account, table):
    gateway = Gateway(account, limiter=None)
    store = Store(tmp_path / "store")
    assert sync(connect(gateway), store).attention == []
    part = store.parts(table)[-1]
    part.write_bytes(part.read_bytes()[:-40])
    account.advance(hours=1)
    report = sync(connect(gateway), store)
    assert [line for line in report.attention if part.name in line and table in line]


def test_sync_reads_inactive_members_apart_where_all_leaves_them_out(connect, tmp_path, account):
    gateway = Gateway(account, limiter=None)

    def change(call: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        if call != "get-list" or sent.get("members") != "all":
            return None
        rows = [row for row in answer["members"] if row["status"] == "active"]
        return answer | {"members": rows}

    through = Tampered(gateway, change)
    store = Store(tmp_path / "store")
    for _ in range(2):
        report = sync(connect(None, through=through), store)
        assert report.attention == []
        assert any("leaves inactive members out" in note for note in report.notes)
        assert differences(store, account, ["list_members"]) == {}
        account.advance(days=8)


def test_sync_says_what_a_long_list_counts_that_it_does_not_give(connect, tmp_path):
    account = Account(seed=2, campaigns=0, singles=0, inbound=0, lists=0, days=30)
    list_id = account.contacts.add_list("Long")
    for n in range(200):
        account.contacts.add_member(list_id, 61491570000 + n)

    def change(call: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        return answer | {"members_active": 207} if call == "get-list" else None

    through = Tampered(Gateway(account, limiter=None, max_page=25), change)
    store = Store(tmp_path / "store")
    report = sync(connect(None, through=through), store)
    assert (
        f"list {list_id} gave 200 active members in two passes alike, and counts 207" in report.attention[0]
    )
    assert store.read("list_members")["gone_at"].isna().all()


def test_sync_deep_of_members_reads_them_again(connect, tmp_path, account):
    gateway = Gateway(account, limiter=None)
    store = Store(tmp_path / "store")
    sync(connect(gateway), store)
    lists = len(account.contacts.lists)
    before = len([call for call in gateway.calls if call.path.endswith("get-list.json")])
    sync(connect(gateway), store, tables=["list_members"], deep=True)
    assert len([call for call in gateway.calls if call.path.endswith("get-list.json")]) >= before + lists
