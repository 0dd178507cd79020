"""Analysis of 10 million messages in Parquet: our helpers, hand-written SQL and plain pandas, side by side.

    python benchmarks/analysis.py [--rows 10000000] [--repeat 3]

Each runs in a fresh process, which tells its seconds and processor time (the best of the repeats) and its
peak memory. The goal: helpers within 1.5 times the hand-written SQL, delivery_rate faster than pandas, our
peaks below 1.5 GB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from own_memory import peak_bytes

PART = 250_000
NOW = "2026-11-22"
SENDER = "61491570006"
COLUMNS = {
    "messages": ["id", "message_id", "msisdn", "sent_at", "status", "delivered_at", "sender"],
    "replies": ["id", "message_id", "msisdn", "received_at", "longcode", "response"],
}


@dataclass(frozen=True)
class Files:
    """A scan of Parquet files, as the store gives it: of known tables, whose numbers are digits."""

    folder: str
    columns: list[str]
    table: str

    def sql(self) -> str:
        return f"read_parquet('{self.folder}/*.parquet', hive_partitioning=false)"


def generate(folder: Path, rows: int) -> None:
    """Write parts in order of time: 10 messages a number, 1,000 campaigns over a year, 2% dead numbers."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "messages").mkdir()
    (folder / "replies").mkdir()
    rng = np.random.default_rng(20261122)
    people = max(rows // 10, 1)
    number = np.char.add("61491", np.char.zfill(np.arange(people).astype(str), 7))
    dead_from = np.where(rng.random(people) < 0.02, rng.random(people), 2.0)
    start = np.datetime64("2025-11-22", "us").astype("int64")
    year = 365 * 86_400 * 10**6
    words = np.array(["delivered", "soft-bounce", "pending", "bounced", "hard-bounce"])
    for first in range(0, rows, PART):
        n = min(PART, rows - first)
        when = np.sort(rng.integers(first * year // rows, (first + n) * year // rows, n))
        who = rng.integers(0, people, n)
        status = rng.choice(4, n, p=[0.96, 0.035, 0.002, 0.003])
        status = np.where(when / year > dead_from[who], 4, status)
        sent = pa.array(start + when // 10**6 * 10**6, pa.timestamp("us", "UTC"))
        seconds = np.minimum(rng.exponential(20 * 10**6, n), 10**9).astype("int64")
        delivered = pa.array(start + when + seconds, pa.timestamp("us", "UTC"), mask=status != 0)
        table = pa.table(
            {
                "id": np.arange(first, first + n),
                "message_id": (when * 1_000 // year),
                "msisdn": pa.array(number[who]),
                "sent_at": sent,
                "status": pa.array(words[status]),
                "delivered_at": delivered,
                "sender": pa.array(np.full(n, SENDER)),
            }
        )
        pq.write_table(table, folder / "messages" / f"part-{first // PART:04d}.parquet", compression="zstd")
        answered = np.sort(rng.choice(n, n // 100, replace=False))
        later = rng.exponential(4 * 3_600 * 10**6, len(answered)).astype("int64")
        replies = pa.table(
            {
                "id": first + answered,
                "message_id": table["message_id"].take(answered),
                "msisdn": table["msisdn"].take(answered),
                "received_at": pa.array(start + when[answered] + later, pa.timestamp("us", "UTC")),
                "longcode": pa.array(np.full(len(answered), SENDER)),
                "response": pa.array(np.full(len(answered), "YES")),
            }
        )
        pq.write_table(replies, folder / "replies" / f"part-{first // PART:04d}.parquet", compression="zstd")


def scan(folder: str, table: str = "messages", *, kept: str = "") -> Files:
    """Scan the files of a table; `kept` is the table of the store that they stand for, if another."""
    return Files(f"{folder}/{table}", COLUMNS[table], kept or table)


def rate_ours(folder: str) -> int:
    from smsdata.analysis.delivery import delivery_rate

    return len(delivery_rate(scan(folder), by=["day", "campaign"], now=NOW))


def rate_sydney(folder: str) -> int:
    from smsdata.analysis.delivery import delivery_rate

    return len(delivery_rate(scan(folder), by=["day", "campaign"], tz="Australia/Sydney", now=NOW))


def connection():
    import duckdb

    return duckdb.connect(config={"preserve_insertion_order": "false"})


def rate_sql(folder: str) -> int:
    return len(
        connection()
        .sql(f"""
        SELECT epoch_us(sent_at) // 86400000000 AS day, message_id, count(*) AS n,
            count(*) FILTER (WHERE status = 'delivered') AS delivered,
            count(*) FILTER (WHERE status = 'soft-bounce') AS soft,
            count(*) FILTER (WHERE status = 'hard-bounce') AS hard,
            count(*) FILTER (WHERE status = 'bounced') AS bounced,
            count(*) FILTER (WHERE status = 'pending') AS pending,
            min(sent_at) AS first, max(sent_at) AS last
        FROM read_parquet('{folder}/messages/*.parquet') GROUP BY 1, 2 ORDER BY 1, 2""")
        .df()
    )


def clustered_sql(folder: str) -> int:
    """Count by day and campaign as `rate_sql` does, and how the settled lie in numbers."""
    return len(
        connection()
        .sql(f"""
        WITH cells AS (
            SELECT epoch_us(sent_at) // 86400000000 AS day, message_id, msisdn,
                count(*) FILTER (WHERE status <> 'pending') AS n,
                count(*) FILTER (WHERE status = 'delivered') AS y
            FROM read_parquet('{folder}/messages/*.parquet') GROUP BY 1, 2, 3
        ),
        spread AS (
            SELECT day, message_id, count(*) FILTER (WHERE n > 0) AS m, max(n) AS most, sum(n * n) AS nn,
                sum(y * n) AS yn, sum(y * y) AS yy
            FROM cells GROUP BY 1, 2
        ),
        counts AS (
            SELECT epoch_us(sent_at) // 86400000000 AS day, message_id, count(*) AS n,
                count(*) FILTER (WHERE status = 'delivered') AS delivered,
                count(*) FILTER (WHERE status = 'soft-bounce') AS soft,
                count(*) FILTER (WHERE status = 'hard-bounce') AS hard,
                count(*) FILTER (WHERE status = 'bounced') AS bounced,
                count(*) FILTER (WHERE status = 'pending') AS pending,
                min(sent_at) AS first, max(sent_at) AS last
            FROM read_parquet('{folder}/messages/*.parquet') GROUP BY 1, 2
        )
        SELECT * FROM counts JOIN spread USING (day, message_id) ORDER BY 1, 2""")
        .df()
    )


def compare_ours(folder: str) -> int:
    from smsdata.analysis.delivery import compare_rates

    return len(compare_rates(scan(folder), by="weekday", now="2026-12-22"))


def compare_sql(folder: str) -> int:
    """Compare weekdays with the first as a hand would: by number, by day and by both, and the covariance."""
    cells = f"""
        SELECT epoch_us(sent_at) // 86400000000 AS day, (epoch_us(sent_at) // 86400000000 + 3) % 7 AS weekday,
            msisdn, count(*) FILTER (WHERE status <> 'pending') AS n,
            count(*) FILTER (WHERE status = 'delivered') AS y
        FROM read_parquet('{folder}/messages/*.parquet') GROUP BY 1, 2, 3"""
    parts = []
    for kind in ("msisdn", "day", "msisdn, day"):
        parts.append(f"""
            SELECT weekday, '{kind}' AS kind, count(*) AS m, sum(n * n) AS nn, sum(y * n) AS yn,
                sum(y * y) AS yy
            FROM (SELECT weekday, {kind}, sum(n) AS n, sum(y) AS y FROM cells GROUP BY ALL) GROUP BY 1""")
        parts.append(f"""
            SELECT weekday, 'with {kind}', count(*), sum((y - n) * (b.y0 - b.n0)), 0, 0
            FROM (SELECT weekday, {kind}, sum(n) AS n, sum(y) AS y FROM cells WHERE weekday > 0 GROUP BY ALL)
            JOIN (SELECT {kind}, sum(n) AS n0, sum(y) AS y0 FROM cells WHERE weekday = 0 GROUP BY ALL) AS b
                USING ({kind}) GROUP BY 1""")
    return len(connection().sql(f"WITH cells AS MATERIALIZED ({cells}) {' UNION ALL '.join(parts)}").df())


def rate_pandas(folder: str) -> int:
    import pandas as pd

    frame = pd.read_parquet(f"{folder}/messages", columns=["sent_at", "message_id", "status"])
    keys = [frame["sent_at"].dt.floor("D"), frame["message_id"]]
    return len(frame.groupby([*keys, "status"]).size().unstack(fill_value=0))


def hard_ours(folder: str) -> int:
    from smsdata.analysis.bounces import hard_bounced

    return len(hard_bounced(scan(folder, kept="dlrs")))


def hard_sql(folder: str) -> int:
    return len(
        connection()
        .sql(f"""
        SELECT msisdn, count(*) AS sends,
            count(*) FILTER (WHERE status = 'hard-bounce') AS bounces,
            count(DISTINCT epoch_us(sent_at) // 86400000000) FILTER (WHERE status = 'hard-bounce') AS days,
            min(sent_at) FILTER (WHERE status = 'hard-bounce') AS first_bounce,
            max(sent_at) FILTER (WHERE status = 'hard-bounce') AS last_bounce,
            max(greatest(sent_at, delivered_at)) FILTER (WHERE status = 'delivered') AS last_delivered
        FROM read_parquet('{folder}/messages/*.parquet') GROUP BY 1
        HAVING bounces > 0 AND (last_delivered IS NULL OR last_delivered < last_bounce) ORDER BY 1""")
        .df()
    )


def replies_ours(folder: str) -> int:
    from smsdata.analysis.replies import attribute_replies

    return len(attribute_replies(scan(folder), scan(folder, "replies")))


def replies_sql(folder: str) -> int:
    return len(
        connection()
        .sql(f"""
        SELECT r.id, r.msisdn, r.received_at, max_by(m.message_id, m.sent_at) AS attributed,
            max(m.sent_at) AS sent_at,
            count(m.message_id) AS candidates, any_value(r.message_id) AS message_id
        FROM read_parquet('{folder}/replies/*.parquet') AS r
        LEFT JOIN read_parquet('{folder}/messages/*.parquet') AS m
            ON r.msisdn = m.msisdn AND r.longcode = m.sender AND m.sent_at <= r.received_at
                AND m.sent_at >= r.received_at - INTERVAL 72 HOUR
        GROUP BY 1, 2, 3 ORDER BY 3, 1""")
        .df()
    )


def times_ours(folder: str) -> int:
    from smsdata.analysis.delivery_times import time_to_deliver

    return len(time_to_deliver(scan(folder, kept="dlrs"), now=NOW))


def times_sql(folder: str) -> int:
    """Count by kind and second, and how the deliveries up to each second lie in numbers."""
    return len(
        connection()
        .sql(f"""
        WITH timed AS (
            SELECT msisdn, status, sent_at, status = 'delivered' AS hit, delivered_at,
                CASE WHEN status = 'delivered' THEN epoch_us(delivered_at) - epoch_us(sent_at)
                    ELSE epoch_us(TIMESTAMPTZ '{NOW} 00:00:00+00') - epoch_us(sent_at)
                END // 1000000 AS seconds
            FROM read_parquet('{folder}/messages/*.parquet')
        ),
        placed AS (
            SELECT *, count(*) OVER (PARTITION BY msisdn) AS n,
                row_number() OVER (
                    PARTITION BY msisdn ORDER BY CASE WHEN hit THEN seconds END NULLS LAST
                ) AS y
            FROM timed
        )
        SELECT hit, status, seconds, count(*) AS total, min(sent_at) AS first, max(sent_at) AS last,
            max(epoch_us(delivered_at) % 60000000 = 0) AS slack, max(n) AS most,
            count(*) FILTER (WHERE y = 1) AS m, sum(n) AS nn,
            sum(n) FILTER (WHERE hit) AS yn, sum(2 * y - 1) FILTER (WHERE hit) AS yy
        FROM placed GROUP BY 1, 2, 3""")
        .df()
    )


FOUND = (
    rate_ours,
    rate_sydney,
    rate_sql,
    clustered_sql,
    compare_ours,
    compare_sql,
    rate_pandas,
    hard_ours,
    hard_sql,
    replies_ours,
    replies_sql,
    times_ours,
    times_sql,
)
WAYS = {way.__name__: way for way in FOUND}
RATIOS = (
    ("rate_ours", "clustered_sql"),
    ("rate_sydney", "clustered_sql"),
    ("rate_ours", "rate_sql"),
    ("compare_ours", "compare_sql"),
    ("rate_ours", "rate_pandas"),
    ("hard_ours", "hard_sql"),
    ("replies_ours", "replies_sql"),
    ("times_ours", "times_sql"),
)


def measure(way: str, folder: str, repeat: int) -> dict[str, float]:
    """Run one way in a fresh process."""
    command = [sys.executable, __file__, "--way", way, "--folder", folder, "--repeat", str(repeat)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def run(way: str, folder: str, repeat: int) -> dict[str, float]:
    seconds, processor = [], []
    for _ in range(repeat):
        began, used = time.perf_counter(), time.process_time()
        rows = WAYS[way](folder)
        seconds.append(time.perf_counter() - began)
        processor.append(time.process_time() - used)
    found = {"seconds": min(seconds), "first": seconds[0], "processor": min(processor)}
    return {**found, "gigabytes": peak_bytes() / 1e9, "rows": rows}


def report(found: dict[str, dict[str, float]]) -> None:
    for way, result in found.items():
        print(
            f"{way:12} {result['seconds']:7.2f} s  first {result['first']:6.2f} s  "
            f"processor {result['processor']:6.2f} s  "
            f"{result['gigabytes']:5.2f} GB  {result['rows']:>9,} rows"
        )
    for ours, other in RATIOS:
        clock, processor = (found[ours][what] / found[other][what] for what in ("seconds", "processor"))
        print(f"{ours} / {other}: {clock:.2f}, of processor time {processor:.2f}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=10_000_000)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--folder")
    options.add_argument("--way", choices=WAYS)
    given = options.parse_args()
    if given.way:
        print(json.dumps(run(given.way, given.folder, given.repeat)))
        return
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), given.rows)
        report({way: measure(way, folder, given.repeat) for way in WAYS})


if __name__ == "__main__":
    main()
