"""The keyed hash that makes pseudonyms, of a whole column at a time.

Owns HMAC-SHA256 (RFC 2104) as it is done for millions of values, and how a hash is spelled. Imports nothing
of smsdata.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

_BLOCK = 64
_DIGITS = np.frombuffer(b"ghijklmnopabcdef", "uint8")
"""No digits: helpers take seven of them for a number in a spelling that would match nothing."""
_KEPT = 12


class KeyedHash:
    """Hashes under one key; what the key makes of every value is made once, not once per value."""

    def __init__(self, key: bytes) -> None:
        block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def digest(self, value: bytes) -> bytes:
        """Give what ``hmac.digest(key, value, "sha256")`` gives, in half of its time."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(value)
        outer.update(inner.digest())
        return outer.digest()

    def pseudonyms(self, texts: pa.Array) -> pa.Array:
        """Give ``p`` and 24 letters for each text; null where there is none."""
        kept = self._digests(b"who\0", texts)[:, :_KEPT]
        letters = np.empty((len(texts), 1 + 2 * _KEPT), "uint8")
        letters[:, 0] = ord("p")
        letters[:, 1::2] = _DIGITS[kept >> 4]
        letters[:, 2::2] = _DIGITS[kept & 15]
        fixed = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(letters.shape[1]), len(texts), [_there(texts), pa.py_buffer(letters)]
        )
        return fixed.cast(pa.binary()).cast(pa.string())

    def ids(self, numbers: pa.Array) -> pa.Array:
        """Give another whole number, not below zero, for each that is written as text; null where none is."""
        first = np.ascontiguousarray(self._digests(b"id\0", numbers)[:, :8]).view(">u8")[:, 0] >> 1
        whole = np.ascontiguousarray(first, "int64")
        return pa.Array.from_buffers(pa.int64(), len(numbers), [_there(numbers), pa.py_buffer(whole)])

    def _digests(self, before: bytes, texts: pa.Array) -> np.ndarray:
        written: Iterable[bytes | None] = texts.cast(pa.binary()).to_pylist()
        joined = b"".join(self.digest(before + (text or b"")) for text in written)
        return np.frombuffer(joined, "uint8").reshape(-1, 32)


def _there(values: pa.Array) -> pa.Buffer | None:
    """Which values are not null, as Arrow notes it."""
    if not values.null_count:
        return None
    packed = np.packbits(values.is_valid().to_numpy(zero_copy_only=False), bitorder="little")
    return pa.py_buffer(packed)
