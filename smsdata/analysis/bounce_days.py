"""Days of bounces: on which of them a hard bounce is worth something, and which look like an outage.

A carrier's outage makes living numbers look dead. So a bounce is only as good as the day it fell on: the
UTC day of the account, of the sender number, and of the range of numbers that the carrier owns are each
compared with days like it. Too few such days is no answer, and is told as none. Dead numbers bounce every
time and would hide a small outage, so the bounces of numbers that did not bounce before are also compared
alone, with earlier days. Owns these comparisons.
Imports of smsdata only analysis.core.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from smsdata.analysis.core.engine import DAY_MICROS, Tables
from smsdata.analysis.core.statistics import Floats

Places: TypeAlias = npt.NDArray[np.int64]
Known: TypeAlias = npt.NDArray[np.bool_]

ORDINARY, FEW_BOUNCES, FEW_DAYS, SPIKE = 0, 1, 2, 3
"""What a day is: like others; not to be told, since more bounced than on others but too few to tell a rise
from chance, or since there are too few days like it; or a day on which many more bounced than on others."""
UNJUDGED = (FEW_BOUNCES, FEW_DAYS)

NOT_JUDGED = pd.DataFrame({
    "message_id": pd.Series(dtype="int64"), "msisdn": pd.Series(dtype="str"),
    "verdict": pd.Series(dtype="int64"),
})  # fmt: skip
"""What `judged_bounces` gives where nobody asks it: every bounce then counts as one of an ordinary day."""

APART_MICROS = 3 * DAY_MICROS
"""Two days that cannot be judged suffice together when they lie so far apart: outages end within it."""

_NEIGHBOURS, _LEAST_NEIGHBOURS, _SPIKE_BOUNCES = 28, 8, 10
"""A day is compared with the nearest 28 comparable ones; with fewer than 8 it is not judged.

An outage of a carrier hits many numbers at once, so fewer than 10 hard bounces on a day are no spike.
"""
_REACH = 48
"""So many days on either side are looked at first; nearly always the nearest are among them."""
_MANY = 5
"""Where there is nothing to compare with, more than a fifth is taken for an outage, until there are days."""
_SIZE = 4
"""A comparable day has at least a quarter of the day's messages: a quiet day says little of a busy one."""
_WIDTH = 3.0
_FEW = 2
"""So many numbers of a day may well die between two messages, where none did before."""
_SMALL_BLOCK = 10
"""A day of a small block with fewer messages shows no outage; the range around it is judged in its place."""

_HARD_OR_UNKNOWN = """ "status" IN ('hard-bounce', 'bounced') """.strip()
_HAS_RESULT = """ "status" IN ('delivered', 'hard-bounce', 'soft-bounce', 'bounced') """.strip()
_DAY = f'unix_micros("sent_at") - unix_micros("sent_at") % {DAY_MICROS}'


class _Cell(NamedTuple):
    """Days of what are judged: the SQL of its name, and whether it is a block too small for some days."""

    name: str
    small: bool = False


def _range(digits: int) -> str:
    """Write the SQL for a number without its last digits: a mobile range is allocated by what is left."""
    return f'substr("msisdn", 1, greatest(length("msisdn") - {digits}, 1))'


def judged_bounces(tables: Tables) -> pd.DataFrame:
    """Tell of each bounce that is or may be a hard one whether its day can be trusted.

    The worst of its days counts: that of the account, of the sender (where ``messages`` are given), of the
    range (the number without its last six digits), and of the block of a thousand numbers.

    Parameters
    ----------
    tables : Tables
        With ``dlrs``, and ``messages`` where there.

    Returns
    -------
    DataFrame
        ``message_id`` (int64), ``msisdn`` (str), ``verdict`` (int64): `ORDINARY`, `SPIKE`, or
        one of `UNJUDGED`.
    """
    cells = {"account": _Cell("'all'"), "range": _Cell(_range(6)), "block": _Cell(_range(3), small=True)}
    senders = ""
    if tables.has("messages", "message_id", "sender"):
        cells["sender"] = _Cell("""coalesce("of_sender", '')""")
        senders = """
            LEFT JOIN (
                SELECT "message_id" AS "of_message", min("sender") AS "of_sender" FROM @messages GROUP BY 1
            ) AS s ON "message_id" = "of_message"
        """
    names = ", ".join(f'{cell.name} AS "{key}"' for key, cell in cells.items())
    results = _bounces_and_after(tables, names, senders)
    bounces, again = results[results["hard"] > 0], results[results["again"]]
    counts = _days_of_cells(tables, cells, senders)
    verdict = np.zeros(len(bounces), np.int64)
    for key, cell in cells.items():
        verdict = np.maximum(verdict, _judged(key, cell, counts[key], bounces, again))
    return bounces[["message_id", "msisdn"]].assign(verdict=verdict)


