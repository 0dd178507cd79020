"""Which contacts should leave which list: decided from the evidence in the store, changing nothing.

Owns which rule fits which evidence; the evidence comes from `analysis`, the file is that of plan_file. Makes
no call. Imports of smsdata only `analysis`, `ingest.plan`, `schema`, `store`, `times`, `errors` and, within
hygiene, changes and plan_file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smsdata.analysis.bounce_days import FEW_BOUNCES, FEW_DAYS
from smsdata.analysis.bounce_evidence import contact_evidence
from smsdata.analysis.bounces import hard_bounced
from smsdata.analysis.opt_outs import opted_out, still_out
from smsdata.analysis.unclear_numbers import unclear_numbers
from smsdata.errors import UsageError
from smsdata.hygiene.changes import is_number
from smsdata.hygiene.plan_file import PLAN_TIERS, sorted_json, write_plan
from smsdata.ingest.plan import QUIET
from smsdata.schema.number_spellings import to_msisdn
from smsdata.schema.numbers_in_full import other_spellings, written_as
from smsdata.store.store import Store, open_store
from smsdata.times import duration, instant


def plan(
    store: Store | str | Path,
    *,
    now: datetime | str | None = None,
    max_age: str = "90d",
    hold_spikes: bool = True,
    path: str | Path | None = None,
) -> pd.DataFrame:
    """Tell which active contacts of which list to remove because their number is dead, and what that saves.

    Nothing is changed: `apply` takes the plan. Evidence is a message that polling saw as ``hard-bounce``, and
    nothing ever saw delivered, of a reconciled campaign: last reported more than 98 h after it was sent, with
    the same counters as at least an hour before. The number's newest outcome must be such a bounce, with no
    reply and no joining of a list since.

    Parameters
    ----------
    store
        The store, or its folder.
    now
        The present; default: when the store last heard of campaigns.
    max_age
        How old the evidence may be, such as ``"90d"``.
    hold_spikes
        Judge the days of the bounces. Numbers that look dead because of a day on which many more bounced than
        on others are kept back. So are those whose bounces all fell on days that cannot be judged, of which
        there are no two at least 72 h apart. False: every day counts as ordinary.
    path
        Where to put the plan file; default: a folder of the store. The summary lies beside it, with ``.md``.

    Returns
    -------
    DataFrame
        One row per list and number, by tier, list and number:

        - ``list_id`` (int64), ``msisdn`` (str);
        - ``tier`` (str): "remove" and "exclude" can be applied, "review" is for a person;
        - ``rule`` (str): see `RULES`; ``action`` (str): "delete";
        - ``hard_bounces`` (int64): all hard bounces that the store holds; ``bounces`` (int64): those that
          count as evidence, since the last sign of life; ``days`` (int64): the UTC days they fell on;
          ``first_bounce``, ``last_bounce`` (datetime64[us, UTC]): when they were sent, NaT without any;
        - ``sends``, ``delivered`` (int64): messages to the number that the store holds;
        - ``last_delivered``, ``last_reply`` (datetime64[us, UTC]): NaT if never;
        - ``saves`` (float64): what one message to the number costs: the mean over the bounces, campaign cost
          per recipient; NaN without evidence;
        - ``evidence`` (str): JSON list of the bounces: message_id, sent_at, status; copies where the send
          lists the number more than once; not_judged where the day could not be: "few days" or "few bounces".

        ``attrs["plan"]`` says whose plan it is, from when until when, how many of the last 30 days' messages
        with a result were delivered, its hash and its file.

    Raises
    ------
    UsageError
        When the store holds nothing yet, or `max_age` is no duration.

    References
    ----------
    Removing at once, and two days: Klaviyo's and Tatango's rules for disconnected numbers; the gateway's help
    calls hard bounces safe to delete.
    """
    store = open_store(store)
    made_at = last_heard(store) if now is None else instant(now, "now")
    names = ("dlrs", "campaigns", "status_history", "replies", "list_members", "lists", "messages")
    tables = {name: store.scan(name) for name in names}
    odd = unclear_numbers(**{name: store.scan(name) for name in _THEIR_TABLES})
    members = store.read("list_members", columns=["list_id", "msisdn", "proved"])
    once = members.loc[members["proved"].eq(False).fillna(False), ["list_id", "msisdn"]]
    rows = ruled_contacts(
        tables, made_at, max_age=max_age, hold_spikes=hold_spikes, seen_once=once, odd=odd,
        stops=lambda numbers: last_stops(opted_out(store, about=numbers).evidence),
    )  # fmt: skip
    facts = {
        "max_age": max_age,
        "recent": _recent(store, made_at),
        "settles": _settles(store, rows),
        "left_out": _not_evidence(rows),
    } | _unclear(rows, odd)
    if unreadable := rows.attrs["unreadable"]:
        facts["unreadable"] = unreadable
    return write_plan(store, rows, made_at, path, facts)


_THEIR_TABLES = ("replies", "dlrs", "optouts", "list_members", "list_events")
"""Where a row may tell that somebody lives, or opted out."""


def last_stops(evidence: pd.DataFrame) -> pd.Series:
    """When each who is opted out asked to stop, for the last time; by number."""
    out = still_out(evidence).set_index("msisdn")
    return out[["first_optout_at", "last_stop_at"]].max(axis="columns").groupby(level=0).max()


def _unclear(rows: pd.DataFrame, odd: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Count by table the rows whose number may be that of a contact that is left alone for it."""
    kept = rows.loc[rows["rule"] == "unclear-number", "msisdn"].unique()
    meant = {one for number in kept for one in other_spellings(number) if one in odd}
    counted: Counter[str] = Counter()
    for number in meant:
        counted.update(odd[number])
    return {"unclear": dict(sorted(counted.items()))} if counted else {}


