"""Which segments of a spool were sealed and wait to be merged, told apart from the segments themselves.

Whoever seals a segment first puts an empty file into the folder ``received`` beside the spool, with the name
``<segment>-<count of its callbacks>``; whoever has merged it takes that file away. The same goes for files of
callbacks put aside, such as ``waiting``; their names also end with the beginning of a checksum, since these
files are replaced: an older one put back is not what is named. What is named there and is not in the spool
was deleted before anybody merged it. How far a segment is merged that a receiver still writes to stands in a
file of its own. Imports `disk`, `plain_files` and `records`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from smsdata.store.disk import Disk
from smsdata.store.plain_files import read_plain
from smsdata.store.records import unreadable

_NAME = re.compile(r"(segment-\d{8,}|waiting|odd|refused)-(\d+)(?:-([0-9a-f]{16}))?")


class SpoolNames:
    """The names of what lies in one spool.

    Parameters
    ----------
    folder
        Where the names lie; made when first written to.
    disk
        How durable files are written.
    """

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk

    def all(self) -> dict[str, int]:
        """The names, each with how many callbacks it stands for: the most that was noted."""
        counts: dict[str, int] = {}
        for match in self._matches():
            counts[match[1]] = max(int(match[2]), counts.get(match[1], 0))
        return counts

    def checksums(self, name: str) -> set[str]:
        """The beginnings of the checksums that a name was noted with."""
        return {match[3] for match in self._matches() if match[1] == name and match[3]}

    def _matches(self) -> list[re.Match[str]]:
        try:
            found = sorted(path.name for path in self._folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise unreadable(self._folder, error) from None
        return [match for match in map(_NAME.fullmatch, found) if match]

    def note(self, name: str, callbacks: int, checksum: str = "") -> str:
        """Note a name, durably; gives the noted one, beside which others of that name stay."""
        noted = f"{name}-{callbacks}" + (f"-{checksum[:16]}" if checksum else "")
        if not (self._folder / noted).exists():
            self._disk.folder(self._folder)
            self._disk.replace(self._folder / noted, b"")
        return noted

    def forget(self, name: str, *, but: str = "") -> None:
        """Take a name away, if it is there, in all its forms `but` one."""
        for path in self._folder.glob(f"{name}-*"):
            if path.name != but:
                self._disk.remove(path)


class MergedOfOpen:
    """How far the segments are merged that a receiver still writes to, so that no callback counts twice.

    Parameters
    ----------
    folder
        The folder of the spool.
    disk
        How durable files are written.
    """

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._path = folder / "open.json"
        self._disk = disk

    def count(self, name: str, lines: Sequence[bytes]) -> int:
        """How many of the callbacks of a segment, given as lines, are merged: none if others came first."""
        try:
            noted = orjson.loads(read_plain(self._path))[name]
            count, digest = int(noted["count"]), noted["first"]
        except (OSError, ValueError, KeyError, TypeError):  # they are merged again, which changes nothing
            return 0
        return count if count <= len(lines) and _digest_of_lines(lines[:count]) == digest else 0

    def note(self, merged: Mapping[str, Sequence[bytes]]) -> None:
        """Note what is merged of each such segment, in the place of what was noted before."""
        noted = {
            name: {"count": len(lines), "first": _digest_of_lines(lines)}
            for name, lines in merged.items()
            if lines
        }
        if noted:
            self._disk.replace(self._path, orjson.dumps(noted))
        elif self._path.exists():
            self._disk.remove(self._path)


def _digest_of_lines(lines: Sequence[bytes]) -> str:
    return hashlib.sha256(b"".join(lines)).hexdigest()
