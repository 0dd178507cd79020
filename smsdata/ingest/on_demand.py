"""Tables that are read only when they are named: link hits, one contact's history, clients, transactions.

Imports `gateway`, `pipeline` and `plan`.
"""

from __future__ import annotations

from datetime import datetime

from smsdata.errors import UsageError
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reads import Read, slices
from smsdata.ingest import plan
from smsdata.ingest.callbacks import drop_hits_polled
from smsdata.ingest.pipeline import Pipeline
from smsdata.ingest.plan import SyncOptions

_PARAMETERS = {"message_id": "message_id", "list_id": "list_id", "mobile": "msisdn"}


def read_on_demand(pipeline: Pipeline, options: SyncOptions, table: str) -> None:
    """Read one such table and store it."""
    entry = endpoint(table)
    if entry.required == ("client_id",):
        return _read_transactions(pipeline, options)
    takes = {wire: options.only[ours] for wire, ours in _PARAMETERS.items() if ours in options.only}
    needs = [_PARAMETERS.get(name, name) for name in entry.required]
    parameters = {name: takes[name] for name in entry.required if name in takes}
    if len(parameters) < len(entry.required):
        option = needs[0].replace("_", "-")
        raise UsageError(f"{table} is read on demand: give --{option}.")
    pipeline.door.refuse(options.only.get("msisdn"))
    now = pipeline.client.now()
    reads = [Read(entry, parameters)]
    if entry.limit:
        reads = slices(reads[0], _first_row(options, now), now)
    for drained in pipeline.read_and_store(table, reads):
        if entry.table.snapshot and drained is not None:
            pipeline.store_snapshot(drained)
    if table == "link_hits":
        drop_hits_polled(pipeline.store, [int(options.only["message_id"])])
    return None


def _read_transactions(pipeline: Pipeline, options: SyncOptions) -> None:
    """Read the transactions of every client of a reseller account, for the last 30 days or since."""
    now = pipeline.client.now()
    clients = pipeline.read_one(Read(endpoint("clients")))
    ids = clients.rows.column("client_id").to_pylist() if clients else []
    reads = [
        part
        for client_id in ids
        for part in slices(
            Read(endpoint("transactions"), {"client_id": client_id}), _first_row(options, now), now
        )
    ]
    for _ in pipeline.read_and_store("transactions", reads):
        pass


def _first_row(options: SyncOptions, now: datetime) -> datetime:
    return options.start(now) or now - plan.LOOK_BACK
