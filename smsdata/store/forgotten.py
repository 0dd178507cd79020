"""Who is forgotten, by keyed hashes alone, and the doors at which their numbers are kept out of the store.

A person who was forgotten has one small file below ``.smsdata/forgotten``: the stand-in that took the place
of the number, and a keyed hash of each way in which the number is written. The key lies outside the store.
Whatever comes in (a page, a row, a callback) is compared by its hash: a number that is known gets its
stand-in, and what else such a row says of a person is dropped. So rows are counted as before, and nobody can
be found in them. Imports `records`, `disk`, `schema`, `settings`, `key_files` and `errors`.
"""

from __future__ import annotations

import hmac
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.errors import SmsDataError, StoreError
from smsdata.key_files import key_fingerprint, key_in_file
from smsdata.schema.callback_marks import without_people
from smsdata.schema.callbacks import own_parameters, parameters
from smsdata.schema.frames import with_column
from smsdata.schema.kinds import json_text
from smsdata.schema.number_runs import (
    IN_COLUMNS,
    may_hold_a_number,
    only_number_in,
    with_numbers_replaced,
)
from smsdata.schema.tables import TABLES
from smsdata.settings import expanded, settings
from smsdata.store.disk import Disk
from smsdata.store.records import damaged_record, read_record, record_bytes

if TYPE_CHECKING:
    from smsdata.store.spool import Callback

OPTED_OUT, OPTED_IN, TO_BE_READ = "STOP", "START", "maybe STOP"
"""What is left of a reply by which a person opted out, opted in, or may have opted out; nothing of others."""
Reading = Callable[[str, str], str]
"""What is left of a reply, from its text and that of the message it answers: such a word, or nothing."""
Cell = Callable[[Any, str], Any]
"""What is left of one value, from it and the name of its column."""
PERSONAL = frozenset({
    "first_name", "last_name", "firstname", "lastname", "name", "contact", "email", "user_id", "fields",
    "extra", "message", "response", "original_message", "welcome_message", "member_message", "description",
})  # fmt: skip
"""The columns that say something of a person, in a row that has the person's number."""

WHOSE = ("msisdn", "mobile", "number", "phone")
"""The names under which a row has the number of the person it is about, those of ours first."""
TEXTS = frozenset({"message", "response", "original_message"})
"""The columns of texts of messages and replies."""
_CONTAINERS = frozenset({"messages", "recipients", "responses", "members", "records", "list", "stats"})
_OF_CALLBACKS = frozenset({"datetime", "datetime_entry", "response_id", "is_optout", "link_hits", "type"})
KEPT = (
    frozenset(
        wire
        for table in TABLES.values()
        for column in table.columns
        if column.name not in PERSONAL
        for wire in (column.name, column.wire, *column.also)
    )
    | _CONTAINERS
    | _OF_CALLBACKS
)
_LINKS = frozenset({"link", "url", "link_url", "target_url"})
_PLACES = frozenset({"", "index", "level_0"})
"""The names under which files have the place of a row, which pandas calls its index."""
_EXPONENT = re.compile(r"\d[.,]\d{4,}[eE]\+?\d\d?")
_STAND_IN = re.compile(r"forgotten-[a-p]{1,24}")
_SURELY_NO_ID, _NO_PHONE = 10**10, 10**6
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
KEY_LOST_AT = "key_lost_at"
"""Since when the key of somebody's hashes is given up, in what is kept of that person."""
_NO_KEY = (
    "Without it the next sync would bring people back who were forgotten, so nothing is stored. If it is "
    "lost for good, `smsdata forget --key-lost` says what that costs, and goes on."
)
_ADVICE = "Restore it from a backup: without it the next sync would bring a person back who was forgotten."


