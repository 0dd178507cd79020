"""Frames as CSV that no spreadsheet takes for formulas. The only place where CSV is written.

Owns quoting and the guard against formulas. Imports nothing of smsdata.
"""

from __future__ import annotations

import csv
import re

import pandas as pd

_SIGNS = (
    "=+@\\-\u2212\u207a-\u207c\u208a-\u208c\u2a75\u2a76\ufb29\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20"
)
_SEPARATORS = (
    ",;|\u037e\u055d\u060c\u061b\u07f8\u1363\u1364\u1802\u1808\u204f\u2e32\u2e34\u2e35\u2e41\u2e49\u2e4c\u3001"
    "\ua4fe\ua60d\ua6f5\ua6f6\ufe10\ufe11\ufe14\ufe50\ufe51\ufe54\uff0c\uff1b\uff5c\uff64"
    "\U0001144d\U0001145a\U00016e97\U0001da87\U0001da89"
)
"""Commas, semicolons and bars of all scripts: a program may take wide and small ones for the plain."""
_BREAKS = r"\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029"
_UNSEEN = (
    '\u00a0\u3000"\uff02\uff07\u00ad\u061c\u115f\u1160\u1680\u180e\u2000-\u200f\u202a-\u202f\u205f-\u206f\u2400\u3164'
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\\x00-\\x08\\x0e-\\x1b\\x1f\\x7f-\\x84\\x86-\\x9f "
)
"""What stands before a sign and is not seen: spaces, quotes, controls, what only shapes a text."""
_BEGINS = re.compile(rf"^(?=[{_UNSEEN}\s]*[{_SIGNS}\t\r\n])")
_GOES_ON = re.compile(rf"(?<=[{_SEPARATORS}{_BREAKS}])(?=[{_UNSEEN}]*[{_SIGNS}])")


def csv_text(frame: pd.DataFrame, *, header: bool = True, exact: bool = False) -> str:
    """Write a frame as CSV: every cell in quotes, and an apostrophe before what may be taken for a formula.

    A cell may be taken for one at its beginning, and after any separator or line break in it, since a program
    that splits by another separator begins a cell there; wide and small forms count as the plain ones. NUL,
    which ends a text to some programs, becomes its picture. Without `header` the rows alone; `exact` writes
    numbers with all their digits instead of two behind the point.

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
