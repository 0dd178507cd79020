"""What every test gets: no waiting between retries, no settings from the machine it runs on, a client in process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
import stamina

from smsdata import Client
from smsdata.simulator import Gateway, transport


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


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Make clients that talk to a gateway in this process, at any rate."""
    made: list[Client] = []

    def make(gateway: Gateway, **options: object) -> Client:
        defaults = {"key": "demo", "secret": "demo", "base_url": "http://127.0.0.1:8025/"}
        made.append(Client(**defaults | {"rate": 1e6, "share": 1, "transport": transport(gateway)} | options))
        return made[-1]

    yield make
    for client in made:
        client.close()
