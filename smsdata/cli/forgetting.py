"""The command that takes a person out of a store: forget. Imports `forgetting` inside the command."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from smsdata.cli.app import ACCOUNT, CommonOptions, command


@command("forget")
def forget_command(
    common: CommonOptions,
    *,
    msisdn: Annotated[str, typer.Argument(help="The number; - reads it from stdin.")],
    country: Annotated[str | None, typer.Option(help="Country of a number without one, such as AU.")] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(help="Another file or folder to put right: exports, packs, reports, logs."),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it; without it only the places are shown.")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another run on this store.")] = 5.0,
) -> int:
    """List every place that holds a person's number, and take it out of them for good."""
    common.refuse_ignored("only the store is changed", *ACCOUNT)
    from smsdata.forgetting.person import forget

    number = sys.stdin.readline() if msisdn == "-" else msisdn
    done = forget(common.existing_store(), number, country=country, apply=apply, also=also or (), wait=wait)
    common.show(done.as_json(), *done.lines())
    return done.exit_code
