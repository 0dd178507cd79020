"""The two ends of an exchange as bytes: parameters in three forms, answers in two.

A request brings its parameters in the query string, in a url-encoded body or in a multipart body. An answer
is JSON or, where the path ends in ``.xml``, the same content in XML. Imports nothing of this package.
"""

from __future__ import annotations

import email
import json
import re
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_A_NAME = re.compile(r"[^\w.-]")


def request_pairs(query: bytes, body: bytes, content_type: str = "") -> list[tuple[str, str]]:
    r"""Parameters of the query string, then of the body.

    A body is multipart where its content type says so, else url-encoded. Bytes that are no UTF-8 become
    U+FFFD.

    Examples
    --------
    >>> request_pairs(b"page=2", b"to=61491570156&message=Hi%20Ana")
    [('page', '2'), ('to', '61491570156'), ('message', 'Hi Ana')]
    >>> head = b"--b\r\nContent-Disposition: form-data; name=message\r\n\r\n"
    >>> request_pairs(b"", head + b"Hi\r\nAna\r\n--b--", "multipart/form-data; boundary=b")
    [('message', 'Hi\r\nAna')]
    """
    if content_type.lower().startswith("multipart/form-data"):
        return _encoded_pairs(query) + _multipart_pairs(body, content_type)
    return _encoded_pairs(query) + _encoded_pairs(body)


def _encoded_pairs(encoded: bytes) -> list[tuple[str, str]]:
    return parse_qsl(encoded.decode("utf-8", "replace"), keep_blank_values=True)


def _multipart_pairs(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """The named parts of a form; a part with an unreadable head is left out."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    pairs = []
    for part in email.message_from_bytes(head + body).walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            pairs.append((name, content.decode("utf-8", "replace")))
    return pairs


def json_as_xml(encoded: bytes) -> bytes:
    """An answer in JSON as the XML of the same content, keys in the same order.

    An array is its key's element with one ``<item>`` per entry; null, "", ``[]`` and ``{}`` are empty
    elements. Two things are guesses: a key that is no element name (a custom field may be called anything)
    has "_" in the place of what a name cannot hold, and before a first character that cannot begin one; a
    character that XML cannot hold becomes U+FFFD.

    Examples
    --------
    >>> print(json_as_xml(b'{"list_ids": [7, 8], "name": null, "opt-outs": true, "2nd": "a<b"}').decode())
    <?xml version="1.0"?>
    <response><list_ids><item>7</item><item>8</item></list_ids><name/><opt-outs>true</opt-outs><_2nd>a&lt;b</_2nd></response>
    """
    return f'<?xml version="1.0"?>\n{_element("response", json.loads(encoded))}'.encode()


def _element(key: str, value: Any) -> str:
    name = element_name(key)
    if isinstance(value, dict):
        inner = "".join(_element(*pair) for pair in value.items())
    elif isinstance(value, list):
        inner = "".join(_element("item", entry) for entry in value)
    elif isinstance(value, str):
        inner = escape(_NOT_IN_XML.sub("\ufffd", value), {"\r": "&#13;"})  # a parser reads a bare one as \n
    else:
        inner = "" if value is None else json.dumps(value)
    return f"<{name}>{inner}</{name}>" if inner else f"<{name}/>"


def element_name(key: str) -> str:
    """A key as the name of an element.

    Examples
    --------
    >>> element_name("Shoe size"), element_name("1st"), element_name("opt-outs"), element_name("")
    ('Shoe_size', '_1st', 'opt-outs', '_')
    """
    name = _NOT_IN_A_NAME.sub("_", key)
    return name if re.match(r"[^\W\d]", name) else f"_{name}"
