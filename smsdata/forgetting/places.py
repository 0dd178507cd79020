"""Every place of a store that may hold a number: what it holds, and the same place without it.

One function for each kind of place. Each tells what it found and, when it is to, puts the place right: so the
list that is written first names what is then rewritten. A place that was put right is found no more, and so
doing all of it again after a crash does the rest. Imports `store`, `hygiene.run_journal`, `schema` and
`errors`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smsdata.errors import StoreError
from smsdata.forgetting import reasons
from smsdata.forgetting.archives import Look, left_of_file
from smsdata.forgetting.reasons import LEFT, WHOLE, Found, Left
from smsdata.hygiene.run_journal import RunJournal, runs
from smsdata.schema.frames import Reject, with_column
from smsdata.schema.tables import TABLES
from smsdata.store.disk import Disk
from smsdata.store.files import load_part
from smsdata.store.forgotten import Forgotten
from smsdata.store.keys import rows_without, same_keys
from smsdata.store.plain_files import read_plain
from smsdata.store.records import read_record, record_bytes
from smsdata.store.spool import Spool, read_segment, replace_segment, spool_folder
from smsdata.store.state import note_failure, note_rejects
from smsdata.store.store import Store
from smsdata.times import instant

BY_NAME = "file name"
"""The kind of a place that holds the number in its own name."""
_SEGMENTS = frozenset({".open", ".sealed", ".merged", ".aside"})


@dataclass(frozen=True, slots=True)
class Place:
    """A place that holds a number: its name below the store, or its path, and in how many rows or values.

    `what` is what is done with it: ``"rewritten"``, ``"number only"`` (a text in which nobody can tell what
    else is said of the person), ``"removed"`` (made again by its command), or ``"left"`` where smsdata cannot
    put it right; `why` says then why, and what to do.
    """

    place: str
    kind: str
    count: int
    what: str = "rewritten"
    why: str = ""


def places(store: Store, gone: Forgotten, look: Look | None, *, apply: bool) -> Iterator[Place]:
    """The places of a store that hold the number of somebody in `gone`; with `apply` they are put right.

    `look` searches the other files there for what would be left in them; None where that was told before.
    With `apply` the store is open for writing, and nobody receives callbacks.
    """
    yield from _tables(store, gone, apply=apply)
    yield from _state(store, gone, apply=apply)
    yield from _journal(store, gone, apply=apply)
    yield from _rejects(store, gone, apply=apply)
    yield from _spool(store, gone, apply=apply)
    yield from _damaged(store, gone, apply=apply)
    yield from _runs(store, gone, apply=apply)
    yield from _plans(store, gone, apply=apply)
    yield from _other_files(store, gone, look, apply=apply)


def _name(store: Store, path: Path) -> str:
    return path.relative_to(store.path).as_posix()


# ---- tables ----------------------------------------------------------------------------------------


def _tables(store: Store, gone: Forgotten, *, apply: bool) -> Iterator[Place]:
    for table in TABLES:
        for part in store.tables.inventory.trusted(table):
            _, count = gone.rows(load_part(part))
            if count:
                yield Place(_name(store, part), "table", count)
            if count and apply:
                _put_right(store, table, part, gone)


def _put_right(store: Store, table: str, part: Path, gone: Forgotten) -> None:
    """Write a part without them; a row that stands already under the stand-in takes this one's place.

    Such twins are there where a backup was put back, or a sync came between a crash and the second try.
    """
    rows = load_part(part)
    left = _with_keyed_hits(table, rows, gone.rows(rows)[0], gone)
    twins = _twins(store, table, rows, left)
    if len(twins):
        store.merging.merge(table, left.take(twins), "polled")
        rows = load_part(part)
        left = _with_keyed_hits(table, rows, gone.rows(rows)[0], gone)
        left = rows_without(left, _twins(store, table, rows, left))
    store.tables.write(part, table, left)


def _twins(store: Store, table: str, before: pa.Table, after: pa.Table) -> pa.Array:
    """Where the rows stand that got another key, and that key is another row's already."""
    places = pa.array(np.flatnonzero(_has_other_key(table, before, after)))
    moved = after.take(places)
    if not moved.num_rows:
        return pa.array([], pa.int64())
    standing = [moved.slice(0, 0), *(load_part(part) for part in store.tables.holding(table, moved))]
    _, theirs = same_keys(table, pa.concat_tables(standing), moved)
    return places.take(pc.unique(theirs))


def _has_other_key(table: str, before: pa.Table, after: pa.Table) -> np.ndarray[Any, Any]:
    other = np.zeros(before.num_rows, dtype=bool)
    for name in TABLES[table].key:
        other |= pc.not_equal(before.column(name), after.column(name)).to_numpy()
    return other


def _with_keyed_hits(table: str, before: pa.Table, after: pa.Table, gone: Forgotten) -> pa.Table:
    """Hits that callbacks told of, numbered by a plain hash of all that they said, the phone number too."""
    if table != "link_hits":
        return after
    theirs = pc.fill_null(pc.not_equal(before.column("msisdn"), after.column("msisdn")), False).to_pylist()
    hits = [
        gone.keyed_number(hit) if other and hit < 0 else hit
        for hit, other in zip(after.column("hit").to_pylist(), theirs, strict=True)
    ]
    return with_column(after, "hit", pa.array(hits, pa.int64()))


