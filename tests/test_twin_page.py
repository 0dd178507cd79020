"""docs/twin.md says what the table of behaviours says; what that names is there, nearly all has a test."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from smsdata.simulator import Account, Drift, Gateway
from smsdata.simulator.drift import DRIFT_KINDS
from smsdata.simulator.faults import FAULT_KINDS, NOT_OFFERED
from tests.twin_page import LABELS, PAGE, Behaviour, behaviours, page

ALL = behaviours()
SWITCHES = {
    "account": set(inspect.signature(Account).parameters),
    "gateway": set(inspect.signature(Gateway).parameters),
    "faults": {*FAULT_KINDS, NOT_OFFERED},
    "drift": {*DRIFT_KINDS, *(one.name for one in fields(Drift))},
    "callbacks": {"secret", "form"},
    "keywords": {"on"},
}
CALLS = re.compile(r"`((?:get|add|edit|delete|remove|send|cancel|lease|format|optout)-[a-z-]+)`")


@cache
def functions_of(path: Path) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


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
    part, _, name = one.switch.partition(".")
    assert not one.switch or name in SWITCHES[part]
    assert re.fullmatch(r"[^|\n]+\.", one.says)
    if one.test:
        path, name = one.place
        assert name.startswith("test_")
        assert name in functions_of(path), path
        assert asserts(functions_of(path)[name])


def test_at_least_97_of_a_hundred_behaviours_have_a_test() -> None:
    assert sum(bool(one.test) for one in ALL) >= 0.97 * len(ALL)
    assert len({one.says for one in ALL}) == len(ALL)


def test_every_call_is_told_of_and_no_other() -> None:
    """Each call that the twin answers stands in a sentence of its own or beside others."""
    from smsdata.simulator.calls import ANSWERS, LISTINGS, ORDERS

    told = {call for one in ALL for call in CALLS.findall(one.says)}
    assert told - {"add-credit", "add-card"} == {*ANSWERS, *LISTINGS, *ORDERS}


def test_every_switch_of_the_gateway_and_of_faults_is_told_of() -> None:
    """What can be switched is a behaviour; sizes, seeds and clocks are none."""
    named = {one.switch for one in ALL}
    plain = {"account", "key", "secret", "clock", "faults", "drift", "latency", "speed", "seed"}
    assert {f"gateway.{name}" for name in SWITCHES["gateway"] - plain} <= named
    words = " ".join(one.switch for one in ALL)
    assert all(
        part in words for part in ("account.goo", "account.late_replies", "faults.swapped", "drift.kinds")
    )
