"""A pipe, a giant or a folder where a file of ours should be: nothing waits or dies, one line says so."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from smsdata import Store, hygiene, sync
from smsdata.errors import SmsDataError, UsageError
from smsdata.hygiene.run_journal import RunJournal
from smsdata.receiver.addresses import Addresses
from smsdata.simulator import Account, Gateway
from smsdata.store.spool import Callback, Spool, spool_folder
from tests.support.clients import connected

World = tuple[Account, Gateway, Store]
Use = Callable[[Store, Gateway], object]


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _giant(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


PLANTED: dict[str, Callable[[Path], None]] = {"pipe": _pipe, "giant": _giant, "folder": Path.mkdir}


@contextmanager
def _watched() -> Iterator[None]:
    """End what waits for ever, or wants all memory: both would be the fault that is looked for."""

    def late(number: int, frame: Any) -> None:
        raise TimeoutError("it waits for ever")

    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, before[1]))
    old = signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)
        resource.setrlimit(resource.RLIMIT_AS, before)


def _read(store: Store, gateway: Gateway) -> object:
    return store.read("messages")


def _sync(store: Store, gateway: Gateway) -> object:
    return sync(connected(gateway), store, deep=True)


def _receive(store: Store, gateway: Gateway) -> object:
    with Spool(spool_folder(store.private)).receiving("me"):
        pass
    return None


def _first_part(store: Store) -> Path:
    return store.parts("messages")[0]


def _rejected(store: Store) -> Path:
    (store.private / "rejects").mkdir()
    return store.private / "rejects" / "messages-00.json"


def _dismissed(store: Store) -> Path:
    return _rejected(store).with_name("dismissed")


def _run(store: Store) -> Path:
    (store.private / "runs" / "one").mkdir(parents=True)
    return store.private / "runs" / "one" / "run.json"


def _segment(store: Store) -> Path:
    spool = Spool(spool_folder(store.private))
    with spool.receiving("me"):
        spool.append([Callback(at=1, kind="dlr").line()])
    return spool.folder / "segment-00000002.open"


def _addresses(store: Store) -> Path:
    Addresses(spool_folder(store.private)).token()
    return spool_folder(store.private) / "addresses.json"


def _key(store: Store) -> Path:
    hygiene.plan(store)
    return store.private / "plan-key"


def _said(use: Callable[[], Any]) -> str:
    """What an error says, or a run that went on with what else there is."""
    try:
        return " ".join(use().attention)
    except SmsDataError as error:
        return str(error)


CASES: dict[str, tuple[Callable[[Store], Path], Use]] = {
    "state": (lambda store: store.private / "state.json", _read),
    "state, sync": (lambda store: store.private / "state.json", _sync),
    "part": (_first_part, _read),
    "part, scan": (_first_part, lambda store, _: store.scan("messages")),
    "part, sync": (_first_part, _sync),
    "lock": (lambda store: store.private / "lock", _sync),
    "journal": (lambda store: store.private / f"journal-{store.state.journal}.log", _sync),
    "dismissed": (_dismissed, lambda store, _: store.rejects.add([], "", None) or store.rejects.dismiss()),  # type: ignore[arg-type]
    "run": (_run, lambda store, _: RunJournal(store, "one").about()),
    "segment": (_segment, _receive),
    "addresses": (_addresses, lambda store, _: Addresses(spool_folder(store.private)).token()),
    "key of plans": (_key, lambda store, _: hygiene.plan(store)),
}
HARMLESS = {("lock", "giant"), ("journal", "giant")}
"""Nothing of these is read but a name, or pages with their checksums."""


@pytest.mark.parametrize("planted", PLANTED)
@pytest.mark.parametrize("case", CASES)
def test_what_is_planted_in_the_place_of_a_file_is_one_line(world: World, case: str, planted: str) -> None:
    _, gateway, store = world
    place, use = CASES[case]
    path = place(store)
    if path.exists():
        path.unlink()
    PLANTED[planted](path)
    with _watched():
        if (case, planted) in HARMLESS:
            use(Store(store.path), gateway)
            return
        said = _said(lambda: use(Store(store.path), gateway))
    assert "\n" not in said
    assert str(path) in said or case == "key of plans"


@pytest.mark.parametrize("planted", ["pipe", "giant"])
def test_verify_names_what_is_planted_in_the_place_of_a_part(world: World, planted: str) -> None:
    path = _first_part(world[2])
    path.unlink()
    PLANTED[planted](path)
    with _watched():
        (difference,) = Store(world[2].path).verify()
    assert path.name in str(difference)
    assert "damaged. Restore it from a backup" in str(difference)


@pytest.mark.parametrize("planted", ["pipe", "giant"])
def test_rows_aside_name_what_is_planted_among_them(world: World, planted: str) -> None:
    path = _rejected(world[2])
    PLANTED[planted](path)
    with _watched():
        assert list(Store(world[2].path).rejects.faults()) == [path]


@pytest.mark.parametrize("planted", ["pipe", "giant"])
def test_a_planted_file_of_a_user_is_one_line(world: World, tmp_path: Path, planted: str) -> None:
    path = tmp_path / "given"
    PLANTED[planted](path)
    with _watched():
        with pytest.raises(SmsDataError, match="given is no plan"):
            hygiene.load(path, world[2])
        with pytest.raises(UsageError, match="given is there and is no plan"):
            hygiene.plan(world[2], path=path)
        if planted == "pipe":
            with pytest.raises(UsageError, match="a device or a pipe"):
                hygiene.check(path, world[2])
