"""Replies: which message each one answers, what it says, how many people reply and how fast.

Owns the attribution of replies. Imports of smsdata only errors and, within analysis, the engine, grouping,
provenance, stats and texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from smsdata.analysis.core.engine import MATURE, MICROS, Source, Tables, open_tables, typed
from smsdata.analysis.core.grouping import By, group_keys
from smsdata.analysis.core.provenance import Window, explained, span
from smsdata.analysis.core.statistics import rate, wilson
from smsdata.analysis.texts import classify_text
from smsdata.errors import UsageError

_NO_STATUS = "a reply that was received is never pending"
_UNITS = {"m": 60, "h": 3_600, "d": 86_400}
_HOUR = 60.0
_ATTRIBUTED = {
    "id": "int64",
    "msisdn": "str",
    "longcode": "str",
    "received_at": "utc",
    "response": "str",
    "message_id": "Int64",
    "answered_id": "Int64",
    "sent_at": "utc",
    "minutes": "float64",
    "outbound": "int64",
    "ambiguous": "bool",
    "gateway_message_id": "Int64",
    "agrees": "boolean",
}
_WINDOWS = {
    "window": "str",
    "replies": "int64",
    "attributed": "int64",
    "attributed_share": "float64",
    "ambiguous": "int64",
    "ambiguous_share": "float64",
    "compared": "int64",
    "agreed": "int64",
    "agreed_share": "float64",
}
_RATES = {
    "recipients": "int64",
    "delivered": "int64",
    "pending": "int64",
    "pending_share": "float64",
    "replied": "int64",
    "replies": "int64",
    "rate": "float64",
    "low": "float64",
    "high": "float64",
    "first": "utc",
    "last": "utc",
    "mature": "boolean",
}
_TIMES = {
    "replies": "int64",
    "p10": "float64",
    "median": "float64",
    "p90": "float64",
    "within_1h": "float64",
    "within_24h": "float64",
}
_CLASSIFIED = {
    "id": "int64",
    "msisdn": "str",
    "longcode": "str",
    "received_at": "utc",
    "response": "str",
    "message_id": "Int64",
    "answered": "str",
    "kind": "str",
    "optout_tier": "Int64",
    "review": "bool",
}
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
# A reply's window touches two buckets of the window's length: a join on equal buckets finds every candidate.
_TOUCHES = """
    WITH probes AS (
        SELECT "id" AS "reply", "msisdn", "longcode", unix_micros("received_at") AS "at",
            unix_micros("received_at") - unix_micros("received_at") % :window - "back" * :window AS "bucket"
        FROM @replies CROSS JOIN (SELECT 0 AS "back" UNION ALL SELECT 1 AS "back") AS b
    ),
    sent AS (
        SELECT "id" AS "answered_id", "message_id", "msisdn", "sender", unix_micros("sent_at") AS "sent_at",
            unix_micros("sent_at") - unix_micros("sent_at") % :window AS "bucket"
        FROM @messages
    ),
    touches AS (
        SELECT p."reply", s."answered_id", s."message_id", s."sent_at",
            count(*) OVER (PARTITION BY p."reply") AS "outbound",
            row_number() OVER (latest_first) AS "back",
            lead(s."sent_at") OVER (latest_first) AS "earlier"
        FROM probes AS p JOIN sent AS s
            ON p."msisdn" = s."msisdn" AND p."longcode" = s."sender" AND p."bucket" = s."bucket"
        WHERE s."sent_at" <= p."at" AND s."sent_at" >= p."at" - :window
        WINDOW latest_first AS (PARTITION BY p."reply" ORDER BY s."sent_at" DESC, s."answered_id" DESC)
    )
