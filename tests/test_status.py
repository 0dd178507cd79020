"""`smsdata status`: what a store says of itself without the gateway, whatever became of the last run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from smsdata import ApiError, Client, Store, StoreError, sync
from smsdata.cli.app import app
from smsdata.simulator import Account, Gateway
from smsdata.store.last_run import FILE, RunRecord, last_runs, recorded_run
from smsdata.store.status import store_status, store_status_lines
from tests.support.clients import connected
from tests.support.schemas import misfits
from tests.support.tampering import Tampered
from tests.test_old_store import ARCHIVE, contents

World = tuple[Account, Gateway, Store]


def status_of(store: Store, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and object of the command; it has no credentials and no gateway to ask."""
    done = CliRunner().invoke(app, ["status", "--json", "--store", str(store.path), *words])
    told = json.loads(done.stdout)
    assert misfits("smsdata status", told) == []
    return done.exit_code, told


def test_status_of_a_store_in_step_is_one_good_screen(world: World) -> None:
    account, _, store = world
    code, told = status_of(store)
    assert (code, told["look"], told["complete"], told["under_way"]) == (0, [], True, False)
    assert 0 <= told["age_seconds"] < 600
    assert told["last_run"] == told["last_sync"]
    assert datetime.fromisoformat(told["last_sync"]["as_of"]) == datetime.fromtimestamp(account.now, UTC)
    rows = {row["table"]: row for row in told["tables"]}
    assert rows["messages"]["rows"] == len(account.truth("messages"))
    assert rows["messages"]["complete_from"] < rows["messages"]["complete_until"]
    screen = store_status_lines(told)
    assert len(screen) <= 24
    assert max(map(len, screen[1:])) <= 100  # the first names the folder
    assert screen[-1].startswith("Nothing needs a look.")


def test_status_says_when_the_last_sync_is_too_old(world: World) -> None:
    store = world[2]
    later = f"{datetime.now(UTC) + timedelta(hours=27):%Y-%m-%dT%H:%M:%SZ}"
    assert status_of(store, "--now", later, "--max-age", "28h")[0] == 0
    code, told = status_of(store, "--now", later, "--max-age", "26h")
    assert code == 3
    assert "ended 27 h ago" in told["look"][0]


def test_status_tells_of_a_run_that_failed_and_keeps_the_sync_before(world: World) -> None:
    _, gateway, store = world
    before = last_runs(store.private).whole
    with connected(gateway, secret="CANARY") as client, pytest.raises(ApiError):
        sync(client, store)
    code, told = status_of(store)
    assert code == 3
    assert told["last_run"]["outcome"] == "failed"
    assert "AUTH_FAILED" in told["last_run"]["code"]
    assert "CANARY" not in json.dumps(told)
    assert before is not None
    assert told["last_sync"]["ended"] == before.ended
    assert any("the last run failed" in line for line in told["look"])
    with connected(gateway) as client:
        sync(client, store)
    assert status_of(store)[0] == 0


def test_status_after_a_run_of_some_tables_tells_them_apart(world: World) -> None:
    _, gateway, store = world
    with connected(gateway) as client:
        sync(client, store, tables=["lists"])
    _, told = status_of(store)
    assert (told["last_run"]["all_tables"], told["last_sync"]["all_tables"]) == (False, True)


def test_status_keeps_what_a_sync_said_once_until_it_is_let_go_of(
    world: World, connect: Callable[..., Client]
) -> None:
    account, gateway, store = world
    recent = [one for one in account.sends if one.sent_at > account.now - 20 * 86400]
    send = max(recent, key=lambda one: len(one.rows)).message_id
    rows = [row for row in account.truth("dlrs") if row["message_id"] == send]
    number = next(int(row["msisdn"]) for row in rows if row["status"] == "delivered")
    account.set_status(send, number, "soft-bounce")
    account.advance(hours=1)
    assert any("taken back" in line for line in sync(connect(gateway), store).attention)
    assert status_of(store)[1]["look"][0].startswith("the last sync said: ")
    for _ in range(2):
        assert sync(connect(gateway), store).attention == []
        code, told = status_of(store)
        assert (code, told["complete"], len(told["look"])) == (3, None, 1)
        assert told["look"][0].startswith(f"an earlier sync said: dlrs of campaign {send}: the gateway")
        assert "--dismiss-rejects" in told["look"][0]
    sync(connect(gateway), store, dismiss_rejects=True)
    assert status_of(store)[1]["look"] == []


def test_status_lets_go_of_what_a_later_read_settles(world: World, connect: Callable[..., Client]) -> None:
    account, gateway, store = world
    recent = [one for one in account.sends if one.sent_at > account.now - 20 * 86400]
    send = str(max(recent, key=lambda one: len(one.rows)).message_id)

    def change(call: str, sent: dict[str, str], answer: dict[str, Any]) -> Any:
        if call != "get-sms-sent" or sent["message_id"] != send or sent.get("page", "1") != "1":
            return None
        answer["recipients"][0]["delivery_status"] = None
        return answer

    through = Tampered(gateway, change)
    assert any("add up" in line for line in sync(connect(None, through=through), store, deep=True).attention)
    sync(connect(None, through=through), store)
    assert "does not add up" in status_of(store)[1]["look"][0]
    through.on = False
    account.advance(days=3)
    sync(connect(gateway), store, deep=True)
    assert status_of(store)[1]["look"] == []


