"""The plan file: a frame with a hash over all it says, bound to one account, one base URL and 24 hours.

Owns the columns and rules of a plan, its file and its summary; decides nothing. Imports of smsdata only
`store` and `errors`.
"""

from __future__ import annotations

import hashlib
import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import orjson
import pandas as pd

from smsdata.errors import SafetyError, UsageError
from smsdata.store.disk import Disk
from smsdata.store.store import Store

Action = Literal["delete", "optout"]


VALID_FOR = timedelta(hours=24)


PLAN_TIERS = ("remove", "exclude", "review")
"""From the strongest evidence to the weakest; the first two can be applied."""


RULES = {
    "two-days": "hard bounces on two days or more since the last sign of life",
    "never-delivered": "a hard bounce, and never a delivery",
    "one-day": "hard bounces on one day since the last sign of life",
    "soft-streak": "only soft bounces for a long time: never removed on that alone",
    "spike": "without the bounces of a day with a spike the evidence is weaker: wait",
    "re-added": "put on a list after the last hard bounce",
    "newest-outcome": "the newest outcome is not a hard bounce",
    "old": "no hard bounce recent enough",
    "unsettled": "the campaign is not reconciled: sync again, an hour or more after its last change",
    "unconfirmed": "seen delivered too, or told by a callback only",
    "opt-out": "opted out, and still active on the list",
}
"""Every rule that a row of a plan can name, and what it means."""


PLAN_COLUMNS = {
    "list_id": "int64",
    "msisdn": "str",
    "tier": "str",
    "rule": "str",
    "action": "str",
    "bounces": "int64",
    "days": "int64",
    "first_bounce": "datetime64[us, UTC]",
    "last_bounce": "datetime64[us, UTC]",
    "sends": "int64",
    "delivered": "int64",
    "last_delivered": "datetime64[us, UTC]",
    "last_reply": "datetime64[us, UTC]",
    "saves": "float64",
    "evidence": "str",
}


def write_plan(
    store: Store, rows: pd.DataFrame, made_at: datetime, path: str | Path | None, facts: dict[str, Any]
) -> pd.DataFrame:
    """Bind a plan to its account and time, give it its hash and put it into its file.

    Parameters
    ----------
    store
        The store that it was made from.
    rows
        The columns that `PLAN_COLUMNS` names.
    made_at
        What time it was by the gateway's clock when its evidence was read.
    path
        Where to put the file; None: a folder of the store.
    facts
        What else the plan says about itself; plain JSON values.
    """
    if not store.state.account:
        raise UsageError(f"{store.path} belongs to no account yet: run `smsdata sync` first.")
    about = facts | {
        "account": store.state.account,
        "base_url": store.state.base_url,
        "made_at": made_at.isoformat(),
        "expires_at": (made_at + VALID_FOR).isoformat(),
    }
    rows = rows[list(PLAN_COLUMNS)].astype(PLAN_COLUMNS).reset_index(drop=True)
    about["hash"] = _plan_hash(rows, about)
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
    if not isinstance(about, dict) or list(plan.columns) != list(PLAN_COLUMNS):
        raise SafetyError("this is no plan; make one with `smsdata clean`.")
    hashed = {key: value for key, value in about.items() if key not in {"hash", "file"}}
    if _plan_hash(plan, hashed) != about.get("hash"):
        raise SafetyError("the plan was changed since it was made; make it again with `smsdata clean`.")
    return plan


def _plan_hash(rows: pd.DataFrame, about: dict[str, Any]) -> str:
    table = rows.to_json(orient="split", index=False, date_format="iso", date_unit="us", double_precision=12)
    return hashlib.sha256(f"{sorted_json(about)}\n{table}".encode()).hexdigest()


def sorted_json(value: Any) -> str:
    """Write a value as compact JSON, the same for the same value.

    >>> sorted_json({"b": 1, "a": 2})
    '{"a":2,"b":1}'
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


_ROWS_SHOWN = 200


def advice(plan: pd.DataFrame) -> list[str]:
    """Say what to do with a plan: apply it, sync again because campaigns are not reconciled yet, or nothing.

    Parameters
    ----------
    plan
        What `plan` gave.
    """
    tiers, unsettled = set(plan["tier"]), int((plan["rule"] == "unsettled").sum())
    lines = []
    if plan.empty:
        lines.append("There is nothing to do: no contact of a list has a hard bounce that stands.")
    if unsettled:
        lines.append(
            f"{unsettled:,} of {len(plan):,} contacts cannot be judged yet: a bounce counts once its "
            "campaign is more than 98 h old and two syncs at least an hour apart saw the same. Run "
            "`smsdata sync` again in an hour, then `smsdata clean`."
        )
    if tiers - {"review"}:
        more = "" if "remove" in tiers else " --tier exclude"
        file = plan.attrs["plan"]["file"]
        lines.append(f"To carry it out within 24 hours: smsdata clean --apply {file}{more}")
    elif not plan.empty and not unsettled:
        lines.append("Nothing can be applied: every contact needs a person, by the rule that the plan names.")
    return lines


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
    return "\n".join([*head, "", *_first_rows(plan)]) + "\n"


def _first_rows(plan: pd.DataFrame) -> list[str]:
    """The first rows, for a person to look at."""
    rows = [
        f"| {r.list_id} | {r.msisdn} | {r.tier} | {r.rule} | {r.bounces} | {_day_or_never(r.last_bounce)} | "
        f"{_day_or_never(r.last_delivered)} |"
        for r in plan.head(_ROWS_SHOWN).itertuples(index=False)
    ]
    more = len(plan) - len(rows)
    return [
        "| list | number | tier | rule | hard bounces | last bounce | last delivery |",
        "|---|---|---|---|---:|---|---|",
        *rows,
        *([f"\n{more:,} more rows stand in the Parquet file."] if more > 0 else []),
    ]


def _day_or_never(moment: Any) -> str:
    return "never" if pd.isna(moment) else f"{moment:%Y-%m-%d}"
