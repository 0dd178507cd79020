"""Conversations: messages and replies between two numbers, laid out in order of time.

Imports of smsdata only analysis.core and, for what the two tables need, replies.
"""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from smsdata.analysis.core.apart import each_account
from smsdata.analysis.core.column_types import typed
from smsdata.analysis.core.engine import Source, length, open_tables
from smsdata.analysis.core.provenance import TimeSpan, explained
from smsdata.analysis.replies import gateway_send, require_pair

_THREADS = {
    "msisdn": "str",
    "number": "str",
    "thread": "int64",
    "at": "utc",
    "direction": "str",
    "text": "str",
    "message_id": "Int64",
    "id": "int64",
}


_THREADED = """
    WITH events AS (
        SELECT "msisdn", "longcode" AS "number", unix_micros("received_at") AS "at", 1 AS "turn",
            'in' AS "direction", "response" AS "text", {gateway} AS "message_id", "id"
        FROM @replies
        UNION ALL
        SELECT m."msisdn", m."sender", unix_micros(m."sent_at"), 0, 'out', m."message", m."message_id", m."id"
        FROM @messages AS m
        JOIN (SELECT DISTINCT "msisdn", "longcode" FROM @replies) AS r
            ON m."msisdn" = r."msisdn" AND m."sender" = r."longcode"
    ),
    breaks AS (
        SELECT *, CASE WHEN "at" - lag("at") OVER (in_turn) <= :gap THEN 0 ELSE 1 END AS "new"
        FROM events
        WINDOW in_turn AS (PARTITION BY "msisdn", "number" ORDER BY "at", "turn", "id")
    )
    SELECT *, CAST(sum("new") OVER (
        PARTITION BY "msisdn", "number" ORDER BY "at", "turn", "id"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS BIGINT) AS "thread"
    FROM breaks
    ORDER BY "msisdn", "number", "at", "turn", "id"
"""


@each_account
def threads(messages: Source, replies: Source, *, gap: str | timedelta = "72h") -> pd.DataFrame:
    """Lay out the conversations: messages and replies between two numbers, in order of time.

    There is no ``mature_only``: a thread is what was said, whatever became of its last message.

    Parameters
    ----------
    messages, replies : DataFrame, Scan or Spark DataFrame
        As for `attribute_replies`; ``response`` and ``message`` give the text.
    gap : str or timedelta
        A longer silence begins a new thread.

    Returns
    -------
    DataFrame
        One row per message or reply between numbers from which there is at least one reply, ordered by
        ``msisdn``, ``number``, ``at``:

        - ``msisdn`` (str): the person's number; ``number`` (str): ours (sender, longcode);
        - ``thread`` (int64): 1, 2, ... for these two;
        - ``at`` (datetime64[us, UTC]); ``direction`` (str): "out" or "in"; ``text`` (str);
        - ``message_id`` (Int64): the send, or the one the gateway says is answered; NA if none;
        - ``id`` (int64): of the row of messages or replies.

    Raises
    ------
    UsageError
        As `attribute_replies`.

    Examples
    --------
    >>> import pandas as pd
    >>> messages = pd.DataFrame({
    ...     "id": [1], "message_id": [10], "msisdn": "61491570156", "sender": "61491570006",
    ...     "sent_at": pd.to_datetime(["2026-11-01T09:00"], utc=True), "message": ["Coming?"],
    ... })
    >>> replies = pd.DataFrame({
    ...     "id": [5], "msisdn": "61491570156", "longcode": "61491570006", "message_id": [10],
    ...     "received_at": pd.to_datetime(["2026-11-01T09:05"], utc=True), "response": ["Yes"],
    ... })
    >>> threads(messages, replies)[["thread", "direction", "text"]]
       thread direction     text
    0       1       out  Coming?
    1       1        in      Yes
    """
    silence = length(gap, "threads")
    with open_tables("threads", replies=replies, messages=messages) as tables:
        require_pair(tables)
        tables.require("messages", "message")
        tables.require("replies", "response")
        rows = tables.query(_THREADED.format(gateway=gateway_send(tables)), gap=silence)
        if not rows["direction"].eq("out").any():
            tables.warn_unmatched("replies", "messages", ("msisdn", "msisdn"), ("longcode", "sender"))
        return explained(
            typed(rows, _THREADS),
            tables,
            formula=f"messages and replies between two numbers; a silence over {gap} begins a new thread",
            numerator="rows",
            denominator="numbers that replied",
            window=TimeSpan(rows["at"].min(), rows["at"].max(), clock="at"),
            pending="messages are shown whatever became of them",
        )
