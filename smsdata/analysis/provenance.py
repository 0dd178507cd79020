"""Where a number came from: what `explain` reads, written beside every result.

Imports of smsdata only errors, frames (for the hash of a drain's keys) and the engine.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from smsdata.analysis.engine import Tables, instants
from smsdata.endpoints import TABLES
from smsdata.errors import UsageError
from smsdata.frames import key_hash


def explained(
    frame: pd.DataFrame,
    tables: Tables,
    *,
    formula: str,
    numerator: str,
    denominator: str,
    window: tuple[Any, Any] = (None, None),
    pending_share: float | None = None,
    notes: tuple[str, ...] = (),
) -> pd.DataFrame:
    """Write into ``frame.attrs["explain"]`` how it was made; plain JSON values, so it travels into Parquet.

    Parameters
    ----------
    frame : DataFrame
        The result; it is returned.
    tables : Tables
        What it was made from.
    formula, numerator, denominator : str
        In words.
    window : (first, last)
        When the rows counted were sent, epoch microseconds; missing if there are none.
    pending_share : float or None
        The share of pending messages among those counted, 0 to 1.
    notes : tuple of str
        What a reader must know besides.
    """
    frame.attrs["explain"] = {
        "helper": tables.helper,
        "formula": formula,
        "numerator": numerator,
        "denominator": denominator,
        "first": _iso(window[0]),
        "last": _iso(window[1]),
        "pending_share": None if pending_share is None or pd.isna(pending_share) else float(pending_share),
        "sources": {name: _source(source) for name, source in tables.sources.items() if name != "countries"},
        "sql": list(tables.sql),
        "notes": list(notes),
        "columns": [str(column) for column in frame.columns],
        "rows": len(frame),
        "digest": _digest(frame, list(frame.columns)),
    }
    return frame


def explain(frame: pd.DataFrame) -> str:
    """Tell how a frame came to be: formula, numerator, denominator, window, pending share, sources, SQL.

    Parameters
    ----------
    frame : DataFrame
        What a helper, a drain or the store gave.

    Returns
    -------
    str
        Lines to print. "filtered since" says that rows were taken away, added or changed after it was made.

    Raises
    ------
    UsageError
        If nothing is known about the frame: pandas keeps ``attrs`` through filters, not through every merge.

    Examples
    --------
    >>> import pandas as pd
    >>> from smsdata.analysis.delivery import delivery_rate
    >>> sent = pd.to_datetime(["2026-11-01", "2026-11-01"], utc=True)
    >>> rates = delivery_rate(
    ...     pd.DataFrame({"status": ["delivered", "hard-bounce"], "sent_at": sent}), now="2026-11-22"
    ... )
    >>> print(explain(rates).splitlines()[0])
    delivery_rate: delivered / (delivered + soft + hard + bounced)
    """
    if "explain" in frame.attrs:
        return _told(frame, frame.attrs["explain"])
    if "drain" in frame.attrs:
        drain = frame.attrs["drain"]
        return "\n".join(_drained("frame", len(frame), drain) + _other_keys(frame, drain))
    raise UsageError(
        "explain: nothing is known about this frame; give one from a helper, a drain or the store."
    )


def _told(frame: pd.DataFrame, told: dict[str, Any]) -> str:
    lines = [
        f"{told['helper']}: {told['formula']}",
        f"numerator: {told['numerator']}",
        f"denominator: {told['denominator']}",
    ]
    if told["first"]:
        lines.append(f"window: {told['first']} to {told['last']}")
    if told["pending_share"] is not None:
        lines.append(f"pending: {told['pending_share']:.1%}")
    lines += told["notes"]
    for name, source in told["sources"].items():
        lines += _sourced(name, source)
    if _changed(frame, told):
        lines.append(f"filtered since: made with {told['rows']:,} rows, now {len(frame):,}, or values differ")
    return "\n".join([*lines, "SQL:", *told["sql"]])


def _sourced(name: str, source: dict[str, Any]) -> list[str]:
    rows = "" if source["rows"] is None else f"{source['rows']:,} rows, "
    lines = [f"source: {name}, {rows}from {source['kind']}"]
    return lines + (_drained(name, source["rows"], source["drain"]) if source["drain"] else [])


def _drained(name: str, rows: int, drain: dict[str, Any]) -> list[str]:
    facts = ", ".join(f"{key} {value}" for key, value in drain.items() if key != "keys" and _plain(value))
    lines = [f"{name} drained: {facts}"]
    if drain.get("rows", rows) != rows:
        lines.append(f"{name} filtered since: drained {drain['rows']:,} rows, here {rows:,}")
    return lines


def _other_keys(frame: pd.DataFrame, drain: dict[str, Any]) -> list[str]:
    """Tell when a drained frame has as many rows as it had, but others."""
    key = list(TABLES[drain["table"]].key) if drain.get("table") in TABLES else []
    if "keys" not in drain or drain.get("rows") != len(frame) or not set(key) <= set(frame.columns):
        return []
    keys = pa.Table.from_pandas(frame[key], preserve_index=False)
    same = key_hash(drain["table"], keys) == drain["keys"]
    return [] if same else ["frame filtered since: as many rows as drained, but others"]


def _plain(value: object) -> bool:
    """Tell what fits in a line: texts, numbers, and lists of few texts."""
    if isinstance(value, list):
        return 0 < len(value) <= 3 and all(isinstance(item, str) for item in value)
    return isinstance(value, str | int | float)


def _changed(frame: pd.DataFrame, told: dict[str, Any]) -> bool:
    columns = told["columns"]
    if not set(columns) <= set(frame.columns):
        return True
    return bool(len(frame) != told["rows"] or _digest(frame, columns) != told["digest"])


def _digest(frame: pd.DataFrame, columns: list[str]) -> str:
    """Sum the rows' hashes: another order is the same result, another value is not."""
    return str(pd.util.hash_pandas_object(frame[columns], index=False).sum())


def _source(source: dict[str, Any]) -> dict[str, Any]:
    return {"kind": source["kind"], "rows": source["rows"], "drain": source["drain"]}


def _iso(micros: Any) -> str | None:
    if micros is None or pd.isna(micros):
        return None
    return str(instants([micros]).iloc[0].isoformat())
