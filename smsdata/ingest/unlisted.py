"""Sends that messages name and the report of sends does not: their dlrs and opt-outs hang on that report.

Messages come by another call, so they are a witness of the report. Imports `store`, `pipeline` and `plan`.
"""

from __future__ import annotations

from smsdata.ingest import plan
from smsdata.ingest.pipeline import Pipeline
from smsdata.ingest.plan import SyncOptions
from smsdata.store.verify import sends_not_reported


def name_unlisted_sends(pipeline: Pipeline, options: SyncOptions) -> None:
    """Name the sends of messages that the report leaves out; the next run reads it from the oldest on again.

    A send of the last hour may have come after the report was read.
    """
    state, now = pipeline.state, pipeline.now()
    first = state.kept_from.get("campaigns")
    if options.one_send or "campaigns" not in options.needed or first is None:
        return
    if pipeline.report.of("campaigns").unproved or pipeline.store.tables.inventory.lost():
        return  # the report has not come whole, or a file of it is gone: that is told already
    since = min([now - plan.LOOK_BACK, *state.pending.compare_from.values()])
    missing = sends_not_reported(pipeline.store.tables, max(first, since), now - plan.LEEWAY)
    if not missing:
        return
    oldest = min(missing.values())
    some = ", ".join(map(str, sorted(missing)[:5]))
    text = (
        f"campaigns: messages name {len(missing):,} sends that the report of sends does not list ({some}"
        f"{', ...' if len(missing) > 5 else ''}), the oldest of {oldest:%Y-%m-%d %H:%M} UTC: their dlrs and "
        "opt-outs are not stored. The next run reads the report again from there; if it stays, ask the "
        "provider, or read one with client.dlrs(message_id=...)."
    )
    pipeline.report.of("campaigns").unproved.append(text)
    pipeline.report.attention.append(text)
    state.pending.reach_back("campaigns", oldest - plan.DAY)
    pipeline.store.save_state()
