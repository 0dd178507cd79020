"""docs/errors.md: no error of the code is without an entry, and no entry without an error."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from smsdata import errors
from smsdata.gateway.endpoints import ERROR_CODES
from smsdata.store.verify import FILE_FAULTS
from tests.test_readme import rows, sections

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "errors.md").read_text()
PARTS = sections(PAGE, "##")
TREES = {
    str(path.relative_to(ROOT / "smsdata")): ast.parse(path.read_text())
    for path in sorted((ROOT / "smsdata").rglob("*.py"))
    if "simulator" not in path.parts
}
CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.SmsDataError)
}
_MAKES_AN_ERROR = {*CLASSES, "_failed", "_misfit"}


def words_of(node: ast.expr) -> str:
    """The text that an expression gives, with ``{}`` for what is only known when it runs."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # type: ignore[misc]
    return "{}"


def calls() -> Iterator[tuple[str, ast.Call]]:
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield module, node


def raised() -> dict[str, set[tuple[str, str]]]:
    """By class the module and text of each error that the code makes, where the text is told there."""
    found = defaultdict(set)
    for module, call in calls():
        if isinstance(call.func, ast.Name) and call.func.id in CLASSES and call.args:
            text = words_of(call.args[0])
            if re.search(r"[a-z]{2}", text):  # else all its words come from elsewhere, and its code is told
                found[call.func.id].add((module, text))
    return found


RAISED = raised()


def fragments(part: str) -> list[str]:
    """The words of a line that the first column of a part's tables names."""
    tables = rows(part.split("\n### ")[0])
    return [word for row in tables for word in re.findall(r"`([^`]+)`", row[0])]


def codes_of(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and re.fullmatch(r"[A-Z][A-Z_]{2,}", str(one.value)):
            yield str(one.value)


def codes() -> set[str]:
    """Every code that an error of the code can have by name."""
    found = set(ERROR_CODES) | {what.upper() for what in FILE_FAULTS}
    for node in ast.walk(TREES["errors.py"]):
        if isinstance(node, ast.arguments):
            found.update(code for default in node.kw_defaults if default for code in codes_of(default))
    for _, call in calls():
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        for keyword in call.keywords:
            if keyword.arg == "code":
                found.update(codes_of(keyword.value))
        if name in _MAKES_AN_ERROR:
            for argument in call.args[1:]:
                found.update(codes_of(argument))
    return found


def test_every_class_has_a_section_and_every_exit_code_its_classes() -> None:
    assert [name for name in CLASSES if name not in PARTS] == []
    table = {row[0]: set(re.findall(r"`(\w+)`", row[1])) for row in rows(PAGE.split("\n## ")[0])}
    assert table.pop("3") == set()
    by_code = defaultdict(set)
    for name, kind in CLASSES.items():
        by_code[str(kind.exit_code)].add(name)
    assert table == dict(by_code)


@pytest.mark.parametrize("name", CLASSES)
def test_every_error_of_a_class_has_an_entry_and_no_other(name: str) -> None:
    named, texts = fragments(PARTS[name]), {text for _, text in RAISED[name]}
    assert len(named) >= 2
    assert [word for word in named if not any(word in text for text in texts)] == []
    if name != "UsageError":  # there are too many: each says itself what to write
        assert [text for text in texts if not any(word in text for word in named)] == []


def test_every_wing_with_usage_errors_has_an_entry() -> None:
    named = fragments(PARTS["UsageError"])
    wings = defaultdict(set)
    for module, text in RAISED["UsageError"]:
        wings[module.split("/")[0]].add(any(word in text for word in named))
    assert [wing for wing, covered in wings.items() if True not in covered] == []


def test_every_code_has_an_entry_and_no_other() -> None:
    (part,) = re.findall(r"\n### Codes\n(.*)", PARTS["ApiError"], re.DOTALL)
    named = [code for row in rows(part) for code in re.findall(r"`([A-Z_ ]+)`", row[0])]
    assert len(named) == len(set(named))
    assert set(named) ^ codes() == set()


def said(node: ast.AST) -> str:
    """All that an expression may say, whatever it chooses from."""
    texts = (one for one in ast.walk(node) if isinstance(one, ast.Constant | ast.JoinedStr))
    return "\n".join(words_of(one) for one in texts)


def looks() -> Iterator[tuple[str, str]]:
    """Each place that says what needs a look: its module, and what it may say."""
    for module, tree in TREES.items():
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                    changed, given = node.func.value, node.args[0]
                elif isinstance(node, ast.AugAssign):
                    changed, given = node.target, node.value
                else:
                    continue
                if getattr(changed, "attr", "") == "attention":
                    yield module, said(given) + "".join(given_as(function, given))


def given_as(function: ast.FunctionDef, given: ast.expr) -> Iterator[str]:
    """What the variables of an expression may hold."""
    names = {node.id for node in ast.walk(given) if isinstance(node, ast.Name)}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in names:
            yield said(node.value)


def test_every_place_that_says_what_needs_a_look_has_an_entry_and_no_other() -> None:
    named, told = fragments(PARTS["Needs a look"]), list(looks())
    assert len(told) >= 25
    assert [
        (module, text)
        for module, text in told
        if re.search(r"[a-z]{4}", text) and not any(word in text for word in named)
    ] == []
    everywhere = "\n".join(said(tree) for tree in TREES.values())
    assert [word for word in named if word not in everywhere] == []


@pytest.mark.parametrize("module", ["store/status.py", "cli/export.py"])
def test_what_needs_a_look_without_a_sync_has_entries(module: str) -> None:
    assert any(word in said(TREES[module]) for word in fragments(PARTS["Needs a look"]))
