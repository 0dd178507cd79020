"""The same rows without people: numbers become pseudonyms, names and texts go.

Owns the key, which lies outside every store, and what is left of each column: what nobody knows to be
harmless is dropped. Pseudonyms are not anonymity: whoever has the key can make them again, and times and
counts of one person can be told from another's. Imports `analysis`, `schema`, `settings`, `key_files` and
`errors`.
"""

from __future__ import annotations

import math
import re
import secrets
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from smsdata.analysis.core.column_types import arrow_table, pandas_type
from smsdata.analysis.core.dialect import quoted
from smsdata.analysis.reply_words import classify_text
from smsdata.errors import UsageError
from smsdata.key_files import KEY_BYTES, is_random, key_in_file
from smsdata.schema.number_spellings import exists, known_region
from smsdata.schema.numbers_in_full import in_full
from smsdata.schema.tables import TABLES
from smsdata.settings import expanded, settings
from smsdata.sharing.keyed_hash import KeyedHash
from smsdata.sharing.known_words import is_known_heading, is_known_word
from smsdata.sharing.languages import fewer_texts, language_of
from smsdata.sharing.one_spelling import as_text, in_one_spelling, is_text_type, with_countries

_PEOPLE = frozenset(
    {"msisdn", "number", "sender", "longcode", "baseline", "account", "keyword", "scope_sender"}
)
_TEXTS = frozenset({"message", "response", "original_message", "answered", "text", "gsm_message", "template"})
_REPLIES = frozenset({"response"})
_IDS = frozenset({"campaign", "client", "list", "list_a", "list_b", "thread", "hit"})
_WORDS = frozenset({
    "status", "type", "action", "rule", "source", "interval", "tier", "kind", "level", "alarm", "scope",
    "direction", "outcome", "encoding", "line_type", "country", "window", "breach", "currency", "outside",
    "timezone", "message_status", "carrier_of_range", "why",
})  # fmt: skip
_NEVER = frozenset({"fields", "extra", "user_id"})
_WHOLE = frozenset({
    column.name for table in TABLES.values() for column in table.stored
    if column.kind in ("int", "id") and column.name.endswith("id")
}) | {"campaign", "client", "list", "list_a", "list_b"}  # fmt: skip
"""Ids that are whole numbers in some table, and so in all: tables join by them, and results with tables."""
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
_LARGEST = 10**7
"""A number of an unknown column may be somebody's from eight digits on."""
_NEVER_A_COUNT = 10**8
_MAY_BE_A_NUMBER = re.compile(r"(?:\d[^\d]{0,3}){6,}")
_LOT = " lot"

Texts = Literal["reduce", "drop"]


