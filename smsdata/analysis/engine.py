"""One SQL text, three scales: runs on a pandas frame, on a lazy scan of the store, on Spark; gives pandas.

Owns how tables reach an engine, the small SQL dialect the helpers share, the checks of what comes in and
the account of where a number came from. Knows no question of its own. Imports of smsdata only errors, and the
types of columns from endpoints and frames; neither the store nor, before a Spark frame comes in, pyspark.

The dialect is what DuckDB and Spark SQL have in common, and

* ``@messages`` is the table handed in as ``messages``;
* ``"name"`` is always an identifier and ``'text'`` always a text, in both engines (see `quoted`);
* ``:since`` is a bound value;
* an instant is read as ``unix_micros("sent_at")`` and stays an integer from there on, so no engine's idea of
  a time zone can enter; ``date_from_unix_date(days)`` is the other function that DuckDB lends from Spark;
* a sum is written ``CAST(sum(x) AS BIGINT)``, a conditional count ``count(*) FILTER (WHERE ...)``.
"""

from __future__ import annotations

import re
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias, cast

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from smsdata.endpoints import TABLES
from smsdata.errors import UsageError
from smsdata.frames import schema

MICROS = 1_000_000
DAY = 86_400 * MICROS
MATURE = 73 * 3_600 * MICROS
"""The gateway gives up on a message after 72 hours; its receipt may take one more (SMS Central help)."""

