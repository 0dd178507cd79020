"""Frames that hide a person where nobody looks: heads, index, categories, counts, words, pages of a file."""

from __future__ import annotations

import itertools
import secrets
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import smsdata
from smsdata.analysis.core.clusters import interval_words
from smsdata.analysis.core.grouping import GROUPINGS
from smsdata.analysis.core.statistics import Clusters
from smsdata.cli.app import app
from smsdata.errors import UsageError
from smsdata.schema.frames import schema
from smsdata.schema.tables import TABLES
from smsdata.sharing.known_words import is_known_heading, is_known_word
from smsdata.sharing.named_results import RESULTS, make_result
from smsdata.sharing.pseudonyms import _WORDS
from smsdata.store.scan import Scan
from tests.support.frames import utc
from tests.support.results import RESULTS as SAMPLES
from tests.test_pseudonyms import everything_in

KEY = secrets.token_bytes(32)
NUMBER, NAME = "61491570156", "Zebulon Quasar"


def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "msisdn": [NUMBER, "61491570157", NUMBER],
            "status": ["delivered", "delivered", "pending"],
            "sent_at": utc(["2026-11-01", "2026-11-02", "2026-11-03"]),
            "first_name": [NAME, "Ann", NAME],
            "copies": [1, 2, 1],
        }
    )


def with_attrs() -> pd.DataFrame:
    frame = rows()
    frame.attrs["about"] = {NAME: NUMBER}
    frame["status"].attrs["about"] = NUMBER
    return frame


HOSTILE: dict[str, Callable[[], pd.DataFrame]] = {
    "attrs": with_attrs,
    "pivoted by name": lambda: rows().pivot_table(
        index="status", columns="first_name", values="copies", aggfunc="sum"
    ),
    "pivoted by number": lambda: rows().pivot_table(
        index="status", columns="msisdn", values="copies", aggfunc="sum"
    ),
    "two heads": lambda: rows().pivot_table(
        index="status", columns=["first_name"], values=["copies"], aggfunc=["sum", "count"]
    ),
    "number as index": lambda: rows().set_index("msisdn"),
    "unnamed index": lambda: rows().set_index(pd.Index([NUMBER, NAME, NUMBER])),
    "two indices": lambda: rows().set_index(["first_name", "msisdn"]),
    "named head": lambda: rows().rename_axis(columns=NAME),
    "index named by a person": lambda: rows().rename_axis(index=NAME),
    "categories": lambda: rows().astype({"msisdn": "category", "status": "category"}),
    "unused categories": lambda: rows().assign(
        status=pd.Categorical(["delivered"] * 3, categories=["delivered", NAME, NUMBER])
    ),
    "periods": lambda: rows().set_index(pd.PeriodIndex(["2026-11"] * 3, freq="M", name="month")),
    "nested": lambda: rows().assign(
        message=pd.Series([{"name": NAME, "to": NUMBER}] * 3),
        status=pd.Series([[NAME, NUMBER]] * 3),
        extra=pd.Series([(NAME,)] * 3),
    ),
    "JSON": lambda: rows().assign(
        status=f'{{"n":"{NAME}","to":"x"}}', message=f'{{"a":{{"n":"{NAME}"}}}}', type=f'["{NAME}"]'
    ),
    "short words": lambda: rows().assign(
        **dict.fromkeys(["type", "kind", "source", "country", "status", "timezone", "currency"], "Zebulon")
    ),
    "numbers as counts": lambda: rows().assign(
        copies=int(NUMBER), cost=float(NUMBER), delivered=-int(NUMBER), hard_bounced=491570156
    ),
    "numbers as unsigned": lambda: rows().assign(copies=pd.array([int(NUMBER)] * 3, "UInt64")),
    "bytes": lambda: rows().assign(status=[NUMBER.encode()] * 3, copies=NAME.encode()),
    "numbers in heads": lambda: rows().assign(**{"to 0491 570 156": 1, f"{NAME}_id": 7, "Zebulon": 1.5}),
}
TOLD = (NUMBER, NUMBER[2:], "Zebulon", "Quasar", "491 570 156")


