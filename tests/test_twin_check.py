"""smsdata twin-check: what differs in shape is told, what does not is not, and no value of a row shows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from smsdata.cli.app import app
from smsdata.cli.twin import asking, shapes_of_the_twin, twin_check_command
from smsdata.errors import ApiError, UsageError
from smsdata.simulator import Account, Always, Faults, Gateway, running
from smsdata.twin_check import ShapeReport, Shapes, compared_shapes, form_of, shapes_of
from tests.simulator.asking import ask
from tests.support.clients import connected

READING = re.compile(r"get-[a-z-]+|format-number")


@cache
def twin() -> Shapes:
    return shapes_of_the_twin()


def against(gateway: Gateway) -> ShapeReport:
    """What the check says of a gateway."""
    with connected(gateway) as client:
        return compared_shapes(shapes_of(asking(client), gateway.account.time), twin())


def found(report: ShapeReport) -> set[tuple[str, str]]:
    return {(one.call, one.place) for one in report.differences}


def answering(bodies: Mapping[str, dict[str, Any]]) -> Shapes:
    """The shapes of a gateway that has these calls and no other."""

    def ask(call: str, _parameters: Mapping[str, Any]) -> dict[str, Any]:
        if call not in bodies:
            raise ApiError("no", code="NO_ACCESS", status=400)
        return bodies[call]

    return shapes_of(ask, Account(campaigns=0, singles=0, lists=0).time)


def test_what_calls_can_make_of_an_account_is_no_difference() -> None:
    """Numbers leased, keywords of every kind and fields up to the tenth are the twin's too."""
    gateway = Gateway(Account(seed=4), limiter=None)
    deeds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("lease-number", {}),
        ("add-keyword", {"keyword": "HI", "number": 61491570110}),
        ("add-keyword", {"keyword": "OFF", "number": 61491570110, "activate": "no", "welcome_message": "Hi"}),
        ("add-list", {"name": "L", "field_4": "Town", "field_10": "Shop"}),
    )
    for call, given in deeds:
        assert ask(gateway, call, **given)[0] == 200
    assert found(against(gateway)) == set()


@pytest.mark.parametrize("arguments", [{"seed": 1}, {"seed": 2, "clients": 1}, {"seed": 7, "goo": False}])
def test_an_account_like_the_twin_shows_no_difference(arguments: dict[str, Any]) -> None:
    """Other data is no other shape, in any of the calls; only reading ones are made."""
    gateway = Gateway(Account(**arguments), limiter=None)
    report = against(gateway)
    says = f"No difference from the twin in {len(report.compared)} kinds of calls, {report.answers} answers."
    assert list(report.lines()) == [says]
    assert len(report.compared) == 25
    assert gateway.applied == []
    assert all(READING.fullmatch(call.path.strip("/").removesuffix(".json")) for call in gateway.calls)
    assert len(gateway.calls) < 70


def test_what_an_account_has_none_of_is_not_judged() -> None:
    """No rows, no access: named, and no difference."""
    gateway = Gateway(Account(seed=3, inbound=0, reply_rate=0.0), limiter=None, reseller=False)
    gateway.account.state.keywords.clear()
    report = against(gateway)
    assert report.differences == []
    assert report.not_judged["get-keywords"] == "no rows"
    assert report.not_judged["get-user-sms-responses"] == "no rows"
    assert report.not_judged["get-clients"] == "no access"
    assert report.not_judged["get-transactions"] == "nothing to ask about"
    assert "get-clients" not in report.compared


