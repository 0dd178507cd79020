"""Opt-outs: who asked to be left alone, since when, and what was sent to them afterwards.

Owns the merging of evidence and the working-day clocks. Not legal advice. Imports of smsdata only errors and,
within analysis, the engine, grouping, provenance, replies and stats.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from smsdata.analysis.core.engine import MATURE, Source, Tables, instants, open_tables, typed
from smsdata.analysis.core.grouping import By, group_keys
from smsdata.analysis.core.provenance import Window, explained, span
from smsdata.analysis.core.statistics import rate, wilson
from smsdata.analysis.replies import classify_replies
from smsdata.errors import UsageError

WORKING_DAYS = {"AU": 5, "US": 10}
"""Days to honour an opt-out: Australia 5 working days (ACMA), US 10 business days (47 CFR 64.1200(a)(10))."""

_EVIDENCE = {"reply": "reply_at", "callback": "callback_at", "flag": "flag_at", "list": "list_at"}
_OPTOUTS = {
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
}
_PERIOD = (
    "msisdn", "first_optout_at", "known_at", "possible_at", "flag_message_id", "review_at", "cleared_at",
)  # fmt: skip
_BREACHES = {
    "msisdn": "str",
    "id": "Int64",
    "message_id": "int64",
    "sent_at": "utc",
    "sender": "str",
    "status": "str",
    "first_optout_at": "utc",
    "source": "str",
    "certain": "bool",
    "hours_after": "float64",
    "deadline_at": "utc",
    "past_deadline": "bool",
    "breach": "str",
}
_RATES = {
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
}
_EVENTS = {"msisdn": "str", "source": "str", "at": "Int64", "known": "Int64", "send": "Int64"}
# The gateway's word stands before ours where both name the same instant.
_TRUTH_ORDER = {"callback": 0, "flag": 1, "list": 2, "reply": 3}
_ZONES = {"AU": "Australia/Sydney", "US": "America/New_York"}


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
        - ``cleared_at`` (datetime64[us, UTC]): the START that ended the period; NaT if still opted out.

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
    given = {
        "replies": classified,
        "dlrs": dlrs,
        "optouts": optouts,
        "list_members": list_members,
        "callbacks": callbacks,
    }
    if all(source is None for source in given.values()):
        raise UsageError("optouts: no table given; give at least one of " + ", ".join(given) + ".")
    with open_tables("optouts", **given) as tables:
        events = _shown(_events(tables))
        return explained(
            typed(_periods(events), _OPTOUTS),
            tables,
            formula="the gateway's flag, callback or list, or a reply of tier 1 or 2; a later START clears",
            numerator="numbers with evidence of an opt-out",
            denominator="all evidence given: " + ", ".join(name for name in given if name in tables),
            window=_window(events),
            pending="an opt-out counts whether its message arrived or not",
        )


def sent_after_optout(
    messages: Source,
    optouts: Source,
    *,
    rule: str = "AU",
    working_days: int | None = None,
    holidays: Collection[date] = (),
    tz: str | None = None,
    include_review: bool = False,
) -> pd.DataFrame:
    """List the messages sent to numbers that had opted out, and whether the deadline to stop had passed.

    Parameters
    ----------
    messages : DataFrame, Scan or Spark DataFrame
        The table messages or dlrs: ``message_id``, ``msisdn``, ``sent_at``; ``id``, ``sender``, ``status``
        where there. Leave out what may be sent regardless, such as appointment reminders.
    optouts : DataFrame
        What `optouts` gave.
    rule : {"AU", "US"}
        5 working days (Australia) or 10 business days (United States).
    working_days : int or None
        Another number of days than the rule's.
    holidays : collection of date
        Days that are no working days, besides Saturdays and Sundays.
    tz : str or None
        IANA time zone in which days begin; default Australia/Sydney or America/New_York, by rule.
    include_review : bool
        Also list messages after a reply of tier 3 or 4, for a person to look at.

    Returns
    -------
    DataFrame
        One row per message sent while its number was opted out, in order of ``sent_at``:

        - ``msisdn`` (str), ``id`` (Int64, NA where the table has none), ``message_id`` (int64), ``sent_at``
          (datetime64[us, UTC]), ``sender``, ``status`` (str, missing where the table has none);
        - ``first_optout_at``: as in `optouts`; ``source`` (str): the evidence that the message came after an
          opt-out, which may be another and weaker one where the message came before ``first_optout_at``;
        - ``certain`` (bool): it was sent after the opt-out had certainly happened (``known_at``). False where
          only a flag or a list status tells of the opt-out and the message was sent before that was read,
          and for review;
        - ``hours_after`` (float64): from the opt-out to the message: where ``certain`` from ``known_at``, so
          at least that long; else from the earliest time it may have happened, so at most that long;
        - ``deadline_at`` (datetime64[us, UTC]): the end of the last working day to act, counted from the same
          time;
        - ``past_deadline`` (bool); ``breach`` (str): "immediate" or "past deadline".

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive, a key repeats, or rule, days or time zone are unknown.

    Notes
    -----
    Working days are counted from the day after the opt-out: of the readings of "within 5 working days" the
    one that leaves most time; earlier messages are in the list too. One confirmation of the opt-out is
    usually allowed: it shows as a small ``hours_after``. The message whose own flag is the evidence is no
    breach, even where the tables messages and dlrs time it seconds apart. The list tells what the tables
    show; no row does not mean no breach. Not legal advice.

    References
    ----------
    ACMA, "Avoid sending spam" (5 working days); FCC, 47 CFR 64.1200(a)(10) (10 business days).

    Examples
    --------
    >>> import pandas as pd
    >>> gone = optouts(replies=pd.DataFrame({
    ...     "id": [5], "msisdn": "61491570156", "longcode": "61491570006", "response": ["Stop"],
    ...     "received_at": pd.to_datetime(["2026-11-02T01:00"], utc=True),
    ... }))
    >>> messages = pd.DataFrame({
    ...     "message_id": [11, 12], "msisdn": "61491570156",
    ...     "sent_at": pd.to_datetime(["2026-11-04T01:00", "2026-11-12T01:00"], utc=True),
    ... })
    >>> sent_after_optout(messages, gone)[["message_id", "hours_after", "breach"]]
       message_id  hours_after         breach
    0          11         48.0      immediate
    1          12        240.0  past deadline
    """
    days, zone = _clock(rule, working_days, tz)
    with open_tables("sent_after_optout", messages=messages, optouts=optouts) as tables:
        tables.require("messages", "message_id", "msisdn", "sent_at")
        tables.require("optouts", *_PERIOD, "source", "certain")
        tables.require_keys("optouts", ("msisdn", "period"))
        tables.require_keys("messages", ("id",), ("message_id", "msisdn"))
        rows = _sent_after(tables, include_review)
        window, pending = span(tables, "messages")
        deadline = _deadlines(rows["since"], days, holidays, zone)
        past = (rows["sent_at"] >= deadline).astype("bool")
        full = rows.assign(
            hours_after=(rows["sent_at"] - rows["since"]) / 3.6e9,
            deadline_at=deadline,
            past_deadline=past,
            breach=np.where(past, "past deadline", "immediate"),
        )
        return explained(
            typed(full, _BREACHES),
            tables,
            formula=f"sent_at > opt-out; past deadline: {days} working days after it, in {zone}",
            numerator="messages sent while the number was opted out",
            denominator="messages",
            window=window,
            pending=pending,
            notes=("opt-outs without any date are not in it", "not legal advice"),
        )


def optout_rate(
    dlrs: Source,
    *,
    replies: Source | None = None,
    messages: Source | None = None,
    by: By = "campaign",
    tz: str = "UTC",
    now: datetime | str | None = None,
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
    by : str, sequence of str or None
        Groups of recipients: column names, "campaign", "list", "hour", "day", "week", "month", "hour_of_day",
        "weekday", "country".
    tz : str
        IANA time zone in which hours, days, weeks and months begin.
    now : aware datetime, ISO text or None
        The present, for ``mature``; default: the latest ``synced_at``, else the clock.
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
        - ``low``, ``high`` (float64): its Wilson interval;
        - ``optouts_undelivered`` (int64): opt-outs of recipients without a receipt of delivery; not in the
          rate;
        - ``first``, ``last`` (datetime64[us, UTC]): when the first and the last was sent;
        - ``mature`` (boolean): all were sent more than 73 hours ago; NA if empty. Opt-outs by a link can come
          weeks later.

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive, a key repeats, or a grouping or time zone is unknown.

    References
    ----------
    Interval: Brown, Cai & DasGupta 2001.

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
    with open_tables("optout_rate", dlrs=dlrs, replies=classified) as tables:
        tables.require("dlrs", "message_id", "msisdn", "sent_at", "status", "optout")
        tables.require_keys("dlrs", ("message_id", "msisdn"))
        tables.add("asked", _asked_to_stop(classified))
        keys = group_keys(tables, "dlrs", by, tz=tz)
        present = tables.now(now, "dlrs")
        counts = keys.finish(
            tables.query(f"""
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
                LEFT JOIN @asked ON "message_id" = "asked_send" AND "msisdn" = "asked_number"
                {keys.group}
            """)
        )
        low, high = wilson(counts["optouts"], counts["delivered"], level=level)
        full = counts.assign(
            pending_share=rate(counts["pending"], counts["recipients"]),
            rate=rate(counts["optouts"], counts["delivered"]),
            low=low,
            high=high,
            optouts_undelivered=counts["all_optouts"] - counts["optouts"],
            mature=counts["last"] <= present - MATURE,
        )
        total = counts[["pending", "recipients"]].sum()
        return explained(
            pd.concat([counts[keys.names], typed(full, _RATES)], axis=1),
            tables,
            formula="opted out and delivered / delivered",
            numerator="delivered recipients flagged as opted out, or who replied so (tiers 1 and 2)",
            denominator="recipients delivered, each number of a send once",
            window=Window(counts["first"].min(), counts["last"].max()),
            pending=total["pending"] / total["recipients"] if total["recipients"] else None,
            notes=(f"interval: Wilson, {level:.0%}",),
        )


# -- evidence --


def _classified(replies: Source, messages: Source | None) -> pd.DataFrame:
    """Give classified replies, as they came or made so."""
    columns = set(getattr(replies, "columns", ()))
    if isinstance(replies, pd.DataFrame) and {"kind", "optout_tier"} <= columns:
        return replies
    return classify_replies(replies, messages)


def _events(tables: Tables) -> pd.DataFrame:
    """Line up all evidence: number, source, when at the earliest, when known; instants are microseconds."""
    makers = {
        "replies": _reply_events,
        "callbacks": _callback_events,
        "dlrs": _flag_events,
        "optouts": _flag_events,
        "list_members": _list_events,
    }
    found = [makers[name](tables, name) for name in makers if name in tables]
    events = [frame.reindex(columns=list(_EVENTS)).astype(_EVENTS) for frame in found]
    return pd.concat(events, ignore_index=True)


def _reply_events(tables: Tables, table: str) -> pd.DataFrame:
    tables.require(table, "msisdn", "received_at")
    send = _send(tables, table)
    return tables.query(f"""
        SELECT "msisdn", unix_micros("received_at") AS "at", unix_micros("received_at") AS "known", {send},
            CASE WHEN "kind" = 'optin' THEN 'start' WHEN "optout_tier" <= 2 THEN 'reply' ELSE 'review' END
                AS "source"
        FROM @{table} WHERE "kind" = 'optin' OR "optout_tier" IS NOT NULL
    """)


def _callback_events(tables: Tables, table: str) -> pd.DataFrame:
    tables.require(table, "msisdn", "received_at", "is_optout")
    return tables.query(f"""
        SELECT "msisdn", unix_micros("received_at") AS "at", unix_micros("received_at") AS "known",
            'callback' AS "source", {_send(tables, table)}
        FROM @{table} WHERE lower(CAST("is_optout" AS STRING)) IN ('yes', 'true', '1')
    """)


def _send(tables: Tables, table: str) -> str:
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
            'flag' AS "source", {send} AS "send"
        FROM @{table} {flagged} GROUP BY "msisdn", "sent_at"
    """)


