"""The store: merging in any order, parts, snapshots, reading, damage, the journal's turn-over, verify."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsdata.errors import LockedError, StoreError, UsageError
from smsdata.schema.frames import Reject, schema
from smsdata.schema.status import RANK
from smsdata.store.evidence import best_observations
from smsdata.store.store import Store

T0 = datetime(2026, 11, 1, tzinfo=UTC)
WORDS = ("pending", "queued", "sent", "bounced", "soft-bounce", "delivered", "hard-bounce")
Seen = tuple[str, int, str]  # status, hour, source


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def queried(sql: str) -> duckdb.DuckDBPyRelation:
    """What DuckDB says; a statement without rows would give None."""
    rows = duckdb.sql(sql)
    assert rows is not None
    return rows


def table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schema(name))


def dlr(message_id: int = 1, *, hour: float = 0, **values: Any) -> dict[str, Any]:
    row = {
        "message_id": message_id, "msisdn": "61491570156", "sent_at": T0, "status": "pending",
        "optout": False, "copies": 1, "synced_at": at(hour),
    }  # fmt: skip
    return row | values


def message(number: int, *, hour: float = 0, **values: Any) -> dict[str, Any]:
    row = {
        "id": number, "message_id": number // 10, "sent_at": at(number), "msisdn": "61491570156",
        "sender": "ACME", "status": "pending", "message": "hi", "synced_at": at(hour),
    }  # fmt: skip
    return row | values


def member(msisdn: str, *, list_id: int = 7, hour: float = 0, **values: Any) -> dict[str, Any]:
    row = {"list_id": list_id, "msisdn": msisdn, "status": "active", "fields": "{}", "synced_at": at(hour)}
    return row | values


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store that is being written to, with small parts."""
    made = Store(tmp_path / "store", part_rows=10)
    with made.writing():
        yield made


# ---- merging ---------------------------------------------------------------------------------------------


def oracle(seen: list[Seen]) -> str:
    """The rule in words: what was polled where that is an end, then rank, polled, later, delivered.

    Of a bounce without a kind, callbacks tell the kind.
    """
    ends = [one for one in seen if one[2] == "polled" and RANK.get(one[0], 1) >= RANK["bounced"]]
    kinds = [one for one in seen if one[2] == "callback" and one[0] in {"soft-bounce", "hard-bounce"}]
    best = _best(ends or seen)
    return _best(kinds) if ends and best == "bounced" and kinds else best


def _best(seen: list[Seen]) -> str:
    return max(seen, key=lambda o: (RANK.get(o[0], 1), o[2] == "polled", o[1], [-ord(c) for c in o[0]]))[0]


def _history(seen: list[tuple[int, Seen]]) -> pa.Table:
    rows = [
        {"message_id": n, "msisdn": "61491570156", "status": status, "observed_at": at(hour),
         "source": source, "synced_at": T0}
        for n, (status, hour, source) in seen
    ]  # fmt: skip
    return table("status_history", rows)


def test_best_is_the_same_in_100_000_orders() -> None:
    rng = random.Random(1)
    sets = [
        [(rng.choice(WORDS), rng.randrange(4), rng.choice(("polled", "callback"))) for _ in range(4)]
        for _ in range(100)
    ]
    due = [oracle(seen) for seen in sets]
    orders = [(n, order) for n, seen in enumerate(sets) for order in itertools.permutations(seen)]
    orders *= 42  # 100,800 in all
    rows = [(k, one) for k, (_, order) in enumerate(orders) for one in order]
    rng.shuffle(rows)
    best = best_observations(_history(rows))
    found = dict(zip(best.column("message_id").to_pylist(), best.column("status").to_pylist(), strict=True))
    assert len(orders) > 100_000
    assert all(found[k] == due[n] for k, (n, _) in enumerate(orders))


def test_merge_of_statuses_is_the_same_in_any_order_and_again(tmp_path: Path) -> None:
    rng = random.Random(2)
    sources = ("polled", "polled", "callback")
    seen = [
        [(rng.choice(WORDS), rng.randrange(4), rng.choice(sources)) for _ in range(5)] for _ in range(200)
    ]
    for trial in range(4):
        made = Store(tmp_path / str(trial))
        orders = [_polled_first(rng.sample(one, 5)) for one in seen]
        with made.writing():
            for turn in range(5):
                for source in ("polled", "callback"):
                    rows = [
                        dlr(n, hour=order[turn][1], status=order[turn][0])
                        for n, order in enumerate(orders)
                        if order[turn][2] == source
                    ]
                    for _ in range(rng.choice([1, 2])):
                        made.merge("dlrs", table("dlrs", rows), source=source)
        found = {row["message_id"]: row["status"] for row in made.rows("dlrs").to_pylist()}
        assert found == {n: oracle(order) for n, order in enumerate(orders)}


