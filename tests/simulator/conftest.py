"""An account with everything in it."""

from __future__ import annotations

import pytest

from smsdata.simulator import Account


@pytest.fixture(scope="module")
def account() -> Account:
    """One account that no test changes."""
    return Account(seed=3, campaigns=14, recipients=40, singles=20, inbound=25, copies=0.3)
