"""Every call of the gateway as a function of the account: which rows, which one thing, which change.

Owns the wire's names and shapes as the reference tells them; paging, order, authentication, throttle and
faults are the gateway's. A function of ``LISTINGS`` gives a `View`, one of ``ANSWERS`` the body of a call for
one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np

from smsdata.simulator import seed_data
from smsdata.simulator.account import FIRST_MESSAGE_ID, Account, Reply, Send
from smsdata.simulator.contacts import ContactList, Member, Refused
from smsdata.simulator.query import Query
from smsdata.simulator.recipients import DELIVERED, HARD, PENDING, SOFT, STATUSES, Ints
from smsdata.simulator.truth import hit_row, original

Row = dict[str, Any]

_REPORTED = ("pending", "delivered", "soft_bounced", "hard_bounced")
_TYPES = "all api campaign quick_sms email_sms keyword test_sms"


@lru_cache(maxsize=100_000)
def stamp(seconds: int) -> str:
    """Epoch seconds as the gateway writes an instant."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def stamp_or_null(seconds: int | None) -> str | None:
    """The same for an instant that may be missing."""
    return None if seconds is None else stamp(seconds)


@dataclass(frozen=True)
class View:
    """All rows of one call at one moment, not yet built.

    ``keys`` stand for the rows, newest first; ``times`` (same length) tell which of them share a second;
    ``build`` makes rows of some keys; ``beside`` stands next to the rows; ``total`` differs from the number
    of keys for get-list only.
    """

    keys: Sequence[Any] | Ints
    times: Sequence[int] | Ints
    build: Callable[[Any], list[Row]]
    beside: Row = field(default_factory=dict)
    total: int | None = None


def _rows(rows: list[Row], times: Sequence[int] | None = None) -> View:
    """A view of rows that are built already; without times their order is fixed."""
    return View(rows, range(len(rows), 0, -1) if times is None else times, list)


# -- messages, sends, recipients ---------------------------------------------------------------------


def user_sms_sent(account: Account, query: Query) -> View:
    """get-user-sms-sent: one message to one recipient per row."""
    first, last = query.window(required=True)
    msisdn = query.integer("msisdn")
    columns = account.recipients
    keys = columns.between(first, last)
    keys = keys[columns["listed_at"][keys] <= account.now]
    if msisdn is not None:
        keys = keys[columns["msisdn"][keys] == msisdn]
    return View(keys, columns["sent_at"][keys], lambda some: _message_rows(account, some))


def _message_rows(account: Account, rows: Ints) -> list[Row]:
    """Rows of get-user-sms-sent."""
    rows = np.asarray(rows, np.int64)
    columns, names = account.recipients, account.names.values
    status = columns.status(rows, account.now).tolist()
    picked = (columns[name][rows].tolist() for name in ("send", "sent_at", "msisdn", "first"))
    result = []
    for row, code, number, sent_at, msisdn, first in zip(rows.tolist(), status, *picked, strict=True):
        send = account.sends[number]
        result.append(
            {
                "id": FIRST_MESSAGE_ID + row,
                "message_id": send.message_id,
                "message": seed_data.text_of(send.text, names[first]) if "[" in send.text else send.text,
                "sent_at": stamp(sent_at),
                "msisdn": msisdn,
                "caller_id": int(send.sender) if send.sender.isdigit() else send.sender,
                "status": _REPORTED[code],
            }
        )
    return result


def message_report(account: Account, query: Query) -> View:
    """get-message-report: one send per row, with its counters."""
    first, last = query.window(widest=30, default=1)
    kind, number = query.choice("type", _TYPES, "all"), query.integer("number")
    list_id = query.integer("list_id")
    sends = [
        send
        for send in account.sends
        if first <= send.sent_at <= last
        and kind in ("all", send.type)
        and (list_id is None or send.list_id == list_id)
        and (number is None or send.sender == str(number))
    ]
    sends.sort(key=lambda send: (send.sent_at, send.message_id), reverse=True)
    style = query.text("response_style")
    return View(
        sends,
        [send.sent_at for send in sends],
        lambda some: [_report_row(account, send, style if list_id is not None else "none") for send in some],
    )


