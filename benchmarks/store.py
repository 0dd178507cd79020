"""What a sync of 100 new rows costs in a small store and in one of ten million rows.

    python benchmarks/store.py

The small store holds 100,000 messages and dlrs of the last 30 days; the large one the same and 9.9 million
older messages and dlrs, over the eleven months before. Both then sync the same 100 new messages.
"""

from __future__ import annotations

import copy
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from smsdata import Client, Store, sync
from smsdata.schema.frames import schema
from smsdata.simulator import Account, Gateway, transport

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OLDER = 9_900_000
MONTHS = 11
REPEATS = 5


def client(account: Account) -> Client:
    gateway = Gateway(account, limiter=None)
    base_url = "http://127.0.0.1:8025/"
    return Client(
        key="demo", secret="demo", base_url=base_url, rate=1e6, share=1, transport=transport(gateway)
    )


def older(table: str, month: int, rows: int) -> pa.Table:
    """Rows of one past month, with ids below all of the account's."""
    rng = np.random.default_rng(month)
    end = NOW - timedelta(days=31 + 30 * month)
    stamps = np.sort(rng.integers(0, 29 * 86_400, rows)) * 1_000_000 + int(
        (end - timedelta(days=29)).timestamp() * 1e6
    )
    first = (MONTHS - month) * rows
    sends = 1_000_000 + (first + np.arange(rows)) // 5_000
    numbers = 61_491_570_000 + (first + np.arange(rows)) % 5_000
    made = {
        "id": first + np.arange(rows), "message_id": sends, "msisdn": numbers.astype(str), "sent_at": stamps,
        "sender": np.full(rows, "61491570110"), "status": np.full(rows, "delivered"),
        "optout": np.zeros(rows, bool), "message": np.full(rows, "Sale this weekend"),
        "copies": np.ones(rows, np.int64), "synced_at": np.full(rows, int(NOW.timestamp() * 1e6)),
    }  # fmt: skip
    arrow = schema(table)
    columns = [
        pa.array(made[f.name]).cast(f.type) if f.name in made else pa.nulls(rows, f.type) for f in arrow
    ]
    return pa.Table.from_arrays(columns, schema=arrow)


def grown(small: Path, large: Path) -> None:
    """Make the large store from the small one."""
    shutil.copytree(small, large)
    store = Store(large)
    with store.writing():
        for month in reversed(range(MONTHS)):
            for table in ("dlrs", "messages"):
                store.merge(table, older(table, month, OLDER // MONTHS))


def seconds(store: Path, account: Account) -> float:
    began = time.perf_counter()
    with client(account) as caller:
        sync(caller, store)
    return time.perf_counter() - began


def main() -> None:
    account = Account.bulk(100_000, recipients=5_000, days=29)
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        with client(account) as caller:
            sync(caller, small)
        grown(small, large)
        times: dict[str, list[float]] = {"small": [], "large": []}
        for _ in range(REPEATS):
            account.advance(hours=1)
            account.send_campaign(numbers=[str(61_491_570_000 + n) for n in range(100)], text="Sale")
            account.advance(hours=1)
            for name, store in (("small", small), ("large", large)):
                times[name].append(seconds(store, copy.deepcopy(account)))
        rows = {name: Store(path).count("messages") for name, path in (("small", small), ("large", large))}
    middle = {name: statistics.median(values) for name, values in times.items()}
    for name, value in middle.items():
        print(f"sync of 100 new rows into {rows[name]:>10,} messages and as many dlrs: {value:.2f} s")
    print(f"ratio {middle['large'] / middle['small']:.2f}")


if __name__ == "__main__":
    main()
