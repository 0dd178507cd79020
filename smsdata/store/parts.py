"""Where the rows of every table lie: which files there are, which of them can hold a row, and new ones.

Every row stands in exactly one part and never moves to another, so that replacing one part after the other
never shows a reader a row twice. Decides nothing about what a row says. Imports `files`, `inventory`,
`seal`, `disk`, `schema` and `errors`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from smsdata.errors import StoreError, UsageError
from smsdata.schema.frames import empty, schema
from smsdata.schema.tables import TABLES, table_of
from smsdata.store.disk import Disk
from smsdata.store.files import (
    check_content,
    epoch_micros,
    group_ranges,
    load_between,
    load_part,
    may_hold,
)
from smsdata.store.inventory import Inventory, part_number
from smsdata.store.seal import footer_of
from smsdata.times import refuse_backwards

if TYPE_CHECKING:
    import pandas as pd

PART_ROWS = 250_000


class StoredTables:
    """The Parquet files of all tables below one folder.

    Parameters
    ----------
    path
        The store's folder.
    disk
        How durable files are written.
    part_rows
        About how many rows a file holds at most.
    """

    def __init__(self, path: Path, disk: Disk, part_rows: int = PART_ROWS) -> None:
        self.path = path
        self.inventory = Inventory(path, disk)
        """Which files there are, and which there should be."""
        self.added: Counter[str] = Counter()
        """How many rows of each table were put in that were not there before."""
        self._intact: set[tuple[Path, int, int, int]] = set()
        self._disk = disk
        self._part_rows = part_rows

    def __repr__(self) -> str:
        held = ", ".join(name for name in TABLES if self.parts(name))
        return f"<tables of {self.path}: {held or 'none yet'}; call this for what they hold>"

    def __call__(self) -> pd.DataFrame:
        """Tell which tables there are and what they hold, without reading rows.

        Returns
        -------
        pandas.DataFrame
            A row for each table that has any: table (str), rows (int64), first and last (when its first and
            last row are from, UTC; missing for tables without time), synced (when its last row was seen,
            UTC), bytes (int64).

        Raises
        ------
        StoreError
            A file is damaged or missing.
        """
        import pandas as pd

        held = [one for one in map(self.summary, TABLES) if one["rows"]]
        frame = pd.DataFrame(held, columns=["table", "rows", "first", "last", "synced", "bytes"])
        instants = dict.fromkeys(("first", "last", "synced"), "datetime64[us, UTC]")
        return frame.astype({"table": "str", "rows": "int64", "bytes": "int64", **instants})

    def summary(self, table: str) -> dict[str, Any]:
        """What one table holds, as for a call, from the files' footers."""
        parts, time = self.parts(table), TABLES[table].time
        bounds = self.min_max(table, [*([time] if time else []), "synced_at"]) if parts else {}
        first, last = bounds.get(time, (None, None))
        return {
            "table": table,
            "rows": self.count(table),
            "bytes": sum(part.stat().st_size for part in parts),
            "first": first,
            "last": last,
            "synced": bounds.get("synced_at", (None, None))[1],
        }

    # ---- reading -------------------------------------------------------------------------------

    def parts(self, table: str) -> list[Path]:
        """The files of a table, in the order of time."""
        return self.inventory.listed(table)

    def rows(
        self,
        table: str,
        *,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Read rows in the order of time; see `smsdata.Store.read`."""
        time = time_of(table, since, until)
        arrow = schema(table)
        wanted = list(columns) if columns else arrow.names
        unknown = [name for name in wanted if name not in arrow.names]
        if unknown:
            raise UsageError(f"{table} has no column {unknown[0]!r}. Columns: {', '.join(arrow.names)}.")
        low, high = epoch_micros(since, "since"), epoch_micros(until, "until")
        needed = [*wanted, time] if time and time not in wanted else wanted
        trusted = self.inventory.trusted
        for _ in range(5):
            try:
                pieces = [load_between(part, table, needed, low, high) for part in trusted(table)]
                break
            except FileNotFoundError:
                continue  # a writer replaced it between the listing and the opening
        else:
            raise StoreError(f"{self.path / table} keeps changing; try again.")
        whole = pa.concat_tables([empty(table).select(needed), *pieces])
        return in_time_order(whole, time).select(wanted)

    def intact(self, table: str) -> list[Path]:
        """The files of a table, for whoever reads them without us: all their bytes are checked, once each."""
        for _ in range(5):
            parts = self.inventory.trusted(table)
            try:
                for part in parts:
                    self._check_once(part)
            except FileNotFoundError:
                continue  # a writer replaced it between the listing and the opening
            return parts
        raise StoreError(f"{self.path / table} keeps changing; try again.")

    def _check_once(self, part: Path) -> None:
        facts = part.stat()
        key = (part, facts.st_ino, facts.st_mtime_ns, facts.st_size)
        if key not in self._intact:
            check_content(part)
            self._intact.add(key)

    def count(self, table: str) -> int:
        """How many rows a table has, from the files' footers."""
        return sum(footer_of(part).num_rows for part in self.inventory.trusted(table))

    def min_max(self, table: str, columns: Sequence[str]) -> dict[str, tuple[Any, Any]]:
        """The least and the greatest value of some columns, from the files' footers."""
        extremes: dict[str, tuple[Any, Any]] = {}
        for part in self.inventory.trusted(table):
            footer = footer_of(part)
            for name in columns:
                for low, high in filter(None, group_ranges(footer, name)):
                    least, most = extremes.get(name, (low, high))
                    extremes[name] = (min(least, low), max(most, high))
        return extremes

    def grouped(
        self, table: str, by: Sequence[str], *, since: datetime | None = None, add_up: str = ""
    ) -> list[dict[str, Any]]:
        """Count rows by some columns, or add up a column; part by part, to spare memory."""
        time = time_of(table, since, None)
        needed = list(dict.fromkeys(name for name in (*by, add_up, time) if name))
        pieces = []
        for part in self.inventory.trusted(table):
            rows = load_between(part, table, needed, epoch_micros(since, "since"), None)
            ones = rows.column(add_up) if add_up else pa.repeat(pa.scalar(1, pa.int64()), rows.num_rows)
            counted = rows.select(list(by)).append_column("n", ones)
            pieces.append(counted.group_by(list(by)).aggregate([("n", "sum")]).rename_columns([*by, "n"]))
        if not pieces:
            return []
        whole = pa.concat_tables(pieces).group_by(list(by)).aggregate([("n", "sum")])
        counts: list[dict[str, Any]] = whole.rename_columns([*by, "n"]).to_pylist()
        return counts

    def rows_sharing(self, table: str, rows: pa.Table, by: str) -> pa.Table:
        """The stored rows of a table that share a value of column `by` with `rows`."""
        pieces = [load_part(part) for part in self.holding(table, rows, by=by)]
        whole = pa.concat_tables([empty(table), *pieces])
        return whole.filter(pc.is_in(whole.column(by), value_set=rows.column(by).combine_chunks()))

    def holding(self, table: str, rows: pa.Table, *, by: str = "") -> Iterator[Path]:
        """The parts that may hold one of these keys, or of these values of `by`, by their footers."""
        column = by or table_of(table).key[0]
        wanted = np.unique(rows.column(column).to_numpy(zero_copy_only=False))
        for part in self.inventory.trusted(table):
            if may_hold(part, column, wanted):
                yield part

    # ---- writing -------------------------------------------------------------------------------

    def write(self, part: Path, table: str, rows: pa.Table) -> None:
        """Put the rows of a part in the place of those it had."""
        rows = _in_stored_order(table, rows)  # the unordered ones are let go before they are encoded
        self.inventory.write(part, rows)

    def append(self, table: str, rows: pa.Table) -> None:
        """Put new rows into their month's last part if it has room for all of them, else into new ones."""
        self.added[table] += rows.num_rows
        self.inventory.trusted(table)
        for folder, unordered in self._by_folder(table, rows):
            self._disk.folder(folder)
            piece = _in_stored_order(table, unordered)
            parts = sorted(folder.glob("part-*.parquet"), key=part_number)
            number = self.inventory.next_number(folder)
            if parts and footer_of(parts[-1]).num_rows + piece.num_rows <= self._part_rows:
                self.write(parts[-1], table, pa.concat_tables([load_part(parts[-1]), piece]))
                continue
            for start in range(0, piece.num_rows, self._part_rows):
                self.write(folder / f"part-{number}.parquet", table, piece.slice(start, self._part_rows))
                number += 1

    def _by_folder(self, table: str, rows: pa.Table) -> Iterator[tuple[Path, pa.Table]]:
        time = table_of(table).time
        if not rows.num_rows:
            return
        if not time:
            yield self.path / table, rows
            return
        stamps = rows.column(time).cast(pa.int64()).to_numpy()
        months = stamps.astype("datetime64[us]").astype("datetime64[M]")  # Arrow would ask for the zone UTC
        for month in np.unique(months):
            yield self.path / table / f"month={month}", rows.filter(pa.array(months == month))


def time_of(table: str, since: str | datetime | None, until: str | datetime | None) -> str:
    """The column that orders a table in time, empty without one; refuses bounds then, or if they cross."""
    time = table_of(table).time
    if not time and (since is not None or until is not None):
        raise UsageError(f"{table} is not ordered in time: leave out since and until.")
    refuse_backwards(since, until)
    return time


def in_time_order(rows: pa.Table, time: str) -> pa.Table:
    """The rows in the order of a column of instants; as they are where `time` is empty."""
    if not time or rows.num_rows < 2:
        return rows
    stamps = rows.column(time).cast(pa.int64()).to_numpy()
    if np.all(stamps[1:] >= stamps[:-1]):
        return rows
    return rows.take(pa.array(np.argsort(stamps, kind="stable")))


def _in_stored_order(table: str, rows: pa.Table) -> pa.Table:
    """The rows as a part holds them: in the order of time, then key."""
    time = [table_of(table).time] if table_of(table).time else []
    names = list(dict.fromkeys([*time, *table_of(table).key]))
    return rows.sort_by([(name, "ascending") for name in names])
