"""An account is a function of its seed, its changes and its virtual time."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smsdata import simulator
from smsdata.simulator import Account, Gateway
from smsdata.simulator.seed_data import pool
from smsdata.simulator.truth import TRUTH_TABLES

from .asking import SPAN, active_member, ask, raw, read, small

# -- the module itself --------------------------------------------------------------------------------------


def test_simulator_imports_nothing_of_the_rest() -> None:
    """The witness is independent: its modules import only each other."""
    folder = Path(simulator.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            ours = [name for name in names if name.startswith("smsdata")]
            assert all(name.startswith("smsdata.simulator") for name in ours), path.name


def test_all_names_exist() -> None:
    """What is promised is there."""
    assert all(hasattr(simulator, name) for name in simulator.__all__)


def test_account_is_deterministic() -> None:
    """The same arguments give the same account, another seed another one."""
    first, again, other = (Account(seed=seed, campaigns=4, singles=5) for seed in (1, 1, 2))
    assert all(first.truth(table) == again.truth(table) for table in TRUTH_TABLES)
    assert first.truth("messages") != other.truth("messages")


def test_account_copy_goes_its_own_way() -> None:
    """A deep copy takes pending events along and leaves the original alone."""
    original = small()
    message_id = original.send_campaign(3_100_001)
    other = copy.deepcopy(original)
    other.advance(days=4)
    assert {row["status"] for row in original.truth("dlrs")} == {"pending"}
    original.advance(days=4)
    assert original.truth("dlrs") == other.truth("dlrs")
    assert original.state.sent.rows_of(message_id, original.truth("dlrs")[0]["msisdn"]).size == 1


def test_account_holds_what_tests_need(account: Account) -> None:
    """Odd but documented values are in the default account."""
    replies, members = account.truth("replies"), account.truth("list_members")
    assert any(reply["message_id"] is None for reply in replies)
    assert {None, ""} <= {reply["first_name"] for reply in replies} | {row["first_name"] for row in members}
    assert {"active", "inactive", "optout"} == {member["status"] for member in members}
    assert any(row["created_at"] is None for row in account.truth("lists"))
    assert any(not row["sender"].isdigit() for row in account.truth("messages"))
    assert {row["status"] for row in account.truth("dlrs")} >= {"delivered", "soft-bounce", "hard-bounce"}
    assert any(row["copies"] == 2 for row in account.truth("dlrs"))
    assert {row["type"] for row in account.truth("campaigns")} >= {"campaign", "api"}


def test_bulk_makes_exactly_as_many_messages() -> None:
    """The large account has the size asked for, also when it is no multiple."""
    account = Account.bulk(12_345, recipients=5_000)
    assert account.recipients.size == 12_345
    assert [len(send.rows) for send in account.sends] == [5_000, 5_000, 2_345]


def test_send_campaign_reaches_more_numbers_than_are_reserved() -> None:
    """50,000 distinct numbers are possible and distinct."""
    account = small(lists=0)
    numbers = pool(50_000)
    account.send_campaign(numbers=numbers.tolist())
    assert len({row["msisdn"] for row in account.truth("dlrs")}) == 50_000


# -- time ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [0, 1, 30, 71, 73, 200])
def test_counters_equal_the_recipients_at_any_time(hours: int) -> None:
    """The report, the recipients and the stats agree, whatever the virtual time."""
    account = small(seed=hours, recipients=200, reply_rate=0.3, link_rate=0.1, copies=1.0)
    message_id = account.send_campaign(3_100_001)
    account.advance(hours=hours)
    gateway = Gateway(account, limiter=None)
    (row,) = read(gateway, "get-message-report", start="2026-11-22", end="2026-12-05")
    recipients = read(gateway, "get-sms-sent", size=100, message_id=message_id)
    counts = Counter(recipient["delivery_status"] for recipient in recipients)
    named = {"soft-bounce": "soft_bounced", "hard-bounce": "hard_bounced"}
    assert {named.get(k, k): v for k, v in counts.items()} == {
        key: row[key] for key in ("pending", "delivered", "soft_bounced", "hard_bounced") if row[key]
    }
    assert row["optouts"] == sum(recipient["optout"] for recipient in recipients)
    assert row["responses"] == len(read(gateway, "get-sms-responses", message_id=message_id))
    stats = ask(gateway, "get-sms-stats", message_id=message_id)[1]["stats"]
    assert stats["recipientCount"] == len(recipients)
    assert stats["opt-outs"] == row["optouts"]
    assert (row["pending"] == 0) == (hours > 72)


def test_advance_settles_most_soon_and_all_after_72_hours() -> None:
    """Most receipts come within minutes, the last soft bounces at 72 h."""
    account = small(recipients=2_000, reply_rate=0.0)
    account.send_campaign(3_100_001)
    pending = []
    for hours in (0, 1, 71, 2):
        account.advance(hours=hours)
        pending.append(sum(row["status"] == "pending" for row in account.truth("dlrs")))
    assert pending[0] > 10 * pending[1] > 0
    assert pending[2] > 0
    assert pending[3] == 0


def test_advance_in_steps_is_the_same_as_at_once() -> None:
    """State is a function of virtual time, not of how it passed."""
    step, leap = small(reply_rate=0.5), small(reply_rate=0.5)
    for account in (step, leap):
        account.send_campaign(3_100_001)
        account.send(61491570156, at="2026-11-23T00:00:00Z")
    for _ in range(96):
        step.advance(hours=1)
    leap.advance(hours=96)
    assert all(step.truth(table) == leap.truth(table) for table in TRUTH_TABLES)


def test_schedule_lets_the_world_go_on() -> None:
    """More made-up traffic goes out as the clock runs, at its own times."""
    account = small()
    account.schedule(days=10, campaigns=5, recipients=20, singles=8, inbound=6)
    assert account.sends == []
    account.advance(days=5)
    assert 0 < len(account.sends) < 13
    account.advance(days=5)
    assert len(account.sends) == 13
    assert len({send.sent_at for send in account.sends}) > 5
    assert sum(row["message_id"] is None for row in account.truth("replies")) == 6


def test_dead_numbers_always_bounce_hard() -> None:
    """A dead number never delivers."""
    account = small(dead=0.3)
    for _ in range(5):
        account.send_campaign(3_100_001)
    account.advance(days=4)
    by_number: dict[str, set[str]] = {}
    for row in account.truth("dlrs"):
        by_number.setdefault(row["msisdn"], set()).add(row["status"])
    dead = {number for number in by_number if int(number) in account.sending.habits.dead}
    assert dead
    assert all(by_number[number] == {"hard-bounce"} for number in dead)


def test_late_messages_are_listed_later() -> None:
    """The counters know a late row before get-user-sms-sent lists it; the count keeps to the list."""
    account = small(late=1.0, link_rate=0.0)
    account.send_campaign(3_100_001)
    gateway = Gateway(account, limiter=None)
    assert read(gateway, "get-user-sms-sent", **SPAN) == []
    assert len(account.truth("dlrs")) > 0
    account.advance(hours=49)
    assert len(read(gateway, "get-user-sms-sent", **SPAN)) == len(account.truth("dlrs"))
    assert ask(gateway, "get-sms-sent-count", start="2026-11-21", end="2026-11-24")[1]["count"] == len(
        account.truth("messages")
    )


def test_date_header_is_virtual_time() -> None:
    """Clients take "now" from the answer."""
    account = small()
    gateway = Gateway(account, limiter=None)
    assert raw(gateway, "get-lists").headers["date"] == "Sun, 22 Nov 2026 00:00:00 GMT"
    account.advance(days=1)
    assert raw(gateway, "get-lists").headers["date"] == "Mon, 23 Nov 2026 00:00:00 GMT"


def test_speed_lets_virtual_time_follow_the_clock() -> None:
    """With a speed, virtual seconds pass with the clock's."""
    account, now = small(), [100.0]
    gateway = Gateway(account, limiter=None, speed=60.0, clock=lambda: now[0])
    now[0] += 10
    raw(gateway, "get-lists")
    assert account.time == datetime(2026, 11, 22, 0, 10, tzinfo=UTC)


