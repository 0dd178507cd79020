"""What was spent, and on whom in vain.

Imports of smsdata only `analysis`, `plots` and, within report, `pictures`, `pieces` and `sources`.
"""

from __future__ import annotations

from smsdata import plots
from smsdata.analysis.spending import costs, spent_on_dead
from smsdata.report.pictures import picture
from smsdata.report.pieces import Headline, Section, percent, table_of_frame
from smsdata.report.sources import BEFORE, THIS, Sources, SplitScan, side


def spending_section(sources: Sources) -> Section:
    """What it cost."""
    section = Section("spend", "Spend")
    section.how += [
        "Spend: the cost that the gateway's report gives each campaign of the period, in the account's "
        "currency; bounces "
        "are billed too.",
        "Spent on dead numbers: cost of messages sent more than 73 hours after a hard bounce with no "
        "delivery since, "
        "each at its campaign's cost over its recipients.",
    ]
    spent = costs(sources.both("campaigns"), by="reported")
    now, before = side(spent, THIS), side(spent, BEFORE)
    if now is None:
        held = "in the period" if sources.has("campaigns") else "at all"
        section.lines.append(f"The store knows of no campaign {held}, so that no spend is told.")
        return section
    out_of = ", ".join(f"{int(now[what]):,} {what}" for what in ("campaigns", "recipients", "parts"))
    pending = f"{percent(now['pending_share'])} pending"
    change = ""
    if sources.compare:
        change = (
            "no campaign before"
            if before is None
            else f"{now['spend'] - before['spend']:+,.2f} against before"
        )
    section.headlines.append(Headline("Spend", _money_shown(now["spend"]), f"{out_of}; {pending}", change))
    section.lines.append(
        f"{_money_shown(now['spend'])} for {out_of}; {pending}. "
        f"{_money_shown(now['cost_per_delivered'], 4)} for "
        "each delivered. "
        f"{int(now['unpriced']):,} campaigns have no cost yet and are in no amount."
    )
    _on_dead(section, sources)
    days = costs(sources.within("campaigns"), by="day", tz=sources.period.tz)
    columns = [
        ("day", "day", "text"),
        ("campaigns", "campaigns", "count"),
        ("recipients", "recipients", "count"),
        ("parts", "parts", "count"),
        ("spend", "spend", "money"),
        ("pending_share", "pending share", "rate"),
    ]
    shown = days.assign(day=[f"{day:%Y-%m-%d}" for day in days["day"]])
    section.tables.append(table_of_frame("Spend by day", shown, columns, most=31))
    words = f"Spend per day on {len(days):,} days; the table Spend by day has the values."
    section.pictures.append(picture("spend", plots.costs, days, words))
    return section


def _on_dead(section: Section, sources: Sources) -> None:
    if not sources.has("dlrs"):
        section.lines.append("Without delivery receipts it cannot be told what was spent on dead numbers.")
        return
    since = sources.period.since
    told = SplitScan(sources.up_to_end("dlrs"), since)
    row = side(spent_on_dead(told, sources.up_to_end("campaigns"), by="reported"), THIS)
    if row is not None:
        section.lines.append(
            f"{_money_shown(row['dead_spend'])} ({percent(row['dead_share'])}) went to "
            f"{int(row['dead_numbers']):,} numbers "
            f"already known to be dead: {int(row['dead_recipients']):,} of {int(row['recipients']):,} "
            "receipts."
        )


def _money_shown(money: float, places: int = 2) -> str:
    return "not known" if money != money else f"{money:,.{places}f}"
