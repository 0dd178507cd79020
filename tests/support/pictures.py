"""Small frames for pictures, and what a picture says: labels, words, legend, marks."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smsdata import analysis


def utc(*moments: str) -> pd.Series:
    """Instants."""
    return pd.Series(pd.to_datetime(list(moments), utc=True))


def messages(**changes: object) -> pd.DataFrame:
    """Twelve messages of three weeks: 3 of 4 delivered, then all, then one still pending."""
    sent = utc("2026-11-02", "2026-11-09", "2026-11-20").repeat(4).reset_index(drop=True)
    return pd.DataFrame(
        {
            "id": range(12),
            "message_id": np.repeat([10, 11, 12], 4),
            "msisdn": [f"6149157015{n}" for n in [0, 1, 2, 3] * 3],
            "sender": ["61491570006", "61491570006", "ACME", "ACME"] * 3,
            "sent_at": sent,
            "status": ["delivered"] * 3 + ["hard-bounce"] + ["delivered"] * 7 + ["pending"],
            "message": ["Sale today", "Sale today", "50% off $ales 🎉", "Sale today"] * 3,
            "optout": False,
        }
        | changes
    )


def replies(*texts: str) -> pd.DataFrame:
    """Replies to the first send, an hour apart."""
    return pd.DataFrame(
        {
            "id": range(len(texts)),
            "message_id": pd.array([10] * len(texts), "Int64"),
            "msisdn": [f"6149157015{n % 2}" for n in range(len(texts))],
            "longcode": "61491570006",
            "received_at": [
                pd.Timestamp("2026-11-02T01:00", tz="UTC") + pd.Timedelta(n, "h") for n in range(len(texts))
            ],
            "response": list(texts),
        }
    )


def campaigns() -> pd.DataFrame:
    """Two campaigns, the second with an emoji that doubled its parts."""
    return pd.DataFrame(
        {
            "message_id": [10, 11],
            "type": ["campaign", "api"],
            "sent_at": utc("2026-11-02", "2026-11-09"),
            "message": ["Sale", "Sale today! " * 10 + "🎉"],
            "parts": [1, 2],
            "cost": [4.0, 8.0],
            "pending": 0,
            "delivered": [3, 4],
            "soft_bounced": 0,
            "hard_bounced": [1, 0],
        }
    )


def members() -> pd.DataFrame:
    """Two lists that share one contact."""
    return pd.DataFrame(
        {
            "list_id": [7, 7, 7, 8, 8],
            "msisdn": ["61491570150", "61491570151", "61491570153", "61491570150", "61491570152"],
            "status": ["active", "optout", "active", "active", "inactive"],
            "created_at": utc("2026-09-01", "2026-09-02", "2026-10-01", "2026-10-05", "2026-11-05"),
        }
    )


def labels(ax: Axes) -> list[str]:
    """The words on the rows."""
    return [label.get_text() for label in ax.get_yticklabels()]


def words(ax: Axes) -> list[str]:
    """The words written into the picture."""
    return [text.get_text() for text in ax.texts]


def legend(ax: Axes) -> list[str]:
    """What the legend explains."""
    return [text.get_text() for text in ax.get_legend().get_texts()]


def widths(ax: Axes) -> list[float]:
    """How long the bars are."""
    return [float(bar.get_width()) for bar in ax.patches]


def points(ax: Axes) -> list[tuple[float, float]]:
    """Where markers are, in the order drawn."""
    return [
        (float(x), float(y))
        for line in ax.lines
        if line.get_marker() == "o"
        for x, y in zip(line.get_xdata(orig=False), line.get_ydata(orig=False), strict=True)
    ]


def settled(rows: pd.DataFrame, by: str | None = None) -> pd.DataFrame:
    """What polling after an hour and after a day shows: the first half settled early, the others late."""
    dlrs = rows.assign(synced_at=rows["sent_at"] + pd.Timedelta(1, "D"))
    early = dlrs["id"] < 6
    seen = dlrs["sent_at"] + pd.to_timedelta(np.where(early, 1, 24), unit="h")
    first = dlrs[~early].assign(status="pending", observed_at=dlrs["sent_at"] + pd.Timedelta(1, "h"))
    return analysis.time_to_settle(dlrs, pd.concat([first, dlrs.assign(observed_at=seen)]), by=by)


def bounced() -> pd.DataFrame:
    """One number dead, one recovered."""
    return messages(
        status=["delivered", "hard-bounce", "delivered", "hard-bounce"] * 2
        + ["delivered"] * 2
        + ["pending", "hard-bounce"]
    )