def _not_evidence(rows: pd.DataFrame) -> dict[str, int]:
    """Count the hard bounces of the plan's numbers that are no evidence, by the reason."""
    numbers = rows.drop_duplicates("msisdn")
    differing = numbers["confirmed"] - numbers["reconciled"] - numbers["waiting"]
    counts = {
        "unconfirmed": numbers["hard_bounces"] - numbers["confirmed"],
        "unsettled": numbers["waiting"],
        "counters-differ": differing,
        "followed": numbers["earlier"],
        "old": numbers["reconciled"] - numbers["earlier"] - numbers["bounces"],
    }
    return {reason: int(count.sum()) for reason, count in counts.items() if count.sum()}


def ruled_contacts(
    tables: Mapping[str, Any],
    made_at: datetime,
    *,
    max_age: str,
    hold_spikes: bool,
    seen_once: pd.DataFrame | None = None,
    odd: Collection[str] = frozenset(),
    stops: Callable[[set[str]], pd.Series] | None = None,
) -> pd.DataFrame:
    """Judge every active contact with bounces by what some tables say.

    Parameters
    ----------
    tables
        ``dlrs``, ``campaigns``, ``status_history``, ``replies``, ``list_members``, ``lists`` and
        ``messages``, as frames or scans.
    made_at
        When that was so.
    max_age, hold_spikes
        As for `plan`.
    seen_once
        ``list_id`` and ``msisdn`` of those that one of two passes over a list saw.
    odd
        Numbers of rows that lack their country: whoever they may mean is left alone.
    stops
        Tells by number when those of some numbers who opted out asked to stop, for the last time.

    Returns
    -------
    DataFrame
        The columns of a plan, by tier, list and number; and what of `contact_evidence` it rests on.
        ``attrs["unreadable"]`` counts contacts whose number is not in full: no call can be made about them.
    """
    others = {name: table for name, table in tables.items() if name != "messages"}
    known = hard_bounced(
        tables["dlrs"],
        tables["replies"],
        status_history=tables["status_history"],
        messages=tables["messages"],
        hold_spikes=hold_spikes,
    )
    evidence = contact_evidence(
        known, **others, messages=tables["messages"], judge_days=hold_spikes,
        since=made_at - duration(max_age), quiet=QUIET,
    )  # fmt: skip
    whole = evidence.contacts["msisdn"].map(is_number).astype(bool)
    contacts = evidence.contacts[whole]
    keys = ["list_id", "msisdn"]
    once = pd.MultiIndex.from_frame(contacts[keys].iloc[:0] if seen_once is None else seen_once)
    stopped = contacts["last_reply"].mask(contacts["msisdn"].notna())  # nobody, of the type of an instant
    if stops is not None and len(contacts):
        stopped = stops(set(contacts["msisdn"])).reindex(contacts["msisdn"]).set_axis(contacts.index)
    contacts = contacts.assign(
        unproved=pd.MultiIndex.from_frame(contacts[keys]).isin(once),
        unclear=contacts["msisdn"].map(lambda number: written_as(number, odd) is not None).astype(bool),
        stopped=stopped.notna() & ~(contacts["last_added"] >= stopped),
    )
    rows = _ruled(contacts).assign(action="delete", evidence=_listed_bounces(contacts, evidence.bounces))
    rows.attrs["unreadable"] = int((~whole).sum())
    return rows


