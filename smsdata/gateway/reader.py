"""One read -> all its rows, proved complete, or an error.

Owns the passes over pages: several reads and several pages of each at once, cancellable, and resumable where
something keeps the pages. What proves a read complete is decided in `proofs`. Imports `caller`, `proofs`,
`reads`, `answers`, `schema` and `errors`; knows no files.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Protocol

import pyarrow as pa

from smsdata.errors import ApiError, DrainError
from smsdata.gateway.answers import Page, checked, read_page
from smsdata.gateway.blame import ABOUT_ONE_THING, Blame
from smsdata.gateway.caller import Caller, break_off
from smsdata.gateway.proofs import (
    BRACKETED,
    COUNTERS,
    SINGLE_PAGE,
    TWO_PASSES,
    UNPROVED,
    Pass,
    Proofs,
    row_keys,
    rows_once,
)
from smsdata.gateway.reads import (
    SLICE_PAGES,
    Drained,
    Read,
    cut_in_slices,
    each_key_once,
    rows_inside,
    slices_due,
    typed_rows,
)
from smsdata.schema.frames import Batch, key_hash

Unread = DrainError | ApiError
"""Why one thing could not be read while others can."""

PASSES = 6
_READS_AT_ONCE = 4
_BRACKETS = 3  # so often page 1 is read again while rows keep coming on top
_MEMBER_ROUNDS = 3
_ALIKE = 2  # so often a pass may be as the one before, without a proof
_CUT = 0  # where the page journal keeps, beside the pages, into how many slices a read was cut
_KEPT_FOR = timedelta(hours=1)
_BEYOND = frozenset({"WRONG_PAGE", "FIELD_INVALID", "NOT_FOUND"})  # how a page behind the last is refused
_REFUSED_MEMBERS = frozenset({"FIELD_INVALID", "FIELD_EMPTY"})  # how ``members=all`` is refused

Outcome = Drained | list[Read]
Line = deque[tuple[Read, Future[Outcome] | None]]


class PageKeeper(Protocol):
    """Where pages are kept until their rows are stored, so that an interrupted run goes on from them."""

    def pages(self, read: str) -> Mapping[int, tuple[bytes, datetime]]:
        """The pages kept of a read: page number -> (body, when it was seen)."""

    def add(self, read: str, number: int, body: bytes, seen_at: datetime) -> None:
        """Keep a page."""


class Reader:
    """Reads completely, several reads and several pages of each at once.

    The members of a list are read active and inactive apart where the gateway refuses both at once.

    Parameters
    ----------
    client
        Makes the calls.
    journal
        Keeps pages between runs; None keeps none.
    on_page
        Called with every page that arrives, for a progress bar.
    blame
        Tells a failure that concerns one thing from one that concerns all; without it only refusals of one
        thing let the others go on.
    resting
        Gives the error of a read that failed before and is not to be tried yet; no call is made for it.
    doubtful
        Whether a read's call was missing when it was last asked: it waits until no other read is under way
        before it, so that one answer settles it for all.
    door
        Every page goes through it before anything else is done with it.
    allow_unproved
        Give what two passes saw, with ``unproved`` for a proof, where nothing vouches for it: a list that
        keeps changing, a slice of time of which the gateway counts more rows than it gives.
    """

    def __init__(
        self,
        client: Caller,
        *,
        journal: PageKeeper | None = None,
        on_page: Callable[[Page], None] | None = None,
        blame: Blame | None = None,
        resting: Callable[[Read], DrainError | None] = lambda _read: None,
        doubtful: Callable[[Read], bool] = lambda _read: False,
        door: Callable[[Page], Page] = lambda page: page,
        allow_unproved: bool = False,
    ) -> None:
        self.client = client
        self.journal = journal
        self.blame = blame
        self.resting = resting
        self.doubtful = doubtful
        self.door = door
        self.allow_unproved = allow_unproved
        self.on_page = on_page or (lambda _page: None)

    def each(self, reads: Iterable[Read], *, after: datetime | None = None) -> Iterator[Drained | Unread]:
        """Read many things in their order; what cannot be read or proved comes back as its error.

        A read that holds too much for one pass is cut into slices of time; they come in order, without those
        that end before `after`, up to where an interrupted run had stored them.
        """
        waiting = iter(reads)
        line: Line = deque()
        at_once = min(_READS_AT_ONCE, max(1, self.client.threads // 2))
        stop = threading.Event()
        pool = ThreadPoolExecutor(at_once, thread_name_prefix="smsdata-read")
        interrupted = False

        def start(read: Read) -> Future[Outcome]:
            return pool.submit(self._proved_or_slices, read, stop)

        try:
            while _fill(line, waiting, at_once, start, self.doubtful):
                read, future = line.popleft()
                assert future is not None  # noqa: S101 - _fill starts the head of the line
                outcome = self._outcome(read, future)
                if isinstance(outcome, list):
                    due = [part for part in outcome if not (after and part.end and part.end <= after)]
                    line.extendleft((part, None) for part in reversed(due))
                else:
                    yield outcome
        except KeyboardInterrupt:
            interrupted = True  # whoever wants to stop does not wait for a gateway
            break_off(self.client)
            raise
        finally:
            stop.set()  # a caller that stops iterating cancels the remaining reads
            pool.shutdown(wait=not interrupted, cancel_futures=True)

    def read(self, read: Read) -> Drained:
        """Read one thing completely.

        Raises
        ------
        ApiError
            When the gateway refuses it, or gives no usable answer.
        DrainError
            When it could not be proved complete in a few passes, or a list kept changing.
        """
        stop = threading.Event()
        if _asks_all_members(read):
            return self._all_members(read, stop)
        return _Reading(self, read, stop).proved()

    def _outcome(self, read: Read, future: Future[Outcome]) -> Outcome | Unread:
        """What came of a read; the failure that concerns every call is raised."""
        try:
            outcome = future.result()
        except (DrainError, ApiError) as error:
            if isinstance(error, ApiError) and self._concerns_account(read, error):
                raise
            error.about = read
            return error
        if self.blame is not None:
            self.blame.note_answer()
        return outcome

    def _concerns_account(self, read: Read, error: ApiError) -> bool:
        if self.blame is None:
            return error.code not in ABOUT_ONE_THING
        return self.blame.concerns_account(read.endpoint, error)

    def _proved_or_slices(self, read: Read, stop: threading.Event) -> Outcome:
        if (error := self.resting(read)) is not None:
            raise error
        if _asks_all_members(read):
            return self._all_members(read, stop)
        return _Reading(self, read, stop).proved_or_slices()

    def _all_members(self, read: Read, stop: threading.Event) -> Drained:
        """The members of a list; active and inactive apart where the gateway refuses both at once."""
        try:
            return _Reading(self, read, stop).proved()
        except ApiError as error:
            if error.code not in _REFUSED_MEMBERS:
                raise
        table = read.endpoint.table.name
        active = self._members(read, "active", stop)
        for _ in range(_MEMBER_ROUNDS):
            inactive = self._members(read, "inactive", stop)
            if UNPROVED in (active.proof, inactive.proof):
                return replace(_members_together(read, active, inactive, active), proof=UNPROVED)
            again = self._members(read, "active", stop)
            if again.proof == UNPROVED:
                return replace(_members_together(read, active, inactive, again), proof=UNPROVED)
            if key_hash(table, active.rows) == key_hash(table, again.rows):
                return _members_together(read, active, inactive, again)
            active = again
        raise DrainError(f"{table}(list_id={read.parameters['list_id']}): it changes while it is read.")

    def _members(self, read: Read, which: str, stop: threading.Event) -> Drained:
        part = replace(read, parameters=dict(read.parameters) | {"members": which})
        # Pages kept of the first reading would stand for the second, and the two could not differ.
        return _Reading(self, part, stop, keep=False).proved()


def _asks_all_members(read: Read) -> bool:
    """Whether a read asks for active and inactive members at once, and nobody insists on that."""
    return ("members", "all") in read.endpoint.fixed and "members" not in read.parameters


def _members_together(read: Read, active: Drained, inactive: Drained, again: Drained) -> Drained:
    """Active and inactive members as one; whoever is in both was active last."""
    rows = each_key_once(read.endpoint.table.name, pa.concat_tables([inactive.rows, again.rows]))
    rejects = again.batch.rejects + inactive.batch.rejects
    return replace(
        again,
        read=read,
        batch=Batch(
            rows,
            rejects,
            again.batch.unknown | inactive.batch.unknown,
            dict(Counter(again.batch.unread) + Counter(inactive.batch.unread)),
        ),
        proof=TWO_PASSES,
        served=again.served + inactive.served,
        seen_at=active.seen_at,
    )


def _fill(
    line: Line,
    waiting: Iterator[Read],
    at_once: int,
    start: Callable[[Read], Future[Outcome]],
    doubtful: Callable[[Read], bool],
) -> bool:
    """Keep the first few reads of the line under way; a doubtful one only when it heads the line."""
    while len(line) < at_once and (read := next(waiting, None)) is not None:
        line.append((read, None))
    for place in range(min(at_once, len(line))):
        read, future = line[place]
        if future is None and (place == 0 or not doubtful(read)):
            line[place] = (read, start(read))
    return bool(line)


class _Reading:
    """One thing being read, pass by pass, until something vouches for its rows."""

    def __init__(self, reader: Reader, read: Read, stop: threading.Event, *, keep: bool = True) -> None:
        self.client = reader.client
        self.journal = reader.journal if keep else None
        self.on_page = reader.on_page
        self.door = reader.door
        self.allow_unproved = reader.allow_unproved
        self.read = read
        self.entry = read.endpoint
        self.wire = read.wire()
        self.name = read.name()  # by which its pages are kept
        self.stop = stop
        self.proofs = Proofs(read.endpoint, read.expect, self.wire.get("members"))

    def proved_or_slices(self) -> Outcome:
        """The rows; for a read with too many of them, the slices to read instead."""
        if self._kept:
            return self.proved()
        if _CUT in self._left:  # an interrupted run cut it
            return cut_in_slices(self.read, int(self._left[_CUT][0]))
        first = self._call(1)
        due = slices_due(self.read, len(first.rows), first.total)
        if due > 1 and self._reaches(SLICE_PAGES, len(first.rows)):
            if self.journal is not None:
                self.journal.add(self.name, _CUT, str(due).encode(), first.seen_at)
            return cut_in_slices(self.read, due)
        return self.proved(first)

    def proved(self, first: Page | None = None) -> Drained:
        """All rows, with their proof."""
        if self._kept:
            return self._pass_by_pass(self.proofs.begun(self._kept[1]), self._kept)
        first = first or self._call(1)
        self._keep(first)
        begun = self.proofs.begun(first)
        if self.proofs.single_page(begun):
            return self._drained(begun, SINGLE_PAGE)
        return self._pass_by_pass(begun, {})

    def _pass_by_pass(self, begun: Pass, kept: Mapping[int, Page]) -> Drained:
        before: Pass | None = None
        together = Pass()
        for attempt in range(2 * PASSES):
            if attempt:
                begun = self.proofs.begun(self._call(1))
            current = self._over_pages(begun, kept, at_once=attempt == 0)
            proof, reached = self._proof(current, before), together.distinct
            if not proof:
                together = self.proofs.joined(together, current)
                if self.proofs.complete_together(together):
                    proof, current = BRACKETED, together
            if proof:
                return self._drained(current, proof, resumed=bool(kept))
            current.follow(before)
            helps = attempt < PASSES - 1 or together.distinct > reached
            if current.alike == _ALIKE or not helps or (before and self.proofs.keeps_changing(current)):
                break  # it gives what it gives, whatever it counts; or it never stands still
            before, kept = current, {}
        return self._as_seen(before or current, current)

    def _proof(self, current: Pass, before: Pass | None) -> str:
        """Which proof the pass allows, or an empty text."""
        if self.proofs.counters(current):
            return COUNTERS
        if self._bracketed(current):
            return BRACKETED
        if before is not None and self.proofs.two_passes(before, current):
            return TWO_PASSES
        return ""

    def _bracketed(self, current: Pass) -> bool:
        verdict = self.proofs.before_bracket(current)
        if verdict is not None:
            return verdict
        total = current.pages[-1].total or 0
        for _ in range(_BRACKETS):
            again = self._call(1)
            if not current.only_gained(self.proofs.keys(again)):
                return False
            gained = self._take_new(current, again)
            if self.proofs.bracketed(current, again, total):
                return True
            if not gained:
                return False
        return False

    def _take_new(self, current: Pass, page: Page) -> bool:
        """Take the new rows on top, page after page until one brings something known."""
        gained = False
        size = len(page.rows)
        for number in range(2, SLICE_PAGES):
            fresh = current.add_new(page, self.proofs.keys(page))
            gained = gained or fresh > 0
            if fresh < len(page.rows) or not page.rows:
                break
            page = self._page(number, size)
        return gained

    # ---- pages -------------------------------------------------------------------------------------

    def _call(self, number: int, size: int = 0) -> Page:
        if self.stop.is_set():
            raise DrainError(f"{self.entry.name}: stopped before it was read.")
        page = self.door(self.client.page(self.entry, self.wire, number, before=(number - 1) * size))
        self.on_page(page)
        return page

    def _page(self, number: int, size: int) -> Page:
        page = self._call(number, size)
        self._keep(page)
        return replace(page, body=b"")

    def _keep(self, page: Page) -> None:
        if self.journal is not None and page.body:
            self.journal.add(self.name, page.number, page.body, page.seen_at)

    def _reaches(self, number: int, size: int) -> bool:
        """Whether there is such a page: a total that lies would have a read cut for ever."""
        try:
            return bool(self._call(number, size).rows)
        except ApiError as error:
            if error.code in _BEYOND:
                return False
            raise

    @cached_property
    def _left(self) -> Mapping[int, tuple[bytes, datetime]]:
        return self.journal.pages(self.name) if self.journal is not None else {}

    @cached_property
    def _kept(self) -> dict[int, Page]:
        """The pages an interrupted run left: page 1 and others. Whether they still hold, the proof shows."""
        kept: dict[int, Page] = {}
        for number in sorted(self._left.keys() - {_CUT}):
            body, seen_at = self._left[number]
            before = (number - 1) * len(kept[1].rows) if 1 in kept else 0
            with suppress(ApiError):
                answer = checked(200, {}, body, self.entry.error_block)
                kept[number] = read_page(self.entry, number, answer, body, seen_at, before, self.wire)
        if 1 not in kept or len(kept) == 1:
            return {}
        # where nothing bounds it in time the rows themselves may be old, not only their order
        old = not self.read.start and self.client.now() - kept[1].seen_at >= _KEPT_FOR
        return {} if old else kept

    def _over_pages(self, current: Pass, kept: Mapping[int, Page], *, at_once: bool) -> Pass:
        """Read page after page while rows keep coming, whatever the page count says.

        The first pass keeps several pages in flight; later ones go page by page, so that rows that
        arrive on top push others onto pages not yet read, never past them.
        """
        flying: deque[Future[Page] | Page] = deque()
        number = 1
        width = self.client.threads if at_once else 1
        current.at_once = width > 1
        try:
            while not self.proofs.ended(current):
                claimed, got = self.proofs.pages_claimed(current), len(current.pages)
                while len(flying) < width and number < max(claimed, got + 1):
                    number += 1
                    flying.append(
                        kept[number]
                        if number in kept
                        else self.client.pool.submit(self._page, number, current.size)
                    )
                page = _landed(flying.popleft(), got >= claimed)
                if page is None:
                    break
                current.add(page, self.proofs.keys(page))
        finally:
            _let_go(flying)
        return current

    # ---- rows --------------------------------------------------------------------------------------

    def _as_seen(self, before: Pass, current: Pass) -> Drained:
        """What two passes saw of what nothing vouches for: a slice of time, or a list that keeps changing."""
        if not self.allow_unproved or not (self.read.start or self.entry.table.doubts):
            if self.proofs.keeps_changing(current) and not current.alike:
                raise _keeps_changing(self.read, before, current)
            raise _unproved(self.read, current)
        together = self.proofs.begun(before.pages[0])
        for page in [*before.pages[1:], *current.pages]:
            together.add(page, self.proofs.keys(page))
        twice = before.keys.keys() & current.keys.keys()
        return replace(self._drained(together, UNPROVED, twice=twice), beside=current.pages[0].beside)

    def _drained(
        self, current: Pass, proof: str, *, resumed: bool = False, twice: Set[Any] | None = None
    ) -> Drained:
        rows, where, copies = rows_once(self.entry, current, proof)
        first = current.pages[0]
        batch = typed_rows(
            self.entry,
            rows,
            synced_at=max(page.seen_at for page in current.pages),
            context=self._context(first),
            where=where,
            copies=copies if proof == TWO_PASSES else None,
            proved=None if twice is None else [key in twice for key in row_keys(self.entry, rows)],
        )
        inside, outside = rows_inside(batch.rows, self.read)
        return Drained(
            self.read,
            replace(batch, rows=inside),
            proof,
            current.served,
            first.total,
            first.seen_at,
            resumed,
            witness=self.proofs.witness(current),
            outside=outside,
            beside=_on_every_page(current),
        )

    def _context(self, first: Page) -> dict[str, Any]:
        """The columns that are the same for all rows: from the parameters, and from beside the rows."""
        names = self.entry.context
        context = {name: self.read.parameters[name] for name in names if name in self.read.parameters}
        if "mobile" in self.read.parameters:
            context["msisdn"] = self.read.parameters["mobile"]
        if "sent_at" in names:
            context |= _of_send(first.beside.get("message"))
        context = dict(self.read.context) | context
        if "sent_at" in names and first.rows and "sent_at" not in context:
            context |= _of_send(self.client.call("get-sms", message_id=self.read.parameters["message_id"]))
        return context


def _on_every_page(current: Pass) -> dict[str, Any]:
    """What stood beside the rows of the first page, and under the same keys on every other one."""
    first, *others = (page.beside for page in current.pages)
    return {key: value for key, value in first.items() if all(key in beside for beside in others)}


def _of_send(send: Any) -> dict[str, Any]:
    """When a send went out and to which list, as far as it says so."""
    if not isinstance(send, dict):
        return {}
    to_list = send.get("list")
    context = {
        "sent_at": send.get("send_at"),
        "list_id": to_list.get("id") if isinstance(to_list, dict) else None,
    }
    return {name: value for name, value in context.items() if value is not None}


def _landed(coming: Future[Page] | Page, beyond: bool) -> Page | None:
    """The page asked for; None where the gateway says that it lies beyond the end."""
    if isinstance(coming, Page):
        return coming
    try:
        return coming.result()
    except ApiError as error:
        if beyond and error.code in _BEYOND:
            return None
        raise


def _let_go(flying: Iterable[Future[Page] | Page]) -> None:
    """Wait for the pages that are under way and not wanted: none may reach the page journal later."""
    futures = [future for future in flying if isinstance(future, Future)]
    for future in futures:
        future.cancel()
    wait(future for future in futures if not future.cancelled())


def _keeps_changing(read: Read, before: Pass, current: Pass) -> DrainError:
    once = len(before.keys.keys() ^ current.keys.keys())
    return DrainError(
        f"{read.title()}: two passes over {len(current.pages)} pages differ in {once:,} of "
        f"{current.distinct:,} rows: people join or leave while it is read. Read it again when it is quiet; "
        "Client.list_members(..., allow_unproved=True) gives what was seen, with a column `proved`."
    )


def _unproved(read: Read, current: Pass) -> DrainError:
    claimed = current.pages[-1].total
    says = "no total" if claimed is None else f"{claimed:,}"
    passes = f"in {current.alike + 1} passes alike" if current.alike else "and no two passes agree"
    return DrainError(
        f"{read.title()}: {current.distinct:,} distinct rows in {len(current.pages)} pages, "
        f"the gateway says {says}, {passes}. Nothing of it stored as complete; read it again later."
    )
