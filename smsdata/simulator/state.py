"""What an account holds at its virtual time, part by part: what truth and the calls of the gateway read.

Owns no rule. Imports the parts: clock, contacts, sent, inbox, imports.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from smsdata.simulator.clock import Clock
from smsdata.simulator.contacts import Contacts
from smsdata.simulator.imports import Imports
from smsdata.simulator.inbox import Inbox
from smsdata.simulator.seed_data import Record
from smsdata.simulator.sent import Sent


@dataclass(frozen=True)
class AccountState:
    """The parts side by side, then the tables that only calls of the gateway change.

    ``emails``: by address, who may send by e-mail. ``credit``: what all sends are paid from. ``price``: of
    one SMS. ``countries``: that can be sent to, by prefix.
    """

    clock: Clock
    contacts: Contacts
    sent: Sent
    inbox: Inbox
    numbers: list[Record]
    keywords: list[Record]
    clients: list[Record]
    transactions: list[Record]
    imports: Imports
    emails: dict[str, Record] = field(default_factory=dict)
    credit: float = 10_000.0
    price: float = 0.0
    countries: tuple[str, ...] = ()

    @property
    def now(self) -> int:
        """The virtual time, epoch seconds."""
        return self.clock.now
