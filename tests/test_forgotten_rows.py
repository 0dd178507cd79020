"""Whose a row is, and which digits are a number: one rule, in every format that has rows."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import sqlite3
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from smsdata.forgetting import reasons
from smsdata.forgetting.archives import left_of_file
from smsdata.forgetting.person import _one_person, forget
from smsdata.forgetting.read_back import look_for
from smsdata.forgetting.reasons import LEFT, NUMBER, WHOLE
from smsdata.store.store import Store
from tests.support.sync_world import small_and_synced
from tests.test_forgotten_files import OTHER, SOMEBODY, SPELLINGS, clean, looked_for, put_right
from tests.test_forgotten_honestly import as_forgotten

openpyxl = import_module("openpyxl")  # it has no types
BARE, SECOND = 491570156, "61491570157"
JSONS = ("records", "columns", "index", "split", "table", "lines")
FORMATS = ["csv", "tsv", *JSONS, "xlsx", "parquet", "feather", "arrows", "db", "duckdb"]


def written(frame: pd.DataFrame, kind: str, folder: Path) -> Path:
    """A file of some rows in a format."""
    if kind in JSONS:
        path = folder / f"a.{'jsonl' if kind == 'lines' else 'json'}"
        how: Any = {"orient": "records", "lines": True} if kind == "lines" else {"orient": kind}
        frame.to_json(path, **how)
        return path
    path = folder / f"a.{kind}"
    if kind in ("csv", "tsv"):
        frame.to_csv(path, index=False, sep="," if kind == "csv" else "\t")
    elif kind == "xlsx":
        frame.to_excel(path, index=False)
    elif kind == "db":
        with contextlib.closing(sqlite3.connect(path)) as connection:
            frame.to_sql("t", connection, index=False)
    elif kind == "duckdb":
        with duckdb.connect(str(path)) as connection:
            connection.register("given", frame)
            connection.execute("CREATE TABLE t AS FROM given")
    else:
        in_arrow(pa.Table.from_pandas(frame, preserve_index=False), path)
    return path


def in_arrow(rows: pa.Table, path: Path) -> None:
    if path.suffix == ".parquet":
        pq.write_table(rows, path)
    elif path.suffix == ".feather":
        feather.write_feather(rows, str(path))
    else:
        with pa.ipc.new_stream(str(path), rows.schema) as writer:
            writer.write_table(rows)


def read(kind: str, path: Path) -> list[dict[str, Any]]:
    """Its rows, values as text; nothing for what is not there."""
    if kind in JSONS:
        how: Any = {"orient": "records", "lines": True} if kind == "lines" else {"orient": kind}
        told = pd.read_json(path, **how | ({} if kind == "table" else {"dtype": False}))
    elif kind in ("csv", "tsv"):
        told = pd.read_csv(path, sep="," if kind == "csv" else "\t", dtype="str")
    elif kind == "xlsx":
        told = pd.read_excel(path, dtype="object")
    elif kind == "db":
        with contextlib.closing(sqlite3.connect(path)) as connection:
            told = pd.read_sql("SELECT * FROM t", connection)
    elif kind == "duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            told = connection.sql("FROM t").df()
    else:
        told = arrow_read(path).to_pandas()
    rows = told.astype("object").where(told.notna(), None).to_dict("records")
    return [{str(name): _plain(value) for name, value in row.items()} for row in rows]


def arrow_read(path: Path) -> pa.Table:
    if path.suffix == ".parquet":
        return pq.read_table(path)
    return (
        feather.read_table(str(path))
        if path.suffix == ".feather"
        else pa.ipc.open_stream(path.read_bytes()).read_all()
    )


def _plain(value: Any) -> str | None:
    number = int(value) if str(value) in ("True", "False") else value
    return None if value is None else str(number).removesuffix(".0")


def rows_of_two(numbers: str) -> pd.DataFrame:
    """The person's row, one of another that names the person too, one that says no first number."""
    frame = pd.DataFrame(
        {
            "msisdn": [SOMEBODY, OTHER, None, SECOND],
            "First Name": ["Max", "Bob", "Max", "Eve"],
            "city": ["Berlin", "Perth", "Berlin", "Bonn"],
            "phone": [OTHER, SOMEBODY, SOMEBODY, OTHER],
            "status": ["sent", "sent", "failed", "sent"],
        }
    )
    if numbers == "number":
        frame["msisdn"], frame["phone"] = frame["msisdn"].astype("Int64"), frame["phone"].astype("int64")
    return frame


