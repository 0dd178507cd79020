"""An account with dead numbers for hygiene, and what has to come of a run that was cut off."""

from __future__ import annotations

import copy
import json
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

from smsdata import Client, Store, hygiene, sync
from smsdata.gateway.endpoints import CALLS
from smsdata.simulator import Account, Gateway, transport

from .clients import connected


def number(n: int) -> str:
    return str(61_491_570_200 + n if n < 9_000 else 6_149_157_000_000 + n)


def _names(n: int) -> tuple[str | None, str]:
    return f"Ana {n}" if n % 2 else None, "Ünal"


DEAD = (0, 1)  # bounce always
WEEKS = 10
ONCE = (5,)  # were delivered, then bounced once


@dataclass
class World:
    """An account of two lists with the same people, of whom some are dead, and its store."""

    account: Account
    lists: dict[str, int]
    store: Store
    dead: tuple[int, ...] = DEAD
    gateway: Gateway = field(init=False)

    def __post_init__(self) -> None:
        self.gateway = Gateway(self.account, limiter=None)

    def client(self, through: httpx.BaseTransport | None = None, **options: Any) -> Client:
        return connected(self.gateway, through=through, **options)

    def targets(self, tier: str = "remove") -> set[tuple[int, str]]:
        """Who may be removed from which list."""
        who = self.dead if tier == "remove" else (*self.dead, *ONCE)
        return {(list_id, number(n)) for list_id in self.lists.values() for n in who}

    def present(self) -> set[tuple[int, str]]:
        return {(row["list_id"], row["msisdn"]) for row in self.account.truth("list_members")}

    def changes(self, call: str) -> list[tuple[int, str]]:
        return [
            (c["list_id"], str(c["msisdn"]))
            for c in self.account.contacts.changes
            if c["call"] == call and c["by"] == "api"
        ]

    def send(self, status: Callable[[int], str]) -> None:
        for list_id in self.lists.values():
            people = self.account.contacts.lists[list_id].present()
            members = [member.msisdn for member in people if member.status == "active"]
            message_id = self.account.send_campaign(list_id, "hello")
            self.account.advance(hours=1)
            for msisdn in members:
                self.account.set_status(message_id, msisdn, status(msisdn - int(number(0))))

    def synced(self) -> pd.DataFrame:
        """Sync twice, an hour apart, and plan."""
        with self.client() as client:
            sync(client, self.store, since="100d")
            self.account.advance(hours=2)
            sync(
                client, self.store, since="100d", deep=True
            )  # else older sends have one report until the weekly pass
        return hygiene.plan(self.store)


def _status(bounced: Collection[int], n: int) -> str:
    return "hard-bounce" if n in bounced else "delivered"


def make_world(
    folder: Path,
    *,
    seed: int = 1,
    dead: tuple[int, ...] = DEAD,
    members: int = 16,
    readd_refused: float = 0.0,
) -> World:
    """Two lists, ten weekly campaigns to each: enough days for each to be judged by the others."""
    account = Account(
        seed=seed, now="2026-08-20", campaigns=0, singles=0, inbound=0, lists=0, reply_rate=0.0,
        link_rate=0.0, dead=0.0, readd_refused=readd_refused,
    )  # fmt: skip
    fields = {"A": {"field_1": "Email", "field_2": "Score"}, "B": {}}
    lists = {name: account.contacts.add_list(name, fields[name]) for name in fields}
    world = World(account, lists, Store(folder / "store"), dead)
    for name, list_id in lists.items():
        for n in range(members):
            given_ = {"Email": f"a{n}@example.com", "Score": n} if fields[name] else {}
            account.contacts.add_member(list_id, number(n), *_names(n), fields=given_)
    for week in range(WEEKS):
        account.advance(days=7)
        bounced = (*dead, *ONCE) if week == WEEKS - 1 else dead
        world.send(partial(_status, bounced))
    account.advance(days=6)
    return world


