"""Retention: a process that lets old rows go dies or its disk fails; the next try does the rest."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smsdata import Store, sync
from smsdata.analysis.reply_words import classify_text
from smsdata.forgetting import retention
from smsdata.simulator import Account, Gateway
from smsdata.store.disk import Disk
from smsdata.store.state import State
from smsdata.store.status import store_status
from tests.support.clients import connected
from tests.support.sync_world import present, small_and_synced

from .strikes import Act, calls_of, planned
from .tally import Tally

AGES = {"messages": "35d", "dlrs": "35d", "replies": "35d"}
_CHANGED = (*AGES, "status_history")


@dataclass(frozen=True)
class Aged:
    """A store with rows of two months, whose account it is, and its tables before anything goes."""

    account: Account
    folder: Path
    before: dict[str, pd.DataFrame]

    @property
    def now(self) -> datetime:
        """The present."""
        return present(self.account)

    def act(self) -> Act:
        """Let the old rows of a copy go."""

        def retain(store: Path, disk: Disk | None) -> list[retention.LetGo]:
            return retention.retain(Store(store, disk=disk, part_rows=50), AGES, apply=True, now=self.now)

        return retain


def prepare(folder: Path) -> Aged:
    """A synced store, old enough to have rows to let go."""
    account, path = small_and_synced(folder / "made")
    return Aged(account, path, _tables(path))


def _tables(store: Path) -> dict[str, pd.DataFrame]:
    return {table: Store(store).read(table).drop(columns="synced_at") for table in _CHANGED}


def _stays(aged: Aged) -> dict[str, pd.DataFrame]:
    """What is due: young rows, and those that tell of an opt-out; told without `retention`."""
    begin, kept = aged.now - timedelta(days=35), dict(aged.before)
    kept["messages"] = _only(kept["messages"], kept["messages"]["sent_at"] >= begin)
    dlrs, replies = kept["dlrs"], kept["replies"]
    kept["dlrs"] = _only(dlrs, (dlrs["sent_at"] >= begin) | dlrs["optout"].fillna(False).astype(bool))
    asks = [classify_text(text or "").optout_tier is not None for text in replies["response"]]
    kept["replies"] = _only(replies, (replies["received_at"] >= begin) | np.array(asks, dtype=bool))
    key = ["message_id", "msisdn"]
    history = kept["status_history"]
    both = dlrs[key].merge(kept["dlrs"][key], on=key, how="left", indicator="there")
    gone = set(map(tuple, both.loc[both["there"] == "left_only", key].to_numpy().tolist()))
    theirs = [pair in gone for pair in map(tuple, history[key].to_numpy().tolist())]
    kept["status_history"] = _only(history, ~np.array(theirs, dtype=bool))
    return kept


def _only(rows: pd.DataFrame, which: Any) -> pd.DataFrame:
    kept: pd.DataFrame = rows[which].reset_index(drop=True)
    return kept


def _after_the_strike(store: Path, due: dict[str, pd.DataFrame]) -> Iterator[str]:
    """A row that stays is gone; or an end that was not reached is named by neither status nor verify."""
    left = _tables(store)
    for table, rows in due.items():
        if len(rows.merge(left[table], how="left", indicator="there").query("there != 'both'")):
            yield f"{table}: rows that stay are gone"
    begun = Store(store).state.retained
    whole = all(len(left[table]) == len(rows) for table, rows in due.items())
    told = [" ".join(store_status(Store(store))["look"]), " ".join(map(str, Store(store).verify()))]
    for of, text in zip(("status", "verify"), told, strict=True):
        if begun and not whole and "smsdata retain" not in text:
            yield f"{of} does not name what was broken off"


def _after_the_next_try(aged: Aged, store: Path, due: dict[str, pd.DataFrame]) -> Iterator[str]:
    aged.act()(store, None)
    for when in ("after the next try", "after the next sync"):
        for table, rows in _tables(store).items():
            if table != "status_history" and not rows.equals(due[table]):
                yield f"{when} {table} has {len(rows)} rows, due {len(due[table])}, or others than those"
        histories = len(_tables(store)["status_history"])
        if histories != len(due["status_history"]):
            yield f"{when} status_history has {histories} rows, due {len(due['status_history'])}"
        yield from (f"{when} verify: {one}" for one in Store(store).verify())
        with connected(Gateway(aged.account, limiter=None)) as client:
            sync(client, Store(store))


def run(seed: int, *, every: int = 1, bug: str = "") -> Tally:
    """Kill and fail at every I/O call, or every n-th; every other time a sync comes before the next try."""
    tally, rng = Tally("retention", seed), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="smsdata-retention-") as name, broken(bug):
        folder = Path(name)
        aged = prepare(folder)
        due = _stays(aged)
        calls = calls_of(aged.act(), Path(shutil.copytree(aged.folder, folder / "counted")))
        for n, (what, strike) in enumerate(planned(aged.act(), calls, every, rng)):
            store = Path(shutil.copytree(aged.folder, folder / "struck"))
            tally.fired[what.split(" ")[0] if strike(store) else "nothing happened"] += 1
            try:
                wrong = list(_after_the_strike(store, due))
                if n % 2:
                    with connected(Gateway(aged.account, limiter=None)) as client:
                        sync(client, Store(store))
                tally.wrong += [
                    f"{what}: {line}" for line in (*wrong, *_after_the_next_try(aged, store, due))
                ]
            except Exception as error:
                tally.wrong.append(f"{what}: {type(error).__name__}: {error}")
            shutil.rmtree(store)
            if bug and tally.wrong:
                break
    return tally


# ---- broken on purpose ---------------------------------------------------------------------------------


def _without_mark(state: State, table: str, before: datetime, age: str, *, complete_from: datetime) -> None:
    _RIGHT["note_retained"](state, table, before, age, complete_from=complete_from)
    state.letting_go.clear()


def _keeps_none(_table: str, rows: Any, _old: Any) -> Any:
    return np.zeros(rows.num_rows, dtype=bool)


def _no_history(*_: Any, **__: Any) -> Iterator[int]:
    return iter(())


_RIGHT: dict[str, Any] = {
    name: getattr(retention, name) for name in ("note_retained", "_tells_of_opt_out", "_history")
}
BUGS: dict[str, tuple[str, Any, str]] = {
    "what was broken off is not marked": ("note_retained", _without_mark, "does not name"),
    "what tells of an opt-out goes too": ("_tells_of_opt_out", _keeps_none, "or others than those"),
    "histories stay": ("_history", _no_history, "status_history has"),
}
"""The function, what stands in its place, and the words by which it is found."""


@contextmanager
def broken(bug: str) -> Iterator[None]:
    """A bug in the place of a function; none without a name."""
    if not bug:
        yield
        return
    name, wrong, _ = BUGS[bug]
    setattr(retention, name, wrong)
    try:
        yield
    finally:
        setattr(retention, name, _RIGHT[name])
