"""Campaigns: the report of sends with their counters, from which all that follows is decided.

Imports `gateway`, `schema`, `store`, `pipeline` and `plan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.errors import ApiError
from smsdata.gateway.answers import whole
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reads import Read, slices
from smsdata.ingest import plan
from smsdata.ingest.pipeline import Pipeline, is_complete
from smsdata.ingest.plan import Campaign, SyncOptions
from smsdata.schema.frames import empty, stamped, with_column
from smsdata.store.coverage import Span, joined
from smsdata.store.state import note_report

_STATS = {
    "pending": "pending", "delivered": "delivered", "soft_bounced": "soft_bounced",
    "hard_bounced": "hard_bounced", "optouts": "opt-outs", "responses": "responses",
}  # fmt: skip


def read_campaigns(pipeline: Pipeline, options: SyncOptions) -> pa.Table:
    """Read the report and store it; gives its rows."""
    reads = _report_reads(pipeline, options)
    drained = list(pipeline.read_and_store("campaigns", reads))
    whole = [one for one in drained if one and is_complete(one)]
    if len(whole) == len(drained) and not options.one_send:
        cursor = max(pipeline.now(), pipeline.state.cursors.get("campaigns", pipeline.now()))
        pipeline.state.advance("campaigns", cursor, done=cursor)
        spans = joined(Span(read.start, read.end) for read in reads if read.start and read.end)
        if spans:  # of several the last reaches up to now; the others are older sends whose turn it was
            note_report(pipeline.state, Span(spans[-1].start, min(one.seen_at for one in whole)))
    return pa.concat_tables([empty("campaigns"), *(one.rows for one in drained if one)])


def replaced(report: pa.Table, again: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The report with the rows in place that were read again; and those of them that count other replies."""
    ids = again.column("message_id").combine_chunks()
    kept = report.filter(pc.invert(pc.is_in(report.column("message_id"), ids)))
    same = report.select(["message_id", "responses"])
    moved = again.join(same, keys=["message_id", "responses"], join_type="left anti")
    return pa.concat_tables([kept, again]), moved.select(again.column_names).cast(again.schema)


def look_at_campaigns(pipeline: Pipeline, options: SyncOptions) -> pa.Table:
    """Read the report and store nothing; gives its rows."""
    drained = [pipeline.record(outcome) for outcome in pipeline.reader.each(_report_reads(pipeline, options))]
    return pa.concat_tables([empty("campaigns"), *(d.rows for d in drained if d)])


def _report_reads(pipeline: Pipeline, options: SyncOptions) -> list[Read]:
    """The report, as far back as any comparison has to reach that this run makes or goes on with."""
    now, until, state = pipeline.now(), pipeline.until(), pipeline.state
    due = [start for table, start in state.pending.compare_from.items() if table in options.needed]
    asked = [options.start(now)] if options.one_send else []
    if state.pending.deep_from and "dlrs" in options.needed:
        due.append(state.pending.deep_from)
    due += [one for one in asked if one]
    spans = plan.report_spans(until, state.cursors.get("campaigns"), due, pipeline.turn)
    read = Read(endpoint("campaigns"))
    return [part for span in spans for part in slices(read, span.start, span.end)]


def campaigns_in(rows: pa.Table) -> list[Campaign]:
    """The campaigns of some rows of the report, each with its counters as they stand last."""
    return plan.campaigns_of(rows.select(plan.CAMPAIGN_COLUMNS).to_pylist())


def refresh_answered(pipeline: Pipeline, covered: pa.Table) -> pa.Table:
    """Read and store the counters of campaigns with new replies that the report no longer covers.

    Gives the rows of these campaigns.
    """
    none = empty("campaigns")
    answered = pipeline.state.pending.answered - set(covered.column("message_id").to_pylist())
    if not answered or "campaigns" not in pipeline.report.tables:
        return none
    wanted = pa.table({"message_id": pa.array(sorted(answered), pa.int64())})
    stored = pipeline.store.tables.rows_sharing("campaigns", wanted, "message_id")
    if not stored.num_rows:
        return none
    stats = {i: _counters_of(pipeline, i) for i in stored.column("message_id").to_pylist()}
    counted = {i: counters for i, counters in stats.items() if counters}
    stored = stored.filter(
        pc.is_in(stored.column("message_id"), value_set=pa.array(list(counted), pa.int64()))
    )
    for place, name in enumerate(_STATS):
        values = [counted[i][place] for i in stored.column("message_id").to_pylist()]
        stored = with_column(stored, name, pa.array(values, pa.int64()))
    stored = stamped(stored, "synced_at", pipeline.client.now())
    pipeline.store.merge("campaigns", stored)
    return stored


def _counters_of(pipeline: Pipeline, message_id: int) -> list[int]:
    """One campaign's counters, as `_STATS` names them; none where the gateway does not tell them all."""
    stats: Mapping[str, Any] = {}
    try:
        stats = pipeline.client.call("get-sms-stats", message_id=message_id)["stats"]
    except ApiError as error:
        if pipeline.blame.concerns_account(endpoint("campaigns"), error):
            raise
    values = [whole(stats.get(name)) if isinstance(stats, dict) else None for name in _STATS.values()]
    counters = [count for count in values if count is not None]
    if len(counters) == len(values):
        return counters
    pipeline.report.note(f"campaigns: {message_id} was answered, but the gateway does not tell its counters.")
    return []
