"""Calls about what came back: replies and inbound messages. Owns the wire's names of these.

Imports the state of an account, and the shapes that answers share.
"""

from __future__ import annotations

from collections.abc import Callable

from smsdata.simulator.contacts import Refused
from smsdata.simulator.inbox import Reply
from smsdata.simulator.query import Query
from smsdata.simulator.seed_data import Record
from smsdata.simulator.state import AccountState
from smsdata.simulator.views import View, stamp


def user_responses_view(state: AccountState, query: Query) -> View:
    """get-user-sms-responses: one inbound message per row."""
    first, last = query.span(default=30, months=12)
    wanted = query.choice("keywords", "only omit both", "both")
    replies = [reply for reply in state.inbox.listed(state.now) if first <= reply.received_at <= last]
    if wanted != "both":
        replies = [reply for reply in replies if (reply.keyword is not None) == (wanted == "only")]
    return _reply_view(state, replies, query)


def responses_view(state: AccountState, query: Query) -> View:
    """get-sms-responses: the replies to one send or keyword."""
    first, last = query.span()
    msisdn, belongs = query.integer("msisdn"), _belongs(state, query)
    replies = [
        reply
        for reply in state.inbox.listed(state.now)
        if first <= reply.received_at <= last and belongs(reply) and msisdn in (None, reply.msisdn)
    ]
    return _reply_view(state, replies, query)


def _belongs(state: AccountState, query: Query) -> Callable[[Reply], bool]:
    """Which replies a call of get-sms-responses is about."""
    message_id, keyword, number = query.integer("message_id"), query.text("keyword"), query.integer("number")
    keyword_id = query.integer("keyword_id")
    if message_id is not None:
        state.sent.ordered(message_id)
        return lambda reply: reply.message_id == message_id
    if keyword_id is not None:
        if not 1 <= keyword_id <= len(state.keywords):
            raise Refused("NOT_FOUND", f"No keyword {keyword_id}.")
        row = state.keywords[keyword_id - 1]
        keyword, number = row["keyword"], int(row["number"])
    if keyword is None:
        raise Refused("FIELD_EMPTY", "message_id is empty.")
    word = keyword.upper()
    return lambda reply: reply.keyword == word and number in (None, int(reply.longcode))


def _reply_view(state: AccountState, replies: list[Reply], query: Query) -> View:
    """Replies, newest first."""
    replies.sort(key=lambda reply: (reply.received_at, reply.id), reverse=True)
    with_original = query.flag("include_original")
    return View(
        replies,
        [reply.received_at for reply in replies],
        lambda some: [_reply_row(state, reply, with_original) for reply in some],
    )


def _reply_row(state: AccountState, reply: Reply, with_original: bool) -> Record:
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
    return row | {"original_message": state.sent.original(reply.row)} if with_original else row
