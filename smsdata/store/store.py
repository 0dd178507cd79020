"""Parquet on disk: read, journal, merge, lock. Knows nothing of HTTP.

Layout, for readers without smsdata too::

    <store>/messages/month=2026-11/part-0.parquet   tables ordered in time
    <store>/lists/part-0.parquet                    the others
    <store>/.smsdata/                               state, journal, rejects, lock; never read by tools

Every row stands in exactly one part and never moves to another, so that replacing one part after the
other never shows a reader a row twice. Rows arrive in the journal, are merged by key, then the state
(cursors) is replaced: a crash between any two of these steps loses nothing, and doing the steps again
doubles nothing. Imports `frames`, `disk`, `endpoints`, `settings` and `errors`.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smsdata.errors import StoreError, UsageError
from smsdata.schema.frames import Reject, empty, schema, stamped, to_pandas, with_column
from smsdata.schema.kinds import DUCKDB
from smsdata.schema.status import rank
from smsdata.schema.tables import TABLES
from smsdata.store.disk import Disk, PageJournal
from smsdata.times import instant

if TYPE_CHECKING:
    import pandas as pd

PART_ROWS = 250_000
_GROUP_ROWS = 50_000
_FORMAT = 1
_PAIR = ["message_id", "msisdn"]


@dataclass(frozen=True, slots=True)
class Scan:
    """A table of the store without loading it: what analysis helpers take for data bigger than memory.

    `files` are the parts, `where` the condition on their rows; `sql` gives DuckDB's table expression.
    Vanished rows are left out unless `gone` is set.
    """

    table: str
    files: tuple[str, ...]
    where: str = ""
    gone: bool = False

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(schema(self.table).names)

    def sql(self) -> str:
        """The scan as a table expression for DuckDB."""
        if not self.files:
            made = ", ".join(f'CAST(NULL AS {DUCKDB[f.type]}) AS "{f.name}"' for f in schema(self.table))
            return f"(SELECT {made} WHERE false)"
        listed = ", ".join("'" + name.replace("'", "''") + "'" for name in self.files)
        here = '"gone_at" IS NULL' if TABLES[self.table].snapshot and not self.gone else ""
        where = " AND ".join(condition for condition in (self.where, here) if condition)
        where = f" WHERE {where}" if where else ""
        return f"(SELECT * FROM read_parquet([{listed}], hive_partitioning = false){where})"

    def with_gone(self) -> Scan:
        """The same scan with vanished rows in it, told by their ``gone_at``."""
        return replace(self, gone=True)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in the store that is not as it should be.

    `what` is ``"damaged"``, ``"keys"``, a status, or ``"optouts"``; `where` a file or ``message_id=...``;
    `stored` stands where `expected` is due; `advice` says what to do.
    """

    table: str
    what: str
    where: str
    stored: int
    expected: int
    advice: str

    def __str__(self) -> str:
        counts = "" if self.what == "damaged" else f" stored {self.stored:,}, expected {self.expected:,}"
        return f"{self.table} {self.where}: {self.what}{counts}. {self.advice}"


