"""Where a number came from: what `explain` reads, written beside every result.

Imports of smsdata only errors, frames (for the hash of a drain's keys) and the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from smsdata.analysis.core.engine import Tables, instants, origin, quoted
from smsdata.errors import UsageError
from smsdata.schema.frames import key_hash
from smsdata.schema.tables import TABLES


@dataclass(frozen=True)
class Window:
    """When the rows counted are from.

    Attributes
    ----------
    first, last : int or None
        Epoch microseconds; missing if there are no rows.
    clock : str
        The instant that they are of.
    as_of : int or None
        When a snapshot was read, epoch microseconds.
    why : str
        In words, why there is neither.
    """

    first: Any = None
    last: Any = None
    clock: str = "sent_at"
    as_of: Any = None
    why: str = "nothing was counted"

    def told(self) -> str:
        """Tell it in words."""
        first, last, as_of = _iso(self.first), _iso(self.last), _iso(self.as_of)
        lasting = f"{first} to {last} ({self.clock})" if first and last else ""
        read = f"as of {as_of}" if as_of else ""
        return "; ".join(part for part in (read, lasting) if part) or f"none: {self.why}"


def explained(
    frame: pd.DataFrame,
    tables: Tables,
    *,
    formula: str,
    numerator: str,
    denominator: str,
    window: Window,
    pending: float | str | None,
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
    window : Window
        When the rows counted are from.
    pending : float, str or None
        The share of pending messages among those counted, 0 to 1; or in words why there is none; missing if
        nothing was counted.
    notes : tuple of str
        What a reader must know besides.
    """
    given = {name: source for name, source in tables.sources.items() if name in tables.given}
    return _written(
        frame,
        {
            "helper": tables.helper,
            "formula": formula,
            "numerator": numerator,
            "denominator": denominator,
            **_when(window),
            **_open(pending),
            "sources": {name: _source(source) for name, source in given.items()},
            "sql": list(tables.sql),
            "notes": list(notes),
        },
    )


def derived(
    frame: pd.DataFrame, source: pd.DataFrame, *, helper: str, formula: str, numerator: str, denominator: str
) -> pd.DataFrame:
    """Write how a frame was made from another result, whose window and pending share it keeps."""
    known = source.attrs.get("explain")
    unknown = "the frame it was made from does not tell"
    kept = {**_when(Window(why=unknown)), **_open(unknown)}
    if known:
        kept = {name: known[name] for name in kept}
    return _written(
        frame,
        {
            "helper": helper,
            "formula": formula,
            "numerator": numerator,
            "denominator": denominator,
            **kept,
            "sources": {"result": origin(source)},
            "sql": list(known["sql"]) if known else [],
            "notes": list(known["notes"]) if known else [],
        },
    )


def span(
    tables: Tables, table: str, at: str = "sent_at", *, status: bool = True
) -> tuple[Window, float | str | None]:
    """Look up when a table's rows are from, and which share of them is pending, as far as it has columns.

    Parameters
    ----------
    tables : Tables
        The tables of the running helper.
    table : str
        The one to look at.
    at : str
        Its instant.
    status : bool
        Whether its rows are messages, which can be pending.
    """
    timed, known = tables.has(table, at), status and tables.has(table, "status")
    first, last = (f"{end}(unix_micros({quoted(at)}))" if timed else "NULL" for end in ("min", "max"))
    pending = tables.total(table, "\"status\" = 'pending'") if known else "0"
    found = tables.query(f"""
        SELECT {_bigint(first)} AS "first", {_bigint(last)} AS "last",
            {tables.total(table)} AS "n", {_bigint(pending)} AS "pending"
        FROM @{table}
    """).iloc[0]
    why = "nothing was counted" if timed else f"{table} came without {at}"
    share: float | str | None = f"{table} came without status"
    if known:
        share = found["pending"] / found["n"] if found["n"] else None
    return Window(found["first"], found["last"], clock=at, why=why), share


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
        f"window: {told['window']}",
        f"pending: {told['pending']}",
        *told["notes"],
    ]
    for name, source in told["sources"].items():
        lines += _sourced(name, source)
    if _changed(frame, told):
        lines.append(f"filtered since: made with {told['rows']:,} rows, now {len(frame):,}, or values differ")
    return "\n".join([*lines, "SQL:", *told["sql"]])


def _sourced(name: str, source: dict[str, Any]) -> list[str]:
    rows = "" if source["rows"] is None else f"{source['rows']:,} rows, "
    lines = [f"source: {name}, {rows}from {source['kind']}"]
    if source["made"]:
        lines[0] = f"source: {name}, {rows}made by {source['made']['helper']} from"
        for inner, of in source["made"]["sources"].items():
            lines += [f"  {line}" for line in _sourced(inner, of)]
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
    return {name: source[name] for name in ("kind", "rows", "drain", "made")}


def _written(frame: pd.DataFrame, told: dict[str, Any]) -> pd.DataFrame:
    columns = [str(column) for column in frame.columns]
    digest = _digest(frame, list(frame.columns))
    frame.attrs["explain"] = {**told, "columns": columns, "rows": len(frame), "digest": digest}
    return frame


def _when(window: Window) -> dict[str, Any]:
    ends = {"first": window.first, "last": window.last, "as_of": window.as_of}
    told = {name: _iso(micros) for name, micros in ends.items()}
    return {**told, "clock": window.clock, "window": window.told()}


def _open(pending: float | str | None) -> dict[str, Any]:
    if isinstance(pending, str):
        return {"pending_share": None, "pending": f"none: {pending}"}
    if pending is None or pd.isna(pending):
        return {"pending_share": None, "pending": "none: nothing was counted"}
    return {"pending_share": float(pending), "pending": f"{pending:.1%}"}


def _bigint(sql: str) -> str:
    return f"CAST({sql} AS BIGINT)"


def _iso(micros: Any) -> str | None:
    if micros is None or pd.isna(micros):
        return None
    return str(instants([micros]).iloc[0].isoformat())
