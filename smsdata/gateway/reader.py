"""One read -> all its rows, proved complete, or an error.

Pages of a moving list shift while they are read, totals lie, pages come twice: so a read counts only
when something vouches for it. The proofs, first match wins:

a. one answer with fewer rows than its page size, no second page, total agreeing;
b. distinct rows equal a total from another call (campaign counters, active members);
c. a bracketed pass: distinct rows equal the total, and page 1, read again at the end, is unchanged or
   only gained new rows (which are taken); where rows can only come, several passes together count as one;
d. two passes with the same keys, unless the gateway keeps claiming more rows than it gives.

Imports `client` and `frames`; knows no files: a journal that keeps pages for a later run is handed in.
"""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from smsdata.errors import ApiError, DrainError
from smsdata.gateway.caller import PAGE_SIZE, Caller, Page, checked, read_page, whole
from smsdata.gateway.endpoints import Endpoint
from smsdata.schema.frames import Batch, Row, key_hash
from smsdata.schema.tables import TABLES

Unread = DrainError | ApiError
"""Why one thing could not be read while others can."""

ABOUT_ONE_THING = frozenset({"NOT_FOUND", "NO_ACCESS", "FIELD_INVALID", "FIELD_EMPTY"})
"""Refusals that concern the thing asked for; any other refusal concerns every call."""

PASSES = 6
WINDOW_PAGES = 100
_READS_AT_ONCE = 4
_CUT = 0  # where the journal keeps, beside the pages, into how many parts a window was cut
_TRIES = 3
_KEPT_FOR = timedelta(hours=1)
_BEYOND = frozenset({"WRONG_PAGE", "FIELD_INVALID", "NOT_FOUND"})  # how a page behind the last is refused
_WITH_ACTIVE = frozenset({"all", "active"})
_EDGE = timedelta(seconds=1)  # nobody says whether start and end are inclusive: ask for a second more


@dataclass(frozen=True, slots=True)
class Read:
    """One thing to read: an endpoint with its parameters, and what may vouch for it.

    `start` and `end` bound a window; `expect` is a total from another call; `context` fills columns
    that the rows do not carry.
    """

    endpoint: Endpoint
    parameters: Mapping[str, Any] = field(default_factory=dict)
    start: datetime | None = None
    end: datetime | None = None
    expect: int | None = None
    context: Mapping[str, Any] = field(default_factory=dict)

    def wire(self) -> dict[str, Any]:
        """The parameters as they are sent."""
        sent = dict(self.endpoint.fixed) | dict(self.parameters)
        if self.start and self.end:
            sent |= {"start": _wire_time(self.start - _EDGE), "end": _wire_time(self.end + _EDGE)}
        return sent

    def name(self) -> str:
        """A name that is the same whenever the same thing is read."""
        return f"{self.endpoint.call}?{urlencode(sorted(self.wire().items()))}"


@dataclass(frozen=True, slots=True)
class Drained:
    """The rows of one read with what proves them complete.

    `resumed` tells that some pages come from an earlier run's journal.
    """

    read: Read
    batch: Batch
    proof: str
    served: int
    total: int | None
    seen_at: datetime
    resumed: bool = False

    @property
    def rows(self) -> pa.Table:
        """The typed rows."""
        return self.batch.rows


class Journal(Protocol):
    """Where pages are kept until their rows are stored, so that an interrupted run goes on from them."""

    def pages(self, read: str) -> Mapping[int, tuple[bytes, datetime]]:
        """The pages kept of a read: page number -> (body, when it was seen)."""

    def add(self, read: str, number: int, body: bytes, seen_at: datetime) -> None:
        """Keep a page."""


