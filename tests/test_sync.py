"""Sync against the simulator's truth: what a scheduled export must still get right after months."""

from __future__ import annotations

import copy
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow.compute as pc
import pytest

from smsdata import Store, StoreError, UsageError
from smsdata.gateway.endpoints import SYNCED
from smsdata.ingest import plan as planner
from smsdata.ingest.run import plan_sync, sync
from smsdata.simulator import Account, Gateway
from tests.support.comparison import counted, differences, stored_rows
from tests.support.look_back import look_back_three_days
from tests.support.sync_world import present


def test_sync_equals_the_truth(world):
    account, _, store = world
    assert differences(store, account) == {}


def test_sync_makes_at_most_six_calls_when_nothing_changed(world, connect):
    account, gateway, store = world
    again = sync(connect(gateway), store)
    assert again.calls <= 6
    assert again.attention == []
    assert differences(store, account) == {}


def test_sync_leaves_nothing_stale_after_a_day_with_two_sends(world, connect):
    account, gateway, store = world
    for number in (1, 2):
        numbers = [f"61491570{n:03d}" for n in range(300 + 120 * number, 420 + 120 * number)]
        account.send_campaign(numbers=numbers, text=f"Sale {number}. Reply STOP to opt out")
        account.advance(hours=12)
    sync(connect(gateway), store)
    assert differences(store, account) == {}


def best_calls(account, before, covered):
    """The fewest calls that prove the change, by brute force over the ways to read each campaign."""
    calls = 0
    truth = [row for row in account.truth("dlrs") if row["message_id"] in covered]
    was = {(row["message_id"], row["msisdn"]): row for row in before.truth("dlrs")}
    alone = {row["message_id"] for row in account.truth("campaigns") if row["msisdn"] is not None}
    for message_id in {row["message_id"] for row in truth} - alone:
        rows = [row for row in truth if row["message_id"] == message_id]
        old = [was.get((row["message_id"], row["msisdn"])) for row in rows]
        if all(
            o and o["status"] == r["status"] and o["optout"] == r["optout"]
            for o, r in zip(old, rows, strict=True)
        ):
            continue
        count = Counter(row["status"] for row in rows)
        full = planner.pages(len(rows))
        failed = planner.pages(count["soft-bounce"] + count["hard-bounce"])
        fresh_optouts = sum(r["optout"] and not (o and o["optout"]) for o, r in zip(old, rows, strict=True))
        parts = planner.pages(count["pending"]) + failed + bool(fresh_optouts)
        calls += min(full, parts) if all(old) else full
    return calls


def test_sync_makes_little_more_calls_than_the_best_plan(world, connect):
    account, gateway, store = world
    for number in (1, 2):
        numbers = [f"61491570{n:03d}" for n in range(300 + 120 * number, 420 + 120 * number)]
        account.send_campaign(numbers=numbers, text=f"Sale {number}")
    sync(connect(gateway), store)
    before = copy.deepcopy(account)
    account.advance(hours=24)
    report = sync(connect(gateway), store)
    assert differences(store, account) == {}
    since = present(account) - timedelta(days=30)
    covered = {row["message_id"] for row in account.truth("campaigns") if row["sent_at"] >= since}
    best = best_calls(account, before, covered)
    spent = report.tables["dlrs"].calls + report.tables["optouts"].calls
    assert best > 0
    assert spent <= 1.2 * best


def test_sync_makes_a_fraction_of_the_calls_of_a_fixed_look_back(connect, tmp_path):
    account = Account.bulk(20_000, recipients=2_500, days=3)
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    sync(connect(gateway), store)
    for number in (1, 2):
        numbers = [f"61491570{n:03d}" for n in range(300 + 120 * number, 420 + 120 * number)]
        account.send_campaign(numbers=numbers, text=f"Sale {number}")
    account.advance(hours=24)
    calls = sync(connect(gateway), store).calls
    assert differences(store, account) == {}
    before = len(gateway.calls)
    look_back_three_days(connect(gateway), Store(tmp_path / "other"))
    assert calls < (len(gateway.calls) - before) / 5


def test_sync_spends_no_call_on_single_recipient_sends(world, connect):
    account, gateway, store = world
    for number in range(5):
        account.send(61491570156 + number % 3, f"Your code is {number}")
    account.advance(hours=80)
    report = sync(connect(gateway), store)
    alone = {row["message_id"] for row in account.truth("campaigns") if row["msisdn"] is not None}
    asked = {dict(call.params).get("message_id") for call in gateway.calls if "get-sms-sent" in call.path}
    assert not asked & {str(message_id) for message_id in alone}
    assert report.attention == []
    assert differences(store, account) == {}


