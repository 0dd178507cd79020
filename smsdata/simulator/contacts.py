"""Contact lists and who is on them. Owns membership, opt-outs, re-adding, and the record of every change.

Imports only the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from smsdata.simulator.clock import Clock


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


@dataclass(frozen=True, slots=True)
class OptOut:
    """One opt-out: when, who, how ("reply", "inbound", "link" or "api"), from which send."""

    at: int
    msisdn: int
    how: str
    message_id: int | None
    list_id: int | None


class Contacts:
    """All lists of an account, its global opt-outs, and the record of who left and what was changed.

    Parameters
    ----------
    clock : Clock
        When changes are made, and under whose lock.
    goo : bool
        Global Opt Out: one opt-out counts for every list.
    readd_refused : float
        Share of numbers (chosen by the number itself) that cannot come back to a list they were deleted
        from: ``DUPLICATE_DELETED``.

    Attributes
    ----------
    lists : dict of int to ContactList
        By their ids.
    optout_log : list of OptOut
        Every opt-out, oldest first.
    changes : list of dict
        Every change of a member: ``at``, ``call``, ``by`` ("api" or "account"), ``list_id`` as asked for,
        ``msisdn`` and the ``list_ids`` that changed.
    changed : list of callable
        Called with "add" or "delete", the list and the number, for each list that somebody joins or leaves.
    """

    def __init__(self, clock: Clock, *, goo: bool, readd_refused: float) -> None:
        self.goo = goo
        self.readd_refused = readd_refused
        self.lists: dict[int, ContactList] = {}
        self.global_optouts: set[int] = set()
        self.optout_log: list[OptOut] = []
        self.changes: list[dict[str, Any]] = []
        self.changed: list[Callable[[str, int, int], None]] = []
        self._clock = clock

    # -- lists --------------------------------------------------------------------------------------

    def open(self, list_id: int) -> ContactList:
        """The list, or ``NOT_FOUND``."""
        if list_id not in self.lists:
            raise Refused("NOT_FOUND", f"No list {list_id}.")
        return self.lists[list_id]

    def holding(self, msisdn: int, list_id: int) -> list[ContactList]:
        """The lists that hold this number: the one asked for, or every one for 0. NOT_FOUND for none."""
        targets: Iterable[ContactList] = self.lists.values() if list_id == 0 else [self.open(list_id)]
        holders = [target for target in targets if target.find(msisdn) is not None]
        if not holders:
            raise Refused("NOT_FOUND", "This number is on no such list.")
        return holders

    def new_list(self, name: str, fields: dict[str, str], created_at: int | None) -> ContactList:
        """Make an empty list with the next id."""
        list_id = max(self.lists, default=3_100_000) + 1
        self.lists[list_id] = ContactList(list_id, name, created_at, fields)
        return self.lists[list_id]

    def add_list(self, name: str, fields: dict[str, str] | None = None, *, created: bool = True) -> int:
        """Make a list now; ``created=False`` leaves its date null. Returns its id."""
        with self._clock.changing():
            return self.new_list(name, fields or {}, self._clock.now if created else None).list_id

    def rename_list(self, list_id: int, name: str) -> None:
        """Give a list another name."""
        with self._clock.changing():
            self.open(list_id).name = name

    def remove_list(self, list_id: int) -> None:
        """Remove a list with everybody on it."""
        with self._clock.changing():
            del self.lists[self.open(list_id).list_id]

    # -- members ------------------------------------------------------------------------------------

    def refuses_readd(self, msisdn: int) -> bool:
        """Whether this number, once deleted, is refused with DUPLICATE_DELETED."""
        return (msisdn * 2654435761 % 2**32) / 2**32 < self.readd_refused

    def add_member(
        self,
        list_id: int,
        msisdn: int | str,
        first_name: str | None = None,
        last_name: str | None = None,
        *,
        fields: dict[str, Any] | None = None,
        by: str = "account",
    ) -> Member:
        """Put a contact on a list; raises `Refused` (OPTOUT, KEY_EXISTS, DUPLICATE_DELETED, NOT_FOUND)."""
        with self._clock.changing():
            member = Member(int(msisdn), first_name, last_name, self._clock.now, fields=fields or {})
            target = self.open(list_id)
            self._refuse_adding(target, member.msisdn)
            target.members.pop(member.msisdn, None)
            target.members[member.msisdn] = member
            self._record("add-to-list", by, list_id, member.msisdn, [list_id])
            return member

    def _refuse_adding(self, target: ContactList, msisdn: int) -> None:
        """Refuse whoever opted out, is there already, or was deleted and may not come back."""
        old = target.members.get(msisdn)
        if msisdn in target.opted_out or (self.goo and msisdn in self.global_optouts):
            raise Refused("OPTOUT", "This number opted out before.")
        if old is not None and not old.deleted:
            raise Refused("KEY_EXISTS", "This number is on the list already.")
        if old is not None and self.refuses_readd(msisdn):
            raise Refused("DUPLICATE_DELETED", "This number was deleted from the list before.")

    def edit_member(
        self,
        list_id: int,
        msisdn: int | str,
        *,
        by: str = "account",
        fields: dict[str, Any] | None = None,
        **values: Any,
    ) -> Member:
        """Change a contact: ``first_name``, ``last_name``, ``status`` or single custom fields."""
        with self._clock.changing():
            self.holding(int(msisdn), list_id)
            member = self.open(list_id).members[int(msisdn)]
            for name, value in values.items():
                setattr(member, name, value)
            member.fields |= fields or {}
            self._record("edit-list-member", by, list_id, member.msisdn, [list_id])
            return member

    def delete_member(self, msisdn: int | str, list_id: int = 0, *, by: str = "account") -> list[int]:
        """Delete a contact from a list, or from every list for 0; returns the lists it left."""
        with self._clock.changing():
            holders = self.holding(int(msisdn), list_id)
            for target in holders:
                target.members[int(msisdn)].deleted = True
            left = [target.list_id for target in holders]
            self._record("delete-from-list", by, list_id, int(msisdn), left)
            return left

    # -- opt-outs -----------------------------------------------------------------------------------

    def optout_member(self, msisdn: int | str, list_id: int = 0, *, by: str = "account") -> list[int]:
        """Opt a contact out of a list (0, or Global Opt Out: every list); returns the lists."""
        with self._clock.changing():
            left = self._opt_out(int(msisdn), list_id)
            self.optout_log.append(OptOut(self._clock.now, int(msisdn), "api", None, list_id or None))
            self._record("optout-list-member", by, list_id, int(msisdn), left)
            return left

    def take_optout(self, optout: OptOut) -> None:
        """A recipient opted out: log it, and opt the number out of the lists that this concerns."""
        self.optout_log.append(optout)
        if self.goo:
            self.global_optouts.add(optout.msisdn)
            self._leave(optout.msisdn, 0)
        elif optout.how == "link" and optout.list_id is not None:
            self._leave(optout.msisdn, optout.list_id)

    def _leave(self, msisdn: int, list_id: int) -> None:
        """Opt a number out of its lists, where it is on any."""
        try:
            self._opt_out(msisdn, list_id)
        except Refused:
            return

    def _opt_out(self, msisdn: int, list_id: int) -> list[int]:
        """Mark a contact of one list (every list for 0 or with Global Opt Out); returns the lists."""
        holders = self.holding(msisdn, list_id)
        if self.goo:
            holders = self.holding(msisdn, 0)
            self.global_optouts.add(msisdn)
        for target in holders:
            target.members[msisdn].status = "optout"
            target.opted_out.add(msisdn)
        return [target.list_id for target in holders]

    def _record(self, call: str, by: str, list_id: int, msisdn: int, list_ids: list[int]) -> None:
        """Write down a change of a member, whoever made it."""
        change = {"call": call, "by": by, "list_id": list_id, "msisdn": msisdn, "list_ids": list_ids}
        self.changes.append({"at": self._clock.now} | change)
        action = {"add-to-list": "add", "delete-from-list": "delete"}.get(call)
        for left_or_joined in list_ids if action else ():
            for tell in self.changed:
                tell(str(action), left_or_joined, msisdn)
