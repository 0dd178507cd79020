"""A send's counters, what is stored of the send, and the one rule whether the two agree.

The planner asks it before a read, `Store.verify` afterwards, hygiene before a contact is judged. Works on
counts alone: no rows, no files. Imports nothing of smsdata.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

Disagreement = tuple[str, int, int]
"""A status, how many rows are stored with it, and how many the counters say."""


UNKNOWN = -1
"""Stands for a counter that could not be read: never taken for 0."""

NO_STATUS = "no status"
"""Stands for a status that could not be read."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What the report of campaigns counts of one send; `UNKNOWN` where that could not be read."""

    pending: int
    delivered: int
    soft: int
    hard: int
    optouts: int

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Self:
        """The counters in a row of the table ``campaigns``."""
        return cls(**counters_in(row))

    @property
    def recipients(self) -> int:
        """How many messages the counters account for; at least so many where one is unknown."""
        return sum(max(0, count) for count in (self.pending, self.delivered, self.soft, self.hard))

    @property
    def known(self) -> bool:
        """Whether all counters could be read; else nothing can be compared with them."""
        return min(self.counters) >= 0

    @property
    def counters(self) -> list[int]:
        """The counters, to be remembered."""
        return [self.pending, self.delivered, self.soft, self.hard, self.optouts]


def counters_in(row: Mapping[str, Any]) -> dict[str, int]:
    """The counters in a row of the table ``campaigns``, by their names in `Counters`.

    >>> counters_in({"pending": 1, "delivered": 2, "soft_bounced": None, "hard_bounced": 0, "optouts": 0})
    {'pending': 1, 'delivered': 2, 'soft': -1, 'hard': 0, 'optouts': 0}
    """
    names = {"soft": "soft_bounced", "hard": "hard_bounced"}
    values = {n: row[names.get(n, n)] for n in ("pending", "delivered", "soft", "hard", "optouts")}
    return {
        name: UNKNOWN if value is None or value != value else int(value) for name, value in values.items()
    }


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of a campaign: dlrs by status, opt-out flags among them, opt-out rows."""

    statuses: Mapping[Any, int] = field(default_factory=Counter)
    flags: int = 0
    optouts: int = 0

    @property
    def recipients(self) -> int:
        """How many messages the stored dlrs account for."""
        return sum(self.statuses.values())


def disagreements(counters: Counters, stored: Stored, *, hard_exactly: bool = False) -> list[Disagreement]:
    """Where the stored rows of a send, counted by status, are not what its counters say.

    ``bounced`` does not say whether for good, so it may stand for either kind.

    Parameters
    ----------
    counters, stored
        What the report counts, and what is stored.
    hard_exactly
        Let ``bounced`` stand for soft bounces alone: for whoever must know which bounces were hard.

    Returns
    -------
    list of Disagreement
        In the order of the statuses; empty where all agrees.

    Examples
    --------
    >>> counters = Counters(pending=0, delivered=5, soft=1, hard=2, optouts=0)
    >>> disagreements(counters, Stored({"delivered": 5, "bounced": 2, "hard-bounce": 1}))
    []
    >>> disagreements(counters, Stored({"delivered": 5, "bounced": 2, "hard-bounce": 1}), hard_exactly=True)
    [('bounced', 2, 0), ('hard-bounce', 1, 2), ('soft-bounce', 0, 1)]
    >>> disagreements(counters, Stored({"delivered": 4, "queued": 1, "soft-bounce": 1, "hard-bounce": 2}))
    [('delivered', 4, 5), ('queued', 1, 0)]
    >>> disagreements(counters, Stored({"delivered": 4, None: 1, "soft-bounce": 1, "hard-bounce": 2}))
    [('delivered', 4, 5), ('no status', 1, 0)]
    """
    have = Counter({NO_STATUS if word is None else word: count for word, count in stored.statuses.items()})
    due = Counter(
        {"pending": counters.pending, "delivered": counters.delivered}
        | {"soft-bounce": counters.soft, "hard-bounce": counters.hard}
    )
    room = {word: due[word] - have[word] for word in ("soft-bounce", "hard-bounce")}
    vague = have["bounced"]
    fits = min(room.values()) >= 0 and sum(room.values()) == vague
    if vague and fits and not (hard_exactly and room["hard-bounce"]):
        have = have + Counter(room) - Counter(bounced=vague)
    return [
        (word, have[word], due[word]) for word in sorted(have.keys() | due.keys()) if have[word] != due[word]
    ]


def agrees(counters: Counters, stored: Stored, *, hard_exactly: bool = False) -> bool:
    """Whether the stored rows of a send, counted by status, are what its counters say; see `disagreements`.

    >>> agrees(Counters(pending=0, delivered=1, soft=0, hard=0, optouts=0), Stored({"delivered": 1}))
    True
    """
    return not disagreements(counters, stored, hard_exactly=hard_exactly)
