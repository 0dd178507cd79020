"""The twin of the SMS gateway: a stateful account on a virtual clock, served over HTTP or in process.

It owns what the gateway would hold and answer, and what every table must hold at any instant. It imports
nothing of the rest of smsdata, so that tests can trust it independently.

    account = Account(seed=1)                     # ~90 days of history, standing at 2026-11-22
    gateway = Gateway(account, limiter=None)      # authentication, paging, throttle, faults
    httpx.Client(transport=transport(gateway))    # in process, or
    with running(gateway) as base_url: ...        # over loopback
    account.advance(hours=24); account.truth("dlrs")

To read it, from the bottom up:

1. the account: `clock`, `recipients` (columns), `contacts`, `seed_data` (what it is filled with), `sent`,
   `inbox`, `imports`, `state` (the parts side by side), `outages`, `parameter_rules`, `parameters` (all
   figures, from parameters.toml), `carriers`, `seasons`, `sending` (how a send goes out), `traffic` (the
   history),
2. `truth` (what every table must hold), `outbox` (whom the gateway calls), `keyword_rules`, `account` (its
   verbs),
3. the wire: `wire_forms` (bytes), `query` (parameters), `views` (rows not built yet), `number_forms`,
   `sent_calls`, `send_calls`, `reply_calls`, `list_calls`, `import_calls`, `number_calls`,
   `reseller_calls`, `calls` (every call by its name), `control` (what only a twin can do), `drift` (changes
   while pages are read), `faults`, `mixups`, `gateway` (from a request to an answer), `courier` (carries
   callbacks), `serve` (transports and servers), `sizes` (accounts of a size, gateways of a file).

Each module imports only modules that stand before it.
"""

from smsdata.simulator.account import Account
from smsdata.simulator.clock import check_start
from smsdata.simulator.contacts import Refused
from smsdata.simulator.drift import Drift
from smsdata.simulator.faults import Always, Faults, Once
from smsdata.simulator.gateway import Answer, Gateway, check_speed
from smsdata.simulator.outages import Outage
from smsdata.simulator.parameters import ParameterError, Parameters, read_parameters, shipped_parameters
from smsdata.simulator.serve import asgi_app, listening, running, serve, transport
from smsdata.simulator.sizes import SIZES, account_of_size, drift_of, gateway_of

__all__ = [
    "SIZES",
    "Account",
    "Always",
    "Answer",
    "Drift",
    "Faults",
    "Gateway",
    "Once",
    "Outage",
    "ParameterError",
    "Parameters",
    "Refused",
    "account_of_size",
    "asgi_app",
    "check_speed",
    "check_start",
    "drift_of",
    "gateway_of",
    "listening",
    "read_parameters",
    "running",
    "serve",
    "shipped_parameters",
    "transport",
]
