"""Odd command lines: one line of error, a known exit code, one object with --json, nothing is made."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import random
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

from smsdata import Store, sync
from smsdata.cli.app import app, run
from smsdata.simulator import Gateway, running
from tests.support.clients import connected
from tests.support.sync_world import small_account

CODES = {0, 1, 2, 3, 4, 5, 130}
ODD = [
    "", " ", "-", "--", "-1", "0", "1", "99999999999999999999", "1e400", "nan", "inf", "0x10", "é", "\udcff",
    "\uff11\uff12", "a" * 5_000, "../../../etc/passwd", "/dev/null", "/dev/full", "/proc/self/mem", "a*b",
    "~", "{}", "%s", "a=b", "2026-02-30", "2026-11-18", "9999-12-31", "0001-01-01", "yesterday", "30", "1d",
    "9999-12-31T23:59:59-12:00", "999999d", "61491570156", "0491570156", "messages", "messages,messages",
    ",", "AU", "en\nfr", "'; DROP",
]  # fmt: skip
SERVING = {"simulate", "demo", "listen"}  # with a value that fits they run on
Words = tuple[str, ...]


def _commands() -> dict[str, Any]:
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def odd_command_lines(seed: int, count: int) -> list[Words]:
    """Every option of every command with odd values, alone and together, the same for a seed."""
    rng = random.Random(seed)
    lines: list[Words] = []
    for name, command in _commands().items():
        options = [p for p in command.params if p.param_type_name == "option"]
        for option, value in itertools.product(options, ODD):
            words = [name, option.opts[0], *([] if option.is_flag else [value])]
            lines.append(tuple(words))
        lines += [(name, value) for value in ODD] + [(name, f"--no-such={value}") for value in ODD[:3]]
    lines = [line for line in lines if line[0] not in SERVING or "--port" in line]
    rng.shuffle(lines)
    mixed = []
    for line in lines[:count]:
        flags = [flag for flag in ("--json", "--quiet") if rng.random() < 0.35]
        mixed.append((line[0], *flags, *line[1:]) if "--" in line else (*line, *flags))  # it ends the options
    return [line for line in mixed if line[0] not in SERVING or not FREE_PORTS & set(line)]


FREE_PORTS = {"0", "1", "30", "messages"}  # that it could listen at


def invoked(words: Words) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command line in this process."""
    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        try:
            code = run(words)
        except SystemExit as end:
            code = int(end.code or 0)
    return code, out.getvalue(), said.getvalue()


def faults(words: Words, how: Callable[[Words], tuple[int, str, str]] = invoked) -> list[str]:
    """What is wrong with how a command line was taken; empty when nothing is."""
    try:
        code, out, said = how(words)
    except Exception as error:
        return [f"{words!r:.200}: {type(error).__name__}"]
    wrong = []
    if code not in CODES:
        wrong.append(f"exit code {code}")
    if "Traceback" in said or "a fault of smsdata" in said:
        wrong.append(said[-300:])
    if code and not said + out:
        wrong.append("says nothing")
    if "--json" in words and "--help" not in words and not _one_object(out):
        wrong.append(f"stdout is no object: {out[:80]!r}")
    if "--quiet" in words and code == 0 and "--json" not in words and "--help" not in words and out + said:
        wrong.append("is not quiet")
    return [f"{words!r:.200}: {text}" for text in wrong]


def _one_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _configure(monkeypatch: pytest.MonkeyPatch, address: str, store: Path) -> None:
    settings = {"API_KEY": "demo", "API_SECRET": "demo", "RATE": "5000", "SHARE": "1"}
    for name, value in (settings | {"BASE_URL": address, "STORE": str(store)}).items():
        monkeypatch.setenv(f"SMSDATA_{name}", value)


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with a home of its own, and no credentials."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.says_canaries
@pytest.mark.parametrize("part", range(4))
def test_odd_command_lines_are_taken_in_one_line(somewhere: Path, part: int) -> None:
    lines = odd_command_lines(1, 1_400)[part::4]
    assert len(lines) > 300
    wrong = [fault for words in lines for fault in faults(words)]
    assert wrong == []
    made = {path.name for path in somewhere.iterdir()} - {"home"}
    assert made == set(), "a command line that was refused made something"


