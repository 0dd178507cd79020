"""`to_msisdn`: every spelling is read as the digits of the tables, or refused with its reason."""

from __future__ import annotations

import gc
import random
import time
import weakref
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import phonenumbers
import pytest

import smsdata
from smsdata.analysis import delivery_rate, number_details, reply_rate
from smsdata.errors import UsageError
from smsdata.schema.kinds import CONVERT
from smsdata.schema.number_spellings import REASONS, exists, read_number

FULL = [
    "61491570156", "+61491570156", "61491570156.0", "+61 (0) 491 570 156", "61 (0)491-570-156",
    "0011 61 491 570 156", "00 61 491 570 156", "0061491570156", "6.1491570156E+10", "6,1491570156E+10",
    "＋６１ ４９１ ５７０ １５６", "٦١٤٩١٥٧٠١٥٦", "\u202a+61\u00a0491\u2011570\u2011156\u202c",
    "tel:+61491570156",
    "whatsapp:+61491570156", "Mobile: +61 491 570 156", "+61491570156 (Kim)", "+61491570156;ext=5",
    "61491570156,0", "+61491570156,00", "'61491570156,0 ",
    "610491570156", '="61491570156"', "'61491570156", "(+61) 491 570 156", " 61491570156\n",
    "+61 0491 570 156", "+0061491570156",
    61491570156, 61491570156.0, np.int64(61491570156), np.float64(61491570156), Decimal("61491570156"),
]  # fmt: skip
NATIONAL = [
    "0491570156", "491570156", "491570156.0", "0491 570 156", "(04) 9157 0156", "０４９１５７０１５６",
    "0491.570.156", "(0)491 570 156", "0491 570 156 work", 491570156, 491570156.0, '="0491570156"',
]  # fmt: skip
REFUSED: dict[str, list[Any]] = {
    "empty": ["", " ", None, np.nan, pd.NA, pd.NaT, "nan", "None", "NULL", "n/a"],
    "digits lost": [
        "6.14916E+10",
        "6,14916e10",
        "6,14916 E+010",
        "61491600000,0",
        61491600000.0,
        "61491600000.0",
        np.float32(61491570156),
    ],
    "wrong length": ["12", "+61491570", "9" * 20, 12],
    "unknown country code": ["+999 123 4567"],
    "more than one number": [
        "0491570156, 0491570157",
        "0491570156/0491570157",
        "0491570156 0491570157",
        "0491570156/7",
    ],
    "letters in it": ["61491570156O", "x61491570156", "0491 570 15O 6"],
    "no phone number": [
        "ACME",
        True,
        "-61491570156",
        -61491570156,
        "2026-11-22",
        pd.Timestamp("2026-11-22"),
        b"x",
    ],
}


def one(value: Any, country: str | None = None) -> tuple[str | None, str]:
    row = smsdata.to_msisdn([value], country).iloc[0]
    return (None if pd.isna(row["msisdn"]) else row["msisdn"]), row["reason"]


@pytest.mark.parametrize("value", FULL, ids=repr)
@pytest.mark.parametrize("country", [None, "AU", "au"])
def test_to_msisdn_reads_international_spellings(value: Any, country: str | None) -> None:
    assert one(value, country) == ("61491570156", "")


@pytest.mark.parametrize("value", NATIONAL, ids=repr)
def test_to_msisdn_reads_national_spellings_with_their_country_alone(value: Any) -> None:
    assert one(value) == (None, "needs a country")
    assert one(value, "AU") == ("61491570156", "")


@pytest.mark.parametrize(
    ("reason", "value"), [(r, v) for r, values in REFUSED.items() for v in values], ids=repr
)
@pytest.mark.parametrize("country", [None, "AU"])
def test_to_msisdn_says_why_it_refuses(reason: str, value: Any, country: str | None) -> None:
    assert one(value, country) == (None, reason)


