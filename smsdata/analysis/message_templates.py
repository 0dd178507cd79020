"""Texts that are one template with other names filled in, and merge fields that nobody filled.

Pure functions of texts. Imports nothing of smsdata.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

GAP = "[...]"
"""What stands in a template where its texts differ."""

_LEAST_ALIKE = 0.6
"""The share of words that two texts of one template have in common, at the same places."""

_GREETING = "hi|hello|hey|dear|hallo|hej|hola|bonjour|ciao|ol[aá]|good (?:morning|afternoon|evening)"
_UNFILLED = re.compile(
    r"\{\{?[^{}]{0,40}\}?\}|\[(?:first|last|full)?[ _-]?name\d?\]|<<[^<>]{1,40}>>|%%?[A-Za-z_]{2,30}%%?"
    r"|\$\{[^{}]{0,40}\}|\*\|[^|]{1,40}\|\*",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    rf"(?:^|[.!?\n]\s*)(?:{_GREETING})\s+[,!:;.]"  # "Hi , we miss you"
    r"|^\s*[,;:]\s*\w+"  # ", we miss you"
    rf"|(?:^|[.!?\n]\s*)(?:{_GREETING})\s+none\b(?=[,!:;.])"  # "Hi None, we miss you"
    r"|\b(?:nan|null|undefined)\b(?=[,!:;.])"  # "Hi null, we miss you"
    r"|\b\w+ (?:[,;](?=\s)|\.(?=\s|$))"  # "your order , is here", "your code is ."
    r"|\b\w+[^\S\n]{2,}\w+",  # "your  is ready"
    re.IGNORECASE,
)


def empty_field(text: str) -> str | None:
    """Give the first place where a merge field was left empty or was not filled in; None where there is none.

    Parameters
    ----------
    text : str
        The message as the recipient gets it.

    Examples
    --------
    >>> empty_field("Hi , we miss you"), empty_field(", we miss you"), empty_field("Hi {{name}}, hello")
    ('Hi ,', ', we', '{{name}}')
    >>> empty_field("Hi Kim, we miss you") is None
    True
    """
    hit = _UNFILLED.search(text) or _EMPTY.search(text)
    return hit[0].strip() if hit else None


def templates_of(texts: Iterable[str]) -> list[str]:
    """Give for each text the template it is one of: its words, and `GAP` where texts like it have others.

    Texts are alike if they have as many words, begin or end with the same two, and six words of ten in
    common. A text that is like no other is its own template.

    Parameters
    ----------
    texts : iterable of str
        Distinct texts.

    Examples
    --------
    >>> templates_of(["Kim, we miss you", "Lea, we miss you", ", we miss you", "Sale today"])
    ['[...] we miss you', '[...] we miss you', '[...] we miss you', 'Sale today']
    """
    every = list(texts)
    groups: list[list[int]] = []
    first_words: list[list[str]] = []
    ends: dict[tuple[int, str, tuple[str, ...]], list[int]] = {}
    for place, text in enumerate(every):
        words = text.split()
        keys = [(len(words), "begins", tuple(words[:2])), (len(words), "ends", tuple(words[-2:]))]
        near = (group for key in keys for group in ends.get(key, []))
        group = next((group for group in near if _alike(words, first_words[group])), None)
        if group is None:
            group = len(groups)
            groups.append([])
            first_words.append(words)
            for key in keys:
                ends.setdefault(key, []).append(group)
        groups[group].append(place)
    result = list(every)
    for group_places in groups:
        if len(group_places) > 1:
            template = _common([every[place].split() for place in group_places])
            for place in group_places:
                result[place] = template
    return result


def _alike(words: list[str], others: list[str]) -> bool:
    same = sum(one == other for one, other in zip(words, others, strict=True))
    return len(words) > 2 and same >= _LEAST_ALIKE * len(words)


def _common(texts: list[list[str]]) -> str:
    """Keep the words that all have at a place; neighbouring gaps are one."""
    words = [column[0] if len(set(column)) == 1 else GAP for column in zip(*texts, strict=True)]
    return " ".join(word for n, word in enumerate(words) if word != GAP or not n or words[n - 1] != GAP)
