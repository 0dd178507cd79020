"""Which days a report is about, in whose time zone, and which days it compares them with.

Imports of smsdata only `times` and `errors`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from smsdata.errors import UsageError
from smsdata.times import instant

THIS, BEFORE = "this period", "the period before"
"""How results call the two."""

_MONTH = re.compile(r"(\d{4})-(\d\d)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True)
class Period:
    """A period of a report: from `since` up to, not including, `until`; the one before begins at `before`."""

    since: datetime
    until: datetime
    before: datetime
    tz: str
    now: datetime

    @property
    def begun(self) -> bool:
        """Whether any of it is over."""
        return self.since < self.now

    @property
    def partial(self) -> bool:
        """Whether it is not over yet."""
        return self.until > self.now

    @property
    def words(self) -> str:
        """The period for a person, in its zone."""
        return f"{self.local(self.since)} to {self.local(self.until)} ({self.tz})"

    @property
    def words_before(self) -> str:
        """The period before, for a person."""
        return f"{self.local(self.before)} to {self.local(self.since)} ({self.tz})"

    def local(self, moment: datetime | None) -> str:
        """An instant for a person: its day and minute in the zone of the period."""
        if moment is None or moment != moment:
            return "-"
        return f"{moment.astimezone(ZoneInfo(self.tz)):%Y-%m-%d %H:%M}"


def period_of(
    name: str | None = None,
    *,
    since: str | None = None,
    until: str | None = None,
    tz: str = "UTC",
    now: datetime | None = None,
) -> Period:
    """Read which period is meant.

    Parameters
    ----------
    name : str or None
        "week" or "month", the last that is over; or a month, such as "2026-10". "week" without it
        and `since`.
    since, until : str or None
        In its place: from this day or instant, before that one; now without `until`. A day is one of `tz`.
    tz : str
        The IANA zone in which days, weeks and months begin.
    now : datetime or None
        The present.

    Raises
    ------
    UsageError
        For another name, an unknown zone, both ways at once, or an end that is not after the beginning.

    Examples
    --------
    >>> period_of("2026-10", now=instant("2026-11-26")).words
    '2026-10-01 00:00 to 2026-11-01 00:00 (UTC)'
    >>> period_of("week", tz="Australia/Sydney", now=instant("2026-11-26")).words
    '2026-11-16 00:00 to 2026-11-23 00:00 (Australia/Sydney)'
    """
    zone, moment = _zone(tz), now or datetime.now(UTC)
    if since is None and until is not None:
        raise UsageError("--until needs --since, where the period begins.")
    if since is not None:
        if name is not None:
            raise UsageError("--period and --since name two periods: leave one out.")
        begin = _local_instant(since, zone, "since")
        end = moment if until is None else _local_instant(until, zone, "until")
        if end <= begin:
            raise UsageError(f"the period ends at {end:%Y-%m-%d %H:%M} UTC, not after it begins.")
        with _within_dates(f"--since {since}"):
            return Period(begin, end, begin - (end - begin), tz, moment)
    with _within_dates(f"--period {name}"):
        before, first, last = _days_named("week" if name is None else name, moment.astimezone(zone))
        begin, end, earlier = (_midnight(day, zone) for day in (first, last, before))
        return Period(begin, end, earlier, tz, moment)


@contextmanager
def _within_dates(asked: str) -> Iterator[None]:
    """Say so where the period, or as much time before it, begins before there are dates."""
    try:
        yield
    except OverflowError:
        raise UsageError(f"{asked}: the period before it has no date: begin later.") from None


def _zone(tz: str) -> ZoneInfo:
    try:
        return ZoneInfo(tz)
    except (KeyError, ValueError, OSError):
        raise UsageError(f"--tz {tz!r} is no time zone: write one such as Australia/Sydney or UTC.") from None


def _days_named(name: str, today: datetime) -> tuple[datetime, datetime, datetime]:
    """The first days of the period before, of the period, and of the one after."""
    if name == "week":
        monday = today - timedelta(days=today.weekday())
        return monday - timedelta(weeks=2), monday - timedelta(weeks=1), monday
    match = _MONTH.fullmatch(name)
    try:
        first = _month(today, -1) if name == "month" else datetime(int(match[1]), int(match[2]), 1)  # type: ignore[index]  # noqa: DTZ001
        return _month(first, -1), first, _month(first, 1)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"--period {name!r}: write week, month or a month such as 2026-10.") from None


def _month(day: datetime, on: int) -> datetime:
    count = day.year * 12 + day.month - 1 + on
    return datetime(count // 12, count % 12 + 1, 1)  # noqa: DTZ001 - a day of the calendar; the zone comes after


def _midnight(day: datetime, zone: ZoneInfo) -> datetime:
    return datetime.combine(day.date(), time(), zone).astimezone(UTC)


def _local_instant(text: str, zone: ZoneInfo, name: str) -> datetime:
    moment = instant(text, name)
    return _midnight(moment, zone) if _DAY.fullmatch(text.strip()) else moment


def sql_instant(at: datetime) -> str:
    """Write an instant in SQL."""
    return f"TIMESTAMPTZ '{at:%Y-%m-%d %H:%M:%S.%f}+00'"
