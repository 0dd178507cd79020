from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsdata.errors import UsageError
from smsdata.ingest import plan as planner
from smsdata.ingest.plan import Campaign, Refresh, SyncOptions, Turn
from smsdata.schema.counters import Stored, agrees
from smsdata.store.coverage import Span
from smsdata.store.state import Retry, Rounds, State

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def campaign(pending=0, delivered=0, soft=0, hard=0, optouts=0, *, alone=False, age_hours=48):
    sent_at = NOW - timedelta(hours=age_hours)
    return Campaign(
        message_id=7, sent_at=sent_at, alone=alone,
        pending=pending, delivered=delivered, soft=soft, hard=hard, optouts=optouts,
    )  # fmt: skip


def stored(flags=0, optouts=0, **statuses):
    return Stored(Counter({k.replace("_", "-"): n for k, n in statuses.items()}), flags, optouts)


def test_agrees_by_every_status():
    counters = campaign(pending=1, delivered=5, soft=2, hard=3)
    assert agrees(counters, stored(pending=1, delivered=5, soft_bounce=2, hard_bounce=3))
    assert not agrees(counters, stored(pending=0, delivered=6, soft_bounce=2, hard_bounce=3))
    assert not agrees(counters, stored(pending=1, delivered=5, soft_bounce=3, hard_bounce=2))
    assert not agrees(counters, stored(pending=1, delivered=5, soft_bounce=2, hard_bounce=2))


def test_agrees_takes_bounced_for_either_kind():
    assert agrees(campaign(soft=2, hard=3), stored(bounced=4, hard_bounce=1))
    assert not agrees(campaign(soft=2, hard=3), stored(bounced=1, hard_bounce=4))


def test_refresh_costs_nothing_when_all_agrees():
    assert planner.refresh(campaign(delivered=120), stored(delivered=120)) is None


def test_refresh_of_a_send_to_one_recipient_needs_no_call():
    step = planner.refresh(campaign(delivered=1, alone=True), stored(pending=1))
    assert step is not None
    assert (step.way, step.calls) == ("derive", 0)


def test_refresh_reads_a_new_campaign_in_full():
    step = planner.refresh(campaign(pending=120), stored())
    assert step is not None
    assert (step.way, step.calls) == ("full", 2)


def test_refresh_reads_only_pending_and_failed_where_that_is_cheaper():
    step = planner.refresh(campaign(delivered=990, soft=5, pending=5), stored(pending=1000))
    assert step is not None
    assert (step.way, step.calls) == ("parts", 2)


def test_refresh_needs_no_call_when_everything_was_delivered():
    step = planner.refresh(campaign(delivered=1000), stored(pending=1000))
    assert step is not None
    assert (step.way, step.calls) == ("parts", 0)


def test_refresh_reads_in_full_when_recipients_are_missing():
    step = planner.refresh(campaign(delivered=1000), stored(delivered=999))
    assert step is not None
    assert step.way == "full"


def test_refresh_reads_opt_outs_that_came_weeks_later():
    step = planner.refresh(campaign(delivered=500, optouts=3), stored(delivered=500, optouts=2, flags=2))
    assert step is not None
    assert (step.way, step.calls) == ("optouts", 1)


def test_refresh_rests_on_remembered_counters_until_they_move():
    odd = campaign(delivered=9, soft=1)
    assert planner.refresh(odd, stored(delivered=10), remembered=odd.counters) is None
    moved = campaign(delivered=8, soft=2)
    assert planner.refresh(moved, stored(delivered=10), remembered=odd.counters) is not None


def test_refresh_deep_reads_whatever_the_counters_say():
    step = planner.refresh(campaign(delivered=5), stored(delivered=5), deep=True)
    assert step is not None
    assert step.way == "full"


counts = st.integers(0, 400)


