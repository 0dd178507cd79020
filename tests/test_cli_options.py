"""Options of every command that are given and say nothing."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from typer.models import OptionInfo
from typer.testing import CliRunner

from smsdata import UsageError, demo_store
from smsdata.cli import main  # noqa: F401 - registers the commands
from smsdata.cli.app import app
from smsdata.forgetting.person import forget
from smsdata.report.periods import period_of

_NEEDED = {"retain": ["replies=400d"], "undo": ["x.json"], "accounts": ["list"]}
_TEXTS = (str, str | None, list[str], list[str] | None)
_NONE_IF_EMPTY = {"--proxy", "--ca-bundle"}


def options() -> Iterator[tuple[str, str]]:
    """Every command with each of its options that takes a text, or texts."""
    for one in app.registered_commands:
        assert one.callback
        for name, parameter in inspect.signature(one.callback).parameters.items():
            kind, *told = get_args(parameter.annotation) or [None]
            if told and isinstance(told[0], OptionInfo) and kind in _TEXTS:
                option = (told[0].param_decls or [f"--{name.replace('_', '-')}"])[0]
                if option not in _NONE_IF_EMPTY:
                    yield str(one.name), option


@pytest.mark.parametrize(("command", "option"), [*options()])
def test_an_empty_option_is_refused_by_every_command(
    command: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for value in ("", "  "):
        done = CliRunner().invoke(app, [command, *_NEEDED.get(command, []), option, value])
        assert done.exit_code == 2, done.output
        assert f"{option} is empty" in done.stderr
        assert "leave" in done.stderr
        assert list(tmp_path.iterdir()) == []


def test_an_empty_period_and_an_empty_place_are_refused_from_python_too(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="write week, month"):
        period_of("")
    with pytest.raises(UsageError, match="--also names nothing"):
        forget(demo_store(tmp_path / "demo"), "61491570156", also=[" "])
