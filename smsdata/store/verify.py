"""What can be checked of a store without the gateway: checksums, keys, rows against the counters of sends.

Changes nothing. Which counts agree is decided in `smsdata.schema.counters`. Imports `files`, `keys`,
`state`, `coverage`, `schema` and `errors`; is given the `parts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from smsdata.errors import StoreError
from smsdata.schema.callback_marks import counted_by_polls
from smsdata.schema.counters import Counters, Disagreement, Stored, disagreements
from smsdata.schema.tables import TABLES
from smsdata.store.coverage import Span, gaps, joined
from smsdata.store.files import load_part
from smsdata.store.forgotten import ForgottenPeople
from smsdata.store.half_done import half_done
from smsdata.store.inventory import FileFault
from smsdata.store.keys import firsts
from smsdata.store.records import read_record
from smsdata.store.rejects import Rejects
from smsdata.store.state import State

if TYPE_CHECKING:
    from smsdata.store.parts import StoredTables


_UNCOUNTED = frozenset({"unfinished", "not read", "not offered", "no key"})
FILE_FAULTS = frozenset({"damaged", "missing", "unreadable", "older", "foreign", "state is older"})
"""What can be the matter with a file."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in the store that is not as it should be.

    `what` is one of `FILE_FAULTS`, ``"keys"``, ``"unfinished"``, ``"no key"``, ``"not read"``,
    ``"not offered"``, a status, ``"optouts"`` or ``"replies"``;
    `where` a file, a span of time or ``message_id=...``;
    `stored` stands where `expected` is due; `advice` says what to do.
    """

    table: str
    what: str
    where: str
    stored: int
    expected: int
    advice: str

    @property
    def of_files(self) -> bool:
        """Whether files are not what the store wrote last, so that rows of the table may be lacking."""
        return self.what in FILE_FAULTS

    def __str__(self) -> str:
        counts = (
            ""
            if self.what in FILE_FAULTS | _UNCOUNTED
            else f" stored {self.stored:,}, expected {self.expected:,}"
        )
        return f"{self.table} {self.where}: {self.what}{counts}. {self.advice}"


def known_to_lack(
    tables: StoredTables, rejects: Rejects, state: State, private: Path
) -> Iterator[Difference]:
    """What is not there, or not as it was written, as far as the state and the names of files tell."""
    if tables.inventory.lost_state():
        yield Difference(
            "store", "missing", ".smsdata/state.json", 0, 0, "`smsdata verify --offline` says what to do."
        )
    for fault in tables.inventory.faults(*TABLES):
        yield Difference(fault.table, fault.what, fault.name, 0, fault.expected, fault.advice)
    yield from rows_aside(rejects, state.rejects)
    yield from run_faults(private)
    yield from lost_journals(tables, private)
    yield from unfinished(state)
    yield from failed_reads(state)


def begun_and_not_ended(people: ForgottenPeople, state: State) -> Iterator[Difference]:
    """What `forget` and `retain` left half done, and a key of those who are forgotten that is lost."""
    for one in half_done(people, state):
        yield Difference(one.table, one.what, one.where, 0, 0, one.advice)


def file_faults(tables: StoredTables) -> Iterator[Difference]:
    """The files that are not what the store wrote last, or whose content is damaged."""
    if tables.inventory.lost_state():
        yield Difference(
            "store", "missing", ".smsdata/state.json", 0, 0,
            "Restore it from a backup, or run `smsdata sync`, which then reads all again. Without it nobody "
            "can say whether files are missing.",
        )  # fmt: skip
    faults = tables.inventory.faults(*TABLES)
    named = {fault.name for fault in faults}
    for table in [] if any(fault.name == fault.table for fault in faults) else TABLES:
        for part in tables.parts(table):
            name = part.relative_to(tables.path).as_posix()
            try:
                if name not in named:
                    load_part(part)
            except StoreError as error:
                faults.append(FileFault(table, name, error.code.lower(), 0, ""))
    for fault in faults:
        yield Difference(fault.table, fault.what, fault.name, 0, fault.expected, fault.advice)


def rows_aside(rejects: Rejects, known: Set[str]) -> Iterator[Difference]:
    """The rows that were set aside because they have no place, until they are taken back or dismissed.

    `known` are the names of their files, as the state has them.
    """
    for name in sorted(known - rejects.names()):
        yield Difference(
            name.rpartition("-")[0], "missing", f".smsdata/rejects/{name}", 0, 1,
            "It held a row that was set aside and is stored nowhere: restore it from a backup, or run "
            "`smsdata sync --dismiss-rejects` to do without it.",
        )  # fmt: skip
    for table, count in sorted(rejects.counts().items()):
        yield Difference(
            table, "set aside", ".smsdata/rejects", 0, count,
            "Run `smsdata sync --replay-rejects` to take back what can be read now, or "
            "`smsdata sync --dismiss-rejects` to remove them.",
        )  # fmt: skip
    for path, error in rejects.faults().items():
        yield Difference("rejects", error.code.lower(), path.name, 0, 0, str(error))


def place_of(read: str) -> str:
    """What a read was of, by its name: the call and the ids that it was asked for; no number of a person.

    >>> place_of("get-list?list_id=71&max=100&mobile=61491570156")
    'get-list list_id=71'
    """
    call, _, query = read.partition("?")
    ids = [part for part in query.split("&") if part.partition("=")[0].endswith("_id")]
    return " ".join([call, ", ".join(ids)]).strip()


def failed_reads(state: State) -> Iterator[Difference]:
    """What the gateway failed or kept from being proved when it was last read; numbers of people left out."""
    for name, failure in sorted(state.failures.items()):
        if "?" in name:
            call, _, where = place_of(name).partition(" ")
            yield Difference(
                call, "not read", where or "whole", 0, 0,
                f"It failed at {failure.tries} tries ({failure.code}): run `smsdata sync`, which tries again "
                f"from {failure.not_before:%Y-%m-%d %H:%M} UTC on.",
            )  # fmt: skip


def run_faults(private: Path) -> Iterator[Difference]:
    """The journals of runs of `clean` that are not what was written."""
    for path in sorted((private / "runs").rglob("*.json")) if (private / "runs").is_dir() else ():
        try:
            read_record(path, "Restore it from a backup: `smsdata undo` refuses this run.")
        except FileNotFoundError:
            continue
        except StoreError as error:
            where = path.relative_to(private.parent).as_posix()
            yield Difference("runs", error.code.lower(), where, 0, 0, str(error))


def lost_journals(tables: StoredTables, private: Path) -> Iterator[Difference]:
    """The runs of which the table suppressions names contacts, and whose journals lack some or are gone."""
    if tables.inventory.faults("suppressions"):
        return  # they are told themselves
    try:
        kept = tables.grouped("suppressions", ["run"])
    except StoreError as error:
        yield Difference("suppressions", error.code.lower(), "suppressions", 0, 0, str(error))
        return
    for row in sorted(kept, key=lambda row: str(row["run"])):
        folder = private / "runs" / row["run"]
        there = sum(1 for _ in folder.glob("row-*.json"))
        gone = folder.with_name(f"{row['run']}.gone")
        if (there < row["n"] or not (folder / "run.json").exists()) and not gone.exists():
            yield Difference(
                "runs", "missing", f".smsdata/runs/{row['run']}", there, row["n"],
                f"The table suppressions names {row['n']:,} contacts for this run, and its journal holds "
                f"{there:,}: restore the folder from a backup, else `smsdata undo` cannot put them back. "
                f"Where there is no backup, make an empty file {gone}: then it is not named again.",
            )  # fmt: skip


def callback_faults(faults: Iterable[tuple[str, str, int, str]]) -> Iterator[Difference]:
    """What was received and not merged, and is gone or damaged, as `spool.spool_faults` tells it."""
    for name, what, count, advice in faults:
        yield Difference("callbacks", what, f".smsdata/callbacks/{name}", 0, count, advice)


def key_faults(tables: StoredTables) -> Iterator[Difference]:
    """The tables in which a key is missing or stands twice."""
    for table in TABLES:
        rows = tables.rows(table, columns=TABLES[table].key)
        distinct = len(firsts(TABLES[table].key, rows.drop_null()))
        if distinct < rows.num_rows:
            yield Difference(
                table, "keys", table, rows.num_rows, distinct,
                "Keys are missing or twice: restore the table from a backup, or remove it and run "
                "`smsdata sync --deep --since` from its first row.",
            )  # fmt: skip


def sends_not_reported(tables: StoredTables, since: datetime, until: datetime) -> dict[int, datetime]:
    """The sends of messages that no stored campaign is, sent from `since` and before `until`: by id, when."""
    listed = {row["message_id"] for row in tables.grouped("campaigns", ["message_id"])}
    told = {row["message_id"] for row in tables.grouped("messages", ["message_id"], since=since)}
    left = pa.table({"message_id": pa.array(sorted(told - listed), pa.int64())})
    if not left.num_rows:
        return {}
    rows = tables.rows_sharing("messages", left, "message_id").select(["message_id", "sent_at"]).to_pylist()
    return {row["message_id"]: row["sent_at"] for row in rows if since <= row["sent_at"] < until}


def report_faults(tables: StoredTables, state: State) -> Iterator[Difference]:
    """Sends that the report leaves out, as far as it is kept; those of the last hour may still come."""
    first, until = state.kept_from.get("campaigns"), state.cursors.get("campaigns")
    missing = sends_not_reported(tables, first, until - timedelta(hours=1)) if first and until else {}
    if missing:
        some = ", ".join(f"message_id={one}" for one in sorted(missing)[:5])
        yield Difference(
            "campaigns", "not in the report", some, 0, len(missing),
            "Messages name these sends, and the report of sends does not: their dlrs and opt-outs are "
            f"not stored. Run `smsdata sync --since {min(missing.values()):%Y-%m-%d}`; if it stays, ask "
            "the provider.",
        )  # fmt: skip


def unfinished(state: State) -> Iterator[Difference]:
    """What runs set out to read and have not read: any later run goes on with it."""
    advice = "Run `smsdata sync`, with any options: it goes on with this."
    if state.pending.since:
        yield Difference("campaigns", "unfinished", f"since {state.pending.since}", 0, 0, advice)
    for table in ("messages", "replies"):
        for span in _left_to_read(state, table):
            where = f"{span.start:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M}"
            yield Difference(table, "unfinished", where, 0, 0, advice)
    for table, start in sorted(state.pending.compare_from.items()):
        where = f"by the counters of sends from {start:%Y-%m-%d %H:%M}"
        yield Difference(table, "unfinished", where, 0, 0, advice)


def _left_to_read(state: State, table: str) -> list[Span]:
    """The gaps between a table's target and what is covered, and a slice that is not done."""
    first, covered = state.kept_from.get(table), state.covered(table)
    under_way = state.slices.get(table)
    left = [Span(max(under_way.start, under_way.done), under_way.end)] if under_way else []
    left = [span for span in left if span.start < span.end]
    if first is None:
        return left
    reached = max([first, *(span.end for span in covered)])
    return joined([*gaps(covered, first, reached), *left])


