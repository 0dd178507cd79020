"""The receiver as the gateway meets it: addresses, signatures, limits, a disk in trouble, logs."""

from __future__ import annotations

import errno
import http.client
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from smsdata.errors import LockedError, UsageError
from smsdata.receiver.addresses import GRACE, Addresses
from smsdata.receiver.application import MOST_BODY, MOST_LINE, MOST_PARAMETERS, Rules
from smsdata.receiver.group_commit import TRIED_EVERY, GroupCommit
from smsdata.receiver.server import listening_socket
from smsdata.schema.callbacks import parameters
from smsdata.settings import Secret
from smsdata.store.disk import Disk
from smsdata.store.spool import Callback, Spool
from tests.support.callers import dlr, fire, query, reply, signature
from tests.support.receivers import Served, served

SECRET = "CANARY-SECRET"
AT = "2026-11-22 09:30:00"
ONE = dlr(7, 61491570156, AT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store" / ".smsdata" / "callbacks"


@pytest.fixture
def receiver(folder: Path) -> Iterator[Served]:
    with served(folder) as one:
        yield one


def raw(base: str, request: bytes, *, patience: float = 10) -> bytes:
    """Bytes as they are, and what comes back until the other side closes or falls silent."""
    parts = urlsplit(base)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=patience) as connection:
        answer = b""
        with suppress(OSError):  # what was answered before the other side closed can still be read
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        try:
            while piece := connection.recv(65536):
                answer += piece
        except OSError:
            pass
        return answer


# ---- what is kept ----------------------------------------------------------------------------------------


def test_every_kind_is_kept_as_it_came(receiver: Served) -> None:
    odd = {"response": "Grüße & Ümlaute/100% 👍", "empty": "", "mein_feld": "a b"}
    for kind in ("dlr", "reply", "link-hit", "list"):
        assert fire(receiver.url(kind), odd) == 200
        assert fire(receiver.url(kind), odd, form=True) == 200
    kept = receiver.kept()
    assert [one.kind for one in kept] == [kind for kind in ("dlr", "reply", "link-hit", "list") for _ in "ab"]
    assert {one.query or one.body for one in kept} == {query(odd)}


def test_files_are_for_their_owner_only_and_sealed_at_the_end(folder: Path) -> None:
    with served(folder) as one:
        assert fire(one.url(), ONE) == 200
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert set(modes.values()) == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    (segment,) = Spool(folder).segments("sealed")
    assert segment.sealed


def test_segments_are_sealed_by_size_and_by_age(folder: Path) -> None:
    now = [0.0]
    spool = Spool(folder, segment_bytes=300, segment_seconds=30, clock=lambda: now[0])
    with spool.receiving("me"):
        for n in range(7):
            spool.append([Callback(n, "dlr", "x" * 100).line()])
        assert len(list(spool.segments("sealed"))) == 2
        spool.append([Callback(9, "dlr").line()])
        spool.seal_when_old()
        assert list(spool.segments("open"))
        now[0] = 31
        spool.seal_when_old()
        assert not list(spool.segments("open"))
    assert [one.at for s in spool.segments("sealed") for one in s.callbacks] == [*range(7), 9]


@pytest.mark.parametrize(
    "fields", [{}, {"a": "b"}, ONE | {"message_id": ""}, ONE | {"datetime": "yesterday"}]
)
def test_odd_callbacks_are_accepted(receiver: Served, fields: dict[str, str]) -> None:
    assert fire(receiver.url(), fields) == 200
    assert len(receiver.kept()) == 1


# ---- where -----------------------------------------------------------------------------------------------


