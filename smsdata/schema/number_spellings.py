"""How people, spreadsheets and other systems spell phone numbers, and the digits that the gateway knows.

Owns the one reading of numbers that come from outside; knows no table. Imports of smsdata only `errors`
and `number_runs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from numbers import Integral, Real
from traceback import clear_frames
from typing import Any

import pandas as pd
import phonenumbers

from smsdata.errors import UsageError
from smsdata.schema.number_runs import plain_signs

_Pattern = re.Pattern[str]
_Region = tuple[_Pattern | None, _Pattern, list[tuple[frozenset[int], _Pattern]]]

REASONS = {
    "": "read",
    "empty": "nothing there: null, NaN, blank, or a word for it such as None or n/a",
    "needs a country": "digits that are a number only within some country; give country=",
    "digits lost": "rounded by a spreadsheet or float, such as 6.14916E+10; take the number from its source",
    "wrong length": "too few or too many digits for its country",
    "unknown country code": "no country has the code it begins with",
    "more than one number": "several numbers in one place",
    "letters in it": "letters or digits among what could be a number",
    "two readings": "a number of the country given, or one of another country without its +",
    "no phone number": "no digits, a negative number, a truth value, a date",
}
"""Why a number was not read, and what each means."""

_NOTHING = {"", "nan", "none", "null", "<na>", "n/a", "nat", "-"}
_LOST_ZEROS = "00000"  # a spreadsheet shows six digits of a long number, so at least five of eleven are lost
_FULL = re.compile(r"\+?[0-9]+")
_FLOAT = re.compile(
    r"\+?([0-9]+)(?:\.0*|,0+)"
)  # where the decimal sign is a comma, it is followed by a digit
_SCIENTIFIC = re.compile(r"\+?([0-9])(?:[.,]([0-9]*))?\s?e\s?\+?([0-9]{1,3})", re.IGNORECASE)
_TEXT_FORMULA = re.compile(r'^=?"(.*)"$', re.DOTALL)
_GROUPED = re.compile(r"\+?[0-9][0-9 ().-]*")
_SEPARATORS = str.maketrans("", "", " ().-")
_LABEL = re.compile(
    r"\s*(?:(?:tel|telephone|phone|ph|mob|mobile|cell|sms|smsto|whatsapp|callto|m|t|p|c)\b\s*[.:]*\s*)*", re.I
)
_AREA_CODE = re.compile(r"^((?:\+\d{1,3}[\s-]*)?\(?0?\)?\d{2,5}\)?)\s*/\s*(?=\d{4})")
_CORE = re.compile(r"[\s(]{0,6}\+?[\s(]{0,6}\d[\d\s().\-_·]*")
_EXTENSION = re.compile(r"[\s,;(]*(?:ext(?:ensio)?n?|x|#)[\s.:=]*\d{1,6}[\s)]*", re.I)
_ANOTHER = re.compile(r"\s*(?:[/,;&|+]|(?:or|and|und|oder|et)\b)", re.I)
_TRUNK_ZERO = re.compile(r"(?<=\d)([\s.-]*)\(0\)")
# Set aside for films and books, and so not valid to phonenumbers (Ofcom, numbers for drama use).
FOR_DRAMA = re.compile(r"44(?:7700900|1632960)\d{3}")
"""British numbers that are nobody's, and that examples and trials use."""
_LEAST_DIGITS, _MOST_DIGITS = 5, 15
_DATE = re.compile(r"(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{4})(?:[T\s].*)?")


