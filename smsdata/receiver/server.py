"""The server: uvicorn with limits of what a connection may send and how long it may take.

Imports `application`, `group_commit`, `addresses`, `store.forgotten`, `store.spool`, `errors` and, where
somebody is forgotten, `analysis`.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from smsdata.errors import UsageError
from smsdata.receiver.application import MOST_LINE, CallbackApplication
from smsdata.receiver.group_commit import GroupCommit
from smsdata.store.forgotten import ForgottenPeople
from smsdata.store.spool import Spool

PORT = 8026
MOST_CONNECTIONS = 2000
_MOST_HEAD = MOST_LINE + 32 * 1024
_SECONDS_FOR_HEAD = 20.0
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")


class _LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol; whoever sends an endless head, or one that never ends, is cut off."""

    _head = 0
    _in_first_line = True
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to count."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(_SECONDS_FOR_HEAD, self._cut_off)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, as long as the head they belong to is no longer than allowed.

        Bytes beyond ASCII in the first line are escaped, as whoever sends them should have done.
        """
        if first := self._in_first_line:
            line, end, rest = data.partition(b"\n")
            data = _BEYOND_ASCII.sub(lambda byte: b"%%%02X" % ord(byte[0]), line) + end + rest
        self._head += len(data)
        super().data_received(data)
        if first and not end:
            self._in_first_line = True
        if self._head > _MOST_HEAD:
            self._cut_off()

    def on_message_begin(self) -> None:
        """Begin to time another head."""
        self._in_first_line = False
        self._stop()
        self._timer = self.loop.call_later(_SECONDS_FOR_HEAD, self._cut_off)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._stop()
        self._head = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """What belongs to a body is limited by whoever reads it."""
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The next byte begins another head."""
        self._head = 0
        self._in_first_line = True
        super().on_message_complete()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cut_off(self) -> None:
        self._stop()
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()


class _CallbackServer(uvicorn.Server):
    """uvicorn's server around one spool."""

    def __init__(
        self,
        application: CallbackApplication,
        spool: Spool,
        commit: Callable[[Spool], GroupCommit] = GroupCommit,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                application.asgi(), http=_LimitedProtocol, ws="none", lifespan="off", log_config=None,
                log_level="critical", access_log=False, date_header=False, server_header=False,
                proxy_headers=False, timeout_graceful_shutdown=5, timeout_keep_alive=75,
                limit_concurrency=MOST_CONNECTIONS, backlog=1024,
            )
        )  # fmt: skip
        self._application = application
        self._spool = spool
        self._commit = commit
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, with the thread that writes."""
        self._application.people = ForgottenPeople(
            self._spool.folder.parent, self._spool.disk, _what_a_reply_leaves
        )
        self._application.commit = commit = self._commit(self._spool)
        await commit.is_durable()  # so that the first question after it finds an answer
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was begun, then end the thread that writes."""
        await super().shutdown(sockets)
        if self._application.commit is not None:
            await asyncio.to_thread(self._application.commit.close)


def _what_a_reply_leaves(text: str, answered: str) -> str:
    from smsdata.analysis.reply_words import left_of_reply  # heavy, and needed for those few alone

    return left_of_reply(text, answered)


_NO_ADDRESS = {errno.EADDRNOTAVAIL, socket.EAI_NONAME, socket.EAI_FAIL, socket.EAI_AGAIN}


def listening_socket(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises
    ------
    UsageError
        When the port is taken, or the host is none of this machine.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"port {port} cannot be used (ports end at 65535); choose another with --port.")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except UnicodeError:
        raise UsageError(f"{host} is no address of this machine; choose another with --host.") from None
    except OSError as error:
        reason = error.strerror or error
        if error.errno in _NO_ADDRESS:
            raise UsageError(
                f"{host} is no address of this machine ({reason}); choose another with --host."
            ) from None
        raise UsageError(
            f"port {port} of {host} cannot be used ({reason}); choose another with --port."
        ) from None
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    return listener


def is_public(host: str) -> bool:
    """Whether others than this machine can reach a host that is listened on."""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def receive_callbacks(
    application: CallbackApplication,
    spool: Spool,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    on_ready: Callable[[str], None] = lambda _base: None,
) -> None:
    """Receive until interrupted.

    Raises
    ------
    UsageError, LockedError, StoreError
        The port is taken, another process receives for this store, or its folder cannot be written.
    """
    with listening_socket(host, port) as listener, spool.receiving(f"process {os.getpid()}"):
        shown = f"[{host}]" if ":" in host else host
        on_ready(f"http://{shown}:{listener.getsockname()[1]}")
        _CallbackServer(application, spool).run(sockets=[listener])


def receive_on(
    listener: socket.socket,
    application: CallbackApplication,
    spool: Spool,
    commit: Callable[[Spool], GroupCommit] = GroupCommit,
) -> None:
    """Receive on a socket that listens already, until interrupted; `commit` is for tests."""
    with spool.receiving(f"process {os.getpid()}"):
        _CallbackServer(application, spool, commit).run(sockets=[listener])


@contextmanager
def receiving_in_thread(
    application: CallbackApplication, spool: Spool, commit: Callable[[Spool], GroupCommit] = GroupCommit
) -> Iterator[str]:
    """Receive on a free port of this machine from a thread; gives the address of the server."""
    with listening_socket("127.0.0.1", 0) as listener, spool.receiving(f"process {os.getpid()}"):
        server = _CallbackServer(application, spool, commit)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        server.ready.wait(10)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(15)
