"""Callbacks with polls between them, in bizarre orders: the store holds what a model in plain Python says.

Each sequence is one send with its recipients. All sequences of a run live in one store and go on together, so
that hundreds of them take seconds: in each round everybody's callbacks come, are merged or not, and polls
show what they like, also long ago, nothing at all, and the opposite of what was called back.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from smsdata.ingest.callbacks import ingest_callbacks
from smsdata.schema.frames import schema
from smsdata.schema.status import rank
from smsdata.store import evidence
from smsdata.store.keys import lasts
from smsdata.store.spool import Callback, Spool, spool_folder
from smsdata.store.spool_names import MergedOfOpen
from smsdata.store.store import Store
from tests.support.callback_events import NOW_MICROS
from tests.support.callers import dlr, query, reply

from .lateness import Bug, broken
from .tally import Tally

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIRST = 61491570000
FORM = "application/x-www-form-urlencoded"
RANKS = {"pending": 0, "queued": 1, "bounced": 2, "soft-bounce": 3, "delivered": 4, "hard-bounce": 4}
WORDS = tuple(RANKS)


def _by_rank_alone(history: pa.Table) -> pa.Table:
    """The rule before: a status that callbacks told counts whatever polls show, where it ranks higher."""
    ranked = history.append_column("_rank", rank(history.column("status")))
    order = [("_rank", "ascending"), ("source", "ascending"), ("observed_at", "ascending")]
    ordered = ranked.sort_by([*order, ("status", "descending")])
    return ordered.take(lasts(evidence.SEND_AND_NUMBER, ordered)).drop_columns("_rank")


def _never_marked(rows: pa.Table) -> Any:
    return pa.chunked_array([pa.nulls(rows.num_rows, pa.string())])


BUGS = {
    "what callbacks told outranks polls": Bug(evidence, "_first_by_weight", _by_rank_alone),
    "marks are not seen": Bug(evidence, "told_by_callbacks", _never_marked),
    "callbacks move messages whatever was polled": Bug(
        evidence, "_stands", lambda told, _shown: pa.chunked_array([pa.repeat(True, len(told))])
    ),
    "what is open counts again": Bug(MergedOfOpen, "count", lambda *_asked: 0),
    "what waits is forgotten": Bug(Spool, "put_aside", lambda *_asked: None),
}


# ---- the model -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """A status that somebody told of a message, at an instant."""

    status: str
    at: datetime
    polled: bool


def best(seen: Iterable[Seen]) -> Seen | None:
    """Highest rank, polled, latest, the word that comes first."""
    return max(
        seen, default=None, key=lambda o: (RANKS[o.status], o.polled, o.at, [-ord(c) for c in o.status])
    )


def that_counts(seen: list[Seen]) -> Seen | None:
    """An end that was polled, with the kind that callbacks tell of a bounce; else the best of all."""
    polled = best(one for one in seen if one.polled)
    if polled is None or RANKS[polled.status] < RANKS["bounced"]:
        return best(seen)
    told = [one for one in seen if not one.polled and one.status in {"soft-bounce", "hard-bounce"}]
    return best(told) if polled.status == "bounced" and told else polled


def stands(told: str, shown: str) -> bool:
    """Whether a status of callbacks counts in a row of which polls showed another."""
    over = RANKS[shown] < RANKS["bounced"] and RANKS[told] > RANKS[shown]
    return over or (shown == "bounced" and told in {"soft-bounce", "hard-bounce"})


@dataclass
class Recipient:
    """What one message has been through: its dlr, and its row among the messages."""

    seen: list[Seen] = field(default_factory=list)
    spare: list[dict[str, str]] = field(default_factory=list)
    polled: bool = False
    shown: tuple[str, datetime] | None = None
    told: str | None = None

    def dlr(self) -> dict[str, Any] | None:
        """The dlr as it should be; None where there is none."""
        counts = that_counts(self.seen)
        if counts is None:  # polls showed it, with a status that could not be read
            return {"status": None, "delivered_at": None, "mark": None, "spare": {}} if self.polled else None
        shown = best(one for one in self.seen if one.polled)
        times = [one.at for one in self.seen if not one.polled and one.status == "delivered"]
        mark = None if counts.polled else (shown.status if shown else "") if self.polled else "heard"
        spare = max(
            (one for one in self.spare if one), key=lambda one: json.dumps(one, sort_keys=True), default={}
        )
        return {
            "status": counts.status,
            "delivered_at": min(times, default=None),
            "mark": mark,
            "spare": spare,
        }

    def follow(self) -> None:
        """The message takes the status of its dlr, as far as that says more than what polls showed of it."""
        counts = that_counts(self.seen)
        if counts is None or self.shown is None:
            return
        status, at = self.shown
        if not counts.polled:
            self.told = counts.status if stands(counts.status, status) else None
            return
        self.told = None
        if RANKS[counts.status] != RANKS["queued"] or RANKS[status] <= RANKS["queued"]:
            self.shown = counts.status, at

    def poll_message(self, status: str, at: datetime) -> None:
        """A poll shows the message."""
        if self.shown:
            before = Seen(*self.shown, True)
            better = best([before, Seen(status, at, True)])
            assert better is not None
            status, at = better.status, max(at, before.at)
        self.shown = status, at
        self.told = self.told if self.told and stands(self.told, status) else None

    def message(self) -> dict[str, Any] | None:
        """The message as it should be."""
        if self.shown is None:
            return None
        return {"status": self.told or self.shown[0], "mark": self.shown[0] if self.told else None}


@dataclass
class Model:
    """What the store should hold of all sends."""

    recipients: dict[tuple[int, str], Recipient] = field(default_factory=dict)
    known: set[int] = field(default_factory=set)
    waiting: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    replies: dict[int, dict[str, Any]] = field(default_factory=dict)
    stops: set[tuple[int, str]] = field(default_factory=set)
    changes: set[tuple[str, str, str]] = field(default_factory=set)
    merged: int = 0
    odd: int = 0

    def of(self, send: int, number: str) -> Recipient:
        return self.recipients.setdefault((send, number), Recipient())

    def ingest(self, came: list[tuple[str, dict[str, str], dict[str, str]]]) -> None:
        """Take what waits and what came."""
        left, self.waiting = [*self.waiting, *came], []
        touched = []
        for kind, fields, own in left:
            if kind == "dlr" and fields["status"] == "":
                self.odd += 1
            elif kind == "dlr" and int(fields["message_id"]) not in self.known:
                self.waiting.append((kind, fields, own))
            elif kind == "dlr":
                touched.append(self._receipt(fields, own))
                self.merged += 1
            elif kind == "list":
                self.changes.add((fields["type"], fields["mobile"], fields["datetime_entry"]))
                self.merged += 1
            elif self._reply(fields):
                self.merged += 1
            else:
                self.waiting.append((kind, fields, own))
        for one in touched:
            one.follow()

    def _receipt(self, fields: dict[str, str], own: dict[str, str]) -> Recipient:
        one = self.of(int(fields["message_id"]), fields["mobile"])
        one.seen.append(Seen(fields["status"], _instant(fields["datetime"]), False))
        one.spare.append(own)
        return one

    def _reply(self, fields: dict[str, str]) -> bool:
        row = self.replies.setdefault(int(fields["response_id"]), {"polled": False, "at": "", "text": ""})
        if not row["polled"] and fields["datetime_entry"] > row["at"]:
            row |= {"at": fields["datetime_entry"], "text": fields["response"]}
        if fields["is_optout"] == "no":
            return True
        if int(fields["message_id"]) in self.known:
            self.stops.add((int(fields["message_id"]), fields["mobile"]))
            return True
        return False


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


# ---- what happens ----------------------------------------------------------------------------------------


class Sequences:
    """Many sends, each with a life of its own, in one store, beside the model of it."""

    def __init__(self, store: Store, rng: random.Random, count: int) -> None:
        self.store, self.rng, self.model = store, rng, Model()
        self.spool = Spool(spool_folder(store.private))
        self.sends = [(1000 + n, [str(FIRST + 10 * n), str(FIRST + 10 * n + 1)]) for n in range(count)]
        self.came: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.received = self.merged = 0
        self.fired: Counter[str] = Counter()

    def receive(self, send: int, number: str) -> None:
        """One callback, by a query or a form, with parameters of the user's own or without."""
        rng = self.rng
        at = f"{NOON + timedelta(minutes=rng.randrange(600)):%Y-%m-%d %H:%M:%S}"
        own = {"campaign": rng.choice("ab")} if rng.random() < 0.4 else {}
        kind = rng.choice(["dlr"] * 6 + ["reply", "list"])
        if kind == "dlr":
            fields = dlr(send, number, at, rng.choice([*WORDS, "delivered", ""]))
        elif kind == "reply":
            said, stop = f"said at {at}", rng.choice(["yes", "no"])
            fields = reply(send * 10 + rng.randrange(2), send, number, at, said, is_optout=stop)
        else:
            change = {"type": rng.choice(["add", "delete"]), "list_id": "7"}
            fields = change | {"mobile": number, "datetime_entry": at}
        form = rng.random() < 0.3
        told = (query(own), query(fields), FORM) if form else (query(fields | own), "", "")
        for _ in range(rng.choice([1, 1, 1, 2])):
            self.received += 1
            one = Callback(NOW_MICROS + self.received, kind, *told)
            self.spool.append([one.line()])
            self.came.append((kind, fields, own))
            self.fired[kind] += 1

    def ingest(self) -> list[str]:
        """Merge, as far as anything came; gives where the counts are not the model's."""
        if self.rng.random() < 0.5:
            self.spool.seal()
        counts, _ = ingest_callbacks(self.store)
        self.merged += counts.merged.total()
        self.model.ingest(self.came)
        self.came = []
        found = {"merged": self.merged, "waiting": counts.waiting, "odd": counts.odd}
        due = {"merged": self.model.merged, "waiting": len(self.model.waiting), "odd": self.model.odd}
        wrong = [
            f"{name}: {found[name]:,} counted, {due[name]:,} came" for name in due if found[name] != due[name]
        ]
        total = sum(found.values())
        return wrong + ([f"{total:,} of {self.received:,} counted"] if total != self.received else [])

    def poll(self) -> None:
        """Polls of about half of all: of sends, messages, dlrs and replies."""
        rows: dict[str, list[dict[str, Any]]] = {"campaigns": [], "messages": [], "dlrs": [], "replies": []}
        for send, numbers in self.sends:
            if self.rng.random() < 0.3:
                rows["campaigns"].append(
                    {"message_id": send, "sent_at": NOON, "synced_at": NOON, "type": "api"}
                )
                self.model.known.add(send)
            for number in numbers if send in self.model.known else ():
                self._poll_one(send, number, rows)
            if self.rng.random() < 0.2:
                self._poll_reply(send, rows)
        with self.store.writing():
            self.store.bind("me", "http://127.0.0.1/")
            self.store.save_state()
            for table, made in rows.items():
                self.store.merge(table, pa.Table.from_pylist(made, schema=schema(table)))
                if table == "messages" and made:  # which follow their dlrs, as in a sync
                    polled = pa.Table.from_pylist(made, schema=schema(table))
                    dlrs = self.store.tables.rows_sharing("dlrs", polled, "message_id")
                    self.store.merging.copy_statuses_to_messages(dlrs)

    def _poll_one(self, send: int, number: str, rows: dict[str, list[dict[str, Any]]]) -> None:
        rng, model = self.rng, self.model.of(send, number)
        row = {"message_id": send, "msisdn": number, "sent_at": NOON}
        if rng.random() < 0.3:
            status, at = rng.choice(WORDS), self._moment()
            place = int(number)
            rows["messages"].append({**row, "id": place, "status": status, "message": "", "synced_at": at})
            model.poll_message(status, at)
            model.follow()
        if rng.random() < 0.3:
            word, at = rng.choice([*WORDS, None]), self._moment()
            rows["dlrs"].append({**row, "status": word, "copies": 1, "source": "polled", "synced_at": at})
            model.polled = True
            if word is not None:
                model.seen.append(Seen(word, at, True))
                model.follow()

    def _poll_reply(self, send: int, rows: dict[str, list[dict[str, Any]]]) -> None:
        row = {
            "id": send * 10,
            "received_at": NOON,
            "msisdn": str(FIRST),
            "response": "polled",
            "synced_at": NOON,
        }
        rows["replies"].append(row | {"message_id": send})
        self.model.replies[send * 10] = {"polled": True, "text": "polled"}

    def _moment(self) -> datetime:
        return NOON + timedelta(minutes=self.rng.randrange(600), seconds=30)


