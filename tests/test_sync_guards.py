"""One thing's failure costs that thing alone; what concerns the whole account ends the run."""

from __future__ import annotations

import time

import pytest

from smsdata import ApiError, Store
from smsdata.ingest.run import sync
from smsdata.simulator import Account, Always, Faults, Gateway
from tests.support.comparison import differences
from tests.support.served import biggest
from tests.support.sync_world import small_account


def failing(account: Account, *always: Always) -> Gateway:
    return Gateway(account, limiter=None, faults=Faults(always=always))


class Dying(Gateway):
    """A gateway that is away from its twelfth call on."""

    dies = ""

    def respond(self, *request):
        if self.dies and len(self.calls) > 12:
            self.faults.chances = {self.dies: 1.0}
        return super().respond(*request)


class Slow(Gateway):
    """A gateway that thinks before it answers, so that calls made at once are all under way."""

    def respond(self, *request):
        time.sleep(0.05)
        return super().respond(*request)


def asked(gateway: Gateway, call: str, **params: str) -> int:
    """How often a call was made with these parameters."""
    wanted = params.items()
    return sum(
        one.path.endswith(f"{call}.json") and wanted <= dict(one.params).items() for one in gateway.calls
    )


def test_sync_goes_on_when_one_send_always_fails(connect, tmp_path):
    account = small_account()
    send = str(biggest(account))
    gateway = failing(account, Always("error500", "get-sms-sent", {"message_id": send}))
    store = Store(tmp_path / "store")
    report = sync(connect(gateway), store)
    assert any(f"message_id={send}" in line and "next run" in line for line in report.attention)
    assert all(f"message_id={send}" in line for line in report.attention)
    missing = differences(store, account)
    assert set(missing) <= {"dlrs", "optouts", "messages", "status_history"}  # statuses follow from dlrs
    assert len(store.read("list_members")) == len(account.truth("list_members"))
    stored = store.read("dlrs", columns=["message_id"])["message_id"]
    recent = {row["message_id"] for row in account.truth("dlrs")} - {int(send)}
    assert int(send) not in set(stored)
    assert len(set(stored) & recent) > 3


def test_sync_tries_what_failed_with_growing_pauses_and_takes_it(connect, tmp_path):
    account = small_account()
    send = str(biggest(account))
    gateway = failing(account, Always("error500", "get-sms-sent", {"message_id": send}))
    store = Store(tmp_path / "store")
    tried = []
    for run in range(8):
        before = asked(gateway, "get-sms-sent", message_id=send)
        report = sync(connect(gateway), store, since=None if run else "90d")
        tried.append(asked(gateway, "get-sms-sent", message_id=send) > before)
        assert any(f"message_id={send}" in line for line in report.attention)
        account.advance(hours=13)
    assert tried == [True, True, False, True, False, False, False, True]
    gateway.faults.always = ()
    account.advance(days=5)
    assert sync(connect(gateway), store).attention == []
    assert not store.state.failures
    assert differences(store, account) == {}


@pytest.mark.parametrize("call", ["get-numbers", "get-keywords", "get-lists", "get-user-sms-responses"])
def test_sync_notes_a_call_that_the_gateway_does_not_have(connect, tmp_path, call):
    account = small_account()
    gateway = failing(account, Always("not_offered", call))
    store = Store(tmp_path / "store")
    for run in range(3):
        report = sync(connect(gateway), store, since=None if run else "90d")
        assert report.attention == []
        assert any("not offered by this gateway" in note for note in report.notes)
    assert asked(gateway, call) == 1
    account.advance(days=8)
    sync(connect(gateway), store)
    assert asked(gateway, call) == 2
    gateway.faults.always = ()
    account.advance(days=8)
    assert sync(connect(gateway), store).notes == []
    assert differences(store, account) == {}


@pytest.mark.parametrize("deep", [False, True])
def test_one_answer_settles_for_all_reads_that_a_call_is_still_missing(connect, tmp_path, deep):
    call = "get-user-sms-responses"
    account = small_account()
    gateway = Slow(account, limiter=None, faults=Faults(always=(Always("not_offered", call),)))
    store = Store(tmp_path / "store")
    sync(connect(gateway), store, since="90d")
    for run in range(1, 4):
        account.advance(days=8)
        report = sync(connect(gateway), store, deep=deep)
        assert any("not offered by this gateway" in note for note in report.notes)
        assert asked(gateway, call) == 1 + run


@pytest.mark.parametrize("kind", ["error500", "reset", "html200"])
def test_sync_ends_when_the_gateway_is_away(connect, tmp_path, kind):
    gateway = Gateway(small_account(), limiter=None, faults=Faults({kind: 1.0}))
    with pytest.raises(ApiError):
        sync(connect(gateway), tmp_path / "store")
    assert len(gateway.calls) < 30


@pytest.mark.parametrize("kind", ["error500", "reset"])
def test_sync_ends_when_the_gateway_goes_away_and_loses_nothing(connect, tmp_path, kind):
    account = small_account()
    gateway = Dying(account, limiter=None)
    gateway.dies = kind
    store = Store(tmp_path / "store")
    with pytest.raises(ApiError, match="kept"):
        sync(connect(gateway), store, since="90d")
    assert len(gateway.calls) < 120
    gateway.dies, gateway.faults.chances = "", {}
    sync(connect(gateway), store, since="90d")
    assert differences(store, account) == {}


def test_sync_at_a_wrong_address_is_an_error(connect, tmp_path):
    everything = ("get-lists", "get-message-report", "get-balance", "get-user-sms-sent", "get-sms-sent")
    gateway = failing(small_account(), *(Always("not_offered", call) for call in everything))
    with pytest.raises(ApiError, match="SMSDATA_BASE_URL"):
        sync(connect(gateway), tmp_path / "store")


def test_sync_stores_later_slices_and_reads_the_failed_one_again(connect, tmp_path):
    account = small_account()
    gateway = Gateway(account, limiter=None)
    store = Store(tmp_path / "store")
    sync(connect(gateway), store, since="90d")
    cursor = store.state.cursors["messages"]
    account.send_campaign(numbers=["61491570156", "61491570157"], text="Hello")
    account.advance(hours=12)
    gateway.faults.always = (Always("error500", "get-user-sms-sent"),)
    for _ in range(3):
        report = sync(connect(gateway), store)
        assert any(line.startswith("messages(") for line in report.attention)
        assert store.state.cursors["messages"] == cursor
        assert len(store.read("list_members")) == len(account.truth("list_members"))
    gateway.faults.always = ()
    assert sync(connect(gateway), store).attention == []
    assert differences(store, account) == {}


def test_sync_from_earlier_on_remembers_the_slice_that_failed(connect, tmp_path):
    account = small_account()
    gateway = Gateway(account, limiter=None)
    store = Store(tmp_path / "store")
    sync(connect(gateway), store, since="10d")
    gateway.faults.always = (Always("error500", "get-user-sms-sent"),)
    assert sync(connect(gateway), store, since="90d").attention
    gateway.faults.always = ()
    sync(connect(gateway), store)
    assert differences(store, account) == {}
