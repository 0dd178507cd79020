"""A gateway whose answers are changed on their way: by a proxy, a cache, a fault of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx

from smsdata.simulator import Gateway, transport

Answer = dict[str, Any]
Change = Callable[[str, dict[str, str], Answer], Answer | None]
"""Gets the call, its parameters and the answer; gives another answer, or None to let it be."""


class Tampered(httpx.BaseTransport):
    """Lets a function change what a gateway answers, as long as `on`."""

    def __init__(self, gateway: Gateway, change: Change) -> None:
        self._inner = transport(gateway)
        self._change = change
        self.on = True

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, and change its answer."""
        response = self._inner.handle_request(request)
        body = response.read()
        if self.on and response.status_code == 200:
            call = request.url.path.rsplit("/", 1)[-1].removesuffix(".json")
            sent = dict(request.url.params) | dict(parse_qsl(request.read().decode()))
            changed = self._change(call, sent, json.loads(body))
            body = body if changed is None else json.dumps(changed).encode()
        headers = [(k, v) for k, v in response.headers.multi_items() if k.lower() != "content-length"]
        return httpx.Response(response.status_code, headers=headers, content=body)

    def close(self) -> None:
        """Close the gateway's side."""
        self._inner.close()


def emptied(*calls: str) -> Change:
    """Calls that always answer that there is nothing."""

    def change(call: str, sent: dict[str, str], answer: Answer) -> Answer | None:
        if call not in calls:
            return None
        rows = next(name for name, value in answer.items() if isinstance(value, list))
        total = next(name for name in answer if name == "total" or name.endswith("_total"))
        return answer | {rows: [], total: 0, "page": {"count": 0, "number": 1}}

    return change
