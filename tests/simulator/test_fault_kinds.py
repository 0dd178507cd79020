"""What each kind of fault makes of an answer: not only that it differs, but how."""

from __future__ import annotations

import json
from typing import Any

import pytest

from smsdata.simulator import Account, Drift, Faults, Gateway, Once

from .asking import SPAN, ask, busiest, raw, read, small

LIST = {"list_id": 3_100_001, "members": "all", "max": 30}
Body = dict[str, Any]


def struck(account: Account, kind: str, page: int = 2, call: str = "get-list", **params: Any) -> Body:
    """The answer to a page that a fault strikes, after page 1 that none does."""
    faults = Faults(script=[Once(kind, call, page=page)], seed=1)
    gateway, asked = Gateway(account, limiter=None, faults=faults), params or LIST
    if page > 1:
        ask(gateway, call, page=1, **asked)
    body = ask(gateway, call, page=page, **asked)[1]
    assert faults.struck == {kind: 1}
    return body


def clean(account: Account, page: int = 2, call: str = "get-list", **params: Any) -> Body:
    return ask(Gateway(account, limiter=None), call, page=page, **(params or LIST))[1]


def numbers(body: Body) -> list[int]:
    return [row["msisdn"] for row in body["members"]]


@pytest.mark.parametrize(("kind", "status"), [("html502", 502), ("html503", 503), ("html200", 200)])
def test_a_proxy_answers_with_a_page(account: Account, kind: str, status: int) -> None:
    """HTML in the place of the answer, with the status of its name."""
    answer = raw(Gateway(account, limiter=None, faults=Faults({kind: 1.0})), "get-lists")
    assert (answer.status, answer.headers["content-type"]) == (status, "text/html")
    assert answer.body.startswith(b"<html>")


def test_pages_are_smaller_stale_cut_doubled_or_not_all_there(account: Account) -> None:
    """Each by what its rows and its number say."""
    first, second = clean(account, page=1), clean(account)
    for kind, size in (("clamp10", 10), ("clamp25", 25)):
        small_page = struck(account, kind, page=1)
        assert numbers(small_page) == numbers(first)[:size]
    stale, mislabelled = struck(account, "stale_page"), struck(account, "wrong_number")
    assert (numbers(stale), stale["page"]["number"]) == (numbers(first), 1)
    assert (numbers(mislabelled), mislabelled["page"]["number"]) == (numbers(second), 1)
    doubled, dropped = numbers(struck(account, "duplicate_rows")), numbers(struck(account, "drop_row"))
    assert (len(doubled), len(set(doubled))) == (len(numbers(second)), len(numbers(second)) - 1)
    assert len(dropped) == len(numbers(second)) - 1
    assert set(dropped) < set(numbers(second))
    assert struck(account, "empty_page")["members"] == []
    assert "members" not in struck(account, "missing_rows")
    gateway = Gateway(account, limiter=None, faults=Faults({"truncate": 1.0}))
    assert raw(gateway, "get-list", **LIST).action == "truncate"


def test_answers_are_about_something_else(account: Account) -> None:
    """Another list, the answer before, rows of another one behind the right ones, another slice of time."""
    first, second = clean(account, page=1), clean(account)
    other = clean(account, list_id=3_100_002, members="all", max=30)
    assert struck(account, "swapped") == other
    assert struck(account, "cached") == first
    appended = numbers(struck(account, "appended"))
    assert appended[: len(numbers(second))] == numbers(second)
    assert set(appended[len(numbers(second)) :]) <= set(numbers(other))
    assert len(appended) > len(numbers(second))
    window = {"start": "2026-11-10", "end": "2026-11-20", "max": 100}
    earlier = struck(account, "swapped", page=1, call="get-user-sms-sent", **window)["messages"]
    assert earlier
    assert all(row["sent_at"] < "2026-11-10" for row in earlier)
    send = busiest(account)
    asked = struck(account, "swapped", page=1, call="get-sms-sent", message_id=send)
    assert asked["message"]["message_id"] != send


