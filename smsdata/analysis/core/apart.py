"""A helper that answers for each account by itself, where its tables hold rows of several.

What is true of a number at one account is not true of it at another. Imports of smsdata only accounts and
provenance within core.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import pandas as pd

from smsdata.analysis.core.accounts import accounts_of, has_accounts, part_of, refuse_nobodys
from smsdata.analysis.core.provenance import together

P = ParamSpec("P")


def each_account(helper: Callable[P, pd.DataFrame]) -> Callable[P, pd.DataFrame]:
    """Let a helper answer for each account by itself where its tables have the column ``account``.

    The result is what the accounts give apart, one after the other; ``account`` (str) is its first column.
    """
    signature = inspect.signature(helper)

    @wraps(helper)
    def apart(*args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        given = signature.bind(*args, **kwargs).arguments
        tables = {name: one for name, one in given.items() if hasattr(one, "columns")}
        if not any(map(has_accounts, tables.values())):
            return helper(*args, **kwargs)
        name = helper.__name__
        refuse_nobodys(name, tables)
        accounts = accounts_of(name, tables) or [""]  # of no rows at all, what is nobody's
        parts = {}
        for account in accounts:
            own = {table: part_of(one, account) for table, one in tables.items()}
            bound = signature.bind(*args, **kwargs)
            bound.arguments.update(own)
            parts[account] = helper(*bound.args, **bound.kwargs)
        return together(parts, tables)

    return apart
