"""Every call of the gateway by its name on the wire. Owns the two registers, and the calls about the account.

A call of ``LISTINGS`` gives a `View`, one of ``ANSWERS`` the body of a call for one thing; both are functions
of the account's state and the request's parameters. Paging, order, authentication, throttle and faults are
the gateway's. Imports the calls by subject: `sent_calls`, `reply_calls`, `list_calls`, `number_forms`.
"""

from __future__ import annotations

from collections.abc import Callable

from smsdata.simulator.contacts import Refused
from smsdata.simulator.list_calls import (
    add_to_list,
    contact_answer,
    delete_from_list,
    edit_list_member,
    list_members_view,
    lists_view,
    optout_list_member,
)
from smsdata.simulator.number_forms import format_number
from smsdata.simulator.query import Query
from smsdata.simulator.reply_calls import responses_view, user_responses_view
from smsdata.simulator.seed_data import Record
from smsdata.simulator.sent_calls import (
    contact_stats_view,
    delivery_status_answer,
    link_hits_view,
    message_report_view,
    sent_count_answer,
    sms_answer,
    sms_sent_view,
    sms_stats_answer,
    user_sms_sent_view,
)
from smsdata.simulator.state import AccountState
from smsdata.simulator.views import Listing, View, ready_view, required_id, stamp


def numbers_view(state: AccountState, query: Query) -> View:
    """get-numbers: one virtual number per row."""
    owned = query.choice("filter", "owned available", "owned") == "owned"
    rows = [row for row in state.numbers if row["owned"] == owned]
    keys = ("price", "auto_renew", "next_charge", "status")
    return ready_view([{"number": int(row["number"])} | {key: row[key] for key in keys} for row in rows])


def keywords_view(state: AccountState, query: Query) -> View:
    """get-keywords: one keyword per row."""
    number = query.text("number")
    rows = [row for row in state.keywords if number in (None, row["number"])]
    return ready_view([row | {"number": int(row["number"])} for row in rows])


def clients_view(state: AccountState, _query: Query) -> View:
    """get-clients: one client of a reseller per row."""
    return ready_view([client | {"created": stamp(client["created"])} for client in state.clients])


def transactions_view(state: AccountState, query: Query) -> View:
    """get-transactions: one transaction of a client per row."""
    client_id = required_id(query, "client_id")
    if client_id not in [client["id"] for client in state.clients]:
        raise Refused("NO_ACCESS", "This client is not yours.")
    first, last = query.span()
    entries = [e for e in state.transactions if e["client_id"] == client_id and first <= e["created"] <= last]
    entries.sort(key=lambda entry: (entry["created"], entry["id"]), reverse=True)
    rows = [entry | {"created": stamp(entry["created"])} for entry in entries]
    for row in rows:
        del row["client_id"]
    return ready_view(rows, [entry["created"] for entry in entries])


def balance_answer(state: AccountState, _query: Query) -> Record:
    """get-balance: what is left after all sends."""
    return {"balance": round(10_000 - sum(send.cost for send in state.sent.sends), 4), "currency": "AUD"}


LISTINGS = {
    "get-user-sms-sent": Listing("messages", "total", user_sms_sent_view),
    "get-message-report": Listing("messages", "messages_total", message_report_view),
    "get-sms-sent": Listing("recipients", "total", sms_sent_view),
    "get-user-sms-responses": Listing("responses", "total", user_responses_view),
    "get-sms-responses": Listing("responses", "total", responses_view),
    "get-contact-sms-stats": Listing("records", "total", contact_stats_view),
    "get-lists": Listing("lists", "lists_total", lists_view),
    "get-list": Listing("members", "members_total", list_members_view),
    "get-numbers": Listing("numbers", "numbers_total", numbers_view),
    "get-keywords": Listing("keywords", "keywords_total", keywords_view),
    "get-clients": Listing("clients", "clients_total", clients_view, reseller=True),
    "get-transactions": Listing("transactions", "transactions_total", transactions_view, reseller=True),
    "get-link-hits": Listing("link_hits", "link_hits_total", link_hits_view),
}
"""Every paginated call by its name on the wire."""


ANSWERS: dict[str, Callable[[AccountState, Query], Record]] = {
    "get-sms": sms_answer,
    "get-sms-stats": sms_stats_answer,
    "get-sms-delivery-status": delivery_status_answer,
    "get-sms-sent-count": sent_count_answer,
    "get-contact": contact_answer,
    "get-balance": balance_answer,
    "format-number": format_number,
    "delete-from-list": delete_from_list,
    "optout-list-member": optout_list_member,
    "add-to-list": add_to_list,
    "edit-list-member": edit_list_member,
}
"""Every call that answers with one thing, by its name on the wire."""


CHANGES = frozenset({"delete-from-list", "optout-list-member", "add-to-list", "edit-list-member"})
"""Those that change the account."""
