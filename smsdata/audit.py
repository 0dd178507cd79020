"""Did we message anyone after they opted out? Read from the store, with the evidence, as a pack to hand over.

Owns what the audit looks at and how it says what it cannot see. Changes nothing and makes no call; the way to
opt numbers out is `smsdata.hygiene.plan_optouts`. Not legal advice. Imports of smsdata only `analysis`,
`plots`, `store`, `times` and `errors`.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from smsdata import plots
from smsdata.analysis.breaches import sent_after_optout
from smsdata.analysis.opt_outs import opted_out
from smsdata.errors import UsageError
from smsdata.schema.csv_text import csv_text
from smsdata.settings import expanded
from smsdata.store.disk import Disk
from smsdata.store.store import Store, open_store
from smsdata.times import instant

Verdict = Literal["on", "off", "unclear"]

_RULES = ("AU", "US")
_ACTIVE = ["list_id", "msisdn", "first_optout_at", "source"]
_WHY = {
    "flag": "after a message with the gateway's opt-out flag and before the flag was read: an opt-out by a "
    "link has no time of its own, so they may also have been sent before it",
    "list": "to a number that a list shows as opted out, which has no time either",
    "review": "after a reply that may mean stop, which a person has to read",
}
"""Why a message is only possibly a breach, by the evidence."""

_ENOUGH_NUMBERS = 3
"""So many numbers must agree before Global Opt Out is said to be on."""


@dataclass(frozen=True)
class GlobalOptOut:
    """Whether Global Opt Out seems to be on, and the counts that say so.

    Attributes
    ----------
    verdict : {"on", "off", "unclear"}
        "off": a message was delivered after an opt-out by reply, or such a number is active on a list. "on":
        at least three such numbers are on lists and active on none, and nothing was delivered to them since.
    opted_out : int
        Numbers that opted out by reply, by the gateway's word too, and did not come back.
    delivered_after : int
        Messages delivered to them more than an hour later; one confirmation within the hour is usual.
    still_active, no_longer_active : int
        Their places on lists, by status.
    """

    verdict: Verdict
    opted_out: int
    delivered_after: int
    still_active: int
    no_longer_active: int


@dataclass(frozen=True)
class Audit:
    """What the audit found.

    Attributes
    ----------
    base_url, account : str
        Whose store it is; the account by its fingerprint.
    optouts : DataFrame
        All evidence of opt-outs, as `smsdata.analysis.optouts` gives it.
    replies : DataFrame
        The replies among the evidence, as `smsdata.analysis.classify_replies` gives them: opt-outs, what a
        person has to read, and START.
    breaches : DataFrame
        Messages sent after a certain opt-out: the columns of `smsdata.analysis.sent_after_optout`, then
        for Australia and the United States ``au_deadline_at``, ``us_deadline_at`` (datetime64[us, UTC]) and
        ``au_past_deadline``, ``us_past_deadline`` (bool).
    possible : DataFrame
        The same for messages that may have been sent before the opt-out, or where a person has to read the
        reply; ``source`` tells which: "flag" or "list", or "review".
    active : DataFrame
        Numbers that opted out and are still active on a list: ``list_id`` (int64), ``msisdn`` (str), and
        ``first_optout_at`` (datetime64[us, UTC]), ``source`` (str).
    goo : GlobalOptOut
        Whether Global Opt Out seems to be on.
    messages : int
        Messages looked at.
    first, last : datetime or None
        The window of messages: nothing is said about what was sent before or after.
    replies_from, replies_until : datetime or None
        The window of replies.
    """

    base_url: str
    account: str
    optouts: pd.DataFrame
    replies: pd.DataFrame
    breaches: pd.DataFrame
    possible: pd.DataFrame
    active: pd.DataFrame
    goo: GlobalOptOut
    messages: int
    first: datetime | None
    last: datetime | None
    replies_from: datetime | None
    replies_until: datetime | None

    @property
    def exit_code(self) -> int:
        """What the command line exits with: 3 when there are breaches, or numbers still active."""
        return 3 if len(self.breaches) or len(self.active) else 0

    def lines(self) -> list[str]:
        """Tell it in words, without numbers of people."""
        late = {rule: int(self.breaches[f"{rule.lower()}_past_deadline"].sum()) for rule in _RULES}
        breaches = f"{len(self.breaches):,} messages were sent to a number after it had opted out"
        breaches += (
            f": {late['AU']:,} past the Australian deadline, {late['US']:,} past that of the United States."
        )
        if self.breaches.empty:
            breaches = "No breach was found in this window; nothing is said about what lies outside it."
        return [
            f"Looked at {self.messages:,} messages sent from {_in_utc(self.first)} to {_in_utc(self.last)}, "
            f"and at replies from {_in_utc(self.replies_from)} to {_in_utc(self.replies_until)}.",
            f"{self.optouts['msisdn'].nunique():,} numbers with evidence of an opt-out, "
            f"{self.optouts.loc[self.optouts['certain'], 'msisdn'].nunique():,} of them certain.",
            breaches,
            self._possibly(),
            f"{self.active['msisdn'].nunique():,} numbers opted out and are still active on a list "
            f"({len(self.active):,} places).",
            f"Global Opt Out seems to be {self.goo.verdict}: {self.goo.opted_out:,} numbers opted out by "
            f"reply, {self.goo.delivered_after:,} messages were delivered to them more than an hour later, "
            f"{self.goo.still_active:,} of their places on lists are active, "
            f"{self.goo.no_longer_active:,} are not.",
        ]

    def _possibly(self) -> str:
        """Tell what "possible" means, and how many messages there are of each kind."""
        if self.possible.empty:
            return "No other message is a possible breach."
        counts = self.possible["source"].value_counts()
        kinds = "; ".join(
            f"{counts[source]:,} were sent {why}" for source, why in _WHY.items() if source in counts
        )
        return f"{len(self.possible):,} more messages are possible breaches, for a person to judge: {kinds}."

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values: counts, windows, the breaches and the numbers still active."""
        about = {
            "messages": self.messages,
            "first": _iso_or_none(self.first),
            "last": _iso_or_none(self.last),
            "replies_from": _iso_or_none(self.replies_from),
            "replies_until": _iso_or_none(self.replies_until),
            "optouts": len(self.optouts),
            "possible": len(self.possible),
            "possible_by": {str(k): int(v) for k, v in self.possible["source"].value_counts().items()},
            "global_opt_out": vars(self.goo),
        }
        return about | {"breaches": _records(self.breaches), "active": _records(self.active)}


