"""How a send goes out. Owns who receives it, what becomes of each message, and how people react to it.

All of it is decided when a message is sent and happens when the clock passes its instant. Imports the parts
that a send changes (clock, contacts, sent, inbox, seed_data), carriers, outages, seasons and parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from smsdata.simulator.carriers import lateness, outcomes
from smsdata.simulator.clock import epoch
from smsdata.simulator.contacts import Member
from smsdata.simulator.outages import Outage
from smsdata.simulator.parameters import Parameters
from smsdata.simulator.recipients import DELIVERED, HARD, PENDING, SOFT, Ints
from smsdata.simulator.seasons import when_answered
from smsdata.simulator.seed_data import SENDER, reply_text
from smsdata.simulator.sent import Send, filled_in
from smsdata.simulator.state import AccountState


@dataclass(frozen=True)
class Habits:
    """How carriers and people behave.

    ``reply_rate``, ``link_rate``, ``late``, ``copies``: as `Account` takes them; ``dead``: the numbers that
    always hard-bounce; ``outages``: when carriers fail, and for whom; ``parameters``: all other figures.
    """

    reply_rate: float
    link_rate: float
    late: float
    copies: float
    dead: Ints
    parameters: Parameters
    outages: Sequence[Outage] = ()


class Sending:
    """Takes orders to send, and carries them out.

    Parameters
    ----------
    state : AccountState
        What it changes.
    rng : numpy.random.Generator
        The account's one source of chance.
    habits : Habits
        What to expect of carriers and people.
    """

    def __init__(self, state: AccountState, rng: np.random.Generator, habits: Habits) -> None:
        self.habits = habits
        self.state = state
        self._rng = rng

    def order(
        self,
        people: list[Member] | None,
        text: str,
        *,
        list_id: int | None = None,
        sender: str = SENDER,
        at: str | datetime | float | None = None,
        type: str = "campaign",
        single: bool = False,
        urls: Mapping[str, str] | None = None,
        validity: int | None = None,
        link: str = "",
        personal: bool = False,
    ) -> int:
        """Send to people, or to the active members of a list, now or when the clock reaches ``at``.

        ``urls``, ``validity``, ``link``: as `Send` has them. ``personal`` fills in last names, custom fields
        and the tracked link too, not first names alone. Gives the message_id, which stands for nothing where
        nobody is left to send to.
        """
        clock, sent = self.state.clock, self.state.sent
        with clock.changing():
            when = clock.now if at is None else epoch(at)
            send = Send(sent.new_message_id(), type, when, text, sender, list_id, single)
            send.urls, send.validity, send.link = dict(urls or {}), validity, link
            send.price = self.state.price
            if when > clock.now:
                send.expected = len(self.reachable(people, list_id))
                sent.scheduled[send.message_id] = send
                clock.later(when, self._launch_scheduled, send, people, personal)
            else:
                self._launch(send, people, personal)
            return send.message_id

    def cancel(self, message_id: int) -> bool:
        """Call off what has not been sent yet; False when there is no such order."""
        with self.state.clock.changing():
            return self.state.sent.scheduled.pop(message_id, None) is not None

    def reachable(self, people: list[Member] | None, list_id: int | None) -> list[Member]:
        """Whom a send would go to now: those people, else the active of a list, without who is blocked."""
        contacts = self.state.contacts
        if people is None and list_id is not None:
            target = contacts.lists.get(list_id)
            people = [m for m in target.present() if m.status == "active"] if target else []
        blocked = contacts.global_optouts if contacts.goo else set()
        return [member for member in people or [] if member.msisdn not in blocked]

    def _launch_scheduled(self, _at: int, send: Send, people: list[Member] | None, personal: bool) -> None:
        if self.state.sent.scheduled.pop(send.message_id, None) is not None:
            self._launch(send, people, personal)

    def _launch(self, send: Send, people: list[Member] | None, personal: bool) -> None:
        """Resolve the recipients of a send and dispatch it; nobody left means nothing is sent."""
        names = self.state.sent.names
        people = self.reachable(people, send.list_id)
        if people:
            if personal and "[" in send.text:
                self._fill_in(send, people)
            self.dispatch(
                send,
                np.array([member.msisdn for member in people], np.int64),
                np.array([names.index(member.first_name) for member in people]),
                np.array([names.index(member.last_name) for member in people]),
            )

    def _fill_in(self, send: Send, people: list[Member]) -> None:
        """Write what each recipient gets, by the row that dispatch is about to give them."""
        first_row = self.state.sent.recipients.size
        for row, member in enumerate(people, first_row):
            send.texts[row] = filled_in(send.text, variables_of(member, short_link(send)))

    def dispatch(self, send: Send, numbers: Ints, first: Ints, last: Ints) -> None:
        """Hand messages to the carriers: decides every outcome and when it will be known.

        Copies of a number share one outcome, and it becomes final for all of them at once.
        """
        rng, sent, count = self._rng, self.state.sent, len(numbers)
        pace = int(rng.choice(self.habits.parameters.traffic.paces))
        sent_at = send.sent_at + np.arange(count) // pace
        _, first_seen, same = np.unique(numbers, return_index=True, return_inverse=True)
        outcome, delay = outcomes(rng, numbers, self.habits.dead, self.habits.parameters)
        if send.validity is not None:
            expired = (delay > send.validity) & (outcome != HARD)
            outcome[expired], delay[expired] = SOFT, send.validity
        for outage in self.habits.outages:
            outcome[outage.strikes(numbers, sent_at) & (outcome != HARD)] = outage.outcome
        final_at = sent_at + delay + lateness(send.message_id, count, self.habits.parameters)
        outcome, final_at = outcome[first_seen][same], final_at[first_seen][same]
        is_late = rng.random(count) < self.habits.late
        times = self.habits.parameters.receipts
        delays = rng.integers(times.listed_from, times.listed_until, count)
        listed_at = sent_at + np.where(is_late, delays, 0)
        send.rows = sent.recipients.append(
            msisdn=numbers, send=len(sent.sends), sent_at=sent_at, listed_at=listed_at, before=PENDING,
            outcome=outcome, final_at=final_at, first=first, last=last,
        )  # fmt: skip
        sent.add(send)
        self._plan_reactions(send)
        if not send.single and rng.random() < self.habits.copies:
            sent.duplicate(send.message_id, int(numbers[0]))

    def _plan_reactions(self, send: Send) -> None:
        """Decide who replies, opts out by link or follows a link, and when."""
        rng, rows, habits = self._rng, send.rows, self.habits
        clock, inbox, recipients = self.state.clock, self.state.inbox, self.state.sent.recipients
        replies, clicks = habits.parameters.replies, habits.parameters.clicks
        final_at = recipients["final_at"][rows].tolist()
        reached = recipients["outcome"][rows] == DELIVERED
        replying = reached & (rng.random(len(rows)) < habits.reply_rate) & send.sender.isdigit()
        for position in np.flatnonzero(replying).tolist():
            wait = min(int(rng.exponential(replies.wait_mean)) + replies.wait_least, replies.wait_longest)
            at = when_answered(final_at[position] + wait, int(rows[position]), habits.parameters)
            clock.later(at, inbox.take_reply, int(rows[position]), reply_text(rng, replies.texts))
        for position in np.flatnonzero(reached & (rng.random(len(rows)) < habits.link_rate)).tolist():
            wait = int(rng.integers(clicks.optout_from, clicks.optout_until))
            clock.later(final_at[position] + wait, inbox.take_optout, int(rows[position]), "link")
        if "https://" in send.text or send.link:
            for position in np.flatnonzero(reached & (rng.random(len(rows)) < clicks.share)).tolist():
                wait = int(rng.exponential(clicks.wait_mean))
                clock.later(final_at[position] + wait, inbox.take_hit, int(rows[position]))


def short_link(send: Send) -> str:
    """What stands in a text for its tracked link; empty where it has none."""
    return f"https://example.com/{send.message_id:x}" if send.link else ""


def variables_of(member: Member, link: str) -> dict[str, Any]:
    """By their names in lower case, what a text may name in square brackets for one recipient."""
    fixed = {"firstname": member.first_name, "lastname": member.last_name} | (
        {"tracked-link": link} if link else {}
    )
    return {name.lower(): value for name, value in member.fields.items()} | fixed