def test_to_msisdn_documents_its_reasons() -> None:
    assert {*REFUSED, "", "needs a country", "two readings"} == REASONS.keys()
    assert all(
        f"``{reason}``" in " ".join((smsdata.to_msisdn.__doc__ or "").split()) for reason in REASONS if reason
    )


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("2025550123", "US", "12025550123"), ("(202) 555-0123", "US", "12025550123"),
        ("011 61 491 570 156", "US", "61491570156"), ("07700 900123", "GB", "447700900123"),
        ("7700900123", "GB", "447700900123"), ("447700900123", "AU", "447700900123"),
        ("+44 (0)7700 900123", "AU", "447700900123"), ("447700900123", None, "447700900123"),
        ("2025550123", "AU", None), ("0491570156", "US", None), ("2025550123", None, None),
    ],
)  # fmt: skip
def test_to_msisdn_reads_other_countries(text: str, country: str | None, number: str | None) -> None:
    assert one(text, country)[0] == number


@pytest.mark.parametrize(
    "dtype", ["int64", "float64", "Int64", "Float64", "str", "object", "category", "uint64"]
)
def test_to_msisdn_takes_every_dtype_and_keeps_the_index(dtype: Any) -> None:
    values = pd.Series([61491570156, 61491570157, 61491570156], index=[7, 7, 9]).astype(dtype)
    read = smsdata.to_msisdn(values)
    assert read["msisdn"].tolist() == ["61491570156", "61491570157", "61491570156"]
    assert read.dtypes.astype(str).tolist() == ["str", "str"]
    assert read.index.tolist() == [7, 7, 9]


def test_to_msisdn_of_mixtures_and_of_nothing() -> None:
    mixed = pd.Series(["0491570156", 61491570157, 61491570158.0, None, True, 1], dtype="object")
    assert smsdata.to_msisdn(mixed, "AU")["reason"].tolist() == [
        "", "", "", "empty", "no phone number", "wrong length",
    ]  # fmt: skip
    nothing = smsdata.to_msisdn(pd.Series([], dtype="object"))
    assert (len(nothing), nothing.dtypes.astype(str).tolist()) == (0, ["str", "str"])
    gaps = smsdata.to_msisdn(pd.Series([61491570156, None], dtype="Int64"))
    assert gaps["reason"].tolist() == ["", "empty"]


def test_to_msisdn_refuses_frames_and_countries_that_are_none() -> None:
    with pytest.raises(UsageError, match="one column"):
        smsdata.to_msisdn(pd.DataFrame({"msisdn": []}))
    with pytest.raises(UsageError, match="'GB'"):
        smsdata.to_msisdn([], country="UK")


def test_to_msisdn_agrees_with_phonenumbers_on_what_exists() -> None:
    """The quick way says valid only where the library does, of the very same digits."""
    dice = random.Random(11)
    codes = [*phonenumbers.COUNTRY_CODE_TO_REGION_CODE, *[1, 44, 61, 7, 39] * 20]
    valid = 0
    for _ in range(20_000):
        text = f"{dice.choice(codes)}{dice.randrange(10 ** dice.randint(6, 11))}"
        if not exists(text):
            continue
        parsed = phonenumbers.parse(f"+{text}")
        valid += phonenumbers.is_valid_number(parsed)
        assert phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == f"+{text}"
        assert phonenumbers.is_valid_number(parsed) or text.startswith("44")
    assert valid > 500


@pytest.mark.parametrize(
    "text", ["(" * 20_000, "1 " * 20_000, "+" * 20_000, "(0)" * 20_000, "tel" * 20_000, "6." * 9_999]
)
def test_to_msisdn_is_quick_on_texts_made_to_be_slow(text: str) -> None:
    begin = time.process_time()
    assert read_number(text, "AU")[0] is None
    assert time.process_time() - begin < 1


