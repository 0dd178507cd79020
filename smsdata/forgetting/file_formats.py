"""Files of rows beside the store without somebody: Parquet, Feather and streams of Arrow, nested values too.

Each function gives a file without somebody, None where it cannot be put right, and in how many rows or values
that person stood. Imports `store.forgotten`.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smsdata.store.forgotten import WHOSE, Forgotten, column_named

Made = tuple[bytes | None, int]
"""A file without somebody, None where that cannot be made; in how many rows or values that person stood."""

_STREAM = b"\xff\xff\xff\xff"


def without(path: PurePath, content: bytes, gone: Forgotten) -> Made | None:
    """The file without somebody; None where it is in none of these formats."""
    write = _writer_for(path, content)
    if write is None:
        return None
    try:
        made: Made = write(content, gone)
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError):
        return None, 1  # damaged, encrypted, or of a type that has no place for a stand-in
    return made


def _writer_for(path: PurePath, content: bytes) -> Any:
    if path.suffix.lower() == ".parquet" or content[:4] == b"PAR1":
        return _parquet
    if content[:6] == b"ARROW1":
        return _feather
    return (
        _stream if content[:4] == _STREAM and path.suffix.lower() in {".arrows", ".arrow", ".ipc"} else None
    )


def _parquet(content: bytes, gone: Forgotten) -> Made:
    left, count = rows_left(pq.ParquetFile(pa.BufferReader(content)).read(), gone)
    sink = io.BytesIO()
    if count:
        pq.write_table(left, sink, compression="zstd")
    return sink.getvalue(), count


def _feather(content: bytes, gone: Forgotten) -> Made:
    with pa.ipc.open_file(pa.BufferReader(content)) as file:
        left, count = rows_left(file.read_all(), gone)
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    return _in_arrow(pa.ipc.new_file, left, options), count


def _stream(content: bytes, gone: Forgotten) -> Made:
    with pa.ipc.open_stream(pa.BufferReader(content)) as stream:
        left, count = rows_left(stream.read_all(), gone)
    return _in_arrow(pa.ipc.new_stream, left, None), count


def _in_arrow(opened: Any, rows: pa.Table, options: Any) -> bytes:
    sink = io.BytesIO()
    with opened(sink, rows.schema, options=options) as writer:
        writer.write_table(rows, max_chunksize=65_536)
    return sink.getvalue()


def rows_left(rows: pa.Table, gone: Forgotten) -> tuple[pa.Table, int]:
    """Rows of others without somebody: with numbers of any type, and under other names than ours.

    Nested values and bytes are gone through one by one; those of the person's own rows go whole. What the
    schema says beside the names goes too.
    """
    plain, without_number = _with_numbers_as_text(rows, gone)
    names = plain.column_names
    ours = names_as_ours(names)
    if ours is None:
        left, count = gone.rows(plain)
    else:
        left, count = gone.rows(plain.rename_columns(ours), ours=False)
        left = left.rename_columns(names)
    whose = ours.index("msisdn") if ours and "msisdn" in ours else None
    theirs = _rows_of_somebody(plain, left, whose) if count and whose is not None else []
    left, more = _values_left(left, gone, theirs)
    left, said = _schema_left(left, rows.schema, gone)
    return left, max(count, more, without_number, int(said))


def names_as_ours(names: Sequence[str]) -> list[str] | None:
    """The names of columns as our tables have them, msisdn for whose a row is; None where two would be one.

    >>> names_as_ours(["Mobile", "First Name"])
    ['msisdn', 'first_name']
    """
    ours = [column_named(name) for name in names]
    whose = next((name for name in WHOSE if name in ours), None)
    ours = ["msisdn" if name == whose else name for name in ours]
    return ours if len(set(ours)) == len(ours) else None


def _with_numbers_as_text(rows: pa.Table, gone: Forgotten) -> tuple[pa.Table, int]:
    """The rows with numbers as text where a column says whose a row is; elsewhere null in the number's place.

    Gives in how many rows that is. All other values of such a column stay what they are.
    """
    ours = names_as_ours(rows.column_names) or [column_named(name) for name in rows.column_names]
    most = 0
    for at, field in enumerate(rows.schema):
        column = rows.column(at)
        if pa.types.is_dictionary(field.type) and holds_numbers(field.type.value_type):
            column = column.cast(field.type.value_type)
        if not holds_numbers(column.type):
            continue
        values = pc.unique(column).to_pylist()
        theirs = {value for value in values if value == value and _number_left(value, gone) != value}
        if theirs and ours[at] in WHOSE:
            texts = [_digits_of(value) for value in column.to_pylist()]
            rows = rows.set_column(at, field.name, pa.array(texts, pa.string()))
        elif theirs:
            others = pa.array([value not in theirs for value in column.to_pylist()], pa.bool_())
            most = max(most, len(others) - others.true_count)
            left = pc.if_else(others, column, pa.scalar(None, column.type))
            rows = rows.set_column(at, field.with_type(column.type).with_nullable(True), left)
    return rows, most


def _digits_of(value: Any) -> str | None:
    """A number as text that says no less than it: whole ones without a point."""
    if value is None or value != value:
        return None
    return f"{value:.0f}" if value == value // 1 else str(value)


def holds_numbers(arrow: pa.DataType) -> bool:
    """Whether values of a type are numbers, which may be those of phones."""
    return bool(pa.types.is_integer(arrow) or pa.types.is_floating(arrow) or pa.types.is_decimal(arrow))


def _number_left(value: Any, gone: Forgotten) -> Any:
    plain = float(value) if isinstance(value, Decimal) else value
    left = gone.value({"msisdn": plain})["msisdn"]
    return value if left == plain else left


def _rows_of_somebody(before: pa.Table, after: pa.Table, at: int) -> list[int]:
    pairs = zip(before.column(at).to_pylist(), after.column(at).to_pylist(), strict=True)
    return [row for row, (old, new) in enumerate(pairs) if old != new]


def _values_left(rows: pa.Table, gone: Forgotten, theirs: Iterable[int]) -> tuple[pa.Table, int]:
    """The rows with nested values and bytes put right, those of some rows left out; in how many rows."""
    changed: set[int] = set()
    own = frozenset(theirs)
    for at, field in enumerate(rows.schema):
        if not (pa.types.is_nested(field.type) or _is_bytes(field.type)):
            continue
        before = rows.column(at).to_pylist()
        after = [None if row in own else _left(v, field.type, gone) for row, v in enumerate(before)]
        differ = {row for row, (old, new) in enumerate(zip(before, after, strict=True)) if old != new}
        if differ:
            rows = rows.set_column(at, field, pa.array(after, field.type))
            changed |= differ
    return rows, len(changed)


def _is_bytes(arrow: pa.DataType) -> bool:
    of = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    return any(test(arrow) for test in of)


def _left(value: Any, arrow: pa.DataType, gone: Forgotten, name: str = "") -> Any:
    """A value of a type without somebody; nothing in the place of a number, where a text has no place."""
    if value is None:
        return None
    if pa.types.is_map(arrow):
        keys = [bytes_or_text_left(key, gone) for key, _ in value]
        left = _facts_left([(key, one, arrow.item_type) for key, one in value], gone)
        return list(zip(keys, left, strict=True))
    if pa.types.is_struct(arrow):
        left = _facts_left([(field.name, value[field.name], field.type) for field in arrow], gone)
        return dict(zip(arrow.names, left, strict=True))
    if isinstance(value, list | tuple):
        return [_left(one, arrow.value_type, gone, name) for one in value]
    left = _number_left(value, gone) if isinstance(value, Decimal) else bytes_or_text_left(value, gone, name)
    return None if holds_numbers(arrow) and isinstance(left, str) else left


def _facts_left(facts: list[tuple[Any, Any, pa.DataType]], gone: Forgotten) -> list[Any]:
    """The values of some facts; where they are about somebody, only harmless ones."""
    names = [column_named(str(name)) for name, _, _ in facts]
    values = [value for _, value, _ in facts]
    said = dict(zip(names, values, strict=True))
    about = any(_number_left(said[name], gone) != said[name] for name in WHOSE if name in said)
    if about and len(said) == len(names):
        left = gone.value(said)
        values = [left.get(name) for name in names]
    types = [arrow for _, _, arrow in facts]
    return [_left(value, arrow, gone, name) for name, value, arrow in zip(names, values, types, strict=True)]


def bytes_or_text_left(value: Any, gone: Forgotten, name: str = "") -> Any:
    """A text, bytes that hold one, or a number, without somebody; anything else as it is."""
    if isinstance(value, bytes):
        return gone.text(value.decode(errors="surrogateescape")).encode(errors="surrogateescape")
    return gone.value(value, name) if isinstance(value, str | int | float) else value


def _schema_left(rows: pa.Table, before: pa.Schema, gone: Forgotten) -> tuple[pa.Table, bool]:
    """The rows under what their schema said before, without somebody: names of columns, and notes on them."""
    fields = [
        field.with_name(gone.text(said.name)).with_metadata(_notes_left(said.metadata, gone))
        for field, said in zip(rows.schema, before, strict=True)
    ]
    schema = pa.schema(fields, metadata=_notes_left(before.metadata, gone))
    said = [(one.metadata or {}, getattr(one, "name", "")) for of in (before, schema) for one in (of, *of)]
    half = len(said) // 2
    return pa.Table.from_arrays(rows.columns, schema=schema), said[:half] != said[half:]


def _notes_left(notes: dict[bytes, bytes] | None, gone: Forgotten) -> dict[bytes, bytes] | None:
    if notes is None:
        return None
    return {bytes_or_text_left(key, gone): bytes_or_text_left(value, gone) for key, value in notes.items()}
