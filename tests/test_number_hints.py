"""A filter that spells a number as no table has it is told so, for it finds no row."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import smsdata
from smsdata.cli.app import app


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> smsdata.Store:
    return smsdata.demo_store(tmp_path_factory.mktemp("share") / "store")


@pytest.mark.parametrize(
    ("text", "hinted"),
    [
        ("msisdn = '+61 491 570 161'", True),
        ("msisdn = '0491570161'", True),
        ("status = 'a' and not (\"msisdn\" in ('61491570161', '0491570162'))", True),
        ("msisdn != '+61491570161'", True),
        ("msisdn = '61491570161'", False),
        ("msisdn >= '614' and msisdn < '615' and status = '0491570161'", False),
        ("msisdn is null or status in ('+61 491 570 161')", False),
    ],
)
def test_a_number_in_another_form_than_the_tables_is_hinted(
    text: str, hinted: bool, store: smsdata.Store, tmp_path: Path
) -> None:
    done = smsdata.export(store.scan("messages"), tmp_path / "a.csv", where=text)
    words = "write its digits with the country code"
    assert [words in note for note in done.notes] == [True] * hinted
    assert not any("570 161" in note or "570161" in note for note in done.notes)
    told = CliRunner().invoke(
        app,
        ["export", "messages", "--store", str(store.path), "--where", text, "--out", str(tmp_path / "b.csv")],
    )
    assert (told.exit_code, words in " ".join(told.output.split())) == (0, hinted), told.output


def test_a_frame_of_ones_own_spellings_is_not_hinted_at(tmp_path: Path) -> None:
    frame = pd.DataFrame({"msisdn": ["0491570161", "0491570162"]})
    done = smsdata.export(frame, tmp_path / "a.csv", where="msisdn = '0491570161'")
    assert (done.rows, done.notes) == (1, ())