def told_by(frame: pd.DataFrame) -> list[str]:
    """What of a person is in a frame: values, index, heads, names, categories, attributes."""
    said = [
        frame.to_csv(),
        repr(frame.attrs),
        repr(frame.columns),
        repr(frame.columns.names),
        repr(frame.index),
    ]
    said += [repr(frame[name].attrs) + repr(getattr(frame[name], "cat", "")) for name in frame]
    arrow = pa.Table.from_pandas(frame)
    said += [str(arrow.schema), str(arrow.schema.metadata)]
    return [word for word in TOLD if any(word in one for one in said)]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_person_is_left_wherever_one_hides(name: str, tmp_path: Path) -> None:
    frame = HOSTILE[name]()
    assert told_by(smsdata.pseudonymise(frame, key=KEY)) == []
    for kind in ("parquet", "feather", "csv", "duckdb"):
        path = tmp_path / f"kept.{kind}"
        if name in ("nested", "bytes"):
            with pytest.raises(UsageError, match="not every format can hold"):
                smsdata.export(frame, path, pseudonymise=True, key=KEY)
            continue
        found = everything_in(smsdata.export(frame, path, name="kept", pseudonymise=True, key=KEY).path)
        assert [word for word in TOLD if word.encode() in found] == []


def test_dictionaries_of_a_file_hold_no_person(tmp_path: Path) -> None:
    """A part of a store whose columns are dictionaries, with what it says of itself."""
    source = tmp_path / "part-0.parquet"
    table = pa.Table.from_pandas(rows().astype({"msisdn": "category"})).replace_schema_metadata({"a": NAME})
    pq.write_table(table, source, use_dictionary=True, write_statistics=True)
    scan = Scan("dlrs", (str(source),))
    assert told_by(smsdata.pseudonymise(scan, key=KEY)) == []
    done = smsdata.export(scan, tmp_path / "some.parquet", pseudonymise=True, key=KEY)
    assert [word for word in TOLD if word.encode() in everything_in(done.path)] == []
    assert NUMBER.encode() in everything_in(source)


def test_categories_keep_their_pseudonyms_and_pivots_their_values() -> None:
    left = smsdata.pseudonymise(HOSTILE["categories"](), key=KEY)
    assert left["msisdn"].nunique() == 2
    pivoted = smsdata.pseudonymise(HOSTILE["pivoted by name"](), key=KEY)
    assert list(pivoted) == ["status", "column_2", "column_3"]
    assert pivoted["column_3"].sum() == 2


def test_counts_that_are_no_number_stay() -> None:
    frame = pd.DataFrame({"n": [12_000_000, 61491570156], "cost": [float("inf"), 0.25], "copies": [None, 3]})
    left = smsdata.pseudonymise(frame, key=KEY).sort_values("cost")
    assert left["n"].tolist() == [pd.NA, 12_000_000]
    assert left["cost"].tolist() == [0.25, float("inf")]


def test_what_the_gateway_and_the_helpers_write_stays(tmp_path: Path) -> None:
    """The list of words and headings is in step with tables and results."""
    store = smsdata.demo_store(tmp_path / "store")
    frames = [store.read(table) for table in TABLES]
    for name in RESULTS:
        options = {"by": "sender", "mature_only": "true"} if name == "compare_rates" else {}
        frames += [make_result(name, store, options=options)[0], SAMPLES[name]()]
    helpers, dlrs = smsdata.analysis, store.scan("dlrs")
    lasting = [by for by in GROUPINGS if by not in ("campaign", "list")]
    frames.append(helpers.delivery_rate(store.scan("messages"), by=[by for by in GROUPINGS if by != "list"]))
    frames += [helpers.delivery_rate(store.scan("messages"), by=by) for by in lasting[::7]]
    frames += [helpers.time_to_deliver(dlrs, by=by) for by in ("hour_of_day", "list", "country")]
    assert {*lasting, "campaign", "list"} <= {str(name) for frame in frames for name in frame}
    assert {str(name) for frame in frames for name in frame if not is_known_heading(str(name))} == set()
    lost = {
        (name, word)
        for frame in frames
        for name in _WORDS & set(frame)
        if frame[name].dtype == "str"
        for word in frame[name].dropna().unique()
        if not is_known_word(name, word)
    }
    assert lost == set()


