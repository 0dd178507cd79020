"""Pictures of what arrived, how sure that is, and whether it changed. Imports of smsdata only `_axes`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from smsdata.plots import _axes


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
    _axes.need("delivery_rate", rates, "n", "settled", "bound_low")
    return _axes.draw_rates(
        rates, first="n", of="settled", title="Delivery rate", what="settled messages", ax=ax
    )


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
    _axes.need("compare_rates", differences, "baseline", "difference", "differs")
    key = str(differences.columns[0])
    shown, note = _axes.largest(differences, "settled")
    ax = _axes.axes_for(ax, rows=len(shown))
    y = np.arange(len(shown))
    filled = shown["differs"].fillna(False).to_numpy(bool)
    marks = ("95% interval leaves out 0", "95% interval holds 0: may be chance")
    _axes.draw_dots(ax, shown, "difference", y, filled=filled, marks=marks, upright=False)
    if shown["difference"].notna().any():
        ax.axvline(0, color=_axes.GREY, lw=1)
    _axes.label_rows(ax, _axes.row_labels(shown, [key], "settled"))
    ax.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{round(100 * value, 2):+g}" if value else "0")
    )
    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10]))
    baseline = _axes.word(key, differences["baseline"].iloc[0]) if len(differences) else "the baseline"
    baseline = _axes.cut(_axes.drawable(baseline))
    total = differences["settled"].sum() + differences["baseline_settled"].iloc[:1].sum()
    return _axes.finish(
        ax,
        f"Delivery rate compared with {baseline}",
        _axes.facts_of(differences, total, "settled messages", extra=note),
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
        A dot per period, filled and red outside the limits, hollow where not mature; where too few are
        counted to be judged, a cross at the lower edge, whatever their rate; the centre and, over the other
        periods, the limits of a Laney p' chart. The axis is fitted to what is judged.

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
    'Delivered by day: 0 of 0 judged outside the usual'
    """
    _axes.need("delivery_trend", trend, "settled", "centre", "outside")
    period, count = str(trend.columns[0]), str(trend.columns[2])
    ax = _axes.axes_for(ax)
    x = trend[period]
    large = trend[(trend["outside"] != "too few").to_numpy(bool)]
    judged = trend[trend["outside"].isin(["inside", "above", "below"])]
    band = ax.fill_between(
        judged[period], judged["low"], judged["high"], step="mid", color=_axes.SKY, alpha=0.25
    )
    band.set(linewidth=0, label="limits")
    ax.plot(x, trend["centre"], color=_axes.GREY, lw=1, label="centre")
    ax.plot(large[period], large["rate"], color=_axes.BLUE, lw=0.8, alpha=0.6)
    few = (trend["outside"] == "too few").fillna(value=False).to_numpy(bool)
    for label, which, style in _trend_marks(trend, few, _axes.paper(ax)):
        if which.any():
            ax.plot(x[which], trend["rate"][which], ls="", label=label, **style)
    if few.any():
        ax.plot(
            x[few], np.full(few.sum(), 0.02), ls="", marker="x", ms=5, color=_axes.GREY,
            label="too few to judge", transform=ax.get_xaxis_transform(),
        )  # fmt: skip
    _axes.hatch_partial(ax, trend, period)
    _axes.date_axis(ax, period, x)
    _axes.percent_axis(ax.yaxis)
    _axes.within_shares(ax, upright=True)
    outside = int(trend["outside"].isin(["above", "below"]).sum())
    judged_of = f"{outside} of {len(judged)} judged outside the usual"
    title = f"{_axes.in_words(count).capitalize()} by {period}: {judged_of}"
    note = f"{len(trend) - len(large):,} with too few to judge" if len(large) < len(trend) else ""
    facts = _axes.facts_of(trend, trend["settled"].sum(), "settled messages", extra=note)
    return _axes.finish(ax, title, facts, share="share")


def _trend_marks(trend: pd.DataFrame, few: Any, paper: Any) -> list[tuple[str, Any, dict[str, Any]]]:
    mature = trend["mature"].fillna(False).to_numpy(bool)
    out = trend["outside"].isin(["above", "below"]).to_numpy(bool)
    fresh = 5 if len(trend) <= 100 else 3
    inside = (trend["outside"] == "inside").fillna(value=False).to_numpy(bool)
    return [
        ("inside", inside, {"marker": "o", "color": _axes.BLUE, "ms": 4}),
        ("not judged", mature & ~inside & ~out & ~few, {"marker": "o", "color": _axes.GREY, "ms": 4}),
        ("outside", out, {"marker": "D", "color": _axes.RED, "ms": 7}),
        ("not mature", ~mature & ~few, {"marker": "o", "mec": _axes.BLUE, "mfc": paper, "ms": fresh}),
    ]
