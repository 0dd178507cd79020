"""The command that writes tables and results as files for others: export.

Imports `sharing`, `analysis`, `store`, `cli.app` and `cli.completing`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from smsdata.cli.app import ACCOUNT, NEEDS_ATTENTION, CommonOptions, command
from smsdata.cli.completing import Offer, columns_of_table, listing, offering, zone_names
from smsdata.errors import UsageError
from smsdata.schema.tables import TABLES
from smsdata.settings import expanded
from smsdata.store.status import store_status
from smsdata.store.store import Store
from smsdata.times import instant
from smsdata.times import since as begin


@offering
def tables_and_results(_context: typer.Context) -> Iterable[Offer]:
    """What can be exported; of what is a table and a helper, the helper has another name."""
    from smsdata.sharing.named_results import RESULTS

    results = [(f"analysis.{name}" if name in TABLES else name, "a result") for name in RESULTS]
    return [*((name, "a table") for name in TABLES), *results]


@offering
def format_names(_context: typer.Context) -> Iterable[Offer]:
    """The formats of files."""
    from smsdata.sharing.formats import FORMATS

    return list(FORMATS)


@listing
def groups_of_results(_context: typer.Context) -> Iterable[str]:
    """What most results can be grouped by."""
    from smsdata.analysis.core.grouping import PERIODS

    return [*PERIODS, "quarter", "year", "weekday", "sender", "country", "campaign", "list"]


_What = Annotated[
    str,
    typer.Argument(help="A table, or a helper of smsdata.analysis.", autocompletion=tables_and_results),
]
_Format = Annotated[
    str | None,
    typer.Option(
        help="csv, parquet, xlsx, feather, sqlite or duckdb; csv without --out.",
        autocompletion=format_names,
    ),
]
_Columns = Annotated[
    str | None, typer.Option(help="Only these, such as msisdn,status.", autocompletion=columns_of_table)
]
_By = Annotated[
    str | None,
    typer.Option(
        help="Of a result: what to group by, such as sender,week.", autocompletion=groups_of_results
    ),
]
_Zone = Annotated[
    str | None,
    typer.Option(help="Of a result: the time zone of its days and weeks.", autocompletion=zone_names),
]


@command("export")
def export_command(
    common: CommonOptions,
    *,
    what: _What = "",
    out: Annotated[str | None, typer.Option(help="The file; its name says the format.")] = None,
    format: _Format = None,
    since: Annotated[str | None, typer.Option(help="Rows from then on: 30d, or 2026-11-01.")] = None,
    until: Annotated[str | None, typer.Option(help="Rows before that.")] = None,
    columns: _Columns = None,
    where: Annotated[str | None, typer.Option(help="Only rows that fit: \"status = 'hard-bounce'\".")] = None,
    by: _By = None,
    tz: _Zone = None,
    option: Annotated[
        list[str] | None, typer.Option(help="Of a result: another option of its helper, such as window=24h.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    pseudonymise: Annotated[
        bool, typer.Option("--pseudonymise", help="Numbers become pseudonyms; names and texts go.")
    ] = False,
    country: Annotated[
        str | None,
        typer.Option(help="With --pseudonymise: of numbers without one, such as AU; else that of yours."),
    ] = None,
) -> int:
    """Write a table or a result to a file that others can open; changes nothing."""
    common.refuse_ignored("only the store is read", *(name for name in ACCOUNT if name != "now"))
    from smsdata.sharing.exporting import export, format_of, refuse_existing

    store = common.existing_store()
    name = what.removeprefix("analysis.")
    path = expanded(out) if out else Path(f"{name}.{format or 'csv'}")
    format_of(path, format)
    refuse_existing(path, force)
    period = _period(since, until, common.now)
    if what in TABLES:
        common.refuse_ignored(f"{what} is a table and has no helper", "by", "tz", "option")
        source, tables = store.scan(what, **period), {what}
    else:
        source, tables = _result(common, store, what, period, _options(by, tz, option))
    chosen = [name.strip() for name in columns.split(",")] if columns is not None else None
    done = export(
        source, path, format=format, columns=chosen, where=where, name=name,
        force=force, pseudonymise=pseudonymise,
        country=_country_of_ours(store, country, pseudonymise=pseudonymise),
    )  # fmt: skip
    complete, look = _completeness(store, tables, period["since"])
    told = {
        "file": str(done.path), "format": done.format, "rows": done.rows, "columns": list(done.columns),
        "notes": list(done.notes), "complete": complete, "look": look,
        "exit_code": NEEDS_ATTENTION if look else 0,
    }  # fmt: skip
    notes = [note for note in done.notes if note != done.new_key]
    common.show(told, f"wrote {done.rows:,} rows to {done.path} ({done.format})", *notes, *complete)
    common.look(*filter(None, [done.new_key]), *look)
    return NEEDS_ATTENTION if look else 0


def _country_of_ours(store: Store, named: str | None, *, pseudonymise: bool) -> str | None:
    """The country of numbers without one: as named, else where all of one's own numbers are from."""
    if not pseudonymise:
        if named is not None:
            raise UsageError("--country goes with --pseudonymise: add it, or leave --country out.")
        return None
    if named is not None:
        return named
    from smsdata.analysis.core.countries import country_of

    countries = {country_of(number) for number in store.read("numbers", columns=["number"])["number"]}
    return countries.pop() if len(countries) == 1 else None


