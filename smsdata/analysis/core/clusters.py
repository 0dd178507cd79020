"""Rates of messages that are not independent: which numbers and days they share, and what that costs.

Owns the SQL that counts trials per number and per day of sending, and the words for the interval that
comes of it. The formulas stand in `statistics`. Imports of smsdata only, within core, the dialect, the
engine, statistics and, for its types, grouping.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from smsdata.analysis.core.dialect import quoted
from smsdata.analysis.core.engine import Computed, Tables
from smsdata.analysis.core.statistics import Clusters, Floats, effect_of_design, rate, wilson

if TYPE_CHECKING:
    from smsdata.analysis.core.grouping import Keys

_FEW = 10
"""Fewer clusters than that are called few: their spread is hardly known."""

RATE_COLUMNS = {"numbers": "Int64", "design_effect": "float64", "interval": "str"}
"""What every result with an interval says of it."""


@dataclass(frozen=True)
class Trials:
    """The trials of a rate, counted in each group and cluster.

    Attributes
    ----------
    cells : str
        The table with a row per group and cluster: its ``trials`` and ``hits``.
    clusters : tuple of str
        What trials share: "number", "day", or both; of each a column ``cluster_number``, ``cluster_day``.
    """

    cells: str
    clusters: tuple[str, ...]


@dataclass(frozen=True)
class Grouped:
    """The trials of groups, counted.

    Attributes
    ----------
    raw : DataFrame
        The groups as the SQL has them, in the order of `Keys.finish`; ``hits`` and ``trials``.
    keys : Keys
        The groups in SQL.
    trials : Trials
        The trials in SQL.
    clusters : dict of str to Clusters
        What `cluster_counts` gave.
    """

    raw: pd.DataFrame
    keys: Keys
    trials: Trials
    clusters: dict[str, Clusters]

    @classmethod
    def of(
        cls, raw: pd.DataFrame, keys: Keys, trials: Trials, clusters: dict[str, Clusters],
        *, hits: pd.Series, tried: pd.Series,
    ) -> Grouped:  # fmt: skip
        """The groups of a counting query, with its columns of hits and of trials."""
        return cls(keys.in_order(raw[keys.names].assign(hits=hits, trials=tried)), keys, trials, clusters)


def trials_of(
    tables: Tables,
    table: str,
    keys: Keys,
    *,
    trial: str,
    hit: str,
    rest: str = "",
    once: bool = False,
) -> Trials:
    """Count trials by what they share: their number, and their day unless the groups are occasions.

    Parameters
    ----------
    tables : Tables
        The tables of the running helper.
    table : str
        The one whose rows are the trials.
    keys : Keys
        The groups, with their days.
    trial, hit : str
        Conditions on a row: it counts in the denominator; in the numerator.
    rest : str
        Joins and WHERE.
    once : bool
        Whether a row counts once however many ``copies`` it says it has.
    """
    clusters = {"number": '"msisdn"'} if tables.has(table, "msisdn") else {}
    clusters |= {"day": keys.day} if keys.day else {}
    cells = next(name for name in map("cells{}".format, count(1)) if name not in tables)
    if clusters:
        copies = "1" if once else tables.copies(table)
        tables.add(cells, Computed(_cells_sql(keys, f"{keys.source} {rest}", trial, hit, copies, clusters)))
    return Trials(f"@{cells}", tuple(clusters))


def cluster_counts(tables: Tables, keys: Keys, trials: Trials) -> dict[str, Clusters]:
    """Count for each group how its trials lie in clusters: by "number", by "day" and by "both".

    Groups come in the order of `Keys.finish`.
    """
    if not trials.clusters:
        return {}
    names = "".join(f"{quoted(name)}, " for name in keys.names)
    group = "GROUP BY " + names.rstrip(", ") if names else ""
    kinds = _kinds_of({kind: kind for kind in trials.clusters})
    parts = [
        f"""
        SELECT {names} '{kind}' AS "cluster", count(*) FILTER (WHERE "trials" > 0) AS "m",
            CAST(coalesce(max("trials"), 0) AS BIGINT) AS "most",
            CAST(coalesce(sum("trials" * "trials"), 0) AS BIGINT) AS "nn",
            CAST(coalesce(sum("hits" * "trials"), 0) AS BIGINT) AS "yn",
            CAST(coalesce(sum("hits" * "hits"), 0) AS BIGINT) AS "yy"
        FROM {_regrouped(trials.cells, names, kind, within, len(kinds) > 1)} {group}
        """
        for kind, within in kinds.items()
    ]
    found = tables.query(" UNION ALL ".join(parts))
    result = {}
    for kind in kinds:
        rows = keys.finish(found[found["cluster"] == kind].reset_index(drop=True))
        counts = (rows[column].to_numpy("float64") for column in ("m", "most", "nn", "yn", "yy"))
        result[kind] = Clusters(*counts)
    return result


def running_clusters(
    clusters: Mapping[str, str], names: list[str], *, hit: str, weight: str, at: str, once: bool
) -> tuple[str, str]:
    """Write the SQL that counts, for each moment of a curve, how the hits so far lie in clusters.

    Parameters
    ----------
    clusters : mapping of str to str
        The column of each kind of cluster.
    names : list of str
        The columns of the groups.
    hit, weight, at : str
        A condition on a row; how often it counts; the column of its moment.
    once : bool
        Whether each hit counts once: its place among the hits then is the number of hits so far, and no sum
        has to run, which takes twice as long.

    Returns
    -------
    windows, sums : str
        Columns to add to each row; and what to sum up of them per group and moment: of each kind ``m_``,
        ``most_`` and ``nn_``, which are of the group once they are summed (the greatest taken), ``yn_`` and
        ``yy_``, which are of all up to a moment once they are added up in order.
    """
    windows, sums = "", ""
    for kind, columns in _kinds_of(clusters).items():
        within = "PARTITION BY " + ", ".join([*map(quoted, names), *columns])
        order = f"{within} ORDER BY CASE WHEN {hit} THEN {at} END NULLS LAST"
        windows += f""",
            sum({weight}) OVER ({within}) AS "n_{kind}", row_number() OVER ({order}) AS "place_{kind}" """
        so_far = f'"place_{kind}"' if once else f'"y_{kind}"'
        if not once:
            windows += f""",
            sum(CASE WHEN {hit} THEN {weight} ELSE 0 END) OVER ({order} ROWS BETWEEN UNBOUNDED PRECEDING
                AND CURRENT ROW) AS "y_{kind}" """
        parts = {
            "m": f'CASE WHEN "place_{kind}" = 1 AND "n_{kind}" > 0 THEN 1 ELSE 0 END',
            "nn": f'{weight} * "n_{kind}"',
            "yn": f'CASE WHEN {hit} THEN {weight} * "n_{kind}" ELSE 0 END',
            "yy": f"CASE WHEN {hit} THEN {weight} * (2 * {so_far} - {weight}) ELSE 0 END",
        }
        sums += "".join(f', CAST(sum({sql}) AS BIGINT) AS "{name}_{kind}"' for name, sql in parts.items())
        sums += f', CAST(max("n_{kind}") AS BIGINT) AS "most_{kind}"'
    return windows, sums


def _kinds_of(clusters: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Give the columns of each kind of cluster, and of both together where there are two."""
    kinds: dict[str, tuple[str, ...]] = {kind: (column,) for kind, column in clusters.items()}
    return kinds | ({"both": tuple(clusters.values())} if len(clusters) > 1 else {})


