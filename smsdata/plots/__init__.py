"""Pictures of analysis results: a frame in, matplotlib Axes out. Each function has the name of its helper.

Every picture says how many rows it counts, when they were sent, and which share was still pending. Colours
are those of Okabe & Ito, and a violet, told apart by all kinds of colour vision; shapes and words repeat what
they say. A status has one colour in all of them that no group has; red marks too what is past a limit.
A frame that lacks what a picture shows, because another helper made it, raises UsageError everywhere.
Owns what results look like; computes nothing, and imports nothing of smsdata but errors. Read `_axes` first,
which holds what all pictures share; the other files are named as those of `analysis` whose results they draw.

    ax = plots.delivery_rate(analysis.delivery_rate(messages, by="week"))
    ax.figure.savefig("delivery.png")
"""

from __future__ import annotations

from smsdata.plots._axes import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, VIOLET, YELLOW
from smsdata.plots.bounces import bounce_history, hard_bounced
from smsdata.plots.breaches import sent_after_optout
from smsdata.plots.delivery import compare_rates, delivery_rate, delivery_trend
from smsdata.plots.delivery_times import time_to_deliver, time_to_settle
from smsdata.plots.lists import list_growth, list_health, list_overlap
from smsdata.plots.opt_outs import optout_rate, optouts
from smsdata.plots.replies import classify_replies, reply_windows
from smsdata.plots.reply_rates import reply_rate, time_to_reply
from smsdata.plots.spending import avoidable_parts, costs, segments, spent_on_dead

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "RED",
    "SKY",
    "VIOLET",
    "YELLOW",
    "avoidable_parts",
    "bounce_history",
    "classify_replies",
    "compare_rates",
    "costs",
    "delivery_rate",
    "delivery_trend",
    "hard_bounced",
    "list_growth",
    "list_health",
    "list_overlap",
    "optout_rate",
    "optouts",
    "reply_rate",
    "reply_windows",
    "segments",
    "sent_after_optout",
    "spent_on_dead",
    "time_to_deliver",
    "time_to_reply",
    "time_to_settle",
]


def __dir__() -> list[str]:
    """What completion offers: the public names, not the files that they lie in."""
    return [*__all__, "__doc__", "__file__", "__name__", "__path__"]
