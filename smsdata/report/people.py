"""What people did: bounces to remove, replies and open questions, opt-outs and breaches, clicks. All masked.

Imports of smsdata only `analysis`, `plots` and, within report, `periods`, `pieces`, `pictures`
and, for its type, `sources`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from smsdata import plots
from smsdata.analysis.bounces import hard_bounced
from smsdata.analysis.breaches import sent_after_optout
from smsdata.analysis.opt_outs import optout_rate
from smsdata.analysis.replies import classify_replies
from smsdata.analysis.reply_rates import reply_rate
from smsdata.report.periods import BEFORE, sql_instant
from smsdata.report.pictures import picture
from smsdata.report.pieces import (
    Headline,
    Section,
    change_of_count,
    change_of_rate,
    interval_text,
    masked_number,
    masked_text,
    money_shown,
    percent,
    table_of_frame,
)

if TYPE_CHECKING:
    from smsdata.report.sources import Sources

_BOUNDS = {"difference_low": "low", "difference_high": "high"}
_TIERS = {"remove": "remove", "exclude": "leave out of sends for now", "review": "for a person to look at"}
_HOW_BOUNCES = [
    "A number is to be removed with hard bounces on two days or more since its last sign of life, or with "
    "one and never a delivery.",
    "Looked at is all that the store holds up to the end of the period.",
    "Held: most of its bounces fall on days that look like an outage, or that cannot be judged.",
    "Cost: each receipt of the period at its campaign's cost over its recipients; bounces are billed too.",
]
_HOW_REPLIES = [
    "Reply rate: messages delivered in the period that were answered within 72 hours / delivered messages. "
    "Only messages from senders that can receive count for it: a name cannot be answered.",
    "Its change is judged as that of the delivery rate, of messages older than 73 hours.",
    "Kinds, of the replies received in the period: read by rules over words, in several languages; they err, "
    "so that a person reads what matters.",
    "Open: no message was sent to that number after the question, as far as the store knows.",
]
_HOW_OPTOUTS = [
    "Opt-out rate: delivered receipts of the period that carry the gateway's opt-out flag, or were answered "
    "by an opt-out / delivered receipts. Its change is judged as that of the delivery rate.",
    "Breach: a message of the period to somebody with a certain opt-out before it, within the scope of that "
    "opt-out.",
    "Possible: the evidence has no time of its own, its scope is not known, or a person has to read the "
    "reply.",
    "This is no legal advice; `smsdata audit` gives the evidence.",
]
_HOW_CLICKS = [
    "Hits of tracked links with a time in the period. Whoever opens a link twice counts twice among the hits "
    "and once among the people; programs that look at links before people do count too.",
    "Share: people / delivered receipts of those campaigns, whenever they were sent.",
]


def bounce_section(sources: Sources) -> Section:
    """Which numbers are dead, and what they cost."""
    section = Section("bounces", "Bounces to remove", how=list(_HOW_BOUNCES))
    if not sources.has("dlrs"):
        section.lines.append(
            "The store holds no delivery receipts, so that nothing can be said of dead numbers."
        )
        return section
    numbers = hard_bounced(
        sources.up_to_end("dlrs"), sources.up_to_end("replies"), campaigns=sources.up_to_end("campaigns"),
        status_history=sources.store.scan("status_history"), messages=sources.up_to_end("messages"),
    )  # fmt: skip
    held = numbers["held"] | numbers["unjudged"]
    removable = numbers.loc[(numbers["tier"] == "remove") & ~held, ["msisdn"]]
    cost = cost_of(sources, removable)
    section.lines += [f"{len(removable):,} numbers can be removed now; `smsdata clean` plans it.", cost]
    silent = int((numbers["tier"] != "cleared").sum())
    out_of = (
        f"of {silent:,} numbers that bounced and gave no sign of life since, up to the end of the period. "
        f"{cost}"
    )
    section.headlines.append(Headline("Numbers to remove", f"{len(removable):,}", out_of))
    if len(numbers):
        words = "Numbers by what their bounces say; the table Numbers that bounced last has the values."
        section.pictures.append(picture("bounces", plots.hard_bounced, numbers, words))
    counts = [
        {
            "what": words,
            "numbers": int((numbers["tier"] == tier).sum()),
            "held": int(((numbers["tier"] == tier) & held).sum()),
        }
        for tier, words in _TIERS.items()
    ]
    columns = [("what", "what to do", "text"), ("numbers", "numbers", "count"), ("held", "held", "count")]
    section.tables.append(table_of_frame("Numbers that bounced last", pd.DataFrame(counts), columns))
    _on_lists(section, sources, removable["msisdn"])
    return section


def cost_of(sources: Sources, numbers: pd.DataFrame) -> str:
    """What the receipts of the period to some numbers (a frame with ``msisdn``) cost, in words."""
    row = sources.rows(
        f"""
        WITH prices AS (
            SELECT message_id, cost / nullif(pending + delivered + soft_bounced + hard_bounced, 0) AS price
            FROM {sources.up_to_end("campaigns").sql()}
        )
        SELECT count(*) AS receipts, count(msisdn) FILTER (WHERE dead) AS dead,
            count(price) FILTER (WHERE dead) AS priced, sum(price * copies) FILTER (WHERE dead) AS cost
        FROM (SELECT *, msisdn IN (SELECT msisdn FROM numbers) AS dead FROM {sources.within("dlrs").sql()})
        LEFT JOIN prices USING (message_id)
        """,
        numbers=numbers,
    ).iloc[0]
    dead, receipts = int(row["dead"]), int(row["receipts"])
    words = f"{dead:,} of {receipts:,} receipts of the period were theirs"
    if not dead:
        return f"{words}."
    unpriced = dead - int(row["priced"])
    left_out = f", {unpriced:,} without a price left out" if unpriced else ""
    return f"{words} and cost {money_shown(row['cost'])}{left_out}."


def _on_lists(section: Section, sources: Sources, numbers: pd.Series[str]) -> None:
    if not sources.has("list_members"):
        section.lines.append("The store holds no lists, so that it cannot be told where these numbers stand.")
        return
    lists = sources.rows(
        f"""
        SELECT m.list_id, any_value(l.name) AS name, count(*) AS active,
            count(*) FILTER (WHERE m.msisdn IN (SELECT msisdn FROM numbers)) AS dead
        FROM {sources.store.scan("list_members").sql()} m
        LEFT JOIN {sources.store.scan("lists").sql()} l USING (list_id)
        WHERE m.status = 'active' GROUP BY m.list_id
        """,
        numbers=numbers.to_frame(),
    )
    lists = lists[lists["dead"] > 0].sort_values(["dead", "list_id"], ascending=[False, True])
    lists = lists.assign(
        name=[masked_text(name) for name in lists["name"]], share=lists["dead"] / lists["active"]
    )
    columns = [
        ("list_id", "list", "text"),
        ("name", "name", "text"),
        ("dead", "to remove", "count"),
        ("active", "active contacts", "count"),
        ("share", "share", "rate"),
    ]
    note = "As the lists were last read."
    section.tables.append(table_of_frame("Lists that hold them", lists, columns, note=note))


def reply_section(sources: Sources) -> Section:
    """What people wrote back."""
    section = Section("replies", "Replies and open questions", how=list(_HOW_REPLIES))
    _reply_rate(section, sources)
    classified = classify_replies(sources.within("replies"), messages=sources.up_to_end("messages"))
    if classified.empty:
        held = "" if sources.has("replies") else " The store holds no replies at all."
        section.lines.append(f"Nobody replied in the period.{held}")
        return section
    words = "Replies by kind; the table of kinds has the values."
    section.pictures.append(picture("kinds", plots.classify_replies, classified, words))
    kinds = classified["kind"].value_counts().rename_axis("kind").reset_index(name="replies")
    kinds = kinds.assign(
        share=kinds["replies"] / len(classified), kind=[one.replace("_", " ") for one in kinds["kind"]]
    )
    columns = [("kind", "kind", "text"), ("replies", "replies", "count"), ("share", "share", "rate")]
    section.tables.append(table_of_frame(f"Kinds of {len(classified):,} replies", kinds, columns))
    _open_questions(section, sources, classified)
    return section


def _reply_rate(section: Section, sources: Sources) -> None:
    """Tell how many answered, and whether that changed."""
    replies = sources.store.scan("replies")
    rate = reply_rate(sources.within("messages"), replies).iloc[0]
    change = ("", "")
    if sources.compare:
        why = sources.not_comparable("messages", answerable=True)
        change = ("not compared", why) if why else _reply_change(sources, replies, rate["rate"])
    out_of = (
        f"of {int(rate['delivered']):,} delivered that can be answered; {percent(rate['pending_share'])} "
        f"pending; 95%: {interval_text(rate['low'], rate['high'])}"
    )
    section.headlines.append(Headline("Reply rate", percent(rate["rate"]), out_of, *change))


def _reply_change(sources: Sources, replies: Any, shown: float) -> tuple[str, str]:
    both = sources.both("messages")
    return _change_of(reply_rate(both, replies, by="reported", baseline=BEFORE, mature_only=True), shown)


def _change_of(rates: pd.DataFrame, shown: float) -> tuple[str, str]:
    """The change of a rate that was asked for beside the period before."""
    changed = rates[rates["reported"] != BEFORE].iloc[0]
    return change_of_rate(changed.drop(["low", "high"]).rename(_BOUNDS), shown)


def _open_questions(section: Section, sources: Sources, classified: pd.DataFrame) -> None:
    asked = classified[classified["kind"] == "question"]
    sent = sources.store.scan("messages", since=sources.period.since).sql()
    last = sources.rows(
        f"SELECT msisdn, max(sent_at) AS last_sent FROM {sent} "
        "WHERE msisdn IN (SELECT msisdn FROM asked) GROUP BY msisdn",
        asked=asked[["msisdn"]],
    )
    joined = asked.merge(last, on="msisdn", how="left").sort_values("received_at", ascending=False)
    left = joined[~(joined["last_sent"] > joined["received_at"])]
    section.lines.append(f"{len(left):,} of {len(asked):,} questions are open.")
    out_of = f"of {len(asked):,} questions among {len(classified):,} replies received in the period"
    section.headlines.append(Headline("Open questions", f"{len(left):,}", out_of))
    shown = left.assign(
        at=[sources.period.local(at) for at in left["received_at"]],
        number=[masked_number(one) for one in left["msisdn"]],
        text=[masked_text(one) for one in left["response"]],
    )
    columns = [
        ("at", f"received ({sources.period.tz})", "word"),
        ("number", "from", "word"),
        ("text", "text", "text"),
        ("id", "id of the reply", "word"),
    ]
    if len(shown):
        section.tables.append(table_of_frame("Open questions, the latest first", shown, columns))


def optout_section(sources: Sources) -> Section:
    """Who opted out, and whether it was honoured."""
    section = Section("optouts", "Opt-outs and breaches", how=list(_HOW_OPTOUTS))
    if sources.has("dlrs"):
        _optout_rate(section, sources)
    else:
        section.lines.append("The store holds no delivery receipts, and so no opt-out flags.")
    evidence = sources.evidence
    after = sent_after_optout(
        sources.both("messages") if sources.compare else sources.within("messages"),
        evidence, include_review=True, dlrs=sources.store.scan("dlrs"),
    )  # fmt: skip
    current = after["sent_at"] >= sources.period.since
    now, before = after[current], after[~current]
    certain, possible = int(now["certain"].sum()), int((~now["certain"]).sum())
    sent = int(sources.rates["n"].iloc[0])
    section.lines.append(
        f"{evidence['msisdn'].nunique():,} people have evidence of an opt-out, ever. {certain:,} of {sent:,} "
        f"messages of the period went to {now.loc[now['certain'], 'msisdn'].nunique():,} people after a "
        f"certain opt-out; {possible:,} more are possible breaches."
    )
    out_of = f"of {sent:,} messages; {possible:,} more possible"
    change = change_of_count(certain, int(before["certain"].sum())) if sources.compare else ""
    section.headlines.append(Headline("Breaches", f"{certain:,}", out_of, change))
    if certain:
        section.look.append(f"{certain:,} messages were sent after a certain opt-out: see `smsdata audit`.")
        _breaches(section, sources, now[now["certain"]])
    return section


def _optout_rate(section: Section, sources: Sources) -> None:
    """Tell how many opted out, and whether that changed."""
    rate = sources.optouts.iloc[0]
    change = ("", "")
    if sources.compare:
        why = sources.not_comparable("dlrs")
        change = ("not compared", why) if why else _optout_change(sources, rate["rate"])
    out_of = f"{int(rate['optouts']):,} of {int(rate['delivered']):,} delivered"
    pending = f"{percent(rate['pending_share'])} pending"
    interval = f"95%: {interval_text(rate['low'], rate['high'])}"
    section.headlines.append(
        Headline("Opt-out rate", percent(rate["rate"]), f"{out_of}; {pending}; {interval}", *change)
    )
    section.lines.append(f"Opt-out rate {percent(rate['rate'])}: {out_of}, {pending}.")


def _optout_change(sources: Sources, shown: float) -> tuple[str, str]:
    asked: Any = {"by": "reported", "baseline": BEFORE, "mature_only": True}
    return _change_of(optout_rate(sources.both("dlrs"), replies=sources.heard, **asked), shown)


def _breaches(section: Section, sources: Sources, breaches: pd.DataFrame) -> None:
    latest = breaches.sort_values("sent_at", ascending=False)
    shown = latest.assign(
        at=[sources.period.local(at) for at in latest["sent_at"]],
        number=[masked_number(one) for one in latest["msisdn"]],
    )
    columns = [
        ("at", f"sent ({sources.period.tz})", "word"),
        ("number", "to", "word"),
        ("id", "id", "word"),
        ("message_id", "campaign", "word"),
        ("source", "how they opted out", "text"),
    ]
    title = "Messages after a certain opt-out, the latest first"
    section.tables.append(table_of_frame(title, shown, columns))


def click_section(sources: Sources) -> Section:
    """Who followed links."""
    section = Section("clicks", "Clicks", how=list(_HOW_CLICKS))
    if not sources.has("link_hits"):
        section.lines.append(
            "The store holds no link hits: they are read on demand only, so nothing is said of clicks."
        )
        return section
    period, hits = sources.period, sources.store.scan("link_hits").sql()
    since, until, before = (sql_instant(at) for at in (period.since, period.until, period.before))
    rows = sources.rows(
        f"""
        WITH hits AS (
            SELECT message_id, count(*) AS hits, count(DISTINCT msisdn) AS people
            FROM {hits} WHERE clicked_at >= {since} AND clicked_at < {until} GROUP BY 1
        ),
        arrived AS (
            SELECT message_id, count(*) FILTER (WHERE status = 'delivered') AS delivered,
                count(*) FILTER (WHERE status = 'pending') / count(*) AS pending_share
            FROM {sources.store.scan("dlrs").sql()}
            WHERE message_id IN (SELECT message_id FROM hits) GROUP BY 1
        )
        SELECT *, people / nullif(delivered, 0) AS share FROM hits LEFT JOIN arrived USING (message_id)
        ORDER BY hits DESC, message_id
        """
    )
    total = sources.rows(
        f"SELECT count(*) FILTER (WHERE clicked_at IS NULL) AS untimed, "
        f"count(*) FILTER (WHERE clicked_at >= {before} AND clicked_at < {since}) AS before FROM {hits}"
    ).iloc[0]
    out_of = f"of links of {len(rows):,} campaigns, by {int(rows['people'].sum()):,} people"
    section.lines.append(
        f"{int(rows['hits'].sum()):,} hits {out_of}, each counted once a campaign. "
        f"{int(total['untimed']):,} hits have no time and are in no number."
    )
    change = change_of_count(rows["hits"].sum(), total["before"]) if sources.compare else ""
    section.headlines.append(Headline("Hits of links", f"{int(rows['hits'].sum()):,}", out_of, change))
    columns = [
        ("message_id", "campaign", "word"),
        ("hits", "hits", "count"),
        ("people", "people", "count"),
        ("delivered", "delivered", "count"),
        ("share", "share", "rate"),
        ("pending_share", "pending share", "rate"),
    ]
    if len(rows):
        section.tables.append(table_of_frame("Hits by campaign", rows, columns))
    return section
