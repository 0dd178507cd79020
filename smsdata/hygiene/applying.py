"""Carry a plan out: each contact is checked, backed up, journalled, changed, and at the end its list is read.

Everything that could make it a mistake is asked for again just before each change. A change is made at most
once: when an answer is lost, or the process died in between, the contact is looked up before the call is made
again. Imports of smsdata only `gateway`, `store`, `times`, `errors` and, within hygiene, changes, caps,
plan_file, rereading, run_journal, second_look and withdrawals.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from smsdata.errors import ApiError, DrainError, RowError, SafetyError, SmsDataError
from smsdata.gateway.blame import Blame
from smsdata.gateway.caller import Caller
from smsdata.gateway.client import drain
from smsdata.gateway.endpoints import endpoint
from smsdata.hygiene import changes as gateway
from smsdata.hygiene.caps import (
    Beyond,
    Counts,
    beyond_caps,
    refuse_unsound,
    run_name,
    selected_rows,
    within_caps,
)
from smsdata.hygiene.changes import TRIES, UNDATED, Contact, ListId, is_active, one_list
from smsdata.hygiene.plan_file import load
from smsdata.hygiene.rereading import RepliesHeard, count_again, read_again
from smsdata.hygiene.run_journal import (
    Entry,
    HygieneReport,
    Outcome,
    RunJournal,
    exclusive,
    kept,
    record_suppressions,
    rewrite_lost_suppressions,
    runs,
    was_carried_out,
)
from smsdata.hygiene.second_look import SecondLook, last_stop, oldest_evidence
from smsdata.hygiene.withdrawals import JOINED, joined_since
from smsdata.store.spool import missing_callbacks
from smsdata.store.store import Store, open_store
from smsdata.times import instant

_CLOCK_TOLERANCE = timedelta(minutes=10)
_ENOUGH_FAILED = 10
"""So many contacts in a row that cannot be checked are no accident: the run stops."""
_SAID_YES = "the gateway said yes, and it is there as before"


def apply(
    plan: pd.DataFrame | str | Path,
    client: Caller,
    store: Store | str | Path,
    *,
    dry_run: bool = True,
    tier: Literal["remove", "exclude"] = "remove",
    yes: str | None = None,
    counts: Counts | Callable[[Beyond], Counts] | None = None,
    wait: float = 0.0,
    on_step: Callable[[int, int], None] | None = None,
) -> HygieneReport:
    """Carry a plan out, or in a dry run make every check and change nothing.

    Parameters
    ----------
    plan
        What `plan` gave, or its file.
    client
        The account.
    store
        The store that the plan was made from, or its folder.
    dry_run
        True, the default: read, check and report only.
    tier
        "remove", or "exclude" for both tiers.
    yes
        The plan's hash, where a script has to say that it means this very plan.
    counts
        For lists beyond a cap: how many contacts of the list the plan changes, typed by a person,
        ``{list_id: count}``; or a function that is given what `beyond_caps` gives, and asks.
    wait
        Seconds to wait for another process that writes the store.
    on_step
        Called after each contact with how many are done, and how many there are.

    Returns
    -------
    HygieneReport
        Each contact is done, skipped, refused or unknown ("planned" in a dry run), and why. Applying the plan
        again goes on where a run was cut off, and does nothing twice.

    Raises
    ------
    SafetyError
        The plan was changed, has expired, or belongs to another account or base URL; a list is beyond its
        cap; the plan would take more than a fifth of a list of 10 or more, or was made while under half of
        the messages were delivered. Nothing was changed.
    ApiError
        The gateway cannot be reached; apply the plan again.
    LockedError
        Another process changes the account or writes the store.
    """
    store = open_store(store)
    rows = load(plan, store)
    about = rows.attrs["plan"]
    if yes is not None and yes != about["hash"]:
        raise SafetyError("the hash does not belong to this plan; nothing was changed.")
    _same_account(about, client, store)
    with exclusive(client, store, wait, dry_run=dry_run):
        began = client.calls
        lists = drain(client, "lists")  # its answer also tells the gateway's time
        journal = RunJournal(store, run_name(rows))
        _in_time_or_kept(about, client, store, journal, wait, dry_run=dry_run)
        refuse_unsound(rows, lists, store, tier=tier)
        within_caps(beyond_caps(rows, lists, store, tier=tier, now=client.now()), lists, counts)
        run = _Application(client, store, journal, rows, dry_run=dry_run)
        run.report.attention += missing_callbacks(store.private)
        if not dry_run:
            journal.open({key: about[key] for key in ("account", "base_url", "made_at", "hash")})
            run.report.attention += _kept_in_step(client, store, but=journal.run)
        with nullcontext() if dry_run else journal.changing(_command_to_go_on(about, tier), run.report):
            run.go(selected_rows(rows, tier), lists, on_step or (lambda _done, _all: None))
        if not dry_run:
            journal.take_over()
        run.report.calls = client.calls - began
    return run.report


def _command_to_go_on(about: Mapping[str, Any], tier: str) -> str:
    """Write the command line that goes on with a plan."""
    more = "" if tier == "remove" else f" --tier {tier}"
    return f"smsdata clean --apply {shlex.quote(str(about['file']))}{more}"


def _kept_in_step(client: Caller, store: Store, *, but: str) -> list[str]:
    """Bring the suppressions in line with all runs, those cut off included; gives what to look at.

    What was only meant is looked up first, in all runs `but` the one that goes on now.
    """
    now = client.now()
    for name in runs(store):
        journal = RunJournal(store, name)
        if name != but and journal.is_unfinished:
            _settle_all(client, journal, now)
    return rewrite_lost_suppressions(store, now) + [
        f"run {name}: its journal does not agree with the table suppressions; nothing was taken from it."
        for name in record_suppressions(store, now)
    ]


def _same_account(about: Mapping[str, Any], client: Caller, store: Store) -> None:
    places = {"account": client.settings.account, "base_url": client.settings.base_url}
    for key, mine in places.items():
        if about[key] != mine:
            raise SafetyError(
                f"the plan was made for another {key.replace('_', ' ')}; nothing was changed. Make a plan "
                "with `smsdata clean` where it is to be applied."
            )
    if (store.state.account, store.state.base_url) != tuple(places.values()):
        raise SafetyError(f"{store.path} holds another account's rows; nothing was changed.")


def _in_time(about: Mapping[str, Any], now: datetime) -> None:
    if not instant(about["made_at"]) - _CLOCK_TOLERANCE <= now < instant(about["expires_at"]):
        raise SafetyError(
            f"the plan was valid until {about['expires_at']}; now it is {now.isoformat()}. Nothing was "
            "changed: run `smsdata sync`, then `smsdata clean` for a new plan."
        )


def _in_time_or_kept(
    about: Mapping[str, Any], client: Caller, store: Store, journal: RunJournal, wait: float, *, dry_run: bool
) -> None:
    """Refuse a plan that is void; what it had changed before it was cut off is kept first, for `undo`.

    The account stays as it is, so that a look alone does it too.
    """
    try:
        _in_time(about, client.now())
    except SafetyError as error:
        if not journal.entries:
            raise
        with exclusive(client, store, wait, dry_run=False) if dry_run else nullcontext():
            _settle_all(client, journal, client.now())
            _kept_in_step(client, store, but=journal.run)
        done = sum(entry.removed for entry in journal.entries.values())
        raise SafetyError(
            f"{error} It was cut off when it had changed {done:,} contacts: they are kept in the table "
            f"suppressions, and `smsdata undo {journal.run}` takes it back."
        ) from None


def _settle_all(client: Caller, journal: RunJournal, now: datetime) -> None:
    """Look up what a run had only meant to do when it was cut off."""
    for entry in journal.entries.values():
        if entry.state == "intent":
            journal.settle(entry, gateway.find(client, one_list(entry.list_id), entry.msisdn), now)
    journal.note_end()


class _Application:
    """One run of a plan."""

    def __init__(
        self, client: Caller, store: Store, journal: RunJournal, plan: pd.DataFrame, *, dry_run: bool
    ) -> None:
        self.client = client
        self.look = SecondLook(client, RepliesHeard(client, store), instant(plan.attrs["plan"]["made_at"]))
        self.store = store
        self.journal = journal
        self.dry_run = dry_run
        self.fresh: set[int] = set()  # rows done by this very run: the table suppressions has them not yet
        self.account_wide = plan.attrs["plan"].get("account_wide", True)
        self.lists_of = plan.groupby("msisdn")["list_id"].agg(set).to_dict()
        self.unanswered = Unanswered(client)
        self.report = HygieneReport(journal.run, dry_run)

    def go(self, targets: pd.DataFrame, lists: pd.DataFrame, on_step: Callable[[int, int], None]) -> None:
        """One list after the other."""
        known = set(lists["list_id"].tolist())
        done = 0
        self.look.replies.read(oldest_evidence(targets))
        self._ask_who_joined(targets, lists)
        for number, rows in targets.groupby("list_id", sort=True):
            list_id = one_list(int(str(number)))
            for row in rows.to_dict("records"):
                self.report.add(list_id, row["msisdn"], *self._outcome(list_id, row, known))
                done += 1
                on_step(done, len(targets))
            if not self.dry_run:
                if list_id in known:
                    self._verify(list_id)
                record_suppressions(self.store, self.client.now(), [self.journal])
        self.report.attention += self.unanswered.lines() + self.look.replies.lines()
        if not self.dry_run and len(targets):
            count_again(self.client, self.store, targets["list_id"].tolist())

    def _ask_who_joined(self, targets: pd.DataFrame, lists: pd.DataFrame) -> None:
        """Find out who joined a list since its bounce, or since its last stop where that counts for all."""
        since: dict[str, pd.Timestamp] = {}
        for row in targets.to_dict("records") if self.account_wide else []:
            if row["action"] == "optout":
                since[row["msisdn"]] = pd.Timestamp(last_stop(row))
        removals = targets[targets["action"] == "delete"]
        since |= dict(zip(removals["msisdn"], removals["last_bounce"], strict=True))
        self.look.joined = joined_since(self.client, self.store, since, lists, set(removals["msisdn"]))

    def _outcome(self, list_id: ListId, row: Mapping[Any, Any], known: set[int]) -> tuple[Outcome, str]:
        """What becomes of one contact; its list may have been deleted since the plan was made."""
        entry = self.journal.entries.get(row["row"])
        if list_id in known:
            if list_id in self.store.state.unproved_lists:
                return "refused", "its members could not be proved: sync again"
            return self._one(list_id, row)
        if entry is not None and entry.state == "intent":
            return self._done(entry, "the list is gone")
        return "skipped", f"list {list_id} no longer exists; the numbers in it need nothing"

    def _one(self, list_id: ListId, row: Mapping[Any, Any]) -> tuple[Outcome, str]:
        """Look at one contact, and change it if it still deserves it."""
        entry = self.journal.entries.get(row["row"])
        if entry is not None and entry.state not in {"intent", "refused"}:
            return ("done", "") if entry.removed else ("skipped", "it was undone")
        try:
            contact = gateway.find(self.client, list_id, row["msisdn"])
            if entry is not None and self._settled(entry, contact):
                return "done", entry.note
            if not self.dry_run:
                self.look.replies.read_on()
            reason = self.look.objection(row, contact) or self._joined_elsewhere(list_id, row)
        except (ApiError, DrainError, RowError) as error:
            self.unanswered.note(error)
            begun = entry is not None and entry.state == "intent"
            return "unknown" if begun else "skipped", f"it could not be checked ({error.code})"
        self.unanswered.note_answer()
        if reason or contact is None:
            return "skipped", reason
        if self.dry_run:
            return "planned", ""
        return self._change(list_id, row, contact)

    def _joined_elsewhere(self, list_id: ListId, row: Mapping[Any, Any]) -> str:
        """Whoever joined another list of the plan anew lives, and stays on all of them.

        Of opt-outs that is so where one of a list may count for all.
        """
        removal = row["action"] == "delete"
        if not removal and not self.account_wide:
            return ""
        since = row["last_bounce"] if removal else last_stop(row)
        for other in sorted(self.lists_of[row["msisdn"]] - {list_id}):
            there = gateway.find(self.client, one_list(int(other)), row["msisdn"])
            if there and there["created_at"] is None and removal:
                return UNDATED
            if there and there["created_at"] is not None and there["created_at"] >= since:
                return JOINED
        return ""

    def _change(self, list_id: ListId, row: Mapping[Any, Any], contact: Contact) -> tuple[Outcome, str]:
        """Write down what is meant, do it, write down that it is done."""
        entry = Entry(
            row=row["row"], list_id=list_id, msisdn=row["msisdn"], action=row["action"], rule=row["rule"],
            evidence=row["evidence"], contact=kept(contact), state="intent", at=self._now(),
        )  # fmt: skip
        self.journal.write(entry)
        call = gateway.opt_out if row["action"] == "optout" else gateway.remove
        for _ in range(TRIES):
            try:
                left = call(self.client, list_id, row["msisdn"])
            except ApiError as error:
                outcome = self._after(entry, error)
                if outcome is not None:
                    return outcome
            else:
                self._compare_lists(entry, left)
                return self._done(entry, "")
        return "unknown", "no usable answer came; the contact was still there each time"

    def _after(self, entry: Entry, error: ApiError) -> tuple[Outcome, str] | None:
        """What an error means for the contact; None when the call may be made again."""
        if gateway.concerns_every_call(error):
            raise error
        if error.code == "NOT_FOUND":
            return self._done(entry, "it was gone already")
        try:  # also after a refusal: some gateways refuse what they have done
            contact = gateway.find(self.client, one_list(entry.list_id), entry.msisdn)
        except (ApiError, RowError):
            return "unknown", f"no usable answer came ({error.code}); apply the plan again"
        if self._settled(entry, contact):
            return "done", entry.note
        return self._refused(entry, error.code) if gateway.was_refused(error) else None

    def _refused(self, entry: Entry, why: str) -> tuple[Outcome, str]:
        entry.state, entry.note = "refused", why
        self.journal.write(entry)
        return "refused", why

    def _compare_lists(self, entry: Entry, left: list[int]) -> None:
        """An opt-out may well count for several lists; a deletion must not."""
        if entry.action == "delete" and left != [entry.list_id]:
            self.report.attention.append(
                f"row {entry.row}: asked to leave list {entry.list_id}, the gateway names lists {left}."
            )

    def _settled(self, entry: Entry, contact: Contact | None) -> bool:
        settled = self.journal.settle(entry, contact, self.client.now(), dry_run=self.dry_run)
        self.fresh |= {entry.row} if settled else set()
        return settled

    def _done(self, entry: Entry, note: str) -> tuple[Outcome, str]:
        entry.state, entry.note, entry.at = "done", note, self._now()
        self.fresh.add(entry.row)
        if not self.dry_run:
            self.journal.write(entry)
        return "done", note

    def _now(self) -> str:
        return self.client.now().isoformat()

    def _verify(self, list_id: ListId) -> None:
        """Read the list again, keep it, and compare: ours are gone, nobody else is."""
        changed = [entry for entry in self.journal.entries.values() if entry.removed]
        if not changed:
            return
        mine = {entry.msisdn: entry for entry in changed if entry.list_id == list_id}
        before = set(_active_contacts(self._stored(list_id)))
        try:
            now = _active_contacts(read_again(self.client, self.store, list_id))
        except (ApiError, DrainError) as error:
            self.report.attention.append(f"list {list_id} could not be verified: {error}")
            return
        # an opt-out may count for every list, so whoever opted out of another list is no stranger
        still = sorted(now.keys() & mine.keys())
        others = before - now.keys() - {entry.msisdn for entry in changed}
        for number in still:
            if mine[number].row in self.fresh and not was_carried_out(mine[number], now[number]):
                self.report.correct(list_id, number, *self._refused(mine[number], _SAID_YES))
        if still:
            self.report.attention.append(f"list {list_id}: {len(still)} contacts are active again or still.")
        if others:
            self.report.attention.append(
                f"list {list_id}: {len(others)} other contacts left it since the last sync; not by this run."
            )
        if not still and not others:
            self.report.verified.append(int(list_id))

    def _stored(self, list_id: ListId) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.store.rows("list_members").to_pylist()
        return [row for row in rows if row["list_id"] == list_id and row["gone_at"] is None]


def _active_contacts(rows: list[dict[str, Any]]) -> dict[str, Contact]:
    return {row["msisdn"]: row for row in rows if is_active(row)}


class Unanswered:
    """Who could not be checked: a call that fails costs one contact, unless the gateway is not there."""

    def __init__(self, client: Caller) -> None:
        self._blame = Blame(client.is_there)
        self._count = self._in_a_row = 0
        self._last: SmsDataError | None = None

    def note_answer(self) -> None:
        """Take note that a contact could be checked."""
        self._blame.note_answer()
        self._in_a_row = 0

    def note(self, error: ApiError | DrainError | RowError) -> None:
        """Take note of a contact that could not be; an error that meets the others too is raised."""
        again, self._last = error is self._last, error
        self._count += 1
        if again or not isinstance(error, ApiError):
            return
        self._in_a_row += 1
        everybody = self._blame.concerns_account(endpoint("contact_history"), error)
        if everybody or gateway.concerns_every_call(error) or self._in_a_row >= _ENOUGH_FAILED:
            raise error

    def lines(self) -> list[str]:
        """Say how many could not be checked."""
        if not self._count:
            return []
        return [f"{self._count:,} contacts could not be checked: they were left alone. Apply the plan again."]
