"""What a sync has to remember, as one type: whose store this is, cursors, what is due and what is under way.

Owns the state's fields, the verbs that change them, its format in ``state.json`` and the way there from
older formats. A field is one line of `State`: how it is written follows from its type, and a state that
does not have it yet reads as its default. Reading changes nothing; a state of an older format is written in
the new one with the next save. No method looks at a clock: callers pass `now`. Imports only `coverage`,
`manifest`, `times` and `errors`.
"""

from __future__ import annotations

import json
import typing
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from types import UnionType
from typing import Any, Literal, cast, get_args, get_origin

import orjson

from smsdata.errors import UsageError
from smsdata.store.coverage import Span, before, joined
from smsdata.store.manifest import Manifest
from smsdata.times import instant

FORMAT = 2

Counted = Literal["messages", "dlrs", "optouts", "replies"]
"""The tables whose rows a campaign's counters count."""


_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


class OtherFormatError(ValueError):
    """The state was written by another version, which this one does not know."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice of time that a run set out to read from `start` to `end`; what lies before `done` is stored."""

    start: datetime
    end: datetime
    done: datetime


@dataclass(frozen=True, slots=True)
class Retry:
    """A read of which rows were set aside: how often it was tried, and its slice of time, if it has one."""

    tries: int
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A read that failed `tries` times in a row with this `code`; it is not tried before `not_before`."""

    tries: int
    not_before: datetime
    code: str


@dataclass(frozen=True, slots=True)
class Rounds:
    """How far the rounds have come over sends that are too many for one run: each goes on where it stands.

    `weekly` is the round over the sends of up to 30 days, `older` that over the others; both moved last `at`.
    """

    weekly: datetime
    older: datetime
    at: datetime


@dataclass(slots=True)
class Pending:
    """What runs set out to do and have not done yet: any later run goes on with it."""

    compare_from: dict[str, datetime] = field(default_factory=dict)
    """By table, from when on the sends are to be compared with their counters."""
    deep_from: datetime | None = None
    """From when on dlrs are to be read whatever the counters say."""
    since: str = ""
    """The `since` that was asked for while the gateway's time was not known yet."""
    answered: set[int] = field(default_factory=set)
    """Campaigns with new replies that no report covered: their counters are to be asked for."""

    def reach_back(self, table: str, start: datetime) -> None:
        """Set out to compare a table with the counters of the sends from an instant on, or from earlier."""
        self.compare_from[table] = min(start, self.compare_from.get(table, start))

    def finish(self, table: str) -> datetime | None:
        """A table has been compared as far back as was set out; gives from when on, or None."""
        return self.compare_from.pop(table, None)

    def dig_from(self, start: datetime | None) -> None:
        """Set out to read dlrs from an instant on whatever the counters say; None when that is done."""
        self.deep_from = start and min(start, self.deep_from or start)

    def ask_since(self, since: str) -> None:
        """Remember what was asked for; an empty text when the gateway's time is known."""
        self.since = since

    def note_answered(self, campaigns: Iterable[int]) -> None:
        """Remember campaigns with new replies."""
        self.answered.update(campaigns)

    def forget_answered(self) -> None:
        """What follows from the counters of all answered campaigns is stored."""
        self.answered.clear()


