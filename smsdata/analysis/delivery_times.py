"""Delivery times: within what time messages arrive or bounce, with receipts or without.

Owns the curves, and the intervals that polling leaves where no receipt tells when an outcome came. Imports of
smsdata only errors and analysis.core.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pandas as pd

from smsdata.analysis.core.column_types import typed
from smsdata.analysis.core.dialect import quoted
from smsdata.analysis.core.engine import MATURE, MICROS, Source, Tables, open_tables
from smsdata.analysis.core.grouping import By, Keys, group_keys
from smsdata.analysis.core.provenance import derived, explained, scope
from smsdata.analysis.core.statistics import Floats, aalen_johansen, log_log, turnbull
from smsdata.errors import UsageError

_OUTCOMES = ("delivered", "soft-bounce", "hard-bounce", "bounced")
_BOUNCES = "('soft-bounce', 'hard-bounce', 'bounced')"
_RECEIPT_CURVE = {
    "seconds": "int64",
    "seconds_high": "int64",
    "at_risk": "float64",
    "delivered": "int64",
    "bounced": "int64",
    "incidence": "float64",
    "low": "float64",
    "high": "float64",
    "impossible": "int64",
    "followed": "int64",
}
_POLLED_CURVE = {
    "outcome": "str",
    "seconds": "int64",
    "seconds_high": "int64",
    "share": "float64",
    "incidence": "float64",
    "messages": "int64",
}
_MOST_EARLY = 0.01
"""Above this share of receipts before the sending a clock is off: no receipt of the group is believed."""

_LEAST = 1e-6
"""Shares below it are what is left of the search, not data."""


def time_to_deliver(
    dlrs: Source,
    *,
    status_history: Source | None = None,
    list_members: Source | None = None,
    by: By = None,
    tz: str = "UTC",
    now: datetime | str | None = None,
    mature_only: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tell what share of all messages is delivered within a time: the curve, bounces and pending included.

    Parameters
    ----------
    dlrs : DataFrame, Scan or Spark DataFrame
        ``message_id``, ``msisdn``, ``status``, ``sent_at``, ``delivered_at``. Delivered rows without
        ``delivered_at`` are taken to be as quick as the others.
    status_history : DataFrame, Scan or Spark DataFrame, optional
        ``message_id``, ``msisdn``, ``status``, ``observed_at``: when bounces were first seen. A bounce whose
        time is not known can no longer be delivered, and stays at risk until ``now``: with every message's
        age known, that gives the same curve in the long run.
    list_members, by, tz, now, mature_only, level
        As for `delivery_rate`; pending messages are followed up to ``now``.

    Returns
    -------
    DataFrame
        One row per group and distinct time at which something happened:

        - the groups, named as asked;
        - ``seconds`` (int64): the earliest time after sending. Where a receipt lies before the sending,
          because carriers cut it to the minute, 0;
        - ``seconds_high`` (int64): the latest: a receipt at a whole minute may be up to 60 s later;
        - ``at_risk`` (float64): messages neither delivered, bounced nor out of sight just before;
        - ``delivered``, ``bounced`` (int64): what happened then, where its time is known;
        - ``incidence`` (float64, 0 to 1): share of all messages delivered up to then;
        - ``low``, ``high`` (float64): its interval, the wider the fewer deliveries have a time; NaN at 0
          and 1;
        - ``impossible`` (int64): deliveries of the group whose receipt lies more than 60 s before the
          sending, which no cutting to the minute explains; they are taken as deliveries without a time;
        - ``followed`` (int64): seconds for which the message of the group was followed that was followed
          longest; what comes after nobody has seen.

        No rows for a group without a single known time, or with more than 1% of its receipts impossible: then
        a clock or a time zone is wrong, and the other receipts are too.

    Raises
    ------
    UsageError
        As `delivery_rate`.

    Warns
    -----
    UserWarning
        If receipts of more than 1% are impossible, in all or in a group.

    References
    ----------
    Aalen & Johansen 1978. Counting bounces as censored (Kaplan-Meier) would overstate delivery. Variance of
    Greenwood's type; what deliveries without a time add to it, that of a share seen in a sample of them, is
    our own choice.

    Examples
    --------
    >>> import pandas as pd
    >>> sent = pd.Timestamp("2026-11-01", tz="UTC")
    >>> dlrs = pd.DataFrame({
    ...     "message_id": 1, "msisdn": ["61491570156", "61491570157", "61491570158", "61491570159"],
    ...     "sent_at": sent, "status": ["delivered", "delivered", "hard-bounce", "pending"],
    ...     "delivered_at": [sent + pd.Timedelta(5, "s"), sent + pd.Timedelta(90, "s"), None, None],
    ... })
    >>> time_to_deliver(dlrs, now="2026-11-22")[["seconds", "at_risk", "delivered", "incidence"]]
       seconds  at_risk  delivered  incidence
    0        5      4.0          1       0.25
    1       90      3.0          1       0.50
    """
    given = {"status_history": status_history, "list_members": list_members}
    with open_tables("time_to_deliver", dlrs=dlrs, **given) as tables:
        keys = _time_keys(tables, by, tz)
        tables.warn_unmatched("dlrs", "status_history", ("message_id", "message_id"))
        present = tables.now(now, "dlrs")
        oldest = present - MATURE if mature_only else present
        times = keys.finish(
            tables.query(_times_sql(tables, keys, mature_only), present=present, oldest=oldest)
        )
        frame = _receipt_curves(times, keys.names, level)
        _warn_of_clocks(times, keys.names)
        return explained(
            frame,
            tables,
            formula="Aalen-Johansen cumulative incidence of delivery; bounces compete, pending is censored",
            numerator="messages delivered within the time",
            denominator="all messages, also those pending or bounced",
            **scope(times, n="total"),
            notes=_time_notes(times),
        )


