"""What the search of a receipt reads a number as: a phone's, or one that may as well be an id or a price.

In tables and records, whole numbers that stand alone in a column which does not say a phone number get a mark
before them. Digits of a number without its country code do not count behind one; all others do. Fractions and
negative numbers are nobody's. Shares no line with what takes numbers out, and imports nothing of smsdata.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from functools import reduce
from html import unescape
from pathlib import PurePath
from typing import Any

MARK = "\x01"
"""Stands before a number that may be anything: a sign that no text has, and that parts what is around it."""
_OF_PEOPLE = ("msisdn", "mobile", "number", "phone", "message", "response", "original_message")
_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{0,25})?(?:[eE][+-]?[0-9]{1,2})?")
_WORTH_IT = re.compile("[0-9]{7}")
_SIGN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_RUN = re.compile(rb"(?<![0-9])(?=[0-9]{7})")
_BEGINS = re.compile(rb"(?=[{\[]|(?<![0-9.])-?[0-9][0-9.]{6})")


def of_people(name: str) -> bool:
    """Whether a column of that name says whose number a row has, or holds the texts of messages."""
    return "_".join(re.findall("[a-z0-9]+", name.lower())) in _OF_PEOPLE


def as_searched(name: str, value: Any) -> str:
    """A value of a column as it is searched.

    >>> as_searched("order_no", 491570156) == MARK + "491570156", as_searched("phone", 491570156.0)
    (True, '491570156')
    >>> as_searched("share", -0.491570156) == MARK, as_searched("note", "call 491570156")
    (True, 'call 491570156')
    """
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, dict | list | tuple):
        return _json_marked(json.dumps(value, default=str), of_people(name))
    if isinstance(value, str):
        return _text_marked(value, of_people(name)) if _WORTH_IT.search(value) else value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _number_marked(str(value), of_people(name))
    return str(value)


def marked(path: PurePath, content: bytes, bare: re.Pattern[bytes]) -> bytes:
    """JSON, lines of it, and tables of text, with marks where they are needed; any other content as it is."""
    text = _as_letters(content)
    if text is None or not bare.search(text.encode(errors="replace")):
        return content
    made = _json_or_none(text, whose=False)
    if made is None and path.suffix.lower() in (".csv", ".tsv"):
        made = _table(text)
    if made is None:
        lines = (_json_or_none(line, whose=False) or line for line in _LINE.findall(text))
        made = "".join(lines)
    return content if made == text else made.encode(errors="replace")


def marked_runs(content: bytes) -> bytes:
    """Bytes of rows whose values are searched one by one too, with a mark before each run of digits."""
    return _RUN.sub(MARK.encode(), content)


def marked_page(page: bytes, bare: re.Pattern[bytes]) -> bytes:
    """A page of texts, each behind its length, with marks in those that are a number or JSON."""
    made, at = [], 0
    if not bare.search(page):
        return page
    for begin in (one.start() for one in _BEGINS.finditer(page)):
        for length in _lengths_before(page, begin) if begin >= at else ():
            value = page[begin : begin + length] if begin + length <= len(page) else b""
            if not bare.search(value):
                continue
            left = _text_marked(value.decode("latin-1"), whose=False).encode("latin-1", errors="replace")
            if left != value:
                made += [page[at:begin], left]
                at = begin + length
                break
    return b"".join([*made, page[at:]])


def _lengths_before(page: bytes, begin: int) -> Iterator[int]:
    """What may be the length of a text, as Parquet writes it before one: in four bytes or fewer."""
    yield int.from_bytes(page[max(begin - 4, 0) : begin], "little")
    length = 0
    for one in page[max(begin - 4, 0) : begin][::-1]:
        length = length << 7 | one & 127
        yield length


_SHARED, _SHEET = "xl/sharedStrings.xml", re.compile(r"xl/worksheets/[^/]+\.xml")
_OF_SHEET = re.compile(r"<(?:\w+:)?(row|c)\b([^>]*?)(?:/>|>)|<(?:\w+:)?[vt]\b[^>]*>([^<]*)<")
_PLAIN = re.compile(r"(<(?:\w+:)?[vt]\b[^>]*>)([^<]{7,})(?=<)")


def is_part_of_rows(name: str) -> bool:
    """Whether a part of a workbook holds a sheet, or texts of sheets."""
    return name == _SHARED or _SHEET.fullmatch(name) is not None


def workbook_marked(parts: dict[str, bytes]) -> dict[str, bytes]:
    """The sheets and shared texts of a workbook with marks; under no name its columns of people's numbers."""
    made = {
        name: _PLAIN.sub(lambda one: one[1] + _xml_marked(one[2]), part.decode()).encode()
        for name, part in parts.items()
    }
    shared = re.findall(r"<(?:\w+:)?si\b.*?</(?:\w+:)?si>", parts.get(_SHARED, b"").decode(), re.DOTALL)
    texts = [re.sub("<[^>]*>", "", one) for one in shared]
    sheets = [part.decode() for name, part in parts.items() if _SHEET.fullmatch(name)]
    made[""] = "\n".join(one for sheet in sheets for one in _of_people_in(sheet, texts)).encode()
    return made


