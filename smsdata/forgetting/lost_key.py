"""The key of those who are forgotten is lost for good: what that costs, and how a store goes on without it.

Imports `store`, `key_files` and `errors`.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from smsdata.errors import UsageError
from smsdata.key_files import key_fingerprint
from smsdata.settings import expanded, settings
from smsdata.store.forgotten import KEY_LOST_AT, forget_key
from smsdata.store.store import Store, existing_store


@dataclass(frozen=True, slots=True)
class KeyLost:
    """Who is no longer known to be forgotten, since the key of their hashes is lost.

    `people` counts them; `moved` is where a file of that name that holds no key was moved to, else empty.
    """

    people: int
    key_file: str
    moved: str = ""
    applied: bool = False

    @property
    def exit_code(self) -> int:
        """3, for each of them has to be forgotten again; 0 where nobody was forgotten under the lost key."""
        return 3 if self.people else 0

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"exit_code": self.exit_code}

    def lines(self) -> list[str]:
        """What is lost and what is to be done, for a person."""
        would = "is" if self.applied else "would be"
        people = "1 person was" if self.people == 1 else f"{self.people:,} people were"
        lines = [
            f"{people} forgotten in this store under a key that is lost. Their numbers, "
            "names and texts are not in it, and stay out of its rows as they are now.",
            f"What {would} lost: nobody can tell any more who they were. The next sync and callbacks bring "
            "the numbers back of those whom the gateway still has; such rows then stand beside those with a "
            "stand-in, and counts may be too high by them. Their opt-outs and suppressions are not known "
            "by number any more: `clean --check` and `audit` pass them over.",
            "What to do: search backups for the key first. Without it delete those people at the gateway, "
            "and run `smsdata forget NUMBER --apply` again for each whose number you know.",
        ]
        if self.moved:
            lines.append(f"What lay at {self.key_file} is no key; it lies now at {self.moved}.")
        if self.applied:
            return [*lines, f"A new key lies at {self.key_file}: keep a copy of it."]
        return [*lines, "Nothing was changed: --apply goes on without the key, and makes a new one."]


def give_up_key(store: Store | str | Path, *, apply: bool = False, wait: float = 0.0) -> KeyLost:
    """Go on without the key of those who are forgotten in a store.

    Parameters
    ----------
    store
        The store, or its folder.
    apply
        Do it: who was forgotten under the lost key is set aside, and a new key is made; without it nothing is
        changed. A key that is found again later counts again.
    wait
        Seconds to wait for another process that writes the store.

    Returns
    -------
    KeyLost
        How many people that concerns.

    Raises
    ------
    UsageError
        The key is not lost; there is no store.
    StoreError
        The key is there and cannot be read, which is another thing than lost: the error says what to do.
    LockedError
        Another process writes the store.
    """
    store = existing_store(store)
    path = expanded(settings().forget_key)
    key = _key_if_it_is_one(path)
    fingerprint = key_fingerprint(key) if key is not None else ""
    lost = [
        facts
        for facts in store.forgotten.records()
        if facts["key"] != fingerprint and not facts.get(KEY_LOST_AT)
    ]
    if key is not None and not lost:
        raise UsageError(f"the key at {path} is the one that this store was made with: nothing is lost.")
    if not apply:
        return KeyLost(len(lost), str(path))
    with store.writing(wait=wait):
        for facts in lost:
            store.forgotten.write(facts | {KEY_LOST_AT: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S+00:00}"})
    moved = ""
    if key is None and path.exists():
        moved = str(path.rename(path.with_name(f"{path.name}.no-key-{secrets.token_hex(4)}")))
    forget_key(make=True)
    return KeyLost(len(lost), str(path), moved, applied=True)


def _key_if_it_is_one(path: Path) -> bytes | None:
    """The key in the file that is set; None where there is no such file, or it holds no key."""
    if not path.exists():
        return None
    try:
        return forget_key(make=False)
    except UsageError:
        return None