def test_sync_finds_an_opt_out_by_link_forty_days_later_within_a_week(world, connect):
    account, gateway, store = world
    old = min(
        (row for row in account.truth("dlrs") if row["status"] == "delivered" and not row["optout"]),
        key=lambda row: abs((present(account) - row["sent_at"]).days - 40),
    )
    account.optout_by_link(old["message_id"], old["msisdn"])
    for _ in range(8):
        account.advance(hours=24)
        sync(connect(gateway), store)
    assert differences(store, account) == {}


def test_sync_finds_a_status_that_changes_after_settling(world, connect):
    account, gateway, store = world
    row = max(
        (
            r
            for r in account.truth("dlrs")
            if r["status"] == "soft-bounce" and (present(account) - r["sent_at"]).days > 5
        ),
        key=lambda r: r["sent_at"],
    )
    account.set_status(row["message_id"], row["msisdn"], "delivered")
    sync(connect(gateway), store)
    assert differences(store, account) == {}


@pytest.mark.parametrize(("since", "found"), [(None, False), ("100d", True)])
def test_sync_deep_finds_changes_that_cancel_each_other_out(world, connect, since, found):
    """In a send of two months ago; a plain sync cannot see them."""
    account, gateway, store = world
    rows = [row for row in account.truth("dlrs") if (present(account) - row["sent_at"]).days > 40]
    by_send: dict[int, dict[str, dict[str, Any]]] = {}
    for row in rows:
        by_send.setdefault(row["message_id"], {}).setdefault(row["status"], row)
    both = next(send for send in by_send.values() if {"delivered", "hard-bounce"} <= send.keys())
    for status, other in (("delivered", "hard-bounce"), ("hard-bounce", "delivered")):
        account.set_status(both[status]["message_id"], both[status]["msisdn"], other)
    account.advance(hours=1)
    sync(connect(gateway), store)
    assert differences(store, account) != {}
    sync(connect(gateway), store, deep=True, since=since)
    assert (differences(store, account) == {}) is found


def test_sync_marks_what_vanished_and_takes_it_back(world, connect):
    account, gateway, store = world
    member = next(row for row in account.truth("list_members") if row["status"] == "active")
    account.contacts.delete_member(member["msisdn"], member["list_id"])
    sync(connect(gateway), store)
    gone = store.read("list_members").query("gone_at.notna()")
    assert list(gone["msisdn"]) == [member["msisdn"]]
    assert differences(store, account) == {}
    account.contacts.add_member(member["list_id"], member["msisdn"])
    sync(connect(gateway), store)
    assert store.read("list_members")["gone_at"].isna().all()
    assert differences(store, account) == {}


def test_sync_takes_late_messages_with_an_old_time(world, connect):
    account, gateway, store = world
    account.send_campaign(
        numbers=[f"61491570{n:03d}" for n in range(600, 640)],
        text="Late",
        at=present(account) - timedelta(days=2),
    )
    account.advance(hours=1)
    sync(connect(gateway), store)
    assert differences(store, account, ["campaigns", "messages", "dlrs", "optouts"]) == {}


def test_sync_asks_once_about_counters_that_no_read_bears_out(world, connect):
    account, gateway, store = world
    campaigns = (row for row in account.truth("campaigns") if row["msisdn"] is None)
    odd = max((row for row in campaigns if row["sent_at"] < present(account) - timedelta(days=5)),
              key=lambda row: row["sent_at"])  # fmt: skip
    gateway.spoil("get-message-report", {"id": odd["message_id"]}, {"delivered": odd["delivered"] + 1})
    report = sync(connect(gateway), store)
    starts = [f"{table} of campaign {odd['message_id']}" for table in ("messages", "dlrs")]
    assert [line.split(":")[0] for line in report.attention] == starts
    again = sync(connect(gateway), store)
    assert again.calls <= 6
    assert again.attention == []
    places = [d.where for d in store.verify() if d.table == "dlrs"]
    assert places == [f"message_id={odd['message_id']}"]


def test_sync_reads_dlrs_further_back_also_where_opt_outs_are_known(connect, tmp_path):
    """Opt-outs are kept for 12 months, dlrs from later on: the ones must not pass for the others."""
    account = Account(seed=5, campaigns=6, recipients=40, singles=3, lists=2, days=90, link_rate=0.1)
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    sync(connect(gateway), store)
    assert differences(store, account, ["optouts"]) == {}
    sync(connect(gateway), store, since="100d")
    assert differences(store, account) == {}


def test_sync_takes_the_opt_out_of_a_single_send_older_than_its_dlrs(connect, tmp_path):
    account = Account(seed=5, campaigns=2, recipients=9, singles=0, lists=1, days=10)
    message_id = account.send(61491570156, "Your table is ready")
    account.advance(days=60)
    account.optout_by_link(message_id, 61491570156)
    store = Store(tmp_path / "store")
    sync(connect(Gateway(account, limiter=None)), store)
    assert message_id in store.read("optouts")["message_id"].to_list()
    assert differences(store, account, ["optouts"]) == {}
    assert message_id not in store.read("dlrs")["message_id"].to_list()


