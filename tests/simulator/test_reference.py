"""Facts of the gateway's reference that no test of one behaviour holds: names and kinds of values, defaults.

The expected keys and kinds are written here by hand, not taken from the simulator.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from smsdata.simulator import Account, Gateway, Outage
from smsdata.simulator.seed_data import pool

from .asking import SPAN, active_member, ask, busiest, code, noted, parameters, raw, read, small

INSTANT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
KINDS: dict[str, tuple[type | str | None, ...]] = {
    "int": (int,), "int?": (int, None), "text": (str,), "text?": (str, None), "bool": (bool,),
    "bool?": (bool, None), "number": (int, float), "number?": (int, float, None), "instant": (INSTANT,),
    "instant?": (INSTANT, None), "date?": (r"\d{4}-\d\d-\d\d", None), "debit": ("debit",),
    "fields": (list, dict),
    "sender": (int, r"\D.*"), "digits": (r"\d+",),
}  # fmt: skip
PERSON = {"first_name": "text?", "last_name": "text?", "msisdn": "int"}
COUNTERS = dict.fromkeys(
    ("pending", "delivered", "soft_bounced", "hard_bounced", "optouts", "responses"), "int"
)
REPLY = PERSON | {
    "id": "int", "message_id": "int?", "list_id": "int", "received_at": "instant", "response": "text",
    "longcode": "int",
}  # fmt: skip
ROWS: dict[str, dict[str, str]] = {
    "get-user-sms-sent": {
        "id": "int", "message_id": "int", "message": "text", "sent_at": "instant", "msisdn": "int",
        "caller_id": "sender", "status": "text",
    },
    "get-message-report": COUNTERS | {
        "type": "text", "id": "int", "sms": "int", "cost": "debit", "sent_at": "instant", "status": "text",
        "message": "text",
    },
    "get-sms-sent": PERSON | {"delivery_status": "text", "optout": "bool"},
    "get-user-sms-responses": REPLY,
    "get-sms-responses": REPLY,
    "get-contact-sms-stats": {"message_id": "int", "datetime_send": "instant", "delivery_status": "text"},
    "get-lists": {
        "id": "int", "name": "text", "created": "instant?", "members_active": "int", "members_total": "int",
        "fields": "fields",
    },
    "get-list": PERSON | {"list_id": "int", "created_at": "instant", "status": "text", "fields": "fields"},
    "get-numbers": {
        "number": "int", "price": "number?", "auto_renew": "bool?", "next_charge": "date?", "status": "text?",
    },
    "get-keywords": {
        "keyword": "text", "reference": "text?", "number": "int", "list_id": "int?",
        "welcome_message": "text?",
        "member_message": "text?", "forward_url": "text?", "forward_sms": "text?", "forward_email": "text?",
        "status": "text", "billing_date": "date?",
    },
    "get-clients": {
        "id": "int", "name": "text", "contact": "text?", "email": "text", "msisdn": "digits",
        "currency": "text",
        "timezone": "text", "created": "instant", "client_pays": "bool", "sms_margin": "number",
        "recharge_amount": "number", "total_lists": "int", "total_sms": "int", "total_contacts": "int",
        "total_spend": "number", "total_revenue": "number", "credits_based": "bool", "balance": "number",
        "has_credit_card": "text", "apikey": "text", "apisecret": "text",
    },
    "get-transactions": {
        "id": "int", "description": "text", "amount": "number", "balance_standing": "number",
        "created": "instant", "message_id": "int?", "message_status": "text?", "message_cost": "number?",
        "message_revenue": "number?",
    },
    "get-link-hits": {"msisdn": "digits", "link": "text", "datetime": "instant"},
}  # fmt: skip
TOTALS = {
    "get-user-sms-sent": ("messages", "total"), "get-message-report": ("messages", "messages_total"),
    "get-sms-sent": ("recipients", "total"), "get-user-sms-responses": ("responses", "total"),
    "get-sms-responses": ("responses", "total"), "get-contact-sms-stats": ("records", "total"),
    "get-lists": ("lists", "lists_total"), "get-list": ("members", "members_total"),
    "get-numbers": ("numbers", "numbers_total"), "get-keywords": ("keywords", "keywords_total"),
    "get-clients": ("clients", "clients_total"), "get-transactions": ("transactions", "transactions_total"),
    "get-link-hits": ("link_hits", "link_hits_total"),
}  # fmt: skip
SOMETIMES = {"msisdn", "first_name", "last_name"}  # beside a send to one recipient


def fits(value: Any, kind: str) -> bool:
    """Whether a value is of a kind, by its type on the wire and, for text, by its form."""
    for allowed in KINDS[kind]:
        if allowed == "debit" or allowed is None:
            good = type(value) in (int, float) and value < 0 if allowed else value is None
        elif isinstance(allowed, str):
            good = isinstance(value, str) and re.fullmatch(allowed, value, re.DOTALL) is not None
        else:
            good = type(value) is allowed
        if good:
            return True
    return False


def whole_rows(gateway: Gateway, call: str) -> list[dict[str, Any]]:
    """Every row of a call, of each send, list or client where it is about one."""
    account, given = gateway.account, parameters(gateway.account)[call]
    several = {
        "message_id": [send.message_id for send in account.sends], "list_id": list(account.contacts.lists),
        "client_id": [client["id"] for client in account.state.clients],
    }  # fmt: skip
    about = next((name for name in several if name in given), None)
    asked = [given | {about: value} for value in several[about]] if about else [given]
    return [row for params in asked for row in read(gateway, call, size=100, **params)]


@pytest.mark.parametrize("call", ROWS)
def test_rows_have_the_keys_and_kinds_of_the_reference(account: Account, call: str) -> None:
    """Under the documented key stand rows with exactly these keys, whose values are of these kinds."""
    gateway = Gateway(account, limiter=None)
    body = ask(gateway, call, **parameters(account)[call])[1]
    rows_key, total = TOTALS[call]
    assert {"page", rows_key, total, "error"} <= body.keys()
    assert body["page"].keys() == {"count", "number"}
    rows = whole_rows(gateway, call)
    wrong = {
        (key, repr(row.get(key)))
        for row in rows
        for key, kind in ROWS[call].items()
        if not fits(row.get(key), kind)
    }
    optional = SOMETIMES if call == "get-message-report" else {"fields"} & ROWS[call].keys()
    if call == "get-list":
        wrong = {(key, value) for key, value in wrong if (key, value) != ("fields", "None")}
    assert rows
    assert wrong == set()
    assert {frozenset(row.keys() - optional) for row in rows} == {frozenset(ROWS[call].keys() - optional)}


ONE_THING = {
    "get-sms-stats": {
        "stats": {
            "hard_bounced", "soft_bounced", "total", "recipientCount", "delivered", "pending", "bounced",
            "responses", "opt-outs", "link_hits",
        },
    },
    "get-sms-delivery-status": {
        "stats": {"message_id", "sender_id", "mobile", "send_at", "datetime", "status", "message"},
    },
    "get-sms-sent-count": {"count": None},
    "get-balance": {"balance": None, "currency": None},
    "format-number": {"number": {"countrycode", "nationalnumber", "international", "type", "isValid"}},
}  # fmt: skip


@pytest.mark.parametrize("call", ONE_THING)
def test_answers_about_one_thing_have_the_keys_of_the_reference(account: Account, call: str) -> None:
    """Exactly these, beside the error block."""
    send = account.state.sent.send_of(busiest(account))
    about = {"message_id": send.message_id, "msisdn": int(account.recipients["msisdn"][send.rows[0]])}
    params: dict[str, dict[str, Any]] = {
        "get-sms-stats": about, "get-sms-delivery-status": about, "get-balance": {},
        "get-sms-sent-count": {"start": "2026-11-16", "end": "2026-11-22"},
        "format-number": {"msisdn": "0491570156", "countrycode": "AU"},
    }  # fmt: skip
    body = ask(Gateway(account, limiter=None), call, **params[call])[1]
    assert body.pop("error") == {"code": "SUCCESS", "description": "OK"}
    keys = {key: set(value) if isinstance(value, dict) else None for key, value in body.items()}
    assert keys == ONE_THING[call]


def test_get_sms_and_the_message_block_are_about_the_send(account: Account) -> None:
    """Cost is positive here; the list stands there only where one was sent to."""
    gateway = Gateway(account, limiter=None)
    common = {"message_id", "send_at", "recipients", "cost", "sms", "delivery_stats"}
    seen = set()
    for send in account.sends:
        alone = ask(gateway, "get-sms", message_id=send.message_id)[1]
        block = ask(gateway, "get-sms-sent", message_id=send.message_id)[1]["message"]
        listed = {"list"} if send.list_id else set()
        assert alone.keys() == common | listed | {"message", "error"}
        assert block.keys() == common | listed
        assert {key: alone[key] for key in block} == block
        assert block["cost"] > 0
        assert block["delivery_stats"].keys() == {"delivered", "pending", "bounced", "responses", "optouts"}
        assert not listed or block["list"].keys() == {"id", "name"}
        seen.add(bool(listed))
    assert seen == {True, False}


def test_the_head_of_get_list_tells_of_the_list(account: Account) -> None:
    """Beside the members stand the list's own id, name, date and fields, and how many are active."""
    body = ask(Gateway(account, limiter=None), "get-list", list_id=3_100_001, members="none")[1]
    assert (body["id"], body["name"], body["members"]) == (3_100_001, "Customers", [])
    assert {"created", "fields", "members_active"} <= body.keys()


