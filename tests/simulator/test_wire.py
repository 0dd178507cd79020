"""The gateway in process and on the wire answers, breaks and waits alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from smsdata.simulator import Account, Drift, Faults, Gateway, Once, running

from .asking import http_client, small


def test_transport_takes_get_and_post(account: Account) -> None:
    """Parameters in the query and in the form body are the same."""
    with http_client(Gateway(account, limiter=None)) as http:
        by_get = http.get("/get-list.json", params={"list_id": 3_100_001, "members": "all"}).json()
        by_post = http.post("/get-list.json", data={"list_id": 3_100_001, "members": "all"}).json()
    assert by_get == by_post
    assert by_get["members"]


@pytest.mark.parametrize(
    ("kind", "error"),
    [("truncate", httpx.RemoteProtocolError), ("reset", httpx.ReadError), ("hang", httpx.ReadTimeout)],
)
def test_transport_fails_as_a_network_would(account: Account, kind: str, error: type[Exception]) -> None:
    """Truncation, reset and silence are httpx's own errors, at once."""
    gateway = Gateway(account, limiter=None, faults=Faults(script=[Once(kind)]))
    with http_client(gateway) as http:
        with pytest.raises(error):
            http.get("/get-lists.json")
        assert http.get("/get-lists.json").status_code == 200


def test_transport_waits_with_the_given_sleep(account: Account) -> None:
    """Latency is split around the call and goes through `sleep`."""
    slept: list[float] = []
    gateway = Gateway(account, limiter=None, latency=(0.1, 0.3))
    with http_client(gateway, sleep=slept.append) as http:
        http.get("/get-lists.json")
    assert len(slept) == 2
    assert 0.1 <= sum(slept) <= 0.3


@pytest.mark.parametrize(
    ("kind", "error"),
    [("truncate", httpx.RemoteProtocolError), ("reset", httpx.ReadError), ("hang", httpx.ReadTimeout)],
)
def test_running_breaks_answers_on_the_wire(account: Account, kind: str, error: type[Exception]) -> None:
    """The same over a real connection, which then serves again."""
    gateway = Gateway(account, limiter=None, faults=Faults(script=[Once(kind)]))
    with (
        running(gateway) as base_url,
        httpx.Client(base_url=base_url, auth=("demo", "demo"), timeout=0.3) as http,
    ):
        with pytest.raises(error):
            http.get("/get-lists.json")
        assert http.get("/get-lists.json").json()["lists_total"] == 6
        post = http.post("/get-list.json", data={"list_id": 3_100_001})
    assert post.headers["date"] == "Sun, 22 Nov 2026 00:00:00 GMT"
    assert post.headers["content-length"] == str(len(post.content))


def test_respond_is_safe_among_threads() -> None:
    """Calls from several threads, while the account changes, are all answered and all recorded."""
    account = small(reply_rate=0.5)
    account.send_campaign(3_100_001)
    gateway = Gateway(account, limiter=None, drift=Drift(rows=1, kinds=("join", "delete", "head")))
    with http_client(gateway) as http, ThreadPoolExecutor(4) as pool:
        urls = ["/get-list.json?list_id=3100001&members=all&max=5", "/get-message-report.json"] * 60
        answers = [pool.submit(http.get, url) for url in urls]
        for _ in range(20):
            account.advance(hours=1)
        assert {answer.result().status_code for answer in answers} == {200}
    assert len(gateway.calls) == len(urls)
