"""Stores: many stores as one frame with an account column, equal on pandas, scans and Spark."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pytest

import smsdata
from smsdata import Store, StoreError, Stores, UsageError, sync
from smsdata.analysis import delivery_rate, hard_bounced
from smsdata.schema.tables import TABLES
from smsdata.simulator import Account, Gateway
from tests.support.clients import connected
from tests.support.spark_session import small_session

NOW = "2026-11-24"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stores of two accounts, one that is empty, and things that are no stores."""
    data = tmp_path_factory.mktemp("data")
    account = Account(seed=3, campaigns=4, recipients=25, singles=3, inbound=4, lists=2, days=20)
    with connected(Gateway(account, limiter=None)) as client:
        sync(client, data / "perth")
        account.contacts.remove_list(next(iter(account.contacts.lists)))
        sync(client, data / "perth")
    _copy_with_other_ids(Store(data / "perth"), Store(data / "it's"))
    (data / "new" / ".smsdata").mkdir(parents=True, mode=0o700)
    (data / "new").chmod(0o700)
    (data / "demo").mkdir()
    (data / "notes.txt").write_text("no store")
    return data


def _copy_with_other_ids(one: Store, other: Store) -> None:
    """Another account of the same gateway, so with ids of its own."""
    with other.writing():
        other.bind("another", one.state.base_url)
        for table in ("campaigns", "messages", "dlrs", "replies", "lists", "list_members"):
            rows = one.rows(table)
            for name in {"id", "message_id", "list_id"} & set(rows.column_names):
                place, ids = rows.column_names.index(name), pc.add(rows.column(name), 1_000_000)
                rows = rows.set_column(place, rows.schema.field(name), ids)
            other.merge(table, rows.slice(0, rows.num_rows - 1))
        other.save_state()


def test_stores_read_gives_the_rows_of_each_with_its_account(folder: Path) -> None:
    stores = Stores(folder)
    assert list(stores) == ["it's", "new", "perth"]
    for table in TABLES:
        frame = stores.read(table)
        assert frame.columns[0] == "account"
        for name in stores:
            own = Store(folder / name).read(table)
            mine = frame[frame["account"] == name].drop(columns="account").reset_index(drop=True)
            pd.testing.assert_frame_equal(mine, own, check_index_type=False)
    assert set(stores.read("messages")["account"]) == {"it's", "perth"}


def test_stores_read_passes_its_options_on(folder: Path) -> None:
    stores = Stores(folder, accounts=["perth"])
    frame = stores.read("dlrs", since="2026-11-15", columns=["msisdn", "status"])
    assert list(frame.columns) == ["account", "msisdn", "status"]
    assert len(frame) == len(Store(folder / "perth").read("dlrs", since="2026-11-15"))
    assert len(stores) == 1
    assert stores["perth"].count("dlrs")


def test_stores_scan_answers_as_the_frame_does(folder: Path) -> None:
    stores = Stores(folder)
    for by in ("account", ["account", "week"], None):
        scanned = delivery_rate(stores.scan("messages"), by=by, now=NOW)
        pd.testing.assert_frame_equal(scanned, delivery_rate(stores.read("messages"), by=by, now=NOW))
    by_account = delivery_rate(stores.scan("messages"), by="account", now=NOW).set_index("account")
    for name in ("perth", "it's"):
        alone = delivery_rate(Store(folder / name).scan("messages"), now=NOW)
        assert by_account.loc[name, "settled"] == alone["settled"].iloc[0]
    bounced = hard_bounced(stores.scan("dlrs"))
    assert len(bounced) == len(hard_bounced(stores.read("dlrs")))


def test_stores_scan_leaves_vanished_rows_out_unless_asked(folder: Path) -> None:
    import duckdb

    scan = Stores(folder).scan("lists")
    counted = (f"SELECT count(*) FROM {one.sql()}" for one in (scan, scan.with_gone()))
    counts = [duckdb.connect().execute(text).fetchone() for text in counted]
    lists = Stores(folder).read("lists")
    assert counts == [(int(lists["gone_at"].isna().sum()),), (len(lists),)]
    assert counts[0] != counts[1]


def test_stores_refuse_what_would_count_twice_or_is_not_there(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "perth", tmp_path / "copy")
    with pytest.raises(StoreError, match="a and b hold the same account"):
        Stores({"a": folder / "perth", "b": tmp_path / "copy"})
    with pytest.raises(UsageError, match="no store of hobart"):
        Stores(folder, accounts=["hobart"])
    with pytest.raises(UsageError, match="there is no store in"):
        Stores(folder / "demo")
    with pytest.raises(UsageError, match="cannot be read"):
        Stores(folder / "none")
    with pytest.raises(UsageError, match="there is no store of 'hobart'"):
        Stores(folder)["hobart"]
    assert smsdata.Stores is Stores


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    yield from small_session()


@pytest.mark.spark
def test_stores_spark_answers_as_the_scan_does(folder: Path, session: Any) -> None:
    stores = Stores(folder)
    for table in ("messages", "lists", "numbers"):
        frame = stores.spark(session, table)
        assert frame.columns == stores.scan(table).columns
        here = stores.read(table)
        here = here[here["gone_at"].isna()] if "gone_at" in here else here
        assert frame.count() == len(here)
    rates = delivery_rate(stores.spark(session, "messages"), by="account", now=NOW)
    pd.testing.assert_frame_equal(rates, delivery_rate(stores.scan("messages"), by="account", now=NOW))
    since = {"since": "2026-11-10", "until": "2026-11-20"}
    assert stores.spark(session, "messages", **since).count() == len(stores.read("messages", **since))