def test_get_contact_is_a_row_of_get_list(account: Account) -> None:
    """By list and number."""
    gateway = Gateway(account, limiter=None)
    row = read(gateway, "get-list", list_id=3_100_001)[0]
    one = ask(gateway, "get-contact", list_id=3_100_001, msisdn=row["msisdn"])[1]
    assert one == row | {"error": one["error"]}


def test_original_messages_come_only_when_asked_for(account: Account) -> None:
    """The message that was answered, with its variables filled in."""
    gateway = Gateway(account, limiter=None)
    about = {"message_id": busiest(account)}
    assert not any("original_message" in row for row in read(gateway, "get-sms-responses", **about))
    rows = read(gateway, "get-sms-responses", include_original="true", **about)
    assert rows
    assert all(row["original_message"] and "[Firstname]" not in row["original_message"] for row in rows)


# -- what is taken where nothing is asked for --------------------------------------------------------------


def test_report_and_responses_take_the_last_day_and_month_by_default() -> None:
    """24 hours of sends, 30 days of inbound messages, to the second."""
    account = small(reply_rate=0.0, link_rate=0.0)
    for at in ("2026-11-20T23:59:59Z", "2026-11-21T00:00:00Z", "2026-11-21T23:00:00Z"):
        account.send(61491570156, at=at)
    gateway = Gateway(account, limiter=None)
    assert [row["sent_at"][-8:] for row in read(gateway, "get-message-report")] == ["23:00:00", "00:00:00"]
    account.inbound(61491570156, "Hello")
    account.advance(days=30)
    assert len(read(gateway, "get-user-sms-responses")) == 1
    account.advance(1)
    assert read(gateway, "get-user-sms-responses") == []


