"""Hygiene: a run that dies, or never hears an answer; going on must finish it once, and undo take it back.

It dies at each of its operations on disk, and before and after each call that changes something, while it
applies and while it undoes. Nobody but the targets may be touched, each target once.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from smsdata import Store, hygiene
from smsdata.simulator import Once
from smsdata.store.disk import Disk
from smsdata.store.records import record_bytes
from tests.support.hygiene_world import (
    Deadly,
    Killed,
    Template,
    World,
    contacts,
    copied,
    go_on_and_undo,
    go_on_with_undo,
    slim_world,
)

from .tally import Tally


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


def _sealed_anew(content: bytes | memoryview, changed: dict[str, Any]) -> bytes:
    entry = json.loads(bytes(content)) | changed
    entry.pop("checksum")
    return record_bytes(entry)


class _NoIntent(Mortal):
    """What is meant to be done is not written down before it is done."""

    def replace(self, path: Path, content: bytes | memoryview) -> None:
        if b'"state":"intent"' not in bytes(content):
            super().replace(path, content)


class _Early(Mortal):
    """What is meant to be done is written down as done."""

    def replace(self, path: Path, content: bytes | memoryview) -> None:
        if b'"state":"intent"' in bytes(content):
            content = _sealed_anew(content, {"state": "done"})
        super().replace(path, content)


class _NoBackup(Mortal):
    """The contact as it was is not kept."""

    def replace(self, path: Path, content: bytes | memoryview) -> None:
        if b'"state":"intent"' in bytes(content):
            contact = json.loads(bytes(content))["contact"] | {"last_name": None, "fields": "{}"}
            content = _sealed_anew(content, {"contact": contact})
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
