"""Breaches: what was sent to people after they had opted out, and whether the deadline to stop had passed.

Owns the working-day clocks. Not legal advice. Imports of smsdata only errors and analysis.core.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

import numpy as np
import pandas as pd

from smsdata.analysis.core.apart import each_account
from smsdata.analysis.core.column_types import instants, typed
from smsdata.analysis.core.engine import Source, Tables, open_tables
from smsdata.analysis.core.grouping import check_zone
from smsdata.analysis.core.provenance import explained
from smsdata.errors import UsageError

WORKING_DAYS = {"AU": 5, "US": 10}
"""Days to honour an opt-out: Australia 5 working days (ACMA), US 10 business days (47 CFR 64.1200(a)(10))."""
_ZONES = {"AU": "Australia/Sydney", "US": "America/New_York"}
_PERIOD = (
    "msisdn", "first_optout_at", "known_at", "possible_at", "flag_message_id", "review_at", "cleared_at",
    "scope", "scope_sender", "scope_senders", "last_stop_at", "scope_lists",
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
    "scope": "str",
    "why": "str",
    "hours_after": "float64",
    "deadline_at": "utc",
    "working_days": "int64",
    "past_deadline": "bool",
    "breach": "str",
}


@each_account
def sent_after_optout(
    messages: Source,
    optouts: Source,
    *,
    rule: str = "AU",
    working_days: int | None = None,
    holidays: Collection[date] = (),
    tz: str | None = None,
    include_review: bool = False,
    account_wide: bool = False,
    dlrs: Source | None = None,
) -> pd.DataFrame:
    """List the messages sent to numbers that had opted out, and whether the deadline to stop had passed.

    There is no ``mature_only``: sending is the breach, whatever became of the message.

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
    account_wide : bool
        Every opt-out counts for the whole account: Global Opt Out is on, or you hold yourself to that.
    dlrs : DataFrame, Scan, Spark DataFrame or None
        The table dlrs, for the list that each message went to, where ``messages`` has no ``list_id``.

    Returns
    -------
    DataFrame
        One row per message sent while its number was opted out, in order of ``sent_at``:

        - ``msisdn`` (str), ``id`` (Int64, NA where the table has none), ``message_id`` (int64), ``sent_at``
          (datetime64[us, UTC]), ``sender``, ``status`` (str, missing where the table has none);
        - ``first_optout_at``: as in `optouts`; ``source`` (str): the evidence that the message came after an
          opt-out, which may be another and weaker one where the message came before ``first_optout_at``;
        - ``certain`` (bool): it was sent after the opt-out had certainly happened (``known_at``), and within
          its scope;
        - ``scope`` (str): how far the opt-out reaches: "sender" (messages from the number it was written to),
          "list" (messages to the lists that say so), "account" (all); missing where that is not known;
        - ``why`` (str): why it is not certain: "may have been sent before" (only a flag or a list status
          tells of the opt-out, and was read later), "for review", "another sender", "another list", "scope
          not known" (also where the message's own sender or list is not); missing where certain;
        - ``hours_after`` (float64): from the opt-out to the message: after ``known_at`` from then, so at
          least that long; else from the earliest time it may have happened, so at most that long;
        - ``deadline_at`` (datetime64[us, UTC]): the end of the last working day to act, counted from the same
          time;
        - ``working_days`` (int64): how many of them the deadline leaves; ``past_deadline`` (bool); ``breach``
          (str): "before the deadline" or "past deadline".

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
    >>> from smsdata.analysis import optouts
    >>> gone = optouts(replies=pd.DataFrame({
    ...     "id": [5], "msisdn": "61491570156", "longcode": "61491570006", "response": ["Stop"],
    ...     "received_at": pd.to_datetime(["2026-11-02T01:00"], utc=True),
    ... }))
    >>> messages = pd.DataFrame({
    ...     "message_id": [11, 12], "msisdn": "61491570156", "sender": "61491570006",
    ...     "sent_at": pd.to_datetime(["2026-11-04T01:00", "2026-11-12T01:00"], utc=True),
    ... })
    >>> sent_after_optout(messages, gone)[["message_id", "hours_after", "breach"]]
       message_id  hours_after               breach
    0          11         48.0  before the deadline
    1          12        240.0        past deadline
    """
    days, zone = _clock(rule, working_days, tz)
    with open_tables("sent_after_optout", messages=messages, optouts=optouts, dlrs=dlrs) as tables:
        tables.require("messages", "message_id", "msisdn", "sent_at")
        tables.require("optouts", *_PERIOD, "source", "certain")
        tables.require_keys("optouts", ("msisdn", "period"))
        tables.require_keys("messages", ("id",), ("message_id", "msisdn"))
        if dlrs is not None:
            tables.require("dlrs", "message_id", "msisdn")
            tables.require_keys("dlrs", ("message_id", "msisdn"))
        rows = _with_reasons(_sent_after(tables, include_review, account_wide))
        if rows.empty:
            tables.warn_unmatched("messages", "optouts", ("msisdn", "msisdn"))
        window, pending = tables.span("messages")
        deadline = _deadlines(rows["since"], days, holidays, zone)
        past = (rows["sent_at"] >= deadline).astype("bool")
        full = rows.assign(
            hours_after=(rows["sent_at"] - rows["since"]) / 3.6e9,
            deadline_at=deadline,
            past_deadline=past,
            working_days=days,
            breach=np.where(past, "past deadline", "before the deadline"),
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


def _clock(rule: str, working_days: int | None, tz: str | None) -> tuple[int, str]:
    if rule not in WORKING_DAYS:
        raise UsageError(
            f"sent_after_optout: rule={rule!r} is unknown; give one of {', '.join(WORKING_DAYS)}."
        )
    days = WORKING_DAYS[rule] if working_days is None else working_days
    if days < 0:
        raise UsageError(f"sent_after_optout: working_days={days} is negative; give 0 or more.")
    zone = tz or _ZONES[rule]
    check_zone("sent_after_optout", zone)
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


def _with_reasons(rows: pd.DataFrame) -> pd.DataFrame:
    """Call certain what was sent after the opt-out was known and within its scope; else tell why not."""
    known, within = rows["after_known"].astype("bool"), rows["within"].astype("boolean")
    why = pd.Series("scope not known", index=rows.index, dtype="object")
    why = why.mask(within.eq(False).fillna(False), "another " + rows["scope"].astype("object"))
    why = why.mask(~known, "may have been sent before").mask(rows["source"] == "review", "for review")
    certain = known & within.fillna(False).astype("bool")
    return rows.assign(certain=certain, why=why.mask(certain))


def _plain(sender: str) -> str:
    """Spell a sender for comparison: in small letters, without blanks and plus signs."""
    return f"replace(replace(lower({sender}), '+', ''), ' ', '')"


def _listed_as(text: str, item: str) -> str:
    """Whether an item is one of those that a text names with commas between."""
    return f"(',' || {text} || ',') LIKE ('%,' || {item} || ',%')"


def _sent_after(tables: Tables, include_review: bool, account_wide: bool) -> pd.DataFrame:
    """Join messages with the periods in which their number was opted out; instants are microseconds."""

    def own(column: str, kind: str) -> str:
        return f'm."{column}"' if tables.has("messages", column) else f"CAST(NULL AS {kind})"

    sender = _plain(own("sender", "STRING"))
    to_list, lists = f"CAST(CAST({own('list_id', 'BIGINT')} AS BIGINT) AS STRING)", ""
    if not tables.has("messages", "list_id") and tables.has("dlrs", "list_id"):
        to_list = 'CAST(CAST(d."list_id" AS BIGINT) AS STRING)'
        lists = """LEFT JOIN (
            SELECT "message_id", "msisdn", min("list_id") AS "list_id"
            FROM @dlrs WHERE "msisdn" IN (SELECT "msisdn" FROM @optouts) GROUP BY "message_id", "msisdn"
        ) AS d ON m."message_id" = d."message_id" AND m."msisdn" = d."msisdn\""""
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
            o."certain" AND coalesce(unix_micros(m."sent_at") > o."known_at", FALSE) AS "after_known",
            CASE WHEN :account_wide THEN 'account' ELSE o."scope" END AS "scope",
            CASE WHEN :account_wide OR o."scope" = 'account' THEN TRUE
                WHEN o."scope" = 'sender' THEN {sender} = {_plain('o."scope_sender"')} OR (
                    unix_micros(m."sent_at") > unix_micros(o."last_stop_at")
                    AND {_listed_as(_plain('o."scope_senders"'), sender)}
                )
                WHEN o."scope" = 'list' THEN {_listed_as('o."scope_lists"', to_list)}
                END AS "within"
        FROM @messages AS m
        {lists}
        JOIN (
            SELECT "msisdn", "source", "certain", unix_micros("first_optout_at") AS "first_optout_at",
                unix_micros("known_at") AS "known_at", unix_micros("cleared_at") AS "cleared_at",
                unix_micros(coalesce("first_optout_at", "known_at")) AS "dated",
                unix_micros("possible_at") AS "possible",
                CASE WHEN :include_review THEN unix_micros("review_at") END AS "review",
                "flag_message_id", "scope", "scope_sender", "scope_senders", "last_stop_at", "scope_lists"
            FROM @optouts WHERE "certain" OR :include_review
        ) AS o
            ON m."msisdn" = o."msisdn"
                AND unix_micros(m."sent_at") > least(o."dated", o."possible", o."review")
                AND (o."cleared_at" IS NULL OR unix_micros(m."sent_at") < o."cleared_at")
                AND (o."flag_message_id" IS NULL OR m."message_id" <> o."flag_message_id")
        ORDER BY "sent_at", m."message_id", m."msisdn", "id"
        """,
        include_review=include_review,
        account_wide=account_wide,
    )
