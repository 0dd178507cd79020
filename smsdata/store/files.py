"""One sealed Parquet file: written with checksums, read whole or in part, judged by its footer alone.

Owns the seal, the mark that says who wrote a file, and what a footer tells of the rows below it. A damaged
file is a `StoreError` that names it; one that the operating system does not hand over is another, for nothing
is known of its content. Imports `manifest`, `schema`, `times` and `errors`.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smsdata.errors import StoreError
from smsdata.schema.frames import empty
from smsdata.schema.tables import TABLES
from smsdata.store.manifest import Mark, Sealed
from smsdata.times import instant

_GROUP_ROWS = 50_000
_SEAL = struct.Struct("<4sII")  # mark, checksum of all before it, checksum of all after it
_SEAL_MARK = b"SUMS"
_END = struct.Struct("<I4s")  # length of the footer, Parquet's mark
_MARK = b"smsdata"  # the key under which a footer says who wrote the file


# ---- writing ---------------------------------------------------------------------------------------


def encoded(rows: pa.Table, mark: Mark) -> bytes:
    """Rows as the content of a sealed Parquet file that says who wrote it."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink, rows.schema, compression="zstd", compression_level=1, write_page_checksum=True
    ) as file:
        file.write_table(rows, row_group_size=_GROUP_ROWS)
        file.add_key_value_metadata({_MARK.decode(): orjson.dumps(mark).decode()})
    return _with_seal(sink.getvalue())


def _with_seal(content: pa.Buffer) -> bytes:
    """Put checksums between data and footer, where readers of Parquet look for nothing.

    Parquet's own page checksums leave out the headers of pages and the footer, whose statistics
    decide which files are opened at all.
    """
    whole = memoryview(content)
    footer = len(whole) - _END.size - _END.unpack(whole[-_END.size :])[0]
    seal = _SEAL.pack(_SEAL_MARK, zlib.crc32(whole[:footer]), zlib.crc32(whole[footer:]))
    return b"".join([whole[:footer], seal, whole[footer:]])


# ---- reading ---------------------------------------------------------------------------------------


def load_part(part: Path, columns: list[str] | None = None) -> pa.Table:
    """Read the rows of a file, or some of their columns; its checksums are verified."""
    file = _opened(part)
    with _named_damage(part):
        return _unmarked(file.read(columns=columns))


def load_between(part: Path, table: str, columns: list[str], low: int | None, high: int | None) -> pa.Table:
    """Read the rows of a file between two instants; without any there, no more than its footer is read.

    `low` and `high` are microseconds since 1970; `columns` must hold the table's time where they are given.
    """
    time = TABLES[table].time
    if not _groups_between(footer_of(part), time, low, high):
        return empty(table).select(columns)
    file = _opened(part)
    with _named_damage(part):  # a writer may have replaced the file since its footer was read
        rows = _unmarked(
            file.read_row_groups(_groups_between(file.metadata, time, low, high), columns=columns)
        )
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
    with _named_damage(part):
        content = part.read_bytes()
        place, before, _ = _unsealed(memoryview(content))
        if zlib.crc32(memoryview(content)[:place]) != before:
            raise ValueError("the data's checksum is wrong")
        return pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)


def _unmarked(rows: pa.Table) -> pa.Table:
    """Rows without the mark of the file that they were read from."""
    facts = {name: value for name, value in (rows.schema.metadata or {}).items() if name != _MARK}
    return rows.replace_schema_metadata(facts)


def _unsealed(content: memoryview) -> tuple[int, int, int]:
    """Check the footer at the end of some content: gives where its seal stands, and both checksums."""
    length, mark = _END.unpack(content[-_END.size :])
    place = len(content) - _END.size - length - _SEAL.size
    if place < 0 or mark != b"PAR1":
        raise ValueError("no footer")
    sealed, before, after = _SEAL.unpack(content[place : place + _SEAL.size])
    if sealed != _SEAL_MARK or zlib.crc32(content[place + _SEAL.size :]) != after:
        raise ValueError("the footer's checksum is wrong")
    return place, before, after


# ---- what a footer tells ---------------------------------------------------------------------------


def footer_of(part: Path) -> pq.FileMetaData:
    """The checked footer of a file."""
    with _named_damage(part):
        tail = _tail(part)
        return _footer(tail, _unsealed(tail)[0])


def seal_of(part: Path, expected: str = "") -> Sealed:
    """Which content a file has, by its seal; and who wrote it, where the checksum is not the expected one."""
    with _named_damage(part):
        tail = _tail(part)
        place, *sums = _unsealed(tail)
        checksum = _checksum(sums)
        if checksum == expected:
            return Sealed(checksum)
        footer = _footer(tail, place)
        mark = (footer.metadata or {}).get(_MARK)
        return Sealed(checksum, footer.num_rows, Mark(**orjson.loads(mark)) if mark else None)


def checksum_of(content: bytes) -> str:
    """The checksum by which a manifest knows the content of a sealed file."""
    _, *sums = _unsealed(memoryview(content))
    return _checksum(sums)


def _checksum(sums: list[int]) -> str:
    return "".join(f"{one:08x}" for one in sums)


def _tail(part: Path) -> memoryview:
    """The end of a file, with all of its footer and the seal before it."""
    with part.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        for guess in (1 << 16, size):
            file.seek(max(0, size - guess))
            tail = memoryview(file.read())
            if _END.unpack(tail[-_END.size :])[0] + _SEAL.size + _END.size <= len(tail):
                break
        return tail


def _footer(tail: memoryview, place: int) -> pq.FileMetaData:
    return pq.read_metadata(pa.BufferReader(b"PAR1" + bytes(tail[place + _SEAL.size :])))


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


# ---- damage ----------------------------------------------------------------------------------------


def damaged(path: Path) -> StoreError:
    """The error for a file whose content is not what was written."""
    return StoreError(
        f"{path} is damaged. Restore it from a backup, or remove it and run "
        "`smsdata sync --since` from before its rows.",
        code="DAMAGED",
    )


def unreadable(path: Path, error: OSError) -> StoreError:
    """The error for a file or folder that the operating system does not hand over."""
    reason = (error.strerror or type(error).__name__).lower()
    return StoreError(
        f"{path} cannot be read: {reason}. Make it readable for this user; nothing is known to be damaged.",
        code="UNREADABLE",
    )


@contextmanager
def _named_damage(part: Path) -> Iterator[None]:
    """Turn what reading a file stumbles over into the error that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        # Arrow raises an OSError without a number of its own for content that it cannot decode.
        raise (unreadable(part, error) if error.errno else damaged(part)) from None
    except (ValueError, TypeError, struct.error, pa.ArrowException):
        raise damaged(part) from None