def test_lists_numbers_and_keywords_show_what_is_asked_for(account: Account) -> None:
    """Owned numbers without a filter; one number's keywords."""
    gateway = Gateway(account, limiter=None)
    owned, free = (read(gateway, "get-numbers", filter=kind) for kind in ("owned", "available"))
    assert read(gateway, "get-numbers") == owned
    assert not {row["number"] for row in owned} & {row["number"] for row in free}
    assert {row["number"] for row in read(gateway, "get-keywords", number=61491570110)} == {61491570110}
    assert len(read(gateway, "get-keywords")) == 3


def test_report_filters_by_type_sender_and_list(account: Account) -> None:
    """Each filter leaves exactly its own sends."""
    gateway, window = Gateway(account, limiter=None), {"start": "2026-10-23", "end": "2026-11-22"}
    everything = read(gateway, "get-message-report", size=100, **window)
    assert read(gateway, "get-message-report", size=100, type="all", **window) == everything
    by_type = {kind: [row for row in everything if row["type"] == kind] for kind in (
        "api", "campaign", "quick_sms", "email_sms", "keyword", "test_sms",
    )}  # fmt: skip
    assert sum(map(len, by_type.values())) == len(everything)
    for kind, rows in by_type.items():
        assert read(gateway, "get-message-report", size=100, type=kind, **window) == rows
    ids = {send.message_id for send in account.sends if send.sender == "61491570110"}
    rows = read(gateway, "get-message-report", size=100, number=61491570110, **window)
    assert {row["id"] for row in rows} == ids & {row["id"] for row in everything}
    list_id = next(send.list_id for send in account.sends[::-1] if send.list_id)
    rows = read(gateway, "get-message-report", size=100, list_id=list_id, **window)
    assert {account.state.sent.send_of(row["id"]).list_id for row in rows} == {list_id}


