"""The scheduled export: what is new, in as few calls as possible, into the store.

Order of a run: lists (their answer also tells the gateway's time), the targets, campaigns, replies,
messages, dlrs, opt-outs, list members, numbers, keywords. What is worth reading is decided in `plan`, read
and stored by one module per family of tables; each hands what it reads to the `pipeline`. Imports all of
`ingest`, and changes nothing in the account.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from smsdata import times
from smsdata.gateway.caller import Caller
from smsdata.gateway.endpoints import SYNCED, endpoint
from smsdata.gateway.progress import Progress, progress_bar
from smsdata.gateway.reads import Drained
from smsdata.ingest import plan, targets
from smsdata.ingest.callbacks import merge_callbacks
from smsdata.ingest.campaigns import (
    campaigns_in,
    look_at_campaigns,
    read_campaigns,
    refresh_answered,
    replaced,
)
from smsdata.ingest.derived import derive_from_messages
from smsdata.ingest.dlrs import DlrRefresh
from smsdata.ingest.link_hits import read_link_hits, read_reported_link_hits
from smsdata.ingest.lists import counters_of_lists, read_daily, read_lists, read_members, stale_members
from smsdata.ingest.lost_files import LostFiles
from smsdata.ingest.messages import messages_to_come, read_messages
from smsdata.ingest.on_demand import read_on_demand
from smsdata.ingest.pipeline import Pipeline
from smsdata.ingest.plan import SyncOptions
from smsdata.ingest.replies import read_lacking_replies, read_replies
from smsdata.ingest.report import Report
from smsdata.ingest.rounds import Night, usual_night
from smsdata.ingest.unlisted import name_unlisted_sends
from smsdata.schema.frames import empty
from smsdata.store.last_run import RunRecord, recorded_run
from smsdata.store.store import Store, open_store

_FAR = datetime(9999, 1, 1, tzinfo=UTC)
_NEEDS = {"dlrs": "campaigns", "optouts": "campaigns", "list_members": "lists"}


def sync(
    client: Caller,
    store: Store | str | Path,
    *,
    tables: Sequence[str] | None = None,
    since: str | datetime | None = None,
    deep: bool = False,
    wait: float = 0.0,
    replay_rejects: bool = False,
    dismiss_rejects: bool = False,
    on_plan: Callable[[Report], None] | None = None,
    **parameters: Any,
) -> Report:
    """Bring the store up to date with the account.

    Parameters
    ----------
    client
        The account.
    store
        The store, or its folder.
    tables
        Only these; tables read on demand (link_hits, contact_history, clients, transactions) only when named.
    since
        From when on the store is to be complete: a duration such as ``"30d"``, or an instant. What is stored
        and proved is not read again. It is remembered: where this run is interrupted, any later one goes on.
    deep
        Read the last 30 days, or from `since`, again whatever is stored and whatever the counters say: two
        changes that cancel each other out in a send's counters show in no other way.
    wait
        Seconds to wait for another run on this store.
    replay_rejects
        Try first to read the rows that earlier runs set aside.
    dismiss_rejects
        Remove the rows that earlier runs set aside and that could not be taken back.
    on_plan
        Called with the report, of which `planned` is filled in, before anything is read but lists and
        campaigns.
    **parameters
        For tables on demand: ``message_id``, ``list_id``, ``msisdn``.

    Returns
    -------
    Report
        Calls and rows per table; `attention` names what could not be read or proved.

    Raises
    ------
    UsageError, ApiError, StoreError, LockedError
        Nothing that was stored is lost by any of them; the next run goes on.
    """
    wanted = _wanted(tables)
    if since is not None:
        times.since(since, _FAR)  # a bare number is refused before anything is done
    options = SyncOptions(
        since=since,
        deep=deep,
        only={name: value for name, value in parameters.items() if value is not None},
        named=set(wanted) != set(SYNCED),
        needed=frozenset(wanted) | {_NEEDS[name] for name in wanted if name in _NEEDS},
    )
    store = open_store(store)
    with store.writing(wait=wait):
        store.bind(client.settings.account, client.settings.base_url)
        with progress_bar("sync", client, told=True) as progress:
            pipeline = Pipeline(client, store, progress)
            tell = partial(_account_for, pipeline.report)
            with recorded_run(store.disk, store.private, whole=not options.named, account_for=tell):
                pipeline.failed.ask_all = deep or options.named
                if replay_rejects:
                    pipeline.odd_rows.take_back()
                if dismiss_rejects:
                    pipeline.report.dismissed = True
                    pipeline.report.note(
                        f"{pipeline.odd_rows.dismiss():,} rows that were set aside are removed."
                    )
                lost = LostFiles(store, wanted, options.start(client.now()) if deep else None)
                _SyncRun(pipeline, options).go(wanted, partial(_tell_plan, progress, on_plan))
                lost.account_for(pipeline.report, client.now())
    return pipeline.report


def _tell_plan(progress: Progress, on_plan: Callable[[Report], None] | None, report: Report) -> None:
    """Say what is to come to the bar, and to whoever wants to know."""
    progress.expect(sum(report.planned.values()))
    if on_plan is not None:
        on_plan(report)


def _account_for(report: Report, run: RunRecord) -> None:
    """Tell the record of a run what it did."""
    run.as_of, run.calls, run.look = report.now, report.calls, list(report.attention)
    run.new = sum(table.new for table in report.tables.values())
    earlier = {} if report.dismissed else run.lasting
    kept = {about: text for about, text in earlier.items() if about not in report.settled}
    run.lasting = kept | report.lasting


def plan_sync(
    client: Caller, store: Store | str | Path, *, since: str | datetime | None = None
) -> dict[str, int]:
    """Say how many calls a sync would make, per table; the store is not changed.

    Lists and campaigns are read for it; what the other tables will take is an estimate.
    """
    if since is not None:
        times.since(since, _FAR)
    store = open_store(store)
    store.bind(client.settings.account, client.settings.base_url)
    with progress_bar("plan", client) as progress:
        pipeline = Pipeline(client, store, progress, keep=False)
        return _SyncRun(pipeline, SyncOptions(since=since, needed=frozenset(SYNCED))).expect()


def look_backs(store: Store | str | Path, now: datetime) -> Night | None:
    """How an account with many sends is looked at: the calls of a usual night, and how long a round takes.

    Made of the sends that are stored, without a call; None where a month of sends is read at every run.
    """
    return usual_night(targets.sends_kept(open_store(store), now), now)


def _wanted(tables: Sequence[str] | None) -> list[str]:
    names = list(tables) if tables is not None else list(SYNCED)
    for name in names:
        endpoint(name)
    return names


class _SyncRun:
    """One run of sync: the order of its reads, and what one hands to the next."""

    def __init__(self, pipeline: Pipeline, options: SyncOptions) -> None:
        self.pipeline = pipeline
        self.client = pipeline.client
        self.report = pipeline.report
        self.options = options
        self.dlrs = DlrRefresh(pipeline, options)
        self.campaigns = empty("campaigns")  # whose counters this run has read
        self.lists: Drained | None = None
        self._before = self.client.calls_of.copy()

    def go(self, wanted: Sequence[str], on_plan: Callable[[Report], None]) -> None:
        """Read every wanted table, in the order in which one needs another."""
        needed = self.options.needed
        steps: list[tuple[set[str], Callable[[], None]]] = [
            ({"lists"}, self._read_lists),
            (set(needed), lambda: targets.set_out(self.pipeline, self.options)),
            ({"campaigns"}, self._read_campaigns),
            (set(SYNCED), lambda: self._announce(on_plan)),
            ({"replies"}, self._read_replies),
            ({"messages"}, self._read_messages),
            ({"dlrs", "optouts"}, self._refresh_dlrs),
            ({"lists"}, self._store_lists),
            ({"numbers"}, lambda: read_daily(self.pipeline, self.options, "numbers")),
            ({"keywords"}, lambda: read_daily(self.pipeline, self.options, "keywords")),
        ]
        try:
            targets.remember_asked(self.pipeline, self.options)
            if "lists" not in needed or "lists" in self.pipeline.state.failures:
                # else their answer tells the gateway's time
                self.client.ask_now()
            for tables, step in steps:
                if tables & needed:
                    step()
            for name in wanted:
                if name == "link_hits" and not self.options.one_send:
                    read_link_hits(self.pipeline, self.options.start(self.client.now()))
                elif name not in SYNCED:
                    read_on_demand(self.pipeline, self.options, name)
            self._merge_callbacks()
            if "messages" in needed and "dlrs" not in needed:
                self.report.note("messages: statuses were not refreshed; those follow from dlrs.")
            self.pipeline.finish()
        finally:
            self._count_calls()
            self.report.now = self.client.now().isoformat()
            self.pipeline.close()

    def expect(self) -> dict[str, int]:
        """Say how many calls a sync would make, per table; make only those for lists and campaigns."""
        self._read_lists()
        targets.set_out(self.pipeline, self.options)
        self.campaigns = look_at_campaigns(self.pipeline, self.options)
        return self._planned()

    def _read_lists(self) -> None:
        """Lists come first: their answer tells the gateway's time, and they are stored with their members."""
        self.lists = read_lists(self.pipeline)

    def _read_campaigns(self) -> None:
        self.campaigns = read_campaigns(self.pipeline, self.options)
        targets.finish(self.pipeline, self.options, "campaigns")
        read_reported_link_hits(self.pipeline)

    def _announce(self, on_plan: Callable[[Report], None]) -> None:
        """Say what is to come, once lists and campaigns are read: all else follows from those."""
        self.report.planned = self._planned()
        on_plan(self.report)

    def _read_replies(self) -> None:
        read_replies(self.pipeline)
        answered = refresh_answered(self.pipeline, self.campaigns)
        self.campaigns = pa.concat_tables([self.campaigns, answered])
        read_lacking_replies(self.pipeline, self.campaigns)
        targets.finish(self.pipeline, self.options, "replies")

    def _read_messages(self) -> None:
        read_messages(self.pipeline, campaigns_in(self.campaigns))
        name_unlisted_sends(self.pipeline, self.options)
        targets.finish(self.pipeline, self.options, "messages")

    def _refresh_dlrs(self) -> None:
        again = derive_from_messages(self.pipeline, self.options, self.campaigns)
        if again.num_rows:
            self.campaigns, answered = replaced(self.campaigns, again)
            if "replies" in self.options.needed and answered.num_rows:
                read_lacking_replies(self.pipeline, answered)
            self.dlrs = DlrRefresh(self.pipeline, self.options)
        self.dlrs.carry_out(campaigns_in(self.campaigns), self.campaigns)
        targets.finish(self.pipeline, self.options, "dlrs", "optouts")

    def _store_lists(self) -> None:
        if self.lists is None:
            return
        if "list_members" in self.options.needed:
            read_members(self.pipeline, self.options, self.lists)
        if not self.lists.batch.rejects:
            self.pipeline.state.mark_read("lists", self.lists.seen_at)
        self.pipeline.store_snapshot(self.lists)

    def _merge_callbacks(self) -> None:
        """Last: by now the sends that callbacks tell of are stored."""
        merge_callbacks(self.pipeline.store, self.report, datetime.now(UTC), self.client.settings.secret)

    # ---- calls -----------------------------------------------------------------------------------

    def _planned(self) -> dict[str, int]:
        """The calls that were made for lists and campaigns, and those that the other tables will take."""
        spent = self.client.calls_of - self._before
        now = self.client.now()
        campaigns = campaigns_in(self.campaigns)
        counters = counters_of_lists(self.lists) if self.lists else {}
        stale = stale_members(self.pipeline, self.options, self.lists) if self.lists else []
        expected = {name: spent[name] for name in ("lists", "campaigns")} | plan.expected_calls(
            self.dlrs.steps(campaigns),
            [counters[list_id] for list_id in stale],
            messages_to_come(self.pipeline, campaigns),
            self.pipeline.state,
            now,
            with_messages="messages" in self.options.needed,
        )
        shown = set(self.options.needed)
        if "campaigns" not in shown:  # how many messages there are only the campaigns tell
            shown -= {"messages"}
        return {name: calls for name, calls in expected.items() if name in shown}

    def _count_calls(self) -> None:
        spent = self.client.calls_of - self._before
        for name, calls in spent.items():
            asked_for = "campaigns" if "campaigns" in self.options.needed else "link_hits"
            table = {"get-sms-stats": asked_for, "campaign_replies": "replies"}.get(name, name)
            if name != "get-balance":  # asked for the time
                self.report.of(table).calls += calls
        self.report.calls = spent.total()
