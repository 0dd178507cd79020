"""The store's tables as a report takes them: scans, in which this period and the one before are told apart.

Holds what several sections ask for, computed once. Imports of smsdata only `store`, `analysis` and, within
report, `periods`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

import duckdb
import pandas as pd

from smsdata.analysis.delivery import delivery_rate, delivery_trend
from smsdata.analysis.opt_outs import optout_rate, optouts
from smsdata.analysis.replies import classify_replies
from smsdata.analysis.unclear_numbers import in_letters
from smsdata.report.periods import BEFORE, THIS, Period, sql_instant
from smsdata.store.store import Store


class _Lazy(Protocol):
    @property
    def table(self) -> str:
        """The table of the store."""

    @property
    def columns(self) -> list[str]:
        """The columns."""

    def sql(self) -> str:
        """The table expression."""


@dataclass(frozen=True)
class SplitScan:
    """A scan with a column `reported`: which period a row is of."""

    scan: _Lazy
    since: datetime
    time: str = "sent_at"

    @property
    def table(self) -> str:
        """The table of the store that it is of: its keys and numbers are as the store writes them."""
        return self.scan.table

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [*self.scan.columns, "reported"]

    def sql(self) -> str:
        """The scan as a table expression for DuckDB."""
        told = f"CASE WHEN \"{self.time}\" >= {sql_instant(self.since)} THEN '{THIS}' ELSE '{BEFORE}' END"
        return f"(SELECT *, {told} AS reported FROM {self.scan.sql()})"


@dataclass(frozen=True)
class Sources:
    """What a report reads."""

    store: Store
    period: Period
    compare: bool

    def within(self, table: str) -> Any:
        """The rows of the period."""
        return self.store.scan(table, since=self.period.since, until=self.period.until)

    def before(self, table: str) -> Any:
        """The rows of the period before."""
        return self.store.scan(table, since=self.period.before, until=self.period.since)

    def both(self, table: str, *, time: str = "sent_at") -> SplitScan:
        """The rows of the period and of the one before, told apart."""
        return self.split(self.store.scan(table, since=self.period.before, until=self.period.until), time)

    def split(self, scan: Any, time: str = "sent_at") -> SplitScan:
        """The rows of a scan, those of the period told apart from all earlier ones."""
        return SplitScan(scan, self.period.since, time)

    def not_comparable(self, table: str, *, answerable: bool = False) -> str:
        """Why rates of this period and the one before cannot be compared; empty where they can.

        Only rows sent more than 73 hours before the last of them was read are compared; with `answerable`
        only messages from senders that can receive.
        """
        which = "AND NOT regexp_matches(sender, '[^+0-9]')" if answerable else ""
        old = self.rows(
            f"WITH sent AS (FROM {self.both(table).sql()}) SELECT DISTINCT reported FROM sent "
            "WHERE sent_at <= (SELECT max(synced_at) FROM sent) - INTERVAL 73 HOUR " + which
        )["reported"].tolist()
        missing = [which for which in (THIS, BEFORE) if which not in old]
        what = "nothing older than 73 hours" + (" that can be answered" if answerable else "")
        return f"{missing[0]} has {what}" if missing else ""

    @cached_property
    def rates(self) -> pd.DataFrame:
        """Delivery in the period, one row."""
        return delivery_rate(self.within("messages"))

    @cached_property
    def senders(self) -> pd.DataFrame:
        """Delivery in the period by sender."""
        return delivery_rate(self.within("messages"), by="sender")

    @cached_property
    def trend(self) -> pd.DataFrame:
        """Delivery in the period by day, against its usual variation."""
        return delivery_trend(self.within("messages"), by="day", tz=self.period.tz)

    @cached_property
    def heard(self) -> pd.DataFrame:
        """All replies of the store, classified: a message of the period may be answered after its end.

        A number that lacks its country is nobody's, and matches nothing.
        """
        return in_letters(classify_replies(self.store.scan("replies"), messages=self.store.scan("messages")))

    @cached_property
    def evidence(self) -> pd.DataFrame:
        """All evidence of opt-outs that the store holds."""
        scans = {name: self.store.scan(name) for name in ("dlrs", "optouts", "list_members")}
        return optouts(replies=self.heard, **scans)

    @cached_property
    def optouts(self) -> pd.DataFrame:
        """Opt-outs of the period's receipts, one row."""
        return optout_rate(self.within("dlrs"), replies=self.heard, by=None)

    def up_to_end(self, table: str) -> Any:
        """All rows up to the end of the period."""
        return self.store.scan(table, until=self.period.until)

    def has(self, table: str) -> bool:
        """Whether the store holds rows of it at all."""
        return self.store.count(table) > 0

    def rows(self, sql: str, **frames: pd.DataFrame) -> pd.DataFrame:
        """Run SQL over scans, and frames by their names; for counts that no helper gives."""
        with duckdb.connect(":memory:", config={"memory_limit": "500MB"}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for name, given in frames.items():
                connection.register(name, given)
            frame: pd.DataFrame = connection.sql(sql).to_arrow_table().to_pandas()
            return frame
