"""Instants and durations as people write them: the one parser of both.

Imports nothing of smsdata but `errors`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from smsdata.errors import UsageError

_WORD = re.compile(r"[^\W\d_]{3,}")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str) -> timedelta:
    """Read a duration: a whole number and a unit, ``m`` minutes, ``h`` hours, ``d`` days, ``w`` weeks.

    Raises
    ------
    UsageError
        For anything else, a bare number too: nobody knows whether 30 means days or hours.

    Examples
    --------
    >>> duration("30d")
    datetime.timedelta(days=30)
    """
    match = re.fullmatch(r"(\d{1,6})([mhdw])", str(text).strip(), re.ASCII)
    if not match or int(match[1]) == 0:
        raise UsageError(f"{text!r} is not a duration: write 90m, 12h, 30d or 2w.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def instant(value: str | datetime, name: str = "time") -> datetime:
    """Read an instant: ISO text (taken as UTC when it names no zone) or an aware datetime.

    Raises
    ------
    UsageError
        For text that is no date, and for a datetime without a zone.

    Examples
    --------
    >>> instant("2026-11-22")
    datetime.datetime(2026, 11, 22, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise UsageError(f"{name}={value.isoformat()} has no time zone: add tzinfo=datetime.UTC.")
        return value.astimezone(UTC)
    try:
        if not re.match(r"\d{4}-\d\d-\d\d", str(value)):
            raise ValueError
        read = datetime.fromisoformat(str(value))
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{name}={value!r} is not a time: write 2026-11-22 or 2026-11-22T09:30:00Z."
        ) from None


def refuse_backwards(since: str | datetime | None, until: str | datetime | None) -> None:
    """Refuse a span that ends before it begins, which holds no row whatever is stored.

    Raises
    ------
    UsageError
        `until` is before `since`, or one of them is no time.
    """
    if since is None or until is None:
        return
    first, end = instant(since, "since"), instant(until, "until")
    if end < first:
        raise UsageError(
            f"until={end:%Y-%m-%dT%H:%M:%SZ} is before since={first:%Y-%m-%dT%H:%M:%SZ}, so no row can be "
            "between them: exchange the two, or leave one out."
        )


def last_second(value: str | datetime, name: str = "end") -> datetime:
    """Read an end that is included: a day without a time means all of that day.

    >>> last_second("2026-11-18").isoformat(), last_second("2026-11-18T00:00").isoformat()
    ('2026-11-18T23:59:59+00:00', '2026-11-18T00:00:00+00:00')
    """
    moment = instant(value, name)
    whole_day = isinstance(value, str) and re.fullmatch(r"\s*\d{4}-\d\d-\d\d\s*", value)
    return moment + timedelta(days=1, seconds=-1) if whole_day else moment


def since(value: str | datetime, now: datetime) -> datetime:
    """Read where a window begins: a duration back from `now`, or an instant.

    >>> since("1d", instant("2026-11-22")).isoformat()
    '2026-11-21T00:00:00+00:00'
    """
    if not isinstance(value, datetime) and not re.match(r"\d{4}-", str(value)):
        if _WORD.search(str(value)):
            raise UsageError(
                f"since={value!r} is a word, which each zone reads otherwise: write 1d for a day back, "
                "or the day itself, such as 2026-11-22 (UTC)."
            )
        try:
            return now - duration(str(value))
        except OverflowError:
            raise UsageError(f"since={value!r} lies before all calendars.") from None
    start = instant(value, "since")
    if start > now:
        raise UsageError(f"since={start:%Y-%m-%d %H:%M:%S} lies after now ({now:%Y-%m-%d %H:%M:%S} UTC).")
    return start