@given(counts, counts, counts, counts, counts, counts)
def test_refresh_is_never_dearer_than_reading_everything(
    pending, delivered, soft, hard, was_pending, was_delivered
):
    now = campaign(pending, delivered, soft, hard)
    step = planner.refresh(now, stored(pending=was_pending, delivered=was_delivered))
    if step is None:
        assert agrees(now, stored(pending=was_pending, delivered=was_delivered))
    else:
        assert step.calls <= planner.pages(now.recipients)


@pytest.mark.parametrize(
    ("cursor", "due", "start"),
    [
        (None, [], NOW - planner.HORIZON),
        (None, [NOW - timedelta(days=400)], NOW - timedelta(days=400)),
        (NOW - timedelta(days=1), [NOW - planner.HORIZON], NOW - planner.HORIZON),
        (NOW - timedelta(days=1), [], NOW - timedelta(days=30) + timedelta(seconds=2)),
        (NOW - timedelta(days=1), [NOW - timedelta(days=60), NOW], NOW - timedelta(days=60)),
        (NOW - timedelta(days=40), [], NOW - timedelta(days=40) - planner.CURSOR_MARGIN),
    ],
)
def test_report_spans_are_one_look_back_or_as_far_as_anything_is_due(cursor, due, start):
    assert planner.report_spans(NOW, cursor, due) == [Span(start, NOW)]


def test_report_spans_are_98_hours_and_those_whose_turn_it_is():
    older = Span(NOW - timedelta(days=60), NOW - timedelta(days=50))
    turn = Turn((older,), Rounds(older.end, older.end, NOW))
    newest = Span(NOW - planner.QUIET, NOW)
    assert planner.report_spans(NOW, NOW - planner.DAY, turn=turn) == [older, newest]
    paused = Span(NOW - planner.QUIET - 2 * planner.DAY, NOW)  # what was not quiet when it was last looked at
    assert planner.report_spans(NOW, NOW - 3 * planner.DAY, turn=turn) == [older, paused]
    due = [NOW - timedelta(days=55)]
    assert planner.report_spans(NOW, NOW - planner.DAY, due, turn) == [Span(older.start, NOW)]


def test_lacks_messages_waits_for_fresh_campaigns():
    assert planner.lacks_messages(campaign(delivered=5), 4, now=NOW, remembered=None)
    assert not planner.lacks_messages(campaign(delivered=5), 5, now=NOW, remembered=None)
    fresh = campaign(delivered=5, age_hours=0)
    assert not planner.lacks_messages(fresh, 4, now=NOW, remembered=None)


@pytest.mark.parametrize(
    ("active", "total", "calls"), [(0, 0, 0), (90, 90, 1), (80, 90, 1), (250, 250, 3), (200, 250, 6)]
)
def test_member_pages_counts_the_second_pass(active, total, calls):
    assert planner.member_pages(active, total) == calls


# ---- what has to be read of each campaign ---------------------------------------------------------------


def test_refreshes_reads_dlrs_since_first_and_opt_outs_of_all():
    fresh, old = campaign(delivered=5, age_hours=1), campaign(delivered=5, optouts=1, age_hours=99)
    steps = planner.refreshes([fresh, old], {}, State(), first=NOW - timedelta(hours=2))
    assert [(step.campaign, step.way) for step in steps] == [(fresh, "full"), (old, "optouts")]


def test_refreshes_rests_on_what_is_remembered_of_each_table():
    state = State()
    fresh, old = campaign(delivered=5, age_hours=1), campaign(delivered=5, optouts=1, age_hours=99)
    state.remember("optouts", 7, old.counters)
    assert planner.refreshes([old], {}, state, first=NOW) == []
    assert planner.refreshes([fresh], {}, state, first=NOW - timedelta(hours=2)) != []
    state.remember("dlrs", 7, fresh.counters)
    assert planner.refreshes([fresh], {}, state, first=NOW - timedelta(hours=2)) == []


