"""send-sms and cancel-sms: who gets what, what it costs, when it is final, and what is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from smsdata.simulator import Account, Gateway
from smsdata.simulator.parameters import shipped_parameters

from .asking import ask, code, noted, read, small

PRICE = shipped_parameters().traffic.price
ANA, BO = 61491579990, 61491579991


def personal_account(**more: Any) -> tuple[Account, Gateway, int]:
    """An account with a list of two people with a custom field, its gateway, the list's id."""
    account = small(reply_rate=0.0, link_rate=0.0, **more)
    list_id = account.contacts.add_list("Few", {"field_1": "Town"})
    account.contacts.add_member(list_id, ANA, "Ana", "Ng", fields={"Town": "Köln"})
    account.contacts.add_member(list_id, BO, "Bo", None, fields={"Town": None})
    return account, Gateway(account, limiter=None), list_id


def test_send_sms_to_numbers_answers_with_the_send() -> None:
    """Counters, cost as a positive amount, the numbers that are none; a number given twice counts once."""
    account, gateway, _ = personal_account()
    before = ask(gateway, "get-balance")[1]["balance"]
    status, sent = ask(
        gateway,
        "send-sms",
        message="Hi",
        to=f"{ANA}, 0491579991,{ANA},049,soon,99912345678",
        countrycode="AU",
    )
    assert status == 200
    assert list(sent) == [
        "message_id", "send_at", "recipients", "cost", "sms", "delivery_stats", "fails", "error",
    ]  # fmt: skip
    assert (sent["recipients"], sent["cost"], sent["sms"]) == (2, 0.13, 1)
    assert sent["fails"] == ["049", "soon", "99912345678"]
    assert sent["delivery_stats"] == {
        "delivered": 0, "pending": 2, "bounced": 0, "responses": 0, "optouts": 0,
    }  # fmt: skip
    assert ask(gateway, "get-balance")[1]["balance"] == round(before - 0.13, 4)
    rows = read(gateway, "get-sms-sent", message_id=sent["message_id"])
    assert {row["msisdn"] for row in rows} == {ANA, BO}
    assert {row["message_id"] for row in account.truth("messages")} == {sent["message_id"]}


def test_send_sms_to_a_list_fills_in_what_is_known_of_each() -> None:
    """Names, custom fields and the link by any case; null is nothing; unknown brackets stay."""
    account, gateway, list_id = personal_account()
    sent = ask(
        gateway, "send-sms", list_id=list_id, message="[FirstName] [lastname] of [town] [x]: [tracked-link]",
        tracked_link_url="https://example.com/spring",
    )[1]  # fmt: skip
    assert sent["list"] == {"id": list_id, "name": "Few"}
    link = f"https://example.com/{sent['message_id']:x}"
    wanted = {ANA: f"Ana Ng of Köln [x]: {link}", BO: f"Bo  of  [x]: {link}"}
    rows = read(gateway, "get-user-sms-sent", start="2026-11-21", end="2026-11-23")
    assert {row["msisdn"]: row["message"] for row in rows} == wanted
    assert {int(row["msisdn"]): row["message"] for row in account.truth("messages")} == wanted
    for msisdn, text in wanted.items():
        about = {"message_id": sent["message_id"], "msisdn": msisdn}
        assert ask(gateway, "get-sms-delivery-status", **about)[1]["stats"]["message"] == text


