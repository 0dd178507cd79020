"""The seal of a Parquet file: checksums of all its bytes, and the mark that says who wrote it.

A damaged file is a `StoreError` that names it; one that the operating system does not hand over is another,
for nothing is known of its content. Imports `manifest`, `records`, `plain_files` and `errors`.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from smsdata.errors import StoreError
from smsdata.store.manifest import Mark, Sealed
from smsdata.store.plain_files import open_plain
from smsdata.store.records import unreadable

_GROUP_ROWS = 50_000
_SEAL = struct.Struct("<4sII")  # mark, checksum of all before it, checksum of all after it
_SEAL_MARK = b"SUMS"
_END = struct.Struct("<I4s")  # length of the footer, Parquet's mark
MARK = b"smsdata"  # the key under which a footer says who wrote the file


# ---- writing ---------------------------------------------------------------------------------------


def encoded(rows: pa.Table, mark: Mark) -> bytes:
    """Rows as the content of a sealed Parquet file that says who wrote it."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink, rows.schema, compression="zstd", compression_level=1, write_page_checksum=True
    ) as file:
        file.write_table(rows, row_group_size=_GROUP_ROWS)
        file.add_key_value_metadata({MARK.decode(): orjson.dumps(mark).decode()})
    return _with_seal(sink.getvalue())


def _with_seal(content: pa.Buffer) -> bytes:
    """Put checksums between data and footer, where readers of Parquet look for nothing.

    Parquet's own page checksums leave out the headers of pages and the footer, whose statistics
    decide which files are opened at all.
    """
    whole = memoryview(content)
    footer = len(whole) - _END.size - _END.unpack(whole[-_END.size :])[0]
    seal = _SEAL.pack(_SEAL_MARK, zlib.crc32(whole[:footer]), zlib.crc32(whole[footer:]))
    return b"".join([whole[:footer], seal, whole[footer:]])


# ---- reading ---------------------------------------------------------------------------------------


def content_of(part: Path) -> pa.Buffer:
    """The content of a file, of which all checksums are verified.

    It lies in memory of Arrow, not of Python: a thread of Arrow's that gives back memory of Python while the
    interpreter ends aborts the process.
    """
    with open_plain(part) as file:
        content = pa.allocate_buffer(os.fstat(file.fileno()).st_size)
        bytes_of = memoryview(content)
        if file.readinto(bytes_of) != len(bytes_of):
            raise ValueError("it became shorter while it was read")
    place, before, _ = _unsealed(bytes_of)
    if zlib.crc32(bytes_of[:place]) != before:
        raise ValueError("the data's checksum is wrong")
    return content


def _unsealed(content: memoryview) -> tuple[int, int, int]:
    """Check the footer at the end of some content: gives where its seal stands, and both checksums."""
    length, mark = _END.unpack(content[-_END.size :])
    place = len(content) - _END.size - length - _SEAL.size
    if place < 0 or mark != b"PAR1":
        raise ValueError("no footer")
    sealed, before, after = _SEAL.unpack(content[place : place + _SEAL.size])
    if sealed != _SEAL_MARK or zlib.crc32(content[place + _SEAL.size :]) != after:
        raise ValueError("the footer's checksum is wrong")
    return place, before, after


def footer_of(part: Path) -> pq.FileMetaData:
    """The checked footer of a file."""
    with named_damage(part):
        tail = _tail(part)
        return _footer(tail, _unsealed(tail)[0])


def seal_of(part: Path, expected: str = "") -> Sealed:
    """Which content a file has, by its seal; and who wrote it, where the checksum is not the expected one."""
    with named_damage(part):
        tail = _tail(part)
        place, *sums = _unsealed(tail)
        checksum = _checksum(sums)
        if checksum == expected:
            return Sealed(checksum)
        footer = _footer(tail, place)
        mark = (footer.metadata or {}).get(MARK)
        return Sealed(checksum, footer.num_rows, Mark(**orjson.loads(mark)) if mark else None)


def checksum_of(content: bytes) -> str:
    """The checksum by which a manifest knows the content of a sealed file."""
    _, *sums = _unsealed(memoryview(content))
    return _checksum(sums)


def _checksum(sums: list[int]) -> str:
    return "".join(f"{one:08x}" for one in sums)


def _tail(part: Path) -> memoryview:
    """The end of a file, with all of its footer and the seal before it."""
    with open_plain(part) as file:
        size = file.seek(0, os.SEEK_END)
        for guess in (1 << 16, size):
            file.seek(max(0, size - guess))
            tail = memoryview(file.read())
            if _END.unpack(tail[-_END.size :])[0] + _SEAL.size + _END.size <= len(tail):
                break
        return tail


def _footer(tail: memoryview, place: int) -> pq.FileMetaData:
    return pq.read_metadata(pa.BufferReader(b"PAR1" + bytes(tail[place + _SEAL.size :])))


# ---- damage ----------------------------------------------------------------------------------------


def damaged(path: Path) -> StoreError:
    """The error for a file whose content is not what was written."""
    return StoreError(
        f"{path} is damaged. Restore it from a backup, or remove it and run "
        "`smsdata sync --since` from before its rows.",
        code="DAMAGED",
    )


@contextmanager
def named_damage(part: Path) -> Iterator[None]:
    """Turn what reading a file stumbles over into the error that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        # Arrow raises an OSError without a number of its own for content that it cannot decode.
        raise (unreadable(part, error) if error.errno else damaged(part)) from None
    except (ValueError, TypeError, struct.error, pa.ArrowException):
        raise damaged(part) from None
