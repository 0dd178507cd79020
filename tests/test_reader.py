"""Many reads at once, and reads that go on after an interruption."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from smsdata import Client
from smsdata.errors import ApiError
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reader import Reader
from smsdata.gateway.reads import Drained, Read, slices
from smsdata.simulator import Account, Gateway
from tests.support.examples import Answer, scripted
from tests.support.served import START, Served, listed, member, message

Connect = Callable[..., Client]


@pytest.fixture(scope="module")
def account() -> Account:
    """An account that no test changes."""
    return Account(seed=1, campaigns=4, recipients=150, singles=20)


def test_each_keeps_the_order_and_hands_back_what_one_thing_lacks(account: Account, connect: Connect) -> None:
    wanted = [send.message_id for send in account.sends[:5]]
    reads = [Read(endpoint("dlrs"), {"message_id": n}) for n in [*wanted[:3], 1, *wanted[3:]]]
    outcomes = list(Reader(connect(Gateway(account, limiter=None))).each(reads))
    got = [one.read.parameters["message_id"] for one in outcomes if isinstance(one, Drained)]
    assert got == wanted
    assert isinstance(outcomes[3], ApiError)


def test_each_stops_reading_when_nobody_takes_more(account: Account, connect: Connect) -> None:
    gateway = Gateway(account, limiter=None, max_page=10)
    reads = slices(Read(endpoint("campaigns")), START - timedelta(days=300), START)
    taken = Reader(connect(gateway)).each(reads)
    next(taken)
    taken.close()  # type: ignore[attr-defined]
    assert len(gateway.calls) < 11 * len(reads)


class Memory:
    """A journal in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[int, tuple[bytes, datetime]]] = {}

    def pages(self, read: str) -> dict[int, tuple[bytes, datetime]]:
        return dict(self.kept.get(read, {}))

    def add(self, read: str, number: int, body: bytes, seen_at: datetime) -> None:
        self.kept.setdefault(read, {})[number] = (body, seen_at)


def read_twice(second: list[Answer]) -> tuple[Drained, list[int]]:
    """A pass that dies at page 6, then another run with the same journal and perhaps other rows."""
    served = Served([message(n) for n in range(1000, 0, -1)], lambda _, page: page > 5 and {"error": {
        "code": "AUTH_FAILED", "description": ""}})  # fmt: skip
    journal = Memory()
    asked = Read(endpoint("messages"), start=START - timedelta(days=9), end=START + timedelta(days=9))
    with scripted(served) as client, pytest.raises(ApiError):
        Reader(client, journal=journal).read(asked)
    served = Served(second)
    with scripted(served) as client:
        return Reader(client, journal=journal).read(asked), served.pages


def test_read_goes_on_from_its_journal() -> None:
    done, pages = read_twice([message(n) for n in range(1000, 0, -1)])
    assert done.rows.num_rows == 1000
    assert done.resumed
    assert len(pages) < 11


def test_read_discards_a_journal_when_the_list_moved() -> None:
    done, _ = read_twice([message(n) for n in range(1001, 0, -1)])
    assert done.rows.num_rows == 1001
    assert not done.resumed


def test_members_read_apart_are_not_taken_from_pages_kept_before() -> None:
    """A member leaves the active ones between the parts: the second reading must be a real one."""
    rows = dict.fromkeys(range(250), "active") | dict.fromkeys(range(250, 400), "inactive")
    moved: list[int] = []

    def respond(call: str, sent: dict[str, str]) -> Answer:
        if sent["members"] == "all":
            return {"error": {"code": "FIELD_INVALID", "description": "members"}}
        if sent["members"] == "inactive" and not moved:
            moved.append(7)
            rows[7] = "inactive"
        shown = [member(n, status) for n, status in rows.items() if status == sent["members"]]
        part = listed(shown, ever=400)
        part.beside = {"members_active": sum(status == "active" for status in rows.values())}
        answer: Answer = part(call, sent)
        return answer

    with scripted(respond) as client:
        done = Reader(client, journal=Memory()).read(Read(endpoint("list_members"), {"list_id": 2001}))
    assert done.rows.num_rows == 400
    assert done.rows.column("status").to_pylist().count("active") == 249
    assert (done.proof, done.read.parameters) == ("two-passes", {"list_id": 2001})
