"""Between plan and apply: what people do in these hours, and accounts in which everybody bounces.

Small accounts of the simulator with several lists: dead numbers, contacts imported in the week of the last
send, outages by carrier and hour, and days on which every message bounces. Each gets a plan of removals and
one of opt-outs; then some of the planned reply, join again, get a message or send START, and both plans are
applied with every count typed. Then some of the removed opt out, by a reply, a link or on another list, or
join again, and the removal is undone. The oracle knows from the simulator who is dead, and from what was done
here who is to be left alone: removing, opting out or putting back anybody else is wrong, and who was missed
is told by reason.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from smsdata import Store, hygiene, sync
from smsdata.audit import audit
from smsdata.errors import SafetyError
from smsdata.hygiene import planning
from smsdata.hygiene.caps import run_name
from smsdata.hygiene.second_look import SecondLook
from smsdata.simulator import Account, Outage
from smsdata.simulator.recipients import HARD
from tests.support.hygiene_world import World, number

from .tally import Tally

Plan = Callable[[Store], pd.DataFrame]
Done = set[tuple[str, str]]
"""What was done to whom between plan and apply: (number, deed)."""

LAST = datetime(2026, 9, 7, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
SENDS = 11
KINDS = ("carrier", "calm", "everybody", "carrier")
AGAINST_REMOVING = {"reply", "joined again", "delivered"}
AGAINST_OPTING_OUT = {"START", "joined again"}
AGAINST_PUTTING_BACK = ("STOP", "link of an old send", "link of a new send", "another list", "joined again")


@dataclass(frozen=True)
class Small:
    """An account, and who of it is dead."""

    world: World
    dead: set[str]
    stopped: set[str]


def _outages(kind: str, rng: np.random.Generator, tally: Tally) -> list[Outage]:
    """None, one of a carrier for some hours of the last send, or one in which everybody bounces."""
    hours = timedelta(hours=3)
    tally.fired[f"accounts: {kind}"] += 1
    if kind == "calm":
        return []
    newest = [Outage(LAST - hours, LAST + hours, share=1.0)]
    if kind == "everybody":
        earlier = LAST - int(rng.integers(1, 3)) * WEEK
        return newest + ([Outage(earlier - hours, earlier + hours)] if rng.random() < 0.5 else [])
    share, prefix = float(rng.choice([0.12, 0.3, 0.6])), str(rng.choice(["", "614915702", "614915703"]))
    return [Outage(LAST - hours, LAST + hours, prefix=prefix, share=share)]


def small(folder: Path, seed: int, tally: Tally) -> Small:
    """An account of up to a dozen lists of about ten, or a few of up to sixty."""
    rng = np.random.default_rng(seed)
    account = Account(
        seed, LAST - (SENDS - 1) * WEEK - timedelta(hours=1), days=1, campaigns=0, singles=0, inbound=0,
        lists=0, clients=0, dead=0.05, reply_rate=0.0, link_rate=0.0, readd_refused=0.0, goo=False,
        outages=_outages(KINDS[seed % len(KINDS)], rng, tally),
    )  # fmt: skip
    many = bool(rng.random() < 0.5)
    count = int(rng.integers(6, 12)) if many else int(rng.integers(1, 4))
    size, n, lists = (10 if many else int(rng.integers(30, 60))), 0, {}
    for one in range(count):
        lists[str(one)] = account.contacts.add_list(str(one))
        for _ in range(size):
            account.contacts.add_member(lists[str(one)], number(n))
            n += 1
    world = World(account, lists, Store(folder / "store"))
    account.advance(hours=1)
    for week in range(SENDS):
        if week == SENDS - 1 and rng.random() < 0.5:
            n = _import(account, list(lists.values()), n, size // 2)
        for list_id in lists.values():
            account.send_campaign(list_id, "hello")
        account.advance(days=7)
    alive = sorted(set(range(n)) - {int(m) - int(number(0)) for m in account.sending.habits.dead.tolist()})
    stopped = {number(one) for one in rng.choice(alive, max(2, len(alive) // 20), replace=False).tolist()}
    for msisdn in sorted(stopped):
        account.inbound(msisdn, "STOP")
    account.advance(hours=1)
    tally.fired["contacts"] += n
    return Small(world, {str(m) for m in account.sending.habits.dead.tolist()}, stopped)


def _import(account: Account, lists: list[int], n: int, per: int) -> int:
    """Put new contacts on every list, an hour before the send."""
    for list_id in lists:
        for _ in range(per):
            account.contacts.add_member(list_id, number(n))
            n += 1
    account.advance(hours=1)
    return n


def synced(world: World) -> None:
    """Twice, so that every send is known to be at rest."""
    with world.client() as client:
        sync(client, world.store, since="120d")
        world.account.advance(hours=2)
        sync(client, world.store, since="120d", deep=True)


def deeds(one: Small, rows: pd.DataFrame, kinds: set[str], rng: np.random.Generator, tally: Tally) -> Done:
    """Let half of the planned do something that speaks against the plan."""
    account, done = one.world.account, set()
    for row in rows.drop_duplicates("msisdn").to_dict("records"):
        if rng.random() < 0.5:
            continue
        deed = str(rng.choice(sorted(kinds)))
        msisdn = row["msisdn"]
        if deed in {"reply", "START"}:
            account.inbound(msisdn, "yes please" if deed == "reply" else "START")
        elif deed == "joined again":
            for list_id in one.world.lists.values():
                if any(str(member.msisdn) == msisdn for member in account.contacts.lists[list_id].present()):
                    account.contacts.delete_member(msisdn, list_id)
                    account.contacts.add_member(list_id, msisdn)
        else:
            account.set_status(account.send(msisdn), msisdn, "delivered")
        done.add((msisdn, deed))
        tally.fired[f"deeds: {deed}"] += 1
    account.advance(hours=1)
    return done


def applied(one: Small, plan: pd.DataFrame, call: str, tally: Tally) -> tuple[set[str], dict[str, str]]:
    """Apply with every count typed: whose number was changed, and why others were not."""
    why: dict[str, str] = {}
    try:
        with one.world.client() as client:
            report = hygiene.apply(
                plan, client, one.world.store, dry_run=False,
                counts=lambda beyond: {list_id: count for list_id, (count, _) in beyond.items()},
            )  # fmt: skip
        why = dict(zip(report.rows["msisdn"], report.rows["reason"], strict=True))
    except SafetyError as error:
        tally.fired["plans refused"] += 1
        why = dict.fromkeys(plan["msisdn"], f"refused: {str(error).split(': as a rule')[0].split(' ')[0]}")
    return {msisdn for _, msisdn in one.world.changes(call)}, why


def judge(one: Small, plan: Plan, rng: np.random.Generator, tally: Tally) -> None:
    """Make both plans, let people act, apply, and compare with the truth."""
    synced(one.world)
    removals = plan(one.world.store)
    optouts = planning.plan_optouts(one.world.store, audit(one.world.store).active)
    sure = removals[removals["tier"] == "remove"]
    did = deeds(one, sure, AGAINST_REMOVING, rng, tally)
    done_optouts = deeds(one, optouts, AGAINST_OPTING_OUT, rng, tally)
    unlucky = _bounced_without_outage(one.world.account) - one.dead
    removed, why = applied(one, removals, "delete-from-list", tally)
    left_alone = {msisdn for msisdn, _ in did}
    tally.fired["removed"] += len(removed)
    tally.fired["removed: alive, but bounced without an outage"] += len(removed & unlucky)
    excluded = set(removals.loc[removals["tier"] == "exclude", "msisdn"])
    tally.fired["only to exclude: alive"] += len(excluded - one.dead)
    tally.wrong += ["wrong removal: alive"] * len(removed - one.dead - unlucky)
    tally.wrong += ["wrong removal: of whom spoke against it"] * len(removed & left_alone)
    rules = dict(zip(removals["msisdn"], removals["rule"], strict=True))
    for msisdn in _on_lists(one.world) & one.dead - left_alone:
        reason = why.get(msisdn) or rules.get(msisdn, "")
        tally.fired[f"missed: {reason}"] += 1
        if not reason:
            tally.wrong.append("missed without a reason")
    opted_out, _ = applied(one, optouts, "optout-list-member", tally)
    took_back = {msisdn for msisdn, _ in done_optouts}
    tally.fired["opted out"] += len(opted_out)
    tally.wrong += ["wrong opt-out: never asked"] * len(opted_out - one.stopped)
    tally.wrong += ["wrong opt-out: took it back"] * len(opted_out & took_back)
    tally.wrong += ["missed opt-out"] * len(one.stopped - took_back - opted_out)
    if removed:
        judge_undo(one, removals, rng, tally)


def judge_undo(one: Small, plan: pd.DataFrame, rng: np.random.Generator, tally: Tally) -> None:
    """Let half of the removed opt out somewhere or join again, undo, and compare with what they did."""
    removed = set(one.world.changes("delete-from-list"))
    did = {msisdn for msisdn in sorted({m for _, m in removed}) if rng.random() < 0.5}
    for msisdn in sorted(did):
        deed = str(rng.choice(AGAINST_PUTTING_BACK))
        _against_putting_back(one, msisdn, deed, sorted(one_list for one_list, m in removed if m == msisdn))
        tally.fired[f"deeds before undo: {deed}"] += 1
    one.world.account.advance(hours=1)
    with one.world.client() as client:
        report = hygiene.undo(run_name(plan), client, one.world.store, dry_run=False)
    added = set(one.world.changes("add-to-list"))
    due = {pair for pair in removed if pair[1] not in did | one.stopped}
    tally.fired["put back"] += len(added)
    tally.wrong += ["put back: opted out or there already"] * len({m for _, m in added} & did)
    tally.wrong += [f"not put back: {report.counts}"] * len(due - added)


def _against_putting_back(one: Small, msisdn: str, deed: str, lists: list[int]) -> None:
    account, dlrs = one.world.account, one.world.store.read("dlrs", columns=["message_id", "msisdn"])
    if deed == "STOP":
        account.inbound(msisdn, "STOP")
    elif deed == "link of an old send":
        account.optout_by_link(int(dlrs.loc[dlrs["msisdn"] == msisdn, "message_id"].min()), msisdn)
    elif deed == "link of a new send":
        account.optout_by_link(account.send_campaign(numbers=[msisdn, number(0)]), msisdn)
    elif deed == "another list":
        other = account.contacts.add_list("another")
        account.contacts.add_member(other, msisdn)
        account.contacts.optout_member(msisdn, other)
    else:
        for list_id in lists:
            account.contacts.add_member(list_id, msisdn)


def _bounced_without_outage(account: Account) -> set[str]:
    """Numbers that a carrier called dead on a day without an outage: 3 in 1,000 messages of the twin do."""
    rows = account.recipients
    hard = rows["outcome"] == HARD
    for outage in account.sending.habits.outages:
        hard &= ~outage.strikes(rows["msisdn"], rows["sent_at"])
    return {str(msisdn) for msisdn in rows["msisdn"][hard].tolist()}


def _on_lists(world: World) -> set[str]:
    return {msisdn for _, msisdn in world.present()}


# ---- bugs made on purpose ---------------------------------------------------------------------------------


def planned(store: Store) -> pd.DataFrame:
    """The plan as it is."""
    return hygiene.plan(store)


def _no_second_look() -> AbstractContextManager[Any]:
    return patch.object(SecondLook, "objection", lambda *_: "")


def _nobody_asked() -> AbstractContextManager[Any]:
    return patch("smsdata.hygiene.undoing.asked_again", lambda *_: {})


BUGS: dict[str, tuple[Plan, Callable[[], AbstractContextManager[Any]]]] = {
    "no second look": (planned, _no_second_look),
    "undo asks nobody": (planned, _nobody_asked),
    "days are not judged": (partial(hygiene.plan, hold_spikes=False), nullcontext),
}


def run(
    seed: int,
    *,
    accounts: int = 120,
    plan: Plan = planned,
    bug: Callable[[], AbstractContextManager[Any]] = nullcontext,
    until_wrong: bool = False,
) -> Tally:
    """Make small accounts, plan, act, apply."""
    tally = Tally("between", seed)
    for account in range(accounts):
        with tempfile.TemporaryDirectory(prefix="smsdata-between-") as folder, bug():
            one = small(Path(folder), 1000 * seed + account, tally)
            judge(one, plan, np.random.default_rng([seed, account]), tally)
        if until_wrong and tally.wrong:
            break
    return tally
