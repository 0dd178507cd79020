"""What became of a message, by all that was ever seen of it: pure functions over Arrow tables.

A status only ever moves up in rank (see `smsdata.schema.status.RANK`; a word never seen ranks above
pending). Of two final ones a polled one counts, then the one seen last, then delivered. Every observation
that the result may depend on is kept in ``status_history``, so that the order in which observations arrive
changes nothing. The table says it case by case: a dlr is stored with a status that was shown at noon, by a
poll, or by a callback after a poll that showed pending; then another observation comes.

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
soft-bounce  polled    delivered    polled    earlier  delivered    delivered
soft-bounce  polled    bounced      polled    later    soft-bounce  bounced
hard-bounce  polled    soft-bounce  callback  later    hard-bounce  soft-bounce
===========  ========  ===========  ========  =======  ===========  ====================

Each line is tried on one dlr:

>>> from datetime import UTC, datetime
>>> from smsdata.schema.frames import schema
>>> def dlr(status, hour):
...     at = datetime(2026, 11, 22, hour, tzinfo=UTC)
...     row = {"message_id": 1, "msisdn": "61491570156", "sent_at": at, "status": status, "optout": False,
...            "copies": 1, "synced_at": at}
...     return pa.Table.from_pylist([row], schema=schema("dlrs"))
>>> def tried(case):
...     stored, shown_by, comes, source, seen, *_ = case
...     polled_at = 12 if shown_by == "polled" else 11
...     history = [observations(dlr(stored if polled_at == 12 else "pending", polled_at), "polled")]
...     history += [observations(dlr(stored, 12), "callback")] if shown_by == "callback" else []
...     history = pa.concat_tables(history)
...     new = dlr(comes, {"earlier": 9, "same": 12, "later": 15}[seen])
...     met = beside_stored(new, dlr(stored, polled_at))
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

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from smsdata.schema.callback_marks import (
    TABLES_WITH_MARKS,
    of_callback,
    only_heard,
    unconfirmed,
    unmarked,
    with_status_mark,
)
from smsdata.schema.frames import empty, schema, with_column
from smsdata.schema.status import NEW_WORD, rank
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
    """The one observation of each message that counts: highest rank, polled, latest, delivered."""
    weighed = history.append_column("_rank", rank(history.column("status")))
    rising = [("_rank", "ascending"), ("source", "ascending"), ("observed_at", "ascending")]
    order = weighed.sort_by([*rising, ("status", "descending")])
    return order.take(lasts(SEND_AND_NUMBER, order)).drop_columns("_rank")


def as_observed(dlrs: pa.Table, history: pa.Table) -> pa.Table:
    """The dlrs with the statuses that a history tells; without those that it does not know."""
    mine, theirs = matching(SEND_AND_NUMBER, dlrs, best := best_observations(history))
    return with_column(dlrs.take(mine), "status", best.column("status").take(theirs))


# ---- dlrs that are stored already ------------------------------------------------------------------


def beside_stored(dlrs: pa.Table, stored: pa.Table) -> pa.Table:
    """Dlrs, row by row beside those stored: with their status as ``was``, last polled at ``was_at``.

    ``was_heard`` tells that no poll has shown the stored one yet.
    """
    beside = dlrs.append_column("was", stored.column("status"))
    beside = beside.append_column("was_at", stored.column("synced_at"))
    return beside.append_column("was_heard", only_heard(stored.column("extra")))


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
        The dlrs with the status that counts, and the observations to be kept, as ``status_history``.
    """
    plain, unclear = _plain_and_unclear(met, source)
    kept = [observations(plain, source)]
    if callbacks and source == "polled":
        kept.append(observations(_confirmed(met, history_of), source))
    decided, evidence = _decided(unclear, source, history_of)
    names = [name for name in met.column_names if name not in {"was", "was_at", "was_heard"}]
    mine, _ = matching(SEND_AND_NUMBER, met, unclear)
    rows = [rows_without(met, mine).select(names), decided.select(names)]
    return pa.concat_tables(rows), pa.concat_tables([*kept, evidence])


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
        return unclear, empty("status_history")
    history = history_of(unclear)
    mine, theirs = matching(SEND_AND_NUMBER, unclear, history)  # several rows of history for each dlr
    met, seen = unclear.take(mine), history.take(theirs)
    at, status = seen.column("observed_at"), seen.column("status")
    polled = pc.equal(seen.column("source"), "polled")
    # synced_at is evidence for the stored status unless another one was polled at that instant
    denied = pc.and_(pc.equal(at, met.column("was_at")), pc.not_equal(status, met.column("was")))
    others = pc.not_equal(status, met.column("status"))
    shaken = pc.and_(pc.greater_equal(at, met.column("synced_at")), others)
    differs = pc.not_equal(unclear.column("status"), unclear.column("was"))
    denied_rows = _with_a_chosen_match(unclear, mine, pc.and_(polled, denied))
    polled_before = pc.and_(differs, pc.invert(unclear.column("was_heard")))  # of others history tells all
    before = unclear.filter(pc.and_(polled_before, pc.invert(denied_rows)))
    before = with_column(before, "status", before.column("was"))
    before = with_column(before, "synced_at", before.column("was_at"))
    shaken_rows = _with_a_chosen_match(unclear, mine, shaken)
    after = unclear.filter(pc.or_(differs, shaken_rows)) if source == "polled" else unclear
    evidence = pa.concat_tables([observations(after, source), observations(before, "polled")])
    changed = as_observed(unclear.filter(differs), pa.concat_tables([seen, evidence]))
    return pa.concat_tables([unclear.filter(pc.invert(differs)), changed]), evidence


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
    if table in {"messages", "contact_history"}:
        made["status"] = _status_that_counts(old, new)
    if table == "dlrs":
        tells = _tells_who(old, new, later)
        for name in ("list_id", "first_name", "last_name", "source"):
            made[name] = pc.if_else(tells, new.column(name), old.column(name))
        made["status"] = pc.coalesce(new.column("status"), old.column("status"))  # null: it could not be read
        flags = old.column("optout"), new.column("optout")
        made["optout"] = pc.coalesce(pc.or_kleene(*flags), *reversed(flags))
        mine, theirs = old.column("delivered_at"), new.column("delivered_at")
        made["delivered_at"] = pc.coalesce(pc.if_else(pc.less(theirs, mine), theirs, mine), mine, theirs)
    if marks:
        made["extra"] = _extra_that_counts(old, new, made, later, source)
    return pa.Table.from_arrays([made[f.name] for f in arrow], schema=arrow)


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
    first = pc.fill_null(pc.greater(new.column("extra"), old.column("extra")), False)
    return pc.or_(pc.greater(at, was_at), pc.and_(pc.equal(at, was_at), first))