@dataclass(slots=True)
class State:
    """What a sync has to remember between runs.

    Fields may be read; they are changed by the methods alone.
    """

    account: str = ""
    """The fingerprint of the account whose rows the store holds; empty as long as it is nobody's."""
    base_url: str = ""
    manifest: Manifest = field(default_factory=Manifest)
    """The files that the store holds, as they were written last."""
    journal: int = 0
    """The number of the page journal; the pages of others are merged."""
    cursors: dict[str, datetime] = field(default_factory=dict)
    """Up to where each table is stored and proved."""
    kept_from: dict[str, datetime] = field(default_factory=dict)
    """The targets: from when on each table is set out to be complete."""
    coverage: dict[str, list[Span]] = field(default_factory=dict)
    """Of messages and replies, the spans of time that are stored and proved."""
    pending: Pending = field(default_factory=Pending)
    """What runs set out to do and have not done yet."""
    slices: dict[str, Slice] = field(default_factory=dict)
    """The slice of each table that a run is reading: the next one goes on with it after a crash."""
    read_whole_at: dict[str, datetime] = field(default_factory=dict)
    """When all of a table was last read, or compared with 12 months of counters, which most runs do not."""
    retries: dict[str, Retry] = field(default_factory=dict)
    """Reads, by name, of which rows were set aside, and that are worth another try."""
    members_seen: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By list, its counters (active, all) when its members were last read."""
    unproved_lists: set[int] = field(default_factory=set)
    """Lists whose members could not be proved complete when they were last read."""
    changing_lists: set[int] = field(default_factory=set)
    """Lists that changed while they were last read whole: their members are stored as two passes saw them."""
    all_members_come: bool = False
    """Whether a read of all members of a list ever gave inactive ones: then the gateway knows that filter."""
    rejects: set[str] = field(default_factory=set)
    """The files of rows that were set aside, by name: one that is gone was removed by somebody else."""
    messages_counted_differently: dict[int, list[int]] = field(default_factory=dict)
    """By campaign, the counters that stayed above its messages although those were read again long after."""
    dlrs_counted_differently: dict[int, list[int]] = field(default_factory=dict)
    """By campaign, the counters with which a complete read of its dlrs did not agree."""
    optouts_counted_differently: dict[int, list[int]] = field(default_factory=dict)
    """By campaign without stored dlrs, the counters that promise more opt-outs than a complete read gave."""
    witnesses: dict[str, str] = field(default_factory=dict)
    """By table, the weakest witness of the reads that a run last made of it: independent or consistent."""

    failures: dict[str, Failure] = field(default_factory=dict)
    """By name, the reads that the gateway failed or refused; by table, those that it does not offer."""

    hits_seen: dict[int, int] = field(default_factory=dict)
    """By campaign, how many clicks on its links were counted when they were last read."""

    replies_counted_differently: dict[int, list[int]] = field(default_factory=dict)
    """By campaign, the count of replies above what a complete read of them gave."""
    replies_left_out: dict[int, datetime] = field(default_factory=dict)
    """Replies that sends gave and the list of replies did not: by id, when they were received."""

    reports: list[Span] = field(default_factory=list)
    """The reports of campaigns that were read: from when on, and when; of earlier days the last ones."""

    rounds: Rounds | None = None
    """How far the rounds have come where there are too many sends for one run; None where there are not."""

    retained: dict[str, datetime] = field(default_factory=dict)
    """By table, before when its rows were let go: `coverage` tells that they were stored. None comes back."""

    letting_go: dict[str, str] = field(default_factory=dict)
    """By table, the age of a `retain` that has begun and not ended."""

    # ---- whose store, which journal --------------------------------------------------------------

    def bind(self, account: str, base_url: str) -> None:
        """Make the store this account's."""
        self.account, self.base_url = account, base_url

    def next_journal(self) -> None:
        """Go on with a new journal of pages."""
        self.journal += 1

    # ---- how far tables are read -----------------------------------------------------------------

    def advance(self, table: str, cursor: datetime, *, done: datetime) -> None:
        """Move a table's cursor; what a slice under way holds before `done` is stored."""
        self.cursors[table] = cursor
        if table in self.slices:
            under_way = self.slices[table]
            self.slices[table] = Slice(under_way.start, under_way.end, done)

    def cover(self, table: str, span: Span) -> None:
        """Remember that a span of time is stored and proved; the cursor stands where the first gap begins."""
        if span.start < span.end:
            self.coverage[table] = joined([*self.covered(table), span])
            reached = self.coverage[table][0].end
            self.cursors[table] = max(reached, self.cursors.get(table, reached))

    def covered(self, table: str) -> list[Span]:
        """The spans of time that are stored and proved.

        A state of before they were kept knows where a table begins and its cursor; replies then began with
        all that there was.
        """
        if table not in self.coverage and table in self.cursors:
            always = _ALWAYS if table == "replies" else self.cursors[table]
            return joined([Span(self.kept_from.get(table, always), self.cursors[table])])
        return list(self.coverage.get(table, ()))

    def uncover(self, table: str, start: datetime, *, oldest: datetime = _ALWAYS) -> None:
        """Have a table read again from an instant on; what lies before `oldest` is gone."""
        self.coverage[table] = [span for span in before(self.covered(table), start) if span.end > oldest]

    def take_back_cursor(self, table: str, cursor: datetime) -> None:
        """Put a cursor back that was set while a clock was wrong."""
        if table in self.coverage or table in ("messages", "replies"):
            self.uncover(table, cursor)
        self.cursors[table] = cursor
        self.slices.pop(table, None)

    def begin_slice(self, table: str, span: Slice) -> None:
        """Remember a slice of time that is going to be read, for a run that goes on with it."""
        self.slices[table] = span

    def end_slice(self, table: str) -> bool:
        """Forget the slice that was read to its end; gives whether there was one."""
        return self.slices.pop(table, None) is not None

    def keep_from(self, table: str, first: datetime) -> None:
        """Remember from when on a table is kept up to date."""
        self.kept_from[table] = first

    def mark_read(self, table: str, now: datetime) -> None:
        """Remember that all of a table has been read."""
        self.read_whole_at[table] = now

    def is_due(self, table: str, every: timedelta, now: datetime) -> bool:
        """Whether all of a table was last read that long ago; an instant still to come counts for none."""
        at = self.read_whole_at.get(table)
        return at is None or at > now or now - at >= every

    # ---- reads of which rows were set aside ------------------------------------------------------

    def note_retry(self, read: str, retry: Retry) -> None:
        """Remember that a read is worth another try."""
        self.retries[read] = retry

    def take_retry(self, read: str) -> Retry:
        """Forget that a read is worth another try; gives how often it was tried, and where."""
        return self.retries.pop(read, Retry(0))

    # ---- members of lists ------------------------------------------------------------------------

    def mark_members_read(self, counters: Mapping[int, tuple[int, int]], *, gone: Iterable[int] = ()) -> None:
        """Remember the counters of lists whose members were read, and forget the lists that are gone."""
        for list_id in gone:
            self.members_seen.pop(list_id, None)
        self.members_seen.update(counters)

    def mark_unproved(self, lists: set[int], *, changing: Iterable[int] = ()) -> None:
        """Remember which lists' members could not be proved complete, and which are stored as seen."""
        self.unproved_lists, self.changing_lists = set(lists), set(changing)

    # ---- counters that stored rows do not bear out -----------------------------------------------

    def _counted_differently(self, table: Counted) -> dict[int, list[int]]:
        return {
            "messages": self.messages_counted_differently,
            "dlrs": self.dlrs_counted_differently,
            "optouts": self.optouts_counted_differently,
            "replies": self.replies_counted_differently,
        }[table]

    def remember(self, table: Counted, campaign: int, counters: list[int]) -> None:
        """Remember counters of a campaign that its rows do not bear out, although all of them were read."""
        self._counted_differently(table)[campaign] = list(counters)

    def remembered(self, table: Counted, campaign: int) -> list[int] | None:
        """The counters of a campaign that its rows did not bear out, though all were read; None for none."""
        return self._counted_differently(table).get(campaign)

    def forget(self, table: Counted, campaign: int | None = None) -> None:
        """Forget a campaign's counters, or all: its rows bear them out, or are about to be compared anew."""
        remembered = self._counted_differently(table)
        for one in [campaign] if campaign is not None else list(remembered):
            remembered.pop(one, None)


