"""Settling times: within what time messages arrive or bounce, where only polling shows it.

Owns the intervals that polling leaves. Imports of smsdata only analysis.core.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import numpy as np
import pandas as pd

from smsdata.analysis.core.column_types import typed
from smsdata.analysis.core.dialect import quoted
from smsdata.analysis.core.engine import MATURE, MICROS, Source, Tables, open_tables
from smsdata.analysis.core.grouping import By, Keys, group_keys
from smsdata.analysis.core.provenance import explained, scope
from smsdata.analysis.core.statistics import turnbull

_OUTCOMES = ("delivered", "soft-bounce", "hard-bounce", "bounced")
_POLLED_CURVE = {
    "outcome": "str",
    "seconds": "int64",
    "seconds_high": "int64",
    "share": "float64",
    "incidence": "float64",
    "messages": "int64",
}
_LEAST = 1e-6
"""Shares below it are what is left of the search, not data."""


def time_to_settle(
    dlrs: Source,
    status_history: Source,
    *,
    list_members: Source | None = None,
    by: By = None,
    tz: str = "UTC",
    now: datetime | str | None = None,
    mature_only: bool = False,
) -> pd.DataFrame:
    """Tell within what time messages are delivered or bounce, where only polling shows it.

    No report tells when a message arrived; a row of ``status_history`` tells when its status was first seen.
    So its outcome came after the last time it was seen otherwise, and at or before the first time it was seen
    as it is. Where receipts have times, `time_to_deliver` knows more.

    Parameters
    ----------
    dlrs : DataFrame, Scan or Spark DataFrame
        ``message_id``, ``msisdn``, ``status``, ``sent_at``, ``synced_at``: when the row was last read.
    status_history : DataFrame, Scan or Spark DataFrame
        ``message_id``, ``msisdn``, ``status``, ``observed_at``. A status is there when it was first seen, not
        each time: of a message that stayed pending through many runs the first of them counts, which widens
        the interval and does not bias it.
    list_members : DataFrame, Scan, Spark DataFrame or None
        As for `delivery_rate`.
    by : str, sequence of str or None
        Groups: column names, or "hour", "day", "week", "month", "hour_of_day", "weekday", "country",
        "campaign", "list". None is one group of all.
    tz : str
        IANA time zone in which hours, days, weeks and months begin.
    now, mature_only
        As for `delivery_rate`. Fresh messages may stay: the estimate knows until when each was followed.

    Returns
    -------
    DataFrame
        One row per group, outcome and interval in which the data place any of it, in that order:

        - the groups, named as asked;
        - ``outcome`` (str): "delivered", "soft-bounce", "hard-bounce" or "bounced" (kind unknown);
        - ``seconds``, ``seconds_high`` (int64): after the first and at or before the second, counted from
          sending; where within is not known;
        - ``share`` (float64, 0 to 1): of all messages of the group, those with that outcome in it;
        - ``incidence`` (float64, 0 to 1): those with that outcome by ``seconds_high``. At times inside an
          interval the curve is only known to lie between two rows;
        - ``messages`` (int64): of the group, pending and unknown ones too; ``numbers`` (Int64): distinct
          phone numbers among them.

        There is no interval: what is not known is mostly when within ``seconds`` and ``seconds_high``, and
        the estimate's error falls with the cube root of the messages only, for which neither a formula of
        variances nor a plain bootstrap holds. Where numbers repeat, it is larger.

        No rows for a group without any outcome.

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive, a grouping or time zone is unknown, or rows repeat a key.

    References
    ----------
    Turnbull 1976; for competing outcomes Hudgens, Satten & Longini 2001, Biometrics 57. Its error: Groeneboom
    & Wellner 1992, "Information Bounds and Nonparametric Maximum Likelihood Estimation".

    Examples
    --------
    >>> import pandas as pd
    >>> sent, run = pd.Timestamp("2026-11-01", tz="UTC"), pd.Timedelta(1, "h")
    >>> dlrs = pd.DataFrame({
    ...     "message_id": 1, "msisdn": ["61491570156", "61491570157", "61491570158", "61491570159"],
    ...     "status": ["delivered", "delivered", "hard-bounce", "pending"], "sent_at": sent,
    ...     "synced_at": sent + 2 * run,
    ... })
    >>> pending = dlrs.assign(status="pending", observed_at=sent + run).iloc[1:]
    >>> final = dlrs.assign(observed_at=[sent + run, *[sent + 2 * run] * 3]).iloc[:3]
    >>> time_to_settle(dlrs, pd.concat([pending, final]))[["outcome", "seconds", "seconds_high", "incidence"]]
           outcome  seconds  seconds_high  incidence
    0    delivered        0          3600       0.25
    1    delivered     3600          7200       0.50
    2  hard-bounce     3600          7200       0.25
    """
    given = {"status_history": status_history, "list_members": list_members}
    with open_tables("time_to_settle", dlrs=dlrs, **given) as tables:
        tables.require("dlrs", "message_id", "msisdn", "status", "sent_at", "synced_at")
        tables.require_keys("dlrs", ("message_id", "msisdn"))
        tables.require("status_history", "message_id", "msisdn", "status", "observed_at")
        tables.warn_unmatched("dlrs", "status_history", ("message_id", "message_id"))
        keys = group_keys(tables, "dlrs", by, tz=tz)
        oldest = tables.now(now, "dlrs") - MATURE if mature_only else None
        counts = keys.finish(tables.query(_intervals_sql(tables, keys, oldest)))
        numbers = keys.finish(tables.query(_numbers_sql(keys, oldest)))["numbers"]
        groups = counts.groupby(keys.names, dropna=False) if keys.names else [((), counts)]
        curves = [_polled_curve(group, keys.names) for _, group in groups] or [
            _polled_curve(counts, keys.names)
        ]
        parts = [curve.assign(numbers=own) for (curve, _), own in zip(curves, numbers, strict=False)]
        frame = pd.concat(parts or [curves[0][0].assign(numbers=0)], ignore_index=True)
        frame = frame.astype({"numbers": "Int64"})
        gap = max(gap for _, gap in curves)
        return explained(
            frame,
            tables,
            formula="Turnbull's estimate from (last seen otherwise, first seen so]; outcomes compete",
            numerator="messages with the outcome by then",
            denominator="all messages, also those pending",
            **scope(counts, n="total"),
            notes=(f"the log-likelihood per message is within {max(gap, 1e-8):.0e} of the greatest",),
        )


def _intervals_sql(tables: Tables, keys: Keys, oldest: int | None) -> str:
    """Reduce to how many messages have each outcome in each interval; no upper end where there is none."""
    names = "".join(f"{quoted(name)}, " for name in keys.names)
    final = " OR ".join(f"\"status\" = '{word}'" for word in _OUTCOMES)
    # An outcome that the history lacks was seen when its row was read.
    return f"""
        WITH looks AS (
            SELECT h."message_id", h."msisdn", h."status" = x."status" AS "same",
                unix_micros(h."observed_at") AS "at",
                min(CASE WHEN h."status" = x."status" THEN unix_micros(h."observed_at") END)
                    OVER (PARTITION BY h."message_id", h."msisdn") AS "seen"
            FROM @status_history AS h JOIN @dlrs AS x
                ON h."message_id" = x."message_id" AND h."msisdn" = x."msisdn"
        ),
        ends AS (
            SELECT "message_id" AS "of_message", "msisdn" AS "of_number", max("seen") AS "seen",
                max(CASE WHEN NOT "same" AND ("seen" IS NULL OR "at" < "seen") THEN "at" END) AS "before"
            FROM looks GROUP BY 1, 2
        ),
        timed AS (
            SELECT {keys.select} "status", {final} AS "final", unix_micros("sent_at") AS "sent",
                CASE WHEN {final} THEN coalesce("before", 0) ELSE unix_micros("synced_at") END AS "low",
                CASE WHEN {final} THEN coalesce("seen", unix_micros("synced_at")) END AS "high",
                {tables.copies("dlrs")} AS "weight"
            FROM {keys.source} AS d
            LEFT JOIN ends ON "message_id" = "of_message" AND "msisdn" = "of_number"
            {_before(oldest)}
        ),
        counted AS (
            SELECT {names} CASE WHEN "final" THEN "status" END AS "outcome",
                greatest(CAST(floor(("low" - "sent") / {MICROS}) AS BIGINT), 0) AS "low",
                CAST(ceil(("high" - "sent") / {MICROS}) AS BIGINT) AS "high",
                "weight", "sent", "status" = 'pending' AS "waits"
            FROM timed
        )
        SELECT {names} "outcome", "low", "high", CAST(sum("weight") AS BIGINT) AS "total",
            CAST(coalesce(sum("weight") FILTER (WHERE "waits"), 0) AS BIGINT) AS "pending",
            min("sent") AS "first", max("sent") AS "last"
        FROM counted GROUP BY {names} "outcome", "low", "high"
    """


def _numbers_sql(keys: Keys, oldest: int | None) -> str:
    """Count the distinct numbers of each group."""
    return f"""
        SELECT {keys.select} count(DISTINCT "msisdn") AS "numbers"
        FROM {keys.source} AS d {_before(oldest)} {keys.group}
    """


def _before(oldest: int | None) -> str:
    return "" if oldest is None else f'WHERE unix_micros("sent_at") <= {oldest}'


def _polled_curve(counts: pd.DataFrame, names: list[str]) -> tuple[pd.DataFrame, float]:
    """Estimate one group's curves, and tell how near the search for them came.

    The rows come in one order, so that every engine gives the same digits.
    """
    counts = counts.sort_values(["low", "high", "outcome"])
    cause = counts["outcome"].map({word: n for n, word in enumerate(_OUTCOMES)}).fillna(0)
    low = counts["low"].to_numpy("float64")
    high = counts["high"].to_numpy("float64", na_value=np.inf)
    high = np.where(np.isinf(high), high, np.maximum(high, low + 1))
    masses = turnbull(low, high, cause, counts["total"])
    rows = pd.DataFrame({"cause": masses.cause, "seconds": masses.low, "seconds_high": masses.high})
    rows = rows.assign(share=masses.mass, messages=counts["total"].sum())
    rows["incidence"] = rows.groupby("cause")["share"].cumsum()
    rows["outcome"] = [_OUTCOMES[n] for n in masses.cause]
    rows = rows[rows["share"] > _LEAST]
    groups = counts.iloc[[0] * len(rows)][names].reset_index(drop=True)
    return pd.concat([groups, typed(rows, cast(Any, _POLLED_CURVE))], axis=1), masses.gap
