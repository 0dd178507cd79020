"""What every test gets: quick retries, no settings from the machine it runs on, a client in process."""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina

from smsdata import Client, Store
from smsdata.ingest.run import sync
from smsdata.simulator import Account, Gateway
from tests.support.clients import connected
from tests.support.sync_world import small_account


def pytest_configure(config: pytest.Config) -> None:
    """Give each test process a home of its own: budgets of calls and locks of accounts live there."""
    os.environ.setdefault("MPLCONFIGDIR", str(Path.home() / ".cache" / "matplotlib"))
    home = tempfile.TemporaryDirectory(prefix="smsdata-tests-")
    config.add_cleanup(home.cleanup)
    os.environ["HOME"] = home.name


@pytest.fixture(autouse=True)
def _quick_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=8, cap=True):
        yield


@pytest.fixture(autouse=True)
def _no_settings_from_outside(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in [name for name in os.environ if name.startswith("SMSDATA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SMSDATA_PROGRESS", "0")


class _Canaries(logging.Handler):
    """Keeps what names a person or a credential in the logs; the number that an advice has is an example."""

    wanted = re.compile(r"(?<!such as )6149157\d{4}|447700900\d{3}|120255501\d\d|CANARY")

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = f"{record.getMessage()} {record.args!r} {record.exc_info!r}"
        if self.wanted.search(said):
            self.seen.append(
                f"{record.name} {record.levelname}: {self.wanted.sub('...', record.getMessage())}"
            )


@pytest.fixture(autouse=True)
def _no_person_and_no_credential_in_any_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """All of ours is logged at DEBUG in every test, and looked through."""
    if request.node.get_closest_marker("says_canaries"):
        yield
        return
    ours, canaries = logging.getLogger("smsdata"), _Canaries()
    level = ours.level
    ours.addHandler(canaries)
    ours.setLevel(logging.DEBUG)
    yield
    ours.removeHandler(canaries)
    ours.setLevel(level)
    assert canaries.seen == []


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Make clients that talk to a gateway in this process, at any rate."""
    made: list[Client] = []

    def make(gateway: Gateway, **options: Any) -> Client:
        made.append(connected(gateway, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def world(connect: Callable[..., Client], tmp_path: Path) -> tuple[Account, Gateway, Store]:
    """A small account, its gateway and a store that is in step with it."""
    account = small_account()
    gateway = Gateway(account, limiter=None)
    store = Store(tmp_path / "store")
    sync(connect(gateway), store, since="100d")
    return account, gateway, store


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long bytes by their argument: a packed file holds the second in which it was made."""
    return argname if isinstance(val, bytes) and len(val) > 24 else None
