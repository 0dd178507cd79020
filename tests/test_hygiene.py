"""List hygiene: right contacts only, exactly once, whatever breaks in between, and back again."""

from __future__ import annotations

import copy
import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from smsdata import Client, Store, UsageError, hygiene, sync
from smsdata.errors import ApiError, LockedError, SafetyError
from smsdata.schema.frames import schema
from smsdata.simulator import Once, transport
from tests.support.hygiene_world import (
    Deadly,
    Killed,
    Template,
    World,
    contacts,
    copied,
    go_on_and_undo,
    make_world,
    number,
    slim_world,
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    world = make_world(tmp_path_factory.mktemp("template"))
    return world, world.synced()


@pytest.fixture
def fresh(template: Template, tmp_path: Path) -> Callable[..., tuple[World, pd.DataFrame]]:
    made = iter(range(10_000))

    def make() -> tuple[World, pd.DataFrame]:
        return copied(template, tmp_path / str(next(made))), template[1].copy()

    return make


# ---- the plan ---------------------------------------------------------------------------------------------


def test_plan_names_the_dead_numbers_and_what_they_cost(template: Template) -> None:
    world, plan = template
    found = {
        tier: set(zip(rows["list_id"], rows["msisdn"], strict=True)) for tier, rows in plan.groupby("tier")
    }
    assert found == {"remove": world.targets(), "exclude": world.targets("exclude") - world.targets()}
    dead = plan[plan["msisdn"] == number(0)]
    assert (dead["bounces"] == 20).all()
    assert (dead["days"] == 10).all()
    assert np.allclose(plan["saves"], 0.065)
    assert {row["status"] for row in json.loads(plan["evidence"].iloc[0])} == {"hard-bounce"}


def test_plan_waits_until_campaigns_are_reconciled(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    with world.client() as client:
        sync(client, world.store, since="100d")
    once = hygiene.plan(world.store)
    assert set(once["tier"]) == {"review"}
    assert set(once["rule"]) == {"unsettled"}
    assert set(world.synced()["tier"]) == {"remove", "exclude"}


def test_plan_of_a_young_campaign_waits(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.send(lambda n: "hard-bounce" if n == 9 else "delivered")
    world.account.advance(hours=90)
    plan = world.synced()
    assert set(plan.loc[plan["msisdn"] == number(9), "rule"]) == {"unsettled"}
    world.account.advance(hours=10)
    plan = world.synced()
    assert set(plan.loc[plan["msisdn"] == number(9), "tier"]) == {"exclude"}


def test_plan_needs_a_store_that_was_synced(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sync"):
        hygiene.plan(Store(tmp_path))


def forged(rows: list[dict[str, Any]], *, at: datetime, status: str = "hard-bounce") -> pa.Table:
    told = [row | {"status": status, "synced_at": at, "extra": None} for row in rows]
    return pa.Table.from_pylist(told, schema=schema("dlrs"))


def removable(plan: pd.DataFrame) -> set[tuple[int, str]]:
    rows = plan[plan["tier"].isin(["remove", "exclude"])]
    return set(zip(rows["list_id"], rows["msisdn"], strict=True))


def test_plan_never_takes_the_word_of_a_callback(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.send(lambda _n: "pending")
    before = removable(world.synced())
    assert before == world.targets("exclude")
    rows = world.store.rows("dlrs").to_pylist()
    innocent = [row for row in rows if row["status"] != "hard-bounce"]
    unheard = [rows[0] | {"message_id": 1, "msisdn": number(n)} for n in range(12)]
    rng = np.random.default_rng(0)
    with world.store.writing():
        for replay in range(4):
            some = [row for row in innocent + unheard if rng.random() < 0.7]
            word = str(rng.choice(["hard-bounce", "hard-bounce", "delivered", "soft-bounce"]))
            at = world.account.time - timedelta(hours=int(rng.integers(0, 400)), seconds=replay)
            world.store.merge("dlrs", forged(some, at=at, status=word), source="callback")
            assert removable(hygiene.plan(world.store)) <= before
    world.account.advance(days=5)
    assert removable(world.synced()) <= before


def test_plan_never_takes_a_callback_with_which_the_counters_agree(tmp_path: Path) -> None:
    """One of two pending numbers bounces; a forged callback names the other, so that no count disagrees."""
    world = make_world(tmp_path)
    world.send(lambda n: "pending" if n in {8, 9} else "delivered")
    world.synced()
    rows = world.store.rows("dlrs").to_pylist()
    named = [row for row in rows if row["status"] == "pending" and row["msisdn"] == number(8)]
    with world.store.writing():
        for _ in range(3):
            world.store.merge("dlrs", forged(named, at=world.account.time), source="callback")
    for row in named:
        world.account.set_status(row["message_id"], number(9), "hard-bounce")
    world.account.advance(days=5)
    plan = world.synced()
    stored = world.store.read("dlrs")
    assert (stored.loc[stored["msisdn"] == number(8), "status"] == "hard-bounce").any()
    assert set(plan.loc[plan["msisdn"] == number(8), "rule"]) == {"unconfirmed"}
    with world.client() as client:
        beyond = hygiene.beyond_caps(plan, client.lists(), world.store, tier="exclude")
        counts = {list_id: count for list_id, (count, _) in beyond.items()}
        hygiene.apply(plan, client, world.store, dry_run=False, tier="exclude", counts=counts)
    assert set(world.changes("delete-from-list")) == removable(plan) <= world.targets("exclude")


def test_plan_counts_what_polling_confirmed_after_a_callback(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    with world.client() as client:
        world.send(lambda n: "pending" if n == 9 else "delivered")
        sync(client, world.store, since="100d")
        rows = [
            r
            for r in world.store.rows("dlrs").to_pylist()
            if r["msisdn"] == number(9) and r["status"] == "pending"
        ]
        assert rows
        with world.store.writing():
            world.store.merge("dlrs", forged(rows, at=world.account.time), source="callback")
        for row in rows:
            world.account.set_status(row["message_id"], number(9), "hard-bounce")
        world.account.advance(days=5)
        sync(client, world.store, deep=True)
    plan = world.synced()
    assert set(plan.loc[plan["msisdn"] == number(9), "tier"]) == {"exclude"}


def test_plan_file_round_trips_and_says_its_hash(template: Template) -> None:
    _, plan = template
    about = plan.attrs["plan"]
    pd.testing.assert_frame_equal(hygiene.load(about["file"]), plan)
    page = Path(about["file"]).with_suffix(".md").read_text()
    assert about["hash"] in page
    assert number(0) in page
    assert Path(about["file"]).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("change", ["row", "tier", "add", "facts"])
def test_load_refuses_a_plan_that_was_changed(template: Template, change: str) -> None:
    plan = template[1].copy()
    plan.attrs = copy.deepcopy(plan.attrs)
    if change == "row":
        plan = plan.iloc[1:]
    elif change == "tier":
        plan["tier"] = "remove"
    elif change == "add":
        plan = pd.concat([plan, plan.head(1).assign(msisdn=number(9))])
        plan.attrs = copy.deepcopy(template[1].attrs)
    else:
        plan.attrs["plan"]["expires_at"] = "2030-01-01T00:00:00+00:00"
    with pytest.raises(SafetyError, match="changed"):
        hygiene.load(plan)


def test_load_refuses_what_is_no_plan(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"no parquet")
    with pytest.raises(SafetyError, match="no plan"):
        hygiene.load(tmp_path / "x.parquet")
    with pytest.raises(SafetyError, match="no plan"):
        hygiene.load(pd.DataFrame({"list_id": [0], "msisdn": ["61491570156"]}))
    with pytest.raises(UsageError, match="no such plan"):
        hygiene.load(tmp_path / "y.parquet")


# ---- apply ------------------------------------------------------------------------------------------------


def test_apply_is_a_dry_run_unless_told_otherwise(fresh: Callable[..., tuple[World, pd.DataFrame]]) -> None:
    world, plan = fresh()
    with world.client() as client:
        report = hygiene.apply(plan, client, world.store)
    assert report.counts == {"planned": len(world.targets())}
    assert report.dry_run
    assert world.gateway.applied == []
    assert world.store.read("suppressions").empty


def test_apply_removes_the_planned_contacts_and_nobody_else(
    fresh: Callable[..., tuple[World, pd.DataFrame]],
) -> None:
    world, plan = fresh()
    before = world.present()
    with world.client() as client:
        report = hygiene.apply(plan.attrs["plan"]["file"], client, world.store.path, dry_run=False)
    assert report.counts == {"done": len(world.targets())}
    assert (report.attention, report.exit_code) == ([], 0)
    assert world.present() == before - world.targets()
    ledger = world.store.read("suppressions")
    assert set(zip(ledger["list_id"], ledger["msisdn"], strict=True)) == world.targets()
    stored = world.store.read("list_members")
    stored = stored[stored["gone_at"].isna()]
    assert set(zip(stored["list_id"], stored["msisdn"], strict=True)) == world.present()
    assert all(call.params == () or "countrycode" not in dict(call.params) for call in world.gateway.calls)


def test_apply_again_does_nothing_twice(fresh: Callable[..., tuple[World, pd.DataFrame]]) -> None:
    world, plan = fresh()
    with world.client() as client:
        hygiene.apply(plan, client, world.store, dry_run=False)
        again = hygiene.apply(plan, client, world.store, dry_run=False)
    assert again.counts == {"done": len(world.targets())}
    assert Counter(world.changes("delete-from-list")) == dict.fromkeys(world.targets(), 1)


def test_apply_takes_the_weaker_tier_only_when_asked(
    fresh: Callable[..., tuple[World, pd.DataFrame]],
) -> None:
    world, plan = fresh()
    with world.client() as client:
        beyond = hygiene.beyond_caps(plan, client.lists(), world.store, tier="exclude")
        counts = {list_id: count for list_id, (count, _) in beyond.items()}
        hygiene.apply(plan, client, world.store, dry_run=False, tier="exclude", counts=counts)
        with pytest.raises(UsageError, match="review"):
            hygiene.apply(plan, client, world.store, tier="review")  # type: ignore[arg-type]
    assert set(world.changes("delete-from-list")) == world.targets("exclude")


def _deliver(world: World, n: int) -> None:
    message_id = world.account.send(number(n), "are you there?")
    world.account.advance(minutes(1))
    world.account.set_status(message_id, number(n), "delivered")


def minutes(count: float) -> float:
    return count * 60


def _soft(world: World, n: int) -> None:
    message_id = world.account.send(number(n), "are you there?")
    world.account.advance(minutes(1))
    world.account.set_status(message_id, number(n), "soft-bounce")


def _readd(world: World, n: int) -> None:
    for list_id in world.lists.values():
        world.account.contacts.delete_member(number(n), list_id)
        world.account.contacts.add_member(list_id, number(n))


def _leave(world: World, n: int) -> None:
    world.account.contacts.delete_member(number(n))


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (_deliver, "a message was delivered since"),
        (_soft, "the newest outcome is not a hard bounce"),
        (lambda world, n: world.account.inbound(number(n), "hello"), "a reply came since"),
        (_readd, "it was put on the list since"),
        (_leave, "it is no longer on the list"),
        (lambda world, n: world.account.contacts.optout_member(number(n)), "it is no longer active"),
    ],
)
def test_apply_skips_who_came_back_to_life(
    fresh: Callable[..., tuple[World, pd.DataFrame]], happens: Callable[[World, int], object], reason: str
) -> None:
    world, plan = fresh()
    happens(world, 0)
    with world.client() as client:
        report = hygiene.apply(plan, client, world.store, dry_run=False)
    skipped = report.rows[report.rows["outcome"] == "skipped"]
    assert set(skipped["msisdn"]) == {number(0)}
    assert set(skipped["reason"]) == {reason}
    assert number(0) not in {msisdn for _, msisdn in world.changes("delete-from-list")}


def _everything_bounces(world: World) -> None:
    account = world.account
    for send in account.sends:
        for msisdn in account.recipients["msisdn"][send.rows].tolist():
            account.set_status(send.message_id, msisdn, "hard-bounce")


def _counts(plan: pd.DataFrame, client: Client, store: Store) -> dict[int, int]:
    return {one: count for one, (count, _) in hygiene.beyond_caps(plan, client.lists(), store).items()}


@pytest.mark.parametrize("members", [9, 10, 13])
def test_apply_refuses_to_empty_a_list_whatever_is_typed(tmp_path: Path, members: int) -> None:
    world = make_world(tmp_path, members=members)
    _everything_bounces(world)
    plan = world.synced()
    assert (plan["tier"] == "remove").sum() == 2 * members
    with world.client() as client:
        for dry_run in (True, False):
            with pytest.raises(SafetyError, match=r"only 0 of the .* were delivered") as refused:
                hygiene.apply(
                    plan, client, world.store, dry_run=dry_run, counts=_counts(plan, client, world.store)
                )
            assert refused.value.exit_code == 5
    assert world.gateway.applied == []


def test_apply_refuses_to_take_more_than_a_fifth_of_a_list(tmp_path: Path) -> None:
    world = make_world(tmp_path, members=14, dead=(0, 1, 2))
    plan = world.synced()
    with (
        world.client() as client,
        pytest.raises(SafetyError, match="3 of its 14 active contacts is more than a fifth"),
    ):
        hygiene.apply(plan, client, world.store, counts=_counts(plan, client, world.store))
    assert world.gateway.applied == []


def test_apply_beyond_a_cap_needs_the_typed_count(tmp_path: Path) -> None:
    world = make_world(tmp_path, members=16, dead=(0, 1, 2))
    plan = world.synced()
    assert (plan["tier"] == "remove").sum() == 6
    with world.client() as client:
        with pytest.raises(SafetyError, match="3 of 16 contacts, cap 2"):
            hygiene.apply(plan, client, world.store, dry_run=False)
        counts = _counts(plan, client, world.store)
        assert set(counts.values()) == {3}
        wrong = {list_id: count - 1 for list_id, count in counts.items()}
        with pytest.raises(SafetyError, match="type the count"):
            hygiene.apply(plan, client, world.store, dry_run=False, counts=wrong)
        assert world.gateway.applied == []
        hygiene.apply(plan, client, world.store, dry_run=False, counts=counts)
    assert len(world.gateway.applied) == 6


def test_apply_counts_the_numbers_that_other_runs_removed_on_the_day(tmp_path: Path) -> None:
    """One dead number on each of many lists: no list is beyond its cap, the account is."""
    world = make_world(tmp_path, members=16, dead=(0, 1))
    first = world.synced()
    with world.client() as client:
        hygiene.apply(first, client, world.store, dry_run=False)
        sync(client, world.store, since="100d")
        again = hygiene.plan(world.store)
        assert set(again.loc[again["tier"] == "exclude", "msisdn"]) == {number(5)}
        with pytest.raises(SafetyError, match="the account: cap 2 numbers a day"):
            hygiene.apply(again, client, world.store, tier="exclude", dry_run=False)
        world.account.advance(hours=23)
        report = hygiene.apply(again, client, world.store, tier="exclude", dry_run=False)
    assert report.counts == {"done": 2}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"key": "other"}, "another account"),
        ({"base_url": "http://localhost:8025/"}, "another"),
        ({"now": "2026-11-24T00:00:00Z"}, "valid until"),
        ({"now": "2026-10-01T00:00:00Z"}, "valid until"),
    ],
)
def test_apply_refuses_a_plan_that_is_not_for_here_and_now(
    fresh: Callable[..., tuple[World, pd.DataFrame]], options: dict[str, Any], match: str
) -> None:
    world, plan = fresh()
    with world.client(**options) as client, pytest.raises(SafetyError, match=match):
        hygiene.apply(plan, client, world.store, dry_run=False)
    assert world.gateway.applied == []


