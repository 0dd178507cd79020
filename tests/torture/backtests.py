"""Backtests: whether the interval of a backtest covers the truth, and whether it warns of every outage.

Accounts of the simulator live for months, with dead numbers, numbers that are barred for some weeks and live
again, and outages before and after the time that is gone back to. Later sends reach everybody, a half, or,
where the owner cleaned up, whom he put back. Who is alive is known from the simulator alone, and whom the
rules would have removed from a copy of the store that was really stopped then.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from smsdata import Store, hygiene, sync
from smsdata.analysis.core.statistics import wilson
from smsdata.hygiene import Backtest
from smsdata.simulator import Account, Gateway, Outage
from tests.support.clients import connected
from tests.support.hygiene_world import number
from tests.support.sync_world import present

from .tally import Tally

Look = Callable[[Store, datetime], Backtest]
BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
WEEK = timedelta(days=7)
WRITES_TO = ("everybody", "half", "put back")
LEAST_COVERED = 0.93


@dataclass(frozen=True)
class Life:
    """What an account is to go through."""

    seed: int
    size: int
    before: int
    after: int
    barred: float
    dead: float
    writes_to: str
    outages: tuple[tuple[int, float, str], ...]
    """Each: the send that it strikes, which share of the range, how numbers of the range begin."""


@dataclass(frozen=True)
class Lived:
    """What came of it: two stores, and the truth."""

    store: Store
    then: datetime
    removed: set[str]
    alive: set[str]

    @property
    def truth(self) -> float:
        """Share of the removed numbers that were alive."""
        return len(self.removed & self.alive) / len(self.removed)


def life(seed: int, writes_to: Sequence[str] = WRITES_TO) -> Life:
    """Draw one."""
    rng = np.random.default_rng(seed)
    before, after = int(rng.integers(6, 15)), int(rng.integers(3, 8))
    struck: list[int] = []
    if rng.random() < 0.5:  # before: in the newest send, or an earlier one
        struck.append(int(rng.choice([before - 1, int(rng.integers(0, before))])))
    if rng.random() < 0.3:
        struck.append(before + int(rng.integers(0, after)))
    outages = tuple(
        (send, float(rng.choice([0.15, 0.35, 0.9])), str(rng.choice(["", "6149157", "614915702"])))
        for send in struck
    )
    chosen = str(rng.choice(writes_to))
    return Life(
        seed=seed, size=int(rng.integers(120, 260)), before=before, after=after,
        barred=0.07 if chosen == "put back" else float(rng.choice([0.0, 0.03, 0.07])),
        dead=float(rng.choice([0.02, 0.05])), writes_to=chosen, outages=outages,
    )  # fmt: skip


def _outages(one: Life, rng: np.random.Generator) -> list[Outage]:
    """Outages of carriers, and of single numbers: barred from before that time until soon after it."""
    hour = timedelta(hours=1)
    at = [BEGIN + send * WEEK for send, *_ in one.outages]
    carriers = [
        Outage(when - hour, when + hour, prefix=prefix, share=share)
        for when, (_, share, prefix) in zip(at, one.outages, strict=True)
    ]
    then = BEGIN + one.before * WEEK
    barred = rng.choice(one.size, int(one.size * one.barred), replace=False).tolist()
    weeks = rng.uniform([1, 0], [5, 1.9], (len(barred), 2)).tolist()
    return carriers + [
        Outage(then - begin * WEEK, then + end * WEEK, prefix=number(n))
        for n, (begin, end) in zip(barred, weeks, strict=True)
    ]


def lived(one: Life, folder: Path) -> Lived:
    """Let an account live, with a sync before each send."""
    rng = np.random.default_rng(one.seed)
    account = Account(
        one.seed, BEGIN - timedelta(hours=2), days=1, campaigns=0, singles=0, inbound=0, lists=0, clients=0,
        dead=one.dead, reply_rate=0.01, link_rate=0.0, readd_refused=0.0, outages=_outages(one, rng),
    )  # fmt: skip
    store, gateway = Store(folder / "store"), Gateway(account, limiter=None)
    people = account.contacts.add_list("Everybody")
    for n in range(one.size):
        account.contacts.add_member(people, number(n))
    account.advance(hours=2)
    dead = {str(msisdn) for msisdn in account.sending.habits.dead.tolist()}
    alive = {number(n) for n in range(one.size)} - dead
    for week in range(one.before):
        _send(account, people, one, rng, week)
        with connected(gateway) as client:
            sync(client, store, since="200d")
    account.advance(hours=2)
    with connected(gateway) as client:
        sync(client, store)
    then = present(account)
    shutil.copytree(store.path, folder / "stopped")
    plan = hygiene.plan(Store(folder / "stopped"), now=then)
    removed = set(plan.loc[plan["tier"] == "remove", "msisdn"])
    account.advance(hours=12)
    if one.writes_to == "put back":
        _clean(account, people, removed, alive, rng)
    for week in range(one.before, one.before + one.after):
        _send(account, people, one, rng, week)
    account.advance(days=5)
    with connected(gateway) as client:
        sync(client, store)
    return Lived(store, then, removed, alive)


def _send(account: Account, people: int, one: Life, rng: np.random.Generator, week: int) -> None:
    """Send at the hour of the week, and wait almost until the next one."""
    account.advance((BEGIN + week * WEEK - present(account)).total_seconds())
    if week >= one.before and one.writes_to == "half":
        half = rng.choice(one.size, one.size // 2, replace=False).tolist()
        account.send_campaign(numbers=[number(n) for n in half], text="hello")
    else:
        account.send_campaign(people, "hello")
    account.advance(days=6)


def _clean(
    account: Account, people: int, removed: set[str], alive: set[str], rng: np.random.Generator
) -> None:
    """The owner takes them off the list; some of those that live ask to be put back, few of the others."""
    for msisdn in sorted(removed):
        account.contacts.delete_member(msisdn, people)
        if rng.random() < (0.8 if msisdn in alive else 0.05):
            account.contacts.add_member(people, msisdn)


def judge(one: Life, came: Lived, looked: Backtest, tally: Tally) -> None:
    """Compare a backtest with the truth."""
    where = f"account {one.seed}"
    tally.fired["accounts"] += 1
    tally.fired[f"writes to {one.writes_to}"] += 1
    tally.fired["removed"] += len(came.removed)
    tally.fired["removed alive"] += len(came.removed & came.alive)
    if looked.removed != len(came.removed):
        tally.wrong.append(f"{where}: {looked.removed} would have been removed, not {len(came.removed)}")
    if looked.known:
        tally.fired["intervals"] += 1
        tally.fired["known"] += looked.known
        tally.fired["covered"] += looked.low <= came.truth <= looked.high
    if one.outages:
        tally.fired["with an outage"] += 1
        if not looked.warnings:
            tally.wrong.append(f"{where}: an outage, and no warning")
    else:
        kind = "with barred numbers" if one.barred else "calm"
        tally.fired[kind] += 1
        tally.fired[f"{kind}, warned"] += bool(looked.warnings)


# ---- bugs made on purpose ---------------------------------------------------------------------------------


def _only_of_known(store: Store, then: datetime) -> Backtest:
    """Takes those who are written to again for a fair sample of all."""
    looked = hygiene.backtest(store, then)
    (low,), (high,) = wilson([looked.alive], [looked.known])
    return replace(looked, low=float(low), high=float(high))


def _hindsight(store: Store, then: datetime) -> Backtest:
    """Judges by what is known today."""
    plan = hygiene.plan(store, now=then)
    return replace(hygiene.backtest(store, then), removed=int((plan["tier"] == "remove").sum()))


def _silent(store: Store, then: datetime) -> Backtest:
    """Sees no day but in what it removes."""
    return replace(hygiene.backtest(store, then), spikes=(), revived=())


BUGS: dict[str, tuple[Look, int, Sequence[str]]] = {
    "the known stand for all": (_only_of_known, 10, ("put back",)),
    "what is known today": (_hindsight, 3, WRITES_TO),
    "no days looked at": (_silent, 12, WRITES_TO),
}
"""Each with how many accounts of which kind show it."""


def run(
    seed: int,
    *,
    accounts: int = 300,
    look: Look = hygiene.backtest,
    writes_to: Sequence[str] = WRITES_TO,
    until_wrong: bool = False,
) -> Tally:
    """Let accounts live, go back, and compare with the truth; too few intervals that cover it are wrong."""
    tally = Tally("backtest", seed)
    for account in range(accounts):
        with tempfile.TemporaryDirectory(prefix="smsdata-backtest-") as folder:
            one = life(1000 * seed + account, writes_to)
            came = lived(one, Path(folder))
            judge(one, came, look(came.store, came.then), tally)
        if until_wrong and tally.wrong:
            return tally
    covered, all_ = tally.fired["covered"], tally.fired["intervals"]
    if covered < LEAST_COVERED * all_:
        tally.wrong.append(f"{covered} of {all_} intervals cover the truth")
    return tally
