"""Completion and signatures in a notebook, as IPython's kernel makes them, with jedi and without."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import smsdata
from smsdata import Client, Store, Stores
from smsdata.gateway.endpoints import ENDPOINTS

ROOT = Path(__file__).parents[1]
PUBLIC = {
    "smsdata.": smsdata.__all__,
    "smsdata.analysis.": smsdata.analysis.__all__,
    "smsdata.plots.": smsdata.plots.__all__,
    "smsdata.hygiene.": smsdata.hygiene.__all__,
    "client.": [name for name in dir(Client) if not name.startswith("_")],
    "store.": [name for name in dir(Store("x")) if not name.startswith("_")],
    "smsdata.ex": ["explain", "export"],
    "smsdata.cert": ["certificate"],
    "store.tab": ["tables"],
    "client.list_": ["list_members"],
}
OFFER = """
import json, sys
import smsdata
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.user_ns.update(
    smsdata=smsdata, store=smsdata.Store("x"),
    client=smsdata.Client(key="demo", secret="demo", base_url="http://127.0.0.1:9/"),
)
offered = {}
for jedi in (True, False):
    shell.Completer.use_jedi = jedi
    for text in json.loads(sys.argv[1]):
        with provisionalcompleter():
            words = [one.text.rpartition(".")[2] for one in shell.Completer.completions(text, len(text))]
        offered[f"{jedi} {text}"] = [word for word in words if not word.startswith("_")]
print(json.dumps(offered))
"""


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What a fresh kernel offers, before anything that is loaded later was used."""
    done = subprocess.run(
        [sys.executable, "-c", OFFER, json.dumps(list(PUBLIC))],
        capture_output=True, text=True, check=True, cwd=tmp_path_factory.mktemp("home"),
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path_factory.mktemp("home"))},
    )  # fmt: skip
    offers: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return offers


@pytest.mark.parametrize("jedi", [True, False])
@pytest.mark.parametrize("text", PUBLIC)
def test_completion_in_a_kernel_offers_public_names_alone(
    offered: dict[str, list[str]], text: str, jedi: bool
) -> None:
    known = set(PUBLIC[text]) | (
        {"calls_of", "clocks", "is_at_another_time", "pool", "settings", "threads", "throttle"}
        if text == "client."
        else set()
    )
    assert set(PUBLIC[text]) <= set(offered[f"{jedi} {text}"])
    assert set(offered[f"{jedi} {text}"]) <= known


@pytest.mark.parametrize("name", ENDPOINTS)
def test_methods_of_client_name_what_they_take(name: str) -> None:
    parameters = inspect.signature(getattr(Client, name)).parameters.values()
    assert all(one.kind is one.KEYWORD_ONLY for one in parameters if one.name != "self")
    assert {one.name for one in parameters} >= {"self"} | {
        {"mobile": "msisdn"}.get(one, one) for one in ENDPOINTS[name].required
    }


def test_reading_many_stores_takes_what_reading_one_takes() -> None:
    one, many = inspect.signature(Store.read), inspect.signature(Stores.read)
    assert list(one.parameters) == list(many.parameters)


@pytest.mark.parametrize("wing", [smsdata.analysis, smsdata.plots])
def test_helpers_and_plots_take_no_unnamed_options(wing: object) -> None:
    for name, function in inspect.getmembers(wing, inspect.isfunction):
        if name in getattr(wing, "__all__", ()):
            kinds = {one.kind for one in inspect.signature(function).parameters.values()}
            assert inspect.Parameter.VAR_KEYWORD not in kinds, name
