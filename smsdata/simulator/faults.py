"""What can go wrong on the way to an answer, and how often. Owns the kinds of fault.

A fault acts at one of four points: instead of the call (the gateway, or a proxy before it, answers something
else), on the answer's content, on its bytes, or after a change was made. ``quirks`` are not faults: they are
shapes that the reference allows. Imports the shapes of answers, no account.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from smsdata.simulator.seed_data import Record
from smsdata.simulator.views import Listing

MAINTENANCE = b"<html><head><title>Maintenance</title></head><body><h1>Back soon.</h1></body></html>"

INSTEAD = ("error500", "html502", "html503", "html200", "error200", "overlimit200", "reset", "hang")
NOT_OFFERED = "not_offered"
AFTER = ("lost_answer", "truncate")
HEADERS = ("retry_after",)
PAGING = ("stale_page", "wrong_number", "clamp10", "clamp25")
MIXED_UP = ("swapped", "cached", "appended", "ignored_filter")

RETRY_AFTER = (
    "1", "0", "-5", "2.5", "", "soon", "315360000", "Sun, 22 Nov 2026 00:00:02 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
)  # fmt: skip


def _set(key: str, value: Any) -> Callable[[Record, Listing, random.Random], None]:
    """A fault that puts a value under the total's key (``"total"``) or under another one."""

    def change(answer: Record, listing: Listing, _rng: random.Random) -> None:
        answer[listing.total if key == "total" else key] = value

    return change


def _scaled(change: Callable[[int], Any]) -> Callable[[Record, Listing, random.Random], None]:
    """A fault that changes the total."""

    def apply(answer: Record, listing: Listing, _rng: random.Random) -> None:
        if listing.total in answer:  # another fault may have taken it
            answer[listing.total] = change(int(answer[listing.total]))

    return apply


def _total_late(answer: Record, listing: Listing, _rng: random.Random) -> None:
    if int(answer["page"]["number"]) > 1:
        answer[listing.total] = 0


def _pages(change: Callable[[int], Any]) -> Callable[[Record, Listing, random.Random], None]:
    """A fault that changes the number of pages."""

    def apply(answer: Record, _listing: Listing, _rng: random.Random) -> None:
        answer["page"] = answer["page"] | {"count": change(int(answer["page"]["count"]))}

    return apply


def _missing_rows(answer: Record, listing: Listing, _rng: random.Random) -> None:
    answer.pop(listing.rows, None)


def _empty_page(answer: Record, listing: Listing, _rng: random.Random) -> None:
    answer[listing.rows] = []


def _drop_row(answer: Record, listing: Listing, rng: random.Random) -> None:
    rows = answer[listing.rows]
    if rows:
        del rows[rng.randrange(len(rows))]


def _duplicate_rows(answer: Record, listing: Listing, rng: random.Random) -> None:
    rows = answer[listing.rows]
    if rows:
        rows[rng.randrange(len(rows))] = rows[rng.randrange(len(rows))]


def _extra_keys(answer: Record, listing: Listing, _rng: random.Random) -> None:
    answer["request_id"] = "r-1"
    answer[listing.rows] = [row | {"shard": 3, "meta": {"a": [1, None]}} for row in answer[listing.rows]]


def _string_numbers(answer: Record, listing: Listing, _rng: random.Random) -> None:
    for row in answer[listing.rows]:
        row |= {key: str(value) for key, value in row.items() if type(value) in (int, float)}


def _fields_shape(answer: Record, listing: Listing, rng: random.Random) -> None:
    for row in answer[listing.rows]:
        if "fields" in row:
            row["fields"] = other_shape(row["fields"], rng)


def other_shape(fields: Any, rng: random.Random) -> Any:
    """Custom fields in a shape chosen at random: an object, or an array of name and value."""
    if isinstance(fields, list):
        fields = {item["name"]: item["value"] for item in fields}
    if rng.random() < 0.5:
        return [{"name": name, "value": value} for name, value in fields.items()]
    return fields or []


_TYPED = {
    "id", "message_id", "list_id", "msisdn", "sent_at", "send_at", "received_at", "created_at", "pending",
    "delivered", "members_active",
}  # fmt: skip
"""Numbers and instants: what is no number stands out there, while any text may be a name."""


def _odd_row(answer: Record, listing: Listing, rng: random.Random) -> None:
    """One row that cannot be read: no number or instant where one is due."""
    rows = answer[listing.rows]
    if rows:
        row = rows[rng.randrange(len(rows))]
        key = rng.choice(sorted(_TYPED & row.keys()) or sorted(row))
        row[key] = rng.choice(["soon", 2**64, {"what": 1}, "\ud83d", [1]])


