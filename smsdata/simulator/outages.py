"""Outages of carriers: whose messages bounce from when to when, although their numbers are alive.

Owns who is struck, which follows from number and day alone: no chance is drawn, so that an account without
outages stays what it was. Imports the clock and the columns of recipients.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from smsdata.simulator.clock import DAY_SECONDS, epoch
from smsdata.simulator.recipients import STATUS_WORDS, Ints


@dataclass(frozen=True)
class Outage:
    """An outage of one carrier's range of numbers.

    Parameters
    ----------
    begin, end : str or datetime
        Messages sent from ``begin`` until just before ``end``, to the hour or over days, are struck.
    prefix : str
        The range: how its numbers begin. Empty: every number.
    share : float
        Share of the range's numbers that are struck on a day.
    status : str
        What becomes of their messages: an outage looks like numbers that are gone, or like phones that are
        off.

    Examples
    --------
    >>> outage = Outage("2026-11-20T09:00", "2026-11-20T15:00", prefix="6149157")
    >>> noon = np.array([epoch("2026-11-20T12:00")] * 2)
    >>> outage.strikes(np.array([61491570156, 447700900000]), noon).tolist()
    [True, False]
    >>> outage.strikes(np.array([61491570156]), noon[:1] + 3 * 3600).tolist()
    [False]
    """

    begin: str | datetime
    end: str | datetime
    prefix: str = ""
    share: float = 1.0
    status: str = "hard-bounce"

    @property
    def outcome(self) -> int:
        """The code of what becomes of the messages."""
        return STATUS_WORDS.index(self.status)

    def strikes(self, numbers: Ints, sent_at: Ints) -> npt.NDArray[np.bool_]:
        """Tell which of these messages the outage strikes."""
        during = (sent_at >= epoch(self.begin)) & (sent_at < epoch(self.end))
        within = np.array([str(number).startswith(self.prefix) for number in numbers.tolist()], bool)
        mixed = (numbers.astype(np.uint64) * np.uint64(2_654_435_761)) ^ (
            (sent_at // DAY_SECONDS).astype(np.uint64) * np.uint64(40_503)
        )
        drawn = (mixed * np.uint64(11_400_714_819_323_198_485)) >> np.uint64(40)
        struck: npt.NDArray[np.bool_] = during & within & (drawn < self.share * 2**24)
        return struck
