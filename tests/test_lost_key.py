"""The key of forgotten numbers is damaged, lost, empty or another: there is a way out, from start to end."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from smsdata import Store
from smsdata.cli import main  # noqa: F401 - registers the commands
from smsdata.cli.app import app
from smsdata.forgetting.read_back import searched
from smsdata.simulator import Gateway, running
from tests.support.sync_world import small_account

Go = Callable[..., Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a gateway, and a store in which one person is forgotten under a key beside it."""
    folder = tmp_path_factory.mktemp("made")
    with running(Gateway(small_account(), limiter=None)) as address:
        go = commands(address, folder)
        assert go("sync", "--since", "60d").exit_code == 0
        (folder / "who").write_text(numbers(folder)[0])
        assert go("forget", numbers(folder)[0], "--apply").exit_code == 0
        yield address, folder


def commands(address: str, folder: Path) -> Go:
    settings = {
        "SMSDATA_API_KEY": "demo", "SMSDATA_API_SECRET": "demo", "SMSDATA_RATE": "5000", "SMSDATA_SHARE": "1",
        "SMSDATA_BASE_URL": address, "SMSDATA_STORE": str(folder / "store"),
        "SMSDATA_FORGET_KEY": str(folder / "forget.key"),
    }  # fmt: skip

    def go(*words: str) -> Any:
        return CliRunner().invoke(app, list(words), env=settings)

    return go


def numbers(folder: Path) -> list[str]:
    """Who was sent most, first."""
    sent = Store(folder / "store").read("messages")["msisdn"].value_counts()
    return [str(one) for one in sent.index if str(one).isdigit()]


@pytest.fixture
def folder(made: tuple[str, Path], tmp_path: Path) -> Path:
    return shutil.copytree(made[1], tmp_path / "here")


@pytest.fixture
def go(made: tuple[str, Path], folder: Path) -> Go:
    return commands(made[0], folder)


def empty(key: Path) -> None:
    key.write_bytes(b"")


def damaged(key: Path) -> None:
    key.write_bytes(key.read_bytes()[:20])


def another(key: Path) -> None:
    key.write_text(secrets.token_hex(32))


def odd_bytes(key: Path) -> None:
    key.write_bytes(bytes(range(128, 192)))


@pytest.mark.parametrize("harm", [empty, damaged, another, odd_bytes, Path.unlink])
def test_a_store_whose_key_is_lost_goes_on(harm: Callable[[Path], object], folder: Path, go: Go) -> None:
    key, who = folder / "forget.key", (folder / "who").read_text()
    harm(key)
    for words in (("sync",), ("forget", who, "--apply"), ("forget", "--key-lost")):
        done = go(*words)
        if words[-1] != "--key-lost":
            assert done.exit_code not in (0, 3), words
            assert "from a backup" in done.stderr
            assert "`smsdata forget --key-lost`" in done.stderr
    assert done.exit_code == 3
    assert "1 person was forgotten in this store under a key that is lost" in done.stdout
    assert "the numbers back of those whom the gateway still has" in done.stdout
    assert "--apply goes on" in done.stdout
    assert go("sync").exit_code not in (0, 3), "nothing was changed yet"

    done = go("forget", "--key-lost", "--apply", "--json")
    assert done.exit_code == 3
    told = json.loads(done.stdout)
    assert (told["people"], told["applied"], bool(told["moved"])) == (
        1,
        True,
        harm in (empty, damaged, odd_bytes),
    )
    assert key.stat().st_mode & 0o777 == 0o600
    assert go("sync", "--since", "60d", "--deep").exit_code in (0, 3)
    assert searched([folder / "store"], [who]).found, "as was said, the person came back"
    assert go("forget", who, "--apply").exit_code == 0
    assert not searched([folder / "store"], [who, "0" + who[2:]]).found
    assert go("sync", "--since", "60d", "--deep").exit_code in (0, 3)
    assert not searched([folder / "store"], [who, "0" + who[2:]]).found
    assert "forgotten in all places" not in go("status").stdout


@pytest.mark.parametrize("harm", [empty, damaged, another, odd_bytes, Path.unlink])
def test_whoever_looks_is_told_of_a_lost_key(harm: Callable[[Path], object], folder: Path, go: Go) -> None:
    looks: list[tuple[str, ...]] = [("status",), ("verify", "--offline")]
    for words in looks:
        assert "when-the-key" not in go(*words).output
    harm(folder / "forget.key")
    page = str(folder / "page.html")
    for words in [*looks, ("verify",), ("report", "--out", page)]:
        done = go(*words)
        assert done.exit_code == 3, words
        assert "docs/forget.md#when-the-key-is-lost" in done.output, words
        assert "`smsdata forget --key-lost`" in done.output, words
    assert "docs/forget.md#when-the-key-is-lost" in (folder / "page.html").read_text()
    assert "docs/forget.md#when-the-key-is-lost" in "".join(json.loads(go("status", "--json").stdout)["look"])
    assert go("forget", "--key-lost", "--apply").exit_code == 3
    for words in looks:
        assert "when-the-key" not in go(*words).output


def test_a_key_that_is_found_again_counts_again(folder: Path, go: Go) -> None:
    key, who = folder / "forget.key", (folder / "who").read_text()
    key.rename(folder / "backup.key")
    assert go("forget", "--key-lost", "--apply").exit_code == 3
    (folder / "backup.key").replace(key)
    assert go("sync", "--since", "60d", "--deep").exit_code in (0, 3)
    assert not searched([folder / "store"], [who]).found
    done = go("forget", "--key-lost", "--apply")
    assert (done.exit_code, "nothing is lost" in done.stderr) == (2, True)


def test_a_key_that_others_may_read_is_not_lost_and_the_advice_works(folder: Path, go: Go) -> None:
    key = folder / "forget.key"
    key.chmod(0o644)
    for words in (("sync",), ("forget", "--key-lost"), ("forget", numbers(folder)[0])):
        done = go(*words)
        assert f"chmod 600 {key}" in done.stderr or words[0] == "forget", done.output
    assert "chmod 600" in go("forget", "--key-lost", "--apply").stderr
    key.chmod(0o600)
    assert go("sync").exit_code in (0, 3)


def test_a_key_that_is_none_before_anybody_is_forgotten_says_what_helps(
    made: tuple[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(made[1] / "store", tmp_path / "store")
    shutil.rmtree(tmp_path / "store" / ".smsdata" / "forgotten")
    go, key = commands(made[0], tmp_path), tmp_path / "forget.key"
    key.write_text("no key")
    key.chmod(0o600)
    who = numbers(tmp_path)[0]
    done = go("forget", who, "--apply")
    assert done.exit_code == 2
    assert "set SMSDATA_FORGET_KEY to another file" in done.stderr
    assert go("forget", "--key-lost", "--apply").exit_code == 0
    assert go("forget", who, "--apply").exit_code == 0


def test_forget_without_a_number_or_with_too_much_says_what_it_takes(folder: Path, go: Go) -> None:
    assert "forget takes a number" in go("forget").stderr
    assert "leave the number out" in go("forget", "61491570156", "--key-lost").stderr
    assert "--also does nothing here" in go("forget", "--key-lost", "--also", str(folder)).stderr
