"""Analysis: frame in, frame out; every rate with its counts, its interval and its pending share.

Each helper takes a pandas DataFrame, a lazy scan of the store or a Spark DataFrame, and gives pandas;
`to_spark` gives that back to Spark. Owns every question asked of the tables; imports of smsdata only
`schema`, `shown`, `times` and `errors`, and touches no network. One file per question, read in this order::

    delivery  delivery_times  polled_times  what arrived, and how fast
    thresholds                              what is alarming
    bounces  bounce_evidence                which numbers are dead, and what stands against a contact
    replies  reply_rates  conversations     which message a reply answers, what it says, how many reply
    opt_outs  breaches                      who opted out, and what was sent to them afterwards
    unclear_numbers                         rows that are nobody's for sure
    lists  spending  phone_numbers          who can be reached, what it costs, what digits tell
    reply_words  sms_parts                  what one text says, and the parts it travels in
    reply_asked  reply_phrases  reply_model the words asked for, phrases by language, likeness by letters
    core                                    what they share: the engine, grouping, provenance, statistics
"""

from smsdata.analysis.bounces import bounce_history, bounce_kinds, hard_bounced
from smsdata.analysis.breaches import sent_after_optout
from smsdata.analysis.conversations import threads
from smsdata.analysis.core.engine import to_spark
from smsdata.analysis.core.provenance import explain
from smsdata.analysis.delivery import compare_rates, delivery_rate, delivery_trend
from smsdata.analysis.delivery_times import time_quantiles, time_to_deliver
from smsdata.analysis.lists import list_growth, list_health, list_overlap
from smsdata.analysis.opt_outs import optout_rate, optouts
from smsdata.analysis.phone_numbers import number_details
from smsdata.analysis.polled_times import time_to_settle
from smsdata.analysis.replies import attribute_replies, classify_replies, reply_windows
from smsdata.analysis.reply_rates import reply_rate, time_to_reply
from smsdata.analysis.spending import avoidable_parts, costs, segments, spent_on_dead
from smsdata.analysis.thresholds import ALARMS, Alarm, alarms

__all__ = [
    "ALARMS",
    "Alarm",
    "alarms",
    "attribute_replies",
    "avoidable_parts",
    "bounce_history",
    "bounce_kinds",
    "classify_replies",
    "compare_rates",
    "costs",
    "delivery_rate",
    "delivery_trend",
    "explain",
    "hard_bounced",
    "list_growth",
    "list_health",
    "list_overlap",
    "number_details",
    "optout_rate",
    "optouts",
    "reply_rate",
    "reply_windows",
    "segments",
    "sent_after_optout",
    "spent_on_dead",
    "threads",
    "time_quantiles",
    "time_to_deliver",
    "time_to_reply",
    "time_to_settle",
    "to_spark",
]


def __dir__() -> list[str]:
    """What completion offers: the public names, not the files that they lie in."""
    return [*__all__, "__doc__", "__file__", "__name__", "__path__"]