def test_six_spellings_of_a_crm_all_match() -> None:
    crm = pd.DataFrame(
        {
            "phone": [
                "0491 570 156",
                "+61491570157",
                "61491570158.0",
                "491570159",
                "+61 (0) 491 570 110",
                "0011 61491570313",
            ]
        }
    )
    sent = ["61491570156", "61491570157", "61491570158", "61491570159", "61491570110", "61491570313"]
    messages = pd.DataFrame({"msisdn": pd.Series(sent, dtype="str"), "status": "delivered"})
    joined = messages.merge(crm.join(smsdata.to_msisdn(crm["phone"], country="AU")), on="msisdn")
    assert len(joined) == 6


MESSAGES = pd.DataFrame({
    "id": [1, 2], "message_id": [1, 2], "msisdn": ["61491570156", "61491570157"], "status": "delivered",
    "sent_at": pd.Timestamp("2026-11-01", tz="UTC"),
})  # fmt: skip


@pytest.mark.parametrize(
    "numbers",
    [
        [61491570156, 61491570157], [61491570156.0, 61491570157.0], ["+61491570156", "61491570157"],
        ["0491570156", "61491570157"], ["61491570156.0", "61491570157"], ["61 491 570 156", None],
        ["６１４９１５７０１５６", None], ["61491570156", 61491570157], ["tel:+61491570156", None],
    ],
    ids=repr,
)  # fmt: skip
def test_helpers_refuse_other_spellings_with_advice_that_works(numbers: list[Any]) -> None:
    frame = MESSAGES.assign(msisdn=numbers)
    for helper in (number_details, lambda frame: delivery_rate(frame, by="country", now="2026-11-22")):
        with pytest.raises(UsageError, match=r"smsdata\.to_msisdn\(\w+\['msisdn'\]\)\['msisdn'\]"):
            helper(frame)
    mended = frame.assign(msisdn=smsdata.to_msisdn(frame["msisdn"], "AU")["msisdn"])
    assert number_details(mended)["country"].unique().tolist() == ["AU"]


def test_helpers_take_names_and_odd_digits_as_they_are() -> None:
    assert number_details(MESSAGES.assign(msisdn=["ACME", "999"]))["valid"].tolist() == [False, False]


@pytest.mark.parametrize("numbers", [[61491570156], pd.Series([61491570156.0])])
def test_number_details_of_a_list_of_no_texts_is_refused(numbers: Any) -> None:
    with pytest.raises(UsageError, match="to_msisdn"):
        number_details(numbers)


def test_reply_rate_refuses_replies_that_could_match_nothing() -> None:
    replies = pd.DataFrame({
        "id": [1], "message_id": [1], "msisdn": ["+61491570156"], "response": ["hi"],
        "longcode": ["61491570006"], "received_at": pd.Timestamp("2026-11-01T01:00", tz="UTC"),
    })  # fmt: skip
    with pytest.raises(UsageError, match="rows of replies have an msisdn"):
        reply_rate(MESSAGES, replies)


@pytest.mark.parametrize(
    "written",
    ["61491\u2011570\u2011156", "61491\u2013570\u2013156", "\u0666\u0661491570156", "61491570156.0"],
)
def test_the_door_of_the_store_reads_the_same_signs(written: str) -> None:
    assert CONVERT["phone"](written) == smsdata.to_msisdn([written])["msisdn"][0] == "61491570156"


def test_the_door_of_the_store_takes_zeros_at_the_end_that_a_spreadsheet_may_have_made() -> None:
    assert CONVERT["phone"]("61491500000.0") == "61491500000"
    assert smsdata.to_msisdn(["61491500000.0"])["reason"][0] == "digits lost"


@pytest.mark.parametrize(
    ("text", "country"), [("+999 123 4567", None), ("9991234567", None), ("0011999123456", "AU")]
)
def test_a_number_that_cannot_be_read_holds_on_to_no_rows(text: str, country: str | None) -> None:
    """Within phonenumbers an error refers to its own frame, and so to all that led to it."""

    class Rows:
        pass

    def read() -> weakref.ref[Rows]:
        rows = Rows()
        assert read_number(text, country)[0] is None
        return weakref.ref(rows)

    gc.disable()
    try:
        assert read()() is None
    finally:
        gc.enable()
