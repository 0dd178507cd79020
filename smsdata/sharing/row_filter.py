"""The filter of an export, such as ``status = 'pending' and id in (1, 2)``: read here, never run as it is.

Owns its grammar. A filter becomes a condition of columns that exist and values that are bound::

    filter  = both, {"or", both}
    both    = single, {"and", single}
    single  = "not", single | "(", filter, ")" | column, test
    test    = ("=" | "!=" | "<>" | "<" | "<=" | ">" | ">="), value
            | ["not"], "in", "(", value, {",", value}, ")" | "is", ["not"], "null"
    value   = 'text' | number | "true" | "false"
    column  = word | "word in double quotes"

Imports `analysis.core`, `schema.kinds`, `times` and `errors`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NoReturn

from smsdata.analysis.core.dialect import quoted
from smsdata.errors import UsageError
from smsdata.schema.kinds import family_named
from smsdata.times import instant

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")+")
    |(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?(?![\w.]))
    |(?P<sign><=|>=|!=|<>|[=<>(),])|(?P<word>[^\W\d]\w*))""",
    re.VERBOSE,
)
_WORDS = frozenset({"and", "or", "not", "in", "is", "null", "true", "false"})
_COMPARISONS = frozenset({"=", "!=", "<>", "<", "<=", ">", ">="})
_EQUALS = frozenset({"=", "!=", "<>", "in"})
_DEEPEST = 50
_NUMBERS = frozenset({"msisdn", "number", "longcode"})
_IN_FULL = re.compile(r"[1-9][0-9]{2,14}")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int


def row_condition(text: str, columns: Mapping[str, str]) -> tuple[str, list[Any]]:
    """Read a filter.

    Parameters
    ----------
    text
        As the grammar above has it; words of it in any case. A comparison with a missing value holds for no
        row, and so does its ``not``: ask for those with ``is null``.
    columns
        The columns there are, with what DuckDB calls their types.

    Returns
    -------
    tuple of str and list
        A condition for DuckDB with a ``?`` for each value, and the values.

    Raises
    ------
    UsageError
        The text does not fit the grammar, a column does not exist, or a value does not fit its column; it
        says at which character, and shows no value.

    Examples
    --------
    >>> row_condition("status = 'pending' or not id in (1, 2)", {"status": "VARCHAR", "id": "BIGINT"})
    ('("status" = ? OR (NOT "id" IN (?, ?)))', ['pending', 1, 2])
    """
    parser = _Parser(_read_tokens(text), columns)
    condition = parser.either(0)
    if parser.now.kind != "end":
        parser.refuse("expected and, or, or the end")
    return condition, parser.values


def number_hint(text: str) -> str:
    """Say of a filter that it asks for a number in a form that no table has; empty if it does not.

    >>> number_hint("status = 'pending' and msisdn = '+61 491 570 156'").split(":")[0]
    'where asks for a number that is spelled as no table has it'
    >>> number_hint("msisdn in ('61491570156') and msisdn >= '614' and sender = '0491570156'")
    ''
    """
    for column, sign, value in _texts_asked(_read_tokens(text)):
        if column in _NUMBERS and sign in _EQUALS and not _IN_FULL.fullmatch(value):
            return (
                "where asks for a number that is spelled as no table has it: write its digits with the "
                f"country code and nothing else, such as {column} = '61491570156'."
            )
    return ""


def _texts_asked(tokens: list[_Token]) -> Iterator[tuple[str, str, str]]:
    """Every text of a filter that can be read, with its column and how they are compared."""
    column = sign = ""
    for token in tokens:
        if token.kind in {"word", "quoted"}:
            column = token.text.strip('"')
        elif token.text in _COMPARISONS | _EQUALS:
            sign = token.text
        elif token.kind == "text":
            yield column, sign, token.text[1:-1]


def _read_tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            place = at + len(text[at:]) - len(text[at:].lstrip())
            what = "a text that does not end" if text[place] in "'\"" else "nothing that a filter has"
            raise UsageError(f"where: at character {place + 1} stands {what}. {_HOW}")
        kind = str(match.lastgroup)
        word = match[kind]
        if kind == "word" and word.lower() in _WORDS:
            kind, word = "keyword", word.lower()
        tokens.append(_Token(kind, word, match.end() - len(match[str(match.lastgroup)]) + 1))
        at = match.end()
    return [*tokens, _Token("end", "", len(text.rstrip()) + 1)]


_HOW = "Write it like: status = 'hard-bounce' and sent_at >= '2026-11-01'."


