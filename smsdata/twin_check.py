"""How the answers of an account differ in shape from the twin's: keys, types, nesting, formats of values.

Owns which reading calls are made for that, and what counts as a difference. Nothing that it gives holds a
value of a row: only names of keys, kinds of values, and words of the reference such as ``delivered``. Knows
neither the client nor the simulator: both come as a way to ask. Imports of smsdata only `errors`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from smsdata.errors import ApiError

Ask = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""Makes one reading call with these parameters; raises ApiError where it is refused."""
Body = dict[str, Any]

_FORMATS = (
    ("date of zeros", r"0000-00-00( 00:00:00)?"),
    ("instant", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    ("date", r"\d{4}-\d\d-\d\d"),
    ("digits in text", r"\d+"),
    ("number in text", r"-?\d*\.?\d+"),
    ("empty text", r""),
)
_NUMBERS = frozenset({"zero", "whole number", "negative whole number", "fraction", "negative fraction"})
_SPECIAL_TEXTS = frozenset({"date of zeros", "instant", "date", "digits in text", "number in text"})
_WORD_KEYS = frozenset({"status", "delivery_status", "type", "has_credit_card", "code"})
_WORDS = frozenset(
    {
        "SUCCESS", "delivered", "pending", "soft-bounce", "hard-bounce", "soft_bounced", "hard_bounced",
        "bounced", "failed", "completed", "active", "inactive", "optout", "available", "open", "closed",
        "api", "campaign", "quick_sms", "email_sms", "keyword", "test_sms", "yes", "no",
    }
)  # fmt: skip
_DEEPEST = 20
_NAME = re.compile(r"[A-Za-z_][A-Za-z_-]*[0-9]{0,2}")


@dataclass(frozen=True)
class ShapeDifference:
    """One place of an answer that is not as the twin has it: what is there, and what the twin gives."""

    call: str
    place: str
    there: list[str]
    twin: list[str]

    def line(self) -> str:
        """Tell it in words."""
        there, twin = " or ".join(self.there) or "nothing", " or ".join(self.twin) or "nothing"
        return f"{self.call} {self.place}: {there}; the twin gives {twin}"


@dataclass(frozen=True)
class ShapeReport:
    """What comparing two accounts' answers found.

    ``answers``: how many were compared; ``compared``: which calls were; ``not_judged``: by call, why it
    was not (no rows, no access).
    """

    answers: int
    compared: list[str]
    differences: list[ShapeDifference]
    not_judged: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """Tell it in words, one line per difference."""
        yield from (one.line() for one in self.differences)
        count = f"{len(self.differences)} differences" if self.differences else "No difference"
        yield f"{count} from the twin in {len(self.compared)} kinds of calls, {self.answers} answers."
        if self.not_judged:
            yield "Not judged: " + ", ".join(f"{call} ({why})" for call, why in self.not_judged.items()) + "."


@dataclass
class Shapes:
    """What one side's answers look like, by call; values are forgotten as soon as they were looked at.

    ``forms[call][place]`` are the kinds of values at a place, ``held`` counts how often it was there and
    ``objects`` how many objects it could have stood in; ``answers`` counts what was looked at.
    """

    forms: dict[str, dict[str, set[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )
    held: Counter[tuple[str, str]] = field(default_factory=Counter)
    objects: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    answers: int = 0

    def take(self, call: str, value: Any, place: str = "") -> None:
        """Look at a value of an answer, and at all within it down to a depth that no answer has."""
        self.forms[call][place].add(form_of(value, place.rsplit(".", 1)[-1]))
        if place.count(".") + place.count("[]") >= _DEEPEST:
            return
        if isinstance(value, list):
            for one in value:
                self.take(call, one, f"{place}[]")
        elif isinstance(value, dict):
            self.objects[call, place] += 1
            names = Counter(_place_of(key, place) for key in value)
            self.held.update({(call, name): 1 for name in names})
            for key, one in value.items():
                self.take(call, one, _place_of(key, place))

    def always(self, call: str, place: str) -> bool:
        """Whether every object that could hold this place held it."""
        return self.held[call, place] == self.objects[call, _parent(place)] > 0


def _place_of(key: str, place: str) -> str:
    """The place of a key; names that people choose, and numbers, are not told."""
    known = _NAME.fullmatch(key) and place.rsplit(".", 1)[-1] != "fields"
    return f"{place}.{key}" if known or re.fullmatch(r"field_\d+", key) else f"{place}.*"


def _parent(place: str) -> str:
    return place.rpartition(".")[0]


def form_of(value: Any, key: str = "") -> str:
    """What kind of value this is; of text, its format.

    Examples
    --------
    >>> form_of("2026-11-22 00:00:00"), form_of("61491570156"), form_of(-0.5), form_of("delivered", "status")
    ('instant', 'digits in text', 'negative fraction', "'delivered'")
    """
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true or false"
    if isinstance(value, int | float):
        size = "whole number" if float(value).is_integer() else "fraction"
        return "zero" if value == 0 else size if value > 0 else f"negative {size}"
    if isinstance(value, list | dict):
        return "an array" if isinstance(value, list) else "an object"
    text = str(value)
    if key in _WORD_KEYS and text:
        return f"'{text}'" if text in _WORDS else "another word"
    return next((name for name, pattern in _FORMATS if re.fullmatch(pattern, text)), "text")


def _is_covered(form: str, twin: set[str]) -> bool:
    """Whether the twin gives this kind of value, or a wider one."""
    numbers = twin & _NUMBERS
    if form in twin or (form == "zero" and numbers):
        return True
    if form.endswith("whole number") and form.replace("whole number", "fraction") in twin:
        return True
    return form in _SPECIAL_TEXTS and "text" in twin and not numbers  # any text may look like a number


# -- what is asked ---------------------------------------------------------------------------------------


class _Tour:
    """Reading calls, one after the other; each answer is looked at and given back for the next ones."""

    def __init__(self, ask: Ask, now: datetime, pages: int) -> None:
        self._ask = ask
        self._pages = pages
        self.now = now
        self.seen = Shapes()

    def get(self, call: str, /, said: str = "", **parameters: Any) -> Body:
        """One call; an empty answer where it was refused. ``said`` names it where it is asked oddly."""
        name = f"{call} {said}".strip()
        self.seen.answers += 1
        try:
            body = self._ask(call, parameters)
        except ApiError as error:
            if error.status is None or error.code.startswith("AUTH_") or error.code == "OVER_LIMIT":
                raise
            self.seen.outcomes[name].add(f"{error.code} (HTTP {error.status})")
            return {}
        self.seen.outcomes[name].add("SUCCESS")
        self.seen.take(name, body)
        return body

    def rows(self, call: str, key: str, /, **parameters: Any) -> list[Body]:
        """The rows of a call's first pages."""
        found: list[Body] = []
        for page in range(1, self._pages + 1):
            rows = self.get(call, **parameters, page=page, max=100).get(key) or []
            found += (
                row for row in (rows.values() if isinstance(rows, dict) else rows) if isinstance(row, dict)
            )
            if len(rows) < 100:
                break
        return found

    def since(self, days: float) -> dict[str, str]:
        """``start`` and ``end`` of the last days."""
        return {"start": _as_parameter(self.now - timedelta(days=days)), "end": _as_parameter(self.now)}


def _as_parameter(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _id_in(row: Mapping[str, Any], key: str) -> int | None:
    """An id of a row, whichever way it is written."""
    text = str(row.get(key))
    return int(text) if text.isdigit() and int(text) else None


def shapes_of(ask: Ask, now: datetime, *, some: int = 2, pages: int = 1) -> Shapes:
    """Make the reading calls and look at their answers: ``some`` things of each kind, some pages of rows.

    With two of each and one page that is 60 answers at most.

    Raises ApiError where no answer comes, or the credentials are refused.
    """
    tour = _Tour(ask, now, pages)
    tour.get("get-balance")
    tour.get("format-number", msisdn="0491570156", countrycode="AU")
    _ask_lists(tour, some)
    _ask_sends(tour, some)
    tour.rows("get-user-sms-responses", "responses", include_original="true", **tour.since(30))
    tour.rows("get-keywords", "keywords")
    for row in tour.rows("get-numbers", "numbers")[:some]:
        tour.get("get-number", number=row.get("number"))
    for row in tour.rows("get-clients", "clients")[:some]:
        if client_id := _id_in(row, "id"):
            tour.get("get-client", client_id=client_id)
            for entry in tour.rows("get-transactions", "transactions", client_id=client_id)[:some]:
                tour.get("get-transaction", id=entry.get("id"))
    tour.get("get-list", "without list_id")
    tour.get("get-nothing", "(no such call)")
    return tour.seen


def _ask_lists(tour: _Tour, some: int) -> None:
    for row in tour.rows("get-lists", "lists")[:some]:
        list_id = _id_in(row, "id")
        if list_id is None:
            continue
        members = tour.rows("get-list", "members", list_id=list_id, members="all")
        for member in members[:some]:
            tour.get("get-contact", list_id=list_id, msisdn=member.get("msisdn"))
        tour.rows("get-message-report", "messages", list_id=list_id, **tour.since(29))


def _ask_sends(tour: _Tour, some: int) -> None:
    sends = tour.rows("get-message-report", "messages", **tour.since(29))
    answered = sorted(sends, key=lambda send: _id_in(send, "responses") or 0, reverse=True)[:some]
    linked = [send for send in sends if "http" in str(send.get("message"))][:some]
    for message_id in dict.fromkeys(_id_in(send, "id") for send in answered + linked):
        if message_id is None:
            continue
        tour.get("get-sms", message_id=message_id)
        tour.get("get-sms-stats", message_id=message_id)
        tour.rows("get-sms-responses", "responses", message_id=message_id, include_original="true")
        tour.rows("get-link-hits", "link_hits", message_id=message_id)
        for row in tour.rows("get-sms-sent", "recipients", message_id=message_id)[:some]:
            tour.get("get-sms-delivery-status", message_id=message_id, msisdn=row.get("msisdn"))
    for row in tour.rows("get-user-sms-sent", "messages", **tour.since(30))[:some]:
        tour.rows("get-contact-sms-stats", "records", mobile=row.get("msisdn"))
    tour.get("get-sms-sent-count", **tour.since(6))


# -- what differs ----------------------------------------------------------------------------------------


def compared_shapes(there: Shapes, twin: Shapes) -> ShapeReport:
    """Compare an account's answers with the twin's.

    A kind of value that the twin never gives, a key that it does not know, and a key that it always gives
    and the account does not, are differences. What the account merely has none of is not.
    """
    compared, differences, not_judged = [], [], {}
    for call, outcomes in there.outcomes.items():
        other = sorted(outcomes - twin.outcomes[call])
        if outcomes == {"NO_ACCESS (HTTP 400)"}:
            not_judged[call] = "no access"
            continue
        compared.append(call)
        if other:
            differences.append(ShapeDifference(call, "answer", other, sorted(twin.outcomes[call])))
        if call in there.forms and call in twin.forms:
            differences += _differing(call, there, twin)
            if not _has_rows(there, call) and _has_rows(twin, call):
                not_judged[call] = "no rows"
    missing = (call for call in twin.outcomes if call not in there.outcomes)
    return ShapeReport(
        there.answers, compared, differences, not_judged | dict.fromkeys(missing, "nothing to ask about")
    )


def _has_rows(side: Shapes, call: str) -> bool:
    return any(place.count("[]") for place in side.forms[call] if not place.startswith(".fields"))


def _differing(call: str, there: Shapes, twin: Shapes) -> Iterator[ShapeDifference]:
    """The differing places of a call; within a place that the twin does not know nothing more is told."""
    ours, theirs = there.forms[call], twin.forms[call]
    for place in dict.fromkeys([*ours, *theirs]):
        forms, known, parent = ours.get(place, set()), theirs.get(place, set()), _parent(place)
        if not known and (parent not in theirs or place.endswith("[]")):
            continue
        odd = sorted(form for form in forms if not _is_covered(form, known))
        is_due = twin.always(call, place) and there.objects[call, parent]
        missing = ["nothing"] if is_due and not there.always(call, place) else []
        if odd or missing:
            yield ShapeDifference(
                call, place.removeprefix(".") or "the whole", missing + (odd or sorted(forms)), sorted(known)
            )
