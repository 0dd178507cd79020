"""What every helper makes of bad input: a clear refusal or a right empty result, never an engine's error."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from smsdata import analysis
from smsdata.errors import UsageError
from smsdata.store.scan import Scan
from tests.support.results import NOW, SYNCED, campaigns, history, members, messages, replies

TAKE_NO_TABLES = {"alarms", "explain", "time_quantiles", "to_spark"}  # they take what a helper gave
DLRS = "message_id msisdn status sent_at"
MESSAGES = "id message_id msisdn sender sent_at"
REPLIES = "id msisdn longcode received_at"
COUNTERS = "message_id cost pending delivered soft_bounced hard_bounced"


def callbacks() -> pd.DataFrame:
    return replies()[["msisdn", "received_at"]].assign(is_optout=["yes", "no", "no"])


def gone() -> pd.DataFrame:
    return analysis.optouts(replies=replies(), dlrs=messages(), list_members=members())


SAMPLES: dict[str, Callable[[], pd.DataFrame]] = {
    "callbacks": callbacks,
    "campaigns": campaigns,
    "dlrs": lambda: messages().assign(synced_at=SYNCED),
    "list_members": members,
    "messages": messages,
    "numbers": messages,
    "replies": replies,
    "status_history": history,
}


@dataclass(frozen=True)
class Case:
    """A call with all its tables: per table the columns it needs, and the instants it reads where there."""

    needs: dict[str, str]
    reads: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    doubles: tuple[str, ...] = ()
    """Tables in which a repeated row changes nothing."""

    def tables(self, name: str) -> dict[str, pd.DataFrame]:
        made = {"optouts": gone() if name == "sent_after_optout" else messages()}
        return {table: made[table] if table in made else SAMPLES[table]() for table in self.needs}


CASES: dict[str, Case] = {
    "attribute_replies": Case({"replies": REPLIES, "messages": MESSAGES}),
    "avoidable_parts": Case({"campaigns": "message_id sent_at message cost"}),
    "bounce_history": Case({"dlrs": DLRS}),
    "bounce_kinds": Case({"dlrs": DLRS, "campaigns": "message_id hard_bounced soft_bounced"}),
    "classify_replies": Case({"replies": f"{REPLIES} response", "messages": f"{MESSAGES} message"}),
    "compare_rates": Case({"messages": "status sent_at sender"}, options={"by": "sender", "now": NOW}),
    "costs": Case({"campaigns": f"{COUNTERS} parts sent_at"}),
    "delivery_rate": Case({"messages": "status sent_at"}, options={"now": NOW}),
    "delivery_trend": Case({"messages": "status sent_at"}, options={"now": NOW}),
    "hard_bounced": Case(
        {
            "dlrs": DLRS,
            "replies": "msisdn received_at",
            "campaigns": "message_id hard_bounced soft_bounced",
            "status_history": "message_id msisdn status",
            "messages": "message_id sender",
        },
        reads={"dlrs": "delivered_at"},
        doubles=("replies", "status_history", "messages"),
    ),
    "list_growth": Case(
        {"list_members": "list_id msisdn status created_at"}, reads={"list_members": "gone_at synced_at"}
    ),
    "list_health": Case(
        {"list_members": "list_id msisdn status", "dlrs": DLRS, "replies": "msisdn received_at"},
        reads={"list_members": "gone_at synced_at", "dlrs": "delivered_at"},
        options={"now": NOW},
        doubles=("replies",),
    ),
    "list_overlap": Case(
        {"list_members": "list_id msisdn status"}, reads={"list_members": "gone_at synced_at"}
    ),
    "number_details": Case({"numbers": "msisdn"}, doubles=("numbers",)),
    "optout_rate": Case(
        {"dlrs": f"{DLRS} optout", "replies": f"{REPLIES} response", "messages": f"{MESSAGES} message"},
        options={"now": NOW},
    ),
    "optouts": Case(
        {
            "replies": f"{REPLIES} response",
            "dlrs": "msisdn sent_at optout",
            "optouts": "msisdn sent_at",
            "list_members": "msisdn status",
            "callbacks": "msisdn received_at is_optout",
            "messages": f"{MESSAGES} message",
        },
        reads={"list_members": "created_at synced_at", "dlrs": "synced_at"},
        doubles=("dlrs", "optouts", "list_members", "callbacks"),
    ),
    "reply_rate": Case({"messages": f"{MESSAGES} status", "replies": REPLIES}, options={"now": NOW}),
    "reply_windows": Case({"replies": REPLIES, "messages": MESSAGES}),
    "segments": Case({"messages": "message"}, reads={"messages": "sent_at"}),
    "sent_after_optout": Case(
        {
            "messages": "message_id msisdn sent_at",
            "optouts": "msisdn source certain first_optout_at known_at possible_at flag_message_id review_at"
            " cleared_at scope scope_sender scope_senders last_stop_at scope_lists",
            "dlrs": "message_id msisdn",
        },
    ),
    "spent_on_dead": Case({"dlrs": DLRS, "campaigns": COUNTERS}),
    "threads": Case({"replies": f"{REPLIES} response", "messages": f"{MESSAGES} message"}),
    "time_to_deliver": Case(
        {"dlrs": f"{DLRS} delivered_at", "status_history": "message_id msisdn status observed_at"},
        options={"now": NOW},
        doubles=("status_history",),
    ),
    "time_to_reply": Case({"replies": REPLIES, "messages": MESSAGES}),
    "time_to_settle": Case(
        {"dlrs": f"{DLRS} synced_at", "status_history": "message_id msisdn status observed_at"},
        doubles=("status_history",),
    ),
}
NAMES = sorted(CASES)
GROUPED = [n for n in NAMES if "by" in inspect.signature(getattr(analysis, n)).parameters]


def run(name: str, tables: dict[str, Any], **options: Any) -> pd.DataFrame:
    """Call a helper with its tables by their names."""
    frame: pd.DataFrame = getattr(analysis, name)(**tables, **CASES[name].options | options)
    return frame


def refused(name: str, tables: dict[str, Any], *words: str, **options: Any) -> None:
    """The call is refused in one line that says where and what, and shows nobody's number."""
    with pytest.raises(UsageError) as raised:
        run(name, tables, **options)
    said = str(raised.value)
    assert said.split(": ")[0] in analysis.__all__
    assert "\n" not in said
    assert "6149157" not in said
    assert [word for word in words if word not in said] == [], said


