"""Rows that did not fit their table: each set aside in a file of its own, until it can be read after all.

Imports `disk` and `schema.frames`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from smsdata.schema.frames import Reject
from smsdata.store.disk import Disk


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
            text = json.dumps(facts, indent=1, default="{:%Y-%m-%d %H:%M:%S}".format)
            self._disk.replace(path, text.encode())
        return kept

    def counts(self) -> Counter[str]:
        """How many rows of each table lie aside."""
        return Counter(path.name.rpartition("-")[0] for path in self._folder.glob("*.json"))

    def dismiss(self) -> int:
        """Remove them all, and keep none of them again; gives how many they were.

        A row that is dismissed comes again with the next look-back: its name, a hash, is remembered.
        """
        paths = sorted(self._folder.glob("*.json"))
        if paths:
            names = self._dismissed() | {path.name for path in paths}
            self._disk.replace(self._folder / "dismissed", "\n".join(sorted(names)).encode())
        for path in paths:
            self._disk.remove(path)
        return len(paths)

    def _dismissed(self) -> set[str]:
        try:
            return set((self._folder / "dismissed").read_text().splitlines())
        except FileNotFoundError:
            return set()

    def all(self) -> dict[Path, dict[str, Any]]:
        """The rows that were set aside, each with what is wrong with it, by the file that holds it."""
        return {path: json.loads(path.read_text()) for path in sorted(self._folder.glob("*.json"))}
