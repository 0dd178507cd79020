"""Rows without people: no number, name or text is left in any byte; who is the same stays so."""

from __future__ import annotations

import json
import os
import re
import secrets
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import smsdata
from smsdata.cli.app import app
from smsdata.errors import StoreError, UsageError
from smsdata.ingest.callbacks import ingest_callbacks
from smsdata.key_files import is_random, key_in_file
from smsdata.schema.tables import TABLES
from smsdata.settings import Secret
from smsdata.sharing.formats import FORMATS
from smsdata.sharing.named_results import RESULTS, make_result
from smsdata.sharing.pseudonyms import key_of
from tests.support.callback_events import put
from tests.support.frames import utc
from tests.support.results import RESULTS as SAMPLES
from tests.support.sync_world import small_and_synced

openpyxl = import_module("openpyxl")  # it has no types
KEY, OTHER = secrets.token_bytes(32), secrets.token_bytes(32)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> smsdata.Store:
    return smsdata.demo_store(tmp_path_factory.mktemp("share") / "store")


def people(store: smsdata.Store) -> set[str]:
    """All that must not be left: numbers, names and texts of the store."""
    found: set[str] = set()
    for table in TABLES:
        frame = store.read(table)
        for column in (
            "msisdn",
            "number",
            "sender",
            "longcode",
            "first_name",
            "last_name",
            "message",
            "response",
        ):
            if column in frame:
                found |= set(frame[column].dropna().astype(str))
    return {word for word in found if len(word) > 5}


def words_of(frame: pd.DataFrame) -> set[str]:
    return {str(value) for column in frame for value in frame[column].dropna()}


@pytest.mark.parametrize("table", TABLES)
def test_pseudonymise_leaves_no_person_in_any_table(table: str, store: smsdata.Store) -> None:
    left = smsdata.pseudonymise(store.scan(table), key=KEY)
    frame = store.read(table)
    assert len(left) == (frame["gone_at"].isna().sum() if "gone_at" in frame else len(frame))
    assert words_of(left) & people(store) == set()
    dropped = {
        "extra",
        "fields",
        "first_name",
        "last_name",
        "name",
        "email",
        "contact",
        "link",
        "evidence",
        "message",
    }
    assert set(left) & dropped == set()


def test_pseudonymise_takes_frames_and_scans_alike(store: smsdata.Store) -> None:
    for table in ("replies", "dlrs", "messages"):
        frame, scan = (smsdata.pseudonymise(one, key=KEY) for one in (store.read(table), store.scan(table)))
        assert list(frame) == list(scan)
        assert sorted(map(str, frame.to_numpy().tolist())) == sorted(map(str, scan.to_numpy().tolist()))


def test_pseudonymise_keeps_who_is_the_same_in_all_tables(store: smsdata.Store) -> None:
    dlrs, replies = store.read("dlrs"), store.read("replies")
    kept, answers = (smsdata.pseudonymise(frame, key=KEY) for frame in (dlrs, replies))
    joined = dlrs.merge(replies, on=["message_id", "msisdn"])
    assert len(kept.merge(answers, on=["message_id", "msisdn"])) == len(joined) > 0
    assert kept["msisdn"].nunique() == dlrs["msisdn"].nunique()
    assert kept["message_id"].nunique() == dlrs["message_id"].nunique()
    other = smsdata.pseudonymise(dlrs, key=OTHER)
    for column in ("msisdn", "message_id"):
        assert not set(kept[column]) & set(other[column])
    assert kept["status"].value_counts().equals(dlrs["status"].value_counts())
    rate = smsdata.analysis.delivery_rate(dlrs, by="week")
    pd.testing.assert_frame_equal(rate, smsdata.analysis.delivery_rate(kept, by="week"))


