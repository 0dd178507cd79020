"""Pictures of opt-outs. Imports of smsdata only `_axes`."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from smsdata.plots import _axes


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
    _axes.need("optout_rate", rates, "optouts", "delivered", "rate")
    return _axes.draw_rates(
        rates, first="recipients", of="delivered", title="Opt-out rate", what="delivered", ax=ax
    )


def optouts(periods: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how opt-outs added up over time, and by which evidence they are known.

    Parameters
    ----------
    periods : DataFrame
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
    _axes.need("optouts", periods, "first_optout_at", "source", "certain", "cleared_at")
    ax = _axes.axes_for(ax)
    dated = periods.dropna(subset=["first_optout_at"]).sort_values("first_optout_at")
    for look, (source, part) in zip(_axes.looks(_axes.LINES), dated.groupby("source"), strict=False):
        times = [*part["first_optout_at"], dated["first_optout_at"].max()]
        count = [*range(1, len(part) + 1), len(part)]
        ax.step(times, count, where="post", ms=3, label=f"{source} ({len(part):,})", **look)
    _axes.date_axis(ax)
    _axes.whole_numbers(ax.yaxis)
    ax.set_ylim(bottom=0)
    review, back = int((~periods["certain"]).sum()), int(periods["cleared_at"].notna().sum())
    extra = f"{len(dated):,} drawn, {review:,} for review, {back:,} taken back"
    extra = f"{periods['msisdn'].nunique():,} persons, {extra}"
    facts = _axes.facts_of(periods, len(periods), "opt-outs, sure or not", extra=extra)
    return _axes.finish(ax, "Opt-outs by first evidence", facts, share="opt-outs so far")
