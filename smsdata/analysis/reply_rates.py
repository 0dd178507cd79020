"""Reply rates: how many people reply, and how fast.

Imports of smsdata only errors, analysis.core and, for the attribution, replies.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from smsdata.analysis.core.clusters import RATE_COLUMNS, Grouped, cluster_counts, rate_intervals, trials_of
from smsdata.analysis.core.column_types import typed
from smsdata.analysis.core.differences import beside_baseline
from smsdata.analysis.core.engine import MATURE, Source, length, open_tables
from smsdata.analysis.core.grouping import By, Keys, group_keys, partial_periods
from smsdata.analysis.core.provenance import explained, scope
from smsdata.analysis.core.statistics import rate
from smsdata.analysis.replies import NEVER_PENDING, asks_out, attribute_replies, attributed, from_people

_HOUR_MINUTES = 60.0
TELEPHONES = "tapbacks and automatic replies are no engagement and left out"
"""What `explain` says of the replies that nobody wrote."""


_REPLY_RATES = {
    "recipients": "int64",
    "delivered": "int64",
    "pending": "int64",
    "pending_share": "float64",
    "replied": "int64",
    "replies": "int64",
    "opted_out": "int64",
    "rate": "float64",
    "low": "float64",
    "high": "float64",
    "first": "utc",
    "last": "utc",
    "mature": "boolean",
    "n": "int64",
    **RATE_COLUMNS,
}
_REACHED = """
    LEFT JOIN @answers ON "id" = "answered_row"
    WHERE NOT regexp_like("sender", '[^+0-9]')