class Store:
    """A folder of Parquet that belongs to one account.

    Parameters
    ----------
    path
        The store's folder; made when something is first written.
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
        self.path = Path(path)
        self.private = self.path / ".smsdata"
        self.disk = disk or Disk(self.private)
        self.added: Counter[str] = Counter()
        """How many rows of each table this object put in that were not there before."""
        self._part_rows = part_rows
        self._writing = False

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

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
            For dlrs: the statuses as what was seen up to that instant told them; without rows not seen then.

        Returns
        -------
        pandas.DataFrame
            Rows in the order of time, then key; a table never stored gives no rows, with its dtypes.

        Raises
        ------
        UsageError
            Unknown table or column; bounds on a table without time.
        StoreError
            A file is damaged.
        """
        rows = self.rows(table, since=since, until=until, columns=None if as_of else columns)
        if as_of is not None:
            rows = self._believed(rows, table, instant(as_of, "as_of"))
            rows = rows.select(list(columns)) if columns else rows
        return to_pandas(rows)

    def scan(
        self, table: str, *, since: str | datetime | None = None, until: str | datetime | None = None
    ) -> Scan:
        """Give the lazy form of a table, for helpers of `smsdata.analysis`; vanished rows are left out."""
        time = _time_of(table, since, until)
        conditions = [
            f"\"{time}\" {sign} TIMESTAMPTZ '{instant(bound):%Y-%m-%d %H:%M:%S.%f}+00'"
            for sign, bound in ((">=", since), ("<", until))
            if bound is not None
        ]
        return Scan(table, tuple(str(p) for p in self.parts(table)), " AND ".join(conditions))

    def rows(
        self,
        table: str,
        *,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Read a table into Arrow; see `read`."""
        time = _time_of(table, since, until)
        arrow = schema(table)
        wanted = list(columns) if columns else arrow.names
        unknown = [name for name in wanted if name not in arrow.names]
        if unknown:
            raise UsageError(f"{table} has no column {unknown[0]!r}. Columns: {', '.join(arrow.names)}.")
        low, high = _micros(since, "since"), _micros(until, "until")
        needed = [*wanted, time] if time and time not in wanted else wanted
        for _ in range(5):
            try:
                pieces = [_read_part(part, table, needed, low, high) for part in self.parts(table)]
                break
            except FileNotFoundError:
                continue  # a writer replaced it between the listing and the opening
        else:
            raise StoreError(f"{self.path / table} keeps changing; try again.")
        whole = pa.concat_tables([empty(table).select(needed), *pieces])
        return _in_time_order(whole, time).select(wanted)

    def parts(self, table: str) -> list[Path]:
        """The files of a table, in the order of time."""
        if table not in TABLES:
            raise UsageError(f"unknown table {table!r}. Tables: {', '.join(TABLES)}.")
        pattern = "month=*/part-*.parquet" if TABLES[table].time else "part-*.parquet"
        return sorted((self.path / table).glob(pattern), key=lambda p: (p.parent.name, _number(p)))

    def count(self, table: str) -> int:
        """How many rows a table has, from the files' footers."""
        return sum(_footer(part).num_rows for part in self.parts(table))

    def bounds(self, table: str, columns: Sequence[str]) -> dict[str, tuple[Any, Any]]:
        """The least and the greatest value of some columns, from the files' footers."""
        found: dict[str, tuple[Any, Any]] = {}
        for part in self.parts(table):
            footer = _footer(part)
            for name in columns:
                index = footer.schema.to_arrow_schema().get_field_index(name)
                for group in range(footer.num_row_groups):
                    told = footer.row_group(group).column(index).statistics
                    if told is not None and told.has_min_max:
                        low, high = found.get(name, (told.min, told.max))
                        found[name] = (min(low, told.min), max(high, told.max))
        return found

    def grouped(
        self, table: str, by: Sequence[str], *, since: datetime | None = None, add_up: str = ""
    ) -> list[dict[str, Any]]:
        """Count rows by some columns, or add up a column; part by part, to spare memory."""
        time = _time_of(table, since, None)
        needed = list(dict.fromkeys(name for name in (*by, add_up, time) if name))
        pieces = []
        for part in self.parts(table):
            rows = _read_part(part, table, needed, _micros(since, "since"), None)
            ones = rows.column(add_up) if add_up else pa.repeat(pa.scalar(1, pa.int64()), rows.num_rows)
            counted = rows.select(list(by)).append_column("n", ones)
            pieces.append(counted.group_by(list(by)).aggregate([("n", "sum")]).rename_columns([*by, "n"]))
        if not pieces:
            return []
        whole = pa.concat_tables(pieces).group_by(list(by)).aggregate([("n", "sum")])
        counts: list[dict[str, Any]] = whole.rename_columns([*by, "n"]).to_pylist()
        return counts

    def _believed(self, rows: pa.Table, table: str, moment: datetime) -> pa.Table:
        if table != "dlrs":
            raise UsageError("as_of is for dlrs: only their statuses are kept over time.")
        seen = self.rows("status_history", until=moment + timedelta(microseconds=1))
        mine, theirs = _pairs_on(_PAIR, rows, best := _best(seen))
        return _in_time_order(
            with_column(rows.take(mine), "status", best.column("status").take(theirs)), "sent_at"
        )

    # ---- verifying -----------------------------------------------------------------------------

    def verify(self) -> list[Difference]:
        """Check all that can be checked without the gateway.

        Checksums of every file, keys, and per campaign the rows of messages, dlrs and optouts against
        the campaign's stored counters, as far back as these tables are kept.

        Returns
        -------
        list of Difference
            Empty when all is well; while a file is damaged, only the damaged files.
        """
        if not self._writing:  # another process may have written the state since it was read
            self.__dict__.pop("state", None)
        found = [d for table in TABLES for d in self._damages(table)]
        if found:
            return found
        found = [d for table in TABLES for d in self._key_faults(table)]
        return found + [d for table in ("messages", "dlrs", "optouts") for d in self._disagreements(table)]

    def _damages(self, table: str) -> Iterator[Difference]:
        for part in self.parts(table):
            try:
                _load(part)
            except StoreError:
                yield Difference(
                    table, "damaged", part.relative_to(self.path).as_posix(), 0, 0,
                    "Restore it from a backup, or remove it and run `smsdata sync --since` from before it.",
                )  # fmt: skip

    def _key_faults(self, table: str) -> Iterator[Difference]:
        rows = self.rows(table, columns=TABLES[table].key)
        distinct = len(_ends(TABLES[table].key, rows.drop_null(), "min"))
        if distinct < rows.num_rows:
            yield Difference(
                table, "keys", table, rows.num_rows, distinct,
                "Keys are missing or twice: restore the table from a backup, or remove it and sync again.",
            )  # fmt: skip

    def _disagreements(self, table: str) -> Iterator[Difference]:
        """Where the rows of a campaign do not add up to its counters."""
        first = self.state.get("first_messages" if table == "messages" else "first_dlrs")
        until = self.state.get("cursors", {}).get("messages") if table == "messages" else None
        if first is None:
            return
        by = ["message_id"] if table == "optouts" else ["message_id", "status"]
        counts: dict[int, Counter[str]] = {}
        add_up = "copies" if TABLES[table].copies else ""
        for row in self.grouped(table, by, add_up=add_up):
            counts.setdefault(row["message_id"], Counter())[row.get("status", "optouts")] += row["n"]
        for campaign in self.rows("campaigns", since=first, until=until).to_pylist():
            due = _due(table, campaign)
            have = counts.get(campaign["message_id"], Counter())
            for what, stored, expected in _unlike(have, due):
                yield Difference(
                    table, what, f"message_id={campaign['message_id']}", stored, expected,
                    "Run `smsdata sync`; if it stays, `smsdata sync --deep`.",
                )  # fmt: skip

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
        """
        self.disk.folder(self.path)
        self.disk.folder(self.private)
        holder = (
            f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        )
        with self.disk.lock(holder, wait):
            self.disk.clean()
            self.__dict__.pop("state", None)
            self._writing = True
            try:
                yield
            finally:
                self._writing = False

    @cached_property
    def state(self) -> dict[str, Any]:
        """What a sync has to remember: whose store this is, cursors, jobs under way."""
        path = self.private / "state.json"
        try:
            state: dict[str, Any] = json.loads(path.read_bytes())
            checksum = state.pop("checksum", None)
            intact = checksum == _checksum(state)
        except FileNotFoundError:
            return {"format": _FORMAT, "journal": 0}
        except (OSError, ValueError, AttributeError, TypeError):
            raise _damaged(path) from None
        if state.get("format") != _FORMAT:
            raise StoreError(f"{self.path} was written by another version of smsdata; update smsdata.")
        if not intact:
            raise _damaged(path)
        return state

    def save_state(self) -> None:
        """Make the state durable; only under `writing`."""
        told = self.state | {"checksum": _checksum(self.state)}
        self.disk.replace(self.private / "state.json", orjson.dumps(told, option=orjson.OPT_INDENT_2))

    @property
    def bound(self) -> bool:
        """Whether it is durably known whose store this is."""
        return (self.private / "state.json").exists()

    def bind(self, account: str, base_url: str, *, again: bool = False) -> None:
        """Make the store this account's, or make sure that it is.

        Raises
        ------
        StoreError
            When it holds another account's rows, or another base URL's.
        """
        mine = {"account": account, "base_url": base_url}
        bound = {key: self.state[key] for key in mine if key in self.state}
        if bound == mine:
            return
        if bound and not again and any(self.parts(table) for table in TABLES):
            other = "base URL" if bound["base_url"] != base_url else "account"
            raise StoreError(
                f"{self.path} holds the rows of another {other} ({bound['base_url']}). Use another --store, "
                "or after a change of key run `smsdata config --rebind`.",
                code="OTHER_ACCOUNT",
            )
        self.state.update(mine)  # durable with the first thing that is stored
        if again:
            self.save_state()

    # ---- writing -------------------------------------------------------------------------------

    def merge(self, table: str, rows: pa.Table, *, source: str = "polled") -> pa.Table:
        """Merge rows by key into the parts they belong to; gives the rows as they now stand.

        A status only ever moves up in rank (a word never seen ranks above pending); of two final ones
        a polled one counts, then the one seen last, then delivered. An opt-out stays, the earliest
        delivery counts; all else is what was polled last. Merging again changes nothing. Messages
        take the statuses of the dlrs that are merged.

        Parameters
        ----------
        table, rows
            Rows with the table's schema.
        source
            For dlrs: ``"polled"``, or ``"callback"``, which tells status and delivery but no more.
        """
        stand = [
            self._merge_layer(table, layer, source)
            for layer in _layers(table, rows.select(schema(table).names))
        ]
        return _last(table, pa.concat_tables([empty(table), *stand]))

    def _merge_layer(self, table: str, rows: pa.Table, source: str) -> pa.Table:
        """Merge rows of which each key stands once."""
        if table == "dlrs":
            rows = self._observe(rows, source)
            self.follow(rows)  # first: after a crash the dlrs show that they are still to be merged
        stand = []
        for part in self._holding(table, rows):
            old = _load(part)
            mine, theirs = _pairs(table, old, rows)
            if not len(mine):
                continue
            met = _merged(table, old.take(mine), rows.take(theirs), source)
            self._write(part, table, pa.concat_tables([_without(old, mine), met]))
            stand.append(met)
            rows = _without(rows, theirs)
        self._append(table, rows)
        return pa.concat_tables([*stand, rows])

    def _observe(self, rows: pa.Table, source: str) -> pa.Table:
        """Write what these dlrs tell into ``status_history``; gives them with the status that counts.

        The history is written before the dlrs: a crash in between then repeats the same rows, while the
        other way round they would be lost.
        """
        met, fresh = [], rows
        for part in self._holding("dlrs", rows):
            old = _load(part, [*_PAIR, "status", "synced_at"])
            mine, theirs = _pairs("dlrs", old, fresh)
            was = old.select(["status", "synced_at"]).rename_columns(["was", "was_at"]).take(mine)
            now = fresh.take(theirs)
            met.append(
                now.append_column("was", was.column("was")).append_column("was_at", was.column("was_at"))
            )
            fresh = _without(fresh, theirs)
        if not met:
            self.merge("status_history", _history(fresh, source))
            return fresh
        known = pa.concat_tables(met)
        moved, odd = _odd(known, source)
        told = [_history(fresh, source), _history(moved, source)]
        if source == "polled":
            told.append(_history(self._confirmed(known), source))
        decided, evidence = self._decide(odd, source)
        self.merge("status_history", pa.concat_tables([*told, evidence]))
        calm = _less(known, odd).select(rows.column_names)
        return pa.concat_tables([fresh, calm, decided.select(rows.column_names)])

    def _confirmed(self, known: pa.Table) -> pa.Table:
        """Polled rows that bear out a status which only a callback told so far: history is to say so."""
        sources = self.bounds("status_history", ["source"]).get("source", ("polled", "polled"))
        if sources[0] == "polled":  # no callback was ever stored
            return known.slice(0, 0)
        same = known.filter(pc.equal(known.column("status"), known.column("was")))
        history = self.known("status_history", same, "message_id")
        polled = history.filter(pc.equal(history.column("source"), "polled")).select([*_PAIR, "status"])
        return same.join(polled, keys=[*_PAIR, "status"], join_type="left anti").select(known.column_names)

    def _decide(self, odd: pa.Table, source: str) -> tuple[pa.Table, pa.Table]:
        """Settle by all evidence what two observations cannot: gives the rows, and evidence to be kept."""
        if not odd.num_rows:
            return odd, empty("status_history")
        history = self.known("status_history", odd, "message_id")
        mine, theirs = _pairs_on(_PAIR, odd, history)  # several rows of the history for each of odd
        met, seen = odd.take(mine), history.take(theirs)
        at, status = seen.column("observed_at"), seen.column("status")
        polled = pc.equal(seen.column("source"), "polled")
        # synced_at is evidence for the stored status unless another one was polled at that instant
        denied = pc.and_(pc.equal(at, met.column("was_at")), pc.not_equal(status, met.column("was")))
        others = pc.not_equal(status, met.column("status"))
        shaken = pc.and_(pc.greater_equal(at, met.column("synced_at")), others)
        differs = pc.not_equal(odd.column("status"), odd.column("was"))
        before = odd.filter(pc.and_(differs, pc.invert(_among(odd, mine, pc.and_(polled, denied)))))
        before = with_column(
            with_column(before, "status", before.column("was")), "synced_at", before.column("was_at")
        )
        kept = pc.or_(differs, _among(odd, mine, shaken))
        after = odd.filter(kept) if source == "polled" else odd
        evidence = pa.concat_tables([_history(after, source), _history(before, "polled")])
        changed = odd.filter(differs)
        mine, theirs = _pairs_on(_PAIR, changed, best := _best(pa.concat_tables([seen, evidence])))
        settled = with_column(changed.take(mine), "status", best.column("status").take(theirs))
        return pa.concat_tables([odd.filter(pc.invert(differs)), settled]), evidence

    def replace(
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
        old = self.rows(table)
        for column, values in (scope or {}).items():
            old = old.filter(pc.is_in(old.column(column), value_set=pa.array(values, pa.int64())))
        old = old.filter(pc.is_null(old.column("gone_at")))
        known, _ = _pairs(table, old, rows)
        gone = stamped(_without(old, known), "gone_at", seen_at)
        self.merge(table, pa.concat_tables([rows, gone]))

    def follow(self, dlrs: pa.Table) -> None:
        """Give messages the statuses of the dlrs of the same send and number."""
        told = dlrs.select([*_PAIR, "status"])
        for part in self._holding("messages", told, by="message_id"):
            old = _load(part)
            mine, theirs = _pairs_on(_PAIR, old, told)
            met, now = old.take(mine), told.column("status").take(theirs)
            stale = pc.not_equal(met.column("status"), now)
            if pc.any(stale).as_py():
                self._write(
                    part, "messages", pa.concat_tables([_without(old, mine), with_column(met, "status", now)])
                )

    def known(self, table: str, rows: pa.Table, by: str) -> pa.Table:
        """The stored rows of a table that share a value of column `by` with `rows`."""
        found = [_load(part) for part in self._holding(table, rows, by=by)]
        whole = pa.concat_tables([empty(table), *found])
        return whole.filter(pc.is_in(whole.column(by), value_set=rows.column(by).combine_chunks()))

    def _holding(self, table: str, rows: pa.Table, *, by: str = "") -> Iterator[Path]:
        """The parts whose statistics allow that they hold one of these keys."""
        column = by or TABLES[table].key[0]
        wanted = np.unique(rows.column(column).to_numpy(zero_copy_only=False))
        for part in self.parts(table):
            if _may_hold(part, column, wanted):
                yield part

    def _append(self, table: str, rows: pa.Table) -> None:
        """Put new rows into their month's last part if it has room for all of them, else into new ones."""
        self.added[table] += rows.num_rows
        for folder, unordered in self._by_folder(table, rows):
            self.disk.folder(folder)
            piece = _ordered(table, unordered)
            parts = sorted(folder.glob("part-*.parquet"), key=_number)
            number = _number(parts[-1]) + 1 if parts else 0
            if parts and _footer(parts[-1]).num_rows + piece.num_rows <= self._part_rows:
                self._write(parts[-1], table, pa.concat_tables([_load(parts[-1]), piece]))
                continue
            for start in range(0, piece.num_rows, self._part_rows):
                self._write(folder / f"part-{number}.parquet", table, piece.slice(start, self._part_rows))
                number += 1

    def _by_folder(self, table: str, rows: pa.Table) -> Iterator[tuple[Path, pa.Table]]:
        time = TABLES[table].time
        if not rows.num_rows:
            return
        if not time:
            yield self.path / table, rows
            return
        months = pc.strftime(rows.column(time), format="%Y-%m")
        for month in sorted(pc.unique(months).to_pylist()):
            yield self.path / table / f"month={month}", rows.filter(pc.equal(months, month))

    def _write(self, part: Path, table: str, rows: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        rows = _ordered(table, rows)  # the unordered ones are let go before they are encoded
        pq.write_table(
            rows,
            sink,
            compression="zstd",
            compression_level=1,
            row_group_size=_GROUP_ROWS,
            write_page_checksum=True,
        )
        self.disk.replace(part, _sealed(sink.getvalue()))

    # ---- journal and rejects -------------------------------------------------------------------

    def journal(self) -> PageJournal:
        """The pages that were read and are not yet merged; open it under `writing`."""
        current = self._journal_path()
        for old in self.private.glob("journal-*.log"):
            if old != current:
                self.disk.remove(old)
        return PageJournal(self.disk, current)

    def commit(self, journal: PageJournal, merged: Iterable[str]) -> None:
        """These reads are merged: move the cursors; the journal goes on with the pages of the others."""
        with journal.moving(merged) as move:
            self.state["journal"] += 1
            move(self._journal_path())
            self.save_state()

    def _journal_path(self) -> Path:
        return self.private / f"journal-{self.state['journal']}.log"

    def reject(self, rejects: Iterable[Reject], read: str, seen_at: datetime) -> list[Path]:
        """Set rows aside that do not fit, each in a file of its own; the same row is kept once."""
        folder = self.private / "rejects"
        kept = []
        for reject in rejects:
            raw = json.dumps(reject.raw, sort_keys=True)  # escapes what is no character
            path = folder / f"{reject.table}-{hashlib.sha256(raw.encode()).hexdigest()[:20]}.json"
            kept.append(path)
            if path.exists():
                continue
            self.disk.folder(folder)
            told = asdict(reject) | {"read": read, "seen_at": f"{seen_at:%Y-%m-%d %H:%M:%S}"}
            self.disk.replace(
                path, json.dumps(told, indent=1, default="{:%Y-%m-%d %H:%M:%S}".format).encode()
            )
        return kept

    def rejects(self) -> dict[Path, dict[str, Any]]:
        """The rows that were set aside, each with what is wrong with it, by the file that holds it."""
        return {
            path: json.loads(path.read_text()) for path in sorted((self.private / "rejects").glob("*.json"))
        }


# ---- rows ------------------------------------------------------------------------------------------


def _best(history: pa.Table) -> pa.Table:
    """The one observation of each message that counts: highest rank, polled, latest, delivered."""
    weighed = history.append_column("_rank", rank(history.column("status")))
    rising = [("_rank", "ascending"), ("source", "ascending"), ("observed_at", "ascending")]
    order = weighed.sort_by([*rising, ("status", "descending")])
    return order.take(_ends(_PAIR, order, "max")).drop_columns("_rank")


def _history(rows: pa.Table, source: str) -> pa.Table:
    """Dlrs as observations."""
    n = rows.num_rows
    filled = {
        "observed_at": rows.column("synced_at"),
        "source": pa.repeat(source, n),
        "extra": pa.nulls(n, pa.string()),
    }
    arrow = schema("status_history")
    made = [filled[f.name] if f.name in filled else rows.column(f.name) for f in arrow]
    return pa.Table.from_arrays(made, schema=arrow)


def _odd(known: pa.Table, source: str) -> tuple[pa.Table, pa.Table]:
    """Of dlrs that are stored: those whose status simply rose, and those that need a look at the history.

    That is where the order of arrival could tell another story than the evidence: the status did not
    rise, or the observation is older than what is stored.
    """
    now, was = known.column("status"), known.column("was")
    differs, rose = pc.not_equal(now, was), pc.greater(rank(now), rank(was))
    at, was_at = known.column("synced_at"), known.column("was_at")
    stale, as_old = pc.less(at, was_at), pc.less_equal(at, was_at)
    if source != "polled":  # a callback says nothing about when the row was last polled
        stale = as_old = pa.chunked_array([pa.repeat(True, known.num_rows)])
    plain = pc.and_(rose, pc.invert(stale))
    odd = pc.if_else(differs, pc.invert(plain), as_old)
    return known.filter(plain), known.filter(odd)


def _among(rows: pa.Table, places: pa.Array, chosen: pa.ChunkedArray) -> pa.Array:
    """Which rows have a chosen one among their matches."""
    marks = np.zeros(rows.num_rows, dtype=bool)
    marks[places.to_numpy()[np.asarray(chosen)]] = True
    return pa.array(marks)


def _merged(table: str, old: pa.Table, new: pa.Table, source: str = "polled") -> pa.Table:
    """Merge rows of the same keys, place by place; the status of a new dlr is settled already."""
    later = pc.greater_equal(new.column("synced_at"), old.column("synced_at"))
    if source != "polled":
        later = pa.chunked_array([pa.repeat(False, new.num_rows)])
    arrow = schema(table)
    made = {f.name: pc.if_else(later, new.column(f.name), old.column(f.name)) for f in arrow}
    if table in {"messages", "contact_history"}:
        made["status"] = _status(old, new)
    if table == "dlrs":
        made["status"] = new.column("status")
        made["optout"] = pc.or_(old.column("optout"), new.column("optout"))
        mine, theirs = old.column("delivered_at"), new.column("delivered_at")
        made["delivered_at"] = pc.coalesce(pc.if_else(pc.less(theirs, mine), theirs, mine), mine, theirs)
    return pa.Table.from_arrays([made[f.name] for f in arrow], schema=arrow)


def _status(old: pa.Table, new: pa.Table) -> pa.ChunkedArray:
    """The higher rank; between equal ranks the later evidence, and at the same instant delivered."""
    mine, theirs = rank(old.column("status")), rank(new.column("status"))
    same_time = pc.equal(old.column("synced_at"), new.column("synced_at"))
    newer = pc.greater(new.column("synced_at"), old.column("synced_at"))
    first = pc.less_equal(new.column("status"), old.column("status"))  # delivered sorts before hard-bounce
    wins = pc.or_(newer, pc.and_(same_time, first))
    take = pc.or_(pc.greater(theirs, mine), pc.and_(pc.equal(theirs, mine), wins))
    return pc.if_else(take, new.column("status"), old.column("status"))


def _ends(keys: Sequence[str], rows: pa.Table, which: str) -> pa.Array:
    """Where each key stands for the first ("min") or the last ("max") time, in order."""
    numbered = rows.select(list(keys)).append_column("_n", pa.array(np.arange(rows.num_rows)))
    ends = numbered.group_by(list(keys)).aggregate([("_n", which)])
    return pa.array(np.sort(ends.column(f"_n_{which}").to_numpy()))


def _layers(table: str, rows: pa.Table) -> Iterator[pa.Table]:
    """Rows in layers of which each holds a key once; as a rule one layer."""
    while rows.num_rows:
        first = _ends(TABLES[table].key, rows, "min")
        if len(first) == rows.num_rows:
            yield rows
            return
        yield rows.take(first)
        rows = _without(rows, first)


def _last(table: str, rows: pa.Table) -> pa.Table:
    """Each key once, as it stands last."""
    last = _ends(TABLES[table].key, rows, "max")
    return rows if len(last) == rows.num_rows else rows.take(last)


def _pairs(table: str, old: pa.Table, new: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Where rows of the same key stand in both tables."""
    return _pairs_on(list(TABLES[table].key), old, new)


def _pairs_on(keys: list[str], old: pa.Table, new: pa.Table) -> tuple[pa.Array, pa.Array]:
    left = old.select(keys).append_column("_old", pa.array(np.arange(old.num_rows)))
    right = new.select(keys).append_column("_new", pa.array(np.arange(new.num_rows)))
    met = left.join(right, keys=keys, join_type="inner")
    return met.column("_old").combine_chunks(), met.column("_new").combine_chunks()


def _without(rows: pa.Table, places: pa.Array) -> pa.Table:
    keep = np.ones(rows.num_rows, dtype=bool)
    keep[places.to_numpy()] = False
    return rows.filter(pa.array(keep))


def _less(rows: pa.Table, others: pa.Table) -> pa.Table:
    """The rows whose send and number are not among others."""
    mine, _ = _pairs_on(_PAIR, rows, others)
    return _without(rows, mine)


def _ordered(table: str, rows: pa.Table) -> pa.Table:
    time = [TABLES[table].time] if TABLES[table].time else []
    names = list(dict.fromkeys([*time, *TABLES[table].key]))
    return rows.sort_by([(name, "ascending") for name in names])


def _in_time_order(rows: pa.Table, time: str) -> pa.Table:
    if not time or rows.num_rows < 2:
        return rows
    stamps = rows.column(time).cast(pa.int64()).to_numpy()
    if np.all(stamps[1:] >= stamps[:-1]):
        return rows
    return rows.take(pa.array(np.argsort(stamps, kind="stable")))


# ---- counters --------------------------------------------------------------------------------------

_COUNTER = {
    "pending": "pending", "delivered": "delivered", "soft-bounce": "soft_bounced",
    "hard-bounce": "hard_bounced",
}  # fmt: skip


def _due(table: str, campaign: Mapping[str, Any]) -> Counter[str]:
    """What a campaign's counters say that a table should hold of it."""
    names = {"optouts": "optouts"} if table == "optouts" else _COUNTER
    return Counter({word: campaign[column] for word, column in names.items()})


def _unlike(have: Counter[str], due: Counter[str]) -> Iterator[tuple[str, int, int]]:
    """Where counts differ; ``bounced`` does not say for good or not, so it may stand for either."""
    lacking = {word: due[word] - have[word] for word in ("soft-bounce", "hard-bounce")}
    vague = have["bounced"]
    if vague and min(lacking.values()) >= 0 and sum(lacking.values()) == vague:
        have = have + Counter(lacking) - Counter(bounced=vague)
    for word in sorted(have.keys() | due.keys()):
        if have[word] != due[word]:
            yield word, have[word], due[word]


# ---- files -----------------------------------------------------------------------------------------


def _number(part: Path) -> int:
    return int(part.stem.removeprefix("part-"))


def _checksum(state: Mapping[str, Any]) -> int:
    return zlib.crc32(orjson.dumps(state, option=orjson.OPT_SORT_KEYS))


_SEAL = struct.Struct("<4sII")  # mark, checksum of all before it, checksum of all after it
_SEALED = b"SUMS"
_END = struct.Struct("<I4s")  # length of the footer, Parquet's mark


def _sealed(content: pa.Buffer) -> bytes:
    """Put checksums between data and footer, where readers of Parquet look for nothing.

    Parquet's own page checksums leave out the headers of pages and the footer, whose statistics
    decide which files are opened at all.
    """
    whole = memoryview(content)
    footer = len(whole) - _END.size - _END.unpack(whole[-_END.size :])[0]
    seal = _SEAL.pack(_SEALED, zlib.crc32(whole[:footer]), zlib.crc32(whole[footer:]))
    return b"".join([whole[:footer], seal, whole[footer:]])


def _unsealed(content: memoryview) -> tuple[int, int]:
    """Check the footer at the end of some content: gives where its seal stands, and the data's checksum."""
    length, mark = _END.unpack(content[-_END.size :])
    place = len(content) - _END.size - length - _SEAL.size
    if place < 0 or mark != b"PAR1":
        raise ValueError("no footer")
    sealed, before, after = _SEAL.unpack(content[place : place + _SEAL.size])
    if sealed != _SEALED or zlib.crc32(content[place + _SEAL.size :]) != after:
        raise ValueError("the footer's checksum is wrong")
    return place, before


def _footer(part: Path) -> pq.FileMetaData:
    """The checked footer of a file."""
    with _damage(part), part.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        for guess in (1 << 16, size):
            file.seek(max(0, size - guess))
            tail = memoryview(file.read())
            if _END.unpack(tail[-_END.size :])[0] + _SEAL.size + _END.size <= len(tail):
                break
        place, _ = _unsealed(tail)
        return pq.read_metadata(pa.BufferReader(b"PAR1" + bytes(tail[place + _SEAL.size :])))


def _file(part: Path) -> pq.ParquetFile:
    """A file with its checksums verified."""
    with _damage(part):
        content = part.read_bytes()
        place, before = _unsealed(memoryview(content))
        if zlib.crc32(memoryview(content)[:place]) != before:
            raise ValueError("the data's checksum is wrong")
        return pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)


def _load(part: Path, columns: list[str] | None = None) -> pa.Table:
    file = _file(part)
    with _damage(part):
        return file.read(columns=columns)


@contextmanager
def _damage(part: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, ValueError, struct.error, pa.ArrowException):
        raise _damaged(part) from None


def _damaged(path: Path) -> StoreError:
    return StoreError(
        f"{path} is damaged or cannot be read. Restore it from a backup, or remove it and run "
        "`smsdata sync --since` from before its rows.",
        code="DAMAGED",
    )


def _may_hold(part: Path, column: str, wanted: Any) -> bool:
    footer = _footer(part)
    index = footer.schema.to_arrow_schema().get_field_index(column)
    for group in range(footer.num_row_groups):
        told = footer.row_group(group).column(index).statistics
        if told is None or not told.has_min_max:
            return True
        place = np.searchsorted(wanted, told.min)
        if place < len(wanted) and wanted[place] <= told.max:
            return True
    return False


def _read_part(part: Path, table: str, columns: list[str], low: int | None, high: int | None) -> pa.Table:
    """The rows of a file between the bounds; without any there, no more than its footer is read."""
    time = TABLES[table].time
    if not _groups(_footer(part), time, low, high):
        return empty(table).select(columns)
    file = _file(part)
    with _damage(part):  # a writer may have replaced the file since its footer was read
        rows = file.read_row_groups(_groups(file.metadata, time, low, high), columns=columns)
    for bound, keep in ((low, pc.greater_equal), (high, pc.less)):
        if bound is not None:
            stamps = rows.column(time)
            rows = rows.filter(keep(stamps, pa.scalar(bound, stamps.type)))
    return rows


def _groups(footer: pq.FileMetaData, time: str, low: int | None, high: int | None) -> list[int]:
    """The row groups that may hold rows between the bounds."""
    groups = range(footer.num_row_groups)
    if low is None and high is None:
        return list(groups)
    column = footer.schema.to_arrow_schema().get_field_index(time)
    return [g for g in groups if _overlaps(footer.row_group(g).column(column).statistics, low, high)]


def _overlaps(told: Any, low: int | None, high: int | None) -> bool:
    if told is None or not told.has_min_max:
        return True
    least, most = (int(t.timestamp() * 1e6) for t in (told.min, told.max))
    return (high is None or least <= high) and (low is None or most + 1 >= low)


def _time_of(table: str, since: Any, until: Any) -> str:
    if table not in TABLES:
        raise UsageError(f"unknown table {table!r}. Tables: {', '.join(TABLES)}.")
    time = TABLES[table].time
    if not time and (since is not None or until is not None):
        raise UsageError(f"{table} is not ordered in time: leave out since and until.")
    return time


def _micros(moment: str | datetime | None, name: str) -> int | None:
    return None if moment is None else round(instant(moment, name).timestamp() * 1e6)
