"""What all pictures share: colours, axes, titles, the facts below, labels that the font can draw.

Imports of smsdata only errors.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.container import BarContainer
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from smsdata.errors import UsageError

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, YELLOW, GREY = "#56B4E9", "#CC79A7", "#F0E442", "#767676"
VIOLET = "#7B61C4"  # of our own: what is no status has no colour of one

STATUS = {"delivered": GREEN, "pending": GREY, "soft-bounce": ORANGE, "hard-bounce": RED, "bounced": PURPLE}
"""The colour of each status, the same in every picture."""

DASHES = ("-", "--", "-.", ":")
MARKS = "osD^vXP*"
LINES = len(MARKS)
"""So many groups are drawn as lines: more could not be told apart."""
_LASTING = {"hour": 1 / 24, "day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}
"""Days that a period lasts, for the width of its hatching."""
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
ROWS = 25
_LABEL = 36
_AND = " · "
_LATEST = 31  # periods drawn as rows
_DOTS = 400  # periods drawn along time: of more, each has less than two dots of a screen
_DENSE = 60  # from so many periods on, intervals are drawn as a band
_JUDGED = 30  # the axis is fitted to groups of at least so many
_CLOCK = {
    1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 3_600: "1 h", 21_600: "6 h", 86_400: "1 day",
    259_200: "3 days", 864_000: "10 days", 2_592_000: "30 days",
}  # fmt: skip


def draw_rates(
    rates: pd.DataFrame,
    *,
    first: str,
    of: str,
    title: str,
    what: str,
    ax: Axes | None,
    beside: tuple[str, pd.Series] | None = None,
) -> Axes:
    """Draw rates with intervals: along time for one period as grouping, else one row per group.

    `beside` names another rate of the same groups, which is marked by a square.
    """
    keys = group_keys(rates, first)
    if set(keys) == {"weekday", "hour_of_day"}:
        return _week_of_hours(rates, of=of, title=title, what=what, ax=ax)
    upright = in_periods(keys)
    shown, note = latest(rates, keys[0], _DOTS) if upright else in_order(rates, keys, of)
    ax = axes_for(ax, rows=None if upright else len(shown))
    place = shown[keys[0]] if upright else np.arange(len(shown))
    dense = upright and len(shown) > _DENSE
    if "bound_low" in shown and not dense:
        draw = ax.vlines if upright else ax.hlines
        label = "none to all of the pending arrive" if shown["pending"].any() else ""
        draw(place, shown["bound_low"], shown["bound_high"], color=GREY, lw=8, alpha=0.5, label=label)
    mature = shown["mature"].fillna(False).to_numpy(bool)
    rate = "rate" if dense else "rate, 95% interval"
    marks = (rate, "not yet mature" if mature.any() else f"{rate}, not yet mature")
    draw_dots(ax, shown, "rate", place, filled=mature, marks=marks, upright=upright)
    if beside is not None:
        label, others = beside[0], beside[1].loc[shown.index]
        x, y = (place, others) if upright else (others, place)
        ax.plot(x, y, ls="", marker="s", ms=2.5 if dense else 4, mec=VIOLET, mfc=paper(ax), label=label)
    beyond = fit_to_judged(ax, shown, of, upright=upright, beside=None if beside is None else others)
    if upright:
        hatch_partial(ax, shown, keys[0])
        date_axis(ax, keys[0], shown[keys[0]])
    else:
        hatch_partial_lines(ax, shown)
        label_rows(ax, row_labels(shown, keys, of))
    percent_axis(ax.yaxis if upright else ax.xaxis)
    within_shares(ax, upright=upright)
    extra = " · ".join(filter(None, (note, beyond)))
    facts = facts_of(rates, rates[of].sum(), what, extra=extra)
    return finish(ax, title + by_words(keys), facts, share=title.lower() if upright else "")


def fit_to_judged(
    ax: Axes, shown: pd.DataFrame, of: str, *, upright: bool, beside: pd.Series | None = None
) -> str:
    """Fit the axis of rates, and of those beside, to the groups that are large enough to be judged.

    What of the others lies beyond is marked at the edge; gives how many those are, for the facts.
    """
    rates = shown["rate"].to_numpy("float64")
    large = (shown[of] >= _JUDGED).to_numpy(bool) & ~np.isnan(rates)
    if not large.any():
        return ""
    ends = ("low", "bound_low"), ("high", "bound_high")
    low, high = (
        fit([rates, *(shown[name].to_numpy("float64") for name in names if name in shown)], axis=0)
        for fit, names in zip((np.fmin.reduce, np.fmax.reduce), ends, strict=True)
    )
    least, most = low[large].min(), high[large].max()
    if beside is not None:
        least = np.nanmin([least, *beside.to_numpy("float64")[large]])
    room = 0.06 * max(most - least, 0.005)
    least, most = least - room, most + room
    if np.nanmin(low) >= least and np.nanmax(high) <= most:
        return ""
    (ax.set_ylim if upright else ax.set_xlim)(least, most)
    place = shown.iloc[:, 0] if upright else pd.Series(np.arange(len(shown)))
    for out, edge, mark in ((rates < least, least, "v<"), (rates > most, most, "^>")):
        if not out.any():
            continue
        along = place[out]
        at = np.full(len(along), edge)
        x, y = (along, at) if upright else (at, along)
        ax.plot(x, y, ls="", marker=mark[not upright], color=BLUE, ms=6, clip_on=False)
    beyond = int(((low < least) | (high > most)).sum())
    return f"{beyond:,} of under {_JUDGED} reach beyond the axis"


def _week_of_hours(rates: pd.DataFrame, *, of: str, title: str, what: str, ax: Axes | None) -> Axes:
    """Draw rates by weekday and hour as a map of the week; cells of few are left pale."""
    ax = axes_for(ax, rows=9)
    cells = np.full((7, 24), np.nan)
    large = rates[rates[of] >= _JUDGED]
    cells[large["weekday"].astype(int), large["hour_of_day"].astype(int)] = large["rate"]
    picture = ax.imshow(cells, aspect="auto", cmap="cividis")
    if large["rate"].isna().all():
        picture.set_clim(0, 1)  # no cell tells a scale of its own
    few = rates[rates[of] < _JUDGED]
    if len(few):
        ax.plot(
            few["hour_of_day"].astype(int), few["weekday"].astype(int), ls="", marker="x", ms=4, color=GREY,
            label=f"fewer than {_JUDGED}",
        )  # fmt: skip
    bar = ax.figure.colorbar(picture, ax=ax, label=title.lower())
    percent_axis(bar.ax.yaxis)
    ax.set_xticks(range(0, 24, 3), [f"{hour:02d}:00" for hour in range(0, 24, 3)])
    label_rows(ax, _WEEKDAYS)
    smallest = f"cells of {int(large[of].min()):,} to {int(large[of].max()):,}" if len(large) else ""
    facts = facts_of(rates, rates[of].sum(), what, extra=smallest)
    return finish(ax, f"{title} by weekday and hour", facts)


def draw_dots(
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
    dense = upright and len(shown) > _DENSE
    if dense:
        band = ax.fill_between(place, center - reach[0], center + reach[1], color=BLUE, alpha=0.35, lw=0)
        band.set_label("95% interval")
        marks = ("rate", marks[1])
    for which, face, label in ((known & filled, BLUE, marks[0]), (known & ~filled, paper(ax), marks[1])):
        if which.any():
            x, y = (place, center) if upright else (center, place)
            along = {} if dense else {"yerr" if upright else "xerr": reach[:, which]}
            size = {"ms": 2.5} if dense else {"ms": 6, "capsize": 3}
            ax.errorbar(x[which], y[which], fmt="o", color=BLUE, mfc=face, label=label, **size, **along)


def looks(number: int) -> list[dict[str, Any]]:
    """Give lines that are told apart by colour and by dashes, in no colour that a status has."""
    colors = (BLUE, VIOLET, SKY, plt.rcParams["text.color"])
    many = range(min(number, LINES))
    return [{"color": colors[n % 4], "ls": DASHES[(n + n // 4) % 4], "marker": MARKS[n]} for n in many]


def paper(ax: Axes) -> Any:
    """The colour that pictures are drawn on: white, or what a dark style has set."""
    return ax.get_facecolor()


def hatch_partial(ax: Axes, frame: pd.DataFrame, period: str) -> None:
    """Hatch the periods that the data do not cover whole, so that the last month is not read as a fall."""
    if "partial" not in frame or not in_periods([period]):
        return
    partial = frame["partial"].fillna(False).to_numpy(bool)
    for place, begins in enumerate(frame.loc[partial, period]):
        half = pd.Timedelta(lasting(period) / 2, "D")
        band = ax.axvspan(begins - half, begins + half, facecolor="none", edgecolor=GREY, hatch="//", lw=0)
        band.set(alpha=0.5, zorder=0)
        band.set_label("" if place else "partial period")


def hatch_partial_lines(ax: Axes, shown: pd.DataFrame) -> None:
    """Hatch the rows of periods that the data do not cover whole, where a row is no bar."""
    partial = shown["partial"].fillna(False).to_numpy(bool) if "partial" in shown else np.zeros(0, bool)
    for place, y in enumerate(np.flatnonzero(partial)):
        band = ax.axhspan(y - 0.5, y + 0.5, facecolor="none", edgecolor=GREY, hatch="//", lw=0)
        band.set(alpha=0.5, zorder=0)
        band.set_label("" if place else "partial period")


def hatch_partial_rows(ax: Axes, bars: Iterable[Any], shown: pd.DataFrame) -> None:
    """Hatch the bars of periods that the data do not cover whole."""
    if "partial" not in shown:
        return
    partial = shown["partial"].fillna(False).to_numpy(bool)
    for place, bar in enumerate(bar for bar, cut_off in zip(bars, partial, strict=True) if cut_off):
        bar.set(hatch="///", edgecolor=paper(ax), label="" if place else "partial period")


def lasting(period: str) -> float:
    """How many days a period lasts, about."""
    return _LASTING.get(_kind_of_period(period), 1)


def in_periods(keys: Sequence[str]) -> bool:
    """Tell whether the groups are periods alone, such as weeks, or weeks from Sunday."""
    return len(keys) == 1 and _kind_of_period(keys[0]) in _LASTING


def _kind_of_period(key: str) -> str:
    return key.partition("_from_")[0]


def axes_for(ax: Axes | None, *, rows: int | None = None) -> Axes:
    """Give the Axes to draw on; a new figure is as high as its rows need."""
    if ax is not None:
        return ax
    height = 4.2 if rows is None else float(np.clip(1.6 + 0.34 * rows, 2.6, 11))
    return plt.subplots(figsize=(8, height), layout="constrained")[1]


def finish(ax: Axes, title: str, facts: str, *, axis: str = "", share: str = "") -> Axes:
    """Write the title, what the axes mean, and below them the facts a reader needs to trust the picture."""
    room = _room(ax)
    name, lines = cut(drawable(title), round(0.67 * room)), _legend(ax, room)
    ax.set_title(name, loc="left", fontweight="bold", pad=10 + 14 * lines, parse_math=False)
    below = "\n".join(filter(None, (axis, _wrapped(facts.split(_AND), min(room, 82)))))
    ax.set_xlabel(below, loc="left", alpha=0.75, fontsize=9, labelpad=8)
    ax.set_ylabel(share)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25)
    ax.set_axisbelow(True)
    if facts.startswith("n = 0 ") and not _drawn(ax):
        ax.text(0.5, 0.5, "no data", transform=ax.transAxes, ha="center", va="center", color=GREY)
    return ax


def _room(ax: Axes) -> int:
    """How many small letters have room beside the labels of the rows."""
    width = getattr(ax.figure, "get_figwidth", lambda: 8)() if len(ax.figure.axes) == 1 else 8
    labels = max((len(label.get_text()) for label in ax.get_yticklabels()), default=0)
    return int((width - 0.4 - 0.072 * labels) / 0.072)


def _drawn(ax: Axes) -> bool:
    """Tell whether anything is drawn that says something: a point, a bar, a stretch."""
    bars = [bar for bar in ax.patches if not bar.get_hatch()]
    return any(map(_says_something, (*ax.lines, *ax.collections, *bars)))


def _says_something(artist: Any) -> bool:
    """Tell whether there is anything of what a mark of the legend explains."""
    if isinstance(artist, BarContainer):
        return any(map(_says_something, artist.patches))
    if isinstance(artist, Rectangle):
        return bool(artist.get_width() and artist.get_height())
    if isinstance(artist, Line2D):
        known = np.isfinite(np.asarray(artist.get_xydata(), float)).all(axis=1).sum()
        return bool(known > (artist.get_marker() in ("", " ", "None", None)))  # one point makes no line
    if isinstance(artist, PathCollection):
        return bool(np.isfinite(np.ma.filled(artist.get_offsets(), np.nan)).all(axis=1).any())
    if isinstance(artist, LineCollection):
        return any(np.size(one) and np.isfinite(one).all() for one in artist.get_segments())
    if isinstance(artist, PolyCollection):
        return any(np.size(path.vertices) > 0 for path in artist.get_paths())
    return True


def _legend(ax: Axes, room: int) -> int:
    """Explain the marks above the picture, where nothing is drawn; give the lines that takes."""
    told = [pair for pair in zip(*ax.get_legend_handles_labels(), strict=True) if _says_something(pair[0])]
    if not told:
        return 0
    handles, labels = [handle for handle, _ in told], [cut(label, 76) for _, label in told]
    fits = sum(map(len, labels)) + 8 * len(labels) <= room
    columns = len(labels) if fits else max(1, room // (max(map(len, labels)) + 9))
    legend = ax.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(-0.01, 0.99), ncols=columns, frameon=False,
        fontsize=8.5, borderaxespad=0.2, columnspacing=1.4, handletextpad=0.5, labelspacing=0.3,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)
    return math.ceil(len(labels) / columns)


def facts_of(frame: pd.DataFrame, n: float, what: str, *, extra: str = "") -> str:
    """Tell n, the window and the pending share, or in the result's own words why there is none."""
    account = frame.attrs.get("explain", {})
    window, pending = _window(account), _pending(account)
    nothing = ": nothing was counted"
    if window.endswith(nothing) and pending.endswith(nothing):
        window, pending = "", f"no window, no pending share{nothing}"
    return _AND.join(fact for fact in (f"n = {int(n):,} {what}", window, pending, extra) if fact)


