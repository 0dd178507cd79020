"""Differences of two rates whose messages share numbers and days, crude or within strata.

Owns the linearisation over clusters that span both groups, and the weights of strata. Imports of smsdata
only errors and, within core, the dialect, the engine, clusters and statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from smsdata.analysis.core.clusters import Grouped, interval_words
from smsdata.analysis.core.dialect import quoted
from smsdata.analysis.core.engine import Tables
from smsdata.analysis.core.statistics import Clusters, Floats, effect_of_design, newcombe, rate
from smsdata.errors import UsageError


@dataclass(frozen=True)
class _Pairs:
    """Pairs of a group and the baseline: of each stratum that both have, its weight and both rates."""

    rows: pd.DataFrame
    keys: list[str]

    def summed(self, column: Any, count: int) -> Floats:
        """Add up a column over the strata of each pair."""
        total = np.bincount(self.rows["pair"], np.asarray(column, dtype="float64"), count)
        return np.asarray(total, dtype="float64")


def rate_differences(
    tables: Tables, groups: Grouped, *, places: Any, base: int, strata: Grouped | None, level: float
) -> dict[str, Any]:
    """Give the differences between the rates of groups and that of a baseline.

    Parameters
    ----------
    tables : Tables
        The tables of the running helper.
    groups : Grouped
        One key, all groups.
    places : array of int
        Where among the groups those stand that are compared; ``base``: where the baseline does.
    strata : Grouped or None
        The same trials by the same key and a second one.
    level : float
        Confidence, between 0 and 1.

    Returns
    -------
    dict
        difference, low, high, numbers, design_effect, interval, crude and strata, an array each.

    References
    ----------
    Newcombe 1998 (square and add, with correlation); variance by linearisation over clusters that span both
    groups, number and day together by Cameron, Gelbach & Miller 2011; weights of Mantel & Haenszel 1959,
    "Statistical Aspects of the Analysis of Data From Retrospective Studies of Disease", with fixed weights as
    in Greenland & Robins 1985, "Estimation of a Common Effect Parameter from Sparse Follow-Up Data".
    """
    count = len(places)
    against = np.full(count, base)
    hits, trials = (groups.raw[column].to_numpy("float64") for column in ("hits", "trials"))
    effect, freedom = effect_of_design(hits, trials, groups.clusters)
    pairs = _paired(strata or groups, groups, np.asarray(places), base)
    first, second = (
        _standardised(pairs, side, trials[at], effect[at]) for side, at in ((1, places), (2, against))
    )
    shared = _shared(tables, strata or groups, pairs, count)
    variance = [side.effect * side.alone for side in (first, second)]
    correlation = _correlation(shared, variance, first, second)
    sizes = [(side.p * side.n, side.n) for side in (first, second)]
    difference, low, high = newcombe(
        *sizes,
        level=level,
        effects=(first.effect, second.effect),
        freedoms=(freedom[places], freedom[against]),
        correlation=correlation,
    )
    joint = {kind: _joint(found, places, against) for kind, found in groups.clusters.items()}
    total = variance[0] + variance[1] - 2 * correlation * np.sqrt(variance[0] * variance[1])
    crude = rate(hits, trials)
    flat = (first.alone == 0) & (second.alone == 0)
    return {
        "difference": difference,
        "low": low,
        "high": high,
        "numbers": pd.array(shared.get("number", {}).get("m", np.full(count, np.nan)), dtype="Int64"),
        "design_effect": np.where(joint != {}, rate(total, first.alone + second.alone), np.nan),
        "interval": interval_words("Newcombe", np.where(np.isnan(difference), 0, first.n), joint, flat=flat),
        "crude": crude[places] - crude[against],
        "strata": pairs.summed(np.ones(len(pairs.rows)), count),
    }


BASELINE_COLUMNS = {
    "baseline_rate": "float64",
    "difference": "float64",
    "difference_low": "float64",
    "difference_high": "float64",
    "differs": "boolean",
}
"""What a result has beside its rates where it was asked for a baseline."""


def beside_baseline(
    tables: Tables, rates: pd.DataFrame, groups: Grouped, baseline: Any, *, level: float
) -> pd.DataFrame:
    """Add the columns of `BASELINE_COLUMNS` to a result: each group's rate less that of the baseline.

    Parameters
    ----------
    tables : Tables
        The tables of the running helper.
    rates : DataFrame
        The result, a row per group, with ``rate`` and ``mature``.
    groups : Grouped
        The same groups by one key, in the same order.
    baseline : value of the grouping
        The group that the others are compared with; its own row has no difference.
    level : float
        Confidence, between 0 and 1.

    Raises
    ------
    UsageError
        If there is not one key, the baseline is no group, or some groups are mature and others not.
    """
    if len(groups.keys.names) != 1:
        raise UsageError(f"{tables.helper}: baseline={baseline!r} needs one grouping, such as by='month'.")
    name = groups.keys.names[0]
    is_base = (rates[name] == baseline).fillna(value=False).to_numpy(bool)
    if not is_base.any():
        raise UsageError(f"{tables.helper}: baseline={baseline!r} is no group of {name!r}.")
    refuse_unequal_maturity(tables.helper, rates["mature"])
    base, places = int(is_base.argmax()), np.flatnonzero(~is_base)
    found = rate_differences(tables, groups, places=places, base=base, strata=None, level=level)
    difference, low, high = (np.full(len(rates), np.nan) for _ in range(3))
    difference[places], low[places], high[places] = (found[one] for one in ("difference", "low", "high"))
    differs = pd.Series((low > 0) | (high < 0), dtype="boolean").mask(np.isnan(difference))
    own = np.full(len(rates), rates["rate"].iloc[base])
    values = (own, difference, low, high, differs.array)
    return rates.assign(**dict(zip(BASELINE_COLUMNS, values, strict=True))).astype(BASELINE_COLUMNS)


def refuse_unequal_maturity(helper: str, mature: pd.Series[Any]) -> None:
    """Raise UsageError where some groups are mature and others not: quick outcomes come first."""
    if mature.dropna().nunique() > 1:
        raise UsageError(
            f"{helper}: some groups hold messages younger than 73 hours and others do not; "
            "compare like with like: mature_only=True."
        )


@dataclass(frozen=True)
class _Side:
    """One side of each pair, standardised to the weights of the strata."""

    p: Floats
    n: Floats
    effect: Floats
    alone: Floats


def _paired(cells: Grouped, groups: Grouped, places: Any, base: int) -> _Pairs:
    """Lay each group beside the baseline, stratum by stratum, with its weight."""
    name, *within = cells.keys.names
    every = pd.concat([groups.raw[name], cells.raw[name]], ignore_index=True)
    place = pd.factorize(every, use_na_sentinel=False)[0][len(groups.raw) :]
    pair_of = pd.Series(np.arange(len(places)), index=places)
    rows = cells.raw.assign(place=place, one=0)
    rows = rows[rows["trials"] > 0]
    sides = [rows[rows["place"] != base], rows[rows["place"] == base]]
    both = sides[0].merge(sides[1], on=["one", *within], suffixes=("_1", "_2"))
    n1, n2 = both["trials_1"].astype("float64"), both["trials_2"].astype("float64")
    both = both.assign(pair=pair_of.reindex(both["place_1"]).to_numpy(), weight=n1 * n2 / (n1 + n2))
    return _Pairs(
        both.assign(weight=both["weight"] / both.groupby("pair")["weight"].transform("sum")),
        [name, *within],
    )


def _standardised(pairs: _Pairs, side: int, trials: Floats, effect: Floats) -> _Side:
    """Give the average of one side's rates over the strata, and what averaging does to its variance."""
    n, weight = pairs.rows[f"trials_{side}"].astype("float64"), pairs.rows["weight"]
    p = pairs.rows[f"hits_{side}"].astype("float64") / n
    mean = pairs.summed(weight * p, len(trials))
    none = pairs.summed(weight, len(trials)) == 0
    spread = pairs.summed(weight**2 * p * (1 - p) / np.maximum(n - 1, 1), len(trials))
    size = np.where(none, np.nan, trials)
    whole = mean * (1 - mean) / np.maximum(size - 1, 1)
    flat = pairs.summed(weight**2 / n, len(trials)) * size
    # Rates of 0 and 1 tell nothing of their variance: then the weights alone say what averaging costs.
    averaging = np.divide(spread, whole, out=flat, where=(whole > 0) & (spread > 0))
    return _Side(np.where(none, np.nan, mean), size, effect * averaging, np.where(spread > 0, whole, 0.0))