def test_pseudonymise_knows_a_number_however_it_is_spelled() -> None:
    spelled: list[Any] = ["61491570156", "+61491570156", "+61 491 570 156", "61491570156.0"]
    spelled += ["0061491570156", "001161491570156", "610491570156"]
    one = smsdata.pseudonymise(pd.DataFrame({"msisdn": spelled}), key=KEY)["msisdn"]
    whole = smsdata.pseudonymise(pd.DataFrame({"msisdn": [61491570156]}), key=KEY)["msisdn"]
    part = smsdata.pseudonymise(pd.DataFrame({"msisdn": [61491570156.0, None]}), key=KEY)["msisdn"]
    assert {*one, *whole, *part.dropna()} == {one[0]}
    assert sorted(part.isna()) == [False, True]
    assert re.fullmatch("p[a-p]{24}", one[0])
    beside = pd.DataFrame({"msisdn": ["0491570156", "491570156", None], "longcode": "61491570110"})
    assert set(smsdata.pseudonymise(beside, key=KEY)["msisdn"].dropna()) == {one[0]}


def test_pseudonymise_drops_what_nobody_knows() -> None:
    frame = pd.DataFrame(
        {
            "msisdn": ["61491570156"],
            "note": ["call Ann"],
            "phone": [61491570156],
            "phone2": [61491570156.0],
            "age": [41],
            "status": ["delivered to 61491570156"],
            "kind": ["optout"],
            "sent_at": utc(["2026-11-22"]),
            "id": [61491570156],
            "client_id": ["61491570156"],
            "synced_at": utc(["2026-11-22"]),
            "cost": [61491570156.0],
            "fields": ['{"a": 1}'],
        }
    )
    left = smsdata.pseudonymise(frame, key=KEY)
    assert list(left) == [
        "msisdn",
        "column_5",
        "status",
        "kind",
        "sent_at",
        "id",
        "client_id",
        "synced_at",
        "cost",
    ]
    assert left["status"].isna().all()
    assert left["cost"].isna().all()
    assert left["kind"].tolist() == ["optout"]
    assert left["id"].iloc[0] != 61491570156
    unnamed = pd.DataFrame({5: [61491570156], 6: [-61491570156], 7: [3], "status": "ok"})
    assert list(smsdata.pseudonymise(unnamed, key=KEY)) == ["column_3", "status"]
    with pytest.raises(UsageError, match="mixes types"):
        smsdata.pseudonymise(pd.DataFrame({"msisdn": ["61491570156", 61491570156]}), key=KEY)
    with pytest.raises(UsageError, match="no column is left"):
        smsdata.pseudonymise(frame[["note"]], key=KEY)


def test_pseudonymise_reduces_texts_or_drops_them() -> None:
    frame = pd.DataFrame({"id": [1, 2, 3], "response": ["please stop sending messages", "J'arrête", None]})
    left = smsdata.pseudonymise(frame, key=KEY).sort_values("response_length", ascending=False)
    assert list(left) == ["id", "response_length", "response_language", "response_class"]
    assert left["response_length"].tolist()[:2] == [28, 8]
    assert left["response_language"].iloc[0] == "en"
    assert left["response_class"].iloc[0] == "optout"
    assert left.iloc[2, 1:].isna().all()
    assert list(smsdata.pseudonymise(frame, key=KEY, texts="drop")) == ["id"]
    with pytest.raises(UsageError, match="neither"):
        smsdata.pseudonymise(frame, key=KEY, texts="keep")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", RESULTS)
def test_pseudonymise_leaves_no_person_in_any_result(name: str, store: smsdata.Store, tmp_path: Path) -> None:
    options = {"by": "sender", "mature_only": "true"} if name == "compare_rates" else {}
    for frame in (make_result(name, store, options=options)[0], SAMPLES[name]()):
        left = smsdata.pseudonymise(frame, key=KEY)
        told = people(store) | {"Sale today", "don't stop", "6149157015"}
        assert {word for word in words_of(left) if any(person in word for person in told)} == set()