def test_send_sms_bills_each_text_as_it_is_filled_in() -> None:
    """One recipient's name makes two parts of it: three parts in all."""
    account, gateway, list_id = personal_account()
    account.contacts.edit_member(list_id, ANA, first_name="A" * 30)
    sent = ask(gateway, "send-sms", list_id=list_id, message="[firstname]" + "x" * 140)[1]
    assert (sent["sms"], sent["cost"]) == (2, round(3 * PRICE, 4))
    assert ask(gateway, "get-sms-stats", message_id=sent["message_id"])[1]["stats"]["total"] == 3


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("x" * 160, 1), ("x" * 161, 2), ("x" * 306, 2), ("x" * 307, 3), ("x" * 612, 4), ("€" * 80, 1),
        ("€" * 81, 2), ("ж" * 70, 1), ("ж" * 71, 2), ("ж" * 134, 2), ("ж" * 135, 3), ("🎉" * 35, 1),
        ("🎉" * 36, 2), ("ж" * 268, 4),
    ],
)  # fmt: skip
def test_send_sms_counts_parts_as_billed(text: str, parts: int) -> None:
    """160, then 153 characters of GSM-7; 70, then 67 of UCS-2."""
    sent = ask(Gateway(small(), limiter=None), "send-sms", message=text, to=ANA)[1]
    assert (sent["sms"], sent["cost"]) == (parts, round(parts * PRICE, 4))


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"to": ANA}, "FIELD_EMPTY message"),
        ({"to": ANA, "message": " "}, "FIELD_EMPTY message"),
        ({"message": "Hi"}, "FIELD_EMPTY to"),
        ({"to": ANA, "message": "x" * 613}, "FIELD_INVALID message"),
        ({"to": ANA, "message": "ж" * 269}, "FIELD_INVALID message"),
        ({"to": ANA, "message": "Hi", "send_at": "soon"}, "FIELD_INVALID send_at"),
        ({"to": ANA, "message": "Hi", "validity": "0"}, "FIELD_INVALID validity"),
        ({"to": ANA, "message": "Hi", "validity": "4321"}, "FIELD_INVALID validity"),
        ({"to": ANA, "message": "Hi", "dlr_callback": "ftp://a"}, "FIELD_INVALID dlr_callback"),
        ({"to": ANA, "message": "Hi", "reply_callback": "a"}, "FIELD_INVALID reply_callback"),
        ({"to": ANA, "message": "Hi", "link_hits_callback": "a"}, "FIELD_INVALID link_hits_callback"),
        ({"to": ANA, "message": "[tracked-link]"}, "FIELD_EMPTY tracked_link_url"),
        (
            {"to": ANA, "message": "[tracked-link]", "tracked_link_url": "javascript:alert(1)"},
            "FIELD_INVALID tracked_link_url",
        ),
        ({"to": ANA, "message": "Hi", "tracked_link_url": "soon"}, "FIELD_INVALID tracked_link_url"),
        ({"to": ANA, "message": "Hi", "from": "TwelveLetter"}, "BAD_CALLER_ID from"),
        ({"to": ANA, "message": "Hi", "from": "Two words"}, "BAD_CALLER_ID from"),
        ({"to": ANA, "message": "Hi", "from": "🎉"}, "BAD_CALLER_ID from"),
        ({"to": ANA, "message": "Hi", "from": "Acme!"}, "BAD_CALLER_ID from"),
        ({"to": ANA, "message": "Hi", "from": "+"}, "BAD_CALLER_ID from"),
        ({"to": ANA, "message": "Hi", "from": "61491579999"}, "BAD_CALLER_ID from"),
        ({"to": "049,soon", "message": "Hi"}, "RECIPIENTS_ERROR "),
        ({"to": ",".join([str(ANA)] * 501), "message": "Hi"}, "RECIPIENTS_ERROR to"),
        ({"list_id": 9, "message": "Hi"}, "NOT_FOUND "),
        ({"to": ANA, "list_id": 3100001, "message": "Hi"}, "FIELD_INVALID to"),
        ({"list_id": "x", "message": "Hi"}, "FIELD_INVALID list_id"),
    ],
)
def test_send_sms_refuses_as_documented(params: dict[str, Any], expected: str) -> None:
    """HTTP 400, the code, the field's name; and nothing is sent or billed."""
    account = small()
    gateway = Gateway(account, limiter=None)
    status, body = ask(gateway, "send-sms", **params)
    wanted, _, field = expected.partition(" ")
    assert (status, body["error"]["code"]) == (400, wanted)
    assert field in body["error"]["description"]
    assert (account.sends, account.state.sent.scheduled, gateway.applied) == ([], {}, [])


