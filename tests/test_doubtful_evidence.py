"""Evidence that says two things or lacks a part: whoever may be alive, or may have come back, stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from smsdata import Store, hygiene, sync
from smsdata.audit import audit
from smsdata.errors import ApiError
from smsdata.simulator import Always, Faults
from smsdata.simulator.recipients import STATUS_WORDS
from tests.support.hygiene_world import Template, World, copied, make_world, number, slim_world
from tests.support.tampering import Answer, Change, Tampered

DEAD = number(0)


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return slim_world(tmp_path_factory.mktemp("slim"))


@pytest.fixture
def world(slim: Template, tmp_path: Path) -> World:
    made = copied(slim, tmp_path / "store")
    made.account.contacts.goo = False
    return made


def applied(world: World, plan: pd.DataFrame, through: Tampered | None = None) -> hygiene.HygieneReport:
    with world.client(through) as client:
        return hygiene.apply(plan, client, world.store, dry_run=False)


# ---- one send, two outcomes ------------------------------------------------------------------------------


def _delivered_too(*, first: bool) -> Change:
    """The history of a number lists each message that bounced once more, as delivered."""

    def change(call: str, _sent: dict[str, str], answer: Answer) -> Answer | None:
        if call != "get-contact-sms-stats":
            return None
        rows: list[Any] = []
        for row in answer["records"]:
            both = [row | {"delivery_status": "delivered"}, row] if first else [row]
            rows += both if first else [row, row | {"delivery_status": "delivered"}]
        return answer | {"records": rows, "total": len(rows)}

    return change


@pytest.mark.parametrize("first", [True, False])
def test_apply_keeps_who_was_delivered_to_by_the_send_that_bounced(
    slim: Template, world: World, first: bool
) -> None:
    report = applied(world, slim[1], Tampered(world.gateway, _delivered_too(first=first)))
    assert report.counts == {"skipped": 2}
    assert world.gateway.applied == []


def listed_twice(world: World, send: int, msisdn: str, fates: tuple[str, str]) -> None:
    """A number twice in a send, with two fates."""
    world.account.duplicate(send, msisdn)
    columns = world.account.state.sent.recipients
    for row, fate in zip(world.account.state.sent.rows_of(send, msisdn), fates, strict=True):
        for column in ("before", "outcome"):
            columns[column][[row]] = STATUS_WORDS.index(fate)


def test_plan_keeps_who_stands_twice_in_a_send_and_was_delivered_to_once(tmp_path: Path) -> None:
    """The other number makes the counters agree, whichever row of a number is taken."""
    world = make_world(tmp_path, dead=(0,))
    for send in list(world.account.sends):
        listed_twice(world, send.message_id, DEAD, ("delivered", "hard-bounce"))
        listed_twice(world, send.message_id, number(1), ("hard-bounce", "delivered"))
    plan = world.synced()
    assert DEAD not in set(plan.loc[plan["tier"] != "review", "msisdn"])
    dlrs = world.store.read("dlrs")
    assert set(dlrs.loc[dlrs["msisdn"] == DEAD, ["status", "copies"]].itertuples(index=False, name=None)) == {
        ("delivered", 2)
    }


# ---- nobody says when they joined ------------------------------------------------------------------------


@pytest.mark.parametrize("word", [None, "", "0000-00-00 00:00:00", "missing"])
def test_plan_and_apply_keep_whom_a_list_does_not_date(tmp_path: Path, word: str | None) -> None:
    def undated(call: str, _sent: dict[str, str], answer: Answer) -> Answer | None:
        if call not in {"get-list", "get-contact"}:
            return None
        for row in answer.get("members", [answer]):
            row.pop("created_at") if word == "missing" else row.update(created_at=word)
        return answer

    world = make_world(tmp_path, dead=(0,), members=2)
    dated = world.synced()
    assert set(dated["rule"]) == {"two-days"}
    report = applied(world, dated, Tampered(world.gateway, undated))
    assert set(report.rows["reason"]) == {"a list that it is on does not say when it was put there"}
    other = Store(tmp_path / "other")
    with world.client(Tampered(world.gateway, undated)) as client:
        sync(client, other, since="100d")
        world.account.advance(hours=2)
        sync(client, other, since="100d", deep=True)
    plan = hygiene.plan(other)
    assert set(zip(plan["rule"], plan["tier"], strict=True)) == {("undated", "review")}
    assert "1 numbers are left alone: a list that they are on does not say when" in hygiene.summary(plan)
    assert world.gateway.applied == []


# ---- joined after a STOP ---------------------------------------------------------------------------------


def stopped_then_joined(folder: Path, *, goo: bool) -> tuple[World, dict[str, int]]:
    """Two people stop; one of them joins list B anew, and only then the store hears of both."""
    world = make_world(folder, dead=())
    world.account.contacts.goo = False  # as it was when they stopped
    for n in (0, 1):
        world.account.inbound(number(n), "STOP")
    world.account.advance(hours=1)
    world.account.contacts.delete_member(DEAD, world.lists["B"])
    world.account.contacts.add_member(world.lists["B"], DEAD)
    world.account.advance(hours=1)
    world.synced()
    world.account.contacts.goo = goo
    return world, world.lists


@pytest.mark.parametrize("account_wide", [True, False])
def test_plan_optouts_keeps_who_joined_a_list_after_the_stop(tmp_path: Path, account_wide: bool) -> None:
    world, lists = stopped_then_joined(tmp_path, goo=account_wide)
    active = audit(world.store).active
    plan = hygiene.plan_optouts(world.store, active, account_wide=account_wide)
    about = plan[plan["msisdn"] == DEAD].set_index("list_id")["rule"].to_dict()
    other = "re-joined" if account_wide else "opt-out"
    assert about == {lists["A"]: other, lists["B"]: "re-joined"}
    assert "1 numbers joined a list after they opted out" in hygiene.summary(plan)
    report = applied(world, plan)
    assert (lists["B"], DEAD) not in world.changes("optout-list-member")
    due = {number(1)} if account_wide else {number(0), number(1)}
    assert set(report.rows.loc[report.rows["outcome"] == "done", "msisdn"]) == due
    active_now = {(m.msisdn, m.status) for m in world.account.contacts.lists[lists["B"]].present()}
    assert (int(DEAD), "active") in active_now


def test_plan_optouts_opts_out_who_stopped_once_more_after_joining(tmp_path: Path) -> None:
    world, _ = stopped_then_joined(tmp_path, goo=False)
    world.account.inbound(DEAD, "STOP")
    world.account.advance(hours=1)
    with world.client() as client:
        sync(client, world.store)
    plan = hygiene.plan_optouts(world.store, audit(world.store).active)
    assert set(plan["rule"]) == {"opt-out"}


def test_apply_keeps_who_joined_before_the_plan_where_the_store_did_not_see_it(tmp_path: Path) -> None:
    world = make_world(tmp_path, dead=())
    world.synced()
    world.account.contacts.goo = False
    at = world.account.time
    world.account.advance(600)
    for list_id in world.lists.values():
        world.account.contacts.delete_member(DEAD, list_id)
        world.account.contacts.add_member(list_id, DEAD)
    world.account.advance(600)
    due = pd.DataFrame(
        {"list_id": [world.lists["A"]], "msisdn": DEAD, "first_optout_at": at, "source": "reply"}
    )
    plan = hygiene.plan_optouts(world.store, due, now=world.account.time)
    assert set(plan["rule"]) == {"opt-out"}
    assert set(applied(world, plan).rows["reason"]) == {"it was put on the list since"}


# ---- a list that is gone, a number that cannot be asked about --------------------------------------------


def test_apply_says_that_a_list_is_gone_and_goes_on(tmp_path: Path) -> None:
    world = make_world(tmp_path, members=60)
    plan = world.synced()
    world.account.contacts.remove_list(world.lists["A"])
    report = applied(world, plan)
    assert report.counts == {"skipped": 2, "done": 2}
    gone = f"skipped 2: list {world.lists['A']} no longer exists; the numbers in it need nothing"
    assert gone in report.lines()
    assert {list_id for list_id, _ in world.changes("delete-from-list")} == {world.lists["B"]}
    assert report.exit_code == 0


@pytest.mark.parametrize("call", ["get-contact-sms-stats", "get-sms-sent"])
def test_apply_leaves_alone_a_number_that_cannot_be_asked_about(tmp_path: Path, call: str) -> None:
    world = make_world(tmp_path, members=60)
    plan = world.synced()
    asked = {"get-contact-sms-stats": {"mobile": DEAD}, "get-sms-sent": {"message_id": "1"}}
    world.gateway.faults = Faults(always=[Always("error500", call, asked[call])])

    def vague(called: str, sent: dict[str, str], answer: Answer) -> Answer | None:
        """The history does not name the kind of bounce; the one of DEAD names a send that nobody can read."""
        if called != "get-contact-sms-stats" or call == called or sent["mobile"] != DEAD:
            return None
        for row in answer["records"]:
            row["delivery_status"] = "failed"
            row["message_id"] = 1
        return answer

    report = applied(world, plan, Tampered(world.gateway, vague))
    assert report.counts == {"skipped": 2, "done": 2}
    skipped = report.rows[report.rows["outcome"] == "skipped"]
    assert set(skipped["msisdn"]) == {DEAD}
    assert all(reason.startswith("it could not be checked") for reason in skipped["reason"])
    assert "2 contacts could not be checked" in report.attention[-1]
    assert report.exit_code == 3


def test_apply_stops_where_nothing_can_be_asked(slim: Template, world: World) -> None:
    down = [Always("error500", call) for call in ("get-contact-sms-stats", "get-balance")]
    world.gateway.faults = Faults(always=down)
    with pytest.raises(ApiError, match="HTTP 500"):
        applied(world, slim[1])
    assert world.gateway.applied == []
