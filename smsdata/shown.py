"""How objects look in a notebook: small tables, everything escaped, and one line where something goes wrong.

Owns the HTML of ``_repr_html_``, so that no object needs to know any. Imports `errors`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from html import escape
from typing import Any, TypeVar

from smsdata.errors import SmsDataError

T = TypeVar("T")

MOST_LINES = 12
"""How many lines of what needs a look are shown."""


def html_of(
    title: str,
    *,
    facts: Iterable[tuple[str, str]] = (),
    heads: Sequence[str] = (),
    rows: Iterable[Sequence[Any]] = (),
    lines: Sequence[str] = (),
) -> str:
    """An object as HTML.

    Parameters
    ----------
    title
        What it is.
    facts
        What there is to say of it, each with its name.
    heads, rows
        A table: whole numbers get commas and stand to the right, a missing value is a dash.
    lines
        Sentences below; beyond twelve how many more there are.

    Returns
    -------
    str
        HTML without script and style sheet; no text in it is taken for markup.

    Examples
    --------
    >>> html_of("Store <a>", facts=[("last sync", "2 h ago")], lines=["All is well."])
    '<div><strong>Store &lt;a&gt;</strong><br>last sync: 2 h ago<p>All is well.</p></div>'
    """
    parts = [
        f"<strong>{escape(title)}</strong>",
        *(f"<br>{escape(f'{name}: {said}')}" for name, said in facts),
    ]
    body = "".join(f"<tr>{''.join(map(_table_cell, row))}</tr>" for row in rows)
    if body:
        head = "".join(f'<th style="text-align:left">{escape(one)}</th>' for one in heads)
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    more = [f"... and {len(lines) - MOST_LINES:,} more"] if len(lines) > MOST_LINES else []
    told = [escape(line) for line in (*lines[:MOST_LINES], *more)]
    return f"<div>{''.join(parts)}{'<p>' + '<br>'.join(told) + '</p>' if told else ''}</div>"


def _table_cell(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f'<td style="text-align:right">{value:,}</td>'
    return f'<td style="text-align:left">{escape("-" if value in (None, "") else str(value))}</td>'


def shown_in_any_case(show: Callable[[T], str]) -> Callable[[T], str]:
    """Make a ``_repr_html_`` that says in one line why there is nothing to show, and never raises."""

    @wraps(show)
    def safely(thing: T) -> str:
        try:
            return show(thing)
        except Exception as error:
            return html_of(type(thing).__name__, facts=[("cannot be shown", _why_not_shown(error))])

    return safely


def _why_not_shown(error: Exception) -> str:
    """Why, without a word that may be somebody's number."""
    if isinstance(error, SmsDataError):
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return type(error).__name__