@dataclass
class _Parser:
    tokens: list[_Token]
    columns: Mapping[str, str]
    values: list[Any] = field(default_factory=list)
    at: int = 0

    @property
    def now(self) -> _Token:
        return self.tokens[self.at]

    def refuse(self, why: str) -> NoReturn:
        place = "at its end" if self.now.kind == "end" else f"at character {self.now.place}"
        raise UsageError(f"where: {place}: {why}. {_HOW}")

    def take(self, *texts: str) -> str:
        """Take the next token if it is one of these signs or words of the grammar; else give ''."""
        if self.now.kind in {"sign", "keyword"} and self.now.text in texts:
            self.at += 1
            return self.tokens[self.at - 1].text
        return ""

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            self.refuse(f"expected {sign}")

    def either(self, depth: int) -> str:
        parts = [self.both(depth)]
        while self.take("or"):
            parts.append(self.both(depth))
        return f"({' OR '.join(parts)})" if len(parts) > 1 else parts[0]

    def both(self, depth: int) -> str:
        parts = [self.single(depth)]
        while self.take("and"):
            parts.append(self.single(depth))
        return f"({' AND '.join(parts)})" if len(parts) > 1 else parts[0]

    def single(self, depth: int) -> str:
        if depth > _DEEPEST:
            self.refuse(f"more than {_DEEPEST} brackets or nots within each other")
        if self.take("not"):
            return f"(NOT {self.single(depth + 1)})"
        if self.take("("):
            inner = self.either(depth + 1)
            self.expect(")")
            return inner
        return self.test(self.column())

    def column(self) -> str:
        if self.now.kind not in {"word", "quoted"}:
            self.refuse("expected a column")
        name = self.now.text
        if self.now.kind == "quoted":
            name = name[1:-1].replace('""', '"')
        if name not in self.columns:
            self.refuse(f"there is no column {name!r}; there are: {', '.join(self.columns)}")
        self.at += 1
        return name

    def test(self, column: str) -> str:
        named = quoted(column)
        if self.take("is"):
            negated = "NOT " if self.take("not") else ""
            self.expect("null")
            return f"{named} IS {negated}NULL"
        negated = "NOT " if self.take("not") else ""
        if self.take("in"):
            self.expect("(")
            marks = [self.value(column)]
            while self.take(","):
                marks.append(self.value(column))
            self.expect(")")
            return f"{named} {negated}IN ({', '.join(marks)})"
        sign = "" if negated else self.take(*_COMPARISONS)
        if not sign:
            self.refuse(f"expected =, !=, <, <=, >, >=, in or is after {column}")
        return f"{named} {sign} {self.value(column)}"

    def value(self, column: str) -> str:
        token, engine_type = self.now, self.columns[column]
        family = "date" if engine_type == "DATE" else family_named(engine_type)
        if self.take("null"):
            self.at -= 1
            self.refuse(f"nothing equals null: write {column} is null")
        wanted, read = _VALUES.get(family, _VALUES["text"])
        if token.kind not in {"text", "number", "keyword"} or not (
            token.kind == wanted or (wanted == "keyword" and token.text in {"true", "false"})
        ):
            self.refuse(f"{column} takes {_SPELLED[family if family in _VALUES else 'text']}")
        try:
            self.values.append(read(token.text[1:-1].replace("''", "'") if wanted == "text" else token.text))
        except OverflowError:
            self.refuse(f"the number is too large: {column} holds numbers below {2**63:,}")
        except (ValueError, UsageError):
            self.refuse(f"{column} takes {_SPELLED[family]}")
        self.at += 1
        return "?"


def _bound_number(text: str) -> int | float:
    number = int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)
    if abs(number) >= 2**63:
        raise OverflowError
    return number


def _without_zone(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError
    return moment


_VALUES: dict[str, tuple[str, Any]] = {
    "text": ("text", str),
    "int": ("number", _bound_number),
    "float": ("number", _bound_number),
    "bool": ("keyword", lambda word: word == "true"),
    "instant": ("text", instant),
    "naive": ("text", _without_zone),
    "date": ("text", date.fromisoformat),
}
_SPELLED = {
    "text": "a text in single quotes",
    "int": "a number without quotes",
    "float": "a number without quotes",
    "bool": "true or false",
    "instant": "a time in single quotes, such as '2026-11-01' or '2026-11-01T09:30:00Z'",
    "naive": "a local time without a zone in single quotes, such as '2026-11-01'",
    "date": "a day in single quotes, such as '2026-11-01'",
}
