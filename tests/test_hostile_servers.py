"""Servers that never end, unpack to gigabytes, echo secrets: an error in time and in little memory."""

from __future__ import annotations

import base64
import gzip
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any

import pytest

from smsdata import ApiError, Client
from smsdata.gateway import wire

KEY, SECRET = "demo-key", "s3cr3t-of-the-account"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GOOD = b'{"balance": "1.00", "currency": "AUD", "error": {"code": "SUCCESS", "description": "OK"}}'

Talk = Callable[[socket.socket], None]


def _hear(connection: socket.socket, talk: Talk) -> None:
    """Take heads of requests and talk after each, until the other side goes."""
    with suppress(OSError):
        while True:
            head = b""
            while b"\r\n\r\n" not in head:
                more = connection.recv(65536)
                if not more:
                    return
                head += more
            talk(connection)


def _accept(listener: socket.socket, hear: Talk, open_ones: list[socket.socket]) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            open_ones.append(connection)
            threading.Thread(target=hear, args=(connection,), daemon=True).start()


@contextmanager
def serving(talk: Talk, *, heads: bool = True) -> Iterator[str]:
    """A server that takes a request's head (or not even that) and talks as it likes; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_ones = [listener]
    hear = (lambda connection: _hear(connection, talk)) if heads else talk
    threading.Thread(target=_accept, args=(listener, hear, open_ones), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        for each in open_ones:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def client_of(url: str) -> Client:
    return Client(key=KEY, secret=SECRET, base_url=url, rate=1e6, share=1.0)


def answer(body: bytes, headers: bytes = b"") -> bytes:
    return HEAD + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body


# ---- no end ----------------------------------------------------------------------------------------


def drips_a_header(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"X-Long: ")
    while True:
        connection.sendall(b"a")
        time.sleep(0.02)


def hints_for_ever(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        time.sleep(0.001)


def drips_a_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"1\r\n \r\n")
        time.sleep(0.02)


def packs_nothing(connection: socket.socket) -> None:
    packed = gzip.compress(b"")[:10] + b"\x00\x00\x00\xff\xff"
    connection.sendall(HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"%x\r\n" % len(packed) + packed + b"\r\n")
        packed = b"\x00\x00\x00\xff\xff"
        time.sleep(0.001)


def says_nothing(connection: socket.socket) -> None:
    time.sleep(60)


@pytest.mark.parametrize("talk", [drips_a_header, hints_for_ever, drips_a_body, packs_nothing, says_nothing])
def test_call_that_never_ends_is_over_at_its_deadline(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LONGEST_CALL", 0.3)
    began = time.monotonic()
    with serving(talk) as url, client_of(url) as client, pytest.raises(ApiError) as raised:
        client.call("get-balance")
    assert raised.value.code in {"TIMEOUT", "NETWORK"}  # the deadline, or the head grew past what h11 takes
    assert url in str(raised.value)
    assert time.monotonic() - began < 8 * 0.3 + 3


def drips_a_handshake(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.sendall(b"\x16\x03\x03\x40\x00")
        while True:
            connection.sendall(b"\x02")
            time.sleep(0.05)


def test_handshake_that_never_ends_is_over_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LONGEST_CALL", 0.4)
    began = time.monotonic()
    with (
        serving(drips_a_handshake, heads=False) as url,
        client_of(url.replace("http", "https")) as client,
        pytest.raises(ApiError),
    ):
        client.call("get-balance")
    assert time.monotonic() - began < 8 * 0.4 + 3


@pytest.mark.parametrize("talk", [says_nothing, drips_a_header])
def test_interrupt_ends_a_run_within_a_second(talk: Talk, tmp_path: Any) -> None:
    called = threading.Event()

    def talk_and_tell(connection: socket.socket) -> None:
        called.set()
        talk(connection)

    with serving(talk_and_tell) as url:
        environment = os.environ | {
            "SMSDATA_API_KEY": KEY, "SMSDATA_API_SECRET": SECRET, "SMSDATA_BASE_URL": url,
            "SMSDATA_STORE": str(tmp_path / "store"), "SMSDATA_RATE": "1000000",
        }  # fmt: skip
        with subprocess.Popen(
            [sys.executable, "-m", "smsdata", "sync"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a test run may ignore it
        ) as run:
            assert called.wait(60)
            time.sleep(0.5)
            assert run.poll() is None
            run.send_signal(signal.SIGINT)
            began = time.monotonic()
            _, said = run.communicate(timeout=20)
            assert time.monotonic() - began < 1.5
    assert run.returncode == 130
    assert "Traceback" not in said


# ---- no explosion ----------------------------------------------------------------------------------


def _spaces(count: int) -> bytes:
    machine = zlib.compressobj(6, zlib.DEFLATED, 31)
    return b"".join([*(machine.compress(b" " * 2**20) for _ in range(count)), machine.flush()])


BOMBS = {
    "gzip": answer(_spaces(400), b"Content-Encoding: gzip\r\n"),
    "gzip in gzip": answer(gzip.compress(_spaces(400)), b"Content-Encoding: gzip, gzip\r\n"),
    "objects": answer(b'{"error":{"code":"SUCCESS"},"balance":[' + b"{}," * 20_000_000 + b"{}]}"),
    "packed objects": answer(
        gzip.compress(b'{"error":{"code":"SUCCESS"},"balance":[' + b"{}," * 2_000_000 + b"{}]}"),
        b"Content-Encoding: gzip\r\n",
    ),
    "depth": answer(b"[" * 5_000_000),
    "unknown packing": answer(b"abc", b"Content-Encoding: br\r\n"),
    "broken off": answer(gzip.compress(GOOD)[:-9], b"Content-Encoding: gzip\r\n"),
    "appended": answer(gzip.compress(GOOD) + gzip.compress(GOOD), b"Content-Encoding: gzip\r\n"),
}

_IN_LITTLE = """
import sys
import stamina
from smsdata import ApiError, Client
stamina.set_testing(True, attempts=2, cap=True)
with Client(key="demo", secret="demo", base_url=sys.argv[1], rate=1e6, share=1.0) as client:
    try:
        client.call("get-balance")
    except ApiError as error:
        print(error.code)
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    print(int(status["VmHWM"].split()[0]) // 1024)  # of this process alone: getrusage has its parent's too
"""


@pytest.mark.parametrize("bomb", BOMBS)
def test_answer_that_explodes_is_an_error_in_little_memory(bomb: str) -> None:
    with serving(lambda connection: connection.sendall(BOMBS[bomb])) as url:
        done = subprocess.run(
            [sys.executable, "-c", _IN_LITTLE, url], capture_output=True, text=True, timeout=60, check=True
        )
    code, peak = done.stdout.split()
    assert code in {"FORMAT", "NETWORK"}
    assert int(peak) < 300


def test_packed_answer_is_read() -> None:
    packed = answer(gzip.compress(GOOD), b"Content-Encoding: gzip\r\n")
    with serving(lambda connection: connection.sendall(packed)) as url, client_of(url) as client:
        assert client.call("get-balance")["balance"] == "1.00"


# ---- no secret -------------------------------------------------------------------------------------


def test_cookies_are_not_sent_back() -> None:
    heads: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        with suppress(OSError):
            while True:
                heads.append(connection.recv(65536))
                connection.sendall(answer(GOOD, b"Set-Cookie: session=1; Path=/\r\n"))

    with serving(talk, heads=False) as url, client_of(url) as client:
        client.call("get-balance")
        client.call("get-balance")
    sent = [head for head in heads if head]
    assert len(sent) == 2
    assert not any(b"cookie" in head.lower() for head in sent)


PAIR = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()


@pytest.mark.parametrize("echo", [SECRET, KEY, PAIR])
def test_what_a_gateway_echoes_reaches_no_error(echo: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    body = json.dumps(
        {"error": {"code": "FIELD_INVALID", "description": f"header was {echo} there"}}
    ).encode()
    said = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with (
        serving(lambda connection: connection.sendall(said)) as url,
        client_of(url) as client,
        pytest.raises(ApiError) as raised,
    ):
        client.call("get-balance")
    shown = "".join(traceback.format_exception(raised.value)) + caplog.text
    assert echo not in shown


def test_secret_shows_nowhere(tmp_path: Any) -> None:
    with client_of("http://127.0.0.1:9/") as client:
        chosen = client.settings
        for shown in (
            repr(chosen),
            str(asdict(chosen)),
            f"{chosen.secret}",
            repr(chosen.secret),
            str(vars(chosen)),
        ):
            assert SECRET not in shown
        with pytest.raises(TypeError, match="SMSDATA_API_SECRET"):
            pickle.dumps(chosen)


# ---- a fork ----------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_client_used_before_a_fork_opens_connections_of_its_own() -> None:
    peers: list[int] = []

    def talk(connection: socket.socket) -> None:
        peers.append(connection.getpeername()[1])
        connection.sendall(answer(GOOD))

    with serving(talk) as url, client_of(url) as client:
        client.call("get-balance")
        child = os.fork()
        if child == 0:
            try:
                client.call("get-balance")
                os._exit(0)
            except BaseException:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        client.call("get-balance")
    assert status == 0
    assert peers[1] != peers[0], "the child has its own"
    assert peers[2] == peers[0], "the parent's is still good"


@pytest.mark.parametrize("echo", [SECRET, PAIR])
def test_what_a_gateway_echoes_reaches_no_row(echo: str) -> None:
    rows = [{"id": 1, "name": f"list {echo}", "odd": {"deep": [echo]}, "members_active": 0}]
    body = json.dumps(
        {
            "lists": rows, "lists_total": 1, "page": {"number": 1, "count": 1},
            "error": {"code": "SUCCESS", "description": "OK"},
        }
    ).encode()  # fmt: skip
    with serving(lambda connection: connection.sendall(answer(body))) as url, client_of(url) as client:
        frame = client.lists()
    assert len(frame) == 1
    assert echo not in frame.to_csv()


@pytest.mark.parametrize(
    "odd",
    [
        {"odd": {"deep": [{"API-Secret": "w0rd", "note": "kept"}]}, "apiKey": "w0rd"},
        {"odd": {"deep": [{"api.key": "w0rd", "note": "kept"}]}},
        {"Api Key": "w0rd", "note": "kept"},
        {"\u0061pikey": "w0rd", "note": "kept {"},
    ],
)
def test_keys_that_name_a_secret_reach_no_row_however_deep(odd: dict[str, Any]) -> None:
    rows = [{"id": 1, "name": "a list"} | odd]
    body = json.dumps(
        {
            "lists": rows, "lists_total": 1, "page": {"number": 1, "count": 1},
            "error": {"code": "SUCCESS", "description": "OK"},
        }
    ).encode()  # fmt: skip
    with serving(lambda connection: connection.sendall(answer(body))) as url, client_of(url) as client:
        shown = client.lists().to_csv()
    assert "w0rd" not in shown
    assert "kept" in shown
