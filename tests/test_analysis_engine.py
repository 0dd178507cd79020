"""The engine: what comes in is checked, the dialect is spelt for each engine, results have their dtypes."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from smsdata.analysis import delivery_rate, explain, hard_bounced, to_spark
from smsdata.analysis.core.column_types import instants, typed
from smsdata.analysis.core.dialect import backticks, quoted, translated
from smsdata.analysis.core.engine import micros, open_tables
from smsdata.analysis.core.grouping import group_keys
from smsdata.errors import UsageError
from smsdata.store.scan import Scan as StoreScan

UTC_DAY = 86_400 * 10**6


@dataclass(frozen=True)
class Scan:
    """Files read lazily."""

    path: str
    columns: tuple[str, ...] = ()

    def sql(self):
        return f"read_parquet('{self.path}', hive_partitioning = false)"


def frame(times, **columns):
    return pd.DataFrame({"sent_at": pd.to_datetime(times, utc=True, format="ISO8601"), **columns})


def grouped(data, by, tz="UTC"):
    with open_tables("test", messages=data) as tables:
        keys = group_keys(tables, "messages", by, tz=tz)
        return keys.finish(
            tables.query(f'SELECT {keys.select} count(*) AS "n" FROM {keys.source} {keys.group}')
        )


def test_translated_spells_identifiers_values_and_tables_but_no_texts():
    sql = """SELECT "a ""b", '"x" @t :v' FROM @t WHERE "c" = :v"""
    spark = translated(sql, name=backticks, table="view_".__add__, value=":{}".format)
    assert spark == """SELECT `a "b`, '"x" @t :v' FROM view_t WHERE `c` = :v"""
    duck = translated(sql, name=quoted, table=quoted, value="${}".format)
    assert duck == """SELECT "a ""b", '"x" @t :v' FROM "t" WHERE "c" = $v"""


def test_open_tables_reads_frames_and_scans_alike(tmp_path):
    data = frame(["2026-11-01T10:00", "2026-11-02"], status=["delivered", None], copies=[1, 2])
    data.to_parquet(tmp_path / "a.parquet")
    rows = []
    for source in (data, Scan(str(tmp_path / "a.parquet"))):
        with open_tables("test", messages=source) as tables:
            assert tables.kinds("messages") == {"sent_at": "instant", "status": "text", "copies": "int"}
            rows.append(
                tables.query('SELECT unix_micros("sent_at") AS "t", "status", "copies" FROM @messages')
            )
            assert tables.rows("messages") == 2
    pd.testing.assert_frame_equal(rows[0], rows[1])
    assert [str(dtype) for dtype in rows[0].dtypes] == ["Int64", "str", "Int64"]


@pytest.mark.parametrize(
    "make",
    [
        lambda s: s.astype("datetime64[ns, UTC]"),
        lambda s: s.astype("datetime64[s, UTC]"),
        lambda s: s.dt.tz_convert("Australia/Sydney"),
        lambda s: s.astype(object),
    ],
    ids=["ns", "s", "sydney", "object"],
)
def test_instants_of_any_resolution_and_zone_are_the_same_microseconds(make):
    data = frame(["2026-11-01T10:00:05", "2026-11-02"])
    with open_tables("test", messages=data.assign(sent_at=make(data["sent_at"]))) as tables:
        tables.require("messages", "sent_at")
        found = tables.query('SELECT unix_micros("sent_at") AS "t" FROM @messages ORDER BY 1')
    assert found["t"].tolist() == [1793527205 * 10**6, 1793577600 * 10**6]


def test_columns_of_mixed_objects_do_not_disturb_those_who_do_not_need_them():
    data = frame(["2026-11-01"], status=["delivered"])
    data["odd"] = pd.Series([{"a": object()}], dtype=object)
    assert delivery_rate(data, now="2026-11-22")["delivered"].tolist() == [1]


def test_categories_are_texts():
    data = frame(["2026-11-01"] * 2, status=pd.Categorical(["delivered", "pending"]))
    assert delivery_rate(data, by="status", now="2026-11-22")["status"].tolist() == ["delivered", "pending"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.drop(columns="status"), ["no column 'status'", "messages, dlrs", "sent_at"]),
        (lambda d: d.assign(sent_at=d["sent_at"].dt.tz_localize(None)), ["naive", "tz_localize"]),
        (lambda d: d.assign(sent_at=d["sent_at"].astype("str")), ["text, not an instant", "utc=True"]),
        (lambda d: d.assign(status=1), ["int, not text", "astype"]),
        (lambda d: pd.concat([d, d]), ["2 rows", "key (id)", "drop_duplicates"]),
        (lambda d: pd.concat([d, d]).drop(columns="id"), ["key (message_id, msisdn)"]),
        (lambda d: pd.DataFrame(), ["no column 'status'"]),
        (lambda d: [1, 2], ["is a list", "store.scan"]),
    ],
)
def test_bad_tables_are_refused_with_what_to_do(change, words):
    data = frame(["2026-11-01"] * 2, id=[1, 2], message_id=[1, 1], msisdn=["61491570156", "61491570157"])
    with pytest.raises(UsageError) as raised:
        delivery_rate(change(data.assign(status="delivered")), now="2026-11-22")
    assert str(raised.value).startswith("delivery_rate: ")
    assert all(word in str(raised.value) for word in words)
    assert "61491570156" not in str(raised.value)


def test_columns_of_any_name_pass_by():
    data = frame(["2026-11-01"], status=["delivered"])
    data[7] = 1
    assert delivery_rate(data, by="7", now="2026-11-22")["7"].tolist() == [1]


def test_two_columns_of_one_name_are_refused():
    data = frame(["2026-11-01"], status=["delivered"])
    with pytest.raises(UsageError, match="messages has more than one column 'status'"):
        delivery_rate(pd.concat([data, data["status"]], axis=1))


@pytest.mark.parametrize(
    "ids",
    [
        [1, 2, 3, 2],
        [5, 6, 1, 2, 5],
        [*range(5_000), 4_999],
        [*range(5_000, 10_000), *range(5_001)],
        [3, 1, 2, 3],
    ],
    ids=["few", "runs", "long", "overlapping", "unsorted"],
)
@pytest.mark.parametrize("dtype", ["int64", "Int64"])
def test_ids_that_repeat_are_found_in_any_order(ids, dtype):
    for order in (ids, ids[::-1], sorted(ids)):
        data = frame(["2026-11-01"] * len(ids), status="delivered", id=pd.array(order, dtype))
        with pytest.raises(UsageError, match=r"delivery_rate: 1 rows of messages repeat the key \(id\)"):
            delivery_rate(data)
        distinct = data.drop_duplicates("id")
        assert delivery_rate(distinct, now="2026-11-22")["n"].tolist() == [len(ids) - 1]


def test_a_scan_of_another_table_is_searched_for_repeated_keys(tmp_path):
    data = frame(["2026-11-01"] * 2, status="delivered", message_id=1, msisdn="61491570156")
    data.to_parquet(tmp_path / "a.parquet")
    scan = StoreScan("messages", (str(tmp_path / "a.parquet"),))
    with pytest.raises(UsageError, match="1 rows of dlrs repeat the key"):
        hard_bounced(scan)


def test_to_spark_without_pyspark_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(UsageError, match="pyspark is not installed"):
        to_spark(frame(["2026-11-01"]))


class FromSpark:
    """What a Spark frame shows of itself."""

    columns = ("sent_at", "status")
    dtypes = (("sent_at", "timestamp"), ("status", "string"))
    sparkSession = object()

    def createOrReplaceTempView(self, name):
        raise AssertionError(name)


def test_a_spark_frame_without_pyspark_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql.functions", None)
    with pytest.raises(UsageError, match=r"pip install 'smsdata\[spark\]'"):
        delivery_rate(FromSpark())


def test_naive_timestamps_in_a_scan_are_refused(tmp_path):
    pd.DataFrame({"sent_at": pd.to_datetime(["2026-11-01"]), "status": ["delivered"]}).to_parquet(
        tmp_path / "a.parquet"
    )
    with pytest.raises(UsageError, match="naive"):
        delivery_rate(Scan(str(tmp_path / "a.parquet")))


def test_columns_without_a_single_value_take_the_kind_of_their_name():
    data = pd.DataFrame(
        {"sent_at": [None, None], "status": [None, None], "copies": [None, None]}, dtype=object
    )
    found = delivery_rate(data, by="day", now="2026-11-22")
    assert found[["n", "other"]].to_numpy().tolist() == [[2, 2]]
    assert found["day"].isna().all()


@pytest.mark.parametrize("now", ["2026-11-22", "2026-11-22T00:00:00Z", "2026-11-22T11:00:00+11:00"])
def test_micros_reads_iso_text(now):
    assert micros(now) == 1795305600 * 10**6


def test_micros_takes_an_aware_datetime_of_any_zone():
    assert micros(datetime(2026, 11, 22, 11, tzinfo=ZoneInfo("Australia/Sydney"))) == 1795305600 * 10**6


@pytest.mark.parametrize("now", ["soon", datetime(2026, 11, 22), pd.NaT, ""])  # noqa: DTZ001
def test_micros_refuses_what_is_no_instant(now):
    with pytest.raises(UsageError, match="now"):
        micros(now, what="now")


def test_now_is_the_latest_sync_else_the_clock():
    data = frame(["2026-11-01"], synced_at=pd.to_datetime(["2026-11-05"], utc=True))
    with open_tables("test", messages=data) as tables:
        assert tables.now(None, "messages") == micros("2026-11-05")
        assert tables.now("2026-11-22", "messages") == micros("2026-11-22")
    with open_tables("test", messages=data.drop(columns="synced_at")) as tables:
        assert abs(tables.now(None, "messages") - datetime.now(UTC).timestamp() * 1e6) < 60e6


def test_typed_gives_an_empty_frame_its_dtypes():
    empty = typed(
        pd.DataFrame({"t": [], "n": [], "s": []}, dtype=object), {"s": "str", "n": "int64", "t": "utc"}
    )
    assert [str(dtype) for dtype in empty.dtypes] == ["str", "int64", "datetime64[us, UTC]"]


def test_instants_keeps_what_is_missing():
    found = instants([0, None])
    assert found.isna().tolist() == [False, True]
    assert str(found.dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize("tz", ["UTC", "Australia/Sydney", "America/New_York", "Asia/Kathmandu"])
def test_group_keys_cut_time_as_pandas_does(tz):
    rng = np.random.default_rng(1)
    seconds = rng.integers(0, 3 * 365 * 86_400, 4_000)
    data = frame(pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(seconds, unit="s"))
    local = data["sent_at"].dt.tz_convert(tz).dt.tz_localize(None)
    expected = {
        "hour": local.dt.floor("h"),
        "day": local.dt.normalize(),
        "week": (local - pd.to_timedelta(local.dt.day_of_week, unit="D")).dt.normalize(),
        "month": local.dt.to_period("M").dt.to_timestamp(),
        "weekday": local.dt.day_of_week,
        "hour_of_day": local.dt.hour,
    }
    for name, values in expected.items():
        counts = values.value_counts().sort_index()
        found = grouped(data, name, tz)
        assert found[name].tolist() == counts.index.tolist(), name
        assert found["n"].tolist() == counts.tolist(), name


def test_group_keys_dtypes_are_the_same_without_rows():
    data = frame(
        ["2026-11-01"], message_id=[5], list_id=[3], sender=["ACME"], msisdn=["61491570156"], flag=[True]
    )
    by = ["hour", "day", "week", "month", "weekday", "hour_of_day", "campaign", "list", "sender", "country"]
    by += ["flag", "sent_at", "message_id"]
    full, empty = grouped(data, by), grouped(data.iloc[:0], by)
    assert full.dtypes.astype(str).tolist() == empty.dtypes.astype(str).tolist()
    expected = ["datetime64[us]"] * 4 + ["Int64"] * 2 + ["int64", "Int64", "str", "str"]
    assert empty.dtypes.astype(str).tolist()[:10] == expected
    assert full["country"].tolist() == ["AU"]


def test_group_keys_put_missing_groups_last():
    found = grouped(frame(["2026-11-01"] * 3, list_id=[None, 2, 1]), "list")
    assert found["list"].tolist()[:2] == [1, 2]
    assert found["list"].isna().tolist() == [False, False, True]


def test_group_keys_take_a_column_before_a_meaning():
    assert grouped(frame(["2026-11-01"], country=["XX"]), "country")["country"].tolist() == ["XX"]


def test_group_keys_take_the_month_from_the_instant_not_from_the_folder_of_the_file(tmp_path):
    folder = tmp_path / "month=2026-11"
    folder.mkdir()
    frame(["2026-10-31T20:00"], status="delivered").to_parquet(folder / "part-0.parquet")
    found = delivery_rate(pd.read_parquet(tmp_path), by="month", tz="Australia/Sydney", now="2026-11-22")
    assert found["month"].tolist() == [pd.Timestamp("2026-11-01")]
    assert str(found["month"].dtype) == "datetime64[us]"


def test_group_keys_quote_any_name():
    name = """x"; DROP TABLE 'y' @messages :z"""
    assert grouped(frame(["2026-11-01"], **{name: ["a"]}), name)[name].tolist() == ["a"]


