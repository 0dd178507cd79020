"""What is read and what came of it: `Read`, `Drained`, and the slices of time that a read is cut into.

The gateway bounds how much time one request may ask for, and a slice with too many pages is cut again. Makes
no calls. Imports `endpoints`, `schema` and the standard library.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from smsdata.gateway.endpoints import Endpoint
from smsdata.schema.frames import Batch, Row, to_arrow
from smsdata.schema.tables import TABLES

SLICE_PAGES = 100
"""How many pages one slice of time should have: in a longer pass more moves while it is read."""

_UNASKED = timedelta(days=30)
"""What the gateway gives where no start is asked for."""

_EDGE = timedelta(seconds=1)  # nobody says whether start and end are inclusive: ask for a second more


def typed_rows(
    endpoint: Endpoint,
    rows: Sequence[Row],
    *,
    synced_at: datetime,
    context: Row | None = None,
    where: Callable[[int], tuple[int, int]] = lambda index: (1, index + 1),
    copies: Sequence[int] | None = None,
    proved: Sequence[bool] | None = None,
) -> Batch:
    """Type the rows that one read of a call brought; see `smsdata.schema.frames.to_arrow`."""
    return to_arrow(
        endpoint.table,
        rows,
        synced_at=synced_at,
        same={name: value for name, value in (context or {}).items() if name in endpoint.context},
        ignored=endpoint.ignored,
        where=where,
        copies=copies,
        proved=proved,
        endpoint=endpoint.name,
        in_full=_in_full,
    )


def _in_full(number: str, ours: str | None) -> str:
    from smsdata.schema.numbers_in_full import in_full  # loads pandas, which most commands do without

    return in_full(number, ours)


@dataclass(frozen=True, slots=True)
class Read:
    """One thing to read: an endpoint with its parameters, and what may vouch for it.

    `start` and `end` bound it in time, both included; `expect` is a total from another call; `context` fills
    columns that the rows do not carry.
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

    def title(self) -> str:
        """What is read, for a person: ``dlrs(message_id=339814842)``; no phone number."""
        where = ", ".join(f"{k}={v}" for k, v in self.parameters.items() if k.endswith("_id"))
        if self.start and self.end:
            where = f"{self.start:%Y-%m-%d %H:%M:%S} to {self.end:%Y-%m-%d %H:%M:%S}"
        return f"{self.endpoint.name}({where})" if where else self.endpoint.name

    def name(self) -> str:
        """A name that is the same whenever the same thing is read."""
        return f"{self.endpoint.call}?{urlencode(sorted(self.wire().items()))}"


@dataclass(frozen=True, slots=True)
class Drained:
    """The rows of one read with what proves them complete.

    `proof` and `witness` are names in `smsdata.gateway.proofs`. `resumed` tells that some pages come from an
    earlier run's journal; `outside` counts rows that came from outside the slice of time asked for. `beside`
    is what stood beside the rows on every page of the last pass, as on its first.
    """

    read: Read
    batch: Batch
    proof: str
    served: int
    total: int | None
    seen_at: datetime
    resumed: bool = False
    witness: str = ""
    outside: int = 0
    beside: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> pa.Table:
        """The typed rows."""
        return self.batch.rows


def slices(read: Read, start: datetime, end: datetime) -> list[Read]:
    """Cut [start, end] into the slices that the gateway allows, oldest first.

    Where it allows any, the last 30 days are one of their own: a gateway that ignores start and end gives
    those whatever is asked, and in the other slice they show as rows from outside.

    Examples
    --------
    >>> from smsdata.gateway.endpoints import endpoint
    >>> two = slices(Read(endpoint("campaigns")), datetime(2026, 10, 1), datetime(2026, 11, 5))
    >>> [(part.start.isoformat(), part.end.isoformat()) for part in two]
    [('2026-10-01T00:00:00', '2026-10-30T23:59:58'), ('2026-10-30T23:59:58', '2026-11-05T00:00:00')]
    """
    allowed = read.endpoint.limit
    days = allowed.days if allowed and allowed.days else 10_000
    step = timedelta(days=days) - 2 * _EDGE
    edges = [start]
    if allowed and allowed.horizon and end - start > _UNASKED:
        edges.append(end - _UNASKED)
    while end - edges[-1] > step:
        edges.append(edges[-1] + step)
    edges.append(end)
    return [replace(read, start=a, end=b) for a, b in pairwise(edges)]


def slices_due(read: Read, rows: int, total: int | None) -> int:
    """Into how many slices a read is cut by the `rows` of its first page and the `total`; 1 when it fits.

    Each is to hold about two thirds of what a slice should have.
    """
    if not (read.start and read.end and total and rows):
        return 1
    most = SLICE_PAGES * rows
    seconds = int((read.end - read.start).total_seconds())
    if total <= most or seconds < 4:  # a burst cannot be cut any further
        return 1
    return min(math.ceil(total / (most * 2 / 3)), seconds)


def cut_in_slices(read: Read, count: int) -> list[Read]:
    """Cut a read that is bounded in time into so many slices of the same length, in whole seconds."""
    assert read.start is not None  # noqa: S101 - only reads bounded in time are cut
    assert read.end is not None  # noqa: S101
    seconds = int((read.end - read.start).total_seconds())
    edges = [read.start + timedelta(seconds=seconds * n // count) for n in range(count)] + [read.end]
    return [replace(read, start=a, end=b) for a, b in pairwise(edges)]


def rows_inside(rows: pa.Table, read: Read) -> tuple[pa.Table, int]:
    """The rows between start and end of a read, and how many came from outside of what was asked for.

    A second more was asked for on each side: a row there is the neighbouring slice's, and not counted.
    """
    if not (read.start and read.end):
        return rows, 0
    inside = _between(rows, read, read.start, read.end)
    if inside.num_rows == rows.num_rows:
        return rows, 0
    return inside, rows.num_rows - _between(rows, read, read.start - _EDGE, read.end + _EDGE).num_rows


def _between(rows: pa.Table, read: Read, start: datetime, end: datetime) -> pa.Table:
    time = rows.column(read.endpoint.table.time)
    low, high = pa.scalar(start, time.type), pa.scalar(end, time.type)
    return rows.filter(pc.and_(pc.greater_equal(time, low), pc.less_equal(time, high)))


def each_key_once(table: str, rows: pa.Table) -> pa.Table:
    """Each key once, as it stands last: a row on the boundary second of two slices comes twice."""
    key = list(TABLES[table].key)
    if rows.num_rows < 2:
        return rows
    numbered = rows.select(key).append_column("_n", pa.array(np.arange(rows.num_rows)))
    last = numbered.group_by(key).aggregate([("_n", "max")]).column("_n_max").to_numpy()
    return rows if len(last) == rows.num_rows else rows.take(pa.array(np.sort(last)))


def _wire_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
