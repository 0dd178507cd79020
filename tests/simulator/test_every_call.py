"""Every call about one thing, with an answer and with an error, in both forms and by each kind of request."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import pytest

from smsdata.simulator import Account, Gateway
from smsdata.simulator.calls import ANSWERS, CHANGES, LISTINGS, ORDERS

from .asking import active_member, ask, busiest, http_client
from .xml_reading import plain, xml_content

ANA = 61491579990
SINGLE = sorted({*ANSWERS, *ORDERS})


def prepared(account: Account) -> tuple[Account, dict[str, dict[str, Any]]]:
    """A copy of the account in which every call has something to work on, and what to ask of each."""
    own = copy.deepcopy(account)
    gateway = Gateway(own, limiter=None)
    there, send = active_member(own), busiest(own)
    waiting = ask(gateway, "send-sms", to=ANA, message="Hi", send_at="2026-12-01")[1]["message_id"]
    ask(gateway, "add-contacts-bulk", list_id=3_100_002, file_url="data:,A,B,61491579991")
    ask(gateway, "add-email", email="gone@example.com")
    recipient = int(own.recipients["msisdn"][own.state.sent.send_of(send).rows[0]])
    contact = {"list_id": 3_100_001, "msisdn": there}
    client = {"name": "N", "email": "n@example.com", "password": "p", "msisdn": str(ANA)}
    return own, {
        "get-sms": {"message_id": send},
        "get-sms-stats": {"message_id": send},
        "get-sms-delivery-status": {"message_id": send, "msisdn": recipient},
        "get-sms-sent-count": {"start": "2026-11-16", "end": "2026-11-22"},
        "get-contact": contact,
        "get-balance": {},
        "format-number": {"msisdn": "0491570156", "countrycode": "AU"},
        "delete-from-list": contact,
        "optout-list-member": contact,
        "add-to-list": {"list_id": 3_100_001, "msisdn": ANA, "first_name": "Zoë & <co>", "field_1": ""},
        "edit-list-member": contact | {"last_name": 'Q "R"\nS'},
        "add-list": {"name": "New 👋", "field_1": "Town"},
        "remove-list": {"list_id": 3_100_002},
        "add-field-to-list": {"list_id": 3_100_002, "field_1": "Town"},
        "add-contacts-bulk": {"list_id": 3_100_001, "file_url": "data:,A,B,61491579991"},
        "add-contacts-bulk-progress": {"list_id": 3_100_002},
        "get-number": {"number": 61491570110},
        "lease-number": {},
        "edit-number-options": {"number": 61491570110, "welcome_message": "Hi"},
        "add-keyword": {"keyword": "SALE", "number": 61491570110},
        "edit-keyword": {"keyword": "JOIN", "number": 61491570110, "welcome_message": "Hi"},
        "add-email": {"email": "a@example.com"},
        "delete-email": {"email": "gone@example.com"},
        "get-client": {"client_id": 70_001},
        "add-client": client,
        "edit-client": {"client_id": 70_001, "contact": "Ana"},
        "get-transaction": {"id": 88_000_001},
        "send-sms": {"to": f"{ANA},049", "message": "Hi & <bye> 👋", "countrycode": "AU"},
        "cancel-sms": {"id": waiting},
    }


def _asked(account: Account, method: str, path: str, params: dict[str, Any]) -> httpx.Response:
    """One call of a copy of the account: GET, "form" or "multipart"."""
    with http_client(Gateway(copy.deepcopy(account), limiter=None)) as http:
        if method == "GET":
            return http.get(path, params=params)
        if method == "form":
            return http.post(path, data=params)
        return http.post(path, files={name: (None, str(value)) for name, value in params.items()} or None)


def test_prepared_knows_every_call(account: Account) -> None:
    """No call is left out of these tests."""
    assert sorted(prepared(account)[1]) == SINGLE


@pytest.mark.parametrize("call", SINGLE)
def test_every_call_answers_alike_in_each_form(account: Account, call: str) -> None:
    """Success by GET, form and multipart, in JSON and XML, with and without a version in the path."""
    own, params = prepared(account)
    first = _asked(own, "GET", f"/{call}.json", params[call])
    body = first.json()
    assert (first.status_code, body["error"]) == (200, {"code": "SUCCESS", "description": "OK"})
    assert list(body)[-1] == "error"
    for method in ("form", "multipart"):
        assert _asked(own, method, f"/2/{call}.json", params[call]).json() == body
    for method in ("GET", "form", "multipart"):
        answer = _asked(own, method, f"/{call}.xml", params[call])
        assert answer.status_code == 200
        assert xml_content(answer.content, like=body) == plain(body)


@pytest.mark.parametrize("call", sorted({*SINGLE, *LISTINGS} - {"get-balance"}))  # it takes no parameters
def test_every_call_refuses_alike_in_each_form(account: Account, call: str) -> None:
    """An id that is no number, or a call without what it needs: one error, in JSON and XML."""
    names = ("message_id", "list_id", "number", "client_id", "id", "page", "max", "max_sms")
    wrong = dict.fromkeys(names, "x")
    answers = [_asked(account, method, f"/{call}.json", wrong) for method in ("GET", "form", "multipart")]
    body = answers[0].json()
    assert {answer.status_code for answer in answers} == {400}
    assert body["error"]["code"] in {"FIELD_INVALID", "FIELD_EMPTY", "MISSING_PARAM"}
    assert all(answer.json() == body for answer in answers)
    assert xml_content(_asked(account, "GET", f"/{call}.xml", wrong).content, like=body) == plain(body)


@pytest.mark.parametrize("call", SINGLE)
def test_every_call_that_changes_the_account_is_recorded(account: Account, call: str) -> None:
    """What reads leaves the version of the account alone; what changes it moves it, and is recorded."""
    own, params = prepared(account)
    gateway, before = Gateway(own, limiter=None), own.state.clock.version
    ask(gateway, call, **params[call])
    assert (own.state.clock.version > before) == (call in CHANGES)
    assert [name for name, _ in gateway.applied] == [call] * (call in CHANGES)


@pytest.mark.parametrize("call", [*SINGLE, *LISTINGS])
def test_every_call_needs_credentials(account: Account, call: str) -> None:
    """401 without any, whatever is asked."""
    answer = Gateway(account, limiter=None).respond("POST", f"/{call}.xml", [], {})
    assert (answer.status, b"AUTH_FAILED_NO_DATA" in answer.body) == (401, True)
