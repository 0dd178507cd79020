"""Bounce evidence: what stands against each active contact of a list, and what speaks for it.

Owns the evidence on which a contact may be taken off its list; `bounces` tells which numbers are dead at all,
and hygiene decides what to do. Not in `bounces`, which would grow too long. Imports of smsdata only
analysis.core, bounce_days and bounces.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from smsdata.analysis.bounce_days import APART_MICROS, NOT_JUDGED, ORDINARY, SPIKE, judged_bounces
from smsdata.analysis.bounces import arrived_sql
from smsdata.analysis.core.column_types import typed
from smsdata.analysis.core.engine import DAY_MICROS, Source, Tables, length, micros, open_tables
from smsdata.analysis.core.provenance import explained
from smsdata.schema.counters import Counters, Stored, agrees, counters_in

_CONTACTS = {
    "list_id": "int64",
    "msisdn": "str",
    "known_tier": "str",
    "held": "bool",
    "hard_bounces": "int64",
    "bounces": "int64",
    "days": "int64",
    "calm_days": "int64",
    "ordinary_days": "int64",
    "calm_apart": "bool",
    "first_bounce": "utc",
    "last_bounce": "utc",
    "last_other": "utc",
    "confirmed": "int64",
    "reconciled": "int64",
    "waiting": "int64",
    "earlier": "int64",
    "sends": "int64",
    "delivered": "int64",
    "last_delivered": "utc",
    "last_reply": "utc",
    "last_added": "utc",
    "undated": "bool",
    "saves": "float64",
}
_STANDING = {
    "msisdn": "str", "message_id": "int64", "sent_at": "utc", "status": "str", "copies": "int64",
    "price": "float64", "verdict": "int64",
}  # fmt: skip


class ContactEvidence(NamedTuple):
    """What stands against contacts, and the bounces that say so."""

    contacts: pd.DataFrame
    bounces: pd.DataFrame


def contact_evidence(
    known: pd.DataFrame,
    *,
    dlrs: Source,
    campaigns: Source,
    status_history: Source,
    replies: Source,
    list_members: Source,
    lists: Source,
    since: datetime | str,
    quiet: str | timedelta,
    apart: str | timedelta = "1h",
    messages: Source | None = None,
    judge_days: bool = True,
) -> ContactEvidence:
    """Tell which hard bounces stand against each active contact of a list.

    A hard bounce stands if polling saw it, nothing ever saw the message delivered, its campaign is
    reconciled, no sign of life (a delivery, a reply) is later, and it is recent enough. A campaign is
    reconciled when its receipts by status agree with its counters, these were read ``quiet`` or longer after
    it was sent, and ``apart`` or longer after polling last saw a receipt of it change.

    Parameters
    ----------
    known : DataFrame
        What `smsdata.analysis.hard_bounced` gave: only these numbers are looked at.
    dlrs : DataFrame, Scan or Spark DataFrame
        ``message_id``, ``msisdn``, ``status``, ``sent_at``; ``delivered_at`` and ``copies`` where there.
    campaigns : DataFrame, Scan or Spark DataFrame
        ``message_id``, ``sent_at``, ``synced_at``, ``cost`` and the four status counters.
    status_history : DataFrame, Scan or Spark DataFrame
        ``message_id``, ``msisdn``, ``status``, ``observed_at``, ``source``.
    replies : DataFrame, Scan or Spark DataFrame
        ``msisdn``, ``received_at``.
    list_members : DataFrame, Scan or Spark DataFrame
        ``list_id``, ``msisdn``, ``status``, ``created_at``; ``gone_at`` where there.
    lists : DataFrame, Scan or Spark DataFrame
        ``list_id``; ``gone_at`` where there.
    since : datetime or str
        Bounces of messages sent before it are too old to stand.
    quiet, apart : str or timedelta
        As above: "98h", "1h".
    messages : DataFrame, Scan or Spark DataFrame, optional
        ``message_id``, ``sender``: with it the days of each sender are judged too.
    judge_days : bool
        Judge the days of the bounces as `smsdata.analysis.hard_bounced` does; False: all are ordinary.

    Returns
    -------
    ContactEvidence
        ``contacts``: one row per active contact whose number is known, by list, then number:

        - ``list_id`` (int64), ``msisdn`` (str); ``known_tier`` (str), ``held`` (bool): as in ``known``;
        - ``hard_bounces`` (int64): hard bounces that are stored; ``bounces`` (int64): those that stand, each
          message of a send that lists the number twice; ``days`` (int64): the UTC days they fell on;
          ``calm_days`` (int64): those without a spike; ``ordinary_days`` (int64): those judged ordinary;
          ``calm_apart`` (bool): whether two bounces of calm days lie 72 h or more apart;
          ``first_bounce``, ``last_bounce`` (datetime64[us, UTC]): when they were sent, NaT without any;
        - ``last_other`` (datetime64[us, UTC]): when the newest message with another outcome was sent, NaT if
          there is none;
        - ``confirmed`` (int64): hard bounces that polling saw and nothing contradicts; ``reconciled``
          (int64): those of them whose campaign is, whatever came later; ``waiting`` (int64): those whose
          campaign was not read long enough after it was sent, or after it last changed; of what is left the
          counters are not what the receipts say, which no waiting mends; ``earlier`` (int64): those of
          reconciled campaigns that a sign of life followed;
        - ``sends``, ``delivered`` (int64): messages to the number, and how many were seen delivered;
        - ``last_delivered``, ``last_reply`` (datetime64[us, UTC]): NaT if never; ``last_added``
          (datetime64[us, UTC]): when it was last put on any list, NaT if no list tells; ``undated`` (bool):
          whether a list that it is on does not tell;
        - ``saves`` (float64): what one message to the number costs: the mean over the bounces that stand; NaN
          without any.

        ``bounces``: one row per hard bounce that stands, by number and time: ``msisdn`` (str), ``message_id``
        (int64), ``sent_at`` (datetime64[us, UTC]), ``status`` (str), ``copies`` (int64, how often the send
        lists the number), ``price`` (float64, the campaign's cost per recipient), ``verdict`` (int64, what
        its day is: `ORDINARY`, `FEW_BOUNCES`, `FEW_DAYS` or `SPIKE` of `bounce_days`).

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive, rows repeat a key, or a time or length is none.

    Examples
    --------
    >>> from smsdata.analysis import hard_bounced
    >>> sent = pd.Timestamp("2026-10-01", tz="UTC")
    >>> dlrs = pd.DataFrame({
    ...     "message_id": [1], "msisdn": ["61491570156"], "status": ["hard-bounce"], "sent_at": sent,
    ... })
    >>> campaigns = pd.DataFrame({
    ...     "message_id": [1], "sent_at": sent, "synced_at": sent + pd.Timedelta("99h"), "cost": 0.08,
    ...     "pending": 0, "delivered": 0, "soft_bounced": 0, "hard_bounced": 1,
    ... })
    >>> history = dlrs.assign(observed_at=sent + pd.Timedelta("2h"), source="polled").drop(columns="sent_at")
    >>> members = pd.DataFrame({
    ...     "list_id": [7], "msisdn": "61491570156", "status": "active", "created_at": sent,
    ... })
    >>> none = pd.DataFrame({"msisdn": [], "received_at": []})
    >>> contacts, _ = contact_evidence(
    ...     hard_bounced(dlrs), dlrs=dlrs, campaigns=campaigns, status_history=history, replies=none,
    ...     list_members=members, lists=members[["list_id"]], since="2026-09-01", quiet="98h",
    ... )
    >>> contacts[["list_id", "msisdn", "bounces", "days", "saves"]]
       list_id       msisdn  bounces  days  saves
    0        7  61491570156        1     1   0.08
    """
    given = {
        "dlrs": dlrs,
        "campaigns": campaigns,
        "status_history": status_history,
        "replies": replies,
        "list_members": list_members,
        "lists": lists,
        "messages": messages,
    }
    with open_tables("contact_evidence", **given) as tables:
        _require_evidence(tables)
        tables.add("known", known[["msisdn", "tier", "held"]])
        tables.add("verdicts", judged_bounces(tables) if judge_days else NOT_JUDGED)
        tables.add("settled", _settled(tables, quiet, apart))
        oldest = micros(since, what="contact_evidence: since")
        judged = _judged_sql(tables)
        standing = tables.query(
            f"""
            WITH {judged}
            SELECT "msisdn", "message_id", "sent" AS "sent_at", "status", "weight" AS "copies", "price",
                "verdict"
            FROM judged
            WHERE "stands" ORDER BY "msisdn", "sent_at", "message_id"
            """,
            since=oldest,
        )
        contacts = tables.query(_contacts_sql(tables, judged), since=oldest)
        saves = standing.groupby("msisdn")["price"].mean().astype("float64")
        window, pending = tables.span("dlrs")
        frame = explained(
            typed(contacts.assign(saves=contacts["msisdn"].map(saves)), _CONTACTS),
            tables,
            formula="hard bounces that polling saw, of reconciled campaigns, later than every sign of life",
            numerator="hard bounces that stand",
            denominator="active contacts of a list whose number is known to bounce",
            window=window,
            pending=pending,
            notes=("window and pending share: of all messages looked at",),
        )
        return ContactEvidence(frame, typed(standing, _STANDING))


def _require_evidence(tables: Tables) -> None:
    needed = {
        "dlrs": ("message_id", "msisdn", "status", "sent_at"),
        "campaigns": (
            "message_id", "sent_at", "synced_at", "cost", "pending", "delivered", "soft_bounced",
            "hard_bounced",
        ),
        "status_history": ("message_id", "msisdn", "status", "observed_at", "source"),
        "replies": ("msisdn", "received_at"),
        "list_members": ("list_id", "msisdn", "status", "created_at"),
        "lists": ("list_id",),
    }  # fmt: skip
    for table, columns in needed.items():
        tables.require(table, *columns)
    keys = {"dlrs": ("message_id", "msisdn"), "campaigns": ("message_id",), "lists": ("list_id",)}
    for table, key in (keys | {"list_members": ("list_id", "msisdn")}).items():
        tables.require_keys(table, key)


def _settled(tables: Tables, quiet: str | timedelta, apart: str | timedelta) -> pd.DataFrame:
    """Give the campaigns with the price of one message: which were read late enough, which are reconciled.

    Stricter than for a sync: a receipt of unknown kind may not stand for a hard bounce.
    """
    copies = tables.copies("dlrs")
    words = (("all", ""), ("waiting", "pending"), ("arrived", "delivered"), ("dead", "hard-bounce"))
    counted = ",\n".join(
        f'CAST(coalesce(sum({one}) FILTER (WHERE {condition}), 0) AS BIGINT) AS "{name}{each}"'
        for name, word in words
        for condition in [f"\"status\" = '{word}'" if word else "TRUE"]
        for each, one in (("", copies), ("_once", "1"))
    )
    counts = ", ".join(f'n."{name}{each}"' for name, _ in words for each in ("", "_once"))
    campaigns = tables.query(
        f"""
        SELECT c."message_id", CAST(c."cost" AS DOUBLE) / n."all" AS "price", {counts},
            c."pending", c."delivered", c."soft_bounced", c."hard_bounced",
            unix_micros(c."synced_at") >= unix_micros(c."sent_at") + :quiet
                AND unix_micros(c."synced_at") >= h."changed" + :apart AS "ripe"
        FROM @campaigns AS c
        JOIN (
            SELECT "message_id", {counted} FROM @dlrs GROUP BY 1
        ) AS n ON c."message_id" = n."message_id"
        JOIN (
            SELECT "message_id", max(unix_micros("observed_at")) AS "changed" FROM @status_history
            WHERE "source" = 'polled' GROUP BY 1
        ) AS h ON c."message_id" = h."message_id"
        """,
        quiet=length(quiet, "contact_evidence"),
        apart=length(apart, "contact_evidence"),
    )
    ripe = campaigns["ripe"].fillna(False).astype("bool")
    whole = campaigns[["pending", "delivered", "soft_bounced", "hard_bounced"]].notna().all(axis="columns")
    borne_out = [
        known and _bears_out(row) for known, row in zip(whole, campaigns.to_dict("records"), strict=True)
    ]
    return campaigns[["message_id", "price"]].assign(ripe=ripe, reconciled=ripe & np.array(borne_out, bool))


def _bears_out(row: Mapping[Any, Any]) -> bool:
    """Whether the stored dlrs of a campaign are what its counters say; what is unclear may be soft only.

    Some gateways count a number once that a send lists twice.
    """
    counters = Counters(**counters_in({"optouts": 0, **row}))
    ways = [""] if row["all"] == row["all_once"] else ["", "_once"]
    return any(agrees(counters, _stored_as(row, way), hard_exactly=True) for way in ways)


def _stored_as(row: Mapping[Any, Any], way: str) -> Stored:
    count = {name: row[f"{name}{way}"] for name in ("all", "waiting", "arrived", "dead")}
    unclear = count["all"] - count["waiting"] - count["arrived"] - count["dead"]
    stored = {"pending": count["waiting"], "delivered": count["arrived"], "hard-bounce": count["dead"]}
    return Stored(stored | {"bounced": unclear})


def _judged_sql(tables: Tables) -> str:
    """Write the CTEs that end with ``judged``: every message to a known number, and whether it stands.

    Life is a delivery (seen by anybody, at any time) or a reply.
    """
    return f"""
        suspects AS (SELECT "msisdn" FROM @known),
        seen AS (
            SELECT "message_id", "msisdn",
                count(*) FILTER (WHERE "status" = 'hard-bounce' AND "source" = 'polled') > 0 AS "polled",
                count(*) FILTER (WHERE "status" = 'delivered') > 0 AS "delivered"
            FROM @status_history GROUP BY 1, 2
        ),
        outcomes AS (
            SELECT d."msisdn", d."message_id", d."status", unix_micros(d."sent_at") AS "sent",
                {tables.copies("dlrs")} AS "weight", c."price", {arrived_sql(tables, "d.")} AS "done",
                d."status" = 'delivered' OR coalesce(h."delivered", FALSE) AS "alive",
                d."status" = 'hard-bounce' AS "hard",
                d."status" = 'hard-bounce' AND coalesce(h."polled", FALSE)
                    AND NOT coalesce(h."delivered", FALSE) AS "confirmed",
                coalesce(c."reconciled", FALSE) AS "reconciled", NOT coalesce(c."ripe", TRUE) AS "waits",
                coalesce(v."verdict", {ORDINARY}) AS "verdict"
            FROM @dlrs AS d JOIN suspects AS k ON d."msisdn" = k."msisdn"
            LEFT JOIN seen AS h ON d."message_id" = h."message_id" AND d."msisdn" = h."msisdn"
            LEFT JOIN @settled AS c ON d."message_id" = c."message_id"
            LEFT JOIN @verdicts AS v ON d."message_id" = v."message_id" AND d."msisdn" = v."msisdn"
        ),
        replied AS (
            SELECT r."msisdn", max(unix_micros(r."received_at")) AS "last_reply"
            FROM @replies AS r JOIN suspects AS k ON r."msisdn" = k."msisdn" GROUP BY 1
        ),
        lives AS (
            SELECT o."msisdn", max("done") FILTER (WHERE "alive") AS "last_delivered",
                max("last_reply") AS "last_reply",
                greatest(coalesce(max("done") FILTER (WHERE "alive"), 0), coalesce(max("last_reply"), 0))
                    AS "life"
            FROM outcomes AS o LEFT JOIN replied AS r ON o."msisdn" = r."msisdn" GROUP BY 1
        ),
        judged AS (
            SELECT o.*, l."last_delivered", l."last_reply", l."life",
                "confirmed" AND "reconciled" AND "sent" > "life" AND "sent" >= :since AS "stands"
            FROM outcomes AS o JOIN lives AS l ON o."msisdn" = l."msisdn"
        )
    """


def _messages(condition: str) -> str:
    """Count the messages of which something holds, both of a number that a send lists twice."""
    return f'CAST(coalesce(sum("weight") FILTER (WHERE {condition}), 0) AS BIGINT)'


def _contacts_sql(tables: Tables, judged: str) -> str:
    """Sum up each number, and put it beside the lists on which it is active."""
    day = f'"sent" - "sent" % {DAY_MICROS}'
    calm = f'"stands" AND "verdict" <> {SPIKE}'
    return f"""
        WITH {judged},
        numbers AS (
            SELECT "msisdn", CAST(sum("weight") AS BIGINT) AS "sends",
                {_messages('"alive"')} AS "delivered",
                {_messages('"hard"')} AS "hard_bounces", {_messages('"stands"')} AS "bounces",
                count(DISTINCT {day}) FILTER (WHERE "stands") AS "days",
                count(DISTINCT {day}) FILTER (WHERE {calm}) AS "calm_days",
                count(DISTINCT {day}) FILTER (WHERE {calm} AND "verdict" = {ORDINARY}) AS "ordinary_days",
                coalesce(max("sent") FILTER (WHERE {calm}) - min("sent") FILTER (WHERE {calm}), 0)
                    >= {APART_MICROS} AS "calm_apart",
                min("sent") FILTER (WHERE "stands") AS "first_bounce",
                max("sent") FILTER (WHERE "stands") AS "last_bounce",
                max("sent") FILTER (WHERE NOT "hard" AND "status" <> 'pending') AS "last_other",
                {_messages('"confirmed"')} AS "confirmed",
                {_messages('"confirmed" AND "waits"')} AS "waiting",
                {_messages('"confirmed" AND "reconciled"')} AS "reconciled",
                {_messages('"confirmed" AND "reconciled" AND "sent" <= "life"')} AS "earlier",
                max("last_delivered") AS "last_delivered", max("last_reply") AS "last_reply"
            FROM judged GROUP BY 1
        ),
        members AS (SELECT * FROM @list_members WHERE {tables.here("list_members")}),
        joined AS (
            SELECT m."msisdn", max(unix_micros(m."created_at")) AS "last_added",
                count(*) > count(m."created_at") AS "undated"
            FROM members AS m JOIN suspects AS k ON m."msisdn" = k."msisdn" GROUP BY 1
        )
        SELECT m."list_id", n.*, j."last_added", j."undated", k."tier" AS "known_tier", k."held"
        FROM numbers AS n JOIN @known AS k ON n."msisdn" = k."msisdn"
        JOIN members AS m ON n."msisdn" = m."msisdn"
        JOIN joined AS j ON n."msisdn" = j."msisdn"
        JOIN (SELECT "list_id" FROM @lists WHERE {tables.here("lists")}) AS l ON m."list_id" = l."list_id"
        WHERE lower(m."status") = 'active'
        ORDER BY m."list_id", n."msisdn"
    """
