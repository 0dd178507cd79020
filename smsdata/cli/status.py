"""The command that says how a store stands, or the stores of all accounts: status.

Imports `store`, `times`, `account_file`, `cli.app` and `cli.many`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from smsdata.cli.app import ACCOUNT, NEEDS_ATTENTION, CommonOptions, command, failure_of
from smsdata.cli.many import chosen_accounts, worst_of
from smsdata.store.status import readable_age, store_status, store_status_lines
from smsdata.store.store import Store, existing_store
from smsdata.times import duration, instant


@command("status")
def status_command(
    common: CommonOptions,
    *,
    max_age: Annotated[
        str | None, typer.Option(help="How old the last sync may be, such as 26h; older needs a look.")
    ] = None,
    all_accounts: Annotated[
        bool, typer.Option("--all-accounts", help="The stores of every account of the file of accounts.")
    ] = False,
) -> int:
    """Show when the store was last synced, how complete it is and what needs a look; makes no call."""
    common.refuse_ignored("only the store is read", *(name for name in ACCOUNT if name != "now"))
    most = duration(max_age) if max_age is not None else None
    now = instant(common.now, "now") if common.now else None
    if all_accounts:
        return _show_all(common, lambda store: store_status(store, now=now, max_age=most))
    status = store_status(common.existing_store(), now=now, max_age=most)
    common.show(status, *store_status_lines(status))
    return NEEDS_ATTENTION if status["look"] else 0


def _show_all(common: CommonOptions, ask: Callable[[Store], dict[str, Any]]) -> int:
    """One line for each account; a store that cannot be read costs its own line alone."""
    entries = chosen_accounts(common)
    told: dict[str, dict[str, Any]] = {}
    for name, entry in entries.items():
        try:
            status = ask(existing_store(entry.store))
            code = NEEDS_ATTENTION if status["look"] else 0
            told[name] = {"exit_code": code, "result": status, "error": None}
        except Exception as error:
            failure = failure_of(error)
            told[name] = {"exit_code": failure.exit_code, "result": None, "error": failure.as_json()}
    code = worst_of(one["exit_code"] for one in told.values())
    lines = [f"{'account':<24}{'exit':>5}  {'last sync':<10} what needs a look"]
    lines += [f"{name:<24}{one['exit_code']:>5}  {_in_short(one)}" for name, one in told.items()]
    common.show({"accounts": told, "exit_code": code}, *lines)
    return code


def _in_short(one: dict[str, Any]) -> str:
    if one["error"]:
        return f"{'-':<10} {one['error']['message']}"
    look, age = one["result"]["look"], one["result"]["age_seconds"]
    ago = "never" if age is None else readable_age(age)
    more = f" (and {len(look) - 1} more)" if len(look) > 1 else ""
    return f"{ago:<10} {look[0] + more if look else '-'}"
