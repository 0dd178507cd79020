"""Calls about what was sent: messages, sends, their recipients and clicks. Owns the wire's names of these.

Imports the state of an account, and the shapes that answers share.
"""

from __future__ import annotations

import numpy as np

from smsdata.simulator.contacts import Refused
from smsdata.simulator.number_forms import international
from smsdata.simulator.query import Query
from smsdata.simulator.recipients import DELIVERED, HARD, PENDING, SOFT, STATUS_WORDS, Ints
from smsdata.simulator.seed_data import Record
from smsdata.simulator.sent import FIRST_MESSAGE_ID, Send
from smsdata.simulator.state import AccountState
from smsdata.simulator.truth import hit_row
from smsdata.simulator.views import View, ready_view, required_id, shaped_fields, stamp

_REPORTED = ("pending", "delivered", "soft_bounced", "hard_bounced")
_SEND_TYPES = "all api campaign quick_sms email_sms keyword test_sms"


# -- paginated calls --------------------------------------------------------------------------------


def user_sms_sent_view(state: AccountState, query: Query) -> View:
    """get-user-sms-sent: one message to one recipient per row."""
    first, last = query.span(required=True)
    msisdn = query.integer("msisdn")
    columns = state.sent.recipients
    keys = columns.between(first, last)
    keys = keys[columns["listed_at"][keys] <= state.now]
    if msisdn is not None:
        keys = keys[columns["msisdn"][keys] == msisdn]
    return View(keys, columns["sent_at"][keys], lambda some: _message_rows(state, some))


def _message_rows(state: AccountState, rows: Ints) -> list[Record]:
    """Rows of get-user-sms-sent."""
    rows = np.asarray(rows, np.int64)
    columns, names = state.sent.recipients, state.sent.names.values
    status = columns.status(rows, state.now).tolist()
    picked = (columns[name][rows].tolist() for name in ("send", "sent_at", "msisdn", "first"))
    result = []
    for row, code, number, sent_at, msisdn, first in zip(rows.tolist(), status, *picked, strict=True):
        send = state.sent.sends[number]
        result.append(
            {
                "id": FIRST_MESSAGE_ID + row,
                "message_id": send.message_id,
                "message": send.text_for(row, names[first]) if "[" in send.text else send.text,
                "sent_at": stamp(sent_at),
                "msisdn": msisdn,
                "caller_id": int(send.sender) if send.sender.isdigit() else send.sender,
                "status": _REPORTED[code],
            }
        )
    return result


def message_report_view(state: AccountState, query: Query) -> View:
    """get-message-report: one send per row, with its counters."""
    first, last = query.span(widest=30, default=1)
    kind, number = query.choice("type", _SEND_TYPES, "all"), query.integer("number")
    list_id = query.integer("list_id")
    sends = [
        send
        for send in state.sent.sends
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
        lambda some: [_report_row(state, send, style if list_id is not None else "none") for send in some],
    )


def _report_row(state: AccountState, send: Send, style: str | None) -> Record:
    """A row of get-message-report; ``fields`` only when one list was asked for."""
    row: Record = {"type": send.type, "id": send.message_id, "sms": send.parts, "cost": -send.cost}
    row |= {"sent_at": stamp(send.sent_at), "status": "completed", "message": send.text}
    row |= state.sent.counters(send)
    if send.single:
        index = int(send.rows[0])
        columns, names = state.sent.recipients, state.sent.names.values
        row["msisdn"] = int(columns["msisdn"][index])
        row["first_name"], row["last_name"] = names[columns["first"][index]], names[columns["last"][index]]
        if style != "none" and send.list_id in state.contacts.lists:
            member = state.contacts.lists[send.list_id].members.get(row["msisdn"])
            row["fields"] = shaped_fields(member.fields if member else {}, style)
    return row


def sms_sent_view(state: AccountState, query: Query) -> View:
    """get-sms-sent: one recipient of a send per row: its DLR."""
    send = state.sent.ordered(required_id(query, "message_id"))
    list_id = query.integer("list_id")
    delivery = query.choice("delivery", "all delivered failed pending", "all")
    optouts = query.choice("optouts", "only omit include", "include")
    rows, columns = send.rows, state.sent.recipients
    keep = np.ones(len(rows), bool)
    if list_id:
        keep &= send.list_id == list_id
    wanted = {"delivered": [DELIVERED], "failed": [SOFT, HARD], "pending": [PENDING]}.get(delivery)
    if wanted is not None:
        keep &= np.isin(columns.status(rows, state.now), wanted)
    if optouts != "include":
        keep &= (columns["optout_at"][rows] <= state.now) == (optouts == "only")
    keys = rows[keep]
    block = send_block(state, send)
    return View(keys, -np.arange(len(keys)), lambda some: _dlr_rows(state, some), {"message": block})


def _dlr_rows(state: AccountState, rows: Ints) -> list[Record]:
    """Rows of get-sms-sent."""
    rows = np.asarray(rows, np.int64)
    columns, names, now = state.sent.recipients, state.sent.names.values, state.now
    status = columns.status(rows, now).tolist()
    picked = (columns[name][rows].tolist() for name in ("msisdn", "first", "last", "optout_at"))
    return [
        {
            "msisdn": msisdn,
            "first_name": names[first],
            "last_name": names[last],
            "delivery_status": STATUS_WORDS[code],
            "optout": optout_at <= now,
        }
        for code, msisdn, first, last, optout_at in zip(status, *picked, strict=True)
    ]


