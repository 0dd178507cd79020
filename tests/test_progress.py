"""Progress bars: calls, rows and time left, in a terminal and a notebook, and only where somebody looks."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import nbformat
import pytest
from nbclient import NotebookClient
from tqdm import tqdm

from smsdata import Client, Store, sync
from smsdata.cli.app import run
from smsdata.gateway.answers import Page
from smsdata.gateway.caller import Caller
from smsdata.gateway.progress import Progress, progress_bar
from smsdata.settings import Pace
from smsdata.simulator import Gateway
from tests.support.sync_world import small_account

ROOT = Path(__file__).parents[1]
PACE = Pace(rate=2, share=0.5)


def page(number: int, count: int | None = None, rows: int = 100) -> Page:
    """A page of a read of `count` pages; a bar asks for no more of it."""
    return cast(Page, SimpleNamespace(number=number, count=count, rows=({},) * rows))


class Bar:
    """A bar of a terminal, and a client of which only the calls are asked for."""

    def __init__(self, pace: Pace | None = PACE, out: Any = None) -> None:
        self.caller = SimpleNamespace(calls=5)  # some were made before
        self.drawn = tqdm(
            desc="messages", file=out or io.StringIO(), total=1, leave=False, ncols=80, mininterval=0
        )
        self.progress = Progress(self.drawn, cast(Caller, self.caller), pace)

    def take(self, *pages: Page) -> str:
        """Hand it pages, a call each; gives what it says then."""
        for one in pages:
            self.caller.calls += 1
            self.progress(one)
        return str(self.drawn)


def test_bar_says_calls_rows_and_time_left() -> None:
    bar = Bar()
    said = bar.take(page(1, 4), page(2), page(3, rows=20))
    assert "3 of about 4 calls, 220 rows, " in said
    assert said.endswith(" left")


def test_bar_counts_tries_and_calls_that_are_no_pages() -> None:
    bar = Bar()
    bar.caller.calls += 6
    assert "8 of about 9 calls" in bar.take(page(1, 2), page(2))


def test_bar_is_whole_at_the_end_and_not_before() -> None:
    bar = Bar()
    bar.take(page(1, 2), page(2), page(3))
    assert (bar.drawn.n, bar.drawn.total) == (3, 4)
    bar.progress.end()
    assert bar.drawn.n == bar.drawn.total == 3


def test_bar_counts_a_read_that_is_cut_into_slices_once() -> None:
    bar = Bar()
    bar.take(page(1, 250), page(1, 90), page(1, 90), page(1, 70))
    assert bar.drawn.total == 250


def test_bar_of_a_sync_waits_for_its_plan() -> None:
    bar = Bar(pace=None)
    assert "2 calls, 200 rows" in bar.take(page(1, 30), page(2))
    bar.progress.expect(87)
    assert "3 of about 87 calls" in bar.take(page(3))
    assert bar.take(*(page(1, 1) for _ in range(3))).count("of about 87 calls") == 1


def test_bar_whose_terminal_is_gone_stops_nothing() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    shown = io.StringIO()
    bar = Bar(out=shown)
    bar.drawn.sp = bar.drawn.status_printer(Gone())
    bar.take(page(1, 9), page(2))
    bar.progress.end()
    bar.progress.close()
    assert bar.progress.bar is None
    assert bar.progress.rows == 200


def test_progress_where_nobody_looks_draws_nothing(
    connect: Callable[..., Client], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SMSDATA_PROGRESS")
    with progress_bar("messages", connect(Gateway(small_account())), delay=0) as progress:
        progress(page(1, 9))
        assert progress.bar is None
    assert capfd.readouterr().err == ""


def test_sync_tells_its_bar_the_plan(connect: Callable[..., Client], tmp_path: Path) -> None:
    told: list[int] = []
    report = sync(
        connect(Gateway(small_account(), limiter=None)),
        Store(tmp_path / "store"),
        on_plan=lambda report: told.append(sum(report.planned.values())),
    )
    assert told == [sum(report.planned.values())]


def in_a_terminal(script: str, folder: Path) -> tuple[str, str]:
    """Run Python with stderr in a terminal; gives stdout and what the terminal showed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    left_out = {"SMSDATA_PROGRESS"}
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    environment |= {"PYTHONPATH": str(ROOT), "TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=theirs, cwd=folder, env=environment
    ) as process:
        out, _ = process.communicate(timeout=120)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # the end of a terminal that nobody holds
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.returncode == 0, shown.decode()
    return out.decode(), shown.decode()