def _report_row(account: Account, send: Send, style: str | None) -> Row:
    """A row of get-message-report; ``fields`` only when one list was asked for."""
    row: Row = {"type": send.type, "id": send.message_id, "sms": send.parts, "cost": -send.cost}
    row |= {"sent_at": stamp(send.sent_at), "status": "completed", "message": send.text}
    row |= account.counters(send)
    if send.single:
        index = int(send.rows[0])
        columns, names = account.recipients, account.names.values
        row["msisdn"] = int(columns["msisdn"][index])
        row["first_name"], row["last_name"] = names[columns["first"][index]], names[columns["last"][index]]
        if style != "none" and send.list_id in account.book.lists:
            member = account.book.lists[send.list_id].members.get(row["msisdn"])
            row["fields"] = fields_of(member.fields if member else {}, style)
    return row


def sms_sent(account: Account, query: Query) -> View:
    """get-sms-sent: one recipient of a send per row: its DLR."""
    send = account.send_of(_id(query, "message_id"))
    list_id = query.integer("list_id")
    delivery = query.choice("delivery", "all delivered failed pending", "all")
    optouts = query.choice("optouts", "only omit include", "include")
    rows, columns = send.rows, account.recipients
    keep = np.ones(len(rows), bool)
    if list_id:
        keep &= send.list_id == list_id
    wanted = {"delivered": [DELIVERED], "failed": [SOFT, HARD], "pending": [PENDING]}.get(delivery)
    if wanted is not None:
        keep &= np.isin(columns.status(rows, account.now), wanted)
    if optouts != "include":
        keep &= (columns["optout_at"][rows] <= account.now) == (optouts == "only")
    keys = rows[keep]
    block = _send_block(account, send)
    return View(keys, -np.arange(len(keys)), lambda some: _dlr_rows(account, some), {"message": block})


def _dlr_rows(account: Account, rows: Ints) -> list[Row]:
    """Rows of get-sms-sent."""
    rows = np.asarray(rows, np.int64)
    columns, names, now = account.recipients, account.names.values, account.now
    status = columns.status(rows, now).tolist()
    picked = (columns[name][rows].tolist() for name in ("msisdn", "first", "last", "optout_at"))
    return [
        {
            "msisdn": msisdn,
            "first_name": names[first],
            "last_name": names[last],
            "delivery_status": STATUSES[code],
            "optout": optout_at <= now,
        }
        for code, msisdn, first, last, optout_at in zip(status, *picked, strict=True)
    ]


def _send_block(account: Account, send: Send) -> Row:
    """The ``message`` block beside the recipients."""
    counters = account.counters(send)
    bounced = counters["soft_bounced"] + counters["hard_bounced"]
    block = {"message_id": send.message_id, "send_at": stamp(send.sent_at), "recipients": len(send.rows)}
    block |= {"cost": send.cost, "sms": send.parts}
    if send.list_id is not None:
        target = account.book.lists.get(send.list_id)
        block["list"] = {"id": send.list_id, "name": target.name if target else ""}
    stats = {"delivered": counters["delivered"], "pending": counters["pending"], "bounced": bounced}
    block["delivery_stats"] = stats | {key: counters[key] for key in ("responses", "optouts")}
    return block


def contact_stats(account: Account, query: Query) -> View:
    """get-contact-sms-stats: one message to one number per row."""
    mobile = _international(query.text("mobile", required=True) or "", query.text("countrycode"))
    first, last = query.window()
    field_name = query.choice("sort_field", "datetime_send message_id", "datetime_send")
    columns = account.recipients
    keys = np.flatnonzero((columns["msisdn"] == mobile) & (columns["listed_at"] <= account.now))
    sent = np.array([account.sends[number].sent_at for number in columns["send"][keys].tolist()], np.int64)
    keys = keys[(first <= sent) & (sent <= last)]
    times = columns["sent_at"][keys] if field_name == "datetime_send" else columns["send"][keys]
    order = np.argsort(times, kind="stable")
    order = order if query.choice("order", "asc desc", "desc") == "asc" else order[::-1]
    return View(keys[order], -np.arange(len(keys)), lambda some: _history_rows(account, some))


