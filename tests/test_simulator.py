"""The simulator keeps the gateway's reference, and its truth agrees with what it serves."""

from __future__ import annotations

import ast
import copy
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

import smsdata.simulator as simulator
from smsdata.simulator import Account, Answer, Drift, Faults, Gateway, Once, running, transport
from smsdata.simulator.calls import ANSWERS, LISTINGS
from smsdata.simulator.drift import DRIFT_KINDS
from smsdata.simulator.faults import FAULT_KINDS, INSTEAD
from smsdata.simulator.seed_data import pool
from smsdata.simulator.truth import TRUTH_TABLES

SPAN = {"start": "2026-01-01", "end": "2026-12-01"}
HOUR = 3600


@pytest.fixture(scope="module")
def account() -> Account:
    """One account that no test changes."""
    return Account(seed=3, campaigns=14, recipients=40, singles=20, inbound=25, copies=0.3)


def small(**arguments: Any) -> Account:
    """An account with one list and nothing else, unless asked for more."""
    defaults = {
        "seed": 5,
        "campaigns": 0,
        "singles": 0,
        "inbound": 0,
        "lists": 1,
        "recipients": 30,
        "dead": 0.0,
    }
    return Account(**(defaults | arguments))


def ask(gateway: Gateway, call: str, **params: Any) -> tuple[int, dict[str, Any]]:
    """Status and body of one call."""
    pairs = [(name, str(value)) for name, value in params.items()]
    answer = gateway.respond("GET", f"/{call}.json", pairs, gateway.authorization)
    return answer.status, json.loads(answer.body)


def raw(gateway: Gateway, call: str, **params: Any) -> Answer:
    return gateway.respond(
        "GET", f"/{call}.json", [(k, str(v)) for k, v in params.items()], gateway.authorization
    )


def code(gateway: Gateway, call: str, **params: Any) -> str:
    return str(ask(gateway, call, **params)[1]["error"]["code"])


def read(gateway: Gateway, call: str, *, size: int = 7, **params: Any) -> list[dict[str, Any]]:
    """The usual loop: as many pages as page 1 says."""
    rows, page, pages = [], 1, 1
    while page <= pages:
        _, body = ask(gateway, call, page=page, max=size, **params)
        assert body["page"]["number"] == page
        pages = body["page"]["count"] if page == 1 else pages
        rows += body[LISTINGS[call].rows]
        page += 1
    return rows


def busiest(account: Account) -> int:
    """The send with most recipients among those with a link and replies."""
    return max(account.sends, key=lambda send: (bool(send.responses), len(send.rows))).message_id


def parameters(account: Account) -> dict[str, dict[str, Any]]:
    """Parameters that give rows, for every paginated call."""
    message_id = busiest(account)
    hit = account.recipients["send"][account.state.inbox.link_hits[0][1]]
    number = int(account.recipients["msisdn"][0])
    return {
        "get-user-sms-sent": SPAN,
        "get-message-report": {"start": "2026-10-23", "end": "2026-11-22"},
        "get-sms-sent": {"message_id": message_id},
        "get-user-sms-responses": {"start": "2026-01-01"},
        "get-sms-responses": {"message_id": message_id},
        "get-contact-sms-stats": {"mobile": number},
        "get-lists": {},
        "get-list": {"list_id": 3_100_001, "members": "all"},
        "get-numbers": {},
        "get-keywords": {},
        "get-clients": {},
        "get-transactions": {"client_id": 70_001},
        "get-link-hits": {"message_id": account.sends[hit].message_id},
    }


# -- the module itself ------------------------------------------------------------------------------------


