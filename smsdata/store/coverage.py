"""Spans of time that are covered: how they join, what is missing between them. Imports nothing of smsdata."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """All instants from `start` to `end`, both included."""

    start: datetime
    end: datetime


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same instants in as few spans as they take, oldest first.

    Examples
    --------
    >>> day = [datetime(2026, 11, n) for n in range(1, 8)]
    >>> spans = joined([Span(day[4], day[5]), Span(day[0], day[1]), Span(day[1], day[2])])
    >>> [(span.start.day, span.end.day) for span in spans]
    [(1, 3), (5, 6)]
    """
    whole: list[Span] = []
    for span in sorted(spans):
        if whole and span.start <= whole[-1].end:
            whole[-1] = Span(whole[-1].start, max(whole[-1].end, span.end))
        elif span.start <= span.end:
            whole.append(span)
    return whole


def gaps(covered: Iterable[Span], start: datetime, end: datetime) -> list[Span]:
    """What of [start, end] is not covered, oldest first.

    Examples
    --------
    >>> day = [datetime(2026, 11, n) for n in range(1, 8)]
    >>> [(span.start.day, span.end.day) for span in gaps([Span(day[1], day[2])], day[0], day[6])]
    [(1, 2), (3, 7)]
    """
    missing: list[Span] = []
    for span in joined(covered):
        if span.end <= start or span.start >= end:
            continue
        if span.start > start:
            missing.append(Span(start, span.start))
        start = max(start, span.end)
    return [*missing, Span(start, end)] if start < end else missing


def before(covered: Iterable[Span], instant: datetime) -> list[Span]:
    """What is covered before an instant."""
    return joined(Span(span.start, min(span.end, instant)) for span in covered if span.start < instant)
