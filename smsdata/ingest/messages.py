"""Messages: everything that is not covered, and around campaigns of which messages came late.

Imports `gateway`, `pipeline` and `plan`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reads import Read
from smsdata.ingest import plan
from smsdata.ingest.pipeline import Pipeline
from smsdata.ingest.plan import Campaign
from smsdata.store.coverage import gaps
from smsdata.store.store import Store


def read_messages(pipeline: Pipeline, campaigns: Sequence[Campaign]) -> None:
    """Read what is not covered, once more where rows were set aside, and what came late."""
    for _ in pipeline.read_again("messages"):
        pass
    for _ in pipeline.read_missing("messages"):
        pass
    _read_late_messages(pipeline, campaigns)


def messages_to_come(pipeline: Pipeline, campaigns: Sequence[Campaign]) -> int:
    """How many messages the campaigns count in the spans of time that are not covered."""
    first = pipeline.state.kept_from.get("messages", pipeline.now())
    spans = gaps(pipeline.state.covered("messages"), first, pipeline.until())
    return sum(c.recipients for c in campaigns if any(s.start <= c.sent_at <= s.end for s in spans))


def _read_late_messages(pipeline: Pipeline, campaigns: Sequence[Campaign]) -> None:
    """Read around the campaigns of which fewer messages are stored than their counters add up to."""
    now = pipeline.now()
    first = pipeline.state.kept_from["messages"]
    stored = _stored_messages(pipeline.store, campaigns, first, now)
    sent_at = {c.message_id: c.sent_at for c in campaigns}
    plan.forget_recent(pipeline.state, "messages", sent_at, now, pipeline.turn)
    late = plan.late_campaigns(campaigns, stored, pipeline.state, first=first, now=now)
    proved = not pipeline.report.of("messages").unproved  # else what was listed could not be stored
    if late and proved and not pipeline.store.count("messages"):
        _owe_all_messages(pipeline, late)
        return
    reads = [
        Read(endpoint("messages"), start=a, end=b) for a, b in plan.slices_around(late, pipeline.until())
    ]
    for _ in pipeline.read_and_store("messages", reads):
        pass
    if late:
        stored = _stored_messages(pipeline.store, campaigns, first, now)
        came = [one.message_id for one in late if stored.get(one.message_id, 0) >= one.recipients]
        pipeline.report.settled |= {f"messages of campaign {send}" for send in came}
        for campaign in plan.never_came(late, stored, now=now):
            pipeline.state.remember("messages", campaign.message_id, campaign.counters)
            pipeline.report.tell_once(
                f"messages of campaign {campaign.message_id}",
                f"its counters say {campaign.recipients:,}, {stored.get(campaign.message_id, 0):,} are "
                "listed, long after it was sent. They are asked for again when the counters move, and weekly "
                "while it is younger than 30 days; `smsdata verify` lists it.",
            )
        pipeline.store.save_state()


def _owe_all_messages(pipeline: Pipeline, late: Sequence[Campaign]) -> None:
    """Nothing at all was listed though sends count messages: nothing then counts as read."""
    counted = sum(campaign.recipients for campaign in late)
    text = (
        f"messages: the gateway lists none, while {len(late):,} sends count {counted:,}. Nothing counts as "
        "read; the next run asks for all of them again."
    )
    pipeline.report.of("messages").unproved.append(text)
    pipeline.report.attention.append(text)
    pipeline.state.uncover("messages", pipeline.state.kept_from["messages"])
    pipeline.store.save_state()


def _stored_messages(
    store: Store, campaigns: Sequence[Campaign], first: datetime, now: datetime
) -> dict[int, int]:
    """How many messages are stored of the campaigns that the report covers."""
    begin = max(first, min((c.sent_at for c in campaigns), default=now)) - plan.DAY
    return {
        row["message_id"]: row["n"] for row in store.tables.grouped("messages", ["message_id"], since=begin)
    }