def audit(
    store: Store | str | Path, *, since: str | datetime | None = None, holidays: Collection[date] = ()
) -> Audit:
    """Find all opt-outs, the messages sent after them, and who is still on a list.

    Parameters
    ----------
    store
        The store, or its folder.
    since
        Look only at messages sent at this instant or later; opt-outs count whenever they happened.
    holidays
        Days that are no working days, besides Saturdays and Sundays.

    Returns
    -------
    Audit
        What was found, and the window in which it was looked for.

    Raises
    ------
    UsageError
        When the store holds no messages.

    References
    ----------
    Deadlines: 5 working days (ACMA), 10 business days (47 CFR 64.1200(a)(10)).
    """
    store = open_store(store)
    window = _what_was_read(store, since)
    messages = store.scan("messages", since=since)
    evidence, replies = opted_out(store)
    after = _after(messages, evidence, holidays)
    certain = after["certain"].to_numpy(bool)
    breaches, possible = (after[keep].reset_index(drop=True) for keep in (certain, ~certain))
    places = _places(store, evidence)
    return Audit(
        base_url=store.state.base_url,
        account=store.state.account,
        optouts=evidence,
        replies=replies,
        breaches=breaches,
        possible=possible,
        active=places.loc[places["active"], _ACTIVE].reset_index(drop=True),
        goo=_global_opt_out(evidence, breaches, places),
        messages=len(store.read("messages", since=since, columns=["id"])),
        **window,
    )  # fmt: skip


