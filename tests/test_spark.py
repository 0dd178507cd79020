"""One answer at three scales: every helper gives exactly the same on pandas, on a scan and on Spark."""

from __future__ import annotations

import inspect
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smsdata import Store, analysis, sync
from smsdata.analysis import (
    attribute_replies,
    avoidable_parts,
    bounce_history,
    bounce_kinds,
    classify_replies,
    compare_rates,
    costs,
    delivery_rate,
    delivery_trend,
    explain,
    hard_bounced,
    list_growth,
    list_health,
    list_overlap,
    number_details,
    optout_rate,
    optouts,
    reply_rate,
    reply_windows,
    segments,
    sent_after_optout,
    spent_on_dead,
    threads,
    time_to_deliver,
    time_to_reply,
    time_to_settle,
    to_spark,
)
from smsdata.analysis.bounce_evidence import contact_evidence
from smsdata.errors import UsageError
from smsdata.schema.frames import schema, to_pandas
from smsdata.simulator import Account, Gateway
from tests.support.clients import connected

NOW = "2026-11-24"
SYDNEY = "Australia/Sydney"
Read = Callable[[str], Any]
Case = Callable[[Read], pd.DataFrame]
TAKE_NO_TABLES = {"alarms", "explain", "time_quantiles", "to_spark"}  # they take what a helper gave
SPARK_TYPES = {str: "string", int: "bigint", float: "double"}
PERIODS = ["hour", "hour_of_day", "day", "weekday", "week", "month"]
CALENDAR = ["quarter", "year", "week_from_sunday", "quarter_from_february", "year_from_july"]


def trend_by(t: Read, *, by: str) -> pd.DataFrame:
    """The trend by a period that may begin on any weekday or in any month."""
    return delivery_trend(t("dlrs"), by=by, tz=SYDNEY)


def growth_by(t: Read, *, by: str) -> pd.DataFrame:
    """The growth of lists by such a period, with those who opted out."""
    return list_growth(t("list_members"), optouts(replies=t("replies"), dlrs=t("dlrs")), by=by, tz=SYDNEY)


