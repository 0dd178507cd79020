"""Numbers within texts, however they are written: in digits of any script, parted by all but letters.

The one matcher for whoever must not let a number through: what is forgotten, what is masked on a page. Owns
what counts as a digit, and what may stand between two. Imports nothing of smsdata.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from urllib.parse import unquote

OTHER_DIGITS = (
    "\u00b2\u00b3\u00b9\u1369-\u1371\u19da\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea"
    "\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792\U00010a40-\U00010a43\U00010e60-\U00010e68"
    "\U00011052-\U0001105a\U0001f100-\U0001f10a"
)
r"""Raised, lowered and circled digits and those of scripts without a zero, which ``\d`` leaves out."""
_CODED = (
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[nrt]|%[0-9a-fA-F]{2}"
    r"|&#?\w{1,8};"
)
"""How JSON, links and HTML write what is no plain letter: a digit, or what stands between two."""
_KEYCAP = "(?:\ufe0f?\u20e3)?"
_DIGITS = rf"[\d{OTHER_DIGITS}]+{_KEYCAP}"
_BETWEEN = rf"(?:(?!{_CODED})[\W_]){{0,8}}"
_PIECE = re.compile(rf"{_CODED}|\+?{_DIGITS}")
_NEXT = re.compile(rf"{_BETWEEN}({_CODED}|{_DIGITS})")
_UNIT = rf"(?:{_CODED}|[\d{OTHER_DIGITS}]{_KEYCAP})"
_MAY_HOLD_ONE = re.compile(rf"{_UNIT}(?:[\W_]{{0,8}}{_UNIT}){{6}}")
_RUN = re.compile(rf"\+?{_UNIT}(?:{_BETWEEN}{_UNIT}){{6,}}")
_NO_LETTERS = re.compile(rf"(?:{_CODED}|[\W\d_{OTHER_DIGITS}])*+")
FEWEST, _MOST = 7, 19

IN_COLUMNS = r"\p{N}(?:\P{N}*\p{N}){6}|\\u[0-9a-fA-F]{4}"
"""A pattern (RE2) that every text with a number fits, and many others."""


def in_columns(numbers: Iterable[str]) -> str:
    """A pattern (RE2) that every text with one of these numbers fits, and few others."""
    return "|".join(_BETWEEN_IN_COLUMNS.join(_any_way(digit) for digit in digits) for digits in numbers)


_CODED_IN_COLUMNS = r"\\u[0-9a-fA-F]{4}|%[0-9a-fA-F]{2}|&#?[0-9a-zA-Z]{1,8};"
_BETWEEN_IN_COLUMNS = rf"(?:\P{{N}}|{_CODED_IN_COLUMNS})*"


@lru_cache
def _any_way(digit: str) -> str:
    """A pattern for one digit in every script, and for any that JSON, links or HTML may write in code."""
    ways = (one for one in map(chr, range(0x20000)) if str(unicodedata.digit(one, "")) == digit)
    return f"(?:[{''.join(ways)}]|{_CODED_IN_COLUMNS})"


def may_hold_a_number(text: str) -> bool:
    """Whether a closer look at a text is worth its time."""
    return _MAY_HOLD_ONE.search(text) is not None


def digits_of(piece: str) -> str:
    """The digits of a text in ASCII, in their order; nothing else of it.

    >>> digits_of("[0491] 570-①56"), digits_of("%2B61 &#52;")
    ('0491570156', '614')
    """
    return "".join(_in_ascii(one[0]) for one in _PIECE.finditer(piece))


def _in_ascii(piece: str) -> str:
    if piece[0] in "\\%&":
        piece = _uncoded(piece)
    return "".join(str(unicodedata.digit(one)) for one in piece if unicodedata.digit(one, None) is not None)


def _uncoded(piece: str) -> str:
    if piece[0] == "\\":
        return str(json.loads(f'"{piece}"'))
    return unquote(piece) if piece[0] == "%" else html.unescape(piece)


def with_numbers_replaced(text: str, known: Callable[[str], str | None]) -> str:
    """A text with something else in the place of each number that is known.

    Parameters
    ----------
    text
        Any text.
    known
        What takes the place of seven digits or more, or None where they are no number that is looked for.
        The longest that begins at a group of digits counts.

    Examples
    --------
    >>> with_numbers_replaced("call [0491] 570_156 now", {"0491570156": "A"}.get)
    'call [A now'
    """
    made, at = [], 0
    for group in _PIECE.finditer(text):
        if group.start() >= at and (found := _number_from(text, group, known)) is not None:
            end, name = found
            made += [text[at : group.start()], name]
            at = end
    return "".join([*made, text[at:]]) if made else text


def _number_from(
    text: str, group: re.Match[str], known: Callable[[str], str | None]
) -> tuple[int, str] | None:
    """Where the longest known number ends that begins with a group of digits, and what takes its place."""
    digits, found = _in_ascii(group[0]), None
    following: re.Match[str] | None = group
    while digits and following is not None and len(digits) <= _MOST:
        if len(digits) >= FEWEST and (name := known(digits)) is not None:
            found = following.end(), name
        following = _NEXT.match(text, following.end())
        digits += _in_ascii(following[1]) if following is not None else ""
    return found


def only_number_in(text: str) -> str:
    """The digits of a text that holds one number and no letter beside it; else nothing.

    >>> only_number_in(" (0491) 570 156"), only_number_in("call 0491570156")
    ('0491570156', '')
    """
    digits = digits_of(text) if _NO_LETTERS.fullmatch(text) is not None else ""
    return digits if len(digits) >= FEWEST else ""


def with_numbers_masked(text: str, mask: Callable[[str], str]) -> str:
    """A text with a mask, made of its digits, in the place of whatever looks like a number.

    >>> with_numbers_masked("call [0491] 570_156, room 101", lambda digits: f"...{digits[-2:]}")
    'call [...56, room 101'
    """

    def masked(run: re.Match[str]) -> str:
        digits = digits_of(run[0])
        return mask(digits) if len(digits) >= FEWEST else run[0]

    return _RUN.sub(masked, text)
