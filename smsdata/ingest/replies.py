"""Replies and inbound messages: what is not covered, a look-back, and what the counters of sends still miss.

A reply may be listed long after it was received, so no cursor can vouch for what lies before it: each run
reads the last 72 hours again, a weekly one 30 days, and the replies of each send are compared with its
counter. What the sends give and the list does not, long after it was received, tells that the list leaves
replies out: it may leave out inbound ones too, which nothing else counts. Imports `gateway`, `schema`,
`pipeline` and `plan`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reads import Drained, Read
from smsdata.ingest import plan
from smsdata.ingest.pipeline import Pipeline, let_go_of_what_is_gone
from smsdata.schema.callback_marks import counted_by_polls
from smsdata.store.coverage import Span
from smsdata.store.state import note_left_out


def read_replies(pipeline: Pipeline) -> None:
    """Read what is not covered, the look-back, and once more where rows were set aside."""
    state, now = pipeline.state, pipeline.now()
    cursor, oldest = state.cursors.get("replies"), plan.oldest_kept(now)
    let_go_of_what_is_gone(pipeline, "replies", oldest)
    weekly = state.is_due("replies", plan.WEEK, now) or "replies" in state.pending.compare_from
    left_out = min((one for one in state.replies_left_out.values() if one > oldest), default=now)
    again = plan.replies_again_from(now, cursor, weekly=weekly)
    state.uncover("replies", min(again, left_out), oldest=oldest)
    _note_answered(pipeline, pipeline.read_again("replies"))
    _note_answered(pipeline, pipeline.read_missing("replies"))
    if state.replies_left_out:
        _say_what_is_left_out(pipeline, {i: at for i, at in state.replies_left_out.items() if at > oldest})


def _note_answered(pipeline: Pipeline, reads: Iterable[Drained | None]) -> None:
    """Remember which campaigns have new replies, in the state that is saved with those.

    What the list gives at last is not left out any more.
    """
    for drained in reads:
        if drained is not None and drained.rows.num_rows:
            rows = drained.rows
            if pipeline.state.replies_left_out:
                listed = set(rows.column("id").to_pylist())
                left = {i: at for i, at in pipeline.state.replies_left_out.items() if i not in listed}
                note_left_out(pipeline.state, left)
            stored = pipeline.store.tables.rows_sharing("replies", rows, "id")
            fresh = rows.filter(pc.invert(pc.is_in(rows.column("id"), stored.column("id").combine_chunks())))
            pipeline.state.pending.note_answered(set(fresh.column("message_id").drop_null().to_pylist()))


def _say_what_is_left_out(pipeline: Pipeline, left: Mapping[int, datetime]) -> None:
    """Remember the replies that the list leaves out; nothing from the oldest on counts as read."""
    note_left_out(pipeline.state, left)
    if left:
        first = min(left.values())
        text = (
            f"replies: the list of replies leaves out {len(left):,} that their sends give, received from "
            f"{first:%Y-%m-%d %H:%M} UTC on: those are stored, but inbound messages may be missing too, "
            "which nothing else counts. The next run reads the list again from there."
        )
        pipeline.report.of("replies").unproved.append(text)
        pipeline.report.attention.append(text)
        pipeline.state.uncover("replies", first)
    pipeline.store.save_state()


def _time_listed(pipeline: Pipeline) -> list[Span]:
    """The time of which the list of replies was read long after; none where a file of replies is gone."""
    if any(fault.table == "replies" for fault in pipeline.store.tables.inventory.lost()):
        return []
    ripe = pipeline.now() - plan.QUIET
    return [Span(one.start, min(one.end, ripe)) for one in pipeline.state.covered("replies")]


def _left_out(drained: Drained, known: pa.Table, listed: Sequence[Span]) -> dict[int, datetime]:
    """The replies of a send that were not known, though the list of their time had been read."""
    fresh = pc.invert(pc.is_in(drained.rows.column("id"), known.column("id").combine_chunks()))
    rows = drained.rows.filter(fresh).select(["id", "received_at"]).to_pydict()
    return {
        reply: at
        for reply, at in zip(*rows.values(), strict=True)
        if any(span.start <= at <= span.end for span in listed)
    }


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
    proved = _read_of_sends(pipeline, reads)
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


def _read_of_sends(pipeline: Pipeline, reads: Sequence[Read]) -> list[int]:
    """Read the replies of some sends; gives those of which no row was odd."""
    asked = pa.table({"message_id": pa.array([r.parameters["message_id"] for r in reads], pa.int64())})
    known = pipeline.store.tables.rows_sharing("replies", asked, "message_id")
    left_out, listed = dict(pipeline.state.replies_left_out), _time_listed(pipeline)
    proved: list[int] = []
    for drained in pipeline.read_and_store("replies", reads):
        if drained is not None:
            left_out |= _left_out(drained, known, listed)
            if not pipeline.odd_rows.note_for_retry(drained):
                proved.append(drained.read.parameters["message_id"])
    if left_out.keys() - pipeline.state.replies_left_out.keys():
        _say_what_is_left_out(pipeline, left_out)
    return proved


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
    for row in counted_by_polls(pipeline.store.tables.grouped("replies", ["message_id", "extra"])):
        if row["message_id"] in counted:
            counts[row["message_id"]] += row["n"]
    return counts
