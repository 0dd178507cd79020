"""What every table must hold at an account's virtual time. Owns the meaning of "right"; changes nothing.

Reads the `AccountState` of an account and imports nothing above it.

One function per table gives rows as plain Python values: int, float, str, bool, None, aware datetimes,
`datetime.date` for dates; json columns as compact JSON with sorted keys. Rows carry the columns that come
from the gateway (none that a store adds for itself), plus ``copies`` where a send can list a number more than
once.

- ``dlrs.status``: what the carrier says at this virtual time, in one of four spellings (delivered, pending,
  soft-bounce, hard-bounce). It is the final status once that is known, ``pending`` until then.
- ``messages.status``: the status of the same recipient in ``dlrs``; the wire may show an older or vaguer one.
- ``messages`` holds what get-user-sms-sent shows: rows that appear late are missing until they do, while
  ``dlrs`` and the counters of ``campaigns`` know them at once.
- ``replies`` holds what get-user-sms-responses lists: those that are listed late are missing until they are,
  while the counters of ``campaigns`` know them at once.
- ``dlrs.delivered_at``: always None; only callbacks and get-sms-delivery-status tell it.
- ``replies.message_id`` and ``list_id``: None where the wire says 0 or null. ``original_message``: as with
  include_original.
- ``campaigns.fields``: None; the report shows it only when asked for one list.
- ``list_members``: everybody on a list whatever their status; deleted ones are not there.
- ``optouts``: recipients whose opt-out flag is set, by reply or by link, whenever that happened.
- ``link_hits``: ``hit`` counts the hits of a send from 1, oldest first.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from smsdata.simulator.contacts import OptOut
from smsdata.simulator.inbox import is_stop
from smsdata.simulator.recipients import STATUS_WORDS
from smsdata.simulator.seed_data import Record
from smsdata.simulator.sent import FIRST_MESSAGE_ID, Send
from smsdata.simulator.state import AccountState


def utc(seconds: int | None) -> datetime | None:
    """Epoch seconds as an aware datetime."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def compact(value: Any) -> str:
    """Compact JSON with sorted keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def rows_of_table(state: AccountState, name: str, msisdn: int | None = None) -> list[Record]:
    """All rows of one table; ``contact_history`` takes the number it is about."""
    if name == "contact_history":
        return _true_contact_history(state, msisdn)
    if name not in TRUTH_TABLES:
        raise ValueError(f"unknown table {name!r}. Tables: {', '.join([*TRUTH_TABLES, 'contact_history'])}.")
    return TRUTH_TABLES[name](state)


def _true_campaigns(state: AccountState) -> list[Record]:
    rows = []
    for send in state.sent.sends:
        counters = state.sent.counters(send)
        row: Record = {"message_id": send.message_id, "type": send.type, "sent_at": utc(send.sent_at)}
        row |= {
            "status": "completed",
            "message": send.text,
            "parts": send.parts,
            "cost": send.cost,
        } | counters
        row |= {"msisdn": None, "first_name": None, "last_name": None, "fields": None}
        if send.single:
            recipient = next(_recipients(state, send))
            row |= {name: recipient[name] for name in ("msisdn", "first_name", "last_name")}
        rows.append(row)
    return rows


def _recipients(state: AccountState, send: Send) -> Iterator[Record]:
    """Every recipient row of a send."""
    columns, names, rows = state.sent.recipients, state.sent.names.values, send.rows
    wanted = ("msisdn", "sent_at", "listed_at", "optout_at", "first", "last")
    picked = (columns[name][rows].tolist() for name in wanted)
    status = columns.status(rows, state.now).tolist()
    for values in zip(rows.tolist(), status, *picked, strict=True):
        row, code, msisdn, sent, listed, optout, first, last = values
        yield {
            "row": row, "msisdn": str(msisdn), "status": STATUS_WORDS[code], "sent_at": sent,
            "listed_at": listed, "optout": optout <= state.now,
            "first_name": names[first], "last_name": names[last],
        }  # fmt: skip


def _true_messages(state: AccountState) -> list[Record]:
    return [
        {
            "id": FIRST_MESSAGE_ID + recipient["row"],
            "message_id": send.message_id,
            "sent_at": utc(recipient["sent_at"]),
            "msisdn": recipient["msisdn"],
            "sender": send.sender,
            "status": recipient["status"],
            "message": send.text_for(recipient["row"], recipient["first_name"]),
        }
        for send in state.sent.sends
        for recipient in _recipients(state, send)
        if recipient["listed_at"] <= state.now
    ]


def _true_dlrs(state: AccountState) -> list[Record]:
    rows = []
    for send in state.sent.sends:
        recipients = list(_recipients(state, send))
        copies = Counter(recipient["msisdn"] for recipient in recipients)
        seen = {recipient["msisdn"]: recipient for recipient in recipients}
        for msisdn, recipient in seen.items():
            row = {"message_id": send.message_id, "msisdn": msisdn, "sent_at": utc(send.sent_at)}
            row |= {"status": recipient["status"], "optout": recipient["optout"], "delivered_at": None}
            row |= {"list_id": send.list_id, "first_name": recipient["first_name"]}
            rows.append(row | {"last_name": recipient["last_name"], "copies": copies[msisdn]})
    return rows


def _true_optouts(state: AccountState) -> list[Record]:
    left_out = {"status", "optout", "delivered_at"}
    return [{k: v for k, v in row.items() if k not in left_out} for row in _true_dlrs(state) if row["optout"]]


def _true_replies(state: AccountState) -> list[Record]:
    rows = []
    for reply in state.inbox.listed(state.now):
        row: Record = {"id": reply.id, "message_id": reply.message_id, "list_id": reply.list_id}
        row |= {"received_at": utc(reply.received_at), "msisdn": str(reply.msisdn)}
        row |= {"longcode": reply.longcode, "response": reply.text}
        row |= {"original_message": state.sent.original(reply.row)}
        rows.append(row | {"first_name": reply.first_name, "last_name": reply.last_name})
    return rows


def _true_lists(state: AccountState) -> list[Record]:
    return [
        {
            "list_id": one.list_id,
            "name": one.name,
            "created_at": utc(one.created_at),
            "members_active": one.active,
            "members_total": len(one.members),
            "fields": compact(one.fields),
        }
        for one in state.contacts.lists.values()
    ]


def _true_list_members(state: AccountState) -> list[Record]:
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
        for one in state.contacts.lists.values()
        for member in one.present()
    ]


def _calendar_day(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)


def _true_numbers(state: AccountState) -> list[Record]:
    keys = ("number", "price", "auto_renew", "status")
    return [
        {key: row[key] for key in keys} | {"next_charge": _calendar_day(row["next_charge"])}
        for row in state.numbers
        if row["owned"]
    ]


def _true_keywords(state: AccountState) -> list[Record]:
    rows = state.keywords
    return [
        row | {"list_id": row["list_id"] or None, "billing_date": _calendar_day(row["billing_date"])}
        for row in rows
    ]


def _true_clients(state: AccountState) -> list[Record]:
    rows = []
    for client in state.clients:
        row = {"client_id": client["id"], "created_at": utc(client["created"])}
        hidden = {"id", "created", "apikey", "apisecret"}
        rows.append(row | {key: value for key, value in client.items() if key not in hidden})
    return rows


def _true_transactions(state: AccountState) -> list[Record]:
    rows = [entry | {"created_at": utc(entry["created"])} for entry in state.transactions]
    for row in rows:
        del row["created"]
    return rows


def _true_link_hits(state: AccountState) -> list[Record]:
    rows, counts = [], Counter[int]()
    for at, row, url in sorted(state.inbox.link_hits, key=lambda hit: hit[0]):
        message_id = state.sent.sends[state.sent.recipients["send"][row]].message_id
        counts[message_id] += 1
        sent = hit_row(state, at, row, url)
        known = {"msisdn": sent["msisdn"], "link": url, "clicked_at": utc(at)}
        rows.append({"message_id": message_id, "hit": counts[message_id]} | known)
    return rows


def hit_row(state: AccountState, at: int, row: int, url: str) -> Record:
    """One tracked-link hit, as the gateway sends it: all text."""
    stamp = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {"msisdn": str(state.sent.recipients["msisdn"][row]), "link": url, "datetime": stamp}


def _true_contact_history(state: AccountState, msisdn: int | None) -> list[Record]:
    if msisdn is None:
        raise ValueError("contact_history is about one number: give msisdn=.")
    columns = state.sent.recipients
    rows = np.flatnonzero((columns["msisdn"] == msisdn) & (columns["listed_at"] <= state.now))
    rows_by_send: dict[int, Record] = {}
    for row, code in zip(rows.tolist(), columns.status(rows, state.now).tolist(), strict=True):
        send = state.sent.sends[columns["send"][row]]
        rows_by_send[send.message_id] = {
            "msisdn": str(msisdn),
            "message_id": send.message_id,
            "sent_at": utc(send.sent_at),
            "status": STATUS_WORDS[code],
        }
    return list(rows_by_send.values())


TRUTH_TABLES: dict[str, Callable[[AccountState], list[Record]]] = {
    "campaigns": _true_campaigns,
    "messages": _true_messages,
    "dlrs": _true_dlrs,
    "optouts": _true_optouts,
    "replies": _true_replies,
    "lists": _true_lists,
    "list_members": _true_list_members,
    "numbers": _true_numbers,
    "keywords": _true_keywords,
    "clients": _true_clients,
    "transactions": _true_transactions,
    "link_hits": _true_link_hits,
}


def breaches(state: AccountState, how: Collection[str] | None = None) -> list[Record]:
    """Every message sent to a number strictly after its first plain opt-out.

    One row per message: ``id``, ``message_id``, ``msisdn``, ``sent_at``, and of the earliest opt-out
    ``opted_out_at``, ``how`` ("reply", "inbound", "link", "api") and ``optout_message_id``. A stop word that
    answers no send ("inbound") is an opt-out too, though the gateway flags nothing for it. Opt-outs worded so
    that only a person understands them ("please remove me") are not among them. ``how`` restricts it to
    opt-outs of these ways, as if there were no others.
    """
    first: dict[int, Any] = {}
    for optout in sorted([*state.contacts.optout_log, *_inbound_stops(state)], key=lambda entry: entry.at):
        if how is None or optout.how in how:
            first.setdefault(optout.msisdn, optout)
    columns, rows = state.sent.recipients, []
    for row in np.flatnonzero(np.isin(columns["msisdn"], list(first))).tolist():
        optout, sent = first[int(columns["msisdn"][row])], int(columns["sent_at"][row])
        if sent > optout.at and columns["listed_at"][row] <= state.now:
            send = state.sent.sends[columns["send"][row]]
            rows.append({
                "id": FIRST_MESSAGE_ID + row, "message_id": send.message_id, "msisdn": str(optout.msisdn),
                "sent_at": utc(sent), "opted_out_at": utc(optout.at), "how": optout.how,
                "optout_message_id": optout.message_id,
            })  # fmt: skip
    return rows


def _inbound_stops(state: AccountState) -> list[OptOut]:
    """Stop words that came in without a send that they answer."""
    return [
        OptOut(reply.received_at, reply.msisdn, "inbound", None, None)
        for reply in state.inbox.replies
        if reply.row < 0 and is_stop(reply.text)
    ]
