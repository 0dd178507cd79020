"""Excel: one sheet with a frozen head, filters and widths; text stays text, instants name their zone.

Owns what Excel cannot hold and what becomes of it. Needs XlsxWriter, an extra. Imports `schema` and `errors`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from smsdata.errors import UsageError
from smsdata.schema.csv_text import guarded

MOST_ROWS = 1_048_576 - 1
"""Rows of a sheet below its head (Microsoft, Excel specifications and limits)."""

MOST_COLUMNS = 16_384
"""Columns of a sheet (the same)."""

MOST_CHARACTERS = 32_767
"""Characters of a cell, an emoji counts two (the same)."""

_EXACT = 10**15
_WIDEST = 60
_FIRST_DAY = date(1900, 3, 1)  # before it Excel has a day that never was


class XlsxWriter:
    """Writes a sheet row by row, without keeping it in memory."""

    def __init__(self, path: Path, columns: pa.Schema, name: str) -> None:
        try:
            import xlsxwriter
        except ImportError:
            raise UsageError("xlsx needs XlsxWriter: pip install 'smsdata[xlsx]', or write csv.") from None
        if len(columns) > MOST_COLUMNS:
            raise UsageError(f"{len(columns):,} columns are more than the {MOST_COLUMNS:,} of a sheet.")
        options = {"constant_memory": True, "tmpdir": str(path.parent)}
        self._failure = xlsxwriter.exceptions.FileCreateError
        self._book = xlsxwriter.Workbook(str(path), options)
        self._sheet = self._book.add_worksheet(name[:31])
        self._formats = {
            "head": self._book.add_format({"bold": True, "bottom": 1}),
            "held head": self._book.add_format({"bold": True, "bottom": 1, "quote_prefix": True}),
            "text": self._book.add_format({"num_format": "@"}),
            "held": self._book.add_format({"num_format": "@", "quote_prefix": True}),
            "instant": self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            "date": self._book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        self._heads = [head_of(column) for column in columns]
        self._widths = [len(head) + 4 for head in self._heads]
        self._writers = [self._writer_of(column.type) for column in columns]
        self._rows = 0
        self._cut = 0
        self.notes: list[str] = []
        for at, head in enumerate(self._heads):
            held = guarded(head) != head
            self._sheet.write_string(0, at, head, self._formats["held head" if held else "head"])

    def write(self, rows: pa.Table) -> None:
        """Add rows; UsageError beyond what a sheet holds."""
        refuse_more(self._rows + rows.num_rows)
        columns = [column.to_pylist() for column in rows.columns]
        for row, values in enumerate(zip(*columns, strict=True), start=self._rows + 1):
            for at, value in enumerate(values):
                if value is not None:
                    width = self._writers[at](row, at, value)
                    if width > self._widths[at]:
                        self._widths[at] = width
        self._rows += rows.num_rows

    def close(self) -> None:
        """Set widths, filters and the frozen head, and finish the file."""
        last = max(len(self._heads) - 1, 0)
        for at, width in enumerate(self._widths):
            self._sheet.set_column(at, at, min(width + 1, _WIDEST))
        self._sheet.freeze_panes(1, 0)
        self._sheet.autofilter(0, 0, self._rows, last)
        self._sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{self._rows + 1}"})
        if self._cut:
            self.notes.append(
                f"{self._cut:,} texts were cut to the {MOST_CHARACTERS:,} characters that a cell of Excel "
                "holds; csv and parquet keep them whole."
            )
        try:
            self._book.close()
        except self._failure as error:
            raise OSError(f"the workbook cannot be finished, {error}") from None

    def _writer_of(self, arrow: pa.DataType) -> Callable[[int, int, Any], int]:
        if pa.types.is_timestamp(arrow):
            return self._instant
        if pa.types.is_date(arrow):
            return self._date
        if pa.types.is_boolean(arrow):
            return self._truth
        return self._number if pa.types.is_integer(arrow) or pa.types.is_floating(arrow) else self._text

    def _text(self, row: int, at: int, value: str) -> int:
        text = cut_to_fit(value)
        self._cut += text != value
        held = guarded(text) != text
        self._sheet.write_string(row, at, text, self._formats["held" if held else "text"])
        return min(len(text), _WIDEST)

    def _number(self, row: int, at: int, value: float) -> int:
        if not math.isfinite(value) or (isinstance(value, int) and abs(value) >= _EXACT):
            return self._text(row, at, str(value))  # Excel keeps 15 digits
        self._sheet.write_number(row, at, value)
        return len(f"{value:.6g}") if isinstance(value, float) else len(str(value))

    def _truth(self, row: int, at: int, value: bool) -> int:
        self._sheet.write_boolean(row, at, value)
        return 5

    def _instant(self, row: int, at: int, value: datetime) -> int:
        if value.date() < _FIRST_DAY:
            return self._text(row, at, value.isoformat())
        self._sheet.write_datetime(row, at, value.replace(tzinfo=None), self._formats["instant"])
        return 19

    def _date(self, row: int, at: int, value: date) -> int:
        if value < _FIRST_DAY:
            return self._text(row, at, value.isoformat())
        self._sheet.write_datetime(row, at, value, self._formats["date"])
        return 10


def refuse_more(rows: int, most: int = MOST_ROWS) -> None:
    """Refuse more rows than a sheet holds."""
    if rows > most:
        raise UsageError(
            f"{rows:,} rows are more than the {most:,} that a sheet of Excel holds: narrow them with "
            "--since, --until or --where, or write csv or parquet."
        )


def head_of(column: pa.Field) -> str:
    """The head of a column: Excel's instants have no zone, so the head names it.

    >>> head_of(pa.field("sent_at", pa.timestamp("us", "UTC")))
    'sent_at (UTC)'
    """
    zone = column.type.tz if pa.types.is_timestamp(column.type) else None
    return f"{column.name} ({zone})" if zone else str(column.name)


def cut_to_fit(text: str) -> str:
    """As much of a text as a cell of Excel holds, which counts in UTF-16."""
    if len(text) * 2 <= MOST_CHARACTERS:
        return text
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MOST_CHARACTERS:
        return text
    return units[: 2 * MOST_CHARACTERS].decode("utf-16-le", errors="ignore")
