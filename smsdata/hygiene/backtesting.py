"""What today's rules would have removed at an earlier time, and what came of those numbers since.

The rules see what the store believed then: statuses that it had seen by then, campaigns as heard of by then,
messages and replies of before, contacts that were on a list. So nobody is removed whom `clean` could not have
judged then. Whoever was delivered to or replied later would have been removed alive. Who was not written to
again is not known, and the interval says so: those who are may be a choice (whoever asked to come back
lives). A later hard bounce tells as much as its day does. Makes no call. Imports of smsdata only `analysis`,
`store`, `times`, `errors` and, within hygiene, planning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smsdata.analysis.bounce_days import APART_MICROS, ORDINARY, SPIKE, UNJUDGED, judged_bounces
from smsdata.analysis.core.engine import open_tables
from smsdata.analysis.core.statistics import wilson
from smsdata.analysis.opt_outs import optouts
from smsdata.analysis.unclear_numbers import in_letters
from smsdata.errors import UsageError
from smsdata.hygiene.planning import last_heard, last_stops, ruled_contacts
from smsdata.store.coverage import Span
from smsdata.store.store import Store, open_store
from smsdata.times import duration, instant

_NEVER: Any = pd.Timestamp("NaT").tz_localize(UTC)
_LONG_AGO = pd.Timestamp(0, tz=UTC)

_DAYS_SHOWN = 3
_SIGMAS = 3.0
_LEAST_REVIVED = 4
"""Fewer numbers that bounce once on a day, in good health before and after, may do so by chance."""

USUAL = timedelta(days=60)
"""How far back the line under every plan looks."""


@dataclass(frozen=True)
class Backtest:
    """What came of the numbers that the rules of today would have removed at an earlier time.

    Attributes
    ----------
    at : datetime
        The time that was gone back to.
    removed : int
        Numbers of the tier "remove".
    known : int
        Those of them that were delivered to or replied since, or bounced hard again: on a day judged
        ordinary, or on two days 72 h apart without a spike.
    alive : int
        Those of the known that were delivered to or replied: removing them would have been wrong.
    delivered, replied, re_added : int
        Numbers delivered to, that replied, that were put on a list again since; one can be in each.
    low, high : float
        What share of the removed live, 0 to 1: the lower 95% Wilson limit if none of the unknown does, the
        upper one if all of them do; NaN without any known.
    held : int
        Numbers that the rules kept because a day of theirs stands out, or cannot be judged: an outage?
    spikes : tuple of str
        The UTC days, from `max_age` before that time until now, on which many more bounced than on others.
    unjudged : int
        The days with hard bounces, of the same time, that cannot be judged.
    revived : tuple of str
        The UTC days of the same time on which unusually many numbers bounced hard that were delivered to the
        next time and had not bounced the time before.
    """

    at: datetime
    removed: int
    known: int
    alive: int
    delivered: int
    replied: int
    re_added: int
    low: float
    high: float
    held: int
    spikes: tuple[str, ...] = ()
    unjudged: int = 0
    revived: tuple[str, ...] = ()

    @property
    def unknown(self) -> int:
        """Numbers to which nobody wrote again, or without a result that tells whether they live."""
        return self.removed - self.known

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        shares = {name: None if pd.isna(value) else round(value, 4) for name, value in
                  (("low", self.low), ("high", self.high))}  # fmt: skip
        return asdict(self) | {"at": self.at.isoformat(), "unknown": self.unknown} | shares

    def lines(self) -> list[str]:
        """The same in words."""
        if not self.removed:
            lines = [f"backtest {self.at:%Y-%m-%d}: today's rules would have removed nobody then."]
        else:
            share = f"between {self.low:.1%} and {self.high:.1%} of all of them do" if self.known else ""
            lines = [
                f"backtest {self.at:%Y-%m-%d}: today's rules would have removed {self.removed:,} numbers; "
                f"{self.known:,} have a result since that tells, of which {self.alive:,} live "
                f"({self.delivered:,} delivered to, {self.replied:,} replied, {self.re_added:,} put on a "
                f"list again); of {self.unknown:,} it cannot be known{'; ' * bool(share)}{share}."
            ]
        return [*lines, *self.warnings, *self._notes]

    @property
    def warnings(self) -> list[str]:
        """What makes the bounces themselves doubtful, an outage as a rule; empty if nothing does."""
        return self._told(
            (self.spikes, f"many more bounced than on other days on {_some(self.spikes)}: an outage?"),
            (
                self.revived,
                f"unusually many numbers bounced once on {_some(self.revived)} and were delivered to the "
                "next time: an outage?",
            ),
        )

    @property
    def _notes(self) -> list[str]:
        """What could not be judged, then or now."""
        return self._told(
            (
                self.unjudged,
                f"{self.unjudged:,} days with hard bounces cannot be judged by their counts: a small outage "
                "on one would look the same.",
            ),
            (
                self.held,
                f"{self.held:,} numbers were kept because the day of a bounce stood out or could not be "
                "judged then.",
            ),
        )

    def _told(self, *lines: tuple[Any, str]) -> list[str]:
        return [f"backtest {self.at:%Y-%m-%d}: {line}" for there, line in lines if there]


def _some(days: Sequence[str]) -> str:
    return f"{', '.join(days[:_DAYS_SHOWN])}{', ...' * (len(days) > _DAYS_SHOWN)}"


def backtest(
    store: Store | str | Path, at: datetime | str, *, max_age: str = "90d", hold_spikes: bool = True
) -> Backtest:
    """Tell what today's rules would have removed at an earlier time, and what came of it.

    Parameters
    ----------
    store
        The store, or its folder.
    at
        The time to go back to, such as ``"2026-08-01"``.
    max_age, hold_spikes
        As for `plan`.

    Returns
    -------
    Backtest
        Counts of numbers and a 95% interval; see there.

    Raises
    ------
    UsageError
        When the store remembers no sync by then, or had seen no status, or the time lies after what it heard
        last.

    Notes
    -----
    A status counts from when the store first saw it (table status_history), a campaign as heard of by the
    last sync that read its counters by then. So a time before the first sync that the store remembers cannot
    be gone back to. Of each earlier day the last sync is remembered, for 400 days. Of lists, whoever was on
    one then and has not changed since is known; one that was removed by hygiene is taken from the table
    suppressions, one that opted out since, by all that tells when, is taken for active then, and one that got
    a message of the list before and joined it after is taken for put back.

    References
    ----------
    Wilson, E. B. (1927), Probable inference, the law of succession, and statistical inference, JASA 22. Both
    extremes for what is not known: Manski, C. F. (1989), Anatomy of the selection problem, Journal of Human
    Resources 24.
    """
    store = open_store(store)
    then = instant(at, "at")
    tables, heard = _believed(store, then)
    rows = ruled_contacts(
        tables, heard, max_age=max_age, hold_spikes=hold_spikes,
        stops=lambda numbers: last_stops(_replied(tables, numbers)),
    )  # fmt: skip
    removed = set(rows.loc[rows["tier"] == "remove", "msisdn"])
    held = set(rows.loc[rows["rule"].isin(["spike", "too-few-days"]), "msisdn"]) - removed
    begin = (then - duration(max_age)).replace(hour=0, minute=0, second=0, microsecond=0)  # days are judged
    bounces = _bounces_with_verdict(store, begin)
    came = _what_came_of(store, then, removed, len(held), bounces)
    return replace(came, revived=_revived_days(store, begin, set(bounces["msisdn"])))


def _replied(tables: Mapping[str, pd.DataFrame], numbers: set[str]) -> pd.DataFrame:
    """Who had opted out by a reply."""
    replies = tables["replies"]
    return optouts(replies=replies[replies["msisdn"].isin(numbers)], messages=tables["messages"])


def usual_backtest(store: Store, made_at: datetime) -> list[str]:
    """The lines under a plan: two months back, or why that cannot be said."""
    try:
        return backtest(store, made_at - USUAL).lines()
    except UsageError as error:
        return [f"backtest: {error}"]


# ---- what was believed then ------------------------------------------------------------------------


def _believed(store: Store, then: datetime) -> tuple[dict[str, pd.DataFrame], datetime]:
    """The tables as they were then, and when the store had last heard of campaigns by then."""
    if then > last_heard(store):
        raise UsageError(f"at={then:%Y-%m-%d %H:%M} lies after what the store heard last.")
    reports = [one for one in store.state.reports if one.end <= then]
    if not reports:
        raise UsageError(_cannot_be_known(store))
    heard = reports[-1].end
    history = store.read("status_history")
    first = history["observed_at"].min()
    history = history[history["observed_at"] <= then]
    if history.empty:
        since = "has seen none yet" if pd.isna(first) else f"saw its first on {first:%Y-%m-%d}"
        raise UsageError(f"the store knew no status by {then:%Y-%m-%d}: it {since}. Take a later time.")
    dlrs = store.read("dlrs", as_of=then, until=heard)
    whole = store.read("dlrs", until=heard, columns=["message_id", "sent_at", "copies"])
    tables = {
        "dlrs": dlrs.assign(synced_at=heard),
        "campaigns": _campaigns_then(store, reports, dlrs, whole),
        "status_history": history,
        "replies": store.read("replies", until=heard),
        "list_members": _members_then(store, then, dlrs),
        "lists": store.read("lists").assign(gone_at=_NEVER),
        "messages": store.read("messages", until=heard),
    }
    return {name: in_letters(rows) if "msisdn" in rows else rows for name, rows in tables.items()}, heard


def _cannot_be_known(store: Store) -> str:
    first = next((f"{one.end:%Y-%m-%d %H:%M}" for one in store.state.reports), "its next sync")
    return (
        f"what the rules would have removed cannot be known before {first}: the store remembers no earlier "
        "sync. Take a later time."
    )


def _campaigns_then(
    store: Store, reports: Sequence[Span], dlrs: pd.DataFrame, whole: pd.DataFrame
) -> pd.DataFrame:
    """The sends with the counters that their receipts had then, and when they had last been heard of.

    Those not seen whole, and those that no report had told of, are left out.
    """
    campaigns = store.read("campaigns", until=reports[-1].end).set_index("message_id", drop=False)
    counts = dlrs.pivot_table(
        index="message_id", columns="status", values="copies", aggfunc="sum", fill_value=0
    )
    seen = dlrs.groupby("message_id")["copies"].sum()
    due = whole.groupby("message_id")["copies"].sum()
    complete = seen[seen == due.reindex(seen.index)].index
    campaigns = campaigns[campaigns.index.isin(complete)]
    words = {"pending": ["pending"], "delivered": ["delivered"], "hard_bounced": ["hard-bounce"],
             "soft_bounced": ["soft-bounce", "bounced"]}  # fmt: skip
    for column, statuses in words.items():
        there = [status for status in statuses if status in counts.columns]
        campaigns[column] = counts[there].sum(axis=1).reindex(campaigns.index).fillna(0).astype("Int64")
    heard = campaigns["sent_at"].map(lambda sent: _last_told(sent, reports))
    return campaigns.assign(synced_at=heard)[heard.notna()].reset_index(drop=True)


def _last_told(sent_at: datetime, reports: Sequence[Span]) -> pd.Timestamp:
    """When the last report was read that tells of a send; NaT if none does."""
    told = (one.end for one in reversed(reports) if one.start <= sent_at <= one.end)
    return pd.Timestamp(next(told, _NEVER))


def _members_then(store: Store, then: datetime, dlrs: pd.DataFrame) -> pd.DataFrame:
    """Who was on a list then, as active; with those whom hygiene removed since, and who was put back."""
    key = ["list_id", "msisdn"]
    members = store.read("list_members")
    members = members[members["gone_at"].isna() | (members["gone_at"] > then)].assign(gone_at=_NEVER)
    later = members["created_at"] > then
    written = pd.MultiIndex.from_frame(dlrs.dropna(subset=["list_id"])[key].astype({"list_id": "int64"}))
    put_back = later & pd.MultiIndex.from_frame(members[key]).isin(written)
    members.loc[put_back, "created_at"] = _LONG_AGO
    since = store.read("dlrs", since=then, columns=["list_id", "msisdn"]).dropna(subset=["list_id"])
    reached = pd.MultiIndex.from_frame(since[key].astype({"list_id": "int64"}))  # only active ones are
    members.loc[put_back | pd.MultiIndex.from_frame(members[key]).isin(reached), "status"] = "active"
    bounced = set(dlrs.loc[dlrs["status"] == "hard-bounce", "msisdn"])
    left = members.loc[members["status"].str.lower() != "active", "msisdn"]
    members.loc[members["msisdn"].isin(_opted_out_since(store, then, set(left) & bounced)), "status"] = (
        "active"
    )
    taken = store.read("suppressions")
    taken = taken[taken["done_at"] > then][key]
    kept = members[~later | put_back].copy()
    kept.loc[kept["msisdn"].isin(taken["msisdn"]), "status"] = "active"
    more = taken.drop_duplicates().merge(kept[key], how="left", indicator=True)
    more = more.loc[more["_merge"] == "left_only", key].assign(status="active", created_at=_LONG_AGO)
    rows = pd.concat([kept, more], ignore_index=True) if len(more) else kept
    return rows.astype({"list_id": "int64"})


def _opted_out_since(store: Store, then: datetime, numbers: set[str]) -> set[str]:
    """Those of some numbers of which all that tells of an opt-out, and when, came after that time."""
    if not numbers:
        return set()
    evidence = {
        table: rows[rows["msisdn"].isin(numbers)]
        for table in ("replies", "dlrs", "optouts")
        for rows in [store.read(table)]
    }
    periods = optouts(**evidence, messages=store.scan("messages"))
    began = periods["possible_at"].fillna(periods["review_at"]).groupby(periods["msisdn"]).min()
    return set(began.index[began > then])


# ---- what came of it -------------------------------------------------------------------------------


def _bounces_with_verdict(store: Store, since: datetime) -> pd.DataFrame:
    """Every bounce that is or may be a hard one, with when it was sent and what its day is."""
    scans = {"dlrs": store.scan("dlrs"), "messages": store.scan("messages")}
    with open_tables("backtest", **scans) as tables:
        verdicts = judged_bounces(tables)
    sent = store.read("dlrs", since=since, columns=["message_id", "msisdn", "sent_at", "status"])
    return verdicts.merge(sent, on=["message_id", "msisdn"])


def _dead_since(bounces: pd.DataFrame) -> set[str]:
    """Numbers that bounced hard on a day judged ordinary, or on two without a spike, 72 h apart."""
    hard = bounces[(bounces["status"] == "hard-bounce") & (bounces["verdict"] != SPIKE)]
    ordinary = set(hard.loc[hard["verdict"] == ORDINARY, "msisdn"])
    sent = hard.groupby("msisdn")["sent_at"]
    apart = sent.max() - sent.min() >= timedelta(microseconds=APART_MICROS)
    return ordinary | set(apart.index[apart])


def _revived_days(store: Store, since: datetime, bounced: set[str]) -> tuple[str, ...]:
    """Days from then on with unusually many single bounces: delivered the next time, not bounced before.

    A dead number bounces again, one that is barred for weeks as a rule too, one of an outage does not. What
    comes after tells of the first days of a store, and of small outages, what counts of the day cannot.
    """
    rows = store.read("dlrs", columns=["msisdn", "sent_at", "status"])
    rows = rows[rows["status"].isin(["delivered", "hard-bounce"])]
    every_day = rows.groupby(rows["sent_at"].dt.floor("D")).size()
    rows = rows[rows["msisdn"].isin(bounced)].sort_values(["msisdn", "sent_at"], kind="stable")
    status = rows["status"].groupby(rows["msisdn"])
    once = (
        (rows["status"] == "hard-bounce")
        & (status.shift(1) != "hard-bounce")
        & (status.shift(-1) == "delivered")
    )
    single = rows[once].groupby(rows["sent_at"].dt.floor("D")).size().reindex(every_day.index, fill_value=0)
    usual = (single.sum() - single + 1) / (every_day.sum() - every_day + 1)  # by the other days
    most = every_day * usual + _SIGMAS * np.sqrt(every_day * usual * (1 - usual))
    odd = (single >= _LEAST_REVIVED) & (single > most) & (every_day.index >= pd.Timestamp(since))
    return tuple(f"{day:%Y-%m-%d}" for day in odd.index[odd])


def _what_came_of(
    store: Store, then: datetime, removed: set[str], held: int, bounces: pd.DataFrame
) -> Backtest:
    later = store.read("dlrs", since=then, columns=["msisdn", "sent_at", "status"])
    replies = store.read("replies", since=then, columns=["msisdn", "received_at"])
    members = store.read("list_members", columns=["msisdn", "created_at"])
    delivered = set(later.loc[later["status"] == "delivered", "msisdn"]) & removed
    replied = set(replies["msisdn"]) & removed
    alive = delivered | replied
    known = alive | (_dead_since(bounces[bounces["sent_at"] > then]) & removed)
    low, high = _extremes(len(alive), len(known), len(removed))
    days = bounces["sent_at"].dt.strftime("%Y-%m-%d")
    return Backtest(
        at=then.astimezone(UTC),
        removed=len(removed),
        known=len(known),
        alive=len(alive),
        delivered=len(delivered),
        replied=len(replied),
        re_added=len(set(members.loc[members["created_at"] > then, "msisdn"]) & removed),
        low=low,
        high=high,
        held=held,
        spikes=tuple(sorted(set(days[bounces["verdict"] == SPIKE]))),
        unjudged=days[bounces["verdict"].isin(UNJUDGED)].nunique(),
    )


def _extremes(alive: int, known: int, removed: int) -> tuple[float, float]:
    """Give the limits of the share that lives: none of those who are not known, or all of them."""
    if not known:
        return float("nan"), float("nan")
    lows, highs = wilson([alive, alive + removed - known], [removed, removed])
    return float(lows[0]), float(highs[1])
