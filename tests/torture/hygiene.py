"""Hygiene: a run that dies, or never hears an answer; going on must finish it once, and undo take it back.

It dies at each of its operations on disk, and before and after each call that changes something, while it
applies and while it undoes. Nobody but the targets may be touched, each target once.
"""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson
import pandas as pd

from smsdata import Client, Store, hygiene, sync
from smsdata.schema.endpoints import CALLS
from smsdata.simulator import Account, Gateway, Once, transport
from smsdata.store.disk import Disk

from .common import Tally


def number(n: int) -> str:
    return str(61_491_570_200 + n if n < 9_000 else 6_149_157_000_000 + n)


def _names(n: int) -> tuple[str | None, str]:
    return f"Ana {n}" if n % 2 else None, "Ünal"


DEAD = (0, 1)  # bounce always
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
        defaults = {
            "key": "demo",
            "secret": "demo",
            "base_url": "http://127.0.0.1:8025/",
            "rate": 1e6,
            "share": 1,
        }
        return Client(**defaults | {"transport": through or transport(self.gateway)} | options)

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
            sync(client, self.store, since="100d")
        return hygiene.plan(self.store)


def make_world(
    folder: Path,
    *,
    seed: int = 1,
    dead: tuple[int, ...] = DEAD,
    members: int = 12,
    readd_refused: float = 0.0,
) -> World:
    """Two lists, four weekly campaigns to each."""
    quiet = {"campaigns": 0, "singles": 0, "inbound": 0, "lists": 0, "reply_rate": 0.0, "link_rate": 0.0}
    account = Account(seed=seed, now="2026-10-01", dead=0.0, readd_refused=readd_refused, **quiet)
    fields = {"A": {"field_1": "Email", "field_2": "Score"}, "B": {}}
    lists = {name: account.contacts.add_list(name, fields[name]) for name in fields}
    world = World(account, lists, Store(folder / "store"), dead)
    for name, list_id in lists.items():
        for n in range(members):
            given_ = {"Email": f"a{n}@example.com", "Score": n} if fields[name] else {}
            account.contacts.add_member(list_id, number(n), *_names(n), fields=given_)
    for week in range(4):
        account.advance(days=7)
        bounced = (*dead, *ONCE) if week == 3 else dead
        world.send(lambda n, bounced=bounced: "hard-bounce" if n in bounced else "delivered")
    account.advance(days=6)
    return world


def slim_world(folder: Path, *, seed: int = 1, readd_refused: float = 0.0) -> Template:
    """One target on each of two lists, for deaths at every step."""
    world = make_world(folder, seed=seed, dead=DEAD[:1], members=2, readd_refused=readd_refused)
    return world, world.synced()


Template = tuple[World, pd.DataFrame]
"""A world and its plan, to make copies of."""


def copied(template: Template, folder: Path, **disk: Any) -> World:
    """The same world in another folder."""
    world = template[0]
    shutil.copytree(world.store.path, folder)
    return World(copy.deepcopy(world.account), world.lists, Store(folder, **disk), world.dead)


class Killed(BaseException):
    """The process died."""


