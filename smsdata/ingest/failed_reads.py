"""Reads that the gateway failed or refused: named at every run, tried again with growing pauses.

One thing's failure costs that thing alone; what concerns the whole account never comes here. Imports
`gateway.blame`, `gateway.reads`, `store.state`, `report` and `plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from datetime import datetime
from urllib.parse import parse_qs

from smsdata.errors import ApiError, DrainError
from smsdata.gateway.blame import is_not_offered
from smsdata.gateway.reads import Read
from smsdata.ingest import plan
from smsdata.ingest.report import Report
from smsdata.store.state import Failure, State, note_failure
from smsdata.store.verify import place_of

_CORE = frozenset({"campaigns", "messages", "dlrs"})


class FailedReads:
    """What could not be read, kept in the state until it is read.

    Parameters
    ----------
    state, report
        Where failures are kept, and told.
    now
        Gives the present.
    """

    def __init__(self, state: State, report: Report, now: Callable[[], datetime]) -> None:
        self.state = state
        self.report = report
        self.now = now
        self.changed = False
        self._said: set[str] = set()
        self._missing: set[str] = set()  # the calls that this run found missing
        self._there: set[str] = set()  # those that it found to be there
        self.ask_all = False
        """Whether reads that rest are tried all the same, because somebody asked for them."""

    def resting(self, read: Read) -> DrainError | None:
        """The error of a read that failed before and is not tried yet; None for one to be made."""
        for name in (read.endpoint.name, read.name()):
            failure = self.state.failures.get(name)
            rests = name in self._missing or not self.ask_all
            if failure and rests and plan.is_resting(failure, self.now()):
                error = DrainError(f"{failure.code} at each of {failure.tries} tries")
                error.code = failure.code
                return error
        return None

    def is_doubtful(self, read: Read) -> bool:
        """Whether this run has yet to learn that the gateway has a read's call."""
        return read.endpoint.name not in self._there

    def note(self, outcome: ApiError | DrainError) -> None:
        """Report a read that failed; keep it in the state unless it is asked for by itself again."""
        read: Read = outcome.about
        self._said.add(read.name())
        table = self.report.of(read.endpoint.table.name)
        tried = not isinstance(outcome, DrainError)
        if is_not_offered(read.endpoint, outcome) and not self._was_offered(read):
            name = read.endpoint.name
            failure = self._kept(name, outcome.code, weekly=True) if tried else self.state.failures[name]
            self._missing.add(name)
            table.not_offered = True
            self.report.note(
                f"{name}: not offered by this gateway ({failure.code}); asked again from "
                f"{failure.not_before:%Y-%m-%d} on."
            )
            return
        self._there.add(read.endpoint.name)
        text = str(outcome).removeprefix(f"{read.endpoint.name} ").removeprefix(f"{read.title()}: ")
        text = f"{read.title()}: {text}"
        if tried and read.start is None:  # a slice of time is read by every run until it is stored
            self._kept(read.name(), outcome.code)
        elif outcome.code == "PROOF" and read.start is None:  # tried by every run
            note_failure(self.state, read.name(), Failure(1, self.now(), outcome.code))
            self.changed = True
        kept = self.state.failures.get(read.name())
        if kept is not None:
            again = f"{kept.not_before:%Y-%m-%d %H:%M} UTC" if kept.tries > 1 else "the next run"
            text = f"{text.rstrip('.')}. It is tried again from {again} on."
        table.unproved.append(text)
        self.report.attention.append(text)

    def name_those_left(self) -> None:
        """Say at every run what earlier ones could not read: it may rest, and not be asked for."""
        for name, failure in sorted(self.state.failures.items()):
            if "?" in name and name not in self._said:
                self.report.attention.append(
                    f"{place_of(name)}: still not read; it failed at {failure.tries} tries ({failure.code}). "
                    f"It is tried again from {failure.not_before:%Y-%m-%d %H:%M} UTC on."
                )

    def forget_lists(self, known: Set[int]) -> None:
        """Forget the failures of lists that are gone."""
        for name in [one for one in self.state.failures if "list_id=" in one]:
            if int(parse_qs(name.partition("?")[2])["list_id"][0]) not in known:
                note_failure(self.state, name, None)
                self.changed = True

    def _was_offered(self, read: Read) -> bool:
        """Whether a call has answered before, or all else hangs on it: that it is missing is a failure."""
        name = read.endpoint.name
        if name in self.state.failures:  # it was missing when it was first asked for
            return False
        return name in _CORE or (name == read.endpoint.table.name and name in self.state.witnesses)

    def note_success(self, read: Read) -> None:
        """Forget that a read failed."""
        self._there.add(read.endpoint.name)
        for name in (read.endpoint.name, read.name()):
            if name in self.state.failures:
                note_failure(self.state, name, None)
                self.changed = True

    def _kept(self, name: str, code: str, *, weekly: bool = False) -> Failure:
        before = self.state.failures.get(name)
        tries = before.tries + 1 if before else 1
        pause = plan.WEEK if weekly else plan.pause_after(tries)
        failure = Failure(tries, self.now() + pause, code)
        note_failure(self.state, name, failure)
        self.changed = True
        return failure
