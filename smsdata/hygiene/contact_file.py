"""A file of contacts from elsewhere: its encoding, its separator, its columns of phone numbers, its lines.

Owns how such a file is read, whoever wrote it. Imports of smsdata only `errors` and `schema` and, within
 hygiene, contact_countries.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NoReturn

from smsdata.errors import UsageError
from smsdata.hygiene.contact_countries import country_column, region_named
from smsdata.schema.number_spellings import looks_like_number, read_number

SAMPLE = 1_000
"""How many lines decide what a file looks like."""

_SEPARATORS = (",", ";", "\t", "|")
_NAMED = re.compile(
    r"msisdn|mobile|phone|handset|whatsapp|(?:^|[\W_])(?:cell|tel|sms|mob|number to|number)(?:$|[\W_])", re.I
)
_PLAINLY_NAMED = {"msisdn", "mobile", "phone", "cell", "tel", "number", "phone number", "mobile number"}
_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
_NO_CELL = "\0"
"""Stands for a cell that a line is too short to have."""


@dataclass(frozen=True)
class ContactFile:
    """A file, how it is to be read, and where its phone numbers stand."""

    path: Path
    encoding: str
    separator: str
    named: bool
    columns: dict[str, int]
    country: tuple[str, int] | None = None
    """Name and place of the column that names a country for each line, where there is one."""

    def lines(self) -> Iterator[tuple[int, list[str], str]]:
        """Give each line's number, from 1, the text of its cells in the order of `columns`, and its country.

        Raises
        ------
        UsageError
            When the file cannot be read to its end.
        """
        rows = _rows(self.path, self.encoding, self.separator)
        if self.named:
            next(rows, None)
        for line, row in rows:
            cells = [row[at] if at < len(row) else _NO_CELL for at in self.columns.values()]
            of = row[self.country[1]] if self.country and self.country[1] < len(row) else ""
            yield line, cells, of.strip()


def contact_file(path: Path, country: str | None, column: str | None = None) -> ContactFile:
    """Look at the beginning of a file and tell how it is read; `column` is a name, or a place from 1.

    Raises
    ------
    UsageError
        When the file cannot be read, has no such column, or none that looks like phone numbers.
    """
    encoding = _encoding(path)
    separator = _separator(path, encoding)
    sample = [row for _, row in islice(_rows(path, encoding, separator), SAMPLE)]
    if not sample:
        return ContactFile(path, encoding, separator, False, {})
    named = not any(looks_like_number(cell) for cell in sample[0])
    names = _names(sample[0], named, max(map(len, sample)))
    rows = sample[1:] if named else sample
    place = country_column(names, rows) if named else None
    if column is not None:
        chosen = [_place(column, names, path)]
    else:
        chosen = _phone_columns(names, rows, named, _usual_country(rows, place) or country)
    if not chosen:
        has = ", ".join(names)
        raise UsageError(
            f"{path}: no column looks like phone numbers; it has: {has}. Name one with --column."
        )
    chosen = [at for at in chosen if at != place] or chosen
    of = None if place is None else (names[place], place)
    return ContactFile(path, encoding, separator, named, {names[at]: at for at in chosen}, of)


def _usual_country(rows: list[list[str]], place: int | None) -> str | None:
    """The country that most lines name."""
    if place is None:
        return None
    named = Counter(region for row in rows if place < len(row) and (region := region_named(row[place])))
    return named.most_common(1)[0][0] if named else None


def _encoding(path: Path) -> str:
    """Told by the mark at the beginning, by zero bytes, or by trying UTF-8; else that of old spreadsheets."""
    try:
        if path.is_char_device() or path.is_block_device() or path.is_fifo():
            raise UsageError(f"{path} is a device or a pipe, not a file of contacts: save them in one.")
        with path.open("rb") as file:
            head = file.read(4_096)
            if head.startswith(b"PK\x03\x04"):
                raise UsageError(f"{path} is a workbook or archive; save it as CSV first.")
            marked = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
            if marked is not None:
                return marked
            for zeros, encoding in ((head[1::2].count(0), "utf-16-le"), (head[::2].count(0), "utf-16-be")):
                if zeros > len(head) // 4:
                    return encoding
            file.seek(0)
            # Digits and separators are the same in every encoding that is not UTF-16.
            return "utf-8" if _is_utf8(file) else "cp1252"
    except OSError as error:
        _refuse(path, error)


def _is_utf8(file: BinaryIO) -> bool:
    try:
        for line in file:
            line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _separator(path: Path, encoding: str) -> str:
    """The separator by which most lines at the beginning have the same number of cells, the most of them."""
    try:
        with path.open(newline="", encoding=encoding) as file:
            first = file.readline(64).strip()
    except (OSError, UnicodeError) as error:
        _refuse(path, error)
    if first.lower().startswith("sep=") and len(first) == 5:  # a spreadsheet's own word for it
        return first[4]
    best, separator = (0.0, 0), ","
    for tried in _SEPARATORS:
        try:
            widths = [len(row) for _, row in islice(_rows(path, encoding, tried), SAMPLE)]
        except UsageError:
            continue  # quotes do not fit this one
        usual = max(set(widths), key=widths.count, default=1)
        score = (widths.count(usual) / max(len(widths), 1), usual)
        if usual > 1 and score > best:
            best, separator = score, tried
    return separator


def _rows(path: Path, encoding: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Lines with cells, and where each begins: a cell in quotes may go on for several."""
    begins = 1
    try:
        with path.open(newline="", encoding=encoding, errors="strict") as file:
            reader = csv.reader(file, delimiter=separator, strict=True)
            for row in reader:
                skipped = begins == 1 and len("".join(row)) <= 5 and "".join(row).lower().startswith("sep=")
                if any(row) and not skipped:
                    yield begins, row
                begins = reader.line_num + 1
    except (OSError, UnicodeError, csv.Error) as error:
        _refuse(path, error, begins)


