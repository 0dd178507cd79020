"""THE TABLE: every call of the gateway, its parameters, where its rows are, and the columns they become.

Owns the facts about the wire and about our tables, as frozen values; does nothing. Imports nothing
of smsdata but `errors`. A new paginated call is one `Endpoint` here and one example body in
``tests/support/examples.py``; every test of the battery then runs on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from smsdata.errors import UsageError

Kind = Literal["int", "id", "str", "phone", "utc", "date", "money", "spent", "bool", "json", "status"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table and the wire key that fills it.

    Kinds: ``int``; ``id`` (0 and null both mean none); ``str``; ``phone`` (digits, arriving as number
    or text); ``utc``; ``date``; ``money``; ``spent`` (money that the gateway may give as a negative
    debit, kept positive); ``bool``; ``json`` (custom fields); ``status`` (a delivery status, folded to
    one spelling).
    """

    name: str
    kind: Kind
    wire: str
    null: bool = False


def _col(name: str, kind: Kind = "str", wire: str = "") -> Column:
    """Make a column; a name that ends in ``?`` is nullable."""
    plain = name.rstrip("?")
    return Column(plain, kind, wire or plain, null=name.endswith("?") or kind == "id")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the gateway that answers with one thing, not with pages.

    `answer` is the key that a good answer must hold; `changes` marks calls that change the account:
    those are sent as POST and never repeated by themselves.
    """

    name: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    answer: str = ""
    changes: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """How a call is bounded in time: it needs `start` and `end`, or takes them.

    `days` is the widest span one request may ask for, `horizon` how many days back it may begin.
    """

    days: int | None = None
    horizon: int | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One paginated call and the table its rows become.

    `time` names the column that orders the table and picks its month folder. `context` names columns
    that are the same for all rows of one read and stand beside the rows or among the parameters.
    `snapshot` tables are replaced by each proved drain. `total_counts_rows` is false where the
    gateway's total counts more than the rows that can be read. `copies` marks calls that can
    list one recipient more than once, and counts how often; `repeats` those where rows of one key can
    repeat although the table keeps one. `secret` keys are dropped before anything sees them.
    """

    name: str
    call: str
    rows: str
    total: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    table: str = ""
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()
    window: Window | None = None
    time: str = ""
    context: tuple[str, ...] = ()
    snapshot: bool = False
    total_counts_rows: bool = True
    copies: bool = False
    repeats: bool = False
    secret: tuple[str, ...] = field(default=())
    error_block: bool = True
    ignored: tuple[str, ...] = ()

    @property
    def stored_as(self) -> str:
        """The table that holds the rows (another endpoint's, where two calls give the same rows)."""
        return self.table or self.name


_NAMES = (_col("first_name?"), _col("last_name?"))

_REPLY_COLUMNS = (
    _col("id", "int"),
    _col("message_id", "id"),
    _col("list_id", "id"),
    _col("received_at", "utc"),
    _col("msisdn", "phone"),
    _col("longcode", "str"),
    _col("response", "str"),
    _col("original_message?", "str"),
    *_NAMES,
)

