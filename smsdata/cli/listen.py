"""The commands of callbacks: listen, ingest-callbacks.

Owns their options and what they print; receiving is done in `receiver`, merging in `ingest.callbacks`.
Imports `receiver` inside the command: it loads a web server that no other command needs.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

from smsdata.cli.app import ACCOUNT, NEEDS_ATTENTION, CommonOptions, command
from smsdata.errors import UsageError
from smsdata.ingest.callbacks import ingest_callbacks
from smsdata.store.spool import Spool, spool_folder
from smsdata.times import instant


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
    clear: Annotated[bool, typer.Option("--clear", help="Show everything in full, for --tail.")] = False,
) -> int:
    """Receive the gateway's callbacks until Ctrl-C: each is on disk before it is answered."""
    if status:
        _refuse_idle(common, "--status only shows what was received", "status", "now", "quiet", "as_json")
        return _show_status(common)
    if tail:
        _refuse_idle(common, "--tail only shows callbacks as they come", "tail", "clear", "as_json")
        _show_tail(common, clear=clear)
    elif rotate or show_url:
        because = "--show-url and --rotate print URLs" + (
            ", which begin with --public-url" if public_url else ""
        )
        where = "port" if public_url is None else "public_url"
        _refuse_idle(common, because, "show_url", "rotate", where, "quiet", "as_json")
        _show_urls(common, _base_of(public_url, port), rotate=rotate)
    else:
        _refuse_idle(
            common, "callbacks are received, and shown by --status and --tail, their URLs by --show-url",
            "port", "host", "require_signature", "quiet",
        )  # fmt: skip
        _receive(common, host, port, required=require_signature)
    return 0


def _refuse_idle(common: CommonOptions, because: str, *used: str) -> None:
    """Refuse what the command line names and this way of listening does not use."""
    common.refuse_ignored(because, *(name for name in common.given if name not in {"store", *used}))


def _base_of(public_url: str | None, port: int) -> str:
    """The address before the token."""
    if public_url is None:
        if not 1 <= port <= 65535:
            raise UsageError(f"port {port} is none that the gateway can call; choose another with --port.")
        return f"http://127.0.0.1:{port}"
    parts = urlsplit(public_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise UsageError("--public-url is no address such as https://sms.example.org/callbacks.")
    return public_url


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

    now = instant(common.now, "now") if common.now else None
    status = receiver_status(common.existing_store(), now)
    common.show(status, *status_lines(status))
    look = any(status[name] for name in ("silent_sends", "odd", "refused", "missing"))
    return NEEDS_ATTENTION if look else 0


def _show_tail(common: CommonOptions, *, clear: bool) -> None:
    from smsdata.receiver.watching import follow, shown_callback

    store = common.existing_store()
    for callback in follow(
        store, on_ready=lambda: common.say("Showing callbacks from now on, until Ctrl-C.")
    ):
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
    if is_public(host):
        common.say(f"{host} can be reached by others, without TLS: put a TLS proxy in front of it.")

    def begin(base: str) -> None:
        addresses.token()  # not before the port is ours: a wrong command line makes no store
        if not common.quiet:
            _log_requests(common.log_format)
        common.say(
            f"Receiving callbacks at {base} until Ctrl-C; `smsdata listen --show-url` prints the URLs."
        )

    application = CallbackApplication(addresses, Rules(chosen.secret, required))
    receive_callbacks(application, Spool(folder), host=host, port=port, on_ready=begin)


def _log_requests(shape: str) -> None:
    """One line per request: method, kind, status; never an address or a parameter."""
    log = logging.getLogger("smsdata.receiver")
    log.setLevel(logging.INFO)
    if shape == "json":  # shown with all else that is logged
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.handlers = [handler]
    log.propagate = False


@command("ingest-callbacks")
def ingest_callbacks_command(
    common: CommonOptions,
    *,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another run on this store.")] = 5.0,
) -> int:
    """Merge received callbacks into the store, without a call to the gateway; sync does it too."""
    common.refuse_ignored("the gateway is not asked", *(name for name in ACCOUNT if name != "now"))
    now = instant(common.now, "now") if common.now else None
    store, secret = common.existing_store(), common.settings().secret
    counts, report = ingest_callbacks(store, secret=secret, now=now, wait=wait)
    common.say(*(f"note: {note}" for note in report.notes))
    common.look(*(f"needs a look: {line}" for line in report.attention))
    if not report.attention and (counts.odd or counts.refused):
        common.say("note: those put aside before are no news: `smsdata listen --status` counts them, exit 3.")
    result = counts.as_json() | {"look": report.attention}
    common.show(
        result, f"{counts.merged.total():,} callbacks merged, {counts.waiting:,} wait, {counts.odd:,} odd"
    )
    return NEEDS_ATTENTION if report.attention else 0
