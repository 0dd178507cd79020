"""Rows as they arrive -> typed Arrow tables and pandas frames, in UTC.

The only place where types are decided. A value that does not fit its column makes the whole row a
reject, with its page and row number; nothing becomes null silently, nothing is dropped. Knows no
network and no files; imports `endpoints` and `errors`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from smsdata.errors import RowError
from smsdata.schema.endpoints import TABLES, Column, Endpoint, Kind

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]

_UTC = pa.timestamp("us", tz="UTC")
_ARROW: dict[Kind, pa.DataType] = {
    "int": pa.int64(),
    "id": pa.int64(),
    "str": pa.string(),
    "phone": pa.string(),
    "utc": _UTC,
    "date": pa.date32(),
    "money": pa.float64(),
    "spent": pa.float64(),
    "bool": pa.bool_(),
    "json": pa.string(),
    "status": pa.string(),
}
_PANDAS = {  # what pandas' own reader of Parquet restores: (pandas_type, dtype if never null, if nullable)
    pa.int64(): ("int64", "int64", "Int64"),
    pa.string(): ("unicode", "str", "str"),
    _UTC: ("datetimetz", "datetime64[us, UTC]", "datetime64[us, UTC]"),
    pa.date32(): ("date", "object", "object"),
    pa.float64(): ("float64", "float64", "float64"),
    pa.bool_(): ("bool", "bool", "boolean"),
}

STATUSES = ("pending", "bounced", "soft-bounce", "delivered", "hard-bounce")
RANK = {"pending": 0, "bounced": 2, "soft-bounce": 3, "delivered": 4, "hard-bounce": 4}
"""How far a status is settled; a word never seen before ranks 1. Higher wins, see `Store.merge`."""

_FOLDED = {"softbounce": "soft-bounce", "softbounced": "soft-bounce", "hardbounce": "hard-bounce"} | {
    "hardbounced": "hard-bounce", "bounce": "bounced", "failed": "bounced", "bounced": "bounced",
    "delivered": "delivered", "pending": "pending",
}  # fmt: skip


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
    """Typed rows, the rows that did not fit, and what was never seen before."""

    rows: pa.Table
    rejects: tuple[Reject, ...] = ()
    unknown: frozenset[str] = frozenset()


@cache
def schema(table: str) -> pa.Schema:
    """The Arrow schema of a table: its columns, then the ones that every stored row has.

    ``copies`` (dlrs, optouts) counts how often the send lists the number; ``extra`` holds keys the
    endpoint table does not know, as JSON; ``synced_at`` is when the row was last seen; ``gone_at``
    (snapshots) is when it was found to have vanished.
    """
    fields = [pa.field(c.name, _ARROW[c.kind], nullable=c.null) for c in columns(table)]
    arrow = pa.schema(fields)
    return arrow.with_metadata({b"pandas": orjson.dumps(_pandas_metadata(arrow))})


@cache
def columns(table: str) -> tuple[Column, ...]:
    """The columns of a table, with the ones that every stored row has."""
    entry = TABLES[table]
    own = (Column("copies", "int", ""),) if entry.copies else ()
    gone = (Column("gone_at", "utc", "", null=True),) if entry.snapshot else ()
    return (
        entry.columns + own + (Column("extra", "json", "", null=True), Column("synced_at", "utc", "")) + gone
    )


def _pandas_metadata(arrow: pa.Schema) -> dict[str, Any]:
    described = []
    for column in arrow:
        kind, never_null, nullable = _PANDAS[column.type]
        described.append(
            {
                "name": column.name,
                "field_name": column.name,
                "pandas_type": kind,
                "numpy_type": nullable if column.nullable else never_null,
                "metadata": {"timezone": "UTC"} if column.type == _UTC else None,
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
    endpoint: Endpoint,
    rows: Sequence[Row],
    *,
    synced_at: datetime,
    context: Row | None = None,
    where: Callable[[int], tuple[int, int]] = lambda index: (1, index + 1),
    copies: Sequence[int] | None = None,
) -> Batch:
    """Type the rows of one read.

    Parameters
    ----------
    endpoint
        Whose rows these are.
    rows
        The rows as parsed from JSON.
    synced_at
        When they were seen.
    context
        Wire values for the endpoint's context columns, the same for every row.
    where
        Tells page and row number of the n-th row, for the rejects.
    copies
        How often the send lists each row's number, where that is not once.

    Returns
    -------
    Batch
        `rows` has the schema of the endpoint's table; rows that do not fit are in `rejects`.
    """
    bad = {i: ("", "is no object") for i, row in enumerate(rows) if not isinstance(row, dict)}
    whole = [{} if i in bad else row for i, row in enumerate(rows)] if bad else rows
    arrays = {column.name: _array(column, whole, endpoint, context or {}, bad) for column in endpoint.columns}
    if copies is not None and TABLES[endpoint.stored_as].copies:
        arrays["copies"] = pa.array(copies, pa.int64())
    unknown = _unknown_keys(endpoint, whole)
    extra = _extra(whole, unknown, bad)
    rejects = tuple(
        Reject(endpoint.stored_as, column, *where(i), reason, rows[i], endpoint.name, dict(context or {}))
        for i, (column, reason) in sorted(bad.items())
    )
    table = _assemble(endpoint.stored_as, arrays, extra, len(rows), synced_at)
    if bad:
        table = table.filter(pa.array([i not in bad for i in range(len(rows))]))
    return Batch(table, rejects, frozenset(unknown))


def _array(
    column: Column, rows: Sequence[Row], endpoint: Endpoint, context: Row, bad: dict[int, tuple[str, str]]
) -> pa.Array:
    if column.name in endpoint.context and column.name in context:
        wrong: dict[int, tuple[str, str]] = {}
        same = _column(column, [context[column.name]], wrong)[0]
        for index in range(len(rows) if wrong else 0):
            bad.setdefault(index, wrong[0])
        return pa.repeat(same, len(rows))
    if column.name == "hit":  # link hits: a running number within the send
        return pa.array(range(1, len(rows) + 1), pa.int64())
    return _column(column, [row.get(column.wire) for row in rows], bad)


def _unknown_keys(endpoint: Endpoint, rows: Sequence[Row]) -> set[str]:
    known = {c.wire for c in endpoint.columns} | set(endpoint.ignored) | set(endpoint.secret)
    found: set[str] = set()
    shapes = {frozenset(row) for row in rows}
    for shape in shapes:
        found |= shape - known
    return found


def _extra(rows: Sequence[Row], unknown: set[str], bad: dict[int, tuple[str, str]]) -> list[str | None]:
    if not unknown:
        return [None] * len(rows)
    texts: list[str | None] = []
    for index, row in enumerate(rows):
        spare = {key: row[key] for key in unknown if key in row}
        try:
            texts.append(_json_text(spare) if spare else None)
        except ValueError as error:
            texts.append(None)
            bad.setdefault(index, ("extra", str(error)))
    return texts


def _assemble(
    table: str, arrays: Mapping[str, pa.Array], extra: list[str | None], n: int, synced_at: datetime
) -> pa.Table:
    arrow = schema(table)
    filled = dict(arrays) | {"extra": pa.array(extra, pa.string())}
    constant = {"copies": pa.scalar(1, pa.int64()), "synced_at": pa.scalar(synced_at, _UTC)}
    for name, value in constant.items():
        filled.setdefault(name, pa.repeat(value, n))
    made = [filled[f.name] if f.name in filled else pa.nulls(n, f.type) for f in arrow]
    return pa.Table.from_arrays(made, schema=arrow)


def _column(column: Column, values: list[Any], bad: dict[int, tuple[str, str]]) -> pa.Array:
    """Convert a column at once when all its values are plain; else value by value."""
    try:
        return _at_once(column, values)
    except (_Mixed, pa.ArrowException, OverflowError, UnicodeEncodeError):
        return _one_by_one(column, values, bad)


class _Mixed(Exception):
    """The values of a column are not all of the one plain type."""


_PLAIN: dict[Kind, frozenset[type]] = {
    "int": frozenset({int}),
    "str": frozenset({str}),
    "phone": frozenset({int, str}),
    "id": frozenset({int}),
    "utc": frozenset({str}),
    "status": frozenset({str}),
    "bool": frozenset({bool}),
}


def _at_once(column: Column, values: list[Any]) -> pa.Array:
    seen = set(map(type, values))
    if column.null:
        seen.discard(type(None))
    if not seen <= _PLAIN.get(column.kind, frozenset()):
        raise _Mixed
    if not seen:
        return pa.nulls(len(values), _ARROW[column.kind])
    if column.kind == "phone":
        return _phones_at_once(values, seen)
    if column.kind == "id":
        array = pa.array(values, pa.int64())
        return pc.if_else(pc.equal(array, 0), pa.scalar(None, pa.int64()), array)
    if column.kind == "status":
        return pa.array([fold_status(v) for v in values], pa.string())
    if column.kind == "utc":
        return _utc_at_once(values)
    return pa.array(values, _ARROW[column.kind])


def _phones_at_once(values: list[Any], seen: set[type]) -> pa.Array:
    if len(seen) > 1:
        raise _Mixed
    texts = pa.array(values, pa.int64()).cast(pa.string()) if seen == {int} else pa.array(values, pa.string())
    if not pc.all(pc.and_(pc.string_is_ascii(texts), pc.utf8_is_digit(texts))).as_py():
        raise _Mixed
    return texts


def _utc_at_once(values: list[Any]) -> pa.Array:
    texts = pa.array(values, pa.string())
    if not pc.all(pc.equal(pc.binary_length(texts), 19)).as_py():
        raise _Mixed
    return texts.cast(pa.timestamp("us")).cast(_UTC)


def _one_by_one(column: Column, values: list[Any], bad: dict[int, tuple[str, str]]) -> pa.Array:
    convert = _CONVERT[column.kind]
    made: list[Any] = []
    for index, value in enumerate(values):
        try:
            made.append(_nullable(column, value, convert))
        except ValueError as error:
            made.append(None)
            bad.setdefault(index, (column.name, str(error)))
    return pa.array(made, _ARROW[column.kind])


def _nullable(column: Column, value: Any, convert: Callable[[Any], Any]) -> Any:
    if value is None:
        if column.null:
            return None
        if column.kind == "json":  # a contact or list without custom fields
            return "{}"
        raise ValueError("is missing")
    return convert(value)


def _int(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value, re.ASCII):
        value = int(value)
    if type(value) is not int:
        raise ValueError(f"holds {_kind_of(value)}, not a whole number")
    if not -(2**63) <= value < 2**63:
        raise ValueError("holds a number beyond 64 bits")
    return value


def _id(value: Any) -> int | None:
    return _int(value) or None


def _str(value: Any) -> str:
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"holds {_kind_of(value)}, not text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("holds a lone surrogate, which is no character") from None
    return value


def _phone(value: Any) -> str:
    text = _str(value)
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"holds {'text' if text else 'empty text'}, not the digits of a phone number")
    return digits


def _utc(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    text = _str(value)
    if not re.fullmatch(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d{1,6})?Z?)?", text, re.ASCII):
        raise ValueError("holds no time such as 2026-11-22 09:30:00")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("holds a time that does not exist") from None


def _date(value: Any) -> date:
    return _utc(value).date()


def _money(value: Any) -> float:
    if isinstance(value, str) and re.fullmatch(r"-?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,2})?", value, re.ASCII):
        value = float(value)
    if type(value) not in {int, float} or value != value or abs(value) > 1e15:
        raise ValueError(f"holds {_kind_of(value)}, not an amount")
    return float(value)


def _spent(value: Any) -> float:
    return abs(_money(value))


_BOOLS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    found = _BOOLS.get(str(value).lower()) if type(value) in {int, str} else None
    if found is None:
        raise ValueError(f"holds {_kind_of(value)}, not true or false")
    return found


def _json(value: Any) -> str:
    """Bring custom fields from any of their three shapes to one object, as compact JSON with sorted keys."""
    if isinstance(value, list):
        if not all(isinstance(v, dict) and isinstance(v.get("name"), str) and "value" in v for v in value):
            raise ValueError("holds a list that is not of names and values")
        named = {v["name"]: v["value"] for v in value}
        if len(named) < len(value):
            raise ValueError("holds the same field twice")
        value = named
    if not isinstance(value, dict):
        raise ValueError(f"holds {_kind_of(value)}, not custom fields")
    return _json_text(value)


def _json_text(value: dict[str, Any]) -> str:
    if any(type(v) is float and abs(v) >= 2**63 for v in value.values()):
        raise ValueError("holds a number beyond 64 bits")  # the parser makes a float of it, other digits
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except (orjson.JSONEncodeError, UnicodeEncodeError):
        raise ValueError("holds text that is no Unicode, or a number beyond 64 bits") from None


@cache
def fold_status(word: str) -> str:
    """Bring a delivery status to its one spelling; a word never seen before stays as it is.

    ``failed`` is folded to ``bounced``: it does not say whether for good.

    >>> [fold_status(w) for w in ("HARD-BOUNCE", "soft bounced", "failed", "queued")]
    ['hard-bounce', 'soft-bounce', 'bounced', 'queued']
    """
    return _FOLDED.get(re.sub(r"[\s_-]", "", word.strip().lower()), word)


def _status(value: Any) -> str:
    return fold_status(_str(value))


def _kind_of(value: Any) -> str:
    """Say what a value is without showing it: it may be somebody's number or text."""
    names: dict[type, str] = {bool: "a truth value", float: "a number with a fraction", list: "a list"}
    return names.get(
        type(value), {str: "text", dict: "an object", int: "a number"}.get(type(value), "nothing usable")
    )