# -- opt-outs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("goo", [True, False])
def test_stop_ends_sending_only_with_global_opt_out(goo: bool) -> None:
    """On: the number gets nothing any more. Off: it stays active, is sent to, and that is a breach."""
    account = small(goo=goo, reply_rate=0.0, link_rate=0.0)
    who = active_member(account)
    message_id = account.send_campaign(3_100_001)
    account.advance(hours=80)
    account.reply(message_id, who, "Stop.")
    account.advance(seconds=5)
    later = account.send_campaign(3_100_001)
    account.send(who)
    account.advance(hours=80)
    reached = {(row["message_id"], row["msisdn"]) for row in account.truth("dlrs")}
    assert ((later, str(who)) in reached) == (not goo)
    assert [breach["msisdn"] for breach in account.truth_breaches()] == ([] if goo else [str(who)] * 2)
    assert [row["msisdn"] for row in account.truth("optouts")] == [str(who)]
    status = next(row["status"] for row in account.truth("list_members") if row["msisdn"] == str(who))
    assert status == ("optout" if goo else "active")


def test_optout_by_link_weeks_later_moves_the_counter_only() -> None:
    """The flag and the counter change without a reply."""
    account = small(goo=False, reply_rate=0.0, link_rate=0.0)
    message_id = account.send_campaign(3_100_001)
    account.advance(days=40)
    account.optout_by_link(message_id, active_member(account))
    (row,) = account.truth("campaigns")
    assert (row["optouts"], row["responses"]) == (1, 0)


def test_truth_of_an_unknown_table_lists_the_tables(account: Account) -> None:
    """The message helps."""
    with pytest.raises(ValueError, match="campaigns"):
        account.truth("campaign")