def test_apply_refuses_another_plans_hash(fresh: Callable[..., tuple[World, pd.DataFrame]]) -> None:
    world, plan = fresh()
    with world.client() as client, pytest.raises(SafetyError, match="hash"):
        hygiene.apply(plan, client, world.store, dry_run=False, yes="0" * 64)
    assert world.gateway.calls == []


def test_apply_refuses_a_list_whose_members_are_not_proved(
    fresh: Callable[..., tuple[World, pd.DataFrame]],
) -> None:
    world, plan = fresh()
    with world.store.writing():
        world.store.state.mark_unproved({world.lists["A"]})
        world.store.save_state()
    with world.client() as client:
        report = hygiene.apply(plan, client, world.store, dry_run=False)
    assert report.exit_code == 3
    refused = report.rows[report.rows["outcome"] == "refused"]
    assert set(refused["list_id"]) == {world.lists["A"]}
    assert {list_id for list_id, _ in world.changes("delete-from-list")} == {world.lists["B"]}


def test_apply_lets_nobody_else_in(fresh: Callable[..., tuple[World, pd.DataFrame]], tmp_path: Path) -> None:
    world, plan = fresh()
    copied = shutil.copytree(world.store.path, tmp_path / "copy")
    seen: list[str] = []

    def meanwhile(_done: int, _all: int) -> None:
        for folder in (world.store.path, copied):
            with world.client() as other, pytest.raises(LockedError) as locked:
                hygiene.apply(plan, other, folder, dry_run=False)
            seen.append(locked.value.code)

    with world.client() as client:
        hygiene.apply(plan, client, world.store, dry_run=False, on_step=meanwhile)
    assert set(seen) == {"LOCKED"}
    assert Counter(world.changes("delete-from-list")) == dict.fromkeys(world.targets(), 1)


