"""The audit: who was messaged after opting out, judged against what the account knows to be true."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from smsdata import Store, UsageError, hygiene, sync
from smsdata.audit import Audit, audit, pack
from smsdata.ingest.callbacks import ingest_callbacks
from smsdata.settings import Secret
from smsdata.simulator import Account, Gateway
from smsdata.simulator.inbox import is_stop
from smsdata.store.coverage import Span
from tests.support import callers
from tests.support.callback_events import put
from tests.support.clients import connected


def read(account: Account, folder: Path, **options: Any) -> Store:
    store = Store(folder / "store")
    with connected(Gateway(account, limiter=None)) as client:
        sync(client, store, since=options.get("since", "100d"))
    return store


def ids(rows: Any) -> set[int]:
    return set(rows["id"].tolist()) if isinstance(rows, pd.DataFrame) else {row["id"] for row in rows}


def within_scope(account: Account, truth: list[dict[str, Any]]) -> set[int]:
    """Those breaches whose sender is the number of ours that a stop of this person was written to before."""
    stops: dict[str, list[tuple[datetime, str]]] = {}
    for reply in account.truth("replies"):
        if is_stop(reply["response"]):
            to = "all" if "all" in reply["response"].lower() else reply["longcode"]
            stops.setdefault(reply["msisdn"], []).append((reply["received_at"], to))
    senders = {row["id"]: row["sender"] for row in account.truth("messages")}
    return {
        row["id"]
        for row in truth
        if any(at < row["sent_at"] and to in ("all", senders[row["id"]]) for at, to in stops[row["msisdn"]])
    }


@pytest.fixture(scope="module")
def off(tmp_path_factory: pytest.TempPathFactory) -> tuple[Account, Store, Audit]:
    """An account without Global Opt Out, whose opt-outs are replies."""
    account = Account(seed=4, goo=False, inbound=0, link_rate=0.0, campaigns=25, recipients=40)
    store = read(account, tmp_path_factory.mktemp("off"))
    return account, store, audit(store)


def test_audit_finds_exactly_the_breaches_there_are(off: tuple[Account, Store, Audit]) -> None:
    account, _, found = off
    truth = account.truth_breaches()
    assert len(truth) > 20
    assert ids(found.breaches) == within_scope(account, truth)
    assert ids(found.breaches) | ids(found.possible) >= ids(truth)
    since = {row["id"]: row["opted_out_at"] for row in truth}
    assert (found.breaches["id"].map(since) == found.breaches["first_optout_at"]).all()
    assert found.exit_code == 3


@pytest.mark.parametrize("seed", range(10))
def test_audit_finds_exactly_what_a_plain_word_tells_on_the_default_account(
    seed: int, tmp_path: Path
) -> None:
    """A stop word has its instant, whether it answers a send or none; an opt-out by a link has none."""
    account = Account(seed=seed, goo=False)
    found = audit(read(account, tmp_path))
    rows = account.truth_breaches({"reply", "inbound"})
    within = within_scope(account, rows)
    truth = {row["id"]: row["opted_out_at"] for row in rows if row["id"] in within}
    assert len(truth) > 50
    other = found.possible[found.possible["why"] == "another sender"]
    assert {row["id"] for row in rows} - within == ids(other)
    assert dict(zip(found.breaches["id"], found.breaches["first_optout_at"], strict=True)) == truth
    possible = found.possible
    assert ids(account.truth_breaches()) - set(truth) <= ids(possible)
    flagged = {row["msisdn"] for row in account.truth("optouts")}
    assert set(possible["source"]) <= {"flag", "review", "reply"}
    assert set(possible.loc[possible["source"] == "flag", "msisdn"]) <= flagged
    assert not ids(possible) & set(truth)


def test_audit_is_certain_of_a_flag_once_it_was_read(tmp_path: Path) -> None:
    account = Account(seed=1, goo=False, link_rate=0.02, campaigns=20, recipients=30)
    first = audit(read(account, tmp_path))
    account.schedule(days=20, campaigns=8, recipients=30)
    account.advance(days=20)
    found = audit(read(account, tmp_path))
    truth = ids(account.truth_breaches())
    assert ids(first.breaches) < ids(found.breaches) <= truth <= ids(found.breaches) | ids(found.possible)
    later = found.possible[found.possible["source"] == "flag"]
    assert {"another list"} < set(later["why"])  # a link takes a person off one list
    assert set(later.loc[later["why"] == "another list", "scope"]) == {"list"}
    assert truth - ids(found.breaches)
    (said,) = [line for line in found.lines() if "possible breaches" in line]
    counts = found.possible["why"].value_counts()
    assert f"{len(found.possible):,} more messages" in said
    assert all(f"{count:,} were sent" in said for count in counts)
    assert "has no time of its own" in said
    assert "to another list than the one the opt-out concerns" in said
    assert sum(found.as_json()["possible_by"].values()) == len(found.possible)


def test_audit_tells_both_deadlines(off: tuple[Account, Store, Audit]) -> None:
    _, store, found = off
    breaches = found.breaches
    assert (breaches["us_deadline_at"] > breaches["au_deadline_at"]).all()
    assert (breaches["au_past_deadline"] == (breaches["sent_at"] >= breaches["au_deadline_at"])).all()
    assert 0 < breaches["us_past_deadline"].sum() < breaches["au_past_deadline"].sum() < len(breaches)
    days = pd.date_range("2026-08-01", "2026-11-30").date
    later = audit(store, holidays=[day for day in days if isinstance(day, date)])
    assert not later.breaches["au_past_deadline"].any()


def test_audit_lists_who_opted_out_and_is_still_active(off: tuple[Account, Store, Audit]) -> None:
    account, _, found = off
    gone = {str(optout.msisdn) for optout in account.contacts.optout_log}
    members = account.truth("list_members")
    due = {(r["list_id"], r["msisdn"]) for r in members if r["msisdn"] in gone and r["status"] == "active"}
    assert set(zip(found.active["list_id"], found.active["msisdn"], strict=True)) == due
    assert due


def test_plan_optouts_opts_them_out_once_and_nobody_else(tmp_path: Path) -> None:
    account = Account(seed=4, goo=False, inbound=0, link_rate=0.0, campaigns=12, recipients=25)
    store = read(account, tmp_path)
    due = audit(store).active
    plan = hygiene.plan_optouts(store, due)
    gateway = Gateway(account, limiter=None)
    before = {(r["list_id"], r["msisdn"]): r["status"] for r in account.truth("list_members")}
    with connected(gateway) as client:
        counts = {one: count for one, (count, _) in hygiene.beyond_caps(plan, client.lists(), store).items()}
        report = hygiene.apply(plan, client, store, dry_run=False, counts=counts)
        assert report.counts == {"done": len(due)}
        assert hygiene.undo(report.run, client, store, dry_run=False).counts == {"skipped": len(due)}
    wanted = before | {(r.list_id, r.msisdn): "optout" for r in due.itertuples()}
    assert {(r["list_id"], r["msisdn"]): r["status"] for r in account.truth("list_members")} == wanted
    assert {call for call, _ in gateway.applied} == {"optout-list-member"}
    assert audit(store).active.empty


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("goo", [True, False])
def test_audit_tells_whether_global_opt_out_is_on(tmp_path: Path, goo: bool, seed: int) -> None:
    """Also where many a stop answers no send, which Global Opt Out does not act on."""
    account = Account(seed=seed, goo=goo, inbound=200, campaigns=40, recipients=40)
    found = audit(read(account, tmp_path))
    assert found.goo.verdict == ("on" if goo else "off")
    (said,) = [line for line in found.lines() if "Global Opt Out" in line]
    assert f"Global Opt Out is {found.goo.verdict}" in said
    assert f"{found.goo.judged:,} of them can be judged" in said


def test_audit_does_not_guess_from_too_little(tmp_path: Path) -> None:
    found = audit(
        read(Account(seed=1, campaigns=1, recipients=4, singles=0, reply_rate=0.0, link_rate=0.0), tmp_path)
    )
    assert found.goo.verdict == "cannot be told"


def test_audit_says_nothing_beyond_its_window(tmp_path: Path) -> None:
    account = Account(seed=1, campaigns=6, recipients=6, singles=0, inbound=0, reply_rate=0.0, link_rate=0.0)
    found = audit(read(account, tmp_path, since="10d"))
    assert found.exit_code == 0
    assert found.first is not None
    assert found.first.date() == date(2026, 11, 12)
    (said,) = [line for line in found.lines() if "No breach" in line]
    assert "in this window; nothing is said about what lies outside it" in said
    assert "2026-11-12" in found.lines()[0]
    assert not any("no breaches" in line.lower() for line in found.lines())


def test_audit_counts_what_a_callback_calls_an_opt_out(
    off: tuple[Account, Store, Audit], tmp_path: Path
) -> None:
    """Of a reply to no send the gateway's word is all there is: its text is no opt-out to us."""
    account, plain, found = off
    store = Store(shutil.copytree(plain.path, tmp_path / "store"))
    messages = store.read("messages")
    last = messages[~messages["msisdn"].isin(found.optouts["msisdn"])].sort_values("sent_at").iloc[-1]
    mine = messages[(messages["msisdn"] == last["msisdn"]) & (messages["sender"] == last["sender"])]
    before = mine["sent_at"].max() - pd.Timedelta(minutes=5)
    told = callers.reply(
        99_000_001, "0", last["msisdn"], f"{before:%Y-%m-%d %H:%M:%S}", "Hmm.", is_optout="Yes"
    )
    put(store, ("reply", told | {"longcode": last["sender"]}), at=int(account.time.timestamp() * 1e6))
    ingest_callbacks(store, secret=Secret("word"), now=account.time)
    after = audit(store)
    assert len(after.breaches) == len(found.breaches) + 1
    breach = after.breaches[after.breaches["msisdn"] == last["msisdn"]].iloc[0]
    assert (breach["sent_at"], breach["source"]) == (last["sent_at"], "reply")
    assert after.replies.loc[after.replies["id"] == 99_000_001, "sign"].tolist() == ["callback"]
    assert len(after.active) > len(found.active) or last["msisdn"] not in set(
        store.read("list_members").msisdn
    )


