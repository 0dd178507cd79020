"""Pictures of what was spent, and on what. Imports of smsdata only `_axes`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smsdata.plots import _axes


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
        A bar of spend per group, the cost of a delivered message as words; many periods stand along time,
        without words. A period that is not whole is hatched.

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
    _axes.need("costs", spent, "spend", "cost_per_delivered", "unpriced")
    keys = _axes.group_keys(spent, "campaigns")
    if _axes.in_periods(keys) and len(spent) > _axes.ROWS:
        return _along_time(spent, "spend", "Spend", "recipients", _axes.BLUE, ax)
    shown, note = _axes.in_order(spent, keys, "spend")
    ax = _axes.axes_for(ax, rows=len(shown))
    bars = ax.barh(np.arange(len(shown)), shown["spend"].fillna(0), color=_axes.BLUE)
    _axes.hatch_partial_rows(ax, bars, shown)
    words = [
        "no price"
        if pd.isna(spend)
        else _in_money(spend) + (f", {_in_money(each, 3)} per delivered" if pd.notna(each) else "")
        for spend, each in zip(shown["spend"], shown["cost_per_delivered"], strict=True)
    ]
    _axes.label_rows(ax, _axes.row_labels(shown, keys))
    _axes.write_values(ax, shown["spend"].fillna(0), words)
    ax.xaxis.set_major_formatter(_round_amounts)
    facts = _axes.facts_of(spent, spent["recipients"].sum(), "messages", extra=note)
    return _axes.finish(ax, "Spend" + _axes.by_words(keys), facts, axis=_currency_of(spent))


def segments(texts: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw which texts take most SMS parts, and in which encoding.

    Parameters
    ----------
    texts : DataFrame
        What `smsdata.analysis.segments` gave; the 12 most expensive templates are drawn.
    ax : Axes or None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        A bar of SMS parts in total per template, UCS-2 hatched; its texts of other lengths have their own.

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
    _axes.need("segments", texts, "message", "parts", "encoding", "template")
    same = texts.groupby(["template", "encoding", "parts"], sort=False)["messages"].sum().reset_index()
    same = same.assign(total=same["messages"] * same["parts"])
    shown = same.sort_values("total", ascending=False, kind="stable").head(12)
    ax = _axes.axes_for(ax, rows=len(shown))
    for encoding, color, hatch in (("GSM-7", _axes.BLUE, ""), ("UCS-2", _axes.VIOLET, "///")):
        rows = (shown["encoding"] == encoding).to_numpy(bool)
        if rows.any():
            y = np.flatnonzero(rows)
            ax.barh(
                y, shown["total"][rows], color=color, hatch=hatch, edgecolor=_axes.paper(ax), label=encoding
            )
    words = [
        f"{messages:,} × {parts}" for messages, parts in zip(shown["messages"], shown["parts"], strict=True)
    ]
    _axes.label_rows(ax, list(shown["template"]))
    _axes.write_values(ax, shown["total"], words)
    _axes.whole_numbers(ax.xaxis)
    extra = f"{same['total'].sum():,} parts, {len(texts):,} texts"
    extra = " · ".join(filter(None, (extra, _axes.and_more(len(same), "templates", 12))))
    facts = _axes.facts_of(texts, texts["messages"].sum(), "messages", extra=extra)
    return _axes.finish(ax, "SMS parts by text", facts, axis="SMS parts (messages × parts)")


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
    _axes.need("avoidable_parts", campaigns, "wasted", "cost", "culprits")
    shown = campaigns.head(12)
    ax = _axes.axes_for(ax, rows=len(shown))
    y = np.arange(len(shown))
    useful = (shown["cost"] - shown["wasted"]).fillna(0)
    ax.barh(y, useful, color=_axes.BLUE, label="in GSM-7")
    ax.barh(
        y,
        shown["wasted"].fillna(0),
        left=useful,
        color=_axes.VIOLET,
        hatch="///",
        edgecolor=_axes.paper(ax),
        label="wasted",
    )
    words = [
        f"{_in_money(wasted)} wasted, {parts} → {fewer} parts" if pd.notna(wasted) else "no price"
        for wasted, parts, fewer in zip(
            shown["wasted"], shown["parts_each"], shown["gsm_parts_each"], strict=True
        )
    ]
    named = zip(shown["message_id"], shown["message"], strict=True)
    _axes.label_rows(ax, [f"{message_id}: {text}" for message_id, text in named])
    _axes.write_values(ax, shown["cost"].fillna(0), words)
    ax.xaxis.set_major_formatter(_round_amounts)
    total = campaigns["wasted"].sum(min_count=1)
    extra = f"{_in_money(total)} wasted in all" if pd.notna(total) else ""
    extra = " · ".join(filter(None, (extra, _axes.and_more(len(campaigns), "campaigns", 12))))
    facts = _axes.facts_of(campaigns, len(campaigns), "campaigns", extra=extra)
    return _axes.finish(ax, "Avoidable SMS parts", facts, axis=_currency_of(campaigns))


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
        A bar per group: money to dead numbers and its share of all spend as words; many periods stand along
        time, without words. A period that is not whole is hatched.

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
    _axes.need("spent_on_dead", costs, "dead_spend", "dead_share", "dead_recipients")
    keys = _axes.group_keys(costs, "recipients")
    if _axes.in_periods(keys) and len(costs) > _axes.ROWS:
        return _along_time(costs, "dead_spend", "Money sent to dead numbers", "recipients", _axes.RED, ax)
    shown, note = _axes.in_order(costs, keys, "dead_spend")
    ax = _axes.axes_for(ax, rows=len(shown))
    bars = ax.barh(np.arange(len(shown)), shown["dead_spend"].fillna(0), color=_axes.RED)
    _axes.hatch_partial_rows(ax, bars, shown)
    words = [
        "no price"
        if pd.isna(spend)
        else f"{_in_money(spend)} ({f'{share:.1%} of spend, ' if pd.notna(share) else ''}{count:,} messages)"
        for spend, share, count in zip(
            shown["dead_spend"], shown["dead_share"], shown["dead_recipients"], strict=True
        )
    ]
    _axes.label_rows(ax, _axes.row_labels(shown, keys))
    _axes.write_values(ax, shown["dead_spend"].fillna(0), words)
    ax.xaxis.set_major_formatter(_round_amounts)
    facts = _axes.facts_of(costs, costs["recipients"].sum(), "messages", extra=note)
    return _axes.finish(
        ax, "Money sent to dead numbers" + _axes.by_words(keys), facts, axis=_currency_of(costs)
    )


def _along_time(
    frame: pd.DataFrame, money: str, title: str, counted: str, color: str, ax: Axes | None
) -> Axes:
    """Draw amounts of many periods as bars along time."""
    period = str(frame.columns[0])
    ax = _axes.axes_for(ax)
    width = 0.9 * _axes.lasting(period)
    ax.bar(frame[period], frame[money].fillna(0), width=width, color=color)
    _axes.hatch_partial(ax, frame, period)
    _axes.date_axis(ax, period)
    ax.yaxis.set_major_formatter(_round_amounts)
    if not frame[money].any():
        ax.set_ylim(0, 1)
    extra = "" if frame[money].notna().any() else "no price"
    facts = _axes.facts_of(frame, frame[counted].sum(), "messages", extra=extra)
    return _axes.finish(ax, f"{title} by {period}", facts, share=_currency_of(frame))


def _in_money(amount: float, digits: int = 2) -> str:
    """Write an amount with so many digits, and with those that tell it where it is next to nothing."""
    tiny = 0 < abs(amount) < 0.5 * 10**-digits
    return f"{amount:.2g}" if tiny else f"{amount:,.{2 if abs(amount) >= 100 else digits}f}"


def _round_amounts(amount: float, _: float) -> str:
    """Label an axis of amounts: large ones in thousands of millions."""
    for unit, name in ((1e9, " bn"), (1e6, " m")):
        if abs(amount) >= unit:
            return f"{amount / unit:,g}{name}"
    return f"{amount:,.10g}"


def _currency_of(frame: pd.DataFrame) -> str:
    """Name the currency of the amounts."""
    known = list(frame["currency"].dropna().unique()) if "currency" in frame else []
    return str(known[0]) if len(known) == 1 else "the account's currency"
