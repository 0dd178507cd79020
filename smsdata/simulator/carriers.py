"""Carriers: what becomes of a message, and after how long. Owns the chances, by range of numbers.

Imports the parameters and the columns of recipients.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from smsdata.simulator.parameters import Carrier, Parameters
from smsdata.simulator.recipients import DELIVERED, HARD, SOFT, Ints

Floats = npt.NDArray[np.float64]


def outcomes(
    rng: np.random.Generator, numbers: Ints, dead: Ints, parameters: Parameters
) -> tuple[Ints, Ints]:
    """Decide what becomes of each message, and after how many seconds.

    Most are delivered within a minute, some after hours; soft bounces come at up to 72 h, what is still
    pending then expires as one; dead numbers hard-bounce.
    """
    times, count = parameters.receipts, len(numbers)
    which = _carrier_of(numbers, parameters.carriers)
    chance = rng.random(count)
    mean, deviation = (_figure_of(parameters, which, key) for key in ("quick_log_mean", "quick_log_sd"))
    quick = np.clip(rng.lognormal(mean, deviation, count), 1, times.quick_longest).astype(np.int64)
    slow = rng.integers(times.slow_from, times.slow_until, count)
    up_to = np.zeros(count)
    falls = {}
    for key in ("gone", "soft", "expired", "slow"):
        up_to = np.round(up_to + _figure_of(parameters, which, key), 12)
        falls[key] = chance < up_to
    hard = falls["gone"] | np.isin(numbers, dead)
    soft = falls["soft"] & ~hard
    expired = falls["expired"] & ~hard & ~soft
    hours_later = falls["slow"] & ~hard & ~soft & ~expired
    outcome = np.select([hard, soft | expired], [HARD, SOFT], DELIVERED)
    at_the_end = np.full(count, times.expire_after)
    delay = np.select([hard, expired, soft | hours_later], [quick, at_the_end, slow], quick)
    return outcome, delay


def lateness(message_id: int, count: int, parameters: Parameters) -> Ints:
    """By how many seconds the receipts of a send come later still; follows from the send alone."""
    times = parameters.receipts
    if not times.late:
        return np.zeros(count, np.int64)
    rng = np.random.default_rng(message_id)
    late: Ints = np.where(rng.random(count) < times.late, rng.integers(1, times.late_longest + 1, count), 0)
    return late


def _carrier_of(numbers: Ints, carriers: tuple[Carrier, ...]) -> Ints:
    """The place of each number's carrier: the first whose prefix fits, else the last."""
    if len(carriers) == 1:
        return np.zeros(len(numbers), np.int64)
    texts = [str(number) for number in numbers.tolist()]
    last = len(carriers) - 1
    return np.array(
        [next((n for n, one in enumerate(carriers) if text.startswith(one.prefix)), last) for text in texts],
        np.int64,
    )


def _figure_of(parameters: Parameters, which: Ints, key: str) -> Floats:
    """A figure of each number's carrier."""
    figures: Floats = np.array([getattr(one, key) for one in parameters.carriers], np.float64)[which]
    return figures
