"""What was taken off lists, and the check of an import against it.

Imports of smsdata only `store`, `schema`, `settings`, `errors` and, within hygiene, contact_file.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from smsdata.hygiene.contact_file import contact_file
from smsdata.schema.number_spellings import known_region, to_msisdn
from smsdata.settings import expanded
from smsdata.store.forgotten import Forgotten
from smsdata.store.store import Store, open_store

_HITS = {
    "line": "int64", "column": "str", "msisdn": "str", "times": "int64", "lists": "str", "action": "str",
    "rule": "str", "run": "str",
}  # fmt: skip
_AT_ONCE = 50_000


def check(
    contacts: str | Path,
    store: Store | str | Path,
    *,
    country: str | None = None,
    column: str | None = None,
) -> pd.DataFrame:
    """Tell which numbers of a file were taken off a list before, so that nobody imports them again.

    Parameters
    ----------
    contacts
        A CSV file: separated by commas, semicolons, tabs or bars, in UTF-8, UTF-16 or an older encoding of
        Windows, with a first line of names or without.
    store
        The store that holds the table suppressions, or its folder.
    country
        The country of numbers written without one, such as ``"AU"``; without it those are not understood.
    column
        The name of the column to check, or its place from 1; by default every column that holds phone
        numbers, by its name or by what is in it.

    Returns
    -------
    DataFrame
        One row per number found and column, in the order of the file:

        - ``line`` (int64): the line of the file where it stands first; ``column``, ``msisdn`` (str);
        - ``times`` (int64): in how many lines it stands;
        - ``lists`` (str): the lists it was taken off, by comma;
        - ``action``, ``rule``, ``run`` (str), ``done_at`` (datetime64[us, UTC]): of the latest time.

        What was undone is not in it. ``attrs["columns"]`` tells of each column its ``lines``, ``hits`` (lines
        with a number found), ``empty`` and ``unreadable`` cells, and the ``reasons`` of these, with their
        counts, in the words of `smsdata.to_msisdn`; ``attrs["unreadable"]`` is the sum of the unreadable.

    Raises
    ------
    UsageError
        When the file cannot be read as CSV, no column looks like phone numbers, or `country` or `column` is
        none.
    """
    region = known_region(country, "--country")
    store = open_store(store)
    forgotten = store.forgotten.now()
    taken_off = store.read("suppressions")
    taken_off = taken_off[taken_off["undone_at"].isna()].sort_values(["done_at", "list_id"])
    removed = frozenset(taken_off["msisdn"])
    file = contact_file(expanded(contacts), region, column)
    checked = {name: _CheckedColumn(name) for name in file.columns}
    rest = file.lines()
    while lines := list(islice(rest, _AT_ONCE)):
        numbers = [line for line, _ in lines]
        for at, one in enumerate(checked.values()):
            one.add(numbers, [cells[at] for _, cells in lines], removed, region, forgotten)
    found = pd.DataFrame(
        [
            (line, one.name, number, one.times[number])
            for one in checked.values()
            for number, line in one.first.items()
        ],
        columns=["line", "column", "msisdn", "times"],
    ).astype({name: dtype for name, dtype in _HITS.items() if name in ("line", "column", "msisdn", "times")})
    ids = taken_off.groupby("msisdn")["list_id"]
    lists = ids.agg(lambda of_one: ", ".join(str(one) for one in sorted(set(of_one)))).rename("lists")
    latest = taken_off.drop_duplicates("msisdn", keep="last")[["msisdn", "action", "rule", "run", "done_at"]]
    whose = found["msisdn"].map(lambda number: forgotten.stand_in(number) or number).astype("str")
    hits = found.assign(whose=whose).join(latest.set_index("msisdn"), on="whose").join(lists, on="whose")
    hits = hits.sort_values(["line", "column"]).reset_index(drop=True)[[*_HITS, "done_at"]].astype(_HITS)
    hits.attrs["columns"] = [one.summary() for one in checked.values()]
    hits.attrs["unreadable"] = sum(one["unreadable"] for one in hits.attrs["columns"])
    return hits


@dataclass
class _CheckedColumn:
    """What was seen in one column of a file."""

    name: str
    lines: int = 0
    first: dict[str, int] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(
        self,
        lines: list[int],
        cells: list[str],
        removed: frozenset[str],
        region: str | None,
        forgotten: Forgotten,
    ) -> None:
        """Take some lines in; kept is only what was removed before, and counts."""
        read = to_msisdn(pd.Series(cells, dtype="str"), region)
        self.lines += len(lines)
        for line, cell, number, reason in zip(lines, cells, read["msisdn"], read["reason"], strict=True):
            hit = number if number in removed else _digits_in(cell, removed)
            if hit is None and forgotten:
                hit = next(
                    (one for one in (number, _digits(cell)) if _stood_in(one, forgotten, removed)), None
                )
            if hit is not None:
                self.first.setdefault(hit, line)
                self.times[hit] += 1
            elif reason:
                self.reasons[reason] += 1

    def summary(self) -> dict[str, Any]:
        """The counts of the column."""
        reasons = {reason: count for reason, count in self.reasons.most_common() if reason != "empty"}
        return {
            "column": self.name,
            "lines": self.lines,
            "hits": self.times.total(),
            "empty": self.reasons["empty"],
            "unreadable": sum(reasons.values()),
            "reasons": reasons,
        }


def _stood_in(number: object, forgotten: Forgotten, removed: frozenset[str]) -> bool:
    """Whether it is the number of somebody forgotten who was removed, in any of its usual spellings."""
    return isinstance(number, str) and forgotten.stand_in(number) in removed


def _digits(cell: str) -> str:
    return cell if cell.isdecimal() else re.sub(r"\D", "", cell)


def _digits_in(cell: str, removed: frozenset[str]) -> str | None:
    """Digits that were removed just so: they count also where they can be read as another number."""
    if cell in removed:
        return cell
    digits = _digits(cell)
    return digits if digits in removed else None
