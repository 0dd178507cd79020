"""When the next call may go: one budget of calls for all processes of an account on a machine.

Owns the pacing rule and the small state file through which processes share it. Knows nothing of HTTP.
Imports `settings` (the pace), `machine` (its lock), `errors` and the standard library only.

The rule. The gateway counts a call somewhere between the moment we send it and the moment its answer is
here, so pacing by send time is not enough: a delayed call and a quick one can meet within one second at the
gateway. A call goes only when fewer than `count` calls are under way or were answered within the last
`period`, less a credit for the time any call needs for its way there and back:

    send[i] >= received[i - count] + period - credit,        credit <= 0.9 * fastest answer ever seen

A call under way has no receive time yet. It holds a pessimistic one, written before it is sent and
corrected when its answer is here, so a process that is killed frees nothing too early; who waits next sees
that the owner is dead and counts the call as received a moment later, so nobody is blocked for long either.
"""

from __future__ import annotations

import math
import os
import platform
import threading
import time
import weakref
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from smsdata.errors import LockedError, SmsDataError, UsageError
from smsdata.machine import CACHE, birth, in_forked_children, open_meeting_file, posix_locks, take_lock
from smsdata.settings import Pace

FREE = 1000.0  # calls/s; above it nothing is paced: no gateway allows that, so it means "no limit"
HOLD = 120.0  # s; a call under way counts as received this long after it went, whatever its owner does
GRACE = 1.0  # s; after this long, calls of a dead process, or of a lost state, have reached the gateway
LONGEST = 0.5  # s; who waits looks again at least this often: another process may have changed the pace
SHORTEST = 0.01  # s; and, for calls under way, not more often than this
MARGIN = 1.001  # on every period: two clocks may drift by 500 ppm each, a limiter may round to milliseconds
SLOWEST = 0.05  # of the full pace, however many 429s came
RECOVERY = 0.1  # of the full pace, regained in every period without a 429
NEVER = -1e9  # receive time of a place that was never used
MAGIC = b"smsthr01"
MOST_BYTES = 1_000_000  # of a state file; the pace of a thousand calls a second takes 50 kB
PATIENCE = 20.0  # s; the state file is held for less than a millisecond, unless its holder was stopped

Periods = Sequence[tuple[int, float]]


def periods(pace: Pace) -> Periods:
    """Say how many calls may go within how many seconds; all pairs given hold at once.

    Parameters
    ----------
    pace : Pace
        What the account may make, and what we use of it.

    Returns
    -------
    sequence of (int, float)
        First one burst in one period of `pace`. Where that is less than a second, two bursts fit into one
        second; if they could exceed the account's rate, a second pair forbids it.

    Examples
    --------
    >>> [(count, round(period, 2)) for count, period in periods(Pace(rate=2, share=0.25))]
    [(1, 2.0)]
    >>> [(count, round(period, 2)) for count, period in periods(Pace(rate=20, share=0.975))]
    [(19, 0.98), (20, 1.0)]
    """
    first = (pace.burst, pace.period * MARGIN)
    if pace.burst >= pace.per_second or 2 * pace.burst <= pace.rate:
        return (first,)
    return first, (math.floor(pace.rate), MARGIN)


def credit(fastest: float, answers: float) -> float:
    """Say how many seconds earlier a call may go because it and the answers take time on their way.

    `fastest` is the fastest of so many `answers`, seconds. A few prove little (the first ones also open
    connections): up to 9 give nothing, 900 give all of it, 0.9 of `fastest`.

    >>> credit(0.1, 9), credit(0.1, 36)
    (0.0, 0.05)
    """
    return fastest * min(0.9, max(0.0, 1 - 3 / math.sqrt(answers))) if answers else 0.0


def next_send(received: Sequence[float], limits: Periods, earlier: float) -> float:
    """Say when the next call may go; this may be in the past.

    Parameters
    ----------
    received : sequence of float
        When answers arrived, seconds on one clock, in any order, at least as many as the largest count of
        `limits`. A call under way stands there with a time in the future.
    limits, earlier
        As `periods` and `credit` give them.

    Examples
    --------
    Two calls a second, the last answers at 10.0 and 10.4 s:

    >>> next_send([10.4, 9.0, 10.0], [(2, 1.0)], 0.05)
    10.95
    """
    latest = sorted(received, reverse=True)
    return max(latest[count - 1] + period for count, period in limits) - earlier


def _doubles() -> array[float]:
    return array("d")