@pytest.mark.parametrize(
    ("by", "tz", "words"),
    [
        ("fortnight", "UTC", "by='fortnight' is unknown"),
        ("sender", "UTC", "no column 'sender'; tables that have it: messages"),
        ("list", "UTC", "no column 'list_id'"),
        ("country", "UTC", "no column 'msisdn'"),
        ("day", "Sydney", "tz='Sydney' is no time zone"),
        ("day", "../etc", "is no time zone"),
        ("n", "UTC", "also a column of the result"),
    ],
)
def test_group_keys_refuse_what_they_do_not_know(by, tz, words):
    with pytest.raises(UsageError, match=words.replace("(", r"\(")):
        grouped(frame(["2026-11-01"], n=[1]), by, tz)


def test_helpers_run_in_threads_at_once():
    data = frame(["2026-11-01"] * 50, status="delivered")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: delivery_rate(data.iloc[:n], now="2026-11-22")["n"][0], range(1, 21)))
    assert found == list(range(1, 21))


def test_explain_tells_formula_window_pending_and_sql():
    data = frame(["2026-11-01", "2026-11-03"], status=["delivered", "pending"])
    told = explain(delivery_rate(data, now="2026-11-22"))
    assert "delivered / (delivered + soft + hard + bounced)" in told
    assert "window: 2026-11-01T00:00:00+00:00 to 2026-11-03T00:00:00+00:00" in told
    assert "pending: 50.0%" in told
    assert "source: messages, 2 rows, from pandas" in told
    assert 'FROM "messages"' in told
    assert "filtered since" not in told


