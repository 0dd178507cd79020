"""Whoever is forgotten is found however a number is written, and what stands beside it stays as it was."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smsdata.forgetting.file_formats import without
from smsdata.forgetting.json_files import cell_left
from smsdata.forgetting.person import _one_person, spellings_of
from smsdata.forgetting.read_back import look_for, searched
from smsdata.forgetting.reasons import NUMBER, WHOLE, CannotRewrite
from smsdata.forgetting.text_files import without_in_text
from smsdata.schema.callback_marks import is_marked, marked_text
from smsdata.store.forgotten import Forgotten, number_hash
from tests.support.written_numbers import WRITTEN

SOMEBODY, OTHER = "61491570156", "61491571266"
SPELLINGS = spellings_of(SOMEBODY)
KEY = b"k" * 32


def somebody(**said: str) -> Forgotten:
    return _one_person(KEY, SOMEBODY, SPELLINGS, said)


def at_the_door() -> Forgotten:
    """As pages meet it: by hashes alone."""
    known = {number_hash(KEY, digits): "forgotten-a" for digits in SPELLINGS}
    return Forgotten(KEY, known)


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_a_number_is_found_however_it_is_written(written: str, tmp_path: Path) -> None:
    text = f"call {written} now, or {OTHER}"
    for gone in (somebody(), at_the_door()):
        left = gone.text(text)
        assert re.fullmatch(rf"call .*forgotten-[a-z]+ now, or {OTHER}", left)
        rows = pa.table({"msisdn": [OTHER], "response": [text]})
        assert gone.rows(rows)[0].column("response").to_pylist() == [left]
    (tmp_path / "before.txt").write_text(text)
    (tmp_path / "after.txt").write_text(left)
    assert list(searched([tmp_path], SPELLINGS[:2]).found) == [str(tmp_path / "before.txt")]


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_the_search_finds_a_number_that_json_escapes(written: str, tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text(json.dumps({"response": written}))
    assert searched([tmp_path], SPELLINGS[:2]).found


@pytest.mark.parametrize("near", ["61491570157", "614915701566", "1491570156", "049157015", "a491570156"])
def test_a_number_that_is_only_like_it_stays(near: str, tmp_path: Path) -> None:
    assert at_the_door().text(near) == near or near.startswith("a")
    (tmp_path / "a.txt").write_text(near.removeprefix("a"))
    told = searched([tmp_path], SPELLINGS[:2])
    assert bool(told.found) == near.startswith("a")
    assert bool(told.alike) == (near == "614915701566")  # within a longer number: said, and not counted


def test_json_of_others_stays_json_with_all_that_it_says() -> None:
    fields = '{"Boss":61491570156,"Float":61491570156.0,"Own":7,"k":"v"}'
    rows = pa.table(
        {"msisdn": [OTHER], "fields": [fields], "extra": ['{"n":[491570156],"user_id":491570156}']}
    )
    for gone in (somebody(), at_the_door()):
        left = gone.rows(rows)[0].to_pylist()[0]
        told = json.loads(left["fields"])
        assert told["Boss"] == told["Float"]
        assert told["Boss"].startswith("forgotten-")
        assert (told["Own"], told["k"]) == (7, "v")
        extra = json.loads(left["extra"])
        assert extra["n"][0].startswith("forgotten-")
        assert extra["user_id"] == 491570156, "a short number that is an id is no phone's"


@pytest.mark.parametrize("number", [61491570156, 61491570156.0, "+61 491 570 156", "'0491570156", 491570156])
def test_a_row_is_the_persons_however_the_gateway_writes_the_number(number: object) -> None:
    row = {"id": 5, "msisdn": number, "first_name": "Ann", "response": "I am Ann", "list_id": 3}
    left = at_the_door().value(row)
    assert left == {"id": 5, "msisdn": "forgotten-a", "response": "", "list_id": 3}


def test_links_lose_what_tells_whom_they_were_sent_to() -> None:
    rows = pa.table({"msisdn": [SOMEBODY, OTHER], "link": ["https://l.example/a?e=ann@b.example"] * 2})
    left = somebody().rows(rows)[0].column("link").to_pylist()
    assert left == ["https://l.example/a", "https://l.example/a?e=ann@b.example"]


def test_a_value_that_is_no_number_is_no_change() -> None:
    nan = float("nan")
    rows = pa.table({"msisdn": [SOMEBODY, OTHER, OTHER], "cost": [nan, nan, 1.0], "of_list": [[nan]] * 3})
    gone = somebody()
    assert gone.rows(rows, lambda value, name: cell_left(value, name, gone))[1] == 1


def test_a_reply_keeps_whether_it_opted_out_or_in_and_no_word_more() -> None:
    texts = ["Please stop texting me!", "START", "perhaps stop now ann", "who is this", None, "NO"]
    rows = pa.table({"msisdn": [SOMEBODY] * 6, "response": texts})
    left = somebody(NO="STOP").rows(rows)[0].column("response").to_pylist()
    assert left == ["STOP", "START", "maybe STOP", "", None, "STOP"]
    again = somebody().rows(pa.table({"msisdn": [SOMEBODY] * 6, "response": left}))
    assert again[0].column("response").to_pylist() == left


def test_a_callbacks_word_on_opting_out_stays() -> None:
    said = marked_text({"is_optout": "yes", "campaign": "Ann", "firstname": "Ann"}, "0f")
    polled = '{"callback":{"is_optout":"yes","x":"Ann"},"event":"0f"}'
    rows = pa.table({"msisdn": [SOMEBODY] * 3, "extra": [said, polled, '{"x":"Ann"}']})
    marked, plain, other = somebody().rows(rows)[0].column("extra").to_pylist()
    assert is_marked(marked)
    assert json.loads(marked)["callback"] == json.loads(plain)["callback"] == {"is_optout": "yes"}
    assert other is None


_OTHERS = st.one_of(
    st.from_regex(r"[0-2][0-9]:[0-5][0-9](:[0-5][0-9]){0,2}", fullmatch=True),
    st.from_regex(r"[$\u20ac]?[0-9]{1,4}[.,](00|0|11|44|61|[0-9]{2})", fullmatch=True),
    st.from_regex(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]T?", fullmatch=True),
    st.from_regex(r"[1-9][0-9]{2,6}|[a-z]{1,6}0{0,2}", fullmatch=True),
    st.sampled_from(["10:00:00", "5.00", "5,00", "10:00:11", "12h00", "&nbsp;", "%20", "ok", "-0.00", OTHER]),
)
_APART = st.sampled_from([" ", ", ", "\t", "; ", " | ", "  "])
_TIGHT = st.sampled_from([",", "|", "=", ":", "\t", '">', "&nbsp;", "%20", "\\n", " "])


@settings(max_examples=500, deadline=None)
@given(st.lists(_OTHERS, max_size=4), st.lists(_OTHERS, max_size=4), _APART, _TIGHT, st.data())
def test_digits_of_others_stay_byte_for_byte(
    before: list[str], after: list[str], apart: str, tight: str, data: st.DataObject
) -> None:
    written = data.draw(st.sampled_from([SOMEBODY, f"+{SOMEBODY}", "+61 491 570 156", "0491 570 156"]))
    near = data.draw(st.sampled_from([apart, tight])) if written == SOMEBODY else apart
    head = "".join(one + apart for one in before[:-1]) + (before[-1] + near if before else "")
    tail = "".join(near + one for one in after)
    for gone in (somebody(), at_the_door()):
        left = gone.text(head + written + tail)
        assert re.sub("forgotten-[a-z]{1,24}(?![a-z])", "N", left, count=1) == head + "N" + tail


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("2026-11-01 10:00:00 61491570156 delivered", "2026-11-01 10:00:00 N delivered"),
        ("price 5.00 61491570156", "price 5.00 N"),
        ("10:00:11 61491570156", "10:00:11 N"),
        ("12h00 61491570156", "12h00 N"),
        ("0, 491570156", "0, N"),
        ("10:00:61 491570156", "10:00:61 N"),
        ("5+61491570156", "5+N"),
        ("00 61 491 570 156, or 0011 61491570156", "N, or N"),
        ("at 5\n00 61 491 570 156", "at 5\nN"),
        ("call 0 491 570 156", "call N"),
        ('<a href="tel:+61491570156">+61 491 570 156</a>', '<a href="tel:N">N</a>'),
        ("status=61 0491570156", "status=61 N"),
        ("61/0491570156", "61/N"),
        ("[00] 61491570156", "[00] N"),
        ("$0 491570156, $61 491 570 156", "$0 N, $61 N"),
        ("   a  b\n0 491570156 5\n1 61491571266 6", "   a  b\n0 N 5\n1 61491571266 6"),
        ("0  491 570 156\n1  491 571 266", "0  N\n1  491 571 266"),
        ("UTC+0 491570156", "UTC+0 N"),
        ("paid 5 61 491 570 156", "paid 5 61 N"),
        ("price 00.61 491570156", "price 00.61 N"),
        ("61 491 570 156, 61-491-570-156 or 61 (0)491 570 156", "N, 61-N or N"),
        ("+61 0491570156", "N"),
        ("%2B61 491570156", "%2BN"),
        ("dial 0061 491570156 or 00 61 491570156", "dial N or N"),
        ('"+61491570156">&#x2B;&#54;&#49;&#52;&#57;&#49;&#53;&#55;&#48;&#49;&#53;&#54;<', '"N">&#x2B;N<'),
    ],
)  # fmt: skip
def test_a_prefix_goes_only_where_it_is_the_numbers(text: str, left: str) -> None:
    assert re.sub("forgotten-[a-z]+", "N", at_the_door().text(text)) == left


_DOUBTFUL = st.sampled_from(["0", "00", "61", "610", "$0", "[00]", "[61]", "(0)", "0.61", "00.00"])
_LABEL = st.sampled_from(["", "status=", "rc: ", "id ", "#", "| ", "sent at 12:30:", "total $", "+", "\n"])
_ON_ONE_LINE = st.sampled_from([" ", "  ", "\t", "/", ", ", " - ", "; "])


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(_LABEL, _DOUBTFUL, _ON_ONE_LINE), min_size=1, max_size=3), st.data())
def test_a_prefix_of_doubtful_owner_stays_byte_for_byte(
    pieces: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    written = data.draw(st.sampled_from([SOMEBODY, "0491570156", "491570156"]))
    head = re.sub(r"\+(?=[1-9])", "", "".join(map("".join, pieces)))  # +61 is the number's
    assume(not re.search(r"00\s61\s", head))
    tail = data.draw(st.sampled_from(["", " 5", ",61", "\n0 1"]))
    for gone in (somebody(), at_the_door()):
        left = gone.text(head + written + tail)
        assert re.sub("forgotten-[a-z]{1,24}(?![a-z])", "N", left, count=1) == head + "N" + tail
        assert look_for(SPELLINGS[:2])(Path("a.txt"), left.encode()) == 0


_CELLS = st.one_of(st.integers(0, 99), st.sampled_from([0, 61, 11, 0.0, 61.5, None, int(OTHER)]))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(_CELLS, min_size=3, max_size=3), min_size=1, max_size=4), st.data())
def test_a_printed_frame_loses_the_number_alone(rows: list[list[Any]], data: st.DataObject) -> None:
    number = data.draw(st.sampled_from([SOMEBODY, "0491570156", "491570156", int(SOMEBODY), 491570156]))
    rows[data.draw(st.integers(0, len(rows) - 1))][data.draw(st.integers(0, 2))] = number
    frame = pd.DataFrame(rows, columns=["a", "b", "c"], dtype="object")
    for printed in (frame.to_string(), frame.to_csv(sep=" "), frame.to_csv(sep="\t"), repr(frame.values)):
        expected = re.sub(rf"(?<![\d.]){number}(?![\d.])", "N", printed)
        left = at_the_door().text(printed)
        assert re.sub("forgotten-a", "N", left) == expected
        assert look_for(SPELLINGS[:2])(Path("a.txt"), left.encode()) == 0


# ---- files elsewhere ---------------------------------------------------------------------------------


def made(name: str, content: bytes) -> tuple[bytes, str]:
    left, count, what = without_in_text(Path(name), content, somebody())
    assert left is not None
    assert count >= 1
    return left, what


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_rows_of_a_table_lose_all_that_is_said_of_the_person(separator: str, encoding: str) -> None:
    rows = [["Mobile", "First Name", "sent_at", "Town"],
            ["+61 491 570 156", "Ann", "2026-11-01", "M\u00fcnster"],
            [OTHER, "Bob, B", "2026-11-02", "M\u00fcnster"]]  # fmt: skip
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows(rows)
    left, what = made("a.csv", out.getvalue().encode(encoding))
    told = list(csv.reader(io.StringIO(left.decode(encoding), newline=""), delimiter=separator))
    assert what == WHOLE
    assert told[0] == rows[0]
    assert told[1][1:] == ["", "2026-11-01", ""]
    assert told[1][0].startswith("forgotten-")
    assert told[2] == rows[2]


def test_columns_of_other_names_are_emptied_in_the_persons_own_rows_of_a_table() -> None:
    left, _ = made("a.csv", f"phone,when,created_at,n,id\n{SOMEBODY},2026-11-01,2026-11-01,3,7\n".encode())
    assert left.decode().splitlines()[1].split(",")[1:] == ["", "2026-11-01", "", "7"]


def test_records_of_json_lose_all_that_is_said_of_the_person() -> None:
    records = [{"msisdn": int(SOMEBODY), "first_name": "Ann"}, {"msisdn": int(OTHER), "first_name": "Bob"}]
    lines = "".join(json.dumps(one) + "\n" for one in records).encode()
    for name, content in {"a.json": json.dumps(records).encode(), "a.jsonl": lines}.items():
        left, what = made(name, content)
        told = [json.loads(line) for line in left.splitlines()]
        first, second = told[0] if name == "a.json" else told
        assert what == WHOLE
        assert first["msisdn"].startswith("forgotten-")
        assert list(first.items())[1:] == [("first_name", None)]
        assert second == records[1]


@pytest.mark.parametrize("lines", [False, True])
def test_columns_of_json_stay_in_their_order_when_the_first_row_is_the_persons(*, lines: bool) -> None:
    frame = pd.DataFrame(
        {"name": ["Ann", "Bob"], "note": ["x", None], "phone": [SOMEBODY, OTHER], "n": [1, 2]}
    )
    how: Any = {"orient": "records", "lines": lines}
    left, what = made("a.json", frame.to_json(**how).encode())
    told = pd.read_json(io.BytesIO(left), **how, dtype=False)
    assert what == WHOLE
    assert list(told) == list(frame)
    assert told["name"].fillna("").tolist() == ["", "Bob"]
    assert told["note"].isna().all()
    assert told["n"].tolist()[1] == 2


def test_a_key_that_says_the_number_is_put_right_in_the_persons_own_row() -> None:
    left, what = made("a.json", json.dumps({SOMEBODY: 5, "phone": SOMEBODY, "status": "sent"}).encode())
    told = json.loads(left)
    assert what == WHOLE
    assert list(told) == [told["phone"], "phone", "status"]
    assert told[told["phone"]] is None
    assert told["phone"].startswith("forgotten-")


def test_other_text_loses_the_number_alone() -> None:
    left, what = made("report.html", b"<p>Ann, 0491&nbsp;570&nbsp;156</p>")
    assert (left.startswith(b"<p>Ann, forgotten-"), what) == (True, NUMBER)
    assert without_in_text(Path("a.csv"), b"msisdn,name\n61491571266,Bob\n", somebody())[:2] == (None, 0)


def test_a_table_as_pandas_writes_it_reads_back() -> None:
    frame = pd.DataFrame({"msisdn": [int(SOMEBODY), int(OTHER)], "fields": ['{"a": "x, y"}'] * 2})
    left, _ = made("a.csv", frame.to_csv(index=False).encode())
    told = pd.read_csv(io.BytesIO(left), dtype="str")
    assert told["fields"].tolist()[1] == '{"a": "x, y"}'
    assert pd.isna(told["fields"].iloc[0])


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
@pytest.mark.parametrize("dtype", ["int64", "float64", "str"])
@pytest.mark.parametrize("column", ["msisdn", "Mobile"])
def test_typed_rows_of_others_are_put_right(suffix: str, dtype: Any, column: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2], column: [int(SOMEBODY), int(OTHER)], "Name": ["Ann", "Bob"]})
    frame["Town of birth"] = ["Hobart", "Perth"]
    frame[column] = frame[column].astype(dtype)
    path = tmp_path / f"a{suffix}"
    (frame.to_parquet if suffix == ".parquet" else frame.to_feather)(path)
    known = without(path, path.read_bytes(), somebody())
    assert known is not None
    left, count, _ = known
    assert left is not None
    assert count == 1
    path.write_bytes(left)
    told = pd.read_parquet(path) if suffix == ".parquet" else pd.read_feather(path)
    assert told[column].iloc[0].startswith("forgotten-")
    assert told[column].iloc[1] == OTHER
    assert told["Name"].tolist()[1:] == ["Bob"]
    assert pd.isna(told["Name"].iloc[0])
    assert told["Town of birth"].fillna("").tolist() == ["", "Perth"]
    assert not searched([path], SPELLINGS[:2]).found


def test_a_damaged_file_is_named_and_left(tmp_path: Path) -> None:
    with pytest.raises(CannotRewrite, match="damaged, locked or cut off"):
        without(tmp_path / "a.parquet", b"PAR1 no more", somebody())
