"""EIP-2098 compact signatures: `r || (yParity << 255 | s)` with s in the lower half."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import coincurve
from eth_hash.auto import keccak

from oracle.model.errors import Rejected

ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
COMPACT_BYTES: Final = 64
_PARITY: Final = 1 << 255
_REMEMBERED: Final = 2048
"""Answers kept: members see one signature in an observation, its proposal and each repetition."""


def compact(signature: bytes) -> bytes:
    """Pack a 65-byte recoverable signature `r || s || recovery id` (0 or 1).

    Raises:
        Rejected: s in the upper half (malleable), or another recovery id.
    """
    s, parity = int.from_bytes(signature[32:64], "big"), signature[64]
    if len(signature) != 65 or parity > 1 or not 0 < s <= ORDER // 2:
        raise Rejected("a signature needs 65 bytes, s in the lower half and recovery id 0 or 1")
    return signature[:32] + (s | parity << 255).to_bytes(32, "big")


@lru_cache(_REMEMBERED)
def recover(digest: bytes, signature: bytes) -> bytes:
    """Return the 20-byte address that made this compact signature of `digest`.

    Raises:
        Rejected: not a signature, or s in the upper half.
    """
    both = int.from_bytes(signature[32:], "big")
    s, parity = both & (_PARITY - 1), both >> 255
    if len(signature) != COMPACT_BYTES or not 0 < s <= ORDER // 2:
        raise Rejected("a compact signature has 64 bytes and s in the lower half")
    recoverable = signature[:32] + s.to_bytes(32, "big") + bytes((parity,))
    try:
        key = coincurve.PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except Exception as error:  # coincurve raises bare Exception for a point off the curve
        raise Rejected(f"signature does not recover: {error}") from error
    return address_of(key.format(compressed=False))


def address_of(public_key: bytes) -> bytes:
    """Return the 20-byte address of an uncompressed public key (65 bytes)."""
    return keccak(public_key[1:])[12:]