def test_apply_tells_when_the_gateway_took_more_than_was_asked(
    fresh: Callable[..., tuple[World, pd.DataFrame]],
) -> None:
    world, plan = fresh()

    def greedy(request: httpx.Request) -> httpx.Response:
        with httpx.Client(transport=transport(world.gateway)) as inner:
            answer = inner.send(request)
        if "delete-from-list" in request.url.path:
            return httpx.Response(200, json=answer.json() | {"list_ids": list(world.lists.values())})
        return httpx.Response(
            answer.status_code, content=answer.content, headers={"date": answer.headers["date"]}
        )

    with world.client(httpx.MockTransport(greedy)) as client:
        report = hygiene.apply(plan, client, world.store, dry_run=False)
    assert len(report.attention) == len(world.targets())
    assert report.exit_code == 3


# ---- lost answers and sudden death ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return slim_world(tmp_path_factory.mktemp("slim"))


def test_apply_says_when_it_does_not_know(slim: Template, tmp_path: Path) -> None:
    world = copied(slim, tmp_path / "x")
    before = contacts(world)
    world.gateway.faults.add(Once("reset", "delete-from-list", times=3))
    with world.client() as client:
        report = hygiene.apply(slim[1], client, world.store, dry_run=False)
    assert report.counts == {"done": 1, "unknown": 1}
    assert report.exit_code == 3
    assert go_on_and_undo(world, slim[1], before) == []


