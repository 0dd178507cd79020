"""Opt-outs: who asked to be left alone, since when, and how many of those who were reached.

Owns the merging of evidence, and tells apart what is nobody's for sure. What was sent afterwards is in
breaches. Imports of smsdata only errors, schema, analysis.core, unclear_numbers and, for replies, replies.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import pandas as pd

from smsdata.analysis.core.apart import each_account
from smsdata.analysis.core.clusters import RATE_COLUMNS, Grouped, cluster_counts, rate_intervals, trials_of
from smsdata.analysis.core.column_types import typed
from smsdata.analysis.core.differences import beside_baseline
from smsdata.analysis.core.engine import MATURE, Computed, LazyTable, Source, Tables, open_tables
from smsdata.analysis.core.grouping import By, Keys, group_keys, partial_periods
from smsdata.analysis.core.provenance import TimeSpan, explained, scope
from smsdata.analysis.core.statistics import rate
from smsdata.analysis.replies import classify_replies
from smsdata.analysis.unclear_numbers import in_letters, may_be_unclear, out_of_letters, those_meant
from smsdata.errors import UsageError
from smsdata.schema.callback_marks import OPTED_OUT_WORDS
from smsdata.schema.numbers_in_full import is_unclear, written_as

_EVIDENCE_COLUMNS = {"reply": "reply_at", "callback": "callback_at", "flag": "flag_at", "list": "list_at"}
_OPTOUT_PERIODS = {
    "msisdn": "str",
    "period": "int64",
    "first_optout_at": "utc",
    "known_at": "utc",
    "source": "str",
    "possible_at": "utc",
    "flag_message_id": "Int64",
    "certain": "bool",
    "reply_at": "utc",
    "callback_at": "utc",
    "flag_at": "utc",
    "list_at": "utc",
    "review_at": "utc",
    "cleared_at": "utc",
    "scope": "str",
    "scope_sender": "str",
    "scope_senders": "str",
    "last_stop_at": "utc",
    "scope_lists": "str",
}
_OPTOUT_RATES = {
    "recipients": "int64",
    "delivered": "int64",
    "pending": "int64",
    "pending_share": "float64",
    "optouts": "int64",
    "rate": "float64",
    "low": "float64",
    "high": "float64",
    "optouts_undelivered": "int64",
    "first": "utc",
    "last": "utc",
    "mature": "boolean",
    "n": "int64",
    **RATE_COLUMNS,
}
_ASKED = 'LEFT JOIN @asked ON "message_id" = "asked_send" AND "msisdn" = "asked_number"'
_EVENTS = {
    "msisdn": "str", "source": "str", "at": "Int64", "known": "Int64", "send": "Int64", "sender": "str",
    "lists": "str", "whole": "boolean",
}  # fmt: skip
# The gateway's word stands before ours where both name the same instant.
_TRUTH_ORDER = {"callback": 0, "flag": 1, "list": 2, "reply": 3}


class OptOutTables(Protocol):
    """What holds the tables that tell of opt-outs: a store."""

    def read(self, table: str, /) -> pd.DataFrame:
        """Give a table as a frame."""

    def scan(self, table: str, /) -> LazyTable:
        """Give a table without loading it."""


class OptedOut(NamedTuple):
    """The evidence of opt-outs, the replies it rests on, and the evidence that is nobody's for sure."""

    evidence: pd.DataFrame
    replies: pd.DataFrame
    unclear: pd.DataFrame

    def may_be(self, msisdn: str) -> bool:
        """Whether some of the unclear evidence may be about a number."""
        return written_as(msisdn, set(self.unclear["msisdn"])) is not None


