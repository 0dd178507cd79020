"""Delivery statuses: their spellings, and how far each is from final.

Owns the status lattice. A new status word of the gateway is one line here. Imports nothing of smsdata.
"""

from __future__ import annotations

import re
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

STATUSES = ("pending", "bounced", "soft-bounce", "delivered", "hard-bounce")
RANK = {"pending": 0, "bounced": 2, "soft-bounce": 3, "delivered": 4, "hard-bounce": 4}
"""How near a status is to final; none at all ranks -1. Higher wins, see `Store.merge`."""

NEW_WORD = 1
"""The rank of a word that was never seen before."""

_FOLDED = {"softbounce": "soft-bounce", "softbounced": "soft-bounce", "hardbounce": "hard-bounce"} | {
    "hardbounced": "hard-bounce", "bounce": "bounced", "failed": "bounced", "bounced": "bounced",
    "delivered": "delivered", "pending": "pending",
}  # fmt: skip


@cache
def fold_status(word: str) -> str:
    """Bring a delivery status to its one spelling; a word never seen before stays as it is.

    ``failed`` is folded to ``bounced``: it does not say whether for good.

    >>> [fold_status(w) for w in ("HARD-BOUNCE", "soft bounced", "failed", "queued")]
    ['hard-bounce', 'soft-bounce', 'bounced', 'queued']
    """
    return _FOLDED.get(re.sub(r"[\s_-]", "", word.strip().lower()), word)


def rank(statuses: pa.ChunkedArray) -> pa.ChunkedArray:
    """How far each status is from pending; see `RANK`."""
    names = pa.array(list(RANK), pa.string())
    ranks = pa.array(list(RANK.values()), pa.int64())
    known = pc.fill_null(pc.take(ranks, pc.index_in(statuses, value_set=names)), NEW_WORD)
    return pc.if_else(pc.is_null(statuses), pa.scalar(-1, pa.int64()), known)