def _polled_first(order: list[Seen]) -> list[Seen]:
    """A dlr is known by polling before a callback can concern it."""
    first = next((n for n, one in enumerate(order) if one[2] == "polled"), None)
    if first is None:
        return [(order[0][0], order[0][1], "polled"), *order[1:]]
    return [order[first], *order[:first], *order[first + 1 :]]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_merge_of_batches_is_commutative_and_idempotent(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    one = st.tuples(st.integers(1, 4), st.sampled_from(WORDS), st.booleans(), st.none() | st.integers(0, 9))
    drawn = data.draw(st.lists(one, min_size=1, max_size=8))
    rows = [
        dlr(n, hour=hour, status=status, optout=optout, delivered_at=None if told is None else at(told))
        for hour, (n, status, optout, told) in enumerate(drawn)
    ]
    other = data.draw(st.permutations(rows))
    cut = data.draw(st.integers(0, len(rows)))
    stores = []
    for batches in ([[row] for row in rows], [other[:cut], other[cut:], other[cut:]]):
        made = Store(tmp_path_factory.mktemp("store"))
        with made.writing():
            for batch in batches:
                made.merge("dlrs", table("dlrs", batch))
        stores.append(sorted(made.rows("dlrs").to_pylist(), key=lambda row: row["message_id"]))
    assert stores[0] == stores[1]


def test_merge_lets_polled_beat_a_later_callback(store: Store) -> None:
    store.merge("dlrs", table("dlrs", [dlr(status="hard-bounce", hour=1)]))
    told = [dlr(status="delivered", hour=5, delivered_at=at(4), first_name="Forged")]
    store.merge("dlrs", table("dlrs", told), source="callback")
    (row,) = store.rows("dlrs").to_pylist()
    assert (row["status"], row["delivered_at"], row["first_name"]) == ("hard-bounce", at(4), None)
    assert row["synced_at"] == at(1)


def test_merge_keeps_both_final_states_in_the_history(store: Store) -> None:
    for hour, status in ((1, "delivered"), (3, "pending"), (2, "hard-bounce")):
        store.merge("dlrs", table("dlrs", [dlr(status=status, hour=hour)]))
    history = store.rows("status_history").to_pylist()
    assert {row["status"] for row in history} == {"delivered", "pending", "hard-bounce"}
    assert store.rows("dlrs").column("status").to_pylist() == ["hard-bounce"]


def test_merge_keeps_optout_the_earliest_delivery_and_the_latest_rest(store: Store) -> None:
    store.merge(
        "dlrs", table("dlrs", [dlr(hour=2, optout=True, delivered_at=at(9), first_name="New", copies=2)])
    )
    store.merge("dlrs", table("dlrs", [dlr(hour=1, delivered_at=at(8), first_name="Old")]))
    (row,) = store.rows("dlrs").to_pylist()
    assert row["optout"]
    assert (row["delivered_at"], row["first_name"], row["copies"], row["synced_at"]) == (
        at(8),
        "New",
        2,
        at(2),
    )


def test_merge_writes_a_row_of_history_per_change(store: Store) -> None:
    for hour, status in enumerate(["pending", "pending", "delivered", "delivered"]):
        store.merge("dlrs", table("dlrs", [dlr(status=status, hour=hour)]))
    history = store.rows("status_history").select(["status", "observed_at", "source"]).to_pylist()
    assert [tuple(row.values()) for row in history] == [
        ("pending", at(0), "polled"),
        ("delivered", at(2), "polled"),
    ]


def test_merge_keeps_a_row_in_the_month_where_it_was_first_stored(store: Store) -> None:
    store.merge("messages", table("messages", [message(1)]))
    store.merge("messages", table("messages", [message(1, hour=1, sent_at=at(24 * 40))]))
    assert [part.parent.name for part in store.parts("messages")] == ["month=2026-11"]
    assert store.read("messages", since=at(24 * 39))["id"].tolist() == [1]
    assert store.read("messages", until=at(24 * 39)).empty


def test_merge_of_the_same_key_twice_in_one_batch_gives_it_once(store: Store) -> None:
    stand = store.merge(
        "messages", table("messages", [message(1, hour=2, sender="B"), message(1, sender="A")])
    )
    assert stand.column("sender").to_pylist() == ["B"]
    assert store.rows("messages").column("sender").to_pylist() == ["B"]


def test_merge_fills_parts_and_rewrites_only_those_it_touches(store: Store) -> None:
    store.merge("messages", table("messages", [message(n) for n in range(35)]))
    parts = store.parts("messages")
    assert [part.name for part in parts] == [f"part-{n}.parquet" for n in range(4)]
    before = [part.stat().st_ino for part in parts]
    store.merge("messages", table("messages", [message(12, hour=1, sender="B"), message(40)]))
    after = [part.stat().st_ino for part in store.parts("messages")]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True, False]
    assert store.rows("messages").column("id").to_pylist() == [*range(35), 40]


