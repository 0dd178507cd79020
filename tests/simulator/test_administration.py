"""Calls that make lists, import contacts, and administer numbers, keywords, addresses and clients."""

from __future__ import annotations

import base64
import copy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from smsdata.simulator import Account, Gateway, shipped_parameters

from .asking import ask, code, read, small

SENDER = 61491570110
FREE = 61491570006
ANA = 61491579990


def gateway_of(**more: Any) -> Gateway:
    """A gateway of a small account."""
    return Gateway(small(**more), limiter=None)


@pytest.mark.parametrize(
    ("call", "params", "expected"),
    [
        ("add-list", {}, "MISSING_PARAM name"),
        ("add-list", {"name": " "}, "MISSING_PARAM name"),
        ("add-list", {"name": "Customers"}, "KEY_EXISTS "),
        ("remove-list", {}, "FIELD_EMPTY list_id"),
        ("remove-list", {"list_id": 9}, "NOT_FOUND "),
        ("add-field-to-list", {"list_id": 3_100_001}, "FIELD_EMPTY field_1"),
        ("add-field-to-list", {"list_id": 3_100_001, "field_1": "Town"}, "KEY_EXISTS field_1"),
        ("add-field-to-list", {"list_id": 9, "field_1": "Town"}, "NOT_FOUND "),
        ("add-contacts-bulk", {"list_id": 3_100_001}, "FIELD_EMPTY file_url"),
        ("add-contacts-bulk", {"file_url": "data:,a"}, "FIELD_EMPTY list_id"),
        ("add-contacts-bulk", {"file_url": "data:,a", "list_id": 9}, "NOT_FOUND "),
        ("add-contacts-bulk", {"file_url": "data:,a", "name": "Customers"}, "KEY_EXISTS "),
        ("add-contacts-bulk-progress", {"list_id": 3_100_001}, "NOT_FOUND "),
        ("add-contacts-bulk-progress", {}, "FIELD_EMPTY list_id"),
        ("get-number", {}, "FIELD_EMPTY number"),
        ("get-number", {"number": FREE}, "FIELD_INVALID number"),
        ("lease-number", {"number": SENDER}, "KEY_EXISTS "),
        ("lease-number", {"number": 61491570157}, "NOT_FOUND "),
        ("lease-number", {"number": FREE, "forward_url": "x"}, "FIELD_INVALID forward_url"),
        ("edit-number-options", {"number": FREE}, "FIELD_INVALID number"),
        ("edit-number-options", {"number": SENDER, "list_id": 9}, "NOT_FOUND "),
        ("edit-number-options", {"number": SENDER, "forward_email": "x"}, "FIELD_INVALID forward_email"),
        ("edit-number-options", {"number": SENDER, "forward_sms": "x"}, "FIELD_INVALID forward_sms"),
        ("add-keyword", {"number": SENDER}, "FIELD_EMPTY keyword"),
        ("add-keyword", {"keyword": "SALE"}, "FIELD_EMPTY number"),
        ("add-keyword", {"keyword": "join", "number": SENDER}, "KEY_EXISTS "),
        ("add-keyword", {"keyword": "two words", "number": SENDER}, "FIELD_INVALID keyword"),
        ("add-keyword", {"keyword": "SALE", "number": FREE}, "FIELD_INVALID number"),
        ("edit-keyword", {"keyword": "SALE", "number": SENDER}, "NOT_FOUND "),
        ("edit-keyword", {"keyword": "JOIN", "number": SENDER, "status": "ajar"}, "FIELD_INVALID status"),
        ("add-email", {}, "FIELD_EMPTY email"),
        ("add-email", {"email": "nobody"}, "FIELD_INVALID email"),
        ("add-email", {"email": "a*@example.com"}, "FIELD_INVALID email"),
        ("add-email", {"email": "a@example.com", "max_sms": 5}, "FIELD_INVALID max_sms"),
        ("add-email", {"email": "a@example.com", "number": FREE}, "FIELD_INVALID number"),
        ("delete-email", {"email": "a@example.com"}, "NOT_FOUND "),
        ("get-client", {}, "FIELD_EMPTY client_id"),
        ("get-client", {"client_id": 5}, "NO_ACCESS "),
        ("add-client", {"name": "N", "email": "n@example.com", "password": "p"}, "FIELD_EMPTY msisdn"),
        ("edit-client", {"client_id": 70_001, "email": "client1@example.com"}, "KEY_EXISTS email"),
        ("edit-client", {"client_id": 70_001, "email": "x"}, "FIELD_INVALID email"),
        ("edit-client", {"client_id": 70_001, "timezone": "Mars/X"}, "FIELD_INVALID timezone"),
        ("edit-client", {"client_id": 70_001, "sms_margin": "-1"}, "FIELD_INVALID sms_margin"),
        ("edit-client", {"client_id": 5}, "NO_ACCESS "),
        ("get-transaction", {}, "FIELD_EMPTY id"),
        ("get-transaction", {"id": 5}, "NOT_FOUND "),
    ],
)
def test_errors_of_administration_are_documented(call: str, params: dict[str, Any], expected: str) -> None:
    """HTTP 400, the code, the field's name; nothing is changed."""
    gateway = gateway_of()
    status, body = ask(gateway, call, **params)
    wanted, _, field = expected.partition(" ")
    assert (status, body["error"]["code"]) == (400, wanted)
    assert field in body["error"]["description"]
    assert gateway.applied == []


