"""The file of parameters: what is shipped, what a file of one's own changes, what is refused in one line."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from smsdata.cli.app import app
from smsdata.simulator import (
    Account,
    Drift,
    Gateway,
    ParameterError,
    Parameters,
    account_of_size,
    drift_of,
    gateway_of,
    read_parameters,
    shipped_parameters,
)
from smsdata.simulator.drift import DRIFT_KINDS
from smsdata.simulator.faults import FAULT_KINDS
from smsdata.simulator.parameters import SHIPPED
from smsdata.simulator.truth import TRUTH_TABLES

from .asking import ask, busiest, code, noted, raw, small

DAY = 24 * 3600


def world(text: str, tmp_path: Path) -> Parameters:
    """What a file with this text makes of the world."""
    file = tmp_path / "world.toml"
    file.write_text(text, encoding="utf-8")
    return read_parameters(file)


def of(**sections: Any) -> Parameters:
    return shipped_parameters().changed(sections)


def outcomes(account: Account, message_id: int) -> Counter[str]:
    account.advance(days=60)
    return Counter(row["status"] for row in account.truth("dlrs") if row["message_id"] == message_id)


# -- what is shipped -----------------------------------------------------------------------------------------


def test_every_figure_says_its_source_or_that_it_is_a_guess() -> None:
    """Each line with a key has a comment; each comment names the reference, users, or says guess."""
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    keys = [line for line in lines if re.match(r"\w+ += ", line)]
    bare = [line for line in keys if not re.search(r"#.*\b(guess|reference|seen)\b", line)]
    assert bare == []
    assert len(keys) > 90


def test_shipped_file_has_every_switch() -> None:
    """Every kind of fault, and the arguments of the account, the gateway and drift that are behaviour."""
    content = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    assert set(content["faults"]) == set(FAULT_KINDS)
    assert set(content["account"]) < set(inspect.signature(Account).parameters)
    assert set(content["gateway"]) < set(inspect.signature(Gateway).parameters)
    assert set(content["drift"]) < {*inspect.signature(Drift).parameters}
    none = {name for name, one in inspect.signature(Account).parameters.items() if one.default is None}
    assert none - {"outages", "parameters"} == set(content["account"])
    assert all(drift_of(of(drift={"kinds": [kind]})) for kind in DRIFT_KINDS)


def test_shipped_file_makes_the_account_and_the_gateway_of_no_file() -> None:
    """Given or not, they are the same, row by row and answer by answer."""
    plain, given = Account(seed=3, campaigns=8), Account(seed=3, campaigns=8, parameters=shipped_parameters())
    assert all(plain.truth(table) == given.truth(table) for table in TRUTH_TABLES)
    mine, usual = gateway_of(given, shipped_parameters(), limiter=None), Gateway(plain, limiter=None)
    assert raw(mine, "get-lists") == raw(usual, "get-lists")
    kept = ("limiter", "faults", "clock", "calls", "applied", "account")
    assert {k: v for k, v in vars(mine).items() if k[0] != "_" and k not in kept} == {
        k: v for k, v in vars(usual).items() if k[0] != "_" and k not in kept
    }


def test_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert world("# nothing\n", tmp_path) == shipped_parameters()
    assert world(SHIPPED.read_text(encoding="utf-8"), tmp_path).account == shipped_parameters().account


# -- what a file changes -------------------------------------------------------------------------------------


def test_only_the_keys_given_differ(tmp_path: Path) -> None:
    changed = world("[account]\ndead = 0.5\n[[carriers]]\nprefix = '44'\nsoft = 0.3\n", tmp_path)
    usual = shipped_parameters()
    assert (changed.account.dead, changed.account.reply_rate) == (0.5, usual.account.reply_rate)
    assert (changed.carriers[0].prefix, changed.carriers[0].soft) == ("44", 0.3)
    assert changed.carriers[0].slow == usual.carriers[-1].slow
    assert changed.given == {"account.dead", "carriers"}
    assert changed.receipts == usual.receipts


def test_carriers_differ_by_range_of_numbers() -> None:
    """One range never reaches anybody, the other everybody; the order decides where two prefixes fit."""
    nothing = {"soft": 0.0, "gone": 0.0, "expired": 0.0, "slow": 0.0}
    carriers = [
        nothing | {"prefix": "6149157020", "soft": 1.0},
        nothing | {"prefix": "61"},
        nothing | {"prefix": "", "gone": 1.0},
    ]
    account = small(parameters=of(carriers=carriers), reply_rate=0.0, dead=0.0)
    soft, good = ([first + n for n in range(9)] for first in (61491570200, 61491570300))
    hard = [447700900100]
    message_id = account.send_campaign(numbers=soft + good + hard)
    assert outcomes(account, message_id) == {"soft-bounce": 9, "delivered": 9, "hard-bounce": 1}
    rows = {row["msisdn"]: row["status"] for row in account.truth("dlrs")}
    assert {rows[str(number)] for number in soft} == {"soft-bounce"}


def test_outages_of_a_file_strike(tmp_path: Path) -> None:
    text = "[[outages]]\nbegin = 2026-11-21T23:00:00Z\nend = '2026-11-22T06:00'\nstatus = 'soft-bounce'\n"
    account = small(parameters=world(text, tmp_path))
    message_id = account.send_campaign(numbers=range(61491570200, 61491570260))
    assert set(outcomes(account, message_id)) <= {"soft-bounce", "hard-bounce"}


def test_sends_keep_to_their_hours_and_seasons() -> None:
    """Weekdays from 9 to 17 UTC, never in November: nothing is sent at any other time."""
    parameters = of(
        hours={"sends": [0] * 9 + [1] * 8 + [0] * 7},
        season={"weekdays": [1, 1, 1, 1, 1, 0, 0], "months": [1] * 10 + [0, 1]},
    )
    account = Account(seed=2, singles=0, inbound=0, parameters=parameters)
    moments = [datetime.fromtimestamp(send.sent_at, UTC) for send in account.sends]
    assert 35 < len(moments) <= 40
    assert {moment.hour for moment in moments} <= set(range(9, 17))
    assert {moment.weekday() for moment in moments} <= set(range(5))
    assert 11 not in {moment.month for moment in moments}
    usual = [
        datetime.fromtimestamp(send.sent_at, UTC) for send in Account(seed=2, singles=0, inbound=0).sends
    ]
    assert {moment.hour for moment in usual} - set(range(9, 17))


def test_people_answer_when_they_are_awake_and_what_the_file_says() -> None:
    parameters = of(
        hours={"replies": [0] * 8 + [1] * 12 + [0] * 4},
        replies={"texts": [["Ja", 1]], "wait_longest": 60, "wait_least": 59},
    )
    account = small(parameters=parameters, reply_rate=1.0)
    message_id = account.send_campaign(numbers=range(61491570200, 61491570300))
    account.advance(days=5)
    replies = [reply for reply in account.state.inbox.replies if reply.message_id == message_id]
    assert len(replies) > 80
    assert {reply.text for reply in replies} == {"Ja"}
    assert {datetime.fromtimestamp(reply.received_at, UTC).hour for reply in replies} <= set(range(8, 20))


def test_receipts_come_late_and_twice() -> None:
    """Late: after the 72 h of the reference. Twice: the same receipt once more, so many seconds later."""
    parameters = of(
        receipts={"late": 1.0, "late_longest": 30 * DAY}, callbacks={"doubled": 1.0, "doubled_after": 7}
    )
    account = small(parameters=parameters, reply_rate=0.0)
    calls = noted(account)
    account.outbox.set(dlr="http://127.0.0.1:1/dlr")
    message_id = account.send_campaign(numbers=range(61491570200, 61491570300))
    rows = account.state.sent.send_of(message_id).rows
    waits = account.recipients["final_at"][rows] - account.recipients["sent_at"][rows]
    assert (waits > 3 * DAY).sum() > 80
    account.advance(days=40)
    told = Counter(call.pairs for call in calls)
    assert set(told.values()) == {2}
    assert len(told) == 100
    first: dict[Any, int] = {}
    for call in calls:
        assert call.at - first.setdefault(call.pairs, call.at) in (0, 7)


def test_half_of_the_receipts_are_doubled_where_the_file_says_so() -> None:
    account = small(parameters=of(callbacks={"doubled": 0.5, "form": True}), reply_rate=0.0)
    calls = noted(account)
    account.outbox.set(dlr="http://127.0.0.1:1/dlr")
    account.send_campaign(numbers=range(61491570200, 61491570400))
    account.advance(days=4)
    assert 250 < len(calls) < 350
    assert {call.method for call in calls} == {"POST"}


@pytest.mark.parametrize(
    ("sections", "argument", "value"),
    [
        ({"gateway": {"order": "oldest"}}, "_order", "oldest"),
        ({"gateway": {"date_offset": -60}}, "date_offset", -60),
        ({"gateway": {"limiter": "none"}}, "limiter", None), ({"gateway": {"bounds": "()"}}, "bounds", "()"),
        ({"gateway": {"latency": [0.1, 0.2]}}, "latency", (0.1, 0.2)),
        ({"gateway": {"quirks": True}}, "quirks", True),
        ({"gateway": {"reseller": False}}, "reseller", False),
        ({"gateway": {"max_page": 25}}, "max_page", 25),
    ],
)  # fmt: skip
def test_switches_of_the_gateway_are_those_of_the_file(sections: Any, argument: str, value: Any) -> None:
    gateway = gateway_of(small(), of(**sections))
    held = vars(gateway)[argument]
    assert getattr(held, "kind", held) == value


def test_faults_and_drift_are_those_of_the_file_and_the_command_line_outranks_them() -> None:
    parameters = of(
        faults={"odd_cells": 1.0, "swapped": 0.5}, drift={"kinds": ["head"], "every_pages": 1, "rows": 2}
    )
    account = small(campaigns=3)
    gateway = gateway_of(account, parameters, chances={"swapped": 0.0}, limiter=None)
    assert gateway.faults.chances == {"odd_cells": 1.0, "swapped": 0.0}
    assert ask(gateway, "get-message-report", start="2026-10-23")[1]["messages"][0]["cost"] is None
    before = len(account.sends)
    ask(gateway, "get-lists")
    assert len(account.sends) == before + 2


def test_clock_skew_and_late_replies_and_global_opt_out_of_a_file(tmp_path: Path) -> None:
    text = (
        "[account]\nlate_replies = 1.0\ngoo = false\ncredit = 0.1\n[gateway]\ndate_offset = 3600\n"
        "[receipts]\nreplies_listed_until = 5\n"
    )
    parameters = world(text, tmp_path)
    account = account_of_size("small", 2, parameters=parameters)
    gateway = gateway_of(account, parameters, limiter=None)
    assert not account.contacts.goo
    assert {reply.listed_after <= 5 for reply in account.state.inbox.replies} == {True}
    assert raw(gateway, "get-lists").headers["date"] == "Sun, 22 Nov 2026 01:00:00 GMT"
    assert code(gateway, "send-sms", message="Hi", to=61491579990) == "LEDGER_ERROR"
    assert ask(gateway, "get-sms-stats", message_id=busiest(account))[0] == 200


def test_a_file_outranks_what_a_size_brings_along_and_the_command_line_outranks_both() -> None:
    parameters = of(account={"credit": 7.0, "reply_rate": 0.5})
    assert account_of_size("month", parameters=parameters).state.credit == 7.0
    bulk = Account.bulk(2_000, recipients=1_000, parameters=parameters)
    assert bulk.sending.habits.reply_rate == 0.001
    assert not account_of_size("small", goo=False, parameters=of(account={"goo": True})).contacts.goo


# -- what is refused -----------------------------------------------------------------------------------------

REFUSED = [
    ("weather = 3", "weather: there is no such section"),
    ("[weather]\nrain = 1", "weather: there is no such section"),
    ("account = 3", "account: write it as a section, [account]"),
    ("carriers = 3", "carriers: write each as a section of its own, [[carriers]]"),
    ("[carriers]\nsoft = 1", "carriers: write each as a section of its own"),
    ("carriers = []", "carriers: there must be one"),
    ("[account]\nded = 0.1", "account.ded: there is no such parameter. There are reply_rate,"),
    ("[account]\ndead = 1.1", "account.dead: 1.1 is not a share from 0 to 1"),
    ("[account]\ndead = nan", "account.dead: nan is not a share"),
    ("[account]\ndead = true", "account.dead: True is not a share"),
    ("[account]\ngoo = 1", "account.goo: 1 is not true or false"),
    ("[account]\nclients = 2.5", "account.clients: 2.5 is not a whole number"),
    ("[account]\ncredit = -1", "account.credit: -1 is not an amount"),
    ("[account]\ncredit = inf", "account.credit: inf is not an amount"),
    ("[faults]\nrset = 0.1", "faults.rset: there is no such parameter"),
    ("[faults]\nreset = 2", "faults.reset: 2 is not a share"),
    ("[drift]\nkinds = ['sideways']", "drift.kinds: unknown drift sideways"),
    ("[drift]\nkinds = 'head'", "drift.kinds: 'head' is not a list of words"),
    ("[drift]\nevery_pages = 0", "drift.every_pages: 0 is not"),
    ("[gateway]\norder = 'up'", "gateway.order: 'up' is not one of newest, oldest, shuffled"),
    ("[gateway]\nlatency = [2, 1]", "gateway.latency: [2, 1] is not two numbers"),
    ("[hours]\nsends = [1, 2]", "hours.sends: [1, 2] is not 24 weights"),
    ("[season]\nweekdays = [0,0,0,0,0,0,0]", "season.weekdays: [0, 0, 0, 0, 0, 0, 0] is not 7 weights"),
    ("[season]\nmonths = [1,1,1,1,1,1,1,1,1,1,1,-1]", "season.months"),
    ("[replies]\ntexts = []", "replies.texts: [] is not pairs such as"),
    ("[replies]\ntexts = [[1, 2]]", "replies.texts"),
    ("[replies]\nwait_mean = 99999999999999999999", "replies.wait_mean"),
    ("[replies]\nwait_least = 400000", "replies.wait_longest: 324000 is not more than wait_least, 400000"),
    ("[receipts]\nslow_until = 60", "receipts.slow_until: 60 is not more than slow_from, 3600"),
    ("[[carriers]]\nprefix = 61", "carriers[0].prefix: 61 is not digits in quotes"),
    (
        "[[carriers]]\nsoft = 0.6\ngone = 0.6",
        "carriers[0].gone: with soft, expired and slow it is more than 1",
    ),
    ("[[carriers]]\n[[carriers]]\nspeed = 1", "carriers[1].speed: there is no such parameter"),
    ("[[outages]]\nbegin = 'soon'\nend = '2026-11-02'", "outages[0].begin: 'soon' is not an instant"),
    ("[[outages]]\nbegin = '2026-11-02'", "outages[0].end: it is missing"),
    ("[[outages]]\nbegin = '2026-11-02'\nend = '2026-11-01'", "outages[0].end: it must lie after begin"),
    (
        "[[outages]]\nbegin = 2026-11-01\nend = 2026-11-02\nstatus = 'gone'",
        "outages[0].status: 'gone' is not one of",
    ),
    ('"a\\nb" = 1', "'a\\nb': there is no such section"),
    ("[account", "it is no TOML"),
    ("a = " + "[" * 5_000, "it is"),
]


@pytest.mark.parametrize(("text", "says"), REFUSED, ids=[says[:40] for _, says in REFUSED])
def test_a_bad_file_is_refused_in_one_line_that_names_the_key(text: str, says: str, tmp_path: Path) -> None:
    """Exit 2, before anything is made or served."""
    file = tmp_path / "world.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError) as error:
        drift_of(read_parameters(file))
    assert str(error.value).startswith(says)
    assert "\n" not in str(error.value)
    done = CliRunner().invoke(app, ["simulate", "--port", "0", "--parameters", str(file)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f"--parameters {file}: {says}" in done.stderr


ODD: list[Any] = [
    0, 1, -1, 0.5, 1e308, float("nan"), float("inf"), True, "", "x", "0" * 50, [], [0], [1] * 24, [1] * 7,
    [1] * 12, [[]], [["a", 1]], [["a", "b"]], {}, {"a": 1}, 10**30, [{}], [{"begin": 1}], [[[1]]], "\ud83d",
    "é\n", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC).date(),
]  # fmt: skip


def test_any_value_of_any_key_is_taken_or_refused_in_one_line() -> None:
    """Sections, keys and keys of lists of sections, with every odd value; nothing else is ever raised."""
    content = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    tried: list[dict[str, Any]] = [{section: odd} for section in content for odd in ODD]
    tried += [
        {section: {key: odd}}
        for section, value in content.items()
        if isinstance(value, dict)
        for key in value
        for odd in ODD
    ]
    outage = {"begin": "2026-11-01", "end": "2026-11-02"}
    tried += [{"outages": [outage | {key: odd}]} for key in (*outage, "share", "status", "x") for odd in ODD]
    tried += [{"carriers": [{key: odd}]} for key in (*content["carriers"][0], "x") for odd in ODD]
    refused = []
    for one in tried:
        try:
            drift_of(shipped_parameters().changed(one))
        except ParameterError as error:
            refused.append(str(error))
    assert [text for text in refused if not re.fullmatch(r"[\w.\[\]]+: .+", text)] == []
    assert 4 * len(refused) > 3 * len(tried) > 3 * len(refused)


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_a_file_that_cannot_be_read_is_refused_in_one_line(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "world.toml"
    if content:
        file.write_bytes(content)
    done = CliRunner().invoke(app, ["simulate", "--port", "0", "--parameters", str(file)])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert ("not UTF-8" if content else "cannot be read (No such file") in done.stderr


# -- what sends cost, where they may go and how fast ---------------------------------------------------------


def test_price_countries_and_pace_are_those_of_the_file() -> None:
    """A send costs what the file says, goes to the countries it names, and at one of its paces."""
    account = small(parameters=of(traffic={"price": 0.5, "countries": ["44"], "paces": [1]}), goo=False)
    gateway = Gateway(account, limiter=None)
    _, sent = ask(gateway, "send-sms", message="hello", to="447700900001,447700900002,61491570156")
    assert (sent["cost"], sent["recipients"], sent["fails"]) == (1.0, 2, ["61491570156"])
    recipients = account.state.sent.recipients
    times = recipients["sent_at"][account.state.sent.sends[-1].rows]
    assert times.tolist() == [times[0], times[0] + 1]
    list_id = next(iter(account.contacts.lists))
    refused = code(gateway, "add-to-list", list_id=list_id, msisdn="61491570156")
    assert refused == "BAD_MOBILE_COUNTRY"


@pytest.mark.parametrize(
    ("key", "value"),
    [("countries", "[]"), ("countries", '[""]'), ("countries", "[61]"), ("paces", "[]"), ("paces", "[0]")],
)
def test_countries_and_paces_that_leave_nothing_are_refused(key: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=rf"traffic\.{key}"):
        world(f"[traffic]\n{key} = {value}\n", tmp_path)