def test_simulator_imports_nothing_of_the_rest() -> None:
    """The witness is independent: its modules import only each other."""
    folder = Path(simulator.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            ours = [name for name in names if name.startswith("smsdata")]
            assert all(name.startswith("smsdata.simulator") for name in ours), path.name


def test_all_names_exist() -> None:
    """What is promised is there."""
    assert all(hasattr(simulator, name) for name in simulator.__all__)


def test_account_is_deterministic() -> None:
    """The same arguments give the same account, another seed another one."""
    first, again, other = (Account(seed=seed, campaigns=4, singles=5) for seed in (1, 1, 2))
    assert all(first.truth(table) == again.truth(table) for table in TRUTH_TABLES)
    assert first.truth("messages") != other.truth("messages")


def test_account_copy_goes_its_own_way() -> None:
    """A deep copy takes pending events along and leaves the original alone."""
    original = small()
    message_id = original.send_campaign(3_100_001)
    other = copy.deepcopy(original)
    other.advance(days=4)
    assert {row["status"] for row in original.truth("dlrs")} == {"pending"}
    original.advance(days=4)
    assert original.truth("dlrs") == other.truth("dlrs")
    assert original.state.sent.rows_of(message_id, original.truth("dlrs")[0]["msisdn"]).size == 1


def test_account_holds_what_tests_need(account: Account) -> None:
    """Odd but documented values are in the default account."""
    replies, members = account.truth("replies"), account.truth("list_members")
    assert any(reply["message_id"] is None for reply in replies)
    assert {None, ""} <= {reply["first_name"] for reply in replies} | {row["first_name"] for row in members}
    assert {"active", "inactive", "optout"} == {member["status"] for member in members}
    assert any(row["created_at"] is None for row in account.truth("lists"))
    assert any(not row["sender"].isdigit() for row in account.truth("messages"))
    assert {row["status"] for row in account.truth("dlrs")} >= {"delivered", "soft-bounce", "hard-bounce"}
    assert any(row["copies"] == 2 for row in account.truth("dlrs"))
    assert {row["type"] for row in account.truth("campaigns")} >= {"campaign", "api"}


def test_bulk_makes_exactly_as_many_messages() -> None:
    """The large account has the size asked for, also when it is no multiple."""
    account = Account.bulk(12_345, recipients=5_000)
    assert account.recipients.size == 12_345
    assert [len(send.rows) for send in account.sends] == [5_000, 5_000, 2_345]


def test_send_campaign_reaches_more_numbers_than_are_reserved() -> None:
    """50,000 distinct numbers are possible and distinct."""
    account = small(lists=0)
    numbers = pool(50_000)
    account.send_campaign(numbers=numbers.tolist())
    assert len({row["msisdn"] for row in account.truth("dlrs")}) == 50_000


# -- time ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [0, 1, 30, 71, 73, 200])
def test_counters_equal_the_recipients_at_any_time(hours: int) -> None:
    """The report, the recipients and the stats agree, whatever the virtual time."""
    account = small(seed=hours, recipients=200, reply_rate=0.3, link_rate=0.1, copies=1.0)
    message_id = account.send_campaign(3_100_001)
    account.advance(hours=hours)
    gateway = Gateway(account, limiter=None)
    (row,) = read(gateway, "get-message-report", start="2026-11-22", end="2026-12-05")
    recipients = read(gateway, "get-sms-sent", size=100, message_id=message_id)
    counts = Counter(recipient["delivery_status"] for recipient in recipients)
    named = {"soft-bounce": "soft_bounced", "hard-bounce": "hard_bounced"}
    assert {named.get(k, k): v for k, v in counts.items()} == {
        key: row[key] for key in ("pending", "delivered", "soft_bounced", "hard_bounced") if row[key]
    }
    assert row["optouts"] == sum(recipient["optout"] for recipient in recipients)
    assert row["responses"] == len(read(gateway, "get-sms-responses", message_id=message_id))
    stats = ask(gateway, "get-sms-stats", message_id=message_id)[1]["stats"]
    assert stats["recipientCount"] == len(recipients)
    assert stats["opt-outs"] == row["optouts"]
    assert (row["pending"] == 0) == (hours > 72)


def test_advance_settles_most_soon_and_all_after_72_hours() -> None:
    """Most receipts come within minutes, the last soft bounces at 72 h."""
    account = small(recipients=2_000, reply_rate=0.0)
    account.send_campaign(3_100_001)
    pending = []
    for hours in (0, 1, 71, 2):
        account.advance(hours=hours)
        pending.append(sum(row["status"] == "pending" for row in account.truth("dlrs")))
    assert pending[0] > 10 * pending[1] > 0
    assert pending[2] > 0
    assert pending[3] == 0


def test_advance_in_steps_is_the_same_as_at_once() -> None:
    """State is a function of virtual time, not of how it passed."""
    step, leap = small(reply_rate=0.5), small(reply_rate=0.5)
    for account in (step, leap):
        account.send_campaign(3_100_001)
        account.send(61491570156, at="2026-11-23T00:00:00Z")
    for _ in range(96):
        step.advance(hours=1)
    leap.advance(hours=96)
    assert all(step.truth(table) == leap.truth(table) for table in TRUTH_TABLES)


def test_schedule_lets_the_world_go_on() -> None:
    """More made-up traffic goes out as the clock runs, at its own times."""
    account = small()
    account.schedule(days=10, campaigns=5, recipients=20, singles=8, inbound=6)
    assert account.sends == []
    account.advance(days=5)
    assert 0 < len(account.sends) < 13
    account.advance(days=5)
    assert len(account.sends) == 13
    assert len({send.sent_at for send in account.sends}) > 5
    assert sum(row["message_id"] is None for row in account.truth("replies")) == 6


def test_dead_numbers_always_bounce_hard() -> None:
    """A dead number never delivers."""
    account = small(dead=0.3)
    for _ in range(5):
        account.send_campaign(3_100_001)
    account.advance(days=4)
    by_number: dict[str, set[str]] = {}
    for row in account.truth("dlrs"):
        by_number.setdefault(row["msisdn"], set()).add(row["status"])
    dead = {number for number in by_number if int(number) in account.sending.habits.dead}
    assert dead
    assert all(by_number[number] == {"hard-bounce"} for number in dead)


def test_late_messages_are_listed_later() -> None:
    """The counters know a late row before get-user-sms-sent lists it; the count keeps to the list."""
    account = small(late=1.0, link_rate=0.0)
    account.send_campaign(3_100_001)
    gateway = Gateway(account, limiter=None)
    assert read(gateway, "get-user-sms-sent", **SPAN) == []
    assert len(account.truth("dlrs")) > 0
    account.advance(hours=49)
    assert len(read(gateway, "get-user-sms-sent", **SPAN)) == len(account.truth("dlrs"))
    assert ask(gateway, "get-sms-sent-count", start="2026-11-21", end="2026-11-24")[1]["count"] == len(
        account.truth("messages")
    )


def test_date_header_is_virtual_time() -> None:
    """Clients take "now" from the answer."""
    account = small()
    gateway = Gateway(account, limiter=None)
    assert raw(gateway, "get-lists").headers["date"] == "Sun, 22 Nov 2026 00:00:00 GMT"
    account.advance(days=1)
    assert raw(gateway, "get-lists").headers["date"] == "Mon, 23 Nov 2026 00:00:00 GMT"


def test_speed_lets_virtual_time_follow_the_clock() -> None:
    """With a speed, virtual seconds pass with the clock's."""
    account, now = small(), [100.0]
    gateway = Gateway(account, limiter=None, speed=60.0, clock=lambda: now[0])
    now[0] += 10
    raw(gateway, "get-lists")
    assert account.time == datetime(2026, 11, 22, 0, 10, tzinfo=UTC)


# -- reading calls ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["newest", "oldest", "shuffled"])
@pytest.mark.parametrize("call", LISTINGS)
def test_paginated_calls_page_correctly(account: Account, call: str, order: str) -> None:
    """All pages together are the whole list, once, for every call and order and page size."""
    gateway = Gateway(account, limiter=None, order=order)
    params = parameters(account)[call]
    _, body = ask(gateway, call, max=100, **params)
    whole = read(gateway, call, size=100, **params)
    total = body[LISTINGS[call].total]
    assert len(whole) == (
        total if call != "get-list" else sum(1 for _ in account.contacts.open(3_100_001).present())
    )
    assert whole, "a call that is tested without rows proves nothing"
    paged = read(gateway, call, size=3, **params)
    if order != "shuffled":
        assert paged == whole
    assert len(paged) == len(whole)
    assert ask(gateway, call, page=10_000, **params)[1][LISTINGS[call].rows] == []


def test_default_page_has_ten_rows_and_the_largest_a_hundred(account: Account) -> None:
    """`max` defaults to 10 and is capped at 100, or lower where the gateway is set so."""
    gateway = Gateway(account, limiter=None)
    sizes = [
        len(ask(gateway, "get-user-sms-sent", **SPAN, **extra)[1]["messages"])
        for extra in ({}, {"max": 5_000})
    ]
    clamped = ask(Gateway(account, limiter=None, max_page=25), "get-user-sms-sent", max=100, **SPAN)[1]
    assert sizes == [10, 100]
    assert len(clamped["messages"]) == 25


def test_order_is_newest_first_or_oldest_first(account: Account) -> None:
    """The order switch turns the list round."""
    newest, oldest = (
        [
            row["id"]
            for row in read(
                Gateway(account, limiter=None, order=order), "get-user-sms-sent", size=100, **SPAN
            )
        ]
        for order in ("newest", "oldest")
    )
    assert newest == oldest[::-1]
    assert newest != oldest


def test_shuffled_order_changes_among_equal_seconds_only() -> None:
    """Ties move, times do not."""
    account = small(link_rate=0.0, reply_rate=0.0)
    for number in range(40):
        account.send(61491570200 + number)
    gateway = Gateway(account, limiter=None, order="shuffled")
    orders = {tuple(r["id"] for r in read(gateway, "get-user-sms-sent", size=100, **SPAN)) for _ in range(20)}
    assert len(orders) > 1
    assert len({frozenset(order) for order in orders}) == 1


def test_rows_equal_the_truth(account: Account) -> None:
    """What is served, brought to our names, is what truth says."""
    gateway = Gateway(account, limiter=None)
    served = {row["id"]: row for row in read(gateway, "get-user-sms-sent", size=100, **SPAN)}
    for row in account.truth("messages"):
        wire = served.pop(row["id"])
        assert (str(wire["msisdn"]), str(wire["caller_id"]), wire["message"]) == (
            row["msisdn"], row["sender"], row["message"],
        )  # fmt: skip
        assert wire["sent_at"] == row["sent_at"].strftime("%Y-%m-%d %H:%M:%S")
        assert wire["status"].replace("_bounced", "-bounce") == row["status"]
    assert not served
    replies = read(gateway, "get-user-sms-responses", size=100, start="2026-01-01", include_original="true")
    assert {(r["id"], r["response"], r["message_id"] or None, r["list_id"] or None) for r in replies} == {
        (r["id"], r["response"], r["message_id"], r["list_id"]) for r in account.truth("replies")
    }


def test_dlrs_equal_the_truth_with_copies(account: Account) -> None:
    """Each send's recipients, counted by number, are its dlrs."""
    gateway = Gateway(account, limiter=None)
    for send in account.sends:
        rows = read(gateway, "get-sms-sent", size=100, message_id=send.message_id)
        truth = {row["msisdn"]: row for row in account.truth("dlrs") if row["message_id"] == send.message_id}
        assert Counter(str(row["msisdn"]) for row in rows) == {
            number: row["copies"] for number, row in truth.items()
        }
        assert all(row["delivery_status"] == truth[str(row["msisdn"])]["status"] for row in rows)
        only = read(gateway, "get-sms-sent", size=100, message_id=send.message_id, optouts="only")
        omit = read(gateway, "get-sms-sent", size=100, message_id=send.message_id, optouts="omit")
        assert len(only) + len(omit) == len(rows)
        assert {str(row["msisdn"]) for row in only} == {
            r["msisdn"] for r in account.truth("optouts") if r["message_id"] == send.message_id
        }


def test_delivery_filter_splits_the_recipients() -> None:
    """delivered, failed and pending are all there is."""
    account = small(recipients=300)
    message_id = account.send_campaign(3_100_001)
    account.advance(seconds=15)
    gateway = Gateway(account, limiter=None)
    parts = [
        len(read(gateway, "get-sms-sent", size=100, message_id=message_id, delivery=delivery))
        for delivery in ("delivered", "failed", "pending")
    ]
    assert all(parts[::2])
    assert sum(parts) == len(account.state.sent.send_of(message_id).rows)


@pytest.mark.parametrize("bounds", ["[]", "[)", "(]", "()"])
def test_bounds_decide_about_the_edges(bounds: str) -> None:
    """Start and end belong to a window or not, as the gateway is set."""
    account = small()
    for second in range(3):
        account.send(61491570156, at=f"2026-11-20T10:00:0{second}Z")
    gateway = Gateway(account, limiter=None, bounds=bounds)
    window = {"start": "2026-11-20 10:00:00", "end": "2026-11-20 10:00:02"}
    expected = 3 - (bounds[0] == "(") - (bounds[1] == ")")
    assert len(read(gateway, "get-user-sms-sent", **window)) == expected
    assert len(read(gateway, "get-message-report", **window)) == expected
    assert ask(gateway, "get-sms-sent-count", **window)[1]["count"] == expected


def test_report_names_the_recipient_of_single_sends_only(account: Account) -> None:
    """A send to one recipient has msisdn and names; cost is a debit."""
    rows = read(
        Gateway(account, limiter=None), "get-message-report", size=100, start="2026-10-23", end="2026-11-22"
    )
    assert {"msisdn" in row for row in rows} == {True, False}
    assert all(("msisdn" in row) == (row["type"] == "api") for row in rows)
    assert all(row["cost"] < 0 for row in rows)
    assert not any("fields" in row for row in rows)


def test_get_list_counts_everybody_ever_and_shows_active_ones(account: Account) -> None:
    """members_total ignores the filter; without a filter only active members come."""
    gateway = Gateway(account, limiter=None)
    shown = {
        members: read(gateway, "get-list", size=100, list_id=3_100_001, members=members)
        for members in ("active", "inactive", "all", "none")
    }
    body = ask(gateway, "get-list", list_id=3_100_001)[1]
    assert len(shown["active"]) + len(shown["inactive"]) == len(shown["all"]) < body["members_total"]
    assert shown["none"] == []
    assert len(shown["active"]) == body["members_active"] == len(read(gateway, "get-list", list_id=3_100_001))
    assert body["fields"] == {"field_1": "Email", "field_2": "Birthday"}


def test_fields_come_in_three_shapes(account: Account) -> None:
    """An object, [] when empty, an array on request."""
    gateway = Gateway(account, limiter=None)
    by_name = {row["name"]: row["fields"] for row in read(gateway, "get-lists")}
    arrays = {row["name"]: row["fields"] for row in read(gateway, "get-lists", response_style="array")}
    assert by_name["Newsletter"] == [] == arrays["Newsletter"]
    assert by_name["VIP 🎉 Köln"] == {"field_1": "Tier"}
    assert arrays["VIP 🎉 Köln"] == [{"name": "field_1", "value": "Tier"}]
    assert "fields" not in read(gateway, "get-list", list_id=3_100_002)[0]


def test_delivery_status_may_lie_before_the_send() -> None:
    """Carriers round the time of delivery down."""
    account = small(link_rate=0.0)
    message_id = account.send(61491570156, at="2026-11-21T10:00:30Z")
    gateway = Gateway(account, limiter=None)
    account.set_status(message_id, 61491570156, "pending")
    assert ask(gateway, "get-sms-delivery-status", message_id=message_id, msisdn=61491570156)[1]["stats"][
        "status"
    ] == ("pending")
    account.set_status(message_id, 61491570156, "hard-bounce")
    stats = ask(gateway, "get-sms-delivery-status", message_id=message_id, msisdn=61491570156)[1]["stats"]
    assert stats["status"] == "failed"
    assert stats["datetime"].endswith(":00")


def test_contact_history_equals_its_truth(account: Account) -> None:
    """Every message to one number, and no other."""
    number = account.truth("messages")[0]["msisdn"]
    rows = read(Gateway(account, limiter=None), "get-contact-sms-stats", mobile=number)
    truth = account.truth("contact_history", msisdn=number)
    assert Counter(row["message_id"] for row in rows).keys() == {row["message_id"] for row in truth}
    assert {(row["message_id"], row["delivery_status"]) for row in rows} == {
        (row["message_id"], row["status"]) for row in truth
    }


def test_keyword_responses_are_inbound_messages(account: Account) -> None:
    """By keyword, by keyword and number, by id; and the filter of the account's responses."""
    gateway = Gateway(account, limiter=None)
    joined = read(gateway, "get-sms-responses", keyword="join")
    assert joined
    assert all(row["response"].startswith("JOIN") and not row["message_id"] for row in joined)
    by_id = read(gateway, "get-sms-responses", keyword_id=1)
    assert by_id == [row for row in joined if row["longcode"] == 61491570110]
    only, omit, both = (
        len(read(gateway, "get-user-sms-responses", start="2026-01-01", keywords=which))
        for which in ("only", "omit", "both")
    )
    assert only
    assert only + omit == both


def test_format_number_takes_a_national_number_apart() -> None:
    """Valid, international, and invalid."""
    gateway = Gateway(small(), limiter=None)
    number = ask(gateway, "format-number", msisdn="0491570156", countrycode="AU")[1]["number"]
    assert (number["international"], number["type"], number["isValid"]) == ("61491570156", 1, True)
    assert ask(gateway, "format-number", msisdn="049", countrycode="AU")[1]["number"]["type"] == 10


# -- errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "params", "expected"),
    [
        ("get-user-sms-sent", {}, "FIELD_EMPTY start"),
        ("get-user-sms-sent", {"start": "2026-11-01"}, "FIELD_EMPTY end"),
        ("get-user-sms-sent", {"start": "yesterday", "end": "2026-11-02"}, "FIELD_INVALID start"),
        ("get-user-sms-sent", {"start": "2026-11-03", "end": "2026-11-02"}, "FIELD_INVALID start"),
        ("get-user-sms-sent", SPAN | {"page": "0"}, "FIELD_INVALID page"),
        ("get-user-sms-sent", SPAN | {"max": "ten"}, "FIELD_INVALID max"),
        ("get-message-report", {"start": "2026-10-01", "end": "2026-11-01"}, "FIELD_INVALID start"),
        ("get-message-report", {"type": "letter"}, "FIELD_INVALID type"),
        ("get-user-sms-responses", {"start": "2025-11-21"}, "FIELD_INVALID start"),
        ("get-sms-sent-count", {"start": "2026-11-01", "end": "2026-11-09"}, "FIELD_INVALID start"),
        ("get-sms-sent", {}, "FIELD_EMPTY message_id"),
        ("get-sms-sent", {"message_id": "1"}, "NOT_FOUND "),
        ("get-sms-responses", {}, "FIELD_EMPTY message_id"),
        ("get-contact-sms-stats", {}, "FIELD_EMPTY mobile"),
        ("get-list", {"list_id": "x"}, "FIELD_INVALID list_id"),
        ("get-list", {"list_id": "9"}, "NOT_FOUND "),
        ("get-contact", {"list_id": "3100001", "msisdn": "61491579999"}, "NOT_FOUND "),
        ("get-transactions", {"client_id": "5"}, "NO_ACCESS "),
        ("delete-from-list", {"list_id": "3100001"}, "FIELD_EMPTY msisdn"),
    ],
)
def test_errors_are_documented_and_name_the_field(call: str, params: dict[str, Any], expected: str) -> None:
    """HTTP 400 with the reference's code; the description names the field."""
    status, body = ask(Gateway(small(), limiter=None), call, **params)
    expected_code, _, field = expected.partition(" ")
    assert (status, body["error"]["code"]) == (400, expected_code)
    assert field in body["error"]["description"]