def time_quantiles(curve: pd.DataFrame, shares: Sequence[float] = (0.5, 0.9, 0.95)) -> pd.DataFrame:
    """Tell within what time a share of all messages is delivered; some shares are never reached.

    There is no ``mature_only``: `time_to_deliver` has it.

    Parameters
    ----------
    curve : DataFrame
        What `time_to_deliver` gave.
    shares : sequence of float
        Shares of all messages, 0 to 1.

    Returns
    -------
    DataFrame
        One row per group and share: the groups; ``share`` (float64); ``seconds``, ``seconds_high`` (Int64):
        the earliest and latest time by which that share was delivered; NA where so many never were.

    Raises
    ------
    UsageError
        If the frame is no curve.

    References
    ----------
    The curve is that of Aalen & Johansen 1978, see `time_to_deliver`; a quantile is where it first
    reaches the share.

    Examples
    --------
    >>> import pandas as pd
    >>> curve = pd.DataFrame({"seconds": [5, 90], "seconds_high": [5, 150], "incidence": [0.25, 0.5]})
    >>> time_quantiles(curve, [0.5, 0.9])
       share  seconds  seconds_high
    0    0.5       90           150
    1    0.9     <NA>          <NA>
    """
    if not {"seconds", "seconds_high", "incidence"} <= set(curve.columns):
        raise UsageError("time_quantiles: give the frame that time_to_deliver returned.")
    names = list(curve.columns[: list(curve.columns).index("seconds")])
    groups = list(curve.groupby(names, dropna=False)) if names else [((), curve)]
    rows = [(*key, share, *_reached(group, share)) for key, group in groups for share in shares]
    frame = pd.DataFrame(rows, columns=[*names, "share", "seconds", "seconds_high"])
    times = {"share": "float64", "seconds": "Int64", "seconds_high": "Int64"}
    return derived(
        frame.astype({**{name: curve[name].dtype for name in names}, **times}),
        curve,
        helper="time_quantiles",
        formula="the first time at which the curve reaches the share",
        numerator="messages delivered within the time",
        denominator="all messages, also those pending or bounced",
    )


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
        - ``messages`` (int64): of the group, pending and unknown ones too.

        No rows for a group without any outcome.

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive, a grouping or time zone is unknown, or rows repeat a key.

    References
    ----------
    Turnbull 1976; for competing outcomes Hudgens, Satten & Longini 2001, Biometrics 57.

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
        groups = counts.groupby(keys.names, dropna=False) if keys.names else [((), counts)]
        curves = [_polled_curve(group, keys.names) for _, group in groups] or [
            _polled_curve(counts, keys.names)
        ]
        frame = pd.concat([curve for curve, _ in curves], ignore_index=True)
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


