"""Calls about virtual numbers, keywords and the addresses that may send by e-mail. Owns their rows.

Imports the state of an account, and the shapes that answers share.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from smsdata.simulator.contacts import Refused
from smsdata.simulator.number_forms import taken_apart
from smsdata.simulator.query import Query
from smsdata.simulator.seed_data import Record
from smsdata.simulator.send_calls import address_given
from smsdata.simulator.state import AccountState
from smsdata.simulator.views import View, ready_view, required_id

_NUMBER_KEYS = ("price", "auto_renew", "next_charge", "status")
_KEYWORD_KEYS = (
    "keyword", "reference", "number", "list_id", "welcome_message", "member_message", "forward_url",
    "forward_sms", "forward_email", "status", "billing_date",
)  # fmt: skip
_RENEWED_AFTER = timedelta(days=30)


# -- numbers -------------------------------------------------------------------------------------------------


def numbers_view(state: AccountState, query: Query) -> View:
    """get-numbers: one virtual number per row."""
    owned = query.choice("filter", "owned available", "owned") == "owned"
    return ready_view([_number_row(row) for row in state.numbers if row["owned"] == owned])


def _number_row(row: Record) -> Record:
    return {"number": int(row["number"])} | {key: row[key] for key in _NUMBER_KEYS}


def _owned(state: AccountState, number: str) -> Record:
    """The row of a leased number; FIELD_INVALID for another."""
    for row in state.numbers:
        if row["owned"] and row["number"] == number:
            return row
    raise Refused("FIELD_INVALID", "number is none of your numbers.")


def number_answer(state: AccountState, query: Query) -> Record:
    """get-number: one leased number."""
    return _number_row(_owned(state, str(required_id(query, "number"))))


def lease_number(state: AccountState, query: Query) -> Record:
    """lease-number: leases the number asked for, or the first that is free.

    Guesses: KEY_EXISTS for a number that is leased already, NOT_FOUND where it is none or none is free.
    """
    number, url = query.integer("number"), address_given(query, "forward_url")
    rows = [row for row in state.numbers if number is None or row["number"] == str(number)]
    free = [row for row in rows if not row["owned"]]
    if rows and not free and number is not None:
        raise Refused("KEY_EXISTS", "This number is yours already.")
    if not free:
        raise Refused("NOT_FOUND", "No such number is free.")
    renewed = datetime.fromtimestamp(state.now, UTC) + _RENEWED_AFTER
    with state.clock.changing():
        free[0].update(
            owned=True, auto_renew=True, status="active", next_charge=f"{renewed:%Y-%m-%d}", forward_url=url
        )
    return _number_row(free[0])


def edit_number_options(state: AccountState, query: Query) -> Record:
    """edit-number-options: what a number does with a text that is no keyword."""
    row = _owned(state, str(required_id(query, "number")))
    options = _given_options(state, query)
    with state.clock.changing():
        row.update(options)
    return {}


def _given_options(state: AccountState, query: Query) -> Record:
    """What a request says of a keyword or a number; an empty value takes an option away."""
    options: Record = {}
    for name in ("reference", "welcome_message"):
        if name in query.params:
            options[name] = query.text(name)
    if "members_message" in query.params:
        options["member_message"] = query.text("members_message")
    if "forward_url" in query.params:
        options["forward_url"] = address_given(query, "forward_url")
    if "forward_sms" in query.params:
        options["forward_sms"] = _forwarded_to(state, query, "forward_sms")
    if "forward_email" in query.params:
        options["forward_email"] = query.address("forward_email")
    if "list_id" in query.params:
        list_id = query.integer("list_id")
        options["list_id"] = state.contacts.open(list_id).list_id if list_id else None
    return options


def _forwarded_to(state: AccountState, query: Query, name: str) -> str | None:
    """A mobile number to forward to."""
    if query.text(name) is None:
        return None
    number = taken_apart(query.params[name], None, name)
    if not number.is_mobile_of(state.countries):
        raise Refused("FIELD_INVALID", f"{name} must be a mobile number.")
    return number.digits


# -- keywords ------------------------------------------------------------------------------------------------


def keywords_view(state: AccountState, query: Query) -> View:
    """get-keywords: one keyword per row."""
    number = query.integer("number")
    return ready_view([_keyword_row(row) for row in state.keywords if number in (None, int(row["number"]))])


def _keyword_row(row: Record) -> Record:
    return row | {"number": int(row["number"])}


def _keyword_named(state: AccountState, query: Query) -> tuple[str, str, Record | None]:
    """The keyword and the number that a request names, and the row that they have."""
    keyword = query.text("keyword", required=True) or ""
    number = str(_owned(state, str(required_id(query, "number")))["number"])
    if not keyword.isalnum():
        raise Refused("FIELD_INVALID", "keyword must be letters and digits.")
    word = keyword.upper()
    rows = [row for row in state.keywords if row["keyword"] == word and row["number"] == number]
    return word, number, rows[0] if rows else None


def add_keyword(state: AccountState, query: Query) -> Record:
    """add-keyword: gives a number a keyword; closed unless ``activate`` is left out or says yes (a guess)."""
    keyword, number, known = _keyword_named(state, query)
    if known is not None:
        raise Refused("KEY_EXISTS", "This number has that keyword.")
    row: Record = dict.fromkeys(_KEYWORD_KEYS)
    row |= _given_options(state, query) | {"keyword": keyword, "number": number}
    row["status"] = "open" if query.text("activate") is None or query.flag("activate") else "closed"
    with state.clock.changing():
        state.keywords.append(row)
    return _keyword_row(row)


def edit_keyword(state: AccountState, query: Query) -> Record:
    """edit-keyword: changes what is given of a keyword."""
    _, _, row = _keyword_named(state, query)
    if row is None:
        raise Refused("NOT_FOUND", "This number has no such keyword.")
    changes = _given_options(state, query)
    if query.text("status"):
        changes["status"] = query.choice("status", "open closed", "open")
    with state.clock.changing():
        row.update(changes)
    return _keyword_row(row)


# -- e-mail --------------------------------------------------------------------------------------------------


def _email(query: Query) -> str:
    """An address, or every address of a domain."""
    query.text("email", required=True)
    return (query.address("email", wild=True) or "").lower()


def add_email(state: AccountState, query: Query) -> Record:
    """add-email: lets an address send by e-mail."""
    address, most = _email(query), query.integer("max_sms")
    if most is not None and not 1 <= most <= 4:
        raise Refused("FIELD_INVALID", "max_sms must be 1 to 4.")
    number = query.integer("number")
    if number is not None:
        _owned(state, str(number))
    if address in state.emails:
        raise Refused("KEY_EXISTS", "This address may send already.")
    with state.clock.changing():
        state.emails[address] = {"max_sms": most or 1, "number": number}
    return {"success": True}


def delete_email(state: AccountState, query: Query) -> Record:
    """delete-email: an address may no longer send by e-mail."""
    address = _email(query)
    if address not in state.emails:
        raise Refused("NOT_FOUND", "There is no such address.")
    with state.clock.changing():
        del state.emails[address]
    return {"success": True}
