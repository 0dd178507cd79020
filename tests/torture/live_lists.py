"""Long lists that live: nights on which people join, leave, come back and opt out while pages are read.

After every night: at most two passes and a tenth more of calls, nobody stored who was never there, nobody
gone who is still there, and nobody proved who was not on the list from one pass to the other. After a quiet
week: the truth, and all of it proved.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from smsdata import Client, Store, sync
from smsdata.schema.tables import TABLES
from smsdata.simulator import Account, Drift, Gateway
from tests.support.clients import connected
from tests.support.comparison import described, differences

from .tally import Tally

PAGE = 25
Night = Callable[[Client, Store, int], None]


def run(
    seed: int, *, accounts: int = 40, nights: int = 8, night: Night | None = None, until_wrong: bool = False
) -> Tally:
    """So many accounts, each with one long list, over so many nights; `night` is what a run does."""
    tally = Tally("live lists", seed)
    for number in range(accounts):
        _one(tally, seed * 1_000 + number, nights, night or _synced)
        if until_wrong and tally.wrong:
            break
    return tally


def _synced(client: Client, store: Store, list_id: int) -> None:
    sync(client, store)


def _one(tally: Tally, seed: int, nights: int, night: Night) -> None:
    rng = random.Random(seed)
    account = Account(seed=seed, campaigns=0, singles=0, inbound=0, lists=0, days=30)
    list_id = account.contacts.add_list("Long")
    for n in range(rng.choice([260, 510, 900])):
        account.contacts.add_member(list_id, 61491570000 + n)
        account.advance(seconds=rng.choice([0, 1]))
    gateway = Gateway(account, limiter=None, max_page=PAGE)
    with tempfile.TemporaryDirectory() as folder, connected(gateway) as client:
        store = Store(Path(folder) / "store")
        for _ in range(nights):
            kinds = tuple(rng.sample(["join", "delete", "return", "deactivate"], rng.randint(1, 4)))
            gateway.drift = Drift(rng.choice([1, 3, 10, 40]), rng.choice([1, 2]), kinds, seconds=1, seed=seed)
            before = len(gateway.calls)
            night(client, store, list_id)
            calls = Counter(call.path for call in gateway.calls[before:])["/get-list.json"]
            _judge(tally, seed, account, store, calls)
            tally.fired["nights"] += 1
            gateway.drift = None
            account.advance(days=rng.choice([1, 1, 3, 8]))
        account.advance(days=8)
        night(client, store, list_id)
        tally.wrong += [
            f"seed {seed}, after a quiet week: {line}" for line in described(differences(store, account))
        ]
        if not store.read("list_members").query("gone_at.isna()")["proved"].all():
            tally.wrong.append(f"seed {seed}: a quiet week leaves rows unproved")


def _judge(tally: Tally, seed: int, account: Account, store: Store, calls: int) -> None:
    (target,) = account.contacts.lists.values()
    ever = {str(msisdn) for msisdn in target.members}
    here = {str(member.msisdn) for member in target.present()}
    stored = store.read("list_members")
    present, gone = (set(stored.loc[stored["gone_at"].isna() == so, "msisdn"]) for so in (True, False))
    pages = len(ever) / PAGE + 2
    for text, wrong in (
        (f"{calls} calls for {pages:.0f} pages", calls > 2.1 * pages),
        ("stored who was never there", bool(present - ever)),
        ("gone who is still there", bool(gone & here - _came_back(account, stored))),
        ("columns", set(stored.columns) != {c.name for c in TABLES["list_members"].stored}),
    ):
        if wrong:
            tally.wrong.append(f"seed {seed}: {text}")
    tally.fired["calls"] += calls
    tally.fired["rows once seen"] += int((~stored["proved"]).sum())
    tally.fired["gone"] += len(gone)


def _came_back(account: Account, stored: pd.DataFrame) -> set[str]:
    """Who left before a proved read and came back after it: no counter shows that, the weekly read does."""
    (target,) = account.contacts.lists.values()
    left = stored.dropna(subset=["gone_at"]).set_index("msisdn")["gone_at"]
    since = {str(m.msisdn): pd.Timestamp(m.created_at, unit="s", tz="UTC") for m in target.present()}
    return {msisdn for msisdn, at in left.items() if msisdn in since and since[msisdn] >= at}


# ---- the harness, on a night with a fault in it ----------------------------------------------------


def takes_two_passes_for_a_proof(client: Client, store: Store, list_id: int) -> None:
    """What two passes saw counts as all there is: who was on no page in time is gone."""
    sync(client, store)
    before = store.rows("list_members")
    frame = client.list_members(list_id=list_id, allow_unproved=True)
    seen = frame.loc[frame["proved"], "msisdn"].tolist()
    rows = [row for row in before.to_pylist() if row["msisdn"] in seen]
    with store.writing():
        store.apply_snapshot(
            "list_members", before.slice(0, 0).from_pylist(rows, schema=before.schema),
            seen_at=client.now(), scope={"list_id": [list_id]},
        )  # fmt: skip


BUGS: dict[str, Night] = {"two passes for a proof": takes_two_passes_for_a_proof}
