"""The door through which pages come in: people who are forgotten stay outside.

Imports `store.forgotten`, `gateway.answers` and, where somebody is forgotten, `analysis`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from smsdata.errors import UsageError
from smsdata.gateway.answers import Page
from smsdata.store.disk import Disk
from smsdata.store.forgotten import ForgottenPeople


class Door:
    """Takes those who are forgotten in a store out of every page, before it is kept anywhere.

    Parameters
    ----------
    private, disk
        The store's private folder, and its disk.
    """

    def __init__(self, private: Path, disk: Disk) -> None:
        self._people = ForgottenPeople(private, disk, _left_of_reply)

    def page(self, page: Page) -> Page:
        """The page without them."""
        forgotten = self._people.now()
        if not forgotten:
            return page
        rows = tuple(forgotten.value(dict(row)) for row in page.rows)
        beside = forgotten.value(dict(page.beside))
        return replace(page, rows=rows, beside=beside, body=forgotten.body(page.body))

    def refuse(self, number: object) -> None:
        """Refuse to ask for somebody who is forgotten; UsageError."""
        if number is not None and self._people.now().stand_in(str(number).removeprefix("+")) is not None:
            raise UsageError("that number is forgotten in this store: it is not read any more.")


def _left_of_reply(text: str, answered: str) -> str:
    from smsdata.analysis.reply_words import left_of_reply  # heavy, and needed for those few alone

    return left_of_reply(text, answered)
