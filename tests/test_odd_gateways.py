"""Gateways that answer well-formed and wrong: what they keep back is owed, another's is not stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from smsdata import Store
from smsdata.errors import ApiError
from smsdata.ingest.reconcile import verify
from smsdata.ingest.run import sync
from smsdata.simulator import Account, Gateway, transport
from tests.support.comparison import differences
from tests.support.served import biggest
from tests.support.sync_world import present, small_account
from tests.support.tampering import Change, Tampered, emptied


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


@pytest.mark.parametrize(
    ("table", "calls"),
    [
        ("replies", ["get-user-sms-responses", "get-sms-responses"]),
        ("messages", ["get-user-sms-sent"]),
    ],
)
def test_sync_does_not_believe_that_there_is_nothing_where_counters_say_so(
    connect, tmp_path, account, table, calls
):
    through = Tampered(Gateway(account, limiter=None), emptied(*calls))
    store = Store(tmp_path / "store")
    for _ in range(2):
        report = sync(connect(None, through=through), store, since="100d")
        assert [line for line in report.attention if line.startswith(f"{table}: ")]
        assert [one for one in store.verify() if one.table == table]
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


def test_sync_settles_where_the_gateway_takes_a_final_status_back(connect, tmp_path, account):
    gateway = Gateway(account, limiter=None)
    store = Store(tmp_path / "store")
    sync(connect(gateway), store, since="100d")
    recent = [one for one in account.sends if one.sent_at > account.now - 20 * 86400]
    send = max(recent, key=lambda one: len(one.rows))
    delivered = [row for row in account.truth("dlrs") if row["message_id"] == send.message_id]
    msisdn = next(int(row["msisdn"]) for row in delivered if row["status"] == "delivered")
    account.set_status(send.message_id, msisdn, "soft-bounce")
    account.advance(hours=1)
    report = sync(connect(gateway), store)
    assert [line for line in report.attention if "taken back" in line and str(send.message_id) in line]
    before = len(gateway.calls)
    assert sync(connect(gateway), store).attention == []
    assert len(gateway.calls) - before <= 6
    listed = [one for one in store.verify() if one.table == "dlrs"]
    assert {one.what for one in listed} == {"delivered", "soft-bounce"}
    assert all("took back" in one.advice for one in listed)


def test_sync_does_not_say_that_nothing_is_listed_where_a_total_lies(connect, tmp_path, account):
    def change(call: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        return answer | {"total": answer["total"] + 1} if call == "get-user-sms-sent" else None

    through = Tampered(Gateway(account, limiter=None), change)
    report = sync(connect(None, through=through), Store(tmp_path / "store"), since="20d")
    assert report.tables["messages"].unproved
    assert not [line for line in report.attention if "lists none" in line]


NOT_THERE = {"error": {"code": "NOT_IMPLEMENTED", "description": "no such call"}}


@pytest.mark.parametrize(
    "call", ["get-message-report", "get-user-sms-sent", "get-lists", "get-user-sms-responses"]
)
def test_sync_takes_one_missing_answer_of_a_known_call_for_a_failure(connect, tmp_path, account, call):
    through = Tampered(Gateway(account, limiter=None), lambda name, *_: NOT_THERE if name == call else None)
    through.on = False
    store = Store(tmp_path / "store")
    sync(connect(None, through=through), store, since="100d")
    account.send_campaign(numbers=[61491570006, 61491570156])
    account.advance(hours=5)
    through.on = True
    report = sync(connect(None, through=through), store)
    assert report.attention
    assert not any("not offered" in note for note in report.notes)
    through.on = False
    account.advance(hours=20)
    assert sync(connect(None, through=through), store).attention == []
    assert differences(store, account) == {}


def test_sync_without_a_report_of_sends_is_not_well(connect, tmp_path, account):
    change = lambda name, *_: NOT_THERE if name == "get-message-report" else None  # noqa: E731
    through = Tampered(Gateway(account, limiter=None), change)
    store = Store(tmp_path / "store")
    assert sync(connect(None, through=through), store).attention
    assert [one for one in store.verify() if one.table == "campaigns"]


def test_verify_names_what_was_not_read_and_goes_on_without_counts_of_messages(connect, tmp_path, account):
    def change(call: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        if call == "get-lists":
            return answer | {"lists_total": answer["lists_total"] + 1}
        return NOT_THERE if call == "get-sms-sent-count" else None

    through = Tampered(Gateway(account, limiter=None), change)
    store = Store(tmp_path / "store")
    with connect(None, through=through) as client:
        assert sync(client, store).attention
        told = verify(store, client)
    assert ("get-lists", "not read") in {(one.table, one.what) for one in told}
    assert [one.where for one in told if one.what == "not offered"] == ["get-sms-sent-count"]


class _IgnoresTimes(httpx.BaseTransport):
    """A gateway that takes no notice of start and end of one call: it gives its 30 days."""

    def __init__(self, gateway: Gateway, call: str) -> None:
        self._inner = transport(gateway)
        self._call = call
        self.on = True

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on without the slice of time that it asks for."""
        if not self.on or f"/{self._call}." not in request.url.path:
            return self._inner.handle_request(request)
        kept = {k: v for k, v in parse_qsl(request.read().decode()) if k not in ("start", "end")}
        params = {k: v for k, v in request.url.params.items() if k not in ("start", "end")}
        headers = {k: v for k, v in request.headers.items() if k.lower() != "content-length"}
        url = request.url.copy_with(params=params)
        data = kept if request.method == "POST" else None
        return self._inner.handle_request(httpx.Request(request.method, url, headers=headers, data=data))


