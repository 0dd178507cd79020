"""Many accounts side by side: each its own rate and store, one that fails alone, one summary."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from smsdata import Client, Store, Stores, sync
from smsdata.account_file import AccountEntry, read_accounts
from smsdata.cli.accounts import _check
from smsdata.cli.app import CommonOptions, app
from smsdata.cli.log_lines import log_to_stderr
from smsdata.cli.many import Outcome, side_by_side, worst_of
from smsdata.errors import StoreError
from smsdata.settings import Settings
from smsdata.simulator import Account, Gateway, running, transport
from tests.support.schemas import misfits
from tests.test_canaries import all_logged


class OwnTime:
    """A clock that sleeping moves on; one for each account, and for its gateway."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


class World:
    """Accounts of one rate, each with a gateway and a time of its own."""

    def __init__(self, names: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALL_SECRET", "demo")
        monkeypatch.setenv("WRONG_SECRET", "CANARY")
        self.clocks = {name: OwnTime() for name in names}
        self.gateways = {
            name: Gateway(
                Account(seed=n, campaigns=2, recipients=8, singles=1, inbound=2, lists=1, days=9),
                rate=2.0, clock=self.clocks[name],
            )
            for n, name in enumerate(names)
        }  # fmt: skip
        self.entries = {
            name: AccountEntry(name, {
                "key": "demo", "secret_env": "ALL_SECRET", "base_url": f"http://127.0.0.1:{9000 + n}/",
                "rate": 2, "share": 1, "store": str(folder / name),
            })
            for n, name in enumerate(names)
        }  # fmt: skip

    def connect(self, chosen: Settings, now: str | None) -> Client:
        name = chosen.store.name
        return Client(
            key=chosen.key, secret=chosen.secret.reveal(), base_url=chosen.base_url, rate=chosen.rate,
            share=chosen.share, now=now, transport=transport(self.gateways[name]), clock=self.clocks[name],
            sleep=self.clocks[name].sleep,
        )  # fmt: skip

    def sync_all(self, entries: dict[str, AccountEntry]) -> dict[str, Outcome]:
        def work(_name: str, client: Client, store: Store) -> tuple[int, dict[str, Any]]:
            return 0, sync(client, store).as_json()

        return side_by_side(entries, work, {}, connect=self.connect)


def test_twenty_accounts_keep_each_its_own_rate_and_one_with_a_wrong_secret_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two calls a second each, in their own times: none is throttled, none waits for another."""
    names = [f"a{n:02}" for n in range(20)]
    world = World(names, tmp_path, monkeypatch)
    facts = dict(world.entries["a07"].facts) | {"secret_env": "WRONG_SECRET"}
    world.entries["a07"] = AccountEntry("a07", facts)
    outcomes = world.sync_all(world.entries)
    assert {name: one.exit_code for name, one in outcomes.items()} == {n: int(n == "a07") for n in names}
    assert {name: gateway.throttled for name, gateway in world.gateways.items()} == dict.fromkeys(names, 0)
    failure = outcomes["a07"].error
    assert failure is not None
    assert "AUTH_FAILED" in failure.code
    assert "CANARY" not in failure.text
    for name in set(names) - {"a07"}:
        stored = Store(tmp_path / name).read("messages")["id"]
        assert sorted(stored) == sorted(row["id"] for row in world.gateways[name].account.truth("messages"))
        calls = len(world.gateways[name].calls)
        assert world.clocks[name].now - 1000 <= 1.15 * calls / 2 + 1  # as long as its own calls take, no more
    alone = World(names[:1], tmp_path / "alone", monkeypatch)
    alone.sync_all(alone.entries)
    assert len(alone.gateways["a00"].calls) == len(world.gateways["a00"].calls)


@pytest.mark.parametrize(
    ("codes", "worst"),
    [([0, 0], 0), ([0, 3], 3), ([4, 3, 0], 4), ([3, 1, 4], 1), ([2, 1], 1), ([5, 4], 5), ([], 0)],
)
def test_worst_of_follows_its_rule(codes: list[int], worst: int) -> None:
    assert worst_of(codes) == worst


# ---- the command line ------------------------------------------------------------------------------


@pytest.fixture
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Gateway]]:
    """A file of three accounts in the folder that one is in; the third has a wrong secret."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOOD_SECRET", "demo")
    monkeypatch.setenv("WRONG_SECRET", "CANARY-SECRET")
    gateways = {
        name: Gateway(
            Account(seed=n, campaigns=2, recipients=8, singles=1, inbound=2, lists=1, days=9), limiter=None
        )
        for n, name in enumerate(("sydney", "perth", "wrong"))
    }
    with ExitStack() as stack:
        lines = []
        for name, gateway in gateways.items():
            variable = "WRONG_SECRET" if name == "wrong" else "GOOD_SECRET"
            lines += [
                f"[accounts.{name}]", 'key = "demo"', f'secret_env = "{variable}"', "rate = 5000",
                "share = 1", f'base_url = "{stack.enter_context(running(gateway))}"',
            ]  # fmt: skip
        path = tmp_path / "accounts.toml"
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o600)
        yield gateways


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_sync_of_all_accounts_gives_one_summary_and_the_worst_code(
    accounts: dict[str, Gateway], tmp_path: Path
) -> None:
    done = run("sync", "--all-accounts", "--json", "--heartbeat", "alive")
    told = json.loads(done.stdout)
    assert misfits("smsdata sync --all-accounts", told) == []
    assert (done.exit_code, told["exit_code"]) == (1, 1)
    assert {name: one["exit_code"] for name, one in told["accounts"].items()} == {
        "sydney": 0, "perth": 0, "wrong": 1,
    }  # fmt: skip
    for name in ("sydney", "perth"):
        assert misfits("smsdata sync", told["accounts"][name]["result"]) == []
        assert Store(tmp_path / "data" / name).count("messages") == len(
            accounts[name].account.truth("messages")
        )
    assert told["accounts"]["wrong"]["error"]["code"].startswith("AUTH_FAILED")
    assert not (tmp_path / "alive").exists()
    assert "CANARY" not in done.output
    text = run("sync", "--all-accounts")
    assert text.exit_code == 1
    assert "wrong: " in text.stderr
    assert text.stdout.splitlines()[-1].startswith("3 accounts, ")


