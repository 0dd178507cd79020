"""Drains against gateways that move, lie and fail: all rows, or a loud error, never less."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from smsdata import Client
from smsdata.errors import ApiError, DrainError, RowError, SmsDataError
from smsdata.gateway.answers import Page
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reader import Reader
from smsdata.gateway.reads import Read
from smsdata.simulator import Account, Drift, Faults, Gateway, Once, running
from tests.support.examples import Answer, scripted
from tests.support.served import Served, biggest, ids, message

Connect = Callable[..., Client]


@pytest.fixture(scope="module")
def account() -> Account:
    """An account that no test changes."""
    return Account(seed=1, campaigns=4, recipients=150, singles=20)


# ---- everything at once -----------------------------------------------------------------------------------


def test_drain_of_20_000_messages_with_every_quirk_equals_the_truth(connect: Connect) -> None:
    """Each table, row by row, through quirks, small errors and rows in an order that changes."""
    account = Account(seed=7, campaigns=9, recipients=2_600, singles=200)
    faults = Faults({"error500": 0.02, "html502": 0.02, "truncate": 0.02, "reset": 0.02, "error200": 0.01,
                     "html200": 0.01}, seed=2)  # fmt: skip
    client = connect(Gateway(account, limiter=None, quirks=True, faults=faults))
    messages = client.messages(since="360d").set_index("id")
    truth = pd.DataFrame(account.truth("messages")).set_index("id").sort_index()
    assert len(truth) > 20_000
    compared = ["message_id", "sent_at", "msisdn", "sender", "message"]
    expected = truth[compared].astype({column: messages[column].dtype for column in compared})
    pd.testing.assert_frame_equal(messages[compared].sort_index(), expected)
    campaigns = client.campaigns(since="360d")
    assert campaigns["message_id"].is_unique
    reports = {row["message_id"]: row for row in account.truth("campaigns")}
    for row in campaigns.astype(object).where(campaigns.notna(), None).to_dict("records"):
        assert {k: row[k] for k in reports[row["message_id"]]} == reports.pop(row["message_id"])
    assert not reports
    listed = biggest(account)
    frame = client.dlrs(message_id=listed)
    dlrs = {row["msisdn"]: row for row in account.truth("dlrs") if row["message_id"] == listed}
    assert set(frame["msisdn"]) == set(dlrs)
    assert all(dlrs[m]["status"] == s for m, s in zip(frame["msisdn"], frame["status"], strict=True))
    assert faults.struck


# ---- drift, with the usual loop as the control ------------------------------------------------------------


def usual_loop(client: Client, table: str, **asked: Any) -> list[Any]:
    """What common extractors do: read on to the page count of page 1."""
    first = client.page(endpoint(table), asked, 1)
    pages = [client.page(endpoint(table), asked, n) for n in range(2, (first.count or 1) + 1)]
    return [row["id"] for page in (first, *pages) for row in page.rows]


def drifting(seed: int) -> tuple[Account, Gateway]:
    account = Account(seed=seed, campaigns=2, recipients=3_000, singles=0)
    drift = Drift(every_pages=5, rows=10, kinds=("head",), seed=seed)
    return account, Gateway(account, limiter=None, drift=drift)


WIDE = {"start": "2025-11-23 00:00:00", "end": "2026-11-22 00:00:01"}


def test_usual_loop_loses_rows_under_drift(connect: Connect) -> None:
    account, gateway = drifting(1)
    before = ids(account)
    got = usual_loop(connect(gateway), "messages", **WIDE)
    lost = len(before - set(got)) / len(before)
    assert 0.005 < lost < 0.05


@pytest.mark.parametrize(("order", "seed"), [("newest", 1), ("newest", 2), ("oldest", 1)])
def test_drain_under_drift_loses_and_doubles_nothing(order: str, seed: int, connect: Connect) -> None:
    account = Account(seed=seed, campaigns=2, recipients=3_000, singles=0)
    before = ids(account)
    drift = Drift(every_pages=5, rows=10, kinds=("head",), seed=seed)
    gateway = Gateway(account, limiter=None, drift=drift, order=order)
    frame = connect(gateway).messages(since="360d")
    assert drift.strikes > 5
    assert before <= set(frame["id"]) <= ids(account)
    assert frame["id"].is_unique


@pytest.mark.parametrize("seed", range(4))
def test_drain_under_mixed_drift_is_complete_or_loud(seed: int, connect: Connect) -> None:
    account = Account(seed=seed, campaigns=3, recipients=700, singles=10)
    before = ids(account)
    drift = Drift(
        every_pages=3, rows=4, kinds=("head", "late", "campaign", "reply", "settle"), seed=seed, until=20
    )
    gateway = Gateway(account, limiter=None, drift=drift, order="shuffled")
    try:
        frame = connect(gateway).messages(since="360d")
    except DrainError:
        frame = connect(gateway).messages(since="360d")  # all came to rest meanwhile
    assert before <= set(frame["id"])
    assert frame["id"].is_unique


def test_drain_of_rows_in_no_certain_order_takes_several_passes_together(connect: Connect) -> None:
    account = Account(seed=4, campaigns=1, recipients=1_200, singles=0)
    gateway = Gateway(account, limiter=None, order="shuffled")
    assert set(connect(gateway).messages(since="360d")["id"]) == ids(account)


# Walkers with a seeded bug each: the same checks must catch them.


def stops_at_first_count(read: Callable[[int], Page]) -> list[Page]:
    first = read(1)
    return [first, *(read(n) for n in range(2, (first.count or 1) + 1))]


def takes_errors_for_the_end(read: Callable[[int], Page]) -> list[Page]:
    pages = []
    for number in range(1, 1000):
        try:
            pages.append(read(number))
        except ApiError:
            break
        if not pages[-1].rows:
            break
    return pages


def never_reads_page_1_again(read: Callable[[int], Page]) -> list[Page]:
    pages = []
    for number in range(1, 1000):
        pages.append(read(number))
        if not pages[-1].rows:
            return pages
    return pages


def walked(walker: Callable[..., list[Page]], gateway: Gateway, connect: Connect) -> set[int]:
    client = connect(gateway)
    return {
        int(row["id"])
        for page in walker(lambda n: client.page(endpoint("messages"), WIDE, n))
        for row in page.rows
    }


def test_checks_catch_a_walker_that_stops_at_the_first_page_count(connect: Connect) -> None:
    account, gateway = drifting(1)
    assert not ids(account) <= walked(stops_at_first_count, gateway, connect)


def test_checks_catch_a_walker_that_takes_errors_for_the_end(connect: Connect) -> None:
    account = Account(seed=1, campaigns=2, recipients=800, singles=0)
    faults = Faults({}, seed=1)
    faults.add(Once("error200", "get-user-sms-sent", page=9, times=8))
    assert not ids(account) <= walked(
        takes_errors_for_the_end, Gateway(account, limiter=None, faults=faults), connect
    )
    faults.add(Once("error200", "get-user-sms-sent", page=9, times=8))
    with pytest.raises(ApiError, match=r"messages page 9: INTERNAL_ERROR .* after 8 tries"):
        connect(Gateway(account, limiter=None, faults=faults)).messages(since="360d")


def test_checks_catch_a_walker_that_never_reads_page_1_again(connect: Connect) -> None:
    """It misses what arrived on top meanwhile; the drain does not."""
    account = Account(seed=1, campaigns=2, recipients=800, singles=0)

    def gateway() -> Gateway:
        return Gateway(account, limiter=None, drift=Drift(every_pages=5, rows=10, kinds=("head",), until=2))

    got = walked(never_reads_page_1_again, gateway(), connect)
    assert not ids(account) <= got
    frame = connect(gateway()).messages(since="360d")
    assert ids(account) <= set(frame["id"])


# ---- faults -----------------------------------------------------------------------------------------------

STORM = {
    "error500": 0.02,
    "html502": 0.02,
    "truncate": 0.02,
    "reset": 0.02,
    "error200": 0.01,
    "html200": 0.01,
}


@pytest.mark.parametrize("seed", range(3))
def test_drain_through_a_storm_of_errors_has_all_rows(seed: int, account: Account, connect: Connect) -> None:
    faults = Faults(STORM, seed=seed)
    gateway = Gateway(account, limiter=None, faults=faults, max_page=10)
    assert set(connect(gateway).messages(since="360d")["id"]) == ids(account)
    assert faults.struck


@pytest.mark.parametrize(
    "kind",
    [
        "error500",
        "html502",
        "html200",
        "error200",
        "overlimit200",
        "reset",
        "hang",
        "truncate",
        "stale_page",
        "wrong_number",
        "clamp10",
        "missing_rows",
        "empty_page",
        "drop_row",
        "duplicate_rows",
        "extra_keys",
        "string_numbers",
    ],
)
def test_drain_survives_each_fault_once_on_every_page(kind: str, account: Account, connect: Connect) -> None:
    faults = Faults({}, seed=1)
    for page in range(1, 5):
        faults.add(Once(kind, "get-user-sms-sent", page=page))
    client = connect(Gateway(account, limiter=None, faults=faults), sleep=lambda _seconds: None)
    frame = client.messages(since="360d")
    assert set(frame["id"]) == ids(account)
    assert frame["id"].is_unique


def lie(**claims: Any) -> Callable[[Answer, int], Answer]:
    def twist(answer: Answer, page: int) -> Answer:
        changed = dict(answer)
        for name, value in claims.items():
            made = value(answer, page) if callable(value) else value
            if name == "total":
                changed["total"] = made
            else:
                changed["page"] = changed["page"] | {"count": made}
        return {key: value for key, value in changed.items() if value != "gone"}

    return twist


LIES: dict[str, Callable[[Answer, int], Answer]] = {
    "total 0": lie(total=0),
    "total 0 after page 1": lie(total=lambda a, page: a["total"] if page == 1 else 0),
    "total text": lie(total=lambda a, _: str(a["total"])),
    "total missing": lie(total="gone"),
    "total null": lie(total=None),
    "total too big": lie(total=lambda a, _: a["total"] + 7),
    "total too small": lie(total=lambda a, _: a["total"] - 7),
    "total of the page": lie(total=lambda a, _: len(a["messages"])),
    "total grows": lie(total=lambda a, page: a["total"] + page),
    "total shrinks": lie(total=lambda a, page: a["total"] - page),
    "count 0": lie(count=0),
    "count 1": lie(count=1),
    "count too big": lie(count=lambda a, _: a["page"]["count"] + 3),
    "count text": lie(count=lambda a, _: str(a["page"]["count"])),
    "count missing": lie(count=None),
    "count 1, no total": lie(count=1, total=None),
    "count 0, total 0": lie(count=0, total=0),
    "both huge": lie(count=10**9, total=10**9),
}


@pytest.mark.parametrize(("rows", "size"), [(30, 100), (30, 25), (100, 100), (330, 100), (330, 10)])
@pytest.mark.parametrize("name", LIES)
def test_drain_with_a_lying_total_is_complete_or_loud(name: str, size: int, rows: int) -> None:
    served = Served([message(n) for n in range(rows)], LIES[name], size=size)
    try:
        frame = served.drain()
    except SmsDataError:
        frame = None
    if name not in {"total too big", "total grows", "both huge"}:  # more is claimed than there is
        assert frame is not None
    assert frame is None or list(frame["id"]) == list(range(rows))


@pytest.mark.parametrize("rows", [25, 100, 330])
def test_drain_of_a_gateway_that_ignores_the_page_is_loud(rows: int) -> None:
    served = Served([message(n) for n in range(400)], size=100)

    def first_page(answer: Answer, page: int) -> Answer:
        return answer | {"messages": served.rows[:100]}

    served.twist = first_page
    with pytest.raises(SmsDataError):
        served.drain()
    served.twist = lambda answer, page: first_page(answer, page) | {"total": None}
    with pytest.raises(SmsDataError):
        served.drain()


@pytest.mark.parametrize("beyond", ["last page again", "first page again", "FIELD_INVALID", "NOT_FOUND"])
def test_drain_takes_every_answer_behind_the_last_page(beyond: str) -> None:
    """Exactly full pages: one page more is asked for, and nobody documents what comes."""

    def twist(answer: Answer, page: int) -> Any:
        if page <= 2:
            return None
        if beyond.isupper():
            return {"error": {"code": beyond, "description": "page"}}
        number = 2 if beyond.startswith("last") else 1
        shown = served.rows[(number - 1) * 100 : number * 100]
        return answer | {"messages": shown, "page": {"count": 2, "number": number}}

    served = Served([message(n) for n in range(200)], twist)
    assert list(served.drain()["id"]) == list(range(200))
    assert served.pages.count(3) <= 2


def test_drain_of_a_gateway_that_keeps_a_row_back_is_loud() -> None:
    def drop(answer: Answer, _page: int) -> Answer:
        return answer | {"messages": [row for row in answer["messages"] if row["id"] != 150]}

    with pytest.raises(
        DrainError, match=r"249 distinct rows in \d pages, the gateway says 250, in \d+ passes"
    ):
        Served([message(n) for n in range(250)], drop).drain()
    with pytest.raises(DrainError):  # also when another row comes twice in its place
        Served([message(n) for n in range(250)], lambda a, _: a | {"messages": [
            message(151) if row["id"] == 150 else row for row in a["messages"]]}).drain()  # fmt: skip


def test_drain_names_the_row_that_does_not_fit() -> None:
    rows = [message(n) for n in range(150)]
    rows[110] |= {"id": 2**64}
    with pytest.raises(RowError, match="messages page 2 row 11: column 'id' holds a number"):
        Served(rows).drain()


def test_rows_without_a_key_are_each_set_aside() -> None:
    rows = [message(n) for n in range(5)] + [message(n, id=None) for n in (7, 8)] + [None]
    with scripted(Served(rows)) as client:  # type: ignore[arg-type]
        done = Reader(client).read(Read(endpoint("messages")))
    assert (done.rows.num_rows, len(done.batch.rejects), done.proof) == (5, 3, "single-page")


def test_drain_over_real_http(account: Account) -> None:
    faults = Faults(STORM, seed=5)
    gateway = Gateway(account, limiter=None, quirks=True, faults=faults, max_page=25)
    with (
        running(gateway) as base_url,
        Client(key="demo", secret="demo", base_url=base_url, rate=1e6, share=1) as client,
    ):
        assert set(client.messages(since="360d")["id"]) == ids(account)
        assert len(client.lists()) == len(account.truth("lists"))
    assert faults.struck