@each_account
def optouts(
    *,
    replies: Source | None = None,
    dlrs: Source | None = None,
    optouts: Source | None = None,
    list_members: Source | None = None,
    callbacks: Source | None = None,
    messages: Source | None = None,
) -> pd.DataFrame:
    """Tell who opted out and since when, from all the evidence there is.

    There is no ``mature_only``: an opt-out counts whether its message arrived or not.

    Parameters
    ----------
    replies : DataFrame, Scan, Spark DataFrame or None
        The table replies, or what `classify_replies` gave. Tiers 1 and 2 are opt-outs, tiers 3 and 4 are kept
        for review, and a later START clears what came before it.
    dlrs : DataFrame, Scan, Spark DataFrame or None
        The table dlrs, for its flag ``optout``.
    optouts : DataFrame, Scan, Spark DataFrame or None
        The table optouts: the same flag, read on its own.
    list_members : DataFrame, Scan, Spark DataFrame or None
        The table list_members; a status such as "optout" counts, "inactive" does not.
    callbacks : DataFrame, Scan, Spark DataFrame or None
        Reply callbacks: ``msisdn``, ``received_at``, ``is_optout`` (bool, or "yes" and "no").
    messages : DataFrame, Scan, Spark DataFrame or None
        The table messages: what unclassified replies answered, for instructions like "reply NO".

    Returns
    -------
    DataFrame
        One row per number and period, from an opt-out to the START that ends it, in their order; numbers with
        ``cleared_at`` missing are opted out now, and have one such row.

        - ``msisdn`` (str), ``period`` (int64): 1, 2, ...;
        - ``first_optout_at`` (datetime64[us, UTC]): when they opted out, at the earliest; NaT if there is
          only a list status without a date, or only evidence for review;
        - ``known_at`` (datetime64[us, UTC]): by when it had certainly happened. A reply or callback gives the
          instant itself; a flag only says "after that message was sent and before we read it";
        - ``source`` (str): the evidence of these two: callback, flag, list or reply; else "review";
        - ``possible_at`` (datetime64[us, UTC]): from when on it may have happened: ``first_optout_at``, or
          the time of an earlier send that is flagged though no opt-out reply answers it, as after an opt-out
          by a link; ``flag_message_id`` (Int64): that send, NA where there is none or it is not named;
        - ``certain`` (bool): there is more than evidence for review;
        - ``reply_at``, ``callback_at`` (datetime64[us, UTC]): the first of each; ``flag_at``: when the first
          flagged message was sent; ``list_at``: when the status was read, else the contact's creation;
          ``review_at``: the first reply of tier 3 or 4. NaT where there is none;
        - ``cleared_at`` (datetime64[us, UTC]): the START that ended the period; NaT if still opted out;
        - ``scope`` (str): how far the opt-out reaches by its own evidence: "sender" for a reply or callback
          to a number of yours, "account" where it says all ("STOP ALL"), "list" for a list status or a flag
          on a send to a list; missing where that is not known. Global Opt Out makes every one "account";
        - ``scope_sender`` (str): the number of yours that the first stop of the period was written to (the
          first reply for review where there is none); ``scope_senders`` (str): all that stops were written
          to, with commas, by ``last_stop_at`` (datetime64[us, UTC]), the last of them; ``scope_lists`` (str):
          the lists whose status says so, or the list of the flagged send. Missing where there is none.

    Raises
    ------
    UsageError
        If no table is given, a column is missing, an instant is naive or a key repeats.

    Notes
    -----
    Among the evidence of a period, the one certain first tells when. A flag is dated by its message, so a
    START that came after the message clears it. A list status is what the list says now: only a START after
    it was read clears it, and it tells of no opt-out before an earlier START. Not legal advice.

    References
    ----------
    Which replies count: see `classify_replies`. A later START clears, as with Telnyx and Iterable. That the
    evidence certain first goes first, and the gateway's before ours, is our own choice.

    Examples
    --------
    >>> import pandas as pd
    >>> replies = pd.DataFrame({
    ...     "id": [5, 6], "msisdn": ["61491570156", "61491570157"], "longcode": "61491570006",
    ...     "received_at": pd.to_datetime(["2026-11-01", "2026-11-02"], utc=True),
    ...     "response": ["Stop", "remove me please"],
    ... })
    >>> optouts(replies=replies)[["msisdn", "source", "certain", "cleared_at"]]
            msisdn  source  certain cleared_at
    0  61491570156   reply     True        NaT
    1  61491570157  review    False        NaT
    """
    classified = None if replies is None else _classified(replies, messages)
    given = {"replies": classified, "dlrs": dlrs, "optouts": optouts}
    given |= {"list_members": list_members, "callbacks": callbacks}
    if all(source is None for source in given.values()):
        raise UsageError("optouts: no table given; give at least one of " + ", ".join(given) + ".")
    with open_tables("optouts", **given) as tables:
        events = _with_showing(_events(tables))
        return explained(
            typed(_periods(events), _OPTOUT_PERIODS),
            tables,
            formula="the gateway's flag, callback or list, or a reply of tier 1 or 2; a later START clears",
            numerator="numbers with evidence of an opt-out",
            denominator="all evidence given: " + ", ".join(name for name in given if name in tables),
            window=_evidence_span(events),
            pending="an opt-out counts whether its message arrived or not",
        )


