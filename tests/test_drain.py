"""Drains against gateways that move, lie and fail: all rows, or a loud error, never less."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

from smsdata import Client
from smsdata.errors import ApiError, DrainError, RowError, SmsDataError, UsageError
from smsdata.gateway.caller import Page
from smsdata.gateway.client import bounds
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reader import Drained, Read, Reader, windows
from smsdata.simulator import Account, Drift, Faults, Gateway, Once, running
from tests.support.examples import EXAMPLES, SUCCESS, Answer, scripted

Connect = Callable[..., Client]
START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def account() -> Account:
    """An account that no test changes."""
    return Account(seed=1, campaigns=4, recipients=150, singles=20)


def ids(account: Account) -> set[int]:
    return {row["id"] for row in account.truth("messages")}


def biggest(account: Account) -> int:
    return max(account.sends, key=lambda send: len(send.rows)).message_id


def proof(frame: pd.DataFrame) -> str:
    return "".join(sorted(set(frame.attrs["drain"]["proofs"])))


def message(number: int, **changed: Any) -> Answer:
    at = START + timedelta(seconds=number)
    row: Answer = EXAMPLES["messages"]["messages"][0] | {"id": number, "sent_at": f"{at:%Y-%m-%d %H:%M:%S}"}
    return row | changed


class Served:
    """A gateway of our own: the rows given, and a twist on every page."""

    def __init__(
        self,
        rows: list[Answer],
        twist: Callable[[Answer, int], Any] = lambda answer, page: None,
        *,
        size: int = 100,
        key: str = "messages",
        total: str = "total",
        beside: Answer | None = None,
    ) -> None:
        self.rows, self.twist, self.size, self.key, self.total = rows, twist, size, key, total
        self.beside = beside or {}
        self.pages: list[int] = []
        self._lock = threading.Lock()

    def __call__(self, call: str, sent: dict[str, str]) -> Any:
        with self._lock:
            page, size = int(sent["page"]), min(self.size, int(sent["max"]))
            self.pages.append(page)
            rows = self.rows
            if "start" in sent:
                rows = [row for row in rows if sent["start"] <= row["sent_at"] <= sent["end"]]
            answer: Answer = {"page": {"count": math.ceil(len(rows) / size), "number": page}}
            answer |= {self.total: len(rows), self.key: rows[(page - 1) * size : page * size]}
            answer |= self.beside | {"error": SUCCESS}
            return self.twist(answer, page) or answer

    def drain(self, table: str = "messages", **asked: Any) -> pd.DataFrame:
        window = {"start": START, "end": START + timedelta(days=1)} if table == "messages" else {}
        with scripted(self) as client:
            return client.drain(table, **window | asked)


# ---- the proofs -----------------------------------------------------------------------------------------


def test_proof_a_takes_one_call() -> None:
    served = Served([message(n) for n in range(7)])
    assert proof(frame := served.drain()) == "a"
    assert (len(frame), served.pages) == (7, [1])


@pytest.mark.parametrize(
    "change",
    [{"total": 8}, {"page": {"count": 2, "number": 1}}, {"total": None}],
    ids=["total", "count", "no total"],
)
def test_proof_a_needs_total_and_page_count_to_agree(change: Answer) -> None:
    served = Served([message(n) for n in range(7)], lambda answer, page: page == 1 and answer | change)
    assert "a" not in proof(served.drain())


def test_proof_b_takes_an_independent_total() -> None:
    """The gateway's own total lies; the campaign's counters vouch for the rows."""
    rows = [EXAMPLES["dlrs"]["recipients"][0] | {"msisdn": 61491570000 + n} for n in range(250)]
    served = Served(rows, lambda answer, _: answer | {"total": 7}, key="recipients",
                    beside={"message": EXAMPLES["dlrs"]["message"]})  # fmt: skip
    with scripted(served) as client:
        done = Reader(client).read(Read(endpoint("dlrs"), {"message_id": 5}, expect=250))
        assert (done.proof, done.rows.num_rows, sorted(served.pages)) == ("b", 250, [1, 2, 3])
        other = Reader(client).read(Read(endpoint("dlrs"), {"message_id": 5}, expect=251))
        assert (other.proof, other.rows.num_rows) == ("d", 250)


def test_proof_b_does_not_stop_while_the_gateway_has_more() -> None:
    """Counters may be old: reaching them is no reason to leave rows that the total still counts."""
    rows = [EXAMPLES["dlrs"]["recipients"][0] | {"msisdn": 61491570000 + n} for n in range(250)]
    served = Served(rows, key="recipients", beside={"message": EXAMPLES["dlrs"]["message"]})
    with scripted(served) as client:
        assert Reader(client).read(Read(endpoint("dlrs"), {"message_id": 5}, expect=200)).rows.num_rows == 250


def test_proof_c_reads_page_1_again() -> None:
    served = Served([message(n) for n in range(250)])
    assert proof(served.drain()) == "c"
    assert sorted(served.pages) == [1, 1, 2, 3]


def test_proof_c_takes_rows_that_came_on_top() -> None:
    rows = [message(n) for n in range(1000, 750, -1)]

    def grow(_answer: Answer, page: int) -> None:
        if page == 3 and len(served.rows) == 250:
            served.rows = [message(n) for n in range(1130, 1000, -1)] + rows

    served = Served(rows, grow)
    assert set((frame := served.drain())["id"]) == set(range(751, 1131))
    assert frame["id"].is_unique
    assert proof(frame) == "c"


def test_proof_d_takes_two_passes() -> None:
    served = Served([message(n) for n in range(250)], lambda answer, _: answer | {"total": None})
    assert proof(frame := served.drain()) == "d"
    assert len(frame) == 250
    assert sorted(served.pages) == [1, 1, 2, 2, 3, 3]


def test_certificate_is_plain_json_and_travels_in_parquet(
    account: Account, connect: Connect, tmp_path: Any
) -> None:
    frame = connect(Gateway(account, limiter=None)).messages(since="80d")
    told = frame.attrs["drain"]
    assert json.loads(json.dumps(told)) == told
    assert told["distinct_rows"] == told["rows"] == len(frame)
    assert told["proved_until"] == "2026-11-22T00:00:00Z"
    assert told["windows"] == [["2026-09-03T00:00:00Z", "2026-11-22T00:00:00Z"]]
    assert len(told["keys"]) == 64
    frame.to_parquet(tmp_path / "m.parquet")
    again = pd.read_parquet(tmp_path / "m.parquet")
    assert again.attrs["drain"] == told
    pd.testing.assert_frame_equal(again, frame)


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
        told = dict(answer)
        for name, value in claims.items():
            made = value(answer, page) if callable(value) else value
            if name == "total":
                told["total"] = made
            else:
                told["page"] = told["page"] | {"count": made}
        return {key: value for key, value in told.items() if value != "gone"}

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
    assert (done.rows.num_rows, len(done.batch.rejects), done.proof) == (5, 3, "a")


# ---- windows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bound", ["[]", "[)", "(]", "()"])
def test_drain_has_the_rows_at_both_ends_whatever_the_gateway_counts_in(bound: str, connect: Connect) -> None:
    account = Account(seed=1, campaigns=0, singles=0, inbound=0)
    end = datetime.fromtimestamp(account.now, UTC)
    for seconds in (-86401, -86400, -86399, -1, 0):
        account.send(61491570156, "text", at=account.now + seconds)
    client = connect(Gateway(account, limiter=None, bounds=bound))
    frame = client.messages(start=end - timedelta(days=1), end=end)
    assert [int((at - end).total_seconds()) for at in frame["sent_at"]] == [-86400, -86399, -1, 0]
    assert len(client.messages(start=end - timedelta(days=1), end=end - timedelta(days=1))) == 1


def test_windows_fit_what_the_gateway_allows_and_leave_no_gap() -> None:
    end = START + timedelta(days=100)
    parts = windows(Read(endpoint("campaigns")), START, end)
    assert parts[0].start == START
    assert parts[-1].end == end
    assert all(one.end == other.start for one, other in pairwise(parts))
    for part in parts:
        sent = part.wire()
        spans = datetime.fromisoformat(sent["end"]) - datetime.fromisoformat(sent["start"])
        assert spans <= timedelta(days=30)


def test_campaigns_over_90_days_are_all_there(account: Account, connect: Connect) -> None:
    gateway = Gateway(account, limiter=None)
    frame = connect(gateway).campaigns(since="90d")
    spans = [datetime.fromisoformat(end) - datetime.fromisoformat(begin)
             for begin, end in frame.attrs["drain"]["windows"]]  # fmt: skip
    assert len(spans) == 4
    assert max(spans) <= timedelta(days=30)
    assert [call.path for call in gateway.calls] == ["/get-balance.json"] + 4 * ["/get-message-report.json"]
    now = datetime.fromtimestamp(account.now, UTC)
    recent = {
        row["message_id"] for row in account.truth("campaigns") if row["sent_at"] >= now - timedelta(days=90)
    }
    assert set(frame["message_id"]) == recent
    assert frame["sent_at"].is_monotonic_increasing


def test_replies_of_all_12_months_can_be_asked_for(account: Account, connect: Connect) -> None:
    assert len(connect(Gateway(account, limiter=None)).replies(since="365d")) == len(account.truth("replies"))
    with pytest.raises(ApiError, match="FIELD_INVALID"):
        connect(Gateway(account, limiter=None)).replies(since="800d")


def test_wide_windows_are_split_and_read_whole() -> None:
    rows = [
        message(n, sent_at=f"{START + timedelta(seconds=40 * n):%Y-%m-%d %H:%M:%S}") for n in range(2_100)
    ]
    served = Served(rows, size=10)
    frame = served.drain()
    assert len(frame) == 2_100
    assert len(frame.attrs["drain"]["proofs"]) >= 3
    assert max(served.pages) <= 100


def test_a_burst_within_one_second_is_read_whole() -> None:
    served = Served([message(n, sent_at="2026-11-01 10:00:00") for n in range(1_100)], size=10)
    assert len(served.drain()) == 1_100


def test_a_total_that_lies_does_not_split_for_ever() -> None:
    served = Served([message(n) for n in range(250)], lambda answer, _: answer | {"total": 10**9})
    with pytest.raises(DrainError):
        served.drain()
    assert len(served.pages) < 60


def test_drain_on_tables_that_take_times_but_need_none(account: Account, connect: Connect) -> None:
    client = connect(Gateway(account, limiter=None))
    everything = client.campaign_replies(message_id=biggest(account))
    half = everything["received_at"].sort_values().iloc[len(everything) // 2]
    later = client.campaign_replies(message_id=biggest(account), start=half.to_pydatetime())
    assert len(everything) > len(later) == (everything["received_at"] >= half).sum()


def test_bounds_refuses_what_makes_no_window() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert bounds(now) == (now - timedelta(days=30), now)
    for wrong in ({"start": "2026-11-21", "end": "2026-11-20"}, {"start": "2026-11-21", "since_": "3d"},
                  {"since_": "30"}, {"since_": "2027-01-01"}, {"start": "yesterday"},
                  {"start": datetime(2026, 1, 1)}):  # noqa: DTZ001  # fmt: skip
        with pytest.raises(UsageError):
            bounds(now, **wrong)


def test_drain_refuses_times_where_there_are_none(account: Account, connect: Connect) -> None:
    client = connect(gateway := Gateway(account, limiter=None))
    with pytest.raises(UsageError, match="not bounded in time"):
        client.lists(since="3d")
    assert not gateway.calls


# ---- recipients and list members --------------------------------------------------------------------------


def test_copies_in_a_send_need_two_passes_that_agree(connect: Connect) -> None:
    account = Account(seed=2, campaigns=1, recipients=150, singles=0)
    send = account.sends[0]
    twice = int(account.recipients["msisdn"][send.rows[3]])
    account.duplicate(send.message_id, twice)
    frame = connect(Gateway(account, limiter=None)).dlrs(message_id=send.message_id).set_index("msisdn")
    assert proof(frame) == "d"
    assert frame["copies"].to_dict() == {row["msisdn"]: row["copies"] for row in account.truth("dlrs")}
    assert frame["copies"].max() == 2


def test_a_send_that_repeats_a_page_is_not_a_send_of_copies() -> None:
    rows = [EXAMPLES["dlrs"]["recipients"][0] | {"msisdn": 61491570000 + n} for n in range(200)]
    served = Served(rows, lambda answer, page: answer | {"recipients": rows[:100]} if page < 3 else None,
                    key="recipients", beside={"message": EXAMPLES["dlrs"]["message"]})  # fmt: skip
    with pytest.raises(DrainError):
        served.drain("dlrs", message_id=5)


@pytest.mark.parametrize("block", [None, {}, {"list": None}, {"list": [], "recipients": 1}, []])
def test_dlrs_ask_get_sms_when_the_send_is_not_told(block: Any) -> None:
    """When it was sent stands beside the rows, or has to be asked for."""

    def respond(call: str, sent: dict[str, str]) -> Answer:
        if call == "get-sms":
            return {"send_at": "2026-11-19 23:00:00", "list": {"id": "2001"}, "error": SUCCESS}
        answer = {key: value for key, value in EXAMPLES["dlrs"].items() if key != "message"}
        return answer if block is None else answer | {"message": block}

    with scripted(respond) as client:
        frame = client.dlrs(message_id=339814842)
    assert frame["sent_at"][0] == pd.Timestamp("2026-11-19 23:00:00Z")
    assert frame["list_id"][0] == 2001


def member(n: int, status: str = "active") -> Answer:
    row: Answer = EXAMPLES["list_members"]["members"][0]
    return row | {"msisdn": 61491570000 + n, "status": status}


def listed(rows: list[Answer], *, ever: int = 0, active: int | None = -1, size: int = 100) -> Served:
    """A list with as many deleted contacts as `ever` is above its members."""
    count = sum(row["status"] == "active" for row in rows) if active == -1 else active
    beside = {} if count is None else {"members_active": count}
    return Served(
        rows, lambda a, _: a | {"members_total": max(ever, len(rows))}, key="members",
        total="members_total", beside=beside, size=size,
    )  # fmt: skip


@pytest.mark.parametrize("size", [100, 25])
@pytest.mark.parametrize("ever", [0, 5_000])
@pytest.mark.parametrize("active", [-1, None])
@pytest.mark.parametrize("other", ["active", "inactive"])
def test_list_members_are_proved_whatever_was_deleted(
    size: int, ever: int, active: int | None, other: str
) -> None:
    """The count of active ones vouches for pages of active ones only: an inactive one could be missed."""
    rows = [member(n, other if n % 7 == 0 else "active") for n in range(130)]
    served = listed(rows, ever=ever, active=active, size=size)
    frame = served.drain("list_members", list_id=2001)
    assert len(frame) == 130
    assert proof(frame) == ("d" if active is None or other == "inactive" else "b")
    assert len(served.pages) <= 2 * (130 // size + 2)


def test_list_members_fewer_than_the_active_counted_are_refused() -> None:
    with pytest.raises(SmsDataError):
        listed([member(n) for n in range(60)], active=61).drain("list_members", list_id=2001)


def test_list_members_behind_an_empty_page_are_not_lost() -> None:
    """All active ones are on page 1; page 2 comes empty once and holds inactive ones."""
    rows = [member(n) for n in range(100)] + [member(n, "inactive") for n in range(100, 250)]
    served = listed(rows)
    twist = served.twist

    def hole(answer: Answer, page: int) -> Any:
        answer = twist(answer, page) or answer
        return answer | {"members": []} if served.pages.count(2) == 1 and page == 2 else answer

    served.twist = hole
    assert len(served.drain("list_members", list_id=2001)) == 250


def test_list_members_without_all_are_read_in_parts(connect: Connect) -> None:
    rows = [member(n, "inactive" if n % 3 == 0 else "active") for n in range(250)]

    def respond(call: str, sent: dict[str, str]) -> Any:
        if sent["members"] == "all":
            return {"error": {"code": "FIELD_INVALID", "description": "members"}}
        part = listed([row for row in rows if row["status"] == sent["members"]], ever=400)
        part.beside = {"members_active": sum(row["status"] == "active" for row in rows)}
        return part(call, sent)

    with scripted(respond) as client:
        frame = client.list_members(list_id=2001)
    assert len(frame) == 250
    assert frame["msisdn"].is_unique


def test_list_members_name_the_row_that_does_not_fit() -> None:
    with pytest.raises(RowError, match="list_members page 1 row 2"):
        listed([member(1), member(2) | {"created_at": "soon"}]).drain("list_members", list_id=2001)


@pytest.mark.parametrize("seed", range(3))
def test_list_members_under_drift_are_complete_or_loud(seed: int, connect: Connect) -> None:
    account = Account(seed=seed, campaigns=1, singles=0)
    list_id = max(account.contacts.lists.values(), key=lambda one: len(one.members)).list_id
    drift = Drift(every_pages=4, rows=2, kinds=("join", "edit"), seed=seed, until=6)
    before = {row["msisdn"] for row in account.truth("list_members") if row["list_id"] == list_id}
    client = connect(Gateway(account, limiter=None, drift=drift, max_page=10))
    assert before <= set(client.list_members(list_id=list_id)["msisdn"])


# ---- many reads, interruption, real HTTP ------------------------------------------------------------------


def test_each_keeps_the_order_and_hands_back_what_one_thing_lacks(account: Account, connect: Connect) -> None:
    wanted = [send.message_id for send in account.sends[:5]]
    reads = [Read(endpoint("dlrs"), {"message_id": n}) for n in [*wanted[:3], 1, *wanted[3:]]]
    outcomes = list(Reader(connect(Gateway(account, limiter=None))).each(reads))
    got = [one.read.parameters["message_id"] for one in outcomes if isinstance(one, Drained)]
    assert got == wanted
    assert isinstance(outcomes[3], ApiError)


def test_each_stops_reading_when_nobody_takes_more(account: Account, connect: Connect) -> None:
    gateway = Gateway(account, limiter=None, max_page=10)
    reads = windows(Read(endpoint("campaigns")), START - timedelta(days=300), START)
    taken = Reader(connect(gateway)).each(reads)
    next(taken)
    taken.close()  # type: ignore[attr-defined]
    assert len(gateway.calls) < 11 * len(reads)


class Memory:
    """A journal in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[int, tuple[bytes, datetime]]] = {}

    def pages(self, read: str) -> dict[int, tuple[bytes, datetime]]:
        return dict(self.kept.get(read, {}))

    def add(self, read: str, number: int, body: bytes, seen_at: datetime) -> None:
        self.kept.setdefault(read, {})[number] = (body, seen_at)


def read_twice(second: list[Answer]) -> tuple[Drained, list[int]]:
    """A pass that dies at page 6, then another run with the same journal and perhaps other rows."""
    served = Served([message(n) for n in range(1000, 0, -1)], lambda _, page: page > 5 and {"error": {
        "code": "AUTH_FAILED", "description": ""}})  # fmt: skip
    journal = Memory()
    asked = Read(endpoint("messages"), start=START - timedelta(days=9), end=START + timedelta(days=9))
    with scripted(served) as client, pytest.raises(ApiError):
        Reader(client, journal=journal).read(asked)
    served = Served(second)
    with scripted(served) as client:
        return Reader(client, journal=journal).read(asked), served.pages


def test_read_goes_on_from_its_journal() -> None:
    done, pages = read_twice([message(n) for n in range(1000, 0, -1)])
    assert done.rows.num_rows == 1000
    assert done.resumed
    assert len(pages) < 11


def test_read_discards_a_journal_when_the_list_moved() -> None:
    done, _ = read_twice([message(n) for n in range(1001, 0, -1)])
    assert done.rows.num_rows == 1001
    assert not done.resumed


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
