"""Files of the store that are gone or damaged: named, and read again where the gateway still has the rows.

A run brings a file back that its options reach: one of a table in time by `deep` with a `since` from before
the file, any other by itself. The file is named no more once the run has read its table without a failure;
until then each run and each reader says that it is gone. Imports `plan`, `report`, `store` and `schema`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from smsdata.ingest.plan import HORIZON
from smsdata.ingest.report import Report
from smsdata.schema.tables import TABLES
from smsdata.store.inventory import FileFault
from smsdata.store.state import read_anew
from smsdata.store.store import Store


class LostFiles:
    """The files that are gone, and those of them that a run brings back."""

    def __init__(self, store: Store, tables: Sequence[str], start: datetime | None) -> None:
        self._store = store
        self._gone = store.tables.inventory.lost()
        read = {*tables, "status_history"}
        self._due = [one for one in self._gone if one.table in read and _reaches(one, start)]
        for one in self._due:
            read_anew(store.state, one.table)

    def account_for(self, report: Report, now: datetime) -> None:
        """Name the files no more that were brought back, and say of the others that they are gone."""
        whole = [
            one for one in self._due if one.table not in report.tables or not report.of(one.table).unproved
        ]
        for one in self._gone:
            if one not in whole:
                report.attention.append(f"{one.name} {one.reason}. {one.advice}")
            elif one.table == "status_history" or (one.since and one.since < now - HORIZON):
                report.note(
                    f"{one.name} {one.reason}: what of it the gateway does not keep is gone for good."
                )
        for one in self._store.tables.inventory.refused():
            report.attention.append(f"{one.name} {one.reason}. {one.advice}")
        if whole:
            self._store.tables.inventory.forget(whole)
            self._store.save_state()


def _reaches(lost: FileFault, start: datetime | None) -> bool:
    if not TABLES[lost.table].time:
        return True
    return start is not None and lost.since is not None and start <= lost.since
