"""The front door: an account as `Client`, a table as one frame, complete with its certificate, or an error.

What makes a read complete stands in `proofs`, how it is read in `reader`; here are the methods of each table,
times and parameters as people give them, and the frame with its certificate. Imports `reader`, `progress`,
`reads`, `caller`, `endpoints`, `schema`, `shown`, `times` and `errors`; nothing of this package imports it.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from smsdata.errors import UsageError
from smsdata.gateway.caller import Caller
from smsdata.gateway.endpoints import ENDPOINTS, Endpoint, endpoint
from smsdata.gateway.progress import progress_bar
from smsdata.gateway.reader import Reader
from smsdata.gateway.reads import Drained, Read, each_key_once, slices
from smsdata.schema.frames import empty, key_hash, to_pandas
from smsdata.shown import html_of, shown_in_any_case
from smsdata.times import instant, last_second
from smsdata.times import since as back_from

if TYPE_CHECKING:
    import pandas as pd


class Client(Caller):
    """An account of the gateway, and one method for each of its tables.

    Each reads its table to the end and gives a frame of all rows, or raises; see `smsdata.drain` for the
    errors, and for ``attrs["drain"]``, which says what proves the frame complete.

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
    >>> client.mesages()
    Traceback (most recent call last):
    AttributeError: Client has no 'mesages'; did you mean 'messages'?
    """

    @shown_in_any_case
    def _repr_html_(self) -> str:
        there = self.settings.key and self.settings.secret
        facts = [
            ("gateway", self.settings.base_url),
            ("pace", str(self.settings.pace)),
            ("credentials", "set" if there else "not set: SMSDATA_API_KEY and SMSDATA_API_SECRET"),
            ("calls made", f"{self.calls:,}"),
        ]
        return html_of("Client", facts=facts, lines=[f"Tables: {', '.join(ENDPOINTS)}."])

    def drain(self, table: str, **options: Any) -> pd.DataFrame:
        """Drain one table by its name; see `smsdata.drain`."""
        return drain(self, table, **options)

    def campaigns(
        self,
        *,
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        since: str | datetime | None = None,
        type: str | None = None,
        number: str | None = None,
        list_id: int | None = None,
        response_style: str | None = None,
    ) -> pd.DataFrame:
        """Drain ``campaigns``: the sends, one row each, with the gateway's counters.

        The gateway's get-message-report. Without times, of the last 30 days. Columns: ``docs/tables.md``.
        """
        return drain(
            self,
            "campaigns",
            start=start,
            end=end,
            since=since,
            type=type,
            number=number,
            list_id=list_id,
            response_style=response_style,
        )

    def messages(
        self,
        *,
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        since: str | datetime | None = None,
        msisdn: str | None = None,
    ) -> pd.DataFrame:
        """Drain ``messages``: every message to every recipient.

        The gateway's get-user-sms-sent. Without times, of the last 30 days. Columns: ``docs/tables.md``.
        """
        return drain(
            self,
            "messages",
            start=start,
            end=end,
            since=since,
            msisdn=msisdn,
        )

    def dlrs(
        self,
        *,
        message_id: int,
        list_id: int | None = None,
        delivery: str | None = None,
        optouts: str | None = None,
    ) -> pd.DataFrame:
        """Drain ``dlrs``: the recipients of one send and what became of each message.

        The gateway's get-sms-sent. Columns: ``docs/tables.md``.
        """
        return drain(
            self,
            "dlrs",
            message_id=message_id,
            list_id=list_id,
            delivery=delivery,
            optouts=optouts,
        )

    def replies(
        self,
        *,
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        since: str | datetime | None = None,
        keywords: str | None = None,
        include_original: str | None = None,
    ) -> pd.DataFrame:
        """Drain ``replies``: what people wrote back.

        The gateway's get-user-sms-responses. Without times, of the last 30 days; the gateway keeps 12 months.
        Columns: ``docs/tables.md``.
        """
        return drain(
            self,
            "replies",
            start=start,
            end=end,
            since=since,
            keywords=keywords,
            include_original=include_original,
        )

    def campaign_replies(
        self,
        *,
        message_id: int,
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        since: str | datetime | None = None,
        msisdn: str | None = None,
        include_original: str | None = None,
    ) -> pd.DataFrame:
        """Drain ``campaign_replies``: the replies to one send.

        The gateway's get-sms-responses. Without times, all of them. Columns: ``docs/tables.md``.
        """
        return drain(
            self,
            "campaign_replies",
            message_id=message_id,
            start=start,
            end=end,
            since=since,
            msisdn=msisdn,
            include_original=include_original,
        )

    def lists(self, *, response_style: str | None = None) -> pd.DataFrame:
        """Drain ``lists``: the account's contact lists.

        The gateway's get-lists. Columns: ``docs/tables.md``.
        """
        return drain(
            self,
            "lists",
            response_style=response_style,
        )

    def list_members(
        self,
        *,
        list_id: int,
        members: str | None = None,
        response_style: str | None = None,
        allow_unproved: bool = False,
    ) -> pd.DataFrame:
        """Drain ``list_members``: the contacts on one list.

        The gateway's get-list. Without `members`, active and inactive ones. Columns: ``docs/tables.md``.

        A long list on which people join and leave while it is read cannot be proved complete: that raises,
        or with `allow_unproved` gives what two passes saw. ``proved`` is false for rows that one of them saw.
        """
        return drain(
            self,
            "list_members",
            list_id=list_id,
            members=members,
            response_style=response_style,
            allow_unproved=allow_unproved,
        )

    def optouts(self, *, message_id: int, list_id: int | None = None) -> pd.DataFrame:
        """Drain ``optouts``: the recipients of one send who opted out of it.

        The gateway's get-sms-sent. Columns: ``docs/tables.md``.
        """
        return drain(
            self,
            "optouts",
            message_id=message_id,
            list_id=list_id,
        )

    def numbers(self, *, filter: str | None = None) -> pd.DataFrame:
        """Drain ``numbers``: the account's own numbers.

        The gateway's get-numbers. Without `filter`, those it owns. Columns: ``docs/tables.md``.
        """
        return drain(
            self,
            "numbers",
            filter=filter,
        )

    def keywords(self, *, number: str | None = None) -> pd.DataFrame:
        """Drain ``keywords``: the keywords on the account's numbers.

        The gateway's get-keywords. Columns: ``docs/tables.md``.
        """
        return drain(
            self,
            "keywords",
            number=number,
        )

    def link_hits(self, *, message_id: int) -> pd.DataFrame:
        """Drain ``link_hits``: the clicks on the tracked links of one send.

        The gateway's get-link-hits. Columns: ``docs/tables.md``.
        """
        return drain(
            self,
            "link_hits",
            message_id=message_id,
        )

    def clients(self) -> pd.DataFrame:
        """Drain ``clients``: the clients of a reseller account, without their credentials.

        The gateway's get-clients. Columns: ``docs/tables.md``.
        """
        return drain(self, "clients")

    def transactions(
        self,
        *,
        client_id: int,
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        since: str | datetime | None = None,
    ) -> pd.DataFrame:
        """Drain ``transactions``: the money that one client of a reseller account moved.

        The gateway's get-transactions. Without times, of the last 30 days. Columns: ``docs/tables.md``.
        """
        return drain(
            self,
            "transactions",
            client_id=client_id,
            start=start,
            end=end,
            since=since,
        )

    def contact_history(
        self,
        *,
        msisdn: str,
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        since: str | datetime | None = None,
        countrycode: str | None = None,
        sort_field: str | None = None,
        order: str | None = None,
    ) -> pd.DataFrame:
        """Drain ``contact_history``: every message to one number.

        The gateway's get-contact-sms-stats. Without times, all of them. Columns: ``docs/tables.md``.
        """
        return drain(
            self,
            "contact_history",
            msisdn=msisdn,
            start=start,
            end=end,
            since=since,
            countrycode=countrycode,
            sort_field=sort_field,
            order=order,
        )

    if not TYPE_CHECKING:  # a checker must not take just any name for a method

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(_no_such_name(type(self), name))


def _no_such_name(kind: type[Client], name: str) -> str:
    public = [there for there in dir(kind) if not there.startswith("_")]
    nearest = difflib.get_close_matches(name, public, n=1) if not name.startswith("_") else []
    hint = f"; did you mean {nearest[0]!r}?" if nearest else f". Tables: {', '.join(ENDPOINTS)}."
    return f"{kind.__name__} has no {name!r}{hint}"


def bounds(
    now: datetime,
    *,
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    since_: str | datetime | None = None,
) -> tuple[datetime, datetime]:
    """From when to when to read; without a start from 30 days ago.

    Raises
    ------
    UsageError
        When `start` lies after `end`, or both `start` and `since` are given.
    """
    if start is not None and since_ is not None:
        raise UsageError("give start or since, not both.")
    until = last_second(end, "end") if end is not None else now
    begin = instant(start, "start") if start is not None else back_from(since_ or "30d", max(now, until))
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
    allow_unproved: bool = False,
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
    allow_unproved
        Give what two passes saw, instead of raising, of a list of contacts that keeps changing or a slice of
        time of which the gateway counts more rows than it gives; ``attrs["drain"]`` says ``unproved``.
    **parameters
        What the endpoint needs or takes, such as ``message_id=`` for dlrs, ``list_id=`` for list_members.

    Returns
    -------
    pandas.DataFrame
        One row per key, columns and dtypes as ``docs/tables.md`` lists them, oldest first where the
        table is ordered in time. ``attrs["drain"]`` says what was read and what proves it complete.

    Raises
    ------
    UsageError
        Unknown table or parameter, a missing one, or times that make no sense.
    ApiError
        When a call fails for good.
    DrainError
        When the rows could not be proved complete.
    RowError
        When a row does not fit its table.
    """
    entry = endpoint(table)
    read = _checked_read(entry, parameters)
    bounded = any(value is not None for value in (start, end, since))
    if bounded and not (entry.limit or "start" in entry.optional):
        raise UsageError(f"{table} is not bounded in time: leave out start, end and since.")
    reads = [read]
    if bounded or entry.limit:
        now = client.now() if start is not None and end is not None else client.ask_now()
        begin, until = bounds(now, start=start, end=end, since_=since)
        reads = slices(read, _not_before_horizon(entry, begin, now), until)
    calls = client.calls
    with progress_bar(table, client) as on_page:
        drained = _all_of(Reader(client, on_page=on_page, allow_unproved=allow_unproved), reads)
    frame = _frame(entry, reads, drained)
    frame.attrs["drain"]["calls"] = client.calls - calls
    return frame


