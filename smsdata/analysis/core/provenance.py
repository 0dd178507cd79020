"""Where a number came from: what `explain` reads, written beside every result.

Owns the account of a result (formula, counts, time span, pending share, sources, SQL) and how it is told.
Imports of smsdata only errors, `schema` (for the hash of a drain's keys) and, within core, spark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa

from smsdata.analysis.core.spark import is_spark
from smsdata.errors import UsageError
from smsdata.schema.frames import key_hash
from smsdata.schema.tables import TABLES


class Workings(Protocol):
    """What a helper worked with: its name, its tables by the names it was given them, and the SQL it ran."""

    helper: str
    given: frozenset[str]
    sources: dict[str, dict[str, Any]]
    sql: list[str]


@dataclass(frozen=True)
class TimeSpan:
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

    def in_words(self) -> str:
        """Say it as `explain` shows it."""
        first, last, as_of = _iso_of_micros(self.first), _iso_of_micros(self.last), _iso_of_micros(self.as_of)
        lasting = f"{first} to {last} ({self.clock})" if first and last else ""
        read = f"as of {as_of}" if as_of else ""
        return "; ".join(part for part in (read, lasting) if part) or f"none: {self.why}"


def explained(
    frame: pd.DataFrame,
    tables: Workings,
    *,
    formula: str,
    numerator: str,
    denominator: str,
    window: TimeSpan,
    pending: float | str | None,
    notes: tuple[str, ...] = (),
) -> pd.DataFrame:
    """Write into ``frame.attrs["explain"]`` how it was made; plain JSON values, so it travels into Parquet.

    Parameters
    ----------
    frame : DataFrame
        The result; it is returned.
    tables : Workings
        What it was made from.
    formula, numerator, denominator : str
        In words.
    window : TimeSpan
        When the rows counted are from.
    pending : float, str or None
        The share of pending messages among those counted, 0 to 1; or in words why there is none; missing if
        nothing was counted.
    notes : tuple of str
        What a reader must know besides.
    """
    given = {name: source for name, source in tables.sources.items() if name in tables.given}
    return _with_account(
        frame,
        {
            "helper": tables.helper,
            "formula": formula,
            "numerator": numerator,
            "denominator": denominator,
            **_span_facts(window),
            **_pending_facts(pending),
            "sources": {name: _kept_of_source(source) for name, source in given.items()},
            "sql": list(tables.sql),
            "notes": list(notes),
        },
    )


def scope(counts: pd.DataFrame, n: str = "n") -> dict[str, Any]:
    """Give `explained` its window and pending share from counts per group.

    Parameters
    ----------
    counts : DataFrame
        ``first``, ``last`` (epoch microseconds) and ``pending``, per group.
    n : str
        The column that counts all of them.

    Examples
    --------
    >>> scope(pd.DataFrame({"first": [5], "last": [9], "pending": [1], "n": [4]}))["pending"]
    0.25
    """
    total = counts[n].sum()
    pending = float(counts["pending"].sum() / total) if total else None
    return {"window": TimeSpan(counts["first"].min(), counts["last"].max()), "pending": pending}


def together(parts: Mapping[str, pd.DataFrame], tables: Mapping[str, Any]) -> pd.DataFrame:
    """Put the results of several accounts into one frame, and what was written of how they were made.

    Parameters
    ----------
    parts : mapping of str to DataFrame
        What a helper gave for each account, by its name.
    tables : mapping of str to table
        What it was made from, all accounts together.

    Returns
    -------
    DataFrame
        ``account`` (str), then the columns of the results; the rows of one account after those of the other.
    """
    frames = []
    for name, part in parts.items():
        owners = pd.DataFrame({"account": pd.Series(name, index=part.index, dtype="str")})
        frames.append(pd.concat([owners, part], axis=1))
    made = [part.attrs["explain"] for part in parts.values()]
    used = [name for name in tables if all(name in one["sources"] for one in made)]
    sources = {name: _kept_of_source(origin(tables[name])) for name in used}
    for name, source in sources.items():
        if source["rows"] is None:
            counted = [one["sources"][name]["rows"] for one in made]
            source["rows"] = None if None in counted else sum(counted)
    shares = [one["pending_share"] for one in made if one["pending_share"] is not None]
    facts = {
        **made[0],
        **_span_facts(_span_of_all(made)),
        "pending_share": max(shares, default=None),
        "pending": _by_account(parts, [one["pending"] for one in made]),
        "sources": sources,
        "notes": [
            f"each account by itself: {', '.join(parts)}; SQL of the first",
            *(_by_account(parts, list(said)) for said in zip(*(one["notes"] for one in made), strict=False)),
        ],
    }
    return _with_account(pd.concat(frames, ignore_index=True), facts)


def _by_account(names: Iterable[str], said: list[str]) -> str:
    """What is said of each account: once, where it is the same of all."""
    if len(set(said)) == 1:
        return said[0]
    return "; ".join(f"{name}: {words}" for name, words in zip(names, said, strict=True))


def _span_of_all(made: list[dict[str, Any]]) -> TimeSpan:
    told = {end: [_micros_of_iso(one[end]) for one in made if one[end]] for end in ("first", "last", "as_of")}
    why = made[0]["window"].partition("none: ")[2] or "nothing was counted"
    return TimeSpan(
        min(told["first"], default=None),
        max(told["last"], default=None),
        clock=made[0]["clock"],
        as_of=min(told["as_of"], default=None),
        why=why,
    )


def _micros_of_iso(stamp: str) -> int:
    return (datetime.fromisoformat(stamp) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def derived(
    frame: pd.DataFrame, source: pd.DataFrame, *, helper: str, formula: str, numerator: str, denominator: str
) -> pd.DataFrame:
    """Write how a frame was made from another result, whose window and pending share it keeps."""
    known = source.attrs.get("explain")
    unknown = "the frame it was made from does not tell"
    kept = {**_span_facts(TimeSpan(why=unknown)), **_pending_facts(unknown)}
    if known:
        kept = {name: known[name] for name in kept}
    return _with_account(
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
    refuse_unknown("explain", frame)
    if "explain" in frame.attrs:
        return _in_lines(frame, frame.attrs["explain"])
    if "drain" in frame.attrs:
        drain = frame.attrs["drain"]
        return "\n".join(_drain_lines("frame", len(frame), drain) + _other_keys(frame, drain))
    return "\n".join(_stored_lines("frame", len(frame), frame.attrs["stored"]))


def refuse_unknown(what: str, frame: object) -> None:
    """Refuse what is no frame, or one beside which nothing was written; UsageError."""
    if not isinstance(frame, pd.DataFrame):
        raise UsageError(f"{what} takes a frame that a helper, a drain or the store gave, not {frame!r:.60}.")
    if not any(frame.attrs.get(name) for name in ("explain", "drain", "stored")):
        raise UsageError(
            f"{what}: nothing is known about this frame; give one from a helper, a drain or the store."
        )


def origin(source: Any) -> dict[str, Any]:
    """Tell what a table is, and for a helper's result which helper made it from what."""
    if not isinstance(source, pd.DataFrame):
        kind, stored = (
            "spark" if is_spark(source) else "scan",
            [dict(one) for one in getattr(source, "stored", ())],
        )
        return {"kind": kind, "rows": None, "drain": None, "stored": stored, "made": None}
    account = source.attrs.get("explain")
    made = {"helper": account["helper"], "sources": account["sources"]} if account else None
    beside = {"drain": source.attrs.get("drain"), "stored": source.attrs.get("stored", [])}
    return {"kind": "pandas", "rows": len(source), **beside, "made": made}


