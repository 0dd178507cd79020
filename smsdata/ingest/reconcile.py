"""Checks that the store agrees with itself, and with the gateway.

Adds to `Store.verify` what needs calls: the gateway's own count of messages, week by week. Changes nothing
anywhere. Imports `gateway`, `store` and `times`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from smsdata import times
from smsdata.errors import ApiError
from smsdata.gateway.caller import Caller
from smsdata.store.store import Store, open_store
from smsdata.store.verify import FILE_FAULTS, Difference

_SPAN = timedelta(days=7)  # the widest that get-sms-sent-count answers
_NOT_OFFERED = frozenset({"NOT_IMPLEMENTED", "NO_ACCESS"})
_WIRE = "%Y-%m-%d %H:%M:%S"


def verify(
    store: Store | str | Path, client: Caller | None = None, *, since: str | datetime | None = None
) -> list[Difference]:
    """Check a store, and with a client also that the gateway counts the same messages.

    Parameters
    ----------
    store
        The store, or its folder.
    client
        The account, for one call per 7 days; None checks without the gateway: checksums, keys, and rows
        against the stored counters of each campaign.
    since
        From when on the gateway is asked; by default from where messages are stored.

    Returns
    -------
    list of Difference
        Empty when all is well; each names table, place, both counts and what to do.
    """
    store = open_store(store)
    differences = store.verify()
    if client is None or any(difference.what in FILE_FAULTS for difference in differences):
        return differences
    try:
        return [*differences, *_weeks_counted_differently(store, client, since)]
    except ApiError as error:
        if error.code not in _NOT_OFFERED and error.status != 404:
            raise
        advice = (
            "This gateway does not count messages week by week; only the counters of sends were compared."
        )
        return [*differences, Difference("messages", "not offered", "get-sms-sent-count", 0, 0, advice)]


def _weeks_counted_differently(
    store: Store, client: Caller, since: str | datetime | None
) -> Iterator[Difference]:
    until = store.state.cursors.get("messages")
    first = store.state.kept_from.get("messages")
    if until is None or first is None:
        return
    start = max(first, times.since(since, until)) if since is not None else first
    while start < until:
        end = min(start + _SPAN, until)
        count = int(
            client.call("get-sms-sent-count", start=f"{start:{_WIRE}}", end=f"{end:{_WIRE}}")["count"]
        )
        least, most = _stored_between(store, start, end)
        if not least <= count <= most:
            where = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"
            advice = f"Run `smsdata sync --deep --since {start:%Y-%m-%d}`; if it stays, ask the provider."
            yield Difference("messages", "count", where, most, count, advice)
        start = end


def _stored_between(store: Store, start: datetime, end: datetime) -> tuple[int, int]:
    """How many messages are stored; nobody says whether the gateway counts those on the edges."""
    second = timedelta(seconds=1)
    inner = store.rows("messages", since=start + second, until=end, columns=["id"]).num_rows
    return inner, store.rows("messages", since=start, until=end + second, columns=["id"]).num_rows
