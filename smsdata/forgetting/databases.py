"""Databases beside the store without somebody: SQLite and DuckDB, with their views, triggers and comments.

Each function gives a file without somebody, None where it cannot be put right, and in how many rows or values
that person stood. Imports `store.forgotten` and `file_formats`.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa

from smsdata.forgetting.file_formats import Made, rows_left, value_left
from smsdata.forgetting.json_files import cell_left, says_two, whole_digits
from smsdata.forgetting.reasons import A_RULE, A_TYPE, DAMAGED, CannotRewrite
from smsdata.store.forgotten import Forgotten, is_whose, names_of

_AT_ONCE = 20_000
_BLANK = re.compile(r"forgotten \d+")
_SQL = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|(?<![\w.])[0-9]+(?:\.0*)?(?![\w.])", re.DOTALL
)
"""Where a number may stand in a statement: texts, quoted names, remarks, and numbers."""


def database_without(path: PurePath, content: bytes, gone: Forgotten) -> Made | None:
    """The database without somebody; None where it is none."""
    if content[:15] == b"SQLite format 3":
        if _ends_within_a_page(content):
            raise CannotRewrite(DAMAGED)  # SQLite would fill the page up, and say nothing
        return _sqlite(path, content, gone)
    if content[8:12] == b"DUCK":
        return _duckdb(path, content, gone)
    return None


def statement_left(sql: str, gone: Forgotten) -> str:
    """A statement with a text in the place of each number of somebody; one that stands bare gets quotes."""

    def left(piece: re.Match[str]) -> str:
        new = gone.text(piece[0])
        return f"'{new}'" if new != piece[0] and piece[0][0].isdigit() else new

    return _SQL.sub(left, sql)


# ---- SQLite ----------------------------------------------------------------------------------------


def _sqlite(path: PurePath, content: bytes, gone: Forgotten) -> Made:
    """Change a copy in memory and write it anew, so that no page of it keeps what was there before.

    A copy in memory has no log beside it: bytes 18 and 19, which ask for one, stand again in what is written.
    """
    if any(Path(f"{path}{end}").exists() for end in ("-wal", "-journal")):
        return None, 1, True  # somebody writes it, or it was not closed
    try:
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.deserialize(content[:18] + b"\1\1" + content[20:])
            before = _faults(connection)
            made = _sqlite_objects(connection)
            left = {one: statement_left(sql, gone) for one, sql in made.items()}
            changed = list(_changed(connection, gone))
            whole = not any(of_two for *_, of_two in changed)
            count = sum(len(rows) for _, _, rows, _ in changed) + sum(left[one] != made[one] for one in made)
            if not count and not _has_free_pages(connection):
                return b"", 0, True
            if count and any(sql.upper().startswith("CREATE VIRTUAL") for sql in made.values()):
                return None, count, True
            _sqlite_rows_changed(
                connection, changed, {n: sql for (kind, n), sql in made.items() if kind == "trigger"}
            )
            _sqlite_statements_changed(connection, {one: left[one] for one in made if left[one] != made[one]})
            changed_content = connection.serialize()
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.deserialize(changed_content)
            connection.execute("REINDEX")
            connection.execute("VACUUM")
            if not _faults(connection) <= before:
                raise CannotRewrite(A_RULE)
            made_anew = connection.serialize()
            return made_anew[:18] + content[18:20] + made_anew[20:], max(count, 1), whole
    except sqlite3.IntegrityError:
        raise CannotRewrite(A_RULE) from None
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 255 in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise CannotRewrite(DAMAGED) from None
        return None, 1, True


def _ends_within_a_page(content: bytes) -> bool:
    page = int.from_bytes(content[16:18], "big")
    return len(content) % {0: 1, 1: 65_536}.get(page, page) > 0


def _faults(connection: sqlite3.Connection) -> set[tuple[str, ...]]:
    """What a check of all pages, indexes and rules of a database finds."""
    return set(connection.execute("PRAGMA integrity_check").fetchall())


def _has_free_pages(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA freelist_count").fetchone()[0])


def _sqlite_objects(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """The statements that made tables, indexes, views and triggers, by kind and name."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {(kind, name): sql for kind, name, sql in rows}


