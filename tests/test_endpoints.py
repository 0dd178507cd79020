"""The battery that every entry of the endpoint table goes through."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pandas as pd
import pytest

from smsdata import Client
from smsdata.errors import ApiError, UsageError
from smsdata.gateway.endpoints import CALLS, ENDPOINTS, ERROR_CODES, SYNCED, endpoint
from smsdata.schema.frames import empty, to_pandas
from smsdata.schema.tables import TABLES
from smsdata.simulator import Account, Gateway
from tests.support.examples import EXAMPLES, NEEDS, SUCCESS, Answer, scripted

UTC = "datetime64[us, UTC]"
NAMES = {"first_name": "str", "last_name": "str"}
REPLIES = {"id": "int64", "message_id": "Int64", "list_id": "Int64", "received_at": UTC, "msisdn": "str",
           "longcode": "str", "response": "str", "original_message": "str"} | NAMES  # fmt: skip
STORED = {"extra": "str", "synced_at": UTC}
GONE = {"gone_at": UTC}
COLUMNS = {
    "campaigns": {"message_id": "int64", "type": "str", "sent_at": UTC, "status": "str", "message": "str",
                  "parts": "int64", "cost": "float64", "pending": "int64", "delivered": "int64",
                  "soft_bounced": "int64", "hard_bounced": "int64", "optouts": "int64", "responses": "int64",
                  "msisdn": "str"} | NAMES | {"fields": "str"} | STORED,
    "messages": {"id": "int64", "message_id": "int64", "sent_at": UTC, "msisdn": "str", "sender": "str",
                 "status": "str", "message": "str"} | STORED,
    "dlrs": {"message_id": "int64", "msisdn": "str", "sent_at": UTC, "status": "str", "optout": "bool",
             "delivered_at": UTC, "list_id": "Int64"} | NAMES | {"copies": "int64", "source": "str"} | STORED,
    "replies": REPLIES | STORED,
    "campaign_replies": REPLIES | STORED,
    "lists": {"list_id": "int64", "name": "str", "created_at": UTC, "members_active": "int64",
              "members_total": "int64", "fields": "str"} | STORED | GONE,
    "list_members": {"list_id": "int64", "msisdn": "str"} | NAMES | {"created_at": UTC, "status": "str",
                     "fields": "str"} | STORED | GONE | {"proved": "boolean"},
    "optouts": {"message_id": "int64", "msisdn": "str", "sent_at": UTC, "list_id": "Int64"} | NAMES
               | {"copies": "int64"} | STORED,
    "numbers": {"number": "str", "price": "float64", "auto_renew": "boolean", "next_charge": "object",
                "status": "str"} | STORED | GONE,
    "keywords": {"keyword": "str", "reference": "str", "number": "str", "list_id": "Int64",
                 "welcome_message": "str", "member_message": "str", "forward_url": "str",
                 "forward_sms": "str", "forward_email": "str", "status": "str",
                 "billing_date": "object"} | STORED | GONE,
    "link_hits": {"message_id": "int64", "hit": "int64", "msisdn": "str", "link": "str", "clicked_at": UTC,
                  "list_id": "str", "longcode": "str", "link_hits": "str", "message": "str",
                  "firstname": "str", "lastname": "str", "user_id": "str"} | STORED,
    "clients": {"client_id": "int64", "name": "str", "contact": "str", "email": "str", "msisdn": "str",
                "currency": "str", "timezone": "str", "created_at": UTC, "client_pays": "boolean",
                "sms_margin": "float64", "recharge_amount": "float64", "total_lists": "Int64",
                "total_sms": "Int64", "total_contacts": "Int64", "total_spend": "float64",
                "total_revenue": "float64", "credits_based": "boolean", "balance": "float64",
                "has_credit_card": "str"} | STORED | GONE,
    "transactions": {"id": "int64", "client_id": "int64", "description": "str", "amount": "float64",
                     "balance_standing": "float64", "created_at": UTC, "message_id": "Int64",
                     "message_status": "str", "message_cost": "float64", "message_revenue": "float64"}
                    | STORED,
    "contact_history": {"msisdn": "str", "message_id": "int64", "sent_at": UTC, "status": "str"} | STORED,
}  # fmt: skip

each_endpoint = pytest.mark.parametrize("name", ENDPOINTS)


def only_page(body: Answer) -> Client:
    """A gateway with this answer on page 1 and an empty page behind it."""

    def respond(call: str, sent: dict[str, str]) -> Answer:
        elsewhere = (
            sent.get("end", "9") < "2026-11-19 23:00:00" or sent.get("start", "") > "2026-11-20 01:02:03"
        )
        if call == "get-balance" or (sent["page"] == "1" and not elsewhere):
            return body
        totals = {key: 0 for key in body if key.endswith("total")} if elsewhere else {}
        beside = {key: value for key, value in body.items() if not isinstance(value, list)}
        return beside | totals | {"page": {"count": 1, "number": int(sent["page"])}}

    return scripted(respond)


def drained(name: str, body: Answer) -> pd.DataFrame:
    with only_page(body) as client:
        return client.drain(name, **NEEDS.get(name, {}))


def emptied(name: str) -> Answer:
    """The example with an empty list and a total of none."""
    entry, body = endpoint(name), deepcopy(EXAMPLES[name])
    body[entry.rows or "hits"] = []
    body |= {key: 0 for key in body if key.endswith("total") or key == "members_active"}
    return body


def test_examples_cover_every_endpoint() -> None:
    assert EXAMPLES.keys() == ENDPOINTS.keys() == COLUMNS.keys()
    assert NEEDS.keys() == {name for name, entry in ENDPOINTS.items() if entry.required}


@each_endpoint
def test_drain_makes_the_columns_of_the_contract(name: str) -> None:
    frame = drained(name, EXAMPLES[name])
    assert len(frame) == 1
    assert {column: str(dtype) for column, dtype in frame.dtypes.items()} == COLUMNS[name]
    assert list(frame.columns) == list(COLUMNS[name])
    assert frame["extra"].isna().all()
    assert frame.attrs["drain"]["distinct_rows"] == 1


@each_endpoint
def test_drain_of_nothing_has_the_same_columns(name: str) -> None:
    frame = drained(name, emptied(name))
    assert len(frame) == 0
    assert {column: str(dtype) for column, dtype in frame.dtypes.items()} == COLUMNS[name]


@each_endpoint
@pytest.mark.parametrize("count", [0, 1, "0", "1", None])
def test_drain_takes_every_form_of_an_empty_list(name: str, count: Any) -> None:
    body, entry = emptied(name), endpoint(name)
    body["page"] = {"number": 1} if count is None else {"count": count, "number": "1"}
    assert len(drained(name, body)) == 0
    del body[entry.rows or "hits"]
    assert len(drained(name, body)) == 0
    body[entry.rows or "hits"] = None
    assert len(drained(name, body)) == 0


@each_endpoint
def test_drain_of_nothing_needs_no_page_block(name: str) -> None:
    body = emptied(name)
    if not endpoint(name).error_block:
        del body["error"]  # then the page block is all that vouches for the answer
        assert len(drained(name, body)) == 0
        body["error"] = SUCCESS
    blocks: tuple[Any, ...] = ([], None)
    for block in blocks:
        assert len(drained(name, body | {"page": block})) == 0
    del body["page"]
    assert len(drained(name, body)) == 0


@each_endpoint
@pytest.mark.parametrize("how", ["missing", "empty", "another name", "more pages"])
def test_drain_refuses_a_page_without_the_rows_it_counts(name: str, how: str) -> None:
    body, key = deepcopy(EXAMPLES[name]), endpoint(name).rows or "hits"
    rows = body.pop(key)
    if how == "empty":
        body[key] = []
    if how == "another name" and name != "link_hits":
        body["items"] = rows
    if how == "more pages":
        body = emptied(name) | {"page": {"count": 3, "number": 1}}
    with pytest.raises(ApiError, match="holds no rows") as caught:
        drained(name, body)
    assert caught.value.code == "NO_ROWS"
    assert caught.value.retryable


@each_endpoint
def test_drain_keeps_keys_nobody_knows(name: str) -> None:
    body = deepcopy(EXAMPLES[name])
    body[endpoint(name).rows or "hits"][0] |= {"shard": 3, "meta": {"b": [1, None], "a": "é"}}
    frame = drained(name, body | {"node": "a1"})
    assert frame["extra"][0] == '{"meta":{"a":"é","b":[1,null]},"shard":3}'
    assert frame.attrs["drain"]["unknown_keys"] == ["meta", "shard"]


@each_endpoint
def test_drain_needs_every_required_parameter(name: str) -> None:
    entry, given = endpoint(name), NEEDS.get(name, {})
    with only_page(EXAMPLES[name]) as client:
        for wanted in given:
            with pytest.raises(UsageError, match="needs"):
                client.drain(name, **{key: value for key, value in given.items() if key != wanted})
            with pytest.raises(UsageError, match="needs"):
                client.drain(name, **given | {wanted: None})
        with pytest.raises(UsageError, match="does not take colour"):
            client.drain(name, **given, colour="red")
        assert client.calls == 0
    assert len(given) == len(entry.required)


@each_endpoint
def test_client_has_a_method_per_endpoint(name: str) -> None:
    with only_page(EXAMPLES[name]) as client:
        assert len(getattr(client, name)(**NEEDS.get(name, {}))) == 1
    assert endpoint(name).call in str(getattr(Client, name).__doc__)


def test_endpoint_names_the_tables_when_there_is_none() -> None:
    with pytest.raises(UsageError, match=r"unknown table 'message'. Tables: campaigns, messages"):
        endpoint("message")


def test_table_is_consistent() -> None:
    for table in TABLES.values():
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names)
        assert set(table.key) <= {*names, "extra", "synced_at"}
        assert not any(column.null for column in table.columns if column.name in table.key)
    for entry in ENDPOINTS.values():
        assert set(entry.context) <= {column.name for column in entry.table.columns}
        assert entry.call
    assert set(SYNCED) <= set(ENDPOINTS)
    assert [code for code, (again, _) in ERROR_CODES.items() if again] == ["OVER_LIMIT"]
    assert {name for name, call in CALLS.items() if call.changes} == {
        "delete-from-list", "optout-list-member", "add-to-list", "edit-list-member",
    }  # fmt: skip


def test_clients_never_show_their_credentials() -> None:
    body = deepcopy(EXAMPLES["clients"])
    body["clients"][0] |= {"ApiKey": "CANARY1", "api_secret": "CANARY2"}
    del body["error"]
    frame = drained("clients", body)
    assert len(frame) == 1
    assert "CANARY" not in frame.to_csv() + json.dumps(frame.attrs)
    body["clients"] = [*body["clients"], "CANARY3"]
    with pytest.raises(Exception, match="row 2") as caught:
        drained("clients", body | {"clients_total": 2})
    assert "CANARY" not in repr(caught.value)


# ---- through the simulator ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def account() -> Account:
    return Account(seed=3, campaigns=6, recipients=150, singles=12)


def truth(account: Account, name: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """What a drain must give."""
    if name == "contact_history":
        return account.truth(name, msisdn=asked["msisdn"])
    rows = account.truth("replies" if name == "campaign_replies" else name)
    return [row for row in rows if all(row[key] == value for key, value in asked.items())]


def plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The frame as plain values, None for missing, without what a store adds."""
    kept = frame.drop(
        columns=[c for c in ("extra", "synced_at", "gone_at", "proved", "source") if c in frame]
    )
    made = kept.astype(object).where(kept.notna(), None)
    return [
        {str(k): v.to_pydatetime() if isinstance(v, pd.Timestamp) else v for k, v in row.items()}
        for row in made.to_dict("records")
    ]


