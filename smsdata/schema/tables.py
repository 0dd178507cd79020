"""What a table is: its columns, its key, and the column that orders it in time.

Owns the names that frames, Parquet and SQL share. A new column is one line here and one value in an example
body of the tests. Imports `kinds` and `errors`.
"""

from __future__ import annotations

from dataclasses import dataclass

from smsdata.errors import UsageError
from smsdata.schema.kinds import Kind


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table and the wire key that fills it; see `smsdata.schema.kinds` for the kinds.

    `also` are other keys that fill it where the first is not there.
    """

    name: str
    kind: Kind
    wire: str
    null: bool = False
    also: tuple[str, ...] = ()


def _col(name: str, kind: Kind = "str", wire: str = "", also: tuple[str, ...] = ()) -> Column:
    """Make a column; a name that ends in ``?`` is nullable."""
    plain = name.rstrip("?")
    return Column(plain, kind, wire or plain, null=name.endswith("?") or kind == "id", also=also)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the store: what a row of it says.

    `key` names the columns of which no two rows share the values; `time` the column that orders the table and
    picks its month folder. `snapshot` tables are replaced by each proved read of the account. Tables with
    `copies` count how often a send lists one recipient; those with `doubts` may hold rows not proved; those
    with `sources` say how a row came. Without `whose`, the column that names the person, a row says nothing.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    time: str = ""
    snapshot: bool = False
    copies: bool = False
    doubts: bool = False
    sources: bool = False
    whose: str = ""

    @property
    def placing(self) -> frozenset[str]:
        """The columns without which a row has no place: key, time, which picks its month folder, and `whose`.

        Only these make a row unreadable; any other value that does not fit becomes null.
        """
        return frozenset({*self.key, self.time, self.whose} - {""})

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns, with those that every stored row has.

        ``copies`` counts how often the send lists the number; ``extra`` holds keys that no column takes, as
        JSON; ``synced_at`` is when the row was last seen; ``gone_at`` (snapshots) is when it was noticed to
        have vanished; ``proved`` is false where a row was seen once in a list that changes while it is read
        (null: stored before this was told apart, from a proved read). ``source`` is ``polled`` for a row that
        its own call gave, ``derived`` for one that follows from others, ``callback`` for one that no poll has
        shown yet (null: stored before this was told apart).
        """
        copies = (Column("copies", "int", ""),) if self.copies else ()
        gone = (Column("gone_at", "utc", "", null=True),) if self.snapshot else ()
        proved = (Column("proved", "bool", "", null=True),) if self.doubts else ()
        source = (Column("source", "str", "", null=True),) if self.sources else ()
        seen = (Column("extra", "json", "", null=True), Column("synced_at", "utc", ""))
        return self.columns + copies + source + seen + gone + proved


_NAMES = (_col("first_name?"), _col("last_name?"))

_FROM_GATEWAY = (
    Table(
        name="campaigns",
        key=("message_id",),
        time="sent_at",
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
    Table(
        name="messages",
        key=("id",),
        time="sent_at",
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
    Table(
        name="dlrs",
        key=("message_id", "msisdn"),
        time="sent_at",
        copies=True,
        sources=True,
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
    Table(
        name="replies",
        key=("id",),
        time="received_at",
        whose="msisdn",
        columns=(
            _col("id", "int"),
            _col("message_id", "id"),
            _col("list_id", "id"),
            _col("received_at", "utc"),
            _col("msisdn", "party"),  # companies sign with a word
            _col("longcode", "str"),
            _col("response", "str"),
            _col("original_message?", "str"),
            *_NAMES,
        ),
    ),
    Table(
        name="lists",
        key=("list_id",),
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
    Table(
        name="list_members",
        key=("list_id", "msisdn"),
        snapshot=True,
        doubts=True,
        columns=(
            _col("list_id", "int"),
            _col("msisdn", "phone"),
            *_NAMES,
            _col("created_at?", "utc"),
            _col("status", "str"),
            _col("fields", "json"),
        ),
    ),
    Table(
        name="optouts",
        key=("message_id", "msisdn"),
        time="sent_at",
        copies=True,
        columns=(
            _col("message_id", "int"),
            _col("msisdn", "phone"),
            _col("sent_at", "utc"),
            _col("list_id", "id"),
            *_NAMES,
        ),
    ),
    Table(
        name="numbers",
        key=("number",),
        snapshot=True,
        columns=(
            _col("number", "phone"),
            _col("price?", "money"),
            _col("auto_renew?", "bool"),
            _col("next_charge?", "date"),
            _col("status?", "str"),
        ),
    ),
    Table(
        name="keywords",
        key=("keyword", "number"),
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
    Table(
        name="link_hits",
        key=("message_id", "hit"),
        time="synced_at",
        columns=(
            _col("message_id", "int"),
            _col("hit", "int"),  # a running number within the send: hits have no id
            _col("msisdn?", "phone", "mobile", also=("msisdn", "number")),
            _col("link?", "str", "link", also=("url", "link_url", "target_url")),
            _col("clicked_at?", "utc", "datetime", also=("clicked_at", "datetime_entry", "created")),
            *(_col(f"{name}?") for name in ("list_id", "longcode", "link_hits", "message")),
            *(_col(f"{name}?") for name in ("firstname", "lastname", "user_id")),
        ),
    ),
    Table(
        name="clients",
        key=("client_id",),
        snapshot=True,
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
    Table(
        name="transactions",
        key=("id",),
        time="created_at",
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
    Table(
        name="contact_history",
        key=("msisdn", "message_id"),
        time="sent_at",
        columns=(
            _col("msisdn", "phone"),
            _col("message_id", "int"),
            _col("sent_at", "utc", "datetime_send"),
            _col("status", "status", "delivery_status"),
        ),
    ),
)

_OF_THE_STORE = (
    Table(
        name="status_history",
        key=("message_id", "msisdn", "status", "observed_at", "source"),
        time="observed_at",
        columns=(
            _col("message_id", "int"),
            _col("msisdn", "phone"),
            _col("status", "status"),
            _col("observed_at", "utc"),
            _col("source", "str"),  # "polled", or "callback": a hint that polling has still to confirm
        ),
    ),
    Table(
        name="list_events",
        key=("list_id", "msisdn", "action", "occurred_at"),
        time="occurred_at",
        columns=(
            _col("list_id", "int"),
            _col("msisdn", "phone", "mobile"),
            _col("action", "str", "type"),
            _col("occurred_at", "utc", "datetime_entry"),
            _col("first_name?", "str", "firstname"),
            _col("last_name?", "str", "lastname"),
        ),
    ),
    Table(
        name="suppressions",
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
    ),
)

TABLES = {table.name: table for table in (*_FROM_GATEWAY, *_OF_THE_STORE)}
"""Every table a store can hold, by name: those the gateway fills and those the store keeps for itself."""

KEPT_BY_STORE = frozenset(table.name for table in _OF_THE_STORE)
"""The tables that no read of the gateway fills."""


def table_of(name: str) -> Table:
    """Look up a table by its name.

    Raises
    ------
    UsageError
        When there is no such table; the message lists those there are.
    """
    try:
        return TABLES[name]
    except KeyError:
        raise UsageError(f"unknown table {name!r}. Tables: {', '.join(TABLES)}.") from None