def _days_of_cells(tables: Tables, cells: dict[str, _Cell], senders: str) -> dict[str, pd.DataFrame]:
    """Count hard bounces and results of each cell and day; ranges and the account are sums of blocks."""
    found = {
        key: tables.query(f"""
            SELECT {cells[key].name} AS "cell", {_DAY} AS "day",
                {tables.total("dlrs", _HARD_OR_UNKNOWN)} AS "hard",
                {tables.total("dlrs", _HAS_RESULT)} AS "final"
            FROM @dlrs {senders if key == "sender" else ""} GROUP BY 1, 2 ORDER BY 1, 2
        """)
        for key in cells
        if key in ("block", "sender")
    }
    blocks = found["block"]
    shorter = {name: name[: max(len(name) - 3, 1)] for name in blocks["cell"].dropna().unique()}
    for key, name in (("range", blocks["cell"].map(shorter)), ("account", "all")):
        rows = blocks.assign(cell=name).groupby(["cell", "day"], dropna=False, as_index=False)
        found[key] = rows[["hard", "final"]].sum()
    return found


def _bounces_and_after(tables: Tables, names: str, senders: str) -> pd.DataFrame:
    """Give the results of numbers that bounced: the bounces, and what came right after one."""
    bounced = _HARD_OR_UNKNOWN.replace('"status"', '"before"')
    return tables.query(f"""
        SELECT "message_id", "msisdn", "day", {names}, CAST("copies" AS BIGINT) AS "final",
            CAST(CASE WHEN {_HARD_OR_UNKNOWN} THEN "copies" ELSE 0 END AS BIGINT) AS "hard",
            coalesce({bounced}, FALSE) AS "again"
        FROM (
            SELECT d."message_id", d."msisdn", d."status", {_DAY} AS "day",
                {tables.copies("dlrs")} AS "copies",
                lag(d."status")
                    OVER (PARTITION BY d."msisdn" ORDER BY d."sent_at", d."message_id") AS "before"
            FROM @dlrs AS d
            JOIN (
                SELECT DISTINCT "msisdn" FROM @dlrs WHERE {_HARD_OR_UNKNOWN}
            ) AS b ON d."msisdn" = b."msisdn"
            WHERE {_HAS_RESULT}
        ) AS r {senders}
        WHERE {_HARD_OR_UNKNOWN} OR {bounced}
    """)


def _judged(
    key: str, cell: _Cell, counts: pd.DataFrame, bounces: pd.DataFrame, again: pd.DataFrame
) -> npt.NDArray[np.int64]:
    """Give the verdict on each bounce's day of one kind."""
    counts = counts[counts["cell"].isin(bounces[key].unique())].reset_index(drop=True)
    index = pd.MultiIndex.from_frame(counts[["cell", "day"]])
    repeated = again.groupby([key, "day"])[["hard", "final"]].sum().reindex(index, fill_value=0)
    every = counts[["day", "hard", "final"]].to_numpy("float64").T
    repeats = repeated[["hard", "final"]].to_numpy("float64").T
    told = (every[1] > 0) & (not cell.small or every[2] >= _SMALL_BLOCK)
    verdicts = np.zeros(len(counts), np.int64)
    cells = pd.factorize(counts["cell"])[0]  # in order, so that each cell's days stand together
    bounds = np.flatnonzero(np.diff(cells, prepend=-2, append=-2))
    for first, after in pairwise(bounds):
        places = np.flatnonzero(told[first:after])
        days, hard, final = every[:, first:after]
        new = np.array([hard, final]) - repeats[:, first:after]
        verdict = _verdicts(days, hard, final, places)
        found = np.maximum(verdict, _new_verdicts(days, new[0], new[1], places))
        verdicts[first + places] = found
    wanted = pd.MultiIndex.from_arrays([bounces[key], bounces["day"]])
    return verdicts[index.get_indexer(wanted)] if len(wanted) else np.zeros(0, np.int64)


def _verdicts(
    days: Floats, hard: Floats, final: Floats, places: Places, *, before: bool = False
) -> npt.NDArray[np.int64]:
    """Compare days with the days like them around: a slow drift is no spike, nor its own measure.

    Parameters
    ----------
    days, hard, final : array of float
        The days of one cell, in order, and the counts on them.
    places : array of int
        Where among them those stand that are judged.
    before : bool
        Whether only days before count.
    """
    many = (hard[places] >= _SPIKE_BOUNCES) & (hard[places] * _MANY > final[places])
    alone = np.where(many, SPIKE, FEW_DAYS)  # of a day that nothing can be compared with
    if len(days) <= _LEAST_NEIGHBOURS or not len(places):
        return alone
    others = _nearest(days, final, places, before=before)
    known = others < len(days)
    h, n = (np.append(count, 0.0)[others] for count in (hard, final))
    known &= _within_limits(h, n, known)
    limit = _most(h, n, known, final[places, None])[:, 0]
    rise = np.where(hard[places] >= _SPIKE_BOUNCES, SPIKE, FEW_BOUNCES)
    verdict = np.where(hard[places] <= limit + 1e-9, ORDINARY, rise)
    return np.where(known.sum(axis=1) < _LEAST_NEIGHBOURS, alone, verdict)