"""
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


def attribute_replies(replies: Source, messages: Source, *, window: str | timedelta = "72h") -> pd.DataFrame:
    """Tell which message each reply answers: the last one sent to that number from the number it replied to.

    Parameters
    ----------
    replies : DataFrame, Scan or Spark DataFrame
        The table replies: ``id``, ``msisdn``, ``longcode``, ``received_at``; ``response`` and ``message_id``
        where there.
    messages : DataFrame, Scan or Spark DataFrame
        The table messages: ``id``, ``message_id``, ``msisdn``, ``sender``, ``sent_at``.
    window : str or timedelta
        How long after a message a reply may come: "90m", "72h", "8d". Both ends count.

    Returns
    -------
    DataFrame
        One row per reply, in order of ``received_at`` and ``id``:

        - ``id`` (int64), ``msisdn``, ``longcode`` (str), ``received_at`` (datetime64[us, UTC]), ``response``
          (str, missing where there is none): of the reply;
        - ``message_id`` (Int64): the send it answers; NA if nothing was sent within the window;
        - ``answered_id`` (Int64): ``id`` of that row of messages; NA likewise;
        - ``sent_at`` (datetime64[us, UTC]): when that was sent; NaT likewise;
        - ``minutes`` (float64): from then to the reply; NaN likewise;
        - ``outbound`` (int64): messages within the window;
        - ``ambiguous`` (bool): two or more;
        - ``gateway_message_id`` (Int64): the send that the gateway names; NA where it names none;
        - ``agrees`` (boolean): both name the same send; NA unless both name one.

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive, ``id`` repeats, or the window is no length of time.

    Notes
    -----
    A message and a reply in the same second count as question and answer.

    References
    ----------
    Last touch. Vendors' windows reach from 4 hours (Braze) to 8 days (Telstra): see `reply_windows` for what
    the choice changes.

    Examples
    --------
    >>> import pandas as pd
    >>> messages = pd.DataFrame({
    ...     "id": [1, 2], "message_id": [10, 11], "msisdn": "61491570156", "sender": "61491570006",
    ...     "sent_at": pd.to_datetime(["2026-11-01T00:00", "2026-11-02T00:00"], utc=True),
    ... })
    >>> replies = pd.DataFrame({
    ...     "id": [5], "msisdn": "61491570156", "longcode": "61491570006", "response": ["Yes"],
    ...     "received_at": pd.to_datetime(["2026-11-02T00:30"], utc=True),
    ... })
    >>> attribute_replies(replies, messages)[["id", "message_id", "minutes", "outbound", "ambiguous"]]
       id  message_id  minutes  outbound  ambiguous
    0   5          11     30.0         2       True
    """
    length = length_of(window, "attribute_replies")
    with open_tables("attribute_replies", replies=replies, messages=messages) as tables:
        found = _attributed(tables, length)
        return explained(
            typed(found, _ATTRIBUTED),
            tables,
            formula=f"last message to the number from the number replied to, within {window}",
            numerator="replies with a message_id",
            denominator="replies",
            window=_received(found),
            pending=_NO_STATUS,
        )


def reply_windows(
    replies: Source, messages: Source, *, windows: Sequence[str] = ("4h", "24h", "72h", "8d")
) -> pd.DataFrame:
    """Tell how much the attribution of replies depends on the length of the window.

    Parameters
    ----------
    replies, messages : DataFrame, Scan or Spark DataFrame
        As for `attribute_replies`.
    windows : sequence of str
        Windows to compare.

    Returns
    -------
    DataFrame
        One row per window, in the order given:

        - ``window`` (str); ``replies`` (int64): all of them;
        - ``attributed`` (int64) with ``attributed_share`` (float64): replies with a message in the window;
        - ``ambiguous`` (int64) with ``ambiguous_share`` (float64): of those attributed, with two or more;
        - ``compared``, ``agreed`` (int64) with ``agreed_share`` (float64): replies for which the gateway
          names a send too, and names the same. Shares are 0 to 1, NaN where there is nothing to divide by.

    Raises
    ------
    UsageError
        As `attribute_replies`; if no window is given.

    References
    ----------
    Vendors use 4 hours (Braze), 24 hours (Klaviyo, once) and 8 days (Telstra); 72 hours is our own choice.

    Examples
    --------
    >>> import pandas as pd
    >>> messages = pd.DataFrame({
    ...     "id": [1], "message_id": [10], "msisdn": "61491570156", "sender": "61491570006",
    ...     "sent_at": pd.to_datetime(["2026-11-01"], utc=True),
    ... })
    >>> replies = pd.DataFrame({
    ...     "id": [5], "msisdn": "61491570156", "longcode": "61491570006",
    ...     "received_at": pd.to_datetime(["2026-11-02"], utc=True),
    ... })
    >>> reply_windows(replies, messages)["attributed"].tolist()
    [0, 1, 1, 1]
    """
    lengths = {window: length_of(window, "reply_windows") for window in windows}
    if not lengths:
        raise UsageError("reply_windows: windows is empty; give some, like ('24h', '72h').")
    with open_tables("reply_windows", replies=replies, messages=messages) as tables:
        widest = _attributed(tables, max(lengths.values()))
        counts = pd.DataFrame([_within(widest, length) for length in lengths.values()])
        full = counts.assign(
            window=list(lengths),
            attributed_share=rate(counts["attributed"], counts["replies"]),
            ambiguous_share=rate(counts["ambiguous"], counts["attributed"]),
            agreed_share=rate(counts["agreed"], counts["compared"]),
        )
        return explained(
            typed(full, _WINDOWS),
            tables,
            formula="attributed / replies; ambiguous / attributed; agreed / compared",
            numerator="replies with a message, with two or more, with the gateway's own message",
            denominator="replies; attributed replies; attributed replies that the gateway refers to a send",
            window=_received(widest),
            pending=_NO_STATUS,
        )


def reply_rate(
    messages: Source,
    replies: Source,
    *,
    by: By = None,
    window: str | timedelta = "72h",
    tz: str = "UTC",
    now: datetime | str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tell what share of the people who could reply did.

    Parameters
    ----------
    messages, replies : DataFrame, Scan or Spark DataFrame
        As for `attribute_replies`; messages also needs ``status`` and what ``by`` needs.
    by : str, sequence of str or None
        Groups of messages: column names, "hour", "day", "week", "month", "hour_of_day", "weekday", "sender",
        "country", "campaign". None is one group of all.
    window : str or timedelta
        As for `attribute_replies`.
    tz : str
        IANA time zone in which hours, days, weeks and months begin.
    now : aware datetime, ISO text or None
        The present, for ``mature``; default: the latest ``synced_at``, else the clock.
    level : float
        Confidence of the interval, 0 to 1.

    Returns
    -------
    DataFrame
        One row per group; only messages from senders that can receive, which names such as "ACME" cannot:

        - the groups, named as asked;
        - ``recipients`` (int64): messages to one recipient, whatever became of them;
        - ``delivered``, ``pending`` (int64) of them, ``pending_share`` (float64): pending / recipients;
        - ``replied`` (int64): delivered messages that at least one reply is attributed to;
        - ``replies`` (int64): those replies;
        - ``rate`` (float64, 0 to 1): replied / delivered; NaN if nothing was delivered;
        - ``low``, ``high`` (float64): its Wilson interval;
        - ``first``, ``last`` (datetime64[us, UTC]): when the first and the last was sent;
        - ``mature`` (boolean): all were sent more than 73 hours and more than the window ago; NA if empty.

    Raises
    ------
    UsageError
        As `attribute_replies`; if a grouping or time zone is unknown.

    References
    ----------
    Interval: Brown, Cai & DasGupta 2001. Alphanumeric senders cannot receive replies: provider's help.

    Examples
    --------
    >>> import pandas as pd
    >>> messages = pd.DataFrame({
    ...     "id": [1, 2, 3], "message_id": 10, "msisdn": ["61491570156", "61491570157", "61491570158"],
    ...     "sender": ["61491570006", "61491570006", "ACME"], "status": "delivered",
    ...     "sent_at": pd.to_datetime(["2026-11-01"] * 3, utc=True),
    ... })
    >>> replies = pd.DataFrame({
    ...     "id": [5], "msisdn": "61491570156", "longcode": "61491570006",
    ...     "received_at": pd.to_datetime(["2026-11-02"], utc=True),
    ... })
    >>> reply_rate(messages, replies, now="2026-11-22")[["delivered", "replied", "rate"]]
       delivered  replied  rate
    0          2        1   0.5
    """
    length = length_of(window, "reply_rate")
    with open_tables("reply_rate", messages=messages, replies=replies) as tables:
        tables.require("messages", "status")
        keys = group_keys(tables, "messages", by, tz=tz)
        present = tables.now(now, "messages")
        answered = _attributed(tables, length)["answered_id"].dropna().value_counts()
        tables.add("answers", _counted(answered))
        counts = keys.finish(
            tables.query(f"""
                SELECT {keys.select}
                    count(*) AS "recipients",
                    count(*) FILTER (WHERE "status" = 'delivered') AS "delivered",
                    count(*) FILTER (WHERE "status" = 'pending') AS "pending",
                    count("answers") FILTER (WHERE "status" = 'delivered') AS "replied",
                    CAST(coalesce(sum("answers") FILTER (WHERE "status" = 'delivered'), 0) AS BIGINT)
                        AS "replies",
                    min(unix_micros("sent_at")) AS "first",
                    max(unix_micros("sent_at")) AS "last"
                FROM {keys.source} LEFT JOIN @answers ON "id" = "answered_row"
                WHERE translate("sender", '+0123456789', '') = ''
                {keys.group}
            """)
        )
        low, high = wilson(counts["replied"], counts["delivered"], level=level)
        full = counts.assign(
            pending_share=rate(counts["pending"], counts["recipients"]),
            rate=rate(counts["replied"], counts["delivered"]),
            low=low,
            high=high,
            mature=counts["last"] <= present - max(MATURE, length),
        )
        return explained(
            pd.concat([counts[keys.names], typed(full, _RATES)], axis=1),
            tables,
            formula="replied / delivered",
            numerator=f"delivered messages with a reply attributed to them within {window}",
            denominator="messages delivered from senders that can receive replies",
            window=Window(counts["first"].min(), counts["last"].max()),
            pending=_share(counts["pending"].sum(), counts["recipients"].sum()),
            notes=(f"interval: Wilson, {level:.0%}", "senders with letters in them are left out"),
        )


