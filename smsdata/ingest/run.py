"""The scheduled export: what is new, in as few calls as possible, into the store.

Order of a run: lists (their answer also tells the gateway's time), campaigns, replies, messages, dlrs,
opt-outs, list members, numbers, keywords. Every batch goes journal -> merge -> cursor, so that a run
may die at any instant. The decisions are in `planner`; here they are carried out. Imports `drain`,
`intake`, `planner`, `frames` and `endpoints`; changes nothing in the account.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.errors import ApiError, DrainError, UsageError
from smsdata.gateway.caller import Caller, whole
from smsdata.gateway.client import progress
from smsdata.gateway.endpoints import SYNCED, endpoint
from smsdata.gateway.reader import ABOUT_ONE_THING, Drained, Read, Unread, members, windows
from smsdata.ingest import plan as planner
from smsdata.ingest.pipeline import Intake, Report
from smsdata.ingest.plan import Campaign, Refresh
from smsdata.schema.counters import Stored, agrees, counters_in
from smsdata.schema.frames import empty, schema, stamped, with_column
from smsdata.store.store import Store, open_store
from smsdata.times import instant
from smsdata.times import since as begin

_FAR = datetime(9999, 1, 1, tzinfo=UTC)
_SEND = ["message_id"]
_NEEDS = {"dlrs": "campaigns", "optouts": "campaigns", "list_members": "lists"}
_STATS = {
    "pending": "pending", "delivered": "delivered", "soft_bounced": "soft_bounced",
    "hard_bounced": "hard_bounced", "optouts": "opt-outs", "responses": "responses",
}  # fmt: skip
_ON_DEMAND = {"message_id": "message_id", "list_id": "list_id", "mobile": "msisdn"}


def sync(
    client: Caller,
    store: Store | str | Path,
    *,
    tables: Sequence[str] | None = None,
    since: str | datetime | None = None,
    deep: bool = False,
    wait: float = 0.0,
    replay_rejects: bool = False,
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
        Where messages, dlrs and replies begin, if that is before the cursor: a duration such as ``"30d"``,
        or an instant.
    deep
        Read the dlrs of the last 30 days, or from `since`, again whatever the counters say: two changes
        that cancel each other out in a send's counters show in no other way.
    wait
        Seconds to wait for another run on this store.
    replay_rejects
        Try first to read the rows that earlier runs set aside.
    on_plan
        Called with the report, of which `planned` is filled in, before anything is read but lists and
        campaigns.
    **parameters
        For tables on demand: ``message_id``, ``list_id``, ``msisdn``.

    Returns
    -------
    Report
        Calls and rows per table; `look` names what could not be read or proved.

    Raises
    ------
    UsageError, ApiError, StoreError, LockedError
        Nothing that was stored is lost by any of them; the next run goes on.
    """
    wanted = _wanted(tables)
    if since is not None:
        begin(since, _FAR)  # a bare number is refused before anything is done
    store = open_store(store)
    with store.writing(wait=wait):
        store.bind(client.settings.account, client.settings.base_url)
        with progress("sync", client) as on_page:
            run = _Run(client, Intake(client, store, on_page), since=since, deep=deep, given=parameters)
            if replay_rejects:
                run.replay()
            run.go(wanted, on_plan or (lambda _report: None))
    return run.report


def plan(client: Caller, store: Store | str | Path, *, since: str | datetime | None = None) -> dict[str, int]:
    """Say how many calls a sync would make, per table; the store is not changed.

    Lists and campaigns are read for it; what the other tables will take is an estimate.
    """
    store = open_store(store)
    store.bind(client.settings.account, client.settings.base_url)
    with progress("plan", client) as on_page:
        return _Run(client, Intake(client, store, on_page, keep=False), since=since).plan().planned


def _wanted(tables: Sequence[str] | None) -> list[str]:
    names = list(tables) if tables is not None else list(SYNCED)
    for name in names:
        endpoint(name)
    return names


