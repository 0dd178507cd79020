"""smsdata simulate: what it says before it serves, and the sizes of its accounts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from smsdata.cli.app import app
from smsdata.simulator import SIZES, Account, account_of_size


def test_simulate_says_at_once_that_a_port_is_taken() -> None:
    """One line and exit 2, before an account is made and before it says where it is."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = CliRunner().invoke(app, ["simulate", "--size", "200k", "--port", port])
    assert done.exit_code == 2
    assert f"port {port} cannot be used (Address already in use); choose another" in done.stderr
    assert "is at" not in done.stderr


@pytest.mark.parametrize("size", ["", "large", "200K"])
def test_simulate_knows_three_sizes(size: str) -> None:
    """Any other is wrong usage, and names those there are."""
    done = CliRunner().invoke(app, ["simulate", "--size", size])
    assert done.exit_code == 2
    assert ("small, month, 200k" if size else "--size is empty") in done.stderr
    with pytest.raises(ValueError, match="small, month, 200k"):
        account_of_size(size)


def test_simulate_tells_its_port_and_its_rate_and_serves() -> None:
    """A free port is told as it is; three calls in a second meet 429, as was said."""
    process = subprocess.Popen(
        [sys.executable, "-m", "smsdata", "simulate", "--port", "0"],
        stderr=subprocess.PIPE, text=True, env=os.environ | {"SMSDATA_RATE": "0.01"},
    )  # fmt: skip
    assert process.stderr is not None
    said = [process.stderr.readline() for _ in range(5)]
    base_url = next(word for word in said[0].split() if word.startswith("http://"))
    assert not base_url.endswith(":0/")
    assert "takes 0.01 calls a second" in said[3]
    assert "HTTP 429 (OVER_LIMIT)" in said[3]
    assert said[4].startswith("Its clock stands still at 2026-11-22 00:00 UTC")
    transport = httpx.HTTPTransport(retries=8)
    with httpx.Client(base_url=base_url, auth=("demo", "demo"), transport=transport) as http:
        statuses = [http.get("get-balance.xml").status_code for _ in range(2)]
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert statuses == [200, 429]
    assert "Traceback" not in rest


def test_simulate_serves_the_world_of_a_file(tmp_path: Path) -> None:
    """Its clock is an hour ahead, it is no reseller, and it writes lists as objects."""
    file = tmp_path / "world.toml"
    file.write_text("[gateway]\ndate_offset = 3600\nreseller = false\n[faults]\nobject_list = 1.0\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "smsdata", "simulate", "--port", "0", "--parameters", str(file)],
        stderr=subprocess.PIPE, text=True, env=os.environ | {"SMSDATA_RATE": "100"},
    )  # fmt: skip
    assert process.stderr is not None
    first = process.stderr.readline()
    base_url = next(word for word in first.split() if word.startswith("http://"))
    transport = httpx.HTTPTransport(retries=8)
    with httpx.Client(base_url=base_url, auth=("demo", "demo"), transport=transport) as http:
        lists, clients = http.get("get-lists.json"), http.get("get-clients.json")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert lists.headers["date"].startswith("Sun, 22 Nov 2026 01:00:")
    assert set(lists.json()["lists"]) == {"0", "2", "4", "6", "8", "10"}
    assert clients.json()["error"]["code"] == "NO_ACCESS"


def test_account_of_size_is_what_it_says() -> None:
    """So many messages; small is the account that a seed has always been; credit is left to send with."""
    small, month = account_of_size("small", 3), account_of_size("month")
    assert small.truth("messages") == Account(3).truth("messages")
    assert 1_500 < small.recipients.size < 3_000
    assert 14_000 < month.recipients.size < 20_000
    assert not account_of_size("small", goo=False).contacts.goo
    large = account_of_size("200k")
    assert (large.recipients.size, len(large.sends), large.contacts.goo) == (200_000, 40, False)
    assert all(account.state.credit > account.state.sent.spent for account in (small, month, large))
    assert SIZES == ("small", "month", "200k")
