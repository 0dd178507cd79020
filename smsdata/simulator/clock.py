"""Virtual time. Owns the clock, the events that are due, and the lock under which anything may change.

Imports nothing of this package.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

HOUR_SECONDS = 3_600
DAY_SECONDS = 24 * HOUR_SECONDS
FIRST_YEAR, LAST_YEAR = 2000, 2099
"""The years in which an account can stand when it is ready."""


def epoch(instant: str | datetime | float) -> int:
    """Seconds since 1970 of an instant; ISO text and naive datetimes are taken as UTC."""
    if isinstance(instant, str):
        instant = datetime.fromisoformat(instant)
    if isinstance(instant, datetime):
        return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp())
    return int(instant)


def check_start(now: str | datetime) -> None:
    """Refuse (ValueError) an instant at which no account can stand: years that no provider has seen."""
    year = (datetime.fromisoformat(now) if isinstance(now, str) else now).year
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"an account stands between the years {FIRST_YEAR} and {LAST_YEAR}, not in {year}.")


END = epoch("9000-01-01")
"""Where every clock ends: beyond, instants can no longer be written."""


class Clock:
    """A clock that moves when it is told to, and calls what is due on the way.

    Parameters
    ----------
    now : int
        Where it begins, epoch seconds.

    Attributes
    ----------
    now : int
        The virtual time, epoch seconds.
    version : int
        Grows with every change of the account, so that a reader knows when to look again.
    lock : threading.RLock
        Whoever reads or changes the account holds it.

    Examples
    --------
    >>> clock, seen = Clock(100), []
    >>> clock.later(130, lambda at, word: seen.append((at, word)), "hello")
    >>> clock.advance(60)
    >>> clock.now, seen
    (160, [(130, 'hello')])
    """

    def __init__(self, now: int) -> None:
        self.now = now
        self.version = 0
        self.lock = threading.RLock()
        self._events: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._event_number = 0

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the lock, so that an account can be copied (copy.deepcopy)."""
        return {name: value for name, value in self.__dict__.items() if name != "lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.lock = threading.RLock()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the lock for a change, and count it once it is made."""
        with self.lock:
            yield
            self.version += 1

    def later(self, at: int, action: Callable[..., None], *args: Any) -> None:
        """Have ``action(at, *args)`` called when the clock reaches ``at``.

        The action is a method of a part of the account, so that a copy of the account calls its own.
        """
        self._event_number += 1
        heapq.heappush(self._events, (int(at), self._event_number, action, args))

    def advance(self, seconds: int) -> None:
        """Let time pass; what falls due happens in the order of its instants, then as it was planned."""
        target = self.now + seconds
        if target > END:
            raise ValueError("the simulated clock ends with the year 8999.")
        with self.changing():
            while self._events and self._events[0][0] <= target:
                at, _, action, args = heapq.heappop(self._events)
                self.now = max(self.now, at)
                action(at, *args)
            self.now = target
