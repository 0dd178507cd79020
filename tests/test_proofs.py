"""The decisions about completeness by themselves: pages made by hand, no calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from smsdata.gateway.answers import Page
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.proofs import TWO_PASSES, Pass, Proofs, row_keys, rows_once

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def page(
    number: int,
    ids: range | list[int],
    total: int | None,
    count: int | None = 1,
    *,
    wire: str = "id",
    **beside: Any,
) -> Page:
    rows = tuple({wire: n, "status": "active"} for n in ids)
    return Page(number, rows, count, total, beside, b"", NOW)


def made(proofs: Proofs, *pages: Page) -> Pass:
    one = proofs.begun(pages[0])
    for more in pages[1:]:
        one.add(more, proofs.keys(more))
    return one


MESSAGES = Proofs(endpoint("messages"))


@pytest.mark.parametrize(
    ("first", "proved"),
    [
        (page(1, range(7), 7), True),
        (page(1, [], 0, count=None), True),
        (page(1, range(7), 8), False),
        (page(1, range(7), None), False),
        (page(1, range(7), 7, count=2), False),
        (page(1, range(100), 100), False),
        (page(1, [1, 1, 2], 3), False),
    ],
    ids=["agrees", "empty", "more claimed", "no total", "two pages", "full", "a row twice"],
)
def test_single_page(first: Page, proved: bool) -> None:
    assert MESSAGES.single_page(MESSAGES.begun(first)) is proved


def test_counters_takes_a_count_from_elsewhere() -> None:
    for expect, proved in ((150, True), (151, False), (None, False)):
        proofs = Proofs(endpoint("messages"), expect)
        assert proofs.counters(made(proofs, page(1, range(100), 7), page(2, range(100, 150), 7))) is proved


def test_counters_takes_no_copies_for_recipients() -> None:
    proofs = Proofs(endpoint("dlrs"), expect=2)
    once, twice = page(1, [5, 6], 2, wire="msisdn"), page(1, [5, 6, 6], 3, wire="msisdn")
    assert proofs.counters(made(proofs, once))
    assert not proofs.counters(made(proofs, twice))


@pytest.mark.parametrize(("members", "proved"), [("all", True), ("active", True), ("inactive", False)])
def test_counters_takes_the_active_members_that_a_list_counts(members: str, proved: bool) -> None:
    proofs = Proofs(endpoint("list_members"), members=members)
    whole = page(1, range(3), 9, wire="msisdn", members_active=3)
    assert proofs.counters(made(proofs, whole)) is proved
    assert not proofs.counters(made(proofs, page(1, range(2), 9, wire="msisdn", members_active=3)))


def test_bracketed_needs_page_1_again_where_there_are_several() -> None:
    assert MESSAGES.before_bracket(made(MESSAGES, page(1, range(3), 3))) is True
    steady = made(MESSAGES, page(1, range(100), 150), page(2, range(100, 150), 150))
    assert MESSAGES.before_bracket(steady) is None
    shrinking = made(MESSAGES, page(1, range(100), 150), page(2, range(100, 149), 149))
    assert MESSAGES.before_bracket(shrinking) is False
    assert MESSAGES.before_bracket(made(MESSAGES, page(1, range(100), None), page(2, [100], 101))) is False


def test_bracketed_takes_rows_that_came_on_top_and_nothing_else() -> None:
    one = made(MESSAGES, page(1, range(100), 150), page(2, range(100, 150), 150))
    again = page(1, [200, *range(99)], 151)
    assert one.only_gained(MESSAGES.keys(again))
    assert one.add_new(again, MESSAGES.keys(again)) == 1
    assert MESSAGES.bracketed(one, again, 150)
    assert not MESSAGES.bracketed(one, page(1, range(100), 150), 150)
    moved = page(1, [120, *range(99)], 151)  # a row of page 2 stands on page 1 now
    assert not one.only_gained(MESSAGES.keys(moved))


def test_two_passes_need_the_same_keys_and_no_claim_of_more() -> None:
    def one(rows: range, total: int | None) -> Pass:
        return made(MESSAGES, page(1, rows, total))

    assert MESSAGES.two_passes(one(range(5), None), one(range(5), None))
    assert MESSAGES.two_passes(one(range(5), 7), one(range(5), 5))
    assert not MESSAGES.two_passes(one(range(5), 7), one(range(5), 7))
    assert not MESSAGES.two_passes(one(range(5), None), one(range(1, 6), None))


def test_passes_count_together_while_the_total_stands() -> None:
    together = MESSAGES.joined(Pass(), made(MESSAGES, page(1, range(4), 5)))
    assert not MESSAGES.complete_together(together)
    assert MESSAGES.complete_together(MESSAGES.joined(together, made(MESSAGES, page(1, range(1, 5), 5))))
    anew = MESSAGES.joined(together, made(MESSAGES, page(1, range(2), 6)))  # the total moved meanwhile
    assert (anew.distinct, MESSAGES.complete_together(anew)) == (2, False)
    unsteady = made(MESSAGES, page(1, range(100), 150), page(2, range(100, 150), 151))
    assert MESSAGES.joined(anew, unsteady).distinct == 0
    lists = Proofs(endpoint("lists"))  # rows of a snapshot can go, so passes over it never add up
    assert not lists.complete_together(lists.joined(Pass(), made(lists, page(1, range(5), 5))))


def test_ended_knows_the_last_page() -> None:
    assert MESSAGES.ended(made(MESSAGES, page(1, range(7), 7)))
    assert not MESSAGES.ended(made(MESSAGES, page(1, range(100), 100)))
    assert not MESSAGES.ended(made(MESSAGES, page(1, range(25), None)))
    assert MESSAGES.ended(made(MESSAGES, page(1, range(100), 100), page(2, [], 100)))
    circle = [page(n, range(100), 10**6) for n in range(1, 5)]
    assert not MESSAGES.ended(made(MESSAGES, *circle[:3]))
    assert MESSAGES.ended(made(MESSAGES, *circle))
    assert made(MESSAGES, *circle).repeated


def test_row_keys_tell_rows_without_a_key_apart() -> None:
    rows: list[Any] = [
        {"id": 1},
        {"id": "1"},
        {"id": None},
        {"x": 1},
        None,
        {"x": 1},
        {"id": "x y"},
        {"id": ""},
    ]
    keys = row_keys(endpoint("messages"), rows)
    assert keys[:2] == ["1", "1"]
    assert len(set(keys)) == 7
    assert keys == row_keys(endpoint("messages"), rows)
    assert row_keys(endpoint("dlrs"), [{"msisdn": "+61491570156"}, {"msisdn": 61491570156}]) == [
        "61491570156", "61491570156",
    ]  # fmt: skip
    below, above = row_keys(endpoint("messages"), [{"id": -5}, {"id": 7}])
    assert (below, above) == (("{'id': -5}", 1), "7")


def test_rows_once_says_on_which_page_each_row_was() -> None:
    pages = [page(1, [1, 2, 3], 5), page(2, [], 5), page(3, [4, 5], 5)]
    _, where, copies = rows_once(MESSAGES.endpoint, made(MESSAGES, *pages), TWO_PASSES)
    assert [where(n) for n in range(5)] == [(1, 1), (1, 2), (1, 3), (3, 1), (3, 2)]
    assert copies is None


def test_rows_once_keeps_what_was_seen_last() -> None:
    late = Page(2, ({"msisdn": 1, "status": "late"},), 1, 2, {}, b"", NOW)
    proofs = Proofs(endpoint("dlrs"))
    rows, where, copies = rows_once(
        proofs.endpoint, made(proofs, page(1, [1, 2], 2, wire="msisdn"), late), TWO_PASSES
    )
    assert [(row["msisdn"], row["status"]) for row in rows] == [(1, "late"), (2, "active")]
    assert [where(n) for n in range(2)] == [(2, 1), (1, 2)]
    assert copies == [2, 1]
