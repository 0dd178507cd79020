"""Mails, and pages with files within them, without somebody: each part is put right as a file by itself.

What is coded (base64, quoted-printable) is put right decoded, and coded again. Imports `store.forgotten` and
`reasons`.
"""

from __future__ import annotations

import base64
import quopri
import re
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes
from email.errors import MessageError
from email.generator import BytesGenerator
from email.header import Header, decode_header, make_header
from email.message import Message
from io import BytesIO
from itertools import count
from mimetypes import guess_extension
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote_to_bytes

from smsdata.forgetting.reasons import ENCRYPTED, LEFT, NUMBER, Found, Left
from smsdata.store.forgotten import Forgotten

_ENDINGS = frozenset({".eml", ".mht", ".mhtml", ".mbox"})
_HEAD = re.compile(rb"(?:From [^\n]*\n)?(?:[A-Za-z][\w-]*:[^\n]*\n(?:[ \t][^\n]*\n)*)+\r?\n")
_OF_MAIL = re.compile(rb"(?im)^(?:mime-version|content-type|received|message-id|subject):")
_NEXT_MAIL = re.compile(rb"(?m)^(?=From [^\n]*\d\d:\d\d[^\n]*\n)")
_SEALED = frozenset({"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})
_DATA = re.compile(rb"(data:([\w.+/-]*)(?:;[\w=.+-]+)*;base64,)((?:[A-Za-z0-9+/=\s]|\\/|%[0-9A-Fa-f]{2})+)")

Inner = Callable[[PurePath, bytes], Left]
"""How a part is put right, by its name and content."""


def is_mail(path: PurePath, content: bytes) -> bool:
    """Whether a file is a mail, a mailbox or a web archive, by its name or its first lines."""
    if path.suffix.lower() in _ENDINGS:
        return True
    head = _HEAD.match(content[:65_536])
    return head is not None and len(_OF_MAIL.findall(head[0])) >= 2


def mail_left(content: bytes, gone: Forgotten, inner: Inner) -> Left:
    """A mail or a mailbox without somebody: heads, texts and what is attached."""
    told, made = Left(), []
    box = content.startswith(b"From ")
    mails = [one for one in _NEXT_MAIL.split(content) if one] if box else [content]
    for number, raw in enumerate(mails, start=1):
        found, left = _one_mail_left(raw, gone, inner, box=box)
        place = f"mail {number}, " if len(mails) > 1 else ""
        told.found += [replace(one, place=place + one.place) for one in found]
        made.append(raw if left is None else left)
    if b"".join(made) != content:
        told.content = b"".join(made)
    return told


def _one_mail_left(
    raw: bytes, gone: Forgotten, inner: Inner, *, box: bool
) -> tuple[list[Found], bytes | None]:
    mail: Any = message_from_bytes(raw)
    found: list[Found] = []
    changed = False
    for number, part in enumerate(mail.walk()):
        heads = _heads_changed(part, gone)
        if heads:
            found.append(Found("head" if part is mail else f"head of part {number}", heads, NUMBER))
        if part.get_content_type() in _SEALED:
            found.append(Found(f"part {number}", 1, LEFT, ENCRYPTED))
        told, body = _body_changed(part, number, inner)
        found += told
        changed |= bool(heads) or body
    if not changed:
        return found, None
    sink = BytesIO()
    policy = mail.policy.clone(linesep="\r\n" if b"\r\n" in raw else "\n")
    BytesGenerator(sink, mangle_from_=box, maxheaderlen=0, policy=policy).flatten(mail, unixfrom=box)
    return found, sink.getvalue()


def _heads_changed(part: Message, gone: Forgotten) -> int:
    """Put the lines of a head right, also those that are coded; gives how many changed."""
    heads: list[tuple[str, Any]] = []
    changed = 0
    for name, value in part.raw_items() if hasattr(part, "raw_items") else part.items():
        text, plain = str(value), _decoded_head(value)
        left = gone.text(plain)
        changed += left != plain
        heads.append((name, text if left == plain else left if left.isascii() else Header(left).encode()))
    if changed:
        for name in {name for name, _ in heads}:
            del part[name]
        for name, text in heads:
            part[name] = text
    return changed


def _decoded_head(value: Any) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, ValueError, MessageError):
        return str(value)


def _body_changed(part: Message, number: int, inner: Inner) -> tuple[list[Found], bool]:
    """Put the body of a part right, as a file of its own."""
    if part.is_multipart():
        return [], False
    body: Any = part.get_payload(decode=True)
    name = PurePath(part.get_filename() or f"part {number}{_ending_of(part.get_content_type())}")
    left = inner(PurePath(name.name), body or b"")
    found = [
        replace(one, place=f"{name.name}, {one.place}" if one.place else name.name) for one in left.found
    ]
    if left.content is None:
        return found, False
    coded = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if coded == "base64":
        text = base64.encodebytes(left.content).decode()
    elif coded == "quoted-printable":
        text = quopri.encodestring(left.content).decode()
    else:
        text = left.content.decode("ascii", "surrogateescape")
    part.set_payload(text)
    return found, True


def _ending_of(kind: str) -> str:
    return guess_extension(kind) or ".txt"


def with_coded_files_left(content: bytes, inner: Inner) -> tuple[bytes, list[Found]]:
    """A page without somebody in the files that it holds as ``data:...;base64,``, and what was in them."""
    found: list[Found] = []
    numbers = count(1)

    def left_of(one: re.Match[bytes]) -> bytes:
        number = next(numbers)
        try:
            raw = base64.b64decode(unquote_to_bytes(one[3].replace(b"\\/", b"/")))
        except ValueError:
            return one[0]
        left = inner(PurePath(f"a{_ending_of(one[2].decode())}"), raw)
        found.extend(replace(each, place=_within_page(number, each.place)) for each in left.found)
        return one[0] if left.content is None else one[1] + base64.b64encode(left.content)

    return _DATA.sub(left_of, content), found


def _within_page(number: int, place: str) -> str:
    return f"data {number}, {place}" if place else f"data {number}"
