"""Lists with their members, and the daily snapshots of numbers and keywords.

Imports `gateway`, `schema`, `pipeline` and `plan`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reads import Drained, Read
from smsdata.ingest import plan
from smsdata.ingest.list_ends import Moves, read_ends
from smsdata.ingest.pipeline import Pipeline, is_complete
from smsdata.ingest.plan import SyncOptions
from smsdata.schema.counters import UNKNOWN
from smsdata.schema.frames import empty
from smsdata.store.state import note_all_members


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
    """Read members of the lists whose counters moved since they were read, all of them every week.

    Of a long list with few moves only its ends are read, if they show them.
    """
    counters = counters_of_lists(lists)
    stale = stale_members(pipeline, options, lists)
    seen = _read_ends(pipeline, options, {list_id: counters[list_id] for list_id in stale})
    members = _MembersRead(pipeline)
    whole = [list_id for list_id in stale if list_id not in seen]
    reads = [Read(endpoint("list_members"), {"list_id": list_id}) for list_id in whole]
    for list_id, outcome in zip(whole, pipeline.reader.each(reads), strict=True):
        members.take(list_id, pipeline.record(outcome))
    _read_left_out(pipeline, {list_id: counters[list_id] for list_id in members.whole}, members)
    _keep_members(pipeline, lists, counters, members, seen)


def _read_left_out(pipeline: Pipeline, counters: dict[int, tuple[int, int]], members: _MembersRead) -> None:
    """Read inactive members apart where the gateway gives none of them when all are asked for.

    That lists count more than their active members says little, for deleted ones count too. So as long as no
    inactive member was ever given, the list that counts most is asked for them alone, and where that brings
    some, so are the others.
    """
    if any(pc.any(pc.not_equal(one.column("status"), "active")).as_py() for one in members.rows):
        note_all_members(pipeline.state)
    left = {i: ever - active for i, (active, ever) in counters.items() if 0 <= active < ever}
    if not left or pipeline.state.all_members_come:
        return
    order = sorted(left, key=lambda list_id: (-left[list_id], list_id))
    reads = [Read(endpoint("list_members"), {"list_id": i, "members": "inactive"}) for i in order]
    for chosen in (reads[:1], reads[1:]):
        got = [pipeline.record(outcome) for outcome in pipeline.reader.each(chosen)]
        members.rows += [drained.rows for drained in got if drained is not None]
        if not any(drained is not None and drained.rows.num_rows for drained in got):
            return
    pipeline.report.note(
        "list_members: this gateway leaves inactive members out when all are asked for; they are read apart."
    )


@dataclass
class _MembersRead:
    """What came of reading the members of lists."""

    pipeline: Pipeline
    rows: list[pa.Table] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)
    odd: list[int] = field(default_factory=list)  # rows were set aside: worth another try
    resting: list[int] = field(default_factory=list)  # odd each time: not read by itself, nothing is gone
    changing: dict[int, tuple[int, int]] = field(default_factory=dict)  # stored as seen: nothing is gone
    failed: list[int] = field(default_factory=list)

    def take(self, list_id: int, drained: Drained | None) -> None:
        """Take what one read brought."""
        if drained is None:
            self.failed.append(list_id)
            return
        again = self.pipeline.odd_rows.note_for_retry(drained)
        if not is_complete(drained):
            self.changing[list_id] = plan.list_counters(drained.beside)
            self.pipeline.report.attention.append(_why_unproved(list_id, drained))
        elif again:
            self.odd.append(list_id)
        else:
            (self.resting if drained.batch.rejects else self.whole).append(list_id)
        self.rows.append(drained.rows)


def _why_unproved(list_id: int, drained: Drained) -> str:
    """What keeps the members of a list from being proved: they changed, or it counts more than it gives."""
    once = pc.sum(pc.invert(drained.rows.column("proved"))).as_py() or 0
    if once:
        what = (
            f"list {list_id} changed while it was read: {once:,} of {drained.rows.num_rows:,} members were "
            "seen in one of two passes only and are stored with proved = false"
        )
    else:
        active = pc.sum(pc.equal(drained.rows.column("status"), "active")).as_py() or 0
        counted = plan.list_counters(drained.beside)[0]
        what = (
            f"list {list_id} gave {active:,} active members in two passes alike, and counts "
            f"{'an unknown number' if counted == UNKNOWN else f'{counted:,}'}: what it gave is stored"
        )
    return (
        f"{what}; nobody counts as gone. The weekly read tries again, or `smsdata sync --tables list_members "
        f"--list-id {list_id}` when it is quiet."
    )


def _keep_members(
    pipeline: Pipeline,
    lists: Drained,
    counters: dict[int, tuple[int, int]],
    members: _MembersRead,
    seen: dict[int, pa.Table],
) -> None:
    state = pipeline.state
    gone = [i for i in state.members_seen if i not in counters] if not lists.batch.rejects else []
    if not lists.batch.rejects:
        pipeline.failed.forget_lists(counters.keys())
    _store_members(pipeline, lists, [*members.rows, *seen.values()], [*members.whole, *gone])
    done = (*members.whole, *members.resting, *members.changing)
    state.mark_members_read(
        {list_id: counters[list_id] for list_id in (*done, *seen)} | members.changing,
        gone=gone,
    )
    proved = {*members.whole, *members.resting, *members.odd}
    changing = (state.changing_lists - proved | members.changing.keys()) & counters.keys()
    for list_id in sorted(changing - members.changing.keys()):
        pipeline.report.attention.append(
            f"list {list_id} changed while it was last read whole: rows with proved = false are in "
            "list_members, and nobody counts as gone until the weekly read proves it."
        )
    failed = state.unproved_lists - proved - members.changing.keys() | set(members.failed)
    state.mark_unproved(failed & counters.keys(), changing=changing)
    if counters.keys() == {*done, *members.odd, *members.failed}:  # a read that failed is tried by itself
        state.mark_read("list_members", pipeline.client.now())


def _read_ends(
    pipeline: Pipeline, options: SyncOptions, stale: dict[int, tuple[int, int]]
) -> dict[int, pa.Table]:
    """Of long lists with few moves, by list, the rows of those who joined or left."""
    state = pipeline.state
    if options.only or plan.members_due(state, pipeline.client.now()):
        return {}
    found: dict[int, pa.Table] = {}
    for list_id, now in stale.items():
        moves = Moves.between(state.members_seen.get(list_id, (UNKNOWN, UNKNOWN)), now)
        if moves is None:
            continue
        stored = pipeline.store.rows("list_members")
        present = pc.and_(pc.equal(stored.column("list_id"), list_id), pc.is_null(stored.column("gone_at")))
        rows = read_ends(pipeline.client, list_id, moves, stored.filter(present))
        if rows is not None:
            found[list_id] = rows
            pipeline.report.note(
                f"list {list_id}: {moves.joined:,} joined and {moves.left:,} left, seen at the ends of the "
                "list; the weekly read proves them."
            )
    return found


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