def _time_keys(tables: Tables, by: By, tz: str) -> Keys:
    tables.require("dlrs", "message_id", "msisdn", "status", "sent_at", "delivered_at")
    tables.require_keys("dlrs", ("message_id", "msisdn"))
    if "status_history" in tables:
        tables.require("status_history", "message_id", "msisdn", "status", "observed_at")
    return group_keys(tables, "dlrs", by, tz=tz)


def _times_sql(tables: Tables, keys: Keys, mature_only: bool) -> str:
    """Reduce to how many were delivered, bounced or last seen open at each second after sending."""
    seen = '"seen"' if "status_history" in tables else "CAST(NULL AS BIGINT)"
    names = "".join(f"{quoted(name)}, " for name in keys.names)
    return f"""
        WITH timed AS (
            SELECT {keys.select}
                CASE WHEN "status" = 'delivered'
                        AND unix_micros("delivered_at") < unix_micros("sent_at") - {60 * MICROS} THEN 'early'
                    WHEN "status" = 'delivered' AND "delivered_at" IS NOT NULL THEN 'delivered'
                    WHEN "status" = 'delivered' THEN 'untimed'
                    WHEN "status" IN {_BOUNCES} AND {seen} IS NOT NULL THEN 'bounced'
                    WHEN "status" IN {_BOUNCES} THEN 'kept'
                    ELSE 'open' END AS "kind",
                CASE WHEN "status" = 'delivered' THEN unix_micros("delivered_at")
                    WHEN "status" IN {_BOUNCES} AND {seen} IS NOT NULL THEN {seen}
                    ELSE :present END AS "until",
                unix_micros("sent_at") AS "sent", "status",
                {tables.copies("dlrs")} AS "weight"
            FROM {keys.source} AS d {_first_bounces(tables)}
            {'WHERE unix_micros("sent_at") <= :oldest' if mature_only else ""}
        )
        SELECT {names} "kind",
            CASE WHEN "until" > "sent" THEN CAST(floor(("until" - "sent") / {MICROS}) AS BIGINT) ELSE 0 END
                AS "seconds",
            max(CASE WHEN "kind" = 'delivered' AND "until" % {60 * MICROS} = 0 THEN 60 ELSE 0 END) AS "slack",
            CAST(sum("weight") AS BIGINT) AS "total",
            CAST(coalesce(sum("weight") FILTER (WHERE "status" = 'pending'), 0) AS BIGINT) AS "pending",
            min("sent") AS "first", max("sent") AS "last"
        FROM timed
        GROUP BY {names} "kind",
            CASE WHEN "until" > "sent" THEN CAST(floor(("until" - "sent") / {MICROS}) AS BIGINT) ELSE 0 END
    """


def _first_bounces(tables: Tables) -> str:
    if "status_history" not in tables:
        return ""
    return f"""
            LEFT JOIN (
                SELECT "message_id" AS "of_message", "msisdn" AS "of_number",
                    min(unix_micros("observed_at")) AS "seen"
                FROM @status_history WHERE "status" IN {_BOUNCES} GROUP BY 1, 2
            ) AS h ON "message_id" = "of_message" AND "msisdn" = "of_number"
    """


def _receipt_curves(times: pd.DataFrame, names: list[str], level: float) -> pd.DataFrame:
    """Estimate the curve of each group from its counts by kind and second; all groups in the same arrays."""
    group = times.groupby(names, dropna=False).ngroup() if names else pd.Series(0, index=times.index)
    codes, totals = group.to_numpy("int64"), times["total"].to_numpy("float64", na_value=0.0)
    kinds, seconds = times["kind"].to_numpy(), times["seconds"].to_numpy("int64")
    count = int(codes.max(initial=-1)) + 1
    timed, without, early = (
        np.asarray(np.bincount(codes, np.where(kinds == kind, totals, 0.0), count), dtype="float64")
        for kind in ("delivered", "untimed", "early")
    )
    untimed, trusted = without + early, (timed > 0) & (early <= _MOST_EARLY * (timed + early))
    used = ~np.isin(kinds, ["untimed", "early"]) & trusted[codes]
    cells, place = np.unique(np.column_stack([codes, seconds])[used], axis=0, return_inverse=True)
    place = place.reshape(-1)
    counted = {
        kind: np.bincount(place, np.where(kinds[used] == kind, totals[used], 0.0), len(cells))
        for kind in ("delivered", "bounced", "kept", "open")
    }
    slack = np.zeros(len(cells), dtype="int64")
    np.maximum.at(slack, place, times["slack"].to_numpy("int64")[used])
    curve = pd.DataFrame({"group": cells[:, 0], "seconds": cells[:, 1], **counted})
    curve = curve.assign(seconds_high=curve["seconds"] + slack, **_estimates(curve, timed, untimed))
    low, high = log_log(curve["incidence"].to_numpy(), curve["variance"].to_numpy(), level=level)
    followed = curve.groupby("group")["seconds_high"].transform("max")
    curve = curve.assign(low=low, high=high, impossible=early[curve["group"]], followed=followed)[
        curve["delivered"] + curve["bounced"] > 0
    ]
    first = pd.Series(np.arange(len(times))).groupby(codes).first().to_numpy()
    labels = times.iloc[first[curve["group"]]][names].reset_index(drop=True)
    return pd.concat([labels, typed(curve, _RECEIPT_CURVE)], axis=1)