DRAWN_AT_ONCE = """
import smsdata
from smsdata.demo import simulated_client
from smsdata.gateway.endpoints import ENDPOINTS
from smsdata.gateway.progress import progress_bar
from smsdata.gateway.reader import Reader
from smsdata.gateway.reads import Read
client = simulated_client()
with progress_bar("lists", client, delay=0) as progress:
    list(Reader(client, on_page=progress).each([Read(ENDPOINTS["lists"], {})]))
    LOOK
"""


def test_bar_shows_in_a_terminal_on_stderr_alone(tmp_path: Path) -> None:
    script = DRAWN_AT_ONCE.replace("LOOK", "progress.bar.refresh()")
    out, shown = in_a_terminal(script, tmp_path)
    assert out == ""
    assert "lists: " in shown
    assert "calls, 6 rows" in shown


STEPS = """
import time
from smsdata.gateway.progress import steps_bar
with steps_bar("clean") as on_step:
    for done in range(1, 4):
        on_step(done, 40)
        time.sleep(0.2)  # a bar is drawn ten times a second at most
"""


def test_bar_of_changes_says_how_many_of_how_many(tmp_path: Path) -> None:
    out, shown = in_a_terminal(STEPS, tmp_path)
    assert out == ""
    assert "of 40 contacts" in shown


PROBE = """
import sys
from smsdata.cli.app import CommonOptions, app, command, run
from smsdata.demo import simulated_client
from smsdata.gateway.progress import progress_bar
@command("probe")
def probe(common: CommonOptions) -> None:
    with progress_bar("messages", simulated_client()) as progress:
        print(progress.bar is not None)
@app.command("other")
def other() -> None: ...
for option in ([], ["--json"], ["--quiet"], ["--log-format=json"], []):
    run(["probe", *option])
"""


def test_command_without_words_has_no_bar(tmp_path: Path) -> None:
    out, _ = in_a_terminal(PROBE, tmp_path)
    assert out.split() == ["True", "False", "False", "False", "True"]


def test_command_puts_the_setting_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for before in (None, "1"):
        if before is None:
            monkeypatch.delenv("SMSDATA_PROGRESS", raising=False)
        else:
            monkeypatch.setenv("SMSDATA_PROGRESS", before)
        run(["tables", "--json", "--store", str(tmp_path)])
        assert os.environ.get("SMSDATA_PROGRESS") == before


def test_bar_in_a_notebook_is_as_wide_as_it_and_ends_well(tmp_path: Path) -> None:
    look = "bar = progress.bar; bar.refresh(); width = bar.container.children[1].layout.width"
    code = (
        DRAWN_AT_ONCE.replace("LOOK", look)
        + "\nbox, drawn, words = bar.container, *bar.container.children[1:]"
    )
    code += "\nprint(width, drawn.max >= drawn.value, drawn.bar_style, words.value)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    environment: Mapping[str, str] = {
        **{name: value for name, value in os.environ.items() if name != "SMSDATA_PROGRESS"},
        "PYTHONPATH": str(ROOT),
    }
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=dict(environment))
    printed = "".join(one.get("text", "") for one in notebook.cells[0].outputs).split("\n")[0]
    assert printed.startswith("None True ")  # no width of its own, and never beyond its end
    assert "danger" not in printed
    assert "rows" in printed
