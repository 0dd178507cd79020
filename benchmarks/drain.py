"""What a complete, proved, crash-safe sync costs beside a bare loop, and how close it comes to the limit.

    python benchmarks/drain.py            200,000 messages, then the rate limit
    python benchmarks/drain.py --memory   1,000,000 messages: peak memory of `smsdata sync`
    python benchmarks/drain.py --cpu 5 --dlt PYTHON   five rounds of all three, without the rate limit

The bare loop is what one would write without smsdata: httpx, orjson and pyarrow, eight threads, no
retry, no throttle, no proof, no journal. dlt pages through the same call into Parquet; PYTHON is that of an
environment of its own with ``dlt[parquet]``. Server and client are separate processes on one machine.
Every figure is a ratio against the baseline of the same run.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import resource
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

NOW = "2026-11-22T00:00:00Z"
CREDENTIALS = {
    "SMSDATA_API_KEY": "demo", "SMSDATA_API_SECRET": "demo", "SMSDATA_PROGRESS": "0",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}  # fmt: skip

SERVER = """
    import sys, threading
    from smsdata.simulator import Account, Gateway, running
    messages, limiter, rate, low, high = sys.argv[1:]
    account = Account.bulk(int(messages), recipients=5000, days=29)
    latency = (float(low), float(high)) if float(high) else None
    kind = limiter if limiter != "none" else None
    gateway = Gateway(account, limiter=kind, rate=float(rate), latency=latency)
    with running(gateway) as base_url:
        print(base_url, flush=True)
        sys.stdin.readline()
        print(gateway.throttled, len(gateway.calls), flush=True)
"""

BARE = """
    import sys
    from concurrent.futures import ThreadPoolExecutor
    import httpx, orjson, pyarrow as pa, pyarrow.parquet as pq
    base_url, folder = sys.argv[1:]
    client = httpx.Client(base_url=base_url, auth=("demo", "demo"), timeout=60)
    def page(number):
        asked = {"start": "2026-10-23 00:00:00", "end": "2026-11-22 00:00:00", "page": number, "max": 100}
        return orjson.loads(client.get("get-user-sms-sent.json", params=asked).content)
    first = page(1)
    with ThreadPoolExecutor(8) as pool:
        answers = [first, *pool.map(page, range(2, first["page"]["count"] + 1))]
    rows = [row for answer in answers for row in answer["messages"]]
    names = ("id", "message_id", "sent_at", "msisdn", "caller_id", "status", "message")
    table = pa.table({name: pa.array([row[name] for row in rows]) for name in names})
    pq.write_table(table, folder + "/messages.parquet", compression="zstd")
    print(table.num_rows)
"""

DLT = """
    import sys
    import dlt
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.auth import HttpBasicAuth
    from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator
    base_url, folder = sys.argv[1:]
    pages = PageNumberPaginator(base_page=1, total_path="page.count")
    auth = HttpBasicAuth("demo", "demo")
    client = RESTClient(base_url, auth=auth, paginator=pages, data_selector="messages")
    @dlt.resource(name="messages", primary_key="id")
    def messages():
        asked = {"start": "2026-10-23 00:00:00", "end": "2026-11-22 00:00:00", "max": 100}
        yield from client.paginate("get-user-sms-sent.json", params=asked)
    files = dlt.destinations.filesystem(folder)
    pipeline = dlt.pipeline("sms", destination=files, dataset_name="sms", pipelines_dir=folder + "/dlt")
    pipeline.run(messages(), loader_file_format="parquet")
    print(pipeline.last_trace.last_normalize_info.row_counts["messages"])
