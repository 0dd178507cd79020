"""What is worth reading: every decision of a sync, pure. State and counters in, what to read out.

A campaign whose stored dlrs, counted by status, agree with its counters now costs nothing. One that
disagrees is read by the cheapest way that still proves what it stores. Nothing depends on having
noticed a change when it happened. No network, no files, no clock: `now` is handed in, and nothing here
changes the state. Imports `store.state`, `times` and `errors`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from smsdata import times
from smsdata.errors import UsageError
from smsdata.gateway.answers import whole
from smsdata.schema.counters import UNKNOWN, Counters, Stored, agrees, counters_in
from smsdata.store.coverage import Span, joined
from smsdata.store.state import Counted, Failure, Retry, Rounds, State

LOOK_BACK = timedelta(days=30)
LEEWAY = timedelta(hours=1)  # for a slow read: what it asks for grows old meanwhile
HORIZON = timedelta(days=365) - LEEWAY
CURSOR_MARGIN = timedelta(minutes=10)
REPLIES_LOOK_BACK = timedelta(hours=72)  # so long after it was received a reply may be listed
QUIET = timedelta(hours=98)  # after this long nothing more is to be expected of a send
WEEK = timedelta(days=7)
DAY = timedelta(days=1)
_PAGE = 100
_ODD_TRIES = 3  # of a read of which rows were set aside

Way = Literal["derive", "parts", "full", "optouts"]


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What a run was asked for.

    `since` says from when on, `deep` to read dlrs again whatever the counters say; `only` holds the one send,
    list or number that was named; `named` says whether certain tables were asked for, `needed` which
    tables have to be read for them.
    """

    since: str | datetime | None = None
    deep: bool = False
    only: Mapping[str, Any] = field(default_factory=dict)
    named: bool = False
    needed: frozenset[str] = frozenset()

    @property
    def one_send(self) -> bool:
        """Whether one send was named: what is read of it says nothing of the others."""
        return "message_id" in self.only

    def start(self, now: datetime) -> datetime | None:
        """The instant from when on was asked; None when nothing was."""
        return times.since(self.since, now) if self.since is not None else None


@dataclass(frozen=True, slots=True)
class Turn:
    """Where there are too many sends for one run: what it looks at besides those of the last 98 hours.

    `rounds` is where the rounds over the older ones stand after it; `smsdata.ingest.rounds` decides both.
    """

    spans: tuple[Span, ...]
    rounds: Rounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign(Counters):
    """One send with its counters as the report gives them now."""

    message_id: int
    sent_at: datetime
    alone: bool  # sent to one recipient, whose number stands in the report

    @property
    def derivable(self) -> bool:
        """Whether its row in the report says all: who got it, and what came of it."""
        return self.alone and self.known and self.recipients == 1


CAMPAIGN_COLUMNS = [
    "message_id", "sent_at", "msisdn", "pending", "delivered", "soft_bounced", "hard_bounced", "optouts",
]  # fmt: skip
"""What a `Campaign` is made of."""


