"""The first day: a plan says what it waits for and until when, and it can be made then."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from smsdata import Store, UsageError, hygiene, sync
from smsdata.audit import audit
from smsdata.hygiene.plan_file import advice
from smsdata.reading_check import sample
from smsdata.simulator import Account, Gateway
from tests.support.clients import connected
from tests.support.sync_world import present


def test_plan_of_the_first_day_can_judge_when_it_says_so(tmp_path: Path) -> None:
    account, store = Account(1), Store(tmp_path / "store")
    gateway = Gateway(account, limiter=None)
    with connected(gateway) as client:
        sync(client, store)
    first = hygiene.plan(store)
    assert set(first["rule"]) == {"unsettled"}
    until = pd.Timestamp(first.attrs["plan"]["settles"]["last"])
    assert f"{until.ceil('min'):%Y-%m-%d %H:%M} UTC" in "\n".join(advice(first))
    account.advance((until - present(account)).total_seconds())
    with connected(gateway) as client:
        sync(client, store)
    then = hygiene.plan(store)
    assert len(then) == len(first)
    assert "unsettled" not in set(then["rule"])
    assert then.attrs["plan"]["settles"] is None


def test_plan_that_waits_for_days_says_from_when_a_bounce_decides(tmp_path: Path) -> None:
    account, store = (
        Account(1, campaigns=0, singles=0, inbound=0, lists=0, dead=0.0),
        Store(tmp_path / "store"),
    )
    gateway = Gateway(account, limiter=None)
    people = account.contacts.add_list("People")
    for n in range(20):
        account.contacts.add_member(people, 61491570200 + n)
    account.advance(hours=1)
    send = account.send_campaign(people, "hello")
    account.set_status(send, 61491570200, "hard-bounce")
    sent = present(account)
    for hours in (100, 2):
        account.advance(hours=hours)
        with connected(gateway) as client:
            sync(client, store)
    plan = hygiene.plan(store)
    assert "too-few-days" in set(plan["rule"])
    decides = pd.Timestamp(sent) + pd.Timedelta("72h")
    assert f"of a message sent from {decides:%Y-%m-%d %H:%M} UTC on" in "\n".join(advice(plan))


def test_an_account_that_never_sent_has_an_empty_plan(tmp_path: Path) -> None:
    """It was synced: to be told to sync first would help nobody."""
    account, store = Account(1, campaigns=0, singles=0, inbound=0), Store(tmp_path / "store")
    with connected(Gateway(account, limiter=None)) as client:
        sync(client, store)
    plan = hygiene.plan(store)
    assert plan.empty
    assert pd.Timestamp(plan.attrs["plan"]["made_at"]) <= pd.Timestamp(present(account))


def test_an_account_that_never_sent_is_told_of_in_plain_sentences(tmp_path: Path) -> None:
    account, store = Account(1, campaigns=0, singles=0, inbound=0, lists=0), Store(tmp_path / "store")
    labels = tmp_path / "labels.csv"
    with connected(Gateway(account, limiter=None)) as client:
        sync(client, store, tables=["lists"])
        with pytest.raises(UsageError, match="holds no replies yet: run `smsdata sync` first"):
            sample(store, 5, labels)
        sync(client, store)
    with pytest.raises(UsageError, match="holds no replies yet: there are none to label"):
        sample(store, 5, labels)
    said = "\n".join(audit(store).lines())
    assert "Looked at 0 messages" in said
    assert "and at no replies to 2026-11-21 23:50 UTC." in said
    assert "never" not in said