def test_apply_leaves_alone_who_joined_again_after_a_lost_answer(slim: Template, tmp_path: Path) -> None:
    world = copied(slim, tmp_path / "x")
    with world.client(Deadly(world.gateway, 1, after=True)) as client, pytest.raises(Killed):
        hygiene.apply(slim[1], client, world.store, dry_run=False)
    (gone,) = world.changes("delete-from-list")
    world.account.advance(minutes(5))
    world.account.contacts.add_member(gone[0], gone[1])
    with world.client() as client:
        hygiene.apply(slim[1], client, world.store, dry_run=False)
    assert world.changes("delete-from-list") == [gone]  # who joined anew stays on the other list too
    assert world.targets() <= world.present()


def test_apply_stops_when_the_credentials_are_refused(slim: Template, tmp_path: Path) -> None:
    world = copied(slim, tmp_path / "x")

    def locked_out(request: httpx.Request) -> httpx.Response:
        if "get-contact" in request.url.path:
            return httpx.Response(401, json={"error": {"code": "AUTH_FAILED", "description": "no"}})
        with httpx.Client(transport=transport(world.gateway)) as inner:
            answer = inner.send(request)
        return httpx.Response(
            answer.status_code, content=answer.content, headers={"date": answer.headers["date"]}
        )

    with (
        world.client(httpx.MockTransport(locked_out)) as client,
        pytest.raises(ApiError, match="AUTH_FAILED"),
    ):
        hygiene.apply(slim[1], client, world.store, dry_run=False)
    assert world.gateway.applied == []


