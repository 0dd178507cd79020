"""Callbacks of the twin: what is told, to whom, when, signed how, and again when nobody answers."""

from __future__ import annotations

import copy
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from smsdata.simulator import Account
from smsdata.simulator.outbox import OutgoingCall
from tests.support.callers import signature

from .asking import noted, small

SENDER = "61491570110"
URLS = {name: f"http://127.0.0.1:1/{name}" for name in ("dlr", "reply", "link_hit", "list")}


class Listener:
    """Takes calls; `deaf` says how many tries of each event it does not answer."""

    def __init__(self, account: Account, deaf: int = 0, **urls: str) -> None:
        self.calls: list[OutgoingCall] = []
        self._deaf = deaf
        account.outbox.post = self._take
        account.outbox.set(**(urls or URLS))

    def _take(self, call: OutgoingCall) -> bool:
        self.calls.append(call)
        return call.tries >= self._deaf

    def of(self, kind: str) -> list[dict[str, str]]:
        return [dict(call.pairs) for call in self.calls if call.kind == kind]


def stamp(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def test_each_recipient_has_one_receipt_at_the_instant_its_status_is_final() -> None:
    account = small(dead=0.1)
    listener = Listener(account)
    send = account.send_campaign(numbers=[61491570200 + n for n in range(400)])
    account.advance(days=4)
    table = account.recipients
    rows = account.state.sent.send_of(send).rows.tolist()
    words = ["pending", "delivered", "soft-bounce", "hard-bounce"]
    true = {
        (str(table["msisdn"][row]), stamp(int(table["final_at"][row])), words[table["outcome"][row]])
        for row in rows
    }
    told = listener.of("dlr")
    assert {(one["mobile"], one["datetime"], one["status"]) for one in told} == true
    assert len(told) == len(rows) == 400
    assert {(one["message_id"], one["user_id"]) for one in told} == {(str(send), "70123")}
    assert len({one["status"] for one in told}) == 3
    assert [call.at for call in listener.calls] == sorted(call.at for call in listener.calls)
    assert all(
        stamp(call.at) == dict(call.pairs)["datetime"] for call in listener.calls if call.kind == "dlr"
    )


def test_messages_that_are_on_their_way_are_told_of_once_an_address_is_set() -> None:
    account = small()
    account.send_campaign(numbers=[61491570200 + n for n in range(400)])
    account.advance(30)
    before = account.now
    listener = Listener(account, dlr=URLS["dlr"])
    account.outbox.set(dlr="http://127.0.0.1:1/other")  # another address: nothing is told twice
    account.advance(days=4)
    late = [int(at) for at in account.recipients["final_at"] if at > before]
    assert Counter(call.at for call in listener.calls) == Counter(late)
    assert 50 < len(late) < 400
    assert {urlsplit(call.url).path for call in listener.calls} == {"/other"}


def test_who_is_not_called_has_no_address() -> None:
    account = small(campaigns=5)
    account.advance(days=4)
    assert account.outbox.told == []


@pytest.mark.parametrize(("deaf", "waits"), [
    (0, [0]), (1, [0, 60]), (2, [0, 60, 360]), (3, [0, 60, 360, 3_960]), (4, [0, 60, 360, 3_960, 90_360]),
    (5, [0, 60, 360, 3_960, 90_360]),
])  # fmt: skip
def test_nobody_answers_then_it_is_tried_after_1_min_5_min_1_h_and_24_h(deaf: int, waits: list[int]) -> None:
    account = small()
    listener = Listener(account, deaf)
    reply = account.inbound(61491570156, "Are you open?")
    begun = account.now
    account.advance(days=30)
    assert [call.at - begun for call in listener.calls] == waits
    assert {dict(call.pairs)["response_id"] for call in listener.calls} == {str(reply)}
    assert len({call.url for call in listener.calls}) == 1  # a retry is the same call
    assert [told.accepted for told in account.outbox.told] == [n >= deaf for n in range(len(waits))]


def test_events_come_out_of_order_where_one_had_to_be_tried_again() -> None:
    """The earlier reply is heard after the later one; each is heard once."""
    account = small(reply_rate=0.0)
    account.outbox.post = lambda call: call.tries > 0 or dict(call.pairs)["response"] != "first"
    account.outbox.set(reply="http://127.0.0.1:1/")
    account.inbound(61491570156, "first")
    account.advance(30)
    account.inbound(61491570156, "second")
    account.advance(60)
    heard = [dict(told.call.pairs)["response"] for told in account.outbox.told if told.accepted]
    assert heard == ["second", "first"]


def test_what_is_told_of_a_reply() -> None:
    account = small()
    send = account.send(61491570156)
    listener = Listener(account)
    first = account.reply(send, 61491570156, "ja/né 👍 & co")
    second = account.reply(send, 61491570156, "Stop.")
    third = account.inbound(61491570157, "Hello?", longcode="61491570737")
    at = stamp(account.now)
    common = {"mobile": "61491570156", "longcode": SENDER, "datetime_entry": at, "message_id": str(send)}
    common["user_id"] = "70123"
    assert listener.of("reply") == [
        common | {"response": "ja/né 👍 & co", "response_id": str(first), "is_optout": "no"},
        common | {"response": "Stop.", "response_id": str(second), "is_optout": "yes"},
        common
        | {"message_id": "0", "mobile": "61491570157", "longcode": "61491570737", "response": "Hello?"}
        | {"response_id": str(third), "is_optout": "no"},
    ]  # fmt: skip
    names = "message_id mobile longcode datetime_entry response response_id is_optout user_id"
    assert list(listener.of("reply")[0]) == names.split()


def test_what_is_told_of_a_link_hit() -> None:
    account = small(seed=7)
    listener = Listener(account)
    send = account.send_campaign(3_100_001, "Hi [Firstname], see https://example.com/offer")
    row = int(account.state.sent.send_of(send).rows[0])
    for _ in range(2):
        account.state.inbox.take_hit(account.now, row)
    one, two = listener.of("link-hit")
    names = "message_id list_id mobile longcode datetime link_hits message firstname lastname user_id"
    assert list(one) == names.split()
    first = account.state.sent.names.values[account.recipients["first"][row]] or ""
    assert (one["message_id"], one["list_id"], one["firstname"]) == (str(send), "3100001", first)
    assert one["message"] == f"Hi {first}, see https://example.com/offer"
    assert (one["link_hits"], two["link_hits"]) == ("1", "2")


def test_what_is_told_of_lists() -> None:
    account = small()
    listener = Listener(account)
    lists = account.contacts
    lists.add_member(3_100_001, 447700900111, "Mia", None, fields={"Birthday": "1 May"})
    lists.edit_member(3_100_001, 447700900111, last_name="Okafor")
    lists.optout_member(447700900111, 3_100_001)
    lists.delete_member(447700900111)
    about = {"datetime_entry": stamp(account.now), "list_id": "3100001", "mobile": "447700900111"}
    assert listener.of("list") == [
        {"type": "add", **about, "firstname": "Mia", "lastname": "", "Birthday": "1 May"},
        {"type": "delete", **about, "firstname": "Mia", "lastname": "Okafor", "Birthday": "1 May"},
    ]
    assert {call.kind for call in listener.calls} == {"list"}


def test_addresses_of_a_send_come_before_those_of_the_account() -> None:
    account = small()
    listener = Listener(account)
    number = 61491570156
    own = {kind: f"https://shop.example/{kind}?order=7" for kind in ("dlr", "reply", "link-hit")}
    people: Any = [
        account.contacts.lists[3_100_001].members[m] for m in account.contacts.lists[3_100_001].members
    ]
    mine = account.sending.order(people[:3], "Hi", urls=own)
    theirs = account.send(number, "Hi")
    account.advance(days=4)
    account.reply(mine, people[0].msisdn, "Yes")
    account.reply(theirs, number, "Yes")
    account.inbound(number, "No")
    account.state.inbox.take_hit(account.now, int(account.state.sent.send_of(mine).rows[0]))
    hosts = {(urlsplit(c.url).hostname, c.kind, dict(c.pairs)["message_id"]) for c in listener.calls}
    assert hosts == {
        ("shop.example", "dlr", str(mine)), ("shop.example", "reply", str(mine)),
        ("shop.example", "link-hit", str(mine)), ("127.0.0.1", "dlr", str(theirs)),
        ("127.0.0.1", "reply", str(theirs)), ("127.0.0.1", "reply", "0"),
    }  # fmt: skip


def test_a_send_with_an_address_of_its_own_needs_none_of_the_account() -> None:
    account = small()
    calls = noted(account)
    people: Any = list(account.contacts.lists[3_100_001].present())[:2]
    account.sending.order(people, "Hi", urls={"dlr": "http://127.0.0.1:1/mine"})
    account.send(61491570156, "Hi")
    account.advance(days=4)
    assert [call.kind for call in calls] == ["dlr", "dlr"]


@pytest.mark.parametrize("form", [False, True])
def test_own_parameters_come_along_and_all_is_signed_in_its_order(form: bool) -> None:
    account = small()
    account.outbox.secret, account.outbox.form = "word", form
    listener = Listener(account, reply="http://127.0.0.1:1/r?campaign=a%20b&z=%2F#part")
    account.inbound(61491570156, "ja/né 👍 & co")
    (call,) = listener.calls
    parts = urlsplit(call.url)
    assert (call.method, parts.fragment == "") == ("POST" if form else "GET", not form)
    sent = parse_qsl(call.body if form else parts.query, keep_blank_values=True)
    beside = parse_qsl(parts.query) if form else sent[:2]
    assert beside == [("campaign", "a b"), ("z", "/")]
    assert tuple(sent if form else sent[2:]) == call.pairs
    assert call.headers == {"x-transmitsms-signature": signature(dict(sent), "word")}


def test_a_name_with_a_space_is_signed_as_php_reads_it() -> None:
    account = small()
    account.outbox.secret = "word"
    listener = Listener(account)
    account.contacts.add_member(3_100_001, 447700900111, "Mia", "M", fields={"Shoe size": "7"})
    (call,) = listener.calls
    assert call.pairs[-1] == ("Shoe size", "7")
    read = {name.replace(" ", "_"): value for name, value in call.pairs}
    assert call.headers["x-transmitsms-signature"] == signature(read, "word")


def test_a_status_changed_by_hand_is_told_in_the_place_of_the_other() -> None:
    account = small()
    listener = Listener(account)
    send = account.send(61491570156)
    account.set_status(send, 61491570156, "hard-bounce")
    changed = stamp(account.now)
    account.advance(days=4)
    assert [(one["status"], one["datetime"]) for one in listener.of("dlr")] == [("hard-bounce", changed)]


def test_equal_accounts_tell_the_same_and_a_copy_goes_its_own_way() -> None:
    def told(account: Account) -> list[tuple[int, str, str]]:
        return [(one.call.at, one.call.kind, one.call.url) for one in account.outbox.told]

    made = []
    for _ in range(2):
        account = small(reply_rate=0.5)
        account.outbox.set(**URLS)
        account.send_campaign(numbers=[61491570200 + n for n in range(30)])
        account.advance(hours=2)
        made.append(account)
    first, second = made
    twin = copy.deepcopy(first)
    first.advance(days=3)
    assert len(told(twin)) < len(told(first))
    twin.advance(days=3)
    second.advance(days=3)
    assert told(first) == told(second) == told(twin)


@pytest.mark.parametrize(
    ("urls", "says"),
    [({"dlrs": "http://a"}, "unknown callback 'dlrs'"), ({"dlr": "ftp://a"}, "dlr has no address"),
     ({"reply": "a.example"}, "reply has no address"), ({"reply": "http://"}, "reply has no address")],
)  # fmt: skip
def test_addresses_that_are_none_are_refused(urls: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        small().outbox.set(**urls)