_PAGINATED = (
    Endpoint(
        name="campaigns",
        call="get-message-report",
        rows="messages",
        total="messages_total",
        key=("message_id",),
        window=Window(days=30),
        time="sent_at",
        optional=("type", "number", "list_id", "response_style"),
        columns=(
            _col("message_id", "int", "id"),
            _col("type", "str"),
            _col("sent_at", "utc"),
            _col("status", "str"),
            _col("message", "str"),
            _col("parts", "int", "sms"),
            _col("cost", "spent"),
            _col("pending", "int"),
            _col("delivered", "int"),
            _col("soft_bounced", "int"),
            _col("hard_bounced", "int"),
            _col("optouts", "int"),
            _col("responses", "int"),
            _col("msisdn?", "phone"),  # only a send to one recipient has it
            *_NAMES,
            _col("fields?", "json"),
        ),
    ),
    Endpoint(
        name="messages",
        call="get-user-sms-sent",
        rows="messages",
        total="total",
        key=("id",),
        window=Window(),
        time="sent_at",
        optional=("msisdn",),
        columns=(
            _col("id", "int"),
            _col("message_id", "int"),
            _col("sent_at", "utc"),
            _col("msisdn", "phone"),
            _col("sender", "str", "caller_id"),  # a number, or a name such as "ACME"
            _col("status", "status"),
            _col("message", "str"),
        ),
    ),
    Endpoint(
        name="dlrs",
        call="get-sms-sent",
        rows="recipients",
        total="total",
        key=("message_id", "msisdn"),
        required=("message_id",),
        optional=("list_id", "delivery", "optouts"),
        fixed=(("optouts", "include"),),
        time="sent_at",
        context=("message_id", "sent_at", "list_id"),
        copies=True,
        columns=(
            _col("message_id", "int"),
            _col("msisdn", "phone"),
            _col("sent_at", "utc"),
            _col("status", "status", "delivery_status"),
            _col("optout", "bool"),
            _col("delivered_at?", "utc"),
            _col("list_id", "id"),
            *_NAMES,
        ),
    ),
    Endpoint(
        name="replies",
        call="get-user-sms-responses",
        rows="responses",
        total="total",
        key=("id",),
        window=Window(horizon=365),
        time="received_at",
        optional=("keywords", "include_original"),
        fixed=(("keywords", "both"), ("include_original", "true")),
        columns=_REPLY_COLUMNS,
    ),
    Endpoint(
        name="campaign_replies",
        table="replies",
        call="get-sms-responses",
        rows="responses",
        total="total",
        key=("id",),
        required=("message_id",),
        optional=("start", "end", "msisdn", "include_original"),
        fixed=(("include_original", "true"),),
        time="received_at",
        columns=_REPLY_COLUMNS,
    ),
    Endpoint(
        name="lists",
        call="get-lists",
        rows="lists",
        total="lists_total",
        key=("list_id",),
        optional=("response_style",),
        snapshot=True,
        columns=(
            _col("list_id", "int", "id"),
            _col("name", "str"),
            _col("created_at?", "utc", "created"),
            _col("members_active", "int"),
            _col("members_total", "int"),
            _col("fields", "json"),
        ),
    ),
    Endpoint(
        name="list_members",
        call="get-list",
        rows="members",
        total="members_total",
        key=("list_id", "msisdn"),
        required=("list_id",),
        optional=("members", "response_style"),
        fixed=(("members", "all"),),
        context=("list_id",),
        snapshot=True,
        # members_total counts every contact ever on the list, deleted ones too
        total_counts_rows=False,
        columns=(
            _col("list_id", "int"),
            _col("msisdn", "phone"),
            *_NAMES,
            _col("created_at?", "utc"),
            _col("status", "str"),
            _col("fields", "json"),
        ),
    ),
    Endpoint(
        name="optouts",
        call="get-sms-sent",
        rows="recipients",
        total="total",
        key=("message_id", "msisdn"),
        required=("message_id",),
        optional=("list_id",),
        fixed=(("optouts", "only"),),
        time="sent_at",
        context=("message_id", "sent_at", "list_id"),
        copies=True,
        ignored=("delivery_status", "optout"),
        columns=(
            _col("message_id", "int"),
            _col("msisdn", "phone"),
            _col("sent_at", "utc"),
            _col("list_id", "id"),
            *_NAMES,
        ),
    ),
    Endpoint(
        name="numbers",
        call="get-numbers",
        rows="numbers",
        total="numbers_total",
        key=("number",),
        optional=("filter",),
        fixed=(("filter", "owned"),),
        snapshot=True,
        columns=(
            _col("number", "phone"),
            _col("price?", "money"),
            _col("auto_renew?", "bool"),
            _col("next_charge?", "date"),
            _col("status?", "str"),
        ),
    ),
    Endpoint(
        name="keywords",
        call="get-keywords",
        rows="keywords",
        total="keywords_total",
        key=("keyword", "number"),
        optional=("number",),
        snapshot=True,
        columns=(
            _col("keyword", "str"),
            _col("reference?", "str"),
            _col("number", "phone"),
            _col("list_id", "id"),
            _col("welcome_message?", "str"),
            _col("member_message?", "str"),
            _col("forward_url?", "str"),
            _col("forward_sms?", "str"),
            _col("forward_email?", "str"),
            _col("status?", "str"),
            _col("billing_date?", "date"),
        ),
    ),
    Endpoint(
        name="link_hits",
        call="get-link-hits",
        rows="",  # nobody documents the keys: the only list of objects in the answer holds the rows
        total="",
        key=("message_id", "hit"),
        required=("message_id",),
        context=("message_id",),
        time="synced_at",
        columns=(
            _col("message_id", "int"),
            _col("hit", "int"),  # a running number within the send: hits have no id
            *(_col(f"{name}?") for name in ("list_id", "mobile", "longcode", "datetime", "link_hits")),
            *(_col(f"{name}?") for name in ("message", "firstname", "lastname", "user_id")),
        ),
    ),
    Endpoint(
        name="clients",
        call="get-clients",
        rows="clients",
        total="clients_total",
        key=("client_id",),
        snapshot=True,
        secret=("apikey", "apisecret"),  # the client's own credentials, sent in clear
        error_block=False,
        columns=(
            _col("client_id", "int", "id"),
            _col("name", "str"),
            _col("contact?", "str"),
            _col("email?", "str"),
            _col("msisdn?", "phone"),
            _col("currency?", "str"),
            _col("timezone?", "str"),
            _col("created_at?", "utc", "created"),
            _col("client_pays?", "bool"),
            _col("sms_margin?", "money"),
            _col("recharge_amount?", "money"),
            _col("total_lists?", "int"),
            _col("total_sms?", "int"),
            _col("total_contacts?", "int"),
            _col("total_spend?", "money"),
            _col("total_revenue?", "money"),
            _col("credits_based?", "bool"),
            _col("balance?", "money"),
            _col("has_credit_card?", "str"),
        ),
    ),
    Endpoint(
        name="transactions",
        call="get-transactions",
        rows="transactions",
        total="transactions_total",
        key=("id",),
        required=("client_id",),
        window=Window(),
        time="created_at",
        context=("client_id",),
        error_block=False,
        columns=(
            _col("id", "int"),
            _col("client_id", "int"),
            _col("description?", "str"),
            _col("amount?", "money"),
            _col("balance_standing?", "money"),
            _col("created_at", "utc", "created"),
            _col("message_id", "id"),
            _col("message_status?", "str"),
            _col("message_cost?", "money"),
            _col("message_revenue?", "money"),
        ),
    ),
    Endpoint(
        name="contact_history",
        call="get-contact-sms-stats",
        rows="records",
        total="total",
        key=("msisdn", "message_id"),
        required=("mobile",),
        optional=("countrycode", "start", "end", "sort_field", "order"),
        context=("msisdn",),
        repeats=True,  # one row per message, and a send can list the number twice
        time="sent_at",
        columns=(
            _col("msisdn", "phone"),
            _col("message_id", "int"),
            _col("sent_at", "utc", "datetime_send"),
            _col("status", "status", "delivery_status"),
        ),
    ),
)

