"""When a word is another one misspelt: keys side by side, letters swapped, dropped, doubled or put in.

Owns no words of opting out. Imports nothing of smsdata.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache

_KEYS = {
    "s": "adwezx", "t": "rygf56", "o": "ipkl90", "p": "ol0", "e": "wrsd34", "n": "bmhj", "d": "sfecx",
    "q": "wa12", "u": "yihj78", "i": "uojk89", "b": "vngh", "c": "xvdf", "r": "etdf45",
}  # fmt: skip
_REAL_WORDS = frozenset({
    "shop", "step", "top", "spot", "stomp", "atop", "and", "send", "bend", "quiet", "quite", "quilt", "quote",
    "suit", "mend", "lend", "tend", "vend",
})  # fmt: skip
LONG_WORD = 7
"""Letters from which on a word is compared as a whole."""


def squeezed(word: str) -> str:
    """Give a word with each run of one letter as one: "stooop" is "stop"."""
    return re.sub(r"(\w)\1+", r"\1", word)


@lru_cache(maxsize=1024)
def _typos(word: str) -> frozenset[str]:
    swapped = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    neighbours = {word[:i] + key + word[i + 1 :] for i, c in enumerate(word) for key in _KEYS.get(c, "")}
    dropped = {word[:i] + word[i + 1 :] for i in range(1, len(word))} if len(word) != 3 else set()
    return frozenset(swapped | neighbours | dropped)


@lru_cache(maxsize=65536)
def near_word(token: str, word: str) -> bool:
    """Tell whether a word is another one misspelt, and no word of its own ("shop")."""
    if token == word or token in _REAL_WORDS or not word.isalpha():
        return False
    if squeezed(token) == squeezed(word) or token in _typos(word):
        return True
    if len(word) > 3 and len(token) == len(word) + 1 and token[0] == word[0]:
        return any(token[:i] + token[i + 1 :] == word for i in range(1, len(token)))
    alike = 2 * min(len(token), len(word)) > 0.85 * (len(token) + len(word))  # else no ratio is as high
    return alike and len(word) > LONG_WORD and SequenceMatcher(None, token, word).ratio() > 0.85