def test_explain_notices_a_changed_result():
    data = frame(["2026-11-01", "2026-11-03"], status=["delivered", "pending"])
    rates = delivery_rate(data, by="day", now="2026-11-22")
    assert "filtered since" not in explain(rates.iloc[::-1])
    assert "filtered since" in explain(rates.iloc[:1])
    assert "filtered since" in explain(rates.assign(rate=1.0))
    assert "filtered since" in explain(rates.drop(columns="rate"))


def test_explain_notices_a_drained_frame_filtered_before():
    data = frame(["2026-11-01", "2026-11-03"], status=["delivered", "pending"])
    data.attrs["drain"] = {"table": "messages", "rows": 2, "proofs": ["bracketed"]}
    assert "filtered since" not in explain(delivery_rate(data, now="2026-11-22"))
    told = explain(delivery_rate(data.iloc[:1], now="2026-11-22"))
    assert "messages filtered since: drained 2 rows, here 1" in told


def test_explain_of_a_drained_frame_compares_its_keys():
    from smsdata.schema.frames import empty, key_hash

    data = pd.DataFrame({"id": [1, 2]})
    data.attrs["drain"] = {"table": "messages", "rows": 2, "keys": "other"}
    assert "but others" in explain(data)
    assert "filtered since" in explain(data.iloc[:1])
    none = pd.DataFrame({"id": pd.Series([], dtype="int64")})
    none.attrs["drain"] = {"table": "messages", "rows": 0, "keys": key_hash("messages", empty("messages"))}
    assert "since" not in explain(none)


def test_explain_survives_parquet(tmp_path):
    rates = delivery_rate(frame(["2026-11-01"], status=["delivered"]), by="day", now="2026-11-22")
    rates.to_parquet(tmp_path / "rates.parquet")
    assert explain(pd.read_parquet(tmp_path / "rates.parquet")) == explain(rates)


def test_explain_of_an_unknown_frame_says_so():
    with pytest.raises(UsageError, match="nothing is known"):
        explain(pd.DataFrame())
