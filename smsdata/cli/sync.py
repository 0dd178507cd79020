"""The commands that fill and check a store: sync, plan, tables, verify.

Owns their options and what they print; the work is done in `ingest` and `store`. Imports those two, `schema`,
`cli.app`, `cli.completing`, `cli.heartbeat` and `cli.many`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from smsdata.cli.app import ACCOUNT, NEEDS_ATTENTION, CommonOptions, command
from smsdata.cli.completing import list_ids, tables_to_sync
from smsdata.cli.heartbeat import Heartbeat
from smsdata.cli.many import Outcome, chosen_accounts, naming_who_waits, side_by_side, worst_of
from smsdata.errors import UsageError
from smsdata.gateway.client import Client
from smsdata.ingest.reconcile import verify
from smsdata.ingest.report import Report
from smsdata.ingest.run import look_backs, plan_sync, sync
from smsdata.schema.memory import keep_pandas_out
from smsdata.schema.tables import TABLES
from smsdata.settings import Pace, settings
from smsdata.store.state import State, not_offered
from smsdata.store.store import Store
from smsdata.store.verify import unfinished


@command("sync")
def sync_command(
    common: CommonOptions,
    *,
    tables: Annotated[
        str | None,
        typer.Option(help="Only these tables, separated by commas.", autocompletion=tables_to_sync),
    ] = None,
    since: Annotated[str | None, typer.Option(help="From when: 30d, or 2026-08-15. Default: go on.")] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read the last 30 days again, or from --since, whatever changed.")
    ] = False,
    replay_rejects: Annotated[
        bool, typer.Option("--replay-rejects", help="Try first to read the rows that were set aside.")
    ] = False,
    dismiss_rejects: Annotated[
        bool, typer.Option("--dismiss-rejects", help="Remove rows set aside, and let go of what runs said.")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another run on this store.")] = 5.0,
    message_id: Annotated[int | None, typer.Option(help="Only this send (link_hits, dlrs, optouts).")] = None,
    list_id: Annotated[
        int | None, typer.Option(help="Only this list (list_members).", autocompletion=list_ids)
    ] = None,
    msisdn: Annotated[str | None, typer.Option(help="This number's history (contact_history).")] = None,
    country: Annotated[
        str | None, typer.Option(help="Country of that number if it has none, such as AU.")
    ] = None,
    heartbeat: Annotated[
        str | None, typer.Option(help="A file to touch, or an address to call, after a good run.")
    ] = None,
    heartbeat_on: Annotated[
        str, typer.Option(help="The exit codes that count as good: 0, or 0,3 (3 needs a look, 4 locked).")
    ] = "0",
    all_accounts: Annotated[
        bool, typer.Option("--all-accounts", help="Every account of the file of accounts, side by side.")
    ] = False,
) -> int:
    """Bring the store up to date with the account, in as few calls as possible."""
    _give_sign_of_life(common, heartbeat, heartbeat_on)
    names = _table_names(tables)
    _refuse_ignored_by_sync(common, names, msisdn)
    number = _international_number(msisdn, country)
    keep_pandas_out()
    asked: dict[str, Any] = {
        "tables": names, "since": since, "deep": deep, "wait": wait, "replay_rejects": replay_rejects,
        "dismiss_rejects": dismiss_rejects,
    }  # fmt: skip
    if all_accounts:
        common.refuse_ignored(
            "with --all-accounts no single thing is meant", "message_id", "list_id", "msisdn"
        )
        return _sync_all(common, asked)
    only = {"message_id": message_id, "list_id": list_id, "msisdn": number}
    store = common.open_store()
    with common.client() as client:
        code, told, lines = _synced(common, client, store, asked | only)
    common.show(told, *lines)
    return code


def _synced(
    common: CommonOptions, client: Client, store: Store, asked: Mapping[str, Any], name: str = ""
) -> tuple[int, dict[str, Any], list[str]]:
    """Sync one account, one of many if it has a name; gives exit code, JSON and lines for a person."""
    pace = client.settings.pace
    before = f"{name}: " if name else ""

    def plan(report: Report) -> None:
        common.say(*(before + line for line in _plan_lines(report, pace)), account=name)

    report = sync(client, store, on_plan=plan, **asked)
    common.say(*(f"{before}note: {note}" for note in report.notes), account=name)
    common.look(*(f"{before}needs a look: {line}" for line in report.attention), account=name)
    code = NEEDS_ATTENTION if report.attention else 0
    told = report.as_json() | {"store": str(store.path), "exit_code": code}
    return code, told, _sync_lines(report, store)


def _sync_all(common: CommonOptions, asked: Mapping[str, Any]) -> int:
    """Sync every account of the file at once; one that fails costs itself alone."""
    entries = chosen_accounts(common)

    def work(name: str, client: Client, store: Store) -> tuple[int, dict[str, Any]]:
        return _synced(common, client, store, asked, name)[:2]

    def failed(name: str, outcome: Outcome) -> None:
        if outcome.error:
            common.look(f"{name}: {outcome.error.text}", account=name)

    given = {"ca_bundle": common.ca_bundle, "proxy": common.proxy}
    waits = naming_who_waits(common)
    outcomes = side_by_side(entries, work, given, common.now, failed=failed, waits=waits)
    code = worst_of(outcome.exit_code for outcome in outcomes.values())
    results = [outcome.told for outcome in outcomes.values() if outcome.told]
    told = {
        "accounts": {name: outcome.as_json() for name, outcome in outcomes.items()},
        "calls": sum(result["calls"] for result in results),
        "new": sum(table["new"] for result in results for table in result["tables"].values()),
        "exit_code": code,
    }
    common.show(told, *_all_lines(outcomes, told))
    return code


def _all_lines(outcomes: Mapping[str, Outcome], told: Mapping[str, Any]) -> list[str]:
    lines = [f"{'account':<24}{'exit':>5}{'new':>10}{'calls':>8}{'seconds':>9}  store"]
    for name, outcome in outcomes.items():
        result = outcome.told or {"tables": {}, "calls": 0}
        new = sum(table["new"] for table in result["tables"].values())
        what = outcome.error.code or "failed" if outcome.error else f"{len(result['look'])} to look at"
        odd = "" if outcome.exit_code == 0 else f"  {what}"
        lines.append(
            f"{name:<24}{outcome.exit_code:>5}{new:>10,}{result['calls']:>8,}{outcome.seconds:>9.1f}  "
            f"{outcome.store}{odd}"
        )
    bad = sum(outcome.exit_code != 0 for outcome in outcomes.values())
    return [
        *lines,
        f"{len(outcomes):,} accounts, {told['calls']:,} calls, {told['new']:,} new rows; {bad} not good",
    ]


def _give_sign_of_life(common: CommonOptions, target: str | None, codes: str) -> None:
    """Have a monitor told once the exit code is known; a sign that fails is a line and nothing else."""
    if target is None:
        common.refuse_ignored("it says when --heartbeat counts", "heartbeat_on")
        return
    heartbeat = Heartbeat.of(target, codes)
    chosen = settings(key="", secret="", ca_bundle=common.ca_bundle, proxy=common.proxy)

    def beat(code: int) -> None:
        failed = heartbeat.beat(code, chosen)
        if failed:
            common.look(f"smsdata: {failed}")

    common.afterwards.append(beat)


_TAKEN_BY = {
    "message_id": {"link_hits", "dlrs", "optouts"},
    "list_id": {"list_members"},
    "msisdn": {"contact_history"},
}
_WITHOUT_SPAN = {"lists", "clients"}  # always read whole


def _refuse_ignored_by_sync(common: CommonOptions, tables: list[str] | None, msisdn: str | None) -> None:
    named = set(tables or ())
    for option, takers in _TAKEN_BY.items():
        if not named & takers:
            common.refuse_ignored(
                f"it narrows down what is read of one table, so write it with {_that_takes(takers)}", option
            )
    if msisdn is None:
        common.refuse_ignored("it says what country the number of --msisdn is of", "country")
    if named and named <= _WITHOUT_SPAN:
        common.refuse_ignored(f"{', '.join(sorted(named))}: always read whole", "since", "deep")


def _that_takes(takers: set[str]) -> str:
    """How to name one of some tables.

    >>> _that_takes({"link_hits", "dlrs"})
    '--tables dlrs or --tables link_hits'
    """
    return " or ".join(f"--tables {name}" for name in sorted(takers))


def _international_number(msisdn: str | None, country: str | None) -> str | None:
    """The digits that the gateway knows a number by: another spelling would find nothing there."""
    if msisdn is None:
        return None
    from smsdata.schema.number_spellings import REASONS, to_msisdn

    ((number, reason),) = to_msisdn([msisdn], country).itertuples(index=False)
    if not reason:
        return str(number)
    advice = "add --country AU, or whichever it is of" if reason == "needs a country" else REASONS[reason]
    raise UsageError(
        f"--msisdn is not a number that can be read ({reason}): {advice}. Written with its country it needs "
        "no option, such as 61491570156."
    )


def _table_names(tables: str | None) -> list[str] | None:
    if tables is None:
        return None
    names = [name.strip() for name in tables.split(",") if name.strip()]
    if not names:
        raise UsageError("--tables names no table; leave it out for all of them.")
    return names


def _plan_lines(report: Report, pace: Pace) -> list[str]:
    calls = sum(report.planned.values())
    parts = ", ".join(f"{name} {count:,}" for name, count in report.planned.items() if count)
    seconds = 60 * pace.minutes(calls)
    length = f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} s"
    if not parts:
        return ["plan: how many calls this takes is not known before they are made"]
    return [f"plan: about {calls:,} calls, {length} at {pace.per_second:g} calls/s ({parts})"]


def _sync_lines(report: Report, store: Store) -> list[str]:
    lines = [f"{'table':<16}{'rows':>10}{'new':>10}{'calls':>8}  proof"]
    for name, table in report.tables.items():
        odd = f"  {table.rejected} rows set aside" if table.rejected else ""
        odd += f"  NOT COMPLETE ({len(table.unproved)})" if table.unproved else ""
        odd += "  not offered by this gateway" if table.not_offered else ""
        proofs = f"{', '.join(table.proofs)} ({table.witness})" if table.proofs else "-"
        lines.append(f"{name:<16}{table.rows:>10,}{table.new:>10,}{table.calls:>8,}  {proofs}{odd}")
    return [*lines, f"{report.calls:,} calls, stored in {store.path}, as of {report.now}"]


@command("plan")
def plan_command(
    common: CommonOptions,
    *,
    since: Annotated[str | None, typer.Option(help="As for sync.")] = None,
) -> None:
    """Say how many calls a sync would make and how long they take; stores nothing."""
    store = common.open_store()
    with common.client() as client:
        calls = plan_sync(client, store, since=since)
        pace, night = client.settings.pace, look_backs(store, client.now())
    total = sum(calls.values())
    minutes = pace.minutes(total)
    lines = [f"{'table':<16}{'calls':>8}{'minutes':>9}"]
    lines += [f"{name:<16}{count:>8,}{pace.minutes(count):>9.1f}" for name, count in calls.items()]
    lines.append(f"{'all':<16}{total:>8,}{minutes:>9.1f}  at {pace}")
    if night is not None:
        lines.append(
            f"sends: too many to look at each night. Of the last 98 hours {night.recent:,} calls a night; "
            f"those of up to 30 days each within a week, {night.weekly:,}; older ones in turn, "
            f"{night.older:,}: a full round takes {night.nights:,} nights"
        )
    left = [f"{one.table} {one.where}" for one in unfinished(store.state)]
    lines += [f"unfinished, goes on: {line}" for line in left]
    counts = {"calls": calls, "total": total, "minutes": round(minutes, 2), "pace": pace.per_second}
    rounds = asdict(night) if night else None
    common.show(counts | {"unfinished": left, "rounds": rounds}, *lines)


@command("tables")
def tables_command(common: CommonOptions) -> None:
    """Show what the store holds: rows, first, last, size, when it was last synced."""
    common.refuse_ignored("only the store is read", *ACCOUNT)
    store = common.existing_store()
    summaries = [row for row in (_table_summary(store, name) for name in TABLES) if row["rows"]]
    lines = [f"{'table':<16}{'rows':>12}{'size':>10}  {'first':<17} {'last':<17} {'synced':<17} witness"]
    for row in summaries:
        first, last, synced = (_to_the_minute(row[name]) for name in ("first", "last", "synced"))
        lines.append(
            f"{row['table']:<16}{row['rows']:>12,}{_size(row['bytes']):>10}  {first:<17} {last:<17} "
            f"{synced:<17} {row['witness'] or '-'}"
        )
    lines += [f"{name:<16} not offered by this gateway" for name in not_offered(store.state)]
    empty = [f"{store.path} holds nothing yet; `smsdata sync` fills it, `smsdata demo` shows how."]
    result = {"store": str(store.path), "tables": summaries, "not_offered": not_offered(store.state)}
    common.show(result, *(lines if summaries else empty))


def _table_summary(store: Store, name: str) -> dict[str, Any]:
    return {**store.tables.summary(name), "witness": store.state.witnesses.get(name, "")}


def _to_the_minute(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else "-"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _not_vouched_for(state: State) -> list[str]:
    """What is said beside "all is well": what nothing counts, what is counted otherwise, what is not read."""
    otherwise = len(state.replies_counted_differently)
    return [
        "Inbound messages that answer no send are counted by nothing: only their list vouches for them.",
        *([f"{otherwise:,} sends count more replies than complete reads of them gave."] if otherwise else []),
        *(f"{name}: not offered by this gateway, so not read." for name in not_offered(state)),
    ]


@command("verify")
def verify_command(
    common: CommonOptions,
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Make no call; check only what is stored.")
    ] = False,
    since: Annotated[str | None, typer.Option(help="From when on the gateway is asked.")] = None,
) -> int:
    """Check that the store is undamaged and agrees with the gateway."""
    if offline:
        common.refuse_ignored("with --offline the gateway is not asked", "since", *ACCOUNT)
    store = common.existing_store()
    with nullcontext() if offline else common.client() as client:
        if client:
            store.bind(client.settings.account, client.settings.base_url)
        differences = verify(store, client, since=since)
    lines = [str(difference) for difference in differences]
    wrong = [difference for difference in differences if difference.what != "not offered"]
    good = "All is well: files, keys, and every campaign's rows agree with its counters" + (
        "." if offline or differences else ", as do the gateway's counts of messages."
    )
    lines += [] if wrong else [good, *_not_vouched_for(store.state)]
    common.show(
        {"differences": [asdict(difference) for difference in differences], "offline": offline},
        *lines,
    )
    return NEEDS_ATTENTION if wrong else 0
