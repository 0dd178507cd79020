"""The record of the last runs of sync on a store, and of changes of the account that were not finished.

Owns the file ``last-run.json`` in the store's private folder and its fields, and ``unfinished.json`` and
``ended.json`` in the folder of each run that changes the account. The first tells when the last sync was,
what came of it and what it said needs a look. It is written when a run begins, once it is known that the
store is this account's, and again when the run ends, so a run that was killed shows as one without an end.
Nothing that a sync decides depends on it. Times are those of this machine's clock.
Imports `disk`, `records`, `machine`, `times` and `errors`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from smsdata.errors import SmsDataError, StoreError, UsageError
from smsdata.machine import birth
from smsdata.store.disk import Disk
from smsdata.store.records import damaged_record, read_record, record_bytes
from smsdata.times import instant

FILE = "last-run.json"
UNFINISHED = "unfinished.json"
ENDED = "ended.json"
_AGAIN = "Apply the plan of that run again, or make a new one."
_ADVICE = "Nothing else depends on it; the next `smsdata sync` writes it anew."

Ending = Literal["", "done", "look", "failed", "interrupted"]


@dataclass(slots=True)
class RunRecord:
    """One run of sync. `whole` says that it was to bring all tables up to date.

    `outcome` is ``"done"``, ``"look"`` (done, something needs a look), ``"failed"``, ``"interrupted"``, or
    empty while nobody wrote an end: it is under way, or was killed.
    """

    started: str
    whole: bool
    host: str
    pid: int
    born: float
    ended: str = ""
    as_of: str = ""
    """The gateway's present at the end."""
    outcome: Ending = ""
    error: str = ""
    code: str = ""
    look: list[str] = field(default_factory=list)
    calls: int = 0
    new: int = 0
    """Rows that were not stored before."""
    lasting: dict[str, str] = field(default_factory=dict)
    """By what it is about, what this run or one before said needs a look, and none says again."""

    @property
    def under_way(self) -> bool | None:
        """Whether the process of a run without an end is still there; None where that cannot be told."""
        if self.outcome:
            return False
        return birth(self.pid) == self.born if self.host == socket.gethostname() else None

    def close(self, outcome: Ending, *, error: str = "", code: str = "") -> None:
        """Note how the run ended, and that it ended now."""
        self.outcome, self.error, self.code = outcome, error, code
        self.ended = _now()


@dataclass(frozen=True, slots=True)
class LastRuns:
    """The last run of sync, and the last of all tables that came to its end; None where there is none."""

    run: RunRecord | None = None
    whole: RunRecord | None = None


def last_runs(private: Path) -> LastRuns:
    """Read which runs were the last on a store.

    Raises
    ------
    StoreError
        The file is not what was written, or cannot be read.
    """
    try:
        facts = read_record(private / FILE, _ADVICE)
    except FileNotFoundError:
        return LastRuns()
    try:
        return LastRuns(_run_of(facts.get("run")), _run_of(facts.get("whole")))
    except (TypeError, ValueError, UsageError):
        raise damaged_record(private / FILE, _ADVICE) from None


def _run_of(facts: Any) -> RunRecord | None:
    if facts is None:
        return None
    if not isinstance(facts, Mapping):
        raise TypeError
    known = {f.name for f in fields(RunRecord)}  # what a newer version adds is left alone
    run = RunRecord(**{name: value for name, value in facts.items() if name in known})
    if not isinstance(run.lasting, dict):
        raise TypeError
    for moment in filter(None, (run.started, run.ended)):
        instant(moment)
    return run


