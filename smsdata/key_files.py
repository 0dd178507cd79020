"""Keys that lie outside every store, each in a file that only its owner can read.

Owns how such a file is made, and what is refused. Imports `errors`.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from smsdata.errors import StoreError, UsageError

KEY_BYTES = 32
_FEWEST_BYTES = 10
"""Different bytes of a key, and steps between them; that 32 random ones have fewer happens once in 10^22."""


def key_in_file(path: Path, what: str, variable: str, *, make: bool = True) -> bytes:
    """The key in a file, which is made where there is none; `what` it is of, and which setting names it.

    Raises
    ------
    StoreError
        It cannot be made or read, others may read or replace it, it lies in a store, or it is
        not to be made and is not there.
    UsageError
        The file holds something else; or it is not there, and its name may be a password.
    """
    if path.parent == Path() and not path.suffix and not path.exists():
        raise UsageError(
            f"the key of {what} is neither 32 random bytes nor the path of a file, which has a folder or an "
            "ending, such as ./team.key. Give one of the two; the file is made if it is not there."
        )
    folder = store_around(path)
    if folder is not None:
        raise StoreError(
            f"the key of {what} must not lie in the store {folder}, which would be shared with it: "
            f"set {variable} to a file elsewhere."
        )
    elsewhere = "another file, which is then made" if make else "where it lies"
    advice = f"put it back from a backup, or set {variable} to {elsewhere}."
    try:
        _refuse_open_folders(path, variable)
        if make:
            _make_folders(path.parent)
            _make_key(path)
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            facts, written = os.fstat(handle), os.read(handle, 200)
        finally:
            os.close(handle)
    except OSError as error:
        how = "made or read" if make else "read"
        raise StoreError(
            f"the key of {what} at {path} cannot be {how} ({error.strerror}): {advice}"
        ) from None
    _refuse_shared(path, facts, variable)
    word = written.strip()
    if not re.fullmatch(rb"[0-9a-f]{64}", word) or not is_random(key := bytes.fromhex(word.decode())):
        raise UsageError(f"{path} holds no key of {what}, it may be damaged: {advice}")
    return key


def _refuse_shared(path: Path, facts: os.stat_result, variable: str) -> None:
    if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
        raise StoreError(
            f"{path} is no file of yours: copy the key to one that is, and set {variable} to that."
        )
    if facts.st_mode & 0o077:
        raise StoreError(f"{path} may be read by others: run `chmod 600 {path}`.")


def _refuse_open_folders(path: Path, variable: str) -> None:
    """Refuse a key below a folder in which everybody may put another in its place, up to the home or root."""
    for folder in dict.fromkeys([*_folders_above(path.absolute()), *_folders_above(path.resolve())]):
        try:
            mode = folder.stat().st_mode
        except FileNotFoundError:
            continue
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise StoreError(
                f"{folder}, a folder of the key {path.name}, can be written to by everybody, so anybody may "
                f"put another in its place: run `chmod o-w {folder}`, or set {variable} to a file elsewhere."
            )


def _folders_above(path: Path) -> list[Path]:
    """The folders in which a path lies, from the nearest to the home of whoever runs this, else the root."""
    folders = list(path.parents)
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home raises where there is none
    return folders[: folders.index(home) + 1] if home in folders else folders


def _make_folders(folder: Path) -> None:
    """Make a folder and those above it, each for its owner alone whatever the umask."""
    for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def is_random(key: bytes) -> bool:
    """Whether a key may be random bytes, or such bytes in hexadecimal: no word, no pattern, no progression.

    Nobody can see of bytes that they are random: this refuses what people write, and no random key (one in
    10^12).

    >>> is_random(secrets.token_bytes(32)), is_random(b"0" * 32), is_random(b"correct horse battery staple")
    (True, False, False)
    >>> is_random(bytes(range(32))), is_random(bytes(range(16)) * 2), is_random(secrets.token_bytes(16) * 2)
    (False, False, False)
    >>> half = secrets.token_bytes(16)
    >>> is_random(half + bytes(16)), is_random(half + half[::-1])
    (False, False)
    """
    if re.fullmatch(rb"(?:[0-9a-fA-F]{2}){32,}", key):
        return is_random(bytes.fromhex(key.decode()))
    steps = _byte_steps(key)
    sums = [
        (third - second - first) % 256 for first, second, third in zip(key, key[1:], key[2:], strict=False)
    ]
    varied = all(len(set(values)) >= _FEWEST_BYTES for values in (key, steps, _byte_steps(steps), sums))
    return (
        varied
        and max(Counter(key).values()) * 3 < len(key)
        and not _reads_as_words(key)
        and not (min(key) > 127 and _reads_as_words(bytes(byte - 128 for byte in key)))
        and not _half_follows(key)
        and not any(_repeats(key, period) for period in range(1, len(key) // 2 + 1))
    )


def _byte_steps(values: Sequence[int]) -> list[int]:
    """From each value to the next; in a progression few differ."""
    return [(after - before) % 256 for before, after in pairwise(values)]


def _repeats(key: bytes, period: int) -> bool:
    """Whether half of the bytes are as those a period before; by chance one in 256 is."""
    alike = sum(before == after for before, after in zip(key, key[period:], strict=False))
    return alike * 2 >= len(key) - period


def _half_follows(key: bytes) -> bool:
    """Whether the second half is the first, forwards or backwards, but for one sum or one mask."""
    half = len(key) // 2
    first, second = key[:half], key[-half:]
    for other in (second, second[::-1]):
        pairs = list(zip(first, other, strict=True))
        for differing in ([(b - a) % 256 for a, b in pairs], [a ^ b for a, b in pairs]):
            if max(Counter(differing).values()) * 8 >= half * 5:
                return True
    return False


def _reads_as_words(key: bytes) -> bool:
    try:
        return key.decode().isprintable()
    except UnicodeDecodeError:
        return False


def _make_key(path: Path) -> None:
    """Make a key, if there is none: another process may be making it too, and the first wins."""
    if path.exists():
        return
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        os.fsync(handle)
        os.close(handle)
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()


def store_around(path: Path) -> Path | None:
    """The store in whose folder a path lies, if it lies in one."""
    folders = path.absolute().resolve().parents
    return next((folder for folder in folders if (folder / ".smsdata").is_dir()), None)


def key_fingerprint(key: bytes) -> str:
    """Tell keys apart without showing them: eight hexadecimal digits.

    >>> key_fingerprint(bytes(32))
    '66687aad'
    """
    return hashlib.sha256(key).hexdigest()[:8]