def _in_lines(frame: pd.DataFrame, account: dict[str, Any]) -> str:
    lines = [
        f"{account['helper']}: {account['formula']}",
        f"numerator: {account['numerator']}",
        f"denominator: {account['denominator']}",
        f"window: {account['window']}",
        f"pending: {account['pending']}",
        *account["notes"],
    ]
    for name, source in account["sources"].items():
        lines += _source_lines(name, source)
    if changed_since(frame, account):
        lines.append(
            f"filtered since: made with {account['rows']:,} rows, now {len(frame):,}, or values differ"
        )
    return "\n".join([*lines, "SQL:", *account["sql"]])


def _source_lines(name: str, source: dict[str, Any]) -> list[str]:
    rows = "" if source["rows"] is None else f"{source['rows']:,} rows, "
    lines = [f"source: {name}, {rows}from {source['kind']}"]
    if source["made"]:
        lines[0] = f"source: {name}, {rows}made by {source['made']['helper']} from"
        for inner, of in source["made"]["sources"].items():
            lines += [f"  {line}" for line in _source_lines(inner, of)]
    if source["drain"]:
        lines += _drain_lines(name, source["rows"], source["drain"])
    elif source.get("stored") and not source["made"]:
        lines += _stored_lines(name, source["rows"], source["stored"])
    return lines


def _drain_lines(name: str, rows: int, drain: dict[str, Any]) -> list[str]:
    facts = ", ".join(
        f"{key} {value}"
        for key, value in drain.items()
        if key not in {"keys", "witness"} and _fits_in_a_line(value)
    )
    lines = [f"{name} drained: {facts}", *_witness_lines(name, drain)]
    if drain.get("rows", rows) != rows:
        lines.append(f"{name} filtered since: drained {drain['rows']:,} rows, here {rows:,}")
    return lines


