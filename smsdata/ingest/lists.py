"""Lists with their members, and the daily snapshots of numbers and keywords.

Imports `gateway`, `schema`, `pipeline` and `plan`.
"""

from __future__ import annotations

import pyarrow as pa

from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reads import Drained, Read
from smsdata.ingest import plan
from smsdata.ingest.pipeline import Pipeline
from smsdata.ingest.plan import SyncOptions
from smsdata.schema.frames import empty


def read_lists(pipeline: Pipeline) -> Drained | None:
    """Read the lists; they are stored later, after their members."""
    return pipeline.read_one(Read(endpoint("lists")))


def stale_members(pipeline: Pipeline, options: SyncOptions, lists: Drained) -> list[int]:
    """The lists whose members are to be read."""
    return plan.stale_lists(
        lists.rows.to_pylist(),
        pipeline.state,
        only=options.only.get("list_id"),
        any_stored=bool(pipeline.store.parts("list_members")),
        now=pipeline.client.now(),
    )


def counters_of_lists(lists: Drained) -> dict[int, tuple[int, int]]:
    """By list, its counters (active, all)."""
    return {row["list_id"]: plan.list_counters(row) for row in lists.rows.to_pylist()}


def read_members(pipeline: Pipeline, options: SyncOptions, lists: Drained) -> None:
    """Read members of the lists whose counters moved since they were read, all of them every week."""
    state = pipeline.state
    unproved = set(state.unproved_lists)
    stale = stale_members(pipeline, options, lists)
    rows: list[pa.Table] = []
    whole: list[int] = []
    odd: list[int] = []  # rows were set aside: worth another try
    resting: list[int] = []  # odd each time: not read again by itself, but nothing counts as vanished
    reads = [Read(endpoint("list_members"), {"list_id": list_id}) for list_id in stale]
    for list_id, outcome in zip(stale, pipeline.reader.each(reads), strict=True):
        drained = pipeline.record(outcome)
        unproved = unproved - {list_id} if drained else unproved | {list_id}
        if drained:
            again = pipeline.odd_rows.note_for_retry(drained)
            (odd if again else resting if drained.batch.rejects else whole).append(list_id)
            rows.append(drained.rows)
    counters = counters_of_lists(lists)
    gone = [i for i in state.members_seen if i not in counters] if not lists.batch.rejects else []
    _store_members(pipeline, lists, rows, [*whole, *gone])
    state.mark_members_read({list_id: counters[list_id] for list_id in (*whole, *resting)}, gone=gone)
    state.mark_unproved(unproved & counters.keys())
    if counters.keys() == {*whole, *resting, *odd}:
        state.mark_read("list_members", pipeline.client.now())


def _store_members(pipeline: Pipeline, lists: Drained, rows: list[pa.Table], proved: list[int]) -> None:
    """Store members; those of the lists `proved` that are not among them have vanished."""
    members_read = pa.concat_tables([empty("list_members"), *rows])
    if rows or proved:
        pipeline.store.apply_snapshot(
            "list_members", members_read, seen_at=lists.seen_at, scope={"list_id": proved}
        )
    pipeline.report.of("list_members").rows += members_read.num_rows


def read_daily(pipeline: Pipeline, options: SyncOptions, table: str) -> None:
    """Read numbers or keywords: once a day at most, unless certain tables were asked for."""
    if not (options.named or pipeline.state.is_due(table, plan.DAY, pipeline.client.now())):
        return
    drained = pipeline.read_one(Read(endpoint(table)))
    if drained is not None:
        pipeline.state.mark_read(table, pipeline.client.now())
        pipeline.store_snapshot(drained)
