"""Lists against hand counts."""

import pandas as pd
import pyarrow as pa
import pytest

from smsdata import Store, explain
from smsdata.analysis import list_growth, list_health, list_overlap
from smsdata.errors import UsageError
from smsdata.schema.frames import schema
from tests.support.frames import dlrs_of, utc

NOW = "2026-11-22"
A, B, C, D = "61491570156", "61491570157", "61491570158", "61491570159"


def members(*rows, **columns):
    frame = pd.DataFrame(rows, columns=["list_id", "msisdn", "status"])
    return frame.astype({"list_id": "int64", "msisdn": "str", "status": "str"}).assign(**columns)


def days(*values):
    return utc(values)


def test_list_health_counts_by_status_and_leaves_gone_rows_out():
    data = members((7, A, "active"), (7, B, "inactive"), (7, C, "optout"), (7, D, "odd"), (8, A, "active"))
    found = list_health(data.assign(gone_at=days(None, None, None, None, "2026-11-01")), now=NOW)
    counts = ["list_id", "members", "active", "inactive", "opted_out", "other", "gone"]
    assert found[counts].to_numpy().tolist() == [[7, 4, 1, 1, 1, 1, 0], [8, 0, 0, 0, 0, 0, 1]]
    assert found["active_share"].fillna(-1).tolist() == [0.25, -1]


def test_list_health_without_receipts_knows_nothing_of_reach():
    found = list_health(members((7, A, "active")), now=NOW)
    unknown = ["messaged", "delivered", "never_messaged", "stale", "dead", "dead_share", "low", "high"]
    assert found[unknown].isna().all(axis=None)


def test_list_health_counts_reach_of_the_active():
    data = members((7, A, "active"), (7, B, "active"), (7, C, "active"), (7, D, "inactive"))
    sent = dlrs_of(
        (1, A, "2026-01-05", "delivered"),
        (2, A, "2026-11-01", "soft-bounce"),
        (2, B, "2026-11-01", "hard-bounce"),
        (2, D, "2026-11-01", "hard-bounce"),
    )
    row = list_health(data, sent, now=NOW).iloc[0]
    assert row[["messaged", "delivered", "never_messaged", "stale", "dead"]].tolist() == [2, 1, 1, 1, 1]
    assert row["dead_share"] == 0.5
    assert row["low"] < 0.5 < row["high"]


def test_list_health_is_cleared_by_replies():
    data, sent = members((7, A, "active")), dlrs_of((1, A, "2026-11-01", "hard-bounce"))
    replies = pd.DataFrame({"msisdn": [A], "received_at": days("2026-11-02")})
    assert list_health(data, sent, now=NOW)["dead"].tolist() == [1]
    assert list_health(data, sent, replies, now=NOW)["dead"].tolist() == [0]


def test_list_health_counts_nobody_as_stale_before_the_days_are_over():
    data, sent = members((7, A, "active")), dlrs_of((1, A, "2026-11-01", "soft-bounce"))
    assert list_health(data, sent, now=NOW)["stale"].tolist() == [0]
    assert list_health(data, sent, now=NOW, stale_days=20)["stale"].tolist() == [1]


def test_list_overlap_counts_common_contacts():
    data = members(
        (7, A, "active"),
        (7, B, "active"),
        (7, C, "active"),
        (8, A, "active"),
        (8, B, "inactive"),
        (9, D, "active"),
    )
    found = list_overlap(data)
    expected = {"list_a": 7, "list_b": 8, "members_a": 3, "members_b": 1, "common": 1}
    assert found[list(expected)].to_dict("records") == [expected]
    assert found["jaccard"].tolist() == [1 / 3]
    assert list_overlap(data, active_only=False)["common"].tolist() == [2]


def test_list_overlap_leaves_gone_contacts_out():
    data = members((7, A, "active"), (8, A, "active"), gone_at=days("2026-11-01", None))
    assert list_overlap(data).empty