def _xml_marked(written: str) -> str:
    value = unescape(written)
    new = _text_marked(value, whose=False)
    return written if new == value else new.replace("<", "&lt;")


def _of_people_in(sheet: str, texts: list[str]) -> Iterator[str]:
    """What a sheet says in the columns that say a phone number, by its first row."""
    row, column, kind, columns = 0, 0, "", set[int]()
    for piece in _OF_SHEET.finditer(sheet):
        if piece[1] == "row":
            row, column = row + 1, 0
        elif piece[1] == "c":
            place = re.search(r"\br=[\"']([A-Z]+)", piece[2])
            column = _column_number(place[1]) if place else column + 1
            told = re.search(r"\bt=[\"'](\w+)", piece[2])
            kind = told[1] if told else ""
        else:
            said = texts[int(piece[3])] if kind == "s" else piece[3]
            if row == 1 and of_people(re.sub(r"\([^)]*\)\s*$", "", said)):
                columns.add(column)
            if column in columns:
                yield said


def _column_number(letters: str) -> int:
    return reduce(lambda number, one: number * 26 + ord(one) - 64, letters, 0)


def _as_letters(content: bytes) -> str | None:
    wide = next((one for mark, one in _MARKS.items() if content.startswith(mark)), "utf-8")
    with suppress(UnicodeDecodeError):
        return content.decode(wide)
    return None if b"\0" in content[:4096] else content.decode("latin-1")


_MARKS = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def _text_marked(text: str, whose: bool) -> str:
    nested = _json_or_none(text, whose) if text[:1] in ("{", "[") else None
    if nested is not None:
        return nested
    return text if whose or not _NUMBER.fullmatch(text.strip()) else _number_marked(text.strip(), whose=False)


def _number_marked(written: str, whose: bool) -> str:
    """A number with its mark; of a fraction or a negative one the mark alone."""
    if not _NUMBER.fullmatch(written):
        return written
    value = Decimal(written)  # NaN is no such text
    if value < 0 or value != value.to_integral_value():
        return MARK
    plain = written if written.isdigit() else str(int(value))
    return plain if whose else MARK + plain


def _table(text: str) -> str | None:
    """A table of text, cell by cell."""
    named = re.match(r"\ufeff?(?:sep=(.)\r?\n)?", text)
    begin = named.end() if named else 0
    head = text[begin : begin + 65_536].split("\n", 1)[0]
    by = (named and named[1]) or max(",;\t|", key=head.count)
    try:
        rows = list(csv.reader(io.StringIO(text[begin:], newline=""), delimiter=by))
    except csv.Error:
        return None
    columns = [of_people(name) for name in rows[0]] if rows else []
    made = [
        by.join(_text_marked(cell, at < len(columns) and columns[at]) for at, cell in enumerate(row))
        for row in rows
    ]
    return text[:begin] + "\n".join(made)


def _json_or_none(text: str, whose: bool) -> str | None:
    begins = text.lstrip("\ufeff \t\r\n")
    if begins[:1] not in ("{", "["):
        return None
    try:
        json.loads(begins, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    return _json_marked(text, whose)


def _json_marked(text: str, whose: bool) -> str:
    """JSON with marks: below a key of people's numbers none, nor in such a column of a table."""
    made, at, where = [], 0, _Where(text, whose)
    for sign in _SIGN.finditer(text, len(text) - len(text.lstrip("\ufeff"))):
        if sign[0] in "{}[],:":
            where.goes_on(sign[0])
        else:
            made += [text[at : sign.start()], _json_value(sign[0], where.of_people(sign[0]))]
            at = sign.end()
    return "".join([*made, text[at:]])


def _json_value(written: str, whose: bool) -> str:
    if written[0] != '"':
        return _number_marked(written, whose)
    value = json.loads(written)
    new = _text_marked(value, whose)
    return written if new == value else json.dumps(new, ensure_ascii=False).replace("\\u0001", MARK)


class _Where:
    """Where in a text of JSON something stands: below which keys, in which column of a table."""

    def __init__(self, text: str, whose: bool) -> None:
        self._whose = whose
        self._open: list[tuple[str, str | int]] = []
        self._key_is_next = False
        whole = json.loads(text.lstrip("\ufeff \t\r\n"), parse_int=str, parse_float=str)
        heads = whole.get("columns") if isinstance(whole, dict) else None
        self._heads = heads if isinstance(heads, list) else []

    def goes_on(self, sign: str) -> None:
        """Take note of a sign between values."""
        if sign in "{[":
            self._open.append((sign, 0))
        elif sign in "}]":
            self._open.pop()
        elif sign == "," and self._open[-1][0] == "[":
            self._open[-1] = "[", int(self._open[-1][1]) + 1
        self._key_is_next = sign in "{," and bool(self._open) and self._open[-1][0] == "{"

    def of_people(self, written: str) -> bool:
        """Whether the value that comes is one of people's numbers; takes note of a key."""
        if self._key_is_next:
            self._open[-1] = "{", json.loads(written)
            return False
        names = [name for _, name in self._open]
        if len(names) == 3 and names[0] == "data" and isinstance(names[2], int):
            names += self._heads[names[2] : names[2] + 1]
        return self._whose or any(of_people(name) for name in names if isinstance(name, str))
