"""The state: its verbs, its file, and the way from the format of version 0.1.0."""

from __future__ import annotations

import zlib
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from smsdata.errors import StoreError
from smsdata.store.coverage import Span
from smsdata.store.state import (
    FORMAT,
    Failure,
    OtherFormatError,
    Retry,
    Rounds,
    Slice,
    State,
    next_generation,
    note_all_members,
    note_failure,
    note_left_out,
    note_rejects,
    note_report,
    note_retained,
    note_rounds,
    note_witness,
    state_as_json,
    state_from_json,
)
from smsdata.store.store import Store

T0 = datetime(2026, 11, 1, 9, 30, 0, 250, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def full() -> State:
    """A state of which no field is at its default."""
    state = full_of_format_1()
    state.cover("messages", Span(T0 - DAY, T0))
    state.remember("replies", 24, [3])
    state.pending.reach_back("optouts", T0 - DAY)
    state.pending.dig_from(T0)
    state.pending.ask_since("90d")
    state.pending.note_answered({22, 21})
    note_failure(state, "get-sms-sent?message_id=9", Failure(2, T0 + DAY, "INTERNAL_ERROR"))
    return state


def full_of_format_1() -> State:
    """All that a state of the first format can say, as it is adopted."""
    state = State(journal=7)
    state.bind("x" * 32, "https://a.example/")
    state.begin_slice("messages", Slice(T0, T0 + HOUR, T0 - HOUR))
    state.advance("messages", T0 + HOUR, done=T0 + HOUR)
    state.advance("replies", T0, done=T0)
    state.keep_from("messages", T0 - DAY)
    state.keep_from("dlrs", T0)
    for table in ("campaigns", "list_members", "numbers", "keywords"):
        state.mark_read(table, T0)
    for table in ("messages", "dlrs", "optouts", "replies"):  # which followed from the report of campaigns
        state.mark_read(table, T0)
    for table in ("campaigns", "optouts", "replies"):
        state.keep_from(table, T0 - 365 * DAY)
    state.note_retry("get-sms-sent?message_id=3", Retry(1))
    state.note_retry("get-user-sms-responses?start=1", Retry(2, T0, T0 + HOUR))
    state.mark_members_read({4: (2, 3), 11: (0, 0)})
    state.mark_unproved({5})
    state.remember("messages", 21, [0, 1, 0, 0, 0])
    state.remember("dlrs", 22, [0, 2, 0, 0, 0])
    state.remember("optouts", 23, [0, 3, 0, 0, 1])
    return state


def test_state_keeps_the_manifest() -> None:
    state = full()
    state.manifest.store = "a store"
    state.manifest.record("lists/part-0.parquet", 3, "0123456789abcdef")
    saved = next_generation(state)
    assert (saved.manifest.generation, saved.manifest.changed, state.manifest.changed) == (1, False, True)
    assert state_from_json(state_as_json(saved)) == saved


FORMAT_1: dict[str, Any] = {
    "format": 1,
    "journal": 7,
    "account": "x" * 32,
    "base_url": "https://a.example/",
    "cursors": {
        "messages": "2026-11-01T10:30:00.000250+00:00",
        "replies": "2026-11-01T09:30:00.000250+00:00",
    },
    "jobs": {"messages": [T0.isoformat(), (T0 + HOUR).isoformat(), (T0 + HOUR).isoformat()]},
    "odd": {
        "get-sms-sent?message_id=3": [1],
        "get-user-sms-responses?start=1": [2, str(T0), str(T0 + HOUR)],
    },
    "remembered": {"late-21": [0, 1, 0, 0, 0], "22": [0, 2, 0, 0, 0], "optouts-23": [0, 3, 0, 0, 1]},
    "weekly": T0.isoformat(),
    "members": T0.isoformat(),
    "numbers": T0.isoformat(),
    "keywords": T0.isoformat(),
    "members_seen": {"4": [2, 3], "11": [0, 0]},
    "unproved_lists": [5],
    "first_messages": (T0 - DAY).isoformat(),
    "first_dlrs": T0.isoformat(),
}


def sealed(content: dict[str, Any]) -> bytes:
    checksum = zlib.crc32(orjson.dumps(content, option=orjson.OPT_SORT_KEYS))
    return orjson.dumps(content | {"checksum": checksum}, option=orjson.OPT_INDENT_2)


# ---- the file ------------------------------------------------------------------------------------------


def test_state_keeps_every_field_in_its_file() -> None:
    state, empty = full(), State()
    note_witness(state, "dlrs", "independent")  # format 1 knew none
    state.mark_unproved({5}, changing={6})
    state.hits_seen[7] = 3
    note_all_members(state)
    note_rejects(state, ["dlrs-0f.json"])
    note_rounds(state, Rounds(T0, T0, T0))
    note_retained(state, "replies", T0, "400d", complete_from=T0)
    note_left_out(state, {7: datetime(2026, 9, 1, tzinfo=UTC)})
    note_report(state, Span(T0, T0))
    assert all(
        getattr(state, f.name) != getattr(empty, f.name) for f in fields(State) if f.name != "manifest"
    )
    assert state_from_json(state_as_json(state)) == state
    assert state_from_json(state_as_json(empty)) == empty


def test_note_report_keeps_the_last_of_a_day_and_what_reached_further_back() -> None:
    state = State()
    far, near, last, next_day = (
        Span(T0 - days * DAY, T0 + hours * HOUR) for days, hours in ((365, 0), (30, 1), (30, 2), (29, 24))
    )
    for one in (far, near, last, next_day):
        note_report(state, one)
    assert state.reports == [far, last, next_day]
    late = Span(T0 + 390 * DAY, T0 + 420 * DAY)
    note_report(state, late)
    assert state.reports == [late]


def test_state_is_written_the_same_whatever_the_order_of_changes() -> None:
    one, other = State(), State()
    for state, ids in ((one, (1, 2, 10)), (other, (10, 2, 1))):
        for campaign in ids:
            state.remember("dlrs", campaign, [campaign])
            state.mark_unproved(set(ids))
    assert state_as_json(one) == state_as_json(other)
    keys = [line.split(b'"')[1] for line in state_as_json(one).splitlines() if line.startswith(b'  "')]
    assert keys == sorted(keys)


def test_state_of_format_1_is_read_whole() -> None:
    assert state_from_json(sealed(FORMAT_1)) == full_of_format_1()
    assert state_from_json(sealed({"format": 1, "journal": 0})) == State()


def test_state_of_a_new_format_or_with_an_unknown_field_is_another_versions() -> None:
    for content in ({"format": FORMAT + 1}, {"format": "2"}, {"format": FORMAT, "horizons": []}):
        with pytest.raises(OtherFormatError):
            state_from_json(sealed(content))


@pytest.mark.parametrize(
    "content",
    [
        {"format": FORMAT, "journal": "7"},
        {"format": FORMAT, "cursors": []},
        {"format": FORMAT, "cursors": {"messages": "soon"}},
        {"format": FORMAT, "members_seen": {"a list": [1, 2]}},
        {"format": 1, "remembered": {"early-3": [1]}},
        {"format": 1, "jobs": {"messages": []}},
    ],
)
def test_state_that_does_not_fit_its_format_is_damaged(content: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        state_from_json(sealed(content))
    assert not isinstance(caught.value, OtherFormatError)


def test_store_of_format_1_is_rewritten_by_the_first_save_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with store.writing():
        pass
    path = store.private / "state.json"
    path.write_bytes(sealed(FORMAT_1))
    with Store(store.path).writing():
        reader = Store(store.path)
        assert reader.state.cursors["replies"] == T0
        assert reader.verify() == []
        assert path.read_bytes() == sealed(FORMAT_1)
        reader.save_state()
    assert path.read_bytes() == state_as_json(full_of_format_1())


def test_store_with_a_damaged_state_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with store.writing():
        pass
    for content in (b"[]", b"{", sealed({"format": FORMAT, "journal": "7"})):
        (store.private / "state.json").write_bytes(content)
        with pytest.raises(StoreError, match="damaged"):
            _ = Store(store.path).state


# ---- the verbs -----------------------------------------------------------------------------------------


def test_advance_moves_the_cursor_and_what_is_done_of_the_slice() -> None:
    state = State()
    state.begin_slice("messages", Slice(T0, T0 + DAY, T0))
    state.advance("messages", T0 + HOUR, done=T0 + 2 * HOUR)
    assert state.cursors == {"messages": T0 + HOUR}
    assert state.slices == {"messages": Slice(T0, T0 + DAY, T0 + 2 * HOUR)}
    assert (state.end_slice("messages"), state.end_slice("messages")) == (True, False)
    state.advance("messages", T0 + DAY, done=T0 + DAY)
    assert state.slices == {}


def test_is_due_counts_no_instant_that_is_still_to_come() -> None:
    state = State()
    assert state.is_due("numbers", DAY, T0)
    state.mark_read("numbers", T0)
    assert not state.is_due("numbers", DAY, T0 + DAY - HOUR)
    assert state.is_due("numbers", DAY, T0 + DAY)
    assert state.is_due("numbers", DAY, T0 - HOUR)


def test_remember_keeps_the_counters_of_each_table_apart() -> None:
    state = State()
    state.remember("dlrs", 7, [1, 2])
    assert state.remembered("dlrs", 7) == [1, 2]
    assert state.remembered("messages", 7) is None
    state.forget("optouts", 7)
    state.forget("dlrs", 7)
    assert state.remembered("dlrs", 7) is None


def test_take_retry_forgets_the_read() -> None:
    state = State()
    state.note_retry("a", Retry(2, T0, T0 + HOUR))
    assert state.take_retry("a") == Retry(2, T0, T0 + HOUR)
    assert state.take_retry("a") == Retry(0)


def test_reading_a_state_changes_nothing() -> None:
    state = full()
    before = state_as_json(state)
    state.is_due("clients", DAY, T0)
    state.remembered("messages", 99)
    state.cursors.get("dlrs")
    assert state_as_json(state) == before
