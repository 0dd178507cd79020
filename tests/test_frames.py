"""Values as they arrive, one by one and at once, and what becomes of each."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsdata.errors import RowError
from smsdata.gateway.answers import parse_json
from smsdata.gateway.endpoints import ENDPOINTS, endpoint
from smsdata.gateway.reads import typed_rows
from smsdata.schema.frames import Batch, empty, key_hash, schema, to_pandas
from smsdata.schema.status import fold_status
from tests.support.examples import EXAMPLES

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CONTEXT: dict[str, dict[str, Any]] = {
    "dlrs": {"message_id": 1, "sent_at": "2026-11-19 23:00:00"},
    "optouts": {"message_id": 1, "sent_at": "2026-11-19 23:00:00"},
    "list_members": {"list_id": 2001}, "contact_history": {"msisdn": "61491570156"},
    "transactions": {"client_id": 44}, "link_hits": {"message_id": 1},
}  # fmt: skip


def row_of(name: str, /, **changed: Any) -> dict[str, Any]:
    row: dict[str, Any] = deepcopy(EXAMPLES[name][endpoint(name).rows or "hits"][0])
    return row | changed


def typed(name: str, *rows: Any, **options: Any) -> Batch:
    return typed_rows(endpoint(name), rows, synced_at=NOW, context=CONTEXT.get(name), **options)


KEPT: list[tuple[str, str, Any, str, Any]] = [
    ("messages", "id", 7, "id", 7),
    ("messages", "id", "7", "id", 7),
    ("messages", "id", -(2**63), "id", -(2**63)),
    ("messages", "id", 2**63 - 1, "id", 2**63 - 1),
    ("messages", "msisdn", 61491570156, "msisdn", "61491570156"),
    ("messages", "msisdn", "+61491570156", "msisdn", "61491570156"),
    ("messages", "msisdn", "0491570156", "msisdn", "0491570156"),
    ("messages", "caller_id", 61491570737, "sender", "61491570737"),
    ("messages", "caller_id", "ACME", "sender", "ACME"),
    ("messages", "caller_id", "+61 491", "sender", "+61 491"),
    ("messages", "message", "", "message", ""),
    ("messages", "message", '👩‍👧\x00\r\n"=1+1', "message", '👩‍👧\x00\r\n"=1+1'),
    ("messages", "sent_at", "2026-11-19T23:00:00Z", "sent_at", datetime(2026, 11, 19, 23, tzinfo=UTC)),
    ("messages", "sent_at", "2026-11-19", "sent_at", datetime(2026, 11, 19, tzinfo=UTC)),
    ("messages", "sent_at", "2024-02-29 23:59:59", "sent_at", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
    ("messages", "status", "Queued at carrier", "status", "Queued at carrier"),
    ("campaigns", "cost", -0.068, "cost", 0.068),
    ("campaigns", "cost", 0.068, "cost", 0.068),
    ("campaigns", "cost", "-0.136", "cost", 0.136),
    ("campaigns", "cost", "-0.068000000000000005", "cost", 0.068),
    ("campaigns", "cost", "1E-2", "cost", 0.01),
    ("campaigns", "cost", 0, "cost", 0.0),
    ("campaigns", "sms", "3", "parts", 3),
    ("campaigns", "fields", None, "fields", None),
    ("replies", "message_id", 0, "message_id", None),
    ("replies", "message_id", None, "message_id", None),
    ("replies", "message_id", "0", "message_id", None),
    ("replies", "message_id", "5", "message_id", 5),
    ("replies", "list_id", 0, "list_id", None),
    ("replies", "longcode", 61491570737, "longcode", "61491570737"),
    ("replies", "longcode", -1, "longcode", "-1"),
    ("replies", "response", "", "response", ""),
    ("lists", "created", None, "created_at", None),
    ("lists", "fields", [], "fields", "{}"),
    ("lists", "fields", None, "fields", "{}"),
    ("lists", "fields", {"field_2": "b", "field_1": "ä"}, "fields", '{"field_1":"ä","field_2":"b"}'),
    ("list_members", "fields", [{"name": "b", "value": None}, {"name": "a", "value": 1.5}], "fields",
     '{"a":1.5,"b":null}'),
    ("list_members", "first_name", None, "first_name", None),
    ("list_members", "first_name", "", "first_name", ""),
    ("list_members", "status", "optout", "status", "optout"),
    ("dlrs", "optout", "yes", "optout", True),
    ("dlrs", "optout", 0, "optout", False),
    ("numbers", "auto_renew", "false", "auto_renew", False),
    ("numbers", "auto_renew", None, "auto_renew", None),
    ("numbers", "next_charge", "2026-12-01", "next_charge", date(2026, 12, 1)),
    ("numbers", "next_charge", "2026-12-01 10:00:00", "next_charge", date(2026, 12, 1)),
    ("numbers", "price", None, "price", None),
    ("numbers", "price", "-.5", "price", -0.5),
    ("transactions", "amount", -2, "amount", -2.0),
    ("clients", "balance", "-1.25", "balance", -1.25),
    ("link_hits", "link_hits", 3, "link_hits", "3"),
    ("replies", "msisdn", "Telstra", "msisdn", "Telstra"),
    ("replies", "msisdn", "+61491570156", "msisdn", "61491570156"),
    ("replies", "msisdn", 61491570156, "msisdn", "61491570156"),
    ("list_members", "fields", {"1": {"name": "b", "value": 2}, "0": {"name": "a", "value": 1}}, "fields",
     '{"a":1,"b":2}'),
]  # fmt: skip


def test_rows_are_typed_alike_in_whatever_order_their_keys_come_and_whatever_else_is_beside() -> None:
    rows = [row_of("messages", id=n, message=f"text {n}") for n in range(5)]
    turned = [dict(reversed(row.items())) if n % 2 else row for n, row in enumerate(rows)]
    alike = typed("messages", *rows).rows
    assert alike.column("message").to_pylist() == [f"text {n}" for n in range(5)]
    assert typed("messages", *turned).rows.equals(alike)
    odd = typed("messages", *rows[:-1], rows[-1] | {"new": 1})
    assert odd.rows.drop_columns("extra").equals(alike.drop_columns("extra"))
    assert odd.rows.column("extra").to_pylist() == [None] * 4 + ['{"new":1}']
    assert odd.unknown == {"new"}


@pytest.mark.parametrize(("name", "wire", "value", "column", "expected"), KEPT)
def test_to_arrow_keeps(name: str, wire: str, value: Any, column: str, expected: Any) -> None:
    """Each value alone (converted at once) and beside one of another type (converted one by one)."""
    alone = typed(name, row_of(name, **{wire: value}))
    assert not alone.rejects
    assert alone.rows.column(column).to_pylist() == [expected]
    mixed = typed(name, row_of(name), row_of(name, **{wire: value}), row_of(name, **{wire: {"odd": 1}}))
    assert mixed.rows.column(column)[1].as_py() == expected


ODD: list[tuple[str, str, Any, str]] = [
    ("messages", "id", None, "is missing"),
    ("messages", "id", 2**64, "number"),
    ("messages", "id", 1.5, "fraction"),
    ("messages", "id", 7.0, "fraction"),
    ("messages", "id", True, "truth value"),
    ("messages", "id", "7.0", "text"),
    ("messages", "id", "", "text"),
    ("messages", "id", " 7", "text"),
    ("messages", "id", "٣", "text"),
    ("messages", "id", [7], "a list"),
    ("messages", "msisdn", None, "is missing"),
    ("messages", "msisdn", "", "empty text"),
    ("messages", "msisdn", -61491570156, "phone"),
    ("messages", "msisdn", 61491570156.5, "fraction"),
    ("messages", "msisdn", "6.1491570156e10", "phone"),
    ("messages", "msisdn", "61 491 570 I56", "phone"),
    ("messages", "msisdn", "٦١٤", "phone"),
    ("messages", "caller_id", True, "truth value"),
    ("messages", "message", None, "is missing"),
    ("messages", "message", "cut \ud83d", "surrogate"),
    ("messages", "message", {"a": 1}, "an object"),
    ("messages", "sent_at", None, "is missing"),
    ("messages", "sent_at", "soon", "no time"),
    ("messages", "sent_at", "", "no time"),
    ("messages", "sent_at", 1763596800, "no time"),
    ("messages", "sent_at", "2026-11-19 23:59:60", "does not exist"),
    ("messages", "sent_at", "2026-02-29 10:00:00", "does not exist"),
    ("messages", "sent_at", "0000-00-00 00:00:00", "does not exist"),
    ("messages", "sent_at", "2026-11-19 23:00:0Z", "no time"),
    ("messages", "sent_at", "19/11/2026 23:00:00", "no time"),
    ("messages", "sent_at", "2026-11-19T23:00+01", "no time"),
    ("messages", "status", None, "is missing"),
    ("messages", "status", 3.5, "fraction"),
    ("campaigns", "cost", None, "is missing"),
    ("campaigns", "cost", "free", "text"),
    ("campaigns", "cost", "1,204.50", "text"),
    ("campaigns", "cost", True, "truth value"),
    ("campaigns", "cost", "NaN", "text"),
    ("campaigns", "cost", 1e300, "not an amount"),
    ("campaigns", "msisdn", "n/a", "phone"),
    ("dlrs", "optout", None, "is missing"),
    ("dlrs", "optout", 2, "number"),
    ("dlrs", "optout", "maybe", "text"),
    ("lists", "created", "yesterday", "no time"),
    ("lists", "fields", "Email", "text"),
    ("lists", "fields", [["Email", "a"]], "names and values"),
    ("lists", "fields", [{"name": "a", "value": 1}, {"name": "a", "value": 2}], "twice"),
    ("lists", "fields", {"a": "\ud83d"}, "Unicode"),
    ("lists", "fields", {"a": 2.0**64}, "64 bits"),
    ("lists", "members_active", None, "is missing"),
    ("replies", "message_id", "none", "text"),
    ("numbers", "next_charge", "2026-13-01", "does not exist"),
    ("numbers", "price", "about 10", "text"),
    ("messages", "unknown", "\ud83d", "Unicode"),
]


def column_of(name: str, wire: str) -> str:
    return next((c.name for c in endpoint(name).table.columns if c.wire == wire), "extra")


PLACING = [(*case,) for case in ODD if column_of(case[0], case[1]) in endpoint(case[0]).table.placing]
SPARE = [(*case[:3],) for case in ODD if case not in PLACING]


@pytest.mark.parametrize(("name", "wire", "value", "reason"), PLACING)
def test_to_arrow_sets_a_row_aside_that_has_no_place(name: str, wire: str, value: Any, reason: str) -> None:
    rows = [row_of(name), row_of(name, **{wire: value}), row_of(name)]
    batch = typed(name, *rows, where=lambda n: (4, n + 1))
    assert batch.rows.num_rows == 2
    (reject,) = batch.rejects
    column = column_of(name, wire)
    assert (reject.table, reject.column, reject.page, reject.row) == (name, column, 4, 2)
    assert reason in reject.reason
    assert reject.raw is rows[1]
    error = reject.error()
    assert isinstance(error, RowError)
    assert str(error).startswith(f"{name} page 4 row 2: column {column!r}")
    shown = value if isinstance(value, str) and len(value) > 3 else "61491570156"
    assert shown not in str(error)


@pytest.mark.parametrize(("name", "wire", "value"), SPARE)
def test_to_arrow_keeps_the_raw_text_of_a_value_that_does_not_fit(name: str, wire: str, value: Any) -> None:
    batch = typed(name, row_of(name), row_of(name, **{wire: value}), row_of(name))
    assert batch.rejects == ()
    assert batch.rows.num_rows == 3
    column, (before, extra, after) = column_of(name, wire), batch.rows.column("extra").to_pylist()
    assert (before, after) == (None, None)
    if value is None:
        assert extra is None
    else:
        kept = json.loads(extra)
        plain = isinstance(value, str) and "\ud83d" not in value
        assert kept == {wire: value if plain else json.dumps(value, sort_keys=True)}
    if column != "extra":
        assert batch.rows.column(column)[1].as_py() is None
        assert batch.unread == {column: 1}
    to_pandas(batch.rows, endpoint(name).table.name)


def test_to_arrow_places_every_kind_of_row() -> None:
    """The cases above try both: what makes a row unreadable, and what does not."""
    assert len(PLACING) > 15
    assert len(SPARE) > 25
    assert ODD


def test_to_arrow_counts_what_it_could_not_read() -> None:
    rows = [
        row_of("campaigns", cost=None),
        row_of("campaigns", cost="free", sms=[]),
        row_of("campaigns", id="x"),
    ]
    batch = typed("campaigns", *rows, row_of("campaigns", cost={}, id=None))
    assert batch.unread == {"cost": 2, "parts": 1}
    assert len(batch.rejects) == 2


def test_to_pandas_gives_a_column_with_holes_its_nullable_dtype() -> None:
    plain = to_pandas(typed("campaigns", row_of("campaigns")).rows, "campaigns")
    holes = to_pandas(typed("campaigns", row_of("campaigns", pending="many")).rows, "campaigns")
    assert (str(plain["pending"].dtype), str(holes["pending"].dtype)) == ("int64", "Int64")
    dlrs = to_pandas(typed("dlrs", row_of("dlrs", optout="maybe")).rows, "dlrs")
    assert str(dlrs["optout"].dtype) == "boolean"


@pytest.mark.parametrize("row", [None, "text", 5, ["list"]])
def test_to_arrow_sets_aside_what_is_no_object(row: Any) -> None:
    batch = typed("messages", row, row_of("messages"))
    assert batch.rows.num_rows == 1
    assert [(reject.row, reject.reason) for reject in batch.rejects] == [(1, "is no object")]


@pytest.mark.parametrize(
    ("spellings", "folded"),
    [
        (("delivered", "Delivered", " DELIVERED "), "delivered"),
        (("pending", "PENDING"), "pending"),
        (("soft-bounce", "soft_bounced", "soft bounce", "SOFT-BOUNCE", "Soft-Bounced"), "soft-bounce"),
        (("hard-bounce", "hard_bounced", "hard bounce", "HARD-BOUNCE", "Hard Bounced"), "hard-bounce"),
        (("bounced", "bounce", "failed", "Failed", "FAILED"), "bounced"),
    ],
)  # fmt: skip
def test_fold_status_knows_every_spelling(spellings: tuple[str, ...], folded: str) -> None:
    assert {fold_status(word) for word in spellings} == {folded}
    rows = [row_of("messages", status=word) for word in spellings]
    assert set(typed("messages", *rows).rows.column("status").to_pylist()) == {folded}


@pytest.mark.parametrize("word", ["", "expired", "Rejected", "unknown", "hardly"])
def test_fold_status_keeps_a_word_never_seen(word: str) -> None:
    assert fold_status(word) == word


def test_to_arrow_takes_context_from_beside_the_rows() -> None:
    context = {"message_id": "9", "sent_at": NOW, "list_id": "0"}
    batch = typed_rows(endpoint("dlrs"), [row_of("dlrs")] * 2, synced_at=NOW, context=context)
    assert (
        batch.rows.select(["message_id", "sent_at", "list_id"]).to_pylist()
        == [{"message_id": 9, "sent_at": NOW, "list_id": None}] * 2
    )


def test_to_arrow_sets_all_rows_aside_when_what_they_share_is_odd() -> None:
    context = {"message_id": 9, "sent_at": "soon"}
    batch = typed_rows(endpoint("dlrs"), [row_of("dlrs")] * 2, synced_at=NOW, context=context)
    assert [reject.column for reject in batch.rejects] == ["sent_at", "sent_at"]
    assert batch.rows.num_rows == 0


def test_to_arrow_counts_copies() -> None:
    batch = typed("dlrs", row_of("dlrs"), row_of("dlrs", msisdn=1), copies=[2, 1])
    assert batch.rows.column("copies").to_pylist() == [2, 1]
    assert typed("dlrs", row_of("dlrs")).rows.column("copies").to_pylist() == [1]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_schema_travels_through_parquet(name: str, tmp_path: Any) -> None:
    table = endpoint(name).table.name
    for rows in ([], [row_of(name)]):
        made = typed(name, *rows).rows
        assert made.schema == schema(table)
        frame = to_pandas(made, table)
        frame.to_parquet(tmp_path / "a.parquet")
        assert pd.read_parquet(tmp_path / "a.parquet").dtypes.to_dict() == frame.dtypes.to_dict()
        pa.parquet.write_table(made, tmp_path / "b.parquet")
        assert pd.read_parquet(tmp_path / "b.parquet").dtypes.to_dict() == frame.dtypes.to_dict()


texts = st.text(st.characters(codec="utf-8"), max_size=40)


@settings(max_examples=60, deadline=None)
@given(st.lists(texts, max_size=8))
def test_texts_come_through_unchanged(words: list[str]) -> None:
    body = json.dumps([row_of("replies", response=word, first_name=word) for word in words]).encode()
    batch = typed("replies", *parse_json(body))
    frame = to_pandas(batch.rows, "replies")
    assert list(frame["response"]) == list(frame["first_name"]) == words
    assert not batch.rejects


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(ENDPOINTS)), st.data())
def test_every_row_is_either_kept_or_set_aside(name: str, data: st.DataObject) -> None:
    """Whatever the values are: no crash, no row lost, and what is kept has the schema."""
    keys = sorted(row_of(name))
    changes = data.draw(st.lists(st.dictionaries(st.sampled_from(keys), anything, max_size=3), max_size=4))
    batch = typed(name, *(row_of(name, **change) for change in changes))
    assert batch.rows.num_rows + len(batch.rejects) == len(changes)
    assert batch.rows.schema == schema(endpoint(name).table.name)
    batch.rows.validate(full=True)


def test_key_hash_is_the_same_in_any_order() -> None:
    one = typed("messages", row_of("messages", id=1), row_of("messages", id=2)).rows
    other = typed("messages", row_of("messages", id=2), row_of("messages", id=1)).rows
    assert key_hash("messages", one) == key_hash("messages", other) != key_hash("messages", empty("messages"))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"NaN", b'{"a": NaN}', b'{"a": Infinity}', b"\xff", b"[" * 100_000, b"<html></html>",
     b'{"a": "\\ud83d", "b": ' + b"9" * 5000 + b"}"],
)  # fmt: skip
def test_parse_json_refuses(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - many parsers, many words
        parse_json(body)


def test_parse_json_reads_a_page_with_a_lone_surrogate() -> None:
    assert parse_json(b'{"ok": "fine", "odd": "\\ud83d"}') == {"ok": "fine", "odd": "\ud83d"}
    assert isinstance(parse_json(b'{"big": 18446744073709551616}')["big"], float)
