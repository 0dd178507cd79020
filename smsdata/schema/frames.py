"""Rows as they arrive -> typed Arrow tables -> pandas frames, in UTC.

A row whose key does not fit, or the time that decides where it lies, is a reject, with its page and row
number. Any other value that does not fit becomes null: its raw text goes to ``extra``, and it is counted, so
that nothing becomes null silently and nothing is dropped. Imports `tables`, `kinds` and `errors`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from smsdata.errors import RowError
from smsdata.schema.kinds import ARROW, CONVERT, ODD_NUMBER, OF_ARROW, UTC_TYPE, Kind, json_text
from smsdata.schema.status import fold_status
from smsdata.schema.tables import TABLES, Column, Table

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that does not fit, as it arrived, with what is wrong with it.

    `endpoint` and `context` are what it takes to type the row again.
    """

    table: str
    column: str
    page: int
    row: int
    reason: str
    raw: Row
    endpoint: str = ""
    context: Row = field(default_factory=dict)

    def error(self) -> RowError:
        """The error that a drain raises for it."""
        return RowError(
            f"{self.table} page {self.page} row {self.row}: column {self.column!r} {self.reason}. "
            "`smsdata sync` sets such a row aside and goes on."
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Typed rows, the rows that have no place, and what was never seen before.

    `unread` counts by column the values that did not fit and became null, or are missing where one is due.
    """

    rows: pa.Table
    rejects: tuple[Reject, ...] = ()
    unknown: frozenset[str] = frozenset()
    unread: Mapping[str, int] = field(default_factory=dict)


@cache
def schema(table: str) -> pa.Schema:
    """The Arrow schema of a table: its columns, with those that every stored row has.

    Null is forbidden where a row would have no place without a value, and in what smsdata fills in itself.
    """
    entry = TABLES[table]
    never = entry.placing | {"copies", "synced_at"}
    arrow = pa.schema([pa.field(c.name, ARROW[c.kind], nullable=c.name not in never) for c in entry.stored])
    return arrow.with_metadata({b"pandas": orjson.dumps(_pandas_metadata(entry))})


def with_schema(table: str, rows: pa.Table, columns: Sequence[str] | None = None) -> pa.Table:
    """Rows of a table, or some of its columns, with its schema.

    Older parts forbid null in more columns, and lack a column that came later: it is null there.
    """
    arrow = schema(table)
    names = [name for name in (columns or arrow.names) if name in arrow.names]
    due = pa.schema([arrow.field(name) for name in names], metadata=arrow.metadata)
    if rows.schema.equals(due):
        return rows
    for name in names:
        if name not in rows.column_names:
            rows = rows.append_column(name, _later_column(table, name, rows))
    return rows.select(names).cast(due)


def _later_column(table: str, name: str, rows: pa.Table) -> pa.Array:
    """A column that came later: of what older files call by the wire's name, else null."""
    (column,) = (one for one in TABLES[table].stored if one.name == name)
    if column.wire not in rows.column_names:
        return pa.nulls(rows.num_rows, ARROW[column.kind])
    made = []
    for value in rows.column(column.wire).to_pylist():
        try:
            made.append(CONVERT[column.kind](value))
        except ValueError:
            made.append(None)
    return pa.array(made, ARROW[column.kind])


def _pandas_metadata(entry: Table) -> dict[str, Any]:
    described = []
    for column in entry.stored:
        types = OF_ARROW[ARROW[column.kind]]
        described.append(
            {
                "name": column.name,
                "field_name": column.name,
                "pandas_type": types.described,
                "numpy_type": types.nullable if column.null else types.pandas,
                "metadata": {"timezone": "UTC"} if types.arrow == UTC_TYPE else None,
            }
        )
    return {
        "columns": described,
        "index_columns": [],
        "column_indexes": [],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "3.0.0",
        "attributes": {},
    }


def empty(table: str) -> pa.Table:
    """A table of no rows, with the columns and types of one of a million."""
    return schema(table).empty_table()


def to_arrow(
    table: Table,
    rows: Sequence[Row],
    *,
    synced_at: datetime,
    same: Row | None = None,
    ignored: Collection[str] = (),
    where: Callable[[int], tuple[int, int]] = lambda index: (1, index + 1),
    copies: Sequence[int] | None = None,
    proved: Sequence[bool] | None = None,
    endpoint: str = "",
    in_full: Callable[[str, str | None], str] | None = None,
) -> Batch:
    """Type the rows of one read.

    Parameters
    ----------
    table
        Whose rows these are.
    rows
        The rows as parsed from JSON.
    synced_at
        When they were seen.
    same
        Wire values, by column, of columns that are the same for every row.
    ignored
        Wire keys that say nothing this table keeps.
    where
        Tells page and row number of the n-th row, for the rejects.
    copies
        How often the send lists each row's number, where that is not once.
    proved
        Which rows are proved, where that is not all of them.
    endpoint
        The name of the call that brought them, for the rejects.
    in_full
        Completes a number by ours on the same row; what came is kept in ``extra`` then.

    Returns
    -------
    Batch
        `rows` has the schema of the table; rows whose key or time does not fit are in `rejects`.
    """
    same = same or {}
    shapeless = {i: ("", "is no object") for i, row in enumerate(rows) if not isinstance(row, dict)}
    odd = _OddValues(table, shapeless)
    bad = odd.unplaced
    whole = [{} if i in bad else row for i, row in enumerate(rows)] if bad else rows
    wires = {wire for column in table.columns for wire in (column.wire, *column.also)}
    shapes = set(map(tuple, whole))  # the keys of each row
    values = _values_by_key(whole, shapes, wires)
    arrays = {column.name: _array(column, values, len(rows), same, odd) for column in table.columns}
    if in_full is not None:
        _complete_numbers(table, arrays, odd, in_full)
    if copies is not None and table.copies:
        arrays["copies"] = pa.array(copies, pa.int64())
    if proved is not None and table.doubts:
        arrays["proved"] = pa.array(proved, pa.bool_())
    unknown = {key for shape in shapes for key in shape} - wires - set(ignored)
    extra = _extra(whole, unknown, odd.raw)
    rejects = tuple(
        Reject(table.name, column, *where(i), reason, rows[i], endpoint, dict(same))
        for i, (column, reason) in sorted(bad.items())
    )
    made = _assemble(table.name, arrays, extra, len(rows), synced_at)
    if bad:
        made = made.filter(pa.array([i not in bad for i in range(len(rows))]))
    return Batch(made, rejects, frozenset(map(_printable, unknown)), odd.counted())


class _OddValues:
    """The values of some rows that do not fit their columns.

    Without a key, or the time that picks its folder, a row has no place: it stands in `unplaced`. Of any
    other value the raw text is kept in `raw`, and the row goes on without it.
    """

    def __init__(self, table: Table, unplaced: dict[int, tuple[str, str]]) -> None:
        self.unplaced = unplaced
        self.raw: dict[int, dict[str, str]] = {}
        self._placing = table.placing
        self._rows: dict[str, list[int]] = {}

    def add(self, row: int, column: Column, value: Any, reason: str) -> None:
        """Take one value and what is wrong with it."""
        if column.name in self._placing:
            self.unplaced.setdefault(row, (column.name, reason))
            return
        self._rows.setdefault(column.name, []).append(row)
        if value is not None:
            self.raw.setdefault(row, {})[column.wire] = _raw_text(value)

    def counted(self) -> dict[str, int]:
        """How many rows that have a place lack the value of a column for it."""
        counts = {name: sum(row not in self.unplaced for row in rows) for name, rows in self._rows.items()}
        return {name: count for name, count in sorted(counts.items()) if count}


_OURS = {"messages": "sender", "replies": "longcode", "link_hits": "longcode"}
"""Where our own number stands, by whose country a number may be written."""


def _complete_numbers(
    table: Table, arrays: dict[str, pa.Array], odd: _OddValues, in_full: Callable[[str, str | None], str]
) -> None:
    """Write numbers in full that came without their country, where that is sure; as they came they are kept.

    The keys of these tables hold no number, so that a row stays the same row.
    """
    if table.name not in _OURS:
        return
    numbers, ours = arrays["msisdn"], arrays[_OURS[table.name]]
    places = pc.indices_nonzero(pc.match_substring_regex(numbers, f"^(?:{ODD_NUMBER})$").fill_null(False))
    if not len(places):
        return
    texts = numbers.to_pylist()
    for place in places.to_pylist():
        given = texts[place]
        texts[place] = in_full(given, ours[place].as_py())
        if texts[place] != given:
            odd.raw.setdefault(place, {})["msisdn"] = given
    arrays["msisdn"] = pa.array(texts, pa.string())


def _raw_text(value: Any) -> str:
    """A value as it came, as text that any file can hold."""
    if isinstance(value, str) and _printable(value) == value:
        return value
    try:
        return json.dumps(value, sort_keys=True)  # escapes what is no character
    except (RecursionError, TypeError):
        return "nested too deep"


def _printable(text: str) -> str:
    """A text, with what is no character escaped."""
    return text.encode(errors="backslashreplace").decode()


def _values_by_key(
    rows: Sequence[Row], shapes: Collection[tuple[str, ...]], keys: Collection[str]
) -> Mapping[str, Sequence[Any]]:
    """By key the values of all rows, None where a row lacks it."""
    if len(shapes) > 1:
        return {key: [row.get(key) for row in rows] for key in keys}
    (shape,) = shapes or [()]
    values = list(chain.from_iterable(row.values() for row in rows))  # in the same order for each row
    columns = {key: values[place :: len(shape)] for place, key in enumerate(shape)}
    return dict.fromkeys(keys, [None] * len(rows)) | columns


def _array(
    column: Column, by_key: Mapping[str, Sequence[Any]], rows: int, same: Row, odd: _OddValues
) -> pa.Array:
    if column.name in same:
        return _repeated(column, same[column.name], rows, odd)
    if column.name == "hit":  # link hits: a running number within the send
        return pa.array(range(1, rows + 1), pa.int64())
    values = by_key[column.wire]
    for wire in column.also:
        values = [
            other if value is None else value for value, other in zip(values, by_key[wire], strict=True)
        ]
    return _column(column, values, odd)


def _repeated(column: Column, raw: Any, rows: int, odd: _OddValues) -> pa.Array:
    try:
        value = _nullable(column, raw, CONVERT[column.kind])
    except ValueError as error:
        for index in range(rows):
            odd.add(index, column, raw, str(error))
        return pa.nulls(rows, ARROW[column.kind])
    return pa.repeat(pa.scalar(value, ARROW[column.kind]), rows)


def _extra(rows: Sequence[Row], unknown: set[str], raw: Mapping[int, Row]) -> list[str | None]:
    """By row, as JSON: the keys that no column takes, and the raw text of values that did not fit theirs."""
    if not (unknown or raw):
        return [None] * len(rows)
    texts: list[str | None] = []
    for index, row in enumerate(rows):
        spare = {key: row[key] for key in unknown if key in row} | dict(raw.get(index, {}))
        try:
            texts.append(json_text(spare) if spare else None)
        except ValueError:
            texts.append(json_text({_printable(key): _raw_text(value) for key, value in spare.items()}))
    return texts


def _assemble(
    table: str, arrays: Mapping[str, pa.Array], extra: list[str | None], n: int, synced_at: datetime
) -> pa.Table:
    arrow = schema(table)
    filled = dict(arrays) | {"extra": pa.array(extra, pa.string())}
    constant = {
        "copies": pa.scalar(1, pa.int64()), "synced_at": pa.scalar(synced_at, UTC_TYPE),
        "proved": pa.scalar(True), "source": pa.scalar("polled"),
    }  # fmt: skip
    for name, value in constant.items():
        filled.setdefault(name, pa.repeat(value, n))
    made = [filled[f.name] if f.name in filled else pa.nulls(n, f.type) for f in arrow]
    return pa.Table.from_arrays(made, schema=arrow)


def _column(column: Column, values: Sequence[Any], odd: _OddValues) -> pa.Array:
    """Convert a column at once when all its values are plain; else value by value."""
    try:
        return _at_once(column, values)
    except (_Mixed, pa.ArrowException, OverflowError, UnicodeEncodeError):
        return _one_by_one(column, values, odd)


class _Mixed(Exception):
    """The values of a column are not all of the one plain type."""


_PLAIN: dict[Kind, frozenset[type]] = {
    "int": frozenset({int}),
    "str": frozenset({int, str}),
    "phone": frozenset({int, str}),
    "party": frozenset({int, str}),
    "id": frozenset({int}),
    "utc": frozenset({str}),
    "status": frozenset({str}),
    "bool": frozenset({bool}),
}


def _at_once(column: Column, values: Sequence[Any]) -> pa.Array:
    seen = set(map(type, values))
    if column.null:
        seen.discard(type(None))
    if not seen <= _PLAIN.get(column.kind, frozenset()):
        raise _Mixed
    if not seen:
        return pa.nulls(len(values), ARROW[column.kind])
    if column.kind in {"str", "phone", "party"}:
        return _texts_at_once(values, seen, digits=column.kind != "str")
    if column.kind == "id":
        array = pa.array(values, pa.int64())
        return pc.if_else(pc.equal(array, 0), pa.scalar(None, pa.int64()), array)
    if column.kind == "status":
        folded = {value: fold_status(value) for value in set(values)}
        return pa.array(list(map(folded.__getitem__, values)), pa.string())
    if column.kind == "utc":
        return _utc_at_once(values)
    return pa.array(values, ARROW[column.kind])


def _texts_at_once(values: Sequence[Any], seen: set[type], *, digits: bool) -> pa.Array:
    if len(seen) > 1:
        raise _Mixed
    texts = pa.array(values, pa.int64()).cast(pa.string()) if seen == {int} else pa.array(values, pa.string())
    if digits and not pc.all(pc.and_(pc.string_is_ascii(texts), pc.utf8_is_digit(texts))).as_py():
        raise _Mixed
    return texts


def _utc_at_once(values: Sequence[Any]) -> pa.Array:
    texts = pa.array(values, pa.string())
    if not pc.all(pc.equal(pc.binary_length(texts), 19)).as_py():
        raise _Mixed
    return texts.cast(pa.timestamp("us")).cast(UTC_TYPE)


def _one_by_one(column: Column, values: Sequence[Any], odd: _OddValues) -> pa.Array:
    convert = CONVERT[column.kind]
    made: list[Any] = []
    for index, value in enumerate(values):
        try:
            made.append(_nullable(column, value, convert))
        except ValueError as error:
            made.append(None)
            odd.add(index, column, value, str(error))
    return pa.array(made, ARROW[column.kind])


def _nullable(column: Column, value: Any, convert: Callable[[Any], Any]) -> Any:
    if value is None:
        if column.null:
            return None
        if column.kind == "json":  # a contact or list without custom fields
            return "{}"
        raise ValueError("is missing")
    return convert(value)


def to_pandas(rows: pa.Table, table: str) -> pd.DataFrame:
    """Turn rows of a table of ours into a pandas frame with the dtypes that the contract names.

    Whole numbers that can be missing, or of which a value is, are ``Int64``, truth values ``boolean``, text
    ``str``, instants ``datetime64[us, UTC]``; dates are ``datetime.date`` objects.
    """
    import pandas as pd  # heavy: a scheduled sync never needs it

    text: Any = pd.StringDtype(na_value=float("nan"))
    series: dict[str, pd.Series[Any]] = {}
    can_be_null = {column.name for column in TABLES[table].stored if column.null}
    for column, values in zip(rows.schema, rows.columns, strict=True):
        holes = column.name in can_be_null or values.null_count > 0
        if column.type == pa.string():
            made = text.__from_arrow__(values)
        elif holes and column.type in (pa.int64(), pa.bool_()):
            dtype: Any = pd.Int64Dtype() if column.type == pa.int64() else pd.BooleanDtype()
            made = dtype.__from_arrow__(values)
        else:
            made = values.to_pandas()
        series[column.name] = pd.Series(made)
    return pd.DataFrame(series, columns=list(rows.column_names))


def with_column(rows: pa.Table, column: str, values: pa.Array) -> pa.Table:
    """Give the rows with other values in one of their columns."""
    index = rows.schema.get_field_index(column)
    return rows.set_column(index, rows.schema.field(index), values)


def stamped(rows: pa.Table, column: str, moment: datetime) -> pa.Table:
    """Give the rows with one instant in a column."""
    return with_column(rows, column, pa.repeat(pa.scalar(moment, UTC_TYPE), rows.num_rows))


def key_hash(table: str, rows: pa.Table) -> str:
    """A hash of the keys of some rows, the same in any order of rows.

    >>> key_hash("messages", empty("messages"))[:8]
    'e3b0c442'
    """
    texts = [rows.column(name).cast(pa.string()) for name in TABLES[table].key]
    joined = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, "|")
    digest = hashlib.sha256()
    for text in sorted(joined.to_pylist()):
        digest.update(f"{text}\n".encode())
    return digest.hexdigest()
