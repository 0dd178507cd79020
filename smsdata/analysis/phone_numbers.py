"""What a phone number says about itself: country, kind of line, whom its range was given to.

Owns what numbering plans tell beyond the country. Imports of smsdata only errors and
analysis.core.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import phonenumbers
from phonenumbers import carrier

from smsdata.analysis.core.column_types import typed
from smsdata.analysis.core.countries import country_of, read_digits
from smsdata.analysis.core.engine import Source, open_tables
from smsdata.analysis.core.provenance import TimeSpan, explained
from smsdata.errors import UsageError

LINES = {
    phonenumbers.PhoneNumberType.FIXED_LINE: "landline",
    phonenumbers.PhoneNumberType.MOBILE: "mobile",
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE: "landline or mobile",
    phonenumbers.PhoneNumberType.TOLL_FREE: "toll free",
    phonenumbers.PhoneNumberType.VOIP: "voip",
}
_NUMBER_DETAILS = {
    "msisdn": "str",
    "valid": "bool",
    "country": "str",
    "line_type": "str",
    "carrier_of_range": "str",
}


def number_details(numbers: Source | Iterable[str]) -> pd.DataFrame:
    """Tell what the digits of phone numbers say: valid, from which country, what kind of line.

    There is no ``mature_only``: it tells what the digits say, not what became of messages.

    Parameters
    ----------
    numbers : DataFrame, Scan or Spark DataFrame with a column ``msisdn``, or texts
        International digits without "+", repeats allowed.

    Returns
    -------
    DataFrame
        One row per distinct number, in order of the numbers:

        - ``msisdn`` (str);
        - ``valid`` (bool): the number exists in its country's numbering plan;
        - ``country`` (str): two letters (ISO 3166), missing where unknown;
        - ``line_type`` (str): mobile, landline, "landline or mobile" (the country does not tell them apart),
          voip, toll free, other; missing where unknown;
        - ``carrier_of_range`` (str): the carrier to whom the range was first allotted, missing where unknown.
          **Not** the carrier of the subscriber: numbers are ported, in Australia since 2001.

    Raises
    ------
    UsageError
        If a frame has no column ``msisdn``, or numbers are not text, or are spelled with more than digits.

    References
    ----------
    Google libphonenumber, in the Python port ``phonenumbers`` (``carrier.name_for_number``).

    Examples
    --------
    >>> number_details(["61491570156", "12025550123", "61491570156", "999"]).country.tolist()
    ['US', 'AU', nan]
    """
    if not hasattr(numbers, "columns"):
        numbers = pd.DataFrame({"msisdn": _texts(numbers)})
    with open_tables("number_details", numbers=numbers) as tables:
        tables.require("numbers", "msisdn")
        distinct = tables.query('SELECT DISTINCT "msisdn" FROM @numbers WHERE "msisdn" IS NOT NULL')
        rows = [_details(number) for number in sorted(distinct["msisdn"])]
        return explained(
            typed(pd.DataFrame(rows, columns=list(_NUMBER_DETAILS)), _NUMBER_DETAILS),
            tables,
            formula=f"the numbering plans of phonenumbers {phonenumbers.__version__}",
            numerator="distinct numbers",
            denominator="rows with a number",
            window=TimeSpan(why="digits have no time"),
            pending="numbers are no messages",
        )


def _texts(numbers: Iterable[object]) -> pd.Series:
    """The texts of a list; UsageError for numbers that are none: they would silently be left out."""
    values = list(numbers)
    other = next(
        (value for value in pd.Series(values, dtype="object").dropna() if type(value) is not str), None
    )
    if other is not None:
        raise UsageError(
            f"number_details: the numbers are not text, one is {type(other).__name__}. "
            "Convert them: number_details(smsdata.to_msisdn(numbers)['msisdn'])."
        )
    return pd.Series([value for value in values if isinstance(value, str)], dtype="str")


def _details(number: str) -> tuple[str, bool, str | None, str | None, str | None]:
    parsed = read_digits(number)
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        return number, False, country_of(number), None, None
    line = LINES.get(phonenumbers.number_type(parsed), "other")
    return number, True, country_of(number), line, carrier.name_for_number(parsed, "en") or None