@pytest.mark.parametrize("numbers", ["text", "number"])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_row_is_the_persons_where_the_first_number_that_it_says_is(
    kind: str, numbers: str, tmp_path: Path
) -> None:
    path = written(rows_of_two(numbers), kind, tmp_path)
    assert not clean(path)
    assert {what for _, _, what in put_right(path)} == {WHOLE}
    assert clean(path)
    own, other, also_own, third = read(kind, path)
    name = own["msisdn"]
    assert as_forgotten(name)
    assert (own["First Name"], own["city"], own["status"]) == (None, None, "sent")
    assert other == {
        "msisdn": OTHER, "First Name": "Bob", "city": "Perth", "phone": name, "status": "sent",
    }  # fmt: skip
    assert also_own == {
        "msisdn": None, "First Name": None, "city": None, "phone": name, "status": "failed",
    }  # fmt: skip
    assert third == {
        "msisdn": SECOND, "First Name": "Eve", "city": "Bonn", "phone": OTHER, "status": "sent",
    }  # fmt: skip


@pytest.mark.parametrize("kind", FORMATS)
def test_a_first_column_that_says_no_number_says_not_whose_a_row_is(kind: str, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"number": ["1", "n/a"], "phone": [SOMEBODY, SOMEBODY], "name": ["Max Secret", "Max Secret"]}
    )
    path = written(frame, kind, tmp_path)
    assert {what for _, _, what in put_right(path)} == {WHOLE}
    assert clean(path)
    assert [row.get("name") for row in read(kind, path)] == [None, None]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_cell_of_two_numbers_is_called_number_only(kind: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"mobile": [f"{SOMEBODY} or {OTHER}", SECOND], "name": ["Max Secret", "Eve"]})
    path = written(frame, kind, tmp_path)
    assert NUMBER in {what for _, _, what in put_right(path)}
    assert clean(path)
    first, second = read(kind, path)
    assert as_forgotten(first["mobile"])
    assert first["name"] == "Max Secret"
    assert second == {"mobile": SECOND, "name": "Eve"}


# ---- digits without a country code --------------------------------------------------------------


@pytest.mark.parametrize("typed", ["int64", "str", "float64"])
@pytest.mark.parametrize("kind", FORMATS)
def test_digits_without_country_code_count_where_a_column_says_so(
    kind: str, typed: Any, tmp_path: Path
) -> None:
    frame = pd.DataFrame(
        {
            "order_no": [1, BARE, 2],
            "id": [BARE, 7, 8],
            "mobile": [int(OTHER), int(SECOND), BARE],
            "name": ["Bob", "Eve", "Max Secret"],
        }
    ).astype({"order_no": typed, "id": typed, "mobile": typed})
    before_path = written(frame, kind, tmp_path)
    before = read(kind, before_path)
    assert {what for _, _, what in put_right(before_path)} == {WHOLE}
    assert clean(before_path)
    bob, eve, own = read(kind, before_path)
    assert (bob, eve) == (before[0], before[1])
    assert as_forgotten(own["mobile"])
    assert own.get("name") is None
    assert looked_for(before_path).alike == [str(before_path)]


@pytest.mark.parametrize("kind", FORMATS)
def test_the_whole_number_counts_in_every_column(kind: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"msisdn": [OTHER] * 2, "id": [int(SOMEBODY), 7], "city": ["Perth"] * 2})
    path = written(frame, kind, tmp_path)
    assert not clean(path)
    assert {what for _, _, what in put_right(path)} == {WHOLE}
    assert clean(path)
    first, second = read(kind, path)
    assert first["id"] is None or as_forgotten(first["id"])
    assert (first["msisdn"], first["city"], second["id"]) == (OTHER, "Perth", "7")


@pytest.mark.parametrize("kind", FORMATS)
def test_fractions_and_negative_numbers_are_nobodys(kind: str, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"mobile": [OTHER] * 2, "share": [0.491570156, -0.491570156], "sum": [-BARE, -int(SOMEBODY)]}
    )
    path = written(frame, kind, tmp_path)
    before = path.read_bytes()
    assert put_right(path) == []
    assert clean(path)
    assert path.read_bytes() == before


