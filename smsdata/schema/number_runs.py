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
from itertools import pairwise
from urllib.parse import unquote

OTHER_DIGITS = (
    "\u00b2\u00b3\u00b9\u1369-\u1371\u19da\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea"
    "\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792\U00010a40-\U00010a43\U00010e60-\U00010e68"
    "\U00011052-\U0001105a\U0001f100-\U0001f10c"
)
r"""Raised, lowered and circled digits and those of scripts without a zero, which ``\d`` leaves out."""
_CHINESE = "\u3007\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d"
_SPELLED = (
    _CHINESE
    + "\u96f6\u17f0-\u17f9\u2160-\u2168\u2170-\u2178\u3021-\u3029\u3192-\u3195\u3220-\u3228\u3280-\u3288"
)
"""Chinese digits, and signs of one digit that are no digits to Unicode, such as Roman ones."""
_SPELLED_FROM_TEN = (
    "\u2169-\u216b\u2179-\u217b\u2469-\u2473\u247d-\u2487\u2491-\u249b\u24eb-\u24f4\u24fe\u277f\u2789\u2793"
    "\u3038-\u303a\u3229\u3248-\u324f\u3251-\u325f\u3289\u32b1-\u32bf"
)
"""Signs of two digits: circled, bracketed and Roman numbers from ten up. A Chinese ten is a word."""
_ALL_OTHERS = OTHER_DIGITS + _SPELLED + _SPELLED_FROM_TEN
_CODED = (
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[nrt]|%[0-9a-fA-F]{2}"
    r"|\\x[0-9a-fA-F]{2}|\\U000[0-9a-fA-F]{5}|&#?\w{1,8};"
)
"""How JSON, programs, links and HTML write what is no plain letter: a digit, or what stands between two."""
_KEYCAP = "(?:\ufe0f?\u20e3)?"
_DIGITS = rf"[\d{_ALL_OTHERS}]+{_KEYCAP}"
_BETWEEN = rf"(?:(?!{_CODED})[\W_]){{0,8}}"
_PIECE = re.compile(rf"{_CODED}|\+?{_DIGITS}")
_NEXT = re.compile(rf"{_BETWEEN}({_CODED}|{_DIGITS})")
_UNIT = rf"(?:{_CODED}|[\d{_ALL_OTHERS}]{_KEYCAP})"
_MAY_HOLD_ONE = re.compile(rf"{_UNIT}(?:[\W_]{{0,8}}{_UNIT}){{6}}")
_MAY_HOLD_ONE_IN_ASCII = re.compile(rf"(?:{_CODED}|[0-9])(?:[\W_]{{0,8}}(?:{_CODED}|[0-9])){{6}}", re.ASCII)
_FIRST = re.compile(rf"[\d{_ALL_OTHERS}\\%&]")
_HAS_ONE_FROM_TEN = re.compile(f"[{_SPELLED_FROM_TEN}]")
_RUN = re.compile(rf"\+?{_UNIT}(?:{_BETWEEN}{_UNIT}){{3,}}")
"""Four signs or more: that many may be seven digits."""
_RUN_IN_ASCII = re.compile(rf"\+?(?:{_CODED}|[0-9])(?:{_BETWEEN}(?:{_CODED}|[0-9])){{6,}}", re.ASCII)
_NO_LETTERS = re.compile(rf"(?:{_CODED}|[\W\d_{_ALL_OTHERS}])*+")
_DIGITS_OF = {
    one: str(int(unicodedata.numeric(one)))
    for one in map(chr, range(0x80, 0x20000))
    if re.match(f"[{_ALL_OTHERS}]", one)
}
"""The digits of each sign, in ASCII."""
FEWEST, _MOST = 7, 19
_ANY_CODED = re.compile(_CODED)
_JOINT = re.compile(r"[ \u00a0\u2000-\u2015\u202f\u2060\u3000\ufeff()\[\]{}./_\-]{0,4}")
"""What people write between a prefix and the rest of a number."""
_UNSEEN = re.compile("[\u200b-\u200f\u2060\ufeff]*")
_PLUS = re.compile(r"(?<!\d)[+\uff0b]\Z")
_AHEAD = re.compile(r"(?:\A|[\s(\[{<>\"'`,;|])\Z")
"""What may stand right before a prefix: no ``=``, ``:``, ``$`` or ``#``, which tell what a value is."""
_DIALLED = re.compile(r"00[\s\-\u2011]?[1-9]\d*(?:[\s\-\u2011]\d+)*[\s\-\u2011]?")
"""A prefix as it is dialled from abroad, 0061 or 00 61."""
_HINTED = re.compile(r"[1-9]\d* ?\(0\) ?")
_PARTS = "\n\"'<>+"
"""What parts a number from what stands before, beside letters; a comma or colon may be another number's."""
_FAR = 48
"""From here on digits stand apart, with what is between them in code."""

