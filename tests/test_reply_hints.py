"""Hints of leaving are looked for only in texts that have some letters of them: none may be missed."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from smsdata.analysis import reply_hints
from smsdata.analysis.reply_asked import fold
from smsdata.analysis.reply_phrases import Guarded


def _ways_through(parsed: Iterable[tuple[Any, Any]]) -> list[str]:
    """Write out what a parsed pattern fits: its letters, and a line end for each place of no one letter."""
    ways = [""]
    for kind, said in parsed:
        match str(kind):
            case "LITERAL":
                found = [chr(said)]
            case "BRANCH":
                found = [way for branch in said[1] for way in _ways_through(branch)]
            case "SUBPATTERN":
                found = _ways_through(said[-1])
            case "MAX_REPEAT":
                found = [way * times for way in _ways_through(said[2]) for times in (said[0], said[0] + 1)]
            case "IN" if all(str(inner) == "LITERAL" for inner, _ in said):
                found = [chr(letter) for _, letter in said]
            case "AT" | "ASSERT" | "ASSERT_NOT":
                found = [""]
            case _:
                found = ["\n"]
        ways = list({way + more for way in ways for more in found})
    return ways


GUARDED = [name for name, kept in vars(reply_hints).items() if isinstance(kept, Guarded)]


@pytest.mark.parametrize("name", GUARDED)
def test_each_way_through_a_guarded_pattern_has_letters_that_it_needs(name: str) -> None:
    """Else a text that fits would be passed over; a repeat of two stands for more."""
    guarded = vars(reply_hints)[name]
    ways = _ways_through(re._parser.parse(guarded.pattern.pattern))  # type: ignore[attr-defined]
    assert [way for way in ways if not any(need in way for need in guarded.needs)] == []


def test_guarded_patterns_find_what_they_find_without_their_guard() -> None:
    """The replies of the corpora, and random words of them in a row."""
    data = Path(__file__).parent / "data"
    texts = [line.split("\t")[0] for line in (data / "replies_corpus.tsv").read_text("utf-8").splitlines()]
    folded, chosen = sorted({fold(text).strip() for text in texts}), random.Random(5)
    words = sorted({word for text in folded for word in text.split()})
    folded += [" ".join(chosen.choices(words, k=chosen.randint(1, 9))) for _ in range(3_000)]
    for guarded in (vars(reply_hints)[name] for name in GUARDED):
        told = [text for text in folded if guarded.fits(text)]
        assert told == [text for text in folded if guarded.pattern.search(text)]
