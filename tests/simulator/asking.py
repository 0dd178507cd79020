"""Small accounts, and the ways to ask a gateway in this process."""

from __future__ import annotations

import json
from typing import Any

import httpx

from smsdata.simulator import Account, Answer, Gateway, transport
from smsdata.simulator.calls import LISTINGS
from smsdata.simulator.outbox import OutgoingCall

SPAN: dict[str, Any] = {"start": "2026-01-01", "end": "2026-12-01"}
"""All that an account has."""


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
    """The answer to one call as it is."""
    return gateway.respond(
        "GET", f"/{call}.json", [(k, str(v)) for k, v in params.items()], gateway.authorization
    )


def code(gateway: Gateway, call: str, **params: Any) -> str:
    """The code that one call answers with."""
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


def read_loosely(gateway: Gateway, call: str, **params: Any) -> list[dict[str, Any]]:
    """All rows of a call whose numbers may be strings and whose rows may be missing."""
    rows, page = [], 1
    while page_rows := ask(gateway, call, page=page, max=100, **params)[1].get(LISTINGS[call].rows):
        rows += page_rows
        page += 1
    return rows


def active_member(account: Account, list_id: int = 3_100_001) -> int:
    """Somebody who is on the list and active."""
    return next(one.msisdn for one in account.contacts.open(list_id).present() if one.status == "active")


def http_client(gateway: Gateway, **more: Any) -> httpx.Client:
    """A plain HTTP client of a gateway in this process."""
    return httpx.Client(
        transport=transport(gateway, **more), auth=("demo", "demo"), base_url="http://localhost"
    )


def noted(account: Account, *, answered: bool = True) -> list[OutgoingCall]:
    """From now on the calls of an account, none of which goes anywhere."""
    calls: list[OutgoingCall] = []

    def note(call: OutgoingCall) -> bool:
        calls.append(call)
        return answered

    account.outbox.post = note
    return calls