# ---- the file --------------------------------------------------------------------------------------


def next_generation(state: State) -> State:
    """The state as it is to be saved: its manifest names the files written since it was saved last."""
    manifest = state.manifest
    return replace(state, manifest=replace(manifest, generation=manifest.generation + manifest.changed))


def read_anew(state: State, table: str) -> None:
    """Remember no more that a table was read: rows of it are gone from the store."""
    state.read_whole_at.pop(table, None)
    if table == "list_members":
        state.members_seen.clear()
    elif table in get_args(Counted):
        state.forget(cast("Counted", table))


def note_rounds(state: State, rounds: Rounds | None) -> None:
    """Remember how far the rounds over sends have come."""
    state.rounds = rounds


def note_witness(state: State, table: str, witness: str) -> None:
    """Remember the weakest witness of the reads of a table in the last run that read it."""
    state.witnesses[table] = witness


_REMEMBERED = timedelta(days=400)


def note_report(state: State, read: Span) -> None:
    """Remember that the report was read from an instant on, and when: it says what was known then.

    Of each UTC day the last is kept, and an earlier one where it reached further back.
    """
    kept = [one for one in state.reports if read.end - _REMEMBERED < one.end < read.end]
    state.reports = [one for one in kept if one.end.date() != read.end.date() or one.start < read.start] + [
        read
    ]


