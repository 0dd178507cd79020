"""Recipients of every send, in columns: one row per message to one number. Owns the statuses as codes.

Imports nothing of this package.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

PENDING, DELIVERED, SOFT, HARD = range(4)
STATUS_WORDS = ("pending", "delivered", "soft-bounce", "hard-bounce")
NOT_OPTED_OUT = 2**62

_COLUMN_TYPES: dict[str, Any] = {
    "msisdn": np.int64,
    "send": np.int64,
    "sent_at": np.int64,
    "listed_at": np.int64,
    "before": np.uint8,
    "outcome": np.uint8,
    "final_at": np.int64,
    "optout_at": np.int64,
    "first": np.int32,
    "last": np.int32,
}


class Recipients:
    """Growing columns; a row's number never changes.

    ``status`` is a function of time: ``outcome`` from ``final_at`` on, ``before`` until then.
    ``listed_at`` is when get-user-sms-sent begins to show the row (later than ``sent_at`` for late rows).

    Examples
    --------
    >>> table = Recipients()
    >>> numbers = [61491570156, 61491570157]
    >>> rows = table.append(msisdn=numbers, sent_at=100, outcome=DELIVERED, final_at=[105, 900])
    >>> table.status(rows, now=200).tolist()
    [1, 0]
    """

    def __init__(self) -> None:
        self.size = 0
        self._columns = {name: np.zeros(1024, dtype) for name, dtype in _COLUMN_TYPES.items()}
        self._order: Ints = np.zeros(0, np.int64)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """One column, as a view that may be written to."""
        return self._columns[name][: self.size]

    def append(self, **values: Any) -> Ints:
        """Add rows; scalars are repeated, columns left out are 0. Returns the new row numbers."""
        count = len(values["msisdn"])
        values.setdefault("optout_at", NOT_OPTED_OUT)
        values.setdefault("listed_at", values["sent_at"])
        self._grow(self.size + count)
        rows = np.arange(self.size, self.size + count)
        self.size += count
        for name, value in values.items():
            self._columns[name][rows] = value
        return rows

    def _grow(self, needed: int) -> None:
        """Double the capacity until it is enough."""
        capacity = len(self._columns["msisdn"])
        while capacity < needed:
            capacity *= 2
        for name, column in self._columns.items():
            if len(column) < capacity:
                self._columns[name] = np.concatenate([column, np.zeros(capacity - len(column), column.dtype)])

    def copy_row(self, row: int) -> Ints:
        """Add the same row once more: a number that a send lists twice."""
        return self.append(**{name: self[name][row : row + 1].copy() for name in _COLUMN_TYPES})

    def status(self, rows: Ints, now: int) -> npt.NDArray[np.uint8]:
        """Status codes of these rows at an instant."""
        is_final = self["final_at"][rows] <= now
        result: npt.NDArray[np.uint8] = np.where(is_final, self["outcome"][rows], self["before"][rows])
        return result

    def by_time(self) -> Ints:
        """Row numbers, oldest message first; within a second in the order of their ids."""
        if len(self._order) != self.size:
            self._order = np.argsort(self["sent_at"], kind="stable")
        return self._order

    def between(self, first: int, last: int) -> Ints:
        """Rows of messages sent from ``first`` to ``last`` (both included), newest first."""
        order = self.by_time()
        times = self["sent_at"][order]
        low, high = np.searchsorted(times, first, "left"), np.searchsorted(times, last, "right")
        return order[low:high][::-1]
