"""Where the gateway may call: one unguessable word in the path, and for a day the words before it.

Imports `store.disk`, `store.ownership`, `schema.callbacks`, `store.plain_files` and `errors`.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import orjson

from smsdata.errors import StoreError
from smsdata.schema.callbacks import KINDS
from smsdata.store.disk import Disk
from smsdata.store.ownership import make_store_folders
from smsdata.store.plain_files import read_plain

GRACE = 26 * 3600.0
"""How long a word is good for after it was changed, in seconds: the gateway's last retry comes after 24 h."""


class Addresses:
    """The path token of an account, and those that it replaced.

    Parameters
    ----------
    folder
        The folder of the spool.
    disk
        How durable files are written.
    clock
        Seconds since 1970.
    """

    def __init__(
        self, folder: Path, disk: Disk | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = folder / "addresses.json"
        self._folder = folder
        self._disk = disk or Disk(folder)
        self._clock = clock
        self._read_at = -1
        self._current = b""
        self._retired: dict[bytes, float] = {}

    def token(self) -> str:
        """The token in force; the first call makes one."""
        self._read()
        if not self._current:
            self._write(secrets.token_urlsafe(24), {})
        return self._current.decode()

    def rotate(self) -> str:
        """Put another token in force; those before it are good for 26 hours from when they were replaced."""
        old = self.token()
        retired = {word.decode(): since for word, since in self._retired.items() if self._good(since)}
        self._write(secrets.token_urlsafe(24), retired | {old: self._clock()})
        return self._current.decode()

    def is_good(self, token: str) -> bool:
        """Whether a path holds a token that is in force or was not long ago; a new one is known at once."""
        given = token.encode("latin-1", "replace")
        if self._knows(given):
            return True
        return self._read() and self._knows(given)

    def urls(self, base: str) -> dict[str, str]:
        """By kind of callback, the address for the provider's settings page."""
        return {kind: f"{base.rstrip('/')}/{self.token()}/{kind}" for kind in KINDS}

    def _good(self, since: float) -> bool:
        return self._clock() - since < GRACE

    def _knows(self, given: bytes) -> bool:
        good = [self._current, *(word for word, since in self._retired.items() if self._good(since))]
        return sum(hmac.compare_digest(word, given) for word in good if word) > 0

    def _read(self) -> bool:
        """Read the file if it was changed; gives whether it was."""
        try:
            changed = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return False
        if changed == self._read_at:
            return False
        try:
            kept = orjson.loads(read_plain(self._path))
            retired = {str(word).encode(): float(since) for word, since in kept["retired"].items()}
            self._current, self._retired = str(kept["token"]).encode(), retired
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise StoreError(
                f"{self._path} cannot be read: restore it from a backup, or remove it and give the provider "
                "the URLs of `smsdata listen --show-url`."
            ) from None
        self._read_at = changed
        return True

    def _write(self, token: str, retired: dict[str, float]) -> None:
        make_store_folders(self._disk, self._folder.parent.parent)
        self._disk.folder(self._folder)
        self._disk.replace(self._path, orjson.dumps({"token": token, "retired": retired}))
        with suppress(FileNotFoundError):
            self._read()
