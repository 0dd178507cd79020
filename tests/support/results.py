"""A small result of every public helper, to ask what each of them must tell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from smsdata import analysis

from .frames import utc

NOW = "2026-11-22"
SYNCED = pd.Timestamp("2026-11-21T22:00", tz="UTC")


_LATER = ("delivered", "delivered", "pending", "hard-bounce")


def messages() -> pd.DataFrame:
    """Eight messages of two sends; one bounced for good twice, one still pending."""
    return pd.DataFrame(
        {
            "id": range(8),
            "message_id": np.repeat([10, 11], 4),
            "msisdn": [f"6149157015{n}" for n in [0, 1, 2, 3] * 2],
            "sender": ["61491570006", "61491570006", "ACME", "ACME"] * 2,
            "sent_at": utc(["2026-11-02", "2026-11-09"]).repeat(4).array,
            "delivered_at": utc(["2026-11-02T00:01:05", None, "2026-11-02T00:09", *[None] * 5]),
            "status": ["delivered", "bounced", "delivered", "hard-bounce", *_LATER],
            "message": "Sale today. Reply NO to opt out",
            "optout": [False, False, True, False] + [False] * 4,
        }
    )


def history() -> pd.DataFrame:
    """The messages as first seen, an hour after sending, all pending; what became of them a day later."""
    rows = messages()[["message_id", "msisdn", "sent_at", "status"]]
    first = rows.assign(status="pending", observed_at=rows["sent_at"] + pd.Timedelta(1, "h"))
    return pd.concat([first, rows.assign(observed_at=rows["sent_at"] + pd.Timedelta(25, "h"))])


def replies() -> pd.DataFrame:
    """Three replies to the first send."""
    return pd.DataFrame(
        {
            "id": [1, 2, 3],
            "message_id": pd.array([10, 10, None], "Int64"),
            "msisdn": ["61491570150", "61491570151", "61491570151"],
            "longcode": "61491570006",
            "received_at": utc(["2026-11-02T01:00", "2026-11-02T02:00", "2026-11-03T02:00"]),
            "response": ["STOP", "Yes", "don't stop"],
        }
    )


def campaigns() -> pd.DataFrame:
    """The two sends, the second with an emoji that doubled its parts."""
    return pd.DataFrame(
        {
            "message_id": [10, 11],
            "sent_at": utc(["2026-11-02", "2026-11-09"]),
            "message": ["Sale", "Sale today! " * 10 + "🎉"],
            "parts": [1, 2],
            "cost": [4.0, 8.0],
            "pending": [0, 1],
            "delivered": 2,
            "soft_bounced": [1, 0],
            "hard_bounced": 1,
        }
    )


def members() -> pd.DataFrame:
    """Two lists that share a contact; another one opted out, another one is gone."""
    return pd.DataFrame(
        {
            "list_id": [7, 7, 7, 8, 8],
            "msisdn": ["61491570150", "61491570151", "61491570153", "61491570150", "61491570152"],
            "status": ["active", "optout", "active", "active", "inactive"],
            "created_at": utc(["2025-09-01", "2025-09-02", "2026-10-01", "2026-10-05", "2026-10-06"]),
            "synced_at": SYNCED,
            "gone_at": utc([None, None, None, None, "2026-11-20"]),
        }
    )


def _rates() -> pd.DataFrame:
    return analysis.delivery_rate(messages(), now=NOW)


def _optouts() -> pd.DataFrame:
    return analysis.optouts(replies=replies(), dlrs=messages(), list_members=members())


RESULTS: dict[str, Callable[[], pd.DataFrame]] = {
    "alarms": lambda: analysis.alarms(_rates()),
    "attribute_replies": lambda: analysis.attribute_replies(messages(), replies()),
    "avoidable_parts": lambda: analysis.avoidable_parts(campaigns()),
    "bounce_history": lambda: analysis.bounce_history(messages()),
    "bounce_kinds": lambda: analysis.bounce_kinds(messages(), campaigns()),
    "classify_replies": lambda: analysis.classify_replies(replies(), messages=messages()),
    "compare_rates": lambda: analysis.compare_rates(messages(), by="sender", now=NOW),
    "costs": lambda: analysis.costs(campaigns()),
    "delivery_rate": _rates,
    "delivery_trend": lambda: analysis.delivery_trend(messages(), now=NOW),
    "hard_bounced": lambda: analysis.hard_bounced(messages(), replies()),
    "list_growth": lambda: analysis.list_growth(members()),
    "list_health": lambda: analysis.list_health(members(), messages(), replies(), now=NOW),
    "list_overlap": lambda: analysis.list_overlap(members()),
    "number_details": lambda: analysis.number_details(messages()),
    "optout_rate": lambda: analysis.optout_rate(messages(), replies=replies(), now=NOW),
    "optouts": _optouts,
    "reply_rate": lambda: analysis.reply_rate(messages(), replies(), now=NOW),
    "reply_windows": lambda: analysis.reply_windows(messages(), replies()),
    "segments": lambda: analysis.segments(messages()),
    "sent_after_optout": lambda: analysis.sent_after_optout(messages(), _optouts()),
    "spent_on_dead": lambda: analysis.spent_on_dead(messages(), campaigns()),
    "threads": lambda: analysis.threads(messages(), replies()),
    "time_quantiles": lambda: analysis.time_quantiles(analysis.time_to_deliver(messages(), now=NOW)),
    "time_to_deliver": lambda: analysis.time_to_deliver(messages(), now=NOW),
    "time_to_reply": lambda: analysis.time_to_reply(messages(), replies()),
    "time_to_settle": lambda: analysis.time_to_settle(messages().assign(synced_at=SYNCED), history()),
}
