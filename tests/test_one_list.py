"""One list, never all: nothing that changes an account is sent unless it names one list and one number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsdata import Client, UsageError, hygiene
from smsdata.errors import ApiError, SafetyError, SmsDataError
from smsdata.gateway.client import drain
from smsdata.gateway.endpoints import CALLS, Endpoint, endpoint
from smsdata.hygiene import changes as gateway_calls
from smsdata.schema.tables import TABLES
from smsdata.simulator import Account, Gateway
from tests.support.clients import OPTIONS, connected
from tests.support.hygiene_world import number

NO_LIST = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(max_value=0),
    st.floats(),
    st.decimals(),
    st.text(max_size=3),
    st.sampled_from(
        ["0", "00", " 0", "+0", "0x0", "7", 0.0, -0.0, 7.0, Fraction(0), b"0", [0], (0,), {0}, {}]
    ),
    st.lists(st.integers(0, 3), max_size=2),
    st.sampled_from([np.int64(0), np.int64(7), np.float64(0), np.bool_(False)]),
)
HEALTH = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def everywhere() -> tuple[Gateway, Client]:
    account = Account(seed=1, campaigns=1, recipients=5, singles=0, inbound=0, lists=2)
    gateway = Gateway(account, limiter=None)
    return gateway, connected(gateway)


def _attempts(client: Client, value: Any) -> Iterator[Callable[[], object]]:
    """Every public way to make a call that changes a list."""
    person = {"list_id": value, "msisdn": number(1), "first_name": None, "last_name": None, "fields": "{}"}
    yield lambda: gateway_calls.find(client, value, number(1))
    yield lambda: gateway_calls.remove(client, value, number(1))
    yield lambda: gateway_calls.opt_out(client, value, number(1))
    yield lambda: gateway_calls.add_back(client, person, {})
    for name in (call.name for call in CALLS.values() if call.changes):
        made = Endpoint(name, TABLES["list_members"], name, "list_ids", "")
        yield partial(client.call, name, list_id=value, msisdn=number(1))
        yield partial(client.page, made, {"list_id": value, "msisdn": number(1)}, 1)
        yield partial(client.page, made, {"msisdn": number(1)}, 1)


@HEALTH
@given(value=NO_LIST)
def test_no_public_call_sends_what_is_no_list(everywhere: tuple[Gateway, Client], value: Any) -> None:
    gateway, client = everywhere
    for attempt in _attempts(client, value):
        with pytest.raises((SmsDataError, TypeError, ValueError)):
            attempt()
    changing = {call.name for call in CALLS.values() if call.changes}
    sent = [dict(call.params).get("list_id") for call in gateway.calls if Path(call.path).stem in changing]
    assert sent == []
    assert gateway.applied == []
    assert all(change["by"] != "api" for change in gateway.account.contacts.changes)


@HEALTH
@given(value=NO_LIST.filter(lambda value: not (isinstance(value, np.int64) and value > 0)))
def test_no_public_read_sends_what_is_no_list(everywhere: tuple[Gateway, Client], value: Any) -> None:
    gateway, client = everywhere
    for read in (
        lambda: client.call("get-contact", list_id=value, msisdn=number(1)),
        lambda: client.list_members(list_id=value),
        lambda: drain(client, "list_members", list_id=value),
        lambda: client.page(endpoint("list_members"), {"list_id": value}, 1),
    ):
        with pytest.raises(UsageError):
            read()
    assert [call for call in gateway.calls if "list_id" in dict(call.params)] == []


@given(value=NO_LIST)
def test_one_list_takes_nothing_but_the_id_of_a_list(value: Any) -> None:
    with pytest.raises(SafetyError):
        hygiene.one_list(value)
    assert hygiene.one_list(7) == 7


@pytest.mark.parametrize(
    "text", ["", "0491570156", "+61491570156", "6149157015 6", "19", "61491570156,1", 61491570156, None]
)
def test_remove_takes_nothing_but_a_number_in_full(everywhere: tuple[Gateway, Client], text: Any) -> None:
    gateway, client = everywhere
    before = len(gateway.calls)
    with pytest.raises(SafetyError):
        gateway_calls.remove(client, hygiene.one_list(7), text)
    assert len(gateway.calls) == before


def test_find_refuses_an_answer_about_somebody_else() -> None:
    def confused(_request: httpx.Request) -> httpx.Response:
        row = {
            "list_id": 7,
            "msisdn": int(number(3)),
            "status": "active",
            "created_at": "2026-10-01 00:00:00",
        }
        return httpx.Response(200, json=row | {"error": {"code": "SUCCESS", "description": "OK"}})

    with Client(**OPTIONS, transport=httpx.MockTransport(confused)) as client:
        with pytest.raises(ApiError, match="about another"):
            gateway_calls.find(client, hygiene.one_list(7), number(1))
        assert gateway_calls.find(client, hygiene.one_list(7), number(3)) is not None
