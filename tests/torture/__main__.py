"""The long forms: ``python -m tests.torture kill --seed 1``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable

import pyarrow as pa
import stamina

from . import (
    backtests,
    between,
    callback_fuzz,
    callback_orders,
    callback_polls,
    callbacks,
    drift,
    erasure,
    fault,
    fuzz,
    histories,
    hygiene,
    identity,
    kill,
    lateness,
    live_lists,
    live_week,
    outages,
    power,
    retention,
    sweep,
    year,
)
from .tally import Tally

os.environ["SMSDATA_PROGRESS"] = "0"
pa.set_cpu_count(1)  # the rows are few: threads would only cost
KINDS: dict[str, Callable[[int], Iterable[Tally]]] = {
    "kill": lambda seed: [kill.run(seed)],
    "power": lambda seed: [power.run(seed)],
    "sweep": lambda seed: [sweep.run(seed)],
    "fault": lambda seed: [fault.run(seed)],
    "drift": lambda seed: [drift.run(seed)],
    "year": lambda seed: (year.run(one) for one in range(seed, seed + 20)),
    "lateness": lambda seed: [lateness.run(seed)],
    "fuzz": lambda seed: [fuzz.run(seed)],
    "histories": lambda seed: (part.run(seed) for part in (histories, outages, between)),
    "identity": lambda seed: [identity.run(seed)],
    "erasure": lambda seed: (
        erasure.run(seed, rows=rows, strikes=strikes) for rows, strikes in ((0, None), (200_000, 12))
    ),
    "retention": lambda seed: [retention.run(seed)],
    "hygiene": lambda seed: [hygiene.run(seed)],
    "backtest": lambda seed: [backtests.run(seed)],
    "live-lists": lambda seed: [live_lists.run(seed)],
    "callbacks": lambda seed: (
        part.run(seed) for part in (callbacks, callback_fuzz, callback_orders, callback_polls)
    ),
    "live-week": lambda seed: [live_week.run(seed)],
}


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.torture")
    asked.add_argument("kind", choices=[*KINDS, "all"])
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    sys.stdout.write(f"seed {given.seed}, commit {commit.stdout.strip() or 'none'}\n")
    wrong = 0
    home = tempfile.TemporaryDirectory(prefix="smsdata-torture-")  # where budgets of calls are kept
    os.environ["HOME"] = home.name
    with home, stamina.set_testing(True, attempts=8, cap=True):
        for kind in KINDS if given.kind == "all" else [given.kind]:
            for tally in KINDS[kind](given.seed):
                sys.stdout.write(f"{tally}\n")
                sys.stdout.flush()
                wrong += len(tally.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
