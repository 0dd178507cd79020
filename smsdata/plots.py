"""Pictures of analysis results: a frame in, matplotlib Axes out. Each function has the name of its helper.

Every picture says how many rows it counts, when they were sent, and which share was still pending. Colours
are those of Okabe & Ito, told apart by all kinds of colour vision; shapes and words repeat what they say.
A frame that lacks what a picture shows, because another helper made it, raises UsageError everywhere.
Owns what results look like; computes nothing, and imports nothing of smsdata but errors.

    ax = plots.delivery_rate(analysis.delivery_rate(messages, by="week"))
    ax.figure.savefig("delivery.png")
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from smsdata.errors import UsageError

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, YELLOW, GREY = "#56B4E9", "#CC79A7", "#F0E442", "#767676"

_DASHES = ("-", "--", "-.", ":")
_MARKS = "osD^vXP*"
_CYCLE = (BLUE, ORANGE, GREEN, RED, SKY, PURPLE, "black", GREY)
_PERIODS = ("hour", "day", "week", "month")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_ROWS = 25
_LABEL = 36
_CLOCK = {
    1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 3_600: "1 h", 21_600: "6 h", 86_400: "1 day",
    259_200: "3 days", 864_000: "10 days", 2_592_000: "30 days",
}  # fmt: skip


# -- delivery ---------------------------------------------------------------------------------------------


def delivery_rate(rates: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw delivery rates with their intervals, and how far the pending could still move them.

    Parameters
    ----------
    rates : DataFrame
        What `smsdata.analysis.delivery_rate` gave; one period as its grouping makes a time axis, anything
        else one line per group (the 25 largest).
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A dot per group with its 95% interval, hollow while not mature; a wide band from the rate if none of
        the unsettled arrive to the rate if all do.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> sent = pd.to_datetime(["2026-11-01", "2026-11-08"], utc=True)
    >>> messages = pd.DataFrame({"sent_at": sent, "status": ["delivered", "hard-bounce"]})
    >>> ax = delivery_rate(analysis.delivery_rate(messages, by="week", now="2026-11-22"))
    >>> ax.get_title(loc="left")
    'Delivery rate by week'
    """
    _need("delivery_rate", rates, "n", "settled", "bound_low")
    return _rates(rates, first="n", of="settled", title="Delivery rate", what="settled messages", ax=ax)


