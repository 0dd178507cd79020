"""Accounts of a size, for whoever wants one without choosing its parameters. Owns what each size means.

Imports the account.
"""

from __future__ import annotations

from smsdata.simulator.account import READY_AT, Account

SIZES = ("small", "month", "200k")
"""small: 90 days, about 2,000 messages in 90 sends. month: 30 days, about 17,000 messages in 300 sends.
200k: 30 days, 200,000 messages in 40 sends to one list, without Global Opt Out."""


def account_of_size(size: str, seed: int = 0, now: str = READY_AT, *, goo: bool = True) -> Account:
    """An account of one of `SIZES`, with credit for more sends of its kind.

    Raises ValueError for a size that is none.

    Examples
    --------
    >>> len(account_of_size("small").sends)
    91
    """
    if size == "small":
        return Account(seed, now, goo=goo)
    if size == "month":
        return Account(
            seed,
            now,
            goo=goo,
            days=30,
            campaigns=30,
            recipients=650,
            singles=300,
            inbound=200,
            credit=100_000,
        )
    if size == "200k":
        return Account.bulk(200_000, seed=seed, now=now, credit=100_000)
    raise ValueError(f"unknown size {size!r}: {', '.join(SIZES)}.")
