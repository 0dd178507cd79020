"""What is worth reading again: pure decisions from the report's counters and what is stored.

A campaign whose stored dlrs, counted by status, agree with its counters now costs nothing. One that
disagrees is read by the cheapest way that still proves what it stores. Nothing depends on having
noticed a change when it happened. No network, no files; imports nothing of smsdata.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

LOOK_BACK = timedelta(days=30)
HORIZON = timedelta(days=365) - timedelta(hours=1)  # the hour is for a slow read: what it asks for grows old
MARGIN = timedelta(minutes=10)
SETTLED = timedelta(hours=98)  # by then nothing more is to be expected of a send
WEEK = timedelta(days=7)
DAY = timedelta(days=1)
_PAGE = 100

Way = Literal["derive", "parts", "full", "optouts"]


@dataclass(frozen=True, slots=True)
class Campaign:
    """One send with its counters as the report gives them now."""

    message_id: int
    sent_at: datetime
    alone: bool  # sent to one recipient, whose number stands in the report
    pending: int
    delivered: int
    soft: int
    hard: int
    optouts: int

    @property
    def recipients(self) -> int:
        """How many messages the counters account for."""
        return self.pending + self.delivered + self.soft + self.hard

    @property
    def derivable(self) -> bool:
        """Whether its row in the report says all: who got it, and what came of it."""
        return self.alone and self.recipients == 1

    @property
    def counters(self) -> list[int]:
        """The counters, to be remembered."""
        return [self.pending, self.delivered, self.soft, self.hard, self.optouts]


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of a campaign: dlrs by status, opt-out flags among them, opt-out rows."""

    statuses: Mapping[str, int] = field(default_factory=Counter)
    flags: int = 0
    optouts: int = 0

    @property
    def recipients(self) -> int:
        """How many messages the stored dlrs account for."""
        return sum(self.statuses.values())


@dataclass(frozen=True, slots=True)
class Refresh:
    """How a campaign is brought up to date, and the calls that takes."""

    campaign: Campaign
    way: Way
    calls: int


def agrees(campaign: Campaign, stored: Stored) -> bool:
    """Whether the stored dlrs, counted by status, are what the counters say.

    ``bounced`` does not say whether for good, so it may stand for either kind.
    """
    count = Counter(stored.statuses)
    soft, hard, either = count["soft-bounce"], count["hard-bounce"], count["bounced"]
    return (
        stored.recipients == campaign.recipients
        and count["pending"] == campaign.pending
        and count["delivered"] == campaign.delivered
        and soft + hard + either == campaign.soft + campaign.hard
        and soft <= campaign.soft
        and hard <= campaign.hard
    )


def refresh(
    campaign: Campaign, stored: Stored, *, remembered: list[int] | None = None, deep: bool = False
) -> Refresh | None:
    """The cheapest safe way to bring a campaign's dlrs and opt-outs up to date; None when they are.

    Parameters
    ----------
    campaign, stored
        The counters now, and what is stored.
    remembered
        The counters with which the last full read still disagreed: not read again until they move.
    deep
        Read in full whatever the counters say.
    """
    if remembered == campaign.counters and not deep:
        return None
    current = agrees(campaign, stored) and not deep
    optouts = pages(campaign.optouts) if lacks_optouts(campaign, stored) else 0
    if current:
        way: Way = "derive" if campaign.derivable else "optouts"
        return Refresh(campaign, way, 0 if way == "derive" else optouts) if optouts else None
    if campaign.derivable:
        return Refresh(campaign, "derive", 0)
    full = pages(campaign.recipients)
    parts = pages(campaign.pending) + pages(campaign.soft + campaign.hard) + optouts
    whole = stored.recipients == campaign.recipients
    if whole and parts < full and not deep:
        return Refresh(campaign, "parts", parts)
    return Refresh(campaign, "full", full)


def lacks_optouts(campaign: Campaign, stored: Stored) -> bool:
    """Whether more recipients opted out than are stored, as rows and as flags of dlrs."""
    return campaign.optouts > min(stored.optouts, stored.flags)


def lacks_messages(campaign: Campaign, messages: int, *, now: datetime, remembered: list[int] | None) -> bool:
    """Whether messages of a campaign came late: fewer stored than its counters add up to."""
    ripe = campaign.sent_at < now - MARGIN
    return ripe and messages < campaign.recipients and remembered != campaign.counters


def report_window(now: datetime, cursor: datetime | None, weekly: datetime | None) -> datetime:
    """Where the report of campaigns begins: one window back, or all 12 months once a week."""
    if cursor is None or weekly is None or now - weekly >= WEEK:
        return now - HORIZON
    return min(now - LOOK_BACK + timedelta(seconds=2), cursor - MARGIN)


def member_pages(active: int, total: int) -> int:
    """How many pages a list's members take: two passes where some are inactive and one page is not enough."""
    return pages(total) * (2 if total > active and total > _PAGE else 1)


def pages(rows: int) -> int:
    """How many pages that many rows take."""
    return math.ceil(rows / _PAGE)
