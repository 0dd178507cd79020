"""Which contacts should leave which list, on what evidence: decided from the store, changing nothing.

Owns the rules and the plan file. A plan is a frame with a hash over all it says, bound to one account, one
base URL and 24 hours. Imports `store`, `disk`, `analysis`, `planner`, `settings` and `errors`; makes no call.
"""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
import pandas as pd

from smsdata.analysis import bounces
from smsdata.analysis.core.engine import DAY, MICROS, micros, open_tables, typed
from smsdata.errors import SafetyError, UsageError
from smsdata.hygiene.changes import is_number
from smsdata.ingest.plan import SETTLED
from smsdata.store.disk import Disk
from smsdata.store.store import Store, open_store
from smsdata.times import duration, instant

Action = Literal["delete", "optout"]

VALID_FOR = timedelta(hours=24)
TIERS = bounces.TIERS[:3]
RULES = {
    "two-days": "hard bounces on two days or more since the last sign of life",
    "never-delivered": "a hard bounce, and never a delivery",
    "one-day": "hard bounces on one day since the last sign of life",
    "soft-streak": "only soft bounces for a long time: never removed on that alone",
    "spike": "without the bounces of a day with a spike the evidence is weaker: wait",
    "re-added": "put on a list after the last hard bounce",
    "newest-outcome": "the newest outcome is not a hard bounce",
    "old": "no hard bounce recent enough",
    "unsettled": "the campaign is not settled: sync again, an hour or more after its last change",
    "unconfirmed": "seen delivered too, or told by a callback only",
    "opt-out": "opted out, and still active on the list",
}
"""Every rule that a row of a plan can name, and what it means."""

_COLUMNS = {
    "list_id": "int64",
    "msisdn": "str",
    "tier": "str",
    "rule": "str",
    "action": "str",
    "bounces": "int64",
    "days": "int64",
    "first_bounce": "utc",
    "last_bounce": "utc",
    "sends": "int64",
    "delivered": "int64",
    "last_delivered": "utc",
    "last_reply": "utc",
    "saves": "float64",
    "evidence": "str",
}


def plan(
    store: Store | str | Path,
    *,
    now: datetime | str | None = None,
    max_age: str = "90d",
    hold_spikes: bool = True,
    path: str | Path | None = None,
) -> pd.DataFrame:
    """Tell which active contacts of which list to remove because their number is dead, and what that saves.

    Nothing is changed: `apply` takes the plan. Evidence is a message that polling saw as ``hard-bounce``, and
    nothing ever saw delivered, of a settled campaign: last reported more than 98 h after it was sent, with
    the same counters as at least an hour before. The number's newest outcome must be such a bounce, with no
    reply and no joining of a list since.

    Parameters
    ----------
    store
        The store, or its folder.
    now
        The present; default: when the store last heard of campaigns.
    max_age
        How old the evidence may be, such as ``"90d"``.
    hold_spikes
        Keep back numbers that look dead because of a day on which many more bounced than on others.
    path
        Where to put the plan file; default: a folder of the store. The summary lies beside it, with ``.md``.

    Returns
    -------
    DataFrame
        One row per list and number, by tier, list and number:

        - ``list_id`` (int64), ``msisdn`` (str);
        - ``tier`` (str): "remove" and "exclude" can be applied, "review" is for a person;
        - ``rule`` (str): see `RULES`; ``action`` (str): "delete";
        - ``bounces`` (int64): hard bounces that count as evidence, since the last sign of life; ``days``
          (int64): the UTC days they fell on; ``first_bounce``, ``last_bounce`` (datetime64[us, UTC]): when
          they were sent, NaT without any;
        - ``sends``, ``delivered`` (int64): messages to the number that the store holds;
        - ``last_delivered``, ``last_reply`` (datetime64[us, UTC]): NaT if never;
        - ``saves`` (float64): what one message to the number costs: the mean over the bounces, campaign cost
          per recipient; NaN without evidence;
        - ``evidence`` (str): JSON list of the bounces: message_id, sent_at, status.

        ``attrs["plan"]`` says whose plan it is, from when until when, its hash and its file.

    Raises
    ------
    UsageError
        When the store holds nothing yet, or `max_age` is no duration.

    References
    ----------
    Removing at once, and two days: Klaviyo's and Tatango's rules for disconnected numbers; the gateway's help
    calls hard bounces safe to delete.
    """
    store = open_store(store)
    made_at = _heard(store) if now is None else instant(now, "now")
    sources = {
        "dlrs": store.scan("dlrs"),
        "history": store.scan("status_history"),
        "campaigns": store.scan("campaigns"),
        "replies": store.scan("replies"),
        "members": store.scan("list_members"),
        "lists": store.scan("lists"),
    }
    with open_tables("plan", **sources) as tables:
        known = bounces.hard_bounced(
            sources["dlrs"],
            sources["replies"],
            status_history=sources["history"],
            hold_spikes=hold_spikes,
        )
        tables.add("known", known[["msisdn", "tier", "held"]])
        since = micros(made_at) - int(duration(max_age).total_seconds()) * MICROS
        found = tables.query(_SQL, since=since, age=_micros(SETTLED), apart=3600 * MICROS)
    found = found[found["msisdn"].map(is_number).astype(bool)]
    rows = _judged(found).assign(action="delete")
    return _sealed(store, typed(rows, _COLUMNS), made_at, path, {"max_age": max_age})