@dataclass
class CallBudget:
    """What the processes of an account know together: one small checksummed file of doubles."""

    boot: float
    fastest: float = 0.0
    answers: float = 0.0
    slow: float = 1.0  # part of the full pace right after the last 429, which came at slow_since
    slow_since: float = NEVER
    received: array[float] = field(default_factory=_doubles)
    owner: array[float] = field(default_factory=_doubles)  # process of a call under way, else 0
    born: array[float] = field(default_factory=_doubles)  # its start: process numbers are used again

    @classmethod
    def from_bytes(cls, raw: bytes, boot: float) -> CallBudget | None:
        """Read it; None if it is damaged, of another layout or from before the machine's last start."""
        if raw[:8] != MAGIC or raw[12:16] != zlib.crc32(raw[16:]).to_bytes(4, "big"):
            return None
        values = array("d", raw[16:])
        n = (len(values) - 5) // 3
        places = (values[5 : 5 + n], values[5 + n : 5 + 2 * n], values[5 + 2 * n :])
        return (
            cls(values[0], values[1], values[2], values[3], values[4], *places) if values[0] == boot else None
        )

    def to_bytes(self) -> bytes:
        """Write it behind a mark, the process that does and a checksum."""
        head = array("d", (self.boot, self.fastest, self.answers, self.slow, self.slow_since))
        body = (head + self.received + self.owner + self.born).tobytes()
        return MAGIC + _process_mark() + zlib.crc32(body).to_bytes(4, "big") + body

    def grow(self, size: int, received: float) -> None:
        """Have at least `size` places; new ones were last used at `received`."""
        missing = size - len(self.received)
        self.received.extend([received] * missing)
        self.owner.extend([0.0] * missing)
        self.born.extend([0.0] * missing)


def _process_mark() -> bytes:
    return os.getpid().to_bytes(4, "big")


