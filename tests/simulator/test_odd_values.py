"""Every parameter of every call with odd values: an answer of the reference, which names the field."""

from __future__ import annotations

import copy
import json
from typing import Any
from xml.etree import ElementTree

import pytest

from smsdata.simulator import Account, Gateway
from smsdata.simulator.outbox import check_address

from .asking import ask, code, parameters, small
from .test_every_call import prepared

PAGED = "page max"
KEYWORD = "number reference list_id welcome_message members_message forward_url forward_email forward_sms"
CLIENT = "name email password msisdn contact timezone client_pays sms_margin"
CONTACT = "list_id msisdn first_name last_name field_1"
TAKEN = {
    "get-user-sms-sent": f"start end msisdn {PAGED}",
    "get-message-report": f"start end type number list_id response_style {PAGED}",
    "get-sms-sent": f"message_id list_id delivery optouts {PAGED}",
    "get-user-sms-responses": f"start end keywords include_original {PAGED}",
    "get-sms-responses": f"message_id keyword number keyword_id start end msisdn include_original {PAGED}",
    "get-contact-sms-stats": f"mobile countrycode start end sort_field order {PAGED}",
    "get-lists": f"response_style {PAGED}", "get-list": f"list_id members response_style {PAGED}",
    "get-numbers": f"filter {PAGED}", "get-keywords": f"number {PAGED}", "get-clients": PAGED,
    "get-transactions": f"client_id start end {PAGED}", "get-link-hits": f"message_id {PAGED}",
    "get-sms": "message_id", "get-sms-stats": "message_id", "get-sms-delivery-status": "message_id msisdn",
    "get-sms-sent-count": "start end", "get-contact": "list_id msisdn", "get-balance": "",
    "format-number": "msisdn countrycode", "delete-from-list": "msisdn list_id",
    "optout-list-member": "msisdn list_id", "add-to-list": f"{CONTACT} countrycode",
    "edit-list-member": CONTACT, "cancel-sms": "id", "add-list": "name field_1 response_style",
    "send-sms": "message to list_id from countrycode send_at dlr_callback reply_callback link_hits_callback"
    " validity replies_to_email from_shared tracked_link_url",
    "add-field-to-list": "list_id field_1 response_style", "remove-list": "list_id",
    "add-contacts-bulk": "list_id name file_url field_1 countrycode", "add-contacts-bulk-progress": "list_id",
    "get-number": "number", "lease-number": "number forward_url", "edit-number-options": KEYWORD,
    "add-keyword": f"keyword activate {KEYWORD}", "edit-keyword": f"keyword status {KEYWORD}",
    "add-email": "email max_sms number", "delete-email": "email", "get-client": "client_id",
    "add-client": CLIENT, "edit-client": f"client_id {CLIENT}", "get-transaction": "id",
}  # fmt: skip
ODD = (
    "", " ", "-1", "1.5", "x", "²", "9" * 18, "9" * 5_000, "2026-02-30", "0001-01-01", "9999-12-31 23:59:59",
    "a\x00b", "👋", "\ud83d", "http://a:99999/", "*@example.com", "mailto:a@b", "1,2",
)  # fmt: skip


@pytest.mark.parametrize("call", TAKEN)
def test_an_odd_value_meets_an_answer_that_names_its_field(account: Account, call: str) -> None:
    """200 or 400, readable in JSON and XML; FIELD_EMPTY and FIELD_INVALID say which field."""
    own, single = prepared(account)
    right = (parameters(own) | single)[call]
    gateway = Gateway(copy.deepcopy(own), limiter=None)
    unnamed = []
    for name in TAKEN[call].split():
        for odd in ODD:
            given: dict[str, Any] = right | {name: odd}
            pairs = [(key, str(value)) for key, value in given.items() if (name, key) != ("list_id", "to")]
            answers = [
                gateway.respond("POST", f"/{call}.{form}", pairs, gateway.authorization)
                for form in ("json", "xml")
            ]
            body = json.loads(answers[0].body)
            assert ElementTree.fromstring(answers[1].body).tag == "response"
            assert answers[0].status in (200, 400), (name, odd[:20])
            if body["error"]["code"].startswith("FIELD_") and name not in body["error"]["description"]:
                unnamed.append((name, odd[:20], body["error"]))
    assert unnamed == []


NEEDED = {
    "get-user-sms-sent": "start end", "get-sms-sent": "message_id", "get-sms-responses": "message_id",
    "get-contact-sms-stats": "mobile", "get-list": "list_id", "get-transactions": "client_id",
    "get-link-hits": "message_id", "get-sms": "message_id", "get-sms-stats": "message_id",
    "get-sms-delivery-status": "message_id msisdn", "get-sms-sent-count": "start end",
    "get-contact": "list_id msisdn", "format-number": "msisdn countrycode",
    "delete-from-list": "msisdn list_id", "optout-list-member": "msisdn list_id",
    "add-to-list": "list_id msisdn", "edit-list-member": "list_id msisdn", "send-sms": "message to",
    "cancel-sms": "id", "add-list": "name", "add-field-to-list": "list_id field_1", "remove-list": "list_id",
    "add-contacts-bulk": "list_id file_url", "add-contacts-bulk-progress": "list_id", "get-number": "number",
    "edit-number-options": "number", "add-keyword": "keyword number", "edit-keyword": "keyword number",
    "add-email": "email", "delete-email": "email", "get-client": "client_id",
    "add-client": "name email password msisdn", "edit-client": "client_id", "get-transaction": "id",
}  # fmt: skip
"""What each call cannot do without; every other parameter can be left out, and so can all of other calls."""