@pytest.mark.parametrize("code", ["NOT_FOUND", ""])
def test_sync_keeps_the_counters_of_a_send_that_the_gateway_no_longer_tells(connect, tmp_path, code):
    account = Account(seed=5, campaigns=6, recipients=20, singles=0, inbound=0, lists=2, days=60)
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    sync(connect(gateway), store)
    oldest = min(account.truth("dlrs"), key=lambda row: row["sent_at"])
    before = store.read("campaigns").query(f"message_id == {oldest['message_id']}")
    account.reply(oldest["message_id"], oldest["msisdn"], "Hello")
    report = sync(connect(Untold(gateway, code)), store)
    after = store.read("campaigns").query(f"message_id == {oldest['message_id']}")
    assert after["delivered"].to_list() == before["delivered"].to_list()
    assert any("does not tell its counters" in note for note in report.notes)
    assert differences(store, account, ["replies"]) == {}


class Untold:
    """A gateway that refuses a send's counters with a code, or leaves one of them out."""

    def __init__(self, gateway, code):
        self._gateway, self._code = gateway, code

    def __getattr__(self, name):
        return getattr(self._gateway, name)

    def respond(self, method, path, *arguments, **named):
        answer = self._gateway.respond(method, path, *arguments, **named)
        if "get-sms-stats" not in path:
            return answer
        told = json.loads(answer.body)
        del told["stats"]["delivered"]
        refused = {"error": {"code": self._code, "description": ""}}
        status, body = (400, refused) if self._code else (200, told)
        return replace(answer, status=status, body=json.dumps(body).encode())


def test_sync_of_messages_alone_goes_by_the_gateways_clock(connect, tmp_path):
    account = Account(seed=5, now="2027-11-22", campaigns=3, recipients=9, singles=3, days=20)
    store = Store(tmp_path / "store")
    sync(connect(Gateway(account, limiter=None)), store, tables=["messages"])
    assert differences(store, account, ["messages"]) == {}


def test_sync_asks_for_no_opt_outs_where_none_are_new(connect, tmp_path):
    account = Account(seed=5, campaigns=0, recipients=5, singles=0, inbound=0, lists=1, goo=False,
                      reply_rate=0, link_rate=0)  # fmt: skip
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    message_id = account.send_campaign(numbers=range(61491570200, 61491570800))
    account.advance(hours=1)
    account.optout_by_link(message_id, 61491570300)
    sync(connect(gateway), store)
    account.advance(hours=6)
    report = sync(connect(gateway), store)
    assert report.tables["dlrs"].calls > 0
    assert "optouts" not in report.tables
    assert differences(store, account, ["dlrs", "optouts"]) == {}


def test_sync_since_later_than_the_cursor_leaves_no_gap(world, connect):
    account, gateway, store = world
    account.schedule(days=9, campaigns=6, recipients=20, singles=20)
    account.advance(days=10)
    sync(connect(gateway), store, tables=["messages"], since="1d")
    assert differences(store, account, ["messages"]).get("messages", ([], []))[0] == []


@pytest.mark.parametrize("code", ["FIELD_INVALID", "FIELD_EMPTY"])
def test_sync_reads_active_and_inactive_members_where_all_are_refused(connect, tmp_path, code):
    account = Account(seed=5, campaigns=1, recipients=130, singles=0, lists=2, days=5)
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    assert sync(connect(NotAll(gateway, code)), store).attention == []
    assert differences(store, account, ["list_members"]) == {}


class NotAll:
    """A gateway that refuses to list active and inactive members at once."""

    def __init__(self, gateway, code):
        self._gateway, self._code = gateway, code

    def __getattr__(self, name):
        return getattr(self._gateway, name)

    def respond(self, method, path, params, *arguments, **named):
        answer = self._gateway.respond(method, path, params := list(params), *arguments, **named)
        if dict(params).get("members") != "all":
            return answer
        refused = {"error": {"code": self._code, "description": "members"}}
        return replace(answer, status=400, body=json.dumps(refused).encode())


def test_sync_of_one_old_send_does_not_move_where_dlrs_begin(world, connect):
    account, gateway, store = world
    begun = store.state.kept_from["dlrs"]
    old = min(account.truth("campaigns"), key=lambda row: row["sent_at"])["message_id"]
    sync(connect(gateway), store, tables=["dlrs"], message_id=old, since="200d", deep=True)
    assert Store(store.path).state.kept_from["dlrs"] == begun


