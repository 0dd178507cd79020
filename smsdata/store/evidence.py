"""What became of a message, by all that was ever seen of it: pure functions over Arrow tables.

A status only ever moves up in rank (see `smsdata.schema.status.RANK`; a word never seen ranks above
pending). Of two final ones the one seen last counts, then delivered. What a callback told counts until polls
show how the message ended: a delivery or a bounce that was polled goes before everything that callbacks told,
and leaves them the kind of a bounce that it does not name. Every observation that the result may depend on is
kept in ``status_history``, so that the order in which observations arrive changes nothing. The table says it
case by case: a dlr is stored with a status that was shown at noon, by a poll, or by a callback after a poll
that showed pending; then another observation comes.

===========  ========  ===========  ========  =======  ===========  ====================
stored       shown by  comes        from      seen     counts       history gains
===========  ========  ===========  ========  =======  ===========  ====================
pending      polled    pending      polled    later    pending      -
pending      polled    queued       polled    later    queued       queued
pending      polled    delivered    polled    later    delivered    delivered
pending      polled    delivered    polled    earlier  delivered    delivered
pending      polled    delivered    callback  later    delivered    delivered
delivered    polled    pending      polled    later    delivered    pending
delivered    polled    pending      polled    earlier  delivered    pending
delivered    polled    hard-bounce  polled    later    hard-bounce  hard-bounce
delivered    polled    hard-bounce  polled    same     delivered    hard-bounce
delivered    polled    hard-bounce  polled    earlier  delivered    hard-bounce
delivered    polled    hard-bounce  callback  later    delivered    hard-bounce
delivered    callback  hard-bounce  polled    later    hard-bounce  hard-bounce
delivered    callback  hard-bounce  polled    earlier  hard-bounce  hard-bounce
delivered    callback  delivered    polled    later    delivered    delivered
delivered    callback  pending      polled    later    delivered    pending
delivered    callback  soft-bounce  polled    later    soft-bounce  soft-bounce
delivered    callback  bounced      polled    later    bounced      bounced
hard-bounce  callback  bounced      polled    later    hard-bounce  bounced
bounced      polled    hard-bounce  callback  later    hard-bounce  hard-bounce
bounced      polled    delivered    callback  later    bounced      delivered
soft-bounce  polled    delivered    callback  later    soft-bounce  delivered
soft-bounce  polled    delivered    polled    earlier  delivered    delivered
soft-bounce  polled    bounced      polled    later    soft-bounce  bounced
hard-bounce  polled    soft-bounce  callback  later    hard-bounce  soft-bounce
===========  ========  ===========  ========  =======  ===========  ====================

Each line is tried on one dlr:

>>> from datetime import UTC, datetime
>>> from smsdata.schema.callback_marks import Extra
>>> from smsdata.schema.frames import schema
>>> def dlr(status, hour, extra=None):
...     at = datetime(2026, 11, 22, hour, tzinfo=UTC)
...     row = {"message_id": 1, "msisdn": "61491570156", "sent_at": at, "status": status, "optout": False,
...            "copies": 1, "extra": extra, "synced_at": at}
...     return pa.Table.from_pylist([row], schema=schema("dlrs"))
>>> def tried(case):
...     stored, shown_by, comes, source, seen, *_ = case
...     polled_at = 12 if shown_by == "polled" else 11
...     history = [observations(dlr(stored if polled_at == 12 else "pending", polled_at), "polled")]
...     history += [observations(dlr(stored, 12), "callback")] if shown_by == "callback" else []
...     history = pa.concat_tables(history)
...     new = dlr(comes, {"earlier": 9, "same": 12, "later": 15}[seen])
...     mark = Extra(status_heard=shown_by == "callback", status="pending").text()
...     met = beside_stored(new, dlr(stored, polled_at, mark))
...     rows, kept = weigh(met, source, lambda rows: history, callbacks=True)
...     gained = [row["status"] for row in kept.to_pylist() if row not in history.to_pylist()]
...     return [*case[:5], rows.column("status")[0].as_py(), ",".join(gained) or "-"]
>>> lines = __doc__.splitlines()
>>> _, head, end = [n for n, line in enumerate(lines) if line.startswith("===")]
>>> cases = [line.split() for line in lines[head + 1 : end]]
>>> [tried(case) for case in cases if tried(case) != case]
[]

Knows no file: `merging` reads what is stored and writes what comes out. Imports `keys` and `schema`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from smsdata.schema.callback_marks import (
    TABLES_WITH_MARKS,
    event_of,
    met_extra,
    only_heard,
    polled_statuses,
    told_by_callbacks,
    with_status_marks,
)
from smsdata.schema.frames import empty, schema, with_column
from smsdata.schema.status import NEW_WORD, RANK, rank
from smsdata.store.keys import lasts, matching, rows_without

SEND_AND_NUMBER = ("message_id", "msisdn")

HistoryOf = Callable[[pa.Table], pa.Table]
"""Gives the stored rows of ``status_history`` of the sends that some dlrs belong to."""


# ---- observations ----------------------------------------------------------------------------------


def with_status(dlrs: pa.Table) -> pa.Table:
    """The dlrs that have a status: one that could not be read is no observation."""
    return dlrs.filter(pc.is_valid(dlrs.column("status"))) if dlrs.column("status").null_count else dlrs


def observations(dlrs: pa.Table, source: str) -> pa.Table:
    """Dlrs as rows of ``status_history``."""
    n = dlrs.num_rows
    filled = {
        "observed_at": dlrs.column("synced_at"),
        "source": pa.repeat(source, n),
        "extra": pa.nulls(n, pa.string()),
    }
    arrow = schema("status_history")
    made = [filled[f.name] if f.name in filled else dlrs.column(f.name) for f in arrow]
    return pa.Table.from_arrays(made, schema=arrow)


def best_observations(history: pa.Table) -> pa.Table:
    """The one observation of each message that counts: highest rank, polled, latest, delivered.

    One that polls showed and that says how the message ended goes before all that callbacks told.
    """
    best = _first_by_weight(history)
    vague = pc.and_(_is_polled(best), pc.equal(best.column("status"), "bounced"))
    if not pc.any(vague).as_py():
        return best
    kinds = history.filter(
        pc.is_in(history.column("status"), value_set=pa.array(["soft-bounce", "hard-bounce"]))
    )
    mine, theirs = matching(SEND_AND_NUMBER, best, kinds := _first_by_weight(kinds))
    named = pc.take(vague, mine)
    return pa.concat_tables([rows_without(best, mine.filter(named)), kinds.take(theirs.filter(named))])


def _first_by_weight(history: pa.Table) -> pa.Table:
    polled, ranks = _is_polled(history), rank(history.column("status"))
    ended = pc.and_(polled, pc.greater_equal(ranks, RANK["bounced"]))
    weight = pc.add(pc.multiply(ranks, 2), pc.add(polled.cast(pa.int64()), pc.if_else(ended, 10, 0)))
    order = [("_weight", "ascending"), ("observed_at", "ascending"), ("status", "descending")]
    weighed = history.append_column("_weight", weight).sort_by(order)
    return weighed.take(lasts(SEND_AND_NUMBER, weighed)).drop_columns("_weight")


def _is_polled(history: pa.Table) -> pa.ChunkedArray:
    return pc.equal(history.column("source"), "polled")


def as_observed(dlrs: pa.Table, history: pa.Table) -> pa.Table:
    """The dlrs with the statuses that a history tells; without those that it does not know."""
    mine, theirs = matching(SEND_AND_NUMBER, dlrs, best := best_observations(history))
    return with_column(dlrs.take(mine), "status", best.column("status").take(theirs))


# ---- dlrs that are stored already ------------------------------------------------------------------


def beside_stored(dlrs: pa.Table, stored: pa.Table) -> pa.Table:
    """Dlrs, row by row beside those stored: with their status as ``was``, last polled at ``was_at``.

    ``was_told`` is there where only a callback told the stored one, see `told_by_callbacks`.
    """
    beside = dlrs.append_column("was", stored.column("status"))
    beside = beside.append_column("was_at", stored.column("synced_at"))
    return beside.append_column("was_told", told_by_callbacks(stored))


def weigh(met: pa.Table, source: str, history_of: HistoryOf, *, callbacks: bool) -> tuple[pa.Table, pa.Table]:
    """Decide which status counts of dlrs that are stored already.

    Parameters
    ----------
    met
        The dlrs as they come, beside the stored ones: see `beside_stored`.
    source
        Who says so: ``"polled"`` or ``"callback"``.
    history_of
        Asked only for the dlrs of which the stored status does not decide.
    callbacks
        Whether any callback was ever stored.

    Returns
    -------
    tuple of Table
        The dlrs with the status that counts, and as ``told`` where only a callback told it; and the
        observations to be kept, as ``status_history``.
    """
    plain, unclear = _plain_and_unclear(met, source)
    kept = [observations(plain, source)]
    if callbacks and source == "polled":
        kept.append(observations(_confirmed(met, history_of), source))
    decided, evidence = _decided(unclear, source, history_of)
    mine, _ = matching(SEND_AND_NUMBER, met, unclear)
    plain = rows_without(met, mine)
    plain = plain.append_column("told", pa.nulls(plain.num_rows, pa.string()))
    rows = pa.concat_tables([plain, decided.select(plain.column_names)])
    return rows.drop_columns(["was", "was_at", "was_told"]), pa.concat_tables([*kept, evidence])


def _plain_and_unclear(met: pa.Table, source: str) -> tuple[pa.Table, pa.Table]:
    """The dlrs whose status simply rose, and those that need a look at the history.

    That is where the order of arrival could tell another story than the evidence: the status did not
    rise, or the observation is older than what is stored.
    """
    now, was = met.column("status"), met.column("was")
    differs, rose = pc.not_equal(now, was), pc.greater(rank(now), rank(was))
    at, was_at = met.column("synced_at"), met.column("was_at")
    stale, as_old = pc.less(at, was_at), pc.less_equal(at, was_at)
    if source != "polled":  # a callback says nothing about when the row was last polled
        stale = as_old = pa.chunked_array([pa.repeat(True, met.num_rows)])
    plain = pc.and_(rose, pc.invert(stale))
    unclear = pc.if_else(differs, pc.invert(plain), as_old)
    return met.filter(plain), met.filter(unclear)


def _confirmed(met: pa.Table, history_of: HistoryOf) -> pa.Table:
    """Polled dlrs that bear out a status which only a callback showed so far: history is to say so."""
    same = met.filter(pc.equal(met.column("status"), met.column("was")))
    history = history_of(same)
    polled = history.filter(pc.equal(history.column("source"), "polled"))
    keys = [*SEND_AND_NUMBER, "status"]
    return same.join(polled.select(keys), keys=keys, join_type="left anti").select(met.column_names)


def _decided(unclear: pa.Table, source: str, history_of: HistoryOf) -> tuple[pa.Table, pa.Table]:
    """Decide by all evidence what two observations cannot: gives the dlrs, and evidence to be kept."""
    if not unclear.num_rows:
        return unclear.append_column("told", pa.nulls(0, pa.string())), empty("status_history")
    history = history_of(unclear)
    mine, theirs = matching(SEND_AND_NUMBER, unclear, history)  # several rows of history for each dlr
    met, seen = unclear.take(mine), history.take(theirs)
    at, status = seen.column("observed_at"), seen.column("status")
    polled = _is_polled(seen)
    # synced_at is evidence for the stored status unless another one was polled at that instant
    denied = pc.and_(pc.equal(at, met.column("was_at")), pc.not_equal(status, met.column("was")))
    others = pc.not_equal(status, met.column("status"))
    shaken = pc.and_(pc.greater_equal(at, met.column("synced_at")), others)
    differs = pc.not_equal(unclear.column("status"), unclear.column("was"))
    denied_rows = _with_a_chosen_match(unclear, mine, pc.and_(polled, denied))
    polled_before = pc.and_(differs, pc.is_null(unclear.column("was_told")))  # of others history tells all
    before = unclear.filter(pc.and_(polled_before, pc.invert(denied_rows)))
    before = with_column(before, "status", before.column("was"))
    before = with_column(before, "synced_at", before.column("was_at"))
    shaken_rows = _with_a_chosen_match(unclear, mine, shaken)
    after = unclear.filter(pc.or_(differs, shaken_rows)) if source == "polled" else unclear
    evidence = pa.concat_tables([observations(after, source), observations(before, "polled")])
    changed = _as_decided(unclear.filter(differs), pa.concat_tables([seen, evidence]))
    same = unclear.filter(pc.invert(differs))
    told = pa.nulls(same.num_rows, pa.string()) if source == "polled" else same.column("was_told")
    return pa.concat_tables([same.append_column("told", told), changed]), evidence


def _as_decided(dlrs: pa.Table, history: pa.Table) -> pa.Table:
    """The dlrs with the status that counts by their history, and where only a callback told it ``told``."""
    best = best_observations(history)
    shown = best_observations(history.filter(_is_polled(history)))
    mine, theirs = matching(SEND_AND_NUMBER, best, shown)
    told = np.full(best.num_rows, "", dtype=object)
    told[mine.to_numpy()] = shown.column("status").take(theirs).to_pylist()
    told[np.asarray(_is_polled(best))] = None
    best = best.append_column("told", pa.array(told.tolist(), pa.string()))
    mine, theirs = matching(SEND_AND_NUMBER, dlrs, best)
    dlrs = with_column(dlrs.take(mine), "status", best.column("status").take(theirs))
    return dlrs.append_column("told", best.column("told").take(theirs))


def _with_a_chosen_match(rows: pa.Table, places: pa.Array, chosen: pa.ChunkedArray) -> pa.Array:
    """Which rows have a chosen one among their matches; `places` are the rows' of each match."""
    marks = np.zeros(rows.num_rows, dtype=bool)
    marks[places.to_numpy()[np.asarray(chosen)]] = True
    return pa.array(marks)