def _odd_cells(answer: Record, listing: Listing, _rng: random.Random) -> None:
    """Values outside the key as others met them."""
    odd: Record = {"cost": None, "created": "0000-00-00 00:00:00", "created_at": "0000-00-00 00:00:00"}
    twice = [{"name": "Email", "value": "a@example.com"}, {"name": "Email", "value": "b@example.com"}]
    for row in answer[listing.rows]:
        row.update({key: value for key, value in odd.items() if key in row})
        row.update({"fields": twice} if "fields" in row else {})
        row.update({"msisdn": "Telstra"} if "response" in row else {})


def _object_list(answer: Record, listing: Listing, _rng: random.Random) -> None:
    answer[listing.rows] = {str(2 * place): row for place, row in enumerate(answer[listing.rows])}


CONTENT: dict[str, Callable[[Record, Listing, random.Random], None]] = {
    "total_zero": _set("total", 0),
    "total_string": _scaled(str),
    "total_missing": lambda answer, listing, _rng: answer.pop(listing.total, None),
    "total_null": _set("total", None),
    "total_big": _scaled(lambda total: total + 7),
    "total_small": _scaled(lambda total: max(0, total - 7)),
    "total_late": _total_late,
    "pages_zero": _pages(lambda _: 0),
    "pages_one": _pages(lambda _: 1),
    "pages_big": _pages(lambda count: count + 3),
    "pages_string": _pages(str),
    "missing_rows": _missing_rows,
    "empty_page": _empty_page,
    "drop_row": _drop_row,
    "duplicate_rows": _duplicate_rows,
    "extra_keys": _extra_keys,
    "string_numbers": _string_numbers,
    "fields_shape": _fields_shape,
    "odd_row": _odd_row,
    "odd_cells": _odd_cells,
    "object_list": _object_list,
}
"""Faults of a paginated answer's content."""

FAULT_KINDS = (*INSTEAD, *AFTER, *HEADERS, *PAGING, *MIXED_UP, *CONTENT)
"""Every kind of fault.

error500, html502, html503, html200 (a maintenance page with status 200), error200 (an error body with status
200 and a code that the reference does not know), overlimit200 (OVER_LIMIT with status 200), reset and hang
act instead of the call.
lost_answer makes the call and loses its answer; truncate cuts the body. retry_after puts a Retry-After header
of many forms on answers 429 and 5xx. stale_page answers with the page before, wrong_number only says so;
clamp10 and clamp25 serve smaller pages than asked for. drop_row leaves out a row that should be there,
duplicate_rows serves one twice in place of another, odd_row makes one that cannot be read.
odd_cells writes values that are not part of a key as others met them: a cost of null, a date of zeros, a
custom field twice, a reply from a word; object_list writes the list as PHP writes an array with holes.
swapped answers about another send, list or slice of time, cached gives the answer before again, appended puts
rows of another answer behind the right ones, ignored_filter answers as if no filter had been asked for.
"""


@dataclass(frozen=True)
class Once:
    """A fault that strikes when this call asks for this page, ``times`` times. None means any."""

    kind: str
    call: str | None = None
    page: int | None = None
    times: int = 1


