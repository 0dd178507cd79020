"""What comes back: replies, inbound messages, opt-outs and clicks. Owns how each of them changes the account.

Imports the parts below it: clock, contacts, sent, seed_data.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from smsdata.simulator.clock import HOUR_SECONDS
from smsdata.simulator.contacts import Contacts, OptOut
from smsdata.simulator.seed_data import Record, person
from smsdata.simulator.sent import Sent

_STOP_WORDS = frozenset(
    ["STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "OPTOUT", "OPT OUT", "END", "QUIT", "CANCEL"]
)


def is_stop(text: str) -> bool:
    """Whether the gateway takes a reply for an opt-out: one of its stop words and nothing else.

    Examples
    --------
    >>> is_stop(" Stop. "), is_stop("please stop the bus")
    (True, False)
    """
    return text.strip(" .!\r\n").upper() in _STOP_WORDS


@dataclass(slots=True)
class Reply:
    """One inbound message. ``row``: the recipient row it answers, or -1 for none.

    ``listed_after``: how many seconds after it was received the gateway lists it.
    """

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
    listed_after: int = 0


class Inbox:
    """Everything that people sent or did after they were sent to.

    The methods that begin with ``take_`` are what the clock calls when the instant ``at`` has come; ``row``
    is a row of the recipients.

    Parameters
    ----------
    contacts, sent, keywords
        What an inbound message may concern.
    late_replies : float
        Share of inbound messages that are listed later than they were received. A send's counter counts
        them at once.
    longest : int
        By how many seconds at most.

    Attributes
    ----------
    replies : list of Reply
        Inbound messages, as they arrived.
    link_hits : list of (int, int, str)
        Tracked links that were followed: instant, row, address.
    heard, clicked : list of callable
        Called with each inbound message, opt-outs done, and with the instant and row of each click.
    """

    def __init__(
        self,
        contacts: Contacts,
        sent: Sent,
        keywords: list[Record],
        late_replies: float = 0.0,
        longest: int = 72 * HOUR_SECONDS,
    ) -> None:
        self._late_replies, self._longest = late_replies, longest
        self.replies: list[Reply] = []
        self.link_hits: list[tuple[int, int, str]] = []
        self.heard: list[Callable[[Reply], None]] = []
        self.clicked: list[Callable[[int, int], None]] = []
        self._contacts, self._sent, self._keywords = contacts, sent, keywords

    def take_reply(self, at: int, row: int, text: str) -> None:
        """A reply to the message in this row arrives; a stop word opts the number out."""
        table, names = self._sent.recipients, self._sent.names.values
        send = self._sent.sends[table["send"][row]]
        first, last = names[table["first"][row]], names[table["last"][row]]
        msisdn = int(table["msisdn"][row])
        about = (row, send.message_id, send.list_id)
        keyword = self._keyword_in(text, send.sender)
        reply = Reply(self._next_id(), *about, at, msisdn, first, last, text, send.sender, keyword)
        self._add(reply)
        send.responses += 1
        if is_stop(text):
            self.take_optout(at, row, "reply")
        self._tell(reply)

    def take_inbound(self, at: int, msisdn: int, text: str, longcode: str) -> None:
        """A message arrives that answers no send."""
        keyword, names = self._keyword_in(text, longcode), person(msisdn)
        reply = Reply(self._next_id(), -1, None, None, at, msisdn, *names, text, longcode, keyword)
        self._add(reply)
        self._tell(reply)

    def _keyword_in(self, text: str, longcode: str) -> str | None:
        """The keyword of our number that a text begins with."""
        word = text.split()[0].upper() if text.split() else ""
        rows = (row for row in self._keywords if row["number"] == longcode)
        return next((row["keyword"] for row in rows if row["keyword"] == word), None)

    def listed(self, now: int) -> list[Reply]:
        """The inbound messages that the gateway lists by now."""
        return [reply for reply in self.replies if reply.received_at + reply.listed_after <= now]

    def _add(self, reply: Reply) -> None:
        """Take an inbound message in; how late it is listed follows from its id alone."""
        chance = random.Random(reply.id)
        if self._late_replies and chance.random() < self._late_replies:
            reply.listed_after = chance.randrange(self._longest + 1)
        self.replies.append(reply)

    def _tell(self, reply: Reply) -> None:
        for action in self.heard:
            action(reply)

    def _next_id(self) -> int:
        return 55_000_001 + 3 * len(self.replies)

    def take_optout(self, at: int, row: int, how: str) -> None:
        """A recipient opts out; the flag stands on every copy of the number in that send."""
        table = self._sent.recipients
        send, msisdn = self._sent.sends[table["send"][row]], int(table["msisdn"][row])
        same = send.rows[table["msisdn"][send.rows] == msisdn]
        table["optout_at"][same] = np.minimum(table["optout_at"][same], at)
        self._contacts.take_optout(OptOut(at, msisdn, how, send.message_id, send.list_id))

    def take_hit(self, at: int, row: int) -> None:
        """A tracked link is followed."""
        send = self._sent.sends[self._sent.recipients["send"][row]]
        self.link_hits.append((at, row, send.link or "https://example.com/offer"))
        for action in self.clicked:
            action(at, row)
