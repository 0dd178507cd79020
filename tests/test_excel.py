"""Excel takes every result: by `export`, and by ``to_excel`` in the way that ``docs/share.md`` shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import smsdata
from tests.support.results import RESULTS

openpyxl = import_module("openpyxl")  # it has no types
PAGE = (Path(__file__).parents[1] / "docs" / "share.md").read_text()
TEXTS = {"strings_to_formulas": False, "strings_to_urls": False}


def shown_way() -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The function that the page shows."""
    (code,) = re.findall(r"^def for_excel.*?(?=^\S)", PAGE, re.DOTALL | re.MULTILINE)
    made: dict[str, Any] = {}
    exec(code, made)
    way: Callable[[pd.DataFrame], pd.DataFrame] = made["for_excel"]
    return way


def cells_of(path: Path) -> tuple[list[str], list[list[Any]]]:
    """Heads and rows of the sheet."""
    head, *rows = openpyxl.load_workbook(path).active.iter_rows(values_only=True)
    return [str(name) for name in head], [list(row) for row in rows]


def as_cell(value: Any) -> Any:
    """What a cell of Excel is to hold for a value."""
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    if not isinstance(value, list | tuple | dict) and pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        plain = value.tz_convert("UTC").tz_localize(None) if value.tz else value
        return plain.round("ms").to_pydatetime()
    return value.item() if hasattr(value, "item") else value


def equal(cell: Any, wanted: Any) -> bool:
    if wanted is None or wanted == "":
        return cell in (None, "")
    if isinstance(wanted, float) and isinstance(cell, int | float):
        return cell == pytest.approx(wanted, rel=1e-14)
    if isinstance(wanted, pd.Timestamp) or hasattr(wanted, "microsecond"):
        return bool(abs(pd.Timestamp(cell) - pd.Timestamp(wanted)) < pd.Timedelta("1s"))
    return bool(cell == wanted)


def hold_the_same(frame: pd.DataFrame, path: Path) -> None:
    heads, rows = cells_of(path)
    assert [head.removesuffix(" (UTC)") for head in heads] == [str(name) for name in frame.columns]
    assert len(rows) == len(frame)
    for at, name in enumerate(frame.columns):
        wanted = [as_cell(value) for value in frame[name].astype(object)]
        odd = [pair for pair in zip([row[at] for row in rows], wanted, strict=True) if not equal(*pair)]
        assert odd == [], name


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_excel_takes_every_result(name: str, tmp_path: Path) -> None:
    frame = RESULTS[name]()
    way = shown_way()
    shown, exported = tmp_path / "shown.xlsx", tmp_path / "exported.xlsx"
    with pd.ExcelWriter(shown, engine="xlsxwriter", engine_kwargs={"options": TEXTS}) as file:
        way(frame).to_excel(file, index=False)
    hold_the_same(frame, shown)
    smsdata.export(frame, exported)
    hold_the_same(frame, exported)


def test_shown_way_runs_no_text_and_opens_no_link(tmp_path: Path) -> None:
    texts = ['=HYPERLINK("http://127.0.0.1/","x")', "@SUM(1)", "http://127.0.0.1/", "+1", "{=1}"]
    frame = pd.DataFrame({"sent_at": pd.to_datetime(["2026-11-22T09:30Z"] * 5), "response": texts})
    path = tmp_path / "texts.xlsx"
    with pd.ExcelWriter(path, engine="xlsxwriter", engine_kwargs={"options": TEXTS}) as file:
        shown_way()(frame).to_excel(file, index=False)
    sheet = openpyxl.load_workbook(path).active
    cells = [row[1] for row in sheet.iter_rows(min_row=2)]
    assert [cell.value for cell in cells] == texts
    assert [(cell.data_type, cell.hyperlink) for cell in cells] == [("s", None)] * 5
    assert next(sheet.iter_rows(values_only=True)) == ("sent_at (UTC)", "response")
