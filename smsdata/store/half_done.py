"""What `forget` and `retain` have begun and not ended, and a key of those who are forgotten that is lost.

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
    """Name the people who are forgotten in part, and the tables of which not all has gone that was to go.

    And the key of those people, where it is not there or another one: nothing can be stored without it.
    """
    left = 0
    try:
        left = sum(facts["done_at"] is None and not facts.get("key_lost_at") for facts in people.records())
    except StoreError as error:
        yield HalfDone("store", "damaged", ".smsdata/forgotten", str(error))
    else:
        if why := people.key_fault():
            said = f"{why} What to do stands in docs/forget.md#when-the-key-is-lost."
            yield HalfDone("store", "no key", ".smsdata/forgotten", said)
    if left:
        advice = "run `smsdata forget NUMBER --apply` again for each, with the same --also."
        who = "1 person is" if left == 1 else f"{left} people are"
        said = f"{who} not forgotten in all places yet: {advice}"
        yield HalfDone("store", "unfinished", "forget", said)
    for table, age in sorted(state.letting_go.items()):
        advice = f"run `smsdata retain {table}={age} --apply` again."
        said = f"Not all rows that were to go have gone yet: {advice}"
        yield HalfDone(table, "unfinished", "retain", said)
