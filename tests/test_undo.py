"""The gateway is asked first: nobody is put back who opted out anywhere, or of whom that cannot be known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from smsdata import Store, hygiene, sync
from smsdata.hygiene import HygieneReport
from smsdata.simulator import Always, Faults, transport
from smsdata.store.status import store_status
from tests.support.hygiene_world import Template, World, copied, make_world, number, slim_world

DEAD = number(0)
OPTED_OUT = "the gateway says that it opted out"


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return slim_world(tmp_path_factory.mktemp("slim"))


@pytest.fixture
def removed(slim: Template, tmp_path: Path) -> tuple[World, str]:
    """One number removed from both lists, on an account without Global Opt Out; and the run."""
    world = copied(slim, tmp_path / "store")
    world.account.contacts.goo = False
    with world.client() as client:
        run = hygiene.apply(slim[1], client, world.store, dry_run=False).run
    return world, run


def undone(world: World, run: str, **options: Any) -> HygieneReport:
    with world.client(**options) as client:
        return hygiene.undo(run, client, Store(world.store.path), dry_run=False)


def told(report: HygieneReport, reason: str) -> bool:
    """Whether both lists' contacts were skipped for a reason that the report counts and names."""
    return report.counts == {"skipped": 2} and any(
        line.startswith("skipped 2: ") and reason in line for line in report.lines()
    )


def _on_a_new_list(world: World) -> None:
    other = world.account.contacts.add_list("C")
    world.account.contacts.add_member(other, DEAD)
    world.account.contacts.optout_member(DEAD, other)


def _on_a_new_list_as_inactive(world: World) -> None:
    other = world.account.contacts.add_list("C")
    world.account.contacts.add_member(other, DEAD)
    world.account.contacts.edit_member(other, DEAD, status="inactive")


def _on_one_of_its_own(world: World) -> None:
    world.account.contacts.add_member(world.lists["B"], DEAD)
    world.account.contacts.optout_member(DEAD, world.lists["B"])


def _last_send(world: World) -> int:
    return max(send.message_id for send in world.account.sends)


def _by_link_of_an_old_send(world: World) -> None:
    world.account.optout_by_link(_last_send(world), DEAD)


def _by_link_of_a_new_send(world: World) -> None:
    world.account.optout_by_link(world.account.send_campaign(numbers=[DEAD, number(1)]), DEAD)


def _by_link_of_a_send_to_it_alone(world: World) -> None:
    world.account.optout_by_link(world.account.send(DEAD), DEAD)


def _long_after_the_send(world: World) -> None:
    send = _last_send(world)
    world.account.advance(days=40)
    world.account.optout_by_link(send, DEAD)


WAYS: list[tuple[Callable[[World], None], str]] = [
    (_on_a_new_list, OPTED_OUT),
    (_on_a_new_list_as_inactive, "it is on a list and not active there"),
    (_on_one_of_its_own, OPTED_OUT),
    (_by_link_of_an_old_send, OPTED_OUT),
    (_by_link_of_a_new_send, OPTED_OUT),
    (_by_link_of_a_send_to_it_alone, OPTED_OUT),
    (_long_after_the_send, OPTED_OUT),
]


@pytest.mark.parametrize(("happens", "reason"), WAYS)
def test_undo_never_adds_who_opted_out_where_the_store_did_not_look(
    removed: tuple[World, str], happens: Callable[[World], None], reason: str
) -> None:
    world, run = removed
    happens(world)
    report = undone(world, run)
    assert world.changes("add-to-list") == []
    assert told(report, reason), report.lines()


def test_undo_asks_about_lists_that_the_store_knows(removed: tuple[World, str]) -> None:
    world, run = removed
    other = world.account.contacts.add_list("C")
    world.account.contacts.add_member(other, DEAD)
    with world.client() as client:
        sync(client, Store(world.store.path))
    world.account.contacts.optout_member(DEAD, other)
    world.account.contacts.add_member(other, number(1))  # the active are as many as before
    assert told(undone(world, run), OPTED_OUT)
    assert world.changes("add-to-list") == []


def test_undo_that_finds_everybody_inactive_says_what_to_do(removed: tuple[World, str]) -> None:
    world, run = removed
    for list_id in world.lists.values():
        world.account.contacts.add_member(list_id, DEAD)
        world.account.contacts.edit_member(list_id, DEAD, status="inactive")
    report = undone(world, run)
    assert report.counts == {"skipped": 2}
    assert report.exit_code == 3
    (line,) = report.attention
    assert line.startswith("2 contacts were not put back: not active on a list: look at each in the gateway")
    assert any(line in told for told in store_status(Store(world.store.path))["look"])