def everything_in(path: Path) -> bytes:
    """All bytes of a file, with those of its pages and cells as a reader unpacks them."""
    unpacked = [path.read_bytes()]
    kind = path.suffix
    if kind == ".parquet":
        file = pq.ParquetFile(path)
        unpacked.append(str(file.metadata.metadata).encode() + str(file.schema).encode())
        for group in range(file.num_row_groups):
            for column in range(file.metadata.num_columns):
                unpacked.append(str(file.metadata.row_group(group).column(column).to_dict()).encode())
        unpacked += [str(column.to_pylist()).encode() for column in file.read().columns]
        dictionaries = pq.read_table(path, read_dictionary=[
            field.name for field in file.schema_arrow if str(field.type) == "string"
        ])  # fmt: skip
        unpacked.append(str(dictionaries.to_pydict()).encode())
    elif kind == ".xlsx":
        for row in openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True):
            unpacked.append(str(row).encode())
    elif kind == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            unpacked.append(str(connection.sql(f"SELECT * FROM {path.stem}").fetchall()).encode())
    elif kind == ".feather":
        unpacked.append(str(pd.read_feather(path).to_dict()).encode())
    return b"\n".join(unpacked)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("table", ["messages", "replies", "list_members"])
def test_export_without_people_has_no_byte_of_them(
    kind: str, table: str, store: smsdata.Store, tmp_path: Path
) -> None:
    path = tmp_path / f"{table}.{kind}"
    done = smsdata.export(store.scan(table), path, pseudonymise=True, key=KEY)
    assert "dropped" in " ".join(done.notes)
    found = everything_in(path)
    ids = set(store.read(table).get("message_id", pd.Series(dtype="Int64")).dropna().astype(str))
    told = people(store) | {one for one in ids if len(one) > 6}
    assert [word for word in told if word.encode() in found] == []
    (tmp_path / "with").mkdir()
    whole = everything_in(smsdata.export(store.scan(table), tmp_path / "with" / path.name).path)
    assert any(word.encode() in whole for word in told)  # the search would see them


def test_key_is_made_once_private_and_outside_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: smsdata.Store
) -> None:
    place = tmp_path / ".config" / "smsdata" / "pseudonym.key"
    monkeypatch.delenv("SMSDATA_PSEUDONYM_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    frame = pd.DataFrame({"msisdn": ["61491570156"]})
    with pytest.warns(UserWarning, match=r"made a new key at ~/\.config/smsdata/pseudonym\.key"):
        first = smsdata.pseudonymise(frame)
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in place.parent.iterdir()] == ["pseudonym.key"]
    pd.testing.assert_frame_equal(smsdata.pseudonymise(frame), first)
    pd.testing.assert_frame_equal(smsdata.pseudonymise(frame, key=str(place)), first)
    assert key_of(None) == key_of(place)
    place.chmod(0o640)
    with pytest.raises(StoreError, match="may be read by others"):
        key_of(None)
    place.chmod(0o600)
    place.parent.chmod(0o777)
    with pytest.raises(StoreError, match=f"by everybody.* `chmod o-w {place.parent}`"):
        key_of(None)
    place.parent.chmod(0o1777)  # only its owner can replace a file there
    assert key_of(None) == key_of(place)
    place.parent.chmod(0o700)
    for inside in (store.path / "my.key", store.path / "messages" / "my.key", store.private / "my.key"):
        with pytest.raises(StoreError, match="must not lie in the store"):
            key_of(inside)
        assert not inside.exists()
    (tmp_path / "words").write_text("a key of words")
    (tmp_path / "words").chmod(0o600)
    with pytest.raises(UsageError, match="holds no key"):
        key_of(tmp_path / "words")
    with pytest.raises(UsageError, match="has 5 bytes"):
        key_of(b"short")
    with pytest.raises(StoreError, match="cannot be made or read"):
        key_of(tmp_path / "words" / "below")


@pytest.mark.parametrize("key", [key_of, lambda path: key_in_file(path, "forgotten numbers", "V")])
@pytest.mark.parametrize("open_folder", ["a", "a/b", "a/b/c"])
def test_no_key_is_written_where_others_can_replace_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Any, open_folder: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "a" / "home"))
    path = tmp_path / "a" / "b" / "c" / "my.key"
    path.parent.mkdir(parents=True)
    (tmp_path / open_folder).chmod(0o777)
    by_link = tmp_path / "link.key"
    by_link.symlink_to(path)
    for one in (path, by_link):
        with pytest.raises(StoreError, match=f"by everybody.* `chmod o-w {tmp_path / open_folder}`"):
            key(one)
        assert [*path.parent.iterdir()] == []
    (tmp_path / open_folder).chmod(0o1777)
    assert key(path)