def test_sync_of_all_accounts_logs_whose_line_it_is_and_no_secret(accounts: dict[str, Gateway]) -> None:
    with all_logged() as lines:
        done = run("sync", "--all-accounts", "--log-format", "json")
    log_to_stderr("text")
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [fault for line in told for fault in misfits("--log-format json", line)] == []
    assert {line["account"] for line in told} == set(accounts)
    (failed,) = [line for line in told if line["account"] == "wrong"]
    assert failed["level"] == "warning"
    people = {str(n) for gateway in accounts.values() for n in gateway.account.recipients["msisdn"].tolist()}
    everything = "\n".join(lines) + done.output
    assert [one for one in people | {"CANARY-SECRET"} if one in everything] == []
    assert "get-sms-sent" in everything  # else it would prove nothing


def test_status_of_all_accounts_is_one_line_each(accounts: dict[str, Gateway], tmp_path: Path) -> None:
    run("sync", "--account", "perth")
    run("sync", "--account", "wrong")
    done = run("status", "--all-accounts", "--json")
    told = json.loads(done.stdout)
    assert misfits("smsdata status --all-accounts", told) == []
    codes = {name: one["exit_code"] for name, one in told["accounts"].items()}
    assert (done.exit_code, codes) == (2, {"sydney": 2, "perth": 0, "wrong": 3})
    for name in ("perth", "wrong"):
        assert misfits("smsdata status", told["accounts"][name]["result"]) == []
    screen = run("status", "--all-accounts").stdout
    for words in (
        r"sydney +2 +- +there is no store",
        r"perth +0  \d+ s +-$",
        r"wrong +3  never +the last run failed",
    ):
        assert re.search(words, screen, re.MULTILINE), words


