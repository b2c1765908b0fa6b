"""Who signs: a key that gives recoverable signatures of digests and never leaves its holder."""

from __future__ import annotations

from typing import Protocol

import coincurve

from oracle.report.signature import address_of, compact


class Signer(Protocol):
    """One committee member's key, wherever it is kept."""

    @property
    def address(self) -> bytes:
        """The member's 20-byte address."""
        ...

    async def sign(self, digest: bytes) -> bytes:
        """Return the compact signature of a 32-byte digest."""
        ...


class LocalSigner:
    """A key in this process's memory."""

    def __init__(self, secret: bytes) -> None:
        self._key = coincurve.PrivateKey(secret)
        self._address = address_of(self._key.public_key.format(compressed=False))

    def __repr__(self) -> str:
        return f"LocalSigner(0x{self._address.hex()})"

    @property
    def address(self) -> bytes:
        """The member's 20-byte address."""
        return self._address

    async def sign(self, digest: bytes) -> bytes:
        """Return the compact signature of a 32-byte digest."""
        return compact(self._key.sign_recoverable(digest, hasher=None))