class Forgotten:
    """Some people who are forgotten: tells their numbers by their hashes, and takes them out of what comes.

    Parameters
    ----------
    key
        The key of the hashes.
    people
        By the hash of each spelling of a number, its stand-in.
    left_of_reply
        What is left of the text of a reply.
    pattern
        A pattern (RE2) that every spelling of the numbers fits, where these are known; else any number does.
    bare
        The spellings without country code and 0, where they are known: in files of others such digits alone
        are no phone number but in a column that says so.
    """

    def __init__(
        self,
        key: bytes,
        people: Mapping[str, str],
        left_of_reply: Reading = lambda _text, _answered: "",
        pattern: str = IN_COLUMNS,
        bare: Iterable[str] = (),
    ) -> None:
        self._key = key
        self._people = dict(people)
        self._left_of_reply = left_of_reply
        self._pattern = pattern
        self.bare = frozenset(bare)
        self._names = frozenset(self._people.values())
        self._known = lru_cache(maxsize=100_000)(self._looked_up)

    def __bool__(self) -> bool:
        return bool(self._people)

    def stand_in(self, number: str) -> str | None:
        """What stands for a number, spelled in digits; None for whoever is not forgotten."""
        return self._known(number) if self._people else None

    def _looked_up(self, digits: str) -> str | None:
        return self._people.get(number_hash(self._key, digits))

    def keyed_number(self, number: int) -> int:
        """A negative number that follows from another under the key."""
        return -1 - int(number_hash(self._key, f"hit {number}")[:15], 16)

    # ---- texts and JSON --------------------------------------------------------------------------

    def text(self, text: str) -> str:
        """A text with a stand-in for each number that is forgotten, however grouped; JSON stays JSON."""
        if not self._people or not may_hold_a_number(text):
            return text
        if text[:1] in ("{", "[") and (left := self._json(text)) is not None:
            return left
        return with_numbers_replaced(text, self._known)

    def _json(self, text: str) -> str | None:
        try:
            value = json.loads(text)
            left = self.value(value)
        except (ValueError, RecursionError):
            return None
        return text if left == value else _json_of(left)

    def value(self, value: Any, name: str = "") -> Any:
        """A JSON value without people who are forgotten: of their objects only harmless keys stay.

        `name` is the key under which it stands: a short whole number under one such as ``message_id`` is no
        phone's.
        """
        if isinstance(value, dict):
            if any(self.whose(value.get(whose)) for whose in WHOSE) and self.is_own(value):
                return self.of_person(value)
            return {self.text(key): self.value(one, key) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one, name) for one in value]
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int | float) and (value >= _SURELY_NO_ID or not _is_id(name)):
            return self._one(value) or value
        return value

    def _one(self, value: Any) -> str | None:
        """The stand-in of a number, whatever its type and however it is grouped; None for any other value."""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return None
        if not isinstance(value, str) and (value < 0 or value % 1):
            return None  # an amount, or a place on a map
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
        digits = only_number_in(text.strip("'=\"").removesuffix(".0")) if self._people else ""
        return self._known(digits) if digits else None

    def whose(self, value: Any) -> str | None:
        """The stand-in of a number that is all a cell says, ornaments apart; None where it says another too.

        Ornaments are words and signs (``tel:+61...``, ``... (work)``), and the exponent of a spreadsheet.
        """
        if (one := self._one(value)) is not None or not isinstance(value, str) or not self._people:
            return one
        if _EXPONENT.fullmatch(value.strip()):
            return self._one(float(value.strip().replace(",", ".")))
        left = with_numbers_replaced(value, self._known)
        names = set(_STAND_IN.findall(left)) - set(_STAND_IN.findall(value))
        return names.pop() if len(names) == 1 and not may_hold_a_number(_STAND_IN.sub("", left)) else None

    def is_own(self, facts: Mapping[str, Any]) -> bool:
        """Whether a row is about somebody: the first of its columns of numbers that says one says theirs.

        What stands in a later one is told to somebody else, such as who brought that person along.
        """
        first = first_number(facts)
        return first is not None and (first in self._names or self.whose(first) is not None)

    def of_person(self, facts: Mapping[str, Any], cell: Cell | None = None) -> dict[str, Any]:
        """What is left of a row about somebody: harmless values, put right by `cell` in files of others."""
        answered, left_in = facts.get("original_message"), cell or self.value
        left: dict[str, Any] = {}
        for name, value in facts.items():
            if is_whose(name):
                left[name] = self.whose(value) or left_in(value, name)
            elif name == "response" and isinstance(value, str):
                left[name] = self._reply(value, answered if isinstance(answered, str) else "")
            elif name in TEXTS:
                left[name] = "" if isinstance(value, str) else left_in(value, name)
            elif name in _LINKS and isinstance(value, str):
                left[name] = _bare_link(value)
            elif name in KEPT or (cell is not None and name in _PLACES and _is_small(value)):
                left[name] = left_in(value, name)
        return left

    def _reply(self, text: str | None, answered: str) -> str | None:
        known = (None, "", OPTED_OUT, OPTED_IN, TO_BE_READ)
        return text if text in known else self._left_of_reply(text or "", answered)

    def body(self, body: bytes) -> bytes:
        """A body without people who are forgotten; the same bytes where it names none."""
        try:
            value = json.loads(body)
        except ValueError:
            return self.text(body.decode(errors="surrogateescape")).encode(errors="surrogateescape")
        left = self.value(value)
        return body if left == value else json.dumps(left).encode()

    def callback(self, one: Callback) -> Callback:
        """A callback without people who are forgotten; a signature goes with what it signed."""
        told = (one.query, one.body, one.media)
        fields = dict([*own_parameters(*told), *parameters(*told)])
        left = self.value(fields)
        if left == fields and (self.text(one.query), self.text(one.body)) == (one.query, one.body):
            return one
        return replace(one, query=urlencode(left), body="", media="", signature="")

    # ---- rows ------------------------------------------------------------------------------------

    def rows(self, rows: pa.Table, cell: Cell | None = None) -> tuple[pa.Table, int]:
        """Rows without people who are forgotten, as many as before; and how many of them changed.

        Of rows of files of others, whose cells `cell` puts right, texts in columns that no table has go too.
        """
        if not self._people or not rows.num_rows:
            return rows, 0
        rows = _with_plain_texts(rows)
        before = rows
        for field in rows.schema:
            if field.type == pa.string():
                rows = self._column(rows, field.name, cell)
        theirs = self.own_rows(rows)
        if theirs is not None:
            rows = self._blanked(rows, theirs, ours=cell is None)
        return rows, _rows_that_differ(before, rows)

    def _column(self, rows: pa.Table, name: str, cell: Cell | None) -> pa.Table:
        values = rows.column(name)
        whose = is_whose(name)
        pattern = f"{self._pattern}|[eE][+]?[0-9]" if whose else self._pattern
        hits = pc.fill_null(pc.match_substring_regex(values, pattern), False)
        if not pc.any(hits).as_py():
            return rows
        texts = values.filter(hits).to_pylist()
        left_in = cell or (lambda text, _name: self.text(text))
        made = {text: (self.whose(text) if whose else None) or left_in(text, name) for text in set(texts)}
        if all(text == left for text, left in made.items()):
            return rows
        left = pa.array([made[text] for text in texts], pa.string())
        return with_column(rows, name, pc.replace_with_mask(values.combine_chunks(), _one(hits), left))

    def own_rows(self, rows: pa.Table) -> pa.Array | None:
        """Which rows, with stand-ins in them, are about somebody; None where none is."""
        fields = [field for field in rows.schema if is_whose(field.name)]
        among, names = pa.array(sorted(self._names), pa.string()), [field.name for field in fields]
        texts = [field.name for field in fields if field.type == pa.string()]
        said = [_one(pc.fill_null(pc.is_in(rows.column(name), among), False)) for name in texts]
        may_be = reduce(pc.or_, said) if said else pa.array([], pa.bool_())
        if not pc.any(may_be).as_py():
            return None
        own = [self.is_own(facts) for facts in rows.select(names).filter(may_be).to_pylist()]
        return pc.replace_with_mask(may_be, may_be, pa.array(own, pa.bool_()))

    def _blanked(self, rows: pa.Table, mask: pa.Array, *, ours: bool) -> pa.Table:
        own = rows.filter(mask)
        for field in rows.schema:
            known = ours or field.name in KEPT or is_whose(field.name)
            if field.type == pa.string() and (field.name in PERSONAL | _LINKS or not known):
                left = pa.array(self._left_in(own, field.name), pa.string())
                values = _one(rows.column(field.name))
                rows = with_column(rows, field.name, pc.replace_with_mask(values, mask, left))
        return rows

    def _left_in(self, own: pa.Table, name: str) -> list[str | None]:
        """What is left in one column of the rows of people who are forgotten."""
        values = own.column(name).to_pylist()
        if name == "extra":
            return without_people(values)
        if name == "response":
            known = "original_message" in own.column_names
            answered = own.column("original_message").to_pylist() if known else [None] * len(values)
            return [self._reply(text, said or "") for text, said in zip(values, answered, strict=True)]
        if name in _LINKS:
            return [None if value is None else _bare_link(value) for value in values]
        blank = "" if name in TEXTS else "{}" if name == "fields" else None
        return [None if value is None else blank for value in values]