@dataclass(frozen=True)
class Always:
    """A fault that strikes every call of this name that is asked with these parameters.

    ``kind`` is one of `INSTEAD`, or ``not_offered``: the gateway has no such call.
    """

    kind: str
    call: str
    asked: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Faults:
    """How often each kind of fault strikes, and which strike at a certain page.

    Parameters
    ----------
    chances : mapping of str to float
        Probability per answer, by kind (see `FAULT_KINDS`).
    script : iterable of Once
        Faults that strike at a given call and page, whatever the chances say.
    seed : int
        Two runs with the same calls see the same faults.
    always : iterable of Always
        Calls that fail each time, or that the gateway does not have.

    Examples
    --------
    >>> faults = Faults.parse(["reset=0.02", "html502=0.5"])
    >>> faults.chances["html502"]
    0.5
    >>> Faults({"rset": 0.1})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: unknown fault 'rset'. Kinds: error500, html502, ...
    """

    chances: Mapping[str, float] = field(default_factory=dict)
    script: Iterable[Once] = ()
    seed: int = 0
    always: Iterable[Always] = ()

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.pending: list[list[Any]] = []
        self.struck: dict[str, int] = {}
        for kind in self.chances:
            _refuse_unknown(kind)
        for once in self.script:
            self.add(once)
        self.always = tuple(self.always)
        for one in self.always:
            if one.kind not in (*INSTEAD, NOT_OFFERED):
                raise ValueError(f"unknown fault {one.kind!r}. Kinds: {', '.join((*INSTEAD, NOT_OFFERED))}.")

    @classmethod
    def parse(cls, words: Iterable[str], *, seed: int = 0) -> Faults:
        """Read faults written as ``kind=probability``; raises ValueError with the kinds there are."""
        chances = {}
        for word in words:
            kind, _, chance = word.partition("=")
            _refuse_unknown(kind)
            try:
                chances[kind] = float(chance)
            except ValueError:
                raise ValueError(f"fault {word!r}: write it as {kind}=0.02.") from None
            if not 0 <= chances[kind] <= 1:
                raise ValueError(f"fault {word!r}: a probability lies between 0 and 1.")
        return cls(chances, seed=seed)

    def add(self, once: Once) -> None:
        """Let one more scripted fault wait for its call."""
        _refuse_unknown(once.kind)
        self.pending.append([once, once.times])

    def strikes(self, kind: str, call: str, page: int | None = None) -> bool:
        """Whether this fault strikes now; counts it in ``struck``."""
        chance = self.chances.get(kind, 0.0)
        hit = self._scripted(kind, call, page) or (chance > 0 and self.rng.random() < chance)
        if hit:
            self.struck[kind] = self.struck.get(kind, 0) + 1
        return hit

    def lasting(self, call: str, asked: Mapping[str, str]) -> str | None:
        """The fault that strikes this call each time; None for none."""
        return next(
            (one.kind for one in self.always if one.call == call and one.asked.items() <= asked.items()), None
        )

    def _scripted(self, kind: str, call: str, page: int | None) -> bool:
        """Whether a scripted fault waits for this call; takes one off it."""
        for waiting in self.pending:
            once, left = waiting
            if left and once.kind == kind and once.call in (None, call) and once.page in (None, page):
                waiting[1] -= 1
                return True
        return False

    def first(self, kinds: Iterable[str], call: str, page: int | None) -> str | None:
        """The first of these kinds that strikes now."""
        return next((kind for kind in kinds if self.strikes(kind, call, page)), None)


def _refuse_unknown(kind: str) -> None:
    if kind not in FAULT_KINDS:
        raise ValueError(f"unknown fault {kind!r}. Kinds: {', '.join(FAULT_KINDS)}.")


# -- quirks: shapes that the reference allows ------------------------------------------------------------

_SPELLINGS = {
    "delivered": ("delivered", "Delivered", "DELIVERED"),
    "pending": ("pending", "Pending"),
    "soft-bounce": ("soft-bounce", "soft_bounced", "soft bounce", "SOFT-BOUNCE", "Soft-Bounced"),
    "hard-bounce": ("hard-bounce", "hard_bounced", "hard bounce", "HARD-BOUNCE", "Hard_Bounce"),
}
_VAGUE = {
    "delivered": (*_SPELLINGS["delivered"], "pending"),
    "pending": ("pending",),
    "soft_bounced": ("soft_bounced", "soft bounce", "bounced", "failed", "pending"),
    "hard_bounced": ("hard_bounced", "HARD-BOUNCE", "bounced", "failed", "Failed"),
}
_EITHER = (
    "id", "message_id", "list_id", "msisdn", "longcode", "sms", "cost", "pending", "delivered",
    "soft_bounced", "hard_bounced", "optouts", "responses", "members_active", "members_total", "number",
    "price", "amount",
)  # fmt: skip


def quirky_row(call: str, row: Record, rng: random.Random) -> Record:
    """A row in another shape that the reference allows: spellings, numbers as strings, 0 or null, fields."""
    row = dict(row)
    if call in ("get-sms-sent", "get-contact-sms-stats"):
        row["delivery_status"] = rng.choice(_SPELLINGS[row["delivery_status"]])
    if call == "get-user-sms-sent":
        row["status"] = rng.choice(_VAGUE[row["status"]])
    for key in _EITHER:
        if isinstance(row.get(key), int | float) and rng.random() < 0.3:
            row[key] = str(row[key])
    if row.get("list_id", 1) in (0, "0", None):
        row["list_id"] = rng.choice([0, None, "0"])
    if "fields" in row:
        row["fields"] = other_shape(row["fields"], rng)
    return row | {"shard": rng.randrange(4)} if rng.random() < 0.3 else row


def quirky(call: str, answer: Record, listing: Listing, rng: random.Random) -> Record:
    """A paginated answer in another shape that the reference allows."""
    answer = dict(answer)
    if isinstance(answer[listing.rows], list):
        answer[listing.rows] = [quirky_row(call, row, rng) for row in answer[listing.rows]]
    if not answer[listing.rows] and rng.random() < 0.5:
        del answer[listing.rows]
    for key in (listing.total, "members_active"):
        if key in answer and rng.random() < 0.3:
            answer[key] = str(answer[key])
    if rng.random() < 0.3:
        answer["page"] = {key: str(value) for key, value in answer["page"].items()}
    answer["served_by"] = {"node": rng.randrange(9)}
    if listing.reseller:
        del answer["error"]
    return answer
