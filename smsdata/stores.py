"""Many stores read as one frame, with a column that says whose row it is: on pandas, as a scan, on Spark.

Owns `Stores`. Imports `store`, `shown`, `errors` and, for Spark alone, `analysis.core.spark`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smsdata.errors import SmsDataError, StoreError, UsageError
from smsdata.schema.tables import TABLES
from smsdata.settings import expanded
from smsdata.shown import html_of, shown_in_any_case
from smsdata.store.scan import Scan
from smsdata.store.status import readable_age, store_status
from smsdata.store.store import Store, existing_store
from smsdata.times import instant

if TYPE_CHECKING:
    import pandas as pd

COLUMN = "account"


@dataclass(frozen=True, slots=True)
class ManyScan:
    """A table of several stores without loading it; what helpers of `smsdata.analysis` take, as a `Scan`.

    `scans` are those of the stores, by the names of the accounts.
    """

    table: str
    scans: tuple[tuple[str, Scan], ...]

    def __repr__(self) -> str:
        return f"ManyScan({self.table!r} of {', '.join(name for name, _ in self.scans)})"

    @property
    def columns(self) -> list[str]:
        """The names of the columns: ``account``, then those of the table."""
        return [COLUMN, *self.scans[0][1].columns]

    @property
    def stored(self) -> list[dict[str, Any]]:
        """How complete the table was in each store when the scan was made."""
        return [{**one, "account": name} for name, scan in self.scans for one in scan.stored]

    def sql(self) -> str:
        """The scan as a table expression for DuckDB."""
        parts = [
            "SELECT '{}' AS \"{}\", * FROM {}".format(name.replace("'", "''"), COLUMN, scan.sql())
            for name, scan in self.scans
        ]
        return f"({' UNION ALL BY NAME '.join(parts)})"

    def with_gone(self) -> ManyScan:
        """The same scan with vanished rows in it; their ``gone_at`` says so."""
        return replace(self, scans=tuple((name, scan.with_gone()) for name, scan in self.scans))


class Stores:
    """The stores of many accounts, read as one.

    Parameters
    ----------
    where
        A folder whose folders are stores, such as ``"data"``: an account has the name of its folder; what is
        no store in it is left out. Or the stores themselves, or their folders, by the names of the accounts.
    accounts
        Only these.

    Raises
    ------
    UsageError
        There is no store, or none of such a name.
    StoreError
        Two stores hold the same account, whose rows would then count twice; or one is a folder of others.

    Notes
    -----
    Helpers of `smsdata.analysis` tell rows apart and join them by account and id, so accounts may use the
    same ids. Those with ``by`` count all accounts together unless it names ``account`` (or an id, which is
    one account's); the others answer for each account by itself, in a first column ``account``.

    Examples
    --------
    >>> import tempfile
    >>> Stores({"perth": tempfile.mkdtemp(), "hobart": tempfile.mkdtemp()}).read("messages")["account"].dtype
    <StringDtype(na_value=nan)>
    """

    def __init__(
        self,
        where: str | Path | Mapping[str, Store | str | Path],
        *,
        accounts: Sequence[str] | None = None,
    ) -> None:
        named = dict(where) if isinstance(where, Mapping) else _stores_in(expanded(where))
        unknown = sorted(set(accounts or ()) - set(named))
        if unknown or not named:
            missing = f"no store of {', '.join(unknown)}" if unknown else "no store"
            place = "" if isinstance(where, Mapping) else f" in {where}"
            raise UsageError(f"there is {missing}{place}; there are: {', '.join(named) or 'none'}.")
        self.by_account: dict[str, Store] = {
            name: existing_store(one) for name, one in named.items() if accounts is None or name in accounts
        }
        """The stores by the names of their accounts."""
        _refuse_one_twice(self.by_account)

    def __repr__(self) -> str:
        return f"Stores({', '.join(self.by_account)})"

    @shown_in_any_case
    def _repr_html_(self) -> str:
        return html_of(
            f"Stores of {len(self)} accounts",
            heads=["account", "last sync", "complete", "messages", "needs a look"],
            rows=[[name, *_standing_of(store)] for name, store in self.by_account.items()],
        )

    def __iter__(self) -> Iterator[str]:
        """The names of the accounts."""
        return iter(self.by_account)

    def __len__(self) -> int:
        return len(self.by_account)

    def __getitem__(self, account: str) -> Store:
        """The store of one account."""
        if account not in self.by_account:
            raise UsageError(f"there is no store of {account!r}; there are: {', '.join(self.by_account)}.")
        return self.by_account[account]

    def read(
        self,
        table: str,
        *,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        columns: Sequence[str] | None = None,
        as_of: str | datetime | None = None,
    ) -> pd.DataFrame:
        """Read a table of all stores into pandas.

        Parameters
        ----------
        table
            Its name.
        since, until, columns, as_of
            As for `smsdata.Store.read`.

        Returns
        -------
        pandas.DataFrame
            ``account`` (text), then the columns of the table with its dtypes; the rows of one account after
            those of the other, each in the order of time, then key.

        Raises
        ------
        UsageError, StoreError
            As `smsdata.Store.read`.
        """
        import pandas as pd

        frames = []
        for name, store in self.by_account.items():
            frame = store.read(table, since=since, until=until, columns=columns, as_of=as_of)
            frame.insert(0, COLUMN, pd.Series(name, index=frame.index, dtype="str"))
            frames.append(frame)
        whole = pd.concat(frames, ignore_index=True)
        whole.attrs["stored"] = [
            {**one, "account": name}
            for name, frame in zip(self.by_account, frames, strict=True)
            for one in frame.attrs["stored"]
        ]
        return whole

    def scan(
        self, table: str, *, since: str | datetime | None = None, until: str | datetime | None = None
    ) -> ManyScan:
        """Give the lazy form of a table of all stores, for helpers of `smsdata.analysis`."""
        scans = [(name, one.scan(table, since=since, until=until)) for name, one in self.by_account.items()]
        return ManyScan(table, tuple(scans))

    def spark(
        self,
        session: Any,
        table: str,
        *,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
    ) -> Any:
        """Give a table of all stores as a Spark frame; vanished rows are left out.

        Parameters
        ----------
        session
            The Spark session.
        table, since, until
            As for `scan`.

        Returns
        -------
        pyspark.sql.DataFrame
            ``account`` (string), then the columns of the table.

        Raises
        ------
        UsageError
            pyspark is not installed, or as `smsdata.Store.scan`.
        StoreError
            A file is damaged.
        """
        from smsdata.analysis.core.spark import in_spark, pyspark
        from smsdata.schema.frames import empty

        functions = pyspark("pyspark.sql.functions", "Stores.spark")
        all_rows = in_spark(empty(table), session).withColumn(COLUMN, functions.lit(""))
        for name, scan in self.scan(table, since=since, until=until).scans:
            if scan.files:
                frame = session.read.parquet(*scan.files).withColumn(COLUMN, functions.lit(name))
                all_rows = all_rows.unionByName(frame, allowMissingColumns=True)
        for sign, bound in ((">=", since), ("<", until)):
            if bound is not None:
                moment = functions.lit(instant(bound))
                time = functions.col(str(TABLES[table].time))
                all_rows = all_rows.filter(time >= moment if sign == ">=" else time < moment)
        if TABLES[table].snapshot:
            all_rows = all_rows.filter(functions.col("gone_at").isNull())
        return all_rows.select(COLUMN, *empty(table).column_names)


def _standing_of(store: Store) -> list[Any]:
    """How one of the stores stands; one that cannot be read costs its own line alone."""
    try:
        status = store_status(store)
    except SmsDataError as error:
        return [None, None, None, str(error)]
    age, look = status["age_seconds"], status["look"]
    rows = {row["table"]: row["rows"] for row in status["tables"]}
    word = {True: "yes", False: "no", None: "cannot be told from here"}
    ago = None if age is None else f"{readable_age(age)} ago"
    more = f" (and {len(look) - 1:,} more)" if len(look) > 1 else ""
    return [ago, word[status["complete"]], rows.get("messages", 0), look[0] + more if look else None]


def _stores_in(folder: Path) -> dict[str, Path]:
    try:
        return {one.name: one for one in sorted(folder.iterdir()) if (one / ".smsdata").is_dir()}
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {(error.strerror or '').lower()}.") from None


def _refuse_one_twice(stores: Mapping[str, Store]) -> None:
    seen: dict[str, str] = {}
    for name, store in stores.items():
        mark = store.state.account or str(store.path.resolve())
        other = seen.setdefault(mark, name)
        if other != name:
            raise StoreError(
                f"the stores {other} and {name} hold the same account, whose rows would count twice: "
                "leave one of them out with accounts=."
            )