@contextmanager
def recorded_run(
    disk: Disk, private: Path, *, whole: bool, account_for: Callable[[RunRecord], None]
) -> Iterator[None]:
    """Record a run of sync: that it began, and how it ended.

    `account_for` fills in what it did once it came to its end. Call it under the store's lock. A process that
    dies inside writes no end.
    """
    before = _readable(private)
    run = RunRecord(_now(), whole, socket.gethostname(), os.getpid(), birth(os.getpid()))
    run.lasting = dict(before.run.lasting) if before.run else {}

    def write() -> None:
        ended_whole = run if whole and run.outcome in {"done", "look"} else before.whole
        facts = {"run": asdict(run), "whole": ended_whole and asdict(ended_whole)}
        disk.replace(private / FILE, record_bytes(facts))

    write()
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        _note_failure(run, error)
        with suppress(StoreError, OSError):  # what went wrong first is what is to be told
            write()
        raise
    account_for(run)
    run.close("look" if run.look else "done")
    write()


def _note_failure(run: RunRecord, error: BaseException) -> None:
    if isinstance(error, KeyboardInterrupt):
        run.close("interrupted")
    elif isinstance(error, SmsDataError):
        run.close("failed", error=str(error), code=error.code)
    else:  # its text may hold somebody's number
        run.close("failed", error=type(error).__name__, code="UNEXPECTED")


@contextmanager
def recorded_change(disk: Disk, folder: Path, command: str, look: Callable[[], list[str]]) -> Iterator[None]:
    """Keep a note in a run's folder while the account is changed: the command that goes on if it is cut off.

    Call it under the store's lock. Whatever ends it early leaves the note; that command takes it away. What
    needs a `look` at the end is noted in its stead, until the run ends once more without.
    """
    file = folder / UNFINISHED
    facts = {"command": command, "started": _now(), "host": socket.gethostname(), "pid": os.getpid()}
    disk.replace(file, record_bytes(facts | {"born": birth(os.getpid())}))
    yield
    if lines := look():
        disk.replace(folder / ENDED, record_bytes({"command": command, "ended": _now(), "look": lines}))
    elif (folder / ENDED).exists():
        disk.remove(folder / ENDED)
    disk.remove(file)


def forget_earlier_endings(disk: Disk, folder: Path) -> None:
    """Take away what the other runs left to be looked at: a run that came to its end took it up."""
    for file in folder.parent.glob(f"*/{ENDED}"):
        if file.parent != folder:
            disk.remove(file)


def changes_to_look_at(private: Path) -> Iterator[str]:
    """Name the runs that changed the account and ended with something that needs a look."""
    for file in sorted(private.glob(f"runs/*/{ENDED}")):
        run = file.parent.name
        try:
            facts = read_record(file, _AGAIN)
            command, ended = str(facts["command"]), str(facts["ended"])
            said = " ".join(f"{str(line).rstrip('.')}." for line in facts["look"])
        except FileNotFoundError:
            continue
        except (StoreError, LookupError, TypeError):
            yield f"run {run} ended with something to look at, but {file} is damaged: {_AGAIN}"
            continue
        void = " (a plan is void after 24 hours: make a new one then)" if " clean " in command else ""
        yield (
            f"run {run} ended {ended} with something to look at: {said} To try again: {command}{void}. "
            "The next `smsdata clean --apply` takes this line away."
        )


def unfinished_changes(private: Path) -> Iterator[str]:
    """Name the runs that were cut off while they changed the account, each with the command to go on."""
    for file in sorted(private.glob(f"runs/*/{UNFINISHED}")):
        run = file.parent.name
        try:
            facts = read_record(file, "Apply the plan of that run again.")
            command, started = str(facts["command"]), str(facts["started"])
            here = facts["host"] == socket.gethostname()
            under_way = here and birth(int(facts["pid"])) == facts["born"]
        except FileNotFoundError:
            continue  # it has just ended
        except (StoreError, LookupError, TypeError, ValueError):
            yield f"run {run} was cut off ({file} is damaged, too): apply its plan again."
            continue
        if not under_way:
            how = "was cut off" if here else "runs on another machine or was cut off"
            yield f"run {run} of {started} {how} while it changed the account. To go on: {command}"


def _readable(private: Path) -> LastRuns:
    with suppress(StoreError):
        return last_runs(private)
    return LastRuns()


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S+00:00}"
