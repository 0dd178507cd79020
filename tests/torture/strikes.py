"""Strikes on one act that changes a store: its process dies, or its disk fails, at one I/O call."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from smsdata.errors import SmsDataError
from smsdata.store.disk import Disk

from .fault import METHODS, Failing
from .kill import Deadly, in_child

Act = Callable[[Path, Disk | None], Any]
"""What is done to the store in a folder, on a disk."""
Strike = Callable[[Path], bool]
"""Does something bad to the act in a folder; gives whether it happened."""


def _kill(act: Act, at: int, *, torn: bool) -> Strike:
    def strike(store: Path) -> bool:
        return in_child(lambda: act(store, Deadly(store / ".smsdata", at=at, torn=torn)), patience=60)

    return strike


def _fail(act: Act, method: str, at: int, code: int) -> Strike:
    def strike(store: Path) -> bool:
        try:
            act(store, Failing(store / ".smsdata", method, at, code))
        except SmsDataError:
            return True
        return False

    return strike


def calls_of(act: Act, store: Path) -> list[str]:
    """The I/O calls that the act makes when nothing goes wrong."""
    disk = Deadly(store / ".smsdata")
    act(store, disk)
    return disk.made


def planned(act: Act, calls: Sequence[str], every: int, rng: random.Random) -> list[tuple[str, Strike]]:
    """A kill before and within each call, and each kind of call failing: all of them, or every n-th."""
    strikes = [
        (f"kill at {at}", _kill(act, at, torn=torn))
        for at in range(1, len(calls) + 1)
        for torn in (False, True)
    ]
    for method in METHODS:
        for at in range(1, calls.count(method) + 1):
            code = rng.choice([errno.ENOSPC, errno.EIO])
            strikes.append((f"{method} {at} fails", _fail(act, method, at, code)))
    return strikes[rng.randrange(every) :: every]
