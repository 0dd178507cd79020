"""Durable callbacks a second, from a load process of its own, beside plain Starlette that writes nothing.

    python benchmarks/callbacks.py

Both servers are uvicorn with httptools, in a process of their own; the load is 64 connections, each with one
request on its way, written after the wire reference.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import selectors
import socket
import sys
import tempfile
import time
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from smsdata.receiver.addresses import Addresses
from smsdata.receiver.application import CallbackApplication
from smsdata.receiver.server import listening_socket, receive_on
from smsdata.store.spool import Spool

CONNECTIONS, SECONDS = 64, 8.0
QUERY = "message_id=339814842&mobile={}&datetime=2026-11-22+09%3A30%3A00&status=delivered&user_id=9"


async def _answer(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("OK")


def plain(listener: socket.socket, _folder: Path) -> None:
    app = Starlette(routes=[Route("/{token}/{kind}", _answer)])
    config = uvicorn.Config(
        app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False
    )
    uvicorn.Server(config).run(sockets=[listener])


def durable(listener: socket.socket, folder: Path) -> None:
    receive_on(listener, CallbackApplication(Addresses(folder)), Spool(folder))


def load(port: int, path: str) -> tuple[float, list[float]]:
    """Fire for some seconds; gives answers a second, and in order how long each took."""
    times: list[float] = []
    with selectors.DefaultSelector() as watched:
        for _ in range(CONNECTIONS):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            watched.register(connection, selectors.EVENT_READ, [0.0, b""])
        number, began = 61491570000, time.perf_counter()
        for key in list(watched.get_map().values()):
            key.data[0] = time.perf_counter()
            key.fileobj.sendall(_request(path, number))  # type: ignore[union-attr]
        while (now := time.perf_counter()) - began < SECONDS:
            for key, _ in watched.select(1):
                key.data[1] += key.fileobj.recv(4096)  # type: ignore[union-attr]
                if not key.data[1].endswith(b"\r\n\r\nOK"):
                    continue
                if not key.data[1].startswith(b"HTTP/1.1 200"):
                    sys.exit("an answer was not 200")
                now = time.perf_counter()
                times.append(now - key.data[0])
                number += 1
                key.data[:] = [now, b""]
                key.fileobj.sendall(_request(path, number))  # type: ignore[union-attr]
        return len(times) / (now - began), sorted(times)


def _request(path: str, number: int) -> bytes:
    return f"GET {path}?{QUERY.format(number)} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def measure(name: str) -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as home:
        folder = Path(home) / "store" / ".smsdata" / "callbacks"
        path = next(iter(Addresses(folder).urls("").values()))
        with listening_socket("127.0.0.1", 0) as listener:
            port = listener.getsockname()[1]
            server = multiprocessing.Process(target=globals()[name], args=(listener, folder))
            server.start()
        try:
            rate, times = load(port, path)
        finally:
            server.terminate()
            server.join(20)
        kept = sum(len(segment.callbacks) for segment in Spool(folder).segments("open", "sealed"))
        middle, late = times[len(times) // 2], times[int(len(times) * 0.99)]
        print(
            f"{name:<8} {rate:8,.0f} a second, median {middle * 1e3:.1f} ms, p99 {late * 1e3:.1f} ms, "
            f"worst {times[-1] * 1e3:.0f} ms; {len(times):,} answered, {kept:,} on disk"
        )


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("--repeats", type=int, default=3)
    print("load average", os.getloadavg())
    for _ in range(asked.parse_args().repeats):
        for name in ("plain", "durable"):
            measure(name)