# ---- rows of the same key --------------------------------------------------------------------------


def merged(table: str, old: pa.Table, new: pa.Table, source: str = "polled") -> pa.Table:
    """Merge rows of the same keys, place by place; which status of a new dlr counts is decided already."""
    later = pc.greater_equal(new.column("synced_at"), old.column("synced_at"))
    marks = table in TABLES_WITH_MARKS
    if marks:
        heard = only_heard(old.column("extra"))
        later = pc.or_(later, heard) if source == "polled" else pc.and_(heard, _tells_more(old, new))
    elif source != "polled":
        later = pa.chunked_array([pa.repeat(False, new.num_rows)])
    arrow = schema(table)
    made = {f.name: pc.if_else(later, new.column(f.name), old.column(f.name)) for f in arrow}
    told = None
    if table == "contact_history":
        made["status"] = _status_that_counts(old, new)
    if table == "messages":
        made["status"], told = _status_of_message(old, new)
    if table == "dlrs":
        told = _merge_dlrs(made, old, new, later, source)
    if marks:
        made["extra"] = met_extra(old, new, later, source, told)
    return pa.Table.from_arrays([made[f.name] for f in arrow], schema=arrow)


def _merge_dlrs(
    made: dict[str, Any], old: pa.Table, new: pa.Table, later: pa.ChunkedArray, source: str
) -> pa.ChunkedArray:
    """Put the columns of dlrs right that follow rules of their own; gives where callbacks told a status."""
    silent = pc.is_null(new.column("status"))
    if source == "polled":
        made["synced_at"] = _seen_with_status(old, new, made["synced_at"])
    tells = _tells_who(old, new, later)
    for name in ("list_id", "first_name", "last_name", "source"):
        made[name] = pc.if_else(tells, new.column(name), old.column(name))
    made["status"] = pc.coalesce(new.column("status"), old.column("status"))  # null: it could not be read
    flags = old.column("optout"), new.column("optout")
    made["optout"] = pc.coalesce(pc.or_kleene(*flags), *reversed(flags))
    made["delivered_at"] = _first_delivery(old, new)
    return pc.if_else(silent, told_by_callbacks(old), new.column("told"))


