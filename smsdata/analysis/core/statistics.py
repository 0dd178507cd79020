"""Intervals, control limits and curves, from counts.

Owns the formulas; numpy only. Imports of smsdata only errors.

Every function takes arrays and gives arrays; where there is nothing to count the answer is NaN, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from smsdata.errors import UsageError

_MOST_STEPS, _NEAR = 20_000, 1e-8
_FAR = 700.0

Floats: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = npt.ArrayLike | Any


def wilson(
    successes: Numbers,
    trials: Numbers,
    *,
    level: float = 0.95,
    effect: Numbers = 1.0,
    freedom: Numbers = np.inf,
) -> tuple[Floats, Floats]:
    """Give the Wilson score interval of a rate.

    Parameters
    ----------
    successes, trials : array of int
        Counts, of one shape.
    level : float
        Confidence, between 0 and 1.
    effect : array of float
        Design effects: so many trials tell as much as one independent trial.
    freedom : array of float
        Degrees of freedom of those; infinite where the trials are independent.

    Returns
    -------
    low, high : array of float64
        Between 0 and 1; NaN where there were no trials.

    References
    ----------
    Wilson 1927; recommended for small counts and rates near 0 or 1 by Brown, Cai & DasGupta 2001,
    "Interval Estimation for a Binomial Proportion", Statistical Science 16(2). With the effective sample
    size, trials / effect, and Student's t: see `effect_of_design`.

    Examples
    --------
    >>> low, high = wilson([9, 0], [10, 0])
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.5958, nan], [0.9821, nan])
    """
    z = _student(level, freedom)
    n = _as_trials(trials) / np.asarray(effect, dtype="float64")
    p = rate(successes, trials)
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = np.where(p == 0, 0.0, np.maximum(centre - half, 0.0))  # exactly, which rounding would miss
    high = np.where(p == 1, 1.0, np.minimum(centre + half, 1.0))
    return low, high


def rate(successes: Numbers, trials: Numbers) -> Floats:
    """Divide counts; NaN where there were no trials.

    >>> rate([9, 0], [10, 0]).tolist()
    [0.9, nan]
    """
    return np.asarray(successes, dtype="float64") / _as_trials(trials)


@dataclass(frozen=True)
class Clusters:
    """How the trials of groups lie in clusters, such as phone numbers.

    Attributes
    ----------
    m : array of float
        Clusters with a trial.
    most : array of float
        Trials of the largest.
    nn, yn, yy : array of float
        Sums over the clusters of trials squared, trials times successes, successes squared.
    """

    m: Floats
    most: Floats
    nn: Floats
    yn: Floats
    yy: Floats

    @classmethod
    def of_one_each(cls, successes: Numbers, trials: Numbers) -> Clusters:
        """Every trial a cluster of its own.

        >>> Clusters.of_one_each([1], [4]).m.tolist()
        [4.0]
        """
        y, n = (np.nan_to_num(np.asarray(counts, dtype="float64")) for counts in (successes, trials))
        return cls(n, np.minimum(n, 1.0), n, y, y)


def effect_of_design(
    successes: Numbers, trials: Numbers, clusters: Mapping[str, Clusters]
) -> tuple[Floats, Floats]:
    """Give the design effect of rates whose trials share numbers and days, and its degrees of freedom.

    The design effect is the variance of the rate, as the clusters show it, over the variance that independent
    trials would have. It is exactly 1 where no cluster has two trials, and never less.

    Parameters
    ----------
    successes, trials : array of int
        Per group.
    clusters : mapping of str to Clusters
        By "number", by "day" and, with these two, by "both". By day alone nothing is taken from one day.

    Returns
    -------
    effect, freedom : array of float64
        Freedom is infinite where every cluster has one trial. Where the rate is 0 or 1 the trials show
        nothing of what numbers share, and those of one number are counted as one piece of evidence.

    References
    ----------
    Kish 1965, "Survey Sampling" (design effect, effective sample size); variance of a ratio by
    linearisation: Cochran 1977, "Sampling Techniques", 3rd edition; rates with n / effect: Rao & Scott 1992,
    "A Simple Method for the Analysis of Clustered Binary Data", Biometrics 48(2); two ways at once: Cameron,
    Gelbach & Miller 2011, "Robust Inference With Multiway Clustering", Journal of Business & Economic
    Statistics 29(2).
    Counting a rate of 0 or 1 by whole numbers is our own choice, the cautious end of Kish's formula.

    Examples
    --------
    >>> four_each = Clusters(*(np.array([x]) for x in (5.0, 4.0, 80.0, 64.0, 64.0)))
    >>> effect, freedom = effect_of_design([16], [20], {"number": four_each})
    >>> effect.round(2).tolist(), freedom.tolist()
    ([4.75], [4.0])
    """
    n = _as_trials(trials)
    p = rate(successes, trials)
    effect, freedom = np.ones(n.shape), np.full(n.shape, np.inf)
    sole = [kind for kind in clusters if kind != "both"]
    if not sole:
        return effect, freedom
    alone = p * (1 - p) / np.maximum(n - 1, 1)
    variances = {kind: _linearised(p, n, found) for kind, found in clusters.items()}
    total = sum((variances[kind] for kind in sole), np.zeros(n.shape)) - variances.get("both", 0.0)
    variance = np.maximum(total, np.max([variances[kind] for kind in sole], axis=0))
    effect = np.divide(variance, alone, out=np.ones(n.shape), where=alone > 0)
    numbers = clusters.get("number")
    if numbers is not None:
        shown = (alone > 0) & ((numbers.m > 1) | (numbers.most <= 1))
        effect = np.where(shown, effect, numbers.nn / n)
    for kind in sole:
        m, repeats = clusters[kind].m, clusters[kind].most > 1
        rests = repeats & (((m > 1) & (alone > 0)) | (kind == "number"))
        freedom = np.where(rests, np.minimum(freedom, np.maximum(m - 1, 1)), freedom)
    return np.clip(np.nan_to_num(effect, nan=1.0), 1.0, np.maximum(np.nan_to_num(n, nan=1.0), 1.0)), freedom


def _linearised(p: Floats, n: Floats, found: Clusters) -> Floats:
    """Give the variance of a ratio from the deviations of clusters; 0 where there is one of them."""
    m = found.m
    squares = np.maximum(found.yy - 2 * p * found.yn + p * p * found.nn, 0.0)
    variance: Floats = np.where(m > 1, m / np.maximum(m - 1, 1) * squares / n**2, 0.0)
    return variance


def newcombe(
    first: tuple[Numbers, Numbers],
    second: tuple[Numbers, Numbers],
    *,
    level: float = 0.95,
    effects: tuple[Numbers, Numbers] = (1.0, 1.0),
    freedoms: tuple[Numbers, Numbers] = (np.inf, np.inf),
    correlation: Numbers = 0.0,
) -> tuple[Floats, Floats, Floats]:
    """Give the difference of two rates, first minus second, with its hybrid score interval.

    Parameters
    ----------
    first, second : (successes, trials)
        Counts, arrays of one shape.
    level : float
        Confidence, between 0 and 1.
    effects, freedoms : pair of array of float
        As for `wilson`, of each side.
    correlation : array of float
        Of the two rates, -1 to 1: what they have in common does not part them.

    Returns
    -------
    difference, low, high : array of float64
        Between -1 and 1; NaN where either side had no trials.

    References
    ----------
    Newcombe 1998, "Interval estimation for the difference between independent proportions: comparison of
    eleven methods", Statistics in Medicine 17, method 10; with correlation as in "Improved confidence
    intervals for the difference between binomial proportions based on paired data", the same volume.

    Examples
    --------
    >>> difference, low, high = newcombe((56, 70), (48, 80))
    >>> float(difference.round(4)), float(low.round(4)), float(high.round(4))
    (0.2, 0.0524, 0.3339)
    """
    p1, p2 = rate(*first), rate(*second)
    (low1, high1), (low2, high2) = (
        wilson(*side, level=level, effect=effect, freedom=freedom)
        for side, effect, freedom in zip((first, second), effects, freedoms, strict=True)
    )
    difference = p1 - p2
    low = difference - _third_side(p1 - low1, high2 - p2, correlation)
    high = difference + _third_side(high1 - p1, p2 - low2, correlation)
    return difference, low, high


def _third_side(one: Floats, other: Floats, correlation: Numbers) -> Floats:
    shared = 2 * np.asarray(correlation) * one * other
    side: Floats = np.sqrt(np.maximum(one**2 + other**2 - shared, 0.0))
    return side


@dataclass(frozen=True)
class Chart:
    """A control chart: its centre, the limits of each point, and how overdispersed the points are."""

    centre: float
    low: Floats
    high: Floats
    sigma_z: float


def laney(
    successes: Numbers,
    trials: Numbers,
    *,
    used: Numbers | None = None,
    steady: Numbers | None = None,
    width: float = 3.0,
    effect: Numbers = 1.0,
) -> Chart:
    """Give the Laney p' chart of rates in the order of time.

    Limits of an ordinary p chart are far too narrow when thousands are counted, because rates vary by more
    than chance from day to day; here the variation between neighbours (sigma Z) widens them.

    Parameters
    ----------
    successes, trials : array of int
        Counts per period.
    used : array of bool, optional
        The periods that the centre is taken from; default: all that have trials.
    steady : array of bool, optional
        Those of them that sigma Z is taken from; default: all of them. With fewer than two it is 1, which
        gives the limits of a plain p chart.
    width : float
        Distance of the limits in sigmas.
    effect : array of float
        Design effects of the periods, see `effect_of_design`.

    Returns
    -------
    Chart
        Limits within 0 and 1; NaN where a period had no trials, or fewer than two periods are used.

    References
    ----------
    Laney 2002, "Improved Control Charts for Attributes", Quality Engineering 14(4); Minitab, methods and
    formulas for the Laney P' chart (moving range of two, 1.128).

    Examples
    --------
    >>> chart = laney([90, 95, 92, 60], [100, 100, 100, 100], used=[True, True, True, False])
    >>> round(chart.centre, 4), chart.low.round(3).tolist()
    (0.9233, [0.817, 0.817, 0.817, 0.817])
    """
    k, n = np.asarray(successes, dtype="float64"), _as_trials(trials)
    usable = ~np.isnan(n) & (True if used is None else np.asarray(used, dtype=bool))
    if usable.sum() < 2:
        blank = np.full(n.shape, np.nan)
        return Chart(float(rate(k[usable].sum(), n[usable].sum())), blank, blank, float("nan"))
    centre = float(k[usable].sum() / n[usable].sum())
    sigma = np.sqrt(centre * (1 - centre) / n * np.asarray(effect, dtype="float64"))
    z = np.divide(k / n - centre, sigma, out=np.zeros_like(n), where=sigma > 0)
    chosen = usable & (True if steady is None else np.asarray(steady, dtype=bool))
    sigma_z = float(np.abs(np.diff(z[chosen])).mean() / 1.128) if chosen.sum() > 1 else 1.0
    reach = width * sigma * sigma_z
    return Chart(centre, np.maximum(centre - reach, 0.0), np.minimum(centre + reach, 1.0), sigma_z)


@dataclass(frozen=True)
class Incidence:
    """A cumulative incidence curve at its distinct times."""

    at_risk: Floats
    incidence: Floats
    variance: Floats


def aalen_johansen(wanted: Numbers, competing: Numbers, censored: Numbers) -> Incidence:
    """Give the Aalen-Johansen cumulative incidence of one event among competing ones.

    Counting the competing events as censored (Kaplan-Meier) would overstate how many are reached in the end.

    Parameters
    ----------
    wanted, competing, censored : array of int
        How many had the event, a competing event, or were last seen without one, at each distinct time, in
        ascending order of time. At a tie events come before censoring.

    Returns
    -------
    Incidence
        At each time: how many were at risk just before, the probability of the event up to then, its
        variance.

    References
    ----------
    Aalen & Johansen 1978; the variance after Collett, "Modelling Survival Data in Medical Research", 3rd ed.,
    p. 411 (Greenwood type), as in lifelines.

    Examples
    --------
    >>> curve = aalen_johansen([1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 2])
    >>> curve.incidence.round(3).tolist()
    [0.2, 0.2, 0.4, 0.4]
    """
    d1, d2 = np.asarray(wanted, dtype="float64"), np.asarray(competing, dtype="float64")
    left = d1 + d2 + np.asarray(censored, dtype="float64")
    n = left.sum() - np.concatenate([[0.0], np.cumsum(left)[:-1]]) if left.size else left
    events = d1 + d2
    surviving = np.cumprod(1 - events / n)
    before = np.concatenate([[1.0], surviving[:-1]]) if left.size else surviving
    incidence = np.cumsum(before * d1 / n)
    return Incidence(n, incidence, _variance(n, d1, events, before, incidence))


@dataclass(frozen=True)
class Masses:
    """The probability that lies in each innermost interval of each cause; where within it is not known.

    No shift of mass could raise the log-likelihood by more than `gap` per event.
    """

    cause: npt.NDArray[np.int64]
    low: Floats
    high: Floats
    mass: Floats
    gap: float


def turnbull(low: Numbers, high: Numbers, cause: Numbers, weight: Numbers) -> Masses:
    """Estimate cumulative incidences of competing causes from intervals in which the events lie.

    Parameters
    ----------
    low, high : array of float
        Each event lies after ``low`` and at or before ``high``, which is infinite where nothing had happened
        by ``low``.
    cause : array of int
        0, 1, ...: what happened; any number where ``high`` is infinite.
    weight : array of float
        How many there are of each.

    Returns
    -------
    Masses
        In the order of cause and time. What is missing to 1 had not happened when last looked.

    References
    ----------
    Turnbull 1976 (self-consistency); for competing causes Hudgens, Satten & Longini 2001, "Nonparametric
    Maximum Likelihood Estimation for Competing Risks Survival Data Subject to Interval Censoring and
    Truncation", Biometrics 57. The search ends where no shift of mass can raise the log-likelihood by
    more than 1e-8 per event, or after 20,000 steps; ``gap`` tells how near it came.

    Examples
    --------
    >>> masses = turnbull([0, 0, 5, 9], [5, 9, 9, np.inf], [0, 0, 1, 0], [1, 1, 1, 1])
    >>> masses.cause.tolist(), masses.high.tolist(), masses.mass.round(3).tolist()
    ([0, 1], [5.0, 9.0], [0.5, 0.25])
    """
    lows, highs, causes, weights = (np.asarray(x, dtype="float64") for x in (low, high, cause, weight))
    open_ = np.isinf(highs)
    parts = [
        _innermost(lows[open_ | (causes == k)], highs[~open_ & (causes == k)])
        for k in range(int(causes[~open_].max(initial=-1)) + 1)
    ]
    starts = np.cumsum([0, *(len(part) for part in parts)])
    ranges = [
        _covered(part, start, lows, highs, np.flatnonzero(open_ | (causes == k)))
        for k, (part, start) in enumerate(zip(parts, starts, strict=False))
    ]
    never = np.flatnonzero(open_)
    tail = np.column_stack([never, np.full((len(never), 2), [starts[-1], starts[-1] + 1])])
    mass, gap = _self_consistent(
        np.concatenate([*ranges, tail]).astype("int64"), weights, int(starts[-1]) + 1
    )
    ends = np.concatenate([*parts, np.empty((0, 2))])
    which = np.repeat(np.arange(len(parts)), np.diff(starts))
    return Masses(which, ends[:, 0], ends[:, 1], mass[:-1], gap)


def _innermost(lows: Floats, highs: Floats) -> Floats:
    """Give the intervals from a low to a high with neither between: elsewhere mass is wasted."""
    highs = np.unique(highs)
    pairs = [(lows[lows < end].max(), end) for end in highs]
    keep = [(low, end) for n, (low, end) in enumerate(pairs) if not n or highs[n - 1] <= low]
    return np.array(keep, dtype="float64").reshape(-1, 2)


def _covered(part: Floats, start: int, lows: Floats, highs: Floats, rows: Any) -> Any:
    """Give for each row the range of innermost intervals within its own: row, first, one after the last."""
    first = np.searchsorted(part[:, 0], lows[rows], side="left")
    after = np.searchsorted(part[:, 1], highs[rows], side="right")
    return np.column_stack([rows, first + start, np.maximum(after, first) + start])


def _self_consistent(ranges: Any, weights: Floats, count: int) -> tuple[Floats, float]:
    """Share every row out over its ranges in proportion to the masses there, until nothing moves."""
    mass = np.full(count, 1.0 / count)
    rows, first, after = ranges.T
    gap = 0.0
    for _ in range(_MOST_STEPS):
        below = np.concatenate([[0.0], np.cumsum(mass)])
        within = np.bincount(rows, below[after] - below[first], minlength=len(weights))
        pull = weights[rows] / np.maximum(within[rows], 1e-300)
        steps = np.bincount(first, pull, count + 1) - np.bincount(after, pull, count + 1)
        gain = np.cumsum(steps)[:-1] / max(weights.sum(), 1e-300)
        gap = float(gain.max()) - 1
        if gap <= _NEAR:
            break
        mass = mass * gain
    return mass, max(gap, 0.0)


def log_log(
    incidence: Floats, variance: Floats, *, level: float = 0.95, freedom: Numbers = np.inf
) -> tuple[Floats, Floats]:
    """Give the interval of an incidence on the log(-log) scale, which keeps it within 0 and 1.

    With few clusters of Student's t, by the degrees of ``freedom``.

    >>> low, high = log_log(np.array([0.5]), np.array([0.01]))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.295], [0.675])
    """
    z = _student(level, freedom)
    inside = np.where((incidence > 0) & (incidence < 1), incidence, np.nan)
    error = np.sqrt(variance) / (inside * np.abs(np.log(inside)))
    base = np.log(-np.log(inside))
    # So far out both ends are 0 and 1 to the last digit; further, exp would overflow.
    below, above = (np.clip(end, -_FAR, _FAR) for end in (base + z * error, base - z * error))
    return np.exp(-np.exp(below)), np.exp(-np.exp(above))


def _variance(n: Floats, d1: Floats, events: Floats, before: Floats, incidence: Floats) -> Floats:
    """Sum over earlier times what each adds to the variance now, in one pass by expanding the squares."""
    hazard = np.divide(events, n * (n - events), out=np.zeros_like(n), where=n > events)
    cross = before * d1 / n**2
    f = incidence
    first = f * f * np.cumsum(hazard) - 2 * f * np.cumsum(f * hazard) + np.cumsum(f * f * hazard)
    second = np.cumsum(before**2 * d1 * (n - d1) / n**3)
    third = f * np.cumsum(cross) - np.cumsum(f * cross)
    variance: Floats = np.maximum(first + second - 2 * third, 0.0)
    return variance


def _as_trials(trials: Numbers) -> Floats:
    counts = np.asarray(trials, dtype="float64")
    seen: Floats = np.where(counts > 0, counts, np.nan)
    return seen


def _student(level: float, freedom: Numbers) -> Floats:
    """Give the two-sided quantile of Student's t; the normal one at infinite degrees of freedom.

    Hill 1970, "Algorithm 396: Student's t-quantiles", Communications of the ACM 13(10).
    """
    _quantile(level)
    degrees = np.asarray(freedom, dtype="float64")
    distinct, where = np.unique(degrees, return_inverse=True)
    values = np.array([_student_at(1 - level, float(n)) for n in distinct])
    return values[where].reshape(degrees.shape)


def _student_at(tails: float, n: float) -> float:
    normal = NormalDist().inv_cdf(tails / 2)
    if np.isinf(n):
        return -normal
    if n < 2:
        return 1 / math.tan(tails * math.pi / 2)
    if n < 3:
        return math.sqrt(2 / (tails * (2 - tails)) - 2)
    a = 1 / (n - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * n
    y = (d * tails) ** (2 / n)
    if y > 0.05 + a:
        x, y = normal, normal**2
        c += 0.3 * (n - 4.5) * (x + 0.6) if n < 5 else 0.0
        c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y**2)
    else:
        y = ((1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)) * y - 1) * (
            n + 1
        ) / (n + 2) + 1 / y
    return math.sqrt(n * y)


def _quantile(level: float) -> float:
    if not 0 < level < 1:
        raise UsageError(f"level={level!r} is no confidence; give a share between 0 and 1, like 0.95.")
    return NormalDist().inv_cdf((1 + level) / 2)
