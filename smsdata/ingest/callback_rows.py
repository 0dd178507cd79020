"""One callback -> a row of its table, by the event alone: what is read of it, what is spare, what is odd.

Imports `schema`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from smsdata.schema.callback_marks import OPTED_OUT_WORDS, marked_text
from smsdata.schema.kinds import CONVERT, ODD_NUMBER

_KNOWN = {
    "dlr": ("message_id", "mobile", "datetime", "status", "user_id", "longcode"),
    "reply": ("message_id", "mobile", "longcode", "datetime_entry", "response", "response_id", "user_id"),
    "link-hit": (
        "message_id", "list_id", "mobile", "longcode", "datetime", "link_hits", "message", "firstname",
        "lastname", "user_id",
    ),
    "list": ("type", "datetime_entry", "list_id", "mobile", "firstname", "lastname", "user_id"),
}  # fmt: skip
_AHEAD = timedelta(minutes=15)
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_NAMES_A_SECRET = re.compile(r"secret|passw|api_?key|token|auth", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Typed:
    """A row of a table, the send it belongs to (0 for none), and the opt-out that it tells of."""

    table: str
    row: dict[str, Any]
    send: int = 0
    optout: dict[str, Any] | None = None


def typed(
    kind: str, pairs: Sequence[tuple[str, str]], received: int, own: Sequence[tuple[str, str]] = ()
) -> Typed:
    """Type one callback; ValueError where it has no place. `own` parameters are kept, and say nothing.

    >>> event = [("message_id", "7"), ("mobile", "61491570156"), ("status", "Delivered")]
    >>> at = ("datetime", "2026-11-22 09:30:00")
    >>> one = typed("dlr", [*event, at], 1_795_500_000_000_000)
    >>> one.row["status"], one.row["delivered_at"].isoformat()
    ('delivered', '2026-11-22T09:30:00+00:00')
    """
    fields = dict(pairs)
    spare = dict(own) | {
        name: value
        for name, value in fields.items()
        if name not in _KNOWN[kind] and not (name == "is_optout" and value.lower() == "no")
    }
    spare = {name: "" if _NAMES_A_SECRET.search(name) else value for name, value in spare.items()}
    digest = hashlib.sha256(json.dumps([kind, sorted([*own, *pairs])]).encode()).hexdigest()
    extra = marked_text(spare, digest[:16])
    make = {"dlr": _dlr, "reply": _reply_event, "link-hit": _link_hit, "list": _list_event}[kind]
    return make(fields, extra, digest, datetime.fromtimestamp(received / 1e6, UTC))


def _dlr(fields: dict[str, str], extra: str, _digest: str, received: datetime) -> Typed:
    at = _instant_of(fields, "datetime", received)
    send, status = _send_of(fields), CONVERT["status"](fields.get("status") or None)
    row = {
        "message_id": send, "msisdn": _number_of(fields, "phone"), "status": status,
        "delivered_at": at if status == "delivered" else None, "copies": 1, "source": "callback",
        "extra": extra, "synced_at": at,
    }  # fmt: skip
    return Typed("dlrs", row, send)


def _reply_event(fields: dict[str, str], extra: str, _digest: str, received: datetime) -> Typed:
    at = _instant_of(fields, "datetime_entry", received)
    number = CONVERT["id"](fields.get("response_id") or "0")
    send = CONVERT["id"](fields.get("message_id") or "0")
    sender = _number_of(fields, "party")
    row = {
        "id": number, "message_id": send, "received_at": at, "msisdn": sender,
        "longcode": fields.get("longcode"), "response": CONVERT["str"](fields.get("response")),
        "extra": extra, "synced_at": at,
    }  # fmt: skip
    left = fields.get("is_optout", "").lower() in OPTED_OUT_WORDS and sender.isdigit() and send
    optout = {"message_id": send, "msisdn": sender, "copies": 1, "extra": extra, "synced_at": at}
    return Typed("replies", row, send or 0, optout if left else None)


def _link_hit(fields: dict[str, str], extra: str, digest: str, received: datetime) -> Typed:
    at, send = _instant_of(fields, "datetime", received), _send_of(fields)
    beside = ("list_id", "longcode", "link_hits", "message", "firstname", "lastname", "user_id")
    row: dict[str, Any] = {name: fields.get(name) for name in beside} | {"clicked_at": at, "link": None}
    row["msisdn"] = _number_of(fields, "phone") if fields.get("mobile") else None
    hit = -1 - int(digest[:15], 16)  # hits have no id; those of polls count from 1
    return Typed("link_hits", row | {"message_id": send, "hit": hit, "extra": extra, "synced_at": at}, send)


def _list_event(fields: dict[str, str], extra: str, _digest: str, received: datetime) -> Typed:
    at = _instant_of(fields, "datetime_entry", received)
    if not fields.get("type"):
        raise ValueError("does not say whether a contact came or went")
    row = {
        "list_id": CONVERT["int"](fields.get("list_id")), "msisdn": _number_of(fields, "phone"),
        "action": fields["type"], "occurred_at": at, "first_name": fields.get("firstname"),
        "last_name": fields.get("lastname"), "extra": extra, "synced_at": at,
    }  # fmt: skip
    return Typed("list_events", row)


def _number_of(fields: dict[str, str], kind: Literal["phone", "party"]) -> str:
    """Whose callback it is: in full, where our own number beside it tells the country.

    A number whose country nothing tells would be a recipient or a contact whom the gateway does not have. An
    unclear reply stays one: what it says may be an opt-out, and counts for whomever it may mean.
    """
    number: str = CONVERT[kind](fields.get("mobile") or None)
    if not re.fullmatch(ODD_NUMBER, number):
        return number
    from smsdata.schema.numbers_in_full import in_full, is_unclear  # loads pandas

    number = in_full(number, fields.get("longcode"))
    if kind == "phone" and is_unclear(number):
        raise ValueError("holds a number without its country")
    return number


def _send_of(fields: dict[str, str]) -> int:
    send = CONVERT["int"](fields.get("message_id"))
    if send <= 0:
        raise ValueError("belongs to no send")
    return int(send)


def _instant_of(fields: dict[str, str], name: str, received: datetime) -> datetime:
    """When something happened: with a time of day, no later than it was told, and not from an empty clock."""
    text = fields.get(name)
    at: datetime = CONVERT["utc"](text)
    if len(text or "") < 19 or not _FIRST <= at <= received + _AHEAD:
        raise ValueError("holds no time that can be")
    return at