def _history_rows(account: Account, rows: Ints) -> list[Row]:
    """Rows of get-contact-sms-stats."""
    result = []
    rows = np.asarray(rows, np.int64)
    for row, code in zip(rows.tolist(), account.recipients.status(rows, account.now).tolist(), strict=True):
        send = account.sends[account.recipients["send"][row]]
        stats = {"message_id": send.message_id, "datetime_send": stamp(send.sent_at)}
        result.append(stats | {"delivery_status": STATUSES[code]})
    return result


def link_hits(account: Account, query: Query) -> View:
    """get-link-hits: one tracked-link hit of a send per row, oldest first."""
    send = account.send_of(_id(query, "message_id"))
    return _rows([hit_row(account, *hit) for hit in _hits(account, send)])


def _hits(account: Account, send: Send) -> list[tuple[int, int, str]]:
    """The tracked-link hits of a send, oldest first."""
    number, sends = account.send_number[send.message_id], account.recipients["send"]
    return sorted((hit for hit in account.link_hits if sends[hit[1]] == number), key=lambda hit: hit[0])


# -- replies -------------------------------------------------------------------------------------------


def user_responses(account: Account, query: Query) -> View:
    """get-user-sms-responses: one inbound message per row."""
    first, last = query.window(default=30, months=12)
    wanted = query.choice("keywords", "only omit both", "both")
    replies = [reply for reply in account.replies if first <= reply.received_at <= last]
    if wanted != "both":
        replies = [reply for reply in replies if (reply.keyword is not None) == (wanted == "only")]
    return _reply_view(account, replies, query)


def responses(account: Account, query: Query) -> View:
    """get-sms-responses: the replies to one send or keyword."""
    first, last = query.window()
    msisdn, belongs = query.integer("msisdn"), _belongs(account, query)
    replies = [
        reply
        for reply in account.replies
        if first <= reply.received_at <= last and belongs(reply) and msisdn in (None, reply.msisdn)
    ]
    return _reply_view(account, replies, query)


def _belongs(account: Account, query: Query) -> Callable[[Reply], bool]:
    """Which replies a call of get-sms-responses is about."""
    message_id, keyword, number = query.integer("message_id"), query.text("keyword"), query.text("number")
    keyword_id = query.integer("keyword_id")
    if message_id is not None:
        account.send_of(message_id)
        return lambda reply: reply.message_id == message_id
    if keyword_id is not None:
        if not 1 <= keyword_id <= len(account.keywords):
            raise Refused("NOT_FOUND", f"No keyword {keyword_id}.")
        keyword, number = (account.keywords[keyword_id - 1][key] for key in ("keyword", "number"))
    if keyword is None:
        raise Refused("FIELD_EMPTY", "message_id is empty.")
    word = keyword.upper()
    return lambda reply: reply.keyword == word and number in (None, reply.longcode)


def _reply_view(account: Account, replies: list[Reply], query: Query) -> View:
    """Replies, newest first."""
    replies.sort(key=lambda reply: (reply.received_at, reply.id), reverse=True)
    with_original = query.flag("include_original")
    return View(
        replies,
        [reply.received_at for reply in replies],
        lambda some: [_reply_row(account, reply, with_original) for reply in some],
    )


def _reply_row(account: Account, reply: Reply, with_original: bool) -> Row:
    """A row of the response calls; inbound messages carry 0 or null for the send."""
    nothing = 0 if reply.id % 2 else None
    row = {
        "id": reply.id,
        "message_id": nothing if reply.message_id is None else reply.message_id,
        "list_id": reply.list_id or 0,
        "received_at": stamp(reply.received_at),
        "first_name": reply.first_name,
        "last_name": reply.last_name,
        "msisdn": reply.msisdn,
        "response": reply.text,
        "longcode": int(reply.longcode),
    }
    return row | {"original_message": original(account, reply.row)} if with_original else row


# -- lists ---------------------------------------------------------------------------------------------


