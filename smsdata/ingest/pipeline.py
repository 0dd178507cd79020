"""From the reader into the store: odd rows set aside, the others gathered, merged, the cursor behind them.

Every batch goes journal -> merge -> cursor, so that a run may die at any instant. What is worth reading is
decided in `planner` and `sync`. Imports `reader`, `store`, `planner`, `frames` and `endpoints`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.gateway.caller import Caller
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reader import Drained, Read, Reader, Unread, windows
from smsdata.ingest import plan as planner
from smsdata.schema.status import RANK
from smsdata.schema.tables import TABLES
from smsdata.store.store import Store
from smsdata.times import instant

_BATCH_ROWS = 100_000  # what is merged at once: memory does not grow with the account
_ODD_TRIES = 3


@dataclass
class TableReport:
    """What a run did with one table.

    `rows` were read (one in the second where two windows meet may be counted in both), `new` of them
    were not stored before.
    """

    calls: int = 0
    rows: int = 0
    new: int = 0
    rejected: int = 0
    proofs: str = ""
    unproved: list[str] = field(default_factory=list)
    unknown_keys: list[str] = field(default_factory=list)


@dataclass
class Report:
    """What a run did: per table, in calls, and what needs a look.

    `planned` are the calls that were expected, per table. `look` lists what needs a person; it is empty
    when all is well. `notes` is good to know.
    """

    tables: dict[str, TableReport] = field(default_factory=dict)
    planned: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    now: str = ""
    look: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def of(self, table: str) -> TableReport:
        """The report of one table."""
        return self.tables.setdefault(table, TableReport())

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


class Intake:
    """Takes what a reader brings into a store, and tells of it.

    Parameters
    ----------
    client, store
        The account and its store; the store is open for writing unless `keep` is false.
    on_page
        Called with every page that arrives.
    keep
        Whether pages are kept in the store's journal until their rows are merged.
    """

    def __init__(
        self, client: Caller, store: Store, on_page: Callable[[Any], None], *, keep: bool = True
    ) -> None:
        self.client = client
        self.store = store
        self.state = store.state
        self._added = store.added.copy()
        for name in ("cursors", "remembered", "jobs", "odd"):
            self.state.setdefault(name, {})
        self.journal = store.journal() if keep else None
        self.reader = Reader(client, journal=self.journal, on_page=on_page)
        self.report = Report()
        self._waiting: dict[str, list[pa.Table]] = {}
        self._told: set[Path] = set()  # the files of odd rows that the report counts

    def finish(self) -> None:
        """Let go of pages that nobody needs: a run that reached its end leaves nothing to go on from."""
        if self.journal and self.journal.reads:
            self.store.commit(self.journal, self.journal.reads)

    def close(self) -> None:
        """Say how many rows are new; what is left in the journal is for the next run."""
        for table, told in self.report.tables.items():
            told.new = self.store.added[table] - self._added[table]
        if self.journal:
            self.journal.close()

    # ---- one read --------------------------------------------------------------------------------

    def one(self, read: Read) -> Drained | None:
        """Read one thing; what could not be proved is noted, and None."""
        return self.noted(next(self.reader.each([read])))

    def noted(self, outcome: Drained | Unread) -> Drained | None:
        """Count an outcome in the report and set its odd rows aside; what could not be read gives None."""
        if not isinstance(outcome, Drained):
            table = re.split(r"\W", str(outcome))[0]
            self.report.of(table).unproved.append(str(outcome))
            self.report.look.append(str(outcome))
            return None
        table = outcome.read.endpoint.table.name
        told = self.report.of(table)
        told.proofs = "".join(sorted(set(told.proofs + outcome.proof)))
        told.unknown_keys = sorted(set(told.unknown_keys) | outcome.batch.unknown)
        for key in outcome.batch.unknown:
            self.note(f"{table}: the key {key!r} is new; its values are in column `extra`.")
        if self.journal is not None:
            self._set_aside(outcome)
        return outcome

    def _set_aside(self, drained: Drained) -> None:
        """Keep rows that do not fit; let those go that were odd in an earlier answer and are well in this."""
        rejects, name = drained.batch.rejects, drained.read.name()
        kept = set(self.store.rejects.add(rejects, name, drained.seen_at))
        for path in set(self._aside.pop(name, [])) - kept:
            self.store.disk.remove(path)
        fresh, self._told = kept - self._told, self._told | kept
        if fresh:
            first = rejects[0]
            self.report.of(first.table).rejected += len(fresh)
            self.report.look.append(
                f"{len(fresh)} rows of {first.table} set aside in {self.store.private / 'rejects'} "
                f"(page {first.page} row {first.row}: {first.column} {first.reason})."
            )

    @cached_property
    def _aside(self) -> dict[str, list[Path]]:
        """The files of rows set aside by earlier runs, by the read that brought them."""
        found: dict[str, list[Path]] = {}
        for path, told in self.store.rejects.all().items():
            found.setdefault(told["read"], []).append(path)
        return found

    def odd(self, drained: Drained) -> bool:
        """Whether a read had odd rows and is worth another try by the next runs.

        A gateway that serves a row odd now and then gets over it; one that always does is not asked for ever.
        """
        name = drained.read.name()
        tries, *_ = self.state["odd"].pop(name, [0])
        if not drained.batch.rejects or tries >= _ODD_TRIES:
            return False
        span = [str(moment) for moment in (drained.read.start, drained.read.end) if moment]
        self.state["odd"][name] = [tries + 1, *span]
        return True

    def again(self, table: str) -> Iterator[Drained | None]:
        """Read the windows once more in which earlier runs set rows aside."""
        for drained in self.stored(table, self._odd_reads(table)):
            if drained is not None:
                self.odd(drained)
            yield drained

    def _odd_reads(self, table: str) -> list[Read]:
        """The windows in which earlier runs set rows aside, as far as the gateway still keeps them."""
        entry, oldest = endpoint(table), _oldest(table, self.client.now())
        reads = []
        for name in [name for name in self.state["odd"] if name.startswith(f"{entry.call}?")]:
            tries, *span = self.state["odd"].pop(name)
            start, end = (instant(moment) for moment in span)
            if end > oldest:
                read = Read(entry, start=max(start, oldest), end=end)
                self.state["odd"][read.name()] = [tries, str(read.start), str(read.end)]
                self._aside[read.name()] = self._aside.pop(name, [])
                reads.append(read)
        return reads

    # ---- many reads ------------------------------------------------------------------------------

    def window(
        self,
        table: str,
        start: datetime,
        end: datetime,
        *,
        margin: timedelta = timedelta(0),
        resume: bool = False,
    ) -> Iterator[Drained | None]:
        """Read a table over a window and move its cursor behind what is stored and proved.

        With `resume` the window is remembered: a run that goes on after a crash reads the same windows, so
        that the pages in the journal are worth something. Not for counters, which would be old.
        """
        jobs = self.state["jobs"]
        begun, ended, done = _spans(jobs.get(table), start, end, _oldest(table, end))
        if resume:
            jobs[table] = [begun.isoformat(), ended.isoformat(), done.isoformat()]
            self.store.save_state()
        reads = windows(Read(endpoint(table)), begun, ended)
        if ended < end:
            reads += windows(Read(endpoint(table)), ended, end)
        reads = [read for read in reads if read.end and read.end > done]
        yield from self.stored(table, reads, margin=margin, after=done)
        if jobs.pop(table, None):
            self.store.save_state()

    def stored(
        self,
        table: str,
        reads: Iterable[Read],
        *,
        margin: timedelta | None = None,
        after: datetime | None = None,
    ) -> Iterator[Drained | None]:
        """Read, gather, merge in batches.

        With a `margin` the cursor moves with each batch, but not past a failed read, nor nearer to now.
        """
        done: list[str] = []
        reached: datetime | None = None
        whole = True
        for outcome in self.reader.each(reads, after=after):
            drained = self.noted(outcome)
            whole = whole and drained is not None
            if drained is not None:
                done.append(drained.read.name())
                self.gather(table, drained.rows)
                reached = drained.read.end if whole else reached
                if table in self.state["jobs"]:  # what stays behind the cursor is not read by itself again
                    self.odd(drained)
            yield drained
            if self.full:
                self._move(table, reached, margin)
                self.commit(done)
                done = []
        self._move(table, reached, margin)
        self.commit(done)

    def _move(self, table: str, reached: datetime | None, margin: timedelta | None) -> None:
        if reached is None or margin is None:
            return
        now = self.client.now()
        cursor = min(reached, now - margin)
        self.state["cursors"][table] = max(cursor, self.cursor(table) or cursor).isoformat()
        job = self.state["jobs"].get(table)
        if job:
            job[2] = reached.isoformat()

    def cursor(self, table: str) -> datetime | None:
        """Up to where a table is stored and proved.

        One that lies ahead was set while a clock was wrong, nobody knows when: then 30 days are read again.
        """
        value = self.state["cursors"].get(table)
        now = self.client.now()
        if value and instant(value) > now:
            self.note(
                f"{table}: stored up to {value}, which is still to come: a clock was wrong, and 30 days are "
                "read again."
            )
            return now - planner.LOOK_BACK
        return instant(value) if value else None

    # ---- into the store --------------------------------------------------------------------------

    def gather(self, table: str, rows: pa.Table) -> None:
        """Let rows wait for the next commit."""
        self._waiting.setdefault(table, []).append(rows)

    @property
    def full(self) -> bool:
        """Whether so many rows wait that they should be merged."""
        waiting: int = sum(rows.num_rows for tables in self._waiting.values() for rows in tables)
        return waiting >= _BATCH_ROWS

    def commit(self, done: Sequence[str]) -> None:
        """Merge what was gathered, let messages follow their dlrs, then move cursors and journal."""
        waiting = {table: pa.concat_tables(rows) for table, rows in self._waiting.items()}
        self._waiting.clear()
        if waiting and not self.store.bound:
            self.store.save_state()  # rows never stand in a store that is nobody's
        self._note_words(waiting)
        for table, rows in waiting.items():
            if not TABLES[table].snapshot:
                stand = self.store.merge(table, rows)
                self.report.of(table).rows += stand.num_rows
                self._follow(table, stand)
        if done and self.journal:
            self.store.commit(self.journal, done)
        elif waiting:
            self.store.save_state()

    def _note_words(self, waiting: Mapping[str, pa.Table]) -> None:
        """Say once which statuses were never seen before."""
        for table in ("dlrs", "messages"):
            words = pc.unique(waiting[table].column("status")).to_pylist() if table in waiting else []
            for word in sorted(set(words) - set(RANK)):
                self.note(f"{table}: the status {word!r} was never seen before; it is kept as it is.")

    def note(self, text: str) -> None:
        """Say something once that is good to know."""
        if text not in self.report.notes:
            self.report.notes.append(text)

    def _follow(self, table: str, rows: pa.Table) -> None:
        """Messages that came after their dlrs take the statuses of those; the store sees to the others."""
        if table == "messages" and rows.num_rows:
            dlrs = self.store.tables.rows_sharing("dlrs", rows, "message_id")
            if dlrs.num_rows:
                self.store.merging.copy_statuses_to_messages(dlrs)


def _oldest(table: str, now: datetime) -> datetime:
    """From when on the gateway may be asked for rows of a table."""
    allowed = endpoint(table).limit
    return now - planner.HORIZON if allowed and allowed.horizon else datetime(1970, 1, 1, tzinfo=UTC)


def _spans(
    job: Sequence[str] | None, start: datetime, end: datetime, oldest: datetime
) -> tuple[datetime, datetime, datetime]:
    """Where the window begins and ends, and how far it is done: an interrupted run's, if it reaches here."""
    if job is not None:
        begun, ended, done = (instant(moment) for moment in job)
        reaches = begun <= start <= ended <= end and start <= max(done, begun) + planner.MARGIN
        if reaches and begun >= oldest - timedelta(minutes=30):
            return begun, ended, done
    return start, end, start - timedelta(seconds=1)
