"""Lateness: replies listed late, a `Date` that is wrong, kills at every call of passes over a year.

Each account is compared with the simulator's truth after one plain run more.
"""

from __future__ import annotations

import copy
import os
import random
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

from smsdata.errors import SmsDataError
from smsdata.ingest import pipeline, plan, targets
from smsdata.ingest.run import sync
from smsdata.simulator import Account, Answer, Gateway
from smsdata.store.state import Pending, State
from smsdata.store.store import Store
from tests.support.clients import connected
from tests.support.comparison import described, differences

from .kill import in_child
from .tally import Tally

NIGHTS = 30
FAR = "https://sms.example/"  # whose Date is compared with this machine's clock; a loopback one is the clock
SKEWS = [900, -900, 3_600, -11 * 3_600, 11 * 3_600, 86_400, -86_400, 7 * 86_400, -7 * 86_400]
TABLES = ("campaigns", "messages", "dlrs", "optouts", "replies", "list_members")


# ---- broken on purpose ---------------------------------------------------------------------------------


def _no_look_back(now: datetime, cursor: datetime | None, *, weekly: bool) -> datetime:
    del weekly
    return cursor or now


@dataclass(frozen=True)
class Bug:
    """A place of the product and what takes its stead."""

    owner: Any
    name: str
    instead: Callable[..., Any]


def _marked_first(bug: Callable[..., None]) -> Callable[..., None]:
    def set_out(under_way: pipeline.Pipeline, options: plan.SyncOptions) -> None:
        bug(under_way, options)
        state, oldest = under_way.state, plan.oldest_kept(under_way.now())
        for table, start in list(state.pending.compare_from.items()):
            if start <= oldest and state.cursors.get("campaigns"):
                state.pending.finish(table)
                state.mark_read(table, under_way.now())
        under_way.store.save_state()

    return set_out


def _forgotten(state: State, table: str, first: datetime) -> None:
    """The target lives in this process alone."""
    state.kept_from[table] = first


BUGS: dict[str, list[Bug]] = {
    "no look-back for replies": [
        Bug(plan, "replies_again_from", _no_look_back),
        Bug(plan, "lacking_replies", lambda *_asked: {}),
    ],
    "weekly marked before its children": [Bug(targets, "set_out", _marked_first(targets.set_out))],
    "target not kept": [
        Bug(targets, "remember_asked", lambda *_asked: None),
        Bug(Pending, "reach_back", lambda *_asked: None),
    ],
}


@contextmanager
def broken(bugs: Iterable[Bug]) -> Iterator[None]:
    """Put seeded bugs in; only torture does, and only to see them caught."""
    with ExitStack() as stack:
        for bug in bugs:
            stack.enter_context(mock.patch.object(bug.owner, bug.name, bug.instead))
        yield


# ---- nights --------------------------------------------------------------------------------------------


def _account(seed: int, **options: Any) -> Account:
    chosen: dict[str, Any] = {
        "campaigns": 8, "recipients": 20, "singles": 6, "inbound": 6, "lists": 2, "days": 25, "clients": 0,
        "reply_rate": 0.3, "link_rate": 0.05,
    }  # fmt: skip
    return Account(seed=seed, **chosen | options)


def _sync(account: Account, gateway: Any, store: Path, **options: Any) -> list[str]:
    with connected(gateway, base_url=FAR, wall=lambda: account.time) as made:
        return sync(made, store, **options).attention


def live(seed: int, nights: int, tally: Tally) -> list[str]:
    """Nights on which replies are listed late and the Date is off now and then."""
    rng = random.Random(seed)
    account = _account(seed, late_replies=0.6)
    account.schedule(days=nights, campaigns=nights, recipients=15, singles=nights, inbound=3 * nights)
    with tempfile.TemporaryDirectory(prefix="smsdata-late-") as folder:
        store = Path(folder) / "store"
        for _ in range(nights):
            account.advance(hours=24)
            off = rng.choice(SKEWS) if rng.random() < 0.4 else 0
            tally.fired["nights with a wrong Date"] += bool(off)
            _sync(account, Gateway(account, limiter=None, date_offset=off), store)
            tally.fired["nights"] += 1
        account.advance(hours=24)
        wrong = _sync(account, Gateway(account, limiter=None), store)
        replies = account.state.inbox.replies
        tally.fired["replies listed late"] += sum(reply.listed_after > 0 for reply in replies)
        return wrong + described(differences(Store(store), account, _late_tables(account, Store(store))))


