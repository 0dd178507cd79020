"""What memory and processor time an export takes: ten million generated rows, each format in a new process.

Run: ``python -m benchmarks.exports --rows 10000000 --table messages --pseudonymise --check``. Prints rows,
processor seconds, the peak of memory as the kernel tells it of the process, asked from outside every tenth of
a second, and bytes. ``--where`` takes a filter, ``--folder`` the place of the files.

The rows lie in a Parquet file of the table's schema. DLRs have reserved numbers, which repeat. Messages all
differ: in number (of no country; every tenth so that it has to be read on its own) and in text, by a name and
a code. ``--check`` reads what was written: the rows are as many, no number, sender or text of a message is in
any cell, and a thousand numbers have the pseudonym that ``hmac`` of the standard library gives, in all files.
"""

from __future__ import annotations

import argparse
import hmac
import multiprocessing
import re
import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.own_memory import peak_bytes
from smsdata.schema.frames import schema
from smsdata.store.scan import Scan

_PIECE = 250_000
_STATUSES = np.array(["delivered", "pending", "soft-bounce", "hard-bounce"], dtype=object)
_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprst" for vowel in "aeiou"]
_OF_SOMEBODY = re.compile(rb"(?<![0-9])(?:999[01][0-9]{8}|61491570[0-9]{3})(?![0-9])|sale ends")
_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def number_of(row: int, table: str) -> str:
    """The number on a row; no country has 999."""
    return f"6149157{row % 10_000:04d}" if table == "dlrs" else f"999{1 if row % 10 else 0}{row:08d}"


def text_of(row: int) -> str:
    """A text with a name, of 216,000, and a code."""
    name = "".join(_SYLLABLES[row // step % 60] for step in (1, 60, 3600))
    return f"Hi {name.title()}, our sale ends today: show code {row}. Reply STOP to opt out"


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
            made = {
                "id": pa.array(ids),
                "message": pa.array([text_of(row) for row in ids.tolist()]),
                "sender": pa.array(["61491570006"] * len(ids)),
                "message_id": pa.array(ids // 5_000),
                "msisdn": pa.array([number_of(row, table) for row in ids.tolist()]),
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
    """Export once; tell rows and seconds."""
    from smsdata.sharing.exporting import export

    begun = time.process_time()
    done = export(Scan(table, (source,)), target, **options)
    answers.put((done.rows, time.process_time() - begun))


def run(source: Path, target: Path, table: str, options: dict[str, Any]) -> int:
    """Export in a process of its own, watched from here; print what it took and give its rows."""
    fresh = multiprocessing.get_context("spawn")
    answers = fresh.Queue()
    worker = fresh.Process(target=measured, args=(str(source), str(target), table, options, answers))
    begun, peak = time.monotonic(), 0
    worker.start()
    while worker.is_alive():
        peak = max(peak, peak_bytes(worker.pid))
        worker.join(0.1)
    rows, seconds = answers.get(timeout=10)
    print(
        f"{target.name}: {rows:,} rows, {seconds:.0f} s of a processor, {time.monotonic() - begun:.0f} s, "
        f"peak {peak / 1e6:.0f} MB, file {target.stat().st_size / 1e6:.0f} MB",
        flush=True,
    )
    return int(rows)


def cells(path: Path) -> Iterator[pa.RecordBatch]:
    """All cells of a file as text, as many rows at a time as fit."""
    if path.suffix == ".csv":
        with path.open("rb") as file:
            head = file.readline().decode("utf-8-sig").strip().replace('"', "").split(",")
        texts = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(head, pa.string()))
        yield from pyarrow.csv.open_csv(path, convert_options=texts)
        return
    for batch in pq.ParquetFile(path).iter_batches():
        yield pa.record_batch([column.cast(pa.string()) for column in batch.columns], batch.schema.names)


def check(path: Path, table: str, rows: int, key: bytes) -> None:
    """Read a file without people whole; AssertionError where it holds less, or more, than it should."""
    asked = [number_of(row, table) for row in range(0, rows, max(1, rows // 1_000))]
    left = {
        "p" + hmac.digest(key, b"who\0" + number.encode(), "sha256").hex()[:24].translate(_LETTERS)
        for number in asked
    }
    found = 0
    for batch in cells(path):
        found += batch.num_rows
        left.difference_update(batch.column(batch.schema.names.index("msisdn")).to_pylist())
        for column in batch.columns:
            somebody = _OF_SOMEBODY.search("\n".join(column.fill_null("").to_pylist()).encode())
            assert somebody is None, f"{path.name} holds {somebody and somebody[0]!r}"
    assert found == rows, f"{path.name} has {found:,} rows of {rows:,}"
    assert not left, f"{path.name} lacks {len(left)} of {len(asked):,} pseudonyms"
    print(
        f"{path.name}: {found:,} rows, no number or text, {len(asked):,} pseudonyms as hmac gives", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--table", choices=["dlrs", "messages"], default="dlrs")
    parser.add_argument("--formats", nargs="*", default=["parquet", "csv"])
    parser.add_argument("--pseudonymise", action="store_true")
    parser.add_argument("--where")
    parser.add_argument("--check", action="store_true", help="with --pseudonymise, without --where")
    parser.add_argument("--folder")
    chosen = parser.parse_args()
    key = secrets.token_bytes(32)
    options: dict[str, Any] = {"pseudonymise": True, "key": key} if chosen.pseudonymise else {}
    fresh = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        source = Path(folder) / "part-0.parquet"
        making = fresh.Process(target=generated, args=(source, chosen.rows, chosen.table))
        making.start()
        making.join()
        for name in chosen.formats:
            target = Path(folder) / f"out.{name}"
            rows = run(source, target, chosen.table, {"where": chosen.where, **options})
            assert chosen.where or rows == chosen.rows
            if chosen.check:
                check(target, chosen.table, chosen.rows, key)
            target.unlink()


if __name__ == "__main__":
    main()
