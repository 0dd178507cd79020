"""Frames as CSV that no spreadsheet takes for formulas. The only place where CSV is written.

Owns quoting and the guard against formulas. Imports nothing of smsdata.
"""

from __future__ import annotations

import csv
import re

import pandas as pd

_SIGNS = "=+@\\-\u2212\uff1d\uff0b\uff20\uff0d\ufe62\ufe63\ufe66\ufe6b"  # full-width and small ones too
_BEGINS = re.compile(rf'^(?=[\s"\u200b\ufeff]*[{_SIGNS}\t\r\n])')
_GOES_ON = re.compile(
    rf'(?<=[,;|\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029])(?=[ \u00a0\u3000"\u200b\ufeff]*[{_SIGNS}])'
)


def csv_text(frame: pd.DataFrame, *, header: bool = True, exact: bool = False) -> str:
    """Write a frame as CSV: every cell in quotes, and an apostrophe before what may be taken for a formula.

    A cell may be taken for one at its beginning, and after any separator or line break in it, since a program
    that splits by another separator begins a cell there. NUL, which ends a text to some programs, becomes its
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

    >>> guarded("=1"), guarded("call me, +61"), guarded("a=b")
    ("'=1", "call me,' +61", 'a=b')
    """
    if text.isalnum():  # most cells: no sign and no separator is a letter or a digit
        return text
    return _BEGINS.sub("'", _GOES_ON.sub("'", text.replace("\0", "\u2400")))
