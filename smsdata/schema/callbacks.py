"""What a callback says: its kinds, and its parameters out of a query, a form or a JSON body.

Where a body says what happened, the query holds parameters of the user's own: those of the address.

Knows no table and no file. Imports nothing of smsdata.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

import orjson

KINDS = {"dlr": "delivery receipts", "reply": "replies", "link-hit": "link hits", "list": "list changes"}
"""The last word of a callback's address, and what comes there."""

Pairs = list[tuple[str, str]]


def parameters(query: str, body: str = "", media: str = "") -> Pairs:
    """The parameters of a callback, in order: those of its body, if it has some, else of its query.

    `query` and `body` hold each byte as one character. What is no UTF-8 is kept with U+FFFD in its place.

    >>> parameters("status=soft%20bounced&mobile=61491570156&empty=")
    [('status', 'soft bounced'), ('mobile', '61491570156'), ('empty', '')]
    >>> parameters("campaign=7", '{"status": "delivered", "user_id": 9}', "application/json")
    [('status', 'delivered'), ('user_id', '9')]
    """
    return in_body(body, media) or in_query(query)


def own_parameters(query: str, body: str = "", media: str = "") -> Pairs:
    """The parameters of an address to which a body came: the user's own, whatever their names.

    >>> own_parameters("campaign=7", "status=delivered"), own_parameters("status=delivered")
    ([('campaign', '7')], [])
    """
    return in_query(query) if in_body(body, media) else []


def signed_parameters(query: str, body: str = "", media: str = "") -> Iterator[Pairs]:
    """What a signature may be over: all parameters in the order in which they came, or the form alone.

    >>> list(signed_parameters("campaign=7", "status=delivered"))
    [[('campaign', '7'), ('status', 'delivered')], [('status', 'delivered')]]
    """
    told, own = parameters(query, body, media), own_parameters(query, body, media)
    yield [*own, *told]
    if own:
        yield told


def in_query(text: str) -> Pairs:
    """The url-encoded parameters of a query or form."""
    return parse_qsl(text.encode("latin-1", "replace").decode("utf-8", "replace"), keep_blank_values=True)


def in_body(body: str, media: str) -> Pairs:
    """The parameters of a body: a form in either encoding, or one JSON object; else none."""
    if not body.strip():
        return []
    raw, kind = body.encode("latin-1", "replace"), media.lower()
    if kind.startswith("multipart/"):
        return _in_multipart(raw, media)
    if kind.startswith("application/json"):
        return _in_json(raw)
    return in_query(body)


def _in_json(raw: bytes) -> Pairs:
    try:
        values = orjson.loads(raw)
    except ValueError:
        return []
    if not isinstance(values, dict):
        return []
    return [
        (name, one if isinstance(one, str) else orjson.dumps(one).decode()) for name, one in values.items()
    ]


def _in_multipart(raw: bytes, media: str) -> Pairs:
    head = b"Content-Type: " + media.encode("latin-1", "replace").replace(b"\n", b"").replace(b"\r", b"")
    try:
        message = BytesParser(policy=HTTP).parsebytes(head + b"\r\n\r\n" + raw)
        parts = list(message.iter_parts()) if message.is_multipart() else []
        return [
            (
                str(part.get_param("name", header="content-disposition") or ""),
                _text_of(part.get_payload(decode=True)),
            )
            for part in parts
        ]
    except Exception:  # a parser of mail that meets what is no mail: the raw body is kept all the same
        return []


def _text_of(payload: object) -> str:
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