def test_a_gateway_of_many_shapes_differs_and_no_value_shows() -> None:
    """Numbers as text, other words, keys of its own, missing error blocks; but no number, name or text."""
    account = Account(seed=6, campaigns=20, recipients=25)
    report = against(Gateway(account, limiter=None, quirks=True))
    assert {
        ("get-lists", "served_by"), ("get-sms-sent", "recipients[].shard"), ("get-clients", "error"),
        ("get-sms-sent", "recipients[].msisdn"), ("get-sms-sent", "recipients[].delivery_status"),
    } <= found(report)  # fmt: skip
    said = json.dumps(report.as_json(), ensure_ascii=False) + "\n".join(report.lines())
    values = {str(member.msisdn) for one in account.contacts.lists.values() for member in one.present()}
    values |= {reply.text for reply in account.state.inbox.replies if len(reply.text) > 3}
    values |= {str(send.message_id) for send in account.sends} | {send.text for send in account.sends}
    values |= {name for name in account.state.sent.names.values if name and len(name) > 2}
    values |= {"Birthday", "Email", "Tier"}
    assert [value for value in values if value in said] == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("odd_cells", {("get-lists", "lists[].created"), ("get-message-report", "messages[].cost")}),
        ("object_list", {("get-lists", "lists"), ("get-list", "members")}),
        ("total_string", {("get-lists", "lists_total"), ("get-sms-sent", "total")}),
        ("total_missing", {("get-lists", "lists_total")}),
        ("missing_rows", {("get-lists", "lists"), ("get-numbers", "numbers")}),
        ("extra_keys", {("get-lists", "request_id"), ("get-lists", "lists[].meta")}),
    ],
)
def test_each_switch_of_shape_is_found(kind: str, expected: set[tuple[str, str]]) -> None:
    """One oddity at each answer, and the check names where; pages 1 alone were read."""
    gateway = Gateway(Account(seed=2, campaigns=20, recipients=25), limiter=None, faults=Faults({kind: 1.0}))
    assert expected <= found(against(gateway))


def test_a_call_that_the_gateway_does_not_have_is_a_difference() -> None:
    """It says so in the code and the status, and the other calls are compared all the same."""
    faults = Faults(always=[Always("not_offered", "get-numbers"), Always("error200", "get-keywords")])
    report = against(Gateway(Account(seed=2), limiter=None, faults=faults))
    assert [one.line() for one in report.differences] == [
        "get-keywords answer: INTERNAL_ERROR (HTTP 200); the twin gives SUCCESS",
        "get-numbers answer: NOT_IMPLEMENTED (HTTP 404); the twin gives SUCCESS",
    ]
    assert report.not_judged == {"get-number": "nothing to ask about"}


def test_differences_say_no_names_that_people_chose() -> None:
    """Custom fields, and numbers as keys, are told as a star."""
    odd = {
        "error": {"code": "SUCCESS", "description": "OK"},
        "61491570156": {"Anna Nym": 1},
        "fields": {"Café": []},
    }
    report = compared_shapes(answering({"get-balance": odd}), twin())
    places = [one.place for one in report.differences if one.call == "get-balance"]
    assert places == ["*", "fields", "balance", "currency"]


def test_an_answer_that_is_nested_deeply_is_one_difference() -> None:
    """It is looked at as far as anybody would read, however deep it goes."""
    deep: dict[str, Any] = {"a": 1}
    for _ in range(5_000):
        deep = {"a": deep}
    odd = {"balance": 1.5, "currency": "AUD", "odd": deep}
    report = compared_shapes(answering({"get-balance": odd}), twin())
    lines = [one.line() for one in report.differences if one.call == "get-balance"]
    assert lines == [
        "get-balance odd: an object; the twin gives nothing",
        "get-balance error: nothing; the twin gives an object",
    ]  # fmt: skip


def test_a_key_that_is_there_sometimes_is_told_beside_what_it_holds() -> None:
    """The twin always has it: a place that is empty here and there is a difference too."""
    rows = [{"keyword": "JOIN", "number": "61491570110"}, {"keyword": "WIN"}]
    report = compared_shapes(answering({"get-balance": {}, "get-keywords": {"keywords": rows}}), twin())
    line = next(one for one in report.differences if one.place == "keywords[].number")
    assert line.there == ["nothing", "digits in text"]


