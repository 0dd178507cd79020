"""What was spent, and on whom in vain.

Imports of smsdata only `analysis`, `plots` and, within report, `periods`, `pictures`,
`pieces` and, for its type, `sources`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smsdata import plots
from smsdata.analysis.spending import costs, spent_on_dead
from smsdata.report.periods import BEFORE, THIS
from smsdata.report.pictures import picture
from smsdata.report.pieces import (
    Headline,
    Section,
    change_of_count,
    money_shown,
    percent,
    side,
    table_of_frame,
)

if TYPE_CHECKING:
    from smsdata.report.sources import Sources

_HOW = [
    "Spend: the cost that the gateway's report gives each campaign of the period, in the account's currency; "
    "bounces are billed too.",
    "Spent on dead numbers: cost of messages sent more than 73 hours after a hard bounce with no delivery "
    "since, each at its campaign's cost over its recipients.",
    "Amounts are told with their difference only: they are decisions, not samples.",
]
_COLUMNS = (
    ("day", "day", "word"),
    ("campaigns", "campaigns", "count"),
    ("recipients", "recipients", "count"),
    ("parts", "parts", "count"),
    ("spend", "spend", "money"),
    ("pending_share", "pending share", "rate"),
)


def spending_section(sources: Sources) -> Section:
    """What it cost."""
    section = Section("spend", "Spend", how=list(_HOW))
    spent = costs(sources.both("campaigns"), by="reported")
    now, before = side(spent, THIS), side(spent, BEFORE)
    if now is None:
        held = "in the period" if sources.has("campaigns") else "at all"
        section.lines.append(f"The store knows of no campaign {held}, so that no spend is told.")
        return section
    out_of = ", ".join(f"{int(now[what]):,} {what}" for what in ("campaigns", "recipients", "parts"))
    out_of = f"{out_of}; {percent(now['pending_share'])} pending"
    change = _spend_change(now, before) if sources.compare else ""
    section.headlines.append(Headline("Spend", money_shown(now["spend"]), out_of, change))
    section.lines.append(
        f"{money_shown(now['spend'])} for {out_of}. {money_shown(now['cost_per_delivered'], 4)} for each "
        f"delivered. {int(now['unpriced']):,} campaigns have no cost yet and are in no amount."
    )
    _on_dead(section, sources)
    days = costs(sources.within("campaigns"), by="day", tz=sources.period.tz)
    words = f"Spend by day, of {len(days):,} with sends; the table Spend by day has the values."
    section.pictures.append(picture("spend", plots.costs, days, words, rows=min(len(days), 31)))
    shown = days.assign(day=[f"{day:%Y-%m-%d}" for day in days["day"]])
    section.tables.append(table_of_frame("Spend by day", shown, _COLUMNS, most=31))
    return section


def _spend_change(now: Any, before: Any) -> str:
    if before is None:
        return "no campaign in the period before"
    if now["spend"] != now["spend"] or before["spend"] != before["spend"]:
        return "not compared: a spend is not known"
    return change_of_count(now["spend"], before["spend"], places=2)


def _on_dead(section: Section, sources: Sources) -> None:
    if not sources.has("dlrs"):
        section.lines.append("Without delivery receipts it cannot be told what was spent on dead numbers.")
        return
    told = sources.split(sources.up_to_end("dlrs"))
    row = side(spent_on_dead(told, sources.up_to_end("campaigns"), by="reported"), THIS)
    if row is not None:
        section.lines.append(
            f"{money_shown(row['dead_spend'])} ({percent(row['dead_share'])}) went to "
            f"{int(row['dead_numbers']):,} numbers already known to be dead: "
            f"{int(row['dead_recipients']):,} of {int(row['recipients']):,} receipts."
        )
