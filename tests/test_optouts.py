from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from smsdata.analysis import classify_replies, optout_rate, optouts, sent_after_optout
from smsdata.errors import UsageError
from tests.support.frames import dlrs_of, utc

A, B, C, D = "61491570156", "61491570157", "61491570158", "61491570159"
OURS = "61491570006"


def replies_of(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Rows of (msisdn, received_at, response)."""
    frame = pd.DataFrame(rows, columns=["msisdn", "received_at", "response"]).astype("str")
    return frame.assign(
        id=range(1, len(rows) + 1), longcode=OURS, received_at=utc(frame["received_at"].tolist())
    )


def sent(*rows: tuple[int, str, str]) -> pd.DataFrame:
    """Rows of (message_id, msisdn, sent_at)."""
    rows_sent = dlrs_of(*((*row, "delivered", False) for row in rows)).drop(columns="optout")
    return rows_sent.assign(sender=OURS, list_id=1)


def shown(value: Any) -> str | None:
    return None if pd.isna(value) else value.strftime("%d %H:%M")


def test_optouts_dates_an_opt_out_by_the_reply_rather_than_the_flagged_send() -> None:
    flagged = dlrs_of(
        (10, A, "2026-11-01T09:00", "delivered", True), (10, B, "2026-11-01T09:00", "delivered", False)
    )
    found = optouts(replies=replies_of((A, "2026-11-01T10:00", "STOP")), dlrs=flagged)
    assert found["msisdn"].tolist() == [A]
    row = found.iloc[0]
    assert (shown(row["first_optout_at"]), shown(row["known_at"])) == ("01 10:00", "01 10:00")
    assert (row["source"], row["certain"]) == ("reply", True)
    assert (shown(row["flag_at"]), shown(row["reply_at"]), shown(row["cleared_at"])) == (
        "01 09:00",
        "01 10:00",
        None,
    )


def test_optouts_dates_by_the_flag_if_it_was_read_before_the_reply() -> None:
    flagged = dlrs_of((10, A, "2026-11-01T09:00", "delivered", True)).assign(
        synced_at=utc(["2026-11-01T12:00"])
    )
    row = optouts(replies=replies_of((A, "2026-11-05T10:00", "STOP")), dlrs=flagged).iloc[0]
    assert (row["source"], shown(row["first_optout_at"]), shown(row["known_at"])) == (
        "flag",
        "01 09:00",
        "01 12:00",
    )


def test_optouts_lets_the_gateway_stand_before_our_reading_of_the_same_reply() -> None:
    callbacks = pd.DataFrame(
        {"msisdn": [A, B], "received_at": utc(["2026-11-01T10:00"] * 2), "is_optout": ["yes", "no"]}
    )
    found = optouts(replies=replies_of((A, "2026-11-01T10:00", "STOP")), callbacks=callbacks)
    assert found[["msisdn", "source"]].to_numpy().tolist() == [[A, "callback"]]
    assert optouts(callbacks=callbacks.assign(is_optout=[True, False]))["msisdn"].tolist() == [A]


def test_optouts_cuts_periods_at_start() -> None:
    found = optouts(
        replies=replies_of(
            (A, "2026-11-01T10:00", "STOP"),
            (A, "2026-11-02T10:00", "stop"),
            (A, "2026-11-03T10:00", "START"),
            (A, "2026-11-04T10:00", "start"),
            (A, "2026-11-05T10:00", "STOP"),
            (B, "2026-11-01T10:00", "START"),
            (C, "2026-11-01T10:00", "Stop"),
            (C, "2026-11-02T10:00", "UNSTOP"),
        )
    )
    got = [(r.msisdn, r.period, shown(r.first_optout_at), shown(r.cleared_at)) for r in found.itertuples()]
    assert got == [
        (A, 1, "01 10:00", "03 10:00"),
        (A, 2, "05 10:00", None),
        (C, 1, "01 10:00", "02 10:00"),
    ]
    assert not found[found["cleared_at"].isna()].duplicated("msisdn").any()


def test_optouts_clears_a_flag_only_by_a_start_after_its_send() -> None:
    flagged = dlrs_of((10, A, "2026-11-02T09:00", "delivered", True))
    before = optouts(replies=replies_of((A, "2026-11-01T10:00", "START")), dlrs=flagged)
    after = optouts(replies=replies_of((A, "2026-11-03T10:00", "START")), dlrs=flagged)
    assert before["cleared_at"].isna().tolist() == [True]
    assert after["cleared_at"].isna().tolist() == [False]


def test_optouts_keeps_doubtful_replies_for_review_only() -> None:
    found = optouts(
        replies=replies_of(
            (A, "2026-11-01T10:00", "Stpo"),
            (B, "2026-11-01T10:00", "wrong number"),
            (C, "2026-11-01T10:00", "Yes"),
        )
    )
    assert found["msisdn"].tolist() == [A, B]
    assert found["source"].tolist() == ["review", "review"]
    assert not found["certain"].any()
    assert found["first_optout_at"].isna().all()
    assert found["review_at"].notna().all()


def test_optouts_counts_the_list_status_optout_and_not_inactive() -> None:
    members = pd.DataFrame(
        {
            "list_id": 1,
            "msisdn": [A, B, C],
            "status": ["optout", "inactive", "Opted-Out"],
            "created_at": utc(["2026-01-01", "2026-01-01", None]),
            "synced_at": utc(["2026-11-20"] * 3),
        }
    )
    found = optouts(list_members=members).set_index("msisdn")
    assert found.index.tolist() == [A, C]
    assert found["source"].tolist() == ["list", "list"]
    assert shown(found.loc[A, "known_at"]) == "20 00:00"
    assert found["first_optout_at"].isna()[C]


def listed(synced_at: str | None) -> pd.DataFrame:
    """A contact of long standing whose list status is optout, read then; None: read at an unknown time."""
    members = pd.DataFrame(
        {"list_id": [1], "msisdn": A, "status": "optout", "created_at": utc(["2025-01-01"])}
    )
    return members if synced_at is None else members.assign(synced_at=utc([synced_at]))


@pytest.mark.parametrize("synced_at", ["2026-11-20T00:00", None])
def test_optouts_keeps_a_list_status_that_outlived_a_start(synced_at: str | None) -> None:
    heard = replies_of((A, "2026-11-01T10:00", "STOP"), (A, "2026-11-05T10:00", "START"))
    found = optouts(replies=heard, list_members=listed(synced_at))
    assert found["source"].tolist() == ["reply", "list"]
    assert found["cleared_at"].isna().tolist() == [False, True]
    assert (found["first_optout_at"] == utc(["2026-11-01T10:00", "2026-11-05T10:00"])).all()


def test_optouts_lets_a_start_clear_a_list_status_read_before_it() -> None:
    heard = replies_of((A, "2026-11-21T10:00", "START"))
    assert optouts(replies=heard, list_members=listed("2026-11-20T00:00"))["cleared_at"].notna().all()


@pytest.mark.parametrize(("sign", "cleared"), [("keyword", True), ("put back", True), ("model", False)])
def test_optouts_lets_no_opt_in_that_is_only_likely_undo_a_stop(sign: str, cleared: bool) -> None:
    heard = replies_of((A, "2026-11-01T10:00", "STOP"), (A, "2026-11-05T10:00", "miss those deals of yours"))
    told = classify_replies(heard).assign(sign=["keyword", sign])
    told["kind"], told["optout_tier"] = ["optout", "optin"], pd.array([1, None], dtype="Int64")
    assert optouts(replies=told)["cleared_at"].notna().tolist() == [cleared]
    unsigned = optouts(replies=told.drop(columns="sign"))
    assert unsigned["cleared_at"].notna().tolist() == [True]


def test_sent_after_optout_lists_no_message_twice_where_a_list_status_follows_a_start() -> None:
    heard = replies_of((A, "2026-11-01T10:00", "STOP"), (A, "2026-11-05T10:00", "START"))
    gone = optouts(replies=heard, list_members=listed("2026-11-20T00:00"))
    messages = sent(*((n, A, f"2026-11-{n:02d}T09:00") for n in (1, 2, 5, 6, 21)))
    found = sent_after_optout(messages, gone)
    assert found["message_id"].tolist() == [2, 5, 6, 21]
    assert found["source"].tolist() == ["reply", "reply", "list", "list"]
    assert found["scope"].tolist() == ["sender", "sender", "list", "list"]
    assert found["why"].fillna("").tolist() == ["", "", "may have been sent before", ""]
    assert found["certain"].tolist() == [True, True, False, True]


def test_sent_after_optout_counts_from_when_the_opt_out_had_certainly_happened() -> None:
    """Written to a day after a status or a flag was read: at least one day late, whenever the opt-out was."""
    flagged = dlrs_of((10, A, "2026-08-01T09:00", "delivered", True)).assign(
        synced_at=utc(["2026-11-20"]), list_id=1
    )
    for gone in (optouts(list_members=listed("2026-11-20T00:00")), optouts(dlrs=flagged)):
        found = sent_after_optout(sent((12, A, "2026-11-21T00:00")), gone)
        assert found[["certain", "hours_after", "breach"]].to_numpy().tolist() == [
            [True, 24, "before the deadline"]
        ]
    possible = sent_after_optout(sent((11, A, "2026-11-19T00:00")), optouts(dlrs=flagged))
    assert possible[["certain", "breach"]].to_numpy().tolist() == [[False, "past deadline"]]


def test_optouts_reads_the_instruction_of_the_answered_message() -> None:
    messages = sent((10, A, "2026-11-01T09:00")).assign(id=1, sender=OURS, message="Sale. Unsub: reply NO")
    no = replies_of((A, "2026-11-01T10:00", "NO"))
    assert optouts(replies=no, messages=messages)["certain"].tolist() == [True]
    assert len(optouts(replies=no)) == 0


def test_optouts_takes_classified_replies_as_they_are() -> None:
    classified = classify_replies(replies_of((A, "2026-11-01T10:00", "Stpo")))
    decided = classified.assign(kind="optout", optout_tier=pd.array([2], dtype="Int64"))
    assert optouts(replies=decided)["source"].tolist() == ["reply"]


def test_optouts_of_nothing_is_an_empty_frame_with_dtypes() -> None:
    full = optouts(replies=replies_of((A, "2026-11-01T10:00", "STOP")))
    empty = optouts(replies=replies_of((A, "2026-11-01T10:00", "Hi")))
    assert len(empty) == 0
    assert empty.dtypes.astype(str).to_dict() == full.dtypes.astype(str).to_dict()
    nobody = optouts(dlrs=dlrs_of((1, A, "2026-11-01", "delivered", True))[:0])
    assert nobody.dtypes.astype(str).to_dict() == full.dtypes.astype(str).to_dict()


def test_optouts_refuses_no_tables_and_bad_ones() -> None:
    with pytest.raises(UsageError, match="no table given"):
        optouts()
    flagged = dlrs_of((10, A, "2026-11-01", "delivered", True))
    with pytest.raises(UsageError, match="no column 'optout'"):
        optouts(dlrs=flagged.drop(columns="optout"))
    with pytest.raises(UsageError, match="naive"):
        optouts(dlrs=flagged.assign(sent_at=flagged["sent_at"].dt.tz_localize(None)))


def breaches(stopped_at: str, sent_at: list[str], **options: Any) -> pd.DataFrame:
    gone = optouts(replies=replies_of((A, stopped_at, "STOP")))
    return sent_after_optout(sent(*((n, A, at) for n, at in enumerate(sent_at))), gone, **options)


def test_sent_after_optout_lists_only_messages_within_a_period() -> None:
    gone = optouts(
        replies=replies_of(
            (A, "2026-11-02T10:00", "STOP"), (A, "2026-11-04T10:00", "START"), (B, "2026-11-02", "Hi")
        )
    )
    messages = sent(
        (1, A, "2026-11-02T09:59:59"),
        (2, A, "2026-11-02T10:00:00"),
        (3, A, "2026-11-02T10:00:01"),
        (4, A, "2026-11-04T10:00:01"),
        (5, B, "2026-11-03T10:00:00"),
    )
    found = sent_after_optout(messages, gone)
    assert found["message_id"].tolist() == [3]
    assert found["hours_after"].tolist() == pytest.approx([1 / 3600])
    assert found["certain"].tolist() == [True]


@pytest.mark.parametrize(
    ("stopped", "rule", "holidays", "deadline"),
    [
        # In summer midnight in Sydney is 13:00 UTC; in winter midnight in New York is 05:00 UTC.
        ("2026-11-02T01:00", "AU", (), "2026-11-09T13:00"),  # Monday: ends with the next Monday
        ("2026-11-06T01:00", "AU", (), "2026-11-13T13:00"),  # Friday
        ("2026-11-07T01:00", "AU", (), "2026-11-13T13:00"),  # Saturday counts from Monday: Friday
        ("2026-11-08T01:00", "AU", (), "2026-11-13T13:00"),  # Sunday
        ("2026-11-08T14:00", "AU", (), "2026-11-16T13:00"),  # Sunday in UTC, Monday in Sydney
        ("2026-11-02T01:00", "AU", (date(2026, 11, 3),), "2026-11-10T13:00"),  # a holiday on Tuesday
        ("2026-11-02T01:00", "AU", (date(2026, 11, 7),), "2026-11-09T13:00"),  # a holiday on Saturday
        ("2026-11-02T17:00", "US", (), "2026-11-17T05:00"),  # ten business days
        ("2026-11-20T17:00", "US", (date(2026, 11, 26),), "2026-12-08T05:00"),  # Thanksgiving
        ("2026-03-30T01:00", "AU", (), "2026-04-06T14:00"),  # summer time ends on 5 April
    ],
)
def test_sent_after_optout_counts_working_days(
    stopped: str, rule: str, holidays: tuple[date, ...], deadline: str
) -> None:
    end = pd.Timestamp(deadline, tz="UTC")
    just_before, at_the_end = (end - pd.Timedelta("1s")).isoformat(), end.isoformat()
    found = breaches(stopped, [just_before, at_the_end], rule=rule, holidays=holidays)
    assert found["deadline_at"].tolist() == [end, end]
    assert found["breach"].tolist() == ["before the deadline", "past deadline"]
    assert found["past_deadline"].tolist() == [False, True]
    assert found["working_days"].tolist() == [{"AU": 5, "US": 10}[rule]] * 2


def test_sent_after_optout_takes_other_days_and_zones() -> None:
    found = breaches("2026-11-02T01:00", ["2026-11-05"], working_days=1, tz="UTC")
    assert found["deadline_at"].tolist() == [pd.Timestamp("2026-11-04", tz="UTC")]


def test_sent_after_optout_marks_what_a_flag_alone_cannot_prove() -> None:
    flagged = dlrs_of((10, A, "2026-11-01T09:00", "delivered", True)).assign(
        synced_at=utc(["2026-11-03T00:00"]), list_id=1
    )
    messages = sent((10, A, "2026-11-01T09:00"), (11, A, "2026-11-02T09:00"), (12, A, "2026-11-04T09:00"))
    found = sent_after_optout(messages, optouts(dlrs=flagged))
    assert found["message_id"].tolist() == [11, 12]
    assert found["certain"].tolist() == [False, True]


def test_sent_after_optout_leaves_out_the_message_whose_own_flag_is_the_evidence() -> None:
    """The table messages may time a message some seconds after the send's own time, which dlrs have."""
    flagged = dlrs_of((10, A, "2026-11-01T09:00:00", "delivered", True)).assign(
        synced_at=utc(["2026-11-03T00:00"])
    )
    gone = optouts(dlrs=flagged)
    assert gone["flag_message_id"].tolist() == [10]
    messages = sent((10, A, "2026-11-01T09:00:07"), (11, A, "2026-11-01T09:00:08"))
    assert sent_after_optout(messages, gone)["message_id"].tolist() == [11]


def test_optouts_names_the_flagged_send_only_where_the_flag_is_the_evidence() -> None:
    flagged = dlrs_of((10, A, "2026-11-01T09:00", "delivered", True))
    stop = replies_of((A, "2026-11-01T10:00", "STOP"))
    answered = optouts(replies=stop.assign(message_id=10), dlrs=flagged)
    assert answered["flag_message_id"].isna().all()
    assert (answered["possible_at"] == answered["first_optout_at"]).all()
    unanswered = optouts(replies=stop.assign(message_id=11), dlrs=flagged)
    assert unanswered["flag_message_id"].tolist() == [10]
    assert (unanswered["possible_at"] == utc(["2026-11-01T09:00"])).all()
    assert (unanswered["first_optout_at"] == utc(["2026-11-01T10:00"])).all()
    unnamed = optouts(optouts=flagged.drop(columns="message_id"))
    assert unnamed["flag_message_id"].isna().all()


def test_sent_after_optout_sees_what_may_have_come_before_the_plain_opt_out() -> None:
    """A link opted out at an unknown time, or an unclear reply came, and only later a plain STOP."""
    flagged = dlrs_of((10, A, "2026-11-01T09:00", "delivered", True))
    stops = (A, "2026-11-03T10:00", "remove me"), (A, "2026-11-05T10:00", "STOP")
    messages = sent((10, A, "2026-11-01T09:00"), *((n, A, f"2026-11-0{n}T09:00") for n in (2, 4, 6)))
    gone = optouts(replies=replies_of(*stops), dlrs=flagged)
    found = sent_after_optout(messages, gone)
    assert found["message_id"].tolist() == [2, 4, 6]
    assert found["certain"].tolist() == [False, False, True]
    assert found["source"].tolist() == ["flag", "flag", "reply"]
    assert found["hours_after"].tolist() == [24, 72, 23]
    unclear = optouts(replies=replies_of(*stops))
    assert sent_after_optout(messages, unclear)["message_id"].tolist() == [6]
    asked = sent_after_optout(messages, unclear, include_review=True)
    assert asked["message_id"].tolist() == [4, 6]
    assert asked["source"].tolist() == ["review", "reply"]


def test_sent_after_optout_leaves_review_out_unless_asked() -> None:
    gone = optouts(replies=replies_of((A, "2026-11-01T10:00", "remove me")))
    messages = sent((11, A, "2026-11-02T09:00"))
    assert len(sent_after_optout(messages, gone)) == 0
    looked_at = sent_after_optout(messages, gone, include_review=True)
    assert looked_at[["source", "certain"]].to_numpy().tolist() == [["review", False]]


def test_sent_after_optout_of_nothing_is_an_empty_frame_with_dtypes() -> None:
    full, empty = breaches("2026-11-02T01:00", ["2026-11-05"]), breaches("2026-11-02T01:00", ["2026-11-01"])
    assert len(empty) == 0
    assert empty.dtypes.astype(str).to_dict() == full.dtypes.astype(str).to_dict()


@pytest.mark.parametrize(
    ("options", "words"),
    [({"rule": "UK"}, "rule='UK'"), ({"working_days": -1}, "negative"), ({"tz": "Mars"}, "no time zone")],
)
def test_sent_after_optout_refuses_unknown_clocks(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        breaches("2026-11-02T01:00", ["2026-11-05"], **options)


def test_optout_rate_counts_flags_and_replies_of_delivered_recipients_once() -> None:
    dlrs = dlrs_of(
        (10, A, "2026-11-01", "delivered", True),
        (10, B, "2026-11-01", "delivered", False),
        (10, C, "2026-11-01", "delivered", False),
        (10, D, "2026-11-01", "pending", True),
        (11, A, "2026-11-02", "hard-bounce", False),
    )
    replies = replies_of(
        (A, "2026-11-01T10:00", "STOP"), (B, "2026-11-01T10:00", "stop"), (C, "2026-11-01", "Stpo")
    )
    named = replies.assign(message_id=pd.array([10, 10, 10], dtype="Int64"))
    table = optout_rate(dlrs, replies=named, now="2026-11-22").set_index("campaign")
    assert table.loc[[10], ["recipients", "delivered", "optouts", "optouts_undelivered"]].iloc[
        0
    ].tolist() == [
        4,
        3,
        2,
        1,
    ]
    assert table.loc[10, "rate"] == pytest.approx(2 / 3)
    assert table.loc[[10], ["low", "high"]].iloc[0].tolist() == pytest.approx(
        proportion_confint(2, 3, method="wilson")
    )
    assert table.loc[10, "pending_share"] == 0.25
    assert table["rate"].isna()[11]
    flags_only = optout_rate(dlrs, by=None, now="2026-11-22").iloc[0]
    assert (flags_only["optouts"], flags_only["delivered"]) == (1, 3)


def test_optout_rate_of_nothing_is_missing() -> None:
    none = dlrs_of((10, A, "2026-11-01", "delivered", True))[:0]
    row = optout_rate(none, by=None, now="2026-11-22").iloc[0]
    assert row["recipients"] == 0
    assert np.isnan(row["rate"])
    assert pd.isna(row["mature"])
    assert len(optout_rate(none, now="2026-11-22")) == 0


def test_optout_rate_refuses_repeated_keys_and_unknown_groups() -> None:
    dlrs = dlrs_of((10, A, "2026-11-01", "delivered", True))
    with pytest.raises(UsageError, match="repeat the key"):
        optout_rate(pd.concat([dlrs, dlrs]))
    with pytest.raises(UsageError, match="colour"):
        optout_rate(dlrs, by="colour")


def test_optouts_tells_the_number_written_to_and_the_list() -> None:
    replies = replies_of((A, "2026-11-01T10:00", "STOP"))
    members = pd.DataFrame({"msisdn": [A, B], "list_id": [8, 9], "status": "optout"})
    gone = optouts(replies=replies, list_members=members).set_index("msisdn")
    assert gone.loc[A, "scope_sender"] == replies["longcode"].iloc[0]
    assert gone["scope_lists"].to_dict() == {A: "8", B: "9"}
    assert gone["scope"].to_dict() == {A: "sender", B: "list"}


def test_sent_after_optout_is_certain_only_within_the_scope_of_the_opt_out() -> None:
    """STOP to one number of ours, and the next messages from it, another, a name and nobody known."""
    gone = optouts(replies=replies_of((A, "2026-11-01T10:00", "STOP")))
    messages = sent(*((n, A, f"2026-11-0{n}T09:00") for n in range(2, 6)))
    messages = messages.assign(
        sender=pd.Series(["+61 491 570 006", "61491570110", "ACME", None], dtype="str")
    )
    found = sent_after_optout(messages, gone)
    assert found["scope"].tolist() == ["sender"] * 4
    assert found["certain"].tolist() == [True, False, False, False]
    assert found["why"].fillna("").tolist() == ["", "another sender", "another sender", "scope not known"]
    wide = sent_after_optout(messages, gone, account_wide=True)
    assert wide["scope"].tolist() == ["account"] * 4
    assert wide["certain"].all()
    everything = optouts(replies=replies_of((A, "2026-11-01T10:00", "Stop all")))
    assert sent_after_optout(messages, everything)["certain"].all()


def test_sent_after_optout_knows_every_number_that_a_stop_was_written_to() -> None:
    other = "61491570110"
    heard = replies_of((A, "2026-11-01T10:00", "remove me"), (A, "2026-11-02T10:00", "STOP"))
    heard = pd.concat([heard, replies_of((A, "2026-11-04T10:00", "STOP")).assign(id=9, longcode=other)])
    heard.loc[heard["id"] == 1, "longcode"] = other
    gone = optouts(replies=heard)
    assert gone[["scope_sender", "scope_senders"]].to_numpy().tolist() == [[OURS, f"{OURS},{other}"]]
    messages = sent(*((n, A, f"2026-11-0{n}T09:00") for n in (3, 5, 6))).assign(sender=[other, other, OURS])
    assert sent_after_optout(messages, gone)["certain"].tolist() == [False, True, True]


def test_sent_after_optout_takes_the_list_of_a_message_from_the_receipts() -> None:
    members = pd.DataFrame({"list_id": [8, 12], "msisdn": A, "status": "optout"})
    gone = optouts(list_members=members.assign(synced_at=utc(["2026-11-01", "2026-11-01"])))
    assert gone["scope_lists"].tolist() == ["8,12"]
    receipts = sent(*((n, A, f"2026-11-0{n}T09:00") for n in range(2, 5))).assign(
        list_id=pd.array([12, 2, None], dtype="Int64")
    )
    messages = receipts.drop(columns="list_id")
    found = sent_after_optout(messages, gone, dlrs=receipts)
    assert found["why"].fillna("").tolist() == ["", "another list", "scope not known"]
    assert sent_after_optout(messages, gone)["why"].tolist() == ["scope not known"] * 3
