"""Grouping by a custom field of contacts: no row doubled, what is ambiguous told."""

from __future__ import annotations

import warnings

import pandas as pd
import pytest

import smsdata
from smsdata.analysis import delivery_rate
from smsdata.errors import UsageError

A, B, C, D = (f"6149157015{n}" for n in range(4))
MEMBERS = pd.DataFrame(
    [
        (1, A, '{"plan": "gold", "age": 41}', pd.NaT),
        (2, A, '{"plan": "gold"}', pd.NaT),
        (1, B, '{"plan": "basic"}', pd.NaT),
        (2, B, '{"plan": "gold"}', pd.NaT),
        (1, C, '{"plan": "basic"}', pd.NaT),
        (2, C, '{"plan": "gold"}', pd.Timestamp("2026-11-01", tz="UTC")),
        (1, D, "{}", pd.NaT),
    ],
    columns=["list_id", "msisdn", "fields", "gone_at"],
)
MESSAGES = pd.DataFrame(
    {
        "id": range(8),
        "message_id": 1,
        "msisdn": [A, B, C, D] * 2,
        "sent_at": pd.Timestamp("2026-11-02", tz="UTC"),
        "status": ["delivered"] * 7 + ["hard-bounce"],
    }
)


def test_with_contact_field_keeps_every_row_once_and_tells_what_is_ambiguous() -> None:
    with pytest.warns(UserWarning, match=r"1 of 4 numbers have different values of 'plan'"):
        found = smsdata.with_contact_field(MESSAGES, MEMBERS, "plan")
    assert found["contact_plan"].fillna("-").tolist() == ["gold", "-", "basic", "-"] * 2
    pd.testing.assert_frame_equal(found.drop(columns="contact_plan"), MESSAGES)


def test_helpers_group_by_a_contact_field() -> None:
    with pytest.warns(UserWarning, match="different values"):
        messages = smsdata.with_contact_field(MESSAGES, MEMBERS, "plan")
    rates = delivery_rate(messages, by="contact_plan", now="2026-11-22")
    assert rates["contact_plan"].fillna("-").tolist() == ["basic", "gold", "-"]
    assert rates["n"].sum() == len(MESSAGES)


def test_with_contact_field_of_one_list_is_not_ambiguous() -> None:
    one = MEMBERS[MEMBERS["list_id"] == 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = smsdata.with_contact_field(MESSAGES, one, "plan")
    assert found["contact_plan"].fillna("-").tolist()[:4] == ["gold", "basic", "basic", "-"]


def test_with_contact_field_reads_numbers_as_text() -> None:
    assert smsdata.with_contact_field(MESSAGES, MEMBERS, "age")["contact_age"].tolist()[0] == "41"


@pytest.mark.parametrize(
    ("frame", "members", "field", "told"),
    [
        (MESSAGES, MEMBERS, "tier", "there are: age, plan"),
        (MESSAGES.drop(columns="msisdn"), MEMBERS, "plan", "frame has no column msisdn"),
        (MESSAGES, MEMBERS.drop(columns="fields"), "plan", "list_members has no column fields"),
        (MESSAGES.assign(contact_plan="x"), MEMBERS, "plan", "has a column contact_plan already"),
        (MESSAGES, MEMBERS.head(0), "plan", "there are: none"),
    ],
)
def test_with_contact_field_refuses_what_it_cannot_do(
    frame: pd.DataFrame, members: pd.DataFrame, field: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        smsdata.with_contact_field(frame, members, field)
