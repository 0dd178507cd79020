"""Outages: whom a carrier's bad hour makes look dead must not be removed, however little the store knows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from smsdata import Store, hygiene, sync
from smsdata.simulator import Account, Outage
from tests.support.hygiene_world import World, number

MEMBERS, IMPORTED, DEAD = 400, 200, 12
OUTAGE_SHARE = 0.35


def weekly(folder: Path, sends: int, *, outages: tuple[Outage, ...] = (), imported: int = IMPORTED) -> World:
    """A weekly sender with a dozen dead numbers, who imports contacts in the week of the last send."""
    start = pd.Timestamp("2026-11-22", tz="UTC") - pd.Timedelta(7 * sends + 6, "D")
    account = Account(
        seed=1, now=start.to_pydatetime(), days=1, campaigns=0, singles=0, inbound=0, lists=0, reply_rate=0.0,
        link_rate=0.0, dead=0.0, copies=0.0, outages=outages,
    )  # fmt: skip
    list_id = account.contacts.add_list("Everyone")
    world = World(account, {"all": list_id}, Store(folder / "store"))
    dead = {int(number(n)) for n in range(DEAD)}
    for n in range(MEMBERS):
        account.contacts.add_member(list_id, number(n))
    for week in range(sends):
        account.advance(days=7)
        if week == sends - 1:
            for n in range(MEMBERS, MEMBERS + imported):
                account.contacts.add_member(list_id, number(n))
        account.advance(hours=1)
        message_id = account.send_campaign(list_id, "hello")
        for msisdn in dead:
            account.set_status(message_id, msisdn, "hard-bounce")
    account.advance(days=5)
    with world.client() as client:
        sync(client, world.store, since="100d")
        account.advance(hours=2)
        sync(client, world.store, since="100d")
    return world


def last_send(sends: int, **options: object) -> Outage:
    """The day of the last send."""
    return Outage("2026-11-15T12:00", "2026-11-17T12:00", share=OUTAGE_SHARE, **options)  # type: ignore[arg-type]


def living(plan: pd.DataFrame) -> set[str]:
    """Numbers planned for removal although they are alive."""
    sure = plan[plan["tier"].isin(["remove", "exclude"])]
    return set(sure["msisdn"]) - {number(n) for n in range(DEAD)}


@pytest.mark.parametrize("sends", [1, 2, 4, 6, 8, 12])
def test_plan_removes_nobody_for_an_outage_in_the_last_send(tmp_path: Path, sends: int) -> None:
    world = weekly(tmp_path, sends, outages=(last_send(sends),))
    struck = world.store.read("dlrs").query("status == 'hard-bounce'")["msisdn"].nunique()
    assert struck > 150
    assert living(hygiene.plan(world.store)) == set()


def two_outages(share: float, **options: object) -> tuple[Outage, ...]:
    """On the days of the last two sends."""
    days = [("2026-11-08T12:00", "2026-11-10T12:00"), ("2026-11-15T12:00", "2026-11-17T12:00")]
    return tuple(Outage(*day, share=share, **options) for day in days)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "outages",
    [two_outages(0.35), two_outages(0.6), two_outages(1.0, prefix="614915702")],
    ids=["third", "most", "carrier"],
)
def test_plan_removes_nobody_for_two_outages_on_a_store_of_three_sends(
    tmp_path: Path, outages: tuple[Outage, ...]
) -> None:
    """Neither day can be judged, and on both more than a fifth bounced."""
    world = weekly(tmp_path, 3, outages=outages, imported=0)
    bounced = world.store.read("dlrs").query("status == 'hard-bounce'")
    assert (bounced.groupby("message_id").size().sort_index().iloc[1:] > MEMBERS / 5).all()
    assert living(hygiene.plan(world.store)) == set()


def test_plan_removes_the_dead_of_two_days_that_cannot_be_judged(tmp_path: Path) -> None:
    plan = hygiene.plan(weekly(tmp_path, 2, imported=0).store)
    assert set(plan.loc[plan["tier"] == "remove", "msisdn"]) == {number(n) for n in range(DEAD)}
    assert set(plan["rule"]) == {"unjudged-days"}
    told = hygiene.summary(plan)
    assert "12 numbers are to be removed although none of the days of their bounces could be judged" in told
    assert told.count("| remove | unjudged-days |") == DEAD + 1
    assert "12 of them: fewer than 8 days like theirs are stored" in told
