"""sync --heartbeat: a sign of life after a good run, and nothing that it can spoil."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from smsdata import Store, UsageError
from smsdata.cli.app import app
from smsdata.cli.heartbeat import Heartbeat
from smsdata.settings import settings
from smsdata.simulator import Account, Gateway, running
from tests.test_canaries import all_logged

Run = Callable[..., Result]


class Monitor:
    """A monitor on this machine that notes who called."""

    def __init__(self, status: int = 200) -> None:
        self.calls: list[str] = []
        monitor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                monitor.calls.append(self.path)
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/ping/CANARY?x=1"


@contextmanager
def monitoring(status: int = 200) -> Iterator[Monitor]:
    monitor = Monitor(status)
    thread = threading.Thread(target=monitor.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield monitor
    finally:
        monitor.server.shutdown()
        monitor.server.server_close()
        thread.join(10)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(Account(seed=4, campaigns=2, recipients=8, singles=1, lists=1, days=9), limiter=None)


@pytest.fixture
def run(gateway: Gateway, tmp_path: Path) -> Iterator[Run]:
    with running(gateway) as address:

        def go(*words: str, **environment: str) -> Result:
            given = {
                "SMSDATA_API_KEY": "demo", "SMSDATA_API_SECRET": "demo", "SMSDATA_BASE_URL": address,
                "SMSDATA_RATE": "5000", "SMSDATA_SHARE": "1", "SMSDATA_STORE": str(tmp_path / "store"),
            }  # fmt: skip
            return CliRunner().invoke(app, ["sync", *words], env=given | environment)

        yield go


def test_heartbeat_touches_a_file_after_a_run_of_exit_0_alone(
    run: Run, gateway: Gateway, tmp_path: Path
) -> None:
    sign = tmp_path / "alive"
    assert run("--heartbeat", str(sign), SMSDATA_API_SECRET="wrong").exit_code == 1
    assert run("--heartbeat", str(sign), "--since", "30").exit_code == 2
    assert not sign.exists()
    assert run("--heartbeat", str(sign), "--quiet").exit_code == 0
    assert sign.exists()
    os.utime(sign, (1, 1))
    gateway.spoil("get-lists", {}, {"id": "none"})
    assert run("--heartbeat", str(sign)).exit_code == 3
    with Store(tmp_path / "store").writing():
        assert run("--heartbeat", str(sign), "--wait", "0").exit_code == 4
    assert sign.stat().st_mtime == 1
    assert run("--heartbeat", str(sign), "--heartbeat-on", "0,3").exit_code == 3
    assert sign.stat().st_mtime > 1


def test_heartbeat_calls_an_address_once_and_follows_nobody(run: Run) -> None:
    with monitoring() as monitor:
        done = run("--heartbeat", monitor.address)
        assert run("--heartbeat", monitor.address, SMSDATA_API_SECRET="wrong").exit_code == 1
    assert (done.exit_code, monitor.calls) == (0, ["/ping/CANARY?x=1"])
    with monitoring(302) as monitor:
        done = run("--heartbeat", monitor.address, "--quiet")
    assert (done.exit_code, len(monitor.calls)) == (0, 1)
    assert done.stderr == "smsdata: the heartbeat to 127.0.0.1 failed: it answered HTTP 302.\n"


def test_heartbeat_that_fails_is_a_line_and_changes_no_exit_code(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    done = run("--heartbeat", f"http://127.0.0.1:{port}/CANARY")
    assert done.exit_code == 0
    assert "the heartbeat to 127.0.0.1 failed: no connection (ConnectError)." in done.stderr
    assert "CANARY" not in done.output
    folder = tmp_path / "made"
    folder.mkdir()
    heartbeat = Heartbeat.of(str(folder / "alive"))
    folder.rmdir()
    assert "failed: no such file or directory." in heartbeat.beat(0, settings())


def test_heartbeat_waits_no_longer_than_its_deadline() -> None:
    """Whoever takes the call and never answers, or answers byte by byte, is left alone."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        heartbeat = Heartbeat.of(f"http://127.0.0.1:{silent.getsockname()[1]}/x")
        assert "no answer within 0.05 s" in heartbeat.beat(0, settings(), deadline=0.05)


def test_heartbeat_shows_its_address_in_no_log() -> None:
    with all_logged() as lines, monitoring(500) as monitor:
        told = Heartbeat.of(monitor.address).beat(0, settings())
    assert "HTTP 500" in told
    assert [line for line in lines if "CANARY" in line] == []
    assert lines  # else it would prove nothing


@pytest.mark.parametrize(
    "target",
    ["ftp://monitor.example/x", "http://", "https:///x", "http://user:CANARY@monitor.example/", "file:///etc/x",
     "http://monitor.example:99999/", "https://monitor example/", "http:/monitor.example/x", "", " ",
     "no/such/folder/x", ".", "a" * 5000, "/dev/null", "https://[::1/x", "HTTPS://monitor.example\n/x"],
)  # fmt: skip
def test_heartbeat_refuses_what_can_be_no_sign(target: str) -> None:
    with pytest.raises(UsageError) as caught:
        Heartbeat.of(target)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("codes", ["", "1", "0,1", "2", "5", "x", "0;3", "130"])
def test_heartbeat_on_takes_only_codes_that_can_count(codes: str) -> None:
    with pytest.raises(UsageError, match="exit codes out of 0, 3, 4"):
        Heartbeat.of("alive", codes)


def test_heartbeat_is_refused_before_anything_is_read(run: Run, gateway: Gateway) -> None:
    assert run("--heartbeat", "ftp://x/y").exit_code == 2
    assert run("--heartbeat-on", "0,3").exit_code == 2
    assert gateway.calls == []