def _window(account: Mapping[str, Any]) -> str:
    if not account:
        return "window unknown"
    ends = [date(pd.Timestamp(account[name])) for name in ("first", "last") if account[name]]
    lasting = " to ".join(dict.fromkeys(ends))
    if account["as_of"]:
        read = f"as of {date(pd.Timestamp(account['as_of']))}"
        return f"{read}, {lasting} ({account['clock']})" if ends else read
    return lasting or f"no window{account['window'].removeprefix('none')}"


def _pending(account: Mapping[str, Any]) -> str:
    if not account:
        return "pending share unknown"
    share = account["pending_share"]
    if share is None:
        reason = account["pending"].removeprefix("none")
        return f"no pending share{reason}" if reason.endswith(": nothing was counted") else ""
    return "under 0.1% pending" if 0 < share < 0.001 else f"{share:.1%} pending"


def _wrapped(facts: Sequence[str], room: int) -> str:
    lines = [facts[0]]
    for fact in facts[1:]:
        joined = f"{lines[-1]}{_AND}{fact}"
        lines[-1:] = [joined] if len(joined) <= room else [lines[-1], fact]
    return "\n".join(lines)


def date(moment: Any) -> str:
    """Write a day as a person would."""
    return f"{moment.day} {moment:%b %Y}"


