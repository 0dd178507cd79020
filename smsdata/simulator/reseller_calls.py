"""Calls of resellers: their clients, and the ledgers of these. Owns the rows of both.

Imports the state of an account, and the shapes that answers share.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from smsdata.simulator.contacts import Refused
from smsdata.simulator.number_forms import INVALID, country_given, taken_apart
from smsdata.simulator.query import Query
from smsdata.simulator.seed_data import Record
from smsdata.simulator.state import AccountState
from smsdata.simulator.views import View, ready_view, required_id, stamp

_LONGEST_AMOUNT = 12
_REQUIRED = ("name", "email", "password", "msisdn")
_NEW_CLIENT: Record = {
    "contact": None, "currency": "AUD", "timezone": "Australia/Sydney", "client_pays": True,
    "sms_margin": 0.0, "recharge_amount": 0, "total_lists": 0, "total_sms": 0, "total_contacts": 0,
    "total_spend": 0.0, "total_revenue": 0.0, "credits_based": False, "balance": 0.0,
    "has_credit_card": "no",
}  # fmt: skip


def clients_view(state: AccountState, _query: Query) -> View:
    """get-clients: one client of a reseller per row."""
    return ready_view([_client_row(client) for client in state.clients])


def _client_row(client: Record) -> Record:
    return client | {"created": stamp(client["created"])}


def _client_of(state: AccountState, client_id: int) -> Record:
    """A client by its id; NO_ACCESS for one that is not the reseller's."""
    for client in state.clients:
        if client["id"] == client_id:
            return client
    raise Refused("NO_ACCESS", "This client is not yours.")


def client_answer(state: AccountState, query: Query) -> Record:
    """get-client: one client."""
    return _client_row(_client_of(state, required_id(query, "client_id")))


def add_client(state: AccountState, query: Query) -> Record:
    """add-client: makes a client account, and keeps no password.

    KEY_EXISTS for an e-mail address that is taken.
    """
    for name in _REQUIRED:
        query.text(name, required=True)
    given = _given_details(query)
    _refuse_taken(state, given["email"], None)
    client_id = max((client["id"] for client in state.clients), default=70_000) + 1
    keys = {"apikey": f"client-key-{client_id}", "apisecret": f"client-secret-{client_id}"}
    order = ("name", "contact", "email", "msisdn", "currency", "timezone", "created")
    details = _NEW_CLIENT | given | {"created": state.now}
    client = {"id": client_id} | {name: details[name] for name in order} | details | keys
    with state.clock.changing():
        state.clients.append(client)
    return _client_row(client)


def edit_client(state: AccountState, query: Query) -> Record:
    """edit-client: changes what is given of a client."""
    client, given = _client_of(state, required_id(query, "client_id")), _given_details(query)
    _refuse_taken(state, given.get("email"), client["id"])
    with state.clock.changing():
        client.update(given)
    return _client_row(client)


def _given_details(query: Query) -> Record:
    """What a request says of a client."""
    given: dict[str, Any] = {
        name: value for name in ("name", "contact", "timezone") if (value := query.text(name))
    }
    if email := query.address("email"):
        given["email"] = email
    zones = available_timezones()  # none on a machine without a table of them, which then can judge nothing
    if zones and given.get("timezone", "UTC") not in zones:
        raise Refused("FIELD_INVALID", "timezone must be one such as Australia/Sydney.")
    if query.text("msisdn"):
        number = taken_apart(query.params["msisdn"], country_given(query), "msisdn")
        if number.line == INVALID:
            raise Refused("FIELD_INVALID", "msisdn must be a phone number.")
        given["msisdn"] = number.digits
    if query.text("client_pays"):
        given["client_pays"] = query.flag("client_pays")
    if margin := query.text("sms_margin"):
        given["sms_margin"] = _amount(margin)
    return given


def _amount(text: str) -> float:
    whole, _, cents = text.partition(".")
    if not (whole + cents).isascii() or not (whole + cents).isdigit() or len(text) > _LONGEST_AMOUNT:
        raise Refused("FIELD_INVALID", "sms_margin must be an amount.")
    return float(text)


def _refuse_taken(state: AccountState, email: str | None, client_id: int | None) -> None:
    if any(one["email"] == email and one["id"] != client_id for one in state.clients):
        raise Refused("KEY_EXISTS", "email belongs to a client.")


def transactions_view(state: AccountState, query: Query) -> View:
    """get-transactions: one transaction of a client per row."""
    client_id = int(_client_of(state, required_id(query, "client_id"))["id"])
    first, last = query.span()
    entries = [e for e in state.transactions if e["client_id"] == client_id and first <= e["created"] <= last]
    entries.sort(key=lambda entry: (entry["created"], entry["id"]), reverse=True)
    return ready_view([_entry_row(entry) for entry in entries], [entry["created"] for entry in entries])


def transaction_answer(state: AccountState, query: Query) -> Record:
    """get-transaction: one transaction of any client."""
    entry_id = required_id(query, "id")
    for entry in state.transactions:
        if entry["id"] == entry_id:
            return _entry_row(entry)
    raise Refused("NOT_FOUND", f"No transaction {entry_id}.")


def _entry_row(entry: Record) -> Record:
    row = entry | {"created": stamp(entry["created"])}
    del row["client_id"]
    return row
