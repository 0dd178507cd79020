"""The commands of callbacks: receiving, showing what came, merging; and command lines that make no sense."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyarrow as pa
import pytest

from smsdata import Client, Store, sync
from smsdata.cli.app import run
from smsdata.errors import UsageError
from smsdata.receiver.server import listening_socket
from smsdata.receiver.watching import follow, shown_callback
from smsdata.schema.frames import schema
from smsdata.simulator import Account, Gateway
from smsdata.store.spool import STATES, Callback, Spool, spool_folder
from tests.support.callers import dlr, fire, query, reply

Made = tuple[Account, Gateway, Store]
AT = "2026-11-22 09:30:00"
ONE = dlr(7, 61491570156, AT)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW_MICROS = int(NOW.timestamp() * 1e6)


def ran(*words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command line."""
    out, said = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(said):
        code = run(words)
    return code, out.getvalue(), said.getvalue()


def put(store: Path, *callbacks: tuple[float, str, dict[str, str]]) -> None:
    """Receive callbacks some hours before `NOW`, as the receiver does."""
    spool = Spool(spool_folder(store / ".smsdata"))
    lines = [
        Callback(NOW_MICROS - int(hours * 3_600e6), kind, query(fields)).line()
        for hours, kind, fields in callbacks
    ]
    with spool.receiving("a test"):
        spool.append(lines)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a store may be made; nothing is there."""
    for name in [name for name in os.environ if name.startswith("SMSDATA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "store"


# ---- command lines that make no sense --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--clear"], "--clear does nothing here"),
        (["--public-url", "https://sms.example.org"], "--public-url does nothing here"),
        (["--json"], "--json does nothing here"),
        (["--now", "2026-11-22"], "--now does nothing here"),
        (["--proxy", "http://127.0.0.1:1"], "--proxy does nothing here"),
        (["--port", "99999", "--status"], "--port does nothing here"),
        (["--host", "0.0.0.0", "--status"], "--host does nothing here"),
        (["--require-signature", "--tail"], "--require-signature does nothing here"),
        (["--tail", "--status"], "--tail does nothing here"),
        (["--show-url", "--status"], "--show-url does nothing here"),
        (["--rotate", "--tail"], "--rotate does nothing here"),
        (["--clear", "--status"], "--clear does nothing here"),
        (["--tail", "--json", "--quiet"], "--quiet does nothing here"),
        (["--tail", "--json", "--port", "8027"], "--port does nothing here"),
        (["--tail", "--json", "--public-url", "https://sms.example.org"], "--public-url does nothing here"),
        (["--show-url", "--clear"], "--clear does nothing here"),
        (["--show-url", "--host", "::1"], "--host does nothing here"),
        (["--show-url", "--port", "1", "--public-url", "https://a.example"], "--port does nothing here"),
        (["--show-url", "--port", "99999"], "port 99999 is none"),
        (["--rotate", "--port", "0"], "port 0 is none"),
        (["--show-url", "--public-url", "sms.example.org"], "--public-url is no address"),
        (["--show-url", "--public-url", "https://a.example/?b"], "--public-url is no address"),
        (["--port", "99999"], "port 99999 cannot be used"),
        (["--status", "--now", "noon"], "is not a time"),
        (["--status"], "there is no store at"),
        (["--tail"], "there is no store at"),
    ],
)
def test_listen_refuses_what_does_nothing_in_one_line(folder: Path, words: list[str], says: str) -> None:
    code, _, said = ran("listen", *words, "--store", str(folder))
    assert (code, len(said.splitlines())) == (2, 1), said
    assert says in said
    assert not folder.exists()


@pytest.mark.parametrize("wait", ["-1", "nan", "-0.5"])
@pytest.mark.parametrize("command", ["sync", "ingest-callbacks"])
def test_a_wait_that_is_no_time_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, wait: str
) -> None:
    for name, value in {"KEY": "demo", "SECRET": "demo"}.items():
        monkeypatch.setenv(f"SMSDATA_API_{name}", value)
    where = ["--base-url", "http://127.0.0.1:9"] if command == "sync" else []
    if command != "sync":
        folder.mkdir()
    code, _, said = ran(command, "--wait", wait, "--store", str(folder), *where)
    assert (code, len(said.splitlines())) == (2, 1), said
    assert "is no number of seconds" in said
    assert not (folder / ".smsdata").exists()


def test_ingest_callbacks_makes_no_store(folder: Path) -> None:
    code, out, said = ran("ingest-callbacks", "--store", str(folder))
    assert (code, out, len(said.splitlines())) == (2, "", 1)
    assert f"there is no store at {folder}" in said
    assert not folder.exists()
    code, _, said = ran("ingest-callbacks", "--store", str(folder), "--rate", "5")
    assert (code, "--rate does nothing here" in said) == (2, True)


# ---- status ----------------------------------------------------------------------------------------------


def test_status_of_a_receiver_that_heard_nothing(folder: Path) -> None:
    folder.mkdir()
    code, out, said = ran("listen", "--status", "--store", str(folder))
    assert (code, said) == (0, "")
    assert out.splitlines() == [
        "last hour   nothing",
        "last day    nothing",
        "last one    none yet",
        "not merged  0 (0 bytes)",
        "put aside   0 wait for polling, 0 cannot be read, 0 have a wrong signature",
    ]


def _stored(store: Store, sends: dict[int, tuple[str, datetime, bool]]) -> None:
    """Sends with one recipient each: its status, when they were sent, whether a callback told of it."""
    with store.writing():
        store.bind("me", "http://127.0.0.1/")
        store.save_state()
        for number, (status, at, heard) in sends.items():
            row = {"message_id": number, "msisdn": "61491570156", "status": status, "sent_at": at}
            row |= {"synced_at": at, "copies": 1}
            made = pa.Table.from_pylist([row], schema=schema("dlrs"))
            if heard:
                store.merge("dlrs", made, source="callback")
            store.merge("dlrs", made)


def test_status_names_silent_sends_and_what_came(folder: Path) -> None:
    yesterday, long_ago = datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    _stored(Store(folder), {
        21: ("delivered", yesterday, False), 22: ("hard-bounce", yesterday, False),
        23: ("delivered", yesterday, True), 24: ("pending", yesterday, False),
        25: ("soft-bounce", yesterday, False), 26: ("delivered", long_ago, False),
    })  # fmt: skip
    put(folder, (0.5, "dlr", dlr(23, 61491570156, AT)), (0.25, "dlr", dlr(23, 61491570156, AT)),
        (5, "reply", reply(5, 23, 61491570156, "2026-11-22 07:00:00")), (0.1, "link-hit", {}),
        (25, "dlr", dlr(99, 61491570156, "2026-11-21 11:00:00")))  # fmt: skip
    size = sum(path.stat().st_size for path in spool_folder(folder / ".smsdata").glob("*.sealed"))
    words = ("listen", "--status", "--now", "2026-11-22T12:00:00Z", "--store", str(folder))
    code, out, _ = ran(*words)
    assert code == 3  # sends of which nothing was heard
    silent = (
        "no callback of 2 sends of the last 7 days that polling shows final: 21, 22. "
        "Their URL was set per message, or the account's setting is off."
    )
    assert out.splitlines() == [
        "last hour   dlr 2, link-hit 1",
        "last day    dlr 2, reply 1, link-hit 1",
        "last one    2026-11-22T11:54:00+00:00",
        f"not merged  5 ({size:,} bytes)",
        "put aside   0 wait for polling, 0 cannot be read, 0 have a wrong signature",
        silent,
    ]
    ingest = ("ingest-callbacks", "--now", "2026-11-22T12:00:00Z", "--store", str(folder))
    code, _, said = ran(*ingest, "--quiet")
    assert (code, "callbacks: 1 cannot be read" in said) == (3, True)
    code, out, said = ran(*ingest)  # it is no news to this run, and told all the same
    assert (code, "1 odd" in out, "those put aside before" in said) == (0, True, True)
    shown = json.loads(ran(*words, "--json")[1])
    assert shown == {
        "last_hour": {"dlr": 2, "link-hit": 1}, "last_day": {"dlr": 2, "reply": 1, "link-hit": 1},
        "last": "2026-11-22T11:54:00+00:00", "not_merged": 0, "bytes": 0,
        "waiting": 3, "odd": 1, "refused": 0, "missing": [], "silent_sends": [21, 22],
    }  # fmt: skip


def test_status_of_a_synced_account_is_silent_until_a_callback_comes(
    world: Made, connect: Callable[..., Client]
) -> None:
    account, gateway, store = world
    send = account.send_campaign(numbers=[61491570156, 61491570157])
    account.advance(days=4)
    with connect(gateway) as client:
        sync(client, store)
    now = ("--now", f"{account.time:%Y-%m-%dT%H:%M:%SZ}", "--store", str(store.path), "--json")
    before = json.loads(ran("listen", "--status", *now)[1])["silent_sends"]
    assert send in before
    at = f"{account.time:%Y-%m-%d %H:%M:%S}"
    spool = Spool(spool_folder(store.private))
    with spool.receiving("a test"):
        spool.append([Callback(account.now * 1_000_000, "dlr", query(dlr(send, 61491570156, at))).line()])
    assert ran("ingest-callbacks", *now)[0] == 0
    after = json.loads(ran("listen", "--status", *now)[1])["silent_sends"]
    assert set(before) - set(after) == {send}


# ---- tail ------------------------------------------------------------------------------------------------


class _Enough(Exception):
    """A test has seen enough."""


def test_follow_shows_each_callback_once_whatever_becomes_of_its_segment(tmp_path: Path) -> None:
    """What was there before is not shown; segments are sealed, merged and removed between two looks."""
    store = Store(tmp_path / "store")
    put(store.path, (1, "dlr", dlr(1, 61491570156, AT)))
    spool = Spool(spool_folder(store.private))
    steps: list[Callable[[], Any]] = []
    ready: list[str] = []

    def next_step(_seconds: float) -> None:
        if not steps:
            raise _Enough
        steps.pop(0)()

    def receive(*numbers: int) -> None:
        spool.append([Callback(NOW_MICROS, "dlr", f"message_id={n}").line() for n in numbers])

    def seal_and_merge() -> None:
        receive(5)
        spool.seal()
        for segment in spool.segments("sealed"):
            spool.mark_merged(segment)

    with spool.receiving("a test"):
        steps += [lambda: receive(2), lambda: receive(3, 4), lambda: None, seal_and_merge]
        steps += [lambda: receive(6), spool.seal, lambda: receive(7), seal_and_merge]
        steps += [lambda: spool.forget_merged(1e12), lambda: receive(8), lambda: receive(9)]
        shown: list[str] = []
        with suppress(_Enough):
            for one in follow(store, sleep=next_step, on_ready=lambda: ready.append("now")):
                shown.append(one.query.removeprefix("message_id="))
    assert ready == ["now"]
    assert shown == ["2", "3", "4", "5", "6", "7", "5", "8", "9"]


def started(store: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SMSDATA_")}
    return subprocess.Popen(
        [sys.executable, "-m", "smsdata", "listen", "--store", str(store), *words],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean | environment,
    )  # fmt: skip


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


@contextmanager
def tailing(store: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    process = started(store, "--tail", *words)
    try:
        assert first_line(process) == "Showing callbacks from now on, until Ctrl-C.\n"
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _shown(process: subprocess.Popen[str], lines: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n") for _ in range(lines)]


NEWS = [
    (0.0, "dlr", dlr(7, 61491570156, AT)),
    (0.0, "reply", reply(5, 7, 61491570157, AT, "Call me\non 61491570158")),
    (0.0, "list", {"type": "add", "list_id": "3", "mobile": "61491570159", "firstname": "Mia"}),
]


def test_tail_shows_lines_masked(folder: Path) -> None:
    put(folder, (1, "dlr", ONE))
    with tailing(folder) as process:
        put(folder, *NEWS)
        shown = _shown(process, 3)
    at = "2026-11-22T12:00:00+00:00"
    assert shown[0] == (
        f"{at} dlr       message_id=7 mobile=********156 datetime={AT} status=delivered user_id=9"
    )
    assert shown[1] == (
        f"{at} reply     message_id=7 mobile=********157 longcode=********737 datetime_entry={AT} "
        "response=(22 characters) response_id=5 is_optout=no user_id=9"
    )
    assert shown[2] == f"{at} list      type=add list_id=3 mobile=********159 firstname=(3 characters)"


CANARY = {
    "email": "canary@example.org",
    "Shoe size": "canary",
    "canary@example.org": "1",
    "customer_id": "4711",
}
PLAIN = {"type": "add", "list_id": "3"}
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "callback",
    [
        Callback(0, "list", query(CANARY | PLAIN)),
        Callback(0, "list", query(CANARY), query(PLAIN), FORM),
        Callback(0, "dlr", query({"status": "canary@example.org"} | CANARY | PLAIN)),
        Callback(0, "dlr", query({"message_id": "4711canary", "datetime": "canary"} | PLAIN)),
        Callback(0, "dlr", query({"message_id": "61491570156", "mobile": "canary"} | PLAIN)),
    ],
)
def test_tail_shows_of_parameters_only_what_says_nothing_of_anybody(callback: Callback) -> None:
    shown = json.dumps(shown_callback(callback)["parameters"])
    assert not [word for word in ("canary", "4711", "61491570156") if word in shown.replace("status", "")], (
        shown
    )
    assert '"type": "add"' in shown
    assert '"list_id": "3"' in shown
    assert "Shoe size" in shown or "Shoe" not in callback.query
    assert any(word in json.dumps(shown_callback(callback, clear=True)) for word in ("canary", "61491570156"))


def test_tail_shows_all_when_asked(folder: Path) -> None:
    folder.mkdir()
    with tailing(folder, "--clear") as process:
        put(folder, *NEWS)
        lines = _shown(process, 3)
    assert "mobile=61491570156" in lines[0]
    assert r"response=Call me\non 61491570158" in lines[1]  # and still one line
    assert lines[2].endswith("mobile=61491570159 firstname=Mia")


@pytest.mark.parametrize("clear", [False, True])
def test_tail_json_is_one_object_a_line(folder: Path, clear: bool) -> None:
    folder.mkdir()
    with tailing(folder, "--json", *(["--clear"] if clear else [])) as process:
        put(folder, *NEWS)
        shown = [json.loads(line) for line in _shown(process, 3)]
    assert [one["kind"] for one in shown] == ["dlr", "reply", "list"]
    assert {one["at"] for one in shown} == {"2026-11-22T12:00:00+00:00"}
    assert shown[0]["parameters"]["mobile"] == ("61491570156" if clear else "********156")
    assert shown[1]["parameters"]["response"] == (NEWS[1][2]["response"] if clear else "(22 characters)")


# ---- receiving -------------------------------------------------------------------------------------------


def test_listen_receives_without_credentials_and_ends_in_order(tmp_path: Path) -> None:
    store = tmp_path / "store"
    shown = started(store, "--show-url", "--json", "--public-url", "https://sms.example.org/callbacks/")
    urls = json.loads(shown.communicate(timeout=60)[0])
    assert list(urls) == ["dlr", "reply", "link-hit", "list"]
    listening = started(store, "--port", "0")
    base = next(word for word in first_line(listening).split() if word.startswith("http://"))
    assert fire(base + urlsplit(urls["dlr"]).path.removeprefix("/callbacks"), ONE) == 200
    second = started(store, "--port", "0")
    _, refused = second.communicate(timeout=60)
    assert (second.returncode, len(refused.splitlines())) == (4, 1)
    listening.terminate()
    _, said = listening.communicate(timeout=60)
    assert "Traceback" not in said
    assert "GET dlr 200" in said
    assert urlsplit(urls["dlr"]).path.split("/")[2] not in said


def test_listen_demands_a_secret_for_signatures(tmp_path: Path) -> None:
    process = started(tmp_path / "store", "--require-signature", "--port", "0")
    _, said = process.communicate(timeout=60)
    assert (process.returncode, len(said.splitlines())) == (2, 1)
    assert "SMSDATA_API_SECRET" in said


def test_the_twin_rehearses_what_listen_receives(tmp_path: Path, folder: Path) -> None:
    """Two commands: what a person texts the simulated account is a signed callback, and on disk."""
    urls = json.loads(ran("listen", "--show-url", "--json", "--store", str(folder))[1])
    demo = {"SMSDATA_API_SECRET": "demo", "HOME": str(tmp_path)}
    listening = started(folder, "--require-signature", "--port", "0", **demo)
    base = next(word for word in first_line(listening).split() if word.startswith("http://"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    twin = subprocess.Popen(
        [sys.executable, "-m", "smsdata", "simulate", "--port", str(port), "--now", "2026-01-05", "--sign",
         "--callback", f"reply={base}{urlsplit(urls['reply']).path}?from=the+twin"],
        stderr=subprocess.PIPE, text=True, env=os.environ | demo,
    )  # fmt: skip
    assert "simulated gateway" in first_line(twin)
    with tailing(folder, "--json", "--clear") as tail:
        said = {"mobile": "447700900999", "response": "JOIN & more"}
        with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as client:  # it may still be starting
            client.post(f"http://127.0.0.1:{port}/__twin/inbound", data=said).raise_for_status()
        (line,) = _shown(tail, 1)
    for process in (twin, listening):
        process.terminate()
        process.communicate(timeout=60)
    told = json.loads(line)["parameters"]
    assert (told["from"], told["mobile"], told["response"]) == ("the twin", "447700900999", "JOIN & more")
    assert told["datetime_entry"] == "2026-01-05 00:00:00"
    kept = [
        one for part in Spool(spool_folder(folder / ".smsdata")).segments(*STATES) for one in part.callbacks
    ]
    assert [one.checked for one in kept] == [True]


@pytest.mark.parametrize("host", ["999.1.1.1", "no.such.host.invalid", "203.0.113.7", "a" * 80])
def test_a_host_that_is_none_of_this_machine_is_named(host: str) -> None:
    with pytest.raises(UsageError, match=r"is no address of this machine.*--host"):
        listening_socket(host, 0)