def test_folders_of_a_key_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        key_in_file(tmp_path / "x" / "y" / "my.key", "forgotten numbers", "V")
    finally:
        os.umask(before)
    assert {(tmp_path / one).stat().st_mode & 0o777 for one in ("x", "x/y")} == {0o700}


def test_folders_above_the_home_are_not_ours_to_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    tmp_path.chmod(0o777)
    monkeypatch.setenv("HOME", str(home))
    assert key_in_file(home / ".config" / "my.key", "forgotten numbers", "V")
    home.chmod(0o777)
    with pytest.raises(StoreError, match=f"by everybody.* `chmod o-w {home}`"):
        key_in_file(home / ".config" / "my.key", "forgotten numbers", "V")


HALF = secrets.token_bytes(16)


def fibonacci() -> bytes:
    made = [1, 1]
    while len(made) < 32:
        made.append((made[-1] + made[-2]) % 256)
    return bytes(made)


@pytest.mark.parametrize(
    "key",
    {
        "Fibonacci": fibonacci(), "zeros behind": HALF + bytes(16),
        "zeros between": bytes(8) + HALF + bytes(8),
        "mirrored": HALF + HALF[::-1], "masked": HALF + bytes(byte ^ 255 for byte in HALF),
        "one more": HALF + bytes((byte + 1) % 256 for byte in HALF),
        "high ASCII": bytes(byte + 128 for byte in b"correct horse battery staple, and more"),
    }.items(), ids=lambda item: item[0],
)  # fmt: skip
def test_a_key_made_from_half_a_key_is_refused(key: tuple[str, bytes]) -> None:
    for spelled in (key[1], key[1].hex().encode()):
        with pytest.raises(UsageError, match="which can be guessed"):
            key_of(spelled)


def test_no_random_key_is_refused() -> None:
    assert all(is_random(secrets.token_bytes(size)) for size in (32, 33, 64) for _ in range(2_000))


@pytest.mark.parametrize(
    "key",
    [b"0" * 32, bytes(64), b"ab" * 20, b"hunter2" * 6, b"correct horse battery staple, and more",
     bytes(range(32)), bytes(range(32)).hex().encode(), bytes(range(131, 99, -1)),
     bytes(7 * n % 256 for n in range(32)), bytes(n * n % 256 for n in range(32)), bytes(range(16)) * 2,
     secrets.token_bytes(11) * 3, ("\u0441\u0442\u043e\u043f" * 5).encode(),
     "hunter2", "00" * 32, "tr0ub4dor&3/of the sea", "no such folder/my.key"],
)  # fmt: skip
def test_a_key_that_can_be_guessed_or_is_a_password_is_refused(
    key: bytes | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"random bytes|is no path of a file") as told:
        smsdata.pseudonymise(pd.DataFrame({"msisdn": ["61491570156"]}), key=key)
    assert str(key)[2:-2] not in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_is_a_password_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMSDATA_PSEUDONYM_KEY", "hunter2")
    with pytest.raises(UsageError, match=r"such as \./team\.key"):
        key_of(None)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "zeros.key").write_text("0" * 64)
    (tmp_path / "zeros.key").chmod(0o600)
    with pytest.raises(UsageError, match="holds no key"):
        key_of("zeros.key")
    assert len(key_of("team.key")) == 32
    assert key_of(secrets.token_hex(32).encode())


