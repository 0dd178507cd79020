"""What was sent, and what became of it. Owns the sends, their recipients, and the counters of a send.

Imports the clock, the columns of recipients, the refusals of `contacts`, and the made-up texts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from smsdata.simulator.clock import Clock
from smsdata.simulator.contacts import Refused
from smsdata.simulator.recipients import DELIVERED, HARD, PENDING, SOFT, STATUS_WORDS, Ints, Recipients
from smsdata.simulator.seed_data import text_of

FIRST_MESSAGE_ID = 1_200_000_001
"""The ``id`` of the message in row 0 of the recipients."""

_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
_GSM7_LONG = frozenset("^{}\\[~]|€")


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
        size, single, several = len(text.encode("utf-16-le", "surrogatepass")) // 2, 70, 67
    return 1 if size <= single else math.ceil(size / several)


@dataclass(slots=True)
class Send:
    """One send. ``single``: to one recipient through the API, so its report row names the recipient.

    ``urls``: by kind of callback, the addresses that this send brought along. ``validity``: after how many
    seconds a message that is still with the carrier expires. ``link``: where its tracked link leads.
    ``expected``: how many recipients it had when it was ordered; ``rows`` are there once it went out.
    ``price``: of one SMS. ``texts``: by row, what was sent where more was filled in than the first name.
    """

    message_id: int
    type: str
    sent_at: int
    text: str
    sender: str
    list_id: int | None
    single: bool
    rows: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    responses: int = 0
    urls: dict[str, str] = field(default_factory=dict)
    validity: int | None = None
    link: str = ""
    expected: int = 0
    price: float = 0.0
    texts: dict[int, str] = field(default_factory=dict)

    @property
    def parts(self) -> int:
        """SMS per recipient: of the longest text where they differ."""
        return max(map(parts, self.texts.values())) if self.texts else parts(self.text)

    @property
    def recipients(self) -> int:
        """How many messages it is: those sent, before that those expected."""
        return len(self.rows) or self.expected

    @property
    def total_parts(self) -> int:
        """SMS over all recipients."""
        if self.texts:
            return sum(map(parts, self.texts.values()))
        return self.parts * self.recipients

    @property
    def cost(self) -> float:
        """What the send cost, as a positive amount."""
        return round(self.price * self.total_parts, 4)

    def text_for(self, row: int, first_name: str | None) -> str:
        """What the recipient in a row got, variables filled in."""
        filled = self.texts.get(row)
        return text_of(self.text, first_name) if filled is None else filled


def filled_in(template: str, values: Mapping[str, Any]) -> str:
    """A text with the variables in square brackets filled in; unknown ones stay, null is nothing.

    Examples
    --------
    >>> filled_in("Hi [FirstName] of [Town] [x]", {"firstname": "Ana", "town": None})
    'Hi Ana of  [x]'
    """

    def value(match: re.Match[str]) -> str:
        name = match[1].lower()
        return match[0] if name not in values else "" if values[name] is None else str(values[name])

    return re.sub(r"\[([^\[\]]+)\]", value, template)


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


class Sent:
    """Every send of an account with its recipients.

    Parameters
    ----------
    clock : Clock
        At which instant statuses and counters are given.

    Attributes
    ----------
    sends : list of Send
        In the order in which they went out.
    positions : dict of int to int
        Where a message_id stands in ``sends``; the column ``send`` of the recipients holds the same number.
    recipients : Recipients
        One row per message to one number, over all sends.
    scheduled : dict of int to Send
        By message_id, what is ordered and waits for its instant.
    added : list of callable
        Called with each send that goes out.
    names : Names
        What the columns ``first`` and ``last`` of the recipients stand for.
    """

    def __init__(self, clock: Clock) -> None:
        self.sends: list[Send] = []
        self.positions: dict[int, int] = {}
        self.scheduled: dict[int, Send] = {}
        self.added: list[Callable[[Send], None]] = []
        self.recipients = Recipients()
        self.names = Names()
        self._clock = clock
        self._next_message_id = 339_000_001

    def new_message_id(self) -> int:
        """The id of the next send."""
        self._next_message_id += 7
        return self._next_message_id

    def add(self, send: Send) -> None:
        """Put a send at the end; its recipients carry ``len(sends)`` as their number."""
        self.positions[send.message_id] = len(self.sends)
        self.sends.append(send)
        for action in self.added:
            action(send)

    @property
    def spent(self) -> float:
        """What all sends cost."""
        return sum(send.cost for send in self.sends)

    def ordered(self, message_id: int) -> Send:
        """The send with this id, also one that waits for its instant, or ``NOT_FOUND``."""
        return self.scheduled.get(message_id) or self.send_of(message_id)

    def send_of(self, message_id: int) -> Send:
        """The send with this id, or ``NOT_FOUND``."""
        if message_id not in self.positions:
            raise Refused("NOT_FOUND", f"No message {message_id}.")
        return self.sends[self.positions[message_id]]

    def rows_of(self, message_id: int, msisdn: int | str) -> Ints:
        """Recipient rows of one number in one send (several where the send lists it twice)."""
        rows = self.send_of(message_id).rows
        same: Ints = rows[self.recipients["msisdn"][rows] == int(msisdn)]
        return same

    def counters(self, send: Send) -> dict[str, int]:
        """The counters of a send at the current virtual time, as the report shows them."""
        now = self._clock.now
        counts = np.bincount(self.recipients.status(send.rows, now), minlength=4)
        optouts = int((self.recipients["optout_at"][send.rows] <= now).sum())
        return {
            "pending": int(counts[PENDING]),
            "delivered": int(counts[DELIVERED]),
            "soft_bounced": int(counts[SOFT]),
            "hard_bounced": int(counts[HARD]),
            "optouts": optouts,
            "responses": send.responses,
        }

    def original(self, row: int) -> str | None:
        """The message in this row with its variables filled in; None for row -1, which stands for none."""
        if row < 0:
            return None
        send: Send = self.sends[self.recipients["send"][row]]
        return send.text_for(row, self.names.values[self.recipients["first"][row]])

    def set_status(self, message_id: int, msisdn: int | str, status: str) -> None:
        """Give one recipient another status now, also one whose status is final."""
        with self._clock.changing():
            rows = self.rows_of(message_id, msisdn)
            self.recipients["before"][rows] = self.recipients["outcome"][rows] = STATUS_WORDS.index(status)
            self.recipients["final_at"][rows] = self._clock.now

    def duplicate(self, message_id: int, msisdn: int | str) -> None:
        """List a number once more in a send: one more message, ``copies`` one higher."""
        with self._clock.changing():
            send, row = self.send_of(message_id), int(self.rows_of(message_id, msisdn)[0])
            copy = self.recipients.copy_row(row)
            send.rows = np.concatenate([send.rows, copy])
            if row in send.texts:
                send.texts[int(copy[0])] = send.texts[row]
