"""The commands that need no account: demo, simulate.

Owns their options. Imports `demo` and `simulator` inside the commands: both load much that no other command
needs.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from smsdata.cli.app import ACCOUNT, NEEDS_ATTENTION, CommonOptions, command
from smsdata.errors import UsageError
from smsdata.settings import expanded
from smsdata.times import instant

if TYPE_CHECKING:
    from smsdata.simulator import Parameters


@command("demo")
def demo_command(
    common: CommonOptions,
    *,
    pictures: Annotated[str, typer.Option(help="Folder for the pictures.")] = "data/demo",
    seed: Annotated[int, typer.Option(help="Which simulated account.", min=0)] = 1,
) -> int:
    """Run the main job against a simulated account: no credentials, no network."""
    common.refuse_ignored("the demo brings its own account", "account", "accounts_file", *ACCOUNT)
    from smsdata.demo import run_demo

    place = "data/demo/store" if seed == 1 else f"data/demo/store-{seed}"
    result = run_demo(store=common.store or place, pictures=expanded(pictures), seed=seed, say=common.say)
    common.show(result.as_json(), *result.lines())
    return NEEDS_ATTENTION if result.attention else 0


@command("simulate")
def simulate_command(
    common: CommonOptions,
    *,
    port: Annotated[int, typer.Option(help="Port on this machine.", min=0, max=65535)] = 8025,
    seed: Annotated[int, typer.Option(help="Which account.", min=0)] = 0,
    size: Annotated[str, typer.Option(help="How large an account: small, month or 200k.")] = "small",
    fault: Annotated[
        list[str] | None, typer.Option(help="A fault and its probability, such as reset=0.02.")
    ] = None,
    speed: Annotated[
        float, typer.Option(help="Simulated seconds that pass in a second, up to 100000; 0 stands still.")
    ] = 0.0,
    callback: Annotated[
        list[str] | None,
        typer.Option(
            help="A kind (dlr, reply, link-hit, list) and the address to call, such as dlr=http://..."
        ),
    ] = None,
    sign: Annotated[bool, typer.Option("--sign", help="Sign each callback with the API secret.")] = False,
    parameters: Annotated[
        str | None, typer.Option(help="A file of parameters (TOML): what it names differs from the usual.")
    ] = None,
    no_goo: Annotated[
        bool, typer.Option("--no-goo", help="Global Opt Out is off: who replied STOP is sent to again.")
    ] = False,
) -> None:
    """Serve a simulated gateway on this machine; user `demo`, password `demo`."""
    idle = ("account", "accounts_file", "base_url", "share", "store", "ca_bundle", "proxy")
    common.refuse_ignored("the simulator reads no account and stores nothing", *idle)
    from smsdata.simulator import SIZES, Faults, account_of_size, gateway_of, serve

    with _naming("--fault"):
        chances = Faults.parse(fault or []).chances
    if size not in SIZES:
        raise UsageError(f"--size: unknown size {size!r}: {', '.join(SIZES)}.")
    with _naming("--callback"):
        urls = _addresses(callback or [])
    with _naming(f"--parameters {parameters}"):
        world = _parameters(parameters)
    begin, chosen = _begin(common.now, speed), common.settings()
    with _listener(port) as listener:
        account = account_of_size(size, seed, begin, goo=False if no_goo else None, parameters=world)
        account.keyword_rules.on = world.keywords.on
        account.outbox.secret = "demo" if sign else ""
        account.outbox.set(**urls)
        common.say(*_directions(listener.getsockname()[1], chosen.rate), _clock_line(begin, speed))
        serve(gateway_of(account, world, chances=chances, rate=chosen.rate, speed=speed), listener)


def _begin(now: str | None, speed: float) -> str:
    """The instant at which the simulated clock begins; refuses one, and a speed, that is none."""
    from smsdata.simulator import check_speed, check_start

    with _naming("--speed"):
        check_speed(speed)
    begin = instant(now or "2026-11-22", "now")
    with _naming("--now"):
        check_start(begin)
    return f"{begin:%Y-%m-%dT%H:%M:%SZ}"


def _listener(port: int) -> socket.socket:
    """A listening socket, before anything is made that takes its time."""
    from smsdata.simulator import listening

    try:
        return listening(port)
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be used ({os.strerror(error.errno or 0)}); choose another with --port."
        ) from None


@contextmanager
def _naming(option: str) -> Iterator[None]:
    """Say of which option a bad value is."""
    try:
        yield
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    except OSError as error:
        raise UsageError(f"{option}: it cannot be read ({error.strerror}).") from None


def _parameters(file: str | None) -> Parameters:
    """What a file of one's own says, over what is shipped."""
    from smsdata.simulator import drift_of, read_parameters, shipped_parameters

    world = shipped_parameters() if file is None else read_parameters(expanded(file))
    drift_of(world)  # refused here, before an account is made
    return world


def _directions(port: int, rate: float) -> list[str]:
    """What to tell whoever is to use the gateway."""
    address = f"http://127.0.0.1:{port}/"
    return [
        f"The simulated gateway is at {address} until Ctrl-C. In another terminal:",
        f"  export SMSDATA_BASE_URL={address} SMSDATA_API_KEY=demo SMSDATA_API_SECRET=demo",
        "  smsdata sync --store data/simulated",
        f"It takes {rate:g} calls a second; a client that does not pace its calls will meet HTTP 429 "
        "(OVER_LIMIT). --rate allows more.",
    ]


def _clock_line(begin: str, speed: float) -> str:
    """What its clock does: one that stands still brings nothing new."""
    at = f"{begin[:10]} {begin[11:16]} UTC"
    if not speed:
        return (
            f"Its clock stands still at {at}, so that nothing new comes: --speed 3600 makes a second an hour."
        )
    return f"Its clock begins at {at} and goes {speed:,g} times as fast."


def _addresses(given: list[str]) -> dict[str, str]:
    """By kind of callback, the address that it goes to."""
    from smsdata.simulator.outbox import check_address

    pairs = [one.partition("=") for one in given]
    for kind, _, url in pairs:
        if not url:
            raise ValueError(f"{kind!r} has no address: write dlr=http://127.0.0.1:8026/...")
        check_address(kind, url)
    return {kind: url for kind, _, url in pairs}
