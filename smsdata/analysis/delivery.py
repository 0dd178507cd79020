"""Delivery: what share arrived, how sure is that, does it differ between groups, did it change.

Owns the counting of statuses. Imports of smsdata only errors and analysis.core.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from smsdata.analysis.core.accounts import ACCOUNT
from smsdata.analysis.core.clusters import (
    RATE_COLUMNS,
    Grouped,
    cluster_counts,
    rate_intervals,
    trials_of,
)
from smsdata.analysis.core.column_types import typed
from smsdata.analysis.core.dialect import quoted
from smsdata.analysis.core.differences import rate_differences, refuse_unequal_maturity
from smsdata.analysis.core.engine import MATURE, Source, Tables, open_tables
from smsdata.analysis.core.grouping import LENGTHS, By, group_keys, length_of, one_of, partial_periods
from smsdata.analysis.core.provenance import explained, scope
from smsdata.analysis.core.statistics import laney, rate
from smsdata.errors import UsageError

COUNTED_STATUSES = {
    "delivered": "delivered",
    "soft_bounced": "soft-bounce",
    "hard_bounced": "hard-bounce",
    "bounced": "bounced",
    "pending": "pending",
}
"""The columns that count statuses, and the word each one counts."""


FINAL_STATUSES = ("delivered", "soft_bounced", "hard_bounced", "bounced")
"""The columns that count final statuses: nothing more becomes of such a message."""

_DELIVERY_RATES = {
    "n": "int64",
    **dict.fromkeys([*COUNTED_STATUSES, "other", "settled"], "int64"),
    **dict.fromkeys(["rate", "low", "high", "rate_sent", "bound_low", "bound_high"], "float64"),
    "pending_share": "float64",
    "first": "utc",
    "last": "utc",
    "mature": "boolean",
    **RATE_COLUMNS,
    "aged": "int64",
    "overdue": "int64",
}
_STRATIFIED = {"crude": "float64", "strata": "int64", "sign_turns": "boolean"}
_FINAL = "\"status\" IN ('delivered', 'soft-bounce', 'hard-bounce', 'bounced')"
_PENDING = "\"status\" = 'pending'"
_FORMULA = "delivered / (delivered + soft + hard + bounced)"
_EACH = 5
"""Of each outcome: fewer, and a chart's limits, which rest on the normal distribution, mislead."""


