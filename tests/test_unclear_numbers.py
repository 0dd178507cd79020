"""Numbers that rows bring without their country: in full where that is sure, else a doubt about people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from smsdata import Store, hygiene, sync
from smsdata.analysis.unclear_numbers import unclear_numbers
from smsdata.audit import audit, pack
from smsdata.forgetting.person import forget
from smsdata.ingest.callback_rows import typed
from smsdata.reading_check import sample
from smsdata.report.page import report_page
from smsdata.schema.frames import schema
from smsdata.schema.numbers_in_full import in_full, other_spellings, written_as
from tests.support.hygiene_world import Template, World, copied, number, slim_world
from tests.support.report_store import october
from tests.support.tampering import Answer, Change, Tampered

DEAD = number(0)
WITHIN = f"0{DEAD[2:]}"


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return slim_world(tmp_path_factory.mktemp("slim"), goo=False)


@pytest.fixture
def world(slim: Template, tmp_path: Path) -> World:
    return copied(slim, tmp_path / "store")


def spelled(*calls: str, ours: str | None = None, as_: Any = WITHIN) -> Change:
    """Some calls write the number without its country; `ours` stands for our number beside it."""

    def change(call: str, _sent: dict[str, str], answer: Answer) -> Answer | None:
        if call not in calls:
            return None
        for rows in answer.values():
            for row in rows if isinstance(rows, list) else []:
                if str(row.get("msisdn")) == DEAD:
                    row["msisdn"] = as_
                if ours is not None and "longcode" in row:
                    row["longcode"] = ours
        return answer

    return change


def stopped(world: World, change: Change) -> Tampered:
    """The person says STOP, and the store hears of it through a gateway that spells so."""
    world.account.inbound(DEAD, "STOP")
    world.account.advance(hours=1)
    through = Tampered(world.gateway, change)
    with world.client(through) as client:
        sync(client, world.store)
    return through


@pytest.mark.parametrize(
    ("given", "ours", "full"),
    [
        (WITHIN, "61491570110", DEAD),
        (DEAD[2:], "61491570110", DEAD),
        (f"610{DEAD[2:]}", None, DEAD),
        (f"00{DEAD}", None, DEAD),
        (f"0011{DEAD}", None, DEAD),
        ("07700900123", "447700900000", "447700900123"),
        (WITHIN, None, WITHIN),
        (WITHIN, "ACME", WITHIN),
        (WITHIN, "447700900000", WITHIN),  # no number of that country
        ("298212345", "61491570110", "298212345"),  # a number in full, and one of ours without its country
        ("12025550100", "61491570110", "12025550100"),
    ],
)
def test_in_full_completes_what_is_sure_and_nothing_else(given: str, ours: str | None, full: str) -> None:
    assert in_full(given, ours) == full


@pytest.mark.parametrize("msisdn", ["61491570156", "447700900123", "12025550100"])
def test_a_number_is_found_by_each_of_its_spellings(msisdn: str) -> None:
    for other in other_spellings(msisdn):
        assert written_as(msisdn, {"x", other}) == other
    assert written_as(msisdn, {msisdn[:-1] + "9", msisdn[4:]}) is None


def test_a_reply_without_the_country_of_its_number_is_stored_in_full(world: World) -> None:
    stopped(world, spelled("get-user-sms-responses"))
    (row,) = world.store.read("replies").to_dict("records")
    assert (row["msisdn"], row["extra"]) == (DEAD, f'{{"msisdn":"{WITHIN}"}}')
    found = audit(world.store)
    assert (set(found.active["msisdn"]), len(found.unclear)) == ({DEAD}, 0)


def test_forget_takes_what_came_too(world: World) -> None:
    stopped(world, spelled("get-user-sms-responses"))
    forget(Store(world.store.path), DEAD, apply=True)
    (row,) = Store(world.store.path).read("replies").to_dict("records")
    assert WITHIN not in str(row)
    assert DEAD not in str(row)


def test_callbacks_have_their_numbers_in_full() -> None:
    about = [("message_id", "7"), ("mobile", WITHIN), ("longcode", "61491570110")]
    told = {
        "dlr": [("datetime", "2026-11-22 09:30:00"), ("status", "delivered")],
        "reply": [("datetime_entry", "2026-11-22 09:30:00"), ("response", "STOP"), ("is_optout", "yes")],
        "link-hit": [("datetime", "2026-11-22 09:30:00")],
    }
    for kind, more in told.items():
        one = typed(kind, [*about, *more], 1_795_500_000_000_000)
        assert one.row["msisdn"] == DEAD
        assert one.optout is None or one.optout["msisdn"] == DEAD


def test_an_unclear_stop_protects_whom_it_may_mean_and_stops_nothing(world: World, tmp_path: Path) -> None:
    stopped(world, spelled("get-user-sms-responses", ours="ACME"))
    assert set(world.store.read("replies")["msisdn"]) == {WITHIN}
    plan = hygiene.plan(world.store)
    assert set(plan.loc[plan["msisdn"] == DEAD, "rule"]) == {"unclear-number"}
    assert "1 numbers are left alone: rows of the store lack the country" in hygiene.summary(plan)
    assert "(replies 1; rule unclear-number)" in hygiene.summary(plan)
    found = audit(world.store)
    assert (found.exit_code, set(found.unclear["msisdn"])) == (3, {WITHIN})
    assert any("whose number lacks its country" in line for line in found.lines())
    assert found.as_json()["unclear"] == 1
    pack(found, tmp_path / "pack")
    assert WITHIN in (tmp_path / "pack" / "unclear.csv").read_text()


@pytest.mark.filterwarnings("ignore:.* none of .* rows of")  # it is nobody's
def test_an_unclear_reply_stops_neither_report_nor_sample(world: World, tmp_path: Path) -> None:
    stopped(world, spelled("get-user-sms-responses", ours="ACME"))
    html = report_page(world.store, october()).html
    assert WITHIN not in html
    assert sample(world.store, 5, tmp_path / "sample.csv") == 1


ROWS: list[tuple[str, str, dict[str, Any]]] = [
    ("optouts", WITHIN, {"message_id": 1, "copies": 1}),
    ("list_members", DEAD[2:], {"list_id": 9, "status": "optout", "fields": "{}"}),
    ("dlrs", WITHIN, {"message_id": 1, "status": "delivered", "optout": False, "copies": 1}),
    ("list_events", f"0011{DEAD}", {"list_id": 9, "action": "delete"}),
]


@pytest.mark.parametrize(("table", "given", "facts"), ROWS, ids=[table for table, *_ in ROWS])
def test_an_unclear_row_of_any_table_protects(
    world: World, table: str, given: str, facts: dict[str, Any]
) -> None:
    at = world.account.time
    row = facts | {"msisdn": given, "synced_at": at, "sent_at": at, "occurred_at": at}
    with world.store.writing():
        world.store.merge(table, pa.Table.from_pylist([row], schema=schema(table)))
    plan = hygiene.plan(world.store)
    assert set(plan.loc[plan["msisdn"] == DEAD, "rule"]) == {"unclear-number"}
    found = audit(world.store)  # judges the rest
    assert set(found.unclear["msisdn"]) == ({given} if table in {"optouts", "list_members"} else set())


def test_plan_says_how_many_contacts_it_leaves_out_for_their_number(world: World) -> None:
    lists = set(world.lists.values())
    members, dlrs = (world.store.rows(table).to_pylist() for table in ("list_members", "dlrs"))
    gone = [row for row in dlrs if row["msisdn"] == DEAD]
    with world.store.writing():
        for table, rows in (("list_members", members), ("dlrs", gone)):
            made = [row | {"msisdn": "0199999999"} for row in rows if row["msisdn"] == DEAD]
            world.store.merge(table, pa.Table.from_pylist(made, schema=schema(table)))
    told = hygiene.summary(hygiene.plan(world.store))
    assert f"{len(lists)} contacts are left out: their number cannot be read as an international one" in told


def test_apply_hears_an_unclear_reply_since_the_plan(slim: Template, world: World) -> None:
    world.account.inbound(DEAD, "who is this?")
    through = Tampered(world.gateway, spelled("get-user-sms-responses", ours="ACME"))
    with world.client(through) as client:
        report = hygiene.apply(slim[1], client, world.store, dry_run=False)
    assert set(report.rows["reason"]) == {"a reply came since"}
    assert world.changes("delete-from-list") == []


def test_undo_leaves_alone_whom_an_unclear_stop_may_mean(slim: Template, world: World) -> None:
    with world.client() as client:
        run = hygiene.apply(slim[1], client, world.store, dry_run=False).run
    through = stopped(world, spelled("get-user-sms-responses", ours="ACME"))
    with world.client(through) as client:
        report = hygiene.undo(run, client, Store(world.store.path), dry_run=False)
    assert (report.counts, report.exit_code) == ({"skipped": 2}, 3)
    assert any("2 contacts were not put back: left alone" in line for line in report.attention)
    assert world.changes("add-to-list") == []


def test_undo_reads_a_list_that_spells_numbers_otherwise(slim: Template, world: World) -> None:
    with world.client() as client:
        run = hygiene.apply(slim[1], client, world.store, dry_run=False).run
    send = max(one.message_id for one in world.account.sends)
    world.account.optout_by_link(send, DEAD)
    through = Tampered(world.gateway, spelled("get-sms-sent"))
    with world.client(through) as client:
        report = hygiene.undo(run, client, Store(world.store.path), dry_run=False)
    assert set(report.rows["reason"]) == {"the gateway says that it opted out"}


def test_unclear_numbers_leave_a_frame_of_numbers_in_full_alone() -> None:
    whole = ["61491570156", "12025550100", "447700900000", "Telstra", "50123"]
    assert unclear_numbers(replies=pd.DataFrame({"msisdn": whole})) == {}


# ---- numbers in other spellings --------------------------------------------------------------------------

SPELLINGS = [
    f"+{DEAD[:2]} {DEAD[2:5]} {DEAD[5:]}",
    f"tel:+{DEAD}",
    f"{DEAD}.0",
    float(DEAD),
    f" {DEAD[:3]} {DEAD[3:]} ",
    DEAD.translate({ord("0") + n: ord("０") + n for n in range(10)}),
    f"{DEAD}\u200b",
    f"+{DEAD[:2]} (0) {DEAD[2:]}",
]


@pytest.mark.parametrize("written", SPELLINGS, ids=map(repr, SPELLINGS))
def test_a_stop_from_a_number_in_any_spelling_is_that_persons(world: World, written: str | float) -> None:
    """It came from somebody in full: nobody else is meant, and nothing is unclear."""
    stopped(world, spelled("get-user-sms-responses", as_=written))
    assert set(world.store.read("replies")["msisdn"]) == {DEAD}
    assert DEAD not in set(hygiene.plan(world.store).query("action == 'remove'")["msisdn"])
    assert set(audit(world.store).active["msisdn"]) == {DEAD}


NO_NUMBERS = [None, True, ["x"], {"a": 1}, 61.5, f"{DEAD[0]}.{DEAD[1:8]}E+10"]


@pytest.mark.parametrize("written", NO_NUMBERS, ids=map(repr, NO_NUMBERS))
def test_a_reply_of_nobody_known_stops_nothing(slim: Template, world: World, written: Any) -> None:
    """It may be a STOP: sync, audit and apply say so and end with 3; all else goes on."""
    world.account.inbound(DEAD, "STOP")
    world.account.advance(hours=1)
    through = Tampered(world.gateway, spelled("get-user-sms-responses", as_=written))
    with world.client(through) as client:
        applied = hygiene.apply(slim[1], client, world.store, dry_run=False)
        report = sync(client, world.store)
    assert applied.exit_code == 3
    assert any("replies" in line for line in report.attention)
    assert audit(world.store).exit_code == 3
    with world.client(through) as client:
        undone = hygiene.undo(applied.run, client, Store(world.store.path), dry_run=False)
    assert undone.exit_code == 3


@pytest.mark.parametrize("written", [*SPELLINGS, "somebody", ["x"]], ids=repr)
def test_a_send_to_a_number_in_any_spelling_stops_no_sync(world: World, written: Any) -> None:
    world.account.send(DEAD, "Your code is 1234.")
    world.account.advance(hours=80)
    through = Tampered(world.gateway, spelled("get-message-report", "get-sms-sent", as_=written))
    with world.client(through) as client:
        sync(client, world.store)
    with world.client() as client:
        said = sync(client, world.store).attention
    assert bool(said) == (written not in SPELLINGS)  # whom it went to is not known: the row lies aside
    assert world.store.count("campaigns") == len(world.account.sends)
