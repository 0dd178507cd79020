"""The country that a file of contacts names for each line: a code, a name, or what is dialled for it.

Owns how a country is written, and which column of a file names one. Imports of smsdata nothing.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

import phonenumbers

_HEADING = re.compile(
    r"(?:^|[\W_])(?:country|land|pays|pa[ií]s|paese)(?:$|[\W_])|^country(?:code|iso|name)$", re.I
)
_OTHERWISE = {
    "uk": "GB", "great britain": "GB", "united kingdom": "GB", "england": "GB", "scotland": "GB",
    "wales": "GB", "northern ireland": "GB", "gbr": "GB", "usa": "US", "united states of america": "US",
    "aus": "AU", "nzl": "NZ", "can": "CA", "irl": "IE", "sgp": "SG", "zaf": "ZA", "mys": "MY", "ind": "IN",
    "fra": "FR", "deu": "DE", "deutschland": "DE", "holland": "NL", "uae": "AE",
}  # fmt: skip
"""What stands in files, and neither in ISO 3166 nor in the names that go with it."""


@cache
def region_named(text: str) -> str | None:
    """Give the two letters of a country that a cell names; None where it is not understood.

    >>> region_named("AU"), region_named("uk"), region_named("New Zealand"), region_named("+353")
    ('AU', 'GB', 'NZ', 'IE')
    >>> region_named("Atlantis") is None
    True
    """
    word = " ".join(text.split()).strip(" .").casefold()
    if word.upper() in phonenumbers.SUPPORTED_REGIONS:
        return word.upper()
    if (dialled := re.fullmatch(r"(?:\+|00)?([1-9]\d{0,2})", word, re.ASCII)) is not None:
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(dialled[1]), ())
        return next((one for one in regions if one in phonenumbers.SUPPORTED_REGIONS), None)
    return _OTHERWISE.get(word) or _english_names().get(word)


@cache
def _english_names() -> dict[str, str]:
    """The English names of countries, as they come with the time zones."""
    for text in _iso_tables():
        rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#") and "\t" in line)
        return {name.casefold(): code for code, name in rows if code in phonenumbers.SUPPORTED_REGIONS}
    return {}


def _iso_tables() -> Iterable[str]:
    for folder in zoneinfo.TZPATH:
        try:
            yield (Path(folder) / "iso3166.tab").read_text(encoding="utf-8")
        except (OSError, UnicodeError):
            continue
    try:
        yield (resources.files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    except (ModuleNotFoundError, OSError):
        return


def country_column(names: Sequence[str], rows: Sequence[Sequence[str]]) -> int | None:
    """Tell which column names a country: by its heading, and where most of what stands in it is one.

    >>> country_column(["mobile", "Country"], [["0491 570 156", "Australia"], ["07700 900123", "UK"]])
    1
    """
    for at, name in enumerate(names):
        if _HEADING.search(name) is None:
            continue
        cells = [row[at] for row in rows if at < len(row) and row[at].strip()]
        if cells and sum(region_named(cell) is not None for cell in cells) * 2 >= len(cells):
            return at
    return None
