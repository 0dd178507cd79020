"""The formulas against independent implementations."""

import numpy as np
import pandas as pd
import pytest
from lifelines import AalenJohansenFitter, KaplanMeierFitter
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from smsdata.analysis.core.statistics import aalen_johansen, laney, log_log, newcombe, rate, turnbull, wilson

PAIRS = [(0, 1), (1, 1), (0, 7), (7, 7), (3, 8), (999_999, 1_000_000), (1, 10_000_000)]


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_wilson_equals_statsmodels(level):
    k, n = np.array(PAIRS).T
    low, high = wilson(k, n, level=level)
    expected = proportion_confint(k, n, alpha=1 - level, method="wilson")
    np.testing.assert_allclose(low, expected[0], atol=1e-9, rtol=0)
    np.testing.assert_allclose(high, expected[1], atol=1e-9, rtol=0)


def test_wilson_of_nothing_is_missing():
    low, high = wilson([0], [0])
    assert np.isnan(low[0])
    assert np.isnan(high[0])
    assert np.isnan(rate([0], [0])[0])


def test_newcombe_equals_statsmodels():
    for first in PAIRS:
        for second in PAIRS:
            got = newcombe(first, second)
            low, high = confint_proportions_2indep(*first, *second, method="newcomb", compare="diff")
            np.testing.assert_allclose(got[1:], (low, high), atol=1e-9, rtol=0)
            assert got[0] == pytest.approx(first[0] / first[1] - second[0] / second[1])


def test_newcombe_with_an_empty_side_is_missing():
    assert np.isnan(newcombe((1, 2), (0, 0))).all()


def test_laney_follows_the_hand_calculation():
    k, n = np.array([10, 20, 15, 30]), np.array([100, 200, 100, 200])
    centre = 75 / 600
    sigma = np.sqrt(centre * (1 - centre) / n)
    z = (k / n - centre) / sigma
    sigma_z = np.mean([abs(z[1] - z[0]), abs(z[2] - z[1]), abs(z[3] - z[2])]) / 1.128
    chart = laney(k, n)
    assert chart.centre == pytest.approx(centre)
    assert chart.sigma_z == pytest.approx(sigma_z)
    np.testing.assert_allclose(chart.high, centre + 3 * sigma * sigma_z)
    np.testing.assert_allclose(chart.low, np.maximum(centre - 3 * sigma * sigma_z, 0))


def test_laney_takes_sigma_z_from_steady_periods_and_the_centre_from_all_used():
    k, n = np.array([10, 0, 20, 15, 30]), np.array([100, 1, 200, 100, 200])
    chart = laney(k, n, steady=[True, False, True, True, True])
    centre = 75 / 601
    z = (k / n - centre) / np.sqrt(centre * (1 - centre) / n)
    steps = [abs(z[2] - z[0]), abs(z[3] - z[2]), abs(z[4] - z[3])]
    assert chart.centre == pytest.approx(centre)
    assert chart.sigma_z == pytest.approx(np.mean(steps) / 1.128)


def test_laney_with_too_few_steady_periods_is_a_plain_p_chart():
    chart = laney([9, 1], [10, 2], steady=[True, False])
    assert chart.sigma_z == 1
    assert chart.low[0] == pytest.approx(10 / 12 - 3 * np.sqrt(10 / 12 * 2 / 12 / 10))


def test_laney_limits_are_wider_than_a_p_chart_where_days_differ():
    k, n = np.array([9500, 9300, 9600, 9400]), np.full(4, 10_000)
    chart = laney(k, n)
    ordinary = 3 * np.sqrt(0.945 * 0.055 / 10_000)
    assert (chart.high - chart.centre > 2 * ordinary).all()


@pytest.mark.parametrize(("k", "n"), [([], []), ([5], [10]), ([5, 0], [10, 0])])
def test_laney_of_fewer_than_two_periods_has_no_limits(k, n):
    chart = laney(k, n)
    assert np.isnan(chart.low).all()
    assert np.isnan(chart.sigma_z)


def test_laney_of_equal_rates_has_limits_on_the_centre():
    chart = laney([10, 10, 10], [10, 10, 10])
    assert chart.low.tolist() == chart.high.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.filterwarnings("ignore")  # lifelines takes the logarithm of zero at time zero
@pytest.mark.parametrize("seed", range(2))
def test_aalen_johansen_equals_lifelines_on_data_without_ties(seed):
    rng = np.random.default_rng(seed)
    times, kinds = rng.permutation(np.arange(1.0, 201.0)), rng.choice([0, 1, 2], 200, p=[0.3, 0.5, 0.2])
    fitter = AalenJohansenFitter().fit(times, kinds, event_of_interest=1)
    order = np.argsort(times)
    counts = [(kinds[order] == kind).astype(int) for kind in (1, 2, 0)]
    curve = aalen_johansen(*counts)
    expected = fitter.cumulative_density_["CIF_1"].to_numpy()[1:]
    np.testing.assert_allclose(curve.incidence, expected, atol=1e-9, rtol=0)
    np.testing.assert_allclose(curve.variance, fitter.variance_.to_numpy()[1:], atol=1e-9, rtol=0)
    low, high = log_log(curve.incidence, curve.variance)
    bounds = fitter.confidence_interval_.to_numpy()[1:]
    np.testing.assert_allclose(np.column_stack([low, high]), np.sort(bounds, axis=1), atol=1e-9, rtol=0)


