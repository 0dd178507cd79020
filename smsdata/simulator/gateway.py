"""The gateway: from a request to an answer. Owns authentication, throttle, paging and order.

`Gateway.respond` is the whole of it, under one lock, so that any server or transport can stand before it.
Imports the account, the calls, drift and faults.
"""

from __future__ import annotations

import base64
import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import partial
from typing import Any

import numpy as np
import orjson

from smsdata.simulator import faults as fault
from smsdata.simulator.account import Account, client_account
from smsdata.simulator.calls import ANSWERS, CHANGES, LISTINGS, ORDERS, RESELLER
from smsdata.simulator.clock import END
from smsdata.simulator.contacts import Refused
from smsdata.simulator.control import PREFIX, controlled
from smsdata.simulator.drift import Drift
from smsdata.simulator.faults import Faults
from smsdata.simulator.mixups import MixUps
from smsdata.simulator.query import Query
from smsdata.simulator.seed_data import Record
from smsdata.simulator.views import Listing, View
from smsdata.simulator.wire_forms import json_as_xml

Params = tuple[tuple[str, str], ...]

MOST_SPEED = 100_000
"""Virtual seconds that can pass in a second: a little more than a day."""


def check_speed(speed: float) -> None:
    """Refuse (ValueError) a speed that is none."""
    if not 0 <= speed <= MOST_SPEED:
        raise ValueError(f"a speed lies between 0 and {MOST_SPEED:,}, not at {speed:g}.")


