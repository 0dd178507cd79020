"""Whether Global Opt Out is on, told from the store: what came of those whose STOP it would have acted on.

Owns which stops count and how many it takes to say on or off. Imports of smsdata only `analysis.core`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import pandas as pd

from smsdata.analysis.core.statistics import wilson

Verdict = Literal["on", "off", "cannot be told"]

_SETTLING = pd.Timedelta(hours=1)
"""A confirmation, and what was under way already, may still arrive within this time."""
_ENOUGH_REACHED = 3
_OFF_FROM, _ON_BELOW, _NEARLY_NOBODY = 0.1, 1 / 3, 0.1
"""Off: at least 3 reached, and the interval above a tenth. On: the interval below a third and nobody reached,
or the interval below a tenth."""


class AuditedTables(Protocol):
    """What holds the tables: a store."""

    def read(self, table: str, /, *, columns: list[str] | None = None) -> pd.DataFrame:
        """Give a table as a frame."""


@dataclass(frozen=True)
class GlobalOptOut:
    """Whether Global Opt Out is on, and the counts of persons that say so.

    Attributes
    ----------
    verdict : {"on", "off", "cannot be told"}
        "on" also where somebody opts these persons out by hand, each time within the hour: it looks the same.
    stopped : int
        Persons whose plain stop word answered a send that the gateway then flagged, so that it read an
        opt-out, and who did not come back. Stops that answer no send are not among them.
    judged : int
        Those who can be judged: written to more than an hour later, or on a list that was read then.
    reached : int
        Those judged to whom a message was delivered more than an hour later, or who are active on such a
        list.
    low, high : float
        The 95% interval of reached / judged (Wilson); NaN where nobody was judged.
    """

    verdict: Verdict
    stopped: int
    judged: int
    reached: int
    low: float
    high: float

    def line(self) -> str:
        """Tell it in words."""
        counts = (
            f"{self.stopped:,} persons stopped by a reply that the gateway read as an opt-out, "
            f"{self.judged:,} of them can be judged, and {self.reached:,} were reached all the same"
        )
        if self.judged:
            counts += f" ({self.low:.0%} to {self.high:.0%})"
        if self.verdict == "cannot be told":
            return f"Whether Global Opt Out is on cannot be told: {counts}."
        return f"Global Opt Out is {self.verdict}, as far as this store shows: {counts}."


def judge_global_opt_out(store: AuditedTables, classified: pd.DataFrame) -> GlobalOptOut:
    """Judge from the persons whose stop Global Opt Out would have acted on.

    Parameters
    ----------
    store : Store
        The store: dlrs, optouts, messages, lists, list_members and suppressions are read.
    classified : DataFrame
        The replies that matter, as `smsdata.analysis.classify_replies` gives them.

    Returns
    -------
    GlobalOptOut
        The verdict and its counts.

    References
    ----------
    Wilson 1927. How many persons it takes is our own choice.
    """
    stops = _stops(store, classified)
    reached = _reached_later(store, stops)
    places = _places_read_later(store, stops)
    reached |= set(places.loc[places["status"].str.lower() == "active", "msisdn"])
    held = set(places["msisdn"]) - reached
    judged = len(reached) + len(held)
    low, high = (float(end[0]) for end in wilson([len(reached)], [judged]))
    return GlobalOptOut(_on_or_off(len(reached), low, high), len(stops), judged, len(reached), low, high)


def _on_or_off(reached: int, low: float, high: float) -> Verdict:
    if reached >= _ENOUGH_REACHED and low > _OFF_FROM:
        return "off"
    if high < (_NEARLY_NOBODY if reached else _ON_BELOW):
        return "on"
    return "cannot be told"


def _stops(store: AuditedTables, classified: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    """When each person first stopped in a way that Global Opt Out acts on; by number."""
    key = ["message_id", "msisdn"]
    dlrs = store.read("dlrs", columns=[*key, "optout"])
    flags = pd.concat([dlrs.loc[dlrs["optout"].fillna(False), key], store.read("optouts", columns=key)])
    plain = classified[(classified["optout_tier"] == 1).fillna(False)].dropna(subset=key)
    read = plain.merge(flags.drop_duplicates().astype(plain[key].dtypes.to_dict()), on=key)
    first = read.groupby("msisdn")["received_at"].min()
    asked_back = (classified["kind"] == "optin") & (classified["sign"] != "model")
    back = classified[asked_back].groupby("msisdn")["received_at"].max()
    return first[~(back.reindex(first.index) > first)]


def _stopped_at(numbers: pd.Series[str], stops: pd.Series[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
    """When the person of each row stopped; NaT for who did not."""
    return stops.reindex(numbers).set_axis(numbers.index)


def _reached_later(store: AuditedTables, stops: pd.Series[pd.Timestamp]) -> set[str]:
    """Who got a message more than an hour after the stop."""
    messages = store.read("messages", columns=["msisdn", "sent_at", "status"])
    messages = messages[messages["msisdn"].isin(stops.index) & (messages["status"] == "delivered")]
    late = messages["sent_at"] > _stopped_at(messages["msisdn"], stops) + _SETTLING
    return set(messages.loc[late, "msisdn"])


def _places_read_later(store: AuditedTables, stops: pd.Series[pd.Timestamp]) -> pd.DataFrame:
    """The places on lists that were read after the stop, of who was there before, and not opted out by us."""
    members, lists = store.read("list_members"), store.read("lists")
    there = lists.loc[lists["gone_at"].isna(), "list_id"]
    members = members[members["gone_at"].isna() & members["list_id"].isin(there)]
    stopped = _stopped_at(members["msisdn"], stops)
    joined_later = (members["created_at"] > stopped).fillna(False)
    members = members[(members["synced_at"] > stopped + _SETTLING) & ~joined_later]
    changed = store.read("suppressions")
    ours = changed.loc[changed["action"] == "optout", "msisdn"]
    return members[~members["msisdn"].isin(ours)]