def plan_optouts(
    store: Store | str | Path,
    active: pd.DataFrame,
    *,
    now: datetime | str | None = None,
    path: str | Path | None = None,
    country: str | None = None,
    account_wide: bool = True,
) -> pd.DataFrame:
    """Make the plan that opts numbers out of the lists on which they are still active.

    Parameters
    ----------
    store
        The store, or its folder.
    active
        ``list_id``, ``msisdn``, ``first_optout_at``, ``source``, and ``last_stop_at`` where there was another
        stop later: what the audit found, or rows of your own: a number may be spelled in any way that
        `smsdata.to_msisdn` reads.
    now, path
        As for `plan`.
    country
        The country of numbers written without one, as for `smsdata.to_msisdn`.
    account_wide
        Whether an opt-out of one list may count for all of them: unless Global Opt Out is known to be off.

    Returns
    -------
    DataFrame
        A plan as `plan` gives it, with ``action`` "optout", tier "remove" and rule "opt-out"; the evidence
        tells when and how the number opted out. Who joined a list after the last stop stays on it, and with
        ``account_wide`` on all lists: tier "review", rule "re-joined", for a person. Contacts whose number
        cannot be read are left out: the plan says how many, in ``attrs["plan"]["unreadable"]``.
    """
    store = open_store(store)
    made_at = last_heard(store) if now is None else instant(now, "now")
    numbers = _numbers_in_full(active["msisdn"], country)
    unreadable = int(numbers.isna().sum())
    active = active.assign(msisdn=numbers)[numbers.notna()].sort_values("first_optout_at", kind="stable")
    active = active.drop_duplicates(["list_id", "msisdn"])
    active = active.assign(stop=_last_stops(active))
    optouts = active[["first_optout_at", "source", "stop"]].itertuples(index=False)
    evidence = [
        sorted_json([{"opted_out_at": at.isoformat(), "source": source, "last_stop_at": stop.isoformat()}])
        for at, source, stop in optouts
    ]
    again = _joined_again(store, active, account_wide=account_wide)
    rows = active[["list_id", "msisdn"]].assign(
        tier=np.where(again, "review", "remove"), rule=np.where(again, "re-joined", "opt-out"),
        action="optout", hard_bounces=0, bounces=0, days=0, first_bounce=None,
        last_bounce=None, sends=0, delivered=0, last_delivered=None, last_reply=None, saves=np.nan,
        evidence=evidence,
    )  # fmt: skip
    rows = rows.sort_values(["list_id", "msisdn"])
    facts = {"account_wide": account_wide} | ({"unreadable": unreadable} if unreadable else {})
    return write_plan(store, rows, made_at, path, facts)


def _last_stops(active: pd.DataFrame) -> pd.Series:
    """When each last asked to stop."""
    if "last_stop_at" not in active:
        return active["first_optout_at"]
    return active[["first_optout_at", "last_stop_at"]].max(axis="columns")


def _joined_again(store: Store, active: pd.DataFrame, *, account_wide: bool) -> pd.Series:
    """Who joined this list after the last stop; with `account_wide`, who joined any."""
    members = store.read("list_members", columns=["list_id", "msisdn", "created_at", "gone_at"])
    members = members[members["gone_at"].isna()].merge(active[["msisdn", "stop"]].drop_duplicates())
    again = members[members["created_at"] >= members["stop"]]
    if account_wide:
        return active["msisdn"].isin(again["msisdn"])
    places = pd.MultiIndex.from_frame(again[["list_id", "msisdn"]])
    return pd.Series(pd.MultiIndex.from_frame(active[["list_id", "msisdn"]]).isin(places), active.index)


def _numbers_in_full(numbers: pd.Series, country: str | None) -> pd.Series:
    """Read numbers of any spelling, missing where that fails; digits as the gateway has them stay."""
    whole = numbers.map(lambda number: isinstance(number, str) and is_number(number)).astype(bool)
    return numbers.where(whole, to_msisdn(numbers, country)["msisdn"]).astype("str")


_RECENT = timedelta(days=30)
_APART = timedelta(hours=1)
"""So long after a campaign's last change its counters must have been read again."""


def _recent(store: Store, made_at: datetime) -> dict[str, int]:
    """Count the messages of the last 30 days that have a result, and those of them that were delivered.

    Where there are none, of the 30 days up to the newest one: that nothing was sent lately is no good news.
    """
    dlrs = store.read("dlrs", columns=["sent_at", "status"])
    dlrs = dlrs[dlrs["status"].isin(["delivered", "hard-bounce", "soft-bounce", "bounced"])]
    recent = dlrs[(dlrs["sent_at"] > made_at - _RECENT) & (dlrs["sent_at"] <= made_at)]
    if recent.empty and len(dlrs):
        recent = dlrs[dlrs["sent_at"] > dlrs["sent_at"].max() - _RECENT]
    return {"judged": len(recent), "delivered": int((recent["status"] == "delivered").sum())}


