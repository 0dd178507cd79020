"""Which language a text seems to be in, for millions of texts that differ in names and numbers alone.

Imports `analysis`.
"""

from __future__ import annotations

import re
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.analysis.reply_phrases import concepts, concepts_of_words, is_unspaced, normal, telling_words

_READ = 500
_NUMBERS = re.compile(r"\b\d+\b")
"""They tell no language, and make a text of one template another each time."""


def fewer_texts(texts: pa.Array) -> pa.Array:
    """Texts of which `language_of` says the same, and of which fewer differ: without their numbers and ends.

    >>> fewer_texts(pa.array(["Your code is 123", "Your code is 45", None])).to_pylist()
    ['Your code is 0', 'Your code is 0', None]
    """
    begun = pc.utf8_slice_codeunits(texts, 0, _READ)
    same = pc.replace_substring_regex(begun, _NUMBERS.pattern, "0")  # to Arrow, letters are those of ASCII
    return pc.if_else(pc.string_is_ascii(begun), same, begun)


def language_of(text: str) -> str:
    """The language whose words a text holds most of, by the lexicon for replies; empty where none is known.

    >>> language_of("please stop sending me messages"), language_of("12345")
    ('en', '')
    """
    folded = normal(_NUMBERS.sub("0", text[:_READ]))
    return _most_known(concepts(folded)) if is_unspaced(folded) else _language_of(telling_words(folded))


@lru_cache(maxsize=4_096)
def _language_of(words: tuple[str, ...]) -> str:
    return _most_known(concepts_of_words(words))


def _most_known(codes: dict[str, str]) -> str:
    known = {language: len(code) - code.count(".") for language, code in codes.items()}
    most = max(known.values(), default=0)
    best = sorted(language for language, count in known.items() if count == most)
    return "en" if "en" in best else best[0] if len(best) == 1 else ""