def counter_faults(
    tables: StoredTables, state: State, table: str, *, until: datetime | None = None
) -> Iterator[Difference]:
    """Where the rows of a campaign do not add up to its counters.

    `table` is messages, dlrs, optouts or replies; checked are the campaigns sent from when on the
    table is kept, and before `until`. The counter of replies may count others: where a proved read has shown
    that, they are no difference.
    """
    since = state.kept_from.get(table, state.kept_from.get("dlrs") if table == "optouts" else None)
    if since is None:
        return
    counts = _stored_by_send(tables, table)
    for campaign in tables.rows("campaigns", since=since, until=until).to_pylist():
        stored = counts.get(campaign["message_id"], Counter())
        for what, have, due in _of_one_send(table, campaign, stored):
            if table == "replies" and state.remembered("replies", campaign["message_id"]) == [due]:
                continue
            yield Difference(
                table, what, f"message_id={campaign['message_id']}", have, due, _remedy(state, campaign)
            )


def _remedy(state: State, campaign: dict[str, Any]) -> str:
    if state.remembered("dlrs", campaign["message_id"]) == Counters.of_row(campaign).counters:
        return (
            "A complete read did not change it: the counters count otherwise, or the gateway took back a "
            "status that ranks higher (`status_history`). It is read again when they move; ask the provider."
        )
    return f"Run `smsdata sync`; if it stays, `smsdata sync --deep --since {campaign['sent_at']:%Y-%m-%d}`."


def _stored_by_send(tables: StoredTables, table: str) -> dict[int, Counter[str]]:
    """The rows of each send that polls have shown, by status; for optouts and replies all under that name."""
    by = ["message_id", "extra"] if table in ("optouts", "replies") else ["message_id", "status", "extra"]
    counts: dict[int, Counter[str]] = {}
    for row in counted_by_polls(tables.grouped(table, by, add_up="copies" if TABLES[table].copies else "")):
        counts.setdefault(row["message_id"], Counter())[row.get("status", table)] += row["n"]
    return counts


def _of_one_send(table: str, campaign: dict[str, Any], stored: Counter[str]) -> list[Disagreement]:
    counters = Counters.of_row(campaign)
    if not counters.known:
        return [("counters unreadable", stored.total(), counters.recipients)]
    if table == "replies":
        have, due = stored[table], campaign["responses"] or 0
        return [(table, have, due)] if have < due else []
    if table != "optouts":
        return disagreements(counters, Stored(stored))
    have, due = stored["optouts"], counters.optouts
    return [("optouts", have, due)] if have != due else []
