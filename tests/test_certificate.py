"""The certificate of a result: how complete the rows behind it are, in plain sentences."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import smsdata
from smsdata import Client, Store, Stores, analysis, certificate, explain, hygiene, sync
from smsdata.simulator import Account, Gateway

World = tuple[Account, Gateway, Store]


def test_result_of_a_store_says_from_when_its_tables_are_complete(world: World) -> None:
    *_, store = world
    state = store.state
    rates = analysis.delivery_rate(store.scan("messages"), by="day")
    told = certificate(rates)
    assert told.complete is True
    begins, until = state.kept_from["messages"], state.cursors["messages"]
    assert (
        f"messages: complete from {begins:%Y-%m-%d %H:%M} until {until:%Y-%m-%d %H:%M} (UTC)." in told.lines
    )
    assert str(told) == "\n".join(told.lines)


def test_result_of_a_pandas_frame_says_the_same_as_of_a_scan(world: World) -> None:
    *_, store = world
    read = certificate(analysis.delivery_rate(store.read("messages"), by="day"))
    assert read == certificate(analysis.delivery_rate(store.scan("messages"), by="day"))


def test_result_of_results_names_the_tables_at_the_bottom(world: World) -> None:
    *_, store = world
    classes = analysis.classify_replies(store.scan("replies"), messages=store.scan("messages"))
    told = certificate(analysis.optouts(replies=classes, dlrs=store.scan("dlrs")))
    assert told.complete is True
    assert {line.partition(":")[0] for line in told.lines[1:]} >= {"replies", "messages", "dlrs"}


@pytest.mark.parametrize(
    "table", ["campaigns", "messages", "dlrs", "replies", "lists", "list_members", "numbers"]
)
def test_every_table_of_a_sync_has_a_certificate(world: World, table: str) -> None:
    *_, store = world
    assert certificate(store.read(table)).complete is True


def test_frame_of_which_a_part_is_not_read_yet_is_not_complete(world: World) -> None:
    *_, store = world
    with store.writing():
        store.state.pending.ask_since("2026-08-01")
        store.save_state()
    told = certificate(Store(store.path).read("campaigns"))
    assert told.complete is False
    assert told.lines[0].startswith("NOT complete")
    assert "since 2026-08-01: unfinished" in told.lines[1]


def test_frame_of_which_rows_lie_aside_is_not_complete(world: World) -> None:
    *_, store = world
    aside = store.private / "rejects"
    aside.mkdir(exist_ok=True)
    (aside / "messages-0123456789abcdef0123.json").write_text("{}")
    told = certificate(analysis.delivery_rate(store.scan("messages")))
    assert told.complete is False
    assert told.lines[1].startswith("messages: .smsdata/rejects: set aside")


def test_frame_that_reaches_further_back_than_the_store_is_not_complete(world: World) -> None:
    *_, store = world
    begins = store.state.kept_from["messages"]
    earlier = begins - pd.Timedelta("3D")
    for told in (
        certificate(store.read("messages", since=earlier)),
        certificate(analysis.delivery_rate(store.scan("messages", since=earlier))),
    ):
        assert told.complete is False
        assert f"complete only from {begins:%Y-%m-%d %H:%M}" in told.lines[1]
        assert f"--since {earlier:%Y-%m-%d}" in told.lines[1]
    assert certificate(store.read("messages", since=begins)).complete is True


def test_table_that_was_never_read_cannot_tell(tmp_path: Path, world: World) -> None:
    *_, store = world
    told = certificate(store.read("link_hits"))
    assert told.complete is None
    assert told.lines[1] == "link_hits: no sync has read it whole."
    assert certificate(Store(tmp_path).read("messages")).complete is None


def test_drained_frame_says_what_proves_it(connect: Callable[..., Client]) -> None:
    account = Account(2, campaigns=2, singles=3, lists=1)
    messages = connect(Gateway(account, limiter=None)).messages(since="30d")
    told = certificate(messages)
    assert told.complete is True
    assert f"all {len(messages):,} rows" in told.lines[1]
    assert "proved (" in told.lines[1]
    fewer = certificate(messages.head(2))
    assert "of which 2 are here" in fewer.lines[1]
    unproved = messages.copy()
    unproved.attrs["drain"]["proofs"] = ["counters", "unproved"]
    assert certificate(unproved).complete is False
    assert certificate(analysis.delivery_rate(unproved)).complete is False


def test_frame_that_was_filtered_says_so(world: World) -> None:
    *_, store = world
    rows = store.read("messages")
    some = rows.head(len(rows) - 1)
    assert f"{len(some):,} of the {len(rows):,} rows" in str(certificate(some))
    rates = analysis.delivery_rate(rows, by="day")
    assert "filtered or changed since" not in str(certificate(rates))
    assert "filtered or changed since" in str(certificate(rates.head(1)))


def test_unknown_frames_are_refused_or_said_to_be_unknown(world: World) -> None:
    *_, store = world
    with pytest.raises(smsdata.UsageError, match="nothing is known about this frame"):
        certificate(pd.DataFrame({"a": [1]}))
    with pytest.raises(smsdata.UsageError, match="takes a frame"):
        certificate("messages")  # type: ignore[arg-type]
    bare = store.read("messages")
    bare.attrs.clear()
    mixed = analysis.reply_rate(bare, store.scan("replies"))
    assert certificate(mixed).complete is None
    assert "messages: " in str(certificate(mixed))


def test_pending_share_is_said(world: World) -> None:
    account, _, store = world
    rates = analysis.delivery_rate(store.read("messages").assign(status="pending"), now=account.time)
    assert "100.0% of the messages behind it are pending" in str(certificate(rates))


def test_plan_of_hygiene_has_a_certificate(world: World) -> None:
    *_, store = world
    told = certificate(hygiene.plan(store))
    assert told.complete is True
    assert any(line.startswith("list_members: ") for line in told.lines)
    assert not any("filtered" in line for line in told.lines)


def test_stores_name_the_account_of_each_line(tmp_path: Path, connect: Callable[..., Client]) -> None:
    for seed, name in enumerate(("perth", "hobart"), start=1):
        account = Account(seed, campaigns=1, singles=0, lists=1, inbound=0)
        sync(connect(Gateway(account, limiter=None, key=name), key=name), tmp_path / name)
    both = Stores(tmp_path)
    for frame in (both.read("messages"), analysis.delivery_rate(both.scan("messages"), by="account")):
        told = certificate(frame)
        assert {line.partition(":")[0] for line in told.lines[1:]} == {
            "messages of perth",
            "messages of hobart",
        }


def test_certificate_shows_itself_escaped(world: World) -> None:
    *_, store = world
    frame = store.read("messages")
    frame.attrs["stored"][0]["lacking"], frame.attrs["stored"][0]["lacking_count"] = ["<b>x</b>"], 3
    page = certificate(frame)._repr_html_()
    assert "&lt;b&gt;x&lt;/b&gt; (and 2 more)" in page
    assert "<b>" not in page


def test_explain_tells_what_the_store_knew(world: World) -> None:
    *_, store = world
    rows = store.read("messages", since="2026-11-01")
    told = explain(rows)
    assert told.startswith(f"frame from the store: table messages, rows {len(rows)}, from 2026-11-01 00:00")
    assert "complete from " in told
    assert f"filtered since: read {len(rows):,} rows, here 1" in explain(rows.head(1))
    assert "messages from the store: table messages" in explain(analysis.delivery_rate(rows))
    assert "messages from the store: table messages" in explain(
        analysis.delivery_rate(store.scan("messages"))
    )


def test_what_is_beside_a_frame_is_json_and_names_nobody(world: World) -> None:
    *_, store = world
    beside = json.dumps(store.read("messages").attrs)
    assert str(store.path) not in beside
    assert not any(number in beside for number in store.read("messages")["msisdn"])
