"""Whether a reply looks like an opt-out or an opt-in, by its letters and words: two linear models.

Owns reply_model.npz, weights that benchmarks/train_reply_model.py makes from the labelled replies of the
tests and from the lexicon; they prove neither, and undo no opt-out. Imports nothing of smsdata.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from functools import cache, lru_cache
from itertools import combinations, pairwise
from operator import add
from pathlib import Path
from zlib import crc32

import numpy as np

BUCKETS = 1 << 18
_WEIGHTS = Path(__file__).with_name("reply_model.npz")
_READ = 160  # letters of a reply that are looked at
_REMEMBERED = 1 << 18
_WORDS = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[?!]")
_TEXT, _MARK = 3.0, 0.4  # how much all letters or all words count for, and each mark
_ASKING = frozenset("?？؟")


class _Buckets(dict[str, int]):
    """The bucket of a few letters, worked out once while there is room."""

    def __missing__(self, gram: str) -> int:
        bucket = crc32(gram.encode()) % BUCKETS
        if len(self) < _REMEMBERED:
            self[gram] = bucket
        return bucket


_BUCKET_OF = _Buckets()


def buckets_of(folded: str, marks: Iterable[str]) -> list[tuple[Set[int], float]]:
    """Give the buckets of the letters of a reply, of its words, and of its marks.

    Parameters
    ----------
    folded : str
        The reply as `reply_phrases.normal` gives it.
    marks : iterable of str
        The concepts and phrases that occur in it, and what matters of the message that it answers.

    Returns
    -------
    list of tuple of Set of int and float
        Buckets below `BUCKETS`, and what each of them counts for: of two to four letters, of words and two of
        them in a row, of marks.
    """
    read = folded[:_READ]
    grams = _grams(f" {' '.join(read.split())} ")
    words = ["^", *_WORDS.findall(read), "$"]
    said = {f"\1{word}" for word in words} | {f"\1{one} {two}" for one, two in pairwise(words)}
    letters, spoken = set(map(_BUCKET_OF.__getitem__, grams)), set(map(_BUCKET_OF.__getitem__, said))
    signs = _buckets_of_marks(frozenset(marks), not _ASKING.isdisjoint(folded))
    return [
        (letters, _TEXT / max(len(letters), 1) ** 0.5),
        (spoken, _TEXT / len(spoken) ** 0.5),
        (signs, _MARK),
    ]


def _grams(data: str) -> set[str]:
    """Give all runs of two, three and four letters: those of three are those of two and one letter more."""
    twos = list(map(add, data, data[1:]))
    threes = list(map(add, twos, data[2:]))
    return {*twos, *threes, *map(add, threes, data[3:])}


@lru_cache(maxsize=4096)  # many replies have the same few marks
def _buckets_of_marks(marks: frozenset[str], asks: bool) -> frozenset[int]:
    return frozenset(_BUCKET_OF[f"\0{mark}"] for mark in _with_pairs(marks, asks))


def _with_pairs(marks: frozenset[str], asks: bool) -> set[str]:
    """Give the marks, and two at a time: concepts, a concept and the message, a concept and a question."""
    signs = set(marks)
    concepts = sorted(mark for mark in signs if len(mark) == 1)
    around = [mark for mark in signs if mark.startswith("message ")]
    if asks:
        around.append("asks")
        signs.add("asks")
    signs.update(map("".join, combinations(concepts, 2)))
    signs.update(concept + other for concept in concepts for other in around)
    return signs


@cache
def _weights(of: str) -> tuple[list[int], float, float, float]:
    """Give the weights for "optout" or "optin", their scale, the bias, and the least score that says so."""
    with np.load(_WEIGHTS) as stored:
        scale, bias, limit = (float(stored[f"{of}_{what}"]) for what in ("scale", "bias", "limit"))
        return stored[f"{of}_weights"].tolist(), scale, bias, limit


def likely(folded: str, marks: Iterable[str], *, optin: bool = True) -> tuple[bool, bool]:
    """Tell whether the letters and words of a reply look like an opt-out's, and like an opt-in's.

    Parameters
    ----------
    folded, marks
        As for `buckets_of`.
    optin : bool
        Whether to ask for opt-ins at all.

    Returns
    -------
    tuple of bool
        Whether the score of each linear model reaches the limit that was set in training.

    Examples
    --------
    >>> likely("see you at five", ())
    (False, False)
    """
    parts = buckets_of(folded, marks)
    return _over_limit("optout", parts), optin and _over_limit("optin", parts)


def is_unlikely(folded: str, marks: Iterable[str]) -> bool:
    """Tell whether the model holds it less likely than not that a reply is an opt-out.

    Parameters
    ----------
    folded, marks
        As for `buckets_of`.

    Examples
    --------
    >>> is_unlikely("see you at five", ())
    True
    """
    return _score("optout", buckets_of(folded, marks)) < 0


def _over_limit(of: str, parts: list[tuple[Set[int], float]]) -> bool:
    return _score(of, parts) >= _weights(of)[-1]


def _score(of: str, parts: list[tuple[Set[int], float]]) -> float:
    """Give the logarithm of the odds."""
    weights, scale, bias, _ = _weights(of)
    weight, total = weights.__getitem__, 0.0
    for found, counts in parts:
        total += sum(map(weight, found)) * counts
    return bias + scale * total
