"""Put back what a run removed, as far as the gateway allows and nobody asked to be left alone.

Owns the advice where the gateway refuses. Imports of smsdata only `gateway`, `analysis`, `store`, `schema`,
`errors` and, within hygiene, changes, rereading, run_journal and withdrawals.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pandas as pd

from smsdata.analysis.opt_outs import OptedOut, opted_out
from smsdata.errors import ApiError, DrainError, RowError, SafetyError
from smsdata.gateway.caller import Caller
from smsdata.gateway.client import drain
from smsdata.hygiene import changes as gateway
from smsdata.hygiene.changes import TRIES, Contact, one_list
from smsdata.hygiene.rereading import RepliesHeard, count_again, read_again
from smsdata.hygiene.run_journal import (
    Entry,
    HygieneReport,
    Outcome,
    RunJournal,
    exclusive,
    lacking,
    named_for,
    record_suppressions,
)
from smsdata.hygiene.withdrawals import INACTIVE, NOT_ASKED, asked_again
from smsdata.schema.kinds import STAND_IN
from smsdata.store.store import Store, open_store

_NOT_LOOKED_UP = "it could not be looked up"
_BEFORE = "it was put back before"

ADVICE = {
    "OPTOUT": "it opted out: only its owner can join again, by a keyword, a form or START",
    "DUPLICATE_DELETED": "the gateway keeps deleted numbers out of this list: add it to another list, "
    "or ask the provider to restore it",
    "BAD_MOBILE": "the gateway does not take the number: correct it by hand",
    "BAD_MOBILE_COUNTRY": "the account may not send to its country: ask the provider",
    "NOT_FOUND": "the list is gone: make one and import the contact",
}
"""What a person can do where the gateway refuses to put a contact back."""

UNCLEAR = "an opt-out lacks the country of its number and may be about it"

_NOT_BACK = {
    INACTIVE: "not active on a list: look at each in the gateway; who did not opt out is made active there "
    "by hand, which no call does",
    UNCLEAR: "left alone, since an opt-out lacks the country of its number and may be theirs: `smsdata audit "
    "--out FOLDER` shows it; who it is not about is added by hand",
    NOT_ASKED: "not to be asked about: undo again",
    _NOT_LOOKED_UP: "not to be looked up: undo again",
}
"""What to do about those who were not put back, by the beginning of the reason."""

_NOBODY = "its journal names nobody: it changed nothing, or the store is older than it. Nothing was put back."


def undo(
    run: str,
    client: Caller,
    store: Store | str | Path,
    *,
    dry_run: bool = True,
    wait: float = 0.0,
    on_step: Callable[[int, int], None] | None = None,
) -> HygieneReport:
    """Put the contacts of a run back on their lists with names and custom fields.

    Parameters
    ----------
    run
        The name of the run, as `apply` reported it.
    client, store
        The account and its store.
    dry_run
        True, the default: look, and change nothing.
    wait
        Seconds to wait for another process that writes the store.
    on_step
        Called after each contact with how many are done, and how many there are.

    Returns
    -------
    HygieneReport
        Per contact: done, skipped (there is any evidence of an opt-out, in the store or at the gateway: from
        any list, any send, in a reply since; that could not be asked; it is on the list already; it was put
        back before; the run opted it out, which stays), refused (with what to do; also whom the table
        suppressions does not name for the run), or unknown. The date of joining is a new one.

    Raises
    ------
    UsageError
        There is no such run.
    SafetyError
        The run belongs to another account, or its journal does not agree with the table suppressions.
    """
    store = open_store(store)
    journal = RunJournal(store, run)
    if journal.about()["account"] != client.settings.account:
        raise SafetyError(f"run {run} changed another account; nothing was put back.")
    with exclusive(client, store, wait, dry_run=dry_run):
        began = client.calls
        lists = drain(client, "lists")
        labels = {one: json.loads(text) for one, text in zip(lists["list_id"], lists["fields"], strict=True)}
        undoing = _Undoing(client, store, journal, labels, _named(journal, store), dry_run=dry_run)
        todo = [entry for _, entry in sorted(journal.entries.items()) if entry.removed]
        undoing.ask_about(todo, lists)
        undoing.note_earlier()
        with nullcontext() if dry_run else journal.changing(f"smsdata undo {run}", undoing.report):
            for done, entry in enumerate(todo, start=1):
                undoing.report.add(entry.list_id, entry.msisdn, *undoing.one(entry))
                if on_step:
                    on_step(done, len(todo))
            undoing.report.attention += not_put_back(undoing.report)
            if not dry_run:
                record_suppressions(store, client.now(), [journal], only_named=True)
        if not dry_run:
            touched = sorted({entry.list_id for entry in journal.entries.values()} & set(labels))
            for list_id in touched:
                read_again(client, store, one_list(list_id))
            count_again(client, store, touched)
        undoing.report.attention += undoing.replies.lines()
        undoing.report.calls = client.calls - began
    return undoing.report


def not_put_back(report: HygieneReport) -> list[str]:
    """Say of how many contacts that were not put back a person has to take care, and how."""
    reasons = Counter(report.rows.loc[report.rows["outcome"] == "skipped", "reason"])
    told = []
    for reason, words in _NOT_BACK.items():
        count = sum(n for one, n in reasons.items() if one.startswith(reason))
        told += [f"{count:,} contacts were not put back: {words}."] if count else []
    return told


def _named(journal: RunJournal, store: Store) -> set[tuple[int, str]]:
    """Give whom the table suppressions names for the run; refuse a run that is not what the table says.

    The journal alone is no proof: one changed digit in it would put a stranger on a list.
    """
    named, missing = named_for(journal.run, store), lacking(journal, store)
    if missing:
        raise SafetyError(
            f"run {journal.run} is damaged: its journal lacks {len(missing):,} of the {len(named):,} "
            "contacts that the table suppressions names for it. Nothing was put back."
        )
    changed = [entry for entry in journal.entries.values() if entry.state != "refused"]
    if changed and not named:
        raise SafetyError(
            f"run {journal.run} is unknown to the table suppressions: nothing was put back. If it was cut "
            "off, apply its plan again first."
        )
    return named


class _Undoing:
    """One undoing."""

    def __init__(
        self,
        client: Caller,
        store: Store,
        journal: RunJournal,
        labels: Mapping[int, Mapping[str, str]],
        named: set[tuple[int, str]],
        *,
        dry_run: bool,
    ) -> None:
        self.client = client
        self.store = store
        self.journal = journal
        self.labels = labels
        self.named = named
        self.dry_run = dry_run
        self.report = HygieneReport(journal.run, dry_run)
        self.replies = RepliesHeard(client, store)
        self.against: dict[str, str] = {}
        self.told: OptedOut | None = None

    def note_earlier(self) -> None:
        """Count whom an earlier undoing put back, so that the report adds up to the run."""
        for _, entry in sorted(self.journal.entries.items()):
            if entry.state == "undone":
                self.report.add(entry.list_id, entry.msisdn, "skipped", _BEFORE)
        if not self.journal.entries:
            self.report.attention.append(_NOBODY)

    def ask_about(self, entries: Iterable[Entry], lists: pd.DataFrame) -> None:
        """Find out who opted out: from the store and the replies since; of the others from the gateway."""
        self.told = opted_out(self.store, self.replies.listen())
        self.against = dict.fromkeys(left_alone(self.store, self.told), "there is evidence of an opt-out")
        about = {entry.msisdn for entry in entries if not self._objection(entry)}
        self.against |= asked_again(self.client, self.store, about, lists)

    def _objection(self, entry: Entry) -> tuple[Outcome, str] | None:
        """What speaks against putting a contact back, as far as is known without looking it up."""
        key = (entry.list_id, entry.msisdn)
        if key not in self.named or (entry.contact.get("list_id"), entry.contact.get("msisdn")) != key:
            return "refused", "the table suppressions does not name it for this run: it is never added"
        if STAND_IN.fullmatch(entry.msisdn):
            return "skipped", "its number is forgotten"
        if entry.action != "delete":
            return "skipped", "an opt-out stays"
        if entry.msisdn in self.against:
            return "skipped", self.against[entry.msisdn]
        if self.told is not None and self.told.may_be(entry.msisdn):
            return "skipped", UNCLEAR
        return None

    def one(self, entry: Entry) -> tuple[Outcome, str]:
        """Put one contact back, if nothing speaks against it."""
        if (objection := self._objection(entry)) is not None:
            return objection
        try:
            if not self.dry_run:
                self.replies.read_on()
            if unread := self.replies.unread_of(entry.msisdn):
                return "skipped", unread
            if self.replies.of(entry.msisdn):
                return "skipped", "a reply came just now: undo again"
            there = gateway.find(self.client, one_list(entry.list_id), entry.msisdn)
        except (ApiError, DrainError, RowError) as error:
            return _after_failed_lookup(error)
        if there is not None:
            return self._there(entry, there)
        return ("planned", "") if self.dry_run else self._add(entry)

    def _there(self, entry: Entry, there: Contact) -> tuple[Outcome, str]:
        """The contact is on its list, by this undoing or by somebody else."""
        if not gateway.is_active(there):
            return "skipped", INACTIVE
        if self.journal.settle(entry, there, self.client.now(), dry_run=self.dry_run):
            return self._back(entry, there)
        return "skipped", "it is on the list again"

    def _add(self, entry: Entry) -> tuple[Outcome, str]:
        entry.state = "undo-intent"
        self.journal.write(entry)
        contact = entry.contact | {"list_id": one_list(entry.list_id)}
        for _ in range(TRIES):
            try:
                gateway.add_back(self.client, contact, self.labels.get(entry.list_id, {}))
            except ApiError as error:
                if gateway.concerns_every_call(error):
                    raise
                refused = error.code if gateway.was_refused(error) and error.code != "KEY_EXISTS" else ""
            else:
                refused = ""
            try:  # also after a refusal: some gateways refuse what they have done
                there = gateway.find(self.client, one_list(entry.list_id), entry.msisdn)
            except (ApiError, RowError):
                return "unknown", "no usable answer came; undo again"
            if there is not None:
                return self._there(entry, there)
            if refused:
                return self._refused(entry, refused)
        return "unknown", "no usable answer came; the contact was not there each time"

    def _refused(self, entry: Entry, code: str) -> tuple[Outcome, str]:
        entry.state, entry.note = "done", code
        self.journal.write(entry)
        return "refused", f"{code}: {ADVICE.get(code, 'see the gateway')}"

    def _back(self, entry: Entry, there: Contact) -> tuple[Outcome, str]:
        """The contact is on its list: say whether it is what it was."""
        lost = _lost(entry.contact, there)
        if lost:
            self.report.attention.append(f"row {entry.row}: could not be restored: {', '.join(lost)}.")
        return "done", ""


def _lost(before: Mapping[str, Any], there: Contact) -> list[str]:
    """Which names and fields of a contact did not come back."""
    names = [n for n in ("first_name", "last_name") if (before[n] or "") != (there[n] or "")]
    was, now = json.loads(before["fields"] or "{}"), json.loads(there["fields"] or "{}")
    kept = {label: "" if value is None else str(value) for label, value in now.items()}
    return names + [
        f"field {label}"
        for label, value in was.items()
        if kept.get(label, "") != ("" if value is None else str(value))
    ]


def _after_failed_lookup(error: ApiError | DrainError | RowError) -> tuple[Outcome, str]:
    if isinstance(error, ApiError) and (error.retryable or gateway.concerns_every_call(error)):
        raise error
    return "skipped", f"{_NOT_LOOKED_UP} ({error.code})"


def left_alone(store: Store, told: OptedOut) -> set[str]:
    """Tell which numbers there is any evidence of an opt-out for, certain or not, withdrawn or not."""
    ours = store.read("suppressions", columns=["msisdn", "action"])
    return set(told.evidence["msisdn"]) | set(ours.loc[ours["action"] == "optout", "msisdn"])