def test_status_while_another_run_holds_the_store_waits_for_nobody(world: World) -> None:
    store = world[2]
    other = Store(store.path)
    with other.writing(), recorded_run(other.disk, other.private, whole=True, account_for=lambda _run: None):
        code, told = status_of(store)
    assert (code, told["under_way"]) == (0, True)
    assert any("a run is under way" in line for line in store_status_lines(told))
    assert status_of(store)[1]["under_way"] is False


@pytest.mark.parametrize(("error", "outcome"), [(KeyboardInterrupt, "interrupted"), (ValueError, "failed")])
def test_recorded_run_notes_how_it_ended_and_no_text_of_a_fault(
    world: World, error: type[BaseException], outcome: str
) -> None:
    store = world[2]
    with (
        pytest.raises(error),
        store.writing(),
        recorded_run(store.disk, store.private, whole=True, account_for=lambda _run: None),
    ):
        raise error("61491570006")
    code, told = status_of(store)
    assert (code, told["last_run"]["outcome"]) == (3, outcome)
    assert "61491570006" not in (store.private / FILE).read_text()


def test_status_tells_of_a_run_that_was_killed(world: World) -> None:
    store = world[2]
    script = (
        "import os, sys; from smsdata import Store; from smsdata.store.last_run import recorded_run\n"
        "store = Store(sys.argv[1])\n"
        "with store.writing(), recorded_run(store.disk, store.private, whole=True, account_for=print):\n"
        "    os._exit(9)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script, str(store.path)], env=environment, check=False)
    assert done.returncode == 9
    code, told = status_of(store)
    assert (code, told["under_way"], told["complete"]) == (3, False, True)
    assert "was broken off" in told["look"][0]


def test_status_of_another_machines_run_says_that_it_cannot_be_told(world: World) -> None:
    store = world[2]
    run = RunRecord("2026-11-22T01:00:00+00:00", whole=True, host="elsewhere", pid=1, born=1.0)
    assert run.under_way is None
    text = (store.private / FILE).read_text()
    with store.writing(), recorded_run(store.disk, store.private, whole=True, account_for=lambda _run: None):
        raw = json.loads((store.private / FILE).read_text())
    raw.pop("checksum")  # a file of before checksums is taken as it is
    raw["run"] |= {"host": "elsewhere", "outcome": "", "ended": ""}
    (store.private / FILE).write_text(json.dumps(raw))
    code, told = status_of(store)
    assert (code, told["under_way"]) == (3, None)
    (store.private / FILE).write_text(text)
    assert status_of(store)[0] == 0


def test_status_of_an_old_store_says_what_is_not_known_and_changes_nothing(tmp_path: Path) -> None:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    store = Store(tmp_path / "store")
    before = contents(store.path)
    code, told = status_of(store)
    assert (code, told["last_sync"], told["age_seconds"], told["complete"]) == (3, None, None, False)
    words = " ".join(told["look"])
    for said in ("no sync of all tables is on record", "unfinished", "set aside"):
        assert said in words
    assert contents(store.path) == before


def test_status_of_a_store_that_is_empty_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir(mode=0o700)
    code, told = status_of(Store(tmp_path / "store"))
    assert (code, told["complete"], told["tables"]) == (3, None, [])
    done = CliRunner().invoke(app, ["status", "--store", str(tmp_path / "none")])
    assert (done.exit_code, "there is no store" in done.stderr) == (2, True)


def test_status_names_files_that_are_missing_and_a_record_that_is_damaged(world: World) -> None:
    store = world[2]
    part = store.parts("messages")[0]
    part.unlink()
    code, told = status_of(store)
    assert (code, told["complete"]) == (3, False)
    assert part.relative_to(store.path).as_posix() in told["look"][0]
    (store.private / FILE).write_bytes(b'{"run":')
    _, told = status_of(store)
    assert told["last_sync"] is None
    assert f"{FILE} is damaged" in told["look"][0]


def test_status_of_a_damaged_state_is_an_error(world: World) -> None:
    store = world[2]
    (store.private / "state.json").write_bytes(b"{}")
    with pytest.raises(StoreError):
        store_status(Store(store.path))


def test_a_store_of_another_account_keeps_its_record(world: World) -> None:
    _, gateway, store = world
    before = (store.private / FILE).read_bytes()
    with connected(gateway, key="other") as client, pytest.raises(StoreError):
        sync(client, store)
    assert (store.private / FILE).read_bytes() == before


def test_status_takes_no_option_of_an_account(world: World) -> None:
    done = CliRunner().invoke(app, ["status", "--store", str(world[2].path), "--rate", "3"])
    assert (done.exit_code, "--rate does nothing here" in done.stderr) == (2, True)