class Mortal(Disk):
    """A disk whose process dies just before its n-th operation."""

    def __init__(self, private: Path, life: float) -> None:
        super().__init__(private)
        self.life = life

    def _tick(self) -> None:
        self.life -= 1
        if self.life < 0:
            raise Killed

    def _open(self, path: Path, flags: int) -> int:
        self._tick()
        return super()._open(path, flags)

    def _write(self, handle: int, content: bytes | memoryview) -> None:
        self._tick()
        super()._write(handle, content)

    def _fsync(self, handle: int) -> None:
        self._tick()
        super()._fsync(handle)

    def _rename(self, old: Path, new: Path) -> None:
        self._tick()
        super()._rename(old, new)


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
    told = {(r["list_id"], r["msisdn"]): ([r[n] or "" for n in names], json.loads(r["fields"])) for r in rows}
    return {key: (who, {k: str(v) for k, v in fields.items()}) for key, (who, fields) in told.items()}


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
    return _false({
        "undo failed for what the gateway allows": set(undone.counts) <= {"done", "refused"},
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


# ---- strikes: each tells whether it fired -----------------------------------------------------------------


@dataclass(frozen=True)
class Strike:
    """A way for a run to be cut off."""

    name: str
    undoing: bool
    hit: Callable[[World, Callable[..., object]], bool]


def _on_disk(step: int, disk: type[Mortal], world: World, act: Callable[..., object]) -> bool:
    try:
        with world.client() as client:
            act(client, Store(world.store.path, disk=disk(world.store.private, step)))
    except Killed:
        return True
    return False


def _at_change(n: int, after: bool, disk: type[Mortal], world: World, act: Callable[..., object]) -> bool:
    try:
        with world.client(Deadly(world.gateway, n, after=after)) as client:
            act(client, Store(world.store.path, disk=disk(world.store.private, 1e9)))
    except Killed:
        return True
    return False


def _lost(kind: str, times: int, disk: type[Mortal], world: World, act: Callable[..., object]) -> bool:
    for call in ("delete-from-list", "add-to-list"):
        world.gateway.faults.add(Once(kind, call, times=times))
    with world.client() as client:
        act(client, Store(world.store.path, disk=disk(world.store.private, 1e9)))
    return bool(world.gateway.faults.struck.get(kind) == times)


def steps(template: Template, *, undoing: bool) -> int:
    """How many operations on disk a run makes."""
    with tempfile.TemporaryDirectory(prefix="smsdata-hygiene-") as folder:
        world = copied(template, Path(folder) / "store")
        act = _act(world, template[1], undoing=undoing)
        disk = Mortal(world.store.private, 1e9)
        with world.client() as client:
            act(client, Store(world.store.path, disk=disk))
    return int(1e9 - disk.life)


def _act(world: World, plan: pd.DataFrame, *, undoing: bool) -> Callable[..., object]:
    """What is struck: applying, or the undoing of what was applied in peace."""
    if not undoing:
        return lambda client, store: hygiene.apply(plan, client, store, dry_run=False)
    with world.client() as client:
        run = hygiene.apply(plan, client, Store(world.store.path), dry_run=False).run
    return lambda client, store: hygiene.undo(run, client, store, dry_run=False)


def strikes(template: Template, disk: type[Mortal], every: int) -> Iterator[Strike]:
    """All of them; of those on disk every n-th."""
    for undoing, word in ((False, "apply"), (True, "undo")):
        for n in range(1, len(template[0].targets()) + 1):
            for after in (True, False):
                name = f"{word} killed {'after' if after else 'before'} a change"
                yield Strike(name, undoing, partial(_at_change, n, after, disk))
        for kind in ("lost_answer", "truncate", "reset"):
            for times in (1, 2):
                yield Strike(f"{word} {kind}", undoing, partial(_lost, kind, times, disk))
        for step in range(0, steps(template, undoing=undoing), every):
            yield Strike(f"{word} killed on disk", undoing, partial(_on_disk, step, disk))


def strike(template: Template, one: Strike) -> tuple[bool, list[str]]:
    """Cut a run off, go on, and look at what came of it: gives whether it fired, and what is wrong."""
    with tempfile.TemporaryDirectory(prefix="smsdata-hygiene-") as folder:
        world, plan = copied(template, Path(folder) / "store"), template[1]
        before = contacts(world)
        fired = one.hit(world, _act(world, plan, undoing=one.undoing))
        run = str(plan.attrs["plan"]["hash"])[:12]
        return fired, (
            go_on_with_undo(world, run, before) if one.undoing else go_on_and_undo(world, plan, before)
        )


# ---- bugs made on purpose ---------------------------------------------------------------------------------


class _NoIntent(Mortal):
    """What is meant to be done is not written down before it is done."""

    def replace(self, path: Path, content: bytes | memoryview) -> None:
        if b'"state":"intent"' not in bytes(content):
            super().replace(path, content)


class _Early(Mortal):
    """What is meant to be done is written down as done."""

    def replace(self, path: Path, content: bytes | memoryview) -> None:
        super().replace(path, bytes(content).replace(b'"state":"intent"', b'"state":"done"'))


class _NoBackup(Mortal):
    """The contact as it was is not kept."""

    def replace(self, path: Path, content: bytes | memoryview) -> None:
        if b'"state":"intent"' in bytes(content):
            entry = orjson.loads(content)
            entry["contact"] |= {"last_name": None, "fields": "{}"}
            content = orjson.dumps(entry)
        super().replace(path, content)


BUGS: dict[str, type[Mortal]] = {
    "no intent": _NoIntent,
    "intent taken for a result": _Early,
    "no backup": _NoBackup,
}


def run(
    seed: int,
    *,
    every: int = 1,
    disk: type[Mortal] = Mortal,
    refusals: tuple[float, ...] = (0.0, 1.0),
    until_wrong: bool = False,
) -> Tally:
    """Strike everywhere, with a gateway that takes deleted contacts back and with one that does not."""
    tally = Tally("hygiene", seed)
    for readd_refused in refusals:
        with tempfile.TemporaryDirectory(prefix="smsdata-hygiene-") as folder:
            template = slim_world(Path(folder), seed=seed, readd_refused=readd_refused)
            for one in strikes(template, disk, every):
                fired, wrong = strike(template, one)
                tally.fired[one.name] += fired
                tally.wrong += [f"{one.name}: {line}" for line in wrong]
                if until_wrong and tally.wrong:
                    return tally
    return tally
