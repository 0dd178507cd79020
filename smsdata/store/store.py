"""One account's data on disk: the front of the store, which hands each request to the room that answers it.

Layout, for readers without smsdata too::

    <store>/messages/month=2026-11/part-0.parquet   tables ordered in time
    <store>/lists/part-0.parquet                    the others
    <store>/.smsdata/                               state, journal, rejects, lock; never read by tools

Rows arrive in the journal, are merged by key, then the state (cursors) is replaced: a crash between any two
of these steps loses nothing, and doing the steps again doubles nothing. Knows nothing of HTTP. Imports the
other modules of `smsdata.store`, `schema`, `settings`, `shown`, `times`, `machine` and `errors`.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.errors import StoreError, UsageError
from smsdata.machine import this_process
from smsdata.schema.frames import stamped, to_pandas
from smsdata.schema.tables import TABLES
from smsdata.settings import canonical_url, expanded
from smsdata.shown import shown_in_any_case
from smsdata.store.disk import Disk
from smsdata.store.evidence import as_observed
from smsdata.store.forgotten import ForgottenPeople
from smsdata.store.journal import PageJournal
from smsdata.store.keys import rows_without, same_keys
from smsdata.store.merging import Merging
from smsdata.store.ownership import make_store_folders, refuse_foreign_store
from smsdata.store.parts import PART_ROWS, StoredTables, in_time_order, time_of
from smsdata.store.rejects import Rejects
from smsdata.store.scan import Scan, scan_between
from smsdata.store.spool import callbacks_aside, spool_faults
from smsdata.store.state import State, next_generation, state_as_json
from smsdata.store.status import status_as_html, store_status, table_standing
from smsdata.store.verify import (
    Difference,
    begun_and_not_ended,
    callback_faults,
    counter_faults,
    failed_reads,
    file_faults,
    key_faults,
    known_to_lack,
    lost_journals,
    report_faults,
    rows_aside,
    run_faults,
    unfinished,
)
from smsdata.times import instant

if TYPE_CHECKING:
    import pandas as pd

_COUNTED = ("dlrs", "optouts", "replies")


def open_store(store: Store | str | Path) -> Store:
    """Give the store itself, or the one in a folder.

    Parameters
    ----------
    store
        A store, or its folder.

    Examples
    --------
    >>> open_store("account")
    Store('account')
    """
    return store if isinstance(store, Store) else Store(store)


def existing_store(store: Store | str | Path) -> Store:
    """Give a store that is to be read: its folder must be there, for a misspelt name holds no rows.

    Raises
    ------
    UsageError
        There is no folder of that name.
    StoreError
        It is a folder of others; see `smsdata.store.ownership`.
    """
    store = open_store(store)
    try:
        is_folder = stat.S_ISDIR(store.path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        is_folder = False
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{store.path} cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from None
    if not is_folder:
        raise UsageError(
            f"there is no store at {store.path}: correct the name, or let `smsdata sync` make a store there."
        )
    refuse_foreign_store(store.path)
    return store


class Store:
    """A folder of Parquet that belongs to one account.

    Parameters
    ----------
    path
        The store's folder, a ``~`` in it is a home; made when something is first written.
    disk
        How durable files are written; for tests.
    part_rows
        About how many rows a file holds at most; for tests.

    Examples
    --------
    >>> import tempfile
    >>> Store(tempfile.mkdtemp()).read("messages").empty
    True
    """

    def __init__(self, path: str | Path, *, disk: Disk | None = None, part_rows: int = PART_ROWS) -> None:
        self.path = expanded(path)
        self.private = self.path / ".smsdata"
        self.disk = disk or Disk(self.private)
        self.tables = StoredTables(self.path, self.disk, part_rows)
        """The files of the tables: counts, least and greatest values, rows that share a value.

        ``store.tables()`` gives a frame of what they hold.
        """
        self.added = self.tables.added
        """How many rows of each table this object put in that were not there before."""
        self.merging = Merging(self.tables)
        """How rows get into the tables."""
        self.rejects = Rejects(self.private, self.disk)
        """The rows that were set aside because they do not fit."""
        self.forgotten = ForgottenPeople(self.private, self.disk)
        """Who is forgotten: their numbers are taken out of whatever is merged."""
        self.put_aside: Callable[[], list[str]] = partial(callbacks_aside, self.private)
        """Tells of callbacks that can never be merged: a line for each reason."""
        self._writing = False

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    @shown_in_any_case
    def _repr_html_(self) -> str:
        return status_as_html(store_status(existing_store(self)))

    # ---- reading -------------------------------------------------------------------------------

    def read(
        self,
        table: str,
        *,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        columns: Sequence[str] | None = None,
        as_of: str | datetime | None = None,
    ) -> pd.DataFrame:
        """Read a table into pandas.

        Parameters
        ----------
        table
            Its name.
        since, until
            Bounds on the table's time column: at or after `since`, before `until`.
        columns
            Only these columns.
        as_of
            For dlrs: the statuses as far as they had been seen at that instant; without rows not seen then.

        Returns
        -------
        pandas.DataFrame
            Rows in the order of time, then key; a table never stored gives no rows, with its dtypes.
            ``attrs["stored"]`` says how complete the table is; `smsdata.certificate` says it in words.

        Raises
        ------
        UsageError
            Unknown table or column; bounds on a table without time, or `until` before `since`; there is no
            store at this path.
        StoreError
            A file is damaged.
        """
        existing_store(self)
        rows = self.rows(table, since=since, until=until, columns=None if as_of else columns)
        if as_of is not None:
            if table != "dlrs":
                raise UsageError("as_of is for dlrs: only their statuses are kept over time.")
            history = self.rows("status_history", until=instant(as_of, "as_of") + timedelta(microseconds=1))
            rows = in_time_order(as_observed(rows, history), "sent_at")
            rows = rows.select(list(columns)) if columns else rows
        frame = to_pandas(rows, table)
        frame.attrs["stored"] = [_standing(self, table, len(frame), since, until)]
        return frame

    def scan(
        self, table: str, *, since: str | datetime | None = None, until: str | datetime | None = None
    ) -> Scan:
        """Give the lazy form of a table, for helpers of `smsdata.analysis`; vanished rows are left out.

        The checksums of its files are compared here, for DuckDB compares none.
        """
        existing_store(self)
        time_of(table, since, until)
        scan = scan_between(table, self.tables.intact(table), since, until)
        return replace(scan, stored=(_standing(self, table, None, since, until),))

    def rows(
        self,
        table: str,
        *,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Read a table into Arrow; see `read`."""
        return self.tables.rows(table, since=since, until=until, columns=columns)

    def parts(self, table: str) -> list[Path]:
        """The files of a table, in the order of time."""
        return self.tables.parts(table)

    def count(self, table: str) -> int:
        """How many rows a table has, from the files' footers."""
        return self.tables.count(table)

    # ---- verifying -----------------------------------------------------------------------------

    def verify(self) -> list[Difference]:
        """Check all that can be checked without the gateway.

        Every file against the manifest and its own checksums, keys, what runs set out to read and have not,
        and per campaign the rows of messages, dlrs, optouts and replies against the campaign's stored
        counters, as far back as these tables are kept.

        Returns
        -------
        list of Difference
            Empty when all is well; while a file is damaged, missing or not the one that the store wrote
            last, only such files.
        """
        existing_store(self)
        self.reread_state()
        faults = list(file_faults(self.tables))
        if faults:
            return faults
        until = self.state.cursors.get("messages")
        return [
            *key_faults(self.tables),
            *rows_aside(self.rejects, self.state.rejects),
            *run_faults(self.private),
            *lost_journals(self.tables, self.private),
            *callback_faults(spool_faults(self.private)),
            *unfinished(self.state),
            *begun_and_not_ended(self.forgotten, self.state),
            *failed_reads(self.state),
            *report_faults(self.tables, self.state),
            *counter_faults(self.tables, self.state, "messages", until=until),
            *(one for table in _COUNTED for one in counter_faults(self.tables, self.state, table)),
        ]

    def lacking(self) -> Iterator[Difference]:
        """What is not there, or not as it was written, as far as the state and the names of files tell."""
        return known_to_lack(self.tables, self.rejects, self.state, self.private)

    # ---- state ---------------------------------------------------------------------------------

    @contextmanager
    def writing(self, *, wait: float = 0.0) -> Iterator[None]:
        """Hold the store's lock: one writer at a time, readers are never blocked.

        Raises
        ------
        LockedError
            When another process holds it; the message names it.
        StoreError
            When the folder cannot be written.
        UsageError
            When `wait` is no number of seconds.
        """
        if not wait >= 0:
            raise UsageError(f"wait={wait:g} is no number of seconds: write 0 or more.")
        make_store_folders(self.disk, self.path)
        with self.disk.lock(this_process(), wait):
            self.disk.clean()
            self.__dict__.pop("state", None)
            self.disk.settle(self.private)  # what we read of it may not be safe from a loss of power yet
            self.tables.inventory.open(self.state)
            self._writing = True
            try:
                yield
                if self.state.manifest.changed:
                    self.save_state()
            finally:
                self._writing = False
                self.tables.inventory.close()

    @cached_property
    def state(self) -> State:
        """What a sync has to remember: whose store this is, cursors, what is under way."""
        return self.tables.inventory.saved_state() or State()

    def reread_state(self) -> None:
        """Have the state read again when it is next asked for: another process may have written it.

        Under `writing` it is newer here than on disk, and kept.
        """
        if not self._writing:
            self.__dict__.pop("state", None)

    def save_state(self) -> None:
        """Make the state durable; only under `writing`."""
        saved = next_generation(self.state)
        try:
            self.disk.replace(self.private / "state.json", state_as_json(saved))
        except BaseException:
            self.tables.inventory.close()  # nobody knows which manifest stands now: nothing more is written
            raise
        self.state.manifest.generation = saved.manifest.generation

    @property
    def bound(self) -> bool:
        """Whether it is durably known whose store this is."""
        saved = self.tables.inventory.saved_state()
        return saved is not None and saved.account == self.state.account

    def bind(self, account: str, base_url: str, *, again: bool = False) -> None:
        """Make the store this account's, or make sure that it is.

        Raises
        ------
        StoreError
            When it holds another account's rows, or another base URL's.
        """
        base_url = canonical_url(base_url)
        if (self.state.account, canonical_url(self.state.base_url)) == (account, base_url):
            return
        elsewhere = (
            self.state.base_url not in {"", base_url} and canonical_url(self.state.base_url) != base_url
        )
        named = self.state.account or self.tables.inventory.account()
        other = "base URL" if elsewhere else "account"
        differs = named != account or elsewhere
        if named and differs and not again and any(self.parts(table) for table in TABLES):
            where = self.state.base_url or "its files say so"
            raise StoreError(
                f"{self.path} holds the rows of another {other} ({where}). Use "
                "another --store, or after a change of key run `smsdata config --rebind`.",
                code="OTHER_ACCOUNT",
            )
        self.state.bind(account, base_url)  # durable with the first thing that is stored
        if again:
            self.save_state()

    # ---- writing -------------------------------------------------------------------------------

    def merge(self, table: str, rows: pa.Table, *, source: str = "polled") -> pa.Table:
        """Merge rows by key into the parts they belong to; gives the rows as they now stand.

        A status only ever moves up in rank (a word never seen ranks above pending); of two final ones
        a polled one counts, then the one seen last, then delivered. An opt-out stays, the earliest
        delivery counts; all else is what was polled last. Merging again changes nothing. Messages
        take the statuses of the dlrs that are merged. People who are forgotten are taken out first, and rows
        that `retain` let go stay away.

        Parameters
        ----------
        table, rows
            Rows with the table's schema.
        source
            For dlrs: ``"polled"``, or ``"callback"``, which says status and delivery but no more.
        """
        rows, _ = self.forgotten.now().rows(rows)
        if before := self.state.retained.get(table):
            stamps = rows.column(TABLES[table].time)
            rows = rows.filter(pc.greater_equal(stamps, pa.scalar(before, stamps.type)))
        return self.merging.merge(table, rows, source)

    def apply_snapshot(
        self,
        table: str,
        rows: pa.Table,
        *,
        seen_at: datetime,
        scope: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        """Take a proved snapshot: rows that vanished since are kept, with ``gone_at`` set.

        `scope` names the part of the table that was read, such as ``{"list_id": [7, 8]}``.
        """
        rows, _ = self.forgotten.now().rows(rows)
        old = self.rows(table)
        for column, values in (scope or {}).items():
            old = old.filter(pc.is_in(old.column(column), value_set=pa.array(values, pa.int64())))
        old = old.filter(pc.is_null(old.column("gone_at")))
        still, _ = same_keys(table, old, rows)
        gone = stamped(rows_without(old, still), "gone_at", seen_at)
        self.merge(table, pa.concat_tables([rows, gone]))

    # ---- the journal of pages -------------------------------------------------------------------

    def journal(self) -> PageJournal:
        """The pages that were read and are not yet merged; open it under `writing`."""
        current = _journal_of(self)
        for old in self.private.glob("journal-*.log"):
            if old != current:
                self.disk.remove(old)
        return PageJournal(self.disk, current)

    def commit(
        self, journal: PageJournal, merged: Iterable[str], change: Callable[[bytes], bytes] = bytes
    ) -> None:
        """These reads are merged: move the cursors; the journal goes on with the pages of the others."""
        with journal.moving(merged, change) as move:
            self.state.next_journal()
            move(_journal_of(self))
            self.save_state()


def _standing(
    store: Store, table: str, rows: int | None, since: str | datetime | None, until: str | datetime | None
) -> dict[str, Any]:
    """How complete a table is, beside what is read of it."""
    store.reread_state()
    state = store.state
    lacking = (*rows_aside(store.rejects, state.rejects), *unfinished(state), *failed_reads(state))
    asked = {
        name: bound and instant(bound).isoformat() for name, bound in (("since", since), ("until", until))
    }
    return table_standing(state, table, lacking) | {"rows": rows, **asked}


def _journal_of(store: Store) -> Path:
    return store.private / f"journal-{store.state.journal}.log"
