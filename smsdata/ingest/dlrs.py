"""Dlrs and opt-outs: each campaign refreshed in the cheapest way that proves what it stores.

`plan` decides the way of each campaign; here the reads are made and the rows put together: in full, by
parts (pending and failed alone; the others were delivered), opt-outs alone, or with no call at all.
Imports `gateway`, `schema`, `pipeline` and `plan`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.gateway.reads import Drained, Read
from smsdata.ingest import plan
from smsdata.ingest.pipeline import Pipeline
from smsdata.ingest.plan import Campaign, Refresh, SyncOptions
from smsdata.ingest.whose_rows import drop_foreign_recipients, read_of_send, refuse_another_sends
from smsdata.schema.callback_marks import counted_by_polls, polled_rows
from smsdata.schema.counters import Stored, agrees, disagreements
from smsdata.schema.frames import empty, schema, stamped, with_column
from smsdata.store.state import Counted
from smsdata.store.store import Store


class DlrRefresh:
    """Brings dlrs and opt-outs up to date with the counters of their campaigns."""

    def __init__(self, pipeline: Pipeline, options: SyncOptions) -> None:
        self.pipeline = pipeline
        self.store = pipeline.store
        self.state = pipeline.state
        self.options = options
        self._counts: tuple[datetime, dict[int, Stored]] | None = None
        self._borne_out: set[int] = set()  # read in full by this run, and as all counters say

    def steps(self, campaigns: list[Campaign]) -> list[Refresh]:
        """What has to be read of each campaign, by its counters and what is stored."""
        now = self.pipeline.now()
        stored = self._stored(campaigns)
        one = self.options.one_send
        known = self.state.kept_from.get("dlrs")
        first = plan.kept_from(known, asked=self.options.start(now) if one else None, now=now)
        deep_from = plan.deep_from(self.options, now) if one else self.state.pending.deep_from
        return plan.refreshes(
            plan.campaigns_asked_for(campaigns, self.options.only.get("message_id")),
            stored,
            self.state,
            first=first if "dlrs" in self.options.needed else now,
            deep_from=deep_from,
        )

    def carry_out(self, campaigns: list[Campaign], report: pa.Table) -> None:
        """Refresh the campaigns, in batches small enough for memory; `report` holds their rows."""
        due = self.steps(campaigns)
        stored = self._stored(campaigns)
        self._derive(report, [step.campaign for step in due if step.way == "derive"], {"dlrs", "optouts"})
        steps = [step for step in due if step.way in {"parts", "full"}]
        fallback = self._read([s for s in steps if s.way == "parts"], _reads_of_parts, self._take_parts)
        full = [replace(s, way="full") for s in steps if s.way == "full" or s.campaign in fallback]
        self._read(full, _reads_in_full, self._take_full)
        self._remember_lower_ranks([s.campaign for s in full if s.campaign.message_id in stored])
        if "optouts" in self.options.needed:
            by_parts = [s for s in steps if s.way == "parts" and s.campaign not in fallback]
            lacking = [s for s in by_parts if _lacks_optouts(s.campaign, stored)]
            left = [s for s in due if s.way == "optouts"] + lacking
            self._derive(report, [s.campaign for s in left if s.campaign.derivable], {"optouts"})
            reads = [s for s in left if not s.campaign.derivable]
            self._read(reads, _reads_of_optouts, self._take_optouts)
        self.pipeline.commit([])

    def _read(
        self,
        steps: Sequence[Refresh],
        reads_of: Callable[[Campaign], list[Read]],
        take: Callable[[Campaign, list[Drained]], bool],
    ) -> list[Campaign]:
        """Make the reads of many campaigns, take each campaign's rows as they are complete.

        Gives the campaigns that have to be read in another way.
        """
        again: list[Campaign] = []
        reads_by_campaign = [(step.campaign, reads_of(step.campaign)) for step in steps]
        outcomes = self.pipeline.reader.each(read for _, reads in reads_by_campaign for read in reads)
        done: list[str] = []
        for campaign, reads in reads_by_campaign:
            came = [refuse_another_sends(self.store, campaign, next(outcomes)) for _ in reads]
            drained = [self.pipeline.record(outcome) for outcome in came]
            if any(one is None for one in drained) or not take(campaign, [one for one in drained if one]):
                again.append(campaign)
            done += [read.name() for read in reads]
            if self.pipeline.full:
                self.pipeline.commit(done)
                done = []
        self.pipeline.commit(done)
        return again

    # ---- what came, put together -----------------------------------------------------------------

    def _derive(self, report: pa.Table, campaigns: Sequence[Campaign], tables: set[str]) -> None:
        """A send to one recipient needs no call: its report row says it all."""
        if not campaigns:
            return
        wanted = pa.array([c.message_id for c in campaigns], pa.int64())
        rows = report.filter(pc.is_in(report.column("message_id"), value_set=wanted))
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
        made["source"] = pa.repeat("derived", rows.num_rows)
        if "dlrs" in tables:
            self.pipeline.gather("dlrs", _shaped("dlrs", rows, made))
        self.pipeline.gather("optouts", _shaped("optouts", rows.filter(made["optout"]), {}))

    def _take_full(self, campaign: Campaign, drained: list[Drained]) -> bool:
        rows = drained[0].rows
        self.pipeline.gather("dlrs", rows)
        self.pipeline.gather("optouts", _shaped("optouts", rows.filter(rows.column("optout")), {}))
        self._remember(campaign, drained[0])
        return True

    def _remember(self, campaign: Campaign, drained: Drained) -> None:
        """Remember counters that even a full read does not bear out, so that it is not repeated."""
        borne_out = plan.bears_out(campaign, _counts_of_one(drained.rows))
        stored = self._stored([campaign]).get(campaign.message_id, Stored())
        if borne_out and stored.recipients > campaign.recipients:
            drop_foreign_recipients(self.store, self.pipeline.report, campaign, drained)
        self.state.forget("dlrs", campaign.message_id)
        if borne_out:
            self._borne_out.add(campaign.message_id)
            self.pipeline.report.settled.add(f"dlrs of campaign {campaign.message_id}")
        if self.pipeline.odd_rows.note_for_retry(drained) or borne_out or drained.resumed:
            return
        self.state.remember("dlrs", campaign.message_id, campaign.counters)
        if not campaign.known:
            self.pipeline.report.note(
                f"dlrs of campaign {campaign.message_id}: its counters cannot be read. It was read "
                "in full once, and is read again when they move."
            )
        elif plan.is_quiet(campaign, self.pipeline.now()):  # else they just moved meanwhile
            self.pipeline.report.tell_once(
                f"dlrs of campaign {campaign.message_id}",
                "a complete read does not add up to the report's counters. It is read again when they move; "
                "`smsdata verify` lists it.",
            )

    def _remember_lower_ranks(self, campaigns: Sequence[Campaign]) -> None:
        """Remember counters that a complete read bore out, and the store does not: a final status went down.

        The status that ranks higher stays, whatever comes after it: nothing tells a correction from an answer
        that is old.
        """
        self.pipeline.commit([])
        asked = {c.message_id: c for c in campaigns if c.message_id in self._borne_out}
        wanted = pa.table({"message_id": pa.array(list(asked), pa.int64())})
        rows = (
            polled_rows(self.store.tables.rows_sharing("dlrs", wanted, "message_id"))
            if asked
            else empty("dlrs")
        )
        for message_id, have in _counted(rows).items():
            wrong = disagreements(asked[message_id], have)
            if not wrong:
                continue
            self.state.remember("dlrs", message_id, asked[message_id].counters)
            kept = ", ".join(f"{stored - due:,} {word}" for word, stored, due in wrong if stored > due)
            self.pipeline.report.tell_once(
                f"dlrs of campaign {message_id}",
                "the gateway has taken back what it had said of some messages. The status that ranks higher "
                f"stays ({kept}); `status_history` has both, and `smsdata verify` lists it.",
            )

    def _take_parts(self, campaign: Campaign, drained: list[Drained]) -> bool:
        """Pending and failed were read; all others were delivered, if all four counters then match."""
        read = pa.concat_tables([empty("dlrs"), *(d.rows for d in drained)])
        stored = self._dlrs_of(campaign)
        others = stored.join(read.select(["msisdn"]), keys="msisdn", join_type="left anti").select(
            stored.column_names
        )
        seen = max((d.seen_at for d in drained), default=self.pipeline.client.now())
        delivered = with_column(others, "status", pa.repeat("delivered", others.num_rows))
        whole = pa.concat_tables([read, delivered.cast(read.schema)])
        if not agrees(campaign, _counts_of_one(whole)):
            return False
        moved = others.filter(pc.not_equal(others.column("status"), "delivered"))
        moved = with_column(moved, "status", pa.repeat("delivered", moved.num_rows))
        moved = stamped(moved, "synced_at", seen)
        self.pipeline.gather("dlrs", pa.concat_tables([read, moved.cast(read.schema)]))
        self.state.forget("dlrs", campaign.message_id)
        return True

    def _take_optouts(self, campaign: Campaign, drained: list[Drained]) -> bool:
        rows = drained[0].rows
        self.pipeline.gather("optouts", rows)
        stored = self._dlrs_of(campaign)
        flagged = stored.join(rows.select(["msisdn"]), keys="msisdn", join_type="left semi").select(
            stored.column_names
        )
        self.pipeline.gather(
            "dlrs", with_column(flagged, "optout", pa.repeat(True, flagged.num_rows)).cast(schema("dlrs"))
        )
        again = self.pipeline.odd_rows.note_for_retry(drained[0])
        # without stored dlrs there are none to flag; those to come are not to be held back by what this finds
        have = (rows, flagged) if stored.num_rows else (rows,)
        if not again and (not campaign.known or min(_copies(rows) for rows in have) < campaign.optouts):
            table: Counted = "dlrs" if stored.num_rows and campaign.known else "optouts"
            self.state.remember(table, campaign.message_id, campaign.counters)
        return True

    # ---- what is stored --------------------------------------------------------------------------

    def _dlrs_of(self, campaign: Campaign) -> pa.Table:
        """The stored dlrs of a campaign that polls have shown, as they showed them."""
        wanted = pa.table({"message_id": pa.array([campaign.message_id], pa.int64())})
        return polled_rows(self.store.tables.rows_sharing("dlrs", wanted, "message_id"))

    def _stored(self, campaigns: Sequence[Campaign]) -> dict[int, Stored]:
        """What is stored of the campaigns that the report covers; counted once, before any dlr is read."""
        oldest = min((c.sent_at for c in campaigns), default=self.pipeline.client.now())
        begin = oldest - plan.DAY
        if self._counts is None or begin < self._counts[0]:
            self._counts = begin, _stored_counts(self.store, begin)
        return self._counts[1]


# ---- the reads of a campaign -----------------------------------------------------------------------


def _reads_in_full(campaign: Campaign) -> list[Read]:
    return [read_of_send(campaign, "dlrs", campaign.recipients)]


def _reads_of_parts(campaign: Campaign) -> list[Read]:
    parts = (("pending", campaign.pending), ("failed", campaign.soft + campaign.hard))
    return [read_of_send(campaign, "dlrs", count, delivery=word) for word, count in parts if count]


def _reads_of_optouts(campaign: Campaign) -> list[Read]:
    return [read_of_send(campaign, "optouts", campaign.optouts)]


# ---- counting --------------------------------------------------------------------------------------


def _stored_counts(store: Store, begin: datetime) -> dict[int, Stored]:
    """What polls have shown of each campaign: what only callbacks told has still to be polled."""
    by = ["message_id", "status", "optout", "extra"]
    grouped = store.tables.grouped("dlrs", by, since=begin, add_up="copies")
    counts = _counts_by_campaign(counted_by_polls(grouped))
    optouts = store.tables.grouped("optouts", ["message_id", "extra"], since=begin, add_up="copies")
    for row in counted_by_polls(optouts):
        have = counts.get(row["message_id"], Stored())
        counts[row["message_id"]] = replace(have, optouts=have.optouts + row["n"])
    return counts


def _counts_by_campaign(grouped: Iterable[Mapping[str, Any]]) -> dict[int, Stored]:
    """Dlrs by campaign, from their numbers by message_id, status and optout."""
    counts: dict[int, Counter[str]] = {}
    flags: Counter[int] = Counter()
    for row in grouped:
        counts.setdefault(row["message_id"], Counter())[row["status"]] += row["n"]
        flags[row["message_id"]] += row["n"] if row["optout"] else 0
    return {message_id: Stored(statuses, flags[message_id]) for message_id, statuses in counts.items()}


def _counts_of_one(dlrs: pa.Table) -> Stored:
    """The dlrs of one campaign, not yet stored, counted likewise."""
    return next(iter(_counted(dlrs).values()), Stored())


def _counted(dlrs: pa.Table) -> dict[int, Stored]:
    """Dlrs by campaign, counted."""
    by = ["message_id", "status", "optout"]
    grouped = dlrs.group_by(by).aggregate([("copies", "sum")]).rename_columns([*by, "n"])
    return _counts_by_campaign(grouped.to_pylist())


def _lacks_optouts(campaign: Campaign, stored: Mapping[int, Stored]) -> bool:
    return plan.lacks_optouts(campaign, stored.get(campaign.message_id, Stored()))


def _copies(rows: pa.Table) -> int:
    total: int | None = pc.sum(rows.column("copies")).as_py()
    return total or 0


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
