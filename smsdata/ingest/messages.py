"""Messages: everything since the cursor, and around campaigns of which messages came late.

Imports `gateway`, `pipeline` and `plan`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reads import Read
from smsdata.ingest import plan
from smsdata.ingest.pipeline import Pipeline
from smsdata.ingest.plan import Campaign, SyncOptions
from smsdata.store.store import Store


def read_messages(pipeline: Pipeline, options: SyncOptions, campaigns: Sequence[Campaign]) -> None:
    """Read what was sent since the cursor, once more where rows were set aside, and what came late."""
    now = pipeline.client.now()
    start = first_message(pipeline, options, now)
    known = pipeline.state.kept_from.get("messages")
    pipeline.state.keep_from("messages", plan.kept_from(known, asked=start, now=now))
    for _ in pipeline.read_again("messages"):
        pass
    for _ in pipeline.read_slice("messages", start, now, margin=plan.CURSOR_MARGIN, resume=True):
        pass
    _read_late_messages(pipeline, options, campaigns, now)


def first_message(pipeline: Pipeline, options: SyncOptions, now: datetime) -> datetime:
    """Where messages will be read from."""
    return plan.messages_start(now, pipeline.cursor("messages"), asked=options.start(now))


def _read_late_messages(
    pipeline: Pipeline, options: SyncOptions, campaigns: Sequence[Campaign], now: datetime
) -> None:
    """Read around the campaigns of which fewer messages are stored than their counters add up to."""
    known = pipeline.state.kept_from.get("messages")
    first = plan.kept_from(known, asked=options.start(now), now=now)
    stored = _stored_messages(pipeline.store, campaigns, first, now)
    late = plan.late_campaigns(campaigns, stored, pipeline.state, first=first, now=now)
    reads = [Read(endpoint("messages"), start=a, end=b) for a, b in plan.slices_around(late, now)]
    for _ in pipeline.read_and_store("messages", reads):
        pass
    if late:
        stored = _stored_messages(pipeline.store, campaigns, first, now)
        for campaign in plan.never_came(late, stored, now=now):
            pipeline.state.remember("messages", campaign.message_id, campaign.counters)
        pipeline.store.save_state()


def _stored_messages(
    store: Store, campaigns: Sequence[Campaign], first: datetime, now: datetime
) -> dict[int, int]:
    """How many messages are stored of the campaigns that the report covers."""
    begin = max(first, min((c.sent_at for c in campaigns), default=now)) - plan.DAY
    return {
        row["message_id"]: row["n"] for row in store.tables.grouped("messages", ["message_id"], since=begin)
    }
