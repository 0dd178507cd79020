"""The evidence pack in the programs that people open it with: nothing runs, and every cell reads back."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from smsdata import Store, sync
from smsdata.audit import Audit, audit, pack
from smsdata.schema.csv_text import guarded
from smsdata.simulator import Account, Gateway
from tests.support.clients import connected
from tests.support.libreoffice import HOSTILE, needs_libreoffice, opened_by_libreoffice

FILES = ("breaches", "possible", "active", "optouts", "replies")
SIGNS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20\u2212")
SAID = [
    '=HYPERLINK("x")', "+61 491 570 156", "-1+1", "@SUM(A1)",
    "\t=1", "\r=1", "\n=1", " =1", "a;=1", "a,\t-1", 'a;"=1"',
    "a\r\n+1", "a\n\n@b", "\uff1d1", "a\u2028@b", "a\x00=1",
    "0491570156", "1E5", "007", "TRUE", "NA", "2026-11-22",
    "Z\u00fcrich \U0001f389", "\u4e2d\u6587",
    "fine", "a=b", "a, b; c-d", 'say "stop"', "'=1", "line\rline", "a|=1",
    "null",
    "a\uff0c=1", "a\u3001\uff1d1", "a\uff1b -1", "a\uff5c@b", "a\u060c\u200f+1", "\u200e=1", "\u00ad=1",
    "\u2060-1", "\u207c1", "\uff02=1", "a,\u2400=1",
]  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Audit, dict[str, Path]]:
    folder = tmp_path_factory.mktemp("pack")
    store = Store(folder / "store")
    account = Account(seed=4, goo=False, campaigns=25, recipients=40)
    with connected(Gateway(account, limiter=None)) as client:
        sync(client, store, since="100d")
    found = audit(store)
    replies = found.replies.head(1).loc[[0] * len(SAID)].assign(response=SAID)
    odd = Audit(**vars(found) | {"replies": replies.reset_index(drop=True)})
    return odd, {path.name: path for path in pack(odd, folder / "pack")}


def cells_of(file: Path, separator: str) -> list[list[str]]:
    text = file.read_bytes().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


@pytest.mark.parametrize("name", FILES)
def test_pack_reads_back_in_pandas_and_duckdb(written: tuple[Audit, dict[str, Path]], name: str) -> None:
    found, files = written
    file, frame = files[f"{name}.csv"], getattr(found, name)
    plain = pd.read_csv(file, dtype="str", keep_default_na=False)
    engine = (
        duckdb.connect()
        .execute(f"FROM read_csv('{file}', all_varchar = true, header = true)")
        .df()
        .fillna("")
    )
    assert len(plain) == len(engine) == len(frame)
    assert list(plain.columns) == list(engine.columns)
    for column in plain.columns:
        assert plain[column].tolist() == engine[column].tolist()
        values = frame[column]
        if values.dtype.kind in "Mm":
            read = pd.to_datetime(plain[column].replace("", None), utc=True).astype(values.dtype)
            assert (read - values).abs().max() < pd.Timedelta("1s") or values.isna().all()
        elif values.dtype.kind == "f":
            assert (pd.to_numeric(plain[column]) - values).abs().max() < 0.006
        elif values.dtype.kind in "Oi" or values.dtype == "str":
            told = ["" if pd.isna(value) else guarded(str(value)) for value in values]
            assert plain[column].tolist() == told


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", FILES)
def test_pack_is_no_formula_in_a_workbook(
    written: tuple[Audit, dict[str, Path]], tmp_path: Path, name: str, separator: str
) -> None:
    """Every cell as a program with that separator sees it, put into a workbook as it stands."""
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    rows = cells_of(written[1][f"{name}.csv"], separator)
    assert not [cell for row in rows for cell in row if cell.strip(' "\n').startswith(SIGNS)]
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append([openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", cell) for cell in row])
    assert not [cell for row in book.active.iter_rows() for cell in row if cell.data_type == "f"]
    if separator == ",":
        book.save(tmp_path / "book.xlsx")
        sheet = openpyxl.load_workbook(tmp_path / "book.xlsx").active
        back = [["" if cell is None else cell for cell in row] for row in sheet.iter_rows(values_only=True)]
        assert [[cell.replace("\r\n", "\n").replace("\r", "\n") for cell in row] for row in rows] == [
            [cell.replace("_x000D_", "\n").replace("\r\n", "\n").replace("\r", "\n") for cell in row]
            for row in back
        ]


def test_pack_names_its_encoding_to_spreadsheets(written: tuple[Audit, dict[str, Path]]) -> None:
    assert all(written[1][f"{name}.csv"].read_bytes().startswith(b"\xef\xbb\xbf") for name in FILES)


@needs_libreoffice
def test_pack_holds_no_formula_in_libreoffice(written: tuple[Audit, dict[str, Path]], tmp_path: Path) -> None:
    (file,) = opened_by_libreoffice(tmp_path, written[1]["replies.csv"], read_as=HOSTILE)
    page = file.read_text()
    assert "Z\u00fcrich" in page
    assert "table:formula" not in page
