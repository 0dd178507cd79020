"""Requests in three forms, answers in two: whatever the form, the content is the same."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from smsdata.simulator import Account, Faults, Gateway, Once, running
from smsdata.simulator.calls import LISTINGS

from .asking import ask, http_client, parameters, small
from .xml_reading import plain, xml_content

TEXT = 'Zoë & <co> 👋\r\nsays "hi";\n100% + more=2'


def _posts(http: httpx.Client, call: str, params: dict[str, Any]) -> list[httpx.Response]:
    """One call as GET, as url-encoded form and as multipart form."""
    return [
        http.get(call, params=params),
        http.post(call, data=params),
        http.post(call, files={name: (None, str(value)) for name, value in params.items()}),
    ]


@pytest.mark.parametrize("path", ["/get-list.json", "/2/get-list.json", "/v2.1/get-list.json"])
def test_requests_in_every_form_and_with_a_version_are_one_request(account: Account, path: str) -> None:
    """GET, url-encoded and multipart; a version part in the path changes nothing."""
    gateway = Gateway(account, limiter=None)
    with http_client(gateway) as http:
        answers = [one.json() for one in _posts(http, path, {"list_id": 3_100_001, "max": 3})]
    assert len(answers[0]["members"]) == 3
    assert answers[0] == answers[1] == answers[2]
    assert len({call.params for call in gateway.calls}) == 1


def test_multipart_keeps_every_character_over_a_real_connection() -> None:
    """Line ends, quotes, signs and emoji come in as they were sent."""
    gateway = Gateway(small(), limiter=None)
    with running(gateway) as base_url, httpx.Client(base_url=base_url, auth=("demo", "demo")) as http:
        _posts(http, "/get-balance.json", {"message": TEXT, "empty": ""})
    assert [call.params for call in gateway.calls] == [(("message", TEXT), ("empty", ""))] * 3


@pytest.mark.parametrize(
    "body", [b"", b"--b", b"--b\r\n\r\nno head\r\n--b--", b"--x\r\nanother\r\n--x--", b"\xff\x00--b--b"]
)
def test_multipart_that_is_none_is_empty(body: bytes) -> None:
    """A broken form brings no parameters, and no crash."""
    gateway = Gateway(small(), limiter=None)
    with http_client(gateway) as http:
        head = {"content-type": "multipart/form-data; boundary=b"}
        answer = http.post("/get-list.json", content=body, headers=head)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "FIELD_EMPTY")


@pytest.mark.parametrize("call", LISTINGS)
def test_xml_has_the_content_of_json(account: Account, call: str) -> None:
    """Every paginated call, read back from XML."""
    gateway, params = Gateway(account, limiter=None), parameters(account)[call] | {"max": 100}
    _, body = ask(gateway, call, **params)
    with http_client(gateway) as http:
        answer = http.get(f"/{call}.xml", params=params)
    assert answer.headers["content-type"] == "application/xml; charset=utf-8"
    assert answer.text.startswith('<?xml version="1.0"?>\n<response>')
    assert xml_content(answer.content, like=body) == plain(body)
    assert body[LISTINGS[call].rows]


def test_xml_has_the_shape_of_the_reference() -> None:
    """Items, empty elements, booleans, and keys as they are."""
    account = small()
    message_id = account.send(61491570156, "Hi")
    account.contacts.add_member(3_100_001, 61491579990, "Ana", "")
    gateway = Gateway(account, limiter=None)
    with http_client(gateway) as http:
        stats = ElementTree.fromstring(http.get(f"/get-sms-stats.xml?message_id={message_id}").content)
        gone = http.get("/delete-from-list.xml?list_id=3100001&msisdn=61491579990").text
        number = http.get("/format-number.xml?msisdn=0491570156&countrycode=AU").text
        sent = http.get(f"/get-sms-sent.xml?message_id={message_id}").text
    assert stats.tag == "response"
    assert {"opt-outs", "recipientCount"} <= {element.tag for element in stats.find("stats") or []}
    assert "<list_ids><item>3100001</item></list_ids>" in gone
    assert "<isValid>true</isValid>" in number
    assert "<first_name/>" in sent
    assert "<optout>false</optout>" in sent
    assert sent.endswith("<error><code>SUCCESS</code><description>OK</description></error></response>")


@pytest.mark.parametrize(
    ("path", "auth", "status", "code"),
    [
        ("/get-list.xml", ("demo", "demo"), 400, "FIELD_EMPTY"),
        ("/get-nothing.xml", ("demo", "demo"), 404, "NOT_IMPLEMENTED"),
        ("/get-list.xml", ("demo", "wrong"), 401, "AUTH_FAILED"),
        ("/get-list.xml", None, 401, "AUTH_FAILED_NO_DATA"),
    ],
)
def test_xml_errors_have_the_status_of_json(
    path: str, auth: tuple[str, str] | None, status: int, code: str
) -> None:
    """An error in XML carries the same code, description and HTTP status."""
    with http_client(Gateway(small(), limiter=None)) as http:
        answers = [http.get(path.replace("xml", suffix), auth=auth or _nobody) for suffix in ("xml", "json")]
    assert {answer.status_code for answer in answers} == {status}
    body = answers[1].json()
    assert body["error"]["code"] == code
    assert xml_content(answers[0].content, like=body) == plain(body)


def _nobody(request: httpx.Request) -> httpx.Request:
    request.headers.pop("authorization", None)
    return request


def test_xml_says_over_limit_too() -> None:
    """Throttling in XML."""
    with http_client(Gateway(small(), clock=lambda: 0.0)) as http:
        statuses = [http.get("/get-balance.xml") for _ in range(3)]
    assert [one.status_code for one in statuses] == [200, 200, 429]
    assert b"<code>OVER_LIMIT</code>" in statuses[2].content


def test_xml_leaves_alone_what_comes_from_a_proxy() -> None:
    """A maintenance page is HTML whatever was asked for."""
    with http_client(Gateway(small(), limiter=None, faults=Faults(script=[Once("html502")]))) as http:
        answer = http.get("/get-balance.xml")
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")


def test_xml_holds_custom_fields_of_any_name() -> None:
    """Names that are no element names, texts with every odd character; what XML cannot hold is U+FFFD."""
    account = small()
    list_id = account.contacts.add_list("Odd", {"field_1": "1st shoe size", "field_2": "a<b", "field_3": "Ü"})
    fields = {"1st shoe size": TEXT, "a<b": "\x00\x1b", "Ü": "ok"}
    account.contacts.add_member(list_id, 61491579990, "\ud83d", "]]>", fields=fields)
    with http_client(Gateway(account, limiter=None)) as http:
        contact = {"list_id": list_id, "msisdn": 61491579990}
        root = ElementTree.fromstring(http.get("/get-contact.xml", params=contact).content)
    assert root.findtext("fields/_1st_shoe_size") == TEXT
    assert root.findtext("fields/a_b") == "\ufffd\ufffd"
    assert root.findtext("fields/Ü") == "ok"
    assert root.findtext("last_name") == "]]>"


def test_xml_content_tells_answers_apart() -> None:
    """The reader that these tests compare with notices a changed value, order, item and key."""
    body = json.loads('{"a": [1, 2], "b": {"c": null, "d": true}, "e": "x"}')
    good = b"<response><a><item>1</item><item>2</item></a><b><c/><d>true</d></b><e>x</e></response>"
    assert xml_content(good, like=body) == plain(body)
    for wrong, right in ((b">2<", b">3<"), (b"<c/>", b"<c>0</c>"), (b"true", b"false"), (b"<e>x</e>", b"")):
        assert xml_content(good.replace(wrong, right), like=body) != plain(body)
    turned = b"<response><b><c/><d>true</d></b><a><item>1</item><item>2</item></a><e>x</e></response>"
    assert xml_content(turned, like=body) != plain(body)
