"""README and docs: their examples run, and what they name is what there is, no less and no more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import typer

from smsdata.cli.app import CommonOptions, app
from smsdata.demo import Demo, run_demo
from smsdata.schema.kinds import ARROW, OF_ARROW, Kind
from smsdata.schema.tables import TABLES, Column
from smsdata.settings import _ENVIRONMENT
from smsdata.simulator import Gateway, running
from tests.support.sync_world import small_account

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = {page.name: page.read_text() for page in PAGES}
EXAMPLES = [
    pytest.param(example, id=f"{page.name}-{number}")
    for page, text in zip(PAGES, TEXT.values(), strict=True)
    if page.parent.name != "guides"  # those are followed from top to bottom, in test_guides.py
    for number, example in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL), start=1)
]
COMMANDS: dict[str, Any] = cast(Any, typer.main.get_command(app)).commands
# Kinds that read otherwise from the wire, and are stored as another.
STORED_AS: dict[Kind, str] = {"id": "int", "spent": "money"}


def options(command: Any) -> set[str]:
    return {name for option in command.params for name in option.opts if name.startswith("--")}


COMMON = set.intersection(*(options(command) for command in COMMANDS.values()))


def sections(text: str, heading: str) -> dict[str, str]:
    """The parts of a page by the words that follow the heading."""
    _, *rest = re.split(rf"^{heading} (.+)$", text, flags=re.MULTILINE)
    return dict(zip(rest[::2], rest[1::2], strict=True))


def rows(text: str) -> Iterator[list[str]]:
    """The rows of the tables of a page, without their heads."""
    for table in re.findall(r"^\|[-|]+\|\n((?:\|.*\n)*)", text, re.MULTILINE):
        for line in table.splitlines():
            yield [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_run(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "an example", "exec"), {})


def test_readme_is_short_and_shows_an_example_and_a_picture() -> None:
    assert len(TEXT["README.md"].splitlines()) <= 90
    assert "```python" in TEXT["README.md"]
    assert "](docs/images/" in TEXT["README.md"]


def test_readme_says_at_once_what_it_does_to_an_account() -> None:
    first = " ".join(TEXT["README.md"].splitlines()[:12])
    for words in ("never sends", "30 days of messages", "12 months of campaigns", "Linux and macOS only"):
        assert words in first.replace("  ", " "), words


def test_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    said: list[str] = []
    demo: Demo = run_demo(pictures=tmp_path, say=said.append)
    (shown,) = re.findall(r"```text\n(.*?)```", TEXT["README.md"], re.DOTALL)
    answers = demo.lines()[: demo.lines().index("", 1)]
    assert shown.splitlines() == [*said, *answers]


def test_readme_install_is_followed_in_a_clean_home(tmp_path: Path) -> None:
    """What stands below Install, as a new user types it, on a simulated account; pip and secrets left out."""
    block = sections(TEXT["README.md"], "##")["Install"]
    typed = [line.partition("#")[0].split() for line in block.splitlines() if line.startswith("    smsdata ")]
    assert [words[1] for words in typed] == ["plan", "sync", "tables"]
    with running(Gateway(small_account(), limiter=None)) as address:
        clean = {
            "HOME": str(tmp_path), "PATH": os.defpath, "PYTHONPATH": str(ROOT), "SMSDATA_BASE_URL": address,
            "SMSDATA_API_KEY": "demo", "SMSDATA_API_SECRET": "demo", "SMSDATA_RATE": "5000",
        }  # fmt: skip
        said = []
        for _, *words in typed:
            done = subprocess.run(
                [sys.executable, "-m", "smsdata", *words], capture_output=True, text=True, env=clean,
                cwd=tmp_path, timeout=120, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            said.append(done.stdout + done.stderr)
    plan, _, tables = said
    assert "calls" in plan
    assert (tmp_path / "data" / "store" / "messages").is_dir()
    assert all(table in tables for table in ("messages", "dlrs", "replies", "lists"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_readme_leads_to_every_page() -> None:
    pages = [str(page.relative_to(ROOT)) for page in PAGES[2:]]
    assert [page for page in pages if f"({page})" not in TEXT["README.md"]] == []


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    documented = [name for name in sections(TEXT["commands.md"], "##") if name.startswith("smsdata ")]
    assert documented == [f"smsdata {name}" for name in COMMANDS]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_documented_and_no_other(name: str) -> None:
    section = sections(TEXT["commands.md"], "##")[f"smsdata {name}"]
    documented = {option for row in rows(section) for option in re.findall(r"--[\w-]+", row[0])}
    assert documented == options(COMMANDS[name]) - COMMON


def test_common_options_are_documented() -> None:
    section = sections(TEXT["commands.md"], "##")["Options of every command"]
    documented = {option for row in rows(section) for option in re.findall(r"--[\w-]+", row[0])}
    assert documented == COMMON
    assert len(COMMON) == len(CommonOptions.__dataclass_fields__)


@pytest.mark.parametrize("name", TEXT)
def test_commands_options_and_targets_that_are_named_exist(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    known = {"--help", "--version", "--install-completion", "--show-completion"}.union(
        *(options(command) for command in COMMANDS.values())
    )
    for code in re.findall(r"`([^`\n]+)`|^ {4}(.+)$", TEXT[name], re.MULTILINE):
        line = "".join(code)
        for command in re.findall(r"\bsmsdata ([a-z][a-z-]*)", line):
            assert command in COMMANDS, line
        if line.startswith(("smsdata", "--")):
            assert set(re.findall(r"(?<!\S)--[\w-]+", line)) <= known, line
        for target in re.findall(r"\bmake ([a-z-]+)", line):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), line


def test_exit_codes_are_documented() -> None:
    section = sections(TEXT["commands.md"], "##")["Exit codes"]
    assert [row[0] for row in rows(section)] == ["0", "1", "2", "3", "4", "5", "130"]


def as_documented(column: Column) -> list[str]:
    kind = STORED_AS.get(column.kind, column.kind)
    return [column.name, f"{kind}?" if column.null else kind]


def test_every_table_is_documented_and_no_other() -> None:
    assert list(sections(TEXT["tables.md"], "###")) == list(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_every_column_of_a_table_is_documented_with_its_type_and_no_other(name: str) -> None:
    section = sections(TEXT["tables.md"], "###")[name]
    everywhere = {"extra", "synced_at"}
    assert [row[:2] for row in rows(section)] == [
        as_documented(column) for column in TABLES[name].stored if column.name not in everywhere
    ]
    assert f"Key: {', '.join(f'`{column}`' for column in TABLES[name].key)}." in section
    for column in everywhere:
        assert f"`{column}`" in sections(TEXT["tables.md"], "##")["Types"]


def test_types_are_documented_as_pandas_reads_them() -> None:
    documented = {
        kind: dtypes
        for kinds, *dtypes in rows(sections(TEXT["tables.md"], "##")["Types"])
        for kind in kinds.split(", ")
    }
    assert documented == {
        kind: [OF_ARROW[arrow].pandas, OF_ARROW[arrow].nullable]
        for kind, arrow in ARROW.items()
        if kind not in STORED_AS
    }


def test_every_setting_is_documented_and_no_other() -> None:
    named = set(re.findall(r"`(SMSDATA_\w+)", TEXT["settings.md"]))
    assert named == {*_ENVIRONMENT.values(), "SMSDATA_PROGRESS"}


def test_every_extra_is_documented_and_no_other() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    documented = [row[0].strip("`") for row in rows(sections(TEXT["settings.md"], "##")["Extras"])]
    assert sorted(documented) == sorted(project["optional-dependencies"])


def test_every_notebook_is_documented_and_no_other() -> None:
    documented = re.findall(r"notebooks/(\w+)\.ipynb", TEXT["notebooks.md"])
    assert documented == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def test_every_proof_is_documented() -> None:
    assert [row[0].strip("`") for row in rows(TEXT["proofs.md"])] == [
        "single-page",
        "counters",
        "bracketed",
        "two-passes",
    ]


def drawn() -> set[str]:
    """The modules in the drawing of the house: wings end with a slash, their modules follow on the line."""
    (drawing,) = re.findall(r"```text\n(.*?)```", TEXT["architecture.md"], re.DOTALL)
    modules: set[str] = set()
    wing = outer = ""
    for line in filter(None, drawing.splitlines()):
        indent, fields = len(line) - len(line.lstrip()), re.split(r" {2,}", line.strip())
        if fields[0].endswith("/"):
            outer = fields[0] if indent == 2 else outer
            wing = fields[0] if indent == 2 else outer + fields[0]
            modules |= {wing + name for name in fields[1].split()}
        elif indent == 2:
            modules |= set(fields[0].split())
        elif indent < 20:  # more modules of the same wing; what lies farther right is words
            modules |= {wing + name for name in fields[0].split()}
    return modules


def standing() -> set[str]:
    """The modules of the package, as the drawing names them."""
    paths = (path.relative_to(ROOT / "smsdata") for path in (ROOT / "smsdata").rglob("*.py"))
    return {str(path.with_suffix("")) for path in paths if path.stem != "__init__"}


def test_architecture_draws_every_module_and_no_other() -> None:
    assert drawn() ^ standing() == set()


def test_architecture_names_only_files_that_exist() -> None:
    for name in re.findall(r"`([\w/]+\.py)`", TEXT["architecture.md"]):
        assert (ROOT / name).exists() or (ROOT / "smsdata" / name).exists(), name