def time_to_reply(
    replies: Source,
    messages: Source,
    *,
    by: By = None,
    window: str | timedelta = "72h",
    tz: str = "UTC",
) -> pd.DataFrame:
    """Tell how long the people who reply take.

    Parameters
    ----------
    replies, messages : DataFrame, Scan or Spark DataFrame
        As for `attribute_replies`.
    by : str, sequence of str or None
        Groups of replies by the message they answer: "campaign", "sender", "hour", "day", "week", "month",
        "hour_of_day", "weekday" (of sending), "country", or a column of `attribute_replies`.
    window : str or timedelta
        As for `attribute_replies`; no time is longer than that.
    tz : str
        IANA time zone in which hours, days, weeks and months begin.

    Returns
    -------
    DataFrame
        One row per group:

        - the groups, named as asked;
        - ``replies`` (int64): those attributed to a message;
        - ``p10``, ``median``, ``p90`` (float64): minutes from sending to reply; NaN without replies;
        - ``within_1h``, ``within_24h`` (float64, 0 to 1): their share; NaN without replies.

        It describes those who replied: people who never reply are not in it (see `reply_rate`).

    Raises
    ------
    UsageError
        As `attribute_replies`; if a grouping or time zone is unknown.

    References
    ----------
    Quantiles: linear interpolation between the two nearest (Hyndman & Fan 1996, type 7).

    Examples
    --------
    >>> import pandas as pd
    >>> messages = pd.DataFrame({
    ...     "id": [1, 2], "message_id": 10, "msisdn": ["61491570156", "61491570157"], "sender": "61491570006",
    ...     "sent_at": pd.to_datetime(["2026-11-01"] * 2, utc=True),
    ... })
    >>> replies = pd.DataFrame({
    ...     "id": [5, 6], "msisdn": ["61491570156", "61491570157"], "longcode": "61491570006",
    ...     "received_at": pd.to_datetime(["2026-11-01T00:20", "2026-11-01T02:00"], utc=True),
    ... })
    >>> time_to_reply(replies, messages)[["replies", "median", "within_1h"]]
       replies  median  within_1h
    0        2    70.0        0.5
    """
    attributed = attribute_replies(replies, messages, window=window).dropna(subset="message_id")
    with open_tables("time_to_reply", replies=attributed.assign(sender=attributed["longcode"])) as tables:
        keys = group_keys(tables, "replies", by, tz=tz)
        rows = keys.finish(tables.query(f'SELECT {keys.select} "minutes" FROM {keys.source}'))
        groups = rows.groupby(keys.names, dropna=False) if keys.names else [((), rows)]
        found = [[*group, *_times(members["minutes"])] for group, members in groups]
        summary = pd.DataFrame(found, columns=[*keys.names, *_TIMES])
        summary = summary.astype({name: rows[name].dtype for name in keys.names})
        return explained(
            pd.concat([summary[keys.names], typed(summary, _TIMES)], axis=1),
            tables,
            formula="minutes from sending to reply, quantiles with linear interpolation",
            numerator="replies within an hour, within a day",
            denominator=f"replies attributed to a message within {window}",
            window=span(tables, "replies", "received_at")[0],
            pending=_NO_STATUS,
        )