def test_a_send_to_the_only_member_of_a_list_names_them_and_their_fields() -> None:
    """Names in any report; custom fields where that list was asked for, in either shape."""
    account = small()
    gateway, list_id = Gateway(account, limiter=None), account.contacts.add_list("One", {"field_1": "Town"})
    account.contacts.add_member(list_id, 61491579990, "Ana", "Ng", fields={"Town": "Köln"})
    sent = ask(gateway, "send-sms", list_id=list_id, message="Hi")[1]
    (plain,) = read(gateway, "get-message-report")
    (row,) = read(gateway, "get-message-report", list_id=list_id)
    (array,) = read(gateway, "get-message-report", list_id=list_id, response_style="array")
    assert (row["id"], row["msisdn"], row["first_name"], row["last_name"]) == (
        sent["message_id"], 61491579990, "Ana", "Ng",
    )  # fmt: skip
    assert plain == {key: value for key, value in row.items() if key != "fields"}
    assert (row["fields"], array["fields"]) == ({"Town": "Köln"}, [{"name": "Town", "value": "Köln"}])


def test_messages_recipients_and_replies_filter_by_number_and_list(account: Account) -> None:
    """Msisdn leaves one person's; list_id of get-sms-sent leaves a send to that list or nobody."""
    gateway = Gateway(account, limiter=None)
    who = read(gateway, "get-sms-responses", message_id=busiest(account))[0]["msisdn"]
    messages = read(gateway, "get-user-sms-sent", size=100, msisdn=who, **SPAN)
    assert {row["msisdn"] for row in messages} == {who}
    replies = read(gateway, "get-sms-responses", message_id=busiest(account), msisdn=who)
    assert {row["msisdn"] for row in replies} == {who}
    send, list_id = next((send, send.list_id) for send in account.sends if send.list_id)
    about = {"message_id": send.message_id}
    assert len(read(gateway, "get-sms-sent", list_id=list_id, **about)) == len(send.rows)
    assert read(gateway, "get-sms-sent", list_id=list_id + 1, **about) == []
    assert read(gateway, "get-sms-responses", message_id=busiest(account), end="2026-01-01") == []


