"""A search for a number in every byte below some folders, compressed pages included: what a receipt rests on.

It shares no line with what takes numbers out: files are taken apart by their own formats, and what is packed
in them too. Of Parquet every page is decompressed, dictionaries too, and the footer with its statistics is
searched as it stands. What cannot be taken apart is named: that nothing was found in it says nothing. Imports
of smsdata only `other_numbers` and `parquet_pages`.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import pickletools
import quopri
import re
import sqlite3
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smsdata.forgetting.other_numbers import (
    MARK,
    as_searched,
    is_part_of_rows,
    marked,
    marked_page,
    marked_runs,
    of_people,
    workbook_marked,
)
from smsdata.forgetting.parquet_pages import parquet_pages

_ZIPPED = {".xlsx", ".zip", ".docx"}
_SHUT = re.compile(
    rb"7z\xbc\xaf\x27\x1c|Rar!\x1a|MSCF\0\0\0\0|\x04\x22\x4d\x18|\x1f\x9d|LZIP\x01|%PDF-|\xd0\xcf\x11\xe0|\{\\rtf"
    rb"|Obj\x01|\x89HDF|-----BEGIN PGP MESSAGE|age-encryption\.org/"
    rb"|\x93NUMPY|(?s:\x80[\x02-\x05].*\.\Z)"
    rb"|(?s:FEA1.*FEA1\Z|PARE.*PARE\Z|ORC.*ORC.\Z)"
)
"""How a file begins, or begins and ends, into which nobody can see."""
_TOO_MUCH = 2**30
_SHORTEST = 10**7
_TOO_DEEP = 8
_UNREADABLE = (
    OSError, ValueError, LookupError, RuntimeError, struct.error, pa.ArrowException, zipfile.BadZipFile,
    tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, sqlite3.Error, duckdb.Error,
    TypeError, AttributeError, ArithmeticError,  # of a footer whose fields have changed their types
)  # fmt: skip


@dataclass
class Searched:
    """What was searched, and where the number stands."""

    files: int = 0
    bytes: int = 0
    """As they lie on disk, and as they are once decompressed, together."""
    pages: int = 0
    """Pages of Parquet that were decompressed."""
    found: dict[str, int] = field(default_factory=dict)
    """By file, how often the number stands in it."""
    not_judged: list[str] = field(default_factory=list)
    """Files that could not be taken apart."""
    alike: list[str] = field(default_factory=list)
    """Files with the digits of the number where they may be another's: within longer ones, or without its
    country code where they may be an id or a price."""


@dataclass
class _Sought:
    """What the number is searched by, and how many pages were decompressed."""

    needles: list[re.Pattern[bytes]]
    bare: re.Pattern[bytes]
    """The digits without country code, which alone may be an id."""
    alike: re.Pattern[bytes]
    code: bytes
    """The country code."""
    pages: int = 0


def searched(roots: Iterable[Path], spellings: Iterable[str]) -> Searched:
    """Search all files below some folders, or files, for a number in its spellings.

    Parameters
    ----------
    roots
        Folders, and files of their own.
    spellings
        The digits of the number, in full and as it is written within its country; of the latter also without
        its first 0, by itself. They are found also with anything but letters between them, in digits of other
        scripts, raised and circled ones, and in UTF-16.
    """
    sought, told = _sought(list(spellings)), Searched()
    for path, name in _files(roots):
        count = alike = 0
        try:
            for piece in _pieces_of(path, told, sought):
                told.bytes += len(piece)
                its, others = _how_often(sought, piece)
                count, alike = count + its, alike + others
        except _UNREADABLE:
            told.not_judged.append(str(path))
        count += _how_often(sought, name.encode(errors="replace"))[0]
        if count:
            told.found[str(path)] = count
        if alike:
            told.alike.append(str(path))
    told.pages = sought.pages
    return told


def _pieces_of(path: Path, told: Searched, sought: _Sought) -> Iterator[bytes]:
    """What a file holds; nothing of an empty folder, or of a link that leads nowhere."""
    if not path.is_file():
        if path.is_dir() and not path.is_symlink():
            next(path.iterdir(), None)  # OSError where nobody may look
        return
    told.files += 1
    if path.stat().st_size > _TOO_MUCH:
        raise ValueError("it holds too much")
    yield from _pieces(path, path.read_bytes(), sought)


def look_for(spellings: Iterable[str]) -> Callable[[PurePath, bytes], int | None]:
    """The same search of one file by its content: how often the number is there; None: nobody can tell."""
    sought = _sought(list(spellings))

    def look(path: PurePath, content: bytes) -> int | None:
        count = 0
        try:
            for piece in _pieces(path, content, sought):
                count += _how_often(sought, piece)[0]
        except _UNREADABLE:
            return count or None
        return count

    return look


def _sought(spellings: list[str]) -> _Sought:
    bare = _bare_digits(spellings)
    alike = re.compile(MARK.encode() + b"(?:" + bare.pattern + b")(?![0-9A-Za-z])")
    national = next(iter(_bare(spellings)), spellings[0])
    return _Sought(_needles_of(spellings), bare, alike, spellings[0].removesuffix(national).encode())


def _needles_of(spellings: list[str]) -> list[re.Pattern[bytes]]:
    full, *others = spellings
    plain = [_needle(digits) for digits in (full, *others) if digits[0] == "0" or digits == full]
    unmarked = [re.compile(_UNMARKED + _needle(digits).pattern) for digits in others if digits[0] != "0"]
    return [*plain, *unmarked, *(_by_itself(digits) for digits in _bare(spellings))]


def _bare_digits(spellings: list[str]) -> re.Pattern[bytes]:
    bare = sorted({*_bare(spellings), *(one for one in spellings[1:] if one[0] != "0")})
    return re.compile("|".join(bare).encode() or b"(?!)")


_UNMARKED = b"(?<!" + MARK.encode() + b")"


_CODE = rb"\\[nrt]|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\U[0-9a-fA-F]{8}|%[0-9a-fA-F]{2}|&#?[0-9A-Za-z]{1,8};"
_APART = (
    rb"(?:"
    + _CODE
    + rb"|[^0-9A-Za-z\x00-\x08\x0e-\x1f\x7f-\xff]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}"
    rb"|[\xf0-\xf4][\x80-\xbf]{3}|[\x80-\xff]){0,8}"
)
"""What may stand between two digits, in UTF-8, JSON, HTML and links; `_is_it` leaves out letters."""


_CHINESE = "\u3007\u96f6\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d"


def _value_of(one: str) -> int | None:
    """The number of a sign below 100 that is a digit, a Roman number, or circled or bracketed; else None."""
    if (digit := unicodedata.digit(one, None)) is not None:
        return digit
    number = unicodedata.numeric(one, 100.0)
    is_sign = unicodedata.category(one) in ("No", "Nl") and one < "\u3400"
    return int(number) if number < 100 and number.is_integer() and (is_sign or one in _CHINESE) else None


_FROM_TEN = {
    written.encode(): b"%d" % value
    for one in map(chr, range(0x80, 0x3400))
    if (value := _value_of(one)) is not None and value >= 10
    for written in (one, f"\\u{ord(one):04x}", f"&#{ord(one)};", f"&#x{ord(one):x};")
}
_ANY_FROM_TEN = re.compile(
    b"|".join(one for one in sorted(_FROM_TEN) if one[0] > 0x7F)
    + rb"|\\u[0-9a-fA-F]{4}|&#[xX]?[0-9a-fA-F]{1,6};"
)


@lru_cache
def _digit(digit: str) -> bytes:
    """A digit in every script there is, raised and circled too, and how JSON and HTML write those."""
    ways = [one for one in map(chr, range(0x80, 0x20000)) if _value_of(one) == int(digit)]
    coded = [
        rf"\\u{ord(digit):04x}",
        rf"\\x{ord(digit):02x}",
        rf"\\U{ord(digit):08x}",
        rf"&\#{ord(digit)};",
        *(re.escape(json.dumps(one)[1:-1]) for one in ways),
    ]
    by_first: dict[bytes, list[bytes]] = {}
    for one in (way.encode() for way in ways):
        by_first.setdefault(one[:1], []).append(one[1:])
    plain = (first + b"(?:" + b"|".join(rest) + b")" for first, rest in by_first.items())
    begins = b"".join(by_first)
    return (
        digit.encode() + b"|(?=[" + begins + rb"\\&])(?:" + b"|".join(plain) + b"|(?i:"
        + "|".join(coded).encode() + b"))"
    )  # fmt: skip


def _needle(digits: str) -> re.Pattern[bytes]:
    return re.compile(_APART.join(b"(?:" + _digit(digit) + b")" for digit in digits))


def _is_it(found: re.Match[bytes]) -> bool:
    """Whether no letter stands between the digits, of those scripts that take more than one byte."""
    plain = re.sub(_CODE, b"", found[0]).decode(errors="replace")
    return not any(one.isalnum() and _value_of(one) is None for one in plain)


_LAST_DIGITS = re.compile(
    rb"(?:\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\U[0-9a-fA-F]{8}|%[0-9a-fA-F]{2})?([0-9]*)\Z"
)
_DIGIT_FOLLOWS = re.compile(rb"[0-9](?!\0)")
"""Before a zero it is no digit: Parquet writes the length of the next text there."""


def _is_within_another(found: re.Match[bytes], code: bytes) -> bool:
    """Whether more digits stand around it, without a gap: no zeros before it, nor its country code."""
    before = _LAST_DIGITS.search(found.string, max(found.start() - 20, 0), found.start())
    prefixes = (b"", code) if found[0][:1] == b"0" else (b"",)
    others = before is not None and before[1].lstrip(b"0") not in prefixes
    return others or _DIGIT_FOLLOWS.match(found.string, found.end()) is not None


def _how_often(sought: _Sought, piece: bytes) -> tuple[int, int]:
    """How often the number stands in a piece, and its digits where they may be another's."""
    alike = len(sought.alike.findall(piece))
    piece = _ANY_FROM_TEN.sub(lambda sign: _FROM_TEN.get(sign[0].lower(), sign[0]), piece)
    found = [one for needle in sought.needles for one in needle.finditer(piece) if _is_it(one)]
    within = sum(_is_within_another(one, sought.code) for one in found)
    return len(found) - within, alike + within