@dataclass
class _Walk:
    """One pass over all pages of a read."""

    pages: list[Page] = field(default_factory=list)
    keys: Counter[Any] = field(default_factory=Counter)
    top: list[Any] = field(default_factory=list)  # the keys of page 1 as last read
    idle: int = 0  # pages in a row that brought nothing new
    repeated: bool = False  # a full page came twice: the gateway goes round in circles
    full_pages: set[int] = field(default_factory=set)
    at_once: bool = False  # several pages were in flight, in no certain order

    def add(self, page: Page, keys: Sequence[Any]) -> None:
        known = len(self.keys)
        self.keys.update(keys)
        self.top = self.top or list(keys)
        self.pages.append(page)
        self.idle = 0 if len(self.keys) > known else self.idle + 1
        if keys and len(keys) >= self.size:
            self.repeated = self.repeated or hash(tuple(keys)) in self.full_pages
            self.full_pages.add(hash(tuple(keys)))

    def only_gained(self, top: list[Any]) -> bool:
        """Whether page 1, read again, is as it was but for new rows."""
        old = {key for key in top if key in self.keys}
        before, self.top = self.top, top
        return old <= set(before) and len(top) >= len(before)

    @property
    def size(self) -> int:
        """How many rows a page holds."""
        return len(self.pages[0].rows)

    @property
    def distinct(self) -> int:
        return len(self.keys)

    @property
    def served(self) -> int:
        return sum(len(page.rows) for page in self.pages)

    def totals(self) -> list[int | None]:
        return [page.total for page in self.pages]


