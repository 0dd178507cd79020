"""Clients that talk to a gateway in this process, at any rate."""

from __future__ import annotations

from typing import Any

import httpx

from smsdata import Client
from smsdata.simulator import Gateway, transport

OPTIONS: dict[str, Any] = {
    "key": "demo", "secret": "demo", "base_url": "http://127.0.0.1:8025/", "rate": 1e6, "share": 1,
}  # fmt: skip
"""What any client of a gateway in this process is made with."""


def connected(
    gateway: Gateway,
    *,
    kind: type[Client] = Client,
    through: httpx.BaseTransport | None = None,
    **options: Any,
) -> Client:
    """A client of a gateway, ``through`` a transport of one's own where one is given."""
    return kind(**OPTIONS | {"transport": through or transport(gateway)} | options)
