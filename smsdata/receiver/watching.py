"""What a receiver has received: counts for its status, and callbacks as they come.

Reads the spool and the store, and changes neither. Imports `store` and `schema`.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from smsdata.schema.callbacks import own_parameters, parameters
from smsdata.store.spool import STATES, Callback, Spool, missing_callbacks, not_merged_of, spool_folder
from smsdata.store.store import Store

DAYS = 7
_FINAL = frozenset({"delivered", "hard-bounce"})
_NUMBERS = frozenset({"mobile", "longcode"})
_HARMLESS = {
    re.compile(r"\d{0,10}", re.ASCII): frozenset(
        {"message_id", "list_id", "user_id", "response_id", "link_hits"}
    ),
    re.compile(r"[\d :TZ.-]{0,25}", re.ASCII): frozenset({"datetime", "datetime_entry"}),
    re.compile(r"[A-Za-z _-]{0,20}"): frozenset({"status", "is_optout", "type"}),
}
"""What the gateway's own parameters look like when they are no person's."""
_NAME = re.compile(r"[A-Za-z][A-Za-z _-]*\d{0,3}")


def receiver_status(store: Store, now: datetime | None = None) -> dict[str, Any]:
    """What was received, what is not merged, and sends that should have been heard of and were not.

    Returns
    -------
    dict
        ``last_hour`` and ``last_day`` count callbacks by kind; ``last`` is when the last one came, None if
        none did; ``not_merged`` counts those in the spool and ``waiting``, ``odd``, ``refused`` those put
        aside; ``missing`` names the files that were deleted before they were merged; ``bytes`` is the size of
        what is not merged; ``silent_sends`` lists the sends of the last 7
        days that polling shows final and of which no callback came: their URL was set per message, or the
        setting is off.
    """
    moment = now or datetime.now(UTC)
    spool = Spool(spool_folder(store.private))
    hour, day = Counter[str](), Counter[str]()
    last, not_merged, size = 0, 0, 0
    for segment in spool.segments(*STATES):
        left = not_merged_of(spool, segment)
        not_merged += len(left)
        size += segment.bytes if left else 0
        for callback in segment.callbacks:
            age = moment.timestamp() - callback.at / 1e6
            day[callback.kind] += age < 86_400
            hour[callback.kind] += age < 3600
            last = max(last, callback.at)
    return {
        "last_hour": dict(+hour), "last_day": dict(+day),
        "last": datetime.fromtimestamp(last / 1e6, UTC).isoformat() if last else None,
        "not_merged": not_merged, "bytes": size,
        **{name: len(spool.aside(name).callbacks) for name in ("waiting", "odd", "refused")},
        "missing": missing_callbacks(store.private),
        "silent_sends": _silent_sends(store, moment - timedelta(days=DAYS)),
    }  # fmt: skip


def _silent_sends(store: Store, since: datetime) -> list[int]:
    final = {
        row["message_id"]
        for row in store.tables.grouped("dlrs", ["message_id", "status"], since=since)
        if row["status"] in _FINAL
    }
    heard = {
        row["message_id"]
        for row in store.tables.grouped("status_history", ["message_id", "source"], since=since)
        if row["source"] == "callback"
    }
    return sorted(final - heard)


def status_lines(status: dict[str, Any]) -> list[str]:
    """A status for a person."""
    counts = {
        name: ", ".join(f"{kind} {n:,}" for kind, n in status[name].items())
        for name in ("last_hour", "last_day")
    }
    lines = [
        f"last hour   {counts['last_hour'] or 'nothing'}",
        f"last day    {counts['last_day'] or 'nothing'}",
        f"last one    {status['last'] or 'none yet'}",
        f"not merged  {status['not_merged']:,} ({status['bytes']:,} bytes)",
        f"put aside   {status['waiting']:,} wait for polling, {status['odd']:,} cannot be read, "
        f"{status['refused']:,} have a wrong signature",
    ]
    lines += status["missing"]
    silent = status["silent_sends"]
    if silent:
        shown = ", ".join(map(str, silent[:10])) + (
            f" and {len(silent) - 10:,} more" if len(silent) > 10 else ""
        )
        lines.append(
            f"no callback of {len(silent):,} sends of the last {DAYS} days that polling shows final: "
            f"{shown}. "
            "Their URL was set per message, or the account's setting is off."
        )
    return lines


def shown_callback(callback: Callback, *, clear: bool = False) -> dict[str, Any]:
    """A callback as it may be shown: the last three digits of numbers, and what says nothing of anybody.

    All else, such as texts, custom fields and parameters of the user's own, is shown only when asked for.

    >>> one = Callback(0, "dlr", "mobile=61491570156&status=delivered&email=mia@example.org")
    >>> shown_callback(one)["parameters"]
    {'mobile': '********156', 'status': 'delivered', 'email': '(15 characters)'}
    """
    told = (callback.query, callback.body, callback.media)
    own, pairs = own_parameters(*told), parameters(*told)
    fields = {_shown_name(name, clear): value if clear else _length(value) for name, value in own}
    fields |= {_shown_name(name, clear): value if clear else _masked(name, value) for name, value in pairs}
    at = datetime.fromtimestamp(callback.at / 1e6, UTC)
    return {"at": at.isoformat(timespec="seconds"), "kind": callback.kind, "parameters": fields}


def _shown_name(name: str, clear: bool) -> str:
    return name if clear or _NAME.fullmatch(name[:40]) else f"({len(name)} characters)"


def _masked(name: str, value: str) -> str:
    if name in _NUMBERS and re.fullmatch(r"\+?\d{4,20}", value, re.ASCII):
        return "*" * (len(value) - 3) + value[-3:]
    harmless = any(name in names and shape.fullmatch(value) for shape, names in _HARMLESS.items())
    return value if harmless else _length(value)


def _length(value: str) -> str:
    return f"({len(value)} characters)" if value else ""


def follow(
    store: Store,
    *,
    sleep: Callable[[float], None] = time.sleep,
    every: float = 0.5,
    on_ready: Callable[[], None] = lambda: None,
) -> Iterator[Callback]:
    """Callbacks as they come, from now on; ends when it is interrupted.

    `on_ready` is called once it is known which callbacks were there before.
    """
    spool = Spool(spool_folder(store.private))
    first, seen = "", 0
    for segment in spool.segments(*STATES):
        first, seen = segment.path.stem, len(segment.callbacks)
    on_ready()
    while True:
        begun = first
        first = ""  # when all that was merged is removed, segments are counted from 1 again
        for segment in spool.segments(*STATES, first=begun):
            yield from segment.callbacks[seen if segment.path.stem in {begun, first} else 0 :]
            first, seen = segment.path.stem, len(segment.callbacks)
        sleep(every)
