"""The command that says how a store stands: status. Imports `store`."""

from __future__ import annotations

from typing import Annotated

import typer

from smsdata.cli.app import ACCOUNT, NEEDS_ATTENTION, CommonOptions, command
from smsdata.store.status import store_status, store_status_lines
from smsdata.times import duration, instant


@command("status")
def status_command(
    common: CommonOptions,
    *,
    max_age: Annotated[
        str | None, typer.Option(help="How old the last sync may be, such as 26h; older needs a look.")
    ] = None,
) -> int:
    """Show when the store was last synced, how complete it is and what needs a look; makes no call."""
    common.refuse_ignored("only the store is read", *(name for name in ACCOUNT if name != "now"))
    most = duration(max_age) if max_age is not None else None
    now = instant(common.now, "now") if common.now else None
    status = store_status(common.existing_store(), now=now, max_age=most)
    common.show(status, *store_status_lines(status))
    return NEEDS_ATTENTION if status["look"] else 0
