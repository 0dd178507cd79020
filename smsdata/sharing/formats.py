"""One writer per format: takes rows piece by piece, so that a file may be larger than memory.

Owns how values are spelled in each; Excel has a module of its own. Imports `workbook`, `analysis.core`,
`schema` and `errors`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smsdata.analysis.core.column_types import pandas_type
from smsdata.analysis.core.dialect import quoted
from smsdata.errors import UsageError
from smsdata.schema.csv_text import csv_text
from smsdata.sharing.workbook import XlsxWriter


class FileWriter(Protocol):
    """Writes one file: rows, then the end."""

    notes: list[str]

    def write(self, rows: pa.Table) -> None:
        """Add rows."""

    def close(self) -> None:
        """Finish the file."""


class _CsvWriter:
    """CSV, every cell in quotes; instants as ISO text in UTC. The mark at its beginning is for Excel."""

    def __init__(self, path: Path, columns: pa.Schema, _name: str) -> None:
        self.notes: list[str] = []
        self._file = path.open("wb")
        self._file.write(b"\xef\xbb\xbf" + csv_text(columns.empty_table().to_pandas()).encode())

    def write(self, rows: pa.Table) -> None:
        frame = with_times_as_text(rows).to_pandas(types_mapper=_wide_type)
        self._file.write(csv_text(frame, header=False, exact=True).encode())

    def close(self) -> None:
        self._file.close()


class _ParquetWriter:
    """Parquet; tells pandas to keep whole numbers whole where some are missing: it makes them floats."""

    def __init__(self, path: Path, columns: pa.Schema, _name: str) -> None:
        self.notes: list[str] = []
        self._empty = columns.empty_table().to_pandas()
        self._with_gaps: dict[str, Any] = {}
        self._writer = pq.ParquetWriter(path, columns, compression="zstd", store_schema=False)

    def write(self, rows: pa.Table) -> None:
        for name, column in zip(rows.column_names, rows.columns, strict=True):
            if column.null_count and pa.types.is_integer(column.type):
                self._with_gaps[name] = self._empty[name].convert_dtypes().dtype
        self._writer.write_table(rows)

    def close(self) -> None:
        said = pa.Schema.from_pandas(self._empty.astype(self._with_gaps), preserve_index=False).metadata
        self._writer.add_key_value_metadata(said if self._with_gaps else {})
        self._writer.close()


class _FeatherWriter:
    def __init__(self, path: Path, columns: pa.Schema, _name: str) -> None:
        self.notes: list[str] = []
        self._file = path.open("wb")
        self._writer = pa.ipc.new_file(self._file, columns, options=pa.ipc.IpcWriteOptions(compression="lz4"))

    def write(self, rows: pa.Table) -> None:
        self._writer.write_table(rows)

    def close(self) -> None:
        self._writer.close()
        self._file.close()


class _SqliteWriter:
    """One table; SQLite has no instants and no truth values: ISO text in UTC, 0 and 1."""

    def __init__(self, path: Path, columns: pa.Schema, name: str) -> None:
        self.notes: list[str] = []
        self._connection = sqlite3.connect(path)
        made = ", ".join(f"{quoted(column.name)} {_sqlite_type(column.type)}" for column in columns)
        self._connection.execute(f"CREATE TABLE {quoted(name)} ({made})")
        self._insert = f"INSERT INTO {quoted(name)} VALUES ({', '.join('?' * len(columns))})"

    def write(self, rows: pa.Table) -> None:
        columns = [column.to_pylist() for column in with_times_as_text(rows).columns]
        try:
            self._connection.executemany(self._insert, zip(*columns, strict=True))
        except OverflowError:
            raise UsageError(
                f"a whole number is beyond {2**63 - 1:,}, the largest that SQLite holds: make its column "
                "text, .astype('str'), or write parquet."
            ) from None
        self._connection.commit()

    def close(self) -> None:
        self._connection.close()


class _DuckDbWriter:
    def __init__(self, path: Path, columns: pa.Schema, name: str) -> None:
        self.notes: list[str] = []
        self._connection = duckdb.connect(str(path), config={"memory_limit": "256MB"})
        self._connection.execute("SET TimeZone = 'UTC'")
        self._table = quoted(name)
        self._connection.register("rows_to_add", columns.empty_table())
        self._connection.execute(f"CREATE TABLE {self._table} AS SELECT * FROM rows_to_add")

    def write(self, rows: pa.Table) -> None:
        self._connection.register("rows_to_add", rows)
        self._connection.execute(f"INSERT INTO {self._table} SELECT * FROM rows_to_add")

    def close(self) -> None:
        self._connection.close()


FORMATS: dict[str, Callable[[Path, pa.Schema, str], FileWriter]] = {
    "csv": _CsvWriter,
    "parquet": _ParquetWriter,
    "xlsx": XlsxWriter,
    "feather": _FeatherWriter,
    "sqlite": _SqliteWriter,
    "duckdb": _DuckDbWriter,
}
"""The writers by format, which is what a file's name ends in."""


def _wide_type(arrow: pa.DataType) -> Any:
    return pd.UInt64Dtype() if pa.types.is_uint64(arrow) else pandas_type(arrow)


def _sqlite_type(arrow: pa.DataType) -> str:
    if pa.types.is_integer(arrow) or pa.types.is_boolean(arrow):
        return "INTEGER"
    return "REAL" if pa.types.is_floating(arrow) else "TEXT"


def with_times_as_text(rows: pa.Table) -> pa.Table:
    """Spell instants as ISO text: with ``Z`` in UTC, without where local; days as ``2026-11-22``.

    Microseconds are written where there are any.
    """
    for at, column in enumerate(rows.schema):
        if pa.types.is_timestamp(column.type):
            values = _iso_texts(rows.column(at), "Z" if column.type.tz else "")
        elif pa.types.is_date(column.type):
            values = rows.column(at).cast(pa.string())
        else:
            continue
        rows = rows.set_column(at, column.name, values)
    return rows


def _iso_texts(stamps: pa.ChunkedArray, zone: str) -> pa.Array:
    plain = stamps.combine_chunks().cast(pa.timestamp("us"))
    micros = plain.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    texts = plain.cast(pa.string()).to_pandas().astype("object")
    whole = np.where(micros % 1_000_000 == 0, 19, 26)
    spelled = [
        None if text is None or pd.isna(text) else text[:end].replace(" ", "T") + zone
        for text, end in zip(texts, whole, strict=True)
    ]
    return pc.cast(pa.array(spelled, pa.string()), pa.string())
