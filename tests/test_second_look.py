"""The second look: what happens between plan and apply, and what somebody did to the files of a run."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import orjson
import pandas as pd
import pytest

from smsdata import Store, hygiene
from smsdata.errors import SafetyError, UsageError
from smsdata.hygiene.plan_file import sorted_json
from smsdata.simulator import transport
from smsdata.store.status import store_status
from tests.support.hygiene_world import Template, World, copied, make_world, number, slim_world


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return slim_world(tmp_path_factory.mktemp("slim"))


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Template:
    world = make_world(tmp_path_factory.mktemp("calm"), dead=())
    return world, world.synced()


def optout_plan(world: World) -> pd.DataFrame:
    """A plan that opts the first three people out of both lists, since an hour before the last sync."""
    at = world.account.time - timedelta(hours=1)
    due = [{"list_id": one, "msisdn": number(n)} for one in world.lists.values() for n in range(3)]
    return hygiene.plan_optouts(world.store, pd.DataFrame(due).assign(first_optout_at=at, source="reply"))


def _start(world: World) -> None:
    world.account.inbound(number(0), "START")


def _start_then_stop(world: World) -> None:
    _start(world)
    world.account.advance(60)
    world.account.inbound(number(0), "STOP")


def _rejoin(world: World) -> None:
    for list_id in world.lists.values():
        world.account.contacts.delete_member(number(0), list_id)
        world.account.contacts.add_member(list_id, number(0))


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (_start, "it asked for messages again (START)"),
        (_rejoin, "it was put on the list since"),
        (lambda world: world.account.inbound(number(0), "can I come at 3?"), "a reply came since"),
        (_start_then_stop, ""),
        (lambda world: world.account.send(number(0), "hello"), ""),
    ],
    ids=["start", "rejoin", "reply", "start-stop", "message"],
)
def test_apply_looks_again_before_it_opts_out(
    calm: Template, tmp_path: Path, happens: Callable[[World], object], reason: str
) -> None:
    world = copied(calm, tmp_path / "store")
    world.account.contacts.goo = False
    plan = optout_plan(world)
    world.account.advance(360)
    happens(world)
    with world.client() as client:
        report = hygiene.apply(plan, client, world.store, dry_run=False)
    skipped = report.rows[report.rows["outcome"] == "skipped"]
    assert set(skipped["reason"]) == ({reason} if reason else set())
    assert set(skipped["msisdn"]) == ({number(0)} if reason else set())
    opted_out = {msisdn for _, msisdn in world.changes("optout-list-member")}
    assert opted_out == {number(n) for n in range(3)} - set(skipped["msisdn"])


def test_apply_hears_a_reply_that_comes_while_it_runs(slim: Template, tmp_path: Path) -> None:
    world = copied(slim, tmp_path / "store")

    def meanwhile(done: int, _all: int) -> None:
        if done == 1:
            world.account.inbound(number(0), "who is this?")

    with world.client() as client:
        report = hygiene.apply(slim[1], client, world.store, dry_run=False, on_step=meanwhile)
    assert report.counts == {"done": 1, "skipped": 1}
    assert set(report.rows["reason"]) == {"", "a reply came since"}


def test_apply_waits_for_a_message_that_was_sent_since(slim: Template, tmp_path: Path) -> None:
    """Whether it will be delivered nobody knows: of all reasons this one goes away by itself."""
    world, plan = copied(slim, tmp_path / "store"), slim[1]
    world.account.advance(60)
    world.account.send(number(0), "Are you there?")
    with world.client() as client:
        report = hygiene.apply(plan, client, world.store, dry_run=False)
    assert "a newer message is still under way" in "\n".join(report.lines())
    assert (world.lists["A"], number(0)) in world.present()


def test_apply_skips_who_joined_another_list_since(slim: Template, tmp_path: Path) -> None:
    world = copied(slim, tmp_path / "store")
    other = world.account.contacts.add_list("C")
    world.account.contacts.add_member(other, number(0))
    with world.client() as client:
        report = hygiene.apply(slim[1], client, world.store, dry_run=False)
    assert report.counts == {"skipped": 2}
    assert set(report.rows["reason"]) == {"it was put on another list since"}
    assert world.gateway.applied == []


@pytest.mark.parametrize("name", ["A", "B"])
def test_apply_keeps_who_joined_one_list_of_the_plan_anew_on_all_of_them(
    slim: Template, tmp_path: Path, name: str
) -> None:
    """Whichever list comes first; the counters of the list are as before, so that nothing else tells it."""
    world = copied(slim, tmp_path / "store")
    world.account.contacts.delete_member(number(0), world.lists[name])
    world.account.contacts.add_member(world.lists[name], number(0))
    with world.client() as client:
        report = hygiene.apply(slim[1], client, world.store, dry_run=False)
    reasons = report.rows.set_index("list_id")["reason"].to_dict()
    assert reasons.pop(world.lists[name]) == "it was put on the list since"
    assert set(reasons.values()) == {"it was put on another list since"}
    assert world.changes("delete-from-list") == []


def test_apply_hears_a_reply_that_was_listed_late(slim: Template, tmp_path: Path) -> None:
    """It was received before the last sync and is listed only now."""
    world = copied(slim, tmp_path / "store")
    account = world.account
    account.state.inbox.take_inbound(account.now - 3 * 3600, int(number(0)), "hello", "61491570110")
    with world.client() as client:
        report = hygiene.apply(slim[1], client, world.store, dry_run=False)
    assert report.counts == {"skipped": 2}


def _answers(world: World, change: Callable[[str, dict[str, Any]], dict[str, Any]]) -> httpx.MockTransport:
    def handle(request: httpx.Request) -> httpx.Response:
        with httpx.Client(transport=transport(world.gateway)) as inner:
            answer = inner.send(request)
        body = change(Path(request.url.path).stem, answer.json())
        return httpx.Response(answer.status_code, json=body, headers={"date": answer.headers["date"]})

    return httpx.MockTransport(handle)


def _with_odd_reply(world: World, msisdn: str) -> httpx.MockTransport:
    """The gateway, which lists one reply more in each window, under an id that is none."""

    def handle(request: httpx.Request) -> httpx.Response:
        with httpx.Client(transport=transport(world.gateway)) as inner:
            answer = inner.send(request)
        body = answer.json()
        if Path(request.url.path).stem == "get-user-sms-responses":
            asked = parse_qs(request.content.decode()) or parse_qs(request.url.query.decode())
            odd = {"id": "n/a", "message_id": None, "list_id": None, "received_at": asked["start"][0]}
            said = {"msisdn": msisdn, "longcode": "61491570110", "response": "START", "original_message": ""}
            body["responses"].append(odd | said)
            body["total"] += 1
        return httpx.Response(answer.status_code, json=body, headers={"date": answer.headers["date"]})

    return httpx.MockTransport(handle)


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("whose", [number(0), "0" + number(0)[2:], "somebody"])
def test_apply_goes_on_where_a_reply_cannot_be_read(
    slim: Template, tmp_path: Path, whose: str, dry_run: bool
) -> None:
    """It costs its sender alone, who is left alone: it may be a START."""
    world = copied(slim, tmp_path / "store")
    with world.client(_with_odd_reply(world, whose)) as client:
        report = hygiene.apply(slim[1], client, world.store, dry_run=dry_run)
    done = "planned" if dry_run else "done"
    assert report.counts == ({done: 2} if whose == "somebody" else {"skipped": 2})
    assert report.exit_code == 3
    assert "replies cannot be read" in "\n".join([*report.lines(), *report.attention])


@pytest.mark.parametrize("whose", [number(0), "somebody"])
def test_undo_goes_on_where_a_reply_cannot_be_read(slim: Template, tmp_path: Path, whose: str) -> None:
    world, run = _applied(slim, tmp_path)
    with world.client(_with_odd_reply(world, whose)) as client:
        report = hygiene.undo(run, client, world.store, dry_run=False)
    assert report.counts == ({"skipped": 2} if whose == number(0) else {"done": 2})
    assert report.exit_code == 3


@pytest.mark.parametrize("word", ["bounced", "failed"])
@pytest.mark.parametrize("truth", ["hard-bounce", "soft-bounce"])
def test_apply_reads_the_send_where_statistics_do_not_name_the_kind(
    slim: Template, tmp_path: Path, word: str, truth: str
) -> None:
    world = copied(slim, tmp_path / "store")
    for send in world.account.sends[-2:]:
        world.account.set_status(send.message_id, number(0), truth)

    def vague(call: str, body: dict[str, Any]) -> dict[str, Any]:
        if call == "get-contact-sms-stats":
            for row in body["records"]:
                unclear = row["delivery_status"] in {"hard-bounce", "soft-bounce"}
                row["delivery_status"] = word if unclear else row["delivery_status"]
        return body

    with world.client(_answers(world, vague)) as client:
        report = hygiene.apply(slim[1], client, world.store, dry_run=False)
    assert report.counts == ({"done": 2} if truth == "hard-bounce" else {"skipped": 2})


@pytest.mark.parametrize("ids", [["²"], [None], "all", [[1]], ["-1"], [1.5]])
def test_apply_looks_up_what_an_odd_answer_did(slim: Template, tmp_path: Path, ids: Any) -> None:
    world = copied(slim, tmp_path / "store")

    def odd(call: str, body: dict[str, Any]) -> dict[str, Any]:
        return body | {"list_ids": ids} if call == "delete-from-list" else body

    with world.client(_answers(world, odd)) as client:
        report = hygiene.apply(slim[1], client, world.store, dry_run=False)
    assert report.counts == {"done": 2}
    assert set(report.rows["reason"]) == {"confirmed by looking it up"}
    assert len(world.changes("delete-from-list")) == 2


# ---- forged and damaged files -----------------------------------------------------------------------------


def test_load_refuses_a_plan_with_a_hash_that_anybody_could_make(slim: Template, tmp_path: Path) -> None:
    world = copied(slim, tmp_path / "store")
    forged = slim[1].assign(msisdn=number(1))
    forged.attrs = {"plan": dict(slim[1].attrs["plan"])}
    about = {key: value for key, value in forged.attrs["plan"].items() if key not in {"hash", "file"}}
    table = forged.to_json(
        orient="split", index=False, date_format="iso", date_unit="us", double_precision=12
    )
    forged.attrs["plan"]["hash"] = hashlib.sha256(f"{sorted_json(about)}\n{table}".encode()).hexdigest()
    with world.client() as client, pytest.raises(SafetyError, match="changed"):
        hygiene.apply(forged, client, world.store, dry_run=False)
    assert world.gateway.applied == []


def test_plan_key_is_private_and_not_in_the_plan(slim: Template) -> None:
    key = slim[0].store.private / "plan-key"
    assert key.stat().st_mode & 0o777 == 0o600
    file = Path(slim[1].attrs["plan"]["file"])
    for told in (file.read_bytes(), file.with_suffix(".md").read_bytes()):
        assert key.read_bytes() not in told
        assert key.read_bytes().hex().encode() not in told


def test_apply_refuses_the_plan_of_another_store(slim: Template, tmp_path: Path) -> None:
    world = copied(slim, tmp_path / "store")
    (world.store.private / "plan-key").write_bytes(b"x" * 32)
    with world.client() as client, pytest.raises(SafetyError, match="another store"):
        hygiene.apply(slim[1], client, world.store, dry_run=False)
    (world.store.private / "plan-key").unlink()
    with world.client() as client, pytest.raises(SafetyError, match="key of the store's plans"):
        hygiene.apply(slim[1], client, world.store, dry_run=False)


def _stranger(entry: dict[str, Any]) -> dict[str, Any]:
    return entry | {"msisdn": number(7), "contact": entry["contact"] | {"msisdn": number(7)}}


def _stranger_in_contact(entry: dict[str, Any]) -> dict[str, Any]:
    return entry | {"contact": entry["contact"] | {"msisdn": number(7)}}


@pytest.mark.parametrize("forge", [_stranger, _stranger_in_contact])
@pytest.mark.parametrize("added", [False, True], ids=["changed", "added"])
def test_undo_never_adds_whom_the_suppressions_do_not_name(
    slim: Template, tmp_path: Path, forge: Callable[[dict[str, Any]], dict[str, Any]], added: bool
) -> None:
    world = copied(slim, tmp_path / "store")
    with world.client() as client:
        run = hygiene.apply(slim[1], client, world.store, dry_run=False).run
    rows = sorted((world.store.private / "runs" / run).glob("row-*.json"))
    entry = forge(orjson.loads(rows[0].read_bytes()))
    file = rows[0].with_name("row-000099.json") if added else rows[0]
    file.write_bytes(orjson.dumps(entry | ({"row": 99} if added else {})))
    with world.client() as client:
        for _ in range(2):
            try:
                report = hygiene.undo(run, client, Store(world.store.path), dry_run=False)
            except SafetyError as error:
                assert "damaged" in str(error)  # noqa: PT017
            else:
                assert report.exit_code == 3
            try:  # the next plan's run takes nothing of a forged journal for true
                hygiene.apply(slim[1], client, Store(world.store.path), dry_run=True)
            except SafetyError:
                continue
    assert number(7) not in {msisdn for _, msisdn in world.changes("add-to-list")}


def test_undo_refuses_a_run_that_the_suppressions_do_not_know(slim: Template, tmp_path: Path) -> None:
    world = copied(slim, tmp_path / "store")
    donor = copied(slim, tmp_path / "donor")
    with donor.client() as client:
        run = hygiene.apply(slim[1], client, donor.store, dry_run=False).run
    (world.store.private / "runs").mkdir()
    (donor.store.private / "runs" / run).rename(world.store.private / "runs" / run)
    with world.client() as client, pytest.raises(SafetyError, match="unknown to the table suppressions"):
        hygiene.undo(run, client, world.store, dry_run=False)


def _applied(slim: Template, tmp_path: Path) -> tuple[World, str]:
    world = copied(slim, tmp_path / "store")
    with world.client() as client:
        return world, hygiene.apply(slim[1], client, world.store, dry_run=False).run


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("name", ["run.json", "row-*.json"])
def test_undo_refuses_a_run_with_one_flipped_bit(
    slim: Template, tmp_path: Path, name: str, place: float
) -> None:
    world, run = _applied(slim, tmp_path)
    file = sorted((world.store.private / "runs" / run).glob(name))[0]
    content = bytearray(file.read_bytes())
    content[int(len(content) * place)] ^= 4
    file.write_bytes(content)
    with world.client() as client, pytest.raises(SafetyError, match=f"damaged.*{file.name}"):
        hygiene.undo(run, client, Store(world.store.path), dry_run=False)
    assert world.changes("add-to-list") == []


def test_undo_refuses_a_journal_older_than_the_suppressions(slim: Template, tmp_path: Path) -> None:
    world, run = _applied(slim, tmp_path)
    folder = world.store.private / "runs" / run
    done = {file: file.read_bytes() for file in folder.glob("row-*.json")}
    with world.client() as client:
        assert hygiene.undo(run, client, Store(world.store.path), dry_run=False).counts == {"done": 2}
    for file, content in done.items():
        file.write_bytes(content)
    with world.client() as client, pytest.raises(SafetyError, match="its journal lacks 2 of the 2"):
        hygiene.undo(run, client, Store(world.store.path), dry_run=False)
    assert Store(world.store.path).read("suppressions")["undone_at"].notna().all()


def test_apply_writes_lost_suppressions_again(slim: Template, tmp_path: Path) -> None:
    world, run = _applied(slim, tmp_path)
    before = world.store.read("suppressions")
    world.store.parts("suppressions")[0].unlink()
    (lost,) = Store(world.store.path).verify()
    assert "apply the next plan" in lost.advice
    with world.client() as client:
        report = hygiene.apply(slim[1], client, Store(world.store.path), dry_run=False)
    assert any("written again" in line for line in report.attention)
    after = Store(world.store.path).read("suppressions")
    names = ["list_id", "msisdn", "run", "done_at"]
    assert after[names].to_dict("records") == before[names].to_dict("records")
    assert Store(world.store.path).verify() == []
    with world.client() as client:
        assert hygiene.undo(run, client, Store(world.store.path), dry_run=False).counts == {"done": 2}


@pytest.mark.parametrize(
    ("spelled", "country"),
    [("+61 491 570 200", None), (61_491_570_200, None), ("0491 570 200", "AU"), ("61491570200.0", None)],
)
def test_plan_optouts_reads_every_spelling(slim: Template, spelled: Any, country: str | None) -> None:
    world = slim[0]
    own = pd.DataFrame({
        "list_id": world.lists["A"], "msisdn": pd.Series([spelled, spelled, None], dtype="object"),
        "first_optout_at": pd.Timestamp("2026-10-01", tz="UTC"), "source": "list",
    })  # fmt: skip
    plan = hygiene.plan_optouts(world.store, own, country=country)
    assert plan["msisdn"].tolist() == [number(0)]
    assert plan.attrs["plan"]["unreadable"] == 1
    assert "1 contacts are left out" in hygiene.advice(plan)[0]


def test_a_journal_that_is_gone_is_named_by_status_verify_and_undo(slim: Template, tmp_path: Path) -> None:
    world = copied(slim, tmp_path / "store")
    with world.client() as client:
        run = hygiene.apply(slim[1], client, world.store, dry_run=False).run
    store = Store(world.store.path)
    assert not any(run in line for line in store_status(store)["look"])
    folder = store.private / "runs" / run
    next(folder.glob("row-*.json")).unlink()
    assert "names 2 contacts for this run, and its journal holds 1" in "".join(store_status(store)["look"])
    shutil.rmtree(folder)
    (told,) = [line for line in store_status(store)["look"] if run in line]
    assert f".smsdata/runs/{run}: missing" in told
    assert "restore the folder from a backup" in told
    assert [one.where for one in store.verify() if one.table == "runs"] == [f".smsdata/runs/{run}"]
    with (
        world.client() as client,
        pytest.raises(SafetyError, match=r"its journal is gone from .* 2 contacts"),
    ):
        hygiene.undo(run, client, store)
    folder.with_name(f"{run}.gone").touch()
    assert not any(run in line for line in store_status(store)["look"])


@pytest.mark.parametrize("name", ["../../x", "..", ".", "", "a/b", "x" * 300])
def test_undo_takes_the_name_of_a_run_and_no_path(slim: Template, tmp_path: Path, name: str) -> None:
    world = copied(slim, tmp_path / "store")
    with world.client() as client:
        run = hygiene.apply(slim[1], client, world.store, dry_run=False).run
        with pytest.raises(UsageError, match="there is no run") as refused:
            hygiene.undo(name, client, world.store)
    assert str(refused.value).endswith(f" Runs: {run}.")
