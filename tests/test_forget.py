"""A person who is forgotten: nothing of the number is left anywhere, everything is counted as before."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pickle
import shutil
import sqlite3
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import smsdata
from smsdata import Client, Store, hygiene, sync
from smsdata.audit import audit
from smsdata.cli import main  # noqa: F401 - registers the commands
from smsdata.cli.app import run
from smsdata.errors import LockedError, StoreError, UsageError
from smsdata.forgetting.person import forget
from smsdata.forgetting.read_back import searched
from smsdata.receiver.addresses import Addresses
from smsdata.receiver.application import CallbackApplication
from smsdata.receiver.server import receiving_in_thread
from smsdata.schema.callbacks import parameters
from smsdata.schema.frames import Reject, with_column
from smsdata.simulator import Account, Gateway
from smsdata.store.forgotten import forget_key
from smsdata.store.spool import Spool, spool_folder
from smsdata.store.status import store_status
from tests.support.callback_events import AT, put
from tests.support.callers import dlr, fire, reply
from tests.support.clients import connected
from tests.support.hygiene_world import Template, World, copied, number, slim_world
from tests.support.sync_world import small_and_synced
from tests.torture.fault import Failing

TABLES = ("campaigns", "messages", "dlrs", "replies", "optouts", "list_members", "status_history")
SOMEBODY = "61491570156"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Account, Path]:
    """A small account, and its store."""
    return small_and_synced(tmp_path_factory.mktemp("forget") / "store")


@pytest.fixture
def store(template: tuple[Account, Path], tmp_path: Path) -> Store:
    return Store(shutil.copytree(template[1], tmp_path / "store"), part_rows=50)


@pytest.fixture
def client(template: tuple[Account, Path]) -> Client:
    return connected(Gateway(template[0], limiter=None))


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return slim_world(tmp_path_factory.mktemp("slim"))


def opted_out(store: Store) -> str:
    """Somebody who replied, and opted out by that."""
    replies, left = store.read("replies"), set(store.read("optouts")["msisdn"])
    return str(replies.loc[replies["msisdn"].isin(left), "msisdn"].iloc[0])


def counts(store: Store) -> dict[str, int]:
    return {table: store.count(table) for table in TABLES}


def bytes_with(store: Store, msisdn: str) -> dict[str, int]:
    told = searched([store.path], [msisdn, "0" + msisdn[2:]])
    assert not told.not_judged
    assert told.pages > 100
    return told.found


# ---- the number goes, the counts stay ----------------------------------------------------------------


def test_forget_changes_nothing_until_it_is_applied(store: Store) -> None:
    before = {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()}
    told = forget(store, opted_out(store))
    assert {place.kind for place in told.places} == {"table"}
    assert len(told.places) >= 5
    assert {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()} == before


def test_forget_leaves_no_byte_of_the_number_and_every_row_counted(store: Store) -> None:
    msisdn, rows, faults = opted_out(store), counts(store), store.verify()
    assert bytes_with(store, msisdn)
    told = forget(store, msisdn, apply=True)
    again = Store(store.path)
    assert told.exit_code == 0
    assert told.searched is not None
    assert not bytes_with(again, msisdn)
    assert counts(again) == rows
    assert again.verify() == faults == []


def test_forget_keeps_every_row_of_everybody_else(store: Store) -> None:
    msisdn = opted_out(store)
    before = {table: store.read(table) for table in TABLES}
    seen = store.read("dlrs", as_of="2026-11-10")
    stand_in = forget(store, msisdn, apply=True).stand_in
    for table, rows in before.items():
        mine = rows["msisdn"].fillna("") == msisdn
        left = Store(store.path).read(table)
        theirs = left["msisdn"].fillna("") == stand_in
        pd.testing.assert_frame_equal(
            left[~theirs].reset_index(drop=True), rows[~mine].reset_index(drop=True), check_like=True
        )
        assert theirs.sum() == mine.sum()
    then = Store(store.path).read("dlrs", as_of="2026-11-10")
    assert len(then) == len(seen)
    assert Counter(then["status"]) == Counter(seen["status"])


def test_forget_leaves_nothing_said_by_or_of_the_person(store: Store) -> None:
    stand_in = forget(store, opted_out(store), apply=True).stand_in
    for table in ("dlrs", "replies", "list_members", "messages", "optouts"):
        rows = store.read(table)
        rows = rows[rows["msisdn"] == stand_in]
        assert len(rows)
        for name in {"first_name", "last_name", "extra"} & set(rows):
            assert rows[name].isna().all(), (table, name)
        for name in {"message", "original_message"} & set(rows):
            assert set(rows[name]) <= {""}, (table, name)
    assert set(store.read("replies").query("msisdn == @stand_in")["response"]) <= {"", "STOP"}


def test_sync_does_not_bring_a_person_back(store: Store, client: Client) -> None:
    msisdn, rows = opted_out(store), counts(store)
    forget(store, msisdn, apply=True)
    with client:
        report = sync(client, store)
        deep = sync(client, store, deep=True, since="60d")
    assert not report.attention
    assert not deep.attention
    again = Store(store.path)
    assert not bytes_with(again, msisdn)
    assert counts(again) == rows
    assert again.verify() == []


def test_sync_of_a_new_store_keeps_out_who_was_forgotten_before(store: Store, client: Client) -> None:
    msisdn = opted_out(store)
    stand_in = forget(store, msisdn, apply=True).stand_in
    for table in TABLES:
        shutil.rmtree(store.path / table)
    (store.private / "state.json").unlink()
    with client:
        sync(client, store, since="60d")
    again = Store(store.path)
    assert not bytes_with(again, msisdn)
    assert (again.read("messages")["msisdn"] == stand_in).any()
    assert again.verify() == []


def test_sync_without_the_key_is_refused(
    store: Store, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    forget(store, opted_out(store), apply=True)
    for key in ("gone", "another"):
        monkeypatch.setenv("SMSDATA_FORGET_KEY", str(tmp_path / key))
        if key == "another":
            forget_key(make=True)
        with pytest.raises(StoreError, match="SMSDATA_FORGET_KEY") as refused, client:
            sync(client, Store(store.path))
        assert str(tmp_path / key) in str(refused.value)
        assert "that of SMSDATA_FORGET_KEY" not in str(refused.value), "it may not be set"
    assert not (tmp_path / "gone").exists()


def test_sync_asks_for_nobody_who_is_forgotten(store: Store, client: Client) -> None:
    msisdn = opted_out(store)
    forget(store, msisdn, apply=True)
    with client, pytest.raises(UsageError, match="forgotten"):
        sync(client, store, tables=["contact_history"], msisdn=msisdn)


def test_audit_still_knows_the_opt_out(store: Store) -> None:
    msisdn = opted_out(store)
    before = audit(store)
    stand_in = forget(store, msisdn, apply=True).stand_in
    after = audit(Store(store.path))
    assert [len(before.breaches), len(before.active)] == [len(after.breaches), len(after.active)]
    assert not (after.active["msisdn"] == msisdn).any()
    assert stand_in in set(Store(store.path).read("optouts")["msisdn"])


# ---- every other place -------------------------------------------------------------------------------


def test_forget_rewrites_journal_rejects_spool_and_texts(store: Store) -> None:
    msisdn = opted_out(store)
    raw = {"id": "x", "msisdn": msisdn, "first_name": "Ann", "message": "hello"}
    with store.writing():
        journal = store.journal()
        body = json.dumps(
            {"messages": [raw, {"id": 1, "message": f"call 0{msisdn[2:5]} {msisdn[5:8]} {msisdn[8:]}"}]}
        )
        journal.add("get-user-sms-sent?start=1", 1, body.encode(), pd.Timestamp("2026-11-20", tz="UTC"))
        journal.add(f"get-user-sms-sent?msisdn={msisdn}", 1, b"{}", pd.Timestamp("2026-11-20", tz="UTC"))
        journal.close()
        reject = Reject("messages", "id", 1, 1, "holds text", raw, "messages", {})
        store.rejects.add([reject], "get-user-sms-sent?start=1", pd.Timestamp("2026-11-20", tz="UTC"))
        store.state.rejects = store.rejects.names()
        store.save_state()
    put(
        store,
        ("dlr", dlr(7, int(msisdn), AT)),
        ("reply", reply(9, 7, int(msisdn), AT)),
        ("dlr", dlr(7, int(SOMEBODY), AT)),
    )
    (store.private / "notes.log").write_text(f"asked for +{msisdn}\n")
    told = forget(store, msisdn, apply=True)
    kinds = Counter(place.kind for place in told.places)
    assert kinds["journal"] == kinds["rejects"] == 1
    assert kinds["spool"] == 1
    assert kinds["file"] == 1
    assert told.exit_code == 0
    assert not bytes_with(store, msisdn)
    again = Store(store.path)
    with again.writing():
        journal = again.journal()
        [(kept, _)] = journal.pages("get-user-sms-sent?start=1").values()
        assert journal.reads == ["get-user-sms-sent?start=1"]
        journal.close()
    assert "Ann" not in kept.decode()
    assert kept.decode().count(told.stand_in) == 2
    [facts] = again.rejects.all().values()
    assert facts["raw"] == {"id": "x", "msisdn": told.stand_in, "message": ""}
    assert again.rejects.names() == again.state.rejects
    [segment] = Spool(spool_folder(again.private)).segments("open", "sealed")
    assert len(segment.callbacks) == 3
    assert not segment.damaged
    assert sum(SOMEBODY in one.query for one in segment.callbacks) == 1


def test_forget_takes_the_person_out_of_what_a_damaged_disk_left(store: Store) -> None:
    """Name and text go with the number, the lines of others stay."""
    msisdn = opted_out(store)
    lines = [("reply", reply(n, 7, int(who), AT, "SECRETWORD")) for n, who in ((1, msisdn), (2, SOMEBODY))]
    put(store, *lines, ("dlr", dlr(7, int(SOMEBODY), AT)))
    folder = spool_folder(store.private)
    (sealed,) = folder.glob("*.sealed")
    content = sealed.read_bytes().split(b"\n")
    sealed.unlink()
    sealed.with_suffix(".open").write_bytes(
        b"\n".join([*content[:2], content[2].replace(b"dlr", b"dlX"), b""])
    )
    Spool(folder).recover()
    (damaged,) = folder.glob("*.damaged")
    assert damaged.read_bytes().count(b"SECRETWORD") == 2
    told = forget(store, msisdn, apply=True)
    assert not bytes_with(store, msisdn)
    left = damaged.read_bytes()
    assert left.count(b"SECRETWORD") == 1
    assert left.count(SOMEBODY.encode()) == 2
    assert [place.count for place in told.places if place.place.endswith(".damaged")] == [1]


def test_forget_keeps_a_suppression_that_an_import_meets(slim: Template, tmp_path: Path) -> None:
    world, dead = copied(slim, tmp_path / "store"), number(0)
    with world.client() as client:
        done = hygiene.apply(slim[1], client, world.store, dry_run=False)
    hygiene.plan(world.store)
    contacts = tmp_path / "import.csv"
    contacts.write_text(f"mobile\n{dead}\n{number(3)}\n")
    national = tmp_path / "national.csv"
    national.write_text(f"mobile\n0{dead[2:5]} {dead[5:8]} {dead[8:]}\n{number(3)}\n")
    before = hygiene.check(contacts, world.store)
    told = forget(world.store, dead, apply=True)
    kinds = Counter(place.kind for place in told.places)
    assert kinds["run journal"] == 2
    assert told.exit_code == 0
    after = hygiene.check(contacts, Store(world.store.path))
    pd.testing.assert_frame_equal(before, after)
    assert len(after) == 1
    assert after["rule"].iloc[0] == before["rule"].iloc[0]
    in_national_form = hygiene.check(national, Store(world.store.path))
    assert in_national_form["rule"].tolist() == before["rule"].tolist()
    with world.client() as client:
        undone = hygiene.undo(done.run, client, Store(world.store.path), dry_run=False)
    assert undone.counts == {"skipped": 2}
    assert "its number is forgotten" in "\n".join(undone.lines())
    assert (world.lists["A"], dead) not in world.present()


def test_forget_removes_a_plan_that_names_the_number(slim: Template, tmp_path: Path) -> None:
    world: World = copied(slim, tmp_path / "store")
    plan = hygiene.plan(world.store)
    told = forget(world.store, number(0), apply=True)
    assert {place.what for place in told.places if place.kind == "plan"} == {"removed"}
    assert not Path(plan.attrs["plan"]["file"]).exists()
    assert not bytes_with(world.store, number(0))
    with pytest.raises(UsageError):
        hygiene.load(plan.attrs["plan"]["file"], world.store)


def test_forget_puts_named_files_right_and_names_those_it_cannot(store: Store, tmp_path: Path) -> None:
    msisdn = opted_out(store)
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "breaches.csv").write_text(f"msisdn,n\n{msisdn},1\n{SOMEBODY},2\n")
    pq.write_table(pa.table({"msisdn": [msisdn, SOMEBODY], "n": [1, 2]}), pack / "dlrs.parquet")
    whole = forget(store, msisdn, apply=True, also=[pack])
    assert whole.exit_code == 0
    assert SOMEBODY in (pack / "breaches.csv").read_text()
    assert pq.read_table(pack / "dlrs.parquet")["msisdn"].to_pylist() == [whole.stand_in, SOMEBODY]
    (pack / "odd.bin").write_bytes(b"\xff\xfe" + msisdn.encode())
    left = forget(store, msisdn, apply=True, also=[pack])
    assert [place.what for place in left.places] == ["left"]
    assert left.exit_code == 3
    assert left.searched is not None
    assert list(left.searched.found) == [str(pack / "odd.bin")]


def test_a_file_too_large_to_read_is_named_and_the_rest_is_put_right(store: Store, tmp_path: Path) -> None:
    msisdn = opted_out(store)
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.log").write_text(f"to {msisdn}\n")
    (logs / "big.log").touch()
    os.truncate(logs / "big.log", (1 << 30) + 1)
    (logs / "z.log").write_text(f"to {msisdn}\n")
    done = forget(store, msisdn, apply=True, also=[logs])
    assert done.exit_code == 3
    assert [one.place for one in done.left] == [str(logs / "big.log")]
    assert "larger than 1 GiB" in done.left[0].why
    assert done.searched is not None
    assert done.searched.not_judged == [str(logs / "big.log")]
    assert [msisdn in (logs / name).read_text() for name in ("a.log", "z.log")] == [False, False]


def test_a_file_named_after_the_person_is_told_and_the_receipt_does_not_say_the_number(
    store: Store, tmp_path: Path
) -> None:
    msisdn = opted_out(store)
    packs = tmp_path / "packs"
    (packs / f"of {msisdn}").mkdir(parents=True)
    for name in (f"of {msisdn}/a.txt", f"0{msisdn[2:]}.txt"):
        (packs / name).write_text("nothing\n")
    done = forget(store, msisdn, apply=True, also=[packs])
    assert done.exit_code == 3
    words = "\n".join(done.lines()) + json.dumps(done.as_json())
    assert f"rename or delete {packs}/of .../a.txt: its name or that of its folder" in words
    assert f"rename or delete {packs}/....txt: its name" in words
    assert msisdn[2:] not in words
    assert not bytes_with(store, msisdn)
    assert [facts["done_at"] for facts in store.forgotten.records()] == [None]
    shutil.rmtree(packs)
    packs.mkdir()
    assert forget(store, msisdn, apply=True, also=[packs]).exit_code == 0
    assert store.forgotten.records()[0]["done_at"]


def test_folders_and_links_that_bear_the_number_are_named(store: Store, tmp_path: Path) -> None:
    msisdn = opted_out(store)
    packs, away = tmp_path / "packs", tmp_path / "away.txt"
    (packs / f"e-{msisdn}").mkdir(parents=True)
    away.write_text(f"to {msisdn}")
    (packs / "a.txt").write_text(f"to {msisdn}")
    links = {f"L{msisdn}": "a.txt", "to": f"x/{msisdn}", "out": str(away), "in": "a.txt"}
    for name, target in links.items():
        (packs / name).symlink_to(target)
    done = forget(store, msisdn, apply=True, also=[packs])
    assert done.exit_code == 3
    told = {(one.place.removeprefix(f"{packs}/"), one.kind) for one in done.left}
    assert told == {("e-...", "file name"), ("L...", "file name"), ("to", "link"), ("out", "file")}
    assert done.searched is not None
    found = {name.removeprefix(f"{packs}/") for name in done.searched.found}
    assert found == {"e-...", "L...", "to", "out"}
    assert (packs / "in").is_symlink()
    assert msisdn not in (packs / "a.txt").read_text()
    assert msisdn in away.read_text(), "what a link leads to is another's"
    (packs / "out").unlink()
    assert [one.place for one in forget(store, msisdn, also=[away]).places if one.what == "number only"]


def test_files_of_unknown_formats_are_named_for_they_may_hold_whole_numbers(
    store: Store, tmp_path: Path
) -> None:
    msisdn = opted_out(store)
    files = tmp_path / "files"
    files.mkdir()
    np.save(files / "a.npy", np.array([int(msisdn)] * 1000))
    for protocol in (2, 5):
        (files / f"b{protocol}.pkl").write_bytes(pickle.dumps([int(msisdn)], protocol))
    (files / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (files / "d.conf").write_bytes("M\u00fcnster".encode("latin-1"))
    (files / "e.ini").write_bytes("plain\tt\u00e9xt\n".encode("utf-16-le"))
    (files / "f.txt").write_text("nothing")
    done = forget(store, msisdn, also=[files])
    names = ["a.npy", "b2.pkl", "b5.pkl"]
    assert [one.place for one in done.left] == [str(files / name) for name in names]
    assert all(one.why.startswith("not looked into") for one in done.left)
    assert done.exit_code == 3


def test_forget_warns_of_no_reply_that_answers_nothing(store: Store) -> None:
    msisdn = opted_out(store)
    with store.writing():
        for part in store.parts("messages"):
            rows = pq.read_table(part)
            others = pa.array(["61491570111"] * rows.num_rows, pa.string())
            store.tables.write(part, "messages", with_column(rows, "sender", others))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forget(store, msisdn)


@pytest.mark.parametrize("ends", ["feather", "sqlite", "duckdb", "xlsx"])
def test_forget_rewrites_every_format_of_exports(store: Store, tmp_path: Path, ends: str) -> None:
    msisdn = opted_out(store)
    file = tmp_path / f"replies.{ends}"
    rows = store.read("replies").assign(note=lambda found: "0" + found["msisdn"].str[2:] + " x" * 3000)
    smsdata.export(rows, file)
    before = _READ[ends](file)
    told = forget(store, msisdn, apply=True, also=[file])
    within = ": xl/worksheets/sheet1.xml" if ends == "xlsx" else ""
    assert [(place.place, place.what) for place in told.places if place.kind == "file"] == [
        (f"{file}{within}", "rewritten")
    ]
    assert told.exit_code == 0
    assert not searched([file], [msisdn, "0" + msisdn[2:]]).found
    after = _READ[ends](file)
    others = before["msisdn"] != msisdn
    pd.testing.assert_frame_equal(after[others], before[others])
    assert set(after.loc[~others, "msisdn"]) == {told.stand_in}
    assert set(after.loc[~others, "response"].fillna("")) <= {"", "STOP"}
    assert not set(after.loc[~others, "note"].dropna()) - {""}


def _read_sqlite(file: Path) -> pd.DataFrame:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return pd.read_sql("SELECT * FROM rows", connection)


def _read_duckdb(file: Path) -> pd.DataFrame:
    with duckdb.connect(str(file), read_only=True) as connection:
        frame: pd.DataFrame = connection.sql("FROM rows").to_arrow_table().to_pandas()
        return frame


def _read_xlsx(file: Path) -> pd.DataFrame:
    return pd.read_excel(file, dtype={"msisdn": "str"})


_READ: dict[str, Callable[[Path], pd.DataFrame]] = {
    "feather": pd.read_feather, "sqlite": _read_sqlite, "duckdb": _read_duckdb, "xlsx": _read_xlsx,
}  # fmt: skip


def test_forget_finds_whole_numbers_in_sqlite_and_leaves_what_it_cannot_change(
    store: Store, tmp_path: Path
) -> None:
    msisdn, file = opted_out(store), tmp_path / "crm.db"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE people (mobile INTEGER, name TEXT)")
        connection.executemany("INSERT INTO people VALUES (?, ?)", [(int(msisdn), "A"), (61491570156, "B")])
        connection.execute("CREATE VIRTUAL TABLE t USING fts5(words)")
        connection.commit()
    left = forget(store, msisdn, apply=True, also=[file])
    assert [place.what for place in left.places if place.kind == "file"] == ["left"]
    assert f"left {file}: the number stands in it where nothing else may" in "\n".join(left.lines())
    assert left.searched is not None
    assert list(left.searched.found) == [str(file)]
    assert left.exit_code == 3
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE t")
        connection.commit()
    done = forget(store, msisdn, apply=True, also=[file])
    assert done.exit_code == 0
    with contextlib.closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT mobile FROM people").fetchall()
    assert rows == [(done.stand_in,), (61491570156,)]


def test_forget_that_was_broken_off_is_named_with_the_command_that_goes_on(store: Store) -> None:
    msisdn = opted_out(store)
    failing = Store(store.path, disk=Failing(store.private, "rename", 2, errno.EIO), part_rows=50)
    with pytest.raises(StoreError):
        forget(failing, msisdn, apply=True)
    words = "run `smsdata forget NUMBER --apply` again"
    assert any(words in line for line in store_status(Store(store.path))["look"])
    assert any(words in str(one) for one in Store(store.path).verify())
    forget(Store(store.path), msisdn, apply=True)
    assert not any("smsdata forget" in line for line in store_status(Store(store.path))["look"])
    assert Store(store.path).verify() == []


def test_forget_waits_for_no_receiver(store: Store) -> None:
    with Spool(spool_folder(store.private)).receiving("a test"), pytest.raises(LockedError):
        forget(store, opted_out(store), apply=True)


def test_receiver_keeps_no_number_that_is_forgotten(store: Store) -> None:
    msisdn = opted_out(store)
    stand_in = forget(store, msisdn, apply=True).stand_in
    folder = spool_folder(store.private)
    addresses = Addresses(folder)
    addresses.token()
    said = reply(9, 7, int(msisdn), AT) | {"response": f"stop, it is 0{msisdn[2:]}", "firstname": "Ann"}
    with receiving_in_thread(CallbackApplication(addresses), Spool(folder)) as base:
        urls = addresses.urls(base)
        assert fire(urls["dlr"], dlr(7, int(msisdn), AT)) == 200
        assert fire(urls["reply"], said, form=True) == 200
        assert fire(urls["dlr"], dlr(7, int(SOMEBODY), AT)) == 200
    assert not bytes_with(store, msisdn)
    [segment] = Spool(folder).segments("sealed")
    first, second, third = (parameters(one.query, one.body, one.media) for one in segment.callbacks)
    assert dict(first)["mobile"] == dict(second)["mobile"] == stand_in
    assert dict(second)["response"] == "maybe STOP", "a word among others was to be read, and still is"
    assert "firstname" not in dict(second)
    assert dict(third) == dlr(7, int(SOMEBODY), AT)


def test_receiver_keeps_nothing_without_the_key(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    forget(store, opted_out(store), apply=True)
    monkeypatch.setenv("SMSDATA_FORGET_KEY", str(tmp_path / "gone"))
    folder = spool_folder(store.private)
    addresses = Addresses(folder)
    addresses.token()
    with receiving_in_thread(CallbackApplication(addresses), Spool(folder)) as base:
        assert fire(addresses.urls(base)["dlr"], dlr(7, int(SOMEBODY), AT)) == 503
    assert not list(Spool(folder).segments("open", "sealed"))


# ---- the command -------------------------------------------------------------------------------------


def test_forget_command_says_no_number(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    msisdn = opted_out(store)
    assert run(["forget", msisdn, "--store", str(store.path), "--apply", "--json"]) == 0
    out = capsys.readouterr()
    told = json.loads(out.out)
    assert told["applied"]
    assert told["searched"]["found"] == {}
    assert msisdn not in out.out + out.err
    assert run(["forget", "12", "--store", str(store.path)]) == 2


def test_forget_asks_before_it_takes_out_a_number_of_the_account(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    own = store.read("numbers")["number"].iloc[0]
    for more in ([], ["--apply"]):
        assert run(["forget", own, "--store", str(store.path), *more]) == 2
        said = capsys.readouterr().err
        assert "a number of your own" in said
        assert "rows of numbers" in said
        assert "--own-number" in said
        assert own not in said
    assert bytes_with(store, own)
    assert run(["forget", own, "--store", str(store.path), "--apply", "--own-number"]) == 0
    assert not bytes_with(store, own)
    sender = next(one for one in store.read("messages")["sender"].dropna() if one.isdigit())
    with pytest.raises(UsageError, match="rows of messages"):
        forget(store, sender)


def test_forget_reads_a_number_of_its_country(store: Store) -> None:
    msisdn = opted_out(store)
    assert forget(store, "0" + msisdn[2:], country="AU").places == forget(store, f"+{msisdn}").places