def _extra_that_counts(
    old: pa.Table, new: pa.Table, made: Mapping[str, Any], later: pa.ChunkedArray, source: str
) -> pa.ChunkedArray:
    """What polls say, else what callbacks left; with the mark that polling has still to confirm the row."""
    mine, theirs = old.column("extra"), new.column("extra")
    if source == "polled":
        return pc.if_else(later, pc.coalesce(theirs, of_callback(unmarked(mine))), mine)
    told = pc.max_element_wise(of_callback(unmarked(mine)), of_callback(unmarked(theirs)))
    by_polls = pc.if_else(pc.is_null(of_callback(mine)), mine, pa.scalar(None, pa.string()))
    kept = pc.coalesce(by_polls, told)
    if "status" in made:
        moved = pc.fill_null(pc.not_equal(made["status"], old.column("status")), False)
        kept = pc.if_else(pc.or_(moved, unconfirmed(old)), with_status_mark(kept), kept)
    return pc.if_else(only_heard(mine), made["extra"], kept)


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


def stale_messages(messages: pa.Table, dlrs: pa.Table) -> tuple[pa.Array, pa.Table]:
    """The messages whose status is not that of their dlr: where they stand, and as they should be.

    A word never seen before says less than a known status: it takes the place of none but pending.
    """
    mine, theirs = matching(SEND_AND_NUMBER, messages, dlrs)
    now, was = dlrs.column("status").take(theirs), messages.column("status").take(mine)
    unknown = pc.and_(pc.equal(rank(now), NEW_WORD), pc.greater(rank(was), rank(now)))
    differs = pc.fill_null(pc.not_equal(was, now), True)
    stale = pc.and_(differs, pc.invert(unknown)).combine_chunks()
    places = mine.filter(stale)
    return places, with_column(messages.take(places), "status", now.filter(stale))
