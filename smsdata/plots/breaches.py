"""Pictures of what was sent after opt-outs. Imports of smsdata only `_axes`."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from smsdata.plots import _axes


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
        colour, hollow where not certain. The deadlines lie in the grey band: the same working days are more
        or fewer days of the calendar.

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
    'before the deadline, not certain (1)'
    """
    _axes.need(
        "sent_after_optout", breaches, "breach", "hours_after", "certain", "deadline_at", "working_days"
    )
    ax = _axes.axes_for(ax)
    days = breaches["hours_after"] / 24
    certain = breaches["certain"].to_numpy(bool)
    for breach, color, marker in (
        ("before the deadline", _axes.BLUE, "o"),
        ("past deadline", _axes.RED, "D"),
    ):
        for sure in (True, False):
            rows = (breaches["breach"] == breach).to_numpy(bool) & (certain == sure)
            if rows.any():
                label = f"{breach}{'' if sure else ', not certain'} ({rows.sum():,})"
                face = color if sure else _axes.paper(ax)
                ax.plot(
                    breaches["sent_at"][rows],
                    days[rows],
                    ls="",
                    marker=marker,
                    mec=color,
                    mfc=face,
                    label=label,
                )
    _draw_deadlines(ax, breaches, days)
    _axes.date_axis(ax)
    extra = f"{breaches['msisdn'].nunique():,} persons"
    facts = _axes.facts_of(breaches, len(breaches), "messages", extra=extra)
    return _axes.finish(ax, "Sent after an opt-out", facts, share="days after the opt-out")


def _draw_deadlines(ax: Axes, breaches: pd.DataFrame, days: pd.Series) -> None:
    """Show as a band how many days after the opt-out the deadlines are, and name the working days."""
    if breaches.empty:
        return
    left = (breaches["deadline_at"] - breaches["sent_at"]).dt.total_seconds() / 86_400 + days
    working = ", ".join(f"{count:,}" for count in sorted(breaches["working_days"].unique()))
    low, high = left.min(), left.max()
    span = f"{low:.1f}" if f"{low:.1f}" == f"{high:.1f}" else f"{low:.1f} to {high:.1f}"
    label = f"deadline: {working} working days, here {span} days after the opt-out"
    ax.axhspan(low, max(high, low + 0.02), color=_axes.GREY, alpha=0.3, lw=0, zorder=0, label=label)
