"""What makes a read complete: pure decisions over pages and keys; no calls, no threads, no files.

Pages of a moving list shift while they are read, totals lie, pages come twice: so the rows of a read count
only when something vouches for them. The four proofs, first match wins:

``single-page``
    One answer with fewer rows than a page may hold, no second page, and a total that agrees.
``counters``
    As many distinct rows as a count from elsewhere says: a campaign's counters, a list's active members.
``bracketed``
    As many distinct rows as the total says, and page 1, read again at the end, is as it was or only gained
    rows, which are taken. Where rows can only come, several passes together count as one.
``two-passes``
    Two passes with the same keys, unless the gateway keeps claiming more rows than it gives.

A list of contacts on which people join and leave all the time is never the same in two passes. After two it
is ``unproved``: what both saw is there, what one saw may be; that something is gone cannot be said.

A proof says too whose count bore it out, its witness:

``independent``
    Another call counts as many: a campaign's counters.
``consistent``
    The same call agrees with itself, in its own totals or in two passes. What nothing else counts is never
    called complete.

`reader` makes the passes and asks here after each. Imports `answers`, `endpoints` and `schema`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from smsdata.gateway.answers import Page, whole
from smsdata.gateway.endpoints import PAGE_SIZE, Endpoint
from smsdata.schema.frames import Row
from smsdata.schema.status import fold_status
from smsdata.schema.tables import Column

SINGLE_PAGE = "single-page"
COUNTERS = "counters"
BRACKETED = "bracketed"
TWO_PASSES = "two-passes"
UNPROVED = "unproved"

INDEPENDENT = "independent"
CONSISTENT = "consistent"

_NUMERIC = frozenset({"id", "int", "phone"})  # kinds of which a value without a digit is none
_FEW_PAGES = 5  # so many are soon read a few times more
_IDLE_PAGES = 3  # so many pages in a row without a new key, and the gateway has no more


@dataclass
class Pass:
    """One pass over the pages of a read, or several passes as one."""

    pages: list[Page] = field(default_factory=list)
    keys: Counter[Any] = field(default_factory=Counter)
    top: list[Any] = field(default_factory=list)  # the keys of page 1 as last read
    idle: int = 0  # pages in a row that brought nothing new
    repeated: bool = False  # a full page came twice: the gateway goes round in circles
    full_pages: set[int] = field(default_factory=set)
    at_once: bool = False  # several pages were in flight, in no certain order
    alike: int = 0  # how many passes in a row before it brought the same keys

    def add(self, page: Page, keys: Sequence[Any]) -> None:
        """Take a page with the keys of its rows."""
        before = len(self.keys)
        self.keys.update(keys)
        self.top = self.top or list(keys)
        self.pages.append(page)
        self.idle = 0 if len(self.keys) > before else self.idle + 1
        if keys and len(keys) >= self.size:
            self.repeated = self.repeated or hash(tuple(keys)) in self.full_pages
            self.full_pages.add(hash(tuple(keys)))

    def follow(self, before: Pass | None) -> None:
        """Compare it with the pass before."""
        self.alike = before.alike + 1 if before is not None and before.keys == self.keys else 0

    def add_new(self, page: Page, keys: Sequence[Any]) -> int:
        """Take the rows of a page whose keys were not seen yet; say how many they are."""
        fresh = [(row, key) for row, key in zip(page.rows, keys, strict=True) if key not in self.keys]
        if fresh:
            self.add(replace(page, rows=tuple(row for row, _ in fresh)), [key for _, key in fresh])
        return len(fresh)

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
        """How many keys were seen."""
        return len(self.keys)

    @property
    def served(self) -> int:
        """How many rows came, those that came twice included."""
        return sum(len(page.rows) for page in self.pages)

    @property
    def totals(self) -> list[int | None]:
        """What each page claims as the total."""
        return [page.total for page in self.pages]


@dataclass(frozen=True, slots=True)
class Proofs:
    """Which proof the passes of one read allow.

    Parameters
    ----------
    endpoint
        What is read.
    expect
        How many rows another call counts, where one does.
    members
        Which members of a list were asked for; None for anything else.
    """

    endpoint: Endpoint
    expect: int | None = None
    members: str | None = None

    def keys(self, page: Page) -> list[Any]:
        """What tells the rows of a page apart."""
        return row_keys(self.endpoint, page.rows)

    def begun(self, first: Page) -> Pass:
        """A pass that has its first page."""
        begun = Pass()
        begun.add(first, self.keys(first))
        return begun

    def pages_claimed(self, current: Pass) -> int:
        """How many pages there should be, by page count and total of the last page read."""
        last = current.pages[-1]
        counted = last.total if self.endpoint.total_counts_rows else 0
        by_total = math.ceil((counted or 0) / current.size) if current.size else 1
        return max(last.count or 1, by_total, 1)

    def ended(self, current: Pass) -> bool:
        """Whether the pass is over: an empty page, a circle, or the last page by all that is said."""
        last = current.pages[-1]
        if not last.rows or current.idle >= _IDLE_PAGES:
            return True
        claim = self._rows_claimed(current)
        if self.expect == current.distinct and (claim or 0) <= current.served:
            return True
        first_only = len(current.pages) == 1
        full = len(last.rows) >= (PAGE_SIZE if first_only else current.size)
        if full or len(current.pages) < (last.count or 1):
            return False
        if claim is None:  # nothing tells whether 25 rows are all, or all that the gateway gives at once
            return not first_only
        return claim in (current.distinct, current.served)

    def single_page(self, begun: Pass) -> bool:
        """``single-page``: fewer distinct rows than a page may hold, no second page, the total agrees."""
        first, rows = begun.pages[0], begun.served
        alone = rows < PAGE_SIZE and (first.count or 0) <= 1 and first.total == rows
        return alone and begun.distinct == rows and self._rows_claimed(begun) in (None, rows)

    def counters(self, current: Pass) -> bool:
        """``counters``: as many rows as another call counts, or as many active members as the list does."""
        once = current.distinct == current.served or not self.endpoint.table.copies
        if self.expect is not None and once and current.distinct == self.expect:
            return True
        return self._all_active(current)

    def witness(self, current: Pass) -> str:
        """Whether another call counts as many rows as the pass brought, or only the same call does."""
        rows = current.served if self.endpoint.table.copies else current.distinct
        return INDEPENDENT if self.expect == rows else CONSISTENT

    def before_bracket(self, current: Pass) -> bool | None:
        """``bracketed``, as far as the pass alone says; None where page 1 has to be read again."""
        totals = [total for total in current.totals if total is not None]
        if len(totals) < len(current.pages) or not self.endpoint.total_counts_rows:
            return False
        if totals != sorted(totals) or (current.at_once and len(set(totals)) > 1):
            return False  # rows vanished, or may have
        if self.endpoint.table.copies and current.distinct != current.served:
            return False  # a number twice is a copy, or stands in for a row that is lost
        if len([page for page in current.pages if page.rows]) <= 1:
            return current.distinct == totals[-1]  # one page cannot shift against itself
        return None

    @staticmethod
    def bracketed(current: Pass, again: Page, total_before: int) -> bool:
        """``bracketed``, after page 1 was read `again` and its new rows were taken."""
        return again.total == current.distinct and again.total >= total_before

    def two_passes(self, before: Pass, current: Pass) -> bool:
        """``two-passes``. Whoever claims more rows, and nowhere as many, is keeping some back.

        More rows than both this call and another one count are another thing's.
        """
        copies = self.endpoint.table.copies or self.endpoint.repeats
        same = before.keys == current.keys if copies else before.keys.keys() == current.keys.keys()
        if not same or current.repeated:
            return False
        rows = current.served if copies else current.distinct
        if self.endpoint.total_counts_rows:
            claims = {total for total in before.totals + current.totals if total is not None}
            if self.expect is not None and rows > self.expect and claims == {self.expect}:
                return False
            return not claims or rows in claims or max(claims) < rows
        return (self._rows_claimed(current) or 0) <= rows

    def keeps_changing(self, current: Pass) -> bool:
        """Whether two passes are enough of a list that is not the same in both: it is long, and it lives."""
        return self.endpoint.table.doubts and len(current.pages) > _FEW_PAGES

    def joined(self, together: Pass, current: Pass) -> Pass:
        """The passes since the total last moved, as one."""
        totals = set(current.totals)
        if len(totals) > 1:
            return Pass()
        if not totals >= set(together.totals):
            together = Pass()
        for page in current.pages:
            together.add(page, self.keys(page))
        return together

    def complete_together(self, together: Pass) -> bool:
        """``bracketed`` for several passes: where rows only come, as many as the total says."""
        table = self.endpoint.table
        only_come = not (table.snapshot or table.copies) and self.endpoint.total_counts_rows
        return only_come and set(together.totals) == {together.distinct}

    def _rows_claimed(self, current: Pass) -> int | None:
        """How many rows the gateway says there are, by the last page read."""
        if self.endpoint.total_counts_rows:
            return current.pages[-1].total
        active = _active_claimed(current) if self._with_active else None
        return None if active is None else active + current.served - _active_rows(current)

    @property
    def _with_active(self) -> bool:
        return self.members in {"all", "active"}

    def _all_active(self, current: Pass) -> bool:
        """Whether as many active members were read as the list counts, before and after.

        They vouch for the rest of the members only when nothing else speaks against it: not where there
        are none of them, and not where an empty page came before the last one claimed.
        """
        if self.endpoint.total_counts_rows or not self._with_active:
            return False
        last = current.pages[-1]
        cut = not last.rows and last.number <= (last.count or 0)
        if cut or current.distinct != current.served:
            return False
        active = _active_rows(current)
        inactive = current.distinct - active  # one of those lost at a page's edge would not show
        one_page = len(current.pages) == 1
        return active == _active_claimed(current) and (one_page or (active > 0 and not inactive))


def row_keys(endpoint: Endpoint, rows: Sequence[Row]) -> list[Any]:
    """What tells the rows of one page apart: the key columns that the rows carry themselves.

    A row whose key can be none stands for itself, so that no two of them pass for one.
    """
    own = _own_key(endpoint)
    if not own:
        return [repr(row) for row in rows]
    parts = [_single_keys(column, rows) for column in own]
    keys: list[Any] = parts[0]
    if len(parts) > 1:  # a key of several parts, none of which may be missing
        keys = [None if None in key else key for key in zip(*parts, strict=True)]
    if None in keys:
        alike: Counter[str] = Counter()
        for place, key in enumerate(keys):
            if key is None:
                text = repr(rows[place])
                alike[text] += 1
                keys[place] = (text, alike[text])
    return keys


def _single_keys(column: Column, rows: Sequence[Row]) -> list[Any]:
    wire, numeric = column.wire, column.kind in _NUMERIC
    values: list[Any] = [row.get(wire) if isinstance(row, dict) else None for row in rows]
    if set(map(type, values)) == {int} and min(values) >= 0:
        return list(map(str, values))
    texts = ["" if value is None else str(value).removeprefix("+") for value in values]
    return [text if text.isdigit() or (text and not numeric) else None for text in texts]


def _own_key(endpoint: Endpoint) -> list[Column]:
    """The columns of the key that rows carry themselves."""
    made = {*endpoint.context, "hit"}  # a running number that we give ourselves
    return [c for c in endpoint.table.columns if c.name in endpoint.table.key and c.name not in made]


def rows_once(
    endpoint: Endpoint, current: Pass, proof: str
) -> tuple[list[Row], Callable[[int], tuple[int, int]], list[int] | None]:
    """Each row of a pass once, as it was seen last; rows without a key that two passes gave alike, all.

    A send may list a number twice: if one of the two messages was delivered, that row counts.

    Returns
    -------
    rows, where, copies
        The rows; page and row number of the n-th of them; how often each came, where the table counts
        copies and some came more than once.
    """
    rows = [row for page in current.pages for row in page.rows]
    ends = list(accumulate(len(page.rows) for page in current.pages))

    def place(index: int) -> tuple[int, int]:
        nth = bisect_right(ends, index)
        page = current.pages[nth]
        return page.number, index - ends[nth] + len(page.rows) + 1

    all_count = proof == TWO_PASSES and endpoint.repeats and not _own_key(endpoint)
    if current.distinct == len(rows) or all_count:
        return rows, place, None
    keys = [key for page in current.pages for key in row_keys(endpoint, page.rows)]
    last: dict[Any, int] = {}
    for index, key in enumerate(keys):
        if key not in last or _arrived(endpoint, rows[index]) or not _arrived(endpoint, rows[last[key]]):
            last[key] = index
    chosen = list(last.values())
    copies = [current.keys[keys[index]] for index in chosen] if endpoint.table.copies else None
    return [rows[i] for i in chosen], lambda n: place(chosen[n]), copies


def _arrived(endpoint: Endpoint, row: Row) -> bool:
    """Whether a row says that a message was delivered."""
    words = [row.get(c.wire) for c in endpoint.table.columns if c.kind == "status" and isinstance(row, dict)]
    return any(isinstance(word, str) and fold_status(word) == "delivered" for word in words)


def _active_rows(current: Pass) -> int:
    rows = (row for page in current.pages for row in page.rows)
    return sum(row.get("status") == "active" for row in rows if isinstance(row, dict))


def _active_claimed(current: Pass) -> int | None:
    """How many active members the list counts, where all its pages say the same."""
    pages = [page for page in current.pages if page.rows or page.number == 1]
    counts = {whole(page.beside.get("members_active")) for page in pages}
    return counts.pop() if len(counts) == 1 else None
