"""Merging rows into the parts they belong to, in an order that a crash at any instant cannot spoil.

History is written before the messages, messages before the dlrs: what a crash leaves undone then shows in
the dlrs, and merging again does it. Which status counts is decided in `evidence`. Imports `evidence`,
`keys`, `files` and `schema`; is given the `parts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.schema.callback_marks import told_by_callbacks
from smsdata.schema.frames import empty, schema
from smsdata.store.evidence import (
    SEND_AND_NUMBER,
    beside_stored,
    merged,
    observations,
    stale_messages,
    weigh,
    with_status,
)
from smsdata.store.files import load_part
from smsdata.store.keys import last_of_each, layers, rows_without, same_keys

if TYPE_CHECKING:
    from smsdata.store.parts import StoredTables


class Merging:
    """Puts rows into the tables of one store; only while the store's lock is held."""

    def __init__(self, tables: StoredTables) -> None:
        self._tables = tables

    def merge(self, table: str, rows: pa.Table, source: str) -> pa.Table:
        """Merge rows by key; see `smsdata.Store.merge`."""
        stand = [
            self.merge_layer(table, layer, source)
            for layer in layers(table, rows.select(schema(table).names))
        ]
        return last_of_each(table, pa.concat_tables([empty(table), *stand]))

    def merge_layer(self, table: str, rows: pa.Table, source: str) -> pa.Table:
        """Merge rows of which each key stands once."""
        if table == "dlrs":
            rows = self.observe(rows, source)
            # first: after a crash the dlrs show that they are still to be merged
            self.copy_statuses_to_messages(rows)
        stand = []
        for part in self._tables.holding(table, rows):
            old = load_part(part)
            mine, theirs = same_keys(table, old, rows)
            if not len(mine):
                continue
            met = merged(table, old.take(mine), rows.take(theirs), source)
            self._tables.write(part, table, pa.concat_tables([rows_without(old, mine), met]))
            stand.append(met)
            rows = rows_without(rows, theirs)
        rows = rows.select(schema(table).names)
        self._tables.append(table, rows)
        return pa.concat_tables([*stand, rows])

    def remove(self, table: str, rows: pa.Table) -> None:
        """Take rows out, by key: only those that another row of the same thing has replaced."""
        for part in self._tables.holding(table, rows):
            old = load_part(part)
            mine, _ = same_keys(table, old, rows)
            if len(mine):
                self._tables.write(part, table, rows_without(old, mine))

    def observe(self, dlrs: pa.Table, source: str) -> pa.Table:
        """Write what these dlrs tell into ``status_history``; gives them with the status that counts.

        And with a column ``told``, which is there where only a callback told that status.
        One whose status could not be read tells nothing, and keeps the status that is stored.

        The history is written before the dlrs: a crash in between then repeats the same rows, while the
        other way round they would be lost.
        """
        nothing = pa.scalar("" if source == "callback" else None, pa.string())
        dlrs = dlrs.append_column("told", pa.repeat(nothing, dlrs.num_rows))
        silent = dlrs.filter(pc.is_null(dlrs.column("status")))
        pieces, fresh = [], with_status(dlrs)
        for part in self._tables.holding("dlrs", dlrs):
            old = with_status(load_part(part, [*SEND_AND_NUMBER, "status", "synced_at", "extra"]))
            mine, theirs = same_keys("dlrs", old, fresh)
            pieces.append(beside_stored(fresh.take(theirs).drop_columns("told"), old.take(mine)))
            fresh = rows_without(fresh, theirs)
        if not pieces:
            self.merge("status_history", observations(fresh, source), source="polled")
            return pa.concat_tables([fresh, silent])
        callbacks = source == "polled" and self._heard_callbacks()
        decided, evidence = weigh(pa.concat_tables(pieces), source, self._history_of, callbacks=callbacks)
        history = pa.concat_tables([observations(fresh, source), evidence])
        self.merge("status_history", history, source="polled")
        return pa.concat_tables([fresh, decided, silent])

    def _heard_callbacks(self) -> bool:
        sources = self._tables.min_max("status_history", ["source"])
        return bool(sources) and sources["source"][0] != "polled"  # "callback" sorts first

    def _history_of(self, dlrs: pa.Table) -> pa.Table:
        return self._tables.rows_sharing("status_history", dlrs, "message_id")

    def copy_statuses_to_messages(self, dlrs: pa.Table) -> None:
        """Give messages the statuses of the dlrs of the same send and number."""
        if "told" not in dlrs.column_names:
            dlrs = dlrs.append_column("told", told_by_callbacks(dlrs))
        statuses = with_status(dlrs.select([*SEND_AND_NUMBER, "status", "told"]))
        for part in self._tables.holding("messages", statuses, by="message_id"):
            old = load_part(part)
            places, restated = stale_messages(old, statuses)
            if len(places):
                self._tables.write(part, "messages", pa.concat_tables([rows_without(old, places), restated]))
