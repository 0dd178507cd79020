"""JSON beside the store without somebody: each text of others stays byte for byte, only what goes is cut out.

A tree of where each value stands is made of the text, and the places that change are replaced in it. So
order, indents, digits of numbers and keys that are there twice stay. Owns what counts as somebody's number in
one cell of any table, which may hold JSON. Imports `json_schemas` and `store.forgotten`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import zip_longest
from math import isfinite
from typing import Any

from smsdata.forgetting.json_schemas import fields_that_fit, is_schema, places_of_rows
from smsdata.store.forgotten import (
    KEPT,
    PERSONAL,
    TEXTS,
    WHOSE,
    Forgotten,
    column_named,
    first_number,
    is_whose,
)

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_LONGEST_NUMBER = 40
_NUMERAL = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,2})?")
_PLACE = re.compile(
    r"[0-9]{1,6}|[0-9]{13}|[0-9]{4}[-_][0-9]{2}[-_][0-9]{2}[0-9TtZz:. _+-]*|forgotten-[a-p]+|None"
)
"""What says the place of a row and no more: its number, an instant, nothing."""
_MARKS = "\ufeff \t\r\n"


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
        begins = text.lstrip(_MARKS)
        return begins[:1] in ("{", "[") and json.loads(begins, parse_int=str, parse_float=str) is not None
    except (ValueError, RecursionError):
        return False


def json_left(text: str, gone: Forgotten) -> tuple[str, bool]:
    """JSON without somebody, and whether all that it says of the person is gone.

    It is not where the number stands outside a row that says whose it is: a name may stand beside it.
    """
    edits = _Edits(text, gone)
    edits.value(_tree(text))
    left = edits.made()
    return (_with_fitting_fields(text, left) if edits.typed and left != text else left), edits.whole


# ---- rows and their cells, of every format ------------------------------------------------------------


def cell_left(value: Any, name: str, gone: Forgotten) -> Any:
    """One value of a table or a record without somebody, by the name of its column; JSON stays as coded.

    Digits alone that lack their country code count in a column that says whose the row is; elsewhere they
    may be an id, a price or a count. Of a fraction or a negative number none counts.
    """
    if isinstance(value, dict):
        if gone.is_own({column_named(key): one for key, one in value.items()}):
            return gone.of_person(value, partial(cell_left, gone=gone))
        return {gone.text(key): cell_left(one, column_named(key), gone) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [cell_left(one, name, gone) for one in value]
    if isinstance(value, str) and is_json(value):
        return json_left(value, gone)[0]
    return plain_left(value, name, gone)


def plain_left(value: Any, name: str, gone: Forgotten) -> Any:
    """A text or a number without somebody, by the name of its column as tables have it.

    Digits alone that lack their country code count in a column that says whose a row is, and as the text of
    a message; elsewhere they may be an id, a price or a count. A fraction and a negative number are nobody's.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return value
    if is_whose(name) and (one := gone.whose(float(value) if isinstance(value, Decimal) else value)):
        return one
    digits = None if name in TEXTS else whole_digits(value)
    if digits is None:
        return gone.text(value) if isinstance(value, str) else value
    return value if not digits or digits in gone.bare else gone.stand_in(digits) or value


def says_two(facts: Mapping[str, Any], gone: Forgotten) -> bool:
    """Whether the cell that says whose a row is has somebody's number and another: nobody can tell whose."""
    first = first_number(facts)
    return isinstance(first, str) and gone.text(first) != first and not gone.is_own(facts)


def whole_digits(value: str | float | Decimal) -> str | None:
    """The digits of a whole number; empty for any other number, None for a text that is none.

    >>> whole_digits(61491570156.0), whole_digits("0491570156"), whole_digits("6.1491570156E+10")
    ('61491570156', '0491570156', '61491570156')
    >>> whole_digits(-61491570156), whole_digits("0.491570156"), whole_digits("call 0491570156")
    ('', '', None)
    """
    if isinstance(value, str):
        numeral = _NUMERAL.fullmatch(value.strip())
        if numeral is None or value.strip()[0] == "+":
            return None
        if numeral[1] is None and numeral[2] is None:
            return value.strip() if value.strip()[0] != "-" else ""
        value = Decimal(value.strip())
    if not isfinite(value) or value < 0 or value != int(value):
        return ""
    return str(int(value))


def row_left(facts: dict[str, Any], gone: Forgotten) -> dict[str, Any]:
    """The cells of a row without somebody, by the names of their columns; empty ones where they go."""
    if gone.is_own(facts):
        left = gone.of_person(facts, partial(cell_left, gone=gone))
        return {name: left.get(name, "") for name in facts}
    return {name: cell_left(value, name, gone) for name, value in facts.items()}


