"""Long lists on which people join and leave: two passes, what is proved and what is not, few calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from smsdata import Client, DrainError, Store, hygiene, sync
from smsdata.gateway.answers import Page
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reader import Reader
from smsdata.gateway.reads import Read
from smsdata.ingest.list_ends import Moves
from smsdata.simulator import Account, Drift, Gateway
from tests.support.comparison import differences
from tests.support.tampering import Tampered

Connect = Callable[..., Client]
PAGE = 25


def account_of(members: int) -> tuple[Account, int]:
    """An account with one list of so many members, a minute apart."""
    account = Account(seed=2, campaigns=0, singles=0, inbound=0, lists=0, days=30)
    list_id = account.contacts.add_list("Long")
    for n in range(members):
        account.contacts.add_member(list_id, 61491570000 + n if n < 1000 else 15005550000 + n)
        account.advance(seconds=1)
    return account, list_id


def get_list_calls(gateway: Gateway) -> int:
    return Counter(call.path for call in gateway.calls)["/get-list.json"]


@pytest.fixture
def living(connect: Connect, tmp_path: Path) -> tuple[Account, int, Gateway, Client, Store]:
    """A stored list of 24 pages, on which somebody joins before every fifth page from now on."""
    account, list_id = account_of(600)
    gateway = Gateway(account, limiter=None, max_page=PAGE)
    client, store = connect(gateway), Store(tmp_path / "store")
    assert sync(client, store).attention == []
    gateway.drift = Drift(every_pages=5, rows=1, kinds=("join",), seed=1, seconds=1)
    account.advance(days=8)  # the weekly read is due
    return account, list_id, gateway, client, store


def test_list_that_keeps_growing_takes_two_passes_and_is_stored_as_seen(living) -> None:  # type: ignore[no-untyped-def]
    account, list_id, gateway, client, store = living
    before = get_list_calls(gateway)
    report = sync(client, store)
    pages = len(account.truth("list_members")) / PAGE
    assert get_list_calls(gateway) - before <= 2.1 * pages + 1
    assert any(f"list {list_id} changed while it was read" in line for line in report.attention)
    stored = store.read("list_members")
    assert stored["gone_at"].isna().all()
    twice = stored[stored["proved"]]
    assert len(twice) >= 600
    assert 0 < (~stored["proved"]).sum() < 30
    true = {row["msisdn"] for row in account.truth("list_members")}
    assert set(stored["msisdn"]) <= true


def test_run_after_it_reads_few_pages_and_the_quiet_one_proves_all(living) -> None:  # type: ignore[no-untyped-def]
    account, list_id, gateway, client, store = living
    sync(client, store)
    gateway.drift = None
    before = get_list_calls(gateway)
    report = sync(client, store)
    assert get_list_calls(gateway) - before <= 5
    assert any("until the weekly read proves it" in line for line in report.attention), "still said"
    account.advance(days=8)
    assert sync(client, store).attention == []
    assert differences(store, account) == {}
    assert store.read("list_members")["proved"].all()
    assert list_id not in store.state.changing_lists


def test_nobody_is_gone_without_proof(living) -> None:  # type: ignore[no-untyped-def]
    account, _, gateway, client, store = living
    gateway.drift = Drift(every_pages=4, rows=1, kinds=("join", "delete"), seed=3, seconds=1)
    sync(client, store)
    assert store.read("list_members")["gone_at"].isna().all()
    gateway.drift = None
    account.advance(days=8)
    sync(client, store)
    assert differences(store, account) == {}
    assert store.read("list_members")["gone_at"].notna().any()


def test_list_members_raises_and_offers_what_was_seen(connect: Connect) -> None:
    account, list_id = account_of(600)
    gateway = Gateway(account, limiter=None, max_page=PAGE, drift=Drift(5, 1, ("join",), seconds=1))
    client = connect(gateway)
    with pytest.raises(DrainError, match="allow_unproved=True"):
        client.list_members(list_id=list_id)
    assert client.calls <= 2.1 * 26
    frame = client.list_members(list_id=list_id, allow_unproved=True)
    assert frame.attrs["drain"]["proofs"] == ["unproved"]
    assert 0 < (~frame["proved"]).sum() < 30
    gateway.drift = None
    assert client.list_members(list_id=list_id)["proved"].all()


@pytest.mark.parametrize("joined", [0, 1, 3])
@pytest.mark.parametrize("left", [0, 1, 2])
def test_few_moves_are_seen_at_the_ends_of_a_list(
    connect: Connect, tmp_path: Path, joined: int, left: int
) -> None:
    account, list_id = account_of(600)
    gateway = Gateway(account, limiter=None, max_page=PAGE)
    client, store = connect(gateway), Store(tmp_path / "store")
    sync(client, store)
    for n in range(joined):
        account.contacts.add_member(list_id, 61491579000 + n)
    for n in range(left):
        account.contacts.optout_member(61491570100 + n, list_id)
    account.advance(hours=1)
    before = get_list_calls(gateway)
    report = sync(client, store)
    assert get_list_calls(gateway) - before <= 5
    assert report.attention == [], "nothing is wrong with a list that grows"
    assert differences(store, account) == {}
    seen_once = store.read("list_members").query("~proved")
    assert len(seen_once) == joined + left
    account.advance(days=8)
    sync(client, store)
    assert store.read("list_members")["proved"].all()


def test_opt_outs_of_a_long_list_settle_without_reading_it_whole(connect: Connect, tmp_path: Path) -> None:
    """Who opts out while a list is read is found among its inactive members by the next run."""
    account, list_id = account_of(600)
    gateway = Gateway(account, limiter=None, max_page=PAGE)
    client, store = connect(gateway), Store(tmp_path / "store")
    for n in range(20, 80):
        account.contacts.optout_member(61491570000 + n, list_id)
    sync(client, store)
    for n in (300, 150, 90):  # none of them at an end of the inactive ones
        account.contacts.optout_member(61491570000 + n, list_id)
    account.contacts.optout_member(61491570010, list_id)
    account.advance(hours=1)
    before = get_list_calls(gateway)
    sync(client, store)
    assert get_list_calls(gateway) - before <= 5
    assert differences(store, account) == {}
    before = get_list_calls(gateway)
    sync(client, store)
    assert get_list_calls(gateway) == before, "nothing moved"


def test_moves_that_the_ends_do_not_show_have_the_list_read_whole(connect: Connect, tmp_path: Path) -> None:
    account, list_id = account_of(600)
    gateway = Gateway(account, limiter=None, max_page=PAGE)
    client, store = connect(gateway), Store(tmp_path / "store")
    sync(client, store)
    account.contacts.delete_member(61491570300, list_id)  # nobody shows a deleted contact
    account.advance(hours=1)
    before = get_list_calls(gateway)
    assert sync(client, store).attention == []
    assert get_list_calls(gateway) - before >= 24
    assert differences(store, account) == {}


@pytest.mark.parametrize(
    ("seen", "now", "moves"),
    [
        ((600, 600), (601, 601), Moves(1, 0)),
        ((600, 600), (599, 600), Moves(0, 1)),
        ((600, 600), (600, 600), None),
        ((600, 600), (602, 601), None),  # somebody came back: nobody knows who
        ((600, 600), (590, 590), None),  # a count that shrinks is another thing
        ((40, 40), (41, 41), None),  # a short list is read whole
        ((-1, 600), (601, 601), None),
    ],
)
def test_moves_follow_from_the_counters(
    seen: tuple[int, int], now: tuple[int, int], moves: Moves | None
) -> None:
    assert Moves.between(seen, now) == moves


def test_clean_leaves_alone_whom_one_pass_saw(living) -> None:  # type: ignore[no-untyped-def]
    account, list_id, gateway, client, store = living
    sync(client, store)
    gateway.drift = None
    stored = store.read("list_members")
    once, twice = (set(stored.loc[stored["proved"] == proved, "msisdn"]) for proved in (False, True))
    for hours in (72, 90):  # less than a week in all: the list is not read whole again
        send = account.send_campaign(list_id, "Hello")
        account.advance(hours=2)
        for msisdn in [*once, *sorted(twice)[:2]]:
            account.set_status(send, msisdn, "hard-bounce")
        account.advance(hours=hours)
        sync(client, store)
    made = hygiene.plan(store)
    left_alone = set(made.loc[made["rule"] == "unproved", "msisdn"])
    assert left_alone
    assert left_alone <= once
    judged = made.loc[made["msisdn"].isin(sorted(twice)[:2]), "rule"]
    assert len(judged) == 2, "the others are judged as ever"
    assert "unproved" not in set(judged)
    assert not set(made.loc[made["tier"] != "review", "msisdn"]) & once


def test_reader_gives_nothing_unproved_unless_it_is_asked_to(connect: Connect) -> None:
    """The seeded bug of the kind: who takes two passes for a proof would mark people as gone."""
    account, list_id = account_of(600)
    gateway = Gateway(account, limiter=None, max_page=PAGE, drift=Drift(5, 1, ("delete",), seconds=1))
    read = Read(endpoint("list_members"), {"list_id": list_id})
    with pytest.raises(DrainError):
        Reader(connect(gateway)).read(read)
    seen = Reader(connect(gateway), allow_unproved=True).read(read)
    rows: pd.DataFrame = seen.rows.to_pandas()
    true = {row["msisdn"] for row in account.truth("list_members")}
    assert not set(rows["msisdn"]) <= true, "some that were seen have left"
    assert seen.proof == "unproved"


def test_reader_claims_no_proof_where_the_second_reading_of_the_active_has_none(connect: Connect) -> None:
    """A gateway that refuses all members at once, on a list that changes only while it is read again."""
    account, list_id = account_of(600)
    gateway = Gateway(account, limiter=None, max_page=PAGE)
    refusal = {"error": {"code": "FIELD_INVALID", "description": "members"}}
    client = connect(
        gateway,
        through=Tampered(gateway, lambda _, sent, __: refusal if sent.get("members") == "all" else None),
    )
    pages = 0

    def begin(page: Page) -> None:
        nonlocal pages
        pages += 1
        if pages == 27:  # the active ones took 25 pages, the inactive ones one
            gateway.drift = Drift(5, 1, ("join",), seconds=1)

    read = Read(endpoint("list_members"), {"list_id": list_id})
    assert Reader(client, allow_unproved=True, on_page=begin).read(read).proof == "unproved"
