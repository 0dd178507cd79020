"""Intervals of messages that are not independent: A/A trials, and what holds where numbers do not repeat."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from smsdata.analysis import compare_rates, delivery_rate, delivery_trend, optout_rate, reply_rate
from smsdata.analysis.core.statistics import wilson
from smsdata.errors import UsageError

NOW = "2026-11-22"
START = pd.Timestamp("2026-09-01T10:00", tz="UTC")
TRUTH = 0.9
TRIALS = 100


def sends(delivered, numbers, days, **columns):
    """Messages, one row each: delivered or not, to which number, on which day."""
    return pd.DataFrame(
        {
            "status": np.where(delivered, "delivered", "soft-bounce"),
            "msisdn": pd.Series(
                "61491" + pd.Series(np.asarray(numbers)).astype(str).str.zfill(6), dtype="str"
            ),
            "sent_at": START + pd.to_timedelta(np.asarray(days), unit="D"),
            **columns,
        }
    )


def habits(rng, size, mean=TRUTH, spread=1.0):
    """Give each number or day a rate of its own, around the truth: beta with mean and a + b = 10 * spread."""
    strength = 10 * spread
    return rng.beta(mean * strength, (1 - mean) * strength, size)


def same_numbers(rng):
    """Two senders of one true rate write ten times each to forty numbers of their own."""
    numbers = np.repeat(np.arange(80), 10)
    delivered = rng.random(800) < np.repeat(habits(rng, 80, spread=0.1), 10)
    return sends(delivered, numbers, np.zeros(800), sender=np.where(numbers < 40, "A", "B"))


def other_days(rng):
    """Two senders of one true rate send on twelve days each, other days and other numbers; days differ."""
    days = np.repeat(np.arange(24), 40)
    delivered = rng.random(960) < np.repeat(habits(rng, 24, spread=3), 40)
    return sends(delivered, np.arange(960), days, sender=np.where(days % 2 == 0, "A", "B"))


def shared_numbers(rng):
    """Both senders write five times to each of sixty numbers, on the same day."""
    numbers = np.repeat(np.arange(60), 10)
    delivered = rng.random(600) < np.repeat(habits(rng, 60, spread=0.1), 10)
    return sends(delivered, numbers, np.zeros(600), sender=np.tile(["A", "B"], 300))


def shared_numbers_and_days(rng):
    """Both senders write to the same sixty numbers on the same fifteen days; numbers and days differ."""
    number, day = (axis.ravel() for axis in np.meshgrid(np.arange(60), np.arange(15)))
    odds = np.log(TRUTH / (1 - TRUTH)) + rng.normal(0, 1, 60)[number] + rng.normal(0, 0.7, 15)[day]
    delivered = rng.random(900) < 1 / (1 + np.exp(-odds))
    return sends(delivered, number, day, sender=np.where(rng.random(900) < 0.5, "A", "B"))


def few_days(rng):
    """Two senders send on four days each."""
    days = np.repeat(np.arange(8), 100)
    delivered = rng.random(800) < np.repeat(habits(rng, 8, spread=3), 100)
    return sends(delivered, np.arange(800), days, sender=np.where(days % 2 == 0, "A", "B"))


def independent(rng):
    """Every message to a number of its own, on one day."""
    return sends(rng.random(600) < TRUTH, np.arange(600), np.zeros(600), sender=np.tile(["A", "B"], 300))


def heavy_tail(rng):
    """Both senders write to the same three hundred numbers: to some fifty times, to most once or twice."""
    often = 1 / np.arange(1, 301) ** 0.8
    number = rng.choice(300, 1200, p=often / often.sum())
    delivered = rng.random(1200) < habits(rng, 300, spread=0.5)[number]
    return sends(delivered, number, np.zeros(1200), sender=rng.choice(["A", "B"], 1200))


ACCOUNTS = [
    same_numbers, other_days, shared_numbers, shared_numbers_and_days, few_days, independent, heavy_tail,
]  # fmt: skip


def in_trials(account, rng):
    """Draw an account a hundred times over, each in a group of its own."""
    return pd.concat([account(rng).assign(trial=trial) for trial in range(TRIALS)], ignore_index=True)


def differing(account, change=lambda data: data, trials=TRIALS):
    """Give the share of A/A trials in which the senders are said to differ."""
    rng = np.random.default_rng(20261126)
    found = [
        compare_rates(change(account(rng)), by="sender", now=NOW)["differs"].iloc[0] for _ in range(trials)
    ]
    return np.mean(np.asarray(found, dtype=bool))


@pytest.mark.parametrize("account", ACCOUNTS)
def test_compare_rates_finds_no_difference_where_there_is_none(account):
    trials = 2 * TRIALS if account is same_numbers else TRIALS  # its share is nearest to the bound
    assert differing(account, trials=trials) <= 0.09


@pytest.mark.parametrize("account", [same_numbers, other_days])
def test_compare_rates_would_find_differences_if_clusters_were_ignored(account):
    """A seeded bug: every message counted as a number and a day of its own must fail the trial above."""
    ignored = differing(
        account, lambda data: data.assign(msisdn=independent_numbers(data), sent_at=START), trials=40
    )
    assert ignored > 0.2


def independent_numbers(data):
    return ("61491" + pd.Series(np.arange(len(data))).astype(str).str.zfill(6)).astype("str")


@pytest.mark.parametrize(
    "account", [same_numbers, other_days, shared_numbers, few_days, independent, heavy_tail]
)
def test_delivery_rate_covers_the_truth(account):
    rng = np.random.default_rng(7)
    rates = delivery_rate(in_trials(account, rng), by=["trial", "sender"], now=NOW)
    assert len(rates) == 2 * TRIALS
    assert rates["low"].le(TRUTH).mul(rates["high"].ge(TRUTH)).mean() >= 0.90


def test_delivery_rate_of_all_covers_the_truth_where_numbers_repeat():
    rng = np.random.default_rng(8)
    rates = delivery_rate(in_trials(same_numbers, rng), by="trial", now=NOW)
    assert len(rates) == TRIALS
    assert rates["low"].le(TRUTH).mul(rates["high"].ge(TRUTH)).mean() >= 0.90


def test_delivery_rate_of_rare_dead_numbers_covers_the_truth():
    """One number in fifty is dead: in a third of the samples none is, and all 500 messages arrive."""

    def rarely_dead(rng):
        return sends(np.repeat(rng.random(50) >= 0.02, 10), np.repeat(np.arange(50), 10), np.zeros(500))

    rates = delivery_rate(in_trials(rarely_dead, np.random.default_rng(9)), by="trial", now=NOW)
    assert len(rates) == TRIALS
    assert rates["low"].le(0.98).mul(rates["high"].ge(0.98)).mean() >= 0.90


def test_numbers_that_fared_alike_with_both_senders_leave_a_doubt():
    """Twenty numbers, each with the same outcome from both: no proof that the twenty-first has too."""
    delivered = np.tile(np.arange(20) < 10, 2)
    data = sends(delivered, np.tile(np.arange(20), 2), np.zeros(40), sender=["A"] * 20 + ["B"] * 20)
    row = compare_rates(data, by="sender", now=NOW).iloc[0]
    assert row["low"] < -0.05
    assert row["high"] > 0.05
    apart = data.assign(msisdn=data["msisdn"] + data["sender"].map({"A": "1", "B": "2"}))
    assert row["high"] < compare_rates(apart, by="sender", now=NOW)["high"].iloc[0] / 2


def test_compare_rates_still_sees_a_real_difference():
    """Caution must not cost the use: 90% against 70% of the same numbers is seen nearly always."""
    rng = np.random.default_rng(3)
    seen = []
    for _ in range(50):
        numbers, sender = np.repeat(np.arange(80), 10), np.tile(["A", "B"], 400)
        delivered = rng.random(800) < np.where(sender == "A", 0.9, 0.7)
        seen.append(
            compare_rates(sends(delivered, numbers, 0, sender=sender), by="sender", now=NOW)["differs"].iloc[
                0
            ]
        )
    assert np.mean(seen) >= 0.95


def test_design_effect_equals_the_formula_by_hand():
    """Three numbers with 4, 2 and 1 messages; 1, 2 and 1 delivered."""
    delivered = [True, False, False, False, True, True, True]
    row = delivery_rate(sends(delivered, [1, 1, 1, 1, 2, 2, 3], np.zeros(7)), now=NOW).iloc[0]
    p, n, y = 4 / 7, np.array([4, 2, 1]), np.array([1, 2, 1])
    effect = 3 / 2 * ((y - p * n) ** 2).sum() / 49 / (p * (1 - p) / 6)
    assert row["design_effect"] == pytest.approx(effect)
    size, z = 7 / effect, t.ppf(0.975, 2)
    half = z / (1 + z**2 / size) * np.sqrt(p * (1 - p) / size + z**2 / (4 * size**2))
    middle = (p + z**2 / (2 * size)) / (1 + z**2 / size)
    assert row[["low", "high"]].tolist() == pytest.approx([middle - half, middle + half], abs=1e-4)
    assert row[["numbers", "interval"]].tolist() == [3, "Wilson, by number, few"]


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_wilson_with_few_clusters_takes_student_t(level):
    degrees = np.array([1.0, 2, 3, 4, 5, 9, 30, 1e4])
    low, _ = wilson(np.full(8, 0.0), np.full(8, 10.0), level=level, freedom=degrees)
    _, high = wilson(np.full(8, 0.0), np.full(8, 10.0), level=level, freedom=degrees)
    z = t.ppf((1 + level) / 2, degrees)
    assert low == pytest.approx(np.zeros(8), abs=1e-12)
    assert high == pytest.approx(z**2 / 10 / (1 + z**2 / 10), rel=1e-4)


def test_published_intervals_are_met_where_numbers_do_not_repeat():
    delivered = [True] * 56 + [False] * 14 + [True] * 48 + [False] * 32
    data = sends(delivered, np.arange(150), np.zeros(150), sender=["A"] * 70 + ["B"] * 80)
    row = compare_rates(data, by="sender", now=NOW).iloc[0]
    expected = confint_proportions_2indep(56, 70, 48, 80, method="newcomb", compare="diff")
    assert row[["low", "high"]].tolist() == pytest.approx(list(expected), abs=1e-9)
    assert row[["n", "numbers", "design_effect"]].tolist() == pytest.approx([150, 150, 1])
    assert row["interval"] == "Newcombe, one day"
    rate = delivery_rate(data, now=NOW).iloc[0]
    assert rate[["low", "high"]].tolist() == pytest.approx(
        proportion_confint(104, 150, method="wilson"), abs=1e-9
    )
    assert rate[["numbers", "design_effect", "interval"]].tolist() == [150, 1, "Wilson"]


def test_intervals_say_what_they_rest_on():
    rng = np.random.default_rng(1)
    data = shared_numbers_and_days(rng)
    assert delivery_rate(data, now=NOW)["interval"].tolist() == ["Wilson, by number"]
    assert set(delivery_rate(data, by="sender", now=NOW)["interval"]) == {"Wilson, by number and day"}
    assert set(delivery_rate(data, by="day", now=NOW)["interval"]) == {"Wilson"}
    perfect = delivery_rate(few_days(rng).assign(status="delivered"), by="sender", now=NOW)
    assert set(perfect["interval"]) == {"Wilson"}
    assert set(delivery_rate(few_days(rng), by="sender", now=NOW)["interval"]) == {"Wilson, by day, few"}
    unknown = delivery_rate(data.drop(columns="msisdn"), now=NOW)
    assert unknown["interval"].tolist() == ["Wilson, numbers unknown"]
    assert unknown[["numbers", "design_effect"]].isna().all(axis=None)


def test_delivery_rate_by_list_and_country_is_clustered_by_number():
    data = same_numbers(np.random.default_rng(2)).assign(list_id=7)
    for by in ("list", "country", ["sender", "list"]):
        assert (delivery_rate(data, by=by, now=NOW)["design_effect"] > 2).all()


def test_copies_are_messages_of_one_number():
    data = sends([True, False, True], [1, 2, 3], np.zeros(3), copies=[5, 5, 5])
    row = delivery_rate(data, now=NOW).iloc[0]
    assert row["numbers"] == 3
    assert row["design_effect"] > 4


def test_delivery_trend_widens_its_limits_where_numbers_repeat():
    """With too few steady days for sigma Z the limits are those of a p chart of effective sizes."""
    days = np.repeat(np.arange(2), 20)
    data = sends([True] * 18 + [False] * 2 + [True] * 16 + [False] * 4, np.arange(40) // 2, days)
    once = delivery_trend(data.assign(msisdn=independent_numbers(data)), now=NOW)
    twice = delivery_trend(data, now=NOW)
    assert (twice["high"] - twice["low"] > once["high"] - once["low"]).any()
    assert twice["design_effect"].gt(1.5).all()
    assert twice["interval"].tolist() == ["Laney p', by number"] * 2


def simpson(copies=50):
    """A is better by ten points in each country, and worse overall: it is sent where delivery is hard."""
    parts = []
    for sender, country, n, rate in (("A", "61491", 80, 0.6), ("A", "1202555", 20, 1.0),
                                     ("B", "61491", 20, 0.5), ("B", "1202555", 80, 0.9)):  # fmt: skip
        size = n * copies // 10
        ids = pd.Series(range(size)).astype(str).str.zfill(4 if country == "1202555" else 6)
        good = np.arange(size) < round(size * rate)
        parts.append(pd.DataFrame({
            "msisdn": (country + ids).astype("str"), "sender": sender, "sent_at": START,
            "status": np.where(good, "delivered", "hard-bounce"), "stratum": country,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("within", ["country", "stratum"])
def test_compare_rates_within_strata_turns_the_sign_and_warns(within):
    data = simpson()
    with pytest.warns(UserWarning, match="turn their sign within"):
        row = compare_rates(data, by="sender", baseline="B", within=within, now=NOW).iloc[0]
    assert row["difference"] == pytest.approx(0.1)
    assert row["crude"] == pytest.approx(-0.14)
    assert row["strata"] == 2
    assert row["sign_turns"]
    assert compare_rates(data, by="sender", baseline="B", now=NOW)["difference"].iloc[0] == pytest.approx(
        -0.14
    )


def test_compare_rates_within_strata_has_mantel_haenszel_weights():
    data = simpson()
    with pytest.warns(UserWarning, match="turn their sign"):
        row = compare_rates(data, by="sender", baseline="B", within="stratum", now=NOW).iloc[0]
    settled = data.groupby(["stratum", "sender"])["status"].agg(["size", lambda s: (s == "delivered").mean()])
    sizes, rates = settled["size"].unstack(), settled.iloc[:, 1].unstack()
    weights = sizes["A"] * sizes["B"] / (sizes["A"] + sizes["B"])
    assert row["difference"] == pytest.approx(((rates["A"] - rates["B"]) * weights).sum() / weights.sum())


@pytest.mark.filterwarnings("ignore:compare_rates")  # the crude difference turns its sign: that is the point
def test_compare_rates_within_strata_holds_its_level():
    rng, found = np.random.default_rng(4), []
    for _ in range(TRIALS):
        number = np.repeat(np.arange(120), 5)
        stratum = number % 3
        chance = np.array([0.95, 0.8, 0.6])[stratum] + np.repeat(rng.choice([-0.05, 0.05], 120), 5)
        sender = np.where(rng.random(600) < np.array([0.2, 0.5, 0.8])[stratum], "A", "B")
        data = sends(rng.random(600) < chance, number, 0, sender=sender, stratum=stratum)
        found.append(compare_rates(data, by="sender", baseline="B", within="stratum", now=NOW))
    assert pd.concat(found)["differs"].astype(bool).mean() <= 0.09


def test_compare_rates_without_a_shared_stratum_is_missing():
    data = simpson()
    data = data[(data["sender"] == "A") == (data["stratum"] == "61491")]
    row = compare_rates(data, by="sender", within="stratum", now=NOW).iloc[0]
    assert row[["difference", "low", "high", "differs"]].isna().all()
    assert row["strata"] == 0


def test_reply_and_optout_rates_cover_the_truth_where_numbers_repeat():
    rng, replied, opted = np.random.default_rng(6), [], []
    for _ in range(40):
        number = np.repeat(np.arange(60), 8)
        willing = np.repeat(rng.random(60) < 0.1, 8)
        data = sends([True] * 480, number, np.tile(np.arange(8) * 4, 60), sender="61491570006")
        data = data.assign(id=range(480), message_id=np.tile(np.arange(8), 60), optout=willing)
        answers = pd.DataFrame({
            "id": range(willing.sum()), "msisdn": data["msisdn"][willing], "longcode": "61491570006",
            "received_at": data["sent_at"][willing] + pd.Timedelta(1, "h"),
        })  # fmt: skip
        replied.append(reply_rate(data, answers, now=NOW))
        opted.append(optout_rate(data, by=None, now=NOW))
    for rates in map(pd.concat, (replied, opted)):
        assert rates["low"].le(0.1).mul(rates["high"].ge(0.1)).mean() >= 0.90
        assert rates["design_effect"].dropna().gt(4).all()
        assert set(rates["interval"]) == {"Wilson, by number"}


def two_months(seed=1, size=3000):
    """Sends of September and October to the same 500 numbers, some of which opted out."""
    rng = np.random.default_rng(seed)
    send = rng.integers(0, 60, size)
    data = sends(np.ones(size, dtype=bool), rng.integers(0, 500, size), send, message_id=send)
    data = data.drop_duplicates(["message_id", "msisdn"], ignore_index=True)
    gone = rng.random(len(data)) < np.where(data["message_id"] < 30, 0.04, 0.08)
    return data.assign(optout=gone, id=range(len(data)), sender="61491570006")


def test_rates_beside_a_baseline_are_compared_as_delivery_is():
    """Three helpers, and a count of another status, look at the same hits: they agree to the last digit."""
    data, september = two_months(), pd.Timestamp("2026-09-01")
    asked: dict[str, Any] = {"by": "month", "baseline": september, "now": NOW}
    hit = data["optout"]
    wanted = compare_rates(data.assign(status=np.where(hit, "delivered", "soft-bounce")), **asked).iloc[0]
    hard = data.assign(status=np.where(hit, "hard-bounce", "delivered"))
    bounced = compare_rates(hard, count="hard_bounced", **asked).iloc[0]
    assert bounced["difference":].equals(wanted["difference":])
    names = ("hard_bounced", "baseline_hard_bounced", "rate")
    assert [bounced[name] for name in names] == [hit.sum() - 54, 54, (hit.sum() - 54) / bounced["settled"]]
    answers = pd.DataFrame({
        "id": data["id"][hit], "msisdn": data["msisdn"][hit], "longcode": "61491570006",
        "received_at": data["sent_at"][hit] + pd.Timedelta(1, "h"),
    })  # fmt: skip
    for found in (optout_rate(data, **asked), reply_rate(data, answers, **asked)):
        assert found["difference"].isna().tolist() == [True, False]
        row = found.iloc[1]
        told = row[["baseline_rate", "difference", "difference_low", "difference_high", "differs"]]
        assert told.tolist() == wanted[["baseline_rate", "difference", "low", "high", "differs"]].tolist()
        assert row["differs"]


def test_rates_beside_a_baseline_refuse_what_cannot_be_compared():
    data = two_months(size=200)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"by": "month", "baseline": pd.Timestamp("2026-01-01")}, "is no group"),
        ({"by": None, "baseline": 1}, "needs one grouping"),
        ({"by": ["month", "sender"], "baseline": 1}, "needs one grouping"),
        (
            {"by": "month", "baseline": pd.Timestamp("2026-09-01"), "now": "2026-10-05"},
            "compare like with like",
        ),
    ]
    for wrong, words in cases:
        with pytest.raises(UsageError, match=words):
            optout_rate(data, **{"now": NOW} | wrong)
    with pytest.raises(UsageError, match="count"):
        compare_rates(data, by="month", count="pending", now=NOW)