def _list_events(tables: Tables, table: str) -> pd.DataFrame:
    tables.require(table, "msisdn", "status")
    created = 'unix_micros("created_at")' if tables.has(table, "created_at") else "CAST(NULL AS BIGINT)"
    return tables.query(f"""
        SELECT "msisdn", min({created}) AS "at", {_read_at(tables, table)} AS "known", 'list' AS "source"
        FROM @{table}
        WHERE replace(replace(replace(lower("status"), '-', ''), '_', ''), ' ', '')
            IN ('optout', 'optedout', 'unsubscribed')
        GROUP BY "msisdn"
    """)


def _read_at(tables: Tables, table: str) -> str:
    return 'min(unix_micros("synced_at"))' if tables.has(table, "synced_at") else "CAST(NULL AS BIGINT)"


def _shown(events: pd.DataFrame) -> pd.DataFrame:
    """Add when each piece of evidence shows: a list status when it was read, else as the contact was made."""
    read = events["known"].fillna(events["at"])
    return events.assign(shown=events["at"].where(events["source"] != "list", read))


def _window(events: pd.DataFrame) -> Window:
    """Tell when the first and the last piece of evidence shows; a contact's creation is none."""
    evidence = events[events["source"] != "start"]
    shown = evidence["shown"].where((evidence["source"] != "list") | evidence["known"].notna())
    why = "no evidence has a date" if len(evidence) else "there is no evidence"
    return Window(shown.min(), shown.max(), clock="evidence", why=why)


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
    sources = {**_EVIDENCE, "review": "review_at", "start": "cleared_at"}
    for source, column in sources.items():
        frame[column] = rows[rows["source"] == source].groupby(block)["shown"].min()
    certain = rows[rows["source"].isin(_EVIDENCE)]
    certain = certain.assign(rank=certain["source"].map(_TRUTH_ORDER))
    best = certain.sort_values([*block, "known", "rank", "at"], na_position="last").drop_duplicates(block)
    best = best.set_index(block).rename(columns={"at": "first_optout_at", "known": "known_at"})
    frame = frame.join(best[["first_optout_at", "known_at", "source"]]).join(_unexplained(certain, block))
    earlier = frame["possible_at"].notna() & ~(frame["first_optout_at"] < frame["possible_at"]).fillna(False)
    return frame.assign(
        certain=frame["source"].notna(),
        source=frame["source"].fillna("review"),
        possible_at=frame["possible_at"].where(earlier, frame["first_optout_at"]),
        flag_message_id=frame["flag_message_id"].where(earlier),
    )


