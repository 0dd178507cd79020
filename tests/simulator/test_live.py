"""The twin as it lives: keywords act, people text when they are told to, time passes, calls go out."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from smsdata.simulator import Account, Gateway, running
from smsdata.simulator.clock import END
from smsdata.simulator.courier import carry
from smsdata.simulator.outbox import OutgoingCall

from .asking import ask, noted, small

SENDER, SHOP = "61491570110", "61491570313"
MIA = 447700900999


def texts(account: Account) -> list[tuple[str, str, int]]:
    """Sender, text and recipient of each send of one message."""
    numbers = account.recipients["msisdn"]
    return [(send.sender, send.text, int(numbers[send.rows[0]])) for send in account.sends]


def listening(**arguments: Any) -> Account:
    account = small(lists=2, **arguments)
    account.keyword_rules.on = True
    return account


# ---- keywords --------------------------------------------------------------------------------------------


def test_a_keyword_joins_a_list_greets_once_and_forwards() -> None:
    account = listening()
    forwarded = noted(account)
    account.inbound(MIA, "join please")
    member = account.contacts.lists[3_100_001].find(MIA)
    assert member is not None
    assert member.status == "active"
    account.inbound(MIA, "JOIN")
    assert texts(account) == [(SENDER, "Welcome!", MIA), (SENDER, "You are in.", MIA)]
    assert [send.type for send in account.sends] == ["keyword", "keyword"]
    assert [(address, text) for _, address, text in account.keyword_rules.emails] == [
        ("owner@example.com", "join please"), ("owner@example.com", "JOIN"),
    ]  # fmt: skip
    assert [call.kind for call in forwarded] == ["forward", "forward"]
    assert urlsplit(forwarded[0].url).netloc == "example.com"
    told = dict(forwarded[0].pairs)
    assert (told["response"], told["keyword"], told["mobile"]) == ("join please", "JOIN", str(MIA))


def test_a_keyword_holds_on_its_own_number_and_while_it_is_active() -> None:
    account = listening()
    account.inbound(MIA, "JOIN", longcode=SHOP)  # there it is inactive
    account.inbound(MIA, "WIN")  # that one is of another number
    account.inbound(MIA, "", longcode=SENDER)
    assert (texts(account), account.contacts.lists[3_100_001].find(MIA)) == ([], None)
    account.state.keywords[2]["status"] = "open"
    account.inbound(MIA, "join", longcode=SHOP)
    assert texts(account) == [
        (SHOP, "Hallo 👋", MIA), (SHOP, "join", 61491570156),  # greeted, and forwarded as a text
    ]  # fmt: skip


def test_whoever_opted_out_is_not_joined_and_not_greeted() -> None:
    account = listening()
    send = account.send(MIA)
    account.reply(send, MIA, "STOP")
    account.inbound(MIA, "JOIN")
    assert account.contacts.lists[3_100_001].find(MIA) is None
    assert len(account.sends) == 1


def test_a_number_without_a_keyword_follows_its_own_rule() -> None:
    account = listening()
    account.state.numbers[1].update(list_id=3_100_002, welcome_message="Hello", members_message="Again")
    account.inbound(MIA, "anything", longcode=SHOP)
    account.inbound(MIA, "anything", longcode=SHOP)
    assert [text for _, text, _ in texts(account)] == ["Hello", "Again"]
    assert account.contacts.lists[3_100_002].find(MIA)


def test_keywords_rest_unless_switched_on() -> None:
    account = small(lists=2)
    account.inbound(MIA, "JOIN")
    assert (texts(account), account.keyword_rules.emails) == ([], [])


# ---- a person texts --------------------------------------------------------------------------------------


def control(gateway: Gateway, name: str = "inbound", method: str = "POST", **params: Any) -> dict[str, Any]:
    pairs = [(key, str(value)) for key, value in params.items()]
    answer = gateway.respond(method, f"/__twin/{name}", pairs, {})
    body: dict[str, Any] = json.loads(answer.body)
    return body | {"status": answer.status}


def test_inbound_makes_a_person_answer_the_last_message() -> None:
    account = small(reply_rate=0.0)
    gateway = Gateway(account, limiter=None)
    account.send(MIA, "first")
    account.advance(60)
    second = account.send(MIA, "second")
    account.send(MIA, "from a name", sender="Acme")
    other = account.send(MIA, "from the shop", sender=SHOP)
    account.advance(60)
    done = control(gateway, mobile=MIA, response="Yes", longcode=SENDER)
    assert (done["status"], done["message_id"], done["longcode"]) == (200, second, SENDER)
    assert control(gateway, mobile=MIA, response="Yes")["message_id"] == other
    assert control(gateway, mobile=MIA, response="Yes", message_id=second)["message_id"] == second
    listed = ask(gateway, "get-sms-responses", message_id=second)[1]["responses"]
    assert [row["response"] for row in listed] == ["Yes", "Yes"]
    assert account.state.sent.send_of(second).responses == 2


def test_advance_lets_hours_pass_and_what_is_due_happens() -> None:
    account = small(reply_rate=0.0)
    gateway = Gateway(account, limiter=None)
    account.send(MIA, "hello")
    begun = account.now
    due = account.state.clock.later
    happened: list[int] = []
    due(begun + 3600, lambda at: happened.append(at))
    done = control(gateway, "advance", hours=2)
    assert (done["status"], account.now - begun, happened) == (200, 7200, [begun + 3600])
    assert done["now"] == f"{account.time:%Y-%m-%d %H:%M:%S}"
    for hours in ("0", "-1", "1.5", "999999999"):
        assert control(gateway, "advance", hours=hours)["status"] == 400
    assert account.now - begun == 7200
    account.advance(END - account.now - 3600)
    refused = control(gateway, "advance", hours=2)
    assert (refused["status"], refused["error"]["description"][:6]) == (400, "hours:")
    assert control(gateway, "advance", hours=1)["now"] == "9000-01-01 00:00:00"


def test_inbound_of_a_stranger_answers_nothing_and_stop_opts_out() -> None:
    account = small()
    gateway = Gateway(account, limiter=None)
    done = control(gateway, mobile="0491 570 156", countrycode="AU", response="Hello?")
    assert (done["message_id"], done["longcode"]) == (0, SENDER)
    assert account.state.inbox.replies[-1].msisdn == 61491570156
    send = account.send(MIA)
    control(gateway, mobile=MIA, response="STOP")
    assert ask(gateway, "get-sms-stats", message_id=send)[1]["stats"]["opt-outs"] == 1


def test_a_stop_that_answers_nothing_opts_nobody_out() -> None:
    """It comes in and is told as an opt-out; the next message goes out, Global Opt Out or not."""
    account = small(goo=True)
    gateway, calls = Gateway(account, limiter=None), noted(account)
    account.outbox.set(reply="http://127.0.0.1:1/")
    assert control(gateway, mobile=MIA, response="STOP")["message_id"] == 0
    assert dict(calls[0].pairs)["is_optout"] == "yes"
    assert ask(gateway, "send-sms", to=MIA, message="Hi")[1]["recipients"] == 1


def test_a_keyword_is_told_also_of_a_text_that_answers_a_send() -> None:
    """Who was written to from that number texts the keyword all the same; 0 says that it answers nothing."""
    account = small()
    gateway = Gateway(account, limiter=None)
    assert ask(gateway, "add-keyword", keyword="HI", number=SENDER)[0] == 200
    assert ask(gateway, "send-sms", message="hello", to=MIA, **{"from": SENDER})[0] == 200
    account.advance(hours=1)
    answering = control(gateway, mobile=MIA, response="hi there", longcode=SENDER)
    alone = control(gateway, mobile=MIA, response="HI", longcode=SENDER, message_id=0)
    assert answering["message_id"] > 0
    assert alone["message_id"] == 0
    found = ask(gateway, "get-sms-responses", keyword="HI", number=SENDER)[1]["responses"]
    assert {row["id"] for row in found} == {answering["response_id"], alone["response_id"]}
    kept = [ask(gateway, "get-user-sms-responses", keywords=some)[1]["total"] for some in ("only", "omit")]
    assert kept == [2, 0]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"message_id": "named"}, "message_id"), ({"longcode": "Acme"}, "longcode"),
        ({"longcode": "61491570006"}, "longcode"), ({"message_id": "numbered", "longcode": SHOP}, "longcode"),
    ],
)  # fmt: skip
def test_inbound_refuses_to_answer_a_name_and_a_number_of_nobody(more: dict[str, str], field: str) -> None:
    """FIELD_INVALID with the reason; nothing comes in, and what is listed can be read."""
    account = small(reply_rate=0.0)
    gateway = Gateway(account, limiter=None)
    sends = {"named": account.send(MIA, sender="Acme"), "numbered": account.send(MIA, sender=SENDER)}
    account.advance(60)
    given: dict[str, Any] = {name: sends.get(value, value) for name, value in more.items()}
    done = control(gateway, mobile=MIA, response="Yes", **given)
    assert (done["status"], done["error"]["code"]) == (400, "FIELD_INVALID")
    assert done["error"]["description"].startswith(field)
    assert "name" in done["error"]["description"] or "number" in str(more)
    assert ask(gateway, "get-user-sms-responses")[1]["responses"] == []
    for act in (
        lambda: account.reply(sends["named"], MIA, "Yes"),
        lambda: account.inbound(MIA, "Yes", longcode="Acme"),
    ):
        with pytest.raises(ValueError, match="Acme"):
            act()
    assert account.state.inbox.replies == []


def test_inbound_refuses_what_makes_no_sense() -> None:
    account = small()
    gateway = Gateway(account, limiter=None)
    send = account.send(MIA)
    assert control(gateway)["error"]["code"] == "FIELD_EMPTY"
    assert control(gateway, mobile=MIA, message_id=7)["error"]["code"] == "NOT_FOUND"
    assert control(gateway, mobile=61491570156, message_id=send)["error"]["code"] == "NOT_FOUND"
    for wrong in (control(gateway, "other"), control(gateway, method="GET", mobile=MIA)):
        assert (wrong["status"], wrong["error"]["code"]) == (404, "NOT_IMPLEMENTED")
    assert not account.state.inbox.replies


# ---- time, and calls that go out -------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [-1, float("nan"), float("inf"), 1e30, 100_001])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed lies between 0 and 100,000"):
        Gateway(small(), speed=speed)


@pytest.mark.parametrize("now", ["0001-01-01", "1999-12-31T23:59:59Z", "2100-01-01", "9999-12-31"])
def test_an_account_stands_in_years_that_providers_see(now: str) -> None:
    with pytest.raises(ValueError, match="between the years 2000 and 2099"):
        Account(now=now)


def test_the_clock_ends_where_instants_do() -> None:
    """At its speed it stands there, and answers go on; told to go beyond, it refuses."""
    seconds = [0.0]
    account = small(now="2099-12-31T23:59:59Z")
    gateway = Gateway(account, limiter=None, speed=100_000, clock=lambda: seconds[0])
    seconds[0] = 1e9
    assert ask(gateway, "get-balance")[0] == 200
    assert (account.now, f"{account.time:%Y-%m-%d}") == (END, "9000-01-01")
    with pytest.raises(ValueError, match="ends with the year 8999"):
        account.advance(1)


def test_speed_lets_an_hour_pass_in_a_second() -> None:
    seconds = [100.0]
    account = small()
    gateway = Gateway(account, limiter=None, speed=3600, clock=lambda: seconds[0])
    began, calls = account.now, noted(account, answered=False)
    account.outbox.set(reply="http://127.0.0.1:1/")
    account.inbound(MIA, "Hello?")
    for passed, tries in ((0.5, 3), (0.5, 3), (0.25, 4), (24.0, 5), (100.0, 5)):
        seconds[0] += passed
        gateway.tick()
        assert len(calls) == tries
    assert account.now - began == int(125.25 * 3600)
    assert [call.at - began for call in calls] == [0, 60, 360, 3_960, 90_360]


class Heard:
    """A plain HTTP server that notes what it is asked; `after` calls makes `enough` come true."""

    def __init__(self, statuses: list[int], after: int) -> None:
        self.calls: list[tuple[str, str, str, str | None]] = []
        self.enough = threading.Event()
        heard = self

        class Handler(BaseHTTPRequestHandler):
            def _take(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                number = len(heard.calls)
                sent = self.headers.get("X-TransmitSMS-Signature")
                heard.calls.append((self.command, self.path, body, sent))
                self.send_response(statuses[min(number, len(statuses) - 1)])
                self.end_headers()
                if len(heard.calls) >= after:
                    heard.enough.set()

            do_GET = do_POST = _take

            def log_message(self, *_args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @contextmanager
    def serving(self) -> Iterator[str]:
        thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{self.server.server_address[1]}"
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()


def test_a_served_twin_calls_and_comes_again_by_itself() -> None:
    """Nobody asks it anything: its own clock lets the minute pass."""
    account = small()
    heard = Heard([500, 503, 200], after=3)
    account.outbox.secret = "word"
    with heard.serving() as base, running(Gateway(account, limiter=None, speed=36_000)) as twin:
        account.outbox.set(reply=f"{base}/r?mine=1")
        begun = account.now
        asked = httpx.post(f"{twin}__twin/inbound", data={"mobile": str(MIA), "response": "ja & né"})
        assert asked.status_code == 200
        assert heard.enough.wait(30)
    assert len(set(heard.calls)) == 1
    method, path, body, sent = heard.calls[0]
    assert (method, body, len(sent or "")) == ("GET", "", 64)
    assert dict(parse_qsl(urlsplit(path).query))["response"] == "ja & né"
    assert account.now - begun >= 360


def test_carry_posts_forms_and_takes_only_2xx_for_an_answer() -> None:
    heard = Heard([204, 302, 404, 200], after=4)
    call = OutgoingCall(1, "dlr", 0, "POST", "", "a=b", {"x-a": "b"}, ())
    with heard.serving() as base:
        made = [carry(OutgoingCall(1, "dlr", 0, "POST", f"{base}/d?x=1", "a=b", {}, ())) for _ in range(3)]
        assert made == [True, False, False]
        assert carry(OutgoingCall(1, "dlr", 0, "GET", base, "", call.headers, ()))
    assert [one[:3] for one in heard.calls] == [("POST", "/d?x=1", "a=b")] * 3 + [("GET", "/", "")]
    assert not carry(OutgoingCall(1, "dlr", 0, "GET", base, "", {}, ()))  # nobody is there any more


@pytest.mark.parametrize("mine", [True, False])
def test_an_outbox_with_a_carrier_of_its_own_keeps_it(mine: bool) -> None:
    account = small()
    calls = noted(account) if mine else []
    before = account.outbox.post
    account.outbox.set(reply="http://127.0.0.1:1/")
    with running(Gateway(account, limiter=None)):
        account.inbound(MIA, "Hello?")
    assert account.outbox.post is before
    assert len(calls) == mine