def fields_of(fields: dict[str, Any], style: str | None) -> Any:
    """Custom fields in the shape asked for: an object, ``[]`` when empty, an array of name and value."""
    if style == "array":
        return [{"name": name, "value": value} for name, value in fields.items()]
    return dict(fields) or []


def _list_head(target: ContactList, style: str | None) -> Row:
    head = {"id": target.list_id, "name": target.name, "created": stamp_or_null(target.created_at)}
    head |= {"members_active": target.active, "members_total": len(target.members)}
    return head | {"fields": fields_of(target.fields, style)}


def lists(account: Account, query: Query) -> View:
    """get-lists: one contact list per row."""
    style = query.text("response_style")
    newest = sorted(account.book.lists.values(), key=lambda target: -target.list_id)
    return _rows([_list_head(target, style) for target in newest])


def list_members(account: Account, query: Query) -> View:
    """get-list: one contact per row; ``members_total`` counts everybody who was ever on the list."""
    target = account.book.open(_id(query, "list_id"))
    wanted = query.choice("members", "active inactive all none", "active")
    style = query.text("response_style")
    members = [] if wanted == "none" else [m for m in target.present() if wanted in ("all", _side(m))]
    members.sort(key=lambda member: -member.created_at)
    head = _list_head(target, style)
    total = head.pop("members_total")
    return View(
        members,
        [member.created_at for member in members],
        lambda some: [member_row(target, member, style) for member in some],
        head,
        total,
    )


def _side(member: Member) -> str:
    return "active" if member.status == "active" else "inactive"


def member_row(target: ContactList, member: Member, style: str | None = None) -> Row:
    """A row of get-list; ``fields`` only where the list has custom fields."""
    row = {
        "list_id": target.list_id,
        "msisdn": member.msisdn,
        "first_name": member.first_name,
        "last_name": member.last_name,
        "created_at": stamp(member.created_at),
        "status": member.status,
    }
    return row | {"fields": fields_of(member.fields, style)} if target.fields else row


# -- the account's own things ----------------------------------------------------------------------------


def numbers(account: Account, query: Query) -> View:
    """get-numbers: one virtual number per row."""
    owned = query.choice("filter", "owned available", "owned") == "owned"
    rows = [row for row in account.numbers if row["owned"] == owned]
    keys = ("price", "auto_renew", "next_charge", "status")
    return _rows([{"number": int(row["number"])} | {key: row[key] for key in keys} for row in rows])


def keywords(account: Account, query: Query) -> View:
    """get-keywords: one keyword per row."""
    number = query.text("number")
    rows = [row for row in account.keywords if number in (None, row["number"])]
    return _rows([row | {"number": int(row["number"])} for row in rows])


def clients(account: Account, _query: Query) -> View:
    """get-clients: one client of a reseller per row."""
    return _rows([client | {"created": stamp(client["created"])} for client in account.clients])


def transactions(account: Account, query: Query) -> View:
    """get-transactions: one ledger entry of a client per row."""
    client_id = _id(query, "client_id")
    if client_id not in [client["id"] for client in account.clients]:
        raise Refused("NO_ACCESS", "This client is not yours.")
    first, last = query.window()
    entries = [
        e for e in account.transactions if e["client_id"] == client_id and first <= e["created"] <= last
    ]
    entries.sort(key=lambda entry: (entry["created"], entry["id"]), reverse=True)
    rows = [entry | {"created": stamp(entry["created"])} for entry in entries]
    for row in rows:
        del row["client_id"]
    return _rows(rows, [entry["created"] for entry in entries])


@dataclass(frozen=True)
class Listing:
    """A paginated call: the keys of its rows and of its total, and what makes its view."""

    rows: str
    total: str
    view: Callable[[Account, Query], View]
    reseller: bool = False