def pseudonymise(
    source: Any,
    *,
    key: bytes | str | Path | None = None,
    texts: Texts = "reduce",
    country: str | None = None,
) -> pd.DataFrame:
    """Give the rows of a frame or a scan without people, so that a colleague can work with them.

    Parameters
    ----------
    source
        A pandas DataFrame (a table, or what a helper of `smsdata.analysis` gave) or a scan of a store.
    key
        The key: 32 bytes or more, or a file that holds one; without it the file of the setting
        ``SMSDATA_PSEUDONYM_KEY``, made when it is first needed. Under one key a number has one pseudonym in
        all tables.
    texts
        ``"reduce"`` leaves of a text its length in characters, the language that it seems to be in (two
        letters, empty where nothing tells) and, of a reply, what it says; ``"drop"`` leaves nothing.
    country
        The country (two letters, such as ``"AU"``) of numbers that are written without one, as a row's own
        number does not tell it: so that a person has one pseudonym in all tables.

    Returns
    -------
    DataFrame
        One row per row, by its instants and days and else in an order drawn by lot (a store has them in that
        of the numbers), under a new index, with what is left of its columns:

        - numbers, senders, accounts and keywords (str): ``p`` and 24 letters, HMAC-SHA256 of what
          was there; null where nothing was;
        - ids (those named ``id``, ``..._id`` and the like; Int64): other whole numbers, equal where they were
          equal; as text, pseudonyms;
        - texts: ``..._length`` (Int64), ``..._language`` (str); of ``response`` also
          ``response_class`` (str);
        - words that the gateway and the helpers write, such as a ``status`` (str), instants, days, truth
          values, counts, amounts: as they were; other words, and counts that may be a number, are missing.

        Names, custom fields, ``extra``, links, addresses and every column of text that is not known are
        dropped, and so are columns whose name may be a number, and unknown columns of numbers of eight digits
        and more. Other headings that neither tables nor helpers have, which may name somebody, become
        ``column_`` and the place of the column, counted from 1.

    Raises
    ------
    UsageError
        The key is too short, can be guessed, or is no key; its folder is not there; the source is none;
        `country` is none.
    StoreError
        The key's file cannot be made or read, others may read it, or it lies in a store.

    Warns
    -----
    UserWarning
        If numbers without their country are left: how many. If a key was made: where.

    References
    ----------
    HMAC: RFC 2104 and FIPS 198-1.

    Examples
    --------
    >>> rows = pd.DataFrame({"msisdn": ["61491570156"] * 2, "first_name": "Ann", "status": "delivered"})
    >>> kept = pseudonymise(rows, key=secrets.token_bytes(32))
    >>> list(kept), kept["msisdn"].nunique(), kept["msisdn"].str.len().tolist()
    (['msisdn', 'status'], 1, [25, 25])
    """
    if texts not in ("reduce", "drop"):
        raise UsageError(f"texts={texts!r} is neither 'reduce' nor 'drop'.")
    secret, new_key = key_and_news(key)
    if new_key:
        warnings.warn(new_key, UserWarning, stacklevel=2)
    pseudonyms = Pseudonyms(secret, texts, country)
    if isinstance(source, pd.DataFrame):
        table = whole_table(source)
        schema, pieces = pseudonyms.applied(table.schema, iter([table]), table)
    elif hasattr(source, "sql"):
        import duckdb

        with duckdb.connect(":memory:") as connection:
            connection.execute("SET TimeZone = 'UTC'")
            table = connection.sql(f"SELECT * FROM {source.sql()}").to_arrow_table()
        schema, pieces = pseudonyms.applied(table.schema, iter([table]), None)
    else:
        raise UsageError(f"pseudonymise takes a DataFrame or a scan of a store, not {type(source).__name__}.")
    made = _mixed(pa.concat_tables([schema.empty_table(), *pieces]))
    if pseudonyms.unclear:
        warnings.warn(pseudonyms.unclear, UserWarning, stacklevel=2)
    frame: pd.DataFrame = made.to_pandas(types_mapper=pandas_type)
    if isinstance(source, pd.DataFrame) and len(schema):
        frame.index = pd.RangeIndex(len(frame))
    return frame


def _mixed(table: pa.Table) -> pa.Table:
    """Rows by the instants and days that are left, else drawn by lot: where one stood tells no number."""
    if not table.num_rows:
        return table
    lots = pa.array(np.random.default_rng().permutation(table.num_rows))
    times = [column.name for column in table.schema if _is_time(column.type)]
    keys = [*((name, "ascending") for name in times), (_LOT, "ascending")]
    return table.take(pc.sort_indices(table.append_column(_LOT, lots), sort_keys=keys))


def drawn_by_lot(schema: pa.Schema) -> str:
    """The same order in SQL, for rows that are larger than memory."""
    times = [quoted(column.name) for column in schema if _is_time(column.type)]
    lot = f"md5_number_upper('{secrets.token_hex(16)}' || row_number() OVER ())"
    return f"ORDER BY {', '.join([*times, lot])}"


def _is_time(arrow: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(arrow) or pa.types.is_date(arrow))


def whole_table(frame: pd.DataFrame) -> pa.Table:
    """A frame as Arrow, its named index too; UsageError rather than one without a column of mixed types."""
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    names = [str(name) for name in frame.columns]
    lower = [name.lower() for name in names]
    twice = sorted({name for name, plain in zip(names, lower, strict=True) if lower.count(plain) > 1})
    if twice or not names:
        raise UsageError(
            f"the frame has the column {twice[0]!r} twice, for to a database capitals are small letters."
            if twice
            else "the frame has no columns."
        )
    halves = {name: "float32" for name, kind in frame.dtypes.items() if kind == "float16"}  # DuckDB has none
    try:
        table = arrow_table(frame.astype(halves))
    except OverflowError:
        raise UsageError(
            "the frame holds a whole number beyond 64 bits, which no file can hold as a number: make its "
            "column text, .astype('str')."
        ) from None
    except UnicodeEncodeError:
        raise UsageError(
            "the frame holds text with half of a character (a lone surrogate), which no file can hold. Mend "
            "its column: .str.encode('utf-8', 'replace').str.decode('utf-8')."
        ) from None
    mixed = [name for name in names if name not in table.column_names]
    if mixed:
        raise UsageError(f"column {mixed[0]!r} mixes types: convert it first, .astype('str').")
    return table


