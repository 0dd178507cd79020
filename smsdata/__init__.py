"""Turn an SMS account into DataFrames you can trust.

The front door is a few verbs, then ordinary pandas::

    import smsdata

    client = smsdata.Client()                       # settings from the environment
    messages = client.messages(since="30d")         # a complete DataFrame, or an error
    smsdata.sync(client, "data/store")              # the scheduled export
    store = smsdata.Store("data/store")
    dlrs = store.read("dlrs", since="2026-11-01")
    smsdata.explain(smsdata.analysis.delivery_rate(dlrs))   # formula, numbers, window, source

`analysis`, `plots` and `explain` are loaded when they are first used: a scheduled sync needs none of them.
"""

import importlib
from typing import Any

import smsdata.schema.memory  # noqa: F401 - first: it tells pyarrow where to get memory
from smsdata.errors import (
    ApiError,
    DrainError,
    LockedError,
    RowError,
    SafetyError,
    SmsDataError,
    StoreError,
    UsageError,
)
from smsdata.gateway.client import Client, drain
from smsdata.ingest.reconcile import verify
from smsdata.ingest.run import sync
from smsdata.store.store import Store

__version__ = "0.1.0"
__all__ = [
    "ApiError",
    "Client",
    "DrainError",
    "LockedError",
    "RowError",
    "SafetyError",
    "SmsDataError",
    "Store",
    "StoreError",
    "UsageError",
    "analysis",
    "drain",
    "explain",
    "plots",
    "sync",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name == "explain":
        return importlib.import_module("smsdata.analysis").explain
    if name in {"analysis", "plots"}:
        return importlib.import_module(f"smsdata.{name}")
    raise AttributeError(f"module 'smsdata' has no attribute {name!r}")
