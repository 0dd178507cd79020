"""Files of text beside the store, without somebody: JSON and CSV row by row, of other texts the number alone.

In both what changes is replaced where it stands: the separator, the quotes, the ends of lines and all that
others say stay byte for byte. Imports `json_files`, `reasons` and `store.forgotten`.
"""

from __future__ import annotations

import csv
import io
import pickletools
import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath

from smsdata.forgetting.json_files import cell_left, is_json, json_left, row_left, says_two
from smsdata.forgetting.reasons import LEFT, NUMBER, WHOLE
from smsdata.store.forgotten import Forgotten, is_whose, names_of

_HEAD = 65_536
_ROWS = frozenset({".csv", ".tsv"})
_TEXTS = _ROWS | {".txt", ".log", ".md", ".html", ".htm", ".json", ".jsonl", ".ndjson", ".xml"}
_BEGINS = re.compile(r"\ufeff?(?:sep=(.)\r?\n)?")
"""What may stand before the head of a table: a mark of the encoding, and what parts its cells."""
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"wOFF", b"wOF2", b"OTTO")
"""How pictures and fonts begin, which hold no whole numbers of anybody."""
_FOR_MACHINES = re.compile(r"[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f]")
"""Signs that no text has (tabs, ends of lines and pages, and colours of terminals it may): lengths, zeros."""
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def without_in_text(path: PurePath, content: bytes, gone: Forgotten) -> tuple[bytes | None, int, str]:
    """A text without somebody, how often that person stood in it, what is done; None instead of no text.

    `LEFT` and a count of 0: of no known format and no text either, so nobody can tell what its bytes mean.
    """
    text, encoding = _read_with(path, content)
    left, what = _left_of(path, text, gone)
    if left == text:
        known = encoding is not None or path.suffix.lower() in _TEXTS or content.startswith(_PICTURES)
        return None, 0, what if known else LEFT
    count = max(1, left.count("forgotten-") - text.count("forgotten-"))
    return (left.encode(encoding, "surrogateescape") if encoding else None), count, what


def _read_with(path: PurePath, content: bytes) -> tuple[str, str | None]:
    """The text, and how it is written: empty if unknown, None where signs for machines stand in it."""
    text, encoding = _read_as(path, content)
    return text, None if _FOR_MACHINES.search(text) or _is_pickle(content) else encoding


def _is_pickle(content: bytes) -> bool:
    """Whether it is a pickle, of protocol 0 too, which is written in letters and digits."""
    if not content.endswith(b"."):
        return False
    try:
        pickletools.dis(content, out=io.StringIO())
    except (ValueError, IndexError, KeyError, EOFError, OverflowError):
        return False
    return True


def _read_as(path: PurePath, content: bytes) -> tuple[str, str]:
    wide = _wide_encoding(content)
    if wide:
        with suppress(UnicodeDecodeError):
            return content.decode(wide), wide
        return content.decode("latin-1"), ""
    try:
        return content.decode(), "utf-8"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "latin-1" if path.suffix.lower() in _TEXTS else ""


def _wide_encoding(content: bytes) -> str:
    """The encoding of a text whose characters take two bytes or four, with a mark at its start or without."""
    if content[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "utf-32"
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    head = content[:_HEAD]
    if head.count(0) * 3 < len(head) or len(content) % 2:
        return ""
    return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"


def _left_of(path: PurePath, text: str, gone: Forgotten) -> tuple[str, str]:
    if is_json(text):
        left, whole = json_left(text, gone)
        return left, WHOLE if whole else NUMBER
    if path.suffix.lower() in _ROWS and (table := table_left(text, gone)) is not None:
        left, whole = table
        return left, WHOLE if whole else NUMBER
    made, wholly = [], True
    for records, lines in groupby(_LINES.findall(text), key=is_json):
        if records:
            each = [json_left(line, gone) for line in lines]
            made += [left for left, _ in each]
            wholly &= all(whole for _, whole in each)
        else:
            words = "".join(lines)
            made.append(gone.text(words))
            wholly &= not words.strip()
    return "".join(made), WHOLE if wholly and text else NUMBER


# ---- tables ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _CellOfText:
    """A cell: where it stands, and what it says."""

    start: int
    end: int
    said: str


def table_left(text: str, gone: Forgotten) -> tuple[str, bool] | None:
    """A table without somebody, and whether all that it says of that person is gone; None where it is none.

    It is not where no column says whose a row is, and where a cell says the number and another one.
    """
    begins = _BEGINS.match(text)
    start = begins.end() if begins else 0
    head_line = text[start : start + _HEAD].split("\n", 1)[0]
    separator = (begins and begins[1]) or max(",;\t|", key=head_line.count)
    rows = _cells_of(text, start, separator)
    if not rows or not rows[0]:
        return None
    names = names_of(cell.said for cell in rows[0])
    whole = any(map(is_whose, names))
    if not whole and any(len(row) != len(names) for row in rows if row[0].said or len(row) > 1):
        return None
    made, at = [], 0
    for row in rows:
        facts = dict(zip(names, (cell.said for cell in row), strict=False))
        left = row_left(facts, gone) if row is not rows[0] else {}
        whole &= row is rows[0] or not says_two(facts, gone)
        for cell, name in zip(row, names + [""] * len(row), strict=False):
            new = left[name] if name in left else str(cell_left(cell.said, "", gone))
            if new != cell.said:
                made += [text[at : cell.start], _quoted_as(new, text[cell.start : cell.end], separator)]
                at = cell.end
    return "".join([*made, text[at:]]), whole


def _cells_of(text: str, start: int, separator: str) -> list[list[_CellOfText]] | None:
    """The cells of each line, as the `csv` module of Python reads them; None where it reads other ones."""
    by = re.escape(separator)
    scan = re.compile(rf'("(?:[^"]|"")*(?:"|\Z))?([^{by}\r\n]*)({by}|\r\n|\n|\r|\Z)')
    rows: list[list[_CellOfText]] = [[]]
    at = start
    while at < len(text):
        cell = scan.match(text, at)
        if cell is None:
            return None
        quoted = (cell[1] or "").removeprefix('"').removesuffix('"').replace('""', '"')
        rows[-1].append(_CellOfText(cell.start(), cell.end(2), quoted + cell[2]))
        at = cell.end()
        if cell[3] == separator and at == len(text):
            rows[-1].append(_CellOfText(at, at, ""))
        elif cell[3] != separator and at < len(text):
            rows.append([])
    try:
        read = csv.reader(io.StringIO(text[start:], newline=""), delimiter=separator)
        same = all(
            told == [cell.said for cell in row] or (not told and [cell.said for cell in row] == [""])
            for told, row in zip(read, rows, strict=True)
        )
    except (csv.Error, ValueError):
        return None
    return rows if same else None


def _quoted_as(value: str, before: str, separator: str) -> str:
    """A cell as it is written, with quotes where it had them or needs them."""
    quoted = before.startswith('"') or any(sign in value for sign in (separator, '"', "\r", "\n"))
    return '"' + value.replace('"', '""') + '"' if quoted else value