def compare_rates(differences: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how far each group's delivery rate lies from the baseline's.

    Parameters
    ----------
    differences : DataFrame
        What `smsdata.analysis.compare_rates` gave.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A dot per group with its 95% interval; filled if the interval leaves out 0.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> sent = pd.to_datetime(["2026-11-01", "2026-11-08"], utc=True)
    >>> messages = pd.DataFrame({"sent_at": sent, "sender": ["ACME", "SHOP"], "status": "delivered"})
    >>> ax = compare_rates(analysis.compare_rates(messages, by="sender", baseline="ACME", now="2026-11-22"))
    >>> ax.get_title(loc="left")
    'Delivery rate compared with ACME'
    """
    _need("compare_rates", differences, "baseline", "difference", "differs")
    key = str(differences.columns[0])
    shown, note = _largest(differences, "settled")
    ax = _axes(ax, rows=len(shown))
    y = np.arange(len(shown))
    filled = shown["differs"].fillna(False).to_numpy(bool)
    marks = ("95% interval leaves out 0", "95% interval holds 0: may be chance")
    _dots(ax, shown, "difference", y, filled=filled, marks=marks, upright=False)
    ax.axvline(0, color=GREY, lw=1)
    _rows(ax, _labels(shown, [key], "settled"))
    ax.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{round(100 * value, 2):+g}" if value else "0")
    )
    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10]))
    baseline = _word(key, differences["baseline"].iloc[0]) if len(differences) else "the baseline"
    total = differences["settled"].sum() + differences["baseline_settled"].iloc[:1].sum()
    return _finish(
        ax,
        f"Delivery rate compared with {baseline}",
        _facts(differences, total, "settled messages", extra=note),
        axis="difference in percentage points",
    )


def delivery_trend(trend: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the control chart: which periods stand out from the usual variation.

    Parameters
    ----------
    trend : DataFrame
        What `smsdata.analysis.delivery_trend` gave.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A dot per period, filled and red outside the limits, hollow where not mature, a cross where too few
        are counted to be judged; the centre and, over the other periods, the limits of a Laney p' chart.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> sent = pd.to_datetime(["2026-11-01", "2026-11-08"], utc=True)
    >>> messages = pd.DataFrame({"sent_at": sent, "status": ["delivered", "hard-bounce"]})
    >>> ax = delivery_trend(analysis.delivery_trend(messages, now="2026-11-22"))
    >>> ax.get_title(loc="left")
    'Delivered by day: 0 of 2 outside the usual'
    """
    _need("delivery_trend", trend, "settled", "centre", "outside")
    period, count = str(trend.columns[0]), str(trend.columns[2])
    ax = _axes(ax)
    x = trend[period]
    large = trend[(trend["outside"] != "too few").to_numpy(bool)]
    judged = trend[trend["outside"].isin(["inside", "above", "below"])]
    band = ax.fill_between(judged[period], judged["low"], judged["high"], step="mid", color=SKY, alpha=0.25)
    band.set(linewidth=0, label="limits")
    ax.plot(x, trend["centre"], color=GREY, lw=1, label="centre")
    ax.plot(large[period], large["rate"], color=BLUE, lw=0.8, alpha=0.6)
    for label, which, style in _trend_marks(trend):
        if which.any():
            ax.plot(x[which], trend["rate"][which], ls="", label=label, **style)
    _dates(ax)
    _percent(ax.yaxis)
    found = int(trend["outside"].isin(["above", "below"]).sum())
    title = f"{_words(count).capitalize()} by {period}: {found} of {len(trend)} outside the usual"
    note = f"{len(trend) - len(large)} with too few to judge" if len(large) < len(trend) else ""
    facts = _facts(trend, trend["settled"].sum(), "settled messages", extra=note)
    return _finish(ax, title, facts, share="share")


def _trend_marks(trend: pd.DataFrame) -> list[tuple[str, Any, dict[str, Any]]]:
    mature = trend["mature"].fillna(False).to_numpy(bool)
    out = trend["outside"].isin(["above", "below"]).to_numpy(bool)
    few = (trend["outside"] == "too few").fillna(value=False).to_numpy(bool)
    return [
        ("inside", mature & ~out & ~few, {"marker": "o", "color": BLUE, "ms": 4}),
        ("too few to judge", few, {"marker": "x", "color": GREY, "ms": 5}),
        ("outside", out, {"marker": "D", "color": RED, "ms": 7}),
        ("not mature", ~mature, {"marker": "o", "mec": BLUE, "mfc": "white", "ms": 5}),
    ]


def time_to_deliver(curve: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of all messages delivered within a time.

    Parameters
    ----------
    curve : DataFrame
        What `smsdata.analysis.time_to_deliver` gave.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A rising step per group with its 95% band, on a logarithmic time axis. It levels off below 100% by
        what bounces. Times are the latest possible: a receipt at a whole minute may be up to 60 s late.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> sent = pd.to_datetime(["2026-11-01", "2026-11-08"], utc=True)
    >>> dlrs = pd.DataFrame({
    ...     "message_id": [10, 11], "msisdn": "61491570156", "status": "delivered", "sent_at": sent,
    ...     "delivered_at": sent + pd.Timedelta(5, "s"),
    ... })
    >>> ax = time_to_deliver(analysis.time_to_deliver(dlrs, now="2026-11-22"))
    >>> ax.get_xscale(), ax.get_ylabel()
    ('log', 'share of all messages')
    """
    _need("time_to_deliver", curve, "seconds_high", "incidence", "at_risk")
    keys = _keys(curve, "seconds")
    ax = _axes(ax)
    groups = _parts(curve, keys)
    for color, dashes, (name, part) in zip(_CYCLE, _DASHES * 2, groups, strict=False):
        x = part["seconds_high"].clip(lower=1)
        ax.step(x, part["incidence"], where="post", color=color, ls=dashes, label=name)
        ax.fill_between(x, part["low"], part["high"], step="post", color=color, alpha=0.15, lw=0)
    _clock(ax, curve["seconds_high"])
    ax.set_ylim(0, 1.02)
    _percent(ax.yaxis)
    n = round(sum(part["at_risk"].iloc[0] for _, part in groups))
    note = f"{len(_CYCLE)} of {len(groups)} groups" if len(groups) > len(_CYCLE) else ""
    return _finish(
        ax,
        "Delivered within a time" + _by(keys),
        _facts(curve, n, "messages", extra=note),
        axis="time after sending, at the latest",
        share="share of all messages",
    )


def time_to_settle(curves: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of all messages known to be delivered, or bounced, within a time by polling alone.

    Parameters
    ----------
    curves : DataFrame
        What `smsdata.analysis.time_to_settle` gave, best without groups: the first group is drawn.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        Per outcome a rising step at the latest times, and a band up to the step at the earliest: between two
        looks at a message nobody knows.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> sent = pd.Timestamp("2026-11-01", tz="UTC")
    >>> dlrs = pd.DataFrame({
    ...     "message_id": [1], "msisdn": "61491570156", "status": "delivered", "sent_at": sent,
    ...     "synced_at": sent + pd.Timedelta(1, "h"),
    ... })
    >>> history = dlrs.rename(columns={"synced_at": "observed_at"})
    >>> ax = time_to_settle(analysis.time_to_settle(dlrs, history))
    >>> ax.get_legend().get_texts()[0].get_text()
    'delivered'
    """
    _need("time_to_settle", curves, "outcome", "seconds_high", "incidence", "messages")
    keys = _keys(curves, "outcome")
    groups = _parts(curves, keys)
    name, shown = groups[0] if groups else ("", curves)
    ax = _axes(ax)
    last = 1.4 * max(curves["seconds_high"].max(), 2) if len(curves) else 60  # the last step shows too
    colors = dict(zip(("delivered", "soft-bounce", "hard-bounce", "bounced"), _CYCLE, strict=False))
    for dashes, (outcome, part) in zip(_DASHES, shown.groupby("outcome"), strict=False):
        color = colors[str(outcome)]
        low, high = (np.append(part[c].clip(lower=1), last) for c in ("seconds", "seconds_high"))
        share = np.append(part["incidence"], part["incidence"].iloc[-1])
        ax.step(high, share, where="post", color=color, ls=dashes, label=str(outcome))
        times = np.unique(np.concatenate([low, high]))
        early, late = (_stepped(at, share, times) for at in (low, high))
        ax.fill_between(times, late, early, step="post", color=color, alpha=0.2, lw=0)
    _clock(ax, curves["seconds_high"])
    ax.set_ylim(0, 1.02)
    _percent(ax.yaxis)
    n = shown["messages"].iloc[0] if len(shown) else 0
    note = f"{name}, the first of {len(groups)} groups" if len(groups) > 1 else ""
    title = "Settled within a time, as polling shows" + _by(keys)
    facts = _facts(curves, n, "messages", extra=note)
    return _finish(ax, title, facts, axis="time after sending", share="share of all messages")


def _stepped(at: Any, share: Any, times: Any) -> Any:
    """Give a step function's value at each time: 0 before its first step."""
    place = np.searchsorted(at, times, side="right")
    return np.concatenate([[0.0], share])[place]


# -- bounces ----------------------------------------------------------------------------------------------


def hard_bounced(numbers: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how many numbers to remove, to leave out, to review, and how many recovered.

    Parameters
    ----------
    numbers : DataFrame
        What `smsdata.analysis.hard_bounced` gave.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A bar per tier, its part held back because of a spike hatched.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> sent = pd.to_datetime(["2026-11-01", "2026-11-08"], utc=True)
    >>> dlrs = pd.DataFrame({
    ...     "message_id": [10, 11], "msisdn": "61491570156", "status": "hard-bounce", "sent_at": sent,
    ... })
    >>> ax = hard_bounced(analysis.hard_bounced(dlrs))
    >>> [text.get_text() for text in ax.texts]  # remove, exclude, review, cleared
    ['1', '0', '0', '0']
    """
    _need("hard_bounced", numbers, "msisdn", "tier", "held")
    tiers = {
        "remove": "remove: several days or never alive",
        "exclude": "exclude: one day of hard bounces",
        "review": "review: soft bounces in a row",
        "cleared": "cleared: alive since",
    }
    colors = (RED, ORANGE, SKY, GREEN)
    counts = numbers.groupby("tier")["held"].agg(["size", "sum"]).reindex(list(tiers), fill_value=0)
    ax = _axes(ax, rows=len(tiers))
    y = np.arange(len(tiers))
    ax.barh(y, counts["size"] - counts["sum"], color=colors)
    if counts["sum"].any():
        left = counts["size"] - counts["sum"]
        ax.barh(y, counts["sum"], left=left, color=colors, alpha=0.5, hatch="///", label="held: spike")
    _values(ax, counts["size"], [f"{count:,}" for count in counts["size"]])
    _rows(ax, list(tiers.values()))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    messages = f"{numbers['bounces'].sum():,} hard bounces"
    return _finish(
        ax, "Numbers that bounce", _facts(numbers, len(numbers), "numbers", extra=messages), axis="numbers"
    )


def bounce_history(history: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the story of numbers: streaks of equal outcomes along time.

    Parameters
    ----------
    history : DataFrame
        What `smsdata.analysis.bounce_history` gave, best for few numbers; the 25 with most bounced messages
        are drawn, with all but the last three digits left out.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A line per number, a stretch per streak: delivered, soft or hard bounce, each its colour and width.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> sent = pd.to_datetime(["2026-11-01", "2026-11-08"], utc=True)
    >>> dlrs = pd.DataFrame({
    ...     "message_id": [10, 11], "msisdn": "61491570156", "status": "hard-bounce", "sent_at": sent,
    ... })
    >>> ax = bounce_history(analysis.bounce_history(dlrs))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['…156']
    """
    _need("bounce_history", history, "msisdn", "streak", "first", "last")
    bad = history.loc[history["status"] != "delivered"].groupby("msisdn")["messages"].sum()
    chosen = bad.sort_values(ascending=False, kind="stable").index[:_ROWS]
    ax = _axes(ax, rows=len(chosen))
    styles = {
        "delivered": (GREEN, 3), "soft-bounce": (ORANGE, 6), "hard-bounce": (RED, 9), "bounced": (PURPLE, 6)
    }  # fmt: skip
    for status, (color, width) in styles.items():
        rows = history[(history["status"] == status) & history["msisdn"].isin(chosen)]
        if rows.empty:
            continue
        y = chosen.get_indexer(pd.Index(rows["msisdn"]))
        ax.hlines(y, rows["first"], rows["last"], color=color, lw=width, label=status)
        for end in ("first", "last"):  # round ends: a streak of one message has no length
            ax.plot(rows[end], y, ls="", marker="o", ms=width, mew=0, color=color)
    _rows(ax, [f"…{number[-3:]}" for number in chosen])
    _dates(ax)
    note = f"{len(chosen)} of {history['msisdn'].nunique():,} numbers"
    facts = _facts(history, history["messages"].sum(), "messages", extra=note)
    return _finish(ax, "Outcomes of messages to numbers that bounced", facts)


def spent_on_dead(costs: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the money that went to numbers known to be dead, beside what went to others.

    Parameters
    ----------
    costs : DataFrame
        What `smsdata.analysis.spent_on_dead` gave.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A bar per group: money to dead numbers and its share of all spend as words.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> sent = pd.to_datetime(["2026-11-01", "2026-11-08"], utc=True)
    >>> dlrs = pd.DataFrame({
    ...     "message_id": [10, 11], "msisdn": "61491570156", "status": "hard-bounce", "sent_at": sent,
    ... })
    >>> counters = dict.fromkeys(["pending", "delivered", "soft_bounced"], 0) | {"hard_bounced": 1}
    >>> campaigns = pd.DataFrame({"message_id": [10, 11], "cost": 0.08, **counters})
    >>> ax = spent_on_dead(analysis.spent_on_dead(dlrs, campaigns))
    >>> [text.get_text() for text in ax.texts]
    ['0.08 (50.0% of spend, 1 messages)']
    """
    _need("spent_on_dead", costs, "dead_spend", "dead_share", "dead_recipients")
    keys = _keys(costs, "recipients")
    shown, note = _in_order(costs, keys, "dead_spend")
    ax = _axes(ax, rows=len(shown))
    ax.barh(np.arange(len(shown)), shown["dead_spend"].fillna(0), color=RED)
    words = [
        f"{spend:,.2f} ({share:.1%} of spend, {count:,} messages)" if pd.notna(share) else "no price"
        for spend, share, count in zip(
            shown["dead_spend"], shown["dead_share"], shown["dead_recipients"], strict=True
        )
    ]
    _values(ax, shown["dead_spend"].fillna(0), words)
    _rows(ax, _labels(shown, keys))
    facts = _facts(costs, costs["recipients"].sum(), "messages", extra=note)
    return _finish(ax, "Money sent to dead numbers" + _by(keys), facts, axis="the account's currency")


# -- replies ----------------------------------------------------------------------------------------------


def reply_rate(rates: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw reply rates with their intervals.

    Parameters
    ----------
    rates : DataFrame
        What `smsdata.analysis.reply_rate` gave.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        As `delivery_rate`, without bounds.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> messages = pd.DataFrame({
    ...     "id": [1], "message_id": 10, "msisdn": "61491570156", "sender": "61491570006",
    ...     "sent_at": pd.to_datetime(["2026-11-01"], utc=True), "status": "delivered",
    ... })
    >>> replies = pd.DataFrame({
    ...     "id": [5], "msisdn": "61491570156", "longcode": "61491570006", "response": "STOP",
    ...     "received_at": pd.to_datetime(["2026-11-01T00:05"], utc=True),
    ... })
    >>> ax = reply_rate(analysis.reply_rate(messages, replies, by="week", now="2026-11-22"))
    >>> ax.get_title(loc="left")
    'Reply rate by week'
    """
    _need("reply_rate", rates, "replied", "delivered", "rate")
    return _rates(rates, first="recipients", of="delivered", title="Reply rate", what="delivered", ax=ax)


def time_to_reply(times: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how long the people who reply take.

    Parameters
    ----------
    times : DataFrame
        What `smsdata.analysis.time_to_reply` gave.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        Per group the median as a dot, and a line from the fastest tenth to the slowest.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> messages = pd.DataFrame({
    ...     "id": [1], "message_id": 10, "msisdn": "61491570156", "sender": "61491570006",
    ...     "sent_at": pd.to_datetime(["2026-11-01"], utc=True), "status": "delivered",
    ... })
    >>> replies = pd.DataFrame({
    ...     "id": [5], "msisdn": "61491570156", "longcode": "61491570006", "response": "STOP",
    ...     "received_at": pd.to_datetime(["2026-11-01T00:05"], utc=True),
    ... })
    >>> ax = time_to_reply(analysis.time_to_reply(replies, messages, by="sender"))
    >>> ax.get_title(loc="left"), ax.get_yticklabels()[0].get_text()
    ('Time to reply by sender', '61491570006 (n = 1)')
    """
    _need("time_to_reply", times, "median", "p10", "p90")
    keys = _keys(times, "replies")
    shown, note = _in_order(times, keys, "replies")
    ax = _axes(ax, rows=len(shown))
    y = np.arange(len(shown))
    seconds = shown[["p10", "median", "p90"]].to_numpy("float64") * 60
    ax.hlines(y, seconds[:, 0], seconds[:, 2], color=SKY, lw=5, label="all but the first and last tenth")
    ax.plot(seconds[:, 1], y, ls="", marker="o", ms=7, color=BLUE, label="median")
    _rows(ax, _labels(shown, keys, "replies"))
    _clock(ax, pd.Series(seconds.ravel()))
    facts = _facts(times, times["replies"].sum(), "replies attributed to a message", extra=note)
    return _finish(ax, "Time to reply" + _by(keys), facts, axis="time after sending")


def reply_windows(windows: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw what the length of the attribution window changes.

    Parameters
    ----------
    windows : DataFrame
        What `smsdata.analysis.reply_windows` gave.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        Per window the share of replies attributed, of those the ambiguous, and the agreement with the
        gateway.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> messages = pd.DataFrame({
    ...     "id": [1], "message_id": 10, "msisdn": "61491570156", "sender": "61491570006",
    ...     "sent_at": pd.to_datetime(["2026-11-01"], utc=True), "status": "delivered",
    ... })
    >>> replies = pd.DataFrame({
    ...     "id": [5], "msisdn": "61491570156", "longcode": "61491570006", "response": "STOP",
    ...     "received_at": pd.to_datetime(["2026-11-01T00:05"], utc=True),
    ... })
    >>> ax = reply_windows(analysis.reply_windows(replies, messages))
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['4h', '24h', '72h', '8d']
    """
    _need("reply_windows", windows, "window", "attributed_share", "agreed_share")
    series = {
        "attributed_share": ("attributed", BLUE, "o"),
        "ambiguous_share": ("ambiguous, of those attributed", ORANGE, "s"),
        "agreed_share": ("the gateway agrees", GREEN, "^"),
    }
    ax = _axes(ax)
    x = np.arange(len(windows))
    for column, (label, color, marker) in series.items():
        ax.plot(x, windows[column], color=color, marker=marker, label=label)
    ax.set_xticks(x, windows["window"])
    ax.set_xlim(-0.3, max(len(windows) - 0.7, 0.3))
    ax.set_ylim(-0.04, 1.04)
    _percent(ax.yaxis)
    facts = _facts(windows, windows["replies"].iloc[:1].sum(), "replies")
    return _finish(ax, "How much the window decides", facts, axis="window", share="share")


def classify_replies(replies: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw what the replies say.

    Parameters
    ----------
    replies : DataFrame
        What `smsdata.analysis.classify_replies` gave.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A bar per kind, the largest on top; what a person should read is hatched.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> replies = pd.DataFrame({
    ...     "id": [5], "msisdn": "61491570156", "longcode": "61491570006", "response": "STOP",
    ...     "received_at": pd.to_datetime(["2026-11-01T00:05"], utc=True),
    ... })
    >>> ax = classify_replies(analysis.classify_replies(replies))
    >>> ax.get_yticklabels()[0].get_text(), ax.texts[0].get_text()
    ('opt-out', '1 (100%)')
    """
    _need("classify_replies", replies, "kind", "review", "received_at")
    counts = replies.groupby("kind")["review"].agg(["size", "sum"])
    counts = counts.sort_values(["size", "sum"], ascending=False, kind="stable")
    ax = _axes(ax, rows=len(counts))
    y = np.arange(len(counts))
    colors = [RED if kind == "optout" else BLUE for kind in counts.index]
    sure = counts["size"] - counts["sum"]
    ax.barh(y, sure, color=colors)
    review = counts["sum"].to_numpy("int64")
    if review.any():
        ax.barh(y, review, left=sure, color=colors, alpha=0.5, hatch="///", label="to be read by a person")
    total = max(len(replies), 1)
    _values(ax, counts["size"], [f"{count:,} ({count / total:.0%})" for count in counts["size"]])
    _rows(ax, [_words(kind) for kind in counts.index])
    return _finish(ax, "What replies say", _facts(replies, len(replies), "replies"))


# -- opt-outs ---------------------------------------------------------------------------------------------


def optout_rate(rates: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw opt-out rates with their intervals.

    Parameters
    ----------
    rates : DataFrame
        What `smsdata.analysis.optout_rate` gave.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        As `delivery_rate`, without bounds.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> sent = pd.to_datetime(["2026-11-01", "2026-11-08"], utc=True)
    >>> dlrs = pd.DataFrame({
    ...     "message_id": [10, 11], "msisdn": "61491570156", "status": "delivered", "optout": [False, True],
    ...     "sent_at": sent,
    ... })
    >>> ax = optout_rate(analysis.optout_rate(dlrs, by="week", now="2026-11-22"))
    >>> ax.get_title(loc="left")
    'Opt-out rate by week'
    """
    _need("optout_rate", rates, "optouts", "delivered", "rate")
    return _rates(rates, first="recipients", of="delivered", title="Opt-out rate", what="delivered", ax=ax)


def optouts(found: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how opt-outs added up over time, and by which evidence they are known.

    Parameters
    ----------
    found : DataFrame
        What `smsdata.analysis.optouts` gave.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A rising step per source of the dated opt-outs; how many have no date, are for review, or were taken
        back stands beside n.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> replies = pd.DataFrame({
    ...     "id": [5], "msisdn": "61491570156", "longcode": "61491570006", "response": "STOP",
    ...     "received_at": pd.to_datetime(["2026-11-01T00:05"], utc=True),
    ... })
    >>> ax = optouts(analysis.optouts(replies=replies))
    >>> ax.get_legend().get_texts()[0].get_text()
    'reply (1)'
    """
    _need("optouts", found, "first_optout_at", "source", "certain", "cleared_at")
    ax = _axes(ax)
    dated = found.dropna(subset=["first_optout_at"]).sort_values("first_optout_at")
    for color, (source, part) in zip(_CYCLE, dated.groupby("source"), strict=False):
        times = [*part["first_optout_at"], dated["first_optout_at"].max()]
        count = [*range(1, len(part) + 1), len(part)]
        ax.step(times, count, where="post", color=color, marker="o", ms=3, label=f"{source} ({len(part):,})")
    _dates(ax)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    review, back = int((~found["certain"]).sum()), int(found["cleared_at"].notna().sum())
    extra = f"{len(dated):,} drawn, {review:,} for review, {back:,} taken back"
    facts = _facts(found, len(found), "opt-outs, sure or not", extra=extra)
    return _finish(ax, "Opt-outs by first evidence", facts, share="opt-outs so far")


def sent_after_optout(breaches: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw when messages went to numbers that had opted out, and how long after.

    Parameters
    ----------
    breaches : DataFrame
        What `smsdata.analysis.sent_after_optout` gave.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A mark per message: when it was sent, days after the opt-out; past the deadline or not by shape and
        colour, hollow where not certain.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> replies = pd.DataFrame({
    ...     "id": [5], "msisdn": "61491570156", "longcode": "61491570006", "response": "STOP",
    ...     "received_at": pd.to_datetime(["2026-11-01T00:05"], utc=True),
    ... })
    >>> later = pd.to_datetime(["2026-11-02"], utc=True)
    >>> messages = pd.DataFrame({"message_id": 11, "msisdn": "61491570156", "sent_at": later})
    >>> ax = sent_after_optout(analysis.sent_after_optout(messages, analysis.optouts(replies=replies)))
    >>> ax.get_legend().get_texts()[0].get_text()
    'immediate (1)'
    """
    _need("sent_after_optout", breaches, "breach", "hours_after", "certain")
    ax = _axes(ax)
    days = breaches["hours_after"] / 24
    certain = breaches["certain"].to_numpy(bool)
    for breach, color, marker in (("immediate", ORANGE, "o"), ("past deadline", RED, "D")):
        for sure in (True, False):
            rows = (breaches["breach"] == breach).to_numpy(bool) & (certain == sure)
            if rows.any():
                label = f"{breach}{'' if sure else ', not certain'} ({rows.sum():,})"
                face = color if sure else "white"
                ax.plot(
                    breaches["sent_at"][rows],
                    days[rows],
                    ls="",
                    marker=marker,
                    mec=color,
                    mfc=face,
                    label=label,
                )
    _dates(ax)
    extra = f"{breaches['msisdn'].nunique():,} numbers"
    facts = _facts(breaches, len(breaches), "messages", extra=extra)
    return _finish(ax, "Sent after an opt-out", facts, share="days after the opt-out")


# -- costs ------------------------------------------------------------------------------------------------


def costs(spent: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw what was spent, and what a delivered message cost.

    Parameters
    ----------
    spent : DataFrame
        What `smsdata.analysis.costs` gave.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A bar of spend per group, the cost of a delivered message as words.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> counters = dict.fromkeys(["pending", "soft_bounced", "hard_bounced"], 0) | {"delivered": 100}
    >>> campaigns = pd.DataFrame({
    ...     "message_id": [10], "sent_at": pd.to_datetime(["2026-11-01"], utc=True), "cost": 8.0, "parts": 2,
    ...     "message": "Sale today! " * 10 + "🎉", **counters,
    ... })
    >>> ax = costs(analysis.costs(campaigns, by="month"))
    >>> [text.get_text() for text in ax.texts]
    ['8.00, 0.080 per delivered']
    """
    _need("costs", spent, "spend", "cost_per_delivered", "unpriced")
    keys = _keys(spent, "campaigns")
    shown, note = _in_order(spent, keys, "spend")
    ax = _axes(ax, rows=len(shown))
    ax.barh(np.arange(len(shown)), shown["spend"].fillna(0), color=BLUE)
    words = [
        f"{spend:,.2f}, {each:.3f} per delivered"
        if pd.notna(each)
        else "no price"
        if pd.isna(spend)
        else f"{spend:,.2f}"
        for spend, each in zip(shown["spend"], shown["cost_per_delivered"], strict=True)
    ]
    _values(ax, shown["spend"].fillna(0), words)
    _rows(ax, _labels(shown, keys))
    facts = _facts(spent, spent["recipients"].sum(), "messages", extra=note)
    return _finish(ax, "Spend" + _by(keys), facts, axis="the account's currency")


def segments(texts: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw which texts take most SMS parts, and in which encoding.

    Parameters
    ----------
    texts : DataFrame
        What `smsdata.analysis.segments` gave; the 12 most expensive texts are drawn.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A bar of SMS parts in total per text, UCS-2 hatched.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> texts = analysis.segments(pd.DataFrame({"message": ["See you at 5", "At 5 🎉"]}))
    >>> ax = segments(texts)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['At 5 [party popper]', 'See you at 5']
    """
    _need("segments", texts, "message", "parts", "encoding")
    total = texts["messages"] * texts["parts"]
    shown = texts.assign(total=total).sort_values("total", ascending=False, kind="stable").head(12)
    ax = _axes(ax, rows=len(shown))
    for encoding, color, hatch in (("GSM-7", BLUE, ""), ("UCS-2", ORANGE, "///")):
        rows = (shown["encoding"] == encoding).to_numpy(bool)
        if rows.any():
            y = np.flatnonzero(rows)
            ax.barh(y, shown["total"][rows], color=color, hatch=hatch, edgecolor="white", label=encoding)
    words = [
        f"{messages:,} × {parts}" for messages, parts in zip(shown["messages"], shown["parts"], strict=True)
    ]
    _values(ax, shown["total"], words)
    _rows(ax, list(shown["message"]))
    extra = f"{total.sum():,} parts, {len(shown)} of {len(texts):,} texts"
    facts = _facts(texts, texts["messages"].sum(), "messages", extra=extra)
    return _finish(ax, "SMS parts by text", facts, axis="SMS parts (messages × parts)")


def avoidable_parts(campaigns: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw what a few characters cost: money that the same text in GSM-7 would have saved.

    Parameters
    ----------
    campaigns : DataFrame
        What `smsdata.analysis.avoidable_parts` gave.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A bar per campaign, the wasted part of its cost hatched; the number of culprits as words.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> counters = dict.fromkeys(["pending", "soft_bounced", "hard_bounced"], 0) | {"delivered": 100}
    >>> campaigns = pd.DataFrame({
    ...     "message_id": [10], "sent_at": pd.to_datetime(["2026-11-01"], utc=True), "cost": 8.0, "parts": 2,
    ...     "message": "Sale today! " * 10 + "🎉", **counters,
    ... })
    >>> ax = avoidable_parts(analysis.avoidable_parts(campaigns))
    >>> [text.get_text() for text in ax.texts]
    ['4.00 wasted, 2 → 1 parts']
    """
    _need("avoidable_parts", campaigns, "wasted", "cost", "culprits")
    shown = campaigns.head(12)
    ax = _axes(ax, rows=len(shown))
    y = np.arange(len(shown))
    useful = (shown["cost"] - shown["wasted"]).fillna(0)
    ax.barh(y, useful, color=BLUE, label="in GSM-7")
    ax.barh(
        y,
        shown["wasted"].fillna(0),
        left=useful,
        color=ORANGE,
        hatch="///",
        edgecolor="white",
        label="wasted",
    )
    words = [
        f"{wasted:,.2f} wasted, {parts} → {fewer} parts" if pd.notna(wasted) else "no price"
        for wasted, parts, fewer in zip(
            shown["wasted"], shown["parts_each"], shown["gsm_parts_each"], strict=True
        )
    ]
    _values(ax, shown["cost"].fillna(0), words)
    _rows(
        ax,
        [
            f"{message_id}: {text}"
            for message_id, text in zip(shown["message_id"], shown["message"], strict=True)
        ],
    )
    extra = f"{campaigns['wasted'].sum():,.2f} wasted in all"
    facts = _facts(campaigns, len(campaigns), "campaigns", extra=extra)
    return _finish(ax, "Avoidable SMS parts", facts, axis="the account's currency")


# -- lists ------------------------------------------------------------------------------------------------


def list_health(
    health: pd.DataFrame, *, names: Mapping[int, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw how many contacts of each list can be reached.

    Parameters
    ----------
    health : DataFrame
        What `smsdata.analysis.list_health` gave.
    names : mapping of int to str, optional
        Names of lists by ``list_id``, such as ``lists.set_index("list_id")["name"].to_dict()``.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A stacked bar per list: active and well, active but dead, inactive, opted out, other.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> members = pd.DataFrame({
    ...     "list_id": [7, 8], "msisdn": "61491570156", "status": "active",
    ...     "created_at": pd.to_datetime(["2026-09-01", "2026-10-01"], utc=True),
    ... })
    >>> ax = list_health(analysis.list_health(members, now="2026-11-22"), names={7: "VIP", 8: "Staff"})
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['VIP', 'Staff']
    """
    _need("list_health", health, "members", "active", "opted_out", "dead")
    dead = health["dead"].fillna(0).astype("int64")
    stack = (
        ("active", health["active"] - dead, GREEN, ""),
        ("active, but dead", dead, RED, "///"),
        ("inactive", health["inactive"], GREY, ""),
        ("opted out", health["opted_out"], ORANGE, ".."),
        ("other", health["other"], PURPLE, ""),
    )
    ax = _axes(ax, rows=len(health))
    y = np.arange(len(health))
    left = np.zeros(len(health), "int64")
    for label, counts, color, hatch in stack:
        if counts.any():
            ax.barh(y, counts, left=left, color=color, hatch=hatch, edgecolor="white", label=label)
            left = left + counts.to_numpy("int64")
    _values(ax, health["members"], [f"{count:,}" for count in health["members"]])
    _rows(ax, _list_names(health["list_id"], names))
    facts = _facts(health, health["members"].sum(), "contacts (a person on two lists counts twice)")
    return _finish(ax, "Health of lists", facts, axis="contacts")


def list_overlap(
    overlap: pd.DataFrame, *, names: Mapping[int, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw which lists share contacts.

    Parameters
    ----------
    overlap : DataFrame
        What `smsdata.analysis.list_overlap` gave.
    names : mapping of int to str, optional
        Names of lists by ``list_id``.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A square per pair: contacts in common, darker for a larger share of the smaller list.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> members = pd.DataFrame({
    ...     "list_id": [7, 8], "msisdn": "61491570156", "status": "active",
    ...     "created_at": pd.to_datetime(["2026-09-01", "2026-10-01"], utc=True),
    ... })
    >>> ax = list_overlap(analysis.list_overlap(members), names={7: "VIP", 8: "Staff"})
    >>> ax.get_xticklabels()[0].get_text(), ax.get_yticklabels()[0].get_text(), ax.texts[0].get_text()
    ('VIP', 'Staff', '1')
    """
    _need("list_overlap", overlap, "list_a", "list_b", "common", "share_of_smaller")
    ids = sorted({*overlap["list_a"], *overlap["list_b"]})
    across, down = {n: x for x, n in enumerate(ids[:-1])}, {n: y for y, n in enumerate(ids[1:])}
    share = np.full((len(down), len(across)), np.nan)
    ax = _axes(ax, rows=3 + len(ids))
    columns = (overlap[name] for name in ("list_a", "list_b", "common", "share_of_smaller"))
    for list_a, list_b, common, part in zip(*columns, strict=True):
        x, y = across[list_a], down[list_b]
        share[y, x] = part
        ax.text(x, y, f"{common:,}", ha="center", va="center", color="white" if part > 0.6 else "black")
    if ids:
        picture = ax.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        ax.figure.colorbar(picture, ax=ax, format=PercentFormatter(1.0), label="share of the smaller list")
    _rows(ax, _list_names(down, names))
    labels = [_cut(name) for name in _list_names(across, names)]
    ax.set_xticks(range(len(across)), labels, rotation=30, ha="right", parse_math=False)
    facts = _facts(overlap, len(overlap), "pairs of lists with contacts in common")
    return _finish(ax, "Contacts on two lists", facts)


def list_growth(
    growth: pd.DataFrame, *, names: Mapping[int, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw how lists grew.

    Parameters
    ----------
    growth : DataFrame
        What `smsdata.analysis.list_growth` gave.
    names : mapping of int to str, optional
        Names of lists by ``list_id``.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A step per list: contacts at the end of each period; the eight largest lists.

    Raises
    ------
    UsageError
        If the frame is another helper's.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata import analysis
    >>> members = pd.DataFrame({
    ...     "list_id": [7, 8], "msisdn": "61491570156", "status": "active",
    ...     "created_at": pd.to_datetime(["2026-09-01", "2026-10-01"], utc=True),
    ... })
    >>> ax = list_growth(analysis.list_growth(members), names={7: "VIP", 8: "Staff"})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['VIP', 'Staff']
    """
    _need("list_growth", growth, "list_id", "joined", "left", "members")
    period = str(growth.columns[1])
    largest = growth.groupby("list_id")["members"].last().sort_values(ascending=False, kind="stable")
    ids = list(largest.index[: len(_CYCLE)])
    ax = _axes(ax)
    for color, mark, list_id, name in zip(_CYCLE, _MARKS, ids, _list_names(ids, names), strict=False):
        part = growth[(growth["list_id"] == list_id) & growth[period].notna()]
        ax.plot(part[period], part["members"], color=color, marker=mark, ms=4, label=name)
    _dates(ax)
    ax.set_ylim(bottom=0)
    extra = f"{growth['joined'].sum():,} joined, {growth['left'].sum():,} left"
    facts = _facts(growth, growth["net"].sum(), "contacts", extra=extra)
    return _finish(ax, f"Contacts by {period}", facts, share="contacts")


# -- what the pictures share ------------------------------------------------------------------------------


def _rates(rates: pd.DataFrame, *, first: str, of: str, title: str, what: str, ax: Axes | None) -> Axes:
    """Draw rates with intervals: along time for one period as grouping, else one row per group."""
    keys = _keys(rates, first)
    upright = len(keys) == 1 and keys[0] in _PERIODS
    shown, note = (rates, "") if upright else _in_order(rates, keys, of)
    ax = _axes(ax, rows=None if upright else len(shown))
    place = shown[keys[0]] if upright else np.arange(len(shown))
    if "bound_low" in shown:
        draw = ax.vlines if upright else ax.hlines
        label = "none to all of the pending arrive"
        draw(place, shown["bound_low"], shown["bound_high"], color=ORANGE, lw=8, alpha=0.5, label=label)
    mature = shown["mature"].fillna(False).to_numpy(bool)
    marks = ("rate, 95% interval", "not yet mature")
    _dots(ax, shown, "rate", place, filled=mature, marks=marks, upright=upright)
    if upright:
        _dates(ax)
    else:
        _rows(ax, _labels(shown, keys, of))
    _percent(ax.yaxis if upright else ax.xaxis)
    facts = _facts(rates, rates[of].sum(), what, extra=note)
    return _finish(ax, title + _by(keys), facts, share=title.lower() if upright else "")


def _dots(
    ax: Axes,
    shown: pd.DataFrame,
    rate: str,
    place: Any,
    *,
    filled: Any,
    marks: tuple[str, str],
    upright: bool,
) -> None:
    """Draw rates with intervals, filled and hollow ones apart; `marks` tells what each means."""
    center, place = shown[rate].to_numpy("float64"), np.asarray(place)
    below, above = center - shown["low"].to_numpy("float64"), shown["high"].to_numpy("float64") - center
    reach = np.clip(np.nan_to_num([below, above]), 0, None)
    known = ~np.isnan(center)
    for which, face, label in ((known & filled, BLUE, marks[0]), (known & ~filled, "white", marks[1])):
        if which.any():
            x, y = (place, center) if upright else (center, place)
            along = {"yerr" if upright else "xerr": reach[:, which]}
            ax.errorbar(
                x[which], y[which], fmt="o", color=BLUE, mfc=face, ms=6, capsize=3, label=label, **along
            )


def _axes(ax: Axes | None, *, rows: int | None = None) -> Axes:
    """Give the Axes to draw on; a new figure is as high as its rows need."""
    if ax is not None:
        return ax
    height = 4.2 if rows is None else float(np.clip(1.6 + 0.34 * rows, 2.6, 11))
    return plt.subplots(figsize=(8, height), layout="constrained")[1]


def _finish(ax: Axes, title: str, facts: str, *, axis: str = "", share: str = "") -> Axes:
    """Write the title, what the axes mean, and below them the facts a reader needs to trust the picture."""
    ax.set_title(_drawable(title), loc="left", fontweight="bold", pad=10 + 14 * _legend(ax), parse_math=False)
    ax.set_xlabel(f"{axis}\n{facts}" if axis else facts, loc="left", color="#404040", fontsize=9, labelpad=8)
    ax.set_ylabel(share)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25)
    ax.set_axisbelow(True)
    if facts.startswith("n = 0 "):
        ax.text(0.5, 0.5, "no data", transform=ax.transAxes, ha="center", va="center", color=GREY)
    return ax


def _legend(ax: Axes) -> int:
    """Explain the marks above the picture, where nothing is drawn; give the lines that takes."""
    handles, labels = ax.get_legend_handles_labels()
    if not handles:
        return 0
    fits = sum(map(len, labels)) + 5 * len(labels) <= 90
    columns = len(labels) if fits else max(1, 90 // (max(map(len, labels)) + 5))
    legend = ax.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(-0.01, 0.99), ncols=columns, frameon=False,
        fontsize=8.5, borderaxespad=0.2, columnspacing=1.4, handletextpad=0.5, labelspacing=0.3,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)
    return math.ceil(len(labels) / columns)


def _facts(frame: pd.DataFrame, n: float, what: str, *, extra: str = "") -> str:
    """Tell n, the window and the pending share, or in the result's own words why there is none."""
    told = frame.attrs.get("explain", {})
    window, pending = _window(told), _pending(told)
    nothing = ": nothing was counted"
    if window.endswith(nothing) and pending.endswith(nothing):
        window, pending = "", f"no window, no pending share{nothing}"
    return _wrapped([fact for fact in (f"n = {int(n):,} {what}", window, pending, extra) if fact])


def _window(told: Mapping[str, Any]) -> str:
    if not told:
        return "window unknown"
    ends = [_date(pd.Timestamp(told[name])) for name in ("first", "last") if told[name]]
    lasting = " to ".join(ends)
    if told["as_of"]:
        read = f"as of {_date(pd.Timestamp(told['as_of']))}"
        return f"{read}, {lasting} ({told['clock']})" if ends else read
    return lasting or f"no window{told['window'].removeprefix('none')}"


def _pending(told: Mapping[str, Any]) -> str:
    if not told:
        return "pending share unknown"
    share = told["pending_share"]
    if share is None:
        return f"no pending share{told['pending'].removeprefix('none')}"
    return "under 0.1% pending" if 0 < share < 0.001 else f"{share:.1%} pending"


def _wrapped(facts: Sequence[str]) -> str:
    lines = [facts[0]]
    for fact in facts[1:]:
        joined = f"{lines[-1]} · {fact}"
        lines[-1:] = [joined] if len(joined) <= 82 else [lines[-1], fact]
    return "\n".join(lines)


def _date(moment: Any) -> str:
    return f"{moment.day} {moment:%b %Y}"


def _need(function: str, frame: pd.DataFrame, *columns: str) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise UsageError(
            f"plots.{function}: no column {missing[0]!r}; give it what analysis.{function} returned."
        )


def _keys(frame: pd.DataFrame, first: str) -> list[str]:
    """Name the grouping columns: those before the first column of the result proper."""
    return [str(column) for column in frame.columns[: list(frame.columns).index(first)]]


def _by(keys: Sequence[str]) -> str:
    return " by " + " and ".join(_words(key) for key in keys) if keys else ""


def _in_order(frame: pd.DataFrame, keys: list[str], size: str) -> tuple[pd.DataFrame, str]:
    """Keep the order of periods; else put the largest first and leave out those that do not fit."""
    if len(keys) == 1 and keys[0] in (*_PERIODS, "weekday", "hour_of_day") and len(frame) <= 31:
        return frame, ""
    return _largest(frame, size)


def _largest(frame: pd.DataFrame, size: str) -> tuple[pd.DataFrame, str]:
    shown = frame.sort_values(size, ascending=False, kind="stable").head(_ROWS)
    return shown, f"the {_ROWS} largest of {len(frame):,} groups" if len(frame) > _ROWS else ""


def _parts(frame: pd.DataFrame, keys: list[str]) -> list[tuple[str, pd.DataFrame]]:
    if not keys:
        return [("all", frame)] if len(frame) else []
    parts = [part for _, part in frame.groupby(keys, dropna=False, sort=False)]
    return [(_drawable(_labels(part.head(1), keys)[0]), part) for part in parts]


def _labels(frame: pd.DataFrame, keys: list[str], n: str = "") -> list[str]:
    """Name each row by its groups, with its own n where asked."""
    columns = [[_word(key, value) for value in frame[key]] for key in keys] or [["all"] * len(frame)]
    names = [", ".join(words) for words in zip(*columns, strict=True)]
    return [f"{name}  (n = {count:,})" for name, count in zip(names, frame[n], strict=True)] if n else names


def _word(key: str, value: Any) -> str:
    """Write a group's value as a person would."""
    if pd.isna(value):
        return "unknown"
    if key == "weekday":
        return _WEEKDAYS[int(value)]
    if key == "hour_of_day":
        return f"{int(value):02d}:00"
    if isinstance(value, pd.Timestamp):
        form = {"month": "%b %Y", "hour": "%d %b %Y %H:%M"}.get(key, "%d %b %Y")
        return f"{value:{form}}"
    return _words(str(value)) if key == "status" else str(value)


def _words(name: str) -> str:
    return {"optout": "opt-out", "optin": "opt-in"}.get(name, name.replace("_", " "))


def _rows(ax: Axes, labels: Sequence[str]) -> None:
    """Label the rows of a horizontal picture, the first on top, long texts cut."""
    short = [_cut(_drawable(label)) for label in labels]
    ax.set_yticks(range(len(short)), short, parse_math=False)
    ax.set_ylim(max(len(short), 1) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)


def _cut(label: str) -> str:
    return label if len(label) <= _LABEL else label[: _LABEL - 1] + "…"


def _drawable(text: str) -> str:
    """Name the characters that the font has no picture of, and put a blank for line breaks and tabs."""
    font = font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))
    runs = groupby(" ".join(text.split()), lambda c: "" if font.get_char_index(ord(c)) else _kind(c))
    return "".join(_named(kind, list(run)) if kind else "".join(run) for kind, run in runs)


def _kind(character: str) -> str:
    """Tell what a character without a picture is: of which script, a symbol, or a mark on the one before."""
    if character.isalnum():
        return unicodedata.name(character, "?").split()[0]
    return "mark" if unicodedata.category(character) in ("Mn", "Mc", "Me", "Sk", "Cf") else "symbol"


def _named(kind: str, run: Sequence[str]) -> str:
    """Write "[party popper]" for a symbol, "[CJK x 4]" for letters of a script, nothing for marks."""
    if kind == "mark":
        return ""
    if kind != "symbol":
        return f"[{kind} x {len(run)}]"
    names = (unicodedata.name(c, f"U+{ord(c):04X}") for c in run)
    return "".join(f"[{name if name[:2] == 'U+' else name.lower()}]" for name in names)


def _values(ax: Axes, ends: Iterable[float], words: Sequence[str]) -> None:
    """Write each bar's value behind its end, and leave room for it."""
    places = [float(end) for end in ends]
    for y, (end, text) in enumerate(zip(places, words, strict=True)):
        ax.annotate(text, (end, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8.5)
    longest = max((len(text) for text in words), default=0)
    ax.set_xlim(0, max(places, default=0) * (1.05 + 0.016 * longest) or 1)


def _list_names(ids: Iterable[int], names: Mapping[int, str] | None) -> list[str]:
    return [_drawable(str((names or {}).get(list_id, list_id))) for list_id in ids]


def _percent(axis: Any) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(100 * value, 2):g}%"))
    axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))


def _dates(ax: Axes) -> None:
    locator = mdates.AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    short = mdates.ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_formatter(short)


def _clock(ax: Axes, seconds: pd.Series) -> None:
    """Make a logarithmic axis of times that people count in."""
    known = seconds.dropna()
    low, high = (float(known.min()), float(known.max())) if len(known) else (1.0, 60.0)
    ax.set_xscale("log")
    ax.set_xlim(max(0.8, low / 1.5), max(high, 2.0) * 1.5)
    left, right = ax.get_xlim()
    ticks = {at: name for at, name in _CLOCK.items() if left <= at <= right}
    ax.set_xticks(list(ticks), list(ticks.values()))
    ax.xaxis.set_minor_formatter(NullFormatter())
