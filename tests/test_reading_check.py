"""A sample of replies to label: what it holds, what its labels tell, and what a spreadsheet may do to it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from smsdata import Store, UsageError, sync
from smsdata.analysis import classify_replies
from smsdata.reading_check import ReadingCheck, check_labelled, sample
from smsdata.simulator import Account, Gateway
from tests.support.clients import connected

Rows = list[dict[str, str]]


def store_of(seed: int, folder: Path) -> Store:
    store = Store(folder / f"store{seed}")
    with connected(Gateway(Account(seed=seed, goo=False, inbound=300), limiter=None)) as client:
        sync(client, store, since="100d")
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store_of(3, tmp_path_factory.mktemp("sample"))


def rows_of(file: Path) -> Rows:
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"), newline="")))


def labelled(store: Store, file: Path, truth: Callable[[dict[str, str]], str], count: int = 120) -> Rows:
    sample(store, count, file)
    return [row | {"is_optout": truth(row)} for row in rows_of(file)]


def write(
    file: Path, rows: Rows, *, separator: str = ",", encoding: str = "utf-8-sig", end: str = "\r\n"
) -> Path:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=separator, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    file.write_bytes(text.getvalue().encode(encoding))
    return file


def as_read(row: dict[str, str]) -> str:
    """A label that agrees with the reading."""
    return "yes" if row["stratum"] in ("tier 1", "tier 2") else "no"


def test_sample_sees_every_way_of_being_read_and_keeps_the_weights(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "replies.csv"
    assert sample(store, 60, file) == 60
    read = classify_replies(store.read("replies"), messages=store.scan("messages"))
    tiers = read["optout_tier"].map(lambda tier: "other" if pd.isna(tier) else f"tier {tier}")
    rows = rows_of(file)
    assert len({row["reply"] for row in rows}) == 60
    sizes = tiers.value_counts().to_dict()
    assert {row["stratum"]: int(row["of"]) for row in rows} == sizes
    drawn = pd.Series([row["stratum"] for row in rows]).value_counts().to_dict()
    assert {row["stratum"]: int(row["drawn"]) for row in rows} == drawn
    assert min(drawn[name] / min(size, 6) for name, size in sizes.items()) >= 1
    assert file.stat().st_mode & 0o077 == 0
    assert not any(number in file.read_text() for number in read["msisdn"].dropna().unique())
    with pytest.raises(UsageError, match="exists"):
        sample(store, 60, file)
    again = tmp_path / "again.csv"
    sample(store, 60, again)
    assert again.read_bytes() == file.read_bytes()
    assert sample(store, 100_000, tmp_path / "all.csv") == len(read)


def test_labels_of_everything_tell_the_very_shares(store: Store, tmp_path: Path) -> None:
    """One plain opt-out in ten is none, and one other reply in twenty is an opt-out."""
    turn: dict[str, int] = {}

    def truth(row: dict[str, str]) -> str:
        turn[row["stratum"]] = turn.get(row["stratum"], 0) + 1
        every = 10 if as_read(row) == "yes" else 20
        return {"yes": "no", "no": "yes"}[as_read(row)] if turn[row["stratum"]] % every == 0 else as_read(row)

    rows = labelled(store, tmp_path / "s.csv", truth, 100_000)
    told = check_labelled(store, write(tmp_path / "l.csv", rows))
    yes = [row["stratum"] for row in rows if row["is_optout"] == "yes"]
    assert told.missed == pytest.approx(yes.count("other") / len(yes))
    sure = [row for row in rows if as_read(row) == "yes"]
    assert told.invented == pytest.approx(sum(row["is_optout"] == "no" for row in sure) / len(sure))
    assert told.missed_low < told.missed < told.missed_high
    assert told.exit_code == 0


def test_intervals_hold_the_truth(store: Store, tmp_path: Path) -> None:
    """Of every reply a fixed word; forty samples of 120: the intervals hold the share of all of them."""
    wrong = lambda row: int(row["reply"][1:]) // 3 % 9 == 0  # noqa: E731
    truth = lambda row: {"yes": "no", "no": "yes"}[as_read(row)] if wrong(row) else as_read(row)  # noqa: E731
    whole = check_labelled(
        store, write(tmp_path / "a.csv", labelled(store, tmp_path / "w.csv", truth, 10**5))
    )
    held = 0
    for seed in range(40):
        file = tmp_path / f"{seed}.csv"
        sample(store, 120, file, seed=seed)
        told = check_labelled(store, write(file, [row | {"is_optout": truth(row)} for row in rows_of(file)]))
        held += told.missed_low <= whole.missed <= told.missed_high
        held += told.invented_low <= whole.invented <= told.invented_high
    assert held >= 72


@pytest.mark.parametrize(
    ("separator", "encoding", "end"),
    [(";", "utf-8-sig", "\r\n"), ("\t", "utf-16", "\r\n"), (",", "utf-8", "\n"), (";", "utf-8", "\r\n")],
)
def test_labels_survive_a_spreadsheet(
    store: Store, tmp_path: Path, separator: str, encoding: str, end: str
) -> None:
    rows = labelled(store, tmp_path / "s.csv", as_read)
    plain = check_labelled(store, write(tmp_path / "plain.csv", rows))
    turned = [dict(reversed(row.items())) for row in reversed(rows)]
    for row in turned:
        row["is_optout"] = row["is_optout"].upper()
    file = write(tmp_path / "turned.csv", turned, separator=separator, encoding=encoding, end=end)
    file.write_bytes(
        file.read_bytes()
        + (separator * (len(rows[0]) - 1) + end).encode(encoding.replace("-sig", ""))[
            2 * (encoding == "utf-16") :
        ]
    )
    assert check_labelled(store, file) == plain


def test_missing_labels_are_counted(store: Store, tmp_path: Path) -> None:
    rows = labelled(store, tmp_path / "s.csv", as_read)
    rows[0]["is_optout"], rows[1]["is_optout"] = "", "maybe"
    told = check_labelled(store, write(tmp_path / "l.csv", rows[:-3]))
    assert (told.labelled, told.unlabelled, told.unclear) == (115, 4, 1)
    assert told.exit_code == 3
    assert told.lines()[0] == "115 replies labelled, 4 not, 1 unclear."
    others = [row if row["stratum"] != "other" else row | {"is_optout": ""} for row in rows]
    blind = check_labelled(store, write(tmp_path / "b.csv", others))
    assert "cannot be told" in blind.lines()[2]
    assert blind.as_json()["missed"] is None
    assert isinstance(blind, ReadingCheck)


def test_foreign_and_changed_files_are_refused(store: Store, tmp_path: Path) -> None:
    rows = labelled(store, tmp_path / "s.csv", as_read)
    file = tmp_path / "l.csv"
    for changed, words in (
        ([{k: v for k, v in row.items() if k != "reply"} for row in rows], "no sample"),
        ([row | {"sample": "smsdata-0"} for row in rows], "for this store"),
        ([*rows, rows[0]], "twice"),
        ([*rows[1:], rows[1]], "twice"),
        ([row | {"of": "3"} for row in rows], "changed"),
        ([row | {"stratum": "tier 9"} for row in rows], "changed"),
        ([rows[0] | {"reply": "r1"}, *rows[1:]], "not in this store"),
        ([row | {"is_optout": ""} for row in rows], "no row has yes or no"),
    ):
        with pytest.raises(UsageError, match=words):
            check_labelled(store, write(file, changed))
    for content in (b"", b"\x00\xff\xfe", b"PK\x03\x04"):
        file.write_bytes(content)
        with pytest.raises(UsageError, match="no sample"):
            check_labelled(store, file)
    with pytest.raises(UsageError, match="cannot be read"):
        check_labelled(store, tmp_path / "none.csv")
