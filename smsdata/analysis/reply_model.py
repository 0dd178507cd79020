"""How likely a reply is an opt-out, by its letters and words: a linear model that sends replies to a person.

Owns reply_model.npz, weights that benchmarks/train_reply_model.py makes from the labelled replies of the
tests and from the lexicon; it never decides that a reply is an opt-out. Imports nothing of smsdata.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from zlib import crc32

import numpy as np

BUCKETS = 1 << 18
_WEIGHTS = Path(__file__).with_name("reply_model.npz")
_SIZES = (2, 3, 4)
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


def buckets_of(folded: str, marks: Iterable[str]) -> list[tuple[set[int], float]]:
    """Give the buckets of the letters of a reply, of its words, and of its marks.

    Parameters
    ----------
    folded : str
        The reply as `reply_phrases.normal` gives it.
    marks : iterable of str
        The concepts and phrases that occur in it, and what matters of the message that it answers.

    Returns
    -------
    list of tuple of set of int and float
        Buckets below `BUCKETS`, and what each of them counts for: of two to four letters, of words and two of
        them in a row, of marks.
    """
    read = folded[:_READ]
    data = f" {' '.join(read.split())} "
    grams = {data[start : start + size] for size in _SIZES for start in range(len(data) - size + 1)}
    words = ["^", *_WORDS.findall(read), "$"]
    said = {f"\1{word}" for word in words} | {f"\1{one} {two}" for one, two in pairwise(words)}
    letters, spoken = set(map(_BUCKET_OF.__getitem__, grams)), set(map(_BUCKET_OF.__getitem__, said))
    signs = {_BUCKET_OF[f"\0{mark}"] for mark in _with_pairs(folded, marks)}
    return [
        (letters, _TEXT / max(len(letters), 1) ** 0.5),
        (spoken, _TEXT / len(spoken) ** 0.5),
        (signs, _MARK),
    ]


def _with_pairs(folded: str, marks: Iterable[str]) -> set[str]:
    """Give the marks, and two at a time: concepts, a concept and the message, a concept and a question."""
    signs = set(marks)
    concepts = sorted(mark for mark in signs if len(mark) == 1)
    around = [mark for mark in signs if mark.startswith("message ")]
    if not _ASKING.isdisjoint(folded):
        around.append("asks")
        signs.add("asks")
    signs.update(map("".join, combinations(concepts, 2)))
    signs.update(concept + other for concept in concepts for other in around)
    return signs


@cache
def _weights() -> tuple[list[int], float]:
    """Give the weights, and the least sum of them that sends a reply to a person."""
    with np.load(_WEIGHTS) as stored:
        least = (float(stored["limit"]) - float(stored["bias"])) / float(stored["scale"])
        return stored["weights"].tolist(), least


def likely_optout(folded: str, marks: Iterable[str]) -> bool:
    """Tell whether a person should read this reply because its letters and words look like an opt-out's.

    Parameters
    ----------
    folded, marks
        As for `buckets_of`.

    Returns
    -------
    bool
        Whether the score of the linear model reaches the limit that was set in training.

    Examples
    --------
    >>> likely_optout("see you at five", ())
    False
    """
    weights, least = _weights()
    parts = buckets_of(folded, marks)
    return sum(sum(map(weights.__getitem__, found)) * counts for found, counts in parts) >= least