def need(function: str, frame: pd.DataFrame, *columns: str) -> None:
    """Refuse a frame that another helper made."""
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise UsageError(
            f"plots.{function}: no column {missing[0]!r}; give it what analysis.{function} returned."
        )


def group_keys(frame: pd.DataFrame, first: str) -> list[str]:
    """Name the grouping columns: those before the first column of the result proper."""
    return [str(column) for column in frame.columns[: list(frame.columns).index(first)]]


def by_words(keys: Sequence[str]) -> str:
    """Say in a title what the groups are."""
    return " by " + " and ".join(in_words(key) for key in keys) if keys else ""


def in_order(frame: pd.DataFrame, keys: list[str], size: str) -> tuple[pd.DataFrame, str]:
    """Keep the order of periods, the latest ones; else put the largest first and leave out the rest."""
    if in_periods(keys) or keys in (["weekday"], ["hour_of_day"]):
        return latest(frame, keys[0], _LATEST)
    return largest(frame, size)


def latest(frame: pd.DataFrame, period: str, drawn: int) -> tuple[pd.DataFrame, str]:
    """Keep the latest periods, and say how many there are where some are left out."""
    note = f"the latest {drawn} of {len(frame):,} {period}s" if len(frame) > drawn else ""
    return frame.tail(drawn), note


