"""Rows that only callbacks told of, or whose status only a callback told: marked in ``extra`` until polled.

``extra`` is then ``{"callback": {...}, "event": ..., "source": "callback"}``, or ends in ``"status_from":
"callback"``; ``callback`` holds the parameters that no column takes. A poll that shows the row takes the mark
off. Whatever counts rows to see whether a send was polled leaves marked ones out. Imports `kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.schema.kinds import json_text

_BEGINS = '{"callback":{'
_HEARD = ',"source":"callback"}'
_STATUS = ',"status_from":"callback"}'
TABLES_WITH_MARKS = frozenset({"dlrs", "optouts", "replies", "link_hits", "list_events"})
"""The tables that callbacks fill."""


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


def unconfirmed(rows: pa.Table) -> pa.Array:
    """Which rows polling has still to confirm."""
    return pc.or_(only_heard(rows.column("extra")), _with(rows.column("extra"), _STATUS))


def confirmed(rows: pa.Table) -> pa.Table:
    """The rows that polling has confirmed."""
    return rows.filter(pc.invert(unconfirmed(rows)))


def only_heard(extra: pa.ChunkedArray) -> pa.Array:
    """Which rows no poll has shown yet."""
    return _with(extra, _HEARD)


def unmarked(extra: pa.ChunkedArray) -> pa.ChunkedArray:
    """``extra`` without its mark: the parameters that no column takes, or null."""
    told = pc.fill_null(pc.starts_with(extra, _BEGINS), False)
    plain = pc.replace_substring(pc.replace_substring(extra, _HEARD, "}"), _STATUS, "}")
    nothing = pc.fill_null(pc.starts_with(extra, '{"callback":{},'), False)
    kept = pc.if_else(told, plain, extra)
    return pc.if_else(nothing, pa.scalar(None, pa.string()), kept)


def of_callback(extra: pa.ChunkedArray) -> pa.ChunkedArray:
    """Only what callbacks left in ``extra``."""
    return pc.if_else(
        pc.fill_null(pc.starts_with(extra, _BEGINS), False), extra, pa.scalar(None, pa.string())
    )


def with_status_mark(extra: pa.ChunkedArray) -> pa.ChunkedArray:
    """``extra`` of polled rows whose status only a callback told."""
    bare = pa.scalar('{"callback":{},"event":""}', pa.string())
    told = pc.coalesce(of_callback(unmarked(extra)), bare)
    return pc.binary_join_element_wise(pc.utf8_slice_codeunits(told, 0, -1), _STATUS, "")


def _with(extra: pa.ChunkedArray, ending: str) -> pa.Array:
    both: Any = pc.and_(pc.starts_with(extra, _BEGINS), pc.ends_with(extra, ending))
    return pc.fill_null(both, False)
