"""The commands of callbacks: listen, ingest-callbacks.

Owns their options and what they print; receiving is done in `receiver`, merging in `ingest.callbacks`.
Imports `receiver` inside the command: it loads a web server that no other command needs.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Annotated

import typer

from smsdata.cli.app import NEEDS_ATTENTION, CommonOptions, command
from smsdata.errors import UsageError
from smsdata.ingest.callbacks import ingest_callbacks
from smsdata.store.spool import Spool, spool_folder


@command("listen")
def listen_command(
    common: CommonOptions,
    *,
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8026,
    host: Annotated[str, typer.Option(help="Address of this machine to listen on.")] = "127.0.0.1",
    public_url: Annotated[
        str | None, typer.Option(help="Address under which the gateway reaches this, for --show-url.")
    ] = None,
    require_signature: Annotated[
        bool, typer.Option("--require-signature", help="Refuse callbacks without a right signature.")
    ] = False,
    show_url: Annotated[
        bool, typer.Option("--show-url", help="Print the four URLs for the provider's settings page.")
    ] = False,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Change the URLs; the old ones work for 26 h more.")
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Show what was received, and what is missing.")
    ] = False,
    tail: Annotated[bool, typer.Option("--tail", help="Show callbacks as they come.")] = False,
    clear: Annotated[
        bool, typer.Option("--clear", help="Show numbers and texts in full, for --tail.")
    ] = False,
) -> int:
    """Receive the gateway's callbacks until Ctrl-C: each is on disk before it is answered."""
    if status:
        return _show_status(common)
    if rotate or show_url:
        _show_urls(common, public_url or f"http://127.0.0.1:{port}", rotate=rotate)
    elif tail:
        _show_tail(common, clear=clear)
    else:
        _receive(common, host, port, required=require_signature)
    return 0


def _show_urls(common: CommonOptions, base: str, *, rotate: bool) -> None:
    from smsdata.receiver.addresses import Addresses

    addresses = Addresses(spool_folder(common.open_store().private))
    if rotate:
        addresses.rotate()
        common.say(
            "The URLs are new; those before them work for 26 h more. Paste them into the settings page."
        )
    urls = addresses.urls(base)
    common.show(urls, *(f"{kind:<9} {url}" for kind, url in urls.items()))


def _show_status(common: CommonOptions) -> int:
    from smsdata.receiver.watching import receiver_status, status_lines

    status = receiver_status(common.open_store())
    common.show(status, *status_lines(status))
    return NEEDS_ATTENTION if status["silent_sends"] or status["odd"] or status["refused"] else 0


def _show_tail(common: CommonOptions, *, clear: bool) -> None:
    from smsdata.receiver.watching import follow, shown_callback

    for callback in follow(common.open_store()):
        shown = shown_callback(callback, clear=clear)
        words = " ".join(f"{name}={value}" for name, value in shown["parameters"].items())
        line = json.dumps(shown) if common.as_json else f"{shown['at']} {shown['kind']:<9} {words}"
        print(line.encode("unicode_escape").decode() if not line.isprintable() else line, flush=True)


def _receive(common: CommonOptions, host: str, port: int, *, required: bool) -> None:
    from smsdata.receiver.addresses import Addresses
    from smsdata.receiver.application import CallbackApplication, Rules
    from smsdata.receiver.server import is_public, receive_callbacks

    chosen = common.settings()
    if required and not chosen.secret:
        raise UsageError("--require-signature needs the API secret: set SMSDATA_API_SECRET.")
    folder = spool_folder(common.open_store().private)
    addresses = Addresses(folder)
    addresses.token()
    if not common.quiet:
        _log_to_stderr()
    if is_public(host):
        common.say(f"{host} can be reached by others, without TLS: put a TLS proxy in front of it.")
    application = CallbackApplication(addresses, Rules(chosen.secret, required))
    receive_callbacks(
        application, Spool(folder), host=host, port=port,
        on_ready=lambda base: common.say(
            f"Receiving callbacks at {base} until Ctrl-C; `smsdata listen --show-url` prints the URLs."
        ),
    )  # fmt: skip


def _log_to_stderr() -> None:
    """One line per request: method, kind, status; never an address or a parameter."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("smsdata.receiver")
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


@command("ingest-callbacks")
def ingest_callbacks_command(
    common: CommonOptions,
    *,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another run on this store.")] = 5.0,
) -> int:
    """Merge received callbacks into the store, without a call to the gateway; sync does it too."""
    counts, report = ingest_callbacks(common.existing_store(), secret=common.settings().secret, wait=wait)
    common.say(
        *(f"note: {note}" for note in report.notes), *(f"needs a look: {line}" for line in report.attention)
    )
    result = counts.as_json() | {"look": report.attention}
    common.show(
        result, f"{counts.merged.total():,} callbacks merged, {counts.waiting:,} wait, {counts.odd:,} odd"
    )
    return NEEDS_ATTENTION if report.attention else 0
