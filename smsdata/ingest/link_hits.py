"""Clicks on tracked links: of one send, or of every send whose count of clicks moved.

Only get-sms-stats counts clicks, send by send, so a plain sync does not ask; where the report of sends shows
``link_hits`` itself, a plain sync reads the sends where it moved. Imports `gateway`, `pipeline` and `plan`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime, timedelta

import pyarrow.compute as pc

from smsdata.gateway.answers import whole
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reads import Read
from smsdata.ingest import plan
from smsdata.ingest.pipeline import Pipeline

_LINK = re.compile(r"https?:|www\.|\[[a-z-]*link[a-z-]*\]|\b[\w-]+\.[a-z]{2,}/\S", re.IGNORECASE)


def read_link_hits(pipeline: Pipeline, start: datetime | None) -> None:
    """Read the clicks of the sends since `start`, or of the last 30 days, whose count moved."""
    since = start or pipeline.client.now() - plan.LOOK_BACK
    rows = pipeline.store.rows("campaigns", since=since, columns=["message_id", "sent_at", "message"])
    sends = [row["message_id"] for row in rows.to_pylist() if _LINK.search(row["message"] or "")]
    _read_moved(pipeline, ((send, _asked(pipeline, send)) for send in sorted(sends)))


def read_reported_link_hits(pipeline: Pipeline) -> None:
    """Read the clicks of the sends whose count moved by what the report of sends says, if it says so."""
    since = pipeline.client.now() - plan.LOOK_BACK - timedelta(days=1)
    rows = pipeline.store.rows("campaigns", since=since, columns=["message_id", "sent_at", "extra"])
    rows = rows.filter(pc.fill_null(pc.match_substring(rows.column("extra"), '"link_hits"'), False))
    counted = (
        (row["message_id"], whole(json.loads(row["extra"]).get("link_hits"))) for row in rows.to_pylist()
    )
    _read_moved(pipeline, counted)


def _asked(pipeline: Pipeline, message_id: int) -> int | None:
    stats = pipeline.client.call("get-sms-stats", message_id=message_id).get("stats")
    return whole(stats.get("link_hits")) if isinstance(stats, dict) else None


def _read_moved(pipeline: Pipeline, counted: Iterable[tuple[int, int | None]]) -> None:
    state = pipeline.state
    moved = {send: hits for send, hits in counted if hits and state.hits_seen.get(send) != hits}
    reads = [Read(endpoint("link_hits"), {"message_id": send}, expect=moved[send]) for send in sorted(moved)]
    for read, drained in zip(reads, pipeline.read_and_store("link_hits", reads), strict=True):
        if drained is None:
            continue
        send = read.parameters["message_id"]
        state.hits_seen[send] = drained.rows.num_rows  # fewer than counted: asked for again by the next run
        if drained.rows.num_rows < moved[send]:
            pipeline.report.note(
                f"link_hits: send {send} has {drained.rows.num_rows:,} clicks, and counts {moved[send]:,}."
            )
    if reads:
        pipeline.store.save_state()
