"""Drains bounded in time: what the gateway allows, both ends, and slices that hold too much."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from smsdata import Client
from smsdata.errors import ApiError, DrainError, UsageError
from smsdata.gateway.client import bounds
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reads import Read, slices
from smsdata.simulator import Account, Gateway
from tests.support.served import START, Served, biggest, message

Connect = Callable[..., Client]


@pytest.fixture(scope="module")
def account() -> Account:
    """An account that no test changes."""
    return Account(seed=1, campaigns=4, recipients=150, singles=20)


@pytest.mark.parametrize("bound", ["[]", "[)", "(]", "()"])
def test_drain_has_the_rows_at_both_ends_whatever_the_gateway_counts_in(bound: str, connect: Connect) -> None:
    account = Account(seed=1, campaigns=0, singles=0, inbound=0)
    end = datetime.fromtimestamp(account.now, UTC)
    for seconds in (-86401, -86400, -86399, -1, 0):
        account.send(61491570156, "text", at=account.now + seconds)
    client = connect(Gateway(account, limiter=None, bounds=bound))
    frame = client.messages(start=end - timedelta(days=1), end=end)
    assert [int((at - end).total_seconds()) for at in frame["sent_at"]] == [-86400, -86399, -1, 0]
    assert len(client.messages(start=end - timedelta(days=1), end=end - timedelta(days=1))) == 1


def test_slices_fit_what_the_gateway_allows_and_leave_no_gap() -> None:
    end = START + timedelta(days=100)
    parts = slices(Read(endpoint("campaigns")), START, end)
    assert parts[0].start == START
    assert parts[-1].end == end
    assert all(one.end == other.start for one, other in pairwise(parts))
    for part in parts:
        sent = part.wire()
        spans = datetime.fromisoformat(sent["end"]) - datetime.fromisoformat(sent["start"])
        assert spans <= timedelta(days=30)


def test_campaigns_over_90_days_are_all_there(account: Account, connect: Connect) -> None:
    gateway = Gateway(account, limiter=None)
    frame = connect(gateway).campaigns(since="90d")
    spans = [datetime.fromisoformat(end) - datetime.fromisoformat(begin)
             for begin, end in frame.attrs["drain"]["windows"]]  # fmt: skip
    assert len(spans) == 4
    assert max(spans) <= timedelta(days=30)
    assert [call.path for call in gateway.calls] == ["/get-balance.json"] + 4 * ["/get-message-report.json"]
    now = datetime.fromtimestamp(account.now, UTC)
    recent = {
        row["message_id"] for row in account.truth("campaigns") if row["sent_at"] >= now - timedelta(days=90)
    }
    assert set(frame["message_id"]) == recent
    assert frame["sent_at"].is_monotonic_increasing


def test_replies_of_all_12_months_can_be_asked_for(account: Account, connect: Connect) -> None:
    assert len(connect(Gateway(account, limiter=None)).replies(since="365d")) == len(account.truth("replies"))
    with pytest.raises(ApiError, match="FIELD_INVALID"):
        connect(Gateway(account, limiter=None)).replies(since="800d")


def test_wide_slices_are_cut_and_read_whole() -> None:
    rows = [
        message(n, sent_at=f"{START + timedelta(seconds=40 * n):%Y-%m-%d %H:%M:%S}") for n in range(2_100)
    ]
    served = Served(rows, size=10)
    frame = served.drain()
    assert len(frame) == 2_100
    assert len(frame.attrs["drain"]["proofs"]) >= 3
    assert max(served.pages) <= 100


def test_a_burst_within_one_second_is_read_whole() -> None:
    served = Served([message(n, sent_at="2026-11-01 10:00:00") for n in range(1_100)], size=10)
    assert len(served.drain()) == 1_100


def test_a_total_that_lies_is_not_cut_for_ever() -> None:
    served = Served([message(n) for n in range(250)], lambda answer, _: answer | {"total": 10**9})
    with pytest.raises(DrainError):
        served.drain()
    assert len(served.pages) < 60


def test_drain_on_tables_that_take_times_but_need_none(account: Account, connect: Connect) -> None:
    client = connect(Gateway(account, limiter=None))
    everything = client.campaign_replies(message_id=biggest(account))
    half = everything["received_at"].sort_values().iloc[len(everything) // 2]
    later = client.campaign_replies(message_id=biggest(account), start=half.to_pydatetime())
    assert len(everything) > len(later) == (everything["received_at"] >= half).sum()


def test_bounds_refuses_what_makes_no_window() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert bounds(now) == (now - timedelta(days=30), now)
    for wrong in ({"start": "2026-11-21", "end": "2026-11-20"}, {"start": "2026-11-21", "since_": "3d"},
                  {"since_": "30"}, {"since_": "2027-01-01"}, {"start": "yesterday"},
                  {"start": datetime(2026, 1, 1)}):  # noqa: DTZ001  # fmt: skip
        with pytest.raises(UsageError):
            bounds(now, **wrong)


def test_drain_refuses_times_where_there_are_none(account: Account, connect: Connect) -> None:
    client = connect(gateway := Gateway(account, limiter=None))
    with pytest.raises(UsageError, match="not bounded in time"):
        client.drain("lists", since="3d")
    assert not gateway.calls
