"""One export: rows of a frame or a scan, filtered, written beside their place and put there when whole.

Owns the order of an export and what may stand in the place of its file. Imports the other modules of
`smsdata.sharing`, `analysis.core`, `settings` and `errors`.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from smsdata.analysis.core.dialect import quoted
from smsdata.errors import StoreError, UsageError
from smsdata.key_files import store_around
from smsdata.settings import expanded
from smsdata.sharing.formats import FORMATS
from smsdata.sharing.pseudonyms import Pseudonyms, drawn_by_lot, key_and_news, whole_table
from smsdata.sharing.row_filter import number_hint, row_condition
from smsdata.sharing.workbook import MOST_ROWS, refuse_more

_PIECE = 50_000
_PIECE_WITHOUT_PEOPLE = 20_000
"""Fewer rows at a time, for each is read in Python, and the rows that are sorted lie in memory beside it."""
_TYPES = (
    (pa.types.is_integer, None),
    (pa.types.is_boolean, pa.bool_()),
    (pa.types.is_floating, pa.float64()),
    (pa.types.is_date, pa.date32()),
    (pa.types.is_string, pa.string()),
    (pa.types.is_large_string, pa.string()),
    (pa.types.is_null, pa.string()),
)


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes
    ----------
    path : Path
        The file.
    format : str
        Its format.
    rows : int
        How many rows it has.
    columns : tuple of str
        Its columns.
    notes : tuple of str
        What a reader of the file must know: columns that were dropped, texts that were cut.
    new_key : str
        The one of them that says where a key was made; empty where none was.
    """

    path: Path
    format: str
    rows: int
    columns: tuple[str, ...]
    notes: tuple[str, ...] = ()
    new_key: str = ""


def export(
    source: Any,
    path: str | Path,
    *,
    format: str | None = None,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    name: str | None = None,
    force: bool = False,
    pseudonymise: bool = False,
    key: bytes | str | Path | None = None,
    country: str | None = None,
) -> Exported:
    """Write a frame or a scan to a file that others can open, piece by piece.

    Parameters
    ----------
    source
        A pandas DataFrame, or what ``Store.scan`` or ``Stores.scan`` gives, which may be larger than memory.
        An index without a name is left out.
    path
        The file; its folder must be there. Only its owner can read it: rows are personal data.
    format
        ``csv``, ``parquet``, ``xlsx``, ``feather``, ``sqlite`` or ``duckdb``; without it, what the name of
        the file ends in.
    columns
        Only these, in this order.
    where
        Only rows that fit, such as ``"status = 'hard-bounce'"``; see ``docs/share.md``. A text of its own
        grammar, never SQL.
    name
        Of the table in SQLite and DuckDB and of the sheet in Excel; without it that of the scan, else
        ``rows``.
    force
        Whether a file that is there may be replaced.
    pseudonymise, key, country
        Whether people are taken out, with which key, and where numbers without a country are from; as
        `smsdata.pseudonymise`.

    Returns
    -------
    Exported
        The file, its format, rows and columns, and what was cut or left out.

    Raises
    ------
    UsageError
        There is such a file, no such folder, column or format; the filter cannot be read; Excel cannot hold
        so many rows; a column holds values of several types.
    StoreError
        The file cannot be written, or one of the store cannot be read. Nothing is left in either case.

    Examples
    --------
    >>> import tempfile
    >>> made = export(pd.DataFrame({"n": [1, 2, 3]}), tempfile.mkdtemp() + "/some.csv", where="n > 1")
    >>> made.rows, made.format, made.path.read_text(encoding="utf-8-sig").split()
    (2, 'csv', ['"n"', '"2"', '"3"'])
    """
    target = expanded(path)
    kind = format_of(target, format)
    refuse_existing(target, force)
    table = name or getattr(source, "table", None) or "rows"
    pseudonyms, new_key = None, ""
    try:
        with _beside(target, force) as (temporary, folder), _rows_of(source, folder) as rows:
            most = MOST_ROWS if kind == "xlsx" else None
            schema, pieces = rows.selected(columns, where, most, mixed=pseudonymise)
            if pseudonymise:
                secret, new_key = key_and_news(key)
                pseudonyms = Pseudonyms(secret, country=country)
                wide = whole_table(source) if isinstance(source, pd.DataFrame) else None
                schema, pieces = pseudonyms.applied(schema, pieces, wide)
            written, notes = _write(FORMATS[kind], temporary, schema, pieces, table)
    except OSError as error:
        raise StoreError(
            f"{target} cannot be written ({error.strerror or error}): make room or name another file."
        ) from None
    except (duckdb.IOException, duckdb.OutOfMemoryException, sqlite3.Error) as error:
        raise StoreError(
            f"{target} was not written ({type(error).__name__}): a file of the store was just replaced, or "
            "there is no room on disk or in memory. Run it again."
        ) from None
    notes = [*filter(None, [new_key]), *(pseudonyms.notes() if pseudonyms else ()), *notes]
    if where is not None and (not written or not isinstance(source, pd.DataFrame)):
        notes += filter(None, [number_hint(where)])
    return Exported(target, kind, written, tuple(schema.names), tuple(notes), new_key)


