"""Grouping by a custom field of contacts: no row doubled, what is ambiguous told."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd
import pytest

import smsdata
from smsdata import analysis
from smsdata.analysis import delivery_rate
from smsdata.errors import UsageError
from tests.test_bad_input import scans

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


MEMBERS_ELSEWHERE = pd.DataFrame({"list_id": [1], "msisdn": ["61491579999"], "fields": ['{"plan": "gold"}']})
REPLIES = pd.DataFrame({
    "id": [1, 2, 3], "msisdn": [A, C, B], "longcode": "61491570006", "response": "yes", "message_id": 1,
    "received_at": pd.Timestamp("2026-11-02T01:00", tz="UTC"),
})  # fmt: skip
SENT = MESSAGES.assign(sender="61491570006")
DLRS = MESSAGES.iloc[:4].assign(optout=[True, False, False, False], synced_at=SENT["sent_at"],
                                delivered_at=SENT["sent_at"] + pd.Timedelta(9, "s"))  # fmt: skip
CAMPAIGNS = pd.DataFrame(
    {"message_id": [1], "cost": [0.4], "pending": 0, "delivered": 4, "soft_bounced": 0, "hard_bounced": 0}
)
SEEN = DLRS.assign(observed_at=DLRS["sent_at"] + pd.Timedelta(1, "h"))
GROUPED = {
    "delivery_rate": lambda **how: analysis.delivery_rate(MESSAGES, now="2026-11-22", **how),
    "reply_rate": lambda **how: analysis.reply_rate(SENT, REPLIES, now="2026-11-22", **how),
    "time_to_reply": lambda **how: analysis.time_to_reply(SENT, REPLIES, **how),
    "time_to_deliver": lambda **how: analysis.time_to_deliver(DLRS, now="2026-11-22", **how),
    "time_to_settle": lambda **how: analysis.time_to_settle(DLRS, SEEN, **how),
    "optout_rate": lambda **how: analysis.optout_rate(DLRS, now="2026-11-22", **how),
    "spent_on_dead": lambda **how: analysis.spent_on_dead(DLRS, CAMPAIGNS, **how),
}


@pytest.mark.parametrize("name", sorted(GROUPED))
def test_every_helper_of_recipients_groups_by_a_field_of_contacts(name: str) -> None:
    with pytest.warns(
        UserWarning, match=rf"{name}: 1 of \d numbers have different values of 'plan'"
    ) as caught:
        found = GROUPED[name](by="contact:plan", list_members=MEMBERS)
    assert {Path(warning.filename).name for warning in caught} == {"test_contact_fields.py"}
    assert found["contact:plan"].dropna().unique().tolist() == ["basic", "gold"]
    with pytest.raises(UsageError, match=rf"{name}: by='contact:plan' needs the contacts: list_members="):
        GROUPED[name](by="contact:plan")
    with pytest.raises(UsageError, match=rf"{name}: no contact has a field 'Plan'; there are: age, plan"):
        GROUPED[name](by="contact:Plan", list_members=MEMBERS)


def test_a_field_of_contacts_doubles_no_row_and_goes_with_other_groups(tmp_path: Path) -> None:
    members = scans({"list_members": MEMBERS}, tmp_path)["list_members"]
    for given in (MEMBERS, members):
        with pytest.warns(UserWarning, match="different values"):
            found = delivery_rate(
                MESSAGES, by=["contact:plan", "country", "day"], list_members=given, now="2026-11-22"
            )
        assert found["contact:plan"].fillna("-").tolist() == ["basic", "gold", "-"]
        assert (found["n"].tolist(), set(found["country"])) == ([2, 2, 4], {"AU"})
    nobody = delivery_rate(MESSAGES, by="contact:plan", list_members=MEMBERS_ELSEWHERE, now="2026-11-22")
    assert (nobody["contact:plan"].isna().tolist(), nobody["n"].tolist()) == ([True], [8])


def test_a_table_without_numbers_has_no_contacts() -> None:
    with pytest.raises(UsageError, match=r"costs: campaigns has no column 'msisdn'"):
        analysis.costs(CAMPAIGNS.assign(sent_at=SENT["sent_at"], parts=1), by="contact:plan")


def test_senders_are_compared_within_a_field_of_contacts() -> None:
    messages = MESSAGES.assign(sender=["ACME"] * 4 + ["61491570006"] * 4)
    one = MEMBERS[MEMBERS["list_id"] == 1]
    found = analysis.compare_rates(
        messages, by="sender", within="contact:plan", list_members=one, now="2026-11-22"
    )
    assert found["strata"].tolist() == [3]


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