@dataclass(frozen=True)
class Files:
    """A scan of a frame written to a file."""

    path: Path
    columns: list[str]

    def sql(self) -> str:
        return f"read_parquet('{self.path}')"


def scans(tables: dict[str, pd.DataFrame], folder: Path) -> dict[str, Files]:
    made = {}
    for table, frame in tables.items():
        frame.to_parquet(folder / f"{table}.parquet")
        made[table] = Files(folder / f"{table}.parquet", list(frame.columns))
    return made


def instants(frame: pd.DataFrame) -> list[str]:
    """The columns that hold instants; one without any holds nothing that could be misread."""
    zoned = [c for c in frame.columns if isinstance(frame[c].dtype, pd.DatetimeTZDtype)]
    return [c for c in zoned if frame[c].notna().any()]


def test_every_helper_has_a_case() -> None:
    helpers = {name for name in analysis.__all__ if inspect.isfunction(getattr(analysis, name))}
    assert set(CASES) == helpers - TAKE_NO_TABLES


@pytest.mark.parametrize("name", NAMES)
def test_a_case_has_rows_and_every_table_the_helper_takes(name: str) -> None:
    parameters = set(inspect.signature(getattr(analysis, name)).parameters)
    choice = {"bounce_history": {"numbers"}, "list_growth": {"optouts"}}.get(name, set())
    if "by" in parameters and "list_members" not in CASES[name].needs:
        choice = choice | {"list_members"}  # for custom fields of contacts: tests/test_contact_fields.py
    assert set(CASES[name].needs) == parameters & {*SAMPLES, "optouts"} - choice
    assert len(run(name, CASES[name].tables(name))) > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_column_is_named_with_its_table(name: str) -> None:
    tables = CASES[name].tables(name)
    for table, needs in CASES[name].needs.items():
        for column in needs.split():
            less = tables | {table: tables[table].drop(columns=column)}
            refused(name, less, f"{table} has no column '{column}'", "What came in has: ")


