"""Requests that nobody sane sends: a receiver that demands signatures stays, and keeps what was signed."""

from __future__ import annotations

import asyncio
import random
import resource
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import parse_qsl

from smsdata.gateway.signatures import signature_is_right
from smsdata.receiver import application as one_request
from smsdata.receiver.addresses import Addresses
from smsdata.receiver.application import CallbackApplication, Rules
from smsdata.receiver.group_commit import GroupCommit
from smsdata.receiver.server import receiving_in_thread
from smsdata.schema.callbacks import Pairs
from smsdata.settings import Secret
from smsdata.store.spool import Spool
from tests.support.callers import dlr, query, signature

from .lateness import Bug, broken
from .tally import Tally

SECRET = "word"
AT = "2026-11-22 09:30:00"
_WORDS = [
    b"",
    b"\x00",
    b"%",
    b"%zz",
    b"\xff\xfe",
    b"[]",
    b"&&&&",
    b"a[b]=c",
    b"message_id",
    b"../..",
    b"\r\n",
    b"\xf0\x9f\x91\x8d",
]


def _signed(path: str, number: int) -> bytes:
    fields = dlr(number, 61491570156, AT, campaign="a/b é")
    head = f"GET {path}?{query(fields)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    return f"{head}X-TransmitSMS-Signature: {signature(fields, SECRET)}\r\n\r\n".encode()


def _spoilt(rng: random.Random, path: str, number: int) -> bytes:
    """A request that is signed for others, cut, doubled, with bytes changed, or no request at all."""
    good = bytearray(_signed(path, number))
    way = rng.randrange(6)
    if way == 0:
        return bytes(rng.randrange(256) for _ in range(rng.randrange(200)))
    if way == 1:
        return bytes(good[: rng.randrange(len(good) - 4)])
    if way == 2:
        place = good.index(b"?") + 1
        junk = b"".join(rng.choice(_WORDS) for _ in range(rng.randrange(1, 9)))
        return bytes(good[:place] + junk + b"&" + good[place:])
    if way == 3:
        return bytes(good).replace(b"message_id=", b"message_id=1")
    if way == 4:
        media = rng.choice([b"application/json", b"multipart/form-data; boundary=x", b"text/plain", b""])
        body = rng.choice([b"{", b"[1]", b'{"a":{}}', b"--x\r\n\r\n--x--", b"a=b&" * 600, b"\xff" * 99])
        head = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n" % (
            path.encode(),
            media,
            len(body),
        )
        return head + b"X-TransmitSMS-Signature: " + signature({}, SECRET).encode() + b"\r\n\r\n" + body
    for _ in range(rng.randrange(1, 6)):
        place = rng.randrange(good.index(b"?") + 1, good.index(b" HTTP"))
        good[place] = rng.choice(b"0123456789abcdef%")
    return bytes(good)


def _answer(port: int, request: bytes, *, whole: bool) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            connection.sendall(request)
            if not whole:  # else it would wait for the rest
                connection.shutdown(socket.SHUT_WR)
            return connection.recv(64)
        except OSError:
            return b""


def _due(text: str) -> str:
    """The signature that a query should have come with: an empty part of it says nothing."""
    return signature(dict(parse_qsl(text, keep_blank_values=True)), SECRET)


# ---- broken on purpose -----------------------------------------------------------------------------------


def _right_for_nothing(given: str, pairs: Pairs, secret: str) -> bool:
    """Takes the signature over no parameters at all for one of those that it found none in."""
    return signature_is_right(given, pairs, secret) or (not pairs and given == signature({}, secret))


def _write_not_all(self: GroupCommit, group: list[tuple[bytes, asyncio.Future[bool]]]) -> None:
    """Answers 200 for a line of which it has written half; an empty one only asks whether it can write."""
    lines = [line if line[0] % 8 else line[: len(line) // 2] + b"\n" for line, _ in group if line]
    if lines:
        self._spool.append(lines)
    for _, done in group:
        self._loop.call_soon_threadsafe(done.set_result, True)


BUGS: dict[str, Bug] = {
    "any signature is right": Bug(one_request, "signature_is_right", lambda *_asked: True),
    "nothing signed is rightly signed": Bug(one_request, "signature_is_right", _right_for_nothing),
    "half a line is kept": Bug(GroupCommit, "_write", _write_not_all),
}


def run(seed: int, *, requests: int = 100_000, bugs: Iterable[Bug] = ()) -> Tally:
    """Send so many requests, one of ten rightly signed."""
    tally, rng = Tally("callback fuzz", seed), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="smsdata-callback-fuzz-") as home, broken(bugs):
        folder = Path(home) / "store" / ".smsdata" / "callbacks"
        addresses = Addresses(folder)
        path = f"/{addresses.token()}/dlr"
        application = CallbackApplication(addresses, Rules(Secret(SECRET), required=True))
        signed: set[str] = set()
        with receiving_in_thread(application, Spool(folder)) as base:
            port, memory = int(base.rpartition(":")[2]), 0
            for n in range(1, requests + 1):
                good = n % 10 == 0
                answer = _answer(port, _signed(path, n) if good else _spoilt(rng, path, n), whole=good)
                tally.fired[answer[9:12].decode() or "closed"] += 1
                if good:
                    signed.add(query(dlr(n, 61491570156, AT, campaign="a/b é")))
                if b" 500 " in answer or (good and b" 200 " not in answer):
                    tally.wrong.append(f"request {n}: {answer[:12]!r}")
                if n == requests // 5:
                    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
        kept = [one for segment in Spool(folder).segments("open", "sealed") for one in segment.callbacks]
        wrong = [one for one in kept if not one.query or not one.checked or one.signature != _due(one.query)]
        tally.wrong += [f"{len(wrong)} accepted without a right signature"] if wrong else []
        lost = signed - {one.query for one in kept}
        tally.wrong += [f"{len(lost)} not kept"] if lost else []
        tally.wrong += [f"memory grew by {grown} kB"] if grown > 20_000 else []
    return tally
