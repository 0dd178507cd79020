"""What was sent and what arrived: headline numbers, by sender, country and campaign, along time, alarms.

Imports of smsdata only `analysis`, `plots`, `errors` and, within report, `pieces`, `pictures` and `sources`.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from smsdata import plots
from smsdata.analysis.delivery import compare_rates, delivery_rate, delivery_trend
from smsdata.analysis.thresholds import alarms
from smsdata.errors import UsageError
from smsdata.report.pictures import picture
from smsdata.report.pieces import Headline, Section, interval_text, masked_text, percent, table_of_frame
from smsdata.report.sources import BEFORE, THIS, Sources, side

_HARD = (
    "CASE WHEN status = 'hard-bounce' THEN 'delivered' "
    "WHEN status = 'delivered' THEN 'bounced' ELSE status END"
)
"""Hard bounces in the place of deliveries, so that their share is compared by the same helper."""

_RATE_COLUMNS = (
    ("n", "messages", "count"), ("settled", "final status", "count"), ("delivered", "delivered", "count"),
    ("rate", "delivery rate", "rate"), ("interval_words", "95% interval", "word"),
    ("hard_bounced", "hard bounces", "count"), ("pending", "pending", "count"),
    ("pending_share", "pending share", "rate"),
)  # fmt: skip
_HOW = (
    "Delivery rate: delivered / messages with a final status (delivered, soft, hard or unknown bounce) of "
    "those "
    "sent in the period. Pending messages are in neither; their share stands beside it.",
    "Intervals: Wilson, 95%, with the effective number of messages: those to the same number, or of the "
    "same day, "
    "are alike and count for less.",
    "Change: the difference of both periods, Newcombe's interval with the same clusters, of messages "
    "older than "
    "73 hours only, for quick outcomes come first. More than chance: the 95% interval leaves out 0. Of "
    "twenty "
    "such comparisons one says so by chance.",
)


def delivery_section(sources: Sources) -> Section:
    """How much arrived."""
    section = Section("delivery", "Delivery", how=list(_HOW))
    messages = sources.within("messages")
    whole = delivery_rate(messages)
    _headlines(section, sources, whole)
    if not int(whole["n"].sum()):
        section.lines.append(_nothing_sent(sources))
        return section
    senders = delivery_rate(messages, by="sender")
    for title, by, frame in (
        ("By sender", "sender", senders),
        ("By country of the number", "country", delivery_rate(messages, by="country")),
        ("By campaign, the largest first", "campaign", delivery_rate(messages, by="campaign")),
    ):
        section.tables.append(
            _rates_table(title, by, frame, _campaign_texts(sources) if by == "campaign" else None)
        )
    trend = delivery_trend(messages, by="day", tz=sources.period.tz)
    odd = int(trend["outside"].isin(["above", "below"]).sum())
    words = f"Delivery rate per day of {len(trend):,} days; {odd:,} stand out from the usual variation."
    section.pictures.append(picture("trend", plots.delivery_trend, trend, words))
    if len(senders) > 1:
        words = f"Delivery rate of {len(senders):,} senders; the table By sender has the values."
        section.pictures.append(picture("senders", plots.delivery_rate, senders, words))
    return section


def alarm_section(sources: Sources) -> Section:
    """Which thresholds were crossed."""
    section = Section("alarms", "Alarms")
    rates = delivery_rate(sources.within("messages"))
    if not int(rates["n"].sum()):
        section.lines.append("Nothing was sent, so that no threshold could be judged.")
        return section
    found = alarms(rates)
    section.how.append(
        "An alarm: a rate of the period and its threshold; where the threshold comes from stands beside it. "
        f"Judged over {int(rates['n'].sum()):,} messages, {percent(rates['pending_share'].iloc[0])} of "
        "them pending."
    )
    crossed = found[found["alarm"].notna()] if len(found) else found
    if crossed.empty:
        section.lines.append("No threshold of delivery or of overdue receipts is crossed.")
        return section
    columns = [
        ("alarm", "alarm", "text"),
        ("level", "level", "text"),
        ("value", "value", "rate"),
        ("threshold", "threshold", "rate"),
        ("source", "where it comes from", "text"),
    ]
    section.tables.append(table_of_frame("Thresholds crossed", crossed, columns))
    section.look += [f"alarm {row.alarm}: {row.level}, {percent(row.value)}" for row in crossed.itertuples()]
    return section


def _headlines(section: Section, sources: Sources, whole: pd.DataFrame) -> None:
    row = whole.iloc[0]
    pending = f"{percent(row['pending_share'])} pending"
    both = delivery_rate(sources.both("messages"), by="reported") if sources.compare else None
    before = side(both, BEFORE) if both is not None else None
    change = "" if not sources.compare else _count_change(int(row["n"]), before)
    out_of = f"of {int(row['settled']):,} with a final status; {pending}"
    interval = interval_text(row["low"], row["high"])
    delivered, bounced = _change_of_share(sources, ""), _change_of_share(sources, _HARD)
    hard = f"{int(row['hard_bounced']):,} {out_of}"
    section.headlines = [
        Headline("Messages sent", f"{int(row['n']):,}", pending, change),
        Headline("Delivery rate", percent(row["rate"]), f"{out_of}; 95%: {interval}", *delivered),
        Headline("Hard bounces", percent(_hard_share(row)), hard, *bounced),
    ]


def _count_change(count: int, before: Any) -> str:
    if before is None:
        return "nothing was sent in the period before"
    return f"{count - int(before['n']):+,} against {int(before['n']):,} before"


def _hard_share(row: Any) -> float:
    return float(row["hard_bounced"]) / float(row["settled"]) if row["settled"] else float("nan")


def _change_of_share(sources: Sources, status: str) -> tuple[str, str]:
    """The change of a share since the period before, and whether it is more than chance, in words."""
    if not sources.compare:
        return "", ""
    both = sources.both("messages", status=status)
    old = delivery_rate(both, by="reported", mature_only=True)
    sides = [side(old, which) for which in (THIS, BEFORE)]
    if any(one is None or not one["settled"] for one in sides):
        which = THIS if sides[0] is None or not sides[0]["settled"] else BEFORE
        return "not compared", f"{which} has no settled messages older than 73 hours"
    try:
        row = compare_rates(both, by="reported", baseline=BEFORE, mature_only=True).iloc[0]
    except UsageError as error:
        return "not compared", str(error)
    change = f"{100 * row['difference']:+.1f} points against {percent(row['baseline_rate'])} before"
    if pd.isna(row["differs"]) or pd.isna(row["low"]):
        return change, "cannot be judged: too few numbers or days"
    verdict = "more than chance" if row["differs"] else "may be chance"
    few = ", of few numbers or days" if "few" in str(row["interval"]) else ""
    return change, f"{verdict} (95%: {100 * row['low']:+.1f} to {100 * row['high']:+.1f} points{few})"


def _rates_table(title: str, by: str, frame: pd.DataFrame, texts: pd.Series[Any] | None) -> Any:
    """A table of rates by a group, the largest groups first."""
    shown = frame.sort_values("n", ascending=False, ignore_index=True)
    words = [interval_text(low, high) for low, high in zip(shown["low"], shown["high"], strict=True)]
    shown = shown.assign(interval_words=words)
    if by == "sender":  # a name or number of the account's own; whoever sends a text chose it
        shown = shown.assign(sender=[_sender_shown(value) for value in shown["sender"]])
    columns = [(by, by, "word" if by == "campaign" else "text"), *_RATE_COLUMNS]
    if texts is not None:
        shown = shown.assign(text=[masked_text(texts.get(one)) for one in shown[by]])
        columns.insert(1, ("text", "text", "text"))
    return table_of_frame(title, shown, columns)


def _sender_shown(value: Any) -> str:
    plain = "unknown" if value is None or value != value else str(value)
    return plain if plain.isdecimal() else masked_text(plain)


def _campaign_texts(sources: Sources) -> pd.Series[Any]:
    """The text of each campaign sent in the period, by its id."""
    frame = sources.rows(f"SELECT message_id, message FROM {sources.within('campaigns').sql()}")
    return frame.set_index("message_id")["message"]


def _nothing_sent(sources: Sources) -> str:
    if not sources.has("messages"):
        return "The store holds no messages at all: `smsdata sync` has not read them yet."
    return f"No message was sent from {sources.period.words}, as far as the store knows."
