"""How likely a reply is an opt-out, by its letters: a linear model that sends replies to a person, no more.

Owns reply_model.npz, weights that benchmarks/train_reply_model.py makes from the labelled replies of the
tests;
it never decides that a reply is an opt-out. Imports nothing of smsdata.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt

BUCKETS = 1 << 15
_WEIGHTS = Path(__file__).with_name("reply_model.npz")
_SHORTEST, _LONGEST = 2, 5
_READ = 160  # letters of a reply that are looked at


def buckets_of(folded: str, marks: Iterable[str]) -> tuple[npt.NDArray[np.int64], int]:
    """Give the buckets of the letters of a reply and of its marks, and how many are of letters.

    Parameters
    ----------
    folded : str
        The reply as `reply_phrases.normal` gives it.
    marks : iterable of str
        The concepts and phrases that occur in it.

    Returns
    -------
    tuple of numpy array and int
        Distinct buckets below `BUCKETS`, those of letters first, and their number.
    """
    data = f" {' '.join(folded[:_READ].split())} "
    grams = {
        data[start : start + size]
        for size in range(_SHORTEST, _LONGEST + 1)
        for start in range(len(data) - size + 1)
    }
    letters = {crc32(gram.encode()) % BUCKETS for gram in grams}
    named = [f"\0{mark}" for mark in marks]
    signs = {crc32(name.encode()) % BUCKETS for name in named} - letters
    return np.array([*sorted(letters), *sorted(signs)], "int64"), len(letters)


@cache
def _weights() -> tuple[npt.NDArray[np.int8], float, float, float]:
    with np.load(_WEIGHTS) as stored:
        return stored["weights"], float(stored["scale"]), float(stored["bias"]), float(stored["limit"])


def likely_optout(folded: str, marks: Iterable[str]) -> bool:
    """Tell whether a person should read this reply because its letters look like an opt-out's.

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
    weights, scale, bias, limit = _weights()
    buckets, letters = buckets_of(folded, marks)
    values = weights[buckets].astype("int64")
    score = values[:letters].sum() / max(letters, 1) ** 0.5 + values[letters:].sum()
    return bool(score * scale + bias >= limit)