def test_send_sms_refuses_an_empty_list_and_an_empty_purse() -> None:
    """LIST_EMPTY where nobody is active; LEDGER_ERROR where the balance does not cover all of it."""
    account, gateway, list_id = personal_account(credit=2.5 * PRICE)
    for who in (ANA, BO):
        account.contacts.edit_member(list_id, who, status="inactive")
    assert code(gateway, "send-sms", message="Hi", list_id=list_id) == "LIST_EMPTY"
    assert code(gateway, "send-sms", message="Hi", to=f"{ANA},{BO},61491579992") == "LEDGER_ERROR"
    assert code(gateway, "send-sms", message="Hi", to=f"{ANA},{BO}") == "SUCCESS"
    assert code(gateway, "send-sms", message="Hi", to=ANA) == "LEDGER_ERROR"


def test_send_sms_bills_the_filled_in_texts_against_the_balance() -> None:
    """A text that grows when it is filled in must be paid for as well."""
    account, gateway, list_id = personal_account(credit=2.5 * PRICE)
    account.contacts.edit_member(list_id, ANA, first_name="A" * 30)
    assert code(gateway, "send-sms", list_id=list_id, message="[firstname]" + "x" * 140) == "LEDGER_ERROR"


@pytest.mark.parametrize(
    ("params", "sender"),
    [
        ({}, 61491570110), ({"from": "Acme"}, "Acme"), ({"from": "+61491570313"}, 61491570313),
        ({"from_shared": "yes"}, 61491570159), ({"from": "ElevenChars"}, "ElevenChars"),
    ],
)  # fmt: skip
def test_send_sms_comes_from_whom_it_says(params: dict[str, str], sender: int | str) -> None:
    """Without `from` the leased number; the shared pool where it is asked for or nothing is leased."""
    account = small()
    gateway = Gateway(account, limiter=None)
    ask(gateway, "send-sms", message="Hi", to=ANA, **params)
    (row,) = read(gateway, "get-user-sms-sent", start="2026-11-21", end="2026-11-23")
    assert row["caller_id"] == sender
    for number in account.state.numbers:
        number["owned"] = False
    ask(gateway, "send-sms", message="Hi", to=BO)
    assert account.sends[-1].sender == "61491570159"


@pytest.mark.parametrize("goo", [True, False])
def test_send_sms_and_global_opt_out(goo: bool) -> None:
    """On, who replied STOP gets nothing any more; off, the next message goes out."""
    _, gateway, list_id = personal_account(goo=goo)
    first = ask(gateway, "send-sms", message="Hi", to=ANA)[1]["message_id"]
    gateway.account.reply(first, ANA, "STOP")
    assert code(gateway, "send-sms", message="Hi", to=ANA) == ("RECIPIENTS_ERROR" if goo else "SUCCESS")
    assert ask(gateway, "send-sms", message="Hi", to=f"{ANA},{BO}")[1]["recipients"] == (1 if goo else 2)
    assert ask(gateway, "send-sms", message="Hi", list_id=list_id)[1]["recipients"] == (1 if goo else 2)


def test_send_sms_waits_for_its_instant_and_can_be_called_off() -> None:
    """A scheduled send is known to get-sms alone; it goes out on the clock, or never once called off."""
    account, gateway, list_id = personal_account()
    later = {"send_at": "2026-11-22 02:00:00", "message": "Hi"}
    kept = ask(gateway, "send-sms", list_id=list_id, **later)[1]
    gone = ask(gateway, "send-sms", to=ANA, **later)[1]
    assert (kept["send_at"], kept["recipients"], kept["cost"]) == ("2026-11-22 02:00:00", 2, 0.13)
    assert ask(gateway, "get-sms", message_id=gone["message_id"])[1]["recipients"] == 1
    assert account.truth("campaigns") == []
    assert ask(gateway, "cancel-sms", id=gone["message_id"])[1]["success"] == "OK"
    assert code(gateway, "get-sms", message_id=gone["message_id"]) == "NOT_FOUND"
    account.advance(hours=3)
    assert [row["message_id"] for row in account.truth("campaigns")] == [kept["message_id"]]
    assert str(account.truth("messages")[0]["sent_at"])[:19] == "2026-11-22 02:00:00"
    assert code(gateway, "cancel-sms", id=kept["message_id"]) == "FIELD_INVALID"
    assert code(gateway, "cancel-sms", id=gone["message_id"]) == "NOT_FOUND"
    assert code(gateway, "cancel-sms") == "FIELD_EMPTY"
    past = ask(gateway, "send-sms", to=ANA, message="Hi", send_at="2026-01-01")[1]
    assert past["send_at"] == "2026-11-22 03:00:00"


