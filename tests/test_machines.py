"""Machines unlike ours: odd names of folders, no zones, no room, no temporary folder, closed streams."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from smsdata import Store, analysis, hygiene
from smsdata.errors import UsageError
from smsdata.settings import settings
from smsdata.simulator import Account, Gateway, running
from tests.support.other_machines import NO_ZONES, ROOT, in_python, without_zones
from tests.support.sync_world import small_account

World = tuple[Account, Gateway, Store]

# ---- names of folders ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a*b", "a?b", "a[b]c", "[!a]", "a[x", "**", "{a,b}", "a'b", "a\\b", "~a", "%s"]
)
def test_scan_reads_the_store_in_a_folder_of_any_name_and_no_other(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for other in ("axxb", "axb", "abc", "b"):  # which patterns would find too
        shutil.copytree(world[2].path, tmp_path / other)
    world[2].path.rename(name)
    store = Store(Path(name) if name.startswith("~") else tmp_path / name)
    counted = analysis.delivery_rate(store.scan("messages"))["n"].sum()
    assert counted == len(store.read("messages")) > 0


def test_scan_refuses_the_names_that_duckdb_cannot_open(world: World, tmp_path: Path) -> None:
    world[2].path.rename(tmp_path / "a\\*")
    with pytest.raises(UsageError, match="move the store"):
        analysis.delivery_rate(Store(tmp_path / "a\\*").scan("messages"))


def test_tilde_in_a_path_is_a_home(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert settings(store="~/store").store == Store("~/store").path == tmp_path / "store"
    planned = hygiene.plan(Store("~/store"), path="~/mine.parquet")
    assert (tmp_path / "mine.parquet").is_file()
    assert hygiene.load("~/mine.parquet", "~/store").equals(planned)
    (tmp_path / "numbers.csv").write_text("mobile\n61491570156\n61491570157\n")
    assert hygiene.check("~/numbers.csv", "~/store").empty
    assert not (tmp_path / "~").exists()
    monkeypatch.setenv("SMSDATA_STORE", "~nobody-here/store")
    assert settings().store == Path("~nobody-here/store")


def test_tilde_without_a_home_is_one_line(tmp_path: Path) -> None:
    script = "import pwd, runpy\ndef none(uid): raise KeyError\npwd.getpwuid = none\n"
    script += "runpy.run_module('smsdata', run_name='__main__')"
    done = in_python(script, "tables", "--store", "~/store", folder=tmp_path, before=["env", "-u", "HOME"])
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "HOME is not set" in done.stderr


# ---- zones -----------------------------------------------------------------------------------------------

_ON_ITS_OWN = """
import sys
from smsdata import Store, analysis, sync
from smsdata.errors import UsageError
from smsdata.simulator import Gateway
from tests.support.clients import connected
from tests.support.sync_world import small_account
store = Store(sys.argv[1])
sync(connected(Gateway(small_account(), limiter=None)), store, since="100d")
messages, replies = store.scan("messages"), store.scan("replies")
print(len(store.read("messages")), store.verify())
print(len(analysis.delivery_rate(messages, by="day")), len(analysis.classify_replies(replies)) > 0)
print(len(analysis.delivery_rate(store.read("messages", since="2026-10-01"), by="month")) > 0)
try:
    analysis.delivery_rate(messages, by="day", tz="Australia/Sydney")
except UsageError as error:
    print(error)
