"""Clients that others wrote and published, unchanged: two npm packages, and the command line of one.

`make npm-clients` installs them in the versions of tests/simulator/npm; the tests reach only loopback.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from smsdata.simulator import Gateway, running

from .asking import small

FOLDER = Path(__file__).with_name("npm")
VERSIONS: dict[str, str] = json.loads((FOLDER / "package.json").read_text())["dependencies"]
NODE = shutil.which("node")
ANA, BO = 61491579990, 61491579991
UNKNOWN = {"message_reply", "get_message_log"}  # calls of the second client that the reference does not have


def missing() -> str:
    """Why these tests cannot run here; empty where they can."""
    if NODE is None:
        return "there is no node"
    for name, version in VERSIONS.items():
        package = FOLDER / "node_modules" / name / "package.json"
        if not package.exists() or json.loads(package.read_text())["version"] != version:
            return f"{name} {version} is not installed: make npm-clients"
    return ""


pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


class Client:
    """A client that runs in node; each call gives what it resolves to, or raises what it rejects with."""

    def __init__(self, name: str, base_url: str) -> None:
        self._process = subprocess.Popen(
            [str(NODE), "ask.cjs", name, base_url], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def call(self, method: str, *args: Any) -> Any:
        result = self._told(method, *args)
        assert "answer" in result, result
        return result["answer"]

    def refused(self, method: str, *args: Any) -> Any:
        result = self._told(method, *args)
        assert "error" in result, result
        return result["error"]

    def _told(self, method: str, *args: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"method": method, "args": args}), file=self._process.stdin, flush=True)
        line: dict[str, Any] = json.loads(self._process.stdout.readline())
        return line

    def close(self) -> None:
        self._process.communicate(timeout=60)


@contextmanager
def using(name: str, gateway: Gateway) -> Iterator[Client]:
    with running(gateway) as base_url:
        client = Client(name, base_url)
        try:
            yield client
        finally:
            client.close()


def gateway_without_throttle() -> Gateway:
    return Gateway(small(reply_rate=0.0), limiter=None)


def test_burstsms_formats_a_number_and_sends_to_it() -> None:
    """What its README shows: the text is there as it was sent; a refusal is its description."""
    gateway = gateway_without_throttle()
    with using("burstsms", gateway) as client:
        number = client.call("formatNumber", "AU", "0491570156")["number"]["international"]
        sent = client.call(
            "send", "Grüße & 👋 + 100%", number, None, None, None, "https://example.com/dlr?id=7"
        )
        assert (sent["recipients"], sent["error"]["code"]) == (1, "SUCCESS")
        assert "message" in client.refused("send", "", number)
        assert "x" * 9 not in client.refused("send", "x" * 613, number)
    send = gateway.account.sends[-1]
    assert (send.message_id, send.text) == (sent["message_id"], "Grüße & 👋 + 100%")
    assert send.urls == {"dlr": "https://example.com/dlr?id=7"}
    assert {call.path for call in gateway.calls} == {"/2/format-number.json", "/2/send-sms.json"}


def test_burstsms_meets_the_throttle_as_a_refusal() -> None:
    """An unpaced client's third call within a second."""
    gateway = Gateway(small(), clock=lambda: 0.0)
    with using("burstsms", gateway) as client:
        for _ in range(2):
            client.call("formatNumber", "AU", "0491570156")
        assert client.refused("formatNumber", "AU", "0491570156") == "Too many calls."


