"""Which sends a run looks at in an account that has too many for one night; pure.

A month of sends that takes few pages is read at every run, and 12 months weekly. Where it takes more, a run
looks at the sends of the last 98 hours, at its share of those of up to 30 days, so that each has its turn
within a week, and at as many older ones as a night's budget leaves. Two positions in time say how far these
two rounds have come (`State.rounds`). No files, no calls: the times of the stored sends are handed in.
Imports `plan`, `store` and the size of
a slice from `gateway`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from smsdata.gateway.reads import SLICE_PAGES
from smsdata.ingest import plan
from smsdata.ingest.plan import Turn
from smsdata.store.coverage import Span
from smsdata.store.state import Rounds

Instants = npt.NDArray[np.datetime64]
"""When the stored sends of 12 months went out: ascending, in UTC."""

WHOLE_PAGES = 20
"""So many pages of the report a month of sends may take, to be read at every run."""
BUDGET = 250
"""So many calls a night are for the report of sends."""
LEAST = 5
"""So many calls a night are for the sends older than 30 days, however many newer ones there are."""
_ROWS = 100
_EDGE = timedelta(seconds=1)
_WIDEST = timedelta(days=59)  # of older sends in one night: two calls where there are none


@dataclass(frozen=True, slots=True)
class Night:
    """The calls that a usual night's report of sends takes, and the nights of a round over the older ones."""

    recent: int
    weekly: int
    older: int
    nights: int


def usual_night(sent_at: Instants, now: datetime) -> Night | None:
    """What a usual night takes; None where a month of sends is read at every run, and 12 months weekly.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> now = datetime(2026, 11, 22, tzinfo=UTC)
    >>> every_minute = np.arange("2025-12-01", "2026-11-22", 60_000_000, dtype="datetime64[us]")
    >>> usual_night(every_minute, now)
    Night(recent=60, weekly=57, older=133, nights=36)
    >>> usual_night(every_minute[::60], now)
    """
    oldest, month, _ = _borders(sent_at, now)
    if _sends_between(sent_at, month, now) <= WHOLE_PAGES * _ROWS:
        return None
    last = _aware(sent_at[-1])  # what is sent since is not stored yet
    newest = _calls(sent_at, last - plan.QUIET, last)
    weekly = math.ceil(_calls(sent_at, last - plan.LOOK_BACK, last - plan.QUIET) / 7) + 2
    left = max(LEAST, BUDGET - newest - weekly)
    pages = plan.pages(_sends_between(sent_at, oldest, month))
    nights = max(math.ceil(pages / left), math.ceil((month - oldest) / _WIDEST))
    return Night(newest, weekly, min(left, max(LEAST, pages)), nights)


def turn(sent_at: Instants, rounds: Rounds | None, now: datetime) -> Turn | None:
    """What is looked at in this run; None where all that is to be looked at is read at every run.

    Both rounds go from older to newer sends, and as far as the time since the last run makes due: at most a
    week's share. `rounds` is where they stand; None before the first.
    """
    night = usual_night(sent_at, now)
    if night is None:
        return None
    oldest, month, recent = _borders(sent_at, now)
    rounds = rounds or Rounds(weekly=month, older=oldest, at=now - plan.DAY)
    passed = min(now - rounds.at, plan.WEEK) if rounds.at <= now else plan.DAY
    weekly = _onward(rounds.weekly, Span(month, recent), (recent - month) * (passed / plan.WEEK))
    rows = int(max(LEAST, BUDGET - night.recent - night.weekly) * (passed / plan.DAY) * _ROWS)
    older = _as_many(sent_at, rounds.older, Span(oldest, month), rows)
    spans = tuple(span for span in (*weekly, older) if span.start < span.end)
    return Turn(spans, Rounds(weekly=weekly[-1].end, older=older.end, at=now))


def _borders(sent_at: Instants, now: datetime) -> tuple[datetime, datetime, datetime]:
    """Where the sends begin that are kept, those of up to 30 days, and the newest."""
    oldest, month = plan.oldest_kept(now), now - plan.LOOK_BACK
    if len(sent_at):
        oldest = min(max(oldest, _aware(sent_at[0]) - plan.DAY), month)
    return oldest, month, now - plan.QUIET


def _onward(position: datetime, band: Span, length: timedelta) -> list[Span]:
    """The next part of a band, of so much time; where the band ends it goes on at its beginning."""
    start = position if band.start <= position < band.end else band.start
    end = min(start + length, band.end)
    rest = min(band.start + length - (end - start), start)
    return [Span(start, end), *([Span(band.start, rest)] if rest > band.start else [])]


def _as_many(sent_at: Instants, position: datetime, band: Span, rows: int) -> Span:
    """The next part of a band with about so many sends."""
    start = position if band.start <= position < band.end else band.start
    place = int(np.searchsorted(sent_at, _naive(start))) + rows
    end = _aware(sent_at[place]) if place < len(sent_at) else band.end
    return Span(start, min(max(end, start + _EDGE), start + _WIDEST, band.end) if rows else start)


def _calls(sent_at: Instants, start: datetime, end: datetime) -> int:
    """How many calls the report of a span takes: its pages, and the first of each slice once more."""
    pages = plan.pages(_sends_between(sent_at, start, end))
    slices = 1 if pages <= SLICE_PAGES else math.ceil(pages * 1.5 / SLICE_PAGES)
    return pages + slices + (slices > 1) if pages > 1 else 1


def _sends_between(sent_at: Instants, start: datetime, end: datetime) -> int:
    first, last = np.searchsorted(sent_at, [_naive(start), _naive(end)])
    return int(last - first)


def _naive(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def _aware(moment: np.datetime64) -> datetime:
    naive: datetime = moment.astype("datetime64[us]").item()
    return naive.replace(tzinfo=UTC)