def _what_was_read(store: Store, since: str | datetime | None) -> dict[str, datetime | None]:
    """What the store sees: from when on messages and replies are there, and until when without a gap."""
    cursors = store.state.cursors
    if "messages" not in cursors:
        raise UsageError(f"{store.path} holds no messages yet: run `smsdata sync` first.")
    covered = store.state.covered("messages")
    first = covered[0].start if covered else cursors["messages"]
    begin = first if since is None else max(first, instant(since, "since"))
    replies = store.tables.min_max("replies", ["received_at"]).get("received_at")
    return {
        "first": begin,
        "last": cursors["messages"],
        "replies_from": replies[0] if replies else None,
        "replies_until": cursors.get("replies"),
    }


def _after(messages: Any, evidence: pd.DataFrame, holidays: Collection[date]) -> pd.DataFrame:
    """Every message after an opt-out, with the deadlines of both countries."""
    frames = {
        rule: sent_after_optout(messages, evidence, rule=rule, holidays=holidays, include_review=True)
        for rule in _RULES
    }
    whole = frames[_RULES[0]]
    for rule, frame in frames.items():
        for column in ("deadline_at", "past_deadline"):
            whole[f"{rule.lower()}_{column}"] = frame[column]
    return whole


def _places(store: Store, evidence: pd.DataFrame) -> pd.DataFrame:
    """Where on lists the numbers stand that opted out, by the gateway's or their own word, and stay out."""
    polled = evidence["reply_at"].notna() | evidence["flag_at"].notna()
    gone = evidence[evidence["certain"] & evidence["cleared_at"].isna() & polled]
    gone = gone.assign(by_reply=_by_reply(gone))
    members, lists = store.read("list_members"), store.read("lists")
    members = members[members["gone_at"].isna()]
    members = members[members["list_id"].isin(lists.loc[lists["gone_at"].isna(), "list_id"])]
    columns = ["msisdn", "first_optout_at", "source", "by_reply"]
    places = members[["list_id", "msisdn", "status"]].merge(gone[columns], on="msisdn")
    places = places.assign(active=places["status"].str.lower() == "active")
    return places.sort_values(["list_id", "msisdn"], ignore_index=True)


def _by_reply(evidence: pd.DataFrame) -> pd.Series[bool]:
    """Who opted out by a reply that the gateway took for one: it flagged a message of theirs."""
    return evidence["reply_at"].notna() & evidence["flag_at"].notna()


def _global_opt_out(evidence: pd.DataFrame, breaches: pd.DataFrame, places: pd.DataFrame) -> GlobalOptOut:
    """Judge from the numbers that opted out by reply: with the switch on, nothing reaches them any more."""
    replied = evidence[_by_reply(evidence) & evidence["cleared_at"].isna() & evidence["certain"]]
    later = breaches[breaches["msisdn"].isin(replied["msisdn"]) & (breaches["hours_after"] > 1)]
    delivered = int((later["status"] == "delivered").sum())
    mine = places[places["by_reply"]]
    active, left = int(mine["active"].sum()), int((~mine["active"]).sum())
    verdict: Verdict = "unclear"
    if delivered or active:
        verdict = "off"
    elif mine["msisdn"].nunique() >= _ENOUGH_NUMBERS:
        verdict = "on"
    return GlobalOptOut(verdict, replied["msisdn"].nunique(), delivered, active, left)


# ---- the evidence pack -------------------------------------------------------------------------------


