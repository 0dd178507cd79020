"""The gateway on the wire and in process. Owns transports and servers; decides nothing about answers.

Imports the gateway, the courier and the forms of requests.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, cast

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from uvicorn.protocols.http.h11_impl import H11Protocol

from smsdata.simulator.courier import carrying
from smsdata.simulator.gateway import Answer, Gateway
from smsdata.simulator.wire_forms import request_pairs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
SendMessage = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_RESET = "reset"


class _Transport(httpx.BaseTransport):
    """httpx's way to a gateway in the same process."""

    def __init__(self, gateway: Gateway, sleep: Callable[[float], None] | None) -> None:
        self._gateway = gateway
        self._sleep = sleep

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, or fail as a network would."""
        self._wait()
        answer = self._gateway.respond(
            request.method,
            request.url.path,
            request_pairs(request.url.query, request.read(), request.headers.get("content-type", "")),
            request.headers,
        )
        self._wait()
        if answer.action == "truncate":
            raise httpx.RemoteProtocolError("peer closed connection within the body", request=request)
        if answer.action == "reset":
            raise httpx.ReadError("connection reset by peer", request=request)
        if answer.action == "hang":
            raise httpx.ReadTimeout("timed out", request=request)
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)

    def _wait(self) -> None:
        if self._sleep is not None:
            self._sleep(self._gateway.wait())


def transport(gateway: Gateway, *, sleep: Callable[[float], None] | None = None) -> httpx.BaseTransport:
    """A transport for `httpx.Client` that needs no network; truncation, resets and hangs raise at once.

    ``sleep`` is called with each half of the gateway's latency; without it answers take no time.

    Examples
    --------
    >>> from smsdata.simulator import Account
    >>> gateway = Gateway(Account(campaigns=1, singles=0), limiter=None)
    >>> with httpx.Client(transport=transport(gateway), auth=("demo", "demo")) as client:
    ...     client.get("http://localhost/get-balance.json").json()["currency"]
    'AUD'
    """
    return _Transport(gateway, sleep)


def asgi_app(gateway: Gateway) -> Starlette:
    """The gateway as an ASGI application."""

    async def respond(scope: Scope, receive: Receive, send: SendMessage) -> None:
        body = await _body(scope, receive)
        await asyncio.sleep(gateway.wait())
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        pairs = request_pairs(scope["query_string"], body, headers.get("content-type", ""))
        answer = gateway.respond(scope["method"], scope["path"], pairs, headers)
        await asyncio.sleep(gateway.wait())
        await _send_answer(answer, scope, receive, send)

    return Starlette(routes=[Mount("/", app=respond)])


async def _body(scope: Scope, receive: Receive) -> bytes:
    """The form body of a POST."""
    parts, more = [], scope["method"] == "POST"
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _send_answer(answer: Answer, scope: Scope, receive: Receive, send: SendMessage) -> None:
    """Send an answer, or spoil it: a body cut short, a reset, silence until the client leaves."""
    if answer.action == "reset":
        scope["state"][_RESET]()
    if answer.action in ("reset", "hang"):
        while (await receive())["type"] != "http.disconnect":
            continue
        return
    headers = {**answer.headers, "content-length": str(len(answer.body))}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    cut = answer.action == "truncate"
    body = answer.body[: len(answer.body) * 2 // 3] if cut else answer.body
    await send({"type": "http.response.body", "body": body, "more_body": cut})


class _Gathering:
    """A transport that sends what is written in one go; head and body apart cost a third of the speed."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send with everything else that is written before the loop goes on."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(data)

    def _flush(self) -> None:
        self._transport.write(b"".join(self._waiting))
        self._waiting.clear()

    def close(self) -> None:
        """Close once all is sent."""
        self._flush()
        self._transport.close()


class _Protocol(H11Protocol):
    """uvicorn's protocol, which also lets the application reset the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the reset among what every request of this connection carries."""
        super().connection_made(cast(asyncio.Transport, _Gathering(transport, self.loop)))
        self.app_state = self.app_state | {_RESET: self._reset}

    def _reset(self) -> None:
        """Close at once, with a TCP reset."""
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(
            uvicorn.Config(
                asgi_app(gateway), http=_Protocol, ws="none", lifespan="off", log_config=None,
                log_level="critical", access_log=False, date_header=False, server_header=False,
                timeout_graceful_shutdown=1, timeout_keep_alive=60,
            )
        )  # fmt: skip
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self.ready.set()


def listening(port: int = 8025, host: str = "127.0.0.1") -> socket.socket:
    """A listening socket, for `serve`; port 0 takes a free one. Raises OSError when the port is taken."""
    listener = socket.create_server((host, port), backlog=512)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each answer waits 40 ms for an ACK
    listener.setblocking(False)
    return listener


def serve(gateway: Gateway, listener: socket.socket) -> None:
    """Serve on a listening socket until interrupted (KeyboardInterrupt), then close it."""
    with listener, carrying(gateway):
        _Server(gateway).run(sockets=[listener])


@contextmanager
def running(gateway: Gateway, *, port: int = 0) -> Iterator[str]:
    """Serve from a thread on a loopback port (a free one by default); gives the base URL.

    Examples
    --------
    >>> from smsdata.simulator import Account
    >>> gateway = Gateway(Account(campaigns=1, singles=0), limiter=None)
    >>> with running(gateway) as base_url:
    ...     httpx.get(base_url + "get-lists.json", auth=("demo", "demo")).status_code
    200
    """
    with listening(port) as listener, carrying(gateway):
        server = _Server(gateway)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        server.ready.wait(10)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(10)
