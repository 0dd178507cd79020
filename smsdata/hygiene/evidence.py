"""Who asked to be left alone, from everything that a store holds. Imports `store` and `analysis`."""

from __future__ import annotations

import pandas as pd

from smsdata.analysis.optouts import optouts
from smsdata.analysis.replies import classify_replies
from smsdata.store.store import Store


def opted_out(store: Store, heard: pd.DataFrame | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give all evidence of opt-outs that there is.

    Parameters
    ----------
    store
        The store.
    heard
        The table replies: those that came since the store was synced.

    Returns
    -------
    tuple of DataFrame
        What `smsdata.analysis.optouts` gives, and the replies it rests on, classified as
        `smsdata.analysis.classify_replies` does: opt-outs, what may be one, and later a START.
    """
    replies, messages = store.read("replies"), store.scan("messages")
    if heard is not None and len(heard):
        replies = pd.concat([replies, heard[list(replies.columns)]]).drop_duplicates("id")
    classified = classify_replies(replies, messages)
    found = optouts(
        replies=classified,
        dlrs=store.scan("dlrs"),
        optouts=store.scan("optouts"),
        list_members=store.scan("list_members"),
    )
    told = classified["optout_tier"].notna() | (classified["kind"] == "optin")
    return found, classified[told].reset_index(drop=True)
