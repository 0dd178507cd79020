"""Calls that read keep the gateway's reference and agree with the truth; errors are the documented ones."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from smsdata.simulator import Account, Gateway
from smsdata.simulator.calls import ANSWERS, LISTINGS, ORDERS
from smsdata.simulator.faults import FAULT_KINDS, INSTEAD

from .asking import SPAN, ask, busiest, code, parameters, read, small

# -- reading calls ------------------------------------------------------------------------------------------


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
    gateway, twice = Gateway(account, limiter=None), 0
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
        twice += max(Counter(row["msisdn"] for row in rows).values()) > 1
        assert {str(row["msisdn"]) for row in only} == {
            r["msisdn"] for r in account.truth("optouts") if r["message_id"] == send.message_id
        }
    assert twice


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
    window: dict[str, Any] = {"start": "2026-11-20 10:00:00", "end": "2026-11-20 10:00:02"}
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


# -- errors -------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("path", ["/add-credit.json", "/add-card.xml"])
def test_calls_that_move_money_are_not_there(path: str) -> None:
    """404, whatever is sent along."""
    gateway = Gateway(small(), limiter=None)
    answer = gateway.respond("POST", path, [("client_id", "70001"), ("amount", "5")], gateway.authorization)
    assert answer.status == 404
    assert b"NOT_IMPLEMENTED" in answer.body


@pytest.mark.parametrize("path", ["/get-lists", "/get-lists.csv", "/get-nothing.json", "/", "/2/"])
def test_unknown_calls_are_not_implemented(path: str) -> None:
    """404, also when only the suffix is missing."""
    gateway = Gateway(small(), limiter=None)
    answer = gateway.respond("GET", path, [], gateway.authorization)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (404, "NOT_IMPLEMENTED")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "get"])
def test_other_methods_are_not_implemented(method: str) -> None:
    """404 for a call that is there; nothing is changed."""
    gateway = Gateway(small(), limiter=None)
    pairs = [("client_id", "70001"), ("contact", "Ana")]
    answer = gateway.respond(method, "/edit-client.json", pairs, gateway.authorization)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (404, "NOT_IMPLEMENTED")
    assert gateway.applied == []


@pytest.mark.parametrize("call", ["get-clients", "get-transactions"])
def test_reseller_calls_need_a_reseller(call: str) -> None:
    """NO_ACCESS for everybody else."""
    assert code(Gateway(small(), limiter=None, reseller=False), call, client_id=70_001) == "NO_ACCESS"


def test_every_call_answers(account: Account) -> None:
    """No documented call is missing."""
    documented = {
        "get-sms", "get-sms-stats", "get-sms-delivery-status", "get-sms-sent-count", "get-contact",
        "get-balance", "format-number", "delete-from-list", "optout-list-member", "add-to-list",
        "edit-list-member", "add-list", "remove-list", "add-field-to-list", "add-contacts-bulk",
        "add-contacts-bulk-progress", "get-number", "lease-number", "edit-number-options", "add-keyword",
        "edit-keyword", "add-email", "delete-email", "get-client", "add-client", "edit-client",
        "get-transaction",
    }  # fmt: skip
    assert documented == set(ANSWERS)
    assert set(ORDERS) == {"send-sms", "cancel-sms"}
    assert len(LISTINGS) == 13
    gateway = Gateway(account, limiter=None)
    assert ask(gateway, "get-sms", message_id=busiest(account))[1]["recipients"] > 1
    assert ask(gateway, "get-balance")[1]["currency"] == "AUD"
    assert set(INSTEAD) <= set(FAULT_KINDS)