def classify_replies(
    replies: Source, messages: Source | None = None, *, window: str | timedelta = "72h"
) -> pd.DataFrame:
    """Tell what each reply says: opt-out, opt-in, yes, no, question, wrong person, empty or other.

    Parameters
    ----------
    replies : DataFrame, Scan or Spark DataFrame
        The table replies: ``id``, ``msisdn``, ``longcode``, ``received_at``, ``response``; ``message_id`` and
        ``original_message`` where there.
    messages : DataFrame, Scan, Spark DataFrame or None
        The table messages with ``message``: the answered text is taken from there where the reply does not
        hold it. Without it an instruction like "reply NO to opt out" may go unseen.
    window : str or timedelta
        As for `attribute_replies`, for replies in which the gateway names no send.

    Returns
    -------
    DataFrame
        One row per reply, in order of ``received_at`` and ``id``:

        - ``id`` (int64), ``msisdn``, ``longcode`` (str), ``received_at`` (datetime64[us, UTC]), ``response``;
        - ``message_id`` (Int64): the send it answers, as the gateway says, else as attributed; NA if neither;
        - ``answered`` (str): the text it answers; missing if not known;
        - ``kind`` (str): optout, optin, yes, no, question, wrong_person, empty or other;
        - ``optout_tier`` (Int64): 1 keyword, 2 the word the message asked for, 3 misspelt or contained
          keyword, 4 phrase; NA if there is no sign of an opt-out;
        - ``review`` (bool): tier 3 or 4: a person should read it. Only tiers 1 and 2 are certain.

    Raises
    ------
    UsageError
        As `attribute_replies`.

    References
    ----------
    The rules and their sources (CTIA, FCC, ACMA, Twilio, AWS, Telnyx) stand at
    `smsdata.analysis.texts.classify_text`.

    Examples
    --------
    >>> import pandas as pd
    >>> replies = pd.DataFrame({
    ...     "id": [5, 6, 7], "msisdn": "61491570156", "longcode": "61491570006",
    ...     "received_at": pd.to_datetime(["2026-11-01", "2026-11-02", "2026-11-03"], utc=True),
    ...     "response": ["Stop.", "No", "don't stop"],
    ...     "original_message": [None, "Sale! Unsub: reply NO", None],
    ... })
    >>> classify_replies(replies)[["response", "kind", "optout_tier"]]
         response    kind  optout_tier
    0       Stop.  optout            1
    1          No  optout            2
    2  don't stop   other         <NA>
    """
    with open_tables("classify_replies", replies=replies, messages=messages) as tables:
        tables.require("replies", "id", "msisdn", "longcode", "received_at", "response")
        tables.require_keys("replies", ("id",))
        frame = _with_answered(tables, length_of(window, "classify_replies"))
        pairs = zip(frame["response"].fillna(""), frame["answered"].fillna(""), strict=True)
        classes = [classify_text(response, answered) for response, answered in pairs]
        full = frame.assign(
            kind=[c.kind for c in classes],
            optout_tier=pd.array([c.optout_tier for c in classes], dtype="Int64"),
            review=[c.review for c in classes],
        )
        return explained(
            typed(full, _CLASSIFIED),
            tables,
            formula="opt-out tiers: keyword, word asked for, near a keyword, phrase; then the other kinds",
            numerator="replies of a kind",
            denominator="replies",
            window=_received(frame),
            pending=_NO_STATUS,
        )