def _first_delivery(old: pa.Table, new: pa.Table) -> pa.ChunkedArray:
    """The earliest time that was told; one before the message was sent gives way to any that can be."""
    mine, theirs = old.column("delivered_at"), new.column("delivered_at")
    can_be = [pc.greater_equal(time, old.column("sent_at")) for time in (mine, theirs)]
    better = pc.if_else(pc.equal(*can_be), pc.less(theirs, mine), can_be[1])
    return pc.coalesce(pc.if_else(better, theirs, mine), mine, theirs)


def _seen_with_status(old: pa.Table, new: pa.Table, otherwise: pa.ChunkedArray) -> pa.ChunkedArray:
    """When dlrs were last seen, which is evidence for their status: not when it could not be read."""
    silent, was_silent = (pc.is_null(rows.column("status")) for rows in (new, old))
    seen = pc.if_else(pc.and_(silent, pc.invert(was_silent)), old.column("synced_at"), otherwise)
    return pc.if_else(pc.and_(was_silent, pc.invert(silent)), new.column("synced_at"), seen)


def _tells_who(old: pa.Table, new: pa.Table, later: pa.ChunkedArray) -> pa.ChunkedArray:
    """Of which dlrs the new row says who got them: one of the call itself goes before a derived one."""
    derived = [pc.fill_null(pc.equal(rows.column("source"), "derived"), False) for rows in (old, new)]
    heard = only_heard(old.column("extra"))
    kept = pc.and_(derived[1], pc.invert(pc.or_(derived[0], heard)))
    fuller = pc.and_(derived[0], pc.fill_null(pc.equal(new.column("source"), "polled"), True))
    return pc.or_(fuller, pc.and_(later, pc.invert(kept)))


