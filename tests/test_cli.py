"""Every command as a user meets it: words, exit codes, one JSON object."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pandas as pd
import pytest
from typer.testing import CliRunner

import smsdata
from smsdata import Store
from smsdata.cli.app import app
from smsdata.simulator import Account, Faults, Gateway, running

CREDENTIALS = {
    "SMSDATA_API_KEY": "demo",
    "SMSDATA_API_SECRET": "demo",
    "SMSDATA_RATE": "5000",
    "SMSDATA_SHARE": "1",
}


@pytest.fixture(scope="module")
def gateway():
    return Gateway(
        Account(seed=4, campaigns=5, recipients=30, singles=5, inbound=4, lists=2, days=25), limiter=None
    )


@pytest.fixture(scope="module")
def base_url(gateway):
    with running(gateway) as address:
        yield address


@pytest.fixture
def run(base_url, tmp_path):
    def go(*words, **environment):
        settings = CREDENTIALS | {"SMSDATA_BASE_URL": base_url, "SMSDATA_STORE": str(tmp_path / "store")}
        return CliRunner().invoke(app, list(words), env=settings | environment)

    return go


def test_sync_stores_what_pandas_opens(run, gateway, tmp_path):
    done = run("sync")
    assert done.exit_code == 0
    assert "messages" in done.stdout
    frame = pd.read_parquet(tmp_path / "store" / "messages")
    assert len(frame) == len(gateway.account.truth("messages"))
    assert str(frame["sent_at"].dtype) == "datetime64[us, UTC]"


def test_sync_prints_its_plan_before_it_runs(run):
    done = run("sync")
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("plan: about")]
    assert "calls/s" in line
    assert "messages" in line
    assert "plan:" not in run("sync", "--quiet").stderr
    assert "not known" in run("sync", "--tables", "messages").stderr


def test_sync_json_is_one_object_and_nothing_else(run):
    done = run("sync", "--json")
    assert done.exit_code == 0
    printed = json.loads(done.stdout)
    assert printed["tables"]["messages"]["rows"] > 0
    assert printed["calls"] == sum(table["calls"] for table in printed["tables"].values())


def test_tables_shows_rows_and_times(run):
    run("sync")
    done = run("tables", "--json")
    printed = {row["table"]: row for row in json.loads(done.stdout)["tables"]}
    assert printed["messages"]["rows"] > 0
    assert printed["messages"]["first"] < printed["messages"]["last"] <= printed["messages"]["synced"]
    assert "messages" in run("tables").stdout


def test_tables_of_an_empty_store_says_what_to_do(run, tmp_path):
    (tmp_path / "store").mkdir()
    done = run("tables")
    assert done.exit_code == 0
    assert "smsdata sync" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("sync", "--tables", "mesages"), 2, "unknown table 'mesages'"),
        (("sync", "--since", "30"), 2, "write 90m, 12h, 30d or 2w"),
        (("sync", "--since", "2027-01-01"), 2, "lies after now"),
        (("sync", "--base-url", "http://example.org"), 2, "use https://"),
        (("sync", "--base-url", "ftp://example.org"), 2, "is not an address"),
        (("sync", "--rate", "fast"), 2, "not a number"),
        (("sync", "--share", "2"), 2, "at most 1"),
        (("sync", "--tables", "contact_history"), 2, "--msisdn"),
        (("sync", "--store", "/dev/null/store"), 1, "Not a directory"),
        (("simulate", "--fault", "rain=0.1"), 2, "unknown fault 'rain'"),
        (("simulate", "--callback", "dlrs=http://127.0.0.1:1"), 2, "unknown callback 'dlrs'"),
        (("simulate", "--callback", "dlr"), 2, "has no address"),
        (("simulate", "--callback", "dlr=ftp://a"), 2, "has no address"),
        *(
            (("simulate", "--port", "0", "--speed", speed), 2, "--speed: a speed lies between 0 and 100,000")
            for speed in ("nan", "inf", "1e30", "-1")
        ),
        *(
            (("simulate", "--port", "0", "--now", now), 2, "--now: an account stands between the years 2000")
            for now in ("0001-01-01", "9999-12-31", "1999-12-31T23:59:59Z")
        ),
        (("sync", "--no-such-option"), 2, "No such option"),
    ],
)
def test_bad_input_gives_one_clear_line(run, words, code, says):
    done = run(*words)
    assert done.exit_code == code
    assert says in done.stderr
    assert "Traceback" not in done.output
    if code != 2 or "No such option" not in says:
        assert len(done.stderr.strip().splitlines()) == 1


def test_sync_with_wrong_credentials_says_so(run):
    done = run("sync", SMSDATA_API_SECRET="wrong")
    assert done.exit_code == 1
    assert "AUTH_FAILED" in done.stderr
    assert "wrong" not in done.output.replace("Wrong credentials", "")


def test_sync_without_credentials_says_what_to_set(run):
    done = run("sync", SMSDATA_API_KEY="")
    assert done.exit_code == 1
    assert "SMSDATA_API_KEY" in done.stderr


def test_sync_json_error_is_an_object_too(run):
    done = run("sync", "--json", "--since", "30")
    assert json.loads(done.stdout)["error"]["code"] == "USAGE"


def test_sync_leaves_a_locked_store_with_4(run, tmp_path):
    run("sync")
    with Store(tmp_path / "store").writing():
        done = run("sync", "--wait", "0")
    assert done.exit_code == 4
    assert "process" in done.stderr


@pytest.mark.parametrize(("wait", "codes"), [("60", [0, 0]), ("0", [0, 4])])
def test_two_syncs_at_once_wait_or_leave_and_store_the_truth(tmp_path, wait, codes):
    """Two processes, one account, one store."""
    account = Account(seed=4, campaigns=4, recipients=30, singles=3, inbound=4, lists=2, days=25)
    held = Gateway(account, limiter=None, latency=(0.2, 0.3))
    with running(held) as address:
        store = tmp_path / "store"
        settings = CREDENTIALS | {"SMSDATA_BASE_URL": address, "SMSDATA_STORE": str(store)}
        command = [sys.executable, "-m", "smsdata", "sync", "--wait", wait, "--rate", "1000", "--share", "1"]
        both = [
            subprocess.Popen(command, env=os.environ | settings, text=True, stdout=PIPE, stderr=PIPE)
            for _ in range(2)
        ]
        outputs = [process.communicate(timeout=120) for process in both]
    assert sorted(process.returncode for process in both) == codes
    assert [f"process {both[0].pid}" in outputs[1][1] or f"process {both[1].pid}" in outputs[0][1]] == [
        4 in codes
    ]
    stored = Store(store).read("messages")["id"]
    assert sorted(stored) == sorted(row["id"] for row in account.truth("messages"))


def test_sync_with_odd_rows_exits_with_3_and_keeps_them(tmp_path):
    account = Account(seed=4, campaigns=2, recipients=10, singles=0, lists=1, days=10)
    spoilt = Gateway(account, limiter=None)
    odd = account.truth("messages")[0]["id"]
    spoilt.spoil("get-user-sms-sent", {"id": odd}, {"sent_at": "soon"})
    with running(spoilt) as address:
        settings = CREDENTIALS | {"SMSDATA_BASE_URL": address, "SMSDATA_STORE": str(tmp_path / "store")}
        done = CliRunner().invoke(app, ["sync"], env=settings)
    assert done.exit_code == 3
    assert "set aside" in done.stderr
    assert len(Store(tmp_path / "store").rejects.all()) == 1


def test_sync_of_another_accounts_store_is_refused_until_rebound(run):
    run("sync")
    refused = run("sync", SMSDATA_API_KEY="other")
    assert refused.exit_code == 1
    assert "--rebind" in refused.stderr
    assert run("config", "--rebind", SMSDATA_API_KEY="other").exit_code == 0
    assert "AUTH_FAILED" in run("sync", SMSDATA_API_KEY="other").stderr


def test_config_masks_the_secret_and_names_sources(run):
    done = run("config", "--rate", "7", SMSDATA_API_SECRET="s3cr3t")
    assert "s3cr3t" not in done.output
    printed = json.loads(run("config", "--json", "--rate", "7").stdout)
    assert printed["rate"] == {"value": 7.0, "from": "argument"}
    assert printed["secret"] == {"value": "********", "from": "SMSDATA_API_SECRET"}


def test_config_names_the_extra_that_the_keyring_needs(run, monkeypatch):
    assert "keyring" not in run("config").output
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert "smsdata[keyring]" in run("config", SMSDATA_API_KEY="").stderr


def test_plan_tells_calls_and_minutes(run):
    printed = json.loads(run("plan", "--json").stdout)
    assert printed["total"] == sum(printed["calls"].values())
    assert printed["rounds"] is None  # a month of its sends is read at every run
    assert run("plan").stdout.splitlines()[-1].startswith("all")


def test_verify_says_that_all_is_well(run):
    run("sync")
    done = run("verify")
    assert (done.exit_code, done.stdout.startswith("All is well")) == (0, True)
    assert json.loads(run("verify", "--json", "--offline").stdout) == {"differences": [], "offline": True}


def test_verify_exits_with_3_and_says_what_to_do(run, tmp_path):
    run("sync")
    part = next((tmp_path / "store" / "messages").glob("*/*.parquet"))
    part.unlink()
    done = run("verify")
    assert done.exit_code == 3
    assert "messages" in done.stdout
    assert "smsdata sync" in done.stdout


def test_version_is_one_line():
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"smsdata {smsdata.__version__}\n")


def test_every_command_has_help_with_the_common_options(run):
    for name in ("demo", "sync", "plan", "verify", "tables", "clean", "undo", "audit", "simulate", "config"):
        done = run(name, "--help", TERMINAL_WIDTH="200")
        assert done.exit_code == 0
        for option in ("--base-url", "--rate", "--share", "--store", "--now", "--json", "--quiet"):
            assert option in done.stdout, (name, option)


def test_sync_with_a_gateway_that_fails_now_and_then(tmp_path):
    account = Account(seed=4, campaigns=3, recipients=30, singles=2, lists=1, days=10)
    shaky = Gateway(account, limiter=None, faults=Faults({"reset": 0.05, "truncate": 0.05, "html502": 0.05}))
    with running(shaky) as address:
        settings = CREDENTIALS | {"SMSDATA_BASE_URL": address, "SMSDATA_STORE": str(tmp_path / "store")}
        done = CliRunner().invoke(app, ["sync"], env=settings)
    assert done.exit_code == 0
    assert Store(tmp_path / "store").count("messages") == len(account.truth("messages"))


@pytest.fixture(scope="module")
def bounced(tmp_path_factory):
    """An account with dead numbers, synced twice an hour apart, served over HTTP, with its store."""
    account = Account(
        seed=9, campaigns=10, recipients=40, singles=0, inbound=4, lists=2, days=60, dead=0.1, goo=False
    )
    store = tmp_path_factory.mktemp("bounced") / "store"
    with running(Gateway(account, limiter=None)) as address:
        settings = CREDENTIALS | {"SMSDATA_BASE_URL": address, "SMSDATA_STORE": str(store)}

        def go(*words, **named):
            return CliRunner().invoke(app, list(words), env=settings, **named)

        assert go("sync", "--since", "90d").exit_code == 0
        account.advance(hours=2)
        assert go("sync").exit_code == 0
        yield account, go


def test_clean_plans_and_changes_nothing(bounced):
    account, go = bounced
    done = go("clean", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["contacts"]["remove"] > 0
    assert account.contacts.changes == []
    assert "hash:" in go("clean").stdout


def typed(plan):
    """The count of each list that the plan takes contacts off, as a person would type it."""
    rows = pd.read_parquet(plan["file"])
    counts = rows.loc[rows["tier"] == "remove", "list_id"].value_counts()
    return [word for list_id, count in counts.items() for word in ("--count", f"{list_id}={count}")]


def test_clean_refuses_to_apply_unasked(bounced):
    account, go = bounced
    plan = json.loads(go("clean", "--json").stdout)
    done = go("clean", "--apply", plan["file"], *typed(plan))
    assert done.exit_code == 5
    assert "--yes" in done.stderr
    assert go("clean", "--apply", plan["file"], "--yes", "0" * 64, *typed(plan)).exit_code == 5
    assert account.contacts.changes == []


def test_clean_applies_and_undo_takes_back(bounced, tmp_path):
    account, go = bounced
    plan = json.loads(go("clean", "--json").stdout)
    done = go("clean", "--apply", plan["file"], "--yes", plan["hash"], "--json", *typed(plan))
    assert done.exit_code == 0
    report = json.loads(done.stdout)
    removed = {(row["list_id"], row["msisdn"]) for row in report["rows"] if row["outcome"] == "done"}
    assert removed
    there = {
        (row["list_id"], row["msisdn"]) for row in account.truth("list_members") if row["status"] == "active"
    }
    assert not removed & there
    (tmp_path / "contacts.csv").write_text("mobile\n" + "\n".join(msisdn for _, msisdn in removed) + "\n")
    checked = go("clean", "--check", str(tmp_path / "contacts.csv"))
    assert checked.exit_code == 3
    assert len(checked.stdout.strip().splitlines()) == len({msisdn for _, msisdn in removed})
    back = go("undo", report["run"], "--yes", report["run"], "--json")
    assert back.exit_code in {0, 3}
    outcomes = {row["outcome"] for row in json.loads(back.stdout)["rows"]}
    assert "done" in outcomes
    assert outcomes <= {"done", "refused", "skipped"}


def test_audit_finds_breaches_and_writes_the_evidence(bounced, tmp_path):
    _, go = bounced
    done = go("audit", "--out", str(tmp_path / "evidence"), "--json")
    assert done.exit_code == 3
    printed = json.loads(done.stdout)
    assert printed["breaches"] or printed["active"]
    assert (tmp_path / "evidence" / "audit.md").exists()
    assert "Global Opt Out is" in go("audit").stdout


def test_audit_writes_a_sample_and_reads_its_labels(bounced, tmp_path):
    _, go = bounced
    file = tmp_path / "replies.csv"
    wrote = go("audit", "--sample", "20", "--out", str(file))
    assert wrote.exit_code == 0, wrote.output
    assert f"smsdata audit --labelled {file}" in wrote.stdout
    assert go("audit", "--labelled", str(file)).exit_code == 2
    file.write_text(file.read_text("utf-8-sig").replace('""\n', '"no"\n'))
    told = go("audit", "--labelled", str(file))
    assert told.exit_code == 0, told.output
    assert "20 replies labelled, 0 not, 0 unclear." in told.stdout
    assert go("audit", "--sample", "20").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [("tables",), ("verify",), ("verify", "--offline"), ("clean",), ("audit",), ("config", "--rebind"),
     ("undo", "20261122-000000-ab12"), ("clean", "--apply", "plan.json"), ("clean", "--check", "x.csv")],
)  # fmt: skip
def test_a_store_that_is_not_there_is_an_error_and_is_not_made(run, tmp_path, words):
    done = run(*words, "--store", str(tmp_path / "typo"))
    assert done.exit_code == 2, done.output
    assert f"there is no store at {tmp_path / 'typo'}" in done.stderr
    assert "smsdata sync" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_python_reader_of_a_misspelt_store_is_told(tmp_path):
    typo = tmp_path / "typo"
    store = Store(typo)
    for read in (
        lambda: store.read("messages"), store.verify, lambda: store.scan("dlrs"),
    ):  # fmt: skip
        with pytest.raises(smsdata.UsageError, match="there is no store at"):
            read()
    assert not typo.exists()


@pytest.mark.parametrize("missing", ["SMSDATA_API_KEY", "SMSDATA_API_SECRET"])
def test_credentials_are_asked_for_before_the_account_is_compared(run, tmp_path, missing):
    run("sync")
    before = (tmp_path / "store" / ".smsdata" / "state.json").read_bytes()
    for words in (("sync",), ("plan",), ("verify",), ("config", "--rebind")):
        done = run(*words, **{missing: ""})
        assert done.exit_code == 1, words
        assert missing in done.stderr
        assert "another account" not in done.stderr
    assert (tmp_path / "store" / ".smsdata" / "state.json").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("tables", "--rate", "5"), "--rate"),
        (("tables", "--now", "2026-11-22"), "--now"),
        (("verify", "--offline", "--since", "30d"), "--since"),
        (("verify", "--offline", "--base-url", "https://example.com"), "--base-url"),
        (("clean", "--country", "AU"), "--country"),
        (("clean", "--column", "phone"), "--column"),
        (("clean", "--yes", "0a1b"), "--yes"),
        (("clean", "--tier", "exclude"), "--tier"),
        (("clean", "--count", "1=2"), "--count"),
        (("clean", "--apply", "p.json", "--max-age", "90d"), "--max-age"),
        (("clean", "--apply", "p.json", "--out", "q.json"), "--out"),
        (("clean", "--check", "x.csv", "--apply", "p.json"), "--apply"),
        (("audit", "--proxy", "http://127.0.0.1:1"), "--proxy"),
        (("demo", "--base-url", "https://example.com"), "--base-url"),
        (("simulate", "--store", "x"), "--store"),
        (("config", "--now", "2026-11-22"), "--now"),
        (("sync", "--tables", "lists", "--message-id", "7"), "--message-id"),
        (("sync", "--tables", "dlrs", "--list-id", "7"), "--list-id"),
        (("sync", "--tables", "dlrs", "--msisdn", "61491570156"), "--msisdn"),
        (("sync", "--country", "AU"), "--country"),
        (("sync", "--tables", "lists", "--since", "30d"), "--since"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(run, tmp_path, words, option):
    done = run(*words)
    assert done.exit_code == 2, done.output
    assert f"{option} does nothing here" in done.stderr
    assert not list(tmp_path.iterdir())


def test_sync_of_one_number_says_which_table_it_is_of(run):
    done = run("sync", "--msisdn", "61491570156")
    assert "write it with --tables contact_history" in done.stderr


def test_a_number_is_read_in_any_spelling_or_refused_with_advice(run, gateway, tmp_path):
    number = str(gateway.account.truth("list_members")[0]["msisdn"])
    assert number.startswith("61")
    for words in (["0" + number[2:], "--country", "AU"], [f"+61 {number[2:5]} {number[5:]}"], [number]):
        done = run("sync", "--tables", "contact_history", "--msisdn", *words)
        assert done.exit_code == 0, done.output
    stored = Store(tmp_path / "store").read("contact_history")
    assert len(stored)
    refused = run("sync", "--tables", "contact_history", "--msisdn", "0" + number[2:])
    assert refused.exit_code == 2
    assert "--country AU" in refused.stderr
    assert run("sync", "--tables", "contact_history", "--msisdn", "Telstra").exit_code == 2


@pytest.mark.parametrize("word", ["yesterday", "today", "last week", "monday"])
def test_words_for_days_get_advice(run, word):
    done = run("sync", "--since", word)
    assert done.exit_code == 2
    assert "write 1d" in done.stderr


@pytest.mark.parametrize("command", ["simulate", "demo"])
def test_a_seed_that_is_none_is_wrong_usage(run, command):
    done = run(command, "--seed", "-1")
    assert done.exit_code == 2
    assert "--seed" in done.stderr


@pytest.mark.parametrize("port", ["99999999", "-1"])
def test_a_port_that_is_none_is_wrong_usage(run, port):
    done = run("simulate", "--port", port)
    assert done.exit_code == 2
    assert "--port" in done.stderr


@pytest.mark.parametrize("words", [["config"], ["config", "--json"]])
def test_a_full_stdout_is_one_line(words):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-m", "smsdata", *words], stdout=full, stderr=PIPE, text=True)
    assert done.returncode == 1
    assert "cannot be written to stdout: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
