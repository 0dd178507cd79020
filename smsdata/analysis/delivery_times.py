"""Delivery times: within what time messages arrive, as receipts tell.

Owns the curves of delivery and their quantiles. Imports of smsdata only errors and analysis.core.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from smsdata.analysis.core.clusters import RATE_COLUMNS, interval_words, running_clusters
from smsdata.analysis.core.column_types import typed
from smsdata.analysis.core.dialect import quoted
from smsdata.analysis.core.engine import MATURE, MICROS, Source, Tables, open_tables
from smsdata.analysis.core.grouping import By, Keys, group_keys
from smsdata.analysis.core.provenance import derived, explained, scope
from smsdata.analysis.core.statistics import (
    Clusters,
    Floats,
    aalen_johansen,
    effect_of_design,
    log_log,
)
from smsdata.errors import UsageError

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
    "n": "int64",
    **RATE_COLUMNS,
}
_QUANTILES = {
    "share": "float64",
    **dict.fromkeys(["seconds", "seconds_high", "low", "high"], "Int64"),
    "n": "int64",
    **RATE_COLUMNS,
}
_OF_A_CURVE = {"seconds", "seconds_high", "incidence", "low", "high", "n", *RATE_COLUMNS}
_MOST_EARLY = 0.01
"""Above this share of receipts before the sending a clock is off: no receipt of the group is believed."""


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
        - ``low``, ``high`` (float64): its interval, which holds the share one would see had other people of
          the same kind been written to, and by sender, country and the like on other days; the wider the
          fewer deliveries have a time; NaN at 0 and 1;
        - ``impossible`` (int64): deliveries of the group whose receipt lies more than 60 s before the
          sending, which no cutting to the minute explains; they are taken as deliveries without a time;
        - ``followed`` (int64): seconds for which the message of the group was followed that was followed
          longest; what comes after nobody has seen;
        - ``n`` (int64): messages of the group; ``numbers`` (Int64): distinct phone numbers of those that are
          in the curve; ``design_effect`` (float64): how many of them tell as much as one independent message
          of the share delivered by then; ``interval`` (str): "Aalen-Johansen", and what it is clustered by,
          in the words of `delivery_rate`. NaN and missing where there is no interval.

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
    our own choice. Numbers and days that repeat: times the design effect of the share delivered by then
    (Kish 1965; Rao & Scott 1992), see `docs/intervals.md`.

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
        frame = _receipt_curves(times, keys.names, level, _shared_by(tables, keys))
        _warn_of_clocks(times, keys.names)
        return explained(
            frame,
            tables,
            formula="Aalen-Johansen cumulative incidence of delivery; bounces compete, pending is censored",
            numerator="messages delivered within the time",
            denominator="all messages, also those pending or bounced",
            **scope(times, n="total"),
            notes=(f"interval: log(-log), clustered, {level:.0%}; see design_effect", *_time_notes(times)),
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
        One row per group and share:

        - the groups; ``share`` (float64);
        - ``seconds``, ``seconds_high`` (Int64): the earliest and latest time by which that share was
          delivered; NA where so many never were;
        - ``low``, ``high`` (Int64): the interval of that time, in seconds: where the upper and the lower end
          of the curve's own interval first reach the share; NA where they never do, as ``high`` where the
          time is not bounded from above. It allows for numbers and days that repeat, as the curve does;
        - ``n`` (int64), ``numbers`` (Int64), ``design_effect`` (float64), ``interval`` (str): of the curve
          where it reaches the share, see `time_to_deliver`; where it never does, of its last point.

    Raises
    ------
    UsageError
        If the frame is no curve.

    References
    ----------
    The curve is that of Aalen & Johansen 1978, see `time_to_deliver`; a quantile is where it first
    reaches the share. Interval: Brookmeyer & Crowley 1982, "A Confidence Interval for the Median Survival
    Time", Biometrics 38(1), on the log(-log) scale, with clustered variances as in Woodruff 1952.

    Examples
    --------
    >>> import pandas as pd
    >>> sent = pd.Timestamp("2026-11-01", tz="UTC")
    >>> dlrs = pd.DataFrame({
    ...     "message_id": 1, "msisdn": ["61491570156", "61491570157", "61491570158", "61491570159"],
    ...     "sent_at": sent, "status": ["delivered", "delivered", "hard-bounce", "pending"],
    ...     "delivered_at": [sent + pd.Timedelta(5, "s"), sent + pd.Timedelta(90, "s"), None, None],
    ... })
    >>> time_quantiles(time_to_deliver(dlrs, now="2026-11-22"), [0.5, 0.9])[["share", "seconds", "low"]]
       share  seconds   low
    0    0.5       90     5
    1    0.9     <NA>  <NA>
    """
    if not set(curve.columns) >= _OF_A_CURVE:
        raise UsageError("time_quantiles: give the frame that time_to_deliver returned.")
    names = list(curve.columns[: list(curve.columns).index("seconds")])
    rows = curve.reset_index(drop=True)
    parts = _rows_of_curves(rows, names)
    places = [_reached(rows, part, share) for part in parts for share in shares]
    here, early, late, told = (rows.reindex(at) for at in np.reshape(places, (-1, 4)).T)
    frame = pd.concat(
        [one.reset_index(drop=True) for one in (told[names], told[["n", *RATE_COLUMNS]])], axis=1
    )
    frame = frame.assign(
        share=np.tile(np.asarray(shares, dtype="float64"), len(parts)),
        seconds=here["seconds"].array,
        seconds_high=here["seconds_high"].array,
        low=early["seconds"].array,
        high=late["seconds_high"].array,
        n=frame["n"].fillna(0),
    )[[*names, *_QUANTILES]]
    return derived(
        frame.astype({**{name: curve[name].dtype for name in names}, **_QUANTILES}),
        curve,
        helper="time_quantiles",
        formula="the first time at which the curve reaches the share",
        numerator="messages delivered within the time",
        denominator="all messages, also those pending or bounced",
    )


