"""Settings, instants and durations as people write them."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from smsdata.errors import UsageError
from smsdata.settings import is_loopback, mask, settings
from smsdata.times import duration, instant, since

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)


def test_settings_take_defaults_environment_and_arguments_in_this_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = settings()
    assert (found.key, found.secret.reveal(), found.base_url) == ("", "", "https://api.transmitsms.com/")
    assert (found.rate, found.share, str(found.store)) == (2.0, 0.5, "data/store")
    assert found.sources["rate"] == "default"
    for name, value in {"API_KEY": "k", "API_SECRET": "s", "BASE_URL": "https://sms.example/v1", "RATE": "15",
                        "SHARE": "1", "STORE": "a/store"}.items():  # fmt: skip
        monkeypatch.setenv(f"SMSDATA_{name}", value)
    found = settings(rate=3)
    assert (found.key, found.secret.reveal(), found.base_url) == ("k", "s", "https://sms.example/v1/")
    assert (found.rate, found.share, str(found.store)) == (3.0, 1.0, "a/store")
    assert (found.sources["rate"], found.sources["share"]) == ("argument", "SMSDATA_SHARE")


def test_settings_take_credentials_from_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    class Locked(Exception):
        pass

    def get(service: str, name: str) -> str | None:
        if name == "secret":
            raise Locked
        return f"{service}-{name}"

    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=get))
    monkeypatch.setitem(sys.modules, "keyring.errors", SimpleNamespace(KeyringError=Locked))
    found = settings()
    assert (found.key, found.sources["key"]) == ("smsdata-key", "keyring")
    assert (found.secret.reveal(), found.sources["secret"]) == ("", "not set")


def test_settings_show_neither_key_nor_secret() -> None:
    found = settings(key="CANARYKEY", secret="CANARYSECRET")
    assert "CANARY" not in repr(found) + str(found) + f"{found!s}" + found.account
    assert mask("CANARYSECRET") == "********"


def test_account_differs_by_key_and_address() -> None:
    one = settings(key="a", base_url="https://x.example")
    assert one.account == settings(key="a", secret="other", base_url="https://x.example/").account
    assert one.account != settings(key="b", base_url="https://x.example").account
    assert one.account != settings(key="a", base_url="https://y.example").account


@pytest.mark.parametrize(
    "url",
    ["https://sms.example", "https://sms.example:8443/api/", "http://127.0.0.1:8025", "http://localhost:1/",
     "http://[::1]:8025/", "http://127.8.9.1/", "HTTP://127.0.0.1/"],
)  # fmt: skip
def test_base_url_may_be(url: str) -> None:
    assert settings(base_url=url).base_url == (url if url.endswith("/") else url + "/")


@pytest.mark.parametrize(
    "url",
    ["http://sms.example", "http://127.0.0.1.sms.example/", "http://localhost.sms.example", "http://0.0.0.0/",
     "http://10.0.0.1/", "http://[2001:db8::1]/", "http://127.0.0.1@sms.example/", "http://[::1", "ftp://127.0.0.1/",
     "https://", "sms.example", "", "https://key:CANARY@sms.example/", "https://sms.example/?key=CANARY",
     "https://sms.example/#CANARY", "key:CANARY@sms.example", "http://127.0.0.1:99999/",
     "http://127.0.0.1\\@sms.example/", "http://127.0.0.1\\.sms.example/", "https://sms example/",
     "http://localhost\n.sms.example/", "http://[::1]x/"],
)  # fmt: skip
def test_base_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings(base_url=url)
    assert "CANARY" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", " "])
def test_a_store_without_a_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="store is empty"):
        settings(store=name)


@pytest.mark.parametrize(
    "given",
    [{"rate": 0}, {"rate": -1}, {"rate": "fast"}, {"rate": "nan"}, {"rate": "inf"}, {"share": 0},
     {"share": 1.1}, {"share": "50%"}, {"share": []}],
)  # fmt: skip
def test_numbers_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(given))):
        settings(**given)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(30)),
        (" 2w ", timedelta(14)),
    ],
)
def test_duration_reads(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize(
    "text", ["30", "", "d", "0d", "-3d", "1.5d", "3 d", "3y", "3D", "٣d", "1d2h", 30, None]
)
def test_duration_refuses(text: Any) -> None:
    with pytest.raises(UsageError, match="is not a duration"):
        duration(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22 09:30:00", datetime(2026, 11, 22, 9, 30, tzinfo=UTC)),
        ("2026-11-22T09:30:00Z", datetime(2026, 11, 22, 9, 30, tzinfo=UTC)),
        ("2026-11-22T20:30:00+11:00", datetime(2026, 11, 22, 9, 30, tzinfo=UTC)),
        (
            datetime(2026, 11, 22, 20, tzinfo=timezone(timedelta(hours=10.5))),
            datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
        ),
    ],
)
def test_instant_reads(value: Any, expected: datetime) -> None:
    assert instant(value) == expected
    assert instant(value).tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    ["", "soon", "2026", "2026-11", "2026-11-31", "22/11/2026", "2026-11-22 25:00", 20261122, None,
     "0001-01-01T00:00:00+14:00", datetime(2026, 11, 22)],  # noqa: DTZ001
)  # fmt: skip
def test_instant_refuses(value: Any) -> None:
    with pytest.raises(UsageError, match="start="):
        instant(value, "start")


def test_since_takes_a_duration_or_an_instant() -> None:
    assert since("3h", NOW) == NOW - timedelta(hours=3)
    assert since("2026-11-20", NOW) == datetime(2026, 11, 20, tzinfo=UTC)
    assert since(NOW, NOW) == NOW
    assert since(date(2026, 11, 20), NOW) == datetime(2026, 11, 20, tzinfo=UTC)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["30", 30, "2027-01-01", "999999w", "yesterday", ""])
def test_since_refuses(value: Any) -> None:
    with pytest.raises(UsageError):
        since(value, NOW)


def test_is_loopback_knows_only_this_machine() -> None:
    assert [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "127.1", "host", "8.8.8.8")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
