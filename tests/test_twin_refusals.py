"""What the twin answers to values that are no numbers: a refusal, never a failure of its own."""

from __future__ import annotations

import pytest

from smsdata.simulator import Gateway
from tests.support.sync_world import small_account

LONG = "9" * 5000


@pytest.mark.parametrize("value", ["\u00b2", LONG])
@pytest.mark.parametrize(
    ("path", "name"),
    [("/get-lists.json", "page"), ("/add-to-list.json", "msisdn"), ("/format-number.json", "msisdn"),
     ("/send-sms.json", "to"), ("/__twin/inbound", "mobile")],
)  # fmt: skip
def test_what_is_no_number_is_refused(value: str, path: str, name: str) -> None:
    gateway = Gateway(small_account(), limiter=None)
    given = [(name, value), ("message", "hi"), ("response", "x"), ("list_id", "1"), ("countrycode", "AU")]
    answer = gateway.respond("POST", path, given, gateway.authorization)
    assert 400 <= answer.status < 500, answer.body[:200]


def test_a_header_that_is_not_ascii_is_no_credential() -> None:
    gateway = Gateway(small_account(), limiter=None)
    answer = gateway.respond("GET", "/get-balance.json", [], {"authorization": "Basic \u00ff\u00fe"})
    assert (answer.status, b"AUTH_FAILED" in answer.body) == (401, True)
