"""What is done to whole columns gives what is done to one value after the other."""

from __future__ import annotations

import hmac
import re
import secrets
import warnings
from typing import Any

import pandas as pd
import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import smsdata
from smsdata.analysis import reply_phrases
from smsdata.analysis.reply_phrases import concepts, lexicon, normal
from smsdata.schema.number_spellings import read_number
from smsdata.schema.numbers_in_full import in_full, is_unclear
from smsdata.sharing.keyed_hash import KeyedHash
from smsdata.sharing.languages import fewer_texts, language_of
from smsdata.sharing.one_spelling import as_text, in_one_spelling, with_countries

COUNTRIES = st.sampled_from([None, "AU", "GB", "US", "IT"])
LETTERS = str.maketrans("0123456789", "ghijklmnop")
BEGINNINGS = ["", "61", "614", "0", "00", "0011", "+61 ", "+", "44", "447700900", "999", "1", "610", "39"]
NUMBERS = st.builds(str.__add__, st.sampled_from(BEGINNINGS), st.text("0123456789", max_size=13))
WRITTEN = st.one_of(
    NUMBERS, st.text(max_size=9), st.sampled_from(["ACME", "61491570156\n", "६१", "61491570156.0"])
)


def texts_of_the_lexicon() -> st.SearchStrategy[str]:
    """Words of the lexicon, beginnings of them, names, numbers and single letters, in any order."""
    known = sorted({*lexicon().exact, *lexicon().stems})
    several = sorted({" ".join(one.words) for some in lexicon().exact.values() for one in some})
    others = ["12", "é3", "3é", "_4", "停止", "ยกเลิก", "a", "b", "Kim", "st'a", "a-b", "n:o"]
    begun = st.one_of(st.sampled_from(known), st.sampled_from(several), st.sampled_from(others))
    words = st.builds(str.__add__, begun, st.sampled_from(["", "", "x", "ed", "7", "."]))
    return st.lists(words, max_size=8).map(" ".join)


TEXTS = st.deferred(texts_of_the_lexicon)  # the lexicon takes a second


@given(
    st.sampled_from([32, 63, 64, 65, 200]),
    st.binary(min_size=200, max_size=200),
    st.lists(st.none() | st.text()),
)
def test_pseudonyms_are_hmacs(length: int, made: bytes, values: list[str | None]) -> None:
    key = made[:length]
    digests = [
        value if value is None else hmac.digest(key, b"who\0" + value.encode(), "sha256") for value in values
    ]
    wanted = [one and "p" + one.hex()[:24].translate(LETTERS) for one in digests]
    assert KeyedHash(key).pseudonyms(pa.array(values, pa.string())).to_pylist() == wanted


def id_alone(key: bytes, number: int) -> int:
    """The pseudonym of one id, in Python's whole numbers."""
    if not 0 <= number < 2**48:
        digest = hmac.digest(key, b"id\0" + str(number).encode(), "sha256")
        return int.from_bytes(digest[:8], "big") // 4 + 2**62
    high, low = divmod(number, 2**24)
    for turn in range(6):
        digest = hmac.digest(key, b"half\0" + bytes([turn]) + high.to_bytes(4, "big"), "sha256")
        high, low = low ^ (int.from_bytes(digest[:4], "big") // 2**8), high
    return low * 2**24 + high


def id_back(key: bytes, made: int) -> int:
    """The id of a pseudonym below 2**48: every round undone, the last one first."""
    low, high = divmod(made, 2**24)
    for turn in reversed(range(6)):
        digest = hmac.digest(key, b"half\0" + bytes([turn]) + low.to_bytes(4, "big"), "sha256")
        high, low = low, high ^ (int.from_bytes(digest[:4], "big") // 2**8)
    return high * 2**24 + low


IDS = st.one_of(
    st.integers(0, 2**48 - 1),
    st.integers(0, 400_000_000),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0, 2**24 - 1, 2**24, 2**48 - 1, 2**48, 2**52, 2**53, 10**15, 10**16, -1]),
)


@given(st.binary(min_size=32, max_size=32), st.lists(st.none() | IDS))
def test_ids_of_a_column_are_made_as_each_alone(key: bytes, values: list[int | None]) -> None:
    made = KeyedHash(key).ids(pa.array(values, pa.int64()).cast(pa.string()))
    assert made.type == pa.int64()
    assert made.to_pylist() == [None if one is None else id_alone(key, one) for one in values]


@given(st.binary(min_size=32, max_size=32), st.sets(IDS))
def test_each_id_has_a_pseudonym_of_its_own(key: bytes, values: set[int]) -> None:
    ids = sorted(values)
    made = KeyedHash(key).ids(pa.array(ids, pa.int64()).cast(pa.string())).to_pylist()
    assert len(set(made)) == len(ids)
    for number, pseudonym in zip(ids, made, strict=True):
        if 0 <= number < 2**48:
            assert 0 <= pseudonym < 2**48
            assert id_back(key, pseudonym) == number
        else:
            assert len(str(pseudonym)) == 19


