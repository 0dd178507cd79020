"""Today's rules on the store of then, beside a store that was really stopped then; and what came of it."""

from __future__ import annotations

import atexit
import copy
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smsdata import Client, Store, UsageError, hygiene, sync
from smsdata.hygiene.planning import last_heard
from smsdata.simulator import Account, Gateway
from tests.support.hygiene_world import make_world, number
from tests.support.sync_world import present

Connect = Callable[..., Client]
LIVES: dict[tuple[int, int, int], tuple[Path, Account, datetime]] = {}


def lived(
    connect: Connect, folder: Path, seed: int, nights: int, stop: int
) -> tuple[Account, Store, Store, datetime]:
    """An account with dead numbers, synced each night; and its store as it was after `stop` nights.

    Such a life is lived once and then copied: each test goes on with an account and stores of its own.
    """
    case = (seed, nights, stop)
    if case not in LIVES:
        kept = Path(tempfile.mkdtemp(prefix="smsdata-lived-"))
        atexit.register(shutil.rmtree, kept, ignore_errors=True)
        LIVES[case] = (kept, *_live(connect, kept, *case))
    kept, account, then = LIVES[case]
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    return copy.deepcopy(account), Store(folder / "store"), Store(folder / "stopped"), then


def _live(connect: Connect, folder: Path, seed: int, nights: int, stop: int) -> tuple[Account, datetime]:
    account = Account(seed=seed, campaigns=8, recipients=150, singles=0, inbound=0, lists=2, days=30,
                      dead=0.06, clients=0)  # fmt: skip
    gateway = Gateway(account, limiter=None)
    account.schedule(days=nights, campaigns=nights // 3, recipients=120, singles=0, inbound=0)
    store, then = Store(folder / "store"), present(account)
    for night in range(nights):
        account.advance(hours=24)
        sync(connect(gateway), store)
        if night == stop:
            shutil.copytree(store.path, folder / "stopped")
            then = present(account)
    return account, then


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_backtest_removes_what_a_store_that_stopped_then_would_have(
    connect: Connect, tmp_path: Path, seed: int
) -> None:
    _, store, stopped, then = lived(connect, tmp_path, seed, nights=24, stop=14)
    witness = hygiene.plan(stopped, now=then)
    due = set(witness.loc[witness["tier"] == "remove", "msisdn"])
    looked = hygiene.backtest(store, then)
    assert due, "nobody is removed: the test would prove nothing"
    assert looked.removed == len(due)


def test_backtest_counts_who_lived_on(connect: Connect, tmp_path: Path) -> None:
    account, store, _, then = lived(connect, tmp_path, seed=1, nights=24, stop=14)
    before = hygiene.backtest(store, then)
    witness = hygiene.plan(Store(tmp_path / "stopped"), now=then)
    risen = sorted(witness.loc[witness["tier"] == "remove", "msisdn"])[:2]
    send = account.send_campaign(numbers=risen, text="Still there?")
    account.advance(hours=1)
    for msisdn in risen:
        account.set_status(send, msisdn, "delivered")
    account.reply(send, risen[0], "yes")
    account.advance(days=5)
    sync(connect(Gateway(account, limiter=None)), store)
    looked = hygiene.backtest(store, then)
    assert (looked.removed, looked.delivered) == (before.removed, before.delivered + 2)
    assert looked.replied == before.replied + 1
    assert looked.alive >= 2
    assert looked.low < looked.alive / looked.known < looked.high
    assert looked.known + looked.unknown == looked.removed
    assert f"{looked.removed:,} numbers" in looked.lines()[0]
    assert looked.as_json()["alive"] == looked.alive


def test_backtest_knows_whom_the_owner_took_off_and_put_back(connect: Connect, tmp_path: Path) -> None:
    account, store, _, then = lived(connect, tmp_path, seed=1, nights=24, stop=14)
    before = hygiene.backtest(store, then)
    plan = hygiene.plan(Store(tmp_path / "stopped"), now=then)
    back = plan[plan["tier"] == "remove"].iloc[0]
    account.contacts.readd_refused = 0.0
    account.contacts.delete_member(back["msisdn"], back["list_id"])
    account.contacts.add_member(back["list_id"], back["msisdn"])
    account.advance(days=8)
    sync(connect(Gateway(account, limiter=None)), store)
    looked = hygiene.backtest(store, then)
    assert (looked.removed, looked.re_added) == (before.removed, before.re_added + 1)


def test_backtest_knows_who_opted_out_since(connect: Connect, tmp_path: Path) -> None:
    account, store, _, then = lived(connect, tmp_path, seed=1, nights=24, stop=14)
    before = hygiene.backtest(store, then)
    plan = hygiene.plan(Store(tmp_path / "stopped"), now=then)
    risen = plan.loc[plan["tier"] == "remove", "msisdn"].iloc[0]
    send = account.send_campaign(numbers=[risen], text="Still there?")
    account.advance(hours=1)
    account.set_status(send, risen, "delivered")
    account.reply(send, risen, "STOP")
    account.advance(days=8)
    sync(connect(Gateway(account, limiter=None)), store)
    members = store.read("list_members")
    assert "optout" in set(members.loc[members["msisdn"] == risen, "status"])
    looked = hygiene.backtest(store, then)
    assert (looked.removed, looked.alive) == (before.removed, before.alive + 1)


def test_backtest_takes_no_outage_since_for_a_death(connect: Connect, tmp_path: Path) -> None:
    account, store, _, then = lived(connect, tmp_path, seed=1, nights=24, stop=14)
    before = hygiene.backtest(store, then)
    send = account.send_campaign(numbers=[number(n) for n in range(60)], text="Sale")
    account.advance(hours=1)
    for n in range(60):
        account.set_status(send, number(n), "hard-bounce")
    account.advance(days=5)
    sync(connect(Gateway(account, limiter=None)), store)
    looked = hygiene.backtest(store, then)
    assert looked.known == before.known
    assert set(looked.spikes) - set(before.spikes)
    assert any("many more bounced" in line for line in looked.lines())


def test_backtest_before_the_first_sync_says_since_when(connect: Connect, tmp_path: Path) -> None:
    account, store, *_ = lived(connect, tmp_path, seed=1, nights=3, stop=1)
    first = f"{present(account) - timedelta(days=2):%Y-%m-%d}"
    with pytest.raises(UsageError, match=f"cannot be known before {first}"):
        hygiene.backtest(store, present(account) - timedelta(days=20))
    with pytest.raises(UsageError, match="after what the store heard last"):
        hygiene.backtest(store, present(account) + timedelta(days=1))


@pytest.mark.parametrize("days", [0, 1, 5, 10, 19])
def test_backtest_claims_nobody_whom_clean_could_not_have_judged(tmp_path: Path, days: int) -> None:
    """One sync, and weeks later another: in between nobody knew more than after the first."""
    world = make_world(tmp_path)
    with world.client() as client:
        sync(client, world.store, since="100d")
        then = last_heard(world.store)
        due = hygiene.plan(world.store)
        world.account.advance(days=20)
        sync(client, Store(world.store.path))
    assert set(due["rule"]) == {"unsettled"}, "the bounces are there, and wait for a second sync"
    assert hygiene.backtest(world.store, then + timedelta(days=days)).removed == 0


def test_backtest_interval_of_nobody_known_is_missing() -> None:
    looked = hygiene.Backtest(pd.Timestamp("2026-08-01", tz="UTC"), 3, 0, 0, 0, 0, 0, np.nan, np.nan, 2)
    assert looked.unknown == 3
    assert looked.as_json()["low"] is None
    assert "2 numbers were kept" in looked.lines()[1]
    assert looked.warnings == [], "that could not be judged then is no outage by itself"
    assert "live between" not in looked.lines()[0]


def test_backtest_warns_of_a_small_outage_that_only_what_came_after_shows(
    connect: Connect, tmp_path: Path
) -> None:
    account, store, _, then = lived(connect, tmp_path, seed=1, nights=24, stop=14)
    before = hygiene.backtest(store, then)
    assert before.revived == ()
    dead = {str(msisdn) for msisdn in account.sending.habits.dead.tolist()}
    struck = [number(n) for n in range(60) if number(n) not in dead][:5]
    for hit in (False, True, False):
        send = account.send_campaign(numbers=[number(n) for n in range(60)], text="Sale")
        account.advance(hours=1)
        for msisdn in (number(n) for n in range(60)):
            bounced = msisdn in dead or (hit and msisdn in struck)
            account.set_status(send, msisdn, "hard-bounce" if bounced else "delivered")
        account.advance(days=5)
        sync(connect(Gateway(account, limiter=None)), store)
    looked = hygiene.backtest(store, then)
    assert len(looked.revived) == 1
    assert any(looked.revived[0] in line and "bounced once" in line for line in looked.warnings)