def _shared(tables: Tables, cells: Grouped, pairs: _Pairs, count: int) -> dict[str, dict[str, Floats]]:
    """Give for each kind of cluster how many a pair has, and sums of squares and products of its sides."""
    if not cells.trials.clusters or pairs.rows.empty:
        return {}
    tables.add("pairs", _coefficients(pairs))
    columns = {kind: quoted(f"cluster_{kind}") for kind in cells.trials.clusters}
    same = " AND ".join(f"c.{quoted(key)} IS NOT DISTINCT FROM p.{quoted(key)}" for key in pairs.keys)
    kinds = dict(columns)
    every = ", ".join(columns.values())
    kinds |= {"both": every} if len(columns) > 1 else {}
    parts = [
        f"""
        SELECT "pair", '{kind}' AS "cluster", count(*) AS "m", sum("u1" * "u1") AS "v1",
            sum("u2" * "u2") AS "v2", sum("u1" * "u2") AS "c"
        FROM {_moved_by(within, every)} AS k
        GROUP BY "pair"
        """
        for kind, within in kinds.items()
    ]
    sums = tables.query(f"""
        WITH moved AS (
            SELECT p."pair" AS "pair", {every}, sum(p."a1" * c."hits" + p."b1" * c."trials") AS "u1",
                sum(p."a2" * c."hits" + p."b2" * c."trials") AS "u2"
            FROM {cells.trials.cells} AS c JOIN @pairs AS p ON {same} WHERE c."trials" > 0
            GROUP BY p."pair", {every}
        )
        {" UNION ALL ".join(parts)}
    """)
    shared = {}
    for kind in kinds:
        rows = sums[sums["cluster"] == kind].set_index("pair").reindex(range(count))
        found = {name: rows[name].to_numpy("float64", na_value=np.nan) for name in ("m", "v1", "v2", "c")}
        factor = np.where(found["m"] > 1, found["m"] / np.maximum(found["m"] - 1, 1), 0.0)
        shared[kind] = {"m": found["m"], **{name: found[name] * factor for name in ("v1", "v2", "c")}}
    return shared


