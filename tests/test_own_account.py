"""The notebooks on an account of one's own: its lines in the place of the simulated ones, all cells run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest

import smsdata
from smsdata.simulator import Account, Gateway, running

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SWAPPED = ["02_delivery", "03_bounces", "04_replies", "05_optouts", "06_costs"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, str, Path]]:
    """An account at a gateway on this machine, and a folder in which it was synced as the notebooks say."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "notebooks").mkdir()
    gateway = Gateway(Account(seed=9, recipients=60), limiter=None)
    with running(gateway) as url:
        with smsdata.Client(key="demo", secret="demo", base_url=url, rate=500, share=1) as client:
            smsdata.sync(client, folder / "data" / "store", since="90d")
        yield gateway, url, folder / "notebooks"


def cells_of(name: str) -> tuple[str, list[str]]:
    """The first page of words of a notebook, and its cells of code."""
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]
    codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return "".join(cells[0]["source"]), codes


@pytest.mark.parametrize("name", SWAPPED)
def test_notebook_runs_on_an_account_of_ones_own(
    served: tuple[Gateway, str, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, url, folder = served
    words, codes = cells_of(name)
    (own,) = re.findall(r"```python\n(.*?)```", words, re.DOTALL)
    assert "in place of the second cell below, which begins with `account`" in words
    assert codes[1].startswith("account = ")
    for setting, value in (("API_KEY", "demo"), ("API_SECRET", "demo"), ("BASE_URL", url), ("RATE", "500")):
        monkeypatch.setenv(f"SMSDATA_{setting}", value)
    monkeypatch.chdir(folder)
    mpl.use("Agg")
    sent = len(gateway.account.outbox.told)
    names: dict[str, Any] = {}
    try:
        with pd.option_context("display.float_format", None):
            for number, code in enumerate([codes[0], own, *codes[2:]]):
                exec(compile(code, f"{name}, cell {number}", "exec"), names)
    finally:
        plt.close("all")
        names["client"].close()
    assert names["account"] is None
    assert len(gateway.account.outbox.told) == sent


def test_quickstart_runs_on_an_account_of_ones_own(
    served: tuple[Gateway, str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, url, folder = served
    words, codes = cells_of("01_quickstart")
    assert "`client = smsdata.Client()`" in words
    assert "client = simulated_client(seed=1)" in codes[0]
    for setting, value in (("API_KEY", "demo"), ("API_SECRET", "demo"), ("BASE_URL", url), ("RATE", "500")):
        monkeypatch.setenv(f"SMSDATA_{setting}", value)
    monkeypatch.chdir(folder)
    mpl.use("Agg")
    names: dict[str, Any] = {}
    with pd.option_context("display.float_format", None):
        for code in [codes[0].replace("simulated_client(seed=1)", "smsdata.Client()"), *codes[1:]]:
            exec(code, names)
    plt.close("all")
    names["client"].close()
    names["folder"].cleanup()
    assert names["client"].settings.base_url == f"{url.rstrip('/')}/"
