"""What hygiene reads of the account: lists again after a change, and the replies since the last sync.

Imports of smsdata only `gateway`, `schema`, `store`, `times` and, within hygiene, changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from smsdata.gateway.caller import Caller
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.proofs import UNPROVED
from smsdata.gateway.reader import Reader
from smsdata.gateway.reads import Drained, Read, slices
from smsdata.hygiene.changes import ListId
from smsdata.schema.frames import Reject, empty, to_pandas
from smsdata.schema.number_spellings import read_number
from smsdata.schema.numbers_in_full import is_unclear, written_as
from smsdata.store.store import Store


def read_again(client: Caller, store: Store, list_id: ListId) -> list[dict[str, Any]]:
    """Read a list that was changed, and keep its members; gives them.

    Of a list that others change meanwhile nobody counts as gone.
    """
    read = Reader(client, allow_unproved=True).read(Read(endpoint("list_members"), {"list_id": list_id}))
    if read.proof == UNPROVED:
        store.merge("list_members", read.rows)
    elif not read.batch.rejects:
        store.apply_snapshot("list_members", read.rows, seen_at=read.seen_at, scope={"list_id": [list_id]})
    rows: list[dict[str, Any]] = read.rows.to_pylist()
    return rows


def count_again(client: Caller, store: Store, list_ids: Iterable[int]) -> None:
    """Keep the counters of lists whose members were just kept, so that the next sync sees later changes."""
    read = Reader(client).read(Read(endpoint("lists")))
    wanted = pa.array(sorted(set(list_ids)), pa.int64())
    store.merge("lists", read.rows.filter(pc.is_in(read.rows.column("list_id"), value_set=wanted)))


_LOOK_BACK = timedelta(days=30)
"""Replies are listed late: so long before what was read last they are read again, as weekly in a sync."""
_AHEAD = timedelta(days=2)
"""So far ahead of the clock replies are asked for: a clock that is behind hides nobody's STOP."""
_OVERLAP = timedelta(hours=1)
_OLDEST = timedelta(days=364)


class RepliesHeard:
    """What each number replied: from the store, and what came since it was synced.

    Parameters
    ----------
    client, store
        The account and its store.

    Attributes
    ----------
    unread : dict
        The rows that cannot be read as replies, by what they hold: of whom each is, None where it does not
        tell.
    """

    def __init__(self, client: Caller, store: Store) -> None:
        self.unread: dict[str, str | None] = {}
        self._client = client
        self._store = store
        self._read_to: datetime | None = None
        self._texts: dict[str, dict[int, tuple[pd.Timestamp, str]]] = {}
        self._odd: set[str] = set()
        self._known: set[int] = set()

    def read(self, first: datetime | None) -> None:
        """Read what came since an instant; None: no reply matters."""
        if first is None:
            return
        columns = ["id", "msisdn", "received_at", "response"]
        self._keep(self._store.read("replies", since=first, columns=columns))
        now = self._client.now()
        self._keep(self._came(*recent_replies(self._client, self._store)))
        self._read_to = now

    def listen(self) -> pd.DataFrame:
        """Give what came since the store was synced; from now on `read_on` hears what comes later."""
        now = self._client.now()
        replies = self._came(*recent_replies(self._client, self._store))
        self._known, self._read_to = set(replies["id"]), now
        return replies

    def read_on(self) -> None:
        """Read what came since the last reading."""
        if self._read_to is None:
            return
        now = self._client.now()
        self._keep(self._came(*_drained(self._client, self._read_to - _OVERLAP, now)))
        self._read_to = now

    def of(self, msisdn: str) -> list[tuple[pd.Timestamp, str]]:
        """When a number replied, and what; also what may be from it, where a number lacks its country."""
        said = list(self._texts.get(msisdn, {}).values())
        if self._odd and (other := written_as(msisdn, self._odd)) is not None:
            said += self._texts[other].values()
        return said

    def unread_of(self, msisdn: str) -> str:
        """Say that something of a number came that cannot be read: it may be a STOP or a START."""
        whose = {number for number in self.unread.values() if number is not None}
        mine = msisdn in whose or written_as(msisdn, whose) is not None
        return "a reply came that cannot be read" if mine else ""

    def lines(self) -> list[str]:
        """Say how many rows could not be read."""
        if not self.unread:
            return []
        return [
            f"{len(self.unread):,} replies cannot be read: who is known to have sent one is left alone. "
            "`smsdata sync` sets them aside, and `smsdata tables` tells what is wrong with them."
        ]

    def _came(self, replies: pd.DataFrame, odd: Iterable[Reject]) -> pd.DataFrame:
        self.unread |= {json.dumps(one.raw, sort_keys=True): _number_in(one.raw) for one in odd}
        return replies

    def _keep(self, replies: pd.DataFrame) -> None:
        rows = replies[["id", "msisdn", "received_at", "response"]].itertuples(index=False)
        for reply_id, msisdn, at, text in rows:
            if reply_id not in self._known:
                if is_unclear(msisdn):
                    self._odd.add(msisdn)
                self._texts.setdefault(msisdn, {})[reply_id] = (at, text)


def recent_replies(client: Caller, store: Store) -> tuple[pd.DataFrame, list[Reject]]:
    """Drain the replies that came since the store was synced, and those of the time that is listed late."""
    now = client.now()
    start = max(store.state.cursors.get("replies", now) - _LOOK_BACK, now - _OLDEST)
    if "replies" not in store.state.cursors:
        start = now - _OLDEST
    return _drained(client, min(start, now - timedelta(minutes=1)), now)


def _drained(client: Caller, start: datetime, now: datetime) -> tuple[pd.DataFrame, list[Reject]]:
    """The replies of a time, and the rows that fit no reply: one such row stops nothing."""
    entry, until = endpoint("replies"), max(now, client.clocks()[1]) + _AHEAD
    frames: list[pd.DataFrame] = [to_pandas(empty("replies"), "replies")]
    odd: list[Reject] = []
    for read in Reader(client).each(slices(Read(entry), start, until)):
        if not isinstance(read, Drained):
            raise read
        frames.append(to_pandas(read.rows, "replies"))
        odd += read.batch.rejects
    return pd.concat(frames, ignore_index=True).drop_duplicates("id"), odd


def _number_in(raw: Mapping[str, Any]) -> str | None:
    """Whose a row is that fits no reply, as far as it tells: its number, in full or without its country."""
    written = str(raw.get("msisdn") or "")
    return read_number(written, None)[0] or (written if is_unclear(written) else None)