def test_a_new_key_is_told_and_makes_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: smsdata.Store
) -> None:
    """A path with a slip of the pen would else give everybody another pseudonym, and nobody a hint."""
    words = ["export", "lists", "--store", str(store.path), "--pseudonymise", "--out"]
    monkeypatch.setenv("SMSDATA_PSEUDONYM_KEY", str(tmp_path / "typo" / "my.key"))
    refused = CliRunner().invoke(app, [*words, str(tmp_path / "a.csv")])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "its folder is not there" in refused.stderr
    for key in (None, str(tmp_path / "typo" / "my.key"), tmp_path / "typo" / "my.key"):
        with pytest.raises(UsageError, match="its folder is not there"):
            smsdata.pseudonymise(store.scan("lists"), key=key)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("SMSDATA_PSEUDONYM_KEY", str(tmp_path / "my.key"))
    without = CliRunner().invoke(app, [*words, str(tmp_path / "a.csv"), "--columns", "typo"])
    assert (without.exit_code, list(tmp_path.iterdir())) == (2, [])
    first = CliRunner().invoke(app, [*words, str(tmp_path / "b.csv"), "--json"])
    said = f"made a new key at {tmp_path / 'my.key'}"
    assert first.stderr.startswith(said)
    assert json.loads(first.stdout)["notes"][0].startswith(said)
    again = CliRunner().invoke(app, [*words, str(tmp_path / "c.csv")])
    assert "made a new key" not in again.output


def test_a_key_of_another_type_is_refused_or_works() -> None:
    frame = pd.DataFrame({"msisdn": ["61491570156"]})
    wanted = smsdata.pseudonymise(frame, key=KEY)
    for key in (bytearray(KEY), memoryview(KEY)):
        pd.testing.assert_frame_equal(smsdata.pseudonymise(frame, key=key), wanted)  # type: ignore[arg-type]
    for odd in (5, 1.5, ["a"], object()):
        with pytest.raises(UsageError, match="give 32 random bytes"):
            smsdata.pseudonymise(frame, key=odd)  # type: ignore[arg-type]


def test_ids_stay_ids_in_every_table(store: smsdata.Store) -> None:
    """Hits name their list as text, pandas makes fractions of ids beside missing ones."""
    lists = store.read("lists")
    ids = lists["list_id"].head(3)
    kept = smsdata.pseudonymise(lists.head(3), key=KEY)["list_id"]
    hits = pd.DataFrame({"hit": [1, 2, 3, 4], "list_id": [*ids.astype(str), None]})
    as_text = smsdata.pseudonymise(hits, key=KEY)["list_id"]
    floats = smsdata.pseudonymise(pd.DataFrame({"list_id": [*ids.astype(float), None]}), key=KEY)["list_id"]
    for made in (as_text, floats):
        assert str(made.dtype) == "Int64"
        assert sorted(made.dropna()) == sorted(kept)
        assert sorted(made.isna()) == [False, False, False, True]
    others = smsdata.pseudonymise(pd.DataFrame({"list_id": ["7", "of a friend"]}), key=KEY)["list_id"]
    assert all(re.fullmatch("p[a-p]{24}", one) for one in others)


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx"])
def test_tables_without_people_join_by_ids_where_some_are_missing(
    kind: str, store: smsdata.Store, tmp_path: Path
) -> None:
    """Ids beside blanks are float64 to pandas, which holds 53 bits; Excel holds 15 digits."""
    read: dict[str, Any] = {"csv": pd.read_csv, "parquet": pd.read_parquet, "xlsx": pd.read_excel}
    lists = store.read("lists")
    some = lists["list_id"].iloc[0]
    hits = pd.DataFrame({"hit": range(90), "list_id": pd.array([some] * 89 + [None], "Int64")})
    found = {}
    for name, frame in (("lists", lists), ("hits", hits)):
        path = tmp_path / f"{name}.{kind}"
        smsdata.export(frame, path, pseudonymise=True, key=KEY)
        found[name] = read[kind](path)["list_id"]
    assert found["hits"].isin(found["lists"]).sum() == 89
    assert found["lists"].dtype == "int64"
    assert sorted(found["lists"]) == sorted(smsdata.pseudonymise(lists, key=KEY)["list_id"])