def _time_keys(tables: Tables, by: By, tz: str) -> Keys:
    tables.require("dlrs", "message_id", "msisdn", "status", "sent_at", "delivered_at")
    tables.require_keys("dlrs", ("message_id", "msisdn"))
    if "status_history" in tables:
        tables.require("status_history", "message_id", "msisdn", "status", "observed_at")
    return group_keys(tables, "dlrs", by, tz=tz, days=True)


def _shared_by(tables: Tables, keys: Keys) -> dict[str, str]:
    """Name what messages of a group may share, and its SQL; a send has each number once."""
    if {"campaign", "message_id"} & set(keys.names) and not tables.has("dlrs", "copies"):
        return {}
    return {"number": '"msisdn"'} | ({"day": keys.day} if keys.day else {})


def _times_sql(tables: Tables, keys: Keys, mature_only: bool) -> str:
    """Reduce to how many were delivered, bounced or last seen open at each second after sending."""
    seen = '"seen"' if "status_history" in tables else "CAST(NULL AS BIGINT)"
    names = "".join(f"{quoted(name)}, " for name in keys.names)
    shared = _shared_by(tables, keys)
    columns = "".join(f'{sql} AS "cluster_{kind}", ' for kind, sql in shared.items())
    windows, sums = running_clusters(
        {kind: f'"cluster_{kind}"' for kind in shared},
        keys.names,
        hit="\"kind\" = 'delivered'",
        weight='"known"',
        at='"seconds"',
        once=tables.copies("dlrs") == "1",
    )
    return f"""
        WITH timed AS (
            SELECT {keys.select} {columns}
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
        ),
        placed AS (
            SELECT *, CASE WHEN "kind" IN ('untimed', 'early') THEN 0 ELSE "weight" END AS "known",
                CASE WHEN "until" > "sent" THEN CAST(floor(("until" - "sent") / {MICROS}) AS BIGINT)
                    ELSE 0 END AS "seconds"
            FROM timed
        ),
        beside AS (SELECT * {windows} FROM placed)
        SELECT {names} "kind", "seconds",
            max(CASE WHEN "kind" = 'delivered' AND "until" % {60 * MICROS} = 0 THEN 60 ELSE 0 END) AS "slack",
            CAST(sum("weight") AS BIGINT) AS "total",
            CAST(coalesce(sum("weight") FILTER (WHERE "status" = 'pending'), 0) AS BIGINT) AS "pending",
            min("sent") AS "first", max("sent") AS "last" {sums}
        FROM beside
        GROUP BY {names} "kind", "seconds"
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


def _receipt_curves(
    times: pd.DataFrame, names: list[str], level: float, shared: Iterable[str]
) -> pd.DataFrame:
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
    sums = _running_sums(times, shared, codes, used, place)
    curve = curve.assign(**_curve_intervals(curve, sums, level), n=np.bincount(codes, totals)[curve["group"]])
    followed = curve.groupby("group")["seconds_high"].transform("max")
    curve = curve.assign(impossible=early[curve["group"]], followed=followed)[
        curve["delivered"] + curve["bounced"] > 0
    ]
    first = pd.Series(np.arange(len(times))).groupby(codes).first().to_numpy()
    labels = times.iloc[first[curve["group"]]][names].reset_index(drop=True)
    return pd.concat([labels, typed(curve, _RECEIPT_CURVE)], axis=1)


def _running_sums(
    times: pd.DataFrame, shared: Iterable[str], codes: Any, used: Any, place: Any
) -> dict[str, dict[str, Floats]]:
    """Give for each kind of cluster what the whole group has, and what each moment of the curve adds."""
    kinds = list(shared)
    found = {}
    for kind in [*kinds, "both"] if len(kinds) > 1 else kinds:
        columns = {name: times[f"{name}_{kind}"].to_numpy("float64") for name in ("m", "nn", "yn", "yy")}
        most = np.zeros(int(codes.max(initial=-1)) + 1)
        np.maximum.at(most, codes, times[f"most_{kind}"].to_numpy("float64"))
        whole = {name: _summed(codes, columns[name], len(most)) for name in ("m", "nn")}
        moments = {name: _summed(place, columns[name][used], 0) for name in ("yn", "yy")}
        found[kind] = {"most": most, **whole, **moments}
    return found


def _summed(places: Any, values: Any, count: int) -> Floats:
    return np.asarray(np.bincount(places, values, count), dtype="float64")


def _curve_intervals(curve: pd.DataFrame, sums: dict[str, dict[str, Floats]], level: float) -> dict[str, Any]:
    """Give the interval of each point, with the design effect of the share delivered by then."""
    group, by_group = curve["group"].to_numpy("int64"), curve.groupby("group")
    hits = by_group["delivered"].cumsum().to_numpy("float64")
    everyone = curve["delivered"] + curve["bounced"] + curve["kept"] + curve["open"]
    trials = everyone.groupby(curve["group"]).transform("sum").to_numpy("float64")
    clusters = {"number": Clusters.of_one_each(hits, trials)} if not sums else {}
    for kind, found in sums.items():
        added = (pd.Series(found[name]).groupby(group).cumsum().to_numpy() for name in ("yn", "yy"))
        clusters[kind] = Clusters(*(found[name][group] for name in ("m", "most", "nn")), *added)
    effect, freedom = effect_of_design(hits, trials, clusters)
    variance = curve["variance"].to_numpy() * effect
    low, high = log_log(curve["incidence"].to_numpy(), variance, level=level, freedom=freedom)
    known = ~np.isnan(low)
    words = interval_words("Aalen-Johansen", np.where(known, trials, 0), clusters, flat=~known)
    return {
        "low": low,
        "high": high,
        "numbers": pd.Series(clusters["number"].m, dtype="Int64").array,
        "design_effect": np.where(known, effect, np.nan),
        "interval": words.array,
    }


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


def _rows_of_curves(rows: pd.DataFrame, names: list[str]) -> list[Any]:
    """Give the places of the rows of each group."""
    if not names:
        return [np.arange(len(rows))]
    codes = rows.groupby(names, dropna=False).ngroup().to_numpy()
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1) if len(rows) else []


def _reached(rows: pd.DataFrame, part: Any, share: float) -> list[int]:
    """Give where a curve and the ends of its interval first reach a share (-1: never), and what to tell."""
    found = []
    for column in ("incidence", "high", "low"):
        there = part[rows[column].to_numpy()[part] >= share - 1e-12]
        found.append(int(there[0]) if len(there) else -1)
    last = int(part[-1]) if len(part) else -1
    return [*found, found[0] if found[0] >= 0 else last]


def _time_notes(times: pd.DataFrame) -> tuple[str, ...]:
    totals = times.groupby("kind")["total"].sum()
    notes = {
        "early": "receipts more than 60 s before the sending: {:,}, impossible, not believed",
        "untimed": "delivered at an unknown time: {:,}, taken to be as quick as the others",
        "kept": "bounced at an unknown time: {:,}, kept at risk until now",
    }
    return tuple(text.format(totals[kind]) for kind, text in notes.items() if kind in totals)
