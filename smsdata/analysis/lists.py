"""Lists: who is on them, who can be reached, who is on several, how they grow.

Members that vanished (``gone_at``) count only where it says so. Imports of smsdata only
analysis.core and, for who is dead, bounces.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pandas as pd

from smsdata.analysis.bounces import arrived_sql, hard_bounced
from smsdata.analysis.core.apart import each_account
from smsdata.analysis.core.clusters import RATE_COLUMNS, rate_intervals
from smsdata.analysis.core.column_types import instants, typed
from smsdata.analysis.core.engine import DAY_MICROS, MATURE, Source, Tables, open_tables
from smsdata.analysis.core.grouping import LENGTHS, group_keys, length_of, one_of, partial_periods
from smsdata.analysis.core.provenance import TimeSpan, explained
from smsdata.analysis.core.statistics import Clusters, rate

_HEALTH = {
    **dict.fromkeys(["list_id", "members", "active", "inactive", "opted_out", "other", "gone"], "int64"),
    **dict.fromkeys(["messaged", "delivered", "never_messaged", "stale", "dead"], "Int64"),
    **dict.fromkeys(["active_share", "dead_share", "low", "high"], "float64"),
    "n": "Int64",
    **RATE_COLUMNS,
}
_OVERLAP = {
    **dict.fromkeys(["list_a", "list_b", "members_a", "members_b", "common"], "int64"),
    **dict.fromkeys(["share_of_smaller", "jaccard"], "float64"),
}
_CONTACTS_ARE_NO_MESSAGES = "contacts are no messages"


@each_account
def list_health(
    list_members: Source,
    dlrs: Source | None = None,
    replies: Source | None = None,
    *,
    now: datetime | str | None = None,
    mature_only: bool = False,
    stale_days: int = 180,
) -> pd.DataFrame:
    """Tell how many contacts of each list can be reached.

    Parameters
    ----------
    list_members : DataFrame, Scan or Spark DataFrame
        ``list_id``, ``msisdn``, ``status``; ``gone_at`` where there.
    dlrs : DataFrame, Scan or Spark DataFrame, optional
        As for `hard_bounced`; without it nothing is known of reach.
    replies : DataFrame, Scan or Spark DataFrame, optional
        As for `hard_bounced`.
    now : aware datetime, ISO text (UTC where it names no zone) or None
        The present, for ``stale``; default: the latest ``synced_at`` of the members, else the clock.
    mature_only : bool
        Take for messaged, and so for delivered or dead, only contacts whose first message was sent more than
        73 hours ago: of the others a bounce may still come.
    stale_days : int
        A contact is stale if its first message is older than that and none arrived since.

    Returns
    -------
    DataFrame
        One row per list, in order of ``list_id`` (int64):

        - ``members`` (int64): contacts on it now; they add up from ``active``, ``inactive``, ``opted_out``,
          ``other`` (any other status word, or none); ``gone`` (int64): contacts that vanished, not counted;
        - of the active, NA without dlrs (Int64): ``messaged``; ``delivered``: at least once;
          ``never_messaged``; ``stale``; ``dead``: with a hard bounce that nothing clears (tiers "remove" and
          "exclude" of `hard_bounced`, those held back left out);
        - ``active_share`` (float64): active / members, of all contacts there are and so without an interval;
          ``dead_share``: dead / messaged, with its 95% interval ``low``, ``high`` (float64), which holds the
          share one would see among other contacts of the same kind; NaN where there is nothing to divide by;
        - ``n``, ``numbers`` (Int64): messaged, what dead_share divides by, each a number of its own;
          ``design_effect`` (float64): 1, since a contact is on a list once; ``interval`` (str): "Wilson";
          missing where nothing was messaged.

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive, or rows repeat (list_id, msisdn).

    References
    ----------
    Interval: Brown, Cai & DasGupta 2001. Who is dead: see `hard_bounced`.

    Examples
    --------
    >>> import pandas as pd
    >>> members = pd.DataFrame({
    ...     "list_id": [7, 7, 7], "msisdn": ["61491570156", "61491570157", "61491570158"],
    ...     "status": ["active", "active", "optout"],
    ... })
    >>> dlrs = pd.DataFrame({
    ...     "message_id": 1, "msisdn": ["61491570156", "61491570157"],
    ...     "sent_at": pd.Timestamp("2026-11-01", tz="UTC"), "status": ["delivered", "hard-bounce"],
    ... })
    >>> health = list_health(members, dlrs, now="2026-11-22")
    >>> health[["list_id", "members", "active", "opted_out", "messaged", "dead", "dead_share"]]
       list_id  members  active  opted_out  messaged  dead  dead_share
    0        7        3       2          1         2     1         0.5
    """
    given = {"list_members": _whole(list_members), "dlrs": dlrs, "replies": replies}
    with open_tables("list_health", **given) as tables:
        _require_members(tables)
        present = tables.now(now, "list_members")
        if dlrs is not None:
            bounced = hard_bounced(dlrs, replies)
            sure = bounced["tier"].isin(["remove", "exclude"]) & ~bounced["held"]
            tables.add("dead", bounced.loc[sure, ["msisdn"]])
        counts = tables.query(
            _health_sql(tables, mature_only), fresh=present - stale_days * DAY_MICROS, old=present - MATURE
        )
        if not counts["messaged"].sum():
            tables.warn_unmatched("list_members", "dlrs", ("msisdn", "msisdn"))
        sent, pending = tables.span("dlrs") if "dlrs" in tables else (TimeSpan(), "no receipts were given")
        dead, messaged = _float(counts, "dead"), _float(counts, "messaged")
        counts = counts.assign(
            active_share=rate(counts["active"], counts["members"]),
            dead_share=rate(dead, messaged),
            n=counts["messaged"],
            **rate_intervals(dead, messaged, {"number": Clusters.of_one_each(dead, messaged)}, level=0.95),
        )
        return explained(
            typed(counts, _HEALTH),
            tables,
            formula="dead_share = dead / messaged, among the active contacts of a list",
            numerator="active contacts with a hard bounce that nothing clears",
            denominator="active contacts that were sent at least one message",
            window=_as_of(tables, sent),
            pending=pending,
        )


@each_account
def list_overlap(list_members: Source, *, active_only: bool = True) -> pd.DataFrame:
    """Tell which lists share contacts, who would get the same message twice.

    There is no ``mature_only``: it counts contacts, not messages.

    Parameters
    ----------
    list_members : DataFrame, Scan or Spark DataFrame
        ``list_id``, ``msisdn``, ``status``; ``gone_at`` where there.
    active_only : bool
        Look at active contacts only.

    Returns
    -------
    DataFrame
        One row per pair of lists that share a contact, most shared first:

        - ``list_a``, ``list_b`` (int64): the smaller id first;
        - ``members_a``, ``members_b``, ``common`` (int64): contacts on each, and on both;
        - ``share_of_smaller`` (float64, 0 to 1): common / the smaller of the two;
        - ``jaccard`` (float64, 0 to 1): common / contacts on either.

        There is no interval: all contacts are counted.

    Raises
    ------
    UsageError
        If a column is missing, or rows repeat (list_id, msisdn).

    Examples
    --------
    >>> import pandas as pd
    >>> members = pd.DataFrame({
    ...     "list_id": [7, 7, 8], "msisdn": ["61491570156", "61491570157", "61491570156"], "status": "active",
    ... })
    >>> list_overlap(members)
       list_a  list_b  members_a  members_b  common  share_of_smaller  jaccard
    0       7       8          2          1       1               1.0      0.5
    """
    with open_tables("list_overlap", list_members=_whole(list_members)) as tables:
        _require_members(tables)
        pairs = tables.query(_overlap_sql(tables, active_only))
        smaller = pairs[["members_a", "members_b"]].min(axis=1)
        either = pairs["members_a"] + pairs["members_b"] - pairs["common"]
        pairs = pairs.assign(
            share_of_smaller=rate(pairs["common"], smaller), jaccard=rate(pairs["common"], either)
        )
        pairs = pairs.sort_values(["common", "list_a", "list_b"], ascending=[False, True, True])
        return explained(
            typed(pairs, _OVERLAP),
            tables,
            formula="common / members of the smaller list; jaccard = common / members of either",
            numerator="active contacts on both lists" if active_only else "contacts on both lists",
            denominator="contacts of the smaller list, of either list",
            window=_as_of(tables),
            pending=_CONTACTS_ARE_NO_MESSAGES,
        )


@each_account
def list_growth(
    list_members: Source, optouts: Source | None = None, *, by: str = "month", tz: str = "UTC"
) -> pd.DataFrame:
    """Tell how each list grew: who joined, who was deleted, who opted out.

    There is no ``mature_only``: it counts contacts, not messages.

    Parameters
    ----------
    list_members : DataFrame, Scan or Spark DataFrame
        ``list_id``, ``msisdn``, ``status``, ``created_at``; ``gone_at`` where there: without it nobody left.
    optouts : DataFrame, Scan or Spark DataFrame, optional
        What `optouts` gave, or any frame with ``msisdn`` and ``first_optout_at``: a contact that opted out
        stays on its list, and only this tells when it did.
    by : {"month", "week", "day", "quarter", "year"}
        The periods; also "week_from_sunday", "quarter_from_july", "year_from_april" and the like.
    tz : str
        IANA time zone in which they begin.

    Returns
    -------
    DataFrame
        One row per list and period in which something happened, in that order:

        - ``list_id`` (int64); the period (``datetime64[us]``, local time it begins), named as ``by``, NaT
          first: contacts who joined at an unknown time;
        - ``joined``, ``left``, ``opted_out`` (int64): contacts; ``left`` counts deletions, dated when they
          were first noticed, ``opted_out`` those whose status says so, dated by `optouts`;
        - ``net`` (int64): joined without left and opted out; ``members`` (int64): its sum, the contacts at
          the end of the period;
        - ``partial`` (boolean): the period has not ended yet.

        Opt-outs of unknown date stay among the members; `explain` says how many those are.

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive, rows repeat (list_id, msisdn), or ``by`` is none of
        those.

    Examples
    --------
    >>> import pandas as pd
    >>> members = pd.DataFrame({
    ...     "list_id": 7, "msisdn": ["61491570156", "61491570157"], "status": "active",
    ...     "created_at": pd.to_datetime(["2026-09-05", "2026-11-01"], utc=True),
    ...     "gone_at": [pd.Timestamp("2026-11-20", tz="UTC"), pd.NaT],
    ...     "synced_at": pd.Timestamp("2026-11-22", tz="UTC"),
    ... })
    >>> list_growth(members)
       list_id      month  joined  left  opted_out  net  members  partial
    0        7 2026-09-01       1     0          0    1        1    False
    1        7 2026-11-01       1     1          0    0        1     True
    """
    one_of("list_growth", "by", length_of(by), LENGTHS[1:])
    with open_tables("list_growth", list_members=_whole(list_members), optouts=optouts) as tables:
        _require_members(tables)
        keys = group_keys(tables, "list_members", ["list_id", by], tz=tz, at="created_at")
        joined = _moves(tables, "list_members", by, tz, "created_at").rename(columns={"n": "joined"})
        none = joined.iloc[:0].drop(columns="joined").assign(n=pd.Series(dtype="int64"))
        gone = tables.has("list_members", "gone_at")
        left = _moves(tables, "list_members", by, tz, "gone_at") if gone else none
        undated = _add_opted(tables)
        opted = _moves(tables, "opted", by, tz, "opted_at")
        moves = joined
        for moved, name in ((left, "left"), (opted, "opted_out")):
            dated = moved[moved[by].notna()].rename(columns={"n": name})
            moves = moves.merge(dated, on=["list_id", by], how="outer")
        moves = moves.sort_values(["list_id", by], na_position="first", ignore_index=True)
        counts = moves[["joined", "left", "opted_out"]].fillna(0).astype("int64")
        moves = moves.assign(**counts, net=counts["joined"] - counts["left"] - counts["opted_out"])
        moves["members"] = moves.groupby("list_id")["net"].cumsum()
        moves = moves.astype({"list_id": "int64", "net": "int64", "members": "int64"})
        always = pd.DataFrame({"first": [0]})
        present = tables.now(None, "list_members")
        partial = partial_periods(keys, moves, always, present=present, tz=tz)
        return explained(
            moves[["list_id", by, "joined", "left", "opted_out", "net", "members"]].assign(**partial),
            tables,
            formula="members = contacts who joined minus those who left or opted out, up to the period's end",
            numerator="contacts by created_at, by gone_at, and by first_optout_at",
            denominator="none: these are counts",
            window=_as_of(tables, _moved(tables)),
            pending=_CONTACTS_ARE_NO_MESSAGES,
            notes=(f"{undated:,} contacts opted out at an unknown time and still count",) if undated else (),
        )


def _add_opted(tables: Tables) -> int:
    """Add the contacts that opted out and when; gives how many have no date."""
    here = tables.here("list_members")
    opted = tables.query(
        f"""SELECT "list_id", "msisdn" FROM @list_members WHERE {here} AND "status" = 'optout'"""
    )
    dates = pd.DataFrame(
        {"msisdn": pd.Series(dtype="str"), "opted_at": pd.Series(dtype="datetime64[us, UTC]")}
    )
    if "optouts" in tables:
        tables.require("optouts", "msisdn", "first_optout_at")
        found = tables.query(
            'SELECT "msisdn", min(unix_micros("first_optout_at")) AS "opted_at" FROM @optouts GROUP BY 1'
        )
        dates = found.assign(opted_at=instants(found["opted_at"]))
    opted = opted.merge(dates, on="msisdn", how="left")
    tables.add("opted", opted[["list_id", "opted_at"]].astype({"opted_at": "datetime64[us, UTC]"}))
    return int(opted["opted_at"].isna().sum())


def _whole(list_members: Source) -> Source:
    """Give a scan of the store with the contacts that vanished, which it leaves out by itself."""
    return list_members.with_gone() if hasattr(list_members, "with_gone") else list_members


def _as_of(tables: Tables, window: TimeSpan | None = None) -> TimeSpan:
    """Tell when the lists were last read, and over which time the rows beside them reach."""
    read = tables.span("list_members", "synced_at", status=False)[0]
    window = window or TimeSpan(why=read.why)
    return replace(window, as_of=read.last)


def _moved(tables: Tables) -> TimeSpan:
    """Tell when the first contact joined, and the last one joined or left."""
    joined, left = (tables.span("list_members", at, status=False)[0] for at in ("created_at", "gone_at"))
    last = max((at for at in (joined.last, left.last) if pd.notna(at)), default=None)
    return replace(joined, last=last, clock="created_at, gone_at")


def _float(counts: pd.DataFrame, column: str) -> pd.Series:
    return counts[column].astype("Float64").astype("float64")


def _require_members(tables: Tables) -> None:
    tables.require("list_members", "list_id", "msisdn", "status")
    tables.require_keys("list_members", ("list_id", "msisdn"))
    if "dlrs" in tables:
        tables.require("dlrs", "message_id", "msisdn", "status", "sent_at")


def _health_sql(tables: Tables, mature_only: bool) -> str:
    here = tables.here("list_members")
    active = f"{here} AND \"status\" = 'active'"
    joins = ""
    nothing = "CAST(NULL AS BIGINT)"
    columns = dict.fromkeys(["messaged", "delivered", "never_messaged", "stale", "dead"], nothing)
    if "dlrs" in tables:
        messaged = '"first_sent" <= :old' if mature_only else '"sends" > 0'
        conditions = {
            "messaged": messaged,
            "delivered": f'{messaged} AND "last_delivered" IS NOT NULL',
            "never_messaged": '"sends" IS NULL',
            "stale": '"first_sent" < :fresh AND coalesce("last_delivered", 0) < :fresh',
            "dead": f'{messaged} AND "dead_number" IS NOT NULL',
        }
        columns = {name: f"count(*) FILTER (WHERE {active} AND {text})" for name, text in conditions.items()}
        joins = f"""
        LEFT JOIN (
            SELECT "msisdn" AS "number", count(*) AS "sends", min(unix_micros("sent_at")) AS "first_sent",
                max({arrived_sql(tables)}) FILTER (WHERE "status" = 'delivered') AS "last_delivered"
            FROM @dlrs GROUP BY 1
        ) AS d ON "msisdn" = "number"
        LEFT JOIN (SELECT "msisdn" AS "dead_number" FROM @dead) AS b ON "msisdn" = "dead_number"
        """
    reach = ",\n".join(f'{text} AS "{name}"' for name, text in columns.items())
    return f"""
        SELECT "list_id",
            count(*) FILTER (WHERE {here}) AS "members",
            count(*) FILTER (WHERE {active}) AS "active",
            count(*) FILTER (WHERE {here} AND "status" = 'inactive') AS "inactive",
            count(*) FILTER (WHERE {here} AND "status" = 'optout') AS "opted_out",
            count(*) FILTER (WHERE {here} AND coalesce("status", '') NOT IN ('active', 'inactive', 'optout'))
                AS "other",
            count(*) FILTER (WHERE NOT ({here})) AS "gone",
            {reach}
        FROM @list_members {joins}
        GROUP BY 1 ORDER BY 1
    """


def _overlap_sql(tables: Tables, active_only: bool) -> str:
    chosen = tables.here("list_members") + (" AND \"status\" = 'active'" if active_only else "")
    return f"""
        WITH members AS (SELECT "list_id", "msisdn" FROM @list_members WHERE {chosen}),
        sizes AS (SELECT "list_id", count(*) AS "size" FROM members GROUP BY 1),
        pairs AS (
            SELECT a."list_id" AS "list_a", b."list_id" AS "list_b", count(*) AS "common"
            FROM members AS a JOIN members AS b ON a."msisdn" = b."msisdn" AND a."list_id" < b."list_id"
            GROUP BY 1, 2
        )
        SELECT "list_a", "list_b", x."size" AS "members_a", y."size" AS "members_b", "common"
        FROM pairs JOIN sizes AS x ON "list_a" = x."list_id" JOIN sizes AS y ON "list_b" = y."list_id"
    """


def _moves(tables: Tables, table: str, by: str, tz: str, at: str) -> pd.DataFrame:
    """Count contacts per list and period of an instant."""
    keys = group_keys(tables, table, ["list_id", by], tz=tz, at=at)
    counted = tables.query(f'SELECT {keys.select} count(*) AS "n" FROM {keys.source} {keys.group}')
    return keys.finish(counted)