_IN_COLUMNS = rf"\p{{N}}\x{{96f6}}{_CHINESE}"
IN_COLUMNS = (
    rf"[{_IN_COLUMNS}](?:[^{_IN_COLUMNS}]*[{_IN_COLUMNS}]){{6}}|[{_SPELLED_FROM_TEN}]|\\[uUx][0-9a-fA-F]{{2}}"
)
"""A pattern (RE2) that every text with a number fits, and many others."""


def in_columns(numbers: Iterable[str]) -> str:
    """A pattern (RE2) that every text with one of these numbers fits, and few others."""
    plain = [_BETWEEN_IN_COLUMNS.join(_any_way(digit) for digit in digits) for digits in numbers]
    return "|".join([*plain, f"[{_SPELLED_FROM_TEN}]"])


_CODED_IN_COLUMNS = (
    r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\U000[0-9a-fA-F]{5}|%[0-9a-fA-F]{2}|&#?[0-9a-zA-Z]{1,8};"
)
_BETWEEN_IN_COLUMNS = rf"(?:\P{{N}}|{_CODED_IN_COLUMNS})*"


@lru_cache
def _any_way(digit: str) -> str:
    """A pattern for one digit in every script, and for any that JSON, links or HTML may write in code."""
    ways = (one for one in map(chr, range(0x20000)) if _digits_of_sign(one) == digit)
    return f"(?:[{''.join(ways)}]|{_CODED_IN_COLUMNS})"


def plain_signs(text: str, *, without: tuple[str, ...] = ("Cf",)) -> str:
    r"""A text with plain digits and hyphens, and without signs of some kinds (of Unicode: Cf are not seen).

    >>> plain_signs("\uff10\u0664\u2011\u200b\u2460"), plain_signs("04 91\t5", without=("C", "Z"))
    ('04-1', '04915')
    """
    kept = (
        one
        for one in unicodedata.normalize("NFKC", text)
        if not unicodedata.category(one).startswith(without)
    )
    return "".join(_plain_sign(one) for one in kept)


def _plain_sign(sign: str) -> str:
    if unicodedata.category(sign) == "Nd":
        return str(unicodedata.decimal(sign))
    return "-" if unicodedata.category(sign) == "Pd" or sign == "\u2212" else sign


def may_hold_a_number(text: str) -> bool:
    """Whether a closer look at a text is worth its time."""
    if text.isascii():
        return _MAY_HOLD_ONE_IN_ASCII.search(text) is not None
    first = _FIRST.search(text)
    if first is None:
        return False
    return (_MAY_HOLD_ONE.search(text, first.start()) or _HAS_ONE_FROM_TEN.search(text)) is not None


def digits_of(piece: str) -> str:
    """The digits of a text in ASCII, in their order; nothing else of it.

    >>> digits_of("[0491] 570-①56"), digits_of("%2B61 &#52;"), digits_of("⑩ 〇四 Ⅸ")
    ('0491570156', '614', '10049')
    """
    return "".join(_in_ascii(one[0]) for one in _PIECE.finditer(piece))


def _in_ascii(piece: str) -> str:
    if piece[0] in "\\%&":
        piece = _uncoded(piece)
    return "".join(map(_digits_of_sign, piece))


def _digits_of_sign(sign: str) -> str:
    """The digits of one sign; empty for what is no digit."""
    return _DIGITS_OF.get(sign) or str(unicodedata.decimal(sign, ""))


