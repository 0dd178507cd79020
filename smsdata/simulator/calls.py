"""Every call of the gateway by its name on the wire. Owns the registers, and the call about the balance.

A call of ``LISTINGS`` gives a `View`, one of ``ANSWERS`` the body of a call for one thing; both are functions
of the account's state and the request's parameters. One of ``ORDERS`` takes what sends in the state's place.
Paging, order, authentication, throttle and faults are the gateway's. Imports the calls by subject:
`send_calls`, `sent_calls`, `reply_calls`, `list_calls`, `import_calls`, `number_calls`, `reseller_calls`,
`number_forms`.
"""

from __future__ import annotations

from collections.abc import Callable

from smsdata.simulator.import_calls import add_contacts_bulk, add_contacts_bulk_progress
from smsdata.simulator.list_calls import (
    add_field_to_list,
    add_list,
    add_to_list,
    contact_answer,
    delete_from_list,
    edit_list_member,
    list_members_view,
    lists_view,
    optout_list_member,
    remove_list,
)
from smsdata.simulator.number_calls import (
    add_email,
    add_keyword,
    delete_email,
    edit_keyword,
    edit_number_options,
    keywords_view,
    lease_number,
    number_answer,
    numbers_view,
)
from smsdata.simulator.number_forms import format_number
from smsdata.simulator.query import Query
from smsdata.simulator.reply_calls import responses_view, user_responses_view
from smsdata.simulator.reseller_calls import (
    add_client,
    client_answer,
    clients_view,
    edit_client,
    transaction_answer,
    transactions_view,
)
from smsdata.simulator.seed_data import Record
from smsdata.simulator.send_calls import cancel_sms, send_sms
from smsdata.simulator.sending import Sending
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
from smsdata.simulator.views import Listing


def balance_answer(state: AccountState, _query: Query) -> Record:
    """get-balance: what is left after all sends."""
    return {"balance": round(state.credit - state.sent.spent, 4), "currency": "AUD"}


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
    "add-list": add_list,
    "remove-list": remove_list,
    "add-field-to-list": add_field_to_list,
    "add-contacts-bulk": add_contacts_bulk,
    "add-contacts-bulk-progress": add_contacts_bulk_progress,
    "get-number": number_answer,
    "lease-number": lease_number,
    "edit-number-options": edit_number_options,
    "add-keyword": add_keyword,
    "edit-keyword": edit_keyword,
    "add-email": add_email,
    "delete-email": delete_email,
    "get-client": client_answer,
    "add-client": add_client,
    "edit-client": edit_client,
    "get-transaction": transaction_answer,
}
"""Every call that answers with one thing, by its name on the wire."""


ORDERS: dict[str, Callable[[Sending, Query], Record]] = {"send-sms": send_sms, "cancel-sms": cancel_sms}
"""Calls that also need what carries out sends, by their names on the wire."""


READS = frozenset(
    {"format-number", "add-contacts-bulk-progress"} | {name for name in ANSWERS if name.startswith("get-")}
)
"""Those about one thing that change nothing."""


CHANGES = frozenset(ORDERS) | frozenset(ANSWERS) - READS
"""Those that change the account."""


RESELLER = frozenset({"get-client", "add-client", "edit-client", "get-transaction"})
"""Calls about one thing that only a reseller may make."""
