"""`mature_only` everywhere: a helper leaves fresh messages out, or says why it cannot."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from smsdata import analysis

from .support.frames import utc
from .support.results import NOW, RESULTS, SYNCED, campaigns, history, members, messages, replies

HELPERS = [name for name in analysis.__all__ if name in RESULTS]
TAKE_IT = [name for name in HELPERS if "mature_only" in inspect.signature(getattr(analysis, name)).parameters]
FRESH = utc(["2026-11-20T05:00"])[0]
NOT_OF_THE_MESSAGED = ["never_messaged", "stale"]
"""Columns of contacts that were not taken for messaged: whoever was only just written to is neither."""


def fresh_messages() -> pd.DataFrame:
    """Three messages of the day before the present, one of them to somebody new on the list."""
    rows = (
        messages()
        .iloc[[0, 3, 2]]
        .assign(
            id=[20, 21, 22],
            message_id=12,
            sent_at=FRESH,
            msisdn=["61491570151", "61491570158", "61491570152"],
        )
    )
    return rows.assign(
        delivered_at=utc([FRESH + pd.Timedelta(40, "s"), None, None]).array,
        sender=["61491570006"] * 2 + ["ACME"],
    )


def told(fresh: bool) -> dict[str, pd.DataFrame]:
    """The tables that helpers take, with a fresh send or without."""
    added = fresh_messages()
    new = members().iloc[[0]].assign(msisdn="61491570158")
    tables = {
        "messages": messages(),
        "dlrs": messages().assign(synced_at=SYNCED),
        "replies": replies(),
        "campaigns": campaigns(),
        "status_history": history(),
        "list_members": pd.concat([members(), new], ignore_index=True),
    }
    if fresh:
        answer = (
            replies()
            .iloc[[1]]
            .assign(id=4, message_id=12, msisdn="61491570151", received_at=FRESH + pd.Timedelta(1, "h"))
        )
        seen = added[["message_id", "msisdn", "sent_at", "status"]].assign(observed_at=FRESH)
        more = {
            "messages": added,
            "dlrs": added.assign(synced_at=SYNCED),
            "replies": answer,
            "campaigns": campaigns().iloc[[0]].assign(message_id=12, sent_at=FRESH),
            "status_history": seen,
        }
        for name, rows in more.items():
            tables[name] = pd.concat([tables[name], rows], ignore_index=True)
    return tables


def asked(name: str, fresh: bool, **options: Any) -> pd.DataFrame:
    """Ask a helper with all the tables that it must have."""
    helper: Callable[..., pd.DataFrame] = getattr(analysis, name)
    takes = inspect.signature(helper).parameters
    if name in ("compare_rates", "delivery_trend"):
        options["by"] = {"compare_rates": "sender", "delivery_trend": "month"}[name]
    given = {
        table: rows
        for table, rows in told(fresh).items()
        if table in takes and (takes[table].default is inspect.Parameter.empty or name == "list_health")
    }
    found = helper(**given, **options)
    return found.drop(columns=NOT_OF_THE_MESSAGED, errors="ignore")


@pytest.mark.parametrize("name", HELPERS)
def test_every_helper_has_mature_only_or_says_why_it_cannot(name: str) -> None:
    why = re.search(
        r"There is no ``mature_only``: [\w`][^.]+\.", inspect.getdoc(getattr(analysis, name)) or ""
    )
    assert (name in TAKE_IT) is not bool(why)
    parameters = inspect.signature(getattr(analysis, name)).parameters
    assert (name in TAKE_IT) <= ("now" in parameters)


@pytest.mark.parametrize("name", TAKE_IT)
def test_mature_only_counts_as_if_fresh_messages_had_not_been_sent(name: str) -> None:
    expected = asked(name, False, now=NOW)
    pd.testing.assert_frame_equal(asked(name, True, now=NOW, mature_only=True), expected)
    assert not asked(name, True, now=NOW).equals(expected)