@pytest.mark.parametrize("name", NAMES)
def test_columns_a_helper_does_not_need_may_be_missing(name: str) -> None:
    tables = CASES[name].tables(name)
    needed = {table: tables[table][needs.split()] for table, needs in CASES[name].needs.items()}
    assert list(run(name, needed).columns) == list(run(name, tables).columns)


@pytest.mark.parametrize("name", NAMES)
def test_naive_times_are_refused_wherever_they_are_read(name: str) -> None:
    case, tables = CASES[name], CASES[name].tables(name)
    for table, frame in tables.items():
        read = f"{case.needs[table]} {case.reads.get(table, '')}".split()
        for column in instants(frame):
            naive = tables | {table: frame.assign(**{column: frame[column].dt.tz_localize(None)})}
            if column in read:
                refused(name, naive, f"{table}.{column} is naive", "tz_localize")
            else:
                pd.testing.assert_frame_equal(run(name, naive), run(name, tables))


@pytest.mark.parametrize("name", NAMES)
def test_scans_of_other_files_are_checked_like_frames(name: str, tmp_path: Path) -> None:
    case, tables = CASES[name], CASES[name].tables(name)
    pd.testing.assert_frame_equal(run(name, scans(tables, tmp_path)), run(name, tables))
    table, needs = next(iter(case.needs.items()))
    column = needs.split()[0]
    less = tables | {table: tables[table].drop(columns=column)}
    refused(name, scans(less, tmp_path), f"{table} has no column '{column}'")
    for column in set(instants(tables[table])) & set(needs.split()):
        naive = tables[table].assign(**{column: tables[table][column].dt.tz_localize(None)})
        refused(name, scans(tables | {table: naive}, tmp_path), f"{table}.{column} is naive")


@pytest.mark.parametrize("name", GROUPED)
@pytest.mark.parametrize("by", ["fortnight", "Sender"])
def test_an_unknown_grouping_is_refused_with_those_there_are(name: str, by: str) -> None:
    refused(name, CASES[name].tables(name), f"by='{by}'", "month", by=by)


@pytest.mark.parametrize("name", GROUPED)
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    by = "month" if name in {"delivery_trend", "list_growth"} else "day"
    refused(name, CASES[name].tables(name), "tz='Sydney' is no time zone", by=by, tz="Sydney")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_gives_the_same_columns_and_no_rate(name: str) -> None:
    tables = CASES[name].tables(name)
    full, none = run(name, tables), run(name, {table: frame[:0] for table, frame in tables.items()})
    assert none.dtypes.astype(str).to_dict() == full.dtypes.astype(str).to_dict()
    assert list(none.columns) == list(full.columns)
    assert none.select_dtypes("float64").isna().all(axis=None)
    assert (none.select_dtypes("int64") == 0).all(axis=None)
    untyped = {table: pd.DataFrame(columns=frame.columns) for table, frame in tables.items()}
    pd.testing.assert_frame_equal(run(name, untyped), none)


@pytest.mark.parametrize("name", NAMES)
def test_a_store_without_rows_gives_what_an_empty_frame_gives(name: str) -> None:
    tables = CASES[name].tables(name)
    none = {table: frame[:0] for table, frame in tables.items()}
    kept = {"numbers": "dlrs"} if name == "number_details" else {}
    stored = {
        table: Scan(kept.get(table, table), ())
        for table in tables
        if table != "callbacks" and (name, table) != ("sent_after_optout", "optouts")
    }
    pd.testing.assert_frame_equal(run(name, none | stored), run(name, none))