# ---- undo and the ledger ----------------------------------------------------------------------------------


def test_undo_says_what_the_gateway_refuses(tmp_path: Path) -> None:
    world = make_world(tmp_path, readd_refused=0.5)
    plan = world.synced()
    with world.client() as client:
        report = hygiene.apply(plan, client, world.store, dry_run=False)
        dry = hygiene.undo(report.run, client, world.store)
        assert dry.counts == {"planned": len(world.targets())}
        undone = hygiene.undo(report.run, client, world.store, dry_run=False)
    refused = {n for n in (0, 1) if world.account.contacts.refuses_readd(int(number(n)))}
    assert len(refused) == 1
    assert set(undone.rows.loc[undone.rows["outcome"] == "refused", "msisdn"]) == {number(n) for n in refused}
    assert any("ask the provider" in line for line in undone.lines())
    ledger = world.store.read("suppressions")
    assert set(ledger.loc[ledger["undone_at"].isna(), "msisdn"]) == {number(n) for n in refused}


@pytest.mark.parametrize("text", ["STOP", "please remove me from this list"])
def test_undo_skips_who_asked_to_be_left_alone(
    fresh: Callable[..., tuple[World, pd.DataFrame]], text: str
) -> None:
    world, plan = fresh()
    with world.client() as client:
        run = hygiene.apply(plan, client, world.store, dry_run=False).run
        world.account.inbound(number(0), text)
        world.account.advance(hours=1)
        undone = hygiene.undo(run, client, world.store, dry_run=False)
    skipped = undone.rows[undone.rows["outcome"] == "skipped"]
    assert set(skipped["msisdn"]) == {number(0)}
    assert number(0) not in {msisdn for _, msisdn in world.changes("add-to-list")}


