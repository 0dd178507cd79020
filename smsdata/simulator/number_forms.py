"""Phone numbers as the gateway takes them apart. Owns which are mobiles.

What is a number of which country, and on what kind of line, is the library's word; the numbers of the made-up
world, which nobody has, count as mobiles. Imports the refusals, and the parameters of a request.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberType

from smsdata.simulator.contacts import Refused
from smsdata.simulator.query import Query
from smsdata.simulator.seed_data import Record
from smsdata.simulator.state import AccountState

LANDLINE, MOBILE, INVALID = 0, 1, 10
"""The types of lines that the reference has; whatever is a number and no mobile is a landline (a guess)."""

_MADE_UP = re.compile(r"6149157\d{4}(\d\d)?|447700900\d{3}|120255501\d\d")
_SPELLING = re.compile(r"\+?[\d\s().\-/]+", re.ASCII)
_MOST_DIGITS = 18
_MOBILES = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


@dataclass(frozen=True)
class Number:
    """A phone number taken apart; ``prefix`` is the country's, empty where no country has such a number."""

    prefix: str
    national: str
    line: int

    @property
    def digits(self) -> str:
        """The whole of it, in international form."""
        return self.prefix + self.national

    def is_mobile_of(self, countries: Collection[str]) -> bool:
        """Whether it is a mobile of one of these countries, given by their prefixes."""
        return self.line == MOBILE and self.prefix in countries

    def is_not_of(self, countries: Collection[str]) -> bool:
        """Whether it looks like a number of another country than these."""
        return (
            self.prefix not in countries and 8 <= len(self.digits) <= 15 and not self.digits.startswith("0")
        )


def taken_apart(text: str, region: str | None, name: str) -> Number:
    """Take a number apart; ``name`` is the parameter that holds it.

    A national number is one of ``region`` (see `country_given`); one that makes no number there, and without
    a region any number, is read as an international one.

    Examples
    --------
    >>> taken_apart("0491 570 156", "AU", "msisdn")
    Number(prefix='61', national='491570156', line=1)
    >>> taken_apart("447700900123", "AU", "msisdn").prefix, taken_apart("049", "AU", "msisdn").line
    ('44', 10)
    """
    digits = re.sub(r"[^0-9]", "", text)
    if not _SPELLING.fullmatch(text.strip()) or not 0 < len(digits) <= _MOST_DIGITS:
        raise Refused("FIELD_INVALID", f"{name} must be a phone number of at most {_MOST_DIGITS} digits.")
    there = _as_the_library_has_it(text, region) if region else None
    if there is not None and there.line != INVALID:
        return there
    anywhere = _as_the_library_has_it(f"+{digits}", None)
    if anywhere is not None and (there is None or anywhere.line != INVALID):
        return anywhere
    return there or Number("", digits, INVALID)


def mobile_of(text: str, region: str | None, countries: Collection[str]) -> int | None:
    """The number that a text holds, when it is a mobile of one of these countries; None for another."""
    try:
        number = taken_apart(text, region, "number")
    except Refused:
        return None
    return int(number.digits) if number.is_mobile_of(countries) else None


def country_given(query: Query, *, required: bool = False) -> str | None:
    """The country that a request names, in two letters; None for none."""
    country = query.text("countrycode", required=required)
    if country is None:
        return None
    region = {"UK": "GB"}.get(country.upper(), country.upper())
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise Refused("FIELD_INVALID", "countrycode must be two letters of a country, such as AU.")
    return region


def _as_the_library_has_it(text: str, region: str | None) -> Number | None:
    """What the library makes of a number; None where it finds none."""
    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    prefix, national = str(parsed.country_code), str(parsed.national_number)
    if _MADE_UP.fullmatch(prefix + national):
        return Number(prefix, national, MOBILE)
    if not phonenumbers.is_valid_number(parsed):
        return Number(prefix, national, INVALID)
    line = MOBILE if phonenumbers.number_type(parsed) in _MOBILES else LANDLINE
    return Number(prefix, phonenumbers.national_significant_number(parsed), line)


def international(query: Query, name: str) -> int:
    """The number that a required parameter holds, with its country's prefix."""
    given = query.text(name, required=True) or ""
    return int(taken_apart(given, country_given(query), name).digits)


def format_number(_state: AccountState, query: Query) -> Record:
    """format-number: one number, taken apart."""
    given = query.text("msisdn", required=True) or ""
    number = taken_apart(given, country_given(query, required=True), "msisdn")
    return {
        "number": {
            "countrycode": number.prefix,
            "nationalnumber": number.national,
            "international": number.digits,
            "type": number.line,
            "isValid": number.line != INVALID,
        }
    }
