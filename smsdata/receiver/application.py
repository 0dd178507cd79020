"""One request: is its address right, is it small enough, is its signature right, is it durable.

200 says that the callback is on disk; 503 that it is not, so that the gateway's retries bring it again. The
log of accesses names kind and status, never an address or a parameter. Imports `addresses`, `group_commit`,
`gateway.signatures`, `schema`, `store.forgotten` and `store.spool`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount

from smsdata.errors import StoreError
from smsdata.gateway.signatures import HEADER, signature_is_right
from smsdata.receiver.addresses import Addresses
from smsdata.receiver.group_commit import GroupCommit
from smsdata.schema.callbacks import KINDS, signed_parameters
from smsdata.settings import NO_SECRET, Secret
from smsdata.store.forgotten import ForgottenPeople
from smsdata.store.spool import Callback

Scope = MutableMapping[str, Any]
Incoming = Callable[[], Awaitable[MutableMapping[str, Any]]]
Outgoing = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LOG = logging.getLogger("smsdata.receiver")
_ACCESS = logging.getLogger("smsdata.receiver.access")
MOST_LINE, MOST_PARAMETERS, MOST_BODY, MOST_SECONDS = 48 * 1024, 500, 256 * 1024, 10.0
_PAUSE = b"60"


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a signature: `secret` checks one that is there, `required` wants one."""

    secret: Secret = NO_SECRET
    required: bool = False


class _RefusedError(Exception):
    """A request is answered with this status, and not kept."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class CallbackApplication:
    """Answers requests; `commit` and `people`, who are forgotten, are there from when the server begins.

    Parameters
    ----------
    addresses
        Which paths are good.
    rules
        What is asked of a signature.
    clock
        Seconds since 1970.
    """

    def __init__(
        self, addresses: Addresses, rules: Rules = Rules(), clock: Callable[[], float] = time.time
    ) -> None:
        self.commit: GroupCommit | None = None
        self.people: ForgottenPeople | None = None
        self._addresses = addresses
        self._rules = rules
        self._clock = clock

    def asgi(self) -> Starlette:
        """The application for a server."""
        return Starlette(routes=[Mount("/", app=self._answer)])

    async def _answer(self, scope: Scope, receive: Incoming, send: Outgoing) -> None:
        kind = "-"
        try:
            if scope["path"] == "/health":
                kind, durable = "health", self.commit is not None and await self.commit.is_durable()
                status = 200 if durable else 503
            else:
                kind = self._kind_of(scope)
                status = await self._keep(kind, scope, receive)
        except _RefusedError as refused:
            status = refused.status
        except Exception as error:  # never a 500, and no traceback: what a request holds may stand in it
            _LOG.warning("a %s callback failed: %s", kind, type(error).__name__)
            status = 503
        _ACCESS.info("%s %s %d", scope["method"] if scope["method"] in {"GET", "POST"} else "-", kind, status)
        await _send_status(send, status, scope["method"])

    def _kind_of(self, scope: Scope) -> str:
        token, _, kind = scope["path"].rstrip("/").rpartition("/")
        try:
            good = self._addresses.is_good(token.rpartition("/")[2])
        except StoreError:
            raise _RefusedError(503) from None
        if not good or kind not in KINDS:
            raise _RefusedError(404)
        if scope["method"] not in {"GET", "POST"}:
            raise _RefusedError(405)
        return str(kind)

    async def _keep(self, kind: str, scope: Scope, receive: Incoming) -> int:
        query = scope["query_string"]
        if len(query) > MOST_LINE:
            raise _RefusedError(414)
        headers = dict(scope["headers"])
        body = await _body_within(receive) if _has_body(headers) else b""
        if query.count(b"&") + body.count(b"&") >= MOST_PARAMETERS:
            raise _RefusedError(413)
        callback = Callback(
            at=int(self._clock() * 1e6), kind=kind,
            query=query.decode("latin-1"), body=body.decode("latin-1"),
            media=headers.get(b"content-type", b"").decode("latin-1") if body else "",
            signature=headers.get(HEADER.encode(), b"").decode("latin-1"),
            checked=self._checked(headers, query, body),
        )  # fmt: skip
        if self.people is not None:
            try:
                callback = self.people.now().callback(callback)
            except StoreError:  # without the key of those who are forgotten nothing may be kept
                raise _RefusedError(503) from None
        durable = self.commit is not None and await self.commit.put(callback.line())
        return 200 if durable else 503

    def _checked(self, headers: dict[bytes, bytes], query: bytes, body: bytes) -> bool:
        """Whether the signature is right; one that is wrong, or missing where it is demanded, is refused."""
        signature = headers.get(HEADER.encode())
        if signature is None:
            if self._rules.required:
                raise _RefusedError(403)
            return False
        if not self._rules.secret:
            return False  # it is kept, and whoever merges it has the secret
        media = headers.get(b"content-type", b"").decode("latin-1")
        given, secret = signature.decode("latin-1"), self._rules.secret.reveal()
        signed = signed_parameters(query.decode("latin-1"), body.decode("latin-1"), media)
        if not any(signature_is_right(given, pairs, secret) for pairs in signed):
            raise _RefusedError(403)
        return True


def _has_body(headers: dict[bytes, bytes]) -> bool:
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


async def _body_within(receive: Incoming) -> bytes:
    """A body that is small and comes in time."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(MOST_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _RefusedError(400)
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > MOST_BODY:
                    raise _RefusedError(413)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise _RefusedError(408) from None


async def _send_status(send: Outgoing, status: int, method: str) -> None:
    body = b"" if method == "HEAD" else (b"OK" if status == 200 else b"not accepted")
    headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"text/plain")]
    if status == 503:
        headers.append((b"retry-after", _PAUSE))
    if status in {408, 413, 414}:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
