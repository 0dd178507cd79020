"""Spending: what was spent, what a delivered message cost, and what need not have been spent.

Owns prices and waste. Imports of smsdata only analysis.core and, for what is in a text, sms_parts and
message_templates.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from smsdata.analysis.core.apart import each_account
from smsdata.analysis.core.column_types import typed
from smsdata.analysis.core.engine import MATURE, Source, Tables, length, open_tables, owned
from smsdata.analysis.core.grouping import PERIODS, By, Keys, group_keys, partial_periods
from smsdata.analysis.core.provenance import TimeSpan, explained, scope
from smsdata.analysis.core.statistics import rate
from smsdata.analysis.message_templates import empty_field, templates_of
from smsdata.analysis.sms_parts import gsm_text, segment_text, visible

_COSTS = {
    "campaigns": "int64",
    "recipients": "int64",
    "parts": "int64",
    "delivered": "int64",
    "pending": "int64",
    "pending_share": "float64",
    "spend": "float64",
    "cost_per_recipient": "float64",
    "cost_per_delivered": "float64",
    "unpriced": "int64",
    "first": "utc",
    "last": "utc",
    "currency": "str",
}
_DEAD = {
    "recipients": "int64",
    "spend": "float64",
    "dead_numbers": "int64",
    "dead_recipients": "int64",
    "dead_spend": "float64",
    "dead_share": "float64",
    "unpriced": "int64",
    "first": "utc",
    "last": "utc",
    "currency": "str",
}
_SEGMENTS = {
    "message": "str",
    "messages": "int64",
    "encoding": "str",
    "units": "int64",
    "parts": "int64",
    "culprits": "str",
    "template": "str",
    "empty_field": "str",
}
_WASTE = {
    "message_id": "int64",
    "sent_at": "utc",
    "message": "str",
    "culprits": "str",
    "parts_each": "int64",
    "gsm_parts_each": "int64",
    "gsm_message": "str",
    "cost": "float64",
    "wasted": "float64",
    "currency": "str",
}
_PENDING = """ "status" = 'pending' """.strip()
_BILLED = "parts are billed whatever becomes of the message"
_DIGITS = 12
"""Of amounts that are added up: a gateway's prices have four, a campaign's cost over its recipients many."""
_RECIPIENTS = '"pending" + "delivered" + "soft_bounced" + "hard_bounced"'


def costs(
    campaigns: Source,
    *,
    by: By = None,
    tz: str = "UTC",
    now: datetime | str | None = None,
    mature_only: bool = False,
    currency: str | None = None,
) -> pd.DataFrame:
    """Tell what was spent, and what a message that arrived cost.

    Parameters
    ----------
    campaigns : DataFrame, Scan or Spark DataFrame
        The table campaigns: ``message_id``, ``sent_at``, ``parts``, ``cost`` and the four status counters.
    by : str, sequence of str or None
        Groups of campaigns: column names (such as ``type``), "campaign", "hour", "day", "week", "month",
        "hour_of_day", "weekday". None is one group of all.
    tz : str
        IANA time zone in which hours, days, weeks and months begin.
    now, mature_only
        As for `delivery_rate`; the present says which campaigns still wait for their outcome.
    currency : str or None
        What the amounts are in, such as "AUD": get-balance tells (``client.balance()``), the reports do not.

    Returns
    -------
    DataFrame
        One row per group, money in the account's currency:

        - the groups, named as asked;
        - ``campaigns`` (int64); ``recipients`` (int64): the counters' sum; ``parts`` (int64): SMS parts
          billed: the parts of one message, which the gateway reports per campaign, times its recipients;
        - ``delivered``, ``pending`` (int64); ``pending_share`` (float64): pending / recipients;
        - ``spend`` (float64): positive is spent; bounces are billed too. NaN if no campaign has a price;
        - ``cost_per_recipient``, ``cost_per_delivered`` (float64): spend over the recipients, over the
          delivered, of campaigns with a price; NaN if there are none. The latter falls while messages pend;
        - ``unpriced`` (int64): campaigns without a cost, in no money column;
        - ``first``, ``last`` (datetime64[us, UTC]): when the first and the last was sent;
        - ``currency`` (str): of the amounts, as given; missing where it was not; by a period also ``partial``
          (boolean), as for `delivery_rate`.

        There is no interval: amounts and shares are of all that was sent, not of a sample.

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive, ``message_id`` repeats, or a grouping or time zone is
        unknown.

    References
    ----------
    The gateway's report (get-message-report), its debit as a positive amount.

    Examples
    --------
    >>> import pandas as pd
    >>> campaigns = pd.DataFrame({
    ...     "message_id": [10, 11], "sent_at": pd.to_datetime(["2026-11-01", "2026-11-02"], utc=True),
    ...     "parts": [1, 2], "cost": [0.40, 0.40], "pending": 0, "delivered": [3, 0], "soft_bounced": [1, 0],
    ...     "hard_bounced": [0, 2],
    ... })
    >>> spent = costs(campaigns, by="campaign")
    >>> spent[["campaign", "recipients", "parts", "spend", "cost_per_delivered"]].round(3)
       campaign  recipients  parts  spend  cost_per_delivered
    0        10           4      4    0.4               0.133
    1        11           2      4    0.4                 NaN
    """
    with open_tables("costs", campaigns=campaigns) as tables:
        _require_campaigns(tables)
        tables.require("campaigns", "parts", "sent_at")
        keys, old = group_keys(tables, "campaigns", by, tz=tz), ""
        if mature_only:
            old = f'WHERE unix_micros("sent_at") <= {tables.now(now, "campaigns") - MATURE}'
        counts = keys.finish(
            tables.query(f"""
                SELECT {keys.select}
                    count(*) AS "campaigns",
                    {_counter_sum(_RECIPIENTS)} AS "recipients",
                    {_counter_sum(f'"parts" * ({_RECIPIENTS})')} AS "parts",
                    {_counter_sum('"delivered"')} AS "delivered",
                    {_counter_sum('"pending"')} AS "pending",
                    {_money_sum('"cost"')} AS "spend",
                    {_counter_sum(_RECIPIENTS, priced=True)} AS "priced_recipients",
                    {_counter_sum('"delivered"', priced=True)} AS "priced_delivered",
                    count(*) - count("cost") AS "unpriced",
                    min(unix_micros("sent_at")) AS "first",
                    max(unix_micros("sent_at")) AS "last"
                FROM {keys.source} {old}
                {keys.group}
            """)
        )
        partial = _partial(tables, "campaigns", keys, counts, tz, now)
        full = counts.assign(
            pending_share=rate(counts["pending"], counts["recipients"]),
            cost_per_recipient=rate(counts["spend"], counts["priced_recipients"]),
            cost_per_delivered=rate(counts["spend"], counts["priced_delivered"]),
            currency=_currency(currency),
        )
        return explained(
            pd.concat([counts[keys.names], typed(full, _COSTS)], axis=1).assign(**partial),
            tables,
            formula="spend / delivered",
            numerator="cost of the campaigns, bounced messages included",
            denominator="messages delivered, of campaigns with a price",
            **scope(counts, n="recipients"),
        )


def spent_on_dead(
    dlrs: Source,
    campaigns: Source,
    *,
    list_members: Source | None = None,
    by: By = None,
    known_after: str | timedelta = "73h",
    tz: str = "UTC",
    now: datetime | str | None = None,
    mature_only: bool = False,
    currency: str | None = None,
) -> pd.DataFrame:
    """Tell how much money went to numbers that were known to be dead when the message was sent.

    A number is known to be dead if an earlier message to it hard-bounced, and none sent after that one had
    been delivered by then.

    Parameters
    ----------
    dlrs : DataFrame, Scan or Spark DataFrame
        The table dlrs: ``message_id``, ``msisdn``, ``sent_at``, ``status``, over the whole time to look back.
    campaigns : DataFrame, Scan or Spark DataFrame
        The table campaigns: ``message_id``, ``cost`` and the four status counters, for the prices.
    list_members : DataFrame, Scan, Spark DataFrame or None
        As for `delivery_rate`.
    by : str, sequence of str or None
        Groups of recipients: column names, "campaign", "list", "hour", "day", "week", "month", "hour_of_day",
        "weekday", "country". None is one group of all.
    known_after : str or timedelta
        How long after a message its bounce counts as known: "1h", "73h", "7d". By 73 hours every receipt is
        in.
    tz : str
        IANA time zone in which hours, days, weeks and months begin.
    now, mature_only
        As for `delivery_rate`: only messages sent more than 73 hours ago are counted.
    currency : str or None
        What the amounts are in, such as "AUD": get-balance tells (``client.balance()``), the reports do not.

    Returns
    -------
    DataFrame
        One row per group, money in the account's currency:

        - the groups, named as asked;
        - ``recipients`` (int64): messages to one recipient, ``copies`` counted;
        - ``spend`` (float64): what they cost; NaN if none has a price;
        - ``dead_numbers`` (int64): numbers known to be dead that were written to; ``dead_recipients``
          (int64): those messages; ``dead_spend`` (float64): what they cost, NaN if there are such and none
          has a price;
        - ``dead_share`` (float64, 0 to 1): dead_spend / spend; NaN where nothing was spent;
        - ``unpriced`` (int64): messages of campaigns without a price, in no money column;
        - ``first``, ``last`` (datetime64[us, UTC]): when the first and the last was sent;
        - ``currency`` (str): of the amounts, as given; missing where it was not; by a period also ``partial``
          (boolean), as for `delivery_rate`.

        There is no interval: amounts and shares are of all that was sent, not of a sample.

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive, a key repeats, or a grouping, time zone or length of time
        is unknown.

    Notes
    -----
    A message's price is its campaign's cost over the campaign's recipients, exact where all got as many
    parts. Bounced messages of unknown kind are no evidence of death. Bounces before the first row are not
    seen.

    References
    ----------
    73 hours: the gateway gives up on a message after 72, its receipt may take one more (TransmitSMS support).

    Examples
    --------
    >>> import pandas as pd
    >>> dlrs = pd.DataFrame({
    ...     "message_id": [10, 11], "msisdn": "61491570156", "status": "hard-bounce",
    ...     "sent_at": pd.to_datetime(["2026-11-01", "2026-11-08"], utc=True),
    ... })
    >>> campaigns = pd.DataFrame({
    ...     "message_id": [10, 11], "cost": [0.10, 0.08], "pending": 0, "delivered": 0, "soft_bounced": 0,
    ...     "hard_bounced": 1,
    ... })
    >>> spent_on_dead(dlrs, campaigns)[["recipients", "spend", "dead_recipients", "dead_spend"]]
       recipients  spend  dead_recipients  dead_spend
    0           2   0.18                1        0.08
    """
    lag = length(known_after, "spent_on_dead")
    given = {"campaigns": campaigns, "list_members": list_members}
    with open_tables("spent_on_dead", dlrs=dlrs, **given) as tables:
        _require_campaigns(tables)
        tables.require("dlrs", "message_id", "msisdn", "sent_at", "status")
        tables.require_keys("dlrs", ("message_id", "msisdn"))
        tables.warn_unmatched("dlrs", "campaigns", ("message_id", "message_id"))
        tables.add("dead", _sent_to_dead(tables, lag))
        tables.add("prices", _prices(tables))
        keys = group_keys(tables, "dlrs", by, tz=tz)
        old = f'WHERE unix_micros("sent_at") <= {tables.now(now, "dlrs") - MATURE}' if mature_only else ""
        copies = tables.copies("dlrs")
        is_dead = '"dead_number" IS NOT NULL'
        counts = keys.finish(
            tables.query(f"""
                SELECT {keys.select}
                    {tables.total("dlrs")} AS "recipients",
                    {_money_sum(f'{copies} * "price"')} AS "spend",
                    count(DISTINCT "dead_number") AS "dead_numbers",
                    {tables.total("dlrs", is_dead)} AS "dead_recipients",
                    {_money_sum(f'{copies} * "price"', is_dead)} AS "dead_priced",
                    {tables.total("dlrs", '"price" IS NULL')} AS "unpriced",
                    {tables.total("dlrs", _PENDING)} AS "pending",
                    min(unix_micros("sent_at")) AS "first",
                    max(unix_micros("sent_at")) AS "last"
                FROM {keys.source}
                LEFT JOIN @prices ON "message_id" = "priced_send"
                LEFT JOIN @dead ON "message_id" = "dead_send" AND "msisdn" = "dead_number"
                {old}
                {keys.group}
            """)
        )
        nothing = counts["dead_recipients"].eq(0) & counts["spend"].notna()
        dead_spend = counts["dead_priced"].astype("float64").mask(nothing, 0.0)
        partial = _partial(tables, "dlrs", keys, counts, tz, now)
        full = counts.assign(
            dead_spend=dead_spend,
            dead_share=rate(dead_spend, counts["spend"].where(counts["spend"] != 0)),
            currency=_currency(currency),
        )
        return explained(
            pd.concat([counts[keys.names], typed(full, _DEAD)], axis=1).assign(**partial),
            tables,
            formula="dead_spend / spend",
            numerator=f"cost of messages sent over {known_after} after a hard bounce with no delivery since",
            denominator="cost of all messages with a price",
            **scope(counts, n="recipients"),
        )


def _partial(
    tables: Tables, table: str, keys: Keys, counts: pd.DataFrame, tz: str, now: datetime | str | None = None
) -> dict[str, pd.Series]:
    """The column ``partial`` of groups that are periods, up to the present."""
    if not any(key.kind in PERIODS for key in keys.keys):
        return {}
    return partial_periods(keys, counts, counts, present=tables.now(now, table), tz=tz)


@each_account
def segments(messages: Source) -> pd.DataFrame:
    """Tell in which encoding and how many SMS parts each text travels, and which characters are to blame.

    There is no ``mature_only``: it is about texts, not about what became of them.

    Parameters
    ----------
    messages : DataFrame, Scan or Spark DataFrame
        The table messages or campaigns: ``message``.

    Returns
    -------
    DataFrame
        One row per distinct text, the most expensive in total (messages times parts) first:

        - ``message`` (str): the text; rows without one are left out;
        - ``messages`` (int64): rows with it;
        - ``encoding`` (str): "GSM-7" or "UCS-2";
        - ``units`` (int64): septets or 16-bit units; ``parts`` (int64): SMS parts of one message;
        - ``culprits`` (str): the distinct characters that GSM-7 does not have, invisible ones as code points
          ("U+200B"); empty for GSM-7;
        - ``template`` (str): the text with "[...]" where texts like it have other words, such as names; texts
          like no other are their own. ``groupby("template")`` counts them;
        - ``empty_field`` (str): where a merge field was left empty ("Hi ,") or not filled in ("{{name}}");
          missing where none shows. Texts of campaigns still have the placeholders that messages have filled.

    Raises
    ------
    UsageError
        If the column is missing or rows repeat a key.

    References
    ----------
    3GPP TS 23.038 and TS 23.040; see `smsdata.analysis.sms_parts.segment_text`.

    Examples
    --------
    >>> import pandas as pd
    >>> texts = segments(pd.DataFrame({"message": ["See you at 5", "See you at 5", "At 5 🎉"]}))
    >>> texts.drop(columns=["template", "empty_field"])
            message  messages encoding  units  parts culprits
    0  See you at 5         2    GSM-7     12      1
    1        At 5 🎉         1    UCS-2      7      1        🎉
    """
    with open_tables("segments", messages=messages) as tables:
        tables.require("messages", "message")
        tables.require_keys("messages", ("id",), ("message_id", "msisdn"))
        texts = tables.query("""
            SELECT "message", count(*) AS "messages" FROM @messages
            WHERE "message" IS NOT NULL GROUP BY "message"
        """)
        parts = pd.DataFrame(
            [segment_text(text) for text in texts["message"].sort_values()],
            columns=["encoding", "units", "parts", "culprits"],
        )
        texts = texts.sort_values("message", ignore_index=True)
        full = pd.concat([texts, parts], axis=1).assign(
            total=texts["messages"] * parts["parts"],
            culprits=[visible(characters) for characters in parts["culprits"]],
            template=templates_of(texts["message"]),
            empty_field=pd.Series([empty_field(text) for text in texts["message"]], dtype="str"),
        )
        full = full.sort_values(["total", "message"], ascending=[False, True])
        return explained(
            typed(full, _SEGMENTS),
            tables,
            formula="GSM-7: 160 septets alone, 153 each if joined; UCS-2: 70 units alone, 67 each if joined",
            numerator="SMS parts",
            denominator="messages",
            window=tables.span("messages", status=False)[0],
            pending=_BILLED,
        )


@each_account
def avoidable_parts(campaigns: Source, *, currency: str | None = None) -> pd.DataFrame:
    """List campaigns that paid for more parts because of a few characters: the emoji that doubled the bill.

    There is no ``mature_only``: parts are billed whatever becomes of a message.

    Parameters
    ----------
    campaigns : DataFrame, Scan or Spark DataFrame
        The table campaigns: ``message_id``, ``sent_at``, ``message``, ``cost``; with ``parts``, what the
        gateway billed is believed.
    currency : str or None
        As for `costs`.

    Returns
    -------
    DataFrame
        One row per campaign whose text would need fewer parts in GSM-7, the most money wasted first:

        - ``message_id`` (int64), ``sent_at`` (datetime64[us, UTC]), ``message`` (str): of the campaign;
        - ``culprits`` (str): the characters that GSM-7 does not have, invisible ones as code points;
        - ``parts_each`` (int64): parts of one message as billed, or as counted where ``parts`` is missing;
          ``gsm_parts_each`` (int64): in GSM-7;
        - ``gsm_message`` (str): that text: look-alikes for quotes, dashes and accents, emoji left out. Texts
          that would lose meaning (Chinese, Arabic, "10²") are not listed;
        - ``cost`` (float64): what the campaign cost; ``wasted`` (float64): the share of it that the
          additional parts cost. NaN where the cost is missing;
        - ``currency`` (str): of the amounts; missing where it is not known.

    Raises
    ------
    UsageError
        If a column is missing, an instant is naive or ``message_id`` repeats.

    Notes
    -----
    It counts the campaign's text as reported; variables filled in per recipient may change the number of
    parts. A campaign that was billed no more than its GSM-7 text would be has wasted nothing.

    References
    ----------
    Parts: 3GPP TS 23.038 and TS 23.040, see `segments`. That every part costs the same is our own choice.

    Examples
    --------
    >>> import pandas as pd
    >>> campaigns = pd.DataFrame({
    ...     "message_id": [10], "sent_at": pd.to_datetime(["2026-11-01"], utc=True),
    ...     "message": ["Sale today! " * 10 + "🎉"], "cost": [40.0],
    ... })
    >>> avoidable_parts(campaigns)[["message_id", "culprits", "parts_each", "gsm_parts_each", "wasted"]]
       message_id culprits  parts_each  gsm_parts_each  wasted
    0          10        🎉           2               1    20.0
    """
    with open_tables("avoidable_parts", campaigns=campaigns) as tables:
        tables.require("campaigns", "message_id", "sent_at", "message", "cost")
        tables.require_keys("campaigns", ("message_id",))
        billed = '"parts"' if tables.has("campaigns", "parts") else "CAST(NULL AS BIGINT)"
        rows = tables.query(f"""
            SELECT "message_id", unix_micros("sent_at") AS "sent_at", "message",
                CAST("cost" AS DOUBLE) AS "cost", {billed} AS "billed"
            FROM @campaigns WHERE "message" IS NOT NULL
        """)
        fewer = rows.merge(_in_gsm(rows["message"]), on="message")
        fewer["parts_each"] = fewer["billed"].where(fewer["billed"] > 0, fewer["parts_each"]).astype("int64")
        fewer = fewer[fewer["parts_each"] > fewer["gsm_parts_each"]]
        wasted = fewer["cost"] * (fewer["parts_each"] - fewer["gsm_parts_each"]) / fewer["parts_each"]
        full = fewer.assign(wasted=wasted, currency=_currency(currency)).sort_values(
            ["wasted", "message_id"], ascending=[False, True]
        )
        return explained(
            typed(full, _WASTE),
            tables,
            formula="cost * (parts_each - gsm_parts_each) / parts_each",
            numerator="cost of the additional parts",
            denominator="cost of the campaign",
            window=TimeSpan(rows["sent_at"].min(), rows["sent_at"].max()),
            pending=_BILLED,
        )


def _currency(currency: str | None) -> Any:
    """Name the currency of every row; missing where nobody said it."""
    return np.nan if currency is None else currency


def _require_campaigns(tables: Tables) -> None:
    counters = ("pending", "delivered", "soft_bounced", "hard_bounced")
    tables.require("campaigns", "message_id", "cost", *counters)
    tables.require_amounts("campaigns", "cost")
    tables.require_keys("campaigns", ("message_id",))


def _counter_sum(counter: str, *, priced: bool = False) -> str:
    where = ' FILTER (WHERE "cost" IS NOT NULL)' if priced else ""
    return f"CAST(coalesce(sum({counter}){where}, 0) AS BIGINT)"


def _money_sum(amount: str, condition: str = "TRUE") -> str:
    """Write the SQL that adds up amounts: as decimals, whose sum is the same in any order of the rows."""
    return f"CAST(sum(CAST({amount} AS DECIMAL(38, {_DIGITS}))) FILTER (WHERE {condition}) AS DOUBLE)"


def _prices(tables: Tables) -> pd.DataFrame:
    """Give the price of one message of each campaign that has one."""
    prices = tables.query(f"""
        SELECT "message_id" AS "priced_send", CAST("cost" AS DOUBLE) / ({_RECIPIENTS}) AS "price"
        FROM @campaigns WHERE "cost" IS NOT NULL AND {_RECIPIENTS} > 0
    """)
    return prices.assign(price=prices["price"].round(_DIGITS))


def _sent_to_dead(tables: Tables, lag: int) -> pd.DataFrame:
    """Give send and number of every message to a number that was known to be dead."""
    whose = '"account", ' if owned(tables, "dlrs") else ""
    number = f'PARTITION BY {whose}"msisdn" ORDER BY "at"'
    return tables.query(
        f"""
        WITH rows_of_bounced AS (
            SELECT {whose}d."message_id", d."msisdn", d."status", unix_micros(d."sent_at") AS "at"
            FROM @dlrs AS d
            JOIN (SELECT DISTINCT "msisdn" FROM @dlrs WHERE "status" = 'hard-bounce') AS b
                ON d."msisdn" = b."msisdn"
        ),
        history AS (
            SELECT "message_id", "msisdn",
                max(CASE WHEN "status" = 'hard-bounce' THEN "at" END) OVER (
                    {number} RANGE BETWEEN UNBOUNDED PRECEDING AND {lag} PRECEDING
                ) AS "bounced",
                max(CASE WHEN "status" = 'delivered' THEN "at" END) OVER (
                    {number} RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ) AS "delivered"
            FROM rows_of_bounced
        )
        SELECT "message_id" AS "dead_send", "msisdn" AS "dead_number" FROM history
        WHERE "bounced" IS NOT NULL AND ("delivered" IS NULL OR "delivered" < "bounced")
        """
    )


def _in_gsm(texts: pd.Series) -> pd.DataFrame:
    """Give the distinct texts that could travel in GSM-7."""
    rows = []
    for text in texts.unique():
        sent, alike = segment_text(text), gsm_text(text)
        if sent.culprits and alike is not None:
            rows.append((text, visible(sent.culprits), sent.parts, segment_text(alike).parts, alike))
    names = ["message", "culprits", "parts_each", "gsm_parts_each", "gsm_message"]
    return pd.DataFrame(rows, columns=names).astype({name: _WASTE[name] for name in names})
