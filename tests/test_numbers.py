"""Numbers against phonenumbers itself."""

import pandas as pd
import phonenumbers
import pytest
from phonenumbers import carrier

from smsdata.analysis import delivery_rate, number_details
from smsdata.analysis.core.countries import countries_of
from smsdata.errors import UsageError

REAL = ["61491570156", "12025550123", "61255501234", "447400123456", "6581234567"]
ODD = ["", "0", "999", "abc", "6149157", "614915701569999999"]


@pytest.mark.parametrize("number", REAL)
def test_number_details_equals_phonenumbers(number):
    row = number_details([number]).iloc[0]
    parsed = phonenumbers.parse(f"+{number}")
    assert row["valid"] == phonenumbers.is_valid_number(parsed)
    assert row["country"] == phonenumbers.region_code_for_number(parsed)
    name = carrier.name_for_number(parsed, "en")
    assert row["carrier_of_range"] == name if name else pd.isna(row["carrier_of_range"])


def test_number_details_tells_lines_apart():
    found = number_details(REAL[:3]).set_index("msisdn")["line_type"]
    assert found.to_dict() == {
        "12025550123": "landline or mobile",
        "61255501234": "landline",
        "61491570156": "mobile",
    }


@pytest.mark.parametrize("number", ODD)
def test_number_details_of_no_number_is_missing(number):
    row = number_details([number]).iloc[0]
    assert row["msisdn"] == number
    assert not row["valid"]
    assert pd.isna(row["line_type"])


def test_number_details_takes_frames_and_looks_once():
    frame = pd.DataFrame({"msisdn": ["61491570156", "61491570156", None]})
    assert number_details(frame)["msisdn"].tolist() == ["61491570156"]
    pd.testing.assert_frame_equal(number_details(frame), number_details(frame["msisdn"]))


def test_number_details_of_nothing_has_its_dtypes():
    assert number_details([]).dtypes.astype(str).tolist() == ["str", "bool", "str", "str", "str"]


def test_number_details_refuses_numbers_that_are_no_text():
    with pytest.raises(UsageError, match="int, not text"):
        number_details(pd.DataFrame({"msisdn": [61491570156]}))


def test_countries_join_to_every_message():
    assert countries_of(REAL)["country"].tolist() == ["AU", "US", "AU", "GB", "SG"]
    data = pd.DataFrame(
        {
            "msisdn": REAL * 3,
            "status": "delivered",
            "sent_at": pd.Timestamp("2026-11-01", tz="UTC"),
        }
    )
    found = delivery_rate(data, by="country", now="2026-11-22").set_index("country")["n"]
    assert found.to_dict() == {"AU": 6, "GB": 3, "SG": 3, "US": 3}


def test_numbers_for_trials_are_of_their_country():
    """The simulated account writes to British numbers that are set aside for drama."""
    assert countries_of(["447700900000", "447700900999", "441632960123"])["country"].tolist() == ["GB"] * 3
    assert countries_of(["440000000000"])["country"].isna().all()
