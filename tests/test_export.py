"""Exports: what is read back equals what was there, in every format; nothing half, nothing run."""

from __future__ import annotations

import gc
import io
import json
import os
import sqlite3
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest
from typer.testing import CliRunner

import smsdata
from smsdata.cli.app import app
from smsdata.errors import StoreError, UsageError
from smsdata.schema.csv_text import unguarded
from smsdata.sharing import workbook
from smsdata.sharing.exporting import Exported
from smsdata.sharing.formats import FORMATS
from smsdata.sharing.named_results import RESULTS, groups_by_nothing, make_result
from smsdata.sharing.row_filter import row_condition
from smsdata.sharing.workbook import cut_to_fit
from tests.support.schemas import misfits

from .support.frames import utc
from .test_csv_text import ORNAMENTS

openpyxl = import_module("openpyxl")  # it has no types
unescape = import_module("openpyxl.utils.escape").unescape

TEXTS = [
    "=1+1", "+61", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠1", "a,=1", "a;+1",
    "a|@1",
    "a\t-1", "a\nb\n=1", "a\r\n=1", "a\u2028=1", "  =1", '"=1', '""=1', "\u200b=1", "\ufeff=1", "NULL", "",
    " x ", "ünï 🎉", "it's 'quoted'", "a\\b", "_x0041_", "TRUE", "1e5", "0491", "http://a.example", "x" * 300,
]  # fmt: skip
INERT = str.maketrans("", "", '" \u00a0\u3000\u200b\ufeff\t\r\n')
SIGNS = "=+-@＝＋－＠"


def hidden() -> list[str]:
    """A formula behind every sign of Unicode that is no letter, digit or mark of ordinary text."""
    return [way.format(char) for char in ORNAMENTS for way in ("{0}=1", "a;{0} -1") if utf8(char)]


def utf8(char: str) -> bool:
    return not "\ud800" <= char <= "\udfff"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> smsdata.Store:
    return smsdata.demo_store(tmp_path_factory.mktemp("share") / "store")


def some() -> pd.DataFrame:
    """One row per text, and every type that tables and results have, with missing values."""
    n = len(TEXTS)
    return pd.DataFrame(
        {
            "text": TEXTS,
            "msisdn": [f"61491570{number:03}" for number in range(n)],
            "n": range(-3, n - 3),
            "maybe": pd.array([None, *range(1, n)], "Int64"),
            "share": [np.nan, 1 / 3, 0.1, *np.linspace(0, 1e6, n - 3)],
            "yes": pd.array([None, True, False] + [True] * (n - 3), "boolean"),
            "sent_at": utc(["2026-11-22T09:30:00.123456", None, *["2026-11-22T09:30:00"] * (n - 2)]),
            "week": pd.to_datetime(["2026-11-16"] * n).astype("datetime64[us]"),
        }
    )


def exported(frame: pd.DataFrame, folder: Path, kind: str, **options: Any) -> Exported:
    return smsdata.export(frame, folder / f"some.{kind}", name="kept", **options)


def same(found: pd.DataFrame, frame: pd.DataFrame) -> None:
    found = found.astype({name: frame[name].dtype for name in frame})
    pd.testing.assert_frame_equal(found, frame, check_exact=True)


def test_export_parquet_and_feather_read_back_equal(tmp_path: Path) -> None:
    frame = some()
    for kind, read in (("parquet", pd.read_parquet), ("feather", pyarrow.feather.read_feather)):
        done = exported(frame, tmp_path, kind)
        assert (done.rows, done.columns, done.notes) == (len(frame), tuple(frame), ())
        same(read(done.path), frame)


def test_export_parquet_keeps_whole_numbers_whole_where_some_are_missing(tmp_path: Path) -> None:
    frame = some()
    frame["large"] = pd.array([2**62 + 1, *[None] * (len(frame) - 1)], "Int64")
    frame["wide"] = pd.array([2**63 + 5, *[None] * (len(frame) - 1)], "UInt64")
    frame["plain"] = range(len(frame))
    found = pd.read_parquet(exported(frame, tmp_path, "parquet").path)
    assert found.dtypes[["large", "wide", "plain"]].astype(str).tolist() == ["Int64", "UInt64", "int64"]
    same(found, frame)


