"""How complete the rows behind a result are: its certificate, in plain sentences.

Owns what is concluded from what drains, the store and helpers wrote beside their frames. Imports of smsdata
only errors, `schema`, `shown` and, within core, provenance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from smsdata.analysis.core.provenance import changed_since, minute_of, refuse_unknown
from smsdata.schema.tables import KEPT_BY_STORE
from smsdata.shown import html_of, shown_in_any_case

_VERDICTS = {
    True: "Complete as far as it reaches, as the records of what was read tell.",
    False: "NOT complete: rows are missing from what is behind this.",
    None: "How complete this is cannot be told: nobody wrote down how all of its rows were read.",
}


@dataclass(frozen=True)
class Certificate:
    """How complete the rows behind a result are.

    Attributes
    ----------
    complete : bool or None
        False where rows are known to be missing; None where it cannot be told.
    lines : tuple of str
        In plain sentences: the verdict, then each table that the result was made from, then what may change.
    """

    complete: bool | None
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    @shown_in_any_case
    def _repr_html_(self) -> str:
        return html_of("Certificate", lines=self.lines)


def certificate(frame: pd.DataFrame) -> Certificate:
    """Tell how complete the rows behind a result are, from what was written beside it when it was made.

    Makes no call and reads no file: what a store says was true when the frame was read from it.

    Parameters
    ----------
    frame : DataFrame
        What a helper, a drain, the store or `smsdata.hygiene.plan` gave.

    Returns
    -------
    Certificate
        Print it, or let a notebook show it; ``complete`` is the verdict.

    Raises
    ------
    UsageError
        If nothing is known about the frame: pandas keeps ``attrs`` through filters, not through every merge.

    Examples
    --------
    >>> from smsdata.analysis.delivery import delivery_rate
    >>> sent = pd.to_datetime(["2026-11-01", "2026-11-01"], utc=True)
    >>> rates = delivery_rate(
    ...     pd.DataFrame({"status": ["delivered", "hard-bounce"], "sent_at": sent}), now="2026-11-22"
    ... )
    >>> print(certificate(rates))
    How complete this is cannot be told: nobody wrote down how all of its rows were read.
    messages: 2 rows of a frame of which nothing is known.
    """
    refuse_unknown("certificate", frame)
    account = frame.attrs.get("explain")
    if account is None:
        beside = {
            "rows": len(frame),
            "made": None,
            **{name: frame.attrs.get(name) for name in ("drain", "stored")},
        }
        sources = {"the frame": beside}
    else:
        sources = account["sources"]
    judged = [one for name, source in sources.items() for one in _said_of(name, source)]
    return Certificate(_complete_or_not(judged), tuple(_lines(frame, account, judged)))


def _complete_or_not(judged: list[tuple[bool | None, str]]) -> bool | None:
    verdicts = [complete for complete, _ in judged]
    if False in verdicts:
        return False
    return None if None in verdicts or not verdicts else True


def _lines(
    frame: pd.DataFrame, account: Mapping[str, Any] | None, judged: list[tuple[bool | None, str]]
) -> Iterator[str]:
    yield _VERDICTS[_complete_or_not(judged)]
    yield from dict.fromkeys(line for _, line in judged)  # a table that was given twice is said once
    if account and account["pending_share"]:
        share = account["pending"] if account["pending_share"] >= 0.0005 else "Less than 0.1%"
        yield f"{share} of the messages behind it are pending: the result may still change."
    if account and "plan" not in frame.attrs and changed_since(frame, account):  # a plan has rules applied
        yield "The frame was filtered or changed since it was made: this is about what it was made from."


def _said_of(name: str, source: Mapping[str, Any]) -> Iterator[tuple[bool | None, str]]:
    """What one source says: complete or not, and in words; of a result, what it was made from says."""
    if source["made"]:
        for inner, of in source["made"]["sources"].items():
            yield from _said_of(inner, of)
        return
    stored, drain = source.get("stored"), source["drain"]
    if stored:
        now = source["rows"]
        then = sum(one["rows"] for one in stored if one["rows"] is not None)
        for one in stored:
            yield _of_stored(one)
        if now is not None and now != then:
            yield True, f"{name}: {now:,} of the {then:,} rows that were read from the store."
    elif drain:
        yield _of_drain(name, source["rows"], drain)
    else:
        rows = "" if source["rows"] is None else f"{source['rows']:,} rows of "
        yield None, f"{name}: {rows}a frame of which nothing is known."


def _of_drain(name: str, rows: int | None, drain: Mapping[str, Any]) -> tuple[bool, str]:
    proofs = ", ".join(dict.fromkeys(drain.get("proofs", [])))
    spans = drain.get("windows") or []
    span = f" of {minute_of(spans[0][0])} to {minute_of(spans[-1][1])} (UTC)" if spans else ""
    at = f" at {minute_of(drain['proved_until'])} UTC" if drain.get("proved_until") else ""
    now = "" if rows in (None, drain.get("rows")) else f", of which {rows:,} are here"
    if "unproved" in drain.get("proofs", []):
        return False, f"{name}: {drain['rows']:,} rows{span} as two passes saw them{at}, not proved{now}."
    return True, f"{name}: all {drain['rows']:,} rows{span} that the gateway had{at}, proved ({proofs}){now}."


def _of_stored(one: Mapping[str, Any]) -> tuple[bool | None, str]:
    """What the store said of one table, when it was read."""
    name = f"{one['table']} of {one['account']}" if one["account"] else one["table"]
    begins, since = one["complete_from"], one["since"]
    if one["lacking_count"]:
        more = f" (and {one['lacking_count'] - 1:,} more)" if one["lacking_count"] > 1 else ""
        first = one["lacking"][0].removeprefix(f"{one['table']} ")
        return False, f"{name}: {first}{more}"
    if one["table"] in KEPT_BY_STORE:
        return True, f"{name}: the store's own record, of what came since it was made."
    if not begins and not one["read_whole_at"]:
        return None, f"{name}: no sync has read it whole."
    if not begins:
        return True, f"{name}: read whole at {minute_of(one['read_whole_at'])} UTC."
    until = f" until {minute_of(one['complete_until'])}" if one["complete_until"] else ""
    if since and since < begins:
        return False, (
            f"{name}: asked for from {minute_of(since)} on, complete only from {minute_of(begins)}{until} "
            f"(UTC): `smsdata sync --since {since[:10]}` reads what is before."
        )
    at = "" if until or not one["read_whole_at"] else f", read whole at {minute_of(one['read_whole_at'])}"
    return True, f"{name}: complete from {minute_of(begins)}{until}{at} (UTC)."