def _get_contact_fails(world: World) -> Faults:
    other = world.account.contacts.add_list("C")
    return Faults(always=[Always("error500", "get-contact", {"list_id": str(other)})])


def _optouts_fail(world: World) -> Faults:
    send = world.account.send_campaign(numbers=[DEAD, number(1)])
    world.account.optout_by_link(send, number(1))
    return Faults(always=[Always("error500", "get-sms-sent", {"message_id": str(send)})])


@pytest.mark.parametrize("fails", [_get_contact_fails, _optouts_fail])
def test_undo_never_adds_whom_it_could_not_ask_about(
    removed: tuple[World, str], fails: Callable[[World], Faults]
) -> None:
    world, run = removed
    world.gateway.faults = fails(world)
    report = undone(world, run)
    assert world.changes("add-to-list") == []
    assert told(report, "it could not be asked whether it opted out"), report.lines()


def test_undo_hears_a_reply_that_comes_while_it_runs(removed: tuple[World, str]) -> None:
    world, run = removed
    inner = transport(world.gateway)

    class Replies(httpx.BaseTransport):
        """The person writes once one of its contacts is put back."""

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = inner.handle_request(request)
            if "add-to-list" in request.url.path:
                world.account.inbound(DEAD, "what is this?")
            return answer

    report = undone(world, run, through=Replies())
    assert report.counts == {"done": 1, "skipped": 1}, report.lines()


def test_undo_of_one_among_many_asks_person_by_person(tmp_path: Path) -> None:
    """Three lists unchanged since the sync and one person: no list is read whole."""
    world = make_world(tmp_path, dead=(0,), members=150)
    world.account.contacts.goo = False
    plan = world.synced()
    with world.client() as client:
        run = hygiene.apply(plan, client, world.store, dry_run=False).run
        before = client.calls
        report = hygiene.undo(run, client, world.store)
        assert report.counts == {"planned": 2}
        assert client.calls - before <= 10


class Counted(httpx.BaseTransport):
    """Counts the calls by name and list."""

    def __init__(self, world: World) -> None:
        self.inner = transport(world.gateway)
        self.calls: Counter[tuple[str, str]] = Counter()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.calls[Path(request.url.path).stem, request.url.params.get("list_id", "")] += 1
        return self.inner.handle_request(request)


def test_undo_of_many_reads_a_list_whole(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.account.contacts.goo = False
    world.account.contacts.optout_member(number(3), world.lists["A"])  # so the gateway shows such contacts
    plan = world.synced()
    assert Store(world.store.path).state.all_members_come
    with world.client() as client:
        run = hygiene.apply(plan, client, world.store, dry_run=False).run
    other = world.account.contacts.add_list("C")
    for n in world.dead:
        world.account.contacts.add_member(other, number(n))
    world.account.contacts.optout_member(DEAD, other)
    through = Counted(world)
    report = undone(world, run, through=through)
    assert set(report.rows.loc[report.rows["outcome"] == "skipped", "msisdn"]) == {DEAD}
    assert {msisdn for _, msisdn in world.changes("add-to-list")} == {number(1)}
    assert (through.calls["get-list", str(other)], through.calls["get-contact", str(other)]) == (1, 0)


def test_apply_of_many_reads_a_changed_list_whole_for_who_joined_it(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    plan = world.synced()
    other = world.account.contacts.add_list("C")
    for n in range(4):
        world.account.contacts.add_member(other, number(n))
    through = Counted(world)
    with world.client(through) as client:
        report = hygiene.apply(plan, client, world.store)
    assert report.counts == {"skipped": 4}
    assert set(report.rows["reason"]) == {"it was put on another list since"}
    assert (through.calls["get-list", str(other)], through.calls["get-contact", str(other)]) == (1, 0)


def test_undo_again_counts_whom_it_put_back_before(removed: tuple[World, str]) -> None:
    """So that its lines add up to the run."""
    world, run = removed
    with world.client() as client:
        assert hygiene.undo(run, client, world.store, dry_run=False).counts == {"done": 2}
        again = hygiene.undo(run, client, world.store, dry_run=False)
    assert "skipped 2: it was put back before" in again.lines()
    assert len(world.changes("add-to-list")) == 2
