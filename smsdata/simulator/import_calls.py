"""The calls that import contacts from a file. Owns where a file may lie, and how its lines are read.

The simulator reaches no network: a file is taken from a ``data:`` address or from this machine, over http on
the loopback. Imports the lists and the state of an account.
"""

from __future__ import annotations

import base64
import binascii
import csv
import http.client
import io
import ipaddress
from collections.abc import Collection
from urllib.parse import unquote_to_bytes, urlsplit

from smsdata.simulator.contacts import ContactList, Refused
from smsdata.simulator.imports import Line
from smsdata.simulator.list_calls import new_list_of, widen
from smsdata.simulator.number_forms import country_given, mobile_of
from smsdata.simulator.query import Query
from smsdata.simulator.seed_data import Record
from smsdata.simulator.state import AccountState
from smsdata.simulator.views import required_id

_LARGEST_FILE, _PATIENCE = 20_000_000, 5.0
_FIXED_COLUMNS = 3


def add_contacts_bulk(state: AccountState, query: Query) -> Record:
    """add-contacts-bulk: takes a CSV file for a list, or for a new one with that name.

    Columns are first name, last name, mobile, then the list's custom fields in order. Success says only that
    the job is taken; a file that cannot be read makes it fail.
    """
    url = query.text("file_url", required=True) or ""
    _refuse_elsewhere(url)
    region, target = country_given(query), _target(state, query)
    content = _content_of(url)
    lines = None if content is None else _lines_of(content, target, region, state.countries)
    state.imports.take(target.list_id, lines)
    return {"list_id": target.list_id}


def add_contacts_bulk_progress(state: AccountState, query: Query) -> Record:
    """add-contacts-bulk-progress: how far the last import into a list is."""
    target = state.contacts.open(required_id(query, "list_id"))
    job = state.imports.jobs.get(target.list_id)
    if job is None:
        raise Refused("NOT_FOUND", "Nothing was imported into this list.")
    return {"status": job.status} | job.counts


def _target(state: AccountState, query: Query) -> ContactList:
    """The list to fill, with the custom fields that the request names."""
    name = query.text("name")
    if query.text("list_id") is None and name is not None:
        return new_list_of(state, name, query)
    if query.text("list_id") is None:
        raise Refused("FIELD_EMPTY", "list_id is empty, and so is name.")
    target = state.contacts.open(required_id(query, "list_id"))
    widen(state, target, query)
    return target


def _refuse_elsewhere(url: str) -> None:
    """Refuse an address that is not on this machine."""
    if not url.startswith("data:") and _loopback(url) is None:
        raise Refused("FIELD_INVALID", "file_url: the simulator reads data: and http://127.0.0.1 only.")


def _loopback(url: str) -> tuple[str, int] | None:
    """Host and port of an http address on this machine; None for any other."""
    try:
        parts = urlsplit(url)
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
        place = (host, parts.port or 80)
        here = parts.scheme == "http" and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return None
    return place if here else None


def _content_of(url: str) -> str | None:
    """The text of a file; None where it cannot be read."""
    place = _loopback(url)
    content = _data_of(url) if place is None else _got(url, *place)
    return None if content is None else content.decode("utf-8-sig", "replace")


def _data_of(url: str) -> bytes | None:
    """What a ``data:`` address holds."""
    head, comma, data = url.partition(",")
    content = unquote_to_bytes(data)
    try:
        content = base64.b64decode(content, validate=True) if head.endswith(";base64") else content
    except binascii.Error:
        return None
    return content if comma else None


def _got(url: str, host: str, port: int) -> bytes | None:
    """A file of this machine; redirects are not followed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    try:
        connection.request("GET", f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/")
        answer = connection.getresponse()
        return answer.read(_LARGEST_FILE) if answer.status == http.client.OK else None
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _lines_of(
    content: str, target: ContactList, region: str | None, countries: Collection[str]
) -> list[Line] | None:
    """The contacts of a file, None where it is no CSV.

    A first line whose third column says "mobile" is a heading.
    """
    labels = [label for _, label in sorted(target.fields.items(), key=lambda item: int(item[0][6:]))]
    try:
        rows = [row for row in csv.reader(io.StringIO(content, newline="")) if row]
    except csv.Error:
        return None
    if rows and len(rows[0]) >= _FIXED_COLUMNS and rows[0][2].strip().lower() == "mobile":
        del rows[0]
    lines = []
    for row in rows:
        first, last, mobile, *values = [*row, *[""] * (_FIXED_COLUMNS - len(row))]
        number = mobile_of(mobile, region, countries)
        lines.append(Line(number, first, last, dict(zip(labels, values, strict=False))))
    return lines
