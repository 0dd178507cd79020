"""What a run sets out to read: kept in the state before its first call, taken off when all is stored.

A target is from when on a table is to be complete (`State.kept_from`). Of messages and replies the state
knows besides which spans of time are covered, so what is left follows by itself. Dlrs, opt-outs, late
messages and replies follow from the counters of sends: `Pending.compare_from` says how far the report has to
reach back until such a comparison has come to its end. Where there are too many sends for one run, older ones
have their turn: `rounds` says when. Imports `pipeline`, `plan` and `rounds`.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

import numpy as np

from smsdata import times
from smsdata.errors import UsageError
from smsdata.ingest import plan, rounds
from smsdata.ingest.pipeline import Pipeline, note_skew
from smsdata.ingest.plan import SyncOptions
from smsdata.store.state import note_rounds
from smsdata.store.store import Store

COVERED = ("messages", "replies")
"""The tables of which the state knows what is covered."""

COMPARED = ("campaigns", "messages", "dlrs", "optouts", "replies")
"""The tables that are brought up to date by the counters of sends; campaigns hold those."""


def remember_asked(pipeline: Pipeline, options: SyncOptions) -> None:
    """Keep what was asked for before the first call, which tells the gateway's time."""
    if options.since is None or options.one_send or not options.needed & set(COMPARED):
        return
    since = options.since
    pipeline.state.pending.ask_since(since if isinstance(since, str) else since.isoformat())
    pipeline.store.save_state()


def set_out(pipeline: Pipeline, options: SyncOptions) -> None:
    """Keep the targets of this run, now that the time is known and nothing else is read yet."""
    now, state = pipeline.now(), pipeline.state
    asked = [options.start(now), _left_asked(state.pending.since, now)]
    note_skew(pipeline)
    pipeline.turn = _turn(pipeline, options, now)
    asked_from = min((one.replace(microsecond=0) for one in asked if one), default=None)
    for table in COMPARED:
        _take_back_wrong_cursor(pipeline, table)
        if table in options.needed and (table in COVERED or not options.one_send):
            compared = "campaigns" in options.needed and not options.one_send
            _set_target(pipeline, table, asked_from, now, compared=compared)
    if not options.one_send:
        _set_out_deep(pipeline, options, now)
    state.pending.ask_since("")
    if pipeline.keeps:
        pipeline.store.save_state()


def finish(pipeline: Pipeline, options: SyncOptions, *tables: str) -> None:
    """Take off what is done: the last row that follows from the counters of sends is stored.

    Where something could not be read the next run does it again.
    """
    report, state, now = pipeline.report, pipeline.state, pipeline.now()
    mine = [table for table in tables if table in options.needed and not options.one_send]
    read = ["campaigns", *mine]
    if (
        "campaigns" not in options.needed
        or not mine
        or any(report.tables[name].unproved for name in read if name in report.tables)
    ):
        return
    for table in mine:
        since = state.pending.finish(table)
        whole = since is not None and since <= plan.oldest_kept(now)
        if whole or (pipeline.turn is not None and state.is_due(table, plan.WEEK, now)):
            state.mark_read(table, now)
    if "dlrs" in mine:
        state.pending.dig_from(None)
    if {"dlrs", "optouts"} <= set(mine):
        state.pending.forget_answered()
        _go_on_with_rounds(pipeline, options)
    pipeline.store.save_state()


def _turn(pipeline: Pipeline, options: SyncOptions, now: datetime) -> plan.Turn | None:
    """Which older sends this run looks at, where there are too many for one run."""
    known = "campaigns" in options.needed and "campaigns" in pipeline.state.cursors
    if options.one_send or not known:
        return None
    return rounds.turn(sends_kept(pipeline.store, now), pipeline.state.rounds, now)


def sends_kept(store: Store, now: datetime) -> rounds.Instants:
    """When the stored sends of the last 12 months went out, ascending."""
    rows = store.rows("campaigns", since=plan.oldest_kept(now), columns=["sent_at"])
    return np.sort(rows.column("sent_at").to_numpy())


def _go_on_with_rounds(pipeline: Pipeline, options: SyncOptions) -> None:
    """The rounds over older sends have come further, once all that follows from this turn is stored."""
    parts = pipeline.report.tables
    left = any(parts[table].unproved for table in COMPARED if table in parts)
    if pipeline.turn is not None and set(COMPARED) <= options.needed and not left:
        note_rounds(pipeline.state, pipeline.turn.rounds)


def _left_asked(since: str, now: datetime) -> datetime | None:
    """What a run had asked for that was killed before the gateway told the time."""
    with suppress(UsageError):  # it makes no sense, and its run has said so
        return times.since(since, now) if since else None
    return None


def _set_target(
    pipeline: Pipeline, table: str, asked: datetime | None, now: datetime, *, compared: bool
) -> None:
    state, oldest = pipeline.state, plan.oldest_kept(now)
    known = state.kept_from.get(table)
    if table in ("messages", "dlrs"):
        first = plan.kept_from(known, asked=asked, now=now).replace(microsecond=0)
    else:
        first = min(known or oldest, asked or oldest, oldest)
    if table == "replies" and first < oldest and known is None:
        pipeline.report.note(f"replies: the gateway keeps 12 months; they begin {oldest:%Y-%m-%d %H:%M}.")
        first = oldest
    elif table == "replies":
        first = known or oldest
    let_go = state.retained.get(table)
    if let_go is not None and first < let_go:
        pipeline.report.note(
            f"{table}: those of before {let_go:%Y-%m-%d %H:%M} were let go by `smsdata retain`, and are not "
            "read again."
        )
        first = max(let_go, known or let_go)
    moved = known is None or first < known
    if moved:
        state.keep_from(table, first)
    if moved and compared:
        state.pending.reach_back(table, first)
    in_turns = pipeline.turn is not None and table in state.read_whole_at
    if compared and not in_turns and state.is_due(table, plan.WEEK, now):
        state.pending.reach_back(table, oldest)


def _set_out_deep(pipeline: Pipeline, options: SyncOptions, now: datetime) -> None:
    """What is to be read again although it is stored and proved."""
    state, start = pipeline.state, plan.deep_from(options, now)
    if start is None:
        return
    for table in options.needed & set(COVERED):
        state.uncover(table, start)
    for table in options.needed & set(COMPARED) if "campaigns" in options.needed else ():
        state.pending.reach_back(table, start)
    if "dlrs" in options.needed:
        state.pending.dig_from(start)
    if options.since is not None or options.named:
        for table in options.needed & {"list_members", "numbers", "keywords"}:
            state.read_whole_at.pop(table, None)


def _take_back_wrong_cursor(pipeline: Pipeline, table: str) -> None:
    """A cursor that lies ahead was set while a clock was wrong, nobody knows when: 30 days are read again."""
    cursor, until = pipeline.state.cursors.get(table), pipeline.until()
    if cursor and cursor > until:
        pipeline.report.tell_once(
            table,
            f"stored up to {cursor.isoformat()}, which is still to come: a clock was wrong, or is now. "
            "Nothing after its time is read; 30 days are read again.",
        )
        pipeline.state.take_back_cursor(table, until - plan.LOOK_BACK)
