"""Whose folders a store's are: what is refused, what is accepted, and a store that a group shares."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smsdata import Store, hygiene, sync
from smsdata.errors import SmsDataError, StoreError, UsageError
from smsdata.receiver.addresses import Addresses
from smsdata.simulator import Account, Gateway
from smsdata.store.spool import Callback, Spool, spool_folder
from tests.support.clients import connected
from tests.support.sync_world import small_account

World = tuple[Account, Gateway, Store]
SOMEBODY, COLLEAGUE, GROUP = 61_001, 61_002, 61_100


def _write(store: Store) -> None:
    sync(connected(Gateway(small_account(), limiter=None)), store)


def _receive(store: Store) -> None:
    with Spool(spool_folder(store.private)).receiving("me"):
        pass


USES: dict[str, Callable[[Store], object]] = {
    "sync": _write,
    "read": lambda store: store.read("messages"),
    "scan": lambda store: store.scan("messages"),
    "verify": lambda store: store.verify(),
    "receive": _receive,
    "addresses": lambda store: Addresses(spool_folder(store.private)).rotate(),
    "plan": lambda store: hygiene.plan(store),
}


def _give_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a folder be another user's: its owner is changed, or who we are where we may not do that."""
    if os.geteuid() == 0:
        os.chown(path, SOMEBODY, SOMEBODY)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY)


def _refused(use: Callable[[Store], object], store: Store, words: str) -> None:
    with pytest.raises(StoreError, match=words) as caught:
        use(store)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
@pytest.mark.parametrize("which", ["", ".smsdata"])
def test_a_folder_of_another_user_is_refused_unless_a_setting_accepts_its_owner(
    world: World, monkeypatch: pytest.MonkeyPatch, use: Callable[[Store], object], which: str
) -> None:
    folder = world[2].path / which
    _give_away(folder, monkeypatch)
    owner = folder.stat().st_uid
    _refused(use, Store(world[2].path), f"belongs to .*SMSDATA_STORE_OWNER={owner}")
    monkeypatch.setenv("SMSDATA_STORE_OWNER", "61009")
    _refused(use, Store(world[2].path), "belongs to ")
    monkeypatch.setenv("SMSDATA_STORE_OWNER", str(owner))
    use(Store(world[2].path))


@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
@pytest.mark.parametrize("which", ["", ".smsdata"])
def test_a_folder_that_everybody_may_write_to_is_refused(
    world: World, use: Callable[[Store], object], which: str
) -> None:
    folder = world[2].path / which
    folder.chmod(0o777)
    _refused(use, Store(world[2].path), f"by everybody: run `chmod o-w {folder}`")
    folder.chmod(0o775)
    use(Store(world[2].path))


@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
def test_a_private_folder_behind_a_link_is_refused(
    world: World, tmp_path: Path, use: Callable[[Store], object]
) -> None:
    private = world[2].private
    private.rename(tmp_path / "elsewhere")
    private.symlink_to(tmp_path / "elsewhere")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "elsewhere").rglob("*")}
    _refused(use, Store(world[2].path), r"\.smsdata is a link")
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "elsewhere").rglob("*")}


@pytest.mark.parametrize("planted", ["file", "pipe", "link to nothing"])
def test_what_stands_in_the_place_of_the_private_folder_is_one_line(tmp_path: Path, planted: str) -> None:
    store = Store(tmp_path / "store")
    store.path.mkdir()
    if planted == "file":
        store.private.touch()
    elif planted == "pipe":
        os.mkfifo(store.private)
    else:
        store.private.symlink_to(tmp_path / "nothing")
    _refused(_write, store, r"\.smsdata is (not a folder|a link)")
    assert not (tmp_path / "nothing").exists()


