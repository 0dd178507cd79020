"""The pacing rule on simulated links in virtual time, and the shared state file with real processes."""

from __future__ import annotations

import heapq
import os
import random
import signal
import socketserver
import subprocess
import sys
import textwrap
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import ClassVar, Protocol

import pytest

from smsdata.errors import UsageError
from smsdata.gateway.throttle import HOLD, CallBudget, Throttle, boot_mark, credit, next_send, periods
from smsdata.settings import Pace

Delay = Callable[[random.Random], tuple[float, float]]  # seconds to the limiter, and from it to the answer


class Slots(Protocol):
    def slot(self) -> AbstractContextManager[None]: ...


class Clock:
    """Virtual time: sleeping runs what happens meanwhile."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.events: list[tuple[float, int, Callable[[], object]]] = []
        self.number = 0

    def __call__(self) -> float:
        return self.now

    def at(self, when: float, event: Callable[[], object]) -> None:
        self.number += 1
        heapq.heappush(self.events, (when, self.number, event))

    def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        while self.events and self.events[0][0] <= until:
            self.step()
        self.now = until

    def step(self) -> None:
        self.now, _, event = heapq.heappop(self.events)
        event()


class Limiters:
    """A gateway that limits in three ways at once and counts what each of them would refuse."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.arrivals: deque[float] = deque(maxlen=rate)
        self.second, self.in_second = -1, 0
        self.tokens, self.filled = float(rate), 0.0
        self.refused = {"sliding": 0, "calendar": 0, "bucket": 0}

    def arrive(self, now: float) -> None:
        self.refused["sliding"] += len(self.arrivals) == self.rate and now - self.arrivals[0] < 1
        self.arrivals.append(now)
        self.in_second = self.in_second + 1 if int(now) == self.second else 1
        self.second = int(now)
        self.refused["calendar"] += self.in_second > self.rate
        self.tokens = min(self.rate, self.tokens + (now - self.filled) * self.rate) - 1
        self.filled = now
        self.refused["bucket"] += self.tokens < -1e-6


def drain(
    throttle: Slots, clock: Clock, delay: Delay, *, calls: int, rate: int, workers: int
) -> tuple[dict[str, int], float]:
    """Make so many calls with so many at once; say what was refused and how long it took."""
    gateway, rng, began = Limiters(rate), random.Random(7), clock.now
    under_way: set[int] = set()

    def answer(call: int, slot: AbstractContextManager[None]) -> None:
        under_way.remove(call)
        slot.__exit__(None, None, None)

    for call in range(calls):
        while len(under_way) >= workers:
            clock.step()
        slot = throttle.slot()
        slot.__enter__()
        under_way.add(call)
        there, back = delay(rng)
        clock.at(clock.now + there, lambda: gateway.arrive(clock.now))
        clock.at(clock.now + there + back, partial(answer, call, slot))
    while clock.events:
        clock.step()
    return gateway.refused, clock.now - began


def make(folder: Path, clock: Clock, *, rate: float = 2, share: float = 1, account: str = "a") -> Throttle:
    return Throttle(rate=rate, share=share, account=account, folder=folder, clock=clock, sleep=clock.sleep)


LINKS: dict[str, Delay] = {
    "no latency": lambda rng: (0.0, 0.0),
    "lan": lambda rng: (0.0005 + rng.expovariate(5000), 0.0005 + rng.expovariate(5000)),
    "wan, both ways": lambda rng: (rng.uniform(0.025, 0.15), rng.uniform(0.025, 0.15)),
    "wan, all before": lambda rng: (rng.uniform(0.05, 0.3), 0.0),
    "wan, all after": lambda rng: (0.0, rng.uniform(0.05, 0.3)),
    "wan, long tail": lambda rng: (0.06 + rng.expovariate(30), 0.06 + rng.expovariate(30)),
    "slower than a period": lambda rng: (rng.uniform(0.7, 1.2), rng.uniform(0.7, 1.2)),
}


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize(("rate", "calls"), [(1, 400), (2, 1200), (20, 3000)])
def test_slot_is_never_throttled_at_full_share(tmp_path: Path, link: str, rate: int, calls: int) -> None:
    clock = Clock()
    throttle = make(tmp_path, clock, rate=rate)
    calls = calls if link != "slower than a period" else calls // 8
    refused, took = drain(throttle, clock, LINKS[link], calls=calls, rate=rate, workers=16)
    assert refused == {"sliding": 0, "calendar": 0, "bucket": 0}
    over = took / ((calls - rate) / rate)
    if link.startswith("wan"):
        assert over <= 1.15
    elif link != "slower than a period":
        assert over <= 1.01
    assert over >= 0.99


