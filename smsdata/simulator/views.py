"""The shapes that answers share. Owns how rows wait to be built, and how values are written on the wire.

Imports the state of an account and the parameters of a request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from smsdata.simulator.query import Query
from smsdata.simulator.recipients import Ints
from smsdata.simulator.seed_data import Record
from smsdata.simulator.state import AccountState


@lru_cache(maxsize=100_000)
def stamp(seconds: int) -> str:
    """Epoch seconds as the gateway writes an instant."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def stamp_or_null(seconds: int | None) -> str | None:
    """The same for an instant that may be missing."""
    return None if seconds is None else stamp(seconds)


@dataclass(frozen=True)
class View:
    """All rows of one call at one moment, not yet built.

    ``keys`` stand for the rows, newest first; ``times`` (same length) tell which of them share a second;
    ``build`` makes rows of some keys; ``beside`` stands next to the rows; ``total`` differs from the number
    of keys for get-list only.
    """

    keys: Sequence[Any] | Ints
    times: Sequence[int] | Ints
    build: Callable[[Any], list[Record]]
    beside: Record = field(default_factory=dict)
    total: int | None = None


@dataclass(frozen=True)
class Listing:
    """A paginated call: the keys of its rows and of its total, and what makes its view."""

    rows: str
    total: str
    view: Callable[[AccountState, Query], View]
    reseller: bool = False


def ready_view(rows: list[Record], times: Sequence[int] | None = None) -> View:
    """A view of rows that are built already; without times their order is fixed."""
    return View(rows, range(len(rows), 0, -1) if times is None else times, list)


def required_id(query: Query, name: str) -> int:
    """A required id."""
    value = query.integer(name, required=True)
    assert value is not None  # noqa: S101  (required=True has refused a missing one)
    return value


def shaped_fields(fields: dict[str, Any], style: str | None) -> Any:
    """Custom fields in the shape asked for: an object, ``[]`` when empty, an array of name and value."""
    if style == "array":
        return [{"name": name, "value": value} for name, value in fields.items()]
    return dict(fields) or []