def test_widest_windows_are_allowed() -> None:
    """Exactly 30 and 7 days apart, and exactly 12 months back, still work."""
    gateway = Gateway(small(), limiter=None)
    assert code(gateway, "get-message-report", start="2026-10-23", end="2026-11-22") == "SUCCESS"
    assert code(gateway, "get-sms-sent-count", start="2026-11-15", end="2026-11-22") == "SUCCESS"
    assert code(gateway, "get-user-sms-responses", start="2025-11-22") == "SUCCESS"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "AUTH_FAILED_NO_DATA"),
        ({"authorization": "Basic ZGVtbzp3cm9uZw=="}, "AUTH_FAILED"),
        ({"authorization": "Bearer x"}, "AUTH_FAILED"),
        ({"authorization": "Basic %%%"}, "AUTH_FAILED"),
    ],
)
def test_authentication_is_basic_only(headers: dict[str, str], expected: str) -> None:
    """Credentials count in the header, never among the parameters."""
    gateway = Gateway(small(), limiter=None)
    answer = gateway.respond("GET", "/get-lists.json", [("api_key", "demo"), ("api_secret", "demo")], headers)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (401, expected)


@pytest.mark.parametrize("path", ["/get-lists", "/get-lists.xml", "/get-nothing.json", "/", "/send-sms.json"])
def test_unknown_calls_are_not_implemented(path: str) -> None:
    """404, also when only the suffix is missing."""
    gateway = Gateway(small(), limiter=None)
    answer = gateway.respond("GET", path, [], gateway.authorization)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (404, "NOT_IMPLEMENTED")


