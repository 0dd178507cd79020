"""The store's tables as a report takes them: scans, in which this period and the one before are told apart.

Imports of smsdata only `store`, `analysis` and, within report, `periods`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import duckdb
import pandas as pd

from smsdata.report.periods import Period
from smsdata.store.store import Store

THIS, BEFORE = "this period", "the period before"


class _Lazy(Protocol):
    @property
    def columns(self) -> list[str]:
        """The columns."""

    def sql(self) -> str:
        """The table expression."""


@dataclass(frozen=True)
class SplitScan:
    """A scan with a column `reported`, which period a row is of; `status` may be another SQL expression."""

    scan: _Lazy
    since: datetime
    time: str = "sent_at"
    status: str = ""

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [*self.scan.columns, "reported"]

    def sql(self) -> str:
        """The scan as a table expression for DuckDB."""
        other = f" REPLACE ({self.status} AS status)" if self.status else ""
        edge = f"TIMESTAMPTZ '{self.since:%Y-%m-%d %H:%M:%S.%f}+00'"
        told = f"CASE WHEN \"{self.time}\" >= {edge} THEN '{THIS}' ELSE '{BEFORE}' END AS reported"
        return f"(SELECT *{other}, {told} FROM {self.scan.sql()})"


@dataclass(frozen=True)
class Sources:
    """What a report reads."""

    store: Store
    period: Period
    compare: bool

    def within(self, table: str) -> Any:
        """The rows of the period."""
        return self.store.scan(table, since=self.period.since, until=self.period.until)

    def both(self, table: str, *, time: str = "sent_at", status: str = "") -> SplitScan:
        """The rows of the period and of the one before, told apart."""
        scan = self.store.scan(table, since=self.period.before, until=self.period.until)
        return SplitScan(scan, self.period.since, time, status)

    def up_to_end(self, table: str) -> Any:
        """All rows up to the end of the period."""
        return self.store.scan(table, until=self.period.until)

    def has(self, table: str) -> bool:
        """Whether the store holds rows of it at all."""
        return self.store.count(table) > 0

    def rows(self, sql: str) -> pd.DataFrame:
        """Run SQL over scans; for counts that no helper gives."""
        with duckdb.connect(":memory:", config={"memory_limit": "500MB"}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            frame: pd.DataFrame = connection.sql(sql).to_arrow_table().to_pandas()
            return frame


def side(frame: pd.DataFrame, which: str) -> Any:
    """The row of a period in a result by `reported`; None where it has none."""
    rows = frame[frame["reported"] == which]
    return None if rows.empty else rows.iloc[0]