"""


_REPLY_TIMES = {
    "replies": "int64",
    "p10": "float64",
    "median": "float64",
    "p90": "float64",
    "within_1h": "float64",
    "within_24h": "float64",
    "numbers": "Int64",
}


def reply_rate(
    messages: Source,
    replies: Source,
    *,
    list_members: Source | None = None,
    by: By = None,
    window: str | timedelta = "72h",
    baseline: Any = None,
    tz: str = "UTC",
    now: datetime | str | None = None,
    mature_only: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tell what share of the people who could reply did.

    Parameters
    ----------
    messages, replies : DataFrame, Scan or Spark DataFrame
        As for `attribute_replies`; messages also needs ``status`` and what ``by`` needs.
    list_members : DataFrame, Scan, Spark DataFrame or None
        As for `delivery_rate`.
    by : str, sequence of str or None
        Groups of messages: column names, "hour", "day", "week", "month", "hour_of_day", "weekday", "sender",
        "country", "campaign". None is one group of all.
    window : str or timedelta
        As for `attribute_replies`.
    baseline : value of the grouping or None
        A group that each other is compared with, such as a month by="month".
    tz : str
        IANA time zone in which hours, days, weeks and months begin.
    now : aware datetime, ISO text or None
        The present, for ``mature``; default: the latest ``synced_at``, else the clock.
    mature_only : bool
        Count only messages sent more than 73 hours, and more than the window, ago.
    level : float
        Confidence of the interval, 0 to 1.

    Returns
    -------
    DataFrame
        One row per group; only messages from senders that can receive, which names such as "ACME" cannot:

        - the groups, named as asked;
        - ``recipients`` (int64): messages to one recipient, whatever became of them;
        - ``delivered``, ``pending`` (int64) of them, ``pending_share`` (float64): pending / recipients;
        - ``replied`` (int64): delivered messages that at least one reply is attributed to;
        - ``replies`` (int64): those replies; tapbacks ("Liked ...") and automatic replies are left out of
          both; ``opted_out`` (int64): of the replied, those where a reply asks to be left alone, whether
          certain or for review: ``replied - opted_out`` were answered otherwise;
        - ``rate`` (float64, 0 to 1): replied / delivered; NaN if nothing was delivered;
        - ``low``, ``high`` (float64): its interval, clustered by number as that of `delivery_rate`: had other
          people been written to, nineteen in twenty such intervals would hold the rate of all of them;
        - ``first``, ``last`` (datetime64[us, UTC]): when the first and the last was sent;
        - ``mature`` (boolean): all were sent more than 73 hours and more than the window ago; NA if empty;
        - ``n`` (int64): delivered, what the rate divides by; ``numbers`` (Int64): distinct ones among them;
        - ``design_effect`` (float64), ``interval`` (str): as for `delivery_rate`; by a period also
          ``partial`` (boolean);
        - with ``baseline`` also ``baseline_rate``, ``difference`` (rate minus baseline_rate),
          ``difference_low``, ``difference_high`` (float64), ``differs`` (boolean: that interval leaves out
          0), as for `compare_rates`; missing for the baseline itself.

    Raises
    ------
    UsageError
        As `attribute_replies`; if a grouping or time zone is unknown; if the baseline is no group, or some
        groups are mature and others not.

    References
    ----------
    Interval: Brown, Cai & DasGupta 2001; Rao & Scott 1992, see `docs/intervals.md`. Alphanumeric senders
    cannot receive replies: provider's help.

    Examples
    --------
    >>> import pandas as pd
    >>> messages = pd.DataFrame({
    ...     "id": [1, 2, 3], "message_id": 10, "msisdn": ["61491570156", "61491570157", "61491570158"],
    ...     "sender": ["61491570006", "61491570006", "ACME"], "status": "delivered",
    ...     "sent_at": pd.to_datetime(["2026-11-01"] * 3, utc=True),
    ... })
    >>> replies = pd.DataFrame({
    ...     "id": [5], "msisdn": "61491570156", "longcode": "61491570006",
    ...     "received_at": pd.to_datetime(["2026-11-02"], utc=True),
    ... })
    >>> reply_rate(messages, replies, now="2026-11-22")[["delivered", "replied", "rate"]]
       delivered  replied  rate
    0          2        1   0.5
    """
    within = length(window, "reply_rate")
    given = {"messages": messages, "replies": replies, "list_members": list_members}
    with open_tables("reply_rate", **given) as tables:
        tables.require("messages", "status")
        keys, present = group_keys(tables, "messages", by, tz=tz, days=True), tables.now(now, "messages")
        tables.add("answers", _answers_by_row(from_people(attributed(tables, within))))
        young = present - max(MATURE, within)
        rest = _REACHED + (f' AND unix_micros("sent_at") <= {young}' if mature_only else "")
        raw = tables.query(_reply_counts(keys, rest))
        counts = keys.finish(raw)
        partial = partial_periods(keys, counts, counts, present=present, tz=tz)
        reached = "\"status\" = 'delivered'"
        asked = {"trial": reached, "hit": f'{reached} AND "answers" IS NOT NULL'}
        trials = trials_of(tables, "messages", keys, rest=rest, once=True, **asked)
        clusters = cluster_counts(tables, keys, trials)
        full = counts.assign(
            pending_share=rate(counts["pending"], counts["recipients"]),
            rate=rate(counts["replied"], counts["delivered"]),
            mature=counts["last"] <= young,
            n=counts["delivered"],
            **rate_intervals(counts["replied"], counts["delivered"], clusters, level=level),
        )
        frame = pd.concat([counts[keys.names], typed(full, _REPLY_RATES)], axis=1).assign(**partial)
        if baseline is not None:
            hits, tried = raw["replied"], raw["delivered"]
            groups = Grouped.of(raw, keys, trials, clusters, hits=hits, tried=tried)
            frame = beside_baseline(tables, frame, groups, baseline, level=level)
        return explained(
            frame,
            tables,
            formula="replied / delivered",
            numerator=f"delivered messages with a reply attributed to them within {window}",
            denominator="messages delivered from senders that can receive replies",
            **scope(counts, n="recipients"),
            notes=(
                f"interval: Wilson with effective sample size, {level:.0%}",
                "senders with letters in them are left out",
                TELEPHONES,
            ),
        )


def _reply_counts(keys: Keys, rest: str) -> str:
    """Write the SQL that counts recipients and replies per group."""
    return f"""
        SELECT {keys.select}
            count(*) AS "recipients",
            count(*) FILTER (WHERE "status" = 'delivered') AS "delivered",
            count(*) FILTER (WHERE "status" = 'pending') AS "pending",
            count("answers") FILTER (WHERE "status" = 'delivered') AS "replied",
            CAST(coalesce(sum("answers") FILTER (WHERE "status" = 'delivered'), 0) AS BIGINT)
                AS "replies",
            count(*) FILTER (WHERE "status" = 'delivered' AND "asks_out" > 0) AS "opted_out",
            min(unix_micros("sent_at")) AS "first",
            max(unix_micros("sent_at")) AS "last"
        FROM {keys.source} {rest}
        {keys.group}
    """