def test_aalen_johansen_without_censoring_is_the_plain_share():
    curve = aalen_johansen([2, 0, 5], [0, 3, 0], [0, 0, 0])
    np.testing.assert_allclose(curve.incidence, [0.2, 0.2, 0.7])


def test_aalen_johansen_censors_after_the_events_of_the_same_time():
    assert aalen_johansen([1, 1], [0, 0], [2, 0]).incidence.tolist() == pytest.approx([0.25, 1.0])


def test_aalen_johansen_differs_from_counting_bounces_as_censored():
    """The mistake the estimator exists to avoid must show in the test."""
    wanted, bounced, none = [1, 0, 1], [0, 2, 0], [0, 0, 0]
    right = aalen_johansen(wanted, bounced, none).incidence[-1]
    wrong = aalen_johansen(wanted, none, bounced).incidence[-1]
    assert right == pytest.approx(0.5)
    assert wrong == pytest.approx(1.0)


def test_aalen_johansen_of_nothing_is_empty():
    assert aalen_johansen([], [], []).incidence.size == 0
    assert pd.Series(aalen_johansen([], [], []).variance).empty


def intervals(seed, causes=1, count=60):
    """Events seen at random looks, some not by the end."""
    rng = np.random.default_rng(seed)
    times, step, first = rng.exponential(10, count), rng.uniform(1, 6, count), rng.uniform(0, 3, count)
    looks = np.floor((times - first) / step)
    low = np.where(times < first, 0, first + looks * step)
    high = np.where(times < first, first, first + (looks + 1) * step)
    late = times > 20
    low, high = np.where(late, rng.uniform(10, 20, count), low), np.where(late, np.inf, high)
    return low, high, rng.integers(0, causes, count)


@pytest.mark.filterwarnings("ignore")  # lifelines warns of its own search
@pytest.mark.parametrize("seed", range(3))
def test_turnbull_of_one_cause_equals_lifelines_to_a_millionth(seed):
    low, high, _ = intervals(seed)
    found = turnbull(low, high, np.zeros(60), np.ones(60))
    fitter = KaplanMeierFitter().fit_interval_censoring(low, high, tol=1e-10)
    theirs = fitter.survival_function_["NPMLE_estimate_lower"]
    expected = [theirs[theirs.index <= end].iloc[-1] for end in found.high]
    np.testing.assert_allclose(1 - np.cumsum(found.mass), expected, atol=1e-6, rtol=0)


def test_turnbull_of_exact_looks_is_the_plain_share_of_each_cause():
    found = turnbull([0, 0, 5, 5, 9], [5, 5, 9, 9, np.inf], [0, 1, 0, 0, 0], [1, 1, 1, 2, 5])
    assert found.cause.tolist() == [0, 0, 1]
    assert found.high.tolist() == [5, 9, 5]
    assert found.mass.tolist() == pytest.approx([0.1, 0.3, 0.1])


def test_turnbull_of_overlapping_intervals_follows_the_hand_calculation():
    """With a in (1, 2] and b in (2, 3], a (a + b) (b + rest) is greatest where a = b and nothing is left."""
    found = turnbull([0, 1, 2], [2, 3, np.inf], [0, 0, 0], [1, 1, 1])
    assert found.low.tolist() == [1, 2]
    assert found.high.tolist() == [2, 3]
    assert found.mass.tolist() == pytest.approx([0.5, 0.5], abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_turnbull_of_two_causes_cannot_be_improved(seed):
    """At the greatest likelihood no small shift of mass between two places raises it."""
    low, high, cause = intervals(seed, causes=2)
    found = turnbull(low, high, cause, np.ones(60))
    mass = np.append(found.mass, 1 - found.mass.sum())
    inside = (found.low >= low[:, None]) & (found.high <= high[:, None])
    inside &= np.isinf(high)[:, None] | (found.cause == cause[:, None])
    inside = np.column_stack([inside, np.isinf(high)])

    def likelihood(masses):
        return np.log(inside @ masses).sum()

    best = likelihood(mass)
    for source in np.flatnonzero(mass > 1e-3):
        for target in set(range(len(mass))) - {source}:
            shifted = mass.copy()
            shifted[np.array([source, target])] += [-1e-4, 1e-4]
            assert likelihood(shifted) <= best + 1e-5
    assert {0, 1} <= set(found.cause)
    assert 0 <= found.gap <= 1e-8


@pytest.mark.parametrize("low", [[], [3.0, 4.0]])
def test_turnbull_without_an_event_has_no_mass(low):
    found = turnbull(low, np.full(len(low), np.inf), np.zeros(len(low)), np.ones(len(low)))
    assert found.mass.size == found.cause.size == found.high.size == 0
