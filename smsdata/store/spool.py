"""Callbacks as they came: durable before they are answered, kept until they are merged.

A spool is a folder of segments. A segment is lines of ``<crc32 of the record> <record>``, where the record is
one JSON object; it only grows, is closed by a line with the count and the SHA-256 of what stands above it,
and then changes its name from ``.open`` to ``.sealed``. Whatever is merged is called ``.merged`` until it is
old. A line that a crash left half written was never answered with 200; it is skipped, and no line after it is
lost. What was sealed and is not merged is named apart, so that a segment that is gone shows. Imports `disk`,
`ownership`, `records`, `plain_files`, `spool_names` and `errors`.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from smsdata.errors import LockedError, StoreError
from smsdata.store.disk import Appender, Disk
from smsdata.store.ownership import make_store_folders
from smsdata.store.plain_files import read_plain
from smsdata.store.records import unreadable
from smsdata.store.spool_names import MergedOfOpen, SpoolNames

SEGMENT_BYTES = 16 * 1024 * 1024
SEGMENT_SECONDS = 30.0
STATES = ("open", "sealed", "merged")
"""Through which a segment goes."""
RESTORE = (
    "Restore it from a backup, or run `smsdata sync --dismiss-rejects` to do without it: polling brings "
    "their replies and statuses, and no call their times of delivery."
)
"""What to do about a file that was deleted before anybody merged it."""
_TRIED_BYTES = 64 * 1024
_NAME = re.compile(r"segment-(\d{8,})\.(open|sealed|merged)")


def spool_folder(private: Path) -> Path:
    """Where the callbacks of a store lie, below its private folder."""
    return private / "callbacks"


@dataclass(frozen=True, slots=True)
class Callback:
    """One callback as it came: which kind, when, and its parameters untouched.

    `at` is in microseconds since 1970; `query` and `body` hold each byte as one character. `signature` is
    empty where none came; `checked` tells that it was found to be right.
    """

    at: int
    kind: str
    query: str = ""
    body: str = ""
    media: str = ""
    signature: str = ""
    checked: bool = False

    def line(self) -> bytes:
        """The callback as a line of a segment."""
        record = {
            "at": self.at, "kind": self.kind, "query": self.query, "body": self.body, "media": self.media,
            "signature": self.signature, "checked": self.checked,
        }  # fmt: skip
        return _line_of({name: value for name, value in record.items() if value or name == "at"})


def _line_of(record: dict[str, Any]) -> bytes:
    text = orjson.dumps(record)
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _record_in(line: bytes) -> dict[str, Any] | None:
    """The record of a line, None where the line is not what was written."""
    with suppress(ValueError):
        if len(line) > 10 and line[8:9] == b" " and int(line[:8], 16) == zlib.crc32(line[9:]):
            record = orjson.loads(line[9:])
            return record if isinstance(record, dict) else None
    return None


@dataclass(slots=True)
class Segment:
    """What a segment holds: its callbacks, how many are damaged or cut off, whether its seal is right."""

    path: Path
    callbacks: list[Callback] = field(default_factory=list)
    damaged: int = 0
    sealed: bool = False
    bytes: int = 0


def _content_of_segment(path: Path) -> bytes:
    try:
        return read_plain(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unreadable(path, error) from None
    except ValueError:
        raise StoreError(f"{path} is a pipe or a giant, no file of callbacks: move it away.") from None


def _parsed_line(path: Path, content: bytes) -> Segment:
    segment = Segment(path, bytes=len(content))
    end = 0
    for line in content.split(b"\n"):
        record = _record_in(line) if line else {}
        if record is None:
            segment.damaged += 1
        elif "seal" in record:
            whole = hashlib.sha256(content[:end]).hexdigest() == record["seal"]
            segment.sealed = whole and record["count"] == len(segment.callbacks)
        elif record:
            segment.callbacks.append(Callback(**record))
        end += len(line) + 1
    if path.suffix == ".open":
        tail = content[content.rfind(b"\n") + 1 :]
        if tail and _record_in(tail) is None:
            segment.damaged -= 1  # the last line of a crash: nobody was told that it is there
    elif not segment.sealed:  # written whole, so something is gone or changed
        segment.damaged = max(1, segment.damaged)
    return segment


def _with_what_was_cut(segment: Segment, counts: Mapping[str, int]) -> Segment:
    """A sealed file, in which what it lacks of the callbacks that were noted of it counts as damaged too."""
    if segment.damaged and segment.path.suffix != ".open":
        lacks = counts.get(segment.path.stem, 0) - len(segment.callbacks)
        segment.damaged = max(segment.damaged, lacks)
    return segment


def _kept_lines(was: bytes) -> bytes:
    """The lines of an open segment without its seal and a half written end; damaged ones stay, to be told."""
    *lines, tail = was.split(b"\n")
    if tail and _record_in(tail) is not None:
        lines.append(tail)
    return b"".join(line + b"\n" for line in lines if line and "seal" not in (_record_in(line) or {}))


def _is_there(folder: Path, name: str) -> bool:
    """Whether something named is in the spool, looked for in the order of the endings of its file."""
    endings = STATES if name.startswith("segment-") else ("aside",)
    return any(os.path.lexists(folder / f"{name}.{ending}") for ending in endings)


def read_segment(path: Path) -> Segment:
    """What one file of a spool holds, a segment or callbacks that were put aside."""
    return _parsed_line(path, _content_of_segment(path))


def _trailer(count: int, digest: str) -> bytes:
    """The last line of a sealed file: how many callbacks it has, and their checksum."""
    return _line_of({"seal": digest, "count": count})


def replace_segment(disk: Disk, segment: Segment, callbacks: Sequence[Callback]) -> None:
    """Put a sealed file of these callbacks in the place of one."""
    content = b"".join(callback.line() for callback in callbacks)
    disk.replace(segment.path, content + _trailer(len(callbacks), hashlib.sha256(content).hexdigest()))


class Spool:
    """The callbacks of one store.

    Parameters
    ----------
    folder
        Where the segments lie; made when first written to.
    disk
        How durable files are written; for tests.
    segment_bytes, segment_seconds
        How large and how old a segment may become before it is sealed.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        folder: Path,
        *,
        disk: Disk | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.disk = disk or Disk(folder)
        self._sealed_names = SpoolNames(folder.with_name("received"), self.disk)
        self.merged_of_open = MergedOfOpen(folder, self.disk)
        """How far the segments are merged that a receiver still writes to."""
        self._most = segment_bytes
        self._oldest = segment_seconds
        self._clock = clock
        self._open: Appender | None = None
        self._digest = hashlib.sha256()
        self._count = 0
        self._begun = 0.0

    # ---- writing: one process, which holds the lock ----------------------------------------------

    @contextmanager
    def receiving(self, holder: str) -> Iterator[None]:
        """Be the one process that adds callbacks; seals what others left open, and at the end its own.

        Raises
        ------
        LockedError
            When another process receives into this spool.
        """
        make_store_folders(self.disk, self.folder.parent.parent)
        self.disk.folder(self.folder)
        try:
            with self.disk.lock(holder, 0.0):
                self.disk.clean()
                for path in self._named("open"):
                    _content_of_segment(path)  # raises where something else stands in its place
                with suppress(StoreError):  # on a full disk that waits until there is room
                    self.recover()
                try:
                    yield
                finally:
                    with suppress(StoreError):  # what was answered is durable, sealed or not
                        self.seal()
        except LockedError as error:
            raise LockedError(f"{self.folder}: {str(error).replace('the store', 'the spool')}") from None

    def append(self, lines: Sequence[bytes]) -> None:
        """Add lines and make them durable, all with one fsync.

        Raises
        ------
        StoreError
            When nobody knows whether they are durable. The segment is left as it is, since a failed fsync
            is never tried again; the next call begins another one.
        """
        appender = self._open or self._begin()
        block = b"".join(lines)
        try:
            appender.add(block)
            appender.sync()
        except StoreError:
            self._abandon()
            raise
        self._digest.update(block)
        self._count += len(lines)
        if appender.size >= self._most:
            with suppress(StoreError):
                self.seal()

    def try_to_write(self) -> None:
        """Write a little durably and take it away again; StoreError when the disk cannot do that now."""
        path = self.folder / "tmp-try"
        self.disk.replace(path, bytes(_TRIED_BYTES))
        self.disk.remove(path)

    def seal_when_old(self) -> None:
        """Seal the open segment once it is old enough, so that it can be merged and removed."""
        if self._open and self._count and self._clock() - self._begun >= self._oldest:
            self.seal()

    def seal(self) -> None:
        """Close the open segment with its count and checksum."""
        appender = self._open
        if appender is None:
            return
        try:
            appender.add(_trailer(self._count, self._digest.hexdigest()))
            appender.sync()
            self._note(appender.path.stem, self._count)
            self._forget()
            self.disk.move(appender.path, appender.path.with_suffix(".sealed"))
        except StoreError:
            self._abandon()
            raise

    def recover(self) -> None:
        """Seal the segments that a crash or a full disk left open, without their half written ends."""
        for path in self._named("open"):
            if self._open and path == self._open.path:
                continue
            was = _content_of_segment(path)
            segment = _parsed_line(path, was)
            content = _kept_lines(was)
            if segment.damaged:  # not of a crash: keep it as evidence of a damaged disk
                self.disk.replace(path.with_suffix(".damaged"), was)
            if content:
                trailer = _trailer(len(segment.callbacks), hashlib.sha256(content).hexdigest())
                self._note(path.stem, len(segment.callbacks))
                self.disk.replace(path.with_suffix(".sealed"), content + trailer)
            self.disk.remove(path)

    def _begin(self) -> Appender:
        with suppress(StoreError):
            self.recover()
        taken = [match[1] for match in map(_NAME.fullmatch, self._names()) if match]
        gone = [name.partition("-")[2] for name in self.missing() if name.startswith("segment-")]
        number = 1 + max(map(int, taken + gone), default=0)  # that of one which is gone is not given again
        self._open = self.disk.append(self.folder / f"segment-{number:08}.open")
        self._digest = hashlib.sha256()
        self._count = 0
        self._begun = self._clock()
        return self._open

    def _abandon(self) -> None:
        """Leave the open segment; without a durable line in it, it is litter on a disk that may be full."""
        appender, empty = self._open, not self._count
        self._forget()
        if appender and empty:
            with suppress(StoreError):
                self.disk.remove(appender.path)

    def _note(self, name: str, callbacks: int) -> None:
        self._sealed_names.forget(name, but=self._sealed_names.note(name, callbacks))

    def _forget(self) -> None:
        appender, self._open, self._count = self._open, None, 0
        if appender:
            with suppress(OSError):
                appender.close()

    # ---- reading: any process --------------------------------------------------------------------

    def _names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.is_dir() else []

    def _named(self, state: str) -> list[Path]:
        matches = [match for match in map(_NAME.fullmatch, self._names()) if match and match[2] == state]
        return [self.folder / match[0] for match in matches]

    def segments(self, *states: str, first: str = "") -> Iterator[Segment]:
        """The segments in some states, such as ``"open"`` and ``"sealed"``, in order, from one name on."""
        matches = [match for match in map(_NAME.fullmatch, self._names()) if match and match[2] in states]
        counts = self._sealed_names.all()
        for path in (self.folder / match[0] for match in matches if Path(match[0]).stem >= first):
            for name in (path, path.with_suffix(".sealed"), path.with_suffix(".merged")):
                with suppress(FileNotFoundError):  # it was sealed since it was listed
                    yield _with_what_was_cut(_parsed_line(name, _content_of_segment(name)), counts)
                    break

    def mark_merged(self, segment: Segment) -> None:
        """A sealed segment is merged: its callbacks stand in the store."""
        if segment.path.suffix == ".sealed":
            try:
                self.disk.move(segment.path, segment.path.with_suffix(".merged"))
            except StoreError:
                if segment.path.exists():
                    raise  # else another process was first
            self._sealed_names.forget(segment.path.stem)

    def forget_merged(self, before: float) -> None:
        """Remove the merged segments that were last changed before an instant, in seconds since 1970."""
        for path in self._named("merged"):
            if path.lstat().st_mtime < before:
                self._sealed_names.forget(path.stem)
                self.disk.remove(path)

    def missing(self) -> dict[str, int]:
        """What was deleted before anybody merged it, such as ``"segment-00000012"``: with its callbacks."""
        named = self._sealed_names.all().items()
        gone = {name: count for name, count in named if not _is_there(self.folder, name)}
        still = self._sealed_names.all() if gone else {}  # another process may have merged and forgotten it
        return {name: count for name, count in gone.items() if name in still}

    def dismiss_missing(self) -> int:
        """Do without what was deleted; gives how many callbacks it held."""
        missing = self.missing()
        for name in missing:
            self._sealed_names.forget(name)
        return sum(missing.values())

    # ---- callbacks that have no place yet ----------------------------------------------------------

    def aside(self, name: str) -> Segment:
        """What was put aside under a name: callbacks that wait, or that cannot be read.

        An older version of the file, put back, counts as damaged: what was put aside since is not in it.
        """
        path = self.folder / f"{name}.aside"
        named = self._sealed_names.checksums(name)
        try:
            content = _content_of_segment(path)
        except FileNotFoundError:
            return Segment(path)
        segment = _with_what_was_cut(_parsed_line(path, content), self._sealed_names.all())
        named |= self._sealed_names.checksums(name)  # it may just have been replaced
        body = content[: content.rfind(b"\n", 0, -1) + 1]
        if named and hashlib.sha256(body).hexdigest()[:16] not in named:
            segment.damaged = max(1, segment.damaged)
        return segment

    def put_aside(self, name: str, callbacks: Sequence[Callback]) -> None:
        """Put callbacks aside under a name, in the place of those that were there; each once."""
        lines = sorted({callback.line() for callback in callbacks})
        path = self.folder / f"{name}.aside"
        if lines:
            content = b"".join(lines)
            digest = hashlib.sha256(content).hexdigest()
            noted = self._sealed_names.note(name, len(lines), digest)  # first: a kill leaves both names
            self.disk.replace(path, content + _trailer(len(lines), digest))
            self._sealed_names.forget(name, but=noted)
        elif os.path.lexists(path):  # one that was deleted stays named
            self._sealed_names.forget(name)
            self.disk.remove(path)


