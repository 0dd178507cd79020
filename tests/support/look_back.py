"""What many exports do instead of a sync: read the last days again and no more."""

from __future__ import annotations

from datetime import timedelta

from smsdata import Client, Store
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reader import Reader
from smsdata.gateway.reads import Drained, Read, slices


def look_back_three_days(made: Client, store: Store) -> list[str]:
    """Read the last three days again and no more; wrong on purpose."""
    made.call("get-balance")
    now = made.now()
    start = now - timedelta(days=3)
    with store.writing():
        for table in ("campaigns", "messages", "replies"):
            for one in Reader(made).each(slices(Read(endpoint(table)), start, now)):
                assert isinstance(one, Drained)
                store.merge(table, one.rows)
                sends = one.rows.to_pylist() if table == "campaigns" else []
                for send in sends:
                    context = {"message_id": send["message_id"], "sent_at": send["sent_at"]}
                    asked = Read(endpoint("dlrs"), {"message_id": send["message_id"]}, context=context)
                    store.merge("dlrs", Reader(made).read(asked).rows)
    return []
