"""Files of rows beside the store without somebody: Parquet, Feather and streams of Arrow, nested values too.

Each function gives a file without somebody, None where it cannot be put right, in how many rows or values
that person stood, and whether all that is said of that person went. Imports `json_files` and
`store.forgotten`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import PurePath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smsdata.forgetting.json_files import cell_left, plain_left, says_two
from smsdata.forgetting.reasons import DAMAGED, CannotRewrite
from smsdata.store.forgotten import Forgotten, is_whose, names_of

Made = tuple[bytes | None, int, bool]
"""A file without somebody, None where that cannot be made; in how many rows or values that person stood; and
whether all that is said of that person went, which is not so where a cell says the number and another one."""

_STREAM = b"\xff\xff\xff\xff"


def without(path: PurePath, content: bytes, gone: Forgotten) -> Made | None:
    """The file without somebody; None where it is in none of these formats."""
    write = _writer_for(path, content)
    if write is None:
        return None
    try:
        made: Made = write(content, gone)
    except CannotRewrite:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError):
        return None, 1, True  # of a type that has no place for a stand-in
    return made


def _writer_for(path: PurePath, content: bytes) -> Any:
    if path.suffix.lower() == ".parquet" or content[:4] == b"PAR1":
        return _parquet
    if content[:6] == b"ARROW1":
        return _feather
    return (
        _stream if content[:4] == _STREAM and path.suffix.lower() in {".arrows", ".arrow", ".ipc"} else None
    )


def _rows_in(content: bytes, read: Callable[[pa.BufferReader], pa.Table]) -> pa.Table:
    """The rows of a file; one that cannot be read is damaged, or locked by a key."""
    try:
        return read(pa.BufferReader(content))
    except pa.ArrowNotImplementedError:
        raise  # sound, and of a type that is not known here
    except (pa.ArrowException, OSError, ValueError):
        raise CannotRewrite(DAMAGED) from None


def _parquet(content: bytes, gone: Forgotten) -> Made:
    rows = _rows_in(content, lambda buffer: pq.ParquetFile(buffer).read())
    left, count, whole = rows_left(rows, gone)
    sink = io.BytesIO()
    if count:
        pq.write_table(left, sink, compression="zstd")
    return sink.getvalue(), count, whole


def _feather(content: bytes, gone: Forgotten) -> Made:
    rows = _rows_in(content, lambda buffer: pa.ipc.open_file(buffer).read_all())
    left, count, whole = rows_left(rows, gone)
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    return _in_arrow(pa.ipc.new_file, left, options), count, whole


def _stream(content: bytes, gone: Forgotten) -> Made:
    rows = _rows_in(content, lambda buffer: pa.ipc.open_stream(buffer).read_all())
    left, count, whole = rows_left(rows, gone)
    return _in_arrow(pa.ipc.new_stream, left, None), count, whole


def _in_arrow(opened: Any, rows: pa.Table, options: Any) -> bytes:
    sink = io.BytesIO()
    with opened(sink, rows.schema, options=options) as writer:
        writer.write_table(rows, max_chunksize=65_536)
    return sink.getvalue()


def rows_left(rows: pa.Table, gone: Forgotten, *, coded: bool = True) -> tuple[pa.Table, int, bool]:
    """Rows of others without somebody: with numbers of any type, and under other names than ours.

    Nested values and bytes are gone through one by one; those of the person's own rows go whole. What the
    schema says beside the names goes too. Dictionaries stay some where they are to be `coded`.
    """
    names = names_of(rows.column_names)
    plain, without_number = _with_numbers_as_text(rows.rename_columns(names), gone)
    left, count = gone.rows(plain, partial(cell_left, gone=gone))
    of_two = count and _any_says_two(plain, left, gone)
    theirs = gone.own_rows(left) if count or without_number else None
    left, more = _values_left(left, gone, [] if theirs is None else pc.indices_nonzero(theirs).to_pylist())
    if coded:
        left, listed = _coded_as_before(left, rows, gone)
        count = max(count, listed)
    left, said = _schema_left(left, rows.schema, gone)
    return left, max(count, more, without_number, int(said)), not of_two


def _any_says_two(before: pa.Table, after: pa.Table, gone: Forgotten) -> bool:
    """Whether a row that changed says the number and another one where it says whose it is."""
    names = [name for name in before.column_names if is_whose(name)]
    changed = {row for name in names for row in _rows_that_changed(before.column(name), after.column(name))}
    rows = before.select(names).take(pa.array(sorted(changed), pa.int64())).to_pylist()
    return any(says_two(facts, gone) for facts in rows)


def _rows_that_changed(before: pa.ChunkedArray, after: pa.ChunkedArray) -> list[int]:
    if before.equals(after):
        return []
    pairs = zip(before.to_pylist(), after.to_pylist(), strict=True)
    return [row for row, (old, new) in enumerate(pairs) if old != new]


def _with_numbers_as_text(rows: pa.Table, gone: Forgotten) -> tuple[pa.Table, int]:
    """The rows with numbers as text where a column says whose a row is; elsewhere null in the number's place.

    Gives in how many rows that is. All other values of such a column stay what they are.
    """
    most = 0
    for at, field in enumerate(rows.schema):
        column = rows.column(at)
        if pa.types.is_dictionary(field.type) and holds_numbers(field.type.value_type):
            column = column.cast(field.type.value_type)
        if not holds_numbers(column.type):
            continue
        values = pc.unique(column).to_pylist()
        theirs = {one for one in values if one == one and plain_left(one, field.name, gone) != one}
        if theirs and is_whose(field.name):
            texts = [_digits_of(value) for value in column.to_pylist()]
            rows = rows.set_column(at, field.name, pa.array(texts, pa.string()))
        elif theirs:
            others = pa.array([value not in theirs for value in column.to_pylist()], pa.bool_())
            most = max(most, len(others) - others.true_count)
            left = pc.if_else(others, column, pa.scalar(None, column.type))
            rows = rows.set_column(at, field.with_type(column.type).with_nullable(True), left)
    return rows, most


def _coded_as_before(left: pa.Table, rows: pa.Table, gone: Forgotten) -> tuple[pa.Table, int]:
    """The rows with texts of the types they had, dictionaries among them, which list nothing that went.

    Gives in how many columns a dictionary listed somebody though no row did.
    """
    listed = 0
    for at, (field, before) in enumerate(zip(left.schema, rows.columns, strict=True)):
        column, was = left.column(at), before.type
        if pa.types.is_dictionary(was):
            made, more = _dictionary_left(column, before, field.name, gone)
            listed += more
            left = left.set_column(at, field.with_type(made.type), made)
        elif field.type == pa.string() and was != field.type and _of_letters(was):
            left = left.set_column(at, field.with_type(was), column.cast(was))
    return left, listed


def _dictionary_left(
    left: pa.ChunkedArray, before: pa.ChunkedArray, name: str, gone: Forgotten
) -> tuple[pa.Array | pa.ChunkedArray, bool]:
    """A column with its dictionary: of what that listed all but what went from its rows, and somebody."""
    coded = before.unify_dictionaries().combine_chunks()
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    listed = coded.dictionary.to_pylist()
    plain = left.cast(left.type.value_type) if pa.types.is_dictionary(left.type) else left
    used = {listed[at] for at in pc.unique(coded.indices).to_pylist() if at is not None}
    now = dict.fromkeys(one for one in pc.unique(plain).to_pylist() if one is not None)
    kept = [one for one in listed if (one in now if one in used else plain_left(one, name, gone) == one)]
    values = [*kept, *(one for one in now if one not in set(kept))]
    if values == listed and plain.equals(before.cast(plain.type)):
        return before, False
    index = coded.type.index_type
    index = index if len(values) <= 2 ** (index.bit_width - 1) else pa.int32()
    array = pa.array(values, plain.type)
    indices = pc.index_in(plain, value_set=array).combine_chunks().cast(index)
    if _of_letters(coded.type.value_type):
        array = array.cast(coded.type.value_type)
    made = pa.DictionaryArray.from_arrays(indices, array, ordered=coded.type.ordered)
    return made, any(one not in used and one not in values for one in listed)


def _of_letters(arrow: pa.DataType) -> bool:
    of = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(arrow) for test in of)


def _digits_of(value: Any) -> str | None:
    """A number as text that says no less than it: whole ones without a point."""
    if value is None or value != value:
        return None
    return f"{value:.0f}" if value == value // 1 else str(value)


def holds_numbers(arrow: pa.DataType) -> bool:
    """Whether values of a type are numbers, which may be those of phones."""
    return bool(pa.types.is_integer(arrow) or pa.types.is_floating(arrow) or pa.types.is_decimal(arrow))


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
        keys = [value_left(key, "", gone) for key, _ in value]
        left = _facts_left([(key, one, arrow.item_type) for key, one in value], gone)
        return list(zip(keys, left, strict=True))
    if pa.types.is_struct(arrow):
        left = _facts_left([(field.name, value[field.name], field.type) for field in arrow], gone)
        return dict(zip(arrow.names, left, strict=True))
    if isinstance(value, list | tuple):
        return [_left(one, arrow.value_type, gone, name) for one in value]
    left = value_left(value, name, gone)
    return None if holds_numbers(arrow) and isinstance(left, str) else left


def _facts_left(facts: list[tuple[Any, Any, pa.DataType]], gone: Forgotten) -> list[Any]:
    """The values of some facts; where they are about somebody, only harmless ones."""
    names = names_of(str(name) for name, _, _ in facts)
    said = dict(zip(names, (value for _, value, _ in facts), strict=True))
    if gone.is_own(said):
        left = gone.of_person(said, partial(value_left, gone=gone))
        said = {name: left.get(name) for name in names}
    types = [arrow for _, _, arrow in facts]
    return [_left(value, arrow, gone, name) for (name, value), arrow in zip(said.items(), types, strict=True)]


def value_left(value: Any, name: str, gone: Forgotten) -> Any:
    """A value without somebody, by the name of its column; of bytes the text that they hold."""
    return _through_text(value, lambda plain: cell_left(plain, name, gone))


def bytes_or_text_left(value: Any, gone: Forgotten) -> Any:
    """A text, or bytes that hold one, without somebody."""
    return _through_text(value, gone.text)


def _through_text(value: Any, left_of: Callable[[Any], Any]) -> Any:
    if not isinstance(value, bytes):
        return left_of(value)
    return left_of(value.decode(errors="surrogateescape")).encode(errors="surrogateescape")


def _schema_left(rows: pa.Table, before: pa.Schema, gone: Forgotten) -> tuple[pa.Table, bool]:
    """The rows under what their schema said before, without somebody: names of columns, and notes on them."""
    fields = [
        field.with_name(gone.text(said.name)).with_metadata(_notes_left(said.metadata, gone))
        for field, said in zip(rows.schema, before, strict=True)
    ]
    schema = pa.schema(fields, metadata=_notes_left(before.metadata, gone))
    said = [(one.metadata or {}, getattr(one, "name", "")) for of in (before, schema) for one in (of, *of)]
    half = len(said) // 2
    schema = schema.with_metadata(_types_as_pandas_reads(schema))
    return pa.Table.from_arrays(rows.columns, schema=schema), said[:half] != said[half:]


def _types_as_pandas_reads(schema: pa.Schema) -> dict[bytes, bytes] | None:
    """What a schema says to pandas of its columns: of one that became text no other type."""
    notes: dict[bytes, bytes] | None = schema.metadata
    try:
        told = json.loads((notes or {})[b"pandas"])
        texts = {field.name for field in schema if _of_letters(field.type)}
        columns = [
            one
            if one["field_name"] not in texts or one["pandas_type"] in ("unicode", "string")
            else one | {"pandas_type": "unicode", "numpy_type": "object", "metadata": None}
            for one in told["columns"]
        ]
    except (TypeError, KeyError, ValueError):
        return notes
    left = json.dumps(told | {"columns": columns}).encode()
    return notes if columns == told["columns"] else (notes or {}) | {b"pandas": left}


def _notes_left(notes: dict[bytes, bytes] | None, gone: Forgotten) -> dict[bytes, bytes] | None:
    if notes is None:
        return None
    return {bytes_or_text_left(key, gone): bytes_or_text_left(value, gone) for key, value in notes.items()}
