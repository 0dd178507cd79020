"""The command of many accounts: accounts list, check, add-clients.

Imports `account_file`, `store`, `cli.app` and `cli.many`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

import typer

from smsdata.account_file import AccountEntry, add_accounts, read_accounts
from smsdata.cli.app import CommonOptions, command
from smsdata.cli.many import PATIENCE, Outcome, naming_who_waits, side_by_side, worst_of
from smsdata.gateway.client import Client
from smsdata.settings import expanded
from smsdata.store.store import Store


@command("accounts")
def accounts_command(
    common: CommonOptions,
    *,
    action: Annotated[
        Literal["list", "check", "add-clients"],
        typer.Argument(help="Show the accounts, ask the gateway about each, or add a reseller's clients."),
    ],
    keyring: Annotated[
        bool, typer.Option("--keyring", help="Have added clients' keys and secrets come from the keyring.")
    ] = False,
) -> int:
    """Show, check or extend the file of accounts that sync takes with --account and --all-accounts."""
    common.refuse_ignored("each account has its own store", "store")
    if action != "add-clients":
        common.refuse_ignored("it is for add-clients", "keyring")
        common.refuse_ignored("all accounts of the file are meant", "account", "base_url", "rate", "share")
    if action == "list":
        common.refuse_ignored("the gateway is not asked", "ca_bundle", "proxy", "now")
        return _show(common, read_accounts(common.accounts_file))
    if action == "check":
        return _check(common, read_accounts(common.accounts_file))
    return _add_clients(common, keyring=keyring)


def _show(common: CommonOptions, entries: Mapping[str, AccountEntry]) -> int:
    shown = {}
    for name, entry in entries.items():
        chosen = entry.settings(secret=False)
        shown[name] = {
            "base_url": chosen.base_url, "rate": chosen.rate, "share": chosen.share,
            "store": str(chosen.store), "secret_from": entry.secret_from,
        }  # fmt: skip
    lines = [
        f"{name:<20} {one['store']:<24} {one['rate']:g} x {one['share']:g} calls/s  {one['base_url']}  "
        f"secret: {one['secret_from']}"
        for name, one in shown.items()
    ]
    common.show({"accounts": shown}, *(lines or [f"{common.accounts_file} names no account yet."]))
    return 0


def _check(common: CommonOptions, entries: Mapping[str, AccountEntry], *, patience: float = PATIENCE) -> int:
    """Ask the gateway something small as every account."""

    def ask(_name: str, client: Client, store: Store) -> tuple[int, dict[str, Any]]:
        client.call("get-balance")
        store.bind(client.settings.account, client.settings.base_url)  # in memory: is it this account's?
        return 0, {}

    given = {"ca_bundle": common.ca_bundle, "proxy": common.proxy}
    outcomes = side_by_side(
        entries, ask, given, common.now, waits=naming_who_waits(common), patience=patience
    )
    code = worst_of(outcome.exit_code for outcome in outcomes.values())
    for name, outcome in outcomes.items():
        if outcome.error:
            common.look(f"{name}: {outcome.error.text}")
    told = {"accounts": {name: _check_facts(one) for name, one in outcomes.items()}, "exit_code": code}
    common.show(told, *(f"{name:<20} {'failed' if one.error else 'good'}" for name, one in outcomes.items()))
    return code


def _check_facts(outcome: Outcome) -> dict[str, Any]:
    return {
        name: value for name, value in outcome.as_json().items() if name in {"exit_code", "store", "error"}
    }


def _add_clients(common: CommonOptions, *, keyring: bool) -> int:
    """List a reseller's clients in the file; their keys and secrets are put elsewhere by a person."""
    path = expanded(common.accounts_file)
    there = read_accounts(path) if path.exists() else {}
    known = {entry.facts.get("client_id") for entry in there.values()}
    with common.client() as client:
        clients = client.clients()
        base_url = client.settings.base_url
    added: dict[str, dict[str, Any]] = {}
    for client_id, name in zip(clients["client_id"], clients["name"], strict=True):
        if int(client_id) not in known:
            entry = _free_name(str(name), int(client_id), {*there, *added})
            added[entry] = _facts_of(entry, int(client_id), base_url, keyring=keyring)
    if added:
        add_accounts(path, added)
    common.say(*(_where_to_put(name, facts) for name, facts in added.items()))
    listed = {name: facts["client_id"] for name, facts in added.items()}
    common.show(
        {"file": str(path), "added": listed, "there": len(clients) - len(added)},
        f"{len(added):,} clients added to {path}, {len(clients) - len(added):,} were there.",
    )
    return 0


def _free_name(name: str, client_id: int, taken: Collection[str]) -> str:
    """A name for an account that says whose it is; what a client calls itself is anybody's text.

    >>> _free_name("Smith & Söhne", 7, []), _free_name("Acme", 8, ["acme"]), _free_name("東京", 9, [])
    ('smith-sohne', 'acme-8', 'client-9')
    """
    letters = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", name.lower()))  # an o of an ö
    plain = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:40].strip("-") or f"client-{client_id}"
    return plain if plain not in {one.lower() for one in taken} else f"{plain}-{client_id}"


def _facts_of(name: str, client_id: int, base_url: str, *, keyring: bool) -> dict[str, Any]:
    if keyring:
        return {"client_id": client_id, "base_url": base_url, "key_keyring": True, "secret_keyring": True}
    variable = re.sub(r"[^A-Z0-9]", "_", name.upper())
    return {
        "client_id": client_id, "base_url": base_url, "key_env": f"SMS_KEY_{variable}",
        "secret_env": f"SMS_SECRET_{variable}",
    }  # fmt: skip


def _where_to_put(name: str, facts: Mapping[str, Any]) -> str:
    if "key_env" in facts:
        return f"{name}: put its API key into {facts['key_env']} and its secret into {facts['secret_env']}."
    return f"{name}: run `keyring set smsdata {name}.key` and `keyring set smsdata {name}.secret`."