def test_merge_of_dlrs_gives_messages_the_statuses_of_their_dlrs(store: Store) -> None:
    store.merge("messages", table("messages", [message(n) for n in range(8, 12)]))
    store.merge("dlrs", table("dlrs", [dlr(0, status="delivered"), dlr(5, status="hard-bounce")]))
    assert store.rows("messages").column("status").to_pylist() == ["delivered"] * 2 + ["pending"] * 2


# ---- snapshots -------------------------------------------------------------------------------------------


def test_apply_snapshot_sets_gone_at_within_its_scope_and_clears_it_on_return(store: Store) -> None:
    a, b, other = (member("61491570156"), member("61491570157"), member("61491570156", list_id=8))
    store.apply_snapshot("list_members", table("list_members", [a, b, other]), seen_at=at(0))
    scope = {"list_id": [7]}
    store.apply_snapshot(
        "list_members", table("list_members", [a | {"synced_at": at(1)}]), seen_at=at(1), scope=scope
    )
    gone = {(r["list_id"], r["msisdn"]): r["gone_at"] for r in store.rows("list_members").to_pylist()}
    assert gone == {(7, "61491570156"): None, (7, "61491570157"): at(1), (8, "61491570156"): None}
    both = [row | {"synced_at": at(2)} for row in (a, b)]
    store.apply_snapshot("list_members", table("list_members", both), seen_at=at(2), scope=scope)
    assert store.rows("list_members").column("gone_at").null_count == 3


def test_apply_snapshot_with_nothing_marks_all_and_scan_leaves_them_out(store: Store) -> None:
    store.apply_snapshot("list_members", table("list_members", [member("61491570156")]), seen_at=at(0))
    store.apply_snapshot("list_members", table("list_members", []), seen_at=at(3))
    assert len(store.read("list_members")) == 1
    assert queried(f"FROM {store.scan('list_members').sql()}").fetchall() == []


# ---- reading ---------------------------------------------------------------------------------------------


def test_read_bounds_are_since_inclusive_and_until_exclusive(store: Store) -> None:
    store.merge("messages", table("messages", [message(n) for n in range(40)]))
    assert store.read("messages", since=at(5), until=at(9))["id"].tolist() == [5, 6, 7, 8]
    assert store.read("messages", columns=["id"]).columns.tolist() == ["id"]


def test_read_opens_no_data_outside_the_bounds(store: Store) -> None:
    store.merge("messages", table("messages", [message(n) for n in range(40)]))
    part = store.parts("messages")[0]
    content = bytearray(part.read_bytes())
    content[100] ^= 1
    part.write_bytes(content)
    assert store.read("messages", since=at(30))["id"].tolist() == list(range(30, 40))
    with pytest.raises(StoreError, match="damaged"):
        store.read("messages")


def test_read_refuses_what_is_not_there(store: Store) -> None:
    with pytest.raises(UsageError, match="unknown table 'nothing'"):
        store.read("nothing")
    with pytest.raises(UsageError, match="no column 'colour'"):
        store.read("messages", columns=["colour"])
    with pytest.raises(UsageError, match="not ordered in time"):
        store.read("lists", since=at(0))


