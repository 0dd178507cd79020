"""`clean --check` on files as other systems write them: nothing found is said only of what was read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from smsdata.cli.app import app
from smsdata.errors import UsageError
from smsdata.hygiene.suppressions import check
from smsdata.schema.frames import schema
from smsdata.store.store import Store

GONE = "61491570156"
SPELLINGS = [
    "0491570156", "491570156", "61491570156", "61491570156.0", "+61 (0) 491 570 156", "0011 61 491 570 156",
    "00 61 491 570 156", "(04) 9157-0156", "0491.570.156", "０４９１５７０１５６", "tel:+61491570156",
    '"61491570156,0"', "whatsapp:+61491570156", "0491 570 156 (work)", "+61491570156 ext. 5",
    '"=""0491570156"""', "'0491570156",
]  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store whose account removed one number from two lists, and undid another."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    store = Store(tmp_path / "store")
    kept = schema("suppressions")
    same = {"run": "r1", "action": "delete", "rule": "dead", "evidence": "{}", "done_at": now, "extra": "{}"}
    rows = [
        {**same, "list_id": list_id, "msisdn": msisdn, "undone_at": undone, "synced_at": now}
        for list_id, msisdn, undone in ((1, GONE, None), (2, GONE, None), (1, "61491570157", now))
    ]
    with store.writing():
        store.merge("suppressions", pa.Table.from_pylist(rows, schema=kept))
    return store


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_check_reads_decimal_commas_and_counts_lost_digits(store: Store, tmp_path: Path) -> None:
    hits = check(write(tmp_path / "c.csv", f"name;mobile\nA;{GONE},0\nB;6,14916E+10\n"), store)
    assert hits[["line", "msisdn"]].to_numpy().tolist() == [[2, GONE]]
    assert hits.attrs["columns"][0]["reasons"] == {"digits lost": 1}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_check_finds_every_spelling(store: Store, tmp_path: Path, spelling: str) -> None:
    hits = check(write(tmp_path / "c.csv", f"name,mobile\nKim,{spelling}\n"), store, country="AU")
    assert hits[["line", "column", "msisdn", "lists"]].to_numpy().tolist() == [[2, "mobile", GONE, "1, 2"]]
    assert hits.attrs["unreadable"] == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_check_reads_every_encoding_and_separator(
    store: Store, tmp_path: Path, encoding: str, separator: str
) -> None:
    rows = [["customer_number", "name", "mobile", "phone_type"], ["20261122", "Zoë", GONE, "home"]]
    text = "\r\n".join(separator.join(row) for row in rows)
    hits = check(write(tmp_path / "c.csv", text, encoding), store)
    assert hits[["line", "column"]].to_numpy().tolist() == [[2, "mobile"]]
    assert [one["column"] for one in hits.attrs["columns"]] == ["mobile"]


def test_check_looks_at_two_phone_columns_and_past_quoted_line_breaks(store: Store, tmp_path: Path) -> None:
    text = f'note,mobile,home_phone\n"two\nlines, and ""quotes""",61491570158,\n,,{GONE}\nx,{GONE},12\n'
    hits = check(write(tmp_path / "c.csv", text), store)
    assert hits[["line", "column", "times"]].to_numpy().tolist() == [[4, "home_phone", 1], [5, "mobile", 1]]
    mobile, home = hits.attrs["columns"]
    assert mobile == {
        "column": "mobile", "lines": 3, "hits": 1, "empty": 1, "unreadable": 0, "reasons": {},
        "unreadable_lines": [],
    }  # fmt: skip
    assert home["reasons"] == {"wrong length": 1}


def test_check_reads_a_file_without_names(store: Store, tmp_path: Path) -> None:
    hits = check(write(tmp_path / "c.csv", f"1;Kim;{GONE}\n2;Lea;61491570158\n"), store)
    assert hits[["line", "column"]].to_numpy().tolist() == [[1, "column 3"]]


