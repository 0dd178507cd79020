"""Grouping by columns, by local time and by country: the part of a SQL text that ``by`` and ``tz`` decide.

Owns the names a caller may group by, the check of time zones and how a group comes back. Imports of smsdata
only errors, `schema` and, within core, the engine, the dialect, column_types and countries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np
import pandas as pd

from smsdata.analysis.core.accounts import ACCOUNT, APART, IDS
from smsdata.analysis.core.column_types import instants
from smsdata.analysis.core.countries import countries_of
from smsdata.analysis.core.dialect import quoted
from smsdata.analysis.core.engine import DAY_MICROS, MICROS, Tables, levels_to_the_caller, owned
from smsdata.errors import UsageError
from smsdata.schema.contact_fields import value_by_number
from smsdata.schema.kinds import TYPES

By: TypeAlias = str | Sequence[str] | None
PERIODS = ("hour", "day", "week", "month")
"""The groupings that cut time into lengths, one after the other."""

LENGTHS = (*PERIODS, "quarter", "year")
"""All of them; a week may begin on any day, a quarter and a year in any month."""

_HOUR_MICROS = 3_600 * MICROS
_WEEK_MICROS = 7 * DAY_MICROS
_MONDAY = 3 * DAY_MICROS
"""From Monday to Thursday: 1 January 1970 was a Thursday."""

_TIME_SQL = {
    "hour": f"{{t}} - {{t}} % {_HOUR_MICROS}",
    "hour_of_day": f"({{t}} % {DAY_MICROS} - {{t}} % {_HOUR_MICROS}) / {_HOUR_MICROS}",
    "day": f"{{t}} - {{t}} % {DAY_MICROS}",
    "week": f"{{t}} - ({{t}} + {_MONDAY}) % {_WEEK_MICROS}",
    "weekday": f"(({{t}} + {_MONDAY}) % {_WEEK_MICROS} - {{t}} % {DAY_MICROS}) / {DAY_MICROS}",
    "month": "12 * year({date}) + month({date}) - 1",
}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip


def _calendar() -> dict[str, tuple[str, str]]:
    """Give the SQL and the kind of all groupings by time: weeks from any weekday, years from any month."""
    times = {name: (sql, name) for name, sql in _TIME_SQL.items()}
    for place, weekday in enumerate(_WEEKDAYS):
        shift = (3 - place) % 7 * DAY_MICROS
        times[f"week_from_{weekday}"] = (f"{{t}} - ({{t}} + {shift}) % {_WEEK_MICROS}", "week")
    month = _TIME_SQL["month"]
    for place, name in enumerate(_MONTHS):
        for period, months in (("quarter", 3), ("year", 12)):
            started = (f"({month}) - (({month}) - {place}) % {months}", "month")
            times[f"{period}_from_{name}"] = started
            times.setdefault(period, started)
    return times


_TIMES = _calendar()
_ALIASES = {"campaign": "message_id", "list": "list_id", "sender": "sender"}
GROUPINGS = (*_TIMES, *_ALIASES, "country")
"""What every table with the columns for it can be grouped by, beside the columns themselves."""

_OCCASIONS = {
    *(name for name, (_, kind) in _TIMES.items() if kind in PERIODS),
    "campaign",
    "message_id",
    "id",
}
"""Groups that are an occasion themselves: of their days nothing can vary."""

_WHOSE_NUMBER = """("account" || ' ' || "msisdn")"""
_CONTACT = "contact:"
"""What stands before the name of a custom field of contacts."""

_NEVER_NULL = {"id", "message_id", "campaign"}
_OF_ONE_ACCOUNT = {*IDS, "campaign", "list"}
"""Groups that are an id, which says nothing without the account whose it is."""


@dataclass(frozen=True)
class Key:
    """One column to group by: its name in the result, the SQL that makes it, the kind that comes back.

    `moved` says that it is an id as `with_own_ids` gives it.
    """

    name: str
    sql: str
    kind: str
    moved: bool = False


@dataclass(frozen=True)
class Keys:
    """What a helper puts into its SQL to group, and how it finishes what comes back.

    Attributes
    ----------
    select : str
        Goes right after SELECT; empty, or ends with a comma.
    source : str
        Goes after FROM.
    group : str
        Goes at the end; empty without keys.
    names : list of str
        The columns of the result that hold the groups.
    day : str
        The local day of a row, where groups last longer than an occasion and it was asked for; else empty.
    """

    keys: tuple[Key, ...]
    source: str
    day: str = ""

    @property
    def select(self) -> str:
        """The grouping columns, for right after SELECT."""
        return "".join(f"{_cast(key)} AS {quoted(key.name)}, " for key in self.keys)

    @property
    def group(self) -> str:
        """The GROUP BY, if there are any."""
        return "GROUP BY " + ", ".join(str(n + 1) for n in range(len(self.keys))) if self.keys else ""

    @property
    def names(self) -> list[str]:
        """The grouping columns' names."""
        return [key.name for key in self.keys]

    def finish(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Sort the rows by their groups, missing ones last, and give the groups their dtypes."""
        if frame.columns.has_duplicates:
            twice = frame.columns[frame.columns.duplicated()].tolist()
            raise UsageError(f"by={twice} is also a column of the result; rename it before grouping.")
        if not self.keys:
            return frame
        frame = self.in_order(frame)
        return frame.assign(**{key.name: _group_values(frame[key.name], key) for key in self.keys})

    def in_order(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Sort the rows by their groups, missing ones last, and leave the groups as the SQL has them."""
        return frame.sort_values(self.names, na_position="last", ignore_index=True) if self.keys else frame


def group_keys(
    tables: Tables, table: str, by: By, *, tz: str = "UTC", at: str = "sent_at", days: bool = False
) -> Keys:
    """Turn ``by`` into SQL.

    Parameters
    ----------
    tables : Tables
        The tables of the running helper.
    table : str
        The one to group.
    by : str, sequence of str or None
        Column names, or "hour", "day", "week" (from Monday), "month", "quarter", "year" (the local time they
        begin, a naive ``datetime64[us]``); "week_from_sunday" and other weekdays, "year_from_july" and
        "quarter_from_july" and other months; "hour_of_day" (0-23), "weekday" (0 = Monday), "sender",
        "campaign" (the send,
        ``message_id``), "list", "country"; "contact:plan" and other custom fields of contacts, where the
        helper was given ``list_members``. A column of that name in the table goes first; but a column
        ``month`` beside the instant is the folder that a file of the store lies in, and no group.
    tz : str
        The IANA time zone in which hours, days, weeks and months begin.
    at : str
        The column of the instant they are taken from.
    days : bool
        Whether `Keys.day` is asked for.

    Raises
    ------
    UsageError
        If a grouping or a time zone is unknown, or the column it needs is not there.
    """
    names = [by] if isinstance(by, str) else list(by or ())
    if owned(tables, table) and ACCOUNT not in names and not _OF_ONE_ACCOUNT.isdisjoint(names):
        names = [ACCOUNT, *names]
    kinds = _groupable(tables, table, at)
    local = _local(tables, table, tz, at) if _timed(names, kinds) else ""
    keys = tuple(_group_key(tables, table, kinds, name, local) for name in names)
    lasting = days and names and not _OCCASIONS & set(names)
    day = _TIME_SQL["day"].format(t=local or _local(tables, table, tz, at)) if lasting else ""
    return Keys(keys, _with_columns(tables, table, [name for name in names if name not in kinds]), day)


def partial_periods(
    keys: Keys, frame: pd.DataFrame, counts: pd.DataFrame, *, present: int, tz: str
) -> dict[str, pd.Series]:
    """Tell which periods the data do not cover whole, as a column ``partial``; nothing without periods.

    A period is partial if it ends after the present, or if the data begin within it, more than a day after
    its own beginning. That nothing was sent in its last days does not make it partial.

    Parameters
    ----------
    keys : Keys
        The groups.
    frame : DataFrame
        The groups as they are shown.
    counts : DataFrame
        ``first`` of each group, epoch microseconds.
    present : int
        Epoch microseconds.
    tz : str
        The zone of the periods.
    """
    period = next((key for key in keys.keys if key.kind in PERIODS), None)
    if period is None:
        return {}
    begins = pd.DatetimeIndex(frame[period.name])
    ends = begins + _period_length(period)
    limits = pd.Series([counts["first"].min(), present], dtype="Int64")
    first, now = instants(limits).dt.tz_convert(tz).dt.tz_localize(None)
    cut = (ends > now) | ((begins < first - pd.Timedelta(1, "D")) & (first < ends))
    return {"partial": pd.Series(cut, index=frame.index, dtype="boolean")}


def _period_length(period: Key) -> pd.DateOffset:
    name = period.name.partition("_from_")[0]
    hours = {"hour": 1, "day": 24, "week": 168}.get(name, 0)
    return pd.DateOffset(hours=hours, months={"month": 1, "quarter": 3, "year": 12}.get(name, 0))


def has_use_for_a_zone(names: Sequence[str]) -> bool:
    """Whether days tell anything of groups of these names: each campaign is an occasion by itself.

    >>> [has_use_for_a_zone(names) for names in (["campaign"], ["campaign", "week"], ["sender"])]
    [False, True, True]
    """
    return not _TIMES.keys().isdisjoint(names) or _OCCASIONS.isdisjoint(names)


def check_zone(helper: str, tz: str) -> None:
    """Raise UsageError if a text names no IANA time zone.

    >>> check_zone("delivery_rate", "Australia/Sydney")
    """
    if tz == "UTC":  # needs no list of zones
        return
    try:
        ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        advice = "write it like 'Australia/Sydney'"
        if not available_timezones():
            advice = "this machine has none but UTC: pip install tzdata, or install its package of zones"
        raise UsageError(f"{helper}: tz={tz!r} is no time zone; {advice}.") from None


def one_of(helper: str, name: str, value: str, allowed: Sequence[str]) -> None:
    """Raise UsageError if an argument is none of the allowed words.

    >>> one_of("delivery_trend", "by", "day", PERIODS)
    """
    if value not in allowed:
        raise UsageError(f"{helper}: {name}={value!r} is none of {', '.join(allowed)}.")


def length_of(by: str) -> str:
    """Name the length of a period that begins on a day or in a month of its own.

    >>> length_of("week_from_sunday"), length_of("year_from_july"), length_of("year_from_lunch")
    ('week', 'year', 'year_from_lunch')
    """
    return by.partition("_from_")[0] if isinstance(by, str) and by in _TIMES else by


def _timed(names: Iterable[str], kinds: dict[str, str]) -> bool:
    return any(name in _TIMES and name not in kinds for name in names)


def _groupable(tables: Tables, table: str, at: str) -> dict[str, str]:
    """Give the columns to group by."""
    kinds = tables.kinds(table)
    return {name: kind for name, kind in kinds.items() if name != "month" or at not in kinds}


def _group_key(tables: Tables, table: str, kinds: dict[str, str], name: str, local: str) -> Key:
    column = name if name in kinds else _ALIASES.get(name, name)
    if name in _TIMES and name not in kinds:
        date = f"date_from_unix_date(CAST(floor({local} / {DAY_MICROS}) AS INT))"
        return Key(name, _TIMES[name][0].format(t=local, date=date), _TIMES[name][1])
    if name.startswith(_CONTACT) and name not in kinds:
        tables.require(table, "msisdn")
        if "list_members" not in tables:
            raise UsageError(
                f"{tables.helper}: by={name!r} needs the contacts: list_members=store.scan('list_members')."
            )
        return Key(name, quoted(name), "text")
    if name == "country" and name not in kinds:
        tables.require(table, "msisdn")
        return Key(name, '"country"', "text")
    if column not in kinds and name not in _ALIASES:
        times = [word for word in _TIMES if "_from_" not in word] + ["week_from_sunday", "year_from_july"]
        known = ", ".join([*times, *_ALIASES, "country", "contact:FIELD", *kinds])
        raise UsageError(f"{tables.helper}: by={name!r} is unknown; {table} can be grouped by {known}.")
    tables.require(table, column)
    kind, moved = kinds[column], tables.ids_moved and owned(tables, table) and column in IDS
    sql = f"unix_micros({quoted(column)})" if kind == "instant" else quoted(column)
    return Key(name, sql, kind, moved)


def _with_columns(tables: Tables, table: str, names: list[str]) -> str:
    """Write the SQL of a table with what is known of its numbers elsewhere: country, fields of contacts."""
    added = [name for name in dict.fromkeys(names) if name == "country" or name.startswith(_CONTACT)]
    if not added:
        return f"@{table}"
    columns, joins = "", ""
    for place, name in enumerate(added):
        whose = name != "country" and owned(tables, table, "list_members")
        number = _WHOSE_NUMBER if whose else '"msisdn"'
        distinct = tables.query(
            f'SELECT DISTINCT {number} AS "whose" FROM @{table} WHERE "msisdn" IS NOT NULL'
        )["whose"]
        contacts = name != "country"
        known = _contact_values(tables, name, distinct, number) if contacts else countries_of(distinct)
        tables.add(f"known_{place}", known.rename(columns={"msisdn": "whose"}))
        columns += f", k{place}.{quoted(name)}"
        joins += f' LEFT JOIN @known_{place} k{place} ON {number} = k{place}."whose"'
    return f"(SELECT t.*{columns} FROM @{table} t{joins})"


def _contact_values(tables: Tables, name: str, numbers: pd.Series, number: str) -> pd.DataFrame:
    """Give the value of a custom field of contacts by number, as `smsdata.with_contact_field` takes it."""
    tables.require("list_members", "msisdn", "fields")
    gone = ', "gone_at"' if tables.has("list_members", "gone_at") else ""
    contacts = tables.query(f"""
        SELECT DISTINCT {number} AS "msisdn", "fields"{gone} FROM @list_members WHERE "fields" IS NOT NULL
    """)
    field = name.removeprefix(_CONTACT)
    level = levels_to_the_caller()
    values = value_by_number(tables.helper, contacts, field, numbers, stacklevel=level + 1)
    return pd.DataFrame({"msisdn": values.index.astype("str"), name: values.to_numpy()}).astype("str")


def _local(tables: Tables, table: str, tz: str, at: str) -> str:
    """Write local time in microseconds: the instant plus the zone's offset at that time."""
    tables.require(table, at)
    instant = f"unix_micros({quoted(at)})"
    if tz == "UTC":
        return instant
    changes = _offsets(tables, table, tz, instant)
    (_, first), *later = changes
    cases = "".join(f"WHEN {instant} >= {since} THEN {offset} " for since, offset in reversed(later))
    return f"({instant} + CASE {cases}ELSE {first} END)" if cases else f"({instant} + {first})"


def _offsets(tables: Tables, table: str, tz: str, instant: str) -> list[tuple[int, int]]:
    """List the zone's offsets in force while the data lasts: (since, offset), both in microseconds."""
    check_zone(tables.helper, tz)
    span = tables.query(f'SELECT min({instant}) AS "first", max({instant}) AS "last" FROM @{table}')
    if span["first"].isna().iloc[0]:
        return [(0, 0)]
    # Zones change their offset at whole quarters of an hour of UTC.
    quarter = 900 * MICROS
    first, last = int(span["first"].iloc[0]) // quarter, int(span["last"].iloc[0]) // quarter
    grid = np.arange(first, last + 1) * quarter
    utc = pd.DatetimeIndex(grid.view("datetime64[us]"), tz="UTC")
    offsets = utc.tz_convert(tz).tz_localize(None).to_numpy("datetime64[us]").astype("int64") - grid
    starts = np.flatnonzero(np.diff(offsets, prepend=offsets[0] - 1))
    return [(int(grid[i]), int(offsets[i])) for i in starts]


def _cast(key: Key) -> str:
    """Write a group's SQL; a time without a zone stays what it is in every engine."""
    return key.sql if key.kind == "naive" else f"CAST({key.sql} AS {_sql_type(key.kind)})"


def _sql_type(kind: str) -> str:
    family = "text" if kind in {"other", "null"} else kind if kind in TYPES else "int"
    return TYPES[family].sql


def _group_values(values: pd.Series, key: Key) -> Any:
    if key.kind == "instant":
        return instants(values)
    if key.kind == "month":
        months = values.to_numpy("float64", na_value=np.nan)
        return (months - 12 * 1970).astype("datetime64[M]").astype("datetime64[us]")
    if key.kind == "naive":
        return values.astype("datetime64[us]")
    if key.kind in ("hour", "day", "week"):
        return instants(values).dt.tz_localize(None)
    if key.kind in ("text", "other", "null"):
        return values.astype("str")
    values = values % APART if key.moved else values
    whole = key.kind == "int" and key.name in _NEVER_NULL and not values.isna().any()
    return values.astype("int64") if whole else values
