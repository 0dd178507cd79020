"""What was done with a file, or why it is left as it is, and what its owner can do. Imports nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

WHOLE, NUMBER, LEFT = "rewritten", "number only", "left"
"""What is done with a file: all that it says of the person goes; the number alone, for whose row a line is
cannot be told; or nothing, for it cannot be put right."""

DAMAGED = "it is damaged, locked or cut off, so nobody can tell what it says: remove it, or make it anew"
ENCRYPTED = "it is encrypted, and nobody can tell what it says: decrypt it and put that right, or remove it"
NO_TEXT = "it holds the number and is in no format that can be rewritten: remove it, or make it anew"
TOO_LARGE = (
    "it is no plain file, or larger than 1 GiB, and was not read: search and cut it yourself, or remove it"
)
UNREADABLE = "it cannot be read: give yourself the right to, then run this again, or remove it"
TOO_MUCH = "it holds more than 1 GiB unpacked: unpack it, and name what it holds with --also"
TOO_DEEP = "archives lie too deep within each other: unpack it, and name what it holds with --also"
TWICE = "it holds two files of one name: unpack it, and name what it holds with --also"
A_STORE = "it holds a store, which is sealed file by file: unpack it, forget in that store, and pack it again"
OPEN = "another program has it open, or did not close it: end that program, then run this again"
NO_PLACE = (
    "the number stands in it where nothing else may stand (a key, a full-text table, a column of a strict "
    "type), or its format is not known in full: delete those rows with its own program, or remove the file"
)
A_RULE = (
    "a rule of a table in it (CHECK, UNIQUE, NOT NULL, a strict type) allows nothing in the place of the "
    "number: delete those rows with its own program, or remove the file"
)
A_TYPE = (
    "a table in it that holds the number has a column of a type that smsdata cannot rewrite (UNION): delete "
    "those rows with its own program, or remove the file"
)
STILL = (
    "the number stands in it where smsdata cannot rewrite it, such as a name, a freed page or a text in "
    "pieces: remove it, or make it anew without that person"
)
UNSEEN = "it could not be searched, so nobody can tell what it says: look yourself, then remove or keep it"
UNKNOWN = (
    "not looked into, for its format is not known: a whole number in it, such as in a .npy or a pickle, is "
    "not found by its digits: look yourself, then keep or remove it"
)
LINK = "it is a link to a file elsewhere that holds the number: name that one with --also"
HARD_LINK = (
    "it has another name too (hard link), which keeps what it held: find it with `find -samefile` before the "
    "file is rewritten, and name it with --also, or search that disk for the number"
)
LEADS = (
    "it is a link whose target bears the number in its name: remove it, or rename the target and link anew"
)
BY_NAME = "its name or that of its folder holds the number: rename or delete it"
_BEGINS: dict[str, tuple[bytes, ...]] = {
    "nobody can tell what such an archive holds: unpack it, name that with --also, and remove it": (
        b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a", b"MSCF\0\0\0\0", b"\x04\x22\x4d\x18", b"\x1f\x9d", b"LZIP\1",
    ),
    "such a document (PDF, rich text, Office of before 2007, a mail of Outlook) cannot be searched: look "
    "yourself, then make it anew or remove it": (b"%PDF-", b"\xd0\xcf\x11\xe0", b"{\\rtf"),
    ENCRYPTED: (b"-----BEGIN PGP MESSAGE", b"age-encryption.org/"),
}  # fmt: skip
_FORMAT = "nobody can tell what is packed in this format: make it anew from the store, or remove it"


class CannotRewrite(ValueError):
    """A file is left as it is; the message is why, and what to do."""


def why_sealed(content: bytes) -> str:
    """Why nobody can tell what a file holds, by how it begins and ends; empty for any other."""
    rows = content[:3] == b"ORC" == content[-4:-1] or content[:4] in (b"Obj\1", b"\x89HDF")
    if rows or (content[:4] in (b"FEA1", b"PARE") and content[-4:] == content[:4]):
        return _FORMAT
    return next((why for why, begins in _BEGINS.items() if content.startswith(begins)), "")


@dataclass(frozen=True, slots=True)
class Found:
    """Where somebody stood in a file: the place within it, how often, what is done, and of what is left why.

    `why` says what to do too; `place` is empty for the file itself.
    """

    place: str
    count: int
    what: str
    why: str = ""


@dataclass
class Left:
    """A file without somebody: its content, None where nothing changes; and where that person stood."""

    content: bytes | None = None
    found: list[Found] = field(default_factory=list)
