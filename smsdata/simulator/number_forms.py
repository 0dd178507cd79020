"""Phone numbers as the gateway takes them apart. Owns the countries that it knows.

Imports the parameters of a request.
"""

from __future__ import annotations

from smsdata.simulator.contacts import Refused
from smsdata.simulator.query import Query
from smsdata.simulator.seed_data import Record
from smsdata.simulator.state import AccountState

_PREFIXES = {"AU": ("61", 9), "GB": ("44", 10), "UK": ("44", 10), "US": ("1", 10)}


def international(digits: str, country: str | None) -> int:
    """A number in international form; a national one is rewritten with the country's prefix."""
    plain = "".join(c for c in digits if c.isascii() and c.isdigit())
    if not plain:
        raise Refused("FIELD_INVALID", "The number has no digits.")
    if country is not None and country.upper() in _PREFIXES:
        prefix, _ = _PREFIXES[country.upper()]
        if not plain.startswith(prefix) or plain.startswith("0"):
            plain = prefix + plain.lstrip("0")
    if len(plain) > 18:
        raise Refused("FIELD_INVALID", "The number has more than 18 digits.")
    return int(plain)


def is_mobile(msisdn: int) -> bool:
    """Whether a number has the length of a known country (or is one of the over-long made-up ones)."""
    text = str(msisdn)
    if any(
        text.startswith(prefix) and len(text) == len(prefix) + size for prefix, size in _PREFIXES.values()
    ):
        return True
    return text.startswith("6149157") and len(text) == 13


def format_number(_state: AccountState, query: Query) -> Record:
    """format-number: one number, taken apart."""
    country = query.text("countrycode", required=True) or ""
    msisdn = international(query.text("msisdn", required=True) or "", country)
    prefix, size = _PREFIXES.get(country.upper(), ("", 0))
    valid = is_mobile(msisdn)
    return {
        "number": {
            "countrycode": prefix,
            "nationalnumber": str(msisdn)[-size:] if size else "",
            "international": str(msisdn),
            "type": 1 if valid else 10,
            "isValid": valid,
        }
    }
