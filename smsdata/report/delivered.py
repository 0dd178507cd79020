"""What was sent and what arrived: headline numbers, by sender, country and campaign, along time, alarms.

Imports of smsdata only `analysis`, `plots` and, within report, `periods`, `pieces`, `pictures`, `reach`
and, for its type, `sources`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from smsdata import plots
from smsdata.analysis.delivery import compare_rates, delivery_rate
from smsdata.analysis.thresholds import ALARMS, alarms
from smsdata.report.periods import BEFORE
from smsdata.report.pictures import picture
from smsdata.report.pieces import (
    Headline,
    Section,
    change_of_count,
    change_of_rate,
    interval_text,
    masked_text,
    percent,
    table_of_frame,
)
from smsdata.report.reach import read_spans

if TYPE_CHECKING:
    from smsdata.report.sources import Sources

_RATE_COLUMNS = (
    ("n", "messages", "count"),
    ("settled", "final status", "count"),
    ("delivered", "delivered", "count"),
    ("rate", "delivery rate", "rate"),
    ("interval_words", "95% interval", "word"),
    ("hard_bounced", "hard bounces", "count"),
    ("pending_share", "pending share", "rate"),
)
_ALARM_COLUMNS = (
    ("group", "of what", "text"),
    ("alarm", "alarm", "word"),
    ("level", "level", "word"),
    ("value", "value", "rate"),
    ("out_of", "of", "count"),
    ("threshold", "threshold", "rate"),
    ("source", "where the threshold comes from", "text"),
)
_TEXT = 90
_HOW = [
    "Delivery rate: delivered / messages with a final status (delivered, soft, hard or unknown bounce).",
    "Pending messages are in neither; the pending share is pending / messages.",
    "Intervals: Wilson, 95%, with the effective number of messages: those to the same number, or of the "
    "same day, are alike and count for less.",
    "Change of a rate: the difference of both periods with Newcombe's interval and the same clusters, of "
    "messages older than 73 hours only, for quick outcomes come first.",
    "More than chance: that interval leaves out 0. Of twenty such comparisons one says so by chance.",
    "Counts and amounts are told with their difference only: they are decisions, not samples.",
    "Dates under the pictures are of the first and the last that was counted, in UTC.",
]
_HOW_ALARMS = [
    "An alarm rings where the whole 95% interval lies beyond the threshold; of several levels the "
    "highest is shown.",
    "Delivery is judged of messages with a final status, receipts of messages older than 73 hours that are "
    "still pending, opt-outs of delivered receipts.",
    "A day stands out beyond three sigmas of a Laney p' chart: one in 370 does by chance.",
]


def delivery_section(sources: Sources) -> Section:
    """How much arrived."""
    section = Section("delivery", "Delivery", how=list(_HOW))
    messages, row = sources.within("messages"), sources.rates.iloc[0]
    _headlines(section, sources, row)
    if not int(row["n"]):
        section.lines.append(_nothing_sent(sources))
        return section
    countries, campaigns = (delivery_rate(messages, by=by) for by in ("country", "campaign"))
    trend = sources.trend
    words = (
        f"Delivery rate by day, of {len(trend):,} with messages; "
        f"{len(_days_outside(trend)):,} stand out from the usual variation."
    )
    section.pictures.append(picture("trend", plots.delivery_trend, trend, words))
    if len(sources.senders) > 1:
        words = f"Delivery rate of {len(sources.senders):,} senders; the table By sender has the values."
        rows = min(len(sources.senders), 25)
        section.pictures.append(picture("senders", plots.delivery_rate, sources.senders, words, rows=rows))
    senders = sources.senders.assign(sender=[_sender_shown(one) for one in sources.senders["sender"]])
    section.tables += [
        _rates_table("By sender", "sender", senders),
        _rates_table("By country of the number", "country", countries),
        _rates_table("By campaign, the largest first", "campaign", campaigns, _campaign_texts(sources)),
    ]
    return section


def alarm_section(sources: Sources) -> Section:
    """Which thresholds were crossed, and which days stand out."""
    section = Section("alarms", "Alarms", how=list(_HOW_ALARMS))
    row = sources.rates.iloc[0]
    if not int(row["n"]):
        section.lines.append("No message of the period is known, so that no threshold could be judged.")
        return section
    section.lines.append(
        f"Judged over {int(row['n']):,} messages of the period, {percent(row['pending_share'])} of them "
        f"pending{'' if sources.has('dlrs') else '; without delivery receipts nothing is said of opt-outs'}."
    )
    found = _crossed(sources)
    if found.empty:
        section.lines.append("No threshold of delivery, of overdue receipts or of opt-outs is crossed.")
    else:
        section.tables.append(table_of_frame("Thresholds crossed", found, _ALARM_COLUMNS))
        section.look += [_alarm_words(one) for one in found.head(12).itertuples()]
    outside = _days_outside(sources.trend)
    if len(outside):
        days = ", ".join(f"{day:%Y-%m-%d}" for day in outside["day"].head(12))
        section.look.append(
            f"Delivery stands out from the usual variation on some days ({len(outside):,}): {days}"
        )
        section.lines.append(f"Days that stand out from the usual variation of delivery: {days}.")
    return section


def _crossed(sources: Sources) -> pd.DataFrame:
    """The highest alarm of each kind, of all messages and of each sender."""
    rates = [sources.rates.assign(group="all messages")]
    if len(sources.senders) > 1:
        named = [f"sender {_sender_shown(one)}" for one in sources.senders["sender"]]
        rates.append(sources.senders.assign(group=named))
    if sources.has("dlrs"):
        rates.append(sources.optouts.assign(group="all messages"))
    rung = pd.concat([alarms(frame) for frame in rates], ignore_index=True)
    denominators = {alarm.name: alarm.of for alarm in ALARMS}
    counts = [row[denominators[row["alarm"]]] for _, row in rung.iterrows()]
    return rung.assign(out_of=counts).drop_duplicates(["group", "alarm"], keep="last", ignore_index=True)


def _alarm_words(row: Any) -> str:
    of = "" if row.group == "all messages" else f" of {row.group}"
    beyond = "above" if row.value > row.threshold else "below"
    return f"Alarm ({row.level}): {row.alarm}{of} {percent(row.value)}, {beyond} {percent(row.threshold)}"


def _days_outside(trend: pd.DataFrame) -> pd.DataFrame:
    return trend[trend["outside"].isin(["above", "below"])]


def _headlines(section: Section, sources: Sources, row: Any) -> None:
    pending = f"{percent(row['pending_share'])} pending"
    change = ""
    if sources.compare:
        count = sources.rows(f"SELECT count(*) AS n FROM {sources.before('messages').sql()}")["n"].iloc[0]
        change = change_of_count(int(row["n"]), int(count))
    out_of = f"of {int(row['settled']):,} with a final status; {pending}"
    interval = f"95%: {interval_text(row['low'], row['high'])}"
    hard = float(row["hard_bounced"]) / float(row["settled"]) if row["settled"] else float("nan")
    changes = _changes(sources, {"delivered": row["rate"], "hard_bounced": hard})
    section.headlines = [
        Headline("Messages sent", f"{int(row['n']):,}", pending, change),
        Headline("Delivery rate", percent(row["rate"]), f"{out_of}; {interval}", *changes[0]),
        Headline("Hard bounces", percent(hard), f"{int(row['hard_bounced']):,} {out_of}", *changes[1]),
    ]


def _changes(sources: Sources, counts: Mapping[str, float]) -> list[tuple[str, str]]:
    """The change of the share of each status since the period before, in words; by status what is shown."""
    if not sources.compare:
        return [("", "")] * len(counts)
    if why := sources.not_comparable("messages"):
        return [("not compared", why)] * len(counts)
    both = sources.both("messages")
    asked: Any = {"by": "reported", "baseline": BEFORE, "mature_only": True}
    return [
        change_of_rate(compare_rates(both, count=count, **asked).iloc[0], shown)
        for count, shown in counts.items()
    ]


def _rates_table(title: str, by: str, frame: pd.DataFrame, texts: pd.Series[Any] | None = None) -> Any:
    """A table of rates by a group, the largest groups first."""
    shown = frame.sort_values("n", ascending=False, ignore_index=True)
    words = [interval_text(low, high) for low, high in zip(shown["low"], shown["high"], strict=True)]
    shown = shown.assign(interval_words=words)
    columns = [(by, by, "word" if by == "campaign" else "text"), *_RATE_COLUMNS]
    if texts is not None:
        shown = shown.assign(text=[masked_text(texts.get(one), _TEXT) for one in shown[by]])
        columns.insert(1, ("text", "text", "text"))
    return table_of_frame(title, shown, columns)


def _sender_shown(value: Any) -> str:
    """A number or name of the account's own; whoever sends a text chose it."""
    plain = "unknown" if value is None or value != value else str(value)
    return plain if plain.isdecimal() else masked_text(plain)


def _campaign_texts(sources: Sources) -> pd.Series[Any]:
    """The text of each campaign sent in the period, by its id."""
    frame = sources.rows(f"SELECT message_id, message FROM {sources.within('campaigns').sql()}")
    return frame.set_index("message_id")["message"]


def _nothing_sent(sources: Sources) -> str:
    period, spans = sources.period, read_spans(sources.store.state, "messages")
    if not period.begun:
        return f"The period has not begun: it begins {period.local(period.since)} ({period.tz})."
    held = sources.has("messages")
    if not spans and not held:
        return "The store holds no messages at all: `smsdata sync` has not read them yet."
    if spans and not any(span.start < period.until and span.end > period.since for span in spans):
        return f"Whether messages were sent from {period.words} is not known: nothing of it was read."
    if spans and not held:
        return (
            f"The account has sent no message: `smsdata sync` has read {period.local(spans[0].start)} to "
            f"{period.local(spans[-1].end)} ({period.tz}), and nothing was there."
        )
    return f"No message was sent from {period.words}, as far as the store knows."