class Reader:
    """Reads completely, several reads and several pages of each at once.

    Parameters
    ----------
    client
        Makes the calls.
    journal
        Keeps pages between runs; None keeps none.
    on_page
        Called with every page that arrives, for a progress bar.
    """

    def __init__(
        self, client: Caller, *, journal: Journal | None = None, on_page: Callable[[Page], None] | None = None
    ) -> None:
        self.client = client
        self.journal = journal
        self.on_page = on_page or (lambda _page: None)

    def each(self, reads: Iterable[Read], *, after: datetime | None = None) -> Iterator[Drained | Unread]:
        """Read many things in their order; what cannot be read or proved comes back as its error.

        A window too wide to be read in one pass is split in time; its parts come in order, without those
        that end before `after`, up to where an interrupted run had stored them.
        """
        waiting = iter(reads)
        line: deque[tuple[Read, Future[Drained | list[Read]] | None]] = deque()
        at_once = min(_READS_AT_ONCE, max(1, self.client.threads // 2))
        stop = threading.Event()
        with ThreadPoolExecutor(at_once, thread_name_prefix="smsdata-read") as pool:

            def start(read: Read) -> Future[Drained | list[Read]]:
                return pool.submit(lambda: _Reading(self, read, stop).proved_or_parts())

            try:
                while _fill(line, waiting, at_once, start):
                    _, future = line.popleft()
                    assert future is not None  # noqa: S101 - _fill starts the head of the line
                    outcome = _outcome(future)
                    if isinstance(outcome, list):
                        due = [part for part in outcome if not (after and part.end and part.end <= after)]
                        line.extendleft((part, None) for part in reversed(due))
                    else:
                        yield outcome
            finally:
                stop.set()  # who leaves early does not wait for what nobody takes any more

    def read(self, read: Read) -> Drained:
        """Read one thing completely.

        Raises
        ------
        DrainError
            When it could not be proved complete in a few passes.
        """
        return _Reading(self, read, threading.Event()).proved()


def _fill(
    line: deque[tuple[Read, Future[Drained | list[Read]] | None]],
    waiting: Iterator[Read],
    at_once: int,
    start: Callable[[Read], Future[Drained | list[Read]]],
) -> bool:
    """Keep the first few reads of the line under way."""
    while len(line) < at_once and (read := next(waiting, None)) is not None:
        line.append((read, None))
    for place in range(min(at_once, len(line))):
        read, future = line[place]
        if future is None:
            line[place] = (read, start(read))
    return bool(line)


def _outcome(future: Future[Drained | list[Read]]) -> Drained | Unread | list[Read]:
    try:
        return future.result()
    except (DrainError, ApiError) as error:
        if isinstance(error, ApiError) and error.code not in ABOUT_ONE_THING:
            raise
        return error


class _Reading:
    """One thing being read, pass by pass, until something vouches for its rows."""

    def __init__(self, reader: Reader, read: Read, stop: threading.Event) -> None:
        self.client = reader.client
        self.journal = reader.journal
        self.on_page = reader.on_page
        self.read = read
        self.entry = read.endpoint
        self.wire = read.wire()
        self.stop = stop

    def proved_or_parts(self) -> Drained | list[Read]:
        """The rows; for a window with too many of them, the windows to read instead."""
        if self._kept:
            return self.proved()
        if _CUT in self._left:  # an interrupted run cut it
            return _cut(self.read, int(self._left[_CUT][0]))
        first = self._call(1)
        parts = _parts(self.read, first)
        if parts > 1 and self._reaches(WINDOW_PAGES, len(first.rows)):
            if self.journal is not None:
                self.journal.add(self.read.name(), _CUT, str(parts).encode(), first.seen_at)
            return _cut(self.read, parts)
        return self.proved(first)

    def proved(self, first: Page | None = None) -> Drained:
        """All rows, with their proof."""
        if self._kept:
            return self._pass_by_pass(self._kept[1], self._kept)
        first = first or self._call(1)
        self._keep(first)
        if _alone(first):
            walk = self._begun(first)
            if walk.distinct == walk.served and self._claim(walk) in (None, walk.served):
                return self._drained(walk, "a")
        return self._pass_by_pass(first, {})

    def _pass_by_pass(self, first: Page, kept: Mapping[int, Page]) -> Drained:
        before: _Walk | None = None
        union = _Walk()
        for attempt in range(2 * PASSES):
            walk = self._walk(first if attempt == 0 else self._call(1), kept, attempt)
            proof = self._proof(walk, before)
            if not proof:
                reached, union = union.distinct, self._joined(union, walk)
                if self._whole(union):
                    proof, walk = "c", union
                elif attempt >= PASSES - 1 and union.distinct <= reached:  # nor do more passes bring more
                    raise _unproved(self.read, walk, attempt + 1)
            if proof:
                return self._drained(walk, proof, resumed=bool(kept))
            before, kept = walk, {}
        assert before is not None  # noqa: S101 - there is at least one pass
        raise _unproved(self.read, before, 2 * PASSES)

    # ---- pages -------------------------------------------------------------------------------------

    def _call(self, number: int, size: int = 0) -> Page:
        if self.stop.is_set():
            raise DrainError(f"{self.entry.name}: stopped before it was read.")
        page = self.client.page(self.entry, self.wire, number, before=(number - 1) * size)
        self.on_page(page)
        return page

    def _page(self, number: int, size: int) -> Page:
        page = self._call(number, size)
        self._keep(page)
        return replace(page, body=b"")

    def _keep(self, page: Page) -> None:
        if self.journal is not None and page.body:
            self.journal.add(self.read.name(), page.number, page.body, page.seen_at)

    def _reaches(self, number: int, size: int) -> bool:
        """Whether there is such a page: a total that lies would have a window cut for ever."""
        try:
            return bool(self._call(number, size).rows)
        except ApiError as error:
            if error.code in _BEYOND:
                return False
            raise

    def _keys(self, page: Page) -> list[Any]:
        return row_keys(self.entry, page.rows)

    def _begun(self, first: Page) -> _Walk:
        walk = _Walk()
        walk.add(first, self._keys(first))
        return walk

    @cached_property
    def _left(self) -> Mapping[int, tuple[bytes, datetime]]:
        return self.journal.pages(self.read.name()) if self.journal is not None else {}

    @cached_property
    def _kept(self) -> dict[int, Page]:
        """The pages an interrupted run left: page 1 and others. Whether they still hold, the proof shows."""
        kept: dict[int, Page] = {}
        for number in sorted(self._left.keys() - {_CUT}):
            body, seen_at = self._left[number]
            before = (number - 1) * len(kept[1].rows) if 1 in kept else 0
            with suppress(ApiError):
                answer = checked(200, {}, body, self.entry.error_block)
                kept[number] = read_page(self.entry, number, answer, body, seen_at, before)
        if 1 not in kept or len(kept) == 1:
            return {}
        # without a window the rows themselves may be old, not only their order
        old = not self.read.start and self.client.now() - kept[1].seen_at >= _KEPT_FOR
        return {} if old else kept

    def _walk(self, first: Page, kept: Mapping[int, Page], attempt: int) -> _Walk:
        """Read page after page while rows keep coming, whatever the page count says.

        The first pass keeps several pages in flight; later ones go page by page, so that rows that
        arrive on top push others onto pages not yet read, never past them.
        """
        walk = self._begun(first)
        flying: deque[Future[Page] | Page] = deque()
        number = 1
        width = self.client.threads if attempt == 0 else 1
        walk.at_once = width > 1
        try:
            while not self._ended(walk):
                last = max(_expected_pages(self.entry, walk), len(walk.pages) + 1)
                while len(flying) < width and number < last:
                    number += 1
                    flying.append(
                        kept[number]
                        if number in kept
                        else self.client.pool.submit(self._page, number, walk.size)
                    )
                page = _landed(flying.popleft(), len(walk.pages) >= _expected_pages(self.entry, walk))
                if page is None:
                    break
                walk.add(page, self._keys(page))
        finally:
            _let_go(flying)
        return walk

    def _ended(self, walk: _Walk) -> bool:
        """Whether the pass is over: an empty page, a circle, or the last page by all that is said."""
        last = walk.pages[-1]
        if not last.rows or walk.idle >= 3:
            return True
        claim = self._claim(walk)
        if self.read.expect == walk.distinct and (claim or 0) <= walk.served:
            return True
        first_only = len(walk.pages) == 1
        full = len(last.rows) >= (PAGE_SIZE if first_only else walk.size)
        if full or len(walk.pages) < (last.count or 1):
            return False
        if claim is None:  # nothing tells whether 25 rows are all, or all that the gateway gives at once
            return not first_only
        return claim in (walk.distinct, walk.served)

    def _claim(self, walk: _Walk) -> int | None:
        """How many rows the gateway says there are, by its last page."""
        if self.entry.total_counts_rows:
            return walk.pages[-1].total
        active = _active_claimed(walk) if self.wire.get("members") in _WITH_ACTIVE else None
        return None if active is None else active + walk.served - _active(walk)

    # ---- proofs ------------------------------------------------------------------------------------

    def _proof(self, walk: _Walk, before: _Walk | None) -> str:
        """Which proof the pass allows, or an empty text."""
        once = walk.distinct == walk.served or not self.entry.table.copies
        if self.read.expect is not None and once and walk.distinct == self.read.expect:
            return "b"
        if self._all_active(walk):
            return "b"
        if self._bracketed(walk):
            return "c"
        if before is not None and self._agree(before, walk):
            return "d"
        return ""

    def _all_active(self, walk: _Walk) -> bool:
        """Whether as many active members were read as the list counts, before and after.

        They vouch for the rest of the members only when nothing else speaks against it: not where there
        are none of them, and not where an empty page came before the last one claimed.
        """
        if self.entry.total_counts_rows or self.wire.get("members") not in _WITH_ACTIVE:
            return False
        last = walk.pages[-1]
        cut = not last.rows and last.number <= (last.count or 0)
        if cut or walk.distinct != walk.served:
            return False
        active = _active(walk)
        inactive = walk.distinct - active  # one of those lost at a page's edge would not show
        return active == _active_claimed(walk) and (len(walk.pages) == 1 or (active > 0 and not inactive))

    def _bracketed(self, walk: _Walk) -> bool:
        known = [total for total in walk.totals() if total is not None]
        if len(known) < len(walk.pages) or not self.entry.total_counts_rows:
            return False
        if known != sorted(known) or (walk.at_once and len(set(known)) > 1):  # rows vanished, or may have
            return False
        if len([page for page in walk.pages if page.rows]) <= 1:
            return walk.distinct == known[-1]  # one page cannot shift against itself
        for _ in range(3):
            again = self._call(1)
            if not walk.only_gained(self._keys(again)):
                return False
            gained = self._take_new(walk, again)
            if again.total == walk.distinct and again.total >= known[-1]:
                return True
            if not gained:
                return False
        return False

    def _take_new(self, walk: _Walk, page: Page) -> bool:
        """Take the new rows on top, page after page until one brings something known."""
        gained = False
        size = len(page.rows)
        for number in range(2, WINDOW_PAGES):
            keys = self._keys(page)
            fresh = [(row, key) for row, key in zip(page.rows, keys, strict=True) if key not in walk.keys]
            if fresh:
                gained = True
                walk.add(replace(page, rows=tuple(row for row, _ in fresh)), [key for _, key in fresh])
            if len(fresh) < len(keys) or not keys:
                break
            page = self._page(number, size)
        return gained

    def _agree(self, before: _Walk, walk: _Walk) -> bool:
        """Proof d. Whoever claims more rows on every page, in both passes, is keeping some back."""
        same = before.keys == walk.keys if self.entry.table.copies else before.keys.keys() == walk.keys.keys()
        if not same or walk.repeated:
            return False
        read = walk.served if self.entry.table.copies or self.entry.repeats else walk.distinct
        if self.entry.total_counts_rows:
            claims = [total for total in before.totals() + walk.totals() if total is not None]
            return not claims or min(claims) <= read
        return (self._claim(walk) or 0) <= read

    def _joined(self, union: _Walk, walk: _Walk) -> _Walk:
        """The passes since the total last moved, as one."""
        totals = set(walk.totals())
        if len(totals) > 1:
            return _Walk()
        if not totals >= set(union.totals()):
            union = _Walk()
        for page in walk.pages:
            union.add(page, self._keys(page))
        return union

    def _whole(self, union: _Walk) -> bool:
        """Whether several passes together are complete: where rows only come, as many as the total says."""
        totals = set(union.totals())
        return not self.entry.table.snapshot and self.entry.total_counts_rows and totals == {union.distinct}

    # ---- rows --------------------------------------------------------------------------------------

    def _drained(self, walk: _Walk, proof: str, *, resumed: bool = False) -> Drained:
        rows, where, copies = _unique(self.entry, walk)
        first = walk.pages[0]
        batch = self.entry.batch(
            rows,
            synced_at=max(page.seen_at for page in walk.pages),
            context=self._context(first),
            where=where,
            copies=copies if proof == "d" else None,
        )
        if self.read.start and self.read.end:
            batch = replace(batch, rows=_within(batch.rows, self.read))
        return Drained(self.read, batch, proof, walk.served, first.total, first.seen_at, resumed)

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


def _of_send(send: Any) -> dict[str, Any]:
    """When a send went out and to which list, as far as it says so."""
    if not isinstance(send, dict):
        return {}
    to_list = send.get("list")
    told = {
        "sent_at": send.get("send_at"),
        "list_id": to_list.get("id") if isinstance(to_list, dict) else None,
    }
    return {name: value for name, value in told.items() if value is not None}


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
    """Wait for the pages that are under way and not wanted: none may reach the journal later."""
    futures = [future for future in flying if isinstance(future, Future)]
    for future in futures:
        future.cancel()
    wait(future for future in futures if not future.cancelled())


def _alone(first: Page) -> bool:
    """Proof a: fewer rows than a page holds, no second page, and the total agrees."""
    return len(first.rows) < PAGE_SIZE and (first.count or 0) <= 1 and first.total == len(first.rows)


def _expected_pages(entry: Endpoint, walk: _Walk) -> int:
    last = walk.pages[-1]
    counted = last.total if entry.total_counts_rows else 0
    by_total = math.ceil((counted or 0) / walk.size) if walk.size else 1
    return max(last.count or 1, by_total, 1)


def row_keys(entry: Endpoint, rows: Sequence[Row]) -> list[Any]:
    """What tells the rows of one read apart: the key columns that the rows carry themselves.

    A row without its key stands for itself, so that no two of them pass for one.
    """
    made = {*entry.context, "hit"}  # a running number that we give ourselves
    own = [c for c in entry.table.columns if c.name in entry.table.key and c.name not in made]
    wires = [c.wire for c in own]
    if not wires:
        return [repr(row) for row in rows]
    if len(wires) == 1 and own[0].kind != "phone":
        wire = wires[0]
        return [
            str(row[wire]) if isinstance(row, dict) and row.get(wire) is not None else repr(row)
            for row in rows
        ]
    return [
        tuple(str(row.get(wire)).removeprefix("+") for wire in wires)
        if isinstance(row, dict) and all(row.get(wire) is not None for wire in wires)
        else repr(row)
        for row in rows
    ]


def _active(walk: _Walk) -> int:
    return sum(
        row.get("status") == "active" for page in walk.pages for row in page.rows if isinstance(row, dict)
    )


def _active_claimed(walk: _Walk) -> int | None:
    """How many active members the list counts, where all its pages say the same."""
    told = {whole(page.beside.get("members_active")) for page in walk.pages if page.rows or page.number == 1}
    return told.pop() if len(told) == 1 else None


def _unproved(read: Read, walk: _Walk, passes: int) -> DrainError:
    where = ", ".join(f"{k}={v}" for k, v in read.parameters.items() if k.endswith("_id"))
    if read.start and read.end:
        where = f"{read.start:%Y-%m-%d %H:%M:%S} to {read.end:%Y-%m-%d %H:%M:%S}"
    claimed = walk.pages[-1].total
    says = "no total" if claimed is None else f"{claimed:,}"
    return DrainError(
        f"{read.endpoint.name}({where}): {walk.distinct:,} distinct rows in {len(walk.pages)} pages, the "
        f"gateway says {says}, in {passes} passes. Nothing of it stored as complete; read it again later."
    )


def _unique(
    entry: Endpoint, walk: _Walk
) -> tuple[list[Row], Callable[[int], tuple[int, int]], list[int] | None]:
    """Each row once, as it was seen last, with where it stood."""
    places = [(page.number, place) for page in walk.pages for place in range(1, len(page.rows) + 1)]
    rows = [row for page in walk.pages for row in page.rows]
    if walk.distinct == len(rows):
        return rows, places.__getitem__, None
    keys = [key for page in walk.pages for key in row_keys(entry, page.rows)]
    last = {key: index for index, key in enumerate(keys)}
    chosen = list(last.values())
    copies = [walk.keys[keys[index]] for index in chosen] if entry.table.copies else None
    return [rows[i] for i in chosen], lambda n: places[chosen[n]], copies


def _within(rows: pa.Table, read: Read) -> pa.Table:
    time = rows.column(read.endpoint.table.time)
    low, high = pa.scalar(read.start, time.type), pa.scalar(read.end, time.type)
    return rows.filter(pc.and_(pc.greater_equal(time, low), pc.less_equal(time, high)))


def _wire_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _parts(read: Read, first: Page) -> int:
    """How many parts of about two thirds of what a window should hold it is cut into; 1 when it fits."""
    if not (read.start and read.end and first.total and first.rows):
        return 1
    most = WINDOW_PAGES * len(first.rows)
    seconds = int((read.end - read.start).total_seconds())
    if first.total <= most or seconds < 4:  # a burst cannot be cut any further
        return 1
    return min(math.ceil(first.total / (most * 2 / 3)), seconds)


def _cut(read: Read, parts: int) -> list[Read]:
    assert read.start is not None  # noqa: S101 - only windows are cut
    assert read.end is not None  # noqa: S101
    seconds = int((read.end - read.start).total_seconds())
    edges = [read.start + timedelta(seconds=seconds * n // parts) for n in range(parts)] + [read.end]
    return [replace(read, start=a, end=b) for a, b in pairwise(edges)]


def windows(read: Read, start: datetime, end: datetime) -> list[Read]:
    """Cut [start, end] into the windows that the gateway allows, oldest first."""
    allowed = read.endpoint.limit
    days = allowed.days if allowed and allowed.days else 10_000
    step = timedelta(days=days) - 2 * _EDGE
    edges = [start]
    while end - edges[-1] > step:
        edges.append(edges[-1] + step)
    edges.append(end)
    return [replace(read, start=a, end=b) for a, b in pairwise(edges)]


def members(reader: Reader, read: Read) -> Drained:
    """Read the members of a list; active and inactive separately where the gateway refuses both at once.

    Raises
    ------
    DrainError
        When the list could not be proved complete, or kept changing between the parts.
    """
    try:
        return reader.read(read)
    except ApiError as error:
        if error.code not in {"FIELD_INVALID", "FIELD_EMPTY"}:
            raise
    active = _members(reader, read, "active")
    for _ in range(_TRIES):
        inactive, again = _members(reader, read, "inactive"), _members(reader, read, "active")
        if key_hash("list_members", active.rows) == key_hash("list_members", again.rows):
            return _together(active, inactive, again)
        active = again
    raise DrainError(f"list_members(list_id={read.parameters['list_id']}): it changes while it is read.")


def _members(reader: Reader, read: Read, which: str) -> Drained:
    return reader.read(replace(read, parameters=dict(read.parameters) | {"members": which}))


def _together(active: Drained, inactive: Drained, again: Drained) -> Drained:
    """Active and inactive members as one; whoever is in both was active last."""
    rows = unique("list_members", pa.concat_tables([inactive.rows, again.rows]))
    rejects = again.batch.rejects + inactive.batch.rejects
    return replace(
        again,
        batch=Batch(rows, rejects, again.batch.unknown | inactive.batch.unknown),
        proof="d",
        served=again.served + inactive.served,
        seen_at=active.seen_at,
    )


def unique(table: str, rows: pa.Table) -> pa.Table:
    """Each key once, as it stands last: windows overlap by a second."""
    key = list(TABLES[table].key)
    if rows.num_rows < 2:
        return rows
    numbered = rows.select(key).append_column("_n", pa.array(np.arange(rows.num_rows)))
    last = numbered.group_by(key).aggregate([("_n", "max")]).column("_n_max").to_numpy()
    return rows if len(last) == rows.num_rows else rows.take(pa.array(np.sort(last)))
