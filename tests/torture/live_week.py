"""Live week: the twin sends and calls back, the receiver is killed and started again, a sync runs nightly.

Times are virtual, calls and kills are real: the twin's calls go over loopback to a process that dies before,
while and after it takes one. At the end the store holds what the twin knows.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import select
import signal
import socket
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from smsdata.ingest import callbacks as ingest
from smsdata.ingest import link_hits
from smsdata.ingest.callbacks import ingest_callbacks
from smsdata.ingest.run import sync
from smsdata.receiver.addresses import Addresses
from smsdata.receiver.application import CallbackApplication, Rules
from smsdata.receiver.group_commit import GroupCommit
from smsdata.receiver.server import listening_socket, receive_on
from smsdata.schema.callback_marks import only_heard
from smsdata.settings import Secret
from smsdata.simulator import Account, Gateway
from smsdata.simulator.clock import epoch
from smsdata.simulator.courier import carry
from smsdata.simulator.outbox import SIGNATURE, OutgoingCall
from smsdata.simulator.recipients import DELIVERED
from smsdata.store.disk import Disk
from smsdata.store.spool import Segment, Spool, spool_folder
from smsdata.store.store import Store
from tests.support.clients import connected
from tests.support.comparison import OWN, counted, described, differences, known_truth

from .callbacks import BUGS as PARTS
from .callbacks import Forgetful, Parts
from .lateness import Bug, broken
from .tally import Tally

START = "2026-01-05T00:00:00Z"
SECRET = "demo"
POLLED = ("campaigns", "messages", "optouts", "replies")


def _segment_is_merged(self: Spool, segment: Segment) -> None:
    """Also one that the receiver still writes to."""
    if segment.path.exists() and segment.path.suffix != ".merged":
        self.disk.move(segment.path, segment.path.with_suffix(".merged"))


@dataclass(frozen=True)
class Broken:
    """What is broken on purpose: a part of the receiver, or a place of the product."""

    parts: Parts = (Spool, GroupCommit)
    places: tuple[Bug, ...] = ()


BUGS: dict[str, Broken] = {
    "answer before fsync": Broken(parts=PARTS["answer before fsync"]),
    "what waits is forgotten": Broken(places=(Bug(Spool, "put_aside", lambda *_asked: None),)),
    "an open segment passes for merged": Broken(places=(Bug(Spool, "mark_merged", _segment_is_merged),)),
    "polled hits do not take the place of those heard": Broken(
        places=(
            Bug(ingest, "drop_hits_polled", lambda *_asked: None),
            Bug(link_hits, "drop_hits_polled", lambda *_asked: None),
        )
    ),
}


@dataclass
class Receiver:
    """A receiver in a process of its own, which dies now and then; `post` carries the twin's calls to it."""

    folder: Path
    rng: random.Random
    kills: float
    parts: Parts
    disks: Sequence[type[Disk]]
    fired: Counter[str]
    listener: socket.socket = field(default_factory=lambda: listening_socket("127.0.0.1", 0))
    child: int = 0
    back_at: int = 0
    now: Any = field(default_factory=lambda: multiprocessing.Value("q", 0))

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def post(self, call: OutgoingCall) -> bool:
        """Carry one call, or let the receiver die of it; gives whether it was answered with 200."""
        self.now.value = call.at
        if not self.child:
            if call.at < self.back_at:
                self.fired["calls while it was down"] += 1
                return False
            self.start()
        if self.rng.random() >= self.kills:
            return carry(call)
        self.fired["kills"] += 1
        self.back_at = call.at + self.rng.choice(
            [0, 0, 0, 20, 200] if self.rng.random() < 0.98 else [2_000, 7_000]
        )
        return self._die_of(call)

    def _die_of(self, call: OutgoingCall) -> bool:
        """Kill the receiver a moment after a call was sent; its answer may have come before."""
        parts = urlsplit(call.url)
        request = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: a\r\n"
        request += f"{SIGNATURE}: {call.headers[SIGNATURE]}\r\n\r\n"
        with socket.create_connection(self.listener.getsockname(), timeout=20) as connection:
            connection.sendall(request.encode()[: self.rng.choice([40, None, None, None])])
            select.select([connection], [], [], self.rng.uniform(0, 0.006))
            self.stop(signal.SIGKILL)
            connection.setblocking(False)
            try:
                accepted = connection.recv(64).startswith(b"HTTP/1.1 200")
            except OSError:
                accepted = False
        self.fired["answered as it died"] += accepted
        return accepted

    def start(self) -> None:
        """Start it; until it is up, calls wait at its socket."""
        disk = self.rng.choice(self.disks)
        self.child = os.fork()
        if self.child:
            return
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            rules, clock = Rules(Secret(SECRET), required=True), lambda: float(self.now.value)
            application = CallbackApplication(Addresses(self.folder), rules, clock)
            spool = self.parts[0](
                self.folder, disk=disk(self.folder), segment_bytes=20_000, segment_seconds=1
            )
            receive_on(self.listener, application, spool, self.parts[1])
        finally:
            os._exit(1)

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End it, in order or not."""
        if self.child:
            os.kill(self.child, how)
            os.waitpid(self.child, 0)
            self.child = 0


def world(seed: int, messages: int) -> Account:
    """An account that is about to send so many messages within a week."""
    size = max(12, messages // 100)
    account = Account(
        seed=seed, now=START, days=1, campaigns=0, singles=0, inbound=0, lists=3, recipients=size,
        reply_rate=0.1, link_rate=0.01, late=0.02, late_replies=0.2, clients=0,
    )  # fmt: skip
    account.schedule(
        days=7,
        campaigns=max(8, 2 * messages // size),
        recipients=size,
        singles=messages // 50,
        inbound=60,
    )
    return account


def _edit_lists(account: Account, rng: random.Random) -> None:
    lists = account.contacts
    for number in range(3):
        target = rng.choice(list(lists.lists))
        lists.add_member(
            target, 447700900000 + rng.randrange(10**6), "Mia", fields={"Shoe size": str(number)}
        )
        lists.delete_member(rng.choice([one.msisdn for one in lists.lists[target].present()]), target)


def _live(account: Account, gateway: Gateway, store: Store, receiver: Receiver, quiet: int) -> list[str]:
    """Seven days with a sync each night, and quiet ones until no call is tried again."""
    rng = receiver.rng
    wrong: list[str] = []
    for night in range(7 + quiet):
        for _ in range(4):
            account.advance(hours=6)
            if night and rng.random() < 0.5:
                wrong += ingest_callbacks(store, secret=Secret(SECRET), now=account.time)[1].attention
        if night < 7:
            _edit_lists(account, rng)
        receiver.kills *= night < 7
        with connected(gateway) as made:
            wrong += sync(made, store).attention
    receiver.stop()
    return wrong + ingest_callbacks(store, secret=Secret(SECRET), now=account.time)[1].attention


def _wrong(account: Account, gateway: Gateway, store: Store, tally: Tally) -> list[str]:
    """Where the store is not what the twin knows, first as it is, then once clicks were polled too."""
    wrong = described(differences(store, account, POLLED))
    wrong += _wrong_receipts(account, store, tally)
    wrong += _unlike("list changes", _kept_changes(store), _changes(account), _answered(account, "list"))
    wrong += _unlike("hits heard", _hits(store), counted(_clicks(account)), _answered(account, "link-hit"))
    with connected(gateway) as made:
        wrong += sync(made, store, tables=["link_hits"], since="20d").attention
    polled = _hits(store, "hit", "link")
    wrong += (
        [] if polled == counted(account.truth("link_hits")) else ["hits polled are not those of the twin"]
    )
    tally.fired["hits"] += store.count("link_hits")
    wrong += [f"{one}" for one in store.verify()]
    spool = Spool(spool_folder(store.private))
    wrong += [
        f"{name}: something is put aside"
        for name in ("waiting", "odd", "refused")
        if spool.aside(name).callbacks
    ]
    heard = sum(
        only_heard(store.rows(table).column("extra")).to_pylist().count(True) for table in ("dlrs", "replies")
    )
    return wrong + ([f"{heard} rows were never polled"] if heard else [])


def _wrong_receipts(account: Account, store: Store, tally: Tally) -> list[str]:
    """Statuses are the twin's; each time of delivery is true, and there if its call was ever answered."""
    table, sends = account.recipients, account.sends
    final = {
        (sends[send].message_id, str(number)): _utc(at)
        for send, number, at, outcome in zip(
            *(table[name].tolist() for name in ("send", "msisdn", "final_at", "outcome")), strict=True
        )
        if outcome == DELIVERED
    }
    answered = {
        (int(fields["message_id"]), fields["mobile"])
        for fields in _told(account, "dlr")
        if fields["status"] == "delivered"
    }
    rows = store.rows("dlrs").to_pylist()
    stored = {(row["message_id"], row["msisdn"]): row["delivered_at"] for row in rows}
    missing = [key for key in answered if stored.get(key) is None]
    untrue = [key for key, at in stored.items() if at is not None and final.get(key) != at]
    tally.fired["times of delivery answered"] += len(answered)
    tally.fired["messages"] += len(table["msisdn"])
    truth = known_truth(store, "dlrs", account.truth("dlrs"))
    true = counted(row | {"delivered_at": None} for row in truth)
    kept = counted(
        {name: value for name, value in row.items() if name not in OWN} | {"delivered_at": None}
        for row in rows
    )
    wrong = {
        "times of delivery were answered with 200 and are not there": len(missing),
        "times of delivery are not the twin's": len(untrue),
        "dlrs are not the twin's": (kept - true).total() + (true - kept).total(),
    }
    return [f"{count} {what}" for what, count in wrong.items() if count]


