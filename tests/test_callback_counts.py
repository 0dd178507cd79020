"""Each callback counts once: merged, waiting, or not readable, while a receiver writes, and after damage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from smsdata import Client, Store, sync
from smsdata.ingest.callbacks import CallbackCounts, ingest_callbacks
from smsdata.ingest.report import Report
from smsdata.receiver.watching import receiver_status
from smsdata.settings import Secret
from smsdata.simulator import Account, Gateway
from smsdata.store.spool import Callback, Spool, spool_faults, spool_folder
from tests.support.callback_events import AT, NOW_MICROS, ODD, put
from tests.support.callers import dlr, query, reply

Made = tuple[Account, Gateway, Store]


class Received:
    """A spool that is being written to, and how many callbacks came; each in a microsecond of its own."""

    def __init__(self, store: Store) -> None:
        self.spool, self.count = Spool(spool_folder(store.private)), 0

    def add(self, *callbacks: tuple[str, dict[str, str]], **options: Any) -> None:
        for kind, fields in callbacks:
            self.count += 1
            one = Callback(NOW_MICROS + self.count, kind, query(fields), **options)
            self.spool.append([one.line()])


def ingest(store: Store) -> tuple[CallbackCounts, Report]:
    return ingest_callbacks(store, secret=Secret("word"))


def joined(day: int) -> tuple[str, dict[str, str]]:
    at = f"2026-11-{day:02} 00:05:00"
    return "list", {"type": "add", "list_id": "7", "mobile": "61491570156", "datetime_entry": at}


def test_every_callback_counts_once_while_the_receiver_writes(
    world: Made, connect: Callable[..., Client]
) -> None:
    account, gateway, store = world
    known = store.rows("dlrs").to_pylist()[0]
    send = account.send_campaign(numbers=[61491570600, 61491570601])
    stop = reply(99_000_001, send, 61491570600, AT, "STOP", is_optout="yes")
    signed = dlr(known["message_id"], known["msisdn"], "2026-11-22 00:06:00")
    came = Received(store)
    merged: Counter[str] = Counter()

    def ingested() -> CallbackCounts:
        counts, _ = ingest(store)
        merged.update(counts.merged)
        assert merged.total() + counts.waiting + counts.odd + counts.refused == came.count
        shown = receiver_status(store)
        assert (shown["not_merged"], shown["bytes"]) == (0, 0)
        assert (shown["waiting"], shown["odd"]) == (counts.waiting, counts.odd)
        return counts

    with came.spool.receiving("a test"):
        came.add(("dlr", dlr(known["message_id"], known["msisdn"], AT)), ("reply", stop), joined(20))
        counts = ingested()
        assert (counts.merged, counts.waiting) == ({"dlr": 1, "list": 1}, 1)
        assert ingested().merged == {}
        came.add(("dlr", dlr(send, 61491570600, AT)), ODD[0], ODD[1], joined(21))
        came.add(("dlr", signed), signature="00")
        assert receiver_status(store)["not_merged"] == 5
        assert ingested().merged == {"list": 1}
        came.spool.seal()
        came.add(joined(22))
        assert ingested().merged == {"list": 1}
        account.advance(hours=80)
        with connect(gateway) as client:
            notes = sync(client, store, tables=["campaigns"]).notes  # which merges what waits, too
        assert "callbacks: 2 merged (dlr 1, reply 1)." in notes
        merged.update(dlr=1, reply=1)
        counts = ingested()
        assert (counts.waiting, counts.odd, counts.refused) == (0, 2, 1)
    assert merged == {"dlr": 2, "reply": 1, "list": 3}
    assert ingested().merged == {}
    assert not (spool_folder(store.private) / "open.json").exists()


def test_a_reply_without_an_id_that_polling_brought_counts_as_merged(world: Made) -> None:
    store = world[2]
    polled = store.rows("replies").to_pylist()[0]
    at = f"{polled['received_at']:%Y-%m-%d %H:%M:%S}"
    put(store, ("reply", reply("", polled["message_id"] or 0, polled["msisdn"], at)))
    counts, _ = ingest(store)
    assert (counts.merged, counts.waiting, counts.odd) == ({"reply": 1}, 0, 0)


@pytest.mark.parametrize("left", ["{", '{"segment-00000001": {"count": 2, "first": "00"}}', "[1]"])
def test_a_note_of_what_is_merged_that_is_wrong_loses_nothing(world: Made, left: str) -> None:
    store = world[2]
    came = Received(store)
    with came.spool.receiving("a test"):
        came.add(joined(20), joined(21))
        (spool_folder(store.private) / "open.json").write_text(left)
        assert ingest(store)[0].merged == {"list": 2}


def test_a_segment_that_is_sealed_while_segments_are_listed_comes_once(world: Made) -> None:
    came = Received(world[2])

    class SealedMeanwhile(Spool):
        """The first look at the folder finds the segment open; then it is sealed."""

        looks = 0

        def _names(self) -> list[str]:
            found = super()._names()
            self.looks += 1
            if self.looks == 1:
                came.spool.seal()
            return found

    with came.spool.receiving("a test"):
        came.add(joined(20))
        listed = list(SealedMeanwhile(came.spool.folder).segments("open", "sealed"))
        assert [(one.path.suffix, len(one.callbacks)) for one in listed] == [(".sealed", 1)]


# ---- damage ----------------------------------------------------------------------------------------------


def three_segments(store: Store) -> list[Any]:
    """Three sealed segments, with 2, 3 and 4 callbacks."""
    for count, first in ((2, 1), (3, 5), (4, 10)):
        put(store, *(joined(first + n) for n in range(count)))
    return sorted(spool_folder(store.private).glob("*.sealed"))


def test_a_middle_segment_that_is_deleted_is_told_with_its_count(world: Made) -> None:
    store = world[2]
    three_segments(store)[1].unlink()
    counts, report = ingest(store)
    assert counts.merged == {"list": 6}
    (line,) = [line for line in report.attention if "is missing" in line]
    assert "segment-00000002.sealed is missing" in line
    assert "with 3 callbacks" in line


@pytest.mark.parametrize(("lines", "lost"), [(3, 1), (1, 3), (0, 4)])
def test_a_segment_that_was_cut_off_is_told_with_what_it_lacks(world: Made, lines: int, lost: int) -> None:
    store = world[2]
    last = three_segments(store)[2]
    kept = last.read_bytes().splitlines(keepends=True)[:lines]
    last.write_bytes(b"".join(kept) + (b"01234567 {" if lines else b""))
    assert [fault[2] for fault in spool_faults(store.private)] == [lost]
    counts, report = ingest(store)
    assert (counts.merged.total(), counts.damaged) == (9 - lost, lost)
    assert [
        line
        for line in report.attention
        if f"{lost} lie in damaged lines of the spool or were cut off" in line
    ]
