"""Identity: answers about something else, swapped, cached, appended or unfiltered; none may be accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from smsdata import Client
from smsdata.errors import ApiError, SmsDataError
from smsdata.gateway import answers, caller
from smsdata.gateway.endpoints import endpoint
from smsdata.gateway.reader import Reader
from smsdata.gateway.reads import Read
from smsdata.simulator import Account, Faults, Gateway
from tests.support.accounts import small
from tests.support.clients import connected
from tests.support.comparison import OWN, counted

from .tally import Tally

KINDS = ("swapped", "cached", "appended", "ignored_filter")

Asked = tuple[str, dict[str, Any]]


class _Believing:
    """Compares nothing; broken on purpose."""

    def __enter__(self) -> None:
        self.kept = answers.refuse_misfit, answers._refuse_another_slice
        nothing: Any = lambda *_: None  # noqa: E731
        answers.refuse_misfit = answers._refuse_another_slice = nothing
        vars(caller)["refuse_misfit"] = nothing

    def __exit__(self, *_: object) -> None:
        answers.refuse_misfit, answers._refuse_another_slice = self.kept
        vars(caller)["refuse_misfit"] = self.kept[0]


BUGS = {"nothing is compared": _Believing}


def reads(account: Account) -> Iterator[Asked]:
    """Every call whose answer says what it is about, with its filters, about two things each."""
    for send in sorted(account.sends, key=lambda send: -len(send.rows))[:3]:
        yield "dlrs", {"message_id": send.message_id}
        yield "optouts", {"message_id": send.message_id}
        yield "campaign_replies", {"message_id": send.message_id}
        for word in ("pending", "failed", "delivered"):
            yield "dlrs", {"message_id": send.message_id, "delivery": word}
    for list_id in account.contacts.lists:
        yield "list_members", {"list_id": list_id}
        yield "list_members", {"list_id": list_id, "members": "active"}
    for back in (timedelta(days=4), timedelta(days=8)):
        for table in ("messages", "campaigns", "replies"):
            yield table, {"start": account.time - back, "end": account.time - back + timedelta(days=4)}
    for msisdn in {str(n) for n in account.recipients["msisdn"][:2].tolist()}:
        yield "messages", {"since": "60d", "msisdn": msisdn}


def singles(account: Account) -> Iterator[Asked]:
    """The calls about one thing whose answers name it.

    Those of get-sms-stats, get-contact-sms-stats and get-link-hits name neither send nor number.
    """
    for send in sorted(account.sends, key=lambda send: -len(send.rows))[:3]:
        msisdn = str(account.recipients["msisdn"][send.rows[0]])
        yield "get-sms", {"message_id": send.message_id}
        yield "get-sms-delivery-status", {"message_id": send.message_id, "msisdn": msisdn}
    for list_id in account.contacts.lists:
        yield (
            "get-contact",
            {"list_id": list_id, "msisdn": str(next(account.contacts.lists[list_id].present()).msisdn)},
        )


def _counts(account: Account, table: str, asked: dict[str, Any]) -> int:
    """What the report of campaigns counts of what is asked of a send, as a sync hands it on."""
    row = next(row for row in account.truth("campaigns") if row["message_id"] == asked["message_id"])
    if table == "optouts":
        return int(row["optouts"])
    parts = {"pending": ("pending",), "delivered": ("delivered",), "failed": ("soft_bounced", "hard_bounced")}
    every = ("pending", "delivered", "soft_bounced", "hard_bounced")
    return sum(row[name] for name in parts.get(asked.get("delivery", ""), every))


def _plain(made: Client, account: Account, table: str, asked: dict[str, Any]) -> Any:
    if table in (
        "dlrs",
        "optouts",
    ):  # rows that name nothing but a number: the send's counters vouch for them
        read = Read(endpoint(table), asked, expect=_counts(account, table, asked))
        rows = Reader(made).read(read).rows.to_pylist()
    else:
        frame = made.drain(table, **asked)
        rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return counted({str(k): v for k, v in row.items() if k not in OWN} for row in rows)


def strike(account: Account, kind: str, chance: float, seed: int, tally: Tally) -> None:
    """Read everything from a gateway that mixes answers up; what is accepted must be the truth."""
    calm = Gateway(account, limiter=None, max_page=10)
    mixed = Gateway(account, limiter=None, max_page=10, faults=Faults({kind: chance}, seed=seed))
    with connected(calm, now=account.time) as right, connected(mixed, now=account.time) as made:
        for table, asked in reads(account):
            try:
                rows = _plain(made, account, table, asked)
            except SmsDataError as error:
                tally.fired[
                    "misfit" if isinstance(error, ApiError) and error.code == "MISFIT" else error.code
                ] += 1
                continue
            tally.fired["accepted"] += 1
            if rows == _plain(right, account, table, asked):
                continue
            if not rows:  # an answer without rows says nothing of itself but where the send or list stands
                tally.fired["empty answers"] += 1
            else:
                tally.wrong.append(f"{kind} {endpoint(table).call} {sorted(asked)}: rows of another accepted")
        for call, asked in singles(account) if kind in ("swapped", "cached") else ():
            try:
                answer = made.call(call, **asked)
            except SmsDataError as error:
                tally.fired[f"one thing: {error.code}"] += 1
                continue
            tally.fired["accepted"] += 1
            if answer != right.call(call, **asked):
                tally.wrong.append(f"{kind} {call} {sorted(asked)}: another thing accepted")
    tally.fired[kind] += mixed.faults.struck.get(kind, 0)


def run(
    seed: int,
    *,
    seeds: int = 20,
    kinds: Sequence[str] = KINDS,
    chances: Iterable[float] = (0.3, 1.0),
    bug: Callable[[], Any] | None = None,
    until_wrong: bool = False,
) -> Tally:
    """Mix up answers now and then, and always."""
    tally = Tally("identity", seed)
    chances = tuple(chances)
    for one in range(seed, seed + seeds):
        account = small(one, copies=0, lists=3, campaigns=5)
        for kind in kinds:
            for chance in chances:
                if bug is None:
                    strike(account, kind, chance, one, tally)
                else:
                    with bug():
                        strike(account, kind, chance, one, tally)
                if until_wrong and tally.wrong:
                    return tally
    return tally
