"""A receiver of callbacks in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from smsdata.receiver.addresses import Addresses
from smsdata.receiver.application import CallbackApplication, Rules
from smsdata.receiver.group_commit import GroupCommit
from smsdata.receiver.server import receiving_in_thread
from smsdata.store.disk import Disk
from smsdata.store.spool import Callback, Spool


class Served:
    """A receiver in this process."""

    def __init__(self, folder: Path, base: str, addresses: Addresses) -> None:
        self.folder, self.base, self.addresses = folder, base, addresses

    def url(self, kind: str = "dlr") -> str:
        return self.addresses.urls(self.base)[kind]

    def kept(self) -> list[Callback]:
        return [one for segment in Spool(self.folder).segments("open", "sealed") for one in segment.callbacks]


@contextmanager
def served(
    folder: Path,
    *,
    disk: Disk | None = None,
    rules: Rules | None = None,
    commit: Callable[[Spool], GroupCommit] = GroupCommit,
    **options: float,
) -> Iterator[Served]:
    addresses = Addresses(folder)
    addresses.token()
    spool = Spool(folder, disk=disk, **options)  # type: ignore[arg-type]
    with receiving_in_thread(CallbackApplication(addresses, rules or Rules()), spool, commit) as base:
        yield Served(folder, base, addresses)
