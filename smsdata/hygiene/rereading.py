"""What hygiene reads of the account: lists again after a change, and the replies since the last sync.

Imports of smsdata only `gateway`, `schema`, `store`, `times` and, within hygiene, changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from smsdata.gateway.caller import Caller
from smsdata.gateway.client import drain
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reader import Reader
from smsdata.gateway.reads import Read
from smsdata.hygiene.changes import ListId
from smsdata.store.store import Store


def read_again(client: Caller, store: Store, list_id: ListId) -> list[dict[str, Any]]:
    """Read a list that was changed, and keep its members; gives them."""
    read = Reader(client).read(Read(endpoint("list_members"), {"list_id": list_id}))
    if not read.batch.rejects:
        store.apply_snapshot("list_members", read.rows, seen_at=read.seen_at, scope={"list_id": [list_id]})
    rows: list[dict[str, Any]] = read.rows.to_pylist()
    return rows


def count_again(client: Caller, store: Store, list_ids: Iterable[int]) -> None:
    """Keep the counters of lists whose members were just kept, so that the next sync sees later changes."""
    read = Reader(client).read(Read(endpoint("lists")))
    wanted = pa.array(sorted(set(list_ids)), pa.int64())
    store.merge("lists", read.rows.filter(pc.is_in(read.rows.column("list_id"), value_set=wanted)))


def replies_since(client: Caller, store: Store, first: pd.Timestamp) -> dict[str, pd.Timestamp]:
    """Tell when each number replied last: from the store, and what came since it was synced.

    Parameters
    ----------
    client, store
        The account and its store.
    first
        Older replies do not matter; NaT: none do.
    """
    if pd.isna(first):
        return {}
    heard = recent_replies(client, store)
    known = store.read("replies", since=first.to_pydatetime(), columns=["msisdn", "received_at"])
    both = pd.concat([known, heard[["msisdn", "received_at"]]])
    latest = both.groupby("msisdn")["received_at"].max()
    return {str(msisdn): at for msisdn, at in latest.items()}


def recent_replies(client: Caller, store: Store) -> pd.DataFrame:
    """Drain the replies that came since the store was synced."""
    now = client.now()
    start = store.state.cursors.get("replies") or now - timedelta(days=364)
    return drain(client, "replies", start=min(start, now - timedelta(minutes=1)), end=now)
