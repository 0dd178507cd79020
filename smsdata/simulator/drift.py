"""Changes of an account while its pages are read. Owns the kinds of drift."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from smsdata.simulator import seed_data
from smsdata.simulator.account import DAY, HOUR, Account, Send
from smsdata.simulator.contacts import ContactList, Refused
from smsdata.simulator.recipients import PENDING, STATUSES

Asked = Mapping[str, str]


def _number(rng: random.Random) -> int:
    return int(seed_data.pool(1, start=rng.randrange(11_000))[0])


def _send(account: Account, asked: Asked, rng: random.Random) -> Send | None:
    """The send that is being read, else any."""
    message_id = int(asked.get("message_id", "0") or 0)
    if message_id in account.send_number:
        return account.send_of(message_id)
    return rng.choice(account.sends) if account.sends else None


def _list(account: Account, asked: Asked, rng: random.Random) -> ContactList | None:
    """The list that is being read, else any."""
    list_id = int(asked.get("list_id", "0") or 0)
    lists = account.book.lists
    return lists.get(list_id) or (rng.choice(list(lists.values())) if lists else None)


def _recipient(
    account: Account, asked: Asked, rng: random.Random, *, pending: bool
) -> tuple[int, int] | None:
    """A recipient of that send, still pending or already settled, as (message_id, msisdn)."""
    send = _send(account, asked, rng)
    if send is None:
        return None
    waiting = account.recipients.status(send.rows, account.now) == PENDING
    rows = send.rows[waiting == pending]
    return (send.message_id, int(account.recipients["msisdn"][rng.choice(rows)])) if len(rows) else None


def _head(account: Account, _asked: Asked, rng: random.Random) -> None:
    account.send(_number(rng))
    account.inbound(_number(rng), "new")


def _late(account: Account, _asked: Asked, rng: random.Random) -> None:
    account.send(_number(rng), at=account.now - rng.randrange(HOUR, 20 * DAY))


def _campaign(account: Account, _asked: Asked, rng: random.Random) -> None:
    account.send_campaign(numbers=seed_data.pool(5, start=rng.randrange(5_000)).tolist())


def _settle(account: Account, asked: Asked, rng: random.Random) -> None:
    found = _recipient(account, asked, rng, pending=True)
    if found:
        account.set_status(*found, rng.choice(STATUSES[1:]))


def _restatus(account: Account, asked: Asked, rng: random.Random) -> None:
    found = _recipient(account, asked, rng, pending=False)
    if found:
        account.set_status(*found, rng.choice(STATUSES[1:]))


def _copy(account: Account, asked: Asked, rng: random.Random) -> None:
    found = _recipient(account, asked, rng, pending=False)
    if found and not account.send_of(found[0]).single:
        account.duplicate(*found)


def _optout(account: Account, asked: Asked, rng: random.Random) -> None:
    found = _recipient(account, asked, rng, pending=False)
    if found:
        account.optout_by_link(*found)


def _reply(account: Account, asked: Asked, rng: random.Random) -> None:
    found = _recipient(account, asked, rng, pending=False)
    if found and account.send_of(found[0]).sender.isdigit():
        account.reply(*found, "Yes")


def _member(target: ContactList, rng: random.Random, *, deleted: bool) -> int | None:
    found = [member.msisdn for member in target.members.values() if member.deleted == deleted]
    return rng.choice(found) if found else None


def _join(account: Account, asked: Asked, rng: random.Random) -> None:
    target = _list(account, asked, rng)
    if target:
        _try(account.add_member, target.list_id, _number(rng), "New", None)


def _delete(account: Account, asked: Asked, rng: random.Random) -> None:
    target = _list(account, asked, rng)
    msisdn = _member(target, rng, deleted=False) if target else None
    if target and msisdn:
        account.delete_member(msisdn, target.list_id)


def _return(account: Account, asked: Asked, rng: random.Random) -> None:
    target = _list(account, asked, rng)
    msisdn = _member(target, rng, deleted=True) if target else None
    if target and msisdn:
        _try(account.add_member, target.list_id, msisdn)


def _deactivate(account: Account, asked: Asked, rng: random.Random) -> None:
    target = _list(account, asked, rng)
    msisdn = _member(target, rng, deleted=False) if target else None
    if target and msisdn:
        status = rng.choice(["active", "inactive"])
        account.edit_member(target.list_id, msisdn, status=status)


def _edit(account: Account, asked: Asked, rng: random.Random) -> None:
    target = _list(account, asked, rng)
    msisdn = _member(target, rng, deleted=False) if target else None
    if target and msisdn:
        account.edit_member(target.list_id, msisdn, first_name=f"Edited {rng.randrange(99)}")


def _rename(account: Account, asked: Asked, rng: random.Random) -> None:
    target = _list(account, asked, rng)
    if target:
        account.rename_list(target.list_id, f"Renamed {rng.randrange(99)}")


def _remove_list(account: Account, _asked: Asked, rng: random.Random) -> None:
    if len(account.book.lists) > 1:
        account.remove_list(rng.choice(list(account.book.lists)))


def _add_list(account: Account, _asked: Asked, rng: random.Random) -> None:
    account.add_list(f"New list {rng.randrange(99)}")


def _try(action: Callable[..., object], *args: object) -> None:
    """Do it unless the account refuses."""
    try:
        action(*args)
    except Refused:
        return


KINDS: dict[str, Callable[[Account, Asked, random.Random], None]] = {
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
send to five numbers. settle: a pending DLR settles (leaves ``delivery=pending``). restatus: a settled one
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
        unknown = set(self.kinds) - KINDS.keys()
        if unknown:
            raise ValueError(f"unknown drift {', '.join(sorted(unknown))}. Kinds: {', '.join(KINDS)}.")
        self._rng = random.Random(self.seed)

    def strike(self, account: Account, call: str = "", asked: Asked | None = None) -> None:
        """Change the account once."""
        del call
        if self.until is not None and self.strikes >= self.until:
            return
        self.strikes += 1
        for _ in range(self.rows):
            KINDS[self._rng.choice(self.kinds)](account, asked or {}, self._rng)
        if self.seconds:
            account.advance(self.seconds)