def _uncoded(piece: str) -> str:
    if piece[:2] in ("\\x", "\\U"):
        return chr(min(int(piece[2:], 16), 0x10FFFF))
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
    made, at, before = [], 0, -1
    for group in _PIECE.finditer(text):
        if group.start() < at or not _in_ascii(group[0]):
            continue
        found = _number_from(text, group, before, known)
        before = group.end()
        if found is not None:
            begin, end, name = found
            made += [text[at:begin], name]
            at = before = end
    return "".join([*made, text[at:]]) if made else text


def _number_from(
    text: str, group: re.Match[str], before: int, known: Callable[[str], str | None]
) -> tuple[int, int, str] | None:
    """Where the longest known number stands that begins with a group of digits, and what takes its place.

    None also where the groups it begins with are a prefix that may be another's digits, such as the seconds
    of a time: the same number begins behind them. `before` is where the digits before end; -1 if there are
    none.
    """
    groups = _groups_from(text, group)
    found = next(
        (one for size in range(len(groups), 0, -1) if (one := _known_one(groups[:size], known)) is not None),
        None,
    )
    if found is None:
        return None
    number, name = found
    shorter = [at for at in range(1, len(number)) if _known_one(number[at:], known) is not None]
    if shorter and not _is_prefix(text, number, shorter[-1], before):
        return None
    begin = group.start() + (group[0][0] == "+" and before == group.start())
    return begin, number[-1][1], name


_Group = tuple[int, int, str]
"""Where a group of digits begins and ends, and the digits."""


def _groups_from(text: str, first: re.Match[str]) -> list[_Group]:
    """The groups of digits that may be one number, from the first on; what is no digit ends none of them."""
    groups = [(*first.span(), _in_ascii(first[0]))]
    many = len(groups[0][2])
    following = _NEXT.match(text, first.end())
    while many <= _MOST and following is not None:
        if digits := _in_ascii(following[1]):
            groups.append((*following.span(1), digits))
            many += len(digits)
        following = _NEXT.match(text, following.end())
    return groups


def _known_one(groups: list[_Group], known: Callable[[str], str | None]) -> tuple[list[_Group], str] | None:
    digits = "".join(group[2] for group in groups)
    name = known(digits) if FEWEST <= len(digits) <= _MOST else None
    return None if name is None else (groups, name)


def _is_prefix(text: str, number: list[_Group], core: int, before: int) -> bool:
    """Whether the groups before the one at `core`, where a shorter number begins, are written as one with it.

    With nothing between; behind a plus; or by themselves, as people group a number. In doubt they are not:
    what is left of a prefix tells nothing, and what is taken may be an amount, a status, the place of a row.
    """
    joints = [_uncoded_all(text[one[1] : other[0]]) for one, other in pairwise(number)]
    if not all(_JOINT.fullmatch(joint) for joint in joints[:core]):
        return False
    if all(_UNSEEN.fullmatch(joint) for joint in joints[:core]):
        return True
    begin, first = number[0][0], number[0][2]
    ahead = _uncoded_all(text[max(0, begin - _FAR) : begin])
    if _PLUS.search(ahead + "+" * (text[begin] == "+")):
        return first[0] != "0"
    written = "".join(group[2] + joint for group, joint in zip(number[:core], joints, strict=False))
    if not _AHEAD.search(ahead) or _digits_stand_before(text, begin, before):
        return False
    if _DIALLED.fullmatch(written):
        return True
    grouped = joints[core : core + 1]
    if _HINTED.fullmatch(written):
        return bool(grouped)
    if written[0] == "0" and not ahead.rpartition("\n")[2].strip():
        return False  # the place of a row
    return core == 1 and number[core][2][0] != "0" and grouped == joints[:1]


def _digits_stand_before(text: str, begin: int, before: int) -> bool:
    """Whether digits that end at `before` may be one with what begins here: nothing parts them for sure."""
    if before < 0 or begin - before > _FAR:
        return False
    return not any(one.isalnum() or one in _PARTS for one in _uncoded_all(text[before:begin]))


def _uncoded_all(text: str) -> str:
    return _ANY_CODED.sub(lambda code: _uncoded(code[0]), text)


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

    return (_RUN_IN_ASCII if text.isascii() else _RUN).sub(masked, text)