CASES: dict[str, list[Case]] = {
    "attribute_replies": [
        lambda t: attribute_replies(t("messages"), t("replies")),
        lambda t: attribute_replies(t("messages"), t("replies"), window="8d"),
    ],
    "avoidable_parts": [lambda t: avoidable_parts(t("campaigns"))],
    "bounce_history": [
        lambda t: bounce_history(t("dlrs")),
        lambda t: bounce_history(t("receipts"), ["61491570156", *DEAD]),
    ],
    "bounce_kinds": [lambda t: bounce_kinds(t("receipts"), t("campaigns"))],
    "classify_replies": [
        lambda t: classify_replies(t("replies"), messages=t("messages")),
        lambda t: classify_replies(t("replies")),
    ],
    "compare_rates": [lambda t: compare_rates(t("messages"), by="sender", mature_only=True)],
    "costs": [lambda t: costs(t("campaigns")), lambda t: costs(t("campaigns"), by=["type", "month"])],
    "delivery_rate": [
        lambda t: delivery_rate(t("messages")),
        lambda t: delivery_rate(t("messages"), by=["country", "sender", "campaign"], now=NOW),
        lambda t: delivery_rate(t("dlrs"), by=[*PERIODS, "list"], tz=SYDNEY, mature_only=True),
        lambda t: delivery_rate(t("messages"), by=["month", "status", "sent_at"]),
    ],
    "delivery_trend": [
        lambda t: delivery_trend(t("messages"), tz="America/New_York"),
        lambda t: delivery_trend(t("dlrs"), by="month", count="hard_bounced"),
        *(partial(trend_by, by=by) for by in CALENDAR),
    ],
    "hard_bounced": [
        lambda t: hard_bounced(t("dlrs"), t("replies")),
        lambda t: hard_bounced(
            t("receipts"),
            t("replies"),
            campaigns=t("campaigns"),
            status_history=t("history"),
            include_cleared=True,
            owner_days=1,
            soft_streak=2,
            soft_days=1,
        ),
    ],
    "list_growth": [
        lambda t: list_growth(t("list_members"), by="week", tz=SYDNEY),
        *(partial(growth_by, by=by) for by in CALENDAR),
    ],
    "list_health": [
        lambda t: list_health(t("list_members")),
        lambda t: list_health(t("list_members"), t("receipts"), t("replies"), stale_days=20),
    ],
    "list_overlap": [lambda t: list_overlap(t("list_members"))],
    "number_details": [lambda t: number_details(t("dlrs"))],
    "optout_rate": [
        lambda t: optout_rate(
            t("dlrs"), replies=t("replies"), messages=t("messages"), by=["month", "country"]
        ),
        lambda t: optout_rate(t("dlrs"), replies=t("replies")),
    ],
    "optouts": [
        lambda t: optouts(
            replies=t("replies"),
            dlrs=t("dlrs"),
            optouts=t("optouts"),
            list_members=t("list_members"),
            callbacks=t("callbacks"),
            messages=t("messages"),
        )
    ],
    "reply_rate": [
        lambda t: reply_rate(t("messages"), t("replies")),
        lambda t: reply_rate(t("messages"), t("replies"), by=["campaign", "country", "week"], tz=SYDNEY),
    ],
    "reply_windows": [lambda t: reply_windows(t("messages"), t("replies"))],
    "segments": [lambda t: segments(t("messages"))],
    "sent_after_optout": [
        lambda t: sent_after_optout(t("messages"), optouts(replies=t("replies"), dlrs=t("dlrs"))),
        lambda t: sent_after_optout(t("dlrs"), optouts(replies=t("replies")), include_review=True, rule="US"),
    ],
    "spent_on_dead": [
        lambda t: spent_on_dead(t("dlrs"), t("campaigns")),
        lambda t: spent_on_dead(t("dlrs"), t("campaigns"), by=["week", "country"], tz=SYDNEY),
    ],
    "threads": [lambda t: threads(t("messages"), t("replies"), gap="24h")],
    "time_to_deliver": [
        lambda t: time_to_deliver(t("receipts")),
        lambda t: time_to_deliver(t("receipts"), by="country", tz=SYDNEY, mature_only=True),
        lambda t: time_to_deliver(t("receipts"), status_history=t("history"), by=["month", "country"]),
    ],
    "time_to_reply": [
        lambda t: time_to_reply(t("messages"), t("replies")),
        lambda t: time_to_reply(t("messages"), t("replies"), mature_only=True),
        lambda t: time_to_reply(t("messages"), t("replies"), by=["sender", "month"], tz=SYDNEY),
    ],
    "time_to_settle": [
        lambda t: time_to_settle(t("dlrs"), t("status_history")),
        lambda t: time_to_settle(t("dlrs"), t("status_history"), mature_only=True),
        lambda t: time_to_settle(t("dlrs"), t("status_history"), by=["month", "country"], tz=SYDNEY),
    ],
}


def evidence(t: Read) -> Any:
    """What hygiene asks: the evidence against each contact, and the bounces it rests on."""
    names = ("dlrs", "campaigns", "status_history", "replies", "list_members", "lists")
    tables = {name: t(name) for name in names}
    known = hard_bounced(tables["dlrs"], tables["replies"], status_history=tables["status_history"])
    return contact_evidence(known, **tables, since="2026-08-01", quiet="98h")


CASES_OF_HYGIENE: dict[str, list[Case]] = {
    "contact_evidence": [lambda t: evidence(t).contacts, lambda t: evidence(t).bounces],
}
EACH = [
    pytest.param(case, id=f"{name}-{n}")
    for name, some in (CASES | CASES_OF_HYGIENE).items()
    for n, case in enumerate(some)
]
DEAD: list[str] = []
"""Numbers of the account that hard-bounce; known once it is synced."""

