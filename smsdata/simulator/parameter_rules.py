"""What a value of a file of parameters may be. Owns the rules: each gives the value, or raises a ValueError.

The text of the error says what the value should be. Imports nothing of this package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any

Rule = Callable[[Any], Any]


def number_between(least: float, most: float, kind: str) -> Rule:
    """A number of a range; ``kind`` says in an error what it should be."""

    def rule(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ValueError(kind)
        return value

    return rule


def whole_between(least: int, most: int, kind: str) -> Rule:
    """A whole number of a range."""

    def rule(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(kind)
        return value

    return rule


def true_or_false(value: Any) -> bool:
    """A flag."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def word_of(words: str) -> Rule:
    """One of some words."""

    def rule(value: Any) -> str:
        if not isinstance(value, str) or value not in words.split():
            raise ValueError(f"one of {', '.join(words.split())}")
        return value

    return rule


def any_text(value: Any) -> str:
    """Text."""
    if not isinstance(value, str):
        raise ValueError("text")
    return value


def digits_or_none(value: Any) -> str:
    """Digits in quotes, or none."""
    if not isinstance(value, str) or not (value == "" or (value.isascii() and value.isdigit())):
        raise ValueError("digits in quotes")
    return value


def weights_for(count: int) -> Rule:
    """So many weights."""

    def rule(value: Any) -> tuple[float, ...]:
        kind = f"{count} weights, not all 0"
        if not isinstance(value, list) or len(value) != count:
            raise ValueError(kind)
        numbers = tuple(number_between(0, 1e9, kind)(one) for one in value)
        if not any(numbers):
            raise ValueError(kind)
        return numbers

    return rule


def weighted_texts(value: Any) -> tuple[tuple[str, float], ...]:
    """Texts with weights."""
    kind = 'pairs such as [["Yes", 12], ["STOP", 3]], with weights that are not all 0'
    if not isinstance(value, list) or not all(isinstance(one, list) and len(one) == 2 for one in value):
        raise ValueError(kind)
    pairs = tuple((text, number_between(0, 1e9, kind)(weight)) for text, weight in value)
    if not any(weight for _, weight in pairs) or not all(isinstance(text, str) for text, _ in pairs):
        raise ValueError(kind)
    return pairs


def list_of_words(value: Any) -> tuple[str, ...]:
    """A list of words."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("a list of words")
    return tuple(value)


def list_of_prefixes(value: Any) -> tuple[str, ...]:
    """A list of what numbers begin with; none at all would leave nobody to send to."""
    kind = 'a list of digits in quotes, such as ["61", "44"]'
    if not isinstance(value, list) or not value or not all(value):
        raise ValueError(kind)
    try:
        return tuple(digits_or_none(one) for one in value)
    except ValueError:
        raise ValueError(kind) from None


def list_of_rates(value: Any) -> tuple[int, ...]:
    """A list of how many a second."""
    kind = "a list of whole numbers from 1 up"
    if not isinstance(value, list) or not value:
        raise ValueError(kind)
    return tuple(whole_between(1, 10**9, kind)(one) for one in value)


def from_and_to(value: Any) -> tuple[float, float]:
    """A range."""
    kind = "two numbers, the smaller first"
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(kind)
    low, high = (number_between(0, 1e9, kind)(one) for one in value)
    if low > high:
        raise ValueError(kind)
    return low, high


def figure(rule: Rule) -> Any:
    """A field of a section, and what its value may be."""
    return field(metadata={"rule": rule})


def share_figure() -> Any:
    """A field that is a share."""
    return figure(number_between(0, 1, "a share from 0 to 1"))


def seconds_figure(least: int = 0) -> Any:
    """A field that is a time."""
    return figure(whole_between(least, 315_360_000, f"whole seconds from {least} to ten years"))


def count_figure(least: int = 0) -> Any:
    """A field that is a count."""
    return figure(whole_between(least, 100_000, f"a whole number from {least} to 100,000"))


def shown_value(value: Any) -> str:
    """A value as an error shows it, in one line."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
