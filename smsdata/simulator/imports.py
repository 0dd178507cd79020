"""Imports of contacts from a file: taken at once, worked off on the virtual clock. Owns their counters.

Imports the clock, the contacts and the forms of numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from smsdata.simulator.clock import Clock
from smsdata.simulator.contacts import Contacts, Refused

_COUNTED_AS = {"OPTOUT": "optout", "KEY_EXISTS": "duplicates"}
COUNTERS = ("importlength", "completed", "duplicates", "skipped", "optout", "imported")


@dataclass(frozen=True, slots=True)
class Line:
    """One contact of a file; ``msisdn`` is None where there is no mobile number."""

    msisdn: int | None
    first_name: str
    last_name: str
    fields: dict[str, str]


@dataclass(slots=True)
class Job:
    """One import. ``waiting`` holds the lines not read yet, None where the file could not be read."""

    list_id: int
    waiting: list[Line] | None
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTERS, 0))

    @property
    def status(self) -> str:
        """How far it is, in the gateway's words."""
        if self.waiting is None:
            return "failed"
        return "in progress" if self.waiting else "completed"


class Imports:
    """The last import into each list.

    Parameters
    ----------
    clock, contacts
        When lines are read, and who joins.
    rows_a_second : int
        How many lines are read in a second.

    Attributes
    ----------
    jobs : dict of int to Job
        By the list's id.
    """

    def __init__(self, clock: Clock, contacts: Contacts, rows_a_second: int) -> None:
        self.jobs: dict[int, Job] = {}
        self._clock, self._contacts, self._rows = clock, contacts, rows_a_second

    def take(self, list_id: int, lines: list[Line] | None) -> None:
        """Begin an import; None for a file that cannot be read."""
        with self._clock.changing():
            job = self.jobs[list_id] = Job(list_id, lines)
            job.counts["importlength"] = len(lines or [])
            self._clock.later(self._clock.now + 1, self._work, job)

    def _work(self, at: int, job: Job) -> None:
        """Read what a second has room for, and go on in the next."""
        if not job.waiting or job.list_id not in self._contacts.lists:
            return
        now, job.waiting = job.waiting[: self._rows], job.waiting[self._rows :]
        for line in now:
            job.counts["completed"] += 1
            job.counts[self._add(job.list_id, line)] += 1
        if job.waiting:
            self._clock.later(at + 1, self._work, job)

    def _add(self, list_id: int, line: Line) -> str:
        """Put one contact on the list; gives the counter that this belongs to."""
        if line.msisdn is None:
            return "skipped"
        names = line.first_name, line.last_name
        try:
            self._contacts.add_member(list_id, line.msisdn, *names, fields=line.fields, by="api")
        except Refused as refused:
            return _COUNTED_AS.get(refused.code, "skipped")
        return "imported"
