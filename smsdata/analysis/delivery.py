"""Delivery: what share arrived, how sure is that, did it change, how long did it take.

Owns the counting of statuses. Imports of smsdata only errors and, within analysis, the engine, grouping,
provenance and stats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import numpy as np
import pandas as pd

from smsdata.analysis.core.engine import MATURE, MICROS, Source, Tables, open_tables, quoted, typed
from smsdata.analysis.core.grouping import By, Keys, group_keys
from smsdata.analysis.core.provenance import Window, derived, explained
from smsdata.analysis.core.statistics import Floats, aalen_johansen, laney, log_log, newcombe, rate, wilson
from smsdata.errors import UsageError

STATUSES = {
    "delivered": "delivered",
    "soft_bounced": "soft-bounce",
    "hard_bounced": "hard-bounce",
    "bounced": "bounced",
    "pending": "pending",
}
"""The columns that count statuses, and the word each one counts."""

SETTLED = ("delivered", "soft_bounced", "hard_bounced", "bounced")

_RATES = {
    "n": "int64",
    **dict.fromkeys([*STATUSES, "other", "settled"], "int64"),
    **dict.fromkeys(["rate", "low", "high", "rate_sent", "bound_low", "bound_high"], "float64"),
    "pending_share": "float64",
    "first": "utc",
    "last": "utc",
    "mature": "boolean",
}
_FORMULA = "delivered / (delivered + soft + hard + bounced)"
_PERIODS = ("hour", "day", "week", "month")
_ENOUGH = 5
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
        counts, keys, present = _counts(tables, by=by, tz=tz, now=now, mature_only=mature_only)
        frame = _rates(counts, keys, present, level)
        return explained(
            frame,
            tables,
            formula=_FORMULA,
            numerator="messages with status delivered",
            denominator="messages with a final status: delivered, soft-bounce, hard-bounce or bounced",
            **_scope(counts),
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
    >>> found = compare_rates(messages, by="sender", now="2026-11-22")
    >>> found[["sender", "difference", "low", "high"]].round(3)
            sender  difference    low   high
    0  61491570006         0.2  0.052  0.334
    """
    if not isinstance(by, str):
        raise UsageError(f"compare_rates: by={by!r} is not one grouping; give a name, like 'sender'.")
    with open_tables("compare_rates", messages=messages) as tables:
        counts, keys, present = _counts(tables, by=by, tz=tz, now=now, mature_only=mature_only)
        rates = _rates(counts, keys, present, level)
        _refuse_unequal_maturity(rates)
        frame = _compared(rates, by, baseline, level)
        return explained(
            frame,
            tables,
            formula=f"{_FORMULA} of a group minus that of the baseline",
            numerator="messages with status delivered",
            denominator="messages with a final status",
            **_scope(counts),
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
    _one_of("delivery_trend", "by", by, _PERIODS)
    _one_of("delivery_trend", "count", count, SETTLED)
    if not width > 0:
        raise UsageError(f"delivery_trend: width={width!r} is no distance; give sigmas above 0, like 3.")
    with open_tables("delivery_trend", messages=messages) as tables:
        counts, keys, present = _counts(tables, by=by, tz=tz, now=now, mature_only=False)
        frame = _charted(_rates(counts, keys, present, 0.95), by, count, width)
        return explained(
            frame,
            tables,
            formula=f"{count} / settled per {by}, against the limits of a Laney p' chart",
            numerator=f"messages counted as {count}",
            denominator="messages with a final status",
            **_scope(counts),
            notes=(
                f"limits: centre +/- {width:g} sigma, widened by sigma Z; immature periods are not judged",
                f"too few: under {_ENOUGH} messages of an outcome expected, and under {_ENOUGH} counted",
            ),
        )


def time_to_deliver(
    dlrs: Source,
    *,
    status_history: Source | None = None,
    by: By = None,
    tz: str = "UTC",
    now: datetime | str | None = None,
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
    by, tz, now, level
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
          and 1.

        No rows for a group without a single known time.

    Raises
    ------
    UsageError
        As `delivery_rate`.

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
    with open_tables("time_to_deliver", dlrs=dlrs, status_history=status_history) as tables:
        keys = _time_keys(tables, by, tz)
        present = tables.now(now, "dlrs")
        times = keys.finish(tables.query(_times_sql(tables, keys), present=present))
        groups = times.groupby(keys.names, dropna=False) if keys.names else [((), times)]
        curves = [_curve(group, keys.names, level) for _, group in groups]
        frame = pd.concat(curves, ignore_index=True) if curves else _curve(times, keys.names, level)
        return explained(
            frame,
            tables,
            formula="Aalen-Johansen cumulative incidence of delivery; bounces compete, pending is censored",
            numerator="messages delivered within the time",
            denominator="all messages, also those pending or bounced",
            **_scope(times, n="total"),
            notes=_time_notes(times),
        )


def time_quantiles(curve: pd.DataFrame, shares: Sequence[float] = (0.5, 0.9, 0.95)) -> pd.DataFrame:
    """Tell within what time a share of all messages is delivered; some shares are never reached.

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


@dataclass(frozen=True)
class Alarm:
    """A threshold the field uses: the share of ``count`` in ``of`` beyond ``threshold`` rings.

    Attributes
    ----------
    name, level : str
        What it is about, and what it asks for: "look", "warn" or "act".
    count, of : str
        Columns of counts.
    above : bool
        Whether it rings above the threshold, else below.
    threshold : float
        A share, 0 to 1.
    source : str
        Who uses it.
    """

    name: str
    level: str
    count: str
    of: str
    above: bool
    threshold: float
    source: str


_GATEWAY = "Burst SMS help: average of accounts that delete hard bounces"
_RESELLERS = (
    "common to CRM resellers of SMS (e.g. Relentless, Stack): e-mail at the first, suspension at the second"
)

ALARMS = (
    Alarm("delivery", "look", "delivered", "settled", above=False, threshold=0.95, source=_GATEWAY),
    Alarm("delivery", "warn", "delivered", "settled", above=False, threshold=0.92, source=_RESELLERS),
    Alarm("delivery", "act", "delivered", "settled", above=False, threshold=0.875, source=_RESELLERS),
    Alarm("opt-outs", "warn", "optouts", "delivered", above=True, threshold=0.02, source=_RESELLERS),
    Alarm("opt-outs", "act", "optouts", "delivered", above=True, threshold=0.03, source=_RESELLERS),
)
"""Presets. Delivery 92% and 87.5% are error rates of 8% and 12.5%."""


def alarms(rates: pd.DataFrame, presets: Sequence[Alarm] = ALARMS) -> pd.DataFrame:
    """Tell which groups are beyond the thresholds the field uses, by more than chance.

    Parameters
    ----------
    rates : DataFrame
        What `delivery_rate` gave, or any frame with the columns of counts that a preset names.
    presets : sequence of Alarm
        Those whose columns are missing in ``rates`` are left out.

    Returns
    -------
    DataFrame
        One row per group and alarm: all columns of ``rates``, then ``alarm``, ``level`` (str), ``value``,
        ``threshold`` (float64), ``source`` (str). An alarm rings if the whole 95% Wilson interval lies
        beyond the threshold; groups known to be immature ring none. No rows if none rings.

    Raises
    ------
    UsageError
        If the frame has the counts of no preset.

    References
    ----------
    Each preset names its own in ``source``. Interval: Brown, Cai & DasGupta 2001.

    Examples
    --------
    >>> import pandas as pd
    >>> rates = pd.DataFrame({"sender": ["ACME", "tiny"], "delivered": [800, 9], "settled": [1000, 10]})
    >>> alarms(rates)[["sender", "alarm", "level", "value", "threshold"]]
      sender     alarm level  value  threshold
    0   ACME  delivery  look    0.8      0.950
    1   ACME  delivery  warn    0.8      0.920
    2   ACME  delivery   act    0.8      0.875
    """
    usable = [alarm for alarm in presets if {alarm.count, alarm.of} <= set(rates.columns)]
    if not usable:
        raise UsageError(
            "alarms: the frame has no counts that a preset needs; give what delivery_rate returned."
        )
    rung = [_rung(rates, alarm) for alarm in usable]
    frame = pd.concat(rung).sort_index(kind="stable").reset_index(drop=True)
    return derived(
        frame,
        rates,
        helper="alarms",
        formula="the whole 95% Wilson interval of count / of lies beyond the threshold",
        numerator="the count that the preset names: " + _named(usable, "count"),
        denominator="the count that the preset divides by: " + _named(usable, "of"),
    )


def _named(presets: Sequence[Alarm], what: str) -> str:
    return ", ".join(dict.fromkeys(getattr(alarm, what) for alarm in presets))


def _counts(
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
        for column, word in STATUSES.items()
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
    settled = counts[list(SETTLED)].sum(axis=1)
    low, high = wilson(counts["delivered"], settled, level=level)
    sent = rate(counts["delivered"], counts["n"])
    full = counts.assign(
        other=counts["n"] - counts[list(STATUSES)].sum(axis=1),
        settled=settled,
        rate=rate(counts["delivered"], settled),
        low=low,
        high=high,
        rate_sent=sent,
        bound_low=sent,
        bound_high=rate(counts["delivered"] + counts["n"] - settled, counts["n"]),
        pending_share=rate(counts["pending"], counts["n"]),
        mature=(counts["last"] <= present - MATURE),
    )
    return pd.concat([counts[keys.names], typed(full, _RATES)], axis=1)


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
    usual = np.minimum(expected, n - expected) >= _ENOUGH
    chart = laney(k, n, used=mature, steady=mature & usual, width=width)
    share = rate(k, n)
    judged = mature & ~np.isnan(share) & ~np.isnan(chart.low)
    enough = np.minimum(np.maximum(expected, k), np.maximum(n - expected, n - k)) >= _ENOUGH
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


def _time_keys(tables: Tables, by: By, tz: str) -> Keys:
    tables.require("dlrs", "message_id", "msisdn", "status", "sent_at", "delivered_at")
    tables.require_keys("dlrs", ("message_id", "msisdn"))
    if "status_history" in tables:
        tables.require("status_history", "message_id", "msisdn", "status", "observed_at")
    return group_keys(tables, "dlrs", by, tz=tz)


_BOUNCES = "('soft-bounce', 'hard-bounce', 'bounced')"


def _times_sql(tables: Tables, keys: Keys) -> str:
    """Reduce to how many were delivered, bounced or last seen open at each second after sending."""
    seen = '"seen"' if "status_history" in tables else "CAST(NULL AS BIGINT)"
    names = "".join(f"{quoted(name)}, " for name in keys.names)
    return f"""
        WITH timed AS (
            SELECT {keys.select}
                CASE WHEN "status" = 'delivered' AND "delivered_at" IS NOT NULL THEN 'delivered'
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


_CURVE = {
    "seconds": "int64",
    "seconds_high": "int64",
    "at_risk": "float64",
    "delivered": "int64",
    "bounced": "int64",
    "incidence": "float64",
    "low": "float64",
    "high": "float64",
}


def _curve(times: pd.DataFrame, names: list[str], level: float) -> pd.DataFrame:
    """Estimate one group's curve from its counts by kind and second."""
    totals = times.groupby("kind")["total"].sum()
    timed, untimed = int(totals.get("delivered", 0)), int(totals.get("untimed", 0))
    if not timed:
        return times.iloc[:0][names].assign(**{c: pd.Series(dtype=cast(Any, t)) for c, t in _CURVE.items()})
    known = times[times["kind"] != "untimed"]
    table = known.pivot_table(index="seconds", columns="kind", values="total", aggfunc="sum", fill_value=0)
    table = table.reindex(columns=["delivered", "bounced", "kept", "open"], fill_value=0).astype("float64")
    wanted = table["delivered"] * (timed + untimed) / timed
    found = aalen_johansen(wanted, table["bounced"], table["kept"] + table["open"])
    variance = found.variance + _unseen_variance(found.incidence, timed, untimed)
    low, high = log_log(found.incidence, variance, level=level)
    slack = known.groupby("seconds")["slack"].max().to_numpy("int64")
    curve = table.assign(at_risk=found.at_risk, incidence=found.incidence, low=low, high=high).reset_index()
    curve["seconds_high"] = curve["seconds"].astype("int64") + slack
    curve = typed(curve[(curve["delivered"] + curve["bounced"]) > 0], _CURVE)
    groups = times.iloc[[0] * len(curve)][names].reset_index(drop=True)
    return pd.concat([groups, curve], axis=1)


def _unseen_variance(incidence: Floats, timed: int, untimed: int) -> Floats:
    """Give the variance that comes from taking the times of some deliveries for those of all."""
    all_delivered = incidence.max()
    spread: Floats = incidence * (all_delivered - incidence) * (1 / timed - 1 / (timed + untimed))
    return spread


def _reached(curve: pd.DataFrame, share: float) -> tuple[Any, Any]:
    there = curve[curve["incidence"] >= share - 1e-12]
    return (pd.NA, pd.NA) if there.empty else (there["seconds"].iloc[0], there["seconds_high"].iloc[0])


def _scope(counts: pd.DataFrame, *, n: str = "n") -> dict[str, Any]:
    """Tell what `explained` asks for: when these were sent, and which share of them is pending."""
    total = counts[n].sum()
    window = Window(counts["first"].min(), counts["last"].max())
    return {"window": window, "pending": counts["pending"].sum() / total if total else None}


def _time_notes(times: pd.DataFrame) -> tuple[str, ...]:
    totals = times.groupby("kind")["total"].sum()
    notes = {
        "untimed": "delivered at an unknown time: {:,}, taken to be as quick as the others",
        "kept": "bounced at an unknown time: {:,}, kept at risk until now",
    }
    return tuple(text.format(totals[kind]) for kind, text in notes.items() if kind in totals)


def _rung(rates: pd.DataFrame, alarm: Alarm) -> pd.DataFrame:
    low, high = wilson(rates[alarm.count], rates[alarm.of])
    beyond = low > alarm.threshold if alarm.above else high < alarm.threshold
    if "mature" in rates:
        beyond &= rates["mature"].fillna(value=False).to_numpy(bool)
    return rates[beyond].assign(
        alarm=alarm.name,
        level=alarm.level,
        value=rate(rates[alarm.count], rates[alarm.of])[beyond],
        threshold=alarm.threshold,
        source=alarm.source,
    )


def _one_of(helper: str, name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise UsageError(f"{helper}: {name}={value!r} is none of {', '.join(allowed)}.")
