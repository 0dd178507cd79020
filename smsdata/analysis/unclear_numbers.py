"""Numbers without their country: which rows have such, and whom of those known they may mean.

Nobody can tell whose rows these are. Whoever must be sure of somebody counts them as a doubt about each
number that they may mean. Imports of smsdata only `schema` and analysis.core.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from smsdata.analysis.core.engine import Source, open_tables
from smsdata.schema.kinds import ODD_NUMBER
from smsdata.schema.numbers_in_full import ends_of, is_unclear, written_as

_MARK = "unclear:"
_LETTERS = str.maketrans("0123456789", "abcdefghij")
_DIGITS = str.maketrans("abcdefghij", "0123456789")


def may_be_unclear(numbers: pd.Series) -> pd.Series:
    """Tell which numbers look as if they lacked their country, or had more before it."""
    return numbers.str.fullmatch(ODD_NUMBER).fillna(False).astype("bool")


def in_letters(frame: pd.DataFrame) -> pd.DataFrame:
    """Write numbers that begin with 0 in letters: helpers refuse them in frames, since they match nothing."""
    odd = frame["msisdn"].str.fullmatch("0[0-9]+").fillna(False).astype("bool")
    if not odd.any():
        return frame
    letters = frame["msisdn"].map(lambda number: _MARK + str(number).translate(_LETTERS))
    return frame.assign(msisdn=frame["msisdn"].where(~odd, letters).astype("str"))


def out_of_letters(frame: pd.DataFrame) -> pd.DataFrame:
    """Undo `in_letters`."""
    odd = frame["msisdn"].str.startswith(_MARK).fillna(False).astype("bool")
    if not odd.any():
        return frame
    digits = frame["msisdn"].map(lambda text: str(text).removeprefix(_MARK).translate(_DIGITS))
    made = frame.assign(msisdn=frame["msisdn"].where(~odd, digits).astype("str"))
    made.attrs = frame.attrs
    return made


def unclear_numbers(**given: Source | None) -> dict[str, dict[str, int]]:
    """Tell which numbers of some tables may be others, written without their country or with more before it.

    Parameters
    ----------
    given : DataFrame, Scan or Spark DataFrame
        Tables with ``msisdn``, by name.

    Returns
    -------
    dict
        By number, in how many rows of which table it stands.

    Examples
    --------
    >>> unclear_numbers(replies=pd.DataFrame({"msisdn": ["0491570156", "61491570157"]}))
    {'0491570156': {'replies': 1}}
    """
    found: dict[str, dict[str, int]] = {}
    with open_tables("unclear_numbers", **given) as tables:
        for name in given:
            if name not in tables:
                continue
            rows = tables.query(f"""
                SELECT "msisdn", count(*) AS "n" FROM @{name}
                WHERE "msisdn" LIKE '0%' OR length("msisdn") <= 10 OR substr("msisdn", 2, 1) = '0'
                    OR substr("msisdn", 3, 1) = '0' OR substr("msisdn", 4, 1) = '0'
                GROUP BY 1 ORDER BY 1
            """)
            for number, n in rows.dropna().itertuples(index=False):
                if is_unclear(str(number)):
                    found.setdefault(str(number), {})[name] = int(n)
    return found


def those_meant(odd: set[str], **given: Source) -> set[str]:
    """Tell which numbers of some tables a few unclear ones may mean."""
    if not odd:
        return set()
    ends = sorted(set().union(*map(ends_of, odd)))
    known: set[Any] = set()
    with open_tables("those_meant", **given) as tables:
        tables.add("ends", pd.DataFrame({"end": pd.Series(ends, dtype="str")}))
        for name in given:
            for place in (2, 3, 4):  # a country code has one to three digits
                rows = tables.query(f"""
                    SELECT DISTINCT m."msisdn" FROM @{name} AS m
                    JOIN @ends AS e ON substr(m."msisdn", {place}) = e."end"
                """)
                known |= set(rows["msisdn"].dropna())
    return {number for number in known if written_as(number, odd) is not None}
