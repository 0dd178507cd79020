"""The lazy form of a table: which files, under which condition, as a table expression for DuckDB.

What analysis takes for data bigger than memory; opens no file itself. Imports `schema`, `times` and `errors`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from smsdata.errors import UsageError
from smsdata.schema.frames import schema
from smsdata.schema.kinds import OF_ARROW
from smsdata.schema.tables import TABLES
from smsdata.times import instant

_PATTERN = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Scan:
    """A table of the store without loading it: what analysis helpers take for data bigger than memory.

    `files` are the parts, `where` the condition on their rows; `sql` gives DuckDB's table expression.
    Vanished rows are left out unless `gone` is set. `stored` is how complete the table was when the scan was
    made, for `smsdata.certificate`.
    """

    table: str
    files: tuple[str, ...]
    where: str = ""
    gone: bool = False
    stored: Sequence[Mapping[str, Any]] = field(default=(), repr=False, compare=False)

    def __repr__(self) -> str:
        where = f", where={self.where!r}" if self.where else ""
        return f"Scan({self.table!r}, {len(self.files):,} files{where}{', gone=True' if self.gone else ''})"

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(schema(self.table).names)

    def sql(self) -> str:
        """The scan as a table expression for DuckDB."""
        if not self.files:
            made = ", ".join(
                f'CAST(NULL AS {OF_ARROW[f.type].duckdb}) AS "{f.name}"' for f in schema(self.table)
            )
            return f"(SELECT {made} WHERE false)"
        listed = ", ".join("'" + _for_duckdb(name).replace("'", "''") + "'" for name in self.files)
        here = '"gone_at" IS NULL' if TABLES[self.table].snapshot and not self.gone else ""
        where = " AND ".join(condition for condition in (self.where, here) if condition)
        where = f" WHERE {where}" if where else ""
        files = f"read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"
        return f"(SELECT * FROM {files}{where})"

    def with_gone(self) -> Scan:
        """The same scan with vanished rows in it; their ``gone_at`` says so."""
        return replace(self, gone=True)


def _for_duckdb(name: str) -> str:
    """A file's name as DuckDB takes it for this file and no other: it has patterns, and a ``~`` of its own.

    >>> _for_duckdb("/sms/a*b/part-0.parquet")
    '/sms/a[*]b/part-0.parquet'
    """
    whole = str(Path(name).absolute())
    if "\\" in whole and _PATTERN.search(whole):
        raise UsageError(
            f"{whole}: DuckDB cannot open a file below folders with a backslash and one of * ? [ in their "
            "names: move the store, or take the table with Store.read."
        )
    return _PATTERN.sub(r"[\g<0>]", whole)


def scan_between(
    table: str, parts: Iterable[Path], since: str | datetime | None, until: str | datetime | None
) -> Scan:
    """The scan of a table's parts: at or after `since`, before `until`."""
    time = TABLES[table].time
    conditions = [
        f"\"{time}\" {sign} TIMESTAMPTZ '{instant(bound):%Y-%m-%d %H:%M:%S.%f}+00'"
        for sign, bound in ((">=", since), ("<", until))
        if bound is not None
    ]
    return Scan(table, tuple(str(part) for part in parts), " AND ".join(conditions))