def _not_before_horizon(entry: Endpoint, begin: datetime, now: datetime) -> datetime:
    """The whole of what the gateway keeps may be asked for; a second more and it refuses."""
    if entry.limit is None or entry.limit.horizon is None:
        return begin
    oldest = now - timedelta(days=entry.limit.horizon) + timedelta(minutes=1)
    return oldest if oldest - timedelta(days=1) <= begin < oldest <= now else begin


def _checked_read(entry: Endpoint, parameters: Mapping[str, Any]) -> Read:
    given = {name: value for name, value in parameters.items() if value is not None}
    if entry.required == ("mobile",) and "msisdn" in given:
        given["mobile"] = given.pop("msisdn")
    missing = [name for name in entry.required if name not in given]
    unknown = sorted(set(given) - set(entry.required) - set(entry.optional))
    if missing or unknown:
        wrong = f"needs {missing[0]}=" if missing else f"does not take {', '.join(unknown)}"
        raise UsageError(f"{entry.name} {wrong}.")
    return Read(entry, given)


def _all_of(reader: Reader, reads: Sequence[Read]) -> list[Drained]:
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
    rows = each_key_once(table, rows)
    if entry.table.time:
        rows = rows.sort_by(
            [(entry.table.time, "ascending"), *((key, "ascending") for key in entry.table.key)]
        )
    frame = to_pandas(rows, table)
    frame.attrs["drain"] = drain_facts(table, reads, drained) | {
        "rows": len(frame),
        "keys": key_hash(table, rows),
    }
    return frame


def drain_facts(table: str, reads: Sequence[Read], drained: Sequence[Drained]) -> dict[str, Any]:
    """What was read and what proves it, as plain JSON values."""
    stamps = [d.seen_at for d in drained]
    return {
        "table": table,
        "windows": [[_stamp(r.start), _stamp(r.end)] for r in reads if r.start and r.end],
        "rows_served": sum(d.served for d in drained),
        "distinct_rows": sum(d.rows.num_rows for d in drained),
        "totals_claimed": [d.total for d in drained],
        "rejected": sum(len(d.batch.rejects) for d in drained),
        "proofs": [d.proof for d in drained],
        "witness": [d.witness for d in drained],
        "outside": sum(d.outside for d in drained),
        "unread": _added_up(d.batch.unread for d in drained),
        "proved_until": _stamp(min(stamps)) if stamps else None,
        "unknown_keys": sorted(set().union(*(d.batch.unknown for d in drained))),
    }


def _added_up(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items()))


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
