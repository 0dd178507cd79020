"""Turn an SMS account into DataFrames you can trust.

The front door is a few verbs, then ordinary pandas::

    import smsdata

    client = smsdata.Client()                       # settings from the environment
    messages = client.messages(since="30d")         # a complete DataFrame, or an error
    smsdata.sync(client, "data/store")              # the scheduled export
    store = smsdata.Store("data/store")
    dlrs = store.read("dlrs", since="2026-11-01")
"""

from smsdata.drain import Client, drain
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
from smsdata.store import Store
from smsdata.sync import sync

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
    "drain",
    "sync",
]
