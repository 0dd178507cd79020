"""The plan file: a frame with a hash over all it says, bound to one account, one base URL and 24 hours.

The hash is keyed: only who can read the private folder of the store can make one, so that a plan that was
changed cannot be given the hash that fits. Owns the columns and rules of a plan, its key, its file and its
summary; decides nothing. Imports of smsdata only `store`, `settings` and `errors`.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import secrets
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import orjson
import pandas as pd
import pyarrow as pa

from smsdata.errors import SafetyError, UsageError
from smsdata.settings import expanded
from smsdata.store.disk import Disk
from smsdata.store.ownership import make_store_folders
from smsdata.store.plain_files import read_plain
from smsdata.store.spool import missing_callbacks
from smsdata.store.store import Store, open_store

Action = Literal["delete", "optout"]


VALID_FOR = timedelta(hours=24)


PLAN_TIERS = ("remove", "exclude", "review")
"""From the strongest evidence to the weakest; the first two can be applied."""


RULES = {
    "two-days": "hard bounces on two days or more since the last sign of life, one of them judged ordinary: "
    "another judged ordinary too, or 72 h apart",
    "unjudged-days": "hard bounces on two days 72 h apart or more, none of which could be judged: outages on "
    "both would look the same",
    "never-delivered": "a hard bounce on a day judged ordinary, and never a delivery",
    "one-day": "hard bounces on one day judged ordinary since the last sign of life",
    "too-few-days": "whether the day of the bounce was an outage could not be judged: too few days to "
    "compare it with, or more bounced than usual but fewer than 10; wait for another bounce at least "
    "72 h later",
    "soft-streak": "only soft bounces for a long time: never removed on that alone",
    "spike": "without the bounces of a day with a spike the evidence is weaker: wait",
    "re-added": "put on a list after the last hard bounce",
    "undated": "a list that it is on does not say when it was put there: a joining since the bounce would "
    "not be seen",
    "newest-outcome": "the newest outcome is not a hard bounce",
    "old": "no hard bounce recent enough",
    "unsettled": "the campaign is not reconciled: sync again, an hour or more after its last change",
    "counters-differ": "the campaign's counters are not what its receipts say, as where a send lists a "
    "number twice and the two messages ended differently: `smsdata verify` names it; no waiting mends it",
    "unclear-number": "a row of the store lacks the country of its number and may be about this one: it may "
    "have replied, been reached or opted out",
    "stopped": "asked to stop, and is still active on the list: opt it out first, `smsdata audit --fix`; a "
    "deletion records no opt-out",
    "unconfirmed": "seen delivered too, or told by a callback only",
    "unproved": "seen in one of two passes only over a list that keeps changing: left alone until a read "
    "proves it",
    "opt-out": "opted out, and still active on the list",
    "re-joined": "joined a list after it opted out: kept on it until a person has looked; an opt-out of one "
    "list may count for all",
}
"""Every rule that a row of a plan can name, and what it means."""


PLAN_COLUMNS = {
    "list_id": "int64",
    "msisdn": "str",
    "tier": "str",
    "rule": "str",
    "action": "str",
    "hard_bounces": "int64",
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
        Where to put the file; None: a folder of the store. Nothing but an earlier plan of the same store is
        replaced.
    facts
        What else the plan says about itself; plain JSON values.

    Raises
    ------
    UsageError
        When the store is nobody's yet, or something else than a plan of it stands at `path`.
    """
    if not store.state.account:
        raise UsageError(f"{store.path} belongs to no account yet: run `smsdata sync` first.")
    lost = missing_callbacks(store.private)
    about = (
        facts
        | ({"lost_callbacks": lost} if lost else {})
        | {
            "account": store.state.account,
            "base_url": store.state.base_url,
            "made_at": made_at.isoformat(),
            "expires_at": (made_at + VALID_FOR).isoformat(),
            "key_in": str(store.private.resolve()),
        }
    )
    if path is not None:
        path = expanded(path)
        _require_free(path, store)
    rows = rows[list(PLAN_COLUMNS)].astype(PLAN_COLUMNS).reset_index(drop=True)
    about["hash"] = _plan_hash(rows, about, _made_key(store))
    file = path if path is not None else store.private / "plans" / f"{about['hash'][:12]}.parquet"
    rows.attrs["plan"] = about | {"file": str(file)}
    disk = store.disk if path is None else Disk(file.parent)
    disk.folder(file.parent)
    whole = io.BytesIO()
    rows.to_parquet(whole, index=False)
    disk.replace(file, whole.getvalue())
    disk.replace(file.with_suffix(".md"), summary(rows).encode())
    return rows


_KEY = "plan-key"
_KEY_BYTES = 32


