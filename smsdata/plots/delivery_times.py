"""Pictures of how fast messages arrive or bounce. Imports of smsdata only `_axes`."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from smsdata.plots import _axes

Floats: TypeAlias = npt.NDArray[np.float64]

_FROM = 0.1  # s; where a logarithmic axis has its 0


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
        A rising step per group with its 95% band, on a logarithmic time axis, from 0 to how long its oldest
        message was followed. It levels off below 100% by what bounces. Times are the latest possible: a
        receipt at a whole minute may be up to 60 s late.

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
    _axes.need("time_to_deliver", curve, "seconds_high", "incidence", "at_risk", "followed")
    keys = _axes.group_keys(curve, "seconds")
    ax = _axes.axes_for(ax)
    groups = _axes.groups(curve, keys)
    shown = sorted(groups, key=lambda group: -group[1]["at_risk"].iloc[0])[: _axes.LINES]
    names = _axes.cut_apart([name for name, _ in shown], [30] * len(shown))
    for look, name, (_, part) in zip(_axes.looks(len(shown)), names, shown, strict=True):
        x, low, share, high = _at_the_latest(part)
        end = max(x[-1], float(part["followed"].iloc[-1]))
        whole = np.concatenate([[_FROM], x, [end]])
        ax.step(whole, [0, *share, share[-1]], where="post", label=name, **look | {"marker": ""})
        band = np.append(x, end), np.append(low, low[-1]), np.append(high, high[-1])
        ax.fill_between(*band, step="post", color=look["color"], alpha=0.15 if len(shown) < 5 else 0.07, lw=0)
    _axes.clock_axis(ax, pd.concat([curve["seconds_high"], curve["followed"]]))
    ax.set_ylim(0, 1.02)
    _axes.percent_axis(ax.yaxis)
    n = round(sum(part["at_risk"].iloc[0] for _, part in groups))
    note = _axes.and_more(len(groups), "groups", _axes.LINES)
    return _axes.finish(
        ax,
        "Delivered within a time" + _axes.by_words(keys),
        _axes.facts_of(curve, n, "messages", extra=note),
        axis="time after sending, at the latest",
        share="share of all messages",
    )


def _at_the_latest(part: pd.DataFrame) -> tuple[Floats, Floats, Floats, Floats]:
    """Give latest times in order, and the interval and the share of all messages delivered by each.

    Receipts cut to the minute may be later than others that came after them: each counts when it must be in.
    """
    x = part["seconds_high"].clip(lower=1).to_numpy("float64")
    low, share, high = (part[name].to_numpy("float64") for name in ("low", "incidence", "high"))
    order = np.argsort(x, kind="stable")
    if (order[1:] > order[:-1]).all():
        return x, low, share, high
    later = np.cumsum(np.diff(share, prepend=0.0)[order])
    known = ~np.isnan(low)
    low, high = (np.interp(later, share[known], band[known]) for band in (low, high))
    return x[order], low, later, high


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
    _axes.need("time_to_settle", curves, "outcome", "seconds_high", "incidence", "messages")
    keys = _axes.group_keys(curves, "outcome")
    groups = _axes.groups(curves, keys)
    name, shown = groups[0] if groups else ("", curves)
    ax = _axes.axes_for(ax)
    _axes.clock_axis(ax, curves["seconds_high"])
    last = ax.get_xlim()[1]
    for dashes, (outcome, part) in zip(_axes.DASHES, shown.groupby("outcome"), strict=False):
        color = _axes.STATUS[str(outcome)]
        low, high = (np.append(part[c].clip(lower=1), last) for c in ("seconds", "seconds_high"))
        share = np.append(part["incidence"], part["incidence"].iloc[-1])
        ax.step(high, share, where="post", color=color, ls=dashes, label=str(outcome))
        times = np.unique(np.concatenate([low, high]))
        early, late = (_stepped(at, share, times) for at in (low, high))
        ax.fill_between(times, late, early, step="post", color=color, alpha=0.2, lw=0)
    ax.set_ylim(0, 1.02)
    _axes.percent_axis(ax.yaxis)
    n = shown["messages"].iloc[0] if len(shown) else 0
    note = f"{name}, the first of {len(groups)} groups" if len(groups) > 1 else ""
    title = "Settled within a time, as polling shows" + _axes.by_words(keys)
    facts = _axes.facts_of(curves, n, "messages", extra=note)
    return _axes.finish(ax, title, facts, axis="time after sending", share="share of all messages")


def _stepped(at: Any, share: Any, times: Any) -> Any:
    """Give a step function's value at each time: 0 before its first step."""
    place = np.searchsorted(at, times, side="right")
    return np.concatenate([[0.0], share])[place]
