"""Runs that were cut off while they changed the account, and journals with something of another kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest
from typer.testing import CliRunner

from smsdata import Store, hygiene
from smsdata.cli.app import app
from smsdata.errors import SafetyError, StoreError
from smsdata.simulator import Always, Faults
from smsdata.store.records import read_record, record_bytes
from smsdata.store.status import store_status
from tests.support.hygiene_world import Deadly, Killed, Template, World, copied, number, slim_world


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return slim_world(tmp_path_factory.mktemp("slim"))


@pytest.fixture
def world(slim: Template, tmp_path: Path) -> World:
    return copied(slim, tmp_path / "store")


def killed(world: World, act: Callable[[Any, Store], Any]) -> None:
    """The process dies once the first change is carried out."""
    with world.client(Deadly(world.gateway, 1, after=True)) as client, pytest.raises(Killed):
        act(client, Store(world.store.path))


def cut_off(world: World) -> list[str]:
    """What the status of the store says of it once that process is no more."""
    for note in world.store.private.glob("runs/*/unfinished.json"):
        note.write_bytes(record_bytes(read_record(note, "") | {"born": -1.0}))
    return [line for line in store_status(Store(world.store.path))["look"] if "changed the account" in line]


def test_status_names_an_apply_that_was_cut_off(slim: Template, world: World) -> None:
    plan = slim[1]
    killed(world, lambda client, store: hygiene.apply(plan, client, store, dry_run=False))
    (line,) = cut_off(world)
    run = plan.attrs["plan"]["hash"][:12]
    assert line.startswith(f"run {run} of ")
    assert line.endswith(f"was cut off while it changed the account. To go on: smsdata clean --apply "
                         f"{plan.attrs['plan']['file']}")  # fmt: skip
    with world.client() as client:
        hygiene.apply(plan, client, world.store, dry_run=False)
    assert cut_off(world) == []
    killed(world, lambda client, store: hygiene.undo(run, client, store, dry_run=False))
    (line,) = cut_off(world)
    assert line.endswith(f"To go on: smsdata undo {run}")
    with world.client() as client:
        hygiene.undo(run, client, world.store, dry_run=False)
    assert cut_off(world) == []


def test_status_says_nothing_of_a_run_that_is_under_way(slim: Template, world: World) -> None:
    notes: list[Path] = []
    said: list[str] = []

    def look(_done: int, _all: int) -> None:
        notes.extend(world.store.private.glob("runs/*/unfinished.json"))
        said.extend(store_status(Store(world.store.path))["look"])

    with world.client() as client:
        hygiene.apply(slim[1], client, world.store, dry_run=False, on_step=look)
    assert len(notes) == 2
    assert not [line for line in said if "changed the account" in line]


def test_status_names_a_run_whose_note_is_damaged(slim: Template, world: World) -> None:
    killed(world, lambda client, store: hygiene.apply(slim[1], client, store, dry_run=False))
    (note,) = world.store.private.glob("runs/*/unfinished.json")
    note.write_bytes(b"{")
    assert any(f"{note} is damaged" in line for line in store_status(Store(world.store.path))["look"])


def test_a_void_plan_leaves_nothing_to_go_on_with(slim: Template, world: World) -> None:
    killed(world, lambda client, store: hygiene.apply(slim[1], client, store, dry_run=False))
    world.account.advance(days=2)
    with world.client() as client, pytest.raises(SafetyError, match="smsdata undo"):
        hygiene.apply(slim[1], client, world.store, dry_run=False)
    assert cut_off(world) == []


WRONG: list[dict[str, Any]] = [
    {"contact": None}, {"contact": {}}, {"contact": "x"}, {"state": "finished"}, {"state": ["done"]},
    {"at": 7}, {"at": "yesterday, or so"}, {"list_id": "7"}, {"list_id": True},
    {"msisdn": 61491570156}, {"row": "0"},
    {"undone_at": "?"}, {"evidence": None}, {"note": {}}, {"more": 1},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_undo_refuses_a_journal_with_something_of_another_kind(
    slim: Template, world: World, wrong: dict[str, Any]
) -> None:
    with world.client() as client:
        run = hygiene.apply(slim[1], client, world.store, dry_run=False).run
    file = world.store.private / "runs" / run / "row-000000.json"
    facts = orjson.loads(file.read_bytes())
    del facts["checksum"]  # as an older version wrote it
    file.write_bytes(orjson.dumps(facts | wrong))
    with world.client() as client, pytest.raises(SafetyError, match=r"damaged.*row-000000"):
        hygiene.undo(run, client, Store(world.store.path), dry_run=False)
    assert world.changes("add-to-list") == []


def test_read_record_refuses_what_is_nested_too_deep(tmp_path: Path) -> None:
    """Some depths can be read, and then not be written to compare the checksum."""
    file, refused = tmp_path / "record.json", 0
    for depth in (*range(800, 1_010), 100_000):
        file.write_text('{"a":' * depth + "1" + "}" * depth)
        try:
            read_record(file, "")
        except StoreError:
            refused += 1
    assert refused > 10


def cut_off_a_day_ago(plan: pd.DataFrame, world: World) -> tuple[str, int]:
    """The name of a run that was cut off and whose plan is void by now, and how many contacts it took."""
    killed(world, lambda client, store: hygiene.apply(plan, client, store, dry_run=False))
    world.account.advance(hours=25)
    return plan.attrs["plan"]["hash"][:12], len(world.gateway.applied)


def test_what_a_void_plan_had_changed_is_kept_by_a_look_alone(slim: Template, world: World) -> None:
    """The command looks first: that look is all that a plan which is void by then gets."""
    run, taken = cut_off_a_day_ago(slim[1], world)
    with world.client() as client:
        with pytest.raises(SafetyError, match=f"had changed {taken} contacts.*smsdata undo {run}"):
            hygiene.apply(slim[1], client, Store(world.store.path))
        assert cut_off(world) == []
        assert hygiene.undo(run, client, Store(world.store.path)).counts == {"planned": taken}


def test_another_run_looks_up_what_one_that_was_cut_off_had_only_meant(slim: Template, world: World) -> None:
    """Its plan is lost: the next run keeps what it changed all the same, also what it never heard of."""
    run, taken = cut_off_a_day_ago(slim[1], world)
    other = world.synced()
    with world.client() as client:
        hygiene.apply(other, client, world.store, dry_run=False)
        assert cut_off(world) == []
        assert hygiene.undo(run, client, Store(world.store.path)).counts == {"planned": taken}


def test_check_counts_whom_a_run_that_was_cut_off_may_have_taken(
    slim: Template, world: World, tmp_path: Path
) -> None:
    run, taken = cut_off_a_day_ago(slim[1], world)
    file = tmp_path / "new.csv"
    file.write_text(f"mobile\n{number(0)}\n{number(1)}\n")
    hits = hygiene.check(file, Store(world.store.path))
    assert hits[["msisdn", "run", "cut_off"]].to_numpy().tolist() == [[number(0), run, True]]
    assert [(one["run"], one["contacts"]) for one in hits.attrs["cut_off"]] == [(run, taken)]
    words = ["clean", "--check", str(file), "--store", str(world.store.path)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 3
    assert f"run {run}: it was cut off before it was kept: {taken} contacts count as doubtful" in done.stderr
    assert "(not sure: that run was cut off)" in done.stdout
    with world.client() as client, pytest.raises(SafetyError):
        hygiene.apply(slim[1], client, Store(world.store.path))  # void: what it took is kept
    hits = hygiene.check(file, Store(world.store.path))
    assert (hits["cut_off"].tolist(), hits.attrs["cut_off"]) == ([False], [])


def test_check_names_a_run_whose_journal_is_damaged(slim: Template, world: World, tmp_path: Path) -> None:
    killed(world, lambda client, store: hygiene.apply(slim[1], client, store, dry_run=False))
    next(world.store.private.glob("runs/*/row-*.json")).write_bytes(b"{")
    file = tmp_path / "new.csv"
    file.write_text(f"mobile\n{number(1)}\n")
    done = CliRunner().invoke(app, ["clean", "--check", str(file), "--store", str(world.store.path)])
    assert (done.exit_code, "is damaged" in done.stderr) == (3, True)


# ---- runs that ended with something to look at ------------------------------------------------------


def left_to_look_at(world: World) -> list[str]:
    return [line for line in store_status(Store(world.store.path))["look"] if "to look at" in line]


def test_status_names_an_apply_that_left_rows_unchecked_until_they_are(slim: Template, world: World) -> None:
    world.gateway.faults = Faults(always=[Always("error500", "get-contact-sms-stats")])
    with world.client() as client:
        report = hygiene.apply(slim[1], client, world.store, dry_run=False)
        assert report.exit_code == 3
        (line,) = left_to_look_at(world)
        assert line.startswith(f"run {report.run} ended ")
        assert "2 contacts could not be checked: they were left alone" in line
        assert f"smsdata clean --apply {slim[1].attrs['plan']['file']}" in line
        assert CliRunner().invoke(app, ["status", "--store", str(world.store.path)]).exit_code == 3
        world.gateway.faults = Faults()
        assert hygiene.apply(slim[1], client, world.store, dry_run=False).exit_code == 0
    assert left_to_look_at(world) == []


def test_a_later_run_takes_up_what_an_earlier_one_left(slim: Template, world: World) -> None:
    world.gateway.faults = Faults(always=[Always("error500", "get-contact-sms-stats")])
    with world.client() as client:
        hygiene.apply(slim[1], client, world.store, dry_run=False)
        world.gateway.faults = Faults()
        other = world.synced()
        (line,) = left_to_look_at(world)
        hygiene.apply(other, client, world.store)  # a look takes nothing up
        assert left_to_look_at(world) == [line]
        hygiene.apply(other, client, world.store, dry_run=False)
    assert left_to_look_at(world) == []


def test_status_names_an_ending_whose_note_is_damaged(slim: Template, world: World) -> None:
    world.gateway.faults = Faults(always=[Always("error500", "get-contact-sms-stats")])
    with world.client() as client:
        hygiene.apply(slim[1], client, world.store, dry_run=False)
    (note,) = world.store.private.glob("runs/*/ended.json")
    note.write_bytes(b"{")
    (line,) = left_to_look_at(world)
    assert f"{note} is damaged" in line
