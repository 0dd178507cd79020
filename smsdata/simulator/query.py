"""The parameters of one request. Owns their formats and the FIELD_EMPTY and FIELD_INVALID answers.

Imports the refusals of `contacts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from smsdata.simulator.clock import DAY_SECONDS
from smsdata.simulator.contacts import Refused

_EMAIL = re.compile(r"[^@\s*:]+@[^@\s*]+\.[^@\s*]+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?", re.ASCII)
_EMAIL_OR_WILD = re.compile(rf"\*@[^@\s*]+\.[^@\s*]+|{_EMAIL.pattern}")


class Query:
    """Parameters by name, read with the rules of the gateway's reference.

    Parameters
    ----------
    params : pairs of str
        As they came, from the query string and the form body; of several with one name the last counts.
    now : int
        The virtual time, epoch seconds.
    bounds : {"[]", "[)", "(]", "()"}
        Whether ``start`` and ``end`` themselves belong to the span.

    Examples
    --------
    >>> query = Query([("start", "2026-11-01"), ("page", "2")], now=1_795_000_000)
    >>> query.integer("page"), query.instant("start")
    (2, 1793491200)
    >>> query.integer("message_id", required=True)
    Traceback (most recent call last):
    smsdata.simulator.contacts.Refused: message_id is empty.
    """

    def __init__(self, params: Iterable[tuple[str, str]], *, now: int, bounds: str = "[]") -> None:
        self.params = dict(params)
        self.now = now
        self.bounds = bounds

    def text(self, name: str, *, required: bool = False) -> str | None:
        """A parameter, None when it is missing or empty."""
        value = self.params.get(name, "")
        if required and not value.strip():
            raise Refused("FIELD_EMPTY", f"{name} is empty.")
        return value or None

    def integer(self, name: str, *, required: bool = False) -> int | None:
        """A parameter of digits."""
        value = self.text(name, required=required)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit()) or len(value) > 18:
            raise Refused("FIELD_INVALID", f"{name} must be a whole number, in digits alone.")
        return int(value)

    def list_ids(self, name: str) -> int:
        """The required id of a list; 0, and no other way to write it, means every list."""
        value = self.integer(name, required=True) or 0
        if value == 0 and self.params[name] != "0":
            raise Refused("FIELD_INVALID", f"{name} must be the id of a list, or 0 for every list.")
        return value

    def address(self, name: str, *, wild: bool = False) -> str | None:
        """An e-mail address; with ``wild`` also every one of a domain: ``*@example.com``."""
        value = self.text(name)
        pattern = _EMAIL_OR_WILD if wild else _EMAIL
        if value is not None and not pattern.fullmatch(value):
            raise Refused("FIELD_INVALID", f"{name} must be an address.")
        return value

    def choice(self, name: str, options: str, default: str) -> str:
        """One of several words, written as ``"a b c"``."""
        value = self.text(name) or default
        if value not in options.split():
            raise Refused("FIELD_INVALID", f"{name} must be one of {options}.")
        return value

    def flag(self, name: str) -> bool:
        """A yes-or-no parameter."""
        return (self.text(name) or "0").lower() in {"1", "true", "yes"}

    def instant(self, name: str, *, required: bool = False) -> int | None:
        """A timestamp ``YYYY-MM-DD HH:MM:SS`` or a bare date, UTC, as epoch seconds."""
        value = self.text(name, required=required)
        if value is None:
            return None
        try:
            if _DATE.fullmatch(value):
                return int(datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp())
        except ValueError:
            pass
        raise Refused("FIELD_INVALID", f"{name} must be YYYY-MM-DD HH:MM:SS.")

    def span(
        self,
        *,
        required: bool = False,
        widest: int | None = None,
        default: int | None = None,
        months: int | None = None,
    ) -> tuple[int, int]:
        """The first and last second that ``start`` and ``end`` let in.

        ``widest`` and ``default`` are spans in days: the most that may be asked for, and what is taken
        without ``start``. ``months``: how far back ``start`` may lie.
        """
        start, end = self.instant("start", required=required), self.instant("end", required=required)
        last = self.now if end is None else end
        first = start if start is not None else (last - default * DAY_SECONDS if default else 0)
        if first > last:
            raise Refused("FIELD_INVALID", "start must not be after end.")
        if widest is not None and last - first > widest * DAY_SECONDS:
            raise Refused("FIELD_INVALID", f"start and end must be at most {widest} days apart.")
        if months is not None and first < self._months_ago(months):
            raise Refused("FIELD_INVALID", f"start must lie within the last {months} months.")
        return first + (self.bounds[0] == "("), (last - (self.bounds[1] == ")")) if end is not None else last

    def _months_ago(self, months: int) -> int:
        """The same day so many months ago, at midnight."""
        today = datetime.fromtimestamp(self.now, UTC)
        year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
        first = datetime(year, month + 1, 1, tzinfo=UTC)
        return int((first + timedelta(days=today.day - 1)).timestamp())
