"""Old rows are let go: those and no others, for good, and what tells of an opt-out stays."""

from __future__ import annotations

import errno
import json
import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from smsdata import Client, Store, sync
from smsdata.analysis.reply_words import classify_text
from smsdata.cli import main  # noqa: F401 - registers the commands
from smsdata.cli.app import run
from smsdata.errors import StoreError, UsageError
from smsdata.forgetting.retention import RETAINABLE, retain
from smsdata.ingest.callbacks import ingest_callbacks
from smsdata.schema.tables import TABLES
from smsdata.settings import Secret
from smsdata.simulator import Account, Gateway
from smsdata.store.status import store_status
from tests.support.callback_events import put
from tests.support.callers import reply
from tests.support.clients import connected
from tests.support.sync_world import present, small_and_synced
from tests.torture.fault import Failing

AGES = {"messages": "35d", "dlrs": "35d", "replies": "35d"}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Account, Path]:
    return small_and_synced(tmp_path_factory.mktemp("retain") / "store")


@pytest.fixture
def store(template: tuple[Account, Path], tmp_path: Path) -> Store:
    return Store(shutil.copytree(template[1], tmp_path / "store"), part_rows=50)


@pytest.fixture
def client(template: tuple[Account, Path]) -> Client:
    return connected(Gateway(template[0], limiter=None))


@pytest.fixture
def now(template: tuple[Account, Path]) -> datetime:
    return present(template[0])


def stays(table: str, rows: pd.DataFrame, now: datetime) -> pd.Series:
    """Which rows stay, told by hand."""
    young = rows["received_at" if table == "replies" else "sent_at"] >= now - timedelta(days=35)
    if table == "dlrs":
        return young | rows["optout"].fillna(False).astype(bool)
    if table == "replies":
        return young | rows["response"].map(lambda text: classify_text(text).optout_tier is not None)
    return young


def test_retain_changes_nothing_until_it_is_applied(store: Store, now: datetime) -> None:
    before = {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()}
    told = retain(store, AGES, now=now)
    assert all(one.rows > 0 for one in told)
    assert {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()} == before


def test_retain_lets_old_rows_go_and_no_others(store: Store, now: datetime) -> None:
    before = {table: store.read(table) for table in AGES}
    expected = {one.table: one for one in retain(store, AGES, now=now)}
    told = {one.table: one for one in retain(store, AGES, now=now, apply=True)}
    assert told == expected
    for table, rows in before.items():
        due = rows[stays(table, rows, now)].reset_index(drop=True)
        pd.testing.assert_frame_equal(Store(store.path).read(table), due)
        assert told[table].rows == len(rows) - len(due)
    assert told["replies"].stay + told["dlrs"].stay > 0
    assert all(one.rows == 0 for one in retain(store, AGES, now=now, apply=True))


def test_retain_keeps_a_reply_that_a_callback_calls_an_opt_out(store: Store, now: datetime) -> None:
    at = f"{now - timedelta(days=50):%Y-%m-%d %H:%M:%S}"
    said = [reply(99_000_001, "0", 61491570156, at, "Hmm.", is_optout="yes")]
    said.append(reply(99_000_002, "0", 61491570156, at, "Hmm."))
    put(store, *(("reply", one) for one in said), at=int(now.timestamp() * 1e6))
    ingest_callbacks(store, secret=Secret("word"), now=now)
    retain(store, {"replies": "35d"}, now=now, apply=True)
    left = set(Store(store.path).read("replies")["id"])
    assert (99_000_001 in left, 99_000_002 in left) == (True, False)


def test_retain_takes_histories_along_and_keeps_as_of(store: Store, now: datetime) -> None:
    seen = store.read("dlrs", as_of=now)
    retain(store, AGES, now=now, apply=True)
    left = Store(store.path)
    due = seen[stays("dlrs", seen, now)].reset_index(drop=True)
    pd.testing.assert_frame_equal(left.read("dlrs", as_of=now), due)
    keys = set(zip(*(left.read("dlrs")[name] for name in ("message_id", "msisdn")), strict=True))
    assert set(zip(*(left.read("status_history")[n] for n in ("message_id", "msisdn")), strict=True)) <= keys


@pytest.mark.parametrize("how", [{}, {"since": "60d"}, {"deep": True, "since": "60d"}])
def test_sync_does_not_bring_back_what_was_let_go(
    store: Store, client: Client, now: datetime, how: dict[str, object]
) -> None:
    retain(store, AGES, now=now, apply=True)
    rows = {table: Store(store.path).count(table) for table in AGES}
    with client:
        report = sync(client, Store(store.path), **how)  # type: ignore[arg-type]
        again = sync(client, Store(store.path))
    assert (report.attention, again.attention) == ([], [])
    left = Store(store.path)
    assert {table: left.count(table) for table in AGES} == rows
    assert left.verify() == []
    assert any("let go" in note for note in report.notes) == ("since" in how)


def test_retain_tells_what_was_there(store: Store, now: datetime) -> None:
    covered = store.state.covered("messages")
    retain(store, AGES, now=now, apply=True)
    state = Store(store.path).state
    assert state.covered("messages") == covered
    assert state.retained["messages"] == now - timedelta(days=35)
    assert state.kept_from["messages"] >= state.retained["messages"]


def test_retain_that_was_broken_off_is_named_with_the_command_that_goes_on(
    store: Store, client: Client, now: datetime
) -> None:
    failing = Store(store.path, disk=Failing(store.private, "rename", 2, errno.EIO), part_rows=50)
    with pytest.raises(StoreError):
        retain(failing, AGES, now=now, apply=True)
    words = "run `smsdata retain messages=35d --apply` again"
    assert any(words in line for line in store_status(Store(store.path))["look"])
    assert any(words in str(one) for one in Store(store.path).verify())
    with client:
        assert any(words in line for line in sync(client, Store(store.path)).attention)
    retain(Store(store.path), AGES, now=now, apply=True)
    look = [line for line in store_status(Store(store.path))["look"] if "the last sync said" not in line]
    assert look == []
    assert Store(store.path).verify() == []


@pytest.mark.parametrize(
    ("ages", "says"),
    [
        ({"campaigns": "400d"}, "stays as it is"),
        ({"optouts": "400d"}, "stays as it is"),
        ({"replies": "29d"}, "30d at least"),
        ({"replies": "soon"}, "soon"),
        ({"nothing": "400d"}, "unknown table"),
        ({}, "name a table"),
    ],
)
def test_retain_refuses(store: Store, ages: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        retain(store, ages, apply=True)


def test_retain_command_prints_what_goes(
    store: Store, now: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["retain", "replies=35d", "--store", str(store.path), "--now", now.isoformat()]
    assert run(words) == 0
    assert "would go" in capsys.readouterr().out
    assert run([*words, "--apply", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["applied"]
    assert told["tables"][0]["rows"] > 0
    assert run(["retain", "replies", "--store", str(store.path)]) == 2


def test_the_page_names_every_table_that_can_be_let_go_and_every_other() -> None:
    page = Path("docs/forget.md").read_text().split("## Old rows")[1].split("## ")[0]
    can, never = page.split("What can be let go is ")[1].split("Never let go are ")
    never, with_dlrs = never.split("The `status_history`")
    assert set(re.findall(r"`(\w+)`", can)) == set(RETAINABLE)
    assert set(re.findall(r"`(\w+)`", never)) == TABLES.keys() - {*RETAINABLE, "status_history"}
    assert with_dlrs.startswith(" of a dlr goes with it")
