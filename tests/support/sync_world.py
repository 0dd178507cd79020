"""The small account that syncs are tried on, and when it is there."""

from __future__ import annotations

from datetime import UTC, datetime

from smsdata.simulator import Account


def small_account() -> Account:
    """Two months of campaigns, single sends, replies and lists."""
    return Account(seed=5, campaigns=12, recipients=40, singles=12, inbound=8, lists=3, days=60)


def present(account: Account) -> datetime:
    """The account's virtual now."""
    return datetime.fromtimestamp(account.now, UTC)