def test_undo_knows_only_its_own_runs(fresh: Callable[..., tuple[World, pd.DataFrame]]) -> None:
    world, plan = fresh()
    with world.client() as client:
        with pytest.raises(UsageError, match="no run"):
            hygiene.undo("nothing", client, world.store)
        run = hygiene.apply(plan, client, world.store, dry_run=False).run
    with world.client(key="other") as other, pytest.raises(SafetyError, match="another account"):
        hygiene.undo(run, other, world.store, dry_run=False)


def test_plan_leaves_out_who_was_put_back(fresh: Callable[..., tuple[World, pd.DataFrame]]) -> None:
    world, plan = fresh()
    with world.client() as client:
        run = hygiene.apply(plan, client, world.store, dry_run=False).run
        hygiene.undo(run, client, world.store, dry_run=False)
        sync(client, world.store, since="100d")
    again = hygiene.plan(world.store)
    assert set(again.loc[again["msisdn"] == number(0), "rule"]) == {"re-added"}


def test_check_finds_who_was_removed(
    fresh: Callable[..., tuple[World, pd.DataFrame]], tmp_path: Path
) -> None:
    world, plan = fresh()
    with world.client() as client:
        run = hygiene.apply(plan, client, world.store, dry_run=False).run
    file = tmp_path / "contacts.csv"
    lines = [f"Ana,+{number(0)}", f"Ben,{number(7)}", f"Cem,0{number(1)[2:]}", f"Ana,{number(0)}", "Dov,ask"]
    file.write_text("\ufeffname,Mobile phone\n" + "\n".join(lines) + "\n", encoding="utf-8")
    found = hygiene.check(file, world.store)
    assert found[["line", "msisdn", "run"]].to_numpy().tolist() == [[2, number(0), run]]
    assert found["lists"].tolist() == [", ".join(str(i) for i in sorted(world.lists.values()))]
    assert found.attrs["unreadable"] == 2
    at_home = hygiene.check(file, world.store, country="AU")
    assert at_home["msisdn"].tolist() == [number(0), number(1)]
    assert at_home.attrs["unreadable"] == 1


def test_check_of_an_unreadable_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text('mobile\n"61491570156\n')
    with pytest.raises(UsageError, match="cannot be read as CSV"):
        hygiene.check(tmp_path / "c.csv", Store(tmp_path))


def test_cap_is_five_percent_and_at_least_two() -> None:
    assert [hygiene.cap(n) for n in (0, 10, 59, 60, 199, 10_000)] == [2, 2, 2, 3, 9, 500]


def test_account_cap_is_two_percent_between_two_and_five_hundred() -> None:
    assert [hygiene.account_cap(n) for n in (0, 149, 150, 25_000, 10**6)] == [2, 2, 3, 500, 500]
