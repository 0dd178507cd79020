"""The command that makes the page of a period: report. Imports `report`."""

from __future__ import annotations

import warnings
import webbrowser
from datetime import UTC, datetime
from typing import Annotated

import typer

from smsdata.cli.app import ACCOUNT, NEEDS_ATTENTION, CommonOptions, command
from smsdata.cli.completing import zone_names
from smsdata.errors import UsageError
from smsdata.times import instant


@command("report")
def report_command(
    common: CommonOptions,
    *,
    period: Annotated[
        str | None, typer.Option(help="week or month, the last that is over, or one such as 2026-10; week.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="In its place: from this day or instant.")] = None,
    until: Annotated[str | None, typer.Option(help="With --since: before this day or instant; now.")] = None,
    tz: Annotated[
        str,
        typer.Option(help="Zone in which days begin, such as Australia/Sydney.", autocompletion=zone_names),
    ] = "UTC",
    compare: Annotated[
        str, typer.Option(help="previous: also tell the change against the period before; none.")
    ] = "previous",
    out: Annotated[str, typer.Option(help="The file to write.")] = "report.html",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is no report.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Show the page in a browser.")] = False,
) -> int:
    """Write one HTML page about a period, complete in itself; makes no call."""
    from smsdata.report.page import report_page, write_report  # slow to import
    from smsdata.report.periods import period_of

    common.refuse_ignored("only the store is read", *(name for name in ACCOUNT if name != "now"))
    if compare not in {"previous", "none"}:
        raise UsageError(f"--compare {compare!r}: write previous or none.")
    now = instant(common.now, "now") if common.now else datetime.now(UTC)
    chosen = period_of(period, since=since, until=until, tz=tz, now=now)
    with warnings.catch_warnings(record=True) as odd:
        warnings.simplefilter("always", UserWarning)
        page = report_page(common.existing_store(), chosen, compare=compare == "previous")
    for text in dict.fromkeys(str(one.message) for one in odd):
        common.say(f"note: {text}")
    path = write_report(page, out, force=force)
    if open_page:
        webbrowser.open(path.absolute().as_uri())
    if page.not_compared:
        common.say(f"not compared: {page.not_compared}.")
    told = {"file": str(path), "since": chosen.since.isoformat(), "until": chosen.until.isoformat()}
    lines = [f"wrote {path}: {chosen.words}", *(f"needs a look: {line}" for line in page.look)]
    common.show(told | {"look": list(page.look), "not_compared": page.not_compared}, *lines)
    return NEEDS_ATTENTION if page.look else 0
