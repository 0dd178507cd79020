"""Did we message anyone after they opted out? Read from the store, with the evidence, as a pack to hand over.

Owns what the audit looks at and how it says what it cannot see. Changes nothing and makes no call; the way to
opt numbers out is `smsdata.hygiene.plan_optouts`. Not legal advice. Imports of smsdata only `analysis`,
`plots`, `store`, `opt_out_switch`, `times` and `errors`.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from smsdata import plots
from smsdata.analysis.breaches import WORKING_DAYS, sent_after_optout
from smsdata.analysis.opt_outs import opted_out, still_out
from smsdata.errors import UsageError
from smsdata.opt_out_switch import GlobalOptOut, judge_global_opt_out
from smsdata.schema.csv_text import csv_text
from smsdata.settings import expanded
from smsdata.store.disk import Disk
from smsdata.store.store import Store, open_store
from smsdata.times import instant

_RULES = {"AU": "Australia", "US": "the United States"}
_ACTIVE = ["list_id", "msisdn", "first_optout_at", "last_stop_at", "source", "scope"]
_WHY = {
    "may have been sent before": "while only a flag or a list status tells of the opt-out, which was read "
    "later: an opt-out by a link has no time of its own",
    "another sender": "from another number or name of yours than the one the opt-out was written to",
    "another list": "to another list than the one the opt-out concerns",
    "scope not known": "where the store does not tell whether the opt-out reaches that sender or list",
    "for review": "after a reply that may mean stop, which a person has to read",
}
"""Why a message is only possibly a breach."""


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
        The same for messages that may have been sent before the opt-out, or outside its scope, or where a
        person has to read the reply; ``why`` tells which.
    active : DataFrame
        Numbers that opted out and are still active on a list: ``list_id`` (int64), ``msisdn`` (str), and
        ``first_optout_at``, ``last_stop_at`` (datetime64[us, UTC]), ``source``, ``scope`` (str).
    goo : GlobalOptOut
        Whether Global Opt Out is on; if so, every opt-out counts for the whole account.
    unclear : DataFrame
        The evidence whose number lacks its country, or has more before it: it is nobody's for sure, so
        nothing was judged by it; columns as `optouts`.
    aside : int
        Replies and opt-outs that were set aside, since they cannot be read or name nobody: not judged.
    flags : int
        Opt-out flags of the gateway, one per flagged message; one person may have several.
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
    unclear: pd.DataFrame
    aside: int
    flags: int
    messages: int
    first: datetime | None
    last: datetime | None
    replies_from: datetime | None
    replies_until: datetime | None

    @property
    def exit_code(self) -> int:
        """What the command line exits with: 3 for breaches, numbers still active, or what was not judged."""
        return 3 if len(self.breaches) or len(self.active) or len(self.unclear) or self.aside else 0

    def _replies(self) -> str:
        since = f"from {_in_utc(self.replies_from)} " if self.replies_from is not None else ""
        return f"{'' if since else 'no '}replies {since}to {_in_utc(self.replies_until)}"

    def lines(self) -> list[str]:
        """Tell it in words, without numbers of people."""
        breaches = f"{len(self.breaches):,} messages were sent to {_persons(self.breaches)} "
        breaches += "after they had opted out, "
        breaches += "; ".join(self._by_deadline(rule) for rule in _RULES) + "."
        if self.breaches.empty:
            breaches = "No breach was found in this window; nothing is said about what lies outside it."
        return [
            f"Looked at {self.messages:,} messages sent from {_in_utc(self.first)} to {_in_utc(self.last)}, "
            f"and at {self._replies()}.",
            f"{_persons(self.optouts)} (phone numbers) with evidence of an opt-out, "
            f"{self.optouts.loc[self.optouts['certain'], 'msisdn'].nunique():,} of them certain; "
            f"the gateway's opt-out flag stands on {self.flags:,} messages of theirs.",
            breaches,
            self._possibly(),
            f"{_persons(self.active)} opted out and are still active on a list "
            f"({len(self.active):,} places).",
            self.goo.line(),
            *self._unclear(),
            *self._aside(),
        ]

    def _aside(self) -> list[str]:
        """Tell how many rows nobody could read: an opt-out may be among them."""
        if not self.aside:
            return []
        return [
            f"{self.aside:,} replies or opt-outs were set aside, since they cannot be read or name nobody; "
            "an opt-out may be among them. They lie in .smsdata/rejects below the store; `smsdata sync "
            "--dismiss-rejects` does without them."
        ]

    def _unclear(self) -> list[str]:
        """Tell whose opt-outs could not be told, since their number lacks its country."""
        if self.unclear.empty:
            return []
        sources = self.unclear["source"].value_counts()
        told = ", ".join(f"{name} {count:,}" for name, count in sources.items())
        return [
            f"{_persons(self.unclear)} with evidence of an opt-out (by {told}) whose number lacks its "
            "country, or has more before it: whose it is cannot be told, and no message was judged by it. "
            "`--out FOLDER` writes them to unclear.csv: look who they are, and ask the provider why."
        ]

    def _by_deadline(self, rule: str) -> str:
        """Tell how many breaches came before the deadline of a country and past it, and how long it is."""
        late = int(self.breaches[f"{rule.lower()}_past_deadline"].sum())
        return (
            f"{len(self.breaches) - late:,} before and {late:,} past the deadline of {_RULES[rule]} "
            f"({WORKING_DAYS[rule]} working days)"
        )

    def _possibly(self) -> str:
        """Tell what "possible" means, and how many messages there are of each kind."""
        if self.possible.empty:
            return "No other message is a possible breach."
        counts = self.possible["why"].value_counts()
        kinds = "; ".join(
            f"{counts[why]:,} were sent {words}" for why, words in _WHY.items() if why in counts
        )
        return (
            f"{len(self.possible):,} more messages, to {_persons(self.possible)}, are possible breaches, "
            f"for somebody to judge: {kinds}."
        )

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values: counts, windows, the breaches and the numbers still active."""
        about = {
            "messages": self.messages,
            "first": _iso_or_none(self.first),
            "last": _iso_or_none(self.last),
            "replies_from": _iso_or_none(self.replies_from),
            "replies_until": _iso_or_none(self.replies_until),
            "persons": self.optouts["msisdn"].nunique(),
            "persons_certain": self.optouts.loc[self.optouts["certain"], "msisdn"].nunique(),
            "flags": self.flags,
            "unclear": self.unclear["msisdn"].nunique(),
            "aside": self.aside,
            "possible": len(self.possible),
            "possible_by": {str(k): int(v) for k, v in self.possible["why"].value_counts().items()},
            "global_opt_out": {k: None if v != v else v for k, v in vars(self.goo).items()},
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
    evidence, replies, unclear = opted_out(store)
    goo = judge_global_opt_out(store, replies)
    after = _after(messages, evidence, holidays, store.scan("dlrs"), account_wide=goo.verdict == "on")
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
        goo=goo,
        unclear=unclear,
        aside=sum(store.rejects.counts()[table] for table in ("replies", "optouts")),
        flags=_flags(store),
        messages=len(store.read("messages", since=since, columns=["id"])),
        **window,
    )  # fmt: skip


