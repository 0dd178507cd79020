"""A client of the receiver that is written after the wire reference alone: what the gateway sends, by socket.

Imports nothing of the package.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
from collections.abc import Mapping
from urllib.parse import quote_plus, urlsplit

Fields = Mapping[str, str]


def query(fields: Fields) -> str:
    """Parameters as PHP's http_build_query writes them."""
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in fields.items())


def signature(fields: Fields, secret: str) -> str:
    """The header of a signed callback: PHP escapes slashes and all that is not ASCII."""
    text = json.dumps(dict(fields), separators=(",", ":")).replace("/", "\\/")
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def fire(url: str, fields: Fields, *, form: bool = False, **headers: str) -> int:
    """Call an address as the gateway does; gives the status of the answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=10)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        if form:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            connection.request("POST", parts.path, query(fields), sent)
        else:
            connection.request("GET", f"{parts.path}?{query(fields)}", headers=sent)
        return connection.getresponse().status
    finally:
        connection.close()


def dlr(
    message_id: int, mobile: int | str, at: str, status: str = "delivered", **more: str
) -> dict[str, str]:
    """The parameters of a delivery receipt."""
    who = {"message_id": str(message_id), "mobile": str(mobile)}
    return who | {"datetime": at, "status": status, "user_id": "9"} | more


def reply(
    number: int | str, message_id: int | str, mobile: int | str, at: str, text: str = "Yes", **more: str
) -> dict[str, str]:
    """The parameters of a reply."""
    who = {"message_id": str(message_id), "mobile": str(mobile), "longcode": "61491570737"}
    what = {"datetime_entry": at, "response": text, "response_id": str(number), "is_optout": "no"}
    return who | what | {"user_id": "9"} | more
