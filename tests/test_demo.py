"""The demo: the whole way over real HTTP, and the simulated account that notebooks read."""

from __future__ import annotations

import fcntl
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from smsdata import SmsDataError, Store, StoreError, hygiene, sync
from smsdata.demo import Demo, run_demo, simulated_client
from smsdata.simulator import Account

PORT = 8027


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """One run of the demo, at any port."""
    return run_demo(pictures=tmp_path_factory.mktemp("pictures"), say=lambda *_: None)


def later_account() -> Account:
    """The account of the demo when it was synced last."""
    account = Account(1)
    account.advance(days=5)
    return account


@pytest.fixture
def port_8027(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The port that a demo's store belongs to, for one test at a time; skip where another program has it."""
    with (tmp_path_factory.getbasetemp().parent / "port-8027.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            socket.create_server(("127.0.0.1", PORT)).close()
        except OSError:
            pytest.skip("port 8027 is taken on this machine")
        yield


def test_run_demo_stores_what_the_account_holds(shown: Demo) -> None:
    """Plain pandas opens the rows, and none is missing."""
    account = later_account()
    for table in ("messages", "dlrs", "replies", "campaigns"):
        rows = pd.read_parquet(shown.store / table)
        assert len(rows) == len(account.truth(table)), table


def test_run_demo_agrees_with_clean_on_its_store(shown: Demo) -> None:
    """The plan of `smsdata clean` removes as many contacts as the closing lines say, and can judge all."""
    plan = hygiene.plan(shown.store)
    tiers = plan["tier"].value_counts().to_dict()
    told = shown.answers["numbers"]
    assert {tier: told[tier] for tier in ("remove", "exclude", "review")} == {
        tier: tiers.get(tier, 0) for tier in ("remove", "exclude", "review")
    }
    assert told["distinct"] == plan.loc[plan["tier"] == "remove", "msisdn"].nunique()
    assert told["remove"] > 0
    assert not set(plan["rule"]) & {"unsettled", "too-few-days"}


def test_run_demo_answers_with_the_truth(shown: Demo) -> None:
    """The headline counts are those of the account itself."""
    truth = pd.DataFrame(later_account().truth("dlrs"))
    delivery = shown.answers["delivery"]
    counts = truth["status"].value_counts()
    assert delivery["delivered"] == counts["delivered"]
    assert delivery["pending"] == counts.get("pending", 0)
    assert delivery["settled"] == len(truth) - counts.get("pending", 0)
    assert delivery["rate"] == pytest.approx(delivery["delivered"] / delivery["settled"])
    assert shown.answers["replies"]["received"] == len(later_account().truth("replies"))


def test_lines_give_denominator_interval_window_and_pending(shown: Demo) -> None:
    """No rate without what it is a rate of."""
    text = "\n".join(shown.lines())
    a = shown.answers["delivery"]
    assert f"{a['rate']:.1%} = {a['delivered']:,} of {a['settled']:,} settled messages" in text
    assert f"(95% interval {a['low']:.1%} to {a['high']:.1%})" in text
    pending = f"{a['pending']:,} pending" if a["pending"] else "none is pending"
    assert f"Sent {a['first'][:10]} to {a['last'][:10]}: {a['n']:,}; {pending}" in text
    assert f"Contacts to remove: {shown.answers['numbers']['remove']}" in text
    assert f"Opted out: {shown.answers['replies']['opted_out']} numbers" in text


def test_lines_say_where_to_go_on(shown: Demo) -> None:
    """Notebooks, a real account, the rows and the pictures."""
    text = "\n".join(shown.lines())
    for words in ("make lab", "SMSDATA_API_KEY", "smsdata sync", str(shown.store), *map(str, shown.pictures)):
        assert words in text


def test_run_demo_writes_pictures(shown: Demo) -> None:
    """Every picture is a PNG with something on it."""
    assert [path.name for path in shown.pictures] == [
        "delivery.png",
        "numbers.png",
        "replies.png",
        "optouts.png",
    ]
    for path in shown.pictures:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) > 10_000


def test_as_json_is_plain_json(shown: Demo) -> None:
    """The same answers, readable by a program; no NaN."""
    values = json.loads(json.dumps(shown.as_json(), allow_nan=False))
    assert values["answers"]["delivery"]["n"] == shown.answers["delivery"]["n"]
    assert values["store"] == str(shown.store)
    assert shown.attention == []


def test_run_demo_goes_on_with_its_store(tmp_path: Path, port_8027: None) -> None:
    """A second run on the same store finds the same account, reads less and doubles nothing."""
    one, two = (
        run_demo(store=str(tmp_path / "store"), pictures=tmp_path, seed=5, say=lambda *_: None) for _ in "12"
    )
    assert two.answers == one.answers
    assert two.report.calls <= one.report.calls


def test_run_demo_takes_no_store_of_another_account(tmp_path: Path, port_8027: None) -> None:
    """Two seeds are two accounts: their rows never meet."""
    run_demo(store=str(tmp_path / "store"), pictures=tmp_path, seed=5, say=lambda *_: None)
    with pytest.raises(SmsDataError, match="another account"):
        run_demo(store=str(tmp_path / "store"), pictures=tmp_path, seed=6, say=lambda *_: None)


def test_run_demo_without_a_store_makes_one(tmp_path: Path) -> None:
    """A temporary store, at a free port: nothing on the machine is in the way."""
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)):
        demo = run_demo(pictures=tmp_path, seed=3, say=said.append)
    assert Store(demo.store).count("messages") == demo.answers["delivery"]["n"]
    assert "simulated gateway" in said[0]


def test_run_demo_names_the_port_that_is_taken(tmp_path: Path, port_8027: None) -> None:
    """One line that says what to do, and nothing is written."""
    with (
        socket.create_server(("127.0.0.1", PORT)),
        pytest.raises(StoreError, match=r"port 8027.*is taken"),
    ):
        run_demo(store=str(tmp_path / "store"), pictures=tmp_path, say=lambda *_: None)
    assert not (tmp_path / "store").exists()


def test_run_demo_names_pictures_that_cannot_be_written(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="name another --pictures"):
        run_demo(pictures=tmp_path / "file" / "pictures", say=lambda *_: None)


def test_simulated_client_gives_the_same_rows_every_time(tmp_path: Path) -> None:
    """Seed and clock are fixed, synced_at included: notebooks compare equal on any machine."""
    stores = [Store(tmp_path / name) for name in ("one", "two")]
    for store in stores:
        with simulated_client(seed=4) as client:
            assert client.now().isoformat() == "2026-11-22T00:00:00+00:00"
            sync(client, store, since="30d")
    for table in ("messages", "dlrs", "list_members"):
        one, two = (store.read(table) for store in stores)
        pd.testing.assert_frame_equal(one, two)


def test_simulated_client_takes_an_account_and_its_time() -> None:
    """What was done to the account is what the client reads."""
    account = Account(1, "2026-11-01T00:00:00Z", campaigns=2, recipients=10, singles=0)
    account.send(61491570156, "Your table is ready")
    account.advance(days=4)
    with simulated_client(account=account) as client:
        assert client.now() == account.time
        assert "Your table is ready" in set(client.messages(since="7d")["message"])
