"""Files of text beside the store, without somebody: JSON and CSV row by row, of other texts the number alone.

Imports `json_files` and `store.forgotten`.
"""

from __future__ import annotations

import csv
import io
import re
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import PurePath

from smsdata.forgetting.json_files import is_json, json_left
from smsdata.store.forgotten import WHOSE, Forgotten, column_named

_HEAD = 65_536
_ROWS = frozenset({".csv", ".tsv"})
_TEXTS = _ROWS | {".txt", ".log", ".md", ".html", ".htm", ".json", ".jsonl", ".ndjson", ".xml"}
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"wOFF", b"wOF2", b"OTTO")
"""How pictures and fonts begin, which hold no whole numbers of anybody."""
_BEGINS = re.compile(r"\ufeff?(?:sep=(.)\r?\n)?")
"""What may stand before the head of a table: a mark of the encoding, and what parts its cells."""
_ONLY_STAND_IN = re.compile(r"forgotten-[a-p]+")
_FOR_MACHINES = re.compile(r"[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f]")
"""Signs that no text has (tabs, ends of lines and pages, and colours of terminals it may): lengths, zeros."""
WHOLE, NUMBER, LEFT = "rewritten", "number only", "left"
"""What is done with a file: all that it says of the person goes; the number alone, for whose row a line is
cannot be told; or nothing, for it cannot be put right."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where somebody stood in a file: the place within it, how often, what is done, and of what is left why.

    `why` says what to do too; `place` is empty for the file itself.
    """

    place: str
    count: int
    what: str
    why: str = ""


@dataclass
class Left:
    """A file without somebody: its content, None where nothing changes; and where that person stood."""

    content: bytes | None = None
    found: list[Found] = field(default_factory=list)


def without_in_text(path: PurePath, content: bytes, gone: Forgotten) -> tuple[bytes | None, int, str]:
    """A text without somebody, how often that person stood in it, what is done; None instead of no text.

    `LEFT` and a count of 0: of no known format and no text either, so nobody can tell what its bytes mean.
    """
    text, encoding = _decoded(path, content)
    left, what = _left_of(path, text, gone)
    if left == text:
        known = encoding is not None or path.suffix.lower() in _TEXTS or content.startswith(_PICTURES)
        return None, 0, what if known else LEFT
    count = max(1, left.count("forgotten-") - text.count("forgotten-"))
    return (left.encode(encoding, "surrogateescape") if encoding else None), count, what


def _decoded(path: PurePath, content: bytes) -> tuple[str, str | None]:
    """The text, and how it is written: empty if unknown, None where signs for machines stand in it."""
    text, encoding = _read_as(path, content)
    return text, None if _FOR_MACHINES.search(text) else encoding


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
    if path.suffix.lower() in _ROWS and (table := _table_of_text(text, gone)) is not None:
        return table
    made, wholly = [], True
    for records, lines in groupby(text.splitlines(keepends=True), key=is_json):
        if records:
            each = [json_left(line, gone) for line in lines]
            made += [left for left, _ in each]
            wholly &= all(whole for _, whole in each)
        else:
            words = "".join(lines)
            made.append(gone.text(words))
            wholly &= not words.strip()
    return "".join(made), WHOLE if wholly and text else NUMBER


def _table_of_text(text: str, gone: Forgotten) -> tuple[str, str] | None:
    """A table of text row by row, and what is done with it; None where no column says whose a row is.

    Where a cell says the number and another one, nobody can tell whose the row is.
    """
    begins = _BEGINS.match(text)
    told = begins[0] if begins else ""
    head_line = text[len(told) : len(told) + _HEAD].split("\n", 1)[0]
    separator = (begins and begins[1]) or max(",;\t|", key=head_line.count)
    rows = csv.reader(io.StringIO(text[len(told) :], newline=""), delimiter=separator)
    try:
        head = next(rows, [])
        names = [column_named(heading) for heading in head]
        if not set(WHOSE) & set(names) or len(set(names)) < len(names):
            return None
        before = [head, *rows]
    except csv.Error:
        return None
    made = [head, *(_row(names, row, gone) for row in before[1:])]
    if made == before:
        return text, WHOLE
    of_two = any(_says_two(names, row, left) for row, left in zip(before, made, strict=True))
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL).writerows(made)
    return told + out.getvalue(), NUMBER if of_two else WHOLE


def _says_two(names: list[str], row: list[str], left: list[str]) -> bool:
    """Whether a cell that says whose the row is had the number in it, and is more than a stand-in now."""
    cells = [(old, new) for name, old, new in zip(names, row, left, strict=False) if name in WHOSE]
    changed = [new for old, new in cells if old != new]
    return bool(changed) and not any(_ONLY_STAND_IN.fullmatch(new) for new in changed)


def _row(names: list[str], row: list[str], gone: Forgotten) -> list[str]:
    facts = dict(zip(names, row, strict=False))
    left = gone.value(facts)
    return [str(left.get(name, "")) for name in names[: len(row)]] + [
        gone.text(one) for one in row[len(names) :]
    ]