def _tells_more(old: pa.Table, new: pa.Table) -> pa.ChunkedArray:
    """Of two callbacks that tell of a row: the later event, and of two in one second always the same one."""
    at, was_at = new.column("synced_at"), old.column("synced_at")
    first = pc.fill_null(pc.greater(event_of(new.column("extra")), event_of(old.column("extra"))), False)
    return pc.or_(pc.greater(at, was_at), pc.and_(pc.equal(at, was_at), first))


def _status_that_counts(old: pa.Table, new: pa.Table) -> pa.ChunkedArray:
    """The higher rank; between equal ranks the later evidence, and at the same instant delivered."""
    mine, theirs = rank(old.column("status")), rank(new.column("status"))
    same_time = pc.equal(old.column("synced_at"), new.column("synced_at"))
    newer = pc.greater(new.column("synced_at"), old.column("synced_at"))
    # delivered sorts before hard-bounce
    first = pc.fill_null(pc.less_equal(new.column("status"), old.column("status")), False)
    wins = pc.or_(newer, pc.and_(same_time, first))
    take = pc.or_(pc.greater(theirs, mine), pc.and_(pc.equal(theirs, mine), wins))
    return pc.if_else(take, new.column("status"), old.column("status"))


def _status_of_message(old: pa.Table, new: pa.Table) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """The status of messages that are polled again; and where that is one which only a callback told."""
    told = told_by_callbacks(old)
    was = old.column("status")
    shown = _status_that_counts(with_column(old, "status", polled_statuses(old)), new)
    stands = pc.and_(pc.is_valid(told), _stands(was, shown))
    return pc.if_else(stands, was, shown), pc.if_else(stands, pc.fill_null(shown, ""), None)