@pytest.mark.parametrize("name", GROUPED)
def test_nothing_in_groups_is_no_row(name: str) -> None:
    by = {"delivery_trend": "week", "list_growth": "week", "compare_rates": "week"}.get(
        name, ["week", "campaign"]
    )
    tables = CASES[name].tables(name)
    full = run(name, tables, by=by)
    none = run(name, {table: frame[:0] for table, frame in tables.items()}, by=by)
    assert len(none) == 0
    assert none.dtypes.astype(str).to_dict() == full.dtypes.astype(str).to_dict()


def pending(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows before anything came of them."""
    if table == "campaigns":
        return frame.assign(pending=4, delivered=0, soft_bounced=0, hard_bounced=0)
    word = "pending" if table != "list_members" else frame.get("status")
    return frame.assign(status=word) if "status" in frame else frame


@pytest.mark.parametrize("name", NAMES)
def test_all_pending_has_counts_and_no_rate(name: str) -> None:
    tables = CASES[name].tables(name)
    waiting = {table: pending(table, frame) for table, frame in tables.items()}
    found, full = run(name, waiting), run(name, tables)
    assert found.dtypes.astype(str).to_dict() == full.dtypes.astype(str).to_dict()
    over_settled = ["rate", "low", "high", "difference", "cost_per_delivered"]
    outcomes = ["delivered", "settled", "hard_bounced", "bounced", "replied", "dead_recipients"]
    for column in found.columns.intersection(over_settled if name != "list_health" else []):
        assert found[column].isna().all(), column
    for column in found.columns.intersection(outcomes):
        assert (found[column] == 0).all(), column
    if "pending_share" in found:
        assert (found["pending_share"] == 1).all()


@pytest.mark.parametrize("name", ["costs", "spent_on_dead"])
@pytest.mark.parametrize("cost", [float("inf"), -float("inf"), 1e16])
def test_amounts_that_are_none_are_refused(name: str, cost: float) -> None:
    tables = CASES[name].tables(name)
    tables["campaigns"].loc[0, "cost"] = cost
    refused(name, tables, "1 rows of campaigns have a cost beyond 1e+15", "unpriced")


@pytest.mark.parametrize("name", NAMES)
def test_repeated_rows_are_refused_or_change_nothing(name: str) -> None:
    case, tables = CASES[name], CASES[name].tables(name)
    expected = run(name, tables)
    for table, frame in tables.items():
        doubled = tables | {table: pd.concat([frame, frame], ignore_index=True)}
        if table in case.doubles:
            pd.testing.assert_frame_equal(run(name, doubled), expected)
        else:
            refused(name, doubled, f"{len(frame)} rows of {table} repeat the key", "drop_duplicates")


KEYS = {"id", "message_id", "msisdn", "list_id", "longcode", "number"}
"""The columns of which a store never has a null."""


@pytest.mark.parametrize("name", NAMES)
def test_values_that_could_not_be_read_are_worked_with_or_refused(name: str) -> None:
    """A store holds null where the gateway's value did not fit: no traceback, the same columns and types."""
    tables = CASES[name].tables(name)
    full = run(name, tables)
    for table, frame in tables.items():
        for column in sorted(set(frame.columns) - KEYS):
            cells = frame[column].astype(object)
            cells.iloc[::2] = None
            if not isinstance(frame[column].dtype, np.dtype) or frame[column].dtype.kind not in "biu":
                cells = cells.astype(frame[column].dtype)
            elif frame[column].dtype.kind == "b":
                cells = cells.astype("boolean")
            else:
                cells = cells.astype("Int64")
            found = worked_or_refused(name, tables | {table: frame.assign(**{column: cells})})
            if found is not None:
                assert list(found.columns) == list(full.columns), (table, column)
                assert found.dtypes.astype(str).to_dict() == full.dtypes.astype(str).to_dict(), (
                    table,
                    column,
                )


def worked_or_refused(name: str, tables: dict[str, Any]) -> pd.DataFrame | None:
    """What a helper gives; None where it refuses in one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            return run(name, tables)
        except UsageError as error:
            return None if "\n" not in str(error) else pytest.fail(str(error))
