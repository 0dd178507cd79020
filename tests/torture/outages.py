"""Outages and imports, against the truth of who is alive.

Weekly senders of all sizes are put into stores the way syncs would have, with dead numbers, an outage of a
carrier in some sends, and contacts imported in the week of the last. The oracle knows from what was made up
who is alive, and never looks at days: removing anybody alive is wrong, and a dead number
that is kept needs its reason.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from smsdata import Store, hygiene
from smsdata.schema.frames import schema
from tests.support.hygiene_world import number

from .tally import Tally

NOW = datetime(2026, 11, 22, tzinfo=UTC)
Plan = Callable[[Store], pd.DataFrame]
WAITS = {"too-few-days", "spike", "one-day"}
"""Rules by which a dead number may be kept: counted as missed, and explained."""


@dataclass
class Senders:
    """What was made up: who is dead, who was struck by an outage, and how many bounces count against whom."""

    dead: set[str] = field(default_factory=set)
    struck: set[str] = field(default_factory=set)
    proofs: dict[str, int] = field(default_factory=dict)


def weekly_sender(store: Store, rng: np.random.Generator) -> Senders:
    """Fill a store with one sender: up to 20 weekly sends, to a list that grows by an import."""
    sends, size = int(rng.choice([1, 2, 3, 4, 6, 8, 12, 20])), int(rng.integers(40, 400))
    imported = int(rng.integers(0, size))
    dead = rng.random(size + imported) < rng.choice([0.01, 0.03, 0.06])
    # the ranges of two carriers, one of which fails
    of_carrier = np.array([number(9_000 + 5_000 * int(n % 2) + n) for n in range(size + imported)])
    last = sends - 1
    struck_sends = {last} if rng.random() < 0.7 else set()
    if sends >= 12 and rng.random() < 0.5:
        struck_sends.add(int(rng.integers(0, last)))
    half, share = bool(rng.random() < 0.5), float(rng.choice([0.1, 0.35, 0.9]))
    made, rows, campaigns = Senders(), [], []
    proofs = np.zeros(size + imported, int)
    for send in range(sends):
        sent = NOW - timedelta(days=6 + 7 * (last - send))
        people = np.arange(size + imported if send == last else size)
        status = np.where(rng.random(len(people)) < 0.02, "soft-bounce", "delivered")
        hit = (rng.random(len(people)) < share) & ((people % 2 == 0) | (not half)) & (send in struck_sends)
        status = np.where(hit | dead[people], "hard-bounce", status)
        hard = status == "hard-bounce"
        whole = [not (_is_much(hard) or _is_much(hard[people % 2 == one])) for one in (0, 1)]
        proofs[people] += np.array(whole)[people % 2]
        made.struck |= set(of_carrier[people][hit & ~dead[people]])
        rows += [
            {"message_id": send + 1, "msisdn": msisdn, "sent_at": sent, "status": word, "optout": False,
             "copies": 1, "synced_at": sent + timedelta(hours=3)}
            for msisdn, word in zip(of_carrier[people].tolist(), status.tolist(), strict=True)
        ]  # fmt: skip
        words = Counter(status.tolist())
        campaigns.append({
            "message_id": send + 1, "type": "campaign", "sent_at": sent,
            "status": "completed", "message": "x", "parts": 1, "cost": 0.065 * len(people), "pending": 0,
            "delivered": words["delivered"], "soft_bounced": words["soft-bounce"],
            "hard_bounced": words["hard-bounce"], "optouts": 0, "responses": 0, "synced_at": NOW,
        })  # fmt: skip
    made.dead = set(of_carrier[dead])
    made.proofs = {of_carrier[n]: int(proofs[n]) for n in np.flatnonzero(dead).tolist()}
    members = [
        {"list_id": 1, "msisdn": msisdn, "created_at": NOW - timedelta(days=400 if n < size else 8),
         "status": "active", "fields": "{}", "synced_at": NOW, "gone_at": None}
        for n, msisdn in enumerate(of_carrier.tolist())
    ]  # fmt: skip
    one = {
        "list_id": 1,
        "name": "x",
        "members_active": len(members),
        "members_total": len(members),
        "fields": "{}",
    }
    with store.writing():
        for table, content in {
            "dlrs": rows, "campaigns": campaigns, "list_members": members,
            "lists": [one | {"synced_at": NOW}],
        }.items():  # fmt: skip
            store.merge(table, pa.Table.from_pylist(content, schema=schema(table)))
        store.state.bind("x" * 32, "http://127.0.0.1:8025/")
    return made


def _is_much(hard: Any) -> bool:
    """Whether so many bounced that the day says nothing while there is no other to compare it with."""
    return bool(hard.sum() >= 10 and hard.mean() > 1 / 5)


def planned(store: Store) -> pd.DataFrame:
    """The plan as it is."""
    return hygiene.plan(store, now=NOW)


def judge(made: Senders, plan: pd.DataFrame, tally: Tally) -> None:
    """Compare a plan with the truth."""
    sure = set(plan.loc[plan["tier"].isin(["remove", "exclude"]), "msisdn"])
    tally.wrong += ["wrong removal: alive"] * len(sure - made.dead)
    rules = dict(zip(plan["msisdn"], plan["rule"], strict=True))
    for msisdn in made.dead - sure:
        rule = rules.get(msisdn, "not in the plan")
        tally.fired[f"missed: {rule}"] += 1
        if rule not in WAITS or (made.proofs[msisdn] >= 2 and rule == "too-few-days"):
            tally.wrong.append(f"missed without a reason: {rule}")
    tally.fired.update(dead=len(made.dead), removed=len(sure), struck=len(made.struck))


def _also(*rules: str) -> Plan:
    """Removes what some rules keep back."""
    return lambda store: planned(store).assign(
        tier=lambda rows: rows["tier"].mask(rows["rule"].isin(rules), "remove")
    )


BUGS: dict[str, Plan] = {
    "an unjudged day suffices": _also("too-few-days"),
    "a spike is a day like others": _also("spike"),
    "days are not judged": lambda store: hygiene.plan(store, now=NOW, hold_spikes=False),
    "nobody is removed": lambda store: planned(store).iloc[:0],
}


def run(seed: int, *, accounts: int = 40, plan: Plan = planned) -> Tally:
    """Make weekly senders up, plan, and compare with the truth."""
    tally, rng = Tally("outages", seed), np.random.default_rng(seed)
    for _ in range(accounts):
        with tempfile.TemporaryDirectory(prefix="smsdata-outages-") as folder:
            store = Store(Path(folder))
            made = weekly_sender(store, rng)
            judge(made, plan(store), tally)
            tally.fired["accounts"] += 1
    return tally