def test_read_as_of_tells_what_was_believed_then(store: Store) -> None:
    for hour, status in ((1, "pending"), (5, "soft-bounce"), (9, "delivered")):
        store.merge("dlrs", table("dlrs", [dlr(status=status, hour=hour)]))
    believed = {h: store.read("dlrs", as_of=at(h))["status"].tolist() for h in (0, 1, 6, 9)}
    assert believed == {0: [], 1: ["pending"], 6: ["soft-bounce"], 9: ["delivered"]}
    with pytest.raises(UsageError, match="as_of is for dlrs"):
        store.read("messages", as_of=at(0))


def test_pandas_and_duckdb_read_the_folder_with_our_types(store: Store) -> None:
    rows = [dlr(n, list_id=None if n % 2 else 9, sent_at=at(24 * n)) for n in range(45)]
    store.merge("dlrs", table("dlrs", rows))
    frame = pd.read_parquet(store.path / "dlrs")
    assert sorted(frame["message_id"]) == list(range(45))
    types = {
        name: str(frame[name].dtype) for name in ("message_id", "list_id", "msisdn", "sent_at", "optout")
    }
    assert types == {
        "message_id": "int64", "list_id": "Int64", "msisdn": "str", "sent_at": "datetime64[us, UTC]",
        "optout": "bool",
    }  # fmt: skip
    assert types == {name: str(store.read("dlrs")[name].dtype) for name in types}
    assert "month" in frame.columns
    assert "month" not in store.read("dlrs").columns
    found = queried(f"SELECT count(*), count(DISTINCT message_id) FROM '{store.path}/dlrs/*/*.parquet'")
    assert found.fetchall() == [(45, 45)]


@pytest.mark.parametrize("rows", [0, 30])
def test_scan_runs_in_duckdb_with_bounds(store: Store, rows: int) -> None:
    store.merge("messages", table("messages", [message(n) for n in range(rows)]))
    scan = store.scan("messages", since=at(3), until="2026-11-01T06:00:00")
    found = queried(f"SELECT id FROM {scan.sql()} ORDER BY id").fetchall()
    assert found == [(n,) for n in range(3, 6) if n < rows]
    assert queried(f"FROM {scan.sql()}").columns == scan.columns == schema("messages").names


def test_grouped_counts_and_adds_up_over_parts(store: Store) -> None:
    store.merge(
        "dlrs",
        table("dlrs", [dlr(n, copies=2, status=("delivered" if n % 3 else "pending")) for n in range(30)]),
    )
    counts = {row["status"]: row["n"] for row in store.tables.grouped("dlrs", ["status"], add_up="copies")}
    assert counts == {"delivered": 40, "pending": 20}
    assert store.tables.grouped("lists", ["list_id"]) == []


# ---- damage ----------------------------------------------------------------------------------------------


