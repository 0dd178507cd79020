"""How one send is asked for, and whether the recipients that came are its own.

An answer as a rule names its send. Where one does not, the messages stored of the send are the witness: they
came by another call. A complete read that all counters bear out is in turn the witness against recipients
stored earlier that it does not have: a send gets no other recipients later, and loses none. Imports
`gateway`, `store`, `report` and `plan`.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.errors import ApiError
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reader import Unread
from smsdata.gateway.reads import Drained, Read
from smsdata.ingest.plan import Campaign
from smsdata.ingest.report import Report
from smsdata.store.store import Store


def read_of_send(campaign: Campaign, table: str, expect: int, **parameters: Any) -> Read:
    """The read of a table of one send: its counter vouches for it where counters are known."""
    return Read(
        endpoint(table),
        {"message_id": campaign.message_id, **parameters},
        expect=expect if campaign.known else None,
        context={"message_id": campaign.message_id, "sent_at": campaign.sent_at},
    )


def refuse_another_sends(store: Store, campaign: Campaign, outcome: Drained | Unread) -> Drained | Unread:
    """The outcome of a read; an error in its place where most recipients got no message of the send."""
    if not isinstance(outcome, Drained) or not outcome.rows.num_rows or _names_its_send(outcome):
        return outcome
    wanted = pa.table({"message_id": pa.array([campaign.message_id], pa.int64())})
    messages = store.tables.rows_sharing("messages", wanted, "message_id")
    if not campaign.known or messages.num_rows < campaign.recipients:
        return outcome  # the witness does not know them all
    told = outcome.rows.column("msisdn")
    foreign = told.length() - (
        pc.sum(pc.is_in(told, messages.column("msisdn").combine_chunks())).as_py() or 0
    )
    if 2 * foreign <= told.length():
        return outcome
    error = ApiError(
        f"{foreign:,} of {told.length():,} recipients got no message of this send, and the answer "
        "does not say of which send they are",
        code="MISFIT",
        status=200,
    )
    error.about = outcome.read
    return error


def _names_its_send(drained: Drained) -> bool:
    """Whether every page named a send; another one than was asked for is refused where pages are read."""
    send = drained.beside.get("message")
    return isinstance(send, dict) and bool(send.get("message_id"))


def drop_foreign_recipients(store: Store, report: Report, campaign: Campaign, drained: Drained) -> None:
    """Take out of the store what a complete read, borne out by all counters, shows to be another send's."""
    wanted = drained.rows.select(["message_id"]).slice(0, 1)
    true = drained.rows.column("msisdn").combine_chunks()
    dropped = 0
    for table in ("dlrs", "optouts"):
        stored = store.tables.rows_sharing(table, wanted, "message_id")
        foreign = stored.filter(pc.invert(pc.is_in(stored.column("msisdn"), true)))
        if foreign.num_rows:
            store.merging.remove(table, foreign)
            dropped = max(dropped, foreign.num_rows)
    if dropped:
        report.note(
            f"dlrs of campaign {campaign.message_id}: {dropped:,} recipients that an earlier answer named "
            "are not of this send, by a complete read that all its counters bear out; they are taken out."
        )