def slim_world(
    folder: Path, *, seed: int = 1, readd_refused: float = 0.0, goo: bool | None = None
) -> Template:
    """One target on each of two lists, for deaths at every step; `goo` is switched once the plan is made."""
    world = make_world(folder, seed=seed, dead=DEAD[:1], members=2, readd_refused=readd_refused)
    plan = world.synced()
    if goo is not None:
        world.account.contacts.goo = goo
    return world, plan


Template = tuple[World, pd.DataFrame]
"""A world and its plan, to make copies of."""


def copied(template: Template, folder: Path, **disk: Any) -> World:
    """The same world in another folder."""
    world = template[0]
    shutil.copytree(world.store.path, folder)
    return World(copy.deepcopy(world.account), world.lists, Store(folder, **disk), world.dead)


class Killed(BaseException):
    """The process died."""


class Deadly(httpx.BaseTransport):
    """The process dies before or after the n-th call that changes something is carried out."""

    def __init__(self, gateway: Gateway, n: int, *, after: bool) -> None:
        self.inner = transport(gateway)
        self.n, self.after = n, after

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        changes = CALLS.get(Path(request.url.path).stem)
        if changes is None or not changes.changes:
            return self.inner.handle_request(request)
        self.n -= 1
        if self.n == 0 and not self.after:
            raise Killed
        answer = self.inner.handle_request(request)
        if self.n == 0:
            raise Killed
        return answer


def contacts(world: World) -> dict[tuple[int, str], Any]:
    rows = world.account.truth("list_members")
    names = ("first_name", "last_name", "status")
    people = {
        (r["list_id"], r["msisdn"]): ([r[n] or "" for n in names], json.loads(r["fields"])) for r in rows
    }
    return {key: (who, {k: str(v) for k, v in fields.items()}) for key, (who, fields) in people.items()}


# ---- what has to come of it -------------------------------------------------------------------------------


def _false(said: Mapping[str, bool]) -> list[str]:
    return [words for words, right in said.items() if not right]


def go_on_and_undo(world: World, plan: pd.DataFrame, before: Mapping[tuple[int, str], Any]) -> list[str]:
    """Apply again, then undo; gives what is wrong."""
    targets = world.targets()
    with world.client() as client:
        report = hygiene.apply(plan, client, Store(world.store.path), dry_run=False)
    wrong = _false({
        "a target was not removed exactly once": _once(world, "delete-from-list", targets),
        "another contact was touched": contacts(world) == _without(before, targets),
    })  # fmt: skip
    return wrong + go_on_with_undo(world, report.run, before)


def go_on_with_undo(world: World, run: str, before: Mapping[tuple[int, str], Any]) -> list[str]:
    """Undo, for the first time or again; gives what is wrong."""
    store, targets = Store(world.store.path), world.targets()
    refused = {t for t in targets if world.account.contacts.refuses_readd(int(t[1]))}
    with world.client() as client:
        undone = hygiene.undo(run, client, store, dry_run=False)
    ledger = store.read("suppressions")
    told = undone.rows
    now = set(told.loc[told["reason"] != "it was put back before", "outcome"])
    return _false({
        "undo failed for what the gateway allows": now <= {"done", "refused"},
        "undo does not tell of each target once": _keys(told) == targets and len(told) == len(targets),
        "a target was not put back exactly once": _once(world, "add-to-list", targets - refused),
        "contacts are not as before": contacts(world) == _without(before, refused),
        "the ledger does not name the targets": _keys(ledger) == targets,
        "the ledger does not know what was undone": _keys(ledger[ledger["undone_at"].isna()]) == refused,
    })  # fmt: skip


def _without(people: Mapping[tuple[int, str], Any], gone: set[tuple[int, str]]) -> dict[tuple[int, str], Any]:
    return {key: who for key, who in people.items() if key not in gone}


def _keys(rows: pd.DataFrame) -> set[tuple[int, str]]:
    return set(zip(rows["list_id"], rows["msisdn"], strict=True))


def _once(world: World, call: str, due: set[tuple[int, str]]) -> bool:
    return Counter(world.changes(call)) == dict.fromkeys(due, 1)
