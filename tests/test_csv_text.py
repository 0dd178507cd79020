"""What a program may take for a formula, in every spelling that Unicode has of it."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator

import pandas as pd
import pytest

from smsdata.schema.csv_text import csv_text, guarded, unguarded


def characters(fits: Callable[[str], bool]) -> Iterator[str]:
    return (char for code in range(sys.maxunicode + 1) if fits(char := chr(code)))


def folded(char: str) -> str:
    """A character as a program reads it that takes wide and small forms for the plain ones."""
    return unicodedata.normalize("NFKC", char)


def is_separator(char: str) -> bool:
    """Commas, semicolons and bars by their names, and whatever folds to one."""
    named = unicodedata.name(char, "").endswith((" COMMA", " SEMICOLON"))
    return folded(char) in tuple(",;|") or (named and unicodedata.category(char) == "Po")


SIGNS = list(characters(lambda char: folded(char)[0] in "=+-@\u2212"))
SEPARATORS = [*characters(is_separator), *"\t\r\n\v\f\x85\u2028\u2029"]
UNSEEN = [
    char
    for char in characters(lambda char: unicodedata.category(char) in ("Cf", "Zs", "Cc"))
    if ord(char) < 0x10000
]
SHAPES_LETTERS = {
    "\u0600",
    "\u0601",
    "\u0602",
    "\u0603",
    "\u0604",
    "\u0605",
    "\u06dd",
    "\u070f",
    "\u0890",
    "\u0891",
    "\u08e2",
}
"""Signs of Arabic and Syriac that are seen, though their category says other."""


@pytest.mark.parametrize("sign", SIGNS, ids=ascii)
def test_a_sign_is_guarded_at_the_beginning_and_after_every_separator(sign: str) -> None:
    assert guarded(f"{sign}1") == f"'{sign}1"
    for separator in SEPARATORS:
        assert guarded(f"a{separator}{sign}1") == f"a{separator}'{sign}1", ascii(separator)
        assert guarded(f"a{separator} \u200b{sign}1") == f"a{separator}' \u200b{sign}1", ascii(separator)


@pytest.mark.parametrize("char", sorted(set(UNSEEN) - SHAPES_LETTERS - set("\0")), ids=ascii)
def test_what_is_not_seen_hides_no_formula(char: str) -> None:
    for text in (f"{char}=1", f"a,{char}=1", f"a\uff0c{char}{char}=1"):
        assert "'" in guarded(text), ascii(text)


@pytest.mark.parametrize(
    "text",
    [
        "a=b",
        "a, b; c-d",
        "say 'stop'",
        "5 - 3",
        "\u4e2d\u6587\uff0c\u597d",
        "a\u3001b",
        "1\u20132",
        "",
        "x" * 50,
        "me@shop.example https://shop.example/@me?a=-1",
        "(+61 491 570 156)",
        "e\u0301=1",
        "\u0915\u0940=1",
        "Sale! -50% today... -Ann",
    ],
)
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert guarded(text) == text


IN_ORDINARY_TEXT = set(".!?()[]{}<>/\\&%$#*_")
BLANK_LETTERS = set("\u115f\u1160\u3164\uffa0")
ORNAMENTS = [
    char
    for char in characters(lambda char: not char.isalnum() or char in BLANK_LETTERS)
    if char not in IN_ORDINARY_TEXT
    and (unicodedata.category(char) not in ("Cn", "Co", "Cs") or ord(char) % 499 == 0)
]
"""All of Unicode that is no letter, no digit and no mark of ordinary text; some of what is not assigned."""


def test_no_ornament_hides_a_formula() -> None:
    texts = [way.format(char) for char in ORNAMENTS for way in ("{0}=1", "a;{0}=1", "a;{0}{0} -1")]
    assert len(texts) > 3 * 10_000
    assert [text for text in texts if "'" not in guarded(text)] == []


@pytest.mark.parametrize("ornament", list("\u00a6\u2016:\u201a\u00b7\uff0f^~\x1f"), ids=ascii)
def test_any_sign_may_part_cells(ornament: str) -> None:
    assert guarded(f"a{ornament}=1") == f"a{ornament}'=1"


@pytest.mark.parametrize("unseen", list("\u2800\u034f\u17b4\u0301\U000e0041\u3164"), ids=ascii)
def test_unseen_signs_hide_no_formula(unseen: str) -> None:
    assert guarded(f"{unseen}=1") == f"'{unseen}=1"
    assert guarded(f"a;{unseen} -1") == f"a;'{unseen} -1"


def test_unguarded_gives_every_text_back() -> None:
    made = ("{0}=1", "a{0}=1", "'{0}=1", "a{0}'=1", "''{0}-1,'+1", "{0}\n'=1", "'{0}\n")
    texts = [way.format(char) for char in ORNAMENTS if char != "\0" for way in made]
    assert [text for text in texts if unguarded(guarded(text)) != text] == []
    assert len({guarded(text) for text in texts}) == len(set(texts))


def test_heads_are_guarded_too() -> None:
    assert csv_text(pd.DataFrame({"a\uff0c=1": ["b"]})).splitlines()[0] == '"a\uff0c\'=1"'
