"""What every table must hold at an account's virtual time. Owns the meaning of "right"; changes nothing.

One function per table gives rows as plain Python values: int, float, str, bool, None, aware datetimes,
`datetime.date` for dates; json columns as compact JSON with sorted keys. Rows carry the columns that come
from the gateway (none that a store adds for itself), plus ``copies`` where a send can list a number more than
once.

- ``dlrs.status``: what the carrier says at this virtual time, in one of four spellings (delivered, pending,
  soft-bounce, hard-bounce). It is the settled status once it settled, ``pending`` until then.
- ``messages.status``: the status of the same recipient in ``dlrs``; the wire may show an older or vaguer one.
- ``messages`` holds what get-user-sms-sent shows: rows that appear late are missing until they do, while
  ``dlrs`` and the counters of ``campaigns`` know them at once.
- ``dlrs.delivered_at``: always None; only callbacks and get-sms-delivery-status tell it.
- ``replies.message_id`` and ``list_id``: None where the wire says 0 or null. ``original_message``: as with
  include_original.
- ``campaigns.fields``: None; the report shows it only when asked for one list.
- ``list_members``: everybody on a list whatever their status; deleted ones are not there.
- ``optouts``: recipients whose opt-out flag is set, by reply or by link, whenever that happened.
- ``link_hits``: text as sent; ``hit`` counts the hits of a send from 1, oldest first.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from smsdata.simulator import seed_data
from smsdata.simulator.recipients import STATUSES

if TYPE_CHECKING:
    from smsdata.simulator.account import Account, OptOut, Send

Row = dict[str, Any]


def utc(seconds: int | None) -> datetime | None:
    """Epoch seconds as an aware datetime."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def compact(value: Any) -> str:
    """Compact JSON with sorted keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def table(account: Account, name: str, msisdn: int | None = None) -> list[Row]:
    """All rows of one table; ``contact_history`` takes the number it is about."""
    if name == "contact_history":
        return _contact_history(account, msisdn)
    if name not in TABLES:
        raise ValueError(f"unknown table {name!r}. Tables: {', '.join([*TABLES, 'contact_history'])}.")
    return TABLES[name](account)


def _campaigns(account: Account) -> list[Row]:
    rows = []
    for send in account.sends:
        counters = account.counters(send)
        row: Row = {"message_id": send.message_id, "type": send.type, "sent_at": utc(send.sent_at)}
        row |= {
            "status": "completed",
            "message": send.text,
            "parts": send.parts,
            "cost": send.cost,
        } | counters
        row |= {"msisdn": None, "first_name": None, "last_name": None, "fields": None}
        if send.single:
            recipient = next(_recipients(account, send))
            row |= {name: recipient[name] for name in ("msisdn", "first_name", "last_name")}
        rows.append(row)
    return rows


def _recipients(account: Account, send: Send) -> Iterator[Row]:
    """Every recipient row of a send."""
    columns, names, rows = account.recipients, account.names.values, send.rows
    wanted = ("msisdn", "sent_at", "listed_at", "optout_at", "first", "last")
    picked = (columns[name][rows].tolist() for name in wanted)
    status = columns.status(rows, account.now).tolist()
    for values in zip(rows.tolist(), status, *picked, strict=True):
        row, code, msisdn, sent, listed, optout, first, last = values
        yield {
            "row": row, "msisdn": str(msisdn), "status": STATUSES[code], "sent_at": sent, "listed_at": listed,
            "optout": optout <= account.now, "first_name": names[first], "last_name": names[last],
        }  # fmt: skip


def _messages(account: Account) -> list[Row]:
    from smsdata.simulator.account import FIRST_MESSAGE_ID

    return [
        {
            "id": FIRST_MESSAGE_ID + recipient["row"],
            "message_id": send.message_id,
            "sent_at": utc(recipient["sent_at"]),
            "msisdn": recipient["msisdn"],
            "sender": send.sender,
            "status": recipient["status"],
            "message": seed_data.text_of(send.text, recipient["first_name"]),
        }
        for send in account.sends
        for recipient in _recipients(account, send)
        if recipient["listed_at"] <= account.now
    ]


def _dlrs(account: Account) -> list[Row]:
    rows = []
    for send in account.sends:
        recipients = list(_recipients(account, send))
        copies = Counter(recipient["msisdn"] for recipient in recipients)
        seen = {recipient["msisdn"]: recipient for recipient in recipients}
        for msisdn, recipient in seen.items():
            row = {"message_id": send.message_id, "msisdn": msisdn, "sent_at": utc(send.sent_at)}
            row |= {"status": recipient["status"], "optout": recipient["optout"], "delivered_at": None}
            row |= {"list_id": send.list_id, "first_name": recipient["first_name"]}
            rows.append(row | {"last_name": recipient["last_name"], "copies": copies[msisdn]})
    return rows


def _optouts(account: Account) -> list[Row]:
    left_out = {"status", "optout", "delivered_at"}
    return [{k: v for k, v in row.items() if k not in left_out} for row in _dlrs(account) if row["optout"]]


def _replies(account: Account) -> list[Row]:
    rows = []
    for reply in account.replies:
        row: Row = {"id": reply.id, "message_id": reply.message_id, "list_id": reply.list_id}
        row |= {"received_at": utc(reply.received_at), "msisdn": str(reply.msisdn)}
        row |= {"longcode": reply.longcode, "response": reply.text}
        row |= {"original_message": original(account, reply.row)}
        rows.append(row | {"first_name": reply.first_name, "last_name": reply.last_name})
    return rows


def original(account: Account, row: int) -> str | None:
    """The message that a reply answers, with its variables filled in."""
    if row < 0:
        return None
    send = account.sends[account.recipients["send"][row]]
    return seed_data.text_of(send.text, account.names.values[account.recipients["first"][row]])


def _lists(account: Account) -> list[Row]:
    return [
        {
            "list_id": one.list_id,
            "name": one.name,
            "created_at": utc(one.created_at),
            "members_active": one.active,
            "members_total": len(one.members),
            "fields": compact(one.fields),
        }
        for one in account.book.lists.values()
    ]


def _list_members(account: Account) -> list[Row]:
    return [
        {
            "list_id": one.list_id,
            "msisdn": str(member.msisdn),
            "first_name": member.first_name,
            "last_name": member.last_name,
            "created_at": utc(member.created_at),
            "status": member.status,
            "fields": compact(member.fields),
        }
        for one in account.book.lists.values()
        for member in one.present()
    ]


def _day(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)


def _numbers(account: Account) -> list[Row]:
    keys = ("number", "price", "auto_renew", "status")
    return [
        {key: row[key] for key in keys} | {"next_charge": _day(row["next_charge"])}
        for row in account.numbers
        if row["owned"]
    ]


def _keywords(account: Account) -> list[Row]:
    rows = account.keywords
    return [
        row | {"list_id": row["list_id"] or None, "billing_date": _day(row["billing_date"])} for row in rows
    ]


def _clients(account: Account) -> list[Row]:
    rows = []
    for client in account.clients:
        row = {"client_id": client["id"], "created_at": utc(client["created"])}
        hidden = {"id", "created", "apikey", "apisecret"}
        rows.append(row | {key: value for key, value in client.items() if key not in hidden})
    return rows


def _transactions(account: Account) -> list[Row]:
    rows = [entry | {"created_at": utc(entry["created"])} for entry in account.transactions]
    for row in rows:
        del row["created"]
    return rows


def _link_hits(account: Account) -> list[Row]:
    rows, counts = [], Counter[int]()
    for at, row, url in sorted(account.link_hits, key=lambda hit: hit[0]):
        message_id = account.sends[account.recipients["send"][row]].message_id
        counts[message_id] += 1
        rows.append({"message_id": message_id, "hit": counts[message_id]} | hit_row(account, at, row, url))
    return rows


def hit_row(account: Account, at: int, row: int, url: str) -> Row:
    """One tracked-link hit, as the gateway sends it: all text."""
    stamp = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {"msisdn": str(account.recipients["msisdn"][row]), "link": url, "datetime": stamp}


def _contact_history(account: Account, msisdn: int | None) -> list[Row]:
    if msisdn is None:
        raise ValueError("contact_history is about one number: give msisdn=.")
    columns = account.recipients
    rows = np.flatnonzero((columns["msisdn"] == msisdn) & (columns["listed_at"] <= account.now))
    found: dict[int, Row] = {}
    for row, code in zip(rows.tolist(), columns.status(rows, account.now).tolist(), strict=True):
        send = account.sends[columns["send"][row]]
        found[send.message_id] = {
            "msisdn": str(msisdn),
            "message_id": send.message_id,
            "sent_at": utc(send.sent_at),
            "status": STATUSES[code],
        }
    return list(found.values())


TABLES: dict[str, Callable[[Account], list[Row]]] = {
    "campaigns": _campaigns,
    "messages": _messages,
    "dlrs": _dlrs,
    "optouts": _optouts,
    "replies": _replies,
    "lists": _lists,
    "list_members": _list_members,
    "numbers": _numbers,
    "keywords": _keywords,
    "clients": _clients,
    "transactions": _transactions,
    "link_hits": _link_hits,
}


def breaches(account: Account, how: Collection[str] | None = None) -> list[Row]:
    """Every message sent to a number strictly after its first plain opt-out.

    One row per message: ``id``, ``message_id``, ``msisdn``, ``sent_at``, and of the earliest opt-out
    ``opted_out_at``, ``how`` ("reply", "inbound", "link", "api") and ``optout_message_id``. A stop word that
    answers no send ("inbound") is an opt-out too, though the gateway flags nothing for it. Opt-outs worded so
    that only a person understands them ("please remove me") are not among them. ``how`` restricts it to
    opt-outs of these ways, as if there were no others.
    """
    from smsdata.simulator.account import FIRST_MESSAGE_ID

    first: dict[int, Any] = {}
    for optout in sorted([*account.optout_log, *_inbound_stops(account)], key=lambda entry: entry.at):
        if how is None or optout.how in how:
            first.setdefault(optout.msisdn, optout)
    columns, found = account.recipients, []
    for row in np.flatnonzero(np.isin(columns["msisdn"], list(first))).tolist():
        optout, sent = first[int(columns["msisdn"][row])], int(columns["sent_at"][row])
        if sent > optout.at and columns["listed_at"][row] <= account.now:
            send = account.sends[columns["send"][row]]
            found.append({
                "id": FIRST_MESSAGE_ID + row, "message_id": send.message_id, "msisdn": str(optout.msisdn),
                "sent_at": utc(sent), "opted_out_at": utc(optout.at), "how": optout.how,
                "optout_message_id": optout.message_id,
            })  # fmt: skip
    return found


def _inbound_stops(account: Account) -> list[OptOut]:
    """Stop words that came in without a send that they answer."""
    from smsdata.simulator.account import OptOut, is_stop

    return [
        OptOut(reply.received_at, reply.msisdn, "inbound", None, None)
        for reply in account.replies
        if reply.row < 0 and is_stop(reply.text)
    ]