def _json_of(value: Any) -> str:
    """Compact JSON, as the store writes it where that loses nothing."""
    try:
        return json_text(value)
    except (ValueError, AttributeError):
        return json.dumps(value, sort_keys=True, separators=(",", ":"))


def column_named(heading: str) -> str:
    """The name of a column as tables have it, from how files of others write it.

    >>> column_named(" First-Name ")
    'first_name'
    """
    return re.sub(r"[^a-z0-9]+", "_", heading.strip(" '").lower())


def names_of(headings: Iterable[str]) -> list[str]:
    """The names of columns as tables have them; the second of one name gets a number after it.

    >>> names_of(["Mobile", "First Name", "first-name"])
    ['mobile', 'first_name', 'first_name 2']
    """
    many: Counter[str] = Counter()
    names = []
    for name in map(column_named, headings):
        many[name] += 1
        names.append(name if many[name] == 1 else f"{name} {many[name]}")
    return names


def is_whose(name: str) -> bool:
    """Whether a column of that name, as tables have it, says whose a row is."""
    return _named_once(name) in WHOSE


def _named_once(name: str) -> str:
    return name.partition(" ")[0]


def first_number(facts: Mapping[str, Any]) -> Any:
    """What the first column of a row says that says whose it is; columns without any number say nothing."""
    names = sorted(filter(is_whose, facts), key=lambda name: WHOSE.index(_named_once(name)))
    return next((facts[name] for name in names if _says_a_number(facts[name])), None)


