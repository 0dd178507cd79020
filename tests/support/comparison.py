"""Where a store is not the truth: rows lost, doubled, foreign or wrong."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from smsdata.gateway.endpoints import SYNCED
from smsdata.schema.tables import TABLES
from smsdata.simulator import Account
from smsdata.store.store import Store

OWN = frozenset({"extra", "synced_at", "gone_at", "proved", "source"})
"""Columns that a store adds for itself."""

NAMES = ("first_name", "last_name")
"""What a dlr does not know that follows from the messages of its send."""

Rows = list[dict[str, Any]]


class Difference(NamedTuple):
    """Rows of the truth that are not stored as they are, and rows stored that are not true."""

    missing: Rows
    foreign: Rows


def counted(rows: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Rows in a form that can be compared, in any order, each as often as it is there."""
    return Counter(json.dumps(row, sort_keys=True, default=str) for row in rows)


def _rows(counted: Counter[str]) -> Rows:
    return [json.loads(row) for row in counted.elements()]


def stored_rows(store: Store, table: str) -> Counter[str]:
    """The rows that have not vanished, in the gateway's columns."""
    rows = [row for row in store.rows(table).to_pylist() if row.get("gone_at") is None]
    return counted({name: value for name, value in row.items() if name not in OWN} for row in rows)


def differences(store: Store, account: Account, tables: Iterable[str] = SYNCED) -> dict[str, Difference]:
    """Per table that differs: what is missing and what is foreign. Empty when the store is the truth."""
    unlike = {}
    for table in tables:
        have, true = stored_rows(store, table), counted(known_truth(store, table, account.truth(table)))
        if have != true:
            unlike[table] = Difference(_rows(true - have), _rows(have - true))
    return unlike


def known_truth(store: Store, table: str, truth: Iterable[Mapping[str, Any]]) -> Rows:
    """The truth, without the names that stored dlrs cannot know which were derived."""
    if table != "dlrs":
        return [dict(row) for row in truth]
    stored = store.rows(table, columns=["message_id", "msisdn", "source", *NAMES]).to_pylist()
    derived = {
        (row["message_id"], row["msisdn"])
        for row in stored
        if row["source"] == "derived" and all(row[name] is None for name in NAMES)
    }
    nameless = dict.fromkeys(NAMES)
    return [
        {**row, **nameless} if (row["message_id"], row["msisdn"]) in derived else dict(row) for row in truth
    ]


def described(unlike: Mapping[str, Difference]) -> list[str]:
    """One line per way in which a table differs, without personal data."""
    return [f"{table}: {line}" for table, one in unlike.items() for line in _ways(table, one)]


def _ways(table: str, one: Difference) -> list[str]:
    lost, extra = ({_key(table, row): row for row in rows} for rows in one)
    both = lost.keys() & extra.keys()
    counts = {
        "rows lost": len(lost.keys() - both),
        "rows that are not there": len(extra.keys() - both),
        "rows more than once": len(one.foreign) - len(extra),
    }
    wrong = Counter(name for key in both for name in lost[key] if lost[key][name] != extra[key].get(name))
    counts |= {f"rows with a wrong {column}": count for column, count in sorted(wrong.items())}
    return [f"{count} {what}" for what, count in counts.items() if count] or [
        "the same rows, written otherwise"
    ]


def _key(table: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in TABLES[table].key)
