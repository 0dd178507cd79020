"""What a run set out to read: remembered until it is read, not read twice, and named while it is not."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from smsdata import ApiError, Store
from smsdata.ingest.reconcile import verify
from smsdata.ingest.run import plan_sync, sync
from smsdata.simulator import Account, Gateway
from tests.support.comparison import differences
from tests.support.sync_world import present, small_account

FAR = "https://sms.example/"


class Closing:
    """A gateway that refuses every call after some."""

    def __init__(self, gateway, after):
        self._gateway, self._left = gateway, after

    def __getattr__(self, name):
        return getattr(self._gateway, name)

    def respond(self, method, path, params, headers):
        self._left -= 1
        return self._gateway.respond(method, path, params, headers if self._left >= 0 else {})


def interrupted(connect, gateway, store, after, **options):
    with pytest.raises(ApiError):
        sync(connect(Closing(gateway, after)), store, **options)


@pytest.mark.parametrize("after", [0, 1, 3, 14, 16, 18, 21, 24])
def test_sync_goes_on_with_what_an_interrupted_run_set_out_to_read(connect, tmp_path, after):
    account = small_account()
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    interrupted(connect, gateway, store, after, since="100d")
    assert any(one.what == "unfinished" for one in Store(store.path).verify())
    assert sync(connect(gateway), store).attention == []
    assert differences(store, account) == {}
    assert Store(store.path).verify() == []


def test_sync_of_campaigns_alone_is_no_weekly_pass_of_their_opt_outs(world, connect):
    account, gateway, store = world
    old = min((r for r in account.truth("dlrs") if not r["optout"]), key=lambda row: row["sent_at"])
    account.advance(days=8)
    account.optout_by_link(old["message_id"], old["msisdn"])
    sync(connect(gateway), store, tables=["campaigns"])
    sync(connect(gateway), store)
    assert differences(store, account, ["optouts"]) == {}


def test_sync_since_in_a_cron_line_reads_what_is_covered_once(world, connect):
    account, gateway, store = world
    assert sync(connect(gateway), store, since="100d").calls <= 6
    account.advance(hours=1)
    assert sync(connect(gateway), store, since="100d").calls <= 6
    assert sync(connect(gateway), store, since="100d", deep=True).calls > 20
    assert differences(store, account) == {}


def test_plan_names_nothing_and_keeps_nothing_of_what_it_was_asked(connect, tmp_path):
    store = Store(tmp_path / "store")
    gateway = Gateway(small_account(), limiter=None)
    plan_sync(connect(gateway), store, since="100d")
    assert not store.path.exists()


@pytest.mark.parametrize("table", ["messages", "dlrs", "optouts", "replies"])
def test_verify_advice_mends_a_table_that_was_removed(world, connect, table):
    _, gateway, store = world
    for part in store.parts(table):
        part.unlink()
    wrong = [one for one in verify(store, connect(gateway)) if one.table == table]
    assert wrong
    assert all("--deep --since" in one.advice for one in wrong)
    since = min(one.advice.split("--since ")[1][:10] for one in wrong)
    sync(connect(gateway), store, deep=True, since=since)
    assert [one for one in verify(store, connect(gateway)) if one.table == table] == []


# ---- replies ---------------------------------------------------------------------------------------------


def test_sync_takes_a_reply_that_is_listed_late(connect, tmp_path):
    account = Account(seed=5, campaigns=3, recipients=20, singles=0, inbound=0, lists=1, days=20,
                      late_replies=1.0, reply_rate=0)  # fmt: skip
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    sync(connect(gateway), store)
    account.inbound(61491570156, "Are you open?")
    for _ in range(4):
        account.advance(hours=24)
        sync(connect(gateway), store)
    assert store.count("replies") == 1
    assert differences(store, account, ["replies"]) == {}


def test_sync_reads_the_replies_of_a_send_whose_counter_says_more_once(world, connect):
    account, gateway, store = world
    send = max((r for r in account.truth("campaigns") if r["msisdn"] is None), key=lambda r: r["sent_at"])
    gateway.spoil("get-message-report", {"id": send["message_id"]}, {"responses": send["responses"] + 1})
    calls = [Counter(c.path for c in gateway.calls)["/get-sms-responses.json"]]
    for _ in range(3):
        assert sync(connect(gateway), store).attention == []
        calls.append(Counter(c.path for c in gateway.calls)["/get-sms-responses.json"])
    assert calls == [0, 1, 1, 1]
    assert store.verify() == []


@pytest.mark.parametrize("off", [900, 11 * 3600, 7 * 86400, 40 * 86400, -11 * 3600, -7 * 86400, -40 * 86400])
def test_sync_cursors_stay_behind_the_earlier_clock(connect, tmp_path, off):
    account, store = small_account(), Store(tmp_path / "store")
    far = {"base_url": FAR, "wall": lambda: present(account)}
    gateway = Gateway(account, limiter=None, date_offset=off)
    report = sync(connect(gateway, **far), store)
    assert ["clock" in note for note in report.notes if "clock" in note] == [True]
    earlier = present(account) + timedelta(seconds=min(off, 0))
    assert all(cursor <= earlier for cursor in store.state.cursors.values())
    account.inbound(61491570156, "Are you open?")
    account.advance(hours=1)
    right = Gateway(account, limiter=None)
    assert sync(connect(right, **far), store).notes == []
    assert differences(store, account, ["campaigns", "optouts", "replies", "list_members"]) == {}
