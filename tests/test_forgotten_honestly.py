"""What is called rewritten is, in every corner of a file; what is left says why and what to do."""

from __future__ import annotations

import base64
import bz2
import contextlib
import gzip
import io
import json
import quopri
import random
import sqlite3
import zipfile
import zlib
from decimal import Decimal
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from smsdata.forgetting.person import forget
from smsdata.forgetting.reasons import LEFT, NUMBER, WHOLE
from smsdata.store.store import Store
from tests.support.sync_world import small_and_synced
from tests.test_forgotten_files import OTHER, SOMEBODY, SPELLINGS, TABLE, clean, put_right, zipped

SPACED = "0491 570 156"


def as_forgotten(word: object) -> bool:
    return str(word).startswith("forgotten-")


# ---- rows ----------------------------------------------------------------------------------------


def nested() -> pa.Table:
    """Two rows with the number of one person in every kind of value, and what another says of that person."""
    person = {"Mobile": SOMEBODY, "Name": "Ann", "n": int(SOMEBODY)}
    kinds = pa.struct([("Mobile", pa.string()), ("Name", pa.string()), ("n", pa.int64())])
    return pa.table(
        {
            "msisdn": pa.array([SOMEBODY, OTHER]),
            "words": pa.array([["Ann"], [f"ask {SPACED}", "hi"]]),
            "numbers": pa.array([[1], [int(SOMEBODY), 5]], pa.list_(pa.int64())),
            "who": pa.array([person, person], kinds),
            "more": pa.array(
                [[("a", "Ann")], [("k", SPACED), ("l", "x")]], pa.map_(pa.string(), pa.string())
            ),
            "deep": pa.array([[person], [person, None]], pa.list_(kinds)),
            "raw": pa.array([b"Ann", SOMEBODY.encode() + b"\xff"]),
            "exact": pa.array([Decimal(1), Decimal(2)], pa.decimal128(20, 0)),
        }
    )


@pytest.mark.parametrize("ends", ["parquet", "pq", "feather", "arrows"])
def test_nested_values_of_rows_are_put_right(ends: str, tmp_path: Path) -> None:
    path, rows = tmp_path / f"a.{ends}", nested()
    if ends == "feather":
        feather.write_feather(rows, str(path))
    elif ends == "arrows":
        with pa.ipc.new_stream(str(path), rows.schema) as writer:
            writer.write_table(rows)
    else:
        pq.write_table(rows, path)
    assert not clean(path)
    assert put_right(path) == [("", 2, WHOLE)]
    assert clean(path)
    if ends == "feather":
        told = feather.read_table(str(path))
    else:
        told = pa.ipc.open_stream(path.read_bytes()).read_all() if ends == "arrows" else pq.read_table(path)
    assert told.schema.types == rows.schema.types
    own, other = told.to_pylist()
    assert as_forgotten(own.pop("msisdn"))
    assert own.pop("exact") == Decimal(1)
    assert set(map(str, own.values())) == {"None"}
    name = other["who"]["Mobile"]
    assert as_forgotten(name)
    assert other == {
        "msisdn": OTHER, "words": [f"ask {name}", "hi"], "numbers": [None, 5],
        "who": {"Mobile": name, "Name": None, "n": None}, "more": [("k", name), ("l", "x")],
        "deep": [{"Mobile": name, "Name": None, "n": None}, None], "raw": name.encode() + b"\xff",
        "exact": Decimal(2),
    }  # fmt: skip


@pytest.mark.parametrize("ends", ["parquet", "feather"])
def test_what_a_schema_says_is_put_right(ends: str, tmp_path: Path) -> None:
    field = pa.field("n", pa.int64(), metadata={"of": SPACED})
    rows = pa.table([[1]], schema=pa.schema([field], metadata={"asked by": f"Ann, {SPACED}", "k": "v"}))
    path = tmp_path / f"a.{ends}"
    pq.write_table(rows, path) if ends == "parquet" else feather.write_feather(rows, str(path))
    assert put_right(path) == [("", 1, WHOLE)]
    assert clean(path)
    told = pq.read_table(path) if ends == "parquet" else feather.read_table(str(path))
    assert told.schema.metadata[b"k"] == b"v"
    assert told.schema.metadata[b"asked by"].startswith(b"Ann, forgotten-")
    assert told.column("n").to_pylist() == [1]


