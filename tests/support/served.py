"""A gateway of our own: the rows given, and a twist on every page."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from smsdata.simulator import Account
from tests.support.examples import EXAMPLES, SUCCESS, Answer, scripted

START = datetime(2026, 11, 1, tzinfo=UTC)


def ids(account: Account) -> set[int]:
    return {row["id"] for row in account.truth("messages")}


def biggest(account: Account) -> int:
    return max(account.sends, key=lambda send: len(send.rows)).message_id


def proofs_of(frame: pd.DataFrame) -> str:
    return ", ".join(sorted(set(frame.attrs["drain"]["proofs"])))


def message(number: int, **changed: Any) -> Answer:
    at = START + timedelta(seconds=number)
    row: Answer = EXAMPLES["messages"]["messages"][0] | {"id": number, "sent_at": f"{at:%Y-%m-%d %H:%M:%S}"}
    return row | changed


class Served:
    """A gateway of our own: the rows given, and a twist on every page."""

    def __init__(
        self,
        rows: list[Answer],
        twist: Callable[[Answer, int], Any] = lambda answer, page: None,
        *,
        size: int = 100,
        key: str = "messages",
        total: str = "total",
        beside: Answer | None = None,
    ) -> None:
        self.rows, self.twist, self.size, self.key, self.total = rows, twist, size, key, total
        self.beside = beside or {}
        self.pages: list[int] = []
        self._lock = threading.Lock()

    def __call__(self, call: str, sent: dict[str, str]) -> Any:
        with self._lock:
            page, size = int(sent["page"]), min(self.size, int(sent["max"]))
            self.pages.append(page)
            rows = self.rows
            if "start" in sent:
                rows = [row for row in rows if sent["start"] <= row["sent_at"] <= sent["end"]]
            answer: Answer = {"page": {"count": math.ceil(len(rows) / size), "number": page}}
            answer |= {self.total: len(rows), self.key: rows[(page - 1) * size : page * size]}
            answer |= self.beside | {"error": SUCCESS}
            return self.twist(answer, page) or answer

    def drain(self, table: str = "messages", **asked: Any) -> pd.DataFrame:
        window = {"start": START, "end": START + timedelta(days=1)} if table == "messages" else {}
        with scripted(self) as client:
            return client.drain(table, **window | asked)


def member(n: int, status: str = "active") -> Answer:
    row: Answer = EXAMPLES["list_members"]["members"][0]
    return row | {"msisdn": 61491570000 + n, "status": status}


def listed(rows: list[Answer], *, ever: int = 0, active: int | None = -1, size: int = 100) -> Served:
    """A list with as many deleted contacts as `ever` is above its members."""
    count = sum(row["status"] == "active" for row in rows) if active == -1 else active
    beside = {} if count is None else {"members_active": count}
    return Served(
        rows, lambda a, _: a | {"members_total": max(ever, len(rows))}, key="members",
        total="members_total", beside=beside, size=size,
    )  # fmt: skip