@pytest.mark.parametrize("formula", ["Aalen-Johansen", "Laney p'", "Newcombe", "Wilson"])
def test_every_word_of_an_interval_stays(formula: str) -> None:
    words = set()
    for n, numbers, days, most, flat in itertools.product((1, 9), (1, 12), (1, 12), (1, 2), (True, False)):
        each = {"number": numbers, "day": days}
        found = {kind: Clusters(*np.array([[m], [most], [n], [n], [n]], float)) for kind, m in each.items()}
        for known in ({}, {"number": found["number"]}, {"day": found["day"]}, found):
            words |= set(interval_words(formula, np.array([float(n)]), known, flat=flat))
    assert len(words) > 8
    assert {word for word in words if not is_known_word("interval", word)} == set()
    assert not is_known_word("interval", f"{formula}, by Zebulon")


def test_ids_in_results_are_those_of_the_tables(tmp_path: Path) -> None:
    store = smsdata.demo_store(tmp_path / "store")
    lists, sends = (
        {str(one) for one in store.read(table)[column]}
        for table, column in (("lists", "list_id"), ("campaigns", "message_id"))
    )
    kept = {str(one) for one in smsdata.pseudonymise(store.scan("lists"), key=KEY)["list_id"]}
    for name in ("optout_rate", "spent_on_dead", "time_to_settle"):
        for by in ("list", "campaign"):
            result = make_result(name, store, options={"by": by})[0]
            left = smsdata.pseudonymise(result, key=KEY)
            shown = {str(value) for column in left for value in left[column].dropna()}
            assert shown & (lists | sends) == set()
            assert by == "campaign" or {str(one) for one in left["list"].dropna()} <= kept
            assert left[by].nunique() == result[by].nunique() > 1
    clients = pd.DataFrame({"client_id": [70001], "client": ["70001"], "list": [7.0]})
    [[one, same, other]] = smsdata.pseudonymise(clients, key=KEY).to_numpy().tolist()
    assert one == same != 70001
    assert other != 7


def test_a_country_gives_a_person_one_pseudonym_in_all_tables() -> None:
    full = pd.DataFrame({"msisdn": [NUMBER], "longcode": ["61491570110"]})
    bare = pd.DataFrame({"msisdn": ["0491570156", "491570156"], "sender": ["ACME", "ACME"]})
    (wanted,) = smsdata.pseudonymise(full, key=KEY)["msisdn"]
    with pytest.warns(UserWarning, match=r"2 numbers lack their country.*country="):
        assert wanted not in set(smsdata.pseudonymise(bare, key=KEY)["msisdn"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(smsdata.pseudonymise(bare, key=KEY, country="au")["msisdn"]) == {wanted}
    with pytest.raises(UsageError, match="two letters of a country"):
        smsdata.pseudonymise(bare, key=KEY, country="Australia")


def test_export_takes_the_country_and_says_what_lacks_it(tmp_path: Path) -> None:
    bare = pd.DataFrame({"msisdn": ["0491570156", "0491570157"]})
    told = smsdata.export(bare, tmp_path / "a.csv", pseudonymise=True, key=KEY).notes
    assert any("2 numbers lack their country" in note for note in told)
    known = smsdata.export(bare, tmp_path / "b.csv", pseudonymise=True, key=KEY, country="AU")
    assert not any("lack" in note for note in known.notes)
    full = smsdata.pseudonymise(pd.DataFrame({"msisdn": [NUMBER]}), key=KEY)["msisdn"][0]
    assert full in set(pd.read_csv(tmp_path / "b.csv")["msisdn"])


def test_command_takes_the_country_of_our_own_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMSDATA_PSEUDONYM_KEY", str(tmp_path / "my.key"))
    store = smsdata.demo_store(tmp_path / "store")
    assert store.read("numbers")["number"].str.startswith("61").all()
    history = {
        "msisdn": ["0491570156"], "message_id": [1], "sent_at": utc(["2026-11-20"]), "status": ["delivered"],
        "extra": [None], "synced_at": utc(["2026-11-21"]),
    }  # fmt: skip
    with store.writing():
        store.merge("contact_history", pa.Table.from_pandas(pd.DataFrame(history), schema("contact_history")))

    def exported(*more: str) -> str:
        words = ["export", "contact_history", "--store", str(store.path), "--out", str(tmp_path / "h.csv")]
        return CliRunner().invoke(app, [*words, "--force", *more]).output

    assert "lack their country" not in exported("--pseudonymise")
    assert "1 numbers lack their country" in exported("--pseudonymise", "--country", "US")
    assert "--country goes with --pseudonymise" in exported("--country", "AU")