def test_texts_that_share_letters_in_a_page_are_found(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = ["61491570155 x", "61491570156 x", "61491570157 x"]
    pq.write_table(
        pa.table({"t": texts}),
        path,
        use_dictionary=False,
        column_encoding="DELTA_BYTE_ARRAY",
        compression=None,
    )
    assert SOMEBODY.encode() not in path.read_bytes().split(b"ARROW:schema")[0][4:60]
    assert not clean(path)
    put_right(path)
    assert clean(path)


# ---- databases -----------------------------------------------------------------------------------


def test_views_triggers_and_defaults_of_sqlite_are_put_right(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"""
            CREATE TABLE people (id INTEGER PRIMARY KEY, mobile INTEGER DEFAULT {SOMEBODY}, name TEXT,
                                 note BLOB, CHECK (mobile <> '')); /* of {SPACED} */
            CREATE TABLE flat (mobile TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID;
            CREATE TABLE log (t TEXT);
            CREATE VIEW ann AS SELECT id FROM people WHERE mobile = {SOMEBODY} OR name = '{SPACED}';
            CREATE TRIGGER t AFTER UPDATE ON people WHEN new.name <> '{SOMEBODY}' BEGIN
                INSERT INTO log VALUES ('x'); END;
            CREATE INDEX few ON people (name) WHERE name <> '{SOMEBODY}';
            INSERT INTO people (mobile, name, note) VALUES ({SOMEBODY}, 'Ann', NULL);
            INSERT INTO people (mobile, name, note) VALUES ({OTHER}, 'Bob', CAST('see {SPACED}' AS BLOB));
            INSERT INTO flat VALUES ('{SOMEBODY}', 1), ('{OTHER}', 2);
        """)
    assert not clean(path)
    assert put_right(path) == [("", 7, WHOLE)]
    assert clean(path)
    assert SOMEBODY.encode() not in path.read_bytes()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        first, second = connection.execute("SELECT * FROM people ORDER BY id").fetchall()
        assert as_forgotten(first[1])
        assert first[2:] == (None, None)
        assert second == (2, int(OTHER), "Bob", f"see {first[1]}".encode())
        assert connection.execute("SELECT * FROM ann").fetchall() == [(1,)]
        assert connection.execute("SELECT n FROM flat ORDER BY n").fetchall() == [(1,), (2,)]
        assert connection.execute("SELECT * FROM log").fetchall() == []
        connection.execute("UPDATE people SET name = 'Cleo' WHERE id = 2")
        assert connection.execute("SELECT * FROM log").fetchall() == [("x",)]


def test_rows_that_were_deleted_from_sqlite_are_not_kept_in_it(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("CREATE TABLE t (m TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [(f"{SOMEBODY} {n:09}",) for n in range(9999)])
        connection.commit()
        connection.execute("DELETE FROM t")
        connection.commit()
    assert SOMEBODY.encode() in path.read_bytes()
    assert put_right(path) == [("", 1, WHOLE)]
    assert clean(path)


def test_views_macros_types_and_remarks_of_duckdb_are_put_right(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"""
            CREATE SCHEMA crm; CREATE TYPE kind AS ENUM ('ok', '{SOMEBODY}');
            CREATE TABLE crm.people (id INTEGER PRIMARY KEY, mobile BIGINT DEFAULT {SOMEBODY}, k kind,
                                     l VARCHAR[]);
            INSERT INTO crm.people VALUES (1, {SOMEBODY}, 'ok', ['Ann']);
            INSERT INTO crm.people VALUES (2, {OTHER}, '{SOMEBODY}', ['{SPACED}']);
            CREATE INDEX few ON crm.people (mobile);
            CREATE VIEW crm.ann AS SELECT id FROM crm.people WHERE mobile = {SOMEBODY};
            CREATE MACRO call(x) AS x || ' {SPACED}';
            COMMENT ON TABLE crm.people IS 'ask {SPACED}'; COMMENT ON COLUMN crm.people.id IS 'not {SPACED}';
        """)
    assert not clean(path)
    ((place, _, what),) = put_right(path)
    assert (place, what) == ("", WHOLE)
    assert clean(path)
    with duckdb.connect(str(path), read_only=True) as connection:
        first, second = connection.sql("FROM crm.people ORDER BY id").fetchall()
        assert as_forgotten(first[1])
        assert first[3] is None
        assert second == (2, OTHER, first[1], [first[1]])
        assert connection.sql("FROM crm.ann").fetchall() == [(1,)]
        assert connection.sql("SELECT call('now')").fetchall() == [(f"now {first[1]}",)]
        remarks = connection.sql("SELECT comment FROM duckdb_tables() WHERE NOT internal").fetchall()
        assert remarks == [(f"ask {first[1]}",)]
        assert connection.sql("SELECT count(*) FROM duckdb_indexes()").fetchall() == [(1,)]


# ---- mails and pages -----------------------------------------------------------------------------


def mail(coding: str) -> bytes:
    one = EmailMessage()
    one["From"], one["To"] = "ann@example.com", "bob@example.com"
    one["Subject"] = f"Überfällig: {SPACED}"
    one.set_content(f"Grüße, ruf {SPACED} an\n" * 3, cte=coding)
    one.add_alternative(f"<p>ruf <b>0491</b> 570 156 an</p>{'<i>ü</i>' * 40}", subtype="html", cte=coding)
    one.add_attachment(TABLE, maintype="text", subtype="csv", filename="replies.csv")
    one.add_attachment(
        gzip.compress(TABLE), maintype="application", subtype="gzip", filename="replies.csv.gz"
    )
    one.add_attachment(b"\x89PNG" + bytes(200), maintype="image", subtype="png", filename="a.png")
    return one.as_bytes()


@pytest.mark.parametrize("coding", ["base64", "quoted-printable"])
def test_a_mail_is_put_right_part_by_part(coding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(mail(coding))
    assert not clean(path)
    found = put_right(path)
    assert ("head", 1, NUMBER) in found
    assert [one for one in found if one[0].startswith("replies")] == [
        ("replies.csv", 1, WHOLE), ("replies.csv.gz", 1, WHOLE),
    ]  # fmt: skip
    told: Any = message_from_bytes(path.read_bytes(), policy=default)
    assert told["To"] == "bob@example.com"
    assert told["Subject"].startswith("Überfällig: forgotten-")
    plain, page, table, packed, picture = (one for one in told.walk() if not one.is_multipart())
    assert "Grüße, ruf forgotten-" in plain.get_content()
    assert "ü" in page.get_content()
    assert b"Bob" in gzip.decompress(packed.get_content())
    assert "Ann" not in str(table.get_content())
    assert picture.get_content() == b"\x89PNG" + bytes(200)


def test_a_number_that_tags_part_in_a_mail_is_told_and_never_called_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(mail("base64"))
    assert [what for place, _, what in put_right(path) if place.endswith(".html")] == [LEFT]
    assert not clean(path)


def test_a_mailbox_is_put_right_mail_by_mail(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    other = b"From: x@example.com\nSubject: n\nMessage-ID: <1@x>\n\nNothing.\n\n"
    begins = b"From x@example.com Mon Nov 23 09:00:00 2026\n"
    coded = b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(SPACED.encode() + b" hello") + b"\n"
    path.write_bytes(begins + other + begins + b"Subject: b\nMIME-Version: 1.0\n" + coded)
    assert not clean(path)
    assert [(place[:6], what) for place, _, what in put_right(path)] == [("mail 2", NUMBER)]
    assert clean(path)
    assert path.read_bytes().startswith(begins + other + begins)


@pytest.mark.parametrize("held", [TABLE, gzip.compress(TABLE), zipped(a_csv=TABLE), bz2.compress(TABLE)])
def test_files_within_a_page_are_put_right(held: bytes, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    coded = base64.b64encode(held)
    path.write_bytes(b'<p>7 replies</p><a href="data:text/csv;charset=utf-8;base64,' + coded + b'">get</a>')
    assert not clean(path)
    found = put_right(path)
    assert len(found) == 1
    assert found[0][0].startswith("data 1")
    assert clean(path)
    assert b"7 replies" in path.read_bytes()


def test_other_texts_in_base64_are_named_and_left(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"body": base64.b64encode(f"ask {SPACED} now".encode()).decode()}))
    assert put_right(path) == [("", 1, LEFT)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_texts_of_wide_letters_are_put_right(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(f"Grüße, ruf {SPACED} an".encode(encoding))
    assert not clean(path)
    assert put_right(path) == [("", 1, NUMBER)]
    assert clean(path)
    told = path.read_bytes().decode(encoding)
    assert told.startswith("Grüße, ruf forgotten-")
    assert told.endswith(" an")


# ---- what is left --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.pdf", b"%PDF-1.7\n" + zlib.compress(SOMEBODY.encode()), "cannot be searched"),
        ("a.msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + SOMEBODY.encode("utf-16-le"), "cannot be searched"),
        ("a.orc", b"ORC\x0a\x0bORC\x17", "make it anew from the store"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "unpack it"),
        ("a.gz", gzip.compress(TABLE)[:-9], "damaged, locked or cut off"),
        ("a.parquet", b"PAR1 no more", "damaged, locked or cut off"),
        ("a.bin", b"\xff\xfe\xff" + SOMEBODY.encode(), "remove it, or make it anew"),
        ("a.eml", b"MIME-Version: 1.0\nContent-Type: application/pkcs7-mime\n\nMIIB\n", "decrypt it"),
        ("a.asc", b"-----BEGIN PGP MESSAGE-----\n", "decrypt it"),
    ],
)  # fmt: skip
def test_whatever_is_left_says_why_and_what_to_do(
    name: str, content: bytes, why: str, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    with store.writing():
        pass
    path = tmp_path / name
    path.write_bytes(content)
    for apply in (False, True):
        told = forget(store, SOMEBODY, apply=apply, also=[path])
        lines = [line for line in told.lines() if line.startswith(f"left {path}")]
        assert any(why in line for line in lines), told.lines()
        assert told.exit_code == 3
    assert path.read_bytes() == content


def test_no_damage_to_a_file_stops_it_or_makes_it_dishonest(tmp_path: Path) -> None:
    """Each of some files with bytes changed, lost and added: it is clean then, or told as left."""
    rows = io.BytesIO()
    pq.write_table(nested(), rows)
    files = {"a.eml": mail("base64"), "a.parquet": rows.getvalue(), "a.zip": zipped(a_csv=TABLE)}
    draw = random.Random(7)
    for name in draw.choices(sorted(files), k=300):
        content = bytearray(files[name])
        for _ in range(draw.randrange(1, 6)):
            at = draw.randrange(len(content) - 40)
            content[at : at + draw.choice((0, 1, 1, 30))] = draw.choices(
                b"=?\n:;<\0ab09\x18\xff", k=draw.randrange(3)
            )
        path = tmp_path / name
        path.write_bytes(content)
        assert LEFT in {what for _, _, what in put_right(path)} or clean(path)


@pytest.mark.parametrize("begins", ["PARENT", "ORCID", "FEA1", "Rar!", "LZIP", "MSCF"])
def test_a_table_that_begins_like_a_format_is_a_table(begins: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{begins},msisdn\n1,{SOMEBODY}\n")
    assert put_right(path) == [("", 1, WHOLE)]
    assert clean(path)


def test_archives_say_nothing_of_the_person_in_their_heads(tmp_path: Path) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("a.txt", "hello")
        archive.comment = f"for {SOMEBODY}".encode()
    named = io.BytesIO()
    with gzip.GzipFile(f"{SOMEBODY}.csv", "wb", fileobj=named) as packed:
        packed.write(b"n\n1\n")
    for name, content in {"a.zip": sink.getvalue(), "a.csv.gz": named.getvalue()}.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert [what for _, _, what in put_right(path)] == [WHOLE]
        assert clean(path)


def test_the_list_that_is_written_first_says_what_the_search_finds_at_the_end(tmp_path: Path) -> None:
    store = Store(small_and_synced(tmp_path / "store")[1])
    msisdn = str(store.read("messages")["msisdn"].iloc[0])
    exports = store.path / "exports"
    exports.mkdir()
    (exports / "odd.html").write_text(f"<p>{msisdn[:5]}<b>{msisdn[5:]}</b></p>")
    (exports / "a.csv").write_text(f"msisdn,n\n{msisdn},1\n")
    first = forget(store, msisdn)
    assert {one.place: one.what for one in first.places if one.kind == "file"} == {
        "exports/a.csv": WHOLE, "exports/odd.html": LEFT,
    }  # fmt: skip
    done = forget(store, msisdn, apply=True)
    assert done.searched is not None
    assert list(done.searched.found) == [str(exports / "odd.html")]
    assert "remove it, or make it anew" in "\n".join(done.lines())


def test_wide_letters_among_other_bytes_are_read_by_the_search(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY" + b" " * 500 + SOMEBODY.encode("utf-32-le"))
    assert not clean(tmp_path / "a.npy")
    assert [what for _, _, what in put_right(tmp_path / "a.npy")] == [LEFT]


def test_quoted_printable_is_read_by_the_search(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(quopri.encodestring(b"x" * 70 + SOMEBODY.encode() + b" now"))
    assert SOMEBODY.encode() not in (tmp_path / "a").read_bytes()
    assert not clean(tmp_path / "a")
    assert len(SPELLINGS) > 2
