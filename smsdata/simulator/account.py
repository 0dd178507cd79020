"""A seeded SMS account on a virtual clock: its verbs. Owns how the parts are put together.

Everything the account does by itself (a status becomes final, a reply arrives, somebody opts out, a scheduled
send goes out) is decided when a message is sent and happens when the virtual clock passes its instant.
Knows nothing of HTTP; imports only the parts of an account and the truth about them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from smsdata.simulator import seed_data, truth
from smsdata.simulator.clock import DAY_SECONDS, HOUR_SECONDS, Clock, check_start, epoch
from smsdata.simulator.contacts import Contacts, Member
from smsdata.simulator.imports import Imports
from smsdata.simulator.inbox import Inbox
from smsdata.simulator.keyword_rules import KeywordRules
from smsdata.simulator.outages import Outage
from smsdata.simulator.outbox import Outbox
from smsdata.simulator.parameters import AccountSection, Parameters, shipped_parameters
from smsdata.simulator.recipients import Recipients
from smsdata.simulator.sending import Habits, Sending
from smsdata.simulator.sent import Send, Sent
from smsdata.simulator.state import AccountState
from smsdata.simulator.traffic import Traffic

READY_AT = "2026-11-22T00:00:00Z"


def _with_given(section: AccountSection, **given: Any) -> AccountSection:
    """The figures of a section, but for those that are given."""
    return replace(section, **{name: value for name, value in given.items() if value is not None})


class Account:
    """A deterministic account whose state is a function of its seed, its changes and its virtual time.

    Parameters
    ----------
    seed : int
        Two accounts with the same arguments are equal.
    now : str or datetime
        The virtual time at which the account stands when it is ready, in the years 2000 to 2099.
    days : int
        How far back its history goes.
    campaigns, recipients, singles, inbound, lists : int
        How many campaigns, recipients of each (about), single-recipient sends, inbound messages, lists.
    reply_rate, link_rate : float
        Share of delivered recipients that reply; share of recipients that opt out by link, up to 45 days on.
    dead : float
        Share of numbers that always hard-bounce.
    late : float
        Share of messages that get-user-sms-sent shows up to 48 h after they were sent.
    late_replies : float
        Share of inbound messages that are listed up to 72 h after they were received.
    copies : float
        Share of campaigns that list one number twice.
    goo : bool
        Global Opt Out. On: who replies STOP is opted out of every list and is never sent to again.
        Off: nothing is done about it, and later sends reach them (see `smsdata.simulator.truth.breaches`).
    clients : int
        Client accounts of a reseller.
    readd_refused : float
        Share of deleted contacts that cannot be added again (DUPLICATE_DELETED).
    outages : sequence of Outage
        When carriers fail, and for which numbers.
    credit : float
        What all sends are paid from; send-sms refuses (LEDGER_ERROR) what is not covered by the rest.
    parameters : Parameters
        All other figures, and those of the arguments above that are None; the shipped ones by default.

    Attributes
    ----------
    state : AccountState
        What the account holds, part by part: clock, contacts, sent, inbox and the tables that never change.
    contacts : Contacts
        Lists and who is on them, with the methods that change them and the record of changes.
    sending : Sending
        What carries out sends; ``sending.habits.dead`` are the numbers that always hard-bounce.
    outbox : Outbox
        What calls the account's addresses: `Outbox.set` gives it some.
    keyword_rules : KeywordRules
        What keywords do when somebody texts them, once ``keyword_rules.on`` is set.

    Examples
    --------
    >>> account = Account(seed=1, campaigns=2, singles=3)
    >>> len(account.truth("campaigns"))
    5
    >>> before = account.truth("messages")
    >>> message_id = account.send(61491570156, "Your table is ready")
    >>> account.advance(days=4)
    >>> len(account.truth("messages")) - len(before)
    1
    """

    def __init__(
        self,
        seed: int = 0,
        now: str | datetime = READY_AT,
        *,
        days: int = 90,
        campaigns: int = 40,
        recipients: int = 60,
        singles: int = 60,
        inbound: int = 30,
        lists: int = 6,
        reply_rate: float | None = None,
        link_rate: float | None = None,
        dead: float | None = None,
        late: float | None = None,
        late_replies: float | None = None,
        copies: float | None = None,
        goo: bool | None = None,
        clients: int | None = None,
        readd_refused: float | None = None,
        outages: Sequence[Outage] | None = None,
        credit: float | None = None,
        parameters: Parameters | None = None,
    ) -> None:
        # The order of what follows is part of the seed's meaning: each step draws from the same numbers.
        figures = parameters or shipped_parameters()
        own = _with_given(
            figures.account, reply_rate=reply_rate, link_rate=link_rate, dead=dead, late=late,
            late_replies=late_replies, copies=copies, goo=goo, clients=clients, readd_refused=readd_refused,
            credit=credit,
        )  # fmt: skip
        check_start(now)
        end = epoch(now)
        rng = np.random.default_rng(seed)
        clock = Clock(end - days * DAY_SECONDS)
        self.contacts = Contacts(clock, goo=own.goo, readd_refused=own.readd_refused)
        sent, keywords = Sent(clock), seed_data.keyword_rows()
        inbox = Inbox(self.contacts, sent, keywords, own.late_replies, figures.receipts.replies_listed_until)
        resellers = seed_data.reseller_rows(rng, own.clients, end)
        self.state = AccountState(
            clock, self.contacts, sent, inbox, seed_data.number_rows(), keywords, *resellers,
            Imports(clock, self.contacts, figures.lists.imported_a_second), credit=own.credit,
            price=figures.traffic.price, countries=figures.traffic.countries,
        )  # fmt: skip
        habits = Habits(
            own.reply_rate, own.link_rate, own.late, own.copies, seed_data.dead_numbers(rng, own.dead),
            figures, figures.outages if outages is None else tuple(outages),
        )  # fmt: skip
        self.sending = Sending(self.state, rng, habits)
        self.outbox = Outbox(self.state, figures.callbacks)
        self.keyword_rules = KeywordRules(self.state, self.sending, self.outbox)
        self._traffic = Traffic(self.state, rng, self.sending)
        shares = figures.lists.inactive, figures.lists.deleted
        seed_data.fill_lists(self.contacts, rng, lists, max(recipients, 1), clock.now, *shares)
        self.schedule(days=days, campaigns=campaigns, recipients=recipients, singles=singles, inbound=inbound)
        self.advance(end - clock.now)

    @classmethod
    def bulk(
        cls,
        messages: int = 200_000,
        *,
        recipients: int = 5_000,
        days: int = 30,
        seed: int = 0,
        now: str | datetime = READY_AT,
        reply_rate: float | None = 0.001,
        link_rate: float | None = 0.0,
        goo: bool | None = False,
        credit: float | None = None,
        parameters: Parameters | None = None,
    ) -> Account:
        """A large account for benchmarks: campaigns of ``recipients`` each, evenly spread over ``days``.

        Examples
        --------
        >>> account = Account.bulk(20_000, recipients=5_000)
        >>> len(account.sends), account.recipients.size
        (4, 20000)
        """
        account = cls(
            seed, now, days=days, campaigns=0, singles=0, inbound=0, lists=0, goo=goo,
            reply_rate=reply_rate, link_rate=link_rate, credit=credit, parameters=parameters,
        )  # fmt: skip
        account._traffic.send_bulk(messages, recipients, days)
        account.advance()
        return account

    # -- what it holds ------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The virtual time, epoch seconds."""
        return self.state.now

    @property
    def time(self) -> datetime:
        """The virtual time."""
        return datetime.fromtimestamp(self.now, UTC)

    @property
    def sends(self) -> list[Send]:
        """Every send, in the order in which they went out."""
        return self.state.sent.sends

    @property
    def recipients(self) -> Recipients:
        """One row per message to one number, over all sends."""
        return self.state.sent.recipients

    def truth(self, table: str, *, msisdn: int | str | None = None) -> list[dict[str, Any]]:
        """What a table must hold at the current virtual time: see `smsdata.simulator.truth`."""
        with self.state.clock.lock:
            return truth.rows_of_table(self.state, table, None if msisdn is None else int(msisdn))

    def truth_breaches(self, how: Collection[str] | None = None) -> list[dict[str, Any]]:
        """Messages sent to a number after it had opted out: see `smsdata.simulator.truth.breaches`."""
        with self.state.clock.lock:
            return truth.breaches(self.state, how)

    # -- time ---------------------------------------------------------------------------------------

    def advance(self, seconds: float = 0, *, hours: float = 0, days: float = 0) -> None:
        """Let virtual time pass: statuses become final, replies and opt-outs arrive, sends go out."""
        self.state.clock.advance(int(seconds + hours * HOUR_SECONDS + days * DAY_SECONDS))

    def schedule(
        self, *, days: float, campaigns: int = 0, recipients: int = 60, singles: int = 0, inbound: int = 0
    ) -> None:
        """Let the world go on: made-up traffic that goes out over the next ``days`` as the clock runs."""
        with self.state.clock.lock:
            end = self.now + int(days * DAY_SECONDS)
            self._traffic.schedule(
                end=end, campaigns=campaigns, recipients=recipients, singles=singles, inbound=inbound
            )

    # -- sending ------------------------------------------------------------------------------------

    def send(
        self,
        msisdn: int | str,
        text: str = seed_data.SINGLE_TEXT,
        *,
        sender: str = seed_data.SENDER,
        at: str | datetime | float | None = None,
        type: str = "api",
        first_name: str | None = None,
        last_name: str | None = None,
    ) -> int:
        """Send to one number, as a program would; ``at`` in the past makes a row that appears late.

        Returns the message_id. A number on the Global Opt Out list gets nothing.
        """
        people = [Member(int(msisdn), first_name, last_name, 0)]
        return self.sending.order(people, text, sender=sender, at=at, type=type, single=True)

    def send_campaign(
        self,
        list_id: int | None = None,
        text: str = "Sale today only! Reply STOP to opt out",
        *,
        numbers: Iterable[int | str] = (),
        sender: str = seed_data.SENDER,
        at: str | datetime | float | None = None,
        type: str = "campaign",
    ) -> int:
        """Send one text to the active members of a list, or to ``numbers``; returns the message_id."""
        people = seed_data.people_of(numbers) if list_id is None else None
        return self.sending.order(people, text, list_id=list_id, sender=sender, at=at, type=type)

    # -- what people and carriers do, by hand ---------------------------------------------------------

    def reply(self, message_id: int, msisdn: int | str, text: str) -> int:
        """A recipient of a send answers now; returns the reply's id. A stop word opts the number out.

        Raises ValueError where the send came from a name, which nobody can answer.
        """
        inbox, sender = self.state.inbox, self.state.sent.send_of(message_id).sender
        if not sender.isdigit():
            raise ValueError(f"message {message_id} came from {sender!r}: nobody can answer a name.")
        with self.state.clock.changing():
            inbox.take_reply(self.now, int(self.state.sent.rows_of(message_id, msisdn)[0]), text)
            return inbox.replies[-1].id

    def inbound(self, msisdn: int | str, text: str, *, longcode: str = seed_data.SENDER) -> int:
        """A message comes in that answers nothing; returns its id. ``longcode`` is the number it went to."""
        if not longcode.isdigit():
            raise ValueError(f"nobody can text {longcode!r}: it is no number.")
        inbox = self.state.inbox
        with self.state.clock.changing():
            inbox.take_inbound(self.now, int(msisdn), text, longcode)
            return inbox.replies[-1].id

    def optout_by_link(self, message_id: int, msisdn: int | str) -> None:
        """A recipient follows the opt-out link of a send now."""
        with self.state.clock.changing():
            row = int(self.state.sent.rows_of(message_id, msisdn)[0])
            self.state.inbox.take_optout(self.now, row, "link")

    def set_status(self, message_id: int, msisdn: int | str, status: str) -> None:
        """Give one recipient another status now, also one whose status is final."""
        with self.state.clock.changing():
            self.state.sent.set_status(message_id, msisdn, status)
            self.outbox.status_changed(self.state.sent.rows_of(message_id, msisdn))

    def duplicate(self, message_id: int, msisdn: int | str) -> None:
        """List a number once more in a send: one more message, ``copies`` one higher."""
        self.state.sent.duplicate(message_id, msisdn)


def client_account(reseller: Account, client: seed_data.Record) -> Account:
    """The account of a reseller's client: small, on the reseller's clock, and empty where the client is new.

    Its lists are as many as the client's row says; what it sent is not made to add up to that row.
    """
    used = bool(client["total_sms"])
    return Account(
        seed=client["id"], now=reseller.time, days=30, campaigns=3 * used, recipients=20, singles=5 * used,
        inbound=3 * used, lists=client["total_lists"], goo=reseller.contacts.goo, clients=0,
    )  # fmt: skip