def test_a_scheduled_send_goes_out_in_a_copy_of_the_account_too() -> None:
    """A copy and its original each send their own."""
    account, gateway, list_id = personal_account()
    ask(gateway, "send-sms", list_id=list_id, message="Hi", send_at="2026-11-22 02:00:00")
    other = copy.deepcopy(account)
    other.advance(hours=3)
    assert (len(other.sends), len(account.sends)) == (1, 0)


def test_validity_ends_what_is_still_with_the_carrier() -> None:
    """After so many minutes nothing is pending any more; what was on its way timed out."""
    account = small(recipients=600, reply_rate=0.0)
    gateway = Gateway(account, limiter=None)
    send = ask(gateway, "send-sms", list_id=3_100_001, message="Hi", validity=1)[1]
    rows = account.state.sent.send_of(send["message_id"]).rows
    waits = account.recipients["final_at"][rows] - account.recipients["sent_at"][rows]
    unlimited = small(recipients=600, reply_rate=0.0)
    free = ask(Gateway(unlimited, limiter=None), "send-sms", list_id=3_100_001, message="Hi")[1]
    free_rows = unlimited.state.sent.send_of(free["message_id"]).rows
    free_waits = unlimited.recipients["final_at"][free_rows] - unlimited.recipients["sent_at"][free_rows]
    assert (free_waits > 60).any()
    hard = unlimited.recipients["outcome"][free_rows] == 3
    assert (waits[~hard] <= 60).all()
    slow = (free_waits > 60) & ~hard
    assert set(account.recipients["outcome"][rows][slow].tolist()) == {2}
    assert (
        account.recipients["outcome"][rows][~slow] == unlimited.recipients["outcome"][free_rows][~slow]
    ).all()


def test_callbacks_of_a_send_come_before_those_of_the_account() -> None:
    """Its receipt, reply and click go to its own addresses at the instant that the twin knows."""
    account, gateway, _ = personal_account()
    account.outbox.set(dlr="https://example.com/all")
    calls = noted(account)
    urls = {
        "dlr_callback": "https://example.com/dlr?job=7", "reply_callback": "https://example.com/reply",
        "link_hits_callback": "https://example.com/hit",
    }  # fmt: skip
    sent = ask(
        gateway,
        "send-sms",
        message="[tracked-link]",
        to=ANA,
        tracked_link_url="https://example.com/x",
        **urls,
    )[1]
    assert account.sends[-1].urls == {
        "dlr": urls["dlr_callback"], "reply": urls["reply_callback"], "link-hit": urls["link_hits_callback"],
    }  # fmt: skip
    row = int(account.sends[-1].rows[0])
    account.advance(days=4)
    account.reply(sent["message_id"], ANA, "ok")
    account.state.inbox.take_hit(account.now, row)
    told = {call.kind: call for call in calls}
    assert told["dlr"].at == int(account.recipients["final_at"][row])
    assert told["dlr"].url.startswith("https://example.com/dlr?job=7&message_id=")
    assert told["reply"].url.startswith("https://example.com/reply?")
    assert told["link-hit"].url.startswith("https://example.com/hit?")
    hit = read(gateway, "get-link-hits", message_id=sent["message_id"])[-1]
    assert hit["link"] == "https://example.com/x"


def test_a_send_that_waits_is_known_to_every_call_about_sends() -> None:
    """It has no recipient, reply or click yet, and is no unknown message."""
    gateway = Gateway(small(), limiter=None)
    message_id = ask(gateway, "send-sms", message="Hi", to=ANA, send_at="2026-11-30 00:00:00")[1][
        "message_id"
    ]
    for call in ("get-sms-sent", "get-sms-responses", "get-link-hits"):
        assert read(gateway, call, message_id=message_id) == []
        assert code(gateway, call, message_id=message_id + 1) == "NOT_FOUND"


def test_replies_to_email_is_taken_and_ignored() -> None:
    """It changes nothing."""
    gateway = Gateway(small(), limiter=None)
    assert code(gateway, "send-sms", message="Hi", to=ANA, replies_to_email="a@example.com") == "SUCCESS"