def test_sync_sees_that_times_are_ignored_where_replies_are_listed(connect, tmp_path, account):
    through = _IgnoresTimes(Gateway(account, limiter=None), "get-user-sms-responses")
    store = Store(tmp_path / "store")
    assert min(row["received_at"] for row in account.truth("replies")) < present(account) - timedelta(days=31)
    for _ in range(3):
        report = sync(connect(None, through=through), store, since="100d")
        assert [line for line in report.attention if line.startswith("replies(")]
        account.advance(hours=24)
    through.on = False
    sync(connect(None, through=through), store)
    assert differences(store, account) == {}


def test_sync_asks_on_for_replies_that_only_their_sends_give(connect, tmp_path, account):
    """Where nothing is new in 30 days, ignored times show in nothing but the sends' own replies."""
    account.advance(days=45)
    through = _IgnoresTimes(Gateway(account, limiter=None), "get-user-sms-responses")
    store = Store(tmp_path / "store")
    for _ in range(3):
        report = sync(connect(None, through=through), store, since="200d")
        assert [line for line in report.attention if "leaves out" in line]
        account.advance(hours=24)
    through.on = False
    report = sync(connect(None, through=through), store)
    assert not [line for line in report.attention if line.startswith("replies")]
    assert store.state.replies_left_out == {}
    assert differences(store, account) == {}


