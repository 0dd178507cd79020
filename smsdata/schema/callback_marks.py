"""Rows that only callbacks told of, or whose status only a callback told: marked in ``extra`` until polled.

``extra`` is then ``{"callback": {...}, "event": ..., "source": "callback"}``, or ends in ``"status_from":
"callback"`` after ``"status"``, which is what polls have shown, empty where they showed none. ``callback``
holds the parameters of callbacks that no column takes, and ``polled`` beside it those of polls. Whatever
counts rows to see what polls have shown leaves the former out, and takes the latter as `polled_rows` does.
Imports `kinds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from smsdata.schema.kinds import json_text

_BEGINS = '{"callback":{'
_HEARD = ',"source":"callback"}'
_STATUS = ',"status_from":"callback"}'
TABLES_WITH_MARKS = frozenset({"dlrs", "messages", "optouts", "replies", "link_hits", "list_events"})
"""The tables that callbacks fill, or whose status they move."""
OPTED_OUT_WORDS = ("yes", "true", "1")
"""What a callback says under ``is_optout`` of a reply that the gateway takes for an opt-out."""


@dataclass(frozen=True, slots=True)
class Extra:
    """The ``extra`` of one row, in its parts.

    `callback` and `polled` hold what no column takes, of callbacks and of polls. `heard` tells that only
    callbacks told of the row, `event` of which of them it is made; `status_heard` that only a callback told
    its status, where polls have shown `status`.
    """

    callback: dict[str, str] = field(default_factory=dict)
    polled: dict[str, Any] | None = None
    event: str = ""
    heard: bool = False
    status_heard: bool = False
    status: str = ""

    @classmethod
    def of(cls, text: str | None) -> Self:
        """The parts of a text."""
        value = orjson.loads(text) if text else {}
        if not text or not text.startswith(_BEGINS):
            return cls(polled=value or None)
        heard, moved = value.get("source") == "callback", value.get("status_from") == "callback"
        event = value.get("event", "") if heard else ""
        return cls(value["callback"], value.get("polled"), event, heard, moved, value.get("status", ""))

    def text(self) -> str | None:
        """The parts as a text; None where there are none.

        >>> Extra({"campaign": "7"}, status_heard=True, status="pending").text()
        '{"callback":{"campaign":"7"},"status":"pending","status_from":"callback"}'
        >>> Extra.of(Extra({}, {"new": 1}).text()) == Extra(polled={"new": 1})
        True
        """
        made: dict[str, Any] = {"callback": self.callback}
        if self.heard:
            made |= {"event": self.event, "source": "callback"}
        elif self.status_heard:
            made |= {"status": self.status, "status_from": "callback"}
        elif not self.callback:
            return json_text(self.polled) if self.polled else None
        return json_text(made | ({"polled": self.polled} if self.polled else {}))


def marked_text(spare: Mapping[str, str], event: str) -> str:
    """The ``extra`` of a row that only a callback told of; `event` tells one callback from another.

    >>> marked_text({"campaign": "7"}, "0f")
    '{"callback":{"campaign":"7"},"event":"0f","source":"callback"}'
    """
    return json_text({"callback": dict(spare), "event": event, "source": "callback"})


def is_marked(extra: str | None) -> bool:
    """Whether the ``extra`` of one row says that polling has still to confirm it.

    >>> is_marked(marked_text({}, "0f")), is_marked('{"source":"callback"}'), is_marked(None)
    (True, False, False)
    """
    return extra is not None and extra.startswith(_BEGINS) and extra.endswith((_HEARD, _STATUS))


def only_heard(extra: pa.ChunkedArray) -> pa.Array:
    """Which rows no poll has shown yet."""
    return _with(extra, _HEARD)


def status_heard(extra: pa.ChunkedArray) -> pa.Array:
    """Of which rows that polls have shown only a callback told the status."""
    return _with(extra, _STATUS)


def said_opt_out(extra: pa.ChunkedArray) -> pa.ChunkedArray:
    """Of which replies a callback said that they are opt-outs."""
    words = "|".join(OPTED_OUT_WORDS)
    return pc.fill_null(pc.match_substring_regex(extra, f'(?i)"is_optout":"({words})"'), False)


def event_of(extra: pa.ChunkedArray) -> pa.ChunkedArray:
    """Of rows that only callbacks told of: of which callback they are made."""
    return pc.replace_substring_regex(
        extra, r'^.*,"event":"([^"]*)"(,"polled":.*)?,"source":"callback"}$', r"\1"
    )


# ---- what polls have shown -------------------------------------------------------------------------


def polled_rows(rows: pa.Table) -> pa.Table:
    """The rows that polls have shown, with the status that polls showed."""
    rows = rows.filter(pc.invert(only_heard(rows.column("extra"))))
    if "status" not in rows.column_names:
        return rows
    shown = {"status": polled_statuses(rows), "extra": _without_status_marks(rows.column("extra"))}
    columns = [shown.get(name, rows.column(name)) for name in rows.column_names]
    return pa.Table.from_arrays(columns, schema=rows.schema)


def polled_statuses(rows: pa.Table) -> pa.ChunkedArray:
    """The status of each row that polls have shown; that of one which only callbacks told of stays."""
    marked = status_heard(rows.column("extra"))
    if not pc.any(marked).as_py():
        return rows.column("status")
    texts = rows.column("extra").filter(marked).to_pylist()
    shown = pa.array([Extra.of(text).status or None for text in texts], pa.string())
    return _replaced(rows.column("status"), marked, shown)


def told_by_callbacks(rows: pa.Table) -> pa.ChunkedArray:
    """Of rows whose status only a callback told, that which polls have shown, or ""; null of the others."""
    extra = rows.column("extra")
    marked = pc.or_(only_heard(extra), status_heard(extra))
    made = pa.chunked_array([pa.nulls(rows.num_rows, pa.string())])
    if not pc.any(marked).as_py():
        return made
    shown = [Extra.of(text).status for text in extra.filter(marked).to_pylist()]
    return _replaced(made, marked, pa.array(shown, pa.string()))


def counted_by_polls(grouped: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows counted by ``extra`` and perhaps ``status``: those that polls have shown, as they showed them."""
    for row in grouped:
        extra = Extra.of(row["extra"]) if is_marked(row["extra"]) else Extra()
        if not extra.heard:
            shown = {"status": extra.status or None} if extra.status_heard and "status" in row else {}
            yield {**row, **shown}