def plan_optouts(
    store: Store | str | Path,
    active: pd.DataFrame,
    *,
    now: datetime | str | None = None,
    path: str | Path | None = None,
) -> pd.DataFrame:
    """Make the plan that opts numbers out of the lists on which they are still active.

    Parameters
    ----------
    store
        The store, or its folder.
    active
        ``list_id``, ``msisdn``, ``first_optout_at``, ``source``: what the audit found.
    now, path
        As for `plan`.

    Returns
    -------
    DataFrame
        A plan as `plan` gives it, with ``action`` "optout", tier "remove" and rule "opt-out"; the evidence
        tells when and how the number opted out.
    """
    store = open_store(store)
    made_at = _heard(store) if now is None else instant(now, "now")
    told = active[["first_optout_at", "source"]].itertuples(index=False)
    evidence = [_json([{"opted_out_at": at.isoformat(), "source": source}]) for at, source in told]
    rows = active[["list_id", "msisdn"]].assign(
        tier="remove", rule="opt-out", action="optout", bounces=0, days=0, first_bounce=None,
        last_bounce=None, sends=0, delivered=0, last_delivered=None, last_reply=None, saves=np.nan,
        evidence=evidence,
    )  # fmt: skip
    rows = rows[rows["msisdn"].map(is_number).astype(bool)].sort_values(["list_id", "msisdn"])
    return _sealed(store, typed(rows, _COLUMNS), made_at, path, {})


