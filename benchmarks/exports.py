"""How much memory an export takes: ten million generated rows, each format in a process of its own.

Run: ``python -m benchmarks.exports --rows 10000000``. Prints seconds, peak memory (of the whole process) and
bytes. The rows lie in a Parquet file of the table's schema. DLRs have reserved numbers,
which repeat; messages one of no country each, and texts that all differ.
"""

from __future__ import annotations

import argparse
import multiprocessing
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.own_memory import peak_bytes
from smsdata.schema.frames import schema
from smsdata.store.scan import Scan

_PIECE = 250_000
_BEGINS = {"dlrs": "6149157", "messages": "9990"}  # no country has 999
_STATUSES = np.array(["delivered", "pending", "soft-bounce", "hard-bounce"], dtype=object)


def generated(path: Path, rows: int, table: str) -> None:
    """Write rows, a quarter of a million at a time, as the store's files hold them."""
    dice = np.random.default_rng(1)
    wanted = schema(table)
    with pq.ParquetWriter(path, wanted) as writer:
        for begin in range(0, rows, _PIECE):
            ids = np.arange(begin, min(begin + _PIECE, rows))
            stamps = pa.array(1_790_000_000_000_000 + ids * 1_000_000, pa.int64()).cast(
                pa.timestamp("us", "UTC")
            )
            numbers = ids % 10_000 if table == "dlrs" else ids  # of messages, each has one of its own
            made = {
                "id": pa.array(ids),
                "message": pa.array([f"Hi {n}, our sale ends today. Reply STOP to opt out" for n in ids]),
                "sender": pa.array(["61491570006"] * len(ids)),
                "message_id": pa.array(ids // 5_000),
                "msisdn": pa.array([f"{_BEGINS[table]}{number:04d}" for number in numbers]),
                "sent_at": stamps,
                "status": pa.array(_STATUSES[dice.integers(0, 4, len(ids))], pa.string()),
                "optout": pa.array(dice.random(len(ids)) < 0.01),
                "synced_at": stamps,
                "copies": pa.array(np.ones(len(ids), "int64")),
            }
            arrays = [
                made[f.name].cast(f.type) if f.name in made else pa.nulls(len(ids), f.type) for f in wanted
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=wanted))


def measured(source: str, target: str, table: str, options: dict[str, Any], answers: Any) -> None:
    """Export once; tell rows, seconds and peak memory."""
    from smsdata.sharing.exporting import export

    started = time.monotonic()
    done = export(Scan(table, (source,)), target, **options)
    answers.put((done.rows, time.monotonic() - started, peak_bytes() / 1e6))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--table", choices=list(_BEGINS), default="dlrs")
    parser.add_argument("--formats", nargs="*", default=["parquet", "csv"])
    parser.add_argument("--pseudonymise", action="store_true")
    chosen = parser.parse_args()
    fresh = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "part-0.parquet"
        making = fresh.Process(target=generated, args=(source, chosen.rows, chosen.table))
        making.start()
        making.join()
        for name in chosen.formats:
            target = Path(folder) / f"out.{name}"
            options = {"pseudonymise": True, "key": secrets.token_bytes(32)} if chosen.pseudonymise else {}
            answers = fresh.Queue()
            worker = fresh.Process(
                target=measured, args=(str(source), str(target), chosen.table, options, answers)
            )
            worker.start()
            worker.join()
            rows, seconds, peak = answers.get(timeout=10)
            size = target.stat().st_size / 1e6
            print(
                f"{name}: {rows:,} rows, {seconds:.0f} s, peak {peak:.0f} MB, file {size:.0f} MB", flush=True
            )
            target.unlink()


if __name__ == "__main__":
    main()
