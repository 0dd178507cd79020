"""What columns are made of: dtypes of results, Arrow columns, and of which family a column should be.

Imports of smsdata only errors and `schema`, where types and spellings are decided.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from smsdata.errors import UsageError
from smsdata.schema.frames import schema
from smsdata.schema.kinds import family_of
from smsdata.schema.number_spellings import to_msisdn
from smsdata.schema.tables import TABLES

SPELLED = r"^\P{Nd}{0,12}(?:\p{Nd}\P{Nd}{0,3}){7,}"
"""Text with the digits of a phone number, whatever stands around them."""

_PLAIN = re.compile(r"[1-9][0-9]*")

_OPTOUT_INSTANTS = ("first_optout_at", "known_at", "possible_at", "review_at", "cleared_at", "last_stop_at")
_COLUMN_TYPES = {field.name: field.type for table in reversed(TABLES) for field in schema(table)}
_COLUMN_TYPES |= {"certain": pa.bool_(), **dict.fromkeys(_OPTOUT_INSTANTS, pa.timestamp("us", "UTC"))}
"""The type of a column by its name; where tables differ, as in the first. Last, what `optouts` makes."""


def instants(values: Any) -> pd.Series:
    """Epoch microseconds, missing ones allowed, as ``datetime64[us, UTC]``.

    >>> instants([1795305600000000, None]).dt.day.tolist()
    [22.0, nan]
    """
    whole = pd.Series(values, dtype="Int64")
    stamps = whole.to_numpy("int64", na_value=np.iinfo("int64").min).view("datetime64[us]")
    return pd.Series(stamps, index=whole.index).dt.tz_localize("UTC")


def typed(frame: pd.DataFrame, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Give just these columns, in this order, of these dtypes; "utc" turns micros into instants."""
    columns = {
        c: instants(frame[c]) if t == "utc" else frame[c].astype(cast(Any, t)) for c, t in dtypes.items()
    }
    return pd.DataFrame(columns, index=frame.index).reset_index(drop=True)


def arrow_table(frame: pd.DataFrame) -> pa.Table:
    """Give the frame's columns as Arrow, without a copy where pandas holds them that way."""
    arrays = {}
    for name, values in frame.items():
        column = str(name)
        try:
            plain = values.dt.start_time if isinstance(values.dtype, pd.PeriodDtype) else values
            arrays[column] = _arrow_column(column, pa.array(plain, from_pandas=True))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            continue  # A column of mixed Python objects: a helper that needs it will miss it by name.
    return pa.table(arrays) if arrays else pa.table({"": pa.nulls(len(frame))})


def _arrow_column(column: str, array: Any) -> Any:
    if array.null_count == len(array):
        # Whatever pandas calls a column of nothing, it is of its table's type.
        own = pa.string() if pa.types.is_null(array.type) else array.type
        return pa.nulls(len(array), _COLUMN_TYPES.get(column, own))
    if pa.types.is_dictionary(array.type):
        return array.cast(array.type.value_type)
    if pa.types.is_timestamp(array.type) and array.type.unit != "us":
        return array.cast(pa.timestamp("us", tz=array.type.tz), safe=False)
    return array


def pandas_type(arrow: Any) -> Any:
    """Give the pandas dtype for an Arrow type; None where pandas' own choice is right."""
    if pa.types.is_integer(arrow):
        return pd.Int64Dtype()
    if pa.types.is_boolean(arrow):
        return pd.BooleanDtype()
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow):
        return pd.StringDtype(na_value=np.nan)
    return None


def expected_kind(column: str, kind: str) -> str:
    """Tell which kind a column of that name is in the tables; of unknown names, the kind it has.

    >>> expected_kind("sent_at", "text"), expected_kind("my_own", "text")
    ('instant', 'text')
    """
    return family_of(_COLUMN_TYPES[column]) if column in _COLUMN_TYPES else kind


def spelled_otherwise(numbers: pd.Series) -> int:
    """Count texts that spell a number in another way than the tables: "+61...", "04...", "61491570156.0".

    >>> spelled_otherwise(pd.Series(["61491570156", "+61491570156", "0491 570 156", "ACME"], dtype="str"))
    2
    """
    texts = pa.array(numbers, from_pandas=True)
    if pa.types.is_dictionary(texts.type):
        texts = texts.dictionary
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        return 0
    plain = pc.and_kleene(pc.ascii_is_decimal(texts), pc.invert(pc.starts_with(texts, "0")))
    others = texts.filter(pc.invert(plain))  # usually none: the closer look costs nothing
    if isinstance(others, pa.ChunkedArray):
        others = others.combine_chunks()
    return int(pc.sum(pc.match_substring_regex(others, SPELLED)).as_py() or 0)


def number_advice(table: str, column: str = "msisdn") -> str:
    """Say how a frame's numbers become those of the tables."""
    return (
        f"Convert it: {table}['{column}'] = smsdata.to_msisdn({table}['{column}'])['msisdn'], "
        "with country='AU' for numbers written without their country."
    )


def number_texts(helper: str, numbers: Sequence[object] | str) -> pd.Series:
    """Give numbers as the tables spell them, from texts, whole numbers or floats; one text is one number.

    Raises
    ------
    UsageError
        If one cannot be read, such as a number without its country; how many, and why.

    Examples
    --------
    >>> number_texts("bounce_history", ["+61 491 570 156", 61491570157.0]).tolist()
    ['61491570156', '61491570157']
    """
    values = [numbers] if isinstance(numbers, str) else list(numbers)
    given = pd.Series(values, dtype="object")
    plain = given.map(lambda value: isinstance(value, str) and _PLAIN.fullmatch(value) is not None)
    others = to_msisdn(given[~plain.astype(bool)])
    refused = others.loc[others["msisdn"].isna(), "reason"]
    if len(refused):
        why = ", ".join(sorted(set(refused)))
        raise UsageError(
            f"{helper}: {len(refused):,} of {len(given):,} numbers could not be read ({why}). "
            "Convert them first: smsdata.to_msisdn(numbers, country='AU')['msisdn']."
        )
    return given.where(plain.astype(bool), others["msisdn"].reindex(given.index)).astype("str")


def tables_with(column: str) -> list[str]:
    """Name the tables that have a column.

    >>> tables_with("longcode")
    ['replies', 'link_hits']
    """
    return [name for name in TABLES if column in schema(name).names]
