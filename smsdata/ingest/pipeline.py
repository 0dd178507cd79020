"""The one way from the reader into the store: read -> gather -> merge -> cursor.

A row arrives here typed: the reader has proved its read complete, and `schema` has made columns of it.
`Pipeline.record` counts what came and sets rows aside that do not fit; `Pipeline.gather` lets the others
wait until there are enough to be merged; `Pipeline.commit` merges them into the store and then moves
cursors and page journal, so that a run may die at any instant. From the store nothing comes back here. What
is worth reading is decided in `plan`. Imports `gateway`, `store`, `schema`, `report` and `plan`.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.errors import DrainError
from smsdata.gateway.blame import Blame
from smsdata.gateway.caller import SKEW, Caller
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.proofs import UNPROVED
from smsdata.gateway.reader import Reader, Unread
from smsdata.gateway.reads import Drained, Read, slices, typed_rows
from smsdata.ingest import plan
from smsdata.ingest.doors import Door
from smsdata.ingest.failed_reads import FailedReads
from smsdata.ingest.report import Report
from smsdata.schema.status import RANK
from smsdata.schema.tables import TABLES
from smsdata.store.coverage import Span, gaps
from smsdata.store.half_done import half_done
from smsdata.store.spool import Spool, spool_folder
from smsdata.store.state import Retry, Slice, note_rejects, note_witness
from smsdata.store.store import Store
from smsdata.times import instant

_BATCH_ROWS = 100_000  # what is merged at once: memory does not grow with the account


class OddRows:
    """Rows that do not fit their table: set aside, and read once more by the next runs."""

    def __init__(self, store: Store, report: Report) -> None:
        self.store = store
        self.state = store.state
        self.report = report
        self.news: set[str] = set()  # the reads that brought rows that did not lie aside before
        self._counted: set[Path] = set()  # the files of odd rows that the report counts
        self._known: set[Path] | None = None
        self._let_go: set[Path] = set()  # whose rows came well meanwhile: removed once the state says so

    def set_aside(self, drained: Drained) -> None:
        """Keep rows that do not fit; let those go that were odd in an earlier answer and are well in this."""
        rejects, name = drained.batch.rejects, drained.read.name()
        known = self._rested(drained)
        kept = set(self.store.rejects.add(rejects, name, drained.seen_at))
        self._let_go = (self._let_go | set(self._earlier.pop(name, []))) - kept
        fresh = kept - self._counted - known
        self._counted |= kept - known
        if kept - known:
            self.news.add(name)
        if fresh:
            first = rejects[0]
            self.report.of(first.table).rejected += len(fresh)
            self.report.attention.append(
                f"{len(fresh)} rows of {first.table} set aside in {self.store.private / 'rejects'} "
                f"(page {first.page} row {first.row}: {first.column} {first.reason})."
            )

    def name_those_left(self) -> None:
        """Say at every run what earlier ones set aside, until it is taken back or dismissed."""
        self._settle()
        left = sum(path not in self._counted for path in self.store.rejects.all())
        if left:
            self.report.attention.append(
                f"{left} rows that earlier runs set aside still lie in {self.store.private / 'rejects'}. "
                "`smsdata sync --replay-rejects` takes back what can be read now, --dismiss-rejects removes "
                "them."
            )
        self.report.attention += [str(error) for error in self.store.rejects.faults().values()]

    def _settle(self) -> None:
        """Remember in the state which rows lie aside, then remove those that came well; say what is gone."""
        there = self.store.rejects.names()
        gone = self.state.rejects - there
        stay = there - {path.name for path in self._let_go}
        if stay | gone != self.state.rejects or self._let_go:
            note_rejects(self.state, stay | gone)
            self.store.save_state()
        self.store.rejects.remove(self._let_go)
        self._let_go = set()
        if gone:
            self.report.attention.append(
                f"{len(gone)} files with rows that were set aside are gone from "
                f"{self.store.private / 'rejects'}, and those rows are stored nowhere: restore them from a "
                "backup, or do without them by `smsdata sync --dismiss-rejects`."
            )

    def dismiss(self) -> int:
        """Remove the rows that lie aside, and do without lost callbacks; gives how many rows they were."""
        Spool(spool_folder(self.store.private)).dismiss_missing()
        note_rejects(self.state, ())
        self.store.save_state()
        return self.store.rejects.dismiss()

    def _rested(self, drained: Drained) -> set[Path]:
        """The rows that lay aside before this run: a look-back brings them again, and says nothing new."""
        if self._known is None:
            self._known = {path for paths in self._earlier.values() for path in paths}
        look_back = drained.read.endpoint.name == "replies" and drained.read.name() not in self.state.retries
        return self._known if look_back else set()

    @cached_property
    def _earlier(self) -> dict[str, list[Path]]:
        """The files of rows set aside by earlier runs, by the read that brought them."""
        files: dict[str, list[Path]] = {}
        for path, kept in self.store.rejects.all().items():
            files.setdefault(kept["read"], []).append(path)
        return files

    def note_for_retry(self, drained: Drained) -> bool:
        """Note a read that had odd rows for the next runs; gives whether it is worth another try."""
        read, name = drained.read, drained.read.name()
        tries = self.state.take_retry(name).tries
        again = plan.worth_another_try(tries, odd=bool(drained.batch.rejects))
        if again:
            self.state.note_retry(name, Retry(tries + 1, read.start, read.end))
        return again

    def reads_to_retry(self, table: str, now: datetime) -> list[Read]:
        """The slices of time in which earlier runs set rows aside, as far as the gateway still keeps them."""
        entry = endpoint(table)
        reads = []
        for name, retry in plan.retries_of(
            self.state.retries, entry.call, oldest=_oldest(table, now)
        ).items():
            self.state.take_retry(name)
            if retry is not None:
                read = Read(entry, start=retry.start, end=retry.end)
                self.state.note_retry(read.name(), retry)
                self._earlier[read.name()] = self._earlier.pop(name, [])
                reads.append(read)
        return reads

    def take_back(self) -> None:
        """Try again to make rows of what was set aside; those that fit now are stored."""
        back: Counter[str] = Counter()
        for path, kept in self.store.rejects.all().items():
            entry = endpoint(kept["endpoint"])
            batch = typed_rows(
                entry, [kept["raw"]], synced_at=instant(kept["seen_at"]), context=kept["context"]
            )
            if not batch.rejects:
                self.store.merge(entry.table.name, batch.rows)
                self._let_go.add(path)
                back[entry.table.name] += 1
        for table, count in back.items():
            self.report.note(f"{table}: {count} rows that were set aside are taken back.")


class Pipeline:
    """Takes what a reader brings into a store, and reports it.

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
        self.state = store.state if keep else copy.deepcopy(store.state)
        """What the run goes by; a run that keeps nothing has a copy of its own."""
        self.keeps = keep
        self.turn: plan.Turn | None = None
        """Which older sends this run looks at; None for all of 30 days."""
        self.report = Report()
        self.odd_rows = OddRows(store, self.report)
        self._added = store.added.copy()
        self._journal = store.journal() if keep else None
        self.blame = Blame(client.is_there)
        self.door = Door(store.private, store.disk)
        """Keeps out who is forgotten."""
        self.failed = FailedReads(self.state, self.report, client.now)
        self.reader = Reader(
            client,
            journal=self._journal,
            on_page=on_page,
            blame=self.blame,
            resting=self.failed.resting,
            doubtful=self.failed.is_doubtful,
            door=self.door.page,
            allow_unproved=True,
        )
        self._waiting: dict[str, list[pa.Table]] = {}

    def finish(self) -> None:
        """Let go of pages that nobody needs: a run that reached its end leaves nothing to go on from."""
        self.odd_rows.name_those_left()
        self.failed.name_those_left()
        self.report.attention += map(str, half_done(self.store.forgotten, self.store.state))
        if self._journal and self._journal.reads:
            self.store.commit(self._journal, self._journal.reads)
        elif self.failed.changed:
            self.store.save_state()

    def close(self) -> None:
        """Say how many rows are new; what is left in the journal is for the next run."""
        for table, part in self.report.tables.items():
            part.new = self.store.added[table] - self._added[table]
            for column, count in part.unread.items():
                self.report.note(
                    f"{table}: {count:,} values of column {column!r} could not be read and are null; `extra` "
                    "holds their text."
                )
        if self._journal:
            self._journal.close()

    # ---- one read --------------------------------------------------------------------------------

    def read_one(self, read: Read) -> Drained | None:
        """Read one thing; what could not be proved is reported, and None."""
        return self.record(next(self.reader.each([read])))

    def record(self, outcome: Drained | Unread) -> Drained | None:
        """Count an outcome in the report and set its odd rows aside; what could not be read gives None."""
        if not isinstance(outcome, Drained):
            self.failed.note(outcome)
            return None
        self.failed.note_success(outcome.read)
        table = outcome.read.endpoint.table.name
        part = self.report.of(table)
        part.witness = min(part.witness or outcome.witness, outcome.witness)  # consistent is the weaker
        note_witness(self.state, table, part.witness)
        part.proofs = sorted({*part.proofs, outcome.proof})
        for column, count in outcome.batch.unread.items():
            part.unread[column] = part.unread.get(column, 0) + count
        if outcome.outside:
            self.report.note(f"{table}: {outcome.outside:,} rows outside the slice asked for were not taken.")
        part.unknown_keys = sorted(set(part.unknown_keys) | outcome.batch.unknown)
        for key in outcome.batch.unknown:
            self.report.note(f"{table}: the key {key!r} is new; its values are in column `extra`.")
        if self._journal is not None:
            self.odd_rows.set_aside(outcome)
        if not is_complete(outcome) and outcome.read.start:
            self.failed.note(_gives_fewer(outcome))
        return outcome

    def store_snapshot(self, drained: Drained) -> None:
        """Store a snapshot; a row that was set aside is still there, so then nothing counts as vanished."""
        table = drained.read.endpoint.table.name
        if drained.batch.rejects:
            self.store.merge(table, drained.rows)
        else:
            self.store.apply_snapshot(table, drained.rows, seen_at=drained.seen_at)
        self.report.of(table).rows += drained.rows.num_rows
        self.store.save_state()

    # ---- many reads ------------------------------------------------------------------------------

    def read_again(self, table: str) -> Iterator[Drained | None]:
        """Read the slices of time once more in which earlier runs set rows aside."""
        for drained in self.read_and_store(table, self.odd_rows.reads_to_retry(table, self.client.now())):
            if drained is not None:
                self.odd_rows.note_for_retry(drained)
            yield drained

    def read_missing(self, table: str) -> Iterator[Drained | None]:
        """Read what is not covered of a table, from its target up to now.

        A slice of time under way is remembered: a run that goes on after a crash makes the same reads, so
        that the pages in the journal are worth something.
        """
        until, under_way = self.until(), self.state.slices.get(table)
        oldest = _oldest(table, until)
        let_go_of_what_is_gone(self, table, oldest)
        if under_way is not None and under_way.start >= oldest - timedelta(minutes=30):
            yield from self._read_span(table, under_way)
            if under_way.end >= until:  # there is nothing newer; the margin is left to the next run, as ever
                until -= plan.CURSOR_MARGIN
        for gap in gaps(self.state.covered(table), max(self.state.kept_from[table], oldest), until):
            done = gap.start - timedelta(seconds=1)
            yield from self._read_span(table, Slice(gap.start, gap.end, done))

    def _read_span(self, table: str, span: Slice) -> Iterator[Drained | None]:
        self.state.begin_slice(table, span)
        self.store.save_state()
        reads = slices(Read(endpoint(table)), span.start, span.end)
        reads = [read for read in reads if read.end and read.end > span.done]
        yield from self.read_and_store(table, reads, cover=True, after=span.done)
        self.state.end_slice(table)
        self.store.save_state()

    def read_and_store(
        self, table: str, reads: Iterable[Read], *, cover: bool = False, after: datetime | None = None
    ) -> Iterator[Drained | None]:
        """The one loop: read, gather, merge in batches.

        With `cover` the spans of time that are stored and proved are remembered, but not nearer to now than
        `CURSOR_MARGIN`; the slice under way is done up to the first read that failed or was not proved.
        """
        done: list[Drained] = []
        whole = True
        for outcome in self.reader.each(reads, after=after):
            drained = self.record(outcome)
            whole = whole and drained is not None and is_complete(drained)
            if drained is not None:
                done += [drained] if is_complete(drained) else []
                self.gather(table, drained.rows)
                if table in self.state.slices and drained.read.name() in self.odd_rows.news:
                    self.odd_rows.note_for_retry(drained)  # what is covered is not read by itself again
            yield drained
            if self.full:
                self._store(table, done, cover=cover, whole=whole)
                done = []
        self._store(table, done, cover=cover, whole=whole)

    def _store(self, table: str, done: Sequence[Drained], *, cover: bool, whole: bool) -> None:
        for drained in done if cover else ():
            start, end = drained.read.start, drained.read.end
            if start and end:
                seen = min(end, drained.seen_at - plan.CURSOR_MARGIN, self.now() - plan.CURSOR_MARGIN)
                self.state.cover(table, Span(start, seen))
        under_way = self.state.slices.get(table)
        if cover and whole and done and under_way and done[-1].read.end:
            self.state.begin_slice(table, Slice(under_way.start, under_way.end, done[-1].read.end))
        self.commit([drained.read.name() for drained in done])

    # ---- time --------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The present by the clock that is behind: nothing counts as covered, or as long ago, past it."""
        return self.client.clocks()[0]

    def until(self) -> datetime:
        """The present by the clock that is ahead: up to where is read."""
        return self.client.clocks()[1]

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
        _note_new_statuses(self.report, waiting)
        for table, rows in waiting.items():
            if not TABLES[table].snapshot:
                stand = self.store.merge(table, rows)
                self.report.of(table).rows += stand.num_rows
                _copy_statuses_into(self.store, table, stand)
        if done and self._journal:
            self.store.commit(self._journal, done)
        elif waiting:
            self.store.save_state()


