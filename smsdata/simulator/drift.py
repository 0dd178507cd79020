"""Changes of an account while its pages are read. Owns the kinds of drift.

Imports the account and its parts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from smsdata.simulator import seed_data
from smsdata.simulator.account import Account
from smsdata.simulator.clock import DAY_SECONDS, HOUR_SECONDS
from smsdata.simulator.contacts import ContactList, Refused
from smsdata.simulator.recipients import PENDING, STATUS_WORDS
from smsdata.simulator.sent import Send

Asked = Mapping[str, str]


def _some_number(rng: random.Random) -> int:
    return int(seed_data.pool(1, start=rng.randrange(11_000))[0])


def _some_send(account: Account, asked: Asked, rng: random.Random) -> Send | None:
    """The send that is being read, else any."""
    message_id = int(asked.get("message_id", "0") or 0)
    if message_id in account.state.sent.positions:
        return account.state.sent.send_of(message_id)
    return rng.choice(account.sends) if account.sends else None


def _some_list(account: Account, asked: Asked, rng: random.Random) -> ContactList | None:
    """The list that is being read, else any."""
    list_id = int(asked.get("list_id", "0") or 0)
    lists = account.contacts.lists
    return lists.get(list_id) or (rng.choice(list(lists.values())) if lists else None)


def _some_recipient(
    account: Account, asked: Asked, rng: random.Random, *, pending: bool
) -> tuple[int, int] | None:
    """A recipient of that send, still pending or not, as (message_id, msisdn)."""
    send = _some_send(account, asked, rng)
    if send is None:
        return None
    waiting = account.recipients.status(send.rows, account.now) == PENDING
    rows = send.rows[waiting == pending]
    return (send.message_id, int(account.recipients["msisdn"][rng.choice(rows)])) if len(rows) else None


def _head(account: Account, _asked: Asked, rng: random.Random) -> None:
    account.send(_some_number(rng))
    account.inbound(_some_number(rng), "new")


def _late(account: Account, _asked: Asked, rng: random.Random) -> None:
    account.send(_some_number(rng), at=account.now - rng.randrange(HOUR_SECONDS, 20 * DAY_SECONDS))


def _campaign(account: Account, _asked: Asked, rng: random.Random) -> None:
    account.send_campaign(numbers=seed_data.pool(5, start=rng.randrange(5_000)).tolist())


def _settle(account: Account, asked: Asked, rng: random.Random) -> None:
    recipient = _some_recipient(account, asked, rng, pending=True)
    if recipient:
        account.set_status(*recipient, rng.choice(STATUS_WORDS[1:]))


def _restatus(account: Account, asked: Asked, rng: random.Random) -> None:
    recipient = _some_recipient(account, asked, rng, pending=False)
    if recipient:
        account.set_status(*recipient, rng.choice(STATUS_WORDS[1:]))


def _copy(account: Account, asked: Asked, rng: random.Random) -> None:
    recipient = _some_recipient(account, asked, rng, pending=False)
    if recipient and not account.state.sent.send_of(recipient[0]).single:
        account.duplicate(*recipient)


def _optout(account: Account, asked: Asked, rng: random.Random) -> None:
    recipient = _some_recipient(account, asked, rng, pending=False)
    if recipient:
        account.optout_by_link(*recipient)


def _reply(account: Account, asked: Asked, rng: random.Random) -> None:
    recipient = _some_recipient(account, asked, rng, pending=False)
    if recipient and account.state.sent.send_of(recipient[0]).sender.isdigit():
        account.reply(*recipient, "Yes")


def _some_member(target: ContactList, rng: random.Random, *, deleted: bool) -> int | None:
    numbers = [member.msisdn for member in target.members.values() if member.deleted == deleted]
    return rng.choice(numbers) if numbers else None


def _join(account: Account, asked: Asked, rng: random.Random) -> None:
    target = _some_list(account, asked, rng)
    if target:
        _try(account.contacts.add_member, target.list_id, _some_number(rng), "New", None)


def _delete(account: Account, asked: Asked, rng: random.Random) -> None:
    target = _some_list(account, asked, rng)
    msisdn = _some_member(target, rng, deleted=False) if target else None
    if target and msisdn:
        account.contacts.delete_member(msisdn, target.list_id)


def _return(account: Account, asked: Asked, rng: random.Random) -> None:
    target = _some_list(account, asked, rng)
    msisdn = _some_member(target, rng, deleted=True) if target else None
    if target and msisdn:
        _try(account.contacts.add_member, target.list_id, msisdn)


def _deactivate(account: Account, asked: Asked, rng: random.Random) -> None:
    target = _some_list(account, asked, rng)
    msisdn = _some_member(target, rng, deleted=False) if target else None
    if target and msisdn:
        status = rng.choice(["active", "inactive"])
        account.contacts.edit_member(target.list_id, msisdn, status=status)


def _edit(account: Account, asked: Asked, rng: random.Random) -> None:
    target = _some_list(account, asked, rng)
    msisdn = _some_member(target, rng, deleted=False) if target else None
    if target and msisdn:
        account.contacts.edit_member(target.list_id, msisdn, first_name=f"Edited {rng.randrange(99)}")


def _rename(account: Account, asked: Asked, rng: random.Random) -> None:
    target = _some_list(account, asked, rng)
    if target:
        account.contacts.rename_list(target.list_id, f"Renamed {rng.randrange(99)}")


def _remove_list(account: Account, _asked: Asked, rng: random.Random) -> None:
    if len(account.contacts.lists) > 1:
        account.contacts.remove_list(rng.choice(list(account.contacts.lists)))


def _add_list(account: Account, _asked: Asked, rng: random.Random) -> None:
    account.contacts.add_list(f"New list {rng.randrange(99)}")


def _try(action: Callable[..., object], *args: object) -> None:
    """Do it unless the account refuses."""
    try:
        action(*args)
    except Refused:
        return


DRIFT_KINDS: dict[str, Callable[[Account, Asked, random.Random], None]] = {
    "head": _head,
    "late": _late,
    "campaign": _campaign,
    "settle": _settle,
    "restatus": _restatus,
    "copy": _copy,
    "optout": _optout,
    "reply": _reply,
    "join": _join,
    "delete": _delete,
    "return": _return,
    "deactivate": _deactivate,
    "edit": _edit,
    "rename": _rename,
    "remove_list": _remove_list,
    "add_list": _add_list,
}
"""Kinds of drift.