_CONVERT: dict[Kind, Callable[[Any], Any]] = {
    "int": _int,
    "id": _id,
    "str": _str,
    "phone": _phone,
    "utc": _utc,
    "date": _date,
    "money": _money,
    "spent": _spent,
    "bool": _bool,
    "json": _json,
    "status": _status,
}


def to_pandas(rows: pa.Table) -> pd.DataFrame:
    """Turn an Arrow table of ours into a pandas frame with the dtypes that the contract names.

    Whole numbers that can be missing are ``Int64``, truth values ``boolean``, text ``str``, instants
    ``datetime64[us, UTC]``; dates are ``datetime.date`` objects.
    """
    import pandas as pd  # heavy: a scheduled sync never needs it

    text: Any = pd.StringDtype(na_value=float("nan"))
    series: dict[str, pd.Series[Any]] = {}
    for column, values in zip(rows.schema, rows.columns, strict=True):
        if column.type == pa.string():
            made = text.__from_arrow__(values)
        elif column.nullable and column.type in (pa.int64(), pa.bool_()):
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
    return with_column(rows, column, pa.repeat(pa.scalar(moment, _UTC), rows.num_rows))


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


def parse_json(body: bytes) -> Any:
    """Parse a body; one odd reply must not cost the page.

    A lone surrogate makes orjson refuse the whole body: the standard library reads such a page, and
    the odd row is set aside when it is typed.

    Raises
    ------
    ValueError
        When the body is no JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            return json.loads(body, parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError("nested too deep") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
