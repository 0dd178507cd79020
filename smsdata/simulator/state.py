"""What an account holds at its virtual time, part by part: what truth and the calls of the gateway read.

Owns no rule. Imports the parts: clock, contacts, sent, inbox.
"""

from __future__ import annotations

from dataclasses import dataclass

from smsdata.simulator.clock import Clock
from smsdata.simulator.contacts import Contacts
from smsdata.simulator.inbox import Inbox
from smsdata.simulator.seed_data import Record
from smsdata.simulator.sent import Sent


@dataclass(frozen=True)
class AccountState:
    """The parts side by side; the last four are tables that never change."""

    clock: Clock
    contacts: Contacts
    sent: Sent
    inbox: Inbox
    numbers: list[Record]
    keywords: list[Record]
    clients: list[Record]
    transactions: list[Record]

    @property
    def now(self) -> int:
        """The virtual time, epoch seconds."""
        return self.clock.now