def send_block(state: AccountState, send: Send) -> Record:
    """The ``message`` block beside the recipients."""
    counters = state.sent.counters(send)
    bounced = counters["soft_bounced"] + counters["hard_bounced"]
    block = {"message_id": send.message_id, "send_at": stamp(send.sent_at), "recipients": send.recipients}
    block |= {"cost": send.cost, "sms": send.parts}
    if send.list_id is not None:
        target = state.contacts.lists.get(send.list_id)
        block["list"] = {"id": send.list_id, "name": target.name if target else ""}
    stats = {"delivered": counters["delivered"], "pending": counters["pending"], "bounced": bounced}
    block["delivery_stats"] = stats | {key: counters[key] for key in ("responses", "optouts")}
    return block


def contact_stats_view(state: AccountState, query: Query) -> View:
    """get-contact-sms-stats: one message to one number per row."""
    mobile = international(query, "mobile")
    first, last = query.span()
    field_name = query.choice("sort_field", "datetime_send message_id", "datetime_send")
    columns = state.sent.recipients
    keys = np.flatnonzero((columns["msisdn"] == mobile) & (columns["listed_at"] <= state.now))
    sent = np.array([state.sent.sends[number].sent_at for number in columns["send"][keys].tolist()], np.int64)
    keys = keys[(first <= sent) & (sent <= last)]
    times = columns["sent_at"][keys] if field_name == "datetime_send" else columns["send"][keys]
    order = np.argsort(times, kind="stable")
    order = order if query.choice("order", "asc desc", "desc") == "asc" else order[::-1]
    return View(keys[order], -np.arange(len(keys)), lambda some: _history_rows(state, some))


def _history_rows(state: AccountState, rows: Ints) -> list[Record]:
    """Rows of get-contact-sms-stats."""
    result = []
    rows = np.asarray(rows, np.int64)
    for row, code in zip(rows.tolist(), state.sent.recipients.status(rows, state.now).tolist(), strict=True):
        send = state.sent.sends[state.sent.recipients["send"][row]]
        stats = {"message_id": send.message_id, "datetime_send": stamp(send.sent_at)}
        result.append(stats | {"delivery_status": STATUS_WORDS[code]})
    return result


def link_hits_view(state: AccountState, query: Query) -> View:
    """get-link-hits: one tracked-link hit of a send per row, oldest first."""
    send = state.sent.ordered(required_id(query, "message_id"))
    return ready_view([hit_row(state, *hit) for hit in _hits_of(state, send)])


def _hits_of(state: AccountState, send: Send) -> list[tuple[int, int, str]]:
    """The tracked-link hits of a send, oldest first."""
    number, sends = state.sent.positions.get(send.message_id), state.sent.recipients["send"]
    return sorted((hit for hit in state.inbox.link_hits if sends[hit[1]] == number), key=lambda hit: hit[0])


# -- calls for one thing ----------------------------------------------------------------------------


def sms_answer(state: AccountState, query: Query) -> Record:
    """get-sms: one send, also one that waits for its instant."""
    send = state.sent.ordered(required_id(query, "message_id"))
    return send_block(state, send) | {"message": send.text}


def sms_stats_answer(state: AccountState, query: Query) -> Record:
    """get-sms-stats: the counters of one send."""
    send = state.sent.ordered(required_id(query, "message_id"))
    counters = state.sent.counters(send)
    return {
        "stats": {
            "hard_bounced": counters["hard_bounced"],
            "soft_bounced": counters["soft_bounced"],
            "total": send.total_parts,
            "recipientCount": send.recipients,
            "delivered": counters["delivered"],
            "pending": counters["pending"],
            "bounced": counters["hard_bounced"] + counters["soft_bounced"],
            "responses": counters["responses"],
            "opt-outs": counters["optouts"],
            "link_hits": len(_hits_of(state, send)),
        }
    }


def delivery_status_answer(state: AccountState, query: Query) -> Record:
    """get-sms-delivery-status: one recipient; carriers round the time of delivery down to the minute."""
    message_id, msisdn = required_id(query, "message_id"), required_id(query, "msisdn")
    rows = state.sent.rows_of(message_id, msisdn)
    if not len(rows):
        raise Refused("NOT_FOUND", "This number is no recipient of that message.")
    columns, send = state.sent.recipients, state.sent.send_of(message_id)
    code = int(columns.status(rows[:1], state.now)[0])
    final_at = int(columns["final_at"][rows[0]])
    name = state.sent.names.values[columns["first"][rows[0]]]
    return {
        "stats": {
            "message_id": message_id,
            "sender_id": send.sender,
            "mobile": msisdn,
            "send_at": stamp(send.sent_at),
            "datetime": None if code == PENDING else stamp(final_at - final_at % 60),
            "status": ("pending", "delivered", "failed", "failed")[code],
            "message": send.text_for(int(rows[0]), name),
        }
    }


def sent_count_answer(state: AccountState, query: Query) -> Record:
    """get-sms-sent-count: how many messages get-user-sms-sent lists in the same span."""
    first, last = query.span(required=True, widest=7)
    rows = state.sent.recipients.between(first, last)
    return {"count": int((state.sent.recipients["listed_at"][rows] <= state.now).sum())}
