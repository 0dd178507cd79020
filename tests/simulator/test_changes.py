"""Calls that change a list do what the reference says, and refuse as documented."""

from __future__ import annotations

from typing import Any

import pytest

from smsdata.simulator import Faults, Gateway, Once

from .asking import active_member, ask, code, raw, small


def test_delete_from_list_takes_a_number_off_one_list_or_all() -> None:
    """One list with an id, every list with 0; NOT_FOUND when it is on none."""
    account = small(lists=3, recipients=60)
    gateway = Gateway(account, limiter=None)
    for one in account.contacts.lists.values():
        one.members.pop(61491579990, None)
        account.contacts.add_member(one.list_id, 61491579990)
    total = ask(gateway, "get-list", list_id=3_100_002)[1]["members_total"]
    assert ask(gateway, "delete-from-list", list_id=3_100_002, msisdn=61491579990)[1]["list_ids"] == [
        3_100_002
    ]
    left = ask(gateway, "delete-from-list", list_id=0, msisdn=61491579990)[1]["list_ids"]
    assert left == [3_100_001, 3_100_003]
    assert code(gateway, "delete-from-list", list_id=0, msisdn=61491579990) == "NOT_FOUND"
    assert code(gateway, "get-contact", list_id=3_100_002, msisdn=61491579990) == "NOT_FOUND"
    assert ask(gateway, "get-list", list_id=3_100_002)[1]["members_total"] == total
    assert [change["list_ids"] for change in account.contacts.changes if change["by"] == "api"] == [
        [3_100_002], [3_100_001, 3_100_003],
    ]  # fmt: skip


@pytest.mark.parametrize("call", ["delete-from-list", "optout-list-member"])
@pytest.mark.parametrize(
    ("list_id", "expected"),
    [(None, "FIELD_EMPTY"), ("", "FIELD_EMPTY"), (" ", "FIELD_EMPTY"), ("-1", "FIELD_INVALID"),
     ("all", "FIELD_INVALID"), ("0.0", "FIELD_INVALID")],
)  # fmt: skip
def test_no_list_is_not_every_list(call: str, list_id: str | None, expected: str) -> None:
    """Only 0 means every list; without a list, and with any other word for all, nobody leaves one."""
    account = small(lists=2)
    gateway, who = Gateway(account, limiter=None), active_member(account)
    status, body = ask(gateway, call, msisdn=who, **({} if list_id is None else {"list_id": list_id}))
    assert (status, body["error"]["code"]) == (400, expected)
    assert body["error"]["description"].startswith("list_id ")
    assert (account.contacts.changes, account.contacts.optout_log) == ([], [])
    assert code(gateway, call, msisdn=who, list_id=0) == "SUCCESS"


def test_add_to_list_refuses_as_documented() -> None:
    """BAD_MOBILE, BAD_MOBILE_COUNTRY, KEY_EXISTS, OPTOUT, DUPLICATE_DELETED; else the contact."""
    account = small(readd_refused=1.0)
    gateway = Gateway(account, limiter=None)
    there = active_member(account)

    def add(msisdn: Any, **more: Any) -> str:
        return code(gateway, "add-to-list", list_id=3_100_001, msisdn=msisdn, **more)

    assert add("123") == "BAD_MOBILE"
    assert add("99912345678") == "BAD_MOBILE_COUNTRY"
    assert add(there) == "KEY_EXISTS"
    assert ask(gateway, "optout-list-member", list_id=3_100_001, msisdn=there)[1]["list_ids"] == [3_100_001]
    ask(gateway, "delete-from-list", list_id=3_100_001, msisdn=there)
    assert add(there) == "OPTOUT"
    gone = active_member(account)
    ask(gateway, "delete-from-list", list_id=3_100_001, msisdn=gone)
    assert add(gone) == "DUPLICATE_DELETED"
    _, contact = ask(
        gateway, "add-to-list", list_id=3_100_001, msisdn="0491579991", countrycode="AU", field_1="a@b.c"
    )
    assert (contact["msisdn"], contact["fields"], contact["status"]) == (
        61491579991,
        {"Email": "a@b.c"},
        "active",
    )
    assert ask(gateway, "get-contact", list_id=3_100_001, msisdn=61491579991)[1]["fields"] == {
        "Email": "a@b.c"
    }


