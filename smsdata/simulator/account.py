"""A seeded SMS account on a virtual clock. Owns its state and how time changes it; knows nothing of HTTP.

Everything the account does by itself (a DLR settles, a reply arrives, somebody opts out, a scheduled
send goes out) is decided when a message is sent and happens when the virtual clock passes its time.
Imports only the other state modules of this package.
"""

from __future__ import annotations

import heapq
import math
import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from smsdata.simulator import seed_data
from smsdata.simulator import truth as truths
from smsdata.simulator.contacts import Book, Member, Refused
from smsdata.simulator.recipients import DELIVERED, HARD, PENDING, SOFT, STATUSES, Ints, Recipients

HOUR = 3600
DAY = 24 * HOUR
NOW = "2026-11-22T00:00:00Z"
PRICE = 0.065
FIRST_MESSAGE_ID = 1_200_000_001

_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
_GSM7_LONG = frozenset("^{}\\[~]|€")
_STOP_WORDS = frozenset(
    ["STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "OPTOUT", "OPT OUT", "END", "QUIT", "CANCEL"]
)


def epoch(instant: str | datetime | float) -> int:
    """Seconds since 1970 of an instant; ISO text and naive datetimes are taken as UTC."""
    if isinstance(instant, str):
        instant = datetime.fromisoformat(instant)
    if isinstance(instant, datetime):
        return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp())
    return int(instant)


def parts(text: str) -> int:
    """How many SMS a text takes: 160 or 153 characters of GSM-7, 70 or 67 of UCS-2.

    Examples
    --------
    >>> parts("hello"), parts("x" * 161), parts("🎉" * 36)
    (1, 2, 2)
    """
    if set(text) <= _GSM7:
        size, single, several = len(text) + sum(c in _GSM7_LONG for c in text), 160, 153
    else:
        size, single, several = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if size <= single else math.ceil(size / several)


def is_stop(text: str) -> bool:
    """Whether the gateway takes a reply for an opt-out: one of its stop words and nothing else.

    Examples
    --------
    >>> is_stop(" Stop. "), is_stop("please stop the bus")
    (True, False)
    """
    return text.strip(" .!\r\n").upper() in _STOP_WORDS


@dataclass(slots=True)
class Send:
    """One send. ``single``: to one recipient through the API, so its report row names the recipient."""

    message_id: int
    type: str
    sent_at: int
    text: str
    sender: str
    list_id: int | None
    single: bool
    rows: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    responses: int = 0

    @property
    def parts(self) -> int:
        """SMS per recipient."""
        return parts(self.text)

    @property
    def cost(self) -> float:
        """What the send cost, as a positive amount."""
        return round(PRICE * self.parts * len(self.rows), 4)


@dataclass(slots=True)
class Reply:
    """One inbound message. ``row``: the recipient row it answers, or -1 for none."""

    id: int
    row: int
    message_id: int | None
    list_id: int | None
    received_at: int
    msisdn: int
    first_name: str | None
    last_name: str | None
    text: str
    longcode: str
    keyword: str | None = None


@dataclass(frozen=True, slots=True)
class OptOut:
    """One opt-out: when, who, how ("reply", "inbound", "link" or "api"), from which send."""

    at: int
    msisdn: int
    how: str
    message_id: int | None
    list_id: int | None


class Names:
    """First and last names as numbers, so that a million recipients stay small."""

    def __init__(self) -> None:
        self.values: list[str | None] = [None]
        self._index: dict[str | None, int] = {None: 0}

    def index(self, name: str | None) -> int:
        """The number that stands for this name."""
        if name not in self._index:
            self._index[name] = len(self.values)
            self.values.append(name)
        return self._index[name]