def format_of(path: Path, named: str | None) -> str:
    """The format that was named, or that of a file's name."""
    kind = named or path.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise UsageError(
            f"{kind or path.name!r} is no format: let the name end in one of {', '.join(FORMATS)}."
        )
    return kind


def refuse_existing(path: Path, force: bool) -> None:
    """Refuse a file that is there, unless it may be replaced, no folder, and the folder of a store."""
    store = store_around(path)
    if store is not None:
        raise UsageError(
            f"{path} lies in the store {store}, whose readers would take it for rows: name another place."
        )
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file.")
    if not force and (path.exists() or path.is_symlink()):
        raise UsageError(
            f"{path} is there already: name another file, or replace it with --force (force=True)."
        )
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}: make it, or name another file.")


@contextmanager
def _beside(path: Path, force: bool) -> Iterator[tuple[Path, str]]:
    """A place beside a file, in a folder for its owner alone; what lies there at the end is put in place."""
    folder = tempfile.mkdtemp(prefix=".smsdata-export-", dir=path.parent)
    try:
        temporary = Path(folder) / path.name
        yield temporary, folder
        temporary.chmod(0o600)
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        if force:
            temporary.replace(path)
        else:
            _put_where_nothing_is(temporary, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put_where_nothing_is(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise UsageError(f"{path} has come to be there meanwhile: name another file.") from None
    except OSError:  # a file system without links
        refuse_existing(path, force=False)
        temporary.replace(path)


@dataclass
class _Rows:
    connection: duckdb.DuckDBPyConnection

    def selected(
        self, columns: Sequence[str] | None, where: str | None, most: int | None, *, mixed: bool
    ) -> tuple[pa.Schema, Iterator[pa.Table]]:
        """The chosen columns of the rows that fit: their schema, and the rows piece by piece.

        `mixed` rows are no more in the order of the store, which is that of the numbers.
        """
        described = self.connection.execute("DESCRIBE exported").fetchall()
        kinds = {column: engine_type for column, engine_type, *_ in described}
        condition, values = row_condition(where, kinds) if where is not None else ("TRUE", [])
        chosen = list(kinds) if columns is None else list(columns)
        _refuse_columns(chosen, kinds)
        listed = ", ".join(map(quoted, chosen))
        fitting = f"FROM exported WHERE {condition}"
        if most is not None:
            [(rows,)] = self.connection.execute(f"SELECT count(*) {fitting}", values).fetchall()
            refuse_more(rows, most)
        query = f"SELECT {listed} {fitting}"
        if mixed:  # sorting needs memory of its own beside what is counted, and each thread its share
            self.connection.execute("SET threads = 1; SET memory_limit = '128MB'")
            self.connection.execute("SET preserve_insertion_order = false")
            none = self.connection.sql(f"{query} LIMIT 0", params=values or None).to_arrow_table()
            query += f" {drawn_by_lot(none.schema)}"
        reader = self.connection.sql(query, params=values or None).to_arrow_reader(
            _PIECE_WITHOUT_PEOPLE if mixed else _PIECE
        )
        schema = pa.schema([(column.name, _plain_type(column)) for column in reader.schema])
        return schema, (pa.Table.from_batches([piece]).cast(schema) for piece in reader)


def _refuse_columns(chosen: Sequence[str], there: Iterable[str]) -> None:
    unknown = [column for column in chosen if column not in there]
    if unknown:
        raise UsageError(f"there is no column {unknown[0]!r}; there are: {', '.join(there)}.")
    if not chosen or len(set(chosen)) < len(chosen):
        raise UsageError("columns names none, or one twice.")


@contextmanager
def _rows_of(source: Any, folder: str) -> Iterator[_Rows]:
    connection = duckdb.connect(":memory:", config={"memory_limit": "256MB", "temp_directory": folder})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        if isinstance(source, pd.DataFrame):
            connection.register("exported", whole_table(source))
        elif hasattr(source, "sql") and hasattr(source, "columns"):
            connection.execute(f"CREATE TEMP VIEW exported AS SELECT * FROM {source.sql()}")
        else:
            raise UsageError(
                f"export takes a pandas DataFrame or a scan of a store, not {type(source).__name__}."
            )
        yield _Rows(connection)
    finally:
        connection.close()


def _plain_type(column: pa.Field) -> pa.DataType:
    """The type a column is exported as."""
    if pa.types.is_timestamp(column.type):
        return pa.timestamp("us", "UTC" if column.type.tz else None)
    for test, plain in _TYPES:
        if test(column.type):
            return plain or column.type
    raise UsageError(
        f"column {column.name!r} is {column.type}, which not every format can hold: leave it out with "
        "columns=, or make it text, .astype('str')."
    )


def _write(
    writer_of: Any, path: Path, schema: pa.Schema, pieces: Iterator[pa.Table], name: str
) -> tuple[int, list[str]]:
    writer, rows = writer_of(path, schema, name), 0
    try:
        for piece in pieces:
            rows += piece.num_rows
            writer.write(piece)
    finally:
        writer.close()
    return rows, writer.notes
