"""Workbooks of Excel (xlsx) without somebody: rows of sheets are put right as those of any table.

A workbook is a zip of XML parts. What changes is replaced where it stands, so that all else stays as it was:
a text becomes one of its cell, and shared texts that no cell uses any more are emptied. Imports `json_files`,
`reasons` and `store.forgotten`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any
from xml.sax.saxutils import escape

from smsdata.forgetting.json_files import plain_left, row_left, says_two
from smsdata.forgetting.reasons import NUMBER, WHOLE
from smsdata.store.forgotten import Forgotten, is_whose, names_of

_SHEETS = re.compile(r"xl/worksheets/[^/]+\.xml")
_SHARED = "xl/sharedStrings.xml"
_ROW = re.compile(r"<((?:\w+:)?)row\b[^>]*?(?<!/)>(.*?)</\1row>", re.DOTALL)
_CELL = re.compile(r"<((?:\w+:)?)c\b([^>]*?)(?:/>|>(.*?)</\1c>)", re.DOTALL)
_ITEM = re.compile(r"<((?:\w+:)?)si\b[^>]*?(?:/>|>(.*?)</\1si>)", re.DOTALL)
_TEXT = re.compile(r"<(?:\w+:)?t\b[^>]*?(?:/>|>(.*?)</(?:\w+:)?t>)", re.DOTALL)
_SOUND = re.compile(r"<((?:\w+:)?)rPh\b.*?</\1rPh>", re.DOTALL)
_VALUE = re.compile(r"<(?:\w+:)?v\b[^>]*>(.*?)</(?:\w+:)?v>", re.DOTALL)
_FORMULA = re.compile(r"<(?:\w+:)?f\b[^>]*?(?:/>|>.*?</(?:\w+:)?f>)", re.DOTALL)
_KIND = re.compile(r"\st=[\"'](\w+)[\"']")
_PLACE = re.compile(r"\sr=[\"']([A-Z]+)[0-9]+[\"']")
_TITLE = re.compile(r"<(?:\w+:)?sheet\b[^>]*?\sname=[\"']([^\"']*)[\"']")
_LONGEST_TITLE = 31
_ZONE = re.compile(r"\s*\([^)]*\)\s*$")

Left = tuple[bytes, int, str]
"""What is left of a part, how often somebody stood in it, and what was done."""


def is_workbook(names: list[str]) -> bool:
    """Whether the parts of a zip are those of a workbook whose sheets are XML."""
    return "xl/workbook.xml" in names


def is_rows(name: str) -> bool:
    """Whether a part of a workbook holds a sheet, or the texts of its sheets."""
    return name == _SHARED or _SHEETS.fullmatch(name) is not None


def sheets_without(parts: Mapping[str, bytes], gone: Forgotten) -> dict[str, Left]:
    """The sheets and shared texts of a workbook in which somebody stands, without that person."""
    shared = _shared_texts(parts.get(_SHARED, b"").decode())
    book = _Book(gone, shared)
    sheets = {name: content.decode() for name, content in parts.items() if _SHEETS.fullmatch(name)}
    made = {name: book.sheet(text) for name, text in sheets.items()}
    left = {name: (text, *book.told[name_at]) for name_at, (name, text) in enumerate(made.items())}
    changed = {
        name: (text.encode(), count, what)
        for name, (text, count, what) in left.items()
        if text != sheets[name]
    }
    if _SHARED in parts:
        text, count = book.shared_left(parts[_SHARED].decode(), made.values())
        if text.encode() != parts[_SHARED]:
            changed[_SHARED] = (text.encode(), count, WHOLE)
    return changed


def titles_that_fit(book: str) -> dict[str, str]:
    """By each title of a sheet that is longer than a workbook may have it, as XML has it, a shorter one.

    >>> titles_that_fit('<sheet name="to forgotten-abcdefghijklmnopabcdefgh" sheetId="1"/>')
    {'to forgotten-abcdefghijklmnopabcdefgh': 'to forgotten-abcdefghijklmnopab'}
    """
    titles = [unescape(one) for one in _TITLE.findall(book)]
    used, shorter = {one.lower() for one in titles}, {}
    for title in titles:
        if len(title) > _LONGEST_TITLE:
            ends = ("", *(f"~{number}" for number in range(2, len(titles) + 2)))
            short = next(
                one for end in ends if (one := title[: _LONGEST_TITLE - len(end)] + end).lower() not in used
            )
            used.add(short.lower())
            shorter[escape(title, {'"': "&quot;"})] = escape(short, {'"': "&quot;"})
    return shorter


def _shared_texts(text: str) -> list[str]:
    return [_run_together(item[2] or "") for item in _ITEM.finditer(text)]


def _run_together(item: str) -> str:
    """A text that may stand in runs of their own formats, without the hints of how it sounds."""
    return unescape("".join(one[1] or "" for one in _TEXT.finditer(_SOUND.sub("", item))))


class _Book:
    """The sheets of one workbook, one after the other."""

    def __init__(self, gone: Forgotten, shared: list[str]) -> None:
        self._gone = gone
        self._shared = shared
        self.told: list[tuple[int, str]] = []

    def sheet(self, text: str) -> str:
        """A sheet without somebody; `told` gets in how many rows that person stood."""
        self._names: dict[str, str] | None = None
        self._count, self._what = 0, WHOLE
        made = _ROW.sub(self._row, text)
        head, rows, rest = _around_rows(made)
        outside = self._gone.text(head), self._gone.text(rest)
        if outside != (head, rest):
            self._count += 1
        self.told.append((self._count, self._what))
        return outside[0] + rows + outside[1]

    def _row(self, row: re.Match[str]) -> str:
        cells = list(_CELL.finditer(row[2]))
        columns = _columns_of(cells)
        values = {column: self._value(one) for column, one in zip(columns, cells, strict=True)}
        if self._names is None:
            self._names = _names_of(values)
        names = [self._names.get(column, column) for column in columns]
        facts = dict(zip(names, values.values(), strict=True))
        left = row_left(facts, self._gone)
        if left == facts and not any(self._formula_left(one) for one in cells):
            return row[0]
        self._count += 1
        if says_two(facts, self._gone) or (left != facts and not any(map(is_whose, facts))):
            self._what = NUMBER
        there = iter(names)
        made = _CELL.sub(lambda one: self._cell(one, next(there), facts, left), row[2])
        return row[0].replace(row[2], made, 1)

    def _cell(self, cell: re.Match[str], name: str, facts: Mapping[str, Any], left: Mapping[str, Any]) -> str:
        new = left.get(name, "")
        if new == facts[name]:
            return self._formula_left(cell) or cell[0]
        plain, prefix = _KIND.sub("", cell[2]), cell[1]
        if new in ("", None):
            return f"<{prefix}c{plain}/>"
        text = escape(str(new))
        inner = f'<{prefix}is><{prefix}t xml:space="preserve">{text}</{prefix}t></{prefix}is>'
        return f'<{prefix}c{plain} t="inlineStr">{inner}</{prefix}c>'

    def _formula_left(self, cell: re.Match[str]) -> str:
        """A cell whose formula names somebody, as the value that it had; empty where it names nobody."""
        formula = _FORMULA.search(cell[3] or "")
        if formula is None or self._gone.text(unescape(formula[0])) == unescape(formula[0]):
            return ""
        return f"<{cell[1]}c{_KIND.sub('', cell[2])}/>"

    def _value(self, cell: re.Match[str]) -> Any:
        kind, body = _KIND.search(cell[2]), cell[3] or ""
        if kind is not None and kind[1] == "inlineStr":
            return _run_together(body)
        written = _VALUE.search(body)
        if written is None:
            return ""
        if kind is not None and kind[1] == "s":
            return self._shared[int(written[1])]
        if kind is not None and kind[1] != "n":
            return unescape(written[1])
        number = float(written[1])
        return int(number) if number.is_integer() else number

    def shared_left(self, text: str, sheets: Any) -> tuple[str, int]:
        """The shared texts without those that no cell uses, where a sheet changed, and without the number."""
        changed_sheets = any(count for count, _ in self.told)
        used = {int(one) for sheet in sheets for one in _used_texts(sheet)}
        numbers = iter(range(len(self._shared)))
        changed = 0

        def item(one: re.Match[str]) -> str:
            nonlocal changed
            at = next(numbers)
            kept = plain_left(self._shared[at], "", self._gone) if at in used or not changed_sheets else ""
            if kept == self._shared[at]:
                return one[0]
            changed += 1
            return f'<{one[1]}si><{one[1]}t xml:space="preserve">{escape(kept)}</{one[1]}t></{one[1]}si>'

        return _ITEM.sub(item, text), changed


def _columns_of(cells: list[re.Match[str]]) -> list[str]:
    """The column of each cell; one that does not say it stands right of the one before."""
    columns, at = [], 0
    for cell in cells:
        place = _PLACE.search(cell[2])
        at = _index_of(place[1]) if place else at + 1
        columns.append(f"column {at}")
    return columns


def _index_of(letters: str) -> int:
    """The number of a column.

    >>> _index_of("A"), _index_of("AB")
    (1, 28)
    """
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _names_of(values: Mapping[str, Any]) -> dict[str, str]:
    """The names of columns as tables have them, from the first row; none where none says whose a row is.

    A first column without a heading is named too, by no letter: it says the place of each row.
    """
    names = names_of(_ZONE.sub("", str(value)) for value in values.values())
    if not any(map(is_whose, names)):
        return {}
    known = dict(zip(values, names, strict=True))
    return known if "" in names else {"column 1": ""} | known


def _around_rows(sheet: str) -> tuple[str, str, str]:
    """What stands before the rows of a sheet, the rows, and what stands behind them."""
    rows = re.search(r"<((?:\w+:)?)sheetData\b[^>]*?(?<!/)>.*</\1sheetData>", sheet, re.DOTALL)
    return (sheet, "", "") if rows is None else (sheet[: rows.start()], rows[0], sheet[rows.end() :])


def _used_texts(sheet: str) -> Iterator[str]:
    for cell in _CELL.finditer(sheet):
        kind = _KIND.search(cell[2])
        if kind is not None and kind[1] == "s" and (written := _VALUE.search(cell[3] or "")):
            yield written[1]
