"""Rows by their keys: where two tables hold the same ones, where a key stands first and last.

Works on Arrow tables in memory; knows no file. Imports `schema.tables`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from smsdata.schema.tables import TABLES


def same_keys(table: str, old: pa.Table, new: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Where rows of the same key of a table stand in both, pair by pair."""
    return matching(TABLES[table].key, old, new)


def matching(columns: Sequence[str], old: pa.Table, new: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Where rows that agree in some columns stand in both tables, pair by pair."""
    keys = list(columns)
    left = old.select(keys).append_column("_old", pa.array(np.arange(old.num_rows)))
    right = new.select(keys).append_column("_new", pa.array(np.arange(new.num_rows)))
    met = left.join(right, keys=keys, join_type="inner")
    return met.column("_old").combine_chunks(), met.column("_new").combine_chunks()


def rows_without(rows: pa.Table, places: pa.Array) -> pa.Table:
    """The rows that do not stand at certain places."""
    keep = np.ones(rows.num_rows, dtype=bool)
    keep[places.to_numpy()] = False
    return rows.filter(pa.array(keep))


def firsts(columns: Sequence[str], rows: pa.Table) -> pa.Array:
    """Where each combination of some columns stands for the first time, in order."""
    return _ends(columns, rows, "min")


def lasts(columns: Sequence[str], rows: pa.Table) -> pa.Array:
    """Where each combination of some columns stands for the last time, in order."""
    return _ends(columns, rows, "max")


def _ends(columns: Sequence[str], rows: pa.Table, which: str) -> pa.Array:
    numbered = rows.select(list(columns)).append_column("_n", pa.array(np.arange(rows.num_rows)))
    ends = numbered.group_by(list(columns)).aggregate([("_n", which)])
    return pa.array(np.sort(ends.column(f"_n_{which}").to_numpy()))


def layers(table: str, rows: pa.Table) -> Iterator[pa.Table]:
    """Rows in layers of which each holds a key once; as a rule one layer."""
    while rows.num_rows:
        first = firsts(TABLES[table].key, rows)
        if len(first) == rows.num_rows:
            yield rows
            return
        yield rows.take(first)
        rows = rows_without(rows, first)


def last_of_each(table: str, rows: pa.Table) -> pa.Table:
    """Each key once, as it stands last."""
    last = lasts(TABLES[table].key, rows)
    return rows if len(last) == rows.num_rows else rows.take(last)