def _unexplained(certain: pd.DataFrame, block: list[str]) -> pd.DataFrame:
    """Find the first flag of each block that stands on a send which no reply of the block answers."""
    sends = [*block, "send"]
    replies = certain.loc[certain["source"].isin(["reply", "callback"]), sends].drop_duplicates()
    flags = certain[certain["source"] == "flag"].merge(replies, on=sends, how="left", indicator="answered")
    flags = flags[(flags["answered"] == "left_only") | flags["send"].isna()].sort_values([*block, "at"])
    first = flags.drop_duplicates(block).set_index(block)
    return first[["at", "send"]].rename(columns={"at": "possible_at", "send": "flag_message_id"})


def _asked_to_stop(classified: pd.DataFrame | None) -> pd.DataFrame:
    empty = pd.DataFrame({"message_id": pd.array([], "Int64"), "msisdn": pd.array([], "str")})
    asked = empty if classified is None else classified[(classified["optout_tier"] <= 2).fillna(False)]
    pairs = asked[["message_id", "msisdn"]].dropna().drop_duplicates()
    return pairs.rename(columns={"message_id": "asked_send", "msisdn": "asked_number"})


# -- clocks --


def _clock(rule: str, working_days: int | None, tz: str | None) -> tuple[int, str]:
    if rule not in WORKING_DAYS:
        raise UsageError(
            f"sent_after_optout: rule={rule!r} is unknown; give one of {', '.join(WORKING_DAYS)}."
        )
    days = WORKING_DAYS[rule] if working_days is None else working_days
    if days < 0:
        raise UsageError(f"sent_after_optout: working_days={days} is negative; give 0 or more.")
    zone = tz or _ZONES[rule]
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"sent_after_optout: tz={zone!r} is no time zone; write 'Australia/Sydney'."
        ) from None
    return days, zone