def test_totals_and_page_counts_are_wrong_text_null_or_missing(account: Account) -> None:
    """The rows stay as they are."""
    right = clean(account)
    total, pages = right["members_total"], right["page"]["count"]
    lies = {
        "total_zero": 0, "total_string": str(total), "total_null": None, "total_big": total + 7,
        "total_small": total - 7, "total_late": 0,
    }  # fmt: skip
    for kind, lie in lies.items():
        assert struck(account, kind) == right | {"members_total": lie}
    missing = {key: value for key, value in right.items() if key != "members_total"}
    assert struck(account, "total_missing") == missing
    counts = {"pages_zero": 0, "pages_one": 1, "pages_big": pages + 3, "pages_string": str(pages)}
    for kind, count in counts.items():
        assert struck(account, kind) == right | {"page": {"count": count, "number": 2}}


def test_cells_and_rows_are_odd(account: Account) -> None:
    """Null costs, dates of zeros, a field twice, a word for a number; text for numbers; PHP's holes."""
    odd = struck(account, "odd_cells")["members"]
    assert {row["created_at"] for row in odd} == {"0000-00-00 00:00:00"}
    assert [field["name"] for field in odd[0]["fields"]] == ["Email", "Email"]
    report = {"start": "2026-10-23", "end": "2026-11-22"}
    costs = struck(account, "odd_cells", page=1, call="get-message-report", **report)["messages"]
    assert {row["cost"] for row in costs} == {None}
    replies = struck(account, "odd_cells", page=1, call="get-user-sms-responses", start="2026-01-01")
    assert {row["msisdn"] for row in replies["responses"]} == {"Telstra"}
    right = clean(account)["members"]
    texts = struck(account, "string_numbers")["members"]
    assert [(row["msisdn"], row["list_id"]) for row in texts] == [
        (str(row["msisdn"]), str(row["list_id"])) for row in right
    ]
    holes = struck(account, "object_list")["members"]
    assert (list(holes), list(holes.values())) == ([str(2 * place) for place in range(len(right))], right)
    pairs = zip(struck(account, "odd_row")["members"], right, strict=True)
    ((new, old),) = ((new, old) for new, old in pairs if new != old)
    (key,) = (key for key in old if new[key] != old[key])
    assert key in ("list_id", "msisdn", "created_at")
    assert new[key] in ("soon", 2**64, {"what": 1}, "\ud83d", [1]) or isinstance(new[key], float)


def statuses(gateway: Gateway, message_id: int) -> dict[int, str]:
    rows = read(gateway, "get-sms-sent", message_id=message_id)
    return {row["msisdn"]: row["delivery_status"] for row in rows}


def test_a_final_status_changes() -> None:
    """Read once and read again: another status, of a message that was final."""
    account = small(recipients=60, reply_rate=0.0, link_rate=0.0)
    message_id = account.send_campaign(3_100_001)
    account.advance(days=5)
    gateway = Gateway(account, limiter=None)
    before = statuses(gateway, message_id)
    assert "pending" not in before.values()
    Drift(rows=20, kinds=("restatus",), seed=2).strike(account, "", {"message_id": str(message_id)})
    after = statuses(gateway, message_id)
    assert before.keys() == after.keys()
    assert before != after


def test_rows_come_on_top_come_late_and_leave_a_filter() -> None:
    """What each of these kinds of drift does to the list that is being read."""
    account = small(reply_rate=0.0, link_rate=0.0)
    message_id = account.send_campaign(3_100_001)
    gateway = Gateway(account, limiter=None)
    old = read(gateway, "get-user-sms-sent", **SPAN)
    Drift(rows=1, kinds=("head",)).strike(account)
    Drift(rows=1, kinds=("late",)).strike(account)
    new = read(gateway, "get-user-sms-sent", **SPAN)
    assert (new[1 : len(old) + 1], len(new)) == (old, len(old) + 2)
    assert new[-1]["sent_at"] < old[-1]["sent_at"]
    pending = read(gateway, "get-sms-sent", delivery="pending", message_id=message_id)
    Drift(rows=3, kinds=("settle",)).strike(account, "", {"message_id": str(message_id)})
    assert len(read(gateway, "get-sms-sent", delivery="pending", message_id=message_id)) == len(pending) - 3


def test_an_answer_in_bytes_that_is_odd_can_be_read_or_not_but_is_json(account: Account) -> None:
    """A lone surrogate and a number above 64 bits go out as JSON allows them."""
    for seed in range(12):
        faults = Faults({"odd_row": 1.0}, seed=seed)
        answer = raw(Gateway(account, limiter=None, faults=faults), "get-list", **LIST)
        assert json.loads(answer.body)["members"]
