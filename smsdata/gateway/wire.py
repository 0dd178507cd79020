"""One request on the network: one deadline for the whole of it, and no more bytes than an answer may have.

Owns connections, certificates, the proxy, and what is sent beside a call's parameters. Below httpx's client,
which would keep cookies, follow what the environment says and unpack without limit. What a status or a body
means is decided elsewhere. Imports `settings` and `errors`.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
import time
import weakref
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from functools import cached_property
from typing import Any, cast
from urllib.parse import urlencode

import certifi
import httpcore
import httpx

from smsdata.errors import ApiError, UsageError
from smsdata.settings import Settings, without_credentials

LONGEST_CALL = 60.0  # s; of one try, whatever the gateway does meanwhile
LARGEST_BODY = 8 * 2**20  # bytes, unpacked; the largest page of 100 rows that was seen has a fortieth of it
_MOST_OBJECTS = 200_000  # objects and lists of one answer: each costs 60 bytes and more when it is parsed
_READ = 30.0
_STEPS = {"connect": 4.0, "read": _READ, "write": _READ, "pool": _READ}  # s
_LOG = logging.getLogger("smsdata.gateway")

NetworkFaults = (
    httpx.TransportError,
    httpx.DecodingError,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
)
Timeouts = (httpx.TimeoutException, httpcore.TimeoutException)
ConnectFaults = (httpx.ConnectError, httpx.ConnectTimeout, httpcore.ConnectError, httpcore.ConnectTimeout)


class Wire:
    """The connections of one client to one gateway.

    Parameters
    ----------
    chosen
        Where to, with which credentials, certificates and proxy.
    transport
        An httpx transport to use instead of the network.
    clock
        A monotonic clock in seconds.
    """

    def __init__(
        self,
        chosen: Settings,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._chosen = chosen
        self._transport = transport
        self._clock = clock
        self._backend = _Backend(clock)
        self._pid = os.getpid()
        self._headers = {
            "Host": httpx.URL(chosen.base_url).netloc.decode(),
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "Authorization": f"Basic {credentials_of(chosen)[0]}",
            "Cache-Control": "no-store",
            "Connection": "keep-alive",
            "User-Agent": "smsdata",
        }

    @cached_property
    def _pool(self) -> httpcore.ConnectionPool:
        return connection_pool(
            self._chosen, network_backend=self._backend, max_connections=40, max_keepalive_connections=40,
            keepalive_expiry=5.0,
        )  # fmt: skip

    def exchange(
        self, method: str, name: str, parameters: Mapping[str, Any]
    ) -> tuple[int, httpx.Headers, bytes]:
        """Send a call and take its answer: status, headers, and the unpacked body.

        Raises
        ------
        ApiError
            ``FORMAT``, when the answer is larger than an answer may be, or packed as was not asked for.
        httpx or httpcore errors
            `NetworkFaults` and `Timeouts`.
        """
        url, words = f"{self._chosen.base_url}{name}.json", _words_of(parameters)
        headers, content = self._headers, b""
        if method == "GET":
            url += f"?{words}" if words else ""
        else:
            content = words.encode()
            headers = headers | {
                "Content-Type": "application/x-www-form-urlencoded",
                "Content-Length": str(len(content)),
            }
        began = self._clock()
        self._backend.ends.at = began + LONGEST_CALL
        status, seen, body = self._sent(method, url, headers, content)
        _LOG.debug("%s %s: %d, %d bytes, %.3f s", method, name, status, len(body), self._clock() - began)
        return status, seen, body

    def _sent(
        self, method: str, url: str, headers: dict[str, str], content: bytes
    ) -> tuple[int, httpx.Headers, bytes]:
        if self._transport is not None:
            request = httpx.Request(method, url, headers=headers, content=content)
            given = self._transport.handle_request(request)
            with closing(given):
                chunks = cast("httpx.SyncByteStream", given.stream)
                return given.status_code, given.headers, self._body(given.headers, chunks)
        with self._pool.stream(
            method,
            url,
            headers=[(key.encode(), value.encode()) for key, value in headers.items()],
            content=content,
            extensions={"timeout": _STEPS},
        ) as response:
            seen = httpx.Headers(response.headers)
            return response.status, seen, self._body(seen, response.iter_stream())

    def _body(self, headers: Mapping[str, str], chunks: Iterable[bytes]) -> bytes:
        body = bytearray()
        for chunk in unpacked(headers.get("content-encoding", ""), self._in_time(chunks)):
            body += chunk
            if len(body) > LARGEST_BODY:
                raise _too_large(f"{LARGEST_BODY:,} bytes")
        if body.count(b"{") + body.count(b"[") > _MOST_OBJECTS:
            raise _too_large(f"{_MOST_OBJECTS:,} objects")
        return bytes(body)

    def _in_time(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._backend.ends.left(httpcore.ReadTimeout, _READ)
            yield chunk

    def break_off(self) -> None:
        """End every call that is under way, from another thread than its own: each fails at once."""
        for stream in list(self._backend.open_streams):
            stream.break_off()

    def close(self) -> None:
        """Let go of the connections."""
        pool = self.__dict__.pop("_pool", None)
        if pool is not None and self._pid == os.getpid():
            pool.close()


def connection_pool(chosen: Settings, **limits: Any) -> httpcore.ConnectionPool:
    """Connections that trust the certificates and take the way through the proxy that are in force."""
    limits["ssl_context"] = _trusted(chosen.ca_bundle)
    if not chosen.proxy:
        return httpcore.ConnectionPool(**limits)
    proxy = httpx.Proxy(chosen.proxy)
    return httpcore.HTTPProxy(proxy_url=str(proxy.url), proxy_auth=proxy.raw_auth, **limits)


def credentials_of(chosen: Settings) -> tuple[str, str, str]:
    """The words that give access, and that nothing else may show: as they are sent, secret, key."""
    secret = chosen.secret.reveal()
    return b64encode(f"{chosen.key}:{secret}".encode()).decode(), secret, chosen.key


def _words_of(parameters: Mapping[str, Any]) -> str:
    """Parameters as a form writes them."""
    return urlencode([(key, _word_of(value)) for key, value in parameters.items()])


def _word_of(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value


# ---- the deadline ----------------------------------------------------------------------------------


class _Ends(threading.local):
    """By thread, when the call that it makes has to be over."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.at = float("inf")
        self._clock = clock

    def left(self, error: type[Exception], step: float | None) -> float:
        """How many seconds the next step may take; raises when there are none."""
        rest = self.at - self._clock()
        if rest <= 0:
            raise error(f"not over after {LONGEST_CALL:.0f} s")
        return rest if step is None else min(rest, step)


