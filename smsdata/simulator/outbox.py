"""What the gateway calls: which address, with which parameters, signed how, and again when nobody answers.

An event is told at its own instant of the virtual clock. Who carries the call is a seam (`Outbox.post`), so
that a test needs no network and never waits. Imports the state of an account and its clock.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import numpy as np

from smsdata.simulator.clock import DAY_SECONDS, HOUR_SECONDS
from smsdata.simulator.inbox import Reply, is_stop
from smsdata.simulator.parameters import CallbacksSection
from smsdata.simulator.recipients import STATUS_WORDS, Ints
from smsdata.simulator.sent import Send
from smsdata.simulator.state import AccountState
from smsdata.simulator.truth import utc

CALLED = ("dlr", "reply", "link-hit", "list")
"""What may have an address: delivery receipts, replies, link hits, list changes."""
RETRIES = (60, 300, HOUR_SECONDS, DAY_SECONDS)
"""Seconds from one try to the next, where nobody answered with 2xx; then the event is given up."""
SIGNATURE = "x-transmitsms-signature"
USER_ID = 70_123

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """One try to tell one event.

    ``event`` numbers events from 1; ``tries`` counts the tries before this one; ``at`` is epoch seconds.
    ``url`` is whole, ``body`` a form, or empty for GET; ``pairs`` are the event's own parameters, in order.
    """

    event: int
    kind: str
    at: int
    method: str
    url: str
    body: str
    headers: Mapping[str, str]
    pairs: Pairs
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one try."""

    call: OutgoingCall
    accepted: bool


class Outbox:
    """Calls the addresses of an account, and tries again.

    Parameters
    ----------
    state : AccountState
        Whose events.
    callbacks : CallbacksSection
        What ``form``, ``doubled`` and ``doubled_after`` begin with.

    Attributes
    ----------
    urls : dict of str to str
        By kind, the account's addresses; `set` changes them. Those of a send (``Send.urls``) come first.
    post : callable
        Carries one call: True when it was answered with 2xx, False when not, None when `settle` will be told
        later. By default nobody answers.
    secret : str
        Signs each call where it is not empty.
    form : bool
        POST with a form instead of GET, as some white labels call.
    doubled, doubled_after : float, int
        Share of receipts that are told once more, and how many seconds later.
    told : list of Told
        Every try, in order.

    Examples
    --------
    >>> from smsdata.simulator import Account
    >>> account, seen = Account(campaigns=0, singles=0, inbound=0), []
    >>> account.outbox.post = lambda call: seen.append(call) or call.tries > 0  # the first try is lost
    >>> account.outbox.set(dlr="https://example.com/dlr?campaign=spring")
    >>> message_id = account.send(61491570156, "Your table is ready")
    >>> account.advance(days=4)
    >>> [call.at - seen[0].at for call in seen]
    [0, 60]
    >>> [name for name, _ in seen[0].pairs]
    ['message_id', 'mobile', 'datetime', 'status', 'user_id']
    """

    def __init__(self, state: AccountState, callbacks: CallbacksSection) -> None:
        self.urls: dict[str, str] = {}
        self.post: Callable[[OutgoingCall], bool | None] = nobody_answers
        self.secret = ""
        self.form = callbacks.form
        self.doubled, self.doubled_after = callbacks.doubled, callbacks.doubled_after
        self.told: list[Told] = []
        self._state = state
        self._events = 0
        self._planned: set[int] = set()
        state.inbox.heard.append(self._tell_reply)
        state.inbox.clicked.append(self._tell_hit)
        state.contacts.changed.append(self._tell_change)
        state.sent.added.append(self._plan)

    def set(self, **urls: str) -> None:
        """Give the account addresses: ``dlr``, ``reply``, ``link_hit``, ``list``; an empty one ends it.

        Receipts of messages that are on their way are told too.
        """
        for name, url in urls.items():
            kind = name.replace("_", "-")
            check_address(kind, url)
            self.urls[kind] = url
        with self._state.clock.lock:
            for send in self._state.sent.sends:
                self._plan(send)

    def settle(self, call: OutgoingCall, accepted: bool) -> None:
        """Say whether a call was answered with 2xx; else it is tried again."""
        with self._state.clock.lock:
            self.told.append(Told(call, accepted))
            if not accepted and call.tries < len(RETRIES):
                at = call.at + RETRIES[call.tries]
                self._state.clock.later(at, self._try, replace(call, at=at, tries=call.tries + 1))

    def fire(self, kind: str, url: str | None, pairs: Iterable[tuple[str, str]]) -> None:
        """Tell an event now; without an address nothing happens."""
        if not url:
            return
        self._events += 1
        self._try(self._state.now, self._made(kind, url, tuple(pairs)))

    def status_changed(self, rows: Ints) -> None:
        """Tell what the statuses of these recipients are now."""
        for row in rows.tolist():
            self._tell_receipt(self._state.now, row)

    # -- calls ---------------------------------------------------------------------------------------

    def _made(self, kind: str, url: str, pairs: Pairs) -> OutgoingCall:
        """A call; what stands in the address already comes along, before the event's own."""
        parts = urlsplit(url)
        own = tuple(parse_qsl(parts.query, keep_blank_values=True))
        body = urlencode(pairs) if self.form else ""
        if not self.form:
            url = urlunsplit(parts._replace(query=urlencode(own + pairs), fragment=""))
        headers = {SIGNATURE: signed(pairs if self.form else own + pairs, self.secret)} if self.secret else {}
        method = "POST" if self.form else "GET"
        return OutgoingCall(self._events, kind, self._state.now, method, url, body, headers, pairs)

    def _try(self, at: int, call: OutgoingCall) -> None:
        accepted = self.post(replace(call, at=at))
        if accepted is not None:
            self.settle(replace(call, at=at), accepted)

    # -- events --------------------------------------------------------------------------------------

    def _plan(self, send: Send) -> None:
        """Tell of the recipients of a send once their status is final, from now on; of each once."""
        if send.message_id in self._planned or not (self.urls.get("dlr") or send.urls.get("dlr")):
            return
        self._planned.add(send.message_id)
        final_at = self._state.sent.recipients["final_at"][send.rows]
        for position in np.flatnonzero(final_at > self._state.now).tolist():
            self._state.clock.later(int(final_at[position]), self._tell_when_final, int(send.rows[position]))

    def _tell_when_final(self, at: int, row: int) -> None:
        if int(self._state.sent.recipients["final_at"][row]) == at:  # else somebody changed it by hand
            self._tell_receipt(at, row)

    def _tell_receipt(self, at: int, row: int) -> None:
        table = self._state.sent.recipients
        send = self._state.sent.sends[table["send"][row]]
        code = int(table.status(np.array([row]), at)[0])
        pairs = {
            "message_id": send.message_id, "mobile": int(table["msisdn"][row]), "datetime": stamp_of(at),
            "status": STATUS_WORDS[code], "user_id": USER_ID,
        }  # fmt: skip
        self.fire("dlr", self._address("dlr", send), written(pairs))
        if self.doubled and random.Random(f"doubled {row}").random() < self.doubled:
            self._state.clock.later(at + self.doubled_after, self._fire_again, send, written(pairs))

    def _fire_again(self, _at: int, send: Send, pairs: Pairs) -> None:
        self.fire("dlr", self._address("dlr", send), pairs)

    def _tell_reply(self, reply: Reply) -> None:
        send = None if reply.message_id is None else self._state.sent.send_of(reply.message_id)
        self.fire("reply", self._address("reply", send), reply_parameters(reply))

    def _tell_hit(self, at: int, row: int) -> None:
        table, names = self._state.sent.recipients, self._state.sent.names.values
        send, msisdn = self._state.sent.sends[table["send"][row]], int(table["msisdn"][row])
        hits = [hit for _, hit, _ in self._state.inbox.link_hits if table["msisdn"][hit] == msisdn]
        pairs = {
            "message_id": send.message_id, "list_id": send.list_id or 0, "mobile": msisdn,
            "longcode": send.sender, "datetime": stamp_of(at),
            "link_hits": sum(int(table["send"][hit] == table["send"][row]) for hit in hits),
            "message": self._state.sent.original(row), "firstname": names[table["first"][row]],
            "lastname": names[table["last"][row]], "user_id": USER_ID,
        }  # fmt: skip
        self.fire("link-hit", self._address("link-hit", send), written(pairs))

    def _tell_change(self, action: str, list_id: int, msisdn: int) -> None:
        member = self._state.contacts.lists[list_id].members[msisdn]
        pairs = {
            "type": action, "datetime_entry": stamp_of(self._state.now), "list_id": list_id, "mobile": msisdn,
            "firstname": member.first_name, "lastname": member.last_name, **member.fields,
        }  # fmt: skip
        self.fire("list", self._address("list"), written(pairs))

    def _address(self, kind: str, send: Send | None = None) -> str | None:
        return (send.urls.get(kind) if send else None) or self.urls.get(kind)


