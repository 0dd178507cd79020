"""One call: what counts as an answer, what is tried again, and what never leaves the process."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from smsdata import Client
from smsdata.errors import ApiError, UsageError
from smsdata.gateway.answers import checked, read_page
from smsdata.gateway.endpoints import CALLS, ENDPOINTS, ERROR_CODES, endpoint
from smsdata.simulator import Account, Faults, Gateway, Once, running
from tests.support.examples import DATE, EXAMPLES, NEEDS, SUCCESS, scripted

TRIES = 8
GOOD = EXAMPLES["lists"]


def body(**changed: Any) -> bytes:
    whole = {key: value for key, value in (GOOD | changed).items() if value != "gone"}
    return json.dumps(whole).encode()


def error(code: Any, description: Any = "") -> bytes:
    return json.dumps({"error": {"code": code, "description": description}}).encode()


HTML = b"<html><body>Back soon</body></html>"
FINAL = [code for code in ERROR_CODES if code != "OVER_LIMIT"]

# (status, body, the code it becomes, whether it is tried again)
WRONG: list[tuple[int, bytes, str, bool]] = [
    (200, b"", "FORMAT", True),
    (204, b"", "FORMAT", True),
    (200, b" ", "FORMAT", True),
    (200, HTML, "FORMAT", True),
    (200, b"null", "FORMAT", True),
    (200, b"[]", "FORMAT", True),
    (200, b"{}", "FORMAT", True),
    (200, b"true", "FORMAT", True),
    (200, b'"SUCCESS"', "FORMAT", True),
    (200, body() + b"}", "FORMAT", True),
    (200, body()[:-1], "FORMAT", True),
    (200, b"\xff" + body(), "FORMAT", True),
    (200, body(lists_total=float("nan")), "FORMAT", True),
    (200, body(error="gone"), "FORMAT", True),
    (200, body(error=None), "FORMAT", True),
    (200, body(error="SUCCESS"), "FORMAT", True),
    (200, body(error=["SUCCESS"]), "FORMAT", True),
    (200, body(error={"code": None}), "FORMAT", True),
    (200, body(error={"code": 0}), "FORMAT", True),
    (200, body(error={"code": "success"}), "FORMAT", True),
    (200, body(error={"description": "OK"}), "FORMAT", True),
    (201, body(), "FORMAT", True),
    (206, body(), "FORMAT", True),
    (400, body(), "FORMAT", True),
    (500, body(), "FORMAT", True),
    (200, body(lists="gone"), "NO_ROWS", True),
    (200, body(lists=[]), "NO_ROWS", True),
    (200, body(lists=None), "NO_ROWS", True),
    (200, body(lists={"first": {"id": 1}}), "FORMAT", True),
    (200, body().replace(b"{", b'{"lists": [],', 1), "FORMAT", True),
    (200, body().replace(b'"id":', b'"id" : 1, "id":', 1), "FORMAT", True),
    (200, body(lists="none"), "FORMAT", True),
    (200, body(page="gone"), "FORMAT", True),
    (200, body(page=[]), "FORMAT", True),
    (200, body(page={"count": 3, "number": 2}), "WRONG_PAGE", True),
    (200, body(page={"count": 3}), "WRONG_PAGE", True),
    (200, body(page={"count": 3, "number": "two"}), "WRONG_PAGE", True),
    (200, error("OVER_LIMIT"), "OVER_LIMIT", True),
    (429, error("OVER_LIMIT"), "OVER_LIMIT", True),
    (429, HTML, "OVER_LIMIT", True),
    (429, b"", "OVER_LIMIT", True),
    (429, error("SUCCESS"), "OVER_LIMIT", True),
    (500, error("INTERNAL_ERROR"), "INTERNAL_ERROR", True),
    (200, error("INTERNAL_ERROR"), "INTERNAL_ERROR", True),
    (418, error("TEAPOT"), "TEAPOT", True),
    (502, HTML, "FORMAT", True),
    (503, b"", "FORMAT", True),
    (504, HTML, "FORMAT", True),
    (404, HTML, "FORMAT", False),
    *((status, error(code), code, False) for code in FINAL for status in (200, 400)),
    (401, error("AUTH_FAILED"), "AUTH_FAILED", False),
    (404, error("NOT_IMPLEMENTED"), "NOT_IMPLEMENTED", False),
    *((status, body(), "REDIRECT", False) for status in (301, 302, 303, 307, 308)),
]


@pytest.mark.parametrize(("status", "content", "code", "again"), WRONG)
def test_page_takes_only_what_is_right_in_every_way(
    status: int, content: bytes, code: str, again: bool
) -> None:
    headers = DATE | {"location": "https://elsewhere.example/"}
    with scripted(lambda *_: httpx.Response(status, headers=headers, content=content), sleep=quick) as client:
        with pytest.raises(ApiError) as caught:
            client.page(endpoint("lists"), {}, 1)
        assert client.calls == (TRIES if again else 1)
    assert (caught.value.code, caught.value.retryable) == (code, again)
    assert caught.value.status == status
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("lists page 1: ")


def quick(_seconds: float) -> None:
    """No waiting."""


@pytest.mark.parametrize(
    "failure",
    [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.ReadTimeout("x"), httpx.ReadError("x"),
     httpx.RemoteProtocolError("x"), httpx.DecodingError("x"), httpx.PoolTimeout("x")],
)  # fmt: skip
def test_page_tries_again_when_the_network_fails(failure: Exception) -> None:
    left = [failure, failure]

    def respond(*_: Any) -> Any:
        if left:
            raise left.pop()
        return GOOD

    with scripted(respond) as client:
        assert len(client.page(endpoint("lists"), {}, 1).rows) == 1
        assert client.calls == 3
        left.extend([failure] * TRIES)
        with pytest.raises(ApiError) as caught:
            client.page(endpoint("lists"), {}, 1)
    assert caught.value.code in {"TIMEOUT", "NETWORK"}
    assert f"after {TRIES} tries" in str(caught.value)


@pytest.mark.parametrize(("answers_first", "tries"), [(False, 3), (True, TRIES)])
def test_page_soon_gives_up_a_gateway_that_never_answered(answers_first: bool, tries: int) -> None:
    """It takes the call and says nothing: each try lasts a minute."""
    silent = [not answers_first]

    def respond(*_: Any) -> Any:
        if silent[0]:
            raise httpx.ReadTimeout("x")
        return GOOD

    with scripted(respond, sleep=quick) as client:
        if answers_first:
            client.page(endpoint("lists"), {}, 1)
        silent[0], before = True, client.calls
        with pytest.raises(ApiError, match="no answer in time"):
            client.page(endpoint("lists"), {}, 1)
        assert client.calls - before == tries


CHANGES = [name for name, call in CALLS.items() if call.changes]


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("kind", ["reset", "hang", "truncate", "error500", "html502", "html200", "error200",
                                  "overlimit200", "lost_answer"])  # fmt: skip
def test_call_never_repeats_what_changes_the_account(
    name: str, kind: str, connect: Callable[..., Client]
) -> None:
    faults = Faults({}, seed=1)
    faults.add(Once(kind, name))
    account = Account(seed=1, campaigns=1, singles=0)
    gateway = Gateway(account, limiter=None, faults=faults)
    member = account.truth("list_members")[0]
    msisdn = "61491579999" if name == "add-to-list" else member["msisdn"]
    client = connect(gateway, sleep=quick)
    with pytest.raises(ApiError) as caught:
        client.call(name, list_id=member["list_id"], msisdn=msisdn)
    assert caught.value.retryable
    assert (client.calls, len(gateway.calls)) == (1, 1)


def test_call_checks_its_parameters_before_anything_is_sent() -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("get-nothing", {}), ("get-sms", {}), ("get-sms", {"message_id": None}),
        ("get-balance", {"colour": 1}), ("delete-from-list", {"msisdn": "61491570156"}),
    ]  # fmt: skip
    with scripted(lambda *_: pytest.fail("sent")) as client:
        for name, given in wrong:
            with pytest.raises(UsageError):
                client.call(name, **given)


def test_call_needs_the_key_that_should_be_there() -> None:
    with scripted(lambda *_: {"error": SUCCESS}) as client, pytest.raises(ApiError, match="no 'balance'"):
        client.call("get-balance")


@pytest.mark.parametrize("name", ENDPOINTS)
def test_no_answer_cut_anywhere_is_accepted(name: str) -> None:
    entry, whole = endpoint(name), json.dumps(EXAMPLES[name]).encode()
    now = datetime(2026, 11, 22, tzinfo=UTC)

    def accepted(content: bytes) -> bool:
        try:
            read_page(entry, 1, checked(200, {}, content, entry.error_block), content, now)
        except ApiError:
            return False
        return True

    assert accepted(whole)
    assert not any(accepted(whole[:cut]) for cut in range(len(whole)))


def test_checked_lets_only_reseller_calls_go_without_an_error_block() -> None:
    bare = {key: value for key, value in EXAMPLES["clients"].items() if key != "error"}
    assert checked(200, {}, json.dumps(bare).encode(), error_block=False)
    changes: tuple[dict[str, Any], ...] = (
        bare | {"page": []},
        bare | {"error": {"code": "X"}},
        {"clients": []},
    )
    for wrong in changes:
        with pytest.raises(ApiError):
            checked(200, {}, json.dumps(wrong).encode(), error_block=False)
    with pytest.raises(ApiError):
        checked(200, {}, json.dumps(bare).encode())
    with pytest.raises(ApiError):
        checked(500, {}, json.dumps(bare).encode(), error_block=False)


def test_rows_of_an_unknown_key_are_the_only_list_of_objects() -> None:
    hits = EXAMPLES["link_hits"]
    with scripted(lambda *_: hits | {"fields": [], "names": ["a"]}) as client:
        assert len(client.link_hits(**NEEDS["link_hits"])) == 1
    with (
        scripted(lambda *_: hits | {"more": [{"a": 1}]}) as client,
        pytest.raises(ApiError, match="several lists of rows: hits, more"),
    ):
        client.link_hits(**NEEDS["link_hits"])


# ---- secrets ----------------------------------------------------------------------------------------------

KEY, SECRET = "CANARYKEY", "CANARYSECRET"


def test_credentials_and_numbers_show_nowhere(caplog: pytest.LogCaptureFixture, capsys: Any) -> None:
    """Over real HTTP with every logger at DEBUG: good answers, refusals that quote them, failures."""
    caplog.set_level(logging.DEBUG)
    account = Account(seed=1, campaigns=1, recipients=5, singles=0)
    gateway = Gateway(account, limiter=None, key=KEY, secret=SECRET, faults=Faults({"reset": 0.3}, seed=1))
    seen = []
    with running(gateway) as base_url:
        with Client(key=KEY, secret=SECRET, base_url=base_url, rate=1e6, share=1) as client:
            client.contact_history(msisdn="61491570156")
            client.lists()
            seen += [repr(client), str(client), repr(client.settings), repr(vars(client))]
        with Client(key=KEY, secret=SECRET + "2", base_url=base_url, rate=1e6, share=1) as client:
            with pytest.raises(ApiError, match="AUTH_FAILED") as caught:
                client.lists()
            seen += ["".join(traceback.format_exception(caught.value)), repr(caught.value)]

    def quoting(*_: Any) -> httpx.Response:
        said = f"key {KEY} secret {SECRET}\nnumber +61 491 570 156 61491570156 \x1b[31m"
        return httpx.Response(400, content=error("FIELD_INVALID", said))

    with scripted(quoting, key=KEY, secret=SECRET) as client, pytest.raises(ApiError) as caught:
        client.lists()
    seen += [str(caught.value), caplog.text, *capsys.readouterr()]
    assert "FIELD_INVALID" in seen[-4]
    shown = "".join(seen)
    for canary in ("CANARY", "61491570156", "491 570", "\x1b"):
        assert canary not in shown
    assert "get-lists" in caplog.text, "nothing was logged: the test would prove nothing"


@pytest.mark.parametrize("url", ["http://sms.example/", "http://127.0.0.1.sms.example/"])
def test_http_to_a_foreign_host_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(UsageError, match="in clear"):
        scripted(lambda *_: pytest.fail("sent"), base_url=url)


def test_redirects_carry_nothing_elsewhere() -> None:
    hosts = []

    def handle(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(307, headers={"location": "https://elsewhere.example/get-lists.json"})

    client = scripted(lambda *_: GOOD, transport=httpx.MockTransport(handle))
    with client, pytest.raises(ApiError, match="SMSDATA_BASE_URL"):
        client.lists()
    assert hosts == ["127.0.0.1"]


def test_without_credentials_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        scripted(lambda *_: pytest.fail("sent"), key="", secret="") as client,
        pytest.raises(ApiError) as caught,
    ):
        client.lists()
    assert caught.value.code == "AUTH_FAILED_NO_DATA"


def test_numbers_go_in_the_body_not_in_the_address() -> None:
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=json.dumps(EXAMPLES["contact_history"]))

    with scripted(lambda *_: GOOD, transport=httpx.MockTransport(handle)) as client:
        client.contact_history(msisdn="61491570156")
    (request,) = requests
    assert (request.method, "6149" in str(request.url)) == ("POST", False)
    assert b"61491570156" in request.content
    assert request.headers["cache-control"] == "no-store"


# ---- limits -----------------------------------------------------------------------------------------------


class Drip(httpx.SyncByteStream):
    """A body that comes a little at a time; the clock moves with each piece."""

    def __init__(self, piece: bytes, pieces: int, tick: Callable[[], None]) -> None:
        self.piece, self.pieces, self.tick, self.sent = piece, pieces, tick, 0

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.pieces):
            self.tick()
            self.sent += 1
            yield self.piece


def test_a_body_that_drips_meets_the_deadline_of_the_whole_call() -> None:
    now, drips = [1000.0], []

    def tick() -> None:
        now[0] += 20

    def respond(*_: Any) -> httpx.Response:
        drips.append(Drip(b" ", 1000, tick))
        return httpx.Response(200, stream=drips[-1])

    with scripted(respond, clock=lambda: now[0], sleep=quick) as client, pytest.raises(ApiError) as caught:
        client.page(endpoint("lists"), {}, 1)
    assert caught.value.code == "TIMEOUT"
    assert max(drip.sent for drip in drips) <= 4


def test_a_body_without_end_is_cut_off() -> None:
    drip = Drip(b" " * 2**20, 10_000, lambda: None)
    with scripted(lambda *_: httpx.Response(200, stream=drip)) as client:
        with pytest.raises(ApiError, match="too large"):
            client.page(endpoint("lists"), {}, 1)
        assert client.calls == 1
    assert drip.sent <= 65


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("1", 1.0), ("0", 0.0), ("90", 90.0), ("315360000", 120.0), ("Sun, 22 Nov 2026 00:00:07 GMT", 7.0),
     ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("Fri, 01 Jan 2100 00:00:00 GMT", 120.0), ("-5", None),
     ("2.5", None), ("", None), ("soon", None), ("9" * 400, None), ("Sun, 99 Nov 2026", None)],
)  # fmt: skip
def test_retry_after_is_honoured_within_reason(header: str, seconds: float | None) -> None:
    for status in (429, 503):
        with pytest.raises(ApiError) as caught:
            checked(status, httpx.Headers(DATE | {"retry-after": header}), b"")
        assert caught.value.retry_after == seconds
    with pytest.raises(ApiError) as caught:
        checked(400, httpx.Headers(DATE | {"retry-after": header}), error("NO_ACCESS"))
    assert caught.value.retry_after is None


# ---- time, loops ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("date", ["Sun, 22 Nov 2026 00:00:00 GMT", "Sun, 22 Nov 2026 00:00:00 -0000",
                                  "Sun, 22 Nov 2026 11:00:00 +1100"])  # fmt: skip
def test_now_is_the_gateways(date: str) -> None:
    clock = [5.0]
    answer = httpx.Response(200, headers={"date": date}, content=body())
    with scripted(lambda *_: answer, clock=lambda: clock[0], sleep=quick) as client:
        assert abs(client.now() - datetime.now(UTC)) < timedelta(seconds=5)
        assert client.page(endpoint("lists"), {}, 1).seen_at == datetime(2026, 11, 22, tzinfo=UTC)
        clock[0] += 90
        assert client.now() == client.ask_now() == datetime(2026, 11, 22, 0, 1, 30, tzinfo=UTC)
    with scripted(lambda *_: answer, now="2025-01-01") as client:
        client.page(endpoint("lists"), {}, 1)
        assert client.ask_now() == datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("date", ["", "soon", "Sun, 99 Nov 2026 00:00:00 GMT"])
def test_now_survives_a_date_that_is_none(date: str) -> None:
    answer = httpx.Response(200, headers={"date": date}, content=body())
    with scripted(lambda *_: answer) as client:
        client.page(endpoint("lists"), {}, 1)
        assert abs(client.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_ask_now_asks_once_and_needs_no_balance() -> None:
    refused = httpx.Response(400, headers=DATE, content=error("NO_ACCESS"))
    with scripted(lambda *_: refused) as client:
        assert client.ask_now() == client.ask_now() == datetime(2026, 11, 22, tzinfo=UTC)
        assert client.calls == 1
    with scripted(lambda *_: httpx.Response(200, content=HTML)) as client:
        assert abs(client.ask_now() - datetime.now(UTC)) < timedelta(seconds=5)
        assert client.calls == 3


def test_client_works_inside_a_running_loop() -> None:
    """As in a notebook, where a loop runs around every cell."""

    async def cell() -> int:
        left = [httpx.ReadError("x")]

        def respond(*_: Any) -> Any:
            if left:
                raise left.pop()
            return GOOD

        with scripted(respond) as client:
            return len(client.lists())

    assert asyncio.run(cell()) == 1


def test_client_can_be_used_again_after_close() -> None:
    with scripted(lambda *_: GOOD) as client:
        assert len(client.lists()) == 1
    assert len(client.lists()) == 1
    client.close()
    client.close()
