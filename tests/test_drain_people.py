"""Recipients of a send and members of a list: copies, counters, and lists that move."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pandas as pd
import pytest

from smsdata import Client
from smsdata.errors import DrainError, RowError, SmsDataError
from smsdata.simulator import Account, Drift, Gateway
from tests.support.examples import EXAMPLES, SUCCESS, Answer, scripted
from tests.support.served import Served, listed, member, proofs_of

Connect = Callable[..., Client]


def test_copies_in_a_send_need_two_passes_that_agree(connect: Connect) -> None:
    account = Account(seed=2, campaigns=1, recipients=150, singles=0)
    send = account.sends[0]
    twice = int(account.recipients["msisdn"][send.rows[3]])
    account.duplicate(send.message_id, twice)
    frame = connect(Gateway(account, limiter=None)).dlrs(message_id=send.message_id).set_index("msisdn")
    assert proofs_of(frame) == "two-passes"
    assert frame["copies"].to_dict() == {row["msisdn"]: row["copies"] for row in account.truth("dlrs")}
    assert frame["copies"].max() == 2


def test_a_send_that_repeats_a_page_is_not_a_send_of_copies() -> None:
    rows = [EXAMPLES["dlrs"]["recipients"][0] | {"msisdn": 61491570000 + n} for n in range(200)]
    served = Served(rows, lambda answer, page: answer | {"recipients": rows[:100]} if page < 3 else None,
                    key="recipients", beside={"message": EXAMPLES["dlrs"]["message"]})  # fmt: skip
    with pytest.raises(DrainError):
        served.drain("dlrs", message_id=339814842)


@pytest.mark.parametrize("block", [None, {}, {"list": None}, {"list": [], "recipients": 1}, []])
def test_dlrs_ask_get_sms_when_the_send_is_not_told(block: Any) -> None:
    """When it was sent stands beside the rows, or has to be asked for."""

    def respond(call: str, sent: dict[str, str]) -> Answer:
        if call == "get-sms":
            return {"send_at": "2026-11-19 23:00:00", "list": {"id": "2001"}, "error": SUCCESS}
        answer = {key: value for key, value in EXAMPLES["dlrs"].items() if key != "message"}
        return answer if block is None else answer | {"message": block}

    with scripted(respond) as client:
        frame = client.dlrs(message_id=339814842)
    assert frame["sent_at"][0] == pd.Timestamp("2026-11-19 23:00:00Z")
    assert frame["list_id"][0] == 2001


@pytest.mark.parametrize("size", [100, 25])
@pytest.mark.parametrize("ever", [0, 5_000])
@pytest.mark.parametrize("active", [-1, None])
@pytest.mark.parametrize("other", ["active", "inactive"])
def test_list_members_are_proved_whatever_was_deleted(
    size: int, ever: int, active: int | None, other: str
) -> None:
    """The count of active ones vouches for pages of active ones only: an inactive one could be missed."""
    rows = [member(n, other if n % 7 == 0 else "active") for n in range(130)]
    served = listed(rows, ever=ever, active=active, size=size)
    frame = served.drain("list_members", list_id=2001)
    assert len(frame) == 130
    assert proofs_of(frame) == ("two-passes" if active is None or other == "inactive" else "counters")
    assert len(served.pages) <= 2 * (130 // size + 2)


def test_list_members_fewer_than_the_active_counted_are_refused() -> None:
    with pytest.raises(SmsDataError):
        listed([member(n) for n in range(60)], active=61).drain("list_members", list_id=2001)


def test_list_members_behind_an_empty_page_are_not_lost() -> None:
    """All active ones are on page 1; page 2 comes empty once and holds inactive ones."""
    rows = [member(n) for n in range(100)] + [member(n, "inactive") for n in range(100, 250)]
    served = listed(rows)
    twist = served.twist

    def hole(answer: Answer, page: int) -> Any:
        answer = twist(answer, page) or answer
        return answer | {"members": []} if served.pages.count(2) == 1 and page == 2 else answer

    served.twist = hole
    assert len(served.drain("list_members", list_id=2001)) == 250


def test_list_members_without_all_are_read_in_parts(connect: Connect) -> None:
    rows = [member(n, "inactive" if n % 3 == 0 else "active") for n in range(250)]

    def respond(call: str, sent: dict[str, str]) -> Any:
        if sent["members"] == "all":
            return {"error": {"code": "FIELD_INVALID", "description": "members"}}
        part = listed([row for row in rows if row["status"] == sent["members"]], ever=400)
        part.beside = {"members_active": sum(row["status"] == "active" for row in rows)}
        return part(call, sent)

    with scripted(respond) as client:
        frame = client.list_members(list_id=2001)
    assert len(frame) == 250
    assert frame["msisdn"].is_unique


def test_list_members_name_the_row_that_does_not_fit() -> None:
    with pytest.raises(RowError, match="list_members page 1 row 2"):
        listed([member(1), member(2) | {"msisdn": "soon"}]).drain("list_members", list_id=2001)


@pytest.mark.parametrize("seed", range(3))
def test_list_members_under_drift_are_complete_or_loud(seed: int, connect: Connect) -> None:
    account = Account(seed=seed, campaigns=1, singles=0)
    list_id = max(account.contacts.lists.values(), key=lambda one: len(one.members)).list_id
    drift = Drift(every_pages=4, rows=2, kinds=("join", "edit"), seed=seed, until=6)
    before = {row["msisdn"] for row in account.truth("list_members") if row["list_id"] == list_id}
    client = connect(Gateway(account, limiter=None, drift=drift, max_page=10))
    assert before <= set(client.list_members(list_id=list_id, allow_unproved=True)["msisdn"])
    with suppress(DrainError):  # loud, unless the drift was over in time
        assert before <= set(client.list_members(list_id=list_id)["msisdn"])
