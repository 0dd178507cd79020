"""What --json prints is what docs/json.md says, no less and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from smsdata.cli.app import app
from smsdata.simulator import Account, Gateway, running
from tests.support.schemas import documented_schemas, misfits


def said(address: str, store: Path, *words: str, **settings: str) -> tuple[int, Any]:
    """Exit code and object of a command against a gateway."""
    environment = {
        "SMSDATA_API_KEY": "demo", "SMSDATA_API_SECRET": "demo", "SMSDATA_BASE_URL": address,
        "SMSDATA_RATE": "5000", "SMSDATA_SHARE": "1", "SMSDATA_STORE": str(store),
    }  # fmt: skip
    done = CliRunner().invoke(app, [*words, "--json"], env=environment | settings)
    return done.exit_code, json.loads(done.stdout)


def test_sync_prints_what_its_schema_says(tmp_path: Path) -> None:
    """A first run, one of nothing new, one that fails in part, and one with odd rows and values."""
    account = Account(seed=4, campaigns=3, recipients=12, singles=2, inbound=3, lists=2, days=20)
    gateway = Gateway(account, limiter=None)
    with running(gateway) as address:
        runs = [said(address, tmp_path / "store", "sync") for _ in range(2)]
        gateway.spoil("get-lists", {}, {"id": "none"})
        runs.append(said(address, tmp_path / "store", "sync"))
    odd = Gateway(account, limiter=None)
    odd.spoil("get-user-sms-sent", {"id": account.truth("messages")[0]["id"]}, {"sent_at": "soon"})
    odd.spoil("get-user-sms-responses", {}, {"list_id": "none", "new_key": 1})
    with running(odd) as address:
        runs.append(said(address, tmp_path / "other", "sync"))
    assert [code for code, _ in runs] == [0, 0, 3, 3]
    for code, told in runs:
        assert misfits("smsdata sync", told) == []
        assert (told["exit_code"], bool(told["look"])) == (code, code == 3)
    assert runs[0][1]["tables"]["messages"]["new"] == len(account.truth("messages"))


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [(["sync"], 1, "AUTH_FAILED"), (["sync", "--since", "30"], 2, "USAGE"), (["status"], 2, "USAGE")],
)
def test_an_error_is_what_its_schema_says(tmp_path: Path, words: list[str], code: int, error: str) -> None:
    with running(Gateway(Account(seed=4, campaigns=1, days=5), limiter=None)) as address:
        exit_code, told = said(address, tmp_path / "store", *words, SMSDATA_API_SECRET="wrong")
    assert misfits("An error", told) == []
    assert (exit_code, told["error"]["code"]) == (code, error)


@pytest.mark.parametrize("title", documented_schemas())
def test_schemas_take_nothing_else(title: str) -> None:
    assert misfits(title, {"surprise": 1})
    assert misfits(title, {})