# Life is a delivery (seen by anybody, at any time), a reply, or having been put on a list.
_SQL = f"""
WITH suspects AS (SELECT "msisdn" FROM @known),
seen AS (
    SELECT "message_id", "msisdn",
        count(*) FILTER (WHERE "status" = 'hard-bounce' AND "source" = 'polled') > 0 AS "polled",
        count(*) FILTER (WHERE "status" = 'delivered') > 0 AS "delivered"
    FROM @history GROUP BY 1, 2
),
counted AS (
    SELECT "message_id", sum("copies") AS "all",
        coalesce(sum("copies") FILTER (WHERE "status" = 'pending'), 0) AS "pending",
        coalesce(sum("copies") FILTER (WHERE "status" = 'delivered'), 0) AS "delivered",
        coalesce(sum("copies") FILTER (WHERE "status" = 'hard-bounce'), 0) AS "hard"
    FROM @dlrs GROUP BY 1
),
changed AS (
    SELECT "message_id", max(unix_micros("observed_at")) AS "changed" FROM @history
    WHERE "source" = 'polled' GROUP BY 1
),
settled AS (
    SELECT c."message_id", c."cost" / n."all" AS "unit"
    FROM @campaigns AS c JOIN counted AS n ON c."message_id" = n."message_id"
    JOIN changed AS h ON c."message_id" = h."message_id"
    WHERE n."pending" = c."pending" AND n."delivered" = c."delivered" AND n."hard" = c."hard_bounced"
        AND n."all" = c."pending" + c."delivered" + c."soft_bounced" + c."hard_bounced"
        AND unix_micros(c."synced_at") >= unix_micros(c."sent_at") + :age
        AND unix_micros(c."synced_at") >= h."changed" + :apart
),
outcomes AS (
    SELECT d."msisdn", d."message_id", d."status", unix_micros(d."sent_at") AS "sent", d."copies", s."unit",
        greatest(unix_micros(d."sent_at"), coalesce(unix_micros(d."delivered_at"), 0)) AS "done",
        d."status" = 'delivered' OR coalesce(h."delivered", FALSE) AS "alive",
        d."status" = 'hard-bounce' AS "hard",
        d."status" = 'hard-bounce' AND coalesce(h."polled", FALSE) AND NOT coalesce(h."delivered", FALSE)
            AS "sure",
        s."message_id" IS NOT NULL AS "settled"
    FROM @dlrs AS d JOIN suspects AS k ON d."msisdn" = k."msisdn"
    LEFT JOIN seen AS h ON d."message_id" = h."message_id" AND d."msisdn" = h."msisdn"
    LEFT JOIN settled AS s ON d."message_id" = s."message_id"
),
replied AS (
    SELECT r."msisdn", max(unix_micros(r."received_at")) AS "last_reply"
    FROM @replies AS r JOIN suspects AS k ON r."msisdn" = k."msisdn" GROUP BY 1
),
joined AS (
    SELECT m."msisdn", max(unix_micros(m."created_at")) AS "last_added"
    FROM @members AS m JOIN suspects AS k ON m."msisdn" = k."msisdn" GROUP BY 1
),
lives AS (
    SELECT o."msisdn", max("done") FILTER (WHERE "alive") AS "last_delivered",
        max("last_reply") AS "last_reply",
        greatest(coalesce(max("done") FILTER (WHERE "alive"), 0), coalesce(max("last_reply"), 0)) AS "life",
        max("last_added") AS "last_added"
    FROM outcomes AS o LEFT JOIN replied AS r ON o."msisdn" = r."msisdn"
    LEFT JOIN joined AS j ON o."msisdn" = j."msisdn" GROUP BY 1
),
judged AS (
    SELECT o.*, l."last_delivered", l."last_reply", l."last_added",
        "sure" AND "settled" AND "sent" > "life" AND "sent" >= :since AS "counts"
    FROM outcomes AS o JOIN lives AS l ON o."msisdn" = l."msisdn"
),
numbers AS (
    SELECT "msisdn", CAST(sum("copies") AS BIGINT) AS "sends",
        CAST(coalesce(sum("copies") FILTER (WHERE "alive"), 0) AS BIGINT) AS "delivered",
        count(*) FILTER (WHERE "counts") AS "bounces",
        count(DISTINCT "sent" - "sent" % {DAY}) FILTER (WHERE "counts") AS "days",
        min("sent") FILTER (WHERE "counts") AS "first_bounce",
        max("sent") FILTER (WHERE "counts") AS "last_bounce",
        max("sent") FILTER (WHERE NOT "hard" AND "status" <> 'pending') AS "last_other",
        count(*) FILTER (WHERE "sure" AND "settled") AS "settled",
        count(*) FILTER (WHERE "sure") AS "sure",
        avg("unit") FILTER (WHERE "counts") AS "saves",
        max("last_delivered") AS "last_delivered", max("last_reply") AS "last_reply",
        max("last_added") AS "last_added",
        CAST(coalesce(to_json(list({{'message_id': "message_id", 'sent_at': "sent", 'status': "status"}}
            ORDER BY "sent", "message_id") FILTER (WHERE "counts")), '[]') AS VARCHAR) AS "evidence"
    FROM judged GROUP BY 1
)
SELECT m."list_id", n.*, k."tier" AS "known_tier", k."held"
FROM numbers AS n JOIN @known AS k ON n."msisdn" = k."msisdn"
JOIN @members AS m ON n."msisdn" = m."msisdn"
JOIN @lists AS l ON m."list_id" = l."list_id"
WHERE lower(m."status") = 'active'
ORDER BY m."list_id", n."msisdn"
"""