def _changed(
    connection: sqlite3.Connection, gone: Forgotten
) -> Iterator[tuple[str, list[str], list[tuple[list[Any], dict[str, Any]]], bool]]:
    """By table, what tells its rows apart, and those that change: by that, the new values by column.

    Last whether one of them says the number and another one where it says whose it is.
    """
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        if table.startswith("sqlite_"):
            continue
        columns = connection.execute("SELECT name, pk, hidden FROM pragma_table_xinfo(?)", [table]).fetchall()
        made = {name for name, _, hidden in columns if hidden}
        unique, never_null = _unique_columns(connection, table), _never_null(connection, table)
        ids = _row_ids(connection, table, columns)
        cursor = connection.execute(f"SELECT {', '.join(ids)}, * FROM {_quoted(table)}")
        names = [name for name, *_ in cursor.description][len(ids) :]
        taken = _blanks_in(connection, table, unique & never_null)
        changed: list[tuple[list[Any], dict[str, Any]]] = []
        of_two = False
        while rows := cursor.fetchmany(_AT_ONCE):
            left = _left_of_rows(names, [row[len(ids) :] for row in rows], gone)
            for row, after in zip(rows, left, strict=True):
                blank = f"forgotten {taken + len(changed) + 1}"
                pairs = list(zip(names, row[len(ids) :], after, strict=True))
                pairs = [
                    (name, old, _instead_of_null(old, blank, unique=name in unique))
                    if new is None and name in never_null
                    else (name, old, new)
                    for name, old, new in pairs
                ]
                new = {name: b for name, a, b in pairs if a != b and name not in made}
                changed += [(list(row[: len(ids)]), new)] if new else []
                of_two |= bool(new) and says_two(
                    dict(zip(names_of(names), row[len(ids) :], strict=True)), gone
                )
        yield table, ids, changed, of_two


def _blanks_in(connection: sqlite3.Connection, table: str, columns: Iterable[str]) -> int:
    """The highest number of a "forgotten 1" that stands there already, of somebody forgotten before."""
    found = [
        connection.execute(
            f"SELECT {_quoted(name)} FROM {_quoted(table)} "
            f"WHERE CAST({_quoted(name)} AS TEXT) LIKE 'forgotten %'"
        ).fetchall()
        for name in columns
    ]
    return _highest_blank(value for rows in found for (value,) in rows)


def _highest_blank(values: Iterable[Any]) -> int:
    texts = (one.decode("latin-1") if isinstance(one, bytes) else str(one) for one in values)
    return max((int(one.split()[1]) for one in texts if _BLANK.fullmatch(one)), default=0)


def _instead_of_null(old: Any, blank: str, *, unique: bool) -> str | bytes:
    """What stands where nothing may not: an empty text, of a unique column one that no other row has.

    In the place of bytes stand bytes.
    """
    said = old.decode("latin-1") if isinstance(old, bytes) else old
    if not unique:
        said = ""
    elif not (isinstance(said, str) and _BLANK.fullmatch(said)):
        said = blank
    return said.encode() if isinstance(old, bytes) else said


def _never_null(connection: sqlite3.Connection, table: str) -> set[str]:
    rows = connection.execute('SELECT name FROM pragma_table_info(?) WHERE "notnull"', [table]).fetchall()
    return {name for (name,) in rows}


def _unique_columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """The columns of a table of which no two rows may say the same."""
    rows = connection.execute(
        'SELECT c.name FROM pragma_index_list(?) AS i, pragma_index_info(i.name) AS c WHERE i."unique"',
        [table],
    )
    return {name for (name,) in rows}


def _row_ids(connection: sqlite3.Connection, table: str, columns: list[Any]) -> list[str]:
    """What tells the rows of a table apart: their number, or the primary key where they have none."""
    taken = {name.lower() for name, _, _ in columns}
    rowid = next((one for one in ("rowid", "_rowid_", "oid") if one not in taken), "rowid")
    try:
        connection.execute(f"SELECT {rowid} FROM {_quoted(table)} LIMIT 0")
    except sqlite3.OperationalError:
        keys = sorted((pk, name) for name, pk, _ in columns if pk)
        return [_quoted(name) for _, name in keys]
    return [rowid]