class Pseudonyms:
    """Makes rows without people, piece by piece, under one key."""

    def __init__(self, key: bytes, texts: Texts = "reduce", country: str | None = None) -> None:
        self._hash = KeyedHash(key)
        self._texts = texts
        self._country = known_region(country, "pseudonymise: country")
        self._renamed = 0
        self._unclear = 0
        self._dropped: list[str] = []
        self._blanked = 0

    def applied(
        self, schema: pa.Schema, pieces: Iterator[pa.Table], whole: pa.Table | None
    ) -> tuple[pa.Schema, Iterator[pa.Table]]:
        """What is left of a schema and of the rows; `whole` is all of them, if they are in memory."""
        makers: list[tuple[int, list[tuple[str, pa.DataType, Callable[[Any], Any]]]]] = []
        for at, column in enumerate(schema):
            left = self._left_of(column, whole)
            if left and not is_known_heading(column.name):
                left = [(f"column_{at + 1}", arrow, make) for _, arrow, make in left]
                self._renamed += 1
            if not left:
                hidden = _MAY_BE_A_NUMBER.search(column.name)
                self._dropped.append("a column whose name may be a number" if hidden else column.name)
            makers.append((at, left))
        if not any(left for _, left in makers):
            raise UsageError("no column is left without people: take other columns.")
        after = pa.schema([(name, arrow) for _, left in makers for name, arrow, _ in left])

        def made(piece: pa.Table) -> pa.Table:
            piece = with_countries(piece, self._country)
            arrays = [
                _column_of(make(piece.column(at)), arrow) for at, left in makers for _, arrow, make in left
            ]
            return pa.Table.from_arrays(arrays, schema=after)

        return after, (made(piece) for piece in pieces)

    def notes(self) -> list[str]:
        """What was left out, in words."""
        notes = (
            [f"without people: dropped {', '.join(dict.fromkeys(self._dropped))}."] if self._dropped else []
        )
        if self._blanked:
            notes.append(
                f"{self._blanked:,} words that are not known, counts that may be a number, or ids that are "
                "none, are missing."
            )
        if self._renamed:
            notes.append(f"{self._renamed:,} headings that may name somebody became column_ and a place.")
        return [*notes, self.unclear] if self._unclear else notes

    @property
    def unclear(self) -> str:
        """What is to be said of numbers without their country; empty where all have one."""
        if not self._unclear:
            return ""
        return (
            f"{self._unclear:,} numbers lack their country: their person may have another pseudonym in other "
            "tables. Name the country: country=, or --country, such as AU."
        )

    def _left_of(
        self, column: pa.Field, whole: pa.Table | None
    ) -> list[tuple[str, pa.DataType, Callable[[Any], Any]]]:
        """What is left of one column: names, types, and how each is made; empty where it is dropped."""
        name, arrow = column.name, column.type
        if name in _NEVER or _is_odd(arrow) or _MAY_BE_A_NUMBER.search(name):
            return []
        if name in _TEXTS and is_text_type(arrow):
            return self._of_text(name)
        if name in _PEOPLE:
            return [(name, pa.string(), self._whoever)]
        if name in _IDS or name == "id" or name.endswith("_id"):
            if not is_text_type(arrow) or (name in _WHOLE and (whole is None or _all_whole(whole, name))):
                return [(name, pa.int64(), self._ids)]
            return [(name, pa.string(), self._whoever)]
        if is_text_type(arrow):
            return [(name, pa.string(), lambda values: self._words(name, values))] if name in _WORDS else []
        if whole is not None and not is_known_heading(name) and _may_hold_numbers(whole, name):
            return []
        return [(name, arrow, self._counts if _holds_numbers(arrow) else lambda values: values)]

    def _of_text(self, name: str) -> list[tuple[str, pa.DataType, Callable[[Any], Any]]]:
        if self._texts == "drop":
            return []
        left: list[tuple[str, pa.DataType, Callable[[Any], Any]]] = [
            (f"{name}_length", pa.int64(), lambda values: pc.cast(pc.utf8_length(values), pa.int64())),
            (f"{name}_language", pa.string(), lambda values: _each(fewer_texts(values), language_of)),
        ]
        if name in _REPLIES:
            left.append((f"{name}_class", pa.string(), lambda values: _each(values, _class_of)))
        return left

    def _whoever(self, values: Any) -> Any:
        distinct, places = _distinct(values)
        spelled, unclear = in_one_spelling(as_text(distinct), self._country)
        self._unclear += pc.sum(unclear.take(places)).as_py() or 0
        return self._hash.pseudonyms(spelled).take(places)

    def _ids(self, values: Any) -> Any:
        distinct, places = _distinct(values)
        if not pa.types.is_integer(distinct.type):
            whole = (_whole_number(value) for value in distinct.to_pylist())
            distinct = pa.array([None if number is None else str(number) for number in whole], pa.string())
        made = self._hash.ids(distinct.cast(pa.string())).take(places)
        self._blanked += made.null_count - values.null_count
        return made

    def _words(self, column: str, values: Any) -> Any:
        kept = _each(values, lambda word: word if word is not None and is_known_word(column, word) else None)
        self._blanked += kept.null_count - values.null_count
        return kept

    def _counts(self, values: Any) -> Any:
        large = pc.greater_equal(pc.abs(values.cast(pa.float64(), safe=False)), float(_LARGEST))
        if not pc.any(large).as_py():
            return values
        kept = _each(values, lambda value: None if self._may_be_somebodys(value) else value, values.type)
        self._blanked += kept.null_count - values.null_count
        return kept

    def _may_be_somebodys(self, value: float | None) -> bool:
        if value is None or abs(value) < _LARGEST or not math.isfinite(value):
            return False
        digits = str(int(abs(value)))
        return abs(value) >= _NEVER_A_COUNT or exists(in_full(digits, None, self._country))