def test_unknown_addresses_are_refused(receiver: Served) -> None:
    token = receiver.addresses.token()
    wrong = [
        f"/{token[:-1]}/dlr",
        f"/{token}x/dlr",
        "//dlr",
        "/dlr",
        f"/{token}/",
        f"/{token}/other",
        f"/{token}",
    ]
    assert {fire(receiver.base + path, ONE) for path in wrong} == {404}
    assert fire(f"{receiver.base}/behind/a/proxy/{token}/dlr", ONE) == 200
    assert b" 405 " in raw(receiver.base, f"DELETE /{token}/dlr HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert len(receiver.kept()) == 1


def test_health_needs_no_token_and_tells_nothing(receiver: Served) -> None:
    for request in (b"GET /health", b"GET /health?token=a", b"HEAD /health"):
        answer = raw(receiver.base, request + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.partition(b"\r\n\r\n")[2] == (b"" if request.startswith(b"HEAD") else b"OK")
    assert fire(receiver.base + "/health/dlr", ONE) == 404
    assert not receiver.kept()


def test_rotate_keeps_the_old_address_for_26_hours(folder: Path) -> None:
    now = [1e9]
    addresses = Addresses(folder, clock=lambda: now[0])
    running = Addresses(folder, clock=lambda: now[0])
    first = addresses.token()
    assert running.is_good(first)
    second = addresses.rotate()
    os.utime(folder / "addresses.json", ns=(1, 1))  # an edit within one tick of the clock of files
    third = addresses.rotate()
    assert len({first, second, third}) == 3
    assert all(running.is_good(one) for one in (third, second, first))
    now[0] += GRACE - 1
    assert all(running.is_good(one) for one in (first, second, third))
    now[0] += 2
    assert [running.is_good(one) for one in (first, second, third)] == [False, False, True]
    assert not running.is_good("")


# ---- signatures ------------------------------------------------------------------------------------------

SIGNED = reply(5, 7, 61491570156, AT, "ja/né 👍 & co", **{"campaign": "a b"})


@pytest.mark.parametrize("form", [False, True])
def test_signature_that_is_there_is_checked(folder: Path, form: bool) -> None:
    with served(folder, rules=Rules(Secret(SECRET))) as one:
        good = signature(SIGNED, SECRET)
        assert fire(one.url("reply"), SIGNED, form=form, x_transmitsms_signature=good) == 200
        for bad in ("", "00", good[:-1], signature(SIGNED, "other"), signature({}, SECRET), "ü" * 64):
            sent = bad.encode().decode("latin-1")
            assert fire(one.url("reply"), SIGNED, form=form, x_transmitsms_signature=sent) == 403, bad
        assert fire(one.url("reply"), SIGNED, form=form) == 200  # nobody demanded one
        assert [kept.checked for kept in one.kept()] == [True, False]


def test_signature_is_demanded(folder: Path) -> None:
    with served(folder, rules=Rules(Secret(SECRET), required=True)) as one:
        assert fire(one.url(), ONE) == 403
        assert fire(one.url(), {}, x_transmitsms_signature=signature({}, SECRET)) == 403
        swapped = dict(reversed(ONE.items()))
        assert fire(one.url(), swapped, x_transmitsms_signature=signature(ONE, SECRET)) == 403
        assert fire(one.url(), ONE, x_transmitsms_signature=signature(ONE, SECRET)) == 200
        assert len(one.kept()) == 1


def test_signature_is_kept_where_there_is_no_secret(receiver: Served) -> None:
    assert fire(receiver.url(), ONE, x_transmitsms_signature="abc") == 200
    assert [(one.signature, one.checked) for one in receiver.kept()] == [("abc", False)]


def _posted(receiver: Served, address: str, body: str, **headers: str) -> int:
    parts = urlsplit(receiver.url("reply"))
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=10)
    sent = {"Content-Type": "application/x-www-form-urlencoded"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request("POST", f"{parts.path}?{address}", body, sent)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_form_at_an_address_with_parameters_is_signed_over_both_or_over_the_form(folder: Path) -> None:
    own = {"campaign": "spring", "message_id": "8"}
    with served(folder, rules=Rules(Secret(SECRET), required=True)) as one:
        both = list(own.items()) + list(SIGNED.items())
        for signed in (dict(both), SIGNED):
            good = signature(signed, SECRET)
            assert _posted(one, query(own), query(SIGNED), x_transmitsms_signature=good) == 200
        for signed in (own, {**SIGNED, **own}, {}):
            bad = signature(signed, SECRET)
            assert _posted(one, query(own), query(SIGNED), x_transmitsms_signature=bad) == 403
        kept = one.kept()
    assert [(told.query, told.body, told.checked) for told in kept] == [(query(own), query(SIGNED), True)] * 2


@pytest.mark.parametrize("text", ["Grüße 👍", "naïve", "\u00ff"])
def test_a_query_that_is_not_escaped_is_taken_as_it_is_meant(receiver: Served, text: str) -> None:
    path = urlsplit(receiver.url("reply")).path
    request = f"GET {path}?response={text.replace(' ', '+')}&response_id=5 HTTP/1.1\r\nHost: a\r\n"
    for cut in (len(path) + 16, 9, 0):  # in the middle of a character, before the query, not at all
        parts = urlsplit(receiver.base)
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=10) as connection:
            whole = request.encode() + b"Connection: close\r\n\r\n"
            connection.sendall(whole[:cut])
            time.sleep(0.05 if cut else 0)
            connection.sendall(whole[cut:])
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
    body = f"response={text}".encode()
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=10) as connection:
        connection.sendall((head + body) * 2)  # bodies are left as they are
        answers = b""
        while answers.count(b" 200 ") < 2 and (piece := connection.recv(1000)):
            answers += piece
    told = [dict(parameters(one.query, one.body, one.media)) for one in receiver.kept()]
    assert [one["response"] for one in told] == [text] * 5


