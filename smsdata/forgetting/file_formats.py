"""Files beside the store that are no plain text: Parquet, Feather, SQLite and DuckDB.

Each function gives a file without somebody, None where it cannot be put right, and in how many rows or values
that person stood. Imports `store.forgotten`.
"""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
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


def without(path: PurePath, content: bytes, gone: Forgotten) -> Made | None:
    """The file without somebody; None where it is in none of these formats."""
    if path.suffix == ".parquet" or content[:6] == b"ARROW1":
        try:
            return _parquet(content, gone) if path.suffix == ".parquet" else _feather(content, gone)
        except (pa.ArrowException, OSError):
            return None, 1  # damaged: nobody can tell
    if content[:15] == b"SQLite format 3":
        return _sqlite(path, content, gone)
    if content[8:12] == b"DUCK":
        return _duckdb(path, content, gone)
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
    left, count = gone.rows(rows.rename_columns(ours), ours=False)
    return left.rename_columns(names), count


def _sqlite(path: PurePath, content: bytes, gone: Forgotten) -> Made:
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
    left, _ = gone.rows(pa.table(texts, names=[name.lower() for name in names]), ours=False)
    made = [
        [new if isinstance(old, str) else gone.value(old) for old, new in zip(of, after, strict=True)]
        for of, after in zip(columns, (column.to_pylist() for column in left.columns), strict=True)
    ]
    return list(zip(*made, strict=True))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# ---- DuckDB ----------------------------------------------------------------------------------------


def _duckdb(path: PurePath, content: bytes, gone: Forgotten) -> Made:
    """Change a copy and copy its rows into a new file, so that no block keeps what was there before.

    One whose freed blocks or deleted rows may hold somebody is written anew too: nobody can tell.
    """
    if Path(f"{path}.wal").exists():
        return None, 1  # somebody writes it, or it was not closed
    beside = Path(path).parent
    try:
        with TemporaryDirectory(dir=beside if beside.is_dir() else None, prefix=".smsdata-") as folder:
            old, new = Path(folder) / "old", Path(folder) / "new"
            old.write_bytes(content)
            with duckdb.connect(":memory:", config={"memory_limit": "1GB"}) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                connection.execute(f"ATTACH {_path_in_sql(old)} AS old; USE old")
                doubtful = has_leftovers(connection, "old")
                count = sum(_changed_rows(connection, *name, gone) for name in _tables_of(connection))
                if not (count or doubtful):
                    return b"", 0
                connection.execute(f"ATTACH {_path_in_sql(new)} AS new; COPY FROM DATABASE old TO new")
                connection.execute("CHECKPOINT new; USE memory; DETACH new; DETACH old")
            return new.read_bytes(), max(count, 1)
    except (duckdb.Error, pa.ArrowException):
        return None, 1


def has_leftovers(connection: duckdb.DuckDBPyConnection, database: str) -> bool:
    """Whether a database in use has blocks or rows that are no longer counted, and still lie in its file."""
    sizes = connection.execute(
        "SELECT free_blocks FROM pragma_database_size() WHERE database_name = ?", [database]
    ).fetchone()
    if sizes is None or sizes[0]:
        return True
    for schema, table in _tables_of(connection):
        name = f"{_quoted(schema)}.{_quoted(table)}"
        stored = connection.execute(
            "SELECT sum(count) FROM pragma_storage_info(?) WHERE column_id = 0 AND segment_type = 'VALIDITY'",
            [name],
        ).fetchone()
        rows = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
        if stored is None or rows is None or (stored[0] or 0) != rows[0]:
            return True
    return False


def _tables_of(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    names: list[tuple[str, str]] = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() "
        "WHERE database_name = current_database() AND NOT internal"
    ).fetchall()
    return names


def _changed_rows(connection: duckdb.DuckDBPyConnection, schema: str, table: str, gone: Forgotten) -> int:
    """Change the rows of a table that somebody stands in; gives how many they are."""
    name = f"{_quoted(schema)}.{_quoted(table)}"
    rows = connection.sql(f"SELECT rowid, * FROM {name}").to_arrow_table()
    places, rows = rows.column(0), rows.remove_column(0)
    left, count = _rows_left(rows, gone)
    if not count:
        return 0
    new = pa.table([places], names=["the row"])
    for at, (before, after) in enumerate(zip(rows.columns, left.columns, strict=True)):
        if after.equals(before.cast(after.type)):
            continue
        column = rows.column_names[at]
        if not pa.types.is_string(before.type):
            connection.execute(f"ALTER TABLE {name} ALTER {_quoted(column)} TYPE VARCHAR")
        new = new.append_column(column, after)
    connection.register("rows_left", new)
    made = ", ".join(f"{_quoted(column)} = l.{_quoted(column)}" for column in new.column_names[1:])
    connection.execute(f'UPDATE {name} SET {made} FROM rows_left AS l WHERE rowid = l."the row"')
    connection.unregister("rows_left")
    return count


def _path_in_sql(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
