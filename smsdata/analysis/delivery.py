"""Delivery: what share arrived, how sure is that, does it differ between groups, did it change.

Owns the counting of statuses. Imports of smsdata only errors and analysis.core.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from smsdata.analysis.core.column_types import typed
from smsdata.analysis.core.dialect import quoted
from smsdata.analysis.core.engine import MATURE, Source, Tables, open_tables
from smsdata.analysis.core.grouping import PERIODS, By, Keys, group_keys, one_of
from smsdata.analysis.core.provenance import explained, scope
from smsdata.analysis.core.statistics import laney, newcombe, rate, wilson
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
}
_FORMULA = "delivered / (delivered + soft + hard + bounced)"
_EACH = 5
"""Of each outcome: fewer, and a chart's limits, which rest on the normal distribution, mislead."""


def delivery_rate(
    messages: Source,
    *,
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
        - ``low``, ``high`` (float64): Wilson interval of ``rate``;
        - ``rate_sent`` (float64): delivered / n;
        - ``bound_low``, ``bound_high`` (float64): the rate if none, or all, of the unsettled were delivered;
        - ``pending_share`` (float64): pending / n;
        - ``first``, ``last`` (datetime64[us, UTC]): when the first and the last of them was sent;
        - ``mature`` (boolean): all were sent more than 73 hours ago; NA for an empty group.

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive, a grouping or time zone is unknown, rows repeat a key, or
        ``level`` is not between 0 and 1.

    References
    ----------
    Interval: Brown, Cai & DasGupta 2001. Maturity: the gateway expires a pending message after 72 hours, its
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
    with open_tables("delivery_rate", messages=messages) as tables:
        counts, keys, present = _status_counts(tables, by=by, tz=tz, now=now, mature_only=mature_only)
        frame = _rates(counts, keys, present, level)
        return explained(
            frame,
            tables,
            formula=_FORMULA,
            numerator="messages with status delivered",
            denominator="messages with a final status: delivered, soft-bounce, hard-bounce or bounced",
            **scope(counts),
            notes=(
                f"interval: Wilson, {level:.0%}",
                "bounds: unsettled messages counted as lost, as delivered",
            ),
        )


def compare_rates(
    messages: Source,
    *,
    by: str,
    baseline: Any = None,
    tz: str = "UTC",
    now: datetime | str | None = None,
    mature_only: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tell whether delivery differs between groups, such as two senders, and by how much.

    Parameters
    ----------
    messages : DataFrame, Scan or Spark DataFrame
        As for `delivery_rate`.
    by : str
        One grouping.
    baseline : value of the grouping or None
        The group that the others are compared with; default: the one with most settled messages.
    tz, now, mature_only, level
        As for `delivery_rate`.

    Returns
    -------
    DataFrame
        One row per group other than the baseline:

        - the group, named as ``by``; ``baseline``: the group it is compared with, of the same dtype;
        - ``settled``, ``delivered``, ``baseline_settled``, ``baseline_delivered`` (int64);
        - ``rate``, ``baseline_rate`` (float64, 0 to 1);
        - ``difference`` (float64, -1 to 1): rate minus baseline_rate; NaN if a side has nothing settled;
        - ``low``, ``high`` (float64): its interval;
        - ``differs`` (boolean): the interval leaves out 0; NA where the difference is missing.

        With several groups, one in twenty differs by chance alone.

    Raises
    ------
    UsageError
        As `delivery_rate`; if ``by`` is not one name; if the baseline is not among the groups; if some groups
        are mature and others not, since quick outcomes come first and would make the fresh ones look
        different.

    References
    ----------
    Newcombe 1998, method 10 (hybrid score interval).

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
    with open_tables("compare_rates", messages=messages) as tables:
        counts, keys, present = _status_counts(tables, by=by, tz=tz, now=now, mature_only=mature_only)
        rates = _rates(counts, keys, present, level)
        _refuse_unequal_maturity(rates)
        frame = _compared(rates, by, baseline, level)
        return explained(
            frame,
            tables,
            formula=f"{_FORMULA} of a group minus that of the baseline",
            numerator="messages with status delivered",
            denominator="messages with a final status",
            **scope(counts),
            notes=(f"interval: Newcombe hybrid score, {level:.0%}",),
        )


def delivery_trend(
    messages: Source,
    *,
    by: str = "day",
    count: str = "delivered",
    tz: str = "UTC",
    now: datetime | str | None = None,
    width: float = 3.0,
) -> pd.DataFrame:
    """Tell which days (hours, weeks, months) stand out from the usual variation of delivery.

    Parameters
    ----------
    messages : DataFrame, Scan or Spark DataFrame
        As for `delivery_rate`.
    by : {"day", "hour", "week", "month"}
        The periods.
    count : {"delivered", "soft_bounced", "hard_bounced", "bounced"}
        Whose share of the settled messages is charted.
    tz, now
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
          or there are no limits. One period in 370 falls outside by chance (at three sigmas).

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
    one_of("delivery_trend", "by", by, PERIODS)
    one_of("delivery_trend", "count", count, FINAL_STATUSES)
    if not width > 0:
        raise UsageError(f"delivery_trend: width={width!r} is no distance; give sigmas above 0, like 3.")
    with open_tables("delivery_trend", messages=messages) as tables:
        counts, keys, present = _status_counts(tables, by=by, tz=tz, now=now, mature_only=False)
        frame = _charted(_rates(counts, keys, present, 0.95), by, count, width)
        return explained(
            frame,
            tables,
            formula=f"{count} / settled per {by}, against the limits of a Laney p' chart",
            numerator=f"messages counted as {count}",
            denominator="messages with a final status",
            **scope(counts),
            notes=(
                f"limits: centre +/- {width:g} sigma, widened by sigma Z; immature periods are not judged",
                f"too few: under {_EACH} messages of an outcome expected, and under {_EACH} counted",
            ),
        )


def _status_counts(
    tables: Tables, *, by: By, tz: str, now: datetime | str | None, mature_only: bool
) -> tuple[pd.DataFrame, Keys, int]:
    """Count statuses per group: the counts, the groups, and the present."""
    tables.require("messages", "status", "sent_at")
    tables.require_keys("messages", ("id",), ("message_id", "msisdn"))
    keys = group_keys(tables, "messages", by, tz=tz)
    present = tables.now(now, "messages")
    old = 'WHERE unix_micros("sent_at") <= :old' if mature_only else ""
    counted = ",\n".join(
        tables.total("messages", f"\"status\" = '{word}'") + f" AS {quoted(column)}"
        for column, word in COUNTED_STATUSES.items()
    )
    sql = f"""
        SELECT {keys.select}
            {tables.total("messages")} AS "n",
            {counted},
            min(unix_micros("sent_at")) AS "first",
            max(unix_micros("sent_at")) AS "last"
        FROM {keys.source}
        {old}
        {keys.group}
    """
    return keys.finish(tables.query(sql, old=present - MATURE)), keys, present


def _rates(counts: pd.DataFrame, keys: Keys, present: int, level: float) -> pd.DataFrame:
    final = counts[list(FINAL_STATUSES)].sum(axis=1)
    low, high = wilson(counts["delivered"], final, level=level)
    sent = rate(counts["delivered"], counts["n"])
    full = counts.assign(
        other=counts["n"] - counts[list(COUNTED_STATUSES)].sum(axis=1),
        settled=final,
        rate=rate(counts["delivered"], final),
        low=low,
        high=high,
        rate_sent=sent,
        bound_low=sent,
        bound_high=rate(counts["delivered"] + counts["n"] - final, counts["n"]),
        pending_share=rate(counts["pending"], counts["n"]),
        mature=(counts["last"] <= present - MATURE),
    )
    return pd.concat([counts[keys.names], typed(full, _DELIVERY_RATES)], axis=1)


def _refuse_unequal_maturity(rates: pd.DataFrame) -> None:
    if rates["mature"].dropna().nunique() > 1:
        raise UsageError(
            "compare_rates: some groups hold messages younger than 73 hours and others do not; "
            "compare like with like: mature_only=True."
        )


def _compared(rates: pd.DataFrame, by: str, baseline: Any, level: float) -> pd.DataFrame:
    largest = rates["settled"].to_numpy() == rates["settled"].max()
    chosen = rates[by] == baseline if baseline is not None else pd.Series(largest)
    if not chosen.any() and (baseline is not None and len(rates)):
        raise UsageError(f"compare_rates: baseline={baseline!r} is no group of {by!r}.")
    base = rates[chosen].iloc[:1]
    others = rates.drop(base.index)
    against = base.loc[base.index.repeat(len(others))].set_axis(others.index)
    counts = [(side["delivered"], side["settled"]) for side in (others, against)]
    difference, low, high = newcombe(counts[0], counts[1], level=level)
    frame = pd.DataFrame(
        {
            by: others[by],
            "baseline": against[by],
            "settled": others["settled"],
            "delivered": others["delivered"],
            "baseline_settled": against["settled"],
            "baseline_delivered": against["delivered"],
            "rate": others["rate"],
            "baseline_rate": against["rate"],
            "difference": difference,
            "low": low,
            "high": high,
            "differs": pd.array((low > 0) | (high < 0), dtype="boolean"),
        }
    )
    frame.loc[frame["difference"].isna(), "differs"] = pd.NA
    return frame.reset_index(drop=True)


def _charted(rates: pd.DataFrame, by: str, count: str, width: float) -> pd.DataFrame:
    mature = rates["mature"].fillna(value=False).to_numpy(bool)
    k, n = rates[count].to_numpy("float64"), rates["settled"].to_numpy("float64")
    expected = n * float(rate(k[mature].sum(), n[mature].sum()))
    usual = np.minimum(expected, n - expected) >= _EACH
    chart = laney(k, n, used=mature, steady=mature & usual, width=width)
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
    )
    return frame.astype({"centre": "float64"})
