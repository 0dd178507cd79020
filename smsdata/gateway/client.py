"""The front door: an account as `Client`, a table as one frame, complete with its certificate, or an error.

What makes a read complete stands in `reader`; here are times and parameters as people give them, the
frame and its certificate, and the progress bar. Imports `reader` and `client`; knows no files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from smsdata.errors import UsageError
from smsdata.gateway.caller import Caller, Page
from smsdata.gateway.endpoints import ENDPOINTS, Endpoint, endpoint
from smsdata.schema.frames import empty, key_hash, to_pandas
from smsdata.times import instant, since

if TYPE_CHECKING:
    import pandas as pd

from smsdata.gateway.reader import Drained, Read, Reader, members, unique, windows


def bounds(
    now: datetime,
    *,
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    since_: str | datetime | None = None,
) -> tuple[datetime, datetime]:
    """Where a window begins and ends; without a start it begins 30 days ago.

    Raises
    ------
    UsageError
        When `start` lies after `end`, or both `start` and `since` are given.
    """
    if start is not None and since_ is not None:
        raise UsageError("give start or since, not both.")
    until = instant(end, "end") if end is not None else now
    begin = instant(start, "start") if start is not None else since(since_ or "30d", max(now, until))
    if begin > until:
        raise UsageError(f"start {begin:%Y-%m-%d %H:%M:%S} lies after end {until:%Y-%m-%d %H:%M:%S} (UTC).")
    return begin.replace(microsecond=0), until


def drain(
    client: Caller,
    table: str,
    *,
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    since: str | datetime | None = None,
    **parameters: Any,
) -> pd.DataFrame:
    """Drain one table into a frame: all rows there are, or an error.

    Parameters
    ----------
    client
        The account.
    table
        A table's name; `smsdata.gateway.endpoints.ENDPOINTS` lists them.
    start, end, since
        For tables bounded in time: aware datetimes or ISO text (UTC), both ends included; or `since`,
        a duration back from now such as ``"30d"``. Without any, the last 30 days.
    **parameters
        What the endpoint needs or takes, such as ``message_id=`` for dlrs, ``list_id=`` for list_members.

    Returns
    -------
    pandas.DataFrame
        One row per key, columns and dtypes as the README's table lists them, oldest first where the
        table is ordered in time. ``attrs["drain"]`` says what was read and what proves it complete.

    Raises
    ------
    UsageError
        Unknown table or parameter, a missing one, or times that make no window.
    ApiError
        When a call fails for good.
    DrainError
        When the rows could not be proved complete.
    RowError
        When a row does not fit its table.
    """
    entry = endpoint(table)
    read = _asked(entry, parameters)
    asked = any(value is not None for value in (start, end, since))
    if asked and not (entry.limit or "start" in entry.optional):
        raise UsageError(f"{table} is not bounded in time: leave out start, end and since.")
    reads = [read]
    if asked or entry.limit:
        now = client.now() if start is not None and end is not None else client.ask_now()
        begin, until = bounds(now, start=start, end=end, since_=since)
        reads = windows(read, _kept_since(entry, begin, now), until)
    calls = client.calls
    with progress(table, client) as on_page:
        drained = _all(Reader(client, on_page=on_page), reads)
    frame = _frame(entry, reads, drained)
    frame.attrs["drain"]["calls"] = client.calls - calls
    return frame


def _kept_since(entry: Endpoint, begin: datetime, now: datetime) -> datetime:
    """The whole of what the gateway keeps may be asked for; a second more and it refuses."""
    if entry.limit is None or entry.limit.horizon is None:
        return begin
    oldest = now - timedelta(days=entry.limit.horizon) + timedelta(minutes=1)
    return oldest if oldest - timedelta(days=1) <= begin < oldest <= now else begin


def _asked(entry: Endpoint, parameters: Mapping[str, Any]) -> Read:
    given = {name: value for name, value in parameters.items() if value is not None}
    if entry.required == ("mobile",) and "msisdn" in given:
        given["mobile"] = given.pop("msisdn")
    missing = [name for name in entry.required if name not in given]
    unknown = sorted(set(given) - set(entry.required) - set(entry.optional))
    if missing or unknown:
        wrong = f"needs {missing[0]}=" if missing else f"does not take {', '.join(unknown)}"
        raise UsageError(f"{entry.name} {wrong}.")
    return Read(entry, given)


def _all(reader: Reader, reads: Sequence[Read]) -> list[Drained]:
    if reads[0].endpoint.name == "list_members" and "members" not in reads[0].parameters:
        return [_unrejected(members(reader, reads[0]))]
    done = []
    for outcome in reader.each(reads):
        if not isinstance(outcome, Drained):
            raise outcome
        done.append(_unrejected(outcome))
    return done


def _unrejected(drained: Drained) -> Drained:
    for reject in drained.batch.rejects[:1]:
        raise reject.error()
    return drained


def _frame(entry: Endpoint, reads: Sequence[Read], drained: Sequence[Drained]) -> pd.DataFrame:
    table = entry.table.name
    rows = pa.concat_tables([empty(table), *(d.rows for d in drained)])
    rows = unique(table, rows)
    if entry.table.time:
        rows = rows.sort_by(
            [(entry.table.time, "ascending"), *((key, "ascending") for key in entry.table.key)]
        )
    frame = to_pandas(rows)
    frame.attrs["drain"] = certificate(table, reads, drained) | {
        "rows": len(frame),
        "keys": key_hash(table, rows),
    }
    return frame


def certificate(table: str, reads: Sequence[Read], drained: Sequence[Drained]) -> dict[str, Any]:
    """What was read and what proves it, as plain JSON values."""
    stamps = [d.seen_at for d in drained]
    return {
        "table": table,
        "windows": [[_iso(r.start), _iso(r.end)] for r in reads if r.start and r.end],
        "rows_served": sum(d.served for d in drained),
        "distinct_rows": sum(d.rows.num_rows for d in drained),
        "totals_claimed": [d.total for d in drained],
        "rejected": sum(len(d.batch.rejects) for d in drained),
        "proofs": [d.proof for d in drained],
        "proved_until": _iso(min(stamps)) if stamps else None,
        "unknown_keys": sorted(set().union(*(d.batch.unknown for d in drained))),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def progress(what: str, client: Caller) -> Iterator[Callable[[Page], None]]:
    """A bar over pages once a drain takes longer than two seconds; nothing where nobody looks."""
    if not _watched():
        yield lambda _page: None
        return
    from tqdm.auto import tqdm  # picks the notebook's bar in a notebook

    with tqdm(desc=what, unit="page", delay=2, leave=False, total=0) as bar:

        def on_page(page: Page) -> None:
            if page.number == 1 and page.count:
                bar.total = (bar.total or 0) + page.count
                _announce(what, page.count, client)
            bar.update()

        yield on_page


def _watched() -> bool:
    if os.environ.get("SMSDATA_PROGRESS") == "0":
        return False
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def _announce(what: str, pages: int, client: Caller) -> None:
    """Say how long it will take, where that is long."""
    pace = client.settings.rate * client.settings.share
    minutes = pages / pace / 60
    if minutes >= 1:
        from tqdm.auto import tqdm

        tqdm.write(
            f"{what}: {pages:,} calls, {minutes:.0f} minutes at {pace:g} of {client.settings.rate:g} calls/s"
        )


class Client(Caller):
    """An account of the gateway, and one method for each of its tables.

    Parameters
    ----------
    key, secret, base_url, rate, share
        Settings; the environment (``SMSDATA_API_KEY``, ...) fills what is not given.
    transport, clock, sleep, now
        For tests: an httpx transport, a monotonic clock, how to wait, and the instant to take as now.

    Examples
    --------
    >>> client = Client(key="demo", secret="demo", base_url="http://127.0.0.1:8025")
    >>> client
    Client(Settings(base_url='http://127.0.0.1:8025/', rate=2, share=0.5))
    """

    def drain(self, table: str, **options: Any) -> pd.DataFrame:
        """Drain one table; see `smsdata.drain`."""
        return drain(self, table, **options)

    if TYPE_CHECKING:

        def __getattr__(self, table: str) -> Callable[..., pd.DataFrame]: ...


def _table_method(entry: Endpoint) -> Callable[..., pd.DataFrame]:
    def method(self: Client, **options: Any) -> pd.DataFrame:
        return drain(self, entry.name, **options)

    needs = f"Needs {', '.join(entry.required)}. " if entry.required else ""
    takes = "Takes start, end or since. " if entry.limit else ""
    method.__name__ = entry.name
    method.__doc__ = (
        f"Drain ``{entry.name}`` (the gateway's {entry.call}) into a frame, complete or not at all.\n\n"
        f"{needs}{takes}Columns: {', '.join(c.name for c in entry.table.columns)}. See `smsdata.drain`."
    )
    return method


for _entry in ENDPOINTS.values():
    setattr(Client, _entry.name, _table_method(_entry))