def _settles(store: Store, rows: pd.DataFrame) -> dict[str, str] | None:
    """Tell from when on a sync lets the first, and the last, contact be judged that waits for a campaign."""
    waiting = set(rows.loc[rows["rule"] == "unsettled", "msisdn"])
    if not waiting:
        return None
    dlrs = store.read("dlrs", columns=["message_id", "msisdn", "sent_at", "status"])
    bounces = dlrs[dlrs["msisdn"].isin(waiting) & (dlrs["status"] == "hard-bounce")]
    seen = store.read("status_history", columns=["message_id", "observed_at", "source"])
    seen = seen[(seen["source"] == "polled") & seen["message_id"].isin(bounces["message_id"])]
    changed = bounces["message_id"].map(seen.groupby("message_id")["observed_at"].max())
    heard = store.read("campaigns", columns=["message_id", "synced_at"]).set_index("message_id")["synced_at"]
    quiet = bounces["sent_at"] + QUIET
    ready = quiet.where(changed.isna(), np.maximum(quiet, changed + _APART))
    early = bounces["message_id"].map(heard) < ready  # what was read later is waited for no more
    by_number = ready[early].groupby(bounces.loc[early, "msisdn"]).min()
    if by_number.empty:
        return None
    return {"first": by_number.min().isoformat(), "last": by_number.max().isoformat()}


def _ruled(contacts: pd.DataFrame) -> pd.DataFrame:
    """Give each contact its tier and rule; the first rule that fits counts.

    A day that cannot be judged says nothing alone; two of them suffice 72 h apart, since outages end before.
    """
    none = contacts["bounces"] == 0
    after = {name: contacts[name] >= contacts["last_bounce"] for name in ("last_added", "last_other")}
    never = contacts["delivered"] == 0
    by_all, by_calm = (_as_if_judged(contacts[days], never) for days in ("days", "calm_days"))
    two = (contacts["ordinary_days"] >= 2) | contacts["calm_apart"]
    once = contacts["ordinary_days"] >= 1
    rules = {
        "soft-streak": contacts["known_tier"] == "review",
        "unconfirmed": none & (contacts["confirmed"] == 0),
        "unsettled": none & (contacts["reconciled"] == 0) & (contacts["waiting"] > 0),
        "counters-differ": none & (contacts["reconciled"] == 0),
        "old": none,
        "unproved": contacts["unproved"],
        "re-added": after["last_added"],
        "newest-outcome": after["last_other"],
        "spike": contacts["held"] | (by_calm < by_all),
        "undated": contacts["undated"] & ~none,
        "unclear-number": contacts["unclear"] & ~none,
        "stopped": contacts["stopped"] & ~none,
        "two-days": two & once,
        "unjudged-days": two,
        "never-delivered": once & never,
        "one-day": once,
        "too-few-days": ~none,
    }
    chosen = np.select([rule.to_numpy(bool) for rule in rules.values()], list(rules), "old")
    tiers = {
        "two-days": "remove",
        "unjudged-days": "remove",
        "never-delivered": "remove",
        "one-day": "exclude",
    }
    rows = contacts.assign(rule=chosen, tier=[tiers.get(rule, "review") for rule in chosen])
    rank = rows["tier"].map({tier: n for n, tier in enumerate(PLAN_TIERS)})
    return rows.iloc[np.lexsort((rows["msisdn"], rows["list_id"], rank))]


def _as_if_judged(days: pd.Series, never: pd.Series) -> pd.Series:
    """Give the weight of so many days if all could be judged: 0 none, 1 exclude, 2 remove."""
    return (days >= 1).astype("int64") + ((days >= 2) | ((days >= 1) & never)).astype("int64")


_NOT_JUDGED = {FEW_DAYS: "few days", FEW_BOUNCES: "few bounces"}


def _listed_bounces(contacts: pd.DataFrame, bounces: pd.DataFrame) -> pd.Series:
    """Write the bounces that stand against each contact as a JSON list."""
    sent = [at.isoformat() for at in bounces["sent_at"]]
    rows = bounces[["message_id", "status"]].assign(sent_at=sent).to_dict("records")
    told = zip(rows, bounces["copies"].tolist(), bounces["verdict"].tolist(), strict=True)
    for row, copies, verdict in told:
        if copies > 1:
            row["copies"] = copies
        if verdict in _NOT_JUDGED:
            row["not_judged"] = _NOT_JUDGED[verdict]
    listed: dict[str, list[dict[Any, Any]]] = {}
    for msisdn, row in zip(bounces["msisdn"], rows, strict=True):
        listed.setdefault(msisdn, []).append(row)
    return contacts["msisdn"].map(lambda msisdn: sorted_json(listed.get(msisdn, []))).astype("str")


def last_heard(store: Store) -> datetime:
    """When the store last heard of campaigns, by the gateway's clock."""
    bounds = store.tables.min_max("campaigns", ["synced_at"])
    latest = (
        bounds["synced_at"][1] if bounds else store.state.cursors.get("campaigns")
    )  # of no send: when asked
    if latest is None or not store.state.account:
        raise UsageError(f"{store.path} holds no campaigns yet: run `smsdata sync` first.")
    return latest.astimezone(UTC)
