"""One SQL text, three scales: runs on a pandas frame, on a lazy scan of the store, on Spark; gives pandas.

Owns how tables reach an engine and how results leave it, and the checks of what comes in. Knows no question
of its own. Imports of smsdata only errors, times and `schema` and, within core, the dialect, column_types,
spark and provenance; never the store.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeAlias

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from smsdata.analysis.core.accounts import ACCOUNT, with_own_ids
from smsdata.analysis.core.column_types import (
    SPELLED,
    arrow_table,
    expected_kind,
    number_advice,
    pandas_type,
    spelled_otherwise,
    tables_with,
)
from smsdata.analysis.core.dialect import bound, quoted, tidy, translated
from smsdata.analysis.core.provenance import TimeSpan, origin
from smsdata.analysis.core.spark import SparkRun, in_spark, is_spark, pyspark
from smsdata.errors import UsageError
from smsdata.schema.kinds import TYPES, family_named
from smsdata.schema.tables import TABLES
from smsdata.times import duration, instant

MICROS = 1_000_000


DAY_MICROS = 86_400 * MICROS


_MOST_MONEY = 1e15
_WITH_ARTICLE = {"msisdn": "an msisdn", "longcode": "a longcode"}
_NUMBERS = _WITH_ARTICLE.keys()
"""Columns whose texts are phone numbers."""


MATURE = 73 * 3_600 * MICROS
"""The gateway gives up on a message after 72 hours; its receipt may take one more (SMS Central help)."""

_MACROS = """
    CREATE TEMP MACRO unix_micros(x) AS epoch_us(x);
    CREATE TEMP MACRO regexp_like(x, pattern) AS regexp_matches(x, pattern);
    CREATE TEMP MACRO date_from_unix_date(x) AS DATE '1970-01-01' + x;
    SET TimeZone = 'UTC';
"""


class LazyTable(Protocol):
    """A lazy table: what ``store.scan(table)`` gives."""

    @property
    def columns(self) -> list[str]:
        """The columns it has."""

    def sql(self) -> str:
        """Give a DuckDB table expression, such as ``read_parquet([...], hive_partitioning=false)``."""


@dataclass(frozen=True)
class Computed:
    """A table that a text of the dialect makes from others; DuckDB computes it once."""

    sql: str


Source: TypeAlias = Any
"""What a helper takes: a pandas frame, a scan of the store or a Spark frame."""


class _DuckRun:
    """Runs the dialect on DuckDB; a connection of its own, so threads and notebooks never meet in one."""

    def __init__(self, folder: str) -> None:
        settings: dict[str, Any] = {
            "memory_limit": "1GB",
            "preserve_insertion_order": "false",
            "temp_directory": folder,
        }
        self._connection = duckdb.connect(":memory:", config=settings)
        self._connection.execute(_MACROS)

    def add(self, name: str, source: Any) -> dict[str, str]:
        """Make a lazy, computed or Arrow table known by a name; gives its columns with DuckDB's types."""
        if isinstance(source, Computed):
            self._connection.execute(f"CREATE TEMP TABLE {quoted(name)} AS {self.text(source.sql)}")
        elif isinstance(source, pa.Table):
            self._connection.register(name, source)
        else:
            self._connection.execute(f"CREATE TEMP VIEW {quoted(name)} AS SELECT * FROM {source.sql()}")
        described = self._connection.execute(f"DESCRIBE {quoted(name)}").fetchall()
        return {column: kind for column, kind, *_ in described}

    def text(self, sql: str) -> str:
        """Spell a text of the dialect as it is run."""
        return translated(sql, name=quoted, table=quoted, value="${}".format)

    def run(self, sql: str, values: Mapping[str, object]) -> pa.Table:
        """Run a text of the dialect."""
        relation = self._connection.sql(self.text(sql), params=bound(sql, values) or None)
        return relation.to_arrow_table()

    def close(self) -> None:
        """Give back what the connection holds."""
        self._connection.close()