"""


def test_a_machine_without_zones_syncs_and_counts_in_utc(tmp_path: Path) -> None:
    done = in_python(
        NO_ZONES + _ON_ITS_OWN,
        tmp_path / "store",
        folder=tmp_path,
        before=without_zones(),
        environment={"PYTHONTZPATH": ""},
    )
    assert done.stderr == ""
    first, second, third, last = done.stdout.splitlines()
    assert first.endswith(" []")
    assert int(first.split()[0]) > 0
    assert second.endswith(" True")
    assert third == "True"
    assert "pip install tzdata" in last


def test_a_machine_with_zones_names_what_one_looks_like(world: World) -> None:
    with pytest.raises(UsageError, match="write it like 'Australia/Sydney'"):
        analysis.delivery_rate(world[2].scan("messages"), by="day", tz="Sydney")


# ---- root ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("user", "allowed"), [("0", True), ("1000", False)])
def test_make_lab_starts_for_root_too(tmp_path: Path, user: str, allowed: bool) -> None:
    (tmp_path / "id").write_text(f"#!/bin/sh\necho {user}\n")
    (tmp_path / "id").chmod(0o755)
    made = subprocess.run(
        ["make", "--dry-run", "lab"], cwd=ROOT, text=True, capture_output=True, check=True,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )  # fmt: skip
    (line,) = [line for line in made.stdout.splitlines() if "jupyter lab" in line]
    assert ("--allow-root" in line) == allowed


# ---- streams that nobody reads ---------------------------------------------------------------------------

CREDENTIALS = {"SMSDATA_API_KEY": "demo", "SMSDATA_API_SECRET": "demo"}
_SYNC_WORDS = ["sync", "--store", "store", "--rate", "5000", "--share", "1"]


def _unread_pipe() -> int:
    read, write = os.pipe()
    os.close(read)
    return write


@pytest.mark.parametrize("stderr", ["unread", "full", "closed"])
def test_sync_goes_on_when_nobody_takes_its_words(tmp_path: Path, stderr: str) -> None:
    account = small_account()
    target = _unread_pipe() if stderr == "unread" else os.open("/dev/full", os.O_WRONLY)
    with running(Gateway(account, limiter=None)) as address:
        done = subprocess.run(
            [sys.executable, "-m", "smsdata", *_SYNC_WORDS, "--base-url", address, "--json"],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=target, check=False,
            preexec_fn=(lambda: os.close(2)) if stderr == "closed" else None,
            env=os.environ | {"PYTHONPATH": f"{ROOT}"} | CREDENTIALS,
        )  # fmt: skip
    os.close(target)
    assert done.returncode == 0
    assert json.loads(done.stdout)["tables"]["messages"]["rows"] > 0
    assert len(Store(tmp_path / "store").read("messages")) > 0


@pytest.mark.parametrize("stderr", ["unread", "full", "closed"])
@pytest.mark.parametrize("words", [["--store", "nowhere"], ["--no-such-option"]])
def test_exit_codes_stay_when_nobody_takes_the_words(tmp_path: Path, stderr: str, words: list[str]) -> None:
    target = _unread_pipe() if stderr == "unread" else os.open("/dev/full", os.O_WRONLY)
    done = subprocess.run(
        [sys.executable, "-m", "smsdata", "tables", *words], cwd=tmp_path, check=False,
        stderr=target, preexec_fn=(lambda: os.close(2)) if stderr == "closed" else None,
        env=os.environ | {"PYTHONPATH": f"{ROOT}"},
    )  # fmt: skip
    os.close(target)
    assert done.returncode == 2


def test_closed_streams_are_never_given_to_files_of_the_store(tmp_path: Path) -> None:
    script = """
import os, sys
from smsdata.cli.app import main
sys.argv = ["smsdata", "config"]
try:
    main()
finally:
    handles = [os.readlink(f"/proc/self/fd/{n}") for n in range(3)]
    with open("seen", "w") as seen:
        print(handles, file=seen)
"""
    subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, check=False, preexec_fn=lambda: os.closerange(0, 3),
        env=os.environ | {"PYTHONPATH": f"{ROOT}"},
    )  # fmt: skip
    assert (tmp_path / "seen").read_text() == f"{['/dev/null'] * 3}\n"


@pytest.mark.parametrize("begin", ["sys.stderr = sys.stdout = None", "sys.stderr.close()"])
def test_client_and_sync_need_no_stderr(tmp_path: Path, begin: str) -> None:
    script = f"""
import sys
from smsdata import Store, sync
from smsdata.simulator import Gateway
from tests.support.clients import connected
from tests.support.sync_world import small_account
{begin}
client = connected(Gateway(small_account(), limiter=None))
sync(client, Store("store"))
assert len(client.messages(since="90d")) > 0
open("done", "w").close()
"""
    in_python(script, folder=tmp_path, environment={"SMSDATA_PROGRESS": "1"})
    assert (tmp_path / "done").exists()
    assert len(Store(tmp_path / "store").read("messages")) > 0
