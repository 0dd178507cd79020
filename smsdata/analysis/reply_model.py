"""How likely a reply is an opt-out, by its letters: a linear model that sends replies to a person, no more.

Owns reply_model.npz, weights that benchmarks/train_reply_model.py makes from the labelled replies of the
tests;
it never decides that a reply is an opt-out. Imports nothing of smsdata.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import combinations
from pathlib import Path
from zlib import crc32

import numpy as np

BUCKETS = 1 << 15
_WEIGHTS = Path(__file__).with_name("reply_model.npz")
_SHORTEST, _LONGEST = 2, 5
_READ = 160  # letters of a reply that are looked at
_REMEMBERED = 1 << 18
_ASKING = frozenset("?？؟")


class _Buckets(dict[str, int]):
    """The bucket of a few letters, worked out once while there is room."""

    def __missing__(self, gram: str) -> int:
        bucket = crc32(gram.encode()) % BUCKETS
        if len(self) < _REMEMBERED:
            self[gram] = bucket
        return bucket


_BUCKET_OF = _Buckets()


def buckets_of(folded: str, marks: Iterable[str]) -> tuple[frozenset[int], frozenset[int]]:
    """Give the buckets of the letters of a reply and those of its marks.

    Parameters
    ----------
    folded : str
        The reply as `reply_phrases.normal` gives it.
    marks : iterable of str
        The concepts and phrases that occur in it, and what matters of the message that it answers.

    Returns
    -------
    tuple of frozenset of int
        Distinct buckets below `BUCKETS`: of letters, and of marks that share none with them.
    """
    data = f" {' '.join(folded[:_READ].split())} "
    grams = {
        data[start : start + size]
        for size in range(_SHORTEST, _LONGEST + 1)
        for start in range(len(data) - size + 1)
    }
    letters = frozenset(map(_BUCKET_OF.__getitem__, grams))
    return letters, frozenset(_BUCKET_OF[f"\0{mark}"] for mark in _with_pairs(folded, marks)) - letters


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
def _weights() -> tuple[list[int], float, float, tuple[float, float]]:
    with np.load(_WEIGHTS) as stored:
        limits = (float(stored["limit"]), float(stored["limit_unhinted"]))
        return stored["weights"].tolist(), float(stored["scale"]), float(stored["bias"]), limits


def likely_optout(folded: str, marks: Iterable[str], *, hinted: bool = True) -> bool:
    """Tell whether a person should read this reply because its letters look like an opt-out's.

    Parameters
    ----------
    folded, marks
        As for `buckets_of`.
    hinted : bool
        Whether the reply has words that opt-outs are made of. Other replies have them too, so the limit is
        higher then than for a reply of words that the lexicon does not know.

    Returns
    -------
    bool
        Whether the score of the linear model reaches the limit that was set in training.

    Examples
    --------
    >>> likely_optout("see you at five", ())
    False
    """
    weights, scale, bias, limits = _weights()
    letters, signs = buckets_of(folded, marks)
    score = sum(map(weights.__getitem__, letters)) / max(len(letters), 1) ** 0.5
    score += sum(map(weights.__getitem__, signs))
    return bool(score * scale + bias >= limits[0 if hinted else 1])