@pytest.mark.parametrize("call", ["get-clients", "get-transactions"])
def test_reseller_calls_need_a_reseller(call: str) -> None:
    """NO_ACCESS for everybody else."""
    assert code(Gateway(small(), limiter=None, reseller=False), call, client_id=70_001) == "NO_ACCESS"


# -- throttle ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limiter", "times", "passed"),
    [
        ("sliding", "10.5 10.6 10.9 11.0 11.51 11.55 11.99", "yes yes no no yes no yes"),
        ("calendar", "10.5 10.6 10.9 11.0 11.51 11.55 11.99", "yes yes no yes yes no no"),
        ("bucket", "0 0 0.25 0.375 0.5 0.75 1.0", "yes yes no no yes no yes"),
        (None, "0 0 0 0", "yes yes yes yes"),
    ],
)
def test_limiters_count_seconds_in_their_own_way(limiter: str | None, times: str, passed: str) -> None:
    """Two calls a second: any second, whole seconds of the clock, or a bucket of two; None counts nothing."""
    clock = iter(map(float, times.split()))
    gateway = Gateway(small(), limiter=limiter, rate=2.0, clock=lambda: next(clock))
    served = ["yes" if raw(gateway, "get-lists").status == 200 else "no" for _ in times.split()]
    assert served == passed.split()
    assert gateway.throttled == served.count("no")


