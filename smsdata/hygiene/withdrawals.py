"""What the gateway knows of people that the store does not: who opted out, and who joined a list since.

An opt-out since the last sync shows in three places: replies, which `rereading` reads; the lists that a
person is or was on; and the opt-out flags of the sends to it. Owns which of them are asked about, by the
fewest calls. What could not be asked counts against a change. Imports of smsdata only `gateway`,
`ingest.plan`, `schema`, `store`, `errors` and, within hygiene, changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from smsdata.errors import ApiError, DrainError, RowError, SmsDataError
from smsdata.gateway.blame import Blame
from smsdata.gateway.caller import Caller
from smsdata.gateway.client import drain
from smsdata.gateway.endpoints import endpoint
from smsdata.hygiene.changes import UNDATED, Contact, concerns_every_call, find, one_list
from smsdata.ingest.plan import LOOK_BACK, list_counters, member_pages, pages, report_start
from smsdata.schema.counters import Counters
from smsdata.schema.numbers_in_full import is_unclear, written_as
from smsdata.store.store import Store

OPTED_OUT = "the gateway says that it opted out"
INACTIVE = "it is on a list and not active there: it may have opted out"
JOINED = "it was put on another list since"
NOT_ASKED = "it could not be asked whether it opted out"
_NOT_SEEN = "it could not be asked whether it joined a list since"
_FROM_THE_STRONGEST = (OPTED_OUT, INACTIVE, JOINED, NOT_ASKED, _NOT_SEEN, UNDATED)


def asked_again(client: Caller, store: Store, numbers: set[str], lists: pd.DataFrame) -> dict[str, str]:
    """Ask the gateway which of some people opted out, also where the store did not look.

    Parameters
    ----------
    client, store
        The account and its store.
    numbers
        Whom to ask about.
    lists
        The account's lists now, as ``client.lists()`` gives them.

    Returns
    -------
    dict
        By number, what speaks against putting it on a list again; who is not in it may be.

    Raises
    ------
    ApiError, DrainError, RowError
        When nobody can be asked about: the report of campaigns cannot be read, or the gateway is not there.
    """
    if not numbers:
        return {}
    asking = _Asking(client, store, numbers, NOT_ASKED)
    for number, contact in asking.contacts(lists, asking.seen_on()):
        word = str(contact["status"]).lower()
        if word != "active":
            asking.note([number], INACTIVE if word == "inactive" else OPTED_OUT)
    asking.about_sends()
    return asking.against


def joined_since(
    client: Caller,
    store: Store,
    since: Mapping[str, pd.Timestamp],
    lists: pd.DataFrame,
    dated: Set[str] = frozenset(),
) -> dict[str, str]:
    """Ask the gateway which of some people joined a list since an instant of theirs.

    Asked are the lists that changed since their members were read.

    Parameters
    ----------
    client, store, lists
        As for `asked_again`.
    since
        By number, from when on a joining counts.
    dated
        Those to whom a list counts as well that does not tell when they joined it.

    Returns
    -------
    dict
        By number, what speaks against removing it.
    """
    asking = _Asking(client, store, set(since), _NOT_SEEN)
    for number, contact in asking.contacts(lists, {}, only_active=True):
        if pd.isna(contact["created_at"]):
            asking.note({number} & dated, UNDATED)
        elif contact["created_at"] >= since[number]:
            asking.note([number], JOINED)
    return asking.against


class _Asking:
    """The asking about some people, and what speaks against each."""

    def __init__(self, client: Caller, store: Store, numbers: set[str], unknown: str) -> None:
        self.against: dict[str, str] = {}
        self._client = client
        self._store = store
        self._numbers = numbers
        self._unknown = unknown
        self._blame = Blame(client.is_there)

    def note(self, numbers: Iterable[str], reason: str) -> None:
        """Keep the strongest reason of each."""
        for number in numbers:
            both = [reason, self.against.get(number, reason)]
            self.against[number] = min(both, key=_strength)

    def _not_asked(self, error: SmsDataError, table: str, numbers: Iterable[str]) -> None:
        """A failure that is not everybody's costs the people that were asked about."""
        if isinstance(error, ApiError) and (
            concerns_every_call(error) or self._blame.concerns_account(endpoint(table), error)
        ):
            raise error
        self.note(numbers, f"{self._unknown} ({error.code})")

    # ---- lists -----------------------------------------------------------------------------------

    def contacts(
        self, lists: pd.DataFrame, seen: Mapping[int, set[str]], *, only_active: bool = False
    ) -> Iterator[tuple[str, Contact]]:
        """Look people up on the lists where they were seen, and all of them on lists that changed since.

        Gives those that are there, each with its number. A list is read whole where that takes fewer calls,
        and shows those that matter: not every gateway shows contacts that are not active.
        """
        shown = only_active or self._store.state.all_members_come
        rows: list[dict[Any, Any]] = lists.to_dict("records")
        for row in rows:
            list_id, counters = int(row["list_id"]), list_counters(row)
            about = self._numbers if self._moved(list_id, counters) else seen.get(list_id, set())
            whole = shown and 0 < member_pages(*counters) < len(about)
            members = self._members(list_id) if whole else None
            if members is None:
                yield from self._one_by_one(list_id, about)
            else:
                odd = {number for number in members if is_unclear(number)}
                for number in sorted(about):
                    there = number if number in members else written_as(number, odd)
                    if there is not None:
                        yield number, members[there]

    def seen_on(self) -> dict[int, set[str]]:
        """The people by list, as far as anything stored says that they are or were on it."""
        found: dict[int, set[str]] = {}
        for table in ("list_members", "suppressions", "dlrs"):
            rows = self._theirs(table, ["list_id", "msisdn"]).dropna().drop_duplicates()
            for list_id, msisdn in rows.itertuples(index=False):
                found.setdefault(int(list_id), set()).add(msisdn)
        return found

    def _moved(self, list_id: int, counters: tuple[int, int]) -> bool:
        """Whether somebody may have joined a list since its members were read."""
        state = self._store.state
        doubtful = list_id in state.unproved_lists | state.changing_lists or min(counters) < 0
        return doubtful or state.members_seen.get(list_id) != counters

    def _members(self, list_id: int) -> dict[str, Contact] | None:
        """Read a list whole; None where that fails: then its people are looked up one by one."""
        try:
            members = drain(self._client, "list_members", list_id=one_list(list_id))
        except (ApiError, DrainError, RowError):
            return None
        self._blame.note_answer()
        told = zip(members["msisdn"], members["status"], members["created_at"], strict=True)
        return {number: {"status": status, "created_at": at} for number, status, at in told}

    def _one_by_one(self, list_id: int, about: Iterable[str]) -> Iterator[tuple[str, Contact]]:
        for number in sorted(about):
            try:
                contact = find(self._client, one_list(list_id), number)
            except (ApiError, RowError) as error:
                self._not_asked(error, "list_members", [number])
                continue
            self._blame.note_answer()
            if contact is not None:
                yield number, contact

    # ---- sends -----------------------------------------------------------------------------------

    def about_sends(self) -> None:
        """Ask about the sends with more opt-outs than are stored, of those that may have gone to a person."""
        theirs = pd.concat([self._theirs(table, ["message_id", "msisdn", "sent_at"]) for table in
                            ("dlrs", "messages")]).drop_duplicates(["message_id", "msisdn"])  # fmt: skip
        recent, start = self._report_from(theirs)
        report = drain(self._client, "campaigns", start=start, end=self._client.now())
        older = theirs[theirs["sent_at"] < recent] if start == recent else theirs.iloc[:0]
        recipients = theirs.groupby("message_id")["msisdn"].agg(set).to_dict()
        for message_id in older["message_id"].unique().tolist():
            self._flags_of(message_id, recipients[message_id])
        rows = report[report["optouts"].ne(0).fillna(True)].to_dict("records")
        stored = self._stored({int(row["message_id"]) for row in rows})
        for row in rows:
            self._about_send(row, recipients.get(row["message_id"], set()), stored)

    def _report_from(self, theirs: pd.DataFrame) -> tuple[datetime, datetime]:
        """From when on a sync reads the report, and from when on it is read here.

        Further back where that takes fewer calls than one for each older send to these people.
        """
        recent = report_start(self._client.now(), self._store.state.cursors.get("campaigns"))
        older = theirs[theirs["sent_at"] < recent]
        if older.empty:
            return recent, recent
        oldest: datetime = older["sent_at"].min().to_pydatetime()
        sends = self._store.rows("campaigns", since=oldest, until=recent, columns=["message_id"])
        by_report = pages(sends.num_rows) + (recent - oldest) // LOOK_BACK + 1
        return recent, oldest if by_report < older["message_id"].nunique() else recent

    def _about_send(
        self, row: Mapping[Any, Any], recipients: set[str], stored: Mapping[int, tuple[int, int]]
    ) -> None:
        """Read who opted out of a send, where the report counts more of them than are stored."""
        counters = Counters.of_row(row)
        messages, known = stored.get(int(row["message_id"]), (0, 0))
        if 0 <= counters.optouts <= known:
            return
        if pd.notna(row["msisdn"]):  # a send to one person
            about = self._numbers & {row["msisdn"]}
        else:
            about = recipients if counters.known and messages >= counters.recipients else self._numbers
        self._flags_of(int(row["message_id"]), about)

    def _flags_of(self, message_id: int, about: set[str]) -> None:
        if not about:
            return
        try:
            flagged = drain(self._client, "optouts", message_id=message_id)
        except (ApiError, DrainError, RowError) as error:
            if error.code != "NOT_FOUND":  # a send that the gateway does not know has no flags
                self._not_asked(error, "optouts", about)
            return
        self._blame.note_answer()
        out = set(flagged["msisdn"])
        odd = {number for number in out if is_unclear(number)}
        self.note((one for one in self._numbers if one in out or written_as(one, odd)), OPTED_OUT)

    def _stored(self, sends: set[int]) -> dict[int, tuple[int, int]]:
        """By send, how many messages are stored, and of how many people that they opted out."""
        wanted = pa.table({"message_id": pa.array(sorted(sends), pa.int64())})
        dlrs, optouts = (
            self._store.tables.rows_sharing(table, wanted, "message_id")
            .select(["message_id", "msisdn", *more])
            .to_pandas()
            for table, more in (("dlrs", ["copies", "optout"]), ("optouts", []))
        )
        key = ["message_id", "msisdn"]
        flags = pd.concat([dlrs.loc[dlrs["optout"].eq(True), key], optouts[key]]).drop_duplicates()
        messages, known = dlrs.groupby("message_id")["copies"].sum(), flags.groupby("message_id").size()
        return {send: (int(messages.get(send, 0)), int(known.get(send, 0))) for send in sends}

    def _theirs(self, table: str, columns: list[str]) -> pd.DataFrame:
        """The rows of a table about these people."""
        rows = self._store.rows(table, columns=columns)
        mine = pc.is_in(rows.column("msisdn"), value_set=pa.array(sorted(self._numbers), pa.string()))
        found: pd.DataFrame = rows.filter(mine).to_pandas()
        return found


def _strength(reason: str) -> int:
    return next(n for n, words in enumerate(_FROM_THE_STRONGEST) if reason.startswith(words))
