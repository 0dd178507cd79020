"""One contact of one list: looked up, or changed. No other code makes a call that changes an account.

To the gateway a ``list_id`` of 0, or none, means every list: nothing here takes anything but the positive int
of one list, and it is checked again right before it is sent. A country code is never sent, since the gateway
would rewrite the number by it. Imports of smsdata only `gateway`, `schema` and `errors`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NewType

from smsdata.errors import ApiError, RowError, SafetyError
from smsdata.gateway.caller import Caller
from smsdata.gateway.endpoints import ERROR_CODES, endpoint
from smsdata.gateway.reads import typed_rows

Contact = dict[str, Any]
"""A contact as its list shows it; `fields` is JSON, `created_at` an instant."""

ListId = NewType("ListId", int)
"""The id of one list; only `one_list` makes one."""

TRIES = 3
"""How often a change is asked for, when its answers get lost and the contact proves to be unchanged."""

UNDATED = "a list that it is on does not say when it was put there"
"""Said of a contact without `created_at`: whether it joined anew cannot be seen."""

_EVERY_CALL = frozenset({"AUTH_FAILED", "AUTH_FAILED_NO_DATA", "NOT_IMPLEMENTED", "REDIRECT"})


def one_list(value: object) -> ListId:
    """Make sure that a value names exactly one list.

    Raises
    ------
    SafetyError
        For anything but a positive int: 0 and a missing id mean every list to the gateway.

    Examples
    --------
    >>> one_list(7)
    7
    >>> one_list(0)
    Traceback (most recent call last):
    smsdata.errors.SafetyError: list_id=0 does not name one list: nothing was sent.
    """
    if type(value) is not int or value <= 0:
        shown = value if type(value) is int else type(value).__name__
        raise SafetyError(f"list_id={shown} does not name one list: nothing was sent.")
    return ListId(value)


def one_number(value: object) -> str:
    """Make sure that a value is a phone number in full: digits, no "+", with its country.

    Raises
    ------
    SafetyError
        For anything else; the number is not shown.

    Examples
    --------
    >>> one_number("61491570156")
    '61491570156'
    """
    if type(value) is not str or not is_number(value):
        raise SafetyError("a number is not in full international form (digits only): nothing was sent.")
    return value


def is_number(text: str) -> bool:
    """Tell whether a text is a phone number in full, digits only.

    >>> is_number("61491570156"), is_number("0491570156"), is_number("19")
    (True, False, False)
    """
    return re.fullmatch(r"[1-9]\d{7,14}", text, re.ASCII) is not None


def find(client: Caller, list_id: ListId, msisdn: str) -> Contact | None:
    """Look a contact up; None if it is not on the list.

    Raises
    ------
    ApiError
        When the call fails, or the answer is about another contact.
    RowError
        When the answer does not fit a contact.
    """
    asked = {"list_id": one_list(list_id), "msisdn": one_number(msisdn)}
    try:
        answer = client.call("get-contact", **asked)
    except ApiError as error:
        if error.code == "NOT_FOUND":
            return None
        raise
    row = {key: value for key, value in answer.items() if key != "error"}
    entry = endpoint("list_members")
    batch = typed_rows(entry, [row], synced_at=datetime.now(UTC), context={"list_id": list_id})
    if batch.rejects:
        raise RowError(
            f"get-contact: {batch.rejects[0].column} {batch.rejects[0].reason}; nothing was changed."
        )
    contact: Contact = batch.rows.to_pylist()[0]
    if contact["msisdn"] != msisdn or str(row.get("list_id", list_id)) != str(list_id):
        raise ApiError(
            "get-contact: the answer is about another contact; nothing was changed.", code="OTHER_CONTACT"
        )
    return {key: value for key, value in contact.items() if key not in {"extra", "synced_at", "gone_at"}}


def is_active(contact: Contact) -> bool:
    """Tell whether the list sends to this contact."""
    return str(contact["status"]).lower() == "active"


def remove(client: Caller, list_id: ListId, msisdn: str) -> list[int]:
    """Delete a contact from one list; gives the lists that the gateway says it left."""
    return _lists_of(_change(client, "delete-from-list", list_id, msisdn, {}))


def opt_out(client: Caller, list_id: ListId, msisdn: str) -> list[int]:
    """Opt a contact out of one list (of all, with Global Opt Out); gives the lists the gateway names."""
    return _lists_of(_change(client, "optout-list-member", list_id, msisdn, {}))


def add_back(client: Caller, contact: Contact, labels: Mapping[str, str]) -> None:
    """Put a contact back on its list, with its names and custom fields.

    Parameters
    ----------
    client
        The account.
    contact
        The contact as it was.
    labels
        The list's custom fields: ``{"field_1": "Email"}``.
    """
    given = {name: contact[name] for name in ("first_name", "last_name") if contact[name] is not None}
    values = json.loads(contact["fields"])
    for key, label in labels.items():
        if re.fullmatch(r"field_(10|[1-9])", key) and values.get(label) is not None:
            given[key] = str(values[label])
    _change(client, "add-to-list", one_list(contact["list_id"]), contact["msisdn"], given)


def _change(
    client: Caller, call: str, list_id: ListId, msisdn: str, fields: Mapping[str, str]
) -> dict[str, Any]:
    return client.call(call, list_id=one_list(list_id), msisdn=one_number(msisdn), **fields)


def _lists_of(answer: Mapping[str, Any]) -> list[int]:
    """Read which lists an answer names; one without ids is as good as lost: the change is looked up."""
    named = answer["list_ids"]
    ids = [str(value) for value in (named if isinstance(named, list) else [named])]
    if not all(re.fullmatch(r"\d{1,18}", one, re.ASCII) for one in ids):
        raise ApiError("the answer names lists by what is no id", code="FORMAT", retryable=True)
    return [int(one) for one in ids]


def concerns_every_call(error: ApiError) -> bool:
    """Tell whether an error will meet the next call as well, so that going on makes no sense."""
    return error.code in _EVERY_CALL


def was_refused(error: ApiError) -> bool:
    """Tell whether the gateway said no, so that nothing changed; else nobody knows whether it did."""
    return error.code in ERROR_CODES and not error.retryable
