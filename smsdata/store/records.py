"""Small JSON files that carry a checksum of what they say: rows set aside, the journals of runs of hygiene.

A file without a checksum was written by an older version, and is taken as it is. Imports `plain_files` and
`errors`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smsdata.errors import StoreError
from smsdata.store.plain_files import read_plain


def record_bytes(facts: Mapping[str, Any], *, dates: str = "%Y-%m-%dT%H:%M:%S") -> bytes:
    """Facts as the content of a file, with their checksum; `dates` is how instants are written."""
    plain = json.loads(json.dumps(facts, default=lambda moment: f"{moment:{dates}}"))
    return json.dumps({**plain, "checksum": _checksum_of(plain)}, separators=(",", ":")).encode()


def read_record(path: Path, advice: str) -> dict[str, Any]:
    """Read a file; its checksum is compared.

    Raises
    ------
    FileNotFoundError
        There is none.
    StoreError
        It is not what was written, or cannot be read; `advice` says what to do with a damaged one.
    """
    try:
        facts = json.loads(read_plain(path))
        fits = checksum_fits(facts, facts.pop("checksum", None))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unreadable(path, error) from None
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise damaged_record(path, advice) from None
    if not fits:
        raise damaged_record(path, advice)
    return dict(facts)


def unreadable(path: Path, error: OSError) -> StoreError:
    """The error for a file or folder that the operating system does not hand over."""
    reason = (error.strerror or type(error).__name__).lower()
    return StoreError(
        f"{path} cannot be read: {reason}. Make it readable for this user; nothing is known to be damaged.",
        code="UNREADABLE",
    )


def checksum_fits(facts: Mapping[str, Any], checksum: Any) -> bool:
    """Whether facts are those that a checksum was made of; without one nobody can say otherwise."""
    return checksum is None or checksum == _checksum_of(facts)


def damaged_record(path: Path, advice: str) -> StoreError:
    """The error for a file that is not what was written."""
    return StoreError(f"{path} is damaged. {advice}", code="DAMAGED")


def _checksum_of(facts: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(facts, sort_keys=True).encode())  # escapes what is no character
