"""What people did: bounces to remove, replies and open questions, opt-outs and breaches, clicks. All masked.

Imports of smsdata only `analysis`, `plots` and, within report, `pieces`, `pictures` and `sources`.
"""

from __future__ import annotations

import pandas as pd

from smsdata import plots
from smsdata.analysis.bounces import hard_bounced
from smsdata.analysis.breaches import sent_after_optout
from smsdata.analysis.opt_outs import opted_out, optout_rate
from smsdata.analysis.replies import classify_replies
from smsdata.analysis.reply_rates import reply_rate
from smsdata.report.pictures import picture
from smsdata.report.pieces import (
    Headline,
    Section,
    interval_text,
    masked_number,
    masked_text,
    percent,
    table_of_frame,
)
from smsdata.report.sources import Sources

_TIERS = {"remove": "remove", "exclude": "leave out of sends for now", "review": "for a person to look at"}


def bounce_section(sources: Sources) -> Section:
    """Which numbers are dead."""
    section = Section("bounces", "Bounces to remove")
    section.how.append(
        "A number is to be removed with hard bounces on two days or more since its last sign of life, or "
        "with one and "
        "never a delivery; looked at is all that the store holds up to the end of the period. Held: most "
        "of its "
        "bounces fall on days that look like an outage, or that cannot be judged."
    )
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
    counts = [
        {"what": words, "numbers": int((numbers["tier"] == tier).sum()),
         "held": int(((numbers["tier"] == tier) & held).sum())}
        for tier, words in _TIERS.items()
    ]  # fmt: skip
    table = pd.DataFrame(counts)
    columns = [
        ("what", "what to do", "text"),
        ("numbers", "numbers", "count"),
        ("held", "of them held", "count"),
    ]
    section.tables.append(table_of_frame("Numbers with bounces", table, columns))
    removable = numbers.loc[(numbers["tier"] == "remove") & ~held, "msisdn"]
    section.lines.append(f"{len(removable):,} numbers can be removed now; `smsdata clean` plans it.")
    section.headlines.append(
        Headline(
            "Numbers to remove", f"{len(removable):,}", f"of {len(numbers):,} numbers with bounces, ever"
        )
    )
    _on_lists(section, sources, removable)
    if len(numbers):
        words = "Numbers by what their bounces say; the table Numbers with bounces has the values."
        section.pictures.append(picture("bounces", plots.hard_bounced, numbers, words))
    return section


def _on_lists(section: Section, sources: Sources, numbers: pd.Series[str]) -> None:
    if not sources.has("list_members"):
        section.lines.append("The store holds no lists, so that it cannot be told where these numbers stand.")
        return
    members = sources.rows(
        "SELECT m.list_id, m.msisdn, l.name FROM "
        f"{sources.store.scan('list_members').sql()} m LEFT JOIN {sources.store.scan('lists').sql()} l "
        "USING (list_id) "
        "WHERE m.status = 'active'"
    )
    dead = members.assign(dead=members["msisdn"].isin(numbers))
    lists = dead.groupby(["list_id", "name"], dropna=False, as_index=False).agg(
        active=("dead", "size"), dead=("dead", "sum")
    )
    lists = lists[lists["dead"] > 0].sort_values("dead", ascending=False)
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
    section.tables.append(
        table_of_frame("Lists that hold them", lists, columns, note="As the lists were last read.")
    )


def reply_section(sources: Sources) -> Section:
    """What people wrote back."""
    section = Section("replies", "Replies and open questions")
    section.how += [
        "Reply rate: messages delivered in the period that were answered within 72 hours / delivered "
        "messages.",
        "Only messages from senders that can receive count for it: a name cannot be answered.",
        "Kinds: read by rules over words, in several languages; they err, so that a person reads what "
        "matters. Open: "
        "no message was sent to that number after the question, as far as the store knows.",
    ]
    replies = sources.within("replies")
    classified = classify_replies(replies, messages=sources.up_to_end("messages"))
    rate = reply_rate(sources.within("messages"), sources.store.scan("replies")).iloc[0]
    pending = percent(rate["pending_share"])
    out_of = f"of {int(rate['delivered']):,} delivered that can be answered; {pending} pending"
    section.headlines.append(
        Headline(
            "Reply rate", percent(rate["rate"]), f"{out_of}; 95%: {interval_text(rate['low'], rate['high'])}"
        )
    )
    if classified.empty:
        held = "" if sources.has("replies") else " The store holds no replies at all."
        section.lines.append(f"Nobody replied in the period.{held}")
        return section
    kinds = classified["kind"].value_counts().rename_axis("kind").reset_index(name="replies")
    kinds = kinds.assign(share=kinds["replies"] / len(classified))
    columns = [("kind", "kind", "text"), ("replies", "replies", "count"), ("share", "share", "rate")]
    section.tables.append(table_of_frame(f"Kinds of {len(classified):,} replies", kinds, columns))
    words = "Replies by kind; the table of kinds has the values."
    section.pictures.append(picture("kinds", plots.classify_replies, classified, words))
    _open_questions(section, sources, classified)
    return section