def _deadlines(since: pd.Series, days: int, holidays: Collection[date], zone: str) -> pd.Series:
    """Give the end of the last working day to act, in microseconds."""
    local = instants(since).dt.tz_convert(zone).dt.tz_localize(None).to_numpy("datetime64[D]")
    closed = np.array([np.datetime64(day, "D") for day in holidays], dtype="datetime64[D]")
    last = np.busday_offset(local, days, roll="backward", holidays=closed)
    midnight = pd.DatetimeIndex((last + np.timedelta64(1, "D")).astype("datetime64[us]"))
    ends = midnight.tz_localize(
        zone, nonexistent=timedelta(hours=1), ambiguous=np.zeros(len(midnight), dtype=bool)
    )
    return pd.Series(ends.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[us]").astype("int64"))


def _sent_after(tables: Tables, include_review: bool) -> pd.DataFrame:
    """Join messages with the periods in which their number was opted out; instants are microseconds."""

    def own(column: str, kind: str) -> str:
        return f'm."{column}"' if tables.has("messages", column) else f"CAST(NULL AS {kind})"

    return tables.query(
        f"""
        SELECT m."msisdn", {own("id", "BIGINT")} AS "id", m."message_id",
            unix_micros(m."sent_at") AS "sent_at",
            {own("sender", "STRING")} AS "sender", {own("status", "STRING")} AS "status",
            o."first_optout_at",
            CASE WHEN o."certain" AND unix_micros(m."sent_at") > o."known_at" THEN o."known_at"
                WHEN unix_micros(m."sent_at") > o."dated" THEN o."dated"
                WHEN unix_micros(m."sent_at") > o."possible" THEN o."possible" ELSE o."review" END AS "since",
            CASE WHEN unix_micros(m."sent_at") > o."dated" THEN o."source"
                WHEN unix_micros(m."sent_at") > o."possible" THEN 'flag' ELSE 'review' END AS "source",
            o."certain" AND coalesce(unix_micros(m."sent_at") > o."known_at", FALSE) AS "certain"
        FROM @messages AS m
        JOIN (
            SELECT "msisdn", "source", "certain", unix_micros("first_optout_at") AS "first_optout_at",
                unix_micros("known_at") AS "known_at", unix_micros("cleared_at") AS "cleared_at",
                unix_micros(coalesce("first_optout_at", "known_at")) AS "dated",
                unix_micros("possible_at") AS "possible",
                CASE WHEN :include_review THEN unix_micros("review_at") END AS "review",
                "flag_message_id"
            FROM @optouts WHERE "certain" OR :include_review
        ) AS o
            ON m."msisdn" = o."msisdn"
                AND unix_micros(m."sent_at") > least(o."dated", o."possible", o."review")
                AND (o."cleared_at" IS NULL OR unix_micros(m."sent_at") < o."cleared_at")
                AND (o."flag_message_id" IS NULL OR m."message_id" <> o."flag_message_id")
        ORDER BY "sent_at", m."message_id", m."msisdn", "id"
        """,
        include_review=include_review,
    )