def rate_intervals(hits: Any, trials: Any, clusters: dict[str, Clusters], *, level: float) -> dict[str, Any]:
    """Give low, high, numbers, design_effect and interval of the rates of groups.

    Parameters
    ----------
    hits, trials : array of int
        Per group.
    clusters : dict of str to Clusters
        What `cluster_counts` gave for the same groups.
    level : float
        Confidence, between 0 and 1.
    """
    n = np.asarray(trials, dtype="float64")
    effect, freedom = effect_of_design(hits, n, clusters)
    low, high = wilson(hits, n, level=level, effect=effect, freedom=freedom)
    numbers = clusters["number"].m if "number" in clusters else np.full(n.shape, np.nan)
    return {
        "low": low,
        "high": high,
        "numbers": pd.Series(numbers, dtype="Int64").array,
        "design_effect": np.where(n > 0, effect if clusters else np.nan, np.nan),
        "interval": interval_words("Wilson", n, clusters, flat=np.isin(rate(hits, trials), [0.0, 1.0])),
    }


def interval_words(formula: str, n: Floats, clusters: dict[str, Clusters], *, flat: Any) -> pd.Series:
    """Say which interval it is: the formula, what it is clustered by, and whether of few clusters.

    Parameters
    ----------
    formula : str
        Its name.
    n : array of float
        Trials: where there are none, there is no interval.
    clusters : dict of str to Clusters
        What `cluster_counts` gave.
    flat : array of bool
        Where rates are 0 or 1, days show nothing, and the interval rests on numbers.

    Examples
    --------
    >>> interval_words("Wilson", np.array([5.0, 0.0]), {}, flat=False).tolist()
    ['Wilson, numbers unknown', nan]
    """
    shared = {kind: found.most > 1 for kind, found in clusters.items() if kind != "both"}
    if "day" in shared:
        shared["day"] = shared["day"] & ~flat
    words = np.full(n.shape, formula, dtype=object)
    repeats = shared.get("number", np.zeros(n.shape, dtype=bool))
    words = (
        np.where(repeats, words + ", by number", words)
        if "number" in clusters
        else words + ", numbers unknown"
    )
    if "day" in clusters:
        days = clusters["day"].m
        joined = np.where(repeats, " and day", ", by day").astype(object)
        words = np.where(shared["day"] & (days > 1), words + joined, words)
        words = np.where((n > 1) & (days == 1), words + ", one day", words)
    words = np.where(_fewest(clusters, shared, n) < _FEW, words + ", few", words)
    return pd.Series(words, dtype="str").where(n > 0)


