"""Frames as CSV that no spreadsheet takes for formulas. The only place where CSV is written.

Owns quoting and the guard against formulas. Imports nothing of smsdata.
"""

from __future__ import annotations

import csv
import re
import sys
import unicodedata
from functools import cache

import pandas as pd

_SIGNS = (
    "=+@\\-\u2212\u207a-\u207c\u208a-\u208c\u2a75\u2a76\ufb29\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20"
)
"""What begins a formula, with its wide, small, raised and lowered forms."""
_IN_ORDINARY_TEXT = r".!?()\[\]{}<>/\\&%$#*_"
"""Marks that stand before a sign in prose, links and amounts, and at which nobody splits a line."""
_BREAKS = r"\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029"
_QUOTES = "\"'\uff02\uff07"
_BLANK_LETTERS = "\u115f\u1160\u2400\u2800\u3164\uffa0"
"""Letters and symbols that are not seen: Hangul fillers, the picture of NUL, Braille without a dot."""
_NOT_SEEN = frozenset({"Zs", "Cf", "Cc", "Mn", "Mc", "Me"})
_CLOSER_LOOK = re.compile(rf"(?<![0-9A-Za-z])[{_SIGNS}]|[\t\r\n]")


@cache
def _guard_places() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Where a guard belongs, and where one stands.

    A sign is part of a text where a letter, a digit, another sign or an ordinary mark stands before it, with
    nothing but what is not seen between. Anything else may be where a program begins a cell. Marks on letters
    count as not seen.
    """
    breaks = re.compile(f"[{_BREAKS}]")
    unseen = "".join(
        char
        for char in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(char) in _NOT_SEEN and not breaks.match(char)
    )
    looked_through = _QUOTES + _BLANK_LETTERS + _ranges(unseen)
    begins = rf"[^\w{looked_through}{_SIGNS}{_IN_ORDINARY_TEXT}]"
    formula = rf"[{looked_through}]*[{_SIGNS}]"
    first = rf"[{looked_through}\s]*[{_SIGNS}\t\r\n]"
    bare, kept = (rf"(^(?={guard}{first})|{begins}(?={guard}{formula}))" for guard in ("", "'"))
    return re.compile(bare), re.compile(f"{kept}'")


def _ranges(characters: str) -> str:
    """Sorted characters as the inside of a class of a pattern."""
    runs: list[list[int]] = []
    for code in map(ord, characters):
        if runs and code == runs[-1][1] + 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return "".join(rf"\U{first:08x}-\U{last:08x}" for first, last in runs)


def csv_text(frame: pd.DataFrame, *, header: bool = True, exact: bool = False) -> str:
    """Write a frame as CSV: every cell in quotes, and an apostrophe before what may be taken for a formula.

    A cell may be taken for one at its beginning, and behind all in it that is no letter, no digit and no mark
    of ordinary text, since a program that splits there begins a cell; wide and small forms count as the plain
    ones. `unguarded` takes the apostrophes away again. NUL, which ends a text to some programs, becomes its
    picture. Without `header` the rows alone; `exact` writes numbers with all their digits instead of two
    behind the point.

    Examples
    --------
    >>> print(csv_text(pd.DataFrame({"text": ["=1", "a;-1", "fine"], "n": [-1, 2, 3]})), end="")
    "text","n"
    "'=1","-1"
    "a;'-1","2"
    "fine","3"
    """
    safe = frame.rename(columns=lambda name: guarded(name) if isinstance(name, str) else name)
    for at, dtype in enumerate(safe.dtypes):
        if dtype.kind in "iufbmM":
            continue  # what is no text needs no guard: a number may be negative
        texts = safe.iloc[:, at].astype("object")
        safe.isetitem(at, [guarded(value) if isinstance(value, str) else value for value in texts])
    return str(
        safe.to_csv(
            index=False,
            header=header,
            date_format="%Y-%m-%dT%H:%M:%SZ",
            float_format=None if exact else "%.2f",
            quoting=csv.QUOTE_ALL,
        )
    )


def guarded(text: str) -> str:
    """Put an apostrophe wherever a text may be taken for a formula.

    >>> guarded("=1"), guarded("call me, +61"), guarded("a=b"), guarded("5 - 3")
    ("'=1", "call me,' +61", 'a=b', '5 - 3')
    """
    if text.isalnum():  # most cells: no sign and no separator is a letter or a digit
        return text
    text = text.replace("\0", "\u2400")
    if not _CLOSER_LOOK.search(text):
        return text
    return _guard_places()[0].sub(r"\1'", text)


def unguarded(text: str) -> str:
    """Take the apostrophes of `guarded` away: the text as it was.

    >>> unguarded("'=1"), unguarded("call me,' +61"), unguarded("it's 'fine'")
    ('=1', 'call me, +61', "it's 'fine'")
    """
    return _guard_places()[1].sub(r"\1", text)
