"""What a run tells: per table, what needs attention, what is good to know. Imports `shown`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from smsdata.shown import html_of, shown_in_any_case


@dataclass
class TableReport:
    """What a run did with one table.

    `rows` were read (a row on the boundary second of two slices may count twice), `new` of them were not
    stored before. `proofs` names, sorted, what proved its reads complete; see `smsdata.gateway.proofs`.
    `witness` is the weakest witness of its reads; `unread` counts by column the values that became null.
    `not_offered` says that the gateway does not have the call.
    """

    calls: int = 0
    rows: int = 0
    new: int = 0
    rejected: int = 0
    proofs: list[str] = field(default_factory=list)
    witness: str = ""
    unproved: list[str] = field(default_factory=list)
    unknown_keys: list[str] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=dict)
    not_offered: bool = False


@dataclass
class Report:
    """What a run did: per table, in calls, and what needs attention.

    `planned` are the calls that were expected, per table. `attention` lists what needs a person; it is
    empty when all is well. `notes` is good to know.
    """

    tables: dict[str, TableReport] = field(default_factory=dict)
    planned: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    now: str = ""
    attention: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lasting: dict[str, str] = field(default_factory=dict)
    """Of `attention`, by what it is about, what no later run says again though it may stay so."""
    settled: set[str] = field(default_factory=set)
    """What such lines of earlier runs were about, and is well now."""
    dismissed: bool = False
    """Whether all that earlier runs said is let go of."""

    @shown_in_any_case
    def _repr_html_(self) -> str:
        rows = [
            [
                name,
                one.rows,
                one.new,
                one.calls,
                ", ".join(one.proofs),
                one.witness,
                one.rejected,
                _word_about(one),
            ]
            for name, one in self.tables.items()
        ]
        new = sum(one.new for one in self.tables.values())
        return html_of(
            f"Sync: {new:,} new rows in {self.calls:,} calls",
            facts=[("as of", self.now)] if self.now else (),
            heads=["table", "read", "new", "calls", "proof", "witness", "set aside", ""],
            rows=rows,
            lines=self.attention or ["Nothing needs a look."],
        )

    def of(self, table: str) -> TableReport:
        """The report of one table."""
        return self.tables.setdefault(table, TableReport())

    def tell_once(self, about: str, text: str) -> None:
        """Say what needs a person and is said by this run alone; the record of runs keeps it."""
        self.attention.append(f"{about}: {text}")
        self.lasting[about] = self.attention[-1]

    def note(self, text: str) -> None:
        """Say something once that is good to know."""
        if text not in self.notes:
            self.notes.append(text)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, as `smsdata sync --json` prints them: `attention` stands under ``look``."""
        values = asdict(self)
        for name in ("lasting", "settled", "dismissed"):
            del values[name]
        return values | {"look": values.pop("attention")}


def _word_about(table: TableReport) -> str:
    if table.not_offered:
        return "not offered by this gateway"
    return f"NOT COMPLETE ({len(table.unproved)})" if table.unproved else ""