def threads(replies: Source, messages: Source, *, gap: str | timedelta = "72h") -> pd.DataFrame:
    """Lay out the conversations: messages and replies between two numbers, in order of time.

    Parameters
    ----------
    replies, messages : DataFrame, Scan or Spark DataFrame
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
    >>> threads(replies, messages)[["thread", "direction", "text"]]
       thread direction     text
    0       1       out  Coming?
    1       1        in      Yes
    """
    length = length_of(gap, "threads")
    with open_tables("threads", replies=replies, messages=messages) as tables:
        _require(tables)
        tables.require("messages", "message")
        tables.require("replies", "response")
        rows = tables.query(_THREADED.format(gateway=_gateway(tables)), gap=length)
        return explained(
            typed(rows, _THREADS),
            tables,
            formula=f"messages and replies between two numbers; a silence over {gap} begins a new thread",
            numerator="rows",
            denominator="numbers that replied",
            window=Window(rows["at"].min(), rows["at"].max(), clock="at"),
            pending="messages are shown whatever became of them",
        )


def length_of(window: str | timedelta, helper: str) -> int:
    """Give the microseconds of "90m", "72h", "8d" or a timedelta; UsageError if it is no length.

    >>> length_of("72h", "reply_rate")
    259200000000
    """
    if isinstance(window, timedelta):
        length = window // timedelta(microseconds=1)
    else:
        match = re.fullmatch(r"(\d+)([mhd])", str(window))
        length = int(match[1]) * _UNITS[match[2]] * MICROS if match else 0
    if length <= 0:
        raise UsageError(f"{helper}: {window!r} is no length of time; write it like '90m', '72h' or '8d'.")
    return length


