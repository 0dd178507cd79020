"""A helper of `smsdata.analysis` by its name: which tables it is given, for which period, with which options.

Owns what a period means for each helper: one whose answer would be wrong without what came before or after
takes none. Imports `analysis`, `store`, `schema` and `errors`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from smsdata import analysis
from smsdata.errors import UsageError
from smsdata.schema.tables import TABLES
from smsdata.store.store import Store

_PERIOD = {
    **dict.fromkeys(
        ("alarms", "compare_rates", "delivery_rate", "delivery_trend", "number_details", "segments",
         "sent_after_optout"), "messages",
    ),
    **dict.fromkeys(("optout_rate", "time_quantiles", "time_to_deliver", "time_to_settle"), "dlrs"),
    **dict.fromkeys(("avoidable_parts", "costs"), "campaigns"),
    "classify_replies": "replies",
}  # fmt: skip
"""By helper, the table whose rows a period picks; all others are given whole."""

_MADE_FIRST = {
    ("alarms", "rates"): "delivery_rate",
    ("time_quantiles", "curve"): "time_to_deliver",
    ("sent_after_optout", "optouts"): "optouts",
    ("list_growth", "optouts"): "optouts",
}
"""Parameters that take the result of another helper."""

_SCANNED_AS = {("number_details", "numbers"): "messages"}
_NOT_ASKED = frozenset({"presets", "callbacks", "numbers", "holidays"})
RESULTS = tuple(
    name
    for name in analysis.__all__
    if inspect.isfunction(getattr(analysis, name)) and name not in {"explain", "to_spark"}
)
"""The helpers whose results can be exported."""


def make_result(
    name: str,
    store: Store,
    *,
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    options: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, set[str]]:
    """Ask a helper about a store.

    Parameters
    ----------
    name
        The helper, such as ``"delivery_rate"``.
    store
        The store, whose tables it is given.
    since, until
        The period; refused by helpers that need what came before and after.
    options
        Options of the helper as text: ``{"by": "sender,week", "mature_only": "true"}``.

    Returns
    -------
    tuple of DataFrame and set
        What the helper gives, and the names of the tables it was given.

    Raises
    ------
    UsageError
        There is no such helper or option, or it takes no period; or as the helper.
    """
    if name not in RESULTS:
        raise UsageError(f"there is no result {name!r}; there are: {', '.join(RESULTS)}.")
    bounded = _PERIOD.get(name)
    if bounded is None and (since is not None or until is not None):
        raise UsageError(
            f"{name} takes no --since and --until, for it needs what came before and after: pick rows of its "
            "result with --where."
        )
    made = _Asked(store, bounded, since, until, dict(options or {}))
    frame = made.result(name)
    if made.options:
        known = ", ".join(sorted(made.known)) or "none"
        raise UsageError(f"{name} has no option {next(iter(made.options))!r}; it has: {known}.")
    return frame, made.tables


def groups_by_nothing(name: str) -> bool:
    """Whether a helper groups only where it is told to, and else has no use for a time zone.

    >>> groups_by_nothing("delivery_rate"), groups_by_nothing("delivery_trend")
    (True, False)
    """
    parameters = inspect.signature(getattr(analysis, name)).parameters
    return "by" in parameters and parameters["by"].default is None


class _Asked:
    """One question to a store: the tables it took, and the options that nobody has taken yet."""

    def __init__(
        self,
        store: Store,
        bounded: str | None,
        since: str | datetime | None,
        until: str | datetime | None,
        options: dict[str, str],
    ) -> None:
        self.options = options
        self.known: set[str] = set()
        self.tables: set[str] = set()
        self._store, self._bounded = store, bounded
        self._period = {"since": since, "until": until}

    def result(self, name: str) -> pd.DataFrame:
        helper: Callable[..., pd.DataFrame] = getattr(analysis, name)
        given: dict[str, Any] = {}
        # Where a helper groups, the table is there for custom fields of contacts alone.
        helpful = {"list_members"} if "by" in inspect.signature(helper).parameters else set()
        for parameter in inspect.signature(helper).parameters.values():
            key = (name, parameter.name)
            if key in _MADE_FIRST:
                given[parameter.name] = self.result(_MADE_FIRST[key])
            elif key in _SCANNED_AS:
                given[parameter.name] = self._scan(_SCANNED_AS[key])
            elif parameter.name in _NOT_ASKED or (
                parameter.name in helpful and parameter.default is None and not self._of_contacts()
            ):
                continue
            elif parameter.name in TABLES:
                given[parameter.name] = self._scan(parameter.name)
            else:
                self.known.add(parameter.name)
                if parameter.name in self.options:
                    given[parameter.name] = _option(name, parameter, self.options.pop(parameter.name))
                elif parameter.default is parameter.empty:
                    raise UsageError(f"{name} needs the option {parameter.name}, such as --by sender.")
        return helper(**given)

    def _of_contacts(self) -> bool:
        return any("contact:" in text for text in self.options.values())

    def _scan(self, table: str) -> Any:
        self.tables.add(table)
        return self._store.scan(table, **(self._period if table == self._bounded else {}))


def _option(helper: str, parameter: inspect.Parameter, text: str) -> Any:
    """An option's value: of the kind of its default, or of what its signature says."""
    default, said = parameter.default, str(parameter.annotation)
    try:
        if isinstance(default, bool):
            return {"true": True, "yes": True, "false": False, "no": False}[text.lower()]
        if isinstance(default, int) or said.startswith("int"):
            return int(text)
        if isinstance(default, float):
            return float(text)
        if isinstance(default, tuple):
            return [type(default[0])(word.strip()) for word in text.split(",")]
    except (KeyError, ValueError):
        raise UsageError(
            f"{helper}: {parameter.name} cannot be {text!r}; without it, it is {default}."
        ) from None
    words = [word.strip() for word in text.split(",")]
    return words if parameter.name == "by" and len(words) > 1 else text
