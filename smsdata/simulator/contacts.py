"""Contact lists and who is on them. Owns membership, opt-outs and re-adding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any


class Refused(Exception):
    """A call that the gateway answers with one of its documented error codes."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code, self.description, self.status = code, description, status


@dataclass(slots=True)
class Member:
    """One contact on one list; ``deleted`` ones only count in the list's total."""

    msisdn: int
    first_name: str | None
    last_name: str | None
    created_at: int
    status: str = "active"
    fields: dict[str, Any] = field(default_factory=dict)
    deleted: bool = False


@dataclass(slots=True)
class ContactList:
    """One contact list. ``fields`` maps ``field_1`` ... to the names of its custom fields."""

    list_id: int
    name: str
    created_at: int | None
    fields: dict[str, str] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    opted_out: set[int] = field(default_factory=set)

    def present(self) -> Iterator[Member]:
        """Everybody on the list now, in the order they joined."""
        return (member for member in self.members.values() if not member.deleted)

    @property
    def active(self) -> int:
        """How many are active (``members_active``)."""
        return sum(member.status == "active" for member in self.present())

    def find(self, msisdn: int) -> Member | None:
        """The contact, unless it was deleted or never there."""
        member = self.members.get(msisdn)
        return None if member is None or member.deleted else member


class Book:
    """All lists of an account and its global opt-outs.

    Parameters
    ----------
    goo : bool
        Global Opt Out: one opt-out counts for every list.
    readd_refused : float
        Share of numbers (chosen by the number itself) that cannot come back to a list they were deleted
        from: ``DUPLICATE_DELETED``.
    """

    def __init__(self, *, goo: bool, readd_refused: float) -> None:
        self.goo = goo
        self.readd_refused = readd_refused
        self.lists: dict[int, ContactList] = {}
        self.global_optouts: set[int] = set()

    def open(self, list_id: int) -> ContactList:
        """The list, or ``NOT_FOUND``."""
        if list_id not in self.lists:
            raise Refused("NOT_FOUND", f"No list {list_id}.")
        return self.lists[list_id]

    def refuses_readd(self, msisdn: int) -> bool:
        """Whether this number, once deleted, is refused with DUPLICATE_DELETED."""
        return (msisdn * 2654435761 % 2**32) / 2**32 < self.readd_refused

    def add(self, list_id: int, member: Member) -> Member:
        """Put a contact on a list; raises OPTOUT, KEY_EXISTS or DUPLICATE_DELETED."""
        target = self.open(list_id)
        msisdn = member.msisdn
        old = target.members.get(msisdn)
        if msisdn in target.opted_out or (self.goo and msisdn in self.global_optouts):
            raise Refused("OPTOUT", "This number opted out before.")
        if old is not None and not old.deleted:
            raise Refused("KEY_EXISTS", "This number is on the list already.")
        if old is not None and self.refuses_readd(msisdn):
            raise Refused("DUPLICATE_DELETED", "This number was deleted from the list before.")
        target.members.pop(msisdn, None)
        target.members[msisdn] = member
        return member

    def holding(self, msisdn: int, list_id: int) -> list[ContactList]:
        """The lists that hold this number: the one asked for, or every one for 0. NOT_FOUND for none."""
        targets: Iterable[ContactList] = self.lists.values() if list_id == 0 else [self.open(list_id)]
        found = [target for target in targets if target.find(msisdn) is not None]
        if not found:
            raise Refused("NOT_FOUND", "This number is on no such list.")
        return found

    def delete(self, msisdn: int, list_id: int) -> list[int]:
        """Delete a contact from one list, or from every list for 0; returns the lists it left."""
        found = self.holding(msisdn, list_id)
        for target in found:
            target.members[msisdn].deleted = True
        return [target.list_id for target in found]

    def opt_out(self, msisdn: int, list_id: int) -> list[int]:
        """Opt a contact out of one list (every list for 0 or with Global Opt Out); returns the lists."""
        found = self.holding(msisdn, list_id)
        if self.goo:
            found = self.holding(msisdn, 0)
            self.global_optouts.add(msisdn)
        for target in found:
            target.members[msisdn].status = "optout"
            target.opted_out.add(msisdn)
        return [target.list_id for target in found]