def test_limiter_takes_rates_below_one() -> None:
    """Half a call a second is one call in two seconds."""
    times = iter([0.0, 1.9, 2.0])
    gateway = Gateway(small(), rate=0.5, clock=lambda: next(times))
    assert [raw(gateway, "get-lists").status for _ in range(3)] == [200, 429, 200]


def test_calls_records_what_was_received() -> None:
    """Time, path, parameters in order, status."""
    gateway = Gateway(small(), limiter=None, clock=lambda: 7.0)
    raw(gateway, "get-list", list_id=1, page=2)
    (call,) = gateway.calls
    assert (call.at, call.path, call.params, call.status) == (
        7.0, "/get-list.json", (("list_id", "1"), ("page", "2")), 400,
    )  # fmt: skip


# -- drift -------------------------------------------------------------------------------------------------


def test_naive_paging_loses_rows_under_drift() -> None:
    """Rows arriving at the head every five pages cost the usual loop about 2% of what was there, silently."""
    account = Account.bulk(10_000, recipients=5_000)
    before = {row["id"] for row in account.truth("messages")}
    quiet = {row["id"] for row in read(Gateway(account, limiter=None), "get-user-sms-sent", size=100, **SPAN)}
    gateway = Gateway(account, limiter=None, drift=Drift(every_pages=5, rows=10))
    got = [row["id"] for row in read(gateway, "get-user-sms-sent", size=100, **SPAN)]
    loss = len(before - set(got)) / len(before)
    assert quiet == before
    assert 0.014 <= loss <= 0.023
    assert len(got) > len(set(got))


@pytest.mark.parametrize("kind", DRIFT_KINDS)
def test_drift_changes_what_is_being_read(kind: str) -> None:
    """Every kind of drift changes some table, and every table still reads without an error."""
    account = small(campaigns=3, lists=3, link_rate=0.0, reply_rate=0.0)
    message_id = account.send_campaign(3_100_001)
    account.advance(seconds=10)
    before = {table: account.truth(table) for table in TRUTH_TABLES}
    Drift(rows=5, kinds=(kind,), seed=2).strike(
        account, "", {"message_id": str(message_id), "list_id": "3100001"}
    )
    after = {table: account.truth(table) for table in TRUTH_TABLES}
    assert before != after
    gateway = Gateway(account, limiter=None)
    assert len(read(gateway, "get-user-sms-sent", **SPAN)) == len(after["messages"])


def test_drift_stops_and_passes_time() -> None:
    """`until` bounds it, `seconds` advances the clock."""
    account = small()
    drift = Drift(rows=1, until=2, seconds=60)
    for _ in range(4):
        drift.strike(account)
    assert (drift.strikes, len(account.sends)) == (2, 2)
    assert account.time == datetime(2026, 11, 22, 0, 2, tzinfo=UTC)


def test_unknown_drift_is_refused() -> None:
    """The message lists the kinds."""
    with pytest.raises(ValueError, match="head"):
        Drift(kinds=("sideways",))


