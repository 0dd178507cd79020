"""The manifest: which files the store holds, so that one that is gone, older or foreign is noticed.

The manifest is a field of the state and is saved with it, so it costs no write of its own. It has a
generation, which grows by one with each save that follows a change of files. Every file carries a mark in
its footer, under the footer's checksum: the account and the store that wrote it, its own name, and the
generation of the manifest that will name it.

A file is replaced first and the state saved afterwards. So there may be files that the saved manifest does
not name yet, after a crash and for a reader beside a writer. All of them carry the generation that comes
next, the saved one plus one, however often a file was replaced meanwhile. `Manifest.judge` therefore lets
two kinds of files pass: those with the checksum that the manifest names, and those with the mark of this
store, this name and exactly the next generation. The next writer takes the latter into the manifest before
it does anything else. Nothing else was written by this store, under its lock, after the manifest was saved:

===================================  ====================================================
the file                             its mark, or its absence
===================================  ====================================================
was removed                          named by the manifest, not in the folder
is an older version                  a generation that is not the next one
came from another store              another store
was copied to another name           another name
stands beside a state put back       a generation beyond the next one
===================================  ====================================================

A state put back by exactly one save looks as after a crash and does as little harm: its cursors are older,
and the rows behind them are read again. A reader whom a writer has overtaken reads the manifest again before
it complains. A store without a manifest, written by 0.1.0, is taken as it is when it is first opened for
writing. Imports nothing of smsdata.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Fault = Literal["", "older", "foreign", "state is older"]


@dataclass(frozen=True, slots=True)
class Mark:
    """What a file says of itself: whose rows, which store wrote it under which name, and when."""

    account: str
    store: str
    part: str
    generation: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file as it is found; rows and mark are read only where the checksum is not the expected one."""

    checksum: str
    rows: int = 0
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class PartEntry:
    """A file as it was written last.

    `checksum` is empty for one that could not be read when the store got its manifest.
    """

    rows: int
    checksum: str
    generation: int


@dataclass(slots=True)
class Manifest:
    """The files of one store, by their names below its folder."""

    store: str = ""
    """The store's own name, made at random; empty as long as it has no manifest."""
    generation: int = 0
    parts: dict[str, PartEntry] = field(default_factory=dict)

    def next_mark(self, account: str, part: str) -> Mark:
        """The mark of a file that is written now."""
        return Mark(account, self.store, part, self.generation + 1)

    def record(self, part: str, rows: int, checksum: str) -> None:
        """Name a file as it is now."""
        self.parts[part] = PartEntry(rows, checksum, self.generation + 1)

    @property
    def changed(self) -> bool:
        """Whether a file was named since the manifest was saved."""
        return any(entry.generation > self.generation for entry in self.parts.values())

    def judge(self, part: str, sealed: Sealed) -> Fault:
        """What is wrong with a file that is there; empty when nothing is."""
        entry, mark = self.parts.get(part), sealed.mark
        if entry is not None and entry.checksum in {sealed.checksum, ""}:
            return ""
        if mark is None:
            return "older" if entry else "foreign"
        if (mark.store, mark.part) != (self.store, part):
            return "foreign"
        if mark.generation > self.generation + 1:
            return "state is older"
        return "" if mark.generation == self.generation + 1 else "older"