def _stands(told: pa.ChunkedArray, shown: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether a status that callbacks told counts, where polls have shown one; see `best_observations`."""
    ranks, words = rank(shown), pa.array(["soft-bounce", "hard-bounce"])
    names_kind = pc.and_(pc.equal(ranks, RANK["bounced"]), pc.is_in(told, value_set=words))
    return pc.or_(pc.and_(pc.less(ranks, RANK["bounced"]), pc.greater(rank(told), ranks)), names_kind)


def stale_messages(messages: pa.Table, dlrs: pa.Table) -> tuple[pa.Array, pa.Table]:
    """The messages whose status is not that of their dlr: where they stand, and as they should be.

    A word never seen before says less than a known status: it takes the place of none but pending. Neither
    does what only a callback told take the place of more than it would in the dlr.
    """
    mine, theirs = matching(SEND_AND_NUMBER, messages, dlrs)
    mine_rows = messages.take(mine)
    now, was, shown = (
        dlrs.column("status").take(theirs),
        mine_rows.column("status"),
        polled_statuses(mine_rows),
    )
    heard = pc.is_valid(dlrs.column("told").take(theirs))
    unknown = pc.and_(pc.equal(rank(now), NEW_WORD), pc.greater(rank(shown), rank(now)))
    stands = pc.and_(heard, _stands(now, shown))
    due = pc.if_else(pc.or_(stands, pc.and_(pc.invert(heard), pc.invert(unknown))), now, shown)
    differs = pc.fill_null(pc.not_equal(was, due), True)
    marked = pc.is_valid(told_by_callbacks(mine_rows))
    stale = pc.or_(differs, pc.xor(marked, stands)).combine_chunks()
    told = pc.if_else(stands, pc.fill_null(shown, ""), None).filter(stale)
    restated = with_column(mine_rows.filter(stale), "status", due.filter(stale))
    return mine.filter(stale), with_column(
        restated, "extra", with_status_marks(restated.column("extra"), told)
    )
