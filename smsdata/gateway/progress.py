"""A bar over pages while a read takes long, where somebody looks.

Imports `answers` and `settings` (the pace); `tqdm` only when there is a bar to draw.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from smsdata.gateway.answers import Page
from smsdata.settings import Pace


@contextmanager
def progress_bar(what: str, pace: Pace) -> Iterator[Callable[[Page], None]]:
    """A bar over pages once a read takes longer than two seconds; nothing where nobody looks.

    Gives what a reader calls with every page. ``SMSDATA_PROGRESS=0`` switches the bar off.
    """
    if not _watched():
        yield lambda _page: None
        return
    from tqdm.auto import tqdm  # picks the notebook's bar in a notebook

    with tqdm(desc=what, unit="page", delay=2, leave=False, total=0) as bar:

        def on_page(page: Page) -> None:
            if page.number == 1 and page.count:
                bar.total = (bar.total or 0) + page.count
                _announce(what, page.count, pace)
            bar.update()

        yield on_page


def _watched() -> bool:
    if os.environ.get("SMSDATA_PROGRESS") == "0":
        return False
    try:
        return sys.stderr.isatty() or "ipykernel" in sys.modules
    except (AttributeError, ValueError):  # there is none, or it was closed
        return False


def _announce(what: str, pages: int, pace: Pace) -> None:
    """Say how long it will take, where that is long."""
    if pace.minutes(pages) >= 1:
        from tqdm.auto import tqdm

        tqdm.write(f"{what}: {pages:,} calls, {pace.minutes(pages):.0f} minutes at {pace}")