"""


@contextmanager
def served(
    messages: int, limiter: str = "none", rate: float = 1, latency: tuple[float, float] = (0, 0)
) -> Iterator[list[str]]:
    """A simulated gateway in a process of its own; afterwards the list holds what it says of itself."""
    words = [str(messages), limiter, str(rate), str(latency[0]), str(latency[1])]
    server = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVER), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    told = [server.stdout.readline().strip()]
    try:
        yield told
        server.stdin.write("\n")
        server.stdin.flush()
        told.append(server.stdout.readline().strip())
    finally:
        server.stdin.close()
        server.wait(10)


def measured(command: list[str], **environment: str) -> dict[str, float]:
    """Run a command: wall and CPU seconds, peak memory in MB, of the whole process."""
    began = time.perf_counter()
    child = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.PIPE, text=True)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{command} failed: {output}")
    return {
        "wall": time.perf_counter() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss / 1024,
        "output": output,
    }


def smsdata_sync(base_url: str, folder: str, rate: float) -> list[str]:
    sync = [sys.executable, "-m", "smsdata", "sync", "--tables", "messages", "--since", "29d", "--now", NOW]
    return [*sync, "--base-url", base_url, "--rate", str(rate), "--share", "1", "--store", folder, "--json"]


def beside_the_bare_loop(messages: int, repeats: int = 3, dlt: str = "") -> None:
    print(f"{messages:,} messages from an unthrottled server, median of {repeats}:")
    programs = {"bare loop": [sys.executable, BARE], "smsdata sync": []} | (
        {"dlt": [dlt, DLT]} if dlt else {}
    )
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in programs}
    with served(messages) as told:
        for _ in range(repeats):
            for name, program in programs.items():
                with tempfile.TemporaryDirectory() as folder:
                    command = smsdata_sync(told[0], folder + "/store", 1e6)
                    if program:
                        command = [program[0], "-c", textwrap.dedent(program[1]), told[0], folder]
                    runs[name].append(measured(command, **CREDENTIALS))
                    if program and int(runs[name][-1]["output"].split()[-1]) != messages:
                        raise SystemExit(f"{name} read something else: {runs[name][-1]['output']}")
    for name, done in runs.items():
        cpu, wall, peak = (median(run[what] for run in done) for what in ("cpu", "wall", "memory"))
        print(f"  {name:<13} cpu {cpu:6.2f} s   wall {wall:6.2f} s   peak {peak:5.0f} MB")
    for name in runs.keys() - {"smsdata sync"}:
        pairs = list(zip(runs["smsdata sync"], runs[name], strict=True))
        for what in ("cpu", "wall", "memory"):
            each = [ours[what] / other[what] for ours, other in pairs]
            print(f"  sync by {name}: {what} {median(each):.2f} ({min(each):.2f} to {max(each):.2f})")


def at_the_limit(latency: tuple[float, float], rate: float = 20, messages: int = 200_000) -> None:
    with served(messages, "sliding", rate, latency) as told, tempfile.TemporaryDirectory() as folder:
        run = measured(smsdata_sync(told[0], folder + "/store", rate), **CREDENTIALS)
    throttled, calls = (int(word) for word in told[1].split())
    ideal = calls / rate
    print(
        f"  latency {latency[0] * 1e3:.0f}-{latency[1] * 1e3:.0f} ms: {calls} calls in {run['wall']:.1f} s, "
        f"ideal {ideal:.1f} s, ratio {run['wall'] / ideal:.3f}, throttled {throttled}"
    )


def memory(messages: int) -> None:
    with served(messages) as told, tempfile.TemporaryDirectory() as folder:
        run = measured(smsdata_sync(told[0], folder + "/store", 1e6), **CREDENTIALS)
        rows = json.loads(run["output"])["tables"]["messages"]["rows"]
        size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file()) / 2**20
    print(
        f"smsdata sync of {rows:,} messages: peak {run['memory']:.0f} MB, cpu {run['cpu']:.1f} s, "
        f"wall {run['wall']:.1f} s, {size:.0f} MB stored"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--cpu", type=int, default=0, help="rounds of bare loop and sync, and no rate limit")
    parser.add_argument("--dlt", default="", help="the Python of an environment with dlt[parquet]")
    asked = parser.parse_args()
    compileall.compile_dir(Path(__file__).parents[1] / "smsdata", quiet=1)  # as an installed package is
    if asked.memory:
        memory(1_000_000)
        return
    beside_the_bare_loop(asked.messages, asked.cpu or 3, asked.dlt)
    if asked.cpu:
        return
    print("20 calls a second under a sliding-second limit, full share:")
    at_the_limit((0.0, 0.0))
    at_the_limit((0.05, 0.3))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