class Account:
    """A deterministic account whose state is a function of its seed, its changes and its virtual time.

    Parameters
    ----------
    seed : int
        Two accounts with the same arguments are equal.
    now : str or datetime
        The virtual time at which the account stands when it is ready.
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
    copies : float
        Share of campaigns that list one number twice.
    goo : bool
        Global Opt Out. On: who replies STOP is opted out of every list and is never sent to again.
        Off: nothing is done about it, and later sends reach them (see `breaches`).
    clients : int
        Client accounts of a reseller.
    readd_refused : float
        Share of deleted contacts that cannot be added again (DUPLICATE_DELETED).

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
        now: str | datetime = NOW,
        *,
        days: int = 90,
        campaigns: int = 40,
        recipients: int = 60,
        singles: int = 60,
        inbound: int = 30,
        lists: int = 6,
        reply_rate: float = 0.08,
        link_rate: float = 0.004,
        dead: float = 0.04,
        late: float = 0.0,
        copies: float = 0.0,
        goo: bool = True,
        clients: int = 3,
        readd_refused: float = 0.2,
    ) -> None:
        end = epoch(now)
        self.days, self.late, self.copies = days, late, copies
        self.reply_rate, self.link_rate = reply_rate, link_rate
        self.now = end - days * DAY
        self.rng = np.random.default_rng(seed)
        self.book = Book(goo=goo, readd_refused=readd_refused)
        self._start_empty()
        self.numbers, self.keywords = seed_data.numbers(), seed_data.keywords()
        self.clients, self.transactions = seed_data.clients(self.rng, clients, end)
        self.dead = seed_data.dead_numbers(self.rng, dead)
        seed_data.make_lists(self, lists, max(recipients, 1))
        traffic = {"campaigns": campaigns, "recipients": recipients, "singles": singles, "inbound": inbound}
        self.schedule(days=days, **traffic)
        self.advance(end - self.now)

    def _start_empty(self) -> None:
        """Nothing was sent, nothing came back, nothing is due."""
        self.lock = threading.RLock()
        self.version = 0
        self.recipients = Recipients()
        self.names = Names()
        self.sends: list[Send] = []
        self.send_number: dict[int, int] = {}
        self.replies: list[Reply] = []
        self.optout_log: list[OptOut] = []
        self.link_hits: list[tuple[int, int, str]] = []
        self.changes: list[dict[str, Any]] = []
        self._events: list[tuple[int, int, str, tuple[Any, ...]]] = []
        self._event_number = 0
        self._next_message_id = 339_000_001

    @classmethod
    def bulk(
        cls,
        messages: int = 200_000,
        *,
        recipients: int = 5_000,
        days: int = 30,
        seed: int = 0,
        now: str | datetime = NOW,
        reply_rate: float = 0.001,
    ) -> Account:
        """A large account for benchmarks: campaigns of ``recipients`` each, evenly spread over ``days``.

        Examples
        --------
        >>> account = Account.bulk(20_000, recipients=5_000)
        >>> len(account.sends), account.recipients.size
        (4, 20000)
        """
        account = cls(
            seed, now, days=days, campaigns=0, singles=0, inbound=0, lists=0, goo=False,
            reply_rate=reply_rate, link_rate=0.0,
        )  # fmt: skip
        seed_data.make_bulk(account, messages, recipients)
        account.advance()
        return account

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the lock, so that an account can be copied (copy.deepcopy) and compared."""
        return {name: value for name, value in self.__dict__.items() if name != "lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.lock = threading.RLock()

    @property
    def time(self) -> datetime:
        """The virtual time."""
        return datetime.fromtimestamp(self.now, UTC)

    # -- the clock ----------------------------------------------------------------------------------

    def advance(self, seconds: float = 0, *, hours: float = 0, days: float = 0) -> None:
        """Let virtual time pass: DLRs settle, replies and opt-outs arrive, scheduled sends go out."""
        with self.lock:
            target = self.now + int(seconds + hours * HOUR + days * DAY)
            while self._events and self._events[0][0] <= target:
                at, _, name, args = heapq.heappop(self._events)
                self.now = max(self.now, at)
                getattr(self, name)(at, *args)
            self.now = target
            self.version += 1

    def schedule(
        self, *, days: float, campaigns: int = 0, recipients: int = 60, singles: int = 0, inbound: int = 0
    ) -> None:
        """Let the world go on: made-up traffic that goes out over the next ``days`` as the clock runs."""
        with self.lock:
            counts = {"campaigns": campaigns, "singles": singles, "inbound": inbound}
            seed_data.make_traffic(self, recipients=recipients, end=self.now + int(days * DAY), **counts)

    def later(self, at: int, name: str, *args: Any) -> None:
        """Have the method ``name`` called with ``at`` and ``args`` when the clock reaches ``at``."""
        self._event_number += 1
        heapq.heappush(self._events, (int(at), self._event_number, name, args))

    # -- sending ------------------------------------------------------------------------------------

    def send(
        self,
        msisdn: int | str,
        text: str = "Your table is ready",
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
        return self._order(people, text, sender=sender, at=at, type=type, list_id=None, single=True)

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
        people = None
        if list_id is None:
            people = [Member(int(number), *seed_data.person(int(number)), 0) for number in numbers]
        return self._order(people, text, sender=sender, at=at, type=type, list_id=list_id, single=False)

    def _order(
        self,
        people: list[Member] | None,
        text: str,
        *,
        sender: str,
        at: str | datetime | float | None,
        type: str,
        list_id: int | None,
        single: bool,
    ) -> int:
        """Send now, or when the clock reaches ``at``."""
        with self.lock:
            when = self.now if at is None else epoch(at)
            send = Send(self.new_message_id(), type, when, text, sender, list_id, single)
            if when > self.now:
                self.later(when, "_launch", send, people)
            else:
                self._launch(when, send, people)
            self.version += 1
            return send.message_id

    def _on_campaign(self, _at: int, recipients: int) -> None:
        """A campaign of the made-up history goes out."""
        self.send_campaign(**seed_data.pick_campaign(self, recipients))

    def _on_single(self, _at: int, msisdn: int) -> None:
        """A single-recipient send of the made-up history goes out."""
        first, last = seed_data.person(msisdn)
        sender = seed_data.SENDER if self.rng.random() < 0.8 else "Acme"
        self.send(msisdn, sender=sender, first_name=first, last_name=last)

    def new_message_id(self) -> int:
        """The id of the next send."""
        self._next_message_id += 7
        return self._next_message_id

    def _launch(self, _at: int, send: Send, people: list[Member] | None) -> None:
        """Resolve the recipients of a send and dispatch it; nobody left means nothing is sent."""
        if people is None and send.list_id is not None:
            target = self.book.lists.get(send.list_id)
            people = [m for m in target.present() if m.status == "active"] if target else []
        blocked = self.book.global_optouts if self.book.goo else set()
        people = [member for member in people or [] if member.msisdn not in blocked]
        if people:
            self.dispatch(
                send,
                np.array([member.msisdn for member in people], np.int64),
                np.array([self.names.index(member.first_name) for member in people]),
                np.array([self.names.index(member.last_name) for member in people]),
            )

    def dispatch(self, send: Send, numbers: Ints, first: Ints, last: Ints) -> None:
        """Hand messages to the carriers: decides every outcome and when it will be known.

        Copies of a number share one outcome; they settle together.
        """
        count = len(numbers)
        pace = int(self.rng.choice([2, 20, 100_000]))
        sent = send.sent_at + np.arange(count) // pace
        _, first_seen, same = np.unique(numbers, return_index=True, return_inverse=True)
        outcome, delay = self._outcomes(numbers)
        outcome, settle_at = outcome[first_seen][same], (sent + delay)[first_seen][same]
        delayed = np.where(self.rng.random(count) < self.late, self.rng.integers(60, 48 * HOUR, count), 0)
        send.rows = self.recipients.append(
            msisdn=numbers, send=len(self.sends), sent_at=sent, listed_at=sent + delayed, before=PENDING,
            outcome=outcome, settle_at=settle_at, first=first, last=last,
        )  # fmt: skip
        self.send_number[send.message_id] = len(self.sends)
        self.sends.append(send)
        self._plan_reactions(send)
        if not send.single and self.rng.random() < self.copies:
            self.duplicate(send.message_id, int(numbers[0]))

    def _outcomes(self, numbers: Ints) -> tuple[Ints, Ints]:
        """Decide what becomes of each message, and after how many seconds.

        Most are delivered within a minute, some after hours; soft bounces come at up to 72 h, what is still
        pending then expires as one; dead numbers hard-bounce.
        """
        rng, count = self.rng, len(numbers)
        chance = rng.random(count)
        quick = np.clip(rng.lognormal(2.5, 1.2, count), 1, HOUR).astype(np.int64)
        slow = rng.integers(HOUR, 70 * HOUR, count)
        hard = (chance < 0.003) | np.isin(numbers, self.dead)
        soft = (chance < 0.023) & ~hard
        expired = (chance < 0.033) & ~hard & ~soft
        at_the_end = np.full(count, 72 * HOUR)
        hours_later = (chance < 0.063) & ~hard & ~soft & ~expired
        outcome = np.select([hard, soft | expired], [HARD, SOFT], DELIVERED)
        delay = np.select([hard, expired, soft | hours_later], [quick, at_the_end, slow], quick)
        return outcome, delay

    def _plan_reactions(self, send: Send) -> None:
        """Decide who replies, opts out by link or follows a link, and when."""
        rng, rows = self.rng, send.rows
        settled = self.recipients["settle_at"][rows]
        reached = self.recipients["outcome"][rows] == DELIVERED
        replying = reached & (rng.random(len(rows)) < self.reply_rate) & send.sender.isdigit()
        for position in np.flatnonzero(replying):
            wait = min(int(rng.exponential(1.5 * HOUR)) + 20, 90 * HOUR)
            self.later(
                int(settled[position]) + wait, "_on_reply", int(rows[position]), seed_data.reply_text(rng)
            )
        for position in np.flatnonzero(reached & (rng.random(len(rows)) < self.link_rate)):
            wait = int(rng.integers(HOUR, 45 * DAY))
            self.later(int(settled[position]) + wait, "_on_optout", int(rows[position]), "link")
        if "https://" in send.text:
            for position in np.flatnonzero(reached & (rng.random(len(rows)) < 0.05)):
                wait = int(rng.exponential(HOUR))
                self.later(int(settled[position]) + wait, "_on_hit", int(rows[position]))

    # -- what comes back ----------------------------------------------------------------------------

    def send_of(self, message_id: int) -> Send:
        """The send with this id, or ``NOT_FOUND``."""
        if message_id not in self.send_number:
            raise Refused("NOT_FOUND", f"No message {message_id}.")
        return self.sends[self.send_number[message_id]]

    def rows_of(self, message_id: int, msisdn: int | str) -> Ints:
        """Recipient rows of one number in one send (several where the send lists it twice)."""
        rows = self.send_of(message_id).rows
        found: Ints = rows[self.recipients["msisdn"][rows] == int(msisdn)]
        return found

    def reply(self, message_id: int, msisdn: int | str, text: str) -> int:
        """A recipient of a send answers now; returns the reply's id. A stop word opts the number out."""
        with self.lock:
            self._on_reply(self.now, int(self.rows_of(message_id, msisdn)[0]), text)
            self.version += 1
            return self.replies[-1].id

    def inbound(self, msisdn: int | str, text: str, *, longcode: str = seed_data.SENDER) -> int:
        """A message comes in that answers nothing; returns its id."""
        with self.lock:
            self._on_inbound(self.now, int(msisdn), text, longcode)
            self.version += 1
            return self.replies[-1].id

    def optout_by_link(self, message_id: int, msisdn: int | str) -> None:
        """A recipient follows the opt-out link of a send now."""
        with self.lock:
            self._on_optout(self.now, int(self.rows_of(message_id, msisdn)[0]), "link")
            self.version += 1

    def _on_reply(self, at: int, row: int, text: str) -> None:
        """A reply to the message in this row arrives."""
        table = self.recipients
        send = self.sends[table["send"][row]]
        first, last = self.names.values[table["first"][row]], self.names.values[table["last"][row]]
        msisdn = int(table["msisdn"][row])
        about = (row, send.message_id, send.list_id)
        self.replies.append(Reply(self._reply_id(), *about, at, msisdn, first, last, text, send.sender))
        send.responses += 1
        if is_stop(text):
            self._on_optout(at, row, "reply")

    def _on_inbound(self, at: int, msisdn: int, text: str, longcode: str) -> None:
        """A message arrives that answers no send."""
        word = text.split(" ")[0].upper() if text else ""
        keyword = next((k["keyword"] for k in self.keywords if k["keyword"] == word), None)
        first, last = seed_data.person(msisdn)
        self.replies.append(
            Reply(self._reply_id(), -1, None, None, at, msisdn, first, last, text, longcode, keyword)
        )

    def _reply_id(self) -> int:
        return 55_000_001 + 3 * len(self.replies)

    def _on_optout(self, at: int, row: int, how: str) -> None:
        """A recipient opts out; the flag stands on every copy of the number in that send."""
        table = self.recipients
        send, msisdn = self.sends[table["send"][row]], int(table["msisdn"][row])
        same = send.rows[table["msisdn"][send.rows] == msisdn]
        table["optout_at"][same] = np.minimum(table["optout_at"][same], at)
        self.optout_log.append(OptOut(at, msisdn, how, send.message_id, send.list_id))
        if self.book.goo:
            self.book.global_optouts.add(msisdn)
            self._leave(msisdn, 0)
        elif how == "link" and send.list_id is not None:
            self._leave(msisdn, send.list_id)

    def _leave(self, msisdn: int, list_id: int) -> None:
        """Opt a number out of its lists, where it is on any."""
        try:
            self.book.opt_out(msisdn, list_id)
        except Refused:
            return

    def _on_hit(self, at: int, row: int) -> None:
        """A tracked link is followed."""
        self.link_hits.append((at, row, "https://example.com/offer"))

    # -- changes made by hand, for drift and tests -----------------------------------------------------

    def set_status(self, message_id: int, msisdn: int | str, status: str) -> None:
        """Give one recipient another status now, also a settled one."""
        with self.lock:
            rows = self.rows_of(message_id, msisdn)
            self.recipients["before"][rows] = self.recipients["outcome"][rows] = STATUSES.index(status)
            self.recipients["settle_at"][rows] = self.now
            self.version += 1

    def duplicate(self, message_id: int, msisdn: int | str) -> None:
        """List a number once more in a send: one more message, ``copies`` one higher."""
        with self.lock:
            send, row = self.send_of(message_id), int(self.rows_of(message_id, msisdn)[0])
            send.rows = np.concatenate([send.rows, self.recipients.copy_row(row)])
            self.version += 1

    def add_list(self, name: str, fields: dict[str, str] | None = None, *, created: bool = True) -> int:
        """Make a list; ``created=False`` leaves its date null. Returns its id."""
        with self.lock:
            self.version += 1
            return seed_data.add_list(self, name, fields or {}, self.now if created else None)

    def rename_list(self, list_id: int, name: str) -> None:
        """Give a list another name."""
        with self.lock:
            self.book.open(list_id).name = name
            self.version += 1

    def remove_list(self, list_id: int) -> None:
        """Remove a list with everybody on it."""
        with self.lock:
            del self.book.lists[self.book.open(list_id).list_id]
            self.version += 1

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
        with self.lock:
            member = Member(int(msisdn), first_name, last_name, self.now, fields=fields or {})
            self.book.add(list_id, member)
            self._changed("add-to-list", by, list_id, member.msisdn, [list_id])
            return member

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
        with self.lock:
            self.book.holding(int(msisdn), list_id)
            member = self.book.open(list_id).members[int(msisdn)]
            for name, value in values.items():
                setattr(member, name, value)
            member.fields |= fields or {}
            self._changed("edit-list-member", by, list_id, member.msisdn, [list_id])
            return member

    def delete_member(self, msisdn: int | str, list_id: int = 0, *, by: str = "account") -> list[int]:
        """Delete a contact from a list, or from every list for 0; returns the lists it left."""
        with self.lock:
            left = self.book.delete(int(msisdn), list_id)
            self._changed("delete-from-list", by, list_id, int(msisdn), left)
            return left

    def optout_member(self, msisdn: int | str, list_id: int = 0, *, by: str = "account") -> list[int]:
        """Opt a contact out of a list (0, or Global Opt Out: every list); returns the lists."""
        with self.lock:
            left = self.book.opt_out(int(msisdn), list_id)
            self.optout_log.append(OptOut(self.now, int(msisdn), "api", None, list_id or None))
            self._changed("optout-list-member", by, list_id, int(msisdn), left)
            return left

    def _changed(self, call: str, by: str, list_id: int, msisdn: int, list_ids: list[int]) -> None:
        """Write down a change of a list, whoever made it."""
        change = {"call": call, "by": by, "list_id": list_id, "msisdn": msisdn, "list_ids": list_ids}
        self.changes.append({"at": self.now} | change)
        self.version += 1

    # -- what is true ------------------------------------------------------------------------------

    def counters(self, send: Send) -> dict[str, int]:
        """The counters of a send at the current virtual time, as the report shows them."""
        counts = np.bincount(self.recipients.status(send.rows, self.now), minlength=4)
        optouts = int((self.recipients["optout_at"][send.rows] <= self.now).sum())
        return {
            "pending": int(counts[PENDING]),
            "delivered": int(counts[DELIVERED]),
            "soft_bounced": int(counts[SOFT]),
            "hard_bounced": int(counts[HARD]),
            "optouts": optouts,
            "responses": send.responses,
        }

    def truth(self, table: str, *, msisdn: int | str | None = None) -> list[dict[str, Any]]:
        """What a table must hold at the current virtual time: see `smsdata.simulator.truth`."""
        with self.lock:
            return truths.table(self, table, None if msisdn is None else int(msisdn))

    def truth_breaches(self, how: Collection[str] | None = None) -> list[dict[str, Any]]:
        """Messages sent to a number after it had opted out: see `smsdata.simulator.truth.breaches`."""
        with self.lock:
            return truths.breaches(self, how)