def test_sync_of_one_account_takes_its_secret_rate_and_store(
    accounts: dict[str, Gateway], tmp_path: Path
) -> None:
    assert run("sync", "--account", "perth", "--heartbeat", "alive").exit_code == 0
    assert (tmp_path / "alive").exists()
    assert not (tmp_path / "data" / "sydney").exists()
    assert run("status", "--account", "perth").exit_code == 0
    assert run("verify", "--account", "perth").exit_code == 0
    assert (
        run("tables", "--account", "wrong").exit_code == 2
    )  # there is no store yet, and no secret is asked for
    shown = json.loads(run("config", "--account", "perth", "--json").stdout)
    assert shown["secret"] == {"value": "********", "from": "account perth"}
    done = run("sync", "--account", "hobart")
    assert (done.exit_code, "Accounts: sydney, perth, wrong" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "words",
    [("--account", "perth"), ("--store", "x"), ("--base-url", "http://127.0.0.1/"), ("--rate", "3"),
     ("--share", "1"), ("--tables", "dlrs", "--message-id", "7")],
)  # fmt: skip
def test_sync_of_all_accounts_refuses_what_is_of_one(
    accounts: dict[str, Gateway], words: tuple[str, ...]
) -> None:
    done = run("sync", "--all-accounts", *words)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert all(gateway.calls == [] for gateway in accounts.values())


def test_options_of_accounts_that_do_nothing_are_refused(accounts: dict[str, Gateway]) -> None:
    for words in (
        ("sync", "--accounts-file", "accounts.toml"), ("demo", "--account", "perth"),
        ("simulate", "--account", "perth"), ("accounts", "list", "--keyring"),
        ("accounts", "check", "--account", "perth"), ("accounts", "list", "--store", "x"),
    ):  # fmt: skip
        done = run(*words)
        assert (done.exit_code, "here" in done.stderr) == (2, True), words


def test_accounts_list_shows_no_key_and_asks_nobody(accounts: dict[str, Gateway]) -> None:
    told = json.loads(run("accounts", "list", "--json").stdout)["accounts"]
    assert list(told) == ["sydney", "perth", "wrong"]
    assert told["perth"]["secret_from"] == "environment variable GOOD_SECRET"
    done = run("accounts", "list")
    assert "demo" not in done.output.replace("data", "")
    assert all(gateway.calls == [] for gateway in accounts.values())


def test_accounts_check_names_who_cannot_get_in(accounts: dict[str, Gateway]) -> None:
    done = run("accounts", "check", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["exit_code"]) == (1, 1)
    assert [name for name, one in told["accounts"].items() if one["error"]] == ["wrong"]
    assert "wrong: " in done.stderr
    assert not Path("data").exists()


def test_add_clients_lists_a_resellers_clients_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    account = Account(seed=2, campaigns=1, singles=0, lists=1, days=5, clients=3)
    account.state.clients[1]["name"] = 'x"]\nsecret = "1"\n# 東京 \u202e'
    secrets = {str(client[word]) for client in account.state.clients for word in ("apikey", "apisecret")}
    with running(Gateway(account, limiter=None)) as address:
        for name, value in {
            "API_KEY": "demo",
            "API_SECRET": "demo",
            "BASE_URL": address,
            "RATE": "5000",
        }.items():
            monkeypatch.setenv(f"SMSDATA_{name}", value)
        done = run("accounts", "add-clients", "--json")
        again = run("accounts", "add-clients")
        with account.state.clock.changing():
            account.state.clients.append(account.state.clients[0] | {"id": 99_001, "email": "n@example.org"})
        third = run("accounts", "add-clients", "--keyring")
    told = json.loads(done.stdout)
    assert (done.exit_code, len(told["added"]), told["there"]) == (0, 3, 0)
    assert "0 clients added" in again.stdout
    assert "keyring set smsdata" in third.stderr
    entries = read_accounts("accounts.toml")
    ids = [entry.facts["client_id"] for entry in entries.values()]
    assert ids == [client["id"] for client in account.state.clients]
    text = Path("accounts.toml").read_text()
    assert text.isascii()
    assert [word for word in secrets if word in text + done.output + third.output] == []
    for name, entry in list(entries.items())[:3]:
        assert entry.facts["secret_env"] in done.stderr, name
    assert Path("accounts.toml").stat().st_mode & 0o777 == 0o600


def test_accounts_of_one_folder_are_read_as_one(accounts: dict[str, Gateway]) -> None:
    run("sync", "--all-accounts", "--quiet")
    frame = Stores("data", accounts=["perth", "sydney"]).read("messages")
    for name in ("perth", "sydney"):
        truth = {row["id"] for row in accounts[name].account.truth("messages")}
        assert set(frame.loc[frame["account"] == name, "id"]) == truth


