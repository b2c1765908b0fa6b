"""Who signs: a key that gives recoverable signatures of digests and never leaves its holder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

import coincurve
from eth_account import Account

from oracle.model.errors import ConfigError
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

    def __init__(self, key: coincurve.PrivateKey) -> None:
        self._key = key
        self._address = address_of(key.public_key.format(compressed=False))

    def __repr__(self) -> str:
        return f"LocalSigner(0x{self._address.hex()})"

    @property
    def address(self) -> bytes:
        """The member's 20-byte address."""
        return self._address

    async def sign(self, digest: bytes) -> bytes:
        """Return the compact signature of a 32-byte digest."""
        return compact(self._key.sign_recoverable(digest, hasher=None))


def open_keystore(path: Path, password: str) -> LocalSigner:
    """Decrypt an Ethereum keystore file (version 3).

    Raises:
        ConfigError: unreadable, not a keystore, or a wrong password. The text names the file and
            never the password or the key.
    """
    try:
        secret = Account.decrypt(json.loads(path.read_text()), password)
    except OSError as error:
        raise ConfigError(f"cannot read keystore {path}: {error.strerror}") from error
    except ValueError as error:
        wrong = "MAC mismatch" in str(error)
        what = "wrong password for" if wrong else "not a version 3 keystore:"
        raise ConfigError(f"{what} {path}") from None
    except (KeyError, TypeError):
        raise ConfigError(f"not a version 3 keystore: {path}") from None
    return LocalSigner(coincurve.PrivateKey(bytes(secret)))