class BySendTime:
    """The control: what is often done, and wrong."""

    def __init__(self, clock: Clock, rate: float) -> None:
        self.clock, self.gap, self.next = clock, 1 / rate, 0.0

    @contextmanager
    def slot(self) -> Iterator[None]:
        self.clock.sleep(max(0.0, self.next - self.clock.now))
        self.next = self.clock.now + self.gap * 1.01
        yield


class ForgetsCallsUnderWay(BySendTime):
    """The same rule as ours, but a call counts only once its answer is here."""

    received: ClassVar[list[float]] = []

    @contextmanager
    def slot(self) -> Iterator[None]:
        when = next_send([0.0, 0.0, *self.received], periods(Pace(2, 1)), 0.0)
        self.clock.sleep(max(0.0, when - self.clock.now))
        yield
        self.received.append(self.clock.now)


@pytest.mark.parametrize("kind", [BySendTime, ForgetsCallsUnderWay])
def test_drain_catches_wrong_pacing(kind: type[BySendTime]) -> None:
    clock = Clock()
    refused, _ = drain(kind(clock, 2), clock, LINKS["wan, long tail"], calls=500, rate=2, workers=8)
    assert refused["sliding"] > 50


@pytest.mark.parametrize(
    ("rate", "share", "per_second"),
    [(2, 0.25, 0.5), (2, 0.5, 1), (5, 0.5, 2.5), (0.5, 1, 0.5), (20, 0.5, 10)],
)
def test_slot_keeps_its_share(tmp_path: Path, rate: float, share: float, per_second: float) -> None:
    clock = Clock()
    throttle = make(tmp_path, clock, rate=rate, share=share)
    refused, took = drain(throttle, clock, LINKS["no latency"], calls=300, rate=max(1, int(rate)), workers=4)
    burst = max(1, int(per_second))
    assert took == pytest.approx((300 - burst) / per_second, rel=0.01)
    assert not any(refused.values())


def test_periods_keep_two_bursts_within_the_rate(tmp_path: Path) -> None:
    """19.8 calls/s are 19 in 0.96 s; two such bursts would be 38 in one second of at most 20."""
    clock = Clock()
    throttle = make(tmp_path, clock, rate=20, share=0.99)
    refused, took = drain(throttle, clock, LINKS["no latency"], calls=1000, rate=20, workers=20)
    assert not any(refused.values())
    assert took <= 1000 / 19.8 * 1.06


def test_next_send_waits_for_the_right_answer() -> None:
    assert next_send([10.0, 12.0, 11.0], [(2, 1.0)], 0.25) == 11.75
    assert next_send([10.0, 12.0, 11.0], [(2, 1.0), (3, 5.0)], 0.0) == 15.0


def test_credit_grows_with_evidence() -> None:
    values = [credit(1.0, n) for n in (0, 1, 9, 20, 100, 900, 10**6)]
    assert values == sorted(values)
    assert (values[0], values[2], values[-1]) == (0, 0, 0.9)


@pytest.mark.parametrize(
    ("rate", "share"),
    [(0, 0.5), (-1, 0.5), (float("nan"), 0.5), (float("inf"), 1), (2, 0), (2, 1.01), (2, float("nan"))],
)
def test_throttle_refuses_values_out_of_range(tmp_path: Path, rate: float, share: float) -> None:
    with pytest.raises(UsageError, match=r"rate=|share="):
        Throttle(rate=rate, share=share, account="a", folder=tmp_path)


def waited(throttle: Throttle, clock: Clock) -> float:
    """Make one call without latency; say how long it had to wait."""
    began = clock.now
    with throttle.slot():
        return clock.now - began


def test_slot_shares_one_budget_per_account(tmp_path: Path) -> None:
    clock = Clock()
    mine, yours = make(tmp_path, clock), make(tmp_path, clock)
    other = make(tmp_path, clock, account="b")
    waits = [waited(throttle, clock) for throttle in (mine, yours, other, other, mine)]
    assert waits == pytest.approx([0, 0, 0, 0, 1], abs=0.01)


def test_slot_grows_the_file_for_a_higher_rate(tmp_path: Path) -> None:
    clock = Clock()
    small, large = make(tmp_path, clock, rate=2), make(tmp_path, clock, rate=6)
    waits = [waited(throttle, clock) for throttle in (small, small, *[large] * 5, small, small)]
    assert waits == pytest.approx([0, 0, 0, 0, 0, 0, 1, 0, 1], abs=0.01)


