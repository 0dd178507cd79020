"""Rows of many accounts in one frame, as `smsdata.Stores` gives them; ``account`` says whose each row is.

Two accounts may use the same ids. Owns how their rows are told apart: `with_own_ids` gives ids that are no
other account's, for helpers that count all together, and `part_of` the rows of one. Imports of smsdata only
errors and, within core, dialect and spark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd

from smsdata.analysis.core.dialect import backticks, quoted
from smsdata.analysis.core.spark import is_spark, pyspark
from smsdata.errors import UsageError

ACCOUNT = "account"
IDS = ("id", "message_id", "list_id")
APART = 2**44
"""How far the ids of one account lie from those of the next; ids of a gateway are smaller."""

_TOO_LARGE = "an id is too large to be told from those of other accounts: give one account at a time"


def has_accounts(source: Any) -> bool:
    """Tell whether rows say whose they are."""
    return ACCOUNT in getattr(source, "columns", ())


def with_own_ids(helper: str, tables: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Give tables whose ids are no other account's, and whether that took anything.

    Contacts without an account are anybody's who has the number.
    """
    owned = {name: one for name, one in tables.items() if has_accounts(one)}
    accounts = accounts_of(helper, owned) if owned else []
    if len(accounts) < 2:
        return dict(tables), False
    refuse_nobodys(helper, {name: one for name, one in tables.items() if name != "list_members"})
    return {name: _moved(one, accounts) if name in owned else one for name, one in tables.items()}, True


def part_of(source: Any, account: str) -> Any:
    """Give the rows of one account, without the column that says so."""
    if not has_accounts(source):
        return source
    if isinstance(source, pd.DataFrame):
        part = source[source[ACCOUNT] == account].drop(columns=ACCOUNT).reset_index(drop=True)
        stored = [one for one in source.attrs.get("stored", []) if one["account"] in (None, account)]
        part.attrs = {**source.attrs, **({"stored": stored} if "stored" in source.attrs else {})}
        return part
    if is_spark(source):
        functions = pyspark("pyspark.sql.functions", "Spark frames")
        return source.filter(functions.col(ACCOUNT) == account).drop(ACCOUNT)
    scans = dict(getattr(source, "scans", ()))
    return scans[account] if account in scans else _LazyPart(source, account)


@dataclass(frozen=True)
class _LazyPart:
    """The rows of one account of a lazy table that is not made of scans."""

    whole: Any
    account: str

    @property
    def columns(self) -> list[str]:
        return [name for name in self.whole.columns if name != ACCOUNT]

    def sql(self) -> str:
        whose = self.account.replace("'", "''")
        return f"(SELECT * EXCLUDE ({ACCOUNT}) FROM {self.whole.sql()} WHERE {ACCOUNT} = '{whose}')"


@dataclass(frozen=True)
class _Moved:
    """A lazy table whose ids are moved apart; all else as it is."""

    whole: Any
    text: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)

    def sql(self) -> str:
        return self.text


def accounts_of(helper: str, tables: Mapping[str, Any]) -> list[str]:
    """Name the accounts that have rows in any of the tables, in order."""
    found: set[str] = set()
    for table, source in tables.items():
        names = _names_in(source) if has_accounts(source) else ()
        nobodys = [name for name in names if not isinstance(name, str)]
        if nobodys:
            raise UsageError(
                f"{helper}: {table} has rows whose account is {nobodys[0]!r}, no name: "
                "smsdata.Stores writes the name of each; rename a column of your own."
            )
        found |= set(names)
    return sorted(found)


def _names_in(source: Any) -> list[Any]:
    if isinstance(source, pd.DataFrame):
        return [None if pd.isna(name) else name for name in source[ACCOUNT].unique()]
    if is_spark(source):
        return [row[0] for row in source.select(ACCOUNT).distinct().collect()]
    if hasattr(source, "scans"):
        return [name for name, _ in source.scans]
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT DISTINCT {ACCOUNT} FROM {source.sql()}").fetchall()
    return [row[0] for row in found]


def refuse_nobodys(helper: str, tables: Mapping[str, Any]) -> None:
    """Raise UsageError where some tables say whose their rows are, and others do not."""
    without = [name for name, one in tables.items() if not has_accounts(one)]
    having = [name for name, one in tables.items() if has_accounts(one)]
    if without and having:
        raise UsageError(
            f"{helper}: {having[0]} has rows of several accounts, and {without[0]} does not say whose its "
            "rows are: read it with smsdata.Stores too, so that it has the column 'account'."
        )


def _moved(source: Any, accounts: list[str]) -> Any:
    """Move the ids of each account apart from those of the others; 0 names nothing and stays."""
    if isinstance(source, pd.DataFrame):
        return _moved_frame(source, accounts)
    if is_spark(source):
        functions = pyspark("pyspark.sql.functions", "Spark frames")
        ids = [name for name, kind in source.dtypes if name in IDS and kind in ("bigint", "int", "double")]
        return source.withColumns(
            {name: functions.expr(_moved_sql(name, accounts, backticks, "raise_error")) for name in ids}
        )
    ids = [name for name in IDS if name in source.columns]
    if not ids:
        return source
    moved = ", ".join(f"{_moved_sql(name, accounts, quoted, 'error')} AS {quoted(name)}" for name in ids)
    return _Moved(source, f"(SELECT * REPLACE ({moved}) FROM {source.sql()})")


def _moved_frame(source: pd.DataFrame, accounts: list[str]) -> pd.DataFrame:
    by = source[ACCOUNT].map({name: n * APART for n, name in enumerate(accounts)}).astype("int64")
    moved = {}
    for name in IDS:
        if name in source.columns and pd.api.types.is_numeric_dtype(source[name]):
            ids = source[name]
            if (ids >= APART).any():
                raise UsageError(f"{name}: {_TOO_LARGE}.")
            moved[name] = ids + by.where((ids != 0).fillna(value=False).astype(bool), 0)
    return source.assign(**moved)


def _moved_sql(column: str, accounts: list[str], name: Callable[[str], str], error: str) -> str:
    """Write the SQL of an id that is moved apart, in the spelling of one engine."""
    cases = " ".join(
        "WHEN {} = '{}' THEN {}".format(name(ACCOUNT), one.replace("'", "''"), n * APART)
        for n, one in enumerate(accounts)
    )
    own = name(column)
    refused = f"WHEN {own} >= {APART} THEN {error}('{_TOO_LARGE}.')"
    return f"CASE {refused} WHEN {own} = 0 THEN 0 ELSE {own} + CASE {cases} END END"
