"""Carries the calls of an outbox over HTTP, and lets virtual time pass while nobody asks.

One thread moves the clock; a few carry calls, outside the lock of the account, so that whoever is called may
ask the gateway meanwhile. Imports the gateway and the outbox.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

from smsdata.simulator.gateway import Gateway
from smsdata.simulator.outbox import OutgoingCall, nobody_answers

PATIENCE = 10.0
"""Seconds that an address has to answer."""
_TICK = 0.02
_CARRIERS = 4


def carry(call: OutgoingCall) -> bool:
    """Make one call on a connection of its own; gives whether it was answered with 2xx: for `Outbox.post`."""
    parts = urlsplit(call.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
    headers = dict(call.headers)
    if call.body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    try:
        connection.request(call.method, target, call.body.encode() if call.body else None, headers)
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def carrying(gateway: Gateway) -> Iterator[None]:
    """Carry the calls of a gateway's account, and let its time pass, until the end of the block.

    An outbox that has somebody to carry its calls keeps them.
    """
    outbox, ending = gateway.account.outbox, threading.Event()
    mine = outbox.post is nobody_answers
    carriers = ThreadPoolExecutor(_CARRIERS, "callbacks")

    def hand_over(call: OutgoingCall) -> None:
        carriers.submit(lambda: outbox.settle(call, carry(call)))

    def let_time_pass() -> None:
        while not ending.wait(_TICK):
            gateway.tick()

    ticking = threading.Thread(target=let_time_pass, name="virtual time", daemon=True)
    if mine:
        outbox.post = hand_over
    if gateway.speed:
        ticking.start()
    try:
        yield
    finally:
        ending.set()
        if gateway.speed:
            ticking.join()
        if mine:
            outbox.post = nobody_answers
        carriers.shutdown(cancel_futures=True)
