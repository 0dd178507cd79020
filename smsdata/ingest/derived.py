"""Dlrs of new sends that follow from their messages, which a run has read anyway.

The recipients of a send are fixed, and a status only moves up in rank. So where the messages of a send name
the kind of each bounce and, counted by status, equal all four counters as the report gives them afterwards,
nothing moved in between, and its dlrs are known without being read. Only its opt-outs are read; that answer
also names the list it was sent to. Where the messages say no more than "bounced", the failed ones are read
too. What no counter shows stays hidden: a message that was delivered and one that bounced for good, which
change places in between. Imports `whose_rows`, `pipeline` and `plan`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.gateway.answers import whole
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reads import Drained, Read, slices
from smsdata.ingest import plan
from smsdata.ingest.pipeline import Pipeline, is_complete
from smsdata.ingest.plan import Campaign, SyncOptions
from smsdata.ingest.whose_rows import read_of_send, refuse_another_sends
from smsdata.schema.counters import Stored, agrees
from smsdata.schema.frames import empty, schema
from smsdata.store.coverage import Span

_MESSAGES_AT_ONCE = 100_000  # messages in memory at once
_WORDS = frozenset({"pending", "delivered", "soft-bounce", "hard-bounce", "bounced"})


@dataclass(frozen=True, slots=True)
class Known:
    """A new send of which all messages are stored; `vague` says that these do not name the kind of bounce."""

    campaign: Campaign
    vague: bool

    @property
    def saved(self) -> int:
        """How many calls fewer than reading all its dlrs."""
        failed = plan.pages(self.campaign.soft + self.campaign.hard) if self.vague else 0
        return plan.pages(self.campaign.recipients) - max(1, plan.pages(self.campaign.optouts)) - failed

    def reads(self) -> dict[str, Read]:
        """What is read of it besides: its opt-outs and, where its messages are vague, those that failed."""
        one = self.campaign
        optouts = read_of_send(one, "optouts", one.optouts)
        if not self.vague:
            return {"optouts": optouts}
        failed = read_of_send(one, "dlrs", one.soft + one.hard, delivery="failed")
        return {"failed": failed, "optouts": optouts}


@dataclass(frozen=True, slots=True)
class Besides:
    """What was read of a send besides its messages: rows of ``optouts``, and of ``dlrs`` that failed."""

    list_id: int | None
    optouts: pa.Table
    failed: pa.Table


def derive_from_messages(pipeline: Pipeline, options: SyncOptions, report: pa.Table) -> pa.Table:
    """Store the dlrs of new sends that follow from their messages; gives the rows of the report read for it.

    `report` holds the rows of the report that this run has read before.
    """
    none = empty("campaigns")
    if not _may_derive(pipeline, options):
        return none
    sends = _campaigns_in(report)
    spans = spans_worth_reading(_known_sends(pipeline, sends), sends)
    besides = _read_besides(pipeline, [one for _, ones in spans for one in ones])
    spans = [(span, ones) for span, ones in spans if any(one.campaign.message_id in besides for one in ones)]
    if not spans:
        return none
    again = _read_report(pipeline, [span for span, _ in spans])  # after all else: their counters bear it out
    for batch in _batches(one for one in _campaigns_in(again) if one.message_id in besides):
        _store_what_follows(pipeline, batch, besides)
    pipeline.commit([])
    return again


def _may_derive(pipeline: Pipeline, options: SyncOptions) -> bool:
    """Whether messages were read for this, all of them proved, and no file is gone that told otherwise."""
    return (
        {"campaigns", "messages", "dlrs", "optouts"} <= options.needed
        and not options.one_send
        and not pipeline.report.of("messages").unproved
        and not pipeline.store.tables.inventory.lost()
    )


# ---- which sends -----------------------------------------------------------------------------------


def _known_sends(pipeline: Pipeline, sends: Sequence[Campaign]) -> list[Known]:
    """The sends without a single stored dlr of which all messages are stored.

    Where callbacks told of a send there are dlrs, and its messages may have their status from those: only a
    read of its own can bear them out.
    """
    state, tables = pipeline.state, pipeline.store.tables
    first = state.kept_from["dlrs"]
    deep = state.pending.deep_from  # from there on dlrs are to be read whatever is known
    new = [one for one in sends if one.sent_at >= first and (deep is None or one.sent_at < deep)]
    if not new:
        return []
    begin = min(one.sent_at for one in new) - plan.DAY
    stored = {row["message_id"] for row in tables.grouped("dlrs", ["message_id"], since=begin)}
    counts: dict[int, dict[str | None, int]] = {}
    for row in tables.grouped("messages", ["message_id", "status"], since=begin):
        counts.setdefault(row["message_id"], {})[row["status"]] = row["n"]
    return [
        Known(one, vague="bounced" in counts[one.message_id])
        for one in new
        if one.message_id in counts.keys() - stored
        and is_told(one, counts[one.message_id])
        and state.remembered("dlrs", one.message_id) is None
    ]


def is_told(campaign: Campaign, messages: Mapping[str | None, int]) -> bool:
    """Whether the messages of a send, counted by status, may tell its dlrs: all are there, with known words.

    They are to equal counters that are read later, and those only move on: what lies behind the counters now
    never will.
    """
    behind = (
        messages.get("pending", 0) > campaign.pending
        or messages.get("delivered", 0) < campaign.delivered
        or messages.get("hard-bounce", 0) + messages.get("bounced", 0) < campaign.hard
    )
    known = campaign.known and not campaign.derivable and messages.keys() <= _WORDS
    return known and not behind and sum(messages.values()) == campaign.recipients


def spans_worth_reading(known: Iterable[Known], sends: Iterable[Campaign]) -> list[tuple[Span, list[Known]]]:
    """The spans of the report that are read again, each with the sends for which that saves calls.

    `sends` are all that the report holds: they say how many pages a span takes.
    """
    times = sorted(one.sent_at for one in sends)
    spans: list[tuple[Span, list[Known]]] = []
    for one in sorted((one for one in known if one.saved > 0), key=lambda one: one.campaign.sent_at):
        at = one.campaign.sent_at
        before, ones = spans[-1] if spans else (None, [])
        if before and _report_calls(times, Span(before.start, at)) <= _report_calls(times, before) + 1:
            spans[-1] = Span(before.start, at), [*ones, one]
        else:
            spans.append((Span(at, at), [one]))
    return [
        (span, ones) for span, ones in spans if sum(one.saved for one in ones) > _report_calls(times, span)
    ]


def _report_calls(times: Sequence[datetime], span: Span) -> int:
    pages = plan.pages(bisect_right(times, span.end) - bisect_left(times, span.start) + 1)
    return pages + 1 if pages > 1 else 1


def _campaigns_in(report: pa.Table) -> list[Campaign]:
    return plan.campaigns_of(report.select(plan.CAMPAIGN_COLUMNS).to_pylist())


def _read_report(pipeline: Pipeline, spans: Iterable[Span]) -> pa.Table:
    """Read the report of some spans of time and store it; gives its rows."""
    read = Read(endpoint("campaigns"))
    reads = [part for span in spans for part in slices(read, span.start, span.end)]
    told = pipeline.report.of("campaigns")
    rows = told.rows
    drained = list(pipeline.read_and_store("campaigns", reads))
    told.rows = rows  # the same sends once more
    return pa.concat_tables([empty("campaigns"), *(d.rows for d in drained if d and is_complete(d))])


# ---- what is read besides --------------------------------------------------------------------------


def _read_besides(pipeline: Pipeline, known: Sequence[Known]) -> dict[int, Besides]:
    """By send, what was read of it besides its messages; only where all of that came.

    Where the first vague send is told no better by those that failed, the gateway names the kind nowhere, and
    no other vague one is asked for.
    """
    vague = [one for one in known if one.vague]
    found = _each_besides(pipeline, [one for one in known if not one.vague] + vague[:1])
    if vague and vague[0].campaign.message_id in found:
        told = found[vague[0].campaign.message_id].failed.column("status")
        if not pc.any(pc.equal(told, "bounced")).as_py():
            found |= _each_besides(pipeline, vague[1:])
    return found


def _each_besides(pipeline: Pipeline, known: Sequence[Known]) -> dict[int, Besides]:
    reads = [(one.campaign, one.reads()) for one in known]
    outcomes = pipeline.reader.each([read for _, named in reads for read in named.values()])
    found = {}
    for campaign, named in reads:
        came: dict[str, Drained] = {}
        for name in named:
            drained = pipeline.record(refuse_another_sends(pipeline.store, campaign, next(outcomes)))
            if drained is not None and is_complete(drained) and not drained.batch.rejects:
                came[name] = drained
        if came.keys() == named.keys():
            failed = came["failed"].rows if "failed" in came else empty("dlrs")
            found[campaign.message_id] = Besides(_list_of(came["optouts"]), came["optouts"].rows, failed)
    return found


def _list_of(drained: Drained) -> int | None:
    """The list that a send went to, as far as the answer names it beside the rows."""
    send = drained.beside.get("message")
    to_list = send.get("list") if isinstance(send, dict) else None
    return whole(to_list.get("id")) if isinstance(to_list, dict) else None


# ---- what follows ----------------------------------------------------------------------------------


def _batches(campaigns: Iterable[Campaign]) -> Iterator[list[Campaign]]:
    batch: list[Campaign] = []
    for one in campaigns:
        if batch and sum(other.recipients for other in batch) + one.recipients > _MESSAGES_AT_ONCE:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _store_what_follows(
    pipeline: Pipeline, campaigns: Sequence[Campaign], besides: Mapping[int, Besides]
) -> None:
    wanted = pa.table({"message_id": pa.array([one.message_id for one in campaigns], pa.int64())})
    messages = pipeline.store.tables.rows_sharing("messages", wanted, "message_id")
    for one in campaigns:
        of_send = messages.filter(pc.equal(messages.column("message_id"), one.message_id))
        rows = dlrs_from(one, of_send, besides[one.message_id])
        if rows is not None:
            pipeline.gather("dlrs", rows)
            pipeline.gather("optouts", besides[one.message_id].optouts)
    if pipeline.full:
        pipeline.commit([])


def dlrs_from(campaign: Campaign, messages: pa.Table, besides: Besides) -> pa.Table | None:
    """The dlrs of a send as its messages tell them, or None where these do not say all.

    Parameters
    ----------
    campaign
        Its counters, as they were read after everything else.
    messages
        All its messages.
    besides
        Its opt-outs, and those of its dlrs that failed where its messages do not name the kind of bounce.

    Returns
    -------
    Table or None
        Rows of ``dlrs`` with ``source`` derived, but those that failed and were read.
    """
    by_number = messages.group_by(["message_id", "msisdn"]).aggregate(
        [("status", "min"), ("status", "max"), ("status", "count"), ("synced_at", "max")]
    )
    if not pc.all(pc.equal(by_number.column("status_min"), by_number.column("status_max"))).as_py():
        return None  # a number that the send lists twice, with two fates
    left = besides.optouts.column("msisdn").combine_chunks()
    named = besides.failed.column("msisdn").combine_chunks()
    made = _as_dlrs(campaign, by_number, besides.list_id, left)
    strangers = pc.invert(pc.is_in(pa.chunked_array([left, named]), made.column("msisdn").combine_chunks()))
    if pc.any(strangers).as_py():
        return None
    made = made.filter(pc.invert(pc.is_in(made.column("msisdn"), named)))
    made = pa.concat_tables([made, besides.failed])
    counted = made.group_by("status").aggregate([("copies", "sum")]).to_pylist()
    counts = {row["status"]: row["copies_sum"] for row in counted}
    return made if "bounced" not in counts and agrees(campaign, Stored(counts)) else None


def _as_dlrs(campaign: Campaign, by_number: pa.Table, list_id: int | None, left: pa.Array) -> pa.Table:
    """The messages of a send, counted by number, as its dlrs; `left` are the numbers that opted out."""
    n, arrow = by_number.num_rows, schema("dlrs")
    same = {"sent_at": campaign.sent_at, "list_id": list_id, "source": "derived"}
    made = {
        "message_id": by_number.column("message_id"),
        "msisdn": by_number.column("msisdn"),
        "status": by_number.column("status_max"),
        "optout": pc.is_in(by_number.column("msisdn"), left),
        "copies": by_number.column("status_count"),
        "synced_at": by_number.column("synced_at_max"),
    } | {name: pa.repeat(pa.scalar(value, arrow.field(name).type), n) for name, value in same.items()}
    columns = [made[f.name] if f.name in made else pa.nulls(n, f.type) for f in arrow]
    return pa.Table.from_arrays(columns, schema=arrow)