# -- faults ------------------------------------------------------------------------------------------------


def test_faults_parse_reads_the_command_line() -> None:
    """kind=p; anything else says what is wrong."""
    assert Faults.parse(["reset=0.02", "html502=1"]).chances == {"reset": 0.02, "html502": 1.0}
    with pytest.raises(ValueError, match=r"unknown fault 'rset'.*html502"):
        Faults.parse(["rset=0.1"])
    with pytest.raises(ValueError, match="reset="):
        Faults.parse(["reset"])
    with pytest.raises(ValueError, match="between 0 and 1"):
        Faults.parse(["reset=2"])


@pytest.mark.parametrize("kind", [kind for kind in FAULT_KINDS if kind != "retry_after"])
def test_each_fault_strikes_its_page_once(account: Account, kind: str) -> None:
    """A scripted fault changes page 2 and nothing else, exactly once."""
    params: dict[str, Any] = parameters(account)["get-list"] | {"max": 30}
    call = "get-list"
    clean = [raw(Gateway(account, limiter=None), call, page=page, **params) for page in (1, 2, 2)]
    gateway = Gateway(account, limiter=None, faults=Faults(script=[Once(kind, call, page=2)], seed=1))
    first, struck, again = (raw(gateway, call, page=page, **params) for page in (1, 2, 2))
    assert (first, again) == (clean[0], clean[2])
    assert struck != clean[1]
    assert gateway.faults.struck == {kind: 1}


def test_faults_strike_as_often_as_asked() -> None:
    """Probabilities are kept, and the same seed strikes the same calls."""
    account = small()
    runs = []
    for _ in range(2):
        gateway = Gateway(account, limiter=None, faults=Faults({"error500": 0.2, "reset": 0.1}, seed=4))
        runs.append(
            [raw(gateway, "get-lists").action or raw(gateway, "get-lists").status for _ in range(500)]
        )
    assert runs[0] == runs[1]
    assert 0.15 < runs[0].count(500) / 500 < 0.25


def test_error_bodies_with_status_200_are_errors() -> None:
    """One code that nobody documents, one that says throttled."""
    gateway = Gateway(small(), limiter=None, faults=Faults(script=[Once("error200"), Once("overlimit200")]))
    assert [ask(gateway, "get-lists")[1]["error"]["code"] for _ in range(3)] == [
        "INTERNAL_ERROR",
        "OVER_LIMIT",
        "SUCCESS",
    ]
    html = Gateway(small(), limiter=None, faults=Faults({"html200": 1.0}))
    assert raw(html, "get-lists").body.startswith(b"<html>")


def test_retry_after_comes_in_many_forms() -> None:
    """Seconds, dates, nonsense; only where the status asks for it."""
    gateway = Gateway(small(), limiter=None, faults=Faults({"error500": 0.9, "retry_after": 1.0}))
    answers = [raw(gateway, "get-lists") for _ in range(200)]
    forms = {answer.headers.get("retry-after") for answer in answers if answer.status == 500}
    assert len(forms) > 6
    assert all("retry-after" not in answer.headers for answer in answers if answer.status == 200)


def test_lying_totals_lie() -> None:
    """Each way of lying shows in the total and leaves the rows."""
    account = small()
    true = ask(Gateway(account, limiter=None), "get-list", list_id=3_100_001)[1]
    lies = {
        "total_zero": 0,
        "total_big": true["members_total"] + 7,
        "total_string": str(true["members_total"]),
    }
    for kind, lie in lies.items():
        body = ask(Gateway(account, limiter=None, faults=Faults({kind: 1.0})), "get-list", list_id=3_100_001)[
            1
        ]
        assert body["members_total"] == lie
        assert body["members"] == true["members"]
    late = Gateway(account, limiter=None, faults=Faults({"total_late": 1.0}))
    totals = [ask(late, "get-list", list_id=3_100_001, page=page)[1]["members_total"] for page in (1, 2)]
    assert totals == [true["members_total"], 0]


def test_spoil_writes_over_one_row() -> None:
    """A row that cannot be read stays so, the others are as they were."""
    account = small()
    account.send(61491570156)
    account.send(61491570157)
    gateway = Gateway(account, limiter=None)
    spoiled, whole = (row["id"] for row in read(gateway, "get-user-sms-sent", **SPAN))
    gateway.spoil("get-user-sms-sent", {"id": spoiled}, {"sent_at": "soon", "message": "\ud83d"})
    rows = {row["id"]: row for row in read(gateway, "get-user-sms-sent", **SPAN)}
    assert (rows[spoiled]["sent_at"], rows[spoiled]["message"]) == ("soon", "\ud83d")
    assert rows[whole]["sent_at"] == "2026-11-22 00:00:00"


def test_quirks_mix_what_the_reference_allows(account: Account) -> None:
    """Spellings, numbers as strings, 0 and null, shapes of fields, unknown keys, missing blocks."""
    gateway = Gateway(account, limiter=None, quirks=True)
    dlrs = [
        row for s in account.sends for row in read_loosely(gateway, "get-sms-sent", message_id=s.message_id)
    ]
    words = {row["delivery_status"] for row in dlrs}
    assert {"hard-bounce", "hard_bounced", "hard bounce", "HARD-BOUNCE"} <= words
    assert "failed" not in words
    assert {type(row["msisdn"]) for row in dlrs} == {int, str}
    assert any("shard" in row for row in dlrs)
    messages = read_loosely(gateway, "get-user-sms-sent", **SPAN)
    assert {"failed", "bounced"} <= {row["status"] for row in messages}
    replies = read_loosely(gateway, "get-user-sms-responses", start="2026-01-01")
    assert {0, None, "0"} <= {row["list_id"] for row in replies}
    members = read_loosely(gateway, "get-list", list_id=3_100_001, members="all")
    assert {type(row["fields"]) for row in members} == {dict, list}
    assert "error" not in ask(gateway, "get-clients")[1]
    empty = [
        ask(gateway, "get-sms-responses", message_id=account.sends[0].message_id, page=9)[1]
        for _ in range(20)
    ]
    assert {"responses" in body for body in empty} == {True, False}


