"""Delivery times that only polling shows, against intervals set by hand."""

import numpy as np
import pandas as pd
import pytest

from smsdata.analysis import explain, time_to_deliver, time_to_settle
from smsdata.errors import UsageError
from tests.support.frames import dlrs_of_one_send, number_at

SENT = pd.Timestamp("2026-11-01T10:00:00", tz="UTC")


def at(seconds):
    return SENT + pd.Timedelta(seconds, "s")


def dlrs(*status, read=7_200, **columns):
    return dlrs_of_one_send(status, SENT, synced_at=at(read), **columns)


def looks(*rows):
    """Rows of (index of the message, status, seconds after sending)."""
    frame = pd.DataFrame(rows, columns=["number", "status", "seconds"])
    return pd.DataFrame({
        "message_id": 1,
        "msisdn": [number_at(n) for n in frame["number"]],
        "status": frame["status"].astype("str"),
        "observed_at": SENT + pd.to_timedelta(frame["seconds"], unit="s"),
    })  # fmt: skip


def shown(frame):
    return frame[["outcome", "seconds", "seconds_high", "share"]].round(6).to_numpy().tolist()


def test_time_to_settle_counts_from_the_last_look_before_to_the_first_look_after():
    history = looks((0, "delivered", 60), (1, "pending", 60), (1, "delivered", 3_600), (2, "pending", 60),
                    (2, "hard-bounce", 3_600), (3, "pending", 60))  # fmt: skip
    found = time_to_settle(dlrs("delivered", "delivered", "hard-bounce", "pending", read=3_600), history)
    assert shown(found) == [
        ["delivered", 0, 60, 0.25],
        ["delivered", 60, 3_600, 0.25],
        ["hard-bounce", 60, 3_600, 0.25],
    ]
    assert found["incidence"].tolist() == pytest.approx([0.25, 0.5, 0.25])
    assert found["messages"].tolist() == [4, 4, 4]


def test_time_to_settle_takes_a_soft_bounce_that_arrived_in_the_end_as_delivered_after_it():
    history = looks((0, "pending", 60), (0, "soft-bounce", 3_600), (0, "delivered", 7_200))
    assert shown(time_to_settle(dlrs("delivered"), history)) == [["delivered", 3_600, 7_200, 1.0]]


def test_time_to_settle_without_history_has_the_time_it_was_read_as_the_upper_end():
    assert shown(time_to_settle(dlrs("bounced"), looks())) == [["bounced", 0, 7_200, 1.0]]


def test_time_to_settle_counts_copies_and_groups():
    data = dlrs("delivered", "pending", "delivered", copies=[3, 1, 1], list_id=[1, 1, 2])
    history = looks((0, "delivered", 60), (1, "pending", 60), (2, "delivered", 60))
    found = time_to_settle(data, history, by="list")
    assert found[["list", "messages"]].to_numpy().tolist() == [[1, 4], [2, 1]]
    assert found["share"].tolist() == pytest.approx([0.75, 1.0])


@pytest.mark.parametrize("by", [None, "campaign"])
@pytest.mark.parametrize("status", [(), ("pending",)])
def test_time_to_settle_without_an_outcome_is_empty_with_its_dtypes(status, by):
    empty = time_to_settle(dlrs(*status), looks(), by=by)
    assert empty.empty
    full = time_to_settle(dlrs("delivered"), looks(), by=by)
    assert empty.dtypes.astype(str).tolist() == full.dtypes.astype(str).tolist()


def test_time_to_settle_agrees_with_receipts_at_the_ends_of_its_intervals():
    """Polled every ten minutes, the curve meets the one of exact times where a run looked."""
    rng = np.random.default_rng(5)
    seconds = np.ceil(rng.exponential(1_500, 400)).astype(int)
    runs = (seconds + 599) // 600 * 600
    status = np.where(rng.random(400) < 0.1, "hard-bounce", "delivered")
    data = dlrs(*status, read=60_000, delivered_at=SENT + pd.to_timedelta(seconds, unit="s"))
    data["delivered_at"] = data["delivered_at"].where(data["status"] == "delivered")
    before = [(n, "pending", at) for n, run in enumerate(runs) for at in range(600, run, 600)]
    history = looks(*before, *((n, status[n], run) for n, run in enumerate(runs)))
    polled = time_to_settle(data, history)
    exact = time_to_deliver(data, now="2026-11-22")
    arrived = polled[polled["outcome"] == "delivered"]
    for end, incidence in zip(arrived["seconds_high"], arrived["incidence"], strict=True):
        known = exact.loc[exact["seconds"] <= end, "incidence"].iloc[-1]
        assert incidence == pytest.approx(known, abs=1e-6)


def test_time_to_settle_tells_how_near_its_search_came():
    found = time_to_settle(dlrs("delivered"), looks((0, "delivered", 60)))
    assert "the log-likelihood per message is within 1e-08 of the greatest" in explain(found)


def test_time_to_settle_refuses_frames_without_their_columns():
    with pytest.raises(UsageError, match="time_to_settle: dlrs has no column 'synced_at'"):
        time_to_settle(dlrs("delivered").drop(columns="synced_at"), looks())
    with pytest.raises(UsageError, match="repeat the key"):
        time_to_settle(pd.concat([dlrs("delivered")] * 2), looks())
