"""The recipes of docs/callbacks.md for a service and for proxies, each taken by its own tool."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from smsdata.schema.callbacks import parameters
from tests.support.callers import dlr, fire, query
from tests.support.receivers import Served, served

PAGE = (Path(__file__).parent.parent / "docs" / "callbacks.md").read_text()
AT = "2026-11-22 09:30:00"
LONG = "x" * 40_000
"""A parameter that makes the query nearly as long as the receiver takes it."""


def recipe(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def required(tool: str) -> str:
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not installed here")
    return path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def of_caddy(folder: Path, port: int, receiver: str) -> list[str]:
    """Write its file, with an address of this machine in place of the one that needs a certificate."""
    text = recipe("caddy").replace("sms.example.org", f"http://127.0.0.1:{port}")
    text = text.replace("127.0.0.1:8026", receiver).replace("{\n", "{\n    admin off\n", 1)
    (folder / "Caddyfile").write_text(text)
    return [required("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


def of_nginx(folder: Path, port: int, receiver: str) -> list[str]:
    """Write its file: the recipe within a server, and logs that would hold what is not switched off."""
    inner = recipe("nginx").replace("127.0.0.1:8026", receiver)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    own = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    text = f"""
        daemon off; master_process off; pid {folder}/pid; error_log stderr info;
        events {{}}
        http {{
            access_log {folder}/access.log;
            {own}
            server {{ listen 127.0.0.1:{port};
            {inner} }}
        }}
    """
    (folder / "nginx.conf").write_text(text)
    return [required("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]


PROXIES = {"caddy": of_caddy, "nginx": of_nginx}


@contextmanager
def proxied(
    name: str, folder: Path, receiver: Served, change: Callable[[str], str] = str
) -> Iterator[tuple[str, Callable[[], str]]]:
    """A proxy before a receiver: its address, and what it has logged so far, the log of accesses included."""
    folder.mkdir()
    port = free_port()
    command = PROXIES[name](folder, port, urlsplit(receiver.base).netloc)
    settings = Path(command[-1])
    settings.write_text(change(settings.read_text()))
    log = folder / "said.log"
    with log.open("wb") as output:
        home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        process = subprocess.Popen(command, stdout=output, stderr=output, env=home)
        try:
            _wait_for(port, process, log)
            yield (
                f"http://127.0.0.1:{port}/callbacks",
                lambda: "".join(file.read_text(errors="replace") for file in folder.glob("*.log")),
            )
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the proxy does not listen: {log.read_text()}")


def posted(url: str, body: bytes) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", parts.path, body, kind)
    status = connection.getresponse().status
    connection.close()
    return status


def logged(name: str, folder: Path, change: Callable[[str], str] = str) -> tuple[str, str]:
    """What a proxy has logged once callbacks came and the receiver was down, and the receiver's token."""
    with ExitStack() as until_it_is_down:
        receiver = until_it_is_down.enter_context(served(folder / "store" / ".smsdata" / "callbacks"))
        token = receiver.addresses.token()
        with proxied(name, folder / "proxy", receiver, change) as (base, said):
            url = receiver.addresses.urls(base)["dlr"]
            assert fire(url, dlr(7, 61491570156, AT, note=LONG)) == 200
            assert posted(url, query(dlr(8, 61491570157, AT, note=LONG)).encode()) == 200
            kept = [dict(parameters(f"{one.query}{one.body}")) for one in receiver.kept()]
            assert [(one["message_id"], one["note"]) for one in kept] == [("7", LONG), ("8", LONG)]
            until_it_is_down.close()
            assert fire(url, dlr(9, 61491570158, AT)) == 502
            return said(), token


@pytest.mark.parametrize("name", PROXIES)
def test_callbacks_come_through_a_proxy_whose_logs_hold_no_token(name: str, tmp_path: Path) -> None:
    said, token = logged(name, tmp_path)
    assert token not in said
    assert "6149157" not in said


@pytest.mark.parametrize(
    ("name", "line"),
    [("caddy", "exclude http.log.error http.log.access"), ("nginx", "error_log /dev/null crit;")],
)
def test_without_that_line_the_log_of_errors_would_hold_it(name: str, line: str, tmp_path: Path) -> None:
    """The check above can fail, and the line is needed."""
    said, token = logged(name, tmp_path, lambda text: text.replace(line, ""))
    assert token in said


def test_unit_of_the_receiver_is_taken_by_systemd_itself(tmp_path: Path) -> None:
    tool = required("systemd-analyze")
    unit = tmp_path / "smsdata-listen.service"
    unit.write_text(recipe("ini").replace("/srv/sms/.venv/bin/smsdata", required("true")))
    done = subprocess.run([tool, "verify", unit], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("Restart=always", "Restart=sometimes"))
    done = subprocess.run([tool, "verify", unit], capture_output=True, text=True, timeout=60, check=False)
    assert "sometimes" in done.stderr