class _Run:
    """One run of sync."""

    def __init__(
        self,
        client: Caller,
        intake: Intake,
        *,
        since: str | datetime | None = None,
        deep: bool = False,
        given: Mapping[str, Any] | None = None,
        needed: Iterable[str] = SYNCED,
    ) -> None:
        self.client = client
        self.intake = intake
        self.store = intake.store
        self.state = intake.state
        self.report = intake.report
        self.since = since
        self.deep = deep
        self.given = {k: v for k, v in (given or {}).items() if v is not None}
        self.needed = set(needed)
        self.fresh_campaigns = empty("campaigns")
        self.lists: Drained | None = None
        self.named = False  # whether certain tables were asked for
        self.before = client.calls_of.copy()
        self._counts: tuple[datetime, dict[int, Stored]] | None = None

    def go(self, wanted: Sequence[str], on_plan: Callable[[Report], None]) -> None:
        """Read every wanted table, in the order in which one needs another."""
        self.named = set(wanted) != set(SYNCED)
        needed = self.needed = set(wanted) | {_NEEDS[name] for name in wanted if name in _NEEDS}
        steps: list[tuple[set[str], Callable[[], None]]] = [
            ({"lists"}, self._read_lists),
            ({"campaigns"}, self._campaigns),
            (set(SYNCED), lambda: self._announce(on_plan)),
            ({"replies"}, self._replies),
            ({"messages"}, self._messages),
            ({"dlrs", "optouts"}, self._dlrs),
            ({"lists"}, lambda: self._lists("list_members" in needed)),
            ({"numbers"}, lambda: self._daily("numbers")),
            ({"keywords"}, lambda: self._daily("keywords")),
        ]
        try:
            if "lists" not in needed:  # whose answer else tells the gateway's time
                self.client.ask_now()
            for tables, step in steps:
                if tables & needed:
                    step()
            for name in wanted:
                if name not in SYNCED:
                    self._on_demand(name)
            if "messages" in needed and "dlrs" not in needed:
                self.intake.note("messages: statuses were not refreshed; those follow from dlrs.")
            self.intake.finish()
        finally:
            self._count_calls()
            self.report.now = self.client.now().isoformat()
            self.intake.close()

    def replay(self) -> None:
        """Try again to read the rows that were set aside; those that can be read now are stored."""
        back: Counter[str] = Counter()
        for path, told in self.store.rejects.all().items():
            entry = endpoint(told["endpoint"])
            seen_at = instant(told["seen_at"])
            batch = entry.batch([told["raw"]], synced_at=seen_at, context=told["context"])
            if not batch.rejects:
                self.store.merge(entry.table.name, batch.rows)
                self.store.disk.remove(path)
                back[entry.table.name] += 1
        for table, count in back.items():
            self.intake.note(f"{table}: {count} rows that were set aside are taken back.")

    def _count_calls(self) -> None:
        spent = self.client.calls_of - self.before
        for name, calls in spent.items():
            table = {"get-sms-stats": "campaigns"}.get(name, name)
            if name != "get-balance":  # asked for the time
                self.report.of(table).calls += calls
        self.report.calls = spent.total()

    def plan(self) -> Report:
        """Say how many calls a sync would make; make only those for lists and campaigns."""
        self._read_lists()
        now = self.client.now()
        reads = windows(Read(endpoint("campaigns")), self._report_start(now), now)
        drained = [self.intake.noted(outcome) for outcome in self.intake.reader.each(reads)]
        self.fresh_campaigns = pa.concat_tables([empty("campaigns"), *(d.rows for d in drained if d)])
        self._announce(lambda _report: None)
        return self.report

    def _announce(self, on_plan: Callable[[Report], None]) -> None:
        """Say what is to come, once lists and campaigns are read: all else follows from those.

        How many messages there are only the campaigns tell.
        """
        spent = self.client.calls_of - self.before
        expected = {name: spent[name] for name in ("lists", "campaigns")} | self._expected()
        told = self.needed - ({"messages"} if "campaigns" not in self.needed else set())
        self.report.planned = {name: calls for name, calls in expected.items() if name in told}
        on_plan(self.report)

    def _expected(self) -> dict[str, int]:
        steps = self._refreshes()
        lists = {row["list_id"]: row for row in (self.lists.rows.to_pylist() if self.lists else [])}
        stale = self._stale_lists(self.lists) if self.lists else []
        start = self._start("messages", self.client.now())
        sent = sum(c.recipients for c in self._campaigns_now() if c.sent_at >= start)
        return {
            "replies": 1,
            "messages": planner.pages(sent) + 1,
            "dlrs": sum(step.calls for step in steps if step.way in {"parts", "full"}),
            "optouts": sum(step.calls for step in steps if step.way == "optouts"),
            "list_members": sum(planner.member_pages(*_list_counters(lists[i])) for i in stale),
            "numbers": int(self._due("numbers", planner.DAY)),
            "keywords": int(self._due("keywords", planner.DAY)),
        }

    # ---- one table after the other ---------------------------------------------------------------

    def _read_lists(self) -> None:
        """Lists come first: their answer tells the gateway's time, and they are stored with their members."""
        outcome = self.intake.one(Read(endpoint("lists")))
        self.lists = outcome if isinstance(outcome, Drained) else None

    def _campaigns(self) -> None:
        now = self.client.now()
        start = self._report_start(now)
        rows = [d.rows for d in self.intake.window("campaigns", start, now) if d is not None]
        self.fresh_campaigns = pa.concat_tables([empty("campaigns"), *rows])
        if now - start >= planner.HORIZON and not self.report.of("campaigns").unproved:
            self.state["weekly"] = now.isoformat()

    def _report_start(self, now: datetime) -> datetime:
        start = planner.report_window(now, self.intake.cursor("campaigns"), self._at("weekly"))
        return min(start, begin(self.since, now)) if self.since is not None else start

    def _replies(self) -> None:
        now = self.client.now()
        start = self._replies_start(now)
        window = self.intake.window("replies", start, now, margin=planner.MARGIN, resume=True)
        rows = [d.rows for d in (*self.intake.again("replies"), *window) if d is not None]
        new = pa.concat_tables([empty("replies"), *rows])
        self._counters_of_answered(new)

    def _replies_start(self, now: datetime) -> datetime:
        """At the cursor, or earlier if asked; but never before what the gateway keeps: it refuses that."""
        oldest = now - planner.HORIZON
        cursor = self.intake.cursor("replies") or oldest
        if cursor < oldest:
            self.report.look.append(
                f"replies: those of {cursor:%Y-%m-%d} to {oldest:%Y-%m-%d} were never read and are gone: "
                "the gateway keeps 12 months. Run `smsdata sync` more often."
            )
        asked = begin(self.since, now) if self.since is not None else cursor
        return max(oldest, min(cursor, asked))

    def _counters_of_answered(self, replies: pa.Table) -> None:
        """A reply to a campaign that the report no longer covers: read that campaign's counters."""
        covered = set(self.fresh_campaigns.column("message_id").to_pylist())
        answered = {i for i in replies.column("message_id").to_pylist() if i is not None} - covered
        if not answered or "campaigns" not in self.report.tables:
            return
        wanted = pa.table({"message_id": pa.array(sorted(answered), pa.int64())})
        stored = self.store.tables.rows_sharing("campaigns", wanted, "message_id")
        if not stored.num_rows:
            return
        told = {i: self._counters_of(i) for i in stored.column("message_id").to_pylist()}
        counted = {i: counters for i, counters in told.items() if counters}
        stored = stored.filter(
            pc.is_in(stored.column("message_id"), value_set=pa.array(list(counted), pa.int64()))
        )
        for place, name in enumerate(_STATS):
            values = [counted[i][place] for i in stored.column("message_id").to_pylist()]
            stored = with_column(stored, name, pa.array(values, pa.int64()))
        stored = stamped(stored, "synced_at", self.client.now())
        self.store.merge("campaigns", stored)
        self.fresh_campaigns = pa.concat_tables([self.fresh_campaigns, stored])

    def _counters_of(self, message_id: int) -> list[int]:
        """One campaign's counters, as `_STATS` names them; none where the gateway does not tell them all."""
        stats: Mapping[str, Any] = {}
        try:
            stats = self.client.call("get-sms-stats", message_id=message_id)["stats"]
        except ApiError as error:
            if error.code not in ABOUT_ONE_THING:
                raise
        told = [whole(stats.get(name)) if isinstance(stats, dict) else None for name in _STATS.values()]
        counters = [count for count in told if count is not None]
        if len(counters) == len(told):
            return counters
        self.intake.note(f"campaigns: {message_id} was answered, but the gateway does not tell its counters.")
        return []

    def _messages(self) -> None:
        now = self.client.now()
        start = self._start("messages", now)
        self.state["first_messages"] = min(start, self._at("first_messages") or start).isoformat()
        for _ in self.intake.again("messages"):
            pass
        for _ in self.intake.window("messages", start, now, margin=planner.MARGIN, resume=True):
            pass
        self._late_messages(now)

    def _late_messages(self, now: datetime) -> None:
        """Read around the campaigns of which fewer messages are stored than their counters add up to."""
        first = self._first("messages")
        reads, watched = [], []
        stored = self._stored_messages(first)
        for campaign in self._campaigns_now():
            known = self.state["remembered"].get(f"late-{campaign.message_id}")
            have = stored.get(campaign.message_id, 0)
            if campaign.sent_at >= first and planner.lacks_messages(
                campaign, have, now=now, remembered=known
            ):
                end = min(now, campaign.sent_at + timedelta(hours=1))
                begin = campaign.sent_at - timedelta(minutes=5)
                reads.append(Read(endpoint("messages"), start=begin, end=end))
                watched.append(campaign)
        for _ in self.intake.stored("messages", _joined(reads)):
            pass
        if watched:
            again = self._stored_messages(first)
            for campaign in watched:
                lacks = again.get(campaign.message_id, 0) < campaign.recipients
                if lacks and campaign.sent_at < now - planner.SETTLED:
                    self.state["remembered"][f"late-{campaign.message_id}"] = campaign.counters
            self.store.save_state()

    def _dlrs(self) -> None:
        self._carry_out(self._refreshes(), "optouts" in self.needed)

    def _refreshes(self) -> list[Refresh]:
        """What has to be read of each campaign, by its counters and what is stored."""
        now = self.client.now()
        first = self._first("dlrs") if "dlrs" in self.needed else now
        stored = self._stored_dlrs()
        steps = [
            _refresh(
                campaign,
                stored.get(campaign.message_id, Stored()),
                campaign.sent_at >= first,
                self.state["remembered"],
                self._deep(campaign, now),
            )
            for campaign in self._asked_for()
        ]
        return [step for step in steps if step]

    def _asked_for(self) -> list[Campaign]:
        """The campaigns that the report covers, or the one that was asked for."""
        campaigns, only = self._campaigns_now(), self.given.get("message_id")
        if only is None:
            return campaigns
        found = [campaign for campaign in campaigns if campaign.message_id == int(only)]
        if not found:
            raise UsageError(f"no send {only} in the last 30 days; give --since from before it was sent.")
        return found

    def _deep(self, campaign: Campaign, now: datetime) -> bool:
        start = begin(self.since, now) if self.since is not None else now
        return self.deep and campaign.sent_at >= min(start, now - planner.LOOK_BACK)

    def _carry_out(self, plan: Sequence[Refresh], optouts: bool) -> None:
        """Refresh the campaigns, in batches small enough for memory."""
        self._derive([step.campaign for step in plan if step.way == "derive"], {"dlrs", "optouts"})
        steps = [step for step in plan if step.way in {"parts", "full"}]
        fallback = self._refresh([s for s in steps if s.way == "parts"], _part_reads, self._from_parts)
        full = [replace(s, way="full") for s in steps if s.way == "full" or s.campaign in fallback]
        self._refresh(full, _full_read, self._from_full)
        if optouts:
            by_parts = [s for s in steps if s.way == "parts" and s.campaign not in fallback]
            due = [s for s in plan if s.way == "optouts"] + [s for s in by_parts if self._lacks_optouts(s)]
            self._derive([s.campaign for s in due if s.campaign.derivable], {"optouts"})
            reads = [s for s in due if not s.campaign.derivable]
            self._refresh(reads, _optout_read, self._from_optouts)
        self.intake.commit([])

    def _refresh(
        self,
        steps: Sequence[Refresh],
        reads_of: Callable[[Campaign], list[Read]],
        store: Callable[[Campaign, list[Drained]], bool],
    ) -> list[Campaign]:
        """Make the reads of many campaigns, store each campaign's as they are complete.

        Gives the campaigns that have to be read in another way.
        """
        again: list[Campaign] = []
        plan = [(step.campaign, reads_of(step.campaign)) for step in steps]
        outcomes = self.intake.reader.each(read for _, reads in plan for read in reads)
        done: list[str] = []
        for campaign, reads in plan:
            came = [next(outcomes) for _ in reads]
            good = [self.intake.noted(outcome) for outcome in came]
            if any(one is None for one in good) or not store(campaign, [g for g in good if g]):
                again.append(campaign)
            done += [read.name() for read in reads]
            if self.intake.full:
                self.intake.commit(done)
                done = []
        self.intake.commit(done)
        return again

    def _lacks_optouts(self, step: Refresh) -> bool:
        campaign = step.campaign
        return planner.lacks_optouts(campaign, self._stored_dlrs().get(campaign.message_id, Stored()))

    def _derive(self, campaigns: Sequence[Campaign], tables: set[str]) -> None:
        """A send to one recipient needs no call: its report row says it all."""
        if not campaigns:
            return
        wanted = pa.array([c.message_id for c in campaigns], pa.int64())
        rows = self.fresh_campaigns.filter(
            pc.is_in(self.fresh_campaigns.column("message_id"), value_set=wanted)
        )
        status = pc.if_else(
            pc.equal(rows.column("delivered"), 1),
            "delivered",
            pc.if_else(
                pc.equal(rows.column("hard_bounced"), 1),
                "hard-bounce",
                pc.if_else(pc.equal(rows.column("soft_bounced"), 1), "soft-bounce", "pending"),
            ),
        )
        made = {"status": status, "optout": pc.greater(rows.column("optouts"), 0)}
        if "dlrs" in tables:
            self.intake.gather("dlrs", _shaped("dlrs", rows, made))
        self.intake.gather("optouts", _shaped("optouts", rows.filter(made["optout"]), {}))

    def _from_full(self, campaign: Campaign, drained: list[Drained]) -> bool:
        rows = drained[0].rows
        self.intake.gather("dlrs", rows)
        self.intake.gather("optouts", _shaped("optouts", rows.filter(rows.column("optout")), {}))
        self._remember(campaign, drained[0])
        return True

    def _remember(self, campaign: Campaign, drained: Drained) -> None:
        """Remember counters that even a full read does not bear out, so that it is not repeated."""
        have = _counted_rows(drained.rows)
        settled = agrees(campaign, have) and have.flags >= campaign.optouts
        self.state["remembered"].pop(str(campaign.message_id), None)
        if self.intake.odd(drained) or settled or drained.resumed:
            return
        self.state["remembered"][str(campaign.message_id)] = campaign.counters
        if campaign.sent_at < self.client.now() - planner.SETTLED:  # else they just moved meanwhile
            self.report.look.append(
                f"dlrs of campaign {campaign.message_id}: a complete read does not add up to the report's "
                "counters. It is read again when they move; `smsdata verify` lists it."
            )

    def _of_send(self, campaign: Campaign) -> pa.Table:
        """The stored dlrs of a campaign."""
        wanted = pa.table({"message_id": pa.array([campaign.message_id], pa.int64())})
        return self.store.tables.rows_sharing("dlrs", wanted, "message_id")

    def _from_parts(self, campaign: Campaign, drained: list[Drained]) -> bool:
        """Pending and failed were read; all others were delivered, if all four counters then match."""
        read = pa.concat_tables([empty("dlrs"), *(d.rows for d in drained)])
        stored = self._of_send(campaign)
        others = stored.join(read.select(["msisdn"]), keys="msisdn", join_type="left anti").select(
            stored.column_names
        )
        seen = max((d.seen_at for d in drained), default=self.client.now())
        delivered = with_column(others, "status", pa.repeat("delivered", others.num_rows))
        whole = pa.concat_tables([read, delivered.cast(read.schema)])
        if not agrees(campaign, _counted_rows(whole)):
            return False
        moved = others.filter(pc.not_equal(others.column("status"), "delivered"))
        moved = with_column(moved, "status", pa.repeat("delivered", moved.num_rows))
        moved = stamped(moved, "synced_at", seen)
        self.intake.gather("dlrs", pa.concat_tables([read, moved.cast(read.schema)]))
        self.state["remembered"].pop(str(campaign.message_id), None)
        return True

    def _from_optouts(self, campaign: Campaign, drained: list[Drained]) -> bool:
        rows = drained[0].rows
        self.intake.gather("optouts", rows)
        name = str(campaign.message_id)
        stored = self._of_send(campaign)
        flagged = stored.join(rows.select(["msisdn"]), keys="msisdn", join_type="left semi").select(
            stored.column_names
        )
        self.intake.gather(
            "dlrs", with_column(flagged, "optout", pa.repeat(True, flagged.num_rows)).cast(schema("dlrs"))
        )
        if not stored.num_rows:  # no dlrs to flag; those to come are not to be held back by what this finds
            name, flagged = f"optouts-{name}", rows
        told = min(pc.sum(table.column("copies")).as_py() or 0 for table in (rows, flagged))
        if not self.intake.odd(drained[0]) and told < campaign.optouts:
            self.state["remembered"][name] = campaign.counters
        return True

    def _lists(self, with_members: bool) -> None:
        if self.lists is None:
            return
        if with_members:
            self._members(self.lists)
        self._snapshot(self.lists)

    def _members(self, lists: Drained) -> None:
        """Members of the lists whose counters moved since they were read, all of them every week."""
        seen: dict[str, list[int]] = self.state.setdefault("members_seen", {})
        unproved = set(self.state.get("unproved_lists", []))
        stale = self._stale_lists(lists)
        rows: list[pa.Table] = []
        read: list[int] = []
        odd: list[int] = []
        rests: list[int] = []  # odd each time: not read again by itself, but nothing counts as vanished
        reads = [Read(endpoint("list_members"), {"list_id": list_id}) for list_id in stale]
        for list_id, outcome in zip(stale, self.intake.reader.each(reads), strict=True):
            drained = self.intake.noted(self._apart(outcome, list_id))
            unproved = unproved - {list_id} if drained else unproved | {list_id}
            if drained:
                again = self.intake.odd(drained)
                (odd if again else rests if drained.batch.rejects else read).append(list_id)
                rows.append(drained.rows)
        now = {row["list_id"]: _list_counters(row) for row in lists.rows.to_pylist()}
        gone = [int(i) for i in seen if int(i) not in now] if not lists.batch.rejects else []
        found = pa.concat_tables([empty("list_members"), *rows])
        if rows or gone:
            self.store.apply_snapshot(
                "list_members", found, seen_at=lists.seen_at, scope={"list_id": [*read, *gone]}
            )
        self.report.of("list_members").rows += found.num_rows
        for list_id in gone:
            seen.pop(str(list_id))
        seen.update({str(list_id): now[list_id] for list_id in (*read, *rests)})
        self.state["unproved_lists"] = sorted(unproved & set(now))
        if set(now) == {*read, *rests, *odd}:
            self.state["members"] = self.client.now().isoformat()

    def _stale_lists(self, lists: Drained) -> list[int]:
        only = self.given.get("list_id")
        seen, unproved = self.state.get("members_seen", {}), self.state.get("unproved_lists", [])
        lost = any(active for active, _ in seen.values()) and not self.store.parts("list_members")
        every = lost or self._due("members", planner.WEEK)
        rows = [row for row in lists.rows.to_pylist() if only is None or row["list_id"] == int(only)]
        if only is not None and not rows:
            raise UsageError(f"the account has no list {only}.")
        return [
            row["list_id"]
            for row in rows
            if every or row["list_id"] in unproved or seen.get(str(row["list_id"])) != _list_counters(row)
        ]

    def _apart(self, outcome: Drained | Unread, list_id: int) -> Drained | Unread:
        """Where the gateway refuses active and inactive members at once: one after the other."""
        if not (isinstance(outcome, ApiError) and outcome.code in {"FIELD_INVALID", "FIELD_EMPTY"}):
            return outcome
        try:
            return members(self.intake.reader, Read(endpoint("list_members"), {"list_id": list_id}))
        except (DrainError, ApiError) as error:
            if isinstance(error, ApiError) and error.code not in ABOUT_ONE_THING:
                raise
            return error

    def _daily(self, table: str) -> None:
        """Numbers and keywords: once a day at most."""
        if not (self.named or self._due(table, planner.DAY)):
            return
        outcome = self.intake.one(Read(endpoint(table)))
        if outcome is not None:
            self.state[table] = self.client.now().isoformat()
            self._snapshot(outcome)

    def _snapshot(self, drained: Drained) -> None:
        """Store a snapshot; a row that was set aside is still there, so then nothing counts as vanished."""
        table = drained.read.endpoint.table.name
        if drained.batch.rejects:
            self.store.merge(table, drained.rows)
        else:
            self.store.apply_snapshot(table, drained.rows, seen_at=drained.seen_at)
        self.report.of(table).rows += drained.rows.num_rows
        self.store.save_state()

    def _on_demand(self, table: str) -> None:
        entry = endpoint(table)
        takes = {wire: self.given[ours] for wire, ours in _ON_DEMAND.items() if ours in self.given}
        needs = [_ON_DEMAND.get(name, name) for name in entry.required]
        parameters = {name: takes[name] for name in entry.required if name in takes}
        if entry.required == ("client_id",):
            return self._transactions()
        if len(parameters) < len(entry.required):
            option = needs[0].replace("_", "-")
            raise UsageError(f"{table} is read on demand: give --{option}.")
        now = self.client.now()
        reads = [Read(entry, parameters)]
        if entry.limit:
            start = begin(self.since, now) if self.since is not None else now - planner.LOOK_BACK
            reads = windows(reads[0], start, now)
        for outcome in self.intake.stored(table, reads):
            if entry.table.snapshot and outcome is not None:
                self._snapshot(outcome)
        return None

    def _transactions(self) -> None:
        """The ledger of every client of a reseller account, for the last 30 days or since."""
        now = self.client.now()
        clients = self.intake.one(Read(endpoint("clients")))
        start = begin(self.since, now) if self.since is not None else now - planner.LOOK_BACK
        ids = clients.rows.column("client_id").to_pylist() if clients else []
        reads = [
            part
            for client_id in ids
            for part in windows(Read(endpoint("transactions"), {"client_id": client_id}), start, now)
        ]
        for _ in self.intake.stored("transactions", reads):
            pass

    # ---- what the state says -----------------------------------------------------------------------

    def _at(self, name: str) -> datetime | None:
        """An instant that the state holds; one ahead, from when a clock was wrong, counts for none."""
        value = self.state.get(name)
        return instant(value) if value and instant(value) <= self.client.now() else None

    def _due(self, name: str, every: timedelta) -> bool:
        at = self._at(name)
        return at is None or self.client.now() - at >= every

    def _start(self, table: str, now: datetime) -> datetime:
        """Where messages begin: at the cursor, or earlier if asked; at first as asked, or 30 days back."""
        asked = begin(self.since, now) if self.since is not None else now - planner.LOOK_BACK
        cursor = self.intake.cursor(table) or asked
        start = cursor if self.since is None else min(cursor, asked)
        return start.replace(microsecond=0)

    def _first(self, table: str) -> datetime:
        """From when on a table is kept up to date."""
        asked = begin(self.since, self.client.now()) if self.since is not None else None
        first = self._at(f"first_{table}") or asked or self.client.now() - planner.LOOK_BACK
        first = min(first, asked) if asked else first
        if "message_id" in self.given:  # one send that was asked for says nothing of the others
            return first
        self.state[f"first_{table}"] = first.isoformat()
        return first

    def _campaigns_now(self) -> list[Campaign]:
        names = [
            "message_id",
            "sent_at",
            "msisdn",
            "pending",
            "delivered",
            "soft_bounced",
            "hard_bounced",
            "optouts",
        ]
        latest = {row["message_id"]: row for row in self.fresh_campaigns.select(names).to_pylist()}
        return [
            Campaign(
                message_id=row["message_id"], sent_at=row["sent_at"], alone=row["msisdn"] is not None,
                **counters_in(row),
            )
            for row in latest.values()
        ]  # fmt: skip

    def _stored_messages(self, first: datetime) -> dict[int, int]:
        """How many messages are stored of the campaigns that the report covers."""
        begin = max(first, self._oldest()) - planner.DAY
        return {
            row["message_id"]: row["n"] for row in self.store.tables.grouped("messages", _SEND, since=begin)
        }

    def _stored_dlrs(self) -> dict[int, Stored]:
        """What is stored of the campaigns that the report covers; counted once, before any dlr is read."""
        begin = self._oldest() - planner.DAY
        if self._counts is None or begin < self._counts[0]:
            by = [*_SEND, "status", "optout"]
            counts = _counted(self.store.tables.grouped("dlrs", by, since=begin, add_up="copies"))
            for row in self.store.tables.grouped("optouts", _SEND, since=begin, add_up="copies"):
                have = counts.get(row["message_id"], Stored())
                counts[row["message_id"]] = replace(have, optouts=row["n"])
            self._counts = begin, counts
        return self._counts[1]

    def _oldest(self) -> datetime:
        """When the oldest campaign was sent that the report covers."""
        sent: datetime | None = pc.min(self.fresh_campaigns.column("sent_at")).as_py()
        return sent or self.client.now()