def _judged(found: pd.DataFrame) -> pd.DataFrame:
    """Give each row its tier and rule; the first rule that fits counts."""
    none = found["bounces"] == 0
    after = {
        name: (found[name] >= found["last_bounce"]).fillna(value=False)
        for name in ("last_added", "last_other")
    }
    rules = {
        "soft-streak": found["known_tier"] == "review",
        "unconfirmed": none & (found["sure"] == 0),
        "unsettled": none & (found["settled"] == 0),
        "old": none,
        "re-added": after["last_added"],
        "newest-outcome": after["last_other"],
        "spike": found["held"],
        "two-days": found["days"] >= 2,
        "never-delivered": found["delivered"] == 0,
        "one-day": ~none,
    }
    chosen = np.select([rule.to_numpy(bool) for rule in rules.values()], list(rules), "old")
    tiers = {"two-days": "remove", "never-delivered": "remove", "one-day": "exclude"}
    evidence = [_readable(text) for text in found["evidence"]]
    rows = found.assign(rule=chosen, tier=[tiers.get(rule, "review") for rule in chosen], evidence=evidence)
    rank = rows["tier"].map({tier: n for n, tier in enumerate(TIERS)})
    return rows.iloc[np.lexsort((rows["msisdn"], rows["list_id"], rank))]


def _readable(text: str) -> str:
    rows = orjson.loads(text)
    for row in rows:
        row["sent_at"] = datetime.fromtimestamp(row["sent_at"] / MICROS, UTC).isoformat()
    return _json(rows)


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _micros(span: timedelta) -> int:
    return int(span.total_seconds()) * MICROS


def _heard(store: Store) -> datetime:
    """When the store last heard of campaigns, by the gateway's clock."""
    bounds = store.tables.min_max("campaigns", ["synced_at"])
    if not bounds or "account" not in store.state:
        raise UsageError(f"{store.path} holds no campaigns yet: run `smsdata sync` first.")
    latest: datetime = bounds["synced_at"][1]
    return latest.astimezone(UTC)


# ---- the plan file -----------------------------------------------------------------------------------


def _sealed(
    store: Store, rows: pd.DataFrame, made_at: datetime, path: str | Path | None, facts: dict[str, Any]
) -> pd.DataFrame:
    """Bind a plan to its account and time, give it its hash and put it into its file."""
    if "account" not in store.state:
        raise UsageError(f"{store.path} belongs to no account yet: run `smsdata sync` first.")
    about = facts | {
        "account": store.state["account"],
        "base_url": store.state["base_url"],
        "made_at": made_at.isoformat(),
        "expires_at": (made_at + VALID_FOR).isoformat(),
    }
    about["hash"] = _hash(rows, about)
    file = Path(path) if path is not None else store.private / "plans" / f"{about['hash'][:12]}.parquet"
    rows.attrs["plan"] = about | {"file": str(file)}
    disk = Disk(file.parent)
    disk.folder(file.parent)
    whole = io.BytesIO()
    rows.to_parquet(whole, index=False)
    disk.replace(file, whole.getvalue())
    disk.replace(file.with_suffix(".md"), summary(rows).encode())
    return rows


def load(plan: pd.DataFrame | str | Path) -> pd.DataFrame:
    """Read a plan and make sure that it is as it was made.

    Raises
    ------
    SafetyError
        When it is no plan, or a row of it was changed, added or taken out.
    UsageError
        When there is no such file.
    """
    if not isinstance(plan, pd.DataFrame):
        try:
            plan = pd.read_parquet(Path(plan))
        except FileNotFoundError:
            raise UsageError(f"{plan}: there is no such plan.") from None
        except (OSError, ValueError) as error:
            raise SafetyError(
                f"the file is no plan ({type(error).__name__}); make it with `smsdata clean`."
            ) from None
    about = plan.attrs.get("plan")
    if not isinstance(about, dict) or list(plan.columns) != list(_COLUMNS):
        raise SafetyError("this is no plan; make one with `smsdata clean`.")
    said = {key: value for key, value in about.items() if key not in {"hash", "file"}}
    if _hash(plan, said) != about.get("hash"):
        raise SafetyError("the plan was changed since it was made; make it again with `smsdata clean`.")
    return plan