LISTINGS = {
    "get-user-sms-sent": Listing("messages", "total", user_sms_sent),
    "get-message-report": Listing("messages", "messages_total", message_report),
    "get-sms-sent": Listing("recipients", "total", sms_sent),
    "get-user-sms-responses": Listing("responses", "total", user_responses),
    "get-sms-responses": Listing("responses", "total", responses),
    "get-contact-sms-stats": Listing("records", "total", contact_stats),
    "get-lists": Listing("lists", "lists_total", lists),
    "get-list": Listing("members", "members_total", list_members),
    "get-numbers": Listing("numbers", "numbers_total", numbers),
    "get-keywords": Listing("keywords", "keywords_total", keywords),
    "get-clients": Listing("clients", "clients_total", clients, reseller=True),
    "get-transactions": Listing("transactions", "transactions_total", transactions, reseller=True),
    "get-link-hits": Listing("link_hits", "link_hits_total", link_hits),
}
"""Every paginated call by its name on the wire."""


# -- calls for one thing -----------------------------------------------------------------------------------


def _id(query: Query, name: str) -> int:
    """A required id."""
    value = query.integer(name, required=True)
    assert value is not None  # noqa: S101  (required=True has refused a missing one)
    return value


def sms(account: Account, query: Query) -> Row:
    """get-sms: one send."""
    send = account.send_of(_id(query, "message_id"))
    return _send_block(account, send) | {"message": send.text}


def sms_stats(account: Account, query: Query) -> Row:
    """get-sms-stats: the counters of one send."""
    send = account.send_of(_id(query, "message_id"))
    counters = account.counters(send)
    return {
        "stats": {
            "hard_bounced": counters["hard_bounced"],
            "soft_bounced": counters["soft_bounced"],
            "total": send.parts * len(send.rows),
            "recipientCount": len(send.rows),
            "delivered": counters["delivered"],
            "pending": counters["pending"],
            "bounced": counters["hard_bounced"] + counters["soft_bounced"],
            "responses": counters["responses"],
            "opt-outs": counters["optouts"],
            "link_hits": len(_hits(account, send)),
        }
    }


def delivery_status(account: Account, query: Query) -> Row:
    """get-sms-delivery-status: one recipient; carriers round the time of delivery down to the minute."""
    message_id, msisdn = _id(query, "message_id"), _id(query, "msisdn")
    rows = account.rows_of(message_id, msisdn)
    if not len(rows):
        raise Refused("NOT_FOUND", "This number is no recipient of that message.")
    columns, send = account.recipients, account.send_of(message_id)
    code = int(columns.status(rows[:1], account.now)[0])
    settled = int(columns["settle_at"][rows[0]])
    name = account.names.values[columns["first"][rows[0]]]
    return {
        "stats": {
            "message_id": message_id,
            "sender_id": send.sender,
            "mobile": msisdn,
            "send_at": stamp(send.sent_at),
            "datetime": None if code == PENDING else stamp(settled - settled % 60),
            "status": ("pending", "delivered", "failed", "failed")[code],
            "message": seed_data.text_of(send.text, name),
        }
    }


def sent_count(account: Account, query: Query) -> Row:
    """get-sms-sent-count: how many messages get-user-sms-sent lists in the same window."""
    first, last = query.window(required=True, widest=7)
    rows = account.recipients.between(first, last)
    return {"count": int((account.recipients["listed_at"][rows] <= account.now).sum())}


def contact(account: Account, query: Query) -> Row:
    """get-contact: one contact of a list."""
    target, msisdn = account.book.open(_id(query, "list_id")), _id(query, "msisdn")
    member = target.find(msisdn)
    if member is None:
        raise Refused("NOT_FOUND", "This number is not on that list.")
    return member_row(target, member, query.text("response_style"))


def balance(account: Account, _query: Query) -> Row:
    """get-balance: what is left after all sends."""
    return {"balance": round(10_000 - sum(send.cost for send in account.sends), 4), "currency": "AUD"}


_PREFIXES = {"AU": ("61", 9), "GB": ("44", 10), "UK": ("44", 10), "US": ("1", 10)}


def _international(digits: str, country: str | None) -> int:
    """A number in international form; a national one is rewritten with the country's prefix."""
    plain = "".join(c for c in digits if c.isdigit())
    if country is not None and country.upper() in _PREFIXES:
        prefix, _ = _PREFIXES[country.upper()]
        if not plain.startswith(prefix) or plain.startswith("0"):
            plain = prefix + plain.lstrip("0")
    if not plain:
        raise Refused("FIELD_INVALID", "The number has no digits.")
    return int(plain)


