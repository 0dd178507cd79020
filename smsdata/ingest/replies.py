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
from smsdata.ingest.pipeline import Pipeline, let_go_of_what_is_gone
from smsdata.schema.callback_marks import is_marked


def read_replies(pipeline: Pipeline) -> None:
    """Read what is not covered, the look-back, and once more where rows were set aside."""
    state, now = pipeline.state, pipeline.now()
    cursor, oldest = state.cursors.get("replies"), plan.oldest_kept(now)
    let_go_of_what_is_gone(pipeline, "replies", oldest)
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
    sent_at = dict(zip(*campaigns.select(["message_id", "sent_at"]).to_pydict().values(), strict=True))
    plan.forget_recent(pipeline.state, "replies", sent_at, pipeline.now(), pipeline.turn)
    lacking = plan.lacking_replies(counted, _stored_replies(pipeline, counted), pipeline.state)
    for campaign in counted.keys() - lacking.keys():
        if pipeline.state.remembered("replies", campaign) != [counted[campaign]]:
            pipeline.state.forget("replies", campaign)
    if not lacking:
        return
    listed = not pipeline.report.of("replies").unproved  # else what was listed could not be stored
    if listed and not pipeline.store.count("replies") and _owe_all_replies(pipeline, lacking):
        return
    reads = [_replies_to(send, count) for send, count in sorted(lacking.items())]
    proved = [
        drained.read.parameters["message_id"]
        for drained in pipeline.read_and_store("replies", reads)
        if drained is not None and not pipeline.odd_rows.note_for_retry(drained)
    ]
    still = plan.lacking_replies(lacking, _stored_replies(pipeline, lacking), pipeline.state)
    differs = still.keys() & set(proved)
    for campaign in differs:
        pipeline.state.remember("replies", campaign, [lacking[campaign]])
    if differs:
        pipeline.report.note(
            f"replies: {len(differs):,} sends count {sum(lacking[one] for one in differs):,} replies, and "
            "complete reads of them gave fewer: they are counted differently. They are read again when the "
            "counts move."
        )
    pipeline.store.save_state()


def _replies_to(message_id: int, count: int) -> Read:
    return Read(endpoint("campaign_replies"), {"message_id": message_id}, expect=count)


def _owe_all_replies(pipeline: Pipeline, lacking: Mapping[int, int]) -> bool:
    """Whether no reply at all is listed though sends count some: nothing then counts as read.

    The send that counts most is asked for; if it gives replies, so may the others.
    """
    most = max(lacking, key=lambda send: (lacking[send], send))
    for drained in pipeline.read_and_store("replies", [_replies_to(most, lacking[most])]):
        if drained is None or drained.rows.num_rows:
            return False
    text = (
        f"replies: the gateway lists none, while {len(lacking):,} sends count {sum(lacking.values()):,}. "
        "Nothing counts as read; the next run asks for all of them again."
    )
    pipeline.report.of("replies").unproved.append(text)
    pipeline.report.attention.append(text)
    pipeline.state.uncover("replies", pipeline.state.kept_from["replies"])
    pipeline.store.save_state()
    return True


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
