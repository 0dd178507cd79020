"""Accounts of a size, and gateways of a file of parameters. Owns what each size means.

Imports the account, the gateway and what can be switched on in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from smsdata.simulator.account import READY_AT, Account
from smsdata.simulator.drift import Drift
from smsdata.simulator.faults import Faults
from smsdata.simulator.gateway import Gateway
from smsdata.simulator.parameters import ParameterError, Parameters

SIZES = ("small", "month", "200k")
"""small: 90 days, about 2,000 messages in 90 sends. month: 30 days, about 17,000 messages in 300 sends.
200k: 30 days, 200,000 messages in 40 sends to one list, without Global Opt Out."""


def account_of_size(
    size: str,
    seed: int = 0,
    now: str = READY_AT,
    *,
    goo: bool | None = None,
    parameters: Parameters | None = None,
) -> Account:
    """An account of one of `SIZES`, with credit for more sends of its kind.

    What the file of ``parameters`` names outranks what the size brings along. Raises ValueError for a size
    that is none.

    Examples
    --------
    >>> len(account_of_size("small").sends)
    91
    """
    if size not in SIZES:
        raise ValueError(f"unknown size {size!r}: {', '.join(SIZES)}.")
    given = parameters.given if parameters else frozenset()

    def unless_given(**figures: Any) -> dict[str, Any]:
        return {name: None if f"account.{name}" in given else value for name, value in figures.items()}

    if size == "small":
        return Account(seed, now, goo=goo, parameters=parameters)
    credit = unless_given(credit=100_000)
    if size == "month":
        return Account(
            seed, now, goo=goo, days=30, campaigns=30, recipients=650, singles=300, inbound=200,
            parameters=parameters, **credit,
        )  # fmt: skip
    figures = unless_given(reply_rate=0.001, link_rate=0.0, goo=False) | credit
    figures |= {} if goo is None else {"goo": goo}
    return Account.bulk(200_000, seed=seed, now=now, parameters=parameters, **figures)


def gateway_of(
    account: Account, parameters: Parameters, *, chances: Mapping[str, float] | None = None, **more: Any
) -> Gateway:
    """The gateway of an account as a file of parameters has it: its switches, faults and drift.

    ``chances`` of faults, and ``more`` arguments of `Gateway`, outrank the file. Raises as `drift_of` does.
    """
    section = asdict(parameters.gateway)
    limiter, latency = section["limiter"], section["latency"]
    section |= {
        "limiter": None if limiter == "none" else limiter,
        "latency": latency if any(latency) else None,
    }
    faults = {kind: chance for kind, chance in parameters.faults.items() if chance} | dict(chances or {})
    switches = {"faults": Faults(faults), "drift": drift_of(parameters)}
    return Gateway(account, **section | switches | more)


def drift_of(parameters: Parameters) -> Drift | None:
    """What happens while pages are read; raises `ParameterError` for a kind that is none."""
    if not parameters.drift.kinds:
        return None
    try:
        return Drift(**asdict(parameters.drift))
    except ValueError as error:
        raise ParameterError(f"drift.kinds: {error}") from None
