"""One small Spark session on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest


def small_session() -> Iterator[Any]:
    """Yield a session of one thread, and stop it; skip where there is no pyspark."""
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    sql = pytest.importorskip("pyspark.sql")
    made = (
        sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.session.timeZone", "UTC").config("spark.driver.host", "127.0.0.1").getOrCreate()
    )  # fmt: skip
    yield made
    made.stop()