def note_all_members(state: State) -> None:
    """Remember that a read of all members of a list gives the inactive ones too."""
    state.all_members_come = True


def note_rejects(state: State, names: Iterable[str]) -> None:
    """Remember which files of rows that were set aside there are."""
    state.rejects = set(names)


def note_retained(state: State, table: str, before: datetime, age: str, *, complete_from: datetime) -> None:
    """Remember that the rows of a table from before an instant are let go, and none of them comes back."""
    state.letting_go[table] = age
    state.retained[table] = max(before, state.retained.get(table, before))
    if table in state.kept_from:
        state.kept_from[table] = max(complete_from, state.kept_from[table])


def note_let_go(state: State, table: str) -> None:
    """Remember that the rows of a table that were to go have gone."""
    state.letting_go.pop(table, None)


def note_left_out(state: State, replies: Mapping[int, datetime]) -> None:
    """Remember which replies the list of replies leaves out; a thousand of them say enough."""
    state.replies_left_out = dict(sorted(replies.items(), key=lambda one: one[1])[:1000])


def note_failure(state: State, read: str, failure: Failure | None) -> None:
    """Remember that a read failed, or with None that it did well."""
    state.failures.pop(read, None)
    if failure is not None:
        state.failures[read] = failure


def not_offered(state: State) -> list[str]:
    """The tables that the gateway does not offer, as far as was asked."""
    return sorted(name for name in state.failures if "?" not in name)


def state_as_json(state: State) -> bytes:
    """The content of the file: equal states give equal bytes."""
    content = {"format": FORMAT} | _as_json(state)
    return orjson.dumps(
        content | {"checksum": _checksum_of(content)}, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    )


def state_from_json(content: bytes) -> State:
    """Read a file's content, of this format or an older one.

    Raises
    ------
    OtherFormatError
        When a newer version wrote it.
    ValueError
        When it is damaged.
    """
    raw = json.loads(content)
    if not isinstance(raw, dict):
        raise ValueError("the state is no object")
    checksum = raw.pop("checksum", None)
    if raw.get("format") not in (1, FORMAT):
        raise OtherFormatError(f"format {raw.get('format')!r}")
    if checksum != _checksum_of(raw):
        raise ValueError("the state's checksum is wrong")
    written_in = raw.pop("format")
    try:
        state: State = _from_json(State, _of_format_1(raw) if written_in == 1 else raw)
    except (AttributeError, KeyError, TypeError, UsageError) as error:
        raise ValueError(f"the state does not fit its format: {error}") from None
    return state if "pending" in raw else _adopted(state)


