"""Replies: which message each one answers, and what it says.

Owns the attribution of replies. Imports of smsdata only errors, analysis.core and, for what texts say,
reply_words and reply_halves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pandas as pd

from smsdata.analysis.core.apart import each_account
from smsdata.analysis.core.column_types import typed
from smsdata.analysis.core.engine import Source, Tables, length, open_tables, owned
from smsdata.analysis.core.provenance import TimeSpan, explained
from smsdata.analysis.core.statistics import rate
from smsdata.analysis.reply_halves import classes_of
from smsdata.analysis.reply_words import NO_ENGAGEMENT, ReplyClass
from smsdata.errors import UsageError
from smsdata.schema.callback_marks import OPTED_OUT_WORDS

NEVER_PENDING = "a reply that was received is never pending"
"""What `explain` says of the pending share where replies are counted."""
_TOLD = ReplyClass("optout", 1, "callback")


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
    "sign": "str",
}


# A reply's window touches two buckets of the window's length: a join on equal buckets finds every candidate.
_TOUCHES = """
    WITH probes AS (
        SELECT {whose} AS "whose", "id" AS "reply", "msisdn", "longcode", unix_micros("received_at") AS "at",
            unix_micros("received_at") - unix_micros("received_at") % :window - "back" * :window AS "bucket"
        FROM @replies CROSS JOIN (SELECT 0 AS "back" UNION ALL SELECT 1 AS "back") AS b
    ),
    sent AS (
        SELECT {whose} AS "whose", "id" AS "answered_id", "message_id", "msisdn", "sender",
            unix_micros("sent_at") AS "sent_at",
            unix_micros("sent_at") - unix_micros("sent_at") % :window AS "bucket"
        FROM @messages
    ),
    touches AS (
        SELECT p."reply", s."answered_id", s."message_id", s."sent_at",
            count(*) OVER (PARTITION BY p."reply") AS "outbound",
            row_number() OVER (latest_first) AS "back",
            lead(s."sent_at") OVER (latest_first) AS "earlier"
        FROM probes AS p JOIN sent AS s
            ON p."whose" = s."whose" AND p."msisdn" = s."msisdn" AND p."longcode" = s."sender"
            AND p."bucket" = s."bucket"
        WHERE s."sent_at" <= p."at" AND s."sent_at" >= p."at" - :window
        WINDOW latest_first AS (PARTITION BY p."reply" ORDER BY s."sent_at" DESC, s."answered_id" DESC)
    )
