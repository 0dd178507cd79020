"""The keyed hash that makes pseudonyms, of a whole column at a time.

Owns HMAC-SHA256 (RFC 2104) as it is done for millions of values, how a hash is spelled, and the permutation
of ids that is made of it. Imports nothing of smsdata.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BLOCK = 64
_DIGITS = np.frombuffer(b"ghijklmnopabcdef", "uint8")
"""No digits: helpers take seven of them for a number in a spelling that would match nothing."""
_KEPT = 12
_HALF = 24
_PERMUTED = 1 << 2 * _HALF
"""Ids below it have pseudonyms below it, of 15 digits: Excel holds them all, and so does a float64 (2**53),
which pandas makes of ids beside blanks."""
_ROUNDS = 6
_LARGE = 1 << 62


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
        """Give another whole number for each that is written as text; null where none is.

        Those below 2**48 have each one of their own, below 2**48 too; any other has one of 19 digits.
        """
        short = pc.if_else(pc.match_substring_regex(numbers, "^[0-9]{1,15}$"), numbers, None).cast(pa.int64())
        small = pc.fill_null(pc.less(short, _PERMUTED), False)
        other = pc.and_(pc.invert(small), pc.is_valid(numbers))
        made = np.zeros(len(numbers), "int64")
        made[_mask(small)] = self._permuted(short.filter(small).to_numpy())
        first = np.ascontiguousarray(self._digests(b"id\0", numbers.filter(other))[:, :8]).view(">u8")[:, 0]
        made[_mask(other)] = first >> 2 | _LARGE
        return pa.Array.from_buffers(pa.int64(), len(numbers), [_there(numbers), pa.py_buffer(made)])

    def _permuted(self, numbers: np.ndarray) -> np.ndarray:
        """Put each number below 2**48 in the place of another, by a Feistel network: none can meet.

        Each round adds to one half of the bits the keyed hash of the other, which can be undone, whatever the
        hash is. Four rounds are as good as a random permutation to one who has few pairs (Luby & Rackoff
        1988, SIAM J. Comput. 17(2)); six are up to some 2**24 of them (Patarin 2004, CRYPTO), and an account
        has millions. NIST SP 800-38G encrypts in the same way what has to keep its format.
        """
        left, right = numbers & ((1 << _HALF) - 1), numbers >> _HALF  # the high bits first: few are distinct
        for turn in range(_ROUNDS):
            left, right = right, left ^ self._half(turn, right)
        return left << _HALF | right

    def _half(self, turn: int, halves: np.ndarray) -> np.ndarray:
        """The first bits of the hash of a round and of a half of the bits, each distinct one once."""
        distinct, places = np.unique(halves, return_inverse=True)
        written = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(4), len(distinct), [None, pa.py_buffer(distinct.astype(">u4"))]
        )
        digests = self._digests(b"half\0" + bytes([turn]), written)
        first = np.ascontiguousarray(digests[:, :4]).view(">u4")[:, 0] >> (32 - _HALF)
        return first.astype("int64")[places]

    def _digests(self, before: bytes, texts: pa.Array) -> np.ndarray:
        written: Iterable[bytes | None] = texts.cast(pa.binary()).to_pylist()
        joined = b"".join(self.digest(before + (text or b"")) for text in written)
        return np.frombuffer(joined, "uint8").reshape(-1, 32)


def _mask(values: pa.Array) -> np.ndarray:
    mask: np.ndarray = values.to_numpy(zero_copy_only=False)
    return mask


def _there(values: pa.Array) -> pa.Buffer | None:
    """Which values are not null, as Arrow notes it."""
    if not values.null_count:
        return None
    packed = np.packbits(_mask(values.is_valid()), bitorder="little")
    return pa.py_buffer(packed)
