"""Fuzz: answers mutated along their structure; a drain gives the right rows or one of our errors."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from smsdata import Client
from smsdata.errors import SmsDataError
from smsdata.gateway.endpoints import Endpoint, endpoint
from smsdata.simulator import Account, Gateway, transport
from tests.support.accounts import small
from tests.support.clients import connected
from tests.support.comparison import OWN

from .tally import Tally

READ = ("campaigns", "messages", "dlrs", "replies", "lists", "list_members", "numbers", "keywords")
_ODD: tuple[Any, ...] = (
    None, True, -1, 0, 2**53 + 1, 2**64, 1.5, float("nan"), "", "soon", "\ud83d", "\x00", "2026-13-45", [],
    {}, [1], {"a": 1}, [[]], "9" * 400,
)  # fmt: skip

_NEVER: tuple[Any, ...] = (None, 1.5, float("nan"), "soon", "\ud83d", [], {}, [1], {"a": 1}, [[]])
"""No key looks like these."""

Touched = set[tuple[str, ...]]


def _walk(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to all that an answer holds."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from _walk(inner, (*path, key))


def _holder(answer: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        answer = answer[key]
    return answer


def _put(answer: Any, path: tuple[Any, ...], rng: random.Random) -> None:
    _holder(answer, path)[path[-1]] = rng.choice(_ODD)


def _drop(answer: Any, path: tuple[Any, ...], _rng: random.Random) -> None:
    del _holder(answer, path)[path[-1]]


def _wrap(answer: Any, path: tuple[Any, ...], rng: random.Random) -> None:
    holder, key = _holder(answer, path), path[-1]
    holder[key] = rng.choice([[holder[key]], {"value": holder[key]}, str(holder[key])])


def _twice(answer: Any, path: tuple[Any, ...], _rng: random.Random) -> None:
    holder = _holder(answer, path)
    if isinstance(holder, list):
        holder.insert(path[-1], holder[path[-1]])
    else:
        holder[f"{path[-1]}_"] = holder[path[-1]]


CHANGES = {"put": _put, "drop": _drop, "wrap": _wrap, "twice": _twice}


def _cut(body: bytes, rng: random.Random) -> bytes:
    return body[: rng.randrange(len(body))]


def _flip(body: bytes, rng: random.Random) -> bytes:
    """Put a byte somewhere that JSON allows nowhere."""
    at = rng.randrange(len(body))
    return body[:at] + rng.choice([b"\xff", b"\x01"]) + body[at:]


def _deep(_body: bytes, _rng: random.Random) -> bytes:
    return b"[" * 100_000


def _not_json(_body: bytes, rng: random.Random) -> bytes:
    return rng.choice([b"", b"null", b"[]", b"{}", b"<html></html>", b"NaN", b'"SUCCESS"'])


BYTES = {"cut": _cut, "syntax": _flip, "deep": _deep, "not JSON": _not_json}


class Mutator(httpx.BaseTransport):
    """Stands between client and gateway, and changes some of the answers.

    `touched` holds the keys of the rows it changed: only those may differ, and only where the change
    cannot be told from a value that the gateway may send.
    """

    def __init__(self, gateway: Gateway, table: str, seed: int, tally: Tally, chance: float = 0.3) -> None:
        self.inner, self.table, self.tally, self.chance = transport(gateway), table, tally, chance
        self.rng = random.Random(seed)
        self.touched: Touched = set()
        self.beside = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on, and change the answer now and then."""
        answer = self.inner.handle_request(request)
        body = answer.read()
        if self.rng.random() < self.chance:
            body = self._bytes(body) if self.rng.random() < 0.25 else self._structure(body)
        headers = {"date": answer.headers["date"], "content-type": "application/json"}
        return httpx.Response(answer.status_code, headers=headers, content=body)

    def _bytes(self, body: bytes) -> bytes:
        name = self.rng.choice(list(BYTES))
        self.tally.fired[name] += 1
        return BYTES[name](body, self.rng)

    def _structure(self, body: bytes) -> bytes:
        answer = json.loads(body)
        entry = endpoint(self.table)
        self._change(answer, entry, self.rng.choice(list(_walk(answer))))
        for _ in range(self.rng.choice([0, 0, 1, 3])):  # more of them in rows: those a total gives away
            inside = [path for path in _walk(answer) if len(path) > 2 and path[0] == entry.rows]
            if inside:
                self._change(answer, entry, self.rng.choice(inside))
        return json.dumps(answer).encode()

    def _change(self, answer: Any, entry: Endpoint, path: tuple[Any, ...]) -> None:
        name = self.rng.choice(list(CHANGES))
        self.tally.fired[name] += 1
        if len(path) > 1 and path[0] == entry.rows:
            self.touched.add(_name(entry.table.key, answer[path[0]][path[1]], entry))
        self.beside |= path[0] not in {entry.rows, entry.total, "page", "error"}
        wires = {column.wire for column in entry.table.columns if column.name in entry.table.key}
        if name == "put" and len(path) > 2 and path[2] in wires:
            _holder(answer, path)[path[-1]] = self.rng.choice(_NEVER)
        else:
            CHANGES[name](answer, path, self.rng)


