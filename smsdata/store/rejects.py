"""Rows that did not fit their table: each set aside in a file of its own, until it can be read after all.

Each file carries a checksum. Imports `disk`, `records`, `plain_files`, `errors` and `schema.frames`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from smsdata.errors import StoreError
from smsdata.schema.frames import Reject
from smsdata.store.disk import Disk
from smsdata.store.plain_files import read_plain
from smsdata.store.records import damaged_record, read_record, record_bytes, unreadable

_NEEDED = {"table", "endpoint", "raw", "context", "read", "seen_at"}
_ADVICE = (
    "The row that it held was never stored: remove it with `smsdata sync --dismiss-rejects`, then run "
    "`smsdata sync --deep --since` from before it."
)


class Rejects:
    """The rows of one store that were set aside, in its private folder."""

    def __init__(self, private: Path, disk: Disk) -> None:
        self._folder = private / "rejects"
        self._disk = disk

    def add(self, rejects: Iterable[Reject], read: str, seen_at: datetime) -> list[Path]:
        """Set rows aside that came with a read, each in a file of its own; the same row is kept once."""
        kept: list[Path] = []
        dismissed = self._dismissed()
        for reject in rejects:
            raw = json.dumps(reject.raw, sort_keys=True)  # escapes what is no character
            path = self._folder / f"{reject.table}-{hashlib.sha256(raw.encode()).hexdigest()[:20]}.json"
            if path.name in dismissed:
                continue
            kept.append(path)
            if path.exists():
                continue
            self._disk.folder(self._folder)
            facts = asdict(reject) | {"read": read, "seen_at": f"{seen_at:%Y-%m-%d %H:%M:%S}"}
            self._disk.replace(path, record_bytes(facts, dates="%Y-%m-%d %H:%M:%S"))
        return kept

    def names(self) -> set[str]:
        """The names of their files."""
        return {path.name for path in self._files()}

    def counts(self) -> Counter[str]:
        """How many rows of each table lie aside."""
        return Counter(path.name.rpartition("-")[0] for path in self._files())

    def remove(self, paths: Iterable[Path]) -> None:
        """Remove the files of rows that were read after all."""
        for path in paths:
            self._disk.remove(path)

    def dismiss(self) -> int:
        """Remove them all, and keep none of them again; gives how many they were.

        A row that is dismissed comes again with the next look-back: its name, a hash, is remembered.
        """
        paths = self._files()
        if paths:
            names = self._dismissed() | {path.name for path in paths}
            self._disk.replace(self._folder / "dismissed", "\n".join(sorted(names)).encode())
        self.remove(paths)
        return len(paths)

    def _dismissed(self) -> set[str]:
        path = self._folder / "dismissed"
        try:
            return set(read_plain(path).decode(errors="replace").splitlines())
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise unreadable(path, error) from None
        except ValueError:
            raise damaged_record(
                path, "Remove it; the rows that were dismissed are then set aside again."
            ) from None

    def all(self) -> dict[Path, dict[str, Any]]:
        """The rows that were set aside, each with what is wrong with it, by the file that holds it.

        Without those whose file is damaged or cannot be read: `faults` names these.
        """
        return {path: facts for path, facts in self._read() if not isinstance(facts, StoreError)}

    def faults(self) -> dict[Path, StoreError]:
        """The files that are not what was written, or cannot be read."""
        return {path: error for path, error in self._read() if isinstance(error, StoreError)}

    def _read(self) -> Iterator[tuple[Path, dict[str, Any] | StoreError]]:
        for path in self._files():
            try:
                facts = read_record(path, _ADVICE)
                if not facts.keys() >= _NEEDED:
                    raise damaged_record(path, _ADVICE)
            except StoreError as error:
                yield path, error
            else:
                yield path, facts

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in self._folder.iterdir() if path.suffix == ".json")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise unreadable(self._folder, error) from None
