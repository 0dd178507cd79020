"""Twenty accounts of two calls a second each, side by side and alone: how long, and was any throttled.

    python benchmarks/accounts.py

Each account has a gateway of its own on loopback that refuses what comes faster, with 0.1 to 0.2 s of
latency, all of them in one process; the syncs run in another. One account of twenty has a wrong secret.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path

from smsdata.simulator import Account, Gateway, running

ACCOUNTS, WRONG = 20, 7


def serve_all(pipe: Connection) -> None:
    """Serve until told to end; gives the addresses first, and how many calls were throttled last."""
    with ExitStack() as stack:
        gateways = [
            Gateway(
                Account(seed=n, campaigns=3, recipients=20, singles=3, inbound=4, lists=2, days=15),
                rate=2.0,
                latency=(0.1, 0.2),
                seed=n,
            )
            for n in range(ACCOUNTS)
        ]
        pipe.send([stack.enter_context(running(gateway)) for gateway in gateways])
        pipe.recv()
        pipe.send(sum(gateway.throttled for gateway in gateways))


def write_accounts(folder: Path, addresses: list[str]) -> None:
    entries = [
        f'[accounts.a{n:02}]\nkey = "demo"\nrate = 2\nshare = 1\nbase_url = "{address}"\n'
        f'secret_env = "{"WRONG_SECRET" if n == WRONG else "GOOD_SECRET"}"\n'
        for n, address in enumerate(addresses)
    ]
    (folder / "accounts.toml").write_text("\n".join(entries))
    (folder / "accounts.toml").chmod(0o600)


def seconds_of(folder: Path, *words: str) -> tuple[float, int]:
    """How long a sync takes as a process of its own, and its exit code."""
    environment = os.environ | {"GOOD_SECRET": "demo", "WRONG_SECRET": "none", "HOME": str(folder)}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "smsdata", "sync", "--quiet", *words], cwd=folder, env=environment, check=False
    )
    return time.monotonic() - began, done.returncode


def main() -> None:
    """Measure and print."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("fork").Process(target=serve_all, args=(theirs,))
    server.start()
    with tempfile.TemporaryDirectory(prefix="smsdata-accounts-") as name:
        folder = Path(name)
        write_accounts(folder, ours.recv())
        together, code = seconds_of(folder, "--all-accounts")
        alone = max(
            seconds_of(folder, "--account", f"a{n:02}", "--store", f"alone{n}")[0] for n in (0, 6, 8, 17)
        )
    ours.send("end")
    throttled = ours.recv()
    server.join()
    print(
        f"{ACCOUNTS} accounts together {together:.1f} s, exit {code}; the slowest of four alone {alone:.1f} s"
    )
    print(f"ratio {together / alone:.2f}; throttled {throttled}")


if __name__ == "__main__":
    main()