def _too_many(call: str) -> Change:
    def change(name: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        if name == call:
            total = next(key for key in answer if key == "total" or key.endswith("_total"))
            answer[total] = int(answer[total]) + 1
            return answer
        return None

    return change


@pytest.mark.parametrize(
    ("call", "table"),
    [
        ("get-user-sms-sent", "messages"),
        ("get-user-sms-responses", "replies"),
        ("get-message-report", "campaigns"),
    ],
)
def test_sync_stores_what_is_given_where_a_total_is_one_too_high_for_ever(
    connect, tmp_path, account, call, table
):
    through = Tampered(Gateway(account, limiter=None), _too_many(call))
    store = Store(tmp_path / "store")
    for _ in range(2):
        report = sync(connect(None, through=through), store, since="100d")
        assert [line for line in report.attention if line.startswith(f"{table}(") and "is stored" in line]
        assert differences(store, account) == {}
        account.advance(hours=1)
    through.on = False
    assert not sync(connect(None, through=through), store).attention
    assert differences(store, account) == {}


@pytest.mark.parametrize("number", ["", None, "unknown"])
def test_sync_keeps_a_long_list_of_which_some_contacts_have_no_number(connect, tmp_path, account, number):
    biggest_list = max(account.truth("lists"), key=lambda one: one["members_total"])["list_id"]

    def change(call: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        if call == "get-list" and sent["list_id"] == str(biggest_list) and sent.get("page", "1") == "1":
            for row in answer["members"][:3]:
                row.update({key: None for key in row if key not in ("status", "msisdn", "mobile")})
                row["msisdn"] = row["mobile"] = number
            return answer
        return None

    through = Tampered(Gateway(account, limiter=None, max_page=25), change)
    store = Store(tmp_path / "store")
    sync(connect(None, through=through), store)
    truth = [row for row in account.truth("list_members") if row["list_id"] == biggest_list]
    kept = store.read("list_members").query("list_id == @biggest_list")
    assert len(truth) - 3 <= len(kept) <= len(truth)


def test_sync_keeps_messages_of_which_some_have_ids_that_are_none(connect, tmp_path, account):
    def change(call: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        if call != "get-user-sms-sent":
            return None
        for row in answer["messages"][:2]:
            row["id"] = "x y"
        return answer

    through = Tampered(Gateway(account, limiter=None), change)
    store = Store(tmp_path / "store")
    report = sync(connect(None, through=through), store, since="100d")
    assert [line for line in report.attention if "set aside" in line]
    assert len(store.read("messages")) > len(account.truth("messages")) - 20


def test_sync_lets_no_unknown_word_take_the_place_of_a_status_that_is_known(connect, tmp_path, account):
    def change(call: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        if call != "get-sms-sent":
            return None
        for row in answer["recipients"]:
            row["delivery_status"] = "???"
        return answer

    through = Tampered(Gateway(account, limiter=None), change)
    store = Store(tmp_path / "store")
    sync(connect(None, through=through), store, since="100d")
    stored = {row["id"]: row["status"] for row in store.rows("messages").to_pylist()}
    truth = {row["id"]: row["status"] for row in account.truth("messages")}
    assert stored == truth


@pytest.mark.parametrize("depth", [100, 300, 890])
def test_sync_takes_a_row_that_is_nested_deeply_or_sets_it_aside(connect, tmp_path, account, depth):
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    through = _Nests(Gateway(account, limiter=None), nested)
    store = Store(tmp_path / "store")
    report = sync(connect(None, through=through), store, tables=["numbers"])
    assert any("'deep'" in line for line in report.notes + report.attention)
    rows = store.read("numbers")
    assert len(rows) + report.tables["numbers"].rejected == len(account.truth("numbers"))


class _Nests(httpx.BaseTransport):
    """A gateway that puts something deeply nested into each number."""

    def __init__(self, gateway: Gateway, nested: bytes) -> None:
        self._inner = transport(gateway)
        self._nested = nested

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on; an unknown key holds what is nested."""
        response = self._inner.handle_request(request)
        body = response.read().replace(b'"price":', b'"deep":' + self._nested + b',"price":')
        headers = [(k, v) for k, v in response.headers.multi_items() if k.lower() != "content-length"]
        return httpx.Response(response.status_code, headers=headers, content=body)


def _without_send(message_id: int) -> Change:
    def change(call: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        if call != "get-message-report":
            return None
        rows = next(name for name, value in answer.items() if isinstance(value, list))
        total = next(name for name in answer if name == "total" or name.endswith("_total"))
        kept = [row for row in answer[rows] if message_id not in (row.get("message_id"), row.get("id"))]
        return answer | {rows: kept, total: int(answer[total]) - len(answer[rows]) + len(kept)}

    return change


def test_sync_names_a_send_that_messages_name_and_the_report_does_not(connect, tmp_path, account):
    send = biggest(account)
    through = Tampered(Gateway(account, limiter=None), _without_send(send))
    store = Store(tmp_path / "store")
    for _ in range(2):
        report = sync(connect(None, through=through), store, since="100d")
        assert [line for line in report.attention if line.startswith("campaigns: ") and str(send) in line]
        assert [d for d in store.verify() if d.what == "not in the report" and str(send) in d.where]
        account.advance(hours=24)
    through.on = False
    assert not sync(connect(None, through=through), store).attention
    assert differences(store, account) == {}
    assert store.verify() == []


def test_sync_goes_on_naming_a_read_that_failed_while_it_rests(connect, tmp_path, account):
    list_id = account.truth("lists")[0]["list_id"]

    def change(call: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        if call == "get-list" and sent["list_id"] == str(list_id):
            return {"error": {"code": "NO_ACCESS", "description": "not yours"}}
        return None

    through = Tampered(Gateway(account, limiter=None), change)
    store = Store(tmp_path / "store")
    for run in range(4):
        report = sync(connect(None, through=through), store, since="100d" if not run else None)
        assert [line for line in report.attention if str(list_id) in line]
    through.on = False
    account.advance(days=8)
    assert not sync(connect(None, through=through), store).attention
    assert differences(store, account) == {}


def test_an_answer_about_something_else_is_asked_for_four_times(connect, account):
    asked: list[str] = []
    first, second, *_ = (row["list_id"] for row in account.truth("lists"))

    def change(call: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        asked.append(call)
        return answer | {"id": second} if call == "get-list" else None

    with (
        connect(None, through=Tampered(Gateway(account, limiter=None), change)) as client,
        pytest.raises(ApiError, match=r"MISFIT.* after 4 tries"),
    ):
        client.list_members(list_id=first)
    assert asked == ["get-list"] * 4


def test_sync_does_not_believe_that_nothing_is_reported_where_messages_are_listed(connect, tmp_path, account):
    through = Tampered(Gateway(account, limiter=None), emptied("get-message-report"))
    store = Store(tmp_path / "store")
    for _ in range(2):
        report = sync(connect(None, through=through), store, since="100d")
        assert [line for line in report.attention if line.startswith("campaigns: ")]
        assert [d for d in store.verify() if d.what == "not in the report"]
        account.advance(hours=24)
    through.on = False
    assert not sync(connect(None, through=through), store).attention
    assert differences(store, account) == {}