def _valid(msisdn: int) -> bool:
    """Whether a number has the length of a known country (or is one of the over-long made-up ones)."""
    text = str(msisdn)
    if any(
        text.startswith(prefix) and len(text) == len(prefix) + size for prefix, size in _PREFIXES.values()
    ):
        return True
    return text.startswith("6149157") and len(text) == 13


def format_number(_account: Account, query: Query) -> Row:
    """format-number: one number, taken apart."""
    country = query.text("countrycode", required=True) or ""
    msisdn = _international(query.text("msisdn", required=True) or "", country)
    prefix, size = _PREFIXES.get(country.upper(), ("", 0))
    valid = _valid(msisdn)
    return {
        "number": {
            "countrycode": prefix,
            "nationalnumber": str(msisdn)[-size:] if size else "",
            "international": str(msisdn),
            "type": 1 if valid else 10,
            "isValid": valid,
        }
    }


# -- calls that change a list --------------------------------------------------------------------------------


def _everywhere(query: Query) -> int:
    """The list a removal is about; 0 and missing both mean every list."""
    return query.integer("list_id") or 0


def delete_from_list(account: Account, query: Query) -> Row:
    """delete-from-list: takes a number off one list, or off every list."""
    return {"list_ids": account.delete_member(_id(query, "msisdn"), _everywhere(query), by="api")}


def optout_list_member(account: Account, query: Query) -> Row:
    """optout-list-member: opts a number out of one list, or of every list."""
    return {"list_ids": account.optout_member(_id(query, "msisdn"), _everywhere(query), by="api")}


def _given_fields(target: ContactList, query: Query) -> Row:
    """Custom fields by their names on the list, from ``field_1`` ... ``field_10``."""
    return {label: query.params[key] for key, label in target.fields.items() if key in query.params}


def _mobile(query: Query) -> int:
    """The number to add; refuses what is no mobile of a country the account may send to."""
    msisdn = _international(query.text("msisdn", required=True) or "", query.text("countrycode"))
    if _valid(msisdn):
        return msisdn
    if 8 <= len(str(msisdn)) <= 15 and not str(msisdn).startswith(("61", "44", "1")):
        raise Refused("BAD_MOBILE_COUNTRY", "This country is not available.")
    raise Refused("BAD_MOBILE", "msisdn is not a valid mobile number.")


def add_to_list(account: Account, query: Query) -> Row:
    """add-to-list: puts a contact on a list."""
    target = account.book.open(_id(query, "list_id"))
    names = query.params.get("first_name"), query.params.get("last_name")
    fields = _given_fields(target, query)
    member = account.add_member(target.list_id, _mobile(query), *names, fields=fields, by="api")
    return member_row(target, member)


def edit_list_member(account: Account, query: Query) -> Row:
    """edit-list-member: changes what is given of a contact and leaves the rest."""
    target = account.book.open(_id(query, "list_id"))
    given = {name: query.params[name] for name in ("first_name", "last_name") if name in query.params}
    fields = _given_fields(target, query)
    member = account.edit_member(target.list_id, _id(query, "msisdn"), by="api", fields=fields, **given)
    return member_row(target, member)


ANSWERS: dict[str, Callable[[Account, Query], Row]] = {
    "get-sms": sms,
    "get-sms-stats": sms_stats,
    "get-sms-delivery-status": delivery_status,
    "get-sms-sent-count": sent_count,
    "get-contact": contact,
    "get-balance": balance,
    "format-number": format_number,
    "delete-from-list": delete_from_list,
    "optout-list-member": optout_list_member,
    "add-to-list": add_to_list,
    "edit-list-member": edit_list_member,
}
"""Every call that answers with one thing, by its name on the wire."""

CHANGES = frozenset({"delete-from-list", "optout-list-member", "add-to-list", "edit-list-member"})
"""Those that change the account."""
