"""What a file says of everybody else stays as it was, and a file is called rewritten only where it is."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from smsdata.forgetting import reasons
from smsdata.forgetting.archives import left_of_file
from smsdata.forgetting.person import _one_person
from smsdata.forgetting.read_back import look_for, searched
from smsdata.forgetting.reasons import LEFT, NUMBER, WHOLE
from tests.test_forgotten_files import OTHER, SOMEBODY, SPELLINGS, clean, put_right
from tests.test_forgotten_honestly import as_forgotten

# ---- numbers of others ---------------------------------------------------------------------------


@pytest.mark.parametrize("ends", ["parquet", "feather"])
@pytest.mark.parametrize("column", ["amount", "dec", "count", "coded"])
def test_other_numbers_of_a_column_that_holds_the_number_stay_exact(
    ends: str, column: str, tmp_path: Path
) -> None:
    path, number = tmp_path / f"a.{ends}", int(SOMEBODY)
    columns = {
        "amount": pa.array([1.5, number, 1.25, 1e-9, None]),
        "dec": pa.array([Decimal("1.10"), number, Decimal("3.14"), None, 2], pa.decimal128(20, 2)),
        "count": pa.array([1, number, 2, None, 2**62]),
        "coded": pa.array([1.5, number, 1.25, 1e-9, None]).dictionary_encode(),
    }
    rows = pa.table({"msisdn": [int(SOMEBODY), *[int(OTHER)] * 4], column: columns[column]})
    pq.write_table(rows, path) if ends == "parquet" else feather.write_feather(rows, str(path))
    assert put_right(path) == [("", 1, WHOLE)]
    assert clean(path)
    told = pq.read_table(path) if ends == "parquet" else feather.read_table(str(path))
    values = rows.column(column).to_pylist()
    assert told.column(column).to_pylist() == [values[0], None, *values[2:]]
    assert as_forgotten(told.column("msisdn").to_pylist()[0])
    assert told.column("msisdn").to_pylist()[1:] == [OTHER] * 4


def test_other_numbers_of_a_column_of_phones_lose_no_digit(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"phone": [float(SOMEBODY), 1.25, 1e-9, float("nan")]}), path)
    assert put_right(path) == [("", 1, WHOLE)]
    own, *others = pq.read_table(path).column("phone").to_pylist()
    assert as_forgotten(own)
    assert [one and float(one) for one in others] == [1.25, 1e-9, None]


def test_rows_of_others_in_duckdb_are_not_written_whatever_their_types_are(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('z', 'a')")
        connection.execute("CREATE TABLE r (msisdn VARCHAR, flags BIT, many BIT[], felt mood, share DOUBLE)")
        connection.execute(f"INSERT INTO r VALUES ('{SOMEBODY}', '101', ['1'], 'z', 1.5)")
        connection.execute(f"INSERT INTO r VALUES ('{OTHER}', '0101010101', ['111'], 'a', 1.5)")
    read = f"SELECT flags::VARCHAR, many::VARCHAR, felt::VARCHAR, share FROM r WHERE msisdn = '{OTHER}'"
    with duckdb.connect(str(path), read_only=True) as connection:
        before = connection.execute(read).fetchone()
        types = connection.execute("DESCRIBE r").fetchall()
    assert put_right(path) == [("", 1, WHOLE)]
    assert clean(path)
    with duckdb.connect(str(path), read_only=True) as connection:
        assert repr(connection.execute(read).fetchone()) == repr(before)
        assert connection.execute("DESCRIBE r").fetchall() == types


def test_other_numbers_of_duckdb_stay_exact(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"""
            CREATE TABLE t (phone VARCHAR, amount DOUBLE, d DECIMAL(14, 2));
            INSERT INTO t VALUES ('{OTHER}', {SOMEBODY}, {SOMEBODY}), ('{OTHER}', 1.25, 3.14);
        """)
    assert put_right(path) == [("", 1, WHOLE)]
    assert clean(path)
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.sql("FROM t").fetchall()
    assert rows == [(OTHER, None, None), (OTHER, 1.25, Decimal("3.14"))]


# ---- what is no text -----------------------------------------------------------------------------


def as_npy(values: list[str | int]) -> bytes:
    sink = io.BytesIO()
    np.save(sink, np.array(values))
    return sink.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        as_npy([SOMEBODY, "x"]),
        as_npy([int(SOMEBODY), 1]),
        pickle.dumps([SOMEBODY, "x"]),
        b"\x0b" + SOMEBODY.encode() + b"\x03abc",
        b"\x00\x0b" + SOMEBODY.encode() + b"\x00\x03abc",
        f"\0\0\0\x0b{SOMEBODY}\0".encode("utf-16-le"),
        b"\x01\x00" * 99 + SOMEBODY.encode("utf-16-le"),
    ],
)
@pytest.mark.parametrize("name", ["a", "a.npy", "a.txt", "a.csv"])
def test_what_is_no_text_is_named_and_left_as_it_is(content: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert [what for _, _, what in put_right(path)] == [LEFT]
    assert path.read_bytes() == content
    assert not clean(path)


def test_a_log_with_colours_is_a_text(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"\x1b[31msent\x1b[0m to " + SOMEBODY.encode() + b"\r\n\f")
    assert [what for _, _, what in put_right(path)] == [NUMBER]
    assert clean(path)


# ---- JSON ----------------------------------------------------------------------------------------

FRAME = pd.DataFrame(
    {"id": [7, 8], "mobile": [int(SOMEBODY), int(OTHER)], "first_name": ["Max Secret", "Bob"]}
)


@pytest.mark.parametrize("orient", ["columns", "split", "index", "records", "table", "list"])
def test_tables_of_json_in_any_shape_lose_what_is_said_of_the_person(orient: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    text = json.dumps(FRAME.to_dict("list")) if orient == "list" else FRAME.to_json(orient=orient)
    path.write_text(text)
    assert [what for _, _, what in put_right(path)] == [WHOLE]
    assert clean(path)
    left = path.read_text()
    assert "Max Secret" not in left
    json.loads(left)
    others = ("Bob", OTHER)
    assert all(left.count(one) == text.count(one) == 1 for one in others)


@pytest.mark.parametrize(
    "text",
    [
        FRAME.to_json(orient="values"),
        FRAME.set_index("mobile").to_json(),
        FRAME.set_index("mobile").to_json(orient="index"),
        '{"to": "61491570156", "by": "Max Secret"}',
        '{"by": "Max Secret", "contact": {"msisdn": "61491570156"}}',
        '{"by": "Max Secret", "contacts": [{"msisdn": "61491570156"}]}',
        '{"phone": ["61491570156", "61491571266"], "by": ["Max Secret"]}',
        '{"msisdn": "61491571266", "friend": {"to": "61491570156", "by": "Max Secret"}}',
        '{"id": 1}\n["61491570156", "Max Secret"]\n',
    ],
)
def test_json_that_does_not_say_whose_a_value_is_is_called_number_only(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    assert [what for _, _, what in put_right(path)] == [NUMBER]
    assert clean(path)
    assert "Max Secret" in path.read_text()


@pytest.mark.parametrize("begins", ["", "\ufeff", "\n "])
def test_json_of_others_stays_byte_for_byte(begins: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    own = f'"mobile" : "{SOMEBODY}"'
    rows = (
        '    {"z": 1e400, "a": 0.1234567890123456789, "a": "twice \\/ \\u00e9", "mobile": "' + OTHER + '",\n'
        '      "b": [ 1,2 , {} ], "n": NaN, "d": -0.0, "long": ' + "7" * 60 + "},\n"
    )
    text = (
        begins
        + "[\n"
        + rows
        + '    {"name": "Max",\n  "id": 1.0, '
        + own
        + ' , "x": 1, "y": {"z": []} }\n]\n'
    )
    path.write_text(text)
    assert [what for _, _, what in put_right(path)] == [WHOLE]
    assert clean(path)
    left = path.read_text()
    name = left[left.index("forgotten-") : left.index("forgotten-") + 34]
    own = '    {"name": null,\n  "id": 1.0, "mobile" : "' + name + '" , "x": null, "y": null }\n]\n'
    assert left == begins + "[\n" + rows + own


def test_text_of_others_within_json_stays_as_it_is_coded(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    text = (
        '{"msisdn":"%s","response":"ask %s, \\u00e9","b":'
        '{"k":"{\\"x\\": 1e400, \\"a\\":0.1234567890123456789}"}}\r\n'
        '\r\n{"b":1,"a":0.1234567890123456789}\r\n'
    )
    path.write_bytes((text % (OTHER, SOMEBODY)).encode())
    assert [what for _, _, what in put_right(path)] == [WHOLE]
    left = path.read_bytes().decode()
    name = left[left.index("forgotten-") : left.index("forgotten-") + 34]
    assert left == text % (OTHER, name)


def test_a_row_of_the_person_that_says_the_number_twice_goes_wholly(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        f'{{"Mobile":"{SOMEBODY}","status":"Max","Mobile":"{OTHER}","First Name":"Max","status":"sent"}}'
    )
    assert [what for _, _, what in put_right(path)] == [WHOLE]
    told = json.loads(path.read_text(), object_pairs_hook=list)
    assert [name for name, _ in told] == ["Mobile", "First Name", "status"]
    assert as_forgotten(told[0][1])
    assert [value for _, value in told[1:]] == [None, "sent"]


# ---- whose a row is ------------------------------------------------------------------------------

ORNAMENTS = [
    f"tel:+{SOMEBODY}", f"{SOMEBODY} (work)", "6.1491570156E+10", "6,1491570156e10", "mob. 0491 570 156, 5",
    f"'{SOMEBODY}", "0491570156 / 61491570156",
]  # fmt: skip


@pytest.mark.parametrize("cell", ORNAMENTS)
@pytest.mark.parametrize("ends", ["csv", "parquet", "db", "json"])
def test_a_row_is_the_persons_with_any_ornament_of_the_number(cell: str, ends: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ends}"
    rows = pd.DataFrame({"mobile": [cell, OTHER], "words": ["Max Secret", "hi"]})
    if ends == "csv":
        rows.to_csv(path, index=False)
    elif ends == "parquet":
        rows.to_parquet(path)
    elif ends == "db":
        with contextlib.closing(sqlite3.connect(path)) as connection:
            rows.to_sql("t", connection, index=False)
    else:
        rows.to_json(path)
    assert [what for _, _, what in put_right(path)] == [WHOLE]
    assert clean(path)
    assert b"Max Secret" not in path.read_bytes()
    if ends == "csv":
        own, other = pd.read_csv(path, dtype="str").to_numpy().tolist()
        assert as_forgotten(own[0])
        assert other == [OTHER, "hi"]


def test_a_row_of_two_numbers_is_called_number_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"mobile,words\n{SOMEBODY} or {OTHER},Max Secret\n")
    assert [what for _, _, what in put_right(path)] == [NUMBER]
    assert clean(path)
    assert "Max Secret" in path.read_text()


@pytest.mark.parametrize(
    ("name", "begins", "by"),
    [("A.CSV", "", ","), ("a.csv", "sep=;\r\n", ";"), ("a.Tsv", "\ufeffsep=\t\n", "\t")],
)
def test_tables_are_known_by_names_in_capitals_and_a_line_of_their_separator(
    name: str, begins: str, by: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(f"{begins}words{by}mobile\nMax Secret{by}{SOMEBODY}\n".encode())
    assert [what for _, _, what in put_right(path)] == [WHOLE]
    assert clean(path)
    left = path.read_bytes().decode()
    assert "Max Secret" not in left
    assert left.startswith(begins)


# ---- databases -----------------------------------------------------------------------------------


def made_by(path: Path, statements: str) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(statements)
    return path


def rows_of(path: Path, query: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute(query).fetchall()


def test_a_database_with_a_log_that_was_closed_is_put_right(tmp_path: Path) -> None:
    path = made_by(
        tmp_path / "a.db",
        f"PRAGMA journal_mode = wal; CREATE TABLE t (msisdn, name); INSERT INTO t VALUES ({SOMEBODY}, 'x');",
    )
    assert [one.name for one in tmp_path.iterdir()] == ["a.db"]
    assert put_right(path) == [("", 1, WHOLE)]
    assert clean(path)
    assert rows_of(path, "PRAGMA journal_mode") == [("wal",)]
    assert rows_of(path, "SELECT name FROM t") == [(None,)]


def test_a_database_with_a_log_and_nobody_in_it_stays_as_it_is(tmp_path: Path) -> None:
    path = made_by(tmp_path / "a.db", "PRAGMA journal_mode = wal; CREATE TABLE t (msisdn)")
    before = path.read_bytes()
    assert put_right(path) == []
    assert clean(path)
    assert path.read_bytes() == before


def test_columns_that_are_never_empty_are_put_right(tmp_path: Path) -> None:
    path = made_by(
        tmp_path / "a.db",
        f"""CREATE TABLE t (mobile TEXT, name TEXT NOT NULL, words TEXT UNIQUE NOT NULL);
        INSERT INTO t VALUES ('{SOMEBODY}', 'Max', 'Max 1'), ('{SOMEBODY}', 'Max', 'Max 2'),
                             ('{OTHER}', 'Bob', 'hi');""",
    )
    assert put_right(path) == [("", 2, WHOLE)]
    assert clean(path)
    assert b"Max" not in path.read_bytes()
    told = rows_of(path, "SELECT name, words FROM t ORDER BY rowid")
    assert told == [("", "forgotten 1"), ("", "forgotten 2"), ("Bob", "hi")]


def test_bytes_of_the_persons_own_rows_go_and_those_of_others_stay(tmp_path: Path) -> None:
    path = made_by(
        tmp_path / "a.db",
        f"""CREATE TABLE t (phone TEXT, photo BLOB, hash BLOB NOT NULL, key BLOB UNIQUE NOT NULL, any);
        INSERT INTO t VALUES
            ('{SOMEBODY}', x'4d6178', x'4d6178', x'4d617831', x'4d6178'),
            ('{SOMEBODY}', NULL, x'4d6178', x'4d617832', 7),
            ('{OTHER}', x'426f62', x'426f62', x'426f62', x'426f62');""",
    )
    assert put_right(path) == [("", 2, WHOLE)]
    assert clean(path)
    assert b"Max" not in path.read_bytes()
    told = rows_of(path, "SELECT photo, hash, key, any FROM t ORDER BY rowid")
    assert told == [
        (None, b"", b"forgotten 1", None), (None, b"", b"forgotten 2", 7), (b"Bob",) * 4,
    ]  # fmt: skip


def test_an_index_of_some_rows_is_put_right(tmp_path: Path) -> None:
    path = made_by(
        tmp_path / "a.db",
        f"""CREATE TABLE t (mobile TEXT, n INTEGER);
        CREATE INDEX some ON t (n) WHERE mobile = '{SOMEBODY}';
        INSERT INTO t VALUES ('{SOMEBODY}', 1), ('{OTHER}', 2);""",
    )
    assert put_right(path) == [("", 2, WHOLE)]
    assert clean(path)
    ((name,),) = rows_of(path, "SELECT mobile FROM t WHERE n = 1")
    assert rows_of(path, f"SELECT n FROM t INDEXED BY some WHERE mobile = '{name}'") == [(1,)]


@pytest.mark.parametrize(
    ("rule", "other"),
    [("CHECK (msisdn GLOB '61*')", OTHER), ("UNIQUE", "+61 491 570 156"), ("PRIMARY KEY", "0491570156")],
)
def test_a_database_whose_rules_allow_no_stand_in_is_left_with_that_reason(
    rule: str, other: str, tmp_path: Path
) -> None:
    path = made_by(
        tmp_path / "a.db",
        f"CREATE TABLE t (msisdn TEXT {rule}); INSERT INTO t VALUES ('{SOMEBODY}'), ('{other}');",
    )
    before = path.read_bytes()
    gone = _one_person(b"k" * 32, SOMEBODY, SPELLINGS, {})
    left = left_of_file(path, before, gone, look_for(SPELLINGS[:2]))
    assert [(one.what, one.why) for one in left.found] == [(LEFT, reasons.A_RULE)]
    assert left.content is None


def made_by_duckdb(path: Path, statements: str) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute(statements)
    return path


def test_texts_of_duckdb_that_are_never_empty_are_put_right(tmp_path: Path) -> None:
    path = made_by_duckdb(
        tmp_path / "a.duckdb",
        f"""CREATE TABLE t (phone TEXT, name TEXT NOT NULL, words TEXT UNIQUE NOT NULL, photo BLOB NOT NULL,
                        kind ENUM ('Max', 'Bob') NOT NULL, id INTEGER PRIMARY KEY);
        INSERT INTO t VALUES ('{SOMEBODY}', 'Max', 'Max 1', 'Max', 'Max', 1),
            ('{OTHER}', 'Bob', 'hi', 'Bob', 'Bob', 2), ('{SOMEBODY}', 'Max', 'Max 2', 'Max', 'Max', 3);""",
    )
    assert put_right(path) == [("", 2, WHOLE)]
    assert clean(path)
    with duckdb.connect(str(path)) as connection:
        told = connection.execute("SELECT * EXCLUDE phone FROM t ORDER BY id").fetchall()
        rules = "SELECT constraint_type FROM duckdb_constraints() ORDER BY 1"
        kinds = [kind for (kind,) in connection.execute(rules).fetchall()]
    assert told == [
        ("", "forgotten 1", b"", "", 1), ("Bob", "hi", b"Bob", "Bob", 2), ("", "forgotten 3", b"", "", 3),
    ]  # fmt: skip
    assert kinds == ["NOT NULL"] * 5 + ["PRIMARY KEY", "UNIQUE"]


@pytest.mark.parametrize(
    ("columns", "values", "why"),
    [
        ("phone TEXT, u UNION(n INT, s TEXT)", f"'{SOMEBODY}', 'Max'", reasons.A_TYPE),
        ("phone TEXT, l INT[] NOT NULL", f"'{SOMEBODY}', [1]", reasons.A_RULE),
        ("phone TEXT, n BIGINT NOT NULL", f"'{OTHER}', {SOMEBODY}", reasons.A_RULE),
        ("phone TEXT CHECK (phone LIKE '61%')", f"'{SOMEBODY}'", reasons.A_RULE),
        ("phone BIGINT PRIMARY KEY", SOMEBODY, reasons.A_RULE),
        ("phone TEXT, name TEXT CHECK (name <> '') NOT NULL", f"'{SOMEBODY}', 'Max'", reasons.A_RULE),
    ],
)
def test_duckdb_whose_rules_or_types_allow_no_stand_in_is_left_with_that_reason(
    columns: str, values: str, why: str, tmp_path: Path
) -> None:
    path = made_by_duckdb(
        tmp_path / "a.duckdb", f"CREATE TABLE t ({columns}); INSERT INTO t VALUES ({values})"
    )
    gone = _one_person(b"k" * 32, SOMEBODY, SPELLINGS, {})
    left = left_of_file(path, path.read_bytes(), gone, look_for(SPELLINGS[:2]))
    assert [(one.what, one.why) for one in left.found] == [(LEFT, why)]
    assert left.content is None


def of_many_rows(path: Path) -> bytes:
    rows = pa.table({"phone": [SOMEBODY, OTHER] * 20_000, "n": range(40_000)})
    if path.suffix == ".parquet":
        pq.write_table(rows, path, compression="none")
    elif path.suffix == ".feather":
        feather.write_feather(rows, str(path))
    elif path.suffix == ".arrows":
        with pa.ipc.new_stream(path, rows.schema) as writer:
            writer.write_table(rows)
    elif path.suffix == ".db":
        with contextlib.closing(sqlite3.connect(path)) as connection:
            rows.to_pandas().to_sql("t", connection)
    else:
        with duckdb.connect(str(path)) as connection:
            connection.register("r", rows)
            connection.execute("CREATE TABLE t AS FROM r")
    return path.read_bytes()


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("ends", ["parquet", "feather", "arrows", "db", "duckdb"])
def test_a_file_that_was_cut_off_is_called_damaged_like_any_archive(
    ends: str, kept: float, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{ends}"
    content = of_many_rows(path)
    content = content[: int(len(content) * kept)]
    path.write_bytes(content)
    gone = _one_person(b"k" * 32, SOMEBODY, SPELLINGS, {})
    left = left_of_file(path, content, gone, look_for(SPELLINGS[:2]))
    assert [(one.what, one.why) for one in left.found] == [(LEFT, reasons.DAMAGED)]
    assert left.content is None


@pytest.mark.parametrize("page", [512, 4096, 65_536])
@pytest.mark.parametrize("lost", [1, 3, 7, 200])
def test_a_last_page_of_sqlite_that_was_cut_off_is_not_filled_up(
    page: int, lost: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA page_size = {page}")
        connection.execute("CREATE TABLE t (name TEXT, phone TEXT)")
        connection.execute("INSERT INTO t VALUES (?, ?)", ["Ann", SOMEBODY])
    content = path.read_bytes()
    assert len(content) % page == 0
    path.write_bytes(content[:-lost])
    gone = _one_person(b"k" * 32, SOMEBODY, SPELLINGS, {})
    left = left_of_file(path, content[:-lost], gone, look_for(SPELLINGS[:2]))
    assert [(one.what, one.why) for one in left.found] == [(LEFT, reasons.DAMAGED)]
    assert searched([path], SPELLINGS[:2]).not_judged == [str(path)]
    path.write_bytes(content)
    assert [what for _, _, what in put_right(path)] == [WHOLE]
    assert clean(path)


@pytest.mark.parametrize(
    "kind", ["UUID DEFAULT uuid()", "STRUCT(x INT, y TEXT)", "INT[]", "INT[2]", "MAP(INT, INT)"]
)
@pytest.mark.parametrize("rows", [0, 3])
def test_duckdb_without_the_number_stays_as_it_is(kind: str, rows: int, tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE SCHEMA s2; CREATE TABLE s2.t (u {kind}, n INTEGER)")
        connection.execute(f"INSERT INTO s2.t (n) SELECT range FROM range({rows})")
    before = path.read_bytes()
    assert put_right(path) == []
    assert clean(path)
    assert path.read_bytes() == before


def test_rows_that_were_deleted_from_duckdb_behind_a_nested_column_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t (l INT[], mobile TEXT)")
        connection.execute(f"INSERT INTO t VALUES ([1, 2], '{SOMEBODY}'), ([3], '{OTHER}')")
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM t WHERE l = [1, 2]")
    assert not clean(path)
    assert put_right(path) == [("", 1, WHOLE)]
    assert clean(path)
