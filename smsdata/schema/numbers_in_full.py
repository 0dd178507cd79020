"""Numbers that rows bring without their country, or with a prefix before it: in full where that is sure.

The gateway is said to give digits with their country. Where a row has them otherwise, it would match nothing
of the same person. Owns what is sure (the country of our own number on the same row), and which spellings one
number has, for whoever must know what a number may be. Imports `number_spellings` and `kinds`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

import phonenumbers

from smsdata.schema.kinds import ODD_NUMBER
from smsdata.schema.number_spellings import country_code_of, exists, read_number


@lru_cache(maxsize=20_000)
def in_full(number: str, ours: str | None, country: str | None = None) -> str:
    """Give a number with its country where that is sure; else as it is.

    Parameters
    ----------
    number
        Digits, as a row brought them.
    ours
        Our number on the same row, which the person wrote to or was written to from; None, or a word, where
        there is none.
    country
        The country (two letters) to read it in where our number tells none.

    Examples
    --------
    >>> in_full("0491570156", "61491570110"), in_full("491570156", "61491570110")
    ('61491570156', '61491570156')
    >>> in_full("0061491570156", None), in_full("610491570156", None)
    ('61491570156', '61491570156')
    >>> in_full("0491570156", "ACME", "AU")
    '61491570156'
    >>> in_full("0491570156", "ACME"), in_full("447700900000", "61491570110")
    ('0491570156', '447700900000')
    """
    if not re.fullmatch(ODD_NUMBER, number) or exists(number):
        return number
    region = (_region_of(ours) if ours and ours.isascii() and ours.isdigit() else None) or country
    if number.startswith("0"):
        read = read_number(number, region)[0]
    else:
        within = region and f"{phonenumbers.country_code_for_region(region)}{number}"
        read = within if within and len(number) <= _LONGEST_WITHIN and exists(within) else None
        read = read or read_number(f"+{number}", None)[0]
    return read if read and exists(read) else number


_LONGEST_WITHIN = 10


@lru_cache(maxsize=1_000)  # an account has few numbers, and they stand on all its rows
def _region_of(number: str) -> str | None:
    """The country of a number in full."""
    if not exists(number):
        return None
    parsed = phonenumbers.parse(f"+{number}")
    region: str | None = phonenumbers.region_code_for_number(parsed)
    return region or phonenumbers.region_code_for_country_code(parsed.country_code or 0)


def other_spellings(msisdn: str) -> tuple[str, ...]:
    """The digits by which rows may have a number that is not written in full.

    >>> other_spellings("61491570156")
    ('491570156', '0491570156', '610491570156', '0061491570156', '001161491570156', '01161491570156')
    """
    code = country_code_of(msisdn)
    if code is None:
        return ()
    within = msisdn[len(code) :]
    abroad = (f"{prefix}{msisdn}" for prefix in ("00", "0011", "011"))
    dialled = (f"{prefix}{within}" for prefix in _trunk_prefixes(code))
    return tuple(dict.fromkeys([within, *dialled, f"{code}0{within}", *abroad]))


@lru_cache
def _trunk_prefixes(code: str) -> tuple[str, ...]:
    """What is dialled before a number within its country: 0 nearly everywhere."""
    region = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[int(code)][0]
    plan = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
    own = plan.national_prefix if plan is not None else None
    return ("0",) if own in (None, "0") else ("0", own)


def written_as(msisdn: str, given: Collection[str]) -> str | None:
    """Which of some numbers may be this one, written without its country or with more before it.

    >>> written_as("61491570156", {"0491570156"}), written_as("61491570156", {"0491570157"})
    ('0491570156', None)
    """
    return next((one for one in other_spellings(msisdn) if one in given), None) if given else None


def is_unclear(number: str | None) -> bool:
    """Whether a number may be another one written otherwise: it looks so, and does not exist as it is.

    >>> is_unclear("0491570156"), is_unclear("61491570156"), is_unclear("Telstra")
    (True, False, False)
    """
    return isinstance(number, str) and re.fullmatch(ODD_NUMBER, number) is not None and not exists(number)


def ends_of(number: str) -> set[str]:
    """What a number in full that an unclear one stands for may end with, after its country code.

    >>> sorted(ends_of("0491570156")), "491570156" in ends_of("001161491570156")
    (['1570156', '491570156'], True)
    """
    ends = set()
    for digits in (number.lstrip("0"), number.removeprefix("0011"), number.removeprefix("011")):
        whole = digits.lstrip("0")
        code = country_code_of(whole) or ""
        ends |= {whole, whole[len(code) :].lstrip("0")}
    return ends