def not_merged_of(spool: Spool, segment: Segment) -> list[Callback]:
    """The callbacks of a segment that are not merged yet."""
    if segment.path.suffix == ".merged":
        return []
    lines = [one.line() for one in segment.callbacks]
    return segment.callbacks[spool.merged_of_open.count(segment.path.stem, lines) :]


def spool_faults(private: Path) -> Iterator[tuple[str, str, int, str]]:
    """What is wrong with the spool of a store, whose private folder is given, file by file.

    Each: the file's name, ``"missing"`` or ``"damaged"``, how many callbacks or lines, and what to do.
    """
    spool = Spool(spool_folder(private))
    for name, count in spool.missing().items():
        yield f"{name}.{'sealed' if name.startswith('segment-') else 'aside'}", "missing", count, RESTORE
    there = [*spool.segments("sealed"), *map(spool.aside, ("waiting", "odd", "refused"))]
    for segment in (one for one in there if one.damaged):
        yield segment.path.name, "damaged", segment.damaged, "Restore it from a backup; check the disk."


def missing_callbacks(private: Path) -> list[str]:
    """The callbacks that were deleted before anybody merged them, for a person: a line for each file."""
    return [
        f"callbacks: {name} is missing from {spool_folder(private)}, with {count:,} callbacks. {advice}"
        for name, what, count, advice in spool_faults(private)
        if what == "missing"
    ]


def callbacks_aside(private: Path) -> list[str]:
    """The callbacks that can never be merged, for a person: a line for each reason; changes nothing."""
    lines, folder = [], spool_folder(private)
    for name, what in (("odd", "cannot be read"), ("refused", "have a wrong signature")):
        path = folder / f"{name}.aside"
        try:
            kept = read_segment(path).callbacks if path.exists() else []
        except StoreError as error:
            lines.append(str(error))
            continue
        if count := len({one.line() for one in kept}):
            lines.append(
                f"callbacks: {count:,} {what}; they are kept in callbacks/{name}.aside. Once you have seen "
                "why, delete that file and run `smsdata sync --dismiss-rejects`."
            )
    return lines