def _flags(store: Store) -> int:
    """How many messages carry the opt-out flag, in either table."""
    key = ["message_id", "msisdn"]
    dlrs = store.read("dlrs", columns=[*key, "optout"])
    flagged = dlrs.loc[dlrs["optout"].fillna(False), key]
    return len(pd.concat([flagged, store.read("optouts", columns=key)]).drop_duplicates())


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


def _after(
    messages: Any, evidence: pd.DataFrame, holidays: Collection[date], dlrs: Any, *, account_wide: bool
) -> pd.DataFrame:
    """Every message after an opt-out, with the deadlines of both countries."""
    frames = {
        rule: sent_after_optout(
            messages,
            evidence,
            rule=rule,
            holidays=holidays,
            include_review=True,
            account_wide=account_wide,
            dlrs=dlrs,
        )
        for rule in _RULES
    }
    whole = frames["AU"]
    for rule, frame in frames.items():
        for column in ("deadline_at", "past_deadline"):
            whole[f"{rule.lower()}_{column}"] = frame[column]
    return whole


def _places(store: Store, evidence: pd.DataFrame) -> pd.DataFrame:
    """Where on lists the numbers stand that opted out, by the gateway's or their own word, and stay out."""
    gone = still_out(evidence)
    members, lists = store.read("list_members"), store.read("lists")
    members = members[members["gone_at"].isna()]
    members = members[members["list_id"].isin(lists.loc[lists["gone_at"].isna(), "list_id"])]
    columns = ["msisdn", "first_optout_at", "last_stop_at", "source", "scope"]
    places = members[["list_id", "msisdn", "status"]].merge(gone[columns], on="msisdn")
    places = places.assign(active=places["status"].str.lower() == "active")
    return places.sort_values(["list_id", "msisdn"], ignore_index=True)


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
    told = [name for name in _FILES if name != "unclear" or len(result.unclear)]
    files = {f"{name}.csv": _csv(getattr(result, name)) for name in told}
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
    "possible": "the messages that a person has to judge; `why` tells the reason, "
    "`scope` how far the opt-out reaches",
    "active": "who opted out and is still active on which list",
    "optouts": "all evidence of opt-outs, by number: `known_at` is when it had certainly happened, "
    "`possible_at` the earliest it may have, `cleared_at` a later START; times are empty where none is known",
    "unclear": "evidence whose number lacks its country, or has more before it: whose it is cannot be told",
    "replies": "the words of the replies among the evidence; `optout_tier` 1 and 2 are plain, 3 and 4 are "
    "for a person to read",
}
_PICTURES = {
    "breaches.png": "Messages sent after a certain opt-out: when, and how late; the deadline is "
    "Australia's, 5 working days, and lies in the grey band",
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
spreadsheet import `msisdn` and the ids as text, in pandas `dtype="str"`, in DuckDB
`all_varchar = true`. What might be taken for a formula, at the beginning of a text or after a separator or
line break in it, has ' before it.
"""
_TWICE = ["deadline_at", "working_days", "past_deadline", "breach"]
"""Columns that say what those of a country say."""


def _csv(frame: pd.DataFrame) -> bytes:
    """As CSV; the mark at its beginning tells spreadsheets that it is UTF-8."""
    return b"\xef\xbb\xbf" + csv_text(frame.drop(columns=_TWICE, errors="ignore")).encode()


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
        *(
            f"- `{name}.csv` ({len(getattr(result, name)):,} rows): {words}"
            for name, words in _FILES.items()
            if f"{name}.csv" in files
        ),
        "",
        *pictures,
    ])  # fmt: skip


def _persons(frame: pd.DataFrame) -> str:
    count = frame["msisdn"].nunique()
    return f"{count:,} person{'' if count == 1 else 's'}"


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