def delivery_rate(
    messages: Source,
    *,
    list_members: Source | None = None,
    by: By = None,
    tz: str = "UTC",
    now: datetime | str | None = None,
    mature_only: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tell what share of messages was delivered, and how sure that is.

    A message is one text to one recipient, however many parts it has.

    Parameters
    ----------
    messages : DataFrame, Scan or Spark DataFrame
        The table messages or dlrs: ``status``, ``sent_at``, and what ``by`` needs.
    list_members : DataFrame, Scan, Spark DataFrame or None
        The table of that name, for groups such as ``by="contact:plan"``: the custom field ``plan``.
    by : str, sequence of str or None
        Groups: column names, or "hour", "day", "week", "month", "hour_of_day", "weekday", "sender",
        "country", "campaign", "list". None is one group of all.
    tz : str
        IANA time zone in which hours, days, weeks and months begin.
    now : aware datetime, ISO text (UTC where it names no zone) or None
        The present, for ``mature``; default: the latest ``synced_at``, else the clock.
    mature_only : bool
        Count only messages sent more than 73 hours ago, when the gateway has given up on what is pending.
    level : float
        Confidence of the interval, 0 to 1.

    Returns
    -------
    DataFrame
        One row per group, in the order of the groups; one row of zero counts without ``by`` and messages.

        - the groups, named as asked; periods as the local time they begin (``datetime64[us]``, naive): the
          hour that is repeated when clocks go back is one group;
        - ``n`` (int64): messages; rows that list a number more than once (``copies``) count that often;
        - ``delivered``, ``soft_bounced``, ``hard_bounced``, ``bounced`` (kind unknown), ``pending``,
          ``other`` (words never seen before, or none; int64): they add up to ``n``;
        - ``settled`` (int64): delivered and the three bounced;
        - ``rate`` (float64, 0 to 1): delivered / settled; NaN if nothing is settled. Too high or too low for
          fresh messages, because quick outcomes come first;
        - ``low``, ``high`` (float64): the interval of ``rate``: nineteen in twenty such intervals hold the
          rate that one would see had other people of the same kind been written to, and by sender, text, hour
          of day and the like on other days too. Where numbers repeat it is wider than that of as many
          independent messages;
        - ``rate_sent`` (float64): delivered / n;
        - ``bound_low``, ``bound_high`` (float64): the rate if none, or all, of the unsettled were delivered;
        - ``pending_share`` (float64): pending / n;
        - ``first``, ``last`` (datetime64[us, UTC]): when the first and the last of them was sent;
        - ``mature`` (boolean): all were sent more than 73 hours ago; NA for an empty group;
        - ``numbers`` (Int64): distinct phone numbers of the settled; NA where the table has no ``msisdn``;
        - ``design_effect`` (float64, 1 or more): so many of the settled messages tell as much as one
          independent one; NaN if nothing is settled, or ``msisdn`` is not known;
        - ``interval`` (str): which it is: "Wilson", as published, where no number repeats; "by number",
          "and day": with the effective sample size; "few": fewer than ten numbers or days; "one day": what
          other days would bring is not in it. Missing if nothing is settled;
        - ``aged`` (int64): messages sent more than 73 hours ago; ``overdue`` (int64): those of them that are
          still pending, whose receipts are missing: see `alarms`;
        - by a period also ``partial`` (boolean): the data do not cover it whole: it ends after ``now``, or
          the data begin within it, more than a day after its own beginning.

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive, a grouping or time zone is unknown, rows repeat a key, or
        ``level`` is not between 0 and 1.

    References
    ----------
    Interval: Brown, Cai & DasGupta 2001; messages to one number are not independent: Kish 1965, Rao & Scott
    1992, see `docs/intervals.md`. Maturity: the gateway expires a pending message after 72 hours, its
    receipt may take one more (TransmitSMS support).

    Examples
    --------
    >>> import pandas as pd
    >>> messages = pd.DataFrame({
    ...     "sent_at": pd.to_datetime(["2026-11-01T01:00", "2026-11-01T02:00", "2026-11-02T01:00"], utc=True),
    ...     "status": ["delivered", "hard-bounce", "pending"],
    ... })
    >>> delivery_rate(messages, by="day", now="2026-11-22")[["day", "n", "delivered", "rate", "bound_high"]]
             day  n  delivered  rate  bound_high
    0 2026-11-01  2          1   0.5         0.5
    1 2026-11-02  1          0   NaN         1.0
    """
    with open_tables("delivery_rate", messages=messages, list_members=list_members) as tables:
        counted = _status_counts(tables, by=by, tz=tz, now=now, mature_only=mature_only)
        return explained(
            _rates(counted, level),
            tables,
            formula=_FORMULA,
            numerator="messages with status delivered",
            denominator="messages with a final status: delivered, soft-bounce, hard-bounce or bounced",
            **scope(counted.counts),
            notes=(
                f"interval: Wilson with effective sample size, {level:.0%}; see design_effect and interval",
                "bounds: unsettled messages counted as lost, as delivered",
            ),
        )


def compare_rates(
    messages: Source,
    *,
    list_members: Source | None = None,
    by: str,
    baseline: Any = None,
    within: str | None = None,
    count: str = "delivered",
    tz: str = "UTC",
    now: datetime | str | None = None,
    mature_only: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tell whether delivery differs between groups, such as two senders, and by how much.

    Parameters
    ----------
    messages, list_members
        As for `delivery_rate`.
    by : str
        One grouping.
    baseline : value of the grouping or None
        The group that the others are compared with; default: the one with most settled messages.
    within : str or None
        A second grouping, such as "country": groups are compared within each of its values, and the
        differences averaged. So a sender that writes to harder countries is not taken for a worse sender.
    count : {"delivered", "soft_bounced", "hard_bounced", "bounced"}
        Whose share of the settled messages is compared.
    tz, now, mature_only, level
        As for `delivery_rate`.

    Returns
    -------
    DataFrame
        One row per group other than the baseline:

        - the group, named as ``by``; ``baseline``: the group it is compared with, of the same dtype;
        - ``settled``, ``baseline_settled`` (int64), and the counts named as asked: ``delivered`` and
          ``baseline_delivered``, or ``hard_bounced`` and ``baseline_hard_bounced``;
        - ``rate``, ``baseline_rate`` (float64, 0 to 1);
        - ``difference`` (float64, -1 to 1): rate minus baseline_rate; with ``within``, the average of the
          differences in the strata that both have; NaN if a side has nothing settled, or none is shared;
        - ``low``, ``high`` (float64): its interval: nineteen in twenty such intervals hold the difference
          that one would see had other people been written to, on other days. Numbers and days that both
          groups share count once for both;
        - ``differs`` (boolean): the interval leaves out 0; NA where the difference is missing;
        - ``n`` (int64): settled messages of both groups; ``numbers`` (Int64): distinct numbers among them;
        - ``design_effect`` (float64): the variance of the difference over that of independent messages; below
          1 where shared numbers make the comparison sharper;
        - ``interval`` (str): which it is, in the words of `delivery_rate`, of the side with fewer clusters;
        - with ``within`` also ``crude`` (float64): the difference without it; ``strata`` (int64): how many
          both groups have; ``sign_turns`` (boolean): the two have opposite signs (Simpson's paradox).

        With several groups, one in twenty differs by chance alone.

    Raises
    ------
    UsageError
        As `delivery_rate`; if ``by`` is not one name, or ``within`` the same; if ``count`` is none of those
        above; if the baseline is not among the groups; if some groups are mature and others not, since quick
        outcomes come first and would make the fresh ones look different.

    Warns
    -----
    UserWarning
        If a difference turns its sign within the strata.

    References
    ----------
    Newcombe 1998, method 10 (hybrid score interval), with effective sample sizes and the correlation that the
    linearised variance of the difference shows; stratified: Mantel & Haenszel 1959. See `docs/intervals.md`.

    Examples
    --------
    >>> import pandas as pd
    >>> messages = pd.DataFrame({
    ...     "sent_at": pd.to_datetime(["2026-11-01"] * 150, utc=True),
    ...     "sender": ["ACME"] * 80 + ["61491570006"] * 70,
    ...     "status": ["delivered"] * 48 + ["soft-bounce"] * 32 + ["delivered"] * 56 + ["soft-bounce"] * 14,
    ... })
    >>> differences = compare_rates(messages, by="sender", now="2026-11-22")
    >>> differences[["sender", "difference", "low", "high"]].round(3)
            sender  difference    low   high
    0  61491570006         0.2  0.052  0.334
    """
    if not isinstance(by, str):
        raise UsageError(f"compare_rates: by={by!r} is not one grouping; give a name, like 'sender'.")
    if within is not None and (not isinstance(within, str) or within == by):
        raise UsageError(f"compare_rates: within={within!r} is no second grouping; give one, like 'country'.")
    one_of("compare_rates", "count", count, FINAL_STATUSES)
    with open_tables("compare_rates", messages=messages, list_members=list_members) as tables:
        asked: dict[str, Any] = {"tz": tz, "now": now, "mature_only": mature_only, "hit": count}
        counted = _status_counts(tables, by=by, **asked)
        strata = _status_counts(tables, by=[by, within], **asked) if within else None
        _refuse_ids_of_accounts(by, within, strata or counted)
        rates = _rates(counted, level).assign(rate=lambda found: rate(found[count], found["settled"]))
        refuse_unequal_maturity("compare_rates", rates["mature"])
        sides = _sides(rates, by, baseline)
        frame = _compared(tables, counted, sides, by, count, strata, level)
        if within:
            _warn_of_turns(frame, by, within)
        formula = _FORMULA if count == "delivered" else f"{count} / settled"
        return explained(
            frame,
            tables,
            formula=f"{formula} of a group minus that of the baseline"
            + (f", averaged over {within} with weights of Mantel-Haenszel" if within else ""),
            numerator=f"messages with status {COUNTED_STATUSES[count]}",
            denominator="messages with a final status",
            **scope(counted.counts),
            notes=(f"interval: Newcombe hybrid score, clustered, {level:.0%}",),
        )


def delivery_trend(
    messages: Source,
    *,
    by: str = "day",
    count: str = "delivered",
    tz: str = "UTC",
    now: datetime | str | None = None,
    mature_only: bool = False,
    width: float = 3.0,
) -> pd.DataFrame:
    """Tell which days (hours, weeks, months) stand out from the usual variation of delivery.

    Parameters
    ----------
    messages : DataFrame, Scan or Spark DataFrame
        As for `delivery_rate`.
    by : {"day", "hour", "week", "month", "quarter", "year"}
        The periods; also "week_from_sunday", "quarter_from_july", "year_from_april" and the like.
    count : {"delivered", "soft_bounced", "hard_bounced", "bounced"}
        Whose share of the settled messages is charted.
    tz, now, mature_only
        As for `delivery_rate`.
    width : float
        Distance of the limits from the centre in sigmas.

    Returns
    -------
    DataFrame
        One row per period with messages, in order of time:

        - the period (``datetime64[us]``, local time it begins), named as ``by``;
        - ``settled``, the count named as asked (int64); ``rate`` (float64): their ratio, NaN if none settled;
        - ``centre``, ``low``, ``high`` (float64): the chart, taken from mature periods; NaN with fewer than
          two. How much days differ beyond chance (sigma Z) is taken from those with at least five messages
          of each outcome expected; with fewer than two of them the limits are those of a plain p chart;
        - ``mature`` (boolean): all messages of the period were sent more than 73 hours ago;
        - ``outside`` (str): "above", "below" or "inside" the limits; "too few" where fewer than five messages
          of either outcome are expected (settled times centre, and the rest) and fewer than five were
          counted: one bounce on a day with one message says nothing. Missing where the period is not mature
          or there are no limits. One period in 370 falls outside by chance (at three sigmas);
        - ``n``, ``numbers`` (Int64), ``design_effect`` (float64): as for `delivery_rate`; the limits are
          wider where numbers repeat within a period; ``interval`` (str): "Laney p'", and what it is
          clustered by;
        - ``partial`` (boolean): the data do not cover the period whole, see `delivery_rate`.

    Raises
    ------
    UsageError
        As `delivery_rate`, or if ``by`` or ``count`` is none of those above, or ``width`` is not above 0.

    References
    ----------
    Laney 2002 (p' chart): limits that allow for days differing by more than chance. Five expected of each
    outcome: a usual rule for the normal approximation of a p chart; see Emura & Lin 2015, "A Comparison of
    Normal Approximation Rules for Attribute Control Charts", Quality and Reliability Engineering
    International 31(3). That five counted are enough too is our own choice: no great break goes unseen.

    Examples
    --------
    >>> import pandas as pd
    >>> good = ["delivered"] * 9 + ["hard-bounce"]
    >>> better = ["delivered"] * 10
    >>> messages = pd.DataFrame({
    ...     "sent_at": pd.date_range("2026-10-01", periods=12, tz="UTC").repeat(10),
    ...     "status": (good + better) * 5 + ["hard-bounce"] * 10 + better,
    ... })
    >>> trend = delivery_trend(messages, now="2026-11-22")
    >>> trend.loc[trend.outside == "below", ["day", "rate"]]
              day  rate
    10 2026-10-11   0.0
    """
    one_of("delivery_trend", "by", length_of(by), LENGTHS)
    one_of("delivery_trend", "count", count, FINAL_STATUSES)
    if not width > 0:
        raise UsageError(f"delivery_trend: width={width!r} is no distance; give sigmas above 0, like 3.")
    with open_tables("delivery_trend", messages=messages) as tables:
        counted = _status_counts(tables, by=by, tz=tz, now=now, mature_only=mature_only, hit=count)
        frame = _charted(_rates(counted, 0.95), by, count, width)
        return explained(
            frame,
            tables,
            formula=f"{count} / settled per {by}, against the limits of a Laney p' chart",
            numerator=f"messages counted as {count}",
            denominator="messages with a final status",
            **scope(counted.counts),
            notes=(
                f"limits: centre +/- {width:g} sigma, widened by sigma Z; immature periods are not judged",
                f"too few: under {_EACH} messages of an outcome expected, and under {_EACH} counted",
            ),
        )


@dataclass(frozen=True)
class _Counted:
    """Statuses counted per group, the present, and how those that settled lie in clusters."""

    counts: pd.DataFrame
    partial: dict[str, pd.Series]
    present: int
    grouped: Grouped


def _status_counts(
    tables: Tables,
    *,
    by: By,
    tz: str,
    now: datetime | str | None,
    mature_only: bool,
    hit: str = "delivered",
) -> _Counted:
    """Count statuses per group, and how those that settled lie in clusters."""
    tables.require("messages", "status", "sent_at")
    tables.require_keys("messages", ("id",), ("message_id", "msisdn"))
    keys = group_keys(tables, "messages", by, tz=tz, days=True)
    present = tables.now(now, "messages")
    aged = f'unix_micros("sent_at") <= {present - MATURE}'
    old = f"WHERE {aged}" if mature_only else ""
    counted = ",\n".join(
        tables.total("messages", f"\"status\" = '{word}'") + f" AS {quoted(column)}"
        for column, word in COUNTED_STATUSES.items()
    )
    raw = tables.query(f"""
        SELECT {keys.select}
            {tables.total("messages")} AS "n",
            {counted},
            min(unix_micros("sent_at")) AS "first",
            max(unix_micros("sent_at")) AS "last",
            {tables.total("messages", aged)} AS "aged",
            {tables.total("messages", f"{aged} AND {_PENDING}")} AS "overdue"
        FROM {keys.source}
        {old}
        {keys.group}
    """)
    word = f"\"status\" = '{COUNTED_STATUSES[hit]}'"
    trials = trials_of(tables, "messages", keys, trial=_FINAL, hit=word, rest=old)
    settled = raw[list(FINAL_STATUSES)].sum(axis=1)
    clusters = cluster_counts(tables, keys, trials)
    grouped = Grouped.of(raw, keys, trials, clusters, hits=raw[hit], tried=settled)
    counts = keys.finish(raw)
    partial = partial_periods(keys, counts, counts, present=present, tz=tz)
    return _Counted(counts, partial, present, grouped)


def _rates(counted: _Counted, level: float) -> pd.DataFrame:
    counts = counted.counts
    final = counts[list(FINAL_STATUSES)].sum(axis=1)
    sent = rate(counts["delivered"], counts["n"])
    full = counts.assign(
        other=counts["n"] - counts[list(COUNTED_STATUSES)].sum(axis=1),
        settled=final,
        rate=rate(counts["delivered"], final),
        rate_sent=sent,
        bound_low=sent,
        bound_high=rate(counts["delivered"] + counts["n"] - final, counts["n"]),
        pending_share=rate(counts["pending"], counts["n"]),
        mature=(counts["last"] <= counted.present - MATURE),
        **rate_intervals(counts["delivered"], final, counted.grouped.clusters, level=level),
    )
    rates = pd.concat([counts[counted.grouped.keys.names], typed(full, _DELIVERY_RATES)], axis=1)
    return rates.assign(**counted.partial)


@dataclass(frozen=True)
class _Sides:
    """The groups that are compared, the baseline beside each, and where they stand among all groups."""

    others: pd.DataFrame
    against: pd.DataFrame
    places: Any
    base: int


def _refuse_ids_of_accounts(by: str, within: str | None, counted: _Counted) -> None:
    """Refuse to compare by an id that two accounts may both use: its group then has the account beside it."""
    if ACCOUNT in counted.grouped.keys.names and ACCOUNT not in (by, within):
        raise UsageError(
            "compare_rates: sends and lists of several accounts may have the same ids: compare those of one "
            "account at a time, or by='account'."
        )


def _sides(rates: pd.DataFrame, by: str, baseline: Any) -> _Sides:
    largest = rates["settled"].to_numpy() == rates["settled"].max()
    chosen = rates[by] == baseline if baseline is not None else pd.Series(largest)
    if not chosen.any() and (baseline is not None and len(rates)):
        raise UsageError(f"compare_rates: baseline={baseline!r} is no group of {by!r}.")
    base = rates[chosen].iloc[:1]
    others = rates.drop(base.index)
    against = base.loc[base.index.repeat(len(others))].reset_index(drop=True)
    places = others.index.to_numpy()
    return _Sides(others.reset_index(drop=True), against, places, int(base.index[0]) if len(base) else 0)


def _compared(
    tables: Tables,
    counted: _Counted,
    sides: _Sides,
    by: str,
    count: str,
    strata: _Counted | None,
    level: float,
) -> pd.DataFrame:
    others, against = sides.others, sides.against
    found = rate_differences(
        tables,
        counted.grouped,
        places=sides.places,
        base=sides.base,
        strata=strata.grouped if strata else None,
        level=level,
    )
    frame = pd.DataFrame(
        {
            by: others[by],
            "baseline": against[by],
            "settled": others["settled"],
            count: others[count],
            "baseline_settled": against["settled"],
            f"baseline_{count}": against[count],
            "rate": others["rate"],
            "baseline_rate": against["rate"],
            **{name: found[name] for name in ("difference", "low", "high")},
            "differs": pd.array((found["low"] > 0) | (found["high"] < 0), dtype="boolean"),
            "n": others["settled"] + against["settled"],
            **{name: found[name] for name in RATE_COLUMNS},
        }
    )
    frame.loc[frame["difference"].isna(), "differs"] = pd.NA
    dtypes = dict(RATE_COLUMNS)
    if strata is not None:
        turned = np.sign(found["difference"]) * np.sign(found["crude"]) < 0
        frame = frame.assign(crude=found["crude"], strata=found["strata"], sign_turns=turned)
        dtypes |= _STRATIFIED
    return frame.astype(dtypes)


def _warn_of_turns(frame: pd.DataFrame, by: str, within: str) -> None:
    turned = int(frame["sign_turns"].sum())
    if turned:
        warnings.warn(
            f"compare_rates: {turned} of {len(frame)} differences by {by} turn their sign within {within}: "
            f"the groups differ in what they were sent to, and the crude difference misleads (column crude).",
            UserWarning,
            stacklevel=3,
        )


def _charted(rates: pd.DataFrame, by: str, count: str, width: float) -> pd.DataFrame:
    mature = rates["mature"].fillna(value=False).to_numpy(bool)
    k, n = rates[count].to_numpy("float64"), rates["settled"].to_numpy("float64")
    expected = n * float(rate(k[mature].sum(), n[mature].sum()))
    usual = np.minimum(expected, n - expected) >= _EACH
    effect = rates["design_effect"].fillna(1.0)
    chart = laney(k, n, used=mature, steady=mature & usual, width=width, effect=effect)
    share = rate(k, n)
    judged = mature & ~np.isnan(share) & ~np.isnan(chart.low)
    enough = np.minimum(np.maximum(expected, k), np.maximum(n - expected, n - k)) >= _EACH
    beyond = [~enough, share > chart.high + 1e-12, share < chart.low - 1e-12]
    side = np.select(beyond, ["too few", "above", "below"], "inside")
    frame = rates[[by, "settled", count]].assign(
        rate=share,
        centre=chart.centre,
        low=chart.low,
        high=chart.high,
        mature=rates["mature"],
        outside=pd.Series(side, dtype="str").where(judged),
        n=rates["n"],
        numbers=rates["numbers"],
        design_effect=rates["design_effect"],
        interval=rates["interval"].str.replace("Wilson", "Laney p'", regex=False),
        partial=rates["partial"],
    )
    return frame.astype({"centre": "float64"})
