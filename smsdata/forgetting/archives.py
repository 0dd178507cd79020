"""Any file without somebody, and whatever is packed in it: zip, tar, gzip, bzip2, xz, zstd, workbooks, mails.

Owns how files that hold files are taken apart and packed again, and why one is left. Imports `workbooks`,
`file_formats`, `databases`, `mails`, `text_files` and `store.forgotten`.
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
from dataclasses import replace
from email.errors import MessageError
from functools import partial
from html import unescape
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa

from smsdata.forgetting import reasons
from smsdata.forgetting.databases import database_without
from smsdata.forgetting.file_formats import bytes_or_text_left, without
from smsdata.forgetting.json_files import cell_left
from smsdata.forgetting.mails import is_mail, mail_left, with_coded_files_left
from smsdata.forgetting.reasons import LEFT, NUMBER, WHOLE, Found, Left
from smsdata.forgetting.text_files import without_in_text
from smsdata.forgetting.workbooks import is_rows, is_workbook, sheets_without, titles_that_fit
from smsdata.store.forgotten import Forgotten

Look = Callable[[PurePath, bytes], int | None]
"""A search of a file that shares nothing with what rewrites it: how often somebody stands in it, None where
nobody can tell."""
_MOST_BYTES = 2**30
"""Bytes that a file may hold once it is unpacked."""
_DEEPEST = 6
_VALUE = re.compile(r">([^<]{7,})<")
"""What a cell of a sheet says."""
_TAGS = re.compile(r"<[^>]*>")
_STORE = ".smsdata"


class _CannotTell(ValueError):
    """Why a file is left."""


_NO_SUCH_FILE = (
    ValueError, RuntimeError, LookupError, OSError, EOFError, zlib.error, zipfile.BadZipFile, lzma.LZMAError,
    tarfile.TarError, pa.ArrowException, MessageError, TypeError, ArithmeticError,
)  # fmt: skip
_Packing = tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]
_PACKED: dict[tuple[bytes, ...], _Packing] = {
    (b"\x1f\x8b",): (
        lambda raw: _read_whole(gzip.GzipFile(fileobj=io.BytesIO(raw))),
        lambda new: gzip.compress(new, mtime=0),
    ),
    tuple(b"BZh%d1AY&SY" % level for level in range(1, 10)): (
        lambda raw: _read_whole(bz2.BZ2File(io.BytesIO(raw))),
        bz2.compress,
    ),
    (b"\xfd7zXZ\0", b"\x5d\0\0"): (
        lambda raw: _read_whole(lzma.LZMAFile(io.BytesIO(raw))),  # noqa: SIM115 - it holds no file open
        lzma.compress,
    ),
    (b"\x28\xb5\x2f\xfd",): (
        lambda raw: _read_whole(pa.CompressedInputStream(pa.BufferReader(raw), "zstd")),
        lambda new: bytes(pa.compress(new, "zstd", asbytes=True)),
    ),
}
"""By how a packed file begins: how it is unpacked and packed."""


def left_of_file(
    path: PurePath, content: bytes, gone: Forgotten, look: Look | None = None, depth: int = 0
) -> Left:
    """What is left of a file of any kind, without somebody.

    With `look`, a file in which that search finds somebody all the same is told as left: so nothing is called
    rewritten that is not.
    """
    try:
        left, whole = _taken_apart(path, content, gone, look, depth)
    except (_CannotTell, reasons.CannotRewrite) as told:
        return Left(None, [Found("", 1, LEFT, str(told))])
    except _NO_SUCH_FILE:
        return Left(None, [Found("", 1, LEFT, reasons.DAMAGED)])
    if look is not None and (whole or depth == 0) and not any(one.what == LEFT for one in left.found):
        count = look(path, content if left.content is None else left.content)
        if count is None or count:
            why = reasons.UNSEEN if count is None else reasons.STILL
            left.found = [one for one in left.found if one.place] + [Found("", count or 1, LEFT, why)]
    return left


def _taken_apart(
    path: PurePath, content: bytes, gone: Forgotten, look: Look | None, depth: int
) -> tuple[Left, bool]:
    """What is left of a file, and whether it is one by itself: what lies within another was looked at."""
    if depth > _DEEPEST:
        raise _CannotTell(reasons.TOO_DEEP)
    if why := reasons.why_sealed(content):
        raise _CannotTell(why)
    packed = next((how for begins, how in _PACKED.items() if content.startswith(begins)), None)
    if packed is not None:
        return _packed_left(path, content, packed, gone, look, depth), False
    if content[:4] == b"PK\x03\x04":
        return _zip_left(content, gone, look, depth), False
    if content[257:262] == b"ustar":
        return _tar_left(content, gone, look, depth), False
    if is_mail(path, content):
        return mail_left(content, gone, partial(_left_within, gone=gone, look=look, depth=depth + 1)), False
    return _plain_left(path, content, gone, look, depth), True


def _packed_left(
    path: PurePath, content: bytes, how: _Packing, gone: Forgotten, look: Look | None, depth: int
) -> Left:
    unpacked, packed = how
    whole = unpacked(content)
    inner = left_of_file(_unpacked_name(path), whole, gone, look, depth + 1)
    head = content[:300].decode("latin-1")  # where gzip keeps the name that a file had
    if inner.content is None and not inner.found and gone.text(head) != head:
        return Left(packed(whole), [Found("", 1, WHOLE)])
    return inner if inner.content is None else Left(packed(inner.content), inner.found)


def _left_within(path: PurePath, content: bytes, gone: Forgotten, look: Look | None, depth: int) -> Left:
    return left_of_file(path, content, gone, look, depth)


def _unpacked_name(path: PurePath) -> PurePath:
    return path.with_suffix("") if path.suffix.lower() in {".gz", ".bz2", ".xz", ".zst"} else path


def _read_whole(stream: Any) -> bytes:
    content: bytes = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise _CannotTell(reasons.TOO_MUCH)
    return content


def _plain_left(
    path: PurePath, content: bytes, gone: Forgotten, look: Look | None = None, depth: int = 0
) -> Left:
    known = without(path, content, gone) or database_without(path, content, gone)
    if known is not None:
        made, count, whole = known
        if made is None:
            is_open = any(Path(f"{path}{end}").exists() for end in ("-wal", "-journal", ".wal"))
            return Left(None, [Found("", count, LEFT, reasons.OPEN if is_open else reasons.NO_PLACE)])
        return Left(made, [Found("", count, WHOLE if whole else NUMBER)]) if count else Left()
    inner = partial(_left_within, gone=gone, look=look, depth=depth + 1)
    decoded, told = with_coded_files_left(content, inner)
    made, count, what = without_in_text(path, decoded, gone)
    if count and made is None:
        return Left(None, [*told, Found("", count, LEFT, reasons.NO_TEXT)])
    if decoded != content and made is None:
        made = decoded
    if made is None and not count and what == LEFT:
        return Left(None, [*told, Found("", 1, LEFT, reasons.UNKNOWN)])
    return Left(made, [*told, *([Found("", count, what)] if count else [])])


# ---- archives --------------------------------------------------------------------------------------


def _zip_left(content: bytes, gone: Forgotten, look: Look | None, depth: int) -> Left:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = archive.infolist()
        _refuse_stores([info.filename for info in infos])
        if sum(info.file_size for info in infos) > _MOST_BYTES:
            raise _CannotTell(reasons.TOO_MUCH)
        parts = {info.filename: archive.read(info) for info in infos}
        if len(parts) < len(infos):
            raise _CannotTell(reasons.TWICE)
        if is_workbook(list(parts)):
            made, left = _workbook_left(parts, gone)
        else:
            made, left = _members_left(parts, gone, look, depth)
        comment = bytes_or_text_left(archive.comment, gone)
        if comment != archive.comment:
            left.found.append(Found("its comment", 1, WHOLE))
        elif not made:
            return left
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w") as new:
            new.comment = comment
            for info in infos:
                info.comment = bytes_or_text_left(info.comment, gone)
                name, part = made.get(info.filename, (info.filename, parts[info.filename]))
                if name != info.filename:
                    info.filename, info.extra = name, b""  # where the name may stand once more
                new.writestr(info, part)
    return Left(sink.getvalue(), left.found)


def _tar_left(content: bytes, gone: Forgotten, look: Look | None, depth: int) -> Left:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = archive.getmembers()
        _refuse_stores([member.name for member in members])
        bodies = [_body_of(archive, one) for one in members]
        if len({one.name for one in members}) < len(members):
            raise _CannotTell(reasons.TWICE)
        parts = {one.name: body for one, body in zip(members, bodies, strict=True)}
        made, left = _members_left(parts, gone, look, depth)
        links = [one for one in members if gone.text(one.linkname) != one.linkname]
        left.found += [Found(gone.text(one.name), 1, WHOLE) for one in links if one.name not in made]
        if not made and not links:
            return left
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as new:
            for one, body in zip(members, bodies, strict=True):
                one.name, part = made.get(one.name, (one.name, body))
                one.linkname = gone.text(one.linkname)
                one.pax_headers = {}
                one.size = len(part)
                new.addfile(one, io.BytesIO(part))
    return Left(sink.getvalue(), left.found)


def _body_of(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """What a member holds by itself: of a link nothing, which may lead out of the archive."""
    file = archive.extractfile(member) if member.isreg() else None
    return file.read() if file is not None else b""


def _refuse_stores(names: list[str]) -> None:
    """A packed store is sealed file by file: it is a copy, which is named and left."""
    if any(_STORE in PurePath(name).parts for name in names):
        raise _CannotTell(reasons.A_STORE)


Members = dict[str, tuple[str, bytes]]
"""By the name of each member that changes: its new name and content."""


def _members_left(
    parts: dict[str, bytes], gone: Forgotten, look: Look | None, depth: int
) -> tuple[Members, Left]:
    """Each member by itself: one that cannot be put right keeps none of the others from it."""
    made: Members = {}
    told = Left()
    for name, part in parts.items():
        inner, renamed = left_of_file(PurePath(name), part, gone, look, depth + 1), gone.text(name)
        if renamed != name and not inner.found:
            inner.found = [Found("", 1, WHOLE)]
        told.found += [replace(one, place=_place_within(renamed, one.place)) for one in inner.found]
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
        told.found.append(Found(name, count, what))
    for name, part in parts.items():
        if not is_rows(name):
            other = _plain_left(PurePath(name), part, gone)
            told.found += [replace(one, place=name) for one in other.found if one.why != reasons.UNKNOWN]
            if other.content is not None:
                made[name] = name, other.content
    _shorten_titles(made, set(sheets))
    told.found += list(_still_in(parts | {name: part for name, (_, part) in made.items()}, gone))
    return made, told


def _shorten_titles(made: Members, sheets: set[str]) -> None:
    """Cut titles of sheets that got too long with a stand-in, there and where charts and names tell them."""
    _, book = made.get("xl/workbook.xml", ("", b""))
    fitting = titles_that_fit(book.decode())
    for title, short in sorted(fitting.items(), key=lambda pair: -len(pair[0])):
        for name, part in made.items():
            if name not in sheets:
                made[name] = name, part[1].replace(title.encode(), short.encode())


def _only_alike(text: str, gone: Forgotten) -> bool:
    """Whether a cell has digits that would be somebody's in a text, and are an id or a price there."""
    return any(bare in text for bare in gone.bare) and bool(cell_left(text, "", gone) == text)


def _still_in(parts: dict[str, bytes], gone: Forgotten) -> Iterator[Found]:
    """Parts in which the number stands all the same, such as parted by marks of its format."""
    for name, part in parts.items():
        text = part.decode(errors="replace")
        if is_rows(name):
            text = _VALUE.sub(lambda one: "> <" if _only_alike(unescape(one[1]), gone) else one[0], text)
        if any(gone.text(plain) != plain for plain in (_TAGS.sub("", text), _TAGS.sub("|", text))):
            yield Found(name, 1, LEFT, reasons.STILL)