@dataclass(frozen=True)
class Answer:
    """What goes back: ``action`` "" sends it; "truncate", "reset" and "hang" spoil it on the way."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    action: str = ""


@dataclass(frozen=True)
class Received:
    """One request as it arrived; ``params`` in their order."""

    at: float
    path: str
    params: Params
    status: int


class Limiter:
    """The account's throttle: ``rate`` calls a second, counted in one of three ways.

    Parameters
    ----------
    kind : {"sliding", "calendar", "bucket"} or None
        A period that slides; whole seconds of the clock; a bucket that refills. None lets everything pass.
    rate : float
        Calls per second; below 1, one call per 1/rate seconds. Refused calls are not counted.

    Examples
    --------
    >>> limiter = Limiter("sliding", 2.0)
    >>> [limiter.allows(at) for at in (0.0, 0.5, 0.9, 1.0, 1.1, 1.5)]
    [True, True, False, True, False, True]
    """

    def __init__(self, kind: str | None, rate: float) -> None:
        if kind not in ("sliding", "calendar", "bucket", None):
            raise ValueError(f"unknown limiter {kind!r}: sliding, calendar, bucket or None.")
        self.kind = kind
        self.calls = max(1, int(rate))
        self.period = self.calls / rate
        self._accepted: deque[float] = deque(maxlen=self.calls)
        self._level, self._filled_at = float(self.calls), 0.0

    def allows(self, at: float) -> bool:
        """Whether a call at this time (seconds, never decreasing) passes; counts it if so."""
        if self.kind == "bucket":
            return self._draw(at)
        full = self.kind is not None and len(self._accepted) == self.calls
        if full and self._same_period(self._accepted[0], at):
            return False
        self._accepted.append(at)
        return True

    def _same_period(self, earlier: float, at: float) -> bool:
        if self.kind == "sliding":
            return at - earlier < self.period
        return int(earlier // self.period) == int(at // self.period)

    def _draw(self, at: float) -> bool:
        """Take one call out of the bucket."""
        self._level = min(self.calls, self._level + (at - self._filled_at) * self.calls / self.period)
        self._filled_at = at
        if self._level < 1:
            return False
        self._level -= 1
        return True


@dataclass
class _Order:
    """How the rows of a view are ordered: newest or oldest first, or shuffled among equal seconds."""

    kind: str
    rng: np.random.Generator
    answers: int = 0
    _shuffle: Any = field(default=0)

    def keys(self, view: View, low: int, high: int) -> Any:
        """The keys of one page."""
        if self.kind == "newest":
            return view.keys[low:high]
        count = len(view.keys)
        if self.kind == "oldest":
            positions = np.arange(count)[::-1][low:high]
        else:
            self.answers += 1
            if self.answers % 5 == 1:
                self._shuffle = int(self.rng.integers(2**32))
            ties = np.random.default_rng(self._shuffle).random(count)
            positions = np.lexsort((ties, -np.asarray(view.times, np.int64)))[low:high]
        return [view.keys[position] for position in positions]


def _in_xml(answer: Answer) -> Answer:
    """The same answer in XML; what a proxy or a broken connection gives stays as it is."""
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return answer
    headers = {**answer.headers, "content-type": "application/xml; charset=utf-8"}
    return replace(answer, headers=headers, body=json_as_xml(answer.body))


class Gateway:
    """The HTTP gateway of an account, without a socket.

    Parameters
    ----------
    account : Account
        Whose data it serves.
    key, secret : str
        What HTTP Basic authentication must bring.
    limiter, rate
        See `Limiter`.
    clock : callable
        Seconds for the limiter and the record of calls.
    faults : Faults
        What goes wrong.
    order : {"newest", "oldest", "shuffled"}
        Order of rows; "shuffled" is newest first with an order among equal seconds that changes now and then.
    max_page : int
        The largest page served, whatever ``max`` asks for.
    drift : Drift or None
        What happens to the account while pages are read.
    latency : (float, float) or None
        Seconds an answer takes, uniformly distributed; the server waits them around the call.
    reseller : bool
        Whether the reseller's calls work; else NO_ACCESS.
    bounds : {"[]", "[)", "(]", "()"}
        Whether ``start`` and ``end`` belong to a span of time.
    quirks : bool
        Every shape that the reference allows, mixed: see `smsdata.simulator.faults.quirky`.
    speed : float
        Virtual seconds per second of ``clock``, at most `MOST_SPEED`; 0 lets virtual time stand until
        `Account.advance`.
    seed : int
        For quirks, shuffling and latency.
    date_offset : float or callable
        Seconds by which the ``Date`` header is off the virtual time; a callable takes the virtual time, epoch
        seconds.

    Attributes
    ----------
    calls : list of Received
        Every request, in order.

    Examples
    --------
    >>> gateway = Gateway(Account(campaigns=1, singles=0), limiter=None)
    >>> answer = gateway.respond("GET", "/get-lists.json", [("max", "2")], gateway.authorization)
    >>> answer.status, len(json.loads(answer.body)["lists"])
    (200, 2)
    """

    def __init__(
        self,
        account: Account,
        *,
        key: str = "demo",
        secret: str = "demo",  # noqa: S107  (the simulator's own, documented)
        limiter: str | None = "sliding",
        rate: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
        faults: Faults | None = None,
        order: str = "newest",
        max_page: int = 100,
        drift: Drift | None = None,
        latency: tuple[float, float] | None = None,
        reseller: bool = True,
        bounds: str = "[]",
        quirks: bool = False,
        speed: float = 0.0,
        seed: int = 0,
        date_offset: float | Callable[[int], float] = 0.0,
    ) -> None:
        if order not in ("newest", "oldest", "shuffled"):
            raise ValueError(f"unknown order {order!r}: newest, oldest or shuffled.")
        if bounds not in ("[]", "[)", "(]", "()"):
            raise ValueError(f"unknown bounds {bounds!r}: [], [), (] or ().")
        check_speed(speed)
        self.account, self.clock, self.faults, self.drift = account, clock, faults or Faults(), drift
        self.limiter = Limiter(limiter, rate)
        self.date_offset = date_offset
        self.max_page, self.latency, self.speed = max_page, latency, speed
        self.reseller, self.bounds, self.quirks = reseller, bounds, quirks
        self.calls: list[Received] = []
        self.applied: list[tuple[str, dict[str, str]]] = []
        self._mixups = MixUps(account.state, self.faults)
        self._credentials = f"{key}:{secret}".encode()
        self.of_clients: dict[int, Gateway] = {}
        self._random = random.Random(seed)
        self._order = _Order(order, np.random.default_rng(seed))
        self._views: dict[tuple[str, Params], View] = {}
        self._views_version = -1
        self._spoiled: list[tuple[str, Record, Record]] = []
        self._pages_served = 0
        self._started = (clock() if speed else 0.0, account.now)

    @property
    def authorization(self) -> dict[str, str]:
        """The request header that authenticates."""
        return {"authorization": _basic(*self._credentials.decode().split(":", 1))}

    @property
    def throttled(self) -> int:
        """How many calls were answered with 429."""
        return sum(call.status == 429 for call in self.calls)

    def spoil(self, call: str, match: Record, change: Record) -> None:
        """From now on, write ``change`` over rows of ``call`` that hold all of ``match``."""
        self._spoiled.append((call, match, change))

    def wait(self) -> float:
        """Half of an answer's latency, seconds, drawn anew."""
        return self._random.uniform(*self.latency) / 2 if self.latency else 0.0

    def respond(
        self, method: str, path: str, params: Iterable[tuple[str, str]], headers: Mapping[str, str]
    ) -> Answer:
        """Answer one request.

        Parameters
        ----------
        method, path : str
            As in the request line; only the last part of the path counts, and its suffix says in which form
            the answer goes back, errors too: ``.json`` or ``.xml``.
        params : pairs of str
            Of the query string and the form body, decoded.
        headers : mapping
            Lower-case names; only ``authorization`` is read.
        """
        given = tuple(params)
        with self.account.state.clock.lock:
            at = self.tick()
            client = None if PREFIX in path else _of_client(self, headers.get("authorization", ""))
            if client is not None:
                return client.respond(method, path, given, headers)
            answer = self._answer(method, path, given, headers, at)
            answer = _in_xml(answer) if path.endswith(".xml") else answer
            self.calls.append(Received(at, path, given, answer.status))
            return answer

    def tick(self) -> float:
        """Let as much virtual time pass as ``speed`` has it; gives the time of the clock, seconds."""
        with self.account.state.clock.lock:
            at = self.clock()
            if self.speed:
                due = self._started[1] + int((at - self._started[0]) * self.speed)
                passed = min(due, END) - self.account.now
                if passed > 0:
                    self.account.advance(passed)
            return at

    def _answer(self, method: str, path: str, given: Params, headers: Mapping[str, str], at: float) -> Answer:
        """Authentication, throttle, faults that act instead of a call, then the call."""
        try:
            if PREFIX in path:
                done = controlled(self.account.state, method, path, Query(given, now=self.account.now))
                return self._json(done | {"error": _success()})
            self._authenticate(headers.get("authorization"))
            call = self._call_of(method, path)
            if not self.limiter.allows(at):
                raise Refused("OVER_LIMIT", "Too many calls.", 429)
            query = Query(given, now=self.account.now, bounds=self.bounds)
            asked = query.params.get("page", "")
            page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 18 else 1
            lasting = self.faults.lasting(call, query.params)
            if lasting == fault.NOT_OFFERED:
                raise Refused("NOT_IMPLEMENTED", "No such call.", 404)
            kind = lasting or self.faults.first(fault.INSTEAD, call, page)
            return self._instead(kind) if kind else self._call(call, query, page)
        except Refused as refused:
            return self._refusal(refused)

    def _authenticate(self, header: str | None) -> None:
        if not header:
            raise Refused("AUTH_FAILED_NO_DATA", "No credentials sent.", 401)
        scheme, _, encoded = header.partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except ValueError:
            given = b""
        if scheme.lower() != "basic" or given != self._credentials:
            raise Refused("AUTH_FAILED", "Wrong credentials.", 401)

    def _call_of(self, method: str, path: str) -> str:
        """The call that a path names."""
        name, _, suffix = path.rsplit("/", 1)[-1].partition(".")
        known = name in LISTINGS or name in ANSWERS or name in ORDERS
        if suffix not in ("json", "xml") or method not in ("GET", "POST") or not known:
            raise Refused("NOT_IMPLEMENTED", "No such call.", 404)
        return name

    def _refusal(self, refused: Refused) -> Answer:
        """The documented error body."""
        body = {"error": {"code": refused.code, "description": refused.description}}
        return self._json(body, refused.status)

    def _headers(self, status: int, kind: str) -> dict[str, str]:
        off = self.date_offset(self.account.now) if callable(self.date_offset) else self.date_offset
        headers = {"date": formatdate(self.account.now + int(off), usegmt=True), "content-type": kind}
        if (status == 429 or status >= 500) and self.faults.strikes("retry_after", ""):
            headers["retry-after"] = self._random.choice(fault.RETRY_AFTER)
        return headers

    def _json(self, body: Record, status: int = 200, action: str = "") -> Answer:
        try:
            encoded = orjson.dumps(body)
        except TypeError:  # a lone surrogate or an integer above 64 bits, put there by a fault
            encoded = json.dumps(body).encode()
        return Answer(status, self._headers(status, "application/json; charset=utf-8"), encoded, action)

    def _instead(self, kind: str) -> Answer:
        """The answer of a fault that acts instead of the call."""
        if kind in ("reset", "hang"):
            return Answer(0, {}, b"", kind)
        if kind.startswith("html"):
            status = int(kind[4:])
            return Answer(status, self._headers(status, "text/html"), fault.MAINTENANCE)
        code = "OVER_LIMIT" if kind == "overlimit200" else "INTERNAL_ERROR"
        status = 500 if kind == "error500" else 200
        return self._json({"error": {"code": code, "description": "Something went wrong."}}, status)

    def _call(self, call: str, query: Query, page: int) -> Answer:
        """Make the call, then the faults that act on its answer."""
        if call in LISTINGS:
            listing = LISTINGS[call]
            body = self._mixups.answer(call, listing, query, page, lambda q: self._page(call, listing, q))
        else:
            body = self._mixups.single(call, query, partial(self._one, call), reads=call not in CHANGES)
        if call in CHANGES:
            self.applied.append((call, query.params))
        lost = self.faults.strikes("lost_answer", call, page)
        cut = self.faults.strikes("truncate", call, page)
        return self._json(body, action="reset" if lost else "truncate" if cut else "")

    def _one(self, call: str, query: Query) -> Record:
        """The answer of a call about one thing."""
        if call in ORDERS:
            return ORDERS[call](self.account.sending, query) | {"error": _success()}
        if call in RESELLER and not self.reseller:
            raise Refused("NO_ACCESS", "This feature is not enabled for the account.")
        return ANSWERS[call](self.account.state, query) | {"error": _success()}

    # -- pages ----------------------------------------------------------------------------------------

    def _page(self, call: str, listing: Listing, query: Query) -> Record:
        """One page of a paginated call."""
        number, size = query.integer("page") or 1, query.integer("max") or 10
        _refuse_paging(query, listing, reseller=self.reseller)
        for kind, limit in (("clamp10", 10), ("clamp25", 25)):
            if self.faults.strikes(kind, call, number):
                size = min(size, limit)
        size = min(size, self.max_page, 100)
        self._drift(call, query)
        view = self._view(call, listing, query)
        served = max(1, number - 1) if self.faults.strikes("stale_page", call, number) else number
        keys = self._order.keys(view, (served - 1) * size, served * size)
        said = max(1, served - 1) if self.faults.strikes("wrong_number", call, number) else served
        answer: Record = {"page": {"count": max(1, -(-len(view.keys) // size)), "number": said}}
        answer[listing.total] = len(view.keys) if view.total is None else view.total
        answer |= {listing.rows: view.build(keys)} | view.beside | {"error": _success()}
        return self._spoil(call, listing, answer, number)

    def _drift(self, call: str, query: Query) -> None:
        """Let the account change before every so many pages."""
        if self.drift is not None and self._pages_served and self._pages_served % self.drift.every_pages == 0:
            self.drift.strike(self.account, call, query.params)
        self._pages_served += 1

    def _view(self, call: str, listing: Listing, query: Query) -> View:
        """The rows of a call; kept until the account changes."""
        if self._views_version != self.account.state.clock.version or len(self._views) > 64:
            self._views, self._views_version = {}, self.account.state.clock.version
        asked = tuple(sorted((k, v) for k, v in query.params.items() if k not in ("page", "max")))
        if (call, asked) not in self._views:
            self._views[call, asked] = listing.view(self.account.state, query)
        return self._views[call, asked]

    def _spoil(self, call: str, listing: Listing, answer: Record, number: int) -> Record:
        """Spoiled rows, quirks and the faults of content."""
        for spoiled, match, change in self._spoiled:
            if spoiled == call:
                rows = answer[listing.rows]
                answer[listing.rows] = [row | change if match.items() <= row.items() else row for row in rows]
        for kind in fault.CONTENT:
            if self.faults.strikes(kind, call, number):
                answer[listing.rows] = [dict(row) for row in answer.get(listing.rows, [])]
                fault.CONTENT[kind](answer, listing, self.faults.rng)
        return fault.quirky(call, answer, listing, self._random) if self.quirks else answer


def _success() -> Record:
    return {"code": "SUCCESS", "description": "OK"}


def _of_client(gateway: Gateway, header: str) -> Gateway | None:
    """The gateway of a reseller's client whose key and secret these are, with an account of its own."""
    if header == gateway.authorization["authorization"]:
        return None
    clients = gateway.account.state.clients
    client = next((one for one in clients if header == _basic(one["apikey"], one["apisecret"])), None)
    if client is None:
        return None
    if client["id"] not in gateway.of_clients:
        limiter = gateway.limiter
        gateway.of_clients[client["id"]] = Gateway(
            client_account(gateway.account, client), key=client["apikey"], secret=client["apisecret"],
            limiter=limiter.kind, rate=limiter.calls / limiter.period, clock=gateway.clock, reseller=False,
        )  # fmt: skip
    own = gateway.of_clients[client["id"]]
    if passed := gateway.account.now - own.account.now:
        own.account.advance(passed)
    return own


def _basic(key: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


def _refuse_paging(query: Query, listing: Listing, *, reseller: bool) -> None:
    """Refuse page 0, pages of no rows and the reseller's calls of an account that is none."""
    if listing.reseller and not reseller:
        raise Refused("NO_ACCESS", "This feature is not enabled for the account.")
    for name in ("page", "max"):
        if query.integer(name) == 0:
            raise Refused("FIELD_INVALID", f"{name} must be at least 1.")
