"""Old rows are let go, table by table: which, what stays all the same, and that none of them comes back.

What tells of an opt-out stays as it is, however old. The state remembers first before when rows are let go,
so that no sync brings them back; then the parts are rewritten. Doing it again after a crash does the rest.
Imports `store`, `schema`, `analysis`, `times` and `errors`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from smsdata.analysis.reply_words import classify_text
from smsdata.errors import UsageError
from smsdata.schema.callback_marks import said_opt_out
from smsdata.schema.tables import TABLES, table_of
from smsdata.store.evidence import SEND_AND_NUMBER
from smsdata.store.files import load_part
from smsdata.store.keys import matching, rows_without
from smsdata.store.state import note_let_go, note_retained
from smsdata.store.store import Store, existing_store
from smsdata.times import duration

RETAINABLE = ("messages", "dlrs", "replies", "list_events", "contact_history", "transactions")
"""The tables that may be let go. Campaigns stay, for rows are proved by them, and so do opt-outs."""

_YOUNGEST = timedelta(days=30)
_AT_THE_EDGE = timedelta(hours=1)  # messages of one send are dated minutes apart


@dataclass(frozen=True, slots=True)
class LetGo:
    """What is let go of a table: its rows from before an instant, and those of them that stay."""

    table: str
    before: str
    rows: int
    """How many rows go."""
    stay: int
    """How many older rows stay, for they tell of an opt-out."""
    history: int = 0
    """How many rows of ``status_history`` go with them."""


def retain(
    store: Store | str | Path,
    ages: Mapping[str, str],
    *,
    apply: bool = False,
    now: datetime | None = None,
    wait: float = 0.0,
) -> list[LetGo]:
    """Let rows go that are older than an age, table by table.

    Parameters
    ----------
    store
        The store, or its folder.
    ages
        By table how old its rows may become, such as ``{"replies": "400d"}``; 30 days at least.
    apply
        Do it; without it nothing is changed.
    now
        The present; this machine's without it.
    wait
        Seconds to wait for another process that writes the store.

    Returns
    -------
    list of LetGo
        Per table what goes, or went, and what stays.

    Raises
    ------
    UsageError
        No such table, one whose rows always stay, or an age below 30 days.
    LockedError, StoreError
        Another process writes the store, or a file is damaged. Running it again goes on from there.
    """
    moment = now or datetime.now(UTC)
    before = {table: moment - _age_of(table, age) for table, age in ages.items()}
    if not before:
        raise UsageError("name a table and an age, such as `smsdata retain replies=400d`.")
    store = existing_store(store)
    if not apply:
        return [_as_told(store, table, at, apply=False) for table, at in before.items()]
    with store.writing(wait=wait):
        told = []
        for table, at in before.items():
            note_retained(store.state, table, at, ages[table], complete_from=at + _AT_THE_EDGE)
            store.save_state()
            told.append(_as_told(store, table, at, apply=True))
            note_let_go(store.state, table)
        store.save_state()
    return told


def _age_of(table: str, age: str) -> timedelta:
    table_of(table)
    if table not in RETAINABLE:
        raise UsageError(
            f"{table} stays as it is: only {', '.join(RETAINABLE)} can be let go. Histories go with dlrs."
        )
    length = duration(age)
    if length < _YOUNGEST:
        raise UsageError(f"{table}={age}: a sync looks back 30 days, so rows are kept for 30d at least.")
    return length


def _as_told(store: Store, table: str, before: datetime, *, apply: bool) -> LetGo:
    gone = stay = history = 0
    for part in store.tables.inventory.trusted(table):
        rows = load_part(part)
        stamps = rows.column(TABLES[table].time)
        old = pc.less(stamps, pa.scalar(before, stamps.type)).to_numpy()
        kept = old & _tells_of_opt_out(table, rows, old)
        stay += int(kept.sum())
        going = pa.array(np.flatnonzero(old & ~kept))
        if not len(going):
            continue
        gone += len(going)
        if table == "dlrs":
            history += sum(_history(store, rows.take(going), apply=apply))
        if apply:
            store.tables.write(part, table, rows_without(rows, going))
    return LetGo(table, before.isoformat(timespec="seconds"), gone, stay, history)


def _tells_of_opt_out(table: str, rows: pa.Table, old: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Which of the old rows say that somebody opted out, surely or not."""
    tells = np.zeros(rows.num_rows, dtype=bool)
    if table == "dlrs":
        return np.asarray(pc.fill_null(rows.column("optout"), False).to_numpy())
    if table == "replies":
        places = np.flatnonzero(old)
        texts = rows.column("response").take(pa.array(places)).to_pylist()
        tells[places] = [classify_text(text or "").optout_tier is not None for text in texts]
        tells |= old & said_opt_out(rows.column("extra")).to_numpy()
    return tells


def _history(store: Store, dlrs: pa.Table, *, apply: bool) -> Iterator[int]:
    """The rows of status_history of some dlrs, part by part; they go before these."""
    for part in store.tables.holding("status_history", dlrs, by="message_id"):
        rows = load_part(part)
        mine, _ = matching(SEND_AND_NUMBER, rows, dlrs)
        if len(mine):
            yield len(mine)
            if apply:
                store.tables.write(part, "status_history", rows_without(rows, mine))


def retained_as_json(told: list[LetGo], *, applied: bool) -> dict[str, Any]:
    """What was let go as plain JSON values."""
    return {"applied": applied, "tables": [asdict(one) for one in told]}


def retained_lines(told: list[LetGo], *, applied: bool) -> list[str]:
    """What was let go, for a person."""
    verb = "went" if applied else "would go"
    lines = []
    for one in told:
        more = f", with {one.history:,} rows of status_history" if one.history else ""
        kept = f"; {one.stay:,} older ones stay, for they tell of an opt-out" if one.stay else ""
        lines.append(f"{one.table}: {one.rows:,} rows of before {one.before[:16]} UTC {verb}{more}{kept}")
    return lines if applied else [*lines, "Nothing was changed: --apply does it."]
