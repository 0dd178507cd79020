"""The twin of the SMS gateway: a stateful account on a virtual clock, served over HTTP or in process.

It is the independent witness that the rest of the package is tested against, so it imports nothing of it.

    account = Account(seed=1)                     # ~90 days of history, standing at 2026-11-22
    gateway = Gateway(account, limiter=None)      # authentication, paging, throttle, faults
    httpx.Client(transport=transport(gateway))    # in process, or
    with running(gateway) as base_url: ...        # over loopback
    account.advance(hours=24); account.truth("dlrs")
"""

from smsdata.simulator.account import Account
from smsdata.simulator.contacts import Refused
from smsdata.simulator.drift import Drift
from smsdata.simulator.faults import Faults, Once
from smsdata.simulator.gateway import Answer, Gateway
from smsdata.simulator.serve import app, running, serve, transport

__all__ = [
    "Account",
    "Answer",
    "Drift",
    "Faults",
    "Gateway",
    "Once",
    "Refused",
    "app",
    "running",
    "serve",
    "transport",
]