def _stored_lines(name: str, rows: int | None, stored: list[dict[str, Any]]) -> list[str]:
    """Tell what the store knew of a table when it was read, from when until when."""
    lines = []
    for one in stored:
        facts = {
            "table": one["table"], "account": one["account"], "rows": one["rows"],
            "from": minute_of(one["since"]), "before": minute_of(one["until"]),
            "complete from": minute_of(one["complete_from"]), "until": minute_of(one["complete_until"]),
            "read whole": minute_of(one["read_whole_at"]), "lacking": one["lacking_count"] or None,
        }  # fmt: skip
        told = ", ".join(f"{key} {fact}" for key, fact in facts.items() if fact not in (None, ""))
        lines.append(f"{name} from the store: {told}")
    then = [one["rows"] for one in stored]
    if rows is not None and None not in then and sum(then) != rows:
        lines.append(f"{name} filtered since: read {sum(then):,} rows, here {rows:,}")
    return lines


def minute_of(stamp: str | None) -> str:
    """An instant in ISO text to the minute, empty where there is none.

    >>> minute_of("2026-11-22T09:30:07+00:00"), minute_of(None)
    ('2026-11-22 09:30', '')
    """
    return stamp[:16].replace("T", " ") if stamp else ""


def _witness_lines(name: str, drain: dict[str, Any]) -> list[str]:
    """Tell whose count bears out the reads of a drain."""
    witnesses = drain.get("witness", [])
    counts = {word: witnesses.count(word) for word in ("independent", "consistent")}
    meaning = {"independent": "another call counts as many", "consistent": "only the same call agrees"}
    told = "; ".join(f"{count} {word} ({meaning[word]})" for word, count in counts.items() if count)
    return [f"{name} witness: {told}"] if told else []


def _other_keys(frame: pd.DataFrame, drain: dict[str, Any]) -> list[str]:
    """Tell when a drained frame has as many rows as it had, but others."""
    key = list(TABLES[drain["table"]].key) if drain.get("table") in TABLES else []
    if "keys" not in drain or drain.get("rows") != len(frame) or not set(key) <= set(frame.columns):
        return []
    keys = pa.Table.from_pandas(frame[key], preserve_index=False)
    same = key_hash(drain["table"], keys) == drain["keys"]
    return [] if same else ["frame filtered since: as many rows as drained, but others"]


def _fits_in_a_line(value: object) -> bool:
    """Tell what fits in a line: texts, numbers, and lists of few texts."""
    if isinstance(value, list):
        return 0 < len(value) <= 3 and all(isinstance(item, str) for item in value)
    return isinstance(value, str | int | float)


def changed_since(frame: pd.DataFrame, account: Mapping[str, Any]) -> bool:
    """Tell whether rows were taken away, added or changed since an account of the frame was written."""
    columns = account["columns"]
    if not set(columns) <= set(frame.columns):
        return True
    return bool(len(frame) != account["rows"] or _digest(frame, columns) != account["digest"])


def _digest(frame: pd.DataFrame, columns: list[str]) -> str:
    """Sum the rows' hashes: another order is the same result, another value is not."""
    return str(pd.util.hash_pandas_object(frame[columns], index=False).sum())


def _kept_of_source(source: dict[str, Any]) -> dict[str, Any]:
    return {name: source[name] for name in ("kind", "rows", "drain", "stored", "made")}


def _with_account(frame: pd.DataFrame, account: dict[str, Any]) -> pd.DataFrame:
    columns = [str(column) for column in frame.columns]
    digest = _digest(frame, list(frame.columns))
    frame.attrs["explain"] = {**account, "columns": columns, "rows": len(frame), "digest": digest}
    return frame


def _span_facts(window: TimeSpan) -> dict[str, Any]:
    ends = {"first": window.first, "last": window.last, "as_of": window.as_of}
    written = {name: _iso_of_micros(micros) for name, micros in ends.items()}
    return {**written, "clock": window.clock, "window": window.in_words()}


def _pending_facts(pending: float | str | None) -> dict[str, Any]:
    if isinstance(pending, str):
        return {"pending_share": None, "pending": f"none: {pending}"}
    if pending is None or pd.isna(pending):
        return {"pending_share": None, "pending": "none: nothing was counted"}
    return {"pending_share": float(pending), "pending": f"{pending:.1%}"}


def _iso_of_micros(micros: Any) -> str | None:
    if micros is None or pd.isna(micros):
        return None
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(micros))).isoformat()
