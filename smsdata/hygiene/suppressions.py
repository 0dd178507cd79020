"""What was taken off lists, and the check of an import against it.

Owns the reading of a file of contacts. Imports of smsdata only `store`, `errors` and, within hygiene,
changes.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pandas as pd
import phonenumbers

from smsdata.errors import UsageError
from smsdata.hygiene.changes import is_number
from smsdata.store.store import Store, open_store

_HEADS = ("msisdn", "mobile", "phone", "number", "cell", "tel")
_HITS = {"line": "int64", "msisdn": "str", "lists": "str", "action": "str", "rule": "str", "run": "str"}


def check(contacts: str | Path, store: Store | str | Path, *, country: str | None = None) -> pd.DataFrame:
    """Tell which numbers of a file were taken off a list before, so that nobody imports them again.

    Parameters
    ----------
    contacts
        A CSV file. The column is the first one whose name has msisdn, mobile, phone, number, cell or tel in
        it; else the first one.
    store
        The store that holds the table suppressions, or its folder.
    country
        The country of numbers written without one, such as ``"AU"``; without it those are not understood.

    Returns
    -------
    DataFrame
        One row per number found, in the order of the file:

        - ``line`` (int64): the line of the file where it stands first; ``msisdn`` (str);
        - ``lists`` (str): the lists it was taken off, by comma;
        - ``action``, ``rule``, ``run`` (str), ``done_at`` (datetime64[us, UTC]): of the latest time.

        What was undone is not in it. ``attrs["unreadable"]`` counts lines with a number not understood.

    Raises
    ------
    UsageError
        When the file cannot be read as CSV.
    """
    store = open_store(store)
    wanted, unreadable = _numbers_in_file(Path(contacts), country)
    taken_off = store.read("suppressions")
    taken_off = taken_off[taken_off["undone_at"].isna() & taken_off["msisdn"].isin(list(wanted))]
    taken_off = taken_off.sort_values(["done_at", "list_id"])
    latest = taken_off.drop_duplicates("msisdn", keep="last")
    ids = taken_off.groupby("msisdn")["list_id"]
    lists = ids.agg(lambda of_one: ", ".join(str(one) for one in sorted(set(of_one))))
    hits = latest.assign(line=latest["msisdn"].map(wanted), lists=latest["msisdn"].map(lists))
    hits = hits.sort_values("line").reset_index(drop=True)[[*_HITS, "done_at"]].astype(_HITS)
    hits.attrs["unreadable"] = unreadable
    return hits


def _numbers_in_file(path: Path, country: str | None) -> tuple[dict[str, int], int]:
    """The numbers of a CSV file with the line where each stands first, and how many were not understood."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as CSV ({type(error).__name__}).") from None
    if not lines:
        return {}, 0
    place, headed = _number_column(lines[0][1], country)
    first_lines: dict[str, int] = {}
    unreadable = 0
    for line, row in lines[1 if headed else 0 :]:
        number = _number_of(row[place] if place < len(row) else "", country)
        unreadable += number is None
        if number is not None:
            first_lines.setdefault(number, line)
    return first_lines, unreadable


def _number_column(head: list[str], country: str | None) -> tuple[int, bool]:
    """Where the numbers stand, and whether the first line names the columns."""
    for place, name in enumerate(head):
        if any(word in name.lower() for word in _HEADS):
            return place, True
    return 0, _number_of(head[0], country) is None


def _number_of(text: str, country: str | None) -> str | None:
    digits = re.sub(r"[\s().+-]|^'", "", text.strip())
    digits = re.sub(r"^00", "", digits)
    if is_number(digits):
        return digits
    if country is None:
        return None
    try:
        return phonenumbers.format_number(
            phonenumbers.parse(text, country.upper()), phonenumbers.PhoneNumberFormat.E164
        ).lstrip("+")
    except phonenumbers.NumberParseException:
        return None