_TYPES = {field.name: field.type for table in reversed(TABLES) for field in schema(table)}
"""The type of a column by its name; where tables differ, as in the first."""
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?P<name>(?:[^"]|"")*)"|@(?P<table>\w+)|:(?P<value>[a-z_]\w*)""")
_MACROS = """
    CREATE TEMP MACRO unix_micros(x) AS epoch_us(x);
    CREATE TEMP MACRO date_from_unix_date(x) AS DATE '1970-01-01' + x;
    SET TimeZone = 'UTC';
"""


class Scan(Protocol):
    """A lazy table: what ``store.scan(table)`` gives."""

    @property
    def columns(self) -> list[str]:
        """The columns it has."""

    def sql(self) -> str:
        """Give a DuckDB table expression, such as ``read_parquet([...], hive_partitioning=false)``."""


Source: TypeAlias = Any
"""What a helper takes: a pandas frame, a scan of the store or a Spark frame."""


def quoted(name: str) -> str:
    """Quote an identifier for the shared dialect, whatever characters it has.

    >>> print(quoted('a "b" c'))
    "a ""b"" c"
    """
    return '"' + name.replace('"', '""') + '"'


class _Duck:
    """Runs the dialect on DuckDB; a connection of its own, so threads and notebooks never meet in one."""

    def __init__(self, folder: str) -> None:
        settings: dict[str, Any] = {
            "memory_limit": "1GB",
            "preserve_insertion_order": "false",
            "temp_directory": folder,
        }
        self._connection = duckdb.connect(":memory:", config=settings)
        self._connection.execute(_MACROS)

    def add(self, name: str, source: Source) -> dict[str, str]:
        if isinstance(source, pd.DataFrame):
            self._connection.register(name, _arrow_table(source))
        else:
            self._connection.execute(f"CREATE TEMP VIEW {quoted(name)} AS SELECT * FROM {source.sql()}")
        described = self._connection.execute(f"DESCRIBE {quoted(name)}").fetchall()
        return {column: _kind(kind) for column, kind, *_ in described}

    def text(self, sql: str) -> str:
        return _translated(sql, name=quoted, table=quoted, value="${}".format)

    def run(self, sql: str, values: Mapping[str, object]) -> pd.DataFrame:
        used = {match["value"] for match in _TOKEN.finditer(sql)}
        bound = {name: value for name, value in values.items() if name in used}
        relation = self._connection.sql(self.text(sql), params=bound or None)
        frame: pd.DataFrame = relation.to_arrow_table().to_pandas(types_mapper=_pandas_type)
        return frame

    def close(self) -> None:
        self._connection.close()


class _Spark:
    """Runs the dialect on the Spark session of the frame that came in."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._prefix = f"smsdata_{uuid.uuid4().hex[:8]}_"
        self._views: list[str] = []

    def add(self, name: str, source: Source) -> dict[str, str]:
        if not _is_spark(source):
            source = self._session.createDataFrame(_arrow_table(_frame_of(name, source)))
        source.createOrReplaceTempView(self._prefix + name)
        self._views.append(self._prefix + name)
        return {column: _kind(kind) for column, kind in source.dtypes}

    def text(self, sql: str) -> str:
        return _translated(sql, name=_backticks, table=self._prefix.__add__, value=":{}".format)

    def run(self, sql: str, values: Mapping[str, object]) -> pd.DataFrame:
        result = self._session.sql(self.text(sql), args=dict(values))
        frame: pd.DataFrame = result.toArrow().to_pandas(types_mapper=_pandas_type)
        return frame

    def close(self) -> None:
        for view in self._views:
            self._session.catalog.dropTempView(view)


@dataclass
class Tables:
    """The tables of one call of a helper, checked, on the engine that suits them."""

    helper: str
    _engine: _Duck | _Spark
    _columns: dict[str, dict[str, str]] = field(default_factory=dict)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    sql: list[str] = field(default_factory=list)

    def __contains__(self, table: str) -> bool:
        return table in self._columns

    def add(self, table: str, source: Source) -> None:
        """Make a table known as ``@table``."""
        self._columns[table] = self._engine.add(table, source)
        self.sources[table] = origin(source)

    def kinds(self, table: str) -> dict[str, str]:
        """Column names with their kind: instant, naive, text, int, float, bool or other."""
        return self._columns[table]

    def has(self, table: str, *columns: str) -> bool:
        """Tell whether the table is there with all these columns; UsageError if one is of another kind."""
        if table not in self or not set(columns) <= self._columns[table].keys():
            return False
        for column in columns:
            self._fits(table, column, self._columns[table][column])
        return True

    def require(self, table: str, *columns: str) -> None:
        """Raise UsageError if a column is missing, or holds another kind than its table defines."""
        for column in columns:
            if not self.has(table, column):
                raise UsageError(self._missing(table, column))

    def require_keys(self, table: str, *keys: tuple[str, ...]) -> None:
        """Raise UsageError if rows repeat the first of these keys whose columns are there.

        A scan is not read for it: the store keeps its keys unique.
        """
        key = next((k for k in keys if self.has(table, *k)), None)
        if key is None or self.sources[table]["kind"] == "scan":
            return
        names = ", ".join(quoted(column) for column in key)
        found = self.query(f"SELECT count(*) AS n FROM (SELECT {names} FROM @{table} GROUP BY {names}) AS k")
        extra = self.rows(table) - int(found["n"].iloc[0])
        other = "" if key == keys[0] else f", or keep the column {keys[0][0]!r} that tells them apart"
        if extra:
            raise UsageError(
                f"{self.helper}: {extra:,} rows of {table} repeat the key ({', '.join(key)}) and would count "
                f"twice. Drop them: {table}.drop_duplicates({list(key)}){other}."
            )

    def total(self, table: str, condition: str = "") -> str:
        """Write the SQL that counts rows, each as often as its ``copies`` say, where a condition holds."""
        where = f" FILTER (WHERE {condition})" if condition else ""
        if not self.has(table, "copies"):
            return f"count(*){where}"
        return f'CAST(coalesce(sum(coalesce("copies", 1)){where}, 0) AS BIGINT)'

    def copies(self, table: str) -> str:
        """Write the SQL for how often a row counts: its ``copies``, or 1 where the table does not say."""
        return 'coalesce("copies", 1)' if self.has(table, "copies") else "1"

    def rows(self, table: str) -> int:
        """Count the rows; copies not counted."""
        if self.sources[table]["rows"] is None:
            count = self._engine.run(f"SELECT count(*) AS n FROM @{table}", {})
            self.sources[table]["rows"] = int(count["n"].iloc[0])
        return int(self.sources[table]["rows"])

    def query(self, sql: str, **values: object) -> pd.DataFrame:
        """Run a text of the shared dialect: Int64, float64, str and boolean columns come back."""
        self.sql.append(_tidy(self._engine.text(sql)))
        return self._engine.run(sql, values)

    def now(self, now: datetime | str | None, table: str) -> int:
        """Tell the present in epoch microseconds: as given, else when last synced, else the clock."""
        if now is not None:
            return micros(now, what=f"{self.helper}: now")
        synced = None
        if self.has(table, "synced_at"):
            latest = self.query(f'SELECT max(unix_micros("synced_at")) AS "latest" FROM @{table}')
            synced = latest["latest"].iloc[0]
        return (
            int(datetime.now(UTC).timestamp() * MICROS) if synced is None or pd.isna(synced) else int(synced)
        )

    def _missing(self, table: str, column: str) -> str:
        holders = ", ".join(name for name in TABLES if column in schema(name).names)
        known = f"; tables that have it: {holders}" if holders else ""
        has = ", ".join(self._columns[table]) or "no columns"
        return f"{self.helper}: {table} has no column {column!r}{known}. What came in has: {has}."

    def _fits(self, table: str, column: str, kind: str) -> None:
        wanted = _arrow_kind(_TYPES[column]) if column in _TYPES else kind
        if kind == wanted or kind == "null" or {kind, wanted} == {"int", "float"}:
            return
        if kind == "naive":
            todo = f"naive (no time zone). Say which it is: {table}[{column!r}].dt.tz_localize('UTC')"
        elif wanted == "instant":
            todo = f"{kind}, not an instant. Make it one: pd.to_datetime({table}[{column!r}], utc=True)"
        else:
            todo = f"{kind}, not {wanted}. Convert it: {table}[{column!r}].astype({_pandas_name(wanted)!r})"
        raise UsageError(f"{self.helper}: {table}.{column} is {todo}.")


@contextmanager
def open_tables(helper: str, **given: Source | None) -> Iterator[Tables]:
    """Hand tables to the engine that suits them, for the length of a ``with``.

    Parameters
    ----------
    helper : str
        The name that errors begin with.
    **given : DataFrame, Scan, Spark DataFrame or None
        The tables by the names that the SQL uses; None means that the caller was not given this one.
    """
    sources = {table: source for table, source in given.items() if source is not None}
    spark = next((s.sparkSession for s in sources.values() if _is_spark(s)), None)
    with tempfile.TemporaryDirectory(prefix="smsdata-") as folder:
        engine = _Duck(folder) if spark is None else _Spark(spark)
        try:
            tables = Tables(helper, engine, given=frozenset(sources))
            for table, source in sources.items():
                _accept(helper, table, source)
                tables.add(table, source)
            yield tables
        finally:
            engine.close()


def micros(when: datetime | str, *, what: str = "time") -> int:
    """Epoch microseconds of an aware datetime or of ISO text (taken as UTC where it names no zone).

    >>> micros("2026-11-22")
    1795305600000000
    """
    try:
        stamp = pd.Timestamp(when)
    except (ValueError, TypeError):
        raise UsageError(f"{what}={when!r} is not a time; write it like '2026-11-22T00:00:00Z'.") from None
    if pd.isna(stamp):
        raise UsageError(f"{what} is missing; leave it out or give a time.")
    if stamp.tzinfo is None and not isinstance(when, str):
        raise UsageError(f"{what} is a naive datetime; add its zone: .replace(tzinfo=UTC).")
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp
    return int(stamp.value // 1_000)


def instants(values: Any) -> pd.Series:
    """Epoch microseconds, missing ones allowed, as ``datetime64[us, UTC]``.

    >>> instants([1795305600000000, None]).dt.day.tolist()
    [22.0, nan]
    """
    whole = pd.Series(values, dtype="Int64")
    stamps = whole.to_numpy("int64", na_value=np.iinfo("int64").min).view("datetime64[us]")
    return pd.Series(stamps, index=whole.index).dt.tz_localize("UTC")


def typed(frame: pd.DataFrame, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Give just these columns, in this order, of these dtypes; "utc" turns micros into instants."""
    columns = {
        c: instants(frame[c]) if t == "utc" else frame[c].astype(cast(Any, t)) for c, t in dtypes.items()
    }
    return pd.DataFrame(columns, index=frame.index).reset_index(drop=True)


def _accept(helper: str, table: str, source: Source) -> None:
    if not (isinstance(source, pd.DataFrame) or hasattr(source, "sql") or _is_spark(source)):
        raise UsageError(
            f"{helper}: {table} is a {type(source).__name__}; give a pandas DataFrame, store.scan(...) "
            "or a Spark DataFrame."
        )


def _is_spark(source: Source) -> bool:
    return hasattr(source, "createOrReplaceTempView")


def _frame_of(table: str, source: Source) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        return source
    raise UsageError(f"{table} is a scan beside a Spark DataFrame; read it with Spark too, or as pandas.")


def origin(source: Source) -> dict[str, Any]:
    """Tell what a table is, and for a helper's result which helper made it from what."""
    if not isinstance(source, pd.DataFrame):
        return {"kind": "spark" if _is_spark(source) else "scan", "rows": None, "drain": None, "made": None}
    told = source.attrs.get("explain")
    made = {"helper": told["helper"], "sources": told["sources"]} if told else None
    return {"kind": "pandas", "rows": len(source), "drain": source.attrs.get("drain"), "made": made}


def _arrow_table(frame: pd.DataFrame) -> pa.Table:
    """Give the frame's columns as Arrow, without a copy where pandas holds them that way."""
    arrays = {}
    for column in map(str, frame.columns):
        try:
            arrays[column] = _arrow_column(column, pa.array(frame[column], from_pandas=True))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            continue  # A column of mixed Python objects: a helper that needs it will miss it by name.
    return pa.table(arrays) if arrays else pa.table({"": pa.nulls(len(frame))})


def _arrow_column(column: str, array: Any) -> Any:
    if array.null_count == len(array):
        # Whatever pandas calls a column of nothing, it is of its table's type.
        own = pa.string() if pa.types.is_null(array.type) else array.type
        return pa.nulls(len(array), _TYPES.get(column, own))
    if pa.types.is_dictionary(array.type):
        return array.cast(array.type.value_type)
    if pa.types.is_timestamp(array.type) and array.type.unit != "us":
        return array.cast(pa.timestamp("us", tz=array.type.tz), safe=False)
    return array


def _kind(engine_type: str) -> str:
    """Tell the kind of a column from what DuckDB or Spark calls its type."""
    name = engine_type.upper()
    kinds = {
        "TIMESTAMP WITH TIME ZONE": "instant",
        "TIMESTAMP_NTZ": "naive",
        "VARCHAR": "text",
        "STRING": "text",
        "BOOLEAN": "bool",
        "DOUBLE": "float",
        "FLOAT": "float",
        '"NULL"': "null",
        "VOID": "null",
    }
    if name in kinds:
        return kinds[name]
    if name.startswith("TIMESTAMP"):
        return "instant" if engine_type == "timestamp" else "naive"
    return "int" if "INT" in name else "other"


def _arrow_kind(arrow: Any) -> str:
    """Tell the kind of a column from its Arrow type."""
    kinds = {
        pa.types.is_timestamp: "instant",
        pa.types.is_integer: "int",
        pa.types.is_floating: "float",
        pa.types.is_boolean: "bool",
        pa.types.is_date: "other",
    }
    return next((kind for test, kind in kinds.items() if test(arrow)), "text")


def _pandas_type(arrow: Any) -> Any:
    if pa.types.is_integer(arrow):
        return pd.Int64Dtype()
    if pa.types.is_boolean(arrow):
        return pd.BooleanDtype()
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow):
        return pd.StringDtype(na_value=np.nan)
    return None


def _pandas_name(kind: str) -> str:
    return {"text": "str", "int": "Int64", "bool": "boolean", "float": "float64"}[kind]


def _backticks(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _translated(
    sql: str, *, name: Callable[[str], str], table: Callable[[str], str], value: Callable[[str], str]
) -> str:
    """Spell the shared text for one engine; what stands in 'quotes' is left alone."""

    def spelt(match: re.Match[str]) -> str:
        if match["name"] is not None:
            return name(match["name"].replace('""', '"'))
        if match["table"]:
            return table(match["table"])
        return value(match["value"]) if match["value"] else match[0]

    return _TOKEN.sub(spelt, sql)


def _tidy(sql: str) -> str:
    lines = (line.strip() for line in sql.splitlines())
    return "\n".join(line for line in lines if line)
