from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsdata.ingest import plan as planner
from smsdata.ingest.plan import Campaign
from smsdata.schema.counters import Stored, agrees

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
    ("cursor", "weekly", "start"),
    [
        (None, None, NOW - planner.HORIZON),
        (NOW - timedelta(days=1), NOW - timedelta(days=7), NOW - planner.HORIZON),
        (NOW - timedelta(days=1), NOW - timedelta(days=1), NOW - timedelta(days=30) + timedelta(seconds=2)),
        (NOW - timedelta(days=40), NOW - timedelta(days=6), NOW - timedelta(days=40) - planner.MARGIN),
    ],
)
def test_report_window_is_one_window_back_and_all_of_it_once_a_week(cursor, weekly, start):
    assert planner.report_window(NOW, cursor, weekly) == start


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
