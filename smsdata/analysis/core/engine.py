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

from smsdata.errors import UsageError
from smsdata.schema.frames import schema
from smsdata.schema.tables import TABLES

MICROS = 1_000_000
DAY = 86_400 * MICROS
_MOST_MONEY = 1e15
MATURE = 73 * 3_600 * MICROS
"""The gateway gives up on a message after 72 hours; its receipt may take one more (SMS Central help)."""

_OPTOUTS = ("first_optout_at", "known_at", "possible_at", "review_at", "cleared_at")
_TYPES = {field.name: field.type for table in reversed(TABLES) for field in schema(table)}
_TYPES |= {"certain": pa.bool_(), **dict.fromkeys(_OPTOUTS, pa.timestamp("us", "UTC"))}
"""The type of a column by its name; where tables differ, as in the first. Last, what `optouts` makes."""
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
        relation = self._connection.sql(self.text(sql), params=_bound(sql, values) or None)
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
            source = _in_spark(_arrow_table(_frame_of(name, source)), self._session)
        _without_nan(source).createOrReplaceTempView(self._prefix + name)
        self._views.append(self._prefix + name)
        return {column: _kind(kind) for column, kind in source.dtypes}

    def text(self, sql: str) -> str:
        return _translated(sql, name=_backticks, table=self._prefix.__add__, value=":{}".format)

    def run(self, sql: str, values: Mapping[str, object]) -> pd.DataFrame:
        result = self._session.sql(self.text(sql), args=_bound(sql, values))
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
    _sources: dict[str, Source] = field(default_factory=dict)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    sql: list[str] = field(default_factory=list)

    def __contains__(self, table: str) -> bool:
        return table in self._columns

    def add(self, table: str, source: Source) -> None:
        """Make a table known as ``@table``."""
        self._columns[table] = self._engine.add(table, source)
        self._sources[table] = source
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

        Rows are not read for it where `_surely_unique`.
        """
        key = next((k for k in keys if self.has(table, *k)), None)
        if key is None or _surely_unique(self._sources[table], key):
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

    def require_amounts(self, table: str, column: str) -> None:
        """Raise UsageError if a column of money holds what is no amount, such as infinity."""
        beyond = f"SELECT count(*) AS n FROM @{table} WHERE abs({quoted(column)}) > {_MOST_MONEY}"
        found = int(self._engine.run(beyond, {})["n"].iloc[0])
        if found:
            raise UsageError(
                f"{self.helper}: {found:,} rows of {table} have a {column} beyond {_MOST_MONEY:g}. "
                "Correct those, or make them missing (None): they are then counted as unpriced."
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
        if kind in (wanted, "null") or wanted == "other" or {kind, wanted} == {"int", "float"}:
            return
        if isinstance(self._engine, _Spark):
            todo = _cast_in_spark(kind, wanted)
        elif kind == "naive":
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


def to_spark(frame: pd.DataFrame, session: Any = None) -> Any:
    """Give a helper's result as a Spark DataFrame, so that what came from Spark stays there.

    Helpers reduce rows where they lie and finish what is left in pandas: a result passes once through the
    memory of the driver.

    Parameters
    ----------
    frame : DataFrame
        What a helper gave, or any frame.
    session : SparkSession or None
        Where to; default: the active session.

    Returns
    -------
    Spark DataFrame
        The same rows and columns. Whole numbers are ``bigint``, instants ``timestamp``, periods of local time
        ``timestamp_ntz``, text ``string``; what is missing, also NaN, is null. ``attrs``, and with them what
        `explain` reads, stay with the pandas frame.

    Raises
    ------
    UsageError
        If pyspark is not installed, no session is active, or a column holds a mix that no Spark type fits.

    Examples
    --------
    With a session named ``spark``::

        rates = delivery_rate(spark.read.parquet("data/store/messages"), by="day")
        to_spark(rates, spark).write.saveAsTable("delivery_by_day")
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise UsageError("to_spark: pyspark is not installed; pip install 'smsdata[spark]'.") from None
    session = session or SparkSession.getActiveSession()
    if session is None:
        raise UsageError("to_spark: no Spark session is active; give one: to_spark(frame, spark).")
    table = _arrow_table(frame)
    lost = [name for name in map(str, frame.columns) if name not in table.column_names]
    if lost:
        raise UsageError(f"to_spark: column {lost[0]!r} mixes types; convert it first: .astype('str').")
    return _in_spark(table, session)


def _in_spark(table: pa.Table, session: Any) -> Any:
    """Give Arrow columns to Spark; what has no time zone stays without."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return session.createDataFrame(table, from_arrow_schema(table.schema, prefer_timestamp_ntz=True))


def _without_nan(source: Any) -> Any:
    """Make what is not a number null, as it is in pandas and in the store."""
    from pyspark.sql import functions

    floats = [name for name, kind in source.dtypes if kind in ("double", "float")]
    columns = {name: functions.col(_backticks(name)) for name in floats}
    return source.withColumns(
        {name: functions.when(~functions.isnan(column), column) for name, column in columns.items()}
    )


def _cast_in_spark(kind: str, wanted: str) -> str:
    """Say what is wrong with a column of a Spark frame, and what to do."""
    if kind == "naive":
        return "naive (no time zone). Cast it to timestamp while spark.sql.session.timeZone is its zone"
    types = {"instant": "timestamp", "text": "string", "int": "bigint", "bool": "boolean", "float": "double"}
    return f"{kind}, not {wanted}. Convert it: .cast({types[wanted]!r})"


def _surely_unique(source: Source, key: tuple[str, ...]) -> bool:
    """Tell without a query that rows cannot repeat a key: the store's own key, ids in rising runs."""
    if _is_spark(source):
        return False
    if isinstance(source, pd.DataFrame):
        return len(key) == 1 and _all_differ(source[key[0]])
    kept = getattr(source, "table", None)
    return kept is None or set(TABLES[kept].key) <= set(key)


def _all_differ(values: pd.Series) -> bool:
    """Tell cheaply that whole numbers in few rising runs do not repeat; False where that is not sure."""
    if values.dtype != "int64":
        return False
    numbers = values.to_numpy()
    if np.count_nonzero(numbers[1:] < numbers[:-1]) > len(numbers) // 1000:
        return False
    ordered = np.sort(numbers, kind="stable")  # merges the runs that are there
    return bool((ordered[1:] != ordered[:-1]).all())


def _accept(helper: str, table: str, source: Source) -> None:
    if not (isinstance(source, pd.DataFrame) or hasattr(source, "sql") or _is_spark(source)):
        raise UsageError(
            f"{helper}: {table} is a {type(source).__name__}; give a pandas DataFrame, store.scan(...) "
            "or a Spark DataFrame."
        )
    names = pd.Index([str(name) for name in source.columns])
    if names.has_duplicates:
        twice = names[names.duplicated()][0]
        raise UsageError(f"{helper}: {table} has more than one column {twice!r}; drop or rename the others.")


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
    for name, values in frame.items():
        column = str(name)
        try:
            arrays[column] = _arrow_column(column, pa.array(values, from_pandas=True))
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


def _bound(sql: str, values: Mapping[str, object]) -> dict[str, object]:
    """Give the values that the text names."""
    used = {match["value"] for match in _TOKEN.finditer(sql)}
    return {name: value for name, value in values.items() if name in used}


def _tidy(sql: str) -> str:
    lines = (line.strip() for line in sql.splitlines())
    return "\n".join(line for line in lines if line)
