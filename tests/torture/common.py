"""What the kinds of torture share: clients in process, the comparison with the truth, the tally."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from smsdata import Client
from smsdata.schema.endpoints import SYNCED, TABLES
from smsdata.simulator import Account, Gateway, transport
from smsdata.simulator.recipients import DELIVERED
from smsdata.simulator.sent import Send
from smsdata.store.store import Store

OWN = frozenset({"extra", "synced_at", "gone_at"})


@dataclass
class Tally:
    """What a run fired and what came of it; `wrong` is empty when nothing went wrong."""

    kind: str
    seed: int
    fired: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        fired = ", ".join(f"{name} {count:,}" for name, count in sorted(self.fired.items()))
        verdict = f"{len(self.wrong)} wrong" + "".join(f"\n  {line}" for line in self.wrong[:5])
        return f"{self.kind} seed={self.seed}: {fired}; {time.monotonic() - self.began:.0f} s; {verdict}"


def small(seed: int, **options: Any) -> Account:
    """An account of a few hundred rows in which everything happens."""
    chosen = {"campaigns": 3, "recipients": 14, "singles": 3, "inbound": 3, "lists": 2, "days": 15}
    return Account(seed=seed, clients=0, **chosen | {"copies": 0.3} | options)


def client(gateway: Gateway, *, threads: int = 0, kind: type[Client] = Client) -> Client:
    """A client that talks to a gateway in this process; one thread makes a run repeatable to the call."""
    made = kind(
        key="demo", secret="demo", base_url="http://127.0.0.1:8025/", rate=1e6, share=1,
        transport=transport(gateway),
    )  # fmt: skip
    made.threads = threads or 4
    return made


def differences(store: Store, account: Account, tables: Iterable[str] = SYNCED) -> list[str]:
    """Where the store is not the truth: rows lost, doubled, foreign or wrong; no personal data."""
    found = []
    for table in tables:
        found += unlike(table, present(store, table), account.truth(table))
    return found


def present(store: Store, table: str) -> list[dict[str, Any]]:
    """The rows that have not vanished."""
    rows = store.rows(table)
    if "gone_at" in rows.column_names:
        rows = rows.filter(pc.is_null(rows.column("gone_at")))
    return rows.to_pylist()


def unlike(table: str, rows: Iterable[Mapping[str, Any]], truth: Iterable[Mapping[str, Any]]) -> list[str]:
    """Compare rows with the truth by key."""
    key = TABLES[table].key
    have: dict[Any, Mapping[str, Any]] = {}
    found = []
    for row in rows:
        name = tuple(row[k] for k in key)
        if name in have:
            found.append(f"{table}: a row twice")
        have[name] = row
    due = {tuple(row[k] for k in key): row for row in truth}
    lost, foreign = due.keys() - have.keys(), have.keys() - due.keys()
    found += [f"{table}: {len(lost)} rows lost"] * bool(lost)
    found += [f"{table}: {len(foreign)} rows that are not there"] * bool(foreign)
    wrong = Counter(
        column
        for name in due.keys() & have.keys()
        for column in due[name]
        if due[name][column] != have[name][column]
    )
    return found + [f"{table}: {column} wrong in {count} rows" for column, count in sorted(wrong.items())]


def stir(account: Account, rng: random.Random, *, numbers: int = 2) -> None:
    """Change what people change: list edits, sends, replies, opt-outs, a status long settled."""
    lists = list(account.contacts.lists)
    for list_id in rng.sample(lists, min(2, len(lists))):
        members = [member.msisdn for member in account.contacts.lists[list_id].present()]
        if len(members) > 1:
            edited, deleted = rng.sample(members, 2)
            account.contacts.edit_member(list_id, edited, first_name=f"Kim {rng.randrange(99)}")
            account.contacts.delete_member(deleted, list_id)
    account.send_campaign(numbers=[61491570006 + n for n in range(numbers)])
    moved, left = rng.sample(account.sends, 2)
    _restate(account, moved, rng)
    msisdn = int(account.recipients["msisdn"][rng.choice(left.rows.tolist())])
    account.optout_by_link(left.message_id, msisdn)
    account.inbound(msisdn, "Are you open?")


def _restate(account: Account, send: Send, rng: random.Random) -> None:
    """Change a status long settled: in one send always the same way, so that its counters move.

    Two changes that cancel each other out between two looks at the counters show to nobody.
    """
    fails = send.message_id % 2 == 0
    delivered = account.recipients.status(send.rows, account.now) == DELIVERED
    rows = send.rows[delivered == fails].tolist()
    if rows:
        msisdn = int(account.recipients["msisdn"][rng.choice(rows)])
        account.set_status(send.message_id, msisdn, "hard-bounce" if fails else "delivered")