def _says_a_number(value: Any) -> bool:
    """Whether a value holds what may be a phone number: seven digits, or a stand-in."""
    if isinstance(value, str):
        return any((may_hold_a_number(value), _STAND_IN.search(value), _EXPONENT.search(value)))
    return isinstance(value, int | float | Decimal) and value >= _NO_PHONE


def _is_small(value: Any) -> bool:
    """Whether a value is a number of few digits, as those of rows are."""
    return re.fullmatch(r"[0-9]{1,6}(\.0)?", str(value)) is not None


def _is_id(name: str) -> bool:
    return name == "id" or name.endswith("_id")


def _bare_link(link: str) -> str:
    """A link without what may tell whom it was sent to: where it leads, without its query.

    >>> _bare_link("https://l.example/sale?e=ann@b.example"), _bare_link("https://l.example/u/ann@b.example")
    ('https://l.example/sale', 'https://l.example/')
    """
    bare = re.split(r"[?#]", link, maxsplit=1)[0]
    return bare if "@" not in unquote(bare) else "/".join([*bare.split("/")[:3], ""]) if "//" in bare else ""


def _with_plain_texts(rows: pa.Table) -> pa.Table:
    """The rows of a file of others, whose texts may be large or dictionaries, with plain ones."""
    for at, field in enumerate(rows.schema):
        coded = pa.types.is_dictionary(field.type) and _is_any_text(field.type.value_type)
        if coded or (_is_any_text(field.type) and field.type != pa.string()):
            rows = rows.set_column(at, field.with_type(pa.string()), rows.column(at).cast(pa.string()))
    return rows


def _is_any_text(arrow: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(arrow) or pa.types.is_large_string(arrow) or pa.types.is_string_view(arrow)
    )


