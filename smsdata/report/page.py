"""The page: all sections as one HTML file that needs nothing else, and writing it where it belongs.

What the store holds is text of others. It is escaped wherever it stands; the page's policy lets nothing run
but the one script of ours, and nothing be loaded. Imports of smsdata only `errors`, `settings`, `store` and,
within report, the rest.
"""

from __future__ import annotations

import base64
import hashlib
import stat
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from smsdata.errors import StoreError, UsageError
from smsdata.report.certified import certificate_section
from smsdata.report.delivered import alarm_section, delivery_section
from smsdata.report.people import bounce_section, click_section, optout_section, reply_section
from smsdata.report.periods import Period
from smsdata.report.pieces import Section, masked_line
from smsdata.report.reach import unread, why_not_compared
from smsdata.report.sources import Sources
from smsdata.report.spent import spending_section
from smsdata.settings import expanded
from smsdata.store.disk import Disk
from smsdata.store.store import Store, existing_store

_MARK = b'<meta name="generator" content="smsdata report">'
_SECTIONS: tuple[tuple[str, str, Callable[[Sources], Section]], ...] = (
    ("delivery", "Delivery", delivery_section),
    ("bounces", "Bounces to remove", bounce_section),
    ("replies", "Replies and open questions", reply_section),
    ("optouts", "Opt-outs and breaches", optout_section),
    ("clicks", "Clicks", click_section),
    ("spend", "Spend", spending_section),
    ("alarms", "Alarms", alarm_section),
    ("certificate", "How complete this is", certificate_section),
)


@dataclass(frozen=True)
class Written:
    """A page: its HTML, what of it needs a look, and why it tells no change though that was asked for."""

    html: str
    look: tuple[str, ...]
    not_compared: str = ""


def report_page(store: Store | str | Path, period: Period, *, compare: bool = True) -> Written:
    """Make the report of a period.

    Parameters
    ----------
    store
        The store, or its folder; only read.
    period
        What `period_of` gives.
    compare
        Whether to tell the change against the period before, where both were read in full.

    Returns
    -------
    Written
        The page, and what of it needs a look.

    Raises
    ------
    UsageError
        There is no store.
    StoreError
        A file of the store is damaged.
    """
    opened = existing_store(store)
    not_compared = why_not_compared(opened, period) if compare else ""
    sources = Sources(opened, period, compare and not not_compared)
    sections = [_section_made(name, title, make, sources) for name, title, make in _SECTIONS]
    style, script = (_part(f"page.{kind}") for kind in ("css", "js"))
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    look = [*unread(opened, period), *(line for section in sections for line in section.look)]
    html = template.from_string(_part("page.html.jinja")).render(
        sections=sections, period=period, compare=compare, account=sources.store.state.base_url,
        headlines=[one for section in sections for one in section.headlines],
        look=look, not_compared=not_compared,
        style=Markup(style), script=Markup(script),  # noqa: S704 - files of this package
        policy=_policy(style, script), svg=Markup,
    )  # fmt: skip
    return Written(html, tuple(look), not_compared)


def _section_made(name: str, title: str, make: Callable[[Sources], Section], sources: Sources) -> Section:
    """Make a section; one that cannot be made says so, and the others stand."""
    try:
        return make(sources)
    except UsageError as error:
        words = masked_line(f"This could not be computed: {error}")
        return Section(name, title, lines=[words], look=[f"{title}: {words}"])


def _policy(style: str, script: str) -> str:
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _part(name: str) -> str:
    return (files("smsdata.report") / name).read_text(encoding="utf-8")


def write_report(page: Written, out: str | Path, *, force: bool = False) -> Path:
    """Write a page whole or not at all, for its owner alone (mode 0600; in a folder of a group for that too).

    Raises
    ------
    UsageError
        There is something of that name which is no report of ours, and `force` is not set; or no folder.
    StoreError
        It cannot be written.
    """
    path = expanded(out)
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}: make it, or name another file.")
    try:
        if not force and not _is_ours(path):
            raise UsageError(f"{path} is there and is no report: choose another --out, or give --force.")
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}. Choose another --out.") from None
    Disk(path.parent).replace(path, page.html.encode("utf-8", "replace"))
    return path


def _is_ours(path: Path) -> bool:
    """Whether nothing is there, or a page that was made here."""
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return True
    if not stat.S_ISREG(facts.st_mode):
        return False
    with path.open("rb") as file:
        return _MARK in file.read(4096)
