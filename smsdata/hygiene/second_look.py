"""The second look: what speaks against a change right before it is made, although the plan is right.

Between a plan and its application people reply, send START, join a list again, or receive a message. Owns
what of that stops which change. Imports of smsdata only `gateway`, `analysis`, `times`, `errors` and, within
hygiene, changes and rereading.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
import pandas as pd

from smsdata.analysis.reply_words import classify_text
from smsdata.errors import ApiError, DrainError, RowError
from smsdata.gateway.caller import Caller
from smsdata.gateway.client import drain
from smsdata.hygiene.changes import UNDATED, Contact, is_active
from smsdata.hygiene.rereading import RepliesHeard
from smsdata.times import instant

KindsOf = Callable[[int], Mapping[str, str]]
"""What became of each recipient of a send, by number."""


def oldest_evidence(rows: pd.DataFrame) -> datetime | None:
    """Tell since when replies matter to some rows of a plan; None if there are no rows."""
    bounces = rows["last_bounce"].min()
    opted_out = [_opted_out_at(row) for row in rows.to_dict("records") if row["action"] == "optout"]
    moments = opted_out if pd.isna(bounces) else [*opted_out, bounces.to_pydatetime()]
    return min(moments, default=None)


def _opted_out_at(row: Mapping[Any, Any]) -> datetime:
    return instant(orjson.loads(row["evidence"])[0]["opted_out_at"])


def last_stop(row: Mapping[Any, Any]) -> datetime:
    """Tell when the number of an opt-out asked to stop, for the last time that the plan knows of."""
    told = orjson.loads(row["evidence"])[0]
    return instant(told.get("last_stop_at", told["opted_out_at"]))


class SecondLook:
    """Looks at one contact after the other.

    Parameters
    ----------
    client
        The account.
    replies
        What was replied until now.
    made_at
        When the plan was made.

    Attributes
    ----------
    joined : dict
        By number, that it joined another list since its last bounce or, of opt-outs, since its last stop; or
        that this could not be asked, or the list does not tell.
    """

    def __init__(self, client: Caller, replies: RepliesHeard, made_at: datetime) -> None:
        self.replies = replies
        self.joined: dict[str, str] = {}
        self._client = client
        self.made_at = made_at
        self._kinds: dict[int, dict[str, str]] = {}
        self._failed: dict[int, ApiError | DrainError | RowError] = {}

    def objection(self, row: Mapping[Any, Any], contact: Contact | None) -> str:
        """Say what speaks against changing this contact now; empty if nothing does."""
        if contact is None:
            return "it is no longer on the list"
        if not is_active(contact):
            return "it is no longer active"
        return self.replies.unread_of(row["msisdn"]) or self._against(row, contact)

    def _against(self, row: Mapping[Any, Any], contact: Contact) -> str:
        if row["action"] == "optout":
            return self._against_opting_out(row, contact) or self.joined.get(row["msisdn"], "")
        if any(at >= row["last_bounce"] for at, _ in self.replies.of(row["msisdn"])):
            return "a reply came since"
        if contact["created_at"] is None:
            return UNDATED
        if contact["created_at"] >= row["last_bounce"]:
            return "it was put on the list since"
        if row["msisdn"] in self.joined:
            return self.joined[row["msisdn"]]
        return self._against_the_evidence(row)

    def _against_the_evidence(self, row: Mapping[Any, Any]) -> str:
        history = drain(self._client, "contact_history", msisdn=row["msisdn"])
        if ((history["status"] == "pending") & (history["sent_at"] >= self.made_at)).any():
            return "a newer message is still under way"
        return objection(with_kinds(history, row, self._kinds_of), row)

    def _against_opting_out(self, row: Mapping[Any, Any], contact: Contact) -> str:
        """A later delivery is no reason: it is what the opt-out forbids. Another STOP is none either."""
        opted_out_at = _opted_out_at(row)
        said = [(at, classify_text(text)) for at, text in sorted(self.replies.of(row["msisdn"]))]
        asked = [
            kind for at, kind in said if (at > opted_out_at and kind.certain_optin) or kind.kind == "optout"
        ]
        if asked and asked[-1].certain_optin:
            return "it asked for messages again (START)"
        since = [kind for at, kind in said if at >= self.made_at]
        if since and since[-1].optout_tier is None:
            return "a reply came since"
        if contact["created_at"] is not None and contact["created_at"] >= last_stop(row):
            return "it was put on the list since"
        return ""

    def _kinds_of(self, message_id: int) -> Mapping[str, str]:
        if message_id in self._failed:  # not tried again for each of its recipients
            raise self._failed[message_id]
        if message_id not in self._kinds:
            try:
                dlrs = drain(self._client, "dlrs", message_id=message_id)
            except (ApiError, DrainError, RowError) as error:
                self._failed[message_id] = error
                raise
            self._kinds[message_id] = dict(zip(dlrs["msisdn"], dlrs["status"], strict=True))
        return self._kinds[message_id]


def with_kinds(history: pd.DataFrame, row: Mapping[Any, Any], kinds_of: KindsOf) -> pd.DataFrame:
    """Name the kind of each bounce that matters, where a number's history does not.

    Parameters
    ----------
    history
        ``message_id``, ``sent_at``, ``status``: all messages to the number.
    row
        Of a plan: ``msisdn``, ``first_bounce``.
    kinds_of
        Reads what became of a send's recipients; asked only for bounces of unknown kind.

    Examples
    --------
    >>> at = pd.Timestamp("2026-10-08", tz="UTC")
    >>> history = pd.DataFrame({"message_id": [7], "sent_at": [at], "status": ["bounced"]})
    >>> row = {"msisdn": "61491570156", "first_bounce": at}
    >>> with_kinds(history, row, lambda _send: {"61491570156": "hard-bounce"})["status"].tolist()
    ['hard-bounce']
    """
    unclear = (history["status"] == "bounced") & (history["sent_at"] >= row["first_bounce"].floor("s"))
    kinds = [kinds_of(int(one)).get(row["msisdn"], "bounced") for one in history.loc[unclear, "message_id"]]
    named = history["status"].copy()
    named[unclear] = kinds
    return history.assign(status=named)


def objection(history: pd.DataFrame, row: Mapping[Any, Any]) -> str:
    """Say what a number's whole history has against removing it; empty if nothing.

    Parameters
    ----------
    history
        ``message_id``, ``sent_at``, ``status``: all messages to the number, as the gateway tells them now.
    row
        Of a plan: ``rule``, ``last_bounce``, ``evidence``.

    Examples
    --------
    >>> at = pd.to_datetime(["2026-10-01", "2026-10-08"], utc=True)
    >>> row = {"rule": "one-day", "last_bounce": at[0], "evidence": "[]"}
    >>> history = pd.DataFrame({"message_id": [1, 2], "sent_at": at, "status": ["delivered", "hard-bounce"]})
    >>> objection(history, row)
    ''
    >>> objection(history.assign(status=["hard-bounce", "delivered"]), row)
    'a message was delivered since'
    """
    final = history[history["status"] != "pending"]
    hard = final.loc[final["status"] == "hard-bounce", "sent_at"]
    if hard.empty or hard.max() < row["last_bounce"].floor("s"):
        return "the gateway does not confirm the hard bounce"
    delivered = final.loc[final["status"] == "delivered", "sent_at"]
    if (delivered >= hard.max()).any():
        return "a message was delivered since"
    if (final.loc[final["status"] != "hard-bounce", "sent_at"] >= hard.max()).any():
        return "the newest outcome is not a hard bounce"
    if row["rule"] == "never-delivered" and not delivered.empty:
        return "a message was delivered once"
    days = hard[~(hard <= delivered.max())].dt.floor("D").nunique()
    if row["rule"] in {"two-days", "unjudged-days"} and days < 2:
        return "the gateway confirms hard bounces of one day only"
    proofs = {bounce["message_id"] for bounce in orjson.loads(row["evidence"])}
    if (history.loc[history["message_id"].isin(proofs), "status"] != "hard-bounce").any():
        return "the gateway does not confirm every hard bounce"
    return ""