def read_loosely(gateway: Gateway, call: str, **params: Any) -> list[dict[str, Any]]:
    """All rows of a call whose numbers may be strings and whose rows may be missing."""
    rows, page = [], 1
    while found := ask(gateway, call, page=page, max=100, **params)[1].get(LISTINGS[call].rows):
        rows += found
        page += 1
    return rows


# -- calls that change a list ------------------------------------------------------------------------------


def member(account: Account, list_id: int = 3_100_001) -> int:
    return next(one.msisdn for one in account.contacts.open(list_id).present() if one.status == "active")


def test_delete_from_list_takes_a_number_off_one_list_or_all() -> None:
    """One list with an id, every list with 0 or without; NOT_FOUND when it is on none."""
    account = small(lists=3, recipients=60)
    gateway = Gateway(account, limiter=None)
    for one in account.contacts.lists.values():
        one.members.pop(61491579990, None)
        account.contacts.add_member(one.list_id, 61491579990)
    total = ask(gateway, "get-list", list_id=3_100_002)[1]["members_total"]
    assert ask(gateway, "delete-from-list", list_id=3_100_002, msisdn=61491579990)[1]["list_ids"] == [
        3_100_002
    ]
    assert ask(gateway, "delete-from-list", msisdn=61491579990)[1]["list_ids"] == [3_100_001, 3_100_003]
    assert code(gateway, "delete-from-list", list_id=0, msisdn=61491579990) == "NOT_FOUND"
    assert code(gateway, "get-contact", list_id=3_100_002, msisdn=61491579990) == "NOT_FOUND"
    assert ask(gateway, "get-list", list_id=3_100_002)[1]["members_total"] == total
    assert [change["list_ids"] for change in account.contacts.changes if change["by"] == "api"] == [
        [3_100_002], [3_100_001, 3_100_003],
    ]  # fmt: skip


def test_add_to_list_refuses_as_documented() -> None:
    """BAD_MOBILE, BAD_MOBILE_COUNTRY, KEY_EXISTS, OPTOUT, DUPLICATE_DELETED; else the contact."""
    account = small(readd_refused=1.0)
    gateway = Gateway(account, limiter=None)
    there = member(account)

    def add(msisdn: Any, **more: Any) -> str:
        return code(gateway, "add-to-list", list_id=3_100_001, msisdn=msisdn, **more)

    assert add("123") == "BAD_MOBILE"
    assert add("99912345678") == "BAD_MOBILE_COUNTRY"
    assert add(there) == "KEY_EXISTS"
    assert ask(gateway, "optout-list-member", list_id=3_100_001, msisdn=there)[1]["list_ids"] == [3_100_001]
    ask(gateway, "delete-from-list", list_id=3_100_001, msisdn=there)
    assert add(there) == "OPTOUT"
    gone = member(account)
    ask(gateway, "delete-from-list", list_id=3_100_001, msisdn=gone)
    assert add(gone) == "DUPLICATE_DELETED"
    _, contact = ask(
        gateway, "add-to-list", list_id=3_100_001, msisdn="0491579991", countrycode="AU", field_1="a@b.c"
    )
    assert (contact["msisdn"], contact["fields"], contact["status"]) == (
        61491579991,
        {"Email": "a@b.c"},
        "active",
    )
    assert ask(gateway, "get-contact", list_id=3_100_001, msisdn=61491579991)[1]["fields"] == {
        "Email": "a@b.c"
    }


def test_member_returns_when_the_gateway_allows_it() -> None:
    """With readd_refused at 0 a deleted contact comes back; the total stays."""
    account = small(readd_refused=0.0)
    gateway, back = Gateway(account, limiter=None), member(account)
    total = len(account.contacts.open(3_100_001).members)
    ask(gateway, "delete-from-list", list_id=3_100_001, msisdn=back)
    assert code(gateway, "add-to-list", list_id=3_100_001, msisdn=back, first_name="Ana") == "SUCCESS"
    assert len(account.contacts.open(3_100_001).members) == total
    assert ask(gateway, "get-contact", list_id=3_100_001, msisdn=back)[1]["first_name"] == "Ana"


def test_edit_list_member_changes_what_is_given() -> None:
    """Other fields stay; NOT_FOUND for a stranger."""
    account = small()
    gateway, who = Gateway(account, limiter=None), member(account)
    before = ask(gateway, "get-contact", list_id=3_100_001, msisdn=who)[1]
    after = ask(gateway, "edit-list-member", list_id=3_100_001, msisdn=who, field_2="1999")[1]
    assert after["fields"] == before["fields"] | {"Birthday": "1999"}
    assert after["first_name"] == before["first_name"]
    assert code(gateway, "edit-list-member", list_id=3_100_001, msisdn=61491579992) == "NOT_FOUND"


@pytest.mark.parametrize("goo", [True, False])
def test_optout_list_member_means_all_lists_with_global_opt_out(goo: bool) -> None:
    """With it, one list means every list."""
    account = small(lists=2, goo=goo)
    for list_id in account.contacts.lists:
        account.contacts.add_member(list_id, 61491579993)
    left = ask(Gateway(account, limiter=None), "optout-list-member", list_id=3_100_001, msisdn=61491579993)[1]
    assert left["list_ids"] == ([3_100_001, 3_100_002] if goo else [3_100_001])


@pytest.mark.parametrize("action", ["lost_answer", "reset"])
def test_lost_answer_leaves_the_change_made(action: str) -> None:
    """A lost answer comes after the change, a reset before it; the caller cannot tell them apart."""
    account = small()
    gateway = Gateway(account, limiter=None, faults=Faults(script=[Once(action, "delete-from-list")]))
    who = member(account)
    assert raw(gateway, "delete-from-list", list_id=3_100_001, msisdn=who).action == "reset"
    assert (account.contacts.open(3_100_001).find(who) is None) == (action == "lost_answer")
    assert len(account.contacts.changes) == (action == "lost_answer")