def test_contact_history_takes_a_country_a_span_and_an_order(account: Account) -> None:
    """A national number with its country; newest first unless asked otherwise."""
    gateway = Gateway(account, limiter=None)
    number = str(next(n for n in account.recipients["msisdn"].tolist() if str(n).startswith("61")))
    rows = read(gateway, "get-contact-sms-stats", mobile=number)
    assert read(gateway, "get-contact-sms-stats", mobile=f"0{number[2:]}", countrycode="AU") == rows
    times = [row["datetime_send"] for row in rows]
    assert times == sorted(times, reverse=True)
    turned = read(gateway, "get-contact-sms-stats", mobile=number, sort_field="message_id", order="asc")
    ids = [row["message_id"] for row in turned]
    assert ids == sorted(ids)
    window = {"start": times[-1], "end": times[-1]}
    assert [
        row["datetime_send"] for row in read(gateway, "get-contact-sms-stats", mobile=number, **window)
    ] == times[-1:]


def test_transactions_are_those_of_a_client_within_a_span(account: Account) -> None:
    """Debits are negative, what a message cost is positive."""
    gateway = Gateway(account, limiter=None)
    rows = read(gateway, "get-transactions", client_id=70_001)
    middle = sorted(row["created"] for row in rows)[len(rows) // 2]
    later = read(gateway, "get-transactions", client_id=70_001, start=middle)
    assert {row["id"] for row in later} == {row["id"] for row in rows if row["created"] >= middle}
    assert all(row["message_cost"] == -row["amount"] > 0 for row in rows if row["message_id"])


# -- instants, pages, throttle -----------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["2026-11-21", "2026-11-21 00:00:00"])
def test_instants_are_utc_seconds_and_a_bare_date_is_its_midnight(start: str) -> None:
    """What a date leaves in, and what it does not."""
    account = small()
    for at in ("2026-11-20T23:59:59Z", "2026-11-21T00:00:00Z"):
        account.send(61491570156, at=at)
    rows = read(Gateway(account, limiter=None), "get-user-sms-sent", start=start, end="2026-11-22")
    assert [row["sent_at"] for row in rows] == ["2026-11-21 00:00:00"]


@pytest.mark.parametrize("start", ["2026-11-21T00:00:00", "2026-11-21 00:00:00Z", "2026-11-21 00:00:00.5"])
def test_instants_take_no_zone_and_no_fraction(start: str) -> None:
    """A guess of the twin: any other spelling is a wrong format."""
    gateway = Gateway(small(), limiter=None)
    assert code(gateway, "get-user-sms-sent", start=start, end="2026-11-22") == "FIELD_INVALID"


def test_pages_of_a_moving_list_shift_while_they_are_read() -> None:
    """No cursor and no snapshot: a row that comes on top pushes another one onto the next page again."""
    account = small()
    for seconds in range(4):
        account.send(61491570156, at=account.now - 60 + seconds)
    gateway = Gateway(account, limiter=None)
    first = ask(gateway, "get-user-sms-sent", max=2, page=1, **SPAN)[1]
    account.send(61491570157)
    second = ask(gateway, "get-user-sms-sent", max=2, page=2, **SPAN)[1]
    assert (first["page"], second["page"]) == ({"count": 2, "number": 1}, {"count": 3, "number": 2})
    assert first["messages"][1] == second["messages"][0]


def test_a_throttled_call_is_dropped_and_nothing_says_when_to_come_again() -> None:
    """The change is not made, then or later; no header tells of the rate."""
    account = small()
    gateway, who = Gateway(account, rate=1.0, clock=lambda: 0.0), active_member(account)
    allowed = raw(gateway, "get-balance")
    refused = raw(gateway, "delete-from-list", list_id=3_100_001, msisdn=who)
    assert (refused.status, json.loads(refused.body)["error"]["code"]) == (429, "OVER_LIMIT")
    account.advance(days=1)
    assert account.contacts.open(3_100_001).find(who) is not None
    assert {*allowed.headers, *refused.headers} == {"date", "content-type"}


def test_two_calls_a_second_are_taken_by_default() -> None:
    """And more where the rate says so."""
    for gateway, taken in (
        (Gateway(small(), clock=lambda: 0.0), 2),
        (Gateway(small(), clock=lambda: 0.0, rate=15.0), 15),
    ):
        statuses = [raw(gateway, "get-balance").status for _ in range(20)]
        assert statuses == [200] * taken + [429] * (20 - taken)


# -- values, people and receipts ---------------------------------------------------------------------------


def test_custom_fields_are_ten_at_most_and_hold_any_value(account: Account) -> None:
    """Text, numbers, nothing; an eleventh name is refused."""
    values = {
        type(value) for row in account.truth("list_members") for value in json.loads(row["fields"]).values()
    }
    assert {str, int, float, type(None)} <= values
    gateway = Gateway(small(), limiter=None)
    names = {f"field_{number}": f"F{number}" for number in range(1, 11)}
    assert code(gateway, "add-list", name="Wider", **names, field_11="F11") == "FIELD_INVALID"
    made = ask(gateway, "add-list", name="Wide", **names)[1]
    assert list(made["fields"]) == [f"field_{number}" for number in range(1, 11)]


def test_texts_hold_any_character(account: Account) -> None:
    """Emoji, line breaks, quotes and what a spreadsheet takes for a formula, out and back as they are."""
    gateway = Gateway(account, limiter=None)
    replies = [
        row["response"] for row in read(gateway, "get-user-sms-responses", size=100, start="2026-01-01")
    ]
    texts = "\n".join([*replies, *(send.text for send in account.sends)])
    assert all(piece in texts for piece in ("👍", "\n", '"', "=1+1", "ä"))


def test_everybody_has_a_reserved_number() -> None:
    """Australia, Great Britain, America: nobody's. More than 11,000 people have numbers that are too long."""
    reserved = re.compile(r"6149157\d{4}|447700900\d{3}|120255501\d\d")
    numbers = pool(12_000).tolist()
    assert len(set(numbers)) == 12_000
    assert all(reserved.fullmatch(str(number)) for number in numbers[:11_000])
    assert {str(number)[:7] for number in numbers[11_097:]} == {"6149157"}


def test_what_is_pending_after_72_hours_expires_as_a_soft_bounce() -> None:
    """At that instant, not before; what the carrier knows comes earlier."""
    account = small(recipients=900, reply_rate=0.0, link_rate=0.0)
    message_id = account.send_campaign(3_100_001)
    rows = account.state.sent.send_of(message_id).rows
    waits = account.recipients["final_at"][rows] - account.recipients["sent_at"][rows]
    expired = waits == 72 * 3600
    assert expired.any()
    assert waits.max() == 72 * 3600
    assert set(account.recipients["outcome"][rows][expired].tolist()) == {2}
    sent = read(Gateway(account, limiter=None), "get-sms-sent", size=100, message_id=message_id)
    assert {row["delivery_status"] for row in sent} <= {"pending", "delivered", "soft-bounce", "hard-bounce"}


def test_only_get_sms_sent_and_receipts_tell_hard_from_soft_in_the_words_of_the_carrier(
    account: Account,
) -> None:
    """Elsewhere a bounce is spelt otherwise, or is a failure of no kind."""
    gateway, send = Gateway(account, limiter=None), busiest(account)
    messages = {row["status"] for row in read(gateway, "get-user-sms-sent", size=100, **SPAN)}
    assert (
        {"soft_bounced", "hard_bounced"}
        <= messages
        <= {"pending", "delivered", "soft_bounced", "hard_bounced"}
    )
    rows = [
        row
        for one in account.sends
        for row in read(gateway, "get-sms-sent", size=100, message_id=one.message_id)
    ]
    assert {"soft-bounce", "hard-bounce"} <= {row["delivery_status"] for row in rows}
    dead = next(row for row in rows if row["delivery_status"] == "hard-bounce")["msisdn"]
    found = [row["message_id"] for row in read(gateway, "get-contact-sms-stats", mobile=dead)]
    about = {"message_id": found[0], "msisdn": dead}
    assert ask(gateway, "get-sms-delivery-status", **about)[1]["stats"]["status"] == "failed"
    stats = ask(gateway, "get-sms-stats", message_id=send)[1]["stats"]
    assert stats["bounced"] == stats["hard_bounced"] + stats["soft_bounced"]


def test_an_alphanumeric_sender_gets_no_replies() -> None:
    """Everybody answers the number, nobody the name."""
    account = small(reply_rate=1.0, link_rate=0.0)
    named, numbered = (account.send(61491570156, sender=sender) for sender in ("Acme", "61491570110"))
    account.advance(days=5)
    assert {reply.message_id for reply in account.state.inbox.replies} == {numbered}
    assert named != numbered


def test_a_deletion_is_no_withdrawal_of_consent() -> None:
    """Nothing says that the person opted out, and the number is sent to again."""
    account = small()
    calls, who = noted(account), active_member(account)
    gateway = Gateway(account, limiter=None)
    ask(gateway, "delete-from-list", list_id=3_100_001, msisdn=who)
    assert (account.contacts.optout_log, account.contacts.global_optouts) == ([], set())
    assert code(gateway, "send-sms", message="Hi", to=who) == "SUCCESS"
    assert calls == []


def test_inbound_messages_may_be_listed_days_after_they_were_received() -> None:
    """The counter of the send knows a reply at once; the list shows it up to 72 hours later, as of then."""
    account = small(late_replies=1.0)
    message_id = account.send_campaign(3_100_001)
    account.advance(hours=1)
    recipients = account.recipients["msisdn"][account.state.sent.send_of(message_id).rows].tolist()
    for msisdn in recipients[:10]:
        account.reply(message_id, msisdn, "Yes")
    gateway = Gateway(account, limiter=None)
    counted = ask(gateway, "get-sms-stats", message_id=message_id)[1]["stats"]["responses"]
    assert counted >= 10
    assert len(read(gateway, "get-user-sms-responses")) < counted
    received = f"{account.time:%Y-%m-%d %H:%M:%S}"
    account.advance(hours=72)
    rows = read(gateway, "get-sms-responses", message_id=message_id)
    assert sum(row["received_at"] == received for row in rows) == 10


@pytest.mark.parametrize("status", ["soft-bounce", "hard-bounce"])
def test_an_outage_bounces_numbers_that_live(status: str) -> None:
    """Of one range of numbers, from one hour to another; before and after they are reached."""
    begin, end = "2026-11-22T10:00", "2026-11-22T12:00"
    account = small(outages=(Outage(begin, end, prefix="6149157", status=status),), reply_rate=0.0)
    people = [61491570200 + number for number in range(40)] + [447700900300]
    outcomes = []
    for hour in (9, 11, 13):
        message_id = account.send_campaign(numbers=people, at=f"2026-11-22T{hour:02}:00Z")
        account.advance(days=4) if hour == 13 else None
        outcomes.append(message_id)
    words = [
        {row["msisdn"]: row["status"] for row in account.truth("dlrs") if row["message_id"] == message_id}
        for message_id in outcomes
    ]
    assert {word for number, word in words[1].items() if number.startswith("61")} <= {status, "hard-bounce"}
    assert all(list(send.values()).count("delivered") > 30 for send in (words[0], words[2]))


def test_the_date_header_may_be_wrong() -> None:
    """By as many seconds as asked, or as a function of the time."""
    account = small()
    for gateway in (
        Gateway(account, limiter=None, date_offset=3600),
        Gateway(account, limiter=None, date_offset=lambda now: 3600.0 if now == account.now else 0.0),
    ):
        answer = raw(gateway, "get-lists")
        assert answer.headers["date"] == "Sun, 22 Nov 2026 01:00:00 GMT"
