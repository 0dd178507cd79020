"""Which files a store has, compared with its manifest: by readers at every read, by the writer once.

A reader who finds a file that the manifest does not bear out reads the manifest again, in case a writer has
saved another one meanwhile; if it is the same, that is an error. The writer compares once, when it holds the
lock: files that a crash left ahead of the manifest are named then, files that do not belong are refused to
whoever would merge into them, and files that are gone stay named, so that nothing covers that up.
Imports `manifest`, `state`, `seal`, `records`, `disk`, `schema`, `plain_files` and `errors`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from smsdata.errors import StoreError
from smsdata.schema.tables import TABLES, table_of
from smsdata.store.disk import Disk
from smsdata.store.manifest import Manifest
from smsdata.store.plain_files import read_plain
from smsdata.store.records import unreadable
from smsdata.store.seal import checksum_of, damaged, encoded, seal_of
from smsdata.store.state import OtherFormatError, State, state_from_json

_ON_DEMAND = frozenset({"link_hits", "contact_history", "clients", "transactions"})
_PART = re.compile(r"part-\d+\.parquet")
_WHAT = {
    "older": "is not the version that the store wrote last",
    "foreign": "was not written by this store under this name",
    "state is older": "is newer than the state: .smsdata/state.json was put back",
}


@dataclass(frozen=True, slots=True)
class FileFault:
    """A file that is not as the manifest says; `what` is "missing", "older", "foreign", "damaged" ..."""

    table: str
    name: str
    what: str
    expected: int
    """How many rows the manifest says it has."""
    reason: str
    """What is wrong, in words."""

    @property
    def since(self) -> datetime | None:
        """From when on its rows are, for a table that is ordered in time."""
        if "month=" not in self.name:
            return None
        year, month = self.name.split("month=")[1][:7].split("-")
        return datetime(int(year), int(month), 1, tzinfo=UTC)

    @property
    def advice(self) -> str:
        """What to do."""
        if self.what == "unreadable":
            return "Make it readable for this user; nothing is known to be damaged."
        if self.what == "state is older":
            return "Put the newest one back, or remove it and run `smsdata sync`, which then reads all again."
        restore = (
            "Restore it from a backup" if self.what in {"missing", "damaged"} else "Put the newest one back"
        )
        if self.what == "foreign" and not self.expected:
            return "Move it out of the store."
        return f"{restore}, or {'' if self.what == 'missing' else 'remove it and '}{self._bring_back}"

    @property
    def _bring_back(self) -> str:
        run = (
            f"run `smsdata sync --deep --since {self.since:%Y-%m-%d}`" if self.since else "run `smsdata sync`"
        )
        if self.table == "status_history":
            return (
                f"{run} to go on without it: no call brings back when a status was seen. What is believed "
                "now is not changed by that, but `as_of` and delivery times are."
            )
        if self.table == "suppressions":
            return "apply the next plan: its rows are written again from the journals of the runs."
        if self.table in _ON_DEMAND:
            return f"run `smsdata sync --tables {self.table}` as when it was stored."
        if TABLES[self.table].snapshot:
            return f"{run}: it reads the table again. Rows that had vanished before do not come back."
        return (
            f"{run}: it reads the rows again that the gateway still keeps, of the last 12 months; older "
            "ones no call brings back."
        )

    def error(self, folder: Path) -> StoreError:
        """The error for a reader."""
        return StoreError(f"{folder / self.name} {self.reason}. {self.advice}", code=self.what.upper())


class Inventory:
    """The files of one store's tables, as they are and as the manifest says."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self._disk = disk
        self._live: State | None = None
        self._refused: dict[str, list[FileFault]] = {}
        self._read: tuple[tuple[int, ...], State] | None = None

    # ---- what is there -------------------------------------------------------------------------

    def listed(self, table: str) -> list[Path]:
        """The files of a table that are there, in the order of time."""
        folders = [self.path / table]
        if table_of(table).time:
            folders = [f for f in _entries(self.path / table) if f.name.startswith("month=")]
        parts = [part for folder in folders for part in _entries(folder) if _PART.fullmatch(part.name)]
        return sorted(parts, key=lambda p: (p.parent.name, part_number(p)))

    def trusted(self, table: str) -> list[Path]:
        """The files of a table, all of them as the manifest says; else an error that names one.

        The writer goes on without those that are gone.
        """
        if self._live is not None:
            for fault in self._refused.get(table, []):
                raise fault.error(self.path)
            return self.listed(table)
        for fault in self.faults(table):
            raise fault.error(self.path)
        return self.listed(table)

    def faults(self, *tables: str) -> list[FileFault]:
        """The files of tables that are not as the manifest says."""
        faults: list[FileFault] = []
        for _ in range(50):  # a writer may save one manifest after the other meanwhile
            manifest = self._manifest()
            faults = [fault for table in tables for fault in self._judged(table, manifest)]
            if not faults or self._manifest() == manifest:
                break
        return faults

    def _judged(self, table: str, manifest: Manifest) -> Iterator[FileFault]:
        try:
            parts = self.listed(table)
        except StoreError as error:
            yield FileFault(table, table, "unreadable", 0, _reason(error, self.path / table))
            return
        names = {self._name(part): part for part in parts}
        for name in _named(manifest, table):
            if name not in names:
                rows = manifest.parts[name].rows
                yield FileFault(table, name, "missing", rows, f"is missing, with {rows:,} rows")
        if manifest.store:
            for name, part in names.items():
                yield from self._judged_part(table, name, part, manifest)

    def _judged_part(self, table: str, name: str, part: Path, manifest: Manifest) -> Iterator[FileFault]:
        entry = manifest.parts.get(name)
        rows = entry.rows if entry else 0
        try:
            what: str = manifest.judge(name, seal_of(part, entry.checksum if entry else ""))
        except FileNotFoundError:
            yield FileFault(table, name, "missing", rows, "is missing")
        except StoreError as error:
            yield FileFault(table, name, error.code.lower(), rows, _reason(error, part))
        else:
            if what:
                yield FileFault(table, name, what, rows, _WHAT[what])

    def _name(self, part: Path) -> str:
        return part.relative_to(self.path).as_posix()

    # ---- the manifest --------------------------------------------------------------------------

    def saved_state(self) -> State | None:
        """The state as it was saved last; None where there is none."""
        path = self.path / ".smsdata" / "state.json"
        try:
            facts = path.stat()
            key = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
            if self._read is None or self._read[0] != key:
                self._read = key, state_from_json(read_plain(path))
            return self._read[1]
        except FileNotFoundError:
            return None
        except OtherFormatError:
            raise StoreError(
                f"{self.path} was written by another version of smsdata; update smsdata."
            ) from None
        except OSError as error:
            raise unreadable(path, error) from None
        except ValueError:
            raise damaged(path) from None

    def _manifest(self) -> Manifest:
        state = self._live or self.saved_state() or State()
        return state.manifest

    def account(self) -> str:
        """The account that the files name whose store has lost its state; empty where none does."""
        marks = []
        for table in TABLES:
            for part in self.listed(table):
                with suppress(FileNotFoundError):
                    if mark := seal_of(part).mark:
                        marks.append((mark.generation, mark.account))
        return max((mark for mark in marks if mark[1]), default=(0, ""))[1]

    def lost_state(self) -> bool:
        """Whether there are files of a store with a state, and no state."""
        if self._live is not None or self.saved_state() is not None:
            return False
        return any(self._marked(part) for table in TABLES for part in self.listed(table))

    @staticmethod
    def _marked(part: Path) -> bool:
        with suppress(StoreError, FileNotFoundError):
            return seal_of(part).mark is not None
        return False

    # ---- for the writer ------------------------------------------------------------------------

    def open(self, state: State) -> None:
        """Take files into the manifest that a crash, or an older version of smsdata, left out of it."""
        manifest, adopting = state.manifest, not state.manifest.store
        manifest.store = manifest.store or secrets.token_hex(8)
        self._refused = {}
        for table in TABLES:
            for part in self.listed(table):
                fault = self._taken(table, part, manifest, adopting=adopting)
                if fault:
                    self._refused.setdefault(table, []).append(fault)
        self._live = state

    def _taken(self, table: str, part: Path, manifest: Manifest, *, adopting: bool) -> FileFault | None:
        """Name a file that the manifest may lack; gives what is wrong with one that is not to be named."""
        name = self._name(part)
        entry = manifest.parts.get(name)
        if adopting:
            manifest.record(name, 0, "")  # taken as it is
        for fault in self._judged_part(table, name, part, manifest):
            return fault
        sealed = seal_of(part, entry.checksum if entry else "")
        if entry is None or sealed.checksum != entry.checksum:
            self._disk.settle(part.parent)  # seen by us, but perhaps not yet safe from a loss of power
            manifest.record(name, sealed.rows, sealed.checksum)
        return None

    def close(self) -> None:
        """Go back to reading what others write."""
        self._live = None

    def write(self, part: Path, rows: pa.Table) -> None:
        """Put a file in its place that holds these rows, and name it."""
        if self._live is None:
            raise StoreError(f"{self.path} is not open for writing: use `with store.writing():`.")
        name, manifest = self._name(part), self._live.manifest
        content = encoded(rows, manifest.next_mark(self._live.account, name))
        self._disk.replace(part, content)
        manifest.record(name, rows.num_rows, checksum_of(content))

    def next_number(self, folder: Path) -> int:
        """The number of the next new file of a folder; that of a file which is gone is not given again."""
        prefix = f"{self._name(folder)}/part-"
        names = [self._name(part) for part in _entries(folder)]
        names += self._live.manifest.parts if self._live else []
        return max((part_number(Path(n)) + 1 for n in names if n.startswith(prefix)), default=0)

    def lost(self) -> list[FileFault]:
        """The files that are gone, table by table."""
        return [fault for fault in self.faults(*TABLES) if fault.what == "missing"]

    def refused(self) -> list[FileFault]:
        """The files that are there and are not as the manifest says; only while the store is written."""
        return [fault for faults in self._refused.values() for fault in faults]

    def forget(self, lost: Iterable[FileFault]) -> None:
        """Name files no more that are gone: their rows were read again, or nobody can bring them back."""
        for fault in lost:
            self._manifest().parts.pop(fault.name, None)


# ---- names -----------------------------------------------------------------------------------------


def part_number(part: Path) -> int:
    """The number of a file among those of its folder."""
    return int(part.stem.removeprefix("part-"))


def _reason(error: StoreError, path: Path) -> str:
    """What an error says of a file, without its name and without what to do."""
    return str(error).removeprefix(f"{path} ").split(". ")[0]


def _named(manifest: Manifest, table: str) -> list[str]:
    return sorted(name for name in manifest.parts if name.startswith(f"{table}/"))


def _entries(folder: Path) -> list[Path]:
    """What is in a folder; a folder that is not there has nothing in it."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise unreadable(folder, error) from None
