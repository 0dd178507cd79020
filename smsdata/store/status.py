"""How a store stands: when it was last synced, how complete it is, what needs a look. Without the gateway.

Reads the state, the record of the last runs and the footers of files; of rows only of which run the table
suppressions names contacts, so it is quick, takes no lock and changes nothing. What it does not look
at it says: `Store.verify` compares contents and counters. Imports `state`,
`half_done` and `last_run`, `schema`, `shown`, `times` and `errors`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from smsdata.errors import StoreError
from smsdata.schema.tables import TABLES
from smsdata.shown import html_of
from smsdata.store.half_done import half_done
from smsdata.store.last_run import (
    LastRuns,
    RunRecord,
    changes_to_look_at,
    last_runs,
    unfinished_changes,
)
from smsdata.store.state import State, not_offered
from smsdata.times import instant

if TYPE_CHECKING:
    from smsdata.store.forgotten import ForgottenPeople
    from smsdata.store.parts import StoredTables
    from smsdata.store.verify import Difference

NOT_CHECKED = ("contents of files", "keys", "rows against counters")
"""What a status does not look at, and `Store.verify` does."""

_REACH = ("complete_from", "complete_until", "read_whole_at")
_SHOWN = ("started", "ended", "as_of", "outcome", "code", "error", "look", "calls", "new")


class Standing(Protocol):
    """What a status is told of: a store, which this module does not know."""

    path: Path
    private: Path
    tables: StoredTables
    forgotten: ForgottenPeople
    put_aside: Callable[[], list[str]]
    """Of callbacks, what cannot be merged: a line for each reason."""

    @property
    def state(self) -> State:
        """What it remembers."""

    def reread_state(self) -> None:
        """Have the state read again from disk, where it may be older than that."""

    def lacking(self) -> Iterator[Difference]:
        """What is not there, or not as it was written."""


def store_status(
    store: Standing, *, now: datetime | None = None, max_age: timedelta | None = None
) -> dict[str, Any]:
    """How a store stands.

    Parameters
    ----------
    store
        The store; another process may be writing to it.
    now
        The present, for ages; this machine's clock without it.
    max_age
        How long ago the last sync of all tables may have ended before that needs a look.

    Returns
    -------
    dict
        JSON values, as `smsdata status --json` prints them; ``docs/json.md`` has their schema. ``look`` names
        what needs a look, and is empty where all is well.

    Raises
    ------
    StoreError
        The state cannot be read.
    """
    moment = now or datetime.now(UTC)
    store.reread_state()
    state, runs, odd = store.state, LastRuns(), []
    try:
        runs = last_runs(store.private)
    except StoreError as error:
        odd.append(str(error))
    age = _seconds_since(runs.whole, moment)
    lacking = list(store.lacking())
    look = [
        *odd,
        *_about_runs(runs),
        *unfinished_changes(store.private),
        *changes_to_look_at(store.private),
        *(str(one) for one in lacking),
        *map(str, half_done(store.forgotten, state)),
        *store.put_aside(),
        *_about_age(age, max_age, odd=bool(odd)),
    ]
    return {
        "store": str(store.path),
        "base_url": state.base_url,
        "now": moment.isoformat(timespec="seconds"),
        "last_run": _shown(runs.run),
        "last_sync": _shown(runs.whole),
        "age_seconds": age,
        "under_way": runs.run.under_way if runs.run else False,
        "complete": False if lacking else True if _said_nothing(runs) else None,
        "tables": [
            row
            for name in TABLES
            if _is_known(row := _of_table(store, name, [one for one in lacking if one.table == name]))
        ],
        "not_offered": not_offered(state),
        "look": look,
        "not_checked": list(NOT_CHECKED),
    }


def _about_runs(runs: LastRuns) -> Iterator[str]:
    run = runs.run
    if run is None:
        return
    if not run.outcome and not run.under_way:
        how = "was broken off" if run.under_way is False else "runs on another machine or was broken off"
        yield f"the run of {run.started} {how}: run `smsdata sync`, it goes on from there."
    elif run.outcome == "failed":
        yield f"the last run failed ({run.code}): {run.error}"
    elif run.outcome == "interrupted":
        yield f"the run of {run.started} was interrupted: run `smsdata sync`, it goes on from there."
    told = runs.whole if not run.outcome or run.outcome in {"failed", "interrupted"} else run
    said = told.look if told else []
    yield from (f"the last sync said: {line}" for line in said)
    earlier = [line for line in run.lasting.values() if line not in said]
    yield from (
        f"an earlier sync said: {line} `smsdata sync --dismiss-rejects` takes this line away."
        for line in earlier
    )


def _said_nothing(runs: LastRuns) -> bool:
    """Whether a sync of all tables said that nothing needs a look, and no earlier one what still may."""
    return bool(runs.run and runs.whole and not runs.whole.look and not runs.run.lasting)


def _about_age(age: int | None, max_age: timedelta | None, *, odd: bool) -> Iterator[str]:
    if age is None:
        if not odd:
            yield "no sync of all tables is on record: run `smsdata sync`."
    elif max_age is not None and age > max_age.total_seconds():
        yield f"the last sync of all tables ended {readable_age(age)} ago: see why none ended since."


def _seconds_since(run: RunRecord | None, moment: datetime) -> int | None:
    return int((moment - instant(run.ended)).total_seconds()) if run else None


def _shown(run: RunRecord | None) -> dict[str, Any] | None:
    if run is None:
        return None
    facts = asdict(run)
    return {name: facts[name] for name in _SHOWN} | {"all_tables": run.whole}


def _of_table(store: Standing, name: str, lacking: Sequence[Difference]) -> dict[str, Any]:
    """What is known of one table: its rows, from when to when it is complete, and where it has gaps."""
    state = store.state
    return {
        "table": name,
        "rows": None if any(one.of_files for one in lacking) else store.tables.count(name),
        "complete_from": _written(state.kept_from.get(name)),
        "complete_until": _written(state.cursors.get(name)),
        "read_whole_at": _written(state.read_whole_at.get(name)),
        "gaps": [one.where for one in lacking if one.what == "unfinished"],
        "witness": state.witnesses.get(name, ""),
    }


def table_standing(state: State, table: str, lacking: Iterable[Difference]) -> dict[str, Any]:
    """How complete a table is as far as the state tells: plain JSON values, which frames and scans carry.

    Of what is `lacking`, that of the table counts, and what nobody knows the table of; five are named.
    """
    lines = [str(one) for one in lacking if one.table == table or one.table not in TABLES]
    reach = (state.kept_from, state.cursors, state.read_whole_at)
    return {
        "table": table,
        "account": None,
        **{name: _written(of.get(table)) for name, of in zip(_REACH, reach, strict=True)},
        "lacking": lines[:5],
        "lacking_count": len(lines),
    }


def _is_known(row: dict[str, Any]) -> bool:
    return bool(row["rows"] != 0 or row["complete_from"] or row["read_whole_at"] or row["gaps"])


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def store_status_lines(status: dict[str, Any]) -> list[str]:
    """A status for a person: one screen."""
    lines = [f"{name:<11}{said}" for name, said in _told_facts(status)]
    if status["tables"]:
        lines += [
            "",
            f"{'table':<16}{'rows':>12}  {'complete from':<17}{'until':<17}{'read whole':<17}witness",
        ]
    lines += [
        f"{row['table']:<16}{_count(row['rows']):>12}  {to_minute(row['complete_from']):<17}"
        f"{to_minute(row['complete_until']):<17}{to_minute(row['read_whole_at']):<17}{row['witness'] or '-'}"
        for row in status["tables"]
    ]
    lines += [f"{name:<16} not offered by this gateway" for name in status["not_offered"]]
    lines += ["", *_closing(status["look"])]
    return lines


def _told_facts(status: dict[str, Any]) -> Iterator[tuple[str, str]]:
    last, age = status["last_sync"], status["age_seconds"]
    word = {True: "yes", False: "no", None: "cannot be told from here"}
    yield "store", f"{status['store']} of {status['base_url'] or 'no account yet'}"
    if last:
        ago = f"{to_minute(last['ended'])} UTC, {readable_age(age)} ago"
        yield "last sync", f"{ago}: {last['new']:,} new rows in {last['calls']:,} calls"
        yield "complete", f"{word[status['complete']]}, as of {to_minute(last['as_of'])} UTC"
    else:
        yield "last sync", "none of all tables is on record"
        yield "complete", word[status["complete"]]
    if status["under_way"]:
        yield "now", f"a run is under way since {to_minute(status['last_run']['started'])} UTC"


def status_as_html(status: dict[str, Any]) -> str:
    """A status for a notebook; everything escaped."""
    (_, title), *facts = _told_facts(status)
    return html_of(
        f"Store {title}",
        facts=facts,
        heads=["table", "rows", "complete from", "until", "read whole", "witness"],
        rows=[
            [row["table"], row["rows"], *map(to_minute, (row[name] for name in _REACH)), row["witness"]]
            for row in status["tables"]
        ],
        lines=status["look"] or ["Nothing needs a look."],
    )


def _closing(look: Sequence[str]) -> list[str]:
    most = 12
    if not look:
        return ["Nothing needs a look. `smsdata verify --offline` compares contents and counters too."]
    more = [f"... and {len(look) - most:,} more: --json has them all"] if len(look) > most else []
    head = "1 thing needs a look:" if len(look) == 1 else f"{len(look):,} things need a look:"
    return [head, *(f"  {line}" for line in look[:most]), *more]


def _count(rows: int | None) -> str:
    return "?" if rows is None else f"{rows:,}"


def to_minute(stamp: str | None) -> str:
    """An instant of a status for a person, to the minute.

    >>> to_minute("2026-11-22T09:30:12+00:00"), to_minute(None)
    ('2026-11-22 09:30', '-')
    """
    return stamp[:16].replace("T", " ") if stamp else "-"


def readable_age(seconds: int) -> str:
    """An age for a person, in the largest unit of which there are two.

    >>> readable_age(45), readable_age(200), readable_age(100_000), readable_age(-5)
    ('45 s', '3 min', '27 h', 'no time')
    """
    if seconds < 0:
        return "no time"
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