def _left_of_rows(names: Sequence[str], rows: list[Any], gone: Forgotten) -> list[tuple[Any, ...]]:
    """What is left of rows of any types: texts as in our tables, numbers and bytes one by one.

    Of the person's own rows no bytes stay, in a column of any type.
    """
    ours = names_of(names)
    columns = list(zip(*rows, strict=True))
    texts = [
        [_cell_text(value, whose=is_whose(name)) for value in of]
        for name, of in zip(ours, columns, strict=True)
    ]
    rows_of_texts = pa.table([pa.array(of, pa.string()) for of in texts], names=ours)
    left, _ = gone.rows(rows_of_texts, partial(cell_left, gone=gone))
    theirs = gone.own_rows(left)
    own = [False] * len(rows) if theirs is None else theirs.to_pylist()
    made = [
        [
            (None if mine and isinstance(old, bytes) else value_left(old, name, gone))
            if text is None
            else (old if text == new else new)
            for mine, old, text, new in zip(own, of, before, after.to_pylist(), strict=True)
        ]
        for name, of, before, after in zip(ours, columns, texts, left.columns, strict=True)
    ]
    return list(zip(*made, strict=True))


def _cell_text(value: Any, *, whose: bool) -> str | None:
    if whose and isinstance(value, int | float):
        return whole_digits(value) or None
    return value if isinstance(value, str) else None


def _sqlite_rows_changed(
    connection: sqlite3.Connection, changed: list[Any], triggers: dict[str, str]
) -> None:
    """Change rows while no trigger watches, and no check of a table refuses a stand-in."""
    connection.execute("PRAGMA ignore_check_constraints = ON")
    for name in triggers:
        connection.execute(f"DROP TRIGGER {_quoted(name)}")
    for table, ids, rows, _ in changed:
        where = " AND ".join(f"{one} = ?" for one in ids)
        for which, values in rows:
            names = ", ".join(f"{_quoted(name)} = ?" for name in values)
            connection.execute(
                f"UPDATE {_quoted(table)} SET {names} WHERE {where}", [*values.values(), *which]
            )
    for sql in triggers.values():
        connection.execute(sql)


def _sqlite_statements_changed(connection: sqlite3.Connection, changed: dict[tuple[str, str], str]) -> None:
    """Put other texts into what made tables, views and triggers; their columns stay as they are."""
    connection.execute("PRAGMA writable_schema = ON")
    for (kind, name), sql in changed.items():
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE type = ? AND name = ?", [sql, kind, name])
    connection.execute("PRAGMA writable_schema = OFF")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# ---- DuckDB ----------------------------------------------------------------------------------------


def _duckdb(path: PurePath, content: bytes, gone: Forgotten) -> Made:
    """Change a copy and copy its rows into a new file, so that no block keeps what was there before.

    One whose freed blocks or deleted rows may hold somebody is written anew too: nobody can tell.
    """
    if Path(f"{path}.wal").exists():
        return None, 1, True  # somebody writes it, or it was not closed
    beside = Path(path).parent
    try:
        with TemporaryDirectory(dir=beside if beside.is_dir() else None, prefix=".smsdata-") as folder:
            old, new = Path(folder) / "old", Path(folder) / "new"
            old.write_bytes(content)
            with duckdb.connect(":memory:", config={"memory_limit": "1GB"}) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                with _of_a_sound_file():
                    connection.execute(f"ATTACH {_path_in_sql(old)} AS old; USE old")
                    doubtful = has_leftovers(connection, "old")
                said = _says_of_somebody(connection, gone)
                indexes = _without_indexes(connection)
                told = [_duckdb_rows_changed(connection, *name, gone) for name in _tables_of(connection)]
                count = sum(rows for rows, _ in told) + said
                if not (count or doubtful):
                    return b"", 0, True
                connection.execute(f"ATTACH {_path_in_sql(new)} AS new")
                if said:
                    _made_anew(connection, Path(folder) / "made", gone)
                else:
                    connection.execute("COPY FROM DATABASE old TO new")
                connection.execute("USE new")
                for sql in indexes:
                    connection.execute(statement_left(sql, gone))
                connection.execute("CHECKPOINT new; USE memory; DETACH new; DETACH old")
            return new.read_bytes(), max(count, 1), all(whole for _, whole in told)
    except CannotRewrite:
        raise
    except duckdb.ConstraintException:
        raise CannotRewrite(A_RULE) from None
    except (duckdb.Error, pa.ArrowException, ValueError, TypeError):
        return None, 1, True


