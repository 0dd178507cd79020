"""Analysis: frame in, frame out; every rate with its counts, its interval and its pending share.

Each helper takes a pandas DataFrame, a lazy scan of the store or a Spark DataFrame, and gives pandas;
`to_spark` gives that back to Spark. Within:

    delivery  polled  bounces  lists  replies  optouts  costs      one file per question
    grouping  provenance  numbers  texts                           what they share
    engine  stats                                                  one SQL text on DuckDB or Spark; formulas
"""

from smsdata.analysis.bounces import bounce_history, bounce_kinds, hard_bounced
from smsdata.analysis.core.engine import to_spark
from smsdata.analysis.core.provenance import explain
from smsdata.analysis.costs import avoidable_parts, costs, segments, spent_on_dead
from smsdata.analysis.delivery import (
    ALARMS,
    Alarm,
    alarms,
    compare_rates,
    delivery_rate,
    delivery_trend,
    time_quantiles,
    time_to_deliver,
)
from smsdata.analysis.delivery_times import time_to_settle
from smsdata.analysis.lists import list_growth, list_health, list_overlap
from smsdata.analysis.optouts import optout_rate, optouts, sent_after_optout
from smsdata.analysis.phone_numbers import number_details
from smsdata.analysis.replies import (
    attribute_replies,
    classify_replies,
    reply_rate,
    reply_windows,
    threads,
    time_to_reply,
)

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
