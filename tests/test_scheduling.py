"""The recipes of docs/scheduling.md, each held against its own tool where this machine has it."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from smsdata.cli.app import app
from smsdata.cli.many import WORST_FIRST

PAGE = (Path(__file__).parent.parent / "docs" / "scheduling.md").read_text()
SMSDATA = "/srv/sms/.venv/bin/smsdata"


def recipes(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def required(tool: str) -> str:
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not installed here")
    return path


def checked(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, check=False)


def command_lines() -> list[str]:
    """Every command of ours that a recipe runs."""
    code = "\n".join(text for kind in ("crontab", "ini", "yaml") for text in recipes(kind))
    return re.findall(r"(?:\.venv/bin/)smsdata (.+)$", code, re.MULTILINE)


def faults_of(line: str) -> list[str]:
    """What is wrong with a command line of ours: an option or a command that is none."""
    commands: Any = typer.main.get_command(app)
    name, *words = line.split()
    if name not in commands.commands:
        return [name]
    known = {one for parameter in commands.commands[name].params for one in parameter.opts}
    return [word for word in words if word.startswith("--") and word not in known]


def test_recipes_run_commands_that_there_are() -> None:
    assert len(command_lines()) == 5
    assert [fault for line in command_lines() for fault in faults_of(line)] == []
    assert faults_of("sync --hartbeat x") == ["--hartbeat"]


def test_exit_codes_have_one_page_that_says_what_each_asks_for() -> None:
    page = (Path(__file__).parent.parent / "docs" / "exit-codes.md").read_text()
    codes = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", page, re.MULTILINE)
    assert {int(code) for code, *_ in codes} == {0, 1, 2, 3, 4, 5, 130}
    assert all(cell.strip() for row in codes for cell in row)
    (order,) = re.findall(r"the first of ([\d, ]+) that", page)
    assert [int(code) for code in order.split(",")] == list(WORST_FIRST)


def test_every_command_has_a_row_on_the_page_of_exit_codes() -> None:
    page = (Path(__file__).parent.parent / "docs" / "exit-codes.md").read_text()
    heads = re.findall(r"^\| (`smsdata [^|]*) \|", page, re.MULTILINE)
    told = {name for head in heads for name in re.findall(r"`smsdata ([a-z-]+)", head)}
    commands: Any = typer.main.get_command(app)
    assert told == set(commands.commands)


def crontab_faults(text: str) -> list[str]:
    """Lines that are neither a setting nor five fields in their ranges and a command without a percent."""
    ranges = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))

    def fits(field: str, least: int, most: int) -> bool:
        match = re.fullmatch(r"(\*|\d+(?:-\d+)?)(?:/\d+)?", field)
        numbers = [int(number) for number in re.findall(r"\d+", match[1])] if match else []
        return match is not None and all(least <= number <= most for number in numbers)

    wrong = []
    for line in text.splitlines():
        if re.fullmatch(r"[A-Z]+=.*", line):
            continue
        *fields, command = line.split(None, 5)
        good = len(fields) == 5 and "%" not in command
        good = good and all(
            fits(part, *bounds)
            for field, bounds in zip(fields, ranges, strict=True)
            for part in field.split(",")
        )
        wrong += [] if good else [line]
    return wrong


def test_crontab_reads_as_cron_reads_it() -> None:
    (crontab,) = recipes("crontab")
    assert crontab_faults(crontab) == []
    for broken in ("61 2 * * * x", "15 2 * * x", "15 2 * 13 * x", "1 1 1 1 1 date +%F"):
        assert crontab_faults(broken) == [broken]


def test_crontab_is_taken_by_cron_itself(tmp_path: Path) -> None:
    tool = required("crontab")
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(recipes("crontab")[0])
    bad.write_text("99 2 * * * true\n")
    option = "-T" if "-T" in checked(tool, "-?").stderr else "-n"  # of cronie, of Debian's cron
    if checked(tool, option, bad).returncode == 0:
        pytest.skip("this crontab does not check a file")
    done = checked(tool, option, good)
    assert done.returncode == 0, done.stderr


def test_crontab_commands_are_good_shell() -> None:
    shell = required("sh")
    lines = [line.split(None, 5)[5] for line in recipes("crontab")[0].splitlines()[1:]]
    for text in [*lines, *recipes("sh")]:
        done = checked(shell, "-n", "-c", text)
        assert done.returncode == 0, done.stderr


def test_systemd_units_are_taken_by_systemd_itself(tmp_path: Path) -> None:
    tool = required("systemd-analyze")
    service, timer = recipes("ini")
    standing = service.replace(SMSDATA, required("true")).replace(
        "EnvironmentFile=/srv", "EnvironmentFile=-/srv"
    )
    for name, text in (("smsdata-sync.service", standing), ("smsdata-sync.timer", timer)):
        (tmp_path / name).write_text(text)
    done = checked(tool, "verify", *sorted(tmp_path.iterdir()))
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "smsdata-sync.timer").write_text(timer.replace("OnCalendar=*-*-*", "OnCalendar=25-99"))
    assert "Failed to parse calendar" in checked(tool, "verify", tmp_path / "smsdata-sync.timer").stderr


def test_workflow_parses_and_has_what_github_asks_for() -> None:
    (text,) = recipes("yaml")
    workflow = import_module("yaml").safe_load(text)
    when = workflow[True]  # YAML 1.1 reads `on` as a truth value
    assert crontab_faults(f"{when['schedule'][0]['cron']} true") == []
    (job,) = workflow["jobs"].values()
    assert job["runs-on"]
    assert all(step.keys() >= {"name", "run"} for step in job["steps"])
    credentials = [
        step.get("env", {}).get(f"SMSDATA_API_{word}")
        for step in job["steps"][:1]
        for word in ("KEY", "SECRET")
    ]
    assert credentials == ["${{ secrets.SMSDATA_API_KEY }}", "${{ secrets.SMSDATA_API_SECRET }}"]


def test_workflow_is_taken_by_actionlint(tmp_path: Path) -> None:
    tool = required("actionlint")
    workflow, labels = tmp_path / "sync.yml", tmp_path / "actionlint.yaml"
    workflow.write_text(recipes("yaml")[0])
    labels.write_text("self-hosted-runner:\n  labels: [sms]\n")  # a runner's own label, known to its owner
    done = checked(tool, "-no-color", "-config-file", labels, workflow)
    assert done.returncode == 0, done.stdout