def _fewest(clusters: dict[str, Clusters], shared: dict[str, Any], n: Floats) -> Floats:
    """Give for each group the smallest number of clusters that its interval rests on."""
    fewest = np.full(n.shape, np.inf)
    for kind, repeats in shared.items():
        m = clusters[kind].m
        rests = repeats & ((m > 1) | (kind == "number"))
        fewest = np.where(rests, np.minimum(fewest, m), fewest)
    return fewest


def _cells_sql(keys: Keys, source: str, trial: str, hit: str, copies: str, clusters: dict[str, str]) -> str:
    """Write the SQL that counts trials and hits in each group and cluster."""
    columns = "".join(f"{sql} AS {quoted('cluster_' + kind)}, " for kind, sql in clusters.items())
    width = len(keys.names) + len(clusters)
    places = ", ".join(str(n + 1) for n in range(width))
    n, y = (
        f"CAST(coalesce(sum({copies}) FILTER (WHERE {condition}), 0) AS BIGINT)"
        if copies != "1"
        else f"count(*) FILTER (WHERE {condition})"
        for condition in (trial, hit)
    )
    return f"""
        SELECT {keys.select} {columns} {n} AS "trials", {y} AS "hits"
        FROM {source} GROUP BY {places}
    """


def _regrouped(cells: str, names: str, kind: str, within: tuple[str, ...], crossed: bool) -> str:
    """Write the SQL of the cells of one kind of cluster: those of number and day together, summed up."""
    if not crossed or kind == "both":
        return cells
    column = quoted(f"cluster_{within[0]}")
    return f"""(
            SELECT {names} CAST(sum("trials") AS BIGINT) AS "trials", CAST(sum("hits") AS BIGINT) AS "hits"
            FROM {cells} GROUP BY {names} {column}
        ) AS k"""