# ---- JSON -----------------------------------------------------------------------------------------------


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
        self.typed = False
        """Whether it says of which types its columns are, as pandas does with the orient `table`."""

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
            left, whole = plain_left(value, name, self._gone), in_a_row
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

    # ---- objects ---------------------------------------------------------------------------------

    def _object(self, node: _Node) -> None:
        names = self._names(node)
        said = self._said_of_whose(names, node)
        if self._gone.is_own(said):
            self._row(names, node, said)
        elif not (self._columns(names, node) or self._split(names, node) or self._table(names, node)):
            self._keys(node.keys)
            of_another = bool(said) and not says_two(said, self._gone)
            for name, one in zip(names, node.values, strict=True):
                self._one_of(names, node, name, one, of_another=of_another)

    def _said_of_whose(self, names: list[str], node: _Node) -> dict[str, Any]:
        """What an object says under the names of numbers; of a key that is there twice the person's."""
        said: dict[str, Any] = {}
        for name, one in zip(names, node.values, strict=True):
            if name in WHOSE and one.kind in '"0':
                value = self._plain(one)
                if name not in said or self._gone.whose(value):
                    said[name] = value
        return said

    def _one_of(self, names: list[str], node: _Node, name: str, one: _Node, *, of_another: bool) -> None:
        before = len(self._pieces)
        self.value(one, name, in_a_row=of_another)
        if one.kind == "{" and len(node.values) > 1 and {other.kind for other in node.values} == {"{"}:
            self._beside(self._gone.is_own(self._said_of_whose(self._names(one), one)), name)
        alone = one.values[0] if one.kind == "[" and len(one.values) == 1 else one
        if alone.kind == "{" and len(self._pieces) > before:
            said = zip(names, node.values, strict=True)
            self.whole &= all(other.kind != '"' or key in KEPT for key, other in said)

    def _row(self, names: list[str], node: _Node, said: dict[str, Any]) -> None:
        """A row of the person: of its values only harmless ones stay, its keys name columns and stay."""
        facts = {name: _value_at(self._text, one) for name, one in zip(names, node.values, strict=True)}
        last = {name: at for at, name in enumerate(names)}
        last_as_written = {self._text[key.start : key.end]: at for at, key in enumerate(node.keys)}
        left = self._of_person(facts | said)
        kept = sorted(last_as_written.values())
        for at in kept:
            new = left.get(names[at]) if last[names[at]] == at else None
            if _differ(new, _value_at(self._text, node.values[at])):
                self._put(node.values[at], new)
            self._scalar(node.keys[at], "", in_a_row=True)
        self._cut(node, kept)

    def _of_person(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        return self._gone.of_person(facts, partial(cell_left, gone=self._gone))

    def _beside(self, theirs: bool, place: Any) -> None:
        """What says the place of a row stays; where it is the person's and a word, that may be a name."""
        self.whole &= not theirs or _PLACE.fullmatch(str(place)) is not None

    def _cut(self, node: _Node, kept: Sequence[int]) -> None:
        """Cut all members out of an object but some: of a key that is there twice the last one counts."""
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
            self._beside(self._cells_of_row(here), row.strip('"'))
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
        places = of["index"].values if "index" in of else []
        for row, place in zip_longest(rows.values, places):
            if row is not None:
                theirs = self._cells_of_row(list(zip(columns, row.values, strict=True)))
                self._beside(theirs, self._plain(place) if place is not None and place.kind in '"0' else 0)
        self._keys(node.keys)
        for name, one in zip(names, node.values, strict=True):
            if one is not rows:
                self.value(one, name)
        return True

    def _cells_of_row(self, cells: list[tuple[str, _Node]], places: Iterable[str] = ()) -> bool:
        """The cells of one row; those of the person's rows become null, but for the place of the row.

        Gives whether it is the person's.
        """
        facts = {name: _value_at(self._text, one) for name, one in cells}
        if not self._gone.is_own(facts):
            in_a_row = any(name in WHOSE for name in facts) and not says_two(facts, self._gone)
            for name, one in cells:
                self.value(one, name, in_a_row=in_a_row)
            return False
        left = self._of_person(facts)
        for name in places:
            if name not in left:
                left[name] = cell_left(facts.get(name), name, self._gone)
                self._beside(True, left[name])
        for name, one in cells:
            if _differ(left.get(name), facts[name]):
                self._put(one, left.get(name))
        return True

    def _table(self, names: list[str], node: _Node) -> bool:
        """A table that says of which types its columns are: whether it is one."""
        of = dict(zip(names, node.values, strict=True))
        schema, rows = of.get("schema"), of.get("data")
        if schema is None or rows is None or {rows.kind, *(row.kind for row in rows.values)} != {"[", "{"}:
            return False
        facts = _value_at(self._text, schema)
        if not is_schema(facts):
            return False
        self.typed = True
        places = [name for name in map(column_named, places_of_rows(facts)) if name not in PERSONAL]
        for row in rows.values:
            self._keys(row.keys)
            self._cells_of_row(list(zip(self._names(row), row.values, strict=True)), places)
        for name, one in zip(names, node.values, strict=True):
            if one is not rows:
                self.value(one, name, in_a_row=True)
        return True


def _with_fitting_fields(before: str, after: str) -> str:
    """A table that says of which types its columns are, and says so still once their values changed."""
    was, told = (json.loads(text.lstrip(_MARKS), parse_int=_short_number) for text in (before, after))
    if not isinstance(told, dict) or not is_schema(told.get("schema")):
        return after
    node = _tree(after)
    for key in ("schema", "fields"):
        node = next(
            one for name, one in zip(node.keys, node.values, strict=True)
            if json.loads(after[name.start : name.end]) == key
        )  # fmt: skip
    for one, old, new in reversed(
        list(zip(node.values, told["schema"]["fields"], fields_that_fit(was, told), strict=True))
    ):
        if new != old:
            after = after[: one.start] + json.dumps(new, separators=(",", ":")) + after[one.end :]
    return after


def _value_at(text: str, node: _Node) -> Any:
    return json.loads(text[node.start : node.end], parse_int=_short_number)


def _short_number(written: str) -> int | None:
    return int(written) if len(written) <= _LONGEST_NUMBER else None


def _differ(one: Any, other: Any) -> bool:
    """Whether two values differ; what is no number (NaN) is equal to itself."""
    return one is not other and bool(one != other)
