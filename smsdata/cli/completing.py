"""What the shell offers after a tab: names from the store and the file of accounts on this machine.

Never calls the gateway, reads no rows of people, and offers nothing where something is wrong: a shell shows
no errors. Imports `account_file`, `settings`, `store`, `schema` and `gateway.endpoints`.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import typer

from smsdata.account_file import DEFAULT_FILE, account_entry, read_accounts
from smsdata.gateway.endpoints import ENDPOINTS
from smsdata.schema.frames import schema
from smsdata.schema.tables import TABLES
from smsdata.settings import settings
from smsdata.store.store import Store, existing_store

Offer = str | tuple[str, str]
"""A word, or a word and what the shell says of it."""


def offering(names: Callable[[typer.Context], Iterable[Offer]]) -> Callable[[typer.Context, str], list[Any]]:
    """Make a completion of a function that gives all words there are; none where it fails."""

    @wraps(names)
    def complete(context: typer.Context, incomplete: str) -> list[Any]:
        try:
            return [one for one in names(context) if _offered_word(one).startswith(incomplete)]
        except Exception:
            return []

    complete.__annotations__ = {"context": typer.Context, "incomplete": str, "return": list}
    del complete.__wrapped__  # Typer reads the signature, which would be that of `names`
    return complete


def listing(names: Callable[[typer.Context], Iterable[str]]) -> Callable[[typer.Context, str], list[Any]]:
    """Make a completion of the last word of a list with commas, without those that are in it."""

    def complete(context: typer.Context, incomplete: str) -> list[Any]:
        before, comma, begun = incomplete.rpartition(",")
        there = {word.strip() for word in before.split(",")}
        try:
            words = [one for one in names(context) if one.startswith(begun.strip()) and one not in there]
        except Exception:
            return []
        return [f"{before}{comma}{word}" for word in words]

    complete.__annotations__ = {"context": typer.Context, "incomplete": str, "return": list}
    return complete


def _offered_word(offer: Offer) -> str:
    return offer if isinstance(offer, str) else offer[0]


def given_store(context: typer.Context) -> Store:
    """The store that the command line, its account or the environment names."""
    given = context.params
    if given.get("store"):
        return existing_store(given["store"])
    if given.get("account"):
        return existing_store(
            account_entry(given.get("accounts_file") or DEFAULT_FILE, given["account"]).store
        )
    return existing_store(settings().store)


@offering
def account_names(context: typer.Context) -> Iterable[Offer]:
    """The accounts of the file of accounts; no secret is looked up."""
    return list(read_accounts(context.params.get("accounts_file") or DEFAULT_FILE))


@listing
def tables_to_sync(_context: typer.Context) -> Iterable[str]:
    """The tables that a sync reads."""
    return [name for name in ENDPOINTS if name in TABLES]


@listing
def columns_of_table(context: typer.Context) -> Iterable[str]:
    """The columns of the table that is named; of all tables, where that comes later."""
    words = [context.params.get("what"), *context.args]  # an option that lacks its value stops the parser
    named = [word for word in words if word in TABLES]
    return dict.fromkeys(column for table in named or TABLES for column in schema(table).names)


@offering
def list_ids(context: typer.Context) -> Iterable[Offer]:
    """The lists of the store, with their names."""
    rows = given_store(context).rows("lists", columns=["list_id", "name"]).to_pylist()
    return [(str(row["list_id"]), str(row["name"])) for row in rows]


@offering
def zone_names(_context: typer.Context) -> Iterable[Offer]:
    """The zones that this machine knows."""
    return sorted(zoneinfo.available_timezones())
