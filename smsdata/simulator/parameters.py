"""How the simulated world behaves, as files say: parameters.toml beside this module, and those of one's own.

Owns the sections of such a file, what each value may be, and the errors about them; holds no figure itself.
Imports the rules for values, the outages and the clock.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from smsdata.simulator.clock import epoch
from smsdata.simulator.outages import Outage
from smsdata.simulator.parameter_rules import (
    Rule,
    any_text,
    count_figure,
    digits_or_none,
    figure,
    from_and_to,
    list_of_prefixes,
    list_of_rates,
    list_of_words,
    number_between,
    seconds_figure,
    share_figure,
    shown_value,
    true_or_false,
    weighted_texts,
    weights_for,
    word_of,
)
from smsdata.simulator.recipients import STATUS_WORDS

SHIPPED = Path(__file__).with_name("parameters.toml")


class ParameterError(ValueError):
    """A file of parameters that cannot be taken: one line that names the key."""


# -- the sections --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AccountSection:
    """The arguments of `Account` of these names."""

    reply_rate: float = share_figure()
    link_rate: float = share_figure()
    dead: float = share_figure()
    late: float = share_figure()
    late_replies: float = share_figure()
    copies: float = share_figure()
    goo: bool = figure(true_or_false)
    clients: int = count_figure()
    readd_refused: float = share_figure()
    credit: float = figure(number_between(0, 1e12, "an amount"))


@dataclass(frozen=True)
class Carrier:
    """What becomes of messages to numbers that begin with ``prefix``."""

    name: str = figure(any_text)
    prefix: str = figure(digits_or_none)
    gone: float = share_figure()
    soft: float = share_figure()
    expired: float = share_figure()
    slow: float = share_figure()
    quick_log_mean: float = figure(number_between(-20, 20, "a number from -20 to 20"))
    quick_log_sd: float = figure(number_between(0, 10, "a number from 0 to 10"))


@dataclass(frozen=True)
class ReceiptsSection:
    """When a status is known, and when rows are listed."""

    quick_longest: int = seconds_figure(1)
    slow_from: int = seconds_figure()
    slow_until: int = seconds_figure(1)
    expire_after: int = seconds_figure(1)
    late: float = share_figure()
    late_longest: int = seconds_figure(1)
    listed_from: int = seconds_figure()
    listed_until: int = seconds_figure(1)
    replies_listed_until: int = seconds_figure(1)


@dataclass(frozen=True)
class HoursSection:
    """Weights of the hours of a day."""

    sends: tuple[float, ...] = figure(weights_for(24))
    replies: tuple[float, ...] = figure(weights_for(24))


@dataclass(frozen=True)
class SeasonSection:
    """Weights of weekdays and months."""

    weekdays: tuple[float, ...] = figure(weights_for(7))
    months: tuple[float, ...] = figure(weights_for(12))


@dataclass(frozen=True)
class RepliesSection:
    """When people answer, and what."""

    wait_mean: int = seconds_figure(1)
    wait_least: int = seconds_figure()
    wait_longest: int = seconds_figure(1)
    texts: tuple[tuple[str, float], ...] = figure(weighted_texts)


@dataclass(frozen=True)
class ClicksSection:
    """Who follows links, and when."""

    share: float = share_figure()
    wait_mean: int = seconds_figure(1)
    optout_from: int = seconds_figure()
    optout_until: int = seconds_figure(1)


@dataclass(frozen=True)
class ListsSection:
    """Who is on the lists of an account, and how fast others join by an import."""

    inactive: float = share_figure()
    deleted: float = share_figure()
    imported_a_second: int = count_figure(1)


@dataclass(frozen=True)
class TrafficSection:
    """Where sends go and come from, how fast, and what they cost."""

    to_lists: float = share_figure()
    from_number: float = share_figure()
    price: float = figure(number_between(0, 1e6, "an amount"))
    countries: tuple[str, ...] = figure(list_of_prefixes)
    paces: tuple[int, ...] = figure(list_of_rates)


@dataclass(frozen=True)
class GatewaySection:
    """The arguments of `Gateway` of these names."""

    limiter: str = figure(word_of("sliding calendar bucket none"))
    order: str = figure(word_of("newest oldest shuffled"))
    max_page: int = count_figure(1)
    reseller: bool = figure(true_or_false)
    bounds: str = figure(word_of("[] [) (] ()"))
    quirks: bool = figure(true_or_false)
    date_offset: float = figure(number_between(-1e9, 1e9, "seconds"))
    latency: tuple[float, float] = figure(from_and_to)


@dataclass(frozen=True)
class DriftSection:
    """The arguments of `Drift` of these names; no kinds, no drift."""

    kinds: tuple[str, ...] = figure(list_of_words)
    every_pages: int = count_figure(1)
    rows: int = count_figure()
    seconds: int = seconds_figure()


@dataclass(frozen=True)
class CallbacksSection:
    """How callbacks are made."""

    form: bool = figure(true_or_false)
    doubled: float = share_figure()
    doubled_after: int = seconds_figure()


@dataclass(frozen=True)
class KeywordsSection:
    """Whether keywords act."""

    on: bool = figure(true_or_false)


_SECTIONS: Mapping[str, type] = {
    "account": AccountSection, "receipts": ReceiptsSection, "hours": HoursSection, "season": SeasonSection,
    "replies": RepliesSection, "clicks": ClicksSection, "lists": ListsSection, "traffic": TrafficSection,
    "gateway": GatewaySection, "drift": DriftSection, "callbacks": CallbacksSection,
    "keywords": KeywordsSection,
}  # fmt: skip


@dataclass(frozen=True)
class Parameters:
    """All that a file says; ``given`` are the keys that a file of one's own names, such as ``account.dead``.

    Examples
    --------
    >>> shipped_parameters().account.dead
    0.04
    >>> changed = shipped_parameters().changed({"account": {"dead": 0.2}})
    >>> changed.account.dead, changed.account.reply_rate, sorted(changed.given)
    (0.2, 0.08, ['account.dead'])
    """

    outages: tuple[Outage, ...]
    carriers: tuple[Carrier, ...]
    account: AccountSection
    receipts: ReceiptsSection
    hours: HoursSection
    season: SeasonSection
    replies: RepliesSection
    clicks: ClicksSection
    lists: ListsSection
    traffic: TrafficSection
    gateway: GatewaySection
    faults: Mapping[str, float]
    drift: DriftSection
    callbacks: CallbacksSection
    keywords: KeywordsSection
    given: frozenset[str] = frozenset()

    def changed(self, content: Mapping[str, Any]) -> Parameters:
        """The same with what a file says instead; raises `ParameterError` for what it may not say."""
        sections = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "given"}
        new: dict[str, Any] = {}
        for name, value in content.items():
            if name not in sections:
                raise ParameterError(
                    f"{_key(name)}: there is no such section. There are {', '.join(sections)}."
                )
            new[name] = _read_section(name, value, sections[name])
        keys = {
            f"{name}.{key}" for name, value in content.items() if isinstance(value, dict) for key in value
        }
        made = replace(self, **new, given=self.given | keys | (content.keys() & {"outages", "carriers"}))
        _refuse_contradictions(made)
        return made


def _read_section(name: str, value: Any, old: Any) -> Any:
    """One section of a file, over the one it replaces."""
    if name in ("outages", "carriers"):
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise ParameterError(f"{name}: write each as a section of its own, [[{name}]].")
        if name == "outages":
            return tuple(_outage(f"outages[{number}]", one) for number, one in enumerate(value))
        if not value:
            raise ParameterError("carriers: there must be one.")
        return tuple(_over(f"carriers[{number}]", one, old[-1]) for number, one in enumerate(value))
    if not isinstance(value, dict):
        raise ParameterError(f"{name}: write it as a section, [{name}].")
    if name == "faults":
        rule = number_between(0, 1, "a share from 0 to 1")
        return {**old, **{key: _checked(f"faults.{key}", key, old, rule, one) for key, one in value.items()}}
    return _over(name, value, old)


def _over(name: str, value: Mapping[str, Any], old: Any) -> Any:
    """The same section with these values instead."""
    rules = {one.name: one.metadata["rule"] for one in fields(old)}
    return replace(
        old, **{key: _checked(f"{name}.{key}", key, rules, rules.get(key), one) for key, one in value.items()}
    )


def _checked(where: str, key: str, known: Iterable[str], rule: Rule | None, value: Any) -> Any:
    """A value that its rule allows."""
    if key not in known or rule is None:
        place = where.removesuffix(key) + _key(key)
        raise ParameterError(f"{place}: there is no such parameter. There are {', '.join(known)}.")
    try:
        return rule(value)
    except ValueError as error:
        raise ParameterError(f"{where}: {shown_value(value)} is not {error}.") from None


def _key(name: str) -> str:
    """A key that may be any text, in one line."""
    return name if re.fullmatch(r"[\w-]{1,60}", name) else shown_value(name)


_IN_ORDER = (
    ("receipts", "slow_from", "slow_until"), ("receipts", "listed_from", "listed_until"),
    ("replies", "wait_least", "wait_longest"), ("clicks", "optout_from", "optout_until"),
)  # fmt: skip


def _refuse_contradictions(made: Parameters) -> None:
    """Refuse figures that are good by themselves and not beside others."""
    for section, first, last in _IN_ORDER:
        low, high = getattr(getattr(made, section), first), getattr(getattr(made, section), last)
        if low >= high:
            raise ParameterError(f"{section}.{last}: {high} is not more than {first}, {low}.")
    for number, one in enumerate(made.carriers):
        shares = one.gone + one.soft + one.expired + one.slow
        if shares > 1 + 1e-9:
            raise ParameterError(f"carriers[{number}].gone: with soft, expired and slow it is more than 1.")


def _outage(where: str, value: Mapping[str, Any]) -> Outage:
    """An outage; ``begin`` and ``end`` are needed."""
    rules: dict[str, Rule] = {
        "begin": _instant, "end": _instant, "prefix": digits_or_none,
        "share": number_between(0, 1, "a share from 0 to 1"), "status": word_of(" ".join(STATUS_WORDS)),
    }  # fmt: skip
    read = {key: _checked(f"{where}.{key}", key, rules, rules.get(key), one) for key, one in value.items()}
    for key in ("begin", "end"):
        if key not in read:
            raise ParameterError(f"{where}.{key}: it is missing.")
    if epoch(read["begin"]) >= epoch(read["end"]):
        raise ParameterError(f"{where}.end: it must lie after begin.")
    return Outage(**read)


def _instant(value: Any) -> Any:
    kind = "an instant such as 2026-11-20T09:00:00"
    try:
        epoch(value if isinstance(value, str) else value.isoformat())
    except (ValueError, AttributeError):
        raise ValueError(kind) from None
    return value if isinstance(value, str) else value.isoformat()


# -- files ---------------------------------------------------------------------------------------------------


@cache
def shipped_parameters() -> Parameters:
    """The parameters that come with smsdata."""
    content = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    return Parameters(
        outages=tuple(_outage(f"outages[{number}]", one) for number, one in enumerate(content["outages"])),
        carriers=tuple(_made(Carrier, one) for one in content["carriers"]),
        faults=content["faults"],
        **{name: _made(kind, content[name]) for name, kind in _SECTIONS.items()},
    )


def _made(kind: type, value: Mapping[str, Any]) -> Any:
    """A section of the shipped file, which must have every key."""
    return kind(**{one.name: one.metadata["rule"](value[one.name]) for one in fields(kind)})


def read_parameters(path: str | Path) -> Parameters:
    """The shipped parameters with what a file of one's own says instead.

    Raises
    ------
    ParameterError
        For a file that is no TOML, an unknown key or a bad value; it names the key.
    OSError
        When the file cannot be read.
    """
    try:
        content = tomllib.loads(Path(path).read_bytes().decode("utf-8"))
    except UnicodeDecodeError:
        raise ParameterError("it is not UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise ParameterError(f"it is no TOML: {error}.") from None
    except RecursionError:
        raise ParameterError("it is nested too deeply.") from None
    return shipped_parameters().changed(content)