def _late_tables(account: Account, store: Store) -> list[str]:
    """Messages and dlrs are kept from 30 days before the first run on: by now all there is, or not at all."""
    first = store.state.kept_from["messages"]
    young = all(row["sent_at"] >= first for row in account.truth("messages"))
    return list(TABLES) if young else [table for table in TABLES if table not in {"messages", "dlrs"}]


# ---- kills ---------------------------------------------------------------------------------------------


@dataclass
class Deadly:
    """A gateway whose caller dies at the k-th call."""

    gateway: Gateway
    at: int
    made: int = field(default=0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.gateway, name)

    def respond(self, *asked: Any, **how: Any) -> Answer:
        self.made += 1
        if self.made == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.gateway.respond(*asked, **how)


@dataclass(frozen=True)
class Pass:
    """A run that is killed, on an account and what is stored of it before."""

    name: str
    account: Account
    store: Path
    options: dict[str, Any]
    calls: int


def passes(seed: int, folder: Path, names: Sequence[str] = ("first", "since", "weekly")) -> list[Pass]:
    """A first run, one with `since`, and a weekly one, of an account of nearly a year."""
    account = _account(seed, days=350, campaigns=30)
    made = []
    for name in names:
        world, store = account, folder / name
        store.mkdir()
        if name == "weekly":
            world = copy.deepcopy(account)
            _sync(world, Gateway(world, limiter=None), store)
            world.advance(days=6)
            _sync(world, Gateway(world, limiter=None), store)
            _change_old_sends(world)
            world.advance(days=2)
        options = {"since": "200d"} if name == "since" else {}
        counting, copied = Deadly(Gateway(world, limiter=None), 0), folder / f"{name}-count"
        shutil.copytree(store, copied)
        _sync(world, counting, copied, **options)
        made.append(Pass(name, world, store, options, counting.made))
    return made


def _change_old_sends(account: Account) -> None:
    """Months after they were sent somebody opts out of some sends."""
    for send in [one for one in account.sends if not one.single and len(one.rows) > 1][:12]:
        account.optout_by_link(send.message_id, int(account.recipients["msisdn"][send.rows[0]]))


def strike(one: Pass, at: int, tally: Tally) -> None:
    """Kill a run at a call, run again without any option, compare."""
    with tempfile.TemporaryDirectory(prefix="smsdata-late-") as folder:
        store = Path(folder) / "store"
        shutil.copytree(one.store, store)
        deadly = Deadly(Gateway(one.account, limiter=None), at)
        killed = in_child(lambda: _sync(one.account, deadly, store, **one.options), patience=60)
        tally.fired[f"{one.name}: {'kills' if killed else 'ended before'}"] += 1
        try:
            wrong = _sync(one.account, Gateway(one.account, limiter=None), store)
            wrong += _against_truth(one, Store(store))
        except SmsDataError as error:
            wrong = [f"{type(error).__name__}: {error}"]
        tally.wrong += [f"{one.name} killed at call {at}: {line}" for line in wrong]


def _against_truth(one: Pass, store: Store) -> list[str]:
    """All tables; messages and dlrs from when on they were asked for."""
    kept = [table for table in TABLES if table not in {"messages", "dlrs"}]
    wrong = described(differences(store, one.account, kept)) + [str(line) for line in store.verify()]
    days = 200 if "since" in one.options else 30
    first = datetime.fromtimestamp(one.account.now - days * 86_400, UTC)
    for table in ("messages", "dlrs"):
        columns = ["message_id", "msisdn", "status"]
        have = store.rows(table, since=first, columns=columns).to_pylist()
        true = [row for row in one.account.truth(table) if row["sent_at"] >= first]
        lost = {tuple(row[c] for c in columns) for row in true} ^ {
            tuple(row[c] for c in columns) for row in have
        }
        wrong += [f"{table}: {len(lost)} rows lost, foreign or wrong"] * bool(lost)
    return wrong


def run(
    seed: int,
    *,
    nights: int = NIGHTS,
    every: int = 1,
    names: Sequence[str] = ("first", "since", "weekly"),
    bugs: Sequence[Bug] = (),
    until_wrong: bool = False,
) -> Tally:
    """Live through the nights, then kill at every call (or every n-th) of the passes."""
    tally = Tally("lateness", seed)
    with broken(bugs), tempfile.TemporaryDirectory(prefix="smsdata-late-") as folder:
        if nights:
            tally.wrong += live(seed, nights, tally)
        for one in passes(seed, Path(folder), names):
            for at in range(1 + seed % every, one.calls + 1, every):
                if not (until_wrong and tally.wrong):
                    strike(one, at, tally)
    return tally
