"""Days of bounces: on which of them a hard bounce is worth something, and which look like an outage.

A carrier's outage makes living numbers look dead. So a bounce is only as good as the day it fell on: the
UTC day of the account, of the sender number, and of the range of numbers that the carrier owns are each
compared with days like it. Too few such days is no answer, and is told as none. Dead numbers bounce every
time and would hide a small outage, so the bounces of numbers that did not bounce before are also compared
alone, with earlier days. Owns these comparisons.
Imports of smsdata only analysis.core.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from smsdata.analysis.core.engine import DAY_MICROS, Tables
from smsdata.analysis.core.statistics import Floats, laney

ORDINARY, UNJUDGED, SPIKE = 0, 1, 2
"""What a day is: like others; not to be told, since there are too few like it, or too few bounces to tell a
rise from chance; or a day on which many more bounced than on others."""

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
        ``message_id`` (int64), ``msisdn`` (str), ``verdict`` (int64): `ORDINARY`, `UNJUDGED` or `SPIKE`.
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
    bounces = tables.query(f"""
        SELECT "message_id", "msisdn", {_DAY} AS "day", {names}
        FROM @dlrs {senders} WHERE {_HARD_OR_UNKNOWN}
    """)
    again = _again(tables, names, senders)
    verdict = np.zeros(len(bounces), np.int64)
    for key, cell in cells.items():
        verdict = np.maximum(verdict, _judged(tables, key, cell, senders, bounces, again))
    return bounces[["message_id", "msisdn"]].assign(verdict=verdict)


def _again(tables: Tables, names: str, senders: str) -> pd.DataFrame:
    """Give the results of numbers whose result before was a bounce: by day, and whether it is one again."""
    bounced = _HARD_OR_UNKNOWN.replace('"status"', '"before"')
    return tables.query(f"""
        SELECT {names}, "day", CAST("copies" AS BIGINT) AS "final",
            CAST(CASE WHEN {_HARD_OR_UNKNOWN} THEN "copies" ELSE 0 END AS BIGINT) AS "hard"
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
        WHERE {bounced}
    """)


def _judged(
    tables: Tables,
    key: str,
    cell: _Cell,
    senders: str,
    bounces: pd.DataFrame,
    again: pd.DataFrame,
) -> npt.NDArray[np.int64]:
    """Give the verdict on each bounce's day of one kind."""
    counts = tables.query(f"""
        SELECT {cell.name} AS "cell", {_DAY} AS "day",
            {tables.total("dlrs", _HARD_OR_UNKNOWN)} AS "hard", {tables.total("dlrs", _HAS_RESULT)} AS "final"
        FROM @dlrs {senders if key == "sender" else ""} GROUP BY 1, 2 ORDER BY 1, 2
    """)
    counts = counts[counts["cell"].isin(bounces[key].unique())].reset_index(drop=True)
    repeated = again.groupby([key, "day"])[["hard", "final"]].sum()
    repeated = repeated.reindex(pd.MultiIndex.from_frame(counts[["cell", "day"]]), fill_value=0)
    verdicts = np.zeros(len(counts), np.int64)
    cells = pd.factorize(counts["cell"])[0]  # in order, so that each cell's days stand together
    for rows in np.split(np.arange(len(counts)), np.flatnonzero(np.diff(cells)) + 1):
        days, hard, final = (counts[name].to_numpy("float64")[rows] for name in ("day", "hard", "final"))
        first, of = (counts[name].to_numpy("float64")[rows] - repeated[name].to_numpy("float64")[rows]
                     for name in ("hard", "final"))  # fmt: skip
        told = (final >= _SMALL_BLOCK) | (not cell.small)
        for place in np.flatnonzero((hard > 0) & told):
            verdict = _verdict(days, hard, final, int(place))
            if verdict != SPIKE:
                verdict = max(verdict, _new_verdict(days, first, of, int(place)))
            verdicts[rows[place]] = verdict
    index = pd.MultiIndex.from_frame(counts[["cell", "day"]])
    wanted = pd.MultiIndex.from_arrays([bounces[key], bounces["day"]])
    return verdicts[index.get_indexer(wanted)] if len(wanted) else np.zeros(0, np.int64)


def _verdict(days: Floats, hard: Floats, final: Floats, place: int) -> int:
    """Compare a day with the days like it around it: a slow drift is no spike, nor its own measure."""
    like = (final > 0) & (final * _SIZE >= final[place])
    like[place] = False
    others = np.flatnonzero(like)
    nearest = np.argsort(np.abs(days[others] - days[place]), kind="stable")[:_NEIGHBOURS]
    others = np.sort(others[nearest])
    if len(others) >= _LEAST_NEIGHBOURS:
        others = others[_within_limits(hard[others], final[others])]
    if len(others) < _LEAST_NEIGHBOURS:
        many = hard[place] >= _SPIKE_BOUNCES and hard[place] * _MANY > final[place]
        return SPIKE if many else UNJUDGED
    if hard[place] <= _most(hard[others], final[others], final[place]) + 1e-9:
        return ORDINARY
    return SPIKE if hard[place] >= _SPIKE_BOUNCES else UNJUDGED


def _new_verdict(days: Floats, hard: Floats, final: Floats, place: int) -> int:
    """Judge the bounces of numbers that did not bounce before, by days before; with too few, say nothing.

    On the first days of a store every dead number bounces for the first time.
    """
    earlier = slice(0, place + 1)
    if hard[place] <= _FEW or (final[:place] * _SIZE >= final[place]).sum() <= _LEAST_NEIGHBOURS:
        return ORDINARY
    return _verdict(days[earlier], hard[earlier], final[earlier], place)


def _within_limits(hard: Floats, final: Floats) -> npt.NDArray[np.bool_]:
    """Tell which days are ordinary by the calmer three quarters of them: earlier outages widen no limit."""
    calm = np.sort(np.argsort(hard / final, kind="stable")[: len(hard) - len(hard) // 4])
    return hard <= _most(hard[calm], final[calm], final) + 1e-9


def _most(hard: Floats, final: Floats, of: Floats) -> Floats:
    """Give how many of so many may bounce on an ordinary day: the upper limit of the chart of others.

    One bounce more than there were goes into the centre: where none bounced so far, the first is no rise.
    """
    centre = (hard.sum() + 1) / (final.sum() + 1)
    spread = max(laney(hard, final).sigma_z, 1.0)
    limit: Floats = of * centre + _WIDTH * spread * np.sqrt(of * centre * (1 - centre))
    return limit
