"""The command line: arguments in, words out; one function per command, the work is done elsewhere.

Words and progress go to stderr; stdout holds the result, and with ``--json`` exactly one JSON object.
Exit codes: 0 done; 1 error; 2 wrong usage; 3 done, but something needs a look; 4 the store is locked;
5 refused by a safety rule; 130 interrupted.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from smsdata.errors import SafetyError, SmsDataError, UsageError
from smsdata.gateway.client import Client
from smsdata.ingest.pipeline import Report
from smsdata.ingest.reconcile import verify as check
from smsdata.ingest.run import plan as make_plan
from smsdata.ingest.run import sync
from smsdata.schema.memory import share_arenas
from smsdata.schema.tables import TABLES
from smsdata.settings import Settings, mask, settings
from smsdata.store.store import Store
from smsdata.times import instant
from smsdata.times import since as begin

app = typer.Typer(
    name="smsdata",
    help="Turn an SMS account into DataFrames you can trust.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and so credentials
)

LOOK = 3
INTERRUPTED = 130


@dataclass(frozen=True)
class Common:
    """The options that every command takes."""

    base_url: Annotated[str | None, typer.Option(help="Address of the gateway [SMSDATA_BASE_URL].")] = None
    rate: Annotated[str | None, typer.Option(help="Calls a second the account may make [SMSDATA_RATE].")] = (
        None
    )
    share: Annotated[str | None, typer.Option(help="Share of that rate to use, up to 1 [SMSDATA_SHARE].")] = (
        None
    )
    store: Annotated[str | None, typer.Option(help="Folder of the store [SMSDATA_STORE].")] = None
    now: Annotated[str | None, typer.Option(help="Take this instant as now, for tests.")] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but the result.")] = False

    def settings(self) -> Settings:
        """The settings in force."""
        return settings(base_url=self.base_url, rate=self.rate, share=self.share, store=self.store)

    def client(self) -> Client:
        """The account."""
        chosen = self.settings()
        return Client(base_url=chosen.base_url, rate=chosen.rate, share=chosen.share, now=self.now)

    def open_store(self) -> Store:
        """The store."""
        return Store(self.settings().store)

    def say(self, *lines: str) -> None:
        """Tell a person something."""
        if not self.quiet:
            for line in lines:
                print(line, file=sys.stderr)

    def show(self, result: dict[str, Any], *lines: str) -> None:
        """Print the result: as JSON, or as lines."""
        print(json.dumps(result, default=str) if self.as_json else "\n".join(lines))


def command(function: Callable[..., int | None]) -> Callable[..., None]:
    """Make a command of a function of `Common` and its own options."""
    own = [p for p in inspect.signature(function, eval_str=True).parameters.values() if p.name != "common"]
    shared = [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=annotation)
        for f, annotation in zip(
            fields(Common), inspect.get_annotations(Common, eval_str=True).values(), strict=True
        )
    ]

    @wraps(function)
    def run(**given: Any) -> None:
        common = Common(**{f.name: given.pop(f.name) for f in fields(Common)})
        raise typer.Exit(_exit_code(common, lambda: function(common, **given)))

    parameters = [*own, *shared]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    app.command(function.__name__.rstrip("_"))(run)
    return run


def _exit_code(common: Common, work: Callable[[], int | None]) -> int:
    try:
        return work() or 0
    except KeyboardInterrupt:
        print("smsdata: interrupted; what was read is kept, run it again to go on.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except SmsDataError as error:
        if common.as_json:
            print(json.dumps({"error": {"code": error.code, "status": error.status, "message": str(error)}}))
        print(f"smsdata: {error}", file=sys.stderr)
        return error.exit_code


@command
def demo(
    common: Common,
    *,
    pictures: Annotated[str, typer.Option(help="Folder for the pictures.")] = "data/demo",
    seed: Annotated[int, typer.Option(help="Which simulated account.")] = 1,
) -> int:
    """Run the main job against a simulated account: no credentials, no network."""
    from smsdata.demo import run_demo

    result = run_demo(store=common.store, pictures=Path(pictures), seed=seed, say=common.say)
    common.show(result.as_json(), *result.lines())
    return LOOK if result.look else 0


@command
def sync_(
    common: Common,
    *,
    tables: Annotated[str | None, typer.Option(help="Only these tables, separated by commas.")] = None,
    since: Annotated[str | None, typer.Option(help="From when: 30d, or 2026-08-15. Default: go on.")] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read the last 30 days again, or from --since, whatever changed.")
    ] = False,
    replay_rejects: Annotated[
        bool, typer.Option("--replay-rejects", help="Try first to read the rows that were set aside.")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another run on this store.")] = 5.0,
    message_id: Annotated[int | None, typer.Option(help="Only this send (link_hits, dlrs, optouts).")] = None,
    list_id: Annotated[int | None, typer.Option(help="Only this list (list_members).")] = None,
    msisdn: Annotated[str | None, typer.Option(help="This number's history (contact_history).")] = None,
) -> int:
    """Bring the store up to date with the account, in as few calls as possible."""
    store = common.open_store()
    with common.client() as client:
        pace = client.settings.rate * client.settings.share
        report = sync(
            client,
            store,
            tables=_names(tables),
            since=since,
            deep=deep,
            wait=wait,
            replay_rejects=replay_rejects,
            on_plan=lambda planned: common.say(*_planned(planned, pace)),
            message_id=message_id,
            list_id=list_id,
            msisdn=msisdn,
        )
    common.say(
        *(f"note: {note}" for note in report.notes), *(f"needs a look: {line}" for line in report.look)
    )
    common.show(report.as_json() | {"store": str(store.path)}, *_told(report, store))
    return LOOK if report.look else 0


def _names(tables: str | None) -> list[str] | None:
    if tables is None:
        return None
    names = [name.strip() for name in tables.split(",") if name.strip()]
    if not names:
        raise UsageError("--tables names no table; leave it out for all of them.")
    return names


def _planned(report: Report, pace: float) -> list[str]:
    calls = sum(report.planned.values())
    parts = ", ".join(f"{name} {count:,}" for name, count in report.planned.items() if count)
    seconds = calls / pace
    length = f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} s"
    if not parts:
        return ["plan: how many calls this takes is not known before they are made"]
    return [f"plan: about {calls:,} calls, {length} at {pace:g} calls/s ({parts})"]


def _told(report: Report, store: Store) -> list[str]:
    lines = [f"{'table':<16}{'rows':>10}{'new':>10}{'calls':>8}  proof"]
    for name, table in report.tables.items():
        odd = f"  {table.rejected} rows set aside" if table.rejected else ""
        odd += f"  NOT COMPLETE ({len(table.unproved)})" if table.unproved else ""
        lines.append(
            f"{name:<16}{table.rows:>10,}{table.new:>10,}{table.calls:>8,}  {table.proofs or '-'}{odd}"
        )
    return [*lines, f"{report.calls:,} calls, stored in {store.path}, as of {report.now}"]


@command
def plan(
    common: Common,
    *,
    since: Annotated[str | None, typer.Option(help="As for sync.")] = None,
) -> None:
    """Say how many calls a sync would make and how long they take; stores nothing."""
    with common.client() as client:
        calls = make_plan(client, common.open_store(), since=since)
        pace = client.settings.rate * client.settings.share
        rate = client.settings.rate
    total = sum(calls.values())
    minutes = total / pace / 60
    lines = [f"{'table':<16}{'calls':>8}{'minutes':>9}"]
    lines += [f"{name:<16}{count:>8,}{count / pace / 60:>9.1f}" for name, count in calls.items()]
    lines.append(f"{'all':<16}{total:>8,}{minutes:>9.1f}  at {pace:g} of {rate:g} calls/s")
    common.show({"calls": calls, "total": total, "minutes": round(minutes, 2), "pace": pace}, *lines)


@command
def tables(common: Common) -> None:
    """Show what the store holds: rows, first, last, size, when it was last synced."""
    store = common.open_store()
    found = [row for row in (_described(store, name) for name in TABLES) if row["rows"]]
    lines = [f"{'table':<16}{'rows':>12}{'size':>10}  {'first':<17} {'last':<17} synced"]
    for row in found:
        first, last, synced = (_minute(row[name]) for name in ("first", "last", "synced"))
        lines.append(
            f"{row['table']:<16}{row['rows']:>12,}{_size(row['bytes']):>10}  {first:<17} {last:<17} {synced}"
        )
    empty = [f"{store.path} holds nothing yet; `smsdata sync` fills it, `smsdata demo` shows how."]
    common.show({"store": str(store.path), "tables": found}, *(lines if found else empty))


def _described(store: Store, name: str) -> dict[str, Any]:
    parts = store.parts(name)
    time = TABLES[name].time
    bounds = store.tables.min_max(name, [*([time] if time else []), "synced_at"]) if parts else {}
    first, last = bounds.get(time, (None, None))
    return {
        "table": name,
        "rows": store.count(name),
        "bytes": sum(part.stat().st_size for part in parts),
        "first": first,
        "last": last,
        "synced": bounds.get("synced_at", (None, None))[1],
    }


def _minute(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else "-"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


@command
def verify(
    common: Common,
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Make no call; check only what is stored.")
    ] = False,
    since: Annotated[str | None, typer.Option(help="From when on the gateway is asked.")] = None,
) -> int:
    """Check that the store is undamaged and agrees with the gateway."""
    store = common.open_store()
    with nullcontext() if offline else common.client() as client:
        if client:
            store.bind(client.settings.account, client.settings.base_url)
        found = check(store, client, since=since)
    lines = [str(difference) for difference in found]
    good = "All is well: files, keys, and every campaign's rows agree with its counters" + (
        "." if offline else ", as do the gateway's counts of messages."
    )
    common.show({"differences": [asdict(d) for d in found], "offline": offline}, *(lines or [good]))
    return LOOK if found else 0


@command
def clean(
    common: Common,
    *,
    apply: Annotated[str | None, typer.Option(help="Carry out this plan file, after asking.")] = None,
    yes: Annotated[str | None, typer.Option(help="Do not ask: the hash of the plan, for scripts.")] = None,
    tier: Annotated[
        Literal["remove", "exclude"], typer.Option(help="What to apply: remove, or exclude for both tiers.")
    ] = "remove",
    count: Annotated[
        list[str] | None,
        typer.Option(help="LIST=COUNT: change that many contacts of a list beyond its cap; else it asks."),
    ] = None,
    max_age: Annotated[str, typer.Option(help="How old the evidence may be.")] = "90d",
    out: Annotated[str | None, typer.Option(help="Where to put the plan file.")] = None,
    check: Annotated[
        str | None, typer.Option(help="Which numbers of this CSV file were removed before.")
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="Country of numbers in it without one, such as AU.")
    ] = None,
) -> int:
    """Plan which hard-bounced numbers to take off their lists, and carry a plan out."""
    from smsdata import hygiene

    store = common.open_store()
    if check is not None:
        return _show_check(common, hygiene.check(check, store, country=country))
    if apply is None:
        plan = hygiene.plan(store, max_age=max_age, path=out)
        about = plan.attrs["plan"]
        told = about | {"contacts": plan["tier"].value_counts().to_dict(), "advice": hygiene.advice(plan)}
        common.show(told, hygiene.summary(plan).rstrip())
        common.say(*hygiene.advice(plan))
        return 0
    return _apply(common, store, apply, yes, tier, _counts(count))


def _apply(
    common: Common,
    store: Store,
    file: str,
    yes: str | None,
    tier: Literal["remove", "exclude"],
    counts: dict[int, int],
) -> int:
    """Look first, ask, then carry the plan out."""
    from smsdata import hygiene

    plan = hygiene.load(file)
    with common.client() as client:
        preview = hygiene.apply(plan, client, store, tier=tier, counts=lambda beyond: _typed(beyond, counts))
        common.say(*preview.lines())
        planned = preview.counts.get("planned", 0)
        _confirm(yes, plan.attrs["plan"]["hash"], "the plan's hash, which its summary shows", planned)
        report = hygiene.apply(plan, client, store, dry_run=False, tier=tier, yes=yes, counts=counts)
    if report.counts.get("done") and "delete" in set(plan["action"]):
        common.say(f"To take it back: smsdata undo {report.run}")
    common.show(report.as_json(), *report.lines())
    return report.exit_code


def _show_check(common: Common, found: Any) -> int:
    rows = found.to_dict("records")
    unread = found.attrs["unreadable"]
    common.say(
        f"{len(rows):,} numbers were removed before; {unread:,} lines hold no number that is understood."
    )
    lines = [
        f"line {r['line']}: {r['msisdn']} {r['action']} ({r['rule']}) from list {r['lists']}" for r in rows
    ]
    common.show({"found": rows, "unreadable": unread}, *lines)
    return LOOK if rows else 0


def _counts(words: list[str] | None) -> dict[int, int]:
    try:
        return {int(one): int(many) for one, many in (word.split("=") for word in words or [])}
    except ValueError:
        raise UsageError("--count takes LIST=COUNT, such as --count 1187432=640.") from None


def _typed(beyond: Mapping[int, tuple[int, int]], counts: dict[int, int]) -> dict[int, int]:
    """Ask a person to type the count of each list beyond its cap, unless an option gave it; keep them."""
    from smsdata import hygiene

    for list_id, (count, size) in beyond.items():
        if counts.get(list_id) == count or not sys.stdin.isatty():
            continue
        answer = _ask(
            f"List {list_id}: the plan changes {count:,} of its {size:,} contacts, more than the cap of "
            f"{hygiene.cap(size):,}. Look at the plan; if it is right, type the count: "
        )
        if answer.replace(",", "") != str(count):
            raise SafetyError(f"list {list_id}: that is not the count; nothing was changed.")
        counts[list_id] = count
    return counts


def _confirm(yes: str | None, name: str, what: str, planned: int) -> None:
    """Ask a person; a script has to name the plan or run that it means."""
    if yes == name or not planned:
        return
    if yes is not None:
        raise SafetyError(f"--yes does not give {what}; nothing was changed.")
    if not sys.stdin.isatty():
        raise SafetyError(f"nobody is there to ask: give --yes with {what}. Nothing was changed.")
    if _ask(f"Change {planned:,} contacts of the account? Type yes: ") != "yes":
        raise SafetyError("not confirmed; nothing was changed.")


def _ask(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


@command
def undo(
    common: Common,
    *,
    run: Annotated[str, typer.Argument(help="The run, as `clean --apply` named it.")],
    yes: Annotated[
        str | None, typer.Option(help="Do not ask: the name of the run again, for scripts.")
    ] = None,
) -> int:
    """Put the contacts of a clean-up run back on their lists."""
    from smsdata import hygiene

    store = common.open_store()
    with common.client() as client:
        preview = hygiene.undo(run, client, store)
        common.say(*preview.lines())
        _confirm(yes, run, "the name of the run", preview.counts.get("planned", 0))
        report = hygiene.undo(run, client, store, dry_run=False)
    common.show(report.as_json(), *report.lines())
    return report.exit_code


@command
def audit(
    common: Common,
    *,
    since: Annotated[str | None, typer.Option(help="Look at messages from then on.")] = None,
    holidays: Annotated[str | None, typer.Option(help="Days off, such as 2026-12-25,2026-12-28.")] = None,
    out: Annotated[str | None, typer.Option(help="Folder for the evidence: Markdown, CSV, pictures.")] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Make the plan that opts out who is still on a list.")
    ] = False,
) -> int:
    """Find messages sent after an opt-out, and who opted out and is still on a list."""
    from smsdata import audit as auditing
    from smsdata import hygiene

    store = common.open_store()
    start = begin(since, datetime.now(UTC)) if since is not None else None
    found = auditing.audit(store, since=start, holidays=_days(holidays))
    files = auditing.pack(found, out) if out else []
    common.say(*(f"wrote {file}" for file in files))
    if fix:
        file = hygiene.plan_optouts(store, found.active).attrs["plan"]["file"]
        common.say(f"To opt them out: smsdata clean --apply {file}")
    common.show(found.as_json() | {"files": [str(file) for file in files]}, *found.lines())
    return found.exit_code


def _days(text: str | None) -> list[date]:
    try:
        return [date.fromisoformat(word.strip()) for word in (text or "").split(",") if word.strip()]
    except ValueError:
        raise UsageError("--holidays takes days such as 2026-12-25,2026-12-28.") from None


@command
def simulate(
    common: Common,
    *,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8025,
    seed: Annotated[int, typer.Option(help="Which account.")] = 0,
    fault: Annotated[
        list[str] | None, typer.Option(help="A fault and its probability, such as reset=0.02.")
    ] = None,
    speed: Annotated[
        float, typer.Option(help="Simulated seconds that pass in a second; 0 stands still.")
    ] = 0.0,
    no_goo: Annotated[
        bool, typer.Option("--no-goo", help="Global Opt Out is off: who replied STOP is sent to again.")
    ] = False,
) -> None:
    """Serve a simulated gateway on this machine; user `demo`, password `demo`."""
    from smsdata.simulator import Account, Faults, Gateway, serve

    try:
        faults = Faults.parse(fault or [])
    except ValueError as error:
        raise UsageError(f"--fault: {error}") from None
    chosen = common.settings()
    moment = instant(common.now, "now") if common.now else instant("2026-11-22T00:00:00Z")
    account = Account(seed, f"{moment:%Y-%m-%dT%H:%M:%SZ}", goo=not no_goo)
    common.say(f"The simulated gateway is at http://127.0.0.1:{port}/ until Ctrl-C. In another terminal:")
    common.say(
        f"  export SMSDATA_BASE_URL=http://127.0.0.1:{port}/ SMSDATA_API_KEY=demo SMSDATA_API_SECRET=demo"
    )
    common.say("  smsdata sync --store data/simulated")
    gateway = Gateway(account, rate=chosen.rate, faults=faults, speed=speed)
    try:
        serve(gateway, port=port)
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be used ({error.strerror}); choose another with --port."
        ) from None


@command
def config(
    common: Common,
    *,
    rebind: Annotated[
        bool, typer.Option("--rebind", help="Bind the store to these settings' account.")
    ] = False,
) -> None:
    """Show each setting and where it came from, the secret masked."""
    chosen = common.settings()
    shown = {
        name: {"value": value, "from": chosen.sources[name]}
        for name, value in (
            ("key", mask(chosen.key)), ("secret", mask(chosen.secret)), ("base_url", chosen.base_url),
            ("rate", chosen.rate), ("share", chosen.share), ("store", str(chosen.store)),
        )
    }  # fmt: skip
    if rebind:
        store = common.open_store()
        with store.writing():
            store.bind(chosen.account, chosen.base_url, again=True)
        common.say(f"{store.path} now belongs to this account.")
    lines = [f"{name:<9} {entry['value']!s:<40} {entry['from']}" for name, entry in shown.items()]
    common.show(shown, *lines)


def main() -> None:
    """Run the command line."""
    share_arenas()
    app(windows_expand_args=False)