# -- opt-outs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("goo", [True, False])
def test_stop_ends_sending_only_with_global_opt_out(goo: bool) -> None:
    """On: the number gets nothing any more. Off: it stays active, is sent to, and that is a breach."""
    account = small(goo=goo, reply_rate=0.0, link_rate=0.0)
    who = member(account)
    message_id = account.send_campaign(3_100_001)
    account.advance(hours=80)
    account.reply(message_id, who, "Stop.")
    account.advance(seconds=5)
    later = account.send_campaign(3_100_001)
    account.send(who)
    account.advance(hours=80)
    reached = {(row["message_id"], row["msisdn"]) for row in account.truth("dlrs")}
    assert ((later, str(who)) in reached) == (not goo)
    assert [breach["msisdn"] for breach in account.truth_breaches()] == ([] if goo else [str(who)] * 2)
    assert [row["msisdn"] for row in account.truth("optouts")] == [str(who)]
    status = next(row["status"] for row in account.truth("list_members") if row["msisdn"] == str(who))
    assert status == ("optout" if goo else "active")


def test_optout_by_link_weeks_later_moves_the_counter_only() -> None:
    """The flag and the counter change without a reply."""
    account = small(goo=False, reply_rate=0.0, link_rate=0.0)
    message_id = account.send_campaign(3_100_001)
    account.advance(days=40)
    account.optout_by_link(message_id, member(account))
    (row,) = account.truth("campaigns")
    assert (row["optouts"], row["responses"]) == (1, 0)


def test_truth_of_an_unknown_table_lists_the_tables(account: Account) -> None:
    """The message helps."""
    with pytest.raises(ValueError, match="campaigns"):
        account.truth("campaign")


# -- in process and on the wire ------------------------------------------------------------------------------


def client(gateway: Gateway, **more: Any) -> httpx.Client:
    return httpx.Client(
        transport=transport(gateway, **more), auth=("demo", "demo"), base_url="http://localhost"
    )


def test_transport_takes_get_and_post(account: Account) -> None:
    """Parameters in the query and in the form body are the same."""
    with client(Gateway(account, limiter=None)) as http:
        by_get = http.get("/get-list.json", params={"list_id": 3_100_001, "members": "all"}).json()
        by_post = http.post("/get-list.json", data={"list_id": 3_100_001, "members": "all"}).json()
    assert by_get == by_post
    assert by_get["members"]


@pytest.mark.parametrize(
    ("kind", "error"),
    [("truncate", httpx.RemoteProtocolError), ("reset", httpx.ReadError), ("hang", httpx.ReadTimeout)],
)
def test_transport_fails_as_a_network_would(account: Account, kind: str, error: type[Exception]) -> None:
    """Truncation, reset and silence are httpx's own errors, at once."""
    gateway = Gateway(account, limiter=None, faults=Faults(script=[Once(kind)]))
    with client(gateway) as http:
        with pytest.raises(error):
            http.get("/get-lists.json")
        assert http.get("/get-lists.json").status_code == 200


def test_transport_waits_with_the_given_sleep(account: Account) -> None:
    """Latency is split around the call and goes through `sleep`."""
    slept: list[float] = []
    gateway = Gateway(account, limiter=None, latency=(0.1, 0.3))
    with client(gateway, sleep=slept.append) as http:
        http.get("/get-lists.json")
    assert len(slept) == 2
    assert 0.1 <= sum(slept) <= 0.3


@pytest.mark.parametrize(
    ("kind", "error"),
    [("truncate", httpx.RemoteProtocolError), ("reset", httpx.ReadError), ("hang", httpx.ReadTimeout)],
)
def test_running_breaks_answers_on_the_wire(account: Account, kind: str, error: type[Exception]) -> None:
    """The same over a real connection, which then serves again."""
    gateway = Gateway(account, limiter=None, faults=Faults(script=[Once(kind)]))
    with (
        running(gateway) as base_url,
        httpx.Client(base_url=base_url, auth=("demo", "demo"), timeout=0.3) as http,
    ):
        with pytest.raises(error):
            http.get("/get-lists.json")
        assert http.get("/get-lists.json").json()["lists_total"] == 6
        post = http.post("/get-list.json", data={"list_id": 3_100_001})
    assert post.headers["date"] == "Sun, 22 Nov 2026 00:00:00 GMT"
    assert post.headers["content-length"] == str(len(post.content))


def test_respond_is_safe_among_threads() -> None:
    """Calls from several threads, while the account changes, are all answered and all recorded."""
    account = small(reply_rate=0.5)
    account.send_campaign(3_100_001)
    gateway = Gateway(account, limiter=None, drift=Drift(rows=1, kinds=("join", "delete", "head")))
    with client(gateway) as http, ThreadPoolExecutor(4) as pool:
        urls = ["/get-list.json?list_id=3100001&members=all&max=5", "/get-message-report.json"] * 60
        answers = [pool.submit(http.get, url) for url in urls]
        for _ in range(20):
            account.advance(hours=1)
        assert {answer.result().status_code for answer in answers} == {200}
    assert len(gateway.calls) == len(urls)


def test_every_call_answers(account: Account) -> None:
    """No documented call is missing."""
    documented = {
        "get-sms", "get-sms-stats", "get-sms-delivery-status", "get-sms-sent-count", "get-contact",
        "get-balance", "format-number", "delete-from-list", "optout-list-member", "add-to-list",
        "edit-list-member",
    }  # fmt: skip
    assert documented == set(ANSWERS)
    assert len(LISTINGS) == 13
    gateway = Gateway(account, limiter=None)
    assert ask(gateway, "get-sms", message_id=busiest(account))[1]["recipients"] > 1
    assert ask(gateway, "get-balance")[1]["currency"] == "AUD"
    assert set(INSTEAD) <= set(FAULT_KINDS)
