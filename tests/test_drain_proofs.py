"""What proves a drain complete, and the certificate that says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from smsdata import Client
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reader import Reader
from smsdata.gateway.reads import Read
from smsdata.simulator import Account, Gateway
from tests.support.examples import EXAMPLES, Answer, scripted
from tests.support.served import Served, message, proofs_of

Connect = Callable[..., Client]


@pytest.fixture(scope="module")
def account() -> Account:
    """An account that no test changes."""
    return Account(seed=1, campaigns=4, recipients=150, singles=20)


def test_single_page_takes_one_call() -> None:
    served = Served([message(n) for n in range(7)])
    assert proofs_of(frame := served.drain()) == "single-page"
    assert (len(frame), served.pages) == (7, [1])


@pytest.mark.parametrize(
    "change",
    [{"total": 8}, {"page": {"count": 2, "number": 1}}, {"total": None}],
    ids=["total", "count", "no total"],
)
def test_single_page_needs_total_and_page_count_to_agree(change: Answer) -> None:
    served = Served([message(n) for n in range(7)], lambda answer, page: page == 1 and answer | change)
    assert "single-page" not in proofs_of(served.drain())


def test_counters_take_an_independent_total() -> None:
    """The gateway's own total lies; the campaign's counters vouch for the rows."""
    rows = [EXAMPLES["dlrs"]["recipients"][0] | {"msisdn": 61491570000 + n} for n in range(250)]
    served = Served(rows, lambda answer, _: answer | {"total": 7}, key="recipients",
                    beside={"message": EXAMPLES["dlrs"]["message"]})  # fmt: skip
    with scripted(served) as client:
        done = Reader(client).read(Read(endpoint("dlrs"), {"message_id": 339814842}, expect=250))
        assert (done.proof, done.rows.num_rows, sorted(served.pages)) == ("counters", 250, [1, 2, 3])
        other = Reader(client).read(Read(endpoint("dlrs"), {"message_id": 339814842}, expect=251))
        assert (other.proof, other.rows.num_rows) == ("two-passes", 250)


def test_counters_do_not_stop_while_the_gateway_has_more() -> None:
    """Counters may be old: reaching them is no reason to leave rows that the total still counts."""
    rows = [EXAMPLES["dlrs"]["recipients"][0] | {"msisdn": 61491570000 + n} for n in range(250)]
    served = Served(rows, key="recipients", beside={"message": EXAMPLES["dlrs"]["message"]})
    with scripted(served) as client:
        assert (
            Reader(client).read(Read(endpoint("dlrs"), {"message_id": 339814842}, expect=200)).rows.num_rows
            == 250
        )


def test_bracketed_reads_page_1_again() -> None:
    served = Served([message(n) for n in range(250)])
    assert proofs_of(served.drain()) == "bracketed"
    assert sorted(served.pages) == [1, 1, 2, 3]


def test_bracketed_takes_rows_that_came_on_top() -> None:
    rows = [message(n) for n in range(1000, 750, -1)]

    def grow(_answer: Answer, page: int) -> None:
        if page == 3 and len(served.rows) == 250:
            served.rows = [message(n) for n in range(1130, 1000, -1)] + rows

    served = Served(rows, grow)
    assert set((frame := served.drain())["id"]) == set(range(751, 1131))
    assert frame["id"].is_unique
    assert proofs_of(frame) == "bracketed"


def test_two_passes_take_rows_without_a_total() -> None:
    served = Served([message(n) for n in range(250)], lambda answer, _: answer | {"total": None})
    assert proofs_of(frame := served.drain()) == "two-passes"
    assert len(frame) == 250
    assert sorted(served.pages) == [1, 1, 2, 2, 3, 3]


def test_certificate_is_plain_json_and_travels_in_parquet(
    account: Account, connect: Connect, tmp_path: Any
) -> None:
    frame = connect(Gateway(account, limiter=None)).messages(since="80d")
    certificate = frame.attrs["drain"]
    assert json.loads(json.dumps(certificate)) == certificate
    assert certificate["distinct_rows"] == certificate["rows"] == len(frame)
    assert certificate["proved_until"] == "2026-11-22T00:00:00Z"
    assert certificate["windows"] == [["2026-09-03T00:00:00Z", "2026-11-22T00:00:00Z"]]
    assert len(certificate["keys"]) == 64
    frame.to_parquet(tmp_path / "m.parquet")
    again = pd.read_parquet(tmp_path / "m.parquet")
    assert again.attrs["drain"] == certificate
    pd.testing.assert_frame_equal(again, frame)