def _column_of(values: Any, arrow: pa.DataType) -> pa.ChunkedArray:
    whole = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    return whole.cast(arrow)


def _holds_numbers(arrow: pa.DataType) -> bool:
    return bool(pa.types.is_integer(arrow) or pa.types.is_floating(arrow))


def _is_odd(arrow: pa.DataType) -> bool:
    plain = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
        pa.types.is_timestamp,
        pa.types.is_date,
    )
    return not is_text_type(arrow) and not any(test(arrow) for test in plain)


def _whole_number(value: Any) -> int | None:
    """An id as a number: also one that is written as text, or as pandas does beside missing ones."""
    if isinstance(value, str):
        return int(value) if _WHOLE_NUMBER.fullmatch(value) else None
    return int(value) if value == value and value % 1 == 0 else None


def _all_whole(whole: pa.Table, name: str) -> bool:
    values = pc.unique(whole.column(name)).to_pylist()
    return all(value is None or _whole_number(value) is not None for value in values)


def _may_hold_numbers(whole: pa.Table, name: str) -> bool:
    values = whole.column(name)
    if not _holds_numbers(values.type):
        return False
    most = pc.min_max(values.cast(pa.float64(), safe=False)).as_py()
    return any(end is not None and abs(end) >= _LARGEST for end in most.values())


def _each(values: Any, make: Callable[[Any], Any], arrow: Any = None) -> Any:
    """Every value through a function, each distinct one once."""
    distinct, places = _distinct(values)
    one_by_one = (make(value.as_py()) for value in distinct)  # long texts are not all at hand at once
    return pa.array(one_by_one, arrow or pa.string()).take(places)


def _distinct(values: Any) -> tuple[pa.Array, pa.Array]:
    """The distinct values, and which of them stands at each place; nothing where none does."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    coded = pc.dictionary_encode(whole)
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    return coded.dictionary, coded.indices


def _class_of(text: str) -> str:
    return classify_text(text).kind


def key_of(key: Any) -> bytes:
    """The key itself: as given, or of the file that is named or set, which is made where there is none."""
    return key_and_news(key)[0]


def key_and_news(key: Any) -> tuple[bytes, str]:
    """The key itself, and where its file was made just now; empty where it was there, or bytes were given."""
    if isinstance(key, bytes | bytearray | memoryview):
        return _checked_key(bytes(key)), ""
    if key is not None and not isinstance(key, str | Path):
        raise UsageError(
            f"the key is {type(key).__name__}: give {KEY_BYTES} random bytes, secrets.token_bytes(32), or "
            "the path of a file."
        )
    chosen = settings()
    named = key if key is not None else chosen.pseudonym_key
    path = expanded(named)
    usual = key is None and chosen.sources["pseudonym_key"] == "default"
    if not usual and not path.parent.exists():
        raise UsageError(
            "the key is no path of a file: its folder is not there. Correct it (key=, or "
            "SMSDATA_PSEUDONYM_KEY), or make the folder."
        )
    new = not path.exists()
    made = key_in_file(path, "pseudonyms", "SMSDATA_PSEUDONYM_KEY")
    if not new:
        return made, ""
    return made, (
        f"made a new key at {named}: pseudonyms of another key do not match. Where you have a key, name its "
        "file: key=, or SMSDATA_PSEUDONYM_KEY."
    )


def _checked_key(key: bytes) -> bytes:
    if len(key) < KEY_BYTES:
        raise UsageError(
            f"the key has {len(key)} bytes: give {KEY_BYTES} random ones, secrets.token_bytes(32)."
        )
    if not is_random(key):
        raise UsageError(
            "the key is a word or a pattern, which can be guessed: give random bytes, "
            "secrets.token_bytes(32), or the path of a file, such as ./team.key, which is then made."
        )
    return key
