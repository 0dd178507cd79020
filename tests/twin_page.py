"""Writes docs/twin.md from the behaviours of the twin: ``python -m tests.twin_page``.

Owns how that page looks. What it says stands in tests/simulator/behaviours.toml: per behaviour what it is
known from, the switch that brings it about or changes it, the test that holds it, and one sentence.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "twin.md"
SOURCE = ROOT / "tests" / "simulator" / "behaviours.toml"
LABELS = ("documented", "seen live", "guess")

INTRODUCTION = """# The twin

The simulated gateway (`smsdata simulate`, `smsdata.simulator`) stands in for the provider's, which has no
sandbox. This page says what it does and where that is known from: **documented** is in the provider's
reference, **seen live** was reported by others from real traffic of this gateway or one like it, **guess** is
what the twin does where nobody says. A switch is a key of a file of parameters, for `smsdata simulate
--parameters`; one with two dashes is an option of `smsdata simulate` itself, and `Faults.always` is there in
Python alone. Without a switch the behaviour is always there. The test beside each behaviour fails when it is
no longer so: paths begin in `tests/simulator/` where they have no folder.
`smsdata twin-check` compares the twin with an account of one's own.

{count} behaviours: {labels}. {traced} of them have a test; a sentence without one says what the twin lacks.

The page is written by `python -m tests.twin_page` from `tests/simulator/behaviours.toml`.
"""
HEAD = "| behaviour | known from | switch | test |\n|---|---|---|---|\n"


@dataclass(frozen=True)
class Behaviour:
    """One sentence about the twin; ``test`` is empty where nothing can hold it."""

    section: str
    label: str
    switch: str
    test: str
    says: str

    @property
    def place(self) -> tuple[Path, str]:
        """The file and the name of its test."""
        file, _, name = self.test.partition("::")
        folder = ROOT if "/" in file else ROOT / "tests" / "simulator"
        return folder / file, name


def behaviours() -> list[Behaviour]:
    """All of them, in the order of the page."""
    sections = tomllib.loads(SOURCE.read_text(encoding="utf-8"))["section"]
    return [Behaviour(one["title"], *row) for one in sections for row in one["behaviours"]]


def page() -> str:
    """The whole page."""
    rows = behaviours()
    counts, sections = Counter(one.label for one in rows), dict.fromkeys(one.section for one in rows)
    parts = [
        INTRODUCTION.format(
            count=len(rows),
            labels=", ".join(f"{counts[label]} {label}" for label in LABELS),
            traced=sum(bool(one.test) for one in rows),
        )
    ]
    for section in sections:
        lines = [
            f"| {one.says} | {one.label} | {_code(one.switch)} | {_code(one.test)} |\n"
            for one in rows
            if one.section == section
        ]
        parts.append(f"## {section}\n\n{HEAD}{''.join(lines)}")
    return "\n".join(parts)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
