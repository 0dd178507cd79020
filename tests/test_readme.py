"""The README's examples run, and it names every command, table and setting."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from smsdata.cli.app import app
from smsdata.schema.tables import TABLES
from smsdata.settings import _ENVIRONMENT

README = (Path(__file__).parent.parent / "README.md").read_text()


@pytest.mark.parametrize("example", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_readme_examples_run(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})


def test_readme_names_every_command():
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    names = group.commands
    assert names
    missing = [name for name in names if f"`smsdata {name}" not in README]
    assert missing == []


def test_readme_names_every_table_and_setting():
    known = [*TABLES, *_ENVIRONMENT.values()]
    missing = [name for name in known if not re.search(rf"\b{name}\b", README) and name != "suppressions"]
    assert missing == []
