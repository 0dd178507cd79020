"""Histories: the plan against an oracle that was written on its own, contact by contact.

Each number's messages, replies and lists are made up and put into a store the way syncs would have; the
oracle says from the made-up facts alone who may be removed. A wrong removal or a missed certain one is wrong.
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

RULES = (
    "polled", "conflict", "settled", "delivered", "reply", "added", "newest", "age", "active", "gone", "stop",
    "unclear",
)  # fmt: skip


@dataclass
class Histories:
    """What was made up: who got what when, told in hours before now."""

    dlrs: list[dict[str, Any]] = field(default_factory=list)
    members: list[dict[str, Any]] = field(default_factory=list)
    replies: dict[int, list[int]] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)
    """Whose replies say STOP."""
    unclear: set[int] = field(default_factory=set)
    """Whose replies lack the country of their number."""
    settled: dict[int, bool] = field(default_factory=dict)


def histories(store: Store, count: int, seed: int) -> Histories:
    """Fill a store with the histories of `count` numbers: about four messages each, of forty campaigns."""
    rng = np.random.default_rng(seed)
    made = Histories()
    ages = np.sort(rng.integers(2 * 24, 130 * 24, 40))  # hours since each campaign
    ages[:4] = [20, 60, 97, 99]
    kind = rng.choice(["settled", "early", "soon", "disagrees"], 40, p=[0.82, 0.06, 0.06, 0.06])
    per = rng.integers(1, 8, count)
    who = np.repeat(np.arange(count), per)
    which = np.concatenate([rng.choice(40, n, replace=False) for n in per])
    kind[np.flatnonzero(kind == "settled")[5]] = "disagrees"
    words = ["delivered", "hard-bounce", "soft-bounce", "pending", "bounced", "queued"]
    lively = rng.random(count) < 0.5
    status = np.where(
        lively[who],
        rng.choice(words, len(who), p=[0.5, 0.3, 0.1, 0.04, 0.04, 0.02]),
        rng.choice(words, len(who), p=[0.03, 0.85, 0.06, 0.03, 0.02, 0.01]),
    )
    status[(status == "queued") & (kind[which] != "disagrees")] = "bounced"  # no counter has that word
    other = rng.choice(
        ["", "conflict", "conflict-first", "forged", "witness", "callback"],
        len(who),
        p=[0.85, 0.02, 0.02, 0.03, 0.03, 0.05],
    )
    late = np.where(
        rng.random(len(who)) < 0.1, rng.integers(1, 60, len(who)), -1
    )  # delivered so many hours on
    for n, c, word, odd, hours in zip(
        who.tolist(), which.tolist(), status.tolist(), other.tolist(), late.tolist(), strict=True
    ):
        both = odd.startswith("conflict") and word == "hard-bounce"
        called = odd == "callback" and word in {"pending", "bounced", "soft-bounce"}
        d = {"n": n, "c": c, "age": int(ages[c]), "status": word, "odd": odd, "both": both, "called": called}
        made.dlrs.append(d | {"late": hours if word == "delivered" and hours >= 0 else 0})
    for n in rng.choice(count, count // 5, replace=False).tolist():
        made.replies[n] = rng.integers(1, 130 * 24, rng.integers(1, 3)).tolist()
    draws = np.random.default_rng([seed, 1])  # others than those of the histories as they were before
    kinds = draws.choice(["", "stop", "unclear"], len(made.replies), p=[0.8, 0.1, 0.1])
    made.stopped = {n for n, kind in zip(made.replies, kinds, strict=True) if kind == "stop"}
    made.unclear = {n for n, kind in zip(made.replies, kinds, strict=True) if kind == "unclear"}
    for n in range(count):
        for list_id in {int(i) for i in rng.integers(1, 4, 2)}:
            added = int(rng.choice([400 * 24, int(rng.integers(1, 130 * 24))], p=[0.92, 0.08]))
            state = str(rng.choice(["active", "inactive", "optout"], p=[0.9, 0.05, 0.05]))
            gone = bool(rng.random() < 0.05)
            made.members.append({"n": n, "list_id": list_id, "added": added, "status": state, "gone": gone})
    with store.writing():
        _stored(store, made, ages, kind)
    return made


def _at(hours: float) -> datetime:
    return NOW - timedelta(hours=float(hours))


def _merge(store: Store, table: str, rows: list[dict[str, Any]], *, source: str = "polled") -> None:
    if rows:
        store.merge(table, pa.Table.from_pylist(rows, schema=schema(table)), source=source)


def _stored(store: Store, made: Histories, ages: Any, kind: Any) -> None:
    """Put histories into the store the way that syncs would have."""
    # hours before now when the dlrs were read
    read = [
        float(max(a - 40, 0.5) if k == "early" else min(a - 0.2, 3)) for a, k in zip(ages, kind, strict=True)
    ]
    first, second, called, history = [], [], [], []
    for d in made.dlrs:
        sent = _at(d["age"])
        final = d["status"]
        row = {
            "message_id": d["c"] + 1, "msisdn": number(d["n"]), "sent_at": sent, "status": final,
            "optout": False,
            "delivered_at": sent + timedelta(hours=d["late"]) if d["late"] else None,
            "copies": 1, "synced_at": _at(read[d["c"]]),
        }  # fmt: skip
        told = {"message_id": row["message_id"], "msisdn": row["msisdn"], "source": "callback"}
        told |= {"observed_at": sent, "synced_at": sent}
        if d["both"]:
            pair = ["delivered", "hard-bounce"] if d["odd"] == "conflict" else ["hard-bounce", "delivered"]
            later = row | {"status": pair[1], "synced_at": row["synced_at"] + timedelta(minutes=1)}
            second.append(later)
            row["status"] = pair[0]
            d["status"] = pair[1]
        if d["called"]:  # a callback calls it a hard bounce, and the counters happen to agree
            called.append(row | {"status": "hard-bounce", "synced_at": sent + timedelta(hours=1)})
            if d["status"] != "soft-bounce":  # an end that polls show stays what it is
                d["status"] = "hard-bounce"
        if d["odd"] == "forged":
            history.append(told | {"status": "hard-bounce"})
        if d["odd"] == "witness":
            history.append(told | {"status": "delivered"})
        first.append(row)
    _merge(store, "dlrs", first)
    _merge(store, "dlrs", second)
    _merge(store, "dlrs", called, source="callback")
    _merge(store, "status_history", history)
    _merge(
        store,
        "campaigns",
        [_campaign(made, c, int(ages[c]), str(kind[c]), read[c]) for c in range(len(ages))],
    )
    replies = enumerate((n, hours) for n, all_ in made.replies.items() for hours in all_)
    empty = {"longcode": "61491570006", "synced_at": NOW}
    _merge(store, "replies", [
        empty | {
            "id": i, "received_at": _at(hours), "response": "STOP" if n in made.stopped else "hi",
            "msisdn": f"0{number(n)[2:]}" if n in made.unclear else number(n),
        }
        for i, (n, hours) in replies
    ])  # fmt: skip
    _merge(store, "lists", [
        {"list_id": i, "name": "x", "members_active": 1, "members_total": 1, "fields": "{}", "synced_at": NOW}
        for i in (1, 2, 3)
    ])  # fmt: skip
    _merge(store, "list_members", [
        {
            "list_id": m["list_id"], "msisdn": number(m["n"]), "created_at": _at(m["added"]),
            "status": m["status"],
            "fields": "{}", "synced_at": NOW, "gone_at": NOW if m["gone"] else None,
        }
        for m in made.members
    ])  # fmt: skip
    store.state.bind("x" * 32, "http://127.0.0.1:8025/")


def _campaign(made: Histories, c: int, age: int, kind: str, read: float) -> dict[str, Any]:
    words = Counter(d["status"] for d in made.dlrs if d["c"] == c)
    changed = read - 1 / 60  # a conflict came a minute later
    heard = max({"early": changed - 20, "soon": changed - 0.9}.get(kind, changed - 1.5), 0.0)
    settled = kind != "disagrees" and age - heard >= 98 and changed - heard >= 1
    made.settled[c] = settled
    row = {
        "message_id": c + 1,
        "type": "campaign",
        "sent_at": _at(age),
        "status": "completed",
        "message": "x",
    }
    counters = {
        "pending": words["pending"],
        "delivered": words["delivered"],
        "hard_bounced": words["hard-bounce"],
    }
    counters |= {"soft_bounced": words["soft-bounce"] + words["bounced"], "optouts": 0, "responses": 0}
    counters["hard_bounced"] += kind == "disagrees"
    return row | counters | {"parts": 1, "cost": 0.065 * sum(words.values()), "synced_at": _at(heard)}


def oracle(made: Histories, *, without: str = "") -> dict[tuple[int, str], str]:
    """Say number by number what may be removed; `without` leaves one rule out, to show that it matters."""
    on = {rule: rule != without for rule in RULES}
    messages: dict[int, list[dict[str, Any]]] = {}
    for d in made.dlrs:
        messages.setdefault(d["n"], []).append(d)
    added: dict[int, int] = {}
    for m in made.members:
        if not m["gone"]:
            added[m["n"]] = min(added.get(m["n"], 10**9), m["added"])
    tiers = {n: _tier(own, made, added.get(n), on) for n, own in messages.items()}
    found = {}
    for m in made.members:
        tier = tiers.get(m["n"])
        wanted = (m["status"] == "active" or not on["active"]) and not (m["gone"] and on["gone"])
        if tier and wanted:
            found[m["list_id"], number(m["n"])] = tier
    return found


def _tier(own: list[dict[str, Any]], made: Histories, added: int | None, on: dict[str, bool]) -> str | None:
    alive = [d["age"] - d["late"] for d in own if _delivered(d, on)]  # hours before now of each sign of life
    n = own[0]["n"]
    replies = [] if n in made.unclear else made.replies.get(n, [])
    lives = (alive if on["delivered"] else []) + (replies if on["reply"] else [])
    proofs = [d["age"] for d in own if _proof(d, made, on) and all(d["age"] < life for life in lives)]
    if not proofs or (n in made.unclear and on["unclear"]):
        return None
    if n in made.stopped and on["stop"] and not (added is not None and added <= min(replies)):
        return None
    since = [d["age"] for d in own if d["status"] not in {"hard-bounce", "pending"} and on["newest"]]
    since += [added] if on["added"] and added is not None else []
    if any(age <= min(proofs) for age in since):
        return None
    days = {_at(age).date() for age in proofs}
    return "remove" if len(days) >= 2 or not alive else "exclude"


def _told(d: dict[str, Any], on: dict[str, bool]) -> bool:
    """Somebody saw the message delivered, whatever its status says."""
    return (d["odd"] == "witness" or d["both"]) and on["conflict"]


def _delivered(d: dict[str, Any], on: dict[str, bool]) -> bool:
    return d["status"] == "delivered" or _told(d, on)


def _proof(d: dict[str, Any], made: Histories, on: dict[str, bool]) -> bool:
    polled = d["status"] == "hard-bounce" and not d["called"]
    hard = polled or (not on["polled"] and (d["called"] or d["odd"] == "forged"))
    settled = made.settled[d["c"]] or not on["settled"]
    return hard and settled and not _told(d, on) and (d["age"] <= 90 * 24 or not on["age"])


def planned(store: Store, **options: Any) -> pd.DataFrame:
    """The plan; a spike is a matter of days, not of contacts, and has its own tests."""
    return hygiene.plan(store, now=NOW, hold_spikes=False, **options)


def _also(rule: str) -> Plan:
    """Removes what one rule keeps back."""
    return lambda store: planned(store).assign(
        tier=lambda rows: rows["tier"].mask(rows["rule"] == rule, "remove")
    )


BUGS: dict[str, Plan] = {
    "removes what is not settled": _also("unsettled"),
    "removes what counters deny": _also("counters-differ"),
    "removes who asked to stop": _also("stopped"),
    "ignores what lacks its country": _also("unclear-number"),
    "believes callbacks": _also("unconfirmed"),
    "ignores the newest outcome": _also("newest-outcome"),
    "ignores a new joining": _also("re-added"),
    "one day is as good as two": _also("one-day"),
    "old evidence": lambda store: planned(store, max_age="200d"),
    "too young evidence only": lambda store: planned(store, max_age="60d"),
    "forgets a contact": lambda store: planned(store).iloc[1:],
}


def applied(plan: pd.DataFrame) -> set[tuple[int, str, str]]:
    """What would be removed, and in which tier."""
    sure = plan[plan["tier"].isin(["remove", "exclude"])]
    return set(zip(sure["list_id"], sure["msisdn"], sure["tier"], strict=True))


def run(seed: int, *, count: int = 100_000, plan: Plan = planned) -> Tally:
    """Make histories up, plan, and compare with the oracle."""
    tally = Tally("histories", seed)
    with tempfile.TemporaryDirectory(prefix="smsdata-histories-") as folder:
        store = Store(Path(folder))
        made = histories(store, count, seed)
        got = applied(plan(store))
    due = {(*key, tier) for key, tier in oracle(made).items()}
    tally.fired.update(histories=count, messages=len(made.dlrs))
    tally.fired.update(tier for *_, tier in due)
    tally.wrong += [f"wrong removal: {tier}" for *_, tier in got - due]
    tally.wrong += [f"missed: {tier}" for *_, tier in due - got]
    return tally


def idle(seed: int, *, count: int) -> list[str]:
    """The rules that make no difference to any history: they would not be tried."""
    with tempfile.TemporaryDirectory(prefix="smsdata-histories-") as folder:
        made = histories(Store(Path(folder)), count, seed)
    due = oracle(made)
    return [rule for rule in RULES if oracle(made, without=rule) == due]