@pytest.mark.parametrize("call", ["get-client", "add-client", "edit-client", "get-transaction"])
def test_calls_about_one_client_need_a_reseller(call: str) -> None:
    """NO_ACCESS for everybody else, whatever is asked."""
    gateway = Gateway(small(), limiter=None, reseller=False)
    assert code(gateway, call, client_id=70_001, id=88_000_001) == "NO_ACCESS"


# -- lists ---------------------------------------------------------------------------------------------------


def test_add_list_and_its_fields() -> None:
    """A list is made, widened, filled and removed; both shapes of fields."""
    gateway = gateway_of()
    made = ask(gateway, "add-list", name="New", field_1="Town", field_2="Size")[1]
    list_id = made["id"]
    assert made == {
        "id": list_id, "name": "New", "created": "2026-11-22 00:00:00", "members_active": 0,
        "fields": {"field_1": "Town", "field_2": "Size"}, "error": made["error"],
    }  # fmt: skip
    array = ask(gateway, "add-list", name="Array", field_1="Town", response_style="array")[1]
    assert array["fields"] == [{"name": "field_1", "value": "Town"}]
    widened = ask(gateway, "add-field-to-list", list_id=list_id, field_4="Hat")[1]
    assert (widened["custom_4"], widened["id"]) == ("Hat", list_id)
    more = ask(gateway, "add-field-to-list", list_id=list_id, field_5="Shoe", response_style="array")[1]
    assert more["fields"] == [{"name": "custom_5", "value": "Shoe"}]
    contact = ask(gateway, "add-to-list", list_id=list_id, msisdn=ANA, field_4="large")[1]
    assert contact["fields"] == {"Hat": "large"}
    edited = ask(gateway, "edit-list-member", list_id=list_id, msisdn=ANA, firstname="Ana", field_5="39")[1]
    assert (edited["first_name"], edited["fields"]) == (None, {"Hat": "large", "Shoe": "39"})
    assert code(gateway, "remove-list", list_id=list_id) == "SUCCESS"
    assert code(gateway, "get-list", list_id=list_id) == "NOT_FOUND"
    assert list_id not in [row["id"] for row in read(gateway, "get-lists")]


CSV = (
    "Firstname,Lastname,Mobile,Town\r\n"
    'Ana,"Ng, Dr.",0491579990,"Köln\r\nam Rhein"\r\n'
    "Bo,,61491579991\r\n"
    "Bo,again,61491579991,\r\n"
    "Out,,61491579992,\r\n"
    "Bad,,12,\r\n"
    "Short\r\n"
)  # fmt: skip


def _progress(gateway: Gateway, list_id: int) -> dict[str, Any]:
    body = ask(gateway, "add-contacts-bulk-progress", list_id=list_id)[1]
    del body["error"]
    return body


WANTED = {
    "status": "completed", "importlength": 6, "completed": 6, "duplicates": 1, "skipped": 2, "optout": 1,
    "imported": 2,
}  # fmt: skip


def _importing() -> tuple[Account, Gateway]:
    account = small(goo=True)
    account.contacts.add_member(3_100_001, 61491579992)
    account.contacts.optout_member(61491579992)
    return account, Gateway(account, limiter=None)