@pytest.mark.parametrize("call", TAKEN)
def test_a_call_needs_what_the_reference_says_and_nothing_else(account: Account, call: str) -> None:
    """With these alone it succeeds; without one of them, or with an empty one, the refusal names it."""
    own, single = prepared(account)
    right, needed = (parameters(own) | single)[call], NEEDED.get(call, "").split()
    given = {name: right[name] for name in needed}
    for missing in needed:
        gateway = Gateway(copy.deepcopy(own), limiter=None)
        without = {name: value for name, value in given.items() if name != missing}
        for params in (without, without | {missing: ""}):
            status, body = ask(gateway, call, **params)
            assert (status, body["error"]["code"]) in ((400, "FIELD_EMPTY"), (400, "MISSING_PARAM"))
            assert missing in body["error"]["description"]
        assert gateway.applied == []
    assert code(Gateway(copy.deepcopy(own), limiter=None), call, **given) == "SUCCESS"


def test_taken_knows_every_call(account: Account) -> None:
    assert TAKEN.keys() == (parameters(account) | prepared(account)[1]).keys()


@pytest.mark.parametrize(
    ("call", "params", "field"),
    [
        ("edit-number-options", {"number": 61491570110, "forward_sms": "²"}, "forward_sms"),
        ("edit-number-options", {"number": 61491570110, "forward_sms": "0299999999"}, "forward_sms"),
        ("edit-number-options", {"number": 61491570110, "forward_email": "*@example.com"}, "forward_email"),
        ("edit-number-options", {"number": 61491570110, "forward_url": "http://a:99999/"}, "forward_url"),
        ("edit-client", {"client_id": 70_001, "sms_margin": "9" * 400}, "sms_margin"),
        ("edit-client", {"client_id": 70_001, "email": "a@b@c.de"}, "email"),
        ("edit-client", {"client_id": 70_001, "email": "mailto:a@b.de"}, "email"),
        ("edit-client", {"client_id": 70_001, "msisdn": "1"}, "msisdn"),
        ("send-sms", {"to": 61491579990, "message": "Hi", "dlr_callback": "http://a:0x/"}, "dlr_callback"),
        ("get-keywords", {"number": "x"}, "number"),
        ("get-sms-responses", {"keyword": "JOIN", "number": "x"}, "number"),
        ("add-field-to-list", {"list_id": 3_100_001, "field_4": " "}, "field_1"),
    ],
)
def test_what_could_not_be_acted_on_later_is_refused_at_once(
    call: str, params: dict[str, Any], field: str
) -> None:
    """A number that nobody has, an address that nobody can call, an amount beyond all amounts."""
    gateway = Gateway(small(), limiter=None)
    status, body = ask(gateway, call, **params)
    assert (status, body["error"]["code"][:6]) == (400, "FIELD_")
    assert body["error"]["description"].startswith(f"{field} ")
    assert gateway.applied == []


def test_an_address_with_a_port_that_is_none_is_no_address() -> None:
    with pytest.raises(ValueError, match=r"[Pp]ort"):
        check_address("dlr", "http://127.0.0.1:99999/")


def test_a_text_is_a_keyword_of_the_number_that_it_went_to() -> None:
    """WIN is a keyword of another number; a word ends where the line does."""
    account = small()
    gateway = Gateway(account, limiter=None)
    account.inbound(61491579990, "WIN", longcode="61491570110")
    account.inbound(61491579990, "Win\nplease", longcode="61491570313")
    assert code(gateway, "get-sms-responses", keyword="WIN") == "SUCCESS"
    rows = ask(gateway, "get-sms-responses", keyword="WIN")[1]["responses"]
    assert [(row["longcode"], row["response"]) for row in rows] == [(61491570313, "Win\nplease")]
    only = ask(gateway, "get-user-sms-responses", keywords="only")[1]["responses"]
    assert [row["response"] for row in only] == ["Win\nplease"]


@pytest.mark.parametrize(
    ("call", "params", "expected"),
    [
        ("get-user-sms-sent", {"start": "2026-11-1", "end": "2026-11-22"}, "FIELD_INVALID start must"),
        ("get-user-sms-sent", {"start": "２０２６-11-01", "end": "2026-11-22"}, "FIELD_INVALID start must"),
        ("get-user-sms-sent", {"start": "2026-11-01T00:00:00", "end": "2026-11-22"}, "FIELD_INVALID start"),
        ("get-message-report", {"page": "-1"}, "FIELD_INVALID page must be a whole number"),
        ("delete-from-list", {"msisdn": "61491570156", "list_id": "00"}, "FIELD_INVALID list_id must be"),
        ("optout-list-member", {"msisdn": "61491570156", "list_id": "000"}, "FIELD_INVALID list_id must be"),
        ("add-list", {"name": "L", "field_11": "x"}, "FIELD_INVALID field_11: custom fields are"),
        ("add-field-to-list", {"list_id": "3100001", "field_0": "x"}, "FIELD_INVALID field_0: custom"),
        ("add-to-list", {"list_id": "3100001", "msisdn": "abc"}, "BAD_MOBILE msisdn must be"),
        ("add-contacts-bulk", {"file_url": "data:,a"}, "FIELD_EMPTY list_id is empty, and so is name"),
    ],
)
def test_what_is_nearly_right_is_refused_by_name(call: str, params: dict[str, str], expected: str) -> None:
    """Nothing is taken for what it was hardly meant to be; 0 alone means every list."""
    _, body = ask(Gateway(small(), limiter=None), call, **params)
    assert f"{body['error']['code']} {body['error']['description']}".startswith(expected)