"""


@each_account
def attribute_replies(messages: Source, replies: Source, *, window: str | timedelta = "72h") -> pd.DataFrame:
    """Tell which message each reply answers: the last one sent to that number from the number it replied to.

    There is no ``mature_only``: a row is a reply, and one that was received is never pending.

    Parameters
    ----------
    messages : DataFrame, Scan or Spark DataFrame
        The table messages: ``id``, ``message_id``, ``msisdn``, ``sender``, ``sent_at``.
    replies : DataFrame, Scan or Spark DataFrame
        The table replies: ``id``, ``msisdn``, ``longcode``, ``received_at``; ``response`` and ``message_id``
        where there.
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
    >>> attribute_replies(messages, replies)[["id", "message_id", "minutes", "outbound", "ambiguous"]]
       id  message_id  minutes  outbound  ambiguous
    0   5          11     30.0         2       True
    """
    within = length(window, "attribute_replies")
    with open_tables("attribute_replies", replies=replies, messages=messages) as tables:
        replied = attributed(tables, within)
        return explained(
            typed(replied, _ATTRIBUTED),
            tables,
            formula=f"last message to the number from the number replied to, within {window}",
            numerator="replies with a message_id",
            denominator="replies",
            window=_received(replied),
            pending=NEVER_PENDING,
        )


@each_account
def reply_windows(
    messages: Source, replies: Source, *, windows: Sequence[str] = ("4h", "24h", "72h", "8d")
) -> pd.DataFrame:
    """Tell how much the attribution of replies depends on the length of the window.

    There is no ``mature_only``: replies are counted, and one that was received is never pending.

    Parameters
    ----------
    messages, replies : DataFrame, Scan or Spark DataFrame
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

        There is no interval: it is about how these very replies are read, not about others.

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
    >>> reply_windows(messages, replies)["attributed"].tolist()
    [0, 1, 1, 1]
    """
    lengths = {window: length(window, "reply_windows") for window in windows}
    if not lengths:
        raise UsageError("reply_windows: windows is empty; give some, like ('24h', '72h').")
    with open_tables("reply_windows", replies=replies, messages=messages) as tables:
        widest = attributed(tables, max(lengths.values()))
        counts = pd.DataFrame([_in_shorter_window(widest, within) for within in lengths.values()])
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
            pending=NEVER_PENDING,
        )


@each_account
def classify_replies(
    replies: Source, *, messages: Source | None = None, window: str | timedelta = "72h"
) -> pd.DataFrame:
    """Tell what each reply says: opt-out, opt-in, yes, no, question and other kinds.

    There is no ``mature_only``: a row is a reply, and one that was received is never pending.

    Parameters
    ----------
    replies : DataFrame, Scan or Spark DataFrame
        The table replies: ``id``, ``msisdn``, ``longcode``, ``received_at``, ``response``; ``message_id``,
        ``original_message`` and ``extra`` where there.
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
        - ``kind`` (str): optout, optin, yes, no, question, wrong_person, empty, other; tapback ("Liked ...")
          and auto_reply, which a telephone writes and which are no engagement;
        - ``optout_tier`` (Int64): 1 keyword, plain request or a callback's word (``is_optout``, kept in
          ``extra``), 2 the word the message asked for, 3 misspelt or contained keyword, 4 phrase or
          likely by the model; NA if there is no sign of an opt-out;
        - ``review`` (bool): tier 3 or 4: a person should read it. Only tiers 1 and 2 are certain;
        - ``sign`` (str): what decided: "keyword", "callback", "asked", the name of a phrase ("stop + send"),
          "misspelt", "hint", "model" and the like; empty where no opt-out or opt-in was in question.

    Raises
    ------
    UsageError
        As `attribute_replies`.

    References
    ----------
    The rules and their sources (CTIA, FCC, ACMA, Twilio, AWS, Telnyx) stand at
    `smsdata.analysis.reply_words.classify_text`.

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
        frame = _with_answered(tables, length(window, "classify_replies"))
        classes = [
            _TOLD if told and (read.optout_tier or 3) > 2 else read
            for read, told in zip(reply_classes(frame), frame["told"], strict=True)
        ]
        full = frame.assign(
            kind=[c.kind for c in classes],
            optout_tier=pd.array([c.optout_tier for c in classes], dtype="Int64"),
            review=[c.review for c in classes],
            sign=[c.sign for c in classes],
        )
        return explained(
            typed(full, _CLASSIFIED),
            tables,
            formula="opt-out tiers: keyword, word asked for, near a keyword, phrase; then the other kinds",
            numerator="replies of a kind",
            denominator="replies",
            window=_received(frame),
            pending=NEVER_PENDING,
            notes=("the column sign tells which rule decided, or that the model did",),
        )


def reply_classes(frame: pd.DataFrame) -> list[ReplyClass]:
    """Read each distinct reply once, together with the text it answers."""
    texts = (frame[name].fillna("").to_numpy(object) for name in ("response", "answered"))
    pairs = list(zip(*texts, strict=True))
    read = classes_of(list(dict.fromkeys(pairs)))
    return [read[pair] for pair in pairs]


