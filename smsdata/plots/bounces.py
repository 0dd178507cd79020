"""Pictures of bounced numbers. Imports of smsdata only `_axes`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smsdata.plots import _axes


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
    _axes.need("hard_bounced", numbers, "msisdn", "tier", "held")
    tiers = {
        "remove": "remove: several days or never alive",
        "exclude": "exclude: one day of hard bounces",
        "review": "review: soft bounces in a row",
        "cleared": "cleared: alive since",
    }
    dead, soft, alive = (_axes.STATUS[status] for status in ("hard-bounce", "soft-bounce", "delivered"))
    colors = (dead, dead, soft, alive)  # of what the tier rests on
    counts = numbers.groupby("tier")["held"].agg(["size", "sum"]).reindex(list(tiers), fill_value=0)
    ax = _axes.axes_for(ax, rows=len(tiers))
    y = np.arange(len(tiers))
    ax.barh(y, counts["size"] - counts["sum"], color=colors)
    if counts["sum"].any():
        left = counts["size"] - counts["sum"]
        ax.barh(y, counts["sum"], left=left, color=colors, alpha=0.5, hatch="///", label="held: spike")
    _axes.label_rows(ax, list(tiers.values()))
    _axes.write_values(ax, counts["size"], [f"{count:,}" for count in counts["size"]])
    _axes.whole_numbers(ax.xaxis)
    messages = f"{numbers['bounces'].sum():,} hard bounces"
    return _axes.finish(
        ax,
        "Numbers that bounce",
        _axes.facts_of(numbers, len(numbers), "numbers", extra=messages),
        axis="numbers",
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
    _axes.need("bounce_history", history, "msisdn", "streak", "first", "last")
    _axes.need_one_account("bounce_history", history)
    bad = history.loc[history["status"] != "delivered"].groupby("msisdn")["messages"].sum()
    chosen = bad.sort_values(ascending=False, kind="stable").index[: _axes.ROWS]
    ax = _axes.axes_for(ax, rows=len(chosen))
    widths = {"delivered": 3, "soft-bounce": 6, "hard-bounce": 9, "bounced": 6}
    for status, width in widths.items():
        color = _axes.STATUS[status]
        rows = history[(history["status"] == status) & history["msisdn"].isin(chosen)]
        if rows.empty:
            continue
        y = chosen.get_indexer(pd.Index(rows["msisdn"]))
        ax.hlines(y, rows["first"], rows["last"], color=color, lw=width, label=status)
        for end in ("first", "last"):  # round ends: a streak of one message has no length
            ax.plot(rows[end], y, ls="", marker="o", ms=width, mew=0, color=color)
    _axes.label_rows(ax, [f"…{number[-3:]}" for number in chosen])
    _axes.date_axis(ax)
    note = f"{len(chosen)} of {history['msisdn'].nunique():,} numbers"
    facts = _axes.facts_of(history, history["messages"].sum(), "messages", extra=note)
    return _axes.finish(ax, "Outcomes of messages to numbers that bounced", facts)