def _require(tables: Tables) -> None:
    tables.require("replies", "id", "msisdn", "longcode", "received_at")
    tables.require("messages", "id", "message_id", "msisdn", "sender", "sent_at")
    tables.require_keys("replies", ("id",))
    tables.require_keys("messages", ("id",))


def _gateway(tables: Tables) -> str:
    return 'nullif("message_id", 0)' if tables.has("replies", "message_id") else "CAST(NULL AS BIGINT)"


def _optional(tables: Tables, column: str) -> str:
    return f'"{column}"' if tables.has("replies", column) else "CAST(NULL AS STRING)"


def _attributed(tables: Tables, length: int) -> pd.DataFrame:
    """Attribute every reply; instants are microseconds.

    Beside the public columns: ``earlier``, when the message before was sent; ``answered``, text in the reply.
    """
    _require(tables)
    return tables.query(
        f"""
        {_TOUCHES}
        SELECT r."id", r."msisdn", r."longcode", r."received_at", r."response", r."answered",
            r."gateway_message_id", t."message_id", t."answered_id", t."sent_at", t."earlier",
            coalesce(t."outbound", 0) AS "outbound",
            (r."received_at" - t."sent_at") / 60000000 AS "minutes",
            coalesce(t."outbound", 0) > 1 AS "ambiguous",
            t."message_id" = r."gateway_message_id" AS "agrees"
        FROM (
            SELECT "id", "msisdn", "longcode", unix_micros("received_at") AS "received_at",
                {_optional(tables, "response")} AS "response",
                {_optional(tables, "original_message")} AS "answered",
                {_gateway(tables)} AS "gateway_message_id"
            FROM @replies
        ) AS r
        LEFT JOIN (SELECT * FROM touches WHERE "back" = 1) AS t ON r."id" = t."reply"
        ORDER BY "received_at", "id"
        """,
        window=length,
    )


