"""What `forget` and `retain` have begun and not ended, for a crash or a disk stopped them, and how to go on.

`sync`, `status` and `verify` name it. Imports `errors`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smsdata.errors import StoreError

if TYPE_CHECKING:
    from smsdata.store.forgotten import ForgottenPeople
    from smsdata.store.state import State


@dataclass(frozen=True, slots=True)
class HalfDone:
    """Something begun and not ended; `table` and `where` say of what, `advice` what to do."""

    table: str
    what: str
    where: str
    advice: str

    def __str__(self) -> str:
        return f"{self.table} {self.where}: {self.what}. {self.advice}"


def half_done(people: ForgottenPeople, state: State) -> Iterator[HalfDone]:
    """Name the people who are forgotten in part, and the tables of which not all has gone that was to go."""
    left = 0
    try:
        left = sum(facts["done_at"] is None and not facts.get("key_lost_at") for facts in people.records())
    except StoreError as error:
        yield HalfDone("store", "damaged", ".smsdata/forgotten", str(error))
    if left:
        advice = "run `smsdata forget NUMBER --apply` again for each, with the same --also."
        said = f"{left} people are not forgotten in all places yet: {advice}"
        yield HalfDone("store", "unfinished", "forget", said)
    for table, age in sorted(state.letting_go.items()):
        advice = f"run `smsdata retain {table}={age} --apply` again."
        said = f"Not all rows that were to go have gone yet: {advice}"
        yield HalfDone(table, "unfinished", "retain", said)
