"""The command that shows the settings: config. Imports `settings`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from smsdata.cli.app import CommonOptions, command, require_credentials
from smsdata.settings import mask, without_credentials


@command("config")
def config_command(
    common: CommonOptions,
    *,
    rebind: Annotated[
        bool, typer.Option("--rebind", help="Bind the store to these settings' account.")
    ] = False,
) -> None:
    """Show each setting and where it came from, the secret masked."""
    common.refuse_ignored("settings have no time", "now")
    chosen = common.settings()
    if rebind:
        require_credentials(chosen)
    shown = {
        name: {"value": value, "from": chosen.sources[name]}
        for name, value in (
            ("key", mask(chosen.key)), ("secret", mask(chosen.secret.reveal())),
            ("base_url", chosen.base_url), ("rate", chosen.rate), ("share", chosen.share),
            ("store", str(chosen.store)), ("store_owner", chosen.store_owner),
            ("store_group", chosen.store_group), ("pseudonym_key", chosen.pseudonym_key),
            ("forget_key", chosen.forget_key), ("ca_bundle", chosen.ca_bundle),
            ("proxy", without_credentials(chosen.proxy)),
        )
    }  # fmt: skip
    if rebind:
        store = common.existing_store()
        with store.writing():
            store.bind(chosen.account, chosen.base_url, again=True)
        common.say(f"{store.path} now belongs to this account.")
    if "not set" in (chosen.sources["key"], chosen.sources["secret"]) and find_spec("keyring") is None:
        common.say(
            "Set SMSDATA_API_KEY and SMSDATA_API_SECRET; or keep them in this machine's keyring, "
            "for which there is an extra: pip install 'smsdata[keyring]'."
        )
    lines = [f"{name:<13} {entry['value']!s:<40} {entry['from']}" for name, entry in shown.items()]
    common.show(shown, *lines)