# ---- comparing -------------------------------------------------------------------------------------------


def _mark(extra: str | None) -> tuple[str | None, dict[str, str]]:
    told = json.loads(extra or "{}")
    if told.get("source") == "callback":
        return "heard", told["callback"]
    return (told["status"] if told.get("status_from") == "callback" else None), told.get("callback", {})


def _wrong(store: Store, model: Model) -> list[str]:
    """Where the rows of the store are not the model's."""
    found: dict[str, dict[Any, Any]] = {"dlrs": {}, "messages": {}}
    for row in store.rows("dlrs").to_pylist():
        mark, spare = _mark(row["extra"])
        made = {name: row[name] for name in ("status", "delivered_at")} | {"mark": mark, "spare": spare}
        found["dlrs"][row["message_id"], row["msisdn"]] = made
    for row in store.rows("messages").to_pylist():
        found["messages"][row["message_id"], row["msisdn"]] = {
            "status": row["status"],
            "mark": _mark(row["extra"])[0],
        }
    rows = store.rows("replies").to_pylist()
    found["replies"] = {row["id"]: (_mark(row["extra"])[0] is None, row["response"]) for row in rows}
    rows = store.rows("optouts").to_pylist()
    found["optouts"] = {(row["message_id"], row["msisdn"]): 1 for row in rows}
    rows = store.rows("list_events").to_pylist()
    names = ((row["action"], row["msisdn"], f"{row['occurred_at']:%Y-%m-%d %H:%M:%S}") for row in rows)
    found["list_events"] = dict.fromkeys(names, 1)
    true: dict[str, dict[Any, Any]] = {
        "dlrs": {key: one.dlr() for key, one in model.recipients.items() if one.dlr()},
        "messages": {key: one.message() for key, one in model.recipients.items() if one.shown},
        "replies": {number: (row["polled"], row["text"]) for number, row in model.replies.items()},
        "optouts": dict.fromkeys(model.stops, 1),
        "list_events": dict.fromkeys(model.changes, 1),
    }
    return [
        f"{table} {key}: {found[table].get(key)} stored, {true[table].get(key)} due"
        for table in true
        for key in found[table].keys() | true[table].keys()
        if found[table].get(key) != true[table].get(key)
    ] + _polled_falsely(store, model)


