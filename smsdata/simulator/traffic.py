"""Made-up traffic. Owns when the campaigns, single sends and inbound messages of a history happen.

Imports `Sending`, which carries them out, and the made-up data.
"""

from __future__ import annotations

import numpy as np

from smsdata.simulator.clock import DAY_SECONDS
from smsdata.simulator.contacts import Member
from smsdata.simulator.seasons import when_sent
from smsdata.simulator.seed_data import (
    CAMPAIGN_TEXTS,
    INBOUND_TEXTS,
    LONGCODES,
    SENDER,
    SENDERS,
    SINGLE_TEXT,
    people_of,
    person,
    pool,
)
from smsdata.simulator.sending import Sending
from smsdata.simulator.sent import Send
from smsdata.simulator.state import AccountState


class Traffic:
    """Lets an account send and receive as its seed has it.

    Parameters
    ----------
    state : AccountState
        The account's parts.
    rng : numpy.random.Generator
        The account's one source of chance.
    sending : Sending
        What carries out the sends; the figures of its habits hold here too.
    """

    def __init__(self, state: AccountState, rng: np.random.Generator, sending: Sending) -> None:
        self._state = state
        self._rng = rng
        self._sending = sending
        self._figures = sending.habits.parameters

    def schedule(self, *, end: int, campaigns: int, recipients: int, singles: int, inbound: int) -> None:
        """Plan so many sends and inbound messages between now and ``end``."""
        rng, clock, begin = self._rng, self._state.clock, self._state.now
        span = max(end - begin, 1)
        for number in range(campaigns):
            at = begin + int(span * (number + rng.random()) / campaigns)
            clock.later(when_sent(at, begin, end, self._figures), self._send_campaign, recipients)
        everyone = pool(min(11_000, max(recipients, 1) * 3))
        for number in range(singles):
            at = begin + int(span * (number + rng.random()) / singles)
            clock.later(at, self._send_single, int(rng.choice(everyone)))
        for _ in range(inbound):
            at = begin + int(rng.integers(0, span))
            text = INBOUND_TEXTS[int(rng.integers(len(INBOUND_TEXTS)))]
            msisdn, longcode = int(rng.choice(everyone)), str(rng.choice(LONGCODES))
            clock.later(at, self._state.inbox.take_inbound, msisdn, text, longcode)

    def _send_campaign(self, _at: int, recipients: int) -> None:
        """A campaign goes out: to a list most of the time, else to about ``recipients`` numbers."""
        rng, lists = self._rng, self._state.contacts.lists
        text, sender = CAMPAIGN_TEXTS[int(rng.integers(len(CAMPAIGN_TEXTS)))], str(rng.choice(SENDERS))
        if lists and rng.random() < self._figures.traffic.to_lists:
            self._sending.order(None, text, list_id=int(rng.choice(list(lists))), sender=sender)
            return
        size = max(2, int(recipients * rng.uniform(0.5, 1.5)))
        chosen = pool(size, start=int(rng.integers(0, recipients + 1)))
        kind = str(rng.choice(["campaign", "quick_sms", "email_sms", "keyword", "test_sms"]))
        self._sending.order(people_of(chosen.tolist()), text, sender=sender, type=kind)

    def _send_single(self, _at: int, msisdn: int) -> None:
        """A send to one recipient goes out."""
        sender = SENDER if self._rng.random() < self._figures.traffic.from_number else "Acme"
        self._sending.order(people_of([msisdn]), SINGLE_TEXT, sender=sender, type="api", single=True)

    def send_bulk(self, messages: int, recipients: int, days: int) -> None:
        """Send ``messages`` in campaigns of ``recipients`` each, spread over the ``days`` before now."""
        sent, begin = self._state.sent, self._state.now - days * DAY_SECONDS
        everyone = pool(recipients)
        target = self._state.contacts.new_list("Everyone", {}, begin)
        names = np.array([[sent.names.index(name) for name in person(int(number))] for number in everyone])
        for number in everyone.tolist():
            target.members[number] = Member(number, *person(number), self._state.now)
        count = -(-messages // recipients)
        for campaign in range(count):
            size = min(recipients, messages - campaign * recipients)
            at = begin + (2 * campaign + 1) * days * DAY_SECONDS // (2 * count)
            text = CAMPAIGN_TEXTS[campaign % 3]
            send = Send(sent.new_message_id(), "campaign", at, text, SENDER, None, single=False)
            send.price = self._state.price
            self._sending.dispatch(send, everyone[:size], names[:size, 0], names[:size, 1])