def optout_rate(
    dlrs: Source,
    *,
    replies: Source | None = None,
    messages: Source | None = None,
    list_members: Source | None = None,
    by: By = "campaign",
    baseline: Any = None,
    tz: str = "UTC",
    now: datetime | str | None = None,
    mature_only: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tell what share of the people reached opted out, by campaign or any other grouping.

    Parameters
    ----------
    dlrs : DataFrame, Scan or Spark DataFrame
        The table dlrs: ``message_id``, ``msisdn``, ``sent_at``, ``status``, ``optout``.
    replies : DataFrame, Scan, Spark DataFrame or None
        The table replies, or what `classify_replies` gave: replies of tiers 1 and 2 count for the send they
        answer, beside the flag.
    messages : DataFrame, Scan, Spark DataFrame or None
        The table messages: what unclassified replies answered.
    list_members : DataFrame, Scan, Spark DataFrame or None
        As for `delivery_rate`.
    by : str, sequence of str or None
        Groups of recipients: column names, "campaign", "list", "hour", "day", "week", "month", "hour_of_day",
        "weekday", "country".
    baseline : value of the grouping or None
        A group that each other is compared with, such as a month by="month".
    tz : str
        IANA time zone in which hours, days, weeks and months begin.
    now : aware datetime, ISO text or None
        The present, for ``mature``; default: the latest ``synced_at``, else the clock.
    mature_only : bool
        Count only messages sent more than 73 hours ago.
    level : float
        Confidence of the interval, 0 to 1.

    Returns
    -------
    DataFrame
        One row per group:

        - the groups, named as asked;
        - ``recipients``, ``delivered``, ``pending`` (int64), each number of a send once; ``pending_share``
          (float64);
        - ``optouts`` (int64): of those delivered, flagged or with an opt-out reply;
        - ``rate`` (float64, 0 to 1): optouts / delivered; NaN if nothing was delivered;
        - ``low``, ``high`` (float64): its interval, clustered by number as that of `delivery_rate`: had other
          people been written to, nineteen in twenty such intervals would hold the rate of all of them;
        - ``optouts_undelivered`` (int64): opt-outs of recipients without a receipt of delivery; not in the
          rate;
        - ``first``, ``last`` (datetime64[us, UTC]): when the first and the last was sent;
        - ``mature`` (boolean): all were sent more than 73 hours ago; NA if empty. Opt-outs by a link can come
          weeks later;
        - ``n`` (int64): delivered, what the rate divides by; ``numbers`` (Int64): distinct ones among them;
        - ``design_effect`` (float64), ``interval`` (str): as for `delivery_rate`; by a period also
          ``partial`` (boolean);
        - with ``baseline`` also ``baseline_rate``, ``difference``, ``difference_low``, ``difference_high``
          (float64), ``differs`` (boolean), as for `reply_rate`; missing for the baseline itself.

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive, a key repeats, or a grouping or time zone is unknown; if
        the baseline is no group, or some groups are mature and others not.

    References
    ----------
    Interval: Brown, Cai & DasGupta 2001; Rao & Scott 1992, see `docs/intervals.md`.

    Examples
    --------
    >>> import pandas as pd
    >>> dlrs = pd.DataFrame({
    ...     "message_id": 10, "msisdn": ["61491570156", "61491570157"], "status": "delivered",
    ...     "optout": [True, False], "sent_at": pd.to_datetime(["2026-11-01"] * 2, utc=True),
    ... })
    >>> optout_rate(dlrs, now="2026-11-22")[["campaign", "delivered", "optouts", "rate"]]
       campaign  delivered  optouts  rate
    0        10          2        1   0.5
    """
    classified = None if replies is None else _classified(replies, messages)
    with open_tables("optout_rate", dlrs=dlrs, replies=classified, list_members=list_members) as tables:
        tables.require("dlrs", "message_id", "msisdn", "sent_at", "status", "optout")
        tables.require_keys("dlrs", ("message_id", "msisdn"))
        tables.warn_unmatched("replies", "dlrs", ("msisdn", "msisdn"))
        tables.add("asked", _asked_to_stop(tables))
        keys = group_keys(tables, "dlrs", by, tz=tz, days=True)
        present = tables.now(now, "dlrs")
        old = f'WHERE unix_micros("sent_at") <= {present - MATURE}' if mature_only else ""
        raw = tables.query(_optout_counts(keys, f"{_ASKED} {old}"))
        counts = keys.finish(raw)
        partial = partial_periods(keys, counts, counts, present=present, tz=tz)
        left = '"status" = \'delivered\' AND ("optout" OR "asked_number" IS NOT NULL)'
        asked = {"trial": "\"status\" = 'delivered'", "hit": left}
        trials = trials_of(tables, "dlrs", keys, rest=f"{_ASKED} {old}", once=True, **asked)
        clusters = cluster_counts(tables, keys, trials)
        full = counts.assign(
            pending_share=rate(counts["pending"], counts["recipients"]),
            rate=rate(counts["optouts"], counts["delivered"]),
            optouts_undelivered=counts["all_optouts"] - counts["optouts"],
            mature=counts["last"] <= present - MATURE,
            n=counts["delivered"],
            **rate_intervals(counts["optouts"], counts["delivered"], clusters, level=level),
        )
        frame = pd.concat([counts[keys.names], typed(full, _OPTOUT_RATES)], axis=1).assign(**partial)
        if baseline is not None:
            hits, tried = raw["optouts"], raw["delivered"]
            groups = Grouped.of(raw, keys, trials, clusters, hits=hits, tried=tried)
            frame = beside_baseline(tables, frame, groups, baseline, level=level)
        return explained(
            frame,
            tables,
            formula="opted out and delivered / delivered",
            numerator="delivered recipients flagged as opted out, or who replied so (tiers 1 and 2)",
            denominator="recipients delivered, each number of a send once",
            **scope(counts, n="recipients"),
            notes=(f"interval: Wilson with effective sample size, {level:.0%}",),
        )


def _optout_counts(keys: Keys, rest: str) -> str:
    """Write the SQL that counts recipients and opt-outs per group."""
    return f"""
        SELECT {keys.select}
            count(*) AS "recipients",
            count(*) FILTER (WHERE "status" = 'delivered') AS "delivered",
            count(*) FILTER (WHERE "status" = 'pending') AS "pending",
            count(*) FILTER (WHERE "optout" OR "asked_number" IS NOT NULL) AS "all_optouts",
            count(*) FILTER (
                WHERE "status" = 'delivered' AND ("optout" OR "asked_number" IS NOT NULL)
            ) AS "optouts",
            min(unix_micros("sent_at")) AS "first",
            max(unix_micros("sent_at")) AS "last"
        FROM {keys.source}
        {rest}
        {keys.group}
    """


def still_out(evidence: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of `optouts` of who opted out by the gateway's or their own word, and stays out."""
    told = evidence["reply_at"].notna() | evidence["flag_at"].notna()
    return evidence[evidence["certain"] & evidence["cleared_at"].isna() & told]


def opted_out(
    store: OptOutTables, heard: pd.DataFrame | None = None, *, about: Collection[str] | None = None
) -> OptedOut:
    """Give all evidence of opt-outs that a store holds.

    Parameters
    ----------
    store : Store
        The store.
    heard : DataFrame or None
        The table replies: those that came since the store was synced.
    about : collection of str or None
        The numbers that matter, so that no reply of others is read; default: all.

    Returns
    -------
    OptedOut
        ``evidence``: what `optouts` gives. ``replies``: those it rests on, classified as `classify_replies`
        does: opt-outs, what may be one, and later a START. ``unclear``: the evidence whose number lacks its
        country, or has more before it; whoever it may mean is not to be taken for somebody who did not opt
        out.
    """
    replies, messages = store.read("replies"), store.scan("messages")
    if heard is not None and len(heard):
        replies = pd.concat([replies, heard[list(replies.columns)]]).drop_duplicates("id")
    if about is not None:
        replies = replies[replies["msisdn"].isin(about) | may_be_unclear(replies["msisdn"])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of one store, whose few replies may answer no message
        classified = classify_replies(in_letters(replies), messages=messages)
    found = optouts(
        replies=classified,
        dlrs=store.scan("dlrs"),
        optouts=store.scan("optouts"),
        list_members=store.scan("list_members"),
    )
    evidence = out_of_letters(found)
    matters = classified["optout_tier"].notna() | (classified["kind"] == "optin")
    told = out_of_letters(classified[matters].reset_index(drop=True))
    odd = {number for number in evidence["msisdn"].unique() if is_unclear(number)}
    meant = those_meant(odd, messages=messages, list_members=store.scan("list_members"))
    of_another = {number for number in odd if number.startswith("0")}
    of_another |= {one for number in meant if (one := written_as(number, odd)) is not None}
    unclear = evidence["msisdn"].isin(of_another)
    clear = evidence[~unclear].reset_index(drop=True)
    clear.attrs = found.attrs
    return OptedOut(clear, told, evidence[unclear].reset_index(drop=True))


def _classified(replies: Source, messages: Source | None) -> pd.DataFrame:
    """Give classified replies, as they came or made so."""
    if isinstance(replies, pd.DataFrame) and {"kind", "optout_tier"} <= set(replies.columns):
        return replies
    return classify_replies(replies, messages=messages)


def _events(tables: Tables) -> pd.DataFrame:
    """Line up all evidence: number, source, when at the earliest, when known; instants are microseconds."""
    makers = {
        "replies": _reply_events,
        "callbacks": _callback_events,
        "dlrs": _flag_events,
        "optouts": _flag_events,
        "list_members": _list_events,
    }
    frames = [makers[name](tables, name) for name in makers if name in tables]
    events = [frame.reindex(columns=list(_EVENTS)).astype(_EVENTS) for frame in frames]
    return pd.concat(events, ignore_index=True)


def _reply_events(tables: Tables, table: str) -> pd.DataFrame:
    tables.require(table, "msisdn", "received_at")
    send = _answered_send(tables, table)
    # What only the model takes for an opt-in undoes no opt-out.
    by_rule = """ AND "sign" <> 'model'""" if tables.has(table, "sign") else ""
    back = f"""("kind" = 'optin'{by_rule})"""
    return tables.query(f"""
        SELECT "msisdn", unix_micros("received_at") AS "at", unix_micros("received_at") AS "known", {send},
            {_written_to(tables, table)} AS "sender", {_says_all(tables, table)} AS "whole",
            CASE WHEN {back} THEN 'start' WHEN "optout_tier" <= 2 THEN 'reply' ELSE 'review' END AS "source"
        FROM @{table} WHERE {back} OR "optout_tier" IS NOT NULL
    """)


def _callback_events(tables: Tables, table: str) -> pd.DataFrame:
    tables.require(table, "msisdn", "received_at", "is_optout")
    words = ", ".join(f"'{word}'" for word in OPTED_OUT_WORDS)
    return tables.query(f"""
        SELECT "msisdn", unix_micros("received_at") AS "at", unix_micros("received_at") AS "known",
            'callback' AS "source", {_answered_send(tables, table)},
            {_written_to(tables, table)} AS "sender"
        FROM @{table} WHERE lower(CAST("is_optout" AS STRING)) IN ({words})
    """)


def _written_to(tables: Tables, table: str) -> str:
    return '"longcode"' if tables.has(table, "longcode") else "CAST(NULL AS STRING)"


def _says_all(tables: Tables, table: str) -> str:
    """Whether a stop names everything, such as "STOP ALL"."""
    if not tables.has(table, "response"):
        return "FALSE"
    words = "'stopall', 'optoutall', 'unsubscribeall'"
    return f"""coalesce(replace(lower("response"), ' ', '') IN ({words}), FALSE)"""


def _answered_send(tables: Tables, table: str) -> str:
    """The send that a reply answers, where it is named."""
    named = '"message_id"' if tables.has(table, "message_id") else "CAST(NULL AS BIGINT)"
    return f'{named} AS "send"'


def _flag_events(tables: Tables, table: str) -> pd.DataFrame:
    tables.require(table, "msisdn", "sent_at")
    if table == "dlrs":
        tables.require(table, "optout")
    flagged = 'WHERE "optout"' if table == "dlrs" else ""
    send = 'min("message_id")' if tables.has(table, "message_id") else "CAST(NULL AS BIGINT)"
    return tables.query(f"""
        SELECT "msisdn", unix_micros("sent_at") AS "at", {_read_at(tables, table)} AS "known",
            'flag' AS "source", {send} AS "send", CAST({_lowest_list(tables, table)} AS STRING)
                AS "lists"
        FROM @{table} {flagged} GROUP BY "msisdn", "sent_at"
    """)


def _list_events(tables: Tables, table: str) -> pd.DataFrame:
    tables.require(table, "msisdn", "status")
    created = 'unix_micros("created_at")' if tables.has(table, "created_at") else "CAST(NULL AS BIGINT)"
    lists = '"list_id"' if tables.has(table, "list_id") else "CAST(NULL AS BIGINT)"
    events = tables.query(f"""
        SELECT "msisdn", min({created}) AS "at", {_read_at(tables, table)} AS "known", {lists} AS "on_list"
        FROM @{table}
        WHERE replace(replace(replace(lower("status"), '-', ''), '_', ''), ' ', '')
            IN ('optout', 'optedout', 'unsubscribed')
        GROUP BY "msisdn", {lists}
    """)
    events = events.astype({"on_list": "Int64"})
    joined = events.groupby("msisdn").agg(at=("at", "min"), known=("known", "max"))
    joined["lists"] = _with_commas(events.sort_values(["msisdn", "on_list"]), ["msisdn"], "on_list")
    return joined.reset_index().assign(source="list")


def _lowest_list(tables: Tables, table: str) -> str:
    return 'min(CAST("list_id" AS BIGINT))' if tables.has(table, "list_id") else "CAST(NULL AS BIGINT)"


def _with_commas(rows: pd.DataFrame, by: list[str], column: str) -> pd.Series:
    """Write for each group what there is in a column, each once, with commas between."""
    named = rows.dropna(subset=column).drop_duplicates([*by, column])
    texts, many = named.set_index(by)[column].astype("str"), named.duplicated(by, keep=False).to_numpy()
    joined = pd.concat([texts[~many], texts[many].groupby(level=by).agg(",".join)])
    return joined.where(joined != "")


def _read_at(tables: Tables, table: str) -> str:
    return 'min(unix_micros("synced_at"))' if tables.has(table, "synced_at") else "CAST(NULL AS BIGINT)"


def _with_showing(events: pd.DataFrame) -> pd.DataFrame:
    """Add when each piece of evidence shows: a list status when it was read, else as the contact was made."""
    read = events["known"].fillna(events["at"])
    return events.assign(shown=events["at"].where(events["source"] != "list", read))


def _evidence_span(events: pd.DataFrame) -> TimeSpan:
    """Tell when the first and the last piece of evidence shows; a contact's creation is none."""
    evidence = events[events["source"] != "start"]
    shown = evidence["shown"].where((evidence["source"] != "list") | evidence["known"].notna())
    why = "no evidence has a date" if len(evidence) else "there is no evidence"
    return TimeSpan(shown.min(), shown.max(), clock="evidence", why=why)


def _periods(events: pd.DataFrame) -> pd.DataFrame:
    """Cut each number's evidence into periods that a START ends, and tell what each period shows.

    What a list says without a date it says now, after every START; nothing dates from before the last START.
    """
    starts = events["source"] == "start"
    undated = events["known"].isna() & (events["source"] == "list")
    rows = events.assign(start=starts, turn=events["shown"].mask(undated))
    rows = rows.sort_values(["msisdn", "turn", "start"], na_position="last")
    rows["block"] = rows.groupby("msisdn")["start"].cumsum() - rows["start"]
    began = rows["shown"].where(rows["start"]).groupby(rows["msisdn"]).ffill()
    later = ~rows["start"] & (rows["at"] < began).fillna(False)
    frame = _firsts(rows.assign(at=rows["at"].mask(later, began)))
    frame = frame[frame["certain"] | frame["review_at"].notna()].reset_index()
    return frame.assign(period=frame.groupby("msisdn").cumcount() + 1)


def _firsts(rows: pd.DataFrame) -> pd.DataFrame:
    """Give one row per number and block: the first of each kind of evidence, and what was certain first."""
    block = ["msisdn", "block"]
    frame = rows[block].drop_duplicates().set_index(block)
    sources = {**_EVIDENCE_COLUMNS, "review": "review_at", "start": "cleared_at"}
    for source, column in sources.items():
        frame[column] = rows[rows["source"] == source].groupby(block)["shown"].min()
    certain = rows[rows["source"].isin(_EVIDENCE_COLUMNS)]
    certain = certain.assign(rank=certain["source"].map(_TRUTH_ORDER))
    best = certain.sort_values([*block, "known", "rank", "at"], na_position="last").drop_duplicates(block)
    best = best.set_index(block).rename(columns={"at": "first_optout_at", "known": "known_at"})
    frame = frame.join(best[["first_optout_at", "known_at", "source"]]).join(_unexplained(certain, block))
    frame = frame.join(_scopes(rows, best, block))
    earlier = frame["possible_at"].notna() & ~(frame["first_optout_at"] < frame["possible_at"]).fillna(False)
    return frame.assign(
        certain=frame["source"].notna(),
        source=frame["source"].fillna("review"),
        possible_at=frame["possible_at"].where(earlier, frame["first_optout_at"]),
        flag_message_id=frame["flag_message_id"].where(earlier),
    )


def _scopes(rows: pd.DataFrame, best: pd.DataFrame, block: list[str]) -> pd.DataFrame:
    """Tell how far each block's opt-out reaches, by the evidence that counts for it."""
    said = rows.sort_values([*block, "shown", "sender"])
    stops, unclear = said[said["source"].isin(["reply", "callback"])], said[said["source"] == "review"]
    first = pd.concat([stops, unclear]).drop_duplicates(block).set_index(block)
    stopped = stops.groupby(block)
    frame = pd.DataFrame({"scope_sender": first["sender"]}, index=rows.set_index(block).index.unique())
    frame["scope_senders"] = _with_commas(stops, block, "sender")
    frame["last_stop_at"] = stopped["shown"].max()
    frame["scope_lists"] = best["lists"].reindex(frame.index)
    lists = rows[rows["source"] == "list"].drop_duplicates(block).set_index(block)["lists"]
    frame["scope_lists"] = frame["scope_lists"].fillna(lists)
    by_list = best["source"].isin(["flag", "list"]).reindex(frame.index, fill_value=False)
    whole = first["whole"].reindex(frame.index).fillna(False).astype("bool")
    scope = pd.Series("sender", index=frame.index, dtype="object").where(frame["scope_sender"].notna())
    scope = scope.mask(whole, "account").mask(by_list, "list")
    return frame.assign(scope=scope.where(~by_list | frame["scope_lists"].notna()))


def _unexplained(certain: pd.DataFrame, block: list[str]) -> pd.DataFrame:
    """Find the first flag of each block that stands on a send which no reply of the block answers."""
    sends = [*block, "send"]
    replies = certain.loc[certain["source"].isin(["reply", "callback"]), sends].drop_duplicates()
    flags = certain[certain["source"] == "flag"].merge(replies, on=sends, how="left", indicator="answered")
    flags = flags[(flags["answered"] == "left_only") | flags["send"].isna()].sort_values([*block, "at"])
    first = flags.drop_duplicates(block).set_index(block)
    return first[["at", "send"]].rename(columns={"at": "possible_at", "send": "flag_message_id"})


def _asked_to_stop(tables: Tables) -> Computed | pd.DataFrame:
    if "replies" not in tables:
        return pd.DataFrame({"asked_send": pd.array([], "Int64"), "asked_number": pd.array([], "str")})
    pairs = '"message_id" AS "asked_send", "msisdn" AS "asked_number"'
    return Computed(f'SELECT DISTINCT {pairs} FROM @replies WHERE "optout_tier" <= 2')