class _Stream(httpcore.NetworkStream):
    """A connection on which no step outlasts the call it belongs to, however often a byte arrives."""

    def __init__(self, inner: httpcore.NetworkStream, backend: _Backend) -> None:
        self._inner = inner
        self._backend = backend
        backend.open_streams.add(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._backend.ends.left(httpcore.ReadTimeout, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._backend.ends.left(httpcore.WriteTimeout, timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        most = self._backend.ends.left(httpcore.ConnectTimeout, timeout)
        watch = threading.Timer(most, self.break_off)  # a handshake may come byte by byte
        watch.daemon = True
        watch.start()
        try:
            return _Stream(self._inner.start_tls(ssl_context, server_hostname, most), self._backend)
        finally:
            watch.cancel()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def break_off(self) -> None:
        """Let whoever reads or writes here fail at once."""
        with suppress(OSError):
            socket.socket.shutdown(self._inner.get_extra_info("socket"), socket.SHUT_RDWR)


class _Backend(httpcore.NetworkBackend):
    """Opens connections that keep the deadline."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.ends = _Ends(clock)
        self.open_streams: weakref.WeakSet[_Stream] = weakref.WeakSet()
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        most = self.ends.left(httpcore.ConnectTimeout, timeout)
        return _Stream(self._inner.connect_tcp(host, port, most, local_address, socket_options), self)


# ---- what came -------------------------------------------------------------------------------------


def unpacked(encoding: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack an answer step by step, never more at once than `LARGEST_BODY`.

    Raises
    ------
    ApiError
        ``FORMAT``, for what was not asked for: another way of packing, packed twice, more behind the end, or
        an end that is missing.
    """
    ways = [way.strip().lower() for way in encoding.split(",")]
    ways = [way for way in ways if way not in {"", "identity"}]
    if not ways:
        yield from chunks
        return
    if ways not in (["gzip"], ["x-gzip"], ["deflate"]):
        raise _odd(f"the answer is packed as {encoding[:40]!r}, which was not asked for")
    machine = zlib.decompressobj(15 if ways == ["deflate"] else 31)
    behind = b""
    for chunk in chunks:
        if machine.eof:
            behind += chunk[:64]
            continue
        try:
            yield machine.decompress(chunk, LARGEST_BODY + 1)
        except zlib.error:
            raise _odd(f"the answer is not {ways[0]}, as it says") from None
        if machine.unconsumed_tail:
            raise _too_large(f"{LARGEST_BODY:,} bytes")
        behind = machine.unused_data
    if not machine.eof or behind.strip(b"\0"):
        raise _odd("the packed answer breaks off, or goes on behind its end")


def _too_large(than: str) -> ApiError:
    return ApiError(f"the answer is too large: more than {than}", code="FORMAT", status=200)


def _odd(text: str) -> ApiError:
    return ApiError(text, code="FORMAT", status=200, retryable=True)


# ---- whom to believe -------------------------------------------------------------------------------


def _trusted(ca_bundle: str) -> ssl.SSLContext:
    """Which certificates are believed: the usual ones, and those of the organisation's own file.

    Made here, since what the standard library makes by default writes the keys of a connection to a file that
    the environment may name (SSLKEYLOGFILE).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(certifi.where())
    if ca_bundle:
        try:
            context.load_verify_locations(ca_bundle)
        except (OSError, ssl.SSLError):
            raise UsageError(
                f"ca_bundle is {ca_bundle!r}, which holds no certificates in PEM form."
            ) from None
    return context


def unreachable(chosen: Settings, error: Exception, again: bool) -> ApiError:
    """What a failed connection is told as: a certificate that is not trusted will not become so."""
    reason = _certificate_fault(error)
    if reason:
        return ApiError(f"{chosen.base_url}: {reason}", code="CERTIFICATE")
    where = chosen.base_url
    if chosen.proxy:
        where += f" through the proxy {without_credentials(chosen.proxy)}"
    words = str(error) or type(error).__name__
    return ApiError(f"the connection to {where} failed ({words})", code="NETWORK", retryable=again)


def _certificate_fault(error: BaseException | None) -> str:
    """Why the gateway's certificate is not believed, if that is what is wrong."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({error.verify_message})"
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return f"its certificate is not trusted ({str(error).rpartition('] ')[2]})"
        error = error.__cause__ or error.__context__
    return ""