def to_msisdn(series: Any, country: str | None = None) -> pd.DataFrame:
    """Read phone numbers, however they are spelled, as the digits that smsdata's tables hold.

    Parameters
    ----------
    series
        A Series, or any list of numbers: text, whole numbers, floats, a mixture, missing ones among them.
        Understood are spaces, dots, hyphens, brackets, full-width digits, a lost "+" or 0, ``61491570156.0``
        and ``61491570156,0``, ``+61 (0) 491 570 156``, ``0011 61`` and ``00 61``, ``tel:`` and ``whatsapp:``
        before the number, words and extensions after it.
    country
        The country (two letters, ISO 3166, such as ``"AU"``) of numbers that are written without one. Without
        it those are refused, and digits without "+" are read only if they exist as an international number.

    Returns
    -------
    DataFrame
        One row per value, with the index of the series:

        - ``msisdn`` (str): international digits without "+", null where none could be read;
        - ``reason`` (str): why not, empty where read. One of ``empty``, ``needs a country``, ``digits lost``
          (6.14916E+10, and floats that end in five zeros), ``wrong length``, ``unknown country code``, ``more
          than one number``, ``letters in it``, ``two readings``, ``no phone number``.

        A number that is read need not exist: `smsdata.analysis.number_details` tells that.

    Raises
    ------
    UsageError
        If `country` is none, or a frame was given instead of one of its columns.

    References
    ----------
    Google libphonenumber, in the Python port ``phonenumbers``; ITU-T E.164.

    Examples
    --------
    >>> to_msisdn(["0491 570 156", "+61 (0) 491 570 156", 61491570156.0, "6.14916E+10"], country="AU")
            msisdn       reason
    0  61491570156
    1  61491570156
    2  61491570156
    3          NaN  digits lost
    >>> to_msisdn(["491570156"])["reason"].tolist()
    ['needs a country']
    """
    if isinstance(series, pd.DataFrame):
        raise UsageError('to_msisdn: give one column of the frame, such as frame["msisdn"].')
    region = known_region(country, "to_msisdn: country")
    values = series if isinstance(series, pd.Series) else pd.Series(list(series), dtype="object")
    codes, distinct = _distinct_texts(values)
    readings = [read_number(text, region) for text in distinct]
    digits = pd.array([number for number, _ in readings] + [None], dtype="str")
    reasons = pd.array([reason for _, reason in readings] + ["empty"], dtype="str")
    return pd.DataFrame({"msisdn": digits[codes], "reason": reasons[codes]}, index=values.index)


def usual_spellings(msisdn: str) -> tuple[str, ...]:
    """The digits by which a number is written: in full, within its country, and as dialled from abroad.

    >>> usual_spellings("61491570156")
    ('61491570156', '0491570156', '610491570156', '0061491570156', '001161491570156')
    """
    parsed = phonenumbers.parse(f"+{msisdn}")
    within = re.sub(r"\D", "", phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL))
    trunk = f"{parsed.country_code}{within}"
    return tuple(dict.fromkeys([msisdn, within, trunk, f"00{msisdn}", f"0011{msisdn}"]))


def known_region(country: str | None, what: str) -> str | None:
    """Give the two letters of a country in capitals; UsageError if it is none."""
    if country is None:
        return None
    region = country.strip().upper() if isinstance(country, str) else ""
    if region not in phonenumbers.SUPPORTED_REGIONS:
        hint = "GB" if region == "UK" else "AU"
        raise UsageError(f"{what} takes the two letters of a country, such as {hint!r}; {country!r} is none.")
    return region


def _distinct_texts(values: pd.Series) -> tuple[Any, Iterable[str]]:
    """The distinct spellings, and which of them each value has; -1 where a value is missing."""
    if values.dtype in ("float16", "float32"):  # these hold 7 digits at most
        values = values.astype("object").map(lambda value: None if pd.isna(value) else "1e10")
    elif values.dtype != "str":
        if values.dtype.kind in "iuf":
            codes, numbers = pd.factorize(values)
            return codes, [_as_text(value) for value in numbers.tolist()]
        # Texts first: 1, 1.0 and True are equal to pandas, and do not read the same.
        values = pd.Series([_as_text(value) for value in values.tolist()], dtype="object")
    codes, uniques = pd.factorize(values)
    return codes, list(uniques)


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "a truth value"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return repr(float(value)) if type(value).__name__ not in ("float32", "float16") else "1e10"
    # Decimals are no Real; a missing value of any kind prints as one of the words for nothing.
    return "" if value is None else str(value)


def read_number(text: str, region: str | None) -> tuple[str | None, str]:
    """Read one spelling; gives the digits and "", or None and the reason."""
    plain, reason = _plain_digits(text)
    if reason == "other":
        plain, reason = _plain_digits(_without_ornaments(text))
    if reason == "other":
        plain, reason = _core_of(plain)
    if reason:
        return None, reason
    if plain.startswith("+"):
        return _international(plain[1:].removeprefix("00"))
    return _without_plus(plain, region)


def _plain_digits(text: str) -> tuple[str, str]:
    """The digits of the spellings that most files have; the reason "other" where a closer look is needed."""
    if _FULL.fullmatch(text):
        return text, ""
    if (whole := _FLOAT.fullmatch(text)) is not None:
        return whole[1], "digits lost" if whole[1].endswith(_LOST_ZEROS) else ""
    if _GROUPED.fullmatch(text) and len(text) <= 20 and not _DATE.fullmatch(text):
        if "(0)" in text:
            text = _without_trunk_zero(text)
        return text.translate(_SEPARATORS), ""
    if text.lower() in _NOTHING:
        return "", "empty"
    if (lost := _SCIENTIFIC.fullmatch(text)) is not None:
        digits = _written_out(*lost.groups(default=""))
        return digits, "" if digits else "digits lost"
    return text, "other"