def time_to_reply(
    messages: Source,
    replies: Source,
    *,
    list_members: Source | None = None,
    by: By = None,
    window: str | timedelta = "72h",
    tz: str = "UTC",
    now: datetime | str | None = None,
    mature_only: bool = False,
) -> pd.DataFrame:
    """Tell how long the people who reply take.

    Parameters
    ----------
    messages, replies : DataFrame, Scan or Spark DataFrame
        As for `attribute_replies`.
    list_members : DataFrame, Scan, Spark DataFrame or None
        As for `delivery_rate`.
    by : str, sequence of str or None
        Groups of replies by the message they answer: "campaign", "sender", "hour", "day", "week", "month",
        "hour_of_day", "weekday" (of sending), "country", or a column of `attribute_replies`.
    window : str or timedelta
        As for `attribute_replies`; no time is longer than that.
    tz : str
        IANA time zone in which hours, days, weeks and months begin.
    now, mature_only
        As for `reply_rate`: of fresh messages only the quick replies are in, and times look too short.

    Returns
    -------
    DataFrame
        One row per group:

        - the groups, named as asked;
        - ``replies`` (int64): those attributed to a message, without tapbacks and automatic replies;
        - ``p10``, ``median``, ``p90`` (float64): minutes from sending to reply; NaN without replies;
        - ``within_1h``, ``within_24h`` (float64, 0 to 1): their share; NaN without replies;
        - ``numbers`` (Int64): the people who wrote them.

        It describes those who replied: people who never reply are not in it (see `reply_rate`). There is no
        interval: these are all the replies there are, and who answers often weighs more; compare ``replies``
        with ``numbers``.

    Raises
    ------
    UsageError
        As `attribute_replies`; if a grouping or time zone is unknown.

    References
    ----------
    Quantiles: linear interpolation between the two nearest (Hyndman & Fan 1996, type 7).

    Examples
    --------
    >>> import pandas as pd
    >>> messages = pd.DataFrame({
    ...     "id": [1, 2], "message_id": 10, "msisdn": ["61491570156", "61491570157"], "sender": "61491570006",
    ...     "sent_at": pd.to_datetime(["2026-11-01"] * 2, utc=True),
    ... })
    >>> replies = pd.DataFrame({
    ...     "id": [5, 6], "msisdn": ["61491570156", "61491570157"], "longcode": "61491570006",
    ...     "received_at": pd.to_datetime(["2026-11-01T00:20", "2026-11-01T02:00"], utc=True),
    ... })
    >>> time_to_reply(messages, replies)[["replies", "median", "within_1h"]]
       replies  median  within_1h
    0        2    70.0        0.5
    """
    people = from_people(attribute_replies(messages, replies, window=window).dropna(subset="message_id"))
    people = people.assign(sender=people["longcode"])
    given = {"messages": messages} if mature_only else {}
    with open_tables("time_to_reply", replies=people, list_members=list_members, **given) as tables:
        keys, old = group_keys(tables, "replies", by, tz=tz), ""
        if mature_only:
            young = tables.now(now, "messages") - max(MATURE, length(window, "time_to_reply"))
            old = f'WHERE unix_micros("sent_at") <= {young}'
        rows = keys.finish(tables.query(f'SELECT {keys.select} "minutes", "msisdn" FROM {keys.source} {old}'))
        groups = rows.groupby(keys.names, dropna=False) if keys.names else [((), rows)]
        times = [[*group, *_quantiles_and_shares(members)] for group, members in groups]
        summary = pd.DataFrame(times, columns=[*keys.names, *_REPLY_TIMES])
        summary = summary.astype({name: rows[name].dtype for name in keys.names})
        return explained(
            pd.concat([summary[keys.names], typed(summary, _REPLY_TIMES)], axis=1),
            tables,
            formula="minutes from sending to reply, quantiles with linear interpolation",
            numerator="replies within an hour, within a day",
            denominator=f"replies attributed to a message within {window}",
            window=tables.span("replies", "received_at")[0],
            pending=NEVER_PENDING,
            notes=(TELEPHONES,),
        )


def _answers_by_row(replies: pd.DataFrame) -> pd.DataFrame:
    """Per answered message how many replies it has, and how many of them ask to be left alone."""
    answers = replies.dropna(subset=["answered_id"])
    asks = asks_out(answers)
    rows = pd.DataFrame({"answered_row": answers["answered_id"].astype("int64"), "asks_out": asks})
    counts = rows.groupby("answered_row")["asks_out"].agg(["size", "sum"]).reset_index()
    return counts.set_axis(["answered_row", "answers", "asks_out"], axis=1).astype("int64")


def _quantiles_and_shares(replies: pd.DataFrame) -> list[float]:
    """Give what `_REPLY_TIMES` names."""
    minutes = replies["minutes"]
    p10, median, p90 = minutes.quantile([0.1, 0.5, 0.9])
    shares = [
        float((minutes <= hours * _HOUR_MINUTES).mean()) if len(minutes) else np.nan for hours in (1, 24)
    ]
    return [len(minutes), p10, median, p90, *shares, replies["msisdn"].nunique()]
