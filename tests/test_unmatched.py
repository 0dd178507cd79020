"""A join that finds nothing says so, and numbers of any type are read or refused wherever they are taken."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from smsdata import analysis
from smsdata.errors import UsageError
from tests.support.results import NOW, RESULTS, campaigns, history, members, messages, replies
from tests.test_bad_input import Files, scans

ELSEWHERE = {"msisdn": "61491579999"}
LATER = {"message_id": 99}

JOINS: dict[str, Any] = {
    "attribute_replies": lambda: analysis.attribute_replies(messages(), replies().assign(**ELSEWHERE)),
    "bounce_history": lambda: analysis.bounce_history(messages(), ["61491579999"]),
    "bounce_kinds": lambda: analysis.bounce_kinds(messages(), campaigns()[1:].assign(**LATER)),
    "hard_bounced": lambda: analysis.hard_bounced(messages(), campaigns=campaigns()[1:].assign(**LATER)),
    "list_health": lambda: analysis.list_health(members().assign(**ELSEWHERE)[2:4], messages(), now=NOW),
    "optout_rate": lambda: analysis.optout_rate(messages(), replies=replies().assign(**ELSEWHERE), now=NOW),
    "reply_rate": lambda: analysis.reply_rate(messages(), replies().assign(longcode="61491570007"), now=NOW),
    "sent_after_optout": lambda: analysis.sent_after_optout(
        messages(), analysis.optouts(replies=replies().assign(**ELSEWHERE))
    ),
    "spent_on_dead": lambda: analysis.spent_on_dead(messages(), campaigns()[1:].assign(**LATER)),
    "threads": lambda: analysis.threads(messages(), replies().assign(**ELSEWHERE)),
    "time_to_deliver": lambda: analysis.time_to_deliver(
        messages(), status_history=history().assign(**LATER), now=NOW
    ),
}
SPELLINGS = [61491570150, 61491570150.0, "+61491570150", "0491570150", "61491570150.0", "61 491 570 150"]


@pytest.mark.parametrize("name", sorted(JOINS))
def test_a_join_that_matches_nothing_warns_with_both_counts(name: str) -> None:
    with pytest.warns(UserWarning, match=rf"{name}: none of [\d,]+ rows of \w+ matches any of") as caught:
        JOINS[name]()
    said = [str(warning.message) for warning in caught]
    assert all("6149157" not in text and "\n" not in text for text in said)
    assert {Path(warning.filename).name for warning in caught} == {"test_unmatched.py"}


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_a_join_that_matches_or_has_nothing_to_match_is_silent(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RESULTS[name]()
    assert analysis.attribute_replies(messages()[:0], replies())["message_id"].isna().all()
    assert analysis.attribute_replies(messages(), replies()[:0]).empty


@pytest.mark.parametrize("value", SPELLINGS, ids=repr)
def test_bounce_history_reads_numbers_of_any_spelling(value: Any) -> None:
    if value == "0491570150":
        with pytest.raises(UsageError, match=r"1 of 1 numbers .*needs a country.*country='AU'"):
            analysis.bounce_history(messages(), [value])
        return
    told = analysis.bounce_history(messages(), [value])
    assert told["msisdn"].unique().tolist() == ["61491570150"]
    pd.testing.assert_frame_equal(told, analysis.bounce_history(messages(), "61491570150"))


@pytest.mark.parametrize("value", SPELLINGS, ids=repr)
def test_numbers_spelled_otherwise_are_refused_in_scans_as_in_frames(value: Any, tmp_path: Path) -> None:
    other = replies().assign(msisdn=value)
    for given in (other, scans({"replies": other}, tmp_path)["replies"]):
        with pytest.raises(UsageError, match=r"attribute_replies: .*replies.*msisdn.*to_msisdn"):
            analysis.attribute_replies(messages(), given)


@pytest.mark.parametrize("value", SPELLINGS, ids=repr)
def test_our_own_numbers_are_checked_like_those_of_people(value: Any) -> None:
    with pytest.raises(UsageError, match=r"longcode.*to_msisdn\(replies\['longcode'\]\)"):
        analysis.reply_rate(messages(), replies().assign(longcode=value), now=NOW)


def test_numbers_of_several_types_are_refused_where_they_only_widen_an_interval() -> None:
    mixed = pd.Series(["61491570150", 61491570151, None, *messages()["msisdn"][3:]], dtype="object")
    with pytest.raises(UsageError, match=r"delivery_rate: messages\.msisdn mixes types.*to_msisdn"):
        analysis.delivery_rate(messages().assign(msisdn=mixed), now=NOW)


def test_a_minus_before_a_number_of_a_scan_is_another_spelling(tmp_path: Path) -> None:
    for value in ("-61491570150", "6.1491570150e10", "\uff16\uff11491570150"):
        given = scans({"replies": replies().assign(msisdn=value)}, tmp_path)["replies"]
        with pytest.raises(UsageError, match=r"replies.*msisdn.*to_msisdn"):
            analysis.attribute_replies(messages(), given)


def test_scans_with_plain_numbers_and_names_pass(tmp_path: Path) -> None:
    frame = messages().assign(msisdn=["ACME", *messages()["msisdn"][1:]])
    frame.to_parquet(tmp_path / "m.parquet")
    scan = Files(tmp_path / "m.parquet", list(frame.columns))
    pd.testing.assert_frame_equal(analysis.number_details(scan), analysis.number_details(frame))


def test_helpers_that_take_both_take_messages_before_replies() -> None:
    for name in RESULTS:
        given = list(inspect.signature(getattr(analysis, name)).parameters.values())
        order = [p.name for p in given if p.kind is p.POSITIONAL_OR_KEYWORD]
        if {"messages", "replies"} <= set(order):
            assert order[:2] == ["messages", "replies"], name


def test_costs_can_leave_out_campaigns_that_still_wait() -> None:
    spent = analysis.costs(campaigns(), now="2026-11-10", mature_only=True)
    assert spent["campaigns"].tolist() == [1]
    assert spent["pending"].tolist() == [0]
    assert analysis.costs(campaigns(), now="2026-11-10")["campaigns"].tolist() == [2]


@pytest.mark.parametrize("by", ["week", "seen"])
def test_groups_may_be_periods_and_naive_times(by: str) -> None:
    sent = messages()["sent_at"].dt.tz_localize(None)
    frame = messages().assign(seen=sent, week=sent.dt.to_period("W"))
    found = analysis.delivery_rate(frame, by=by, now=NOW)
    assert found[by].tolist() == [pd.Timestamp("2026-11-02"), pd.Timestamp("2026-11-09")]
    assert found["n"].tolist() == [4, 4]