# ---- limits ----------------------------------------------------------------------------------------------


def test_what_is_too_large_is_refused_and_the_next_one_is_not(receiver: Served) -> None:
    assert fire(receiver.url(), {"a": "b" * MOST_LINE}) == 414
    assert fire(receiver.url(), {str(n): "" for n in range(MOST_PARAMETERS + 1)}) == 413
    assert fire(receiver.url(), {"response": "😀" * 1000}) == 200
    path = urlsplit(receiver.url()).path
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {MOST_BODY * 40}\r\n\r\n".encode()
    assert b" 413 " in raw(receiver.base, head + b"x" * (MOST_BODY + 70_000))
    endless = b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"y" * 400_000
    assert b" 200 " not in raw(receiver.base, endless)
    assert fire(receiver.url(), ONE) == 200
    assert len(receiver.kept()) == 2


@pytest.mark.parametrize(
    "request_bytes",
    [b"", b"\r\n\r\n", b"GET\r\n\r\n", b"\x00\xff" * 50, b"GET / HTTP/9.9\r\n\r\n",
     b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
     b"GET /%zz?%zz HTTP/1.1\r\nHost: a\r\n\r\n", b"GET http://[/ HTTP/1.1\r\n\r\n",
     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_request_does_not_stop_it(receiver: Served, request_bytes: bytes) -> None:
    assert b" 200 " not in raw(receiver.base, request_bytes)
    assert b" 500 " not in raw(receiver.base, request_bytes)
    assert fire(receiver.url(), ONE) == 200


# ---- disks -----------------------------------------------------------------------------------------------


class Filling(Disk):
    """A disk that is full, or cannot fsync, as long as a test says so."""

    full = failing = False
    writes = 0

    def _write(self, handle: int, content: bytes | memoryview) -> None:
        self.writes += 1
        if self.full:
            super()._write(handle, memoryview(content)[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super()._write(handle, content)

    def _fsync(self, handle: int) -> None:
        if self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super()._fsync(handle)


@pytest.mark.parametrize("trouble", ["full", "failing"])
def test_a_disk_in_trouble_answers_503_and_goes_on_by_itself(folder: Path, trouble: str) -> None:
    disk = Filling(folder)
    with served(folder, disk=disk) as one:
        assert fire(one.url(), dlr(1, 61491570156, AT)) == 200
        setattr(disk, trouble, True)
        assert {fire(one.url(), dlr(2, 61491570156, AT)) for _ in range(5)} == {503}
        assert fire(one.base + "/health", {}) == 503
        setattr(disk, trouble, False)
        assert fire(one.base + "/health", {}) == 503  # as the last try went, a moment ago
        assert fire(one.url(), dlr(3, 61491570156, AT)) == 200
        assert fire(one.base + "/health", {}) == 200
        assert len(list(folder.glob("*.open"))) == 1
    answered = {query(dlr(n, 61491570156, AT)) for n in (1, 3)}
    assert answered <= {kept.query for kept in one.kept()}
    assert not list(folder.glob("*.open"))


def test_health_tries_the_disk_by_itself_and_not_at_every_request(folder: Path) -> None:
    disk, now = Filling(folder), [0.0]
    with served(folder, disk=disk, commit=partial(GroupCommit, clock=lambda: now[0])) as one:
        assert fire(one.base + "/health", {}) == 200
        disk.full = True
        assert fire(one.base + "/health", {}) == 200  # tried a moment ago
        now[0] += TRIED_EVERY
        assert fire(one.base + "/health", {}) == 503
        disk.full = False
        assert fire(one.base + "/health", {}) == 503
        now[0] += TRIED_EVERY
        writes = disk.writes
        assert {fire(one.base + "/health", {}) for _ in range(5)} == {200}  # no callback had to come
        assert disk.writes == writes + 1
        assert fire(one.url(), ONE) == 200
    assert not one.folder.joinpath("tmp-try").exists()


def test_a_receiver_starts_on_a_full_disk_and_goes_on_when_there_is_room(folder: Path) -> None:
    """Also where a killed one left a segment open, which cannot be sealed now."""
    with served(folder) as one:
        pass
    left = folder / "segment-00000001.open"
    left.write_bytes(Callback(1, "dlr", "left=open").line())
    disk = Filling(folder)
    disk.full = True
    with served(folder, disk=disk) as one:
        assert fire(one.base + "/health", {}) == 503
        assert fire(one.url(), ONE) == 503
        disk.full = False
        assert fire(one.url(), ONE) == 200
        assert fire(one.base + "/health", {}) == 200
    assert [kept.query for kept in one.kept()] == ["left=open", query(ONE)]
    assert not list(folder.glob("*.open"))


def test_a_line_that_rotted_costs_itself_alone(folder: Path) -> None:
    spool = Spool(folder)
    with spool.receiving("me"):
        spool.append([Callback(n, "dlr", f"message_id={n}").line() for n in range(1, 6)])
    (path,) = folder.glob("*.sealed")
    content = bytearray(path.read_bytes())
    content[content.index(b"message_id=3")] ^= 1
    path.write_bytes(content)
    (segment,) = spool.segments("sealed")
    assert ([one.at for one in segment.callbacks], segment.damaged, segment.sealed) == (
        [1, 2, 4, 5],
        1,
        False,
    )


def test_one_process_receives(receiver: Served) -> None:
    with pytest.raises(LockedError, match="spool is being written"), Spool(receiver.folder).receiving("me"):
        pass


# ---- logs ------------------------------------------------------------------------------------------------


def test_nothing_of_a_callback_is_in_any_log(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with served(folder, rules=Rules(Secret(SECRET))) as one:
        token = one.addresses.token()
        canary = reply(5, 7, 61491570156, AT, "CANARYTEXT", password="CANARYWORD")
        assert fire(one.url("reply"), canary) == 200
        assert fire(one.url("reply"), canary, form=True) == 200
        assert fire(one.url("reply"), canary, x_transmitsms_signature="CANARYSIGN") == 403
        assert fire(one.base + "/61491570156/dlr", canary) == 404
        raw(
            one.base,
            f"GET /{token}/dlr?mobile=61491570156 HTTP/1.1\r\nBad Header: CANARYTEXT\r\n\r\n".encode(),
        )
    assert "reply 200" in caplog.text
    for word in ("61491570156", "CANARY", token):
        assert word not in caplog.text


def test_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} of 127.0.0.1 cannot be used"):
            listening_socket("127.0.0.1", port)
    for number in (99999999, -1):
        with pytest.raises(UsageError, match="cannot be used"):
            listening_socket("127.0.0.1", number)
