"""Answers about something else: a cache, a proxy that mixes them up, a gateway that ignores a parameter.

Owns what another question would be: another send, another list, the slice of time before. Imports the
parameters of a request and the faults.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from smsdata.simulator.contacts import Refused
from smsdata.simulator.faults import MIXED_UP, Faults
from smsdata.simulator.query import Query
from smsdata.simulator.seed_data import Record
from smsdata.simulator.state import AccountState
from smsdata.simulator.views import Listing, stamp

Serve = Callable[[Query], Record]
"""Makes one page for the parameters of a request."""

_FILTERS = ("msisdn", "delivery", "optouts", "number", "type")
_MANY_ROWS = 3


class MixUps:
    """Which answers are about something else; remembers the last answer of each call for that.

    Parameters
    ----------
    state : AccountState
        Where other sends, lists and numbers are found.
    faults : Faults
        How often each kind strikes.
    """

    def __init__(self, state: AccountState, faults: Faults) -> None:
        self._state = state
        self._faults = faults
        self._last: dict[str, Record] = {}

    def answer(self, call: str, listing: Listing, query: Query, page: int, serve: Serve) -> Record:
        """The page asked for, or what comes in its place."""
        kind = self._faults.first(MIXED_UP, call, page)
        last = self._last.get(call)
        right = serve(query)
        self._last[call] = right
        if kind == "cached":
            return last if last is not None else right
        if kind == "ignored_filter":
            return _served(serve, _without_filters(call, query), right)
        if kind in ("swapped", "appended"):
            other = _served(serve, self._other(query), right)
            return other if kind == "swapped" else _joined(right, other, listing)
        return right

    def single(self, call: str, query: Query, serve: Serve, *, reads: bool) -> Record:
        """The answer about one thing, or about another one; what changes the account is answered as it is."""
        kind = self._faults.first(("swapped", "cached"), call, 1) if reads else None
        right, last = serve(query), self._last.get(call)
        self._last[call] = right
        if kind == "cached":
            return last if last is not None else right
        return _served(serve, self._other(query), right) if kind == "swapped" else right

    def _other(self, query: Query) -> Query:
        """The question about the next send, list, client or number, or the slice of time before."""
        asked = dict(query.params)
        ids = {
            "message_id": [send.message_id for send in self._state.sent.sends],
            "list_id": list(self._state.contacts.lists),
            "client_id": [client["id"] for client in self._state.clients],
        }
        for name, known in ids.items():
            if asked.get(name, "").isdigit() and int(asked[name]) in known:
                place = known.index(int(asked[name]))
                asked[name] = str(known[(place + 1) % len(known)])
        for name in ("msisdn", "mobile"):
            if asked.get(name):
                taken = self._state.sent.recipients["msisdn"][0]
                asked[name] = str(int(taken)) if str(int(taken)) != asked[name] else "61491570157"
        start, end = query.instant("start"), query.instant("end")
        if start is not None and end is not None:
            asked["start"], asked["end"] = stamp(2 * start - end - 10), stamp(start - 10)
        return _asking(asked, query)


def _served(serve: Serve, query: Query, right: Record) -> Record:
    """What is served for another question; the right answer where that question is refused."""
    try:
        return serve(query)
    except Refused:
        return right


def _joined(right: Record, other: Record, listing: Listing) -> Record:
    """An answer with some rows of another one at its end."""
    return right | {listing.rows: right.get(listing.rows, []) + other.get(listing.rows, [])[:_MANY_ROWS]}


def _without_filters(call: str, query: Query) -> Query:
    """The question as a gateway takes it that knows no filters."""
    asked = {name: value for name, value in query.params.items() if name not in _FILTERS}
    if call == "get-list":
        asked["members"] = "all"
    if call == "get-user-sms-sent":
        now = datetime.fromtimestamp(query.now, UTC)
        asked |= {"start": "2000-01-01 00:00:00", "end": f"{now:%Y-%m-%d %H:%M:%S}"}
    return _asking(asked, query)


def _asking(params: dict[str, str], query: Query) -> Query:
    return Query(params.items(), now=query.now, bounds=query.bounds)
