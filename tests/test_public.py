"""The front door: what is promised is there, says what it does, and costs little to open."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import smsdata
from smsdata.gateway.endpoints import ENDPOINTS

ROOT = Path(__file__).parent.parent


def in_a_fresh_process(code: str, **environment: str) -> str:
    """Run Python in a process that has imported nothing yet, and give what it prints."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("ARROW_")}
    return subprocess.check_output(
        [sys.executable, "-c", code], text=True, env=settings | environment
    ).strip()


@pytest.mark.parametrize("name", smsdata.__all__)
def test_public_names_exist_and_are_documented(name: str) -> None:
    assert (getattr(smsdata, name).__doc__ or "").strip()


def test_public_names_are_sorted_and_unknown_ones_refused() -> None:
    assert smsdata.__all__ == sorted(smsdata.__all__)
    unknown = "nothing_of_the_kind"
    with pytest.raises(AttributeError, match=unknown):
        getattr(smsdata, unknown)


def test_dir_offers_the_public_names_and_nothing_else() -> None:
    """What completion shows, also before the lazy wings were loaded."""
    code = "import smsdata; print(sorted(set(dir(smsdata)) ^ set(smsdata.__all__)))"
    assert all(name.startswith("__") for name in json.loads(in_a_fresh_process(code).replace("'", '"')))


ALL_MODULES = """
import importlib, json, pkgutil, smsdata
modules = [module.name for module in pkgutil.walk_packages(smsdata.__path__, "smsdata.")]
modules.remove("smsdata.__main__")  # which would run
for name in {order}:
    importlib.import_module(name)
public = {{name: getattr(smsdata, name) for name in smsdata.__all__}}
print(json.dumps({{name: [type(it).__name__, it.__name__] for name, it in public.items()}}))
"""


@pytest.mark.parametrize("order", ["sorted(modules)", "sorted(modules, reverse=True)"])
def test_public_names_stay_what_they_are_whatever_was_imported(order: str) -> None:
    """A submodule is set as an attribute of its package: none of them may take the place of a public name."""
    alone = json.loads(in_a_fresh_process(ALL_MODULES.format(order="()")))
    assert alone["sync"] == ["function", "sync"]
    assert json.loads(in_a_fresh_process(ALL_MODULES.format(order=order))) == alone


def test_no_public_function_shares_its_name_with_a_module() -> None:
    beside = {path.stem for path in (ROOT / "smsdata").iterdir()}
    functions = {name for name in smsdata.__all__ if callable(getattr(smsdata, name))}
    assert {"sync", "verify", "drain", "explain"} <= functions
    assert functions & beside == set()


def test_import_leaves_the_heavy_libraries_out() -> None:
    code = """
import sys, smsdata
heavy = {'pandas', 'duckdb', 'matplotlib', 'starlette', 'uvicorn', 'typer'}
print(sorted(heavy & set(sys.modules)), [name for name in sys.modules if 'smsdata.simulator' in name])
"""
    assert in_a_fresh_process(code) == "[] []"


SYNC = """
import os, sys
from smsdata.cli import sync
from smsdata.cli.app import run
from smsdata.simulator import Account, Gateway, running
with running(Gateway(Account.bulk(250, recipients=50))) as url:
    code = run(["sync", "--quiet", "--base-url", url, "--rate", "1000000"])
print(code, "pandas" in sys.modules)
from smsdata import Store
print(len(Store(os.environ["SMSDATA_STORE"]).read("messages")))
import pandas, pyarrow
print(pyarrow.array(pandas.Series([1.0, None])).null_count)
"""


def test_a_sync_of_the_command_line_loads_no_pandas_and_leaves_it_to_whoever_wants_a_frame(
    tmp_path: Path,
) -> None:
    given = {
        "SMSDATA_API_KEY": "demo",
        "SMSDATA_API_SECRET": "demo",
        "SMSDATA_STORE": str(tmp_path / "store"),
    }
    assert in_a_fresh_process(SYNC, **given).split("\n") == ["0 False", "250", "1"]


def test_import_changes_the_environment_only_where_pyarrow_is_not_loaded_yet() -> None:
    look = "print(sorted(set(os.environ.items()) ^ before))"
    quiet = f"import os; before = set(os.environ.items()); import {{}}smsdata; {look}"
    assert in_a_fresh_process(quiet.format("pyarrow, ")) == "[]"
    assert in_a_fresh_process(quiet.format("")) == "[('ARROW_DEFAULT_MEMORY_POOL', 'system')]"
    assert in_a_fresh_process(quiet.format(""), ARROW_DEFAULT_MEMORY_POOL="jemalloc") == "[]"


def test_version_is_the_same_wherever_it_stands() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert smsdata.__version__ == project["version"] == importlib.metadata.version("smsdata")


def test_client_has_a_documented_method_for_every_table() -> None:
    for name in ENDPOINTS:
        assert name in (getattr(smsdata.Client, name).__doc__ or "")