def _list_counters(row: Mapping[str, Any]) -> list[int]:
    return [row["members_active"], row["members_total"]]


def _refresh(
    campaign: Campaign, have: Stored, tracked: bool, remembered: Mapping[str, list[int]], deep: bool
) -> Refresh | None:
    if tracked:
        known = remembered.get(str(campaign.message_id))
        return planner.refresh(campaign, have, remembered=known, deep=deep)
    known = remembered.get(f"optouts-{campaign.message_id}")
    if campaign.optouts > have.optouts and known != campaign.counters:
        return Refresh(campaign, "optouts", 0 if campaign.derivable else planner.pages(campaign.optouts))
    return None


def _full_read(campaign: Campaign) -> list[Read]:
    context = {"message_id": campaign.message_id, "sent_at": campaign.sent_at}
    return [
        Read(
            endpoint("dlrs"), {"message_id": campaign.message_id}, expect=campaign.recipients, context=context
        )
    ]


def _part_reads(campaign: Campaign) -> list[Read]:
    (whole,) = _full_read(campaign)
    parts = (("pending", campaign.pending), ("failed", campaign.soft + campaign.hard))
    return [
        replace(whole, parameters=dict(whole.parameters) | {"delivery": word}, expect=count)
        for word, count in parts
        if count
    ]