def test_refreshes_reads_deep_from_there_on_alone():
    campaigns = [campaign(delivered=5, age_hours=hours) for hours in (10, 30)]
    stored_now = {7: stored(delivered=5)}
    start = NOW - timedelta(hours=20)
    steps = planner.refreshes(campaigns, stored_now, State(), first=NOW - planner.WEEK, deep_from=start)
    assert [step.campaign for step in steps] == campaigns[:1]


@pytest.mark.parametrize(
    ("deep", "since", "start"),
    [
        (False, "90d", None),
        (True, None, NOW - planner.LOOK_BACK),
        (True, "1d", NOW - planner.LOOK_BACK),
        (True, "90d", NOW - timedelta(days=90)),
    ],
)
def test_deep_from_reaches_at_least_thirty_days_back(deep, since, start):
    assert planner.deep_from(SyncOptions(since=since, deep=deep), NOW) == start


def test_campaigns_asked_for_is_all_or_the_one_that_there_is():
    campaigns = [campaign(delivered=5)]
    assert planner.campaigns_asked_for(campaigns, None) == campaigns
    assert planner.campaigns_asked_for(campaigns, "7") == campaigns
    with pytest.raises(UsageError, match="no send 8"):
        planner.campaigns_asked_for(campaigns, 8)


def test_bears_out_wants_statuses_and_opt_outs():
    assert planner.bears_out(campaign(delivered=5, optouts=1), stored(delivered=5, flags=1))
    assert not planner.bears_out(campaign(delivered=5, optouts=1), stored(delivered=5, optouts=1))
    assert not planner.bears_out(campaign(delivered=5), stored(delivered=4))


def test_is_quiet_after_98_hours():
    assert planner.is_quiet(campaign(age_hours=99), NOW)
    assert not planner.is_quiet(campaign(age_hours=98), NOW)


# ---- messages that came late ----------------------------------------------------------------------------


def test_late_campaigns_are_those_since_first_that_nothing_is_remembered_of():
    state = State()
    late = campaign(delivered=5, age_hours=10)
    missed = planner.late_campaigns([late], {7: 4}, state, first=NOW - planner.DAY, now=NOW)
    assert missed == [late]
    assert planner.late_campaigns([late], {7: 4}, state, first=NOW, now=NOW) == []
    assert planner.late_campaigns([late], {7: 5}, state, first=NOW - planner.DAY, now=NOW) == []
    state.remember("messages", 7, late.counters)
    assert planner.late_campaigns([late], {7: 4}, state, first=NOW - planner.DAY, now=NOW) == []


def test_slices_around_joins_those_that_overlap():
    hours = [campaign(age_hours=age) for age in (0.5, 1, 9)]
    assert planner.slices_around(hours, NOW) == [
        (NOW - timedelta(hours=9, minutes=5), NOW - timedelta(hours=8)),
        (NOW - timedelta(hours=1, minutes=5), NOW),
    ]


def test_never_came_waits_until_a_send_is_quiet():
    late = [campaign(delivered=5, age_hours=hours) for hours in (97, 99)]
    assert planner.never_came(late, {7: 4}, now=NOW) == late[1:]
    assert planner.never_came(late, {7: 5}, now=NOW) == []


# ---- where tables begin ---------------------------------------------------------------------------------

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("cursor", "weekly", "start"),
    [
        (None, False, NOW - timedelta(hours=72)),
        (NOW - HOUR, False, NOW - timedelta(hours=73)),
        (NOW + HOUR, False, NOW - timedelta(hours=72)),
        (NOW - HOUR, True, NOW - planner.LOOK_BACK),
        (NOW - timedelta(days=40), True, NOW - timedelta(days=43)),
    ],
)
def test_replies_are_read_again_from_72_hours_before_the_cursor_and_weekly_30_days(cursor, weekly, start):
    assert planner.replies_again_from(NOW, cursor, weekly=weekly) == start