# ---- what the store keeps beside its tables ---------------------------------------------------------


def _state(store: Store, gone: Forgotten, *, apply: bool) -> Iterator[Place]:
    """Reads of one number that failed, or are worth another try: nobody asks for it any more."""
    failed = [name for name in store.state.failures if gone.text(name) != name]
    again = [name for name in store.state.retries if gone.text(name) != name]
    if failed or again:
        yield Place(".smsdata/state.json", "state", len(failed) + len(again))
    if apply:
        for name in failed:
            note_failure(store.state, name, None)
        for name in again:
            store.state.take_retry(name)
        if failed or again:
            store.save_state()


def _journal(store: Store, gone: Forgotten, *, apply: bool) -> Iterator[Place]:
    """Pages that wait to be merged; those of reads of the number itself are let go."""
    found = False
    for path in sorted(store.private.glob("journal-*.log")):
        content = read_plain(path).decode(errors="surrogateescape")
        if gone.text(content) != content:
            found = True
            yield Place(_name(store, path), "journal", _occurrences(gone, content))
    if not (found and apply):
        return
    journal = store.journal()
    store.commit(journal, [read for read in journal.reads if gone.text(read) != read], gone.body)
    journal.close()


def _rejects(store: Store, gone: Forgotten, *, apply: bool) -> Iterator[Place]:
    """Rows that were set aside: each is set aside anew, under the hash of what is left of it."""
    old = []
    for path, facts in store.rejects.all().items():
        left = gone.value(facts)
        if left == facts:
            continue
        yield Place(_name(store, path), "rejects", 1)
        if apply:
            old.append(path)
            row = Reject(**{name: left[name] for name in Reject.__dataclass_fields__})
            store.rejects.add([row], left["read"], instant(left["seen_at"]))
    if old:
        names = store.state.rejects | store.rejects.names()
        note_rejects(store.state, names - {path.name for path in old})
        store.save_state()  # before they go: one that the state names and that is gone counts as lost
        store.rejects.remove(old)


def _spool(store: Store, gone: Forgotten, *, apply: bool) -> Iterator[Place]:
    """Callbacks, merged or not."""
    folder = spool_folder(store.private)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix not in _SEGMENTS:
            continue
        segment = read_segment(path)
        left = [gone.callback(one) for one in segment.callbacks]
        changed = sum(one != other for one, other in zip(segment.callbacks, left, strict=True))
        if not changed:
            continue
        yield Place(_name(store, path), "spool", changed)
        if apply:
            if segment.damaged:
                store.disk.replace(path.with_suffix(".damaged"), read_plain(path))
            if path.suffix == ".aside":
                Spool(folder, disk=store.disk).put_aside(path.stem, left)
            else:
                replace_segment(store.disk, segment, left)


def _damaged(store: Store, gone: Forgotten, *, apply: bool) -> Iterator[Place]:
    """What a damaged disk left of callbacks, kept beside them: the lines that name the number go, whole."""
    for path in sorted(spool_folder(store.private).glob("*.damaged")):
        lines = read_plain(path).splitlines(keepends=True)
        kept = [line for line in lines if (text := line.decode("latin-1")) == gone.text(text)]
        if len(kept) < len(lines):
            yield Place(_name(store, path), "spool", len(lines) - len(kept), "removed")
            if apply:
                store.disk.replace(path, b"".join(kept))


def _runs(store: Store, gone: Forgotten, *, apply: bool) -> Iterator[Place]:
    """The journals of runs of `clean`: such a contact cannot be put back any more."""
    for run in runs(store):
        journal = RunJournal(store, run)
        for entry in list(journal.entries.values()):
            name = gone.stand_in(entry.msisdn)
            if name is None:
                continue
            yield Place(f".smsdata/runs/{run}", "run journal", 1)
            if apply:
                entry.msisdn, entry.contact = name, {"list_id": entry.list_id, "msisdn": name}
                entry.note = gone.text(entry.note)
                journal.write(entry)


def _plans(store: Store, gone: Forgotten, *, apply: bool) -> Iterator[Place]:
    """Plans that name the number: they are void, `smsdata clean` makes them anew."""
    folder = store.private / "plans"
    for path in sorted(folder.glob("*.parquet")) if folder.is_dir() else ():
        _, count = gone.rows(pq.read_table(path))
        if count:
            yield Place(_name(store, path), "plan", count, "removed")
            if apply:
                store.disk.remove(path.with_suffix(".md"))
                store.disk.remove(path)


