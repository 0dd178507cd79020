"""The small account that syncs are tried on, and when it is there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from smsdata import Store, sync
from smsdata.simulator import Account, Gateway
from tests.support.clients import connected


def small_account() -> Account:
    """Two months of campaigns, single sends, replies and lists."""
    return Account(seed=5, campaigns=12, recipients=40, singles=12, inbound=8, lists=3, days=60)


def small_and_synced(folder: Path) -> tuple[Account, Path]:
    """The small account, and a store of it in parts of 50 rows."""
    account = small_account()
    with connected(Gateway(account, limiter=None)) as client:
        sync(client, Store(folder, part_rows=50), since="60d")
    return account, folder


def present(account: Account) -> datetime:
    """The account's virtual now."""
    return datetime.fromtimestamp(account.now, UTC)
