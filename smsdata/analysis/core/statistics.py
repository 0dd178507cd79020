"""Intervals, control limits and curves, from counts.

Owns the formulas; numpy only. Imports of smsdata only errors.

Every function takes arrays and gives arrays; where there is nothing to count the answer is NaN, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from smsdata.errors import UsageError

_MOST_STEPS, _NEAR = 20_000, 1e-8

Floats: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = npt.ArrayLike | Any


def wilson(successes: Numbers, trials: Numbers, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Give the Wilson score interval of a rate.

    Parameters
    ----------
    successes, trials : array of int
        Counts, of one shape.
    level : float
        Confidence, between 0 and 1.

    Returns
    -------
    low, high : array of float64
        Between 0 and 1; NaN where there were no trials.

    References
    ----------
    Wilson 1927; recommended for small counts and rates near 0 or 1 by Brown, Cai & DasGupta 2001,
    "Interval Estimation for a Binomial Proportion", Statistical Science 16(2).

    Examples
    --------
    >>> low, high = wilson([9, 0], [10, 0])
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.5958, nan], [0.9821, nan])
    """
    z = _quantile(level)
    n = _as_trials(trials)
    p = rate(successes, trials)
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def rate(successes: Numbers, trials: Numbers) -> Floats:
    """Divide counts; NaN where there were no trials.

    >>> rate([9, 0], [10, 0]).tolist()
    [0.9, nan]
    """
    return np.asarray(successes, dtype="float64") / _as_trials(trials)


def newcombe(
    first: tuple[Numbers, Numbers], second: tuple[Numbers, Numbers], *, level: float = 0.95
) -> tuple[Floats, Floats, Floats]:
    """Give the difference of two independent rates, first minus second, with its hybrid score interval.

    Parameters
    ----------
    first, second : (successes, trials)
        Counts, arrays of one shape.
    level : float
        Confidence, between 0 and 1.

    Returns
    -------
    difference, low, high : array of float64
        Between -1 and 1; NaN where either side had no trials.

    References
    ----------
    Newcombe 1998, "Interval estimation for the difference between independent proportions: comparison of
    eleven methods", Statistics in Medicine 17, method 10.

    Examples
    --------
    >>> difference, low, high = newcombe((56, 70), (48, 80))
    >>> float(difference.round(4)), float(low.round(4)), float(high.round(4))
    (0.2, 0.0524, 0.3339)
    """
    p1, p2 = rate(*first), rate(*second)
    (low1, high1), (low2, high2) = wilson(*first, level=level), wilson(*second, level=level)
    difference = p1 - p2
    low = difference - np.hypot(p1 - low1, high2 - p2)
    high = difference + np.hypot(high1 - p1, p2 - low2)
    return difference, low, high


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
    sigma = np.sqrt(centre * (1 - centre) / n)
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


def log_log(incidence: Floats, variance: Floats, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Give the interval of an incidence on the log(-log) scale, which keeps it within 0 and 1.

    >>> low, high = log_log(np.array([0.5]), np.array([0.01]))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.295], [0.675])
    """
    z = _quantile(level)
    inside = np.where((incidence > 0) & (incidence < 1), incidence, np.nan)
    error = np.sqrt(variance) / (inside * np.abs(np.log(inside)))
    base = np.log(-np.log(inside))
    return np.exp(-np.exp(base + z * error)), np.exp(-np.exp(base - z * error))


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


def _quantile(level: float) -> float:
    if not 0 < level < 1:
        raise UsageError(f"level={level!r} is no confidence; give a share between 0 and 1, like 0.95.")
    return NormalDist().inv_cdf((1 + level) / 2)