def largest(frame: pd.DataFrame, size: str) -> tuple[pd.DataFrame, str]:
    """Keep the largest rows, and say how many there are where some are left out."""
    shown = frame.sort_values(size, ascending=False, kind="stable").head(ROWS)
    return shown, and_more(len(frame), "groups")


def and_more(count: int, what: str, drawn: int = ROWS) -> str:
    """Say how many there are where some are not drawn."""
    return f"the {drawn} largest of {count:,} {what}, and {count - drawn:,} more" if count > drawn else ""


def groups(frame: pd.DataFrame, keys: list[str]) -> list[tuple[str, pd.DataFrame]]:
    """Part a frame by its groups, each with its name."""
    if not keys:
        return [("all", frame)] if len(frame) else []
    parts = [part for _, part in frame.groupby(keys, dropna=False, sort=False)]
    return [(drawable(row_labels(part.head(1), keys)[0]), part) for part in parts]


def row_labels(frame: pd.DataFrame, keys: list[str], n: str = "") -> list[str]:
    """Name each row by its groups, with its own n where asked."""
    columns = [[word(key, value) for value in frame[key]] for key in keys] or [["all"] * len(frame)]
    names = [", ".join(words) for words in zip(*columns, strict=True)]
    if not n:
        return names
    counted = [f" (n = {count:,})" for count in frame[n]]
    rooms = [_LABEL - len(suffix) for suffix in counted]
    return [name + suffix for name, suffix in zip(cut_apart(names, rooms), counted, strict=True)]