def _by_itself(digits: str) -> re.Pattern[bytes]:
    """A number that spreadsheets left without its first 0: only where it is no part of a longer word."""
    return re.compile(_UNMARKED + rb"(?<![0-9A-Za-z.])" + _needle(digits).pattern + rb"(?![0-9A-Za-z])")


def _bare(spellings: list[str]) -> set[str]:
    """What is left of spellings that begin with a 0."""
    return {digits[1:] for digits in spellings if digits[0] == "0" and len(digits) > 8}


def _files(roots: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Each file, link and empty folder, its name, those of the folders between, and where a link leads."""
    for root in roots:
        files = sorted(p for p in root.rglob("*") if _is_last(p)) if root.is_dir() else [root]
        for path in files:
            name = str(path.relative_to(root)) if root.is_dir() else path.name
            yield path, f"{name}\n{path.readlink()}" if path.is_symlink() else name


def _is_last(path: Path) -> bool:
    """Whether nothing is found below a path."""
    try:
        return path.is_symlink() or not path.is_dir() or not any(path.iterdir())
    except OSError:
        return True


def _pieces(path: PurePath, content: bytes, sought: _Sought, depth: int = 0) -> Iterator[bytes]:
    text = marked_runs(content) if _in_columns(content) else marked(path, content, sought.bare)
    yield marked_page(content, sought.bare) if content[:4] == b"PAR1" else text
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") and text is content:
        yield content.decode("utf-16", errors="replace").encode()
    if depth > _TOO_DEEP or _SHUT.match(content) or _pickled(content):
        raise ValueError("nobody can tell what it holds")
    if content[:4] == b"PAR1" or path.suffix.lower() == ".parquet":
        for name, page in parquet_pages(content):
            sought.pages += 1
            yield page if any(map(of_people, name)) else marked_page(page, sought.bare)
        yield from _parquet_values(content)
    elif content[:15] == b"SQLite format 3":
        yield from _sqlite_values(content)
    elif path.suffix.lower() == ".duckdb" or content[8:12] == b"DUCK":
        yield from _duckdb_values(content)
    else:
        yield from _arrow_values(path, content) or _pieces_within(path, content, text, sought, depth + 1)


def _in_columns(content: bytes) -> bool:
    """Whether the values of a file are searched one by one too, by their columns."""
    if content[:4] == b"\xff\xff\xff\xff":
        return True
    return content[:6] == b"ARROW1" or content[:15] == b"SQLite format 3" or content[8:12] == b"DUCK"


def _pickled(content: bytes) -> bool:
    """Whether it is a pickle of letters and digits."""
    try:
        pickletools.dis(content if content[-1:] == b"." else b"", out=io.StringIO())
    except (ValueError, LookupError, EOFError, OverflowError):
        return False
    return True


def _arrow_values(path: PurePath, content: bytes) -> Iterator[bytes] | None:
    if content[:6] == b"ARROW1":
        return chain(
            _arrow_buffers(content), _values_of(pa.ipc.open_file(pa.BufferReader(content)).read_all())
        )
    if content[:4] == b"\xff\xff\xff\xff" and path.suffix.lower() in {".arrows", ".arrow", ".ipc"}:
        return _values_of(pa.ipc.open_stream(pa.BufferReader(content)).read_all())
    return None


def _pieces_within(
    path: PurePath, content: bytes, text: bytes, sought: _Sought, depth: int
) -> Iterator[bytes]:
    stream = _stream_in(content)
    if stream is not None:
        yield from _pieces(path.with_suffix(""), _no_more_than_fits(stream), sought, depth)
    elif content[:4] == b"PK\x03\x04" or path.suffix.lower() in _ZIPPED:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            rows = [one for one in infos if is_part_of_rows(one.filename)]
            sheets = workbook_marked({one.filename: _no_more_than_fits(archive.open(one)) for one in rows})
            yield sheets.pop("")
            for info in infos:
                yield b"\n".join([info.filename.encode(), info.comment, info.extra])
                with archive.open(info) as file:
                    part = sheets.get(info.filename) or _no_more_than_fits(file)
                    yield from _pieces(PurePath(info.filename), part, sought, depth)
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            for member in tar:
                yield "\n".join(
                    [member.name, member.linkname, member.uname, *member.pax_headers.values()]
                ).encode()
                if member.isreg() and (body := tar.extractfile(member)) is not None:
                    yield from _pieces(PurePath(member.name), _no_more_than_fits(body), sought, depth)
    else:
        yield from _as_it_reads(text, sought, depth)


_WIDE = re.compile(rb"[0-9]\0{1,3}[0-9]\0{1,3}[0-9]")
_SOFT = re.compile(rb"=\r?\n|=[0-9A-F]{2}")
_CODED_RUN = re.compile(rb"[A-Za-z0-9+/\\%]{12,}(?:\r?\n[ \t]?[A-Za-z0-9+/]+)*")
_NO_PART = re.compile(rb"%3[Dd]|[^A-Za-z0-9+/]")
_LONG = 64


def _as_it_reads(content: bytes, sought: _Sought, depth: int) -> Iterator[bytes]:
    """Texts as they read: without tags, of two bytes a letter, quoted-printable, base64 and what is in it."""
    if content.lstrip()[:1] == b"<":
        yield from _without_tags(content)
    if _WIDE.search(content):
        yield content.replace(b"\0", b"")
    if b"\0" in content[:4096]:
        return
    if _SOFT.search(content):
        plain = quopri.decodestring(content)
        yield plain
        yield from _without_tags(plain)
    short = []
    for run in _CODED_RUN.findall(content):
        head, _, rest = run.partition(b"\n")
        for coded in (run, rest) if rest else (head,):  # a word may stand on the line before
            raw = _from_base64(coded)
            if len(raw) > _LONG and (raw[0] != 0x1F or raw[:3] == b"\x1f\x8b\x08"):  # by chance it is one
                yield from _pieces(PurePath("within"), raw, sought, depth + 1)
            else:
                short.append(raw)
    yield b"\n".join(short)


def _from_base64(coded: bytes) -> bytes:
    plain = coded.replace(b"%2B", b"+").replace(b"%2b", b"+").replace(b"%2F", b"/").replace(b"%2f", b"/")
    plain = _NO_PART.sub(b"", plain)
    return base64.b64decode(plain[: len(plain) - (len(plain) % 4 == 1)] + b"==")


def _stream_in(content: bytes) -> Any:
    """What a packed file unpacks to; None where it is not packed, or an archive."""
    raw = io.BytesIO(content)
    if content[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=raw)
    if content[:4] == b"\x28\xb5\x2f\xfd":
        return pa.CompressedInputStream(pa.BufferReader(content), "zstd")
    if content[:3] == b"BZh" and content[4:10] == b"1AY&SY":
        return bz2.BZ2File(raw)
    if content[:6] == b"\xfd7zXZ\0" or content[:3] == b"\x5d\0\0":
        return lzma.LZMAFile(raw)
    return None


def _no_more_than_fits(stream: Any) -> bytes:
    content: bytes = stream.read(_TOO_MUCH + 1)
    if len(content) > _TOO_MUCH:
        raise ValueError("it holds too much")
    return content


def _without_tags(content: bytes) -> Iterator[bytes]:
    """XML and HTML without their marks, which may part a number; numbers with an exponent in full."""
    yield re.sub(rb"<[^>]*>", b"", content)
    for written in re.findall(rb">([0-9.]{3,20}[eE]\+?[0-9]{1,2})<", content):
        yield b"%.0f" % float(written)


def _sqlite_values(content: bytes) -> Iterator[bytes]:
    """Every value of every table, as text: in the file a long text is parted, and a whole number no text."""
    (page,) = struct.unpack(">H", content[16:18])
    if page and len(content) % (page if page > 1 else 1 << 16):
        raise ValueError("its last page is cut off")
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(content[:18] + b"\1\1" + content[20:])  # in memory there is no log beside it
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in tables:
            quoted = name.replace('"', '""')
            rows = connection.execute(f'SELECT * FROM "{quoted}"')
            yield from _said_in([column[0] for column in rows.description], rows)
        for row in connection.execute("SELECT name, sql FROM sqlite_master"):
            yield "\n".join(map(str, row)).encode(errors="replace")


def _said_in(names: list[str], rows: Iterable[Any]) -> Iterator[bytes]:
    for row in rows:
        yield "\n".join(map(as_searched, names, row)).encode(errors="replace")


def _duckdb_values(content: bytes) -> Iterator[bytes]:
    """Every value of every table, as text; its blocks are compressed in ways of its own.

    ValueError where blocks or rows lie in the file that no table counts any more: nobody can see into them.
    """
    with TemporaryDirectory(prefix=".smsdata-") as folder:
        copy = Path(folder) / "copy"
        copy.write_bytes(content)
        with duckdb.connect(str(copy), read_only=True) as connection:
            sizes = connection.execute("SELECT free_blocks FROM pragma_database_size()").fetchall()
            tables = connection.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
            for schema, table in tables:
                name = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, table))
                rows = connection.execute(f"SELECT * FROM {name}")
                names = [column[0] for column in rows.description]
                seen = 0
                while some := rows.fetchmany(10_000):
                    seen += len(some)
                    yield from _said_in(names, some)
                facts = connection.execute(
                    "SELECT coalesce(sum(count), 0) FROM pragma_storage_info(?) "
                    "WHERE column_path = '[0, 0]' AND segment_type = 'VALIDITY'", [name]
                ).fetchall()  # fmt: skip
                if facts != [(seen,)]:
                    raise ValueError("it holds rows that were deleted")
            yield from _duckdb_says(connection)
            if any(free for (free,) in sizes):
                raise ValueError("it has blocks that were freed")


_AS_THEY_ARE = {"PLAIN", "RLE", "PLAIN_DICTIONARY", "RLE_DICTIONARY", "BIT_PACKED"}


def _parquet_values(content: bytes) -> Iterator[bytes]:
    """The values of columns whose pages do not show them: numbers, nested ones, texts that share letters."""
    file = pq.ParquetFile(pa.BufferReader(content))
    groups = [file.metadata.row_group(n) for n in range(file.num_row_groups)]
    chunks = [group.column(n) for group in groups for n in range(group.num_columns)]
    packed = {one.path_in_schema.split(".")[0] for one in chunks if not {*one.encodings} <= _AS_THEY_ARE}
    asked = [
        one.name
        for one in file.schema_arrow
        if one.name in packed or _is_number(one.type) or pa.types.is_nested(one.type)
    ]
    yield from _values_of(file.read(asked))


def _values_of(table: pa.Table) -> Iterator[bytes]:
    """Numbers, and all other values as text; with what the schema says."""
    yield from _numbers_of(table)
    for column, values in zip(table.schema, table.columns, strict=True):
        if any(test(column.type) for test in _TO_BE_SAID):
            said = (as_searched(column.name, one) for one in values.to_pylist())
            yield "\n".join(said).encode(errors="replace")
    for one in (table.schema, *table.schema):
        yield b"\n".join(b"%b %b" % pair for pair in (one.metadata or {}).items())


_TO_BE_SAID = (
    pa.types.is_nested, pa.types.is_dictionary, pa.types.is_string, pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
)  # fmt: skip
_SAYS = (
    "SELECT sql, comment FROM duckdb_tables()",
    "SELECT sql, comment FROM duckdb_views() WHERE NOT internal",
    "SELECT sql FROM duckdb_indexes()",
    "SELECT column_name, comment FROM duckdb_columns() WHERE NOT internal",
    "SELECT macro_definition, comment FROM duckdb_functions() WHERE NOT internal",
    "SELECT type_name, labels::VARCHAR FROM duckdb_types() WHERE NOT internal",
)


def _duckdb_says(connection: duckdb.DuckDBPyConnection) -> Iterator[bytes]:
    """How tables, views, macros and types were made, and the remarks on them."""
    for query in _SAYS:
        for row in connection.execute(query).fetchall():
            yield "\n".join(map(str, row)).encode(errors="replace")


def _numbers_of(table: pa.Table) -> Iterator[bytes]:
    """Whole numbers that may be those of phones, as text: their bytes are packed."""
    for column, values in zip(table.schema, table.columns, strict=True):
        if _is_number(column.type):
            numbers = (value for value in pc.unique(values).to_pylist() if value is not None)
            said = (as_searched(column.name, value) for value in numbers if value >= _SHORTEST)
            yield "\n".join(said).encode()


def _is_number(arrow: pa.DataType) -> bool:
    return bool(pa.types.is_integer(arrow) or pa.types.is_floating(arrow) or pa.types.is_decimal(arrow))


def _arrow_buffers(content: bytes) -> Iterator[bytes]:
    with pa.ipc.open_file(pa.BufferReader(content)) as file:
        for n in range(file.num_record_batches):
            for column in file.get_batch(n).columns:
                whole = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
                yield from (marked_runs(bytes(one)) for one in whole.buffers() if one is not None)