def test_the_command_line_of_burstsms_sends() -> None:
    """Its own settings in the environment name the address."""
    gateway = gateway_without_throttle()
    with running(gateway) as base_url:
        settings = {"burstsms_url": base_url, "burstsms_key": "demo", "burstsms_secret": "demo"}
        words = ["sms", "send", "-m", "From a shell", "-n", f"{ANA}"]
        done = subprocess.run(
            [str(NODE), "node_modules/burstsms/bin/cli.js", *words],
            cwd=FOLDER, env=os.environ | settings, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert "Message Sent!" in done.stdout
    assert [send.text for send in gateway.account.sends] == ["From a shell"]


def test_transmitsms_node_sdk_works_a_day() -> None:
    """Lists, contacts, sends, receipts, replies, numbers, keywords, e-mail: each of its calls."""
    gateway = gateway_without_throttle()
    account = gateway.account
    with using("transmitsms-node-sdk", gateway) as client:
        assert client.call("get_balance")["currency"] == "AUD"
        assert client.call("format_number", {"msisdn": "0491570156", "countrycode": "AU"})["number"][
            "isValid"
        ]
        list_id = client.call("add_list", {"name": "Väter & Söhne", "field_1": "Town"})["id"]
        for mobile, name in ((ANA, "Ana"), (BO, "Bo\nB.")):
            about = {"list_id": list_id, "msisdn": mobile}
            assert client.call("add_to_list", about | {"first_name": name})["first_name"] == name
        assert client.call("edit_list_member", about | {"field_1": "Köln"})["fields"] == {"Town": "Köln"}
        sent = client.call("send", {"list_id": list_id, "message": "Hi [firstname] from [Town] 👋"})
        assert (sent["recipients"], sent["list"]["id"]) == (2, list_id)
        account.advance(hours=80)
        account.reply(sent["message_id"], ANA, "Yes")
        about_send = {"message_id": sent["message_id"]}
        assert client.call("get_sms", about_send)["recipients"] == 2
        assert client.call("get_sms_stats", about_send)["stats"]["recipientCount"] == 2
        recipients = client.call("get_sms_sent", about_send)["recipients"]
        assert {row["msisdn"] for row in recipients} == {ANA, BO}
        assert client.call("get_sms_responses", about_send)["responses"][0]["response"] == "Yes"
        assert client.call("get_user_sms_responses")["total"] == 1
        later = client.call(
            "send", {"to": f"{ANA},{BO}", "message": "Later", "send_at": "2026-12-24 18:00:00"}
        )
        assert client.call("cancel_sms", {"id": later["message_id"]})["success"] == "OK"
        assert client.call("optout_list_member", {"list_id": list_id, "msisdn": ANA})["list_ids"] == [list_id]
        assert client.refused("add_to_list", {"list_id": list_id, "msisdn": ANA})["error"]["code"] == "OPTOUT"
        assert client.call("delete_from_list", about)["list_ids"] == [list_id]
        assert client.call("get_list", {"list_id": list_id})["members"] == []
        assert client.call("get_lists")["lists_total"] == 2
        assert client.call("remove_list", {"list_id": list_id})["error"]["code"] == "SUCCESS"
        leased = client.call("lease_number")["number"]
        assert client.call("get_number", {"number": leased})["number"] == leased
        assert client.call("get_numbers", {"filter": "owned"})["numbers_total"] == 4
        word = {"keyword": "SPRING", "number": leased}
        assert client.call("add_keyword", word)["status"] == "open"
        assert client.call("edit_keyword", word | {"reference": "Door"})["reference"] == "Door"
        assert client.call("get_keywords")["keywords_total"] == 4
        assert client.call("add_email", {"email": "ana@example.com"})["success"] is True
        assert client.call("delete_email", {"email": "ana@example.com"})["success"] is True
    assert {call.status for call in gateway.calls} == {200, 400}
    assert sum(call.status == 400 for call in gateway.calls) == 1  # the opted-out contact


def test_transmitsms_node_sdk_reads_and_makes_clients_of_a_reseller() -> None:
    """What it asks that the reference does not have is refused as it would be there: PUT, and two calls."""
    with using("transmitsms-node-sdk", gateway_without_throttle()) as client:
        pages = {"page": 1, "max": 10}
        (first, *_) = client.call("get_clients", pages)["clients"]
        assert client.call("get_client", {"client_id": first["id"]})["name"] == first["name"]
        span = {"client_id": first["id"], "start": "2026-01-01", "end": "2026-12-01"}
        (entry, *_) = client.call("get_transactions", span | pages)["transactions"]
        assert client.call("get_transaction", {"id": entry["id"]})["amount"] == entry["amount"]
        details = {"name": "Neu", "email": "neu@example.com", "password": "p", "msisdn": f"{ANA}"}
        made = client.call("add_client", details)
        refused = client.refused("edit_client", {"client_id": made["id"], "name": "Alt"})
        assert refused["error"]["code"] == "NOT_IMPLEMENTED"
        for method in sorted(UNKNOWN):
            assert client.refused(method, {"message_id": 1})["error"]["code"] == "NOT_IMPLEMENTED"
