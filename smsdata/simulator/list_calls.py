"""Calls about lists and who is on them, and those that change a list. Owns the wire's names of these.

Imports the state of an account, and the shapes that answers share.
"""

from __future__ import annotations

from smsdata.simulator.contacts import ContactList, Member, Refused
from smsdata.simulator.number_forms import country_given, taken_apart
from smsdata.simulator.query import Query
from smsdata.simulator.seed_data import Record
from smsdata.simulator.state import AccountState
from smsdata.simulator.views import View, ready_view, required_id, shaped_fields, stamp, stamp_or_null

_FIELDS = tuple(f"field_{number}" for number in range(1, 11))


def _list_head(target: ContactList, style: str | None) -> Record:
    head = {"id": target.list_id, "name": target.name, "created": stamp_or_null(target.created_at)}
    head |= {"members_active": target.active, "members_total": len(target.members)}
    return head | {"fields": shaped_fields(target.fields, style)}


def _named_fields(query: Query) -> dict[str, str]:
    """The names of custom fields that a request gives, by ``field_1`` ... ``field_10``."""
    for key in query.params:
        if key.startswith("field_") and key not in _FIELDS:
            raise Refused("FIELD_INVALID", f"{key}: custom fields are field_1 to field_10.")
    names = {key: query.text(key) for key in _FIELDS}
    return {key: name for key, name in names.items() if name is not None and name.strip()}


def lists_view(state: AccountState, query: Query) -> View:
    """get-lists: one contact list per row."""
    style = query.text("response_style")
    newest = sorted(state.contacts.lists.values(), key=lambda target: -target.list_id)
    return ready_view([_list_head(target, style) for target in newest])


def list_members_view(state: AccountState, query: Query) -> View:
    """get-list: one contact per row; ``members_total`` counts everybody who was ever on the list."""
    target = state.contacts.open(required_id(query, "list_id"))
    wanted = query.choice("members", "active inactive all none", "active")
    style = query.text("response_style")
    members = [] if wanted == "none" else [m for m in target.present() if wanted in ("all", _activity(m))]
    members.sort(key=lambda member: -member.created_at)
    head = _list_head(target, style)
    total = head.pop("members_total")
    return View(
        members,
        [member.created_at for member in members],
        lambda some: [member_row(target, member, style) for member in some],
        head,
        total,
    )


def _activity(member: Member) -> str:
    return "active" if member.status == "active" else "inactive"


def member_row(target: ContactList, member: Member, style: str | None = None) -> Record:
    """A row of get-list; ``fields`` only where the list has custom fields."""
    row = {
        "list_id": target.list_id,
        "msisdn": member.msisdn,
        "first_name": member.first_name,
        "last_name": member.last_name,
        "created_at": stamp(member.created_at),
        "status": member.status,
    }
    return row | {"fields": shaped_fields(member.fields, style)} if target.fields else row


def contact_answer(state: AccountState, query: Query) -> Record:
    """get-contact: one contact of a list."""
    target, msisdn = state.contacts.open(required_id(query, "list_id")), required_id(query, "msisdn")
    member = target.find(msisdn)
    if member is None:
        raise Refused("NOT_FOUND", "This number is not on that list.")
    return member_row(target, member, query.text("response_style"))


# -- calls that change a list --------------------------------------------------------------------------------


def delete_from_list(state: AccountState, query: Query) -> Record:
    """delete-from-list: takes a number off one list, or off every list where ``list_id`` is 0."""
    msisdn, list_id = required_id(query, "msisdn"), query.list_ids("list_id")
    return {"list_ids": state.contacts.delete_member(msisdn, list_id, by="api")}


def optout_list_member(state: AccountState, query: Query) -> Record:
    """optout-list-member: opts a number out of one list, or of every list where it is 0."""
    msisdn, list_id = required_id(query, "msisdn"), query.list_ids("list_id")
    return {"list_ids": state.contacts.optout_member(msisdn, list_id, by="api")}


def _given_fields(target: ContactList, query: Query) -> Record:
    """Custom fields by their names on the list, from ``field_1`` ... ``field_10``."""
    return {label: query.params[key] for key, label in target.fields.items() if key in query.params}


def _mobile(state: AccountState, query: Query) -> int:
    """The number to add; refuses what is no mobile of a country the account may send to."""
    given = query.text("msisdn", required=True) or ""
    region = country_given(query)
    try:
        number = taken_apart(given, region, "msisdn")
    except Refused as refused:
        raise Refused("BAD_MOBILE", refused.description) from None
    if number.is_mobile_of(state.countries):
        return int(number.digits)
    if number.is_not_of(state.countries):
        raise Refused("BAD_MOBILE_COUNTRY", "The country of msisdn is not available.")
    raise Refused("BAD_MOBILE", "msisdn is not a valid mobile number.")


def add_to_list(state: AccountState, query: Query) -> Record:
    """add-to-list: puts a contact on a list."""
    target = state.contacts.open(required_id(query, "list_id"))
    names = query.params.get("first_name"), query.params.get("last_name")
    fields = _given_fields(target, query)
    member = state.contacts.add_member(target.list_id, _mobile(state, query), *names, fields=fields, by="api")
    return member_row(target, member)


def edit_list_member(state: AccountState, query: Query) -> Record:
    """edit-list-member: changes what is given of a contact and leaves the rest."""
    target = state.contacts.open(required_id(query, "list_id"))
    given = {name: query.params[name] for name in ("first_name", "last_name") if name in query.params}
    fields = _given_fields(target, query)
    member = state.contacts.edit_member(
        target.list_id, required_id(query, "msisdn"), by="api", fields=fields, **given
    )
    return member_row(target, member)


# -- calls that make, widen and remove a list ----------------------------------------------------------------


def new_list_of(state: AccountState, name: str, query: Query) -> ContactList:
    """Make a list with the custom fields of a request; KEY_EXISTS where one has that name."""
    if any(one.name == name for one in state.contacts.lists.values()):
        raise Refused("KEY_EXISTS", "There is a list of this name.")
    return state.contacts.open(state.contacts.add_list(name, _named_fields(query)))


def add_list(state: AccountState, query: Query) -> Record:
    """add-list: makes a list; the one call that answers a missing parameter with MISSING_PARAM."""
    name = query.text("name")
    if name is None or not name.strip():
        raise Refused("MISSING_PARAM", "name is missing.")
    head = _list_head(new_list_of(state, name, query), query.text("response_style"))
    del head["members_total"]
    return head


def remove_list(state: AccountState, query: Query) -> Record:
    """remove-list: removes a list and everybody on it."""
    state.contacts.remove_list(required_id(query, "list_id"))
    return {}


def widen(state: AccountState, target: ContactList, query: Query) -> dict[str, str]:
    """Give a list the custom fields of a request; KEY_EXISTS (a guess) for one that it has."""
    fields = _named_fields(query)
    if taken := sorted(fields.keys() & target.fields.keys()):
        raise Refused("KEY_EXISTS", f"{taken[0]} is in use.")
    with state.clock.changing():
        target.fields |= fields
    return fields


def add_field_to_list(state: AccountState, query: Query) -> Record:
    """add-field-to-list: gives a list custom fields; the answer calls ``field_4`` ``custom_4``."""
    target = state.contacts.open(required_id(query, "list_id"))
    fields = widen(state, target, query)
    if not fields:
        raise Refused("FIELD_EMPTY", "field_1 is empty.")
    added = {key.replace("field", "custom"): name for key, name in fields.items()}
    if query.text("response_style") == "array":
        return {"fields": shaped_fields(added, "array"), "id": target.list_id}
    return added | {"id": target.list_id}
