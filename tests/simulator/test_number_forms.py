"""Numbers as the gateway takes them apart, and every call that takes a number in national form."""

from __future__ import annotations

from typing import Any

import pytest

from smsdata.simulator import Gateway

from .asking import ask, code, read, small

ANA = 61491579990


def formatted(msisdn: str, countrycode: str) -> tuple[Any, ...]:
    """What format-number makes of a number: prefix, national, international, type, whether it is valid."""
    status, body = ask(
        Gateway(small(), limiter=None), "format-number", msisdn=msisdn, countrycode=countrycode
    )
    assert (status, list(body)) == (200, ["number", "error"])
    assert list(body["number"]) == ["countrycode", "nationalnumber", "international", "type", "isValid"]
    return tuple(body["number"].values())


ANA_THERE = ("61", "491579990", "61491579990", 1, True)
BRITISH = ("44", "7700900111", "447700900111", 1, True)
AMERICAN = ("1", "2025550111", "12025550111", 1, True)


@pytest.mark.parametrize(
    ("msisdn", "countrycode", "expected"),
    [
        ("0491579990", "AU", ANA_THERE), ("491579990", "AU", ANA_THERE), ("0491 579 990", "au", ANA_THERE),
        ("(04) 9157-9990", "AU", ANA_THERE), ("61491579990", "AU", ANA_THERE),
        ("+61491579990", "AU", ANA_THERE),
        (" 61491579990", "AU", ANA_THERE), ("001161491579990", "AU", ANA_THERE),
        ("61491579990", "GB", ANA_THERE),
        ("+61491579990", "US", ANA_THERE), ("07700900111", "GB", BRITISH), ("07700900111", "UK", BRITISH),
        ("447700900111", "AU", BRITISH), ("+44 7700 900111", "AU", BRITISH), ("2025550111", "US", AMERICAN),
        ("12025550111", "AU", AMERICAN), ("021123456", "NZ", ("64", "21123456", "6421123456", 1, True)),
        ("0299999999", "AU", ("61", "299999999", "61299999999", 0, True)),
        ("02079460000", "GB", ("44", "2079460000", "442079460000", 0, True)),
        ("1300123456", "AU", ("61", "1300123456", "611300123456", 0, True)),
        ("6149157000001", "AU", ("61", "49157000001", "6149157000001", 1, True)),
        ("049", "AU", ("61", "49", "6149", 10, False)), ("61", "AU", ("61", "61", "6161", 10, False)),
        ("0", "AU", ("", "0", "0", 10, False)),
    ],
)  # fmt: skip
def test_format_number_takes_numbers_of_every_spelling_apart(
    msisdn: str, countrycode: str, expected: tuple[Any, ...]
) -> None:
    """Landlines are of type 0, mobiles 1, what is no number 10; the parts make up the whole."""
    parts = formatted(msisdn, countrycode)
    assert parts == expected
    assert parts[0] + parts[1] == parts[2]


@pytest.mark.parametrize(
    ("msisdn", "countrycode", "expected"),
    [
        ("", "AU", "FIELD_EMPTY msisdn"), ("0491579990", "", "FIELD_EMPTY countrycode"),
        ("0491579990", "XX", "FIELD_INVALID countrycode"), ("0491579990", "61", "FIELD_INVALID countrycode"),
        ("0491579990", "Australia", "FIELD_INVALID countrycode"), ("soon", "AU", "FIELD_INVALID msisdn"),
        ("0491579990x", "AU", "FIELD_INVALID msisdn"), ("9" * 19, "AU", "FIELD_INVALID msisdn"),
        ("0491579990,0491579991", "AU", "FIELD_INVALID msisdn"),
    ],
)  # fmt: skip
def test_format_number_refuses_what_is_no_number_and_no_country(
    msisdn: str, countrycode: str, expected: str
) -> None:
    gateway = Gateway(small(), limiter=None)
    status, body = ask(gateway, "format-number", msisdn=msisdn, countrycode=countrycode)
    wanted, field = expected.split()
    assert (status, body["error"]["code"]) == (400, wanted)
    assert body["error"]["description"].startswith(f"{field} ")


def test_landlines_and_numbers_without_their_country_are_no_contacts() -> None:
    """BAD_MOBILE, also where a leading 0 says that a country is missing; nobody is sent to there either."""
    gateway = Gateway(small(), limiter=None)
    for msisdn, more in (("0299999999", {"countrycode": "AU"}), ("61299999999", {}), ("0491579990", {})):
        assert code(gateway, "add-to-list", list_id=3_100_001, msisdn=msisdn, **more) == "BAD_MOBILE"
        assert code(gateway, "send-sms", to=msisdn, message="Hi", **more) == "RECIPIENTS_ERROR"
    refused = code(gateway, "add-to-list", list_id=3_100_001, msisdn="021123456", countrycode="NZ")
    assert refused == "BAD_MOBILE_COUNTRY"


@pytest.mark.parametrize(
    ("call", "params"),
    [
        ("add-to-list", {"list_id": 3_100_001, "msisdn": "0491579990"}),
        ("send-sms", {"to": "0491579990", "message": "Hi"}),
        ("add-contacts-bulk", {"name": "New", "file_url": "data:,A,B,0491579990"}),
        ("get-contact-sms-stats", {"mobile": "0491579990"}),
        ("edit-client", {"client_id": 70_001, "msisdn": "0491579990"}),
    ],
)
def test_a_country_that_is_none_is_refused_by_every_call_that_takes_one(
    call: str, params: dict[str, Any]
) -> None:
    """FIELD_INVALID names it, and nothing is changed; a country makes the same number good."""
    gateway = Gateway(small(), limiter=None)
    lists = len(gateway.account.contacts.lists)
    _, body = ask(gateway, call, countrycode="XX", **params)
    assert body["error"]["code"] == "FIELD_INVALID"
    assert body["error"]["description"].startswith("countrycode ")
    assert (gateway.applied, len(gateway.account.contacts.lists)) == ([], lists)
    assert code(gateway, call, countrycode="AU", **params) == "SUCCESS"


def test_a_national_number_is_one_person_everywhere() -> None:
    """Sent to, put on a list and looked up, it is the number in international form."""
    gateway = Gateway(small(), limiter=None)
    national: dict[str, Any] = {"countrycode": "AU"}
    sent = ask(gateway, "send-sms", to="0491 579 990", message="Hi", **national)[1]["message_id"]
    (row,) = read(gateway, "get-sms-sent", message_id=sent)
    contact = ask(gateway, "add-to-list", list_id=3_100_001, msisdn="0491579990", **national)[1]
    (history,) = read(gateway, "get-contact-sms-stats", mobile="(04) 9157 9990", **national)
    assert (row["msisdn"], contact["msisdn"], history["message_id"]) == (ANA, ANA, sent)