def same(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> None:
    def order(row: dict[str, Any]) -> str:
        return repr(sorted((key, str(value)) for key, value in row.items()))

    assert sorted(left, key=order) == sorted(right, key=order)


@each_endpoint
@pytest.mark.parametrize("quirks", [False, True])
def test_drain_equals_the_truth_of_the_simulator(
    name: str, quirks: bool, account: Account, connect: Callable[..., Client]
) -> None:
    client = connect(Gateway(account, limiter=None, quirks=quirks, max_page=25))
    big = max(account.sends, key=lambda send: len(send.rows))
    given = {
        "message_id": big.message_id, "list_id": next(iter(account.contacts.lists)), "msisdn": "61491570156",
        "client_id": account.truth("clients")[0]["client_id"],
    }  # fmt: skip
    asked = {key: given[key] for key in NEEDS.get(name, {})}
    if name == "link_hits":
        asked["message_id"] = account.truth("link_hits")[0]["message_id"]
    if name == "contact_history":
        asked["msisdn"] = str(account.recipients["msisdn"][big.rows[0]])
    window = {"since": "360d"} if endpoint(name).limit else {}
    frame = client.drain(name, **asked, **window)
    expected = truth(account, name, asked)
    assert expected, "the account has none of these: the test would prove nothing"
    if name == "link_hits":  # the twin has these keys
        frame = frame[list(expected[0])]
    if name in {"messages", "contact_history"} and quirks:  # the wire shows vaguer statuses there
        frame = frame.assign(status="")
        expected = [row | {"status": ""} for row in expected]
    same(plain(frame), expected)


@pytest.mark.parametrize("name", TABLES)
def test_empty_has_the_dtypes_of_a_full_frame(name: str) -> None:
    frame = to_pandas(empty(name), name)
    expected = COLUMNS.get(name)
    assert len(frame) == 0
    if expected:
        assert {column: str(dtype) for column, dtype in frame.dtypes.items()} == expected