def word(key: str, value: Any) -> str:
    """Write a group's value as a person would."""
    if pd.isna(value):
        return "unknown"
    if key == "weekday":
        return _WEEKDAYS[int(value)]
    if key == "hour_of_day":
        return f"{int(value):02d}:00"
    if isinstance(value, pd.Timestamp):
        form = {"month": "%b %Y", "quarter": "%b %Y", "hour": "%d %b %Y %H:%M"}.get(
            _kind_of_period(key), "%d %b %Y"
        )
        return f"{value:{form}}"
    return in_words(str(value)) if key == "status" else str(value)


def in_words(name: str) -> str:
    """Write a column's or a status's name as people say it."""
    return {"optout": "opt-out", "optin": "opt-in"}.get(name, name.replace("_", " "))


def label_rows(ax: Axes, labels: Sequence[str]) -> None:
    """Label the rows of a horizontal picture, the first on top, long texts cut."""
    short = cut_apart(labels, [_LABEL] * len(labels))
    ax.set_yticks(range(len(short)), short, parse_math=False)
    around = max(0, 3 - len(short)) / 2  # one bar alone does not fill the picture
    ax.set_ylim(max(len(short), 1) - 0.4 + around, -0.6 - around)
    ax.tick_params(axis="y", length=0)


def cut(label: str, room: int = _LABEL) -> str:
    """Cut a long label."""
    return label if len(label) <= room else label[: room - 1] + "…"


def cut_apart(labels: Sequence[str], rooms: Sequence[int]) -> list[str]:
    """Cut long labels at their ends, or in the middle where two would read the same then."""
    whole = [drawable(label) for label in labels]
    ends = [cut(label, room) for label, room in zip(whole, rooms, strict=True)]
    twice = {end for end, names in _names_of(ends, whole).items() if len(names) > 1}
    return [
        f"{label[: room // 2]}…{label[len(label) - (room - 1) // 2 :]}"
        if end in twice and end != label
        else end
        for label, room, end in zip(whole, rooms, ends, strict=True)
    ]


def _names_of(ends: Sequence[str], whole: Sequence[str]) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for end, name in zip(ends, whole, strict=True):
        names.setdefault(end, set()).add(name)
    return names


def drawable(text: str) -> str:
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


