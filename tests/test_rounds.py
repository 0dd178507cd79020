"""Accounts with more sends than one run may look at: each send still has its turn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from smsdata import Store
from smsdata.ingest import plan as planner
from smsdata.ingest import rounds
from smsdata.ingest.run import look_backs, sync
from smsdata.simulator import Account, Gateway
from smsdata.store.coverage import Span, gaps
from smsdata.store.state import Rounds
from tests.support.comparison import differences
from tests.support.sync_world import present

NOW = datetime(2026, 11, 22, 2, 15, tzinfo=UTC)
DAY = timedelta(days=1)


def sent(a_day: int, *, days: int = 364, now: datetime = NOW) -> rounds.Instants:
    """So many sends a day, at even distances."""
    step = timedelta(days=1) / a_day
    first = np.datetime64((now - days * DAY).replace(tzinfo=None), "us")
    return first + np.arange(a_day * days) * np.timedelta64(step)


def test_usual_night_of_few_sends_is_none():
    assert rounds.usual_night(sent(60), NOW) is None
    assert rounds.turn(sent(60), None, NOW) is None
    assert rounds.turn(np.empty(0, "datetime64[us]"), None, NOW) is None


def test_usual_night_of_3000_sends_a_day_stays_within_its_budget():
    night = rounds.usual_night(sent(3000), NOW)
    assert night is not None
    assert night.recent + night.weekly + night.older <= rounds.BUDGET
    assert night.older * night.nights * 100 >= 334 * 3000


def test_usual_night_expects_as_many_sends_as_before_of_what_is_not_stored_yet():
    times = sent(3000)
    yesterday = times[times <= np.datetime64((NOW - DAY).replace(tzinfo=None))]
    now, then = rounds.usual_night(times, NOW), rounds.usual_night(yesterday, NOW)
    assert now is not None
    assert then is not None
    assert (now.recent, now.weekly, now.older) == (then.recent, then.weekly, then.older)


def test_usual_night_goes_on_with_older_sends_whatever_the_newer_take():
    night = rounds.usual_night(sent(9000), NOW)
    assert night is not None
    assert night.older == rounds.LEAST


@pytest.mark.parametrize("every", [timedelta(hours=7), DAY, 3 * DAY])
@pytest.mark.parametrize("a_day", [200, 3000])
def test_turn_looks_at_each_send_of_30_days_within_a_week(a_day, every):
    """Followed from when each send goes out until it is 30 days old, whenever runs come."""
    days = 70
    times = sent(a_day, days=days, now=NOW)
    now, state = NOW - 40 * DAY, None
    looked = {place: [times[place].item().replace(tzinfo=UTC)] for place in range(0, len(times), 997)}
    while now <= NOW:
        turn = rounds.turn(times[times <= np.datetime64(now.replace(tzinfo=None))], state, now)
        assert turn is not None
        for span in planner.report_spans(now, now, turn=turn):
            for seen in looked.values():
                if span.start <= seen[0] <= span.end and seen[0] <= now:
                    seen.append(now)
        state, now = turn.rounds, now + every
    for seen in looked.values():
        ripe = [at for at in seen if NOW - 40 * DAY <= at <= seen[0] + 30 * DAY]
        if len(ripe) > 1:
            assert max(b - a for a, b in pairwise(ripe)) <= planner.WEEK + every


def test_turn_reaches_every_older_send_in_as_many_nights_as_was_said():
    times = sent(1500, days=150, now=NOW + 60 * DAY)
    night = rounds.usual_night(times[times <= np.datetime64(NOW.replace(tzinfo=None))], NOW)
    assert night is not None
    covered: list[Span] = []
    state = None
    for number in range(night.nights + 1):
        now = NOW + number * timedelta(hours=24)
        turn = rounds.turn(times[times <= np.datetime64(now.replace(tzinfo=None))], state, now)
        assert turn is not None
        covered += turn.spans
        state = turn.rounds
    sample = [one.item().replace(tzinfo=UTC) for one in times[::5000]]
    old = [one for one in sample if one < NOW - 40 * DAY]
    assert old
    assert all(any(span.start <= one <= span.end for span in covered) for one in old)


def test_turn_makes_due_what_the_time_since_the_last_run_does():
    """Runs by the hour take no more in a day than one by night, and one after weeks a week's share."""
    times = sent(3000)
    whole = rounds.turn(times, None, NOW)
    assert whole is not None
    hourly: list[Span] = []
    state = Rounds(NOW - 30 * DAY, planner.oldest_kept(NOW), NOW - DAY)
    for hour in range(24):
        turn = rounds.turn(times, state, NOW - DAY + timedelta(hours=hour + 1))
        assert turn is not None
        hourly, state = [*hourly, *turn.spans], turn.rounds
    length = sum((span.end - span.start for span in hourly), timedelta(0))
    assert length <= 1.2 * sum((span.end - span.start for span in whole.spans), timedelta(0))
    again = rounds.turn(times, state, NOW)
    assert again is not None
    assert again.spans == ()
    late = rounds.turn(times, state, NOW + 12 * DAY)
    assert late is not None
    month = Span(NOW - 18 * DAY, NOW + 12 * DAY - planner.QUIET)
    assert gaps(late.spans, month.start, month.end) == []