def test_a_command_that_takes_long_holds_up_no_other_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command of the first account waits for the second to be done."""
    monkeypatch.setenv("B_SECRET", "b")
    (tmp_path / "accounts.toml").write_text(
        f'[accounts.a]\nkey = "a"\nstore = "{tmp_path}/a"\n'
        f'secret_command = ["sh", "-c", "until [ -e {tmp_path}/b.done ]; do sleep 0.05; done; echo a"]\n'
        f'[accounts.b]\nkey = "b"\nstore = "{tmp_path}/b"\nsecret_env = "B_SECRET"\n'
    )
    (tmp_path / "accounts.toml").chmod(0o600)

    def work(name: str, _client: Client, _store: Store) -> tuple[int, Any]:
        (tmp_path / f"{name}.done").touch()
        return 0, None

    outcomes = side_by_side(read_accounts(tmp_path / "accounts.toml"), work, {})
    assert {name: one.exit_code for name, one in outcomes.items()} == {"a": 0, "b": 0}


def test_an_account_that_fails_is_heard_of_while_another_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slow one goes on only when it has heard of those that failed: without a secret, and in its work."""
    world = World(["slow", "bad", "lost"], tmp_path, monkeypatch)
    facts = dict(world.entries["lost"].facts) | {"secret_env": "NOT_SET"}
    world.entries["lost"] = AccountEntry("lost", facts)
    heard: dict[str, Outcome] = {}
    both = threading.Event()

    def failed(name: str, outcome: Outcome) -> None:
        heard[name] = outcome
        if len(heard) == 2:
            both.set()

    def work(name: str, _client: Client, _store: Store) -> tuple[int, Any]:
        if name == "bad":
            raise StoreError("cannot go on")
        return (0 if both.wait(30) else 1), None

    outcomes = side_by_side(world.entries, work, {}, connect=world.connect, failed=failed)
    assert outcomes["slow"].exit_code == 0
    assert {name: outcomes[name] for name in heard} == heard
    assert set(heard) == {"bad", "lost"}


def test_accounts_that_are_still_at_work_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow one goes on only when it has heard that it is waited for."""
    world = World(["slow", "quick"], tmp_path, monkeypatch)
    told: list[list[str]] = []
    slow_alone = threading.Event()

    def waits(names: list[str], seconds: float) -> None:
        assert seconds > 0
        told.append(names)
        if names == ["slow"]:
            slow_alone.set()

    def work(name: str, _client: Client, _store: Store) -> tuple[int, Any]:
        return (0 if name == "quick" or slow_alone.wait(30) else 1), None

    outcomes = side_by_side(world.entries, work, {}, connect=world.connect, waits=waits, patience=0.01)
    assert told[-1] == ["slow"]
    assert {one.exit_code for one in outcomes.values()} == {0}


class TwoSilent(BaseHTTPRequestHandler):
    """A gateway that answers nothing until somebody was named, and then lets nobody in."""

    named = threading.Event()

    def do_GET(self) -> None:
        self.named.wait(30)
        body = json.dumps({"error": {"code": "AUTH_FAILED", "description": "no"}}).encode()
        self.send_response(401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_accounts_check_names_who_is_still_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer comes only when its account was named: with nobody named it would take half a minute."""
    monkeypatch.setenv("ALL_SECRET", "demo")
    told: list[str] = []

    class Heard(CommonOptions):
        def say(self, *lines: str, account: str = "") -> None:
            told.extend(lines)
            TwoSilent.named.set()

    with ThreadingHTTPServer(("127.0.0.1", 0), TwoSilent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        entries = {
            name: AccountEntry(name, {
                "key": "demo", "secret_env": "ALL_SECRET", "store": str(tmp_path / name),
                "base_url": f"http://127.0.0.1:{server.server_port}/", "rate": 2, "share": 1,
            })
            for name in ("sydney", "perth")
        }  # fmt: skip
        assert _check(Heard(), entries, patience=0.1) == 1
        server.shutdown()
    assert re.fullmatch(r"still at work after \d+ s: sydney, perth", told[0])
