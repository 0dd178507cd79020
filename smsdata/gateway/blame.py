"""Whose failure a failed call is: one thing's, a call's that the gateway does not have, or the account's.

Decided by kind, and by evidence where the kind leaves it open: as long as the gateway answers something, a
read that fails costs itself alone. Makes no calls itself. Imports `endpoints`
and `errors`.
"""

from __future__ import annotations

from collections.abc import Callable

from smsdata.errors import ApiError, DrainError
from smsdata.gateway.endpoints import Endpoint

ABOUT_ONE_THING = frozenset({"NOT_FOUND", "NO_ACCESS", "FIELD_INVALID", "FIELD_EMPTY", "MISFIT"})
"""Refusals that concern the thing asked for, and say that the gateway is there."""

_ABOUT_THE_ACCOUNT = frozenset(
    {"AUTH_FAILED", "AUTH_FAILED_NO_DATA", "OVER_LIMIT", "REDIRECT", "CERTIFICATE"}
)
_OPTIONAL = frozenset({"numbers", "keywords"})  # tables for which an account may lack the right
_IN_A_ROW = 3  # so many different reads fail one after another: is the gateway there at all?


def is_not_offered(endpoint: Endpoint, error: ApiError | DrainError) -> bool:
    """Whether the gateway has no such call, or keeps a whole table from this account."""
    missing = error.code == "NOT_IMPLEMENTED" or (error.code == "FORMAT" and error.status == 404)
    return missing or (error.code == "NO_ACCESS" and endpoint.name in _OPTIONAL)


class Blame:
    """Judges the failures of one run.

    Parameters
    ----------
    is_there
        Asks the gateway for something small, where a failure may be everybody's; see `Caller.is_there`.
    """

    def __init__(self, is_there: Callable[[bool], bool]) -> None:
        self._is_there = is_there
        self._answered = False
        self._in_a_row = 0

    def note_answer(self) -> None:
        """Take note that something was read, or refused for a reason of its own: the gateway is there."""
        self._answered, self._in_a_row = True, 0

    def concerns_account(self, endpoint: Endpoint, error: ApiError) -> bool:
        """Whether a failure concerns every call, so that the run cannot go on."""
        if error.code in _ABOUT_THE_ACCOUNT:
            return True
        if error.code in ABOUT_ONE_THING:
            self.note_answer()
            return False
        missing = is_not_offered(endpoint, error)
        self._in_a_row += 0 if missing else 1
        if self._answered and self._in_a_row < _IN_A_ROW:
            return False
        # At a wrong address every call is missing; only an answer shows that this one alone is.
        if self._is_there(not missing):
            self.note_answer()
            return False
        if not missing:
            error.args = (f"{error} Nothing else is answered either; what was read is kept.",)
        return True