def _of_format_1(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Format 1 as format 2.

    =================== ====================================================================
    format 1            format 2
    =================== ====================================================================
    jobs                slices
    odd                 retries
    first_messages, ... kept_from
    weekly              read_whole_at of campaigns
    members             read_whole_at of list_members
    numbers, keywords   read_whole_at of both
    remembered          "late-<id>", "<id>" and "optouts-<id>": one field each
    =================== ====================================================================
    """
    remembered: dict[str, dict[str, list[int]]] = {"late": {}, "": {}, "optouts": {}}
    for name, counters in raw.get("remembered", {}).items():
        kind, _, campaign = name.rpartition("-")
        remembered[kind][campaign] = counters
    whole = {"campaigns": "weekly", "list_members": "members", "numbers": "numbers", "keywords": "keywords"}
    same = ("account", "base_url", "journal", "cursors", "members_seen", "unproved_lists")
    return {name: raw[name] for name in same if name in raw} | {
        "slices": {
            table: {"start": start, "end": end, "done": done}
            for table, (start, end, done) in raw.get("jobs", {}).items()
        },
        "retries": {
            read: {"tries": tries} | dict(zip(("start", "end"), span, strict=False))
            for read, (tries, *span) in raw.get("odd", {}).items()
        },
        "kept_from": {
            table: raw[f"first_{table}"] for table in ("messages", "dlrs") if f"first_{table}" in raw
        },
        "read_whole_at": {table: raw[name] for table, name in whole.items() if name in raw},
        "messages_counted_differently": remembered["late"],
        "dlrs_counted_differently": remembered[""],
        "optouts_counted_differently": remembered["optouts"],
    }


def _adopted(state: State) -> State:
    """A state of before targets were kept: its report of 12 months stands for all that follows from it."""
    whole = state.read_whole_at.get("campaigns")
    if whole is None:
        return state
    for table in ("messages", "dlrs", "optouts", "replies", "campaigns"):
        state.read_whole_at.setdefault(table, whole)
        if table not in ("messages", "dlrs"):
            state.kept_from.setdefault(table, whole - timedelta(days=365))
    return state


def _checksum_of(content: Mapping[str, Any]) -> int:
    return zlib.crc32(orjson.dumps(content, option=orjson.OPT_SORT_KEYS))


# ---- values as JSON and back, by their type --------------------------------------------------------


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value):
        return {f.name: _as_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(key): _as_json(one) for key, one in value.items()}
    if isinstance(value, set):
        return sorted(value)
    return [_as_json(one) for one in value] if isinstance(value, list | tuple) else value


def _from_json(kind: Any, raw: Any) -> Any:
    """A value of a type from its JSON; one that does not fit raises a ValueError."""
    if is_dataclass(kind):
        return _object_from_json(kind, raw)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return None if raw is None else _from_json(inner[0], raw)
    if origin is None:
        return _one_from_json(kind, raw)
    if origin is dict and isinstance(raw, dict):
        return {inner[0](key): _from_json(inner[1], one) for key, one in raw.items()}
    if origin is not dict and isinstance(raw, list):
        return origin(_from_json(inner[0], one) for one in raw)
    raise ValueError(f"{raw!r} is no {kind}")


def _object_from_json(kind: Any, raw: Any) -> Any:
    types = typing.get_type_hints(kind)
    if not isinstance(raw, dict) or raw.keys() - types.keys():  # a field that a newer version writes
        raise OtherFormatError(f"unknown fields for {kind.__name__}")
    return kind(**{name: _from_json(types[name], one) for name, one in raw.items()})


def _one_from_json(kind: type, raw: Any) -> Any:
    if kind is datetime and isinstance(raw, str):
        return instant(raw)
    if type(raw) is not kind:
        raise ValueError(f"{raw!r} is no {kind.__name__}")
    return raw
