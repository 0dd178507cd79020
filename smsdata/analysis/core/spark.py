"""Spark as an engine: a session that runs the dialect, frames handed to it, and what is needed to have it.

Owns every call of pyspark, which is an extra and is imported only when a Spark frame comes in or is asked
for. Imports of smsdata only errors and the dialect.
"""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pyarrow as pa

from smsdata.analysis.core.dialect import backticks, bound, translated
from smsdata.errors import UsageError


class SparkRun:
    """Runs the dialect on the Spark session of the frame that came in."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._prefix = f"smsdata_{uuid.uuid4().hex[:8]}_"
        self._views: list[str] = []

    def add(self, name: str, source: Any) -> dict[str, str]:
        """Make a Spark frame or an Arrow table known by a name; gives its columns with Spark's types."""
        frame = in_spark(source, self._session) if isinstance(source, pa.Table) else source
        _without_nan(frame).createOrReplaceTempView(self._prefix + name)
        self._views.append(self._prefix + name)
        return dict(frame.dtypes)

    def text(self, sql: str) -> str:
        """Spell a text of the dialect as it is run."""
        return translated(sql, name=backticks, table=self._prefix.__add__, value=":{}".format)

    def frame(self, sql: str) -> Any:
        """Give what a text of the dialect makes, as a Spark frame."""
        return self._session.sql(self.text(sql))

    def run(self, sql: str, values: Mapping[str, object]) -> pa.Table:
        """Run a text of the dialect."""
        return self._session.sql(self.text(sql), args=bound(sql, values)).toArrow()

    def close(self) -> None:
        """Leave the session as it was."""
        for view in self._views:
            self._session.catalog.dropTempView(view)


def is_spark(source: Any) -> bool:
    """Tell whether a table is a Spark frame, without importing pyspark."""
    return hasattr(source, "createOrReplaceTempView")


def pyspark(module: str, helper: str) -> ModuleType:
    """Import a module of pyspark.

    Raises
    ------
    UsageError
        If the extra is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UsageError(f"{helper}: pyspark is not installed; pip install 'smsdata[spark]'.") from None


def in_spark(table: pa.Table, session: Any) -> Any:
    """Give Arrow columns to Spark; what has no time zone stays without."""
    types = pyspark("pyspark.sql.pandas.types", "Spark frames")
    return session.createDataFrame(table, types.from_arrow_schema(table.schema, prefer_timestamp_ntz=True))


def _without_nan(source: Any) -> Any:
    """Make what is not a number null, as it is in pandas and in the store."""
    functions = pyspark("pyspark.sql.functions", "Spark frames")
    floats = [name for name, kind in source.dtypes if kind in ("double", "float")]
    columns = {name: functions.col(backticks(name)) for name in floats}
    return source.withColumns(
        {name: functions.when(~functions.isnan(column), column) for name, column in columns.items()}
    )
