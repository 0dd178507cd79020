"""Files beside the store that are no plain text: Feather and SQLite are rewritten, of others it is told.

Each function gives a file without somebody, None where it cannot be put right, and in how many rows or values
that person stood. Imports `store.forgotten`.
"""

from __future__ import annotations

import io
import sqlite3
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smsdata.store.forgotten import WHOSE, Forgotten, column_named

Made = tuple[bytes | None, int]
"""A file without somebody, None where that cannot be made; in how many rows or values that person stood."""

_AT_ONCE = 20_000
_ODD_IN_SQLITE = """
    SELECT count(*) FROM sqlite_master
    WHERE type = 'trigger' OR upper(sql) LIKE 'CREATE VIRTUAL%' OR upper(sql) LIKE '%WITHOUT ROWID%'
"""


def without(path: Path, content: bytes, gone: Forgotten) -> Made | None:
    """The file without somebody; None where it is in none of these formats."""
    if path.suffix == ".parquet" or content[:6] == b"ARROW1":
        try:
            return _parquet(content, gone) if path.suffix == ".parquet" else _feather(content, gone)
        except (pa.ArrowException, OSError):
            return None, 1  # damaged: nobody can tell
    if content[:15] == b"SQLite format 3":
        return _sqlite(path, content, gone)
    if content[8:12] == b"DUCK":
        return None, _in_duckdb(path, gone)
    if content[:4] == b"PK\x03\x04":
        return None, _in_archive(content, gone)
    return None


def _parquet(content: bytes, gone: Forgotten) -> Made:
    left, count = _rows_left(pq.ParquetFile(pa.BufferReader(content)).read(), gone)
    sink = io.BytesIO()
    if count:
        pq.write_table(left, sink, compression="zstd")
    return sink.getvalue(), count


def _feather(content: bytes, gone: Forgotten) -> Made:
    with pa.ipc.open_file(pa.BufferReader(content)) as file:
        left, count = _rows_left(file.read_all(), gone)
    sink = io.BytesIO()
    if count:
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.ipc.new_file(sink, left.schema, options=options) as writer:
            writer.write_table(left, max_chunksize=65_536)
    return sink.getvalue(), count


def _rows_left(rows: pa.Table, gone: Forgotten) -> tuple[pa.Table, int]:
    """Rows of others without somebody: with numbers as whole numbers, and under another name than ours."""
    for at, field in enumerate(rows.schema):
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
            values = pc.unique(rows.column(at)).to_pylist()
            if any(gone.value({"msisdn": value})["msisdn"] != value for value in values if value == value):
                texts = [None if value is None else f"{value:.0f}" for value in rows.column(at).to_pylist()]
                rows = rows.set_column(at, field.name, pa.array(texts, pa.string()))
    names = rows.column_names
    ours = [column_named(name) for name in names]
    whose = next((name for name in WHOSE if name in ours), None)
    ours = ["msisdn" if name == whose else name for name in ours]
    if len(set(ours)) < len(ours):
        return gone.rows(rows)
    left, count = gone.rows(rows.rename_columns(ours))
    return left.rename_columns(names), count


def _sqlite(path: Path, content: bytes, gone: Forgotten) -> Made:
    """Change a copy in memory and write it anew, so that no page of it keeps what was there before."""
    if any(Path(f"{path}{end}").exists() for end in ("-wal", "-journal")):
        return None, 1  # somebody writes it, or it was not closed
    try:
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.deserialize(content)
            changed = list(_changed(connection, gone))
            count = sum(len(rows) for _, rows in changed)
            if count and connection.execute(_ODD_IN_SQLITE).fetchone()[0]:
                return None, count
            for table, rows in changed:
                for rowid, values in rows:
                    names = ", ".join(f"{_quoted(name)} = ?" for name in values)
                    connection.execute(
                        f"UPDATE {_quoted(table)} SET {names} WHERE rowid = ?",
                        [*values.values(), rowid],
                    )
            if count:
                connection.execute("VACUUM")
            return connection.serialize(), count
    except sqlite3.Error:
        return None, 1


def _changed(
    connection: sqlite3.Connection, gone: Forgotten
) -> Iterator[tuple[str, list[tuple[int, dict[str, Any]]]]]:
    """By table, the rows that change: their rowid, and the new values by column."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        if table.startswith("sqlite_"):
            continue
        cursor = connection.execute(f"SELECT rowid, * FROM {_quoted(table)}")
        names = [name for name, *_ in cursor.description][1:]
        changed: list[tuple[int, dict[str, Any]]] = []
        while rows := cursor.fetchmany(_AT_ONCE):
            left = _left_of_rows(names, [row[1:] for row in rows], gone)
            for (rowid, *before), after in zip(rows, left, strict=True):
                new = {name: b for name, a, b in zip(names, before, after, strict=True) if a != b}
                changed += [(rowid, new)] if new else []
        yield table, changed


def _left_of_rows(names: Sequence[str], rows: list[Any], gone: Forgotten) -> list[tuple[Any, ...]]:
    """What is left of rows of any types: texts as in our tables, whole numbers one by one."""
    columns = list(zip(*rows, strict=True))
    texts = [pa.array([v if isinstance(v, str) else None for v in of], pa.string()) for of in columns]
    left, _ = gone.rows(pa.table(texts, names=[name.lower() for name in names]))
    made = [
        [new if isinstance(old, str) else gone.value(old) for old, new in zip(of, after, strict=True)]
        for of, after in zip(columns, (column.to_pylist() for column in left.columns), strict=True)
    ]
    return list(zip(*made, strict=True))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _in_duckdb(path: Path, gone: Forgotten) -> int:
    """In how many rows of a DuckDB file somebody stands; 1 where it cannot be opened, for nobody can tell."""
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
            return sum(
                gone.rows(connection.table(f"{_quoted(of)}.{_quoted(name)}").to_arrow_table())[1]
                for of, name in tables
            )
    except duckdb.Error:
        return 1


def _in_archive(content: bytes, gone: Forgotten) -> int:
    """How often somebody stands in the parts of an archive such as a workbook; 1 where it is damaged."""
    count = 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                text = archive.read(name).decode("latin-1")
                count += gone.text(text).count("forgotten-") - text.count("forgotten-")
    except (zipfile.BadZipFile, OSError, RuntimeError, ValueError):
        return 1
    return count