def _refuse(path: Path, error: Exception, line: int = 1) -> NoReturn:
    if isinstance(error, FileNotFoundError):
        raise UsageError(f"there is no file {path}.") from None
    where = f" from line {line:,}" if isinstance(error, csv.Error) else ""
    hint = " A quote may not be closed." if where else ""
    raise UsageError(f"{path} cannot be read as CSV{where} ({type(error).__name__}).{hint}") from None


def _names(head: list[str], named: bool, width: int) -> list[str]:
    """A name for each column, no two the same."""
    names: list[str] = []
    for at in range(width):
        name = head[at].strip() if named and at < len(head) else ""
        names.append(
            name if name and name not in names else f"{name} {at + 1}" if name else f"column {at + 1}"
        )
    return names


def _place(column: str, names: list[str], path: Path) -> int:
    for at, name in enumerate(names):
        if name.casefold() == column.strip().casefold():
            return at
    if column.isdecimal() and 1 <= int(column) <= len(names):
        return int(column) - 1
    raise UsageError(f"{path} has no column {column!r}; it has: {', '.join(names)}.")


def _phone_columns(names: list[str], rows: list[list[str]], named: bool, country: str | None) -> list[int]:
    """The columns whose name says phone, and those where most cells are surely numbers.

    Digits that could be numbers, such as those of a customer, count only where no column is better.
    """
    cells = [[row[at] for row in rows if at < len(row) and row[at].strip()] for at in range(len(names))]
    by_name = [at for at, name in enumerate(names) if named and _is_named(name, cells[at])]
    surely = [at for at, of_one in enumerate(cells) if _share(of_one, country) >= 0.5]
    if by_name or surely:
        return sorted({*by_name, *surely})
    return [
        at
        for at, of_one in enumerate(cells)
        if of_one and sum(map(looks_like_number, of_one)) * 2 >= len(of_one)
    ]


def _is_named(name: str, cells: list[str]) -> bool:
    """Whether a column is called a phone and holds some; "phone_type" and "customer_number" hold none."""
    words = re.sub(r"[\W_]+", " ", name).strip().casefold()
    if words in _PLAINLY_NAMED:
        return True
    if words.endswith("number") and not re.search(r"mob|phone|cell|tel|sms|whatsapp|msisdn", words):
        return False
    return _NAMED.search(name) is not None and (not cells or any(map(looks_like_number, cells)))


def _share(cells: list[str], country: str | None) -> float:
    """The share of cells that are numbers in full, written as such or of eleven digits and more."""
    if not cells:
        return 0.0
    full = [
        c
        for c in cells
        if looks_like_number(c) and (c.strip()[:1] in "+0(" or sum(map(str.isdigit, c)) >= 11)
    ]
    return sum(read_number(cell, country)[0] is not None for cell in full) / len(cells)
