"""THE TABLE OF CALLS: every call of the gateway, its parameters, and where its rows and totals are.

Owns the facts about the wire, as frozen values. What the rows become stands in `schema.tables`.
A new paginated call is one `Endpoint` here and one example body in the tests; every test of the battery then
runs on it. Imports `schema` and `errors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from smsdata.errors import UsageError
from smsdata.schema.tables import TABLES, Table


@dataclass(frozen=True, slots=True)
class Echo:
    """What an answer repeats of a question: where it says so, and what a parameter allows it to say.

    Attributes
    ----------
    parameter
        The parameter that was asked with.
    beside
        The keys that lead to it beside the rows, such as ``("message", "message_id")``.
    row
        The key that repeats it in each row.
    kind
        ``"id"``, ``"phone"``, or ``"word"``.
    words
        For words: which ones contradict each value that can be asked for, in lower case without
        "-", "_" or space.
    none_differs
        Whether a row that says 0 or null is about something else; elsewhere it says nothing.
    """

    parameter: str
    beside: tuple[str, ...] = ()
    row: str = ""
    kind: str = "id"
    words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    none_differs: bool = False


def _filter(parameter: str, row: str, **contradictions: str) -> Echo:
    """A filter, and the words by value of it that its own column cannot hold then."""
    words = {value: frozenset(words.split()) for value, words in contradictions.items()}
    return Echo(parameter, row=row, kind="word", words=words)


_BOUNCES = "softbounce softbounced hardbounce hardbounced bounce bounced failed"
_DELIVERY = _filter(
    "delivery", "delivery_status",
    pending=f"delivered {_BOUNCES}", delivered=f"pending {_BOUNCES}", failed="pending delivered",
)  # fmt: skip
_OPTOUTS = _filter("optouts", "optout", only="false 0 no", omit="true 1 yes")
_MEMBERS = _filter("members", "status", active="inactive optout", inactive="active")
_SEND_TYPES = ("api", "campaign", "quick_sms", "email_sms", "keyword", "test_sms")
_TYPES = _filter(
    "type", "type",
    **{one: " ".join(o.replace("_", "") for o in _SEND_TYPES if o != one) for one in _SEND_TYPES},
)  # fmt: skip
_OF_SEND = (
    Echo("message_id", beside=("message", "message_id"), row="message_id"),
    Echo("list_id", row="list_id"),
    _OPTOUTS,
)
_OF_CONTACT = (Echo("list_id", beside=("list_id",)), Echo("msisdn", beside=("msisdn",), kind="phone"))


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the gateway that answers with one thing, not with pages.

    `answer` is the key that a good answer must hold; `changes` marks calls that change the account:
    those are sent as POST and never repeated by themselves. `echoes` is what an answer repeats of
    the question.
    """

    name: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    answer: str = ""
    changes: bool = False
    echoes: tuple[Echo, ...] = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """How a call is bounded in time: it needs `start` and `end`, or takes them.

    `days` is the widest span one request may ask for, `horizon` how many days back it may begin.
    """

    days: int | None = None
    horizon: int | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One paginated call, and the table that its rows fill.

    `context` names columns that are the same for all rows of one read and stand beside the rows or among the
    parameters. `total_counts_rows` is false where the gateway's total counts more than the rows that can be
    read. `repeats` marks calls whose rows of one key can repeat although the table keeps one. `ignored` keys
    say nothing that this table keeps. `echoes` is what an answer repeats of the question: it is compared with
    what was asked.
    """

    name: str
    table: Table
    call: str
    rows: str
    total: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()
    limit: Limit | None = None
    context: tuple[str, ...] = ()
    total_counts_rows: bool = True
    repeats: bool = False
    error_block: bool = True
    ignored: tuple[str, ...] = ()
    echoes: tuple[Echo, ...] = ()


_PAGINATED = (
    Endpoint(
        name="campaigns",
        table=TABLES["campaigns"],
        call="get-message-report",
        rows="messages",
        total="messages_total",
        optional=("type", "number", "list_id", "response_style"),
        echoes=(_TYPES,),
        limit=Limit(days=30),
    ),
    Endpoint(
        name="messages",
        table=TABLES["messages"],
        call="get-user-sms-sent",
        rows="messages",
        total="total",
        optional=("msisdn",),
        echoes=(Echo("msisdn", row="msisdn", kind="phone"),),
        limit=Limit(),
    ),
    Endpoint(
        name="dlrs",
        table=TABLES["dlrs"],
        call="get-sms-sent",
        rows="recipients",
        total="total",
        required=("message_id",),
        optional=("list_id", "delivery", "optouts"),
        fixed=(("optouts", "include"),),
        echoes=(*_OF_SEND, _DELIVERY),
        context=("message_id", "sent_at", "list_id"),
    ),
    Endpoint(
        name="replies",
        table=TABLES["replies"],
        call="get-user-sms-responses",
        rows="responses",
        total="total",
        optional=("keywords", "include_original"),
        fixed=(("keywords", "both"), ("include_original", "true")),
        limit=Limit(horizon=365),
    ),
    Endpoint(
        name="campaign_replies",
        table=TABLES["replies"],
        call="get-sms-responses",
        rows="responses",
        total="total",
        required=("message_id",),
        optional=("start", "end", "msisdn", "include_original"),
        echoes=(
            Echo("message_id", row="message_id", none_differs=True),
            Echo("msisdn", row="msisdn", kind="phone"),
        ),
        fixed=(("include_original", "true"),),
    ),
    Endpoint(
        name="lists",
        table=TABLES["lists"],
        call="get-lists",
        rows="lists",
        total="lists_total",
        optional=("response_style",),
    ),
    Endpoint(
        name="list_members",
        table=TABLES["list_members"],
        call="get-list",
        rows="members",
        total="members_total",
        required=("list_id",),
        optional=("members", "response_style"),
        fixed=(("members", "all"),),
        echoes=(Echo("list_id", beside=("id",), row="list_id"), _MEMBERS),
        context=("list_id",),
        # members_total counts every contact ever on the list, deleted ones too
        total_counts_rows=False,
    ),
    Endpoint(
        name="optouts",
        table=TABLES["optouts"],
        call="get-sms-sent",
        rows="recipients",
        total="total",
        required=("message_id",),
        optional=("list_id",),
        fixed=(("optouts", "only"),),
        echoes=_OF_SEND,
        context=("message_id", "sent_at", "list_id"),
        ignored=("delivery_status", "optout"),
    ),
    Endpoint(
        name="numbers",
        table=TABLES["numbers"],
        call="get-numbers",
        rows="numbers",
        total="numbers_total",
        optional=("filter",),
        fixed=(("filter", "owned"),),
    ),
    Endpoint(
        name="keywords",
        table=TABLES["keywords"],
        call="get-keywords",
        rows="keywords",
        total="keywords_total",
        optional=("number",),
        echoes=(Echo("number", row="number", kind="phone"),),
    ),
    Endpoint(
        name="link_hits",
        table=TABLES["link_hits"],
        call="get-link-hits",
        rows="",  # nobody documents the keys: the only list of objects in the answer holds the rows
        total="",
        required=("message_id",),
        echoes=(Echo("message_id", beside=("message_id",), row="message_id"),),
        context=("message_id",),
        repeats=True,  # two clicks in one second look alike
    ),
    Endpoint(
        name="clients",
        table=TABLES["clients"],
        call="get-clients",
        rows="clients",
        total="clients_total",
        error_block=False,
    ),
    Endpoint(
        name="transactions",
        table=TABLES["transactions"],
        call="get-transactions",
        rows="transactions",
        total="transactions_total",
        required=("client_id",),
        echoes=(Echo("client_id", beside=("client_id",), row="client_id"),),
        limit=Limit(),
        context=("client_id",),
        error_block=False,
    ),
    Endpoint(
        name="contact_history",
        table=TABLES["contact_history"],
        call="get-contact-sms-stats",
        rows="records",
        total="total",
        required=("mobile",),
        optional=("countrycode", "start", "end", "sort_field", "order"),
        echoes=(
            Echo("mobile", beside=("mobile",), row="mobile", kind="phone"),
            Echo("mobile", beside=("msisdn",), row="msisdn", kind="phone"),
        ),
        context=("msisdn",),
        repeats=True,  # one row per message, and a send can list the number twice
    ),
)

_FIELD_NAMES = tuple(f"field_{n}" for n in range(1, 11))

_SINGLE = (
    Call("get-sms", ("message_id",), answer="send_at", echoes=(Echo("message_id", beside=("message_id",)),)),
    Call(
        "get-sms-stats", ("message_id",), answer="stats",
        echoes=(
            Echo("message_id", beside=("message_id",)),
            Echo("message_id", beside=("stats", "message_id")),
        ),
    ),
    Call(
        "get-sms-delivery-status", ("message_id", "msisdn"), answer="stats",
        echoes=(
            Echo("message_id", beside=("stats", "message_id")),
            Echo("msisdn", beside=("stats", "mobile"), kind="phone"),
        ),
    ),
    Call("get-sms-sent-count", ("start", "end"), answer="count"),
    Call("get-contact", ("list_id", "msisdn"), answer="msisdn", echoes=_OF_CONTACT),
    Call("get-balance", answer="balance"),
    Call("format-number", ("msisdn", "countrycode"), answer="number"),
    Call("delete-from-list", ("list_id", "msisdn"), answer="list_ids", changes=True),
    Call("optout-list-member", ("list_id", "msisdn"), answer="list_ids", changes=True),
    Call(
        "add-to-list", ("list_id", "msisdn"), ("first_name", "last_name", *_FIELD_NAMES, "countrycode"),
        answer="msisdn", changes=True, echoes=_OF_CONTACT,
    ),
    Call(
        "edit-list-member", ("list_id", "msisdn"), ("first_name", "last_name", *_FIELD_NAMES, "countrycode"),
        answer="msisdn", changes=True, echoes=_OF_CONTACT,
    ),
)  # fmt: skip

PAGE_SIZE = 100
"""How many rows a page is asked for; no gateway gives more."""

ENDPOINTS = {endpoint.name: endpoint for endpoint in _PAGINATED}
"""Every paginated call by the name of its table, and one by its own name where two calls fill a table."""

CALLS = {call.name: call for call in _SINGLE}
"""Every call that answers with one thing, by its name on the wire."""

SYNCED = (
    "campaigns", "messages", "dlrs", "optouts", "replies", "lists", "list_members", "numbers", "keywords",
)  # fmt: skip
"""What `sync` keeps up to date by itself; the other tables are read on demand."""


def endpoint(name: str) -> Endpoint:
    """Look up a paginated call by the name of its table.

    Raises
    ------
    UsageError
        When there is no such table; the message lists those there are.
    """
    try:
        return ENDPOINTS[name]
    except KeyError:
        raise UsageError(f"unknown table {name!r}. Tables: {', '.join(ENDPOINTS)}.") from None


# What the gateway's error codes mean for the caller: (worth another try, what to do).
ERROR_CODES: dict[str, tuple[bool, str]] = {
    "AUTH_FAILED_NO_DATA": (False, "Set SMSDATA_API_KEY and SMSDATA_API_SECRET."),
    "AUTH_FAILED": (False, "Check key and secret; `smsdata config` shows their source."),
    "NOT_IMPLEMENTED": (False, "The gateway has no such call: check SMSDATA_BASE_URL."),
    "OVER_LIMIT": (True, "Lower the rate with SMSDATA_RATE, --rate or Client(rate=...)."),
    "FIELD_EMPTY": (False, "Give the parameter that the gateway names."),
    "FIELD_INVALID": (False, "Correct the parameter that the gateway names."),
    "NO_ACCESS": (False, "The account may not use this call, or the thing is not its own."),
    "KEY_EXISTS": (False, "It is there already."),
    "NOT_FOUND": (False, "Check the id; it may have been deleted."),
    "CERTIFICATE": (False, "Give your organisation's certificates with SMSDATA_CA_BUNDLE or --ca-bundle."),
    "LEDGER_ERROR": (False, "See the account's balance."),
    "BAD_CALLER_ID": (False, "Use a sender that the account may use."),
    "LIST_EMPTY": (False, "The list has no members."),
    "RECIPIENTS_ERROR": (False, "Check the recipients."),
    "BAD_MOBILE": (False, "The number is not valid."),
    "BAD_MOBILE_COUNTRY": (False, "The account may not send to that country."),
    "OPTOUT": (False, "The number opted out of this list before; only its owner may join again."),
    "DUPLICATE_DELETED": (False, "The number was deleted from this list before; the gateway keeps it out."),
}  # fmt: skip