def test_sync_of_one_table_says_that_statuses_are_as_old_as_they_are(world, connect):
    _, gateway, store = world
    report = sync(connect(gateway), store, tables=["messages"])
    assert set(report.tables) == {"messages"}
    assert any("not refreshed" in note for note in report.notes)


def test_sync_of_lists_promises_no_messages(connect, tmp_path):
    gateway, store = Gateway(Account(seed=5, campaigns=3, recipients=9), limiter=None), tmp_path / "store"
    report = sync(connect(gateway), store, tables=["lists", "campaigns"])
    assert set(report.planned) == {"lists", "campaigns"}
    assert Store(store).verify() == []


def test_sync_refuses_an_unknown_table_and_a_bare_number(world, connect):
    _, gateway, store = world
    with pytest.raises(UsageError, match="unknown table"):
        sync(connect(gateway), store, tables=["mesages"])
    with pytest.raises(UsageError, match="not a duration"):
        sync(connect(gateway), store, since="30")


@pytest.mark.parametrize(
    ("tables", "only", "says"),
    [
        (["list_members"], {"list_id": 7}, "no list 7"),
        (["list_members"], {"list_id": 0}, "no list 0"),
        (["dlrs"], {"message_id": 7}, "--since"),
    ],
)
def test_sync_of_one_thing_that_is_not_there_says_so(world, connect, tables, only, says):
    _, gateway, store = world
    with pytest.raises(UsageError, match=says):
        sync(connect(gateway), store, tables=tables, **only)


def test_sync_of_one_send_reads_no_other(world, connect):
    account, gateway, store = world
    message_id = max(row["message_id"] for row in account.truth("campaigns") if row["msisdn"] is None)
    before = len(gateway.calls)
    sync(connect(gateway), store, tables=["dlrs"], message_id=message_id, deep=True)
    asked = [dict(call.params).get("message_id") for call in gateway.calls[before:]]
    assert set(asked) == {None, str(message_id)}


def test_sync_refuses_another_accounts_store(world, connect):
    _, gateway, store = world
    with pytest.raises(StoreError, match="another"):
        sync(connect(gateway, key="other"), store)


def test_sync_on_demand_tables_need_what_they_are_about(world, connect):
    account, gateway, store = world
    with pytest.raises(UsageError, match="--msisdn"):
        sync(connect(gateway), store, tables=["contact_history"])
    number = account.truth("messages")[0]["msisdn"]
    sync(connect(gateway), store, tables=["contact_history"], msisdn=number)
    assert stored_rows(store, "contact_history") == counted(account.truth("contact_history", msisdn=number))


def test_plan_stores_nothing_and_comes_close(world, connect):
    account, gateway, store = world
    account.send_campaign(numbers=[f"61491570{n:03d}" for n in range(300, 420)], text="Sale")
    account.advance(hours=24)
    files = {path: path.stat().st_mtime_ns for path in store.path.rglob("*") if path.is_file()}
    calls = plan_sync(connect(gateway), store)
    assert {path: path.stat().st_mtime_ns for path in store.path.rglob("*") if path.is_file()} == files
    told = []
    report = sync(connect(gateway), store, on_plan=lambda begun: told.append((begun.planned, begun.calls)))
    assert told == [(calls, 0)]
    assert calls["dlrs"] > 0
    for table in ("lists", "campaigns", "messages", "dlrs", "replies"):
        assert abs(calls[table] - report.tables[table].calls) <= 2, table
    assert abs(sum(calls.values()) - report.calls) <= 3


def test_plan_refuses_what_is_no_time_before_it_asks(connect, tmp_path):
    client = connect(Gateway(Account(seed=5, campaigns=1), limiter=None))
    with pytest.raises(UsageError, match="is a word"):
        plan_sync(client, tmp_path / "store", since="yesterday")
    assert client.calls == 0


def test_plan_of_a_first_sync_comes_close(connect, tmp_path):
    account = Account(seed=5, campaigns=12, recipients=140, singles=12, inbound=8, lists=3, days=28)
    calls = plan_sync(connect(gateway := Gateway(account, limiter=None)), tmp_path / "store")
    report = sync(connect(gateway), tmp_path / "store")
    assert set(calls) == set(SYNCED)
    assert abs(sum(calls.values()) - report.calls) <= 0.2 * report.calls


def test_messages_take_their_statuses_from_dlrs(world):
    _, _, store = world
    dlrs = {(r["message_id"], r["msisdn"]): r["status"] for r in store.rows("dlrs").to_pylist()}
    messages = store.rows("messages").to_pylist()
    assert messages
    assert all(dlrs[(m["message_id"], m["msisdn"])] == m["status"] for m in messages)
    assert pc.all(pc.is_valid(store.rows("messages").column("status"))).as_py()
