"""Dlrs that follow from the messages of their send: in fewer calls, and never by a guess."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from smsdata import Store, analysis
from smsdata.ingest.derived import Besides, Known, dlrs_from, is_told, spans_worth_reading
from smsdata.ingest.plan import Campaign
from smsdata.ingest.run import plan_sync, sync
from smsdata.schema.callback_marks import marked_text
from smsdata.schema.frames import empty, schema
from smsdata.simulator import Account, Gateway
from tests.support.comparison import described, differences

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)


def account_with_sends(**options: Any) -> Account:
    """Five sends of 650, hard and soft bounces among them."""
    chosen = {"campaigns": 5, "recipients": 650, "singles": 9, "inbound": 5, "lists": 2, "days": 20}
    return Account(seed=5, **chosen | {"link_rate": 0.01} | options)


def asked(gateway: Gateway) -> list[dict[str, str]]:
    """The parameters of each call of get-sms-sent."""
    return [dict(call.params) for call in gateway.calls if "get-sms-sent." in call.path]


class Words:
    """A gateway that names statuses in other words, or at which something happens before a call."""

    def __init__(
        self,
        gateway: Gateway,
        words: dict[str, dict[str, str]] | None = None,
        before: Callable[[str, dict[str, str]], None] = lambda _path, _asked: None,
    ) -> None:
        self._gateway, self._words, self._before = gateway, words or {}, before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def respond(self, method: str, path: str, params: Any, *arguments: Any, **named: Any) -> Any:
        self._before(path, dict(params := list(params)))
        answer = self._gateway.respond(method, path, params, *arguments, **named)
        for call, words in self._words.items():
            if f"{call}." in path:
                told = json.loads(answer.body)
                for row in told.get("messages", []) + told.get("recipients", []):
                    for key in row.keys() & {"status", "delivery_status"}:
                        row[key] = words.get(row[key], row[key])
                answer = replace(answer, body=json.dumps(told).encode())
        return answer


VAGUE = {
    "soft_bounced": "bounced",
    "hard_bounced": "bounced",
    "soft-bounce": "bounced",
    "hard-bounce": "bounced",
}


def test_sync_of_24178_messages_takes_at_most_400_calls(connect, tmp_path):
    account = Account.bulk(24_178, recipients=700)
    store = Store(tmp_path / "store")
    report = sync(connect(Gateway(account, limiter=None)), store)
    assert report.calls <= 400
    assert report.attention == []
    assert differences(store, account) == {}
    assert store.verify() == []


def test_sync_reads_a_new_send_as_messages_alone_but_for_its_opt_outs(connect, tmp_path):
    account = account_with_sends()
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    planned = plan_sync(connect(gateway), Store(tmp_path / "other"))
    report = sync(connect(gateway), store)
    assert {call["optouts"] for call in asked(gateway)} == {"only"}
    assert planned["optouts"] == report.tables["optouts"].calls
    assert planned["dlrs"] == report.tables["dlrs"].calls == 0
    assert differences(store, account) == {}
    assert store.verify() == []
    dlrs = store.read("dlrs")
    assert set(dlrs["source"]) == {"derived"}
    assert set(dlrs["status"]) >= {"delivered", "soft-bounce", "hard-bounce"}
    assert sync(connect(gateway), store).calls <= 6
    account.advance(hours=30)
    sync(connect(gateway), store)
    assert differences(store, account) == {}


def test_sync_deep_reads_derived_dlrs_themselves(connect, tmp_path):
    account = account_with_sends()
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    sync(connect(gateway), store)
    before = store.read("dlrs")
    bounced = analysis.hard_bounced(store.scan("dlrs"), replies=store.scan("replies"))
    sync(connect(gateway), store, deep=True)
    after = store.read("dlrs")
    many = after["message_id"].duplicated(keep=False)
    assert set(after.loc[many, "source"]) == {"polled"}
    assert after["first_name"].notna().sum() > before["first_name"].notna().sum()
    again = analysis.hard_bounced(store.scan("dlrs"), replies=store.scan("replies"))
    assert again.equals(bounced)
    assert len(bounced)


def test_sync_reads_only_what_failed_where_messages_do_not_say_whether_for_good(connect, tmp_path):
    account = account_with_sends()
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    report = sync(connect(Words(gateway, {"get-user-sms-sent": VAGUE})), store)
    assert report.attention == []
    assert {call.get("delivery", call["optouts"]) for call in asked(gateway)} == {"failed", "only"}
    assert set(store.read("dlrs").query("status == 'hard-bounce'")["source"]) >= {"polled"}
    assert differences(store, account) == {}


def test_sync_derives_nothing_where_no_call_says_whether_for_good(connect, tmp_path):
    account = account_with_sends()
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    words = {"get-user-sms-sent": VAGUE, "get-sms-sent": VAGUE}
    sync(connect(Words(gateway, words)), store)
    calls = asked(gateway)
    assert sum(call.get("delivery") == "failed" for call in calls) == 1
    read_whole = {call["message_id"] for call in calls if call.get("optouts") == "include"}
    assert len(read_whole) == 5
    assert set(store.read("dlrs")["status"]) >= {"bounced"}
    assert "hard-bounce" not in set(store.read("dlrs").loc[lambda rows: rows["source"] == "polled", "status"])


def test_sync_reads_a_send_in_full_that_moved_after_its_messages_were_read(connect, tmp_path):
    account = account_with_sends()
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    row = next(row for row in account.truth("dlrs") if row["status"] == "soft-bounce")
    moved: list[int] = []

    def move(path: str, params: dict[str, str]) -> None:
        if "get-sms-sent." in path and not moved:
            account.set_status(row["message_id"], row["msisdn"], "delivered")
            moved.append(row["message_id"])

    report = sync(connect(Words(gateway, before=move)), store)
    assert report.attention == []
    assert {int(c["message_id"]) for c in asked(gateway) if c["optouts"] == "include"} == set(moved)
    assert differences(store, account) == {}


def test_sync_does_not_see_a_delivered_and_a_hard_bounce_that_change_places(connect, tmp_path):
    """What docs/proofs.md says stays hidden, until a deep run reads the send itself."""
    account = account_with_sends()
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    by_send: dict[int, dict[str, dict[str, Any]]] = {}
    for row in account.truth("dlrs"):
        by_send.setdefault(row["message_id"], {})[row["status"]] = row
    pair = next(send for send in by_send.values() if {"delivered", "hard-bounce"} <= send.keys())
    moved: list[int] = []

    def change_places(path: str, params: dict[str, str]) -> None:
        if "get-sms-sent." in path and not moved:
            for status, other in (("delivered", "hard-bounce"), ("hard-bounce", "delivered")):
                account.set_status(pair[status]["message_id"], pair[status]["msisdn"], other)
            moved.append(1)

    client = connect(Words(gateway, before=change_places))
    sync(client, store)
    hidden = ["messages: 2 rows with a wrong status", "dlrs: 2 rows with a wrong status"]
    assert sorted(described(differences(store, account))) == sorted(hidden)
    account.advance(hours=1)
    sync(client, store, deep=True)
    assert differences(store, account) == {}


def test_sync_derives_nothing_of_a_send_that_callbacks_told_of(connect, tmp_path):
    account = account_with_sends()
    gateway, store = Gateway(account, limiter=None), Store(tmp_path / "store")
    heard = next(row for row in account.truth("dlrs") if row["status"] == "delivered")
    with store.writing():
        row = {**heard, "status": "hard-bounce", "source": "callback", "extra": marked_text({}, "0f")}
        row |= {"sent_at": heard["sent_at"], "synced_at": account.time, "copies": 1}
        client = connect(gateway)
        store.bind(client.settings.account, client.settings.base_url)
        store.merge("dlrs", pa.Table.from_pylist([row], schema=schema("dlrs")), source="callback")
    sync(connect(gateway), store)
    whole = {int(call["message_id"]) for call in asked(gateway) if call["optouts"] == "include"}
    assert whole == {heard["message_id"]}
    assert differences(store, account) == {}


# ---- what follows, in detail -------------------------------------------------------------------------


def campaign(**counters: int) -> Campaign:
    counts = dict.fromkeys(("pending", "delivered", "soft", "hard", "optouts"), 0) | counters
    return Campaign(message_id=7, sent_at=AT, alone=False, **counts)


def messages(*statuses: str, numbers: list[int] | None = None) -> pa.Table:
    rows = [
        {"id": n, "message_id": 7, "sent_at": AT, "msisdn": str(61491570156 + (numbers[n] if numbers else n)),
         "sender": "ACME", "status": status, "message": "Hi", "synced_at": AT + timedelta(hours=n)}
        for n, status in enumerate(statuses)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema("messages"))


def besides(optouts: list[int] | None = None, failed: dict[int, str] | None = None) -> Besides:
    left = [{"message_id": 7, "msisdn": str(61491570156 + n), "sent_at": AT, "copies": 1, "synced_at": AT}
            for n in optouts or ()]  # fmt: skip
    bounced = [{"message_id": 7, "msisdn": str(61491570156 + n), "sent_at": AT, "status": status, "copies": 1,
                "optout": False, "source": "polled", "synced_at": AT}
               for n, status in (failed or {}).items()]  # fmt: skip
    return Besides(
        3,
        pa.Table.from_pylist(left, schema=schema("optouts")),
        pa.Table.from_pylist(bounced, schema=schema("dlrs")) if bounced else empty("dlrs"),
    )


def test_dlrs_from_messages_that_equal_the_counters():
    rows = dlrs_from(campaign(delivered=1, hard=1), messages("delivered", "hard-bounce"), besides([1]))
    assert rows is not None
    told = {row["msisdn"][-3:]: row for row in rows.to_pylist()}
    assert (told["156"]["status"], told["157"]["status"]) == ("delivered", "hard-bounce")
    assert [told[n]["optout"] for n in ("156", "157")] == [False, True]
    assert {row["source"] for row in told.values()} == {"derived"}
    assert {row["list_id"] for row in told.values()} == {3}
    assert told["157"]["synced_at"] == AT + timedelta(hours=1)
    assert told["157"]["sent_at"] == AT


@pytest.mark.parametrize(
    ("counters", "rows", "beside"),
    [
        ({"delivered": 2}, messages("delivered", "pending"), besides()),
        ({"delivered": 1, "soft": 1}, messages("delivered", "hard-bounce"), besides()),
        ({"delivered": 1, "hard": 1}, messages("delivered", "bounced"), besides()),
        ({"delivered": 1, "hard": 1}, messages("delivered", "bounced"), besides(failed={0: "hard-bounce"})),
        ({"delivered": 1, "hard": 1}, messages("delivered", "bounced"), besides(failed={1: "bounced"})),
        ({"delivered": 1, "hard": 1}, messages("delivered", "bounced"), besides(failed={9: "hard-bounce"})),
        ({"delivered": 2}, messages("delivered", "delivered"), besides([9])),
        ({"delivered": 1, "hard": 1}, messages("delivered", "hard-bounce", numbers=[0, 0]), besides()),
    ],
)  # fmt: skip
def test_dlrs_from_is_none_where_anything_is_left_open(counters, rows, beside):
    assert dlrs_from(campaign(**counters), rows, beside) is None


def test_dlrs_from_takes_the_kind_from_those_that_failed():
    told = dlrs_from(
        campaign(pending=1, hard=1), messages("pending", "bounced"), besides(failed={1: "hard-bounce"})
    )
    assert told is not None
    assert sorted(zip(*(told.column(n).to_pylist() for n in ("status", "source")), strict=True)) == [
        ("hard-bounce", "polled"), ("pending", "derived"),
    ]  # fmt: skip


def test_dlrs_from_counts_a_number_that_the_send_lists_twice():
    rows = dlrs_from(campaign(delivered=2), messages("delivered", "delivered", numbers=[0, 0]), besides())
    assert rows is not None
    assert rows.column("copies").to_pylist() == [2]


@pytest.mark.parametrize(
    ("told", "counted"),
    [
        (True, {"delivered": 5, "pending": 5}),
        (True, {"delivered": 7, "hard-bounce": 1, "pending": 2}),
        (False, {"delivered": 9}),
        (False, {"delivered": 4, "pending": 6}),
        (False, {"delivered": 5, "pending": 4, "queued": 1}),
        (False, {"delivered": 5, "pending": 4, None: 1}),
    ],
)
def test_is_told_only_by_messages_that_are_all_there_and_not_behind(told, counted):
    assert is_told(campaign(delivered=5, pending=5), counted) is told


def test_spans_worth_reading_are_as_wide_as_is_cheap():
    sends = [
        replace(campaign(delivered=n), message_id=n, sent_at=AT + timedelta(hours=n)) for n in range(1, 901)
    ]
    large = [Known(replace(sends[n], delivered=900), vague=False) for n in (0, 50, 800)]
    small = Known(replace(sends[400], delivered=120), vague=False)
    spans = spans_worth_reading([*large, small], sends)
    assert [[one.campaign.message_id for one in ones] for _, ones in spans] == [[1, 51], [801]]
    assert spans_worth_reading([Known(replace(sends[5], delivered=300), vague=True)], sends) != []
    assert spans_worth_reading([Known(replace(sends[5], hard=150, delivered=100), vague=True)], sends) == []


# ---- beside other evidence ---------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path):
    """A store that is being written to."""
    made = Store(tmp_path / "store")
    with made.writing():
        yield made


def dlr(hour: int, status: str, source: str, **values: Any) -> pa.Table:
    seen = {"status": status, "source": source, "synced_at": AT + timedelta(hours=hour)}
    row = (
        {"message_id": 7, "msisdn": "61491570156", "sent_at": AT, "optout": False, "copies": 1}
        | seen
        | values
    )
    return pa.Table.from_pylist([row], schema=schema("dlrs"))


@pytest.mark.parametrize("derived_first", [True, False])
@pytest.mark.parametrize("hour", [1, 3])
def test_merge_takes_from_a_polled_dlr_who_it_was_whichever_came_first(store, derived_first, hour):
    polled = dlr(2, "pending", "polled", first_name="Kim", list_id=3)
    derived = dlr(hour, "delivered", "derived")
    for rows in (derived, polled) if derived_first else (polled, derived):
        store.merge("dlrs", rows)
    (row,) = store.rows("dlrs").to_pylist()
    told = [row[name] for name in ("status", "first_name", "list_id", "source")]
    assert told == ["delivered", "Kim", 3, "polled"]
    assert row["synced_at"] == AT + timedelta(hours=max(2, hour))


def test_merge_keeps_a_derived_dlr_that_a_callback_tells_of(store):
    store.merge("dlrs", dlr(1, "pending", "derived"))
    store.merge("dlrs", dlr(2, "delivered", "callback", extra=marked_text({}, "0f")), source="callback")
    (row,) = store.rows("dlrs").to_pylist()
    assert (row["status"], row["source"]) == ("delivered", "derived")


def test_merge_takes_a_derived_dlr_for_one_that_a_callback_told_of(store):
    store.merge("dlrs", dlr(2, "hard-bounce", "callback", extra=marked_text({}, "0f")), source="callback")
    store.merge("dlrs", dlr(1, "delivered", "derived"))
    (row,) = store.rows("dlrs").to_pylist()
    assert (row["status"], row["source"]) == ("delivered", "derived")
