"""Small accounts in which everything happens, and what people do to them."""

from __future__ import annotations

import random
from typing import Any

from smsdata.simulator import Account
from smsdata.simulator.recipients import DELIVERED
from smsdata.simulator.sent import Send


def small(seed: int, **options: Any) -> Account:
    """An account of a few hundred rows in which everything happens."""
    chosen = {"campaigns": 3, "recipients": 14, "singles": 3, "inbound": 3, "lists": 2, "days": 15}
    return Account(seed=seed, clients=0, **chosen | {"copies": 0.3} | options)


def stir(account: Account, rng: random.Random, *, numbers: int = 2) -> None:
    """Change what people change: list edits, sends, replies, opt-outs, a status long settled."""
    lists = list(account.contacts.lists)
    for list_id in rng.sample(lists, min(2, len(lists))):
        members = [member.msisdn for member in account.contacts.lists[list_id].present()]
        if len(members) > 1:
            edited, deleted = rng.sample(members, 2)
            account.contacts.edit_member(list_id, edited, first_name=f"Kim {rng.randrange(99)}")
            account.contacts.delete_member(deleted, list_id)
    account.send_campaign(numbers=[61491570006 + n for n in range(numbers)])
    moved, left = rng.sample(account.sends, 2)
    _restate(account, moved, rng)
    msisdn = int(account.recipients["msisdn"][rng.choice(left.rows.tolist())])
    account.optout_by_link(left.message_id, msisdn)
    account.inbound(msisdn, "Are you open?")


def _restate(account: Account, send: Send, rng: random.Random) -> None:
    """Change a status long settled: in one send always the same way, so that its counters move.

    Two changes that cancel each other out between two looks at the counters show to nobody.
    """
    fails = send.message_id % 2 == 0
    delivered = account.recipients.status(send.rows, account.now) == DELIVERED
    rows = send.rows[delivered == fails].tolist()
    if rows:
        msisdn = int(account.recipients["msisdn"][rng.choice(rows)])
        account.set_status(send.message_id, msisdn, "hard-bounce" if fails else "delivered")
