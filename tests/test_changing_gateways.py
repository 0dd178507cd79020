"""Gateways that list replies late, have a slow clock, refuse what they did, or say yes and do nothing."""

from __future__ import annotations

import email.utils
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from smsdata import Client, hygiene
from smsdata.cli.app import run as run_command
from smsdata.errors import SafetyError, UsageError
from smsdata.hygiene.run_journal import exclusive
from smsdata.simulator import transport
from tests.support.hygiene_world import (
    Deadly,
    Killed,
    Template,
    World,
    copied,
    make_world,
    number,
    slim_world,
)

DEAD = number(0)
DAY = 86_400


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return slim_world(tmp_path_factory.mktemp("slim"))


@pytest.fixture
def world(slim: Template, tmp_path: Path) -> World:
    made = copied(slim, tmp_path / "store")
    made.account.contacts.goo = False
    return made


def listed_late(world: World, text: str, days: float) -> None:
    """A reply that was received days ago and is listed only now."""
    account = world.account
    account.state.inbox.take_inbound(account.now - round(days * DAY), int(DEAD), text, "61491570110")


def odd(
    world: World, change: Callable[[httpx.Request, httpx.Response], httpx.Response]
) -> httpx.MockTransport:
    def handle(request: httpx.Request) -> httpx.Response:
        with httpx.Client(transport=transport(world.gateway)) as inner:
            answer = inner.send(request)
        told = httpx.Response(
            answer.status_code, content=answer.content, headers={"date": answer.headers["date"]}
        )
        return change(request, told)

    return httpx.MockTransport(handle)