def test_export_duckdb_and_sqlite_read_back_equal(tmp_path: Path) -> None:
    frame = some()
    with duckdb.connect(str(exported(frame, tmp_path, "duckdb").path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        same(connection.sql("SELECT * FROM kept").to_arrow_table().to_pandas(), frame)
    connection2 = sqlite3.connect(exported(frame, tmp_path, "sqlite").path)
    found = pd.read_sql("SELECT * FROM kept", connection2)
    connection2.close()
    assert found["sent_at"].iloc[[0, 2]].tolist() == ["2026-11-22T09:30:00.123456Z", "2026-11-22T09:30:00Z"]
    assert found["week"].iloc[0] == "2026-11-16T00:00:00"
    found["sent_at"] = pd.to_datetime(found["sent_at"], format="ISO8601", utc=True)
    found["yes"] = found["yes"].astype("Int64").astype("boolean")
    same(found, frame)


def test_export_csv_reads_back_equal_and_runs_nothing(tmp_path: Path) -> None:
    frame = some()
    path = exported(frame, tmp_path, "csv").path
    assert path.read_bytes().startswith(b'\xef\xbb\xbf"text"')
    texts = pd.read_csv(
        path, dtype={"text": "str", "msisdn": "str"}, keep_default_na=False, encoding="utf-8-sig"
    )
    assert texts["msisdn"].tolist() == frame["msisdn"].tolist()
    assert len(texts) == len(frame)
    for found, text in zip(texts["text"], TEXTS, strict=True):
        assert found.replace("'", "") == text.replace("'", "")
        for piece in found.replace(",", "\n").replace(";", "\n").replace("|", "\n").splitlines() or [""]:
            assert not piece.translate(INERT).startswith(tuple(SIGNS)), repr(found)
    numbers = pd.read_csv(path, dtype={"maybe": "Int64", "yes": "boolean"}, parse_dates=["week"])
    for column in ("n", "maybe", "share", "yes"):
        pd.testing.assert_series_equal(numbers[column], frame[column], check_exact=True)
    stamps = pd.to_datetime(numbers["sent_at"], format="ISO8601", utc=True)
    assert stamps.isna().tolist() == frame["sent_at"].isna().tolist()
    assert (stamps.dropna() == frame["sent_at"].dropna()).all()
    assert duckdb.execute(f"SELECT count(*), sum(n) FROM read_csv('{path}')").fetchall() == [
        (len(frame), frame["n"].sum())
    ]


def test_export_csv_with_any_ornament_reads_back_equal_without_the_guards(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": [text for text in hidden() if not set("\r\0") & set(text)]})
    path = smsdata.export(frame, tmp_path / "hidden.csv").path
    by_pandas = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")["text"]
    read = f"SELECT * FROM read_csv('{path}', header = true, all_varchar = true, quote = '\"', escape = '\"')"
    by_duckdb = duckdb.execute(read).df()["text"]
    for found in (by_pandas, by_duckdb):
        assert [text for text in found if "'" not in text] == []
        assert found.map(unguarded).tolist() == frame["text"].tolist()


def test_export_xlsx_holds_any_ornament_as_text(tmp_path: Path) -> None:
    texts = hidden()
    smsdata.export(pd.DataFrame({"text": texts}), tmp_path / "hidden.xlsx")
    cells = openpyxl.load_workbook(tmp_path / "hidden.xlsx").active["A"][1:]
    assert len(cells) == len(texts)
    assert {(cell.data_type, bool(cell.quotePrefix)) for cell in cells} == {("s", True)}


def test_export_xlsx_reads_back_equal_and_runs_nothing(tmp_path: Path) -> None:
    frame = some()
    done = exported(frame, tmp_path, "xlsx")
    book = openpyxl.load_workbook(done.path)
    sheet = book["kept"]
    head, *rows = sheet.iter_rows()
    assert [cell.value for cell in head][-2:] == ["sent_at (UTC)", "week"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", f"A1:H{len(frame) + 1}")
    assert sheet.column_dimensions["B"].width >= len("61491570000")
    assert len(rows) == len(frame)
    for row, (_, values) in zip(rows, frame.iterrows(), strict=True):
        cells = dict(zip(frame, row, strict=True))
        assert unescape(cells["text"].value or "") == values["text"]  # a line break of old stands as _x000D_
        assert cells["text"].data_type in {"s", "inlineStr", "n"}
        assert (cells["msisdn"].value, cells["msisdn"].data_type) == (values["msisdn"], "s")
        assert cells["n"].value == values["n"]
        share = None if pd.isna(values["share"]) else pytest.approx(values["share"], rel=1e-15)
        assert cells["share"].value == share  # a number of Excel has 15 digits
        for name in ("maybe", "yes"):
            assert cells[name].value == (None if pd.isna(values[name]) else values[name]), name
        if pd.notna(values["sent_at"]):
            apart = pd.Timestamp(cells["sent_at"].value, tz="UTC") - values["sent_at"]
            assert abs(apart) < pd.Timedelta(2, "ms")
    assert rows[0][0].quotePrefix
    assert not rows[-1][0].quotePrefix


def test_export_xlsx_keeps_long_numbers_and_cuts_long_texts_with_a_note(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [2**60, 5], "text": ["🎉" * 20_000, "x" * 32_767], "share": [np.inf, 0.5]})
    done = exported(frame, tmp_path, "xlsx")
    assert len(done.notes) == 1
    assert "1 texts were cut" in done.notes[0]
    cells = openpyxl.load_workbook(done.path).active
    assert cells is not None
    assert [cell.value for cell in cells[2]] == [str(2**60), "🎉" * 16_383, "inf"]
    assert [cell.value for cell in cells[3]] == [5, "x" * 32_767, 0.5]
    assert cut_to_fit("x" * 40_000) == "x" * 32_767


def test_export_xlsx_refuses_more_rows_than_a_sheet_holds_and_leaves_nothing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": np.zeros(workbook.MOST_ROWS + 1, "int64")})
    with pytest.raises(UsageError, match=r"1,048,575 that a sheet of Excel holds.*csv or parquet"):
        exported(frame, tmp_path, "xlsx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", FORMATS)
def test_export_of_no_rows_has_its_columns(kind: str, tmp_path: Path, store: smsdata.Store) -> None:
    done = smsdata.export(store.scan("messages"), tmp_path / f"none.{kind}", where="id = 0")
    assert done.rows == 0
    assert done.columns == tuple(store.scan("messages").columns)
    assert done.path.stat().st_size > 0


@pytest.mark.parametrize("kind", FORMATS)
def test_export_is_private_and_refuses_to_overwrite(kind: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1]})
    old = os.umask(0)
    try:
        done = exported(frame, tmp_path, kind)
    finally:
        os.umask(old)
    assert done.path.stat().st_mode & 0o777 == 0o600
    before = done.path.read_bytes()
    with pytest.raises(UsageError, match="is there already"):
        exported(frame, tmp_path, kind)
    assert done.path.read_bytes() == before
    assert exported(pd.DataFrame({"n": [1, 2]}), tmp_path, kind, force=True).rows == 2
    assert [path.name for path in tmp_path.iterdir()] == [f"some.{kind}"]


def test_export_xlsx_takes_characters_that_no_xml_has(tmp_path: Path) -> None:
    texts = ["\0=1", "\x0b=1", "\x1b[31m", "\ufffe", "\uffff", "a]]>b", "<script>", "&amp;", "\x85=1"]
    done = exported(pd.DataFrame({"text": texts}), tmp_path, "xlsx")
    cells = openpyxl.load_workbook(done.path).active["A"][1:]
    found = [unescape(cell.value) for cell in cells]
    assert found[5:8] == texts[5:8]
    assert (len(found), {cell.data_type for cell in cells}) == (len(texts), {"s"})
    csv = exported(pd.DataFrame({"text": texts}), tmp_path, "csv").path.read_text("utf-8-sig")
    assert "\0" not in csv


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # of a file that XlsxWriter left
def test_export_xlsx_says_in_one_line_what_a_disk_refuses(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").mkdir()
    book = workbook.XlsxWriter(tmp_path / "a.xlsx", pa.schema([("n", pa.int64())]), "rows")
    with pytest.raises(OSError, match="the workbook cannot be finished"):
        book.close()
    del book
    gc.collect()


def test_export_stays_out_of_stores(store: smsdata.Store) -> None:
    for place in (store.path / "all.parquet", store.path / "messages" / "all.parquet"):
        with pytest.raises(UsageError, match="lies in the store"):
            smsdata.export(store.scan("messages"), place)
        assert not place.exists()


def test_export_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = exported(pd.DataFrame({"n": [1]}), tmp_path, "csv").path
    before = path.read_bytes()
    with pytest.raises(UsageError, match="no column 'm'"):
        exported(pd.DataFrame({"n": [1]}), tmp_path, "csv", force=True, columns=["m"])
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_export_xlsx_holds_heads_that_begin_as_a_formula(tmp_path: Path) -> None:
    smsdata.export(pd.DataFrame([["a", "b"]], columns=["=1+1", "plain"]), tmp_path / "a.xlsx")
    sheet = import_module("openpyxl").load_workbook(tmp_path / "a.xlsx").active
    assert [(sheet[at].data_type, bool(sheet[at].quotePrefix)) for at in ("A1", "B1")] == [
        ("s", True),
        ("s", False),
    ]


def test_export_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1]})
    for path, frame_, words in (
        ("a.txt", frame, "no format"),
        ("no/a.csv", frame, "no folder"),
        ("a.csv", pd.DataFrame({"x": [1, "a"]}), "mixes types"),
        ("a.csv", pd.DataFrame({"x": [[1], [2]]}), "is list"),
        ("a.csv", pd.DataFrame([[1, 2]], columns=["a", "a"]), "twice"),
        ("a.csv", pd.DataFrame([[1, 2]], columns=["Suburb", "suburb"]), "twice"),
        ("a.csv", pd.DataFrame({"x": pd.Series(["ok", "\ud800"], dtype="object")}), "half of a character"),
        ("a.csv", pd.DataFrame(), "no columns"),
        ("a.csv", [1], "not list"),
    ):
        with pytest.raises(UsageError, match=words):
            smsdata.export(frame_, tmp_path / path)
    with pytest.raises(UsageError, match="is a folder"):
        smsdata.export(frame, tmp_path, format="csv")
    (tmp_path / "closed").mkdir(mode=0o500)
    if os.geteuid():
        with pytest.raises(StoreError, match="cannot be written"):
            smsdata.export(frame, tmp_path / "closed" / "a.csv")


