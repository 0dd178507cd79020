from __future__ import annotations

import inspect
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from smsdata.analysis import (
    attribute_replies,
    classify_replies,
    reply_rate,
    reply_windows,
    threads,
    time_to_reply,
)
from smsdata.errors import UsageError

A, B, C = "61491570156", "61491570157", "61491570158"
OURS, OTHER = "61491570006", "61491570110"
HOUR = 3600


def instants(hours: list[float]) -> pd.Series:
    return pd.Series(pd.Timestamp("2026-11-01", tz="UTC") + pd.to_timedelta(hours, unit="h")).astype(
        "datetime64[us, UTC]"
    )


def messages_of(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Rows of (id, message_id, hours, msisdn, sender, status)."""
    frame = pd.DataFrame(rows, columns=["id", "message_id", "hours", "msisdn", "sender", "status"])
    frame = frame.assign(sent_at=instants(frame.pop("hours").tolist()), message="Hi")
    return frame.astype(
        {"id": "int64", "message_id": "int64"} | dict.fromkeys(["msisdn", "sender", "status"], "str")
    )


def replies_of(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Rows of (id, message_id, hours, msisdn, longcode, response)."""
    frame = pd.DataFrame(rows, columns=["id", "message_id", "hours", "msisdn", "longcode", "response"])
    frame = frame.assign(received_at=instants(frame.pop("hours").tolist()))
    return frame.astype(
        {"id": "int64", "message_id": "Int64"} | dict.fromkeys(["msisdn", "longcode", "response"], "str")
    )


MESSAGES = messages_of(
    [
        (1, 10, 0, A, OURS, "delivered"),
        (2, 11, 24, A, OURS, "delivered"),
        (3, 11, 24, B, OURS, "delivered"),
        (4, 11, 24, C, OURS, "pending"),
        (5, 12, 30, A, OTHER, "delivered"),
        (6, 13, 31, A, "ACME", "delivered"),
    ]
)
REPLIES = replies_of(
    [
        (100, 11, 25, A, OURS, "Yes"),  # 10 and 11 in the window: the later one, ambiguous
        (101, 10, 96, B, OURS, "No"),  # exactly 72 h after 11, the gateway says 10
        (102, None, 97, B, OURS, "Hm"),  # an hour too late
        (103, None, 23, C, OURS, "?"),  # before anything was sent
        (104, 12, 30, A, OTHER, "Hi"),  # in the same second, the other number of ours
    ]
)


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """Rows whose columns are attributes, each of its own kind."""
    return iter(frame.itertuples())


def oracle(replies: pd.DataFrame, messages: pd.DataFrame, seconds: int) -> dict[int, tuple[int | None, int]]:
    """Attribute by looking at every pair."""
    found = {}
    for reply in rows_of(replies):
        near = [
            (m.sent_at, m.id)
            for m in rows_of(messages)
            if m.msisdn == reply.msisdn
            and m.sender == reply.longcode
            and 0 <= (reply.received_at - m.sent_at).total_seconds() <= seconds
        ]
        found[reply.id] = (max(near)[1] if near else None, len(near))
    return found


def test_attribute_replies_takes_the_last_message_from_the_same_number() -> None:
    found = attribute_replies(MESSAGES, REPLIES).set_index("id")
    assert found["message_id"].astype(object).where(found["message_id"].notna(), None).to_dict() == {
        100: 11, 101: 11, 102: None, 103: None, 104: 12,
    }  # fmt: skip
    assert found["outbound"].to_dict() == {100: 2, 101: 1, 102: 0, 103: 0, 104: 1}
    assert found["ambiguous"].to_dict() == {100: True, 101: False, 102: False, 103: False, 104: False}
    assert found.loc[[100, 101, 104], "minutes"].tolist() == [60.0, 72 * 60.0, 0.0]
    assert found.loc[[100, 101, 104], "agrees"].tolist() == [True, False, True]
    assert found.loc[[102, 103], ["agrees", "minutes", "sent_at", "answered_id"]].isna().all().all()


def test_attribute_replies_gives_the_documented_dtypes_with_and_without_rows() -> None:
    full, empty = attribute_replies(MESSAGES, REPLIES), attribute_replies(MESSAGES[:0], REPLIES[:0])
    assert full.dtypes.astype(str).to_dict() == empty.dtypes.astype(str).to_dict()
    assert str(full["received_at"].dtype) == "datetime64[us, UTC]"
    assert str(full["message_id"].dtype) == "Int64"
    assert len(empty) == 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("window", ["20m", "3h", "50h"])
def test_attribute_replies_agrees_with_a_search_over_all_pairs(seed: int, window: str) -> None:
    messages, replies = random_frames(seed)
    seconds = {"20m": 1200, "3h": 3 * HOUR, "50h": 50 * HOUR}[window]
    expected = oracle(replies, messages, seconds)
    found = attribute_replies(messages, replies, window=window)
    got = {
        row.id: (None if pd.isna(row.answered_id) else int(row.answered_id), row.outbound)
        for row in rows_of(found)
    }
    assert got == expected


def test_the_search_over_all_pairs_catches_a_join_on_one_bucket_only() -> None:
    messages, replies = random_frames(0)
    seconds = 3 * HOUR
    same_bucket = {
        r.id: sum(
            m.msisdn == r.msisdn and m.sender == r.longcode and m.sent_at <= r.received_at
            and m.sent_at.timestamp() // seconds == r.received_at.timestamp() // seconds
            for m in rows_of(messages)
        )
        for r in rows_of(replies)
    }  # fmt: skip
    assert same_bucket != {key: count for key, (_, count) in oracle(replies, messages, seconds).items()}


def random_frames(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Crowded in time and numbers, on whole seconds, with ties."""
    rng = random.Random(seed)
    people, ours = [A, B, C], [OURS, OTHER]

    def when() -> float:
        return rng.choice([rng.randrange(0, 40), rng.randrange(0, 40 * HOUR) / HOUR])

    sent = [
        (i, rng.randrange(5), when(), rng.choice(people), rng.choice(ours), "delivered") for i in range(80)
    ]
    back = [(i, None, when(), rng.choice(people), rng.choice(ours), "x") for i in range(60)]
    return messages_of(sent), replies_of(back)


def test_attribute_replies_reads_a_scan_like_a_frame(tmp_path: Path) -> None:
    frames = {"messages": MESSAGES, "replies": REPLIES}
    for name, frame in frames.items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
    scans = {name: ParquetScan(tmp_path / f"{name}.parquet", frame) for name, frame in frames.items()}
    expected = attribute_replies(MESSAGES, REPLIES)
    pd.testing.assert_frame_equal(attribute_replies(scans["messages"], scans["replies"]), expected)


class ParquetScan:
    def __init__(self, path: Path, frame: pd.DataFrame) -> None:
        self._path, self.columns = path, list(frame.columns)

    def sql(self) -> str:
        return f"read_parquet('{self._path}', hive_partitioning=false)"


def test_attribute_replies_takes_a_missing_reference_of_zero_as_none() -> None:
    zero = REPLIES.assign(message_id=pd.array([0] * 5, dtype="Int64"))
    assert attribute_replies(MESSAGES, zero)["gateway_message_id"].isna().all()
    without = attribute_replies(MESSAGES, REPLIES.drop(columns="message_id"))
    assert without["gateway_message_id"].isna().all()


@pytest.mark.parametrize("column", ["id", "msisdn", "sender", "sent_at", "message_id"])
def test_attribute_replies_names_a_missing_column(column: str) -> None:
    with pytest.raises(UsageError, match=f"attribute_replies: messages has no column '{column}'"):
        attribute_replies(MESSAGES.drop(columns=column), REPLIES)


def test_attribute_replies_refuses_bad_frames_and_windows() -> None:
    naive = REPLIES.assign(received_at=REPLIES["received_at"].dt.tz_localize(None))
    with pytest.raises(UsageError, match="naive"):
        attribute_replies(MESSAGES, naive)
    with pytest.raises(UsageError, match="repeat the key"):
        attribute_replies(pd.concat([MESSAGES, MESSAGES]), REPLIES)
    with pytest.raises(UsageError, match="repeat the key"):
        attribute_replies(MESSAGES, pd.concat([REPLIES, REPLIES]))
    for window in ("soon", "0h", timedelta(0), "-1d"):
        with pytest.raises(UsageError, match="no length of time"):
            attribute_replies(MESSAGES, REPLIES, window=window)


def test_reply_windows_equals_attributing_with_each_window() -> None:
    messages, replies = random_frames(3)
    replies = replies.assign(message_id=pd.array([1] * len(replies), dtype="Int64"))
    windows = ("20m", "3h", "50h")
    table = reply_windows(messages, replies, windows=windows).set_index("window")
    for window in windows:
        alone = attribute_replies(messages, replies, window=window)
        row = table.loc[window]
        assert row["attributed"] == alone["message_id"].notna().sum()
        assert row["ambiguous"] == alone["ambiguous"].sum()
        assert (row["compared"], row["agreed"]) == (alone["agrees"].count(), alone["agrees"].sum())
        assert row["attributed_share"] == pytest.approx(row["attributed"] / 60)


def test_reply_windows_of_nothing_has_counts_of_zero_and_no_shares() -> None:
    table = reply_windows(MESSAGES, REPLIES[:0])
    assert table["replies"].tolist() == [0, 0, 0, 0]
    assert table["attributed_share"].isna().all()
    with pytest.raises(UsageError, match="windows is empty"):
        reply_windows(MESSAGES, REPLIES, windows=())


def test_reply_rate_counts_delivered_messages_of_senders_that_can_receive() -> None:
    table = reply_rate(MESSAGES, REPLIES, by="campaign", now="2026-11-22").set_index("campaign")
    assert table.index.tolist() == [10, 11, 12]  # 13 went out under a name
    assert table["recipients"].tolist() == [1, 3, 1]
    assert table["delivered"].tolist() == [1, 2, 1]
    assert table["replied"].tolist() == [0, 2, 1]
    assert table["rate"].tolist() == [0.0, 1.0, 1.0]
    assert table["pending_share"].tolist() == pytest.approx([0.0, 1 / 3, 0.0])
    assert table["mature"].tolist() == [True, True, True]
    low, high = proportion_confint(table["replied"], table["delivered"], method="wilson")
    np.testing.assert_allclose(table[["low", "high"]].to_numpy(), np.column_stack([low, high]), atol=1e-9)


def test_reply_rate_counts_a_person_who_replies_twice_once() -> None:
    twice = replies_of([(1, None, 1, A, OURS, "a"), (2, None, 2, A, OURS, "b")])
    row = reply_rate(MESSAGES, twice, now="2026-11-22").iloc[0]
    assert (row["replied"], row["replies"]) == (1, 2)


def test_reply_rate_is_missing_where_nothing_was_delivered() -> None:
    pending = MESSAGES.assign(status="pending")
    row = reply_rate(pending, REPLIES, now="2026-11-22").iloc[0]
    assert (row["delivered"], row["pending"]) == (0, 5)
    assert np.isnan([row["rate"], row["low"], row["high"]]).all()
    empty = reply_rate(MESSAGES[:0], REPLIES[:0], by="campaign", now="2026-11-22")
    assert len(empty) == 0
    assert str(empty["rate"].dtype) == "float64"


def test_reply_rate_is_mature_only_when_the_window_has_passed() -> None:
    assert not reply_rate(MESSAGES, REPLIES, now="2026-11-03").loc[0, "mature"]
    assert reply_rate(MESSAGES, REPLIES, now="2026-11-08").loc[0, "mature"]
    assert not reply_rate(MESSAGES, REPLIES, window="8d", now="2026-11-08").loc[0, "mature"]


def test_reply_rate_refuses_an_unknown_grouping() -> None:
    with pytest.raises(UsageError, match="colour"):
        reply_rate(MESSAGES, REPLIES, by="colour", now="2026-11-22")


def test_time_to_reply_gives_quantiles_of_those_who_replied() -> None:
    row = time_to_reply(MESSAGES, REPLIES).iloc[0]
    minutes = [60.0, 72 * 60.0, 0.0]
    assert row["replies"] == 3
    assert [row["p10"], row["median"], row["p90"]] == pytest.approx(np.quantile(minutes, [0.1, 0.5, 0.9]))
    assert row["within_1h"] == pytest.approx(2 / 3)
    assert row["within_24h"] == pytest.approx(2 / 3)


def test_time_to_reply_groups_by_the_answered_message() -> None:
    table = time_to_reply(MESSAGES, REPLIES, by=["campaign", "day"], tz="Australia/Sydney")
    assert table["campaign"].tolist() == [11, 12]
    assert table["day"].tolist() == [pd.Timestamp("2026-11-02")] * 2
    assert table["replies"].tolist() == [2, 1]


def test_time_to_reply_of_nothing_is_missing() -> None:
    row = time_to_reply(MESSAGES, REPLIES[:0]).iloc[0]
    assert row["replies"] == 0
    assert row[["p10", "median", "p90", "within_1h", "within_24h"]].isna().all()
    assert len(time_to_reply(MESSAGES, REPLIES[:0], by="campaign")) == 0


def test_classify_replies_reads_the_instruction_of_the_answered_message() -> None:
    messages = MESSAGES.assign(message=["Sale. Unsub: reply NO"] * 2 + ["Coming? Reply YES or NO"] * 4)
    replies = replies_of(
        [(1, None, 25, A, OURS, "NO"), (2, None, 25, B, OURS, "NO"), (3, None, 25, C, OTHER, "NO")]
    )
    found = classify_replies(replies, messages=messages)
    assert found["kind"].tolist() == ["optout", "no", "no"]
    assert found["optout_tier"].astype(object).where(found["optout_tier"].notna(), None).tolist() == [
        2,
        None,
        None,
    ]
    assert found["answered"].isna().tolist() == [False, False, True]


def test_classify_replies_prefers_the_text_in_the_reply_and_the_gateways_reference() -> None:
    messages = MESSAGES.assign(message=["Unsub: reply NO"] + ["Coming?"] * 5)
    named = replies_of([(1, 10, 25, A, OURS, "NO")])
    assert classify_replies(named, messages=messages)["message_id"].tolist() == [10]
    assert classify_replies(named, messages=messages)["optout_tier"].tolist() == [2]
    holding = named.assign(original_message="Coming on Friday?")
    assert classify_replies(holding, messages=messages)["kind"].tolist() == ["no"]


def test_classify_replies_takes_no_text_as_empty_and_keeps_dtypes() -> None:
    replies = REPLIES.assign(response=pd.array([None, "", "STOP", "Stpo", "wrong number"], dtype="str"))
    found = classify_replies(replies).set_index("id")
    assert found["kind"].to_dict() == {
        100: "empty", 101: "empty", 102: "optout", 103: "optout", 104: "wrong_person",
    }  # fmt: skip
    assert found["review"].to_dict() == {100: False, 101: False, 102: False, 103: True, 104: True}
    empty = classify_replies(REPLIES[:0], messages=MESSAGES)
    assert (
        empty.dtypes.astype(str).to_dict()
        == classify_replies(REPLIES, messages=MESSAGES).dtypes.astype(str).to_dict()
    )


def test_threads_lays_out_conversations_and_cuts_them_at_silence() -> None:
    found = threads(MESSAGES, REPLIES, gap="24h")
    a = found[(found["msisdn"] == A) & (found["number"] == OURS)]
    assert a["direction"].tolist() == ["out", "out", "in"]
    assert a["thread"].tolist() == [1, 1, 1]  # a silence of exactly the gap does not cut
    b = found[found["msisdn"] == B]
    assert b["thread"].tolist() == [1, 2, 2]
    assert b["message_id"].astype(object).where(b["message_id"].notna(), None).tolist() == [11, 10, None]
    assert "ACME" not in set(found["number"])
    same_second = found[found["number"] == OTHER]
    assert same_second["direction"].tolist() == ["out", "in"]


def test_threads_of_nothing_is_an_empty_frame_with_dtypes() -> None:
    assert threads(MESSAGES, REPLIES[:0]).dtypes.astype(str).to_dict() == (
        threads(MESSAGES, REPLIES).dtypes.astype(str).to_dict()
    )


def test_reply_rate_and_time_to_reply_leave_out_what_telephones_write() -> None:
    replies = REPLIES.assign(response=["Liked “Hi”", "I'm driving", "Hm", "?", "Hi"])
    assert reply_rate(MESSAGES, replies)["replied"].sum() == 1
    assert time_to_reply(MESSAGES, replies)["replies"].sum() == 1
    kinds = classify_replies(replies).set_index("id")
    assert kinds["sign"].to_dict()[100] == "tapback"
    assert kinds["kind"].to_dict()[101] == "auto_reply"


def test_helpers_take_messages_before_replies() -> None:
    """One order everywhere, in the signatures and in effect: the other way round is refused, not misread."""
    for helper in (attribute_replies, reply_windows, time_to_reply, threads, reply_rate):
        given = list(inspect.signature(helper).parameters)
        assert given[:2] == ["messages", "replies"], helper.__name__
        with pytest.raises(UsageError, match="has no column"):
            helper(REPLIES, MESSAGES)
    by_name = inspect.signature(classify_replies).parameters["messages"].kind
    assert by_name is inspect.Parameter.KEYWORD_ONLY
