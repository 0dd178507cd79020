"""Who joined or left a long list, by its ends alone: five calls instead of all its pages.

A list's counters say how many joined (all it ever had) and how many left (those, less the active). Where the
first and the last page of the list show just as many new contacts, and those of its inactive members just as
many that are active in the store, these are whom the counters speak of. Another pair that cancels out is not
seen; the weekly read of the whole list sees it. Imports `gateway`, `schema` and `store`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.errors import ApiError
from smsdata.gateway.caller import Caller
from smsdata.gateway.endpoints import PAGE_SIZE, Endpoint, endpoint
from smsdata.gateway.reads import typed_rows

FEWEST_PAGES = 5  # a list of fewer is read whole


@dataclass(frozen=True)
class Moves:
    """How many joined and left a list since its members were read."""

    joined: int
    left: int

    @classmethod
    def between(cls, seen: tuple[int, int], now: tuple[int, int]) -> Moves | None:
        """By the counters (active, all) then and now; None where the ends of a list cannot show that much.

        >>> Moves.between((4000, 5000), (4001, 5002))
        Moves(joined=2, left=1)
        """
        joined = now[1] - seen[1]
        left = joined - (now[0] - seen[0])
        long = now[1] > FEWEST_PAGES * PAGE_SIZE and min(*seen, *now) >= 0
        return cls(joined, left) if long and joined >= 0 and left >= 0 and joined + left > 0 else None


def read_ends(client: Caller, list_id: int, moves: Moves, stored: pa.Table) -> pa.Table | None:
    """The rows of those who joined and left, not proved; None where the ends do not show just these.

    `stored` are the present members of the list, ``msisdn`` and ``status``.
    """
    entry = endpoint("list_members")
    active = stored.filter(pc.equal(stored.column("status"), "active")).column("msisdn")
    try:
        new = _at_the_ends(client, entry, list_id, {}, moves.joined, pages=3) if moves.joined else None
        inactive = {"members": "inactive"}  # who opted out may stand anywhere among them
        gone = _at_the_ends(client, entry, list_id, inactive, moves.left, pages=2 if moves.joined else 5)
    except ApiError as error:
        if error.retryable:
            raise
        return None
    pieces = []
    for rows, known, inside, count in (
        (new, stored.column("msisdn"), False, moves.joined),
        (gone, active, True, moves.left),
    ):
        if not count:
            continue
        if rows is None:
            return None
        right = pc.equal(rows.column("status"), "active")
        there = pc.is_in(rows.column("msisdn"), value_set=pc.cast(known, pa.string()).combine_chunks())
        chosen = rows.filter(pc.and_(pc.invert(right), there) if inside else pc.and_(right, pc.invert(there)))
        if len(set(chosen.column("msisdn").to_pylist())) != count or chosen.num_rows != count:
            return None
        pieces.append(chosen)
    return pa.concat_tables(pieces)


def _at_the_ends(
    client: Caller, entry: Endpoint, list_id: int, which: dict[str, str], count: int, *, pages: int
) -> pa.Table | None:
    """The rows of the first page and of the last ones, at most so many pages; None where one is odd."""
    if not count:
        return None
    asked = {"list_id": list_id} | which
    first = client.page(entry, dict(entry.fixed) | asked, 1)
    numbers = list(range(first.count or 1, 1, -1))[: pages - 1]
    others = []
    for number in numbers:
        others.append(client.page(entry, dict(entry.fixed) | asked, number, (number - 1) * len(first.rows)))
        if not which and len(others[-1].rows) >= count:
            break
    rows = [row for page in (first, *others) for row in page.rows]
    batch = typed_rows(
        entry, rows, synced_at=first.seen_at, context={"list_id": list_id}, proved=[False] * len(rows)
    )
    return None if batch.rejects or batch.unread else batch.rows
