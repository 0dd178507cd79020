"""Pictures of how many people reply, and how fast. Imports of smsdata only `_axes`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smsdata.plots import _axes


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
        As `delivery_rate`, without bounds; a square for the rate without people who asked to be left alone.

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
    _axes.need("reply_rate", rates, "replied", "opted_out", "delivered", "rate")
    answered = (rates["replied"] - rates["opted_out"]) / rates["delivered"].where(rates["delivered"] > 0)
    beside = ("without opt-outs", answered.astype("float64"))
    return _axes.draw_rates(
        rates, first="recipients", of="delivered", title="Reply rate", what="delivered", ax=ax, beside=beside
    )


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
    >>> ax = time_to_reply(analysis.time_to_reply(messages, replies, by="sender"))
    >>> ax.get_title(loc="left"), ax.get_yticklabels()[0].get_text()
    ('Time to reply by sender', '61491570006 (n = 1)')
    """
    _axes.need("time_to_reply", times, "median", "p10", "p90")
    keys = _axes.group_keys(times, "replies")
    shown, note = _axes.in_order(times, keys, "replies")
    ax = _axes.axes_for(ax, rows=len(shown))
    y = np.arange(len(shown))
    seconds = shown[["p10", "median", "p90"]].to_numpy("float64") * 60
    ax.hlines(
        y, seconds[:, 0], seconds[:, 2], color=_axes.SKY, lw=5, label="all but the first and last tenth"
    )
    ax.plot(seconds[:, 1], y, ls="", marker="o", ms=7, color=_axes.BLUE, label="median")
    _axes.label_rows(ax, _axes.row_labels(shown, keys, "replies"))
    _axes.clock_axis(ax, pd.Series(seconds.ravel()))
    facts = _axes.facts_of(times, times["replies"].sum(), "replies attributed to a message", extra=note)
    return _axes.finish(ax, "Time to reply" + _axes.by_words(keys), facts, axis="time after sending")