def test_audit_of_a_later_window_counts_earlier_optouts(off: tuple[Account, Store, Audit]) -> None:
    _, store, found = off
    middle = found.breaches["sent_at"].sort_values().iloc[len(found.breaches) // 2]
    later = audit(store, since=middle.to_pydatetime())
    assert ids(later.breaches) == ids(found.breaches[found.breaches["sent_at"] >= middle])
    assert later.messages < found.messages


def test_audit_needs_messages(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sync"):
        audit(Store(tmp_path))


def test_pack_can_be_handed_over(off: tuple[Account, Store, Audit], tmp_path: Path) -> None:
    found = off[2]
    files = {path.name: path for path in pack(found, tmp_path / "pack")}
    assert set(files) == {
        "audit.md", "breaches.csv", "possible.csv", "active.csv", "optouts.csv", "replies.csv",
        "breaches.png", "optouts.png",
    }  # fmt: skip
    back = pd.read_csv(files["breaches.csv"], dtype={"msisdn": "str"})
    assert set(back["id"]) == ids(found.breaches)
    assert back["msisdn"].tolist() == found.breaches["msisdn"].tolist()
    assert files["breaches.png"].read_bytes().startswith(b"\x89PNG")
    page = files["audit.md"].read_text()
    assert all(line in page for line in found.lines())
    assert "not legal advice" in page
    assert "http://127.0.0.1:8025/" in page
    assert all(f"`{name}`" in page or f"({name})" in page for name in files if name != "audit.md")
    said = pd.read_csv(files["replies.csv"], dtype={"msisdn": "str"})
    answered = found.optouts.dropna(subset=["reply_at"])["msisdn"]
    assert set(said.loc[said["optout_tier"] <= 2, "msisdn"]) == set(answered)
    assert all(path.stat().st_mode & 0o077 == 0 for path in files.values())


def test_pack_holds_no_formula(off: tuple[Account, Store, Audit], tmp_path: Path) -> None:
    found = off[2]
    risky = {
        '=HYPERLINK("x")': '\'=HYPERLINK("x")', "+61 call": "'+61 call", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)",
        "\t=1": "'\t'=1", "\r=1": "'\r'=1", "\n=1": "'\n'=1", " =1": "' =1",
        "a;=1": "a;'=1", "a,\t-1": "a,\t'-1", 'a;"=1"': "a;'\"=1\"", "a\r\n+1": "a\r\n'+1",
        "＝1": "'＝1", "a\u2028@b": "a\u2028'@b",
        "fine": "fine", "a=b": "a=b", "a, b; c-d": "a, b; c-d",
    }  # fmt: skip
    payloads = list(risky)
    odd = found.replies.head(1).loc[[0] * len(payloads)].assign(response=payloads)
    files = {path.name: path for path in pack(Audit(**vars(found) | {"replies": odd}), tmp_path)}
    back = pd.read_csv(files["replies.csv"], keep_default_na=False, lineterminator="\n")
    assert back["response"].tolist() == list(risky.values())
    signs = tuple("=+-@＝")
    for separator in ",;\t|":
        rows = csv.reader(io.StringIO(files["replies.csv"].read_text(), newline=""), delimiter=separator)
        cells = [cell.strip(' "\t\r\n') for row in rows for cell in row]
        assert not [cell for cell in cells if cell.startswith(signs)]


def test_as_json_is_plain(off: tuple[Account, Store, Audit]) -> None:
    told = json.loads(json.dumps(off[2].as_json()))
    assert len(told["breaches"]) == len(off[2].breaches)
    assert told["global_opt_out"]["verdict"] == "off"
    assert all("\n" not in line for line in off[2].lines())


def test_audit_tells_persons_and_flags_apart(tmp_path: Path) -> None:
    account = Account(seed=2, goo=False)
    found = audit(read(account, tmp_path))
    flags = {(row["message_id"], row["msisdn"]) for row in account.truth("optouts")}
    assert found.flags == len(flags) > len({msisdn for _, msisdn in flags})
    told, lines = found.as_json(), "\n".join(found.lines())
    assert (told["persons"], told["flags"]) == (found.optouts["msisdn"].nunique(), len(flags))
    assert f"{told['persons']:,} persons (phone numbers) with evidence" in lines
    assert f"flag stands on {len(flags):,} messages" in lines
    assert f"messages were sent to {found.breaches['msisdn'].nunique():,} persons" in lines


def test_lines_name_nobody(off: tuple[Account, Store, Audit]) -> None:
    numbers: Callable[[str], bool] = lambda line: any(m in line for m in off[2].optouts["msisdn"])  # noqa: E731
    assert not any(numbers(line) for line in off[2].lines())


def test_audit_goes_by_what_was_read_not_by_what_was_set_out_to_be(tmp_path: Path) -> None:
    """A run that was interrupted has set out from August, and read from November on."""
    store = Store(tmp_path / "store")
    begin, end = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
    with store.writing():
        store.bind("account", "http://127.0.0.1:8025/")
        store.state.keep_from("messages", datetime(2026, 8, 1, tzinfo=UTC))
        store.state.cover("messages", Span(begin, end))
        store.save_state()
    made = audit(store)
    assert (made.first, made.last) == (begin, end)
