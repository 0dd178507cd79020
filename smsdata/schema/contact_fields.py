"""Custom fields of contacts as a column of other tables: one value per number, whichever lists it is in.

Owns what becomes of a number whose lists say different things. Imports of smsdata only errors.
"""

from __future__ import annotations

import warnings
from typing import Any

import orjson
import pandas as pd

from smsdata.errors import UsageError


def with_contact_field(frame: pd.DataFrame, list_members: pd.DataFrame, field: str) -> pd.DataFrame:
    """Add a custom field of the contacts as a column, to group by it: ``by="contact_plan"``.

    Helpers that take ``list_members`` do it themselves: ``by="contact:plan"``.

    Parameters
    ----------
    frame : DataFrame
        Messages, replies or another table with a column ``msisdn``.
    list_members : DataFrame
        The table of that name: ``msisdn``, ``fields`` (JSON) and, if there, ``gone_at``. A contact that has
        vanished from a list counts only where the number is in no list any more. Where both have a column
        ``account``, a number has the field of its contact in that account.
    field : str
        The name of the custom field, as in ``fields``.

    Returns
    -------
    DataFrame
        The same rows in the same order, none doubled, with one more column ``contact_FIELD`` (str): the value
        as text. Missing where the number has no such field, and where its lists name different values.

    Raises
    ------
    UsageError
        If a column is missing, no contact has the field, or the new column is there already.

    Warns
    -----
    UserWarning
        If numbers of the frame have several values: how many of how many.

    Examples
    --------
    >>> import pandas as pd
    >>> members = pd.DataFrame(
    ...     {"list_id": [1, 2, 1], "msisdn": ["61491570156", "61491570156", "61491570157"],
    ...      "fields": ['{"plan": "gold"}', '{"plan": "gold"}', '{"plan": "basic"}']}
    ... )
    >>> messages = pd.DataFrame({"id": [1, 2], "msisdn": ["61491570156", "61491570157"]})
    >>> with_contact_field(messages, members, "plan")["contact_plan"].tolist()
    ['gold', 'basic']
    """
    name = f"contact_{field}"
    for table, given, columns in (
        ("frame", frame, ["msisdn"]),
        ("list_members", list_members, ["msisdn", "fields"]),
    ):
        missing = [column for column in columns if column not in given.columns]
        if missing:
            raise UsageError(f"with_contact_field: {table} has no column {missing[0]}; give the whole table.")
    if name in frame.columns:
        raise UsageError(
            f"with_contact_field: the frame has a column {name} already; drop or rename it first."
        )
    numbers = frame["msisdn"]
    if "account" in frame.columns and "account" in list_members.columns:  # each has contacts of its own
        numbers = frame["account"] + " " + numbers
        list_members = list_members.assign(msisdn=list_members["account"] + " " + list_members["msisdn"])
    one = value_by_number("with_contact_field", list_members, field, numbers.dropna().unique(), stacklevel=3)
    return frame.assign(**{name: numbers.map(one).astype("str")})


def value_by_number(
    helper: str, list_members: pd.DataFrame, field: str, numbers: Any, *, stacklevel: int
) -> pd.Series:
    """Give the one value of a custom field of each number that has one; warn of those that have several.

    Parameters
    ----------
    helper : str
        Who asks, for errors and warnings.
    list_members : DataFrame
        As for `with_contact_field`.
    field : str
        The name of the custom field.
    numbers : array of str
        Those that it is asked for.
    stacklevel : int
        As for `warnings.warn`, of this function.

    Raises
    ------
    UsageError
        If no contact has the field.
    """
    values = _field_values(list_members, field)
    if values.empty:
        known = ", ".join(_field_names(list_members)[:20]) or "none"
        raise UsageError(f"{helper}: no contact has a field {field!r}; there are: {known}.")
    several = values.index[values.index.duplicated()].unique()
    unclear = int(pd.Index(numbers).isin(several).sum())
    if unclear:
        warnings.warn(
            f"{helper}: {unclear:,} of {len(numbers):,} numbers have different values of {field!r} "
            "in their lists; theirs is missing. Give the members of one list to have one value.",
            UserWarning,
            stacklevel=stacklevel,
        )
    return values[~values.index.isin(several)]


def _field_values(list_members: pd.DataFrame, field: str) -> pd.Series:
    """Give the distinct values of the field, by number: more than one where lists differ."""
    rows = list_members[["msisdn"]].assign(value=list_members["fields"].map(lambda text: _text(text, field)))
    rows = rows.dropna()
    if "gone_at" in list_members.columns:
        here = list_members.loc[rows.index, "gone_at"].isna()
        rows = rows[here | ~rows["msisdn"].isin(rows.loc[here, "msisdn"])]
    return rows.drop_duplicates().set_index("msisdn")["value"]


def _text(fields: object, field: str) -> str | None:
    value = _read(fields).get(field)
    return None if value is None or value == "" else str(value)


def _read(fields: object) -> dict[str, object]:
    if not isinstance(fields, str) or not fields:
        return {}
    try:
        read = orjson.loads(fields)
    except orjson.JSONDecodeError:
        return {}
    return read if isinstance(read, dict) else {}


def _field_names(list_members: pd.DataFrame) -> list[str]:
    return sorted({name for fields in list_members["fields"] for name in _read(fields)})