def pack(result: Audit, folder: str | Path) -> list[Path]:
    """Write what the audit found as files that a person can hand over: Markdown, CSV and pictures.

    Parameters
    ----------
    result
        What `audit` gave.
    folder
        Where to put ``audit.md``, ``breaches.csv``, ``possible.csv``, ``active.csv``, ``optouts.csv``,
        ``replies.csv``, ``breaches.png`` and ``optouts.png``; only its owner can read them.

    Returns
    -------
    list of Path
        The files; a picture of nothing is left out.

    Raises
    ------
    StoreError
        When the folder cannot be written.
    """
    place = expanded(folder)
    disk = Disk(place)
    disk.folder(place)
    files = {f"{name}.csv": _csv(getattr(result, name)) for name in _FILES}
    if len(result.breaches):
        files["breaches.png"] = _picture(plots.sent_after_optout(result.breaches))
    if len(result.optouts):
        files["optouts.png"] = _picture(plots.optouts(result.optouts))
    files["audit.md"] = _page(result, list(files)).encode()
    for name, content in files.items():
        disk.replace(place / name, content)
    return [place / name for name in files]


_FILES = {
    "breaches": "the messages sent after a certain opt-out; `hours_after` counts from `known_at`",
    "possible": "the messages that a person has to judge; `source` tells why: flag, list or review",
    "active": "who opted out and is still active on which list",
    "optouts": "all evidence of opt-outs, by number: `known_at` is when it had certainly happened, "
    "`possible_at` the earliest it may have, `cleared_at` a later START; times are empty where none is known",
    "replies": "the words of the replies among the evidence; `optout_tier` 1 and 2 are plain, 3 and 4 are "
    "for a person to read",
}
_PICTURES = {
    "breaches.png": "Messages sent after a certain opt-out: when, and how late; the deadline is Australia's",
    "optouts.png": "Opt-outs by first evidence; those by a flag stand at the time of the flagged message",
}
_HOW_TO_READ = """\
## How to read it

Evidence of an opt-out is a reply that asks to stop, the gateway's flag on a message, or the status on a
list; a later START ends it. A breach is certain when the message was sent after the opt-out had certainly
happened. A flag tells only that the opt-out came after its message was sent and before the flag was read, so
messages in between are possible breaches, as are those after an unclear reply. One confirmation right after
the opt-out is usually allowed; it shows as a small `hours_after`. Messages that may be sent regardless, such
as appointment reminders, are not told apart here.

Deadlines: the end of the 5th working day (Australia, ACMA) and of the 10th business day (United States, 47
CFR 64.1200(a)(10)) after the opt-out. This is not legal advice.

All times are UTC. The files hold phone numbers: hand them only to those who may see them, and have a
spreadsheet import `msisdn` and the ids as text. What might be taken for a formula, at
the beginning of a text or after a separator or line break in it, has ' before it.
"""
_TWICE = ["deadline_at", "past_deadline", "breach"]
"""Columns that say what those of a country say."""


def _csv(frame: pd.DataFrame) -> bytes:
    return csv_text(frame.drop(columns=_TWICE, errors="ignore")).encode()


def _picture(ax: Any) -> bytes:
    import matplotlib.pyplot as plt  # slow to import, and only the pack draws

    image = io.BytesIO()
    ax.figure.savefig(image, format="png", dpi=150, bbox_inches="tight")
    plt.close(ax.figure)
    return image.getvalue()


def _page(result: Audit, files: list[str]) -> str:
    pictures = [f"![{words}]({name})\n\n*{words}*\n" for name, words in _PICTURES.items() if name in files]
    return "\n".join([
        "# Opt-out audit",
        "",
        f"Account {result.account[:12]} at {result.base_url}, as its store stood at {_in_utc(result.last)}.",
        "",
        "## What was found",
        "",
        *(f"- {line}" for line in result.lines()),
        "",
        _HOW_TO_READ,
        "## Files",
        "",
        *(f"- `{name}.csv` ({len(getattr(result, name)):,} rows): {words}" for name, words in _FILES.items()),
        "",
        *pictures,
    ])  # fmt: skip


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain JSON values; null for what is missing."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [
        {str(k): v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()}
        for row in plain.to_dict("records")
    ]


def _iso_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _in_utc(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
