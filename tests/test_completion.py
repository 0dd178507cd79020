"""Shell completion: commands, tables, results, accounts, lists; from this machine alone, and silent."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from smsdata import Store
from smsdata.cli.app import app
from smsdata.schema.tables import TABLES
from smsdata.sharing.named_results import RESULTS
from smsdata.simulator import Account, Gateway

World = tuple[Account, Gateway, Store]
NO_GATEWAY = "http://127.0.0.1:9/"  # nobody listens there


def offered(line: str, folder: Path, *, shell: str = "bash") -> list[str]:
    """What a shell is offered for a command line that ends where the tab was pressed."""
    script = folder / "bin" / "smsdata"
    script.parent.mkdir(exist_ok=True)
    script.write_text("import smsdata.cli, sys; sys.exit(smsdata.cli.main())")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SMSDATA_")}
    asked = {
        "_SMSDATA_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - (not line.endswith(" "))),
        "_TYPER_COMPLETE_ARGS": line,
        "SMSDATA_BASE_URL": NO_GATEWAY,
        "SMSDATA_STORE": str(folder / "store"),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=kept | asked, cwd=folder, check=False
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_completion_offers_commands_and_options(tmp_path: Path) -> None:
    assert offered("smsdata ex", tmp_path) == ["export"]
    assert "--pseudonymise" in offered("smsdata export messages --ps", tmp_path)


def test_completion_offers_tables_and_results(tmp_path: Path) -> None:
    assert offered("smsdata export mess", tmp_path) == ["messages"]
    assert offered("smsdata export delivery_", tmp_path) == ["delivery_rate", "delivery_trend"]
    every = set(offered("smsdata export ", tmp_path))
    assert set(TABLES) <= every
    assert set(RESULTS) == {name.removeprefix("analysis.") for name in every} & set(RESULTS)


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("smsdata sync --tables messages,dl", ["messages,dlrs"]),
        ("smsdata export messages --columns id,sta", ["id,status"]),
        ("smsdata export messages --format xl", ["xlsx"]),
        ("smsdata export delivery_rate --by sender,we", ["sender,week", "sender,weekday"]),
        ("smsdata export delivery_rate --tz Australia/Syd", ["Australia/Sydney"]),
    ],
)
def test_completion_goes_on_with_a_list(tmp_path: Path, line: str, first: list[str]) -> None:
    assert offered(line, tmp_path) == first


def test_completion_offers_accounts_without_their_secrets(tmp_path: Path) -> None:
    """The command that gives the secret would leave a mark, were it run."""
    mark = tmp_path / "asked"
    (tmp_path / "accounts.toml").write_text(
        "".join(
            f'[accounts.{name}]\nkey = "key-{name}"\nstore = "data/{name}"\n'
            f'secret_command = ["touch", "{mark}"]\n'
            for name in ("perth", "hobart")
        )
    )
    (tmp_path / "accounts.toml").chmod(0o600)
    assert offered("smsdata sync --account ", tmp_path) == ["perth", "hobart"]
    assert offered("smsdata status --account h", tmp_path) == ["hobart"]
    assert not mark.exists()


def test_completion_offers_lists_of_the_store(world: World, tmp_path: Path) -> None:
    *_, store = world
    ids = [str(one) for one in store.read("lists")["list_id"]]
    assert ids
    assert sorted(offered(f"smsdata sync --store {store.path} --list-id ", tmp_path)) == sorted(ids)


@pytest.mark.parametrize(
    "line", ["sync --list-id ", "sync --account ", "undo ", "export nothing --columns none"]
)
def test_completion_offers_nothing_where_there_is_nothing(tmp_path: Path, line: str) -> None:
    assert offered(f"smsdata {line}", tmp_path) == []
    assert not (tmp_path / "store").exists()


def test_completion_can_be_installed_and_shown() -> None:
    options = {name for one in typer.main.get_command(app).params for name in one.opts}
    assert {"--install-completion", "--show-completion"} <= options


SHELLS = {
    "fish": ("source {script}; complete -C '{line}'", "complete --command smsdata"),
    "zsh": (
        "compdef() {{ }}; source {script}; words=({line}); CURRENT=$#words; "
        "_arguments() {{ print -l -- $@ }}; _smsdata_completion",
        "#compdef smsdata",
    ),
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("line", "word"), [("smsdata sy", "sync"), ("smsdata export mess", "messages")])
def test_completion_works_in_the_shell_itself(shell: str, line: str, word: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not on this machine")
    program = tmp_path / "smsdata"
    program.write_text(f"#!{sys.executable}\nimport smsdata.cli, sys\nsys.exit(smsdata.cli.main())\n")
    program.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }

    def said(text: str) -> str:
        done = subprocess.run(
            [shell, "-c", text], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
        )
        assert done.stderr == ""
        return done.stdout

    text, begins = SHELLS[shell]
    script = said("smsdata --show-completion; true")
    assert script.startswith(begins)
    (tmp_path / "script").write_text(script)
    assert word in said(text.format(script=tmp_path / "script", line=line)).replace('"', " ").split()
