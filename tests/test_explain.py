"""What every result and every picture must tell: n, window, pending share, and where the rows came from."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from smsdata import analysis, plots
from smsdata.analysis import explain
from smsdata.analysis.core.provenance import TimeSpan
from tests.support.results import NOW, RESULTS, members, messages, replies

HELPERS = sorted(
    name
    for name in analysis.__all__
    if inspect.isfunction(getattr(analysis, name)) and name not in ("explain", "to_spark")
)
PLOTS = sorted(
    name
    for name, function in inspect.getmembers(plots, inspect.isfunction)
    if function.__module__.startswith(f"{plots.__name__}.")
)
NO_WINDOW = {"number_details"}
SNAPSHOTS = {"list_growth", "list_health", "list_overlap"}
NEVER_PENDING = {
    "attribute_replies", "avoidable_parts", "classify_replies", "list_growth", "list_overlap",
    "number_details", "optouts", "reply_windows", "segments", "threads", "time_to_reply",
}  # fmt: skip
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"


@pytest.fixture(autouse=True)
def _no_display() -> Iterator[None]:
    mpl.use("Agg")
    yield
    plt.close("all")


def told(frame: pd.DataFrame) -> dict[str, str]:
    """The lines of an explanation by what stands before the colon; the first is the formula."""
    lines = [line for line in explain(frame).split("\nSQL:")[0].splitlines() if ": " in line]
    return dict(line.split(": ", 1) for line in reversed(lines))


def test_every_helper_has_a_sample_result() -> None:
    assert sorted(RESULTS) == HELPERS


@pytest.mark.parametrize("name", HELPERS)
def test_every_result_tells_formula_counts_window_pending_and_sources(name: str) -> None:
    facts = told(RESULTS[name]())
    assert facts[name]
    assert facts["numerator"]
    assert facts["denominator"]
    window = facts["window"]
    if name in SNAPSHOTS:
        assert window.startswith("as of 2026-11-21T22:00:00+00:00")
    elif name in NO_WINDOW:
        assert re.fullmatch(r"none: \w.{8,}", window)
    else:
        assert re.fullmatch(rf"{MOMENT} to {MOMENT} \(\w+\)", window)
    wanted = r"none: \w.{8,}" if name in NEVER_PENDING else r"\d+\.\d%"
    assert re.fullmatch(wanted, facts["pending"])
    assert re.search(r"\d rows, (from pandas|made by \w+ from)", facts["source"])


@pytest.mark.parametrize("name", HELPERS)
def test_every_result_names_only_what_was_given(name: str) -> None:
    sources = set(RESULTS[name]().attrs["explain"]["sources"])
    tables = {
        "messages",
        "replies",
        "dlrs",
        "campaigns",
        "list_members",
        "optouts",
        "numbers",
        "result",
        "status_history",
    }
    assert sources
    assert sources <= tables


@pytest.mark.parametrize(
    ("helper", "empty"),
    [
        ("delivery_rate", lambda: analysis.delivery_rate(messages()[:0], now=NOW)),
        ("classify_replies", lambda: analysis.classify_replies(replies()[:0])),
        ("list_overlap", lambda: analysis.list_overlap(members().drop(columns="synced_at"))),
        ("segments", lambda: analysis.segments(messages()[["message"]])),
        ("hard_bounced", lambda: analysis.hard_bounced(messages()[:0])),
    ],
)
def test_explain_says_why_there_is_no_window(helper: str, empty: Callable[[], pd.DataFrame]) -> None:
    window = told(empty())["window"]
    assert window in ("none: nothing was counted", "none: list_members came without synced_at",
                      "none: messages came without sent_at")  # fmt: skip


def test_explain_of_optouts_begins_at_the_first_evidence_not_at_a_contacts_creation() -> None:
    facts = told(analysis.optouts(replies=replies(), list_members=members()))
    assert facts["window"].startswith("2026-11-02T01:00:00+00:00 to 2026-11-21T22:00:00+00:00")
    alone = told(analysis.optouts(list_members=members().drop(columns="synced_at")))
    assert alone["window"] == "none: no evidence has a date"


def test_explain_follows_a_result_to_the_tables_it_was_made_from() -> None:
    lines = explain(RESULTS["sent_after_optout"]()).splitlines()
    assert "source: optouts, 3 rows, made by optouts from" in lines
    assert "  source: dlrs, 8 rows, from pandas" in lines


def test_explain_of_what_was_made_from_an_unknown_frame_says_so() -> None:
    found = analysis.alarms(pd.DataFrame({"delivered": [1], "settled": [100]}))
    assert told(found)["window"] == told(found)["pending"] == "none: the frame it was made from does not tell"


def test_pending_shares_are_those_of_the_messages_counted() -> None:
    for name in set(HELPERS) - NEVER_PENDING - {"reply_rate"}:
        assert RESULTS[name]().attrs["explain"]["pending_share"] == 1 / 8, name
    assert RESULTS["reply_rate"]().attrs["explain"]["pending_share"] == 0  # senders with letters are left out


def test_window_tells_a_snapshot_and_the_rows_beside_it() -> None:
    assert TimeSpan(0, 1_000_000, as_of=2_000_000).in_words() == (
        "as of 1970-01-01T00:00:02+00:00; 1970-01-01T00:00:00+00:00 to 1970-01-01T00:00:01+00:00 (sent_at)"
    )
    assert TimeSpan(why="digits have no time").in_words() == "none: digits have no time"


@pytest.mark.parametrize("name", PLOTS)
def test_every_picture_tells_n_window_and_pending_share(name: str) -> None:
    ax = getattr(plots, name)(RESULTS[name]())
    facts = ax.get_xlabel().replace("\n", " ")
    assert re.search(r"n = [\d,]+ \w", facts)
    assert re.search(r"\d+ [A-Z][a-z]{2} \d{4}( to |)", facts) or "no window: " in facts
    if name in NEVER_PENDING:
        assert "pending" not in facts  # what is never pending needs no line that says so
    else:
        assert "% pending" in facts
    if name in SNAPSHOTS:
        assert "as of 21 Nov 2026" in facts


@pytest.mark.parametrize("name", PLOTS)
def test_every_picture_of_a_frame_without_its_story_says_so(name: str) -> None:
    frame = RESULTS[name]()
    frame.attrs = {}
    facts = getattr(plots, name)(frame).get_xlabel().replace("\n", " ")
    assert "window unknown" in facts
    assert "pending share unknown" in facts
