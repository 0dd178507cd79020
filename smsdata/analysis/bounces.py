"""Bounces: which numbers are dead, on what evidence, and which only look so.

Owns the rules that decide it. Changes nothing: removing contacts is the work of hygiene. Imports of smsdata
only analysis.core and bounce_days.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from smsdata.analysis.bounce_days import (
    APART_MICROS,
    NOT_JUDGED,
    ORDINARY,
    SPIKE,
    UNJUDGED,
    judged_bounces,
)
from smsdata.analysis.core.apart import each_account
from smsdata.analysis.core.column_types import number_texts, typed
from smsdata.analysis.core.engine import DAY_MICROS, Source, Tables, open_tables
from smsdata.analysis.core.provenance import explained, scope

TIERS = ("remove", "exclude", "review", "cleared")
"""From the strongest evidence to none."""

_HARD = {
    "msisdn": "str",
    "tier": "str",
    "held": "bool",
    "unjudged": "bool",
    "bounces": "int64",
    "days": "int64",
    "inferred": "int64",
    "first_bounce": "utc",
    "last_bounce": "utc",
    "sends": "int64",
    "delivered": "int64",
    "last_delivered": "utc",
    "last_reply": "utc",
    "soft_streak": "int64",
    "soft_since": "utc",
    "possible_new_owner": "bool",
    "conflicts": "int64",
}
_STREAKS = {
    "msisdn": "str",
    "streak": "int64",
    "status": "str",
    "messages": "int64",
    "first": "utc",
    "last": "utc",
    "days": "float64",
    "review": "bool",
}
_KINDS = {
    "message_id": "int64",
    "bounced": "int64",
    "hard_left": "Int64",
    "soft_left": "Int64",
    "kind": "str",
}
_DLRS = ("message_id", "msisdn", "status", "sent_at")
_BOUNCED = "('hard-bounce', 'soft-bounce', 'bounced')"
_IS_HARD = """ "status" = 'hard-bounce' """.strip()
_IS_SOFT = """ "status" = 'soft-bounce' """.strip()
_IS_PENDING = """ "status" = 'pending' """.strip()
_IS_UNCLEAR = """ "status" = 'bounced' """.strip()
_IS_DELIVERED = """ "status" = 'delivered' """.strip()
_IS_FINAL = f""" "status" = 'delivered' OR "status" IN {_BOUNCED} """.strip()


@each_account
def hard_bounced(
    dlrs: Source,
    replies: Source | None = None,
    *,
    campaigns: Source | None = None,
    status_history: Source | None = None,
    messages: Source | None = None,
    soft_streak: int = 7,
    soft_days: int = 30,
    owner_days: int = 180,
    hold_spikes: bool = True,
    include_cleared: bool = False,
) -> pd.DataFrame:
    """Tell which numbers hard-bounce, how sure that is, and what speaks against it.

    A number counts as dead while its last sign of life (a message delivered, a reply) is older than its last
    hard bounce. Only a receipt that says ``hard-bounce`` is evidence; ``bounced``, of unknown kind, is none
    unless the counters of its campaign decide it (see `bounce_kinds`).

    There is no ``mature_only``: a hard bounce is final, however fresh its message.

    Parameters
    ----------
    dlrs : DataFrame, Scan or Spark DataFrame
        ``message_id``, ``msisdn``, ``status``, ``sent_at``; ``delivered_at`` and ``copies`` where there.
    replies : DataFrame, Scan or Spark DataFrame, optional
        ``msisdn``, ``received_at``: a reply after the bounce clears the number.
    campaigns : DataFrame, Scan or Spark DataFrame, optional
        ``message_id``, ``hard_bounced``, ``soft_bounced``, ``delivered`` where there: decide what ``bounced``
        means.
    status_history : DataFrame, Scan or Spark DataFrame, optional
        ``message_id``, ``msisdn``, ``status``: a message seen both delivered and hard-bounced is no evidence.
    messages : DataFrame, Scan or Spark DataFrame, optional
        ``message_id``, ``sender``: with it the days of each sender are judged too.
    soft_streak, soft_days : int
        A number is to be reviewed after so many soft bounces in a row that span so many days.
    owner_days : int
        A number that bounced hard and is delivered again so many days later may have a new owner.
    hold_spikes : bool
        Judge the days, of the account, of each sender and of each range of numbers: a day has a spike with
        at least 10 hard bounces, and more than three sigmas above those of the nearest 28 comparable days
        (Laney p' chart); with fewer than 8 such days it has one if more than a fifth bounced. Else, or with
        fewer bounces, it cannot be judged. A carrier's outage looks like many dead numbers. False: every day
        counts as ordinary.
    include_cleared : bool
        Also give numbers that bounced hard once but showed life since, as tier "cleared".

    Returns
    -------
    DataFrame
        One row per number, by tier, then number:

        - ``msisdn`` (str);
        - ``tier`` (str): "remove": hard bounces on two days or more since the last sign of life, or one and
          never a delivery; "exclude": one day of hard bounces; "review": a streak of soft bounces, never to
          be removed on that alone; "cleared";
        - ``held`` (bool): without the bounces of days with a spike the tier would be lower; wait;
        - ``unjudged`` (bool): without them, what is left rests on days that cannot be judged, and on no two
          that lie 72 h apart; wait;
        - ``bounces`` (int64): hard bounces ever; ``days`` (int64): UTC days with hard bounces since the last
          sign of life; ``inferred`` (int64): those of ``bounces`` that only a campaign's counters tell;
        - ``first_bounce``, ``last_bounce`` (datetime64[us, UTC]): when those were sent; NaT without any;
        - ``sends``, ``delivered`` (int64): messages to the number, and how many were delivered;
        - ``last_delivered``, ``last_reply`` (datetime64[us, UTC]): the signs of life; NaT if none;
        - ``soft_streak`` (int64), ``soft_since`` (datetime64[us, UTC]): soft bounces since the last sign of
          life and when the first of them was sent;
        - ``possible_new_owner`` (bool): consent of the old owner does not count for a new one;
        - ``conflicts`` (int64): messages seen both delivered and hard-bounced; left out of ``bounces``.

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive, or rows repeat (message_id, msisdn).

    References
    ----------
    Tiers: the gateway calls hard bounces safe to delete (TransmitSMS help); two occurrences after Klaviyo's
    rule for disconnected numbers; seven soft bounces in a row after Tatango. Recycling: Australian numbers
    rest six months (ACMA).

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.to_datetime(["2026-10-01", "2026-10-08", "2026-10-15"], utc=True)
    >>> dlrs = pd.DataFrame({
    ...     "message_id": [1, 2, 3, 1, 2],
    ...     "msisdn": ["61491570156"] * 3 + ["61491570157"] * 2,
    ...     "sent_at": [*days, *days[:2]],
    ...     "status": ["delivered", "hard-bounce", "hard-bounce", "delivered", "hard-bounce"],
    ... })
    >>> hard_bounced(dlrs)[["msisdn", "tier", "bounces", "days"]]
            msisdn     tier  bounces  days
    0  61491570156   remove        2     2
    1  61491570157  exclude        1     1
    """
    given = {"replies": replies, "campaigns": campaigns, "status_history": status_history}
    given["messages"] = messages
    with open_tables("hard_bounced", dlrs=dlrs, **given) as tables:
        _require_receipts(tables)
        for other in ("campaigns", "status_history", "messages"):
            tables.warn_unmatched("dlrs", other, ("message_id", "message_id"))
        days = _messages_per_day(tables)
        verdicts = judged_bounces(tables) if hold_spikes else NOT_JUDGED
        tables.add("verdicts", verdicts)
        evidence = tables.query(
            _evidence_sql(tables),
            streak=soft_streak,
            span=soft_days * DAY_MICROS,
            gap=owner_days * DAY_MICROS,
        )
        frame = _tiered(evidence, soft_streak, soft_days)
        if not include_cleared:
            frame = frame[frame["tier"] != "cleared"].reset_index(drop=True)
        return explained(
            frame,
            tables,
            formula="numbers whose last hard bounce is later than their last delivery or reply",
            numerator="hard bounces, and the UTC days they fell on, since the last sign of life",
            denominator="numbers with at least one bounce",
            **scope(days),
            notes=(_days_judged(verdicts),),
        )


@each_account
def bounce_history(dlrs: Source, numbers: Sequence[str | float] | str | None = None) -> pd.DataFrame:
    """Tell the story of each number that ever bounced: its streaks of equal outcomes, in order of time.

    There is no ``mature_only``: pending messages are left out as it is, and other outcomes are final.

    Parameters
    ----------
    dlrs : DataFrame, Scan or Spark DataFrame
        ``message_id``, ``msisdn``, ``status``, ``sent_at``; ``copies`` where there.
    numbers : sequence of str, int or float, or str, optional
        Only these, in any spelling that `smsdata.to_msisdn` reads; default: every number with a bounce of any
        kind. A warning is given if the receipts have none of them.

    Returns
    -------
    DataFrame
        One row per streak, by number and time; pending messages are no outcome and left out:

        - ``msisdn`` (str); ``streak`` (int64): 1, 2, ... within the number;
        - ``status`` (str): the outcome that all of it share;
        - ``messages`` (int64);
        - ``first``, ``last`` (datetime64[us, UTC]): when its first and last message was sent;
        - ``days`` (float64): between those two;
        - ``review`` (bool): the number's latest streak is one of at least 7 soft bounces over at least
          30 days.

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive, rows repeat (message_id, msisdn), or a number cannot be
        read.

    Examples
    --------
    >>> import pandas as pd
    >>> dlrs = pd.DataFrame({
    ...     "message_id": [1, 2, 3], "msisdn": "61491570156",
    ...     "sent_at": pd.to_datetime(["2026-10-01", "2026-10-08", "2026-10-15"], utc=True),
    ...     "status": ["delivered", "hard-bounce", "hard-bounce"],
    ... })
    >>> bounce_history(dlrs)[["streak", "status", "messages", "days"]]
       streak       status  messages  days
    0       1    delivered         1   0.0
    1       2  hard-bounce         2   7.0
    """
    with open_tables("bounce_history", dlrs=dlrs) as tables:
        _require_receipts(tables)
        streaks = tables.query(_history_sql(tables, numbers))
        last = ~streaks.duplicated("msisdn", keep="last")
        soft = (streaks["status"] == "soft-bounce") & (streaks["messages"] >= 7)
        window, pending = tables.span("dlrs")
        days = (streaks["last"] - streaks["first"]) / DAY_MICROS
        frame = typed(streaks.assign(days=days, review=last & soft & (days >= 30)), _STREAKS)
        return explained(
            frame,
            tables,
            formula="consecutive messages to a number with the same outcome",
            numerator="messages of the streak",
            denominator="messages to the number with an outcome",
            window=window,
            pending=pending,
            notes=("window and pending share: of all messages looked at",),
        )


@each_account
def bounce_kinds(dlrs: Source, campaigns: Source) -> pd.DataFrame:
    """Tell what ``bounced``, a bounce of unknown kind, means where a campaign's counters decide it.

    There is no ``mature_only``: bounces are final, and while messages pend counters only decide less.

    Parameters
    ----------
    dlrs : DataFrame, Scan or Spark DataFrame
        ``message_id``, ``msisdn``, ``status``, ``sent_at``; ``copies`` where there.
    campaigns : DataFrame, Scan or Spark DataFrame
        ``message_id``, ``hard_bounced``, ``soft_bounced``; ``delivered`` where there.

    Returns
    -------
    DataFrame
        One row per campaign with receipts of unknown kind, in order of ``message_id`` (int64):

        - ``bounced`` (int64): how many there are;
        - ``hard_left``, ``soft_left`` (Int64): hard and soft bounces that the counters have beyond the
          receipts of that kind; NA for a campaign without counters;
        - ``kind`` (str): "hard-bounce" if there is room for all among the hard and none among the soft, nor
          among the delivered, which a soft bounce may become; "soft-bounce" if there is room for all among
          the soft and none among the hard; else missing.

    Raises
    ------
    UsageError
        If a column is missing, or rows repeat a key.

    Examples
    --------
    >>> import pandas as pd
    >>> dlrs = pd.DataFrame({
    ...     "message_id": [1, 1, 2], "msisdn": ["61491570156", "61491570157", "61491570156"],
    ...     "sent_at": pd.Timestamp("2026-10-01", tz="UTC"), "status": ["bounced", "hard-bounce", "bounced"],
    ... })
    >>> campaigns = pd.DataFrame({"message_id": [1, 2], "hard_bounced": [2, 1], "soft_bounced": [0, 1]})
    >>> bounce_kinds(dlrs, campaigns)
       message_id  bounced  hard_left  soft_left         kind
    0           1        1          1          0  hard-bounce
    1           2        1          1          1          NaN
    """
    with open_tables("bounce_kinds", dlrs=dlrs, campaigns=campaigns) as tables:
        _require_receipts(tables)
        kinds = tables.query(f'SELECT * FROM ({_kinds_sql(tables)}) AS k ORDER BY "message_id"')
        tables.warn_unmatched("dlrs", "campaigns", ("message_id", "message_id"))
        window, pending = tables.span("dlrs")
        return explained(
            typed(kinds, _KINDS),
            tables,
            formula="counter of the campaign minus receipts of that kind",
            numerator="receipts that say bounced",
            denominator="bounces that the counters have beyond the receipts of known kind",
            window=window,
            pending=pending,
        )


def _require_receipts(tables: Tables) -> None:
    tables.require("dlrs", *_DLRS)
    tables.require_keys("dlrs", ("message_id", "msisdn"))
    others = {
        "replies": ("msisdn", "received_at"),
        "campaigns": ("message_id", "hard_bounced", "soft_bounced"),
        "status_history": ("message_id", "msisdn", "status"),
        "messages": ("message_id", "sender"),
    }
    for table, columns in others.items():
        if table in tables:
            tables.require(table, *columns)
    if "campaigns" in tables:
        tables.require_keys("campaigns", ("message_id",))


def _messages_per_day(tables: Tables) -> pd.DataFrame:
    """Count messages per UTC day, epoch microseconds."""
    return tables.query(f"""
        SELECT unix_micros("sent_at") - unix_micros("sent_at") % {DAY_MICROS} AS "day",
            {tables.total("dlrs", _IS_HARD)} AS "hard",
            {tables.total("dlrs", _IS_FINAL)} AS "final",
            {tables.total("dlrs", _IS_PENDING)} AS "pending",
            {tables.total("dlrs")} AS "n",
            min(unix_micros("sent_at")) AS "first",
            max(unix_micros("sent_at")) AS "last"
        FROM @dlrs
        GROUP BY 1
        ORDER BY 1
    """)


def _days_judged(verdicts: pd.DataFrame) -> str:
    spikes, unjudged = (verdicts["verdict"].isin(those).sum() for those in ([SPIKE], UNJUDGED))
    return f"bounces of days with a spike: {spikes:,}; of days that cannot be judged: {unjudged:,}"


def _kinds_sql(tables: Tables) -> str:
    """Decide per campaign what its receipts of unknown kind are; none without counters."""
    counted = f"""
        SELECT "message_id" AS "of_message",
            {tables.total("dlrs", _IS_UNCLEAR)} AS "bounced",
            {tables.total("dlrs", _IS_HARD)} AS "hard",
            {tables.total("dlrs", _IS_SOFT)} AS "soft",
            {tables.total("dlrs", _IS_DELIVERED)} AS "arrived"
        FROM @dlrs GROUP BY 1
        HAVING count(*) FILTER (WHERE "status" = 'bounced') > 0
    """
    # A soft bounce may have been delivered when the counters were read.
    still = 'AND "delivered" <= "arrived"' if tables.has("campaigns", "delivered") else ""
    return f"""
        SELECT "of_message" AS "message_id", "bounced",
            "hard_bounced" - "hard" AS "hard_left", "soft_bounced" - "soft" AS "soft_left",
            CASE WHEN "soft_bounced" <= "soft" AND "bounced" <= "hard_bounced" - "hard" {still}
                THEN 'hard-bounce'
                WHEN "hard_bounced" <= "hard" AND "bounced" <= "soft_bounced" - "soft" THEN 'soft-bounce'
            END AS "kind"
        FROM ({counted}) AS b LEFT JOIN @campaigns AS c ON b."of_message" = c."message_id"
    """


def _outcomes_sql(tables: Tables) -> str:
    """Give every message to a suspect with its outcome, and when that shows life."""
    status, joins = 'd."status"', ""
    if "campaigns" in tables:
        status = """CASE WHEN d."status" = 'bounced' THEN coalesce(k."kind", 'bounced') ELSE d."status" END"""
        joins += ' LEFT JOIN kinds AS k ON d."message_id" = k."message_id"'
    if "status_history" in tables:
        status = f"""CASE WHEN x."msisdn" IS NOT NULL THEN 'conflict' ELSE {status} END"""
        joins += ' LEFT JOIN conflicts AS x ON d."message_id" = x."message_id" AND d."msisdn" = x."msisdn"'
    sent = 'unix_micros(d."sent_at")'
    return f"""
        SELECT d."msisdn", {status} AS "outcome", {sent} AS "sent", {arrived_sql(tables, "d.")} AS "done",
            d."status" = 'bounced' AS "unclear", coalesce(v."verdict", {ORDINARY}) AS "verdict",
            {tables.copies("dlrs")} AS "weight"
        FROM @dlrs AS d JOIN suspects AS s ON d."msisdn" = s."msisdn"
        LEFT JOIN @verdicts AS v ON d."message_id" = v."message_id" AND d."msisdn" = v."msisdn" {joins}
    """


def arrived_sql(tables: Tables, alias: str = "") -> str:
    """Write the SQL for when a delivered message is known to have arrived, at the earliest its sending.

    Parameters
    ----------
    tables : Tables
        With ``dlrs``.
    alias : str
        What stands before its columns, such as ``d.``.
    """
    sent = f'unix_micros({alias}"sent_at")'
    if not tables.has("dlrs", "delivered_at"):
        return sent
    return f'greatest({sent}, coalesce(unix_micros({alias}"delivered_at"), {sent}))'


def _evidence_sql(tables: Tables) -> str:
    """Reduce the receipts of suspects, the only numbers looked at in full, to one row each."""
    certain = "'hard-bounce', 'bounced'" if "campaigns" in tables else "'hard-bounce'"
    ctes = {
        "suspects": f"""
            SELECT "msisdn" FROM @dlrs WHERE "status" IN {_BOUNCED} GROUP BY 1
            HAVING count(*) FILTER (WHERE "status" IN ({certain})) > 0
                OR count(*) FILTER (WHERE "status" = 'soft-bounce') >= :streak""",
        "kinds": _kinds_sql(tables) if "campaigns" in tables else "",
        "conflicts": _CONFLICTS if "status_history" in tables else "",
        "outcomes": _outcomes_sql(tables),
        "replied": _REPLIED if "replies" in tables else _NEVER_REPLIED,
        "lives": _LIVES,
        "owners": _OWNERS,
    }
    listed = ",\n".join(f"{name} AS ({text})" for name, text in ctes.items() if text)
    return f"WITH {listed} {_EVIDENCE_SQL}"


_CONFLICTS = """
    SELECT "message_id", "msisdn" FROM @status_history WHERE "status" IN ('delivered', 'hard-bounce')
    GROUP BY 1, 2 HAVING count(DISTINCT "status") = 2
"""
_REPLIED = """
    SELECT r."msisdn", max(unix_micros(r."received_at")) AS "last_reply"
    FROM @replies AS r JOIN suspects AS s ON r."msisdn" = s."msisdn" GROUP BY 1
"""
_NEVER_REPLIED = 'SELECT "msisdn", CAST(NULL AS BIGINT) AS "last_reply" FROM suspects'
_LIVES = """
    SELECT o."msisdn", max(o."last_delivered") AS "last_delivered", max(r."last_reply") AS "last_reply",
        greatest(coalesce(max(o."last_delivered"), 0), coalesce(max(r."last_reply"), 0)) AS "alive"
    FROM (
        SELECT "msisdn", max("done") FILTER (WHERE "outcome" = 'delivered') AS "last_delivered"
        FROM outcomes GROUP BY 1
    ) AS o LEFT JOIN replied AS r ON o."msisdn" = r."msisdn"
    GROUP BY 1
"""
# Each delivery opens a spell; the first hard bounce of a spell is measured against the delivery that
# opens the next one.
_OWNERS = """
    SELECT DISTINCT "msisdn" FROM (
        SELECT "msisdn", "bounced_at", lead("began") OVER (PARTITION BY "msisdn" ORDER BY "spell") AS "again"
        FROM (
            SELECT "msisdn", "spell", min("sent") FILTER (WHERE "outcome" = 'hard-bounce') AS "bounced_at",
                min("sent") FILTER (WHERE "outcome" = 'delivered') AS "began"
            FROM (
                SELECT "msisdn", "sent", "outcome",
                    sum(CASE WHEN "outcome" = 'delivered' THEN 1 ELSE 0 END)
                        OVER (PARTITION BY "msisdn" ORDER BY "sent", "outcome" ROWS UNBOUNDED PRECEDING) AS
                        "spell"
                FROM outcomes WHERE "outcome" IN ('delivered', 'hard-bounce')
            ) AS ordered GROUP BY 1, 2
        ) AS spells
    ) AS pairs WHERE "again" - "bounced_at" >= :gap
"""
_OPEN = """ "outcome" = 'hard-bounce' AND "sent" > "alive" """.strip()
_CALM = f"""{_OPEN} AND "verdict" <> {SPIKE}"""
_STREAK = """ "outcome" = 'soft-bounce' AND "sent" > "alive" """.strip()
_EVIDENCE_SQL = f"""
    SELECT o."msisdn",
        CAST(sum("weight") AS BIGINT) AS "sends",
        CAST(coalesce(sum("weight") FILTER (WHERE "outcome" = 'delivered'), 0) AS BIGINT) AS "delivered",
        CAST(coalesce(sum("weight") FILTER (WHERE "outcome" = 'hard-bounce'), 0) AS BIGINT) AS "bounces",
        CAST(coalesce(sum("weight") FILTER (WHERE "outcome" = 'hard-bounce' AND "unclear"), 0) AS BIGINT)
            AS "inferred",
        CAST(coalesce(sum("weight") FILTER (WHERE "outcome" = 'conflict'), 0) AS BIGINT) AS "conflicts",
        CAST(coalesce(sum("weight") FILTER (WHERE {_STREAK}), 0) AS BIGINT) AS "soft_streak",
        count(DISTINCT "sent" - "sent" % {DAY_MICROS}) FILTER (WHERE {_OPEN}) AS "days",
        count(DISTINCT "sent" - "sent" % {DAY_MICROS}) FILTER (WHERE {_CALM}) AS "calm_days",
        count(*) FILTER (WHERE {_CALM} AND "verdict" = {ORDINARY}) AS "ordinary",
        max("sent") FILTER (WHERE {_CALM}) - min("sent") FILTER (WHERE {_CALM}) AS "calm_span",
        min("sent") FILTER (WHERE "outcome" = 'hard-bounce') AS "first_bounce",
        max("sent") FILTER (WHERE "outcome" = 'hard-bounce') AS "last_bounce",
        min("sent") FILTER (WHERE {_STREAK}) AS "soft_since",
        max("sent") FILTER (WHERE {_STREAK}) AS "soft_last",
        max("last_delivered") AS "last_delivered",
        max("last_reply") AS "last_reply",
        max(w."msisdn") IS NOT NULL AS "possible_new_owner"
    FROM outcomes AS o JOIN lives AS l ON o."msisdn" = l."msisdn" LEFT JOIN owners AS w ON o."msisdn" =
    w."msisdn" GROUP BY 1
"""


def _tiered(evidence: pd.DataFrame, streak: int, span: int) -> pd.DataFrame:
    """Judge each number and leave out those that never bounced hard and need no review."""
    never = (evidence["delivered"] == 0) & (evidence["conflicts"] == 0)
    soft = (evidence["soft_streak"] >= streak) & (
        evidence["soft_last"] - evidence["soft_since"] >= span * DAY_MICROS
    )
    soft = soft.fillna(value=False)
    tier, calm = (_tier(evidence[days], never, soft) for days in ("days", "calm_days"))
    apart = (evidence["calm_span"] >= APART_MICROS).fillna(value=False)
    unjudged = (evidence["calm_days"] > 0) & (evidence["ordinary"] == 0) & ~apart
    judged = evidence.assign(
        tier=[TIERS[t] for t in tier], rank=tier, held=tier < calm, unjudged=unjudged.astype(bool)
    )
    judged = judged[soft | (judged["bounces"] > 0)].sort_values(["rank", "msisdn"])
    return typed(judged, _HARD)


def _tier(days: pd.Series, never: pd.Series, soft: pd.Series) -> np.ndarray:
    """Give the index in TIERS."""
    once = days >= 1
    choices = [once & ((days >= 2) | never), once, soft]
    return np.select([choice.to_numpy(bool) for choice in choices], [0, 1, 2], 3)


def _history_sql(tables: Tables, numbers: Sequence[str | float] | str | None) -> str:
    """Cut each number's outcomes where they change."""
    chosen = f'SELECT DISTINCT "msisdn" FROM @dlrs WHERE "status" IN {_BOUNCED}'
    if numbers is not None:
        tables.add("numbers", pd.DataFrame({"msisdn": number_texts("bounce_history", numbers)}))
        tables.warn_unmatched("numbers", "dlrs", ("msisdn", "msisdn"))
        chosen = 'SELECT DISTINCT "msisdn" FROM @numbers'
    order = 'PARTITION BY "msisdn" ORDER BY "sent", "message_id"'
    return f"""
        WITH outcomes AS (
            SELECT d."msisdn", d."message_id", "status", unix_micros("sent_at") AS "sent",
                {tables.copies("dlrs")} AS "weight"
            FROM @dlrs AS d JOIN ({chosen}) AS c ON d."msisdn" = c."msisdn"
            WHERE "status" <> 'pending'
        ),
        marked AS (
            SELECT *, CASE WHEN "status" = lag("status") OVER ({order}) THEN 0 ELSE 1 END AS "change" FROM
            outcomes
        ),
        numbered AS (
            SELECT *, sum("change") OVER ({order} ROWS UNBOUNDED PRECEDING) AS "streak" FROM marked
        )
        SELECT "msisdn", CAST("streak" AS BIGINT) AS "streak", max("status") AS "status",
            CAST(sum("weight") AS BIGINT) AS "messages", min("sent") AS "first", max("sent") AS "last"
        FROM numbered GROUP BY 1, "streak" ORDER BY 1, 2
    """