def test_export_of_numbers_that_are_wide_or_narrow(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": pd.array([2**63, 2**64 - 1, None], "UInt64")})
    for kind in FORMATS:
        if kind == "sqlite":
            with pytest.raises(UsageError, match="the largest that SQLite holds"):
                exported(frame, tmp_path, kind)
            continue
        assert exported(frame, tmp_path, kind).rows == 3
        half = pd.DataFrame({"n": np.array([1.5], "float16")})
        assert smsdata.export(half, tmp_path / f"half.{kind}").rows == 1
    assert pd.read_csv(tmp_path / "some.csv", dtype="UInt64")["n"].equals(frame["n"])
    assert pd.read_parquet(tmp_path / "some.parquet", dtype_backend="numpy_nullable").equals(frame)
    for without in (True, False):
        with pytest.raises(UsageError, match="beyond 64 bits"):
            smsdata.export(pd.DataFrame({"n": [2**70, 1]}), tmp_path / "a.csv", pseudonymise=without)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("status = 'a'", [0]),
        ("status != 'a'", [1]),
        ("status is null", [2]),
        ("not status = 'a' or status IS NULL", [1, 2]),
        ("n in (1, 3) and not n = 3", [0]),
        ("n not in (1)", [1, 2]),
        ("at >= '2026-11-02' and at < '2026-11-03T00:00:00+00:00'", [1]),
        ("n = 1 or n = 2 and status = 'a'", [0]),
        ("(n = 1 or n = 2) and status = 'it''s'", [1]),
        ("yes = true", [0]),
        ('"a b" > 1.5e0', [1, 2]),
        ("n <> -1", [0, 1, 2]),
    ],
)
def test_filter_picks_rows(text: str, rows: list[int], tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "row": [0, 1, 2],
            "status": ["a", "it's", None],
            "n": [1, 2, 3],
            "at": utc(["2026-11-01", "2026-11-02", "2026-11-03"]),
            "yes": [True, False, False],
            "a b": [1.0, 2.0, 3.0],
        }
    )
    done = smsdata.export(frame, tmp_path / "a.parquet", where=text)
    assert pd.read_parquet(done.path)["row"].tolist() == rows


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at its end: expected a column"),
        ("status = 'a", "at character 10 stands a text that does not end"),
        ("status = 'a'; drop table x", "at character 13 stands nothing"),
        ("colour = 'a'", "at character 1: there is no column 'colour'"),
        ("status = 5", "at character 10: status takes a text in single quotes"),
        ("id = '61491570156'", "at character 6: id takes a number"),
        ("id = 99999999999999999999", "at character 6: the number is too large"),
        ("id in (1, 99999999999999999999999999)", "at character 11: the number is too large"),
        ("id > 1e999", "at character 6: the number is too large"),
        ("status = status", "at character 10: status takes"),
        ("status = null", "at character 10: nothing equals null"),
        ("status not 'a'", "at character 12: expected"),
        ("status = 'a' status", "at character 14: expected and, or"),
        ("(status = 'a'", "at its end: expected )"),
        ("sent_at > 'x'", "at character 11: sent_at takes a time"),
        ("status in ()", "at character 12: status takes"),
        ("not " * 60 + "id = 1", "more than 50"),
        ("(" * 5000 + "id = 1", "more than 50"),
        ("id = 1 -- x", "at character 8 stands nothing"),
        ("1 = 1", "at character 1: expected a column"),
    ],
)
def test_filter_errors_name_the_place_and_no_value(text: str, words: str) -> None:
    columns = {"status": "VARCHAR", "id": "BIGINT", "sent_at": "TIMESTAMP WITH TIME ZONE"}
    with pytest.raises(UsageError) as caught:
        row_condition(text, columns)
    assert words in str(caught.value)
    assert "61491570156" not in str(caught.value)


