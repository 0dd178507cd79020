"""Which words and headings say nothing of a person: those that the gateway, the tables and the helpers write.

Owns the list; whatever is not on it may be somebody's name. Imports `analysis` and `schema`.
"""

from __future__ import annotations

import re
from functools import cache
from zoneinfo import available_timezones

import phonenumbers

from smsdata.analysis.bounces import TIERS
from smsdata.analysis.core.grouping import GROUPINGS
from smsdata.analysis.phone_numbers import LINES
from smsdata.analysis.reply_words import REPLY_KINDS
from smsdata.analysis.thresholds import ALARMS
from smsdata.schema.status import STATUSES
from smsdata.schema.tables import TABLES


def _listed_words(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ALARMS = {word for alarm in ALARMS for word in (alarm.name, alarm.level, alarm.source)}
_WORDS = frozenset({*STATUSES, *REPLY_KINDS, *TIERS, *LINES.values(), *_ALARMS, *_listed_words("""
    queued sent sending scheduled completed cancelled paused draft failed rejected expired active
    inactive optout opted-out unsubscribed bounced deleted open closed available suspended api campaign
    keyword quick_sms scheduled_sms auto single list sms mms number polled derived callback flag reply
    review account sender client add remove removed delete added join leave subscribe unsubscribe opt-in
    opt-out update in out inbound outbound inside above below other unknown re-joined undated stopped
    joined counters-differ too-few-days unjudged-days GSM-7 UCS-2
"""), "too few", "before the deadline", "past deadline", "",
    "scope not known", "another sender", "another list", "may have been sent before", "for review",
})  # fmt: skip
_CURRENCIES = _listed_words("""
    AED AUD BRL CAD CHF CNY CZK DKK EUR FJD GBP HKD HUF IDR ILS INR JPY KRW MXN MYR NOK NZD PGK PHP PLN RON
    SAR SEK SGD THB TRY TWD USD VND ZAR
""")
_PATTERN = re.compile(
    r"\d{1,4}[smhdw]"  # windows
    r"|(?:Aalen-Johansen|Laney p'|Newcombe|Wilson)"
    r"(?:, (?:numbers unknown|by number and day|by number|by day|one day|few))*"
)
_RESULT_COLUMNS = _listed_words("""
    active active_share aged agreed agreed_share agrees alarm ambiguous ambiguous_share answered
    answered_id at at_risk attributed attributed_share baseline baseline_delivered baseline_rate
    baseline_settled bounced bounces bound_high bound_low breach callback_at campaign campaigns
    carrier_of_range centre certain cleared_at common compared conflicts cost_per_delivered
    cost_per_recipient country culprits day days dead dead_numbers dead_recipients dead_share dead_spend
    deadline_at delivered design_effect difference differs direction empty_field encoding first
    first_bounce first_optout_at flag_at flag_message_id followed gateway_message_id gone gsm_message
    gsm_parts_each hard_bounces hard_left held high hours_after impossible incidence inferred interval
    jaccard joined kind known_at last last_added last_bounce last_delivered last_reply last_stop_at left
    level line_type list list_a list_at list_b low mature median members members_a members_b messaged
    messages minutes month n net never_messaged numbers opted_out optout_tier optouts_undelivered other
    outbound outcome outside overdue p10 p90 partial parts_each past_deadline pending_share period
    possible_at possible_new_owner quarter rate rate_sent recipients replied replies reply_at review
    review_at rule saves scope scope_lists scope_sender scope_senders seconds seconds_high sends settled
    share share_of_smaller sign soft_left soft_since soft_streak spend stale streak template text thread
    threshold tier undated units unjudged unpriced valid value wasted week weekday why window within_1h
    within_24h working_days year account proved judged index
""")
_COLUMNS = frozenset({
    *_RESULT_COLUMNS, *GROUPINGS, *(column.name for table in TABLES.values() for column in table.stored),
})  # fmt: skip


def is_known_heading(name: str) -> bool:
    """Whether a heading is one of the tables and helpers, or a word of a known kind, as pivots make headings.

    >>> is_known_heading("delivered_at"), is_known_heading("hard-bounce"), is_known_heading("Zebulon Quasar")
    (True, True, False)
    """
    return name in _COLUMNS or is_known_word("status", name) or is_known_word("country", name)


def is_known_word(column: str, word: str) -> bool:
    """Whether a word in a column of words is one that the gateway or a helper writes.

    >>> is_known_word("status", "delivered"), is_known_word("country", "AU"), is_known_word("type", "Zebulon")
    (True, True, False)
    """
    if column == "country":
        return word in phonenumbers.SUPPORTED_REGIONS
    if column == "currency":
        return word in _CURRENCIES
    if column == "timezone":
        return word in available_zones()
    if column == "carrier_of_range":
        return word in carriers()
    return word in _WORDS or _PATTERN.fullmatch(word) is not None


@cache
def available_zones() -> frozenset[str]:
    """The names of all time zones."""
    return frozenset(available_timezones())


@cache
def carriers() -> frozenset[str]:
    """The names of all carriers that the numbering data know."""
    from phonenumbers.carrierdata import CARRIER_DATA

    return frozenset(name for names in CARRIER_DATA.values() for name in names.values())