def test_turn_after_a_wrong_clock_is_one_of_a_night():
    turn = rounds.turn(sent(3000), Rounds(NOW, NOW, NOW + 9 * DAY), NOW)
    assert turn is not None
    assert turn == rounds.turn(sent(3000), None, NOW)


def test_turn_does_not_stand_still_at_a_burst_of_one_second():
    times = np.repeat(np.datetime64("2026-05-01", "us"), 200_000)
    times = np.sort(np.concatenate([times, sent(3000, days=30)]))
    state = Rounds(NOW - 30 * DAY, datetime(2026, 5, 1, tzinfo=UTC), NOW - DAY)
    turn = rounds.turn(times, state, NOW)
    assert turn is not None
    assert turn.rounds.older > state.older


@pytest.fixture(scope="module")
def busy_account():
    """100 single sends a day for 34 days: 30 pages a month."""
    return Account(seed=5, campaigns=4, recipients=40, singles=34 * 100, inbound=9, lists=2, days=34,
                   credit=1e9, reply_rate=0.001, link_rate=0, goo=False)  # fmt: skip


def test_sync_of_many_sends_looks_at_the_newest_each_night_and_at_all_in_turn(
    busy_account, connect, tmp_path
):
    account = busy_account
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    sync(connect(gateway), store, since="40d")
    rows = [row for row in account.truth("dlrs") if row["status"] == "delivered" and not row["optout"]]
    ages = {days: min(rows, key=lambda r: abs((present(account) - r["sent_at"]) - days * DAY)) for days in
            (2, 6, 15, 28, 33)}  # fmt: skip
    for row in ages.values():
        account.optout_by_link(row["message_id"], row["msisdn"])
    for _ in range(8):
        account.advance(hours=24)
        report = sync(connect(gateway), store)
        assert report.attention == []
        assert report.tables["campaigns"].calls <= 20  # all of 30 days are 31
    assert differences(store, account) == {}
    told = look_backs(store, present(account))
    assert told is not None
    assert told.nights >= 1
    known = Store(store.path).state.reports[-1]  # from when on all sends were looked at, not those in turn
    assert known.end - planner.WEEK - DAY < known.start < known.end - planner.QUIET + timedelta(minutes=1)


def test_sync_of_many_sends_goes_on_with_its_rounds_only_when_all_is_stored(busy_account, connect, tmp_path):
    account = busy_account
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    sync(connect(gateway), store)
    account.advance(hours=24)
    sync(connect(gateway), store)
    state = Store(store.path).state.rounds
    assert state is not None
    account.advance(hours=24)
    sync(connect(gateway), store, tables=["messages"])
    sync(connect(gateway), store, tables=["dlrs"])
    assert Store(store.path).state.rounds == state
    sync(connect(gateway), store)
    assert Store(store.path).state.rounds != state