def boot_mark() -> float:
    """Say which start of the machine this is: monotonic clocks of two starts do not compare. 0 if unknown."""
    try:
        return float(int(Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", "")[:13], 16))
    except (OSError, ValueError):
        return 0.0


class Throttle:
    """Lets a call go when the account has room for it.

    Parameters
    ----------
    rate : float
        Calls per second that the account may make, above 0. Above 1,000 calls per second for us nothing is
        paced and nothing shared; a 429 then makes this object rest for a second.
    share : float
        The part of `rate` used here, above 0 and at most 1. The rest stays free for the account's other
        work: production sends count against the same limit, and a throttled send is dropped.
    account : str
        Names the budget: a fingerprint of base URL and key. Any text; the file name is a hash of it. Two
        servers must not share a budget, since the fastest answer ever seen is remembered with it.
    folder : Path, optional
        Where the state file lies; ``~/.cache/smsdata`` if not given. If it cannot be written or locked, a
        folder of this user among the temporary files is used. Always the same folder, so that a scheduled run
        and a notebook of one user share; a home that several machines mount holds a file for each host name.
    clock, sleep : callable
        For tests. The clock must be the same for all processes.
    patience : float
        For how many seconds another process may hold the state file.

    Raises
    ------
    UsageError
        If `rate` or `share` is out of range.
    SmsDataError
        If no state file can be opened anywhere, or no longer be written, or this is Windows.
    LockedError
        If another process holds the state file too long, for it was stopped; the message names it.

    Notes
    -----
    Safe for threads and after a fork. A 429 halves the pace for all processes, once per period at most and
    not below a twentieth; each period without one gives back a tenth of the full pace. A state file that is
    damaged or older than the machine's last start begins anew, after two seconds at the usual rates.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> throttle = Throttle(rate=2, share=1, account="example", folder=folder)
    >>> with throttle.slot():
    ...     answer = "the call goes here"
    """

    def __init__(
        self,
        *,
        rate: float,
        share: float = 0.5,
        account: str,
        folder: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        patience: float = PATIENCE,
    ) -> None:
        if not 0 < rate < math.inf:
            raise UsageError(f"rate={rate}: give the calls per second of the account, above 0")
        if not 0 < share <= 1:
            raise UsageError(f"share={share}: give the part of the rate to use, above 0 and at most 1")
        self._pace = Pace(rate, share)
        self._period = periods(self._pace)[0][1]
        self._size = max(1, min(math.floor(rate), 2 * self._pace.burst))
        self._free = self._pace.per_second > FREE
        self._folder = folder or CACHE
        self._patience = patience
        self._clock, self._sleep = clock, sleep
        self._name = sha256(f"{account} {platform.node()}".encode()).hexdigest()[:32] + ".throttle"
        self._boot = boot_mark()
        self._rest_until = NEVER
        if not self._free:
            self._start()
            _started.add(self)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait until a call may go; leaving it, also by an exception, says that its answer has arrived.

        Put only the call itself inside: what else is done there counts as its answer time.
        """
        if self._free:
            self._rest()
            yield
            return
        ticket = self._enter()
        answered = False
        try:
            yield
            answered = True
        finally:
            self._leave(*ticket, answered=answered)

    def throttled(self) -> None:
        """Say that the gateway refused a call for its rate (429 or OVER_LIMIT): slow down, then recover."""
        if self._free:
            self._rest_until = self._clock() + 1
            return
        with self._budget() as budget:
            now = self._clock()
            if now - budget.slow_since >= self._period:
                budget.slow = max(SLOWEST, self._factor(budget, now) / 2)
                budget.slow_since = now

    def _start(self) -> None:
        """Open the file and take new locks; again after a fork, where locks and file position are shared."""
        self._turn = threading.Lock()  # held by the one thread that waits for its time; the others queue here
        self._mutex = threading.Lock()  # flock does not tell the threads of a process apart
        self._pid = os.getpid()
        self._born = birth(self._pid)
        self._open()

    def _open(self) -> None:
        self._fd, self._path = open_meeting_file(self._name, self._begin, self._folder)
        self._close = weakref.finalize(self, os.close, self._fd)
        self._close.atexit = False  # daemon threads may still be in a call

    def _begin(self, handle: int, path: Path) -> None:
        """Write the file once: a disk that has no room says so now, not in the middle of a run."""
        with self._locked(handle, path):
            os.pwrite(handle, self._read(handle).to_bytes(), 0)

    @contextmanager
    def _budget(self) -> Iterator[CallBudget]:
        try:
            with self._mutex, ExitStack() as lock:
                lock.enter_context(self._locked(self._fd, self._path))
                while not os.fstat(self._fd).st_nlink:  # somebody tidied up: meet the others in a new file
                    lock.close()
                    self._close()
                    self._open()
                    lock.enter_context(self._locked(self._fd, self._path))
                budget = self._read(self._fd)
                yield budget
                os.pwrite(self._fd, budget.to_bytes(), 0)
        except OSError as error:
            raise SmsDataError(
                f"{self._path}: {error.strerror}, so the budget of calls cannot be kept. Correct that and "
                "run it again; what was read is kept.",
                code="MACHINE",
            ) from None

    @contextmanager
    def _locked(self, handle: int, path: Path) -> Iterator[None]:
        if not take_lock(handle, self._patience, pause=0.002):
            who = int.from_bytes(os.pread(handle, 4, len(MAGIC)), "big")
            raise LockedError(
                f"{path}: process {who or 'unknown'} has held the account's budget of calls for "
                f"{self._patience:g} s; it seems to be stopped. Let it go on (kill -CONT {who}) or end it, "
                "then try again."
            )
        try:
            if os.fstat(handle).st_size:
                with suppress(OSError):  # it only names us to those who wait
                    os.pwrite(handle, _process_mark(), len(MAGIC))
            yield
        finally:
            locks = posix_locks()
            locks.flock(handle, locks.LOCK_UN)

    def _read(self, handle: int) -> CallBudget:
        size = os.fstat(handle).st_size
        budget = CallBudget.from_bytes(os.pread(handle, min(size, MOST_BYTES), 0), self._boot)
        unused = NEVER
        if budget is None:
            budget = CallBudget(self._boot)
            unused = self._clock() + GRACE if size else NEVER
            os.ftruncate(handle, 0)
        if len(budget.received) < self._size:
            budget.grow(self._size, unused)
        return budget

    def _enter(self) -> tuple[int, int, float]:
        with self._turn:
            while True:
                with self._budget() as budget:
                    now = self._clock()
                    wait = self._wait(budget, now)
                    if wait <= 0:
                        return self._take(budget, now + HOLD)
                self._sleep(wait)

    def _wait(self, budget: CallBudget, now: float) -> float:
        limits = periods(replace(self._pace, share=self._pace.share * self._factor(budget, now)))
        earlier = credit(budget.fastest, budget.answers)
        wait = next_send(budget.received, limits, earlier) - now
        if wait <= 0:
            return 0.0
        self._bury(budget, now)
        # The best case is that all calls under way are answered right now: no need to look before that.
        best = next_send([min(when, now) for when in budget.received], limits, earlier) - now
        return min(wait, max(best, SHORTEST), LONGEST)

    def _take(self, budget: CallBudget, hold: float) -> tuple[int, int, float]:
        place = budget.received.index(min(budget.received))
        budget.received[place], budget.owner[place], budget.born[place] = hold, self._pid, self._born
        return self._pid, place, hold

    def _leave(self, pid: int, place: int, hold: float, *, answered: bool) -> None:
        if pid != os.getpid():  # forked inside the slot: the answer is the parent's
            return
        now = self._clock()
        with self._budget() as budget:
            if hold not in budget.received[place : place + 1]:  # begun anew, or held too long and given away
                return
            budget.received[place], budget.owner[place] = now, 0.0
            if answered:
                took = now - (hold - HOLD)
                budget.fastest = min(took, budget.fastest) if budget.answers else took
                budget.answers += 1

    def _bury(self, budget: CallBudget, now: float) -> None:
        """Count the calls of dead processes as received in a moment."""
        for place, when in enumerate(budget.received):
            owner = (int(budget.owner[place]), budget.born[place])
            if when > now and owner[0] and owner != (self._pid, self._born) and birth(owner[0]) != owner[1]:
                budget.received[place], budget.owner[place] = min(when, now + GRACE), 0.0

    def _factor(self, budget: CallBudget, now: float) -> float:
        return min(1.0, budget.slow + RECOVERY * (now - budget.slow_since) / self._period)

    def _rest(self) -> None:
        wait = self._rest_until - self._clock()
        if wait > 0:
            self._sleep(wait)


_started: weakref.WeakSet[Throttle] = weakref.WeakSet()


def _after_fork() -> None:
    for throttle in list(_started):
        throttle._close()
        throttle._start()


in_forked_children(_after_fork)
