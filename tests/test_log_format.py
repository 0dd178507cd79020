"""--log-format json: every line of stderr is one object, and none holds a person or a credential."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from smsdata.cli.app import app, run
from smsdata.cli.log_lines import log_to_stderr, log_words
from smsdata.simulator import Account, Gateway, running
from tests.support.schemas import misfits


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    log_to_stderr("text")


def objects(text: str) -> list[dict[str, Any]]:
    """The objects of a log; each has the shape of docs/json.md."""
    lines = [json.loads(line) for line in text.splitlines()]
    assert [fault for line in lines for fault in misfits("--log-format json", line)] == []
    return lines


def invoke(address: str, store: Path, *words: str, **settings: str) -> tuple[int, str, str]:
    environment = {
        "SMSDATA_API_KEY": "CANARY-KEY", "SMSDATA_API_SECRET": "CANARY-SECRET", "SMSDATA_BASE_URL": address,
        "SMSDATA_RATE": "5000", "SMSDATA_SHARE": "1", "SMSDATA_STORE": str(store),
    }  # fmt: skip
    done = CliRunner().invoke(app, [*words, "--log-format", "json"], env=environment | settings)
    return done.exit_code, done.stdout, done.stderr


def test_log_format_json_tells_levels_apart_and_no_person(tmp_path: Path) -> None:
    """A sync with a row set aside and values that cannot be read: plan, notes, what needs a look."""
    account = Account(seed=3, campaigns=4, recipients=20, singles=3, inbound=6, lists=2, days=15)
    gateway = Gateway(account, limiter=None, key="CANARY-KEY", secret="CANARY-SECRET")
    gateway.spoil("get-user-sms-sent", {"id": account.truth("messages")[0]["id"]}, {"sent_at": "soon"})
    gateway.spoil("get-user-sms-responses", {}, {"list_id": "none"})
    with running(gateway) as address:
        code, stdout, stderr = invoke(address, tmp_path / "store", "sync")
        _, quiet, words = invoke(address, tmp_path / "store", "sync", "--json", "--quiet")
    assert code == 3
    told = objects(stderr)
    assert {line["level"] for line in told} == {"info", "warning"}
    assert any(line["text"].startswith("plan: about") for line in told)
    assert misfits("smsdata sync", json.loads(quiet)) == []
    assert {line["level"] for line in objects(words)} == {"warning"}
    people = {str(number) for number in account.recipients["msisdn"].tolist()}
    people |= {str(one.msisdn) for one in account.state.inbox.replies}
    texts = {send.text for send in account.sends if len(send.text) > 7}
    for secret in people | texts | {"CANARY-KEY", "CANARY-SECRET"}:
        assert secret not in stdout + stderr


def test_log_format_json_says_errors_with_their_codes(tmp_path: Path) -> None:
    with running(Gateway(Account(seed=3, campaigns=1, days=5), limiter=None)) as address:
        code, _, stderr = invoke(address, tmp_path / "store", "sync")
    (line,) = objects(stderr)
    assert (code, line["level"], line["exit_code"]) == (1, "error", 1)
    assert "AUTH_FAILED" in line["code"]


@pytest.mark.parametrize("words", [["--nope"], ["--rate"], ["--wait", "soon"]])
def test_log_format_json_holds_for_a_command_line_that_is_not_understood(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sync", "--log-format=json", *words]) == 2
    (line,) = objects(capsys.readouterr().err)
    assert (line["code"], line["level"]) == ("USAGE", "error")


def test_log_format_takes_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sync", "--log-format", "xml"]) == 2
    assert "xml" in capsys.readouterr().err


@pytest.mark.says_canaries
def test_log_format_json_shows_the_type_of_an_exception_and_not_its_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log_to_stderr("json")
    try:
        raise ValueError("61491570006")
    except ValueError:
        logging.getLogger("smsdata.receiver").exception("a callback failed")
    logging.getLogger("smsdata.gateway").debug("too fine for a log")
    logging.getLogger("somebody.else").error("not ours")
    (line,) = objects(capsys.readouterr().err)
    assert (line["exception"], line["logger"]) == ("ValueError", "smsdata.receiver")
    assert "61491570006" not in json.dumps(line)


def test_log_goes_to_the_stderr_of_the_moment_and_is_set_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for shape in ("json", "text", "json", "text"):
        log_to_stderr(shape)
    ours = [one for name in ("smsdata", "smsdata.cli") for one in logging.getLogger(name).handlers]
    assert [type(one).__name__ for one in ours].count("_Stderr") == 1
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    logging.getLogger("smsdata.cli").info("nobody reads this")


def test_half_a_character_is_logged_as_its_code(caplog: pytest.LogCaptureFixture) -> None:
    log_words("there is no store at \udcff")
    assert caplog.messages == ["there is no store at \\udcff"]