def _made_key(store: Store) -> bytes:
    """Give the key of the store's plans; it is made when it is first needed."""
    file = store.private / _KEY
    if not file.exists():
        make_store_folders(store.disk, store.path)
        store.disk.replace(file, secrets.token_bytes(_KEY_BYTES))
    return _key_in(store.private)


def _key_in(private: Path) -> bytes:
    try:
        key = read_plain(private / _KEY)
    except PermissionError:
        raise SafetyError(
            f"{private / _KEY} cannot be read: make it readable for this user. Without it no plan "
            "can be trusted."
        ) from None
    except (OSError, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise SafetyError(
            "the key of the store's plans is missing or damaged, so that no plan can be trusted; make the "
            f"plan again with `smsdata clean` (remove {private / _KEY} if that says so too)."
        )
    return key


def _require_free(file: Path, store: Store) -> None:
    """Make sure that nothing is replaced but an earlier plan of this store, and the summary beside it."""
    page = file.with_suffix(".md")
    if page == file:
        raise UsageError(f"{file}: the summary goes there; give the plan another ending, such as .parquet.")
    if file.exists() or file.is_symlink():
        try:
            load(file, store)
        except (SafetyError, UsageError):
            raise UsageError(f"{file} is there and is no plan of this store: nothing was replaced.") from None
        if page.exists() and not _is_summary(page):
            raise UsageError(f"{page} is there and is no summary of a plan: nothing was replaced.")
    elif page.exists() or page.is_symlink():
        raise UsageError(f"{page} is there and belongs to no plan: nothing was replaced.")


def _is_summary(page: Path) -> bool:
    try:
        return read_plain(page).startswith(_TITLE.encode())
    except ValueError:
        return False


def load(plan: pd.DataFrame | str | Path, store: Store | str | Path | None = None) -> pd.DataFrame:
    """Read a plan and make sure that it is as it was made.

    Parameters
    ----------
    plan
        What `plan` gave, or its file.
    store
        The store that it was made from, or its folder, where its key lies; default: the folder that the plan
        names. `apply` always asks the store that it is given.

    Raises
    ------
    SafetyError
        When it is no plan of that store, or a row of it was changed, added or taken out.
    UsageError
        When there is no such file.
    """
    if not isinstance(plan, pd.DataFrame):
        plan = _read_frame(expanded(plan))
    about = plan.attrs.get("plan")
    if not isinstance(about, dict) or list(plan.columns) != list(PLAN_COLUMNS):
        raise SafetyError("this is no plan; make one with `smsdata clean`.")
    key = _key_in(Path(str(about.get("key_in"))) if store is None else open_store(store).private)
    hashed = {name: value for name, value in about.items() if name not in {"hash", "file"}}
    try:
        whole = hmac.compare_digest(_plan_hash(plan, hashed, key), str(about.get("hash")))
    except (ValueError, TypeError, OverflowError):  # what stands there cannot even be written as JSON
        whole = False
    if not whole:
        raise SafetyError(
            "the plan was changed since it was made, or made from another store; make it again with "
            "`smsdata clean`."
        )
    return plan


def _read_frame(file: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(io.BytesIO(read_plain(file)))
    except FileNotFoundError:
        raise UsageError(f"{file}: there is no such plan.") from None
    except PermissionError:
        raise UsageError(f"{file} cannot be read: make it readable for this user.") from None
    except (OSError, ValueError, TypeError, LookupError, AttributeError, pa.ArrowException) as error:
        raise SafetyError(
            f"{file} is no plan, or damaged ({type(error).__name__}); make it with `smsdata clean`."
        ) from None


def _plan_hash(rows: pd.DataFrame, about: dict[str, Any], key: bytes) -> str:
    table = rows.to_json(orient="split", index=False, date_format="iso", date_unit="us", double_precision=12)
    return hmac.new(key, f"{sorted_json(about)}\n{table}".encode(), hashlib.sha256).hexdigest()


def sorted_json(value: Any) -> str:
    """Write a value as compact JSON, the same for the same value.

    >>> sorted_json({"b": 1, "a": 2})
    '{"a":2,"b":1}'
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def unsound(plan: pd.DataFrame) -> str:
    """Say why a plan is not to be trusted for what the account received lately; empty if it may be."""
    recent = plan.attrs["plan"].get("recent")
    if not isinstance(recent, dict) or recent["delivered"] * 2 >= recent["judged"]:
        return ""
    return (
        f"only {recent['delivered']:,} of the {recent['judged']:,} messages of the last 30 days that have a "
        "result were delivered"
    )


_ROWS_SHOWN = 200
_TITLE = "# Plan: contacts to take off their lists"


def advice(plan: pd.DataFrame) -> list[str]:
    """Say what to do with a plan: apply it, sync again because campaigns are not reconciled yet, or nothing.

    Parameters
    ----------
    plan
        What `plan` gave.
    """
    tiers, unsettled = set(plan["tier"]), int((plan["rule"] == "unsettled").sum())
    waiting = plan.loc[plan["rule"] == "too-few-days", "msisdn"].nunique()
    lines = []
    if plan.empty and not plan.attrs["plan"].get("unreadable"):
        lines.append("There is nothing to do: no contact of a list has a hard bounce that stands.")
    lines += left_out(plan)
    if unsettled:
        lines.append(
            f"{unsettled:,} of {len(plan):,} contacts cannot be judged yet: a bounce counts once its "
            "campaign is more than 98 h old and two syncs at least an hour apart saw the same. Run "
            f"`smsdata sync` again {_from_when(plan)}, then `smsdata clean`."
        )
    if differing := int((plan["rule"] == "counters-differ").sum()):
        lines.append(
            f"{differing:,} contacts cannot be judged, however long one waits: the counters of their sends "
            "are not what the receipts say, as where a send lists a number twice and the two messages ended "
            "differently. `smsdata verify` names the sends."
        )
    if waiting:
        lines.append(
            f"Not enough to judge the days by: {waiting:,} numbers wait, since an outage would look the "
            f"same. {_why_not_judged(plan, 'too-few-days')} A hard bounce at least 72 h later decides: of a "
            f"message sent from {_next_bounce(plan)} on; or more days."
        )
    lines += _about_unjudged_days(plan)
    if tiers - {"review"} and unsound(plan):
        lines.append(f"It would be refused: {unsound(plan)}; as a rule the evidence is wrong then.")
    elif tiers - {"review"}:
        more = "" if "remove" in tiers else " --tier exclude"
        file = plan.attrs["plan"]["file"]
        lines.append(f"To carry it out within 24 hours: smsdata clean --apply {file}{more}")
    elif not plan.empty and not unsettled and not waiting:
        lines.append("Nothing can be applied: every contact needs a person, by the rule that the plan names.")
    return [*lines, *plan.attrs["plan"].get("lost_callbacks", [])]


def left_out(plan: pd.DataFrame) -> list[str]:
    """Say which contacts a plan leaves alone although they seem to belong into it."""
    unreadable = plan.attrs["plan"].get("unreadable", 0)
    undated, joined = (
        plan.loc[plan["rule"] == rule, "msisdn"].nunique() for rule in ("undated", "re-joined")
    )
    lines = []
    if unreadable:
        lines.append(
            f"{unreadable:,} contacts are left out: their number cannot be read as an international one. "
            "smsdata.to_msisdn tells why."
        )
    lines += _left_to_others(plan)
    if undated:
        lines.append(
            f"{undated:,} numbers are left alone: a list that they are on does not say when they were put "
            "there, so that a joining since the bounce would not be seen."
        )
    if joined:
        lines.append(
            f"{joined:,} numbers joined a list after they opted out and are left as they are: look whether "
            "they want messages again, and take them off by hand where they do not (rule re-joined)."
        )
    return lines


def _left_to_others(plan: pd.DataFrame) -> list[str]:
    """Say who opted out and is to be opted out, and whom a row without the country of its number may mean."""
    stopped, unclear = (
        plan.loc[plan["rule"] == rule, "msisdn"].nunique() for rule in ("stopped", "unclear-number")
    )
    lines = []
    if stopped:
        lines.append(
            f"{stopped:,} numbers asked to stop and are still active on a list: run `smsdata audit --fix` "
            "first. It makes the plan that opts them out; a deletion would record no opt-out (rule stopped)."
        )
    if unclear:
        rows = ", ".join(f"{name} {n:,}" for name, n in plan.attrs["plan"].get("unclear", {}).items())
        lines.append(
            f"{unclear:,} numbers are left alone: rows of the store lack the country of their number and may "
            f"be about them ({rows}; rule unclear-number). Ask the provider why."
        )
    return lines


def _about_unjudged_days(plan: pd.DataFrame) -> list[str]:
    """Say who is removed although none of its days could be judged."""
    rows = plan[plan["rule"] == "unjudged-days"]
    if rows.empty:
        return []
    return [
        f"{rows['msisdn'].nunique():,} numbers are to be removed although none of the days of their bounces "
        "could be judged (rule unjudged-days), since they bounced on two days 72 h apart. "
        f"{_why_not_judged(plan, 'unjudged-days')} Make sure that there was no outage on both before you "
        "apply it."
    ]


_NOT_JUDGED = {
    "few days": "fewer than 8 days like theirs are stored (the account's, the sender's or the number "
    "range's)",
    "few bounces": "more bounced on their days than usual, but fewer than 10, which may be chance",
}
"""Why a day could not be judged, by the word of the evidence."""


def _why_not_judged(plan: pd.DataFrame, rule: str) -> str:
    """Say of how many numbers of a rule which reason kept a day from being judged."""
    rows = plan[plan["rule"] == rule].drop_duplicates("msisdn")
    told = rows["evidence"].map(lambda text: {word for _, word in _days_not_judged(text)})
    counts = Counter(word for words in told for word in words)
    said = [f"{counts[word]:,} of them: {why}" for word, why in _NOT_JUDGED.items() if counts[word]]
    return "; ".join(said) + "."


def _days_not_judged(evidence: str) -> list[tuple[str, str]]:
    """The days of some evidence that could not be judged, each with its reason, in order."""
    bounces = orjson.loads(evidence)
    days = {(one["sent_at"][:10], one["not_judged"]) for one in bounces if "not_judged" in one}
    return sorted(days)


_LEFT_OUT = {
    "followed": "before a delivery or a reply",
    "unsettled": "of campaigns that are not reconciled yet",
    "counters-differ": "of campaigns whose counters are not what their receipts say",
    "unconfirmed": "told by a callback only, or seen delivered too",
    "old": "too old",
}


def _hard_bounces_told(plan: pd.DataFrame) -> list[str]:
    """Say how many hard bounces count, in how many messages, and which do not and why."""
    numbers = plan[plan["action"] == "delete"].drop_duplicates("msisdn")
    if numbers.empty:
        return []
    of, hard, count = (int(numbers[name].sum()) for name in ("sends", "hard_bounces", "bounces"))
    left = plan.attrs["plan"].get("left_out") or {}
    why = ", ".join(f"{left[reason]:,} {words}" for reason, words in _LEFT_OUT.items() if reason in left)
    return [
        f"{hard:,} hard bounces in {of:,} messages to these {len(numbers):,} numbers: {count:,} count"
        + (f"; left out: {why}" if why else "")
    ]


def _from_when(plan: pd.DataFrame) -> str:
    """Say when the campaigns that are waited for are at rest, by what is known now."""
    about = plan.attrs["plan"]
    settles = about.get("settles")
    if not settles:
        return "in an hour"
    first, last = (max(str(settles[name]), str(about["made_at"])) for name in ("first", "last"))
    moments = [f"{pd.Timestamp(one).ceil('min'):%Y-%m-%d %H:%M} UTC" for one in dict.fromkeys([first, last])]
    return f"after {moments[0]}" + (f" (for all of them: after {moments[1]})" if len(moments) > 1 else "")


def _next_bounce(plan: pd.DataFrame) -> str:
    """Say from when on another bounce decides for every number that waits for days."""
    waiting = plan.loc[plan["rule"] == "too-few-days", "first_bounce"]
    return f"{(waiting.max() + timedelta(hours=72)).ceil('min'):%Y-%m-%d %H:%M} UTC"


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
        _TITLE,
        "",
        f"- hash: `{about['hash']}`",
        f"- gateway: {about['base_url']}, account {about['account'][:12]}",
        f"- made from what was known at {about['made_at']}; void after {about['expires_at']}",
        "- nothing has been changed yet",
        *(f"- {line}" for line in [*_hard_bounces_told(plan), *advice(plan)]),
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
    first = plan.head(_ROWS_SHOWN)
    counts = zip(first["bounces"].tolist(), first["hard_bounces"].tolist(), strict=True)
    rows = [
        f"| {r.list_id} | {r.msisdn} | {r.tier} | {r.rule} | {_of(*count)} | {r.sends} | "
        f"{_day_or_never(r.last_bounce)} | {_day_or_never(r.last_delivered)} | "
        f"{', '.join(f'{day} ({why})' for day, why in _days_not_judged(str(r.evidence))) or 'none'} |"
        for r, count in zip(first.itertuples(index=False), counts, strict=True)
    ]
    more = len(plan) - len(rows)
    return [
        "| list | number | tier | rule | hard bounces | messages | last bounce | last delivery "
        "| days not judged |",
        "|---|---|---|---|---:|---:|---|---|---|",
        *rows,
        *([f"\n{more:,} more rows stand in the Parquet file."] if more > 0 else []),
    ]


def _of(count: int, hard: int) -> str:
    """How many hard bounces count, and of how many where some do not."""
    return str(count) if count == hard else f"{count} of {hard}"


def _day_or_never(moment: Any) -> str:
    return "never" if pd.isna(moment) else f"{moment:%Y-%m-%d}"