def _open_questions(section: Section, sources: Sources, classified: pd.DataFrame) -> None:
    asked = classified[classified["kind"] == "question"]
    sent = sources.store.scan("messages", since=sources.period.since).sql()
    last = sources.rows(f"SELECT msisdn, max(sent_at) AS last_sent FROM {sent} GROUP BY msisdn")
    joined = asked.merge(last, on="msisdn", how="left").sort_values("received_at", ascending=False)
    left = joined[~(joined["last_sent"] > joined["received_at"])]
    section.lines.append(f"{len(left):,} of {len(asked):,} questions are open.")
    section.headlines.append(
        Headline("Open questions", f"{len(left):,}", f"of {len(asked):,} questions asked")
    )
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
    section = Section("optouts", "Opt-outs and breaches")
    section.how += [
        "Opt-out rate: delivered receipts of the period that carry the gateway's opt-out flag, or were "
        "answered by an "
        "opt-out / delivered receipts.",
        "Breach: a message of the period to somebody with a certain opt-out before it, within the scope "
        "of that "
        "opt-out. Possible: the evidence has no time of its own, its scope is not known, or a person has "
        "to read the "
        "reply. This is no legal advice; `smsdata audit` gives the evidence.",
    ]
    if sources.has("dlrs"):
        rate = optout_rate(sources.within("dlrs"), replies=sources.store.scan("replies"), by=None).iloc[0]
        out_of = f"{int(rate['optouts']):,} of {int(rate['delivered']):,} delivered"
        interval = interval_text(rate["low"], rate["high"])
        pending = f"{percent(rate['pending_share'])} pending"
        section.headlines.append(
            Headline("Opt-out rate", percent(rate["rate"]), f"{out_of}; {pending}; 95%: {interval}")
        )
        section.lines.append(f"Opt-out rate {percent(rate['rate'])}: {out_of}, {pending}.")
    else:
        section.lines.append("The store holds no delivery receipts, and so no opt-out flags.")
    evidence, _ = opted_out(sources.store)
    after = sent_after_optout(
        sources.within("messages"), evidence, include_review=True, dlrs=sources.store.scan("dlrs")
    )
    certain = int(after["certain"].sum())
    people = after.loc[after["certain"], "msisdn"].nunique()
    section.lines.append(
        f"{evidence['msisdn'].nunique():,} people have evidence of an opt-out, ever. {certain:,} messages "
        "of the period "
        f"went to {people:,} people after a certain opt-out; {len(after) - certain:,} more are possible "
        "breaches."
    )
    section.headlines.append(Headline("Breaches", f"{certain:,}", f"{len(after) - certain:,} more possible"))
    if certain:
        section.look.append(f"{certain:,} messages were sent after a certain opt-out: see `smsdata audit`.")
        _breaches(section, sources, after[after["certain"]])
    return section


def _breaches(section: Section, sources: Sources, breaches: pd.DataFrame) -> None:
    latest = breaches.sort_values("sent_at", ascending=False)
    shown = latest.assign(
        at=[sources.period.local(at) for at in latest["sent_at"]],
        number=[masked_number(one) for one in latest["msisdn"]],
    )
    columns = [
        ("at", f"sent ({sources.period.tz})", "text"),
        ("number", "to", "word"),
        ("id", "id", "word"),
        ("message_id", "campaign", "text"),
        ("source", "how they opted out", "text"),
    ]
    section.tables.append(
        table_of_frame("Messages after a certain opt-out, the latest first", shown, columns)
    )


def click_section(sources: Sources) -> Section:
    """Who followed links."""
    section = Section("clicks", "Clicks")
    section.how.append(
        "Clicks: hits of tracked links with a time in the period. Whoever opens a link twice counts twice "
        "among the "
        "hits and once among the people."
    )
    if not sources.has("link_hits"):
        section.lines.append(
            "The store holds no link hits: they are read on demand only, so nothing is said of clicks."
        )
        return section
    since, until = (
        f"TIMESTAMPTZ '{at:%Y-%m-%d %H:%M:%S}+00'" for at in (sources.period.since, sources.period.until)
    )
    hits = sources.rows(
        "SELECT message_id, count(*) AS hits, count(DISTINCT msisdn) AS people "
        f"FROM {sources.store.scan('link_hits').sql()} WHERE clicked_at >= {since} AND clicked_at < {until} "
        "GROUP BY message_id ORDER BY hits DESC, message_id"
    )
    timeless = f"SELECT count(*) AS n FROM {sources.store.scan('link_hits').sql()} WHERE clicked_at IS NULL"
    untimed = int(sources.rows(timeless)["n"].iloc[0])
    section.lines.append(
        f"{int(hits['hits'].sum()):,} hits of links of {len(hits):,} campaigns; {untimed:,} hits have "
        "no time and are not counted."
    )
    columns = [("message_id", "campaign", "text"), ("hits", "hits", "count"), ("people", "people", "count")]
    if len(hits):
        section.tables.append(table_of_frame("Hits by campaign", hits, columns))
    return section
