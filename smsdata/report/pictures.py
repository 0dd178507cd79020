"""Axes to SVG that stands in a page: no style of its own, colours that follow the page, ids that do not meet.

Imports of smsdata only `plots` and, within report, `pieces`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from smsdata.report.pieces import Picture

_INK, _PAPER = "#010203", "#fdfcfb"  # stand for the page's own, and are drawn by nothing else
_LOOK: Any = {
    "svg.fonttype": "path", "svg.hashsalt": "smsdata", "figure.facecolor": _PAPER, "axes.facecolor": _PAPER,
    "text.color": _INK, "axes.labelcolor": _INK, "axes.edgecolor": _INK, "xtick.color": _INK,
    "ytick.color": _INK, "savefig.facecolor": _PAPER, "path.simplify": True, "figure.max_open_warning": 0,
}  # fmt: skip
_COLOURS = {
    "#0072b2": "blue", "#e69f00": "orange", "#009e73": "green", "#d55e00": "red", "#56b4e9": "sky",
    "#cc79a7": "purple", "#7b61c4": "violet", "#767676": "grey", "#b0b0b0": "dim", "#000000": "ink",
}  # fmt: skip
"""What `plots` draws with, and the page's own colours in its place, which the dark has too."""
_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_ASIDE = {f"{_SVG}metadata", f"{_SVG}style", f"{_SVG}title"}


def picture(
    name: str, plot: Callable[..., Any], result: pd.DataFrame, words: str, *, rows: int = 0
) -> Picture:
    """Draw a result; `name` keeps its ids apart from those of other pictures.

    Parameters
    ----------
    name
        A word, once a page.
    plot
        A function of `smsdata.plots`.
    result
        What its helper gave.
    words
        What the picture shows, for whoever cannot see it.
    rows
        How many rows stand under each other in it, where that makes it higher.
    """
    file = io.StringIO()
    with mpl.rc_context(_LOOK):
        figure = plt.figure(figsize=(8, max(4.2, 1.4 + 0.26 * rows)), layout="constrained")
        try:
            plot(result, ax=figure.add_subplot())
            figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        finally:
            plt.close(figure)
    return Picture(_of_the_page(file.getvalue(), name), words)


def _of_the_page(text: str, name: str) -> str:
    """SVG of matplotlib as an element of the page."""
    root = ElementTree.fromstring(text[text.index("<svg") :])  # noqa: S314 - matplotlib wrote it just now
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in _ASIDE:
                parent.remove(child)
    for element in root.iter():
        _style_to_attributes(element)
        _own_ids(element, name)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("aria-hidden", "true")
    root.set("focusable", "false")
    root.set("stroke-linejoin", "round")
    root.set("stroke-linecap", "butt")
    ElementTree.register_namespace("", _SVG[1:-1])
    ElementTree.register_namespace("xlink", _LINK[1:-5])
    return ElementTree.tostring(root, encoding="unicode")


def _style_to_attributes(element: ElementTree.Element) -> None:
    """A style attribute would need leave of the page's policy; what it says can be said by attributes."""
    for rule in element.attrib.pop("style", "").split(";"):
        name, colon, value = rule.partition(":")
        if colon:
            element.set(name.strip(), value.strip())
    for name in ("fill", "stroke"):
        value = element.get(name, "").lower()
        if value in (_INK, _PAPER):
            element.set(name, "currentColor" if value == _INK else "var(--paper)")
        elif value in _COLOURS:
            element.set(name, f"var(--{_COLOURS[value]})")


def _own_ids(element: ElementTree.Element, name: str) -> None:
    for attribute, value in list(element.attrib.items()):
        if attribute == "id":
            element.set(attribute, f"{name}-{value}")
        elif attribute == _LINK:
            del element.attrib[attribute]
            element.set("href", f"#{name}-{value[1:]}")
        elif "url(#" in value:
            element.set(attribute, _REFERENCE.sub(rf"url(#{name}-\1)", value))