def _told(account: Account, kind: str) -> list[dict[str, str]]:
    """What was answered with 200."""
    told = account.outbox.told
    return [dict(one.call.pairs) for one in told if one.accepted and one.call.kind == kind]


def _answered(account: Account, kind: str) -> Counter[str]:
    """The rows that answered calls promise."""
    rows = []
    for fields in _told(account, kind):
        at = fields["datetime_entry" if kind == "list" else "datetime"]
        row: dict[str, Any] = {"msisdn": fields["mobile"]}
        row["at" if kind == "list" else "clicked_at"] = datetime.fromisoformat(f"{at}+00:00")
        if kind == "list":
            row |= {"list_id": int(fields["list_id"]), "action": fields["type"]}
        else:
            row["message_id"] = int(fields["message_id"])
        rows.append(row)
    return counted(rows)


def _unlike(what: str, kept: Counter[str], true: Counter[str], answered: Counter[str]) -> list[str]:
    """Rows kept are true and there once; each that was answered with 200 is there."""
    foreign, lost = (kept - true).total(), (answered - kept).total()
    wrong = {"are not the twin's, or twice there": foreign, "were answered with 200 and are not there": lost}
    return [f"{what}: {count} {line}" for line, count in wrong.items() if count]


def _changes(account: Account) -> Counter[str]:
    actions = {"add-to-list": "add", "delete-from-list": "delete"}
    return counted(
        {
            "list_id": target,
            "msisdn": str(one["msisdn"]),
            "action": actions[one["call"]],
            "at": _utc(one["at"]),
        }
        for one in account.contacts.changes
        if one["call"] in actions and one["at"] >= epoch(START)
        for target in one["list_ids"]
    )


