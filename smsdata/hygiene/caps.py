"""How much of an account a plan may change: caps that a typed count goes beyond, and what is refused.

Removals only: an opt-out is what its owner asked for, however many there are. Owns the caps. Imports of
smsdata only `store`, `times`, `errors` and, within hygiene, plan_file and run_journal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

import pandas as pd

from smsdata.errors import SafetyError, UsageError
from smsdata.hygiene.plan_file import unsound
from smsdata.hygiene.run_journal import RunJournal, runs
from smsdata.store.store import Store
from smsdata.times import instant

Counts = Mapping[int, int]
"""How many contacts a plan removes, by list: ``{list_id: count}``."""

Beyond = Mapping[int, tuple[int, int]]
"""Lists beyond a cap: how many contacts the plan removes, and how many active ones the list has."""

_SMALL_LIST = 10
"""Of a smaller list more than a fifth may be dead: two of nine."""


def cap(members: int) -> int:
    """Tell how many contacts may be removed from a list without typing the count.

    Parameters
    ----------
    members
        Active contacts of the list.

    Examples
    --------
    >>> cap(10), cap(50), cap(2_000)
    (2, 2, 100)
    """
    return max(2, members * 5 // 100)


def account_cap(contacts: int) -> int:
    """Tell how many distinct numbers may be removed on one UTC day, over all lists and plans.

    Parameters
    ----------
    contacts
        Active contacts of all lists.

    Examples
    --------
    >>> account_cap(24), account_cap(2_000), account_cap(1_000_000)
    (2, 40, 500)
    """
    return min(500, max(2, contacts * 2 // 100))


def run_name(plan: pd.DataFrame) -> str:
    """Name a plan's run: the same plan goes on with the same run."""
    return str(plan.attrs["plan"]["hash"])[:12]


def selected_rows(plan: pd.DataFrame, tier: str) -> pd.DataFrame:
    """Give the rows to carry out, with their number in the plan, list by list."""
    tiers = {"remove": ["remove"], "exclude": ["remove", "exclude"]}
    if tier not in tiers:
        raise UsageError(f"tier={tier!r} cannot be applied: remove or exclude.")
    numbered = plan.assign(row=range(len(plan)))
    return numbered[numbered["tier"].isin(tiers[tier])].sort_values(["list_id", "row"])


def beyond_caps(
    plan: pd.DataFrame,
    lists: pd.DataFrame,
    store: Store,
    *,
    tier: str = "remove",
    now: datetime | None = None,
) -> dict[int, tuple[int, int]]:
    """Tell of which lists a plan would remove more contacts than the caps allow.

    Parameters
    ----------
    plan
        What `plan` gave, or `load` read.
    lists
        The account's lists now, as ``client.lists()`` gives them.
    store
        The store; what an earlier run of the plan removed already counts as still on its list, and what any
        run removed today counts for the account.
    tier
        "remove" or "exclude", as for `apply`.
    now
        The present; default: when the plan was made.

    Returns
    -------
    dict
        For each list beyond its cap, and for every list of the plan if the account is beyond its own: how
        many contacts the plan removes, which a person has to type to go on, and how many active ones it has.
    """
    sizes = _sizes(plan, lists, store)
    removals = _removals(plan, tier)
    removals = removals[removals["list_id"].isin(list(sizes))]  # of a list that is gone nothing is removed
    wanted = Counter(removals["list_id"].tolist())
    day = (now or instant(plan.attrs["plan"]["made_at"])).astimezone(UTC).date()
    numbers = set(removals["msisdn"]) | _removed_on(day, store)
    all_lists = bool(wanted) and len(numbers) > account_cap(sum(sizes.values()))
    return {
        one: (count, sizes.get(one, 0))
        for one, count in wanted.items()
        if all_lists or count > cap(sizes.get(one, 0))
    }


def within_caps(
    beyond: Beyond, lists: pd.DataFrame, counts: Counts | Callable[[Beyond], Counts] | None
) -> None:
    """Refuse a plan beyond a cap, unless a person typed how many contacts of which list it removes."""
    if not beyond:
        return
    typed = counts(beyond) if callable(counts) else counts or {}
    refused = {one: sizes for one, sizes in beyond.items() if typed.get(one) != sizes[0]}
    if refused:
        named = [
            f"list {list_id}: {count:,} of {size:,} contacts, cap {cap(size):,}"
            for list_id, (count, size) in refused.items()
        ]
        given = " ".join(f"--count {list_id}={count}" for list_id, (count, _) in refused.items())
        most = account_cap(int(lists["members_active"].sum()))
        raise SafetyError(
            f"{'; '.join(named)}; the account: cap {most:,} numbers a day. Nothing was changed: look at the "
            f"plan; if it is right, type the count of each such list ({given})."
        )


def refuse_unsound(plan: pd.DataFrame, lists: pd.DataFrame, store: Store, *, tier: str = "remove") -> None:
    """Refuse a plan that is more likely to be wrong than its contacts are to be dead.

    Raises
    ------
    SafetyError
        When it would remove more than a fifth of the active contacts of a list of 10 or more, or was made
        while under half of the messages of the last 30 days that have a result were delivered.
    """
    removals = _removals(plan, tier)
    if removals.empty:
        return
    reason = unsound(plan)
    sizes = _sizes(plan, lists, store)
    for list_id, count in Counter(removals["list_id"].tolist()).items():
        size = sizes.get(list_id, 0)
        if size >= _SMALL_LIST and count * 5 > size and not reason:
            reason = f"list {list_id}: {count:,} of its {size:,} active contacts is more than a fifth"
    if reason:
        raise SafetyError(f"{reason}: as a rule the evidence is wrong then. Nothing was changed.")


def _removals(plan: pd.DataFrame, tier: str) -> pd.DataFrame:
    rows = selected_rows(plan, tier)
    return rows[rows["action"] == "delete"]


def _sizes(plan: pd.DataFrame, lists: pd.DataFrame, store: Store) -> dict[int, int]:
    """Count the active contacts of each list, as if the run of this plan had not begun."""
    active = dict(zip(lists["list_id"].tolist(), lists["members_active"].fillna(0).tolist(), strict=True))
    entries = RunJournal(store, run_name(plan)).entries.values()
    done = Counter(entry.list_id for entry in entries if entry.removed)
    return {list_id: size + done[list_id] for list_id, size in active.items()}


def _removed_on(day: date, store: Store) -> set[str]:
    """Give the numbers that any run removed, or may have removed, on a UTC day."""
    journals = [RunJournal(store, run) for run in runs(store)]
    return {
        entry.msisdn
        for journal in journals
        for entry in journal.entries.values()
        if entry.action == "delete" and entry.state != "refused"
        if instant(entry.at).astimezone(UTC).date() == day
    }
