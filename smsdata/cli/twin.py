"""The command that compares an account with the twin: twin-check.

Owns its options and what it prints; what differs is decided in `twin_check`. Imports `cli.app` and, inside
the command, that and `simulator`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from smsdata.cli.app import NEEDS_ATTENTION, CommonOptions, command
from smsdata.gateway.client import Client

if TYPE_CHECKING:
    from smsdata.simulator import Gateway
    from smsdata.twin_check import Ask, Shapes

_TWIN = "twin-check"  # credentials of its own: it shares no throttle with anybody's account
_MANY = 60


@command("twin-check")
def twin_check_command(common: CommonOptions) -> int:
    """Compare the shape of the account's answers with the twin's: at most 61 reading calls, no values."""
    from smsdata.twin_check import compared_shapes, shapes_of

    common.refuse_ignored("it keeps nothing", "store")
    with common.client() as client:
        there = shapes_of(asking(client), client.ask_now())
    report = compared_shapes(there, shapes_of_the_twin())
    common.show(report.as_json(), *report.lines())
    return NEEDS_ATTENTION if report.differences else 0


def asking(client: Client) -> Ask:
    """A client's way to ask."""

    def ask(call: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return client.answer_of(call, **parameters)

    return ask


def shapes_of_the_twin() -> Shapes:
    """What the twin answers, of everything that a large enough account has."""
    from smsdata.simulator import Account, Gateway, transport
    from smsdata.twin_check import shapes_of

    account = Account(seed=1, days=30, campaigns=60, recipients=20, inbound=80, copies=0.3)
    gateway = Gateway(account, key=_TWIN, secret=_TWIN, limiter=None)
    _lived_in(gateway)
    with Client(
        key=_TWIN, secret=_TWIN, base_url="http://127.0.0.1:1/", rate=1e6, share=1,
        transport=transport(gateway), now=account.time,
    ) as client:  # fmt: skip
        return shapes_of(asking(client), account.time, some=_MANY, pages=_MANY)


def _lived_in(gateway: Gateway) -> None:
    """Do what no account has from the start: another number, keywords of each kind, all ten fields."""
    state = gateway.account.state
    number = next(row["number"] for row in state.numbers if row["owned"])
    fields = {f"field_{n}": f"Field {n}" for n in range(1, 11)}
    list_id = state.contacts.add_list("Every field", fields)
    state.contacts.add_list("One field", {"field_7": "Seven"})
    state.contacts.add_member(list_id, 61491570156, fields=dict.fromkeys(fields.values(), "v"))
    forwards = {"url": "https://example.com/", "email": "a@example.com", "sms": "61491570156"}
    options = {"reference": "r", "list_id": str(list_id), "welcome_message": "w", "members_message": "m"}
    options |= {f"forward_{way}": where for way, where in forwards.items()}
    deeds: tuple[tuple[str, dict[str, str]], ...] = (
        ("lease-number", {}),
        ("add-keyword", {"keyword": "HELLO", "number": number}),
        ("add-keyword", {"keyword": "BYE", "number": number, "activate": "false"} | options),
    )
    for call, given in deeds:
        gateway.respond("GET", f"/{call}.json", list(given.items()), gateway.authorization)
