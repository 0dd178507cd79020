from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from smsdata.analysis import avoidable_parts, costs, segments, spent_on_dead
from smsdata.errors import UsageError
from smsdata.simulator import Account
from smsdata.simulator.parameters import shipped_parameters
from tests.support.frames import dlrs_of, utc

PRICE = shipped_parameters().traffic.price
A, B, C = "61491570156", "61491570157", "61491570158"


def campaigns_of(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Rows of (message_id, sent_at, parts, cost, pending, delivered, soft_bounced, hard_bounced)."""
    counters = ["pending", "delivered", "soft_bounced", "hard_bounced"]
    frame = pd.DataFrame(rows, columns=["message_id", "sent_at", "parts", "cost", *counters])
    kinds = dict.fromkeys(["message_id", "parts", *counters], "int64") | {"cost": "float64"}
    return frame.assign(sent_at=utc(frame["sent_at"].tolist()), type="campaign").astype(kinds)


CAMPAIGNS = campaigns_of(
    (10, "2026-11-01", 2, 1.0, 0, 8, 1, 1),
    (11, "2026-11-01", 1, 0.4, 1, 4, 0, 0),
    (12, "2026-11-02", 1, None, 0, 3, 0, 0),
    (13, "2026-11-03", 1, 0.2, 0, 0, 0, 2),
)


def test_costs_adds_up_by_day_and_divides_by_the_delivered() -> None:
    table = costs(CAMPAIGNS, by="day")
    assert table["campaigns"].tolist() == [2, 1, 1]
    assert table["recipients"].tolist() == [15, 3, 2]
    assert table["parts"].tolist() == [25, 3, 2]
    assert table["spend"].tolist() == pytest.approx([1.4, np.nan, 0.2], nan_ok=True)
    assert table["cost_per_delivered"].tolist() == pytest.approx([1.4 / 12, np.nan, np.nan], nan_ok=True)
    assert table["cost_per_recipient"].tolist() == pytest.approx([1.4 / 15, np.nan, 0.1], nan_ok=True)
    assert table["unpriced"].tolist() == [0, 1, 0]
    assert table["pending_share"].tolist() == pytest.approx([1 / 15, 0, 0])


def test_costs_leaves_campaigns_without_a_price_out_of_the_price() -> None:
    row = costs(CAMPAIGNS).iloc[0]
    assert row["spend"] == pytest.approx(1.6)
    assert row["delivered"] == 15
    assert row["cost_per_delivered"] == pytest.approx(1.6 / 12)


def test_costs_bills_the_parts_of_a_message_once_per_recipient() -> None:
    row = costs(campaigns_of((10, "2026-11-01", 3, 1.2, 1, 2, 1, 0))).iloc[0]
    assert (row["recipients"], row["parts"]) == (4, 12)


def test_costs_counts_the_parts_that_the_simulated_gateway_billed() -> None:
    account = Account(seed=3, recipients=20)
    sends = pd.DataFrame(account.truth("campaigns"))
    spent = costs(sends.assign(sent_at=pd.to_datetime(sends["sent_at"], utc=True)))
    assert spent["parts"].iloc[0] == round(sends["cost"].sum() / PRICE)


def test_costs_of_nothing_is_missing_with_dtypes() -> None:
    empty = costs(CAMPAIGNS[:0], by="campaign")
    assert len(empty) == 0
    assert empty.dtypes.astype(str).to_dict() == costs(CAMPAIGNS, by="campaign").dtypes.astype(str).to_dict()
    row = costs(CAMPAIGNS[:0]).iloc[0]
    assert row["campaigns"] == 0
    assert row[["spend", "cost_per_delivered", "pending_share"]].isna().all()


def test_costs_refuses_bad_frames() -> None:
    with pytest.raises(UsageError, match="costs: campaigns has no column 'cost'"):
        costs(CAMPAIGNS.drop(columns="cost"))
    with pytest.raises(UsageError, match="naive"):
        costs(CAMPAIGNS.assign(sent_at=CAMPAIGNS["sent_at"].dt.tz_localize(None)))
    with pytest.raises(UsageError, match="repeat the key"):
        costs(pd.concat([CAMPAIGNS, CAMPAIGNS]))
    with pytest.raises(UsageError, match="colour"):
        costs(CAMPAIGNS, by="colour")


PRICES = campaigns_of(*((n, "2026-11-01", 1, 0.3, 0, 3, 0, 0) for n in range(10, 16)))


def test_spent_on_dead_counts_messages_after_a_known_bounce_without_delivery_since() -> None:
    dlrs = dlrs_of(
        (10, A, "2026-10-01T00:00", "hard-bounce"),
        (11, A, "2026-10-04T00:59", "hard-bounce"),  # 72 h 59 min later: not yet known
        (12, A, "2026-10-04T01:00", "hard-bounce"),  # exactly 73 h
        (13, A, "2026-10-20T00:00", "delivered"),  # known, though it then arrived
        (14, A, "2026-10-30T00:00", "delivered"),  # delivered since
        (10, B, "2026-10-01T00:00", "delivered"),
        (13, B, "2026-10-20T00:00", "hard-bounce"),
        (14, B, "2026-10-30T00:00", "soft-bounce"),  # dead by then
        (10, C, "2026-10-01T00:00", "bounced"),  # of unknown kind
        (14, C, "2026-10-30T00:00", "bounced"),
    )
    row = spent_on_dead(dlrs, PRICES).iloc[0]
    assert (row["recipients"], row["dead_recipients"], row["dead_numbers"]) == (10, 3, 2)
    assert row["spend"] == pytest.approx(1.0)
    assert row["dead_spend"] == pytest.approx(0.3)
    assert row["dead_share"] == pytest.approx(0.3)
    by_campaign = spent_on_dead(dlrs, PRICES, by="campaign").set_index("campaign")
    assert by_campaign["dead_recipients"].to_dict() == {10: 0, 11: 0, 12: 1, 13: 1, 14: 1}
    assert by_campaign.loc[10, "dead_spend"] == 0.0
    assert spent_on_dead(dlrs, PRICES, known_after="1h").loc[0, "dead_recipients"] == 4


def test_spent_on_dead_counts_copies() -> None:
    dlrs = dlrs_of((10, A, "2026-10-01", "hard-bounce"), (11, A, "2026-10-09", "hard-bounce")).assign(
        copies=[1, 2]
    )
    row = spent_on_dead(dlrs, PRICES).iloc[0]
    assert (row["recipients"], row["dead_recipients"]) == (3, 2)
    assert row["dead_spend"] == pytest.approx(0.2)


def test_spent_on_dead_without_prices_has_counts_and_no_money() -> None:
    dlrs = dlrs_of((10, A, "2026-10-01", "hard-bounce"), (11, A, "2026-10-09", "hard-bounce"))
    row = spent_on_dead(dlrs, PRICES.assign(cost=np.nan)).iloc[0]
    assert (row["dead_recipients"], row["unpriced"]) == (1, 2)
    assert row[["spend", "dead_spend", "dead_share"]].isna().all()


def test_spent_on_dead_of_nothing_is_missing_with_dtypes() -> None:
    dlrs = dlrs_of((10, A, "2026-10-01", "hard-bounce"))
    row = spent_on_dead(dlrs[:0], PRICES).iloc[0]
    assert row["recipients"] == 0
    assert row[["spend", "dead_spend", "dead_share"]].isna().all()
    empty, full = (spent_on_dead(frame, PRICES, by="campaign") for frame in (dlrs[:0], dlrs))
    assert empty.dtypes.astype(str).to_dict() == full.dtypes.astype(str).to_dict()


def test_spent_on_dead_refuses_bad_frames() -> None:
    dlrs = dlrs_of((10, A, "2026-10-01", "hard-bounce"))
    with pytest.raises(UsageError, match="repeat the key"):
        spent_on_dead(pd.concat([dlrs, dlrs]), PRICES)
    with pytest.raises(UsageError, match="no length of time"):
        spent_on_dead(dlrs, PRICES, known_after="later")


def test_segments_counts_distinct_texts_and_leaves_out_missing_ones() -> None:
    texts = pd.Series(["a" * 161, "🎉", "a" * 161, None, ""], dtype="str")
    table = segments(texts.to_frame("message"))
    assert table["message"].tolist() == ["a" * 161, "🎉", ""]
    assert table["messages"].tolist() == [2, 1, 1]
    assert table["encoding"].tolist() == ["GSM-7", "UCS-2", "GSM-7"]
    assert table["units"].tolist() == [161, 2, 0]
    assert table["parts"].tolist() == [2, 1, 0]
    assert table["culprits"].tolist() == ["", "🎉", ""]


def test_segments_of_nothing_is_an_empty_frame_with_dtypes() -> None:
    texts = pd.DataFrame({"message": pd.Series(["a"], dtype="str")})
    assert segments(texts[:0]).dtypes.astype(str).to_dict() == segments(texts).dtypes.astype(str).to_dict()
    with pytest.raises(UsageError, match="no column 'message'"):
        segments(pd.DataFrame({"text": ["a"]}))


def test_avoidable_parts_finds_the_emoji_that_doubled_the_bill() -> None:
    long = "Sale today! " * 10
    texts = [long + "🎉", long, "Short 🎉", "谢" * 100, "“" + "b" * 150 + "”", long + "🎉"]
    frame = campaigns_of(
        *((n, "2026-11-01", parts, cost, 0, 1, 0, 0)
          for n, (parts, cost) in enumerate([(2, 40.0), (1, 1), (1, 1), (2, 1), (3, 60), (2, None)]))
    )  # fmt: skip
    table = avoidable_parts(frame.assign(message=pd.Series(texts, dtype="str")))
    assert table["message_id"].tolist() == [4, 0, 5]
    assert table["parts_each"].tolist() == [3, 2, 2]
    assert table["gsm_parts_each"].tolist() == [1, 1, 1]
    assert table["wasted"].tolist() == pytest.approx([40.0, 20.0, np.nan], nan_ok=True)
    assert table["culprits"].tolist() == ["“”", "🎉", "🎉"]
    assert table["gsm_message"].tolist()[0] == '"' + "b" * 150 + '"'


def test_avoidable_parts_of_nothing_is_an_empty_frame_with_dtypes() -> None:
    some = CAMPAIGNS.assign(parts=2, message="Sale today! " * 10 + "🎉")
    none = CAMPAIGNS.assign(message="Sale")
    assert len(avoidable_parts(none)) == 0
    kinds = avoidable_parts(some).dtypes.astype(str).to_dict()
    assert avoidable_parts(none).dtypes.astype(str).to_dict() == kinds
    assert avoidable_parts(some[:0]).dtypes.astype(str).to_dict() == kinds


def test_avoidable_parts_believes_what_the_gateway_billed() -> None:
    """One part was billed for a text that would count as two: nothing was wasted, whatever it looks like."""
    text = pd.Series(["Sale today! " * 10 + "🎉"] * 3, dtype="str")
    frame = campaigns_of(*((n, "2026-11-01", parts, 40.0, 0, 1, 0, 0) for n, parts in enumerate([1, 2, 4])))
    table = avoidable_parts(frame.assign(message=text), currency="AUD")
    assert table[["message_id", "parts_each", "wasted"]].to_numpy().tolist() == [[2, 4, 30.0], [1, 2, 20.0]]
    assert set(table["currency"]) == {"AUD"}
    counted = avoidable_parts(frame.drop(columns="parts").assign(message=text))
    assert counted["parts_each"].tolist() == [2, 2, 2]
    assert counted["currency"].isna().all()


def test_segments_prints_invisible_culprits_as_code_points() -> None:
    texts = pd.Series(["a\u200bb", "a\tb", "e\u0301", "\u00a0“x”", "❤\ufe0f"], dtype="str")
    table = segments(texts.to_frame("message")).set_index("message")["culprits"]
    assert [table[text] for text in texts] == ["U+200B", "U+0009", "U+0301", "U+00A0 “”", "❤ U+FE0F"]


def test_segments_names_templates_and_empty_merge_fields() -> None:
    texts = [
        "Kim, we miss you",
        "Lea, we miss you",
        "Zoë, we miss you",
        ", we miss you",
        "Hi , see you",
        "Sale!",
    ]
    table = segments(pd.DataFrame({"message": texts})).set_index("message")
    assert table.loc[texts[:4], "template"].tolist() == ["[...], we miss you"] * 4
    assert table.loc[texts[4:], "template"].tolist() == texts[4:]
    assert table.loc[texts, "empty_field"].fillna("").tolist() == ["", "", "", ", we", "Hi ,", ""]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Your code is .", "is ."),
        ("Hi *|FNAME|*, hello", "*|FNAME|*"),
        ("Hello None, we miss you", "Hello None"),
        ("Second to none, really. Wait ... 5 .50 and acme .com", ""),
        ("a" * 20_000, ""),
    ],
)
def test_segments_finds_merge_fields_of_other_tools(text: str, found: str) -> None:
    table = segments(pd.DataFrame({"message": [text]}))
    assert table["empty_field"].fillna("").tolist() == [found]


def test_costs_and_dead_spend_name_their_currency() -> None:
    dlrs = dlrs_of((10, A, "2026-11-01", "hard-bounce"))
    assert costs(CAMPAIGNS, by="day", currency="NZD")["currency"].tolist() == ["NZD"] * 3
    assert costs(CAMPAIGNS)["currency"].isna().all()
    assert spent_on_dead(dlrs, CAMPAIGNS, currency="NZD")["currency"].tolist() == ["NZD"]
