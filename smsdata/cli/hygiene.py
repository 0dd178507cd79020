"""The commands of list hygiene: clean, undo, audit. What a person is asked before an account is changed.

Owns the questions and what counts as a yes; what may be changed is decided in the wing `hygiene`. Imports
that wing and `audit` inside the commands: both load pandas, which the other commands do without.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from smsdata.cli.app import ACCOUNT, NEEDS_ATTENTION, CommonOptions, command
from smsdata.cli.completing import Offer, given_store, offering
from smsdata.errors import SafetyError, UsageError
from smsdata.store.store import Store
from smsdata.times import instant
from smsdata.times import since as begin

if TYPE_CHECKING:
    import pandas as pd


@command("clean")
def clean_command(
    common: CommonOptions,
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
    backtest: Annotated[
        str | None,
        typer.Option(help="What today's rules would have removed at this time, and what came of it."),
    ] = None,
    check: Annotated[
        str | None, typer.Option(help="Which numbers of this CSV file were removed before.")
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="Country of numbers in it without one, such as AU.")
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="Its column to check; else every one of phone numbers.")
    ] = None,
) -> int:
    """Plan which hard-bounced numbers to take off their lists, and carry a plan out."""
    from smsdata.hygiene import backtesting, plan_file, planning, suppressions

    _refuse_ignored_by_clean(
        common, checks=check is not None, applies=apply is not None, backtests=backtest is not None
    )
    store = common.existing_store()
    if check is not None:
        return _show_removed_before(common, suppressions.check(check, store, country=country, column=column))
    if backtest is not None:
        looked = backtesting.backtest(store, backtest, max_age=max_age)
        common.show(looked.as_json(), *looked.lines())
        return 0
    if apply is None:
        plan = planning.plan(store, max_age=max_age, path=out)
        back = backtesting.usual_backtest(store, instant(plan.attrs["plan"]["made_at"]))
        about = plan.attrs["plan"]
        summary = about | {
            "contacts": plan["tier"].value_counts().to_dict(),
            "advice": plan_file.advice(plan),
            "backtest": back,
        }
        common.show(summary, plan_file.summary(plan).rstrip())
        common.say(*back)  # its advice stands in the summary
        return 0
    return _carry_out(common, store, apply, yes, tier, _counts_by_list(count))


def _refuse_ignored_by_clean(common: CommonOptions, *, checks: bool, applies: bool, backtests: bool) -> None:
    if checks:
        common.refuse_ignored(
            "--check only looks up a file",
            "apply",
            "yes",
            "tier",
            "count",
            "max_age",
            "out",
            "backtest",
            *ACCOUNT,
        )
        return
    common.refuse_ignored("it is for --check", "country", "column")
    if backtests:
        common.refuse_ignored("--backtest changes nothing", "apply", "yes", "tier", "count", "out", *ACCOUNT)
    elif applies:
        common.refuse_ignored("--apply carries out a plan that was made before", "max_age", "out")
    else:
        common.refuse_ignored(
            "it is for --apply, and a plan is made from the store alone", "yes", "tier", "count", *ACCOUNT
        )


def _carry_out(
    common: CommonOptions,
    store: Store,
    file: str,
    yes: str | None,
    tier: Literal["remove", "exclude"],
    counts: dict[int, int],
) -> int:
    """Look first, ask, then carry the plan out."""
    from smsdata.gateway.progress import steps_bar
    from smsdata.hygiene import applying, plan_file

    plan = plan_file.load(file, store)
    with common.client() as client:
        with steps_bar("clean: a look first") as on_step:
            preview = applying.apply(
                plan, client, store, tier=tier, on_step=on_step,
                counts=lambda beyond: _ask_for_counts(beyond, counts),
            )  # fmt: skip
        common.say(*preview.lines())
        planned = preview.counts.get("planned", 0)
        _confirm(yes, plan.attrs["plan"]["hash"], "the plan's hash, which its summary shows", planned)
        with steps_bar("clean") as on_step:
            report = applying.apply(
                plan, client, store, dry_run=False, tier=tier, yes=yes, counts=counts, on_step=on_step
            )
    if report.counts.get("done") and "delete" in set(plan["action"]):
        common.say(f"To take it back: smsdata undo {report.run}")
    common.show(report.as_json(), *report.lines())
    return report.exit_code


def _show_removed_before(common: CommonOptions, removed: pd.DataFrame) -> int:
    """Print what was found; what could not be read may be one of them, and so needs a look as well."""
    rows = removed.to_dict("records")
    for one in removed.attrs["columns"]:
        common.say(_column_checked(one))
        if "needs a country" in one["reasons"]:
            common.say("--country AU says which country numbers without one are of.")
    checked = sum(one["lines"] for one in removed.attrs["columns"])
    if not checked:
        common.say("no line was checked: the file is empty, or holds a header alone.")
    common.say(*_countries_taken(removed.attrs["countries"]), *_not_kept(removed.attrs["cut_off"]))
    lines = [
        f"line {r['line']}{_and_more(r['times'] - 1)}: {r['msisdn']} {r['action']} ({r['rule']}) from list "
        f"{r['lists']}{' (not sure: that run was cut off)' * r['cut_off']}"
        for r in rows
    ]
    summary = {key: removed.attrs[key] for key in ("unreadable", "columns", "countries", "cut_off")}
    common.show({"found": rows, **summary}, *lines)
    doubtful = removed.attrs["unreadable"] or removed.attrs["cut_off"] or not checked
    return NEEDS_ATTENTION if rows or doubtful else 0


def _column_checked(one: Mapping[str, Any]) -> str:
    """Say what was found in a column, and where that is which could not be read."""
    name = one["column"] if re.fullmatch(r"column \d+", one["column"]) else f"column {one['column']}"
    said = (
        f"{name}: {one['lines']:,} lines, {one['hits']:,} with a number removed before, "
        f"{one['empty']:,} empty, {one['unreadable']:,} unreadable"
    )
    if not one["unreadable"]:
        return said
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in one["reasons"].items())
    lines = ", ".join(str(line) for line in one["unreadable_lines"])
    more = one["unreadable"] - len(one["unreadable_lines"])
    return f"{said} ({reasons}; line {lines}{f' and {more:,} more' if more else ''})"


def _countries_taken(told: Mapping[str, Any]) -> list[str]:
    """Say by whose word a country was taken for numbers without one."""
    if told["column"] is None:
        return [f"countries: {told['default']}, by --country, for all lines"] if told["default"] else []
    named = ", ".join(f"{region} {count:,}" for region, count in told["named"].items()) or "none"
    said = [f"countries: column {told['column']} first ({named} lines)"]
    if told["default_lines"]:
        default = f"--country {told['default']}" if told["default"] else "none, since --country is not given,"
        said.append(f"{default} for {told['default_lines']:,} lines where it is empty")
    lines = ["; ".join(said)]
    if told["not_understood_lines"]:
        words = ", ".join(repr(word) for word in told["not_understood"])
        lines.append(
            f"{told['not_understood_lines']:,} lines name a country that is not understood ({words}): there "
            "no number without its country could be read."
        )
    return lines


def _not_kept(runs: list[dict[str, Any]]) -> list[str]:
    """Name the runs of which it is not known whom they took off."""
    return [
        f"run {one['run']}: {one['why']}"
        + (f": {one['contacts']:,} contacts count as doubtful" if one["contacts"] is not None else "")
        + ". `smsdata status` names the command that goes on with it."
        for one in runs
    ]


def _and_more(lines: int) -> str:
    """Say that a number stands in other lines too, which are to go like the first."""
    return f" and {lines:,} more" if lines else ""


def _counts_by_list(words: list[str] | None) -> dict[int, int]:
    try:
        return {int(one): int(many) for one, many in (word.split("=") for word in words or [])}
    except ValueError:
        raise UsageError("--count takes LIST=COUNT, such as --count 1187432=640.") from None


def _ask_for_counts(beyond: Mapping[int, tuple[int, int]], counts: dict[int, int]) -> dict[int, int]:
    """Ask a person to type the count of each list beyond its cap, unless an option gave it; keep them."""
    from smsdata.hygiene import caps

    for list_id, (count, size) in beyond.items():
        if counts.get(list_id) == count or not sys.stdin.isatty():
            continue
        answer = _ask(
            f"List {list_id}: the plan changes {count:,} of its {size:,} contacts, more than the caps allow "
            f"(list: {caps.cap(size):,}; the account's is for a day). Look at the plan; if it is "
            "right, type the count: "
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


@offering
def runs_of_store(context: typer.Context) -> Iterable[Offer]:
    """The runs that changed the account of this store."""
    from smsdata.hygiene.run_journal import runs

    return runs(given_store(context))


@command("undo")
def undo_command(
    common: CommonOptions,
    *,
    run: Annotated[
        str, typer.Argument(help="The run, as `clean --apply` named it.", autocompletion=runs_of_store)
    ],
    yes: Annotated[
        str | None, typer.Option(help="Do not ask: the name of the run again, for scripts.")
    ] = None,
) -> int:
    """Put the contacts of a clean-up run back on their lists."""
    from smsdata.gateway.progress import steps_bar
    from smsdata.hygiene import undoing

    store = common.existing_store()
    with common.client() as client:
        with steps_bar("undo: a look first") as on_step:
            preview = undoing.undo(run, client, store, on_step=on_step)
        common.say(*preview.lines())
        _confirm(yes, run, "the name of the run", preview.counts.get("planned", 0))
        with steps_bar("undo") as on_step:
            report = undoing.undo(run, client, store, dry_run=False, on_step=on_step)
    common.show(report.as_json(), *report.lines())
    return report.exit_code


@command("audit")
def audit_command(
    common: CommonOptions,
    *,
    since: Annotated[str | None, typer.Option(help="Look at messages from then on.")] = None,
    holidays: Annotated[str | None, typer.Option(help="Days off, such as 2026-12-25,2026-12-28.")] = None,
    out: Annotated[str | None, typer.Option(help="Folder for the evidence, or the file of --sample.")] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Make the plan that opts out who is still on a list.")
    ] = False,
    sample: Annotated[
        int | None, typer.Option(help="Write so many random replies to the file --out, to be labelled.")
    ] = None,
    labelled: Annotated[
        str | None, typer.Option(help="Tell from this labelled file what the reading misses and invents.")
    ] = None,
) -> int:
    """Find messages sent after an opt-out, and who opted out and is still on a list."""
    from smsdata import audit as auditing
    from smsdata.hygiene import plan_file, planning

    common.refuse_ignored("only the store is read", *ACCOUNT)
    if sample is not None or labelled is not None:
        return _check_reading(common, sample, labelled, out)
    store = common.existing_store()
    start = begin(since, datetime.now(UTC)) if since is not None else None
    result = auditing.audit(store, since=start, holidays=_days_off(holidays))
    files = auditing.pack(result, out) if out else []
    common.say(*(f"wrote {file}" for file in files))
    told, lines = result.as_json() | {"files": [str(file) for file in files]}, result.lines()
    if fix:
        plan = planning.plan_optouts(store, result.active, account_wide=result.goo.verdict != "off")
        about = plan.attrs["plan"]
        nobody = [*plan_file.left_out(plan), "There is nobody to opt out."]
        advice = nobody if plan.empty else plan_file.advice(plan)
        told["plan"] = about | {"contacts": plan["tier"].value_counts().to_dict(), "advice": advice}
        lines = [*lines, f"plan to opt them out, hash {about['hash']}:", *advice]
    common.show(told, *lines)
    return result.exit_code


def _check_reading(common: CommonOptions, count: int | None, labelled: str | None, out: str | None) -> int:
    """Write a sample of replies to label, or tell what its labels say."""
    from smsdata import reading_check

    common.refuse_ignored("--sample and --labelled look at replies only", "since", "holidays", "fix")
    store = common.existing_store()
    if labelled is not None:
        common.refuse_ignored("--labelled reads a sample", "sample", "out")
        told = reading_check.check_labelled(store, labelled)
        common.show(told.as_json(), *told.lines())
        return told.exit_code
    if count is None or out is None:
        raise UsageError("--sample needs --out FILE, the file to write.")
    written = reading_check.sample(store, count, out)
    common.show(
        {"replies": written, "file": out},
        f"wrote {written:,} replies to {out}: write yes or no under is_optout, then",
        f"smsdata audit --labelled {out}",
    )
    return 0


def _days_off(text: str | None) -> list[date]:
    try:
        return [date.fromisoformat(word.strip()) for word in (text or "").split(",") if word.strip()]
    except ValueError:
        raise UsageError("--holidays takes days such as 2026-12-25,2026-12-28.") from None
