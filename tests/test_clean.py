"""`clean` and `undo` as a person meets them: what is asked, at a terminal and without one."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from smsdata.cli import main  # noqa: F401 - registers the commands
from smsdata.cli.app import app, run
from smsdata.simulator import Account, Gateway, running


class Person:
    """Somebody with an account: a terminal is there only where answers are given."""

    def __init__(self, account: Account, address: str, store: Path) -> None:
        self.account = account
        self.environment = {
            "SMSDATA_API_KEY": "demo", "SMSDATA_API_SECRET": "demo", "SMSDATA_BASE_URL": address,
            "SMSDATA_RATE": "5000", "SMSDATA_SHARE": "1", "SMSDATA_STORE": str(store),
        }  # fmt: skip

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(app, list(words), env=self.environment)

    def at_terminal(self, *words: str, types: str) -> subprocess.CompletedProcess[str]:
        """Run a command whose standard input is a terminal, at which the answers are typed."""
        screen, keyboard = pty.openpty()
        os.write(screen, types.encode())
        try:
            return subprocess.run(
                [sys.executable, "-m", "smsdata", *words], stdin=keyboard, capture_output=True, text=True,
                env=os.environ | self.environment, timeout=60, check=False,
            )  # fmt: skip
        finally:
            os.close(screen)
            os.close(keyboard)

    def plan(self) -> dict[str, Any]:
        plan: dict[str, Any] = json.loads(self.run("clean", "--json").stdout)
        return plan

    def removed(self) -> int:
        return sum(change["by"] == "api" for change in self.account.contacts.changes)


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Callable[..., Person]]:
    """Make an account and sync it, for a second time two hours later."""
    servers: list[Any] = []

    def make(*, syncs: int = 2, **options: Any) -> Person:
        quiet = {"campaigns": 6, "recipients": 20, "singles": 0, "inbound": 0, "lists": 1, "days": 40}
        account = Account(seed=2, reply_rate=0.0, link_rate=0.0, **quiet | options)
        servers.append(running(Gateway(account, limiter=None)))
        made = Person(account, servers[-1].__enter__(), tmp_path / "store")
        for _ in range(syncs):
            account.advance(hours=2)
            assert made.run("sync", "--since", "90d").exit_code == 0
        return made

    yield make
    for server in servers:
        server.__exit__(None, None, None)


@pytest.fixture
def some_dead(person: Callable[..., Person]) -> tuple[Person, dict[str, Any]]:
    """An account with more dead numbers than the caps allow, and the plan that names them."""
    made = person(dead=0.1, campaigns=24, recipients=40)
    plan = made.plan()
    assert plan["contacts"]["remove"] > 2
    return made, plan


def test_clean_of_a_gateway_that_calls_everything_a_hard_bounce_plans_nobody(
    person: Callable[..., Person],
) -> None:
    """Each of its days is an outage by its looks; a plan that got so far would be refused: test_hygiene."""
    made = person(dead=1.0)
    plan = made.plan()
    assert plan["contacts"].get("remove", 0) == 0
    assert sum(plan["contacts"].values()) > 10
    done = made.run("clean", "--apply", plan["file"], "--yes", plan["hash"])
    assert done.exit_code == 0
    assert made.removed() == 0


def test_clean_beyond_a_cap_is_refused_without_the_count(some_dead: tuple[Person, dict[str, Any]]) -> None:
    person, plan = some_dead
    done = person.run("clean", "--apply", plan["file"], "--yes", plan["hash"])
    assert done.exit_code == 5
    (line,) = done.stderr.splitlines()
    assert "cap 2" in line
    assert f"={plan['contacts']['remove']}" in line
    assert "--count" in line
    assert person.removed() == 0


class Terminal(io.StringIO):
    """What somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_clean_and_undo_draw_a_bar_where_somebody_looks(
    some_dead: tuple[Person, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    person, plan = some_dead
    monkeypatch.delenv("SMSDATA_PROGRESS", raising=False)
    for name, value in person.environment.items():
        monkeypatch.setenv(name, value)
    runs = Path(person.environment["SMSDATA_STORE"]) / ".smsdata" / "runs"
    (list_id,) = person.account.contacts.lists
    count = f"{list_id}={plan['contacts']['remove']}"
    shown = {}
    for words in (
        ["clean", "--apply", plan["file"], "--yes", plan["hash"], "--count", count],
        ["clean", "--apply", plan["file"], "--yes", plan["hash"], "--count", count, "--quiet"],
        ["undo", "RUN", "--yes", "RUN"],
    ):
        run_of = next(runs.iterdir()).name if "RUN" in words else ""
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stderr", screen := Terminal())
            run([run_of if word == "RUN" else word for word in words])
        shown[words[0], "--quiet" in words] = screen.getvalue()
    of = f"of {plan['contacts']['remove']} contacts"
    assert of in shown["clean", False]
    assert "clean: a look first" in shown["clean", False]
    assert of in shown["undo", False]
    assert of not in shown["clean", True]


@pytest.mark.parametrize("types", ["111\n", "\x04"])
def test_clean_asks_at_a_terminal_and_refuses_anything_but_the_count(
    some_dead: tuple[Person, dict[str, Any]], types: str
) -> None:
    person, plan = some_dead
    done = person.at_terminal("clean", "--apply", plan["file"], types=types)
    assert done.returncode == 5
    asked, refused = done.stderr.split("type the count: ")
    many = plan["contacts"]["remove"]
    assert f"changes {many} of its" in asked
    assert "more than the caps allow (list: 2;" in asked
    assert "not the count; nothing was changed" in refused
    assert person.removed() == 0


def test_clean_takes_the_count_that_a_person_types(some_dead: tuple[Person, dict[str, Any]]) -> None:
    person, plan = some_dead
    many = plan["contacts"]["remove"]
    unsure = person.at_terminal("clean", "--apply", plan["file"], types=f"{many}\nno\n")
    assert (unsure.returncode, person.removed()) == (5, 0)
    assert "not confirmed" in unsure.stderr
    done = person.at_terminal("clean", "--apply", plan["file"], types=f"{many}\nyes\n")
    assert (done.returncode, person.removed()) == (0, many)
    assert f"done {many}" in done.stdout
    assert "verified by reading the lists again (1)" in done.stdout


def test_clean_takes_the_count_from_an_option(some_dead: tuple[Person, dict[str, Any]]) -> None:
    person, plan = some_dead
    (list_id,) = person.account.contacts.lists
    many = plan["contacts"]["remove"]
    apply = ("clean", "--apply", plan["file"], "--yes", plan["hash"], "--count")
    assert person.run(*apply, f"{list_id}={many - 1}").exit_code == 5
    assert person.run(*apply, "many").exit_code == 2
    assert person.removed() == 0
    assert person.run(*apply, f"{list_id}={many}").exit_code == 0
    assert person.removed() == many


def test_clean_out_replaces_nothing_but_an_earlier_plan(
    some_dead: tuple[Person, dict[str, Any]], tmp_path: Path
) -> None:
    person, _ = some_dead
    file = tmp_path / "out" / "plan.parquet"
    for _ in range(2):
        assert person.run("clean", "--out", str(file)).exit_code == 0
    precious = {"notes.parquet": b"mine", "notes.md": b"mine", "other.md": b"mine"}
    for name, content in precious.items():
        (tmp_path / name).write_bytes(content)
    for name in ("notes.parquet", "other.parquet", "other.md", "new.md"):
        refused = person.run("clean", "--out", str(tmp_path / name))
        assert refused.exit_code == 2, name
    assert {name: (tmp_path / name).read_bytes() for name in precious} == precious
    assert not (tmp_path / "new.md").exists()


def test_clean_after_a_first_sync_says_to_sync_again(person: Callable[..., Person]) -> None:
    made = person(syncs=1, dead=0.2)
    done = made.run("clean")
    assert done.exit_code == 0
    (back,) = done.stderr.splitlines()
    assert back.startswith("backtest: what the rules would have removed cannot be known before ")
    (line,) = [one for one in done.stdout.splitlines() if "cannot be judged yet" in one]
    assert re.search(r"`smsdata sync` again after 2026-\d\d-\d\d \d\d:\d\d UTC", line)
    made.account.advance(hours=2)
    made.run("sync")
    assert made.run("clean").stdout.count("--apply") == 1


def test_clean_of_a_clean_account_says_so(person: Callable[..., Person]) -> None:
    assert "nothing to do" in person(dead=0.0).run("clean").stdout


def test_undo_says_what_yes_has_to_name(some_dead: tuple[Person, dict[str, Any]]) -> None:
    made, plan = some_dead
    (list_id,) = made.account.contacts.lists
    count = f"{list_id}={plan['contacts']['remove']}"
    done = made.run("clean", "--apply", plan["file"], "--yes", plan["hash"], "--count", count, "--json")
    run = json.loads(done.stdout)["run"]
    refused = made.run("undo", run)
    assert refused.exit_code == 5
    assert "--yes with the name of the run" in refused.stderr
    assert "hash" not in refused.stderr
    assert made.at_terminal("undo", run, types="yes\n").returncode in {0, 3}


def test_audit_fix_says_the_hash_without_which_no_script_can_apply_it(
    person: Callable[..., Person],
) -> None:
    made = person(dead=0.0)
    made.account.contacts.goo = False
    (contacts,) = made.account.contacts.lists.values()
    list_id, msisdn = contacts.list_id, next(iter(contacts.present())).msisdn
    made.account.inbound(str(msisdn), "STOP")
    made.account.advance(hours=2)
    assert made.run("sync").exit_code == 0
    told = json.loads(made.run("audit", "--fix", "--json").stdout)["plan"]
    assert told["contacts"] == {"remove": 1}
    shown = made.run("audit", "--fix").stdout
    assert f"hash {told['hash']}" in shown
    assert f"smsdata clean --apply {told['file']}" in shown
    done = made.run("clean", "--apply", told["file"], "--yes", told["hash"], "--json")
    assert json.loads(done.stdout)["counts"] == {"done": 1}
    changed = [(one["list_id"], one["msisdn"]) for one in made.account.contacts.changes if one["by"] == "api"]
    assert changed == [(list_id, msisdn)]
