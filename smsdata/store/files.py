"""One sealed Parquet file: read whole or in part, judged by its footer alone.

Owns what a footer tells of the rows below it. Imports `seal`, `schema` and `times`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smsdata.schema.frames import empty, with_schema
from smsdata.schema.tables import TABLES
from smsdata.store.seal import MARK, content_of, footer_of, named_damage
from smsdata.times import instant

# ---- reading ---------------------------------------------------------------------------------------


def load_part(part: Path, columns: list[str] | None = None) -> pa.Table:
    """Read the rows of a file, or some of their columns; its checksums are verified."""
    file = _opened(part)
    with named_damage(part):
        known = columns if columns and set(columns) <= set(file.schema_arrow.names) else None
        return _unmarked(with_schema(_table_of(part), file.read(columns=known), columns))


def _table_of(part: Path) -> str:
    """The table that a file belongs to, by the folder it lies in."""
    folder = part.parent
    return folder.parent.name if folder.name.startswith("month=") else folder.name


def load_between(part: Path, table: str, columns: list[str], low: int | None, high: int | None) -> pa.Table:
    """Read the rows of a file between two instants; without any there, no more than its footer is read.

    `low` and `high` are microseconds since 1970; `columns` must hold the table's time where they are given.
    """
    time = TABLES[table].time
    if not _groups_between(footer_of(part), time, low, high):
        return empty(table).select(columns)
    file = _opened(part)
    with named_damage(part):  # a writer may have replaced the file since its footer was read
        rows = file.read_row_groups(_groups_between(file.metadata, time, low, high), columns=columns)
        rows = _unmarked(with_schema(table, rows, columns))
    for bound, keep in ((low, pc.greater_equal), (high, pc.less)):
        if bound is not None:
            stamps = rows.column(time)
            rows = rows.filter(keep(stamps, pa.scalar(bound, stamps.type)))
    return rows


def epoch_micros(moment: str | datetime | None, name: str) -> int | None:
    """An instant that was given as `name` in microseconds since 1970; None stays None."""
    return None if moment is None else round(instant(moment, name).timestamp() * 1e6)


def _opened(part: Path) -> pq.ParquetFile:
    """A file with its checksums verified."""
    with named_damage(part):
        return pq.ParquetFile(pa.BufferReader(content_of(part)), page_checksum_verification=True)


def _unmarked(rows: pa.Table) -> pa.Table:
    """Rows without the mark of the file that they were read from."""
    facts = {name: value for name, value in (rows.schema.metadata or {}).items() if name != MARK}
    return rows.replace_schema_metadata(facts)


# ---- what a footer tells ---------------------------------------------------------------------------


def group_ranges(footer: pq.FileMetaData, column: str) -> Iterator[tuple[Any, Any] | None]:
    """The least and the greatest value of a column, group of rows by group; None where nobody says."""
    index = footer.schema.to_arrow_schema().get_field_index(column)
    for group in range(footer.num_row_groups):
        statistics = footer.row_group(group).column(index).statistics
        known = statistics is not None and statistics.has_min_max
        yield (statistics.min, statistics.max) if known else None


def may_hold(part: Path, column: str, wanted: np.ndarray[Any, Any]) -> bool:
    """Whether a file may hold one of some values, which are given in order."""
    for extremes in group_ranges(footer_of(part), column):
        if extremes is None:
            return True
        place = np.searchsorted(wanted, extremes[0])
        if place < len(wanted) and wanted[place] <= extremes[1]:
            return True
    return False


def _groups_between(footer: pq.FileMetaData, time: str, low: int | None, high: int | None) -> list[int]:
    """The row groups that may hold rows between the bounds."""
    if low is None and high is None:
        return list(range(footer.num_row_groups))
    return [n for n, extremes in enumerate(group_ranges(footer, time)) if _overlaps(extremes, low, high)]


def _overlaps(extremes: tuple[datetime, datetime] | None, low: int | None, high: int | None) -> bool:
    if extremes is None:
        return True
    least, most = (int(moment.timestamp() * 1e6) for moment in extremes)
    return (high is None or least <= high) and (low is None or most + 1 >= low)
