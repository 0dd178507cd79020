"""A report of a million messages: seconds, peak memory, size of the page, beside hand-written SQL.

    python benchmarks/report.py [--rows 1000000] [--repeat 3] [--folder STORE]

The store holds as many messages in the month of the report as in the one before, each with its receipt,
and 2% replies. Each way runs in a fresh process. `tables_sql` counts by hand what stands in the tables:
by sender, number, campaign and day in both months, dead numbers, replies, opt-outs and spend. It judges no
change, reads no reply and draws nothing. Processor time stands beside the seconds, for other work on the
machine does not lengthen it as much. The goal: under a minute and 1 GB, a page of at most 500 KB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from own_memory import peak_bytes

NOW = "2026-11-22"
MONTHS = (("2026-09-01", 30), ("2026-10-01", 31))
SENDERS = ("61491570006", "61491570156", "ACME")
CAMPAIGNS = 300
ANSWERS = (
    "YES",
    "thank you",
    "STOP",
    "who is this?",
    "what time do you open",
    "not interested",
    "ok",
    "unsubscribe me",
)


def generate(folder: Path, rows: int) -> None:
    """Fill a store: numbers of ten digits too many to be anybody's beside the reserved ones, 2% dead."""
    import numpy as np

    from smsdata import Store

    dice = np.random.default_rng(20261122)
    people = max(rows // 8, 10)
    spare = np.char.add("61491", np.char.zfill(np.arange(people).astype(str), 7))
    number = np.where(
        np.arange(people) < 10_000,
        np.char.add("6149157", np.char.zfill((np.arange(people) % 10_000).astype(str), 4)),
        spare,
    )
    dead = dice.random(people) < 0.02
    store = Store(folder)
    with store.writing():
        for place, (first, days) in enumerate(MONTHS):
            month(store, dice, place, first, days, rows, number, dead)
        members(store, number)


def table(name, count, /, **columns):
    """Rows of a table of the store: null where nothing is given."""
    import pyarrow as pa

    from smsdata.schema.frames import schema

    fields = schema(name)
    made = [
        pa.array(columns[f.name]).cast(f.type) if f.name in columns else pa.nulls(count, f.type)
        for f in fields
    ]
    return pa.Table.from_arrays(made, schema=fields)


def month(store, dice, place, first, days, rows, number, dead):
    import numpy as np
    import pyarrow as pa

    start, length = np.datetime64(first, "us").astype("int64"), days * 86_400 * 10**6
    campaign = np.sort(dice.integers(0, CAMPAIGNS, rows))
    sent = start + campaign * (length // CAMPAIGNS) + dice.integers(0, 60, rows) * 10**6
    # nobody gets a send twice: a stride that is prime to the number of people
    who = (np.arange(rows) * 7 + campaign * 131) % len(number)
    status = np.array(["delivered", "soft-bounce", "bounced", "hard-bounce"])[
        np.where(dead[who], 3, dice.choice(3, rows, p=[0.955, 0.04, 0.005]))
    ]
    ids = place * CAMPAIGNS + campaign + 1
    when, seen = (
        pa.array(sent, pa.timestamp("us", "UTC")),
        pa.array(np.full(rows, np.datetime64(NOW, "us")), pa.timestamp("us")).cast(pa.timestamp("us", "UTC")),
    )
    same = {"message_id": ids, "msisdn": number[who], "sent_at": when, "status": status, "synced_at": seen}
    key = place * rows + np.arange(rows)
    store.merge(
        "messages",
        table(
            "messages",
            rows,
            id=key,
            sender=np.array(SENDERS)[campaign % 3],
            message=np.full(rows, "Sale on now. Reply STOP to opt out"),
            **same,
        ),
    )
    arrived = pa.array(sent + dice.integers(2, 90, rows) * 10**6, pa.timestamp("us", "UTC"))
    store.merge(
        "dlrs",
        table(
            "dlrs",
            rows,
            optout=dice.random(rows) < 0.003,
            delivered_at=arrived,
            copies=np.ones(rows, "int64"),
            **same,
        ),
    )
    answered = np.sort(
        dice.choice(np.flatnonzero((status == "delivered") & (campaign % 3 < 2)), rows // 50, replace=False)
    )
    later = sent[answered] + dice.integers(10**7, 10**11, len(answered))
    store.merge(
        "replies",
        table(
            "replies",
            len(answered),
            id=key[answered],
            message_id=ids[answered],
            msisdn=number[who][answered],
            longcode=np.array(SENDERS)[campaign % 3][answered],
            received_at=pa.array(later, pa.timestamp("us", "UTC")),
            response=dice.choice(ANSWERS, len(answered)),
            synced_at=seen[: len(answered)],
        ),
    )
    campaigns(store, ids, status, sent, seen)


def campaigns(store, ids, status, sent, seen):
    import numpy as np
    import pyarrow as pa

    each, first = np.unique(ids, return_index=True)
    counts = {
        word: np.bincount(np.searchsorted(each, ids[status == word]), minlength=len(each))
        for word in ("delivered", "soft-bounce", "hard-bounce")
    }
    total = np.bincount(np.searchsorted(each, ids), minlength=len(each))
    zero, n = np.zeros(len(each), "int64"), len(each)
    store.merge(
        "campaigns",
        table(
            "campaigns",
            n,
            message_id=each,
            type=["sms"] * n,
            status=["sent"] * n,
            parts=total,
            cost=total * 0.06,
            message=[f"Sale {one} on now. Reply STOP to opt out" for one in each],
            pending=zero,
            delivered=counts["delivered"],
            soft_bounced=counts["soft-bounce"],
            hard_bounced=counts["hard-bounce"],
            optouts=zero,
            responses=zero,
            sent_at=pa.array(sent[first], pa.timestamp("us", "UTC")),
            synced_at=seen[:n],
        ),
    )


def members(store, number):
    import numpy as np
    import pyarrow as pa

    n, at = len(number), np.datetime64(NOW, "us")
    seen = pa.array(np.full(n, at), pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    which = np.arange(n) % 4 + 1
    store.merge(
        "list_members",
        table(
            "list_members",
            n,
            list_id=which,
            msisdn=number,
            status=np.full(n, "active"),
            fields=np.full(n, "{}"),
            synced_at=seen,
        ),
    )
    count = np.bincount(which)[1:]
    store.merge(
        "lists",
        table(
            "lists",
            4,
            list_id=[1, 2, 3, 4],
            name=[f"List {one}" for one in range(1, 5)],
            members_active=count,
            members_total=count,
            fields=["{}"] * 4,
            synced_at=seen[:4],
        ),
    )


def report_ours(folder: str) -> int:
    from smsdata.report.page import report_page
    from smsdata.report.periods import period_of
    from smsdata.times import instant

    return len(report_page(folder, period_of("2026-10", now=instant(NOW))).html.encode())


def tables_sql(folder: str) -> int:
    import duckdb

    run = duckdb.connect(config={"preserve_insertion_order": "false"}).sql
    at = {
        name: f"read_parquet('{folder}/{name}/**/*.parquet', hive_partitioning=false)"
        for name in ("messages", "dlrs", "replies", "campaigns", "list_members")
    }
    counts = ", ".join(
        f"count(*) FILTER (WHERE status = '{word}')"
        for word in ("delivered", "soft-bounce", "hard-bounce", "bounced", "pending")
    )
    now, hard = "sent_at >= TIMESTAMPTZ '2026-10-01 00:00+00'", "status = 'hard-bounce'"
    rows = 0
    for by in ("sender", "msisdn", "message_id", "sent_at::DATE"):
        rows += len(
            run(f"SELECT {now} AS period, {by}, {counts} FROM {at['messages']} GROUP BY ALL").to_arrow_table()
        )
    dead = f"""
        SELECT msisdn FROM {at["dlrs"]} GROUP BY 1
        HAVING count(DISTINCT sent_at::DATE) FILTER (WHERE {hard}) > 1
            AND max(sent_at) FILTER (WHERE status = 'delivered') IS NULL"""
    answered = f"""
        SELECT m.message_id, r.id, r.response FROM {at["replies"]} r
        JOIN {at["messages"]} m ON r.msisdn = m.msisdn AND r.longcode = m.sender
            AND m.sent_at BETWEEN r.received_at - INTERVAL 72 HOUR AND r.received_at
        WHERE m.{now}"""
    left = f"SELECT msisdn, min(sent_at) AS since FROM {at['dlrs']} WHERE optout GROUP BY 1"
    breaches = f"""
        SELECT m.id FROM {at["messages"]} m
        JOIN ({left}) o ON m.msisdn = o.msisdn AND m.sent_at > o.since WHERE m.{now}"""
    for query in (
        f"SELECT list_id, count(*) FROM {at['list_members']} WHERE msisdn IN ({dead}) GROUP BY 1",
        answered,
        f"SELECT count(*), count(*) FILTER (WHERE optout) FROM {at['dlrs']} WHERE {now}",
        breaches,
        f"SELECT sent_at::DATE, sum(cost) FROM {at['campaigns']} GROUP BY 1",
    ):
        rows += len(run(query).to_arrow_table())
    return rows


WAYS = {way.__name__: way for way in (report_ours, tables_sql)}


def measure(way: str, folder: str, repeat: int) -> list[dict[str, float]]:
    command = [sys.executable, __file__, "--way", way, "--folder", folder]
    return [
        json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        for _ in range(repeat)
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--folder")
    options.add_argument("--way", choices=WAYS)
    given = options.parse_args()
    if given.way:
        began = time.perf_counter()
        result = WAYS[given.way](given.folder)
        seconds = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_SELF)
        found = {"seconds": seconds, "processor": used.ru_utime + used.ru_stime, "result": result}
        print(json.dumps(found | {"gigabytes": peak_bytes() / 1e9}))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or f"{temporary}/store"
        if not Path(folder).exists():
            generate(Path(folder), given.rows)
        best = {}
        for way in WAYS:
            runs = measure(way, folder, given.repeat)
            best[way] = {name: min(run[name] for run in runs) for name in ("seconds", "processor")}
            peak, of = max(run["gigabytes"] for run in runs), "bytes" if way == "report_ours" else "rows"
            print(
                f"{way:12} {best[way]['seconds']:6.1f} s  processor {best[way]['processor']:6.1f} s  "
                f"{peak:5.2f} GB  {runs[0]['result']:>10,} {of}"
            )
        for name in ("seconds", "processor"):
            print(
                f"{name}: report_ours / tables_sql {best['report_ours'][name] / best['tables_sql'][name]:.1f}"
            )


if __name__ == "__main__":
    main()