def nobody_answers(_call: OutgoingCall) -> bool | None:
    """The address that is never there."""
    return False


def check_address(kind: str, url: str) -> None:
    """Refuse (ValueError) a kind that is none, and an address that nobody can call."""
    if kind not in CALLED:
        raise ValueError(f"unknown callback {kind!r}: {', '.join(CALLED)}.")
    parts = urlsplit(url)
    _ = parts.port  # raises ValueError for one that is none
    if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ValueError(
            f"{kind} has no address such as http://127.0.0.1:8026/...: {parts.scheme or 'no scheme'}."
        )


def reply_parameters(reply: Reply) -> Pairs:
    """What is told of an inbound message."""
    return written({
        "message_id": reply.message_id or 0, "mobile": reply.msisdn, "longcode": reply.longcode,
        "datetime_entry": stamp_of(reply.received_at), "response": reply.text, "response_id": reply.id,
        "is_optout": "yes" if is_stop(reply.text) else "no", "user_id": USER_ID,
    })  # fmt: skip


def stamp_of(seconds: int) -> str:
    """An instant as callbacks write it."""
    return f"{utc(seconds):%Y-%m-%d %H:%M:%S}"


def written(values: Mapping[str, object]) -> Pairs:
    """Parameters as text; null is empty."""
    return tuple((name, "" if value is None else str(value)) for name, value in values.items())


def signed(pairs: Pairs, secret: str) -> str:
    """HMAC-SHA256 over the parameters as PHP reads them and writes them as JSON, in their order."""
    fields = {re.sub(r"[ .]", "_", name): value for name, value in pairs}
    text = json.dumps(fields, separators=(",", ":")).replace("/", "\\/")
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
