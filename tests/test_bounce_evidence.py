"""The evidence against a contact: which hard bounces stand, on frames of a few rows reckoned by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from smsdata.analysis import explain, hard_bounced
from smsdata.analysis.bounce_evidence import contact_evidence
from smsdata.errors import UsageError

A, B = "61491570156", "61491570157"
SENT = dict(zip((1, 2, 3), pd.to_datetime(["2026-10-01", "2026-10-08", "2026-10-15"], utc=True), strict=True))
HOUR = pd.Timedelta(1, "h")
Frames = dict[str, Any]


def frames() -> Frames:
    """Two people: both got the first message; A bounced twice since, B once, and then replied."""
    rows = [(1, A, "delivered"), (1, B, "delivered"), (2, A, "hard-bounce"), (2, B, "hard-bounce")]
    rows += [(3, A, "hard-bounce"), (3, B, "pending")]
    dlrs = pd.DataFrame(rows, columns=["message_id", "msisdn", "status"])
    dlrs["sent_at"] = dlrs["message_id"].map(SENT)
    campaigns = pd.DataFrame(
        [(1, 0.20, 0, 2, 0, 0), (2, 0.20, 0, 0, 0, 2), (3, 0.16, 1, 0, 0, 1)],
        columns=["message_id", "cost", "pending", "delivered", "soft_bounced", "hard_bounced"],
    )
    campaigns["sent_at"] = campaigns["message_id"].map(SENT)
    members = pd.DataFrame(
        [(7, A, "active"), (7, B, "active"), (8, A, "inactive"), (9, A, "active")],
        columns=["list_id", "msisdn", "status"],
    )
    return {
        "dlrs": dlrs,
        "campaigns": campaigns.assign(synced_at=campaigns["sent_at"] + 98 * HOUR),
        "status_history": dlrs.assign(observed_at=dlrs["sent_at"] + 97 * HOUR, source="polled"),
        "replies": pd.DataFrame({"msisdn": [B], "received_at": [SENT[2] + 24 * HOUR]}),
        "list_members": members.assign(created_at=SENT[1] - HOUR, gone_at=None),
        "lists": pd.DataFrame(
            {"list_id": [7, 8, 9], "gone_at": pd.Series([None, None, SENT[3]], dtype="datetime64[us, UTC]")}
        ),
    }


def evidence_of(tables: Frames, **options: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    given = {"since": "2026-09-01", "quiet": "98h", "apart": "1h"} | options
    return contact_evidence(hard_bounced(tables["dlrs"]), **tables, **given)


def test_contact_evidence_counts_what_stands_against_each_active_contact() -> None:
    contacts, bounces = evidence_of(frames())
    assert contacts[["list_id", "msisdn"]].to_numpy().tolist() == [[7, A], [7, B]]
    assert contacts["bounces"].tolist() == [2, 0]
    assert contacts["days"].tolist() == [2, 0]
    assert contacts["first_bounce"].tolist() == [SENT[2], pd.NaT]
    assert contacts["last_bounce"].tolist() == [SENT[3], pd.NaT]
    assert contacts["last_other"].tolist() == [SENT[1], SENT[1]]
    assert contacts[["confirmed", "reconciled"]].to_numpy().tolist() == [[2, 2], [1, 1]]
    assert contacts[["sends", "delivered"]].to_numpy().tolist() == [[3, 1], [3, 1]]
    assert contacts["last_reply"].tolist() == [pd.NaT, SENT[2] + 24 * HOUR]
    assert contacts["last_added"].tolist() == [SENT[1] - HOUR] * 2
    assert contacts["saves"].tolist()[0] == pytest.approx((0.10 + 0.08) / 2)
    assert contacts["saves"].isna().tolist() == [False, True]
    assert contacts["known_tier"].tolist() == ["remove", "exclude"]
    assert bounces["message_id"].tolist() == [2, 3]
    assert bounces["msisdn"].tolist() == [A, A]
    assert bounces["sent_at"].tolist() == [SENT[2], SENT[3]]
    assert bounces["price"].tolist() == pytest.approx([0.10, 0.08])


def test_contact_evidence_counts_copies() -> None:
    tables = frames()
    tables["dlrs"] = tables["dlrs"].assign(copies=[1, 1, 3, 1, 1, 1])
    tables["campaigns"]["hard_bounced"] = [0, 4, 1]
    contacts, bounces = evidence_of(tables)
    assert contacts["sends"].tolist() == [5, 3]
    assert contacts["bounces"].tolist() == [4, 0]  # of a send that lists the number three times, each message
    assert contacts["days"].tolist() == [2, 0]
    assert bounces["copies"].tolist() == [3, 1]
    assert bounces["price"].tolist() == pytest.approx([0.20 / 4, 0.08])


def test_contact_evidence_of_a_gateway_that_counts_a_number_once() -> None:
    tables = frames()
    tables["dlrs"] = tables["dlrs"].assign(copies=[1, 1, 3, 1, 1, 1])
    contacts, _ = evidence_of(tables)
    assert contacts["bounces"].tolist() == [4, 0]
    tables["campaigns"]["hard_bounced"] = [0, 3, 1]  # neither way
    contacts, _ = evidence_of(tables)
    assert contacts["bounces"].tolist() == [1, 0]


def _third(table: str, column: str, value: object) -> Callable[[Frames], None]:
    """Change the rows of the third message to A."""

    def change(tables: Frames) -> None:
        frame = tables[table]
        rows = frame["message_id"] == 3
        if "msisdn" in frame:
            rows &= frame["msisdn"] == A
        frame.loc[rows, column] = value

    return change


def _seen_delivered(tables: Frames) -> None:
    history = tables["status_history"]
    again = history[(history["message_id"] == 3) & (history["msisdn"] == A)]
    seen = again.assign(status="delivered", source="callback")
    tables["status_history"] = pd.concat([history, seen], ignore_index=True)


@pytest.mark.parametrize(
    ("change", "confirmed", "reconciled"),
    [
        (_third("status_history", "source", "callback"), 1, 1),
        (_seen_delivered, 1, 1),
        (_third("campaigns", "hard_bounced", 2), 2, 1),
        (_third("campaigns", "synced_at", SENT[3] + 98 * HOUR - pd.Timedelta(1, "s")), 2, 1),
        (_third("status_history", "observed_at", SENT[3] + 97 * HOUR + pd.Timedelta(1, "s")), 2, 1),
    ],
    ids=["callback", "delivered", "counters", "early", "changed"],
)
def test_contact_evidence_leaves_out_what_is_not_sure(
    change: Callable[[Frames], None], confirmed: int, reconciled: int
) -> None:
    tables = frames()
    change(tables)
    contacts, bounces = evidence_of(tables)
    mine = contacts[contacts["msisdn"] == A].iloc[0]
    assert (mine["confirmed"], mine["reconciled"]) == (confirmed, reconciled)
    assert 3 not in set(bounces["message_id"])


def test_contact_evidence_leaves_out_what_is_too_old() -> None:
    contacts, bounces = evidence_of(frames(), since="2026-10-10")
    assert contacts["bounces"].tolist() == [1, 0]
    assert contacts["hard_bounces"].tolist() == [2, 1]
    assert contacts["reconciled"].tolist() == [2, 1]
    assert contacts[["earlier", "waiting"]].to_numpy().tolist() == [[0, 0], [1, 0]]
    assert bounces["message_id"].tolist() == [3]


def test_contact_evidence_of_nobody_has_its_columns() -> None:
    tables = frames()
    tables["list_members"] = tables["list_members"].iloc[:0]
    contacts, _ = evidence_of(tables)
    assert contacts.empty
    assert contacts.dtypes.astype(str).to_dict() == evidence_of(frames())[0].dtypes.astype(str).to_dict()


def test_contact_evidence_tells_where_it_is_from() -> None:
    account = explain(evidence_of(frames())[0])
    assert account.startswith("contact_evidence: hard bounces that polling saw")
    assert "source: status_history, 6 rows, from pandas" in account


@pytest.mark.parametrize("table", ["dlrs", "campaigns", "lists", "list_members"])
def test_contact_evidence_refuses_rows_that_repeat_a_key(table: str) -> None:
    tables = frames()
    known = hard_bounced(tables["dlrs"])
    tables[table] = pd.concat([tables[table], tables[table].head(1)])
    with pytest.raises(UsageError, match=f"contact_evidence: 1 rows of {table} repeat the key"):
        contact_evidence(known, **tables, since="2026-09-01", quiet="98h")


@pytest.mark.parametrize("quiet", ["soon", "98", "0h"])
def test_contact_evidence_refuses_what_is_no_length(quiet: str) -> None:
    with pytest.raises(UsageError, match=r"contact_evidence: .* is no length of time"):
        evidence_of(frames(), quiet=quiet)
