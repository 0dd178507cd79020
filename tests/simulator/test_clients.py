"""Other people's clients: their requests, built after their public documentation, over a real connection.

One way of asking is that of the provider's client for PHP: every call is a POST of a multipart form to
``<base>/<call>.json``. The other is that of clients for Node.js: GET with a query string, or a url-encoded
form, at addresses with a version part. Neither knows anything of this simulator.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from smsdata.simulator import Gateway, running

from .asking import small

ANA, BO = "61491579990", "61491579991"


@pytest.fixture
def gateway() -> Gateway:
    """A gateway of a small account, without a throttle."""
    return Gateway(small(reply_rate=0.0), limiter=None)


@pytest.fixture
def base_url(gateway: Gateway) -> Iterator[str]:
    """Where it answers."""
    with running(gateway) as address:
        yield address


def multipart(pairs: dict[str, Any], boundary: str = "------------------------0d5e6f7a8b9c") -> bytes:
    """A form as curl writes it for an array of fields in PHP; null is an empty field."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        f"{'' if value is None else value}\r\n"
        for name, value in pairs.items()
    ]
    return ("".join(parts) + f"--{boundary}--\r\n").encode()


class FormClient:
    """Posts every call as a multipart form, optional parameters as empty fields."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.headers = {
            "Authorization": "Basic " + base64.b64encode(b"demo:demo").decode(),
            "Content-Type": "multipart/form-data; boundary=------------------------0d5e6f7a8b9c",
        }

    def call(self, method: str, **params: Any) -> Any:
        answer = httpx.post(f"{self.base_url}{method}.json", content=multipart(params), headers=self.headers)
        return answer.json()


def test_a_client_that_posts_multipart_forms_works_unchanged(gateway: Gateway, base_url: str) -> None:
    """Lists, contacts, a send to a list, its recipients, replies, opt-outs: the usual day of that client."""
    client = FormClient(base_url)
    assert client.call("get-balance")["currency"] == "AUD"
    made = client.call("add-list", name="Väter & Söhne", field_1="Town", field_2=None)
    assert made["fields"] == {"field_1": "Town"}
    list_id = made["id"]
    for mobile, name in ((ANA, "Ana"), (BO, "Bo\r\nB.")):
        contact = client.call(
            "add-to-list", list_id=list_id, msisdn=mobile, first_name=name, last_name=None,
            field_1="Köln", countrycode=None,
        )  # fmt: skip
        assert contact["first_name"] == name
    sent = client.call(
        "send-sms", message="Hi [firstname] from [Town] 👋", to=None, list_id=list_id, send_at=None,
        dlr_callback=None, reply_callback=None, validity=None, replies_to_email="owner@example.com",
        from_shared=None, **{"from": "Acme"},
    )  # fmt: skip
    assert (sent["error"]["code"], sent["recipients"], sent["list"]["id"]) == ("SUCCESS", 2, list_id)
    gateway.account.advance(days=4)
    report = client.call("get-sms-sent", message_id=sent["message_id"], optouts="include", page=1, max=10)
    assert {str(row["msisdn"]) for row in report["recipients"]} == {ANA, BO}
    stats = client.call("get-sms-stats", message_id=sent["message_id"])["stats"]
    assert (stats["recipientCount"], stats["pending"]) == (2, 0)
    later = client.call("send-sms", message="Later", to=f"{ANA},{BO}", send_at="2026-12-24 18:00:00")
    assert client.call("cancel-sms", id=later["message_id"])["success"] == "OK"
    assert client.call("optout-list-member", list_id=list_id, msisdn=ANA)["list_ids"] == [list_id]
    assert client.call("add-to-list", list_id=list_id, msisdn=ANA)["error"]["code"] == "OPTOUT"
    assert client.call("delete-from-list", list_id=list_id, msisdn=BO)["list_ids"] == [list_id]
    number = client.call("format-number", msisdn="0491570156", countrycode="AU")["number"]
    assert number["international"] == "61491570156"
    assert client.call("add-keyword", keyword="SPRING", number=61491570110)["status"] == "open"
    assert client.call("get-keywords", page=1, max=10)["keywords_total"] == 4
    assert client.call("remove-list", list_id=list_id)["error"]["code"] == "SUCCESS"
    assert {call.status for call in gateway.calls} == {200, 400}
    assert sum(call.status == 400 for call in gateway.calls) == 1  # the opted-out contact


def test_a_client_that_posts_url_encoded_forms_with_a_version_works_unchanged(
    gateway: Gateway, base_url: str
) -> None:
    """Send to a number, look at it, in JSON and in XML, with credentials in the address."""
    with httpx.Client(base_url=f"{base_url}2/", auth=("demo", "demo")) as http:
        sent = http.post(
            "send-sms.json",
            data={
                "message": "Your code is 1234 + 5 & 6 %", "to": "0491 579 990", "countrycode": "AU",
                "dlr_callback": "https://example.com/dlr?id=7&job=spring",
            },
        ).json()  # fmt: skip
        assert sent["recipients"] == 1
        gateway.account.advance(hours=80)
        about = {"message_id": sent["message_id"], "msisdn": ANA}
        status = http.get("get-sms-delivery-status.json", params=about).json()["stats"]
        assert status["message"] == "Your code is 1234 + 5 & 6 %"
        assert status["status"] in ("delivered", "failed")
        as_xml = http.post("get-sms-delivery-status.xml", data=about)
        assert ElementTree.fromstring(as_xml.content).findtext("stats/message") == status["message"]
        lists = http.get("get-lists.json").json()
        assert (lists["lists_total"], lists["page"]) == (1, {"count": 1, "number": 1})
        leased = http.post("lease-number.json", data={}).json()
        assert http.get("get-number.json", params={"number": leased["number"]}).json() == leased
        wrong = http.post("send-sms.xml", data={"message": "Hi"})
        assert wrong.status_code == 400
        assert ElementTree.fromstring(wrong.content).findtext("error/code") == "FIELD_EMPTY"
        assert http.get("send-sms").status_code == 404
    assert gateway.account.sends[-1].urls == {"dlr": "https://example.com/dlr?id=7&job=spring"}
