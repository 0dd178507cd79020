"""Kinds of values: how one is read from the wire, and its type in Arrow, pandas, DuckDB and Spark.

The only place where types are decided; engines and files ask here. A value that does not fit its kind raises
ValueError with a reason that does not show the value. Imports `status` and `number_runs`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

import orjson
import pyarrow as pa

from smsdata.schema.number_runs import plain_signs
from smsdata.schema.status import fold_status

Kind = Literal[
    "int", "id", "str", "phone", "party", "utc", "date", "money", "spent", "bool", "json", "status"
]  # fmt: skip
"""What a column holds.

``int``; ``id`` (0 and null both mean none); ``str``; ``phone`` (digits, as number or text); ``party``
(a phone number, or a word such as "Telstra" where senders may have names); ``utc``;
``date``; ``money``; ``spent`` (money that the gateway may give as a negative debit, kept positive); ``bool``;
``json`` (custom fields); ``status`` (a delivery status, folded to one spelling).
"""

UTC_TYPE = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Types:
    """What one family of values is called: in Arrow, DuckDB, Spark, the SQL both understand, and pandas.

    `pandas` is the dtype of a column that is never null, `nullable` of one that can be; `described` is how
    pandas' own reader of Parquet names the family.
    """

    arrow: pa.DataType
    duckdb: str
    spark: str
    sql: str
    pandas: str
    nullable: str
    described: str


_INSTANT = "datetime64[us, UTC]"
TYPES = {
    "text": Types(pa.string(), "VARCHAR", "string", "STRING", "str", "str", "unicode"),
    "int": Types(pa.int64(), "BIGINT", "bigint", "BIGINT", "int64", "Int64", "int64"),
    "instant": Types(UTC_TYPE, "TIMESTAMPTZ", "timestamp", "BIGINT", _INSTANT, _INSTANT, "datetimetz"),
    "date": Types(pa.date32(), "DATE", "date", "DATE", "object", "object", "date"),
    "float": Types(pa.float64(), "DOUBLE", "double", "DOUBLE", "float64", "float64", "float64"),
    "bool": Types(pa.bool_(), "BOOLEAN", "boolean", "BOOLEAN", "bool", "boolean", "bool"),
}
"""The types of each family, whoever asks; instants cross the SQL that engines share as epoch microseconds."""

_FAMILIES: dict[Kind, str] = {
    "int": "int", "id": "int", "str": "text", "phone": "text", "party": "text",
    "utc": "instant", "date": "date",
    "money": "float", "spent": "float", "bool": "bool", "json": "text", "status": "text",
}  # fmt: skip
ARROW: dict[Kind, pa.DataType] = {kind: TYPES[family].arrow for kind, family in _FAMILIES.items()}
"""The Arrow type of each kind of column."""

STAND_IN = re.compile(r"forgotten-[a-p]{24}")
"""What stands in the place of the number of a person who was forgotten: a keyed hash, without a digit."""

ODD_NUMBER = r"0[0-9]{6,}|[0-9]{7,10}|[0-9]{1,3}0[0-9]{7,}"
"""Digits that may lack their country, or have more before it: few numbers in full look so."""

OF_ARROW: dict[pa.DataType, Types] = {types.arrow: types for types in TYPES.values()}
"""The types of a column by its Arrow type."""


def family_of(arrow: pa.DataType) -> str:
    """Tell the family of a column from its Arrow type; "other" for dates, "text" for what has none.

    >>> family_of(pa.int32()), family_of(UTC_TYPE), family_of(pa.large_string())
    ('int', 'instant', 'text')
    """
    tests = {
        pa.types.is_timestamp: "instant",
        pa.types.is_integer: "int",
        pa.types.is_floating: "float",
        pa.types.is_boolean: "bool",
        pa.types.is_date: "other",
    }
    return next((family for test, family in tests.items() if test(arrow)), "text")


_ENGINE_NAMES = {
    "TIMESTAMP WITH TIME ZONE": "instant",
    "TIMESTAMP_NTZ": "naive",
    "VARCHAR": "text",
    "STRING": "text",
    "BOOLEAN": "bool",
    "DOUBLE": "float",
    "FLOAT": "float",
    '"NULL"': "null",
    "VOID": "null",
}


def family_named(engine_type: str) -> str:
    """Tell the family of a column from what DuckDB or Spark calls its type; "naive": an instant without zone.

    >>> family_named("VARCHAR"), family_named("bigint"), family_named("timestamp"), family_named("TIMESTAMP")
    ('text', 'int', 'instant', 'naive')
    """
    name = engine_type.upper()
    if name in _ENGINE_NAMES:
        return _ENGINE_NAMES[name]
    if name.startswith("TIMESTAMP"):
        return "instant" if engine_type == "timestamp" else "naive"  # Spark's has a zone, DuckDB's has none
    return "int" if "INT" in name else "other"


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


_WRITTEN = re.compile(
    r"(?!\d{4}-\d\d-\d\d)(?:tel:)?(\+?[\d(][\d().\-/]{6,}?)(?:(?<=\d)\.0)?", re.IGNORECASE | re.ASCII
)
_LOST_DIGITS = re.compile(r"\s*\+?\d([.,]\d+)?[eE]\+?\d+\s*")


def _bare_number(value: Any) -> str | None:
    """The digits of a phone number, without what people and tools write around them; None where it is none.

    >>> _bare_number("+61 491 570 156"), _bare_number(61491570156.0), _bare_number("Telstra")
    ('61491570156', '61491570156', None)
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = _str(value).removeprefix("+")
    if text.isascii() and text.isdigit():
        return text
    written = _WRITTEN.fullmatch(plain_signs(text, without=("C", "Z")))
    return re.sub(r"\D", "", written[1]) if written else None


def _phone(value: Any) -> str:
    if isinstance(value, str) and STAND_IN.fullmatch(value):
        return value
    digits = _bare_number(value)
    if digits is None:
        raise ValueError(f"holds {'text' if value else 'empty text'}, not the digits of a phone number")
    return digits


def _party(value: Any) -> str:
    """The digits of a phone number; a word as it is."""
    digits = _bare_number(value)
    if digits is not None:
        return digits
    word = _str(value)
    if _LOST_DIGITS.fullmatch(word):
        raise ValueError("holds a phone number whose last digits are lost")
    return word


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
    if listed := numbered(value):
        value = listed
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


def numbered(value: Any) -> list[dict[str, Any]]:
    """The objects of a list that arrives as an object whose keys are numbers; empty for anything else.

    PHP writes a list so once something was taken out of it.

    >>> numbered({"0": {"id": 7}, "2": {"id": 8}}), numbered({"Email": {}})
    ([{'id': 7}, {'id': 8}], [])
    """
    if not isinstance(value, dict) or not all(re.fullmatch(r"\d{1,9}", key, re.ASCII) for key in value):
        return []
    listed = [value[key] for key in sorted(value, key=int)]
    return listed if all(isinstance(one, dict) for one in listed) else []


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
    "party": _party,
    "utc": _utc,
    "date": _date,
    "money": _money,
    "spent": _spent,
    "bool": _bool,
    "json": _json,
    "status": _status,
}
