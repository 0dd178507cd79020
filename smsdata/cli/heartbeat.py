"""A sign of life for a monitor: a file that is touched or an address that is called after a good run.

What fails here is one line, and never what the run itself comes to. The address may be all that it takes to
give the sign, so no error and no log shows more of it than its host. Imports `gateway.wire`, `settings` and
`errors`.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from smsdata.errors import UsageError
from smsdata.gateway.wire import NetworkFaults, connection_pool
from smsdata.settings import Settings, expanded

DEADLINE = 10.0  # s; a monitor that is down must not hold up what comes after the sync
COUNTING = (0, 3, 4)
"""The exit codes that may count as a sign of life: data is in, or another run is at it."""


@dataclass(frozen=True)
class Heartbeat:
    """Where the sign goes, and after which exit codes."""

    target: str
    codes: frozenset[int]

    @classmethod
    def of(cls, target: str, codes: str = "0") -> Heartbeat:
        """Read a target and exit codes as the command line has them.

        Raises
        ------
        UsageError
            The target is no address of http(s) and no file that can be, or a code does not count.
        """
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", target):
            _refuse_address(target)
        else:
            _refuse_place(target)
        words = [word.strip() for word in codes.split(",")]
        if not all(word in map(str, COUNTING) for word in words):
            allowed = ", ".join(map(str, COUNTING))
            raise UsageError(f"--heartbeat-on takes exit codes out of {allowed}, such as 0,3: {codes!r:.40}.")
        return cls(target, frozenset(map(int, words)))

    def beat(self, code: int, chosen: Settings, *, deadline: float = DEADLINE) -> str:
        """Give the sign if the exit code counts; gives what failed, or nothing.

        `chosen` says through which proxy, and whose certificates are trusted.
        """
        if code not in self.codes:
            return ""
        if _is_address(self.target):
            where, reason = urlsplit(self.target).hostname, _call(self.target, chosen, deadline)
        else:
            where, reason = self.target, _touch(expanded(self.target))
        return f"the heartbeat to {where} failed: {reason}." if reason else ""


def _is_address(target: str) -> bool:
    return target.lower().startswith(("http://", "https://"))


def _refuse_address(target: str) -> None:
    try:
        parts = urlsplit(target)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        good = good and _is_address(target) and not re.search(r"[\s\\\x00-\x1f]", target) and target.isascii()
    except ValueError:  # a port or an IPv6 address that is none
        good = False
    if not good:
        raise UsageError("--heartbeat is no address of http or https, such as https://monitor.example/abc.")
    if parts.username or parts.password:
        raise UsageError("--heartbeat must hold no credentials: use an address that needs none.")


def _refuse_place(target: str) -> None:
    path = expanded(target)
    try:
        fits = bool(target.strip()) and path.parent.is_dir() and (path.is_file() or not path.exists())
    except (OSError, ValueError):
        fits = False
    if not fits:
        raise UsageError(
            f"--heartbeat {target!r:.80} is no file and cannot become one: make its folder first."
        )


def _touch(path: Path) -> str:
    try:
        path.touch()
    except OSError as error:
        return (error.strerror or type(error).__name__).lower()
    return ""


def _call(address: str, chosen: Settings, deadline: float) -> str:
    """Call an address once; the deadline holds whatever takes long, the look-up of its name too."""
    reasons = [f"no answer within {deadline:g} s"]

    def call() -> None:
        try:
            with connection_pool(chosen) as pool:
                steps = dict.fromkeys(("connect", "read", "write", "pool"), deadline)
                with pool.stream("GET", address, headers=_HEADERS, extensions={"timeout": steps}) as answer:
                    reasons[0] = "" if 200 <= answer.status < 300 else f"it answered HTTP {answer.status}"
        except NetworkFaults as error:
            reasons[0] = f"no connection ({type(error).__name__})"
        except Exception as error:  # its text may hold the address
            reasons[0] = type(error).__name__

    thread = threading.Thread(target=call, name="smsdata-heartbeat", daemon=True)
    thread.start()
    thread.join(deadline)
    return reasons[0]


_HEADERS = [(b"User-Agent", b"smsdata"), (b"Connection", b"close")]