def write_values(ax: Axes, ends: Iterable[float], words: Sequence[str]) -> None:
    """Write each bar's value behind its end, and leave room for it; the rows have their labels already."""
    places = [float(end) for end in ends]
    free = {"fc": paper(ax), "ec": "none", "pad": 0.5}  # no grid line strikes the words through
    how: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": 8.5, "bbox": free}
    for y, (end, text) in enumerate(zip(places, words, strict=True)):
        ax.annotate(text, (max(end, 0), y), xytext=(4, 0), **how)
    longest = max((len(text) for text in words), default=0)
    taken = min((longest + 3) / max(_room(ax), 1), 0.8)
    least, most = min([0, *places]), max([0, *places])
    ax.set_xlim(1.05 * least, (most - taken * least) / (1 - taken) if most or least else 1)


def whole_numbers(axis: Any) -> None:
    """Label an axis of counts, whose numbers have no parts."""
    axis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def need_one_account(helper: str, frame: pd.DataFrame) -> None:
    """Raise UsageError if a frame holds rows of several accounts, which would be drawn over each other."""
    if "account" in frame.columns and frame["account"].nunique() > 1:
        raise UsageError(
            f"plots.{helper}: the frame has rows of several accounts: draw one at a time, such as "
            f"frame[frame['account'] == {frame['account'].iloc[0]!r}]."
        )


def by_account_and_id(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Name lists of several accounts by account and id, since two accounts may use the same."""
    if "account" not in frame.columns:
        return frame
    whole = {name: frame["account"] + ", " + frame[name].astype("str") for name in columns}
    return frame.drop(columns="account").assign(**whole)


def list_names(ids: Iterable[int], names: Mapping[int, str] | None) -> list[str]:
    """Name lists, by their ids where no names are known."""
    known = [(drawable(str((names or {}).get(list_id, list_id))), list_id) for list_id in ids]
    seen = Counter(name for name, _ in known)
    return [f"{name} ({list_id})" if seen[name] > 1 else name for name, list_id in known]


def percent_axis(axis: Any) -> None:
    """Label an axis of shares in percent."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(100 * value, 2):g}%"))
    axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))


def within_shares(ax: Axes, *, upright: bool) -> None:
    """Leave off what no share can be: below 0% and above 100%, but for the marks that stand there."""
    low, high = ax.get_ylim() if upright else ax.get_xlim()
    edge = 0.06 * min(high - low, 1)
    fitted = (max(low, -edge), min(high, 1 + edge)) if _drawn(ax) else (0, 1)
    (ax.set_ylim if upright else ax.set_xlim)(*fitted)


def date_axis(ax: Axes, period: str = "day", places: pd.Series | None = None) -> None:
    """Label the axis of time, as short as it can be understood; a single period has room on both sides.

    Few quarters or years, where `places` are given, are labelled each; without data there is no time.
    """
    first, last = ax.dataLim.intervalx
    if not np.isfinite([first, last]).all():
        ax.set_xticks([])
        return
    if last - first < lasting(period):
        ax.set_xlim(first - 2 * lasting(period), last + 2 * lasting(period))
    if places is not None and _kind_of_period(period) in ("quarter", "year") and 0 < len(places) <= 8:
        calendar = _kind_of_period(period) == "year" and (places.dt.day_of_year == 1).all()
        ax.set_xticks(list(places), [f"{place:%Y}" if calendar else f"{place:%b %Y}" for place in places])
        return
    locator = mdates.AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    short = mdates.ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]
    short.formats[2] = "%d %b"  # a day says its month: a picture of one week has no tick that would
    ax.xaxis.set_major_formatter(short)


def clock_axis(ax: Axes, seconds: pd.Series) -> None:
    """Make a logarithmic axis of times that people count in."""
    known = seconds.dropna()
    low, high = (float(known.min()), float(known.max())) if len(known) else (1.0, 60.0)
    ax.set_xscale("log")
    left, right = max(0.8, low / 1.5), max(high, 2.0) * 1.5
    while sum(left <= at <= right for at in _CLOCK) < 3:  # a clock with one tick tells no time
        left, right = max(0.8, left / 2), right * 2
    ax.set_xlim(left, right)
    ticks: dict[float, str] = {}
    for at, name in _CLOCK.items():
        # A label takes a fourteenth of the axis.
        near = ticks and math.log(at / max(ticks)) < math.log(right / left) / 14
        if left <= at <= right and not near:
            ticks[at] = name
    ax.set_xticks(list(ticks), list(ticks.values()))
    ax.xaxis.set_minor_formatter(NullFormatter())