def test_import_is_worked_off_on_the_clock_and_counts_each_line() -> None:
    """Taken at once, done a second later; the heading is no line, quoted line ends stay."""
    account, gateway = _importing()
    file = "data:text/csv;base64," + base64.b64encode(CSV.encode()).decode()
    taken = ask(gateway, "add-contacts-bulk", name="Import", file_url=file, field_1="Town", countrycode="AU")
    assert list(taken[1]) == ["list_id", "error"]
    list_id = taken[1]["list_id"]
    assert _progress(gateway, list_id) == dict.fromkeys(WANTED, 0) | {
        "status": "in progress", "importlength": 6,
    }  # fmt: skip
    account.advance(1)
    assert _progress(gateway, list_id) == WANTED
    ana, bo = (
        ask(gateway, "get-contact", list_id=list_id, msisdn=number)[1] for number in (ANA, 61491579991)
    )
    assert (ana["first_name"], ana["last_name"]) == ("Ana", "Ng, Dr.")
    assert ana["fields"] == {"Town": "Köln\r\nam Rhein"}
    assert bo["fields"] == []


def test_a_large_import_takes_its_time_also_in_a_copy_of_the_account() -> None:
    """So many lines a second; what is left goes on in the original and in the copy."""
    lines = "".join(f"A,B,{61491572000 + number}%0A" for number in range(501))
    gateway = gateway_of()
    list_id = ask(gateway, "add-contacts-bulk", name="Many", file_url="data:," + lines)[1]["list_id"]
    gateway.account.advance(1)
    half = _progress(gateway, list_id)
    assert (half["status"], half["completed"], half["imported"]) == ("in progress", 500, 500)
    other = Gateway(copy.deepcopy(gateway.account), limiter=None)
    other.account.advance(1)
    assert _progress(other, list_id) == half | {"status": "completed", "completed": 501, "imported": 501}
    assert _progress(gateway, list_id) == half


def test_an_import_is_as_fast_as_the_file_of_parameters_says() -> None:
    """Two lines a second."""
    gateway = gateway_of(parameters=shipped_parameters().changed({"lists": {"imported_a_second": 2}}))
    lines = "".join(f"A,B,{61491572000 + number}%0A" for number in range(5))
    list_id = ask(gateway, "add-contacts-bulk", name="Slow", file_url="data:," + lines)[1]["list_id"]
    seen = []
    for _ in range(3):
        gateway.account.advance(1)
        seen.append((_progress(gateway, list_id)["status"], _progress(gateway, list_id)["imported"]))
    assert seen == [("in progress", 2), ("in progress", 4), ("completed", 5)]