_FIELD_NAMES = tuple(f"field_{n}" for n in range(1, 11))

_SINGLE = (
    Call("get-sms", ("message_id",), answer="send_at"),
    Call("get-sms-stats", ("message_id",), answer="stats"),
    Call("get-sms-delivery-status", ("message_id", "msisdn"), answer="stats"),
    Call("get-sms-sent-count", ("start", "end"), answer="count"),
    Call("get-contact", ("list_id", "msisdn"), answer="msisdn"),
    Call("get-balance", answer="balance"),
    Call("format-number", ("msisdn", "countrycode"), answer="number"),
    Call("delete-from-list", ("list_id", "msisdn"), answer="list_ids", changes=True),
    Call("optout-list-member", ("list_id", "msisdn"), answer="list_ids", changes=True),
    Call(
        "add-to-list", ("list_id", "msisdn"), ("first_name", "last_name", *_FIELD_NAMES, "countrycode"),
        answer="msisdn", changes=True,
    ),
    Call(
        "edit-list-member", ("list_id", "msisdn"), ("first_name", "last_name", *_FIELD_NAMES, "countrycode"),
        answer="msisdn", changes=True,
    ),
)  # fmt: skip

ENDPOINTS = {endpoint.name: endpoint for endpoint in _PAGINATED}
"""Every paginated call by the name of its table."""

CALLS = {call.name: call for call in _SINGLE}
"""Every call that answers with one thing, by its name on the wire."""

_HISTORY = Endpoint(
    name="status_history",
    call="",
    rows="",
    total="",
    key=("message_id", "msisdn", "status", "observed_at", "source"),
    time="observed_at",
    columns=(
        _col("message_id", "int"),
        _col("msisdn", "phone"),
        _col("status", "status"),
        _col("observed_at", "utc"),
        _col("source", "str"),  # "polled", or "callback": a hint that polling has still to confirm
    ),
)

_SUPPRESSIONS = Endpoint(
    name="suppressions",
    call="",
    rows="",
    total="",
    key=("list_id", "msisdn", "run"),
    columns=(
        _col("list_id", "int"),
        _col("msisdn", "phone"),
        _col("run", "str"),
        _col("action", "str"),
        _col("rule", "str"),
        _col("evidence", "json"),
        _col("done_at", "utc"),
        _col("undone_at?", "utc"),
    ),
)

TABLES = {e.name: e for e in _PAGINATED if not e.table} | {e.name: e for e in (_HISTORY, _SUPPRESSIONS)}
"""Every table a store can hold, by name: those the gateway fills and those the store keeps for itself."""

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
    "LEDGER_ERROR": (False, "See the account's balance."),
    "BAD_CALLER_ID": (False, "Use a sender that the account may use."),
    "LIST_EMPTY": (False, "The list has no members."),
    "RECIPIENTS_ERROR": (False, "Check the recipients."),
    "BAD_MOBILE": (False, "The number is not valid."),
    "BAD_MOBILE_COUNTRY": (False, "The account may not send to that country."),
    "OPTOUT": (False, "The number opted out of this list before; only its owner may join again."),
    "DUPLICATE_DELETED": (False, "The number was deleted from this list before; the gateway keeps it out."),
}  # fmt: skip