# ---- two rows of the same thing ----------------------------------------------------------------------


def met_extra(
    old: pa.Table, new: pa.Table, later: pa.ChunkedArray, source: str, told: pa.ChunkedArray | None = None
) -> pa.ChunkedArray:
    """The ``extra`` of rows that are stored and come again.

    Parameters
    ----------
    old, new
        What is stored, and what comes, row by row.
    later
        Of which rows what comes counts.
    source
        Who tells it: ``"polled"`` or ``"callback"``.
    told
        Whether only a callback told the status that counts: see `told_by_callbacks`.
    """
    mine, theirs = old.column("extra"), new.column("extra")
    plain = pc.if_else(later, theirs, mine)
    touched = pc.fill_null(pc.starts_with(mine, _BEGINS), False)
    touched = pc.or_(touched, pc.is_valid(told)) if told is not None else touched
    if source == "callback":
        touched = pa.chunked_array([pa.repeat(True, new.num_rows)])
    if not pc.any(touched).as_py():
        return plain
    columns = [mine, theirs, later, told if told is not None else pa.nulls(new.num_rows)]
    rows = zip(*(pc.filter(column, touched).to_pylist() for column in columns), strict=True)
    made = [_met(Extra.of(a), Extra.of(b), wins, source, shown).text() for a, b, wins, shown in rows]
    return _replaced(plain, touched, pa.array(made, pa.string()))


def _met(mine: Extra, theirs: Extra, later: bool, source: str, told: str | None) -> Extra:
    if source == "polled":
        return _marked(Extra(mine.callback, theirs.polled if later else mine.polled), told)
    spare = max(mine.callback, theirs.callback, key=lambda one: (bool(one), json_text(one)))
    if mine.heard:
        return replace(theirs if later else mine, callback=spare)
    return _marked(Extra(spare, mine.polled), told)


def _marked(extra: Extra, told: str | None) -> Extra:
    return replace(extra, status_heard=told is not None, status=told or "")


def without_people(extra: Iterable[str | None]) -> list[str | None]:
    """``extra`` without what it says of somebody: the mark that polls have yet to confirm it, and an opt-out.

    >>> without_people([marked_text({"is_optout": "yes", "name": "Ann"}, "0f"), '{"name":"Ann"}', None])
    ['{"callback":{"is_optout":"yes"},"event":"","source":"callback"}', None, None]
    """
    return [_without_person(text) if text and text.startswith(_BEGINS) else None for text in extra]


def _without_person(text: str) -> str | None:
    try:
        told = Extra.of(text)
    except orjson.JSONDecodeError:
        return None
    said = {name: told.callback[name] for name in ("is_optout",) if name in told.callback}
    return replace(told, callback=said, polled=None, event="").text()


def _without_status_marks(extra: pa.ChunkedArray) -> pa.ChunkedArray:
    marked = status_heard(extra)
    made = [replace(Extra.of(text), status_heard=False).text() for text in extra.filter(marked).to_pylist()]
    return _replaced(extra, marked, pa.array(made, pa.string()))


def with_status_marks(extra: pa.ChunkedArray, told: pa.ChunkedArray) -> pa.ChunkedArray:
    """``extra`` of polled rows with or without the mark that only a callback told their status."""
    rows = zip(extra.to_pylist(), told.to_pylist(), strict=True)
    made = [_marked(Extra.of(text), shown).text() for text, shown in rows]
    return pa.chunked_array([pa.array(made, pa.string())])


def _replaced(values: pa.ChunkedArray, chosen: pa.Array, others: pa.Array) -> pa.ChunkedArray:
    """Values with others in chosen places."""
    left = np.array(values.to_pylist(), dtype=object)
    left[np.asarray(chosen)] = others.to_pylist()
    return pa.chunked_array([pa.array(left.tolist(), values.type)])


def _with(extra: pa.ChunkedArray, ending: str) -> pa.Array:
    both: Any = pc.and_(pc.starts_with(extra, _BEGINS), pc.ends_with(extra, ending))
    return pc.fill_null(both, False)
