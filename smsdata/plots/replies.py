"""Pictures of what replies answer and say. Imports of smsdata only `_axes`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smsdata.plots import _axes


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
    >>> ax = reply_windows(analysis.reply_windows(messages, replies))
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['4h', '24h', '72h', '8d']
    """
    _axes.need("reply_windows", windows, "window", "attributed_share", "agreed_share")
    _axes.need_one_account("reply_windows", windows)
    series = {
        "attributed_share": ("attributed", _axes.BLUE, "o"),
        "ambiguous_share": ("ambiguous, of those attributed", _axes.VIOLET, "s"),
        "agreed_share": ("the gateway agrees", _axes.SKY, "^"),
    }
    ax = _axes.axes_for(ax)
    x = np.arange(len(windows))
    for column, (label, color, marker) in series.items():
        ax.plot(x, windows[column], color=color, marker=marker, label=label)
    ax.set_xticks(x, windows["window"])
    ax.set_xlim(-0.3, max(len(windows) - 0.7, 0.3))
    ax.set_ylim(-0.04, 1.04)
    _axes.percent_axis(ax.yaxis)
    facts = _axes.facts_of(windows, windows["replies"].iloc[:1].sum(), "replies")
    return _axes.finish(ax, "How much the window decides", facts, axis="window", share="share")


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
    _axes.need("classify_replies", replies, "kind", "review", "received_at")
    counts = replies.groupby("kind")["review"].agg(["size", "sum"])
    counts = counts.sort_values(["size", "sum"], ascending=False, kind="stable")
    ax = _axes.axes_for(ax, rows=len(counts))
    y = np.arange(len(counts))
    colors = [_axes.VIOLET if kind == "optout" else _axes.BLUE for kind in counts.index]
    sure = counts["size"] - counts["sum"]
    ax.barh(y, sure, color=colors)
    review = counts["sum"].to_numpy("int64")
    if review.any():
        ax.barh(y, review, left=sure, color=colors, alpha=0.5, hatch="///", label="to be read by a person")
    total = max(len(replies), 1)
    _axes.label_rows(ax, [_axes.in_words(kind) for kind in counts.index])
    _axes.write_values(ax, counts["size"], [f"{count:,} ({count / total:.0%})" for count in counts["size"]])
    _axes.whole_numbers(ax.xaxis)
    return _axes.finish(ax, "What replies say", _axes.facts_of(replies, len(replies), "replies"))
