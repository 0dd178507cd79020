"""Networks that are not ours: certificates, proxies, addresses where nobody listens."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from smsdata import ApiError, Client, Store, UsageError
from smsdata.settings import canonical_url, settings

BALANCE = b'{"balance": "1.00", "currency": "AUD", "error": {"code": "SUCCESS", "description": "OK"}}'
OPTIONS: dict[str, Any] = {"key": "demo", "secret": "s3cr3t", "rate": 1e6, "share": 1.0}


class _Answer(BaseHTTPRequestHandler):
    """Says how much is left, or that nothing is here; as a proxy too."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        status = self.server.status  # type: ignore[attr-defined]
        body = BALANCE if status == 200 else b"<html>nothing here</html>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def serving(status: int = 200, context: ssl.SSLContext | None = None) -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Answer)
    server.asked, server.status = [], status  # type: ignore[attr-defined]
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority that nobody trusts by default, such as an organisation's own."""
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "own.pem")
    return tmp_path / "own.pem"


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[HTTPServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    yield from serving(context=context)


@pytest.fixture
def plain() -> Iterator[HTTPServer]:
    yield from serving()


@pytest.fixture
def elsewhere() -> Iterator[HTTPServer]:
    yield from serving(404)


def address(server: HTTPServer, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{server.server_port}/"


def test_certificate_that_is_not_trusted_fails_at_once_and_names_the_setting(secure: HTTPServer) -> None:
    with Client(**OPTIONS, base_url=address(secure, "https")) as client:
        with pytest.raises(
            ApiError, match=r"CERTIFICATE.*certificate is not trusted.*SMSDATA_CA_BUNDLE"
        ) as caught:
            client.call("get-balance")
        assert client.calls == 1
    assert not caught.value.retryable
    assert secure.asked == []  # type: ignore[attr-defined]


def test_ca_bundle_is_trusted_beside_the_usual_certificates(
    secure: HTTPServer, bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SMSDATA_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    with Client(**OPTIONS, base_url=address(secure, "https")) as client:
        assert client.call("get-balance")["balance"] == "1.00"
    assert not (tmp_path / "keys").exists()


def test_ca_bundle_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        Client(**OPTIONS, ca_bundle=str(tmp_path / "none.pem"))
    (tmp_path / "empty.pem").touch()
    with (
        pytest.raises(UsageError, match="no certificates"),
        Client(**OPTIONS, ca_bundle=str(tmp_path / "empty.pem")) as client,
    ):
        client.call("get-balance")


def test_proxy_is_used_only_when_it_is_named(plain: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", address(plain))
    nowhere = "http://127.0.0.1:9/"
    with Client(**OPTIONS, base_url=nowhere) as client, pytest.raises(ApiError, match="NETWORK"):
        client.call("get-balance")
    with Client(**OPTIONS, base_url=nowhere, proxy=address(plain)) as client:
        assert client.call("get-balance")["currency"] == "AUD"
    assert plain.asked == [f"{nowhere}get-balance.json"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("proxy", ["proxy.example", "ftp://proxy.example", "http://", "http://u:word@:3128"])
def test_proxy_that_is_none_is_refused_without_showing_its_password(proxy: str) -> None:
    with pytest.raises(UsageError, match="is not an address") as caught:
        settings(**OPTIONS, proxy=proxy)
    assert "word" not in str(caught.value)


def test_address_where_nobody_listens_is_said_within_five_seconds() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # bound, but nobody listens
        began = time.monotonic()
        reason = rf"NETWORK after 3 tries.*127\.0\.0\.1:{port}/ failed .*refused"
        with Client(**OPTIONS, base_url=f"http://127.0.0.1:{port}/") as client:  # noqa: SIM117 - one line each
            with pytest.raises(ApiError, match=reason):
                client.call("get-balance")
        assert time.monotonic() - began < 5


def test_address_without_a_gateway_is_said_at_once(elsewhere: HTTPServer) -> None:
    with Client(**OPTIONS, base_url=address(elsewhere)) as client:
        with pytest.raises(ApiError, match=r"no gateway at http.*SMSDATA_BASE_URL"):
            client.call("get-balance")
        assert client.calls == 1


def test_base_urls_of_one_gateway_are_one_account(tmp_path: Path) -> None:
    spellings = ["http://localhost:8025", "http://127.0.0.1:8025/", "HTTP://LocalHost:8025/"]
    assert len({settings(**OPTIONS, base_url=url).account for url in spellings}) == 1
    assert (
        canonical_url("https://sms.example:443")
        == canonical_url("https://SMS.example./")
        == "https://sms.example/"
    )
    assert canonical_url("https://sms.example/v1") != canonical_url("https://sms.example/v2")
    store = Store(tmp_path / "store")
    with store.writing():
        for url in spellings:
            store.bind("account", url)
            store.save_state()
    assert store.state.base_url == "http://127.0.0.1:8025/"