def _other_files(store: Store, gone: Forgotten, look: Look | None, *, apply: bool) -> Iterator[Place]:
    """All other files below the store: records with a checksum, texts; others are named and left."""
    done = {part for table in TABLES for part in store.parts(table)}
    done |= {*store.rejects.all(), *store.private.glob("journal-*.log"), *store.private.glob("runs/*/row-*")}
    done.add(store.private / "plan-key")  # random bytes
    done |= {*(store.private / "plans").glob("*"), *store.forgotten.folder.glob("*.json")}
    folder = spool_folder(store.private)
    done |= {path for path in folder.glob("*") if path.suffix in {*_SEGMENTS, ".damaged"}}
    for path in (path for path in _leaves(store.path) if path not in done):
        name = _name(store, path)
        yield from _named(path, name, without_numbers(name, gone), gone)
        if path.is_file():
            yield from _file(path, without_numbers(name, gone), gone, look, store.disk, apply=apply)


# ---- files elsewhere -------------------------------------------------------------------------------


def places_in(paths: Iterable[Path], gone: Forgotten, look: Look | None, *, apply: bool) -> Iterator[Place]:
    """The files that hold the number, of those that were named or lie below a folder that was named."""
    roots = list(paths)
    more_names = _with_names_elsewhere(roots)
    for root in roots:
        for path in _leaves(root):
            name = without_numbers(str(path), gone)
            yield from _named(path, str(path.relative_to(root.parent)), name, gone)
            if path.is_symlink() and path != root:
                yield from _linked(path, name, gone, look, roots)
            elif path.is_file():
                file = path.resolve() if path.is_symlink() else path
                disk = Disk(file.parent, keeps_rights=True)
                found = list(_file(file, name, gone, look, disk, apply=apply))
                yield from found
                if found and path.resolve() in more_names:
                    yield Place(name, "link", 1, LEFT, reasons.HARD_LINK)
            elif _cannot_be_listed(path):
                yield Place(name, "folder", 1, LEFT, reasons.UNREADABLE)


def _with_names_elsewhere(roots: Iterable[Path]) -> set[Path]:
    """The files that have a name (a hard link) beyond those given, under which their content stays."""
    plain = (one for root in roots for one in _leaves(root) if one == root or not one.is_symlink())
    files = {path.resolve(): path.stat() for path in plain if path.is_file()}
    given = Counter((facts.st_dev, facts.st_ino) for facts in files.values())
    return {path for path, facts in files.items() if facts.st_nlink > given[facts.st_dev, facts.st_ino]}


def _leaves(root: Path) -> list[Path]:
    """The files, links and empty folders below a folder, and folders that may not be read; or the file."""
    if not root.is_dir():
        return [root]
    return sorted(path for path in [root, *root.rglob("*")] if not _holds_any(path, root))


def _holds_any(path: Path, root: Path) -> bool:
    with suppress(OSError):
        return path.is_dir() and (path == root or not path.is_symlink()) and any(path.iterdir())
    return False


def _cannot_be_listed(path: Path) -> bool:
    try:
        return path.is_dir() and any(path.iterdir())
    except OSError:
        return True


def _named(path: Path, own: str, name: str, gone: Forgotten) -> Iterator[Place]:
    """What bears the number in its own name or that of its folder, or leads to such a name."""
    if gone.text(own) != own:
        yield Place(name, BY_NAME, 1, LEFT, reasons.BY_NAME)
    if path.is_symlink() and gone.text(target := str(path.readlink())) != target:
        yield Place(name, "link", 1, LEFT, reasons.LEADS)


def _linked(
    path: Path, name: str, gone: Forgotten, look: Look | None, roots: Iterable[Path]
) -> Iterator[Place]:
    """What a link leads to, where that is not put right by itself: it belongs elsewhere, and is left."""
    target = path.resolve()
    if not path.is_file() or any(target.is_relative_to(root.resolve()) for root in roots):
        return
    if found := list(_file(path, name, gone, look, Disk(path.parent), apply=False)):
        yield Place(name, "file", sum(one.count for one in found), LEFT, reasons.LINK)


def without_numbers(name: str, gone: Forgotten) -> str:
    """The name of a file with dots in the place of the number, as it may be kept and shown."""
    left = gone.text(name)
    return name if left == name else re.sub(r"forgotten-[a-p]{24}", "...", left)


def _file(
    path: Path, name: str, gone: Forgotten, look: Look | None, disk: Disk, *, apply: bool
) -> Iterator[Place]:
    try:
        content = read_plain(path)
    except (ValueError, OSError) as error:
        why = reasons.UNREADABLE if isinstance(error, OSError) else reasons.TOO_LARGE
        yield Place(name, "file", 1, LEFT, why)
        return
    if path.suffix == ".json" and (record := _record(path)) is not None:
        kept = gone.value(record)
        left = Left(record_bytes(kept), [Found("", 1, WHOLE)]) if kept != record else Left()
    else:
        left = left_of_file(path, content, gone, look)
    for one in left.found:
        yield Place(f"{name}: {one.place}" if one.place else name, "file", one.count, one.what, one.why)
    if apply and left.content is not None:
        disk.replace(path, left.content)


def _record(path: Path) -> dict[str, Any] | None:
    """A file of facts with a checksum, which is to fit what is left of them; None for any other."""
    with suppress(StoreError):
        if b'"checksum":' in read_plain(path):
            return read_record(path, "")
    return None


def _occurrences(gone: Forgotten, text: str) -> int:
    return gone.text(text).count("forgotten-") - text.count("forgotten-")