def test_slot_records_an_answer_after_an_exception(tmp_path: Path) -> None:
    clock = Clock()
    throttle = make(tmp_path, clock, rate=1)

    def call() -> None:
        with throttle.slot():
            clock.sleep(3)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call()
    assert waited(throttle, clock) == pytest.approx(1, abs=0.01)


def test_slot_is_given_away_when_held_too_long(tmp_path: Path) -> None:
    clock = Clock()
    stuck, throttle = make(tmp_path, clock, rate=1), make(tmp_path, clock, rate=1)
    slot = stuck.slot()
    slot.__enter__()
    assert waited(throttle, clock) == pytest.approx(HOLD + 1, abs=0.6)
    slot.__exit__(None, None, None)  # too late: must not touch what is another's now
    assert waited(throttle, clock) == pytest.approx(1, abs=0.01)


def test_throttled_halves_the_pace_for_all_and_recovers(tmp_path: Path) -> None:
    clock = Clock()
    mine, yours = make(tmp_path, clock, rate=10), make(tmp_path, clock, rate=10)

    def calls_in(seconds: float) -> int:
        until, count = clock.now + seconds, 0
        while clock.now < until:
            waited(yours, clock)
            count += clock.now < until
        return count

    assert calls_in(10) == pytest.approx(100, abs=10)
    mine.throttled()
    mine.throttled()  # of the same moment: counts once
    assert 14 <= calls_in(3) <= 23
    clock.sleep(3)
    assert calls_in(10) == pytest.approx(100, abs=10)


def test_throttled_many_times_still_lets_calls_go(tmp_path: Path) -> None:
    clock = Clock()
    throttle = make(tmp_path, clock, rate=1)
    for _ in range(50):
        throttle.throttled()
        clock.sleep(1.01)
    waited(throttle, clock)
    assert 1 < waited(throttle, clock) < 20


def test_throttled_rests_at_a_rate_without_limit(tmp_path: Path) -> None:
    clock = Clock()
    throttle = make(tmp_path, clock, rate=100_000)
    before = sum(waited(throttle, clock) for _ in range(5000))
    throttle.throttled()
    assert (before, waited(throttle, clock), waited(throttle, clock)) == (0, 1, 0)
    assert not list(tmp_path.iterdir())


def test_slot_holds_back_threads(tmp_path: Path) -> None:
    throttle = Throttle(rate=20, share=1, account="a", folder=tmp_path)
    times: list[float] = []

    def work() -> None:
        for _ in range(4):
            with throttle.slot():
                times.append(time.monotonic())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    assert all(later - earlier >= 1 for earlier, later in zip(times, times[20:], strict=False))
    assert times[-1] - times[0] < 1.8


def state_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "garbage"])
def test_slot_waits_a_period_after_damage(tmp_path: Path, damage: str) -> None:
    clock = Clock()
    throttle = make(tmp_path, clock)
    waited(throttle, clock)
    clock.sleep(60)
    path = state_file(tmp_path)
    raw = bytearray(path.read_bytes())
    raw[40] ^= 1
    bodies = {"flip": bytes(raw), "cut": bytes(raw[:-9]), "empty": b"", "garbage": os.urandom(5000)}
    path.write_bytes(bodies[damage])
    first = waited(throttle, clock)
    assert damage == "empty" or 1 <= first <= 2.5
    assert [waited(throttle, clock) for _ in range(3)] == pytest.approx([0, 1, 0], abs=0.6)


def test_slot_begins_anew_after_a_reboot(tmp_path: Path) -> None:
    clock = Clock()
    throttle = make(tmp_path, clock)
    waited(throttle, clock)
    budget = CallBudget.from_bytes(state_file(tmp_path).read_bytes(), boot_mark())
    assert budget is not None
    budget.boot += 1
    budget.received[0] = clock.now + 1e6  # the clock of the last start was far ahead
    state_file(tmp_path).write_bytes(budget.to_bytes())
    assert 1 <= waited(make(tmp_path, clock), clock) <= 2.5


def test_slot_meets_the_others_in_a_new_file(tmp_path: Path) -> None:
    clock = Clock()
    old = make(tmp_path, clock, rate=1)
    waited(old, clock)
    state_file(tmp_path).unlink()
    new = make(tmp_path, clock, rate=1)
    assert [waited(new, clock), waited(old, clock)] == pytest.approx([0, 1], abs=0.01)


