"""Replies and inbound messages: everything since the cursor. Imports `schema`, `pipeline` and `plan`."""

from __future__ import annotations

import pyarrow as pa

from smsdata.ingest import plan
from smsdata.ingest.pipeline import Pipeline
from smsdata.ingest.plan import SyncOptions
from smsdata.schema.frames import empty


def read_replies(pipeline: Pipeline, options: SyncOptions) -> pa.Table:
    """Read what came since the cursor, and once more where rows were set aside; gives the rows."""
    now = pipeline.client.now()
    cursor, oldest = pipeline.cursor("replies"), plan.oldest_kept(now)
    if cursor and cursor < oldest:
        pipeline.report.attention.append(
            f"replies: those of {cursor:%Y-%m-%d} to {oldest:%Y-%m-%d} were never read and are gone: "
            "the gateway keeps 12 months. Run `smsdata sync` more often."
        )
    start = plan.replies_start(now, cursor, asked=options.start(now))
    span = pipeline.read_slice("replies", start, now, margin=plan.CURSOR_MARGIN, resume=True)
    rows = [d.rows for d in (*pipeline.read_again("replies"), *span) if d is not None]
    return pa.concat_tables([empty("replies"), *rows])