def test_an_owner_or_group_that_nobody_knows_is_one_line(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for setting in ("SMSDATA_STORE_OWNER", "SMSDATA_STORE_GROUP"):
        monkeypatch.setenv(setting, "no-such-name")
        with pytest.raises(UsageError, match=f"{setting} is 'no-such-name'"):
            world[2].read("messages")
        monkeypatch.delenv(setting)


# ---- a group ---------------------------------------------------------------------------------------------


def _modes(folder: Path) -> tuple[set[int], set[int]]:
    """The rights of all folders and of all files, that of the store among them."""
    paths = [folder, *folder.rglob("*")]
    modes = [(path.is_dir(), stat.S_IMODE(path.lstat().st_mode)) for path in paths]
    return {mode for is_dir, mode in modes if is_dir}, {mode for is_dir, mode in modes if not is_dir}


def _use_all(store: Store) -> None:
    _write(store)
    _receive(store)
    spool = Spool(spool_folder(store.private))
    with spool.receiving("me"):
        spool.append([Callback(at=1, kind="dlr").line()])
    Addresses(spool_folder(store.private)).rotate()
    hygiene.plan(store)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
def test_a_store_is_shared_with_the_group_of_a_setting_and_with_nobody_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    before = os.umask(umask)
    try:
        _use_all(Store(tmp_path / "own"))
        monkeypatch.setenv("SMSDATA_STORE_GROUP", str(os.getegid()))
        _use_all(Store(tmp_path / "shared"))
        monkeypatch.delenv("SMSDATA_STORE_GROUP")
        _use_all(Store(tmp_path / "shared"))  # who forgets the setting shares what is added all the same
    finally:
        os.umask(before)
    assert _modes(tmp_path / "own") == ({0o700}, {0o600})
    assert _modes(tmp_path / "shared") == ({0o2770}, {0o660})


def test_a_store_below_a_shared_folder_is_not_shared_unasked(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project").chmod(0o2775)
    _write(Store(tmp_path / "project" / "store"))
    folders, files = _modes(tmp_path / "project" / "store")
    assert {mode & 0o077 for mode in folders | files} == {0}


def test_a_store_that_holds_data_is_not_opened_to_a_group_unasked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _modes(world[2].path)
    monkeypatch.setenv("SMSDATA_STORE_GROUP", str(os.getegid()))
    _refused(_write, Store(world[2].path), f"chgrp -R {os.getegid()} .*chmod g")
    assert _modes(world[2].path) == before
    world[2].read("messages")


def _as_user(user: int, do: Callable[[], None]) -> str:
    """Do something as another user, in a child process; gives the error, or nothing."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([GROUP])
            os.setgid(user)
            os.setuid(user)
            do()
        except BaseException as error:
            os.write(write, f"{type(error).__name__}: {error}"[:4_000].encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as said:
        words = said.read()
    os.waitpid(child, 0)
    return words


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that other users can reach, which those of pytest are not."""
    folder = Path(tempfile.mkdtemp(prefix="smsdata-shared-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users; the rights are tested above")
def test_two_users_of_a_group_write_and_read_one_store(
    open_to_all: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = open_to_all / "home"
    home.mkdir()
    os.chown(home, SOMEBODY, GROUP)
    home.chmod(0o2770)
    store = home / "store"
    monkeypatch.setenv("SMSDATA_STORE_GROUP", str(GROUP))
    assert not _as_user(SOMEBODY, lambda: _use_all(Store(store)))
    assert not _as_user(COLLEAGUE, lambda: _use_all(Store(store)))
    assert not _as_user(SOMEBODY, lambda: _use_all(Store(store)))
    assert _modes(store) == ({0o2770}, {0o660})
    monkeypatch.delenv("SMSDATA_STORE_GROUP")
    assert "SMSDATA_STORE_GROUP" in _as_user(COLLEAGUE, lambda: _write(Store(store)))
    assert not _as_user(SOMEBODY, lambda: _use_all(Store(store)))
    with pytest.raises(SmsDataError, match="belongs to "):
        Store(store).read("messages")


def test_a_store_is_not_made_in_another_one(tmp_path: Path) -> None:
    outer = Store(tmp_path / "data")
    with outer.writing():
        pass
    with pytest.raises(UsageError, match=r"lies in the store .*data.*a --store beside it"):
        _write(Store(tmp_path / "data" / "clients" / "b"))
    assert [one.name for one in outer.path.iterdir()] == [".smsdata"]
    _write(outer)