def is_complete(drained: Drained) -> bool:
    """Whether anything vouches for it that these are all rows."""
    return drained.proof != UNPROVED


def _gives_fewer(drained: Drained) -> DrainError:
    """What is said of a slice of time of which the gateway counts other rows than it gives, in every pass."""
    read, total = drained.read, drained.total
    error = DrainError(
        f"{read.title()}: the gateway gives {drained.rows.num_rows:,} rows and says "
        f"{'no total' if total is None else f'{total:,}'}. What it gave is stored; nothing of it counts as "
        "complete, and the next run reads it again."
    )
    error.about = read
    return error


def _oldest(table: str, now: datetime) -> datetime:
    """From when on the gateway may be asked for rows of a table."""
    allowed = endpoint(table).limit
    return plan.oldest_kept(now) if allowed and allowed.horizon else datetime(1970, 1, 1, tzinfo=UTC)


def let_go_of_what_is_gone(pipeline: Pipeline, table: str, oldest: datetime) -> None:
    """Begin a table where the gateway still keeps it; say so where more than the margin was never read."""
    state = pipeline.state
    first = state.kept_from[table]
    lost = list(gaps(state.covered(table), first, oldest)) if first < oldest else []
    if not lost:
        return
    state.keep_from(table, max(first, lost[-1].end))
    spans = ", ".join(
        f"{gone.start:%Y-%m-%d %H:%M} to {gone.end:%Y-%m-%d %H:%M}"
        for gone in lost
        if gone.end - gone.start > plan.LEEWAY
    )
    if spans:
        pipeline.report.tell_once(
            table,
            f"those of {spans} were never read and are gone: the gateway keeps 12 months. Run "
            "`smsdata sync` more often.",
        )


def _note_new_statuses(report: Report, waiting: Mapping[str, pa.Table]) -> None:
    """Say once which statuses were never seen before."""
    for table in ("dlrs", "messages"):
        words = pc.unique(waiting[table].column("status")).to_pylist() if table in waiting else []
        for word in sorted(set(words) - set(RANK)):
            report.note(f"{table}: the status {word!r} was never seen before; it is kept as it is.")


def _copy_statuses_into(store: Store, table: str, rows: pa.Table) -> None:
    """Messages that came after their dlrs take the statuses of those; the store sees to the others."""
    if table == "messages" and rows.num_rows:
        dlrs = store.tables.rows_sharing("dlrs", rows, "message_id")
        if dlrs.num_rows:
            store.merging.copy_statuses_to_messages(dlrs)


def note_skew(pipeline: Pipeline) -> None:
    """Say once that the gateway's clock and this machine's disagree."""
    apart = pipeline.until() - pipeline.now()
    if apart > SKEW:
        pipeline.report.note(
            f"the gateway's Date and this machine's clock are {apart} apart: nothing counts as read past "
            "the earlier of the two, and rows are dated by this machine's."
        )