def _name(key: tuple[str, ...], row: Any, entry: Endpoint) -> tuple[str, ...]:
    """The key of a row on the wire, as far as it carries it."""
    wires = {column.name: column.wire for column in entry.table.columns}
    return (
        tuple(str(row.get(wires[k])) for k in key if k not in entry.context) if isinstance(row, dict) else ()
    )


# ---- what reads ------------------------------------------------------------------------------------------

Rows = list[dict[str, Any]]


def proved(made: Client, table: str, asked: Mapping[str, Any]) -> Rows:
    """Read as the product does."""
    window = {"since": "60d"} if endpoint(table).limit else {}
    frame = made.drain(table, **window, **asked)
    whole = frame.astype(object).where(frame.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in whole.to_dict("records")]


def _believing(swallow: tuple[type[Exception], ...], *, coerce: bool) -> Callable[..., Rows]:
    """A reader that believes what comes; broken on purpose."""

    def read(made: Client, table: str, asked: Mapping[str, Any]) -> Rows:
        entry = endpoint(table)
        own = [c for c in entry.table.columns if c.name not in entry.context]
        columns = [c for c in own if c.kind in {"int", "phone", "str"}]
        rows: Rows = []
        for number in range(1, 50):
            wire = dict(entry.fixed) | dict(asked) | {"page": number, "max": 100}
            try:
                answer = json.loads(made._wire.exchange("GET", entry.call, wire)[2])
                came = answer[entry.rows]
                rows += [{c.name: _plain(row[c.wire], c.kind, coerce) for c in columns} for row in came]
            except swallow:
                break
            if not came or number >= answer["page"]["count"]:
                break
        return rows

    return read


def _plain(value: Any, kind: str, coerce: bool) -> Any:
    if kind == "phone" and not isinstance(value, bool) and isinstance(value, int):
        return str(value)
    if isinstance(value, int if kind == "int" else str) or not coerce:
        return value
    return None


BUGS: dict[str, Callable[..., Rows]] = {
    "an error is an empty page": _believing((Exception,), coerce=False),
    "odd values become null": _believing((ValueError,), coerce=True),
    "bare errors": _believing((), coerce=False),
}


def _wrong(mutator: Mutator, table: str, rows: Rows, truth: Rows) -> Iterator[str]:
    """What is not as it should be, but for what no reader could know."""
    entry = endpoint(table)
    key = [name for name in entry.table.key if name not in entry.context]
    have = {tuple(str(row[k]) for k in key): row for row in rows}
    due = {tuple(str(row[k]) for k in key): row for row in truth}
    # of inactive members nothing says how many there are
    lost = due.keys() - have.keys() - (mutator.touched if table == "list_members" else set())
    if lost:
        yield f"{len(lost)} rows lost"
    if len(rows) > len(have):
        yield "a row twice"
    if have.keys() - due.keys():
        yield "rows that are not there"
    unsure = OWN | (set(entry.context) if mutator.beside else set())
    for name in due.keys() & have.keys() - mutator.touched:
        for column in due[name].keys() & have[name].keys() - unsure:
            if due[name][column] != have[name][column]:
                yield f"{column} wrong"


def strike(account: Account, table: str, seed: int, read: Callable[..., Rows], tally: Tally) -> None:
    """Read one table once through mutated answers."""
    gateway = Gateway(account, limiter=None, max_page=random.Random(seed).choice([5, 100]))
    mutator = Mutator(gateway, table, seed, tally)
    large = max(account.sends, key=lambda send: len(send.rows)).message_id
    asked = {"dlrs": {"message_id": large}, "list_members": {"list_id": min(account.contacts.lists)}}.get(
        table, {}
    )
    truth = [row for row in account.truth(table) if all(row[k] == v for k, v in asked.items())]
    made = connected(gateway, through=mutator, now=account.time)
    with made:
        try:
            wrong = list(_wrong(mutator, table, read(made, table, asked), truth))
            tally.fired["accepted"] += 1
        except SmsDataError as error:
            wrong = [] if "\n" not in str(error) else ["an error of several lines"]
            tally.fired[f"{type(error).__name__}"] += 1
        except Exception as error:
            wrong = [f"{type(error).__name__} came out"]
    tally.wrong += [f"{table} seed {seed}: {line}" for line in wrong[:1]]


def run(
    seed: int, *, reads: int = 4000, read: Callable[..., Rows] = proved, until_wrong: bool = False
) -> Tally:
    """Read the tables in turn, each time through other mutations."""
    tally = Tally("fuzz", seed)
    account = small(seed, copies=0)
    for one in range(reads):
        strike(account, READ[one % len(READ)], seed * 100_000 + one, read, tally)
        if until_wrong and tally.wrong:
            break
    return tally
