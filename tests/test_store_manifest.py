"""Files that are gone, older, foreign or not readable are noticed; the remedy that is named works."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from smsdata import Client, Store, sync
from smsdata.errors import StoreError
from smsdata.gateway.endpoints import SYNCED
from smsdata.simulator import Account, Gateway
from smsdata.store.files import load_part
from smsdata.store.verify import Difference
from tests.support.accounts import small
from tests.support.comparison import differences

World = tuple[Account, Client, Path]


@pytest.fixture
def world(tmp_path: Path, connect: Callable[..., Client]) -> World:
    """An account, and a store that was synced from it."""
    account = small(3)
    first = account.sends[0]
    account.optout_by_link(first.message_id, int(account.recipients["msisdn"][first.rows[0]]))
    account.advance(days=4)
    client = connect(Gateway(account, limiter=None))
    sync(client, tmp_path / "store")
    assert Store(tmp_path / "store").verify() == []
    return account, client, tmp_path / "store"


def _first_part(folder: Path, table: str) -> Path:
    return Store(folder).parts(table)[0]


def _only(folder: Path) -> Difference:
    (one,) = Store(folder).verify()
    return one


@pytest.mark.parametrize("table", [*SYNCED, "status_history"])
def test_a_file_that_is_gone_is_noticed_and_the_remedy_works(world: World, table: str) -> None:
    account, client, folder = world
    part = _first_part(folder, table)
    shutil.rmtree(part.parent)
    for look in (Store(folder).read, Store(folder).scan, Store(folder).count):
        with pytest.raises(StoreError, match=r"is missing.*smsdata sync"):
            look(table)
    lost = Store(folder).verify()
    assert {one.what for one in lost} == {"missing"}
    assert {one.table for one in lost} == {table}
    if "--since" in lost[0].advice:  # a run that does not reach the file covers nothing up
        assert any("is missing" in line for line in sync(client, folder).attention)
        assert {one.what for one in Store(folder).verify()} == {"missing"}
    month = part.parent.name.removeprefix("month=") if "month=" in part.parent.name else None
    assert month is None or f"--deep --since {month}-01" in lost[0].advice
    sync(client, folder, deep=month is not None, since=f"{month}-01" if month else None)
    assert Store(folder).verify() == []
    assert differences(Store(folder), account) == {}


@pytest.mark.parametrize("table", ["replies", "campaigns", "status_history", "lists"])
def test_an_older_version_put_back_is_noticed(world: World, table: str) -> None:
    _, _, folder = world
    part = _first_part(folder, table)
    content = part.read_bytes()
    store = Store(folder)
    with store.writing():
        store.tables.write(part, table, store.rows(table))
    part.write_bytes(content)
    with pytest.raises(StoreError, match="not the version that the store wrote last"):
        Store(folder).read(table)
    assert (_only(folder).what, _only(folder).table) == ("older", table)
    before = part.read_bytes()
    with store.writing(), pytest.raises(StoreError, match="not the version"):
        store.merge(table, load_part(part))
    assert part.read_bytes() == before, "nobody merges into it"


def test_a_file_of_another_store_or_name_is_noticed(
    world: World, tmp_path: Path, connect: Callable[..., Client]
) -> None:
    _, _, folder = world
    other = tmp_path / "other"
    sync(connect(Gateway(small(4), limiter=None)), other)
    mine, theirs = _first_part(folder, "campaigns"), _first_part(other, "campaigns")
    whole = mine.read_bytes()
    mine.write_bytes(theirs.read_bytes())
    assert _only(folder).what == "foreign"
    mine.write_bytes(whole)
    extra = mine.with_name("part-7.parquet")
    extra.write_bytes(whole)
    assert (_only(folder).what, "Move it out" in _only(folder).advice) == ("foreign", True)
    with pytest.raises(StoreError, match="part-7"):
        Store(folder).read("campaigns")


def test_a_state_put_back_is_noticed(world: World) -> None:
    account, client, folder = world
    state = folder / ".smsdata" / "state.json"
    content = state.read_bytes()
    for _ in range(2):
        account.advance(days=1)
        sync(client, folder)
    state.write_bytes(content)
    assert {one.what for one in Store(folder).verify()} >= {"state is older"}


def test_a_state_that_is_gone_is_noticed_and_binds_no_other_account(world: World) -> None:
    account, client, folder = world
    (folder / ".smsdata" / "state.json").unlink()
    assert [one.where for one in Store(folder).verify()] == [".smsdata/state.json"]
    with pytest.raises(StoreError, match="another account"):
        Store(folder).bind("another", client.settings.base_url)
    sync(client, folder)
    assert Store(folder).verify() == []
    assert differences(Store(folder), account) == {}


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder in which the tests run as a user without rights."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.mark.parametrize("deep", [False, True])
def test_what_may_not_be_read_is_not_called_damaged(world: World, nobody: Path, deep: bool) -> None:
    _, _, folder = world
    store = Store(shutil.copytree(folder, nobody / "store"))
    part = store.parts("replies")[0]
    place = part if deep else part.parent
    for path in [store.path, *store.path.rglob("*")]:
        path.chmod(0o755)
    place.chmod(0)
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(StoreError, match=r"cannot be read: permission denied.*nothing is known to be"):
            store.read("replies")
        found = store.verify()
    finally:
        os.seteuid(mine)
        place.chmod(0o755)
    assert {one.what for one in found} == {"unreadable"}
    assert all("damaged" in one.advice and "remove" not in one.advice for one in found)
    assert store.verify() == []


def test_plain_readers_read_the_files(world: World) -> None:
    _, _, folder = world
    assert len(pd.read_parquet(folder / "messages")) == Store(folder).count("messages")


@pytest.mark.parametrize("place", [0.02, 0.07, 0.13, 0.19])
def test_scan_compares_the_checksums_that_duckdb_does_not(world: World, place: float) -> None:
    _, _, folder = world
    part = _first_part(folder, "dlrs")
    content = bytearray(part.read_bytes())
    content[int(place * len(content))] ^= 4
    part.write_bytes(content)
    with pytest.raises(StoreError, match=f"{part.name} is damaged"):
        Store(folder).scan("dlrs")
