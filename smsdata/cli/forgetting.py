"""The commands that take out of a store what is not to be kept: forget, retain.

Imports `forgetting` inside the commands.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from smsdata.cli.app import ACCOUNT, CommonOptions, command
from smsdata.errors import UsageError
from smsdata.times import instant


@command("forget")
def forget_command(
    common: CommonOptions,
    *,
    msisdn: Annotated[str | None, typer.Argument(help="The number; - reads it from stdin.")] = None,
    country: Annotated[str | None, typer.Option(help="Country of a number without one, such as AU.")] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(help="Another file or folder to put right: exports, packs, reports, logs."),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it; without it only the places are shown.")
    ] = False,
    key_lost: Annotated[
        bool, typer.Option("--key-lost", help="Go on in a store whose key of forgotten numbers is lost.")
    ] = False,
    own_number: Annotated[
        bool, typer.Option("--own-number", help="Go on though the account sends from that number.")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another run on this store.")] = 5.0,
) -> int:
    """List every place that holds a person's number, and take it out of them for good."""
    common.refuse_ignored("only the store is changed", *ACCOUNT)
    if key_lost:
        return _go_on_without_key(common, msisdn, apply=apply, wait=wait)
    from smsdata.forgetting.person import forget

    if msisdn is None:
        raise UsageError("forget takes a number, as in `smsdata forget NUMBER`, or - for stdin.")
    number = sys.stdin.readline() if msisdn == "-" else msisdn
    done = forget(
        common.existing_store(), number, country=country, apply=apply, also=also or (),
        own_number=own_number, wait=wait,
    )  # fmt: skip
    common.show(done.as_json(), *done.lines())
    return done.exit_code


def _go_on_without_key(common: CommonOptions, msisdn: str | None, *, apply: bool, wait: float) -> int:
    common.refuse_ignored("it goes on without the key of all who are forgotten", "country", "also")
    if msisdn is not None:
        raise UsageError("--key-lost is about all who are forgotten in a store: leave the number out.")
    from smsdata.forgetting.lost_key import give_up_key

    done = give_up_key(common.existing_store(), apply=apply, wait=wait)
    common.show(done.as_json(), *done.lines())
    return done.exit_code


@command("retain")
def retain_command(
    common: CommonOptions,
    *,
    ages: Annotated[list[str], typer.Argument(help="TABLE=AGE, such as replies=400d.")],
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without it only counts are shown.")] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another run on this store.")] = 5.0,
) -> int:
    """Let rows go that are older than an age; what tells of an opt-out stays."""
    common.refuse_ignored("only the store is changed", *(name for name in ACCOUNT if name != "now"))
    from smsdata.forgetting.retention import retain, retained_as_json, retained_lines

    named = dict(word.partition("=")[::2] for word in ages)
    if not all(named.values()) or len(named) < len(ages):
        raise UsageError("retain takes each table once, as TABLE=AGE, such as replies=400d.")
    now = instant(common.now, "now") if common.now else datetime.now(UTC)
    told = retain(common.existing_store(), named, apply=apply, now=now, wait=wait)
    common.show(retained_as_json(told, applied=apply), *retained_lines(told, applied=apply))
    return 0
