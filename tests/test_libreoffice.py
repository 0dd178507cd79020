"""What is exported, opened in LibreOffice itself: the same values, and no text that became a formula."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

import smsdata

from .support.libreoffice import AS_TEXT, HOSTILE, needs_libreoffice, opened_by_libreoffice
from .test_export import TEXTS, some

pytestmark = needs_libreoffice
OFFICE, TABLE, TEXT = (
    f"{{urn:oasis:names:tc:opendocument:xmlns:{name}:1.0}}" for name in ("office", "table", "text")
)
Cell = tuple[Any, str, str]  # value, type and formula


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> list[list[Cell]]:
    file = tmp_path_factory.mktemp("xlsx") / "kept.xlsx"
    return sheet(*opened_by_libreoffice(file.parent, smsdata.export(some(), file, name="kept").path))


def sheet(path: Path) -> list[list[Cell]]:
    """The rows of the first sheet down to the last one that holds something."""
    rows: list[list[Cell]] = []
    for row in ElementTree.parse(path).getroot().iter(f"{TABLE}table-row"):
        cells: list[Cell] = []
        for cell in row.iter(f"{TABLE}table-cell"):
            cells += [cell_of(cell)] * int(cell.get(f"{TABLE}number-columns-repeated", "1"))
        if any(value is not None for value, _, _ in cells):
            rows.append(cells[:8])
    return rows


def cell_of(cell: ElementTree.Element) -> Cell:
    kind, formula = cell.get(f"{OFFICE}value-type", ""), cell.get(f"{TABLE}formula", "")
    if kind == "string":
        return "\n".join(map(words_of, cell.iter(f"{TEXT}p"))), kind, formula
    if kind == "float":
        return float(cell.get(f"{OFFICE}value", "")), kind, formula
    if kind:
        return cell.get(f"{OFFICE}{kind}-value"), kind, formula
    return None, kind, formula


def words_of(element: ElementTree.Element) -> str:
    """The text of a paragraph; spaces and tabs have elements of their own."""
    words = element.text or ""
    for part in element:
        if part.tag == f"{TEXT}s":
            words += " " * int(part.get(f"{TEXT}c", "1"))
        else:
            words += {f"{TEXT}tab": "\t", f"{TEXT}line-break": "\n"}.get(part.tag, words_of(part))
        words += part.tail or ""
    return words


def one_break(text: str) -> str:
    """The text with each kind of line break as the one that LibreOffice knows."""
    return re.sub(r"\r\n?|\u2028", "\n", text)


def test_libreoffice_reads_a_workbook_as_it_was(workbook: list[list[Cell]]) -> None:
    frame = some()
    head, *rows = workbook
    assert [value for value, _, _ in head] == [*list(frame)[:-2], "sent_at (UTC)", "week"]
    assert len(rows) == len(frame)
    for cells, (_, row) in zip(rows, frame.iterrows(), strict=True):
        found = dict(zip(frame, cells, strict=True))
        assert one_break(found["text"][0] or "") == one_break(row["text"])
        assert found["msisdn"] == (row["msisdn"], "string", "")
        for name in ("n", "maybe", "share", "yes"):
            value = found[name][0]
            if pd.isna(row[name]):
                assert value is None, name
            else:
                assert math.isclose(value, row[name], rel_tol=1e-14), name
        assert found["week"][:2] == (f"{row['week']:%Y-%m-%d}", "date")
        if pd.notna(row["sent_at"]):
            apart = pd.Timestamp(found["sent_at"][0], tz="UTC") - row["sent_at"]
            assert abs(apart) < pd.Timedelta("10ms")


def test_libreoffice_runs_no_text_of_a_workbook(workbook: list[list[Cell]]) -> None:
    formulas = {formula for row in workbook for _, _, formula in row} - {""}
    assert formulas == {"of:=TRUE()", "of:=FALSE()"}  # how it stores truth values
    assert workbook[1][0] == ("=1+1", "string", "")


def test_libreoffice_reads_a_csv_as_it_was(tmp_path: Path) -> None:
    file = smsdata.export(some(), tmp_path / "kept.csv").path
    head, *rows = sheet(*opened_by_libreoffice(tmp_path, file, read_as=AS_TEXT))
    assert [value for value, _, _ in head] == list(some())
    assert len(rows) == len(TEXTS)
    for cells, text, (_, row) in zip(rows, TEXTS, some().iterrows(), strict=True):
        found = one_break(cells[0][0] or "")
        assert found.replace("'", "") == one_break(text).replace("'", "")  # a guard is an apostrophe
        assert cells[1][0] == row["msisdn"]
        assert float(cells[2][0]) == row["n"]


def test_libreoffice_runs_no_text_of_a_csv_in_the_most_hostile_setting(tmp_path: Path) -> None:
    """The same setting does run a file that nobody guarded: the test can fail."""
    file = smsdata.export(some()[["text"]], tmp_path / "kept.csv").path
    (tmp_path / "bare.csv").write_text('"text"\n"=1+1"\n')
    kept, bare = map(sheet, opened_by_libreoffice(tmp_path, file, tmp_path / "bare.csv", read_as=HOSTILE))
    assert bare[1][0][2] == "of:=1+1"
    assert len(kept) == 1 + sum(map(bool, TEXTS))
    assert {formula for row in kept for _, _, formula in row} == {""}