def _warn_of_clocks(times: pd.DataFrame, names: list[str]) -> None:
    """Say which receipts are impossible where they are too many to be believed."""
    receipts = times[times["kind"].isin(["delivered", "early"])]
    early = receipts["total"].where(receipts["kind"] == "early", 0)
    by = [receipts[name] for name in names] or [pd.Series(0, index=receipts.index)]
    impossible = early.groupby(by, dropna=False).sum()
    wrong = impossible[impossible > _MOST_EARLY * receipts["total"].groupby(by, dropna=False).sum()]
    if len(wrong):
        groups = f" in {len(wrong)} of {len(impossible)} groups" if names else ""
        warnings.warn(
            f"time_to_deliver: {int(wrong.sum()):,} receipts lie more than 60 s before the sending{groups}: "
            "a clock or a time zone is wrong, and no curve is drawn there. Correct delivered_at.",
            UserWarning,
            stacklevel=3,
        )


def _estimates(curve: pd.DataFrame, timed: Floats, untimed: Floats) -> dict[str, Floats]:
    """Estimate group by group; what each event weighs where some deliveries have no time."""
    codes = curve["group"].to_numpy("int64")
    wanted = curve["delivered"].to_numpy() * ((timed + untimed) / np.maximum(timed, 1))[codes]
    bounced, censored = curve["bounced"].to_numpy(), (curve["kept"] + curve["open"]).to_numpy()
    bounds = np.flatnonzero(np.diff(codes, prepend=-1, append=-1))
    result = {name: np.zeros(len(curve)) for name in ("at_risk", "incidence", "variance")}
    for start, end in pairwise(bounds):
        part, group = slice(start, end), codes[start]
        estimate = aalen_johansen(wanted[part], bounced[part], censored[part])
        result["at_risk"][part], result["incidence"][part] = estimate.at_risk, estimate.incidence
        unseen = _unseen_variance(estimate.incidence, timed[group], untimed[group])
        result["variance"][part] = estimate.variance + unseen
    return result


def _unseen_variance(incidence: Floats, timed: float, untimed: float) -> Floats:
    """Give the variance that comes from taking the times of some deliveries for those of all."""
    all_delivered = incidence.max()
    spread: Floats = incidence * (all_delivered - incidence) * (1 / timed - 1 / (timed + untimed))
    return spread


def _reached(curve: pd.DataFrame, share: float) -> tuple[Any, Any]:
    there = curve[curve["incidence"] >= share - 1e-12]
    return (pd.NA, pd.NA) if there.empty else (there["seconds"].iloc[0], there["seconds_high"].iloc[0])


def _time_notes(times: pd.DataFrame) -> tuple[str, ...]:
    totals = times.groupby("kind")["total"].sum()
    notes = {
        "early": "receipts more than 60 s before the sending: {:,}, impossible, not believed",
        "untimed": "delivered at an unknown time: {:,}, taken to be as quick as the others",
        "kept": "bounced at an unknown time: {:,}, kept at risk until now",
    }
    return tuple(text.format(totals[kind]) for kind, text in notes.items() if kind in totals)


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
            {"" if oldest is None else f'WHERE unix_micros("sent_at") <= {oldest}'}
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
