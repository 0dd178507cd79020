"""Any file without somebody, and whatever is packed in it: zip, tar, gzip, bzip2, xz, zstd, workbooks.

Owns how files that hold files are taken apart and packed again. Imports `workbooks`, `file_formats`,
`text_files` and `store.forgotten`.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import pyarrow as pa

from smsdata.forgetting.file_formats import without
from smsdata.forgetting.text_files import WHOLE, without_in_text
from smsdata.forgetting.workbooks import is_workbook, sheets_without
from smsdata.store.forgotten import Forgotten

LEFT = "left"
"""What is done with a file that cannot be put right: nothing."""
_MOST_BYTES = 2**30
"""Bytes that a file may hold once it is unpacked."""
_DEEPEST = 6
_TAGS = re.compile(r"<[^>]*>")
_STORE = ".smsdata"


_NO_SUCH_FILE = (
    ValueError, RuntimeError, LookupError, OSError, EOFError, zlib.error, zipfile.BadZipFile, lzma.LZMAError,
    tarfile.TarError, pa.ArrowException,
)  # fmt: skip


@dataclass
class Left:
    """A file without somebody: its content, None where nothing changes; and where that person stood.

    `found` has the name within the file (empty for the file itself), how often, and what is done.
    """

    content: bytes | None = None
    found: list[tuple[str, int, str]] = field(default_factory=list)


_PACKED: dict[tuple[bytes, ...], tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    (b"\x1f\x8b",): (
        lambda raw: _read_whole(gzip.GzipFile(fileobj=io.BytesIO(raw))),
        lambda new: gzip.compress(new, mtime=0),
    ),
    tuple(b"BZh%d1AY&SY" % level for level in range(1, 10)): (
        lambda raw: _read_whole(bz2.BZ2File(io.BytesIO(raw))),
        bz2.compress,
    ),
    (b"\xfd7zXZ\0",): (
        lambda raw: _read_whole(lzma.LZMAFile(io.BytesIO(raw))),  # noqa: SIM115 - it holds no file open
        lzma.compress,
    ),
    (b"\x28\xb5\x2f\xfd",): (
        lambda raw: _read_whole(pa.CompressedInputStream(pa.BufferReader(raw), "zstd")),
        lambda new: bytes(pa.compress(new, "zstd", asbytes=True)),
    ),
}
"""By how a packed file begins: how it is unpacked and packed."""
_SEALED = (b"7z\xbc\xaf\x27\x1c", b"Rar!")


def left_of_file(path: PurePath, content: bytes, gone: Forgotten, depth: int = 0) -> Left:
    """What is left of a file of any kind, without somebody."""
    try:
        if depth > _DEEPEST or content.startswith(_SEALED):
            raise ValueError("nobody can tell what it holds")
        for begins, (unpacked, packed) in _PACKED.items():
            if content.startswith(begins):
                inner = left_of_file(_unpacked_name(path), unpacked(content), gone, depth + 1)
                return inner if inner.content is None else Left(packed(inner.content), inner.found)
        if content[:4] == b"PK\x03\x04":
            return _zip_left(content, gone, depth)
        if content[257:262] == b"ustar":
            return _tar_left(content, gone, depth)
    except _NO_SUCH_FILE:
        return Left(None, [("", 1, LEFT)])
    return _plain_left(path, content, gone)


def _unpacked_name(path: PurePath) -> PurePath:
    return path.with_suffix("") if path.suffix in {".gz", ".bz2", ".xz", ".zst"} else path


def _read_whole(stream: Any) -> bytes:
    content: bytes = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError("it holds too much")
    return content


def _plain_left(path: PurePath, content: bytes, gone: Forgotten) -> Left:
    made, count, what = (
        (*known, WHOLE) if (known := without(path, content, gone)) else without_in_text(path, content, gone)
    )
    if not count:
        return Left()
    return Left(made, [("", count, LEFT if made is None else what)])


# ---- archives --------------------------------------------------------------------------------------


def _zip_left(content: bytes, gone: Forgotten, depth: int) -> Left:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = archive.infolist()
        _refuse_stores([info.filename for info in infos])
        if sum(info.file_size for info in infos) > _MOST_BYTES:
            raise ValueError("it holds too much")
        parts = {info.filename: archive.read(info) for info in infos}
        if len(parts) < len(infos):
            raise ValueError("it holds two files of one name")
        if is_workbook(list(parts)):
            made, left = _workbook_left(parts, gone)
        else:
            made, left = _members_left(parts, gone, depth)
        if not made:
            return left
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w") as new:
            new.comment = archive.comment
            for info in infos:
                name, part = made.get(info.filename, (info.filename, parts[info.filename]))
                if name != info.filename:
                    info.filename, info.extra = name, b""  # where the name may stand once more
                new.writestr(info, part)
    return Left(sink.getvalue(), left.found)


def _tar_left(content: bytes, gone: Forgotten, depth: int) -> Left:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = archive.getmembers()
        _refuse_stores([member.name for member in members])
        bodies = [file.read() if (file := archive.extractfile(one)) else b"" for one in members]
        if len({one.name for one in members}) < len(members):
            raise ValueError("it holds two files of one name")
        parts = {one.name: body for one, body in zip(members, bodies, strict=True)}
        made, left = _members_left(parts, gone, depth)
        if not made:
            return left
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as new:
            for one, body in zip(members, bodies, strict=True):
                one.name, part = made.get(one.name, (one.name, body))
                one.pax_headers = {}
                one.size = len(part)
                new.addfile(one, io.BytesIO(part))
    return Left(sink.getvalue(), left.found)


def _refuse_stores(names: list[str]) -> None:
    """A packed store is sealed file by file: it is a copy, which is named and left."""
    if any(_STORE in PurePath(name).parts for name in names):
        raise ValueError("it holds a store")


Members = dict[str, tuple[str, bytes]]
"""By the name of each member that changes: its new name and content."""


def _members_left(parts: dict[str, bytes], gone: Forgotten, depth: int) -> tuple[Members, Left]:
    """Each member by itself: one that cannot be put right keeps none of the others from it."""
    made: Members = {}
    told = Left()
    for name, part in parts.items():
        inner, renamed = left_of_file(PurePath(name), part, gone, depth + 1), gone.text(name)
        if renamed != name and not inner.found:
            inner.found = [("", 1, WHOLE)]
        told.found += [(_place_within(renamed, place), count, what) for place, count, what in inner.found]
        if inner.content is not None or renamed != name:
            made[name] = renamed, part if inner.content is None else inner.content
    return made, told


def _place_within(name: str, place: str) -> str:
    return f"{name}, {place}" if place else name


def _workbook_left(parts: dict[str, bytes], gone: Forgotten) -> tuple[Members, Left]:
    made: Members = {}
    told = Left()
    for name, (part, count, what) in (sheets := sheets_without(parts, gone)).items():
        made[name] = name, part
        told.found.append((name, count, what))
    for name, part in parts.items():
        if name not in sheets:
            other = _plain_left(PurePath(name), part, gone)
            told.found += [(name, count, what) for _, count, what in other.found]
            if other.content is not None:
                made[name] = name, other.content
    told.found += list(_still_in(parts | {name: part for name, (_, part) in made.items()}, gone))
    return made, told


def _still_in(parts: dict[str, bytes], gone: Forgotten) -> Iterator[tuple[str, int, str]]:
    """Parts in which the number stands all the same, such as parted by marks of its format."""
    for name, part in parts.items():
        text = part.decode(errors="replace")
        if any(gone.text(plain) != plain for plain in (_TAGS.sub("", text), _TAGS.sub("|", text))):
            yield name, 1, LEFT
