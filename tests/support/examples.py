"""One answer of the gateway per endpoint, as its reference shows the rows: a new endpoint needs one here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx

from smsdata import Client

from .clients import OPTIONS

Answer = dict[str, Any]
SUCCESS = {"code": "SUCCESS", "description": "OK"}
DATE = {"date": "Sun, 22 Nov 2026 00:00:00 GMT"}


def _paged(rows: str, row: Answer, total: str = "total", **beside: Any) -> Answer:
    return {"page": {"count": 1, "number": 1}, total: 1, rows: [row], **beside, "error": SUCCESS}


_REPLY = {
    "id": 771, "message_id": 339814842, "list_id": 0, "received_at": "2026-11-20 01:02:03",
    "first_name": "Mia", "last_name": None, "msisdn": 61491570156, "response": "STOP 👍\n=1+1",
    "longcode": 61491570737, "original_message": "Sale today. Reply STOP to opt out",
}  # fmt: skip

_RECIPIENT = {
    "msisdn": 61491570156, "first_name": "Mia", "last_name": "", "delivery_status": "hard_bounced",
    "optout": True,
}  # fmt: skip

_SEND = {
    "message_id": 339814842, "send_at": "2026-11-19 23:00:00", "recipients": 1, "cost": 0.068, "sms": 1,
    "list": {"id": 2001, "name": "Customers"}, "delivery_stats": {"delivered": 0, "bounced": 1},
}  # fmt: skip

EXAMPLES: dict[str, Answer] = {
    "messages": _paged(
        "messages",
        {
            "id": 1200000007, "message_id": 339814842, "message": "Sale today", "msisdn": 61491570156,
            "sent_at": "2026-11-19 23:00:00", "caller_id": "ACME", "status": "failed",
        },
    ),
    "campaigns": _paged(
        "messages",
        {
            "type": "campaign", "id": 339814842, "sms": 2, "cost": -0.136, "sent_at": "2026-11-19 23:00:00",
            "status": "completed", "message": "Sale today", "pending": 0, "delivered": 0, "soft_bounced": 0,
            "hard_bounced": 1, "optouts": 1, "responses": 1, "msisdn": 61491570156, "first_name": "Mia",
            "last_name": None, "fields": {"Email": "mia@example.com"},
        },
        "messages_total",
    ),
    "dlrs": _paged("recipients", _RECIPIENT, message=_SEND),
    "optouts": _paged("recipients", _RECIPIENT, message=_SEND),
    "replies": _paged("responses", _REPLY),
    "campaign_replies": _paged("responses", _REPLY),
    "contact_history": _paged(
        "records",
        {"message_id": 339814842, "datetime_send": "2026-11-19 23:00:00", "delivery_status": "Delivered"},
    ),
    "lists": _paged(
        "lists",
        {
            "id": 2001, "name": "Customers", "created": None, "members_active": 1, "members_total": 3,
            "fields": {"field_1": "Email"},
        },
        "lists_total",
    ),
    "list_members": _paged(
        "members",
        {
            "list_id": 2001, "msisdn": "61491570156", "first_name": "Mia", "last_name": "",
            "created_at": "2025-01-02 03:04:05", "status": "active",
            "fields": [{"name": "Email", "value": "mia@example.com"}, {"name": "Age", "value": 7}],
        },
        "members_total",
        id=2001, name="Customers", created=None, members_active=1, fields=[],
    ),
    "numbers": _paged(
        "numbers",
        {
            "number": 61491570737, "price": "10.50", "auto_renew": True, "next_charge": "2026-12-01",
            "status": "active",
        },
        "numbers_total",
    ),
    "keywords": _paged(
        "keywords",
        {
            "keyword": "JOIN", "reference": None, "number": 61491570737, "list_id": 2001,
            "welcome_message": "Hi", "member_message": "", "forward_url": None, "forward_sms": None,
            "forward_email": "a@example.com", "status": "active", "billing_date": None,
        },
        "keywords_total",
    ),
    "link_hits": _paged(
        "hits",
        {
            "list_id": 2001, "mobile": 61491570156, "longcode": 61491570737, "link_hits": 1,
            "datetime": "2026-11-20 01:02:03", "message": "Sale", "firstname": "Mia", "lastname": None,
            "user_id": 9,
        },
        "hits_total",
    ),
    "clients": _paged(
        "clients",
        {
            "id": 44, "name": "Shop", "contact": "Mia", "email": "a@example.com", "msisdn": "61491570156",
            "currency": "AUD", "timezone": "Australia/Sydney", "created": "2024-01-01 00:00:00",
            "client_pays": True, "sms_margin": "0.01", "recharge_amount": 20, "total_lists": 1,
            "total_sms": 2, "total_contacts": 3, "total_spend": 4.5, "total_revenue": 5,
            "credits_based": False,
            "balance": "-1.25", "has_credit_card": "yes", "apikey": "CANARYKEY", "apisecret": "CANARYSECRET",
        },
        "clients_total",
    ),
    "transactions": _paged(
        "transactions",
        {
            "id": 5, "description": "SMS", "amount": -0.068, "balance_standing": 10.1,
            "created": "2026-11-19 23:00:00", "message_id": 0, "message_status": None, "message_cost": 0.068,
            "message_revenue": 0.1,
        },
        "transactions_total",
    ),
}  # fmt: skip

NEEDS: dict[str, Answer] = {
    "dlrs": {"message_id": 339814842},
    "optouts": {"message_id": 339814842},
    "campaign_replies": {"message_id": 339814842},
    "link_hits": {"message_id": 339814842},
    "contact_history": {"msisdn": "61491570156"},
    "list_members": {"list_id": 2001},
    "transactions": {"client_id": 44},
}
"""What a drain of an endpoint must be given."""

Respond = Callable[[str, dict[str, str]], Answer | httpx.Response]


def scripted(respond: Respond, **options: Any) -> Client:
    """Make a client of a gateway that is a function of (call, parameters) -> body or response."""

    def handle(request: httpx.Request) -> httpx.Response:
        sent = dict(parse_qsl(request.url.query.decode() + "&" + request.read().decode()))
        answer = respond(request.url.path.rsplit("/", 1)[-1].removesuffix(".json"), sent)
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(200, headers=DATE, content=json.dumps(answer).encode())

    return Client(**OPTIONS | {"transport": httpx.MockTransport(handle)} | options)
