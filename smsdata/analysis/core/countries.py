"""The country a phone number belongs to, for grouping and for what else its digits say.

Owns the reading of international digits. A lookup takes 30 microseconds, so callers hand over distinct
numbers. Imports of smsdata only `schema`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import pandas as pd
import phonenumbers

from smsdata.schema.number_spellings import FOR_DRAMA, parsed_number


def countries_of(numbers: Iterable[str]) -> pd.DataFrame:
    """Give ``msisdn`` and ``country`` of distinct numbers, for joining; null country where unknown.

    >>> countries_of(["61491570156"]).country.tolist()
    ['AU']
    """
    distinct = list(numbers)
    frame = pd.DataFrame({"msisdn": distinct, "country": [country_of(number) for number in distinct]})
    return frame.astype({"msisdn": "str", "country": "str"})


def read_digits(number: str) -> Any:
    """Read international digits, or give None."""
    return parsed_number(f"+{number}", None)[0]


@lru_cache(maxsize=200_000)
def country_of(number: str) -> str | None:
    """Give the two letters (ISO 3166) of a number's country; None where unknown, or where it has none.

    >>> country_of("61491570156"), country_of("447700900123"), country_of("999")
    ('AU', 'GB', None)
    """
    if FOR_DRAMA.fullmatch(number):  # four countries share the code: the library knows allotted numbers alone
        return "GB"
    parsed = read_digits(number)
    region: str | None = phonenumbers.region_code_for_number(parsed) if parsed else None
    return None if region == "001" else region
