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
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.compute as pc

from smsdata.errors import StoreError
from smsdata.key_files import key_fingerprint, key_in_file
from smsdata.schema.callback_marks import without_people
from smsdata.schema.callbacks import own_parameters, parameters
from smsdata.schema.frames import with_column
from smsdata.schema.tables import TABLES
from smsdata.settings import expanded, settings
from smsdata.store.disk import Disk
from smsdata.store.records import damaged_record, read_record, record_bytes

if TYPE_CHECKING:
    from smsdata.store.spool import Callback

OPTED_OUT = "STOP"
"""What is left of a reply by which a person opted out; of any other nothing is."""
PERSONAL = frozenset({
    "first_name", "last_name", "firstname", "lastname", "name", "contact", "email", "user_id", "fields",
    "extra", "message", "response", "original_message", "welcome_message", "member_message", "description",
})  # fmt: skip
"""The columns that say something of a person, in a row that has the person's number."""

_WHOSE = ("msisdn", "mobile", "number")
_TEXTS = frozenset({"message", "response", "original_message"})
_CONTAINERS = frozenset({"messages", "recipients", "responses", "members", "records", "list", "stats"})
_OF_CALLBACKS = frozenset({"datetime", "datetime_entry", "response_id", "is_optout", "link_hits", "type"})
_KEPT = (
    frozenset(
        wire
        for table in TABLES.values()
        for column in table.columns
        if column.name not in PERSONAL
        for wire in (column.wire, *column.also)
    )
    | _CONTAINERS
    | _OF_CALLBACKS
)
_RUN = re.compile(r"\+?[0-9](?:[\s().\-/]{0,2}[0-9]){6,}")
_MAY_HOLD_ONE = r"[0-9]([\s().\-/]{0,2}[0-9]){6}"
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
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
        What is left of the text of a reply: `OPTED_OUT`, or nothing.
    pattern
        A pattern (RE2) that every spelling of the numbers fits, where these are known; else any number does.
    """

    def __init__(
        self,
        key: bytes,
        people: Mapping[str, str],
        left_of_reply: Callable[[str], str] = lambda _text: "",
        pattern: str = _MAY_HOLD_ONE,
    ) -> None:
        self._key = key
        self._people = dict(people)
        self._left_of_reply = left_of_reply
        self._pattern = pattern
        self._stand_ins = pa.array(sorted(set(self._people.values())), pa.string())
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
        """A text with a stand-in for each number that is forgotten, however it is grouped."""
        return _RUN.sub(lambda run: self._run(run[0]), text) if self._people else text

    def _run(self, run: str) -> str:
        groups = list(re.finditer(r"\+?[0-9]+", run))
        made, at, first = [], 0, 0
        while first < len(groups):
            last, name = self._number_from(groups, first)
            if name is not None:
                made += [run[at : groups[first].start()], name]
                at, first = groups[last].end(), last
            first += 1
        return "".join([*made, run[at:]])

    def _number_from(self, groups: list[re.Match[str]], first: int) -> tuple[int, str | None]:
        """Where the longest known number ends that begins with a group of digits, and its stand-in."""
        digits, known = "", cast("tuple[int, str | None]", (first, None))
        for last in range(first, len(groups)):
            digits += groups[last][0].removeprefix("+")
            if len(digits) > 19:
                break
            if len(digits) >= 7 and (name := self._known(digits)) is not None:
                known = last, name
        return known

    def value(self, value: Any) -> Any:
        """A JSON value without people who are forgotten: of their objects only harmless keys stay."""
        if isinstance(value, dict):
            whose = any(self._is_one(value.get(name)) for name in _WHOSE)
            return (
                self._of_person(value) if whose else {self.text(k): self.value(v) for k, v in value.items()}
            )
        if isinstance(value, list | tuple):
            return [self.value(one) for one in value]
        if isinstance(value, str):
            return self.text(value)
        return self._known(str(value)) or value if type(value) is int else value

    def _is_one(self, value: Any) -> bool:
        digits = str(value).removeprefix("+") if isinstance(value, str | int) else ""
        return digits.isdigit() and self._known(digits) is not None

    def _of_person(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        kept = {name: self.value(value) for name, value in facts.items() if name in _KEPT - _TEXTS}
        return kept | {name: self._left_of(name, facts[name]) for name in facts if name in _TEXTS}

    def _left_of(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return self.value(value)
        return self._reply(value) if name == "response" else ""

    def _reply(self, text: str | None) -> str | None:
        return text if text in (None, "", OPTED_OUT) else self._left_of_reply(text or "")

    def body(self, body: bytes) -> bytes:
        """A body without people who are forgotten; the same bytes where it names none."""
        try:
            value = json.loads(body)
        except ValueError:
            return self.text(body.decode("latin-1")).encode("latin-1")
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

    def rows(self, rows: pa.Table) -> tuple[pa.Table, int]:
        """Rows without people who are forgotten, as many as before; and how many of them changed."""
        if not self._people or not rows.num_rows:
            return rows, 0
        rows = _with_plain_texts(rows)
        before = rows
        for field in rows.schema:
            if field.type == pa.string():
                rows = self._column(rows, field.name)
        if "msisdn" in rows.column_names:
            theirs = pc.fill_null(pc.is_in(rows.column("msisdn"), value_set=self._stand_ins), False)
            if pc.any(theirs).as_py():
                rows = self._blanked(rows, theirs)
        return rows, _rows_that_differ(before, rows)

    def _column(self, rows: pa.Table, name: str) -> pa.Table:
        values = rows.column(name)
        hits = pc.fill_null(pc.match_substring_regex(values, self._pattern), False)
        if not pc.any(hits).as_py():
            return rows
        texts = values.filter(hits).to_pylist()
        made = {text: self.text(text) for text in set(texts)}
        if all(text == left for text, left in made.items()):
            return rows
        left = pa.array([made[text] for text in texts], pa.string())
        return with_column(rows, name, pc.replace_with_mask(values.combine_chunks(), _one(hits), left))

    def _blanked(self, rows: pa.Table, theirs: pa.ChunkedArray) -> pa.Table:
        for field in rows.schema:
            if field.name in PERSONAL:
                blank = self._blank(rows.column(field.name), field.name)
                rows = with_column(rows, field.name, pc.if_else(theirs, blank, rows.column(field.name)))
        return rows

    def _blank(self, values: pa.ChunkedArray, name: str) -> Any:
        nothing = pa.scalar(None, pa.string())
        if name == "extra":
            return without_people(values)
        if name == "response":
            return pa.chunked_array(
                [pa.array([self._reply(text) for text in values.to_pylist()], pa.string())]
            )
        if name in _TEXTS:
            return pc.if_else(pc.is_null(values), nothing, pa.scalar("", pa.string()))
        if name == "fields":
            return pc.if_else(pc.is_null(values), nothing, pa.scalar("{}", pa.string()))
        return nothing


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
    if before is after:
        return 0
    differs = pa.array([False] * before.num_rows)
    for name in before.column_names:
        old, new = before.column(name), after.column(name)
        if old is not new and not old.equals(new):
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
        What is left of the text of a reply, for whoever reads replies: `OPTED_OUT`, or nothing.
    """

    def __init__(
        self, private: Path, disk: Disk, left_of_reply: Callable[[str], str] = lambda _text: ""
    ) -> None:
        self.folder = private / "forgotten"
        self._disk = disk
        self._left_of_reply = left_of_reply
        self._read: tuple[int, Forgotten] = (0, Forgotten(b"", {}))

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

    def unfinished(self) -> list[str]:
        """What to say of those whom a crash left half forgotten."""
        left = sum(facts["done_at"] is None for facts in self.records())
        if not left:
            return []
        return [f"{left} people are not forgotten in all places yet: run `smsdata forget` again for each."]

    def now(self) -> Forgotten:
        """Those who are forgotten by now; another process may have added to them.

        Raises
        ------
        StoreError
            The key is not there, or is another one: nothing may be stored without it.
        """
        try:
            changed = self.folder.stat().st_mtime_ns
        except FileNotFoundError:
            return Forgotten(b"", {})
        if self._read[0] != changed:
            records = self.records()
            key = forget_key(make=False) if records else b""
            if any(facts["key"] != key_fingerprint(key) for facts in records):
                raise StoreError(
                    f"{self.folder} was made with another key than that of SMSDATA_FORGET_KEY: give that "
                    "one back. Without it the next sync would bring people back who were forgotten."
                )
            people = {one: facts["stand_in"] for facts in records for one in facts["hashes"]}
            self._read = changed, Forgotten(key, people, self._left_of_reply)
        return self._read[1]


def forget_key(*, make: bool) -> bytes:
    """The key of forgotten numbers, of the file that is set; made where there is none and `make` says so."""
    path = expanded(settings().forget_key)
    return key_in_file(path, "forgotten numbers", "SMSDATA_FORGET_KEY", make=make)


def hashes_of(key: bytes, spellings: Iterable[str]) -> list[str]:
    """The hash of each spelling of a number."""
    return sorted({number_hash(key, digits) for digits in spellings})