def _within(widest: pd.DataFrame, length: int) -> dict[str, int]:
    """Count what a shorter window would have given: the last touch is the same one, or none."""
    attributed = (widest["received_at"] - widest["sent_at"] <= length).fillna(False)
    ambiguous = (widest["received_at"] - widest["earlier"] <= length).fillna(False)
    agrees = widest.loc[attributed, "agrees"].dropna()
    return {
        "replies": len(widest),
        "attributed": int(attributed.sum()),
        "ambiguous": int(ambiguous.sum()),
        "compared": len(agrees),
        "agreed": int(agrees.sum()),
    }


def _counted(answered: pd.Series) -> pd.DataFrame:
    rows = {"answered_row": answered.index.astype("int64"), "answers": answered.to_numpy("int64")}
    return pd.DataFrame(rows)


def _times(minutes: pd.Series) -> list[float]:
    """Give what `_TIMES` names."""
    p10, median, p90 = minutes.quantile([0.1, 0.5, 0.9])
    shares = [float((minutes <= hours * _HOUR).mean()) if len(minutes) else np.nan for hours in (1, 24)]
    return [len(minutes), p10, median, p90, *shares]


def _with_answered(tables: Tables, length: int) -> pd.DataFrame:
    """Give the replies with the send they answer and its text."""
    frame = _attributed(tables, length) if "messages" in tables else _unattributed(tables)
    frame = frame.assign(message_id=frame["gateway_message_id"].fillna(frame["message_id"]))
    if "messages" not in tables:
        return frame
    tables.require("messages", "message")
    tables.add("wanted", frame.loc[frame["message_id"].notna(), ["message_id", "msisdn"]].drop_duplicates())
    texts = tables.query("""
        SELECT w."message_id", w."msisdn", min(m."message") AS "text"
        FROM @messages AS m JOIN @wanted AS w
            ON m."message_id" = w."message_id" AND m."msisdn" = w."msisdn"
        GROUP BY w."message_id", w."msisdn"
    """)
    frame = frame.merge(texts, on=["message_id", "msisdn"], how="left")
    return frame.assign(answered=frame["answered"].fillna(frame["text"]))


def _unattributed(tables: Tables) -> pd.DataFrame:
    return tables.query(f"""
        SELECT "id", "msisdn", "longcode", unix_micros("received_at") AS "received_at", "response",
            {_optional(tables, "original_message")} AS "answered", CAST(NULL AS BIGINT) AS "message_id",
            {_gateway(tables)} AS "gateway_message_id"
        FROM @replies ORDER BY "received_at", "id"
    """)


def _received(replies: pd.DataFrame) -> Window:
    return Window(replies["received_at"].min(), replies["received_at"].max(), clock="received_at")


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None