def _kept_changes(store: Store) -> Counter[str]:
    names = ("list_id", "msisdn", "action")
    rows = store.rows("list_events").to_pylist()
    return counted({name: row[name] for name in names} | {"at": row["occurred_at"]} for row in rows)


def _hits(store: Store, *more: str) -> Counter[str]:
    names = ("message_id", "msisdn", "clicked_at", *more)
    return counted({name: row[name] for name in names} for row in store.rows("link_hits").to_pylist())


def _clicks(account: Account) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if name not in {"hit", "link"}}
        for row in account.truth("link_hits")
    ]


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def run(
    seed: int,
    *,
    messages: int = 50_000,
    kills: float = 0.01,
    disks: Sequence[type[Disk]] = (Forgetful, Disk),
    quiet: int = 8,
    bug: Broken = Broken(),
) -> Tally:
    """Live one week; of each call the receiver dies with a chance of `kills`; `quiet` days follow."""
    tally, rng = Tally("live week", seed), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="smsdata-week-") as home, broken(bug.places):
        account, store = world(seed, messages), Store(Path(home) / "store")
        gateway, folder = Gateway(account, limiter=None, seed=seed), spool_folder(store.private)
        receiver = Receiver(folder, rng, kills, bug.parts, disks, tally.fired)
        addresses = Addresses(folder).urls(receiver.base)
        account.outbox.secret, account.outbox.post = SECRET, receiver.post
        account.outbox.set(**{kind: f"{url}?from=the%20twin" for kind, url in addresses.items()})
        with receiver.listener:
            try:
                tally.wrong += _live(account, gateway, store, receiver, quiet)
            finally:
                receiver.stop(signal.SIGKILL)
        tally.wrong += _wrong(account, gateway, store, tally)
    if tally.fired["messages"] < messages:
        tally.wrong.append(f"only {tally.fired['messages']:,} of {messages:,} messages were sent")
    told = account.outbox.told
    events, answered = (
        {one.call.event for one in tries} for tries in (told, [t for t in told if t.accepted])
    )
    tally.fired["tries"] += len(told)
    tally.fired["events"] += len(events)
    tally.fired["events given up after five tries"] += len(events - answered)
    return tally