def looks_like_number(text: str) -> bool:
    """Tell whether a text may be a phone number: 7 to 15 digits or more of them, and no date."""
    digits = sum(character.isdigit() for character in text)
    return digits >= 7 and not _DATE.fullmatch(text.strip()) and read_number(text, None)[1] not in (
        "letters in it", "no phone number"
    )  # fmt: skip


def _without_ornaments(text: str) -> str:
    """Plain digits, hyphens and spaces, without the marks that a spreadsheet or a phone puts around them."""
    if not text.isascii():
        text = plain_signs(text)
    text = text.strip()
    if (quoted := _TEXT_FORMULA.match(text)) is not None:
        text = quoted[1]
    return text.strip("'\"` \t\r\n")


def _written_out(first: str, fraction: str, exponent: str) -> str:
    """The digits of a number with an exponent; empty if some are lost."""
    places = int(exponent)
    kept, beyond = fraction[:places], fraction[places:]
    return first + kept if len(kept) == places and not beyond.strip("0") else ""


def _core_of(text: str) -> tuple[str, str]:
    """The digits of a text, with the + before them, and what speaks against them."""
    rest = _AREA_CODE.sub(r"\1 ", text[_LABEL.match(text).end() :])  # type: ignore[union-attr]
    core = _CORE.match(rest)
    if core is None:
        return "", "letters in it" if any(c.isdigit() for c in rest) and rest[
            :1
        ] != "-" else "no phone number"
    if _DATE.fullmatch(rest.strip()):
        return "", "no phone number"
    reason = _against(core[0], rest[core.end() :])
    written = _without_trunk_zero(core[0].strip())
    digits = re.sub(r"\D", "", written)
    if not reason and len(digits) > 17 and re.search(r"\d\s", written):
        reason = "more than one number"
    return ("+" if "+" in written else "") + digits, reason


def _without_trunk_zero(written: str) -> str:
    """Drop the (0) that is dialled only within the country; a number in Italy keeps its 0."""
    return written if written.startswith(("+39", "39")) else _TRUNK_ZERO.sub(r"\1", written)


def _against(core: str, tail: str) -> str:
    """Say what a tail after a number has against its being one number; empty if nothing."""
    if not tail or _EXTENSION.fullmatch(tail):
        return ""
    digits = sum(character.isdigit() for character in tail)
    if digits and (digits >= 6 or _ANOTHER.match(tail)):
        return "more than one number"
    return "letters in it" if digits or (core[-1].isdigit() and tail[0].isalnum()) else ""


def _without_plus(digits: str, region: str | None) -> tuple[str | None, str]:
    if digits.startswith("00"):
        if region is not None and (number := _dialled_abroad(digits, region)):
            return number, ""
        return _international(digits[4:] if digits.startswith("0011") else digits[2:])
    if region is not None:
        if digits.startswith("0"):
            own = _within(digits, region)
            return (own, "") if own else _parsed(digits, region)
        return _of_either(digits, region)
    if not digits.startswith("0") and exists(digits):
        return digits, ""
    number, reason = (None, "") if digits.startswith("0") else _parsed("+" + digits, None, only_valid=True)
    if number or reason == "wrong length":
        return number, reason
    return None, "needs a country" if 5 <= len(digits) <= 15 else "wrong length"


def _of_either(digits: str, region: str) -> tuple[str | None, str]:
    """Digits without 0 and + in a file from a country: one of its own before one from elsewhere."""
    own = f"{phonenumbers.country_code_for_region(region)}{digits}"
    for whole in (own, digits):
        if exists(whole):
            return whole, ""
    here, reason = _parsed(digits, region)
    abroad, _ = _parsed("+" + digits, None, only_valid=True)
    if here and abroad and here != abroad:
        return None, "two readings"
    return here or abroad, "" if here or abroad else reason


def _within(digits: str, region: str) -> str | None:
    """A valid number after the 0 of its country, where nothing but that 0 has to go; else None."""
    code = str(phonenumbers.country_code_for_region(region))
    abroad, prefix = _dialling_prefixes(region)
    dialled = prefix.match(digits) if prefix is not None else None
    if abroad.match(digits) or dialled is None or dialled.end() != 1 or any(dialled.groups()):
        return None
    whole = code + digits[1:]
    return whole if exists(whole) else None


@cache
def _dialling_prefixes(region: str) -> tuple[_Pattern, _Pattern | None]:
    """What is dialled before a number abroad, and before one within a country."""
    plan: Any = phonenumbers.PhoneMetadata.metadata_for_region(region)
    within = plan.national_prefix_for_parsing
    return re.compile(plan.international_prefix or "$."), re.compile(within) if within else None


