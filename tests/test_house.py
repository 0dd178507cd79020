"""The shape of the house: sizes, circles, chains and names. Each failure says where.

`House` reads source as text, so that each check can be shown a house with one fault in it.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILE_LINES, CLASS_METHODS, FUNCTION_LINES, CHAIN, SHARED_NAMES = 600, 20, 60, 13, 10

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class House:
    """Modules by dotted name, as source text."""

    sources: Mapping[str, str]

    @classmethod
    def at(cls, root: Path, *folders: str) -> House:
        """The modules below some folders."""
        paths = [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]
        return cls({_dotted(path.relative_to(root)): path.read_text() for path in paths})

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        return {name: ast.parse(source) for name, source in self.sources.items()}

    def long_files(self, most: int = FILE_LINES) -> list[str]:
        lengths = {name: source.count("\n") for name, source in self.sources.items()}
        return [f"{name}: {lines} lines" for name, lines in lengths.items() if lines > most]

    def large_classes(self, most: int = CLASS_METHODS) -> list[str]:
        places = []
        for name, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    methods = sum(isinstance(item, Function) for item in node.body)
                    places += [f"{name}.{node.name}: {methods} methods"] * (methods > most)
        return places

    def long_functions(self, most: int = FUNCTION_LINES) -> list[str]:
        places = []
        for name, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, Function) and (lines := _lines(node)) > most:
                    places.append(f"{name}.{node.name}: {lines} lines")
        return places

    def imports(self, name: str, *, typing_too: bool = False) -> set[str]:
        """The modules that a module imports, inside functions too."""
        wanted: set[str] = set()
        for node in _running(self.trees[name], typing_too):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                dotted = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
                wanted |= {full if full in self.sources else node.module for full in dotted.values()}
        return {module for module in wanted if module in self.sources and module != name}

    def circle(self) -> str:
        """A circle of imports, those for type checkers included; empty if there is none."""
        try:
            TopologicalSorter({name: self.imports(name, typing_too=True) for name in self.sources}).prepare()
        except CycleError as error:
            return " -> ".join(reversed(error.args[1]))
        return ""

    def longest_chain(self, first: str, last: str) -> list[str]:
        """The longest way by imports from one module to another."""
        chains: dict[str, list[str]] = {last: [last]}
        order = TopologicalSorter({name: self.imports(name) for name in self.sources}).static_order()
        for name in order:  # what is imported comes before who imports it
            onward = [chains[module] for module in self.imports(name) if module in chains]
            if onward:
                chains[name] = [name, *max(onward, key=len)]
        return chains[first]

    def shared_names(self) -> list[str]:
        """Functions and classes of one name in several modules, but for results and their pictures."""
        modules: dict[str, list[str]] = defaultdict(list)
        for name, tree in self.trees.items():
            for node in tree.body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    modules[node.name].append(name)
        return [
            f"{name}: {', '.join(places)}"
            for name, places in sorted(modules.items())
            if len(places) > 1 and not name.startswith("__") and not _mirrored(places)
        ]

    def without_docstring(self) -> list[str]:
        return [name for name, tree in self.trees.items() if not ast.get_docstring(tree)]


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _lines(function: Function) -> int:
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function):
        text = function.body[0]
        lines -= (text.end_lineno or 0) - text.lineno + 1
    return lines


def _running(tree: ast.AST, typing_too: bool) -> Iterator[ast.AST]:
    """Every node, without those that only a type checker reads unless asked for."""
    for node in ast.iter_child_nodes(tree):
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not typing_too:
            continue
        yield from _running(node, typing_too)


def _mirrored(places: list[str]) -> bool:
    wings = sorted(place.split(".")[1] for place in places)
    return wings == ["analysis", "plots"]


@pytest.fixture(scope="module")
def house() -> House:
    return House.at(ROOT, "smsdata")


def test_house_files_are_short() -> None:
    assert House.at(ROOT, "smsdata", "tests", "benchmarks").long_files() == []


def test_house_classes_have_one_subject(house: House) -> None:
    assert house.large_classes() == []


def test_house_functions_fit_a_screen(house: House) -> None:
    assert house.long_functions() == []


def test_house_has_no_circle_of_imports(house: House) -> None:
    assert house.circle() == ""


def test_house_is_not_deep(house: House) -> None:
    chain = house.longest_chain("smsdata.__main__", "smsdata.errors")
    assert len(chain) <= CHAIN, " -> ".join(chain)


def test_house_gives_one_name_to_one_thing(house: House) -> None:
    shared = house.shared_names()
    assert len(shared) <= SHARED_NAMES, "\n".join(shared)


def test_house_modules_say_what_they_own(house: House) -> None:
    assert house.without_docstring() == []


def test_house_gives_no_public_function_the_name_of_a_module(house: House) -> None:
    public = {node.name for node in house.trees["smsdata"].body if isinstance(node, Function)}
    public |= {alias.asname or alias.name for alias in _imported(house.trees["smsdata"])}
    packages = {name.split(".")[1] for name in house.sources if "." in name}
    meant = {"analysis", "plots", "hygiene"}  # packages that are public themselves
    assert public & packages - meant == set()


def _imported(tree: ast.Module) -> list[ast.alias]:
    return [alias for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names]


def test_house_checks_catch_what_they_are_for() -> None:
    """Each check is shown a house with the one fault it looks for."""
    method = "    def m{}(self): ...\n"
    faulty = House(
        {
            "smsdata.__main__": "import smsdata.a\n",
            "smsdata.a": "def f():\n    import smsdata.b\n" + "    x = 1\n" * 60,
            "smsdata.b": "from smsdata import errors\nclass C:\n" + "".join(map(method.format, range(21))),
            "smsdata.errors": "def f(): ...\n" + "# line\n" * 600,
        }
    )
    assert faulty.long_files() == ["smsdata.errors: 601 lines"]
    assert faulty.large_classes() == ["smsdata.b.C: 21 methods"]
    assert faulty.long_functions() == ["smsdata.a.f: 62 lines"]
    assert faulty.longest_chain("smsdata.__main__", "smsdata.errors") == [
        "smsdata.__main__", "smsdata.a", "smsdata.b", "smsdata.errors",
    ]  # fmt: skip
    assert faulty.shared_names() == ["f: smsdata.a, smsdata.errors"]
    assert faulty.circle() == ""
    back = House(
        {"a": "import b\n", "b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\n"}
    )
    assert back.circle() in {"a -> b -> a", "b -> a -> b"}