def test_member_returns_when_the_gateway_allows_it() -> None:
    """With readd_refused at 0 a deleted contact comes back; the total stays."""
    account = small(readd_refused=0.0)
    gateway, back = Gateway(account, limiter=None), active_member(account)
    total = len(account.contacts.open(3_100_001).members)
    ask(gateway, "delete-from-list", list_id=3_100_001, msisdn=back)
    assert code(gateway, "add-to-list", list_id=3_100_001, msisdn=back, first_name="Ana") == "SUCCESS"
    assert len(account.contacts.open(3_100_001).members) == total
    assert ask(gateway, "get-contact", list_id=3_100_001, msisdn=back)[1]["first_name"] == "Ana"


def test_edit_list_member_changes_what_is_given() -> None:
    """Other fields stay; NOT_FOUND for a stranger."""
    account = small()
    gateway, who = Gateway(account, limiter=None), active_member(account)
    before = ask(gateway, "get-contact", list_id=3_100_001, msisdn=who)[1]
    after = ask(gateway, "edit-list-member", list_id=3_100_001, msisdn=who, field_2="1999")[1]
    assert after["fields"] == before["fields"] | {"Birthday": "1999"}
    assert after["first_name"] == before["first_name"]
    assert code(gateway, "edit-list-member", list_id=3_100_001, msisdn=61491579992) == "NOT_FOUND"


@pytest.mark.parametrize("goo", [True, False])
def test_optout_list_member_means_all_lists_with_global_opt_out(goo: bool) -> None:
    """With it, one list means every list."""
    account = small(lists=2, goo=goo)
    for list_id in account.contacts.lists:
        account.contacts.add_member(list_id, 61491579993)
    left = ask(Gateway(account, limiter=None), "optout-list-member", list_id=3_100_001, msisdn=61491579993)[1]
    assert left["list_ids"] == ([3_100_001, 3_100_002] if goo else [3_100_001])


@pytest.mark.parametrize("goo", [True, False])
def test_an_import_does_not_bring_back_who_opted_out(goo: bool) -> None:
    """Of that list; with Global Opt Out of any."""
    account = small(lists=2, goo=goo)
    gateway, who = Gateway(account, limiter=None), active_member(account)
    ask(gateway, "optout-list-member", list_id=3_100_001, msisdn=who)
    ask(gateway, "delete-from-list", list_id=0, msisdn=who)
    for list_id in (3_100_001, 3_100_002):
        ask(gateway, "add-contacts-bulk", list_id=list_id, file_url=f"data:,A,B,{who}")
    account.advance(5)
    counted = [
        ask(gateway, "add-contacts-bulk-progress", list_id=list_id)[1]["optout"]
        for list_id in (3_100_001, 3_100_002)
    ]
    assert counted == [1, int(goo)]
    assert code(gateway, "get-contact", list_id=3_100_001, msisdn=who) == "NOT_FOUND"


@pytest.mark.parametrize("action", ["lost_answer", "reset"])
def test_lost_answer_leaves_the_change_made(action: str) -> None:
    """A lost answer comes after the change, a reset before it; the caller cannot tell them apart."""
    account = small()
    gateway = Gateway(account, limiter=None, faults=Faults(script=[Once(action, "delete-from-list")]))
    who = active_member(account)
    assert raw(gateway, "delete-from-list", list_id=3_100_001, msisdn=who).action == "reset"
    assert (account.contacts.open(3_100_001).find(who) is None) == (action == "lost_answer")
    assert len(account.contacts.changes) == (action == "lost_answer")
