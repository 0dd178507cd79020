"""How complete the numbers of a page are: from the store alone.

Imports of smsdata only `store` and, within report, `pieces`, `reach` and, for its type, `sources`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from smsdata.report.pieces import Section, masked_line, table_of_frame
from smsdata.report.reach import unread
from smsdata.store.status import readable_age, store_status, to_minute

if TYPE_CHECKING:
    from smsdata.report.periods import Period
    from smsdata.report.sources import Sources
    from smsdata.store.state import State

_COMPLETE = {
    True: "The store is complete as of its last sync, as far as its records tell.",
    False: "The store is not complete: what is listed here is missing from the numbers above.",
    None: "Whether the store is complete cannot be told from here.",
}


def certificate_section(sources: Sources) -> Section:
    """How complete the store is, what is pending and what lies aside."""
    section = Section("certificate", "How complete this is")
    status = store_status(sources.store, now=sources.period.now)
    last = status["last_sync"]
    section.lines.append(_COMPLETE[status["complete"]])
    section.lines.append(
        f"Last sync of all tables: {to_minute(last['ended'])} UTC, {readable_age(status['age_seconds'])} ago."
        if last
        else "No sync of all tables is on record."
    )
    _reach(section, sources)
    names = ("table", "rows", "complete_from", "complete_until", "read_whole_at")
    tables = pd.DataFrame(
        [
            (row["table"], row["rows"], *(row[name] and to_minute(row[name]) for name in names[2:]))
            for row in status["tables"]
        ],
        columns=list(names),
    )
    columns = [
        ("table", "table", "text"),
        ("rows", "rows", "count"),
        ("complete_from", "complete from (UTC)", "text"),
        ("complete_until", "until (UTC)", "text"),
        ("read_whole_at", "read whole (UTC)", "text"),
    ]
    section.tables.append(table_of_frame("Tables of the store", tables, columns))
    section.lines += [masked_line(f"Needs a look: {line}") for line in status["look"][:12]]
    if len(status["look"]) > 12:
        section.lines.append(f"{len(status['look']) - 12:,} more: `smsdata status --json` has them all.")
    section.look += [masked_line(line) for line in status["look"]]
    section.how.append(
        "From the store's records and the footers of its files; not looked at: "
        f"{', '.join(status['not_checked'])}, which "
        "`smsdata verify --offline` compares."
    )
    return section


def _reach(section: Section, sources: Sources) -> None:
    """Say where the period goes beyond what the store knows."""
    period = sources.period
    if period.begun and period.partial:
        section.lines.append(f"The period is not over: it ends {period.local(period.until)} ({period.tz}).")
    missing = unread(sources.store, period)
    section.lines += missing or _reaching_to(period, sources.store.state)


def _reaching_to(period: Period, state: State) -> list[str]:
    """Up to when each table is read, where the last hours of a period are not."""
    lines = []
    for table in ("messages", "replies", "campaigns"):
        until = state.cursors.get(table)
        if until is None:
            lines.append(
                f"The table {table} was never read to its end: what it says of the period may be part."
            )
        elif until < min(period.until, period.now):
            lines.append(f"The table {table} reaches to {period.local(until)} ({period.tz}) only.")
    return lines