head: a message and an inbound one arrive now. late: a message appears with an old ``sent_at``. campaign: a
send to five numbers. settle: a pending DLR becomes final (leaves ``delivery=pending``). restatus: a final one
changes. copy: a send lists a number once more. optout: by link. reply: to a send. join, delete, return:
contacts of a list. deactivate: a contact changes between active and inactive. edit: its name. rename,
remove_list, add_list: lists.
"""


@dataclass
class Drift:
    """What happens before every ``every_pages``-th page: ``rows`` changes of kinds taken in turn at random.

    ``until`` stops it after so many strikes; ``seconds`` of virtual time pass with each.

    Examples
    --------
    >>> account = Account(campaigns=1, singles=0, inbound=0)
    >>> Drift(every_pages=5, rows=3).strike(account)
    >>> len(account.sends)
    4
    """

    every_pages: int = 5
    rows: int = 10
    kinds: tuple[str, ...] = ("head",)
    seconds: float = 0
    until: int | None = None
    seed: int = 0
    strikes: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        unknown = set(self.kinds) - DRIFT_KINDS.keys()
        if unknown:
            raise ValueError(f"unknown drift {', '.join(sorted(unknown))}. Kinds: {', '.join(DRIFT_KINDS)}.")
        self._rng = random.Random(self.seed)

    def strike(self, account: Account, call: str = "", asked: Asked | None = None) -> None:
        """Change the account once."""
        del call
        if self.until is not None and self.strikes >= self.until:
            return
        self.strikes += 1
        for _ in range(self.rows):
            DRIFT_KINDS[self._rng.choice(self.kinds)](account, asked or {}, self._rng)
        if self.seconds:
            account.advance(self.seconds)
