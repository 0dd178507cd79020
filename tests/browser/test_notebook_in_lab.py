"""The first notebook as a newcomer opens it: JupyterLab in Chromium, all cells run, no error, a picture."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser.devtools import PATIENCE, Tab

pytestmark = pytest.mark.browser
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAME = "01_quickstart.ipynb"
PANEL = "[...jupyterapp.shell.widgets('main')][0]"
CELLS = f"{PANEL}.content.model.sharedModel.toJSON().cells.filter(one => one.cell_type === 'code')"
READY = f"!!window.jupyterapp && !!{PANEL}?.context?.isReady"
IDLE = f"{PANEL}.sessionContext.session?.kernel?.status === 'idle'"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab with a home of its own and a copy of the notebook without outputs."""
    home = tmp_path_factory.mktemp("lab")
    root = home / "notebooks"
    book = json.loads((NOTEBOOKS / NAME).read_text())
    for cell in book["cells"]:
        cell |= {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
    root.mkdir()
    (root / NAME).write_text(json.dumps(book))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port, token = free.getsockname()[1], secrets.token_hex(16)
    own = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    said = (home / "server.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
         "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}",
         "--LabApp.expose_app_in_browser=True", "--LabApp.check_for_updates_class="
         "jupyterlab.handlers.announcements.NeverCheckForUpdate", "--LabApp.news_url=", "--allow-root"],
        env=os.environ | own | {"HOME": str(home)}, stdout=said, stderr=said,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/api?token={token}", process, home / "server.log")
        yield f"{address}/lab/tree/{NAME}?token={token}"
    finally:
        process.terminate()
        process.wait(PATIENCE)
        said.close()
        shutil.rmtree(home, ignore_errors=True)


def _wait_for(address: str, process: subprocess.Popen[bytes], said: Path) -> None:
    """Wait until the server answers; each try takes its time."""
    end = time.monotonic() + PATIENCE
    with httpx.Client(transport=httpx.HTTPTransport(retries=10)) as client:
        while process.poll() is None and time.monotonic() < end:
            try:
                client.get(address, timeout=5).raise_for_status()
            except httpx.TransportError:
                continue
            return
    pytest.fail(f"JupyterLab did not start: {said.read_text()[-2_000:]}")


def test_first_notebook_runs_in_jupyterlab(tab: Tab, lab: str, artefacts: Path) -> None:
    tab.looks(width=1280, height=1000)
    tab.open(lab)
    tab.until(READY)
    tab.until(IDLE)
    tab.value(f"jupyterapp.shell.activateById({PANEL}.id)")
    tab.until("jupyterapp.shell.currentWidget !== null")
    assert all(not cell["outputs"] for cell in tab.value(CELLS))
    tab.value("jupyterapp.commands.execute('notebook:run-all-cells').then(() => true)")
    tab.until(f"{CELLS}.every(one => one.execution_count) && {IDLE}", patience=3 * PATIENCE)
    outputs: list[dict[str, Any]] = [output for cell in tab.value(CELLS) for output in cell["outputs"]]
    assert [one for one in outputs if one["output_type"] == "error" or one.get("name") == "stderr"] == []
    assert len([one for one in outputs if "text/html" in one.get("data", {})]) >= 5
    assert [one for one in outputs if "image/png" in one.get("data", {})]
    assert [event for event in tab.events if event["method"] == "Runtime.exceptionThrown"] == []
    tab.value(f"{PANEL}.content.scrollToItem(0).then(() => true)")
    tab.picture(artefacts / "jupyterlab-first.png", whole=False)
    last = f"{PANEL}.content.widgets.length - 1"
    tab.value(f"{PANEL}.content.scrollToItem({last}).then(() => true)")
    tab.until("[...document.querySelectorAll('.jp-OutputArea img')].some(one => one.complete)")
    tab.picture(artefacts / "jupyterlab-last.png", whole=False)