@pytest.mark.says_canaries
def test_odd_command_lines_beside_a_store_and_a_gateway(
    somewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = small_account()
    gateway = Gateway(account, limiter=None)
    with connected(gateway) as client:
        sync(client, Store(somewhere / "store"))
    with running(gateway) as address:
        settings = {
            "API_KEY": "demo",
            "API_SECRET": "demo",
            "BASE_URL": address,
            "RATE": "5000",
            "SHARE": "1",
        }
        for name, value in (settings | {"STORE": str(somewhere / "store")}).items():
            monkeypatch.setenv(f"SMSDATA_{name}", value)
        lines = [words for words in odd_command_lines(2, 150) if "--base-url" not in words]
        wrong = [fault for words in lines for fault in faults(words)]
    assert wrong == []


def test_the_harness_catches_a_command_with_a_fault() -> None:
    def broken(words: Words) -> tuple[int, str, str]:
        if "--since" in words:
            raise OverflowError
        return 0, "not JSON", "chatter"

    caught = [fault for words in odd_command_lines(1, 200) for fault in faults(words, broken)]
    assert any("OverflowError" in fault for fault in caught)
    assert any("no object" in fault for fault in caught)
    assert any("not quiet" in fault for fault in caught)


# ---- in a process of its own -------------------------------------------------------------------------


def started(
    words: list[str], folder: Path, *, shell: str = "", **options: Any
) -> subprocess.CompletedProcess[str]:
    """A command line in a process of its own; `shell` redirects it."""
    command = [sys.executable, "-m", "smsdata", *words]
    if shell:
        quoted = " ".join(f"'{word}'" for word in command)
        command = ["bash", "-c", f"{quoted} {shell}"]
    environment: Mapping[str, str] = {k: v for k, v in os.environ.items() if not k.startswith("SMSDATA_")}
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=60,
        check=False,
        **options,
    )


@pytest.mark.parametrize(
    "words", [["tables", "--json"], ["sync", "--no-such", "--json"], ["--help"], ["config"]]
)
@pytest.mark.parametrize("shell", [">&-", "2>&-", ">&- 2>&-", ">/dev/full", "2>/dev/full", "| true"])
def test_streams_that_are_closed_or_full_bring_no_traceback(
    tmp_path: Path, words: list[str], shell: str
) -> None:
    done = started(words, tmp_path, shell=shell)
    assert "Traceback" not in done.stderr + done.stdout
    assert "Exception ignored" not in done.stderr
    if "--json" in words and shell == "2>&-":
        assert _one_object(done.stdout)


def test_json_is_one_object_also_with_structlog_and_retries(tmp_path: Path) -> None:
    (tmp_path / "structlog.py").write_text(
        "def get_logger(*a, **k):\n    class L:\n        def warning(self, *a, **k): print('retry', a, k)\n"
        "    return L()\n"
    )
    script = (
        "import sys; sys.path.insert(0, '.'); import structlog\n"
        "from smsdata.cli.app import main\n"
        "sys.argv = ['smsdata', 'sync', '--json', '--base-url', 'http://127.0.0.1:9/']\n"
        "main()\n"
    )
    environment = os.environ | {
        "SMSDATA_API_KEY": "k",
        "SMSDATA_API_SECRET": "s",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, env=environment,
        timeout=60, check=False,
    )  # fmt: skip
    assert _one_object(done.stdout), done.stdout
    assert done.returncode == 1


def test_quiet_says_why_on_exit_3_and_nothing_on_exit_0(
    somewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = small_account()
    gateway = Gateway(account, limiter=None)
    with running(gateway) as address:
        settings = {
            "API_KEY": "demo",
            "API_SECRET": "demo",
            "BASE_URL": address,
            "RATE": "5000",
            "SHARE": "1",
        }
        for name, value in (settings | {"STORE": str(somewhere / "store")}).items():
            monkeypatch.setenv(f"SMSDATA_{name}", value)
        assert invoked(("sync", "--quiet")) == (0, "", "")
        gateway.spoil("get-lists", {}, {"id": "none"})
        code, _, said = invoked(("sync", "--quiet"))
        assert code == 3
        assert "needs a look: " in said
        next(iter(Store(somewhere / "store").parts("messages"))).unlink()
        code, out, _ = invoked(("verify", "--quiet"))
        assert code == 3
        assert "missing" in out


def test_memory_limit_is_one_line(tmp_path: Path) -> None:
    """What the machine refuses is told like any other error."""
    done = started(
        ["tables", "--store", "a" * 300], tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )  # fmt: skip
    assert done.returncode in CODES
    assert "Traceback" not in done.stderr
