"""The SQL that helpers write: one text, spelt for the engine that runs it.

Owns the dialect. It is what DuckDB and Spark SQL have in common, and

* ``@messages`` is the table handed in as ``messages``;
* ``"name"`` is always an identifier and ``'text'`` always a text, in both engines (see `quoted`);
* ``:since`` is a bound value;
* an instant is read as ``unix_micros("sent_at")`` and stays an integer from there on, so no engine's idea of
  a time zone can enter; ``date_from_unix_date(days)`` is the other function that DuckDB lends from Spark;
* a sum is written ``CAST(sum(x) AS BIGINT)``, a conditional count ``count(*) FILTER (WHERE ...)``.

Knows neither engine. Imports nothing of smsdata.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?P<name>(?:[^"]|"")*)"|@(?P<table>\w+)|:(?P<value>[a-z_]\w*)""")


def quoted(name: str) -> str:
    """Quote an identifier for the shared dialect, whatever characters it has.

    >>> print(quoted('a "b" c'))
    "a ""b"" c"
    """
    return '"' + name.replace('"', '""') + '"'


def backticks(name: str) -> str:
    """Quote an identifier for Spark.

    >>> backticks("a `b`")
    '`a ``b```'
    """
    return "`" + name.replace("`", "``") + "`"


def translated(
    sql: str, *, name: Callable[[str], str], table: Callable[[str], str], value: Callable[[str], str]
) -> str:
    """Spell the shared text for one engine; what stands in 'quotes' is left alone.

    Parameters
    ----------
    sql : str
        A text of the dialect.
    name, table, value : callable
        How the engine writes an identifier, a table that was handed in, and a bound value.

    Examples
    --------
    >>> translated('SELECT "id" FROM @replies', name=backticks, table="view_".__add__, value=":".__add__)
    'SELECT `id` FROM view_replies'
    """

    def spelt(match: re.Match[str]) -> str:
        if match["name"] is not None:
            return name(match["name"].replace('""', '"'))
        if match["table"]:
            return table(match["table"])
        return value(match["value"]) if match["value"] else match[0]

    return _TOKEN.sub(spelt, sql)


def bound(sql: str, values: Mapping[str, object]) -> dict[str, object]:
    """Give those of the values that the text names.

    >>> bound("SELECT :a", {"a": 1, "b": 2})
    {'a': 1}
    """
    used = {match["value"] for match in _TOKEN.finditer(sql)}
    return {name: value for name, value in values.items() if name in used}


def tidy(sql: str) -> str:
    r"""Write a text as `explain` shows it: no indents, no empty lines.

    >>> tidy("  SELECT 1\n\n  FROM x")
    'SELECT 1\nFROM x'
    """
    lines = (line.strip() for line in sql.splitlines())
    return "\n".join(line for line in lines if line)