def test_decimals_go_only_where_they_are_the_whole_number(tmp_path: Path) -> None:
    path, number = tmp_path / "a.parquet", Decimal(SOMEBODY)
    values = [number, Decimal(BARE), Decimal("0.491570156"), -number, None]
    pq.write_table(pa.table({"d": pa.array(values, pa.decimal128(30, 9)), "n": [1, 2, 3, 4, 5]}), path)
    assert put_right(path) == [("", 1, WHOLE)]
    assert clean(path)
    assert pq.read_table(path).column("d").to_pylist() == [None, *values[1:]]


def test_a_search_finds_digits_without_country_code_where_they_were_not_taken_out(tmp_path: Path) -> None:
    texts = {
        "a.csv": f"id,phone\n1,{BARE}\n", "b.csv": f"id,note\n1,call {BARE}\n",
        "c.json": json.dumps({"columns": ["id", "phone"], "data": [[1, BARE]]}),
        "d.json": json.dumps([{"id": {"phone": [BARE]}}]), "e.json": json.dumps({"note": f"call {BARE}"}),
        "f.txt": f"call {BARE}", "g.jsonl": f'{{"phone": "{BARE}"}}\n{{"id": 1}}\n',
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        assert list(looked_for(tmp_path / name).found) == [str(tmp_path / name)]
    for kind in ("xlsx", "parquet", "feather", "arrows", "db", "duckdb"):
        for typed in ("int64", "str"):
            path = written(
                pd.DataFrame({"phone": [BARE], "id": [5]}).astype({"phone": typed}), kind, tmp_path
            )
            assert looked_for(path).found, (kind, typed)
            path.unlink()


def test_the_receipt_says_where_digits_may_be_the_persons(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with store.writing():
        pass
    path = tmp_path / "a.csv"
    path.write_text(f"order_no,msisdn\n{BARE},{OTHER}\n")
    told = forget(store, SOMEBODY, apply=True, also=[path])
    assert (told.exit_code, told.places) == (0, [])
    assert any(line.startswith(f"  look yourself: {path}") for line in told.lines())
    assert told.as_json()["searched"]["alike"] == [str(path)]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("around", ["{}2", "1{}", "1{}123", "9061{}"])
def test_digits_within_a_longer_number_are_anothers(kind: str, around: str, tmp_path: Path) -> None:
    longer = around.format(SOMEBODY)
    frame = pd.DataFrame(
        {"id": [int(longer), 7], "msisdn": [OTHER, OTHER], "note": [f"parcel {longer} late"] * 2}
    )
    path = written(frame, kind, tmp_path)
    before = path.read_bytes()
    assert put_right(path) == []
    assert path.read_bytes() == before
    told = looked_for(path)
    assert (told.found, told.not_judged, told.alike) == ({}, [], [str(path)])


@pytest.mark.parametrize("length", range(44, 62))
def test_what_stands_beside_the_number_in_a_page_of_texts_hides_it_not(length: int, tmp_path: Path) -> None:
    whole = SOMEBODY.ljust(length, "x")
    for at, texts in enumerate(([SOMEBODY, "y" * length], [whole, SOMEBODY], ["7", SOMEBODY, "8"], [whole])):
        for kind in ("parquet", "feather", "arrows", "db", "duckdb"):
            (tmp_path / f"{kind}{at}").mkdir()
            path = written(pd.DataFrame({"note": texts}), kind, tmp_path / f"{kind}{at}")
            assert looked_for(path).found, (kind, texts)
        bare = tmp_path / f"{at}.parquet"  # the statistics of a footer say it once more
        pq.write_table(pa.table({"note": texts}), bare, write_statistics=False)
        assert looked_for(bare).found, texts


@pytest.mark.parametrize(
    "text", ["00{}", "+{}", "t{}", "{}t", "%20{}", "\\uff08{}", "6{}", "{}0", "%206{}", "61{}"]
)
def test_zeros_before_the_number_hide_it_not(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(text.format(SOMEBODY) + "\n")
    longer = text in ("6{}", "{}0", "%206{}", "61{}")
    assert (bool(looked_for(path).found), bool(looked_for(path).alike)) == (not longer, longer)


def test_a_longer_number_in_a_text_of_others_does_not_keep_a_person_from_being_forgotten(
    tmp_path: Path,
) -> None:
    store = Store(small_and_synced(tmp_path / "store")[1])
    number = store.read("messages")["msisdn"].iloc[0]
    path = tmp_path / "parcels.csv"
    path.write_text(f"msisdn,note\n{OTHER},your parcel {number}2 is late\n{number},yours\n")
    told = forget(store, number, apply=True, also=[path])
    assert told.exit_code == 0
    assert path.read_text().splitlines()[1] == f"{OTHER},your parcel {number}2 is late"
    assert told.searched is not None
    assert told.searched.alike == [str(path)]


@pytest.mark.parametrize("kind", ["db", "duckdb"])
def test_a_second_person_is_forgotten_where_texts_are_unique_and_never_empty(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{kind}"
    made = "CREATE TABLE t (id INTEGER, msisdn VARCHAR, name VARCHAR NOT NULL UNIQUE, note VARCHAR NOT NULL)"
    rows = [(1, SECOND, "forgotten 4", "x"), (2, SOMEBODY, "Ann", "hi"), (3, OTHER, "Bob", "yo")]
    for row in (made, *(f"INSERT INTO t VALUES {row}" for row in rows)):
        if kind == "db":
            with contextlib.closing(sqlite3.connect(path)) as lite, lite:
                lite.execute(row)
        else:
            with duckdb.connect(str(path)) as duck:
                duck.execute(row)
    store = Store(tmp_path / "store")
    with store.writing():
        pass
    for number in (SOMEBODY, SOMEBODY, OTHER, OTHER):
        told = forget(store, number, apply=True, also=[path])
        assert told.exit_code == 0, told.lines()
    names = [one["name"] for one in read(kind, path)]
    assert len({*names}) == 3
    assert all(name.startswith("forgotten ") for name in names)


# ---- what pandas reads --------------------------------------------------------------------------

INDEXES = {
    "places": pd.Index([10, 20, 30]),
    "words": pd.Index(["a", "b", "c"]),
    "days": pd.Index(pd.to_datetime(["2026-11-01", "2026-11-02", "2026-11-03"])),
    "mobile": pd.Index([int(SOMEBODY), int(OTHER), int(SECOND)], name="mobile"),
}


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("orient", [*JSONS, "values"])
def test_json_of_pandas_reads_back_with_its_index(orient: Any, index: str, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "id": [7, 8, 9], "mobile": [int(SOMEBODY), int(OTHER), int(SECOND)],
            "first_name": ["Max Secret", "Bob", "Eve"], "age": [30, 40, 50], "ok": [True, False, True],
            "kind": pd.Categorical(["Max Secret", "b", "c"], ["c", "b", "Max Secret", "d"], ordered=True),
            "seen_at": pd.to_datetime(["2026-11-01"] * 3), "ref": [1, int(SOMEBODY), 3],
        }
    )  # fmt: skip
    frame = frame.set_index(INDEXES[index])
    if index == "mobile":
        del frame["mobile"]
    how: Any = {"orient": "records", "lines": True} if orient == "lines" else {"orient": orient}
    text = frame.to_json(date_format="iso", **how)
    path = tmp_path / "a.json"
    path.write_text(text)
    whole = orient != "values" and index in ("places", "days")
    whole |= (index == "words" and orient in ("records", "lines")) or (
        index == "mobile" and orient == "table"
    )
    assert [what for _, _, what in put_right(path)] == [WHOLE if whole else NUMBER]
    assert clean(path)
    how |= {} if orient == "table" else {"convert_axes": False}
    told, before = pd.read_json(path, **how), pd.read_json(io.StringIO(text), **how)
    assert list(map(str, told.index[1:])) == list(map(str, before.index[1:]))
    assert (told.index[0] == before.index[0]) or as_forgotten(told.index[0])
    last = told.iloc[2].astype("object").tolist()
    assert list(map(_plain, last)) == list(map(_plain, before.iloc[2].astype("object").tolist()))
    assert ("Max Secret" in path.read_text()) == (not whole and (index == "mobile" or orient == "values"))
    if orient == "table":
        assert told["kind"].cat.categories.tolist() == ["c", "b", "d"]
        assert told["age"].tolist()[1:] == [40, 50]
        assert told.index.name == before.index.name


@pytest.mark.parametrize("ends", ["parquet", "feather", "arrows"])
def test_dictionaries_stay_and_list_nothing_that_went(ends: str, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "msisdn": pd.Categorical([SOMEBODY, OTHER, SECOND]),
            "name": pd.Categorical(["Max", "Bob", None], ["Bob", "Max", "Eve"], ordered=True),
            "kind": pd.Categorical(["a", "a", "b"], ["b", "a"], ordered=True),
            "amount": pd.Categorical([1, int(SOMEBODY), 2]),
        }
    )
    path = tmp_path / f"a.{ends}"
    in_arrow(pa.Table.from_pandas(frame), path)
    rows = arrow_read(path)
    assert put_right(path) == [("", 1, WHOLE)]
    assert clean(path)
    told = arrow_read(path)
    assert [one.type for one in told.schema] == [one.type for one in rows.schema]
    after = told.to_pandas()
    assert after["name"].cat.categories.tolist() == ["Bob", "Eve"] or ends == "parquet"
    assert "Max" not in after["name"].cat.categories
    assert after["name"].cat.ordered
    assert after["kind"].cat.categories.tolist() == ["b", "a"]
    assert after["kind"].tolist()[1:] == ["a", "b"]
    assert after["amount"].tolist()[::2] == [1, 2]
    assert as_forgotten(after["msisdn"][0])
    assert after["msisdn"].tolist()[1:] == [OTHER, SECOND]


def test_a_dictionary_that_lists_the_number_in_no_row_is_put_right(tmp_path: Path) -> None:
    path = tmp_path / "a.feather"
    frame = pd.DataFrame({"k": pd.Categorical(["a", None], ["a", f"ask {SOMEBODY}", "b"])})
    in_arrow(pa.Table.from_pandas(frame), path)
    assert not clean(path)
    assert put_right(path) == [("", 1, WHOLE)]
    assert clean(path)
    assert pd.read_feather(path)["k"].cat.categories.tolist() == ["a", "b"]


# ---- what stays byte for byte -------------------------------------------------------------------

NESTED = '{"z": 1.10, "a" :[ 1e400,"\\u00e9" ], "k":"%s", "id": 491570156}'


@pytest.mark.parametrize("kind", ["csv", "lines", "records", "xlsx", "parquet", "feather", "db", "duckdb"])
def test_json_in_a_cell_keeps_the_bytes_of_all_but_the_number(kind: str, tmp_path: Path) -> None:
    path = written(pd.DataFrame({"msisdn": [OTHER], "note": [NESTED % SOMEBODY]}), kind, tmp_path)
    assert not clean(path)
    assert {what for _, _, what in put_right(path)} == {NUMBER if kind in JSONS else WHOLE}
    assert clean(path)
    note = read(kind, path)[0]["note"]
    assert note is not None
    name = note[note.index("forgotten-") :][:34]
    assert note == NESTED % name


@pytest.mark.parametrize("ends", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("begins", ["", "\ufeff", "sep=;\n"])
def test_rows_of_others_in_a_table_of_text_stay_byte_for_byte(begins: str, ends: str, tmp_path: Path) -> None:
    rows = ['n;"phone";name;name;', f'1;{SOMEBODY};"Max ""M""";Secret;', f'"2" ;{OTHER};"a{ends}b;c";;"x"y']
    rows += ["", f"3;{SECOND};call +{SOMEBODY};  ;", '4;"";;"";0,5', f"5;{OTHER}"]
    path = tmp_path / "a.csv"
    path.write_bytes((begins + ends.join(rows)).encode())
    assert put_right(path) == [("", 2, WHOLE)]
    assert clean(path)
    left = path.read_bytes().decode()
    name = left[left.index("forgotten-") :][:34]
    rows[1], rows[4] = (
        f';{name};"";;'.replace(";", "1;" if False else ";", 1),
        rows[4].replace(f"+{SOMEBODY}", name),
    )
    assert left == begins + ends.join(rows)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("held", [SOMEBODY, int(SOMEBODY), "nobody", {"phone": [SOMEBODY]}])
def test_pickles_of_every_protocol_are_named_and_left(protocol: int, held: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(pickle.dumps(held, protocol))
    gone = _one_person(b"k" * 32, SOMEBODY, SPELLINGS, {})
    left = left_of_file(path, path.read_bytes(), gone, look_for(SPELLINGS[:2]))
    assert left.content is None
    assert [(one.what, one.why in (reasons.UNKNOWN, reasons.NO_TEXT)) for one in left.found] == [(LEFT, True)]
    assert not clean(path)
