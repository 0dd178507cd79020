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
from smsdata.simulator import Account, Gateway, Outage, running

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SWAPPED = ["02_delivery", "03_bounces", "04_replies", "05_optouts", "06_costs"]


def usual() -> Account:
    """An account like that of the notebooks."""
    return Account(seed=9, recipients=60)


def abroad() -> Account:
    """Another in all: British and American numbers, other lists, two sends, nothing delivered, no reply."""
    quiet: dict[str, Any] = dict.fromkeys(("campaigns", "singles", "inbound", "lists"), 0)
    lost = [Outage("2000-01-01", "2099-01-01", status="soft-bounce")]
    account = Account(5, "2026-07-01T00:00Z", days=20, reply_rate=0.0, link_rate=0.0, outages=lost, **quiet)
    for name, first in (("Läufer Köln", 447700900300), ("East coast", 12025550100)):
        list_id = account.contacts.add_list(name)
        for number in range(first, first + 12):
            account.contacts.add_member(list_id, number)
        account.send_campaign(list_id, f"{name}: doors open at 9 🎉", sender="Brand")
        account.advance(days=2)
    return account


def dying() -> Account:
    """One on whose lists three of ten are dead: what a clean-up would take is more than it may."""
    return Account(4, "2026-05-01T00:00Z", days=60, campaigns=20, recipients=25, singles=3, lists=2, dead=0.3)


def silent() -> Account:
    """One that never sent anything, and that nobody has written to."""
    return Account(1, campaigns=0, singles=0, inbound=0, lists=0, dead=0.0)


Served = tuple[Gateway, str, Path]


@pytest.fixture(scope="module", params=[usual, abroad, dying, silent], ids=lambda make: make.__name__)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An account at a gateway on this machine, and a folder in which it was synced as the notebooks say."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "notebooks").mkdir()
    gateway = Gateway(request.param(), limiter=None)
    with running(gateway) as url:
        with smsdata.Client(key="demo", secret="demo", base_url=url, rate=500, share=1) as client:
            smsdata.sync(client, folder / "data" / "store", since="90d")
            gateway.account.advance(days=6)
            smsdata.sync(client, folder / "data" / "store")
        yield gateway, url, folder / "notebooks"


def cells_of(name: str) -> tuple[str, list[str]]:
    """The first page of words of a notebook, and its cells of code."""
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]
    codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return "".join(cells[0]["source"]), codes


@pytest.mark.parametrize("name", SWAPPED)
def test_notebook_runs_on_an_account_of_ones_own(
    served: Served, name: str, monkeypatch: pytest.MonkeyPatch
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
    before = len(gateway.account.sends), len(gateway.account.contacts.changes)
    names: dict[str, Any] = {}
    try:
        with pd.option_context("display.float_format", None):
            for number, code in enumerate([codes[0], own, *codes[2:]]):
                exec(compile(code, f"{name}, cell {number}", "exec"), names)
    finally:
        plt.close("all")
        names["client"].close()
    assert names["account"] is None
    assert (len(gateway.account.sends), len(gateway.account.contacts.changes)) == before


def test_quickstart_runs_on_an_account_of_ones_own(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize("name", ["01_quickstart", *SWAPPED])
def test_what_is_said_of_the_simulated_account_says_so(name: str) -> None:
    """A sentence with a day of its three months would be untrue of another account."""
    _, *pages = [
        "".join(cell["source"])
        for cell in json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]
        if cell["cell_type"] == "markdown"
    ]
    for part in "\n\n".join(pages).split("\n\n"):
        if re.search(
            r"\d (?:August|September|October|November)|\bNothing stands out|\bEvery interval|\bHere\b", part
        ):
            assert "simulated account" in part.replace("\n", " "), part