def test_ids_of_a_scan_of_hits_stay_ids(tmp_path: Path) -> None:
    world = smsdata.Store(small_and_synced(tmp_path / "store")[1])
    send = world.read("campaigns")["message_id"].iloc[0]
    hit = {
        "message_id": str(send),
        "list_id": "7",
        "mobile": "61491570156",
        "datetime": "2026-11-20 10:00:00",
    }
    put(world, ("link-hit", hit))
    ingest_callbacks(world, secret=Secret("word"))
    assert world.read("link_hits")["list_id"].tolist() == ["7"]
    for source in (world.scan("link_hits"), world.read("link_hits")):
        left = smsdata.pseudonymise(source, key=KEY)
        assert left.dtypes.astype(str)[["message_id", "list_id", "hit"]].tolist() == ["Int64"] * 3
        assert left["list_id"].notna().all()


def test_export_command_without_people(
    store: smsdata.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMSDATA_PSEUDONYM_KEY", str(tmp_path / "my.key"))
    out = tmp_path / "replies.csv"
    words = ["export", "replies", "--store", str(store.path), "--out", str(out), "--pseudonymise"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "without people: dropped first_name, last_name, extra." in done.output
    assert (tmp_path / "my.key").exists()
    found = pd.read_csv(out)
    pd.testing.assert_series_equal(found["msisdn"], smsdata.pseudonymise(store.scan("replies"))["msisdn"])
    assert [word for word in people(store) if word.encode() in out.read_bytes()] == []


def test_demo_store_is_the_same_again_and_shareable(store: smsdata.Store, tmp_path: Path) -> None:
    again = smsdata.demo_store(tmp_path / "again")
    pd.testing.assert_frame_equal(again.read("dlrs"), store.read("dlrs"))
    assert smsdata.demo_store(tmp_path / "again").count("dlrs") == store.count("dlrs")
    other = smsdata.demo_store(tmp_path / "other", seed=2)
    assert other.verify() == []
    assert not other.read("dlrs").equals(store.read("dlrs"))
    numbers = store.read("messages")["msisdn"]
    assert numbers.str.match(r"6149157\d{4}$|447700900\d{3}$|1202555\d{4}$").all()


def test_a_column_whose_name_is_a_number_is_dropped_and_said() -> None:
    wide = pd.DataFrame({"message_id": [1], "61491570156": [2], "0491 570 157": [3.0]})
    left = smsdata.pseudonymise(wide, key=KEY)
    assert list(left) == ["message_id"]


@pytest.mark.parametrize("as_frame", [True, False])
def test_where_a_row_stands_tells_no_number(as_frame: bool, store: smsdata.Store, tmp_path: Path) -> None:
    told = store.read("dlrs", columns=["msisdn", "status", "sent_at"]).sort_values(["sent_at", "msisdn"])
    told["n"] = range(len(told))  # as a counter beside them would tell whose row is whose
    if as_frame:
        left = smsdata.pseudonymise(told, key=KEY)
    else:
        smsdata.export(told, tmp_path / "dlrs.parquet", pseudonymise=True, key=tmp_path / "key")
        left = pd.read_parquet(tmp_path / "dlrs.parquet")
    assert left.index.equals(pd.RangeIndex(len(told)))
    assert left["sent_at"].is_monotonic_increasing
    assert sorted(left["n"]) == list(range(len(told)))
    alike = left.groupby("sent_at")["n"]
    mixed = (alike.transform("size") > 1) & (left["n"] != alike.transform("min") + alike.cumcount())
    assert mixed.sum() > 0.3 * (alike.transform("size") > 1).sum() > 0


def test_rows_without_times_are_drawn_by_lot(tmp_path: Path) -> None:
    rows = pd.DataFrame({"msisdn": [str(61491570000 + n) for n in range(1_000)], "n": range(1_000)})
    smsdata.export(rows, tmp_path / "rows.csv", pseudonymise=True, key=tmp_path / "key")
    left = pd.read_csv(tmp_path / "rows.csv")
    for one in (left, smsdata.pseudonymise(rows, key=KEY)):
        assert sorted(one["n"]) == list(range(1_000))
        assert abs(one["n"].corr(pd.Series(range(1_000)))) < 0.2