def test_lacking_replies_are_those_that_no_read_has_shown_to_be_counted_differently():
    state = State()
    state.remember("replies", 3, [5])
    state.remember("replies", 4, [4])
    counted = {1: 2, 2: 2, 3: 5, 4: 5}
    assert planner.lacking_replies(counted, {1: 2, 3: 4, 4: 4}, state) == {2: 2, 4: 5}


@pytest.mark.parametrize(
    ("known", "asked", "first"),
    [
        (None, None, NOW - planner.LOOK_BACK),
        (None, NOW - HOUR, NOW - HOUR),
        (NOW - HOUR, NOW - planner.DAY, NOW - planner.DAY),
        (NOW - planner.DAY, NOW - HOUR, NOW - planner.DAY),
        (NOW + HOUR, None, NOW - planner.LOOK_BACK),
    ],
)
def test_kept_from_only_ever_moves_back(known, asked, first):
    assert planner.kept_from(known, asked=asked, now=NOW) == first


# ---- odd rows, lists, calls -----------------------------------------------------------------------------


def test_worth_another_try_rests_after_three():
    assert [planner.worth_another_try(tries, odd=True) for tries in range(5)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert not planner.worth_another_try(0, odd=False)


def test_retries_of_a_call_reach_no_further_back_than_the_gateway_keeps():
    retries = {
        "get-a?x=1": Retry(1, NOW - 3 * HOUR, NOW - HOUR),
        "get-a?x=2": Retry(1, NOW - 9 * HOUR, NOW - 8 * HOUR),
        "get-ab?x=1": Retry(1, NOW - HOUR, NOW),
    }
    assert planner.retries_of(retries, "get-a", oldest=NOW - 2 * HOUR) == {
        "get-a?x=1": Retry(1, NOW - 2 * HOUR, NOW - HOUR),
        "get-a?x=2": None,
    }


def list_row(list_id, active=3, total=4):
    return {"list_id": list_id, "members_active": active, "members_total": total}


def test_stale_lists_are_those_whose_counters_moved_and_those_not_proved():
    lists = [list_row(n) for n in (1, 2, 3, 4)]
    state = State()
    state.mark_read("list_members", NOW - planner.DAY)
    state.mark_members_read({1: (3, 4), 2: (2, 4), 3: (3, 4)})
    state.mark_unproved({3})
    stale = planner.stale_lists(lists, state, only=None, any_stored=True, now=NOW)
    assert stale == [2, 3, 4]
    assert planner.stale_lists(lists, state, only="2", any_stored=True, now=NOW) == [2]
    with pytest.raises(UsageError, match="no list 9"):
        planner.stale_lists(lists, state, only=9, any_stored=True, now=NOW)


def test_stale_lists_are_all_every_week_and_when_the_members_are_lost():
    lists = [list_row(1)]
    state = State()
    state.mark_members_read({1: (3, 4)})
    assert planner.stale_lists(lists, state, only=None, any_stored=True, now=NOW) == [1]
    state.mark_read("list_members", NOW - planner.DAY)
    assert planner.stale_lists(lists, state, only=None, any_stored=True, now=NOW) == []
    assert planner.stale_lists(lists, state, only=None, any_stored=False, now=NOW) == [1]
    state.mark_members_read({1: (0, 4)})
    assert planner.stale_lists([list_row(1, active=0)], state, only=None, any_stored=False, now=NOW) == []


def test_expected_calls_add_up_each_table():
    ways: dict[planner.Way, int] = {"derive": 0, "parts": 2, "full": 3, "optouts": 4}
    steps = [Refresh(campaign(), way, calls) for way, calls in ways.items()]
    state = State()
    state.mark_read("numbers", NOW - HOUR)
    assert planner.expected_calls(steps, [(250, 250), (200, 250)], 250, state, NOW) == {
        "replies": 1, "messages": 4, "dlrs": 5, "optouts": 4, "list_members": 9, "numbers": 0, "keywords": 1,
    }  # fmt: skip
