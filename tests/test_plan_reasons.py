"""What a plan says of each number and why: what counts, what is left out, what is waited for, who stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsdata import hygiene, sync
from smsdata.audit import audit
from tests.support.hygiene_world import WEEKS, Template, World, copied, make_world, number, slim_world
from tests.test_doubtful_evidence import listed_twice

DEAD = number(0)


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return slim_world(tmp_path_factory.mktemp("slim"), goo=False)


@pytest.fixture
def world(slim: Template, tmp_path: Path) -> World:
    return copied(slim, tmp_path / "store")


def synced(world: World) -> None:
    with world.client() as client:
        sync(client, world.store)


# ---- who asked to stop ---------------------------------------------------------------------------------


def test_plan_leaves_who_asked_to_stop_to_the_audit(tmp_path: Path) -> None:
    """The stop came before the bounces, so that they stand; the account acts on no stop of itself."""
    world = make_world(tmp_path, dead=(0, 1), members=2)
    world.account.contacts.goo = False
    plan = world.synced()
    assert set(plan["rule"]) == {"two-days"}
    replies = world.account.inbound(DEAD, "STOP")
    assert replies
    world.send(lambda _n: "hard-bounce")
    world.account.advance(days=8)
    world.send(lambda _n: "hard-bounce")
    world.account.advance(days=5)
    plan = world.synced()
    rules = plan.set_index("msisdn")["rule"].to_dict()
    assert rules == {DEAD: "stopped", number(1): "two-days"}
    assert "1 numbers asked to stop and are still active on a list: run `smsdata audit --fix`" in (
        hygiene.summary(plan)
    )
    due = hygiene.plan_optouts(world.store, audit(world.store).active)
    assert set(due["msisdn"]) == {DEAD}
    with world.client() as client:
        hygiene.apply(due, client, world.store, dry_run=False)
    assert DEAD not in set(hygiene.plan(world.store)["msisdn"])  # opted out, and with the proof still there


def test_plan_removes_who_stopped_joined_anew_and_then_died(tmp_path: Path) -> None:
    world = make_world(tmp_path, dead=(0,), members=2)
    world.account.contacts.goo = False
    world.account.inbound(DEAD, "STOP")
    world.account.advance(hours=1)
    for list_id in world.lists.values():
        world.account.contacts.delete_member(DEAD, list_id)
        world.account.contacts.add_member(list_id, DEAD)
    for _ in range(2):
        world.account.advance(days=8)
        world.send(lambda n: "hard-bounce" if n == 0 else "delivered")
    world.account.advance(days=5)
    plan = world.synced()
    assert set(plan.loc[plan["msisdn"] == DEAD, "rule"]) == {"two-days"}


# ---- a number twice in a send --------------------------------------------------------------------------


@pytest.mark.parametrize("fates", [("soft-bounce", "hard-bounce"), ("pending", "hard-bounce")])
def test_plan_says_that_two_outcomes_of_one_send_are_not_waited_for(
    tmp_path: Path, fates: tuple[str, str]
) -> None:
    world = make_world(tmp_path, dead=(0,), members=2)
    for send in list(world.account.sends):
        listed_twice(world, send.message_id, DEAD, fates)
    plan = world.synced()
    assert set(plan.loc[plan["msisdn"] == DEAD, "rule"]) == {"counters-differ"}
    assert plan.attrs["plan"]["settles"] is None
    told = hygiene.summary(plan)
    assert "2 contacts cannot be judged, however long one waits" in told
    assert "sync` again after" not in told
    assert any("counters" in str(one) or "campaign" in str(one) for one in world.store.verify())


def test_plan_counts_both_messages_of_a_send_that_lists_a_number_twice(tmp_path: Path) -> None:
    world = make_world(tmp_path, dead=(0,), members=2)
    for send in list(world.account.sends):
        listed_twice(world, send.message_id, DEAD, ("hard-bounce", "hard-bounce"))
    plan = world.synced()
    mine = plan[plan["msisdn"] == DEAD]
    assert set(mine["rule"]) == {"two-days"}
    of = set(mine[["hard_bounces", "bounces", "sends"]].itertuples(index=False, name=None))
    assert of == {(4 * WEEKS, 4 * WEEKS, 4 * WEEKS)}
    assert mine["evidence"].iloc[0].count('"copies":2') == 2 * WEEKS


# ---- what is left out ----------------------------------------------------------------------------------


def test_plan_says_how_many_hard_bounces_count_and_which_do_not(tmp_path: Path) -> None:
    world = make_world(tmp_path, dead=(0,), members=2)
    world.send(lambda n: "delivered")
    for hours in (8 * 24, 90):
        world.account.advance(hours=8 * 24)
        world.send(lambda n: "hard-bounce" if n == 0 else "delivered")
        world.account.advance(hours=hours)
    plan = world.synced()
    mine = plan[plan["msisdn"] == DEAD].iloc[0]
    all_of_them = 2 * WEEKS + 4
    assert (mine["hard_bounces"], mine["bounces"], mine["sends"]) == (all_of_them, 2, all_of_them + 2)
    assert plan.attrs["plan"]["left_out"] == {"followed": 2 * WEEKS, "unsettled": 2}
    told = hygiene.summary(plan)
    assert f"{all_of_them} hard bounces in {all_of_them + 2} messages to these 1 numbers: 2 count" in told
    assert (
        f"left out: {2 * WEEKS} before a delivery or a reply, 2 of campaigns that are not reconciled" in told
    )
    assert f"| 2 of {all_of_them} | {all_of_them + 2} |" in told


def test_plan_says_that_too_few_bounced_where_there_are_days_enough(tmp_path: Path) -> None:
    """More than usual bounced on the last day, and fewer than ten: not the days are lacking."""
    world = make_world(tmp_path, dead=(0,))
    for send in world.account.sends[-2:]:
        for n in range(5, 8):
            world.account.set_status(send.message_id, number(n), "hard-bounce")
    plan = world.synced()
    waiting = plan[plan["rule"] == "too-few-days"]
    assert set(waiting["msisdn"]) == {number(n) for n in range(5, 8)}
    assert waiting["evidence"].str.count('"not_judged":"few bounces"').eq(2).all()  # one by each list
    told = hygiene.summary(plan)
    assert "3 of them: more bounced on their days than usual, but fewer than 10" in told
    assert "fewer than 8 days" not in told
    day = f"{waiting['last_bounce'].iloc[0]:%Y-%m-%d}"
    rows = [line for line in told.splitlines() if "| too-few-days |" in line and "(few bounces)" in line]
    assert len(rows) == len(waiting)
    assert all(line.endswith(f"| {day} (few bounces) |") for line in rows)
