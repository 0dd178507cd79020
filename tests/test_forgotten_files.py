"""Files that hold files, workbooks and databases: the person is out of them, and all else is as it was."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import tarfile
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
import xlsxwriter

from smsdata.errors import UsageError
from smsdata.forgetting import reasons
from smsdata.forgetting.archives import left_of_file
from smsdata.forgetting.person import _one_person, forget, spellings_of
from smsdata.forgetting.read_back import Searched, look_for, searched
from smsdata.forgetting.reasons import LEFT, NUMBER, WHOLE
from smsdata.store.disk import _give_rights
from smsdata.store.store import Store
from tests.support.sync_world import small_and_synced

openpyxl = import_module("openpyxl")  # it has no types
SOMEBODY, OTHER = "61491570156", "61491571266"
SPELLINGS = spellings_of(SOMEBODY)
TABLE = b"msisdn,name,status\n61491570156,Ann,delivered\n61491571266,Bob,pending\n"
Found = list[tuple[str, int, str]]


def looked_for(path: Path) -> Searched:
    return searched([path], SPELLINGS[:2])


def put_right(path: Path) -> Found:
    """Take the person out of a file; gives where that person was found. A second time finds nobody."""
    gone = _one_person(b"k" * 32, SOMEBODY, SPELLINGS, {})
    look = look_for(SPELLINGS[:2])
    left = left_of_file(path, path.read_bytes(), gone, look)
    if left.content is not None:
        path.write_bytes(left.content)
        again = left_of_file(path, left.content, gone, look)
        assert again.content is None
        assert [one for one in again.found if one.what != LEFT] == []
    assert all(bool(one.why) == (one.what == LEFT) for one in left.found)  # whatever is left says why
    return [(one.place, one.count, one.what) for one in left.found]


def an_empty_store(folder: Path) -> Store:
    store = Store(folder / "store")
    with store.writing():
        pass
    return store


def clean(path: Path) -> bool:
    told = looked_for(path)
    return not told.found and not told.not_judged


def zipped(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return sink.getvalue()


def tarred(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size, info.mode = len(content), 0o640
            archive.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def as_parquet() -> bytes:
    sink = io.BytesIO()
    pd.read_csv(io.BytesIO(TABLE)).to_parquet(sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "within"),
    [
        ("a.csv.gz", gzip.compress(TABLE), ""),
        ("a.csv.bz2", bz2.compress(TABLE), ""),
        ("a.csv.xz", lzma.compress(TABLE), ""),
        ("a.csv.zst", pa.compress(TABLE, "zstd", asbytes=True), ""),
        ("a.parquet.gz", gzip.compress(as_parquet()), ""),
        ("a.zip", zipped(a_csv=TABLE, b_csv=b"n\n1\n"), "a.csv"),
        ("a.zip", zipped(in__a_csv_gz=gzip.compress(TABLE)), "in/a.csv.gz"),
        ("a.zip", zipped(b_zip=zipped(a_csv=TABLE)), "b.zip, a.csv"),
        ("a.tar", tarred(a_csv=TABLE, b_txt=b"n"), "a.csv"),
        ("a.tar.gz", gzip.compress(tarred(a_csv=TABLE, b_txt=b"n")), "a.csv"),
    ],
)  # fmt: skip
def test_what_is_packed_is_put_right_and_named(
    name: str, content: bytes, within: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert not clean(path)  # the search sees into it
    assert put_right(path) == [(within, 1, WHOLE)]
    assert clean(path)


def test_what_else_an_archive_holds_stays_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    others: dict[str, bytes] = {"b_csv": b"msisdn\n61491571266\n", "c_bin": bytes(range(256)), "d_txt": b""}
    path.write_bytes(zipped(a_csv=TABLE, **others))
    put_right(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.csv", "b.csv", "c.bin", "d.txt"]
        assert [archive.read(name.replace("_", ".")) for name in others] == list(others.values())
        assert b"Bob" in archive.read("a.csv")
        assert b"Ann" not in archive.read("a.csv")
    tar = tmp_path / "a.tar"
    tar.write_bytes(tarred(a_csv=TABLE, **others))
    put_right(tar)
    with tarfile.open(tar) as archive_of_tar:
        assert archive_of_tar.getnames() == ["a.csv", "b.csv", "c.bin", "d.txt"]
        assert {one.mode for one in archive_of_tar} == {0o640}
        assert [archive_of_tar.extractfile(one).read() for one in archive_of_tar][1:] == list(others.values())  # type: ignore[union-attr]


def test_links_of_a_tar_that_lead_to_the_number_are_put_right_with_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, kind, target in [
            ("a.csv", tarfile.REGTYPE, ""), ("gone", tarfile.SYMTYPE, f"of/{SOMEBODY}.csv"),
            ("same", tarfile.LNKTYPE, "a.csv"), ("other", tarfile.SYMTYPE, "nowhere.csv"),
        ]:  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, 0 if target else len(TABLE)
            archive.addfile(info, io.BytesIO(TABLE))
    path.write_bytes(gzip.compress(sink.getvalue()))
    assert looked_for(path).not_judged == []
    assert put_right(path) == [("a.csv", 1, WHOLE), ("gone", 1, WHOLE)]
    assert clean(path)
    with tarfile.open(path) as archive:
        assert re.fullmatch("of/forgotten-[a-p]{24}.csv", archive.getmember("gone").linkname)
        assert [archive.getmember(name).linkname for name in ("same", "other")] == ["a.csv", "nowhere.csv"]
        told = archive.extractfile("same")
        assert told is not None
        assert b"Bob" in told.read()


def test_a_member_that_bears_the_number_gets_another_name(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("61491570156/hello.txt", "hello")
    assert [what for _, _, what in put_right(path)] == [WHOLE]
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist()[0].startswith("forgotten-")
        assert archive.read(archive.namelist()[0]) == b"hello"
    assert clean(path)


def test_one_member_that_cannot_be_put_right_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(
        zipped(
            a_csv=TABLE, b_parquet=b"PAR1 no more", c_gz=b"\x1f\x8b61491570156", d_7z=b"7z\xbc\xaf\x27\x1c"
        )
    )
    assert put_right(path) == [
        ("a.csv", 1, WHOLE),
        ("b.parquet", 1, LEFT),
        ("c.gz", 1, LEFT),
        ("d.7z", 1, LEFT),
    ]
    with zipfile.ZipFile(path) as archive:
        assert b"Ann" not in archive.read("a.csv")
        assert archive.read("b.parquet") == b"PAR1 no more"
    told = looked_for(path)
    assert told.not_judged == [str(path)]


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 no more", b"7z\xbc\xaf\x27\x1c61491570156", b"Rar!\x1a", gzip.compress(TABLE)[:-9],
        zipped(store___smsdata__state_json=b"{}"), zipped(a_zip=b"PK\x03\x04"),
    ],
)  # fmt: skip
def test_what_cannot_be_seen_into_is_named_and_left(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    assert [what for _, _, what in put_right(path)] == [LEFT]
    assert path.read_bytes() == content


def test_no_small_file_takes_all_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsdata.forgetting.archives._MOST_BYTES", 10_000)
    monkeypatch.setattr("smsdata.forgetting.read_back._TOO_MUCH", 10_000)
    big = bytes(10_001)
    for name, content in {
        "a.gz": gzip.compress(big),
        "a.zip": zipped(a_bin=big),
        "b.gz": gzip.compress(gzip.compress(big)),
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert [what for _, _, what in put_right(path)] == [LEFT]
        assert looked_for(path).not_judged == [str(path)]


# ---- workbooks ---------------------------------------------------------------------------------------

ROWS: list[list[Any]] = [
    ["Mobile", "First name", "sent_at (UTC)", "status", "note"],
    [int(SOMEBODY), "Ann", "2026-11-01", "delivered", "call 0491 570 156"],
    [int(OTHER), "Bob", "2026-11-02", "pending", "Ann said: ask +61 491 570 156"],
    ["+61 491 570 156", "Ann <A&B>", "2026-11-03", "delivered", "Ann"],
]  # fmt: skip


def by_openpyxl(path: Path, rows: list[list[Any]]) -> None:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)


def by_xlsxwriter(path: Path, rows: list[list[Any]], *, lean: bool = False) -> None:
    with xlsxwriter.Workbook(str(path), {"constant_memory": lean}) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate(rows):
            sheet.write_row(at, 0, row)


def by_xlsxwriter_row_by_row(path: Path, rows: list[list[Any]]) -> None:
    by_xlsxwriter(path, rows, lean=True)


def cells_of(path: Path) -> list[list[Any]]:
    return [list(row) for row in openpyxl.load_workbook(path).active.iter_rows(values_only=True)]


@pytest.mark.parametrize("write", [by_openpyxl, by_xlsxwriter, by_xlsxwriter_row_by_row])
def test_rows_of_a_workbook_lose_all_that_is_said_of_the_person(
    write: Callable[[Path, list[list[Any]]], None], tmp_path: Path
) -> None:
    path = tmp_path / "a.xlsx"
    write(path, ROWS)
    assert not clean(path)
    found = put_right(path)
    assert {what for _, _, what in found} == {WHOLE}
    assert ("xl/worksheets/sheet1.xml", 3, WHOLE) in found
    head, first, other, last = cells_of(path)
    assert head == ROWS[0]
    assert first[0].startswith("forgotten-")
    assert first[1:] == [None, "2026-11-01", "delivered", None]
    assert [last[0], *last[1:]] == [first[0], None, "2026-11-03", "delivered", None]
    assert other[:4] == ROWS[2][:4]
    assert other[4] == f"Ann said: ask {first[0]}"
    assert clean(path)
    with zipfile.ZipFile(path) as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist())
    assert b"A&amp;B" not in whole


def test_formats_formulas_and_pictures_of_a_workbook_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet, bold = book.add_worksheet("people"), book.add_format({"bold": True})
        sheet.write_row(0, 0, ["msisdn", "n", "double"])
        for at, number in enumerate((SOMEBODY, OTHER), start=1):
            sheet.write(at, 0, number, bold)
            sheet.write(at, 1, at)
            sheet.write_formula(at, 2, f"=B{at + 1}*2", value=2 * at)
        sheet.write_rich_string(3, 1, "call ", bold, "0491 57", "0 156 now")
        sheet.write_url(4, 0, f"https://chat.example/{SOMEBODY}", string="call")
        sheet.write_comment(1, 1, "ask 0491 570 156")
        sheet.autofilter(0, 0, 4, 2)
        sheet.set_column(0, 0, 33)
        book.add_worksheet("other").write(0, 0, f"of {SOMEBODY}")
    found = put_right(path)
    assert NUMBER in {what for _, _, what in found}
    assert LEFT not in {what for _, _, what in found}
    assert clean(path)
    book = openpyxl.load_workbook(path)
    sheet = book["people"]
    assert [cell.value for cell in sheet[3]] == [OTHER, 2, "=B3*2"]
    assert sheet["A3"].font.bold
    assert sheet.column_dimensions["A"].width > 30
    assert sheet["A2"].value.startswith("forgotten-")
    assert sheet["A2"].font.bold
    assert sheet["B2"].value is None
    assert sheet["B4"].value == f"call {sheet['A2'].value} now"
    assert sheet.auto_filter.ref == "A1:C5"
    assert book["other"]["A1"].value == f"of {sheet['A2'].value}"


def test_a_sheet_named_after_the_person_gets_a_title_that_excel_takes(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for title in (SOMEBODY, f"to +{SOMEBODY}", f"from to +{SOMEBODY} a & b", f"from to {SOMEBODY} c"):
            sheet = book.add_worksheet(title)
            sheet.write_row(0, 0, ["msisdn", "n"])
            sheet.write_row(1, 0, [SOMEBODY, 1])
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": f"='{SOMEBODY}'!$B$2:$B$3"})
        sheet.insert_chart("D2", chart)
        book.define_name("mine", f"='{SOMEBODY}'!$B$2")
    put_right(path)
    assert clean(path)
    book = openpyxl.load_workbook(path)
    titles = book.sheetnames
    assert all(len(title) <= 31 for title in titles)
    assert len(set(titles)) == 4
    assert all("forgotten-" in title for title in titles)
    assert book.defined_names["mine"].attr_text == f"'{titles[0]}'!$B$2"
    with zipfile.ZipFile(path) as archive:
        assert f"'{titles[0]}'!$B$2" in archive.read("xl/charts/chart1.xml").decode()
    assert re.fullmatch("forgotten-[a-p]{24}", book[titles[0]]["A2"].value)


def test_a_workbook_of_others_stays_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    by_xlsxwriter(path, [["msisdn"], [int(OTHER)]])
    before = path.read_bytes()
    assert put_right(path) == []
    assert path.read_bytes() == before


def rewritten(path: Path, change: Callable[[bytes], bytes], part: str) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, change(content) if name == part else content)


@pytest.mark.parametrize("write", [by_openpyxl, by_xlsxwriter])
def test_a_workbook_of_other_programs_is_put_right(
    write: Callable[[Path, list[list[Any]]], None], tmp_path: Path
) -> None:
    """Cells without a place, marks of a name space of their own, single quotes, exponents."""

    def other(content: bytes) -> bytes:
        content = re.sub(rb' r="[A-Z]+[0-9]+"', b"", content).replace(b' t="s"', b" t='s'")
        return content.replace(b">61491570156<", b">6.1491570156E10<")

    path = tmp_path / "a.xlsx"
    write(path, ROWS)
    rewritten(path, other, "xl/worksheets/sheet1.xml")
    assert not clean(path)
    put_right(path)
    assert clean(path)
    head, first, second, last = cells_of(path)
    assert (head, second[:4]) == (ROWS[0], ROWS[2][:4])
    assert first[0].startswith("forgotten-")
    assert first[1:] == [None, "2026-11-01", "delivered", None]
    assert last == [first[0], None, "2026-11-03", "delivered", None]


def test_a_part_of_a_workbook_that_is_not_understood_is_left_and_told(tmp_path: Path) -> None:
    path, part = tmp_path / "a.xlsx", "xl/worksheets/sheet1.xml"
    by_openpyxl(path, [["n"], ["x"]])
    odd = b"</sheetData><odd><p>0491 57</p><p>0 156</p></odd>"
    rewritten(path, lambda content: content.replace(b"</sheetData>", odd), part)
    assert put_right(path) == [(part, 1, LEFT)]
    assert list(looked_for(path).found) == [str(path)]


# ---- DuckDB ------------------------------------------------------------------------------------------


def test_a_database_is_put_right_in_all_its_tables_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA crm; CREATE TYPE mood AS ENUM ('ok', 'sad')")
        connection.execute(
            "CREATE TABLE crm.people (id INTEGER PRIMARY KEY, mobile BIGINT, name VARCHAR, status mood)"
        )
        connection.execute(
            f"INSERT INTO crm.people VALUES (1, {SOMEBODY}, 'Ann', 'ok'), (2, {OTHER}, 'Bob', 'sad')"
        )
        connection.execute(
            "CREATE TABLE notes AS SELECT 'see 0491 570 156 ' || range AS note FROM range(3000)"
        )
        connection.execute("CREATE VIEW happy AS SELECT name FROM crm.people WHERE status = 'ok'")
        connection.execute("CREATE TABLE many AS SELECT range AS n FROM range(100000)")
    assert not clean(path)
    assert put_right(path) == [("", 3001, WHOLE)]
    assert clean(path)
    assert [one.name for one in tmp_path.iterdir()] == ["a.duckdb"]
    with duckdb.connect(str(path), read_only=True) as connection:
        first, second = connection.sql("FROM crm.people ORDER BY id").fetchall()
        assert first[1].startswith("forgotten-")
        assert first[2:] == (None, "ok")
        assert second == (2, OTHER, "Bob", "sad")
        assert connection.sql("FROM happy").fetchall() == [(None,)]
        assert connection.sql("SELECT count(*), sum(n) FROM many").fetchall() == [(100_000, 4_999_950_000)]
        assert connection.sql("FROM notes LIMIT 1").fetchall() == [(f"see {first[1]} 0",)]


def test_rows_that_were_deleted_from_a_database_are_not_kept_in_it(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE t AS SELECT '{SOMEBODY}' AS msisdn UNION ALL SELECT '{OTHER}'")
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"DELETE FROM t WHERE msisdn = '{SOMEBODY}'")
    assert not clean(path)
    assert put_right(path) == [("", 1, WHOLE)]
    assert clean(path)


def test_a_database_that_is_open_or_damaged_is_named_and_left(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE t AS SELECT '{SOMEBODY}' AS msisdn")
    whole = path.read_bytes()
    (tmp_path / "a.duckdb.wal").write_bytes(b"")
    assert put_right(path) == [("", 1, LEFT)]
    (tmp_path / "a.duckdb.wal").unlink()
    path.write_bytes(whole[: len(whole) // 2])
    assert put_right(path) == [("", 1, LEFT)]
    assert looked_for(path).not_judged == [str(path)]


# ---- the command ---------------------------------------------------------------------------------------


def test_the_list_names_what_is_inside_before_and_after(tmp_path: Path) -> None:
    store = Store(small_and_synced(tmp_path / "store")[1])
    msisdn = str(store.read("messages")["msisdn"].iloc[0])
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "all.zip").write_bytes(zipped(a_csv=f"msisdn,name\n{msisdn},Ann\n".encode()))
    (folder / "b.xlsx").write_bytes(b"")
    by_openpyxl(folder / "b.xlsx", [["msisdn"], [int(msisdn)]])
    expected = {(f"{folder}/all.zip: a.csv", WHOLE), (f"{folder}/b.xlsx: xl/worksheets/sheet1.xml", WHOLE)}
    for apply in (False, True):
        told = forget(store, msisdn, apply=apply, also=[folder])
        assert {(one.place, one.what) for one in told.places if one.kind == "file"} == expected
        assert told.exit_code == 0
    assert told.searched is not None
    assert not told.searched.found


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o600, 0o755, 0o664, 0o400])
def test_a_file_keeps_its_mode_owner_and_group(
    mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = an_empty_store(tmp_path)
    path = tmp_path / "a.csv"
    path.write_bytes(TABLE)
    path.chmod(mode)
    facts = path.stat()
    given: list[tuple[int, int]] = []
    monkeypatch.setattr("os.chown", lambda _path, owner, group: given.append((owner, group)))
    assert forget(store, SOMEBODY, apply=True, also=[path]).exit_code == 0
    assert SOMEBODY not in path.read_text()
    assert path.stat().st_mode == facts.st_mode
    assert given == [(facts.st_uid, facts.st_gid)]


def test_a_group_that_a_file_cannot_keep_gets_no_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_path: object, _owner: int, _group: int) -> None:
        raise PermissionError

    monkeypatch.setattr("os.chown", refused)
    kept, path = tmp_path / "kept", tmp_path / "new"
    for one in (kept, path):
        one.touch()
    kept.chmod(0o664)
    facts = kept.stat()
    _give_rights(path, facts)
    assert path.stat().st_mode & 0o777 == 0o664
    _give_rights(path, os.stat_result([*facts[:5], facts.st_gid + 1, *facts[6:]]))
    assert path.stat().st_mode & 0o777 == 0o604


def test_another_name_of_a_file_is_told_where_it_is_not_named_too(tmp_path: Path) -> None:
    store = an_empty_store(tmp_path)
    one, other, alone = (tmp_path / name for name in ("a.csv", "b.csv", "c.csv"))
    one.write_bytes(TABLE)
    alone.write_bytes(TABLE)
    other.hardlink_to(one)
    assert forget(store, SOMEBODY, also=[one, other]).exit_code == 0
    for apply in (False, True):
        told = forget(store, SOMEBODY, apply=apply, also=[one, alone])
        assert [(left.place, left.why) for left in told.left] == [(str(one), reasons.HARD_LINK)]
        assert told.exit_code == 3
    assert SOMEBODY not in one.read_text()
    assert other.read_bytes() == TABLE
    assert forget(store, SOMEBODY, apply=True, also=[one, other]).exit_code == 0
    assert SOMEBODY not in other.read_text()


def test_a_store_is_not_forgotten_in_as_if_it_were_a_folder_of_files(tmp_path: Path) -> None:
    store = Store(small_and_synced(tmp_path / "store")[1])
    other = tmp_path / "more" / "other"
    (other / ".smsdata").mkdir(parents=True)
    for place in (store.path, other, other.parent, other / ".smsdata"):
        with pytest.raises(UsageError, match="is a store"):
            forget(store, SOMEBODY, apply=True, also=[place])


def test_a_store_within_the_store_is_not_taken_for_files_of_it(tmp_path: Path) -> None:
    store = Store(small_and_synced(tmp_path / "store")[1])
    within = tmp_path / "store" / "clients" / "b"
    (within / ".smsdata").mkdir(parents=True)
    for apply in (False, True):
        with pytest.raises(UsageError, match=r"clients/b is a store within .* move it beside"):
            forget(store, SOMEBODY, apply=apply)