@dataclass
class Tables:
    """The tables of one call of a helper, checked, on the engine that suits them."""

    helper: str
    _engine: _DuckRun | SparkRun
    _columns: dict[str, dict[str, str]] = field(default_factory=dict)
    _sources: dict[str, Source] = field(default_factory=dict)
    _spelled: set[tuple[str, str]] = field(default_factory=set)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    sql: list[str] = field(default_factory=list)
    ids_moved: bool = False
    """Whether ids are those of `with_own_ids`."""

    def __contains__(self, table: str) -> bool:
        return table in self._columns

    def add(self, table: str, source: Source) -> None:
        """Make a table known as ``@table``."""
        if isinstance(source, Computed):
            self.sql.append(tidy(self._engine.text(f"CREATE TEMP TABLE @{table} AS {source.sql}")))
        known = self._engine.add(table, self._readable(table, source))
        self._columns[table] = {column: family_named(kind) for column, kind in known.items()}
        self._sources[table] = source
        self.sources[table] = origin(source)

    def kinds(self, table: str) -> dict[str, str]:
        """Column names with their kind: instant, naive, text, int, float, bool or other."""
        return self._columns[table]

    def has(self, table: str, *columns: str) -> bool:
        """Tell whether the table is there with all these columns; UsageError if one is of another kind."""
        if table not in self:
            return False
        if not set(columns) <= self._columns[table].keys():
            for column in (_NUMBERS & set(columns)) - self._columns[table].keys():
                _refuse_mixed(self.helper, table, column, self._sources[table])
            return False
        for column in columns:
            self._fits(table, column, self._columns[table][column])
        for column in _NUMBERS & set(columns):
            self._refuse_other_spellings(table, column)
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
        distinct = f"SELECT count(*) AS n FROM (SELECT {names} FROM @{table} GROUP BY {names}) AS k"
        extra = self.rows(table) - int(self.query(distinct)["n"].iloc[0])
        other = "" if key == keys[0] else f", or keep the column {keys[0][0]!r} that tells them apart"
        whole = [ACCOUNT, *key] if owned(self, table) else list(key)
        if extra:
            raise UsageError(
                f"{self.helper}: {extra:,} rows of {table} repeat the key ({', '.join(key)}) and would count "
                f"twice. Drop them: {table}.drop_duplicates({whole}){other}."
            )

    def require_amounts(self, table: str, column: str) -> None:
        """Raise UsageError if a column of money holds what is no amount, such as infinity."""
        beyond = f"SELECT count(*) AS n FROM @{table} WHERE abs({quoted(column)}) > {_MOST_MONEY}"
        wrong = self._count(beyond)
        if wrong:
            raise UsageError(
                f"{self.helper}: {wrong:,} rows of {table} have a {column} beyond {_MOST_MONEY:g}. "
                "Correct those, or make them missing (None): they are then counted as unpriced."
            )

    def warn_unmatched(self, left: str, right: str, *on: tuple[str, str]) -> None:
        """Warn if two tables with rows have not one pair of rows that a join would find.

        Parameters
        ----------
        left, right : str
            The tables; nothing is asked where one was not given.
        *on : tuple of str
            The column of the left and the column of the right table that must be equal.
        """
        if left not in self or right not in self:
            return
        equal = " AND ".join(f"l.{quoted(own)} = r.{quoted(other)}" for own, other in on)
        first = f"SELECT 1 AS one FROM @{left} AS l JOIN @{right} AS r ON {equal} LIMIT 1"
        if self._count(f"SELECT count(*) AS n FROM ({first}) AS k") or not self.rows(left):
            return
        if self.rows(right):
            names = ", ".join(own if own == other else f"{own} = {other}" for own, other in on)
            warnings.warn(
                f"{self.helper}: none of {self.rows(left):,} rows of {left} matches any of "
                f"{self.rows(right):,} rows of {right} by {names}: are both of the same account and time, "
                "and spelled alike (smsdata.to_msisdn)?",
                UserWarning,
                stacklevel=levels_to_the_caller(),
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

    def here(self, table: str) -> str:
        """Write the SQL that is true for rows that have not vanished: all, where the table does not say."""
        return '"gone_at" IS NULL' if self.has(table, "gone_at") else "TRUE"

    def rows(self, table: str) -> int:
        """Count the rows; copies not counted."""
        if self.sources[table]["rows"] is None:
            self.sources[table]["rows"] = self._count(f"SELECT count(*) AS n FROM @{table}")
        return int(self.sources[table]["rows"])

    def query(self, sql: str, **values: object) -> pd.DataFrame:
        """Run a text of the shared dialect: Int64, float64, str and boolean columns come back."""
        self.sql.append(tidy(self._engine.text(sql)))
        frame: pd.DataFrame = self._engine.run(sql, values).to_pandas(types_mapper=pandas_type)
        return frame

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

    def span(
        self, table: str, at: str = "sent_at", *, status: bool = True
    ) -> tuple[TimeSpan, float | str | None]:
        """Look up when a table's rows are from, and which share of them is pending, as far as it has columns.

        Parameters
        ----------
        table : str
            The one to look at.
        at : str
            Its instant.
        status : bool
            Whether its rows are messages, which can be pending.
        """
        timed, known = self.has(table, at), status and self.has(table, "status")
        first, last = (f"{end}(unix_micros({quoted(at)}))" if timed else "NULL" for end in ("min", "max"))
        pending = self.total(table, "\"status\" = 'pending'") if known else "0"
        facts = self.query(f"""
            SELECT CAST({first} AS BIGINT) AS "first", CAST({last} AS BIGINT) AS "last",
                {self.total(table)} AS "n", CAST({pending} AS BIGINT) AS "pending"
            FROM @{table}
        """).iloc[0]
        why = "nothing was counted" if timed else f"{table} came without {at}"
        share: float | str | None = f"{table} came without status"
        if known:
            share = facts["pending"] / facts["n"] if facts["n"] else None
        return TimeSpan(facts["first"], facts["last"], clock=at, why=why), share

    def _readable(self, table: str, source: Source) -> Any:
        """Give an engine what it reads: Arrow for pandas, else the lazy table or Spark frame as it is."""
        if isinstance(source, pd.DataFrame):
            return arrow_table(source)
        if isinstance(self._engine, SparkRun) and isinstance(source, Computed):
            return self._engine.frame(source.sql)
        if isinstance(self._engine, SparkRun) and not is_spark(source):
            raise UsageError(
                f"{table} is a scan beside a Spark DataFrame; read it with Spark too, or as pandas."
            )
        return source

    def _count(self, sql: str, **values: object) -> int:
        """Count rows for a check, which is no part of the account of a result."""
        return int(self._engine.run(sql, values).column("n")[0].as_py())

    def _missing(self, table: str, column: str) -> str:
        holders = ", ".join(tables_with(column))
        known = f"; tables that have it: {holders}" if holders else ""
        has = ", ".join(self._columns[table]) or "no columns"
        return f"{self.helper}: {table} has no column {column!r}{known}. What came in has: {has}."

    def _refuse_other_spellings(self, table: str, column: str) -> None:
        """Raise UsageError if a table of somebody else spells numbers in a way that would match nothing.

        Files of the store hold digits alone, and are not read for it. Text that is no number at all, such as
        the name of a sender, is left as it is.
        """
        source = self._sources[table]
        if (table, column) in self._spelled or _store_table(source) is not None:
            return
        self._spelled.add((table, column))
        if isinstance(source, pd.DataFrame):
            spelled = spelled_otherwise(source[column])
        else:
            name = quoted(column)
            # Nearly all numbers are whole ones written plainly, and need no regular expression.
            spelled = self._count(
                f"SELECT count(*) AS n FROM @{table} WHERE CASE "
                f"WHEN CAST(TRY_CAST({name} AS BIGINT) AS STRING) = {name} AND {name} >= '1' THEN FALSE "
                f"ELSE regexp_like({name}, :spelled) AND NOT regexp_like({name}, :plain) END",
                spelled=SPELLED,
                plain="^[1-9][0-9]*$",
            )
        if spelled:
            raise UsageError(
                f"{self.helper}: {spelled:,} rows of {table} have {_WITH_ARTICLE[column]} with more than "
                f"its digits, or with a 0 before them, and would match no other table. "
                + _advice(source, table, column)
            )

    def _fits(self, table: str, column: str, kind: str) -> None:
        wanted = expected_kind(column, kind)
        if kind in (wanted, "null") or wanted == "other" or {kind, wanted} == {"int", "float"}:
            return
        if column in _NUMBERS:
            advice = _advice(self._sources[table], table, column)
            raise UsageError(f"{self.helper}: {table}.{column} is {kind}, not text. {advice}")
        if isinstance(self._engine, SparkRun):
            todo = _how_to_cast_in_spark(kind, wanted)
        elif kind == "naive":
            todo = f"naive (no time zone). Say which it is: {table}[{column!r}].dt.tz_localize('UTC')"
        elif wanted == "instant":
            todo = f"{kind}, not an instant. Make it one: pd.to_datetime({table}[{column!r}], utc=True)"
        else:
            todo = f"{kind}, not {wanted}. Convert it: {table}[{column!r}].astype({TYPES[wanted].nullable!r})"
        raise UsageError(f"{self.helper}: {table}.{column} is {todo}.")


def owned(tables: Tables, *names: str) -> bool:
    """Tell whether all tables of these names say whose each row is."""
    return all(name in tables and tables.kinds(name).get(ACCOUNT) == "text" for name in names)


@contextmanager
def open_tables(helper: str, **given: Source | None) -> Iterator[Tables]:
    """Hand tables to the engine that suits them, for the length of a ``with``.

    Parameters
    ----------
    helper : str
        The name that errors begin with.
    **given : DataFrame, LazyTable, Spark DataFrame or None
        The tables by the names that the SQL uses; None means that the caller was not given this one.
    """
    sources = {table: source for table, source in given.items() if source is not None}
    spark = next((s.sparkSession for s in sources.values() if is_spark(s)), None)
    with _spill_folder() as folder:
        engine = _DuckRun(folder) if spark is None else SparkRun(spark)
        try:
            for table, source in sources.items():
                _accept(helper, table, source)
            sources, moved = with_own_ids(helper, sources)
            tables = Tables(helper, engine, given=frozenset(sources), ids_moved=moved)
            for table, source in sources.items():
                tables.add(table, source)
            yield tables
        finally:
            engine.close()


@contextmanager
def _spill_folder() -> Iterator[str]:
    """Where DuckDB puts what does not fit into memory; nowhere on a machine without a temporary folder."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="smsdata-")
    except OSError:
        yield ""
        return
    with folder as name:
        yield name


def micros(when: datetime | str, *, what: str = "time") -> int:
    """Epoch microseconds of an aware datetime or of ISO text (taken as UTC where it names no zone).

    >>> micros("2026-11-22")
    1795305600000000
    """
    return (instant(when, what) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def length(span: str | timedelta, helper: str) -> int:
    """Give the microseconds of "90m", "72h", "8d" or a timedelta; UsageError if it is no length.

    >>> length("72h", "reply_rate")
    259200000000
    """
    try:
        whole = (span if isinstance(span, timedelta) else duration(span)) // timedelta(microseconds=1)
    except UsageError:
        whole = 0
    if whole <= 0:
        raise UsageError(f"{helper}: {span!r} is no length of time; write it like '90m', '72h' or '8d'.")
    return whole


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
    sql = pyspark("pyspark.sql", "to_spark")
    session = session or sql.SparkSession.getActiveSession()
    if session is None:
        raise UsageError("to_spark: no Spark session is active; give one: to_spark(frame, spark).")
    table = arrow_table(frame)
    lost = [name for name in map(str, frame.columns) if name not in table.column_names]
    if lost:
        raise UsageError(f"to_spark: column {lost[0]!r} mixes types; convert it first: .astype('str').")
    return in_spark(table, session)


def _how_to_cast_in_spark(kind: str, wanted: str) -> str:
    """Say what is wrong with a column of a Spark frame, and what to do."""
    if kind == "naive":
        return "naive (no time zone). Cast it to timestamp while spark.sql.session.timeZone is its zone"
    return f"{kind}, not {wanted}. Convert it: .cast({TYPES[wanted].spark!r})"


def _surely_unique(source: Source, key: tuple[str, ...]) -> bool:
    """Tell without a query that rows cannot repeat a key: the store's own key, ids in rising runs."""
    if is_spark(source):
        return False
    if isinstance(source, pd.DataFrame):
        return len(key) == 1 and _all_differ(source[key[0]])
    kept = _store_table(source)
    return kept is None or set(TABLES[kept].key) <= set(key)


def _store_table(source: Source) -> str | None:
    """Name the table of the store that a scan is of; None for frames and for tables of somebody else."""
    if isinstance(source, pd.DataFrame) or is_spark(source):
        return None
    return getattr(source, "table", None)


def _advice(source: Source, table: str, column: str) -> str:
    """Say how numbers become those of the tables, in a frame or elsewhere."""
    if isinstance(source, pd.DataFrame):
        return number_advice(table, column)
    return "Convert its distinct numbers with smsdata.to_msisdn, and join what that gives."


def _refuse_mixed(helper: str, table: str, column: str, source: Source) -> None:
    """Raise UsageError if a frame has the numbers, but in so many types that no engine took them."""
    if isinstance(source, pd.DataFrame) and column in source.columns:
        raise UsageError(f"{helper}: {table}.{column} mixes types. {number_advice(table, column)}")


def _all_differ(values: pd.Series) -> bool:
    """Tell cheaply that whole numbers in few rising runs do not repeat; False where that is not sure."""
    if values.dtype != "int64":
        return False
    numbers = values.to_numpy()
    if np.count_nonzero(numbers[1:] < numbers[:-1]) > len(numbers) // 1000:
        return False
    ordered = np.sort(numbers, kind="stable")  # merges the runs that are there
    return bool((ordered[1:] != ordered[:-1]).all())


def levels_to_the_caller() -> int:
    """Count the frames from who warns up to the first one outside of analysis, which the warning names."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("smsdata.analysis."):
        frame, level = frame.f_back, level + 1
    return level


def _accept(helper: str, table: str, source: Source) -> None:
    if not (isinstance(source, pd.DataFrame) or hasattr(source, "sql") or is_spark(source)):
        raise UsageError(
            f"{helper}: {table} is a {type(source).__name__}; give a pandas DataFrame, store.scan(...) "
            "or a Spark DataFrame."
        )
    names = pd.Index([str(name) for name in source.columns])
    if names.has_duplicates:
        twice = names[names.duplicated()][0]
        raise UsageError(f"{helper}: {table} has more than one column {twice!r}; drop or rename the others.")
