"""docs/twin.md says what the table of behaviours says; what that names is there, nearly all has a test."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_command

from smsdata.cli.app import app
from smsdata.simulator import Faults, shipped_parameters
from smsdata.simulator.parameters import SHIPPED
from tests.twin_page import LABELS, PAGE, Behaviour, behaviours, page

ALL = behaviours()
CONTENT = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
KEYS = {f"{name}.{key}" for name, value in CONTENT.items() if isinstance(value, dict) for key in value}
SWITCHES = {*KEYS, "carriers", "outages", "Faults.always"}
"""The keys of a file of parameters, and what Python alone can switch; options of simulate are looked up."""
CALLS = re.compile(r"`((?:get|add|edit|delete|remove|send|cancel|lease|format|optout)-[a-z-]+)`")


@cache
def functions_of(path: Path) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


@cache
def options_of_simulate() -> set[str]:
    """The options that the command has."""
    command = get_command(app).commands["simulate"]  # type: ignore[attr-defined]
    return {word for parameter in command.params for word in parameter.opts if word.startswith("--")}


def asserts(node: ast.AST) -> bool:
    """Whether a test holds anything: an assert, or an error that must come."""
    return any(
        isinstance(one, ast.Assert) or (isinstance(one, ast.Attribute) and one.attr == "raises")
        for one in ast.walk(node)
    )


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.twin_page"


@pytest.mark.parametrize("one", ALL, ids=lambda one: f"{one.section}: {one.says[:50]}")
def test_each_behaviour_names_what_there_is(one: Behaviour) -> None:
    """A label, a switch that exists, a test that exists and asserts something, one sentence or two."""
    assert one.label in LABELS
    assert one.switch in {"", *SWITCHES} or one.switch in options_of_simulate()
    assert re.fullmatch(r"[^|\n]+\.", one.says)
    if one.test:
        path, name = one.place
        assert name.startswith("test_")
        assert name in functions_of(path), path
        assert asserts(functions_of(path)[name])


def test_every_key_that_the_page_names_is_taken_from_a_file() -> None:
    """With the value that is shipped; what the page names and no file takes would be a wrong page."""
    for switch in {one.switch for one in ALL if "." in one.switch} - {"Faults.always"}:
        section, _, key = switch.partition(".")
        assert shipped_parameters().changed({section: {key: CONTENT[section][key]}}).given == {switch}


def test_at_least_97_of_a_hundred_behaviours_have_a_test() -> None:
    assert sum(bool(one.test) for one in ALL) >= 0.97 * len(ALL)
    assert len({one.says for one in ALL}) == len(ALL)


def test_every_call_is_told_of_and_no_other() -> None:
    """Each call that the twin answers stands in a sentence of its own or beside others."""
    from smsdata.simulator.calls import ANSWERS, LISTINGS, ORDERS

    told = {call for one in ALL for call in CALLS.findall(one.says)}
    assert told - {"add-credit", "add-card"} == {*ANSWERS, *LISTINGS, *ORDERS}


def test_every_switch_of_an_account_and_a_gateway_is_told_of() -> None:
    """What can be switched is a behaviour; figures of one are told with it, and the latency is none."""
    named = {one.switch for one in ALL}
    figures = {"account.clients", "gateway.latency"}
    behaviour = {key for key in KEYS if key.startswith(("account.", "gateway."))} - figures
    assert "always" in Faults.__dataclass_fields__
    assert behaviour | {"hours.sends", "hours.replies", "callbacks.doubled", "faults.swapped"} <= named