def _hash(rows: pd.DataFrame, about: dict[str, Any]) -> str:
    told = rows.to_json(orient="split", index=False, date_format="iso", date_unit="us", double_precision=12)
    return hashlib.sha256(f"{_json(about)}\n{told}".encode()).hexdigest()


_SHOWN = 200


def advice(plan: pd.DataFrame) -> list[str]:
    """Say what to do with a plan: apply it, sync again because evidence is not settled yet, or nothing.

    Parameters
    ----------
    plan
        What `plan` gave.
    """
    tiers, unsettled = set(plan["tier"]), int((plan["rule"] == "unsettled").sum())
    said = []
    if plan.empty:
        said.append("There is nothing to do: no contact of a list has a hard bounce that stands.")
    if unsettled:
        said.append(
            f"{unsettled:,} of {len(plan):,} contacts cannot be judged yet: a bounce counts once its "
            "campaign is more than 98 h old and two syncs at least an hour apart saw the same. Run "
            "`smsdata sync` again in an hour, then `smsdata clean`."
        )
    if tiers - {"review"}:
        more = "" if "remove" in tiers else " --tier exclude"
        file = plan.attrs["plan"]["file"]
        said.append(f"To carry it out within 24 hours: smsdata clean --apply {file}{more}")
    elif not plan.empty and not unsettled:
        said.append("Nothing can be applied: every contact needs a person, by the rule that the plan names.")
    return said


def summary(plan: pd.DataFrame) -> str:
    """Give a plan as Markdown: whose it is, what it would do to which list, what that saves, and the rows.

    Parameters
    ----------
    plan
        What `plan` gave.
    """
    about = plan.attrs["plan"]
    counts = plan.groupby(["list_id", "tier", "rule", "action"], as_index=False).agg(
        contacts=("msisdn", "size"), saves=("saves", "sum")
    )
    head = [
        "# Plan: contacts to take off their lists",
        "",
        f"- hash: `{about['hash']}`",
        f"- gateway: {about['base_url']}, account {about['account'][:12]}",
        f"- made from what was known at {about['made_at']}; void after {about['expires_at']}",
        "- nothing has been changed yet",
        *(f"- {line}" for line in advice(plan)),
        "",
        "| list | tier | rule | action | contacts | saves per send |",
        "|---|---|---|---|---:|---:|",
        *(
            f"| {r.list_id} | {r.tier} | {r.rule} | {r.action} | {r.contacts:,} | {r.saves:,.2f} |"
            for r in counts.itertuples(index=False)
        ),
        "",
        *(f"- {rule}: {RULES[rule]}" for rule in RULES if rule in set(plan["rule"])),
    ]
    return "\n".join([*head, "", *_listed(plan)]) + "\n"


def _listed(plan: pd.DataFrame) -> list[str]:
    """The first rows, for a person to look at."""
    rows = [
        f"| {r.list_id} | {r.msisdn} | {r.tier} | {r.rule} | {r.bounces} | {_day(r.last_bounce)} | "
        f"{_day(r.last_delivered)} |"
        for r in plan.head(_SHOWN).itertuples(index=False)
    ]
    more = len(plan) - len(rows)
    return [
        "| list | number | tier | rule | hard bounces | last bounce | last delivery |",
        "|---|---|---|---|---:|---|---|",
        *rows,
        *([f"\n{more:,} more rows stand in the Parquet file."] if more > 0 else []),
    ]


def _day(moment: Any) -> str:
    return "never" if pd.isna(moment) else f"{moment:%Y-%m-%d}"
