"""An answer in XML, read back by the rules of the reference and by no code of the simulator."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree


def xml_content(encoded: bytes, *, like: Any) -> Any:
    """The content as nested lists of (key, value), values as text; ``like`` says what is an array.

    Keys of an object that are no element names must not come up in ``like``.
    """
    root = ElementTree.fromstring(encoded)
    assert root.tag == "response"
    return _content(root, like)


def _content(element: ElementTree.Element, like: Any) -> Any:
    children = list(element)
    if isinstance(like, list) and like:
        assert {child.tag for child in children} <= {"item"}
        return [_content(child, like[min(at, len(like) - 1)]) for at, child in enumerate(children)]
    if isinstance(like, dict) and like:
        return [(child.tag, _content(child, like.get(child.tag))) for child in children]
    return element.text or ""


def plain(value: Any) -> Any:
    """A JSON answer in the same form."""
    if isinstance(value, dict) and value:
        return [(key, plain(one)) for key, one in value.items()]
    if isinstance(value, list) and value:
        return [plain(one) for one in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None or value in ([], {}) else str(value)
