"""What of a period the store was never told: the spans of time that no sync has read.

Imports of smsdata only `store` and, within report, `periods`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from smsdata.report.periods import Period
from smsdata.store.coverage import Span, gaps
from smsdata.store.state import State
from smsdata.store.store import Store

_TABLES = ("messages", "dlrs", "replies", "campaigns")
_NIGHT = timedelta(hours=26)
"""How long ago what is read of a period under way may end: a sync each night, and time for it to run."""
_ALIKE = timedelta(hours=1)
"""By how much two gaps may differ and be one to a reader: tables of one sync end at moments of their own."""


def read_spans(state: State, table: str) -> list[Span] | None:
    """What is read of a table; None where no sync has begun it, or none has written down how far.

    Receipts follow from the campaigns, and reach as far as those.
    """
    first = state.kept_from.get(table)
    if table == "dlrs":
        until = state.cursors.get("campaigns")
        spans = [Span(first, until)] if first and until else []
    else:
        spans = state.covered(table)
    if first is None:
        return spans or None
    first = max(first, state.retained.get(table, first))
    return [Span(max(span.start, first), span.end) for span in spans if span.end > first]


def unread_spans(state: State, start: datetime, end: datetime) -> dict[Span, list[str]]:
    """What of a span of time is not read, oldest first, each with the tables that lack it."""
    found: dict[Span, list[str]] = {}
    for table in _TABLES:
        spans = read_spans(state, table)
        for gap in () if spans is None else gaps(spans, start, end):
            found.setdefault(gap, []).append(table)
    return dict(sorted(found.items()))


def _alike_together(spans: Iterable[Span]) -> list[list[Span]]:
    """The same gaps, those together that begin and end at nearly the same time."""
    made: list[list[Span]] = []
    for gap in spans:
        first = made[-1][0] if made else None
        if first and gap.start - first.start <= _ALIKE and abs(gap.end - first.end) <= _ALIKE:
            made[-1].append(gap)
        else:
            made.append([gap])
    return made


def unread(store: Store, period: Period) -> list[str]:
    """What a reader of the page has to know first: what of the period is not read, in plain sentences.

    Of a period under way the last hours are not missed, where the rest of it is read.
    """
    if not period.begun:
        return [f"The period has not begun: it begins {period.local(period.since)} ({period.tz})."]
    state, end = store.state, min(period.until, period.now)
    spans = unread_spans(state, period.since, end)
    if _is_empty(store):
        spans = {Span(period.since, end): list(_TABLES)}
    return [
        f"Not read of the period: {'; '.join(_of_gap(gap, spans[gap], period) for gap in gaps)} "
        f"({period.tz}); {_what_to_run(state, gaps[0], spans[gaps[0]])}"
        for gaps in _alike_together(gap for gap in spans if not _is_recent(gap, period))
    ]


def _of_gap(gap: Span, tables: list[str], period: Period) -> str:
    return f"{', '.join(tables)} of {period.local(gap.start)} to {period.local(gap.end)}"


def _is_empty(store: Store) -> bool:
    """Whether no sync has begun to read anything, and no rows came from elsewhere."""
    state = store.state
    begun = state.cursors or state.kept_from or state.coverage
    return not begun and not any(store.tables.count(table) for table in _TABLES)


def _is_recent(gap: Span, period: Period) -> bool:
    """Whether it is no more than what came since the last sync of a period under way."""
    return period.until >= period.now == gap.end and gap.start > max(period.since, period.now - _NIGHT)


def _what_to_run(state: State, gap: Span, tables: list[str]) -> str:
    if all(gap.start >= state.kept_from.get(table, gap.start) for table in tables):
        return "run `smsdata sync`."
    day = gap.start.astimezone(UTC)
    return f"`smsdata sync --since {day:%Y-%m-%d}` reads what the gateway still keeps of it."


def why_not_compared(store: Store, period: Period) -> str:
    """Why nothing can be said of a change since the period before; empty where it can."""
    if not period.begun:
        return "the period has not begun"
    missing = unread_spans(store.state, period.before, period.since)
    if not missing:
        return "the period itself was not read in full" if unread(store, period) else ""
    gap, tables = next(iter(missing.items()))
    if gap.start > period.before:
        return "the period before was not read in full"
    return (
        f"the period before begins before the store does: {', '.join(tables)} of before "
        f"{period.local(gap.end)} ({period.tz}) were not read"
    )