def test_throttle_keeps_its_file_private(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    waited(make(folder, Clock()), Clock())
    assert folder.stat().st_mode & 0o777 == 0o700
    assert state_file(folder).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("reason", ["not a folder", "planted link"])
def test_throttle_survives_an_unwritable_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    spare, folder, victim, clock = tmp_path / "spare", tmp_path / "folder", tmp_path / "victim", Clock()
    spare.mkdir()
    victim.touch()
    monkeypatch.setattr("tempfile.tempdir", str(spare))
    if reason == "not a folder":
        folder.touch()
    else:
        make(folder, clock)
        path = state_file(folder)
        path.unlink()
        path.symlink_to(victim)
    throttles = [make(folder, clock, rate=1) for _ in range(2)]
    assert [waited(throttle, clock) for throttle in throttles] == pytest.approx([0, 1], abs=0.01)
    assert state_file(spare / f"smsdata-{os.getuid()}").stat().st_size > 0
    assert not victim.read_bytes()


def ahead() -> Clock:
    """Start a virtual clock at the real time that another process sees."""
    clock = Clock()
    clock.now = time.monotonic()
    return clock


def test_slot_of_a_killed_process_is_held_a_moment_only(tmp_path: Path) -> None:
    child = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from smsdata.gateway.throttle import Throttle
        with Throttle(rate=1, share=1, account="a", folder=Path(sys.argv[1])).slot():
            print("in", flush=True)
            time.sleep(60)
    """)
    with subprocess.Popen([sys.executable, "-c", child, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"in\n"
        clock = ahead()
        alive = next_send_of(tmp_path) - clock.now
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert alive > 100
    assert 1 < waited(make(tmp_path, clock, rate=1), clock) < 4


def next_send_of(folder: Path) -> float:
    budget = CallBudget.from_bytes(state_file(folder).read_bytes(), boot_mark())
    assert budget is not None
    return next_send(budget.received, periods(Pace(1, 1)), 0.0)


def test_slot_waits_for_a_parent_after_a_fork(tmp_path: Path) -> None:
    clock = Clock()
    throttle = make(tmp_path, clock, rate=1)
    with throttle.slot():
        pid = os.fork()
        if not pid:
            os._exit(0 if waited(throttle, clock) > HOLD else 1)
        assert os.waitpid(pid, 0)[1] == 0


class Gateway(socketserver.ThreadingTCPServer):
    """One byte is a call; the answer says nothing, the count of refused ones is read from here."""

    daemon_threads = True

    def __init__(self, rate: int) -> None:
        super().__init__(("127.0.0.1", 0), Calls)
        self.lock, self.limiters, self.calls = threading.Lock(), Limiters(rate), 0


class Calls(socketserver.BaseRequestHandler):
    server: Gateway

    def handle(self) -> None:
        while self.request.recv(1):
            with self.server.lock:
                self.server.limiters.arrive(time.monotonic())
                self.server.calls += 1
            self.request.send(b".")


CALLER = textwrap.dedent("""
    import socket, sys, threading, time
    from pathlib import Path
    from smsdata.gateway.throttle import Throttle
    port, rate, seconds, folder = sys.argv[1:]
    throttle = Throttle(rate=float(rate), share=1, account="a", folder=Path(folder))
    end = time.monotonic() + float(seconds)
    def work():
        line = socket.create_connection(("127.0.0.1", int(port)))
        while time.monotonic() < end:
            with throttle.slot():
                line.send(b".")
                line.recv(1)
    threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
    for thread in threads: thread.start()
    time.sleep(float(seconds))
""")


def race(folders: list[Path], *, rate: int, seconds: float) -> Gateway:
    with Gateway(rate) as gateway:
        threading.Thread(target=gateway.serve_forever, args=(0.05,), daemon=True).start()
        arguments = [str(gateway.server_address[1]), str(rate), str(seconds)]
        processes = [
            subprocess.Popen([sys.executable, "-c", CALLER, *arguments, str(folder)]) for folder in folders
        ]
        assert [process.wait() for process in processes] == [0] * len(folders)
        gateway.shutdown()
    return gateway


@pytest.mark.parametrize("processes", [2, 6])
def test_slot_of_many_processes_keeps_one_budget(tmp_path: Path, processes: int) -> None:
    gateway = race([tmp_path] * processes, rate=30, seconds=1.3)
    assert not any(gateway.limiters.refused.values())
    assert gateway.calls > 0  # how many depends on the machine: benchmarks/drain.py measures that


def test_race_catches_budgets_that_are_not_shared(tmp_path: Path) -> None:
    gateway = race([tmp_path / "one", tmp_path / "two"], rate=30, seconds=2.0)
    assert gateway.limiters.refused["sliding"] > 0