def _polled_falsely(store: Store, model: Model) -> list[str]:
    """Observations that stand as polled and never were: they could cost a contact its place."""
    rows = store.rows("status_history").to_pylist()
    return [
        f"status_history: {row['status']} of {row['message_id']} was never polled"
        for row in rows
        if row["source"] == "polled"
        and not any(
            one.polled and one.status == row["status"]
            for one in model.recipients[row["message_id"], row["msisdn"]].seen
        )
    ]


def run(seed: int, *, sequences: int = 200, rounds: int = 8, bugs: Iterable[Bug] = ()) -> Tally:
    """Live so many sequences at once; the store is compared with the model after each round."""
    tally, rng = Tally("callback polls", seed), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="smsdata-polls-") as home, broken(bugs):
        store = Store(Path(home) / "store")
        lives = Sequences(store, rng, sequences)
        lives.poll()
        with lives.spool.receiving("a test"):
            for number in range(rounds):
                for send, numbers in rng.sample(lives.sends, len(lives.sends)):
                    for _ in range(rng.choice([0, 1, 2])):
                        lives.receive(send, rng.choice(numbers))
                wrong = lives.ingest() if rng.random() < 0.8 else []
                lives.poll()
                if not lives.came:
                    tally.wrong += [
                        f"round {number}: {line}" for line in [*wrong, *_wrong(store, lives.model)]
                    ]
                tally.fired["rounds"] += 1
            tally.wrong += lives.ingest() + _wrong(store, lives.model)
        tally.fired.update(lives.fired)
        tally.fired["sequences"] += sequences
    return tally
