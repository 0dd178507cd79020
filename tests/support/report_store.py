"""Stores to report of: one whose texts, names, senders and list names are all payloads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from smsdata import Store
from smsdata.report.periods import Period, period_of
from smsdata.schema.frames import schema
from smsdata.times import instant

NOW = instant("2026-11-22")
SEEDS = (
    "<script>alert(1)</script>",
    "</script><script>x()</script>",
    "<img src=x onerror=x()>",
    '" onload="x()',
    "'><svg/onload=x()>",
    "{{ 7*7 }}",
    "{% for x in y %}",
    "javascript:x()",
    "</style><style>*{}</style>",
    "<!--",
    "-->",
    "]]>",
    "&lt;script&gt;",
    "<a href=//evil>x</a>",
    "\u202egnp.exe",
    "<iframe srcdoc=x>",
    "\x00<b>",
    "<meta http-equiv=refresh content=0>",
    "$x$ \\frac{",
    "data:text/html,<script>x()</script>",
)
PAYLOADS = [f"{seed} how {number}?" for number in range(25) for seed in SEEDS]


def october(**options: str) -> Period:
    return period_of("2026-10", now=NOW, **options)


def rows(table: str, count: int, **columns: Sequence[Any]) -> pa.Table:
    """Rows of a table: null where nothing is given."""
    fields = schema(table)
    made = {f.name: columns.get(f.name, [None] * count) for f in fields}
    return pa.table({f.name: pa.array(made[f.name], f.type) for f in fields}, schema=fields)


def hostile(folder: Path) -> Store:
    """A store whose texts, names, senders and list names are all payloads."""
    store, count = Store(folder / "hostile"), len(PAYLOADS)
    ids, numbers = list(range(1, count + 1)), [f"6149157{n:04d}" for n in range(count)]
    at, zero = [instant("2026-10-05T03:00")] * count, [0] * count
    same: dict[str, Any] = {"synced_at": [NOW] * count, "sent_at": at, "message_id": ids}
    tables = {
        "messages": rows(
            "messages",
            count,
            id=ids,
            msisdn=numbers,
            sender=PAYLOADS,
            status=["hard-bounce"] * count,
            message=PAYLOADS,
            **same,
        ),
        "campaigns": rows(
            "campaigns",
            count,
            type=PAYLOADS,
            status=["sent"] * count,
            message=PAYLOADS,
            parts=[1] * count,
            cost=[0.1] * count,
            pending=zero,
            delivered=zero,
            soft_bounced=zero,
            hard_bounced=[1] * count,
            optouts=zero,
            responses=zero,
            **same,
        ),
        "dlrs": rows(
            "dlrs",
            count,
            msisdn=numbers,
            status=["hard-bounce"] * count,
            optout=[False] * count,
            first_name=PAYLOADS,
            last_name=PAYLOADS,
            copies=[1] * count,
            **same,
        ),
        "replies": rows(
            "replies",
            count,
            id=ids,
            message_id=ids,
            received_at=at,
            msisdn=numbers,
            longcode=["61491570006"] * count,
            response=PAYLOADS,
            first_name=PAYLOADS,
            synced_at=[NOW] * count,
        ),
        "lists": rows(
            "lists",
            count,
            list_id=ids,
            name=PAYLOADS,
            members_active=[1] * count,
            members_total=[1] * count,
            fields=["{}"] * count,
            synced_at=[NOW] * count,
        ),
        "list_members": rows(
            "list_members",
            count,
            list_id=ids,
            msisdn=numbers,
            first_name=PAYLOADS,
            status=["active"] * count,
            fields=["{}"] * count,
            synced_at=[NOW] * count,
        ),
    }
    with store.writing():
        for name, table in tables.items():
            store.merge(name, table)
    return store