def test_filter_is_bound_never_pasted() -> None:
    condition, values = row_condition("status = ''' OR 1=1 --'", {"status": "VARCHAR"})
    assert (condition, values) == ('"status" = ?', ["' OR 1=1 --"])
    assert row_condition('"a""b" is null', {'a"b': "VARCHAR"})[0] == '"a""b" IS NULL'


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["export", *words])


def test_export_command_writes_a_table_and_says_how_complete(store: smsdata.Store, tmp_path: Path) -> None:
    out = tmp_path / "m.csv"
    done = run(
        "messages",
        "--store",
        str(store.path),
        "--out",
        str(out),
        "--where",
        "status = 'hard-bounce'",
        "--json",
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert misfits("smsdata export", told) == []
    messages = store.read("messages")
    assert told["rows"] == (messages["status"] == "hard-bounce").sum() > 0
    assert "messages: complete from 2026-08-24" in told["complete"][0]
    assert len(pd.read_csv(out)) == told["rows"]
    again = run("messages", "--store", str(store.path), "--out", str(out))
    assert again.exit_code == 2
    assert "is there already" in again.output


def test_export_command_needs_a_look_beyond_what_is_complete(store: smsdata.Store, tmp_path: Path) -> None:
    words = (
        "messages",
        "--store",
        str(store.path),
        "--out",
        str(tmp_path / "m.csv"),
        "--since",
        "2026-01-01",
        "--json",
    )
    done = run(*words)
    assert done.exit_code == 3
    assert "complete only from 2026-08-24" in json.loads(done.stdout)["look"][0]
    assert len(pd.read_csv(tmp_path / "m.csv")) == len(store.read("messages"))


def test_export_command_of_a_store_never_synced_needs_a_look(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    done = run("messages", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "m.csv"), "--json")
    assert done.exit_code == 3
    assert json.loads(done.stdout)["complete"] == ["messages: nothing is known of it; no sync has read it"]


def test_export_command_writes_a_result_by_name(store: smsdata.Store, tmp_path: Path) -> None:
    out = tmp_path / "rates.parquet"
    words = (
        "--store",
        str(store.path),
        "--by",
        "sender,week",
        "--columns",
        "sender,week,delivered,settled,rate",
    )
    done = run("delivery_rate", *words, "--out", str(out), "--tz", "Australia/Sydney")
    assert done.exit_code == 0, done.output
    asked = smsdata.analysis.delivery_rate(
        store.scan("messages"), by=["sender", "week"], tz="Australia/Sydney"
    )
    found = pd.read_parquet(out)
    assert list(found) == ["sender", "week", "delivered", "settled", "rate"]
    same(found, asked[list(found)])
    for wrong_words, said in (
        (("colour",), "no table and no result 'colour'"),
        ((), "say what to export, such as `smsdata export messages`. Tables: campaigns"),
        (("delivery_rate", "--option", "colour=1"), "no option 'colour'"),
        (("delivery_rate", "--option", "mature_only=perhaps"), "mature_only cannot be"),
        (("reply_rate", "--since", "30d"), "takes no --since"),
        (("messages", "--by", "sender"), "is a table and has no helper"),
        (("compare_rates",), "needs the option by"),
    ):
        wrong = run(*wrong_words, "--store", str(store.path), "--out", str(tmp_path / "x.csv"))
        assert (wrong.exit_code, said in wrong.output) == (2, True), wrong.output


@pytest.mark.parametrize(
    "option",
    ["--columns", "--where", "--by", "--tz", "--out", "--format", "--since", "--until", "--country"],
)
@pytest.mark.parametrize("value", ["", " ", " , "])
def test_an_option_that_is_empty_is_refused(
    option: str, value: str, store: smsdata.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell's variable that is not set must not hand out every column."""
    monkeypatch.chdir(tmp_path)
    done = run("delivery_rate", "--store", str(store.path), option, value)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{option} is empty" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_zone_that_does_nothing_is_refused(store: smsdata.Store, tmp_path: Path) -> None:
    words = ("--store", str(store.path), "--out", str(tmp_path / "x.csv"), "--tz")
    for by in ("campaign", "campaign, sender", "message_id"):
        done = run("delivery_rate", "--by", by, *words, "Australia/Sydney")
        assert (done.exit_code, "--tz does nothing here" in done.stderr) == (2, True), done.output
    assert run("delivery_rate", "--by", "campaign,week", *words, "Australia/Sydney", "--force").exit_code in (
        0,
        3,
    )
    (tmp_path / "x.csv").unlink()
    for name in RESULTS:
        if groups_by_nothing(name):
            done = run(name, *words, "Australia/Sydney")
            assert (done.exit_code, "--tz does nothing here" in done.stderr) == (2, True), done.output
            sydney = make_result(name, store, options={"tz": "Australia/Sydney"})[0]
            pd.testing.assert_frame_equal(sydney, make_result(name, store)[0])
    for zone in ("Mars", "../x"):
        for by in ("sender", "week", "campaign"):
            done = run("delivery_rate", *words, zone, "--by", by)
            assert (done.exit_code, "is no time zone" in done.stderr) == (2, True), done.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", RESULTS)
def test_export_knows_every_helper(name: str, store: smsdata.Store, tmp_path: Path) -> None:
    options = {"compare_rates": {"by": "sender", "mature_only": "true"}}.get(name, {})
    frame, tables = make_result(name, store, options=options)
    assert tables
    done = smsdata.export(frame, tmp_path / "a.parquet")
    assert (done.rows, list(done.columns)) == (len(frame), list(frame))
    buffer = io.BytesIO()
    pa.parquet.write_table(pa.parquet.read_table(done.path), buffer)
    assert smsdata.export(frame, tmp_path / "a.xlsx").rows == len(frame)


def test_results_are_of_the_period_they_are_asked_for(store: smsdata.Store) -> None:
    frame, tables = make_result("delivery_rate", store, since="2026-10-01", until="2026-11-01")
    asked = smsdata.analysis.delivery_rate(store.scan("messages", since="2026-10-01", until="2026-11-01"))
    pd.testing.assert_frame_equal(frame, asked)
    assert tables == {"messages"}
    assert frame["n"].sum() < len(store.read("messages"))


def test_export_of_many_stores_has_the_account(store: smsdata.Store, tmp_path: Path) -> None:
    many = smsdata.Stores({"perth": store})
    done = smsdata.export(many.scan("lists"), tmp_path / "lists.csv")
    assert done.columns[0] == "account"
    assert done.rows == len(store.read("lists"))


def test_export_of_a_period_that_ends_before_it_begins_is_refused(
    store: smsdata.Store, tmp_path: Path
) -> None:
    where = str(store.path)
    for what in ("messages", "delivery_rate"):
        out = tmp_path / f"{what}.csv"
        done = run(
            what, "--store", where, "--out", str(out), "--since", "2026-11-10", "--until", "2026-11-01"
        )
        assert done.exit_code == 2
        assert "not after it begins" in done.stderr
        assert not out.exists()


@pytest.mark.parametrize("name", RESULTS)
def test_export_of_an_account_without_anything(name: str, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    options = {"compare_rates": {"by": "sender", "mature_only": "true"}}.get(name, {})
    frame, _ = make_result(name, smsdata.Store(tmp_path / "store"), options=options)
    for kind in FORMATS:
        for without in (False, True):
            done = smsdata.export(
                frame, tmp_path / f"{without}.{kind}", pseudonymise=without, key=tmp_path / "my.key"
            )
            assert done.rows == len(frame)
            assert done.columns
