"""The one rule whether stored rows agree with a send's counters, against two plain ways to write it."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from smsdata.schema.counters import Counters, Stored, agrees, disagreements

COUNTS = st.integers(0, 3)
SENDS = st.builds(Counters, pending=COUNTS, delivered=COUNTS, soft=COUNTS, hard=COUNTS, optouts=COUNTS)
WORDS = ("pending", "delivered", "soft-bounce", "hard-bounce", "bounced")
ROWS = st.fixed_dictionaries(dict.fromkeys(WORDS, COUNTS), optional={"queued": COUNTS})


@given(SENDS, ROWS)
def test_agrees_when_every_bounce_of_unknown_kind_finds_room(
    counters: Counters, statuses: dict[str, int]
) -> None:
    count = Counter(statuses)
    soft, hard, either = count["soft-bounce"], count["hard-bounce"], count["bounced"]
    assert agrees(counters, Stored(statuses)) == (
        count["pending"] == counters.pending
        and count["delivered"] == counters.delivered
        and not count["queued"]
        and soft + hard + either == counters.soft + counters.hard
        and soft <= counters.soft
        and hard <= counters.hard
    )


@given(SENDS, ROWS)
def test_agrees_hard_exactly_leaves_no_hard_bounce_in_doubt(
    counters: Counters, statuses: dict[str, int]
) -> None:
    count = Counter(statuses)
    assert agrees(counters, Stored(statuses), hard_exactly=True) == (
        count["pending"] == counters.pending
        and count["delivered"] == counters.delivered
        and count["hard-bounce"] == counters.hard
        and not count["queued"]
        and count.total() == counters.recipients
    )


@given(SENDS, ROWS)
def test_disagreements_name_what_is_stored_and_what_is_due(
    counters: Counters, statuses: dict[str, int]
) -> None:
    listed = disagreements(counters, Stored(statuses))
    assert all(stored != due for _, stored, due in listed)
    assert [word for word, *_ in listed] == sorted({word for word, *_ in listed})


def test_counters_of_a_row_go_by_the_names_of_the_table() -> None:
    row = {"pending": 1, "delivered": 2, "soft_bounced": 3, "hard_bounced": 4, "optouts": 5, "cost": 1.0}
    assert Counters.of_row(row).counters == [1, 2, 3, 4, 5]
    assert Counters.of_row(row).recipients == 10
