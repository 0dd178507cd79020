"""The pages of a Parquet file, each decompressed, by its specification and with no library that reads it.

parquet.thrift and the compact protocol of Thrift. Part of the search of a receipt, so it shares no line with
what takes numbers out. Imports nothing of smsdata.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

_CODECS = {0: None, 1: "snappy", 2: "gzip", 3: "lzo", 4: "brotli", 5: "lz4", 6: "zstd", 7: "lz4_raw"}


def parquet_pages(content: bytes) -> Iterator[tuple[list[str], bytes]]:
    """Every page of a file, decompressed, dictionaries and data; with its column's name, part by part."""
    if content[:4] != b"PAR1" or content[-4:] != b"PAR1":
        raise ValueError("no Parquet")
    (length,) = struct.unpack("<I", content[-8:-4])
    footer, _ = _struct(content, len(content) - 8 - length)
    for group in footer.get(4, []):
        for chunk in group[1]:
            facts = chunk[3]
            if not facts[7]:
                continue  # of no rows
            begin = min(place for place in (facts.get(11), facts[9]) if place)
            end = begin + facts[7]
            while begin < end:
                page, begin = _decompressed(content, begin, _CODECS[facts[4]])
                yield [part.decode() for part in facts[3]], page
            if begin != end:
                raise ValueError("pages do not add up")


def _decompressed(content: bytes, place: int, codec: str | None) -> tuple[bytes, int]:
    head, start = _struct(content, place)
    end = start + head[3]
    body = content[start:end]
    if len(body) != head[3]:
        raise ValueError("a page is cut off")
    size, plain = head[2], b""
    if 8 in head:  # of version 2: its levels are never compressed
        levels = head[8].get(5, 0) + head[8].get(6, 0)
        plain, body, size = body[:levels], body[levels:], size - levels
        codec = codec if head[8].get(7, True) else None
    if codec is not None and body:
        body = bytes(pa.Codec(codec).decompress(body, decompressed_size=size))
    if len(body) != size:
        raise ValueError("a page has another size than it says")
    return plain + body, end


def _struct(content: bytes, place: int) -> tuple[dict[int, Any], int]:
    """The fields of a structure by their numbers, and where it ends."""
    fields: dict[int, Any] = {}
    number = 0
    while (head := content[place]) != 0:
        place += 1
        kind, step = head & 15, head >> 4
        if step:
            number += step
        else:
            raw, place = _varint(content, place)
            number = _zigzag(raw)
        if kind in (1, 2):
            fields[number] = kind == 1
        else:
            fields[number], place = _value(content, place, kind)
    return fields, place + 1


def _value(content: bytes, place: int, kind: int) -> tuple[Any, int]:
    if kind in (1, 2, 3):
        return content[place], place + 1
    if kind in (4, 5, 6):
        raw, place = _varint(content, place)
        return _zigzag(raw), place
    if kind == 7:
        return content[place : place + 8], place + 8
    if kind == 8:
        length, place = _varint(content, place)
        return content[place : place + length], place + length
    if kind in (9, 10):
        return _listed(content, place)
    if kind == 12:
        return _struct(content, place)
    raise ValueError(f"type {kind} is none that Parquet uses")


def _listed(content: bytes, place: int) -> tuple[list[Any], int]:
    head = content[place]
    size, kind, place = head >> 4, head & 15, place + 1
    if size == 15:
        size, place = _varint(content, place)
    values = []
    for _ in range(size):
        value, place = _value(content, place, kind)
        values.append(value)
    return values, place


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


def _zigzag(raw: int) -> int:
    return (raw >> 1) ^ -(raw & 1)