def test_read_notices_every_flipped_bit(store: Store) -> None:
    store.merge("messages", table("messages", [message(n) for n in range(10)]))
    (part,) = store.parts("messages")
    content = part.read_bytes()
    rng = random.Random(3)
    for bit in rng.sample(range(len(content) * 8), 1500):
        spoilt = bytearray(content)
        spoilt[bit // 8] ^= 1 << bit % 8
        part.write_bytes(spoilt)
        with pytest.raises(StoreError, match="damaged"):
            store.rows("messages")
    for size in rng.sample(range(len(content)), 100):
        part.write_bytes(content[:size])
        with pytest.raises(StoreError, match="damaged"):
            store.rows("messages")
    part.write_bytes(content)
    assert store.count("messages") == 10


def test_count_and_merge_notice_a_damaged_footer(store: Store) -> None:
    store.merge("messages", table("messages", [message(n) for n in range(10)]))
    (part,) = store.parts("messages")
    content = bytearray(part.read_bytes())
    content[-100] ^= 4
    part.write_bytes(content)
    for act in (
        lambda: store.count("messages"),
        lambda: store.merge("messages", table("messages", [message(1)])),
    ):
        with pytest.raises(StoreError, match="damaged"):
            act()


def test_state_with_a_flipped_bit_is_refused(store: Store) -> None:
    store.state.advance("messages", T0, done=T0)
    store.save_state()
    path = store.private / "state.json"
    content = path.read_bytes()
    for bit in range(len(content) * 8):
        spoilt = bytearray(content)
        spoilt[bit // 8] ^= 1 << bit % 8
        path.write_bytes(spoilt)
        with suppress(StoreError):
            assert Store(store.path).state == store.state  # as for blanks between the values
    path.write_bytes(content)
    assert Store(store.path).state == store.state


def test_state_of_another_format_is_refused(store: Store) -> None:
    (store.private / "state.json").write_text('{"format": 99, "journal": 3}')
    with pytest.raises(StoreError, match="another version of smsdata"):
        _ = Store(store.path).state


# ---- whose store, and who writes -------------------------------------------------------------------------


def test_bind_refuses_another_account_and_another_gateway(store: Store) -> None:
    store.bind("mine", "https://a.example/")
    store.merge("messages", table("messages", [message(1)]))
    store.save_state()
    store.bind("mine", "https://a.example/")
    with pytest.raises(StoreError, match="another account") as caught:
        Store(store.path).bind("theirs", "https://a.example/")
    assert caught.value.code == "OTHER_ACCOUNT"
    with pytest.raises(StoreError, match="another base URL"):
        Store(store.path).bind("mine", "https://b.example/")
    store.bind("theirs", "https://a.example/", again=True)
    assert Store(store.path).state.account == "theirs"


def test_writing_is_for_one_at_a_time_and_blocks_no_reader(store: Store) -> None:
    store.merge("messages", table("messages", [message(1)]))
    second = Store(store.path)
    with pytest.raises(LockedError, match=r"process \d+ on "), second.writing():
        pass
    assert len(second.read("messages")) == 1


@pytest.mark.parametrize(
    "look",
    [
        lambda store: store.read("messages")["id"].tolist(),
        lambda store: pd.read_parquet(store.path / "messages")["id"].tolist(),
    ],
    ids=["store.read", "pandas.read_parquet"],
)
def test_readers_beside_a_writer_never_see_half_a_merge(tmp_path: Path, look: Callable[[Store], Any]) -> None:
    """Another process merges again and again; what is read grows, and holds no row twice."""
    store = Store(tmp_path / "store", part_rows=10)
    with store.writing():
        store.merge("messages", table("messages", [message(n) for n in range(5)]))
    child = os.fork()
    if child == 0:
        try:
            with store.writing():
                for round_ in range(1, 120):  # new rows, and old ones in another state
                    rows = [message(n, hour=round_) for n in range(max(0, 5 * round_ - 40), 5 * round_ + 5)]
                    store.merge("messages", table("messages", rows))
                    if round_ % 3 == 0:
                        store.save_state()
        finally:
            os._exit(0)
    seen: list[list[int]] = []
    while not os.waitpid(child, os.WNOHANG)[0]:
        with suppress(FileNotFoundError, pa.ArrowException, OSError):  # plain readers read again
            seen.append(look(store))
    seen.append(look(store))
    assert len({len(ids) for ids in seen}) > 5
    assert all(len(ids) == len(set(ids)) for ids in seen)
    assert all(set(before) <= set(after) for before, after in itertools.pairwise(seen))
    assert set(seen[-1]) == set(range(600))


def test_writing_where_nothing_can_be_written_is_one_line_of_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError) as caught, Store(tmp_path / "file" / "store").writing():
        pass
    assert "\n" not in str(caught.value)


def test_private_files_are_no_table(store: Store) -> None:
    store.merge("messages", table("messages", [message(1)]))
    store.save_state()
    store.journal().close()
    assert {path.name for path in store.path.iterdir()} == {".smsdata", "messages"}
    assert len(pd.read_parquet(store.path / "messages")) == 1


# ---- journal and rejects ---------------------------------------------------------------------------------


def test_commit_drops_merged_pages_and_keeps_the_others(store: Store) -> None:
    journal = store.journal()
    journal.add("merged", 1, b"a", at(0))
    journal.add("not yet", 1, b"b", at(0))
    store.commit(journal, ["merged"])
    journal.close()
    again = Store(store.path)
    found = again.journal()
    assert (found.pages("merged"), found.pages("not yet")) == ({}, {1: (b"b", at(0))})
    found.close()
    assert len(list(store.private.glob("journal-*"))) == 1


def test_journal_of_a_commit_that_did_not_end_is_dropped(store: Store) -> None:
    journal = store.journal()
    journal.add("read", 1, b"a", at(0))
    (store.private / "journal-9.log").write_bytes(b"half")
    journal.close()
    found = Store(store.path).journal()
    assert found.pages("read") == {1: (b"a", at(0))}
    found.close()
    assert not (store.private / "journal-9.log").exists()


def test_reject_keeps_a_row_once_with_what_is_wrong(store: Store) -> None:
    odd = Reject(
        "messages", "sent_at", 3, 41, "holds no time", {"id": 5, "sent_at": "soon", "message": "\ud83d"}
    )
    for _ in range(2):
        assert len(store.rejects.add([odd], "get-user-sms-sent?x=1", at(0))) == 1
    (kept,) = store.rejects.all().values()
    assert (kept["page"], kept["row"], kept["column"], kept["raw"]) == (3, 41, "sent_at", odd.raw)


# ---- verify ----------------------------------------------------------------------------------------------


def campaign(**values: Any) -> dict[str, Any]:
    row = {
        "message_id": 1, "type": "campaign", "sent_at": T0, "status": "completed", "message": "hi",
        "parts": 1, "cost": 0.1, "pending": 0,
        "delivered": 2, "soft_bounced": 1, "hard_bounced": 1, "optouts": 1,
        "responses": 0, "synced_at": T0,
    }  # fmt: skip
    return row | values


@pytest.fixture
def agreeing(store: Store) -> Store:
    """A store of one campaign in which all adds up."""
    words = ["delivered", "delivered", "bounced", "hard-bounce"]
    numbers = [f"6149157015{n}" for n in range(6, 9)]
    numbers.append("61491570159")
    rows = [dlr(msisdn=n, status=w, optout=n.endswith("6")) for n, w in zip(numbers, words, strict=True)]
    store.merge("campaigns", table("campaigns", [campaign()]))
    store.merge("messages", table("messages", [
        message(n, message_id=1, sent_at=T0, msisdn=number) for n, number in enumerate(numbers)
    ]))  # fmt: skip
    store.merge("dlrs", table("dlrs", rows))
    left = {k: rows[0][k] for k in ("message_id", "msisdn", "sent_at", "copies", "synced_at")}
    store.merge("optouts", table("optouts", [left]))
    store.state.keep_from("dlrs", T0)
    store.state.keep_from("messages", T0)
    store.state.advance("messages", at(1), done=at(1))
    return store


def test_verify_finds_nothing_where_all_adds_up(agreeing: Store) -> None:
    assert agreeing.verify() == []


QUEUED = message(9, message_id=1, sent_at=T0, status="queued")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda s: s.merge("campaigns", table("campaigns", [campaign(delivered=3, pending=1)])),
         {("messages", "delivered", 2, 3), ("messages", "pending", 0, 1),
          ("dlrs", "delivered", 2, 3), ("dlrs", "pending", 0, 1)}),
        (lambda s: s.merge("campaigns", table("campaigns", [campaign(optouts=2)])),
         {("optouts", "optouts", 1, 2)}),
        (lambda s: s.merge("messages", table("messages", [QUEUED])), {("messages", "queued", 1, 0)}),
    ],
)  # fmt: skip
def test_verify_lists_differences_by_campaign(
    agreeing: Store, spoil: Callable[[Store], object], expected: set[tuple[str, str, int, int]]
) -> None:
    spoil(agreeing)
    found = agreeing.verify()
    assert {(d.table, d.what, d.stored, d.expected) for d in found} == expected
    assert {d.where for d in found} == {"message_id=1"}
    assert all("\n" not in str(d) for d in found)


def test_verify_goes_by_what_another_process_wrote_meanwhile(tmp_path: Path) -> None:
    ours = Store(tmp_path / "store")
    ours.path.mkdir()  # a store that is not there is an error
    assert ours.verify() == []
    other = Store(ours.path)
    with other.writing():
        other.merge("campaigns", table("campaigns", [campaign()]))
        other.state.keep_from("dlrs", T0)
        other.save_state()
    assert {d.table for d in ours.verify()} == {"dlrs", "optouts"}


def test_verify_lists_damaged_files_and_double_keys(agreeing: Store) -> None:
    (part,) = agreeing.parts("dlrs")
    content = part.read_bytes()
    agreeing.tables.inventory.write(part.with_name("part-7.parquet"), agreeing.rows("dlrs"))
    assert {(d.table, d.what) for d in agreeing.verify()} >= {("dlrs", "keys")}
    part.write_bytes(content[:-9])
    assert [(d.table, d.what, d.where) for d in agreeing.verify()] == [
        ("dlrs", "damaged", "dlrs/month=2026-11/part-0.parquet")
    ]