def refusing(call: str) -> Callable[[httpx.Request, httpx.Response], httpx.Response]:
    """It does what it was asked for, and says that it refused."""
    body = json.dumps({"error": {"code": "FIELD_INVALID", "description": "no"}}).encode()

    def change(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        return (
            httpx.Response(400, content=body, headers=answer.headers) if call in request.url.path else answer
        )

    return change


def removed(world: World, plan: pd.DataFrame) -> str:
    with world.client() as client:
        return hygiene.apply(plan, client, world.store, dry_run=False).run


def test_apply_hears_a_reply_that_was_listed_days_late(slim: Template, world: World) -> None:
    listed_late(world, "Yes please", 0.2)
    with world.client() as client:
        assert hygiene.apply(slim[1], client, world.store, dry_run=False).counts == {"skipped": 2}


@pytest.mark.parametrize("days", [4, 7, 20])
def test_undo_hears_a_stop_that_was_listed_days_late(slim: Template, world: World, days: int) -> None:
    run = removed(world, slim[1])
    listed_late(world, "STOP", days)
    with world.client() as client:
        report = hygiene.undo(run, client, world.store, dry_run=False)
    assert report.counts == {"skipped": 2}
    assert world.changes("add-to-list") == []


@pytest.mark.parametrize("behind", [timedelta(minutes=2), timedelta(hours=4), timedelta(days=1)])
def test_undo_hears_a_stop_when_the_clock_is_behind(slim: Template, world: World, behind: timedelta) -> None:
    run = removed(world, slim[1])
    world.account.inbound(DEAD, "STOP")

    def slow(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        told = email.utils.parsedate_to_datetime(answer.headers["date"]) - behind
        answer.headers["date"] = email.utils.format_datetime(told, usegmt=True)
        return answer

    with world.client(odd(world, slow)) as client:
        report = hygiene.undo(run, client, world.store, dry_run=False)
    assert report.counts == {"skipped": 2}
    assert world.changes("add-to-list") == []


def test_apply_opts_nobody_out_who_joined_another_list_of_the_plan_again(tmp_path: Path) -> None:
    """With Global Opt Out one opt-out counts for all lists, the new one included."""
    world = make_world(tmp_path, dead=())
    world.synced()
    world.account.contacts.goo = True
    at = world.account.time - timedelta(hours=1)
    due = [{"list_id": one, "msisdn": number(n)} for one in world.lists.values() for n in range(2)]
    plan = hygiene.plan_optouts(world.store, pd.DataFrame(due).assign(first_optout_at=at, source="reply"))
    world.account.advance(360)
    again = max(world.lists.values())  # the one that comes last
    world.account.contacts.delete_member(number(0), again)
    world.account.contacts.add_member(again, number(0))
    with world.client() as client:
        report = hygiene.apply(plan, client, world.store, dry_run=False)
    about = report.rows[report.rows["msisdn"] == number(0)]
    assert sorted(about["list_id"]) == sorted(world.lists.values())
    assert set(about["outcome"]) == {"skipped"}
    assert {msisdn for _, msisdn in world.changes("optout-list-member")} == {number(1)}


def test_apply_looks_up_what_was_refused_and_undo_too(slim: Template, world: World) -> None:
    with world.client(odd(world, refusing("delete-from-list"))) as client:
        report = hygiene.apply(slim[1], client, world.store, dry_run=False)
    assert report.counts == {"done": 2}
    assert len(world.store.rows("suppressions")) == 2
    with world.client(odd(world, refusing("add-to-list"))) as client:
        report = hygiene.undo(report.run, client, world.store, dry_run=False)
    assert report.counts == {"done": 2}
    assert world.targets() <= world.present()


def test_apply_counts_nothing_as_removed_that_is_there_as_before(slim: Template, world: World) -> None:
    answers = {"delete-from-list": {"error": {"code": "SUCCESS", "description": "OK"}}}

    def handle(request: httpx.Request) -> httpx.Response:
        call = Path(request.url.path).stem
        if call in answers:
            asked = dict(httpx.QueryParams(request.content.decode())) | dict(request.url.params)
            return httpx.Response(200, json=answers[call] | {"list_ids": [int(asked["list_id"])]})
        with httpx.Client(transport=transport(world.gateway)) as inner:
            answer = inner.send(request)
        return httpx.Response(
            answer.status_code, content=answer.content, headers={"date": answer.headers["date"]}
        )

    with world.client(httpx.MockTransport(handle)) as client:
        report = hygiene.apply(slim[1], client, world.store, dry_run=False)
    assert report.counts == {"refused": 2}
    assert set(report.rows["reason"]) == {"the gateway said yes, and it is there as before"}
    assert report.exit_code == 3
    assert len(world.store.rows("suppressions")) == 0


def test_a_run_that_was_cut_off_can_be_undone_when_its_plan_is_void(slim: Template, world: World) -> None:
    with world.client(Deadly(world.gateway, 1, after=True)) as client, pytest.raises(Killed):
        hygiene.apply(slim[1], client, world.store, dry_run=False)
    world.account.advance(2 * DAY)
    with world.client() as client, pytest.raises(SafetyError, match="smsdata undo"):
        hygiene.apply(slim[1], client, world.store, dry_run=False)
    run = next((world.store.private / "runs").iterdir()).name
    with world.client() as client:
        assert hygiene.undo(run, client, world.store, dry_run=False).counts.get("done") == 1
    assert world.targets() <= world.present()


def test_an_account_elsewhere_is_changed_at_its_own_time_only(world: World) -> None:
    reached = httpx.MockTransport(lambda _request: httpx.Response(500))
    client: Any = Client(
        key="demo", secret="demo", base_url="https://gateway.example", transport=reached,
        now="2026-01-05T00:00:00Z",
    )  # fmt: skip
    with (
        client,
        pytest.raises(UsageError, match="rehearsals"),
        exclusive(client, world.store, 0, dry_run=True),
    ):
        pass


@pytest.mark.parametrize("text", ["", "\ufeff", "name,mobile\n"])
def test_a_file_without_a_line_to_check_is_not_called_clean(
    world: World, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "contacts.csv"
    file.write_text(text, encoding="utf-8")
    assert run_command(["clean", "--check", str(file), "--store", str(world.store.path)]) == 3
    assert "no line was checked" in capsys.readouterr().err
