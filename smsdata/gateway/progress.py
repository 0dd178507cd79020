"""A bar of calls, rows and time left while a read takes long, where somebody looks.

Imports `caller`, `answers`, `reads` and `settings` (the pace); `tqdm` only when there is a bar to draw.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from smsdata.gateway.answers import Page
from smsdata.gateway.caller import Caller
from smsdata.gateway.reads import SLICE_PAGES
from smsdata.settings import Pace

_UNKNOWN = "{desc}: {n_fmt} calls{postfix}, {elapsed}"
_STEPS = "{desc}: {bar} {n_fmt} of {total_fmt} contacts, {remaining} left"
_KNOWN = "{desc}: {bar} {n_fmt} of about {total_fmt} calls{postfix}, {remaining} left"


class Progress:
    """What a reader calls with every page; draws a bar where there is one.

    Parameters
    ----------
    bar
        A bar of tqdm, or None to draw nothing.
    client
        Whose calls are counted, tries included.
    pace
        How fast calls may go; None where how long it takes is said by somebody else, with `expect`.
    """

    def __init__(self, bar: Any, client: Caller, pace: Pace | None) -> None:
        self.bar, self.client, self.pace = bar, client, pace
        self.rows = 0
        self._before = client.calls
        self._whole, self._cut = 0, 0  # pages of reads that go on in one pass, and of those that are cut up
        self._told = 0
        self._lock = threading.Lock()  # pages arrive in several threads

    def __call__(self, page: Page) -> None:
        """Count a page."""
        with self._lock:
            self.rows += len(page.rows)
            if self.bar is None:
                return
            if page.number == 1 and page.count and self.pace is not None:
                self._add(page.count, self.pace)
            if self.bar is not None:
                self._safely(self._draw)

    def expect(self, calls: int) -> None:
        """Say about how many calls there will be in all, those that were made among them."""
        with self._lock:
            self._told = calls

    def end(self) -> None:
        """All was read: what was expected beyond that is not to come."""
        with self._lock:
            if self.bar is not None:
                self.bar.total = self.bar.n

    def close(self) -> None:
        """Take the bar away."""
        with self._lock:
            if self.bar is not None:
                self._safely(self.bar.close)

    def _add(self, pages: int, pace: Pace) -> None:
        """Expect the pages of one more read; the slices of one that is cut up are reads of their own."""
        if pages > SLICE_PAGES:
            self._cut += pages
        else:
            self._whole += pages
        if pages > 1 and pace.minutes(pages) >= 1:
            minutes = f"{pace.minutes(pages):.0f} minutes at {pace}"
            text = f"{self.bar.desc}: {pages:,} calls, {minutes}"
            self._safely(lambda: self.bar.write(text, file=sys.stderr))

    def _draw(self) -> None:
        calls = self.client.calls - self._before
        expected = self._told or max(self._whole, self._cut)
        bar = self.bar
        bar.bar_format = _KNOWN if expected else _UNKNOWN
        bar.total = max(expected, calls + 1) if expected else None  # whole only when it is at its end
        widget = getattr(bar, "container", None)
        if widget is not None:  # a notebook's bar takes its total when it is made, and no other after that
            widget.children[1].max = bar.total or 1000 * (calls + 1)
        bar.set_postfix_str(f"{self.rows:,} rows", refresh=False)
        bar.update(calls - bar.n)

    def _safely(self, draw: Callable[[], Any]) -> None:
        """Draw; where nobody can see it any more the work goes on without."""
        try:
            draw()
        except (OSError, ValueError):  # a terminal that is gone, a stream that was closed
            if self.bar is not None:
                self.bar.disable, self.bar = True, None


@contextmanager
def progress_bar(what: str, client: Caller, *, told: bool = False, delay: float = 2.0) -> Iterator[Progress]:
    """A bar over calls once a read takes longer than `delay` seconds; nothing where nobody looks.

    Gives what a reader calls with every page. How many calls there will be is taken from the first pages of
    its reads, or with `told` from ``Progress.expect``. ``SMSDATA_PROGRESS=0`` switches the bar off.
    """
    if not _watched():
        yield Progress(None, client, None)
        return
    with warnings.catch_warnings():  # without ipywidgets a notebook has the bar of a terminal
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm

        bar = tqdm(
            desc=what, bar_format=_UNKNOWN, delay=delay, leave=False, total=1, dynamic_ncols=True, miniters=1
        )
    progress = Progress(bar, client, None if told else client.settings.pace)
    try:
        yield progress
        progress.end()
    finally:
        progress.close()


@contextmanager
def steps_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar over the contacts that are changed, where somebody looks; silent where `progress_bar` is.

    Gives what is called after each of them with how many are done, and how many there are.
    """
    if not _watched():
        yield lambda _done, _all: None
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm

        bar = tqdm(desc=what, bar_format=_STEPS, leave=False, total=0, dynamic_ncols=True)

    def step(done: int, whole: int) -> None:
        try:
            bar.total = whole
            widget = getattr(bar, "container", None)
            if widget is not None:
                widget.children[1].max = whole
            bar.update(done - bar.n)
        except (OSError, ValueError):  # a terminal that is gone, a stream that was closed
            bar.disable = True

    try:
        yield step
    finally:
        with suppress(OSError, ValueError):
            bar.close()


def _watched() -> bool:
    if os.environ.get("SMSDATA_PROGRESS") == "0":
        return False
    try:
        return sys.stderr.isatty() or _in_a_kernel()
    except (AttributeError, ValueError):  # there is none, or it was closed
        return False


def _in_a_kernel() -> bool:
    """Whether this process runs the cells of a notebook, not only what knows how to run some."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and "IPKernelApp" in shell.config