@contextmanager
def _files(status: int, body: bytes) -> Iterator[str]:
    """A server on this machine with one file."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Location", "http://198.51.100.1/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/people.csv?v=1"
        server.shutdown()
        thread.join()


def test_import_reads_a_file_of_this_machine() -> None:
    """Over http on the loopback."""
    account, gateway = _importing()
    with _files(200, CSV.encode("utf-8-sig")) as url:
        list_id = ask(gateway, "add-contacts-bulk", name="Here", file_url=url, countrycode="AU")[1]["list_id"]
    account.advance(1)
    assert _progress(gateway, list_id) == WANTED


@pytest.mark.parametrize("status", [404, 302, 500])
def test_import_of_a_file_that_is_not_there_fails(status: int) -> None:
    """The job is taken and fails; a redirect is not followed."""
    gateway = gateway_of()
    with _files(status, b"no") as url:
        assert code(gateway, "add-contacts-bulk", list_id=3_100_001, file_url=url) == "SUCCESS"
    gateway.account.advance(1)
    assert _progress(gateway, 3_100_001)["status"] == "failed"


@pytest.mark.parametrize("url", ["data:nothing", "data:;base64,%%%", "http://127.0.0.1:9/none.csv"])
def test_import_of_what_is_no_file_fails(url: str) -> None:
    """A broken address or a closed port: taken, failed."""
    gateway = gateway_of()
    assert code(gateway, "add-contacts-bulk", list_id=3_100_001, file_url=url) == "SUCCESS"
    assert _progress(gateway, 3_100_001)["status"] == "failed"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.csv", "http://198.51.100.7/a.csv", "ftp://127.0.0.1/a", "file:///etc/hosts",
        "http://127.0.0.1@198.51.100.7/", "//127.0.0.1/a", "http://[::1", "http://127.0.0.1:port/", "a",
    ],
)  # fmt: skip
def test_import_reaches_nothing_but_this_machine(url: str) -> None:
    """Any other address is refused at once, and no list is made for it."""
    gateway = gateway_of()
    before = len(gateway.account.contacts.lists)
    status, body = ask(gateway, "add-contacts-bulk", name="Far", file_url=url)
    assert (status, body["error"]["code"]) == (400, "FIELD_INVALID")
    assert "file_url" in body["error"]["description"]
    assert len(gateway.account.contacts.lists) == before


# -- numbers, keywords, addresses ----------------------------------------------------------------------------


def test_lease_number_takes_the_one_asked_for_or_the_first_that_is_free() -> None:
    """It moves from the available to the owned ones, until none is free."""
    gateway = gateway_of()
    leased = ask(gateway, "lease-number", number=447700900111)[1]
    assert list(leased) == ["number", "price", "auto_renew", "next_charge", "status", "error"]
    assert (leased["status"], leased["next_charge"]) == ("active", "2026-12-22")
    assert ask(gateway, "get-number", number=447700900111)[1] == leased
    assert ask(gateway, "lease-number", forward_url="https://example.com/in")[1]["number"] == FREE
    assert read(gateway, "get-numbers", filter="available") == []
    assert len(read(gateway, "get-numbers")) == 5
    assert code(gateway, "lease-number") == "NOT_FOUND"
    assert code(gateway, "send-sms", to=ANA, message="Hi", **{"from": FREE}) == "SUCCESS"


def test_number_options_act_on_texts_that_are_no_keyword() -> None:
    """Who texts the number joins its list and is greeted; who is on it gets the other words."""
    gateway = gateway_of(reply_rate=0.0)
    account = gateway.account
    account.keyword_rules.on = True
    options = {"list_id": 3_100_001, "welcome_message": "Hello!", "members_message": "Again?"}
    assert code(gateway, "edit-number-options", number=SENDER, **options) == "SUCCESS"
    account.inbound(447700900999, "anything", longcode=str(SENDER))
    account.inbound(447700900999, "more", longcode=str(SENDER))
    assert [send.text for send in account.sends] == ["Hello!", "Again?"]
    assert code(gateway, "edit-number-options", number=SENDER, list_id=0, welcome_message="") == "SUCCESS"
    account.inbound(447700900999, "quiet", longcode=str(SENDER))
    assert len(account.sends) == 2


def test_keywords_are_added_changed_and_acted_on() -> None:
    """A row of get-keywords; open or closed; members_message in, member_message out."""
    gateway = gateway_of()
    account = gateway.account
    account.keyword_rules.on = True
    options = {
        "reference": "Spring", "list_id": 3_100_001, "welcome_message": "In!", "members_message": "Twice?",
        "forward_email": "owner@example.com", "forward_url": "https://example.com/k", "forward_sms": str(ANA),
    }  # fmt: skip
    added = ask(gateway, "add-keyword", keyword="sale", number=SENDER, **options)[1]
    row = read(gateway, "get-keywords", number=SENDER)[-1]
    assert added == row | {"error": added["error"]}
    assert row == {
        "keyword": "SALE", "reference": "Spring", "number": SENDER, "list_id": 3_100_001,
        "welcome_message": "In!", "member_message": "Twice?", "forward_url": "https://example.com/k",
        "forward_sms": str(ANA), "forward_email": "owner@example.com", "status": "open", "billing_date": None,
    }  # fmt: skip
    account.inbound(447700900999, "Sale please", longcode=str(SENDER))
    assert [send.text for send in account.sends] == ["In!", "Sale please"]
    closed = ask(gateway, "edit-keyword", keyword="SALE", number=SENDER, status="closed", reference="")[1]
    assert (closed["status"], closed["reference"], closed["welcome_message"]) == ("closed", None, "In!")
    account.inbound(447700900998, "SALE", longcode=str(SENDER))
    assert len(account.sends) == 2
    assert ask(gateway, "add-keyword", keyword="LATER", number=SENDER, activate="no")[1]["status"] == "closed"


def test_addresses_that_send_by_email_come_and_go() -> None:
    """One address or a whole domain; once each, whatever the case."""
    gateway = gateway_of()
    assert ask(gateway, "add-email", email="Ana@example.com", max_sms=4, number=SENDER)[1]["success"] is True
    assert ask(gateway, "add-email", email="*@example.com")[1]["success"] is True
    assert code(gateway, "add-email", email="ana@example.com") == "KEY_EXISTS"
    assert gateway.account.state.emails == {
        "ana@example.com": {"max_sms": 4, "number": SENDER}, "*@example.com": {"max_sms": 1, "number": None},
    }  # fmt: skip
    assert ask(gateway, "delete-email", email="*@example.com")[1]["success"] is True
    assert code(gateway, "delete-email", email="*@example.com") == "NOT_FOUND"


# -- resellers -----------------------------------------------------------------------------------------------


def test_clients_are_read_made_and_changed() -> None:
    """The same keys in the same order as a row of get-clients; a password is never kept."""
    gateway = gateway_of()
    first = read(gateway, "get-clients")[0]
    one = ask(gateway, "get-client", client_id=70_001)[1]
    assert one == first | {"error": one["error"]}
    details = {"name": "Neu", "email": "neu@example.com", "msisdn": "0491570157", "countrycode": "AU"}
    made = ask(gateway, "add-client", password="secret-word", client_pays="no", sms_margin="0.03", **details)[
        1
    ]
    assert list(made) == [*first, "error"]
    assert (made["msisdn"], made["client_pays"], made["sms_margin"]) == ("61491570157", False, 0.03)
    assert made["created"] == "2026-11-22 00:00:00"
    assert "secret-word" not in str(gateway.account.state.clients)
    assert code(gateway, "add-client", password="p", **details) == "KEY_EXISTS"
    edited = ask(gateway, "edit-client", client_id=made["id"], contact="Ana", timezone="Europe/Berlin")[1]
    assert edited == made | {"contact": "Ana", "timezone": "Europe/Berlin"}
    assert read(gateway, "get-clients")[-1]["contact"] == "Ana"
    assert read(gateway, "get-transactions", client_id=made["id"]) == []


def test_a_client_logs_in_with_its_own_key_and_sees_its_own_account() -> None:
    """Each has a throttle of its own, and none is a reseller; a new client has nothing yet."""
    gateway = Gateway(small(), rate=2.0, clock=lambda: 0.0)
    details = {"name": "Neu", "email": "neu@example.com", "msisdn": "61491570157"}
    new = ask(gateway, "add-client", password="p", **details)[1]
    first = read(gateway, "get-clients")[0]
    assert ask(gateway, "get-balance")[0] == 429

    def as_client(client: dict[str, Any], call: str) -> tuple[int, dict[str, Any]]:
        word = base64.b64encode(f"{client['apikey']}:{client['apisecret']}".encode()).decode()
        answer = gateway.respond("GET", f"/{call}.json", (), {"authorization": f"Basic {word}"})
        return answer.status, json.loads(answer.body)

    assert as_client(first, "get-lists")[1]["lists_total"] == first["total_lists"]
    assert as_client(first, "get-clients")[1]["error"]["code"] == "NO_ACCESS"
    assert as_client(first, "get-balance")[0] == 429
    assert as_client(new, "get-lists")[1]["lists_total"] == 0
    assert as_client(new | {"apisecret": "wrong"}, "get-lists")[1]["error"]["code"] == "AUTH_FAILED"
    gateway.account.advance(hours=5)  # the clock is that of all
    word = base64.b64encode(f"{new['apikey']}:{new['apisecret']}".encode()).decode()
    added = gateway.respond(
        "POST", "/add-list.json", [("name", "People")], {"authorization": f"Basic {word}"}
    )
    assert json.loads(added.body)["created"] == "2026-11-22 05:00:00"


def test_get_transaction_is_a_row_of_get_transactions() -> None:
    """By its id alone."""
    gateway = gateway_of()
    row = read(gateway, "get-transactions", client_id=70_002)[2]
    one = ask(gateway, "get-transaction", id=row["id"])[1]
    assert one == row | {"error": one["error"]}
