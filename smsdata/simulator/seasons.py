"""Hours, weekdays and months: when things happen. Owns how an instant is moved to a likelier one.

Where an instant goes follows from itself alone: no chance of the account is drawn, so that an account without
seasons stays what it was. Imports the parameters and the clock.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime

from smsdata.simulator.clock import HOUR_SECONDS
from smsdata.simulator.parameters import Parameters

_TRIES = 200


def when_sent(at: int, begin: int, end: int, parameters: Parameters) -> int:
    """When a send that was planned for ``at`` goes out, between ``begin`` and ``end``.

    Examples
    --------
    >>> from smsdata.simulator.parameters import shipped_parameters
    >>> day = 24 * HOUR_SECONDS
    >>> when_sent(1234, 0, day, shipped_parameters())
    1234
    >>> noon = shipped_parameters().changed({"hours": {"sends": [0] * 12 + [1] + [0] * 11}})
    >>> when_sent(1234, 0, day, noon) // HOUR_SECONDS
    12
    """
    hours, season = parameters.hours.sends, parameters.season
    if len(set(hours)) == len(set(season.weekdays)) == len(set(season.months)) == 1:
        return at
    chance = random.Random(f"send {at}")
    for _ in range(_TRIES):
        moment = datetime.fromtimestamp(at, UTC)
        likely = _relative(hours, moment.hour) * _relative(season.weekdays, moment.weekday())
        if chance.random() < likely * _relative(season.months, moment.month - 1):
            break
        at = chance.randrange(begin, max(end, begin + 1))
    return at


def when_answered(at: int, about: int, parameters: Parameters) -> int:
    """When somebody who would answer at this instant does: some hours later, where people sleep."""
    weights = parameters.hours.replies
    if len(set(weights)) == 1:
        return at
    chance = random.Random(f"reply {about} {at}")
    for _ in range(48):
        if chance.random() < _relative(weights, datetime.fromtimestamp(at, UTC).hour):
            break
        at += HOUR_SECONDS
    return at


def _relative(weights: tuple[float, ...], place: int) -> float:
    return weights[place] / max(weights)
