"""Replies and inbound messages: what is not covered, a look-back, and what the counters of sends still miss.

A reply may be listed long after it was received, so no cursor can vouch for what lies before it: each run
reads the last 72 hours again, a weekly one 30 days, and the replies of each send are compared with its
counter. Imports `gateway`, `schema`, `pipeline` and `plan`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reads import Drained, Read
from smsdata.ingest import plan
from smsdata.ingest.pipeline import Pipeline
from smsdata.schema.callback_marks import is_marked


def read_replies(pipeline: Pipeline) -> None:
    """Read what is not covered, the look-back, and once more where rows were set aside."""
    state, now = pipeline.state, pipeline.now()
    cursor, oldest = state.cursors.get("replies"), plan.oldest_kept(now)
    if cursor and cursor < oldest:
        pipeline.report.attention.append(
            f"replies: those of {cursor:%Y-%m-%d} to {oldest:%Y-%m-%d} were never read and are gone: "
            "the gateway keeps 12 months. Run `smsdata sync` more often."
        )
        state.keep_from("replies", oldest)
    weekly = state.is_due("replies", plan.WEEK, now) or "replies" in state.pending.compare_from
    state.uncover("replies", plan.replies_again_from(now, cursor, weekly=weekly), oldest=oldest)
    _note_answered(pipeline, pipeline.read_again("replies"))
    _note_answered(pipeline, pipeline.read_missing("replies"))


def _note_answered(pipeline: Pipeline, reads: Iterable[Drained | None]) -> None:
    """Remember which campaigns have new replies, in the state that is saved with those."""
    for drained in reads:
        if drained is not None and drained.rows.num_rows:
            rows = drained.rows
            stored = pipeline.store.tables.rows_sharing("replies", rows, "id")
            fresh = rows.filter(pc.invert(pc.is_in(rows.column("id"), stored.column("id").combine_chunks())))
            pipeline.state.pending.note_answered(set(fresh.column("message_id").drop_null().to_pylist()))


def read_lacking_replies(pipeline: Pipeline, campaigns: pa.Table) -> None:
    """Read the replies of each send of which fewer are stored than its counter says.

    Nobody documents that the counter counts the same rows: where a proved read still gives fewer, the count
    is remembered, and not asked about again until it moves.
    """
    counted = _counts_of_replies(pipeline, campaigns)
    lacking = plan.lacking_replies(counted, _stored_replies(pipeline, counted), pipeline.state)
    for campaign in counted.keys() - lacking.keys():
        if pipeline.state.remembered("replies", campaign) != [counted[campaign]]:
            pipeline.state.forget("replies", campaign)
    if not lacking:
        return
    entry = endpoint("campaign_replies")
    reads = [Read(entry, {"message_id": i}, expect=count) for i, count in sorted(lacking.items())]
    proved = [
        drained.read.parameters["message_id"]
        for drained in pipeline.read_and_store("replies", reads)
        if drained is not None and not pipeline.odd_rows.note_for_retry(drained)
    ]
    still = plan.lacking_replies(lacking, _stored_replies(pipeline, lacking), pipeline.state)
    for campaign in still.keys() & set(proved):
        pipeline.state.remember("replies", campaign, [lacking[campaign]])
    pipeline.store.save_state()


def _counts_of_replies(pipeline: Pipeline, campaigns: pa.Table) -> dict[int, int]:
    """By campaign, its counter of replies; only those whose replies are kept, as the report says last."""
    rows = campaigns.select(["message_id", "sent_at", "responses"]).to_pylist()
    first = pipeline.state.kept_from["replies"]
    return {
        row["message_id"]: row["responses"] for row in rows if row["sent_at"] >= first and row["responses"]
    }


def _stored_replies(pipeline: Pipeline, counted: Mapping[int, int]) -> dict[int, int]:
    if not counted:
        return {}
    counts: Counter[int] = Counter()
    for row in pipeline.store.tables.grouped("replies", ["message_id", "extra"]):
        if row["message_id"] in counted and not is_marked(row["extra"]):
            counts[row["message_id"]] += row["n"]
    return counts
