"""What only a twin can do, over HTTP: a person texts the account, time passes.

``POST /__twin/inbound`` and ``POST /__twin/advance``. Nobody has to authenticate: it is about the simulated
world, not the account. Imports the state of an account, the parameters of a request, clock and refusals.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from smsdata.simulator.clock import END, HOUR_SECONDS
from smsdata.simulator.contacts import Refused
from smsdata.simulator.number_forms import INVALID, country_given, taken_apart
from smsdata.simulator.query import Query
from smsdata.simulator.seed_data import SENDER, Record
from smsdata.simulator.send_calls import SHARED_NUMBER
from smsdata.simulator.state import AccountState
from smsdata.simulator.views import stamp

PREFIX = "/__twin/"
MOST_HOURS = 24 * 366


def inbound(state: AccountState, query: Query) -> Record:
    """A person texts: ``mobile``, ``response``, and where it says so ``longcode`` and ``message_id``.

    Without ``message_id`` it answers the last message to that person from ``longcode``, or from any number of
    the account where none is given; where there was none, or with 0, it answers nothing. Nobody can answer a
    name.
    """
    number = taken_apart(query.text("mobile", required=True) or "", country_given(query), "mobile")
    if number.line == INVALID:
        raise Refused("FIELD_INVALID", "mobile is no number of any country; write it in full: 61491570156.")
    msisdn = int(number.digits)
    text, longcode = query.params.get("response", ""), _texted(state, query)
    message_id = query.integer("message_id")
    with state.clock.changing():
        row = _row_answered(state, msisdn, longcode, message_id)
        if row is None:
            state.inbox.take_inbound(state.now, msisdn, text, longcode or SENDER)
        else:
            state.inbox.take_reply(state.now, row, text)
    reply = next(one for one in reversed(state.inbox.replies) if one.msisdn == msisdn)
    return {
        "response_id": reply.id, "message_id": reply.message_id or 0, "longcode": reply.longcode,
        "received_at": stamp(reply.received_at),
    }  # fmt: skip


def _texted(state: AccountState, query: Query) -> str | None:
    """The number that is texted, where the request says so: one of the account's, or the shared one."""
    longcode = query.text("longcode")
    known = {SHARED_NUMBER, *(row["number"] for row in state.numbers if row["owned"])}
    if longcode is not None and longcode not in known:
        raise Refused("FIELD_INVALID", "longcode is none of the account's numbers; nobody can text a name.")
    return longcode


def _row_answered(
    state: AccountState, msisdn: int, longcode: str | None, message_id: int | None
) -> int | None:
    """The recipient row of the message that a text answers."""
    if message_id == 0:
        return None
    if message_id is not None:
        rows = state.sent.rows_of(message_id, msisdn)
        if not len(rows):
            raise Refused("NOT_FOUND", "This number is no recipient of that message.")
        sender = state.sent.send_of(message_id).sender
        if not sender.isdigit():
            raise Refused("FIELD_INVALID", f"message_id: it came from {sender!r}; nobody can answer a name.")
        if longcode not in (None, sender):
            raise Refused("FIELD_INVALID", f"longcode: that message came from {sender}.")
        return int(rows[0])
    columns, sends = state.sent.recipients, state.sent.sends
    rows = np.flatnonzero((columns["msisdn"] == msisdn) & (columns["sent_at"] <= state.now))
    for row in sorted(rows.tolist(), key=lambda row: (int(columns["sent_at"][row]), row), reverse=True):
        sender = sends[columns["send"][row]].sender
        if sender.isdigit() and longcode in (None, sender):
            return int(row)
    return None


def advance(state: AccountState, query: Query) -> Record:
    """Let so many ``hours`` pass; a clock with a speed of its own then stands until it has caught up."""
    hours = query.integer("hours", required=True) or 0
    if not 0 < hours <= MOST_HOURS:
        raise Refused("FIELD_INVALID", f"hours is a whole number from 1 to {MOST_HOURS:,}.")
    if state.now + hours * HOUR_SECONDS > END:
        raise Refused("FIELD_INVALID", "hours: the simulated clock ends with the year 8999.")
    state.clock.advance(hours * HOUR_SECONDS)
    return {"now": stamp(state.now)}


CONTROLS: dict[str, Callable[[AccountState, Query], Record]] = {"advance": advance, "inbound": inbound}
"""By the last word of the path."""


def controlled(state: AccountState, method: str, path: str, query: Query) -> Record:
    """Do what a path asks for, or refuse it."""
    name = path.rsplit("/", 1)[-1].removesuffix(".json")
    if name not in CONTROLS or method != "POST":
        raise Refused("NOT_IMPLEMENTED", f"There is only POST {PREFIX}{', '.join(CONTROLS)}.", 404)
    return CONTROLS[name](state, query)
