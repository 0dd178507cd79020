"""Whose folders a store's are: yours or an accepted owner's, shared with a group only where somebody said so.

Where others could write, they could put another store in the place of yours, or links to your files; so such
folders are refused, before anything in them is believed. Imports `disk`, `settings`, `machine`,
`key_files` and `errors`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from smsdata.errors import StoreError, UsageError
from smsdata.key_files import store_around
from smsdata.machine import posix_locks
from smsdata.settings import store_sharing
from smsdata.store.disk import Disk, is_shared, said


def make_store_folders(disk: Disk, store: Path) -> None:
    """Make a store's folder and the private one in it, or make sure that nobody else can write to them.

    With ``SMSDATA_STORE_GROUP`` a new store is shared with that group.

    Raises
    ------
    StoreError
        A folder is another user's, everybody's, a link where none may be, or not shared with that group.
    UsageError
        A new store would lie in another one.
    """
    posix_locks()
    private = store / ".smsdata"
    _, group = _accepted()
    new = not os.path.lexists(private)
    if new and (around := store_around(store)) is not None:
        raise UsageError(
            f"{store} lies in the store {around}, whose rows and files it would be taken for: give a --store "
            "beside it. Nothing was made."
        )
    if not store.exists():
        disk.folder(store)
        if is_shared(store):
            store.chmod(0o700)  # with whom it is shared is its own matter, not that of the folder it lies in
    if group is not None:
        _share_with(store, group, new=new)
    refuse_foreign_store(store)
    disk.folder(store)
    disk.folder(private)
    refuse_foreign_store(store)


def refuse_foreign_store(store: Path) -> None:
    """Make sure that nobody else can write to a store's folder, nor to the private one where it is there.

    Raises
    ------
    StoreError
        A folder is another user's, everybody's, or a link where none may be.
    """
    posix_locks()
    private = store / ".smsdata"
    owner, group = _accepted()
    with said(store):
        _refuse_others(store, store.stat(), owner, group)
        if os.path.lexists(private):
            _refuse_others(private, private.lstat(), owner, group)


def _refuse_others(folder: Path, facts: os.stat_result, owner: int | None, group: int | None) -> None:
    if stat.S_ISLNK(facts.st_mode):
        raise StoreError(
            f"{folder} is a link, which may lead anywhere: put the folder itself in its place. (The store's "
            "own folder may be a link.)"
        )
    if not stat.S_ISDIR(facts.st_mode):
        raise StoreError(f"{folder} is not a folder: move it away.")
    if facts.st_mode & stat.S_IWOTH:
        raise StoreError(
            f"{folder} can be written to by everybody: run `chmod o-w {folder}`, or use another --store."
        )
    if facts.st_uid not in {os.geteuid(), 0, owner} and facts.st_gid != group:
        raise StoreError(
            f"{folder} belongs to {_user_name(facts.st_uid)}, and you are {_user_name(os.geteuid())}: use "
            f"another --store, or accept that owner with SMSDATA_STORE_OWNER={facts.st_uid}, or the group "
            "that shares it with SMSDATA_STORE_GROUP."
        )


def _share_with(store: Path, group: int, *, new: bool) -> None:
    """Share a new store with a group; one that holds data already is not opened to others unasked."""
    with said(store):
        facts = store.stat()
        if facts.st_gid == group and is_shared(store):
            return
        if new and facts.st_uid == os.geteuid():
            os.chown(store, -1, group)
            store.chmod(0o2770)
            return
    raise StoreError(
        f"{store} is not shared with the group {group} of SMSDATA_STORE_GROUP. Its owner may do that: "
        f"chgrp -R {group} {store} && chmod -R g+rwX {store} && find {store} -type d -exec chmod g+s {{}} +"
    )


def _number(setting: str, given: str, known: Callable[[str], int]) -> int | None:
    if not given or given.isdecimal():
        return int(given) if given else None
    try:
        return known(given)
    except KeyError:
        raise UsageError(
            f"{setting} is {given!r}, which this machine does not know; write its number."
        ) from None


def _user_name(number: int) -> str:
    import pwd

    with suppress(KeyError):
        return f"{pwd.getpwuid(number).pw_name} ({number})"
    return f"user {number}"


def _accepted() -> tuple[int | None, int | None]:
    """The owner and the group that are accepted, by their numbers."""
    import grp  # these two are not on Windows
    import pwd

    owner, group = store_sharing()
    return (
        _number("SMSDATA_STORE_OWNER", owner, lambda name: pwd.getpwnam(name).pw_uid),
        _number("SMSDATA_STORE_GROUP", group, lambda name: grp.getgrnam(name).gr_gid),
    )
