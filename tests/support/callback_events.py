"""Callbacks as they lie in a spool: put there, odd ones, and many of every kind."""

from __future__ import annotations

import random
import time
from typing import Any

from smsdata.store.spool import Callback, Spool, spool_folder
from smsdata.store.store import Store
from tests.support.callers import dlr, query, reply

AT = "2026-11-22 00:05:00"
NOW_MICROS = int(time.time() * 1e6)


ODD: list[tuple[str, dict[str, str]]] = [
    ("dlr", {}),
    ("dlr", dlr(0, 61491570156, AT)),
    ("dlr", dlr(7, "Telstra", AT)),
    ("dlr", dlr(7, 61491570156, "0000-00-00 00:00:00")),
    ("dlr", dlr(7, 61491570156, "2026-11-22")),
    ("dlr", dlr(7, 61491570156, "2126-11-22 00:00:00")),
    ("dlr", dlr(10**30, 61491570156, AT)),
    ("dlr", dlr(7, 61491570156, AT, "")),
    ("reply", reply("x", 7, 61491570156, AT)),
    ("list", {"list_id": "7", "mobile": "61491570156", "datetime_entry": AT}),
    ("link-hit", {"mobile": "61491570156", "datetime": AT}),
]


def put(store: Store, *callbacks: tuple[str, dict[str, str]], **options: Any) -> None:
    """Receive callbacks, as the receiver does."""
    spool = Spool(spool_folder(store.private))
    with spool.receiving("a test"):
        received = {"at": NOW_MICROS} | options
        spool.append(
            [Callback(kind=kind, query=query(fields), **received).line() for kind, fields in callbacks]
        )


def events(store: Store, count: int, rng: random.Random) -> list[tuple[str, dict[str, str]]]:
    """Callbacks of every kind about what is stored and what is not, many of them twice or in conflict."""
    dlrs, sends = store.rows("dlrs").to_pylist(), store.rows("campaigns").to_pylist()
    made: list[tuple[str, dict[str, str]]] = []
    busy, moments = dlrs[:8], [f"2026-11-21 12:00:0{second}" for second in range(4)]
    while len(made) < count:
        at = f"2026-11-21 {rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"
        at = rng.choice(moments) if rng.random() < 0.5 else at
        known, send = rng.choice(busy if rng.random() < 0.5 else dlrs), rng.choice(sends)["message_id"]
        mobile = rng.choice([known["msisdn"]] * 3 + [str(61491570100 + rng.randrange(30))])
        send = rng.choice([known["message_id"]] * 3 + [send, 77 + rng.randrange(3)])
        status = rng.choice(["pending", "delivered", "delivered", "soft-bounce", "hard-bounce", "queued"])
        more = {"campaign": str(rng.randrange(3))} if rng.random() < 0.3 else {}
        number = rng.choice(["", str(5_000_000 + rng.randrange(200))])
        stop = {"is_optout": rng.choice(["yes", "no"])} | more
        text, word = rng.choice(["Yes", "STOP"]), rng.choice(["add", "delete"])
        hit = {"message_id": str(send), "mobile": mobile, "datetime": at, "link_hits": "1"}
        change = {"type": word, "datetime_entry": at[:14] + "00:00", "list_id": "7", "mobile": mobile}
        choices = [
            ("dlr", dlr(send, mobile, at, status) | more),
            ("dlr", dlr(send, mobile, at, status) | more),
            ("reply", reply(number, send, mobile, at, text) | stop),
            ("link-hit", hit | more),
            ("list", change | {"firstname": rng.choice(["Mia", "Lea"])} | more),
            rng.choice(ODD),
        ]
        made.append(rng.choice(choices))
    return made + rng.sample(made, count // 10)