def _nearest(days: Floats, final: Floats, places: Places, *, before: bool) -> Places:
    """Give a row for each place: the days like it that are nearest, in order; beyond the last where fewer.

    Looks so far on either side as is needed to be sure that no other day is nearer.
    """
    own, reach = places[:, None], _REACH
    while True:
        around = np.arange(-reach, reach + 1)
        day = sliding_window_view(np.pad(days, reach, constant_values=(-np.inf, np.inf)), len(around))[places]
        size = sliding_window_view(np.pad(final, reach), len(around))[places]
        like = (size > 0) & (size * _SIZE >= final[own]) & (around < 0 if before else around != 0)
        # Of two days as near, the earlier goes first.
        apart = np.where(like, 2 * np.abs(day - days[own]) / DAY_MICROS + (around > 0), np.inf)
        nearest = np.argpartition(apart, _NEIGHBOURS - 1, axis=1)[:, :_NEIGHBOURS]
        farthest = np.take_along_axis(apart, nearest, axis=1).max(axis=1)
        left, right = days[places] - day[:, 0], day[:, -1] - days[places]
        edge = 2 * (left if before else np.minimum(left, right)) / DAY_MICROS
        if (farthest <= edge).all():
            there = np.take_along_axis(like, nearest, axis=1)
            return np.sort(np.where(there, nearest - reach + own, len(days)), axis=1)
        reach *= 4


def _new_verdicts(days: Floats, hard: Floats, final: Floats, places: Places) -> npt.NDArray[np.int64]:
    """Judge the bounces of numbers that did not bounce before, by days before; with too few, say nothing.

    On the first days of a store every dead number bounces for the first time.
    """
    earlier = np.arange(len(days)) < places[:, None]
    like = (earlier & (final * _SIZE >= final[places, None])).sum(axis=1)
    told = (like > _LEAST_NEIGHBOURS) & (hard[places] > _FEW)
    found = np.full(len(places), ORDINARY)
    found[told] = _verdicts(days, hard, final, places[told], before=True)
    return found


def _within_limits(hard: Floats, final: Floats, known: Known) -> Known:
    """Tell which days are ordinary by the calmer three quarters of them: earlier outages widen no limit."""
    share = np.divide(hard, final, out=np.full(hard.shape, np.inf), where=known)
    rank = np.argsort(np.argsort(share, axis=1, kind="stable"), axis=1)
    count = known.sum(axis=1, keepdims=True)
    calm = known & (rank < count - count // 4)
    within: Known = hard <= _most(hard, final, calm, final) + 1e-9
    return within


def _most(hard: Floats, final: Floats, used: Known, of: Floats) -> Floats:
    """Give how many of so many may bounce on an ordinary day: the upper limit of the chart of others.

    One row of days after the other, of which those are used that are marked. One bounce more than there were
    goes into the centre: where none bounced so far, the first is no rise.
    """
    h, n = (np.where(used, count, 0.0).sum(axis=1, keepdims=True) for count in (hard, final))
    centre = (h + 1) / (n + 1)
    spread = np.maximum(_sigma_z(hard, final, used, h / np.maximum(n, 1)), 1.0)
    limit: Floats = of * centre + _WIDTH * spread * np.sqrt(of * centre * (1 - centre))
    return limit


def _sigma_z(hard: Floats, final: Floats, used: Known, centre: Floats) -> Floats:
    """Give how much more neighbouring days of each row differ than by chance: see `statistics.laney`."""
    sigma = np.sqrt(centre * (1 - centre) / np.where(used, final, 1.0))
    z = np.divide(hard / np.where(used, final, 1.0) - centre, sigma, out=np.zeros_like(hard), where=sigma > 0)
    order = np.argsort(~used, axis=1, kind="stable")  # the used ones side by side, in their order
    side_by_side, kept = (np.take_along_axis(one, order, axis=1) for one in (z, used))
    moves = np.where(kept[:, 1:], np.abs(np.diff(side_by_side, axis=1)), 0.0).sum(axis=1, keepdims=True)
    spread: Floats = moves / np.maximum(used.sum(axis=1, keepdims=True) - 1, 1) / 1.128
    return spread
