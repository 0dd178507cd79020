"""From the spool into the store: callbacks in any order and any number of times give the same rows.

A row that only a callback told of carries its mark (`schema.callback_marks`) until a poll shows it, and what
the row says follows from the event alone, never from when it was received. A callback about a send that is
not stored yet waits, as does a reply without ``response_id``, which polling brings; one that cannot be read
is put aside. Imports `callback_rows`, `report`, `store`, `gateway.signatures` and `schema`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from smsdata.errors import LockedError, StoreError
from smsdata.gateway.signatures import signature_is_right
from smsdata.ingest.callback_rows import Typed, typed
from smsdata.ingest.report import Report
from smsdata.schema.callback_marks import only_heard, polled_rows
from smsdata.schema.callbacks import own_parameters, parameters, signed_parameters
from smsdata.schema.frames import schema
from smsdata.settings import NO_SECRET, Secret
from smsdata.store.spool import Callback, Segment, Spool, missing_callbacks, not_merged_of, spool_folder
from smsdata.store.store import Store, open_store

WAITS = timedelta(days=30)
KEPT = timedelta(days=7)
WRONG_ZONE = timedelta(hours=26)
"""So far apart can one instant be in two time zones: a receipt from before that is none of its message."""


@dataclass
class CallbackCounts:
    """What became of callbacks, each counted once: merged now, by kind; waiting; odd; with a wrong signature.

    All that were ever received are those merged by this run and by those before, and what is put aside now.
    """

    merged: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    odd: int = 0
    refused: int = 0
    damaged: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"merged": dict(self.merged)}


def ingest_callbacks(
    store: Store, *, secret: Secret = NO_SECRET, now: datetime | None = None, wait: float = 0.0
) -> tuple[CallbackCounts, Report]:
    """Merge what was received into a store, without a call to the gateway.

    Parameters
    ----------
    store
        Whose callbacks.
    secret
        The API secret, for signatures that nobody has checked yet; without it those callbacks wait.
    now
        The present; by default this machine's.
    wait
        Seconds to wait for another process that writes to the store.

    Raises
    ------
    StoreError, LockedError
        The store is nobody's yet, or another process writes to it; nothing received is lost.
    """
    store, report = open_store(store), Report()
    with store.writing(wait=wait):
        if not store.state.account:
            raise StoreError(
                f"{store.path} holds no account's rows yet. Run `smsdata sync` once; what was received waits."
            )
        counts = merge_callbacks(store, report, now or datetime.now(UTC), secret)
    return counts, report


def merge_callbacks(store: Store, report: Report, now: datetime, secret: Secret) -> CallbackCounts:
    """Merge what was received; the store is open for writing."""
    counts = CallbackCounts()
    spool = Spool(spool_folder(store.private))
    report.attention += missing_callbacks(store.private)
    if not spool.folder.is_dir():
        return counts
    try:
        with spool.receiving("a sync, for an instant"):
            pass  # seals what a killed receiver left
    except LockedError:
        pass  # one is running: its open segment is read as it is
    kept = {name: spool.aside(name) for name in ("waiting", "odd", "refused")}
    counts.damaged += sum(segment.damaged for segment in kept.values())
    waiting = {callback.line(): callback for callback in kept["waiting"].callbacks}
    odd, refused = list(kept["odd"].callbacks), list(kept["refused"].callbacks)
    before = len({one.line() for one in odd}), len({one.line() for one in refused})
    batches: list[Segment | None] = [None, *spool.segments("open", "sealed")]
    still_open: dict[str, list[bytes]] = {}
    for segment in batches:
        came = [*waiting.values(), *(not_merged_of(spool, segment) if segment else ())]
        sorting = _Sorting(store, now, secret)
        sorting.take(came)
        sorting.merge()
        counts.merged.update(sorting.merged)
        odd += sorting.odd
        refused += sorting.refused
        waiting = {callback.line(): callback for callback in sorting.waiting}
        if segment:
            counts.damaged += segment.damaged
            for name, aside in (("waiting", list(waiting.values())), ("odd", odd), ("refused", refused)):
                spool.put_aside(name, aside)
            spool.mark_merged(segment)
            if segment.path.suffix == ".open":
                still_open[segment.path.stem] = [one.line() for one in segment.callbacks]
                spool.merged_of_open.note(still_open)
    for name, aside in (("waiting", list(waiting.values())), ("odd", odd), ("refused", refused)):
        spool.put_aside(name, aside)
    spool.merged_of_open.note(still_open)
    spool.forget_merged((now - KEPT).timestamp())
    counts.waiting = len(waiting)
    counts.odd, counts.refused = (len({one.line() for one in those}) for those in (odd, refused))
    _tell(report, counts, new_odd=counts.odd - before[0], new_refused=counts.refused - before[1])
    return counts


def _tell(report: Report, counts: CallbackCounts, *, new_odd: int, new_refused: int) -> None:
    if counts.merged:
        parts = ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.merged.items()))
        report.note(f"callbacks: {counts.merged.total():,} merged ({parts}).")
    if counts.waiting:
        report.note(f"callbacks: {counts.waiting:,} wait for polling to show their send or reply.")
    lines = {
        "cannot be read; they are kept in callbacks/odd.aside": new_odd,
        "have a wrong signature; they are kept in callbacks/refused.aside": new_refused,
        "lie in damaged lines of the spool or were cut off; check the disk": counts.damaged,
    }
    report.attention += [f"callbacks: {count:,} {what}." for what, count in lines.items() if count > 0]


def _as_it_came(callback: Callback) -> tuple[str, str, str]:
    return callback.query, callback.body, callback.media


def _is_rightly_signed(callback: Callback, secret: Secret) -> bool:
    signed = signed_parameters(*_as_it_came(callback))
    return any(signature_is_right(callback.signature, pairs, secret.reveal()) for pairs in signed)


def _typed(callback: Callback) -> Typed:
    told = _as_it_came(callback)
    return typed(callback.kind, parameters(*told), callback.at, own_parameters(*told))


class _Sorting:
    """One batch of callbacks: rows for each table, and what cannot become one now."""

    def __init__(self, store: Store, now: datetime, secret: Secret) -> None:
        self.merged: Counter[str] = Counter()
        self.waiting: list[Callback] = []
        self.odd: list[Callback] = []
        self.refused: list[Callback] = []
        self._store = store
        self._now = now
        self._secret = secret
        self._rows: dict[str, list[dict[str, Any]]] = {}

    def take(self, callbacks: Iterable[Callback]) -> None:
        """Sort callbacks."""
        readable: list[tuple[Callback, Typed]] = []
        for callback in callbacks:
            if callback.signature and not callback.checked:
                if not self._secret:
                    self.waiting.append(callback)
                    continue
                if not _is_rightly_signed(callback, self._secret):
                    self.refused.append(callback)
                    continue
            try:
                readable.append((callback, _typed(callback)))
            except ValueError:
                self.odd.append(callback)
        sent_at = self._sends({event.send for _, event in readable if event.send})
        polled = self._polled_replies([event for _, event in readable if event.table == "replies"])
        for callback, event in readable:
            self._place(callback, event, sent_at, polled)

    def _place(
        self,
        callback: Callback,
        event: Typed,
        sent_at: dict[int, datetime],
        polled: set[tuple[str, datetime]],
    ) -> None:
        row, at = event.row, sent_at.get(event.send)
        if event.table == "dlrs" and at is None:
            return self._wait(callback)
        if event.table == "dlrs" and at is not None and row["synced_at"] < at - WRONG_ZONE:
            return self.odd.append(callback)
        if event.table == "replies" and row["id"] is None:
            if (row["msisdn"], row["received_at"]) not in polled:
                return self._wait(callback)
            self.merged[callback.kind] += 1  # polling brought it
            return None
        if event.table == "dlrs":
            row["sent_at"] = at
        self._add(event.table, row)
        if event.optout is not None and event.send:
            if at is None:
                return self._wait(callback)  # the reply stands in its table, its opt-out has no place yet
            self._add("optouts", event.optout | {"sent_at": at})
        self.merged[callback.kind] += 1
        return None

    def _wait(self, callback: Callback) -> None:
        received = datetime.fromtimestamp(callback.at / 1e6, UTC)
        (self.odd if self._now - received > WAITS else self.waiting).append(callback)

    def _add(self, table: str, row: dict[str, Any]) -> None:
        self._rows.setdefault(table, []).append(row)

    def merge(self) -> None:
        """Merge the rows of the batch."""
        if self._rows and not self._store.bound:
            self._store.save_state()  # rows never stand in a store that is nobody's
        for table, rows in sorted(self._rows.items()):
            arrow = pa.Table.from_pylist(rows, schema=schema(table))
            self._store.merge(table, arrow, source="callback")
            if table == "link_hits":
                drop_hits_polled(self._store, sorted({row["message_id"] for row in rows}))

    def _sends(self, wanted: set[int]) -> dict[int, datetime]:
        if not wanted:
            return {}
        asked = pa.table({"message_id": pa.array(sorted(wanted), pa.int64())})
        rows = self._store.tables.rows_sharing("campaigns", asked, "message_id")
        return dict(
            zip(rows.column("message_id").to_pylist(), rows.column("sent_at").to_pylist(), strict=True)
        )

    def _polled_replies(self, events: Sequence[Typed]) -> set[tuple[str, datetime]]:
        """Sender and time of the replies that polling showed, around those that came without an id."""
        times = [event.row["received_at"] for event in events if event.row["id"] is None]
        if not times:
            return set()
        names = ["msisdn", "received_at"]
        until = max(times) + timedelta(seconds=1)
        rows = polled_rows(
            self._store.rows("replies", since=min(times), until=until, columns=[*names, "extra"])
        )
        return set(zip(*(rows.column(name).to_pylist() for name in names), strict=True))


def drop_hits_polled(store: Store, sends: Sequence[int]) -> None:
    """Take out the hits that only callbacks told of and that a poll has shown since: hits have no id.

    One hit is the same where send, number and time are.
    """
    asked = pa.table({"message_id": pa.array(sends, pa.int64())})
    rows = store.tables.rows_sharing("link_hits", asked, "message_id")
    heard = only_heard(rows.column("extra")).to_pylist()
    names = ("message_id", "msisdn", "clicked_at")
    same = list(zip(*(rows.column(name).to_pylist() for name in names), strict=True))
    polled = {one for one, only in zip(same, heard, strict=True) if not only}
    twice = [only and one in polled for one, only in zip(same, heard, strict=True)]
    if any(twice):
        store.merging.remove("link_hits", rows.filter(pa.array(twice)))
