"""The numbers of a whole column in one spelling, so that a person has one pseudonym however the number came.

Most numbers are in full as they stand, which Arrow tells of all at once; only the others are read one by one.
Imports `schema`.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.schema.kinds import ODD_NUMBER
from smsdata.schema.number_spellings import read_number
from smsdata.schema.numbers_in_full import in_full, is_unclear

_OUR_NUMBERS = ("longcode", "sender")
_DIGITS = "^[0-9]+$"
_ODD = f"^(?:{ODD_NUMBER})$"


def as_text(values: pa.Array) -> pa.Array:
    """Give whoever is named as text: numbers that stand as floats beside missing ones are whole."""
    if pa.types.is_integer(values.type) or is_text_type(values.type):
        return values.cast(pa.string())
    return pa.array([_value_as_text(value) for value in values.to_pylist()], pa.string())


def _value_as_text(value: Any) -> str | None:
    if value is None:
        return None
    return str(int(value)) if isinstance(value, float) and value == value and value % 1 == 0 else str(value)


def in_one_spelling(texts: pa.Array, country: str | None) -> tuple[pa.Array, pa.Array]:
    """Give texts in the one spelling of their number, and whether each may still be another number.

    >>> spelled, unclear = in_one_spelling(pa.array(["+61 491 570 156", "61491570156", "0491570156"]), None)
    >>> spelled.to_pylist(), unclear.to_pylist()
    (['61491570156', '61491570156', '0491570156'], [False, False, True])
    """
    in_full_already = pc.and_not(
        pc.match_substring_regex(texts, _DIGITS), pc.match_substring_regex(texts, _ODD)
    )
    others = pc.invert(in_full_already.fill_null(True))
    read = [_spelled(text, country) for text in texts.filter(others).to_pylist()]
    spelled = pc.replace_with_mask(texts, others, pa.array(read, pa.string()))
    unclear = pc.replace_with_mask(
        pc.and_(others, False), others, pa.array([is_unclear(text) for text in read], pa.bool_())
    )
    return spelled, unclear


def _spelled(text: str, country: str | None) -> str:
    if not (text.isascii() and text.isdigit()):
        text = read_number(text, country)[0] or text
    return in_full(text, None, country)


def with_countries(rows: pa.Table, country: str | None) -> pa.Table:
    """Rows with their numbers in full where our own number beside one tells its country."""
    ours = next((name for name in _OUR_NUMBERS if name in rows.column_names), None)
    if (
        ours is None
        or "msisdn" not in rows.column_names
        or not is_text_type(rows.schema.field("msisdn").type)
    ):
        return rows
    full = [
        _completed(batch.column("msisdn"), batch.column(ours), country)
        for batch in rows.select(["msisdn", ours]).to_batches()
    ]
    return rows.set_column(rows.column_names.index("msisdn"), "msisdn", pa.chunked_array(full, pa.string()))


def _completed(numbers: pa.Array, ours: pa.Array, country: str | None) -> pa.Array:
    numbers = numbers.cast(pa.string())
    odd = pc.match_substring_regex(numbers, _ODD).fill_null(False)
    if not pc.any(odd).as_py():
        return numbers
    pairs = zip(numbers.filter(odd).to_pylist(), ours.cast(pa.string()).filter(odd).to_pylist(), strict=True)
    full = [in_full(number, beside, country) for number, beside in pairs]
    return pc.replace_with_mask(numbers, odd, pa.array(full, pa.string()))


def is_text_type(arrow: pa.DataType) -> bool:
    """Whether a column holds text, or nothing at all."""
    return bool(pa.types.is_string(arrow) or pa.types.is_large_string(arrow) or pa.types.is_null(arrow))
