"""A store written by version 0.1.0, interrupted in the middle of a sync, opens and goes on."""

from __future__ import annotations

import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from smsdata import Client, Store, sync
from smsdata.simulator import Account, Gateway
from tests.support.accounts import small, stir
from tests.support.comparison import differences

ARCHIVE = Path(__file__).parent / "data" / "store-0.1.0.tar.xz"
TABLES = {
    "campaigns": 8, "messages": 57, "dlrs": 57, "optouts": 4, "replies": 8, "lists": 2, "list_members": 36,
    "numbers": 3, "keywords": 3, "status_history": 59,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The store as version 0.1.0 left it."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "store"


def account_of_the_store() -> Account:
    """The account that was synced: the same seed, days and changes."""
    account = small(5, late=0.3, days=20)
    rng = random.Random(5)
    account.advance(days=2)
    stir(account, rng)
    account.advance(days=1)
    stir(account, rng)
    return account


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_store_of_0_1_0_is_read_as_plain_parquet_readers_read_it(folder: Path) -> None:
    store = Store(folder)
    for table, count in TABLES.items():
        parts = [pq.ParquetFile(part).read() for part in sorted((folder / table).rglob("*.parquet"))]
        assert sum(part.num_rows for part in parts) == count
        assert store.count(table) == len(store.read(table)) == count


def test_store_of_0_1_0_is_not_written_by_reading(folder: Path) -> None:
    before = contents(folder)
    store = Store(folder)
    store.read("dlrs", as_of="2026-11-23")
    store.verify()
    assert contents(folder) == before


def test_store_of_0_1_0_goes_on(folder: Path, connect: Callable[..., Client]) -> None:
    account = account_of_the_store()
    client = connect(Gateway(account, limiter=None))
    report = sync(client, Store(folder, part_rows=25))
    assert differences(Store(folder), account) == {}
    assert Store(folder).rejects.all() == {}  # the row that was odd came well
    assert report.tables["campaigns"].calls < 3  # the look-back of one report, not the year
    account.advance(days=3)  # messages that come late have come by then
    sync(client, Store(folder))
    assert differences(Store(folder), account) == {}
    assert Store(folder).verify() == []