@contextmanager
def _of_a_sound_file() -> Iterator[None]:
    """Read a file; where its blocks cannot be read it is damaged, or locked by a key."""
    try:
        yield
    except (
        duckdb.IOException,
        duckdb.SerializationException,
        duckdb.FatalException,
        duckdb.InternalException,
    ):
        raise CannotRewrite(DAMAGED) from None


def _without_indexes(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Drop the indexes of the copy, which keep columns from changing; gives the statements that make them."""
    indexes = connection.execute(
        "SELECT schema_name, index_name, sql FROM duckdb_indexes() WHERE database_name = 'old'"
    ).fetchall()
    for schema, name, _ in indexes:
        connection.execute(f"DROP INDEX {_quoted(schema)}.{_quoted(name)}")
    return [sql for _, _, sql in indexes if sql]


_SAID = (
    "SELECT sql FROM duckdb_tables() WHERE database_name = 'old'",
    "SELECT sql FROM duckdb_views() WHERE database_name = 'old' AND NOT internal",
    "SELECT sql FROM duckdb_indexes() WHERE database_name = 'old'",
    "SELECT macro_definition FROM duckdb_functions() WHERE database_name = 'old' AND NOT internal",
    "SELECT list_transform(labels, lambda one: one::VARCHAR)::VARCHAR FROM duckdb_types() "
    "WHERE database_name = 'old' AND NOT internal AND labels IS NOT NULL",
)
_REMARKS = (
    "SELECT 'TABLE', schema_name, table_name, '', comment FROM duckdb_tables() "
    "WHERE database_name = 'old' AND comment IS NOT NULL",
    "SELECT 'VIEW', schema_name, view_name, '', comment FROM duckdb_views() "
    "WHERE database_name = 'old' AND comment IS NOT NULL AND NOT internal",
    "SELECT 'COLUMN', schema_name, table_name, column_name, comment FROM duckdb_columns() "
    "WHERE database_name = 'old' AND comment IS NOT NULL AND NOT internal",
)


def _says_of_somebody(connection: duckdb.DuckDBPyConnection, gone: Forgotten) -> int:
    """In how many statements and remarks of a database somebody stands."""
    said = [text for query in _SAID for (text,) in connection.execute(query).fetchall()]
    said += [remark[-1] for remark in _remarks(connection)]
    return sum(text is not None and gone.text(text) != text for text in said)


def _remarks(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, ...]]:
    return [row for query in _REMARKS for row in connection.execute(query).fetchall()]


def _made_anew(connection: duckdb.DuckDBPyConnection, folder: Path, gone: Forgotten) -> None:
    """Make what the old database has in the new one, by statements that say nothing of somebody."""
    connection.execute(f"EXPORT DATABASE {_path_in_sql(folder)} (FORMAT parquet)")
    made = (folder / "schema.sql").read_text()
    tables, remarks = _tables_of(connection), _remarks(connection)
    connection.execute("USE new")
    for statement in duckdb.extract_statements(made):
        connection.execute(statement_left(statement.query, gone))
    for schema, table in tables:
        name = f"{_quoted(schema)}.{_quoted(table)}"
        connection.execute(f"INSERT INTO new.{name} BY NAME SELECT * FROM old.{name}")
    for kind, *names, text in remarks:
        name = ".".join(_quoted(one) for one in names if one)
        quoted = gone.text(text).replace("'", "''")
        connection.execute(f"COMMENT ON {kind} {name} IS '{quoted}'")


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
            "SELECT sum(count) FROM pragma_storage_info(?) "
            "WHERE column_path = '[0, 0]' AND segment_type = 'VALIDITY'",
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


def _duckdb_rows_changed(
    connection: duckdb.DuckDBPyConnection, schema: str, table: str, gone: Forgotten
) -> tuple[int, bool]:
    """Change the rows of a table that somebody stands in; how many, and whether all that they say went."""
    name = f"{_quoted(schema)}.{_quoted(table)}"
    with _of_a_sound_file():
        rows = connection.sql(f"SELECT rowid, * FROM {name}").to_arrow_table()
    places, rows = rows.column(0), rows.remove_column(0)
    try:
        left, count, whole = rows_left(rows, gone, coded=False)
    except pa.ArrowNotImplementedError:
        raise CannotRewrite(A_TYPE) from None
    if not count:
        return 0, True
    left = _never_empty(connection, schema, table, rows, left)
    new, touched = {"the row": places}, [False] * rows.num_rows
    for column, before, after in zip(rows.column_names, rows.columns, left.columns, strict=True):
        was = before.cast(after.type)
        if after.equals(was):
            continue
        said, said_before = after.to_pylist(), was.to_pylist()
        differing = [
            one != other and one == one  # NaN is no other value than itself
            for one, other in zip(said, said_before, strict=True)
        ]
        touched = [one or other for one, other in zip(touched, differing, strict=True)]
        new[column] = after
        becomes_text = any(differs and one is not None for differs, one in zip(differing, said, strict=True))
        if after.type != before.type and becomes_text:
            _become_text(connection, name, column)
    if not any(touched):  # the person's rows say nothing any more
        return 0, True
    # Of others nothing is written: not every type of DuckDB comes back from here as it was.
    new = pa.table(new).filter(pa.array(touched, pa.bool_()))
    connection.register("rows_left", new)
    made = ", ".join(f"{_quoted(column)} = l.{_quoted(column)}" for column in new.column_names[1:])
    connection.execute(f'UPDATE {name} SET {made} FROM rows_left AS l WHERE rowid = l."the row"')
    connection.unregister("rows_left")
    return count, whole


def _become_text(connection: duckdb.DuckDBPyConnection, name: str, column: str) -> None:
    """Make a column one of texts; a rule of the table (UNIQUE, PRIMARY KEY) may keep it from that."""
    try:
        connection.execute(f"ALTER TABLE {name} ALTER {_quoted(column)} TYPE VARCHAR")
    except duckdb.BinderException:
        raise CannotRewrite(A_RULE) from None


_RULES = (
    "SELECT unnest(constraint_column_names) FROM duckdb_constraints() WHERE database_name = 'old' "
    "AND schema_name = ? AND table_name = ? AND constraint_type IN (?, ?)"
)


def _never_empty(
    connection: duckdb.DuckDBPyConnection, schema: str, table: str, before: pa.Table, left: pa.Table
) -> pa.Table:
    """The rows with a text, or bytes, where a column may not be empty and what it said went."""
    never_null, unique = (
        {column for (column,) in connection.execute(_RULES, [schema, table, *kinds]).fetchall()}
        for kinds in (("NOT NULL", "PRIMARY KEY"), ("UNIQUE", "PRIMARY KEY"))
    )
    for at, name in enumerate(before.column_names):
        column = left.column(at)
        has_place = pa.types.is_string(column.type) or pa.types.is_binary(column.type)
        if name not in never_null or not has_place or not column.null_count:
            continue
        olds = before.column(at).to_pylist()
        taken = _highest_blank(olds)
        values = [
            _instead_of_null(old, f"forgotten {taken + row}", unique=name in unique) if new is None else new
            for row, (old, new) in enumerate(zip(olds, column.to_pylist(), strict=True), 1)
        ]
        left = left.set_column(at, left.field(at), pa.array(values, column.type))
    return left


def _path_in_sql(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
