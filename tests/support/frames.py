"""Small frames written by hand, with the dtypes that a store gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

_COLUMNS = ("message_id", "msisdn", "sent_at", "status", "optout")
_DTYPES = {"message_id": "int64", "msisdn": "str", "status": "str", "optout": "bool"}


def utc(moments: Iterable[Any]) -> pd.Series[Any]:
    """Instants, from ISO text or timestamps; None is missing."""
    instants = pd.to_datetime(list(moments), utc=True, format="ISO8601")
    return pd.Series(instants).astype("datetime64[us, UTC]")


def number_at(position: int) -> str:
    """The position's own reserved number."""
    return f"6149157{position:04d}"


def dlrs_of(*rows: tuple[Any, ...], **columns: Any) -> pd.DataFrame:
    """Receipts, as rows of (message_id, msisdn, sent_at, status) and, where it matters, optout."""
    names = _COLUMNS[: len(rows[0]) if rows else 4]
    frame = pd.DataFrame(rows, columns=list(names)).astype({n: _DTYPES[n] for n in names if n in _DTYPES})
    return frame.assign(sent_at=utc(frame["sent_at"]), **columns)


def dlrs_of_one_send(statuses: Iterable[str | None], sent_at: pd.Timestamp, **columns: Any) -> pd.DataFrame:
    """Receipts of send 1, each of a number of its own."""
    rows = [(1, number_at(position), sent_at, status) for position, status in enumerate(statuses)]
    return dlrs_of(*rows, **columns)