def _moved_by(within: str, every: str) -> str:
    """Write the SQL of deviations by one kind of cluster; those by all kinds together are there already."""
    if within == every:
        return "moved"
    return f"""(
            SELECT "pair", sum("u1") AS "u1", sum("u2") AS "u2" FROM moved GROUP BY "pair", {within}
        )"""


def _coefficients(pairs: _Pairs) -> pd.DataFrame:
    """Say what a hit and a trial of each group and stratum add to the deviation of each side of a pair."""
    parts = []
    for side in (1, 2):
        n = pairs.rows[f"trials_{side}"].astype("float64")
        p = pairs.rows[f"hits_{side}"].astype("float64") / n
        share = pairs.rows["weight"] / n
        name, *within = pairs.keys
        keys = {name: pairs.rows[f"{name}_{side}"], **{key: pairs.rows[key] for key in within}}
        part = pd.DataFrame({**keys, "pair": pairs.rows["pair"]}).assign(a1=0.0, b1=0.0, a2=0.0, b2=0.0)
        parts.append(part.assign(**{f"a{side}": share, f"b{side}": -share * p}))
    return pd.concat(parts, ignore_index=True)


def _correlation(
    shared: dict[str, dict[str, Floats]], variance: list[Floats], first: _Side, second: _Side
) -> Floats:
    """Give the correlation that the variance of the difference shows; 0 if the sides share nothing."""
    none = np.zeros(len(first.p))
    sole = [kind for kind in shared if kind != "both"]
    if not sole:
        return none
    parted = {kind: found["v1"] + found["v2"] - 2 * found["c"] for kind, found in shared.items()}
    total = sum((parted[kind] for kind in sole), none) - parted.get("both", 0.0)
    apart = np.maximum(total, np.max([parted[kind] for kind in sole], axis=0))
    alike = np.any([found["c"] != 0 for found in shared.values()], axis=0)
    usable = alike & (first.alone > 0) & (second.alone > 0)
    product = np.sqrt(variance[0] * variance[1])
    found = np.divide(variance[0] + variance[1] - apart, 2 * product, out=none, where=usable & (product > 0))
    # That all numbers fared alike is no proof that the next will: as Newcombe corrects pairs for continuity.
    spread = first.p * (1 - first.p) * second.p * (1 - second.p)
    pairs = np.max([one["m"] for one in shared.values()], axis=0)
    least = np.divide(0.5, pairs * np.sqrt(spread), out=np.zeros(len(spread)), where=usable)
    found = np.where(found > 0, np.maximum(found - least, 0.0), found)
    # Engines add up in any order: without the last digits they agree.
    correlation: Floats = np.clip(np.nan_to_num(found), -1.0, 1.0).round(9)
    return correlation


def _joint(found: Clusters, places: Any, against: Any) -> Clusters:
    """Describe the clusters of a pair by those of the side that has fewer."""
    fewest = np.minimum(found.m[places], found.m[against])
    most = np.maximum(found.most[places], found.most[against])
    return Clusters(fewest, most, *(np.full(len(fewest), np.nan) for _ in range(3)))