def from_people(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out what telephones write: tapbacks and automatic replies."""
    texts = frame if "answered" in frame else frame.assign(answered="")
    written = [reply.kind not in NO_ENGAGEMENT for reply in reply_classes(texts)]
    return frame[pd.Series(written, index=frame.index, dtype="bool")]


def asks_out(frame: pd.DataFrame) -> pd.Series:
    """Tell which replies ask to be left alone, certain or for review."""
    texts = frame if "answered" in frame else frame.assign(answered="")
    asked = [reply.kind == "optout" for reply in reply_classes(texts)]
    return pd.Series(asked, index=frame.index, dtype="bool")


def require_pair(tables: Tables) -> None:
    """Raise UsageError if replies and messages lack what attribution needs, or repeat their keys."""
    tables.require("replies", "id", "msisdn", "longcode", "received_at")
    tables.require("messages", "id", "message_id", "msisdn", "sender", "sent_at")
    tables.require_keys("replies", ("id",))
    tables.require_keys("messages", ("id",))


def gateway_send(tables: Tables) -> str:
    """Write the SQL for the send that the gateway says a reply answers; null where it names none."""
    return 'nullif("message_id", 0)' if tables.has("replies", "message_id") else "CAST(NULL AS BIGINT)"


def _told_by_callback(tables: Tables) -> str:
    """Write the SQL for whether a callback said that the reply is an opt-out."""
    if not tables.has("replies", "extra"):
        return "FALSE"
    said = (f"""lower("extra") LIKE '%"is_optout":"{word}"%'""" for word in OPTED_OUT_WORDS)
    return f"coalesce({' OR '.join(said)}, FALSE)"


def _optional(tables: Tables, column: str) -> str:
    return f'"{column}"' if tables.has("replies", column) else "CAST(NULL AS STRING)"


def attributed(tables: Tables, within: int) -> pd.DataFrame:
    """Attribute every reply; instants are microseconds.

    Beside the public columns: ``earlier``, when the message before was sent; ``answered``, text in the reply.
    """
    require_pair(tables)
    frame = tables.query(
        f"""
        {_TOUCHES.format(whose='"account"' if owned(tables, "replies", "messages") else "''")}
        SELECT r."id", r."msisdn", r."longcode", r."received_at", r."response", r."answered", r."told",
            r."gateway_message_id", t."message_id", t."answered_id", t."sent_at", t."earlier",
            coalesce(t."outbound", 0) AS "outbound",
            (r."received_at" - t."sent_at") / 60000000 AS "minutes",
            coalesce(t."outbound", 0) > 1 AS "ambiguous",
            t."message_id" = r."gateway_message_id" AS "agrees"
        FROM (
            SELECT "id", "msisdn", "longcode", unix_micros("received_at") AS "received_at",
                {_optional(tables, "response")} AS "response",
                {_optional(tables, "original_message")} AS "answered", {_told_by_callback(tables)} AS "told",
                {gateway_send(tables)} AS "gateway_message_id"
            FROM @replies
        ) AS r
        LEFT JOIN (SELECT * FROM touches WHERE "back" = 1) AS t ON r."id" = t."reply"
        ORDER BY "received_at", "id"
        """,
        window=within,
    )
    if frame["answered_id"].isna().all():
        tables.warn_unmatched("replies", "messages", ("msisdn", "msisdn"), ("longcode", "sender"))
    return frame


def _in_shorter_window(widest: pd.DataFrame, within: int) -> dict[str, int]:
    """Count what a shorter window would have given: the last touch is the same one, or none."""
    attributed = (widest["received_at"] - widest["sent_at"] <= within).fillna(False)
    ambiguous = (widest["received_at"] - widest["earlier"] <= within).fillna(False)
    agrees = widest.loc[attributed, "agrees"].dropna()
    return {
        "replies": len(widest),
        "attributed": int(attributed.sum()),
        "ambiguous": int(ambiguous.sum()),
        "compared": len(agrees),
        "agreed": int(agrees.sum()),
    }


def _with_answered(tables: Tables, within: int) -> pd.DataFrame:
    """Give the replies with the send they answer and its text."""
    frame = attributed(tables, within) if "messages" in tables else _unattributed(tables)
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
            {_optional(tables, "original_message")} AS "answered", {_told_by_callback(tables)} AS "told",
            CAST(NULL AS BIGINT) AS "message_id",
            {gateway_send(tables)} AS "gateway_message_id"
        FROM @replies ORDER BY "received_at", "id"
    """)


def _received(replies: pd.DataFrame) -> TimeSpan:
    return TimeSpan(replies["received_at"].min(), replies["received_at"].max(), clock="received_at")