def _one(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _rows_that_differ(before: pa.Table, after: pa.Table) -> int:
    """How many rows changed; only texts can, and no NaN of others counts as changed."""
    if before is after:
        return 0
    differs = pa.array([False] * before.num_rows)
    for name in (field.name for field in before.schema if field.type == pa.string()):
        old, new = before.column(name), after.column(name)
        if not old.equals(new):
            same = pc.fill_null(pc.equal(old, new), pc.and_(pc.is_null(old), pc.is_null(new)))
            differs = pc.or_(differs, pc.invert(same))
    return int(pc.sum(differs).as_py() or 0)


# ---- hashes ----------------------------------------------------------------------------------------


def number_hash(key: bytes, digits: str) -> str:
    """The keyed hash (HMAC-SHA256, RFC 2104) of a number in one spelling, 32 hexadecimal digits."""
    return hmac.digest(key, b"forgotten\0" + digits.encode(), "sha256").hex()[:32]


def stand_in_of(key: bytes, msisdn: str) -> str:
    """What takes the place of a number: a word without digits, which no helper takes for a number."""
    return "forgotten-" + number_hash(key, msisdn)[:24].translate(_LETTERS)


# ---- what the store keeps of them ------------------------------------------------------------------


class ForgottenPeople:
    """The files of those who are forgotten in one store, in its private folder.

    Parameters
    ----------
    private, disk
        The store's private folder, and how durable files are written in it.
    left_of_reply
        What is left of the text of a reply, for whoever reads replies.
    """

    def __init__(
        self, private: Path, disk: Disk, left_of_reply: Reading = lambda _text, _answered: ""
    ) -> None:
        self.folder = private / "forgotten"
        self._disk = disk
        self._left_of_reply = left_of_reply
        self._nobody = Forgotten(b"", {})
        self._read: tuple[int, Forgotten] = (0, self._nobody)

    def records(self) -> list[dict[str, Any]]:
        """What is kept of each, oldest first.

        Raises
        ------
        StoreError
            A file is damaged or cannot be read.
        """
        try:
            files = sorted(path for path in self.folder.iterdir() if path.suffix == ".json")
        except FileNotFoundError:
            return []
        records = []
        for file in files:
            facts = read_record(file, _ADVICE)
            if not facts.keys() >= {"stand_in", "hashes", "key", "begun_at", "done_at", "places"}:
                raise damaged_record(file, _ADVICE)
            records.append(facts)
        return sorted(records, key=lambda facts: str(facts["begun_at"]))

    def write(self, facts: Mapping[str, Any]) -> None:
        """Keep what is to be known of one, durably."""
        self._disk.folder(self.folder)
        self._disk.replace(self.folder / f"{facts['stand_in']}.json", record_bytes(facts))

    def now(self) -> Forgotten:
        """Those who are forgotten by now; another process may have added to them.

        Raises
        ------
        StoreError
            The key is not there, is none, or is another one: nothing may be stored without it.
        """
        try:
            changed = self.folder.stat().st_mtime_ns
        except FileNotFoundError:
            return self._nobody
        if self._read[0] != changed:
            records = self.records()
            key = _key_of(records, self.folder)
            known = [facts for facts in records if facts["key"] == key_fingerprint(key)]
            people = {one: facts["stand_in"] for facts in known for one in facts["hashes"]}
            self._read = changed, Forgotten(key, people, self._left_of_reply)
        return self._read[1]

    def key_fault(self) -> str:
        """What is wrong with the key, and what to do; empty where it is there, or nobody is forgotten."""
        try:
            _key_of(self.records(), self.folder)
        except StoreError as error:
            return str(error)
        return ""


def _key_of(records: list[dict[str, Any]], folder: Path) -> bytes:
    """The key of those who are forgotten; of no use where the keys of all of them were given up."""
    under = [facts for facts in records if not facts.get(KEY_LOST_AT)]
    try:
        key = forget_key(make=False) if records else b""
    except SmsDataError as error:
        if not under:
            return b""
        raise StoreError(f"{error} {_NO_KEY}") from None
    if any(facts["key"] != key_fingerprint(key) for facts in under):
        raise StoreError(
            f"{folder} was made with another key than that in {expanded(settings().forget_key)}: "
            "put that one back from a backup, or set SMSDATA_FORGET_KEY to where it lies. "
            f"{_NO_KEY}"
        )
    return key


def forget_key(*, make: bool) -> bytes:
    """The key of forgotten numbers, of the file that is set; made where there is none and `make` says so."""
    path = expanded(settings().forget_key)
    return key_in_file(path, "forgotten numbers", "SMSDATA_FORGET_KEY", make=make)


def hashes_of(key: bytes, spellings: Iterable[str]) -> list[str]:
    """The hash of each spelling of a number."""
    return sorted({number_hash(key, digits) for digits in spellings})
