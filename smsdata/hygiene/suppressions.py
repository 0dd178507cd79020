"""What was taken off lists, and the check of an import against it.

Imports of smsdata only `store`, `schema`, `settings`, `times`, `errors` and, within hygiene,
contact_countries, contact_file and run_journal.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from smsdata.errors import SafetyError, StoreError
from smsdata.hygiene.contact_countries import region_named
from smsdata.hygiene.contact_file import contact_file
from smsdata.hygiene.run_journal import RunJournal, runs
from smsdata.schema.number_spellings import known_region, to_msisdn
from smsdata.settings import expanded
from smsdata.store.forgotten import Forgotten
from smsdata.store.store import Store, open_store
from smsdata.times import instant

_HITS = {
    "line": "int64", "column": "str", "msisdn": "str", "times": "int64", "lists": "str", "action": "str",
    "rule": "str", "run": "str", "cut_off": "bool",
}  # fmt: skip
_AT_ONCE = 50_000
_LINES_NAMED = 5
"""So many of the lines that cannot be read are named."""


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
        The country of numbers written without one, such as ``"AU"``, in lines for which the file names none:
        a column of the file that does goes first. Without either those are not understood.
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
        - ``action``, ``rule``, ``run`` (str), ``done_at`` (datetime64[us, UTC]): of the latest time;
        - ``cut_off`` (bool): of a run that was cut off before it was kept: it may have been taken off.

        What was undone is not in it. ``attrs["cut_off"]`` names such runs, and the contacts of theirs that
        are not kept; and those whose journal is damaged. ``attrs["countries"]`` tells which country was taken
        for how many lines, and whether the file named it. ``attrs["columns"]`` tells of each column its
        ``lines``, ``hits`` (lines with a number found), ``empty`` and ``unreadable`` cells, the
        ``reasons`` of these, with their counts, in the words of `smsdata.to_msisdn`, and the first five
        ``unreadable_lines``; ``attrs["unreadable"]``
        is the sum of the unreadable.

    Raises
    ------
    UsageError
        When the file cannot be read as CSV, no column looks like phone numbers, or `country` or `column` is
        none.
    """
    region = known_region(country, "--country")
    store = open_store(store)
    forgotten = store.forgotten.now()
    taken_off, cut_off = _taken_off(store)
    removed = frozenset(taken_off["msisdn"])
    file = contact_file(expanded(contacts), region, column)
    checked = {name: _CheckedColumn(name) for name in file.columns}
    countries = _Countries(file.country[0] if file.country else None, region)
    rest = file.lines()
    while lines := list(islice(rest, _AT_ONCE)):
        numbers = [line for line, *_ in lines]
        regions = countries.of([text for *_, text in lines])
        for at, one in enumerate(checked.values()):
            one.add(numbers, [cells[at] for _, cells, _ in lines], removed, regions, forgotten)
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
    latest = taken_off.drop_duplicates("msisdn", keep="last")
    latest = latest[["msisdn", "action", "rule", "run", "done_at", "cut_off"]]
    whose = found["msisdn"].map(lambda number: forgotten.stand_in(number) or number).astype("str")
    hits = found.assign(whose=whose).join(latest.set_index("msisdn"), on="whose").join(lists, on="whose")
    hits = hits.sort_values(["line", "column"]).reset_index(drop=True)[[*_HITS, "done_at"]].astype(_HITS)
    hits.attrs["cut_off"] = cut_off
    hits.attrs["countries"] = countries.summary()
    hits.attrs["columns"] = [one.summary() for one in checked.values()]
    hits.attrs["unreadable"] = sum(one["unreadable"] for one in hits.attrs["columns"])
    return hits


def _taken_off(store: Store) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Whom runs took off lists, in the order of time; and the runs of which not all is kept in the table.

    A run that was cut off may have taken off whom it only meant to: its contacts count as doubtful.
    """
    kept = store.read("suppressions")
    known = set(kept[["list_id", "msisdn", "run"]].itertuples(index=False, name=None))
    rows_of = kept["run"].value_counts()
    kept = kept[kept["undone_at"].isna()].assign(cut_off=False)
    more: list[dict[str, Any]] = []
    named: list[dict[str, Any]] = []
    for run in runs(store):
        journal = RunJournal(store, run)
        try:
            entries = list(journal.entries.values()) if journal.may_lack(int(rows_of.get(run, 0))) else []
        except (SafetyError, StoreError) as error:
            named.append({"run": run, "contacts": None, "why": str(error)})
            continue
        rows = [
            {"list_id": one.list_id, "msisdn": one.msisdn, "run": run, "action": one.action, "rule": one.rule,
             "done_at": instant(one.at), "cut_off": True}
            for one in entries
            if one.state not in {"refused", "undone"} and (one.list_id, one.msisdn, run) not in known
        ]  # fmt: skip
        if rows:
            named.append({"run": run, "contacts": len(rows), "why": "it was cut off before it was kept"})
            more += rows
    taken = pd.concat([kept, pd.DataFrame(more).astype(_KEPT)]) if more else kept
    return taken.sort_values(["done_at", "list_id"]), named


_KEPT = {"list_id": "int64", "msisdn": "str", "done_at": "datetime64[us, UTC]", "cut_off": "bool"}


class _Countries:
    """Which country is taken for each line, and by whose word."""

    def __init__(self, column: str | None, default: str | None) -> None:
        self.column, self.default = column, default
        self.named: Counter[str] = Counter()
        self.strange: Counter[str] = Counter()
        self.by_default = 0

    def of(self, texts: list[str]) -> list[str | None]:
        """Give the country of each line: the file's own word goes first, also where it is not understood."""
        regions: list[str | None] = []
        for text in texts:
            region = region_named(text) if text else self.default
            regions.append(region)
            if not text:
                self.by_default += 1
            elif region is None:
                self.strange[text] += 1
            else:
                self.named[region] += 1
        return regions

    def summary(self) -> dict[str, Any]:
        """The counts of lines."""
        return {
            "column": self.column,
            "named": dict(self.named.most_common()),
            "not_understood": dict(self.strange.most_common(5)),
            "not_understood_lines": self.strange.total(),
            "default": self.default,
            "default_lines": self.by_default,
        }


@dataclass
class _CheckedColumn:
    """What was seen in one column of a file."""

    name: str
    lines: int = 0
    first: dict[str, int] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    unread: list[int] = field(default_factory=list)

    def add(
        self,
        lines: list[int],
        cells: list[str],
        removed: frozenset[str],
        regions: list[str | None],
        forgotten: Forgotten,
    ) -> None:
        """Take some lines in; kept is only what was removed before, and counts."""
        texts = pd.Series(cells, dtype="str")
        of = pd.Series(regions, dtype="object").fillna("")
        read = pd.concat([to_msisdn(texts[of == one], str(one) or None) for one in of.unique()]).sort_index()
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
                if reason != "empty" and len(self.unread) < _LINES_NAMED:
                    self.unread.append(line)

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
            "unreadable_lines": self.unread,
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