def test_list_growth_adds_up():
    data = members((7, A, "active"), (7, B, "active"), (7, C, "active"), (7, D, "active"))
    data["created_at"] = days(None, "2026-09-05", "2026-09-30T20:00", "2026-11-01")
    data["gone_at"] = days(None, "2026-11-05", None, None)
    found = list_growth(data)
    assert found["month"].astype("str").tolist()[1:] == ["2026-09-01", "2026-11-01"]
    assert pd.isna(found["month"].iloc[0])
    assert found[["joined", "left", "net", "members"]].to_numpy().tolist() == [
        [1, 0, 1, 1],
        [2, 0, 2, 3],
        [1, 1, 0, 3],
    ]
    local = list_growth(data, tz="Australia/Sydney")
    assert local["month"].dropna().dt.month.tolist() == [9, 10, 11]


def test_list_growth_counts_opt_outs_when_they_are_known():
    data = members((7, A, "active"), (7, B, "optout"), (7, C, "optout"))
    data["created_at"] = days("2026-09-05", "2026-09-06", "2026-09-07")
    opted = pd.DataFrame({"msisdn": [B, D], "first_optout_at": days("2026-11-05", "2026-11-06")})
    found = list_growth(data, opted)
    assert found[["joined", "left", "opted_out", "net", "members"]].to_numpy().tolist() == [
        [3, 0, 0, 3, 3],
        [0, 0, 1, -1, 2],
    ]
    assert "1 contacts opted out at an unknown time" in explain(found)
    assert list_growth(data)["opted_out"].tolist() == [0]


def test_lists_see_who_left_on_a_scan_of_the_store(tmp_path):
    """A scan leaves vanished contacts out by itself; these helpers ask for them."""
    store = Store(tmp_path / "store")
    data = members((7, A, "active"), (7, B, "active"), created_at=days("2026-09-05", "2026-09-06"))
    for rows, day in ((data, "2026-09-10"), (data[:1], "2026-11-05")):
        at = pd.Timestamp(day, tz="UTC").to_pydatetime()
        told = [row | {"synced_at": at, "fields": "{}"} for row in rows.to_dict("records")]
        arrow = pa.Table.from_pylist(told, schema=schema("list_members"))
        with store.writing():
            store.apply_snapshot("list_members", arrow, seen_at=at)
    scan = store.scan("list_members")
    assert list_growth(scan)["left"].tolist() == [0, 1]
    assert list_growth(scan)["members"].tolist() == [2, 1]
    assert list_health(scan, now=NOW)[["members", "gone"]].to_numpy().tolist() == [[1, 1]]
    pd.testing.assert_frame_equal(list_growth(scan), list_growth(store.read("list_members")))


def test_list_growth_of_lists_is_separate():
    data = members((7, A, "active"), (8, B, "active"), created_at=days("2026-09-05", "2026-09-05"))
    assert list_growth(data)["members"].tolist() == [1, 1]


@pytest.mark.parametrize("helper", [list_health, list_overlap, list_growth])
def test_lists_of_nothing_are_empty_with_their_dtypes(helper):
    data = members((7, A, "active"), (8, A, "active"), created_at=days("2026-09-05", "2026-09-05"))
    full, empty = helper(data), helper(data.iloc[:0])
    assert empty.empty
    assert len(full)
    assert empty.dtypes.astype(str).tolist() == full.dtypes.astype(str).tolist()


@pytest.mark.parametrize("helper", [list_health, list_overlap, list_growth])
def test_lists_refuse_contacts_listed_twice(helper):
    data = members((7, A, "active"), (7, A, "active"), created_at=days("2026-09-05", "2026-09-05"))
    with pytest.raises(UsageError, match=r"repeat the key \(list_id, msisdn\)"):
        helper(data)


def test_list_growth_refuses_unknown_periods_and_missing_columns():
    with pytest.raises(UsageError, match="is none of"):
        list_growth(members((7, A, "active")), by="hour")
    with pytest.raises(UsageError, match="created_at"):
        list_growth(members((7, A, "active")))