def test_no_two_of_many_ids_meet() -> None:
    """Ids that were given one after the other are spread, and each has a place of its own."""
    numbers = pa.array(range(339_000_000, 340_000_000)).cast(pa.string())
    made = KeyedHash(bytes(range(32))).ids(numbers).to_numpy()
    assert len(set(made.tolist())) == len(made)
    assert 0 <= made.min() < 2**40 < 2**47 < made.max() < 2**48


@given(st.lists(WRITTEN), COUNTRIES)
def test_numbers_of_a_column_are_spelled_as_each_alone(values: list[str], country: str | None) -> None:
    wanted = []
    for value in values:
        plain = value.isascii() and value.isdigit()
        wanted.append(in_full(value if plain else read_number(value, country)[0] or value, None, country))
    spelled, unclear = in_one_spelling(pa.array(values, pa.string()), country)
    assert spelled.to_pylist() == wanted
    assert unclear.to_pylist() == [is_unclear(value) for value in wanted]


def test_whoever_is_named_otherwise_than_by_text_is_written_as_text() -> None:
    values = [61491570156.0, 1.5, None, float("nan")]
    assert as_text(pa.array(values, pa.float64())).to_pylist() == ["61491570156", "1.5", None, "nan"]
    assert as_text(pa.array([7, None], pa.uint64())).to_pylist() == ["7", None]
    assert as_text(pa.array([True, None])).to_pylist() == ["True", None]
    assert as_text(pa.nulls(2)).to_pylist() == [None, None]


@given(
    st.lists(st.tuples(st.none() | NUMBERS, st.sampled_from(["61491570110", "447700900001", "ACME", None]))),
    COUNTRIES,
)
def test_numbers_are_completed_as_each_alone(rows: list[tuple[Any, Any]], country: str | None) -> None:
    numbers, ours = [number for number, _ in rows], [beside for _, beside in rows]
    table = pa.table({"sender": pa.array(ours, pa.string()), "msisdn": pa.array(numbers, pa.large_string())})
    wanted = [number and in_full(number, beside, country) for number, beside in rows]
    assert with_countries(table, country).column("msisdn").to_pylist() == wanted


@given(st.builds(str.__add__, st.sampled_from(BEGINNINGS), st.text("0123456789", min_size=1, max_size=14)))
def test_a_code_of_no_country_is_told_as_phonenumbers_tells_it(digits: str) -> None:
    number, reason = read_number("+" + digits.strip("+ "), None)
    try:
        phonenumbers.parse("+" + digits.strip("+ ").removeprefix("00"), None)
    except phonenumbers.NumberParseException as error:
        unknown = error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE
        assert (number, reason) == (None, "unknown country code" if unknown else "wrong length")
    else:
        assert reason != "unknown country code"


@given(TEXTS)
def test_the_language_is_that_of_all_words(text: str) -> None:
    folded = normal(re.sub(r"\b\d+\b", "0", text[:500]))
    known = {name: len(code) - code.count(".") for name, code in concepts(folded).items()}
    most = max(known.values(), default=0)
    best = sorted(name for name, count in known.items() if count == most)
    assert language_of(text) == ("en" if "en" in best else best[0] if len(best) == 1 else "")


@given(st.lists(st.none() | TEXTS | st.text()))
def test_fewer_texts_have_the_same_languages(values: list[str | None]) -> None:
    fewer = fewer_texts(pa.array(values, pa.string())).to_pylist()
    assert [one is None for one in fewer] == [one is None for one in values]
    assert [language_of(one) for one in fewer if one is not None] == [
        language_of(one) for one in values if one is not None
    ]


def test_texts_that_differ_in_names_fill_no_memory() -> None:
    """The words of ten million texts, each kept, took more and more of it."""
    names = [
        f"{a}{b}{c}" for a in ("zeb", "quo", "ba") for b in ("lin", "dro", "ku") for c in ("ska", "to", "mi")
    ]
    greetings = [f"Hi {one} {other}, our sale ends today" for one in names for other in names]
    language_of(greetings[0])
    before = reply_phrases._begun_by.cache_info().currsize
    frame = pd.DataFrame({"message": greetings, "status": "delivered"})
    left = smsdata.pseudonymise(frame, key=secrets.token_bytes(32))
    assert set(left["message_language"]) == {"en"}
    assert reply_phrases._begun_by.cache_info().currsize < before + 10


@pytest.mark.parametrize(("country", "said"), [(None, ["2 numbers lack"]), ("AU", [])])
def test_numbers_that_may_be_others_are_counted_by_row(country: str | None, said: list[str]) -> None:
    frame = pd.DataFrame({"msisdn": ["0491570156", "0491570156", "61491570156", None]})
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        smsdata.pseudonymise(frame, key=secrets.token_bytes(32), country=country)
    assert [str(one.message)[:14] for one in warned] == said
