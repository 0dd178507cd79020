"""The calls that send and that call off a send. Owns what they refuse, and whom a send goes to.

Imports the sending of an account, and the shapes that answers share.
"""

from __future__ import annotations

import re

from smsdata.simulator.contacts import Member, Refused
from smsdata.simulator.number_forms import country_given, mobile_of
from smsdata.simulator.outbox import check_address
from smsdata.simulator.query import Query
from smsdata.simulator.seed_data import Record
from smsdata.simulator.sending import Sending, variables_of
from smsdata.simulator.sent import filled_in, parts
from smsdata.simulator.sent_calls import send_block
from smsdata.simulator.state import AccountState
from smsdata.simulator.views import required_id

SHARED_NUMBER = "61491570159"
"""What a send comes from where nothing is leased, or the shared pool is asked for."""

_NAME = re.compile(r"[A-Za-z0-9]{1,11}")
_MOST_PARTS, _MOST_NUMBERS, _LONGEST_VALIDITY = 4, 500, 4_320
_CALLBACKS = {"dlr": "dlr_callback", "reply": "reply_callback", "link-hit": "link_hits_callback"}


def send_sms(sending: Sending, query: Query) -> Record:
    """send-sms: sends to numbers or to a list, now or at ``send_at``.

    Guesses, where the reference is silent: a ``send_at`` that has passed means now; a number given twice is
    sent to once; where every number is invalid or opted out, RECIPIENTS_ERROR; a sender of digits must be one
    of the account's numbers.
    """
    state = sending.state
    text, link = _message(query)
    people, list_id, fails = _audience(state, query)
    reached = sending.reachable(people, list_id)
    if not reached:
        raise Refused("RECIPIENTS_ERROR" if list_id is None else "LIST_EMPTY", "Nobody to send to.")
    sender, validity, urls = _sender(state, query), _validity(query), _callbacks(query)
    at = query.instant("send_at")
    if state.price * _sms(text, link, reached) > state.credit - state.sent.spent:
        raise Refused("LEDGER_ERROR", "The balance does not cover this send.")
    message_id = sending.order(
        people, text, list_id=list_id, sender=sender, at=None if at is None else max(at, state.now),
        type="api", single=len(reached) == 1, urls=urls, validity=validity, link=link,
        personal=True,
    )  # fmt: skip
    answer = send_block(state, state.sent.ordered(message_id))
    return answer | {"fails": fails} if fails else answer


def _sms(text: str, link: str, people: list[Member]) -> int:
    """How many SMS a text to these people takes, variables filled in; a short link is 28 characters."""
    shortened = "https://example.com/" + "0" * 8 if link else ""
    if "[" not in text:
        return parts(text) * len(people)
    return sum(parts(filled_in(text, variables_of(one, shortened))) for one in people)


def _message(query: Query) -> tuple[str, str]:
    """The text and where its tracked link leads; refuses more than four parts (612 characters of GSM-7)."""
    text = query.text("message", required=True) or ""
    if parts(text) > _MOST_PARTS:
        raise Refused("FIELD_INVALID", f"message is longer than {_MOST_PARTS} SMS.")
    if "[tracked-link]" in text.lower():
        query.text("tracked_link_url", required=True)
    return text, address_given(query, "tracked_link_url") or ""


def _audience(state: AccountState, query: Query) -> tuple[list[Member] | None, int | None, list[str]]:
    """Whom a send is for: people, or the id of a list; and what was given as numbers but is none."""
    if query.text("to") is not None and query.text("list_id"):
        raise Refused("FIELD_INVALID", "to and list_id are both given; a send is for one of them.")
    if query.text("to") is None and query.text("list_id"):
        return None, state.contacts.open(required_id(query, "list_id")).list_id, []
    given = [one.strip() for one in (query.text("to") or "").split(",") if one.strip()]
    if not given:
        raise Refused("FIELD_EMPTY", "to is empty, and so is list_id.")
    if len(given) > _MOST_NUMBERS:
        raise Refused("RECIPIENTS_ERROR", f"to holds {len(given)} numbers; {_MOST_NUMBERS} are allowed.")
    numbers, fails, region = [], [], country_given(query)
    for one in given:
        msisdn = mobile_of(one, region, state.countries)
        if msisdn is None:
            fails.append(one)
        else:
            numbers.append(msisdn)
    return [Member(msisdn, None, None, 0) for msisdn in dict.fromkeys(numbers)], None, fails


def _sender(state: AccountState, query: Query) -> str:
    """What recipients see: ``from``, else the first leased number, else the shared one."""
    given, leased = query.text("from"), [row["number"] for row in state.numbers if row["owned"]]
    if query.flag("from_shared"):
        return SHARED_NUMBER
    if given is None:
        return leased[0] if leased else SHARED_NUMBER
    digits = given.removeprefix("+")
    if digits.isdigit():
        if digits not in [*leased, SHARED_NUMBER]:
            raise Refused("BAD_CALLER_ID", "from is none of your numbers.")
        return digits
    if not _NAME.fullmatch(given):
        raise Refused("BAD_CALLER_ID", "from has at most 11 letters and digits, and no spaces.")
    return given


def _validity(query: Query) -> int | None:
    """How long a message may wait at the carrier, seconds."""
    minutes = query.integer("validity")
    if minutes is None:
        return None
    if not 1 <= minutes <= _LONGEST_VALIDITY:
        raise Refused("FIELD_INVALID", f"validity must be 1 to {_LONGEST_VALIDITY} minutes.")
    return 60 * minutes


def _callbacks(query: Query) -> dict[str, str]:
    """By kind, the addresses that this send brings along."""
    return {kind: url for kind, name in _CALLBACKS.items() if (url := address_given(query, name, kind))}


def address_given(query: Query, name: str, kind: str = "reply") -> str | None:
    """A parameter that is an address which can be called."""
    url = query.text(name)
    try:
        check_address(kind, url or "")
    except ValueError:
        raise Refused("FIELD_INVALID", f"{name} must be an address such as https://example.com/.") from None
    return url


def cancel_sms(sending: Sending, query: Query) -> Record:
    """cancel-sms: calls off a send that waits for its instant."""
    message_id = required_id(query, "id")
    if not sending.cancel(message_id):
        sending.state.sent.send_of(message_id)
        raise Refused("FIELD_INVALID", "id: this message has been sent.")
    return {"success": "OK"}
