"""The same work for many accounts at once: each in a thread of its own, one that fails alone, one summary.

Owns how accounts run side by side, and the exit code of all. Each account has its own client, so its own rate
and budget of calls, and its own store: they share nothing but the machine. Imports `app`, `account_file`,
`gateway` and `store`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

from smsdata.account_file import AccountEntry, read_accounts
from smsdata.cli.app import CommonOptions, WhyFailed, client_of, failure_of, require_credentials
from smsdata.errors import UsageError
from smsdata.gateway.caller import break_off
from smsdata.gateway.client import Client
from smsdata.settings import Settings
from smsdata.store.store import Store

MOST_AT_ONCE = 32
PATIENCE = 60.0
"""How often those that are still at work are named, in seconds."""
WORST_FIRST = (130, 1, 2, 5, 4, 3)
"""The exit code of many is the first of these that any of them had, else 0."""

Work = Callable[[str, Client, Store], tuple[int, dict[str, Any]]]
"""What is done for one account, by its name: gives its exit code and what it tells."""


@dataclass(frozen=True)
class Outcome:
    """What came of one account; `told` is what its work told, or `error` why there is none."""

    exit_code: int
    seconds: float
    store: str
    told: dict[str, Any] | None = None
    error: WhyFailed | None = None

    def as_json(self) -> dict[str, Any]:
        """What stands under the account's name with --json."""
        return {
            "exit_code": self.exit_code, "seconds": round(self.seconds, 1), "store": self.store,
            "result": self.told, "error": self.error and self.error.as_json(),
        }  # fmt: skip


def worst_of(codes: Iterable[int]) -> int:
    """The exit code of many.

    >>> worst_of([0, 3, 1, 4]), worst_of([0, 3, 4]), worst_of([])
    (1, 4, 0)
    """
    there = set(codes)
    return next((code for code in WORST_FIRST if code in there), 0)


def side_by_side(
    entries: Mapping[str, AccountEntry],
    work: Work,
    given: Mapping[str, Any],
    now: str | None = None,
    *,
    connect: Callable[[Settings, str | None], Client] = client_of,
    failed: Callable[[str, Outcome], None] = lambda _name, _outcome: None,
    waits: Callable[[list[str], float], None] = lambda _names, _seconds: None,
    patience: float = PATIENCE,
) -> dict[str, Outcome]:
    """Do the work of every account at once; gives what came of each, in the order of the file.

    `given` are settings that hold for all. Secrets are looked up one after the other, for a keyring or a
    command may ask a person; an account whose secret is there begins at once, and those that ask a command
    come last, so that one which hangs holds up nobody else. `failed` hears of each account that failed, at
    once, and `waits` every `patience` seconds of those that are still at work. Ctrl-C breaks off the calls of
    all. `connect` is for tests.
    """
    os.environ["SMSDATA_PROGRESS"] = "0"  # twenty bars on one terminal could not be read
    outcomes: dict[str, Outcome] = {}
    waiting: dict[str, Future[Outcome]] = {}
    clients: list[Client] = []
    pool = ThreadPoolExecutor(min(MOST_AT_ONCE, len(entries) or 1), thread_name_prefix="smsdata-account")
    try:
        for name in sorted(entries, key=lambda name: entries[name].asks_a_command):
            try:
                chosen = entries[name].settings(**given)
                require_credentials(chosen)
            except Exception as error:
                failure = failure_of(error)
                outcomes[name] = Outcome(failure.exit_code, 0.0, str(entries[name].store), error=failure)
                failed(name, outcomes[name])
                continue
            waiting[name] = pool.submit(
                _of_one, name, chosen, work, clients, partial(connect, chosen, now), failed
            )
        began = time.monotonic()
        while left := [name for name, future in waiting.items() if not future.done()]:
            still = wait([waiting[name] for name in left], patience).not_done
            if still:
                waits([name for name in left if waiting[name] in still], time.monotonic() - began)
        outcomes |= {name: future.result() for name, future in waiting.items()}
    except BaseException:
        for client in clients:
            break_off(client)
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return {name: outcomes[name] for name in entries}


def naming_who_waits(common: CommonOptions) -> Callable[[list[str], float], None]:
    """Say from time to time whose work is still under way."""

    def waits(names: list[str], seconds: float) -> None:
        common.say(f"still at work after {seconds:.0f} s: {', '.join(names)}")

    return waits


def _of_one(
    name: str,
    chosen: Settings,
    work: Work,
    clients: list[Client],
    connect: Callable[[], Client],
    failed: Callable[[str, Outcome], None],
) -> Outcome:
    began = time.monotonic()
    try:
        with connect() as client:
            clients.append(client)
            code, told = work(name, client, Store(chosen.store))
    except Exception as error:
        failure = failure_of(error)
        outcome = Outcome(failure.exit_code, time.monotonic() - began, str(chosen.store), error=failure)
        failed(name, outcome)
        return outcome
    return Outcome(code, time.monotonic() - began, str(chosen.store), told)


def chosen_accounts(common: CommonOptions) -> dict[str, AccountEntry]:
    """All accounts of the file, for a command that is run for each of them.

    Raises
    ------
    UsageError
        The file names none, or an option of one account stands beside it.
    """
    common.refuse_ignored(
        "with --all-accounts each account has its own", "account", "store", "base_url", "rate", "share"
    )
    entries = read_accounts(common.accounts_file)
    if not entries:
        raise UsageError(
            f"{common.accounts_file} names no account: add [accounts.NAME] or a reseller's clients."
        )
    return entries