@pytest.mark.parametrize(
    ("value", "key", "form"),
    [
        (None, "", "null"), (True, "", "true or false"), (0, "", "zero"), (-0.25, "", "negative fraction"),
        (12.0, "", "whole number"), ("", "status", "empty text"), ("2026-11-22", "", "date"),
        ("-1.5", "", "number in text"),
        ("Delivered", "status", "another word"), ("hard-bounce", "delivery_status", "'hard-bounce'"),
        ([], "", "an array"),
        ("Ana", "", "text"), ("٣", "", "digits in text"),
    ],
)  # fmt: skip
def test_form_of_tells_kinds_of_values(value: Any, key: str, form: str) -> None:
    assert form_of(value, key) == form


def test_answer_of_makes_reading_calls_only() -> None:
    """Nothing is sent for the name of any other call; secrets are dropped from what is answered."""
    gateway = Gateway(Account(seed=2), limiter=None)
    with connected(gateway) as client:
        for name in ("send-sms", "delete-from-list", "add-list", "cancel-sms", "get_lists", "no-such"):
            with pytest.raises(UsageError, match="no reading call"):
                client.answer_of(name, list_id=1)
        assert gateway.calls == []
        row = client.answer_of("get-clients", max=1)["clients"][0]
    assert "apisecret" not in row
    assert "apikey" not in row


def command(gateway: Gateway, *words: str, **environment: str) -> Result:
    with running(gateway) as base_url:
        settings = {"SMSDATA_API_KEY": "demo", "SMSDATA_API_SECRET": "demo", "SMSDATA_RATE": "5000"}
        settings |= {"SMSDATA_SHARE": "1", "SMSDATA_BASE_URL": base_url}
        return CliRunner().invoke(app, ["twin-check", *words], env=settings | environment)


def test_command_exits_with_3_where_something_differs_and_prints_one_object() -> None:
    gateway = Gateway(
        Account(seed=4, campaigns=8, recipients=20), limiter=None, faults=Faults({"total_string": 1.0})
    )
    done = command(gateway, "--json")
    assert done.exit_code == 3
    report = json.loads(done.stdout)
    assert report.keys() == {"answers", "compared", "differences", "not_judged"}
    assert {
        "call": "get-lists",
        "place": "lists_total",
        "there": ["digits in text"],
        "twin": ["whole number"],
    } in report["differences"]


def test_command_exits_with_0_where_nothing_differs() -> None:
    done = command(Gateway(Account(seed=4), limiter=None))
    says = "No difference from the twin in 25 kinds of calls, 60 answers.\n"
    assert (done.exit_code, done.stdout) == (0, says)


def test_command_makes_as_many_calls_as_it_says_where_an_account_has_everything() -> None:
    """Lists, sends with links and answers, numbers, clients; one call more asks for the time."""
    gateway = Gateway(Account(seed=2, days=28, campaigns=60, inbound=80), limiter=None)
    report = json.loads(command(gateway, "--json").stdout)
    assert report["answers"] == len(gateway.calls) - 1 == 60
    assert "at most 61 reading calls" in str(twin_check_command.__doc__)


@pytest.mark.parametrize(
    ("words", "environment", "code", "says"),
    [
        ([], {"SMSDATA_API_SECRET": "wrong"}, 1, "AUTH_FAILED"),
        ([], {"SMSDATA_API_KEY": ""}, 1, "no credentials"),
        (["--store", "here"], {}, 2, "--store does nothing here"),
    ],
)
def test_command_says_why_it_compares_nothing(
    words: list[str], environment: dict[str, str], code: int, says: str
) -> None:
    done = command(Gateway(Account(campaigns=0, singles=0), limiter=None), *words, **environment)
    assert (done.exit_code, done.stdout) == (code, "")
    assert says in done.stderr


def test_command_shares_the_pace_of_every_other_command() -> None:
    """It asks no faster than its share of the rate: nothing meets 429."""
    gateway = Gateway(Account(seed=4, campaigns=2, recipients=5, singles=0, lists=1, clients=0), rate=50.0)
    assert command(gateway, SMSDATA_RATE="50", SMSDATA_SHARE="0.9").exit_code == 0
    assert gateway.throttled == 0
    assert len(gateway.calls) > 20
