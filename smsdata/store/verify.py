"""What can be checked of a store without the gateway: checksums, keys, rows against the counters of sends.

Changes nothing. Which counts agree is decided in `smsdata.schema.counters`. Imports `files`, `keys`,
`schema` and `errors`; is given the `parts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from smsdata.errors import StoreError
from smsdata.schema.counters import Counters, Disagreement, Stored, disagreements
from smsdata.schema.tables import TABLES
from smsdata.store.files import load_part
from smsdata.store.inventory import FileFault
from smsdata.store.keys import firsts

if TYPE_CHECKING:
    from smsdata.store.parts import StoredTables


FILE_FAULTS = frozenset({"damaged", "missing", "unreadable", "older", "foreign", "state is older"})
"""What can be the matter with a file."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in the store that is not as it should be.

    `what` is one of `FILE_FAULTS`, ``"keys"``, a status, or ``"optouts"``; `where` a file or
    ``message_id=...``; `stored` stands where `expected` is due; `advice` says what to do.
    """

    table: str
    what: str
    where: str
    stored: int
    expected: int
    advice: str

    def __str__(self) -> str:
        counts = "" if self.what in FILE_FAULTS else f" stored {self.stored:,}, expected {self.expected:,}"
        return f"{self.table} {self.where}: {self.what}{counts}. {self.advice}"


def file_faults(tables: StoredTables) -> Iterator[Difference]:
    """The files that are not what the store wrote last, or whose content is damaged."""
    if tables.inventory.lost_state():
        yield Difference(
            "store", "missing", ".smsdata/state.json", 0, 0,
            "Restore it from a backup, or run `smsdata sync`, which then reads all again. Without it nobody "
            "can say whether files are missing.",
        )  # fmt: skip
    faults = tables.inventory.faults(*TABLES)
    named = {fault.name for fault in faults}
    for table in [] if any(fault.name == fault.table for fault in faults) else TABLES:
        for part in tables.parts(table):
            name = part.relative_to(tables.path).as_posix()
            try:
                if name not in named:
                    load_part(part)
            except StoreError as error:
                faults.append(FileFault(table, name, error.code.lower(), 0, ""))
    for fault in faults:
        yield Difference(fault.table, fault.what, fault.name, 0, fault.expected, fault.advice)


def key_faults(tables: StoredTables) -> Iterator[Difference]:
    """The tables in which a key is missing or stands twice."""
    for table in TABLES:
        rows = tables.rows(table, columns=TABLES[table].key)
        distinct = len(firsts(TABLES[table].key, rows.drop_null()))
        if distinct < rows.num_rows:
            yield Difference(
                table, "keys", table, rows.num_rows, distinct,
                "Keys are missing or twice: restore the table from a backup, or remove it and sync again.",
            )  # fmt: skip


def counter_faults(
    tables: StoredTables, table: str, *, since: datetime | None, until: datetime | None = None
) -> Iterator[Difference]:
    """Where the rows of a campaign do not add up to its counters.

    `table` is messages, dlrs or optouts; checked are the campaigns sent from `since` on, which is when the
    table begins, and before `until`.
    """
    if since is None:
        return
    counts = _stored_by_send(tables, table)
    for campaign in tables.rows("campaigns", since=since, until=until).to_pylist():
        stored = counts.get(campaign["message_id"], Counter())
        for what, have, due in _of_one_send(table, campaign, stored):
            yield Difference(
                table, what, f"message_id={campaign['message_id']}", have, due,
                "Run `smsdata sync`; if it stays, `smsdata sync --deep`.",
            )  # fmt: skip


def _stored_by_send(tables: StoredTables, table: str) -> dict[int, Counter[str]]:
    """The rows of each send, by status; for optouts all of them under that name."""
    by = ["message_id"] if table == "optouts" else ["message_id", "status"]
    counts: dict[int, Counter[str]] = {}
    for row in tables.grouped(table, by, add_up="copies" if TABLES[table].copies else ""):
        counts.setdefault(row["message_id"], Counter())[row.get("status", "optouts")] += row["n"]
    return counts


def _of_one_send(table: str, campaign: dict[str, Any], stored: Counter[str]) -> list[Disagreement]:
    counters = Counters.of_row(campaign)
    if table != "optouts":
        return disagreements(counters, Stored(stored))
    have, due = stored["optouts"], counters.optouts
    return [("optouts", have, due)] if have != due else []
