"""Sync after what went wrong: kills, faults, a clock ahead, a long pause, files removed, another writer."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest

from smsdata import LockedError, Store
from smsdata.ingest.run import sync
from smsdata.simulator import Account, Faults, Gateway
from tests.support.comparison import differences
from tests.support.sync_world import present


def test_sync_stored_counters_without_dlrs_leave_nothing_stale(world, connect):
    """As after a crash between the two."""
    account, gateway, store = world
    account.send_campaign(numbers=[f"61491570{n:03d}" for n in range(500, 560)], text="Hello")
    account.advance(hours=1)
    sync(connect(gateway), store, tables=["campaigns"])
    sync(connect(gateway), store)
    assert differences(store, account) == {}


def test_sync_goes_on_after_more_than_twelve_months(world, connect):
    account, gateway, store = world
    account.advance(days=400)
    account.inbound(61491570156, "Are you still there?")
    first, then = (sync(connect(gateway), store) for _ in range(2))
    assert ["12 months" in line for line in first.attention] == [True]
    assert then.attention == []
    assert "Are you still there?" in store.read("replies")["response"].to_list()


def test_sync_reads_the_days_again_that_a_clock_ahead_skipped(world, connect):
    account, gateway, store = world
    account.advance(hours=1)
    sync(connect(Ahead(gateway, timedelta(days=1))), store)
    account.advance(hours=5)
    account.inbound(61491570156, "before the wrong cursor")
    report = sync(connect(gateway), store)
    assert any("a clock was wrong" in line for line in report.attention)
    assert differences(store, account, ["replies", "messages"]) == {}
    account.advance(hours=1)
    again = sync(connect(gateway), store)
    assert (again.notes, again.attention) == ([], [])


class Ahead:
    """A gateway whose clock is ahead."""

    def __init__(self, gateway, by):
        self._gateway, self._by = gateway, by

    def __getattr__(self, name):
        return getattr(self._gateway, name)

    def respond(self, *arguments, **named):
        answer = self._gateway.respond(*arguments, **named)
        told = format_datetime(present(self._gateway.account) + self._by, usegmt=True)
        return replace(answer, headers=dict(answer.headers) | {"date": told})


def test_sync_reads_removed_replies_and_members_again(world, connect):
    """As the error about a damaged file advises."""
    account, gateway, store = world
    for table in ("replies", "list_members"):
        for part in store.parts(table):
            part.unlink()
    sync(connect(gateway), store, deep=True, since="100d")
    assert differences(store, account) == {}


@pytest.mark.parametrize(("recipients", "table"), [(5_000, "messages"), (50_000, "dlrs")])
def test_sync_killed_half_way_reads_only_the_other_half(connect, tmp_path, recipients, table):
    """500 pages of messages, or of one send to 50,000 numbers, and a SIGKILL when 250 are read."""
    account = Account.bulk(50_000, recipients=recipients, days=20)
    gateway = Gateway(account, limiter=None)
    store = tmp_path / "store"
    child = os.fork()
    if child == 0:
        try:
            sync(connect(Deadly(gateway, after=250)), store, tables=[table])
        finally:
            os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    sync(connect(gateway), store, tables=[table])
    assert 250 <= len(gateway.calls) <= 275
    assert differences(Store(store), account, [table]) == {}


def test_sync_killed_after_a_batch_was_stored_does_not_read_it_again(connect, tmp_path):
    account = Account.bulk(210_000, recipients=5_000, days=20)
    gateway, store = Gateway(account, limiter=None), tmp_path / "store"
    child = os.fork()
    if child == 0:
        try:
            sync(connect(Deadly(gateway, after=1_900)), store, tables=["messages"])
        finally:
            os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert Store(store).count("messages") >= 100_000
    sync(connect(gateway), store, tables=["messages"])
    assert len(gateway.calls) <= 275
    assert differences(Store(store), account, ["messages"]) == {}


class Deadly:
    """A gateway of which the caller dies after some pages."""

    def __init__(self, gateway, after):
        self._gateway, self._left = gateway, after

    def __getattr__(self, name):
        return getattr(self._gateway, name)

    def respond(self, method, path, params, *arguments, **named):
        if "get-lists" not in path and "get-message-report" not in path:
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._gateway.respond(method, path, params, *arguments, **named)


def test_sync_after_faults_equals_the_truth(connect, tmp_path):
    account = Account(seed=6, campaigns=10, recipients=60, singles=10, inbound=8, lists=3, days=40)
    kinds = {
        "error500": 0.02,
        "html502": 0.02,
        "truncate": 0.02,
        "reset": 0.02,
        "error200": 0.01,
        "html200": 0.01,
    }
    gateway = Gateway(account, limiter=None, faults=Faults(kinds, seed=3))
    store = Store(tmp_path / "store")
    for _ in range(3):
        sync(connect(gateway), store, since="60d")
        assert differences(store, account) == {}
        account.advance(hours=24)
    assert sum(gateway.faults.struck.values()) > 0


def test_sync_leaves_a_store_that_is_being_written(world, connect):
    _, gateway, store = world
    with Store(store.path).writing(), pytest.raises(LockedError, match="process"):
        sync(connect(gateway), store)


def test_sync_cursor_never_passes_what_was_not_proved(connect, tmp_path):
    account = Account(seed=5, campaigns=4, recipients=40, singles=4, days=20)
    gateway = Gateway(account, limiter=None)
    store = Store(tmp_path / "store")
    sync(connect(gateway), store)
    cursor = store.state.cursors["messages"]
    account.send_campaign(numbers=[f"61491570{n:03d}" for n in range(300, 700)], text="Sale")
    account.advance(hours=24)
    lying = Gateway(account, limiter=None, faults=Faults({"total_big": 1.0}))
    report = sync(connect(lying), store, tables=["messages"])
    assert report.attention
    assert store.state.cursors["messages"] == cursor
    sync(connect(gateway), store)
    assert differences(store, account, ["messages"]) == {}
