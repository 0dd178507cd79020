"""Pictures of lists and their members. Imports of smsdata only `_axes`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from smsdata.plots import _axes

_LISTS = 12  # across and down: more would be unreadable


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
        A stacked bar per list, the 25 with most contacts: active and well, active but dead, inactive, opted
        out, other.

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
    _axes.need("list_health", health, "members", "active", "opted_out", "dead")
    health = _axes.by_account_and_id(health, "list_id")
    shown, note = health, _axes.and_more(len(health), "lists")
    if note:
        shown = health.sort_values("members", ascending=False, kind="stable").head(_axes.ROWS)
    dead = shown["dead"].fillna(0).astype("int64")
    stack = (
        ("active", shown["active"] - dead, _axes.BLUE, ""),
        ("active, but dead", dead, _axes.STATUS["hard-bounce"], "///"),
        ("inactive", shown["inactive"], _axes.SKY, ""),
        ("opted out", shown["opted_out"], _axes.VIOLET, ".."),
        ("other", shown["other"], _axes.YELLOW, ""),
    )
    ax = _axes.axes_for(ax, rows=len(shown))
    y = np.arange(len(shown))
    left = np.zeros(len(shown), "int64")
    for label, counts, color, hatch in stack:
        if counts.any():
            ax.barh(y, counts, left=left, color=color, hatch=hatch, edgecolor=_axes.paper(ax), label=label)
            left = left + counts.to_numpy("int64")
    _axes.label_rows(ax, _axes.list_names(shown["list_id"], names))
    _axes.write_values(ax, shown["members"], [f"{count:,}" for count in shown["members"]])
    _axes.whole_numbers(ax.xaxis)
    what = "contacts (a person on two lists counts twice)"
    facts = _axes.facts_of(health, health["members"].sum(), what, extra=note)
    return _axes.finish(ax, "Health of lists", facts, axis="contacts")


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
        A square per pair: contacts in common, darker for a larger share of the smaller list; the twelve lists
        that share most.

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
    _axes.need("list_overlap", overlap, "list_a", "list_b", "common", "share_of_smaller")
    overlap = _axes.by_account_and_id(overlap, "list_a", "list_b")
    ids, note = _that_share_most(overlap)
    pairs = overlap[overlap["list_a"].isin(ids) & overlap["list_b"].isin(ids)]
    across, down = {n: x for x, n in enumerate(ids[:-1])}, {n: y for y, n in enumerate(ids[1:])}
    share = np.full((len(down), len(across)), np.nan)
    ax = _axes.axes_for(ax, rows=3 + len(ids))
    columns = (pairs[name] for name in ("list_a", "list_b", "common", "share_of_smaller"))
    for list_a, list_b, common, part in zip(*columns, strict=True):
        x, y = across[list_a], down[list_b]
        share[y, x] = part
        ax.text(x, y, f"{common:,}", ha="center", va="center", color="white" if part > 0.6 else "black")
    if ids:
        picture = ax.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        ax.figure.colorbar(picture, ax=ax, format=PercentFormatter(1.0), label="share of the smaller list")
    labels = _axes.list_names(ids, names)
    _axes.label_rows(ax, labels[1:])
    labels = _axes.cut_apart(labels[:-1], [24] * len(across))
    ax.set_xticks(range(len(across)), labels, rotation=30, ha="right", parse_math=False)
    facts = _axes.facts_of(overlap, len(overlap), "pairs of lists with contacts in common", extra=note)
    return _axes.finish(ax, "Contacts on two lists", facts)


def _that_share_most(overlap: pd.DataFrame) -> tuple[list[int], str]:
    """The lists that share most contacts, in the order of their ids, and how many others there are."""
    both = pd.concat([overlap.set_index(name)["common"] for name in ("list_a", "list_b")])
    shared = both.groupby(level=0).sum().sort_values(ascending=False, kind="stable")
    return sorted(shared.index[:_LISTS]), _axes.and_more(len(shared), "lists", _LISTS)


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
    _axes.need("list_growth", growth, "list_id", "joined", "left", "members")
    growth = _axes.by_account_and_id(growth, "list_id")
    period = str(growth.columns[1])
    largest = growth.groupby("list_id")["members"].last().sort_values(ascending=False, kind="stable")
    ids = list(largest.index[: _axes.LINES])
    ax = _axes.axes_for(ax)
    labels = _axes.cut_apart(_axes.list_names(ids, names), [40] * len(ids))
    for look, list_id, name in zip(_axes.looks(len(ids)), ids, labels, strict=True):
        part = growth[(growth["list_id"] == list_id) & growth[period].notna()]
        ax.plot(part[period], part["members"], label=name, drawstyle="steps-post", ms=4, **look)
    _axes.hatch_partial(ax, growth.drop_duplicates(period), period)
    _axes.date_axis(ax, period)
    _axes.whole_numbers(ax.yaxis)
    ax.set_ylim(bottom=0)
    extra = f"{growth['joined'].sum():,} joined, {growth['left'].sum():,} left"
    extra = " · ".join(filter(None, (extra, _axes.and_more(len(largest), "lists", _axes.LINES))))
    facts = _axes.facts_of(growth, growth["net"].sum(), "contacts", extra=extra)
    return _axes.finish(ax, f"Contacts by {period}", facts, share="contacts")
