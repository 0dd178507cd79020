"""What a page is made of: headline numbers, tables, pictures, sections; and how people are masked.

Imports `schema.number_runs`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from smsdata.schema.number_runs import with_numbers_masked

_MOST_TEXT = 160
_MOST_LINE = 1000
_OURS = re.compile(
    r"(?<![\d+\-])20\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?(?:[+-][01]\d:\d\d|Z)?)?(?![\d\-])"
    r"|(?<=[a-z]_id=)\d{1,10}(?!\d)"
    r"|(?<![\d,.+])\d{1,2}(?:,\d{3}){2}(?= [a-z]|, expected|\. )"
)
"""What our lines say that looks like a number: instants, ids of the gateway, counts."""
_NOT_JUDGED = "cannot be judged: too few numbers or days"


@dataclass(frozen=True)
class Headline:
    """A number at the top of the page: what it is, out of how many, and what changed."""

    name: str
    value: str
    of: str
    change: str = ""
    verdict: str = ""


@dataclass(frozen=True)
class PageColumn:
    """A column of a table on the page; `kind` is that of its cells, numbers stand at the right."""

    name: str
    kind: str = "text"

    @property
    def numeric(self) -> bool:
        """Whether it is sorted by value."""
        return self.kind not in {"text", "word"}

    @property
    def look(self) -> str:
        """The class of its cells in the style sheet."""
        return "number" if self.numeric else self.kind


@dataclass(frozen=True)
class Cell:
    """What a cell shows and what it is sorted by."""

    text: str
    key: str = ""


@dataclass(frozen=True)
class PageTable:
    """A table on the page; `note` says what is left out, or why it is empty."""

    caption: str
    columns: tuple[PageColumn, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture: SVG of ours, and its words for whoever cannot see it."""

    svg: str
    words: str


@dataclass
class Section:
    """One question of the page: what was found, and how it was computed."""

    name: str
    title: str
    lines: list[str] = field(default_factory=list)
    tables: list[PageTable] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    how: list[str] = field(default_factory=list)
    headlines: list[Headline] = field(default_factory=list)
    look: list[str] = field(default_factory=list)


def masked_number(number: Any) -> str:
    """A person's number for a page that is handed on: its last two digits.

    >>> masked_number("61491570156")
    '\N{HORIZONTAL ELLIPSIS}56'
    """
    return f"…{str(number)[-2:]}"


def masked_text(text: Any, most: int = _MOST_TEXT) -> str:
    """A text of somebody else: numbers in it masked, what turns or hides text named, cut to a line or two.

    >>> masked_text("call 0491 570 156 now"), masked_text("[0491] 570|1⁵⁶")
    ('call …56 now', '[…56')
    """
    return _cut(with_numbers_masked(_seen(text), masked_number), most)


def masked_line(line: str) -> str:
    """A line of ours, which may name texts of others: its instants, ids and counts stay, no other number.

    >>> masked_line("the run of 2026-11-27T00:00:00+00:00 failed: 0491 570 156, of 1,234,567 rows")
    'the run of 2026-11-27T00:00:00+00:00 failed: …56, of 1,234,567 rows'
    """
    made, at, seen = [], 0, _seen(line)
    for ours in _OURS.finditer(seen):
        made += [with_numbers_masked(seen[at : ours.start()], masked_number), ours[0]]
        at = ours.end()
    return _cut("".join([*made, with_numbers_masked(seen[at:], masked_number)]), _MOST_LINE)


def _seen(text: Any) -> str:
    plain = "" if text is None or text != text else str(text)
    return "".join(one if one.isprintable() else " " if one.isspace() else "\ufffd" for one in plain)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def page_cell(value: Any, kind: str = "text") -> Cell:
    """Make a cell: "text", "word" (in one line), "count", "rate" in percent, "money" with two decimals."""
    if value is None or value != value or str(value) in {"<NA>", "NaT"}:
        return Cell("-", "")
    if kind in {"text", "word"}:
        return Cell(str(value), str(value).casefold())
    number = float(value)
    shown = {"count": f"{number:,.0f}", "rate": percent(number), "money": f"{number:,.2f}"}[kind]
    return Cell(shown, repr(number))


def percent(share: Any) -> str:
    """A share in percent; "-" where there is none."""
    return "-" if share is None or share != share else f"{100 * float(share):.1f}%"


def money_shown(amount: float, places: int = 2) -> str:
    """An amount; in words where it is not known."""
    return "not known" if amount != amount else f"{amount:,.{places}f}"


def interval_text(low: Any, high: Any) -> str:
    """An interval in percent."""
    return "-" if low != low or high != high else f"{100 * float(low):.1f} to {100 * float(high):.1f}%"


def change_of_count(now: float, before: float, places: int = 0) -> str:
    """A count or an amount against that of the period before.

    >>> change_of_count(12, 1_000)
    '-988 against 1,000 before'
    """
    return f"{now - before:+,.{places}f} against {before:,.{places}f} before"


def change_of_rate(row: Any, shown: Any) -> tuple[str, str]:
    """A rate against that of the period before, and whether the change is more than chance.

    `row` is one of a helper that compares: rate, baseline_rate, difference, low, high, differs, interval.
    Its rate is that of messages older than 73 hours; where the one `shown` beside it is another, it is told.
    """
    if row["difference"] != row["difference"]:
        return "not compared", _NOT_JUDGED
    points, before = f"{100 * row['difference']:+.1f} points", f"{percent(row['baseline_rate'])} before"
    change = f"{points} against {before}"
    if percent(row["rate"]) != percent(shown):
        change = f"of those older than 73 hours: {percent(row['rate'])} against {before}, {points}"
    if row["low"] != row["low"]:
        return change, _NOT_JUDGED
    verdict = "more than chance" if row["differs"] else "may be chance"
    few = ", of few numbers or days" if "few" in str(row["interval"]) else ""
    return change, f"{verdict} (95%: {100 * row['low']:+.1f} to {100 * row['high']:+.1f} points{few})"


def side(frame: Any, which: str) -> Any:
    """The row of a period in a result by `reported`; None where it has none."""
    rows = frame[frame["reported"] == which]
    return None if rows.empty else rows.iloc[0]


def table_of_frame(
    caption: str, frame: Any, columns: Sequence[tuple[str, str, str]], *, most: int = 25, note: str = ""
) -> PageTable:
    """Make a table of a frame's first rows; `columns` are its column, the heading, and the kind of cell."""
    rows = tuple(
        tuple(page_cell(value, kind) for value, (_, _, kind) in zip(row, columns, strict=True))
        for row in frame[[name for name, *_ in columns]].head(most).itertuples(index=False)
    )
    more = f"{len(frame) - most:,} more are not shown." if len(frame) > most else ""
    heads = tuple(PageColumn(title, kind) for _, title, kind in columns)
    return PageTable(caption, heads, rows, " ".join(part for part in (note, more) if part))