def _optout_read(campaign: Campaign) -> list[Read]:
    context = {"message_id": campaign.message_id, "sent_at": campaign.sent_at}
    return [
        Read(
            endpoint("optouts"), {"message_id": campaign.message_id}, expect=campaign.optouts, context=context
        )
    ]


def _counted(grouped: Iterable[Mapping[str, Any]]) -> dict[int, Stored]:
    """Dlrs by campaign, from their numbers by message_id, status and optout."""
    counts: dict[int, Counter[str]] = {}
    flags: Counter[int] = Counter()
    for row in grouped:
        counts.setdefault(row["message_id"], Counter())[row["status"]] += row["n"]
        flags[row["message_id"]] += row["n"] if row["optout"] else 0
    return {message_id: Stored(statuses, flags[message_id]) for message_id, statuses in counts.items()}


def _counted_rows(dlrs: pa.Table) -> Stored:
    """The dlrs of one campaign, not yet stored, counted likewise."""
    by = ["message_id", "status", "optout"]
    grouped = dlrs.group_by(by).aggregate([("copies", "sum")]).rename_columns([*by, "n"])
    return next(iter(_counted(grouped.to_pylist()).values()), Stored())


def _shaped(table: str, rows: pa.Table, made: Mapping[str, Any]) -> pa.Table:
    """Rows of one table as rows of another: columns of the same name, the made ones, null for the rest."""
    arrow = schema(table)
    one = pa.repeat(pa.scalar(1, pa.int64()), rows.num_rows)
    columns = []
    for f in arrow:
        if f.name in made:
            columns.append(made[f.name])
        elif f.name == "copies" and "copies" not in rows.column_names:
            columns.append(one)
        elif f.name in rows.column_names and f.name != "extra":
            columns.append(rows.column(f.name))
        else:
            columns.append(pa.nulls(rows.num_rows, f.type))
    return pa.Table.from_arrays(columns, schema=arrow)


def _joined(reads: Sequence[Read]) -> list[Read]:
    """Windows that overlap, as one."""
    made: list[Read] = []
    for read in sorted(reads, key=lambda r: r.start or datetime.min):  # noqa: DTZ901 - every read here has a start
        last = made[-1] if made else None
        if last and last.end and read.start and read.end and read.start <= last.end:
            made[-1] = replace(last, end=max(last.end, read.end))
        else:
            made.append(read)
    return made