on_spark = [
    pytest.mark.spark,
    # Spark 4 declares its support of pandas 3 unfinished; what we use of it is what these tests check.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]


@dataclass(frozen=True)
class Files:
    """A scan of a table that the store does not have under this name."""

    folder: Path
    columns: list[str]

    def sql(self) -> str:
        return f"read_parquet('{self.folder}/*/*.parquet', hive_partitioning = false)"


@dataclass(frozen=True)
class World:
    """An account in a store, and beside it in the same layout what the gateway tells only now and then."""

    store: Store
    beside: Path

    def rows(self, table: str) -> pa.Table:
        return self._beside(table) if self._is_beside(table) else self.store.rows(table)

    def pandas(self, table: str) -> pd.DataFrame:
        alike = {"receipts": "dlrs", "history": "status_history", "callbacks": "replies"}
        return to_pandas(self.rows(table), alike.get(table, table))

    def scan(self, table: str) -> Any:
        if self._is_beside(table):
            return Files(self.beside / table, self._beside(table).column_names)
        return self.store.scan(table)

    def folder(self, table: str) -> str:
        return str((self.beside if self._is_beside(table) else self.store.path) / table)

    def keep(self, table: str, rows: pa.Table) -> None:
        """Write rows in two files, as the store would."""
        for month, piece in (("2026-10", rows[::2]), ("2026-11", rows[1::2])):
            folder = self.beside / table / f"month={month}"
            folder.mkdir(parents=True)
            pq.write_table(piece, folder / "part-0.parquet")

    def _is_beside(self, table: str) -> bool:
        return (self.beside / table).exists()

    def _beside(self, table: str) -> pa.Table:
        files = sorted((self.beside / table).glob("*/*.parquet"))
        return pa.concat_tables([pq.ParquetFile(file).read() for file in files])


def receipts(dlrs: pd.DataFrame) -> pa.Table:
    """Give the receipts times of delivery, and in every second campaign bounces of unknown kind."""
    row = np.arange(len(dlrs))
    delivered = (dlrs["status"] == "delivered") & (row % 11 > 0)
    seconds = pd.to_timedelta(row * 7919 % 9_000 - 60, unit="s")
    at = (dlrs["sent_at"] + seconds).where(delivered).dt.as_unit("us")
    at = at.where(row % 5 > 0, at.dt.floor("min"))
    unclear = (dlrs["status"] == "hard-bounce") & (dlrs["message_id"] % 2 == 0)
    told = dlrs.assign(delivered_at=at, status=dlrs["status"].mask(unclear, "bounced"))
    return pa.Table.from_pandas(told, schema=schema("dlrs"), preserve_index=False)


def history(told: pd.DataFrame) -> pa.Table:
    """Give the history some messages that were seen both delivered and bounced."""
    twice = told[told["status"] == "hard-bounce"].iloc[::4].assign(status="delivered")
    rows = pd.concat([told, twice], ignore_index=True)
    return pa.Table.from_pandas(rows, schema=schema("status_history"), preserve_index=False)


def callbacks(replies: pd.DataFrame) -> pa.Table:
    said = replies["response"].str.lower().str.contains("stop").map({True: "yes", False: "no"})
    return pa.Table.from_pandas(
        replies[["msisdn", "received_at"]].assign(is_optout=said.astype("str")), preserve_index=False
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """An account whose every table has something to tell, synced twice."""
    account = Account(
        seed=4, goo=False, campaigns=25, recipients=40, singles=20, lists=4, copies=0.3, dead=0.08, days=80
    )
    made = World(Store(tmp_path_factory.mktemp("store")), tmp_path_factory.mktemp("beside"))
    with connected(Gateway(account, limiter=None)) as client:
        sync(client, made.store, since="100d")
        members = made.store.read("list_members")["msisdn"]
        account.send_campaign(numbers=members.iloc[:9], text="Sale today! " * 10 + "🎉")
        for msisdn in members.iloc[5:8]:
            account.contacts.delete_member(msisdn)
        account.advance(hours=30)
        sync(client, made.store, deep=True)
    dlrs = made.store.read("dlrs")
    DEAD[:] = sorted(dlrs.loc[dlrs["status"] == "hard-bounce", "msisdn"].unique())
    made.keep("receipts", receipts(dlrs))
    made.keep("history", history(made.store.read("status_history")))
    made.keep("callbacks", callbacks(made.store.read("replies")))
    return made


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One small session on this machine."""
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed: make test-spark")
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("Spark needs Java, which is not here")
    settings = {
        # Small tables: less to compile, less to plan.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.sql.adaptive.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.ui.enabled": "false",
    }
    session = sql.SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def expected(world: World) -> Callable[[Case], pd.DataFrame]:
    """What a case gives on pandas."""
    return cache(lambda case: case(world.pandas))


@pytest.fixture(scope="module")
def files(world: World, spark: Any) -> Read:
    """Tables as Spark reads their files, without us."""
    return cache(lambda table: spark.read.parquet(world.folder(table)))


@pytest.fixture(scope="module")
def frames(world: World, spark: Any) -> Read:
    """Tables handed to Spark row by row."""
    return cache(lambda table: spark.createDataFrame(world.rows(table)).cache())


@pytest.fixture
def in_sydney(spark: Any) -> Iterator[None]:
    """A session that shows its instants in another time zone than ours."""
    spark.conf.set("spark.sql.session.timeZone", SYDNEY)
    yield
    spark.conf.set("spark.sql.session.timeZone", "UTC")


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_every_helper_has_a_case() -> None:
    helpers = {name for name in analysis.__all__ if inspect.isfunction(getattr(analysis, name))}
    assert set(CASES) == helpers - TAKE_NO_TABLES


@pytest.mark.parametrize("case", EACH)
def test_helpers_give_the_same_on_pandas_and_on_a_scan(
    case: Case, world: World, expected: Callable[[Case], pd.DataFrame]
) -> None:
    found = case(world.scan)
    assert len(found) > 0
    same(found, expected(case))


class TestOnSpark:
    """What needs a session."""

    pytestmark = on_spark

    @pytest.mark.parametrize("case", EACH)
    def test_helpers_give_the_same_on_spark_frames(
        self, case: Case, frames: Read, expected: Callable[[Case], pd.DataFrame]
    ) -> None:
        same(case(frames), expected(case))

    @pytest.mark.usefixtures("in_sydney")
    @pytest.mark.parametrize("case", EACH)
    def test_helpers_give_the_same_on_files_of_the_store_read_plainly_by_spark(
        self, case: Case, files: Read, expected: Callable[[Case], pd.DataFrame]
    ) -> None:
        assert "month" in files("messages").columns
        same(case(files), expected(case))

    def test_helpers_leave_no_views_behind(self, spark: Any, frames: Read) -> None:
        assert explain(delivery_rate(frames("messages"), by="day")).count("from spark") == 1
        assert spark.catalog.listTables() == []

    @pytest.mark.usefixtures("in_sydney")
    def test_to_spark_keeps_rows_types_and_local_time(self, spark: Any, world: World) -> None:
        rates = delivery_rate(world.pandas("messages"), by=["day", "sender"], tz=SYDNEY)
        given = to_spark(rates)
        kinds = dict(given.dtypes)
        assert kinds["day"] == "timestamp_ntz"
        assert (kinds["sender"], kinds["n"], kinds["rate"]) == ("string", "bigint", "double")
        assert (kinds["first"], kinds["mature"]) == ("timestamp", "boolean")
        back = given.toArrow().to_pandas()
        assert back["day"].tolist() == rates["day"].tolist()
        assert back["first"].tolist() == rates["first"].tolist()
        assert back["n"].tolist() == rates["n"].tolist()
        rate = rates["rate"].astype(object).where(rates["rate"].notna(), None)
        assert [row["rate"] for row in given.select("rate").collect()] == rate.tolist()

    def test_to_spark_of_nothing_has_the_columns(self, spark: Any) -> None:
        none = segments(pd.DataFrame({"message": pd.Series([], dtype="str")}))
        given = to_spark(none, spark)
        assert given.count() == 0
        assert dict(given.dtypes) == {
            "message": "string", "messages": "bigint", "encoding": "string", "units": "bigint",
            "parts": "bigint", "culprits": "string", "template": "string", "empty_field": "string",
        }  # fmt: skip

    def test_to_spark_loses_no_column(self, spark: Any) -> None:
        with pytest.raises(UsageError, match="column 'odd' mixes types"):
            to_spark(pd.DataFrame({"odd": [1, "a"]}), spark)

    def test_numbers_that_are_none_are_missing(self, spark: Any, frames: Read, world: World) -> None:
        campaigns = world.pandas("campaigns")
        missing = campaigns["message_id"] % 3 == 0
        nan = frames("campaigns").selectExpr("*", "if(message_id % 3 = 0, double('NaN'), cost) AS spent")
        found = costs(nan.drop("cost").withColumnRenamed("spent", "cost"))
        assert found["unpriced"].tolist() == [missing.sum()]
        same(found, costs(campaigns.assign(cost=campaigns["cost"].mask(missing))))

    def test_rows_that_repeat_a_key_are_refused(self, frames: Read) -> None:
        twice = frames("dlrs").union(frames("dlrs").limit(3))
        with pytest.raises(UsageError, match=r"hard_bounced: 3 rows of dlrs repeat the key"):
            hard_bounced(twice)

    def test_times_without_a_zone_are_refused(self, frames: Read) -> None:
        naive = frames("dlrs").selectExpr("* EXCEPT (sent_at)", "CAST(sent_at AS TIMESTAMP_NTZ) AS sent_at")
        with pytest.raises(UsageError, match=r"dlrs\.sent_at is naive .* Cast it to timestamp"):
            hard_bounced(naive)

    def test_times_without_a_zone_in_a_pandas_frame_beside_are_refused(
        self, frames: Read, world: World
    ) -> None:
        replies = world.pandas("replies")
        naive = replies.assign(received_at=replies["received_at"].dt.tz_localize(None))
        with pytest.raises(UsageError, match=r"replies\.received_at is naive"):
            hard_bounced(frames("dlrs"), naive)

    @pytest.mark.parametrize(
        ("column", "words"),
        [("CAST(sent_at AS STRING)", r"text, not instant.*cast\('timestamp'\)"), ("NULL", None)],
    )
    def test_columns_of_another_kind_are_refused(self, frames: Read, column: str, words: str | None) -> None:
        other = frames("dlrs").selectExpr("* EXCEPT (sent_at)", f"{column} AS sent_at")
        if words is None:
            assert delivery_rate(other, now=NOW)["first"].isna().all()
        else:
            with pytest.raises(UsageError, match=words):
                delivery_rate(other)

    def test_a_missing_column_is_named(self, frames: Read) -> None:
        with pytest.raises(UsageError, match=r"delivery_rate: messages has no column 'status'"):
            delivery_rate(frames("messages").drop("status"))

    def test_a_scan_beside_spark_is_refused(self, frames: Read, world: World) -> None:
        with pytest.raises(UsageError, match="replies is a scan beside a Spark DataFrame"):
            hard_bounced(frames("dlrs"), world.scan("replies"))


class TestNumbersOnSpark:
    """Numbers that would match nothing, and joins that do match nothing."""

    pytestmark = on_spark

    @pytest.mark.parametrize(
        "number", ["+61491570156", "0491570156", "61491570156.0", 61491570156, 61491570156.0]
    )
    def test_numbers_spelled_otherwise_are_refused_on_spark(self, spark: Any, number: Any) -> None:
        rows = spark.createDataFrame([(number,), (None,)], "msisdn " + SPARK_TYPES[type(number)])
        with pytest.raises(UsageError, match=r"number_details: .*numbers.*msisdn.*to_msisdn"):
            number_details(rows)

    def test_a_join_that_matches_nothing_warns_on_spark(self, frames: Read) -> None:
        later = frames("campaigns").selectExpr(
            "message_id + 1000000000 AS message_id", "hard_bounced", "soft_bounced"
        )
        with pytest.warns(UserWarning, match=r"bounce_kinds: none of [\d,]+ rows of dlrs matches any of"):
            bounce_kinds(frames("receipts"), later)