def _period(since: str | None, until: str | None, at: str | None) -> dict[str, datetime | None]:
    now = instant(at, "now") if at else datetime.now(UTC)
    first = begin(since, now) if since is not None else None
    last = instant(until, "until") if until is not None else None
    if first is not None and last is not None and last <= first:
        raise UsageError(f"the period ends at {last:%Y-%m-%d %H:%M} UTC, not after it begins.")
    return {"since": first, "until": last}


def _options(by: str | None, tz: str | None, more: list[str] | None) -> dict[str, str]:
    options = {name: value for name, value in (("by", by), ("tz", tz)) if value is not None}
    for word in more or []:
        name, sign, value = word.partition("=")
        if not sign:
            raise UsageError("--option takes NAME=VALUE, such as --option window=24h.")
        options[name.strip()] = value
    return options


def _result(
    common: CommonOptions,
    store: Store,
    what: str,
    period: dict[str, datetime | None],
    options: dict[str, str],
) -> tuple[Any, set[str]]:
    from smsdata.analysis.core.grouping import check_zone, has_use_for_a_zone
    from smsdata.sharing.named_results import RESULTS, groups_by_nothing, make_result

    name = what.removeprefix("analysis.")
    if name not in RESULTS:
        known = f"Tables: {', '.join(TABLES)}. Results: {', '.join(RESULTS)}."
        if not what:
            raise UsageError(f"say what to export, such as `smsdata export messages`. {known}")
        raise UsageError(f"there is no table and no result {what!r}. {known}")
    if "by" not in options and groups_by_nothing(name):
        common.refuse_ignored(f"without --by, {name} has no days and weeks", "tz")
    if "tz" in options:
        check_zone(name, options["tz"])
    groups = [group.strip() for group in options.get("by", "").split(",")]
    if not has_use_for_a_zone(groups):
        common.refuse_ignored(f"by {', '.join(groups)}, {name} has no days and weeks", "tz")
    return make_result(name, store, options=options, **period)


def _completeness(store: Store, tables: set[str], since: datetime | None) -> tuple[list[str], list[str]]:
    """How complete the tables are that an export was made of, and what needs a look."""
    status = store_status(store)
    known = {row["table"]: row for row in status["tables"]}
    complete, look = [], list(status["look"])
    for table in sorted(tables):
        row = known.get(table)
        begins = row and row["complete_from"]
        if row is None:
            complete.append(f"{table}: nothing is known of it; no sync has read it")
        elif begins or row["complete_until"]:
            complete.append(f"{table}: complete from {begins or '-'} until {row['complete_until'] or '-'}")
        else:
            complete.append(f"{table}: read whole at {row['read_whole_at'] or '-'}")
        if since is not None and begins and instant(begins) > since:
            look.append(f"{table} is complete only from {begins}: for more, `smsdata sync --since`.")
    return complete, look
