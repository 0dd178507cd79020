"""What a run did, on disk: the journal that survives a crash, the suppressions it leaves, the report.

A run is the application of one plan. Each contact it touches has a file of its own that is replaced whole,
durably, before and after each call: so after a crash it is known what was meant and what was done, and the
contact as it was is kept for `undo`. Owns the files of a run, and the lock on the account. Imports of smsdata
only `gateway`, `schema`, `store`, `times`, `machine`, `errors` and, within hygiene, changes.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast, get_args

import orjson
import pandas as pd
import pyarrow as pa

from smsdata.errors import SafetyError, StoreError, UsageError
from smsdata.gateway.caller import Caller
from smsdata.hygiene.changes import Contact, is_active
from smsdata.machine import held_lock, open_meeting_file, this_process
from smsdata.schema.frames import schema
from smsdata.shown import html_of, shown_in_any_case
from smsdata.store.last_run import UNFINISHED, forget_earlier_endings, recorded_change
from smsdata.store.records import damaged_record, read_record, record_bytes, unreadable
from smsdata.store.store import Store
from smsdata.times import instant

Outcome = Literal["planned", "done", "skipped", "refused", "unknown"]
OUTCOMES: tuple[Outcome, ...] = ("planned", "done", "skipped", "refused", "unknown")
_ODD = ("refused", "unknown")
State = Literal["intent", "done", "refused", "undo-intent", "undone"]

CONFIRMED = "confirmed by looking it up"
_ADVICE = (
    "Restore it from a backup, or move the run's folder out of the store: then nothing of it can be undone."
)


@dataclass
class Entry:
    """One contact of a run: what is to be done with it, what is known to be done, and how it was before.

    `state`: "intent" is written before the call, so it may or may not have been made; "undo-intent" likewise.
    """

    row: int
    list_id: int
    msisdn: str
    action: str
    rule: str
    evidence: str
    contact: dict[str, Any]
    state: State
    at: str
    undone_at: str | None = None
    note: str = ""

    @property
    def removed(self) -> bool:
        """Whether the contact was changed, and not changed back."""
        return self.state in {"done", "undo-intent"}


class RunJournal:
    """The files of one run; write to them under the store's lock.

    Parameters
    ----------
    store
        The store.
    run
        The name of the run.
    """

    def __init__(self, store: Store, run: str) -> None:
        self.run = run
        self.folder = _folder(store) / run
        self._store = store
        self._disk = store.disk
        self._entries: dict[int, Entry] | None = None

    def open(self, about: dict[str, Any]) -> None:
        """Begin the run, or go on with it."""
        self._disk.folder(self.folder)
        if not (self.folder / "run.json").exists():
            self._disk.replace(self.folder / "run.json", record_bytes(about))

    def changing(self, command: str, report: HygieneReport) -> AbstractContextManager[None]:
        """Note that the account is being changed, until that is done: `status` names what was cut off.

        What the report says then needs a look is noted for it, too.
        """
        return recorded_change(self._disk, self.folder, command, lambda: report.look)

    def take_over(self) -> None:
        """Take away what earlier runs left to be looked at: this one took it up."""
        forget_earlier_endings(self._disk, self.folder)

    @property
    def is_unfinished(self) -> bool:
        """Whether something began to change the account for this run, and did not end."""
        return (self.folder / UNFINISHED).exists()

    def may_lack(self, kept: int) -> bool:
        """Whether the table suppressions, which has so many rows of it, may lack some; reads none of them."""
        return self.is_unfinished or len(_row_files(self.folder)) != kept

    def note_end(self) -> None:
        """Take the note away of a run that nothing is left to do for."""
        self._disk.remove(self.folder / UNFINISHED)

    def about(self) -> dict[str, Any]:
        """Say whose run this is.

        Raises
        ------
        UsageError
            There is no such run.
        SafetyError
            Its journal is gone, or what it says of the run is damaged.
        """
        file = self.folder / "run.json"
        self._require_there()
        try:
            about = read_record(file, _ADVICE)
            if not about.keys() >= {"account", "base_url", "made_at", "hash"}:
                raise damaged_record(file, _ADVICE)
        except FileNotFoundError:
            raise SafetyError(f"run {self.run} is damaged: {file} is missing. {_ADVICE}") from None
        except StoreError as error:
            raise SafetyError(f"run {self.run} is damaged: {error}") from None
        return about

    def _require_there(self) -> None:
        """A run is a folder of this name, no path to one; the table suppressions may know it without."""
        known = runs(self._store)
        if self.run in known:
            return
        if count := len(named_for(self.run, self._store)):
            raise SafetyError(
                f"run {self.run}: its journal is gone from {self.folder}, and the table suppressions names "
                f"{count:,} contacts for it. Nothing was put back: restore the folder from a backup, or add "
                "them by hand."
            )
        raise UsageError(f"there is no run {self.run!r}. Runs: {', '.join(known) or 'none'}.")

    @property
    def entries(self) -> dict[int, Entry]:
        """The contacts of the run by their row in the plan.

        Raises
        ------
        SafetyError
            When a file of the journal is damaged, or cannot be read.
        """
        if self._entries is None:
            try:
                read = [self._entry(file) for file in _row_files(self.folder)]
            except StoreError as error:
                raise SafetyError(f"run {self.run} is damaged: {error}") from None
            self._entries = {entry.row: entry for entry in read}
        return self._entries

    @staticmethod
    def _entry(file: Path) -> Entry:
        facts = read_record(file, _ADVICE)
        try:
            entry = Entry(**facts)
            sound = file.name == _row_name(entry.row) and _is_sound(entry)
        except (TypeError, ValueError, LookupError, AttributeError, UsageError):
            sound = False
        if not sound:
            raise damaged_record(file, _ADVICE)
        return entry

    def settle(self, entry: Entry, contact: Contact | None, now: datetime, *, dry_run: bool = False) -> bool:
        """Decide by the contact as it is now whether what was only meant was carried out; note it if it was.

        Of an intent that is so when the contact is gone, or came back as another one; of an undoing when it
        is there and active.
        """
        undoing = entry.state == "undo-intent"
        if undoing:
            carried_out = contact is not None and is_active(contact)
        else:
            carried_out = entry.state == "intent" and was_carried_out(entry, contact)
        if carried_out and undoing:
            entry.state, entry.undone_at = "undone", now.isoformat()
        elif carried_out:
            entry.state, entry.note, entry.at = "done", CONFIRMED, now.isoformat()
        if carried_out and not dry_run:
            self.write(entry)
        return carried_out

    def write(self, entry: Entry) -> None:
        """Make an entry durable."""
        self._disk.replace(self.folder / _row_name(entry.row), record_bytes(asdict(entry)))
        self.entries[entry.row] = entry


def _row_name(row: Any) -> str:
    return f"row-{row:06}.json" if isinstance(row, int) else ""


def _is_sound(entry: Entry) -> bool:
    """Whether everything in an entry is of its kind: one of an older version carries no checksum."""
    instant(entry.at)
    if entry.undone_at is not None:
        instant(entry.undone_at)
    forgotten = entry.contact == {"list_id": entry.list_id, "msisdn": entry.msisdn}
    fields = {} if forgotten else orjson.loads(entry.contact["fields"] or "{}")
    texts = (entry.msisdn, entry.action, entry.rule, entry.evidence, entry.note)
    whole = type(entry.list_id) is int and all(isinstance(text, str) for text in texts)
    named = forgotten or entry.contact.keys() >= {"created_at", "first_name", "last_name"}
    return whole and named and isinstance(fields, dict) and entry.state in get_args(State)


def _row_files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.match("row-*.json"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(folder, error) from None


def runs(store: Store) -> list[str]:
    """The names of all runs."""
    return sorted(path.name for path in _folder(store).glob("*") if path.is_dir())


def _folder(store: Store) -> Path:
    return store.private / "runs"


def kept(contact: Contact) -> dict[str, Any]:
    """Give a contact as plain JSON values."""
    created = contact["created_at"]
    return contact | {"created_at": None if created is None else created.isoformat()}


def was_carried_out(entry: Entry, contact: Contact | None) -> bool:
    """Whether the call of an entry was carried out: the contact is gone, or came back as another one."""
    if contact is None or not is_active(contact):
        return True
    return bool(kept(contact)["created_at"] != entry.contact.get("created_at"))


def record_suppressions(
    store: Store,
    now: datetime,
    journals: Iterable[RunJournal] | None = None,
    *,
    only_named: bool = False,
) -> list[str]:
    """Bring the table suppressions in line with journals, by default all: what was changed, what was undone.

    Doing it again changes nothing: after a crash the next run does it. A journal that lacks somebody whom the
    table names for its run is damaged or not ours: nothing is taken from it.

    Parameters
    ----------
    store
        The store, under its lock.
    now
        The gateway's time.
    journals
        Of which runs.
    only_named
        Only bring rows up to date that the table has, and add none.

    Returns
    -------
    list of str
        The runs whose journals do not agree with the table.
    """
    if journals is None:
        journals = [RunJournal(store, run) for run in runs(store)]
    undone_of = _recorded(store)
    rows, disagreeing = [], []
    for journal in journals:
        try:
            disagrees = bool(lacking(journal, store, undone_of))
        except SafetyError:  # the others are none the worse for it
            disagrees = True
        if disagrees:
            disagreeing.append(journal.run)
            continue
        for entry in journal.entries.values():
            stands = undone_of.get((entry.list_id, entry.msisdn, journal.run))
            undone = entry.state == "undone"
            news = (stands is None and not only_named) or (stands is not None and stands != undone)
            if (entry.removed or undone) and news:
                rows.append(_suppression(entry, journal.run, now))
    if rows:
        store.merge("suppressions", pa.Table.from_pylist(rows, schema=schema("suppressions")))
    return disagreeing


def rewrite_lost_suppressions(store: Store, now: datetime) -> list[str]:
    """Write the rows of suppressions again whose files are gone, from the journals of all runs.

    Gives what a person should know; nothing is done where a file is there that is not as it should be.
    """
    lost = store.tables.inventory.faults("suppressions")
    if not lost or any(fault.what != "missing" for fault in lost):
        return []
    store.tables.inventory.forget(lost)
    record_suppressions(store, now)
    store.save_state()
    return [
        f"{fault.name} was missing: its rows are written again from the journals of the runs."
        for fault in lost
    ]


def _recorded(store: Store) -> dict[tuple[int, str, str], bool]:
    """Whom the table suppressions names for which run, and whether it was undone."""
    known = store.rows("suppressions").select(["list_id", "msisdn", "run", "undone_at"]).to_pylist()
    return {(row["list_id"], row["msisdn"], row["run"]): row["undone_at"] is not None for row in known}


def named_for(run: str, store: Store) -> set[tuple[int, str]]:
    """Whom the table suppressions names for a run: list and number."""
    return {(list_id, msisdn) for list_id, msisdn, of in _recorded(store) if of == run}


def lacking(
    journal: RunJournal, store: Store, recorded: dict[tuple[int, str, str], bool] | None = None
) -> set[tuple[int, str]]:
    """Whom the table suppressions names for a run, and its journal does not: then it is not what it was.

    The journal is always written first. So it lacks also whom it says to be untouched, or not yet put back,
    where the table knows better: then an older version of it stands there.
    """
    known = _recorded(store) if recorded is None else recorded
    own = {(entry.list_id, entry.msisdn): entry for entry in journal.entries.values()}
    of_run = {
        (list_id, msisdn): undone for (list_id, msisdn, run), undone in known.items() if run == journal.run
    }
    return {key for key, undone in of_run.items() if not _agrees_with_table(own.get(key), undone)}


def _agrees_with_table(entry: Entry | None, undone: bool) -> bool:
    return entry is not None and (entry.state == "undone" or (entry.removed and not undone))


def _suppression(entry: Entry, run: str, now: datetime) -> dict[str, Any]:
    return {
        "list_id": entry.list_id,
        "msisdn": entry.msisdn,
        "run": run,
        "action": entry.action,
        "rule": entry.rule,
        "evidence": entry.evidence,
        "done_at": instant(entry.at),
        "undone_at": instant(entry.undone_at) if entry.state == "undone" and entry.undone_at else None,
        "synced_at": now,
    }


@contextmanager
def exclusive(client: Caller, store: Store, wait: float, *, dry_run: bool) -> Iterator[None]:
    """Be the only one who changes this account from this machine, and the only writer of the store.

    A dry run changes nothing and waits for nobody.

    Raises
    ------
    LockedError
        When another process does; the message names it.
    UsageError
        The client takes another instant as now, at a gateway that is not on this machine.
    """
    if client.is_at_another_time:
        raise UsageError(
            "`--now` (`now=`) is for rehearsals on this machine: an account is changed at its own time only. "
            "Leave it out; nothing was changed."
        )
    if dry_run:
        yield
        return
    what = "the account is being changed from another store by"
    with store.writing(wait=wait):
        handle, path = open_meeting_file(f"{client.settings.account}.changes")
        try:
            with held_lock(handle, path, what, holder=this_process(), wait=wait, sleep=time.sleep):
                yield
        finally:
            os.close(handle)


@dataclass
class HygieneReport:
    """What a run did, or in a dry run would do.

    Attributes
    ----------
    run : str
        Its name, for `undo`.
    dry_run : bool
        Nothing was changed.
    attention : list of str
        What needs a person.
    verified : list of int
        Lists that were read again at the end, and hold what they should.
    calls : int
        Calls made.
    """

    run: str
    dry_run: bool
    attention: list[str] = field(default_factory=list)
    verified: list[int] = field(default_factory=list)
    calls: int = 0
    _rows: list[tuple[int, str, str, str]] = field(default_factory=list, repr=False)

    @shown_in_any_case
    def _repr_html_(self) -> str:
        head, *lines = self.lines()
        return html_of(head, lines=lines)

    def add(self, list_id: int, msisdn: str, outcome: Outcome, reason: str = "") -> None:
        """Note what became of one contact."""
        self._rows.append((list_id, msisdn, outcome, reason))

    def correct(self, list_id: int, msisdn: str, outcome: Outcome, reason: str) -> None:
        """Note that something else became of a contact than was noted."""
        self._rows = [
            row if row[:2] != (list_id, msisdn) else (list_id, msisdn, outcome, reason) for row in self._rows
        ]

    @property
    def rows(self) -> pd.DataFrame:
        """One row per contact: list_id (int64), msisdn, outcome, reason (str; empty where there is none)."""
        frame = pd.DataFrame(self._rows, columns=["list_id", "msisdn", "outcome", "reason"])
        return frame.astype({"list_id": "int64", "msisdn": "str", "outcome": "str", "reason": "str"})

    @property
    def counts(self) -> dict[str, int]:
        """How many contacts had each outcome."""
        counted = Counter(outcome for _, _, outcome, _ in self._rows)
        return {outcome: counted[outcome] for outcome in OUTCOMES if counted[outcome]}

    @property
    def look(self) -> list[str]:
        """What needs a look, without numbers of people: who was refused or is unknown, and `attention`."""
        counted = Counter((outcome, why) for *_, outcome, why in self._rows if outcome in _ODD)
        said = [f"{outcome} {count:,}: {why}" for (outcome, why), count in sorted(counted.items())]
        return said + self.attention

    @property
    def exit_code(self) -> int:
        """What the command line exits with: 3 when something needs a look."""
        return 3 if self.look else 0

    def lines(self) -> list[str]:
        """Tell it in words, without numbers of people."""
        counted = Counter((outcome, reason) for _, _, outcome, reason in self._rows)
        head = f"run {self.run}" + (" (looked at only: nothing is changed yet)" if self.dry_run else "")
        said = [f"{outcome} {count:,}" + (f": {reason}" if reason else "") for (outcome, reason), count in
                sorted(counted.items())]  # fmt: skip
        if planned := Counter(list_id for list_id, _, outcome, _ in self._rows if outcome == "planned"):
            said += [f"  list {list_id}: {count:,}" for list_id, count in sorted(planned.items())[:20]]
            said += [f"  and {len(planned) - 20:,} lists more"] if len(planned) > 20 else []
        read = f"verified by reading the lists again ({len(self.verified):,}): nobody else left them"
        return [head, *(said or ["no contact"]), *([read] if self.verified else []), *self.attention]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        rows = cast("Sequence[dict[str, Any]]", self.rows.to_dict("records"))
        about = {"run": self.run, "dry_run": self.dry_run, "calls": self.calls, "look": self.attention}
        about["verified"] = self.verified
        return about | {"counts": self.counts, "rows": rows}
