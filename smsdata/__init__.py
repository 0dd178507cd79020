"""Turn an SMS account into DataFrames you can trust.

The front door is a few verbs, then ordinary pandas::

    import smsdata

    client = smsdata.Client()                       # settings from the environment
    messages = client.messages(since="30d")         # a complete DataFrame, or an error
    smsdata.sync(client, "data/store")              # the scheduled export
    store = smsdata.Store("data/store")
    dlrs = store.read("dlrs", since="2026-11-01")
    smsdata.explain(smsdata.analysis.delivery_rate(dlrs))   # formula, numbers, dates, source

`analysis`, `plots`, `hygiene`, `explain`, `certificate`, `export`, `pseudonymise`, `demo_store`, `Stores`,
`to_msisdn` and `with_contact_field` are loaded when they are first used: a scheduled sync needs none of them,
nor pandas, DuckDB and matplotlib, which they bring.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from smsdata import analysis, hygiene, plots
    from smsdata.analysis import explain
    from smsdata.analysis.core.completeness import certificate
    from smsdata.demo import demo_store
    from smsdata.schema.contact_fields import with_contact_field
    from smsdata.schema.number_spellings import to_msisdn
    from smsdata.sharing.exporting import export
    from smsdata.sharing.pseudonyms import pseudonymise
    from smsdata.stores import Stores

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
    "Stores",
    "UsageError",
    "analysis",
    "certificate",
    "demo_store",
    "drain",
    "explain",
    "export",
    "hygiene",
    "plots",
    "pseudonymise",
    "sync",
    "to_msisdn",
    "verify",
    "with_contact_field",
]


_LATER = {
    "Stores": "smsdata.stores",
    "certificate": "smsdata.analysis.core.completeness",
    "demo_store": "smsdata.demo",
    "explain": "smsdata.analysis",
    "export": "smsdata.sharing.exporting",
    "pseudonymise": "smsdata.sharing.pseudonyms",
    "to_msisdn": "smsdata.schema.number_spellings",
    "with_contact_field": "smsdata.schema.contact_fields",
}

if not TYPE_CHECKING:  # type checkers read the imports above, and refuse a name that is not there

    def __getattr__(name: str) -> Any:
        if name in _LATER:
            return getattr(import_module(_LATER[name]), name)
        if name in {"analysis", "hygiene", "plots"}:
            return import_module(f"smsdata.{name}")
        raise AttributeError(f"module 'smsdata' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What completion offers: the public names, not how this module came by them."""
    return [*__all__, "__doc__", "__file__", "__name__", "__path__", "__version__"]
