"""Every error smsdata raises, and nothing else. Imports nothing.

    SmsDataError            .code .status .retryable .exit_code on every one
    |-- UsageError          what was asked cannot be done: wrong option, unknown table, bad duration
    |-- ApiError            the gateway (or what stands before it) refused or failed a call
    |-- RowError            a row does not fit its table's columns
    |-- DrainError          a drain could not be proved complete
    |-- StoreError          the store cannot be read or written, or belongs to another account
    |   `-- LockedError     another process is writing to the store
    `-- SafetyError         a safety rule of list hygiene refused

A message is one line: what, where, what to do. It holds ids and counts, never a phone number, a
message text or a credential.
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Any

_OURS = str(Path(__file__).parent)


class SmsDataError(Exception):
    """Root of every error raised here.

    Attributes
    ----------
    code : str
        The gateway's error code (``"OVER_LIMIT"``) or ours (``"USAGE"``, ``"PROOF"``, ...).
    status : int or None
        The HTTP status, where the error came from an answer.
    retryable : bool
        Whether the same call may succeed later.
    exit_code : int
        What the command line exits with.
    """

    exit_code = 1

    def __init__(
        self, message: str, *, code: str = "ERROR", status: int | None = None, retryable: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retryable = retryable
        self.about: Any = None  # the read that failed, where it was one of many

    @property
    def _render_traceback_(self) -> Any:
        """How IPython shows the error: where in the cell, and the one line; our own frames say no more.

        ``SMSDATA_TRACEBACK=1`` shows them all.
        """
        if os.environ.get("SMSDATA_TRACEBACK"):
            raise AttributeError("_render_traceback_")
        return lambda: _where_and_what(self)


def _where_and_what(error: SmsDataError) -> list[str]:
    lines = [f"{type(error).__name__}: {error}"]
    for at in traceback.extract_tb(error.__traceback__):
        if at.filename.startswith(_OURS):
            break
        if "IPython" not in at.filename and at.line:
            where = "cell" if at.name == "<module>" else at.name
            lines.insert(-1, f"{where}, line {at.lineno}: {at.line}")
    return lines


class UsageError(SmsDataError):
    """What was asked cannot be done as it was asked."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(message, code="USAGE")


class ApiError(SmsDataError):
    """A call failed: refused by the gateway, or no usable answer came.

    `retry_after` is how many seconds the gateway asked to wait, where it did.
    """

    retry_after: float | None = None


class RowError(SmsDataError):
    """A row does not fit its table; the message names table, column, page and row number."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="ROW")


class DrainError(SmsDataError):
    """A read could not be proved complete; there is no partial frame."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="PROOF", retryable=True)


class StoreError(SmsDataError):
    """The store cannot be used: not writable, damaged, or another account's."""

    def __init__(self, message: str, *, code: str = "STORE") -> None:
        super().__init__(message, code=code)


class LockedError(StoreError):
    """Another process is writing to this store."""

    exit_code = 4

    def __init__(self, message: str) -> None:
        super().__init__(message, code="LOCKED")
        self.retryable = True


class SafetyError(SmsDataError):
    """A safety rule refused to change the account."""

    exit_code = 5

    def __init__(self, message: str) -> None:
        super().__init__(message, code="SAFETY")
