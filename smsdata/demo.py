"""The main job from end to end against the simulator, and the simulated account that the notebooks read.

Starts the simulator, drains it over real HTTP with the real client into a store, and answers the three
questions that bring people here. Imports anything below; nothing of smsdata imports it but `cli`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
from matplotlib.figure import Figure

from smsdata import analysis, plots
from smsdata.errors import StoreError
from smsdata.gateway.client import Client
from smsdata.hygiene.planning import plan
from smsdata.ingest.report import Report
from smsdata.ingest.run import sync
from smsdata.settings import expanded
from smsdata.simulator import Account, Gateway, running, transport
from smsdata.store.store import Store

_DAYS = 90
_LATER = 5  # days until the second sync: 98 h after the last send `clean` can judge all of them
_RATE = 1000.0
_PORT = 8027  # fixed, so that the same store serves the demo again: a store belongs to one base URL
_USER = "demo"


def simulated_client(seed: int = 1, *, account: Account | None = None) -> Client:
    """Connect to a simulated account in this process: no credentials, no network, always the same data.

    The notebooks begin with it. With an account of your own, write ``smsdata.Client()`` instead.

    Parameters
    ----------
    seed : int
        Which made-up account: 90 days of history up to 2026-11-22T00:00Z.
    account : smsdata.simulator.Account, optional
        An account of your making, instead of ``seed``. The client takes the account's time as now.

    Returns
    -------
    Client
        To be used like any other.

    Examples
    --------
    >>> with simulated_client() as client:
    ...     lists = client.lists()
    >>> len(lists)
    6
    """
    account = account or Account(seed)
    wire = transport(Gateway(account, limiter=None))
    return _connect(account, f"http://127.0.0.1:{_PORT}/", wire)


def demo_store(path: str | Path | None = None, *, seed: int = 1) -> Store:
    """Make a store of a simulated account, to share or to try things on: nobody in it exists.

    Parameters
    ----------
    path : str or Path, optional
        Its folder; a temporary one when not given. A store that is there is used again.
    seed : int
        Which made-up account; the same seed gives the same rows.

    Returns
    -------
    Store
        All tables that a sync fills, complete for 90 days up to 2026-11-22T00:00Z.

    Raises
    ------
    StoreError
        The folder cannot be written, or holds another account's rows.

    Examples
    --------
    >>> store = demo_store()
    >>> len(store.read("messages")) > 2_000, store.verify()
    (True, [])
    """
    store = Store(expanded(path) if path else Path(tempfile.mkdtemp(prefix="smsdata-demo-")) / "store")
    account = Account(seed)
    key = _USER if seed == 1 else f"{_USER}-{seed}"  # so that no store takes the rows of two accounts
    wire = transport(Gateway(account, limiter=None, key=key, secret=_USER))
    with _connect(account, f"http://127.0.0.1:{_PORT}/", wire, key=key) as client:
        sync(client, store, since=f"{_DAYS}d")
    return store


@dataclass(frozen=True)
class Demo:
    """What the demo did, and the answers it came to.

    Attributes
    ----------
    report : Report
        What the last sync did.
    store : Path
        Where the rows are.
    pictures : tuple of Path
        What was drawn.
    answers : dict
        Counts and rates of the three answers, as plain JSON values.
    """

    report: Report
    store: Path
    pictures: tuple[Path, ...]
    answers: dict[str, Any]

    @property
    def attention(self) -> list[str]:
        """What needs a person."""
        return self.report.attention

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "answers": self.answers,
            "store": str(self.store),
            "pictures": [str(path) for path in self.pictures],
            "sync": self.report.as_json(),
        }

    def lines(self) -> list[str]:
        """For a person."""
        return [
            *_delivery_lines(self.answers["delivery"]),
            *_number_lines(self.answers["numbers"]),
            *_reply_lines(self.answers["replies"]),
            "",
            f"The same contacts: {_command()} clean --store {self.store}",
            f"Rows in Parquet: {self.store}  (pandas.read_parquet('{self.store}/messages') opens them)",
            *(f"Picture:         {path}" for path in self.pictures),
            "",
            "Open the notebooks:  make lab",
            f"Use a real account:  export SMSDATA_API_KEY=... SMSDATA_API_SECRET=...; {_command()} sync",
        ]


def _command() -> str:
    """How the command is called in this terminal: by its name where that is on the path, else by its file."""
    beside = Path(sys.executable).with_name("smsdata")
    if shutil.which("smsdata") or not beside.exists():
        return "smsdata"
    here = Path.cwd()
    return str(beside.relative_to(here) if beside.is_relative_to(here) else beside)


def run_demo(
    *, store: str | None = None, pictures: Path, seed: int = 1, say: Callable[..., None] = print
) -> Demo:
    """Sync a simulated account, again five days later on its clock, and answer the three questions.

    On a store of an earlier run only the second sync is made.

    Parameters
    ----------
    store
        Folder of the store; a temporary one when not given.
    pictures
        Folder for the pictures.
    seed
        Which simulated account.
    say
        Takes the lines that say what is going on.

    Returns
    -------
    Demo
        The sync's report, where rows and pictures are, and the answers.

    Raises
    ------
    StoreError
        If a store is given and the port that it belongs to is taken, or a folder cannot be written.
    """
    place = expanded(store) if store else Path(tempfile.mkdtemp(prefix="smsdata-demo-")) / "store"
    account = Account(seed)
    key = _USER if seed == 1 else f"{_USER}-{seed}"  # so that no store takes the rows of two accounts
    say("Starting a simulated gateway on this machine and reading its account ...")
    with ExitStack() as stack:
        base_url = _serve(stack, account, _PORT if store else 0, key)
        if not Store(place).state.account:
            with _connect(account, base_url, key=key) as client:
                say(_told(sync(client, Store(place), since=f"{_DAYS}d")))
        account.advance(days=_LATER)
        with _connect(account, base_url, key=key) as client:
            report = sync(client, Store(place), since=f"{_DAYS + _LATER}d")
    say(f"{_LATER} days later on its clock: {_told(report)}")
    results = _results(Store(place), account.time)
    return Demo(report, place, _draw(results, pictures), _answers(results))


def _told(report: Report) -> str:
    return f"{report.calls} calls, {sum(table.rows for table in report.tables.values()):,} rows."


def _connect(
    account: Account, base_url: str, wire: httpx.BaseTransport | None = None, *, key: str = _USER
) -> Client:
    return Client(
        key=key, secret=_USER, base_url=base_url, rate=_RATE, share=1, transport=wire, now=account.time
    )


def _serve(stack: ExitStack, account: Account, port: int, key: str) -> str:
    """Serve the account until the stack closes, and give its base URL."""
    try:
        return stack.enter_context(running(Gateway(account, limiter=None, key=key, secret=_USER), port=port))
    except OSError:
        raise StoreError(
            f"port {port}, to which a demo's store belongs, is taken: end what listens there, and try again."
        ) from None


def _results(store: Store, now: datetime) -> dict[str, pd.DataFrame]:
    """Make the frames that the answers and the pictures are taken from."""
    dlrs, replies, messages = (store.scan(name) for name in ("dlrs", "replies", "messages"))
    classes = analysis.classify_replies(replies, messages=messages)
    bounced = analysis.hard_bounced(dlrs, replies, campaigns=store.scan("campaigns"), include_cleared=True)
    return {
        "delivery": analysis.delivery_rate(messages, now=now),
        "weeks": analysis.delivery_rate(messages, by="week", now=now),
        "numbers": bounced,
        "plan": plan(store),
        "classes": classes,
        "reply_rate": analysis.reply_rate(messages, replies, now=now),
        "optouts": analysis.optouts(
            replies=classes,
            dlrs=dlrs,
            optouts=store.scan("optouts"),
            list_members=store.scan("list_members"),
        ),
    }


def _answers(results: dict[str, pd.DataFrame]) -> dict[str, Any]:
    replies, optouts = results["classes"], results["optouts"]
    out = optouts[optouts["certain"] & optouts["cleared_at"].isna()]
    contacts, bounced = results["plan"], results["numbers"]
    tiers = contacts["tier"].value_counts()
    leaving = contacts[contacts["tier"] == "remove"]
    dead = set(bounced.loc[bounced["tier"] == "remove", "msisdn"])
    return {
        "delivery": _json_values(results["delivery"].iloc[0]),
        "numbers": {
            **{tier: int(tiers.get(tier, 0)) for tier in ("remove", "exclude", "review")},
            "distinct": int(leaving["msisdn"].nunique()),
            "lists": int(leaving["list_id"].nunique()),
            "on_no_list": len(dead - set(contacts["msisdn"])),
        },
        "replies": {
            **_json_values(results["reply_rate"].iloc[0]),
            "received": len(replies),
            "inbound": int(replies["message_id"].isna().sum()),
            "opted_out": int(out["msisdn"].nunique()),
            "to_read": int(replies["review"].sum()),
        },
    }


def _json_values(row: pd.Series) -> dict[str, Any]:
    """Give a row as JSON values: null where missing, instants as ISO text."""
    values = {str(name): None if pd.isna(value) else value for name, value in row.items()}
    return {
        name: value.isoformat()
        if isinstance(value, datetime)
        else getattr(value, "item", lambda v=value: v)()
        for name, value in values.items()
    }


def _delivery_lines(a: dict[str, Any]) -> list[str]:
    return [
        "",
        f"1. Delivery rate: {_percent(a['rate'])} = {a['delivered']:,} of {a['settled']:,} settled messages "
        f"(95% interval {_percent(a['low'])} to {_percent(a['high'])}).",
        f"   Sent {_date_of(a['first'])} to {_date_of(a['last'])}: {a['n']:,}; {_pending_words(a)}.",
    ]


def _pending_words(a: dict[str, Any]) -> str:
    if not a["pending"]:
        return "none is pending any more"
    return (
        f"{a['pending']:,} pending ({a['pending_share']:.2%}), so of all between {_percent(a['bound_low'])} "
        f"and {_percent(a['bound_high'])} arrive"
    )


def _number_lines(a: dict[str, int]) -> list[str]:
    return [
        f"2. Contacts to remove: {a['remove']:,} ({a['distinct']:,} numbers on {a['lists']:,} lists), "
        "hard-bounced on several days or never alive.",
        f"   {a['exclude']:,} more bounced on one day (leave them out and see), {a['review']:,} to review; "
        f"{a['on_no_list']:,} other dead numbers are active on no list.",
    ]


def _reply_lines(a: dict[str, Any]) -> list[str]:
    return [
        f"3. Replies: {a['received']:,}, of which {a['inbound']:,} answer no send. Of {a['delivered']:,} "
        f"delivered messages that could be answered, {a['replied']:,} were: {_percent(a['rate'])} "
        f"({_percent(a['low'])} to {_percent(a['high'])}).",
        f"   Opted out: {a['opted_out']:,} numbers; {a['to_read']:,} replies that may mean it, to be read "
        "by a person.",
    ]


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"


def _date_of(iso: str | None) -> str:
    return iso[:10] if iso else "-"


def _draw(results: dict[str, pd.DataFrame], folder: Path) -> tuple[Path, ...]:
    """Draw the answers into files; without pyplot, which would look for a display."""
    return (
        _save(plots.delivery_rate, results["weeks"], folder / "delivery.png"),
        _save(plots.hard_bounced, results["numbers"], folder / "numbers.png"),
        _save(plots.classify_replies, results["classes"], folder / "replies.png"),
        _save(plots.optouts, results["optouts"], folder / "optouts.png"),
    )


def _save(plot: Callable[..., Any], frame: pd.DataFrame, path: Path) -> Path:
    figure = Figure(figsize=(8, 4), layout="constrained")
    plot(frame, ax=figure.subplots())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror}): name another --pictures.") from None
    return path
