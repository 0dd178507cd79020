"""From the spool into the store: any order, any number of times, and polling has the last word."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from smsdata import Client, Store, sync
from smsdata.errors import StoreError
from smsdata.ingest.callbacks import CallbackCounts, ingest_callbacks
from smsdata.ingest.report import Report
from smsdata.schema.frames import schema
from smsdata.settings import Secret
from smsdata.simulator import Account, Gateway
from smsdata.store.spool import Callback, Spool, missing_callbacks, spool_folder
from smsdata.store.status import store_status
from smsdata.times import instant
from tests.support.callback_events import AT, ODD, put
from tests.support.callers import dlr, reply, signature
from tests.support.comparison import differences

Made = tuple[Account, Gateway, Store]


def ingest(store: Store, secret: str = "") -> tuple[CallbackCounts, Report]:
    return ingest_callbacks(store, secret=Secret(secret))


def one(store: Store, table: str, **key: Any) -> dict[str, Any]:
    rows = [row for row in store.rows(table).to_pylist() if all(row[name] == v for name, v in key.items())]
    assert len(rows) == 1, (table, len(rows))
    row: dict[str, Any] = rows[0]
    return row


@pytest.fixture
def stored(world: Made) -> dict[str, Any]:
    """A delivered dlr that polling has shown."""
    _, _, store = world
    return next(row for row in store.rows("dlrs").to_pylist() if row["status"] == "delivered")


# ---- dlrs ------------------------------------------------------------------------------------------------


def test_delivered_at_comes_from_callbacks_and_the_earliest_counts(
    world: Made, stored: dict[str, Any]
) -> None:
    store = world[2]
    late, early = ("2026-11-22 00:07:00", AT)
    for at in (late, early, late):
        put(store, ("dlr", dlr(stored["message_id"], stored["msisdn"], at)))
        counts, report = ingest(store)
        assert counts.merged == {"dlr": 1}
        assert not report.attention
    row = one(store, "dlrs", message_id=stored["message_id"], msisdn=stored["msisdn"])
    assert f"{row['delivered_at']:%Y-%m-%d %H:%M:%S}" == early
    assert {name: row[name] for name in row if name != "delivered_at"} == {
        name: stored[name] for name in row if name != "delivered_at"
    }
    assert store.verify() == []


def test_a_time_before_the_message_was_sent_gives_way_to_one_that_can_be(
    world: Made, stored: dict[str, Any]
) -> None:
    """Whichever came first; a receipt from days before is put aside, as it is none of this message."""
    store = world[2]
    key = stored["message_id"], stored["msisdn"]
    good, zone = stored["sent_at"] + timedelta(seconds=5), stored["sent_at"] - timedelta(hours=10)
    for told, kept in ((zone, zone), (good, good), (zone, good), (good + timedelta(hours=1), good)):
        put(store, ("dlr", dlr(*key, f"{told:%Y-%m-%d %H:%M:%S}")))
        counts, _ = ingest(store)
        assert counts.merged == {"dlr": 1}
        assert one(store, "dlrs", message_id=key[0], msisdn=key[1])["delivered_at"] == kept
    for told in (stored["sent_at"] - timedelta(days=365), datetime(1970, 1, 1, tzinfo=UTC)):
        put(store, ("dlr", dlr(*key, f"{told:%Y-%m-%d %H:%M:%S}")))
    counts, report = ingest(store)
    assert (counts.merged, counts.odd) == ({}, 2)
    assert "2 cannot be read" in report.attention[0]
    assert one(store, "dlrs", message_id=key[0], msisdn=key[1])["delivered_at"] == good


@pytest.mark.parametrize(("ours", "becomes"), [("61491570110", "61491570156"), ("", "odd")])
def test_a_number_without_its_country_makes_no_recipient_of_its_own(
    world: Made, stored: dict[str, Any], ours: str, becomes: str
) -> None:
    """Our own number beside it tells the country; where nothing does, the callback is put aside."""
    store, before = world[2], world[2].count("dlrs")
    more = {"longcode": ours} if ours else {}
    put(store, ("dlr", dlr(stored["message_id"], "0491570156", AT, status="hard-bounce", **more)))
    counts, _ = ingest(store)
    numbers = {row["msisdn"] for row in store.rows("dlrs").to_pylist() if row["status"] == "hard-bounce"}
    assert "0491570156" not in numbers
    assert (counts.odd, store.count("dlrs") - before) == ((1, 0) if becomes == "odd" else (0, 1))
    assert (becomes in numbers) == (becomes != "odd")


def test_own_parameters_are_kept_as_extra(world: Made, stored: dict[str, Any]) -> None:
    store = world[2]
    fields = dlr(stored["message_id"], stored["msisdn"], AT, campaign="spring", api_key="CANARY")
    put(store, ("dlr", fields))
    ingest(store)
    row = one(store, "dlrs", message_id=stored["message_id"], msisdn=stored["msisdn"])
    assert '"campaign":"spring"' in row["extra"]
    assert "CANARY" not in row["extra"]


def test_a_send_whose_dlrs_came_only_from_callbacks_is_polled_all_the_same(
    world: Made, connect: Callable[..., Client]
) -> None:
    account, gateway, store = world
    numbers = [61491570200 + n for n in range(12)]
    send = account.send_campaign(numbers=numbers)
    account.advance(hours=80)
    with connect(gateway) as client:
        sync(client, store, tables=["campaigns"])
        truth = [row for row in account.truth("dlrs") if row["message_id"] == send]
        assert len(truth) == 12
        put(store, *(("dlr", dlr(send, row["msisdn"], AT, row["status"])) for row in truth))
        counts, _ = ingest(store)
        assert counts.merged == {"dlr": 12}
        heard = [row for row in store.rows("dlrs").to_pylist() if row["message_id"] == send]
        assert {row["status"] for row in heard} == {row["status"] for row in truth}
        report = sync(client, store)
    assert report.tables["dlrs"].calls >= 1
    polled = [row for row in store.rows("dlrs").to_pylist() if row["message_id"] == send]
    assert [row["extra"] for row in polled] == [None] * 12
    history = [row for row in store.rows("status_history").to_pylist() if row["message_id"] == send]
    assert {row["source"] for row in history} == {"polled", "callback"}
    delivered = [row for row in polled if row["status"] == "delivered"]
    assert delivered
    assert all(row["delivered_at"] for row in delivered)


def test_a_status_that_only_a_callback_told_is_polled_and_polling_wins(
    world: Made, connect: Callable[..., Client], stored: dict[str, Any]
) -> None:
    """A forged hard bounce of a delivered number changes nothing for good, and nothing is removed for it."""
    account, gateway, store = world
    pending = account.send_campaign(numbers=[61491570300 + n for n in range(6)])
    with connect(gateway) as client:
        sync(client, store)
        mobile = 61491570300
        put(store, ("dlr", dlr(pending, mobile, AT, "hard-bounce")))
        put(store, ("dlr", dlr(stored["message_id"], stored["msisdn"], AT, "hard-bounce")))
        ingest(store)
        assert one(store, "dlrs", message_id=pending, msisdn=str(mobile))["status"] == "hard-bounce"
        assert one(store, "dlrs", **{k: stored[k] for k in ("message_id", "msisdn")})["status"] == "delivered"
        account.advance(hours=80)
        sync(client, store)
        sync(client, store)
    truth = {(r["message_id"], r["msisdn"]): r["status"] for r in account.truth("dlrs")}
    row = one(store, "dlrs", message_id=pending, msisdn=str(mobile))
    assert row["status"] == truth[pending, str(mobile)]
    assert row["extra"] is None


def test_a_stranger_in_a_send_does_not_stand_for_its_recipient(
    world: Made, connect: Callable[..., Client]
) -> None:
    """As many callback rows as the counters promise, about other numbers: all true rows are polled."""
    account, gateway, store = world
    send = account.send_campaign(numbers=[61491570400 + n for n in range(4)])
    account.advance(hours=80)
    with connect(gateway) as client:
        sync(client, store, tables=["campaigns"])
        words = [row["status"] for row in account.truth("dlrs") if row["message_id"] == send]
        put(store, *(("dlr", dlr(send, 61491570500 + n, AT, word)) for n, word in enumerate(words)))
        ingest(store)
        sync(client, store)
        calls = sync(client, store).calls
    assert not any(one.missing for one in differences(store, account, ["dlrs"]).values())
    assert calls <= 10  # and the strangers do not make it poll for ever


def test_callbacks_about_a_send_that_is_not_known_wait_for_it(
    world: Made, connect: Callable[..., Client]
) -> None:
    account, gateway, store = world
    send = account.send_campaign(numbers=[61491570600, 61491570601])
    put(store, ("dlr", dlr(send, 61491570600, AT)))
    counts, _ = ingest(store)
    assert (counts.waiting, sum(counts.merged.values())) == (1, 0)
    account.advance(hours=80)
    with connect(gateway) as client:
        sync(client, store)
    assert one(store, "dlrs", message_id=send, msisdn="61491570600")["delivered_at"]
    assert ingest(store)[0].waiting == 0


# ---- replies, opt-outs, hits, list changes ---------------------------------------------------------------


def test_polled_and_called_back_replies_are_one(world: Made, connect: Callable[..., Client]) -> None:
    account, gateway, store = world
    sender = int(account.truth("messages")[0]["msisdn"])
    account.inbound(sender, "Are you open?")
    true = max(account.truth("replies"), key=lambda row: row["id"])
    at = str(true["received_at"]).replace("T", " ")[:19]
    fields = reply(
        true["id"], true["message_id"] or "0", sender, at, true["response"], longcode=true["longcode"]
    )
    put(store, ("reply", fields))
    ingest(store)
    assert one(store, "replies", id=true["id"])["response"] == "Are you open?"
    put(store, ("reply", fields))
    account.advance(hours=1)
    with connect(gateway) as client:
        sync(client, store)
    assert one(store, "replies", id=true["id"])["extra"] is None
    put(store, ("reply", {name: v for name, v in fields.items() if name != "response_id"}))
    counts, _ = ingest(store)
    assert (counts.waiting, counts.odd) == (0, 0)
    assert not differences(store, account, ["replies"])


def test_reply_without_an_id_waits_for_polling(world: Made) -> None:
    store = world[2]
    before = store.count("replies")
    put(store, ("reply", reply("", 0, 61491570156, AT)))
    counts, _ = ingest(store)
    assert (counts.waiting, store.count("replies")) == (1, before)


def test_optout_of_a_reply_is_stored_with_its_send(world: Made, stored: dict[str, Any]) -> None:
    store = world[2]
    taken = {(row["message_id"], row["msisdn"]) for row in store.rows("optouts").to_pylist()}
    row = next(r for r in store.rows("dlrs").to_pylist() if (r["message_id"], r["msisdn"]) not in taken)
    put(store, ("reply", reply(99_999_999, row["message_id"], row["msisdn"], AT, "STOP", is_optout="yes")))
    ingest(store)
    optout = one(store, "optouts", message_id=row["message_id"], msisdn=row["msisdn"])
    assert optout["sent_at"] == row["sent_at"]
    assert optout["extra"].endswith('"source":"callback"}')


def test_hits_are_one_whichever_way_they_came(world: Made, stored: dict[str, Any]) -> None:
    store = world[2]
    send = stored["message_id"]
    hit = {
        "message_id": str(send),
        "list_id": "7",
        "mobile": "61491570156",
        "longcode": "",
        "datetime": AT,
        "link_hits": "1",
    }
    other = hit | {"datetime": "2026-11-22 00:06:00"}
    put(store, ("link-hit", hit), ("link-hit", other), ("link-hit", hit))
    ingest(store)
    assert store.count("link_hits") == 2
    heard = next(row for row in store.rows("link_hits").to_pylist() if row["clicked_at"] == instant(AT))
    polled = pa.Table.from_pylist([heard | {"hit": 1, "extra": None}], schema=schema("link_hits"))
    with store.writing():
        store.merge("link_hits", polled)
    put(store, ("link-hit", hit))
    ingest(store)
    assert sorted((row["hit"] > 0, row["clicked_at"]) for row in store.rows("link_hits").to_pylist()) == [
        (False, instant(other["datetime"])), (True, instant(AT)),
    ]  # fmt: skip


def test_list_changes_go_to_a_table_of_their_own(world: Made) -> None:
    store = world[2]
    joined = {
        "type": "add",
        "datetime_entry": AT,
        "list_id": "7",
        "mobile": "61491570156",
        "firstname": "Mia",
    }
    left = joined | {"type": "delete", "datetime_entry": "2026-11-22 00:06:00", "Shoe size": "7"}
    put(store, ("list", left), ("list", joined), ("list", joined))
    ingest(store)
    rows = store.rows("list_events").to_pylist()
    assert [(row["action"], row["first_name"]) for row in rows] == [("add", "Mia"), ("delete", "Mia")]
    assert '"Shoe size":"7"' in rows[1]["extra"]


# ---- odd ones --------------------------------------------------------------------------------------------


def test_odd_callbacks_are_kept_and_counted_and_stop_nothing(world: Made, stored: dict[str, Any]) -> None:
    store = world[2]
    good = ("dlr", dlr(stored["message_id"], stored["msisdn"], AT, "delivered"))
    put(store, *ODD, good)
    counts, report = ingest(store)
    assert (counts.merged, counts.odd, counts.waiting) == ({"dlr": 1}, len(ODD), 0)
    assert any(f"{len(ODD)} cannot be read" in line for line in report.attention)
    again, report = ingest(store)
    assert (again.odd, report.attention) == (len(ODD), [])
    aside = spool_folder(store.private) / "odd.aside"
    assert len(Spool(aside.parent).aside("odd").callbacks) == len(ODD)
    named = f"callbacks: {len(ODD)} cannot be read; they are kept in callbacks/odd.aside"
    assert any(line.startswith(named) for line in store_status(store)["look"])
    aside.unlink()
    assert Spool(aside.parent).dismiss_missing() == len(ODD)  # as --dismiss-rejects does
    counts, report = ingest(store)
    assert (counts.odd, report.attention) == (0, [])
    assert not any("callbacks" in line for line in store_status(store)["look"])


def test_a_status_never_seen_is_kept_as_it_is(world: Made) -> None:
    store = world[2]
    send = store.rows("campaigns").to_pylist()[0]
    put(store, ("dlr", dlr(send["message_id"], 61491570700, AT, "expired")))
    ingest(store)
    assert one(store, "dlrs", message_id=send["message_id"], msisdn="61491570700")["status"] == "expired"


def test_signatures_that_nobody_checked_are_checked_by_whoever_has_the_secret(
    world: Made, stored: dict[str, Any]
) -> None:
    store = world[2]
    good, bad = (dlr(stored["message_id"], stored["msisdn"], at) for at in (AT, "2026-11-22 00:01:00"))
    put(store, ("dlr", good), signature=signature(good, "word"))
    put(store, ("dlr", bad), signature=signature(good, "word"))
    assert ingest(store)[0].waiting == 2
    counts, report = ingest(store, "word")
    assert (counts.merged, counts.refused, counts.waiting) == ({"dlr": 1}, 1, 0)
    assert any("wrong signature" in line for line in report.attention)
    row = one(store, "dlrs", message_id=stored["message_id"], msisdn=stored["msisdn"])
    assert f"{row['delivered_at']:%H:%M}" == "00:05"


def test_a_store_of_nobody_takes_no_rows(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    put(store, ("list", {"type": "add", "datetime_entry": AT, "list_id": "7", "mobile": "61491570156"}))
    with pytest.raises(StoreError, match="smsdata sync"):
        ingest(store)
    assert len(list(Spool(spool_folder(store.private)).segments("sealed"))) == 1


# ---- files that are gone ---------------------------------------------------------------------------------


def _lists(*days: int) -> list[tuple[str, dict[str, str]]]:
    joined = {"type": "add", "list_id": "7", "mobile": "61491570156"}
    return [("list", joined | {"datetime_entry": f"2026-11-{day} 00:05:00"}) for day in days]


def test_a_segment_deleted_before_it_was_merged_is_named_until_it_is_back(world: Made) -> None:
    store = world[2]
    put(store, *_lists(20, 21))
    (file,) = spool_folder(store.private).glob("*.sealed")
    kept = file.read_bytes()
    file.unlink()
    (lost,) = [one for one in store.verify() if one.table == "callbacks"]
    assert (lost.what, lost.where, lost.expected) == ("missing", f".smsdata/callbacks/{file.name}", 2)
    for _ in range(2):
        counts, report = ingest(store)
        assert counts.merged == {}
        assert [line for line in report.attention if f"{file.name} is missing" in line]
    put(store, *_lists(22))
    assert file.name not in {one.name for one in file.parent.iterdir()}, "its number is not given again"
    assert len([one for one in store.verify() if one.table == "callbacks"]) == 1
    file.write_bytes(kept)
    counts, report = ingest(store)
    assert (counts.merged, report.attention) == ({"list": 3}, [])
    assert not [one for one in store.verify() if one.table == "callbacks"]
    assert not list((store.private / "received").iterdir())


@pytest.mark.parametrize("gone", ["segment", "folder"])
def test_what_is_gone_from_the_spool_can_be_dismissed(world: Made, gone: str) -> None:
    store = world[2]
    put(store, *_lists(20))
    folder = spool_folder(store.private)
    if gone == "folder":
        shutil.rmtree(folder)
    else:
        next(folder.glob("*.sealed")).unlink()
    assert missing_callbacks(store.private)
    assert Spool(folder).dismiss_missing() == 1
    assert ingest(store)[1].attention == []
    assert not [one for one in store.verify() if one.table == "callbacks"]


def test_callbacks_that_wait_and_are_deleted_are_named(world: Made) -> None:
    store = world[2]
    put(store, ("dlr", dlr(77, 61491570156, AT, "delivered")))
    assert ingest(store)[0].waiting == 1
    (spool_folder(store.private) / "waiting.aside").unlink()
    assert [(one.what, one.expected) for one in store.verify() if one.table == "callbacks"] == [
        ("missing", 1)
    ]
    assert [line for line in ingest(store)[1].attention if "waiting.aside is missing" in line]


def test_an_older_version_of_the_callbacks_that_wait_is_named(world: Made) -> None:
    store = world[2]
    put(store, ("dlr", dlr(77, 61491570156, AT, "delivered")))
    assert ingest(store)[0].waiting == 1
    file = spool_folder(store.private) / "waiting.aside"
    older = file.read_bytes()
    put(store, ("dlr", dlr(78, 61491570156, AT, "delivered")))
    counts, report = ingest(store)
    assert (counts.waiting, counts.damaged, report.attention) == (2, 0, [])
    assert not [one for one in store.verify() if one.table == "callbacks"]
    file.write_bytes(older)
    assert [one.what for one in store.verify() if one.table == "callbacks"] == ["damaged"]
    assert ingest(store)[0].damaged == 1
    assert ingest(store)[0].damaged == 0


def test_a_segment_that_is_damaged_is_named_by_verify(world: Made) -> None:
    store = world[2]
    put(store, *_lists(20, 21))
    (file,) = spool_folder(store.private).glob("*.sealed")
    file.write_bytes(file.read_bytes().replace(b"570156", b"570157", 1))
    assert [one.what for one in store.verify() if one.table == "callbacks"] == ["damaged"]


def test_a_line_damaged_in_an_open_segment_is_told_and_a_half_written_end_is_not(world: Made) -> None:
    spool = Spool(spool_folder(world[2].private))
    lines = [Callback(at, "dlr").line() for at in (1, 2, 3)]
    with spool.receiving("a test"):
        spool.append(lines)
    (file,) = spool.folder.glob("*.sealed")
    damaged = lines[0] + lines[1].replace(b"dlr", b"dlX") + lines[2]
    for content, count, harmed in (
        (damaged + lines[0][:-9], 2, 1),
        (damaged, 2, 1),
        (lines[0] + lines[1][:9], 1, 0),
    ):
        file.unlink()
        file.with_suffix(".open").write_bytes(content)
        spool.recover()
        (segment,) = spool.segments("sealed")
        assert (len(segment.callbacks), segment.damaged, segment.sealed) == (count, harmed, True)
    file.unlink()
    file.with_suffix(".open").write_bytes(damaged)
    _, report = ingest(world[2])
    assert [line for line in report.attention if "1 lie in damaged lines" in line]


def test_a_receiver_whose_segment_is_deleted_while_it_is_open_leaves_its_name(world: Made) -> None:
    spool = Spool(spool_folder(world[2].private))
    with spool.receiving("a test"):
        spool.append([Callback(1, "dlr").line()])
        next(spool.folder.glob("*.open")).unlink()
    assert list(spool.missing().values()) == [1]
