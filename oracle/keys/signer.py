"""The seam: a key that gives compact signatures of messages and never leaves its holder."""

from __future__ import annotations

from typing import NoReturn, Protocol

import coincurve
from eth_hash.auto import keccak

from oracle.model.errors import ConfigError
from oracle.report.signature import ORDER, address_of, compact


class Signer(Protocol):
    """One key, wherever it is kept."""

    @property
    def address(self) -> bytes:
        """The key's 20-byte address; known without asking its holder."""
        ...

    async def sign(self, message: bytes) -> bytes:
        """Return the compact signature of `keccak256(message)`.

        The message and not its hash, because remote signers hash what they are given: for EIP-712
        it is `0x1901 || domain separator || struct hash`, for a transaction its unsigned bytes.

        Raises:
            Retryable: no signature in time; the bound is the signer's own.
            ConfigError: the holder's key is not the one that this signer is for, and it has never
                signed; once it has, that is Retryable too.
        """
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


class LocalSigner:
    """A key in this process's memory."""

    def __init__(self, secret: bytes) -> None:
        # coincurve takes shorter ones too, and fills them up with zeros.
        if len(secret) != 32 or not 0 < int.from_bytes(secret, "big") < ORDER:
            raise ConfigError("a secret must be 32 bytes, above 0 and below the order")
        self._key = coincurve.PrivateKey(secret)
        self._address = address_of(self._key.public_key.format(compressed=False))

    def __repr__(self) -> str:
        return f"LocalSigner(0x{self._address.hex()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is neither copied nor written down")

    @property
    def address(self) -> bytes:
        """The key's 20-byte address."""
        return self._address

    async def sign(self, message: bytes) -> bytes:
        """Return the compact signature of `keccak256(message)`."""
        return compact(self._key.sign_recoverable(keccak(message), hasher=None))

    async def aclose(self) -> None:
        """There is nothing to close."""