def test_check_takes_the_column_that_is_named(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", f"id,Ref,mobile\n1,{GONE},61491570158\n")
    assert check(path, store, column="ref")["column"].tolist() == ["Ref"]
    assert check(path, store, column="2")["column"].tolist() == ["Ref"]
    with pytest.raises(UsageError, match="no column 'fax'; it has: id, Ref, mobile"):
        check(path, store, column="fax")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name,city\nKim,Perth\n", "no column looks like phone numbers; it has: name, city"),
        (f'name,mobile\n"Kim,{GONE}\n', "from line 2"),
        (f'name,mobile\n"Bob" Smith,{GONE}\n', "from line 2"),
        ("PK\x03\x04", "save it as CSV"),
    ],
)
def test_check_refuses_what_it_cannot_judge(store: Store, tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        check(write(tmp_path / "c.csv", text), store)


def test_check_without_a_country_counts_what_needs_one(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", "mobile\n0491570156\n6.14916E+10\n\n61491570158\n")
    hits = check(path, store)
    assert hits.empty
    assert hits.attrs["columns"][0]["reasons"] == {"needs a country": 1, "digits lost": 1}
    assert hits.attrs["unreadable"] == 2
    with pytest.raises(UsageError, match="--country"):
        check(path, store, country="Australia")


def test_check_finds_digits_that_were_removed_even_where_another_reading_wins(
    store: Store, tmp_path: Path
) -> None:
    hits = check(write(tmp_path / "c.csv", f"mobile\n{GONE}\n{GONE} or later\n"), store, country="US")
    assert hits["times"].tolist() == [2]


@pytest.mark.parametrize(
    ("text", "code", "found", "unreadable"),
    [
        ("61491570158", 0, 0, 0),
        (GONE, 3, 1, 0),
        ("0491570156", 3, 0, 1),
        (",", 0, 0, 0),
        ("61491570157", 0, 0, 0),
    ],
)
def test_clean_check_needs_a_look_where_a_number_was_not_read(
    store: Store, tmp_path: Path, text: str, code: int, found: int, unreadable: int
) -> None:
    file = write(tmp_path / "c.csv", f"mobile,name\n{text}\n61491570159,Kim\n")
    words = ["clean", "--check", str(file), "--store", str(store.path)]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == code
    printed = json.loads(done.stdout)
    assert (len(printed["found"]), printed["unreadable"]) == (found, unreadable)
    assert "column mobile:" in CliRunner().invoke(app, words).stderr


@pytest.mark.parametrize("device", ["/dev/full", "/dev/zero", "/dev/null"])
def test_check_refuses_a_device_that_never_ends(device: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with store.writing(), pytest.raises(UsageError, match="is a device"):
        check(device, store)


def test_check_says_in_how_many_lines_a_number_stands(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"mobile\n{GONE}\n{GONE}\n{GONE}\n")
    done = CliRunner().invoke(app, ["clean", "--check", str(path), "--store", str(store.path)])
    assert done.exit_code == 3
    assert f"line 2 and 2 more: {GONE} " in done.stdout


def test_check_takes_the_country_that_the_file_names_line_by_line(store: Store, tmp_path: Path) -> None:
    text = (
        "mobile,Country\n0491 570 156,Australia\n0491 570 156,AU\n0491 570 156,+61\n07700 900123,UK\n"
        "0491 570 156,\n0491 570 156,Atlantis\n"
    )
    path = write(tmp_path / "c.csv", text)
    hits = check(path, store, country="GB")
    assert hits[["line", "msisdn", "times"]].to_numpy().tolist() == [[2, GONE, 3]]
    assert hits.attrs["countries"] == {
        "column": "Country", "named": {"AU": 3, "GB": 1}, "not_understood": {"Atlantis": 1},
        "not_understood_lines": 1, "default": "GB", "default_lines": 1,
    }  # fmt: skip
    assert hits.attrs["unreadable"] == 1  # nobody says the country of Atlantis
    done = CliRunner().invoke(
        app, ["clean", "--check", str(path), "--store", str(store.path), "--country", "GB"]
    )
    assert (
        "countries: column Country first (AU 3, GB 1 lines); --country GB for 1 lines where it" in done.stderr
    )
    assert "1 lines name a country that is not understood ('Atlantis')" in done.stderr
    assert done.exit_code == 3


def test_check_says_that_a_country_was_taken_for_all_lines(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", "mobile,county\n0491 570 158,Kent\n")
    done = CliRunner().invoke(
        app, ["clean", "--check", str(path), "--store", str(store.path), "--country", "AU"]
    )
    assert "countries: AU, by --country, for all lines" in done.stderr
    assert done.exit_code == 0


def test_check_names_the_first_lines_that_it_could_not_read(store: Store, tmp_path: Path) -> None:
    """In a file without a header a column has its place for a name, said once."""
    odd = "".join(f"Kim,abc{n}\n" for n in range(7))
    file = write(tmp_path / "c.csv", f"Ana,{GONE}\nBo,61491570158\n" * 9 + odd)
    done = CliRunner().invoke(app, ["clean", "--check", str(file), "--store", str(store.path)])
    assert done.exit_code == 3
    said = next(line for line in done.stderr.splitlines() if "unreadable" in line)
    assert said.startswith("column 2: 25 lines, 9 with a number removed before")
    assert "line 19, 20, 21, 22, 23 and 2 more)" in said


def test_check_of_a_file_that_is_not_there_says_so(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no file .*nowhere\.csv\.$"):
        check(tmp_path / "nowhere.csv", store)
