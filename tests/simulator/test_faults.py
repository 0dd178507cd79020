"""Throttle, drift and faults: what makes reading hard is as it was asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from smsdata.simulator import Account, Drift, Faults, Gateway, Once
from smsdata.simulator.drift import DRIFT_KINDS
from smsdata.simulator.faults import FAULT_KINDS
from smsdata.simulator.truth import TRUTH_TABLES

from .asking import SPAN, ask, parameters, raw, read, read_loosely, small

# -- throttle -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limiter", "times", "passed"),
    [
        ("sliding", "10.5 10.6 10.9 11.0 11.51 11.55 11.99", "yes yes no no yes no yes"),
        ("calendar", "10.5 10.6 10.9 11.0 11.51 11.55 11.99", "yes yes no yes yes no no"),
        ("bucket", "0 0 0.25 0.375 0.5 0.75 1.0", "yes yes no no yes no yes"),
        (None, "0 0 0 0", "yes yes yes yes"),
    ],
)
def test_limiters_count_seconds_in_their_own_way(limiter: str | None, times: str, passed: str) -> None:
    """Two calls a second: any second, whole seconds of the clock, or a bucket of two; None counts nothing."""
    clock = iter(map(float, times.split()))
    gateway = Gateway(small(), limiter=limiter, rate=2.0, clock=lambda: next(clock))
    served = ["yes" if raw(gateway, "get-lists").status == 200 else "no" for _ in times.split()]
    assert served == passed.split()
    assert gateway.throttled == served.count("no")


def test_limiter_takes_rates_below_one() -> None:
    """Half a call a second is one call in two seconds."""
    times = iter([0.0, 1.9, 2.0])
    gateway = Gateway(small(), rate=0.5, clock=lambda: next(times))
    assert [raw(gateway, "get-lists").status for _ in range(3)] == [200, 429, 200]


def test_calls_records_what_was_received() -> None:
    """Time, path, parameters in order, status."""
    gateway = Gateway(small(), limiter=None, clock=lambda: 7.0)
    raw(gateway, "get-list", list_id=1, page=2)
    (call,) = gateway.calls
    assert (call.at, call.path, call.params, call.status) == (
        7.0, "/get-list.json", (("list_id", "1"), ("page", "2")), 400,
    )  # fmt: skip


# -- drift --------------------------------------------------------------------------------------------------


def test_naive_paging_loses_rows_under_drift() -> None:
    """Rows arriving at the head every five pages cost the usual loop about 2% of what was there, silently."""
    account = Account.bulk(10_000, recipients=5_000)
    before = {row["id"] for row in account.truth("messages")}
    quiet = {row["id"] for row in read(Gateway(account, limiter=None), "get-user-sms-sent", size=100, **SPAN)}
    gateway = Gateway(account, limiter=None, drift=Drift(every_pages=5, rows=10))
    got = [row["id"] for row in read(gateway, "get-user-sms-sent", size=100, **SPAN)]
    loss = len(before - set(got)) / len(before)
    assert quiet == before
    assert 0.014 <= loss <= 0.023
    assert len(got) > len(set(got))


@pytest.mark.parametrize("kind", DRIFT_KINDS)
def test_drift_changes_what_is_being_read(kind: str) -> None:
    """Every kind of drift changes some table, and every table still reads without an error."""
    account = small(campaigns=3, lists=3, link_rate=0.0, reply_rate=0.0)
    message_id = account.send_campaign(3_100_001)
    account.advance(seconds=10)
    before = {table: account.truth(table) for table in TRUTH_TABLES}
    Drift(rows=5, kinds=(kind,), seed=2).strike(
        account, "", {"message_id": str(message_id), "list_id": "3100001"}
    )
    after = {table: account.truth(table) for table in TRUTH_TABLES}
    assert before != after
    gateway = Gateway(account, limiter=None)
    assert len(read(gateway, "get-user-sms-sent", **SPAN)) == len(after["messages"])


def test_drift_stops_and_passes_time() -> None:
    """`until` bounds it, `seconds` advances the clock."""
    account = small()
    drift = Drift(rows=1, until=2, seconds=60)
    for _ in range(4):
        drift.strike(account)
    assert (drift.strikes, len(account.sends)) == (2, 2)
    assert account.time == datetime(2026, 11, 22, 0, 2, tzinfo=UTC)


def test_unknown_drift_is_refused() -> None:
    """The message lists the kinds."""
    with pytest.raises(ValueError, match="head"):
        Drift(kinds=("sideways",))


# -- faults -------------------------------------------------------------------------------------------------


def test_faults_parse_reads_the_command_line() -> None:
    """kind=p; anything else says what is wrong."""
    assert Faults.parse(["reset=0.02", "html502=1"]).chances == {"reset": 0.02, "html502": 1.0}
    with pytest.raises(ValueError, match=r"unknown fault 'rset'.*html502"):
        Faults.parse(["rset=0.1"])
    with pytest.raises(ValueError, match="reset="):
        Faults.parse(["reset"])
    with pytest.raises(ValueError, match="between 0 and 1"):
        Faults.parse(["reset=2"])


def test_a_filter_may_be_ignored(account: Account) -> None:
    """get-sms-sent with delivery=pending then answers with every recipient."""
    send = max(account.sends, key=lambda send: len(send.rows))
    gateway = Gateway(account, limiter=None, faults=Faults(script=[Once("ignored_filter")]))
    totals = [
        ask(gateway, "get-sms-sent", message_id=send.message_id, delivery="pending")[1]["total"]
        for _ in range(2)
    ]
    assert totals[0] == len(send.rows) > totals[1]


ELSEWHERE = {"retry_after", "ignored_filter"}


@pytest.mark.parametrize("kind", [kind for kind in FAULT_KINDS if kind not in ELSEWHERE])
def test_each_fault_strikes_its_page_once(account: Account, kind: str) -> None:
    """A scripted fault changes page 2 and nothing else, exactly once."""
    params: dict[str, Any] = parameters(account)["get-list"] | {"max": 30}
    call = "get-list"
    clean = [raw(Gateway(account, limiter=None), call, page=page, **params) for page in (1, 2, 2)]
    gateway = Gateway(account, limiter=None, faults=Faults(script=[Once(kind, call, page=2)], seed=1))
    first, struck, again = (raw(gateway, call, page=page, **params) for page in (1, 2, 2))
    assert (first, again) == (clean[0], clean[2])
    assert struck != clean[1]
    assert gateway.faults.struck == {kind: 1}


def test_faults_strike_as_often_as_asked() -> None:
    """Probabilities are kept, and the same seed strikes the same calls."""
    account = small()
    runs = []
    for _ in range(2):
        gateway = Gateway(account, limiter=None, faults=Faults({"error500": 0.2, "reset": 0.1}, seed=4))
        runs.append(
            [raw(gateway, "get-lists").action or raw(gateway, "get-lists").status for _ in range(500)]
        )
    assert runs[0] == runs[1]
    assert 0.15 < runs[0].count(500) / 500 < 0.25


def test_error_bodies_with_status_200_are_errors() -> None:
    """One code that nobody documents, one that says throttled."""
    gateway = Gateway(small(), limiter=None, faults=Faults(script=[Once("error200"), Once("overlimit200")]))
    assert [ask(gateway, "get-lists")[1]["error"]["code"] for _ in range(3)] == [
        "INTERNAL_ERROR",
        "OVER_LIMIT",
        "SUCCESS",
    ]
    html = Gateway(small(), limiter=None, faults=Faults({"html200": 1.0}))
    assert raw(html, "get-lists").body.startswith(b"<html>")


def test_retry_after_comes_in_many_forms() -> None:
    """Seconds, dates, nonsense; only where the status asks for it."""
    gateway = Gateway(small(), limiter=None, faults=Faults({"error500": 0.9, "retry_after": 1.0}))
    answers = [raw(gateway, "get-lists") for _ in range(200)]
    forms = {answer.headers.get("retry-after") for answer in answers if answer.status == 500}
    assert len(forms) > 6
    assert all("retry-after" not in answer.headers for answer in answers if answer.status == 200)


def test_lying_totals_lie() -> None:
    """Each way of lying shows in the total and leaves the rows."""
    account = small()
    true = ask(Gateway(account, limiter=None), "get-list", list_id=3_100_001)[1]
    lies = {
        "total_zero": 0,
        "total_big": true["members_total"] + 7,
        "total_string": str(true["members_total"]),
    }
    for kind, lie in lies.items():
        body = ask(Gateway(account, limiter=None, faults=Faults({kind: 1.0})), "get-list", list_id=3_100_001)[
            1
        ]
        assert body["members_total"] == lie
        assert body["members"] == true["members"]
    late = Gateway(account, limiter=None, faults=Faults({"total_late": 1.0}))
    totals = [ask(late, "get-list", list_id=3_100_001, page=page)[1]["members_total"] for page in (1, 2)]
    assert totals == [true["members_total"], 0]


def test_spoil_writes_over_one_row() -> None:
    """A row that cannot be read stays so, the others are as they were."""
    account = small()
    account.send(61491570156)
    account.send(61491570157)
    gateway = Gateway(account, limiter=None)
    spoiled, whole = (row["id"] for row in read(gateway, "get-user-sms-sent", **SPAN))
    gateway.spoil("get-user-sms-sent", {"id": spoiled}, {"sent_at": "soon", "message": "\ud83d"})
    rows = {row["id"]: row for row in read(gateway, "get-user-sms-sent", **SPAN)}
    assert (rows[spoiled]["sent_at"], rows[spoiled]["message"]) == ("soon", "\ud83d")
    assert rows[whole]["sent_at"] == "2026-11-22 00:00:00"


def test_quirks_mix_what_the_reference_allows(account: Account) -> None:
    """Spellings, numbers as strings, 0 and null, shapes of fields, unknown keys, missing blocks."""
    gateway = Gateway(account, limiter=None, quirks=True)
    dlrs = [
        row for s in account.sends for row in read_loosely(gateway, "get-sms-sent", message_id=s.message_id)
    ]
    words = {row["delivery_status"] for row in dlrs}
    assert {"hard-bounce", "hard_bounced", "hard bounce", "HARD-BOUNCE"} <= words
    assert "failed" not in words
    assert {type(row["msisdn"]) for row in dlrs} == {int, str}
    assert any("shard" in row for row in dlrs)
    messages = read_loosely(gateway, "get-user-sms-sent", **SPAN)
    assert {"failed", "bounced"} <= {row["status"] for row in messages}
    replies = read_loosely(gateway, "get-user-sms-responses", start="2026-01-01")
    assert {0, None, "0"} <= {row["list_id"] for row in replies}
    members = read_loosely(gateway, "get-list", list_id=3_100_001, members="all")
    assert {type(row["fields"]) for row in members} == {dict, list}
    assert "error" not in ask(gateway, "get-clients")[1]
    empty = [
        ask(gateway, "get-sms-responses", message_id=account.sends[0].message_id, page=9)[1]
        for _ in range(20)
    ]
    assert {"responses" in body for body in empty} == {True, False}
