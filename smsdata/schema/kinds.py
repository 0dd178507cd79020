"""Kinds of values: how one is read from the wire, and its type in Arrow, pandas, DuckDB and Spark.

The only place where types are decided; engines and files ask here. A value that does not fit its kind raises
ValueError with a reason that does not show the value. Imports `status`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Literal

import orjson
import pyarrow as pa

from smsdata.schema.status import fold_status

Kind = Literal["int", "id", "str", "phone", "utc", "date", "money", "spent", "bool", "json", "status"]
"""What a column holds.

``int``; ``id`` (0 and null both mean none); ``str``; ``phone`` (digits, arriving as number or text); ``utc``;
``date``; ``money``; ``spent`` (money that the gateway may give as a negative debit, kept positive); ``bool``;
``json`` (custom fields); ``status`` (a delivery status, folded to one spelling).
"""

UTC_TYPE = pa.timestamp("us", tz="UTC")
ARROW: dict[Kind, pa.DataType] = {
    "int": pa.int64(),
    "id": pa.int64(),
    "str": pa.string(),
    "phone": pa.string(),
    "utc": UTC_TYPE,
    "date": pa.date32(),
    "money": pa.float64(),
    "spent": pa.float64(),
    "bool": pa.bool_(),
    "json": pa.string(),
    "status": pa.string(),
}
PANDAS = {  # what pandas' own reader of Parquet restores: (pandas_type, dtype if never null, if nullable)
    pa.int64(): ("int64", "int64", "Int64"),
    pa.string(): ("unicode", "str", "str"),
    UTC_TYPE: ("datetimetz", "datetime64[us, UTC]", "datetime64[us, UTC]"),
    pa.date32(): ("date", "object", "object"),
    pa.float64(): ("float64", "float64", "float64"),
    pa.bool_(): ("bool", "bool", "boolean"),
}

DUCKDB = {
    pa.int64(): "BIGINT",
    pa.string(): "VARCHAR",
    UTC_TYPE: "TIMESTAMPTZ",
    pa.date32(): "DATE",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
}


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
    truth = _BOOLS.get(str(value).lower()) if type(value) in {int, str} else None
    if truth is None:
        raise ValueError(f"holds {_kind_of(value)}, not true or false")
    return truth


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
    return json_text(value)


def json_text(value: dict[str, Any]) -> str:
    """Compact JSON with sorted keys; ValueError where digits or characters would be lost."""
    if any(type(v) is float and abs(v) >= 2**63 for v in value.values()):
        raise ValueError("holds a number beyond 64 bits")  # the parser makes a float of it, other digits
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except (orjson.JSONEncodeError, UnicodeEncodeError):
        raise ValueError("holds text that is no Unicode, or a number beyond 64 bits") from None


def _status(value: Any) -> str:
    return fold_status(_str(value))


def _kind_of(value: Any) -> str:
    """Say what a value is without showing it: it may be somebody's number or text."""
    names: dict[type, str] = {bool: "a truth value", float: "a number with a fraction", list: "a list"}
    return names.get(
        type(value), {str: "text", dict: "an object", int: "a number"}.get(type(value), "nothing usable")
    )


CONVERT: dict[Kind, Callable[[Any], Any]] = {
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
