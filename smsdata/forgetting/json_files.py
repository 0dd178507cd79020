"""JSON beside the store without somebody: each text of others stays byte for byte, only what goes is cut out.

A tree of where each value stands is made of the text, and the places that change are replaced in it. So
order, indents, digits of numbers and keys that are there twice stay. Imports `store.forgotten`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from smsdata.store.forgotten import KEPT, WHOSE, Forgotten, column_named

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_LONGEST_NUMBER = 40


@dataclass(slots=True)
class _Node:
    """A value of a text: where it stands, and of an object or a list what it holds, with its keys."""

    kind: str
    start: int
    end: int = 0
    keys: list[_Node] = field(default_factory=list)
    values: list[_Node] = field(default_factory=list)


def is_json(text: str) -> bool:
    """Whether a text is an object or a list of JSON."""
    try:
        begins = text.lstrip("\ufeff \t\r\n")
        return begins[:1] in ("{", "[") and json.loads(begins, parse_int=str, parse_float=str) is not None
    except (ValueError, RecursionError):
        return False


def json_left(text: str, gone: Forgotten) -> tuple[str, bool]:
    """JSON without somebody, and whether all that it says of the person is gone.

    It is not where the number stands outside a row that says whose it is: a name may stand beside it.
    """
    edits = _Edits(text, gone)
    edits.value(_tree(text))
    return edits.made(), edits.whole


def _tree(text: str) -> _Node:
    """Where each value of a valid text stands."""
    top = _Node("[", 0)
    open_ones = [top]
    for token in _TOKEN.finditer(text, len(text) - len(text.lstrip("\ufeff"))):
        sign, into = token[0][0], open_ones[-1]
        if sign in "}]":
            open_ones.pop().end = token.end()
        elif sign not in ",:":
            node = _Node(sign if sign in '{["' else "0", token.start(), token.end())
            is_key = into.kind == "{" and len(into.keys) == len(into.values)
            (into.keys if is_key else into.values).append(node)
            if sign in "{[":
                open_ones.append(node)
    return top.values[0]


class _Edits:
    """What is put in the place of some pieces of a text."""

    def __init__(self, text: str, gone: Forgotten) -> None:
        self._text = text
        self._gone = gone
        self._pieces: list[tuple[int, int, str]] = []
        self.whole = True

    def made(self) -> str:
        """The text with what was put in."""
        made, at = [], 0
        for start, end, new in sorted(self._pieces):
            made += [self._text[at:start], new]
            at = end
        return "".join([*made, self._text[at:]])

    def value(self, node: _Node, name: str = "", *, in_a_row: bool = False) -> None:
        """Take somebody out of a value; `in_a_row` where it is one of a row of somebody else."""
        if node.kind == "{":
            self._object(node)
        elif node.kind == "[":
            for one in node.values:
                self.value(one, name, in_a_row=in_a_row)
        else:
            self._scalar(node, name, in_a_row=in_a_row)

    def _scalar(self, node: _Node, name: str, *, in_a_row: bool) -> None:
        value = self._plain(node)
        if isinstance(value, str) and is_json(value):
            left, whole = json_left(value, self._gone)
            self.whole &= whole
        else:
            left, whole = self._gone.value(value, name), in_a_row
        if _differ(left, value):
            self.whole &= whole
            self._put(node, left)

    def _plain(self, node: _Node) -> Any:
        """The value of a piece of the text; a number of more digits than a phone's as it is written."""
        written = self._text[node.start : node.end]
        if node.kind == "0" and len(written) > _LONGEST_NUMBER:
            return None
        return json.loads(written, parse_int=_short_number)

    def _put(self, node: _Node, value: Any) -> None:
        ascii_only = self._text[node.start : node.end].isascii()
        self._pieces.append((node.start, node.end, json.dumps(value, ensure_ascii=ascii_only)))

    def _names(self, node: _Node) -> list[str]:
        return [column_named(json.loads(self._text[one.start : one.end])) for one in node.keys]

    def _is_somebody(self, value: Any) -> bool:
        return _differ(self._gone.value({"msisdn": value})["msisdn"], value)

    # ---- objects ---------------------------------------------------------------------------------

    def _object(self, node: _Node) -> None:
        names = self._names(node)
        whose = [one for name, one in zip(names, node.values, strict=True) if name in WHOSE]
        flat = [one for one in whose if one.kind in '"0']
        if any(self._is_somebody(self._plain(one)) for one in flat):
            self._row(names, node)
        elif not (self._columns(names, node) or self._split(names, node)):
            self._keys(node.keys)
            for name, one in zip(names, node.values, strict=True):
                self._one_of(names, node, name, one, of_another=bool(flat))

    def _one_of(self, names: list[str], node: _Node, name: str, one: _Node, *, of_another: bool) -> None:
        before = len(self._pieces)
        self.value(one, name, in_a_row=of_another)
        alone = one.values[0] if one.kind == "[" and len(one.values) == 1 else one
        if alone.kind == "{" and len(self._pieces) > before:
            said = zip(names, node.values, strict=True)
            self.whole &= all(other.kind != '"' or key in KEPT for key, other in said)

    def _row(self, names: list[str], node: _Node) -> None:
        """A row of the person: of its values only harmless ones stay."""
        facts = {name: self._plain_whole(one) for name, one in zip(names, node.values, strict=True)}
        last = {name: at for at, name in enumerate(names)}
        hits = {
            name: value
            for name, one in zip(names, node.values, strict=True)
            if name in WHOSE and one.kind in '"0' and self._is_somebody(value := self._plain(one))
        }
        left = self._gone.value(facts | hits)
        kept = [at for at, name in enumerate(names) if last[name] == at and name in left]
        for at in kept:
            if _differ(left[names[at]], facts[names[at]]):
                self._put(node.values[at], left[names[at]])
        self._cut(node, kept)

    def _plain_whole(self, node: _Node) -> Any:
        return json.loads(self._text[node.start : node.end], parse_int=_short_number)

    def _cut(self, node: _Node, kept: Sequence[int]) -> None:
        """Cut all members out of an object but some."""
        for at, key in enumerate(node.keys[: kept[-1]]):
            if at not in kept:
                self._pieces.append((key.start, node.keys[at + 1].start, ""))
        if kept[-1] < len(node.keys) - 1:
            self._pieces.append((node.values[kept[-1]].end, node.values[-1].end, ""))

    # ---- tables: by columns, or with the names of columns by themselves ----------------------------

    def _columns(self, names: list[str], node: _Node) -> bool:
        """A table by columns (lists, or objects by row): whether it is one that says whose a row is."""
        kinds = {one.kind for one in node.values}
        lengths = {len(one.values) for one in node.values}
        if kinds not in ({"{"}, {"["}) or (kinds == {"["} and len(lengths) > 1):
            return False
        cells = [dict(self._cells(one)) for one in node.values]
        whose = [of for name, of in zip(names, cells, strict=True) if name in WHOSE]
        if not whose or any(one.kind in "{[" for of in whose for one in of.values()):
            return False
        for row in dict.fromkeys(row for of in cells for row in of):
            here = [(name, of[row]) for name, of in zip(names, cells, strict=True) if row in of]
            self._cells_of_row(here)
        self._keys(key for one in (node, *node.values) for key in one.keys)
        return True

    def _keys(self, keys: Iterable[_Node]) -> None:
        for key in keys:
            self._scalar(key, "", in_a_row=False)

    def _cells(self, node: _Node) -> Iterator[tuple[str, _Node]]:
        if node.kind == "[":
            return ((str(at), one) for at, one in enumerate(node.values))
        keys = (self._text[key.start : key.end] for key in node.keys)
        return zip(keys, node.values, strict=True)

    def _split(self, names: list[str], node: _Node) -> bool:
        """A table whose columns are named beside its rows: whether it is one."""
        of = dict(zip(names, node.values, strict=True))
        heads, rows = of.get("columns"), of.get("data")
        if heads is None or rows is None or {one.kind for one in heads.values} != {'"'}:
            return False
        columns = [column_named(self._plain(one)) for one in heads.values]
        shapes = {(row.kind, len(row.values)) for row in rows.values}
        if not set(WHOSE) & set(columns) or shapes != {("[", len(columns))}:
            return False
        for row in rows.values:
            self._cells_of_row(list(zip(columns, row.values, strict=True)))
        self._keys(node.keys)
        for name, one in zip(names, node.values, strict=True):
            if one is not rows:
                self.value(one, name)
        return True

    def _cells_of_row(self, cells: list[tuple[str, _Node]]) -> None:
        """The cells of one row; those of the person's rows become null."""
        facts = {name: self._plain_whole(one) for name, one in cells}
        theirs = any(self._is_somebody(facts[name]) for name in WHOSE if name in facts)
        left = self._gone.value(facts) if theirs else facts
        for name, one in cells:
            if not theirs:
                self.value(one, name, in_a_row=True)
            elif _differ(left.get(name), facts[name]):
                self._put(one, left.get(name))


def _short_number(written: str) -> int | None:
    return int(written) if len(written) <= _LONGEST_NUMBER else None


def _differ(one: Any, other: Any) -> bool:
    """Whether two values differ; what is no number (NaN) is equal to itself."""
    return one is not other and bool(one != other)