def campaigns_of(rows: Iterable[Mapping[str, Any]]) -> list[Campaign]:
    """The campaigns of some rows of the report, each with its counters as they stand last."""
    latest = {row["message_id"]: row for row in rows}
    return [
        Campaign(
            message_id=row["message_id"], sent_at=row["sent_at"], alone=row["msisdn"] is not None,
            **counters_in(row),
        )
        for row in latest.values()
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refresh:
    """How a campaign is brought up to date, and the calls that takes; `new` where no dlr of it is stored."""

    campaign: Campaign
    way: Way
    calls: int
    new: bool = False

    @property
    def follows(self) -> bool:
        """Whether its dlrs may follow from its messages: then its opt-outs are read, and the report again."""
        return self.new and self.calls > max(1, pages(self.campaign.optouts)) + 1


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
    if not campaign.known:  # nothing to compare with: in full, once
        return Refresh(campaign, "full", max(1, pages(campaign.recipients)))
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
    return Refresh(campaign, "full", full, new=not (stored.recipients or deep))


def lacks_optouts(campaign: Campaign, stored: Stored) -> bool:
    """Whether more recipients opted out than are stored, as rows and as flags of dlrs."""
    return campaign.optouts > min(stored.optouts, stored.flags)


def refresh_optouts(campaign: Campaign, stored: Stored, *, remembered: list[int] | None) -> Refresh | None:
    """How to bring a campaign's opt-outs up to date that is too old for its dlrs to be kept."""
    if remembered != campaign.counters and (campaign.optouts > stored.optouts or not campaign.known):
        return Refresh(campaign, "optouts", 0 if campaign.derivable else max(1, pages(campaign.optouts)))
    return None


def refreshes(
    campaigns: Iterable[Campaign],
    stored: Mapping[int, Stored],
    state: State,
    *,
    first: datetime,
    deep_from: datetime | None = None,
) -> list[Refresh]:
    """What has to be read of each campaign; dlrs of those sent since `first`, opt-outs of all.

    Those sent since `deep_from` are read in full whatever their counters say.
    """
    steps = []
    for campaign in campaigns:
        have = stored.get(campaign.message_id, Stored())
        if campaign.sent_at >= first:
            steps.append(
                refresh(
                    campaign,
                    have,
                    remembered=state.remembered("dlrs", campaign.message_id),
                    deep=deep_from is not None and campaign.sent_at >= deep_from,
                )
            )
        else:
            known = state.remembered("optouts", campaign.message_id)
            steps.append(refresh_optouts(campaign, have, remembered=known))
    return [step for step in steps if step]


def deep_from(options: SyncOptions, now: datetime) -> datetime | None:
    """From when on dlrs are read whatever the counters say: 30 days back or further, where that was asked."""
    return min(options.start(now) or now, now - LOOK_BACK) if options.deep else None


def campaigns_asked_for(campaigns: list[Campaign], message_id: Any) -> list[Campaign]:
    """All campaigns, or the one that was asked for."""
    if message_id is None:
        return campaigns
    chosen = [campaign for campaign in campaigns if campaign.message_id == int(message_id)]
    if not chosen:
        raise UsageError(f"no send {message_id} in the last 30 days; give --since from before it was sent.")
    return chosen


def bears_out(campaign: Campaign, read: Stored) -> bool:
    """Whether dlrs that were read in full agree with the counters, opt-outs too."""
    return campaign.known and agrees(campaign, read) and read.flags >= campaign.optouts


def is_quiet(campaign: Campaign, now: datetime) -> bool:
    """Whether a campaign was sent so long ago that counters which rows do not bear out are no mere delay."""
    return campaign.sent_at < now - QUIET


# ---- messages that came late -----------------------------------------------------------------------


def lacks_messages(campaign: Campaign, messages: int, *, now: datetime, remembered: list[int] | None) -> bool:
    """Whether messages of a campaign came late: fewer stored than its counters add up to."""
    ripe = campaign.sent_at < now - CURSOR_MARGIN
    return ripe and messages < campaign.recipients and remembered != campaign.counters


def late_campaigns(
    campaigns: Iterable[Campaign],
    messages: Mapping[int, int],
    state: State,
    *,
    first: datetime,
    now: datetime,
) -> list[Campaign]:
    """The campaigns sent since `first` of which messages came late; `messages` is how many are stored."""
    return [
        campaign
        for campaign in campaigns
        if campaign.sent_at >= first
        and lacks_messages(
            campaign,
            messages.get(campaign.message_id, 0),
            now=now,
            remembered=state.remembered("messages", campaign.message_id),
        )
    ]


def slices_around(campaigns: Iterable[Campaign], now: datetime) -> list[tuple[datetime, datetime]]:
    """The slices of time in which messages of these campaigns lie; those that overlap as one."""
    before, after = timedelta(minutes=5), timedelta(hours=1)
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted((c.sent_at - before, min(now, c.sent_at + after)) for c in campaigns):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def forget_recent(
    state: State, table: Counted, sends: Mapping[int, datetime], now: datetime, turn: Turn | None = None
) -> None:
    """Once a week forget the remembered counters of sends of 30 days: what was kept back may be there by now.

    `sends` tells when each was sent that this run looks at. Where older ones have their `turn` once a week,
    those are forgotten; the ones of the last 98 hours are looked at by every run.
    """
    if table in state.pending.compare_from:
        newest = now
    elif turn is not None:
        newest = now - QUIET
    else:
        return
    for message_id, sent_at in sends.items():
        if now - LOOK_BACK < sent_at <= newest:
            state.forget(table, message_id)


def never_came(
    campaigns: Iterable[Campaign], messages: Mapping[int, int], *, now: datetime
) -> list[Campaign]:
    """The campaigns, read again long after, of which fewer messages are stored than were counted."""
    return [c for c in campaigns if messages.get(c.message_id, 0) < c.recipients and is_quiet(c, now)]


# ---- where tables begin ----------------------------------------------------------------------------


def report_start(
    now: datetime, cursor: datetime | None, due: Iterable[datetime] = (), *, back: timedelta = LOOK_BACK
) -> datetime:
    """Where the report of campaigns begins: one look-back, or the earliest instant that is due.

    The first report is one of all 12 months.
    """
    if cursor is None:
        return min([now - HORIZON, *due])
    return min([now - back + timedelta(seconds=2), cursor - CURSOR_MARGIN, *due])


def report_spans(
    now: datetime, cursor: datetime | None, due: Iterable[datetime] = (), turn: Turn | None = None
) -> list[Span]:
    """The spans of time whose sends the report is asked for: up to now, from where it begins.

    Where this run has its `turn`, it begins 98 hours back, or as much earlier as the last run was more than a
    day ago, so that each send is looked at once it is quiet; older sends are those whose turn it is.
    """
    if turn is None or cursor is None:
        return [Span(report_start(now, cursor, due), now)]
    due = [*due, cursor + DAY - QUIET]
    return joined([Span(report_start(now, cursor, due, back=QUIET), now), *turn.spans])


def replies_again_from(now: datetime, cursor: datetime | None, *, weekly: bool) -> datetime:
    """From when on replies are read although they are covered: 72 h before the cursor, weekly 30 days.

    Whatever was listed since the last run was received at most that long before its cursor.
    """
    look_back = min(now, cursor or now) - REPLIES_LOOK_BACK
    return min(look_back, now - LOOK_BACK) if weekly else look_back


def lacking_replies(counted: Mapping[int, int], stored: Mapping[int, int], state: State) -> dict[int, int]:
    """By campaign the count of its replies, where fewer are stored and no proved read showed that before."""
    return {
        campaign: count
        for campaign, count in counted.items()
        if stored.get(campaign, 0) < count and state.remembered("replies", campaign) != [count]
    }


def kept_from(known: datetime | None, *, asked: datetime | None, now: datetime) -> datetime:
    """From when on a table is kept up to date: as known, or earlier if asked; at first 30 days back."""
    first = (known if known and known <= now else None) or asked or now - LOOK_BACK
    return min(first, asked or first)


def oldest_kept(now: datetime) -> datetime:
    """From when on the gateway may be asked for what it keeps for 12 months."""
    return now - HORIZON


# ---- reads of which rows were set aside ------------------------------------------------------------


def worth_another_try(tries: int, *, odd: bool) -> bool:
    """Whether a read is worth another try, tried so many times already, whose rows were odd again or not.

    A gateway that serves a row odd now and then gets over it; one that always does is not asked for ever.
    """
    return odd and tries < _ODD_TRIES


def retries_of(retries: Mapping[str, Retry], call: str, *, oldest: datetime) -> dict[str, Retry | None]:
    """The reads of a call that are tried once more, as far as the gateway still keeps what they read."""
    return {
        read: replace(retry, start=max(retry.start, oldest))
        if retry.start and retry.end and retry.end > oldest
        else None
        for read, retry in retries.items()
        if read.startswith(f"{call}?")
    }


# ---- reads that failed -----------------------------------------------------------------------------


def pause_after(tries: int) -> timedelta:
    """How long a read rests that failed so many times in a row: until the next run, then up to a week.

    >>> [pause_after(tries).days for tries in range(1, 7)]
    [0, 1, 2, 4, 7, 7]
    """
    return min(WEEK, DAY * 2 ** min(tries - 2, 9)) if tries > 1 else timedelta(0)


def is_resting(failure: Failure, now: datetime) -> bool:
    """Whether a read that failed is not to be tried yet; a pause set by a wrong clock counts for none."""
    return now < failure.not_before <= now + WEEK


# ---- members of lists ------------------------------------------------------------------------------


def stale_lists(
    lists: Sequence[Mapping[str, Any]], state: State, *, only: Any, any_stored: bool, now: datetime
) -> list[int]:
    """The lists whose members are to be read: whose counters moved, whose read failed; all every week.

    `only` names the one list that was asked for; `any_stored` says whether members are stored at all.
    """
    lost = any(active > 0 for active, _ in state.members_seen.values()) and not any_stored
    every = lost or members_due(state, now)
    rows = [row for row in lists if only is None or row["list_id"] == int(only)]
    if only is not None and not rows:
        raise UsageError(f"the account has no list {only}.")
    return [
        row["list_id"]
        for row in rows
        if every
        or row["list_id"] in state.unproved_lists
        or state.members_seen.get(row["list_id"]) != list_counters(row)
        or min(list_counters(row)) < 0  # what cannot be read cannot say that nothing moved
    ]


def members_due(state: State, now: datetime) -> bool:
    """Whether the members of all lists are due to be read whole."""
    return state.is_due("list_members", WEEK, now)


def list_counters(row: Mapping[str, Any]) -> tuple[int, int]:
    """A list's counters: its active members, and all it ever had; `UNKNOWN` where one could not be read."""
    active, total = (whole(row.get(n)) for n in ("members_active", "members_total"))
    return UNKNOWN if active is None else active, UNKNOWN if total is None else total


# ---- how many calls --------------------------------------------------------------------------------


def expected_calls(
    steps: Sequence[Refresh],
    stale: Iterable[tuple[int, int]],
    recipients: int,
    state: State,
    now: datetime,
    *,
    with_messages: bool = True,
) -> dict[str, int]:
    """How many calls the tables will take of which only lists and campaigns are read yet.

    `steps` refresh dlrs and opt-outs; `stale` are the counters of lists whose members will be read,
    `recipients` how many messages the campaigns since the cursor count. `with_messages` says whether those
    are read too, so that dlrs of new sends follow from them.
    """
    follow = [step for step in steps if with_messages and step.follows]
    read = [step for step in steps if not (with_messages and step.follows)]
    return {
        "replies": 1,
        "messages": pages(recipients) + 1,
        "dlrs": sum(step.calls for step in read if step.way in {"parts", "full"}),
        "optouts": sum(step.calls for step in read if step.way == "optouts")
        + sum(max(1, pages(step.campaign.optouts)) for step in follow),
        "list_members": sum(member_pages(active, total) for active, total in stale),
        "numbers": int(state.is_due("numbers", DAY, now)),
        "keywords": int(state.is_due("keywords", DAY, now)),
    }


def member_pages(active: int, total: int) -> int:
    """How many pages a list's members take: two passes where some are inactive and one page is not enough."""
    return pages(total) * (2 if total > active and total > _PAGE else 1)


def pages(rows: int) -> int:
    """How many pages that many rows take."""
    return math.ceil(rows / _PAGE)
