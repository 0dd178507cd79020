"""What is worth reading again: pure decisions from the report's counters and what is stored.

A campaign whose stored dlrs, counted by status, agree with its counters now costs nothing. One that
disagrees is read by the cheapest way that still proves what it stores. Nothing depends on having
noticed a change when it happened. No network, no files; imports `schema.counters`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from smsdata.schema.counters import Counters, Stored, agrees

LOOK_BACK = timedelta(days=30)
HORIZON = timedelta(days=365) - timedelta(hours=1)  # the hour is for a slow read: what it asks for grows old
MARGIN = timedelta(minutes=10)
SETTLED = timedelta(hours=98)  # by then nothing more is to be expected of a send
WEEK = timedelta(days=7)
DAY = timedelta(days=1)
_PAGE = 100

Way = Literal["derive", "parts", "full", "optouts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign(Counters):
    """One send with its counters as the report gives them now."""

    message_id: int
    sent_at: datetime
    alone: bool  # sent to one recipient, whose number stands in the report

    @property
    def derivable(self) -> bool:
        """Whether its row in the report says all: who got it, and what came of it."""
        return self.alone and self.recipients == 1


@dataclass(frozen=True, slots=True)
class Refresh:
    """How a campaign is brought up to date, and the calls that takes."""

    campaign: Campaign
    way: Way
    calls: int


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
