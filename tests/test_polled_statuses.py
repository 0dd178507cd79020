"""What polls show of a message goes before what callbacks told; what callbacks told is marked until then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from smsdata import Client, Store, sync
from smsdata.ingest.callbacks import ingest_callbacks
from smsdata.schema.callback_marks import is_marked, marked_text
from smsdata.schema.frames import schema
from smsdata.simulator import Account, Gateway
from tests.support.callback_events import put
from tests.support.callers import dlr

Made = tuple[Account, Gateway, Store]
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ONE = {"message_id": 7, "msisdn": "61491570156", "sent_at": NOON}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store")
    with made.writing():
        made.bind("me", "http://127.0.0.1/")
        made.save_state()
        yield made


def seen(store: Store, source: str, status: str | None, hours: float, extra: str | None = None) -> None:
    """Merge what a poll or a callback tells of the one message, so many hours after it was sent."""
    at = NOON + timedelta(hours=hours)
    row = {**ONE, "status": status, "synced_at": at, "copies": 1, "extra": extra, "source": source}
    if source == "callback":
        row |= {
            "extra": marked_text({}, f"{hours:016}"),
            "delivered_at": at if status == "delivered" else None,
        }
    store.merge("dlrs", pa.Table.from_pylist([row], schema=schema("dlrs")), source=source)


def message(store: Store, status: str, hours: float, extra: str | None = None) -> None:
    at = NOON + timedelta(hours=hours)
    row = {**ONE, "id": 1, "status": status, "synced_at": at, "message": "Hello", "extra": extra}
    store.merge("messages", pa.Table.from_pylist([row], schema=schema("messages")))


def shown(store: Store, table: str = "dlrs") -> dict[str, Any]:
    (row,) = store.rows(table).to_pylist()
    return dict(row)


ENDED = ("soft-bounce", "delivered", "hard-bounce")
CONTRADICTED = [(told, polled) for told in ENDED for polled in (*ENDED, "bounced") if told != polled]


# ---- dlrs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("polled_before", [True, False])
@pytest.mark.parametrize(("told", "polled"), [pair for pair in CONTRADICTED if pair[1] != "bounced"])
def test_a_final_status_that_is_polled_counts_and_the_mark_comes_off(
    store: Store, told: str, polled: str, polled_before: bool
) -> None:
    if polled_before:
        seen(store, "polled", "pending", 1)
    seen(store, "callback", told, 2)
    assert (shown(store)["status"], is_marked(shown(store)["extra"])) == (told, True)
    seen(store, "polled", polled, 3)
    row = shown(store)
    assert (row["status"], row["extra"]) == (polled, None)
    seen(store, "callback", told, 4)  # and a late repetition moves nothing
    assert (shown(store)["status"], shown(store)["extra"]) == (polled, None)


def test_a_failure_of_no_kind_takes_back_a_delivery_and_leaves_callbacks_the_kind(store: Store) -> None:
    seen(store, "callback", "delivered", 1)
    seen(store, "polled", "bounced", 2)
    assert (shown(store)["status"], shown(store)["extra"]) == ("bounced", None)
    seen(store, "callback", "hard-bounce", 3)
    assert shown(store)["status"] == "hard-bounce"
    assert '"status":"bounced","status_from":"callback"' in shown(store)["extra"]


def test_a_poll_that_shows_pending_leaves_the_mark(store: Store) -> None:
    seen(store, "polled", "pending", 1)
    for hours in (3, 4):
        seen(store, "callback", "hard-bounce", 2)
        seen(store, "polled", "pending", hours)
        row = shown(store)
        assert row["status"] == "hard-bounce"
        assert row["extra"] == '{"callback":{},"status":"pending","status_from":"callback"}'
    history = store.rows("status_history").to_pylist()
    assert {row["status"] for row in history if row["source"] == "polled"} == {"pending"}


def test_a_status_that_cannot_be_read_is_not_one_that_was_polled(store: Store) -> None:
    seen(store, "callback", "hard-bounce", 1)
    seen(store, "polled", None, 2)
    assert shown(store)["status"] == "hard-bounce"
    assert shown(store)["extra"] == '{"callback":{},"status":"","status_from":"callback"}'
    seen(store, "polled", "delivered", 3)
    assert (shown(store)["status"], shown(store)["extra"]) == ("delivered", None)


def test_a_time_of_delivery_that_was_told_stays_whatever_polls_show_meanwhile(store: Store) -> None:
    seen(store, "polled", "pending", 1)
    for source, status, hours in (
        ("callback", "delivered", 3), ("polled", "soft-bounce", 4), ("callback", "delivered", 2),
        ("polled", "delivered", 5),
    ):  # fmt: skip
        seen(store, source, status, hours)
    assert (shown(store)["status"], shown(store)["extra"]) == ("delivered", None)
    assert shown(store)["delivered_at"] == NOON + timedelta(hours=2)


def test_what_polls_and_callbacks_say_in_new_keys_is_kept_side_by_side(store: Store) -> None:
    seen(store, "polled", "pending", 1, '{"carrier":"blue"}')
    row = {**ONE, "status": "delivered", "synced_at": NOON, "copies": 1, "source": "callback"}
    row |= {"extra": marked_text({"campaign": "spring"}, "0f"), "delivered_at": NOON}
    store.merge("dlrs", pa.Table.from_pylist([row], schema=schema("dlrs")), source="callback")
    assert shown(store)["extra"] == (
        '{"callback":{"campaign":"spring"},"polled":{"carrier":"blue"},"status":"pending",'
        '"status_from":"callback"}'
    )
    seen(store, "polled", "delivered", 2, '{"carrier":"red"}')
    assert shown(store)["extra"] == '{"callback":{"campaign":"spring"},"polled":{"carrier":"red"}}'


@pytest.mark.parametrize("silent_first", [True, False])
def test_a_poll_whose_status_cannot_be_read_says_nothing_of_when_one_was_seen(
    store: Store, silent_first: bool
) -> None:
    for status, hours in ((None, 9), ("hard-bounce", 2))[:: 1 if silent_first else -1]:
        seen(store, "polled", status, hours)
    seen(store, "polled", "delivered", 5)
    assert shown(store)["status"] == "delivered", "the later of two ends that were seen"
    history = store.rows("status_history").to_pylist()
    assert {row["observed_at"].hour for row in history} == {14, 17}


# ---- messages --------------------------------------------------------------------------------------------


def test_a_message_whose_status_a_callback_moved_is_marked_until_it_is_polled(store: Store) -> None:
    message(store, "pending", 0, '{"new":1}')
    seen(store, "callback", "delivered", 1)
    row = shown(store, "messages")
    assert (row["status"], row["extra"]) == (
        "delivered", '{"callback":{},"polled":{"new":1},"status":"pending","status_from":"callback"}',
    )  # fmt: skip
    message(store, "pending", 2, '{"new":1}')
    assert (shown(store, "messages")["status"], is_marked(shown(store, "messages")["extra"])) == (
        "delivered",
        True,
    )
    seen(store, "polled", "soft-bounce", 3)
    row = shown(store, "messages")
    assert (row["status"], row["extra"]) == ("soft-bounce", '{"new":1}')


def test_a_message_that_polls_showed_to_have_ended_is_not_moved_by_a_callback(store: Store) -> None:
    message(store, "delivered", 0)
    seen(store, "callback", "hard-bounce", 1)
    assert (shown(store, "messages")["status"], shown(store, "messages")["extra"]) == ("delivered", None)
    assert shown(store)["status"] == "hard-bounce"
    seen(store, "polled", "hard-bounce", 2)
    assert shown(store, "messages")["status"] == "hard-bounce"


def test_a_poll_of_a_message_goes_before_what_a_callback_told(store: Store) -> None:
    message(store, "pending", 0)
    seen(store, "callback", "hard-bounce", 1)
    message(store, "soft-bounce", 2)
    assert (shown(store, "messages")["status"], shown(store, "messages")["extra"]) == ("soft-bounce", None)


# ---- a whole sync ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["hard-bounce", "delivered"])
def test_sync_corrects_what_callbacks_told_and_accuses_nobody(
    world: Made, connect: Callable[..., Client], word: str
) -> None:
    """Twelve receipts of one word, whatever is true: counters, dlrs and messages end as polls show them."""
    account, gateway, store = world
    numbers = [61491570300 + n for n in range(12)]
    send = account.send_campaign(numbers=numbers)
    with connect(gateway) as client:
        sync(client, store)
        at = f"{account.time:%Y-%m-%d %H:%M:%S}"
        put(store, *(("dlr", dlr(send, number, at, word)) for number in numbers), at=account.now * 1_000_000)
        ingest_callbacks(store, now=account.time)
        messages = [row for row in store.rows("messages").to_pylist() if row["message_id"] == send]
        assert {row["status"] for row in messages} == {word}
        assert all(is_marked(row["extra"]) for row in messages)
        calls = [sync(client, store).calls for _ in range(2)]
        assert calls[0] == calls[1] <= 8, "what polls show agrees with the counters: nothing is read again"
        account.advance(hours=200)
        reports = [sync(client, store) for _ in range(2)]
    truth = {row["msisdn"]: row["status"] for row in account.truth("dlrs") if row["message_id"] == send}
    assert len(set(truth.values()) | {word}) > 1
    for table in ("dlrs", "messages"):
        rows = [row for row in store.rows(table).to_pylist() if row["message_id"] == send]
        assert {row["msisdn"]: row["status"] for row in rows} == truth
        assert not any(is_marked(row["extra"]) for row in rows)
    assert not [line for report in reports for line in report.attention if "taken back" in line]
    assert store.verify() == []