def _international(digits: str) -> tuple[str | None, str]:
    if _LEAST_DIGITS <= len(digits) <= _MOST_DIGITS and country_code_of(digits) is None:
        return None, "unknown country code"  # as phonenumbers says after a closer look
    return (digits, "") if exists(digits) else _parsed("+" + digits, None)


def _dialled_abroad(digits: str, region: str) -> str | None:
    """A number after the prefix with which a country dials abroad, such as 0011 in Australia."""
    parsed, _ = parsed_number(digits, region, keep_raw_input=True)
    if parsed is None:
        return None
    dialled = parsed.country_code_source == phonenumbers.CountryCodeSource.FROM_NUMBER_WITH_IDD
    return _e164(parsed) if dialled and _is_possible(parsed) else None


def _parsed(text: str, region: str | None, *, only_valid: bool = False) -> tuple[str | None, str]:
    """What phonenumbers makes of digits that `exists` does not settle."""
    parsed, error = parsed_number(text, region)
    if parsed is None:
        unknown = error == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE
        return None, "unknown country code" if unknown else "wrong length"
    if phonenumbers.is_valid_number(parsed) or (not only_valid and _is_possible(parsed)):
        return _e164(parsed), ""
    return None, "needs a country" if only_valid else "wrong length"


def parsed_number(text: str, region: str | None, *, keep_raw_input: bool = False) -> tuple[Any, int | None]:
    """A number as phonenumbers reads it, or None and the type of its error.

    Within phonenumbers the error refers to its own frame, so that it would hold on to all frames that led
    here, with the rows that they have at hand, until Python looks for cycles.
    """
    try:
        return phonenumbers.parse(text, region, keep_raw_input=keep_raw_input), None
    except phonenumbers.NumberParseException as error:
        clear_frames(error.__traceback__)
        return None, error.error_type


def _is_possible(parsed: Any) -> bool:
    """Whether the digits are as many as a line has that can be called; it need not be allotted."""
    line = phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE
    if parsed.italian_leading_zero:  # a 0 that is no prefix: few countries have such numbers, and all valid
        return False
    return bool(
        phonenumbers.is_possible_number_for_type_with_reason(parsed, line)
        == phonenumbers.ValidationResult.IS_POSSIBLE
    )


def _e164(parsed: Any) -> str:
    return f"{parsed.country_code}{phonenumbers.national_significant_number(parsed)}"


def exists(digits: str) -> bool:
    """Tell that digits are a valid number as they stand; False also where `phonenumbers.parse` must decide.

    Says what ``phonenumbers.is_valid_number`` says, in a tenth of the time: a million numbers are usual.
    """
    code = country_code_of(digits)
    if code is None:
        return False
    national = digits[len(code) :]
    prefix, regions = _numbering_plan(code)
    if national.startswith("0") or (prefix is not None and prefix.match(national)):
        return False  # a prefix that is dialled only within the country may have to go
    for leading, general, lines in regions:
        if leading is not None and not leading.match(national):
            continue
        fits = general.fullmatch(national) and any(
            len(national) in lengths and line.fullmatch(national) for lengths, line in lines
        )
        if fits or leading is not None:
            return bool(fits)
    return FOR_DRAMA.fullmatch(digits) is not None


def country_code_of(digits: str) -> str | None:
    """The country code that digits begin with; None if no country has one.

    >>> country_code_of("61491570156"), country_code_of("12025550100"), country_code_of("0491570156")
    ('61', '1', None)
    """
    codes = _country_codes()
    for length in (1, 2, 3):
        if digits[:length] in codes:
            return digits[:length]
    return None


@cache
def _country_codes() -> frozenset[str]:
    return frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


@cache
def _numbering_plan(code: str) -> tuple[_Pattern | None, list[_Region]]:
    """The patterns of a country code: its national prefix, and for each region its kinds of line."""
    plans: list[Any] = [
        phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
        for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[int(code)]
    ]
    prefix = plans[0].national_prefix_for_parsing
    return re.compile(prefix) if prefix else None, [_patterns(plan) for plan in plans]


def _patterns(plan: Any) -> _Region:
    kinds = (
        plan.mobile, plan.fixed_line, plan.voip, plan.toll_free, plan.premium_rate, plan.shared_cost,
        plan.personal_number, plan.pager, plan.uan, plan.voicemail,
    )  # fmt: skip
    lengths = plan.general_desc.possible_length
    lines = [
        (frozenset(kind.possible_length or lengths), re.compile(kind.national_number_pattern))
        for kind in kinds
        if kind is not None and kind.national_number_pattern
    ]
    leading = re.compile(plan.leading_digits) if plan.leading_digits else None
    return leading, re.compile(plan.general_desc.national_number_pattern), lines
