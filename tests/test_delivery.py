"""Delivery rates, comparisons, charts and times against frames counted by hand."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from smsdata.analysis import (
    ALARMS,
    alarms,
    compare_rates,
    delivery_rate,
    delivery_trend,
    explain,
    optout_rate,
    reply_rate,
    time_quantiles,
    time_to_deliver,
)
from smsdata.errors import UsageError
from tests.support.frames import dlrs_of_one_send, utc

NOW = "2026-11-22"
SENT = pd.Timestamp("2026-11-01T10:00:00", tz="UTC")
WORDS = ["delivered", "soft-bounce", "hard-bounce", "bounced", "pending", "REJECTED", None]


@dataclass(frozen=True)
class Scan:
    path: str
    columns: tuple[str, ...] = ()

    def sql(self):
        return f"(SELECT * FROM read_parquet('{self.path}', hive_partitioning = false))"


def sends(status, sent_at=SENT, **columns):
    return pd.DataFrame({"status": pd.Series(status, dtype="str"), "sent_at": sent_at, **columns})


def dlrs(status, seconds, **columns):
    """Receipts of one send; None is an unknown time."""
    arrived = [pd.NaT if s is None else SENT + pd.Timedelta(s, "s") for s in seconds]
    return dlrs_of_one_send(status, SENT, delivered_at=utc(arrived), **columns)


def test_delivery_rate_counts_every_status():
    row = delivery_rate(sends(WORDS), now=NOW).iloc[0]
    counts = ["delivered", "soft_bounced", "hard_bounced", "bounced", "pending", "other", "settled", "n"]
    assert row[counts].tolist() == [1, 1, 1, 1, 1, 2, 4, 7]
    assert row["rate"] == 1 / 4
    assert row["rate_sent"] == row["bound_low"] == 1 / 7
    assert row["bound_high"] == 4 / 7
    assert row["pending_share"] == 1 / 7


def test_delivery_rate_interval_is_wilson_over_the_settled():
    row = delivery_rate(sends(["delivered"] * 8 + ["soft-bounce"] * 2 + ["pending"] * 5), now=NOW).iloc[0]
    low, high = proportion_confint(8, 10, method="wilson")
    assert row[["low", "high"]].tolist() == pytest.approx([low, high], abs=1e-9)


def test_delivery_rate_counts_copies():
    row = delivery_rate(sends(["delivered", "hard-bounce"], copies=[3, 1]), now=NOW).iloc[0]
    assert row[["n", "delivered", "rate"]].tolist() == [4, 3, 0.75]


def test_delivery_rate_of_pending_only_is_missing_within_bounds():
    row = delivery_rate(sends(["pending"] * 3), now=NOW).iloc[0]
    assert row[["rate", "low", "high"]].isna().all()
    assert row[["bound_low", "bound_high", "pending_share"]].tolist() == [0, 1, 1]


def test_delivery_rate_of_nothing_is_missing_never_zero():
    whole, parts = (
        delivery_rate(sends([], []).astype({"sent_at": "datetime64[us, UTC]"}), by=by, now=NOW)
        for by in (None, "day")
    )
    assert whole[["n", "delivered"]].to_numpy().tolist() == [[0, 0]]
    rates = ["rate", "low", "high", "rate_sent", "bound_low", "bound_high", "pending_share", "mature"]
    assert whole[rates].isna().all(axis=None)
    assert parts.empty
    full = delivery_rate(sends(["delivered"]), by="day", now=NOW)
    assert parts.dtypes.astype(str).tolist() == full.dtypes.astype(str).tolist()
    assert str(full["mature"].dtype) == "boolean"


@pytest.mark.parametrize(("hours", "mature"), [(72, False), (73, True), (74, True)])
def test_delivery_rate_is_mature_after_73_hours(hours, mature):
    now = SENT + pd.Timedelta(hours, "h")
    assert delivery_rate(sends(["delivered"]), now=now)["mature"].tolist() == [mature]
    only = delivery_rate(sends(["delivered"]), now=now, mature_only=True)
    assert only["n"].tolist() == [int(mature)]


def test_delivery_rate_takes_the_present_from_the_last_sync():
    data = sends(["delivered"], synced_at=SENT + pd.Timedelta(80, "h"))
    assert delivery_rate(data)["mature"].tolist() == [True]
    assert delivery_rate(data.assign(synced_at=SENT))["mature"].tolist() == [False]


def test_delivery_rate_groups_by_local_day():
    sent = pd.to_datetime(["2026-11-01T12:59", "2026-11-01T13:01"], utc=True)  # Sydney is 11 hours ahead
    found = delivery_rate(sends(["delivered", "pending"], sent), by="day", tz="Australia/Sydney", now=NOW)
    assert found["day"].tolist() == [pd.Timestamp("2026-11-01"), pd.Timestamp("2026-11-02")]


def test_delivery_rate_groups_by_several_and_by_country():
    data = sends(
        ["delivered", "pending", "delivered", "hard-bounce"],
        message_id=[1, 1, 2, 2],
        msisdn=["61491570156", "12025550123", "61491570157", "x"],
    )
    found = delivery_rate(data, by=["campaign", "country"], now=NOW)
    assert found["campaign"].tolist() == [1, 1, 2, 2]
    assert found["country"].fillna("?").tolist() == ["AU", "US", "AU", "?"]
    assert found["delivered"].tolist() == [1, 0, 1, 0]


def test_delivery_rate_is_the_same_on_frames_and_scans_and_equals_pandas(tmp_path):
    rng = np.random.default_rng(7)
    sent = SENT + pd.to_timedelta(rng.integers(0, 20 * 86_400, 3_000), unit="s")
    words = pd.Series(WORDS, dtype="str")[rng.integers(0, 7, 3_000)].reset_index(drop=True)
    data = sends(words, sent, sender=pd.Series(["ACME", "61491570006"])[rng.integers(0, 2, 3_000)].array)
    data.to_parquet(tmp_path / "a.parquet")
    ours = delivery_rate(data, by=["day", "sender"], now=NOW)
    scanned = delivery_rate(Scan(str(tmp_path / "a.parquet")), by=["day", "sender"], now=NOW)
    pd.testing.assert_frame_equal(ours, scanned)
    good = data.assign(day=data["sent_at"].dt.floor("D"), good=data["status"] == "delivered")
    plain = good.groupby(["day", "sender"])["good"].agg(["size", "sum"])
    assert ours["n"].tolist() == plain["size"].tolist()
    assert ours["delivered"].tolist() == plain["sum"].tolist()


def test_compare_rates_equals_statsmodels():
    data = sends(
        ["delivered"] * 56 + ["soft-bounce"] * 14 + ["delivered"] * 48 + ["hard-bounce"] * 32,
        sender=["A"] * 70 + ["B"] * 80,
    )
    row = compare_rates(data, by="sender", now=NOW).iloc[0]
    low, high = confint_proportions_2indep(56, 70, 48, 80, method="newcomb", compare="diff")
    assert row[["sender", "baseline"]].tolist() == ["A", "B"]
    assert row[["difference", "low", "high"]].tolist() == pytest.approx([0.2, low, high], abs=1e-9)
    assert row["differs"] is np.True_ or row["differs"] is True


def test_compare_rates_against_a_named_baseline():
    data = sends(["delivered"] * 6, sender=["A", "A", "B", "C", "C", "C"])
    found = compare_rates(data, by="sender", baseline="A", now=NOW)
    assert found["sender"].tolist() == ["B", "C"]
    assert found["baseline"].tolist() == ["A", "A"]
    assert found["differs"].tolist() == [False, False]


def test_compare_rates_counts_trials_once_for_intervals_and_differences() -> None:
    data = sends(["delivered", "hard-bounce"] * 40).assign(
        msisdn="61491570156", sender=["A"] * 40 + ["B"] * 40
    )
    texts = compare_rates(data, by="sender", now=NOW).attrs["explain"]["sql"]
    assert sum('AS "cluster_number"' in text for text in texts) == 1


def test_compare_rates_refuses_unequal_maturity_unless_told():
    sent = [SENT, SENT + pd.Timedelta(20, "D")]
    data = sends(["delivered", "delivered"], sent, sender=["A", "B"])
    with pytest.raises(UsageError, match="mature_only=True"):
        compare_rates(data, by="sender", now=NOW)
    assert compare_rates(data, by="sender", now=NOW, mature_only=True).empty


def test_compare_rates_with_an_unsettled_side_is_missing():
    found = compare_rates(sends(["delivered", "pending"], sender=["A", "B"]), by="sender", now=NOW)
    assert found[["difference", "low", "high", "differs"]].isna().all(axis=None)


def test_compare_rates_of_an_unknown_baseline_and_of_nothing():
    data = sends(["delivered"], sender=["A"])
    with pytest.raises(UsageError, match="no group"):
        compare_rates(data, by="sender", baseline="Z", now=NOW)
    assert compare_rates(data.iloc[:0], by="sender", now=NOW).empty


@pytest.mark.parametrize("by", [["sender"], None])
def test_compare_rates_refuses_what_is_not_one_grouping(by):
    with pytest.raises(UsageError, match="not one grouping"):
        compare_rates(sends(["delivered"], sender=["A"]), by=by, now=NOW)


@pytest.mark.parametrize("level", [95, 1, 0, -0.5, float("nan")])
def test_delivery_rate_refuses_a_level_that_is_no_confidence(level):
    with pytest.raises(UsageError, match="between 0 and 1"):
        delivery_rate(sends(["delivered"]), level=level, now=NOW)


@pytest.mark.parametrize("width", [0, -1, float("nan")])
def test_delivery_trend_refuses_a_width_that_is_no_distance(width):
    with pytest.raises(UsageError, match="above 0"):
        delivery_trend(sends(["delivered"]), width=width, now=NOW)


def test_delivery_trend_finds_the_bad_day_and_only_that():
    rng = np.random.default_rng(3)
    days = pd.date_range("2026-09-01", periods=40, tz="UTC").repeat(500)
    chance = np.where(days == pd.Timestamp("2026-09-20", tz="UTC"), 0.6, 0.95)
    status = np.where(rng.random(len(days)) < chance, "delivered", "soft-bounce")
    found = delivery_trend(sends(status, days), now=NOW)
    assert found.loc[found["outside"] != "inside", "day"].tolist() == [pd.Timestamp("2026-09-20")]
    soft = delivery_trend(sends(status, days), count="soft_bounced", now=NOW)
    assert soft.loc[soft["outside"] == "above", "day"].tolist() == [pd.Timestamp("2026-09-20")]


def test_delivery_trend_does_not_judge_fresh_days():
    days = pd.to_datetime(["2026-11-01", "2026-11-02", "2026-11-03", "2026-11-21"], utc=True).repeat(10)
    found = delivery_trend(
        sends((["delivered"] * 9 + ["soft-bounce"]) * 3 + ["soft-bounce"] * 10, days), now=NOW
    )
    assert found["mature"].tolist() == [True, True, True, False]
    assert found["outside"].isna().tolist() == [False, False, False, True]
    assert found["centre"].iloc[0] == pytest.approx(0.9)


def trend_of(*days):
    """The chart of days given as (delivered, bounced)."""
    sent = pd.date_range("2026-10-01", periods=len(days), tz="UTC").repeat([sum(day) for day in days])
    words = [w for good, bad in days for w in ["delivered"] * good + ["hard-bounce"] * bad]
    return delivery_trend(sends(words, sent), now=NOW)


def test_delivery_trend_judges_no_day_with_too_few():
    usual = [(94, 6), (95, 5), (93, 7), (96, 4), (94, 6)]
    found = trend_of(*usual, (0, 1), (1, 0), (6, 4))
    assert found["outside"].tolist() == ["inside"] * 5 + ["too few"] * 3
    assert found["rate"].tolist()[5:] == [0.0, 1.0, 0.6]


def test_delivery_trend_takes_sigma_z_without_days_with_too_few():
    usual = [(94, 6), (95, 5), (93, 7), (96, 4), (94, 6)] * 2
    alone = trend_of(*usual)
    mixed = trend_of(*usual[:5], (0, 1), *usual[5:])
    assert mixed["low"].iloc[0] == pytest.approx(alone["low"].iloc[0], abs=0.005)
    broken = trend_of(*usual, (0, 1), (0, 1), (70, 30))
    assert broken["outside"].tolist() == ["inside"] * 10 + ["too few", "too few", "below"]


def test_delivery_trend_of_a_nearly_perfect_account_still_sees_a_break():
    """Fewer than five bounces are expected on any day, and yet a hundred must not go unseen."""
    found = trend_of(*[(999, 1)] * 40, (900, 100), (998, 2))
    assert found["outside"].tolist() == ["too few"] * 40 + ["below", "too few"]


@pytest.mark.parametrize("rows", [0, 1])
def test_delivery_trend_of_too_little_has_no_limits(rows):
    data = sends(["delivered"], [SENT]).iloc[:rows]
    found = delivery_trend(data, now=NOW)
    assert len(found) == rows
    assert found[["low", "high", "outside"]].isna().all(axis=None)
    assert found.dtypes.astype(str)[["low", "outside"]].tolist() == ["float64", "str"]


@pytest.mark.parametrize(("by", "count"), [("sender", "delivered"), ("day", "pending")])
def test_delivery_trend_refuses_other_groupings_and_counts(by, count):
    with pytest.raises(UsageError, match="is none of"):
        delivery_trend(sends(["delivered"]), by=by, count=count)


def test_time_to_deliver_lets_bounces_compete_and_censors_pending():
    history = pd.DataFrame(
        {
            "message_id": 1,
            "msisdn": ["61491570001", "61491570001"],
            "status": ["pending", "hard-bounce"],
            "observed_at": [SENT, SENT + pd.Timedelta(20, "s")],
        }
    )
    data = dlrs(["delivered", "hard-bounce", "pending", "delivered"], [10, None, None, 30])
    curve = time_to_deliver(data, status_history=history, now=SENT + pd.Timedelta(25, "s"))
    assert curve["seconds"].tolist() == [10, 20, 30]
    assert curve["at_risk"].tolist() == [4, 3, 1]
    assert curve["delivered"].tolist() == [1, 0, 1]
    assert curve["bounced"].tolist() == [0, 1, 0]
    assert curve["incidence"].tolist() == pytest.approx([0.25, 0.25, 0.75])


def test_time_to_deliver_keeps_bounces_of_unknown_time_at_risk():
    data = dlrs(["delivered", "delivered", "hard-bounce", "soft-bounce"], [10, 30, None, None])
    curve = time_to_deliver(data, now=NOW)
    assert curve["incidence"].tolist() == pytest.approx([0.25, 0.5])
    assert "bounced at an unknown time: 2" in explain(curve)


def test_time_to_deliver_takes_deliveries_of_unknown_time_as_quick_as_the_others():
    data = dlrs(["delivered"] * 3 + ["soft-bounce"], [10, 30, None, None])
    curve = time_to_deliver(data, now=NOW)
    assert curve["incidence"].tolist() == pytest.approx([0.375, 0.75])
    assert "delivered at an unknown time: 1" in explain(curve)


def test_time_to_deliver_is_less_sure_where_few_deliveries_have_a_time():
    """The interval holds the truth nineteen times in twenty, also where one delivery in ten has a time."""
    rng = np.random.default_rng(5)
    truth, held = 0.9 * (1 - np.exp(-1)), 0
    for _ in range(60):
        arrived, seconds = rng.random(400) < 0.9, rng.exponential(600, 400).round() + 1
        timed = arrived & (rng.random(400) < 0.1)
        data = dlrs(np.where(arrived, "delivered", "hard-bounce"), np.where(timed, seconds, np.nan))
        curve = time_to_deliver(data, now=NOW)
        then = curve[curve["seconds"] <= 600].iloc[-1]
        held += then["low"] <= truth <= then["high"]
    assert held >= 52


def test_time_to_deliver_interval_of_untimed_deliveries_by_hand():
    """Four of eight deliveries have a time, two of them by 10 s: F = 0.8 * 1/2, variance = both parts."""
    data = dlrs(["delivered"] * 8 + ["hard-bounce"] * 2, [10, 10, 90, 90] + [None] * 6)
    first = time_to_deliver(data, now=NOW).iloc[0]
    variance = 0.4 * 0.6 / 10 + 0.8**2 * 0.5 * 0.5 * (1 / 4 - 1 / 8)
    reach = 1.959963984540054 * np.sqrt(variance) / (0.4 * abs(np.log(0.4)))
    assert first["incidence"] == pytest.approx(0.4)
    assert first["low"] == pytest.approx(0.4 ** np.exp(reach), abs=1e-9)
    assert first["high"] == pytest.approx(0.4 ** np.exp(-reach), abs=1e-9)


def test_time_to_deliver_reads_whole_minutes_and_early_receipts_as_intervals():
    data = dlrs(["delivered"] * 3, [-60, 60, 90])
    curve = time_to_deliver(data, now=NOW)
    assert curve[["seconds", "seconds_high"]].to_numpy().tolist() == [[0, 60], [60, 120], [90, 90]]


def test_time_to_deliver_counts_copies_and_groups():
    data = dlrs(["delivered", "pending", "pending"], [10, None, None], copies=[2, 2, 1])
    data["list_id"] = [1, 1, 2]
    curve = time_to_deliver(data, by="list", now=NOW)
    assert curve["list"].tolist() == [1]
    assert curve["at_risk"].tolist() == [4]
    assert curve["incidence"].tolist() == [0.5]


@pytest.mark.parametrize("status", [[], ["pending"], ["delivered"]])
@pytest.mark.parametrize("by", [None, "campaign"])
def test_time_to_deliver_without_a_known_time_is_empty(status, by):
    curve = time_to_deliver(dlrs(status, [None] * len(status)), by=by, now=NOW)
    assert curve.empty
    full = time_to_deliver(dlrs(["delivered"], [5]), by=by, now=NOW)
    assert curve.dtypes.astype(str).tolist() == full.dtypes.astype(str).tolist()
    assert time_quantiles(curve, [0.5])["seconds"].isna().all()


def test_time_quantiles_that_are_never_reached_are_missing():
    curve = time_to_deliver(
        dlrs(["delivered"] * 6 + ["hard-bounce"] * 4, [*range(1, 7)] + [None] * 4), now=NOW
    )
    found = time_quantiles(curve, [0.1, 0.6, 0.9])
    assert found["seconds"].fillna(-1).tolist() == [1, 6, -1]


def test_time_quantiles_refuse_other_frames():
    with pytest.raises(UsageError, match="time_to_deliver"):
        time_quantiles(pd.DataFrame({"a": []}))


def test_alarms_ring_beyond_chance_only():
    data = sends(
        ["delivered"] * 83 + ["soft-bounce"] * 17 + ["delivered"] * 3 + ["soft-bounce"],
        sender=["A"] * 100 + ["B"] * 4,
    )
    found = alarms(delivery_rate(data, by="sender", now=NOW))
    assert found["sender"].unique().tolist() == ["A"]
    assert found["level"].tolist() == ["look", "warn"]
    assert found["value"].tolist() == [0.83, 0.83]


def test_alarms_leave_few_numbers_alone_whose_own_interval_reaches_the_threshold():
    """Five numbers say little of a rate, however many messages went to them."""
    word = {0: "soft-bounce", 1: "soft-bounce"}
    words = [word.get(one % 9, "delivered") for one in range(900)]
    data = sends(words, msisdn=[f"6149157000{one % 9}" for one in range(900)])
    rates = delivery_rate(data, now=NOW)
    assert rates["high"].iloc[0] > 0.95
    assert "few" in rates["interval"].iloc[0]
    assert "delivery" not in set(alarms(rates)["alarm"])
    assert "delivery" in set(alarms(rates.drop(columns=["low", "high"]))["alarm"])


def test_alarms_leave_fresh_groups_alone():
    data = sends(["soft-bounce"] * 100)
    assert alarms(delivery_rate(data, now=SENT)).empty
    assert len(alarms(delivery_rate(data, now=NOW))) == 3


def test_alarms_ring_above_a_threshold_too():
    rates = pd.DataFrame({"delivered": [1000], "optouts": [25]})
    assert alarms(rates).empty
    assert alarms(rates.assign(optouts=60))["level"].tolist() == ["warn", "act"]
    assert {alarm.name for alarm in ALARMS} == {"delivery", "opt-outs", "receipts"}


def test_alarms_without_counts_say_so():
    with pytest.raises(UsageError, match="delivery_rate"):
        alarms(pd.DataFrame({"a": [1]}))


def test_time_to_deliver_of_groups_is_the_curve_of_each_alone():
    """Groups share arrays and nothing else: one without a name, one without any time, one with bounces."""
    sent = utc(["2026-11-01"] * 9)
    data = pd.DataFrame({
        "message_id": range(9), "msisdn": [f"6149157010{n}" for n in range(9)],
        "list_id": pd.array([3, 3, 3, 1, 1, None, None, 2, 2], "Int64"), "sent_at": sent,
        "status": ["delivered", "delivered", "hard-bounce", "pending", "hard-bounce",
                   "delivered", "delivered", "delivered", "pending"],
        "delivered_at": sent + pd.to_timedelta([5, 60, None, None, None, 5, None, 90, None], unit="s"),
    })  # fmt: skip
    grouped = time_to_deliver(data, by="list", now=NOW)
    assert grouped["list"].fillna(-1).tolist() == [2, 3, 3, -1]
    for key in (2, 3, None):
        mask = data["list_id"].isna() if key is None else (data["list_id"] == key).fillna(False)
        alone = time_to_deliver(data[mask].reset_index(drop=True), now=NOW)
        ours = grouped[grouped["list"].isna() if key is None else (grouped["list"] == key).fillna(False)]
        words = alone["interval"].where(alone["interval"] != "Aalen-Johansen", "Aalen-Johansen, one day")
        expected = alone.assign(interval=words)  # by list, other days are asked for too
        pd.testing.assert_frame_equal(ours.drop(columns="list").reset_index(drop=True), expected)


def test_time_to_deliver_counts_impossible_receipts_and_takes_them_as_untimed():
    data = dlrs(["delivered"] * 200, [10] * 199 + [-36_000])
    curve = time_to_deliver(data, now=NOW)
    assert curve[["seconds", "delivered", "impossible"]].to_numpy().tolist() == [[10, 199, 1]]
    assert curve["incidence"].tolist() == pytest.approx([1.0])
    assert "more than 60 s before the sending: 1, impossible" in explain(curve)


def test_time_to_deliver_believes_no_receipt_where_a_clock_is_off():
    """Receipts ten hours early in one campaign cost that campaign its curve, and no other."""
    right = dlrs(["delivered"] * 50, range(1, 51)).assign(message_id=1)
    wrong = dlrs(["delivered"] * 50, [n - 36_000 for n in range(50)]).assign(message_id=2)
    both = pd.concat([right, wrong], ignore_index=True)
    with pytest.warns(
        UserWarning, match="50 receipts lie more than 60 s before the sending in 1 of 2 groups"
    ):
        curve = time_to_deliver(both, by="campaign", now=NOW)
    assert set(curve["campaign"]) == {1}
    with pytest.warns(UserWarning, match="a clock or a time zone is wrong"):
        assert time_to_deliver(wrong, now=NOW).empty


def test_alarms_ring_where_receipts_are_missing_in_mature_messages():
    """304 of 833 mature messages have no receipt: the rate of the others is perfect, and says nothing."""
    data = sends(["delivered"] * 529 + ["pending"] * 304)
    rates = delivery_rate(data, now=NOW)
    assert rates[["rate", "aged", "overdue"]].to_numpy().tolist() == [[1.0, 833, 304]]
    rung = alarms(rates)
    assert rung[["alarm", "level"]].to_numpy().tolist() == [["receipts", "look"], ["receipts", "act"]]
    assert rung["value"].tolist() == pytest.approx([304 / 833] * 2)


def test_alarms_of_missing_receipts_ring_beside_fresh_messages_and_not_for_them():
    old = sends(["delivered"] * 529 + ["pending"] * 304)
    fresh = sends(["pending"] * 400, pd.Timestamp("2026-11-21T20:00", tz="UTC"))
    assert set(alarms(delivery_rate(pd.concat([old, fresh]), now=NOW))["alarm"]) == {"receipts"}
    assert alarms(delivery_rate(fresh, now=NOW)).empty
    few = sends(["delivered"] * 999 + ["pending"])
    assert alarms(delivery_rate(few, now=NOW)).empty


def test_delivery_rate_marks_partial_periods():
    days = pd.date_range("2026-09-12", "2026-11-19", tz="UTC")
    found = delivery_rate(sends(["delivered"] * len(days), days), by="month", now=NOW)
    assert found["partial"].tolist() == [True, False, True]
    weeks = delivery_rate(sends(["delivered"] * len(days), days), by="week", now=NOW)
    assert weeks["partial"].tolist() == [True, *[False] * 9, True]
    ended = delivery_rate(sends(["delivered"] * len(days), days), by="week", now="2027-03-01")
    assert ended["partial"].tolist() == [True, *[False] * 10]
    daily = delivery_trend(sends(["delivered"] * len(days), days), now="2026-11-19T12:00")
    assert daily["partial"].tolist() == [*[False] * (len(days) - 1), True]
    assert "partial" not in delivery_rate(sends(["delivered"]), by=None, now=NOW)


@pytest.mark.parametrize(
    ("by", "begins"),
    [
        ("week_from_sunday", "2026-11-15"),
        ("week_from_monday", "2026-11-16"),
        ("week_from_saturday", "2026-11-14"),
        ("quarter", "2026-10-01"),
        ("year", "2026-01-01"),
        ("year_from_july", "2026-07-01"),
        ("year_from_december", "2025-12-01"),
        ("quarter_from_february", "2026-11-01"),
    ],
)
def test_delivery_rate_by_other_weeks_quarters_and_years(by, begins):
    sent = utc(["2026-11-18T12:59", "2026-11-18T13:01"])
    found = delivery_rate(sends(["delivered"] * 2, sent), by=by, tz="Australia/Sydney", now=NOW)
    assert found[by].tolist() == [pd.Timestamp(begins)]
    assert found["partial"].tolist() == [True]


def test_delivery_rate_by_week_from_sunday_parts_saturday_and_sunday():
    sent = utc(["2026-11-14T12:00", "2026-11-15T00:00"])
    found = delivery_rate(sends(["delivered"] * 2, sent), by="week_from_sunday", now=NOW)
    assert found["week_from_sunday"].tolist() == [pd.Timestamp("2026-11-08"), pd.Timestamp("2026-11-15")]


def test_delivery_rate_by_naive_times_and_periods():
    naive = pd.DatetimeIndex([pd.Timestamp("2026-11-01"), pd.Timestamp("2026-11-01"), pd.NaT])
    data = sends(["delivered"] * 3, SENT, own=naive, period=naive.to_period("M"))
    found = delivery_rate(data, by="own", now=NOW)
    assert found["n"].tolist() == [2, 1]
    assert found["own"].tolist()[0] == pd.Timestamp("2026-11-01")
    assert pd.isna(found["own"].iloc[1])
    assert delivery_rate(data, by="period", now=NOW)["period"].tolist()[0] == pd.Timestamp("2026-11-01")
    assert delivery_rate(data, by=["own", "period"], now=NOW)["n"].tolist() == [2, 1]
    assert len(compare_rates(data, by="own", now=NOW)) == 1


def test_mature_only_leaves_out_the_fresh_in_every_helper():
    old, fresh = pd.Timestamp("2026-11-01", tz="UTC"), pd.Timestamp("2026-11-21", tz="UTC")
    data = pd.DataFrame({
        "id": [1, 2], "message_id": [1, 2], "msisdn": ["61491570156", "61491570157"], "sender": "61491570006",
        "status": "delivered", "sent_at": [old, fresh], "optout": False,
        "delivered_at": [old + pd.Timedelta(9, "s"), fresh + pd.Timedelta(9, "s")],
    })  # fmt: skip
    replies = data.rename(columns={"sent_at": "received_at", "sender": "longcode"}).drop(columns="status")
    assert delivery_rate(data, now=NOW, mature_only=True)["n"].tolist() == [1]
    assert delivery_trend(data, now=NOW, mature_only=True)["settled"].tolist() == [1]
    assert time_to_deliver(data, now=NOW, mature_only=True)["delivered"].tolist() == [1]
    left = optout_rate(data, by=None, now=NOW, mature_only=True)
    assert left[["delivered", "numbers"]].to_numpy().tolist() == [[1, 1]]
    answered = reply_rate(data, replies, now=NOW, mature_only=True)
    assert answered[["delivered", "numbers"]].to_numpy().tolist() == [[1, 1]]
    late = reply_rate(data, replies, now="2026-11-26", window="8d", mature_only=True)
    assert late["delivered"].tolist() == [1]
